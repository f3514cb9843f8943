//! The relay's rules, without I/O: an operation, its caller and the records read so far give either what
//! else to read, or a batch of writes with what it rests on, or a refusal.
//!
//! A rule reads records as if they were there; when one is not loaded yet the rule stops with [`Stop::Read`], the
//! [`Call`] asks its driver for it, and the rule starts again. What was read goes into the [`Commit`]: a storage makes it
//! only if all of that is still so.

pub mod account;
mod batch;
mod call;
mod compact;
mod exchanges;
mod grants;
mod graph;
mod heads;
mod identities;
mod index;
#[cfg(target_arch = "wasm32")]
mod js;
mod kept;
mod log;
pub mod logins;
pub mod memory;
mod notifications;
mod openings;
mod options;
mod profiles;
mod records;
mod removal;
mod requests;
mod revocations;
mod tokens;
mod uploads;

pub use batch::{Append, Commit, Write};
pub use call::{Call, Step};
pub use graph::{ADMINISTRATOR, with_administrator};
pub use kept::OTHER_OPERATIONS;
pub use log::entry_after;
pub use options::{Options, Registration, Reset, Settings, User};
pub use records::{Answer, Ask, MAX_STORED, Parsed, Records, Row, Stop, Stored};

pub use index::names_of;
pub use tokens::{Ticket, session_key, session_of};

use uuid::Uuid;

use batch::Batch;
use records::Ruled;
use regrant_protocol::error::{Code, Error, Result};
use regrant_protocol::operations::{Operation, Reply};

/// What a rule may know of its surroundings.
#[derive(Clone, Debug)]
struct Context<'a> {
    /// Unix milliseconds.
    now: u64,
    /// What login challenges are bound to.
    relay_id: &'a str,
    /// Who asks.
    ticket: Option<&'a Ticket>,
    /// Whether the first login becomes the administrator.
    first_administers: bool,
}

impl Context<'_> {
    fn caller(&self) -> Result<&Ticket> {
        self.ticket.ok_or_else(|| Error::new(Code::Unauthenticated, "log in to the relay first"))
    }
}

/// A login as one segment of a key: `/` and `%` are escaped.
fn segment(login: &str) -> String {
    login.replace('%', "%25").replace('/', "%2F")
}

/// How many records one reading looks at, of those that are all taken away.
const LOOK: usize = 1024;

/// Takes away everything under a prefix.
fn delete_all(db: &Records, batch: &mut Batch, prefix: &str) -> Ruled<()> {
    let mut after = prefix.to_owned();
    loop {
        let rows = db.list_keys(prefix, &after, LOOK)?;
        let more = rows.len() == LOOK;
        for (key, rev) in rows {
            after.clone_from(&key);
            batch.delete(key, rev);
        }
        if !more {
            return Ok(());
        }
    }
}

/// Takes away an index and the records that it names, by their ids.
fn delete_named(db: &Records, batch: &mut Batch, prefix: &str, key: impl Fn(Uuid) -> String) -> Ruled<()> {
    let mut named = Vec::new();
    let mut after = prefix.to_owned();
    loop {
        let rows: Vec<(String, Uuid)> = db.list(prefix, &after, LOOK)?;
        let more = rows.len() == LOOK;
        after = rows.last().map_or(after, |(key, _)| key.clone());
        named.extend(rows.into_iter().map(|(_, id)| key(id)));
        if !more {
            break;
        }
    }
    db.need(&named)?;
    for key in named {
        if let Some(stored) = db.raw(&key)? {
            batch.delete(key, stored.rev);
        }
    }
    delete_all(db, batch, prefix)
}

fn forbidden(message: &'static str) -> Error {
    Error::new(Code::Forbidden, message)
}

fn conflict(message: &'static str) -> Error {
    Error::new(Code::Conflict, message)
}

/// Decides one operation. Reads nothing, writes nothing.
fn decide(operation: &Operation, cx: &Context<'_>, db: &Records) -> Ruled<(Reply, Batch)> {
    let mut batch = Batch::default();
    let reads = matches!(
        operation,
        Operation::OwnKeysets
            | Operation::Sync { .. }
            | Operation::Grants { .. }
            | Operation::Exchanges { .. }
            | Operation::GetParts { .. }
    );
    if let Some(ticket) = cx.ticket
        && account::closed_at(db, ticket)?.is_some()
        && !reads
    {
        // Whoever stole keys is not told that there is something that they do not open.
        return Err(match (account::may_be_stolen(db, ticket)?, operation) {
            (false, _) => account::closed(),
            (true, Operation::Reach { to: regrant_protocol::operations::Target::Item(_), .. }) => {
                grants::no_such_item()
            }
            (true, _) => account::stolen(),
        }
        .into());
    }
    let reply = match operation {
        Operation::Identities { logins, removed } => identities::read(db, logins, *removed)?,
        Operation::Register { new, secrets, head, profile } => {
            identities::register(cx, db, &mut batch, new, secrets, head, profile.as_deref())?
        }
        Operation::Reset { new, secrets, head } => identities::reset(cx, db, &mut batch, new, secrets, head)?,
        Operation::Challenge { login, fingerprint } => logins::challenge(cx, db, &mut batch, login, fingerprint)?,
        Operation::Login { application, login, fingerprint, nonce, signature } => {
            let proof = logins::Proof { application, login, fingerprint, nonce, signature };
            logins::login(cx, db, &mut batch, &proof)?
        }
        Operation::LoginSecret { login, secret } => logins::login_secret(cx, db, &mut batch, login, secret)?,
        Operation::OwnKeysets => identities::own(cx, db)?,
        Operation::Renew { changes, closes, stolen } => {
            identities::renew(cx, db, &mut batch, changes, *closes, *stolen)?
        }
        Operation::Overwrite { new, secrets, head } => identities::overwrite(cx, db, &mut batch, new, secrets, head)?,
        Operation::Reach { to, without } => graph::reach(cx, db, to, without)?,
        Operation::Sharing { login } => graph::sharing(cx, db, login)?,
        Operation::Access { login } => graph::access(cx, db, login)?,
        Operation::Between { login } => graph::between(cx, db, login)?,
        Operation::Contacts { after } => graph::contacts(cx, db, after.as_deref())?,
        Operation::Head { known } => heads::get(cx, db, known.as_ref())?,
        Operation::Pieces { names } => heads::pieces(cx, db, names)?,
        Operation::PutHead { change, tell } => heads::put(cx, db, &mut batch, change, *tell)?,
        Operation::Profile { login } => profiles::get(db, login)?,
        Operation::Directory { search, kind, limit, cursor } => {
            profiles::directory(db, search, kind.as_deref(), *limit, cursor.as_deref())?
        }
        Operation::RemoveIdentity => removal::identity(cx, db, &mut batch)?,
        Operation::RemoveItems { items, hard } => removal::items(cx, db, &mut batch, items, *hard)?,
        Operation::Opened { items, basis, acting_as, reason } => {
            let opened = openings::Opened { items, basis, acting_as, reason: reason.as_deref() };
            openings::note(cx, db, &mut batch, &opened)?
        }
        Operation::Openings { item, login, reason, limit, cursor } => {
            let filter = openings::Filter { item: *item, login: login.as_deref(), reason: reason.as_deref() };
            openings::list(cx, db, &filter, *limit, cursor.as_deref())?
        }
        Operation::Ask { request } => requests::ask(cx, db, &mut batch, request)?,
        Operation::Asked { id } => requests::get(cx, db, *id)?,
        Operation::AskedOf { limit, cursor } => requests::list(cx, db, *limit, cursor.as_deref())?,
        Operation::Answer { id, answer } => requests::answer(cx, db, &mut batch, *id, answer.as_ref())?,
        Operation::TakeAnswer { id } => requests::take(cx, db, &mut batch, *id)?,
        Operation::ChangeSlots { change } => identities::change_slots(cx, db, &mut batch, change)?,
        Operation::Chain { version, signature } => identities::chain(cx, db, &mut batch, *version, signature)?,
        Operation::PutExchange { exchange, wraps } => exchanges::put(cx, db, &mut batch, exchange, wraps)?,
        Operation::PutWraps { wraps, completes } => {
            let reply = exchanges::put_wraps(cx, db, &mut batch, wraps)?;
            notifications::complete(cx, db, &mut batch, completes)?;
            reply
        }
        Operation::PutGrants { create, grants, basis, relied } => {
            account::require_relied(db, relied)?;
            grants::put(cx, db, &mut batch, create, grants, basis)?
        }
        Operation::Grants { items, to, after } => grants::of_items(cx, db, items, to, after.as_deref())?,
        Operation::Exchanges { with } => exchanges::between_caller_and(cx, db, with)?,
        Operation::Revoke { revocations, rewrite, remove } => {
            grants::revoke(cx, db, &mut batch, revocations, rewrite, remove)?
        }
        Operation::BeginUpload { item, chunks } => uploads::begin(cx, db, &mut batch, *item, *chunks)?,
        Operation::PutParts { item, parts } => uploads::put_parts(cx, db, *item, parts)?,
        Operation::FinishUpload { item, parts, grants } => uploads::finish(cx, db, &mut batch, *item, *parts, grants)?,
        Operation::GiveUpUpload { item } => uploads::give_up(cx, db, &mut batch, *item)?,
        Operation::GetParts { item, basis, parts } => uploads::get_parts(cx, db, *item, *basis, parts)?,
        Operation::Compact { grant, replaced } => compact::compact(cx, db, &mut batch, grant, replaced)?,
        Operation::Readers { item } => grants::readers(cx, db, *item)?,
        Operation::Revocations { item, by, cursor } => revocations::list(cx, db, *item, by, cursor.as_deref())?,
        Operation::GrantsTo { login } => grants::granted_to(cx, db, login)?,
        Operation::Sync { after, whole } => log::sync(cx, db, *after, *whole)?,
        Operation::Notify { notifications } => notifications::send(cx, db, &mut batch, notifications)?,
        Operation::Notifications { after, cursor } => notifications::list(cx, db, *after, cursor.as_deref())?,
        Operation::Notification { id } => notifications::get(cx, db, *id)?,
        Operation::SetStatus { id, rev, status } => notifications::set_status(cx, db, &mut batch, *id, *rev, *status)?,
    };
    Ok((reply, batch))
}
