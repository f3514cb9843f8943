//! Statements: what an identity says for itself, signed, each under a subject and with a counter (protocol section 7).
//!
//! There are two: a profile, which everybody reads, and the head over all that it says to its own devices.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Extra, MAX_TIME, check_time, verify};
use crate::encoding::{Bytes, Hash, Signature, Transcript, check_login};
use crate::error::{Error, Result};

/// The subject of an identity's profile.
pub const PROFILE: &str = "profile";
/// The subject of an identity's head.
pub const HEAD: &str = "head";

/// The longest subject, in bytes of UTF-8.
pub const MAX_SUBJECT: usize = 256;
/// The highest counter: a number that every language keeps exactly.
pub const MAX_COUNTER: u64 = MAX_TIME;
/// The most names of items that one identity keeps. A name that was taken away counts.
pub const MAX_NAMES: usize = 4096;
/// The longest profile, in bytes of JSON.
pub const MAX_PROFILE: usize = 64 << 10;
/// The longest head, in bytes of JSON.
pub const MAX_HEAD: usize = 4 << 10;
/// The most standing shares of one identity.
pub const MAX_SHARES: usize = 256;

/// What an identity says about one subject. A newer one, with a higher counter, takes its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// Who says it.
    pub login: String,
    /// What it is about.
    pub subject: String,
    /// From 1; a counter below one seen is a rollback.
    pub counter: u64,
    /// The keyset that signs.
    pub fingerprint: Hash,
    /// JSON; what it holds depends on the subject.
    pub body: String,
    /// Unix milliseconds.
    pub created: u64,
    /// By the identity.
    pub signature: Signature,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Statement {
    /// What `signature` is over.
    pub fn transcript(&self) -> Transcript {
        Transcript::new("statement/signature")
            .text(&self.login)
            .text(&self.subject)
            .int(self.counter)
            .bytes(&self.fingerprint.0)
            .text(&self.body)
            .int(self.created)
    }

    /// SHA-256(T("statement", …)): what tells two with one counter apart.
    pub fn hash(&self) -> Hash {
        Transcript::new("statement").bytes(self.transcript().as_bytes()).bytes(&self.signature.0).into()
    }

    /// Checks the form alone.
    pub fn check_form(&self) -> Result<()> {
        check_login(&self.login)?;
        check_time(self.created)?;
        let most = match self.subject.as_str() {
            PROFILE => MAX_PROFILE,
            HEAD => MAX_HEAD,
            _ => return Err(Error::bad_input("a statement is about a subject that this version does not know")),
        };
        if self.body.len() > most {
            return Err(Error::bad_input("a statement is too long"));
        }
        if self.counter == 0 || self.counter > MAX_COUNTER {
            return Err(Error::bad_input("a statement's number is 1 to 2^53 - 1: after the last, renew the keys"));
        }
        Ok(())
    }

    /// Checks form and signature; `signing_key` belongs to `fingerprint`.
    pub fn check(&self, signing_key: &Hash) -> Result<()> {
        self.check_form()?;
        verify(signing_key, &self.transcript(), &self.signature)
    }
}

/// How an identity presents itself. Everybody can read it, the relay included.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Profile {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// What it is: "user", "group", "device", or a word of the application's.
    pub kind: String,
    /// Whatever the application adds: a JSON object.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payload: Option<Box<RawValue>>,
}

impl Default for Profile {
    fn default() -> Self {
        Self { name: None, kind: "user".to_owned(), payload: None }
    }
}

impl Profile {
    /// Checks lengths and characters.
    pub fn check(&self) -> Result<()> {
        let fits = |text: &str, most: usize| text.len() <= most && !text.chars().any(char::is_control);
        if self.kind.is_empty() || !fits(&self.kind, 64) {
            return Err(Error::bad_input("a kind has 1 to 64 bytes of UTF-8 and no control characters"));
        }
        if self.name.as_ref().is_some_and(|name| !fits(name, 256)) {
            return Err(Error::bad_input("a name has at most 256 bytes of UTF-8 and no control characters"));
        }
        Ok(())
    }
}

/// A statement, by what tells it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Named {
    /// Its counter.
    pub counter: u64,
    /// Its hash.
    pub hash: Hash,
}

/// What a head says: over all that the identity says. There is always one by its newest keys, so that what is withheld, or
/// older than the rest, can be seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The name of the piece that leads to all others; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub root: Option<Hash>,
    /// The profile; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<Named>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A head, and what changes with it: all or nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeadChange {
    /// The head.
    pub head: Box<Statement>,
    /// The hash of the one that it takes the place of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Hash>,
    /// Pieces that are new.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub add: Vec<Bytes>,
    /// The names of pieces that are not needed any more.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gone: Vec<Hash>,
    /// A new profile.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<Box<Statement>>,
}
