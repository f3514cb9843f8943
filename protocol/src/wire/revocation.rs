//! Revocations: the signed word of an item's owner, or of the grantor, that a reader's access ends.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Extra, MAX_REVOKED, Party, check_time, verify};
use crate::encoding::{Hash, Signature, Transcript, check_login, compound};
use crate::error::{Error, Result};

/// Ends one person's access to some items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revocation {
    /// Unique.
    pub id: Uuid,
    /// The items and, of each, the newest key version that is cut: `[item, keyVersion]`.
    pub items: Vec<(Uuid, u32)>,
    /// Who loses access.
    pub login: String,
    /// The grants that are cut, whoever gave them; a later grant is not affected.
    pub grants: Vec<Uuid>,
    /// Who revokes.
    pub revoker: Party,
    /// Unix milliseconds.
    pub created: u64,
    /// By the revoker.
    pub signature: Signature,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Revocation {
    /// What `signature` is over.
    pub fn transcript(&self) -> Transcript {
        Transcript::new("revocation/signature")
            .uuid(self.id)
            .list(self.items.iter().map(|(item, version)| compound(&[item.as_bytes(), &version.to_be_bytes()])))
            .text(&self.login)
            .list(self.grants.iter().map(|g| g.as_bytes().to_vec()))
            .bytes(&self.revoker.encode())
            .int(self.created)
    }

    /// Checks form and signature; `signing_key` belongs to the revoker.
    pub fn check(&self, signing_key: &Hash) -> Result<()> {
        check_login(&self.login)?;
        self.revoker.check()?;
        check_time(self.created)?;
        if self.items.is_empty()
            || self.items.len() > MAX_REVOKED
            || self.grants.is_empty()
            || self.grants.len() > MAX_REVOKED
        {
            return Err(Error::bad_input("a revocation names 1 to 4096 items and grants"));
        }
        verify(signing_key, &self.transcript(), &self.signature)
    }
}
