//! How much an identity says to its own devices: what a change rewrites, and what there is room for.

use std::collections::BTreeSet;

use crate::heads::{logins, people, share, shares, verify, warned};
use crate::support::*;
use regrant::encoding::{Bytes, Hash};
use regrant::error::Code;
use regrant::graph::{ListChange, make_statement};
use regrant::relay::{Operation, Reply};
use regrant::trust::State;
use regrant::wire::pieces::{self, MAX_ALL_PIECES, MAX_ENTRY, MAX_PIECE, MAX_PIECES};
use regrant::wire::statement::{Head, HeadChange, Profile, Statement};
use regrant_relay::memory::Memory;

fn names(prefix: &str, memory: &Memory) -> BTreeSet<String> {
    keys_of(memory, prefix).into_iter().collect()
}

#[test]
fn one_more_contact_rewrites_the_pieces_on_one_way() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    verify(&alice, "bob");
    let (me, key) = opened(&relay, "alice", &pair(0));
    let contact = |n: usize| {
        let name = shown(&regrant::encoding::Transcript::new("test").int(n as u64).sha256());
        (format!("seen\ncontact {n}\n{name}"), "1".to_owned())
    };
    let all: Vec<_> = (0..1000).map(contact).collect();
    say_as(&memory, &me, &key, 99, &all);
    // A device that knew less adds what it knows; from then on nothing else is written.
    block_on(alice.refresh()).unwrap();
    let phone = connect(&device(&relay), "alice", &pair(0)).unwrap();
    assert_eq!(block_on(phone.trust_state("bob")).unwrap(), State::Verified);
    let counter = || record(&memory, "said/alice")["head"]["counter"].as_u64().unwrap();
    let before = (counter(), names("piece/alice/", &memory));
    assert!(before.1.len() > 8 && before.1.len() < 64, "{} pieces", before.1.len());
    block_on(phone.refresh()).unwrap();
    block_on(alice.refresh()).unwrap();
    assert_eq!((counter(), names("piece/alice/", &memory)), before);

    for n in 2..6 {
        let before = names("piece/alice/", &memory);
        connect(&device(&relay), &format!("one more, {n}"), &pair(n)).unwrap();
        let log = keys_of(&memory, "log/alice/").len();
        seal(&phone, "x", &[&format!("one more, {n}")]);
        let entries_of_the_log = keys_of(&memory, "log/alice/").len() - log;
        let after = names("piece/alice/", &memory);
        let new: Vec<&String> = after.difference(&before).collect();
        // The leaf and the root; where the leaf was full, those that it was divided into and the node in its place.
        assert!(new.len() == 2 || new.len() <= 18, "{} new pieces", new.len());
        assert!(before.difference(&after).count() <= 2);
        let bytes: usize = new.iter().map(|key| record(&memory, key).as_str().unwrap().len()).sum();
        assert!(bytes < 3 * MAX_PIECE, "{bytes} bytes");
        // An exchange key for oneself and the contact, and a grant to each: nothing of what was said.
        assert!(entries_of_the_log <= 4, "{entries_of_the_log}");
    }
    let said = record(&memory, "said/alice");
    assert_eq!(said["pieces"], keys_of(&memory, "piece/alice/").len(), "the relay counts what is there");
    let bytes: usize = keys_of(&memory, "piece/alice/")
        .iter()
        .map(|key| regrant::encoding::from_base64url(record(&memory, key).as_str().unwrap()).unwrap().len())
        .sum();
    assert_eq!(said["bytes"], bytes);
    let _ = bob;
}

#[test]
fn many_names_are_kept_and_one_too_many_is_refused_and_all_of_it_goes_with_a_renewal() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let (me, key) = opened(&relay, "alice", &pair(0));
    let value = format!(r#"{{"at":{},"value":"{}"}}"#, now(), Uuid::from_u128(7));
    let all: Vec<_> = (1..4096).map(|n| (format!("named\n{n:0>200}"), value.clone())).collect();
    say_as(&memory, &me, &key, 99, &all);
    let name = |name: &str| block_on(alice.set_named("alice", name, Some(Uuid::from_u128(8))));
    name("last").unwrap();
    assert_eq!(code(name("more")), Code::BadInput);
    // What is there is changed as before.
    name(&format!("{:0>200}", 1)).unwrap();
    block_on(alice.update_identity("alice", Some(Some("Alice".into())), None, None)).unwrap();
    let before = names("piece/alice/", &memory);
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    // Boxed anew: whoever had the earlier keys reads none of it.
    assert!(names("piece/alice/", &memory).is_disjoint(&before));
    let phone = connect(&device(&relay), "alice", &pair(0)).unwrap();
    assert_eq!(block_on(phone.get_named("alice", &format!("{:0>200}", 4095))).unwrap(), Some(Uuid::from_u128(7)));
    assert_eq!(block_on(phone.get_named("alice", "last")).unwrap(), Some(Uuid::from_u128(8)));
}

#[test]
fn what_does_not_fit_is_warned_of_and_keeps_nobody_from_renewing() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    connect(&device(&relay), "bob", &pair(1)).unwrap();
    share(&alice, "bob", true);
    let (me, key) = opened(&relay, "alice", &pair(0));
    // So much that one more contact makes it too much.
    let name = |n: usize| shown(&regrant::encoding::Transcript::new("test").int(n as u64).sha256());
    let of = |n: usize| (format!("seen\n{n:0>250}\n{}", name(n)), "1".to_owned());
    let most = (1..).map(|n| n * 1000).find(|n| regrant::wire::pieces::divide(&(0..*n).map(of).collect()).is_err());
    let all: Vec<_> = (0..most.unwrap() - 1000).map(of).collect();
    let mut said = all.clone();
    said.push(("share\nbob".to_owned(), format!(r#"{{"at":{},"value":true}}"#, now())));
    say_as(&memory, &me, &key, 99, &said);
    block_on(alice.refresh()).unwrap();
    assert_eq!(warned(&alice), [""; 0]);
    say_as(&memory, &me, &key, 100, &(5000..6500).map(|n| of(n + 1_000_000)).collect::<Vec<_>>());
    block_on(alice.refresh()).unwrap();
    assert_eq!(warned(&alice), ["pins-not-kept"]);
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    assert_eq!(shares(&connect(&device(&relay), "alice", &pair(0)).unwrap()), ["bob"]);
}

#[test]
fn a_member_who_leads_a_groups_head_on_and_on_keeps_nobody_from_excluding_them() {
    let (relay, memory, [alice, bob]) = people();
    let members = logins(&["alice", "bob"]);
    block_on(alice.create_identity("ward", &Profile::default(), &members, None, None)).unwrap();
    let ward = block_on(principal(&relay, "bob", &pair(1)).act_for("ward")).unwrap();
    let key = ward.current().unwrap();
    // Pins of others, which are no matter of a group's; and more that nobody knows than is kept.
    let junk = |n: usize| (format!("x\n{n}"), format!("\"{}\"", "x".repeat(250 << 10)));
    let mut entries: Vec<_> = (0..40).map(junk).collect();
    let swapped = shown(&[3; 32]);
    entries.push((
        format!("decided\nbob\n{}", Uuid::from_u128(1)),
        format!(r#"{{"version":9,"fingerprint":"{swapped}","compared":true}}"#),
    ));
    entries.push((format!("manifest\n{}", shown(&key.fingerprint.0)), format!(r#"[9007199254740990,"{swapped}"]"#)));
    entries.push(("share\nbob".to_owned(), format!(r#"{{"at":{},"value":true}}"#, now())));
    say_as(&memory, &ward, &key, 9, &entries);
    let acting = block_on(alice.act_for("ward")).unwrap();
    assert_eq!(shares(&acting), ["bob"]);
    assert_eq!(block_on(alice.trust_state("bob")).unwrap(), State::Verified);
    block_on(alice.replace_sharing_group("ward", ListChange::to(&logins(&["alice"])), &no_progress)).unwrap();
    assert!(keys_of(&memory, "piece/ward/").len() < 12, "what nobody knows is bounded");
    assert_eq!(code(block_on(bob.act_for("ward"))), Code::Forbidden);
}

#[test]
fn the_relay_takes_so_many_pieces_and_bytes_and_no_more_and_answers_in_parts() {
    let (relay, memory) = hostile_relay();
    connect(&device(&relay), "alice", &pair(0)).unwrap();
    let (me, key) = opened(&relay, "alice", &pair(0));
    let put = |add: Vec<Bytes>, gone: Vec<Hash>| {
        let there: Statement = serde_json::from_value(record(&memory, "said/alice")["head"].clone()).unwrap();
        let root = add.first().map(|piece| pieces::name(&piece.0));
        let body = serde_json::to_string(&Head { root, ..Head::default() }).unwrap();
        let head = block_on(make_statement(&me, &key, "head", there.counter + 1, body)).unwrap();
        let before = Some(there.hash());
        let change = HeadChange { head: Box::new(head), before, add, gone, profile: None };
        block_on(me.call(&Operation::PutHead { change: Box::new(change), tell: false }))
    };
    let piece = |n: u32, length: usize| Bytes([&n.to_be_bytes()[..], &vec![7; length - 4]].concat());
    let longest = MAX_ENTRY + 80;
    assert_eq!(code(put(vec![piece(0, 79)], vec![])), Code::BadInput);
    assert_eq!(code(put(vec![piece(0, longest + 1)], vec![])), Code::BadInput);
    let most = MAX_ALL_PIECES / longest;
    let all: Vec<Bytes> = (0..most as u32).map(|n| piece(n, longest)).collect();
    let names: Vec<Hash> = all.iter().map(|piece| pieces::name(&piece.0)).collect();
    put(all, vec![]).unwrap();
    assert_eq!(code(put(vec![piece(1 << 20, longest)], vec![])), Code::BadInput);
    assert_eq!(keys_of(&memory, "piece/alice/").len(), most, "a refusal writes nothing");
    // What goes makes room.
    put(vec![piece(1 << 20, longest)], names[..1].to_vec()).unwrap();
    assert_eq!(record(&memory, "said/alice")["bytes"], most * longest);
    let Reply::Pieces { pieces: shown } = block_on(me.call(&Operation::Pieces { names: names.clone() })).unwrap()
    else {
        panic!("pieces")
    };
    assert!(shown[0].is_none() && shown[1].is_some());
    assert_eq!(shown.len(), 1 + (1 << 20) / longest);
    let many = Operation::Pieces { names: vec![names[0]; 129] };
    assert_eq!(code(block_on(me.call(&many))), Code::BadInput);

    put(vec![piece(0, 80)], names[1..].to_vec()).unwrap();
    let small = |from: u32, count: u32| (from..from + count).map(|n| piece(n, 80)).collect::<Vec<_>>();
    let there = keys_of(&memory, "piece/alice/").len() as u32;
    put(small(1, MAX_PIECES as u32 - there), vec![]).unwrap();
    assert_eq!(code(put(small(1 << 16, 1), vec![])), Code::BadInput);
}
