//! Exchange keys between an ordered pair of identities, and their wraps (protocol section 5).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Extra, MAX_RECIPIENTS, Party, check_suite, check_time, verify};
use crate::encoding::{Bytes, Hash, Signature, Transcript, check_login};
use crate::error::{Error, Result};
use crate::primitives;
use crate::secret::{Key32, equal};

/// An exchange key's public record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// Unique.
    pub id: Uuid,
    /// The suite; 1.
    pub suite: u64,
    /// Who gives access under it.
    pub delegator: String,
    /// The keyset that signs it and the grants under it.
    pub delegator_fingerprint: Hash,
    /// Who gets access under it.
    pub delegate: String,
    /// The keysets that it was wrapped for when it was made, sorted.
    pub recipients: Vec<Hash>,
    /// HKDF(K, T("exchange/commit", id, delegator, delegate)).
    pub commitment: Hash,
    /// Unix milliseconds.
    pub created: u64,
    /// By the delegator, over T("exchange", all preceding).
    pub signature: Signature,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Exchange {
    /// What `signature` is over.
    pub fn transcript(&self) -> Transcript {
        Transcript::new("exchange")
            .uuid(self.id)
            .int(self.suite)
            .text(&self.delegator)
            .bytes(&self.delegator_fingerprint.0)
            .text(&self.delegate)
            .list(self.recipients.iter())
            .bytes(&self.commitment.0)
            .int(self.created)
    }

    /// The commitment that `key` must have.
    pub fn commit(id: Uuid, delegator: &str, delegate: &str, key: &Key32) -> Result<Hash> {
        let info = Transcript::new("exchange/commit").uuid(id).text(delegator).text(delegate);
        Hash::from_slice(primitives::hkdf32(key.expose(), info.as_bytes())?.expose())
    }

    /// Whether `key` is this exchange key.
    pub fn fits(&self, key: &Key32) -> Result<bool> {
        Ok(equal(&Self::commit(self.id, &self.delegator, &self.delegate, key)?.0, &self.commitment.0))
    }

    /// The OAEP context of a wrap for one recipient.
    pub fn wrap_context(&self, recipient: &Hash) -> Transcript {
        Transcript::new("exchange/wrap")
            .uuid(self.id)
            .text(&self.delegator)
            .text(&self.delegate)
            .bytes(&recipient.0)
            .bytes(&self.commitment.0)
    }

    /// The delegator, at the version that signed.
    pub fn delegator_party(&self) -> Party {
        Party { login: self.delegator.clone(), fingerprint: self.delegator_fingerprint }
    }

    /// Whether `login` is one of the pair.
    pub fn concerns(&self, login: &str) -> bool {
        self.delegator == login || self.delegate == login
    }

    /// Checks form and signature; `signing_key` belongs to `delegatorFingerprint`.
    pub fn check(&self, signing_key: &Hash) -> Result<()> {
        check_suite(self.suite)?;
        check_login(&self.delegator)?;
        check_login(&self.delegate)?;
        check_time(self.created)?;
        let sorted = self.recipients.windows(2).all(|w| w[0] < w[1]);
        if self.recipients.is_empty() || self.recipients.len() > MAX_RECIPIENTS || !sorted {
            return Err(Error::bad_input("an exchange key's recipients are not sorted, or too many"));
        }
        verify(signing_key, &self.transcript(), &self.signature)
    }
}

/// An exchange key, wrapped for one keyset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wrap {
    /// The exchange key.
    pub exchange: Uuid,
    /// The keyset that opens it.
    pub recipient: Hash,
    /// Who wrapped it.
    pub wrapper: Party,
    /// RSA-OAEP of the 32-byte key.
    pub wrapped: Bytes,
    /// By the wrapper.
    pub signature: Signature,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Wrap {
    /// What `signature` is over.
    pub fn transcript(&self) -> Transcript {
        Transcript::new("wrap/signature")
            .uuid(self.exchange)
            .bytes(&self.recipient.0)
            .bytes(&self.wrapper.encode())
            .bytes(&self.wrapped.0)
    }

    /// Checks form and signature; `signing_key` belongs to the wrapper.
    pub fn check(&self, signing_key: &Hash) -> Result<()> {
        self.wrapper.check()?;
        if !matches!(self.wrapped.0.len(), 256 | 384 | 512) {
            return Err(Error::bad_input("a wrapped key has the wrong length"));
        }
        verify(signing_key, &self.transcript(), &self.signature)
    }
}
