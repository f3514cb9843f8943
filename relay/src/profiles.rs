//! Profiles: what identities say of themselves to everybody, and the directory of who there is.

use serde::{Deserialize, Serialize};

use super::account::account_of;
use super::heads::{self, AHEAD};
use super::log::limit;
use super::{Batch, Records, Ruled, conflict, segment};
use regrant_protocol::encoding::check_login;
use regrant_protocol::error::Error;
use regrant_protocol::operations::Reply;
use regrant_protocol::wire::keyset::Keyset;
use regrant_protocol::wire::statement::{PROFILE, Profile, Statement};

/// The most identities in one answer.
const PAGE: u64 = 256;
/// How many identities one operation looks at.
const LOOK: usize = 1024;

/// An identity in the directory. What its owner says of it comes signed; this is what is searched.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Listed {
    login: String,
    profile: Option<Statement>,
}

fn key(login: &str) -> String {
    format!("statement/{}/{PROFILE}", segment(login))
}

const DIRECTORY: &str = "directory/";

fn directory_key(login: &str) -> String {
    format!("{DIRECTORY}{}", segment(login))
}

/// Lists an identity that begins, with its profile if it has one.
pub(super) fn begin(db: &Records, batch: &mut Batch, keyset: &Keyset, profile: Option<&Statement>) -> Ruled<()> {
    if let Some(profile) = profile {
        heads::check(keyset, profile, PROFILE)?;
        let key = key(&keyset.login);
        let rev = db.raw(&key)?.map_or(0, |stored| stored.rev);
        batch.put(key, rev, profile)?;
    }
    list(db, batch, &keyset.login, profile)
}

fn list(db: &Records, batch: &mut Batch, login: &str, profile: Option<&Statement>) -> Ruled<()> {
    let key = directory_key(login);
    let rev = db.raw(&key)?.map_or(0, |stored| stored.rev);
    batch.put(key, rev, &Listed { login: login.to_owned(), profile: profile.cloned() })?;
    Ok(())
}

/// Writes a profile. It comes with a head, which keeps two from being written at once.
pub(super) fn put(db: &Records, batch: &mut Batch, keyset: &Keyset, profile: &Statement) -> Ruled<()> {
    heads::check(keyset, profile, PROFILE)?;
    let key = key(&keyset.login);
    let before = db.get::<Statement>(&key)?;
    let (rev, counter) = before.as_ref().map_or((0, 0), |(rev, before)| (*rev, before.counter));
    // Newer keys may count anew.
    if before.is_some_and(|(_, b)| b.fingerprint == profile.fingerprint && profile.counter <= counter) {
        return Err(conflict("this was said otherwise meanwhile").into());
    }
    if profile.counter > counter.saturating_add(AHEAD) {
        return Err(Error::bad_input("a statement's counter is too far ahead of the one before").into());
    }
    batch.put(key, rev, profile)?;
    list(db, batch, &keyset.login, Some(profile))
}

pub(super) fn get(db: &Records, login: &str) -> Ruled<Reply> {
    check_login(login)?;
    account_of(db, login)?;
    let found = db.get::<Statement>(&key(login))?.map(|(_, profile)| Box::new(profile));
    Ok(Reply::Profile { profile: found })
}

/// Lets go of what a removed identity said of itself.
pub(super) fn end(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    for key in [key(login), directory_key(login)] {
        if let Some(stored) = db.raw(&key)? {
            batch.delete(key, stored.rev);
        }
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
