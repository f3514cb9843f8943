//! Whole items whose bytes are in JavaScript's memory: chunk by chunk through `crypto.subtle`.
//!
//! Only the metadata and the trailer come into this module's memory. A few chunks are under way at once, each
//! from one snapshot of the caller's bytes. Names no Web API: `webcrypto` does.

use std::collections::VecDeque;

use super::chunk::Index;
use super::header::{HEADER_LENGTH, Layout};
use super::open::Opening;
use super::seal::Sealing;
use super::{Author, Buffer, OpenedEnvelope, Sealed};
use crate::crypto::Engine;
use crate::crypto::keys::DataKey;
use crate::crypto::webcrypto::{BulkKey, Pending, WebBuffer, start_helped_sha256, start_last_sha256};
use crate::encoding::Hash;
use crate::error::{Code, Error, Result};

/// Up to here one synchronous call in this module beats a round trip per chunk.
const SMALL: usize = 4096;
/// How many chunks are under way at once.
const AHEAD: u64 = 4;
/// How many hashes are.
const HASHES: usize = 16;

/// Chunks under way, oldest first.
struct Ahead {
    next: u64,
    chunks: u64,
    most: u64,
    pending: VecDeque<Pending>,
}

impl Ahead {
    fn new(layout: &Layout, most: u64) -> Self {
        Self { next: 1, chunks: layout.chunks, most, pending: VecDeque::new() }
    }

    /// The oldest chunk, after starting those that may be under way beside it. `None` after the last.
    fn take(&mut self, start: impl Fn(u64) -> Result<Pending>) -> Result<Option<Pending>> {
        while self.next <= self.chunks && (self.pending.len() as u64) < self.most {
            self.pending.push_back(start(self.next)?);
            self.next += 1;
        }
        Ok(self.pending.pop_front())
    }
}

/// Seals data that its owner may change meanwhile: what is hashed is what was sealed.
pub(super) async fn seal(
    engine: &Engine,
    mut sealing: Sealing,
    author: Option<&Author<'_>>,
    data: &WebBuffer,
    layout: &Layout,
) -> Result<Sealed> {
    let length = data.len() as u64;
    if length <= SMALL as u64 {
        let bytes = zeroize::Zeroizing::new(data.read(0, length as usize));
        if bytes.len() as u64 != length {
            return Err(Error::bad_input("the bytes changed their size, or were transferred, while they were read"));
        }
        let sealed = sealing.heap(engine, author, &bytes, layout).await?;
        return Ok(Sealed { bytes: Buffer::Web(WebBuffer::copy_of(&sealed.bytes.into_heap())), ..sealed });
    }
    // Where the data stands at the end of memory that is large enough, each chunk is sealed to where others stood before.
    let at = layout.room();
    let room = data.room(at, layout.total());
    let out = match &room {
        Some(whole) => whole.clone(),
        None => WebBuffer::zeros(layout.total())?,
    };
    out.write(0, &sealing.header.to_bytes())?;
    out.write(HEADER_LENGTH as u64, &sealing.metadata)?;
    let key = BulkKey::import(engine, &sealing.key.key, "encrypt").await?;
    let start = |i| {
        let place = layout.place(i);
        let nonce = Index::data(i, layout.chunks)?.nonce();
        if let Some(whole) = &room {
            // Zeros follow the data there.
            return key.seal(&nonce, whole, at + place.plain, place.plain_len, place.plain_len);
        }
        // The part of this chunk that is data; padding follows.
        let there = length.saturating_sub(place.plain).min(place.plain_len);
        key.seal(&nonce, data, place.plain.min(length), there, place.plain_len)
    };
    let mut ahead = Ahead::new(layout, AHEAD);
    let mut hashing = VecDeque::new();
    for i in 1..=layout.chunks {
        let sealed = ahead.take(start)?.ok_or_else(Error::corrupt)?.finish_bytes().await.map_err(refused)?;
        sealed.copy_into(&out, layout.place(i).sealed)?;
        hashing.push_back(start_last_sha256(engine, sealed)?);
        if hashing.len() >= HASHES {
            add(&mut sealing, hashing.pop_front()).await?;
        }
    }
    while !hashing.is_empty() {
        add(&mut sealing, hashing.pop_front()).await?;
    }
    let end = layout.trailer();
    let (digest, trailer) = sealing.finish(engine, author, layout.chunks).await?;
    if let Some(at) = end {
        out.write(at, &trailer)?;
    }
    Ok(Sealed { bytes: Buffer::Web(out), digest })
}

async fn add(sealing: &mut Sealing, hash: Option<Pending>) -> Result<()> {
    if let Some(hash) = hash {
        sealing.digest.add(&hash.finish_digest().await?);
    }
    Ok(())
}

/// Opens an envelope: one pass for the digest, one for the data.
///
/// Whoever changes the bytes between the passes only makes their own call fail, unless they hold the data key.
pub(super) async fn open(
    engine: &Engine,
    key: &DataKey,
    bytes: &WebBuffer,
    expected: Option<&Hash>,
) -> Result<OpenedEnvelope> {
    if bytes.len() > SMALL {
        return open_chunks(engine, key, bytes, expected).await;
    }
    let opened = super::open::heap(key, &bytes.read(0, bytes.len()), expected)?;
    Ok(OpenedEnvelope { data: Buffer::Web(WebBuffer::copy_of(&opened.data.into_heap())), ..opened })
}

/// Bytes that went away or changed their size between the passes are not what was sealed either.
fn changed(error: Error) -> Error {
    if error.code() == Code::BadInput { Error::corrupt() } else { error }
}

/// Sealing has nothing that could be corrupt: what failed is the environment.
fn refused(error: Error) -> Error {
    if error.code() == Code::Corrupt { Error::bad_input("crypto.subtle refused to seal these bytes") } else { error }
}

async fn open_chunks(
    engine: &Engine,
    key: &DataKey,
    bytes: &WebBuffer,
    expected: Option<&Hash>,
) -> Result<OpenedEnvelope> {
    let get = |from: u64, len: u64| {
        let part = bytes.read(from as usize, len as usize);
        if part.len() as u64 == len { Ok(part) } else { Err(Error::corrupt()) }
    };
    let mut opening = Opening::begin(key, &bytes.read(0, HEADER_LENGTH), bytes.len() as u64, get)?;
    let layout = opening.layout;
    let mut ahead = Ahead::new(&layout, HASHES as u64);
    let hash = |i| {
        let place = layout.place(i);
        start_helped_sha256(engine, bytes, place.sealed, place.sealed_len).map_err(changed)
    };
    while let Some(hash) = ahead.take(hash)? {
        opening.add(&hash.finish_digest().await?);
    }
    let checked = opening.check(expected)?;
    let key = BulkKey::import(engine, &checked.key.key, "decrypt").await?;
    // Nothing but the data is opened to where its ciphertext stood: all of it was checked, and is not needed again.
    let out = match bytes.inner().filter(|inner| inner.len() as u64 == checked.length) {
        Some(inner) => inner,
        None => WebBuffer::zeros(checked.length)?,
    };
    let mut ahead = Ahead::new(&layout, AHEAD);
    let start = |i| {
        let place = layout.place(i);
        key.open(&Index::data(i, layout.chunks)?.nonce(), bytes, place.sealed, place.sealed_len).map_err(changed)
    };
    for i in 1..=layout.chunks {
        let place = layout.place(i);
        let plain = ahead.take(start)?.ok_or_else(Error::corrupt)?.finish_bytes().await?;
        let wanted = checked.length.saturating_sub(place.plain);
        let zeros = plain.copy_start(wanted, &out, place.plain.min(checked.length))?;
        plain.wipe();
        if !zeros {
            out.wipe();
            return Err(Error::corrupt());
        }
    }
    Ok(checked.finish(Buffer::Web(out)))
}
