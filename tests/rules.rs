//! The relay's rules where two want the same thing at once: one wins, the other learns that it lost.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use regrant::delegation::SealOptions;
use regrant::error::Code;
use regrant::keyring;
use regrant::relay::{Operation, Reply};
use regrant::wire::notification::Status;
use support::*;

#[test]
fn two_changes_of_the_same_slots_one_wins() {
    let relay = relay();
    connect(&device(&relay), "alice", &pair(0)).unwrap();
    let me = principal(&relay, "alice", &pair(0));
    let all = block_on(me.own_keysets()).unwrap();
    let opened = block_on(keyring::open(&me.engine, "alice", &all, &pair(0))).unwrap().unwrap();
    let change = |n: u8| {
        let change = block_on(keyring::change_secret(&me.engine, &all[0], &opened.keys[0], &vault(n))).unwrap();
        Operation::ChangeSlots { change: Box::new(change) }
    };
    let (first, second) = (change(1), change(2));
    block_on(me.call(&first)).unwrap();
    assert_eq!(code(block_on(me.call(&second))), Code::Conflict);
    // The one that won is the one that opens; the key pair stays.
    connect(&device(&relay), "alice", &vault(1)).unwrap();
    connect(&device(&relay), "alice", &pair(0)).unwrap();
    assert_eq!(code(connect(&device(&relay), "alice", &vault(2))), Code::WrongSecret);
}

#[test]
fn two_new_versions_of_one_item_one_wins() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let (id, first) = seal(&alice, "one", &["bob"]);
    assert_eq!(read(&bob, &first).unwrap(), "one");
    let next = |text: &'static str| (draft(text), SealOptions { id: Some(id), ..SealOptions::default() });
    let (data, options) = next("two");
    let second = block_on(alice.encrypt(data, &options)).unwrap();
    // A client that still believes in version 1.
    let me = principal(&relay, "bob", &pair(1));
    let grants = match block_on(me.call(&Operation::Readers { item: id })).unwrap() {
        Reply::Readers { grants, .. } => grants,
        other => panic!("{other:?}"),
    };
    let held = grants.iter().find(|(e, _)| e.delegate == "bob").unwrap().1.grant.id;
    let stale = Operation::PutGrants { create: vec![(id, 2)], grants: vec![], basis: vec![held] };
    assert_eq!(code(block_on(me.call(&stale))), Code::Conflict);
    assert_eq!(read(&bob, &second.bytes).unwrap(), "two");
}

#[test]
fn a_status_moves_by_expected_revision_and_everything_else_is_frozen() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    seal(&alice, "shared", &["bob"]);
    reset(&device(&relay), "alice", &pair(2)).unwrap();
    let notice = block_on(bob.pending_after(0, None)).unwrap().remove(0);
    let before = record(&memory, &format!("notification/{}", notice.id))["notification"].clone();
    let me = principal(&relay, "bob", &pair(1));
    let set = |rev, status| block_on(me.call(&Operation::SetStatus { id: notice.id, rev, status }));
    set(1, Status::Ongoing).unwrap();
    assert_eq!(code(set(1, Status::Completed)), Code::Conflict);
    // The same status again is no error, whatever the revision.
    set(1, Status::Ongoing).unwrap();
    set(2, Status::Completed).unwrap();
    assert_eq!(code(set(3, Status::Pending)), Code::Conflict);
    assert_eq!(record(&memory, &format!("notification/{}", notice.id))["notification"], before);
    // Nobody else moves it, or learns that it is there.
    let other = principal(&relay, "alice", &pair(2));
    let theirs = Operation::SetStatus { id: notice.id, rev: 3, status: Status::Cancelled };
    assert_eq!(code(block_on(other.call(&theirs))), Code::NotFound);
}

#[test]
fn two_devices_that_begin_anew_at_once_one_wins() {
    let relay = relay();
    let first = connect(&device(&relay), "alice", &pair(0)).unwrap().public_key();
    let engine = regrant::crypto::Engine::rust();
    let made = |n| block_on(keyring::make(&engine, "alice", &pair(n), Some(&first), now())).unwrap();
    let operation = |made: keyring::Made| Operation::Reset { new: Box::new(made.own), secrets: made.secrets };
    let (one, two) = (operation(made(1)), operation(made(2)));
    block_on(relay.call(None, &one)).unwrap();
    assert_eq!(code(block_on(relay.call(None, &two))), Code::Conflict);
    // The one that lost can say again that its keys are lost, and begins after the winner.
    assert_eq!(reset(&device(&relay), "alice", &pair(2)).unwrap().public_key().version, 3);
}

#[test]
fn many_single_items_become_few_grants_and_stay_as_they_were() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let first = seal(&alice, "item 0", &["bob"]);
    assert_eq!(read(&bob, &first.1).unwrap(), "item 0");
    let mut items = vec![first];
    for i in 1..300 {
        items.push(seal(&alice, &format!("item {i}"), &["bob"]));
    }
    // 300 items to two people: 600 grants otherwise, each with an index and two or four entries in logs.
    let grants = keys_of(&memory, "grant/").len();
    assert!(grants < 110, "{grants} grants");
    for prefix in ["by-item/", "bulk/", "log/alice/", "log/bob/"] {
        let records = keys_of(&memory, prefix).len();
        assert!(records < 150, "{records} records of {prefix}");
    }
    // One who was there all along, one who comes now, and the owner on another device.
    for session in [&bob, &connect(&device(&relay), "bob", &pair(1)).unwrap(), &alice] {
        for (i, (_, bytes)) in items.iter().enumerate() {
            assert_eq!(read(session, bytes).unwrap(), format!("item {i}"));
        }
    }
    // Compacted items are still single ones: revoked, updated, listed, one by one.
    let readers = block_on(alice.who_can_read(items[7].0)).unwrap();
    assert_eq!(readers.iter().map(|r| &r.login[..]).collect::<Vec<_>>(), ["alice", "bob"]);
    block_on(alice.revoke(Some(&[items[7].0]), "bob", false)).unwrap();
    assert_eq!(code(read(&bob, &items[7].1)), Code::NoAccess);
    assert_eq!(read(&bob, &items[8].1).unwrap(), "item 8");
    let again = connect(&device(&relay), "bob", &pair(1)).unwrap();
    assert_eq!(code(read(&again, &items[7].1)), Code::NoAccess);
    assert_eq!(read(&again, &items[8].1).unwrap(), "item 8");
    let options = SealOptions { id: Some(items[9].0), ..SealOptions::default() };
    let next = block_on(alice.encrypt(draft("newer"), &options)).unwrap();
    assert_eq!(read(&bob, &next.bytes).unwrap(), "newer");
}

#[test]
fn putting_grants_together_gives_nothing_that_was_not_given() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    connect(&device(&relay), "bob", &pair(1)).unwrap();
    connect(&device(&relay), "carol", &pair(2)).unwrap();
    let (one, _) = seal(&alice, "one", &["bob", "carol"]);
    let (two, _) = seal(&alice, "two", &[]);
    let me = principal(&relay, "alice", &pair(0));
    let grants_of = |item| match block_on(me.call(&Operation::Readers { item })).unwrap() {
        Reply::Readers { grants, .. } => grants,
        other => panic!("{other:?}"),
    };
    let to = |item, login: &str| {
        let all = grants_of(item);
        all.into_iter().find(|(e, _)| e.delegate == login).map(|(_, r)| r.grant).unwrap()
    };
    let (to_bob, to_carol, to_me) = (to(one, "bob"), to(one, "carol"), to(two, "alice"));
    let compact = |grant: &regrant::wire::grant::Grant, replaced: &[Uuid], who: &regrant::graph::Principal| {
        let operation = Operation::Compact { grant: Box::new(grant.clone()), replaced: replaced.to_vec() };
        block_on(who.call(&operation)).map(drop).map_err(|e| e.code())
    };
    let fresh = |grant: &regrant::wire::grant::Grant| {
        let mut grant = grant.clone();
        grant.id = Uuid::from_u128(77);
        grant
    };
    // More than was given; to somebody else; for longer; what is gone; by somebody else.
    let mut wider = fresh(&to_bob);
    wider.entries.extend(to_me.entries.clone());
    wider.sealed.0.extend([0; 32]);
    assert_eq!(compact(&wider, &[to_bob.id], &me), Err(Code::Forbidden));
    assert_eq!(compact(&fresh(&to_bob), &[to_carol.id], &me), Err(Code::Forbidden));
    assert_eq!(compact(&fresh(&to_bob), &[to_bob.id, to_carol.id], &me), Err(Code::Forbidden));
    let mut shorter = fresh(&to_bob);
    shorter.not_after = Some(now() + 1000);
    assert_eq!(compact(&shorter, &[to_bob.id], &me), Err(Code::Forbidden));
    assert_eq!(compact(&fresh(&to_bob), &[Uuid::from_u128(5)], &me), Err(Code::Conflict));
    assert_eq!(compact(&fresh(&to_bob), &[], &me), Err(Code::Forbidden));
    assert_eq!(compact(&to_bob, &[to_bob.id], &me), Err(Code::Conflict));
    let bob = principal(&relay, "bob", &pair(1));
    assert_eq!(compact(&fresh(&to_bob), &[to_bob.id], &bob), Err(Code::Forbidden));
    // What was cut does not come back.
    block_on(alice.revoke(Some(&[one]), "bob", false)).unwrap();
    assert_ne!(compact(&fresh(&to_bob), &[to_bob.id], &me), Ok(()));
}
