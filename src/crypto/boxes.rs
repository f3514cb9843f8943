//! Boxes and sealed messages: the one way to seal anything but an item (protocol section 1).
//!
//! `box(K, what, fields, m)`: salt = 32 random bytes; okm = HKDF-SHA-256(K, salt, T(what, fields), 64);
//! `salt ‖ okm[32..64] ‖ AES-256-GCM(okm[0..32], zero nonce, m)`. Every box has a key of its own, so no
//! nonce repeats, and the commitment makes it open under one key only.

use zeroize::Zeroizing;

use super::keys::{DecryptionKey, EncryptionKey, RestKey};
use super::{Engine, rust};
use crate::encoding::Transcript;
use crate::error::{Error, Result};
use crate::secret::{Key32, SecretBytes, equal};

pub use regrant_protocol::wire::BOX_OVERHEAD;
const NONCE: [u8; 12] = [0; 12];

fn derive(key: &Key32, salt: &[u8], context: &Transcript) -> Result<Zeroizing<[u8; 64]>> {
    let mut okm = Zeroizing::new([0; 64]);
    rust::hkdf(key.expose(), salt, context.as_bytes(), &mut okm[..])?;
    Ok(okm)
}

fn seal_with(okm: &[u8; 64], salt: &[u8; 32], message: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(message.len() + BOX_OVERHEAD);
    out.extend_from_slice(salt);
    out.extend_from_slice(&okm[32..]);
    out.extend_from_slice(&rust::aes_gcm_seal(&Key32::from_slice(&okm[..32])?, &NONCE, message)?);
    Ok(out)
}

fn open_with(okm: &[u8; 64], sealed: &[u8]) -> Result<SecretBytes> {
    if !equal(&okm[32..], &sealed[32..64]) {
        return Err(Error::corrupt());
    }
    rust::aes_gcm_open(&Key32::from_slice(&okm[..32])?, &NONCE, &sealed[64..])
}

fn salt_of(sealed: &[u8]) -> Result<&[u8]> {
    if sealed.len() < BOX_OVERHEAD {
        return Err(Error::corrupt());
    }
    Ok(&sealed[..32])
}

/// Seals `message` under `key`; `context` is T(what, fields).
pub fn seal_box(engine: &Engine, key: &Key32, context: &Transcript, message: &[u8]) -> Result<Vec<u8>> {
    dangerous_seal_box_with(key, context, message, &engine.random::<32>()?)
}

/// [`seal_box`] with the salt given: for test vectors only. A salt must not repeat under a key.
#[doc(hidden)]
pub fn dangerous_seal_box_with(key: &Key32, context: &Transcript, message: &[u8], salt: &[u8; 32]) -> Result<Vec<u8>> {
    seal_with(&*derive(key, salt, context)?, salt, message)
}

/// Opens a box: checks the length, compares the commitment, then decrypts.
pub fn open_box(key: &Key32, context: &Transcript, sealed: &[u8]) -> Result<SecretBytes> {
    let salt = salt_of(sealed)?;
    open_with(&*derive(key, salt, context)?, sealed)
}

/// Seals `message` under a key that rests on this device.
pub async fn seal_at_rest(engine: &Engine, key: &RestKey, context: &Transcript, message: &[u8]) -> Result<Vec<u8>> {
    let salt = engine.random::<32>()?;
    let okm = engine.rest_okm(key, &salt, context.as_bytes()).await?;
    seal_with(&okm, &salt, message)
}

/// Opens [`seal_at_rest`].
pub async fn open_at_rest(engine: &Engine, key: &RestKey, context: &Transcript, sealed: &[u8]) -> Result<SecretBytes> {
    let salt = salt_of(sealed)?;
    let okm = engine.rest_okm(key, salt, context.as_bytes()).await?;
    open_with(&okm, sealed)
}

/// The OAEP label of a transcript: the lowercase hex of its SHA-256, so that every engine takes it as text.
pub fn oaep_label(context: &Transcript) -> Vec<u8> {
    hex::encode(context.sha256()).into_bytes()
}

/// A sealed message: a random key by RSA-OAEP, then a box under it. RSA ciphertext ‖ box.
pub async fn seal_message(
    engine: &Engine,
    to: &EncryptionKey,
    context: &Transcript,
    message: &[u8],
) -> Result<Vec<u8>> {
    let key = Key32::make()?;
    let mut out = engine.rsa_encrypt(to, &oaep_label(context), key.expose()).await?;
    out.extend_from_slice(&seal_box(engine, &key, context, message)?);
    Ok(out)
}

/// Opens [`seal_message`]; `size` is the modulus' length in bytes.
pub async fn open_message(
    engine: &Engine,
    key: &DecryptionKey,
    size: usize,
    context: &Transcript,
    sealed: &[u8],
) -> Result<SecretBytes> {
    if sealed.len() < size + BOX_OVERHEAD {
        return Err(Error::corrupt());
    }
    let (wrapped, boxed) = sealed.split_at(size);
    let key = engine.rsa_decrypt(key, &oaep_label(context), wrapped, 32).await?;
    open_box(&Key32::from_slice(key.expose())?, context, boxed)
}
