//! Receipts: what giving access back did, signed by the giver (protocol section 8).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Extra, MAX_RECEIPT, check_time, verify};
use crate::encoding::{Hash, Signature, Transcript, check_login};
use crate::error::{Error, Result};

/// The answer of `giveAccessBackTo`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Unique.
    pub id: Uuid,
    /// Who gave.
    pub giver: String,
    /// The keyset that signs.
    pub giver_fingerprint: Hash,
    /// Who got access back.
    pub requester: String,
    /// The keyset that got it.
    pub requester_fingerprint: Hash,
    /// The exchange keys that the requester can open now, whether given now or before.
    pub exchanges: Vec<Uuid>,
    /// The slots that the requester can open now.
    pub slots: Vec<Uuid>,
    /// The keysets whose slot waits until the giver unlocks.
    pub pending: Vec<Hash>,
    /// Unix milliseconds.
    pub created: u64,
    /// By the giver.
    pub signature: Signature,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Receipt {
    /// What `signature` is over.
    pub fn transcript(&self) -> Transcript {
        Transcript::new("receipt/signature")
            .uuid(self.id)
            .text(&self.giver)
            .bytes(&self.giver_fingerprint.0)
            .text(&self.requester)
            .bytes(&self.requester_fingerprint.0)
            .list(self.exchanges.iter().map(|x| x.as_bytes().to_vec()))
            .list(self.slots.iter().map(|x| x.as_bytes().to_vec()))
            .list(self.pending.iter())
            .int(self.created)
    }

    /// Checks form and signature; `signing_key` belongs to `giverFingerprint`.
    pub fn check(&self, signing_key: &Hash) -> Result<()> {
        check_login(&self.giver)?;
        check_login(&self.requester)?;
        check_time(self.created)?;
        if [self.exchanges.len(), self.slots.len(), self.pending.len()].iter().any(|len| *len > MAX_RECEIPT) {
            return Err(Error::bad_input("a receipt is too long"));
        }
        verify(signing_key, &self.transcript(), &self.signature)
    }
}
