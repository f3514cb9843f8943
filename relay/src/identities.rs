//! Identities: registering, keysets and slots.

use std::collections::BTreeSet;

use super::account::{
    Account, Holders, Member, Room, account, account_of, account_or_tombstone, first_life, is_newest, key, listed_as,
    require_newest, write,
};
use super::log::{self, limit};
use super::{Batch, Context, Records, Ruled, Ticket, conflict, forbidden, graph, heads, profiles, tokens};
use regrant_protocol::encoding::{Signature, check_login};
use regrant_protocol::error::{Code, Error, Result};
use regrant_protocol::operations::{LoginSecret, OwnKeyset, Renewal, Reply, SlotChange};
use regrant_protocol::wire;
use regrant_protocol::wire::keyset::Keyset;
use regrant_protocol::wire::slot::SlotKind;
use regrant_protocol::wire::statement::Statement;

pub(super) fn read(db: &Records, logins: &[String], removed: bool) -> Ruled<Reply> {
    limit(logins.len(), 1024, "logins")?;
    for login in logins {
        check_login(login)?;
    }
    let keys: Vec<String> = logins.iter().map(|l| key(l)).collect();
    db.need(&keys)?;
    let mut identities = Vec::with_capacity(logins.len());
    for login in logins {
        let found = account_or_tombstone(db, login)?.filter(|(_, a)| removed || !a.removed);
        identities.push(found.map(|(_, a)| a.keysets.iter().map(|m| m.own.keyset.clone()).collect()));
    }
    Ok(Reply::Identities { identities })
}

fn check_new(new: &OwnKeyset, secrets: &[LoginSecret]) -> Result<()> {
    new.keyset.check()?;
    if new.private.0.len() > 8 << 10 {
        return Err(Error::bad_input("a private part is too long"));
    }
    if new.manifest.fingerprint != new.keyset.fingerprint()
        || new.manifest.counter != 1
        || new.manifest.previous_hash.is_some()
    {
        return Err(Error::bad_input("a new keyset's manifest does not begin its chain"));
    }
    new.manifest.check(&new.keyset, &new.slots)?;
    check_secrets(&new.slots, secrets)
}

/// Every `password` slot has exactly one login secret.
fn check_secrets(slots: &[wire::slot::Slot], secrets: &[LoginSecret]) -> Result<()> {
    let mut passwords: Vec<_> = slots
        .iter()
        .filter(|s| s.kind == SlotKind::Password)
        .filter_map(|s| s.unlocker.as_ref().map(|u| u.id))
        .collect();
    let mut given: Vec<_> = secrets.iter().map(|s| s.unlocker).collect();
    passwords.sort();
    given.sort();
    if passwords == given { Ok(()) } else { Err(Error::bad_input("login secrets and password slots do not fit")) }
}

fn self_made(keyset: &Keyset) -> bool {
    keyset.maker == keyset.party()
}

/// Whoever made keys for another identity signs them, and the list of their slots.
fn check_maker(db: &Records, new: &OwnKeyset) -> Ruled<()> {
    let keyset = &new.keyset;
    if self_made(keyset) {
        return Ok(());
    }
    let unknown = || forbidden("whoever makes keys for another identity signs them");
    let (_, maker) = account(db, &keyset.maker.login)?.ok_or_else(unknown)?;
    let index = maker.find(&keyset.maker.fingerprint).ok_or_else(unknown)?;
    let signature = keyset.maker_signature.as_ref().ok_or_else(unknown)?;
    wire::verify(&maker.keysets[index].own.keyset.signing_key, &keyset.maker_transcript(), signature)?;
    Ok(())
}

/// The author of a list of slots is who it says.
fn check_author(
    db: &Records,
    account: &Account,
    manifest: &wire::manifest::Manifest,
    new: Option<&Keyset>,
) -> Ruled<()> {
    let unknown = || forbidden("the author of a list of slots signs it");
    let author = &manifest.author;
    let signing_key = if let Some(new) = new.filter(|n| n.party() == *author) {
        new.signing_key
    } else if let Some(index) =
        account.find(&author.fingerprint).filter(|index| account.keysets[*index].own.keyset.login == author.login)
    {
        account.keysets[index].own.keyset.signing_key
    } else {
        let (_, found) = super::account::account(db, &author.login)?.ok_or_else(unknown)?;
        found.keysets[found.find(&author.fingerprint).ok_or_else(unknown)?].own.keyset.signing_key
    };
    wire::verify(&signing_key, &manifest.author_transcript(), &manifest.author_signature)?;
    Ok(())
}

/// Whoever is added as a sharer is added with their newest keys: earlier ones may have been renewed to exclude somebody.
/// Of those who are listed already, whoever seals to them decides which version is relied on. `renewed`: what the same
/// change renews.
fn check_added(
    db: &Records,
    login: &str,
    slots: &[wire::slot::Slot],
    listed: &Holders,
    renewed: &[Renewal],
) -> Ruled<()> {
    let holders = slots.iter().filter_map(|slot| slot.holder.as_ref());
    let added: Vec<_> = holders.filter(|h| h.login != login && listed_as(listed, &h.login).is_none()).collect();
    let keys: Vec<String> = added.iter().map(|holder| key(&holder.login)).collect();
    db.need(&keys)?;
    for holder in added {
        let newest = account_of(db, &holder.login)?.1.newest()?.fingerprint();
        let next = renewed.iter().map(|r| &r.new.keyset).find(|k| k.login == holder.login).map(Keyset::fingerprint);
        if next.unwrap_or(newest) != holder.fingerprint {
            return Err(conflict("the keys of somebody who is added changed meanwhile: try again").into());
        }
    }
    Ok(())
}

pub(super) fn register(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    new: &OwnKeyset,
    secrets: &[LoginSecret],
    head: &Statement,
    profile: Option<&Statement>,
) -> Ruled<Reply> {
    check_new(new, secrets)?;
    let login = &new.keyset.login;
    let before = account_or_tombstone(db, login)?;
    let (rev, mut account) = match before {
        None => (0, Account::default()),
        Some((rev, tombstone)) if tombstone.removed => (rev, (*tombstone).clone()),
        Some(_) => return Err(Error::about(Code::IdentityExists, "this login is taken", vec![login.clone()]).into()),
    };
    check_maker(db, new)?;
    check_author(db, &account, &new.manifest, Some(&new.keyset))?;
    check_added(db, login, &new.slots, &Holders::new(), &[])?;
    if new.keyset.chain_signature.is_some() {
        return Err(Error::bad_input("a login that begins continues no chain").into());
    }
    if account.keysets.is_empty() {
        if new.keyset.version != 1 {
            return Err(Error::bad_input("a new login begins with version 1").into());
        }
        account.keysets.push(Member { own: new.clone(), secrets: secrets.to_vec() });
    } else {
        // The login was removed before: whoever takes it goes on from there, visibly, and opens nothing of what was.
        push_version(&mut account, new, secrets, Room::Excluding)?;
        (account.removed, account.life) = (false, new.keyset.version);
    }
    heads::begin(db, batch, &new.keyset, head)?;
    profiles::begin(db, batch, &new.keyset, profile)?;
    graph::begin_administration(cx, db, batch, login)?;
    write(db, batch, rev, None, account, Room::Ordinary)?;
    tokens::begin(cx, db, batch, &Ticket::of(login, new.keyset.fingerprint()))
}

fn push_version(account: &mut Account, new: &OwnKeyset, secrets: &[LoginSecret], room: Room) -> Ruled<()> {
    let last = account.newest()?;
    if new.keyset.version != last.version + 1 || new.keyset.previous != Some(last.fingerprint()) {
        return Err(conflict("these keys changed meanwhile").into());
    }
    limit(account.keysets.len() + 1, room.versions(), "versions of these keys")?;
    account.keysets.push(Member { own: new.clone(), secrets: secrets.to_vec() });
    Ok(())
}

pub(super) fn reset(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    new: &OwnKeyset,
    secrets: &[LoginSecret],
    head: &Statement,
) -> Ruled<Reply> {
    if !self_made(&new.keyset) {
        return Err(Error::bad_input("keys that begin anew are made by their owner").into());
    }
    begin_anew(db, batch, new, secrets, head)?;
    tokens::begin(cx, db, batch, &Ticket::of(&new.keyset.login, new.keyset.fingerprint()))
}

fn begin_anew(
    db: &Records,
    batch: &mut Batch,
    new: &OwnKeyset,
    secrets: &[LoginSecret],
    head: &Statement,
) -> Ruled<()> {
    check_new(new, secrets)?;
    let login = &new.keyset.login;
    let (rev, before) = account_of(db, login)?;
    if new.keyset.chain_signature.is_some() {
        return Err(Error::bad_input("keys that begin anew carry no chain signature").into());
    }
    check_maker(db, new)?;
    check_author(db, &before, &new.manifest, Some(&new.keyset))?;
    let mut account = (*before).clone();
    // After a loss, whatever was filled in before.
    push_version(&mut account, new, secrets, Room::Excluding)?;
    heads::begin(db, batch, &new.keyset, head)?;
    write(db, batch, rev, Some(&before), account, Room::Excluding)
}

/// An administrator begins somebody's keys anew. Nothing that was sealed before opens by it.
pub(super) fn overwrite(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    new: &OwnKeyset,
    secrets: &[LoginSecret],
    head: &Statement,
) -> Ruled<Reply> {
    let caller = cx.caller()?;
    require_newest(db, caller)?;
    graph::require_administrator(db, caller.login())?;
    if new.keyset.maker.login != caller.login() || new.keyset.maker.fingerprint != *caller.fingerprint() {
        return Err(forbidden("keys that an administrator begins anew name that administrator").into());
    }
    begin_anew(db, batch, new, secrets, head)?;
    Ok(Reply::Done)
}

/// What remains of an identity that is removed: its public keys, and that nothing logs in with them.
pub(super) fn bury(batch: &mut Batch, rev: u64, before: &Account) -> Ruled<()> {
    let mut account = before.clone();
    for member in &mut account.keysets {
        member.own.private = regrant_protocol::encoding::Bytes::default();
        member.own.slots.clear();
        member.own.manifest.slots.clear();
        member.secrets.clear();
    }
    let login = account.newest()?.login.clone();
    account.removed = true;
    account.closings.clear();
    account.stolen = 0;
    account.repaired.clear();
    account.listed.clear();
    batch.put(key(&login), rev, &account)?;
    batch.touch(&login);
    Ok(())
}

pub(super) fn renew(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    changes: &[Renewal],
    closes: bool,
    stolen: bool,
) -> Ruled<Reply> {
    let caller = cx.caller()?;
    limit(changes.len(), 1024, "identities")?;
    require_newest(db, caller)?;
    let keys: Vec<String> = changes.iter().map(|c| key(&c.new.keyset.login)).collect();
    db.need(&keys)?;
    let mut room = Room::Ordinary;
    for change in changes {
        let (_, before) = account_of(db, &change.new.keyset.login)?;
        if before.keysets.last().is_some_and(|last| excludes(&last.own, &change.new)) {
            room = Room::Excluding;
        }
    }
    let mut fresh = None;
    let mut seen = BTreeSet::new();
    for Renewal { new, secrets, previous, said } in changes {
        let login = &new.keyset.login;
        if !seen.insert(login) {
            return Err(Error::bad_input("an identity is renewed once in one operation").into());
        }
        let (rev, before) = account_of(db, login)?;
        let mut account = (*before).clone();
        let last = account.newest()?.clone();
        // Unlockers that stay keep their login secrets, which the caller need not know.
        let mut secrets = secrets.clone();
        let stays = |id| new.slots.iter().any(|s| s.unlocker.as_ref().is_some_and(|u| u.id == id));
        let kept = account.keysets.last().map(|m| m.secrets.clone()).unwrap_or_default();
        secrets.extend(kept.into_iter().filter(|s| stays(s.unlocker)));
        check_new(new, &secrets)?;
        check_maker(db, new)?;
        check_author(db, &account, &new.manifest, Some(&new.keyset))?;
        // The version before signs: nobody else than who holds it can continue it, not even whoever held earlier ones.
        if new.keyset.version == last.version + 1 && !new.keyset.continues(&last)? {
            return Err(Error::bad_input("renewed keys need a chain signature").into());
        }
        if previous.manifest.fingerprint != last.fingerprint() {
            return Err(conflict("these keys changed meanwhile").into());
        }
        apply(db, &mut account, previous, true)?;
        check_added(db, login, &new.slots, &before.holders(), changes)?;
        heads::renew(db, batch, &new.keyset, said)?;
        push_version(&mut account, new, &secrets, room)?;
        if closes || stolen {
            account.closings.push((last.version, log::head(db, login)?));
        }
        if stolen {
            account.stolen = last.version;
        }
        write(db, batch, rev, Some(&before), account, room)?;
        if login == caller.login() {
            fresh = Some(Ticket::of(login, new.keyset.fingerprint()));
        }
    }
    match fresh {
        Some(ticket) => tokens::begin(cx, db, batch, &ticket),
        None => Ok(Reply::Done),
    }
}

/// Whether a version is shared with fewer than the one before it, and with nobody else.
fn excludes(last: &OwnKeyset, new: &OwnKeyset) -> bool {
    let holders = |own: &OwnKeyset| -> BTreeSet<String> {
        own.manifest.slots.iter().filter_map(|e| e.holder.as_ref()).map(|h| h.login.clone()).collect()
    };
    let (before, after) = (holders(last), holders(new));
    after.len() < before.len() && after.is_subset(&before)
}

/// Applies a change of slots, by compare-and-set on the manifest's hash. `renews`: it goes with a next version.
fn apply(db: &Records, account: &mut Account, change: &SlotChange, renews: bool) -> Ruled<()> {
    let manifest = &change.manifest;
    check_author(db, account, manifest, None)?;
    let index = account.find(&manifest.fingerprint).ok_or_else(|| Error::new(Code::NotFound, "no such keyset"))?;
    let member = &mut account.keysets[index];
    let current = &member.own.manifest;
    if manifest.previous_hash != Some(current.hash()) || Some(manifest.counter) != current.next_counter(renews) {
        return Err(conflict("these slots changed meanwhile").into());
    }
    if renews != change.add.iter().any(|slot| slot.kind == SlotKind::Successor) {
        return Err(Error::bad_input("a version opens the one before it, and is written with it").into());
    }
    // What was listed stays as it was said then; who adds something says so.
    let honest = manifest.slots.iter().all(|e| match current.slots.iter().find(|there| there.id == e.id) {
        Some(there) => there == e,
        None => e.added_by == manifest.author,
    });
    if !honest {
        return Err(forbidden("a list of slots says of each who added it").into());
    }
    let listed = |id| manifest.slots.iter().any(|e| e.id == id);
    let mut slots: Vec<_> = member.own.slots.iter().filter(|s| listed(s.id)).cloned().collect();
    slots.extend(change.add.iter().cloned());
    manifest.check(&member.own.keyset, &slots)?;
    let unlockers: Vec<_> = slots.iter().filter_map(|s| s.unlocker.as_ref().map(|u| u.id)).collect();
    let mut secrets: Vec<_> = member.secrets.iter().filter(|s| unlockers.contains(&s.unlocker)).cloned().collect();
    secrets.extend(change.secrets.iter().cloned());
    check_secrets(&slots, &secrets)?;
    member.own.slots = slots;
    member.own.manifest = manifest.clone();
    member.secrets = secrets;
    Ok(())
}

pub(super) fn change_slots(cx: &Context<'_>, db: &Records, batch: &mut Batch, change: &SlotChange) -> Ruled<Reply> {
    let caller = cx.caller()?;
    let (rev, before) = account_of(db, caller.login())?;
    let mut account = (*before).clone();
    if !is_newest(db, caller)? {
        // A key that was replaced after a loss may do one thing here: open its own keyset to the newest.
        let newest = account.newest()?.party();
        let own = change.manifest.fingerprint == *caller.fingerprint();
        let gives = change.secrets.is_empty()
            && change.add.iter().all(|s| s.kind == SlotKind::Sharer && s.holder.as_ref() == Some(&newest));
        let index = account.find(&change.manifest.fingerprint);
        let keeps = index.is_some_and(|i| {
            account.keysets[i].own.slots.iter().all(|s| change.manifest.slots.iter().any(|e| e.id == s.id))
        });
        if !(own && gives && keeps) {
            require_newest(db, caller)?;
        }
    }
    apply(db, &mut account, change, false)?;
    check_added(db, caller.login(), &change.add, &before.holders(), &[])?;
    if change.add.iter().any(|slot| slot.holder.is_some()) {
        // Whoever adds somebody to exclude them again would use up what is kept for excluding.
        limit(before.keysets.len(), Room::Ordinary.versions(), "versions of these keys to add somebody")?;
    }
    write(db, batch, rev, Some(&before), account, Room::Ordinary)?;
    Ok(Reply::Done)
}

pub(super) fn chain(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    version: u64,
    signature: &Signature,
) -> Ruled<Reply> {
    let caller = cx.caller()?;
    let (rev, before) = account_of(db, caller.login())?;
    let mut account = (*before).clone();
    let index = account.keysets.iter().position(|m| m.own.keyset.version == version);
    let Some(index) = index.filter(|i| *i > 0) else {
        return Err(Error::new(Code::NotFound, "no such version").into());
    };
    // The first version of whoever took a removed login continues nobody's: a signature by the keys before it would move
    // everybody's pins to another person unseen.
    if account.life > first_life() && version <= account.life {
        return Err(forbidden("keys of somebody who was removed are continued by nobody").into());
    }
    let mut keyset = account.keysets[index].own.keyset.clone();
    if keyset.chain_signature.is_some() {
        return Ok(Reply::Done);
    }
    keyset.chain_signature = Some(*signature);
    keyset.continues(&account.keysets[index - 1].own.keyset)?;
    account.keysets[index].own.keyset = keyset;
    account.repaired.push(version);
    write(db, batch, rev, Some(&before), account, Room::Excluding)?;
    Ok(Reply::Done)
}

pub(super) fn own(cx: &Context<'_>, db: &Records) -> Ruled<Reply> {
    let caller = cx.caller()?;
    let mut account = (*account_of(db, caller.login())?.1).clone();
    let gone = || Error::new(Code::Unauthenticated, "this key is gone");
    let at = account.current(caller.fingerprint()).ok_or_else(gone)?;
    // The public halves of unlockers let others guess secrets: they go only where an unbroken chain leads.
    let closed = account.closed_at(at).is_some();
    for i in 0..account.keysets.len() {
        if closed && i == at {
            // A key pair's public half is the keyset's own: it lets nobody guess anything.
            account.keysets[i].own.slots.retain(|s| s.unlocker.is_none() || s.kind == SlotKind::Keypair);
        } else if closed || !account.is_chained(i.min(at), i.max(at)) {
            account.keysets[i].own.slots.retain(|s| s.unlocker.is_none());
        }
    }
    Ok(Reply::OwnKeysets { keysets: account.keysets.into_iter().map(|m| m.own).collect() })
}
