//! What rests on this device of files on their way to the relay, so that a reload costs nothing (protocol section 6).
//!
//! Before a chunk is sealed, the SHA-256 of its data rests here, and after the relay has it, that of its ciphertext. So
//! a file that is begun again goes on where it stopped, and no chunk is ever sealed with two contents: data that does
//! not match what rests here is never sealed under the same key. Everything but ids is boxed.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rest::{ATTEMPTS, busy};
use crate::crypto::Engine;
use crate::crypto::boxes::{open_at_rest, open_box, seal_at_rest, seal_box};
use crate::crypto::keys::RestKey;
use crate::delegation::UploadPlan;
use crate::encoding::{Bytes, Transcript, from_base64url, to_base64url};
use crate::error::{Code, Error, Result};
use crate::secret::{Key32, SecretBytes};
use crate::store::{Batch, Entry, Outcome, Store, newer_or};

const FORMAT: u64 = 1;
/// The most uploads that are kept for one login; beginning another forgets the oldest.
const MAX_KEPT: usize = 64;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct List {
    format: u64,
    uploads: Vec<Kept>,
}

/// One upload: enough in the clear to find and wipe what belongs to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) item: Uuid,
    segments: u64,
    plan: Bytes,
}

/// What is known of the chunks of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Segment {
    /// SHA-256 of each chunk's data.
    pub(super) data: Vec<[u8; 32]>,
    /// SHA-256 of each chunk's ciphertext, once the relay has them.
    pub(super) sealed: Option<Vec<[u8; 32]>>,
}

fn list_key(login: &str) -> String {
    format!("uploads/{login}")
}

fn segment_key(item: Uuid, segment: u64) -> String {
    format!("upload/{item}/{segment}")
}

fn plan_context(login: &str, item: Uuid) -> Transcript {
    Transcript::new("rest/upload").text(login).uuid(item)
}

fn segment_context(item: Uuid, segment: u64) -> Transcript {
    Transcript::new("rest/segment").uuid(item).int(segment)
}

fn unreadable() -> Error {
    Error::new(Code::StoreUnreadable, "what is stored on this device of uploads under way cannot be read")
}

pub(super) fn forgotten() -> Error {
    Error::new(Code::NotFound, "this upload was given up, or forgotten by this device")
}

/// What is kept, and its text as it was read.
async fn list(store: &Store, login: &str) -> Result<(List, Option<String>)> {
    let Some(entry) = store.get(&list_key(login)).await? else {
        return Ok((List { format: FORMAT, uploads: Vec::new() }, None));
    };
    let list: List =
        crate::encoding::from_json(&entry.text).map_err(|_| newer_or(&entry.text, FORMAT, unreadable()))?;
    if list.format != FORMAT {
        return Err(newer_or(&entry.text, FORMAT, unreadable()));
    }
    Ok((list, Some(entry.text)))
}

/// Writes what `change` makes of the list: a list of its own accord, and further records. `None`: nothing is to be done.
/// Gives `false`, with nothing written, if a record of `as_read` is not there any more as it was read.
async fn update(
    store: &Store,
    login: &str,
    as_read: &[(String, Option<String>)],
    change: impl Fn(&mut List) -> Result<Option<Vec<(String, Option<Entry>)>>>,
) -> Result<bool> {
    let _held = store.hold().await;
    for _ in 0..ATTEMPTS {
        for (key, text) in as_read {
            if store.get(key).await?.map(|entry| entry.text) != *text {
                return Ok(false);
            }
        }
        let (mut list, read) = list(store, login).await?;
        let Some(mut changes) = change(&mut list)? else { return Ok(true) };
        let text = if list.uploads.is_empty() { None } else { Some(crate::wire::to_json(&list)?) };
        if text != read {
            changes.push((list_key(login), text.map(Entry::of)));
        }
        let expected = [&[(list_key(login), read)], as_read].concat();
        if store.write(Batch { changes, expected, give_up: false }).await? == Outcome::Written {
            return Ok(true);
        }
    }
    Err(busy())
}

/// All that is kept of a login.
pub(super) async fn kept(store: &Store, login: &str) -> Result<Vec<Kept>> {
    Ok(list(store, login).await?.0.uploads)
}

/// Opens a plan. `None`: it was boxed under another key, and is of no use.
pub(super) async fn open_plan(engine: &Engine, rest: &RestKey, login: &str, kept: &Kept) -> Option<UploadPlan> {
    let text = open_at_rest(engine, rest, &plan_context(login, kept.item), &kept.plan.0).await.ok()?;
    UploadPlan::try_from(&text).ok()
}

/// Keeps a plan.
pub(super) async fn keep(
    engine: &Engine,
    store: &Store,
    rest: &RestKey,
    login: &str,
    plan: &UploadPlan,
    segments: u64,
) -> Result<()> {
    let text = SecretBytes::new(serde_json::to_vec(plan).map_err(|_| unreadable())?);
    let boxed = Bytes(seal_at_rest(engine, rest, &plan_context(login, plan.item), text.expose()).await?);
    update(store, login, &[], |list| {
        list.uploads.push(Kept { item: plan.item, segments, plan: boxed.clone() });
        let excess = list.uploads.len().saturating_sub(MAX_KEPT);
        Ok(Some(list.uploads.drain(..excess).flat_map(|old| gone(&old)).collect()))
    })
    .await
    .map(drop)
}

fn gone(kept: &Kept) -> Vec<(String, Option<Entry>)> {
    (0..kept.segments).map(|n| (segment_key(kept.item, n), None)).collect()
}

/// Notes that an upload goes on: the one that went on the longest ago is forgotten first.
pub(super) async fn used(store: &Store, login: &str, item: Uuid) -> Result<()> {
    update(store, login, &[], |list| {
        let Some(at) = list.uploads.iter().position(|k| k.item == item) else { return Ok(None) };
        let upload = list.uploads.remove(at);
        list.uploads.push(upload);
        Ok(Some(Vec::new()))
    })
    .await
    .map(drop)
}

/// Forgets one upload.
pub(super) async fn forget(store: &Store, login: &str, item: Uuid) -> Result<()> {
    update(store, login, &[], |list| {
        let at = list.uploads.iter().position(|k| k.item == item);
        Ok(at.map(|at| gone(&list.uploads.remove(at))))
    })
    .await
    .map(drop)
}

/// Adds to a batch what leaves nothing of a login's uploads. What cannot be read must not keep anybody from wiping.
pub(super) async fn wipe(store: &Store, login: &str, batch: &mut Batch) {
    batch.changes.push((list_key(login), None));
    if let Ok((list, read)) = list(store, login).await {
        batch.changes.extend(list.uploads.iter().flat_map(gone));
        batch.expected.push((list_key(login), read));
    }
}

/// What is known of a segment (`None`: nothing yet), and its text as it was read. Errors: [`Code::StoreUnreadable`].
pub(super) async fn segment(
    store: &Store,
    key: &Key32,
    item: Uuid,
    n: u64,
) -> Result<(Option<Segment>, Option<String>)> {
    let Some(entry) = store.get(&segment_key(item, n)).await? else { return Ok((None, None)) };
    Ok((Some(open_segment(key, item, n, &entry.text)?), Some(entry.text)))
}

fn open_segment(key: &Key32, item: Uuid, n: u64, text: &str) -> Result<Segment> {
    let sealed = from_base64url(text).map_err(|_| unreadable())?;
    let plain = open_box(key, &segment_context(item, n), &sealed).map_err(|_| unreadable())?;
    let (hashes, rest) = plain.expose().as_chunks::<32>();
    let [done] = rest else { return Err(unreadable()) };
    match done {
        0 => Ok(Segment { data: hashes.to_vec(), sealed: None }),
        data => {
            // The sealed ones follow, and are at least as many: padding has no data.
            let (data, sealed) = hashes.split_at_checked(usize::from(*data) - 1).ok_or_else(unreadable)?;
            Ok(Segment { data: data.to_vec(), sealed: Some(sealed.to_vec()) })
        }
    }
}

/// Keeps what is known of a segment, whose chunks are less than 255, in place of what was read before. Gives `false` if
/// that is not there any more: somebody else sends it too, and their word must not be overwritten, since two contents
/// under one key and nonce would give both away.
///
/// Errors: [`Code::NotFound`] if the upload was forgotten meanwhile, as signing out does: nothing is left behind then.
pub(super) async fn keep_segment(
    engine: &Engine,
    store: &Store,
    login: &str,
    plan: &UploadPlan,
    n: u64,
    segment: &Segment,
    before: Option<String>,
) -> Result<bool> {
    let mut plain = segment.data.concat();
    let mut done = 0;
    if let Some(sealed) = &segment.sealed {
        plain.extend_from_slice(sealed.as_flattened());
        done = u8::try_from(segment.data.len() + 1).map_err(|_| unreadable())?;
    }
    plain.push(done);
    let boxed = seal_box(engine, &plan.key()?, &segment_context(plan.item, n), &zeroize::Zeroizing::new(plain))?;
    let text = to_base64url(&boxed);
    let as_read = [(segment_key(plan.item, n), before)];
    update(store, login, &as_read, |list| {
        if !list.uploads.iter().any(|k| k.item == plan.item) {
            return Err(forgotten());
        }
        Ok(Some(vec![(segment_key(plan.item, n), Some(Entry::of(text.clone())))]))
    })
    .await
}
