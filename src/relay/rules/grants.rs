//! Items and grants: who holds what.
//!
//! A grant of few items is indexed under each item, a grant of many under its delegator, so that giving
//! access to thousands of items writes a handful of records.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::identities::{account, require_newest};
use super::log::{self, Entry, exchange_key, grant_key, limit};
use super::{Batch, Context, Records, Ruled, conflict, forbidden, segment};
use crate::error::{Code, Error};
use crate::relay::{ExchangeRecord, GrantRecord, Reply};
use crate::wire::MAX_GRANT_ENTRIES;
use crate::wire::exchange::Exchange;
use crate::wire::grant::{Grant, GrantEntry};
use crate::wire::revocation::Revocation;

/// Up to this many entries, a grant is indexed under each of its items.
const INDEXED_BY_ITEM: usize = 8;
/// The most grants in one operation.
pub(super) const MAX_GRANTS: usize = 256;
/// The most rows of one index list.
const MAX_ROWS: usize = 4096;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Item {
    owner: String,
    version: u32,
}

pub(super) fn item_key(id: Uuid) -> String {
    format!("item/{id}")
}

pub(super) fn index_keys(grant: &Grant, delegator: &str) -> Vec<String> {
    if grant.entries.len() > INDEXED_BY_ITEM {
        return vec![format!("bulk/{}/{}", segment(delegator), grant.id)];
    }
    let items: BTreeSet<Uuid> = grant.entries.iter().map(|e| e.0).collect();
    items.into_iter().map(|item| format!("by-item/{item}/{}", grant.id)).collect()
}

pub(super) fn exchange_of(db: &Records, grant: &Grant) -> Ruled<Exchange> {
    let record = db.get::<ExchangeRecord>(&exchange_key(grant.exchange))?;
    Ok(record.ok_or_else(|| Error::new(Code::NotFound, "no such exchange key"))?.1.exchange)
}

/// What the caller holds by the grants it names.
pub(super) fn held(cx: &Context<'_>, db: &Records, basis: &[Uuid]) -> Ruled<HashSet<(Uuid, u32)>> {
    let keys: Vec<String> = basis.iter().map(|id| grant_key(*id)).collect();
    db.need(&keys)?;
    let mut grants = Vec::with_capacity(basis.len());
    for key in &keys {
        let record = db.get::<GrantRecord>(key)?;
        grants.push(record.ok_or_else(|| forbidden("a grant that the caller names is gone"))?.1);
    }
    let exchanges: Vec<String> = grants.iter().map(|g| exchange_key(g.grant.exchange)).collect();
    db.need(&exchanges)?;
    let mut out = HashSet::new();
    for record in grants {
        // Whoever gave an item held it, too: after a loss these are the grants that open it again.
        if !exchange_of(db, &record.grant)?.concerns(cx.caller()?.login()) || !record.grant.is_current(cx.now) {
            return Err(forbidden("a grant that the caller names is not the caller's").into());
        }
        out.extend(record.grant.entries.iter().filter(|e| !record.cuts.contains(&e.0)).map(|e| e.key()));
    }
    Ok(out)
}

pub(super) fn put(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    create: &[(Uuid, u32)],
    grants: &[Grant],
    basis: &[Uuid],
) -> Ruled<Reply> {
    let caller = cx.caller()?;
    limit(create.len(), 16 * MAX_GRANT_ENTRIES, "items")?;
    limit(grants.len(), MAX_GRANTS, "grants")?;
    limit(basis.len(), 16 * MAX_GRANT_ENTRIES, "grants")?;
    require_newest(db, caller)?;
    let mut may = held(cx, db, basis)?;

    let keys: Vec<String> = create.iter().map(|(id, _)| item_key(*id)).collect();
    let grant_keys: Vec<String> = grants.iter().map(|g| grant_key(g.id)).collect();
    let exchange_keys: Vec<String> = grants.iter().map(|g| exchange_key(g.exchange)).collect();
    db.need(keys.iter().chain(&grant_keys).chain(&exchange_keys))?;

    for ((id, version), key) in create.iter().zip(keys) {
        match (db.get::<Item>(&key)?, version) {
            (None, 1) => batch.put(key, 0, &Item { owner: caller.login.clone(), version: 1 })?,
            (Some((rev, item)), v) if Some(*v) == item.version.checked_add(1) => {
                if !may.contains(&(*id, item.version)) {
                    return Err(forbidden("a new version is written by a holder of the one before").into());
                }
                batch.put(key, rev, &Item { version: *v, ..item })?;
            }
            _ => return Err(conflict("this item has another version meanwhile").into()),
        }
        may.insert((*id, *version));
    }

    for (grant, key) in grants.iter().zip(grant_keys) {
        grant.check_form()?;
        let exchange = exchange_of(db, grant)?;
        if exchange.delegator != caller.login() || grant.grantor_fingerprint != *caller.fingerprint() {
            return Err(forbidden("a grant is written by its grantor").into());
        }
        if !grant.entries.iter().all(|e| may.contains(&e.key())) {
            return Err(forbidden("a grant is added only by a holder of the item").into());
        }
        if db.raw(&key)?.is_some() {
            return Err(conflict("a grant with this id exists").into());
        }
        log::need(db, &[&exchange.delegator, &exchange.delegate])?;
        write_grant(db, batch, &exchange, 0, &GrantRecord { grant: grant.clone(), cuts: Vec::new() })?;
    }
    Ok(Reply::Done)
}

/// What an index entry says: where the logs tell of the grant, so that compacting takes it from there, too. Entries
/// written otherwise say nothing.
pub(super) type Logged = Option<Vec<(String, u64)>>;

pub(super) fn write_grant(
    db: &Records,
    batch: &mut Batch,
    exchange: &Exchange,
    rev: u64,
    record: &GrantRecord,
) -> Ruled<()> {
    batch.put(grant_key(record.grant.id), rev, record)?;
    let mut logged = Vec::new();
    for login in [&exchange.delegator, &exchange.delegate] {
        let at = log::append(db, batch, login, &Entry::Grant(record.grant.id))?;
        logged.push((login.clone(), at));
    }
    logged.dedup();
    if rev == 0 {
        for key in index_keys(&record.grant, &exchange.delegator) {
            batch.put(key, 0, &Logged::Some(logged.clone()))?;
        }
    }
    Ok(())
}

pub(super) fn revoke(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    revocations: &[Revocation],
    rewrite: &[Grant],
    remove: &[Uuid],
) -> Ruled<Reply> {
    let caller = cx.caller()?;
    limit(revocations.len(), MAX_GRANTS, "revocations")?;
    limit(rewrite.len(), MAX_GRANTS, "grants")?;
    limit(remove.len(), 16 * MAX_GRANT_ENTRIES, "grants")?;
    require_newest(db, caller)?;

    let named = revocations
        .iter()
        .flat_map(|r| r.grants.iter().copied())
        .chain(rewrite.iter().map(|g| g.id))
        .chain(remove.iter().copied());
    let ids: BTreeSet<Uuid> = named.collect();
    let keys: Vec<String> = ids.iter().map(|id| grant_key(*id)).collect();
    db.need(&keys)?;
    let mut grants: HashMap<Uuid, (u64, GrantRecord)> = HashMap::new();
    for (id, key) in ids.iter().zip(&keys) {
        grants.extend(db.get::<GrantRecord>(key)?.map(|found| (*id, found)));
    }
    let exchange_keys: Vec<String> = grants.values().map(|(_, g)| exchange_key(g.grant.exchange)).collect();
    db.need(&exchange_keys)?;

    for new in rewrite {
        new.check_form()?;
        let (rev, old) = grants.get(&new.id).ok_or_else(|| conflict("a grant is gone meanwhile"))?;
        let exchange = exchange_of(db, &old.grant)?;
        if new.entries.iter().any(|e| old.cuts.contains(&e.0)) {
            return Err(conflict("an item was cut from this grant meanwhile").into());
        }
        let moved = exchange_of_new(db, new, &exchange)?;
        let longer = old.grant.not_after.is_some_and(|end| new.not_after.is_none_or(|next| next > end));
        let listed: HashSet<&GrantEntry> = old.grant.entries.iter().collect();
        let narrower = !longer && new.entries.iter().all(|e| listed.contains(e));
        let same_pair = moved.delegator == exchange.delegator && moved.delegate == exchange.delegate;
        let own = exchange.delegator == caller.login() && new.grantor_fingerprint == *caller.fingerprint();
        if !own || !same_pair || !narrower {
            return Err(forbidden("a grant is written anew by its grantor, and never wider").into());
        }
        reindex(db, batch, &old.grant, new, &exchange)?;
        log::need(db, &[&exchange.delegator, &exchange.delegate])?;
        write_grant(db, batch, &exchange, *rev, &GrantRecord { grant: new.clone(), cuts: Vec::new() })?;
    }
    for id in remove {
        let Some((rev, old)) = grants.get(id) else { continue };
        let exchange = exchange_of(db, &old.grant)?;
        if exchange.delegator != caller.login() {
            return Err(forbidden("a grant is removed by its grantor").into());
        }
        drop_index(db, batch, &old.grant, &exchange)?;
        batch.delete(grant_key(*id), *rev);
        log::need(db, &[&exchange.delegator, &exchange.delegate])?;
        for login in [&exchange.delegator, &exchange.delegate] {
            log::append(db, batch, login, &Entry::GrantRemoved(*id))?;
        }
    }
    for revocation in revocations {
        cut(cx, db, batch, revocation, &grants, rewrite, remove)?;
    }
    Ok(Reply::Done)
}

fn exchange_of_new(db: &Records, new: &Grant, old: &Exchange) -> Ruled<Exchange> {
    if new.exchange == old.id { Ok(old.clone()) } else { exchange_of(db, new) }
}

fn drop_index(db: &Records, batch: &mut Batch, grant: &Grant, exchange: &Exchange) -> Ruled<()> {
    let keys = index_keys(grant, &exchange.delegator);
    db.need(&keys)?;
    for key in keys {
        if let Some(stored) = db.raw(&key)? {
            batch.delete(key, stored.rev);
        }
    }
    Ok(())
}

fn reindex(db: &Records, batch: &mut Batch, old: &Grant, new: &Grant, exchange: &Exchange) -> Ruled<()> {
    let after = index_keys(new, &exchange.delegator);
    db.need(&after)?;
    drop_index(db, batch, old, exchange)?;
    for key in after {
        let rev = db.raw(&key)?.map_or(0, |s| s.rev);
        batch.put(key, rev, &Logged::None)?;
    }
    Ok(())
}

/// Honours a revocation: the owner of an item, or the grantor, ends access, also where the grant is another's.
fn cut(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    revocation: &Revocation,
    grants: &HashMap<Uuid, (u64, GrantRecord)>,
    rewrite: &[Grant],
    remove: &[Uuid],
) -> Ruled<()> {
    let caller = cx.caller()?;
    if revocation.revoker.login != caller.login() || revocation.revoker.fingerprint != *caller.fingerprint() {
        return Err(forbidden("a revocation is written by the one who revokes").into());
    }
    let items: Vec<String> = revocation.items.iter().map(|(id, _)| item_key(*id)).collect();
    db.need(&items)?;
    let owns = |item: &Uuid| -> Ruled<bool> {
        Ok(db.get::<Item>(&item_key(*item))?.is_some_and(|(_, i)| i.owner == caller.login()))
    };
    let unknown = || forbidden("a revocation is signed with the key that logged in");
    let (_, account) = account(db, caller.login())?.ok_or_else(unknown)?;
    let index = account.find(caller.fingerprint()).ok_or_else(unknown)?;
    revocation.check(&account.keysets[index].own.keyset.signing_key)?;
    let mut told: BTreeSet<String> = BTreeSet::new();
    for id in &revocation.grants {
        let Some((rev, record)) = grants.get(id) else { continue };
        let exchange = exchange_of(db, &record.grant)?;
        if exchange.delegate != revocation.login {
            return Err(forbidden("a revocation cuts grants to the one it names").into());
        }
        told.extend([caller.login.clone(), revocation.login.clone(), exchange.delegator.clone()]);
        if rewrite.iter().any(|g| g.id == *id) || remove.contains(id) {
            continue;
        }
        let mut cuts = record.cuts.clone();
        for (item, version) in &revocation.items {
            let listed = record.grant.entries.iter().any(|e| e.0 == *item && e.1 <= *version);
            if !listed || cuts.contains(item) {
                continue;
            }
            if exchange.delegator != caller.login() && !owns(item)? {
                return Err(forbidden("access is revoked by the item's owner or by the grantor").into());
            }
            cuts.push(*item);
        }
        batch.put(grant_key(*id), *rev, &GrantRecord { grant: record.grant.clone(), cuts })?;
    }
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    log::need(db, &told)?;
    for login in told {
        log::append(db, batch, login, &Entry::Revoked(Box::new(revocation.clone())))?;
    }
    Ok(())
}

pub(super) fn readers(cx: &Context<'_>, db: &Records, item: Uuid) -> Ruled<Reply> {
    let caller = cx.caller()?;
    let unknown = || Error::new(Code::NoAccess, "there is no such item, or nobody gave you access to it");
    let (_, head) = db.get::<Item>(&item_key(item))?.ok_or_else(unknown)?;
    let by_item = format!("by-item/{item}/");
    let rows: Vec<(String, Logged)> = db.list(&by_item, &by_item, MAX_ROWS)?;
    let mut ids: BTreeSet<Uuid> = rows.iter().filter_map(|(key, _)| last_id(key)).collect();
    let mut out: Vec<(Exchange, GrantRecord)> = Vec::new();
    let mut done: HashSet<Uuid> = HashSet::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let mut holders: BTreeSet<String> = [head.owner.clone()].into();
    loop {
        for holder in holders.difference(&asked.clone()).cloned().collect::<Vec<_>>() {
            let prefix = format!("bulk/{}/", segment(&holder));
            let rows: Vec<(String, Logged)> = db.list(&prefix, &prefix, MAX_ROWS)?;
            ids.extend(rows.iter().filter_map(|(key, _)| last_id(key)));
            asked.insert(holder);
        }
        let fresh: Vec<Uuid> = ids.iter().filter(|id| !done.contains(id)).copied().collect();
        let keys: Vec<String> = fresh.iter().map(|id| grant_key(*id)).collect();
        db.need(&keys)?;
        for (id, key) in fresh.iter().zip(&keys) {
            done.insert(*id);
            let Some((_, record)) = db.get::<GrantRecord>(key)? else { continue };
            let lists = record.grant.entries.iter().any(|e| e.0 == item) && !record.cuts.contains(&item);
            if lists && record.grant.is_current(cx.now) {
                let exchange = exchange_of(db, &record.grant)?;
                holders.insert(exchange.delegate.clone());
                holders.insert(exchange.delegator.clone());
                out.push((exchange, record));
            }
        }
        if holders.is_subset(&asked) {
            break;
        }
    }
    let mine = out.iter().any(|(exchange, _)| exchange.concerns(caller.login()));
    if !mine {
        return Err(unknown().into());
    }
    Ok(Reply::Readers { owner: head.owner, grants: out })
}

/// Every grant to `login` that concerns the caller: as its grantor, or as the owner of some of its items.
pub(super) fn granted_to(cx: &Context<'_>, db: &Records, login: &str) -> Ruled<Reply> {
    let caller = cx.caller()?;
    crate::encoding::check_login(login)?;
    let mut grants = Vec::new();
    for (exchange, record) in log::all_grants(db, login)? {
        if exchange.delegate != login || !record.grant.is_current(cx.now) {
            continue;
        }
        let items: BTreeSet<Uuid> =
            record.grant.entries.iter().map(|e| e.0).filter(|i| !record.cuts.contains(i)).collect();
        let keys: Vec<String> = items.iter().map(|i| item_key(*i)).collect();
        db.need(&keys)?;
        let mut owned = Vec::new();
        for (item, key) in items.iter().zip(&keys) {
            if db.get::<Item>(key)?.is_some_and(|(_, i)| i.owner == caller.login()) {
                owned.push(*item);
            }
        }
        if exchange.delegator == caller.login() || !owned.is_empty() {
            grants.push((exchange, record, owned));
        }
    }
    Ok(Reply::GrantsTo { grants })
}

fn last_id(key: &str) -> Option<Uuid> {
    key.rsplit('/').next().and_then(|id| Uuid::parse_str(id).ok())
}
