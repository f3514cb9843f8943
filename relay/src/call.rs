//! A call: operations that come in one request, carried out in steps by whoever drives it.
//!
//! The driver reads and writes; what is to be read and written, and what the answer is, is decided here. So the same
//! relay runs over any storage, with or without waiting.

use std::collections::BTreeSet;
use std::mem;

use super::batch::Commit;
use super::records::{Answer, Ask, Parsed, Records, Stop};
use super::{Context, decide, tokens};
use regrant_protocol::error::{Code, Error, Result};
use regrant_protocol::operations::{Operation, Reply, Token};

/// How often an operation that lost a race is decided again.
const ATTEMPTS: usize = 32;
/// The most operations in one request.
const MAX_OPERATIONS: usize = 256;

/// What the driver has to do next.
#[derive(Debug)]
pub enum Step {
    /// Read these and hand the answers to [`Call::answer`], in this order.
    Read(Vec<Ask>),
    /// Make this commit and tell [`Call::committed`] whether it was made.
    Commit(Commit),
    /// It is done: an answer for each operation, and the logins that something changed for.
    Done(Vec<Result<Reply>>, BTreeSet<String>),
}

/// Operations that are carried out one after the other, each all or nothing.
#[derive(Debug)]
pub struct Call {
    token: Option<Token>,
    operations: Vec<Operation>,
    relay_id: String,
    now: u64,
    db: Records,
    replies: Vec<Result<Reply>>,
    touched: BTreeSet<String>,
    attempts: usize,
    asked: Vec<Ask>,
    /// The answer to the operation under way, and whom it concerns, once its commit is made.
    deciding: Option<(Reply, BTreeSet<String>)>,
}

impl Call {
    /// Operations of whoever has a token. `relay_id`: what this relay's login challenges are bound to. `now`: Unix
    /// milliseconds. `parsed`: what was parsed in earlier calls.
    ///
    /// Errors: [`Code::BadInput`] if they are too many.
    pub fn new(
        token: Option<Token>,
        operations: Vec<Operation>,
        relay_id: &str,
        now: u64,
        parsed: &Parsed,
    ) -> Result<Self> {
        if operations.len() > MAX_OPERATIONS {
            return Err(Error::bad_input("too many operations in one request: at most 256"));
        }
        Ok(Self {
            token,
            operations,
            relay_id: relay_id.to_owned(),
            now,
            db: Records::new(parsed.clone()),
            replies: Vec::new(),
            touched: BTreeSet::new(),
            attempts: 0,
            asked: Vec::new(),
            deciding: None,
        })
    }

    /// What to do next.
    pub fn step(&mut self) -> Step {
        while let Some(operation) = self.operations.get(self.replies.len()) {
            self.db.begin();
            match carry_out(self.token.as_ref(), operation, &self.relay_id, self.now, &self.db) {
                Ok((reply, batch)) => match batch.finish(self.db.read()) {
                    None => self.end_one(Ok(reply)),
                    Some((commit, touched)) => {
                        self.deciding = Some((reply, touched));
                        return Step::Commit(commit);
                    }
                },
                Err(Stop::Refuse(error)) => self.end_one(Err(error)),
                Err(Stop::Read(mut asks)) => {
                    self.add_what_follows_asks(&mut asks);
                    self.asked.clone_from(&asks);
                    return Step::Read(asks);
                }
            }
        }
        Step::Done(mem::take(&mut self.replies), mem::take(&mut self.touched))
    }

    /// What the operations after this one would ask, too, so that one reading serves them all.
    fn add_what_follows_asks(&self, asks: &mut Vec<Ask>) {
        for operation in &self.operations[self.replies.len() + 1..] {
            let decided = carry_out(self.token.as_ref(), operation, &self.relay_id, self.now, &self.db);
            if let Err(Stop::Read(more)) = decided {
                asks.extend(more);
            }
        }
        let mut seen = std::collections::HashSet::new();
        asks.retain(|ask| seen.insert(ask.clone()));
    }

    /// Takes what was read for the last [`Step::Read`]. Errors: [`Code::RelayUnavailable`] if that does not answer it.
    pub fn answer(&mut self, answers: Vec<Answer>) -> Result<()> {
        let asked = mem::take(&mut self.asked);
        if asked.len() != answers.len() {
            return Err(Error::new(Code::RelayUnavailable, "the relay's storage answers nonsense"));
        }
        asked.into_iter().zip(answers).try_for_each(|(ask, answer)| self.db.found(ask, answer))
    }

    /// Takes whether the last [`Step::Commit`] was made. If not, its operation is decided again.
    pub fn committed(&mut self, made: bool) {
        let Some((reply, touched)) = self.deciding.take() else { return };
        self.db.forget();
        if made {
            self.touched.extend(touched);
            return self.end_one(Ok(reply));
        }
        self.attempts += 1;
        if self.attempts == ATTEMPTS {
            let message = "others kept changing the same records: try again";
            self.end_one(Err(Error::new(Code::Conflict, message)));
        }
    }

    fn end_one(&mut self, outcome: Result<Reply>) {
        self.attempts = 0;
        // Whoever logs in, or renews the keys that logged in, goes on with the new session in the same request.
        if let Ok(Reply::Session { token, .. }) = &outcome {
            self.token = Some(token.clone());
        }
        self.replies.push(outcome);
    }
}

fn carry_out(
    token: Option<&Token>,
    operation: &Operation,
    relay_id: &str,
    now: u64,
    db: &Records,
) -> super::Ruled<(Reply, super::Batch)> {
    let ticket = match token.filter(|_| !operation.is_open()) {
        Some(token) => Some(tokens::resolve(db, now, token.expose())?),
        None => None,
    };
    decide(operation, &Context { now, relay_id, ticket: ticket.as_ref() }, db)
}
