//! The sharing graph as the relay sees it: who holds a slot on whom, ways through it, and who may look.
//!
//! An edge is a record under its sharer, so that ways are found by reading on from where one stands. Edges only say
//! where to look: what opens anything is in the slots, and what is believed of them is in signed manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::account::{Account, Holders, account, account_of, key as identity_key, listed_as};
use super::grants::{self, readers_of};
use super::log;
use super::records::read;
use super::{Ask, Batch, Context, Records, Ruled, exchanges, forbidden, segment};
use regrant_protocol::encoding::check_login;
use regrant_protocol::error::{Code, Error, Result};
use regrant_protocol::operations::{Hop, Link, OwnKeyset, Reply, Sharing, Target};
use regrant_protocol::wire::slot::SlotKind;
use regrant_protocol::wire::to_json;

/// How many edges of one identity one reading looks at, of all that there are.
const EDGES: usize = 4096;
/// The most identities that are looked at on the way to one.
const MAX_VISITED: usize = 16_384;
/// The most identities that a way is not to lead over.
const MAX_WITHOUT: usize = 1024;
/// The record of who administers, that is, may begin keys anew for others.
pub const ADMINISTRATOR: &str = "role/administrator";

/// Who administers: whoever came first, or those whom the operator named.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Administrators {
    One(String),
    Many(Vec<String>),
}

impl Administrators {
    fn has(&self, login: &str) -> bool {
        match self {
            Self::One(one) => one == login,
            Self::Many(many) => many.iter().any(|one| one == login),
        }
    }
}

/// What [`ADMINISTRATOR`] says once an operator named another, given what it said before. Errors: [`Code::BadInput`] if it
/// is no login, [`Code::StoreUnreadable`].
pub fn with_administrator(record: Option<&str>, login: &str) -> Result<String> {
    check_login(login)?;
    let mut all = match record.map(read::<Administrators>).transpose()? {
        None => Vec::new(),
        Some(Administrators::One(one)) => vec![one],
        Some(Administrators::Many(many)) => many,
    };
    if !all.iter().any(|one| one == login) {
        all.push(login.to_owned());
    }
    to_json(&Administrators::Many(all))
}

fn edges_of(holder: &str) -> String {
    format!("edge/{}/", segment(holder))
}

fn edge_key(holder: &str, owner: &str) -> String {
    format!("{}{}", edges_of(holder), segment(owner))
}

/// Writes the edges that are new, and takes away those that are gone. An edge is for the keys that are listed: another
/// holder of the same login has none, also where the list names keys of the one before.
pub(super) fn write_edges(
    db: &Records,
    batch: &mut Batch,
    owner: &str,
    before: &Holders,
    after: &Holders,
) -> Ruled<()> {
    let gone =
        before.iter().filter(|(holder, _)| listed_as(after, holder).is_none()).map(|(holder, _)| (holder, false));
    let listed: Vec<_> = after.iter().filter(|(holder, by)| listed_as(before, holder) != Some(by)).collect();
    let keys: Vec<String> = listed.iter().map(|(holder, _)| identity_key(holder)).collect();
    db.need(&keys)?;
    let mut new = Vec::with_capacity(listed.len());
    for (holder, by) in listed {
        let past = |account: &Rc<Account>| account.find(by).is_some() && account.place(by).is_none();
        new.push((holder, !account(db, holder)?.is_some_and(|(_, account)| past(&account))));
    }
    let changed: Vec<(&String, bool)> = gone.chain(new).collect();
    let keys: Vec<String> = changed.iter().map(|(holder, _)| edge_key(holder, owner)).collect();
    db.need(&keys)?;
    for ((holder, there), key) in changed.into_iter().zip(keys) {
        let rev = db.raw(&key)?.map_or(0, |stored| stored.rev);
        match (there, rev) {
            (true, _) => batch.put(key, rev, &owner)?,
            (false, 0) => {}
            (false, _) => batch.delete(key, rev),
        }
        batch.touch(holder);
    }
    Ok(())
}

/// Takes the edges away that lead on from a login: whoever has it next acts for nobody yet.
pub(super) fn end_edges(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    super::delete_all(db, batch, &edges_of(login))
}

/// The first identity of a relay in the page administers it.
pub(super) fn begin_administration(cx: &Context<'_>, db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    if cx.first_administers && db.raw(ADMINISTRATOR)?.is_none() {
        batch.put(ADMINISTRATOR.to_owned(), 0, &login)?;
    }
    Ok(())
}

pub(super) fn require_administrator(db: &Records, login: &str) -> Ruled<()> {
    match db.view::<Administrators>(ADMINISTRATOR)? {
        Some((_, administrators)) if administrators.has(login) => Ok(()),
        _ => Err(forbidden("this is for the relay's administrator").into()),
    }
}

/// The administrator stays: there would be nobody to begin keys anew for others.
pub(super) fn require_not_administrator(db: &Records, login: &str) -> Ruled<()> {
    match db.view::<Administrators>(ADMINISTRATOR)? {
        Some((_, administrators)) if administrators.has(login) => {
            Err(forbidden("the relay's administrator cannot be removed").into())
        }
        _ => Ok(()),
    }
}

fn ask_edges(holder: &str) -> Ask {
    let prefix = edges_of(holder);
    Ask::List { after: prefix.clone(), prefix, limit: EDGES }
}

/// The identities that are shared with `holder` directly.
fn shared_with(db: &Records, holder: &str) -> Ruled<Vec<String>> {
    let prefix = edges_of(holder);
    let mut owners = Vec::new();
    let mut after = prefix.clone();
    loop {
        let rows = db.list::<String>(&prefix, &after, EDGES)?;
        let more = rows.len() == EDGES;
        after = rows.last().map_or(after, |(key, _)| key.clone());
        owners.extend(rows.into_iter().map(|(_, owner)| owner));
        if owners.len() > MAX_VISITED {
            return Err(too_many().into());
        }
        if !more {
            return Ok(owners);
        }
    }
}

/// Everything that can be acted for from `from`, nearest first, each with the one before it on the shortest way.
/// Ends early once `enough` says so of a login.
pub(super) fn within_reach(
    db: &Records,
    from: &str,
    enough: impl Fn(&str) -> bool,
) -> Ruled<(Vec<String>, BTreeMap<String, String>)> {
    within_reach_without(db, from, &BTreeSet::new(), enough)
}

/// The same, by ways that do not lead over some identities.
fn within_reach_without(
    db: &Records,
    from: &str,
    without: &BTreeSet<&str>,
    enough: impl Fn(&str) -> bool,
) -> Ruled<(Vec<String>, BTreeMap<String, String>)> {
    let mut order = vec![from.to_owned()];
    let mut before: BTreeMap<String, String> = BTreeMap::new();
    let mut frontier = vec![from.to_owned()];
    while !frontier.is_empty() && !frontier.iter().any(|login| enough(login)) {
        db.need_lists(frontier.iter().map(|login| ask_edges(login)).collect())?;
        let mut next = Vec::new();
        for holder in &frontier {
            for owner in shared_with(db, holder)? {
                if owner != from && !before.contains_key(&owner) && !without.contains(owner.as_str()) {
                    before.insert(owner.clone(), holder.clone());
                    next.push(owner);
                }
            }
        }
        if before.len() > MAX_VISITED {
            return Err(too_many().into());
        }
        order.extend(next.iter().cloned());
        frontier = next;
    }
    Ok((order, before))
}

/// Whether a way leads from one identity to another; to itself one always does.
pub(super) fn can_act_for(db: &Records, from: &str, to: &str) -> Ruled<bool> {
    if from == to {
        return Ok(true);
    }
    Ok(within_reach(db, from, |login| login == to)?.1.contains_key(to))
}

fn too_many() -> Error {
    Error::bad_input("this identity can act for too many others to look for a way")
}

fn no_way() -> Error {
    Error::new(Code::Forbidden, "no way leads to this identity: it is not shared with you")
}

pub(super) fn reach(cx: &Context<'_>, db: &Records, to: &Target, without: &[String]) -> Ruled<Reply> {
    log::limit(without.len(), MAX_WITHOUT, "identities to avoid")?;
    let without: BTreeSet<&str> = without.iter().map(String::as_str).collect();
    let (holders, otherwise): (BTreeSet<String>, Error) = match to {
        Target::Login(login) => {
            check_login(login)?;
            account_of(db, login)?;
            ([login.clone()].into(), no_way())
        }
        Target::Item(item) => (holders_of(cx, db, *item)?, grants::no_such_item()),
    };
    let hops = way(cx, db, &holders, &without)?.ok_or(otherwise)?;
    Ok(Reply::Way { hops })
}

/// The way to the nearest identity that holds an item, if there is one.
pub(super) fn way_to_item(cx: &Context<'_>, db: &Records, item: Uuid) -> Ruled<Option<Vec<Hop>>> {
    if !grants::is_there(db, item)? {
        return Ok(None);
    }
    way(cx, db, &holders_of(cx, db, item)?, &BTreeSet::new())
}

fn holders_of(cx: &Context<'_>, db: &Records, item: Uuid) -> Ruled<BTreeSet<String>> {
    let (_, all) = readers_of(db, item, cx.now)?;
    Ok(all.into_iter().map(|(exchange, _, _)| exchange.delegate).collect())
}

/// The shortest way to one of some identities. `None`: none leads there.
fn way(
    cx: &Context<'_>,
    db: &Records,
    holders: &BTreeSet<String>,
    without: &BTreeSet<&str>,
) -> Ruled<Option<Vec<Hop>>> {
    let caller = cx.caller()?.login();
    let arrived = |login: &str| login != caller && holders.contains(login);
    let (order, before) = within_reach_without(db, caller, without, arrived)?;
    let Some(end) = order.iter().find(|login| arrived(login)) else { return Ok(None) };
    let mut way = vec![end.clone()];
    while let Some(previous) = way.last().and_then(|login| before.get(login)).filter(|login| *login != caller) {
        way.push(previous.clone());
    }
    way.reverse();
    let keys: Vec<String> = way.iter().map(|login| identity_key(login)).collect();
    db.need(&keys)?;
    let mut hops = Vec::with_capacity(way.len());
    let mut holder = caller.to_owned();
    for login in way {
        let (_, account) = account_of(db, &login)?;
        hops.push(Hop { keysets: shown_to(&account, &holder), login: login.clone() });
        holder = login;
    }
    Ok(Some(hops))
}

/// An identity's keysets with the slots that `holder` may open, and those by which versions open each other.
fn shown_to(account: &Account, holder: &str) -> Vec<OwnKeyset> {
    let own = account.keysets.last().map(|m| m.own.keyset.login.as_str()).unwrap_or_default();
    let shown = |own_keyset: &OwnKeyset| OwnKeyset {
        slots: own_keyset
            .slots
            .iter()
            .filter(|s| {
                s.kind == SlotKind::Successor || s.holder.as_ref().is_some_and(|h| h.login == holder || h.login == own)
            })
            .cloned()
            .collect(),
        keyset: own_keyset.keyset.clone(),
        private: own_keyset.private.clone(),
        manifest: own_keyset.manifest.clone(),
    };
    account.keysets.iter().map(|m| shown(&m.own)).collect()
}

/// Whether the sharer's keys, in the version that holds a slot, are locked.
fn is_locked(db: &Records, holder: &regrant_protocol::wire::Party) -> Ruled<bool> {
    let Some((_, account)) = account(db, &holder.login)? else { return Ok(true) };
    Ok(!account.find(&holder.fingerprint).is_some_and(|index| account.opened_by_newest().contains(&index)))
}

/// How an identity is shared, by its newest keyset.
fn sharing_of(db: &Records, account: &Account) -> Ruled<Sharing> {
    let member = account.keysets.last().ok_or_else(no_way)?;
    let holders: Vec<_> = member.own.manifest.slots.iter().filter_map(|e| e.holder.clone()).collect();
    let keys: Vec<String> = holders.iter().map(|h| identity_key(&h.login)).collect();
    db.need(&keys)?;
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for holder in &holders {
        if !is_locked(db, holder)? {
            open.insert(&holder.login);
        }
    }
    let locked: BTreeSet<String> =
        holders.iter().map(|h| h.login.clone()).filter(|login| !open.contains(login.as_str())).collect();
    Ok(Sharing {
        keyset: member.own.keyset.clone(),
        manifest: member.own.manifest.clone(),
        locked: locked.into_iter().collect(),
    })
}

/// How some identities are shared, and those that they are shared with, and so on: all that can act for them.
pub(super) fn sharing_above(db: &Records, logins: impl IntoIterator<Item = String>) -> Ruled<Vec<Sharing>> {
    let mut out = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut level: BTreeSet<String> = logins.into_iter().collect();
    while !level.is_empty() {
        let keys: Vec<String> = level.iter().map(|login| identity_key(login)).collect();
        db.need(&keys)?;
        let mut next = BTreeSet::new();
        for login in &level {
            let Some((_, account)) = account(db, login)? else { continue };
            let sharing = sharing_of(db, &account)?;
            let above: BTreeSet<String> =
                sharing.manifest.slots.iter().filter_map(|e| e.holder.as_ref()).map(|h| h.login.clone()).collect();
            if !above.is_empty() {
                out.push(sharing);
                next.extend(above);
            }
        }
        seen.extend(level);
        if seen.len() > MAX_VISITED {
            return Err(Error::bad_input("too many identities can act for this one").into());
        }
        level = next.difference(&seen).cloned().collect();
    }
    Ok(out)
}

pub(super) fn sharing(cx: &Context<'_>, db: &Records, login: &str) -> Ruled<Reply> {
    let caller = cx.caller()?.login();
    check_login(login)?;
    let (_, account) = account_of(db, login)?;
    let (_, own) = account_of(db, caller)?;
    let may = caller == login
        || listed_as(&account.listed, caller).is_some_and(|keys| own.current(keys).is_some())
        || can_act_for(db, caller, login)?
        || reads_with(cx, db, caller, login)?;
    if !may {
        return Err(forbidden(
            "a sharing group is seen by those who can act for the identity, were listed, or read with it",
        )
        .into());
    }
    Ok(Reply::Sharing { sharing: Box::new(sharing_of(db, &account)?) })
}

/// Whether some item is readable both by `caller` and by `login`, directly or through groups.
fn reads_with(cx: &Context<'_>, db: &Records, caller: &str, login: &str) -> Ruled<bool> {
    let items = |who: &str| grants::items_of(db, who, cx.now);
    let theirs = items(login)?;
    if theirs.is_empty() {
        return Ok(false);
    }
    for who in within_reach(db, caller, |_| false)?.0 {
        if !items(&who)?.is_disjoint(&theirs) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn access(cx: &Context<'_>, db: &Records, login: &str) -> Ruled<Reply> {
    let caller = cx.caller()?.login();
    check_login(login)?;
    if !can_act_for(db, caller, login)? {
        return Err(no_way().into());
    }
    let owners = shared_with(db, login)?;
    let keys: Vec<String> = owners.iter().map(|owner| identity_key(owner)).collect();
    db.need(&keys)?;
    let mut links = Vec::with_capacity(owners.len());
    for owner in owners {
        let Some((_, account)) = account(db, &owner)? else { continue };
        let Some(newest) = account.keysets.last() else { continue };
        let held = newest.own.manifest.slots.iter().filter_map(|e| e.holder.as_ref()).filter(|h| h.login == login);
        let mut listed = held.peekable();
        // Shared with an earlier version only, which nothing leads to any more.
        if listed.peek().is_none() {
            links.push(Link { login: owner, locked: true });
            continue;
        }
        let mut locked = true;
        for holder in listed {
            locked &= is_locked(db, holder)?;
        }
        links.push(Link { login: owner, locked });
    }
    Ok(Reply::Access { links })
}

pub(super) fn between(cx: &Context<'_>, db: &Records, login: &str) -> Ruled<Reply> {
    let caller = cx.caller()?.login();
    check_login(login)?;
    let reachable: BTreeSet<String> = within_reach(db, caller, |_| false)?.0.into_iter().collect();
    let exchanges = exchanges::of_login(db, login)?
        .into_iter()
        .flat_map(|(_, record)| [record.exchange.delegator.clone(), record.exchange.delegate.clone()])
        .filter(|other| other != login && other != caller && reachable.contains(other))
        .collect::<BTreeSet<_>>();
    let groups = shared_with(db, login)?.into_iter().filter(|owner| owner != caller && reachable.contains(owner));
    Ok(Reply::Between { exchanges: exchanges.into_iter().collect(), groups: groups.collect() })
}

/// Of so many exchange keys one answer names the other ones.
const CONTACTS: usize = 256;

/// Everybody with whom an exchange key of the caller's earlier keys is shared; with the first of them, everybody who shares
/// a group with the caller, or could act for the caller and so can give those keys back.
pub(super) fn contacts(cx: &Context<'_>, db: &Records, after: Option<&str>) -> Ruled<Reply> {
    let caller = cx.caller()?;
    log::limit(after.map_or(0, str::len), 2048, "bytes of a cursor")?;
    let (mut logins, more) = exchanges::of_earlier_keys(db, caller, after, CONTACTS)?;
    if after.is_none() {
        let groups = shared_with(db, caller.login())?;
        let keys: Vec<String> = groups.iter().map(|owner| identity_key(owner)).collect();
        db.need(&keys)?;
        for owner in groups {
            let newest = account(db, &owner)?.and_then(|(_, account)| account.keysets.last().cloned());
            let slots = newest.into_iter().flat_map(|member| member.own.manifest.slots);
            logins.extend(slots.filter_map(|entry| entry.holder).map(|holder| holder.login));
        }
        let (_, own) = account_of(db, caller.login())?;
        logins.extend(own.holders().into_iter().map(|(login, _)| login));
    }
    logins.remove(caller.login());
    let keys: Vec<String> = logins.iter().map(|login| identity_key(login)).collect();
    db.need(&keys)?;
    let mut contacts = Vec::with_capacity(logins.len());
    for login in &logins {
        let found = account(db, login)?;
        contacts.extend(found.map(|(_, a)| a.keysets.iter().map(|member| member.own.keyset.clone()).collect()));
    }
    Ok(Reply::Contacts { contacts, more })
}
