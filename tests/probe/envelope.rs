//! Envelopes: whole, as a stream in pieces, and as parts. Whatever the bytes, all three agree about what opens.

use futures::executor::block_on;
use regrant::crypto::envelope::{
    Buffer, EndOfStream, HEADER_LENGTH, Header, Metadata, OpenParts, OpenStream, OpenedEnvelope, Trailer, fits, open,
    read_header,
};
use regrant::crypto::keys::DataKey;
use regrant::crypto::{Engine, rust};
use regrant::encoding::{Fixed, Hash, Transcript};
use regrant::error::Result;
use regrant::secret::Key32;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Input, data_key};

const TAG: usize = 16;
const SEALED_TRAILER: usize = 364 + TAG;

/// The first byte says how large the stream's pieces are; the second, whether the rest is an envelope as it is, or
/// says how one is made and harmed.
pub fn probe(data: &[u8]) {
    let mut input = Input(data);
    let piece = input.byte();
    let bytes = match input.byte() {
        0 => input.rest().to_vec(),
        shape => made(shape, &mut input),
    };
    agree(&data_key(7), &bytes, piece);
}

/// A sealed envelope of anything at all under a known key: the metadata, the data and the trailer are the input's.
fn made(shape: u8, input: &mut Input<'_>) -> Vec<u8> {
    let metadata_len = input.byte() as usize;
    let metadata = input.take(metadata_len);
    let data_len = input.short() as usize % (3 * 4096 + 2);
    let fill = input.byte();
    // What differs from the fill comes last, where padding and the end of the data are.
    let tail_len = input.byte() as usize;
    let tail = input.take(tail_len.min(data_len));
    let mut plain = vec![fill; data_len - tail.len()];
    plain.extend_from_slice(tail);
    let trailer_len = input.byte() as usize;
    let trailer = (shape & 2 != 0).then(|| input.take(trailer_len));
    let mut bytes = seal(&data_key(7), shape & 4 != 0, metadata, &plain, trailer);
    if shape & 8 != 0 {
        bytes.truncate(bytes.len().saturating_sub(input.short() as usize));
    }
    while !input.0.is_empty() && !bytes.is_empty() {
        let at = input.short() as usize % bytes.len();
        bytes[at] ^= input.byte();
    }
    bytes
}

/// Seals without any rule: what no client of ours would write.
pub fn seal(key: &DataKey, padded: bool, metadata: &[u8], plain: &[u8], trailer: Option<&[u8]>) -> Vec<u8> {
    let mut header = Header {
        id: Uuid::from_u128(5),
        key_version: 1,
        chunk_log2: 12,
        padded,
        signed: trailer.is_some(),
        metadata_len: metadata.len() as u32,
        salt: [3; 32],
        commitment: Fixed([0; 32]),
    };
    let info = Transcript::new("envelope").bytes(&header.to_bytes()[..30]);
    let mut okm = [0; 64];
    rust::hkdf(key.0.expose(), &header.salt, info.as_bytes(), &mut okm).unwrap();
    header.commitment = Hash::from_slice(&okm[32..]).unwrap();
    let content = Key32::from_slice(&okm[..32]).unwrap();
    let mut number = 0u32;
    let mut chunk = |mark: u8, plain: &[u8]| {
        let mut nonce = [0; 12];
        nonce[7..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = mark;
        number += 1;
        rust::aes_gcm_seal(&content, &nonce, plain).unwrap()
    };
    let mut out = header.to_bytes().to_vec();
    out.extend(chunk(0, metadata));
    let chunks: Vec<&[u8]> = if plain.is_empty() { vec![plain] } else { plain.chunks(4096).collect() };
    for (i, part) in chunks.iter().enumerate() {
        out.extend(chunk(u8::from(i + 1 == chunks.len()), part));
    }
    if let Some(trailer) = trailer {
        let mut text = trailer.to_vec();
        text.resize(364, 0);
        out.extend(chunk(2, &text));
    }
    out
}

/// What a way of opening gave.
#[derive(Debug, PartialEq)]
struct Gave {
    data: Vec<u8>,
    metadata: Vec<u8>,
    length: Option<u64>,
    digest: Hash,
    trailer: Option<Trailer>,
}

fn text(metadata: &Metadata) -> Vec<u8> {
    metadata.encode(metadata.length).unwrap()
}

/// Opens some bytes in each way. Whether they opened.
pub fn agree(key: &DataKey, bytes: &[u8], piece: u8) -> bool {
    let engine = Engine::rust();
    if let Ok(header) = read_header(bytes) {
        assert_eq!(header.to_bytes()[..], bytes[..HEADER_LENGTH], "a header prints as it was");
        let _ = fits(key, bytes);
    }
    let whole = block_on(open(&engine, key, &Buffer::Heap(bytes.to_vec()), None)).ok().map(
        |OpenedEnvelope { data, metadata, digest, trailer, .. }| Gave {
            data: data.into_heap(),
            metadata: text(&metadata),
            length: metadata.length,
            digest,
            trailer,
        },
    );
    if let Some(whole) = &whole {
        assert!(whole.data.len() <= bytes.len() && whole.metadata.len() <= bytes.len() + 64);
    }
    let streamed = stream(&engine, key, bytes, piece).ok();
    assert!(whole == streamed, "whole {whole:?}, streamed {streamed:?}");
    let parted = parts(&engine, key, bytes, whole.as_ref()).ok();
    match &whole {
        // A relay keeps only files whose length was known beforehand.
        Some(whole) if whole.length.is_none() => assert!(parted.is_none()),
        _ => assert!(whole == parted, "whole {whole:?}, in parts {parted:?}"),
    }
    whole.is_some()
}

fn stream(engine: &Engine, key: &DataKey, bytes: &[u8], piece: u8) -> Result<Gave> {
    let size = match piece {
        0 => bytes.len().max(1),
        n => n as usize * n as usize,
    };
    let mut stream = OpenStream::default();
    let mut data = Vec::new();
    for part in bytes.chunks(size) {
        stream.push(Buffer::Heap(part.to_vec()))?;
        if stream.header()?.is_some() && !stream.has_key() {
            stream.try_key(key)?;
        }
        for opened in block_on(stream.open(engine))? {
            data.extend(opened.into_heap());
        }
    }
    let EndOfStream { last, metadata, digest, trailer } = block_on(stream.finish(engine))?;
    data.extend(last.into_heap());
    Ok(Gave { data, metadata: text(&metadata), length: metadata.length, digest, trailer })
}

/// Cuts the bytes where a relay's parts are, and opens the chunks one by one, last first.
fn parts(engine: &Engine, key: &DataKey, bytes: &[u8], whole: Option<&Gave>) -> Result<Gave> {
    let header = read_header(bytes)?;
    let mut input = Input(bytes);
    let head = input.take(HEADER_LENGTH + header.metadata_len as usize + TAG);
    let end = if header.signed { SEALED_TRAILER } else { 0 };
    let sealed = input.take(input.0.len().saturating_sub(end));
    let trailer = input.rest();
    let chunks: Vec<&[u8]> = sealed.chunks((1usize << header.chunk_log2) + TAG).collect();
    let mut hashes = Sha256::digest(head.get(HEADER_LENGTH..).unwrap_or_default()).to_vec();
    chunks.iter().for_each(|chunk| hashes.extend(Sha256::digest(chunk)));
    let digest = match whole {
        Some(whole) => whole.digest,
        None => Hash::from(
            Transcript::new("content").bytes(&header.to_bytes()).option(None).bytes(&Sha256::digest(&hashes)),
        ),
    };
    let mut parts = OpenParts::begin(key, head, &hashes, trailer, &digest)?;
    assert_eq!(parts.chunks(), chunks.len() as u64);
    assert!(parts.length() <= parts.chunks() * parts.chunk_size());
    let mut opened = Vec::new();
    for (i, chunk) in chunks.iter().enumerate().rev() {
        opened.extend(block_on(parts.open(engine, i as u64 + 1, vec![Buffer::Heap(chunk.to_vec())]))?);
    }
    let data = opened.into_iter().rev().flat_map(Buffer::into_heap).collect();
    let metadata = parts.metadata();
    Ok(Gave { data, metadata: text(metadata), length: metadata.length, digest, trailer: parts.trailer().cloned() })
}
