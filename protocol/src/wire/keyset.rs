//! Keysets: the numbered public keys of an identity, and their chain (protocol section 2).

use serde::{Deserialize, Serialize};

use super::{Extra, MAX_MANAGERS, Party, check_suite, check_time, verify};
use crate::encoding::{Bytes, Hash, Signature, Transcript, check_login, compound};
use crate::error::{Code, Error, Result};
use crate::keys::EncryptionKey;

/// Who alone changes an identity's list of slots, and renews its keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Managers {
    /// Ed25519 public key, whose private half the managers have and other sharers have not.
    pub key: Hash,
    /// Who they are, in order.
    pub logins: Vec<String>,
}

impl Managers {
    fn encode(&self) -> Vec<u8> {
        let mut parts: Vec<&[u8]> = vec![&self.key.0];
        parts.extend(self.logins.iter().map(String::as_bytes));
        compound(&parts)
    }

    fn check(&self) -> Result<()> {
        self.logins.iter().try_for_each(|login| check_login(login))?;
        let ordered = self.logins.windows(2).all(|two| two[0] < two[1]);
        if self.logins.is_empty() || self.logins.len() > MAX_MANAGERS || !ordered {
            return Err(Error::bad_input("one to 64 managers, each once and in order"));
        }
        Ok(())
    }
}

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
    /// Who alone changes the list of its slots and makes the next version. Absent: whoever holds its keys.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub managers: Option<Managers>,
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
    /// By the managers' key of version - 1, if that one has managers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manager_signature: Option<Signature>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Keyset {
    /// SHA-256(T("keyset", login, version, suite, encryptionKey, signingKey, previous, managers)).
    pub fn fingerprint(&self) -> Hash {
        let t = Transcript::new("keyset")
            .text(&self.login)
            .int(self.version)
            .int(self.suite)
            .bytes(&self.encryption_key.0)
            .bytes(&self.signing_key.0)
            .option(self.previous.as_ref().map(|h| &h.0[..]))
            .option(self.managers.as_ref().map(Managers::encode).as_deref());
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
            .option(self.managers.as_ref().map(Managers::encode).as_deref())
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

    /// What `managerSignature` is over.
    pub fn manager_transcript(&self) -> Transcript {
        self.body("managerSignature")
            .bytes(&self.self_signature.0)
            .option(self.maker_signature.as_ref().map(|s| &s.0[..]))
            .option(self.chain_signature.as_ref().map(|s| &s.0[..]))
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
        self.managers.as_ref().map_or(Ok(()), Managers::check)?;
        check_time(self.created)?;
        self.encryption()?;
        if self.version == 0 || (self.version == 1) != self.previous.is_none() {
            return Err(Error::bad_input("a keyset's version and previous fingerprint do not fit"));
        }
        verify(&self.signing_key, &self.self_transcript(), &self.self_signature)
    }

    /// Whether `previous` signed this keyset as its continuation, and its managers did, if it has some. An invalid signature
    /// is an error, an absent one is not.
    pub fn continues(&self, previous: &Keyset) -> Result<bool> {
        if self.login != previous.login
            || previous.version.checked_add(1) != Some(self.version)
            || self.previous != Some(previous.fingerprint())
        {
            return Err(Error::new(Code::VerificationFailed, "a keyset does not follow the one before it"));
        }
        match &self.chain_signature {
            None => return Ok(false),
            Some(signature) => verify(&previous.signing_key, &self.chain_transcript(), signature)?,
        }
        match (&previous.managers, &self.manager_signature) {
            (None, _) => Ok(true),
            // Whoever holds the keys and does not manage them continues nothing.
            (Some(_), None) => Ok(false),
            (Some(managers), Some(signature)) => {
                verify(&managers.key, &self.manager_transcript(), signature).map(|()| true)
            }
        }
    }
}

impl From<Transcript> for Hash {
    /// SHA-256 of the transcript.
    fn from(t: Transcript) -> Self {
        Self(t.sha256())
    }
}
