//! Notifications: written once, then only their status moves.

use uuid::Uuid;

use super::account::{account, key as identity_key, require_newest};
use super::log::{self, Entry, limit};
use super::{Batch, Context, Records, Ruled, Stop, conflict, forbidden, segment};
use regrant_protocol::error::{Code, Error};
use regrant_protocol::operations::{NotificationRecord, Reply};
use regrant_protocol::wire::notification::{Notification, Status};

const PAGE: usize = 100;
/// The longest cursor, in bytes: a time, a hyphen and an id.
const MAX_CURSOR: usize = 64;

fn key(id: Uuid) -> String {
    format!("notification/{id}")
}

fn inbox(login: &str) -> String {
    format!("inbox/{}/", segment(login))
}

/// Lets go of what was sent to a login.
pub(super) fn end(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    super::delete_named(db, batch, &inbox(login), key)
}

pub(super) fn send(cx: &Context<'_>, db: &Records, batch: &mut Batch, notifications: &[Notification]) -> Ruled<Reply> {
    let caller = cx.caller()?;
    limit(notifications.len(), 1024, "notifications")?;
    require_newest(db, caller)?;
    let mut keys: Vec<String> = notifications.iter().map(|n| key(n.id)).collect();
    keys.extend(notifications.iter().map(|n| identity_key(&n.recipient)));
    db.need(&keys)?;
    for n in notifications {
        n.check_form()?;
        if n.sender != caller.login() || n.sender_fingerprint != *caller.fingerprint() {
            return Err(forbidden("a notification is written by its sender").into());
        }
        if account(db, &n.recipient)?.is_none() {
            return Err(Error::about(Code::IdentityNotFound, "no such identity", vec![n.recipient.clone()]).into());
        }
        if let Some((_, there)) = db.get::<NotificationRecord>(&key(n.id))? {
            let same = there.notification.sender == n.sender && there.notification.recipient == n.recipient;
            if same {
                // Sent before by a page that died before it noted so; its status may have moved since.
                continue;
            }
            return Err(conflict("a notification with this id exists").into());
        }
        batch.put(key(n.id), 0, &NotificationRecord { notification: n.clone(), status: Status::Pending, rev: 1 })?;
        batch.put(format!("{}{:016}-{}", inbox(&n.recipient), n.created, n.id), 0, &n.id)?;
        log::append(batch, &n.recipient, &Entry::Notified(n.id))?;
    }
    Ok(Reply::Done)
}

pub(super) fn list(cx: &Context<'_>, db: &Records, after: u64, cursor: Option<&str>) -> Ruled<Reply> {
    let prefix = inbox(cx.caller()?.login());
    limit(cursor.map_or(0, str::len), MAX_CURSOR, "bytes of a cursor")?;
    let from = match cursor {
        Some(cursor) => format!("{prefix}{cursor}"),
        None => format!("{prefix}{after:016}"),
    };
    let rows: Vec<(String, Uuid)> = db.list(&prefix, &from, PAGE)?;
    let keys: Vec<String> = rows.iter().map(|(_, id)| key(*id)).collect();
    db.need(&keys)?;
    let cursor = rows.last().filter(|_| rows.len() == PAGE).map(|(k, _)| k[prefix.len()..].to_owned());
    let mut notifications = Vec::with_capacity(rows.len());
    for key in &keys {
        notifications.extend(db.get::<NotificationRecord>(key)?.map(|(_, n)| n));
    }
    Ok(Reply::Notifications { notifications, cursor })
}

fn of_caller(cx: &Context<'_>, db: &Records, id: Uuid) -> Ruled<(u64, NotificationRecord)> {
    let found = db.get::<NotificationRecord>(&key(id))?;
    let mine = found.filter(|(_, n)| Some(n.notification.recipient.as_str()) == cx.ticket.map(|t| t.login()));
    mine.ok_or_else(|| Error::new(Code::NotFound, "no such notification").into())
}

pub(super) fn get(cx: &Context<'_>, db: &Records, id: Uuid) -> Ruled<Reply> {
    cx.caller()?;
    Ok(Reply::Notification { notification: Box::new(of_caller(cx, db, id)?.1) })
}

pub(super) fn set_status(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    id: Uuid,
    rev: u64,
    status: Status,
) -> Ruled<Reply> {
    let caller = cx.caller()?;
    let (stored, mut record) = of_caller(cx, db, id)?;
    // Whoever gives access back to their own newer keys completes what these told them; a key that was replaced after a
    // loss hides nothing else from its owner.
    let gives_back = record.notification.sender == caller.login() && status == Status::Completed;
    if !gives_back {
        require_newest(db, caller)?;
    }
    if record.status == status {
        return Ok(Reply::Notification { notification: Box::new(record) });
    }
    if record.rev != rev {
        return Err(conflict("this notification's status moved meanwhile").into());
    }
    if !record.status.allows(status) {
        return Err(conflict("a notification that is completed or cancelled stays so").for_good().into());
    }
    record.status = status;
    record.rev += 1;
    batch.put(key(id), stored, &record)?;
    log::append(batch, caller.login(), &Entry::Changed)?;
    if account(db, &record.notification.sender)?.is_some() {
        log::append(batch, &record.notification.sender, &Entry::Changed)?;
    }
    Ok(Reply::Notification { notification: Box::new(record) })
}

/// Completes notifications, along with what they asked for.
pub(super) fn complete(cx: &Context<'_>, db: &Records, batch: &mut Batch, all: &[(Uuid, u64)]) -> Ruled<()> {
    limit(all.len(), PAGE, "notifications")?;
    let keys: Vec<String> = all.iter().map(|(id, _)| key(*id)).collect();
    db.need(&keys)?;
    for (id, rev) in all {
        match set_status(cx, db, batch, *id, *rev, Status::Completed) {
            // Somebody else of the caller's moved it meanwhile: it is dealt with either way.
            Err(Stop::Refuse(e)) if e.code() == Code::Conflict => {}
            other => drop(other?),
        }
    }
    Ok(())
}
