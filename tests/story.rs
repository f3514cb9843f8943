//! The chain, natively: sealing, sharing, losing a key, getting access back.

use crate::support::*;
use regrant::client::Session;
use regrant::delegation::{After, Older, SealOptions};
use regrant::error::Code;
use regrant::recovery::access_back::Options;
use regrant::store::{Store, memory};
use regrant::trust::State;

#[test]
fn sharing_and_reading_and_closing_the_door_to_strangers() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let carol = connect(&device(&relay), "carol", &pair(2)).unwrap();
    assert!(alice.is_new());

    let (id, bytes) = seal(&alice, "for bob", &["bob"]);
    assert_eq!(read(&alice, &bytes).unwrap(), "for bob");
    assert_eq!(read(&bob, &bytes).unwrap(), "for bob");
    assert_eq!(code(read(&carol, &bytes)), Code::NoAccess);

    assert_eq!(block_on(alice.give_access(Some(&[id]), &["carol".into()], None, &no_progress)).unwrap(), 1);
    assert_eq!(read(&carol, &bytes).unwrap(), "for bob");
    let readers: Vec<String> = block_on(bob.who_can_read(id)).unwrap().into_iter().map(|r| r.login).collect();
    assert_eq!(readers, ["alice", "bob", "carol"]);

    let dry = block_on(alice.revoke(Some(&[id]), "bob", true)).unwrap();
    assert_eq!(dry.items, [id]);
    assert_eq!(read(&bob, &bytes).unwrap(), "for bob");
    let report = block_on(alice.revoke(Some(&[id]), "bob", false)).unwrap();
    assert_eq!((report.items, report.still_under_old_key), (vec![id], vec![id]));
    assert_eq!(code(read(&bob, &bytes)), Code::NoAccess);
    assert_eq!(read(&carol, &bytes).unwrap(), "for bob");

    // A later grant is not affected by the revocation.
    block_on(alice.give_access(None, &["bob".into()], None, &no_progress)).unwrap();
    assert_eq!(read(&bob, &bytes).unwrap(), "for bob");
}

#[test]
fn the_owner_ends_access_that_somebody_else_gave() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let carol = connect(&device(&relay), "carol", &pair(2)).unwrap();
    let (id, bytes) = seal(&alice, "secret", &["bob"]);
    let (other, more) = seal(&bob, "bob's own", &[]);
    block_on(bob.give_access(Some(&[id, other]), &["carol".into()], None, &no_progress)).unwrap();
    assert_eq!(read(&carol, &bytes).unwrap(), "secret");
    // Only the owner and the grantor may revoke.
    let report = block_on(carol.revoke(Some(&[id]), "bob", false)).unwrap();
    assert!(report.items.is_empty());
    assert_eq!(report.still_granted.len(), 1);
    assert_eq!(block_on(alice.revoke(None, "carol", false)).unwrap().items, [id]);
    assert_eq!(code(read(&carol, &bytes)), Code::NoAccess);
    assert_eq!(read(&carol, &more).unwrap(), "bob's own");
    // The grantor's own grant is rewritten when it next can.
    block_on(bob.refresh()).unwrap();
    block_on(carol.refresh()).unwrap();
    assert_eq!(code(read(&carol, &bytes)), Code::NoAccess);
    assert_eq!(read(&carol, &more).unwrap(), "bob's own");
}

#[test]
fn losing_a_key_and_getting_access_back() {
    let relay = relay();
    let phone = device(&relay);
    let alice = connect(&phone, "alice", &vault(1)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let (_, shared) = seal(&alice, "shared with bob", &["bob"]);
    let (_, private) = seal(&alice, "shared with nobody", &[]);
    let (_, from_bob) = seal(&bob, "bob wrote this", &["alice"]);

    block_on(phone.lose_keys("alice")).unwrap();
    assert_eq!(code(read(&alice, &shared)), Code::NotConnected);
    // A wrong secret alone never begins anew.
    assert_eq!(code(connect(&phone, "alice", &vault(2))), Code::WrongSecret);
    assert_eq!(code(connect(&phone, "alice", &pair(3))), Code::UnknownKey);

    let before = now();
    let alice = reset(&phone, "alice", &vault(2)).unwrap();
    assert!(!alice.is_new());
    assert_eq!(alice.public_key().version, 2);
    let (_, fresh) = seal(&alice, "new data works at once", &[]);
    assert_eq!(read(&alice, &fresh).unwrap(), "new data works at once");
    for bytes in [&shared, &private, &from_bob] {
        assert_eq!(code(read(&alice, bytes)), Code::NoAccess);
    }

    // Bob sees that the key changed, encrypts nothing to it, and still reads what there was.
    assert_eq!(block_on(bob.trust_state("alice")).unwrap(), State::Changed);
    assert_eq!(read(&bob, &shared).unwrap(), "shared with bob");
    let refused =
        block_on(bob.encrypt(draft("no"), &SealOptions { share_with: vec!["alice".into()], ..Default::default() }));
    assert_eq!(code(refused), Code::IdentityChanged);
    assert_eq!(block_on(bob.candidates("alice")).unwrap().len(), 1);

    let notices = block_on(bob.pending_after(before, Some("KEY_PAIR_UPDATE"))).unwrap();
    assert_eq!(notices.len(), 1);
    let notice = &notices[0];
    assert_eq!(notice.properties.data_owner_concerned_id, "alice");
    assert_eq!(notice.properties.data_owner_concerned_pub_key, hex::encode(spki(&alice)));

    // Without the compared code nothing is given.
    let give = |options: Options| block_on(bob.give_access_back("alice", &spki(&alice), &options, &no_progress));
    assert_eq!(code(give(Options::default())), Code::VerificationFailed);
    let wrong = Options { code: Some("00000 00000 00000 00000 00000 00000".into()), ..Options::default() };
    assert_eq!(code(give(wrong)), Code::VerificationFailed);
    block_on(alice.refresh()).unwrap();
    assert_eq!(code(read(&alice, &shared)), Code::NoAccess);

    let spoken = block_on(alice.verification_code("alice")).unwrap();
    let right = Options { code: Some(spoken), ..Options::default() };
    let receipt = give(right.clone()).unwrap();
    assert_eq!(receipt.exchanges.len(), 2);
    receipt.check(&bob.public_key().signing_key).unwrap();
    assert_eq!(block_on(bob.trust_state("alice")).unwrap(), State::Verified);
    assert_eq!(block_on(bob.pending_after(0, None)).unwrap().len(), 0);

    assert_eq!(read(&alice, &shared).unwrap(), "shared with bob");
    assert_eq!(read(&alice, &from_bob).unwrap(), "bob wrote this");
    // What was never shared is lost, and looks exactly like no access.
    assert_eq!(code(read(&alice, &private)), Code::NoAccess);

    // Repeating changes nothing that was given.
    let operations = bob.rsa_operations();
    assert_eq!(give(right).unwrap().exchanges, receipt.exchanges);
    assert_eq!(bob.rsa_operations(), operations);
    let (_, again) = seal(&bob, "and on", &["alice"]);
    assert_eq!(read(&alice, &again).unwrap(), "and on");
}

#[test]
fn giving_access_back_to_oneself_with_the_old_device() {
    let relay = relay();
    let laptop = device(&relay);
    let old = connect(&laptop, "alice", &vault(1)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let (_, shared) = seal(&old, "shared", &["bob"]);
    let (_, private) = seal(&old, "private", &[]);
    let new = reset(&device(&relay), "alice", &vault(2)).unwrap();
    assert_eq!(code(read(&new, &private)), Code::NoAccess);

    // The old session reads, and never encrypts again.
    assert_eq!(read(&old, &private).unwrap(), "private");
    assert_eq!(code(block_on(old.encrypt(draft("no"), &SealOptions::default()))), Code::IdentityChanged);
    assert_eq!(block_on(old.pending_after(0, None)).unwrap().len(), 1);

    let spoken = block_on(new.verification_code("alice")).unwrap();
    let options = Options { code: Some(spoken), chain: true, ..Options::default() };
    let receipt = block_on(old.give_access_back("alice", &spki(&new), &options, &no_progress)).unwrap();
    assert_eq!((receipt.slots.len(), receipt.pending.len()), (1, 0));
    block_on(new.refresh()).unwrap();
    assert_eq!(read(&new, &private).unwrap(), "private");
    assert_eq!(read(&new, &shared).unwrap(), "shared");
    // The repaired chain moves everybody's pin.
    assert_eq!(block_on(bob.trust_state("alice")).unwrap(), State::Unverified);
    let (_, next) = seal(&bob, "hello again", &["alice"]);
    assert_eq!(read(&new, &next).unwrap(), "hello again");
}

#[test]
fn a_session_resumes_locks_and_unlocks() {
    let relay = relay();
    let client = device(&relay);
    let alice = connect(&client, "alice", &vault(1)).unwrap();
    let (_, bytes) = seal(&alice, "hello", &[]);
    let resumed = block_on(client.resume(None)).unwrap().unwrap();
    assert_eq!((resumed.login(), resumed.locked()), ("alice", false));
    assert_eq!(read(&resumed, &bytes).unwrap(), "hello");
    assert_eq!(code(block_on(resumed.change_secret(&vault(2), None))), Code::Locked);
    assert_eq!(code(block_on(resumed.change_secret(&vault(2), Some(&vault(9))))), Code::WrongSecret);
    block_on(resumed.change_secret(&vault(2), Some(&vault(1)))).unwrap();
    assert_eq!(code(connect(&device(&relay), "alice", &vault(1))), Code::WrongSecret);
    let elsewhere = connect(&device(&relay), "alice", &vault(2)).unwrap();
    assert_eq!(read(&elsewhere, &bytes).unwrap(), "hello");

    block_on(alice.lock()).unwrap();
    assert!(alice.locked());
    assert_eq!(code(read(&alice, &bytes)), Code::Locked);
    assert!(block_on(client.resume(Some("alice"))).unwrap().unwrap().locked());
    assert_eq!(code(block_on(alice.unlock(&vault(1)))), Code::WrongSecret);
    block_on(alice.unlock(&vault(2))).unwrap();
    assert_eq!(read(&alice, &bytes).unwrap(), "hello");
    block_on(alice.disconnect()).unwrap();
    assert!(block_on(client.resume(None)).unwrap().is_none());
    assert_eq!(code(read(&alice, &bytes)), Code::NotConnected);
}

#[test]
fn renewed_keys_open_everything_and_old_devices_follow() {
    let relay = relay();
    let client = device(&relay);
    let alice = connect(&client, "alice", &vault(1)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let (_, old) = seal(&bob, "to version 1", &["alice"]);
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    assert_eq!(alice.public_key().version, 2);
    assert_eq!(read(&alice, &old).unwrap(), "to version 1");
    let (_, new) = seal(&bob, "to version 2", &["alice"]);
    assert_eq!(read(&alice, &new).unwrap(), "to version 2");
    let elsewhere = connect(&device(&relay), "alice", &vault(1)).unwrap();
    assert_eq!(read(&elsewhere, &old).unwrap(), "to version 1");
    assert_eq!(read(&elsewhere, &new).unwrap(), "to version 2");
}

#[test]
fn a_new_version_is_for_the_remaining_readers_only() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let carol = connect(&device(&relay), "carol", &pair(2)).unwrap();
    let (id, first) = seal(&alice, "one", &["bob", "carol"]);
    assert_eq!(read(&carol, &first).unwrap(), "one");
    block_on(alice.revoke(Some(&[id]), "carol", false)).unwrap();
    let next = block_on(alice.encrypt(draft("two"), &SealOptions { id: Some(id), ..Default::default() })).unwrap();
    assert_eq!((next.id, next.version), (id, 2));
    assert_eq!(read(&bob, &next.bytes).unwrap(), "two");
    assert_eq!(code(read(&carol, &next.bytes)), Code::NoAccess);
    // Bytes older than what was opened are refused.
    assert_eq!(code(read(&bob, &first)), Code::Outdated);
    // A reader may write the next version; the owner keeps reading.
    let third = block_on(bob.encrypt(draft("three"), &SealOptions { id: Some(id), ..Default::default() })).unwrap();
    assert_eq!(read(&alice, &third.bytes).unwrap(), "three");
}

#[test]
fn ten_thousand_items_cost_a_handful_of_rsa_operations() {
    let relay = relay();
    let phone = device(&relay);
    let alice = connect(&phone, "alice", &vault(1)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let drafts = (0..10_000).map(|n| draft(&n.to_string())).collect();
    let items = block_on(alice.encrypt_many(drafts, &SealOptions::default(), &no_progress)).unwrap();
    let before = alice.rsa_operations();
    let given = block_on(alice.give_access(None, &["bob".into()], None, &no_progress)).unwrap();
    assert_eq!(given, 10_000);
    let cost = alice.rsa_operations() - before;
    assert!(cost <= 4, "{cost} RSA operations to give access to 10,000 items");
    assert_eq!(read(&bob, &items[9_999].bytes).unwrap(), "9999");

    let alice = reset(&phone, "alice", &vault(2)).unwrap();
    let options = Options { code: Some(block_on(alice.verification_code("alice")).unwrap()), ..Options::default() };
    let before = bob.rsa_operations();
    block_on(bob.give_access_back("alice", &spki(&alice), &options, &no_progress)).unwrap();
    let cost = bob.rsa_operations() - before;
    assert!(cost <= 4, "{cost} RSA operations to give access back to 10,000 items");
    for n in [0, 4_095, 4_096, 9_999] {
        assert_eq!(read(&alice, &items[n].bytes).unwrap(), n.to_string());
    }
}

#[test]
fn access_until_a_date_ends_by_itself() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let (id, bytes) = seal(&alice, "for a moment", &[]);
    let past = block_on(alice.give_access(Some(&[id]), &["bob".into()], Some(now() - 1), &no_progress));
    assert_eq!(code(past), Code::BadInput);
    block_on(alice.give_access(Some(&[id]), &["bob".into()], Some(now() + 1500), &no_progress)).unwrap();
    assert_eq!(read(&bob, &bytes).unwrap(), "for a moment");
    pass(1600);
    assert_eq!(code(read(&bob, &bytes)), Code::NoAccess);
}

#[test]
fn old_and_new_keys_of_one_login_on_one_device_do_not_spoil_what_rests() {
    let relay = relay();
    let client = device(&relay);
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let old = connect(&client, "alice", &pair(0)).unwrap();
    let (_, private) = seal(&old, "private", &["bob"]);
    assert_eq!(read(&bob, &private).unwrap(), "private");
    let new = reset(&client, "alice", &pair(3)).unwrap();
    // The old session goes on beside the new one, meets somebody, and gives access back.
    connect(&device(&relay), "carol", &pair(2)).unwrap();
    block_on(old.trust_state("carol")).unwrap();
    let options = Options { code: Some(block_on(new.verification_code("alice")).unwrap()), ..Options::default() };
    block_on(old.give_access_back("alice", &spki(&new), &options, &no_progress)).unwrap();
    block_on(new.refresh()).unwrap();
    let resumed = block_on(client.resume(None)).unwrap().unwrap();
    assert_eq!(resumed.public_key().version, 2);
    assert_eq!(read(&resumed, &private).unwrap(), "private");
    // The old pair still opens a session, which reads and never encrypts; the new one connects again after it.
    let again = connect(&client, "alice", &pair(0)).unwrap();
    assert_eq!(read(&again, &private).unwrap(), "private");
    assert_eq!(code(block_on(again.encrypt(draft("no"), &SealOptions::default()))), Code::IdentityChanged);
    let resumed = block_on(client.resume(Some("alice"))).unwrap().unwrap();
    assert_eq!(resumed.public_key().version, 1);
    let new = connect(&client, "alice", &pair(3)).unwrap();
    assert_eq!(read(&new, &private).unwrap(), "private");
    assert_eq!(block_on(bob.trust_state("alice")).unwrap(), State::Changed);
}

#[test]
fn losing_the_keys_twice_leaves_one_request_to_act_on() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let (_, shared) = seal(&alice, "shared", &["bob"]);
    reset(&device(&relay), "alice", &pair(2)).unwrap();
    let alice = reset(&device(&relay), "alice", &pair(3)).unwrap();
    let notices = block_on(bob.pending_after(0, None)).unwrap();
    let keys: Vec<&str> = notices.iter().map(|n| n.properties.data_owner_concerned_pub_key.as_str()).collect();
    assert_eq!(keys, [hex::encode(spki(&alice))]);
    let options = Options { code: Some(block_on(alice.verification_code("alice")).unwrap()), ..Options::default() };
    block_on(bob.give_access_back("alice", &spki(&alice), &options, &no_progress)).unwrap();
    assert_eq!(read(&alice, &shared).unwrap(), "shared");
    assert!(block_on(bob.pending_after(0, None)).unwrap().is_empty());
}

#[test]
fn an_older_version_is_outdated_also_after_a_reload_unless_it_is_asked_for() {
    let relay = relay();
    let (alices, bobs) = (Store::Memory(memory::Memory::default()), Store::Memory(memory::Memory::default()));
    let again = |store: &Store, login| block_on(device_with(&relay, store).resume(Some(login))).unwrap().unwrap();
    let alice = connect(&device_with(&relay, &alices), "alice", &pair(0)).unwrap();
    let bob = connect(&device_with(&relay, &bobs), "bob", &pair(1)).unwrap();
    let (id, first) = seal(&alice, "first", &["bob"]);
    assert_eq!(read(&bob, &first).unwrap(), "first");
    let options = SealOptions { id: Some(id), ..SealOptions::default() };
    let second = block_on(alice.encrypt(draft("second"), &options)).unwrap().bytes;
    assert_eq!(read(&bob, &first).unwrap(), "first", "nobody told Bob yet");
    assert_eq!(read(&bob, &second).unwrap(), "second");

    // Who opened it, and who wrote it: now, and when the page was loaded again.
    for session in [bob, again(&bobs, "bob"), alice, again(&alices, "alice")] {
        assert_eq!(code(read(&session, &first)), Code::Outdated);
        let opened = block_on(session.decrypt(&first, None, Older::Opened)).unwrap();
        assert_eq!((opened.version, opened.data.into_heap()), (1, b"first".to_vec()));
        // Looking at it does not make it the newest again.
        assert_eq!(code(read(&session, &first)), Code::Outdated);
        assert_eq!(read(&session, &second).unwrap(), "second");
    }
}

#[test]
fn a_version_follows_the_one_that_was_read_here_and_nobody_loses_what_they_did_not_see() {
    let relay = relay();
    let store = Store::Memory(memory::Memory::default());
    let phone = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let laptop = connect(&device_with(&relay, &store), "alice", &pair(0)).unwrap();
    let (id, first) = seal(&phone, "milk", &[]);
    let write = |session: &Session, text, after| {
        block_on(session.encrypt(draft(text), &SealOptions { id: Some(id), after, ..Default::default() }))
    };
    // Whoever never saw it says what it follows.
    assert_eq!(code(write(&laptop, "?", None)), Code::BadInput);
    assert_eq!(read(&laptop, &first).unwrap(), "milk");
    let second = write(&phone, "milk, bread", None).unwrap();
    // Another tab of the laptop sees the second one. That one here knows nothing of it, even where both remember it.
    let tab = block_on(device_with(&relay, &store).resume(Some("alice"))).unwrap().unwrap();
    assert_eq!(read(&tab, &second.bytes).unwrap(), "milk, bread");
    seal(&laptop, "something else, which is remembered with what the tab noted", &[]);
    block_on(laptop.keep()).unwrap();
    assert_eq!(code(read(&laptop, &first)), Code::Outdated);
    let lost = write(&laptop, "milk, eggs", None).unwrap_err();
    assert_eq!(lost.code(), Code::Conflict);
    assert_eq!(lost.message(), "somebody else wrote version 2 first: decrypt it, and encrypt again");
    assert_eq!(code(write(&laptop, "?", Some(After::Version(1)))), Code::Conflict);
    assert!(write(&laptop, "?", Some(After::Version(3))).unwrap_err().message().contains("the newest is 2"));
    // The tab, and whoever loads the page again, go on from what was read there.
    assert_eq!(write(&tab, "milk, bread, eggs", None).unwrap().version, 3);
    let reloaded = block_on(device_with(&relay, &store).resume(Some("alice"))).unwrap().unwrap();
    assert_eq!(write(&reloaded, "milk, bread, ham", None).unwrap().version, 4);
    assert_eq!(write(&laptop, "nothing", Some(After::Latest)).unwrap().version, 5);
    // What one reads again to merge it is no step back.
    let opened = block_on(laptop.decrypt(&second.bytes, None, Older::Opened)).unwrap();
    assert_eq!((opened.version, opened.data.into_heap()), (2, b"milk, bread".to_vec()));
    assert_eq!(write(&laptop, "milk", None).unwrap().version, 6);
}
