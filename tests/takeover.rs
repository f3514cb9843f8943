//! Taking over: keys that are slipped under somebody, access that is slipped past an owner. As in `attacks.rs`, each
//! test is named after the outcome.

use crate::support::*;
use regrant::crypto::Engine;
use regrant::delegation::{SealOptions, make_wrap};
use regrant::encoding::Bytes;
use regrant::error::Code;
use regrant::keyring;
use regrant::recovery::access_back::Options;
use regrant::relay::{GrantRecord, Operation};
use regrant::secret::Key32;
use regrant::trust::State;
use regrant::wire::Extra;
use regrant::wire::exchange::Exchange;
use regrant::wire::manifest::Entry;
use regrant::wire::manifest::Manifest;
use regrant::wire::revocation::Revocation;
use serde_json::{Value, json};

/// Keys of the relay's own making, as the next version of a login, with a slot that the login's real keys open.
fn forged_next(real: &Value) -> Value {
    let engine = Engine::rust();
    let before = serde_json::from_value(real["keyset"].clone()).unwrap();
    let made = block_on(keyring::make(&engine, "test:relay", "alice", &pair(2), Some(&before), now())).unwrap();
    let slot = block_on(keyring::make_sharer_slot(&engine, &made.key, &before)).unwrap();
    let nothing = |_: &Entry| false;
    let add = vec![slot.clone()];
    let change = block_on(keyring::change_slots(&engine, &made.own, &made.key, None, add, vec![], nothing)).unwrap();
    let manifest: Manifest = change.manifest;
    let mut forged = serde_json::to_value(&made.own).unwrap();
    forged["slots"] = json!([made.own.slots[0], slot]);
    forged["manifest"] = json!(manifest);
    forged["secrets"] = json!([]);
    forged
}

#[test]
fn newer_own_keys_that_the_relay_made_are_not_adopted() {
    let (relay, memory) = hostile_relay();
    // A fresh device: nothing is pinned yet.
    connect(&device(&relay), "alice", &vault(1)).unwrap();
    let alice = connect(&device(&relay), "alice", &vault(1)).unwrap();
    let code_before = block_on(alice.verification_code("alice")).unwrap();
    let mut account = record(&memory, "identity/alice");
    let forged = forged_next(&account["keysets"][0]);
    account["keysets"].as_array_mut().unwrap().push(forged);
    overwrite(&memory, "identity/alice", &account);
    let _ = block_on(alice.refresh());
    assert_eq!(alice.public_key().version, 1);
    assert_eq!(block_on(alice.verification_code("alice")).unwrap(), code_before);
    assert_eq!(code(block_on(alice.encrypt(draft("secret"), &SealOptions::default()))), Code::IdentityChanged);
}

#[test]
fn an_exchange_key_is_not_given_back_to_somebody_it_was_not_for() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    connect(&device(&relay), "carol", &pair(1)).unwrap();
    let mallory = connect(&device(&relay), "mallory", &pair(2)).unwrap();
    let (_, for_carol) = seal(&alice, "for carol", &["carol"]);
    // The relay says that the exchange key of Alice and Carol, which Alice has open, is one of Alice and Mallory.
    let key = keys_of(&memory, "exchange/")
        .into_iter()
        .find(|k| record(&memory, k)["exchange"]["delegate"] == "carol")
        .unwrap();
    let mut value = record(&memory, &key);
    value["exchange"]["delegate"] = json!("mallory");
    overwrite(&memory, &key, &value);
    let id = key.strip_prefix("exchange/").unwrap();
    memory.append("log/alice/", &json!({ "exchange": id }).to_string());
    let options = Options { code: Some(block_on(mallory.verification_code("mallory")).unwrap()), ..Options::default() };
    let receipt = block_on(alice.give_access_back("mallory", &spki(&mallory), &options, &no_progress)).unwrap();
    assert!(receipt.exchanges.is_empty());
    assert_eq!(record(&memory, &key)["wraps"], value["wraps"]);
    assert_eq!(code(read(&mallory, &for_carol)), Code::NoAccess);
}

#[test]
fn readers_whom_a_reader_added_are_reported_and_not_carried_over() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let carol = connect(&device(&relay), "carol", &pair(2)).unwrap();
    let (id, first) = seal(&alice, "one", &["bob"]);
    block_on(bob.give_access(Some(&[id]), &["carol".into()], None, &no_progress)).unwrap();
    assert_eq!(read(&carol, &first).unwrap(), "one");
    let next = block_on(alice.encrypt(draft("two"), &SealOptions { id: Some(id), ..SealOptions::default() })).unwrap();
    assert_eq!(next.dropped, ["carol"]);
    assert_eq!(read(&bob, &next.bytes).unwrap(), "two");
    assert_eq!(code(read(&carol, &next.bytes)), Code::NoAccess);
}

#[test]
fn a_grantor_does_not_undo_what_the_owner_cut() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let carol = connect(&device(&relay), "carol", &pair(2)).unwrap();
    let (id, bytes) = seal(&alice, "secret", &["bob"]);
    block_on(bob.give_access(Some(&[id]), &["carol".into()], None, &no_progress)).unwrap();
    let to_carol = |key: &String| {
        let record: GrantRecord = serde_json::from_value(record(&memory, key)).unwrap();
        let exchange = crate::support::record(&memory, &format!("exchange/{}", record.grant.exchange));
        (exchange["exchange"]["delegate"] == "carol").then_some(record.grant)
    };
    let grant = keys_of(&memory, "grant/").iter().find_map(to_carol).unwrap();
    block_on(alice.revoke(Some(&[id]), "carol", false)).unwrap();
    let me = principal(&relay, "bob", &pair(1));
    let again = Operation::Revoke { revocations: vec![], rewrite: vec![grant.clone()], remove: vec![] };
    assert_eq!(code(block_on(me.call(&again))), Code::Conflict);
    assert_eq!(code(read(&carol, &bytes)), Code::NoAccess);

    // A revocation that its author did not sign is none, and junk reaches nobody's log.
    let party = me.current().unwrap().party();
    let mut revocation = Revocation {
        id: Uuid::from_u128(5),
        items: vec![(id, 1)],
        login: "carol".into(),
        grants: vec![grant.id],
        revoker: party,
        created: now(),
        signature: regrant::encoding::Fixed([0; 64]),
        extra: Extra::default(),
    };
    let unsigned = Operation::Revoke { revocations: vec![revocation.clone()], rewrite: vec![], remove: vec![] };
    assert_eq!(code(block_on(me.call(&unsigned))), Code::VerificationFailed);
    revocation.grants = vec![Uuid::from_u128(6)];
    revocation.login = "nobody".into();
    revocation.signature = block_on(me.current().unwrap().sign(&me.engine, &revocation.transcript())).unwrap();
    let about_nothing = Operation::Revoke { revocations: vec![revocation], rewrite: vec![], remove: vec![] };
    block_on(me.call(&about_nothing)).unwrap();
    assert!(keys_of(&memory, "log/nobody/").is_empty());
}

#[test]
fn a_stolen_old_key_harms_neither_wraps_nor_secrets_of_the_new_one() {
    let (relay, memory) = hostile_relay();
    connect(&device(&relay), "bob", &pair(4)).unwrap();
    let old = connect(&device(&relay), "alice", &pair(0)).unwrap();
    seal(&old, "before", &["bob"]);
    let new = reset(&device(&relay), "alice", &vault(2)).unwrap();
    let (_, bytes) = seal(&new, "after", &[]);

    // The thief of the old key puts junk where the new key's own wrap is.
    let thief = principal(&relay, "alice", &pair(0));
    let key = thief.current().unwrap();
    let mine = |k: &String| {
        let value = record(&memory, k);
        let exchange: Exchange = serde_json::from_value(value["exchange"].clone()).unwrap();
        (exchange.delegator_fingerprint == new.public_key().fingerprint()).then_some(exchange)
    };
    let exchange = keys_of(&memory, "exchange/").iter().find_map(mine).unwrap();
    let junk = Key32::make().unwrap();
    let wrap = block_on(make_wrap(&thief, &key, &exchange, &junk, &new.public_key())).unwrap();
    block_on(thief.call(&Operation::PutWraps { wraps: vec![wrap.clone()], completes: vec![] })).unwrap();
    let elsewhere = connect(&device(&relay), "alice", &vault(2)).unwrap();
    assert_eq!(read(&elsewhere, &bytes).unwrap(), "after");

    // It does not see what would let it guess the new secret, and the new key not what would open the old one.
    for own in block_on(thief.own_keysets()).unwrap() {
        let unlockers = own.slots.iter().filter(|s| s.unlocker.is_some()).count();
        assert_eq!(unlockers, usize::from(own.keyset.version == 1), "version {}", own.keyset.version);
    }

    // Nor can anybody fill an exchange key with wraps for strangers.
    let bob = principal(&relay, "bob", &pair(4));
    let bobs = bob.current().unwrap();
    let mut fresh = exchange.clone();
    fresh.id = Uuid::from_u128(9);
    (fresh.delegator, fresh.delegate) = ("bob".into(), "alice".into());
    fresh.delegator_fingerprint = bobs.fingerprint;
    fresh.recipients = vec![bobs.fingerprint];
    fresh.signature = block_on(bobs.sign(&bob.engine, &fresh.transcript())).unwrap();
    let mut stranger = block_on(make_wrap(&bob, &bobs, &fresh, &junk, &bobs.keyset)).unwrap();
    stranger.recipient = regrant::encoding::Fixed([8; 32]);
    stranger.wrapped = Bytes(vec![0; 256]);
    let put = Operation::PutExchange { exchange: Box::new(fresh), wraps: vec![stranger] };
    assert_eq!(code(block_on(bob.call(&put))), Code::Forbidden);
}

#[test]
fn a_reset_on_another_device_does_not_lock_this_one_out() {
    let relay = relay();
    let here = device(&relay);
    let before = connect(&here, "alice", &pair(0)).unwrap();
    seal(&before, "pinned", &[]);
    reset(&device(&relay), "alice", &pair(3)).unwrap();
    let again = connect(&here, "alice", &pair(3)).unwrap();
    let (_, bytes) = seal(&again, "works at once", &[]);
    assert_eq!(read(&again, &bytes).unwrap(), "works at once");
}

#[test]
fn older_keys_that_the_relay_invents_do_not_speak_for_a_known_identity() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    block_on(bob.renew_keys(None, &no_progress)).unwrap();
    // Alice first meets Bob at version 2: she has nothing to compare a version 1 with.
    block_on(alice.trust_state("bob")).unwrap();
    // In a world of its own the relay is Bob, and gives Alice (whose keys are the same there) an item.
    let (elsewhere, theirs) = hostile_relay();
    connect(&device(&elsewhere), "alice", &pair(0)).unwrap();
    let mallory = connect(&device(&elsewhere), "bob", &pair(5)).unwrap();
    let (_, bytes) = seal(&mallory, "in bob's name", &["alice"]);
    for (key, _, value) in theirs.dump() {
        if !key.starts_with("identity/alice") && !key.starts_with("head/") {
            memory.overwrite(&key, Some(value));
        }
    }
    assert_eq!(code(read(&alice, &bytes)), Code::IdentityChanged);
}

#[test]
fn what_a_locked_device_remembers_is_not_overwritten_unless_one_says_that_keys_are_lost() {
    let relay = relay();
    let here = device(&relay);
    let before = connect(&here, "alice", &vault(1)).unwrap();
    block_on(before.lock()).unwrap();
    reset(&device(&relay), "alice", &vault(2)).unwrap();
    // The new secret is right, and cannot open what the lost keys boxed here.
    assert_eq!(code(connect(&here, "alice", &vault(2))), Code::StoreUnreadable);
    assert_eq!(code(connect(&here, "alice", &vault(3))), Code::WrongSecret);
    let again = reset(&here, "alice", &vault(2)).unwrap();
    assert_eq!(again.public_key().version, 2, "the keys are there: nothing begins anew");
    let (_, bytes) = seal(&again, "works", &[]);
    assert_eq!(read(&block_on(here.resume(None)).unwrap().unwrap(), &bytes).unwrap(), "works");
}

#[test]
fn access_back_without_a_code_is_for_the_very_key_that_was_compared() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let compare = || block_on(alice.verification_code("alice")).unwrap();
    let give = |options: &Options| block_on(bob.give_access_back("alice", &spki(&alice), options, &no_progress));
    block_on(bob.verify("alice", &compare())).unwrap();
    give(&Options::default()).unwrap();
    // Whoever stole the compared keys could have gone on from them.
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    assert_eq!(block_on(bob.trust_state("alice")).unwrap(), State::Verified);
    assert_eq!(code(give(&Options::default())), Code::VerificationFailed);
    give(&Options { code: Some(compare()), ..Options::default() }).unwrap();
    give(&Options::default()).unwrap();
}

#[test]
fn what_keys_that_the_relay_put_beside_ones_own_signed_is_not_ones_own() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    let mut account = record(&memory, "identity/alice");
    let forged = forged_next(&account["keysets"][1]);
    account["keysets"].as_array_mut().unwrap().push(forged);
    overwrite(&memory, "identity/alice", &account);
    // A device that has the first keys alone: those that continue them are believed, and no others.
    let me = principal(&relay, "alice", &pair(0));
    let offer = block_on(me.resolve(&["alice".into()])).unwrap().remove(0).offer;
    let signer = |at: usize| block_on(me.signer(&offer[at].party()));
    assert!(signer(0).unwrap().unwrap().verified);
    assert!(!signer(1).unwrap().unwrap().verified);
    assert_eq!(code(signer(2)), Code::IdentityChanged);
}

#[test]
fn what_was_given_before_a_loss_stays_readable_when_the_keys_were_renewed_before_it() {
    let relay = relay();
    let carol = connect(&device(&relay), "carol", &vault(1)).unwrap();
    let here = device(&relay);
    let bob = connect(&here, "bob", &pair(1)).unwrap();
    let (_, bytes) = seal(&carol, "years of records", &["bob"]);
    assert_eq!(read(&bob, &bytes).unwrap(), "years of records");
    // Renewing signs it anew. Then the keys are lost, before Bob looks again.
    block_on(carol.renew_keys(None, &no_progress)).unwrap();
    let anew = reset(&device(&relay), "carol", &vault(2)).unwrap();
    let (_, since) = seal(&anew, "I am carol", &["bob"]);
    for session in [bob.clone(), block_on(here.resume(None)).unwrap().unwrap()] {
        block_on(session.refresh()).unwrap();
        assert_eq!(block_on(session.trust_state("carol")).unwrap(), State::Changed);
        assert_eq!(read(&session, &bytes).unwrap(), "years of records");
        assert_eq!(code(read(&session, &since)), Code::IdentityChanged);
    }
}

#[test]
fn a_device_that_comes_after_a_renewal_agrees_with_the_others_on_ones_own_keys() {
    let relay = relay();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let laptop = connect(&device(&relay), "alice", &vault(1)).unwrap();
    seal(&laptop, "pinned", &["bob"]);
    block_on(laptop.renew_keys(None, &no_progress)).unwrap();
    let phone = connect(&device(&relay), "alice", &vault(1)).unwrap();
    for session in [&phone, &laptop, &phone] {
        block_on(session.refresh()).unwrap();
        let (_, bytes) = seal(session, "goes on", &["bob"]);
        assert_eq!(read(&bob, &bytes).unwrap(), "goes on");
        assert!(session.warnings().is_empty());
    }
}
