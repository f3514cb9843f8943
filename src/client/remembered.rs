//! What a session remembers, at rest: one record, and others for what there may be much of, each in a box. Whoever writes any
//! of them writes the one, which names each of the others by a number that is drawn anew with each writing; so all of it is
//! read as it was written, and an older state of one of them does not pass.

use futures_util::future::join_all;

use super::rest::unreadable;
use crate::crypto::Engine;
use crate::crypto::boxes::{open_at_rest, seal_at_rest};
use crate::crypto::keys::RestKey;
use crate::crypto::turn::turn;
use crate::encoding::{Transcript, from_base64url, from_json_bytes, to_base64url};
use crate::error::{Code, Error, Result};
use crate::graph::{MAX_PARTS, Memory, Principal, ToStore};
use crate::store::{Batch, Entry, Store, newer_or};

/// The format of what is stored; a newer one is refused.
const FORMAT: u64 = 1;
/// So many records are wiped where it cannot be read how many there are: as many as there can be.
const SOME: usize = MAX_PARTS as usize;
/// How often what others are writing is read again.
const ATTEMPTS: usize = 16;

/// So many records are read at once.
const TOGETHER: usize = 64;

fn main_key(login: &str) -> String {
    format!("memory/{login}")
}

fn part_key(login: &str, part: usize) -> String {
    format!("remembered/{part}/{login}")
}

fn main_context(login: &str) -> Transcript {
    Transcript::new("rest/memory").text(login)
}

fn part_context(login: &str, part: usize) -> Transcript {
    Transcript::new("rest/remembered").text(login).int(part as u64)
}

/// What was read or written last.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    text: Option<String>,
    written: Vec<u64>,
    /// So many other records are there that nobody can read.
    lost: usize,
}

impl Remembered {
    /// What rests under an older key is written again with what comes next.
    fn of(text: String, written: Vec<u64>, first: bool) -> Self {
        let (written, lost) = if first { (written, 0) } else { (Vec::new(), written.len()) };
        Self { text: Some(text), written, lost }
    }
}

/// What a batch writes.
pub(super) struct Writing {
    what: ToStore,
    text: String,
}

/// The text of the one record: its box, and after a point the number of the others, so that they can be wiped unread.
fn main_text(sealed: &[u8], parts: usize) -> String {
    format!("{}.{parts}", to_base64url(sealed))
}

fn divide(text: &str) -> Option<(&str, usize)> {
    match text.split_once('.') {
        Some((sealed, parts)) => Some((sealed, parts.parse().ok()?)),
        None => Some((text, 0)),
    }
}

/// Opens a record with the first key that fits; says whether that is the one it would be boxed under now.
async fn open(engine: &Engine, rests: &[RestKey], context: &Transcript, text: &str) -> Result<(Memory, bool)> {
    // What a newer version may write here will be JSON that says so.
    let sealed = from_base64url(text).map_err(|_| newer_or(text, FORMAT, unreadable()))?;
    for (at, rest) in rests.iter().enumerate() {
        if let Ok(plain) = open_at_rest(engine, rest, context, &sealed).await {
            return Ok((from_json_bytes(plain.expose()).map_err(|_| unreadable())?, at == 0));
        }
    }
    Err(Error::new(
        Code::StoreUnreadable,
        "what this device remembers for this login was sealed under other keys, or altered; it was not overwritten",
    ))
}

/// What is there of the one record, and of those others that were written since `known`; with the text of the one. `None`:
/// nothing is. Others may be writing: what does not fit together is read again, until the one record stays as it was.
async fn read(
    engine: &Engine,
    store: &Store,
    login: &str,
    rests: &[RestKey],
    state: &Remembered,
) -> Result<Option<(String, Memory, Vec<u64>, bool)>> {
    let mut before = None;
    for _ in 0..ATTEMPTS {
        let Some(entry) = store.get(&main_key(login)).await? else { return Ok(None) };
        match read_all(engine, store, login, rests, &entry.text, &state.written).await {
            Err(e) if e.code() == Code::StoreUnreadable && before.as_ref() != Some(&entry.text) => {
                before = Some(entry.text);
            }
            other => return other.map(|(memory, written, first)| Some((entry.text, memory, written, first))),
        }
    }
    Err(unreadable())
}

async fn read_all(
    engine: &Engine,
    store: &Store,
    login: &str,
    rests: &[RestKey],
    text: &str,
    known: &[u64],
) -> Result<(Memory, Vec<u64>, bool)> {
    let (sealed, parts) = divide(text).ok_or_else(|| newer_or(text, FORMAT, unreadable()))?;
    let (mut memory, mut first) = open(engine, rests, &main_context(login), sealed).await?;
    let written = std::mem::take(&mut memory.written);
    if written.len() != parts {
        return Err(unreadable());
    }
    let divided_anew = written.len() != known.len();
    let wanted = written.iter().enumerate().filter(|(n, count)| **count > 0 && (divided_anew || known[*n] != **count));
    let wanted: Vec<(usize, u64)> = wanted.map(|(n, count)| (n, *count)).collect();
    for some in wanted.chunks(TOGETHER) {
        let keys: Vec<String> = some.iter().map(|(n, _)| part_key(login, *n)).collect();
        let entries = join_all(keys.iter().map(|key| store.get(key))).await;
        for ((n, count), entry) in some.iter().zip(entries) {
            let entry = entry?.ok_or_else(unreadable)?;
            let (mut part, by_first) = open(engine, rests, &part_context(login, *n), &entry.text).await?;
            if std::mem::take(&mut part.written) != [*count] {
                return Err(unreadable());
            }
            first &= by_first;
            memory.merge(part);
            turn().await;
        }
    }
    Ok((memory, written, first))
}

/// What is remembered of a login, with how it rests. `None`: nothing is stored.
/// Errors: [`Code::StoreUnreadable`] when no key fits; it is not treated as absent.
pub(super) async fn load(
    engine: &Engine,
    store: &Store,
    login: &str,
    rests: &[RestKey],
) -> Result<Option<(Memory, Remembered)>> {
    let found = read(engine, store, login, rests, &Remembered::default()).await?;
    Ok(found.map(|(text, memory, written, first)| (memory, Remembered::of(text, written, first))))
}

/// Adds what changed of what is remembered to a batch, boxed under the first key, and remembers what others stored
/// meanwhile. `None` without a key.
pub(super) async fn add(
    engine: &Engine,
    store: &Store,
    me: &Principal,
    rests: &[RestKey],
    state: &mut Remembered,
    batch: &mut Batch,
) -> Result<Option<Writing>> {
    let Some(rest) = rests.first() else { return Ok(None) };
    match take_over(engine, store, me, rests, state).await {
        Ok(()) => batch.expected.push((main_key(&me.login), state.text.clone())),
        // The caller asked for it: the key that boxed it is among the lost ones.
        Err(e) if e.code() == Code::StoreUnreadable && batch.give_up => {
            let text = store.get(&main_key(&me.login)).await.ok().flatten().map(|entry| entry.text);
            let lost = text.as_deref().and_then(divide).map_or(SOME, |(_, parts)| parts);
            *state = Remembered { lost, ..Remembered::default() };
        }
        Err(e) => return Err(e),
    }
    turn().await;
    let what = me.to_store(&state.written)?;
    match seal(engine, rest, &me.login, &what, state.lost, batch).await {
        Ok(text) => Ok(Some(Writing { what, text })),
        Err(e) => {
            me.not_stored(what);
            Err(e)
        }
    }
}

/// Remembers what others stored since this was read or written last.
async fn take_over(
    engine: &Engine,
    store: &Store,
    me: &Principal,
    rests: &[RestKey],
    state: &mut Remembered,
) -> Result<()> {
    let text = store.get(&main_key(&me.login)).await?.map(|entry| entry.text);
    if text == state.text {
        return Ok(());
    }
    *state = match read(engine, store, &me.login, rests, state).await? {
        None => Remembered::default(),
        Some((text, memory, written, first)) => {
            me.merge_memory(memory);
            Remembered::of(text, written, first)
        }
    };
    Ok(())
}

async fn seal(
    engine: &Engine,
    rest: &RestKey,
    login: &str,
    what: &ToStore,
    lost: usize,
    batch: &mut Batch,
) -> Result<String> {
    let is_written = |part: usize| what.parts.iter().any(|(at, _)| *at as usize == part);
    batch.changes.extend((0..lost).filter(|part| !is_written(*part)).map(|part| (part_key(login, part), None)));
    for (part, json) in &what.parts {
        let part = *part as usize;
        let entry = match json {
            Some(json) => {
                let sealed = seal_at_rest(engine, rest, &part_context(login, part), json.as_bytes()).await?;
                Some(Entry::of(to_base64url(&sealed)))
            }
            None => None,
        };
        batch.changes.push((part_key(login, part), entry));
        turn().await;
    }
    let sealed = seal_at_rest(engine, rest, &main_context(login), what.main.as_bytes()).await?;
    let text = main_text(&sealed, what.written.len());
    batch.changes.push((main_key(login), Some(Entry::of(text.clone()))));
    Ok(text)
}

/// Notes that a batch was written, or that it was not.
pub(super) fn done(me: &Principal, state: &mut Remembered, writing: Option<Writing>, stored: bool) {
    let Some(Writing { what, text }) = writing else { return };
    match stored {
        true => *state = Remembered { text: Some(text), written: what.written, lost: 0 },
        false => me.not_stored(what),
    }
}

/// Adds to a batch what leaves nothing of it, readable or not.
pub(super) async fn wipe(store: &Store, login: &str, batch: &mut Batch) {
    let found = store.get(&main_key(login)).await;
    let mut parts = SOME;
    if let Ok(found) = found {
        let text = found.map(|entry| entry.text);
        parts = text.as_deref().map_or(0, |text| divide(text).map_or(SOME, |(_, parts)| parts));
        // Nobody adds to it meanwhile.
        batch.expected.push((main_key(login), text));
    }
    batch.changes.push((main_key(login), None));
    batch.changes.extend((0..parts).map(|part| (part_key(login, part), None)));
}
