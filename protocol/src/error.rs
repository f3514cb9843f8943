//! What can go wrong, with codes that never change.
//!
//! A message tells the caller what to do and an attacker nothing: it never holds a secret, plaintext
//! or a reason why decryption of content failed.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// The stable code of an [`Error`]; [`Code::as_str`] is what JavaScript sees.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name,)+ }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The code as text, as it appears in `RegrantError.code`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)+ }
            }
        }
    };
}

codes! {
    /// An argument has the wrong type, size or form; the message says which.
    BadInput = "ERR_BAD_INPUT",
    /// Password derivation was asked for with parameters below the floor (or above the ceiling).
    WeakKdf = "ERR_WEAK_KDF",
    /// The password or vault secret does not open this login's keys. Nothing was changed.
    WrongSecret = "ERR_WRONG_SECRET",
    /// The key pair belongs to no version of this login. Nothing was changed.
    UnknownKey = "ERR_UNKNOWN_KEY",
    /// The session was disconnected, or its device forgot its keys.
    NotConnected = "ERR_NOT_CONNECTED",
    /// The keys are locked: call `unlock` with the secret.
    Locked = "ERR_LOCKED",
    /// Nobody gave this identity access to the item, or access was revoked or has expired.
    NoAccess = "ERR_NO_ACCESS",
    /// There is nobody to encrypt to.
    NoRecipient = "ERR_NO_RECIPIENT",
    /// Some logins are unknown; `logins` lists exactly the missing ones.
    IdentityNotFound = "ERR_IDENTITY_NOT_FOUND",
    /// The login is taken.
    IdentityExists = "ERR_IDENTITY_EXISTS",
    /// The keys of an identity changed without proof: compare the code, then `trust.verify` or `trust.accept`.
    IdentityChanged = "ERR_IDENTITY_CHANGED",
    /// The verification code or key does not match, or is malformed.
    VerificationFailed = "ERR_VERIFICATION_FAILED",
    /// The bytes are not what was sealed.
    Corrupt = "ERR_CORRUPT",
    /// The bytes are of an older version of the item than one that was opened or written on this device.
    Outdated = "ERR_OUTDATED",
    /// Made by a newer version of the format, or by an unknown suite.
    UnsupportedVersion = "ERR_UNSUPPORTED_VERSION",
    /// Somebody else changed it first: read again and retry.
    Conflict = "ERR_CONFLICT",
    /// There is no store in this environment.
    StoreMissing = "ERR_STORE_MISSING",
    /// The store is there and cannot be read. Nothing was overwritten.
    StoreUnreadable = "ERR_STORE_UNREADABLE",
    /// The store is full.
    Quota = "ERR_QUOTA",
    /// One request, or one thing in it, is longer than the relay takes, or something on the way to it.
    TooLarge = "ERR_TOO_LARGE",
    /// The relay was asked too often.
    RateLimited = "ERR_RATE_LIMITED",
    /// The application's token has ended.
    TokenExpired = "ERR_TOKEN_EXPIRED",
    /// The relay does not know who is asking.
    Unauthenticated = "ERR_UNAUTHENTICATED",
    /// The relay knows who is asking, and refuses.
    Forbidden = "ERR_FORBIDDEN",
    /// There is no such record.
    NotFound = "ERR_NOT_FOUND",
    /// The relay cannot be reached, or answers nonsense.
    RelayUnavailable = "ERR_RELAY_UNAVAILABLE",
    /// `crypto.subtle` is missing: serve the page over HTTPS, or ask for `engine: "rust"`.
    InsecureContext = "ERR_INSECURE_CONTEXT",
    /// The module panicked and must be initialised again.
    Poisoned = "ERR_POISONED",
    /// The caller aborted; JavaScript sees the signal's reason instead.
    Aborted = "ERR_ABORTED",
}

/// What an error came from, for whoever debugs. It is handed through and never shown.
#[derive(Clone)]
struct Cause(Rc<dyn Any>);

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Cause {}

/// An error: a stable code, a message for the developer, and the logins that it is about.
///
/// One pointer wide: results are handed up through every layer, and copying them costs code at each.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    code: Code,
    message: Cow<'static, str>,
    logins: Vec<String>,
    cause: Option<Cause>,
    /// Trying again changes nothing, whatever the code says of others.
    lasting: bool,
}

impl Error {
    /// An error with a message.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self::made(code, message.into(), Vec::new())
    }

    /// An error about identities: the logins are appended to the message and kept in [`Error::logins`].
    pub fn about(code: Code, message: &str, logins: Vec<String>) -> Self {
        let message = format!("{message}: {}", logins.join(", "));
        Self::made(code, message.into(), logins)
    }

    /// An error that a relay told of.
    pub(crate) fn told(code: Code, message: String, logins: Vec<String>, lasting: bool) -> Self {
        let mut error = Self::made(code, message.into(), logins);
        error.0.lasting = lasting;
        error
    }

    fn made(code: Code, message: Cow<'static, str>, logins: Vec<String>) -> Self {
        Self(Box::new(Inner { code, message, logins, cause: None, lasting: false }))
    }

    /// The same error, with what it came from.
    #[must_use]
    pub fn because(mut self, cause: impl Any) -> Self {
        self.0.cause = Some(Cause(Rc::new(cause)));
        self
    }

    /// The same error, where the same call never succeeds although others with this code may.
    #[must_use]
    pub fn for_good(mut self) -> Self {
        self.0.lasting = true;
        self
    }

    /// What it came from, if that is known and of this type.
    pub fn cause<T: Any>(&self) -> Option<&T> {
        self.0.cause.as_ref().and_then(|cause| cause.0.downcast_ref())
    }

    /// Shorthand for [`Code::BadInput`].
    pub fn bad_input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadInput, message)
    }

    /// What every failure to decrypt content looks like, whatever its reason.
    pub fn corrupt() -> Self {
        Self::new(
            Code::Corrupt,
            "these bytes cannot be opened: they were altered, truncated, or are not what was sealed",
        )
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The logins that the error is about; empty when it is about none.
    pub fn logins(&self) -> &[String] {
        &self.0.logins
    }

    /// The message, without the code.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the same call never succeeds, although others with this code may.
    pub(crate) fn is_lasting(&self) -> bool {
        self.0.lasting
    }

    /// Whether the same call may succeed later without the caller changing anything.
    pub fn is_retryable(&self) -> bool {
        !self.0.lasting
            && matches!(self.code(), Code::Conflict | Code::RelayUnavailable | Code::Quota | Code::RateLimited)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code().as_str(), self.message())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
