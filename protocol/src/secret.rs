//! Secret bytes: on the heap, wiped when dropped, redacted when printed, and without `Serialize`.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{Error, Result};

/// Secret bytes of any length.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes the bytes over; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, for the moment they are needed.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be filled in place.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Hands the bytes out as a plain vector, when they stop being secret: the caller's own plaintext.
    pub fn into_exposed(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// A secret of 32 bytes: a keyset key, an exchange key, a data key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key32(Box<[u8; 32]>);

impl Key32 {
    /// 32 fresh random bytes.
    pub fn make() -> Result<Self> {
        let mut key = Self(Box::new([0; 32]));
        getrandom::fill(&mut key.0[..]).map_err(|_| no_randomness())?;
        Ok(key)
    }

    /// From exactly 32 bytes; the caller wipes its own copy.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        let mut key = Self(Box::new([0; 32]));
        if bytes.len() != 32 {
            return Err(Error::corrupt());
        }
        key.0.copy_from_slice(bytes);
        Ok(key)
    }

    /// The bytes, for the moment they are needed.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Key32 {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}
impl Eq for Key32 {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(redacted)")
    }
}
impl fmt::Debug for Key32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key32(redacted)")
    }
}

/// Compiles for types whose secrets are wiped when they are dropped, and for no others.
pub const fn wiped<T: ZeroizeOnDrop>() {}

const _: () = {
    wiped::<SecretBytes>();
    wiped::<Key32>();
};

/// Compares two byte strings in constant time; lengths are public.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// How much of the stack below the caller [`wipe_stack`] overwrites, in bytes: more than any operation here takes.
const STACK: usize = 256 << 10;

/// Overwrites what calls before left on the stack: arithmetic keeps parts of keys there, and nobody wipes those.
#[inline(never)]
pub fn wipe_stack() {
    let mut below = [0u8; STACK];
    std::hint::black_box(&mut below);
}

/// 16 random bytes as a version 4 UUID.
pub fn make_id() -> Result<uuid::Uuid> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| no_randomness())?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

/// Ids, keys and salts of many new items, drawn many at a time: each draw is a call out of this module.
#[derive(Default)]
pub struct Fresh {
    drawn: Zeroizing<Vec<u8>>,
    used: usize,
}

/// The bytes of one item: id, key, salt.
const FRESH: usize = 16 + 32 + 32;
/// How many items' are drawn at once, at most.
const DRAWN: usize = 64;

impl Fresh {
    /// The next item's id, key and salt; `left` items are still to come, this one among them.
    pub fn next(&mut self, left: usize) -> Result<(uuid::Uuid, Key32, [u8; 32])> {
        if self.used == self.drawn.len() {
            self.drawn.resize(left.clamp(1, DRAWN) * FRESH, 0);
            self.used = 0;
            if getrandom::fill(&mut self.drawn).is_err() {
                // What was not drawn is never handed out.
                self.drawn.clear();
                return Err(no_randomness());
            }
        }
        let bytes = self.drawn.get_mut(self.used..self.used + FRESH).ok_or_else(Error::corrupt)?;
        let (mut id, mut salt) = ([0; 16], [0; 32]);
        id.copy_from_slice(&bytes[..16]);
        let key = Key32::from_slice(&bytes[16..48])?;
        salt.copy_from_slice(&bytes[48..]);
        bytes.zeroize();
        self.used += FRESH;
        Ok((uuid::Builder::from_random_bytes(id).into_uuid(), key, salt))
    }
}

fn no_randomness() -> Error {
    Error::new(crate::error::Code::StoreMissing, "this environment has no source of randomness")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_is_redacted() {
        assert_eq!(format!("{:?}", SecretBytes::new(b"hunter2".to_vec())), "SecretBytes(redacted)");
        assert_eq!(format!("{:?}", Key32::make()), "Ok(Key32(redacted))");
    }
}
