//! Keys and bytes in, bytes out. Knows no identity and does no I/O.
//!
//! An [`Engine`] does each operation where it is best done: small symmetric work and verification in
//! this module (one synchronous call), private-key operations and long messages on WebCrypto wherever
//! there is one.

pub mod boxes;
pub mod buffer;
pub mod envelope;
pub mod hpke;
pub mod kdf;
pub mod keys;
pub mod rust;
pub mod shamir;
pub mod split;
pub mod turn;
#[cfg(target_arch = "wasm32")]
pub mod webcrypto;

use std::cell::Cell;
use std::rc::Rc;

use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};
use crate::secret::{Key32, SecretBytes};
use regrant_protocol::primitives::signed_for;
pub use regrant_protocol::primitives::{MAX_SIGNED, verify};

use keys::{DecryptionKey, EncryptionKey, RestKey, SigningKey};

/// Which implementation holds private keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// RustCrypto and dalek, compiled into this module.
    Rust,
    /// `crypto.subtle`; private keys are non-extractable.
    WebCrypto,
}

/// Does the cryptography. Cheap to clone; clones share the operation count.
#[derive(Clone, Debug)]
pub struct Engine {
    kind: EngineKind,
    rsa_operations: Rc<Cell<u64>>,
    #[cfg(not(target_arch = "wasm32"))]
    pairs: Option<Pairs>,
}

/// Where new RSA pairs come from, other than being made here.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone)]
struct Pairs(Rc<dyn Fn() -> Result<SecretBytes>>);

#[cfg(not(target_arch = "wasm32"))]
impl std::fmt::Debug for Pairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pairs")
    }
}

impl Engine {
    /// The engine that needs nothing from its surroundings but randomness.
    pub fn rust() -> Self {
        Self {
            kind: EngineKind::Rust,
            rsa_operations: Rc::default(),
            #[cfg(not(target_arch = "wasm32"))]
            pairs: None,
        }
    }

    /// The same engine, whose RSA pairs (PKCS#8) come from elsewhere: hardware, or pairs that were made beforehand.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn with_pairs(self, pairs: impl Fn() -> Result<SecretBytes> + 'static) -> Self {
        Self { pairs: Some(Pairs(Rc::new(pairs))), ..self }
    }

    /// The engine over `crypto.subtle`. Errors: [`Code::InsecureContext`] where it is missing.
    #[cfg(target_arch = "wasm32")]
    pub fn webcrypto() -> Result<Self> {
        webcrypto::subtle()?;
        Ok(Self { kind: EngineKind::WebCrypto, rsa_operations: Rc::default() })
    }

    /// Which implementation holds private keys.
    pub fn kind(&self) -> EngineKind {
        self.kind
    }

    /// How many RSA operations (public and private) this engine has done.
    pub fn rsa_operations(&self) -> u64 {
        self.rsa_operations.get()
    }

    fn count_rsa(&self) {
        self.rsa_operations.set(self.rsa_operations.get() + 1);
    }

    /// Fresh random bytes from the system.
    pub fn random<const N: usize>(&self) -> Result<[u8; N]> {
        let mut out = [0; N];
        getrandom::fill(&mut out)
            .map_err(|_| Error::new(Code::StoreMissing, "this environment has no source of randomness"))?;
        Ok(out)
    }

    pub(crate) fn fill_random(&self, out: &mut [u8]) -> Result<()> {
        getrandom::fill(out).map_err(|_| Error::new(Code::StoreMissing, "this environment has no source of randomness"))
    }

    /// A new RSA private key as PKCS#8 DER. `bits`: 2048, 3072 or 4096.
    pub async fn rsa_generate(&self, bits: usize) -> Result<SecretBytes> {
        if !matches!(bits, 2048 | 3072 | 4096) {
            return Err(Error::bad_input("an RSA key has 2048, 3072 or 4096 bits"));
        }
        #[cfg(target_arch = "wasm32")]
        if self.kind == EngineKind::WebCrypto {
            return webcrypto::rsa_generate(bits).await;
        }
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(pairs) = &self.pairs {
            return (pairs.0)();
        }
        rust::rsa_generate(bits)
    }

    /// Makes a PKCS#8 private key usable, and gives its public half.
    pub async fn import_decryption(&self, pkcs8: &SecretBytes) -> Result<(DecryptionKey, EncryptionKey)> {
        #[cfg(target_arch = "wasm32")]
        if self.kind == EngineKind::WebCrypto {
            let public = rust::rsa_parts(pkcs8)?.public;
            return Ok((DecryptionKey::Web(webcrypto::import_rsa_private(pkcs8).await?), public));
        }
        let (key, public) = rust::rsa_from_pkcs8(pkcs8)?;
        Ok((DecryptionKey::Rust(Box::new(key)), public))
    }

    /// RSA-OAEP-256 to a public key; at most size - 66 bytes.
    pub async fn rsa_encrypt(&self, to: &EncryptionKey, label: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        self.count_rsa();
        #[cfg(target_arch = "wasm32")]
        if self.kind == EngineKind::WebCrypto {
            return webcrypto::rsa_encrypt(to, label, message).await;
        }
        rust::rsa_encrypt(to, label, message)
    }

    /// RSA-OAEP-256 with a private key, of a message with `length` bytes. Errors: [`Code::Corrupt`], whatever the reason.
    pub async fn rsa_decrypt(
        &self,
        key: &DecryptionKey,
        label: &[u8],
        ciphertext: &[u8],
        length: usize,
    ) -> Result<SecretBytes> {
        self.count_rsa();
        let message = match key {
            DecryptionKey::Rust(key) => rust::rsa_decrypt(key, label, ciphertext),
            #[cfg(target_arch = "wasm32")]
            DecryptionKey::Web(key) => webcrypto::rsa_decrypt(key, label, ciphertext, length).await,
        }?;
        if message.expose().len() == length { Ok(message) } else { Err(Error::corrupt()) }
    }

    /// Makes an Ed25519 seed usable.
    pub async fn import_signing(&self, seed: &Key32) -> Result<SigningKey> {
        #[cfg(target_arch = "wasm32")]
        if self.kind == EngineKind::WebCrypto
            && let Some(key) = webcrypto::import_ed25519(seed).await?
        {
            return Ok(SigningKey::Web(key));
        }
        Ok(SigningKey::Rust(Box::new(ed25519_dalek::SigningKey::from_bytes(seed.expose()))))
    }

    /// Signs with Ed25519 (RFC 8032); of more than [`MAX_SIGNED`] bytes, their hash.
    pub async fn sign(&self, key: &SigningKey, message: &[u8]) -> Result<[u8; 64]> {
        let message = signed_for(message);
        match key {
            SigningKey::Rust(key) => {
                use ed25519_dalek::Signer;
                Ok(key.sign(&message).to_bytes())
            }
            #[cfg(target_arch = "wasm32")]
            SigningKey::Web(key) => webcrypto::ed25519_sign(key, &message).await,
        }
    }

    /// Makes 32 secret bytes a key for boxes that rest on this device.
    pub async fn import_rest(&self, key: &Key32) -> Result<RestKey> {
        #[cfg(target_arch = "wasm32")]
        if self.kind == EngineKind::WebCrypto {
            return Ok(RestKey::Web(webcrypto::import_hkdf(key.expose()).await?));
        }
        Ok(RestKey::Rust(key.clone()))
    }

    pub(crate) async fn rest_okm(&self, key: &RestKey, salt: &[u8], info: &[u8]) -> Result<Zeroizing<[u8; 64]>> {
        let mut okm = Zeroizing::new([0; 64]);
        match key {
            RestKey::Rust(key) => rust::hkdf(key.expose(), salt, info, &mut okm[..])?,
            #[cfg(target_arch = "wasm32")]
            RestKey::Web(key) => webcrypto::hkdf(key, salt, info, &mut okm[..]).await?,
        }
        Ok(okm)
    }
}
