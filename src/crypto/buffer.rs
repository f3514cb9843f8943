//! Bytes of any size, where they already are: in this module's memory, or in JavaScript's.
//!
//! Bulk bytes stay in JavaScript and are worked on by `crypto.subtle` there. Knows no format.

use std::fmt;

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
