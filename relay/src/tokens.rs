//! Session tokens: what a client holds after it logged in. They say nothing by themselves, and end.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::batch::Batch;
use super::records::{Records, Ruled, read};
use super::{Context, segment};
use regrant_protocol::encoding::{Fixed, Hash, to_base64url};
use regrant_protocol::error::{Code, Error, Result};
use regrant_protocol::operations::Reply;

/// How long a session lives, in milliseconds: twelve hours.
pub(super) const LIFE: u64 = 12 * 3_600_000;
/// The most sessions of one login; beyond, those that end first end at once.
const MAX_SESSIONS: usize = 256;

/// Whose session it is: a login whose key or secret was checked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    login: String,
    fingerprint: Hash,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.login)
    }
}

impl Ticket {
    pub(super) fn of(login: &str, fingerprint: Hash) -> Self {
        Self { login: login.to_owned(), fingerprint }
    }

    /// Whose it is.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// The keyset that it was given for.
    pub fn fingerprint(&self) -> &Hash {
        &self.fingerprint
    }
}

/// A session as it is kept, under the hash of its token: whoever reads the relay's records cannot go on with it.
#[derive(Clone, Serialize, Deserialize)]
struct Session {
    ticket: Ticket,
    expires: u64,
}

fn key(token: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    format!("session/{}", Fixed(hash).hex())
}

/// The record of the session that a token stands for: for whoever watches a storage on its behalf.
pub fn session_key(token: &str) -> String {
    key(token)
}

/// Whose session a record is, and when it ends, in Unix milliseconds. Errors: [`Code::StoreUnreadable`].
pub fn session_of(record: &str) -> Result<(Ticket, u64)> {
    let session: Session = read(record)?;
    Ok((session.ticket, session.expires))
}

fn sessions_of(login: &str) -> String {
    format!("sessions/{}/", segment(login))
}

/// Begins a session of a login that was just checked.
pub(super) fn begin(cx: &Context<'_>, db: &Records, batch: &mut Batch, ticket: &Ticket) -> Ruled<Reply> {
    let prefix = sessions_of(ticket.login());
    // In the order in which they end.
    let there = db.glance::<Session>(&prefix)?;
    let excess = (there.len() + 1).saturating_sub(MAX_SESSIONS);
    for (at, (key, rev, session)) in there.into_iter().enumerate() {
        if session.expires <= cx.now || at < excess {
            batch.delete(key, rev);
        }
    }
    let mut token = [0; 32];
    getrandom::fill(&mut token)
        .map_err(|_| Error::new(Code::StoreMissing, "this environment has no source of randomness"))?;
    let token = to_base64url(&token);
    let (key, expires) = (key(&token), cx.now + LIFE);
    let name = format!("{prefix}{expires:016}/{}", &key["session/".len()..]);
    batch.put_indexed(key, 0, &Session { ticket: ticket.clone(), expires }, vec![name])?;
    Ok(Reply::Session { token: token.into(), fingerprint: *ticket.fingerprint(), expires })
}

/// What a token stands for. Errors: [`Code::Unauthenticated`].
pub(super) fn resolve(db: &Records, now: u64, token: &str) -> Ruled<Ticket> {
    let ended = || Error::new(Code::Unauthenticated, "this session has ended: log in to the relay again");
    if token.len() > 128 {
        return Err(ended().into());
    }
    let session = db.view::<Session>(&key(token))?.filter(|(_, session)| session.expires > now);
    Ok(session.ok_or_else(ended)?.1.ticket.clone())
}

/// Ends the sessions of a login that is removed.
pub(super) fn end(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    for (key, rev) in db.indexed_keys(&sessions_of(login))? {
        batch.delete(key, rev);
    }
    Ok(())
}
