//! What stays on this device: small sealed records, and private keys that cannot be read out.
//!
//! *Missing*, *unreadable* and *full* are different errors, and nothing that failed to load is ever
//! treated as absent. Several tabs or processes may share a store: whoever writes says what it had read, and writes
//! nothing where that is no longer so.

#[cfg(target_arch = "wasm32")]
pub mod foreign;
#[cfg(target_arch = "wasm32")]
pub mod indexed_db;
#[cfg(target_arch = "wasm32")]
pub mod local_storage;
#[cfg(target_arch = "wasm32")]
pub mod lock;
pub mod memory;

use serde::Deserialize;

use crate::crypto::keys::{DecryptionKey, RestKey, SigningKey};
use crate::error::{Code, Error, Result};

/// The longest record that is read or written, in bytes.
pub const MAX_TEXT: usize = 1 << 24;

/// A key that rests beside a record.
#[derive(Clone, Debug)]
pub enum StoredKey {
    /// Opens what is encrypted to a keyset.
    Decryption(DecryptionKey),
    /// Signs for a keyset.
    Signing(SigningKey),
    /// Opens the records at rest.
    Rest(RestKey),
}

/// One record.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// JSON, or a sealed box in base64url. Never a secret in the clear.
    pub text: String,
    /// Keys that rest with it.
    pub keys: Vec<StoredKey>,
}

impl Entry {
    /// A record without keys.
    pub fn of(text: String) -> Self {
        Self { text, keys: Vec::new() }
    }
}

/// Records to be written or deleted (`None`), all or none.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What to write.
    pub changes: Vec<(String, Option<Entry>)>,
    /// What must still be there for that: the texts of records as they were read; `None`: there was none.
    pub expected: Vec<(String, Option<String>)>,
    /// The caller asked to give up what cannot be read: a store that is one unreadable piece begins anew.
    pub give_up: bool,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is written.
    Written,
    /// Nothing is written: something else is there than what was expected.
    Changed,
    /// Nothing is written: the store cannot keep the keys, here and now.
    KeysRefused,
}

/// The stores that there are.
#[derive(Clone, Debug)]
pub enum Store {
    /// In this module's memory: gone with it.
    Memory(memory::Memory),
    /// In IndexedDB.
    #[cfg(target_arch = "wasm32")]
    IndexedDb(indexed_db::IndexedDb),
    /// In localStorage: text only.
    #[cfg(target_arch = "wasm32")]
    LocalStorage(local_storage::LocalStorage),
    /// In a JavaScript object: text only.
    #[cfg(target_arch = "wasm32")]
    Foreign(foreign::Foreign),
}

/// While it is there, other tabs wait with what they want to write.
#[derive(Debug)]
pub struct Held {
    #[cfg(target_arch = "wasm32")]
    _held: Option<lock::Held>,
}

impl Store {
    /// Waits for other tabs that are reading in order to write. What is relied on is the comparison in [`Store::write`]:
    /// waiting keeps those who compare from getting into each other's way again and again.
    pub async fn hold(&self) -> Held {
        Held {
            #[cfg(target_arch = "wasm32")]
            _held: match self {
                Self::IndexedDb(s) => s.lock().hold().await,
                Self::LocalStorage(s) => s.lock().hold().await,
                Self::Memory(_) | Self::Foreign(_) => None,
            },
        }
    }

    /// One record.
    pub async fn get(&self, key: &str) -> Result<Option<Entry>> {
        let found = match self {
            Self::Memory(s) => s.get(key),
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(s) => s.get(key).await?,
            #[cfg(target_arch = "wasm32")]
            Self::LocalStorage(s) => s.get(key)?,
            #[cfg(target_arch = "wasm32")]
            Self::Foreign(s) => s.get(key).await?,
        };
        if found.as_ref().is_some_and(|entry| entry.text.len() > MAX_TEXT) {
            return Err(failed(Code::StoreUnreadable));
        }
        Ok(found)
    }

    /// Writes a batch: all of it or nothing.
    pub async fn write(&self, batch: Batch) -> Result<Outcome> {
        // What could not be read again is not written.
        if batch.changes.iter().any(|(_, entry)| entry.as_ref().is_some_and(|e| e.text.len() > MAX_TEXT)) {
            return Err(failed(Code::Quota));
        }
        match self {
            Self::Memory(s) => Ok(s.write(batch)),
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(s) => s.write(batch).await,
            #[cfg(target_arch = "wasm32")]
            Self::LocalStorage(s) => s.write(batch),
            #[cfg(target_arch = "wasm32")]
            Self::Foreign(s) => s.write(batch).await,
        }
    }

    /// Whether there are private keys that can rest here.
    pub fn may_keep_keys(&self) -> bool {
        match self {
            Self::Memory(_) => true,
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(_) => true,
            #[cfg(target_arch = "wasm32")]
            Self::LocalStorage(_) | Self::Foreign(_) => false,
        }
    }

    /// Whether private keys can rest here without being readable.
    #[cfg_attr(not(target_arch = "wasm32"), allow(unused_variables, reason = "memory keeps every key"))]
    pub fn keeps(&self, key: &StoredKey) -> bool {
        match self {
            Self::Memory(_) => true,
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(_) => matches!(
                key,
                StoredKey::Decryption(DecryptionKey::Web(_))
                    | StoredKey::Signing(SigningKey::Web(_))
                    | StoredKey::Rest(RestKey::Web(_))
            ),
            #[cfg(target_arch = "wasm32")]
            Self::LocalStorage(_) | Self::Foreign(_) => false,
        }
    }
}

/// An error of a store, in words that fit every store.
pub(crate) fn failed(code: Code) -> Error {
    let message = match code {
        Code::Quota => "the storage on this device is full: nothing was written",
        Code::UnsupportedVersion => "what is stored on this device was written by a newer version",
        Code::StoreMissing => "this environment does not have this store: choose another",
        _ => "what is stored on this device cannot be read or written; nothing was overwritten",
    };
    Error::new(code, message)
}

/// Why text is not what was expected: a higher `format` than `known` says that a newer version wrote it.
pub(crate) fn newer_or(text: &str, known: u64, otherwise: Error) -> Error {
    #[derive(Deserialize)]
    struct Format {
        format: u64,
    }
    match crate::encoding::from_json::<Format>(text) {
        Ok(found) if found.format > known => failed(Code::UnsupportedVersion),
        _ => otherwise,
    }
}
