//! Who is carried over to the next version of an item when a relay brings back what was revoked, alone or with whoever has
//! replaced keys: nobody but those whom the newest keys gave access that nobody ended.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::here::Memory;
use crate::support::*;
use regrant::client::{Client, Session, Setup};
use regrant::crypto::envelope::Buffer;
use regrant::delegation::{After, SealOptions, SealedItem};
use regrant::error::Code;
use regrant::recovery::access_back::Options;
use regrant::relay::Relay;
use regrant::store::{Store, memory};
use serde_json::Value;
use uuid::Uuid;

/// Everything that says who reads what: grants, and what logs tell of them.
fn granted(memory: &Memory) -> Vec<(String, Value)> {
    let all = ["grant/", "log/"].iter().flat_map(|prefix| keys_of(memory, prefix));
    let all = all.map(|key| (key.clone(), record(memory, &key)));
    all.filter(|(key, value)| key.starts_with("grant/") || value.get("grant").is_some()).collect()
}

fn put_back(memory: &Memory, kept: &[(String, Value)]) {
    kept.iter().for_each(|(key, value)| overwrite(memory, key, value));
}

/// Leaves out of a login's log that access ended.
fn keep_back(memory: &Memory, login: &str) {
    for key in keys_of(memory, &format!("log/{login}/")) {
        if ["grantRemoved", "revoked"].iter().any(|kind| record(memory, &key).get(kind).is_some()) {
            memory.overwrite(&key, None);
        }
    }
}

fn next_version(session: &Session, id: Uuid, text: &str) -> SealedItem {
    block_on(
        session.encrypt(draft(text), &SealOptions { id: Some(id), after: Some(After::Latest), ..Default::default() }),
    )
    .unwrap()
}

/// An item of Alice's that Bob read, until she ended that.
struct Revoked {
    relay: Relay,
    memory: Memory,
    client: Client,
    alice: Rc<Session>,
    bob: Rc<Session>,
    id: Uuid,
    first: Buffer,
    /// What the relay had before.
    kept: Vec<(String, Value)>,
}

fn revoked() -> Revoked {
    let (relay, memory) = hostile_relay();
    let client = device(&relay);
    let alice = connect(&client, "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let (id, first) = seal(&alice, "one", &["bob"]);
    assert_eq!(read(&bob, &first).unwrap(), "one");
    let kept = granted(&memory);
    block_on(alice.revoke(Some(&[id]), "bob", false)).unwrap();
    Revoked { relay, memory, client, alice, bob, id, first, kept }
}

#[test]
fn a_relay_that_keeps_a_revocation_back_cannot_make_the_next_version_readable() {
    let Revoked { relay, memory, alice, bob, id, first, kept, .. } = revoked();
    assert_eq!(code(read(&bob, &first)), Code::NoAccess);
    // As if it had never been told of it: what Bob could read he reads on, on a new device of his.
    put_back(&memory, &kept);
    keep_back(&memory, "bob");
    let phone = connect(&device(&relay), "bob", &pair(1)).unwrap();
    assert_eq!(read(&phone, &first).unwrap(), "one");
    let second = next_version(&alice, id, "two");
    for session in [&bob, &phone] {
        assert_eq!(code(read(session, &second.bytes)), Code::NoAccess);
    }
}

#[test]
fn a_revoked_grant_that_comes_back_carries_nobody_over_to_the_next_version() {
    let Revoked { relay, memory, client, alice, bob, id, kept, .. } = revoked();
    // It is genuine, and Alice remembers that she ended it.
    put_back(&memory, &kept);
    let second = next_version(&alice, id, "two");
    assert_eq!(code(read(&bob, &second.bytes)), Code::NoAccess);
    assert_eq!(second.dropped, [""; 0], "whose access one ended needs no mention");

    // What she gives later counts, until she ends it: which the device remembers as well.
    block_on(alice.give_access(Some(&[id]), &["bob".into()], None, &no_progress)).unwrap();
    let third = next_version(&alice, id, "three");
    assert_eq!(read(&bob, &third.bytes).unwrap(), "three");
    let kept = granted(&memory);
    block_on(alice.revoke(Some(&[id]), "bob", false)).unwrap();
    drop(alice);
    let alice = block_on(client.resume(Some("alice"))).unwrap().unwrap();
    put_back(&memory, &kept);
    let fourth = next_version(&alice, id, "four");
    assert_eq!(code(read(&bob, &fourth.bytes)), Code::NoAccess);
    // And her other devices, once they read of it.
    let phone = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let kept = granted(&memory);
    block_on(phone.give_access(Some(&[id]), &["bob".into()], None, &no_progress)).unwrap();
    let given: Vec<_> = granted(&memory).into_iter().filter(|all| !kept.contains(all)).collect();
    block_on(alice.revoke(Some(&[id]), "bob", false)).unwrap();
    block_on(phone.refresh()).unwrap();
    put_back(&memory, &given);
    let fifth = next_version(&phone, id, "five");
    assert_eq!(code(read(&bob, &fifth.bytes)), Code::NoAccess);
}

#[test]
fn a_revoked_grant_that_comes_back_is_not_signed_again_with_others() {
    let Revoked { memory, client, alice, bob, id, kept, .. } = revoked();
    put_back(&memory, &kept);
    // A session that reads everything anew is told of the grant, and not that it was revoked and removed.
    keep_back(&memory, "alice");
    drop(alice);
    let alice = block_on(client.resume(Some("alice"))).unwrap().unwrap();
    // All of these put grants together, sign them anew, or write them without some items.
    for n in 0..70 {
        seal(&alice, &format!("more {n}"), &["bob"]);
    }
    let (other, _) = seal(&alice, "other", &["bob"]);
    block_on(alice.revoke(Some(&[other]), "bob", false)).unwrap();
    block_on(alice.refresh()).unwrap();
    let second = next_version(&alice, id, "two");
    assert_eq!(code(read(&bob, &second.bytes)), Code::NoAccess);
    block_on(alice.unlock(&pair(0))).unwrap();
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    let third = next_version(&alice, id, "three");
    assert_eq!(code(read(&bob, &third.bytes)), Code::NoAccess);
}

#[test]
fn what_replaced_keys_gave_carries_nobody_over_but_those_whom_the_new_ones_signed_for() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let [bob, carol] = [1, 2].map(|n| connect(&device(&relay), ["", "bob", "carol"][n], &pair(n)).unwrap());
    let (id, _) = seal(&alice, "one", &["bob"]);
    // Whoever has Alice's keys gives Carol access, and the relay keeps it from Alice until she renewed them.
    let before = granted(&memory);
    block_on(alice.give_access(Some(&[id]), &["carol".into()], None, &no_progress)).unwrap();
    let stolen: Vec<_> = granted(&memory).into_iter().filter(|all| !before.contains(all)).collect();
    stolen.iter().for_each(|(key, _)| memory.overwrite(key, None));
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    put_back(&memory, &stolen);

    let next = next_version(&alice, id, "two");
    assert_eq!(next.dropped, ["carol"], "named, so that one may share with her anew");
    assert_eq!(code(read(&carol, &next.bytes)), Code::NoAccess);
    assert_eq!(read(&bob, &next.bytes).unwrap(), "two", "what was there is signed anew");
    // Also by whoever was given the item: Bob carries over whom Alice's newest keys gave it.
    let third = next_version(&bob, id, "three");
    assert_eq!(code(read(&carol, &third.bytes)), Code::NoAccess);
    assert_eq!(read(&alice, &third.bytes).unwrap(), "three");
}

#[test]
fn a_clock_that_was_set_back_brings_no_revoked_grant_to_life() {
    static BACK: AtomicU64 = AtomicU64::new(0);
    fn clock() -> u64 {
        now() - BACK.load(Ordering::Relaxed)
    }
    let (relay, memory) = hostile_relay();
    let store = Store::Memory(memory::Memory::default());
    let setup =
        Setup { engine: engine(), relay: relay.clone(), store, application: "test".into(), now: clock, policy: None };
    let alice = connect(&Client::open(setup).unwrap(), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let (id, _) = seal(&alice, "one", &["bob"]);
    let kept = granted(&memory);
    BACK.store(3_600_000, Ordering::Relaxed);
    block_on(alice.revoke(Some(&[id]), "bob", false)).unwrap();
    put_back(&memory, &kept);
    assert_eq!(code(read(&bob, &next_version(&alice, id, "two").bytes)), Code::NoAccess);
    // And what is given after that counts, all the same.
    block_on(alice.give_access(Some(&[id]), &["bob".into()], None, &no_progress)).unwrap();
    assert_eq!(read(&bob, &next_version(&alice, id, "three").bytes).unwrap(), "three");
}

#[test]
fn whoever_the_lost_keys_gave_access_is_named_when_the_owner_goes_on_writing() {
    for chained in [false, true] {
        let relay = relay();
        let old = connect(&device(&relay), "alice", &pair(0)).unwrap();
        let [bob, carol] = [1, 2].map(|n| connect(&device(&relay), ["", "bob", "carol"][n], &pair(n)).unwrap());
        let (id, first) = seal(&old, "one", &["bob", "carol"]);
        assert_eq!(read(&bob, &first).unwrap(), "one");
        let alice = reset(&device(&relay), "alice", &pair(3)).unwrap();
        let giver = if chained { &old } else { &bob };
        let options = Options {
            code: Some(block_on(alice.verification_code("alice")).unwrap()),
            chain: chained,
            ..Options::default()
        };
        block_on(giver.give_access_back("alice", &spki(&alice), &options, &no_progress)).unwrap();
        let next = next_version(&alice, id, "two");
        assert_eq!(next.dropped, ["bob", "carol"], "chained: {chained}");
        [&bob, &carol].iter().for_each(|reader| assert_eq!(code(read(reader, &next.bytes)), Code::NoAccess));
        block_on(alice.give_access(Some(&[id]), &next.dropped, None, &no_progress)).unwrap();
        assert_eq!(read(&bob, &next.bytes).unwrap(), "two");
        assert_eq!(next_version(&alice, id, "three").dropped, [""; 0]);
    }
}
