//! Key slots: every way to open a keyset is one slot that seals the keyset key (protocol section 3).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Extra, Party};
use crate::encoding::{Bytes, Hash, Transcript, compound};
use crate::error::{Code, Error, Result};

/// What a slot is sealed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotKind {
    /// An X25519 key derived from a vault secret.
    Password,
    /// The caller's own RSA key.
    Keypair,
    /// The keyset key of the next version.
    Successor,
    /// Another identity's keyset: an edge of the sharing graph.
    Sharer,
}

impl SlotKind {
    /// Whether it is a way of unlocking, which a secret opens.
    pub const fn is_unlocker(self) -> bool {
        matches!(self, Self::Password | Self::Keypair)
    }

    /// The name, as it enters transcripts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Keypair => "keypair",
            Self::Successor => "successor",
            Self::Sharer => "sharer",
        }
    }
}

/// The public half of a way to unlock, so that a renewal can seal to it without asking for the secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unlocker {
    /// Stays the same over renewals.
    pub id: Uuid,
    /// X25519 public key (32 bytes), or the SPKI of a key pair.
    pub public_key: Bytes,
    /// `fingerprint ‖ HKDF(secret, T("vouch", kind, login, unlocker id, fingerprint))`: 64 bytes.
    /// Absent for key pairs, whose signing key derives from the pair.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vouch: Option<Bytes>,
}

/// One way to open one keyset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// Unique.
    pub id: Uuid,
    /// The keyset that it opens.
    pub fingerprint: Hash,
    /// What it is sealed to.
    pub kind: SlotKind,
    /// For `sharer` slots: who holds it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub holder: Option<Party>,
    /// For `password` and `keypair` slots.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unlocker: Option<Unlocker>,
    /// The keyset key, sealed.
    pub sealed: Bytes,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Slot {
    /// T("slot", fingerprint, kind, slot id): HPKE info, and context of the box or sealed message.
    pub fn context(fingerprint: &Hash, kind: SlotKind, id: Uuid) -> Transcript {
        Transcript::new("slot").bytes(&fingerprint.0).text(kind.as_str()).uuid(id)
    }

    /// SHA-256(T("slot/hash", all its fields)), as the manifest lists it.
    pub fn hash(&self) -> Hash {
        let unlocker = self.unlocker.as_ref().map(|u| {
            let vouch = match &u.vouch {
                None => vec![0],
                Some(v) => [&[1], &v.0[..]].concat(),
            };
            compound(&[u.id.as_bytes(), &u.public_key.0, &vouch])
        });
        Transcript::new("slot/hash")
            .uuid(self.id)
            .bytes(&self.fingerprint.0)
            .text(self.kind.as_str())
            .option(self.holder.as_ref().map(Party::encode).as_deref())
            .option(unlocker.as_deref())
            .bytes(&self.sealed.0)
            .into()
    }

    /// Checks that a slot has what its kind needs, and bounds its lengths.
    pub fn check(&self) -> Result<()> {
        let fits = match self.kind {
            SlotKind::Password => {
                self.holder.is_none()
                    && self.unlocker.as_ref().is_some_and(|u| {
                        u.public_key.0.len() == 32 && u.vouch.as_ref().is_some_and(|v| v.0.len() == 64)
                    })
            }
            SlotKind::Keypair => {
                self.holder.is_none()
                    && self.unlocker.as_ref().is_some_and(|u| u.public_key.0.len() <= 1024 && u.vouch.is_none())
            }
            SlotKind::Successor => self.holder.is_none() && self.unlocker.is_none(),
            SlotKind::Sharer => self.unlocker.is_none() && self.holder.as_ref().is_some_and(|h| h.check().is_ok()),
        };
        if !fits || self.sealed.0.len() > 1024 {
            return Err(Error::new(Code::BadInput, "a slot lacks what its kind needs"));
        }
        Ok(())
    }
}
