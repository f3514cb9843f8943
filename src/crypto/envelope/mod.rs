//! The envelope: how one version of one item is sealed (protocol section 6).
//!
//! ```text
//! 0    4   magic "RGR1"
//! 4    1   suite (1)
//! 5    1   bits 0-4: log2 of the chunk size; bit 5: zero; bit 6: padded; bit 7: signed
//! 6    16  item id
//! 22   4   key version, big-endian
//! 26   4   length of the metadata plaintext, big-endian
//! 30   32  salt
//! 62   32  commitment
//! 94   ..  chunk 0: metadata; chunks 1 to n: data; then, if signed, the author trailer
//! ```
//!
//! [`seal()`] and [`open()`] work on whole items, [`SealStream`] and [`OpenStream`] on bytes as they come, [`SealParts`]
//! and [`OpenParts`] on chunks in any order, which a relay keeps. Knows data keys and bytes. Must not know grants, relays, or whose fingerprint it is given.

mod chunk;
mod header;
mod open;
mod parts;
mod pieces;
mod queue;
mod seal;
mod stream;
mod trailer;
#[cfg(target_arch = "wasm32")]
mod web;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

pub use super::buffer::Buffer;
use super::keys::{DataKey, SigningKey};
use crate::encoding::{Hash, Signature};
use crate::error::{Error, Result};
pub use header::{
    DEFAULT_CHUNK_LOG2, HEADER_LENGTH, Header, MAX_METADATA, data_in, padme, read_header, room, sealed_length,
};
pub use open::open;
pub use parts::{OpenParts, SealParts, SealedChunk};
pub use pieces::digests;
#[doc(hidden)]
pub use seal::dangerous_seal_with;
pub use seal::seal;
pub(crate) use seal::seal_with_salt;
#[doc(hidden)]
pub use stream::dangerous_stream_with;
pub use stream::{EndOfStream, OpenStream, SealStream, StreamEnd};
pub use trailer::author_message;

/// What an item says of its data. Sealed like the data, and opened without it.
///
/// Unknown fields are ignored when read. Redacted when printed: it is as secret as the data.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// What was given to be sealed: text, JSON, bytes, a file.
    #[serde(rename = "type")]
    pub kind: String,
    /// A file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A media type (RFC 6838).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What the application adds: an object, kept as text, so that numbers and order come back as they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Box<RawValue>>,
    /// The data's length in bytes, without padding. [`seal()`] fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
}

impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metadata(redacted)")
    }
}

impl Metadata {
    /// The JSON that is sealed for data of `data_len` bytes: `length` is always written where it is known.
    ///
    /// Errors: `BadInput` beyond 1 MiB, or when `length` was given and is another.
    pub fn encode(&self, data_len: Option<u64>) -> Result<Vec<u8>> {
        if self.length.is_some() && self.length != data_len {
            return Err(Error::bad_input("the metadata's length is not the data's"));
        }
        if !self.is_well_formed() {
            return Err(Error::bad_input("the application's metadata is an object, nested at most 64 deep"));
        }
        let complete = Self { length: data_len, ..self.clone() };
        let text = serde_json::to_vec(&complete).map_err(|_| Error::bad_input("the metadata is not JSON"))?;
        if text.len() > MAX_METADATA {
            return Err(Error::bad_input("the metadata is longer than 1 MiB"));
        }
        Ok(text)
    }

    /// Whether what the application adds is an object, nested no deeper than is read.
    pub(crate) fn is_well_formed(&self) -> bool {
        self.meta.as_ref().is_none_or(|meta| meta.get().starts_with('{') && depth(meta.get()) <= MAX_DEPTH)
    }
}

/// How deep objects and lists in the application's metadata may stand in each other.
pub const MAX_DEPTH: usize = 64;

/// How deep objects and lists stand in each other, in text that is JSON.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Who signs an envelope, when its author must be provable beyond whoever granted it.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The author's login.
    pub login: &'a str,
    /// The fingerprint of the keyset that `key` belongs to.
    pub fingerprint: &'a Hash,
    /// The keyset's signing key.
    pub key: &'a SigningKey,
}

/// What to seal, beside the data.
#[derive(Clone, Copy, Debug)]
pub struct Seal<'a> {
    /// The item's id.
    pub id: Uuid,
    /// The item's version; each has a data key of its own.
    pub key_version: u32,
    /// What is said of the data.
    pub metadata: &'a Metadata,
    /// Whether to pad the data, hiding its exact length.
    pub pad: bool,
    /// Who signs, if anybody.
    pub author: Option<Author<'a>>,
}

/// A sealed envelope.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The whole envelope, of the same kind of buffer as the data was.
    pub bytes: Buffer,
    /// The content digest, which a grant carries.
    pub digest: Hash,
}

/// Who says that they wrote an envelope. [`open()`] does not verify the signature: it knows no keys.
///
/// Verify it over [`author_message`] with the signing key of the keyset that has this fingerprint and login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// The author's login.
    pub login: String,
    /// The fingerprint of the author's keyset.
    pub fingerprint: Hash,
    /// The author's signature over [`author_message`].
    pub signature: Signature,
}

/// What an envelope held.
#[derive(Clone, Debug)]
pub struct OpenedEnvelope {
    /// The header, authentic.
    pub header: Header,
    /// The metadata.
    pub metadata: Metadata,
    /// The data without padding, of the same kind of buffer as the envelope was.
    pub data: Buffer,
    /// The content digest.
    pub digest: Hash,
    /// The author trailer, whose signature is not verified yet.
    pub trailer: Option<Trailer>,
}

/// Whether the data key is the one that an envelope commits to. `first` is its first 94 bytes or more.
///
/// Errors: those of [`read_header`].
pub fn fits(key: &DataKey, first: &[u8]) -> Result<bool> {
    Ok(chunk::ContentKey::committed(key, &read_header(first)?)?.is_some())
}
