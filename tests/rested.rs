//! What was opened rests on the device, and opens again after a reload without a question: until the log tells that access
//! ended.

use std::cell::Cell;
use std::rc::Rc;

use regrant::client::{Client, Session};
use regrant::crypto::envelope::Buffer;
use regrant::delegation::{SHARDS, shard_key};
use regrant::error::Code;
use regrant::relay::Relay;
use regrant::store::{Batch, Entry, Outcome, Store, memory};

use super::here::counted_relay_over;
use super::support::*;

/// Alice, and Bob on a device whose requests are counted.
struct World {
    memory: Memory,
    alice: Rc<Session>,
    relay: Relay,
    asked: Rc<Cell<usize>>,
    store: Store,
    bobs: Client,
    bob: Rc<Session>,
}

impl World {
    fn new() -> Self {
        let memory = Memory::default();
        let (relay, asked) = counted_relay_over(&memory, "test:relay", now);
        let store = Store::Memory(memory::Memory::default());
        let bobs = device_with(&relay, &store);
        let bob = connect(&bobs, "bob", &pair(1)).unwrap();
        let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
        Self { memory, alice, relay, asked, store, bobs, bob }
    }

    /// The page is left and opened again: what was noted is kept, and a session goes on from it.
    fn reload(&mut self) {
        block_on(self.bob.keep()).unwrap();
        self.bob.end();
        self.bob = block_on(self.bobs.resume(Some("bob"))).unwrap().unwrap();
    }

    /// How many requests that takes, but for what is said in the background.
    fn requests<T>(&self, work: impl FnOnce(&Session) -> T) -> (usize, T) {
        self.bob.in_background(|| ());
        let before = self.asked.get();
        let done = work(&self.bob);
        (self.asked.get() - before, done)
    }
}

fn silently(session: &Session, bytes: &Buffer) -> String {
    read(session, bytes).unwrap_or_else(|e| format!("{:?}", e.code()))
}

#[test]
fn what_was_opened_or_written_opens_after_a_reload_without_a_question() {
    let mut w = World::new();
    let (_, given) = seal(&w.alice, "given", &["bob"]);
    let (_, own) = seal(&w.bob, "own", &["alice"]);
    assert_eq!(read(&w.bob, &given).unwrap(), "given");
    w.reload();
    assert_eq!(w.requests(|bob| (silently(bob, &given), silently(bob, &own))), (0, ("given".into(), "own".into())));
    // What it did not open is asked for.
    let (_, other) = seal(&w.alice, "other", &["bob"]);
    let (requests, text) = w.requests(|bob| read(bob, &other).unwrap());
    assert_eq!(text, "other");
    assert!((1..=2).contains(&requests), "{requests}");
}

#[test]
fn access_that_ended_ends_what_rests_once_the_log_tells() {
    let mut w = World::new();
    let (id, given) = seal(&w.alice, "given", &["bob"]);
    let (_, other) = seal(&w.alice, "other", &["bob"]);
    for bytes in [&given, &other] {
        read(&w.bob, bytes).unwrap();
    }
    w.reload();
    // The session of before hears of it, and stores that; the next one knows.
    block_on(w.alice.revoke(Some(&[id]), "bob", false)).unwrap();
    block_on(w.bob.refresh()).unwrap();
    w.reload();
    assert_eq!(code(read(&w.bob, &given)), Code::NoAccess);
    w.reload();
    assert_eq!(w.requests(|bob| silently(bob, &other)), (0, "other".into()));
    // What is given anew is asked for, and rests again.
    block_on(w.alice.give_access(Some(&[id]), &["bob".into()], None, &no_progress)).unwrap();
    assert_eq!(read(&w.bob, &given).unwrap(), "given");
    w.reload();
    assert_eq!(w.requests(|bob| silently(bob, &given)), (0, "given".into()));
}

#[test]
fn a_session_that_goes_on_hears_of_the_end_by_push() {
    let mut w = World::new();
    let (id, given) = seal(&w.alice, "given", &["bob"]);
    read(&w.bob, &given).unwrap();
    w.reload();
    block_on(w.alice.revoke(Some(&[id]), "bob", false)).unwrap();
    assert_eq!(code(read(&w.bob, &given)), Code::NoAccess);
}

#[test]
fn what_is_removed_or_expires_does_not_open_by_what_rests() {
    let mut w = World::new();
    let (gone, first) = seal(&w.alice, "gone", &["bob"]);
    let (short, second) = seal(&w.alice, "short", &[]);
    let until = Some(now() + 60_000);
    block_on(w.alice.give_access(Some(&[short]), &["bob".into()], until, &no_progress)).unwrap();
    for bytes in [&first, &second] {
        read(&w.bob, bytes).unwrap();
    }
    w.reload();
    assert_eq!(w.requests(|bob| silently(bob, &second)), (0, "short".into()));
    pass(61_000);
    assert_eq!(code(read(&w.bob, &second)), Code::NoAccess);
    block_on(w.alice.remove_items(&[gone], true)).unwrap();
    assert_eq!(code(read(&w.bob, &first)), Code::NoAccess);
    w.reload();
    assert_eq!(code(read(&w.bob, &first)), Code::NoAccess);
}

#[test]
fn a_new_version_is_asked_for_and_the_old_one_is_outdated() {
    let mut w = World::new();
    let (id, first) = seal(&w.bob, "one", &[]);
    w.reload();
    let options = regrant::delegation::SealOptions { id: Some(id), ..Default::default() };
    let second = block_on(w.bob.encrypt(draft("two"), &options)).unwrap().bytes;
    w.reload();
    assert_eq!(w.requests(|bob| silently(bob, &second)), (0, "two".into()));
    assert_eq!(code(read(&w.bob, &first)), Code::Outdated);
}

#[test]
fn small_grants_that_were_put_together_open_as_before() {
    let mut w = World::new();
    let all: Vec<Buffer> = (0..70).map(|n| seal(&w.bob, &format!("{n}"), &[]).1).collect();
    let merged = keys_of(&w.memory, "grant/").len();
    assert!(merged < 70, "they were not put together: {merged}");
    // That it wrote itself is what the log tells.
    block_on(w.bob.poll()).unwrap();
    let (requests, texts) = w.requests(|bob| all.iter().map(|bytes| silently(bob, bytes)).collect::<Vec<_>>());
    assert_eq!((requests, texts[3].as_str(), texts[69].as_str()), (0, "3", "69"));
    w.reload();
    let (requests, texts) = w.requests(|bob| all.iter().map(|bytes| silently(bob, bytes)).collect::<Vec<_>>());
    assert_eq!((requests, texts[3].as_str(), texts[69].as_str()), (0, "3", "69"));
}

#[test]
fn what_rests_is_gone_with_the_keys_and_asked_for_where_it_is_altered() {
    let mut w = World::new();
    let (_, given) = seal(&w.alice, "given", &["bob"]);
    read(&w.bob, &given).unwrap();
    let rested = |store: &Store| -> Vec<String> {
        let keys = (0..SHARDS).map(|n| shard_key("bob", n));
        keys.filter(|key| block_on(store.get(key)).unwrap().is_some()).collect()
    };
    assert!(rested(&w.store).is_empty(), "stored at once");
    block_on(w.bob.keep()).unwrap();
    let there = rested(&w.store);
    assert!(!there.is_empty());
    // Another store's, or a damaged one: it counts as nothing.
    for key in &there {
        let batch = Batch { changes: vec![(key.clone(), Some(Entry::of("AAAA".into())))], ..Batch::default() };
        assert_eq!(block_on(w.store.write(batch)).unwrap(), Outcome::Written);
    }
    w.reload();
    let (requests, text) = w.requests(|bob| silently(bob, &given));
    assert_eq!(text, "given");
    assert!(requests > 0, "it was opened by what is not there");
    block_on(w.bob.keep()).unwrap();
    // Locked, what rests cannot be opened; unlocked, it can.
    block_on(w.bob.lock()).unwrap();
    assert_eq!(code(read(&w.bob, &given)), Code::Locked);
    block_on(w.bob.unlock(&pair(1))).unwrap();
    assert_eq!(w.requests(|bob| silently(bob, &given)), (0, "given".into()));
    block_on(w.bobs.lose_keys("bob")).unwrap();
    assert!(rested(&w.store).is_empty(), "something rests of keys that are gone");
    // A session that was under way when they went stores nothing any more.
    assert_eq!(code(read(&w.bob, &given)), Code::NotConnected);
    assert!(rested(&w.store).is_empty());
}

#[test]
fn a_device_that_was_away_from_the_log_goes_by_nothing_that_rested() {
    let mut w = World::new();
    let (id, given) = seal(&w.alice, "given", &["bob"]);
    read(&w.bob, &given).unwrap();
    block_on(w.bob.keep()).unwrap();
    w.bob.end();
    // What happened meanwhile is not read: the device begins at the log's head.
    block_on(w.alice.revoke(Some(&[id]), "bob", false)).unwrap();
    w.bob = connect(&w.bobs, "bob", &pair(1)).unwrap();
    assert_eq!(code(read(&w.bob, &given)), Code::NoAccess);
    w.reload();
    assert_eq!(code(read(&w.bob, &given)), Code::NoAccess);
}

#[test]
fn what_keys_gave_before_they_began_anew_opens_as_before() {
    let mut w = World::new();
    let (_, given) = seal(&w.alice, "given", &["bob"]);
    read(&w.bob, &given).unwrap();
    w.reload();
    // Alice begins anew, and Bob relies on her new keys: hers of before count as long as he relied on them.
    let anew = reset(&device(&w.relay), "alice", &pair(2)).unwrap();
    assert_eq!(w.requests(|bob| silently(bob, &given)).1, "given");
    block_on(w.bob.refresh()).unwrap();
    let (_, later) = seal(&anew, "later", &[]);
    assert_eq!(code(read(&w.bob, &later)), Code::NoAccess);
    w.reload();
    assert_eq!(w.requests(|bob| silently(bob, &given)).1, "given");
}
