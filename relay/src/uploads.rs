//! Files whose sealed chunks the relay keeps: begun and written by their creator, then finished once, and read by
//! whoever holds the item. The bytes themselves are the backend's matter: rules see which parts, and how long.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::account::require_newest;
use super::grants::{held, item_key, put};
use super::log::limit;
use super::{Batch, Context, Records, Ruled, conflict, forbidden, segment};
use regrant_protocol::error::{Code, Error};
use regrant_protocol::operations::{Part, Reply, UploadState};
use regrant_protocol::wire::grant::Grant;
use regrant_protocol::wire::{HEADER_LENGTH, MAX_METADATA};

/// The most chunks of one file: 256 GiB in chunks of 256 KiB.
const MAX_CHUNKS: u64 = 1 << 20;
/// The longest sealed chunk: 16 MiB and its tag.
const MAX_CHUNK: u64 = (1 << 24) + 16;
/// The sealed author trailer.
const TRAILER: u64 = 380;
/// The most parts in one operation.
const MAX_PARTS: usize = 64;
/// The most uploads that one login has under way.
const MAX_UPLOADS: usize = 256;
/// After this many milliseconds an unfinished upload may be dropped: a week.
const LIFE: u64 = 7 * 24 * 3_600_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Upload {
    creator: String,
    chunks: u64,
}

/// A login's uploads under way: which, and when they began.
type Uploads = Vec<(Uuid, u64)>;

/// What is kept of a finished one.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    chunks: u64,
}

fn upload_key(item: Uuid) -> String {
    format!("upload/{item}")
}

fn uploads_key(login: &str) -> String {
    format!("uploads/{}", segment(login))
}

pub(super) fn kept_key(item: Uuid) -> String {
    format!("kept/{item}")
}

fn gone() -> Error {
    Error::new(Code::NotFound, "there is no such upload, or it was given up")
}

/// An upload of the caller's.
fn own(cx: &Context<'_>, db: &Records, item: Uuid) -> Ruled<(u64, Upload)> {
    let (rev, upload) = db.get::<Upload>(&upload_key(item))?.ok_or_else(gone)?;
    // Whether another's exists is nobody's business.
    if upload.creator == cx.caller()?.login() { Ok((rev, upload)) } else { Err(gone().into()) }
}

fn without(db: &Records, batch: &mut Batch, login: &str, item: Uuid) -> Ruled<()> {
    let key = uploads_key(login);
    if let Some((rev, mut uploads)) = db.get::<Uploads>(&key)? {
        uploads.retain(|(id, _)| *id != item);
        batch.put(key, rev, &uploads)?;
    }
    Ok(())
}

pub(super) fn begin(cx: &Context<'_>, db: &Records, batch: &mut Batch, item: Uuid, chunks: u64) -> Ruled<Reply> {
    let caller = cx.caller()?;
    require_newest(db, caller)?;
    if chunks == 0 || chunks > MAX_CHUNKS {
        return Err(Error::bad_input("too long for a relay to keep").into());
    }
    let (upload_key, kept_key, item_key) = (upload_key(item), kept_key(item), item_key(item));
    let uploads_key = uploads_key(caller.login());
    db.need([&upload_key, &kept_key, &item_key, &uploads_key])?;
    if db.get::<Upload>(&upload_key)?.is_some() {
        let (_, upload) = own(cx, db, item)?;
        let same = upload.chunks == chunks;
        return if same {
            Ok(Reply::Upload { state: UploadState::Open })
        } else {
            Err(conflict("begun otherwise").for_good().into())
        };
    }
    if db.raw(&kept_key)?.is_some() || db.raw(&item_key)?.is_some() {
        // Nobody else's: only its creator knew the id before it was finished.
        return Ok(Reply::Upload { state: UploadState::Finished });
    }
    let (rev, mut uploads) = db.get::<Uploads>(&uploads_key)?.unwrap_or_default();
    let (old, mut kept): (Uploads, Uploads) = uploads.drain(..).partition(|(_, begun)| begun + LIFE < cx.now);
    limit(kept.len() + 1, MAX_UPLOADS, "unfinished uploads")?;
    for (id, _) in old {
        if let Some((rev, _)) = db.get::<Upload>(&self::upload_key(id))? {
            batch.delete(self::upload_key(id), rev);
        }
        batch.abandon_parts(id);
    }
    kept.push((item, cx.now));
    batch.put(uploads_key, rev, &kept)?;
    batch.put(upload_key, 0, &Upload { creator: caller.login().to_owned(), chunks })?;
    Ok(Reply::Upload { state: UploadState::New })
}

pub(super) fn put_parts(cx: &Context<'_>, db: &Records, item: Uuid, parts: &[(Part, u64)]) -> Ruled<Reply> {
    limit(parts.len(), MAX_PARTS, "parts")?;
    require_newest(db, cx.caller()?)?;
    let (_, upload) = own(cx, db, item)?;
    for (part, length) in parts {
        let fits = match part {
            Part::Head => *length <= (HEADER_LENGTH + MAX_METADATA + 16) as u64,
            Part::Hashes => *length == 32 * (upload.chunks + 1),
            Part::Trailer => *length == TRAILER,
            Part::Chunk(n) => (1..=upload.chunks).contains(n) && (16..=MAX_CHUNK).contains(length),
        };
        if !fits {
            return Err(Error::bad_input("a part of a file has a length that it cannot have").into());
        }
    }
    Ok(Reply::Done)
}

pub(super) fn finish(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    item: Uuid,
    parts: u64,
    grants: &[Grant],
) -> Ruled<Reply> {
    let (rev, upload) = own(cx, db, item)?;
    let there = db.parts(item)?;
    // Head, hash list and chunks; the trailer if it is signed.
    if there != parts || !(upload.chunks + 2..=upload.chunks + 3).contains(&parts) {
        return Err(conflict("some parts of the file are not there").for_good().into());
    }
    batch.delete(upload_key(item), rev);
    batch.put(kept_key(item), 0, &Kept { chunks: upload.chunks })?;
    without(db, batch, cx.caller()?.login(), item)?;
    put(cx, db, batch, &[(item, 1)], grants, &[])
}

pub(super) fn give_up(cx: &Context<'_>, db: &Records, batch: &mut Batch, item: Uuid) -> Ruled<Reply> {
    require_newest(db, cx.caller()?)?;
    let (rev, _) = own(cx, db, item)?;
    batch.delete(upload_key(item), rev);
    batch.abandon_parts(item);
    without(db, batch, cx.caller()?.login(), item)?;
    Ok(Reply::Done)
}

/// Gives up all that a login has under way.
pub(super) fn end(db: &Records, batch: &mut Batch, login: &str) -> Ruled<()> {
    let key = uploads_key(login);
    let Some((rev, uploads)) = db.get::<Uploads>(&key)? else { return Ok(()) };
    let keys: Vec<String> = uploads.iter().map(|(id, _)| upload_key(*id)).collect();
    db.need(&keys)?;
    for ((id, _), key) in uploads.into_iter().zip(keys) {
        if let Some(stored) = db.raw(&key)? {
            batch.delete(key, stored.rev);
            batch.abandon_parts(id);
        }
    }
    batch.delete(key, rev);
    Ok(())
}

/// Lets go of a finished file, if there is one.
pub(super) fn delete(db: &Records, batch: &mut Batch, item: Uuid) -> Ruled<()> {
    let key = kept_key(item);
    if let Some(stored) = db.raw(&key)? {
        batch.delete(key, stored.rev);
        batch.drop_parts(item);
    }
    Ok(())
}

pub(super) fn get_parts(cx: &Context<'_>, db: &Records, item: Uuid, basis: Uuid, parts: &[Part]) -> Ruled<Reply> {
    limit(parts.len(), MAX_PARTS, "parts")?;
    if !held(cx, db, &[basis])?.names(item) {
        return Err(forbidden("a file is read by whoever holds it").into());
    }
    let unknown =
        || Error::new(Code::NotFound, "the relay keeps no bytes of this item: decrypt() opens bytes kept elsewhere");
    db.get::<Kept>(&kept_key(item))?.ok_or_else(unknown)?;
    Ok(Reply::Done)
}
