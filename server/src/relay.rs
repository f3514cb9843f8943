//! Drives the rules over a database.
//!
//! A call of the rules stays in one thread, of a few that do nothing else: signatures are checked there. What it reads and
//! writes goes on in the threads that wait for the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use regrant_protocol::encoding::from_json;
use regrant_protocol::error::{Error, Result as Ruled};
use regrant_protocol::operations::{Operation, Outcome, Part, Refusal, Reply, Token};
use regrant_relay::{Call, Options, Parsed, Step};
use tokio::runtime::Handle;
use tokio_util::task::LocalPoolHandle;
use uuid::Uuid;

use crate::announce::Announcer;
use crate::storage::{Commit, Database, StorageError};

thread_local! {
    /// What this thread parsed before. Texts are compared, so it may be of another tenant's records.
    static PARSED: Parsed = Parsed::default();
}

/// What is asked of a relay.
#[derive(Debug)]
pub struct Request {
    /// Whose records.
    pub tenant: i64,
    /// The caller's session token.
    pub token: Option<String>,
    /// What to do.
    pub operations: Operations,
    /// What else the rules are told.
    pub options: Options,
}

/// What to do.
#[derive(Debug)]
pub enum Operations {
    /// As they came: a JSON array.
    Json(Bytes),
    /// Whether these parts of a file, of these lengths, may be written.
    PutParts(Uuid, Vec<(Part, u64)>),
    /// Whether these parts of a file may be read, by a grant.
    GetParts(Uuid, Uuid, Vec<Part>),
    /// How far the caller's log goes.
    Head,
}

/// What came of it.
#[derive(Debug)]
pub struct Answered {
    /// A JSON array, with an answer for each operation.
    pub body: String,
    /// The first refusal, if everything was refused.
    pub refused: Option<Refusal>,
    /// The next number of the caller's log, if that was asked for.
    pub head: Option<u64>,
}

/// Why nothing came of it.
#[derive(Debug)]
pub enum Failure {
    /// These are no operations, or too many.
    Refused(&'static str, String),
    /// The database failed.
    Storage(StorageError),
    /// The rules stopped in the middle, which is a bug.
    Stopped,
}

/// A relay. Clones are the same.
#[derive(Clone, Debug)]
pub struct Relay(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    announcer: Announcer,
    rules: LocalPoolHandle,
    waiting: Handle,
    /// Calls that lost a race wait for each other, so that each goes on.
    turns: Mutex<HashMap<i64, Arc<tokio::sync::Mutex<()>>>>,
}

/// Unix milliseconds.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Relay {
    /// A relay over a database, in so many threads.
    pub fn new(database: Database, announcer: Announcer, threads: usize) -> Self {
        let rules = LocalPoolHandle::new(threads.max(1));
        Self(Arc::new(Inner { database, announcer, rules, waiting: Handle::current(), turns: Mutex::default() }))
    }

    /// What it keeps.
    pub fn database(&self) -> &Database {
        &self.0.database
    }

    /// Carries operations out. It goes on also if nobody waits for it any more.
    pub async fn call(&self, request: Request) -> Result<Answered, Failure> {
        let inner = self.0.clone();
        let carried_out = self.0.rules.spawn_pinned(move || async move { inner.carry_out(request).await });
        carried_out.await.unwrap_or(Err(Failure::Stopped))
    }
}

impl Inner {
    async fn carry_out(&self, request: Request) -> Result<Answered, Failure> {
        let Request { tenant, token, operations, options } = request;
        let operations = match operations {
            Operations::Json(json) => parse(&json)?,
            Operations::PutParts(item, parts) => vec![Operation::PutParts { item, parts }],
            Operations::GetParts(item, basis, parts) => vec![Operation::GetParts { item, basis, parts }],
            Operations::Head => vec![Operation::Sync { after: None, whole: false }],
        };
        metrics::counter!("regrant_operations_total").increment(operations.len() as u64);
        let parsed = PARSED.with(Parsed::clone);
        let refused = |error: Error| Failure::Refused(error.code().as_str(), error.message().to_owned());
        let mut call = Call::new(token.map(Token::from), operations, options, &parsed).map_err(refused)?;
        match self.drive(tenant, &mut call).await {
            Ok((replies, touched)) => {
                self.announcer.tell(tenant, touched.iter());
                answered(replies)
            }
            Err(error) => {
                // What was done before that is done.
                self.announcer.tell(tenant, call.touched().iter());
                Err(Failure::Storage(error))
            }
        }
    }

    async fn drive(&self, tenant: i64, call: &mut Call) -> Result<Replies, StorageError> {
        let mut turn = None;
        loop {
            match call.step() {
                Step::Read(asks) => {
                    let database = self.database.clone();
                    let found = self.wait("read", async move { database.read(tenant, &asks).await }).await?;
                    call.answer(found.into_iter().map(Into::into).collect()).map_err(|_| StorageError::Nonsense)?;
                }
                Step::Commit(commit) => {
                    let (database, commit) = (self.database.clone(), Commit::from(&commit));
                    let made = self.wait("commit", async move { database.commit(tenant, &commit).await }).await?;
                    metrics::counter!("regrant_commits_total", "made" => made.to_string()).increment(1);
                    call.committed(made);
                    if !made && turn.is_none() {
                        turn = Some(self.turn(tenant).lock_owned().await);
                    }
                }
                Step::Done(replies, touched) => return Ok((replies, touched)),
            }
        }
    }

    fn turn(&self, tenant: i64) -> Arc<tokio::sync::Mutex<()>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(tenant).or_default().clone()
    }

    /// Lets the database do something in the threads that wait for it.
    async fn wait<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl Future<Output = Result<T, StorageError>> + Send + 'static,
    ) -> Result<T, StorageError> {
        let begun = Instant::now();
        let done = self.waiting.spawn(work).await.unwrap_or(Err(StorageError::Nonsense));
        metrics::histogram!("regrant_database_seconds", "what" => what).record(begun.elapsed().as_secs_f64());
        done
    }
}

type Replies = (Vec<Ruled<Reply>>, std::collections::BTreeSet<String>);

fn parse(json: &[u8]) -> Result<Vec<Operation>, Failure> {
    let nonsense = || Failure::Refused("ERR_BAD_INPUT", "the body is not an array of a relay's operations".to_owned());
    let text = std::str::from_utf8(json).map_err(|_| nonsense())?;
    let operations: Vec<Operation> = from_json(text).map_err(|_| nonsense())?;
    if operations.is_empty() { Err(nonsense()) } else { Ok(operations) }
}

fn answered(replies: Vec<Ruled<Reply>>) -> Result<Answered, Failure> {
    let outcomes: Vec<Outcome> = replies.into_iter().map(Outcome::from).collect();
    let all_refused = outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused(_)));
    let refused = match outcomes.first() {
        Some(Outcome::Refused(refusal)) if all_refused => Some(refusal.clone()),
        _ => None,
    };
    let head = match outcomes.first() {
        Some(Outcome::Reply(reply)) => match **reply {
            Reply::Events { next, .. } => Some(next),
            _ => None,
        },
        _ => None,
    };
    let body = serde_json::to_string(&outcomes).map_err(|_| Failure::Stopped)?;
    Ok(Answered { body, refused, head })
}
