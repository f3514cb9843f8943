//! Answers that are kept for whoever asks again because the first one was lost on the way: what was asked is not done twice.
//!
//! An answer is written in the same commit as what it is about, under whoever asked, the request's key and the operation's
//! place in it. Whoever asked is the login, so that logging in anew in between changes nothing. A session's token is not
//! kept: who asks again gets a session of its own.

use std::io;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::batch::Batch;
use super::records::{Records, Ruled};
use super::{Context, Ticket, account, tokens};
use regrant_protocol::encoding::{Fixed, Hash};
use regrant_protocol::error::{Code, Error, Result};
use regrant_protocol::operations::{NotificationRecord, Operation, Reply, RequestRecord, Token, UploadState};

/// How long an answer is kept, in milliseconds: a day.
const LIFE: u64 = 24 * 3_600_000;
/// So many that ended go together, with one that comes: whoever writes at the same time seldom sweeps the same.
const SWEPT: usize = 16;
/// The index of answers, in the order in which they end.
const ANSWERS: &str = "kept-answers/";
/// Why a key that came with something else before is refused.
pub const OTHER_OPERATIONS: &str = "this idempotency key came with other operations before";

#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    /// The operation's.
    hash: Hash,
    answer: Answer,
    expires: u64,
}

/// What operations that write are answered with: reading whatever a relay answers would be a tenth of the module.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Done,
    Upload(UploadState),
    Notification(Box<NotificationRecord>),
    Request(Box<RequestRecord>),
    /// A session of these keys.
    Session(Ticket),
}

impl Answer {
    /// `None` for what no operation that writes is answered with.
    fn of(reply: &Reply) -> Option<Self> {
        match reply {
            Reply::Done => Some(Self::Done),
            Reply::Upload { state } => Some(Self::Upload(*state)),
            Reply::Notification { notification } => Some(Self::Notification(notification.clone())),
            Reply::Request { request } => Some(Self::Request(request.clone())),
            _ => None,
        }
    }
}

/// Of a request with an idempotency key, what its operations have in common.
#[derive(Debug)]
pub(super) struct Request {
    key: String,
    /// Of all operations.
    hash: Hash,
}

/// An operation, and who asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) operation: &'a Operation,
    pub(super) token: Option<&'a Token>,
    pub(super) ticket: Option<&'a Ticket>,
}

/// Where the answer to an operation is kept.
#[derive(Debug)]
pub(super) struct Place {
    record: String,
    hash: Hash,
}

impl Request {
    pub(super) fn new(key: &str, operations: &[Operation]) -> Result<Self> {
        Ok(Self { key: key.to_owned(), hash: hash(&operations)? })
    }

    /// Where the answer to the operation at a place of the request is kept. `None` for what may be done twice, and while it
    /// is not known who asks.
    pub(super) fn place(&self, at: usize, asked: &Asked<'_>) -> Result<Option<Place>> {
        let Asked { operation, token, ticket } = *asked;
        let who = match (operation, ticket, token) {
            (Operation::Register { .. } | Operation::Reset { .. }, _, _) => format!("operations/{}", self.hash.hex()),
            // Once it is done, there is no session any more by which it could be told whose it was.
            (Operation::RemoveIdentity, _, Some(token)) => format!("token/{}", token.expose()),
            (_, Some(ticket), _) if is_kept(operation) => format!("login/{}", ticket.login()),
            _ => return Ok(None),
        };
        let who = Fixed(Sha256::digest(who.as_bytes()).into()).hex();
        Ok(Some(Place { record: format!("kept-answer/{who}/{}/{at}", self.key), hash: hash(operation)? }))
    }
}

fn is_kept(operation: &Operation) -> bool {
    operation.writes() || matches!(operation, Operation::Opened { .. })
}

/// The answer that is kept there, if one is. Errors: [`Code::BadInput`] if it answers another operation.
pub(super) fn find(cx: &Context<'_>, db: &Records, batch: &mut Batch, place: &Place) -> Ruled<Option<Reply>> {
    let Some((_, kept)) = db.view::<Kept>(&place.record)?.filter(|(_, kept)| kept.expires > cx.now) else {
        return Ok(None);
    };
    if kept.hash != place.hash {
        return Err(Error::bad_input(OTHER_OPERATIONS).into());
    }
    match kept.answer.clone() {
        Answer::Done => Ok(Some(Reply::Done)),
        Answer::Upload(state) => Ok(Some(Reply::Upload { state })),
        Answer::Notification(notification) => Ok(Some(Reply::Notification { notification })),
        Answer::Request(request) => Ok(Some(Reply::Request { request })),
        Answer::Session(ticket) => {
            let (_, account) = account::account_of(db, ticket.login())?;
            let gone = || Error::new(Code::Unauthenticated, "these keys are gone");
            account.current(ticket.fingerprint()).ok_or_else(gone)?;
            tokens::begin(cx, db, batch, &ticket).map(Some)
        }
    }
}

/// Keeps the answer to an operation with what it writes.
pub(super) fn keep(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    place: Place,
    operation: &Operation,
    reply: &Reply,
) -> Ruled<()> {
    let old = db.glance_names(ANSWERS, SWEPT)?;
    let ended = |name: &str| name[ANSWERS.len()..].split('/').next()?.parse::<u64>().ok().filter(|t| *t <= cx.now);
    if old.len() == SWEPT && old.iter().all(|(name, _, _)| ended(name).is_some()) {
        old.into_iter().for_each(|(_, key, rev)| batch.delete(key, rev));
    }
    let answer = match (operation, reply) {
        (Operation::Register { new, .. } | Operation::Reset { new, .. }, Reply::Session { fingerprint, .. }) => {
            Answer::Session(Ticket::of(&new.keyset.login, *fingerprint))
        }
        (_, Reply::Session { fingerprint, .. }) => Answer::Session(Ticket::of(cx.caller()?.login(), *fingerprint)),
        (_, reply) => match Answer::of(reply) {
            Some(answer) => answer,
            None => return Ok(()),
        },
    };
    let rev = db.raw(&place.record)?.map_or(0, |stored| stored.rev);
    let expires = cx.now + LIFE;
    let name = format!("{ANSWERS}{expires:016}/{}", place.record);
    batch.put_indexed(place.record, rev, &Kept { hash: place.hash, answer, expires }, vec![name])?;
    Ok(())
}

/// SHA-256 of something as JSON, which is nowhere written out: there may be secrets in it.
fn hash<T: Serialize>(value: &T) -> Result<Hash> {
    struct Hashing(Sha256);
    impl io::Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hashing = Hashing(Sha256::new());
    serde_json::to_writer(&mut hashing, value).map_err(|_| Error::bad_input("operations cannot be written as JSON"))?;
    Ok(Fixed(hashing.0.finalize().into()))
}
