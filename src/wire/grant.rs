//! Grants: data keys of one or many items, handed to the other side of an exchange key (protocol section 5).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::exchange::Exchange;
use super::{Extra, MAX_GRANT_ENTRIES, check_suite, check_time, verify};
use crate::encoding::{Bytes, Hash, Signature, Transcript, check_login};
use crate::error::{Error, Result};

/// One version of one item, as a grant lists it: `[item, keyVersion, digest]`.
#[derive(Clone, Debug, PartialEq, Eq, std::hash::Hash, Serialize, Deserialize)]
pub struct GrantEntry(pub Uuid, pub u32, pub Hash);

impl GrantEntry {
    /// The item's id and the version of its key.
    pub fn key(&self) -> (Uuid, u32) {
        (self.0, self.1)
    }
}

/// Access to the items in `entries`, for the delegate of an exchange key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Unique; kept when the grant is written anew.
    pub id: Uuid,
    /// The suite; 1.
    pub suite: u64,
    /// The exchange key under which the data keys are sealed.
    pub exchange: Uuid,
    /// To whom it gives: signed here, so that a reader cannot show it to somebody else as given to them.
    pub delegate: String,
    /// The delegator's keyset that signs.
    pub grantor_fingerprint: Hash,
    /// What is given.
    pub entries: Vec<GrantEntry>,
    /// Unix milliseconds.
    pub created: u64,
    /// Unix milliseconds after which clients and the relay treat the grant as gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_after: Option<u64>,
    /// box(K, "grant", [every preceding field], the entries' data keys in order).
    pub sealed: Bytes,
    /// By the delegator.
    pub signature: Signature,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Grant {
    fn body(&self, name: &str) -> Transcript {
        // 16 + 4 + 32 bytes and three lengths an entry: compound of item, key version (4 bytes), digest.
        let encoded =
            self.entries.iter().map(|e| crate::encoding::compound(&[e.0.as_bytes(), &e.1.to_be_bytes(), &e.2.0]));
        Transcript::new(name)
            .uuid(self.id)
            .int(self.suite)
            .uuid(self.exchange)
            .text(&self.delegate)
            .bytes(&self.grantor_fingerprint.0)
            .list(encoded)
            .int(self.created)
            .option(self.not_after.map(u64::to_be_bytes).as_ref().map(|b| &b[..]))
    }

    /// The context of the box.
    pub fn context(&self) -> Transcript {
        self.body("grant")
    }

    /// What `signature` is over.
    pub fn transcript(&self) -> Transcript {
        self.body("grant/signature").bytes(&self.sealed.0)
    }

    /// Whether it is for the delegate of this exchange key, and sealed under it.
    pub fn is_under(&self, exchange: &Exchange) -> bool {
        self.exchange == exchange.id && self.delegate == exchange.delegate
    }

    /// Whether the grant still counts at `now` (Unix milliseconds).
    pub fn is_current(&self, now: u64) -> bool {
        self.not_after.is_none_or(|end| now < end)
    }

    /// Checks the form alone: suite, times, number of entries, no duplicate, the box's exact length.
    pub fn check_form(&self) -> Result<()> {
        check_suite(self.suite)?;
        check_login(&self.delegate)?;
        check_time(self.created)?;
        check_time(self.not_after.unwrap_or_default())?;
        if self.entries.is_empty() || self.entries.len() > MAX_GRANT_ENTRIES {
            return Err(Error::bad_input("a grant has 1 to 4096 entries"));
        }
        // In order no two are alike; otherwise it takes a closer look.
        let mut seen = std::collections::HashSet::new();
        let unique =
            self.entries.is_sorted_by(|a, b| a.key() < b.key()) || self.entries.iter().all(|e| seen.insert(e.key()));
        if !unique || self.entries.iter().any(|e| e.1 == 0) {
            return Err(Error::bad_input("a grant lists an item twice, or at version 0"));
        }
        if self.sealed.0.len() != self.entries.len() * 32 + crate::crypto::boxes::BOX_OVERHEAD {
            return Err(Error::bad_input("a grant's sealed keys have the wrong length"));
        }
        Ok(())
    }

    /// Checks form and signature; `signing_key` belongs to `grantorFingerprint`.
    pub fn check(&self, signing_key: &Hash) -> Result<()> {
        self.check_form()?;
        verify(signing_key, &self.transcript(), &self.signature)
    }
}
