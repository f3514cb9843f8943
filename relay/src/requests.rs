//! Requests for access: asked once, answered once, taken once.

use uuid::Uuid;

use super::account::{account, account_of, require_newest};
use super::log::{self, Entry, limit};
use super::{Batch, Context, Records, Ruled, conflict, forbidden, segment};
use regrant_protocol::encoding::Bytes;
use regrant_protocol::error::{Code, Error};
use regrant_protocol::operations::{Reply, RequestRecord};
use regrant_protocol::wire::BOX_OVERHEAD;
use regrant_protocol::wire::access::{ANSWER_OVERHEAD, AccessRequest, AccessStatus, MAX_ANSWER};

/// The most requests in one answer.
const PAGE: u64 = 256;
/// The longest life of a request, in milliseconds: thirty days.
const LIFE: u64 = 30 * 24 * 3_600_000;

fn key(id: Uuid) -> String {
    format!("request/{id}")
}

fn prefix(login: &str) -> String {
    format!("requests/{}/", segment(login))
}

/// Newest first: keys sort upwards, so times count down.
fn index_key(login: &str, request: &AccessRequest) -> String {
    format!("{}{:016}-{}", prefix(login), u64::MAX / 2048 - request.created, request.id)
}

pub(super) fn ask(cx: &Context<'_>, db: &Records, batch: &mut Batch, request: &AccessRequest) -> Ruled<Reply> {
    let caller = cx.caller()?;
    require_newest(db, caller)?;
    if request.application.login != caller.login() || request.application.fingerprint != *caller.fingerprint() {
        return Err(forbidden("a request for access is made by the application that signs it").into());
    }
    let (_, application) = account_of(db, caller.login())?;
    request.check(&application.newest()?.signing_key)?;
    if request.expires <= cx.now || request.expires > cx.now + LIFE {
        return Err(Error::bad_input("a request for access ends in the future, within thirty days").into());
    }
    if account(db, &request.login)?.is_none() {
        let missing = vec![request.login.clone()];
        return Err(Error::about(Code::IdentityNotFound, "no such identity", missing).into());
    }
    if db.raw(&key(request.id))?.is_some() {
        return Err(conflict("a request with this id exists").into());
    }
    let record = RequestRecord { request: request.clone(), status: AccessStatus::Pending, answer: None };
    batch.put(key(request.id), 0, &record)?;
    for login in [caller.login(), request.login.as_str()] {
        batch.put(index_key(login, request), 0, &request.id)?;
        log::append(batch, login, &Entry::Asked(request.id))?;
    }
    Ok(Reply::Done)
}

/// Lets go of the requests that a login made or was asked.
pub(super) fn end(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    super::delete_named(db, batch, &prefix(login), key)
}

fn not_found() -> Error {
    Error::new(Code::NotFound, "no such request for access")
}

fn of_caller(cx: &Context<'_>, db: &Records, id: Uuid) -> Ruled<(u64, RequestRecord)> {
    let login = cx.caller()?.login();
    let found = db.get::<RequestRecord>(&key(id))?;
    let concerns = |r: &RequestRecord| r.request.login == login || r.request.application.login == login;
    found.filter(|(_, record)| concerns(record)).ok_or_else(|| not_found().into())
}

/// What the caller may see: the answer is for the application alone.
fn shown(mut record: RequestRecord) -> RequestRecord {
    record.answer = None;
    record
}

pub(super) fn get(cx: &Context<'_>, db: &Records, id: Uuid) -> Ruled<Reply> {
    Ok(Reply::Request { request: Box::new(shown(of_caller(cx, db, id)?.1)) })
}

pub(super) fn list(cx: &Context<'_>, db: &Records, most: u64, cursor: Option<&str>) -> Ruled<Reply> {
    limit(cursor.map_or(0, str::len), 128, "bytes of a cursor")?;
    if most == 0 || most > PAGE {
        return Err(Error::bad_input("a page has 1 to 256 requests").into());
    }
    let prefix = prefix(cx.caller()?.login());
    let after = format!("{prefix}{}", cursor.unwrap_or_default());
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let rows: Vec<(String, Uuid)> = db.list(&prefix, &after, most)?;
    let keys: Vec<String> = rows.iter().map(|(_, id)| key(*id)).collect();
    db.need(&keys)?;
    let cursor = rows.last().filter(|_| rows.len() == most).map(|(k, _)| k[prefix.len()..].to_owned());
    let mut requests = Vec::with_capacity(rows.len());
    for key in &keys {
        requests.extend(db.get::<RequestRecord>(key)?.map(|(_, record)| shown(record)));
    }
    Ok(Reply::Requests { requests, cursor })
}

pub(super) fn answer(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    id: Uuid,
    answer: Option<&Bytes>,
) -> Ruled<Reply> {
    let caller = cx.caller()?;
    require_newest(db, caller)?;
    let (rev, mut record) = of_caller(cx, db, id)?;
    if record.request.login != caller.login() {
        return Err(forbidden("a request for access is answered by the one who is asked").into());
    }
    limit(answer.map_or(0, |a| a.0.len()), MAX_ANSWER + ANSWER_OVERHEAD + 512 + BOX_OVERHEAD, "bytes of an answer")?;
    if record.status != AccessStatus::Pending {
        return Err(conflict("this request was answered or refused before").for_good().into());
    }
    if record.request.expires <= cx.now {
        return Err(conflict("this request for access has expired").for_good().into());
    }
    record.status = if answer.is_some() { AccessStatus::Resolved } else { AccessStatus::Refused };
    record.answer = answer.cloned();
    let application = record.request.application.login.clone();
    batch.put(key(id), rev, &record)?;
    for login in [caller.login(), application.as_str()] {
        log::append(batch, login, &Entry::Asked(id))?;
    }
    Ok(Reply::Done)
}

pub(super) fn take(cx: &Context<'_>, db: &Records, batch: &mut Batch, id: Uuid) -> Ruled<Reply> {
    let caller = cx.caller()?;
    require_newest(db, caller)?;
    let (rev, mut record) = of_caller(cx, db, id)?;
    if record.request.application.login != caller.login() {
        return Err(forbidden("an answer is for the application that asked").into());
    }
    if record.status != AccessStatus::Resolved {
        return Ok(Reply::Request { request: Box::new(shown(record)) });
    }
    let taken = record.clone();
    record.status = AccessStatus::Fetched;
    record.answer = None;
    batch.put(key(id), rev, &record)?;
    Ok(Reply::Request { request: Box::new(taken) })
}
