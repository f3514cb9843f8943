//! What the relay keeps of one identity, and who counts as whom: who has a login now, and whose keys are the newest.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::{Batch, MAX_STORED, Records, Ruled, Ticket, forbidden, graph, log, segment};
use regrant_protocol::encoding::Hash;
use regrant_protocol::error::{Code, Error, Result};
use regrant_protocol::operations::{LoginSecret, OwnKeyset, Relied};
use regrant_protocol::wire::exchange::Exchange;
use regrant_protocol::wire::keyset::Keyset;
use regrant_protocol::wire::slot::SlotKind;
use regrant_protocol::wire::{MAX_VERSIONS, Party};

/// What the relay keeps of one identity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Account {
    /// From version 1.
    pub(super) keysets: Vec<Member>,
    /// Versions up to the first number read no further than the second, a place in the log, and write nothing: somebody
    /// who holds their keys was excluded then. In the order in which that happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) closings: Vec<(u64, u64)>,
    /// Versions up to this one may be known to somebody who stole them; 0 if none.
    #[serde(default, skip_serializing_if = "is_none_stolen")]
    pub(super) stolen: u64,
    /// Versions whose chain signature came later than they.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) repaired: Vec<u64>,
    /// Whether it was removed: its public keys stay, so that what it signed can be read, and nobody takes its place unseen.
    #[serde(default)]
    pub(super) removed: bool,
    /// The first version of whoever has the login now. Those before were somebody's who was removed: what they had is
    /// not passed on.
    #[serde(default = "first_life")]
    pub(super) life: u64,
    /// Everybody whom some version was ever shared with, each by the keys that were listed last: they may see the sharing
    /// group, also after a loss.
    #[serde(default)]
    pub(super) listed: Holders,
    /// What was found out of a record that is shared and so stays as it is.
    #[serde(skip)]
    found: Found,
}

/// The keysets' fingerprints, and which of them continue the one before. A copy, which may be changed, begins without.
#[derive(Debug, Default)]
struct Found {
    fingerprints: OnceCell<Vec<Hash>>,
    chained: OnceCell<Vec<bool>>,
}

impl Clone for Found {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Logins in order, each once, with a fingerprint.
pub(super) type Holders = Vec<(String, Hash)>;

/// The fingerprint that a login is listed with.
pub(super) fn listed_as<'a>(holders: &'a Holders, login: &str) -> Option<&'a Hash> {
    let at = holders.binary_search_by(|(holder, _)| holder.as_str().cmp(login)).ok()?;
    Some(&holders[at].1)
}

fn list(holders: &mut Holders, login: &str, keys: Hash) {
    match holders.binary_search_by(|(holder, _)| holder.as_str().cmp(login)) {
        Ok(at) => holders[at].1 = keys,
        Err(at) => holders.insert(at, (login.to_owned(), keys)),
    }
}

fn is_none_stolen(upto: &u64) -> bool {
    *upto == 0
}

pub(super) const fn first_life() -> u64 {
    1
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Member {
    #[serde(flatten)]
    pub(super) own: OwnKeyset,
    pub(super) secrets: Vec<LoginSecret>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            keysets: Vec::new(),
            closings: Vec::new(),
            stolen: 0,
            repaired: Vec::new(),
            removed: false,
            life: first_life(),
            listed: Holders::new(),
            found: Found::default(),
        }
    }
}

impl Account {
    /// The keyset with a fingerprint, of whoever has the login now.
    pub(super) fn current(&self, fingerprint: &Hash) -> Option<usize> {
        self.find(fingerprint).filter(|index| self.keysets[*index].own.keyset.version >= self.life)
    }

    /// The keyset with a fingerprint, also of somebody who had the login before.
    pub(super) fn find(&self, fingerprint: &Hash) -> Option<usize> {
        self.keysets.iter().position(|m| m.own.keyset.fingerprint() == *fingerprint)
    }

    /// The newest keyset.
    pub(super) fn newest(&self) -> Result<&Keyset> {
        let last = self.keysets.last().map(|m| &m.own.keyset);
        last.ok_or_else(|| Error::new(Code::StoreUnreadable, "a record of the relay cannot be read"))
    }

    /// Everybody whom some version is shared with, each with the keys that are listed last.
    pub(super) fn holders(&self) -> Holders {
        let entries = self.keysets.iter().flat_map(|m| &m.own.manifest.slots);
        let own = self.keysets.last().map(|m| m.own.keyset.login.as_str());
        let holders = entries.filter_map(|e| e.holder.as_ref()).filter(|h| Some(h.login.as_str()) != own);
        let mut all = Holders::new();
        holders.for_each(|h| list(&mut all, &h.login, h.fingerprint));
        all
    }

    /// How far in its log a version reads, if somebody who holds its keys was excluded.
    pub(super) fn closed_at(&self, index: usize) -> Option<u64> {
        let version = self.keysets.get(index)?.own.keyset.version;
        self.closings.iter().find(|(upto, _)| version <= *upto).map(|(_, end)| *end)
    }

    /// The versions that whoever holds the newest can open, by their indices.
    pub(super) fn opened_by_newest(&self) -> BTreeSet<usize> {
        let mut open: BTreeSet<usize> = self.keysets.len().checked_sub(1).into_iter().collect();
        for index in (0..self.keysets.len()).rev() {
            let slots = &self.keysets[index].own.manifest.slots;
            let by_next = open.contains(&(index + 1)) && slots.iter().any(|e| e.kind == SlotKind::Successor);
            let by_own = |holder: &Party| self.find(&holder.fingerprint).is_some_and(|i| open.contains(&i));
            let login = &self.keysets[index].own.keyset.login;
            if by_next || slots.iter().filter_map(|e| e.holder.as_ref()).any(|h| h.login == *login && by_own(h)) {
                open.insert(index);
            }
        }
        open
    }

    /// [`Account::current`] in a record that is shared, where it is looked for in every operation.
    pub(super) fn place(self: &Rc<Self>, fingerprint: &Hash) -> Option<usize> {
        let all =
            self.found.fingerprints.get_or_init(|| self.keysets.iter().map(|m| m.own.keyset.fingerprint()).collect());
        let index = all.iter().position(|one| one == fingerprint);
        index.filter(|index| self.keysets[*index].own.keyset.version >= self.life)
    }

    /// Whether every version after `index` continues the one before it.
    fn chained_from(self: &Rc<Self>, index: usize) -> bool {
        let all = self.found.chained.get_or_init(|| self.keysets.windows(2).map(|w| self.joins(w)).collect());
        all[index..].iter().all(|chained| *chained)
    }

    /// Whether every version after `from`, up to `to`, was made by whoever held the one before it. A chain that was
    /// repaired later shows others that keys belong together, and gives the older ones no rights: they may be stolen.
    pub(super) fn is_chained(&self, from: usize, to: usize) -> bool {
        self.keysets[from..=to].windows(2).all(|w| self.joins(w))
    }

    /// Whether the second of two versions came with a signature by the first.
    fn joins(&self, two: &[Member]) -> bool {
        let next = &two[1].own.keyset;
        !self.repaired.contains(&next.version) && matches!(next.continues(&two[0].own.keyset), Ok(true))
    }
}

/// Where an identity is kept.
pub fn key(login: &str) -> String {
    format!("identity/{}", segment(login))
}

/// An identity that is there, and was not removed.
pub(super) fn account(db: &Records, login: &str) -> Ruled<Option<(u64, Rc<Account>)>> {
    Ok(account_or_tombstone(db, login)?.filter(|(_, account)| !account.removed))
}

pub(super) fn account_or_tombstone(db: &Records, login: &str) -> Ruled<Option<(u64, Rc<Account>)>> {
    db.view(&key(login))
}

fn not_found(login: &str) -> Error {
    Error::about(Code::IdentityNotFound, "no such identity", vec![login.to_owned()])
}

pub(super) fn account_of(db: &Records, login: &str) -> Ruled<(u64, Rc<Account>)> {
    account(db, login)?.ok_or_else(|| not_found(login).into())
}

/// Writes an identity, and the edges of the sharing graph that it stands for.
pub(super) fn write(
    db: &Records,
    batch: &mut Batch,
    rev: u64,
    before: Option<&Account>,
    mut after: Account,
    room: Room,
) -> Ruled<()> {
    let login = after.newest()?.login.clone();
    tell_of_list(db, batch, before, &after)?;
    let holders = after.holders();
    graph::write_edges(db, batch, &login, &before.map(Account::holders).unwrap_or_default(), &holders)?;
    holders.into_iter().for_each(|(holder, keys)| list(&mut after.listed, &holder, keys));
    let text = batch.put_indexed(key(&login), rev, &after, Vec::new())?;
    if text.len() > room.bytes() {
        return Err(Error::bad_input("these keys and their slots are too long together").into());
    }
    match before {
        Some(before) if !before.removed => log::append(batch, &login, &log::Entry::Changed)?,
        // Whoever registers has nobody to tell.
        _ => batch.touch(&login),
    }
    Ok(())
}

/// Tells whoever is on the newest list and was not, or was and is not.
fn tell_of_list(db: &Records, batch: &mut Batch, before: Option<&Account>, after: &Account) -> Ruled<()> {
    let listed = |account: &Account| -> BTreeSet<String> {
        let slots = account.keysets.last().map_or(&[][..], |member| &member.own.manifest.slots);
        slots.iter().filter_map(|entry| entry.holder.as_ref()).map(|holder| holder.login.clone()).collect()
    };
    let (before, after) = (before.map(listed).unwrap_or_default(), listed(after));
    let changed: Vec<&String> = before.symmetric_difference(&after).collect();
    let keys: Vec<String> = changed.iter().map(|login| key(login)).collect();
    db.need(&keys)?;
    for login in changed {
        if account(db, login)?.is_some() {
            log::append(batch, login, &log::Entry::Changed)?;
        }
    }
    Ok(())
}

/// How far an identity's record may grow. Whoever holds its keys can fill it: what is beyond the ordinary is kept for
/// changes that exclude somebody, which make the list shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Ordinary,
    Excluding,
}

/// What is kept for excluding, of the bytes of a record and of the versions.
const RESERVED: (usize, usize) = (4 << 20, 64);

impl Room {
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Ordinary => MAX_STORED - RESERVED.0,
            Self::Excluding => MAX_STORED,
        }
    }

    /// The most versions.
    pub(super) const fn versions(self) -> usize {
        match self {
            Self::Ordinary => MAX_VERSIONS - RESERVED.1,
            Self::Excluding => MAX_VERSIONS,
        }
    }
}

/// How far the caller's key reads in its log, if it was closed because somebody who holds it was excluded.
/// Refuses tickets of keys that are gone.
pub(super) fn closed_at(db: &Records, ticket: &Ticket) -> Ruled<Option<u64>> {
    let gone = || Error::new(Code::Unauthenticated, "this key is gone");
    let (_, account) = account(db, ticket.login())?.ok_or_else(gone)?;
    Ok(account.closed_at(account.place(ticket.fingerprint()).ok_or_else(gone)?))
}

/// Whether the caller's key may be one that somebody stole.
pub(super) fn may_be_stolen(db: &Records, ticket: &Ticket) -> Ruled<bool> {
    let Some((_, account)) = account(db, ticket.login())? else { return Ok(true) };
    let version = account.place(ticket.fingerprint()).map(|at| account.keysets[at].own.keyset.version);
    Ok(version.is_none_or(|version| version <= account.stolen))
}

/// Whether an exchange key was made by whoever has a login now: not by somebody who had it before.
pub(super) fn is_delegator(db: &Records, login: &str, exchange: &Exchange) -> Ruled<bool> {
    if exchange.delegator != login {
        return Ok(false);
    }
    Ok(account(db, login)?.is_some_and(|(_, account)| account.place(&exchange.delegator_fingerprint).is_some()))
}

/// Whether an exchange key is for whoever has a login now, or by them. Those for somebody who had it before are gone.
pub(super) fn concerns(db: &Records, login: &str, exchange: &Exchange) -> Ruled<bool> {
    Ok(exchange.delegate == login || is_delegator(db, login, exchange)?)
}

/// What must be loaded before [`parties`] can be asked of these exchange keys.
pub(super) fn need_parties<'a>(db: &Records, exchanges: impl IntoIterator<Item = &'a Exchange>) -> Ruled<()> {
    let keys: BTreeSet<String> =
        exchanges.into_iter().flat_map(|e| [&e.delegator, &e.delegate]).map(|login| key(login)).collect();
    db.need(&keys)
}

/// Those of an exchange key's two who are there. What a removed delegator gave goes on, and is no matter of whoever has
/// that login next.
pub(super) fn parties<'a>(db: &Records, exchange: &'a Exchange) -> Ruled<Vec<&'a str>> {
    let mut there = Vec::new();
    if is_delegator(db, &exchange.delegator, exchange)? {
        there.push(exchange.delegator.as_str());
    }
    if exchange.delegate != exchange.delegator && account(db, &exchange.delegate)?.is_some() {
        there.push(&exchange.delegate);
    }
    Ok(there)
}

/// Since which version whoever has a login now has it; 0 if nobody does.
pub(super) fn life(db: &Records, login: &str) -> Ruled<u64> {
    Ok(account(db, login)?.map_or(0, |(_, account)| account.life))
}

/// Refuses what was decided by keys that are not the newest.
pub(super) fn require_relied(db: &Records, relied: &[Relied]) -> Ruled<()> {
    log::limit(relied.len(), 4096, "keys that were relied on")?;
    let keys: Vec<String> = relied.iter().map(|one| key(&one.login)).collect();
    db.need(&keys)?;
    for Relied { login, fingerprint } in relied {
        let newest = account(db, login)?.map(|(_, account)| account.newest().map(Keyset::fingerprint)).transpose()?;
        if newest != Some(*fingerprint) {
            let message = "keys that this was decided by were changed meanwhile";
            return Err(Error::about(Code::Conflict, message, vec![login.clone()]).into());
        }
    }
    Ok(())
}

/// A closed key may do nothing but read what was there.
pub(super) fn closed() -> Error {
    let message = "these keys were renewed to exclude somebody: unlock() with the secret opens the newest";
    Error::new(Code::Locked, message)
}

/// The same of a key that somebody stole.
pub(super) fn stolen() -> Error {
    forbidden("these keys were renewed because somebody else may have them: they read what was there, and nothing else")
}

/// Whether the caller's keyset is the newest, or chained to it. Others may only give access to the newest.
pub(super) fn is_newest(db: &Records, ticket: &Ticket) -> Ruled<bool> {
    let (_, account) = account_of(db, ticket.login())?;
    Ok(account.place(ticket.fingerprint()).is_some_and(|i| account.chained_from(i) && account.closed_at(i).is_none()))
}

/// Refuses callers whose keyset was replaced after a loss.
pub(super) fn require_newest(db: &Records, ticket: &Ticket) -> Ruled<()> {
    if is_newest(db, ticket)? {
        return Ok(());
    }
    Err(forbidden("this key was replaced by a newer one: it can read, and give access back, and nothing else").into())
}
