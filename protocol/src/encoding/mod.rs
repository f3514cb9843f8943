//! How bytes are written down: transcripts, base64url, hex, and the checks on text from outside.
//!
//! Protocol section 0. Every signature, HKDF info, hash with a purpose and OAEP label is over a
//! [`Transcript`], so nothing made for one purpose can be read as another.

mod json;
#[cfg(not(target_arch = "wasm32"))]
mod normalize;
#[cfg(target_arch = "wasm32")]
#[path = "normalize_web.rs"]
mod normalize;

use base64ct::{Base64UrlUnpadded, Encoding};
use regrant_symmetric::sha256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::error::{Error, Result};

/// Appends `lp(x)`: the length as 4 bytes big-endian, then `x`.
pub fn lp(out: &mut Vec<u8>, x: &[u8]) {
    // Inputs have limits far below 4 GiB, so the conversion cannot lose anything.
    let len = u32::try_from(x.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(x);
}

/// Takes one `lp` field from the front of `input`.
pub fn take_lp<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (head, rest) = input.split_first_chunk::<4>().ok_or_else(Error::corrupt)?;
    let len = u32::from_be_bytes(*head) as usize;
    if rest.len() < len {
        return Err(Error::corrupt());
    }
    let (field, rest) = rest.split_at(len);
    *input = rest;
    Ok(field)
}

/// `T(what, f…) = lp("regrant/v1/" ‖ what) ‖ lp(f)…`, built field by field.
#[derive(Clone)]
#[must_use]
pub struct Transcript(Vec<u8>);

impl Transcript {
    /// Begins a transcript for one purpose.
    pub fn new(what: &str) -> Self {
        let mut out = Vec::with_capacity(256);
        lp(&mut out, format!("regrant/v1/{what}").as_bytes());
        Self(out)
    }

    /// Bytes, as they are.
    pub fn bytes(mut self, x: &[u8]) -> Self {
        lp(&mut self.0, x);
        self
    }

    /// Text, as UTF-8.
    pub fn text(self, x: &str) -> Self {
        self.bytes(x.as_bytes())
    }

    /// An integer, as 8 bytes big-endian.
    pub fn int(self, x: u64) -> Self {
        self.bytes(&x.to_be_bytes())
    }

    /// A UUID, as 16 bytes.
    pub fn uuid(self, x: Uuid) -> Self {
        self.bytes(x.as_bytes())
    }

    /// An optional value: absent is `00`, present `01 ‖ value`.
    pub fn option(self, x: Option<&[u8]>) -> Self {
        match x {
            None => self.bytes(&[0]),
            Some(value) => {
                let mut field = vec![1];
                field.extend_from_slice(value);
                self.bytes(&field)
            }
        }
    }

    /// A list: its count as an integer, then `lp` of each element.
    pub fn list<T: AsRef<[u8]>>(self, items: impl ExactSizeIterator<Item = T>) -> Self {
        let mut field = (items.len() as u64).to_be_bytes().to_vec();
        for item in items {
            lp(&mut field, item.as_ref());
        }
        self.bytes(&field)
    }

    /// The transcript's bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// The transcript's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 of the transcript.
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.0)
    }
}

/// A compound field: the `lp` of its parts one after the other.
pub fn compound(parts: &[&[u8]]) -> Vec<u8> {
    // Reserved ahead: parts may be secret, and a vector that grows leaves copies behind.
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        lp(&mut out, part);
    }
    out
}

/// base64url without padding.
pub fn to_base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Reads canonical base64url without padding; anything else is refused.
pub fn from_base64url(text: &str) -> Result<Vec<u8>> {
    let bytes = Base64UrlUnpadded::decode_vec(text).map_err(|_| Error::bad_input("not base64url without padding"))?;
    // The decoder is strict about trailing bits; this keeps it so whatever version is in use.
    let (whole, rest) = (bytes.len() / 3, bytes.len() % 3);
    if text.as_bytes().get(whole * 4..)
        != Some(Base64UrlUnpadded::encode_string(&bytes[bytes.len() - rest..]).as_bytes())
    {
        return Err(Error::bad_input("not canonical base64url"));
    }
    Ok(bytes)
}

/// Reads lowercase or uppercase hex of any even length.
pub fn from_hex(text: &str) -> Result<Vec<u8>> {
    hex::decode(text).map_err(|_| Error::bad_input("not hex"))
}

/// Checks a login: 1 to 256 bytes of UTF-8 in NFC, without control characters.
pub fn check_login(login: &str) -> Result<()> {
    if login.is_empty() || login.len() > 256 {
        return Err(Error::bad_input("a login has 1 to 256 bytes of UTF-8"));
    }
    if login.chars().any(char::is_control) {
        return Err(Error::bad_input("a login has no control characters"));
    }
    if !login.is_ascii() && !normalize::is_nfc(login) {
        return Err(Error::bad_input("a login is in Unicode normalisation form C: call normalize(\"NFC\") first"));
    }
    Ok(())
}

pub use json::{NotJson, from_json, from_json_bytes};
pub use normalize::nfkc;

/// Bytes of any length that travel as base64url.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// Exactly `N` bytes that travel as base64url: a fingerprint, a digest, a public key, a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed<const N: usize>(pub [u8; N]);

/// SHA-256 of something, or another 32 public bytes.
pub type Hash = Fixed<32>;
/// An Ed25519 signature.
pub type Signature = Fixed<64>;

impl<const N: usize> Fixed<N> {
    /// The bytes in lowercase hex.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// From exactly `N` bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        bytes.try_into().map(Self).map_err(|_| Error::bad_input(format!("expected {N} bytes")))
    }
}

impl<const N: usize> AsRef<[u8]> for Fixed<N> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&to_base64url(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        from_base64url(&text).map(Self).map_err(|e| de::Error::custom(e.message()))
    }
}

impl<const N: usize> Serialize for Fixed<N> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&to_base64url(&self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(d)?;
        Self::from_slice(&bytes.0).map_err(|e| de::Error::custom(e.message()))
    }
}

/// An integer in JSON that may be above all that JavaScript has exactly: then its digits as text, so that it arrives as it
/// was signed.
pub mod large {
    use serde::{Deserialize, Deserializer, Serializer, de};

    const EXACT: u64 = (1 << 53) - 1;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Digits(String),
    }

    /// For `#[serde(with)]`.
    pub fn serialize<S: Serializer>(value: &u64, s: S) -> Result<S::Ok, S::Error> {
        if *value <= EXACT { s.serialize_u64(*value) } else { s.collect_str(value) }
    }

    /// For `#[serde(with)]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
        match Written::deserialize(d)? {
            Written::Number(value) => Ok(value),
            Written::Digits(digits) => {
                let value = digits.parse().ok().filter(|value: &u64| *value > EXACT && value.to_string() == digits);
                value.ok_or_else(|| de::Error::custom("expected an integer"))
            }
        }
    }
}
