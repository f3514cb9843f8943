//! Heads: what an identity says to its own devices, as pieces that nobody else reads, under one signed head. Written
//! together, by compare-and-set on the head that is there.

use serde::{Deserialize, Serialize};

use super::account::{account_of, require_newest};
use super::log::{self, Entry, limit};
use super::{Batch, Context, Records, Ruled, conflict, forbidden, profiles, segment};
use regrant_protocol::encoding::{Bytes, Hash};
use regrant_protocol::error::{Error, Result};
use regrant_protocol::operations::Reply;
use regrant_protocol::wire;
use regrant_protocol::wire::BOX_OVERHEAD;
use regrant_protocol::wire::keyset::Keyset;
use regrant_protocol::wire::pieces::{self, MAX_ALL_PIECES, MAX_ENTRY, MAX_PIECES};
use regrant_protocol::wire::statement::{HEAD, Head, HeadChange, Statement};

/// How far a counter may be ahead of the one before it. Devices go on from what they saw, also after a relay went back to a
/// backup; whoever jumps to the last number would keep the identity from saying anything more with these keys.
pub(super) const AHEAD: u64 = 1 << 20;
/// The most pieces in one answer, and bytes of pieces; a piece that is longer is alone there.
const PAGE: (usize, usize) = (128, 1 << 20);

/// A head, with how much there is under it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    head: Statement,
    pieces: usize,
    bytes: usize,
}

fn key(login: &str) -> String {
    format!("said/{}", segment(login))
}

fn pieces_of(login: &str) -> String {
    format!("piece/{}/", segment(login))
}

fn piece_key(login: &str, name: &Hash) -> String {
    format!("{}{}", pieces_of(login), name.hex())
}

fn changed() -> Error {
    conflict("something else was said meanwhile")
}

/// A statement by these very keys, about this subject.
pub(super) fn check(keyset: &Keyset, statement: &Statement, subject: &str) -> Result<()> {
    let by = statement.login == keyset.login && statement.fingerprint == keyset.fingerprint();
    if !by || statement.subject != subject {
        return Err(forbidden("a statement is written by the identity that makes it, with its newest keys"));
    }
    statement.check(&keyset.signing_key)
}

/// Every version of the keys counts from 1: whoever has earlier ones cannot use the numbers up.
fn check_first(keyset: &Keyset, head: &Statement) -> Result<()> {
    check(keyset, head, HEAD)?;
    if head.counter == 1 { Ok(()) } else { Err(Error::bad_input("the first head of a version has number 1")) }
}

/// The head of keys that begin, or begin anew: nothing that was said before is theirs.
pub(super) fn begin(db: &Records, batch: &mut Batch, keyset: &Keyset, head: &Statement) -> Ruled<()> {
    check_first(keyset, head)?;
    let key = key(&keyset.login);
    let rev = db.raw(&key)?.map_or(0, |stored| stored.rev);
    if rev != 0 {
        super::delete_all(db, batch, &pieces_of(&keyset.login))?;
    }
    let kept = Kept { head: head.clone(), pieces: 0, bytes: 0 };
    if wire::parse::<Head>(&head.body)?.root.is_some() {
        return Err(missing().into());
    }
    batch.put(key, rev, &kept)?;
    Ok(())
}

fn missing() -> Error {
    Error::bad_input("a head leads to pieces that are there")
}

/// The head of keys that continue others, with all that is said.
pub(super) fn renew(db: &Records, batch: &mut Batch, new: &Keyset, change: &HeadChange) -> Ruled<()> {
    let before = db.get::<Kept>(&key(&new.login))?;
    if before.as_ref().map(|(_, kept)| kept.head.hash()) != change.before {
        return Err(changed().into());
    }
    check_first(new, &change.head)?;
    super::delete_all(db, batch, &pieces_of(&new.login))?;
    let kept = Kept { head: (*change.head).clone(), pieces: 0, bytes: 0 };
    write(db, batch, new, before.map_or(0, |(rev, _)| rev), kept, change)
}

pub(super) fn put(cx: &Context<'_>, db: &Records, batch: &mut Batch, change: &HeadChange, tell: bool) -> Ruled<Reply> {
    let caller = cx.caller()?;
    require_newest(db, caller)?;
    let (_, account) = account_of(db, caller.login())?;
    let keyset = account.newest()?;
    let before = db.get::<Kept>(&key(caller.login()))?;
    let head = &change.head;
    let mut counter = 0;
    if let Some((_, there)) = &before {
        if there.head == **head {
            return Ok(Reply::Done);
        }
        counter = there.head.counter;
        // Newer keys may count anew: after a loss they need not know what was said before, and no number is then the last.
        if there.head.fingerprint == head.fingerprint && head.counter <= counter {
            return Err(changed().into());
        }
    }
    if before.as_ref().map(|(_, kept)| kept.head.hash()) != change.before {
        return Err(changed().into());
    }
    if head.counter > counter.saturating_add(AHEAD) {
        return Err(Error::bad_input("a statement's counter is too far ahead of the one before").into());
    }
    let (rev, pieces, bytes) = before.map_or((0, 0, 0), |(rev, kept)| (rev, kept.pieces, kept.bytes));
    write(db, batch, keyset, rev, Kept { head: (**head).clone(), pieces, bytes }, change)?;
    if tell {
        log::append(batch, caller.login(), &Entry::Said)?;
    }
    Ok(Reply::Done)
}

fn write(db: &Records, batch: &mut Batch, keyset: &Keyset, rev: u64, mut kept: Kept, change: &HeadChange) -> Ruled<()> {
    let login = &keyset.login;
    check(keyset, &change.head, HEAD)?;
    limit(change.add.len(), MAX_PIECES, "pieces")?;
    limit(change.gone.len(), MAX_PIECES, "pieces")?;
    let named = |names: &[Hash]| names.iter().map(|name| piece_key(login, name)).collect::<Vec<_>>();
    let add = named(&change.add.iter().map(|piece| pieces::name(&piece.0)).collect::<Vec<_>>());
    let gone = named(&change.gone);
    let root = wire::parse::<Head>(&change.head.body)?.root.map(|root| piece_key(login, &root));
    db.need(add.iter().chain(&gone).chain(&root))?;
    for (key, piece) in add.iter().zip(&change.add) {
        if piece.0.len() < BOX_OVERHEAD || piece.0.len() > MAX_ENTRY + BOX_OVERHEAD {
            return Err(Error::bad_input("a piece is too short, or too long").into());
        }
        if db.raw(key)?.is_none() && batch.writes(key).is_none() {
            batch.put(key.clone(), 0, piece)?;
            kept.pieces += 1;
            kept.bytes += piece.0.len();
        }
    }
    for key in &gone {
        if let Some((rev, piece)) = db.view::<Bytes>(key)?.filter(|_| batch.writes(key).is_none()) {
            batch.delete(key.clone(), rev);
            kept.pieces = kept.pieces.saturating_sub(1);
            kept.bytes = kept.bytes.saturating_sub(piece.0.len());
        }
    }
    limit(kept.pieces, MAX_PIECES, "pieces")?;
    limit(kept.bytes, MAX_ALL_PIECES, "bytes of pieces")?;
    if let Some(root) = root {
        let there = match batch.writes(&root) {
            Some(there) => there,
            None => db.raw(&root)?.is_some(),
        };
        if !there {
            return Err(missing().into());
        }
    }
    if let Some(profile) = &change.profile {
        profiles::put(db, batch, keyset, profile)?;
    }
    batch.put(key(login), rev, &kept)?;
    Ok(())
}

/// The caller's head, with the piece that it leads to, unless the caller knows that one.
pub(super) fn get(cx: &Context<'_>, db: &Records, known: Option<&Hash>) -> Ruled<Reply> {
    let caller = cx.caller()?;
    account_of(db, caller.login())?;
    let head = db.get::<Kept>(&key(caller.login()))?.map(|(_, kept)| kept.head);
    if known.is_some() && head.as_ref().map(Statement::hash).as_ref() == known {
        return Ok(Reply::Done);
    }
    let root = head.as_ref().and_then(|head| wire::parse::<Head>(&head.body).ok()?.root);
    let root = match root {
        Some(root) => db.get::<Bytes>(&piece_key(caller.login(), &root))?.map(|(_, piece)| piece),
        None => None,
    };
    Ok(Reply::Head { head: head.map(Box::new), root })
}

/// The first of some pieces of the caller's, as many as one answer holds.
pub(super) fn pieces(cx: &Context<'_>, db: &Records, names: &[Hash]) -> Ruled<Reply> {
    let caller = cx.caller()?;
    limit(names.len(), PAGE.0, "pieces")?;
    account_of(db, caller.login())?;
    let keys: Vec<String> = names.iter().map(|name| piece_key(caller.login(), name)).collect();
    db.need(&keys)?;
    let mut pieces: Vec<Option<Bytes>> = Vec::with_capacity(keys.len());
    let mut bytes = 0;
    for key in &keys {
        let piece = db.get::<Bytes>(key)?.map(|(_, piece)| piece);
        bytes += piece.as_ref().map_or(0, |piece| piece.0.len());
        if bytes > PAGE.1 && !pieces.is_empty() {
            break;
        }
        pieces.push(piece);
    }
    Ok(Reply::Pieces { pieces })
}

/// Lets go of what a removed identity said: whoever takes its login has said nothing yet.
pub(super) fn end(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    super::delete_all(db, batch, &pieces_of(login))?;
    let key = key(login);
    if let Some(stored) = db.raw(&key)? {
        batch.delete(key, stored.rev);
    }
    Ok(())
}
