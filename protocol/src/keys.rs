//! Public keys as they travel.

use std::fmt;

use der::asn1::{BitStringRef, UintRef};
use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoRef;

use crate::encoding::Bytes;
use crate::error::{Error, Result};

/// An RSA public key, checked: 2048, 3072 or 4096 bits, e = 65537, DER that re-encodes identically.
#[derive(Clone)]
pub struct EncryptionKey {
    spki: Vec<u8>,
    size: usize,
}

impl EncryptionKey {
    /// Reads a SubjectPublicKeyInfo (DER, rsaEncryption with NULL parameters; RFC 8017, RFC 5280).
    pub fn from_spki(spki: &[u8]) -> Result<Self> {
        let bad =
            || Error::bad_input("not an RSA public key of 2048, 3072 or 4096 bits with exponent 65537, as SPKI DER");
        if spki.len() > 1024 {
            return Err(bad());
        }
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| bad())?;
        info.algorithm.assert_algorithm_oid(pkcs1::ALGORITHM_OID).map_err(|_| bad())?;
        let key = info.subject_public_key.as_bytes().ok_or_else(bad)?;
        let key = pkcs1::RsaPublicKeyRef::from_der(key).map_err(|_| bad())?;
        let again = Self::of(key.modulus.as_bytes(), key.public_exponent.as_bytes())?;
        if again.spki != spki { Err(bad()) } else { Ok(again) }
    }

    /// The key with a modulus and an exponent, big-endian. No arithmetic: what is imported into a browser costs none here.
    pub fn of(modulus: &[u8], exponent: &[u8]) -> Result<Self> {
        let bad = || Error::bad_input("not an RSA key of 2048, 3072 or 4096 bits with exponent 65537");
        let (Some(first), Some(last)) = (modulus.first(), modulus.last()) else { return Err(bad()) };
        let is_whole = first & 0x80 != 0 && last & 1 != 0;
        if !matches!(modulus.len(), 256 | 384 | 512) || !is_whole || exponent != [1, 0, 1] {
            return Err(bad());
        }
        let uint = |bytes| UintRef::new(bytes).map_err(|_| bad());
        let key = pkcs1::RsaPublicKeyRef { modulus: uint(modulus)?, public_exponent: uint(exponent)? };
        let key = key.to_der().map_err(|_| bad())?;
        let subject_public_key = BitStringRef::from_bytes(&key).map_err(|_| bad())?;
        let info = SubjectPublicKeyInfoRef { algorithm: pkcs1::ALGORITHM_ID, subject_public_key };
        Ok(Self { spki: info.to_der().map_err(|_| bad())?, size: modulus.len() })
    }

    /// The key as SPKI DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The modulus' length in bytes, which is also a ciphertext's: 256, 384 or 512.
    pub fn size(&self) -> usize {
        self.size
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({} bits)", self.size() * 8)
    }
}

impl From<&EncryptionKey> for Bytes {
    fn from(key: &EncryptionKey) -> Self {
        Bytes(key.spki.clone())
    }
}
