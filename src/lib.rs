//! End-to-end encryption for web pages in which losing a key is not losing the data.

pub mod client;
pub mod crypto;
pub mod delegation;
pub mod encoding;
pub mod error;
pub mod graph;
#[cfg(target_arch = "wasm32")]
pub mod js;
pub mod keyring;
pub mod recovery;
pub mod relay;
pub mod secret;
pub mod store;
pub mod trust;
pub mod wire;
