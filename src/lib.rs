//! End-to-end encryption for web pages in which losing a key is not losing the data.

pub mod crypto;
pub mod encoding;
pub mod error;
#[cfg(target_arch = "wasm32")]
pub mod js;
pub mod secret;
