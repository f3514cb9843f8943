//! Keysets: the numbered public keys of an identity, and their chain (protocol section 2).

use serde::{Deserialize, Serialize};

use super::{Extra, Party, check_suite, check_time, verify};
use crate::crypto::keys::EncryptionKey;
use crate::encoding::{Bytes, Hash, Signature, Transcript, check_login};
use crate::error::{Code, Error, Result};

/// One version of an identity's public keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Keyset {
    /// Whose it is.
    pub login: String,
    /// From 1.
    pub version: u64,
    /// The suite; 1.
    pub suite: u64,
    /// RSA public key, SPKI DER.
    pub encryption_key: Bytes,
    /// Ed25519 public key.
    pub signing_key: Hash,
    /// Unix milliseconds.
    pub created: u64,
    /// The fingerprint of version - 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous: Option<Hash>,
    /// Who made it: the identity itself, or one that can act for it.
    pub maker: Party,
    /// By its own signing key: proof of possession.
    pub self_signature: Signature,
    /// By the maker's signing key, when that is somebody else.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub maker_signature: Option<Signature>,
    /// By version - 1. Absent after a loss: the chain is broken, visibly.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chain_signature: Option<Signature>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Keyset {
    /// SHA-256(T("keyset", login, version, suite, encryptionKey, signingKey, previous)).
    pub fn fingerprint(&self) -> Hash {
        let t = Transcript::new("keyset")
            .text(&self.login)
            .int(self.version)
            .int(self.suite)
            .bytes(&self.encryption_key.0)
            .bytes(&self.signing_key.0)
            .option(self.previous.as_ref().map(|h| &h.0[..]));
        Hash::from(t)
    }

    /// The identity at this version.
    pub fn party(&self) -> Party {
        Party { login: self.login.clone(), fingerprint: self.fingerprint() }
    }

    fn body(&self, field: &str) -> Transcript {
        Transcript::new(&format!("keyset/{field}"))
            .text(&self.login)
            .int(self.version)
            .int(self.suite)
            .bytes(&self.encryption_key.0)
            .bytes(&self.signing_key.0)
            .int(self.created)
            .option(self.previous.as_ref().map(|h| &h.0[..]))
            .bytes(&self.maker.encode())
    }

    /// What `selfSignature` is over.
    pub fn self_transcript(&self) -> Transcript {
        self.body("selfSignature")
    }

    /// What `makerSignature` is over.
    pub fn maker_transcript(&self) -> Transcript {
        self.body("makerSignature").bytes(&self.self_signature.0)
    }

    /// What `chainSignature` is over.
    pub fn chain_transcript(&self) -> Transcript {
        self.body("chainSignature")
            .bytes(&self.self_signature.0)
            .option(self.maker_signature.as_ref().map(|s| &s.0[..]))
    }

    /// The RSA public key, checked.
    pub fn encryption(&self) -> Result<EncryptionKey> {
        EncryptionKey::from_spki(&self.encryption_key.0)
    }

    /// Checks form, suite, keys and proof of possession; every keyset from outside passes here.
    pub fn check(&self) -> Result<()> {
        check_login(&self.login)?;
        check_suite(self.suite)?;
        self.maker.check()?;
        check_time(self.created)?;
        self.encryption()?;
        if self.version == 0 || (self.version == 1) != self.previous.is_none() {
            return Err(Error::bad_input("a keyset's version and previous fingerprint do not fit"));
        }
        verify(&self.signing_key, &self.self_transcript(), &self.self_signature)
    }

    /// Whether `previous` signed this keyset as its continuation. An invalid signature is an error, an absent one is not.
    pub fn continues(&self, previous: &Keyset) -> Result<bool> {
        if self.login != previous.login
            || previous.version.checked_add(1) != Some(self.version)
            || self.previous != Some(previous.fingerprint())
        {
            return Err(Error::new(Code::VerificationFailed, "a keyset does not follow the one before it"));
        }
        match &self.chain_signature {
            None => Ok(false),
            Some(signature) => verify(&previous.signing_key, &self.chain_transcript(), signature).map(|()| true),
        }
    }
}

impl From<Transcript> for Hash {
    /// SHA-256 of the transcript.
    fn from(t: Transcript) -> Self {
        Self(t.sha256())
    }
}
