//! One password, two secrets: one for the keys, one for the application's own login (protocol section 4).
//!
//! Knows the labels that separate what is derived from a root. Must not know who asks or where it is sent.

use super::{Engine, kdf, rust};
use crate::encoding::Transcript;
use crate::error::Result;
use crate::secret::Key32;
use kdf::Kdf;

/// What a password splits into. Neither half tells anything of the other, but whoever holds either can
/// try passwords offline, at the KDF's cost.
#[derive(Clone, Debug, zeroize::ZeroizeOnDrop)]
pub struct Secrets {
    /// Opens the keys; never leaves the device.
    pub vault: Key32,
    /// What the application's own login takes in the password's place.
    pub app: Key32,
}

const _: () = crate::secret::wiped::<Secrets>();

/// Splits a root: `HKDF(root, T("vault"))` and `HKDF(root, T("app"))`.
pub fn split_root(root: &Key32) -> Result<Secrets> {
    let derive = |what| rust::hkdf32(root.expose(), Transcript::new(what).as_bytes());
    Ok(Secrets { vault: derive("vault")?, app: derive("app")? })
}

/// Both secrets of a password: slow, see [`kdf::derive_root`], whose errors these are.
pub fn derive_secrets(password: &str, application: &str, login: &str, kdf: &Kdf) -> Result<Secrets> {
    split_root(&kdf::derive_root(password, application, login, kdf)?)
}

/// [`derive_secrets`] with the help of the browser, see [`kdf::derive_root_with`].
pub async fn derive_secrets_with(
    engine: &Engine,
    password: &str,
    application: &str,
    login: &str,
    kdf: &Kdf,
) -> Result<Secrets> {
    split_root(&kdf::derive_root_with(engine, password, application, login, kdf).await?)
}

/// What the relay's own login sees: `HKDF(vaultSecret, T("relay", relay id))`. The relay keeps a hash of it. Bound to the
/// relay: what one sees is of no use at another.
pub fn relay_secret(vault: &Key32, relay_id: &str) -> Result<Key32> {
    rust::hkdf32(vault.expose(), Transcript::new("relay").text(relay_id).as_bytes())
}
