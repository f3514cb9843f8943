//! The data keys of a grant, one after the other as they were sealed. Ten thousand keys are one piece of memory, which is
//! shared and not copied.

use std::fmt;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::secret::{Key32, SecretBytes};

const LENGTH: usize = 32;

/// The keys of a grant's entries, in their order.
#[derive(Clone, Debug)]
pub(super) struct Keys(Rc<SecretBytes>);

impl Keys {
    /// What was sealed. Errors: `Corrupt` if it is not so many keys.
    pub(super) fn new(bytes: SecretBytes, count: usize) -> Result<Self> {
        let fits = Some(bytes.expose().len()) == count.checked_mul(LENGTH);
        if fits { Ok(Self(Rc::new(bytes))) } else { Err(Error::corrupt()) }
    }

    /// The key of an entry.
    pub(super) fn get(&self, at: usize) -> Result<Key32> {
        Key32::from_slice(self.slice(at))
    }

    /// The keys one by one, sharing this memory.
    pub(super) fn each(&self) -> impl Iterator<Item = OneKey> + '_ {
        (0..self.0.expose().len() / LENGTH).map(|at| OneKey { all: self.clone(), at })
    }

    fn slice(&self, at: usize) -> &[u8] {
        self.0.expose().get(at * LENGTH..(at + 1) * LENGTH).unwrap_or_default()
    }
}

/// One of them.
#[derive(Clone)]
pub(super) struct OneKey {
    all: Keys,
    at: usize,
}

impl OneKey {
    /// The key's 32 bytes, for the moment they are needed.
    pub(super) fn expose(&self) -> &[u8] {
        self.all.slice(self.at)
    }
}

impl From<&Key32> for OneKey {
    fn from(key: &Key32) -> Self {
        Self { all: Keys(Rc::new(SecretBytes::new(key.expose().to_vec()))), at: 0 }
    }
}

impl fmt::Debug for OneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_lie_one_after_the_other() {
        let bytes: Vec<u8> = (0..96).collect();
        assert!(Keys::new(SecretBytes::new(bytes.clone()), 2).is_err());
        let keys = Keys::new(SecretBytes::new(bytes.clone()), 3).unwrap();
        let each: Vec<OneKey> = keys.each().collect();
        assert_eq!(each.len(), 3);
        for (at, key) in each.iter().enumerate() {
            assert_eq!(key.expose(), &bytes[at * 32..at * 32 + 32]);
            assert_eq!(keys.get(at).unwrap().expose()[..], bytes[at * 32..at * 32 + 32]);
        }
        assert!(keys.get(3).is_err());
        assert_eq!(format!("{keys:?} {:?}", each[0]), "Keys(SecretBytes(redacted)) OneKey(redacted)");
    }
}
