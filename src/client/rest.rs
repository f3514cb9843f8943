//! What rests on this device of one login: its public keysets, its non-extractable private keys, what it remembers in a box.

use serde::{Deserialize, Serialize};

use crate::crypto::Engine;
use crate::crypto::boxes::{open_at_rest, seal_at_rest};
use crate::crypto::keys::RestKey;
use crate::crypto::rust::hkdf32;
use crate::encoding::{Transcript, from_base64url, to_base64url};
use crate::error::{Code, Error, Result};
use crate::graph::Memory;
use crate::keyring::OwnKey;
use crate::secret::Key32;
use crate::store::{Entry, Store, StoredKey};
use crate::wire::keyset::Keyset;

/// The format of what is stored; a newer one is refused.
const FORMAT: u64 = 1;
const LAST: &str = "last";

#[derive(Debug, Serialize, Deserialize)]
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

fn memory_key(login: &str) -> String {
    format!("memory/{login}")
}

fn unreadable() -> Error {
    Error::new(
        Code::StoreUnreadable,
        "what is stored on this device for this login cannot be read, and was not overwritten: loseKeys() forgets it",
    )
}

/// The key that boxes what is remembered, which derives from a keyset key.
pub(super) async fn rest_key(engine: &Engine, keyset_key: &Key32) -> Result<RestKey> {
    engine.import_rest(&hkdf32(keyset_key.expose(), Transcript::new("pins").as_bytes())?).await
}

/// What is to be stored.
pub(super) struct ToRest<'a> {
    pub(super) login: &'a str,
    pub(super) keys: &'a [OwnKey],
    pub(super) keyset: &'a Keyset,
    pub(super) rest: Option<&'a RestKey>,
    pub(super) memory: &'a Memory,
    pub(super) trusted: bool,
    pub(super) announced: bool,
    pub(super) lock: bool,
}

/// Stores a session, so that `resume` finds it, with what it remembers boxed under the key that rests with it: both
/// or neither. Keys that cannot rest unreadable here are left out: it is locked then.
pub(super) async fn store_session(engine: &Engine, store: &Store, what: &ToRest<'_>) -> Result<()> {
    let mut keys = Vec::new();
    for key in what.keys {
        keys.push(StoredKey::Decryption(key.decryption.clone()));
        keys.push(StoredKey::Signing(key.signing.clone()));
    }
    keys.extend(what.rest.map(|r| StoredKey::Rest(r.clone())));
    let locked = what.lock || what.rest.is_none() || !keys.iter().all(|k| store.keeps(k));
    if locked {
        keys.clear();
    }
    let keysets = match what.keys {
        [] => vec![what.keyset.clone()],
        keys => keys.iter().map(|k| k.keyset.clone()).collect(),
    };
    let record = SessionRecord {
        format: FORMAT,
        login: what.login.to_owned(),
        keysets,
        locked,
        trusted: what.trusted,
        announced: what.announced,
    };
    let text = crate::wire::to_json(&record)?;
    let last = Entry { text: crate::wire::to_json(&what.login)?, keys: Vec::new() };
    let mut changes = vec![(session_key(what.login), Some(Entry { text, keys })), (LAST.to_owned(), Some(last))];
    if let Some(rest) = what.rest {
        changes.push((memory_key(what.login), Some(boxed(engine, store, what.login, rest, what.memory).await?)));
    }
    store.write(changes).await
}

/// The login that connected last.
pub(super) async fn last_login(store: &Store) -> Result<Option<String>> {
    match store.get(LAST).await? {
        None => Ok(None),
        Some(entry) => serde_json::from_str(&entry.text).map(Some).map_err(|_| unreadable()),
    }
}

/// What rests of a login. `None`: nothing does. Errors: [`Code::StoreUnreadable`], [`Code::UnsupportedVersion`].
pub(super) async fn load_session(store: &Store, login: &str) -> Result<Option<Rested>> {
    let Some(entry) = store.get(&session_key(login)).await? else { return Ok(None) };
    let record: SessionRecord = serde_json::from_str(&entry.text).map_err(|_| newer_or_unreadable(&entry.text))?;
    if record.format != FORMAT {
        return Err(newer_or_unreadable(&entry.text));
    }
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
            keys.push(OwnKey { keyset: keyset.clone(), fingerprint, decryption, signing, keyset_key: None });
        }
        match stored.next() {
            Some(StoredKey::Rest(key)) => rest = Some(key),
            _ => return Err(unreadable()),
        }
    }
    Ok(Some(Rested { keyset, keys, rest, trusted: record.trusted, announced: record.announced }))
}

fn newer_or_unreadable(text: &str) -> Error {
    #[derive(Deserialize)]
    struct Format {
        format: u64,
    }
    match serde_json::from_str::<Format>(text) {
        Ok(found) if found.format > FORMAT => {
            Error::new(Code::UnsupportedVersion, "what is stored on this device was written by a newer version")
        }
        _ => unreadable(),
    }
}

fn memory_context(login: &str) -> Transcript {
    Transcript::new("rest/memory").text(login)
}

/// What is remembered, boxed, with what another tab stored under the same key since.
async fn boxed(engine: &Engine, store: &Store, login: &str, rest: &RestKey, memory: &Memory) -> Result<Entry> {
    let mut memory = memory.clone();
    match load_memory(engine, store, login, std::slice::from_ref(rest)).await {
        Ok(stored) => memory.merge(stored.unwrap_or_default()),
        // Boxed under a key that this one takes the place of; whoever could open it did, before.
        Err(e) if e.code() == Code::StoreUnreadable => {}
        Err(e) => return Err(e),
    }
    let json = crate::wire::to_json(&memory)?;
    let sealed = seal_at_rest(engine, rest, &memory_context(login), json.as_bytes()).await?;
    Ok(Entry { text: to_base64url(&sealed), keys: Vec::new() })
}

/// Boxes and stores what is remembered, for the session that rests here. Another session of the same login, with older
/// or newer keys, keeps its memory to itself: boxed under its key, it could not be opened by the one that rests.
pub(super) async fn store_memory(
    engine: &Engine,
    store: &Store,
    keyset: &Keyset,
    rest: &RestKey,
    memory: &Memory,
) -> Result<()> {
    let rested = load_session(store, &keyset.login).await?;
    if rested.is_some_and(|r| r.keyset.fingerprint() == keyset.fingerprint()) {
        let entry = boxed(engine, store, &keyset.login, rest, memory).await?;
        store.write(vec![(memory_key(&keyset.login), Some(entry))]).await?;
    }
    Ok(())
}

/// Opens what is remembered with the first key that fits. `None`: nothing is stored.
/// Errors: [`Code::StoreUnreadable`] when none fits; it is not treated as absent.
pub(super) async fn load_memory(
    engine: &Engine,
    store: &Store,
    login: &str,
    rests: &[RestKey],
) -> Result<Option<Memory>> {
    let Some(entry) = store.get(&memory_key(login)).await? else { return Ok(None) };
    let sealed = from_base64url(&entry.text).map_err(|_| unreadable())?;
    for rest in rests {
        if let Ok(plain) = open_at_rest(engine, rest, &memory_context(login), &sealed).await {
            return serde_json::from_slice(plain.expose()).map(Some).map_err(|_| unreadable());
        }
    }
    Err(unreadable())
}

/// Forgets everything of a login.
pub(super) async fn wipe(store: &Store, login: &str) -> Result<()> {
    let mut changes = vec![(session_key(login), None), (memory_key(login), None)];
    changes.extend(super::uploads::wipe(store, login).await);
    // What cannot be read must not keep anybody from wiping it.
    if !matches!(last_login(store).await, Ok(Some(last)) if last != login) {
        changes.push((LAST.to_owned(), None));
    }
    store.write(changes).await
}
