//! The relay's rules where two want the same thing at once: one wins, the other learns that it lost.

use crate::support::*;
use regrant::crypto::envelope::Buffer;
use regrant::delegation::SealOptions;
use regrant::encoding::{Bytes, Fixed, Hash};
use regrant::error::Code;
use regrant::graph::{Principal, make_statement};
use regrant::keyring;
use regrant::relay::{Operation, Part, Relay, Reply};
use regrant::trust::is_chained;
use regrant::wire::Extra;
use regrant::wire::exchange::{Exchange, Wrap};
use regrant::wire::notification::Status;
use regrant::wire::statement::{HeadChange, Profile, Statement};

#[test]
fn two_changes_of_the_same_slots_one_wins() {
    let relay = relay();
    connect(&device(&relay), "alice", &pair(0)).unwrap();
    let me = principal(&relay, "alice", &pair(0));
    let all = block_on(me.own_keysets()).unwrap();
    let opened = block_on(keyring::open(&me.engine, "alice", &all, &pair(0))).unwrap().unwrap();
    let change = |n: u8| {
        let change =
            block_on(keyring::change_secret(&me.engine, "test:relay", &all[0], &opened.keys[0], None, &vault(n)))
                .unwrap();
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
    let stale = Operation::PutGrants { create: vec![(id, 2)], grants: vec![], basis: vec![held], relied: vec![] };
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
    let made = |n| block_on(keyring::make(&engine, "test:relay", "alice", &pair(n), Some(&first), now())).unwrap();
    let me = principal(&relay, "alice", &pair(0));
    let operation = |made: keyring::Made| {
        let head = Box::new(block_on(me.first_head(&made.key, None)).unwrap());
        Operation::Reset { new: Box::new(made.own), secrets: made.secrets, head }
    };
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
    for prefix in ["log/alice/", "log/bob/"] {
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

#[test]
fn whoever_takes_a_removed_login_has_nothing_of_what_was() {
    let relay = relay();
    let [alice, bob, _] =
        [("alice", 0), ("bob", 1), ("carol", 2)].map(|(login, n)| connect(&device(&relay), login, &pair(n)).unwrap());
    let ward = Profile { kind: "group".into(), name: None, payload: None };
    block_on(alice.create_identity("ward", &ward, &["alice".into(), "bob".into()], None, None)).unwrap();
    let (id, bytes) = seal(&bob, "bob's", &["alice", "ward"]);
    let (_, given) = seal(&alice, "alice's", &["bob"]);
    assert_eq!(read(&alice, &bytes).unwrap(), "bob's");
    assert_eq!(read(&bob, &given).unwrap(), "alice's");
    block_on(alice.request_access("bob", "alice", "https://app.test", Some("address".into()), None)).unwrap();
    reset(&device(&relay), "carol", &pair(3)).unwrap();
    let group = || block_on(alice.sharing_group("ward")).unwrap().holders;
    assert_eq!(group(), ["alice", "bob"]);
    block_on(bob.remove_identity("bob")).unwrap();

    let anew = connect(&device(&relay), "bob", &pair(4)).unwrap();
    let me = principal(&relay, "bob", &pair(4));
    let ask = |operation: &Operation| block_on(me.call(operation));
    assert_eq!(block_on(anew.identity("bob")).unwrap().version, 2);
    // Not the owner, not a reader, not a grantor, not a member.
    for hard in [true, false] {
        assert_eq!(code(ask(&Operation::RemoveItems { items: vec![id], hard })), Code::NoAccess);
    }
    assert_eq!(code(ask(&Operation::Readers { item: id })), Code::NoAccess);
    let held = match block_on(principal(&relay, "alice", &pair(0)).call(&Operation::Readers { item: id })).unwrap() {
        Reply::Readers { grants, .. } => grants,
        other => panic!("{other:?}"),
    };
    let to_alice = held.iter().find(|(e, _)| e.delegate == "alice").unwrap().1.grant.id;
    let create = Operation::PutGrants { create: vec![(id, 2)], grants: vec![], basis: vec![to_alice], relied: vec![] };
    assert_eq!(code(ask(&create)), Code::Forbidden);
    let remove = Operation::Revoke { revocations: vec![], rewrite: vec![], remove: vec![to_alice] };
    assert_eq!(code(ask(&remove)), Code::Forbidden);
    assert_eq!(code(block_on(anew.sharing_group("ward"))), Code::Forbidden);
    assert!(block_on(anew.access_group("bob")).unwrap().is_empty());
    assert_eq!(code(block_on(anew.act_for("ward"))), Code::Forbidden);
    // Nothing was sent to it, asked of it, or noted for it.
    assert!(
        matches!(ask(&Operation::Sync { after: Some(0), whole: true }).unwrap(), Reply::Events { events, .. } if events.is_empty())
    );
    assert!(block_on(anew.pending_after(0, None)).unwrap().is_empty());
    let asked = Operation::AskedOf { limit: 10, cursor: None };
    assert!(matches!(ask(&asked).unwrap(), Reply::Requests { requests, .. } if requests.is_empty()));
    let openings = block_on(anew.openings(None, None, None, 10, None)).unwrap().0;
    assert!(openings.is_empty(), "{openings:?}");
    // The old keys do not log in any more.
    assert_eq!(code(connect(&device(&relay), "bob", &pair(1))), Code::UnknownKey);
    // What bob gave stays with those whom he gave it to, and the group lets the new bob in like anybody.
    assert_eq!(read(&alice, &bytes).unwrap(), "bob's");
    assert_eq!(
        code(block_on(alice.extend_sharing_group("ward", &["bob".into()], &no_progress))),
        Code::IdentityChanged
    );
    let shown = block_on(anew.verification_code("bob")).unwrap();
    block_on(alice.verify("bob", &shown)).unwrap();
    block_on(alice.extend_sharing_group("ward", &["bob".into()], &no_progress)).unwrap();
    block_on(anew.act_for("ward")).unwrap();
}

#[test]
fn a_chain_that_is_repaired_late_gives_stolen_old_keys_no_rights() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let (id, _) = seal(&alice, "old", &[]);
    let anew = reset(&device(&relay), "alice", &vault(1)).unwrap();
    let thief = principal(&relay, "alice", &pair(0));
    let me = block_on(thief.resolve(&["alice".into()])).unwrap().remove(0);
    let newest = me.newest().unwrap();
    let signature = block_on(thief.current().unwrap().sign(&thief.engine, &newest.chain_transcript())).unwrap();
    block_on(thief.call(&Operation::Chain { version: 2, signature })).unwrap();
    // To others the chain is whole again.
    let shown = block_on(thief.resolve(&["alice".into()])).unwrap().remove(0).offer;
    assert!(is_chained(&shown, 1));
    // The old keys still do nothing but read and give back: no ways of unlocking are shown to them, and nothing is theirs.
    let own = block_on(thief.own_keysets()).unwrap();
    assert!(own[1].slots.iter().all(|slot| slot.unlocker.is_none()) && !own[1].manifest.slots.is_empty());
    let remove = Operation::RemoveItems { items: vec![id], hard: true };
    assert_eq!(code(block_on(thief.call(&remove))), Code::Forbidden);
    block_on(anew.remove_items(&[id], true)).unwrap();
}

#[test]
fn a_slot_for_keys_that_were_renewed_meanwhile_is_a_conflict() {
    let relay = relay();
    connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let me = principal(&relay, "alice", &pair(0));
    let all = block_on(me.own_keysets()).unwrap();
    let opened = block_on(keyring::open(&me.engine, "alice", &all, &pair(0))).unwrap().unwrap();
    let change = |to: &regrant::wire::keyset::Keyset| {
        let slot = block_on(keyring::make_sharer_slot(&me.engine, &opened.keys[0], to)).unwrap();
        let change =
            keyring::change_slots(&me.engine, &all[0], &opened.keys[0], None, vec![slot], Vec::new(), |_| false);
        Operation::ChangeSlots { change: Box::new(block_on(change).unwrap()) }
    };
    let newest = || block_on(me.resolve(&["bob".into()])).unwrap()[0].newest().unwrap().clone();
    let late = change(&newest());
    block_on(bob.renew_keys_of("bob", None, &no_progress)).unwrap();
    assert_eq!(code(block_on(me.call(&late))), Code::Conflict);
    block_on(me.call(&change(&newest()))).unwrap();
}

#[test]
fn an_opening_is_noted_by_whoever_holds_the_item() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    connect(&device(&relay), "eve", &pair(2)).unwrap();
    let (id, bytes) = seal(&alice, "shared", &["bob"]);
    read(&bob, &bytes).unwrap();
    let log = || block_on(alice.openings(Some(id), None, None, 10, None)).unwrap().0.len();
    assert_eq!(log(), 1);
    let eve = principal(&relay, "eve", &pair(2));
    let held = match block_on(principal(&relay, "bob", &pair(1)).call(&Operation::Readers { item: id })).unwrap() {
        Reply::Readers { grants, .. } => grants[0].1.grant.id,
        other => panic!("{other:?}"),
    };
    for basis in [vec![], vec![held]] {
        let lie = Operation::Opened { items: vec![(id, 1)], basis, acting_as: "eve".into(), reason: None };
        assert_eq!(code(block_on(eve.call(&lie))), Code::Forbidden);
    }
    assert_eq!(log(), 1);
}

#[test]
fn several_revocations_of_one_grant_in_one_operation_all_cut() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    connect(&device(&relay), "carol", &pair(2)).unwrap();
    // More than one record names, in two grants that somebody else gave: each record names items of both.
    let drafts = (0..5000).map(|_| draft("x")).collect();
    let options = SealOptions { share_with: vec!["bob".into()], ..SealOptions::default() };
    let items = block_on(alice.encrypt_many(drafts, &options, &no_progress)).unwrap();
    let items: Vec<Uuid> = items.iter().map(|item| item.id).collect();
    for half in items.chunks(2500) {
        block_on(bob.give_access(Some(half), &["carol".into()], None, &no_progress)).unwrap();
    }
    block_on(alice.revoke(None, "carol", false)).unwrap();
    let grants = keys_of(&memory, "grant/").into_iter().map(|key| record(&memory, &key));
    let cuts: Vec<usize> =
        grants.map(|grant| grant["cuts"].as_array().map_or(0, Vec::len)).filter(|n| *n > 0).collect();
    assert_eq!((cuts.len(), cuts.iter().sum()), (40, 5000));
}

fn remove_and_take(relay: &Relay, login: &str, before: usize, after: usize) -> Principal {
    let session = connect(&device(relay), login, &pair(before)).unwrap();
    block_on(session.remove_identity(login)).unwrap();
    connect(&device(relay), login, &pair(after)).unwrap();
    principal(relay, login, &pair(after))
}

#[test]
fn a_late_chain_does_not_join_two_holders_of_one_login() {
    let relay = relay();
    connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    seal(&connect(&device(&relay), "alice", &pair(0)).unwrap(), "for bob", &["bob"]);
    drop(bob);
    let former = principal(&relay, "bob", &pair(1));
    let me = remove_and_take(&relay, "bob", 1, 3);
    let repair = |by: &Principal, who: &Principal, version: u64| {
        let offer = block_on(who.resolve(&["bob".into()])).unwrap().remove(0).offer;
        let keyset = offer.iter().find(|k| k.version == version).unwrap();
        let signature = block_on(by.current().unwrap().sign(&by.engine, &keyset.chain_transcript())).unwrap();
        block_on(who.call(&Operation::Chain { version, signature }))
    };
    assert_eq!(code(repair(&former, &me, 2)), Code::Forbidden);
    let offer = block_on(me.resolve(&["bob".into()])).unwrap().remove(0).offer;
    assert!(!is_chained(&offer, 1));
    // Within the life of whoever has the login now, a chain is repaired as ever.
    reset(&device(&relay), "bob", &pair(4)).unwrap();
    let anew = principal(&relay, "bob", &pair(4));
    assert_eq!(code(repair(&former, &anew, 2)), Code::Forbidden);
    repair(&me, &anew, 3).unwrap();
}

fn exchange_for(me: &Principal, id: u128, delegate: &str, recipients: &[Hash]) -> Operation {
    let key = me.current().unwrap();
    let mut recipients = recipients.to_vec();
    recipients.sort();
    let mut exchange = Exchange {
        id: Uuid::from_u128(id),
        suite: 1,
        delegator: me.login.clone(),
        delegator_fingerprint: key.fingerprint,
        delegate: delegate.into(),
        recipients,
        commitment: Fixed([1; 32]),
        created: now(),
        signature: Fixed([0; 64]),
        extra: Extra::default(),
    };
    exchange.signature = block_on(key.sign(&me.engine, &exchange.transcript())).unwrap();
    Operation::PutExchange { exchange: Box::new(exchange), wraps: vec![] }
}

#[test]
fn an_exchange_key_is_for_keys_that_its_delegate_has_now() {
    let relay = relay();
    connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let me = principal(&relay, "alice", &pair(0));
    let mine = me.current().unwrap().fingerprint;
    let first = bob.public_key().fingerprint();
    block_on(bob.renew_keys(None, &no_progress)).unwrap();
    assert_eq!(code(block_on(me.call(&exchange_for(&me, 1, "bob", &[mine])))), Code::Conflict);
    // An earlier version of the same person will do: whoever seals may not have seen the newest yet.
    block_on(me.call(&exchange_for(&me, 2, "bob", &[mine, first]))).unwrap();
    block_on(bob.remove_identity("bob")).unwrap();
    connect(&device(&relay), "bob", &pair(3)).unwrap();
    assert_eq!(code(block_on(me.call(&exchange_for(&me, 3, "bob", &[mine, first])))), Code::Conflict);
}

fn events(me: &Principal, after: u64) -> (usize, u64) {
    match block_on(me.call(&Operation::Sync { after: Some(after), whole: true })).unwrap() {
        Reply::Events { events, next, .. } => (events.len(), next),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_log_of_a_login_that_is_taken_over_goes_on() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    connect(&device(&relay), "bob", &pair(1)).unwrap();
    for _ in 0..3 {
        seal(&alice, "for bob", &["bob"]);
    }
    let (_, seen) = events(&principal(&relay, "bob", &pair(1)), 0);
    let me = remove_and_take(&relay, "bob", 1, 3);
    let (none, from) = events(&me, 0);
    assert_eq!(none, 0);
    let to = me.current().unwrap().fingerprint;
    let giver = principal(&relay, "alice", &pair(0));
    block_on(giver.call(&exchange_for(&giver, 1, "bob", &[to]))).unwrap();
    // Also for a device that read on from where the one before stood.
    let (one, next) = events(&me, seen);
    assert!(one == 1 && next > seen && next > from);
    assert_eq!(events(&me, 0), (1, next));
}

#[test]
fn whoever_takes_a_removed_login_is_not_told_of_what_the_one_before_gave() {
    let (relay, memory) = hostile_relay();
    let [alice, bob, _, dave] = [("alice", 0), ("bob", 1), ("carol", 2), ("dave", 3)]
        .map(|(l, n)| connect(&device(&relay), l, &pair(n)).unwrap());
    let items: Vec<Uuid> = (0..4).map(|_| seal(&alice, "shared", &["bob"]).0).collect();
    block_on(bob.give_access(Some(&items), &["carol".into(), "dave".into()], None, &no_progress)).unwrap();
    let carol = principal(&relay, "carol", &pair(2));
    let key = carol.current().unwrap();
    let exchange = keys_of(&memory, "exchange/").into_iter().map(|k| record(&memory, &k)["exchange"].clone());
    let given = exchange.into_iter().find(|e| e["delegator"] == "bob" && e["delegate"] == "carol").unwrap();
    let rewrap = Operation::PutWraps {
        wraps: vec![Wrap {
            exchange: given["id"].as_str().unwrap().parse().unwrap(),
            recipient: key.fingerprint,
            wrapper: key.party(),
            wrapped: Bytes(vec![0; 256]),
            signature: Fixed([0; 64]),
            extra: Extra::default(),
        }],
        completes: vec![],
    };
    block_on(bob.remove_identity("bob")).unwrap();
    block_on(carol.call(&rewrap)).unwrap();
    block_on(alice.revoke(Some(&items[..1]), "carol", false)).unwrap();
    assert_eq!(keys_of(&memory, "log/bob/"), [""; 0]);

    connect(&device(&relay), "bob", &pair(4)).unwrap();
    let me = principal(&relay, "bob", &pair(4));
    block_on(carol.call(&rewrap)).unwrap();
    block_on(alice.revoke(Some(&items[1..2]), "carol", false)).unwrap();
    block_on(alice.remove_items(&items[2..3], true)).unwrap();
    block_on(dave.remove_identity("dave")).unwrap();
    assert_eq!(events(&me, 0).0, 0);
    assert_eq!(keys_of(&memory, "log/bob/"), [""; 0]);
}

fn grant_by(relay: &Relay, secret: usize, login: &str, item: Uuid, delegate: &str) -> Uuid {
    match block_on(principal(relay, login, &pair(secret)).call(&Operation::Readers { item })).unwrap() {
        Reply::Readers { grants, .. } => {
            grants.iter().find(|(e, _)| e.delegator == login && e.delegate == delegate).unwrap().1.grant.id
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_that_was_replaced_moves_no_status_notes_no_opening_and_touches_no_upload() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    seal(&bob, "shared", &["alice"]);
    let (item, _) = seal(&alice, "mine", &["bob"]);
    let basis = vec![grant_by(&relay, 0, "alice", item, "alice")];
    reset(&device(&relay), "bob", &pair(2)).unwrap();
    let notice = block_on(alice.pending_after(0, None)).unwrap().remove(0).id;
    let thief = principal(&relay, "alice", &pair(0));
    let upload = Uuid::from_u128(1);
    block_on(thief.call(&Operation::BeginUpload { item: upload, chunks: 1 })).unwrap();
    let put = |who: &Principal| block_on(who.put_parts(upload, vec![(Part::Head, Buffer::Heap(vec![0; 16]))]));
    put(&thief).unwrap();

    let anew = reset(&device(&relay), "alice", &pair(3)).unwrap();
    let owner = principal(&relay, "alice", &pair(3));
    let set = |who: &Principal, id, status| block_on(who.call(&Operation::SetStatus { id, rev: 1, status }));
    let note = Operation::Opened { items: vec![(item, 1)], basis, acting_as: "alice".into(), reason: None };
    let give_up = Operation::GiveUpUpload { item: upload };
    for status in [Status::Ongoing, Status::Completed, Status::Cancelled] {
        assert_eq!(code(set(&thief, notice, status)), Code::Forbidden);
    }
    assert_eq!(code(block_on(thief.call(&note))), Code::Forbidden);
    assert_eq!(code(put(&thief)), Code::Forbidden);
    assert_eq!(code(block_on(thief.call(&give_up))), Code::Forbidden);
    set(&owner, notice, Status::Ongoing).unwrap();
    block_on(owner.call(&note)).unwrap();
    put(&owner).unwrap();
    block_on(owner.call(&give_up)).unwrap();
    // What a login told itself is completed by the key that gives its access to the newer one, and not hidden otherwise.
    let own = block_on(alice.pending_after(0, None)).unwrap().into_iter().find(|n| n.author == "alice").unwrap().id;
    assert_eq!(code(set(&thief, own, Status::Cancelled)), Code::Forbidden);
    set(&thief, own, Status::Completed).unwrap();
    drop(anew);
}

#[test]
fn whoever_takes_a_removed_login_notes_no_opening_by_what_the_one_before_gave() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    connect(&device(&relay), "carol", &pair(2)).unwrap();
    let (item, _) = seal(&alice, "alice's", &["bob"]);
    block_on(bob.give_access(Some(&[item]), &["carol".into()], None, &no_progress)).unwrap();
    let basis = vec![grant_by(&relay, 1, "bob", item, "carol")];
    let note = Operation::Opened { items: vec![(item, 1)], basis, acting_as: "bob".into(), reason: None };
    // Whoever gave it held it.
    block_on(principal(&relay, "bob", &pair(1)).call(&note)).unwrap();
    let me = remove_and_take(&relay, "bob", 1, 3);
    assert_eq!(code(block_on(me.call(&note))), Code::Forbidden);
    assert_eq!(block_on(alice.openings(Some(item), None, None, 10, None)).unwrap().0.len(), 1);
}

#[test]
fn a_counter_goes_up_in_steps_and_newer_keys_begin_it_anew() {
    let (relay, memory) = hostile_relay();
    connect(&device(&relay), "alice", &pair(0)).unwrap();
    let me = principal(&relay, "alice", &pair(0));
    let say = |who: &Principal, counter| {
        let key = who.current().unwrap();
        let head = Box::new(block_on(make_statement(who, &key, "head", counter, "{}".into())).unwrap());
        let there: Statement = serde_json::from_value(record(&memory, "said/alice")["head"].clone()).unwrap();
        let before = Some(there.hash());
        let change = Box::new(HeadChange { head, before, add: Vec::new(), gone: Vec::new(), profile: None });
        block_on(who.call(&Operation::PutHead { change, tell: false }))
    };
    let ahead = 1 << 20;
    assert_eq!(code(say(&me, (1 << 53) - 1)), Code::BadInput);
    assert_eq!(code(say(&me, ahead + 2)), Code::BadInput);
    say(&me, ahead + 1).unwrap();
    assert_eq!(code(say(&me, 1)), Code::Conflict);
    assert_eq!(code(say(&me, 2 * ahead + 2)), Code::BadInput);
    say(&me, 2 * ahead + 1).unwrap();
    reset(&device(&relay), "alice", &pair(1)).unwrap();
    assert_eq!(record(&memory, "said/alice")["head"]["counter"], 1);
    let anew = principal(&relay, "alice", &pair(1));
    say(&anew, 2).unwrap();
    assert_eq!(code(say(&anew, 1)), Code::Conflict);
    assert_eq!(code(say(&me, 3)), Code::Forbidden);
}

#[test]
fn a_renewal_that_lists_keys_of_a_removed_login_gives_whoever_took_it_no_edge() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let members = ["alice".to_owned(), "bob".to_owned()];
    block_on(alice.create_identity("ward", &Profile::default(), &members, None, None)).unwrap();
    // What Alice relies on is another version than the list names, and of a bob who is gone.
    block_on(bob.renew_keys(None, &no_progress)).unwrap();
    block_on(alice.trust_state("bob")).unwrap();
    block_on(bob.remove_identity("bob")).unwrap();
    let anew = connect(&device(&relay), "bob", &pair(2)).unwrap();
    block_on(alice.renew_keys_of("ward", None, &no_progress)).unwrap();
    assert!(block_on(anew.access_group("bob")).unwrap().is_empty());
    assert_eq!(code(block_on(anew.act_for("ward"))), Code::Forbidden);
}
