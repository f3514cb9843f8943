//! Signed revocations, found by the items whose access they end: whoever writes an item is shown what its owner ended.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::grants::{may_see, no_such_item, readers_of};
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

pub(super) fn index_names(revocation: &Revocation, items: impl Iterator<Item = Uuid>) -> Vec<String> {
    items.map(|item| format!("{}{}", item_prefix(item, &revocation.revoker.login), revocation.id)).collect()
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
        None => {}
    }
    batch.put_indexed(key, 0, revocation, index_names(revocation, items.iter().copied()))?;
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
    let mut found = BTreeMap::new();
    for login in by {
        let all = db.indexed::<Revocation>(&item_prefix(item, login))?;
        found.extend(all.into_iter().map(|(_, _, revocation)| (revocation.id, revocation)));
    }
    let mut left = found.into_values().filter(|r| after.is_none_or(|after| r.id > after)).peekable();
    let revocations: Vec<Revocation> = left.by_ref().take(PAGE).map(|r| (*r).clone()).collect();
    let cursor = revocations.last().filter(|_| left.peek().is_some()).map(|r| r.id.to_string());
    Ok(Reply::Revocations { revocations, cursor })
}
