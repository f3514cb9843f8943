//! The RustCrypto engine: every primitive, on every target.
//!
//! Bytes in, bytes out. RSA here is not constant time (RUSTSEC-2023-0071 is open for every published
//! `rsa`); blinding is on, and private-key operations go to WebCrypto wherever it exists.

use getrandom::SysRng;
use rand_core::UnwrapErr;
use regrant_symmetric::Gcm;
use rsa::Oaep;
use rsa::pkcs8::der::Decode;
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey};
use rsa::traits::PrivateKeyParts;
use sha2::Sha256;
use zeroize::Zeroizing;

pub use regrant_protocol::primitives::{ed25519_check, ed25519_verify, hkdf, hkdf32};

use super::keys::EncryptionKey;
use crate::error::{Error, Result};
use crate::secret::{Key32, SecretBytes};

/// AES-256-GCM (SP 800-38D) without associated data: ciphertext ‖ 16-byte tag.
pub fn aes_gcm_seal(key: &Key32, nonce: &[u8; 12], plaintext: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    gcm_seal(&Gcm::new(key.expose()), nonce, plaintext, &mut out)?;
    Ok(out)
}

/// [`aes_gcm_seal`] with a key that is ready, behind what is there.
pub(crate) fn gcm_seal(key: &Gcm, nonce: &[u8; 12], plaintext: &[u8], out: &mut Vec<u8>) -> Result<()> {
    key.seal(nonce, plaintext, out).map_err(|_| Error::bad_input("too long to encrypt in one piece"))
}

/// Opens [`aes_gcm_seal`]; any change to any byte is [`Error::corrupt`].
pub fn aes_gcm_open(key: &Key32, nonce: &[u8; 12], sealed: &[u8]) -> Result<SecretBytes> {
    gcm_open(&Gcm::new(key.expose()), nonce, sealed)
}

/// [`aes_gcm_open`] with a key that is ready.
pub(crate) fn gcm_open(key: &Gcm, nonce: &[u8; 12], sealed: &[u8]) -> Result<SecretBytes> {
    key.open(nonce, sealed).map(SecretBytes::new).map_err(|_| Error::corrupt())
}

/// A new RSA key of 2048, 3072 or 4096 bits with e = 65537, as PKCS#8 DER.
pub fn rsa_generate(bits: usize) -> Result<SecretBytes> {
    let key = rsa::RsaPrivateKey::new(&mut UnwrapErr(SysRng), bits)
        .map_err(|_| Error::bad_input("cannot make an RSA key of that size"))?;
    rsa_to_pkcs8(&key)
}

/// PKCS#8 DER of a private key.
pub fn rsa_to_pkcs8(key: &rsa::RsaPrivateKey) -> Result<SecretBytes> {
    let der = key.to_pkcs8_der().map_err(|_| Error::bad_input("cannot encode this RSA key"))?;
    Ok(SecretBytes::new(der.as_bytes().to_vec()))
}

/// The public numbers of an RSA key and its primes, big-endian.
pub(crate) struct RsaParts {
    pub(crate) modulus: Vec<u8>,
    pub(crate) primes: [Zeroizing<Vec<u8>>; 2],
    pub(crate) public: EncryptionKey,
}

/// Reads a PKCS#8 DER private key (RFC 5958) of two primes whose product is its modulus. Whoever imports it checks that
/// its exponents fit, too: the browser, or [`rsa_from_pkcs8`].
pub(crate) fn rsa_parts(pkcs8: &SecretBytes) -> Result<RsaParts> {
    let bad = || Error::bad_input("not an RSA private key of 2048, 3072 or 4096 bits, as PKCS#8 DER");
    if pkcs8.expose().len() > 4096 {
        return Err(bad());
    }
    let info = rsa::pkcs8::PrivateKeyInfoRef::try_from(pkcs8.expose()).map_err(|_| bad())?;
    info.algorithm.assert_algorithm_oid(rsa::pkcs1::ALGORITHM_OID).map_err(|_| bad())?;
    let key = rsa::pkcs1::RsaPrivateKeyRef::from_der(info.private_key.as_bytes()).map_err(|_| bad())?;
    if key.other_prime_infos.is_some() {
        return Err(bad());
    }
    let modulus = key.modulus.as_bytes().to_vec();
    let public = EncryptionKey::of(&modulus, key.public_exponent.as_bytes()).map_err(|_| bad())?;
    let primes = [key.prime1, key.prime2].map(|prime| Zeroizing::new(prime.as_bytes().to_vec()));
    // Twice as wide as the modulus: nothing is lost.
    let width = 16 * u32::try_from(modulus.len()).map_err(|_| bad())?;
    let number = |prime: &[u8]| rsa::BoxedUint::from_be_slice(prime, width).map(Zeroizing::new).map_err(|_| bad());
    let [p, q] = [number(&primes[0])?, number(&primes[1])?];
    let product = Zeroizing::new(p.wrapping_mul(&*q));
    let is_product =
        primes.iter().all(|prime| prime.len() <= modulus.len()) && *product.to_be_bytes_trimmed_vartime() == *modulus;
    if !is_product || primes.iter().any(|prime| prime.len() < modulus.len() / 4) {
        return Err(bad());
    }
    Ok(RsaParts { modulus, primes, public })
}

/// Reads and validates a PKCS#8 DER private key (RFC 5958) and gives it with its public half.
pub fn rsa_from_pkcs8(pkcs8: &SecretBytes) -> Result<(rsa::RsaPrivateKey, EncryptionKey)> {
    use rsa::pkcs8::EncodePublicKey;
    let bad = || Error::bad_input("not an RSA private key of 2048, 3072 or 4096 bits, as PKCS#8 DER");
    if pkcs8.expose().len() > 4096 {
        return Err(bad());
    }
    let key = rsa::RsaPrivateKey::from_pkcs8_der(pkcs8.expose()).map_err(|_| bad())?;
    key.validate().map_err(|_| bad())?;
    if key.primes().len() != 2 {
        return Err(bad());
    }
    let spki = key.to_public_key().to_public_key_der().map_err(|_| bad())?;
    let public = EncryptionKey::from_spki(spki.as_bytes())?;
    Ok((key, public))
}

fn oaep(label: &[u8]) -> Oaep<Sha256> {
    Oaep::new_with_label(label)
}

/// RSA-OAEP (RFC 8017) with SHA-256 and MGF1-SHA-256.
pub fn rsa_encrypt(key: &EncryptionKey, label: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let bad = |_| Error::bad_input("not an RSA public key");
    let key = rsa::RsaPublicKey::from_public_key_der(key.spki()).map_err(bad)?;
    key.encrypt(&mut UnwrapErr(SysRng), oaep(label), message).map_err(|_| Error::bad_input("too long for RSA-OAEP"))
}

/// Opens [`rsa_encrypt`], blinded.
pub fn rsa_decrypt(key: &rsa::RsaPrivateKey, label: &[u8], ciphertext: &[u8]) -> Result<SecretBytes> {
    key.decrypt_blinded(&mut UnwrapErr(SysRng), oaep(label), ciphertext)
        .map(SecretBytes::new)
        .map_err(|_| Error::corrupt())
}

/// Ed25519 (RFC 8032): the public key of a seed.
pub fn ed25519_public(seed: &Key32) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(seed.expose()).verifying_key().to_bytes()
}

/// X25519 (RFC 7748): the public key of a private one.
pub fn x25519_public(private: &Key32) -> [u8; 32] {
    x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(*private.expose())).to_bytes()
}
