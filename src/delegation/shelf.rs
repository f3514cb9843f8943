//! What rests of opened items on this device: the data key of each and by whose grant it came, found by item. What was
//! opened or written opens again after a reload, without a question.
//!
//! It is a cache: what does not fit, cannot be read, or lapsed is asked for again. Its records are as many as there are
//! [`SHARDS`], and bounded; an item's is named by the item.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use uuid::Uuid;

use crate::crypto::Engine;
use crate::crypto::boxes::{open_at_rest, seal_at_rest};
use crate::crypto::keys::RestKey;
use crate::crypto::turn::turn;
use crate::encoding::{Fixed, Hash, Transcript, from_base64url, from_json_bytes, to_base64url};
use crate::error::Result;
use crate::secret::{Key32, SecretBytes};
use crate::store::{Batch, Entry, Store};
use crate::wire::keyset::Keyset;
use crate::wire::to_json;

/// How many records there are at most of one login.
pub const SHARDS: usize = 64;
/// What one of them holds at most, in bytes: some 600 items.
const SHARD_BYTES: usize = 128 << 10;
/// So many values of one record are to be kept at most.
const MAX_NOTED: usize = 640;
/// A value's length, and how its key is named, in bytes.
const PREFIX: usize = 4 + NAME;
const NAME: usize = 16;
/// Of an item's value what comes before the login.
const ITEM_BYTES: usize = 4 + 8 + 8 + 16 + 32 + 32 + 32;

/// The record of one shard.
pub fn shard_key(login: &str, shard: usize) -> String {
    format!("opened/{shard:02}/{login}")
}

fn context(login: &str, shard: usize) -> Transcript {
    Transcript::new("rest/opened").text(login).int(shard as u64)
}

/// What a value is kept under: an item's id, or a hash of a login.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name([u8; NAME]);

impl Name {
    fn of_item(item: Uuid) -> Self {
        Self(*item.as_bytes())
    }

    fn of_login(login: &str) -> Self {
        let mut name = [0; NAME];
        name.copy_from_slice(&Transcript::new("rest/offer").text(login).sha256()[..NAME]);
        Self(name)
    }

    fn shard(self) -> usize {
        // An id's last byte is random, whoever made it: its first ones may be a time.
        usize::from(self.0[NAME - 1]) % SHARDS
    }
}

/// What opens one version of an item.
#[derive(Clone)]
pub(super) struct Shelved {
    pub(super) version: u32,
    /// How far the log was read when the grant counted.
    pub(super) heard: u64,
    /// Unix milliseconds.
    pub(super) not_after: Option<u64>,
    pub(super) grant: Uuid,
    pub(super) key: Key32,
    pub(super) digest: Hash,
    pub(super) grantor: Hash,
    pub(super) delegator: String,
}

impl Shelved {
    fn to_bytes(&self) -> SecretBytes {
        // As large as it gets: a vector that grows leaves a copy behind.
        let mut out = Vec::with_capacity(ITEM_BYTES + self.delegator.len());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.heard.to_be_bytes());
        out.extend_from_slice(&self.not_after.unwrap_or(u64::MAX).to_be_bytes());
        out.extend_from_slice(self.grant.as_bytes());
        out.extend_from_slice(self.key.expose());
        out.extend_from_slice(&self.digest.0);
        out.extend_from_slice(&self.grantor.0);
        out.extend_from_slice(self.delegator.as_bytes());
        SecretBytes::new(out)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk()?;
        let (heard, rest) = rest.split_first_chunk()?;
        let (not_after, rest) = rest.split_first_chunk()?;
        let (grant, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(32)?;
        let (digest, rest) = rest.split_first_chunk()?;
        let (grantor, login) = rest.split_first_chunk()?;
        Some(Self {
            version: u32::from_be_bytes(*version),
            heard: u64::from_be_bytes(*heard),
            not_after: Some(u64::from_be_bytes(*not_after)).filter(|at| *at != u64::MAX),
            grant: Uuid::from_bytes(*grant),
            key: Key32::from_slice(key).ok()?,
            digest: Fixed(*digest),
            grantor: Fixed(*grantor),
            delegator: String::from_utf8(login.to_vec()).ok()?,
        })
    }
}

/// Values by their names, the one that was kept last at the end. They are few enough to be looked through.
#[derive(Clone, Default)]
struct Values(Vec<(Name, SecretBytes)>);

impl Values {
    fn get(&self, name: Name) -> Option<&SecretBytes> {
        self.0.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn keep(&mut self, name: Name, value: SecretBytes) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }

    /// Forgets what was kept first, until the rest fits.
    fn bound(&mut self) {
        let mut bytes = 0;
        let fits = |(_, value): &&(Name, SecretBytes)| {
            bytes += PREFIX + value.expose().len();
            bytes <= SHARD_BYTES
        };
        let kept = self.0.iter().rev().take_while(fits).count();
        self.0.drain(..self.0.len() - kept);
    }

    fn to_bytes(&self) -> SecretBytes {
        let bytes = self.0.iter().map(|(_, value)| PREFIX + value.expose().len()).sum();
        let mut out = Vec::with_capacity(bytes);
        for (name, value) in &self.0 {
            out.extend_from_slice(&name.0);
            out.extend_from_slice(&(value.expose().len() as u32).to_be_bytes());
            out.extend_from_slice(value.expose());
        }
        SecretBytes::new(out)
    }

    /// Reads what [`Values::to_bytes`] wrote; nothing of what is not that.
    fn read(mut bytes: &[u8]) -> Self {
        let mut values = Self::default();
        while let Some((name, rest)) = bytes.split_first_chunk()
            && let Some((length, rest)) = rest.split_first_chunk()
            && let Some((value, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)
        {
            values.0.push((Name(*name), SecretBytes::new(value.to_vec())));
            bytes = rest;
        }
        values
    }
}

/// A shard as it was read, and its text.
#[derive(Default)]
struct Loaded {
    values: Values,
    text: Option<String>,
}

/// What rests of opened items of one login.
pub struct Shelf {
    engine: Engine,
    store: Store,
    login: String,
    /// What boxes it, and after it what may have boxed it before.
    rests: Vec<RestKey>,
    loaded: RefCell<Vec<Option<Rc<Loaded>>>>,
    /// What is to be kept, by shard.
    noted: RefCell<Vec<Values>>,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelf({})", self.login)
    }
}

impl Shelf {
    /// Of a login whose keys rest on this device.
    pub fn new(engine: &Engine, store: &Store, login: &str, rests: Vec<RestKey>) -> Self {
        Self {
            engine: engine.clone(),
            store: store.clone(),
            login: login.to_owned(),
            rests,
            loaded: RefCell::new(vec![None; SHARDS]),
            noted: RefCell::new(vec![Values::default(); SHARDS]),
        }
    }

    /// Forgets what is in memory of it, whoever still has it at hand.
    pub fn clear(&self) {
        self.loaded.borrow_mut().fill(None);
        self.noted.borrow_mut().fill(Values::default());
    }

    /// Whether there is something to be kept.
    pub fn has_noted(&self) -> bool {
        self.noted.borrow().iter().any(|noted| !noted.0.is_empty())
    }

    /// What opens an item, if that is known here.
    pub(super) async fn item(&self, item: Uuid) -> Option<Shelved> {
        Shelved::read(self.value(Name::of_item(item)).await?.expose())
    }

    /// The keysets of a login, if they are kept here.
    pub(super) async fn offer(&self, login: &str) -> Option<Vec<Keyset>> {
        from_json_bytes(self.value(Name::of_login(login)).await?.expose()).ok()
    }

    async fn value(&self, name: Name) -> Option<SecretBytes> {
        let shard = name.shard();
        if let Some(noted) = self.noted.borrow()[shard].get(name) {
            return Some(noted.clone());
        }
        let known = self.loaded.borrow()[shard].clone();
        let loaded = match known {
            Some(loaded) => loaded,
            None => Rc::new(self.load(shard).await),
        };
        self.loaded.borrow_mut()[shard] = Some(loaded.clone());
        loaded.values.get(name).cloned()
    }

    /// What rests; nothing where that cannot be read.
    async fn load(&self, shard: usize) -> Loaded {
        let text = self.store.get(&shard_key(&self.login, shard)).await.ok().flatten().map(|entry| entry.text);
        let sealed = text.as_deref().and_then(|text| from_base64url(text).ok()).unwrap_or_default();
        for rest in &self.rests {
            if let Ok(plain) = open_at_rest(&self.engine, rest, &context(&self.login, shard), &sealed).await {
                return Loaded { values: Values::read(plain.expose()), text };
            }
        }
        Loaded { text, ..Loaded::default() }
    }

    fn note(&self, name: Name, value: SecretBytes) {
        let noted = &mut self.noted.borrow_mut()[name.shard()];
        noted.keep(name, value);
        // Of very many at once the first would not stay, either.
        if noted.0.len() > MAX_NOTED {
            noted.0.remove(0);
        }
    }

    /// Keeps what opens an item.
    pub(super) fn note_item(&self, item: Uuid, shelved: &Shelved) {
        self.note(Name::of_item(item), shelved.to_bytes());
    }

    /// Keeps the keysets of a login, unless that is what is kept.
    pub(super) fn note_offer(&self, login: &str, offer: &[Keyset]) {
        let name = Name::of_login(login);
        let Ok(text) = to_json(&offer) else { return };
        let known = self.loaded.borrow()[name.shard()].clone();
        let known = known.is_some_and(|loaded| loaded.values.get(name).is_some_and(|v| v.expose() == text.as_bytes()));
        if !known && text.len() < SHARD_BYTES / 4 {
            self.note(name, SecretBytes::new(text.into_bytes()));
        }
    }

    /// Adds to a batch what was noted, with what others kept meanwhile. Gives what has to be told of it once it is written.
    pub async fn add_to(&self, batch: &mut Batch) -> Result<Added> {
        let mut added = Added(vec![(Values::default(), None); SHARDS]);
        let Some(rest) = self.rests.first() else { return Ok(added) };
        for shard in 0..SHARDS {
            let noted = self.noted.borrow()[shard].clone();
            if noted.0.is_empty() {
                continue;
            }
            let mut loaded = self.load(shard).await;
            noted.0.iter().for_each(|(name, value)| loaded.values.keep(*name, value.clone()));
            loaded.values.bound();
            turn().await;
            let plain = loaded.values.to_bytes();
            let sealed = seal_at_rest(&self.engine, rest, &context(&self.login, shard), plain.expose()).await?;
            let text = to_base64url(&sealed);
            batch.expected.push((shard_key(&self.login, shard), loaded.text.replace(text.clone())));
            batch.changes.push((shard_key(&self.login, shard), Some(Entry::of(text))));
            added.0[shard] = (noted, Some(Rc::new(loaded)));
        }
        Ok(added)
    }

    /// What was noted is kept, or was given up. What was noted meanwhile stays.
    pub fn done(&self, added: Added, kept: bool) {
        for (shard, (written, loaded)) in added.0.into_iter().enumerate() {
            let new = |name: Name, value: &SecretBytes| written.get(name).is_none_or(|w| w.expose() != value.expose());
            self.noted.borrow_mut()[shard].0.retain(|(name, value)| new(*name, value));
            if kept && loaded.is_some() {
                self.loaded.borrow_mut()[shard] = loaded;
            }
        }
    }
}

/// What a batch is to keep, by shard.
pub struct Added(Vec<(Values, Option<Rc<Loaded>>)>);

impl fmt::Debug for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Added")
    }
}
