//! Signed revocations, found by the items whose access they end: whoever writes an item is shown what its owner ended.
//!
//! As with grants, one of few items is indexed under each of them, one of many under whoever revokes.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::grants::{INDEXED_BY_ITEM, indexed, may_see, no_such_item, readers_of};
use super::log::limit;
use super::{Batch, Context, Records, Ruled, conflict, segment};
use regrant_protocol::encoding::check_login;
use regrant_protocol::error::Error;
use regrant_protocol::operations::Reply;
use regrant_protocol::wire::revocation::Revocation;

/// The most revocations that one answer looks at: each names up to 4,096 items.
const PAGE: usize = 32;
/// The most revokers that are asked for at once.
const MAX_REVOKERS: usize = 16;

fn revocation_key(id: Uuid) -> String {
    format!("revocation/{id}")
}

fn item_prefix(item: Uuid, revoker: &str) -> String {
    format!("ended/{item}/{}/", segment(revoker))
}

fn many_prefix(revoker: &str) -> String {
    format!("ended-many/{}/", segment(revoker))
}

/// Keeps a revocation, and indexes it under those of its items that whoever signed it may end access to: nobody fills
/// other people's.
pub(super) fn keep(db: &Records, batch: &mut Batch, revocation: &Revocation, items: &BTreeSet<Uuid>) -> Ruled<()> {
    if items.is_empty() {
        return Ok(());
    }
    let key = revocation_key(revocation.id);
    match db.view::<Revocation>(&key)? {
        Some((_, there)) if *there == *revocation => return Ok(()),
        Some(_) => return Err(conflict("a revocation with this id exists").into()),
        None => batch.put(key, 0, revocation)?,
    }
    let (revoker, id) = (&revocation.revoker.login, revocation.id);
    let rows: Vec<String> = match items.len() > INDEXED_BY_ITEM {
        true => vec![format!("{}{id}", many_prefix(revoker))],
        false => items.iter().map(|item| format!("{}{id}", item_prefix(*item, revoker))).collect(),
    };
    for row in rows {
        batch.put(row, 0, &())?;
    }
    Ok(())
}

/// The revocations by some logins that concern an item which the caller can read.
pub(super) fn list(cx: &Context<'_>, db: &Records, item: Uuid, by: &[String], cursor: Option<&str>) -> Ruled<Reply> {
    limit(by.len(), MAX_REVOKERS, "logins")?;
    by.iter().try_for_each(|login| check_login(login))?;
    let after = cursor.map(Uuid::parse_str).transpose().map_err(|_| Error::bad_input("no such cursor"))?;
    if !may_see(cx, db, item, &readers_of(db, item, cx.now)?.1)? {
        return Err(no_such_item().into());
    }
    let mut ids = BTreeSet::new();
    for login in by {
        ids.extend(indexed(db, &item_prefix(item, login))?);
        ids.extend(indexed(db, &many_prefix(login))?);
    }
    let mut left = ids.into_iter().filter(|id| after.is_none_or(|after| *id > after)).peekable();
    let page: Vec<Uuid> = left.by_ref().take(PAGE).collect();
    let cursor = page.last().filter(|_| left.peek().is_some()).map(Uuid::to_string);
    let keys: Vec<String> = page.into_iter().map(revocation_key).collect();
    db.need(&keys)?;
    let mut revocations = Vec::new();
    for key in &keys {
        let found = db.view::<Revocation>(key)?.map(|(_, revocation)| revocation);
        revocations.extend(found.filter(|r| r.items.iter().any(|(one, _)| *one == item)).map(|r| (*r).clone()));
    }
    Ok(Reply::Revocations { revocations, cursor })
}
