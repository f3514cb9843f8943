//! Putting away and deleting: items by whoever reads or owns them, and identities by themselves.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::account::{account_of, concerns, need_parties, parties, require_newest};
use super::grants::{self, Cut, readers_of};
use super::log::{self, Entry, limit};
use super::{
    Batch, Context, Records, Ruled, conflict, forbidden, graph, heads, notifications, openings, profiles, requests,
    tokens, uploads,
};
use regrant_protocol::operations::Reply;

/// The most items in one operation.
const MAX_ITEMS: usize = 256;

pub(super) fn items(cx: &Context<'_>, db: &Records, batch: &mut Batch, items: &[Uuid], hard: bool) -> Ruled<Reply> {
    let caller = cx.caller()?;
    limit(items.len(), MAX_ITEMS, "items")?;
    require_newest(db, caller)?;
    let items: BTreeSet<Uuid> = items.iter().copied().collect();
    // What is cut from each grant, by its id: several items may be in one.
    let mut cuts: BTreeMap<Uuid, Cut> = BTreeMap::new();
    let mut told: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
    for item in &items {
        let all = readers_of(db, *item, cx.now)?.1;
        let reads = |login: &str| all.iter().any(|(exchange, _, _)| exchange.delegate == login);
        if hard && !grants::owns(db, caller, *item)? || !hard && !reads(caller.login()) {
            // Whether an item exists is the business of those who can read it.
            let mut stranger = true;
            for (exchange, _, _) in &all {
                stranger &= !concerns(db, caller.login(), exchange)?;
            }
            let refused = forbidden("an item is deleted by its owner, and put away by whoever reads it");
            return Err(if stranger { grants::no_such_item() } else { refused }.into());
        }
        if !hard && all.iter().all(|(exchange, _, _)| exchange.delegate == caller.login()) {
            let alone = conflict("nobody else can read this item: remove it with { hard: true } to delete it");
            return Err(alone.for_good().into());
        }
        need_parties(db, all.iter().map(|(exchange, _, _)| exchange))?;
        for (exchange, rev, record) in all {
            if hard {
                for login in parties(db, &exchange)? {
                    told.entry(login.to_owned()).or_default().push(*item);
                }
            }
            if hard || exchange.delegate == caller.login() {
                cuts.entry(record.grant.id).or_insert_with(|| Cut::new(rev, record, exchange)).items.insert(*item);
            }
        }
        told.entry(caller.login().to_owned()).or_default().push(*item);
        if hard {
            grants::delete_item(db, batch, *item)?;
        }
    }
    for cut in cuts.into_values() {
        cut.write(batch)?;
    }
    for (login, mut items) in told {
        items.sort();
        items.dedup();
        log::append(batch, &login, &Entry::ItemsRemoved(items))?;
    }
    Ok(Reply::Done)
}

/// The caller is removed. Its public keys stay, so that what it signed can be read and nobody takes its place unseen; so
/// does what it gave to others. Everything else that is its own goes: whoever has the login next has none of it.
pub(super) fn identity(cx: &Context<'_>, db: &Records, batch: &mut Batch) -> Ruled<Reply> {
    let caller = cx.caller()?;
    require_newest(db, caller)?;
    graph::require_not_administrator(db, caller.login())?;
    let (rev, before) = account_of(db, caller.login())?;
    let login = caller.login();
    heads::end(db, batch, login)?;
    profiles::end(db, batch, login)?;
    graph::write_edges(db, batch, login, &before.holders(), &Vec::new())?;
    graph::end_edges(db, batch, login)?;
    grants::end(db, batch, login)?;
    notifications::end(db, batch, login)?;
    requests::end(db, batch, login)?;
    openings::end(db, batch, login)?;
    uploads::end(db, batch, login)?;
    tokens::end(db, batch, login)?;
    // The last: what others are told above is not in this log.
    log::end(db, batch, login)?;
    super::identities::bury(batch, rev, &before)?;
    Ok(Reply::Done)
}
