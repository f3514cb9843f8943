//! A call: operations that come in one request, carried out in steps by whoever drives it.
//!
//! The driver reads and writes; what is to be read and written, and what the answer is, is decided here. So the same
//! relay runs over any storage, with or without waiting.

use std::collections::BTreeSet;
use std::mem;

use super::batch::Commit;
use super::records::{Answer, Ask, Parsed, Records, Ruled, Stop};
use super::{Batch, Context, Options, decide, kept, tokens};
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
    options: Options,
    /// If it has an idempotency key.
    request: Option<kept::Request>,
    db: Records,
    replies: Vec<Result<Reply>>,
    touched: BTreeSet<String>,
    attempts: usize,
    asked: Vec<Ask>,
    /// The answer to the operation under way, and whom it concerns, once its commit is made.
    deciding: Option<(Reply, BTreeSet<String>)>,
}

impl Call {
    /// Operations of whoever has a token. `parsed`: what was parsed in earlier calls.
    ///
    /// Errors: [`Code::BadInput`] if they are too many, or the idempotency key is none.
    pub fn new(token: Option<Token>, operations: Vec<Operation>, options: Options, parsed: &Parsed) -> Result<Self> {
        options.check()?;
        if operations.len() > MAX_OPERATIONS {
            return Err(Error::bad_input("too many operations in one request: at most 256"));
        }
        let request = options.idempotency_key.as_deref().map(|key| kept::Request::new(key, &operations)).transpose()?;
        Ok(Self {
            token,
            operations,
            options,
            request,
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
            match self.carry_out(self.replies.len(), operation) {
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
        for (at, operation) in self.operations.iter().enumerate().skip(self.replies.len() + 1) {
            if let Err(Stop::Read(more)) = self.carry_out(at, operation) {
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

    /// Decides the operation at a place, unless it was done before.
    fn carry_out(&self, at: usize, operation: &Operation) -> Ruled<(Reply, Batch)> {
        let Options { relay_id, now, settings, user, .. } = &self.options;
        settings.allow(operation, user.as_ref())?;
        let mut cx = Context { now: *now, relay_id, ticket: None, first_administers: settings.first_administers };
        if let Some(known) = self.kept(at, operation, &cx)? {
            return Ok(known);
        }
        let ticket = match self.token.as_ref().filter(|_| !operation.is_open()) {
            Some(token) => Some(tokens::resolve(&self.db, *now, token.expose())?),
            None => None,
        };
        cx.ticket = ticket.as_ref();
        if let Some(known) = self.kept(at, operation, &cx)? {
            return Ok(known);
        }
        let (reply, mut batch) = decide(operation, &cx, &self.db)?;
        if let Some(place) = self.place(at, operation, &cx)?
            && !batch.is_empty()
        {
            kept::keep(&cx, &self.db, &mut batch, place, operation, &reply)?;
        }
        Ok((reply, batch))
    }

    fn place(&self, at: usize, operation: &Operation, cx: &Context<'_>) -> Result<Option<kept::Place>> {
        let asked = kept::Asked { operation, token: self.token.as_ref(), ticket: cx.ticket };
        self.request.as_ref().map_or(Ok(None), |request| request.place(at, &asked))
    }

    /// The answer that is kept of when this was asked before.
    fn kept(&self, at: usize, operation: &Operation, cx: &Context<'_>) -> Ruled<Option<(Reply, Batch)>> {
        let Some(place) = self.place(at, operation, cx)? else { return Ok(None) };
        let mut batch = Batch::default();
        let known = kept::find(cx, &self.db, &mut batch, &place)?;
        Ok(known.map(|reply| (reply, batch)))
    }

    /// The logins that something changed for so far: for a driver that has to give up in the middle.
    pub fn touched(&self) -> &BTreeSet<String> {
        &self.touched
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
