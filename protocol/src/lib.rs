//! What clients and relays of regrant have in common: how bytes are written down, the records, how they are verified, and
//! what a relay is asked. No I/O. `docs/protocol.md` has the bytes and the rules.

pub mod encoding;
pub mod error;
pub mod keys;
pub mod operations;
pub mod primitives;
pub mod secret;
pub mod wire;
