//! A password's root: slow on purpose, with floors that no configuration gets under (protocol section 4).
//!
//! Knows profiles and their limits. Must not know what the root is used for (that is `split`), nor
//! take parameters from anywhere but its caller: nothing that a relay says enters here.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::Engine;
#[cfg(target_arch = "wasm32")]
use super::{EngineKind, webcrypto};
use crate::encoding::{Transcript, check_login, nfkc};
use crate::error::{Code, Error, Result};
use crate::secret::Key32;

/// The longest password that is read, in bytes of UTF-8.
const MAX_PASSWORD: usize = 4096;

/// How slowly a password becomes a key: fixed for an application's life.
///
/// As JSON `{"name":"argon2id","memoryKiB":65536,"iterations":3}` or `{"name":"pbkdf2","iterations":600000}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase", deny_unknown_fields)]
pub enum Kdf {
    /// Argon2id version 1.3 (RFC 9106), one lane.
    Argon2id {
        /// Memory in KiB: at least 19,456 with 2 iterations or 47,104 with 1, at most 1,048,576.
        #[serde(rename = "memoryKiB")]
        memory_kib: u32,
        /// Passes over the memory: at most 10.
        iterations: u32,
    },
    /// PBKDF2 with HMAC-SHA-256 (RFC 8018), for where only FIPS algorithms may be used.
    Pbkdf2 {
        /// 600,000 to 10,000,000.
        iterations: u32,
    },
}

impl Default for Kdf {
    /// 64 MiB, 3 passes.
    fn default() -> Self {
        Self::Argon2id { memory_kib: 64 * 1024, iterations: 3 }
    }
}

impl Kdf {
    /// Whether the profile is neither below the floor nor above the ceiling. Errors: [`Code::WeakKdf`].
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Argon2id { memory_kib, iterations } => {
                let enough =
                    (memory_kib >= 19 * 1024 && iterations >= 2) || (memory_kib >= 46 * 1024 && iterations >= 1);
                if enough && memory_kib <= 1024 * 1024 && iterations <= 10 {
                    return Ok(());
                }
                Err(Error::new(
                    Code::WeakKdf,
                    "argon2id takes at least 19456 KiB with 2 iterations or 47104 KiB with 1, at most 1048576 KiB and 10 iterations",
                ))
            }
            Self::Pbkdf2 { iterations } if (600_000..=10_000_000).contains(&iterations) => Ok(()),
            Self::Pbkdf2 { .. } => Err(Error::new(Code::WeakKdf, "pbkdf2 takes 600000 to 10000000 iterations")),
        }
    }
}

/// What is derived from, checked: the password in NFKC and the 16-byte salt.
fn inputs(password: &str, application: &str, login: &str, kdf: &Kdf) -> Result<(Zeroizing<String>, [u8; 16])> {
    kdf.check()?;
    check_login(login)?;
    check_login(application).map_err(|_| {
        Error::bad_input("an application's name has 1 to 256 bytes of UTF-8 in form C, without control characters")
    })?;
    if password.is_empty() {
        return Err(Error::bad_input("the password is empty"));
    }
    if password.len() > MAX_PASSWORD {
        return Err(Error::bad_input("a password has at most 4096 bytes of UTF-8"));
    }
    let mut salt = [0; 16];
    salt.copy_from_slice(&Transcript::new("split").text(application).text(login).sha256()[..16]);
    Ok((nfkc(password), salt))
}

/// The root of a password: 32 bytes, the same on every device (protocol section 4).
///
/// Synchronous and slow by design (about a second in a page): call it off the main thread. Errors:
/// [`Code::WeakKdf`] for the profile, [`Code::BadInput`] for an empty password, a bad login or too little memory.
pub fn derive_root(password: &str, application: &str, login: &str, kdf: &Kdf) -> Result<Key32> {
    let (password, salt) = inputs(password, application, login, kdf)?;
    let mut root = Zeroizing::new([0; 32]);
    match *kdf {
        Kdf::Argon2id { memory_kib, iterations } => {
            argon2id(password.as_bytes(), &salt, memory_kib, iterations, &mut root[..])?;
        }
        Kdf::Pbkdf2 { iterations } => {
            pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, iterations, &mut root[..])
        }
    }
    Key32::from_slice(&root[..])
}

/// [`derive_root`] with PBKDF2 done by the browser where `engine` is the browser's: the same bytes, much sooner.
pub async fn derive_root_with(
    engine: &Engine,
    password: &str,
    application: &str,
    login: &str,
    kdf: &Kdf,
) -> Result<Key32> {
    #[cfg(target_arch = "wasm32")]
    if let (EngineKind::WebCrypto, Kdf::Pbkdf2 { iterations }) = (engine.kind(), *kdf) {
        let (password, salt) = inputs(password, application, login, kdf)?;
        let mut root = Zeroizing::new([0; 32]);
        webcrypto::pbkdf2(password.as_bytes(), &salt, iterations, &mut root[..]).await?;
        return Key32::from_slice(&root[..]);
    }
    let _ = engine;
    derive_root(password, application, login, kdf)
}

/// Argon2id with one lane, whose memory is wiped afterwards.
fn argon2id(password: &[u8], salt: &[u8], memory_kib: u32, iterations: u32, out: &mut [u8]) -> Result<()> {
    let refused = |_| Error::new(Code::WeakKdf, "these Argon2id parameters are not possible");
    let params = Params::new(memory_kib, iterations, 1, Some(out.len())).map_err(refused)?;
    let count = params.block_count();
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(count).map_err(|_| Error::bad_input("not enough memory for this Argon2id profile"))?;
    memory.resize(count, Block::default());
    let done = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        password,
        salt,
        out,
        &mut memory[..],
    );
    memory.iter_mut().for_each(Zeroize::zeroize);
    done.map_err(refused)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const fn argon(memory_kib: u32, iterations: u32) -> Kdf {
        Kdf::Argon2id { memory_kib, iterations }
    }

    #[test]
    fn profiles_below_the_floor_or_above_the_ceiling_are_refused() {
        for good in [argon(19_456, 2), argon(47_104, 1), argon(1_048_576, 10), Kdf::default()] {
            good.check().unwrap();
        }
        let pbkdf2 = |iterations| Kdf::Pbkdf2 { iterations };
        for good in [pbkdf2(600_000), pbkdf2(10_000_000)] {
            good.check().unwrap();
        }
        let bad = [argon(19_455, 2), argon(19_456, 1), argon(47_103, 1), argon(65_536, 0), argon(1_048_577, 3)];
        for bad in bad.into_iter().chain([argon(65_536, 11), pbkdf2(599_999), pbkdf2(10_000_001), pbkdf2(0)]) {
            assert_eq!(bad.check().unwrap_err().code(), Code::WeakKdf, "{bad:?}");
            assert_eq!(derive_root("x", "app", "alice", &bad).unwrap_err().code(), Code::WeakKdf);
        }
    }

    #[test]
    fn an_empty_password_is_an_error() {
        assert_eq!(derive_root("", "app", "alice", &argon(19_456, 2)).unwrap_err().code(), Code::BadInput);
        assert_eq!(derive_root("x", "", "alice", &argon(19_456, 2)).unwrap_err().code(), Code::BadInput);
        assert_eq!(derive_root("x", "app", "", &argon(19_456, 2)).unwrap_err().code(), Code::BadInput);
    }

    #[test]
    fn compatible_spellings_of_a_password_are_one_password() {
        let kdf = argon(19_456, 2);
        let root = |password| derive_root(password, "app", "alice", &kdf).unwrap();
        assert_eq!(root("caf\u{e9}"), root("cafe\u{301}"));
        assert_ne!(root("cafe"), root("caf\u{e9}"));
        assert_ne!(root("x"), derive_root("x", "app", "bob", &kdf).unwrap());
        assert_ne!(root("x"), derive_root("x", "other", "alice", &kdf).unwrap());
    }

    #[test]
    fn a_profile_travels_as_the_interface_writes_it() {
        let text = |kdf: &Kdf| serde_json::to_string(kdf).unwrap();
        assert_eq!(text(&Kdf::default()), r#"{"name":"argon2id","memoryKiB":65536,"iterations":3}"#);
        assert_eq!(text(&Kdf::Pbkdf2 { iterations: 600_000 }), r#"{"name":"pbkdf2","iterations":600000}"#);
        assert_eq!(serde_json::from_str::<Kdf>(&text(&Kdf::default())).unwrap(), Kdf::default());
        assert!(serde_json::from_str::<Kdf>(r#"{"name":"scrypt","iterations":1}"#).is_err());
    }
}
