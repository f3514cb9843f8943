//! Opening a whole item: commitment, author, digest, metadata, then the data.
//!
//! Every failure after the header looks the same. No length is trusted: the total must be exactly what the
//! header implies, and nothing is allocated beyond the input's own size.

use super::chunk::{ContentDigest, ContentKey, Index, chunk_hash};
use super::header::{Header, Layout, SEALED_TRAILER, padme, read_header};
use super::{Buffer, Metadata, OpenedEnvelope, Trailer, trailer};
use crate::crypto::Engine;
use crate::crypto::keys::DataKey;
use crate::encoding::Hash;
use crate::error::{Error, Result};
use crate::secret::equal;

/// Opens an envelope.
///
/// `expected_digest` is what the grant vouches for; it is compared before any data is decrypted, and without
/// it only the data key vouches for the content. Errors: `UnsupportedVersion` for what a newer version
/// sealed, otherwise `Corrupt`, whatever the reason.
pub async fn open(
    engine: &Engine,
    key: &DataKey,
    bytes: &Buffer,
    expected_digest: Option<&Hash>,
) -> Result<OpenedEnvelope> {
    // Only data in JavaScript's memory needs to know which engine.
    let _ = engine;
    match bytes {
        Buffer::Heap(bytes) => heap(key, bytes, expected_digest),
        #[cfg(target_arch = "wasm32")]
        Buffer::Web(bytes) => super::web::open(engine, key, bytes, expected_digest).await,
    }
}

pub(super) fn heap(key: &DataKey, bytes: &[u8], expected: Option<&Hash>) -> Result<OpenedEnvelope> {
    let get = |from: u64, len: u64| bytes.get(from as usize..(from + len) as usize).ok_or_else(Error::corrupt);
    let mut opening = Opening::begin(key, bytes, bytes.len() as u64, |from, len| get(from, len).map(<[u8]>::to_vec))?;
    for i in 1..=opening.layout.chunks {
        let place = opening.layout.place(i);
        opening.add(&chunk_hash(get(place.sealed, place.sealed_len)?));
    }
    let checked = opening.check(expected)?;
    let mut data = Vec::with_capacity(checked.layout.data as usize);
    for i in 1..=checked.layout.chunks {
        let place = checked.layout.place(i);
        let index = Index::data(i, checked.layout.chunks)?;
        data.extend_from_slice(checked.key.open(index, get(place.sealed, place.sealed_len)?)?.expose());
    }
    let length = checked.length as usize;
    if data[length..].iter().any(|byte| *byte != 0) {
        return Err(Error::corrupt());
    }
    data.truncate(length);
    Ok(checked.finish(Buffer::Heap(data)))
}

/// An envelope whose key fits: its digest is being gathered.
pub(super) struct Opening {
    header: Header,
    pub(super) layout: Layout,
    key: ContentKey,
    metadata: Vec<u8>,
    trailer: Option<Trailer>,
    hashes: ContentDigest,
}

impl Opening {
    /// `get(from, len)` gives a copy of a part of the envelope, which begins with `first` and is `total` bytes long.
    pub(super) fn begin(
        key: &DataKey,
        first: &[u8],
        total: u64,
        get: impl Fn(u64, u64) -> Result<Vec<u8>>,
    ) -> Result<Self> {
        let header = read_header(first)?;
        let layout = Layout::for_total(&header, total)?;
        let key = ContentKey::committed(key, &header)?.ok_or_else(Error::corrupt)?;
        // The signer's fingerprint is part of the digest, so this comes first.
        let trailer = match layout.trailer() {
            None => None,
            Some(from) => {
                let plain = key.open(Index::trailer(layout.chunks)?, &get(from, SEALED_TRAILER)?)?;
                Some(trailer::decode(plain.expose())?)
            }
        };
        let (from, len) = layout.metadata();
        let metadata = get(from, len)?;
        let mut hashes = ContentDigest::default();
        hashes.add(&chunk_hash(&metadata));
        Ok(Self { header, layout, key, metadata, trailer, hashes })
    }

    /// Adds the next data chunk's hash.
    pub(super) fn add(&mut self, chunk_hash: &[u8; 32]) {
        self.hashes.add(chunk_hash);
    }

    /// Compares the digest of all chunks with the expected one, then opens the metadata.
    pub(super) fn check(self, expected: Option<&Hash>) -> Result<Checked> {
        let digest = self.hashes.finish(&self.header, self.trailer.as_ref().map(|t| &t.fingerprint));
        if expected.is_some_and(|expected| !equal(&expected.0, &digest.0)) {
            return Err(Error::corrupt());
        }
        let text = self.key.open(Index::METADATA, &self.metadata)?;
        let metadata = read_metadata(text.expose())?;
        let length = length_of(&self.header, &metadata, self.layout.data)?;
        let Self { header, layout, key, trailer, .. } = self;
        Ok(Checked { header, layout, key, metadata, trailer, length, digest })
    }
}

/// An envelope of which everything but the data is open.
pub(super) struct Checked {
    header: Header,
    pub(super) layout: Layout,
    pub(super) key: ContentKey,
    metadata: Metadata,
    trailer: Option<Trailer>,
    /// The data's length without padding; at most the layout's.
    pub(super) length: u64,
    digest: Hash,
}

impl Checked {
    pub(super) fn finish(self, data: Buffer) -> OpenedEnvelope {
        let Self { header, metadata, trailer, digest, .. } = self;
        OpenedEnvelope { header, metadata, data, digest, trailer }
    }
}

/// Reads the metadata's text.
pub(super) fn read_metadata(text: &[u8]) -> Result<Metadata> {
    let metadata: Metadata = serde_json::from_slice(text).map_err(|_| Error::corrupt())?;
    if metadata.is_well_formed() { Ok(metadata) } else { Err(Error::corrupt()) }
}

/// The data's length without padding: what the metadata says, which must fit what is there.
pub(super) fn length_of(header: &Header, metadata: &Metadata, there: u64) -> Result<u64> {
    match (header.padded, metadata.length) {
        (true, Some(length)) if padme(length) == there => Ok(length),
        (false, Some(length)) if length == there => Ok(length),
        (false, None) => Ok(there),
        _ => Err(Error::corrupt()),
    }
}
