//! The relay, as a client sees it: what others can reach. It stores public keys and ciphertext, enforces who may write
//! what, and is never trusted with content or with whose key is whose.
//!
//! Operations and replies are the protocol's; the rules behind them are a crate of their own. [`embedded`] runs them in the
//! page (or in Node), over anything with an atomic batch.

pub mod embedded;

use uuid::Uuid;

use crate::crypto::envelope::Buffer;
use crate::error::Result;

pub use embedded::Subscription;
pub use regrant_protocol::operations::*;
pub use regrant_relay as rules;

/// The relays that there are.
#[derive(Clone, Debug)]
pub enum Relay {
    /// The rules run here, over a backend.
    Embedded(embedded::Embedded),
}

impl Relay {
    /// Carries out one operation.
    pub async fn call(&self, ticket: Option<&Ticket>, operation: &Operation) -> Result<Reply> {
        match self {
            Self::Embedded(relay) => relay.call(ticket, operation).await,
        }
    }

    /// Keeps parts of a file whose upload is under way. What is there already is written over.
    pub async fn put_parts(&self, ticket: Option<&Ticket>, item: Uuid, parts: Vec<(Part, Buffer)>) -> Result<()> {
        match self {
            Self::Embedded(relay) => relay.put_parts(ticket, item, parts).await,
        }
    }

    /// Reads parts of a file; `None` for each that is not there.
    pub async fn get_parts(
        &self,
        ticket: Option<&Ticket>,
        item: Uuid,
        basis: Uuid,
        parts: &[Part],
    ) -> Result<Vec<Option<Buffer>>> {
        match self {
            Self::Embedded(relay) => relay.get_parts(ticket, item, basis, parts).await,
        }
    }

    /// What login challenges, and the secrets that this relay sees, are bound to: of it, as its client is configured.
    pub fn id(&self) -> &str {
        match self {
            Self::Embedded(relay) => relay.id(),
        }
    }

    /// Calls `listener` whenever something that concerns `login` changed. Ends when the subscription is dropped.
    pub fn subscribe(&self, login: &str, listener: impl Fn() + 'static) -> Subscription {
        match self {
            Self::Embedded(relay) => relay.subscribe(login, listener),
        }
    }
}
