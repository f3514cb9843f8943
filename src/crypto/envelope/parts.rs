//! Envelopes whose chunks lie somewhere one by one: sealed and opened in any order.
//!
//! The head is header and metadata; the hash list is h0 ‖ … ‖ hn; the trailer is apart. Because the content digest is
//! made of the hash list, everything is checked against the grant before the first chunk is opened.

use zeroize::Zeroizing;

use super::chunk::{ContentDigest, ContentKey, Index, chunk_hash};
use super::header::{DEFAULT_CHUNK_LOG2, HEADER_LENGTH, Header, Layout, TAG, padme, read_header};
use super::open::read_metadata;
use super::pieces::{Cipher, Plain};
use super::seal::Sealing;
use super::{Author, Buffer, Metadata, Seal, Trailer, trailer};
use crate::crypto::Engine;
use crate::crypto::keys::DataKey;
use crate::encoding::Hash;
use crate::error::{Error, Result};
use crate::secret::equal;

/// A sealed chunk, with the SHA-256 of its ciphertext.
pub type SealedChunk = (Buffer, [u8; 32]);

/// An envelope that is sealed chunk by chunk.
pub struct SealParts {
    sealing: Sealing,
    cipher: Cipher,
    layout: Layout,
    length: u64,
}

impl SealParts {
    /// Begins, or goes on with, one version of one item. Under one key and salt, no chunk may ever be sealed with two
    /// contents: whoever goes on knows what was sealed before (protocol section 6).
    pub fn begin(key: &DataKey, what: &Seal<'_>, length: u64, salt: &[u8; 32]) -> Result<Self> {
        let sealing = Sealing::begin(key, what, Some(length), salt, DEFAULT_CHUNK_LOG2)?;
        let layout = sealing.layout(if what.pad { padme(length) } else { length })?;
        Ok(Self { sealing, cipher: Cipher::new(), layout, length })
    }

    /// Header and sealed metadata.
    pub fn head(&self) -> Vec<u8> {
        self.sealing.head()
    }

    /// How many data chunks there will be.
    pub fn chunks(&self) -> u64 {
        self.layout.chunks
    }

    /// The size of all but the last, in bytes of plaintext.
    pub fn chunk_size(&self) -> u64 {
        self.sealing.header.chunk_size()
    }

    /// Where the data of some chunks lies: `from..to`, without padding.
    pub fn data_of(&self, first: u64, count: u64) -> (u64, u64) {
        let size = self.chunk_size();
        let at = |chunk: u64| chunk.saturating_mul(size).min(self.length);
        (at(first - 1), at(first - 1 + count))
    }

    /// Seals the chunks from `first` on, whose data `bytes` is.
    pub async fn seal(&mut self, engine: &Engine, first: u64, count: u64, bytes: &Buffer) -> Result<Vec<SealedChunk>> {
        let (from, to) = self.data_of(first, count);
        if bytes.len() as u64 != to - from || first == 0 || first + count > self.layout.chunks + 1 {
            return Err(Error::bad_input("the file changed its size while it was read"));
        }
        let mut plain = Vec::new();
        for i in first..first + count {
            let place = self.layout.place(i);
            let begin = place.plain.clamp(from, to) - from;
            let end = (place.plain + place.plain_len).clamp(from, to) - from;
            let part = bytes.slice(begin as usize, (end - begin) as usize)?;
            let index = Index::data(i, self.layout.chunks)?;
            plain.push(Plain { index, bytes: part, padded: place.plain_len as usize });
        }
        self.cipher.seal(engine, &self.sealing.key, plain).await
    }

    /// The hash list, the sealed trailer (empty when there is no author) and the content digest.
    pub async fn finish(
        mut self,
        engine: &Engine,
        author: Option<&Author<'_>>,
        hashes: &[[u8; 32]],
    ) -> Result<(Vec<u8>, Vec<u8>, Hash)> {
        if hashes.len() as u64 != self.layout.chunks {
            return Err(Error::bad_input("some chunks are not sealed yet"));
        }
        hashes.iter().for_each(|hash| self.sealing.digest.add(hash));
        let list = [&[chunk_hash(&self.sealing.metadata)][..], hashes].concat().concat();
        let (digest, trailer) = self.sealing.finish(engine, author, self.layout.chunks).await?;
        Ok((list, trailer, digest))
    }
}

/// An envelope whose chunks are opened one by one.
pub struct OpenParts {
    layout: Layout,
    key: ContentKey,
    cipher: Cipher,
    hashes: Vec<[u8; 32]>,
    metadata: Metadata,
    trailer: Option<Trailer>,
    length: u64,
}

impl OpenParts {
    /// Checks the hash list against what a grant vouches for, and opens the metadata. Errors: `Corrupt`.
    pub fn begin(key: &DataKey, head: &[u8], hashes: &[u8], sealed_trailer: &[u8], expected: &Hash) -> Result<Self> {
        let header: Header = read_header(head)?;
        let metadata = head.get(HEADER_LENGTH..).unwrap_or_default();
        let (list, rest) = hashes.as_chunks::<32>();
        let [first, chunks @ ..] = list else { return Err(Error::corrupt()) };
        let fits = rest.is_empty()
            && metadata.len() as u64 == u64::from(header.metadata_len) + TAG
            && sealed_trailer.is_empty() != header.signed
            && equal(first, &chunk_hash(metadata));
        let content = ContentKey::committed(key, &header)?.filter(|_| fits).ok_or_else(Error::corrupt)?;
        let trailer = match header.signed {
            false => None,
            true => {
                let plain = content.open(Index::trailer(chunks.len() as u64)?, sealed_trailer)?;
                Some(trailer::decode(plain.expose())?)
            }
        };
        let mut digest = ContentDigest::default();
        list.iter().for_each(|hash| digest.add(hash));
        let digest = digest.finish(&header, trailer.as_ref().map(|t| &t.fingerprint));
        if !equal(&digest.0, &expected.0) {
            return Err(Error::corrupt());
        }
        let text = Zeroizing::new(content.open(Index::METADATA, metadata)?.expose().to_vec());
        let metadata = read_metadata(&text)?;
        let length = metadata.length.ok_or_else(Error::corrupt)?;
        let padded = if header.padded { padme(length) } else { length };
        let layout = Layout::for_data(&header, padded).map_err(|_| Error::corrupt())?;
        if layout.chunks != chunks.len() as u64 {
            return Err(Error::corrupt());
        }
        let hashes = chunks.to_vec();
        Ok(Self { layout, key: content, cipher: Cipher::new(), hashes, metadata, trailer, length })
    }

    /// The metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The author trailer, whose signature is not verified yet.
    pub fn trailer(&self) -> Option<&Trailer> {
        self.trailer.as_ref()
    }

    /// The data's length in bytes, without padding.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The size of all data chunks but the last, in bytes of plaintext.
    pub fn chunk_size(&self) -> u64 {
        self.layout.chunk_size()
    }

    /// How many data chunks there are.
    pub fn chunks(&self) -> u64 {
        self.layout.chunks
    }

    /// Opens the chunks from `first` on, without their padding. Errors: `Corrupt`.
    pub async fn open(&mut self, engine: &Engine, first: u64, sealed: Vec<Buffer>) -> Result<Vec<Buffer>> {
        let from = (first as usize).checked_sub(1).ok_or_else(Error::corrupt)?;
        let hashes = self.hashes.get(from..from + sealed.len()).ok_or_else(Error::corrupt)?;
        let mut chunks = Vec::with_capacity(sealed.len());
        for (i, bytes) in (first..).zip(sealed) {
            chunks.push((Index::data(i, self.layout.chunks)?, bytes));
        }
        let mut out = Vec::with_capacity(chunks.len());
        let opened = self.cipher.open(engine, &self.key, chunks, Some(hashes)).await?;
        for (i, (plain, _)) in (first..).zip(opened) {
            let place = self.layout.place(i);
            let wanted = self.length.saturating_sub(place.plain).min(place.plain_len);
            if plain.len() as u64 != place.plain_len {
                return Err(Error::corrupt());
            }
            out.push(plain.cut_zeros(wanted as usize)?.ok_or_else(Error::corrupt)?);
        }
        Ok(out)
    }
}

impl std::fmt::Debug for SealParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealParts({} bytes)", self.length)
    }
}

impl std::fmt::Debug for OpenParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenParts({} bytes)", self.length)
    }
}
