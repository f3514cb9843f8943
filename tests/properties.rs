//! What holds for whatever comes from outside: it is read as it was written, or refused; nothing panics, nothing
//! takes more memory than its length allows, and every limit stands exactly where `docs/protocol.md` says.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "properties/allocation.rs"]
mod allocation;
#[path = "properties/anything.rs"]
mod anything;
#[path = "properties/limits.rs"]
mod limits;
mod probe;
#[path = "properties/records.rs"]
mod records;
