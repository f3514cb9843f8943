//! Who opened what, as whom, when and why: as far as openers say. A relay can leave things out, and so can a client;
//! what is written here was said by whoever logged in.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::account::require_newest;
use super::grants::{held_by, item_key, present_owner};
use super::graph::can_act_for;
use super::log::limit;
use super::{Batch, Context, Records, Ruled, forbidden, segment};
use regrant_protocol::encoding::check_login;
use regrant_protocol::error::Error;
use regrant_protocol::operations::{MAX_REASON, Opening, Reply};

/// The most items that are noted in one operation.
const MAX_ITEMS: usize = 4096;
/// The most openings in one answer.
const PAGE: u64 = 256;
/// How many records one reading looks at.
const LOOK: usize = 256;

/// What tells which openings are asked for.
pub(super) struct Filter<'a> {
    pub(super) item: Option<Uuid>,
    pub(super) login: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
}

/// Openings that were noted together.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Noted {
    items: Vec<(Uuid, u32)>,
    login: String,
    acting_as: String,
    when: u64,
    reason: Option<String>,
}

fn prefix(login: &str) -> String {
    format!("opening/{}/", segment(login))
}

/// The number of a login's first opening. Newest first: keys sort upwards, so numbers count down.
const FIRST: u64 = 1_000_000_000_000_000;

/// The key of a login's next opening.
fn next_key(db: &Records, login: &str) -> Ruled<String> {
    let prefix = prefix(login);
    let newest = db.list_keys(&prefix, &prefix, 1)?.into_iter().next();
    let number =
        newest.and_then(|(key, _)| key[prefix.len()..].parse::<u64>().ok()).map_or(FIRST, |n| n.saturating_sub(1));
    Ok(format!("{prefix}{number:016}"))
}

/// Lets go of what is noted for a login.
pub(super) fn end(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    super::delete_all(db, batch, &prefix(login))
}

/// What somebody says that they opened.
pub(super) struct Opened<'a> {
    pub(super) items: &'a [(Uuid, u32)],
    pub(super) basis: &'a [Uuid],
    pub(super) acting_as: &'a str,
    pub(super) reason: Option<&'a str>,
}

pub(super) fn note(cx: &Context<'_>, db: &Records, batch: &mut Batch, opened: &Opened<'_>) -> Ruled<Reply> {
    let Opened { items, basis, acting_as, reason } = *opened;
    let caller = cx.caller()?;
    check_login(acting_as)?;
    limit(items.len(), MAX_ITEMS, "items")?;
    limit(basis.len(), MAX_ITEMS, "grants")?;
    limit(reason.map_or(0, str::len), MAX_REASON, "bytes of a reason")?;
    require_newest(db, caller)?;
    if !can_act_for(db, caller.login(), acting_as)? {
        return Err(forbidden("one opens for oneself, or for an identity that one can act for").into());
    }
    // Whoever cannot read an item does not write into its owner's log.
    let held = held_by(cx, db, acting_as, basis)?;
    if !items.iter().all(|item| held.contains(item)) {
        return Err(forbidden("an opening is noted by whoever holds the item").into());
    }
    let keys: Vec<String> = items.iter().map(|(item, _)| item_key(*item)).collect();
    db.need(&keys)?;
    let mut readers: std::collections::BTreeMap<String, Vec<(Uuid, u32)>> = std::collections::BTreeMap::new();
    for (item, version) in items {
        // Items that the relay does not know of are somebody else's matter.
        if let Some(owner) = present_owner(db, *item)? {
            readers.entry(owner).or_default().push((*item, *version));
        }
    }
    let mine: Vec<(Uuid, u32)> = readers.values().flatten().copied().collect();
    if !mine.is_empty() {
        readers.insert(caller.login().to_owned(), mine);
    }
    for (login, items) in readers {
        let noted = Noted {
            items,
            login: caller.login().to_owned(),
            acting_as: acting_as.to_owned(),
            when: cx.now,
            reason: reason.map(str::to_owned),
        };
        batch.put(next_key(db, &login)?, 0, &noted)?;
    }
    Ok(Reply::Done)
}

pub(super) fn list(
    cx: &Context<'_>,
    db: &Records,
    filter: &Filter<'_>,
    most: u64,
    cursor: Option<&str>,
) -> Ruled<Reply> {
    limit(cursor.map_or(0, str::len), 128, "bytes of a cursor")?;
    if most == 0 || most > PAGE {
        return Err(Error::bad_input("a page has 1 to 256 openings").into());
    }
    let prefix = prefix(cx.caller()?.login());
    // A cursor is a key, and how many of its openings were told.
    let (from, skip) = match cursor.and_then(|c| c.rsplit_once(':')) {
        Some((key, told)) => (key.to_owned(), told.parse::<usize>().map_err(|_| Error::bad_input("no such cursor"))?),
        None => (String::new(), 0),
    };
    let from = format!("{prefix}{from}");
    // The record that the last page stopped in is read again, and what was told of it passed over.
    let mut after = from[..from.len() - from.chars().next_back().map_or(0, char::len_utf8)].to_owned();
    if after.len() < prefix.len() {
        after.clone_from(&prefix);
    }
    let mut openings: Vec<Opening> = Vec::new();
    loop {
        let rows: Vec<(String, Noted)> = db.list(&prefix, &after, LOOK)?;
        let more = rows.len() == LOOK;
        for (key, noted) in rows {
            after = key;
            if after < from {
                continue;
            }
            let told = if after == from { skip } else { 0 };
            let fits = filter.login.is_none_or(|login| login == noted.login || login == noted.acting_as)
                && filter.reason.is_none_or(|reason| noted.reason.as_deref() == Some(reason));
            for (at, (item, version)) in noted.items.iter().enumerate().skip(told) {
                if !fits || filter.item.is_some_and(|wanted| wanted != *item) {
                    continue;
                }
                if openings.len() as u64 == most {
                    let cursor = Some(format!("{}:{at}", &after[prefix.len()..]));
                    return Ok(Reply::Openings { openings, cursor });
                }
                openings.push(Opening {
                    item: *item,
                    version: *version,
                    login: noted.login.clone(),
                    acting_as: noted.acting_as.clone(),
                    when: noted.when,
                    reason: noted.reason.clone(),
                });
            }
        }
        if !more {
            return Ok(Reply::Openings { openings, cursor: None });
        }
    }
}
