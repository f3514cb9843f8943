//! Items and grants: who holds what.
//!
//! A grant of few items is indexed under each item, a grant of many under its delegator, so that giving
//! access to thousands of items writes a handful of records.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::account::{account, concerns, first_life, is_delegator, life, need_parties, parties, require_newest};
use super::graph::{sharing_above, within_reach};
use super::log::{self, Entry, exchange_key, grant_key, limit};
use super::uploads::kept_key;
use super::{Batch, Context, Records, Ruled, Ticket, conflict, forbidden, revocations, segment};
use regrant_protocol::error::{Code, Error};
use regrant_protocol::operations::{ExchangeRecord, GrantRecord, Reply};
use regrant_protocol::wire::MAX_GRANT_ENTRIES;
use regrant_protocol::wire::exchange::Exchange;
use regrant_protocol::wire::grant::{Grant, GrantEntry};
use regrant_protocol::wire::revocation::Revocation;

/// Up to this many entries, a grant is indexed under each of its items; a revocation likewise.
pub(super) const INDEXED_BY_ITEM: usize = 8;
/// The most grants in one operation.
pub(super) const MAX_GRANTS: usize = 256;
/// How many rows of an index one reading looks at, of all that there are.
const ROWS: usize = 4096;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Item {
    owner: String,
    /// Which holder of that login: see [`Account::life`](super::account::Account).
    #[serde(default = "first_life", skip_serializing_if = "is_first_life")]
    life: u64,
    version: u32,
    /// Deleted by its owner: nobody takes its id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

fn is_first_life(life: &u64) -> bool {
    *life == first_life()
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

pub(super) fn exchange_of(db: &Records, grant: &Grant) -> Ruled<Rc<ExchangeRecord>> {
    let record = db.view::<ExchangeRecord>(&exchange_key(grant.exchange))?;
    Ok(record.ok_or_else(|| Error::new(Code::NotFound, "no such exchange key"))?.1)
}

/// What the caller holds by the grants it names.
pub(super) fn held(cx: &Context<'_>, db: &Records, basis: &[Uuid]) -> Ruled<Held> {
    let caller = cx.caller()?;
    holding(cx, db, basis, |exchange| concerns(db, caller.login(), exchange))
}

/// What whoever has another login now holds by these grants.
pub(super) fn held_by(cx: &Context<'_>, db: &Records, login: &str, basis: &[Uuid]) -> Ruled<Held> {
    holding(cx, db, basis, |exchange| concerns(db, login, exchange))
}

fn holding(
    cx: &Context<'_>,
    db: &Records,
    basis: &[Uuid],
    is_theirs: impl Fn(&Exchange) -> Ruled<bool>,
) -> Ruled<Held> {
    let keys: Vec<String> = basis.iter().map(|id| grant_key(*id)).collect();
    db.need(&keys)?;
    let mut grants = Vec::with_capacity(basis.len());
    for key in &keys {
        let record = db.view::<GrantRecord>(key)?;
        grants.push(record.ok_or_else(|| forbidden("a grant that the caller names is gone"))?.1);
    }
    let exchanges: Vec<String> = grants.iter().map(|g| exchange_key(g.grant.exchange)).collect();
    db.need(&exchanges)?;
    let mut out = Vec::new();
    for record in grants {
        // Whoever gave an item held it, too: after a loss these are the grants that open it again.
        if !is_theirs(&exchange_of(db, &record.grant)?.exchange)? || !record.grant.is_current(cx.now) {
            return Err(forbidden("a grant that the caller names is not the caller's").into());
        }
        out.extend(record.grant.entries.iter().filter(|e| !record.cuts.contains(&e.0)).map(|e| e.key()));
    }
    Ok(Held::new(out))
}

/// Versions of items, in order: those of thousands are looked for, mostly in that order.
pub(super) struct Held(Vec<(Uuid, u32)>);

impl Held {
    fn new(mut all: Vec<(Uuid, u32)>) -> Self {
        // Stable, because that is quick where much is in order already.
        all.sort();
        Self(all)
    }

    fn add(&mut self, more: impl Iterator<Item = (Uuid, u32)>) {
        self.0.extend(more);
        self.0.sort();
    }

    pub(super) fn contains(&self, one: &(Uuid, u32)) -> bool {
        self.0.binary_search(one).is_ok()
    }

    /// Whether every entry of a grant is there.
    fn contains_all(&self, entries: &[GrantEntry]) -> bool {
        let mut at = 0;
        entries.iter().all(|entry| {
            let key = entry.key();
            if self.0.get(at) != Some(&key) {
                match self.0.binary_search(&key) {
                    Ok(found) => at = found,
                    Err(_) => return false,
                }
            }
            at += 1;
            true
        })
    }

    /// Whether some version of an item is there.
    pub(super) fn names(&self, item: Uuid) -> bool {
        let at = self.0.partition_point(|(id, _)| *id < item);
        self.0.get(at).is_some_and(|(id, _)| *id == item)
    }
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
    let kept: Vec<String> = create.iter().filter(|(_, v)| *v > 1).map(|(id, _)| kept_key(*id)).collect();
    db.need(&kept)?;
    for key in &kept {
        if db.raw(key)?.is_some() {
            // Its bytes would stay those of the first version, and be older than what its readers know of.
            let message = "a stored file has one version: store another, give access to that, and remove this one";
            return Err(Error::bad_input(message).into());
        }
    }
    let mut exchanges = Vec::with_capacity(grants.len());
    for grant in grants {
        exchanges.push(exchange_of(db, grant)?);
    }
    let parties = exchanges.iter().flat_map(|e| [e.exchange.delegator.as_str(), &e.exchange.delegate]);
    log::need(db, &parties.collect::<Vec<_>>())?;

    for ((id, version), key) in create.iter().zip(keys) {
        match (db.get::<Item>(&key)?, version) {
            (None, 1) => {
                let life = life(db, caller.login())?;
                batch.put(key, 0, &Item { owner: caller.login().to_owned(), life, version: 1, deleted: false })?;
            }
            (Some((rev, item)), v) if !item.deleted && Some(*v) == item.version.checked_add(1) => {
                // Its owner goes on also from a version that a reader left them out of, or revoked from them.
                if !may.contains(&(*id, item.version)) && !owns(db, caller, *id)? {
                    return Err(
                        forbidden("a new version is written by a holder of the one before, or the owner").into()
                    );
                }
                batch.put(key, rev, &Item { version: *v, ..item })?;
            }
            _ => return Err(conflict("this item has another version meanwhile").into()),
        }
    }
    may.add(create.iter().copied());

    for ((grant, key), record) in grants.iter().zip(grant_keys).zip(&exchanges) {
        grant.check_form()?;
        let exchange = &record.exchange;
        let own = is_delegator(db, caller.login(), exchange)? && grant.grantor_fingerprint == *caller.fingerprint();
        if !own || !grant.is_under(exchange) {
            return Err(forbidden("a grant is written by its grantor").into());
        }
        if !may.contains_all(&grant.entries) {
            return Err(forbidden("a grant is added only by a holder of the item").into());
        }
        if db.raw(&key)?.is_some() {
            return Err(conflict("a grant with this id exists").into());
        }
        write_grant(db, batch, exchange, 0, GrantRecord { grant: grant.clone(), cuts: Vec::new() })?;
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
    record: GrantRecord,
) -> Ruled<()> {
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
    // Entries, box and cuts are bounded; fields that nobody knows are not.
    let bounded = record.grant.extra.is_empty();
    Ok(db.put(batch, grant_key(record.grant.id), rev, record, bounded)?)
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
    let mut grants: HashMap<Uuid, (u64, Rc<GrantRecord>)> = HashMap::new();
    for (id, key) in ids.iter().zip(&keys) {
        grants.extend(db.view::<GrantRecord>(key)?.map(|found| (*id, found)));
    }
    let exchange_keys: Vec<String> = grants.values().map(|(_, g)| exchange_key(g.grant.exchange)).collect();
    db.need(&exchange_keys)?;

    for new in rewrite {
        new.check_form()?;
        let (rev, old) = grants.get(&new.id).ok_or_else(|| conflict("a grant is gone meanwhile"))?;
        let exchange = &exchange_of(db, &old.grant)?.exchange;
        if new.entries.iter().any(|e| old.cuts.contains(&e.0)) {
            return Err(conflict("an item was cut from this grant meanwhile").into());
        }
        let moved = exchange_of_new(db, new, exchange)?;
        let longer = old.grant.not_after.is_some_and(|end| new.not_after.is_none_or(|next| next > end));
        let listed: HashSet<&GrantEntry> = old.grant.entries.iter().collect();
        let narrower = !longer && new.entries.iter().all(|e| listed.contains(e));
        let same_pair = moved.delegator == exchange.delegator && moved.delegate == exchange.delegate;
        let own = is_delegator(db, caller.login(), exchange)? && new.grantor_fingerprint == *caller.fingerprint();
        if !own || !same_pair || !narrower || !new.is_under(&moved) {
            return Err(forbidden("a grant is written anew by its grantor, and never wider").into());
        }
        reindex(db, batch, &old.grant, new, exchange)?;
        log::need(db, &[&exchange.delegator, &exchange.delegate])?;
        write_grant(db, batch, exchange, *rev, GrantRecord { grant: new.clone(), cuts: Vec::new() })?;
    }
    for id in remove {
        let Some((rev, old)) = grants.get(id) else { continue };
        let exchange = &exchange_of(db, &old.grant)?.exchange;
        if !is_delegator(db, caller.login(), exchange)? {
            return Err(forbidden("a grant is removed by its grantor").into());
        }
        drop_index(db, batch, &old.grant, exchange)?;
        batch.delete(grant_key(*id), *rev);
        log::need(db, &[&exchange.delegator, &exchange.delegate])?;
        for login in [&exchange.delegator, &exchange.delegate] {
            log::append(db, batch, login, &Entry::GrantRemoved(*id))?;
        }
    }
    // Several records may cut the same grant: each goes on from what those before it cut.
    let mut cuts: BTreeMap<Uuid, Cut> = BTreeMap::new();
    for revocation in revocations {
        cut(cx, db, batch, revocation, &grants, rewrite, remove, &mut cuts)?;
    }
    for cut in cuts.into_values() {
        cut.write(batch)?;
    }
    Ok(Reply::Done)
}

fn exchange_of_new(db: &Records, new: &Grant, old: &Exchange) -> Ruled<Exchange> {
    if new.exchange == old.id { Ok(old.clone()) } else { Ok(exchange_of(db, new)?.exchange.clone()) }
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
#[allow(clippy::too_many_arguments, reason = "what one operation brings and has found so far")]
fn cut(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    revocation: &Revocation,
    grants: &HashMap<Uuid, (u64, Rc<GrantRecord>)>,
    rewrite: &[Grant],
    remove: &[Uuid],
    cuts: &mut BTreeMap<Uuid, Cut>,
) -> Ruled<()> {
    let caller = cx.caller()?;
    if revocation.revoker.login != caller.login() || revocation.revoker.fingerprint != *caller.fingerprint() {
        return Err(forbidden("a revocation is written by the one who revokes").into());
    }
    let items: Vec<String> = revocation.items.iter().map(|(id, _)| item_key(*id)).collect();
    db.need(&items)?;
    let unknown = || forbidden("a revocation is signed with the key that logged in");
    let (_, account) = account(db, caller.login())?.ok_or_else(unknown)?;
    let index = account.find(caller.fingerprint()).ok_or_else(unknown)?;
    revocation.check(&account.keysets[index].own.keyset.signing_key)?;
    let mut exchanges = Vec::new();
    for id in &revocation.grants {
        let Some((_, record)) = grants.get(id) else { continue };
        exchanges.push(exchange_of(db, &record.grant)?);
    }
    need_parties(db, exchanges.iter().map(|record| &record.exchange))?;
    let mut told: BTreeSet<String> = BTreeSet::new();
    let mut ended: BTreeSet<Uuid> = BTreeSet::new();
    for id in &revocation.grants {
        let Some((rev, record)) = grants.get(id) else { continue };
        let exchange = &exchange_of(db, &record.grant)?.exchange;
        if exchange.delegate != revocation.login {
            return Err(forbidden("a revocation cuts grants to the one it names").into());
        }
        told.insert(caller.login().to_owned());
        told.extend(parties(db, exchange)?.into_iter().map(str::to_owned));
        let own = is_delegator(db, caller.login(), exchange)?;
        let gone = rewrite.iter().any(|g| g.id == *id) || remove.contains(id);
        for (item, version) in &revocation.items {
            if !record.grant.entries.iter().any(|e| e.0 == *item && e.1 <= *version) {
                continue;
            }
            let may = own || owns(db, caller, *item)?;
            if may {
                ended.insert(*item);
            }
            if gone || record.cuts.contains(item) {
                continue;
            }
            if !may {
                return Err(forbidden("access is revoked by the item's owner or by the grantor").into());
            }
            let cut = cuts.entry(*id).or_insert_with(|| Cut::new(*rev, (**record).clone()));
            cut.items.insert(*item);
        }
    }
    revocations::keep(db, batch, revocation, &ended)?;
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    log::need(db, &told)?;
    for login in told {
        log::append(db, batch, login, &Entry::Revoked(Box::new(revocation.clone())))?;
    }
    Ok(())
}

/// Who made an item that is there; also somebody who was removed since.
fn owner_of(db: &Records, item: Uuid) -> Ruled<Option<Item>> {
    Ok(db.get::<Item>(&item_key(item))?.filter(|(_, i)| !i.deleted).map(|(_, i)| i))
}

/// The owner of an item that is there. `None`: it has none any more.
pub(super) fn present_owner(db: &Records, item: Uuid) -> Ruled<Option<String>> {
    let Some(item) = owner_of(db, item)? else { return Ok(None) };
    Ok((life(db, &item.owner)? == item.life).then_some(item.owner))
}

/// Whether the caller owns an item: not somebody who had the login before.
pub(super) fn owns(db: &Records, caller: &Ticket, item: Uuid) -> Ruled<bool> {
    let found = db.get::<Item>(&item_key(item))?;
    let life = life(db, caller.login())?;
    Ok(found.is_some_and(|(_, item)| item.owner == caller.login() && item.life == life))
}

/// Takes away what was given to a login that is removed, and the exchange keys for it. What it gave stays.
pub(super) fn end(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    let mut told: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
    let mut given = log::all_grants(db, login)?;
    given.retain(|(exchange, _)| exchange.delegate == login);
    need_parties(db, given.iter().map(|(exchange, _)| exchange))?;
    for (exchange, record) in given {
        let key = grant_key(record.grant.id);
        let rev = db.raw(&key)?.map_or(0, |stored| stored.rev);
        drop_index(db, batch, &record.grant, &exchange)?;
        batch.delete(key, rev);
        if is_delegator(db, &exchange.delegator, &exchange)? {
            told.entry(exchange.delegator).or_default().push(record.grant.id);
        }
    }
    for exchange in log::all_exchanges(db, login)?.into_iter().filter(|exchange| exchange.delegate == login) {
        let key = exchange_key(exchange.id);
        let rev = db.raw(&key)?.map_or(0, |stored| stored.rev);
        batch.delete(key, rev);
    }
    told.remove(login);
    log::need(db, &told.keys().map(String::as_str).collect::<Vec<_>>())?;
    for (delegator, grants) in told {
        log::append(db, batch, &delegator, &Entry::Replaced(grants))?;
    }
    Ok(())
}

pub(super) fn no_such_item() -> Error {
    Error::new(Code::NoAccess, "there is no such item, or nobody gave you access to it")
}

/// Takes an item away for good; its parts go too.
pub(super) fn delete_item(db: &Records, batch: &mut Batch, id: Uuid) -> Ruled<()> {
    let key = item_key(id);
    let (rev, item) = db.get::<Item>(&key)?.ok_or_else(no_such_item)?;
    batch.put(key, rev, &Item { deleted: true, ..item })?;
    super::uploads::delete(db, batch, id)
}

/// Writes an item's record as it is: whoever decided by what was there before decides again.
pub(super) fn touch_item(db: &Records, batch: &mut Batch, id: Uuid) -> Ruled<()> {
    let key = item_key(id);
    let (rev, item) = db.get::<Item>(&key)?.ok_or_else(no_such_item)?;
    Ok(batch.put(key, rev, &item)?)
}

/// Items that are cut from a grant.
pub(super) struct Cut {
    rev: u64,
    record: GrantRecord,
    pub(super) items: BTreeSet<Uuid>,
}

impl Cut {
    pub(super) fn new(rev: u64, record: GrantRecord) -> Self {
        Self { rev, record, items: BTreeSet::new() }
    }

    pub(super) fn write(mut self, batch: &mut Batch) -> Ruled<()> {
        let fresh: Vec<Uuid> = self.items.iter().filter(|i| !self.record.cuts.contains(i)).copied().collect();
        self.record.cuts.extend(fresh);
        batch.put(grant_key(self.record.grant.id), self.rev, &self.record)?;
        Ok(())
    }
}

/// The ids that an index names: all of them, because whoever writes many would hide those of others.
pub(super) fn indexed(db: &Records, prefix: &str) -> Ruled<BTreeSet<Uuid>> {
    let mut ids = BTreeSet::new();
    let mut after = prefix.to_owned();
    loop {
        let rows = db.list_keys(prefix, &after, ROWS)?;
        ids.extend(rows.iter().filter_map(|(key, _)| last_id(key)));
        match rows.last() {
            Some((key, _)) if rows.len() == ROWS => after.clone_from(key),
            _ => return Ok(ids),
        }
    }
}

/// An item's owner, and every current grant that names it, with its revision.
#[allow(clippy::type_complexity, reason = "a list of three things that belong together")]
pub(super) fn readers_of(db: &Records, item: Uuid, now: u64) -> Ruled<(String, Vec<(Exchange, u64, GrantRecord)>)> {
    let owner = owner_of(db, item)?.ok_or_else(no_such_item)?.owner;
    let mut ids = indexed(db, &format!("by-item/{item}/"))?;
    let mut out = Vec::new();
    let mut done: HashSet<Uuid> = HashSet::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let mut holders: BTreeSet<String> = [owner.clone()].into();
    loop {
        for holder in holders.difference(&asked.clone()).cloned().collect::<Vec<_>>() {
            ids.extend(indexed(db, &format!("bulk/{}/", segment(&holder)))?);
            asked.insert(holder);
        }
        let fresh: Vec<Uuid> = ids.iter().filter(|id| !done.contains(id)).copied().collect();
        let keys: Vec<String> = fresh.iter().map(|id| grant_key(*id)).collect();
        db.need(&keys)?;
        for (id, key) in fresh.iter().zip(&keys) {
            done.insert(*id);
            let Some((rev, record)) = db.view::<GrantRecord>(key)? else { continue };
            let lists = record.grant.entries.iter().any(|e| e.0 == item) && !record.cuts.contains(&item);
            if lists && record.grant.is_current(now) {
                let exchange = exchange_of(db, &record.grant)?.exchange.clone();
                holders.insert(exchange.delegate.clone());
                holders.insert(exchange.delegator.clone());
                out.push((exchange, rev, (*record).clone()));
            }
        }
        if holders.is_subset(&asked) {
            return Ok((owner, out));
        }
    }
}

/// Whether who reads an item is the caller's business, which is among those readers, or can act for one.
pub(super) fn may_see(cx: &Context<'_>, db: &Records, item: Uuid, all: &[(Exchange, u64, GrantRecord)]) -> Ruled<bool> {
    let caller = cx.caller()?;
    // The owner's also where a reader wrote them out.
    let mut direct = owns(db, caller, item)?;
    for (exchange, _, _) in all {
        direct |= concerns(db, caller.login(), exchange)?;
    }
    if direct {
        return Ok(true);
    }
    let delegates: BTreeSet<&str> = all.iter().map(|(exchange, _, _)| exchange.delegate.as_str()).collect();
    let reached = within_reach(db, caller.login(), |login| delegates.contains(login))?.0;
    Ok(reached.iter().any(|login| delegates.contains(login.as_str())))
}

pub(super) fn readers(cx: &Context<'_>, db: &Records, item: Uuid) -> Ruled<Reply> {
    let (owner, all) = readers_of(db, item, cx.now)?;
    if !may_see(cx, db, item, &all)? {
        return Err(no_such_item().into());
    }
    let delegates: BTreeSet<String> = all.iter().map(|(exchange, _, _)| exchange.delegate.clone()).collect();
    let sharing = sharing_above(db, delegates)?;
    let version = owner_of(db, item)?.ok_or_else(no_such_item)?.version;
    Ok(Reply::Readers { owner, version, grants: all.into_iter().map(|(e, _, record)| (e, record)).collect(), sharing })
}

/// Every grant to `login` that concerns the caller: as its grantor, or as the owner of some of its items.
pub(super) fn granted_to(cx: &Context<'_>, db: &Records, login: &str) -> Ruled<Reply> {
    let caller = cx.caller()?;
    regrant_protocol::encoding::check_login(login)?;
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
        for item in items {
            if owns(db, caller, item)? {
                owned.push(item);
            }
        }
        if is_delegator(db, caller.login(), &exchange)? || !owned.is_empty() {
            grants.push((exchange, record, owned));
        }
    }
    Ok(Reply::GrantsTo { grants })
}

fn last_id(key: &str) -> Option<Uuid> {
    key.rsplit('/').next().and_then(|id| Uuid::parse_str(id).ok())
}
