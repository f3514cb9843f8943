//! AES-256-GCM, HKDF-SHA-256 and SHA-256, as `regrant` uses them.
//!
//! The libraries that do the work are generic, and generic code is compiled where it is used. `regrant` itself is
//! compiled to be small, which made AES two to three times as slow; this crate is compiled to be fast. It holds nothing
//! but calls, none of which is generic, and knows no format.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What was asked for cannot be done: too long, or not what was sealed. Why would help nobody but who probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// What AES-GCM adds to a message.
pub const TAG: usize = 16;

/// An AES-256-GCM key, ready for many messages; wiped when dropped.
pub struct Gcm(Aes256Gcm);

impl ZeroizeOnDrop for Gcm {}
const _: () = wiped::<Aes256Gcm>();

/// Compiles for types that wipe themselves when they are dropped, and for no others.
const fn wiped<T: ZeroizeOnDrop>() {}

impl std::fmt::Debug for Gcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gcm(redacted)")
    }
}

impl Gcm {
    /// Makes 32 bytes a key.
    #[inline(never)]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// Adds ciphertext ‖ tag of a message (SP 800-38D, without associated data) to `out`, or nothing.
    #[inline(never)]
    pub fn seal(&self, nonce: &[u8; 12], message: &[u8], out: &mut Vec<u8>) -> Result<(), Failed> {
        // Reserved ahead: a vector that grows would leave a copy of the message behind.
        out.reserve(message.len() + TAG);
        let at = out.len();
        out.extend_from_slice(message);
        let Some(text) = out.get_mut(at..) else { return Err(Failed) };
        match self.0.encrypt_inout_detached(&Nonce::from(*nonce), b"", text.into()) {
            Ok(tag) => {
                out.extend_from_slice(&tag);
                Ok(())
            }
            Err(_) => {
                text.zeroize();
                out.truncate(at);
                Err(Failed)
            }
        }
    }

    /// Opens [`Gcm::seal`].
    #[inline(never)]
    pub fn open(&self, nonce: &[u8; 12], sealed: &[u8]) -> Result<Vec<u8>, Failed> {
        let (text, tag) = sealed.split_last_chunk::<TAG>().ok_or(Failed)?;
        let mut out = text.to_vec();
        match self.0.decrypt_inout_detached(&Nonce::from(*nonce), b"", out.as_mut_slice().into(), &Tag::from(*tag)) {
            Ok(()) => Ok(out),
            Err(_) => {
                out.zeroize();
                Err(Failed)
            }
        }
    }
}

/// HKDF-SHA-256 (RFC 5869) into `okm`, at most 8160 bytes.
#[inline(never)]
pub fn hkdf(ikm: &[u8], salt: &[u8], info: &[u8], okm: &mut [u8]) -> Result<(), Failed> {
    Hkdf::<Sha256>::new(Some(salt), ikm).expand(info, okm).map_err(|_| Failed)
}

/// SHA-256 (FIPS 180-4).
#[inline(never)]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}
