//! What whoever drives a [`Call`](super::Call) says of it: where it runs, what its operator settled, and what the driver
//! knows of the caller beside the token.

use serde::{Deserialize, Serialize};

use regrant_protocol::error::{Code, Error, Result};
use regrant_protocol::operations::Operation;

use super::forbidden;

/// Who may register a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Registration {
    /// Whoever comes first.
    #[default]
    Open,
    /// Whoever brings a user token of that login.
    Token,
    /// Nobody.
    Closed,
}

/// Who may begin a login's keys anew after a loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reset {
    /// Whoever asks: somebody else checked who that is.
    #[default]
    Open,
    /// Whoever brings a user token of that login.
    Token,
}

/// What an operator settled of a relay. As it begins, it is for a relay in the page, where there is one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// Who may register a login.
    pub registration: Registration,
    /// Who may begin a login's keys anew.
    pub reset: Reset,
    /// Whether the first login becomes the administrator.
    pub first_administers: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { registration: Registration::Open, reset: Reset::Open, first_administers: true }
    }
}

impl Settings {
    /// Whether an operation is for whoever asks. Errors: [`Code::Unauthenticated`], [`Code::Forbidden`].
    pub(super) fn allow(&self, operation: &Operation, user: Option<&User>) -> Result<()> {
        match (operation, self.registration, self.reset) {
            (Operation::Register { .. }, Registration::Closed, _) => Err(forbidden("this relay registers nobody")),
            (Operation::Register { new, .. }, Registration::Token, _) => require(user, &new.keyset.login),
            (Operation::Reset { new, .. }, _, Reset::Token) => require(user, &new.keyset.login),
            _ => Ok(()),
        }
    }
}

fn require(user: Option<&User>, login: &str) -> Result<()> {
    let missing = || Error::new(Code::Unauthenticated, "this needs a user token of the application");
    if user.ok_or_else(missing)?.uid == login { Ok(()) } else { Err(forbidden("this user token is for another login")) }
}

/// What a user token says, which the driver verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The login.
    pub uid: String,
    /// The group of the application's that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<String>,
    /// When it was issued, in Unix seconds.
    pub iat: u64,
}

/// What a call is carried out by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Options {
    /// What this relay's login challenges are bound to.
    pub relay_id: String,
    /// Unix milliseconds.
    pub now: u64,
    /// What its operator settled.
    #[serde(default)]
    pub settings: Settings,
    /// What makes a repeated request known as one: 16 to 64 of `A-Za-z0-9_-`.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// Whose user token came along.
    #[serde(default)]
    pub user: Option<User>,
}

impl Options {
    /// A relay's with an id, at some time, as its users are used to it.
    pub fn new(relay_id: impl Into<String>, now: u64) -> Self {
        Self { relay_id: relay_id.into(), now, ..Self::default() }
    }

    /// Errors: [`Code::BadInput`].
    pub(super) fn check(&self) -> Result<()> {
        let Some(key) = &self.idempotency_key else { return Ok(()) };
        let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
        if (16..=64).contains(&key.len()) && key.bytes().all(plain) {
            return Ok(());
        }
        Err(Error::bad_input("an idempotency key is 16 to 64 letters, digits, hyphens and underscores"))
    }
}
