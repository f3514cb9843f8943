//! What records are checked with: HKDF and Ed25519. Public inputs alone, or keys that the caller has.

use std::borrow::Cow;

use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::scalar::Scalar;
use regrant_symmetric::sha256;

use crate::encoding::Transcript;
use crate::error::{Code, Error, Result};
use crate::secret::Key32;

/// HKDF-SHA-256 (RFC 5869) into `okm`, at most 8160 bytes.
pub fn hkdf(ikm: &[u8], salt: &[u8], info: &[u8], okm: &mut [u8]) -> Result<()> {
    regrant_symmetric::hkdf(ikm, salt, info, okm).map_err(|_| Error::bad_input("HKDF gives at most 8160 bytes"))
}

/// `HKDF(x, info)` of the protocol: SHA-256, empty salt, 32 bytes.
pub fn hkdf32(ikm: &[u8], info: &[u8]) -> Result<Key32> {
    let mut okm = zeroize::Zeroizing::new([0; 32]);
    hkdf(ikm, &[], info, &mut okm[..])?;
    Key32::from_slice(&okm[..])
}

/// What both engines refuse before they verify: small-order or non-canonical A and R, and S >= L.
pub fn ed25519_check(public: &[u8; 32], signature: &[u8; 64]) -> Result<()> {
    let (r, s) = signature.split_at(32);
    for point in [&public[..], r] {
        let compressed = CompressedEdwardsY::from_slice(point).map_err(|_| Error::corrupt())?;
        let decompressed = compressed.decompress().ok_or_else(Error::corrupt)?;
        if decompressed.is_small_order() || decompressed.compress() != compressed {
            return Err(Error::corrupt());
        }
    }
    let mut scalar = [0; 32];
    scalar.copy_from_slice(s);
    if bool::from(Scalar::from_canonical_bytes(scalar).is_none()) {
        return Err(Error::corrupt());
    }
    Ok(())
}

/// Verifies an Ed25519 signature, after [`ed25519_check`].
pub fn ed25519_verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<()> {
    ed25519_check(public, signature)?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(public).map_err(|_| Error::corrupt())?;
    key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).map_err(|_| Error::corrupt())
}

/// The most bytes that are signed as they are; of a longer message its hash is signed (protocol section 0).
///
/// An implementation may need all of a message in memory of which it has little: libgcrypt, and so WebKitGTK, ends the
/// process, and the page with it, when it is to sign 64 KiB.
pub const MAX_SIGNED: usize = 32 << 10;

/// What is signed for a message: the message, or T("transcript", its SHA-256).
pub fn signed_for(message: &[u8]) -> Cow<'_, [u8]> {
    if message.len() <= MAX_SIGNED {
        return Cow::Borrowed(message);
    }
    let hashed = Transcript::new("transcript").bytes(&sha256(message));
    Cow::Owned(hashed.as_bytes().to_vec())
}

/// Verifies an Ed25519 signature over `message`, made over [`signed_for`]. Errors: [`Code::VerificationFailed`].
///
/// Always here: it is synchronous, and both of a client's engines must refuse the same inputs.
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<()> {
    ed25519_verify(public, &signed_for(message), signature)
        .map_err(|_| Error::new(Code::VerificationFailed, "a signature does not verify"))
}
