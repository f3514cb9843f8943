//! Data chunks under one content key, several at once, wherever their bytes are.
//!
//! What streams and parts share. A chunk's hash is always of the very ciphertext that was made or opened.

use super::chunk::{ContentKey, Index, chunk_hash};
use crate::crypto::Engine;
use crate::crypto::buffer::Buffer;
#[cfg(target_arch = "wasm32")]
use crate::crypto::webcrypto::{BulkKey, start_sha256};
use crate::error::{Error, Result};
use crate::secret::equal;

/// How many chunks are under way at once.
#[cfg(target_arch = "wasm32")]
const AHEAD: usize = 8;

/// One chunk to seal: its index, its bytes, and the length that zeros fill it up to.
pub(super) struct Plain {
    pub(super) index: Index,
    pub(super) bytes: Buffer,
    pub(super) padded: usize,
}

/// A content key, ready for many chunks.
pub(super) struct Cipher {
    #[cfg(target_arch = "wasm32")]
    seal: Option<BulkKey>,
    #[cfg(target_arch = "wasm32")]
    open: Option<BulkKey>,
}

impl Cipher {
    pub(super) fn new() -> Self {
        Self {
            #[cfg(target_arch = "wasm32")]
            seal: None,
            #[cfg(target_arch = "wasm32")]
            open: None,
        }
    }

    /// Seals chunks: each with the SHA-256 of its ciphertext.
    pub(super) async fn seal(
        &mut self,
        engine: &Engine,
        key: &ContentKey,
        chunks: Vec<Plain>,
    ) -> Result<Vec<(Buffer, [u8; 32])>> {
        let mut out = Vec::with_capacity(chunks.len());
        #[cfg(target_arch = "wasm32")]
        if chunks.first().is_some_and(|c| matches!(c.bytes, Buffer::Web(_))) {
            let bulk = match &mut self.seal {
                Some(bulk) => bulk,
                none => none.insert(BulkKey::import(engine, &key.key, "encrypt").await?),
            };
            let refused = |_| Error::bad_input("crypto.subtle refused to seal these bytes");
            for group in chunks.chunks(AHEAD) {
                let mut sealing = Vec::with_capacity(group.len());
                for chunk in group {
                    let Buffer::Web(bytes) = &chunk.bytes else { return Err(mixed()) };
                    let len = bytes.len() as u64;
                    sealing.push(bulk.seal(&chunk.index.nonce(), bytes, 0, len, chunk.padded as u64)?);
                }
                let mut hashing = Vec::with_capacity(group.len());
                for sealed in sealing {
                    let sealed = sealed.finish_bytes().await.map_err(refused)?;
                    hashing.push((start_sha256(engine, &sealed, 0, sealed.len() as u64)?, sealed));
                }
                for (hash, sealed) in hashing {
                    out.push((Buffer::Web(sealed), hash.finish_digest().await?));
                }
            }
            return Ok(out);
        }
        let _ = engine;
        for chunk in chunks {
            let mut bytes = zeroize::Zeroizing::new(chunk.bytes.into_heap());
            let padded = chunk.padded.max(bytes.len());
            bytes.resize(padded, 0);
            let sealed = key.seal(chunk.index, &bytes)?;
            out.push((Buffer::Heap(sealed.clone()), chunk_hash(&sealed)));
        }
        Ok(out)
    }

    /// Opens chunks: each with the SHA-256 of its ciphertext, which must be the one of `expected`, if there are any.
    pub(super) async fn open(
        &mut self,
        engine: &Engine,
        key: &ContentKey,
        chunks: Vec<(Index, Buffer)>,
        expected: Option<&[[u8; 32]]>,
    ) -> Result<Vec<(Buffer, [u8; 32])>> {
        let mut out = Vec::with_capacity(chunks.len());
        #[cfg(target_arch = "wasm32")]
        if chunks.first().is_some_and(|(_, bytes)| matches!(bytes, Buffer::Web(_))) {
            let bulk = match &mut self.open {
                Some(bulk) => bulk,
                none => none.insert(BulkKey::import(engine, &key.key, "decrypt").await?),
            };
            for group in chunks.chunks(AHEAD) {
                let mut opening = Vec::with_capacity(group.len());
                for (index, bytes) in group {
                    let Buffer::Web(bytes) = bytes else { return Err(mixed()) };
                    let len = bytes.len() as u64;
                    // Both begin before anybody else can touch the bytes.
                    let hash = start_sha256(engine, bytes, 0, len)?;
                    opening.push((bulk.open(&index.nonce(), bytes, 0, len)?, hash));
                }
                for (plain, hash) in opening {
                    out.push((Buffer::Web(plain.finish_bytes().await?), hash.finish_digest().await?));
                }
            }
            check(&out, expected)?;
            return Ok(out);
        }
        let _ = engine;
        for (index, bytes) in chunks {
            let sealed = bytes.into_heap();
            out.push((Buffer::Heap(key.open(index, &sealed)?.expose().to_vec()), chunk_hash(&sealed)));
        }
        check(&out, expected)?;
        Ok(out)
    }
}

/// SHA-256 of each `size` bytes of some data; of an empty run of bytes there is none.
pub async fn digests(engine: &Engine, data: &Buffer, size: usize) -> Result<Vec<[u8; 32]>> {
    match data {
        Buffer::Heap(bytes) => {
            let _ = engine;
            Ok(bytes.chunks(size).map(chunk_hash).collect())
        }
        #[cfg(target_arch = "wasm32")]
        Buffer::Web(bytes) => {
            let (mut started, mut from) = (Vec::new(), 0);
            while from < bytes.len() {
                let len = size.min(bytes.len() - from);
                started.push(start_sha256(engine, bytes, from as u64, len as u64)?);
                from += len;
            }
            let mut out = Vec::with_capacity(started.len());
            for hash in started {
                out.push(hash.finish_digest().await?);
            }
            Ok(out)
        }
    }
}

fn check(opened: &[(Buffer, [u8; 32])], expected: Option<&[[u8; 32]]>) -> Result<()> {
    let Some(expected) = expected else { return Ok(()) };
    let fits = expected.len() == opened.len() && opened.iter().zip(expected).all(|((_, hash), e)| equal(hash, e));
    if fits { Ok(()) } else { Err(Error::corrupt()) }
}

#[cfg(target_arch = "wasm32")]
fn mixed() -> Error {
    Error::bad_input("bytes of a stream come from one place")
}
