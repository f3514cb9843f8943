//! Sealing a whole item.
//!
//! Data in this module's memory is sealed here, in one go; data in JavaScript's by `web`, chunk by chunk.

use zeroize::Zeroizing;

use super::chunk::{ContentDigest, ContentKey, Index, chunk_hash};
use super::header::{DEFAULT_CHUNK_LOG2, Header, Layout, padme};
use super::{Author, Buffer, Seal, Sealed, Trailer, author_message, trailer};
use crate::crypto::Engine;
use crate::crypto::keys::DataKey;
use crate::encoding::{Fixed, Hash};
use crate::error::Result;

/// Seals one version of one item. `key` must be fresh: it seals this envelope and no other.
///
/// Errors: `BadInput` for metadata over 1 MiB, a `length` that is not the data's, a bad login, or data that
/// changed its size while it was sealed. Cancelling leaves nothing behind.
pub async fn seal(engine: &Engine, key: &DataKey, what: &Seal<'_>, data: &Buffer) -> Result<Sealed> {
    let salt = engine.random::<32>()?;
    dangerous_seal_with(engine, key, what, data, &salt, DEFAULT_CHUNK_LOG2).await
}

/// [`seal`] with a salt that was drawn with the key.
pub(crate) async fn seal_with_salt(
    engine: &Engine,
    key: &DataKey,
    what: &Seal<'_>,
    data: &Buffer,
    salt: &[u8; 32],
) -> Result<Sealed> {
    dangerous_seal_with(engine, key, what, data, salt, DEFAULT_CHUNK_LOG2).await
}

/// [`seal`] with the salt and the chunk size given: for test vectors only. A salt must not repeat under a key.
#[doc(hidden)]
pub async fn dangerous_seal_with(
    engine: &Engine,
    key: &DataKey,
    what: &Seal<'_>,
    data: &Buffer,
    salt: &[u8; 32],
    chunk_log2: u8,
) -> Result<Sealed> {
    let length = data.len() as u64;
    let sealing = Sealing::begin(key, what, Some(length), salt, chunk_log2)?;
    let layout = sealing.layout(if what.pad { padme(length) } else { length })?;
    match data {
        Buffer::Heap(bytes) => sealing.heap(engine, what.author.as_ref(), bytes, &layout).await,
        #[cfg(target_arch = "wasm32")]
        Buffer::Web(bytes) => super::web::seal(engine, sealing, what.author.as_ref(), bytes, &layout).await,
    }
}

/// An envelope whose header and metadata are done.
pub(super) struct Sealing {
    pub(super) header: Header,
    pub(super) key: ContentKey,
    /// Sealed.
    pub(super) metadata: Vec<u8>,
    pub(super) digest: ContentDigest,
}

impl Sealing {
    /// `length` is the data's without padding, where it is known beforehand.
    pub(super) fn begin(
        key: &DataKey,
        what: &Seal<'_>,
        length: Option<u64>,
        salt: &[u8; 32],
        chunk_log2: u8,
    ) -> Result<Self> {
        let metadata = Zeroizing::new(what.metadata.encode(length)?);
        if let Some(author) = &what.author {
            crate::encoding::check_login(author.login)?;
        }
        let mut header = Header {
            id: what.id,
            key_version: what.key_version,
            chunk_log2,
            padded: what.pad,
            signed: what.author.is_some(),
            // At most 1 MiB, see `Metadata::encode`.
            metadata_len: metadata.len() as u32,
            salt: *salt,
            commitment: Fixed([0; 32]),
        };
        let (content, commitment) = ContentKey::derive(key, &header)?;
        header.commitment = commitment;
        let metadata = content.seal(Index::METADATA, &metadata)?;
        let mut digest = ContentDigest::default();
        digest.add(&chunk_hash(&metadata));
        Ok(Self { header, key: content, metadata, digest })
    }

    /// Where everything lies for data of this length, padding included.
    pub(super) fn layout(&self, length: u64) -> Result<Layout> {
        Layout::for_data(&self.header, length)
    }

    /// The header and the sealed metadata: what comes before the data.
    pub(super) fn head(&self) -> Vec<u8> {
        [&self.header.to_bytes()[..], &self.metadata].concat()
    }

    pub(super) async fn heap(
        mut self,
        engine: &Engine,
        author: Option<&Author<'_>>,
        data: &[u8],
        layout: &Layout,
    ) -> Result<Sealed> {
        let mut out = Vec::with_capacity(layout.total() as usize);
        out.extend_from_slice(&self.header.to_bytes());
        out.extend_from_slice(&self.metadata);
        for i in 1..=layout.chunks {
            let place = layout.place(i);
            let chunk = padded(data, place.plain as usize, place.plain_len as usize);
            let at = out.len();
            self.key.seal_into(Index::data(i, layout.chunks)?, &chunk, &mut out)?;
            self.digest.add(&chunk_hash(&out[at..]));
        }
        let (digest, trailer) = self.finish(engine, author, layout.chunks).await?;
        out.extend_from_slice(&trailer);
        Ok(Sealed { bytes: Buffer::Heap(out), digest })
    }

    /// The content digest, and the sealed trailer (empty when there is no author), after `chunks` data chunks.
    pub(super) async fn finish(
        self,
        engine: &Engine,
        author: Option<&Author<'_>>,
        chunks: u64,
    ) -> Result<(Hash, Vec<u8>)> {
        let digest = self.digest.finish(&self.header, author.map(|a| a.fingerprint));
        let Some(author) = author else { return Ok((digest, Vec::new())) };
        let signature = engine.sign(author.key, &author_message(&digest, author.login, author.fingerprint)).await?;
        let plain = trailer::encode(&Trailer {
            login: author.login.to_owned(),
            fingerprint: *author.fingerprint,
            signature: Fixed(signature),
        })?;
        let sealed = self.key.seal(Index::trailer(chunks)?, &plain)?;
        Ok((digest, sealed))
    }
}

/// The bytes from `from` on, with zeros where the data has ended.
pub(super) fn padded(data: &[u8], from: usize, len: usize) -> std::borrow::Cow<'_, [u8]> {
    let there = data.get(from..).unwrap_or(&[]);
    if there.len() >= len {
        return (&there[..len]).into();
    }
    let mut chunk = there.to_vec();
    chunk.resize(len, 0);
    chunk.into()
}
