//! Items and grants: who holds what.
//!
//! A grant is found under each of its items by the one it is for, and under both sides of its exchange key.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::account::{
    account, closed_at, concerns, first_life, is_delegator, life, need_parties, parties, require_newest,
};
use super::graph::{self, sharing_above, within_reach};
use super::log::{self, Entry, exchange_key, grant_key, limit};
use super::uploads::kept_key;
use super::{Batch, Context, Records, Ruled, Stop, Ticket, conflict, exchanges, forbidden, revocations, segment};
use regrant_protocol::error::{Code, Error};
use regrant_protocol::operations::{ExchangeRecord, GrantRecord, ReachedThrough, Reply};
use regrant_protocol::wire::exchange::Exchange;
use regrant_protocol::wire::grant::{Grant, GrantEntry};
use regrant_protocol::wire::revocation::Revocation;

/// The most items, and the most other grants, that one operation names.
const MAX_NAMED: usize = 65_536;
/// The most grants in one operation.
pub(super) const MAX_GRANTS: usize = 256;
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

/// Under what the grants of an item are found, by the one each is for.
fn readers_index(item: Uuid) -> String {
    format!("readers/{item}/")
}

/// The same, by the one who gave it to somebody else.
fn givers_index(item: Uuid) -> String {
    format!("givers/{item}/")
}

/// Under what the grants to a login are found, and those that it gave.
fn got(login: &str) -> String {
    format!("got/{}/", segment(login))
}

fn given(login: &str) -> String {
    format!("given/{}/", segment(login))
}

/// The names under which a grant is found. What was cut from it is not.
pub(super) fn index_names(record: &GrantRecord, exchange: &Exchange) -> Vec<String> {
    let id = record.grant.id;
    let delegate = segment(&exchange.delegate);
    let items: BTreeSet<Uuid> = record.grant.entries.iter().map(|e| e.0).filter(|i| !record.cuts.contains(i)).collect();
    let mut names =
        vec![format!("{}{id}", got(&exchange.delegate)), format!("{}{delegate}/{id}", given(&exchange.delegator))];
    names.extend(items.iter().map(|item| format!("{}{delegate}/{id}", readers_index(*item))));
    if exchange.delegator != exchange.delegate {
        let delegator = segment(&exchange.delegator);
        names.extend(items.iter().map(|item| format!("{}{delegator}/{id}", givers_index(*item))));
    }
    names
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
    limit(create.len(), MAX_NAMED, "items")?;
    limit(grants.len(), MAX_GRANTS, "grants")?;
    limit(basis.len(), MAX_NAMED, "grants")?;
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
        write_grant(db, batch, exchange, 0, &GrantRecord { grant: grant.clone(), cuts: Vec::new() }, false)?;
    }
    Ok(Reply::Done)
}

pub(super) fn write_grant(
    db: &Records,
    batch: &mut Batch,
    exchange: &Exchange,
    rev: u64,
    record: &GrantRecord,
    again: bool,
) -> Ruled<()> {
    let id = record.grant.id;
    if rev != 0 {
        log::forget_grants(db, batch, [id])?;
    }
    for login in [&exchange.delegator, &exchange.delegate] {
        log::append(batch, login, &if again { Entry::Again(id) } else { Entry::Grant(id) })?;
    }
    batch.put_indexed(grant_key(record.grant.id), rev, record, index_names(record, exchange))?;
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
    limit(remove.len(), MAX_NAMED, "grants")?;
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
        write_grant(db, batch, &moved, *rev, &GrantRecord { grant: new.clone(), cuts: Vec::new() }, true)?;
    }
    log::forget_grants(db, batch, rewrite.iter().map(|g| g.id).chain(remove.iter().copied()))?;
    for id in remove {
        let Some((rev, old)) = grants.get(id) else { continue };
        let exchange = &exchange_of(db, &old.grant)?.exchange;
        if !is_delegator(db, caller.login(), exchange)? {
            return Err(forbidden("a grant is removed by its grantor").into());
        }
        batch.delete(grant_key(*id), *rev);
        for login in [&exchange.delegator, &exchange.delegate] {
            log::append(batch, login, &Entry::GrantRemoved(*id))?;
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
            let cut = cuts.entry(*id).or_insert_with(|| Cut::new(*rev, (**record).clone(), exchange.clone()));
            cut.items.insert(*item);
        }
    }
    revocations::keep(db, batch, revocation, &ended)?;
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    for login in told {
        log::append(batch, login, &Entry::Revoked(Box::new(revocation.clone())))?;
    }
    Ok(())
}

/// Who made an item that is there; also somebody who was removed since.
fn owner_of(db: &Records, item: Uuid) -> Ruled<Option<Item>> {
    Ok(db.get::<Item>(&item_key(item))?.filter(|(_, i)| !i.deleted).map(|(_, i)| i))
}

/// Whether an item is there.
pub(super) fn is_there(db: &Records, item: Uuid) -> Ruled<bool> {
    Ok(owner_of(db, item)?.is_some())
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
    let given = granted(db, &got(login))?;
    need_parties(db, given.iter().map(|(exchange, _, _)| &exchange.exchange))?;
    log::forget_grants(db, batch, given.iter().map(|(_, _, record)| record.grant.id))?;
    for (exchange, rev, record) in given {
        batch.delete(grant_key(record.grant.id), rev);
        if is_delegator(db, &exchange.exchange.delegator, &exchange.exchange)? {
            told.entry(exchange.exchange.delegator.clone()).or_default().push(record.grant.id);
        }
    }
    for (rev, record) in exchanges::of_login(db, login)? {
        if record.exchange.delegate == login {
            batch.delete(exchange_key(record.exchange.id), rev);
        }
    }
    told.remove(login);
    for (delegator, grants) in told {
        log::append(batch, &delegator, &Entry::Replaced(grants))?;
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

/// Items that are cut from a grant.
pub(super) struct Cut {
    rev: u64,
    record: GrantRecord,
    exchange: Exchange,
    pub(super) items: BTreeSet<Uuid>,
}

impl Cut {
    pub(super) fn new(rev: u64, record: GrantRecord, exchange: Exchange) -> Self {
        Self { rev, record, exchange, items: BTreeSet::new() }
    }

    pub(super) fn write(mut self, batch: &mut Batch) -> Ruled<()> {
        let fresh: Vec<Uuid> = self.items.iter().filter(|i| !self.record.cuts.contains(i)).copied().collect();
        self.record.cuts.extend(fresh);
        let names = index_names(&self.record, &self.exchange);
        batch.put_indexed(grant_key(self.record.grant.id), self.rev, &self.record, names)?;
        Ok(())
    }
}

/// A grant with its revision and the exchange key that it is under.
pub(super) type Granted = (Rc<ExchangeRecord>, u64, Rc<GrantRecord>);

/// The grants under an index.
fn granted(db: &Records, index: &str) -> Ruled<Vec<Granted>> {
    let found = db.indexed::<GrantRecord>(index)?;
    let keys: Vec<String> = found.iter().map(|(_, _, record)| exchange_key(record.grant.exchange)).collect();
    db.need(&keys)?;
    let mut out = Vec::with_capacity(found.len());
    for (_, rev, record) in found {
        out.push((exchange_of(db, &record.grant)?, rev, record));
    }
    Ok(out)
}

/// An item's owner, and every current grant that names it, with its revision.
#[allow(clippy::type_complexity, reason = "a list of three things that belong together")]
pub(super) fn readers_of(db: &Records, item: Uuid, now: u64) -> Ruled<(String, Vec<(Exchange, u64, GrantRecord)>)> {
    let owner = owner_of(db, item)?.ok_or_else(no_such_item)?.owner;
    let mut all = granted(db, &readers_index(item))?;
    // A storage may be behind with its index, or an operator may have written records without.
    all.retain(|(_, _, record)| {
        let lists = record.grant.entries.iter().any(|e| e.0 == item) && !record.cuts.contains(&item);
        lists && record.grant.is_current(now)
    });
    Ok((owner, all.into_iter().map(|(e, rev, record)| (e.exchange.clone(), rev, (*record).clone())).collect()))
}

/// The most items in one question.
const MAX_ITEMS: usize = 256;
/// The most bytes of grants in one answer, unless one is longer.
const MAX_BYTES: usize = 1 << 20;
/// So many items' grants are read at once.
const TOGETHER: usize = 32;
/// How many names one reading looks at.
const NAMES: usize = 256;
/// So many items are tried of those that the caller may reach through others.
const REACHED: usize = 4;
/// Of what the caller gave, so many grants of one item: whoever lost keys gets access back under one exchange key.
const GIVEN: usize = 16;

/// The grants of some items that concern the caller, and of those that nothing is of: by whom the caller reaches them.
pub(super) fn of_items(
    cx: &Context<'_>,
    db: &Records,
    items: &[Uuid],
    to: &[String],
    after: Option<&str>,
) -> Ruled<Reply> {
    limit(items.len(), MAX_ITEMS, "items")?;
    limit(to.len(), MAX_ITEMS, "logins")?;
    limit(after.map_or(0, str::len), 2048, "bytes of a cursor")?;
    let caller = cx.caller()?;
    let found = direct(cx, db, caller, items, to, after)?;
    let reached = if found.more.is_none() && found.closed.is_none() { &found.nothing_of[..] } else { &[] };
    let through = through(cx, db, reached)?;
    let head = log::head(db, caller.login())?;
    let head = found.closed.map_or(head, |end| head.min(end));
    let exchanges = found.exchanges.into_values().collect();
    Ok(Reply::Grants { grants: found.grants, exchanges, head, more: found.more, through })
}

/// The nearest identity by which the caller reaches the first of some items that it reaches at all, and what that one holds
/// of all of them, as far as it fits.
fn through(cx: &Context<'_>, db: &Records, items: &[Uuid]) -> Ruled<Option<Box<ReachedThrough>>> {
    for item in items.iter().take(REACHED) {
        let hops = match graph::way_to_item(cx, db, *item) {
            // The caller can act for too many to look for a way: what it holds itself is told all the same.
            Err(Stop::Refuse(_)) | Ok(None) => continue,
            Ok(Some(hops)) => hops,
            Err(stop) => return Err(stop),
        };
        let newest = hops.last().and_then(|end| end.keysets.last()).ok_or_else(no_such_item)?;
        let acting = Ticket::of(&newest.keyset.login, newest.keyset.fingerprint());
        let head = log::head(db, acting.login())?;
        let found = direct(cx, db, &acting, items, &[], None)?;
        let exchanges = found.exchanges.into_values().collect();
        return Ok(Some(Box::new(ReachedThrough { hops, grants: found.grants, exchanges, head })));
    }
    Ok(None)
}

/// The grants of some items that concern a login.
fn direct(
    cx: &Context<'_>,
    db: &Records,
    caller: &Ticket,
    items: &[Uuid],
    to: &[String],
    after: Option<&str>,
) -> Ruled<Found> {
    let login = segment(caller.login());
    let closed = closed_at(db, caller)?;
    let mine = |item: Uuid| format!("{}{login}/", readers_index(item));
    let given = |item: Uuid| format!("{}{login}/", givers_index(item));
    let to: Vec<String> = to.iter().map(|login| segment(login)).collect();
    let asked = |item: &Uuid| -> Vec<String> {
        std::iter::once(mine(*item)).chain(to.iter().map(|to| format!("{}{to}/", readers_index(*item)))).collect()
    };
    let prefixes: Vec<String> = items.iter().flat_map(asked).collect();
    db.need_lists(prefixes.iter().map(|prefix| Records::ask_names(prefix, prefix, NAMES)).collect())?;
    let mut found = Found { closed, ..Found::default() };
    for (at, item) in items.iter().enumerate() {
        if at % TOGETHER == 0 {
            need_grants(db, &items[at..items.len().min(at + TOGETHER)], asked)?;
        }
        let prefixes = asked(item);
        let mut from = after.filter(|_| at == 0);
        let (mut readable, before) = (false, found.seen);
        for prefix in prefixes {
            let mut last = match from {
                // In order: what is before was told.
                Some(name) if !name.starts_with(&prefix) => continue,
                Some(name) => name.to_owned(),
                None => prefix.clone(),
            };
            from = None;
            loop {
                let rows = db.names(&prefix, &last, NAMES)?;
                let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
                db.need(&keys)?;
                for row in rows {
                    if found.bytes > MAX_BYTES {
                        found.more = Some((at, last));
                        return Ok(found);
                    }
                    readable |= found.add(cx, db, caller, &row.key, |exchange| {
                        exchange.delegate == caller.login() || exchange.delegator == caller.login()
                    })?;
                    last.clone_from(&row.name);
                }
                if rows.len() < NAMES {
                    break;
                }
            }
        }
        if !readable {
            let prefix = given(*item);
            let keys: Vec<String> = db.names(&prefix, &prefix, GIVEN)?.iter().map(|row| row.key.clone()).collect();
            db.need(&keys)?;
            for key in keys {
                found.add(cx, db, caller, &key, |exchange| exchange.delegator == caller.login())?;
            }
        }
        if found.seen == before {
            found.nothing_of.push(*item);
        }
    }
    Ok(found)
}

/// Has the first grants of some items read, and the exchange keys that they are under, so that a rule does not stop for each.
fn need_grants(db: &Records, items: &[Uuid], asked: impl Fn(&Uuid) -> Vec<String>) -> Ruled<()> {
    let mut keys = Vec::new();
    for prefix in items.iter().flat_map(asked) {
        keys.extend(db.names(&prefix, &prefix, NAMES)?.iter().map(|row| row.key.clone()));
    }
    db.need(&keys)?;
    let mut exchanges = Vec::new();
    for key in keys {
        exchanges.extend(db.view::<GrantRecord>(&key)?.map(|(_, record)| exchange_key(record.grant.exchange)));
    }
    db.need(&exchanges)
}

/// What was found for an answer.
#[derive(Default)]
struct Found {
    /// Where the caller's keys were closed.
    closed: Option<u64>,
    bytes: usize,
    ids: BTreeSet<Uuid>,
    grants: Vec<GrantRecord>,
    exchanges: BTreeMap<Uuid, ExchangeRecord>,
    /// How many times something was found.
    seen: usize,
    /// Items of which nothing was.
    nothing_of: Vec<Uuid>,
    /// Where the rest begins.
    more: Option<(usize, String)>,
}

impl Found {
    /// Adds a grant, if it is current and its exchange key one of these. Whether the keys that logged in open it.
    fn add(
        &mut self,
        cx: &Context<'_>,
        db: &Records,
        caller: &Ticket,
        key: &str,
        counts: impl Fn(&Exchange) -> bool,
    ) -> Ruled<bool> {
        let Some((rev, record)) = db.view::<GrantRecord>(key)? else { return Ok(false) };
        if !record.grant.is_current(cx.now) || self.closed.is_some_and(|end| rev > end) {
            return Ok(false);
        }
        let exchange = exchange_of(db, &record.grant)?;
        if !counts(&exchange.exchange) || !concerns(db, caller.login(), &exchange.exchange)? {
            return Ok(false);
        }
        self.seen += 1;
        let opens = exchange.wraps.iter().any(|wrap| wrap.recipient == *caller.fingerprint());
        if self.ids.insert(record.grant.id) {
            self.bytes += db.raw(key)?.map_or(0, |stored| stored.value.len());
            self.exchanges.entry(exchange.exchange.id).or_insert_with(|| (*exchange).clone());
            self.grants.push((*record).clone());
        }
        Ok(opens && exchange.exchange.delegate == caller.login())
    }
}

/// The items of which a login holds some version by a grant to itself.
pub(super) fn items_of(db: &Records, login: &str, now: u64) -> Ruled<BTreeSet<Uuid>> {
    let mut items = BTreeSet::new();
    for (_, _, record) in db.indexed::<GrantRecord>(&got(login))? {
        if record.grant.is_current(now) {
            items.extend(record.grant.entries.iter().map(|e| e.0).filter(|i| !record.cuts.contains(i)));
        }
    }
    Ok(items)
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
    for (exchange, _, record) in granted(db, &got(login))? {
        let exchange = exchange.exchange.clone();
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
            grants.push((exchange, (*record).clone(), owned));
        }
    }
    Ok(Reply::GrantsTo { grants })
}
