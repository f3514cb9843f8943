//! Each login's log: what happened that it should know. Entries name records; reading resolves them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::account::closed_at;
use super::{Batch, Context, Records, Ruled, segment};
use regrant_protocol::error::Result;
use regrant_protocol::operations::{Event, ExchangeRecord, GrantRecord, Reply};
use regrant_protocol::wire::exchange::Exchange;
use regrant_protocol::wire::revocation::Revocation;

/// The most entries in one answer.
const PAGE: usize = 256;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Entry {
    Exchange(Uuid),
    Grant(Uuid),
    GrantRemoved(Uuid),
    Revoked(Box<Revocation>),
    Notified(Uuid),
    /// Grants that another takes the place of.
    Replaced(Vec<Uuid>),
    ItemsRemoved(Vec<Uuid>),
    Asked(Uuid),
    Said,
}

fn head_key(login: &str) -> String {
    format!("head/{}", segment(login))
}

/// Lets go of a log. How far it went stays: whoever has the login next goes on from there, so that no number stands for
/// two things, and a device that read on from one does not pass over what comes.
pub(super) fn end(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    let key = head_key(login);
    // Written as it is, so that of an entry that comes at the same time, one of the two is decided again.
    let (rev, head) = db.get::<u64>(&key)?.unwrap_or_default();
    batch.put(key, rev, &head)?;
    super::delete_all(db, batch, &format!("log/{}/", segment(login)))
}

pub(super) fn entry_key(login: &str, n: u64) -> String {
    format!("log/{}/{n:016}", segment(login))
}

/// Appends an entry to a login's log, once per batch and entry, and wakes its subscribers. Gives its number.
pub(super) fn append(db: &Records, batch: &mut Batch, login: &str, entry: &Entry) -> Ruled<u64> {
    let key = head_key(login);
    let (rev, before) = db.get::<u64>(&key)?.unwrap_or((0, 0));
    // The head may have been raised in this same batch already.
    let current = match batch.written(&key)? {
        Some(json) => super::read(&json)?,
        None => before,
    };
    if current > before {
        let text = regrant_protocol::wire::to_json(entry)?;
        for n in before + 1..=current {
            if batch.written(&entry_key(login, n))?.is_some_and(|there| *there == *text) {
                return Ok(n);
            }
        }
    }
    batch.put(key, rev, &(current + 1))?;
    batch.put(entry_key(login, current + 1), 0, entry)?;
    batch.touch(login);
    Ok(current + 1)
}

/// What must be loaded before [`append`] can be called for these logins.
pub(super) fn need(db: &Records, logins: &[&str]) -> Ruled<()> {
    let keys: Vec<String> = logins.iter().map(|l| head_key(l)).collect();
    db.need(&keys)
}

pub(super) fn exchange_key(id: Uuid) -> String {
    format!("exchange/{id}")
}

pub(super) fn grant_key(id: Uuid) -> String {
    format!("grant/{id}")
}

/// How long a login's log is.
pub(super) fn head(db: &Records, login: &str) -> Ruled<u64> {
    Ok(db.get::<u64>(&head_key(login))?.map_or(0, |(_, head)| head))
}

pub(super) fn sync(cx: &Context<'_>, db: &Records, after: u64) -> Ruled<Reply> {
    let caller = cx.caller()?;
    let login = caller.login();
    let head = head(db, login)?;
    let closed = closed_at(db, caller)?;
    let head = closed.map_or(head, |end| head.min(end));
    if after > head {
        // Read from a relay that knew more than this one: its records are older than what was read.
        return Ok(Reply::Events { events: Vec::new(), next: head, more: false });
    }
    let prefix = format!("log/{}/", segment(login));
    let mut rows: Vec<(String, Entry)> = db.list(&prefix, &entry_key(login, after), PAGE)?;
    if closed.is_some() {
        let last = entry_key(login, head);
        rows.retain(|(key, _)| *key <= last);
    }
    let keys: Vec<String> = rows
        .iter()
        .filter_map(|(_, entry)| match entry {
            Entry::Exchange(id) => Some(exchange_key(*id)),
            Entry::Grant(id) => Some(grant_key(*id)),
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
        events.extend(resolve(db, entry, cx.now)?);
    }
    Ok(Reply::Events { events, next, more })
}

/// What a login's log names, picked by `pick`.
fn named(db: &Records, login: &str, pick: impl Fn(&Entry) -> Option<Uuid>) -> Ruled<BTreeSet<Uuid>> {
    let prefix = format!("log/{}/", segment(login));
    let mut after = prefix.clone();
    let mut ids = BTreeSet::new();
    loop {
        let rows: Vec<(String, Entry)> = db.list(&prefix, &after, PAGE)?;
        ids.extend(rows.iter().filter_map(|(_, entry)| pick(entry)));
        match rows.last() {
            Some((key, _)) if rows.len() == PAGE => after = key.clone(),
            _ => return Ok(ids),
        }
    }
}

/// Every exchange key that a login's log names.
pub(super) fn all_exchanges(db: &Records, login: &str) -> Ruled<Vec<Exchange>> {
    let ids = named(db, login, |entry| if let Entry::Exchange(id) = entry { Some(*id) } else { None })?;
    let keys: Vec<String> = ids.iter().map(|id| exchange_key(*id)).collect();
    db.need(&keys)?;
    let mut out = Vec::with_capacity(keys.len());
    for key in &keys {
        out.extend(db.view::<ExchangeRecord>(key)?.map(|(_, record)| record.exchange.clone()));
    }
    Ok(out)
}

/// Every grant that a login's log names, with its exchange record.
pub(super) fn all_grants(db: &Records, login: &str) -> Ruled<Vec<(Exchange, GrantRecord)>> {
    let ids = named(db, login, |entry| if let Entry::Grant(id) = entry { Some(*id) } else { None })?;
    let keys: Vec<String> = ids.iter().map(|id| grant_key(*id)).collect();
    db.need(&keys)?;
    let mut grants = Vec::new();
    for key in &keys {
        grants.extend(db.get::<GrantRecord>(key)?.map(|(_, record)| record));
    }
    let exchanges: Vec<String> = grants.iter().map(|g| exchange_key(g.grant.exchange)).collect();
    db.need(&exchanges)?;
    let mut out = Vec::with_capacity(grants.len());
    for (record, key) in grants.into_iter().zip(&exchanges) {
        out.extend(db.view::<ExchangeRecord>(key)?.map(|(_, e)| (e.exchange.clone(), record)));
    }
    Ok(out)
}

fn resolve(db: &Records, entry: Entry, now: u64) -> Ruled<Vec<Event>> {
    if let Entry::Replaced(grants) = entry {
        return Ok(grants.into_iter().map(Event::GrantRemoved).collect());
    }
    let event = match entry {
        Entry::Exchange(id) => {
            db.get::<ExchangeRecord>(&exchange_key(id))?.map(|(_, record)| Event::Exchange(Box::new(record)))
        }
        Entry::Grant(id) => match db.view::<GrantRecord>(&grant_key(id))? {
            Some((_, record)) if record.grant.is_current(now) => Some(Event::Grant(record)),
            _ => None,
        },
        Entry::GrantRemoved(id) => Some(Event::GrantRemoved(id)),
        Entry::Revoked(revocation) => Some(Event::Revoked(revocation)),
        Entry::Notified(id) => Some(Event::Notified(id)),
        Entry::ItemsRemoved(items) => Some(Event::ItemsRemoved(items)),
        Entry::Asked(id) => Some(Event::Asked(id)),
        Entry::Said => Some(Event::Said),
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
