//! The envelope's first 94 bytes, and what they and the total length say about every chunk's place.
//!
//! Numbers only: no key, no cipher. Every limit on what comes from outside is checked here, once.

use uuid::Uuid;

use crate::encoding::Hash;
use crate::error::{Code, Error, Result};

pub use regrant_protocol::wire::HEADER_LENGTH;
/// The part of the header that is HKDF info: everything before salt and commitment.
pub(super) const HEAD: usize = 30;
/// AES-GCM's tag, in bytes.
pub(super) const TAG: u64 = 16;
/// The author trailer's plaintext and ciphertext, in bytes.
pub(super) const TRAILER: usize = 364;
pub(super) const SEALED_TRAILER: u64 = TRAILER as u64 + TAG;
pub use regrant_protocol::wire::MAX_METADATA;
/// log2 of the chunk size: 256 KiB.
pub const DEFAULT_CHUNK_LOG2: u8 = 18;
/// The longest envelope, in bytes.
const MAX_TOTAL: u64 = 1 << 46;
/// The most data chunks.
const MAX_CHUNKS: u64 = (1 << 32) - 2;

/// What an envelope says of itself before any key is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The item's id.
    pub id: Uuid,
    /// The version of the item that this is; each has a data key of its own.
    pub key_version: u32,
    /// log2 of the data chunks' plaintext size in bytes: 12 to 24.
    pub chunk_log2: u8,
    /// Whether the data is padded to hide its exact length.
    pub padded: bool,
    /// Whether an author trailer follows the data.
    pub signed: bool,
    /// The metadata plaintext's length in bytes, at most 1 MiB.
    pub metadata_len: u32,
    /// HKDF's salt.
    pub salt: [u8; 32],
    /// What the data key has to give before it is used.
    pub commitment: Hash,
}

impl Header {
    /// Bytes 0 to 30, which the content key is derived with.
    pub(super) fn head(&self) -> [u8; HEAD] {
        let mut out = [0; HEAD];
        out[..4].copy_from_slice(b"RGR1");
        out[4] = 1;
        out[5] = self.chunk_log2 | u8::from(self.padded) << 6 | u8::from(self.signed) << 7;
        out[6..22].copy_from_slice(self.id.as_bytes());
        out[22..26].copy_from_slice(&self.key_version.to_be_bytes());
        out[26..30].copy_from_slice(&self.metadata_len.to_be_bytes());
        out
    }

    /// All 94 bytes.
    pub fn to_bytes(&self) -> [u8; HEADER_LENGTH] {
        let mut out = [0; HEADER_LENGTH];
        out[..HEAD].copy_from_slice(&self.head());
        out[30..62].copy_from_slice(&self.salt);
        out[62..].copy_from_slice(&self.commitment.0);
        out
    }

    /// The size of a full data chunk's plaintext, in bytes.
    pub fn chunk_size(&self) -> u64 {
        1 << self.chunk_log2
    }
}

/// Reads the first 94 bytes of an envelope; more may follow.
///
/// Errors: [`Code::Corrupt`] for what is no envelope, [`Code::UnsupportedVersion`] for a later magic
/// (`RGR2` to `RGR9`), another suite, or the reserved bit.
pub fn read_header(bytes: &[u8]) -> Result<Header> {
    let bytes: &[u8; HEADER_LENGTH] = bytes.first_chunk().ok_or_else(Error::corrupt)?;
    let newer = || Error::new(Code::UnsupportedVersion, "sealed by a newer version: update regrant");
    if &bytes[..3] != b"RGR" || !bytes[3].is_ascii_digit() || bytes[3] == b'0' {
        return Err(Error::corrupt());
    }
    if bytes[3] != b'1' || bytes[4] != 1 || bytes[5] & 0x20 != 0 {
        return Err(newer());
    }
    let int = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let mut header = Header {
        id: Uuid::from_slice(&bytes[6..22]).map_err(|_| Error::corrupt())?,
        key_version: int(22),
        chunk_log2: bytes[5] & 0x1f,
        padded: bytes[5] & 0x40 != 0,
        signed: bytes[5] & 0x80 != 0,
        metadata_len: int(26),
        salt: [0; 32],
        commitment: Hash::from_slice(&bytes[62..])?,
    };
    header.salt.copy_from_slice(&bytes[30..62]);
    if !(12..=24).contains(&header.chunk_log2) || header.metadata_len as usize > MAX_METADATA {
        return Err(Error::corrupt());
    }
    Ok(header)
}

/// Where every chunk of one envelope lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    chunk: u64,
    metadata: u64,
    signed: bool,
    /// The data's plaintext, padding included, in bytes.
    pub(super) data: u64,
    /// How many data chunks there are; the empty item has one.
    pub(super) chunks: u64,
}

/// One data chunk's place: in the plaintext, and in the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) plain: u64,
    pub(super) plain_len: u64,
    pub(super) sealed: u64,
    pub(super) sealed_len: u64,
}

impl Layout {
    /// For data of this length, padding included. Errors: `BadInput` beyond the format's limits.
    pub(super) fn for_data(header: &Header, data: u64) -> Result<Self> {
        let chunk = header.chunk_size();
        let chunks = data.div_ceil(chunk).max(1);
        let layout = Self { chunk, metadata: u64::from(header.metadata_len), signed: header.signed, data, chunks };
        if data > MAX_TOTAL || chunks > MAX_CHUNKS || layout.total() > MAX_TOTAL {
            return Err(Error::bad_input("too long for one envelope"));
        }
        Ok(layout)
    }

    /// For an envelope of this length. Errors: `Corrupt` unless header, metadata and chunks fill it exactly.
    pub(super) fn for_total(header: &Header, total: u64) -> Result<Self> {
        let trailer = if header.signed { SEALED_TRAILER } else { 0 };
        let fixed = HEADER_LENGTH as u64 + u64::from(header.metadata_len) + TAG + trailer;
        let sealed = total.checked_sub(fixed).ok_or_else(Error::corrupt)?;
        let chunks = sealed.div_ceil(header.chunk_size() + TAG);
        let data = sealed.checked_sub(chunks * TAG).ok_or_else(Error::corrupt)?;
        let layout = Self::for_data(header, data).map_err(|_| Error::corrupt())?;
        // This also refuses an empty last chunk after full ones, which has as many bytes as a longer one.
        if layout.total() != total || layout.chunks != chunks {
            return Err(Error::corrupt());
        }
        Ok(layout)
    }

    /// The size of all data chunks but the last, in bytes of plaintext.
    pub(super) fn chunk_size(&self) -> u64 {
        self.chunk
    }

    /// Where the metadata chunk lies.
    pub(super) fn metadata(&self) -> (u64, u64) {
        (HEADER_LENGTH as u64, self.metadata + TAG)
    }

    /// Where data chunk `i` lies, 1 to [`Layout::chunks`].
    pub(super) fn place(&self, i: u64) -> Place {
        let plain = (i - 1) * self.chunk;
        let plain_len = (self.data - plain).min(self.chunk);
        let sealed = HEADER_LENGTH as u64 + self.metadata + TAG + (i - 1) * (self.chunk + TAG);
        Place { plain, plain_len, sealed, sealed_len: plain_len + TAG }
    }

    /// Where the trailer lies, if there is one.
    pub(super) fn trailer(&self) -> Option<u64> {
        self.signed.then(|| self.total() - SEALED_TRAILER)
    }

    /// Where data stands that is sealed in its own memory, of [`Layout::total`] bytes: no chunk is then written over
    /// before it was read.
    #[cfg(any(test, target_arch = "wasm32"))]
    pub(super) fn room(&self) -> u64 {
        HEADER_LENGTH as u64 + self.metadata + TAG + self.chunks * TAG
    }

    /// The envelope's length in bytes.
    pub(super) fn total(&self) -> u64 {
        let trailer = if self.signed { SEALED_TRAILER } else { 0 };
        HEADER_LENGTH as u64 + self.metadata + TAG + self.data + self.chunks * TAG + trailer
    }
}

/// The length that Padmé (PURBs, Nikitin et al. 2019) pads data of `length` bytes to: at most 12 % more, and
/// only O(log log) bits of the length remain visible. 0 and 1 stay as they are.
pub fn padme(length: u64) -> u64 {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1u64 << exponent.saturating_sub(kept)) - 1;
    length.saturating_add(mask) & !mask
}

/// The length in bytes of an envelope with the default chunk size, known before anything is sealed.
///
/// `metadata_len` is the length of [`super::Metadata::encode`]'s text.
pub fn sealed_length(metadata_len: u64, data_len: u64, pad: bool, signed: bool) -> u64 {
    let data = if pad { padme(data_len) } else { data_len };
    let chunks = data.div_ceil(1 << DEFAULT_CHUNK_LOG2).max(1);
    let trailer = if signed { SEALED_TRAILER } else { 0 };
    HEADER_LENGTH as u64 + metadata_len + TAG + data + chunks * TAG + trailer
}

/// Where data of this length is to stand in memory of what size, padding behind it, to be sealed there: `at, total`.
pub fn room(metadata_len: u64, data_len: u64, pad: bool, signed: bool) -> (u64, u64) {
    let total = sealed_length(metadata_len, data_len, pad, signed);
    let trailer = if signed { SEALED_TRAILER } else { 0 };
    (total - trailer - if pad { padme(data_len) } else { data_len }, total)
}

/// Where the ciphertext of data begins in an envelope of `total` bytes, and how long the data is; `None` with padding,
/// whose length is not known yet. Errors: those of [`read_header`].
pub fn data_in(first: &[u8], total: u64) -> Result<Option<(u64, u64)>> {
    let header = read_header(first)?;
    let layout = Layout::for_total(&header, total)?;
    Ok((!header.padded).then(|| (layout.place(1).sealed, layout.data)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(signed: bool) -> Header {
        let commitment = crate::encoding::Fixed([7; 32]);
        Header {
            id: Uuid::from_u128(5),
            key_version: 3,
            chunk_log2: 12,
            padded: false,
            signed,
            metadata_len: 20,
            salt: [9; 32],
            commitment,
        }
    }

    #[test]
    fn a_header_reads_back() {
        for signed in [false, true] {
            assert_eq!(read_header(&header(signed).to_bytes()).unwrap(), header(signed));
        }
        let bytes = header(true).to_bytes();
        assert_eq!(read_header(&bytes[..93]).unwrap_err().code(), Code::Corrupt);
        let changed = |at: usize, to: u8| {
            let mut bytes = bytes;
            bytes[at] = to;
            read_header(&bytes).unwrap_err().code()
        };
        for (at, to) in [(0, b'X'), (3, b'0'), (3, b'X'), (5, 11), (5, 25), (5, 0), (26, 1), (27, 0x11)] {
            assert_eq!(changed(at, to), Code::Corrupt, "{at} {to}");
        }
        for (at, to) in [(3, b'2'), (3, b'9'), (4, 0), (4, 2), (5, 18 | 0x20)] {
            assert_eq!(changed(at, to), Code::UnsupportedVersion, "{at} {to}");
        }
    }

    #[test]
    fn lengths_and_layouts_agree() {
        for signed in [false, true] {
            for data in [0, 1, 15, 16, 17, 4095, 4096, 4097, 8191, 8192, 8193, 20_000] {
                let layout = Layout::for_data(&header(signed), data).unwrap();
                assert_eq!(Layout::for_total(&header(signed), layout.total()).unwrap(), layout);
                let last = layout.place(layout.chunks);
                let end = last.sealed + last.sealed_len;
                assert_eq!(layout.trailer().unwrap_or(layout.total()), end);
                assert_eq!(layout.room() + data, end);
                assert_eq!(
                    data_in(&header(signed).to_bytes(), layout.total()).unwrap(),
                    Some((layout.place(1).sealed, data))
                );
            }
            // An empty chunk after a full one, and totals that no data has.
            let full = Layout::for_data(&header(signed), 4096).unwrap().total();
            for bad in [0, 93, 94, full + 1, full + 15, full + 16] {
                assert_eq!(Layout::for_total(&header(signed), bad).unwrap_err().code(), Code::Corrupt, "{bad}");
            }
        }
        assert!(Layout::for_data(&header(false), 1 << 46).is_err());
    }

    #[test]
    fn padding_follows_padme() {
        for (length, padded) in
            [(0, 0), (1, 1), (2, 2), (3, 3), (9, 10), (200, 208), (1000, 1024), (1_000_000, 1_015_808)]
        {
            assert_eq!(padme(length), padded, "{length}");
        }
        for length in 2..5000u64 {
            assert!(padme(length) >= length && padme(padme(length)) == padme(length));
            assert!((padme(length) - length) * 100 <= length * 12);
        }
    }
}
