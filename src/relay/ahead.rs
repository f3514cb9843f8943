//! What a flow is going to ask, asked at once.
//!
//! A flow that knows what it will need says so first: one request brings it. As long as the flow goes on, what was read
//! is not asked for again; whatever is written in between makes the relay be asked anew.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::{Operation, Reply, Token};
use crate::error::Result;
use crate::wire::to_json;

/// A question, and by whom it was asked. A digest: operations carry secrets.
type Key = [u8; 32];

/// What was read in the flows that go on.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    flows: Cell<usize>,
    /// Goes up when what was asked before may be other now.
    time: Cell<u64>,
    known: RefCell<HashMap<Key, Known>>,
}

#[derive(Debug)]
struct Known {
    reply: Result<Reply>,
    /// Of a login: it stands whatever is written, and cannot be asked for again.
    login: bool,
}

/// A flow that goes on; what was read for it is forgotten with the last one.
#[derive(Debug)]
pub struct Flow(Rc<Ahead>);

impl Drop for Flow {
    fn drop(&mut self) {
        self.0.flows.set(self.0.flows.get() - 1);
        if self.0.flows.get() == 0 {
            self.0.known.borrow_mut().clear();
        }
    }
}

fn key(token: Option<&Token>, operation: &Operation) -> Result<Key> {
    let token = token.filter(|_| !operation.is_open()).map_or("", Token::expose);
    Ok(Sha256::new().chain_update(token).chain_update([0]).chain_update(to_json(operation)?).finalize().into())
}

impl Ahead {
    pub(super) fn begin(self: &Rc<Self>) -> Flow {
        self.flows.set(self.flows.get() + 1);
        Flow(self.clone())
    }

    /// Leaves out what need not be asked.
    pub(super) fn leave_out_known(&self, token: Option<&Token>, operations: &mut Vec<Operation>) -> Result<()> {
        let known = self.known.borrow();
        for at in (0..operations.len()).rev() {
            if known.contains_key(&key(token, &operations[at])?) {
                operations.remove(at);
            }
        }
        Ok(())
    }

    /// When something is asked, for [`Ahead::note`].
    pub(super) fn time(&self) -> u64 {
        self.time.get()
    }

    /// What was read is not what there is any more.
    pub(super) fn wrote(&self) {
        self.time.set(self.time.get() + 1);
        self.known.borrow_mut().retain(|_, known| known.login);
    }

    /// What is known already.
    pub(super) fn known(&self, token: Option<&Token>, operation: &Operation) -> Result<Option<Result<Reply>>> {
        if self.flows.get() == 0 {
            return Ok(None);
        }
        if operation.writes() {
            self.wrote();
            return Ok(None);
        }
        let key = key(token, operation)?;
        // A session is begun once, and a nonce used once.
        if operation.is_login() {
            return Ok(self.known.borrow_mut().remove(&key).map(|known| known.reply));
        }
        Ok(self.known.borrow().get(&key).map(|known| known.reply.clone()))
    }

    /// Notes what was read, as of the time when it was asked: not if something changed since.
    pub(super) fn note(
        &self,
        asked: u64,
        token: Option<&Token>,
        operation: &Operation,
        reply: &Result<Reply>,
    ) -> Result<()> {
        let stands = asked == self.time.get() || operation.is_login();
        if self.flows.get() > 0 && !operation.writes() && stands {
            let known = Known { reply: reply.clone(), login: operation.is_login() };
            self.known.borrow_mut().insert(key(token, operation)?, known);
        }
        Ok(())
    }
}
