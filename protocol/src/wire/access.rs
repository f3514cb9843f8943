//! Delegated access: an application asks somebody for something, once, and the answer is for it alone (protocol section 9).

use regrant_symmetric::sha256;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Extra, Party, check_time, verify};
use crate::encoding::{Bytes, Hash, Signature, Transcript, check_login, lp, take_lp};
use crate::error::{Error, Result};
use crate::keys::EncryptionKey;
use crate::secret::SecretBytes;

/// The longest answer, in bytes.
pub const MAX_ANSWER: usize = 64 << 10;
/// How much longer than the answer is what is sealed of it: who signed, the signature, and three lengths.
pub const ANSWER_OVERHEAD: usize = 32 + 64 + 3 * 4;
/// The longest scope, in bytes of UTF-8.
pub const MAX_SCOPE: usize = 4096;
/// The longest origin, in bytes.
pub const MAX_ORIGIN: usize = 512;

/// What an application asks of a login.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessRequest {
    /// Unique.
    pub id: Uuid,
    /// The identity that asks, and the keyset that signs.
    pub application: Party,
    /// Where it runs, as its page says: shown to the one who is asked.
    pub origin: String,
    /// Who is asked.
    pub login: String,
    /// What for, in the application's words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<String>,
    /// An RSA public key made for this request alone (SPKI DER): the answer is sealed to it.
    pub ephemeral_key: Bytes,
    /// Unix milliseconds.
    pub created: u64,
    /// Unix milliseconds after which it cannot be answered.
    pub expires: u64,
    /// By the application.
    pub signature: Signature,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl AccessRequest {
    /// What `signature` is over.
    pub fn transcript(&self) -> Transcript {
        self.body("access/signature")
    }

    /// The context of the answer: nothing sealed for another request opens as this one's.
    pub fn answer_context(&self) -> Transcript {
        self.about_answer("access/answer")
    }

    /// What whoever answers signs: anybody can seal something to the ephemeral key, the relay first of all.
    pub fn answer_transcript(&self, by: &Hash, answer: &[u8]) -> Transcript {
        let party = Party { login: self.login.clone(), fingerprint: *by };
        // The answer's hash: the answer itself would be copied to where nothing wipes it.
        self.about_answer("access/answer/signature").bytes(&party.encode()).bytes(&sha256(answer))
    }

    fn about_answer(&self, name: &str) -> Transcript {
        Transcript::new(name).bytes(&self.body("access").sha256()).bytes(&self.signature.0)
    }

    fn body(&self, name: &str) -> Transcript {
        Transcript::new(name)
            .uuid(self.id)
            .bytes(&self.application.encode())
            .text(&self.origin)
            .text(&self.login)
            .option(self.scope.as_ref().map(|s| s.as_bytes()))
            .bytes(&self.ephemeral_key.0)
            .int(self.created)
            .int(self.expires)
    }

    /// The ephemeral key, checked.
    pub fn encryption(&self) -> Result<EncryptionKey> {
        EncryptionKey::from_spki(&self.ephemeral_key.0)
    }

    /// Checks the form alone.
    pub fn check_form(&self) -> Result<()> {
        self.application.check()?;
        check_login(&self.login)?;
        check_time(self.created)?;
        check_time(self.expires)?;
        let scope = self.scope.as_ref().map_or(0, String::len);
        if self.origin.len() > MAX_ORIGIN || scope > MAX_SCOPE || self.expires <= self.created {
            return Err(Error::bad_input("a request for access is too long, or ends before it begins"));
        }
        self.encryption().map(drop)
    }

    /// Checks form and signature; `signing_key` belongs to the application.
    pub fn check(&self, signing_key: &Hash) -> Result<()> {
        self.check_form()?;
        verify(signing_key, &self.transcript(), &self.signature)
    }
}

/// An answer as it is sealed, lp(fingerprint) ‖ lp(signature) ‖ lp(answer): who answers is the application's to know.
pub fn signed_answer(by: &Hash, signature: &Signature, answer: &[u8]) -> SecretBytes {
    let mut out = Vec::with_capacity(answer.len() + ANSWER_OVERHEAD);
    for part in [&by.0[..], &signature.0[..], answer] {
        lp(&mut out, part);
    }
    SecretBytes::new(out)
}

/// Takes such an answer apart.
pub fn read_answer(signed: &[u8]) -> Result<(Hash, Signature, SecretBytes)> {
    let mut rest = signed;
    let by = Hash::from_slice(take_lp(&mut rest)?)?;
    let signature = Signature::from_slice(take_lp(&mut rest)?)?;
    let answer = SecretBytes::new(take_lp(&mut rest)?.to_vec());
    if !rest.is_empty() || answer.expose().len() > MAX_ANSWER {
        return Err(Error::corrupt());
    }
    Ok((by, signature, answer))
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessStatus {
    /// Nobody answered yet.
    Pending,
    /// Answered; the application may fetch the answer, once.
    Resolved,
    /// Refused.
    Refused,
    /// The application has the answer.
    Fetched,
}
