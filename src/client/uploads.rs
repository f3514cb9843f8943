//! What rests on this device of files on their way to the relay, so that a reload costs nothing (protocol section 6).
//!
//! What a file will be rests here, and after the relay has a chunk, the SHA-256 of its ciphertext. So a file that is begun
//! again goes on where it stopped. Nothing that is lost here, or brought back, has a chunk sealed with two contents: the
//! key depends on what the file holds. Everything but ids is boxed.

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
async fn update(
    store: &Store,
    login: &str,
    change: impl Fn(&mut List) -> Result<Option<Vec<(String, Option<Entry>)>>>,
) -> Result<()> {
    let _held = store.hold().await;
    for _ in 0..ATTEMPTS {
        let (mut list, read) = list(store, login).await?;
        let Some(mut changes) = change(&mut list)? else { return Ok(()) };
        let text = if list.uploads.is_empty() { None } else { Some(crate::wire::to_json(&list)?) };
        if text != read {
            changes.push((list_key(login), text.map(Entry::of)));
        }
        let expected = vec![(list_key(login), read)];
        if store.write(Batch { changes, expected, give_up: false }).await? == Outcome::Written {
            return Ok(());
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
    update(store, login, |list| {
        list.uploads.push(Kept { item: plan.item, segments, plan: boxed.clone() });
        let excess = list.uploads.len().saturating_sub(MAX_KEPT);
        Ok(Some(list.uploads.drain(..excess).flat_map(|old| gone(&old)).collect()))
    })
    .await
}

fn gone(kept: &Kept) -> Vec<(String, Option<Entry>)> {
    (0..kept.segments).map(|n| (segment_key(kept.item, n), None)).collect()
}

/// Notes that an upload goes on: the one that went on the longest ago is forgotten first.
pub(super) async fn used(store: &Store, login: &str, item: Uuid) -> Result<()> {
    update(store, login, |list| {
        let Some(at) = list.uploads.iter().position(|k| k.item == item) else { return Ok(None) };
        let upload = list.uploads.remove(at);
        list.uploads.push(upload);
        Ok(Some(Vec::new()))
    })
    .await
}

/// Forgets one upload.
pub(super) async fn forget(store: &Store, login: &str, item: Uuid) -> Result<()> {
    update(store, login, |list| {
        let at = list.uploads.iter().position(|k| k.item == item);
        Ok(at.map(|at| gone(&list.uploads.remove(at))))
    })
    .await
}

/// Adds to a batch what leaves nothing of a login's uploads. What cannot be read must not keep anybody from wiping.
pub(super) async fn wipe(store: &Store, login: &str, batch: &mut Batch) {
    batch.changes.push((list_key(login), None));
    if let Ok((list, read)) = list(store, login).await {
        batch.changes.extend(list.uploads.iter().flat_map(gone));
        batch.expected.push((list_key(login), read));
    }
}

/// SHA-256 of the ciphertext of each chunk of a segment that the relay has; `None`: it has not all of them yet.
/// Errors: [`Code::StoreUnreadable`].
pub(super) async fn segment(store: &Store, key: &Key32, item: Uuid, n: u64) -> Result<Option<Vec<[u8; 32]>>> {
    let Some(entry) = store.get(&segment_key(item, n)).await? else { return Ok(None) };
    let sealed = from_base64url(&entry.text).map_err(|_| unreadable())?;
    let plain = open_box(key, &segment_context(item, n), &sealed).map_err(|_| unreadable())?;
    match plain.expose().as_chunks::<32>() {
        (hashes, []) => Ok(Some(hashes.to_vec())),
        _ => Err(unreadable()),
    }
}

/// Notes that the relay has the chunks of a segment.
///
/// Errors: [`Code::NotFound`] if the upload was forgotten meanwhile, as signing out does: nothing is left behind then.
pub(super) async fn keep_segment(
    engine: &Engine,
    store: &Store,
    login: &str,
    plan: &UploadPlan,
    n: u64,
    hashes: &[[u8; 32]],
) -> Result<()> {
    let boxed = seal_box(engine, &plan.key()?, &segment_context(plan.item, n), hashes.as_flattened())?;
    let text = to_base64url(&boxed);
    update(store, login, |list| {
        if !list.uploads.iter().any(|k| k.item == plan.item) {
            return Err(forgotten());
        }
        Ok(Some(vec![(segment_key(plan.item, n), Some(Entry::of(text.clone())))]))
    })
    .await
}
