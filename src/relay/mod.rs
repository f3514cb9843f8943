//! The relay as a client sees it: somebody who answers operations. Who that is, and where, is the transport's business.

mod ahead;
#[cfg(target_arch = "wasm32")]
mod object;
mod turn;

use std::any::Any;
use std::fmt;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use crate::crypto::envelope::Buffer;
use crate::encoding::Hash;
use crate::error::{Code, Result};

use ahead::Ahead;
pub use ahead::Flow;
#[cfg(target_arch = "wasm32")]
pub use object::RelayObject;
pub use regrant_protocol::operations::*;
use turn::Turns;

/// What carries operations to a relay, and answers back.
pub trait Transport {
    /// Carries out operations, one after the other: an answer for each, in order.
    fn call<'a>(
        &'a self,
        token: Option<&'a Token>,
        operations: Vec<Operation>,
    ) -> LocalBoxFuture<'a, Result<Vec<Result<Reply>>>>;

    /// Keeps parts of a file whose upload is under way. What is there already is written over.
    fn put_parts<'a>(
        &'a self,
        token: Option<&'a Token>,
        item: Uuid,
        parts: Vec<(Part, Buffer)>,
    ) -> LocalBoxFuture<'a, Result<()>>;

    /// Reads parts of a file, by a grant that the caller holds; `None` for each that is not there.
    fn get_parts<'a>(
        &'a self,
        token: Option<&'a Token>,
        item: Uuid,
        basis: Uuid,
        parts: &'a [Part],
    ) -> LocalBoxFuture<'a, Result<Vec<Option<Buffer>>>>;

    /// Calls `listener` whenever something that concerns `login` changed, until what it gives is dropped.
    fn subscribe(&self, login: &str, listener: Box<dyn Fn()>) -> Subscription;
}

/// Listening to a relay; ends when dropped.
pub struct Subscription(#[allow(dead_code, reason = "kept to be dropped")] Box<dyn Any>);

impl Subscription {
    /// One that ends when `guard` is dropped.
    pub fn new(guard: impl Any) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

/// That a login was checked: what a client calls the relay with, for a while.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// What comes along with each call.
    pub token: Token,
    /// The keyset that it was given for.
    pub fingerprint: Hash,
}

impl LoggedIn {
    /// From what a relay answered. Errors: [`Code::RelayUnavailable`](crate::error::Code) if that is something else.
    pub fn from(reply: Reply) -> Result<Self> {
        match reply {
            Reply::Session { token, fingerprint, .. } => Ok(Self { token, fingerprint }),
            _ => Err(unexpected()),
        }
    }
}

/// A relay. Clones are the same; what their callers ask at one time travels together.
#[derive(Clone)]
pub struct Relay {
    transport: Rc<dyn Transport>,
    turns: Rc<Turns>,
    ahead: Rc<Ahead>,
    id: Rc<str>,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({})", self.id)
    }
}

impl Relay {
    /// A relay behind a transport. `id`: what login challenges, and the secrets that this relay sees, are bound to.
    pub fn new(transport: impl Transport + 'static, id: &str) -> Self {
        Self { transport: Rc::new(transport), turns: Rc::default(), ahead: Rc::default(), id: id.into() }
    }

    /// What login challenges, and the secrets that this relay sees, are bound to: of it, as its client is configured.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Carries out one operation, in one request with what else is asked at the same time.
    pub async fn call(&self, token: Option<&Token>, operation: &Operation) -> Result<Reply> {
        if let Some(known) = self.ahead.known(token, operation)? {
            return known;
        }
        let asked = self.ahead.time();
        let reply = self.turns.ask(&self.transport, token, operation).await;
        // What the transport says is no answer of the relay's; and a nonce is whose it was given to.
        let answered = !matches!(&reply, Err(e) if e.code() == Code::RelayUnavailable);
        if answered && !operation.is_login() {
            self.ahead.note(asked, token, operation, &reply)?;
        }
        reply
    }

    /// Asks in one request what a flow will ask one by one. One that logs in goes on with the session that it got. What
    /// was read is known until the flow is dropped, or something is written.
    pub async fn ahead(&self, token: Option<&Token>, operations: Vec<Operation>) -> Result<Flow> {
        let flow = self.ahead.begin();
        let mut token = token.cloned();
        let mut operations = operations;
        self.ahead.leave_out_known(token.as_ref(), &mut operations)?;
        if operations.is_empty() {
            return Ok(flow);
        }
        let asked = self.ahead.time();
        let answers = self.transport.call(token.as_ref(), operations.clone()).await?;
        if answers.len() != operations.len() {
            return Err(unexpected());
        }
        for (operation, answer) in operations.iter().zip(&answers) {
            self.ahead.note(asked, token.as_ref(), operation, answer)?;
            if let Ok(Reply::Session { token: fresh, .. }) = answer {
                token = Some(fresh.clone());
            }
        }
        Ok(flow)
    }

    /// Begins a session with an operation that writes, and asks for more in the same request, as [`Relay::ahead`] does.
    pub async fn begin(&self, first: Operation, more: Vec<Operation>) -> Result<(Reply, Flow)> {
        let all: Vec<Operation> = std::iter::once(first).chain(more).collect();
        self.ahead.wrote();
        let asked = self.ahead.time();
        let answers = self.transport.call(None, all.clone()).await?;
        if answers.len() != all.len() {
            return Err(unexpected());
        }
        let mut answers = answers.into_iter();
        let reply = answers.next().ok_or_else(unexpected)??;
        let flow = self.ahead.begin();
        if let Reply::Session { token, .. } = &reply {
            for (operation, answer) in all[1..].iter().zip(answers) {
                self.ahead.note(asked, Some(token), operation, &answer)?;
            }
        }
        Ok((reply, flow))
    }

    /// Carries out several operations in one request, one after the other: an answer for each.
    pub async fn call_all(&self, token: Option<&Token>, operations: Vec<Operation>) -> Result<Vec<Result<Reply>>> {
        self.ahead.wrote();
        let count = operations.len();
        let answers = self.transport.call(token, operations).await?;
        if answers.len() == count { Ok(answers) } else { Err(unexpected()) }
    }

    /// Keeps parts of a file whose upload is under way. What is there already is written over.
    pub async fn put_parts(&self, token: Option<&Token>, item: Uuid, parts: Vec<(Part, Buffer)>) -> Result<()> {
        self.transport.put_parts(token, item, parts).await
    }

    /// Reads parts of a file; `None` for each that is not there.
    pub async fn get_parts(
        &self,
        token: Option<&Token>,
        item: Uuid,
        basis: Uuid,
        parts: &[Part],
    ) -> Result<Vec<Option<Buffer>>> {
        self.transport.get_parts(token, item, basis, parts).await
    }

    /// Calls `listener` whenever something that concerns `login` changed. Ends when the subscription is dropped.
    pub fn subscribe(&self, login: &str, listener: impl Fn() + 'static) -> Subscription {
        let ahead = self.ahead.clone();
        let heard = move || {
            // What flows asked before is not taken for what there is now.
            ahead.wrote();
            listener();
        };
        self.transport.subscribe(login, Box::new(heard))
    }
}
