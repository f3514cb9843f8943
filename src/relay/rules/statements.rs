//! What identities say of themselves: written by themselves with a counter, and the directory of who there is.

use serde::{Deserialize, Serialize};

use super::account::{account_of, require_newest};
use super::log::{self, Entry, limit};
use super::{Batch, Context, Records, Ruled, conflict, forbidden, segment};
use crate::encoding::check_login;
use crate::error::Error;
use crate::relay::Reply;
use crate::wire::keyset::Keyset;
use crate::wire::statement::{
    MAX_NAMES, MAX_SAID, MAX_SUBJECT, NAMED, PINS, PROFILE, Profile, Statement, renewed_counter,
};

/// The most identities in one answer.
const PAGE: u64 = 256;
/// How far a counter may be ahead of the one before it. Devices go on from what they saw, also after a relay went back to a
/// backup; whoever jumps to the last number would keep the identity from saying anything more with these keys.
const AHEAD: u64 = 1 << 20;
/// The most statements in one answer.
const SAID: usize = 256;
/// How many identities one operation looks at.
const LOOK: usize = 1024;

/// An identity in the directory. What its owner says of it comes signed; this is what is searched.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Listed {
    login: String,
    profile: Option<Statement>,
}

fn key(login: &str, subject: &str) -> String {
    format!("statement/{}/{subject}", segment(login))
}

const DIRECTORY: &str = "directory/";

fn directory_key(login: &str) -> String {
    format!("{DIRECTORY}{}", segment(login))
}

/// Lists an identity that begins, with its profile if it has one.
pub(super) fn begin(
    db: &Records,
    batch: &mut Batch,
    login: &str,
    profile: Option<&Statement>,
    keyset: &Keyset,
) -> Ruled<()> {
    if let Some(profile) = profile {
        profile.check(&keyset.signing_key)?;
        if profile.login != *login || profile.subject != PROFILE || profile.fingerprint != keyset.fingerprint() {
            return Err(forbidden("a profile is signed by the identity that it is about").into());
        }
        let key = key(login, PROFILE);
        let rev = db.raw(&key)?.map_or(0, |stored| stored.rev);
        batch.put(key, rev, profile)?;
    }
    list(db, batch, login, profile)
}

fn list(db: &Records, batch: &mut Batch, login: &str, profile: Option<&Statement>) -> Ruled<()> {
    let key = directory_key(login);
    let rev = db.raw(&key)?.map_or(0, |stored| stored.rev);
    batch.put(key, rev, &Listed { login: login.to_owned(), profile: profile.cloned() })?;
    Ok(())
}

pub(super) fn put(cx: &Context<'_>, db: &Records, batch: &mut Batch, statement: &Statement) -> Ruled<Reply> {
    let caller = cx.caller()?;
    require_newest(db, caller)?;
    let (_, account) = account_of(db, caller.login())?;
    if statement.login != caller.login() || statement.fingerprint != account.newest()?.fingerprint() {
        return Err(forbidden("a statement is written by the identity that makes it, with its newest keys").into());
    }
    statement.check(&account.newest()?.signing_key)?;
    let key = key(caller.login(), &statement.subject);
    let before = db.get::<Statement>(&key)?;
    let (rev, counter) = before.as_ref().map_or((0, 0), |(rev, s)| (*rev, s.counter));
    // Newer keys may count anew: after a loss they need not know what was said before, and no number is then the last.
    let goes_on = before.as_ref().is_some_and(|(_, there)| there.fingerprint == statement.fingerprint);
    let is_new = before.is_none();
    if before.is_some_and(|(_, there)| there == *statement) {
        return Ok(Reply::Done);
    }
    if goes_on && statement.counter <= counter {
        return Err(conflict("this was said otherwise meanwhile").into());
    }
    if statement.counter > counter.saturating_add(AHEAD) {
        return Err(Error::bad_input("a statement's counter is too far ahead of the one before").into());
    }
    if is_new && statement.subject.starts_with(NAMED) {
        limit(names(db, caller.login())? + 1, MAX_NAMES, "names")?;
        // Written as it is, so that of two new names at once, one is decided again.
        let key = directory_key(caller.login());
        if let Some((rev, listed)) = db.get::<Listed>(&key)? {
            batch.put(key, rev, &listed)?;
        }
    }
    batch.put(key, rev, statement)?;
    if statement.subject == PROFILE {
        list(db, batch, caller.login(), Some(statement))?;
    }
    if statement.subject != PINS {
        log::need(db, &[caller.login()])?;
        log::append(db, batch, caller.login(), &Entry::Said(statement.subject.clone()))?;
    }
    Ok(Reply::Done)
}

/// How many names of items a login has said something of.
fn names(db: &Records, login: &str) -> Ruled<usize> {
    let prefix = key(login, NAMED);
    let mut after = prefix.clone();
    let mut count = 0;
    loop {
        let rows = db.list_keys(&prefix, &after, LOOK)?;
        count += rows.len();
        match rows.last() {
            Some((key, _)) if rows.len() == LOOK => after.clone_from(key),
            _ => return Ok(count),
        }
    }
}

/// Says everything anew with keys that continue others. Nothing that these said is left out: it would not be believed.
pub(super) fn renew(db: &Records, batch: &mut Batch, new: &Keyset, said: &[Statement]) -> Ruled<()> {
    limit(said.len(), MAX_SAID, "statements")?;
    let prefix = key(&new.login, "");
    let mut there: Vec<(String, u64)> = Vec::new();
    let mut after = prefix.clone();
    loop {
        let rows = db.list_keys(&prefix, &after, LOOK)?;
        let more = rows.len() == LOOK;
        after = rows.last().map_or(after, |(key, _)| key.clone());
        there.extend(rows);
        if !more {
            break;
        }
    }
    let pins = key(&new.login, PINS);
    there.retain(|(key, _)| *key != pins);
    there.sort();
    db.need(there.iter().map(|(key, _)| key))?;
    for statement in said {
        if statement.login != new.login || statement.fingerprint != new.fingerprint() {
            return Err(forbidden("what an identity says anew is signed by its new keys").into());
        }
        statement.check(&new.signing_key)?;
        let key = key(&new.login, &statement.subject);
        let changed = || conflict("this was said otherwise meanwhile");
        let at = there.binary_search_by(|(known, _)| known.cmp(&key)).map_err(|_| changed())?;
        let before = db.get::<Statement>(&key)?;
        // The very next number: whoever renews saw what was said last.
        if batch.writes.contains_key(&key)
            || before.is_none_or(|(_, before)| renewed_counter(before.counter) != statement.counter)
        {
            return Err(changed().into());
        }
        batch.put(key, there[at].1, statement)?;
        if statement.subject == PROFILE {
            list(db, batch, &new.login, Some(statement))?;
        }
    }
    for (key, _) in there.iter().filter(|(key, _)| !batch.writes.contains_key(key)) {
        if db.get::<Statement>(key)?.is_some_and(|(_, s)| Some(s.fingerprint) == new.previous) {
            return Err(conflict("something else was said meanwhile").into());
        }
    }
    Ok(())
}

/// What the caller said, but its pins.
pub(super) fn all(cx: &Context<'_>, db: &Records, cursor: Option<&str>) -> Ruled<Reply> {
    let caller = cx.caller()?;
    limit(cursor.map_or(0, str::len), MAX_SUBJECT, "bytes of a cursor")?;
    let prefix = key(caller.login(), "");
    let after = format!("{prefix}{}", cursor.unwrap_or_default());
    let rows: Vec<(String, Statement)> = db.list(&prefix, &after, SAID)?;
    let cursor = rows.last().filter(|_| rows.len() == SAID).map(|(_, statement)| statement.subject.clone());
    let statements = rows.into_iter().map(|(_, statement)| statement).filter(|s| s.subject != PINS).collect();
    Ok(Reply::Statements { statements, cursor })
}

pub(super) fn get(cx: &Context<'_>, db: &Records, login: &str, subject: &str) -> Ruled<Reply> {
    check_login(login)?;
    limit(subject.len(), MAX_SUBJECT, "bytes of a subject")?;
    if subject != PROFILE && cx.caller()?.login() != login {
        return Err(forbidden("what an identity says for itself is its own").into());
    }
    account_of(db, login)?;
    let found = db.get::<Statement>(&key(login, subject))?.map(|(_, statement)| Box::new(statement));
    Ok(Reply::Statement { statement: found })
}

/// Lets go of what a removed identity said: whoever takes its login has said nothing yet.
pub(super) fn end(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    super::delete_all(db, batch, &key(login, ""))?;
    let key = directory_key(login);
    if let Some(stored) = db.raw(&key)? {
        batch.delete(key, stored.rev);
    }
    Ok(())
}

pub(super) fn directory(
    db: &Records,
    search: &str,
    kind: Option<&str>,
    most: u64,
    cursor: Option<&str>,
) -> Ruled<Reply> {
    limit(search.len(), 256, "bytes of a search")?;
    limit(cursor.map_or(0, str::len), 1024, "bytes of a cursor")?;
    if most == 0 || most > PAGE {
        return Err(Error::bad_input("a page has 1 to 256 identities").into());
    }
    let search = search.to_lowercase();
    let mut after = format!("{DIRECTORY}{}", cursor.unwrap_or_default());
    let mut entries = Vec::new();
    loop {
        let rows: Vec<(String, Listed)> = db.list(DIRECTORY, &after, LOOK)?;
        let more = rows.len() == LOOK;
        for (key, listed) in rows {
            let profile: Option<Profile> =
                listed.profile.as_ref().and_then(|statement| serde_json::from_str(&statement.body).ok());
            let profile = profile.unwrap_or_default();
            let named = profile.name.as_ref().is_some_and(|name| name.to_lowercase().contains(&search));
            let found = listed.login.to_lowercase().contains(&search) || named;
            after = key;
            if found && kind.is_none_or(|kind| kind == profile.kind) {
                if entries.len() as u64 == most {
                    // The one before this ended the page.
                    let last: &(String, Option<Statement>) = &entries[entries.len() - 1];
                    let cursor = Some(segment(&last.0));
                    return Ok(Reply::Directory { entries, cursor });
                }
                entries.push((listed.login, listed.profile));
            }
        }
        if !more {
            return Ok(Reply::Directory { entries, cursor: None });
        }
    }
}
