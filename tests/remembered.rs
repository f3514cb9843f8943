//! What a device remembers rests in several records: one contact more writes little, nothing is lost on the way, and an older
//! state of one of them does not pass for the present one.

use std::collections::BTreeMap;
use std::rc::Rc;

use regrant::client::{Client, Session};
use regrant::error::Code;
use regrant::graph::{FirstVersions, Memory};
use regrant::relay::Relay;
use regrant::store::{Batch, Entry, Outcome, Store, memory};

use super::support::*;

/// So many records there may be in these tests.
const PARTS: usize = 64;

struct World {
    relay: Relay,
    store: Store,
    client: Client,
    alice: Rc<Session>,
}

impl World {
    fn new() -> Self {
        let relay = relay();
        let store = Store::Memory(memory::Memory::default());
        let client = device_with(&relay, &store);
        let alice = connect(&client, "alice", &pair(0)).unwrap();
        Self { relay, store, client, alice }
    }

    /// Somebody new, and an item for them.
    fn meet(&self, login: &str) {
        connect(&device(&self.relay), login, &pair(1)).unwrap().end();
        seal(&self.alice, "hello", &[login]);
    }

    /// The records that hold what is remembered, as they rest.
    fn records(&self) -> BTreeMap<String, String> {
        let keys = (0..PARTS).map(|n| format!("remembered/{n}/alice")).chain(["memory/alice".to_owned()]);
        keys.filter_map(|key| Some((key.clone(), block_on(self.store.get(&key)).unwrap()?.text))).collect()
    }

    fn put(&self, key: &str, text: Option<&str>) {
        let entry = text.map(|text| Entry::of(text.to_owned()));
        let batch = Batch { changes: vec![(key.to_owned(), entry)], ..Batch::default() };
        assert_eq!(block_on(self.store.write(batch)).unwrap(), Outcome::Written);
    }

    fn resumed(&self) -> regrant::error::Result<Rc<Session>> {
        Ok(block_on(self.client.resume(Some("alice")))?.unwrap())
    }
}

/// All of it, stored; but for how far the log was read, which rests with what comes next.
fn lasting(session: &Session) -> Memory {
    block_on(session.keep()).unwrap_or_else(|e| panic!("{}", e.message()));
    // The order of items that were seen once is another one after a reload.
    Memory { heard: None, first_versions: FirstVersions::default(), ..session.memory() }
}

fn same(one: &Memory, other: &Memory) {
    // All of it is too much to print.
    assert!(one == other, "{:?} and {:?}", one.statements, other.statements);
}

#[test]
fn one_contact_more_writes_little_and_a_reload_knows_them_all() {
    let w = World::new();
    for n in 0..150 {
        w.meet(&format!("contact {n}"));
    }
    let before = w.records();
    assert!(before.len() > 4, "it rests in {} records", before.len());
    w.meet("one more");
    let after = w.records();
    let written: usize = after.iter().filter(|(key, text)| before.get(*key) != Some(text)).map(|(_, t)| t.len()).sum();
    assert!(written < 8 << 10, "{written} bytes");
    assert_eq!(after.len(), before.len());
    let mine = lasting(&w.alice);
    let again = w.resumed().unwrap();
    same(&lasting(&again), &mine);
    assert_eq!(again.memory().trust.len(), 152);
}

#[test]
fn nothing_that_is_remembered_is_left_out_of_what_rests() {
    let w = World::new();
    let bob = connect(&device(&w.relay), "bob", &vault(1)).unwrap();
    w.meet("carol");
    let ward = regrant::wire::statement::Profile { kind: "group".into(), name: None, payload: None };
    block_on(w.alice.create_identity("ward", &ward, &["alice".into(), "bob".into()], None, None)).unwrap();
    let (id, _) = seal(&w.alice, "one", &["bob", "ward"]);
    let options = regrant::delegation::SealOptions { id: Some(id), ..Default::default() };
    block_on(w.alice.encrypt(draft("two"), &options)).unwrap();
    block_on(w.alice.revoke(Some(&[id]), "bob", false)).unwrap();
    block_on(w.alice.change_shares(&["carol".into()], true)).unwrap();
    block_on(w.alice.set_named("alice", "a name", Some(id))).unwrap();
    // Bob begins anew: a candidate, and a decision.
    reset(&device(&w.relay), "bob", &vault(2)).unwrap();
    assert_eq!(block_on(w.alice.trust_state("bob")).unwrap(), regrant::trust::State::Changed);
    bob.end();
    block_on(w.alice.renew_keys(None, &no_progress)).unwrap();
    block_on(w.alice.keep()).unwrap();
    let memory = lasting(&w.alice);
    for (what, is_there) in [
        ("trust", !memory.trust.is_empty()),
        ("manifests", !memory.manifests.is_empty()),
        ("statements", !memory.statements.is_empty()),
        ("said", !memory.said.is_empty()),
        ("candidates", !memory.candidates.is_empty()),
        ("versions", !memory.versions.is_empty()),
        ("ended", !memory.ended.is_empty()),
    ] {
        assert!(is_there, "{what} is not tested here");
    }
    same(&lasting(&w.resumed().unwrap()), &memory);
}

#[test]
fn what_another_tab_stored_is_taken_over_with_the_next_change() {
    let w = World::new();
    let tab = w.resumed().unwrap();
    connect(&device(&w.relay), "bob", &pair(1)).unwrap();
    connect(&device(&w.relay), "carol", &pair(2)).unwrap();
    seal(&tab, "from the other tab", &["bob"]);
    assert!(!w.alice.memory().trust.contains_key("bob"));
    seal(&w.alice, "from this one", &["carol"]);
    assert!(w.alice.memory().trust.contains_key("bob"));
    let third = w.resumed().unwrap();
    assert!(["bob", "carol"].iter().all(|login| third.memory().trust.contains_key(*login)));
}

#[test]
fn an_older_state_of_one_record_or_none_does_not_pass_for_the_present_one() {
    let w = World::new();
    w.meet("bob");
    let older = w.records();
    w.meet("carol");
    let newer = w.records();
    let part = newer.keys().find(|key| key.starts_with("remembered/") && older.get(*key) != newer.get(*key)).unwrap();
    for text in [older.get(part).map(String::as_str), None, Some("AAAA")] {
        w.put(part, text);
        assert_eq!(code(w.resumed()), Code::StoreUnreadable, "{text:?}");
        // Nor is it written over.
        let there = block_on(w.store.get(part)).unwrap().map(|entry| entry.text);
        assert_eq!(there.as_deref(), text);
    }
    w.put(part, newer.get(part).map(String::as_str));
    let mine = lasting(&w.alice);
    same(&lasting(&w.resumed().unwrap()), &mine);
}

#[test]
fn signing_out_leaves_none_of_the_records() {
    let w = World::new();
    for n in 0..150 {
        w.meet(&format!("contact {n}"));
    }
    assert!(w.records().len() > 4);
    block_on(w.alice.disconnect()).unwrap();
    assert_eq!(w.records(), BTreeMap::new());
}
