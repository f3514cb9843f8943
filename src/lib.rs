//! End-to-end encryption for web pages in which losing a key is not losing the data.
//!
//! This crate is the core of the npm package of the same name; a web page uses that. What is written here down is
//! where to find things. `docs/protocol.md` has the bytes and the rules, `docs/threat-model.md` what they are worth.
//!
//! A call enters by `js` (or, natively, by [`client`]), goes down to the layer that does
//! it, and its answer comes straight back. Imports point one way, in this order:
//!
//! | module | what it is for |
//! |---|---|
//! | [`error`], [`secret`], [`encoding`], [`wire`] | of the crate `regrant-protocol`: errors with stable codes; secret bytes; transcripts, base64url, hex; records that leave the device, their parsing and signatures |
//! | [`crypto`] | keys and bytes in, bytes out: engines, boxes, the envelope, password derivation, shares |
//! | [`store`] | what stays on the device |
//! | [`relay`] | what others can reach: the relay embedded in the page, over the rules of the crate `regrant-relay` |
//! | [`trust`] | whose key is whose: pins, chains, verification codes |
//! | [`keyring`] | own keysets: making them, opening them through slots, renewing |
//! | [`graph`] | who acts, and everyone else's keysets, judged |
//! | [`delegation`] | sealing, granting, revoking, opening |
//! | [`recovery`] | notifications after a loss, and giving access back |
//! | [`client`] | the facade: one engine, store and relay, and the sessions over them |

pub use regrant_protocol::{encoding, error, secret, wire};

pub mod client;
pub mod crypto;
pub mod delegation;
pub mod graph;
#[cfg(target_arch = "wasm32")]
pub mod js;
pub mod keyring;
pub mod recovery;
pub mod relay;
pub mod store;
pub mod trust;
