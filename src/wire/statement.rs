//! Statements: what an identity says for itself, signed, each under a subject and with a counter (protocol section 7).
//!
//! A profile, a named item, the standing shares and the list of pins are all statements; what the body holds is the
//! matter of whoever reads the subject.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Extra, MAX_TIME, check_time, verify};
use crate::encoding::{Bytes, Hash, Signature, Transcript, check_login};
use crate::error::{Error, Result};

/// The subject of an identity's profile.
pub const PROFILE: &str = "profile";
/// The subject of the logins with which all future data is shared.
pub const SHARES: &str = "shares";
/// The subject of what an identity remembers of others' keys.
pub const PINS: &str = "pins";
/// What the subjects of named items begin with; the name follows.
pub const NAMED: &str = "named/";

/// The longest subject, in bytes of UTF-8.
pub const MAX_SUBJECT: usize = 256;
/// The highest counter: a number that every language keeps exactly.
pub const MAX_COUNTER: u64 = MAX_TIME;
/// The longest body, in bytes of UTF-8: the list of pins.
pub const MAX_BODY: usize = 3 << 20;
/// The longest body about standing shares, in bytes: as many logins as there may be, each byte of which may be escaped.
pub const MAX_SHARES_BODY: usize = 132 << 10;
/// The longest body about a name, in bytes.
pub const MAX_NAMED_BODY: usize = 128;
/// The most names that one identity says something of. A name that was taken away counts.
pub const MAX_NAMES: usize = 4096;
/// The most statements that are said anew when keys are renewed: names, the profile and the standing shares.
pub const MAX_SAID: usize = MAX_NAMES + 2;
/// The longest profile, in bytes of JSON.
pub const MAX_PROFILE: usize = 64 << 10;
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
        let subject = &self.subject;
        let known = matches!(subject.as_str(), PROFILE | SHARES | PINS)
            || subject.strip_prefix(NAMED).is_some_and(|name| !name.is_empty());
        if !known || subject.len() > MAX_SUBJECT || subject.chars().any(char::is_control) {
            return Err(Error::bad_input("a statement is about a subject that this version does not know"));
        }
        let most = match subject.as_str() {
            PROFILE => MAX_PROFILE,
            SHARES => MAX_SHARES_BODY,
            PINS => MAX_BODY,
            _ => MAX_NAMED_BODY,
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

/// The counter of what renewed keys say in place of what bears `counter`: the next one. After the last they begin anew, so
/// that whoever holds the earlier keys cannot keep them from being renewed.
pub const fn renewed_counter(counter: u64) -> u64 {
    if counter < MAX_COUNTER { counter + 1 } else { 1 }
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

/// An item under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The item; absent: the name was taken away.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub item: Option<Uuid>,
}

/// With whom all future data is shared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// The logins, sorted.
    pub logins: Vec<String>,
}

/// What an identity remembers of others' keys, boxed under HKDF(keyset key, T("pins")).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pins {
    /// The keyset under whose keyset key it is boxed.
    pub fingerprint: Hash,
    /// The box; its context is T("pins/list", login, counter).
    pub sealed: Bytes,
}

impl Pins {
    /// The context of the box.
    pub fn context(login: &str, counter: u64) -> Transcript {
        Transcript::new("pins/list").text(login).int(counter)
    }
}
