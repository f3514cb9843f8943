//! Keys as the rest of the crate handles them: what they can do depends on the engine that holds them.

use std::fmt;

#[cfg(target_arch = "wasm32")]
use crate::error::Error;
use crate::secret::{Key32, wiped};

pub use regrant_protocol::keys::EncryptionKey;

#[cfg(target_arch = "wasm32")]
use super::webcrypto;

/// The symmetric key of one version of one item: 32 random bytes, used for exactly one envelope.
#[derive(Clone, Debug, PartialEq, Eq, zeroize::ZeroizeOnDrop)]
pub struct DataKey(pub Key32);

/// An RSA private key (RSA-OAEP-256), in whichever engine holds it.
#[derive(Clone)]
pub enum DecryptionKey {
    /// In this module's memory. The `rsa` crate wipes it when dropped.
    Rust(Box<rsa::RsaPrivateKey>),
    /// A non-extractable `CryptoKey`.
    #[cfg(target_arch = "wasm32")]
    Web(webcrypto::WebKey),
}

/// An Ed25519 private key, in whichever engine holds it.
#[derive(Clone)]
pub enum SigningKey {
    /// In this module's memory, wiped when dropped.
    Rust(Box<ed25519_dalek::SigningKey>),
    /// A non-extractable `CryptoKey`.
    #[cfg(target_arch = "wasm32")]
    Web(webcrypto::WebKey),
}

/// A key from which boxes that rest on this device are derived (HKDF-SHA-256 input key material).
#[derive(Clone)]
pub enum RestKey {
    /// In this module's memory, wiped when dropped.
    Rust(Key32),
    /// A non-extractable HKDF `CryptoKey`.
    #[cfg(target_arch = "wasm32")]
    Web(webcrypto::WebKey),
}

// Whatever of these is in this module's memory is wiped when it is dropped.
const _: () = {
    wiped::<DataKey>();
    wiped::<rsa::RsaPrivateKey>();
    wiped::<ed25519_dalek::SigningKey>();
    wiped::<x25519_dalek::StaticSecret>();
};

macro_rules! redacted {
    ($($name:ident),+) => { $(impl fmt::Debug for $name {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(concat!(stringify!($name), "(redacted)"))
        }
    })+ };
}
redacted!(DecryptionKey, SigningKey, RestKey);

/// What an engine that lacks a feature answers (only the browser's lacks any); the caller may fall back on this and on nothing else.
#[cfg(target_arch = "wasm32")]
pub(crate) fn unsupported(what: &str) -> Error {
    Error::new(
        crate::error::Code::InsecureContext,
        format!("{what} is not available here: serve the page over HTTPS, or choose engine \"rust\""),
    )
}
