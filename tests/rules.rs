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
