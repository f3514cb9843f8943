//! A key for whoever holds an X25519 private key: HPKE, base mode, export only (RFC 9180).
//!
//! DHKEM(X25519, HKDF-SHA-256), HKDF-SHA-256, AEAD 0xFFFF (export only). What is exported is the key of a
//! box (protocol section 3). Knows nothing of slots but the exporter context T("slot/key").

use std::convert::Infallible;

use ::hpke::aead::ExportOnlyAead;
use ::hpke::kdf::HkdfSha256;
use ::hpke::kem::X25519HkdfSha256;
use ::hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender_with_rng};
use rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

use crate::encoding::Transcript;
use crate::error::{Error, Result};
use crate::secret::Key32;

/// The length of `enc`, the encapsulated key, in bytes.
pub const ENC_LENGTH: usize = 32;
/// RFC 9180 wants `info` below 64 KiB; ours is far shorter.
const MAX_INFO: usize = 60_000;

/// 32 random bytes drawn beforehand, handed to the library as its source of randomness: it draws exactly the
/// 32 bytes of the ephemeral key's `ikm` (RFC 9180 section 7.1.3), and failing to draw them is ours to report.
struct Drawn(Zeroizing<[u8; 32]>);

impl TryRng for Drawn {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.iter_mut().zip(self.0.iter()).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}
impl TryCryptoRng for Drawn {}

fn context() -> Transcript {
    Transcript::new("slot/key")
}

fn check_info(info: &[u8]) -> Result<()> {
    if info.len() > MAX_INFO { Err(Error::bad_input("the HPKE info is too long")) } else { Ok(()) }
}

/// A fresh key for the holder of `public`'s private half: `enc` (32 bytes, to be sent) and the exported key.
///
/// Errors: `BadInput` when `public` is a point of small order.
pub fn seal_key(public: &[u8; 32], info: &Transcript) -> Result<([u8; ENC_LENGTH], Key32)> {
    dangerous_seal_with(&Key32::make()?, public, info.as_bytes(), context().as_bytes())
}

/// [`seal_key`] with any info and exporter context, and the ephemeral key derived from `ikm` (RFC 9180
/// DeriveKeyPair): for test vectors only.
#[doc(hidden)]
pub fn dangerous_seal_with(
    ikm: &Key32,
    public: &[u8; 32],
    info: &[u8],
    context: &[u8],
) -> Result<([u8; ENC_LENGTH], Key32)> {
    check_info(info)?;
    let bad = |_| Error::bad_input("not an X25519 public key that can be sealed to");
    let to = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(public).map_err(bad)?;
    let mut drawn = Drawn(Zeroizing::new(*ikm.expose()));
    let (enc, sender) =
        setup_sender_with_rng::<ExportOnlyAead, HkdfSha256, X25519HkdfSha256>(&OpModeS::Base, &to, info, &mut drawn)
            .map_err(bad)?;
    let mut key = Zeroizing::new([0; 32]);
    sender.export(context, &mut key[..]).map_err(bad)?;
    let mut bytes = [0; ENC_LENGTH];
    bytes.copy_from_slice(&enc.to_bytes());
    Ok((bytes, Key32::from_slice(&key[..])?))
}

/// The key that [`seal_key`] exported. Errors: `Corrupt` when `enc` has another length or is of small order.
///
/// A wrong private key or another `info` gives another key, which then opens nothing: the box says so.
pub fn open_key(private: &Key32, enc: &[u8], info: &Transcript) -> Result<Key32> {
    open_with(private, enc, info.as_bytes(), context().as_bytes())
}

/// [`open_key`] with any info and exporter context, so that the published vectors can be run.
#[doc(hidden)]
pub fn open_with(private: &Key32, enc: &[u8], info: &[u8], context: &[u8]) -> Result<Key32> {
    check_info(info)?;
    let bad = |_| Error::corrupt();
    let private = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(private.expose()).map_err(bad)?;
    let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(enc).map_err(bad)?;
    let receiver = setup_receiver::<ExportOnlyAead, HkdfSha256, X25519HkdfSha256>(&OpModeR::Base, &private, &enc, info)
        .map_err(bad)?;
    let mut key = Zeroizing::new([0; 32]);
    receiver.export(context, &mut key[..]).map_err(bad)?;
    Key32::from_slice(&key[..])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::crypto::rust::x25519_public;

    #[test]
    fn only_the_private_half_and_the_same_info_give_the_key() {
        let (private, info) = (Key32::make().unwrap(), Transcript::new("slot").text("a"));
        let (enc, key) = seal_key(&x25519_public(&private), &info).unwrap();
        assert_eq!(open_key(&private, &enc, &info).unwrap(), key);
        assert_ne!(open_key(&private, &enc, &Transcript::new("slot").text("b")).unwrap(), key);
        assert_ne!(open_key(&Key32::make().unwrap(), &enc, &info).unwrap(), key);
        assert_ne!(seal_key(&x25519_public(&private), &info).unwrap().1, key);
    }

    #[test]
    fn small_order_points_and_other_lengths_are_refused() {
        let (private, info) = (Key32::make().unwrap(), Transcript::new("slot"));
        assert!(seal_key(&[0; 32], &info).is_err());
        assert!(open_key(&private, &[0; 32], &info).is_err());
        assert!(open_key(&private, &[9; 31], &info).is_err());
    }
}
