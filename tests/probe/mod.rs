//! What is done with a run of bytes from outside: one function for each fuzz target (`fuzz/`). The replay of their
//! corpora (`tests/corpora.rs`) and the property tests (`tests/properties.rs`) call the very same functions.
//!
//! A probe panics where a property does not hold. Knows the crate's public surface alone.

#![allow(
    dead_code,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    unused_imports
)]

pub mod envelope;
pub mod keys;
pub mod records;
pub mod relay;
pub mod text;

use regrant::crypto::keys::DataKey;
use regrant::secret::Key32;

pub type Probe = fn(&[u8]);

/// The probes, by their fuzz target's name.
pub const TARGETS: &[(&str, Probe)] = &[
    ("wire_records", records::probe),
    ("envelope", envelope::probe),
    ("keys", keys::probe),
    ("text", text::probe),
    ("relay", relay::probe),
];

/// An input, read from its front. What is not there reads as zeros.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

pub fn key(n: u8) -> Key32 {
    Key32::from_slice(&[n; 32]).unwrap()
}

pub fn data_key(n: u8) -> DataKey {
    DataKey(key(n))
}
