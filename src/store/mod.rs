//! What stays on this device: small sealed records, and private keys that cannot be read out.
//!
//! *Missing*, *unreadable* and *full* are different errors, and nothing that failed to load is ever
//! treated as absent.

#[cfg(target_arch = "wasm32")]
pub mod indexed_db;
pub mod memory;

use crate::crypto::keys::{DecryptionKey, RestKey, SigningKey};
use crate::error::Result;

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

/// The stores that there are.
#[derive(Clone, Debug)]
pub enum Store {
    /// In this module's memory: gone with it.
    Memory(memory::Memory),
    /// In IndexedDB.
    #[cfg(target_arch = "wasm32")]
    IndexedDb(indexed_db::IndexedDb),
}

impl Store {
    /// One record.
    pub async fn get(&self, key: &str) -> Result<Option<Entry>> {
        match self {
            Self::Memory(s) => Ok(s.get(key)),
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(s) => s.get(key).await,
        }
    }

    /// Writes and deletes (`None`) several records, all or none.
    pub async fn write(&self, changes: Vec<(String, Option<Entry>)>) -> Result<()> {
        match self {
            Self::Memory(s) => {
                s.write(changes);
                Ok(())
            }
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(s) => s.write(changes).await,
        }
    }

    /// Whether private keys can rest here without being readable.
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
            #[cfg(not(target_arch = "wasm32"))]
            #[allow(unreachable_patterns, reason = "one store natively")]
            _ => {
                let _ = key;
                false
            }
        }
    }
}
