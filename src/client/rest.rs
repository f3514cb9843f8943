//! What rests on this device of one login: its public keysets, its non-extractable private keys, what it remembers in a box.

use serde::{Deserialize, Serialize};

use super::remembered::{self, Remembered};
use super::uploads;
use crate::crypto::Engine;
use crate::crypto::keys::RestKey;
use crate::delegation::{SHARDS, Shelf, shard_key};
use crate::encoding::from_json;
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::keyring::OwnKey;
use crate::store::{Batch, Entry, Outcome, Store, StoredKey, newer_or};
use crate::wire::keyset::Keyset;

/// The format of what is stored; a newer one is refused.
const FORMAT: u64 = 1;
const LAST: &str = "last";
/// How often a write that others came before is decided again.
pub(super) const ATTEMPTS: usize = 64;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionRecord {
    format: u64,
    login: String,
    /// The keysets in the order of their versions; two private keys each rest beside the record, unless it is locked.
    keysets: Vec<Keyset>,
    locked: bool,
    /// Whether the newest keyset is reached from what its owner vouched for.
    trusted: bool,
    /// Whether contacts were told that keys are new.
    announced: bool,
}

/// What was found at rest.
#[derive(Debug)]
pub(super) struct Rested {
    /// The newest keyset's public part.
    pub(super) keyset: Keyset,
    /// Own keysets with their private keys; empty when locked.
    pub(super) keys: Vec<OwnKey>,
    /// What boxes the memory of others; absent when locked.
    pub(super) rest: Option<RestKey>,
    pub(super) trusted: bool,
    pub(super) announced: bool,
}

fn session_key(login: &str) -> String {
    format!("session/{login}")
}

pub(super) fn unreadable() -> Error {
    Error::new(
        Code::StoreUnreadable,
        "what is stored on this device for this login cannot be read, and was not overwritten: try again",
    )
}

/// Why a session is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It begins. `reset`: what cannot be read is given up.
    Begin { reset: bool },
    /// Its keys were opened anew.
    Unlock,
    /// Something about it changed.
    Update,
    /// Its keys are to leave this device.
    Lock,
}

/// What is to be stored.
pub(super) struct ToRest<'a> {
    pub(super) login: &'a str,
    pub(super) keys: &'a [OwnKey],
    pub(super) keyset: &'a Keyset,
    /// What boxes the memory, and after it what may have boxed it before; none when locked.
    pub(super) rests: &'a [RestKey],
    pub(super) me: &'a Principal,
    pub(super) trusted: bool,
    pub(super) announced: bool,
}

impl ToRest<'_> {
    fn knows(&self, keyset: &Keyset) -> bool {
        let fingerprint = keyset.fingerprint();
        self.keyset.fingerprint() == fingerprint || self.keys.iter().any(|k| k.fingerprint == fingerprint)
    }
}

fn signed_out() -> Error {
    Error::new(Code::NotConnected, "this login was signed out in another tab: connect() again")
}

pub(super) fn busy() -> Error {
    Error::new(Code::Conflict, "others write to the store on this device without pause: try again")
}

/// Stores a session, so that `resume` finds it, with what it remembers boxed under the key that rests with it: both
/// or neither. Keys that cannot rest unreadable here are left out: it is locked then. Gives what is remembered now,
/// with what others stored.
///
/// Only a session that begins may make the record: one that goes on does not bring back what another tab wiped
/// ([`Code::NotConnected`]), nor does it replace newer keys, or unlock what another tab locked.
pub(super) async fn store_session(
    engine: &Engine,
    store: &Store,
    what: &ToRest<'_>,
    state: &mut Remembered,
    why: Why,
) -> Result<()> {
    let _held = store.hold().await;
    let give_up = why == Why::Begin { reset: true };
    let mut refused = false;
    for _ in 0..ATTEMPTS {
        let mut batch = Batch { give_up, ..Batch::default() };
        let found = match read_session(store, what.login).await {
            Err(e) if e.code() == Code::StoreUnreadable && give_up => None,
            other => {
                let found = other?;
                batch.expected.push((session_key(what.login), found.as_ref().map(|(entry, _)| entry.text.clone())));
                found.map(|(_, record)| record)
            }
        };
        if found.is_none() && !matches!(why, Why::Begin { .. }) {
            return Err(signed_out());
        }
        let elsewhere = found.as_ref().filter(|r| match r.keysets.last() {
            Some(newest) => newest.version >= what.keyset.version && !what.knows(newest),
            None => false,
        });
        let mut writing = None;
        match (elsewhere, why) {
            // Newer keys rest here than this session knows of: they go, and what is remembered with them stays.
            (Some(newer), Why::Lock) => {
                let text = crate::wire::to_json(&SessionRecord { locked: true, ..newer.clone() })?;
                batch.changes.push((session_key(what.login), Some(Entry::of(text))));
            }
            (Some(_), Why::Unlock | Why::Update) => return Ok(()),
            _ => {
                let entry = session_entry(store, what, found.as_ref(), why, refused)?;
                batch.changes.push((session_key(what.login), Some(entry)));
                if matches!(why, Why::Begin { .. }) {
                    batch.changes.push((LAST.to_owned(), Some(Entry::of(crate::wire::to_json(&what.login)?))));
                }
                writing = match remembered::add(engine, store, what.me, what.rests, state, &mut batch).await {
                    // Whatever cannot be read must not keep keys on this device.
                    Err(e) if e.code() == Code::StoreUnreadable && why == Why::Lock => None,
                    other => other?,
                };
            }
        }
        let outcome = store.write(batch).await;
        remembered::done(what.me, state, writing, matches!(outcome, Ok(Outcome::Written)));
        match outcome? {
            Outcome::Written => return Ok(()),
            Outcome::KeysRefused if refused => return Err(unreadable()),
            Outcome::KeysRefused => refused = true,
            Outcome::Changed => {}
        }
    }
    Err(busy())
}

/// The record of a session, with its keys unless it is locked.
fn session_entry(
    store: &Store,
    what: &ToRest<'_>,
    found: Option<&SessionRecord>,
    why: Why,
    refused: bool,
) -> Result<Entry> {
    let mut keys = Vec::new();
    for key in what.keys {
        keys.push(StoredKey::Decryption(key.decryption.clone()));
        keys.push(StoredKey::Signing(key.signing.clone()));
    }
    keys.extend(what.rests.first().map(|rest| StoredKey::Rest(rest.clone())));
    let stays_locked = why == Why::Update && found.is_some_and(|r| r.locked);
    let unable = refused || what.rests.is_empty() || !keys.iter().all(|k| store.keeps(k));
    let locked = why == Why::Lock || stays_locked || unable;
    if locked {
        keys.clear();
    }
    let keysets: Vec<Keyset> = match what.keys {
        [] => vec![what.keyset.clone()],
        keys => keys.iter().map(|k| k.keyset.clone()).collect(),
    };
    let same =
        |r: &&SessionRecord| r.keysets.last().map(Keyset::fingerprint) == keysets.last().map(Keyset::fingerprint);
    let announced = what.announced || found.filter(same).is_some_and(|r| r.announced);
    let (login, trusted) = (what.login.to_owned(), what.trusted);
    let record = SessionRecord { format: FORMAT, login, keysets, locked, trusted, announced };
    Ok(Entry { text: crate::wire::to_json(&record)?, keys })
}

/// The login that connected last.
pub(super) async fn last_login(store: &Store) -> Result<Option<String>> {
    match store.get(LAST).await? {
        None => Ok(None),
        Some(entry) => from_json(&entry.text).map(Some).map_err(|_| newer_or(&entry.text, FORMAT, unreadable())),
    }
}

/// The session record of a login, checked. Errors: [`Code::StoreUnreadable`], [`Code::UnsupportedVersion`].
async fn read_session(store: &Store, login: &str) -> Result<Option<(Entry, SessionRecord)>> {
    let Some(entry) = store.get(&session_key(login)).await? else { return Ok(None) };
    let record = from_json::<SessionRecord>(&entry.text).ok();
    let record = record.filter(|r| r.format == FORMAT && r.login == login && !r.keysets.is_empty());
    match record {
        Some(record) => Ok(Some((entry, record))),
        None => Err(newer_or(&entry.text, FORMAT, unreadable())),
    }
}

/// What rests of a login. `None`: nothing does. Errors: [`Code::StoreUnreadable`], [`Code::UnsupportedVersion`].
pub(super) async fn load_session(store: &Store, login: &str) -> Result<Option<Rested>> {
    let Some((entry, record)) = read_session(store, login).await? else { return Ok(None) };
    let keyset = record.keysets.last().cloned().ok_or_else(unreadable)?;
    let mut keys = Vec::new();
    let mut rest = None;
    if !record.locked {
        let mut stored = entry.keys.into_iter();
        for keyset in &record.keysets {
            let (Some(StoredKey::Decryption(decryption)), Some(StoredKey::Signing(signing))) =
                (stored.next(), stored.next())
            else {
                return Err(unreadable());
            };
            let fingerprint = keyset.fingerprint();
            keys.push(OwnKey {
                keyset: keyset.clone(),
                fingerprint,
                decryption,
                signing,
                keyset_key: None,
                managing: None,
            });
        }
        match stored.next() {
            Some(StoredKey::Rest(key)) => rest = Some(key),
            _ => return Err(unreadable()),
        }
    }
    Ok(Some(Rested { keyset, keys, rest, trusted: record.trusted, announced: record.announced }))
}

/// Boxes and stores what is remembered, for the session that rests here; what others stored is remembered, too. Another
/// session of the same login, with older or newer keys, keeps its memory to itself: boxed under its key, it could not be
/// opened by the one that rests. Errors: [`Code::NotConnected`] if another tab signed out.
pub(super) async fn store_memory(
    engine: &Engine,
    store: &Store,
    keyset: &Keyset,
    rests: &[RestKey],
    me: &Principal,
    state: &mut Remembered,
) -> Result<()> {
    let login = &keyset.login;
    let _held = store.hold().await;
    for _ in 0..ATTEMPTS {
        let (entry, record) = read_session(store, login).await?.ok_or_else(signed_out)?;
        if record.keysets.last().is_none_or(|newest| newest.fingerprint() != keyset.fingerprint()) {
            return Ok(());
        }
        let mut batch = Batch { expected: vec![(session_key(login), Some(entry.text))], ..Batch::default() };
        let writing = remembered::add(engine, store, me, rests, state, &mut batch).await?;
        let outcome = store.write(batch).await;
        remembered::done(me, state, writing, matches!(outcome, Ok(Outcome::Written)));
        match outcome? {
            Outcome::Written => return Ok(()),
            Outcome::KeysRefused => return Err(unreadable()),
            Outcome::Changed => {}
        }
    }
    Err(busy())
}

/// What rests of a login's opened items. `None`: keys do not rest in this store, and what they open does not, either.
pub(super) fn shelf(engine: &Engine, store: &Store, login: &str, rests: &[RestKey]) -> Option<Shelf> {
    let rests_here = rests.first().is_some_and(|rest| store.keeps(&StoredKey::Rest(rest.clone())));
    rests_here.then(|| Shelf::new(engine, store, login, rests.to_vec()))
}

/// Stores what was noted of opened items, for the session that rests here. Another one's would be boxed under a key that
/// does not rest.
pub(super) async fn store_opened(store: &Store, keyset: &Keyset, shelf: &Shelf) -> Result<()> {
    let login = &keyset.login;
    let _held = store.hold().await;
    for _ in 0..ATTEMPTS {
        let (entry, record) = read_session(store, login).await?.ok_or_else(signed_out)?;
        let rests_here = record.keysets.last().is_some_and(|newest| newest.fingerprint() == keyset.fingerprint());
        let mut batch = Batch { expected: vec![(session_key(login), Some(entry.text))], ..Batch::default() };
        let added = shelf.add_to(&mut batch).await?;
        if !rests_here || record.locked {
            shelf.done(added, false);
            return Ok(());
        }
        match store.write(batch).await {
            Ok(Outcome::Changed) => {}
            Ok(Outcome::Written) => {
                shelf.done(added, true);
                return Ok(());
            }
            // It is a cache: where there is no room, what was opened is asked for again.
            Ok(Outcome::KeysRefused) | Err(_) => {
                shelf.done(added, false);
                return Ok(());
            }
        }
    }
    Err(busy())
}

/// Forgets everything of a login, readable or not.
pub(super) async fn wipe(store: &Store, login: &str) -> Result<()> {
    let _held = store.hold().await;
    for _ in 0..ATTEMPTS {
        let mut batch = Batch { give_up: true, ..Batch::default() };
        batch.changes = vec![(session_key(login), None)];
        remembered::wipe(store, login, &mut batch).await;
        uploads::wipe(store, login, &mut batch).await;
        if store.may_keep_keys() {
            batch.changes.extend((0..SHARDS).map(|shard| (shard_key(login, shard), None)));
        }
        // What cannot be read must not keep anybody from wiping it.
        match store.get(LAST).await {
            Ok(Some(entry)) if from_json::<String>(&entry.text).is_ok_and(|last| last != login) => {
                batch.expected.push((LAST.to_owned(), Some(entry.text)));
            }
            _ => batch.changes.push((LAST.to_owned(), None)),
        }
        if store.write(batch).await? == Outcome::Written {
            return Ok(());
        }
    }
    Err(busy())
}
