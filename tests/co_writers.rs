//! Several people who write one item, and a relay at the side of one of them: whom its owner excluded nobody brings back,
//! and whose an item is and who sealed it nobody makes up.

use std::rc::Rc;

use crate::here::Memory;
use crate::support::forge::Forger;
use crate::support::*;
use regrant::client::{Client, Session, Setup};
use regrant::crypto::envelope::Buffer;
use regrant::delegation::{After, SealOptions, SealedItem};
use regrant::encoding::Fixed;
use regrant::error::Code;
use regrant::graph::ListChange;
use regrant::relay::{GrantRecord, Operation, Relay, Reply};
use regrant::store::{Store, memory};
use regrant::wire::grant::{Grant, GrantEntry, Origin};
use regrant::wire::statement::Profile;
use regrant::wire::{Extra, SUITE};
use serde_json::Value;
use uuid::Uuid;

const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "mallory"];

struct World {
    relay: Relay,
    memory: Memory,
    stores: Vec<Store>,
    people: Vec<Rc<Session>>,
}

fn world() -> World {
    let (relay, memory) = hostile_relay();
    let stores: Vec<Store> = NAMES.map(|_| Store::Memory(memory::Memory::default())).into();
    let join = |n: usize| connect(&device_with(&relay, &stores[n]), NAMES[n], &pair(n)).unwrap();
    // The last is the first at the relay, and administers it.
    let mut people: Vec<_> = (0..NAMES.len()).rev().map(join).collect();
    people.reverse();
    World { relay, memory, stores, people }
}

impl World {
    fn at(&self, login: &str) -> usize {
        NAMES.iter().position(|name| *name == login).unwrap()
    }

    fn session(&self, login: &str) -> &Rc<Session> {
        &self.people[self.at(login)]
    }

    /// A device that begins anew: whoever it is reads whatever the relay has.
    fn fresh(&self, login: &str) -> Rc<Session> {
        connect(&device(&self.relay), login, &pair(self.at(login))).unwrap()
    }

    fn forger(&self, login: &str) -> Forger {
        Forger::new(&self.relay, &self.memory, login, &pair(self.at(login)))
    }

    fn compare(&self, who: &str, whom: &str) {
        let code = block_on(self.session(whom).verification_code(whom)).unwrap();
        block_on(self.session(who).verify(whom, &code)).unwrap();
    }

    /// Who of all can read some bytes, on a device that begins anew.
    fn readers(&self, bytes: &Buffer) -> Vec<&'static str> {
        let reads = |login: &&str| match read(&self.fresh(login), bytes) {
            Ok(_) => true,
            Err(e) => {
                assert_eq!(e.code(), Code::NoAccess, "{login}");
                false
            }
        };
        NAMES.into_iter().filter(reads).collect()
    }
}

fn next(session: &Session, id: Uuid) -> SealedItem {
    block_on(
        session.encrypt(draft("next"), &SealOptions { id: Some(id), after: Some(After::Latest), ..Default::default() }),
    )
    .unwrap()
}

fn give(session: &Session, items: &[Uuid], to: &str) {
    block_on(session.give_access(Some(items), &[to.into()], None, &no_progress)).unwrap();
}

fn revoke(session: &Session, items: Option<&[Uuid]>, login: &str) {
    block_on(session.revoke(items, login, false)).unwrap();
}

/// What says who reads what; the revocations are elsewhere.
fn granted(memory: &Memory) -> Vec<(String, Value)> {
    let all = ["grant/", "log/"].iter().flat_map(|prefix| keys_of(memory, prefix));
    let all = all.map(|key| (key.clone(), record(memory, &key)));
    all.filter(|(key, value)| key.starts_with("grant/") || value.get("grant").is_some()).collect()
}

fn put_back(memory: &Memory, kept: &[(String, Value)]) {
    kept.iter().for_each(|(key, value)| overwrite(memory, key, value));
}

/// The whole relay, as it was.
fn go_back(memory: &Memory, before: &[(String, u64, String)]) {
    memory.dump().iter().for_each(|(key, _, _)| memory.overwrite(key, None));
    before.iter().for_each(|(key, _, value)| memory.overwrite(key, Some(value.clone())));
}

#[test]
fn whom_the_owner_excluded_a_co_writer_does_not_carry_over() {
    let w = world();
    let (id, _) = seal(w.session("alice"), "one", &["bob", "carol", "dave"]);
    let kept = granted(&w.memory);
    revoke(w.session("alice"), Some(&[id]), "carol");
    put_back(&w.memory, &kept);
    let second = next(w.session("bob"), id);
    assert_eq!(second.dropped, [""; 0], "whose access the owner ended needs no mention");
    assert_eq!(w.readers(&second.bytes), ["alice", "bob", "dave"]);

    // Whom the owner gives it anew, they read on.
    give(w.session("alice"), &[id], "carol");
    let third = next(w.session("dave"), id);
    assert_eq!(w.readers(&third.bytes), ["alice", "bob", "carol", "dave"]);
}

#[test]
fn what_the_owner_ended_of_many_items_at_once_a_co_writer_hears_of_too() {
    let w = world();
    let drafts = (0..20).map(|n| draft(&n.to_string())).collect();
    let options = SealOptions { share_with: vec!["bob".into(), "carol".into()], ..Default::default() };
    let items = block_on(w.session("alice").encrypt_many(drafts, &options, &no_progress)).unwrap();
    let (other, _) = seal(w.session("alice"), "other", &["bob"]);
    let kept = granted(&w.memory);
    revoke(w.session("alice"), None, "carol");
    // One record, and one row that says whose it is.
    assert_eq!(keys_of(&w.memory, "revocation/").len(), 1);
    put_back(&w.memory, &kept);
    let second = next(w.session("bob"), items[7].id);
    assert_eq!(w.readers(&second.bytes), ["alice", "bob"]);
    assert_eq!(w.readers(&next(w.session("bob"), other).bytes), ["alice", "bob"]);
}

/// Alice excluded Carol from an item and wrote its next version; Bob wrote too late, and heard on the way what happened. The
/// item, and what the relay had before.
fn late_for_an_exclusion() -> (World, Uuid, Vec<(String, u64, String)>) {
    let w = world();
    let (id, _) = seal(w.session("alice"), "one", &["bob", "carol"]);
    let before = w.memory.dump();
    revoke(w.session("alice"), Some(&[id]), "carol");
    next(w.session("alice"), id);
    let late = SealOptions { id: Some(id), after: Some(After::Version(1)), ..Default::default() };
    assert_eq!(code(block_on(w.session("bob").encrypt(draft("late"), &late))), Code::Conflict);
    (w, id, before)
}

#[test]
fn what_a_co_writer_once_heard_of_stays_so_whatever_the_relay_shows_later() {
    let (w, id, before) = late_for_an_exclusion();
    go_back(&w.memory, &before);
    // Also when the page is loaded again.
    let bob = block_on(device_with(&w.relay, &w.stores[1]).resume(Some("bob"))).unwrap().unwrap();
    let second = next(&bob, id);
    assert_eq!(second.version, 2);
    assert_eq!(w.readers(&second.bytes), ["alice", "bob"]);
}

#[test]
fn what_a_co_writer_heard_of_is_known_on_their_other_devices() {
    let (w, id, before) = late_for_an_exclusion();
    let said = |(key, ..): &(String, u64, String)| key == "said/bob" || key.starts_with("piece/bob/");
    let heard: Vec<_> = w.memory.dump().into_iter().filter(said).collect();
    assert!(heard.len() > 1, "bob's devices are told something");
    go_back(&w.memory, &before);
    heard.into_iter().for_each(|(key, _, value)| w.memory.overwrite(&key, Some(value)));
    let second = next(&w.fresh("bob"), id);
    assert_eq!(w.readers(&second.bytes), ["alice", "bob"]);
}

#[test]
fn the_owners_word_counts_also_against_what_a_co_writer_with_another_clock_gave() {
    let w = world();
    let ahead = || now() + 3_600_000;
    let store = Store::Memory(memory::Memory::default());
    let relay = w.relay.clone();
    let setup = Setup { engine: engine(), relay, store, application: "test".into(), now: ahead, policy: None };
    let bob = connect(&Client::open(setup).unwrap(), "bob", &pair(1)).unwrap();
    let (id, _) = seal(w.session("alice"), "one", &["bob", "carol", "dave"]);
    next(&bob, id);
    let kept = granted(&w.memory);
    revoke(w.session("alice"), Some(&[id]), "carol");
    put_back(&w.memory, &kept);
    let third = next(w.session("dave"), id);
    assert_eq!(third.dropped, ["carol"], "given later than the owner ended it, as far as one can tell");
    assert_eq!(w.readers(&third.bytes), ["alice", "bob", "dave"]);
}

#[test]
fn whoever_stole_the_owners_old_keys_gives_nothing_anew_that_the_owner_ended() {
    let w = world();
    let (id, _) = seal(w.session("alice"), "one", &["bob", "carol", "dave"]);
    next(w.session("bob"), id);
    let kept = granted(&w.memory);
    let thief = w.forger("alice");
    let (entry, key) = thief.keys_of(id).remove(0);
    revoke(w.session("alice"), Some(&[id]), "carol");
    block_on(w.session("alice").renew_keys(None, &no_progress)).unwrap();
    // What Bob gave Carol is there again, and what she was given by the keys before, later than it ended.
    put_back(&w.memory, &kept);
    thief.give("carol", entry, &key, now() + 1000);
    let third = next(w.session("dave"), id);
    assert!(!w.readers(&third.bytes).contains(&"carol"));
}

#[test]
fn readers_are_carried_over_whom_the_owner_gave_it_and_not_whom_another_reader_did() {
    let w = world();
    let (id, _) = seal(w.session("alice"), "one", &["bob"]);
    give(w.session("bob"), &[id], "carol");
    give(w.session("bob"), &[id], "dave");
    let second = next(w.session("carol"), id);
    assert_eq!(second.dropped, ["dave"]);
    assert_eq!(w.readers(&second.bytes), ["alice", "bob", "carol"]);
    // Whom a writer gave it, the next writer carries over, and whom whoever passed it on gave it not.
    give(w.session("carol"), &[id], "dave");
    give(w.session("bob"), &[id], "mallory");
    let third = next(w.session("bob"), id);
    assert_eq!(third.dropped, [""; 0], "of what one gave oneself, all");
    assert_eq!(w.readers(&third.bytes), NAMES);
}

#[test]
fn where_those_who_gave_an_item_name_two_owners_nobody_is_carried_over_until_a_code_was_compared() {
    for compared in [false, true] {
        let w = world();
        if compared {
            w.compare("bob", "alice");
        }
        let (id, _) = seal(w.session("alice"), "one", &["bob", "carol", "mallory"]);
        // Mallory, a reader, says that it is hers, and that she said so first.
        let mallory = w.forger("mallory");
        let (entry, key) = mallory.keys_of(id).remove(0);
        mallory.give("bob", GrantEntry::new(entry.0, entry.1, entry.2), &key, now() - 3_600_000);
        let second = next(w.session("bob"), id);
        match compared {
            true => assert_eq!(w.readers(&second.bytes), ["alice", "bob", "carol", "mallory"]),
            false => {
                assert_eq!(second.dropped, ["alice", "carol", "mallory"]);
                assert_eq!(w.readers(&second.bytes), ["bob"]);
                // Whose it is Bob does not know, and does not say.
                let grants = keys_of(&w.memory, "grant/").into_iter().map(|key| record(&w.memory, &key));
                let entries = grants.flat_map(|grant| grant["grant"]["entries"].as_array().unwrap().clone());
                let second: Vec<Value> = entries.filter(|entry| entry[1] == 2).map(|entry| entry[3].clone()).collect();
                assert_eq!(second, [serde_json::json!({ "owner": "" })]);
            }
        }
        // The owner knows, and goes on.
        let options = SealOptions { id: Some(id), after: Some(After::Latest), ..Default::default() };
        let third = block_on(w.session("alice").encrypt(draft("three"), &options)).unwrap();
        assert_eq!(w.readers(&third.bytes), ["alice", "bob", "carol", "mallory"]);
    }
}

#[test]
fn an_excluded_reader_and_the_relay_invent_neither_an_owner_nor_a_sealer() {
    let sealers = |by: &str| {
        [None, Some("mallory".to_owned()), Some("carol".to_owned())].map(|sealer| {
            {
                [None, Some("alice".to_owned()), Some("carol".to_owned())]
                    .map(|owner| Origin { owner, sealer: sealer.clone() })
            }
            .map(|origin| (by.to_owned(), origin))
        })
    };
    // Carol was excluded; Mallory is her second name, whom she gave access.
    for (by, origin) in ["carol", "mallory"].iter().flat_map(|by| sealers(by).into_iter().flatten()) {
        let w = world();
        let (id, _) = seal(w.session("alice"), "one", &["bob", "carol", "dave"]);
        let before = granted(&w.memory);
        let carol = w.forger("carol");
        let (entry, key) = carol.keys_of(id).remove(0);
        carol.give("mallory", GrantEntry::new(entry.0, entry.1, entry.2), &key, now());
        revoke(w.session("alice"), Some(&[id]), "carol");
        put_back(&w.memory, &before);
        let liar = w.forger(&by);
        for to in ["bob", "carol", "mallory"] {
            let origin = Some(origin.clone()).filter(|origin| *origin != Origin::default());
            liar.give(to, GrantEntry(entry.0, entry.1, entry.2, origin.map(Rc::new)), &key, now());
        }
        let second = next(w.session("bob"), id);
        let said = format!("{by} says {origin:?}");
        let readers = w.readers(&second.bytes);
        assert!(!readers.contains(&"carol") && !readers.contains(&"mallory"), "{said}: {readers:?}");
        // Where nobody's word is against the owner's, everybody else reads on.
        let disputed = origin.owner.as_deref() != Some("alice");
        assert_eq!(readers.contains(&"dave"), !disputed, "{said}: {readers:?}");
        assert!(second.dropped.contains(&"mallory".to_owned()), "{said}: {:?}", second.dropped);
    }
}

#[test]
fn a_writer_who_leaves_the_owner_out_or_names_another_one_takes_the_item_from_nobody() {
    let w = world();
    let (id, _) = seal(w.session("alice"), "one", &["bob", "mallory"]);
    // Bob gave it on, so he said whose it is.
    give(w.session("bob"), &[id], "dave");
    let mallory = w.forger("mallory");
    for (version, owner) in [(2, Some("alice")), (3, None)] {
        let key = regrant::secret::Key32::make().unwrap();
        let owner = owner.map(str::to_owned);
        let origin = owner.map(|owner| Rc::new(Origin { owner: Some(owner), sealer: None }));
        let entry = GrantEntry(id, version, Fixed([7; 32]), origin);
        for to in ["mallory", "bob"] {
            mallory.give(to, entry.clone(), &key, now());
        }
        let mut item = record(&w.memory, &format!("item/{id}"));
        item["version"] = version.into();
        overwrite(&w.memory, &format!("item/{id}"), &item);
        let bob = block_on(device_with(&w.relay, &w.stores[1]).resume(Some("bob"))).unwrap().unwrap();
        let next = next(&bob, id);
        assert_eq!(w.readers(&next.bytes), ["alice", "bob", "mallory"], "after version {version}");
        // As if Bob had not written.
        item["version"] = version.into();
        overwrite(&w.memory, &format!("item/{id}"), &item);
        let of_bob = |key: &String| {
            let record: GrantRecord = serde_json::from_value(record(&w.memory, key)).unwrap();
            record.grant.entries.iter().any(|e| e.1 == version + 1)
        };
        keys_of(&w.memory, "grant/").iter().filter(|key| of_bob(key)).for_each(|key| w.memory.overwrite(key, None));
    }
}

#[test]
fn an_owner_who_was_removed_keeps_nobody_from_writing() {
    let w = world();
    let (id, _) = seal(w.session("alice"), "one", &["bob", "carol"]);
    assert_eq!(next(w.session("bob"), id).dropped, [""; 0]);
    block_on(w.session("alice").remove_identity("alice")).unwrap();
    let third = next(w.session("carol"), id);
    assert_eq!(third.dropped, ["alice"]);
    assert_eq!(read(w.session("bob"), &third.bytes).unwrap(), "next");
    // Nor does whoever takes the login, and has none of it.
    let stranger = connect(&device(&w.relay), "alice", &pair(6)).unwrap();
    let fourth = next(w.session("bob"), id);
    assert_eq!(fourth.dropped, ["alice"]);
    assert_eq!(read(w.session("carol"), &fourth.bytes).unwrap(), "next");
    assert_eq!(code(read(&stranger, &fourth.bytes)), Code::NoAccess);
}

#[test]
fn what_is_put_together_signed_anew_and_given_on_names_owner_and_sealer_as_before() {
    let w = world();
    let (alice, bob) = (w.session("alice"), w.session("bob"));
    let drafts = (0..70).map(|n| draft(&n.to_string())).collect();
    let options = SealOptions { share_with: vec!["bob".into()], ..Default::default() };
    let items: Vec<Uuid> =
        block_on(alice.encrypt_many(drafts, &options, &no_progress)).unwrap().iter().map(|item| item.id).collect();
    let second = next(bob, items[0]);
    for item in &items {
        give(bob, &[*item], "carol");
    }
    // Compacting comes with what is sealed.
    for n in 0..2 {
        seal(bob, &format!("more {n}"), &["carol"]);
    }
    let to_carol = || -> Vec<Grant> {
        let all = keys_of(&w.memory, "grant/").into_iter().map(|key| record(&w.memory, &key));
        let grants = all.map(|value| serde_json::from_value::<GrantRecord>(value).unwrap().grant);
        let of_bob = bob.public_key().fingerprint();
        grants.filter(|grant| grant.delegate == "carol" && grant.grantor_fingerprint == of_bob).collect()
    };
    let origins = |grants: &[Grant]| {
        let entries = grants.iter().flat_map(|grant| &grant.entries).filter(|entry| items.contains(&entry.0));
        let mut all: Vec<_> = entries
            .map(|e| (e.key(), e.owner("bob").unwrap().to_owned(), e.sealer("bob").unwrap().to_owned()))
            .collect();
        all.sort();
        all
    };
    let named = origins(&to_carol());
    assert!(to_carol().iter().any(|grant| grant.entries.len() >= 64), "put together");
    assert_eq!(named.len(), 71);
    for (key, owner, sealer) in &named {
        assert_eq!(owner, "alice");
        assert_eq!(sealer, if *key == (items[0], 2) { "bob" } else { "alice" });
    }
    block_on(bob.renew_keys(None, &no_progress)).unwrap();
    assert_eq!(origins(&to_carol()), named);
    // Written anew without some, and given on by whoever got it.
    revoke(bob, Some(&items[60..]), "carol");
    assert_eq!(
        origins(&to_carol()),
        named.iter().filter(|(key, ..)| !items[60..].contains(&key.0)).cloned().collect::<Vec<_>>()
    );
    give(w.session("carol"), &items[..1], "dave");
    assert_eq!(read(w.session("dave"), &second.bytes).unwrap(), "next");
    let third = next(w.session("dave"), items[0]);
    assert_eq!(third.dropped, [""; 0]);
    assert_eq!(w.readers(&third.bytes), ["alice", "bob", "carol", "dave"], "whom owner and sealer gave it");
}

#[test]
fn a_group_that_owns_an_item_excludes_like_anybody() {
    let w = world();
    let profile = Profile { kind: "group".into(), name: None, payload: None };
    let members: Vec<String> = ["alice", "bob"].map(str::to_owned).into();
    block_on(w.session("alice").create_identity("ward", &profile, &members, None, None)).unwrap();
    let ward = block_on(w.session("alice").act_for("ward")).unwrap();
    let (id, _) = seal(&ward, "one", &["carol", "dave"]);
    let kept = granted(&w.memory);
    revoke(&ward, Some(&[id]), "carol");
    put_back(&w.memory, &kept);
    // By another person, and by another member, for the group.
    let second = next(w.session("dave"), id);
    assert_eq!(w.readers(&second.bytes), ["alice", "bob", "dave"]);
    put_back(&w.memory, &kept);
    let third = next(w.session("bob"), id);
    assert_eq!(w.readers(&third.bytes), ["alice", "bob", "dave"]);
    // What the group's keys say that were replaced undoes nothing.
    let alone = ["alice".to_owned()];
    block_on(w.session("alice").replace_sharing_group("ward", ListChange::to(&alone), &no_progress)).unwrap();
    let fourth = next(w.session("dave"), id);
    assert_eq!(w.readers(&fourth.bytes), ["alice", "dave"]);
}

#[test]
fn revocations_are_shown_to_readers_and_nobody_fills_other_peoples() {
    let w = world();
    let (id, _) = seal(w.session("alice"), "one", &["bob", "carol"]);
    let (others, _) = seal(w.session("mallory"), "mallory's", &["carol"]);
    let asked = |who: &Forger, by: &[&str], cursor: Option<String>| {
        let by = by.iter().map(|login| (*login).to_owned()).collect();
        match block_on(who.me.call(&Operation::Revocations { item: id, by, cursor }))? {
            Reply::Revocations { revocations, cursor } => Ok((revocations, cursor)),
            other => panic!("{other:?}"),
        }
    };
    let (bob, mallory) = (w.forger("bob"), w.forger("mallory"));
    // Mallory may end what she gave Carol; the item that she names beside is not hers.
    let grant = keys_of(&w.memory, "grant/").into_iter().map(|key| record(&w.memory, &key)["grant"].clone());
    let mut grant = grant.filter(|grant| grant["entries"][0][0] == *others.to_string());
    let grant = grant.find(|grant| grant["delegate"] == "carol").unwrap()["id"].as_str().unwrap().parse().unwrap();
    let junk = mallory.revocation(id, "carol", vec![grant]);
    let operation = Operation::Revoke { revocations: vec![junk.clone()], rewrite: vec![], remove: vec![] };
    block_on(mallory.me.call(&operation)).unwrap();
    // Nor by naming what the owner ended already.
    give(w.session("bob"), &[id], "carol");
    revoke(w.session("alice"), Some(&[id]), "carol");
    let all = keys_of(&w.memory, "grant/").into_iter().map(|key| record(&w.memory, &key));
    let cut = all.filter(|grant| grant["cuts"].is_array()).map(|grant| grant["grant"]["id"].clone());
    let cut: Vec<Uuid> = cut.map(|id| id.as_str().unwrap().parse().unwrap()).collect();
    assert!(!cut.is_empty());
    let operation =
        Operation::Revoke { revocations: vec![mallory.revocation(id, "carol", cut)], rewrite: vec![], remove: vec![] };
    block_on(mallory.me.call(&operation)).unwrap();
    assert!(asked(&bob, &["mallory"], None).unwrap().0.is_empty());
    // What the owner ended is there, page by page, for whoever reads the item and for nobody else.
    for _ in 0..39 {
        give(w.session("alice"), &[id], "carol");
        revoke(w.session("alice"), Some(&[id]), "carol");
    }
    let (first, cursor) = asked(&bob, &["alice", "mallory"], None).unwrap();
    let (second, end) = asked(&bob, &["alice", "mallory"], cursor.clone()).unwrap();
    assert_eq!((first.len(), second.len(), end), (32, 8, None));
    assert!(cursor.is_some() && first.iter().chain(&second).all(|r| r.revoker.login == "alice"));
    assert!(asked(&bob, &["bob"], None).unwrap().0.is_empty());
    for refused in [w.forger("mallory"), w.forger("dave")] {
        assert_eq!(code(asked(&refused, &["alice"], None)), Code::NoAccess);
    }
    assert_eq!(code(asked(&bob, &["alice"; 17], None)), Code::BadInput);
    assert_eq!(code(asked(&bob, &["alice"], Some("x".into()))), Code::BadInput);
    // And a client goes on where there are several pages.
    assert_eq!(w.readers(&next(w.session("bob"), id).bytes), ["alice", "bob"]);
}

#[test]
fn an_entry_of_a_grant_says_who_owns_and_sealed_it_in_one_way_only() {
    let entry = |more: &str| {
        let (id, digest) = (Uuid::from_u128(7), Fixed([3; 32]));
        serde_json::from_str::<GrantEntry>(&format!(
            "[{},1,{}{more}]",
            serde_json::to_string(&id).unwrap(),
            serde_json::to_string(&digest).unwrap()
        ))
    };
    let plain = entry("").unwrap();
    assert_eq!((plain.owner("bob"), plain.sealer("bob")), (Some("bob"), Some("bob")));
    let named = entry(r#",{"owner":"alice"}"#).unwrap();
    assert_eq!((named.owner("bob"), named.sealer("bob")), (Some("alice"), Some("bob")));
    let unsaid = entry(r#",{"owner":"alice","sealer":""}"#).unwrap();
    assert_eq!((unsaid.owner("bob"), unsaid.sealer("bob")), (Some("alice"), None));
    for bad in [",null", ",1", r#",{"owner":1}"#, r#",{"owner":"a"},1"#] {
        entry(bad).unwrap_err();
    }
    let check = |entries: Vec<GrantEntry>| {
        let grant = Grant {
            id: Uuid::from_u128(1),
            suite: SUITE,
            exchange: Uuid::from_u128(2),
            delegate: "bob".into(),
            grantor_fingerprint: Fixed([1; 32]),
            sealed: regrant::encoding::Bytes(vec![0; entries.len() * 32 + regrant::crypto::boxes::BOX_OVERHEAD]),
            entries,
            created: 1,
            not_after: None,
            signature: Fixed([0; 64]),
            extra: Extra::default(),
        };
        grant.check_form().map(|()| grant.transcript().finish())
    };
    // Everything that is said is signed, and in no two ways.
    let all = [plain, named, unsaid, entry(r#",{"sealer":"alice"}"#).unwrap()];
    let mut signed: Vec<Vec<u8>> = all.iter().map(|one| check(vec![one.clone()]).unwrap()).collect();
    signed.sort();
    signed.dedup();
    assert_eq!(signed.len(), all.len());
    assert_eq!(code(check(vec![entry(",{}").unwrap()])), Code::BadInput, "nobody");
    assert_eq!(code(check(vec![entry(r#",{"owner":"a\u0000"}"#).unwrap()])), Code::BadInput, "no login");
}
