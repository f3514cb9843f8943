//! Bytes of any size, where they already are: in this module's memory, or in JavaScript's.
//!
//! Bulk bytes stay in JavaScript and are worked on by `crypto.subtle` there. Knows no format.

use std::fmt;

use crate::error::{Error, Result};

#[cfg(target_arch = "wasm32")]
use super::webcrypto;

/// A run of bytes. What is made from a buffer is a buffer of the same kind.
#[derive(Clone)]
pub enum Buffer {
    /// In this module's memory.
    Heap(Vec<u8>),
    /// A `Uint8Array`, which its owner may still change: it is read once per chunk.
    #[cfg(target_arch = "wasm32")]
    Web(webcrypto::WebBuffer),
}

impl Buffer {
    /// The length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Heap(bytes) => bytes.len(),
            #[cfg(target_arch = "wasm32")]
            Self::Web(bytes) => bytes.len(),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the first `n` bytes, or of all of them where there are fewer.
    pub fn prefix(&self, n: usize) -> Vec<u8> {
        match self {
            Self::Heap(bytes) => bytes[..n.min(bytes.len())].to_vec(),
            #[cfg(target_arch = "wasm32")]
            Self::Web(bytes) => bytes.read(0, n.min(bytes.len())),
        }
    }

    /// A part: copied out of this module's memory, a view of JavaScript's.
    pub(crate) fn slice(&self, from: usize, len: usize) -> Result<Self> {
        match self {
            Self::Heap(bytes) => {
                let end = from.checked_add(len).ok_or_else(Error::corrupt)?;
                bytes.get(from..end).map(|part| Self::Heap(part.to_vec())).ok_or_else(Error::corrupt)
            }
            #[cfg(target_arch = "wasm32")]
            Self::Web(bytes) => bytes.view(from as u64, len as u64).map(Self::Web),
        }
    }

    /// The same memory once more, if it is JavaScript's.
    pub(crate) fn same_memory(&self) -> Option<Self> {
        match self {
            Self::Heap(_) => None,
            #[cfg(target_arch = "wasm32")]
            Self::Web(_) => Some(self.clone()),
        }
    }

    /// Zeros, where these bytes are.
    pub(crate) fn zeros_beside(&self, len: usize) -> Result<Self> {
        match self {
            Self::Heap(_) => Ok(Self::Heap(vec![0; len])),
            #[cfg(target_arch = "wasm32")]
            Self::Web(_) => webcrypto::WebBuffer::zeros(len as u64).map(Self::Web),
        }
    }

    /// A copy of bytes of this module, where these bytes are.
    pub fn beside(&self, bytes: Vec<u8>) -> Self {
        match self {
            Self::Heap(_) => Self::Heap(bytes),
            #[cfg(target_arch = "wasm32")]
            Self::Web(_) => Self::Web(webcrypto::WebBuffer::copy_of(&bytes)),
        }
    }

    /// Writes other bytes over a part. Errors: `BadInput` when they do not fit.
    pub(crate) fn put(&mut self, at: usize, other: &Self) -> Result<()> {
        let outside = || Error::bad_input("the bytes changed their size while they were read");
        match (self, other) {
            (Self::Heap(to), Self::Heap(from)) => {
                let end = at.checked_add(from.len()).ok_or_else(outside)?;
                to.get_mut(at..end).ok_or_else(outside)?.copy_from_slice(from);
                Ok(())
            }
            #[cfg(target_arch = "wasm32")]
            (Self::Web(to), Self::Web(from)) => from.copy_into(to, at as u64),
            #[cfg(target_arch = "wasm32")]
            (Self::Web(to), Self::Heap(from)) => to.write(at as u64, from),
            #[cfg(target_arch = "wasm32")]
            (Self::Heap(to), Self::Web(from)) => {
                let end = at.checked_add(from.len()).ok_or_else(outside)?;
                to.get_mut(at..end).ok_or_else(outside)?.copy_from_slice(&from.read(0, from.len()));
                Ok(())
            }
        }
    }

    /// The first `len` bytes, if all that follows is zero.
    pub(crate) fn cut_zeros(self, len: usize) -> Result<Option<Self>> {
        let there = self.len();
        if len >= there {
            return Ok(Some(self));
        }
        let zeros = match &self {
            Self::Heap(bytes) => bytes[len..].iter().all(|byte| *byte == 0),
            #[cfg(target_arch = "wasm32")]
            Self::Web(bytes) => bytes.read(len, there - len).iter().all(|byte| *byte == 0),
        };
        if zeros { self.slice(0, len).map(Some) } else { Ok(None) }
    }

    /// The bytes in this module's memory: copied if they are not there yet.
    pub fn into_heap(self) -> Vec<u8> {
        match self {
            Self::Heap(bytes) => bytes,
            #[cfg(target_arch = "wasm32")]
            Self::Web(bytes) => bytes.read(0, bytes.len()),
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len())
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Heap(bytes)
    }
}
