//! Sealing and opening as the bytes come, in pieces of any size.
//!
//! Sealing holds back what may be the last chunk, opening what may be the last chunk and the trailer. What opening
//! gives out is authentic and in order; that nothing is missing, and the content digest, are known at the end only.

use zeroize::Zeroizing;

use super::chunk::{ContentDigest, ContentKey, Index, chunk_hash};
use super::header::{DEFAULT_CHUNK_LOG2, HEADER_LENGTH, Header, Layout, SEALED_TRAILER, TAG, padme, read_header};
use super::open::{length_of, read_metadata};
use super::pieces::{Cipher, Plain};
use super::queue::{Queue, Taken};
use super::seal::Sealing;
use super::{Author, Buffer, Metadata, Seal, Trailer, trailer};
use crate::crypto::Engine;
use crate::crypto::keys::DataKey;
use crate::encoding::Hash;
use crate::error::{Error, Result};

/// An envelope that is being sealed.
pub struct SealStream {
    sealing: Sealing,
    cipher: Cipher,
    queue: Queue,
    /// The data's length, if it was said beforehand.
    length: Option<u64>,
    /// With the padding.
    padded: Option<u64>,
    signed: bool,
    seen: u64,
    chunks: u64,
}

/// What comes last, and what a grant needs to know.
#[derive(Debug)]
pub struct StreamEnd {
    /// The last data chunk.
    pub last: Buffer,
    /// The author trailer; empty when there is no author.
    pub trailer: Vec<u8>,
    /// The content digest.
    pub digest: Hash,
}

fn unequal() -> Error {
    Error::bad_input("the data is not as long as was said beforehand")
}

impl SealStream {
    /// Begins one version of one item. `key` must be fresh. `length` is the data's, if it is known; padding needs it.
    ///
    /// Errors: those of [`super::seal()`].
    pub fn begin(engine: &Engine, key: &DataKey, what: &Seal<'_>, length: Option<u64>) -> Result<Self> {
        dangerous_stream_with(key, what, length, &engine.random::<32>()?, DEFAULT_CHUNK_LOG2)
    }

    /// The envelope's first bytes: the header and the metadata.
    pub fn head(&self) -> Vec<u8> {
        self.sealing.head()
    }

    /// The whole envelope's length in bytes, if the data's was said.
    pub fn sealed_length(&self) -> Option<u64> {
        self.padded.and_then(|length| self.sealing.layout(length).ok()).map(|layout| layout.total())
    }

    fn chunk_size(&self) -> usize {
        self.sealing.header.chunk_size() as usize
    }

    /// Takes data, and gives the chunks that it completes.
    pub async fn push(&mut self, engine: &Engine, data: Buffer) -> Result<Vec<Buffer>> {
        self.seen = self.seen.saturating_add(data.len() as u64);
        if self.length.is_some_and(|length| self.seen > length) {
            return Err(unequal());
        }
        self.sealing.layout(self.seen)?;
        self.queue.push(data)?;
        let size = self.chunk_size();
        let (mut plain, mut again) = (Vec::new(), Vec::new());
        // At least one byte is held back: the last chunk is sealed as such.
        while self.queue.len() > size {
            let Some(taken) = self.queue.take(size)? else { break };
            again.extend(taken.again);
            plain.push(self.next(taken.bytes, size, false)?);
        }
        let sealed = self.seal(engine, plain).await?;
        self.queue.give_back(again);
        self.queue.settle()?;
        Ok(sealed)
    }

    /// After the data: the next chunk of padding but the last, if there is one.
    pub async fn pad(&mut self, engine: &Engine) -> Result<Option<Buffer>> {
        let size = self.chunk_size();
        let rest = self.rest()?;
        if rest <= size as u64 {
            return Ok(None);
        }
        let bytes = self.take_rest()?;
        let plain = self.next(bytes, size, false)?;
        Ok(self.seal(engine, vec![plain]).await?.pop())
    }

    /// After the padding: the last chunk, and the trailer. Errors: `BadInput` if the length is not the one that was said.
    pub async fn finish(mut self, engine: &Engine, author: Option<&Author<'_>>) -> Result<StreamEnd> {
        let rest = self.rest()?;
        if rest > self.chunk_size() as u64 || self.signed != author.is_some() {
            return Err(Error::bad_input("the padding comes before the end"));
        }
        let bytes = self.take_rest()?;
        let plain = self.next(bytes, rest as usize, true)?;
        let last = self.seal(engine, vec![plain]).await?.pop().ok_or_else(unequal)?;
        let (digest, trailer) = self.sealing.finish(engine, author, self.chunks).await?;
        Ok(StreamEnd { last, trailer, digest })
    }

    /// How many bytes are left to be sealed, padding included. Errors: `BadInput` if data is missing.
    fn rest(&self) -> Result<u64> {
        if self.length.is_some_and(|length| self.seen != length) {
            return Err(unequal());
        }
        Ok(self.padded.unwrap_or(self.seen) - self.chunks * self.chunk_size() as u64)
    }

    fn take_rest(&mut self) -> Result<Buffer> {
        let len = self.queue.len().min(self.chunk_size());
        if len == 0 {
            return Ok(Buffer::Heap(Vec::new()));
        }
        self.queue.take(len)?.map(|taken| taken.bytes).ok_or_else(unequal)
    }

    fn next(&mut self, bytes: Buffer, padded: usize, last: bool) -> Result<Plain> {
        self.chunks += 1;
        Ok(Plain { index: Index::chunk(self.chunks, last)?, bytes, padded })
    }

    async fn seal(&mut self, engine: &Engine, plain: Vec<Plain>) -> Result<Vec<Buffer>> {
        let mut out = Vec::with_capacity(plain.len());
        for (sealed, hash) in self.cipher.seal(engine, &self.sealing.key, plain).await? {
            self.sealing.digest.add(&hash);
            out.push(sealed);
        }
        Ok(out)
    }
}

/// [`SealStream::begin`] with the salt and the chunk size given: for test vectors only.
#[doc(hidden)]
pub fn dangerous_stream_with(
    key: &DataKey,
    what: &Seal<'_>,
    length: Option<u64>,
    salt: &[u8; 32],
    chunk_log2: u8,
) -> Result<SealStream> {
    if what.pad && length.is_none() {
        return Err(Error::bad_input("padding needs the data's length beforehand"));
    }
    let sealing = Sealing::begin(key, what, length, salt, chunk_log2)?;
    let padded = length.map(|length| if what.pad { padme(length) } else { length });
    let mut queue = Queue::default();
    queue.expect(sealing.header.chunk_size() as usize);
    sealing.layout(padded.unwrap_or(0))?;
    Ok(SealStream {
        sealing,
        cipher: Cipher::new(),
        queue,
        length,
        padded,
        signed: what.author.is_some(),
        seen: 0,
        chunks: 0,
    })
}

/// An envelope that is being opened.
#[derive(Default)]
pub struct OpenStream {
    queue: Queue,
    seen: u64,
    header: Option<Header>,
    body: Option<Body>,
}

struct Body {
    key: ContentKey,
    cipher: Cipher,
    digest: ContentDigest,
    metadata: Option<Metadata>,
    chunks: u64,
    /// How much was opened, padding included.
    opened: u64,
}

/// What is known at the end of a stream.
#[derive(Debug)]
pub struct EndOfStream {
    /// The data that was held back.
    pub last: Buffer,
    /// The metadata.
    pub metadata: Metadata,
    /// The content digest, to be compared with the grant's.
    pub digest: Hash,
    /// The author trailer, whose signature is not verified yet.
    pub trailer: Option<Trailer>,
}

impl OpenStream {
    /// Takes bytes of the envelope. Nothing is opened yet.
    pub fn push(&mut self, bytes: Buffer) -> Result<()> {
        self.seen = self.seen.saturating_add(bytes.len() as u64);
        self.queue.push(bytes)
    }

    /// The header, once its bytes are there. Errors: those of [`read_header`].
    pub fn header(&mut self) -> Result<Option<&Header>> {
        if self.header.is_none() {
            let Some(taken) = self.queue.take(HEADER_LENGTH)? else { return Ok(None) };
            self.header = Some(read_header(&taken.bytes.into_heap())?);
        }
        Ok(self.header.as_ref())
    }

    /// Whether a key was taken.
    pub fn has_key(&self) -> bool {
        self.body.is_some()
    }

    /// Tries a data key on the header: `false` if it is not the one that it commits to.
    pub fn try_key(&mut self, key: &DataKey) -> Result<bool> {
        let Some(header) = &self.header else { return Ok(false) };
        let Some(key) = ContentKey::committed(key, header)? else { return Ok(false) };
        let digest = ContentDigest::default();
        // The header is the sealer's own: the key commits to it.
        self.queue.expect((header.chunk_size() + TAG) as usize);
        self.body = Some(Body { key, cipher: Cipher::new(), digest, metadata: None, chunks: 0, opened: 0 });
        Ok(true)
    }

    /// Opens what is complete and surely not the end. Gives nothing before a key was taken.
    pub async fn open(&mut self, engine: &Engine) -> Result<Vec<Buffer>> {
        let mut out = Vec::new();
        if let (Some(header), Some(body)) = (&self.header, &mut self.body) {
            body.open_metadata(header, &mut self.queue)?;
            let sealed = (header.chunk_size() + TAG) as usize;
            let end = if header.signed { SEALED_TRAILER as usize } else { 0 };
            let (mut chunks, mut again) = (Vec::new(), Vec::new());
            while body.metadata.is_some() && self.queue.len() > sealed + end {
                let Some(taken) = self.queue.take(sealed)? else { break };
                body.chunks += 1;
                again.extend(taken.again);
                chunks.push((Index::chunk(body.chunks, false)?, taken.bytes));
            }
            out = body.open(engine, header, chunks).await?;
            self.queue.give_back(again);
        }
        self.queue.settle()?;
        Ok(out)
    }

    /// After the last byte: opens the last chunk and the trailer. Errors: `Corrupt` if anything is missing.
    pub async fn finish(mut self, engine: &Engine) -> Result<EndOfStream> {
        let header = self.header()?.cloned().ok_or_else(Error::corrupt)?;
        let mut body = self.body.ok_or_else(Error::corrupt)?;
        body.open_metadata(&header, &mut self.queue)?;
        let metadata = body.metadata.clone().ok_or_else(Error::corrupt)?;
        let layout = Layout::for_total(&header, self.seen)?;
        if layout.chunks != body.chunks + 1 {
            return Err(Error::corrupt());
        }
        let place = layout.place(layout.chunks);
        let sealed = self.queue.take(place.sealed_len as usize)?.ok_or_else(Error::corrupt)?.bytes;
        let trailer = match layout.trailer() {
            None => None,
            Some(_) => {
                let sealed = self.queue.take(SEALED_TRAILER as usize)?.ok_or_else(Error::corrupt)?;
                let plain = body.key.open(Index::trailer(layout.chunks)?, &sealed.bytes.into_heap())?;
                Some(trailer::decode(plain.expose())?)
            }
        };
        length_of(&header, &metadata, layout.data)?;
        body.chunks += 1;
        let chunk = (Index::chunk(body.chunks, true)?, sealed);
        let last = body.open(engine, &header, vec![chunk]).await?.pop().ok_or_else(Error::corrupt)?;
        let digest = body.digest.finish(&header, trailer.as_ref().map(|t| &t.fingerprint));
        Ok(EndOfStream { last, metadata, digest, trailer })
    }
}

impl Body {
    fn open_metadata(&mut self, header: &Header, queue: &mut Queue) -> Result<()> {
        if self.metadata.is_some() {
            return Ok(());
        }
        let Some(sealed) = queue.take(header.metadata_len as usize + TAG as usize)? else { return Ok(()) };
        let sealed = sealed.bytes.into_heap();
        let text = self.key.open(Index::METADATA, &sealed)?;
        let metadata = read_metadata(text.expose())?;
        if header.padded && metadata.length.is_none() {
            return Err(Error::corrupt());
        }
        self.digest.add(&chunk_hash(&sealed));
        self.metadata = Some(metadata);
        Ok(())
    }

    /// Opens chunks, and cuts off what is padding.
    async fn open(&mut self, engine: &Engine, header: &Header, chunks: Vec<(Index, Buffer)>) -> Result<Vec<Buffer>> {
        let mut out = Vec::with_capacity(chunks.len());
        let length = self.metadata.as_ref().and_then(|m| m.length);
        for (plain, hash) in self.cipher.open(engine, &self.key, chunks, None).await? {
            self.digest.add(&hash);
            let there = plain.len() as u64;
            let wanted = length.map_or(there, |length| length.saturating_sub(self.opened).min(there));
            self.opened += there;
            if wanted < there && !header.padded {
                return Err(Error::corrupt());
            }
            out.push(plain.cut_zeros(wanted as usize)?.ok_or_else(Error::corrupt)?);
        }
        Ok(out)
    }
}

impl std::fmt::Debug for SealStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealStream({} bytes so far)", self.seen)
    }
}

impl std::fmt::Debug for OpenStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenStream({} bytes so far)", self.seen)
    }
}

/// Plaintext of this module that waits to be sealed is wiped when it goes.
impl Drop for Queue {
    fn drop(&mut self) {
        let len = self.len();
        if let Ok(Some(Taken { bytes: Buffer::Heap(bytes), .. })) = self.take(len) {
            drop(Zeroizing::new(bytes));
        }
    }
}
