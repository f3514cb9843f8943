//! Notifications: sealed to their recipient, signed by their sender; only the status moves (protocol section 8).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Extra, check_time, verify};
use crate::encoding::{Bytes, Hash, Signature, Transcript, check_login};
use crate::error::{Error, Result};

/// The type of the notification that a keyset was begun anew after a loss.
pub const KEY_PAIR_UPDATE: &str = "KEY_PAIR_UPDATE";

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nobody has looked at it.
    Pending,
    /// Somebody is at it.
    Ongoing,
    /// Done.
    Completed,
    /// Dismissed.
    Cancelled,
}

impl Status {
    /// Whether a notification may move from here to `next`. The same status again is no change.
    pub fn allows(self, next: Self) -> bool {
        self == next || matches!(self, Self::Pending | Self::Ongoing) && next != Self::Pending
    }

    /// The name, as it travels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ongoing => "ongoing",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a `KEY_PAIR_UPDATE` says: these keys are new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyPairUpdate {
    /// The login whose keys are new.
    pub data_owner_concerned_id: String,
    /// The new RSA public key, SPKI in hex.
    pub data_owner_concerned_pub_key: String,
}

/// A notification. Every field is frozen; its status lives beside it on the relay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Unique.
    pub id: Uuid,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who sent it.
    pub sender: String,
    /// The keyset that signs.
    pub sender_fingerprint: Hash,
    /// Who gets it.
    pub recipient: String,
    /// The keyset that it is sealed to.
    pub recipient_fingerprint: Hash,
    /// Unix milliseconds.
    pub created: u64,
    /// The body, a sealed message.
    pub sealed: Bytes,
    /// By the sender.
    pub signature: Signature,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Notification {
    fn fields(&self, name: &str) -> Transcript {
        Transcript::new(name)
            .uuid(self.id)
            .text(&self.kind)
            .text(&self.sender)
            .bytes(&self.sender_fingerprint.0)
            .text(&self.recipient)
            .bytes(&self.recipient_fingerprint.0)
            .int(self.created)
    }

    /// The context of the sealed message.
    pub fn context(&self) -> Transcript {
        self.fields("notification")
    }

    /// What `signature` is over: the fields, and the body in plaintext.
    pub fn transcript(&self, body: &[u8]) -> Transcript {
        self.fields("notification/signature").bytes(body)
    }

    /// Checks the form, as the relay does, which cannot see the body.
    pub fn check_form(&self) -> Result<()> {
        check_login(&self.sender)?;
        check_login(&self.recipient)?;
        check_time(self.created)?;
        if self.kind.is_empty() || self.kind.len() > 64 || self.sealed.0.len() > 16 << 10 {
            return Err(Error::bad_input("a notification is too long"));
        }
        Ok(())
    }

    /// Checks the signature over the opened body; `signing_key` belongs to `senderFingerprint`.
    pub fn check(&self, signing_key: &Hash, body: &[u8]) -> Result<()> {
        self.check_form()?;
        verify(signing_key, &self.transcript(body), &self.signature)
    }
}
