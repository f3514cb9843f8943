//! Each login's log: what happened that it should know. Entries name records; reading resolves them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::account::closed_at;
use super::{Ask, Batch, Context, Records, Ruled, segment};
use regrant_protocol::error::Result;
use regrant_protocol::operations::{Event, ExchangeRecord, GrantRecord, Reply};
use regrant_protocol::wire::revocation::Revocation;

/// The most entries in one answer.
const PAGE: usize = 256;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Entry {
    Exchange(Uuid),
    Grant(Uuid),
    /// A grant that was only written anew, or put together of others.
    Again(Uuid),
    GrantRemoved(Uuid),
    Revoked(Box<Revocation>),
    Notified(Uuid),
    /// Grants that another takes the place of.
    Replaced(Vec<Uuid>),
    ItemsRemoved(Vec<Uuid>),
    Asked(Uuid),
    Said,
    /// Something else is other than before: whoever listens by the log's number alone hears of it, too.
    Changed,
}

/// The beginning of the keys of a login's entries, which go on with their number.
fn log_of(login: &str) -> String {
    format!("log/{}/", segment(login))
}

/// Under what the entries that tell of a grant are found.
fn told_of(grant: Uuid) -> String {
    format!("told/{grant}/")
}

/// Lets go of a log. A storage gives no number twice: whoever has the login next goes on from there, so that no number
/// stands for two things, and a device that read on from one does not pass over what comes.
pub(super) fn end(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    super::delete_all(db, batch, &log_of(login))
}

/// Asks for the first entry of a login's log above a number: for whoever watches a storage.
pub fn entry_after(login: &str, n: u64) -> Ask {
    Ask::List { prefix: log_of(login), after: entry_key(login, n), limit: 1 }
}

fn entry_key(login: &str, n: u64) -> String {
    format!("{}{n:016}", log_of(login))
}

/// Appends an entry to a login's log, once per batch and entry, and wakes its subscribers.
pub(super) fn append(batch: &mut Batch, login: &str, entry: &Entry) -> Result<()> {
    let index = match entry {
        Entry::Grant(id) | Entry::Again(id) => vec![format!("{}{}", told_of(*id), segment(login))],
        _ => Vec::new(),
    };
    batch.append(log_of(login), entry, index)?;
    batch.touch(login);
    Ok(())
}

/// Takes the entries away that tell of grants: they are gone, or told of anew.
pub(super) fn forget_grants(db: &Records, batch: &mut Batch, grants: impl IntoIterator<Item = Uuid>) -> Ruled<()> {
    let prefixes: Vec<String> = grants.into_iter().map(told_of).collect();
    db.need_lists(prefixes.iter().map(|prefix| Records::ask_all_names(prefix)).collect())?;
    for prefix in prefixes {
        for (key, rev) in db.indexed_keys(&prefix)? {
            batch.delete(key, rev);
        }
    }
    Ok(())
}

pub(super) fn exchange_key(id: Uuid) -> String {
    format!("exchange/{id}")
}

pub(super) fn grant_key(id: Uuid) -> String {
    format!("grant/{id}")
}

/// A number that all that a login's log gets from now on is above.
pub(super) fn head(db: &Records, login: &str) -> Ruled<u64> {
    db.head(&log_of(login))
}

pub(super) fn sync(cx: &Context<'_>, db: &Records, after: Option<u64>, whole: bool) -> Ruled<Reply> {
    let caller = cx.caller()?;
    let login = caller.login();
    let head = head(db, login)?;
    let closed = closed_at(db, caller)?;
    let head = closed.map_or(head, |end| head.min(end));
    let Some(after) = after else { return Ok(Reply::Events { events: Vec::new(), next: head, more: false }) };
    if after > head {
        // Read from a relay that knew more than this one: its records are older than what was read.
        return Ok(Reply::Events { events: Vec::new(), next: head, more: false });
    }
    let prefix = log_of(login);
    let mut rows: Vec<(String, Entry)> = db.list(&prefix, &entry_key(login, after), PAGE)?;
    if closed.is_some() {
        let last = entry_key(login, head);
        rows.retain(|(key, _)| *key <= last);
    }
    let keys: Vec<String> = rows
        .iter()
        .filter_map(|(_, entry)| match entry {
            Entry::Exchange(id) => Some(exchange_key(*id)),
            Entry::Grant(id) | Entry::Again(id) => Some(grant_key(*id)),
            _ => None,
        })
        .collect();
    db.need(&keys)?;
    let next = match rows.last() {
        Some((key, _)) => key.rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or(after),
        None => after,
    };
    let more = rows.len() == PAGE;
    let mut events = Vec::with_capacity(rows.len());
    for (_, entry) in rows {
        events.extend(resolve(db, entry, login, cx.now, whole)?);
    }
    Ok(Reply::Events { events, next, more })
}

fn resolve(db: &Records, entry: Entry, login: &str, now: u64, whole: bool) -> Ruled<Vec<Event>> {
    let again = matches!(entry, Entry::Again(_));
    if let Entry::Replaced(grants) = entry {
        return Ok(grants.into_iter().map(Event::GrantRemoved).collect());
    }
    let event = match entry {
        Entry::Exchange(id) => {
            db.get::<ExchangeRecord>(&exchange_key(id))?.map(|(_, record)| Event::Exchange(Box::new(record)))
        }
        Entry::Grant(id) | Entry::Again(id) => match db.view::<GrantRecord>(&grant_key(id))? {
            Some((_, record)) if record.grant.is_current(now) => Some(match whole {
                true => Event::Grant(record),
                false => {
                    Event::Given { id, by: record.grant.grantor_fingerprint, to: record.grant.delegate == login, again }
                }
            }),
            _ => None,
        },
        Entry::GrantRemoved(id) => Some(Event::GrantRemoved(id)),
        Entry::Revoked(revocation) => Some(Event::Revoked(revocation)),
        Entry::Notified(id) => Some(Event::Notified(id)),
        Entry::ItemsRemoved(items) => Some(Event::ItemsRemoved(items)),
        Entry::Asked(id) => Some(Event::Asked(id)),
        Entry::Said => Some(Event::Said),
        Entry::Changed => Some(Event::Changed),
        Entry::Replaced(_) => None,
    };
    Ok(event.into_iter().collect())
}

/// The sum of a batch's limits is the backend's matter; this bounds one operation's list arguments.
pub(super) fn limit(len: usize, most: usize, what: &'static str) -> Result<()> {
    if len > most {
        return Err(regrant_protocol::error::Error::bad_input(format!(
            "too many {what} in one operation: at most {most}"
        )));
    }
    Ok(())
}
