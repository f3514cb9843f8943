//! What leaves the device: records, their parsing, their signatures. No I/O, no keys of its own.
//!
//! Records travel and rest as JSON with camelCase names, bytes as base64url. Unless said otherwise a
//! signature is over `T(record name ‖ "/" ‖ signature field, all fields before it, in order)`
//! (protocol section 0). Unknown fields are kept, and are not authenticated.

pub mod access;
pub mod exchange;
mod extra;
pub mod grant;
pub mod keyset;
pub mod manifest;
pub mod notification;
pub mod pieces;
pub mod receipt;
pub mod revocation;
pub mod slot;
pub mod statement;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::encoding::{Hash, Signature, Transcript, check_login, from_json};
use crate::error::{Code, Error, Result};
use crate::primitives;
pub use extra::{Extra, MAX_EXTRA, MAX_EXTRA_DEPTH};

/// The suite of protocol version 1: RSA-OAEP-256, Ed25519, AES-256-GCM, HKDF-SHA-256.
pub const SUITE: u64 = 1;
/// The longest record that is read, in bytes of JSON.
pub const MAX_RECORD: usize = 4 << 20;
/// The most entries in one grant; more items take more grants. Few, because whoever opens one item reads all of it: some
/// 17 kB.
pub const MAX_GRANT_ENTRIES: usize = 128;
/// The most items, and the most grants, that one revocation names.
pub const MAX_REVOKED: usize = 4096;
/// The most slots of one keyset.
pub const MAX_SLOTS: usize = 4096;
/// The number of the last list of a keyset's slots, kept for the one that goes with a next version.
pub const LAST_LIST: u64 = MAX_TIME;
/// The most managers of an identity.
pub const MAX_MANAGERS: usize = 64;
/// The most recipients of one exchange key.
pub const MAX_RECIPIENTS: usize = 16;

/// What a box adds to its content: salt, commitment and tag.
pub const BOX_OVERHEAD: usize = 32 + 32 + 16;
/// The header's length in bytes.
pub const HEADER_LENGTH: usize = 94;
/// The longest metadata plaintext, in bytes.
pub const MAX_METADATA: usize = 1 << 20;

/// Refuses suites that this version does not know.
pub fn check_suite(suite: u64) -> Result<()> {
    if suite == SUITE {
        return Ok(());
    }
    Err(Error::new(Code::UnsupportedVersion, format!("suite {suite} is not known to this version")))
}

/// An identity at one version of its keys: login and fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Party {
    /// The login.
    pub login: String,
    /// The keyset's fingerprint.
    pub fingerprint: Hash,
}

impl Party {
    /// `lp(login) ‖ lp(fingerprint)`.
    pub fn encode(&self) -> Vec<u8> {
        crate::encoding::compound(&[self.login.as_bytes(), &self.fingerprint.0])
    }

    /// Checks the login's form.
    pub fn check(&self) -> Result<()> {
        check_login(&self.login)
    }
}

/// Verifies one signature field of a record.
pub fn verify(key: &Hash, transcript: &Transcript, signature: &Signature) -> Result<()> {
    primitives::verify(&key.0, transcript.as_bytes(), &signature.0)
}

/// The latest time that a record may name, in Unix milliseconds: the largest integer that JavaScript's numbers hold.
pub const MAX_TIME: u64 = (1 << 53) - 1;
/// The most versions of one identity's keys.
pub const MAX_VERSIONS: usize = 4096;
/// The most ids in each list of a receipt.
pub const MAX_RECEIPT: usize = 65_536;

/// Refuses times that not every implementation can tell.
pub fn check_time(time: u64) -> Result<()> {
    if time <= MAX_TIME { Ok(()) } else { Err(Error::bad_input("a record's time is out of range")) }
}

/// Reads a record from JSON. Errors: [`Code::BadInput`]; the message names no content.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T> {
    if json.len() > MAX_RECORD {
        return Err(Error::bad_input("a record is too long"));
    }
    from_json(json).map_err(|_| Error::bad_input("not a valid record"))
}

/// Writes a record as JSON.
pub fn to_json<T: Serialize>(record: &T) -> Result<String> {
    serde_json::to_string(record).map_err(|_| Error::bad_input("a record cannot be written as JSON"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::exchange::Wrap;
    use super::*;
    use crate::encoding::to_base64url;

    fn wrap(extra: &str) -> String {
        let hash = to_base64url(&[1; 32]);
        format!(
            r#"{{"exchange":"00112233-4455-4677-8899-aabbccddeeff","recipient":"{hash}",
                "wrapper":{{"login":"a","fingerprint":"{hash}"}},"wrapped":"AAAA","signature":"{}"{extra}}}"#,
            to_base64url(&[2; 64])
        )
    }

    #[test]
    fn unknown_fields_are_kept_and_duplicates_refused() {
        let record: Wrap = parse(&wrap(r#","later":{"x":[1,2]}"#)).unwrap();
        assert!(to_json(&record).unwrap().contains(r#""later":{"x":[1,2]}"#));
        for twice in [r#","wrapped":"AAAA""#, r#","later":1,"later":1"#] {
            assert_eq!(parse::<Wrap>(&wrap(twice)).unwrap_err().code(), Code::BadInput, "{twice}");
        }
    }

    #[test]
    fn only_canonical_base64url_of_the_right_length_is_read() {
        // Padding, another alphabet, white space, trailing bits that are not zero, an impossible length.
        for bad in ["AAA=", "AA+A", "AAAA AAAA", "AB", "AAAAA"] {
            let json = wrap("").replace(r#""wrapped":"AAAA""#, &format!(r#""wrapped":"{bad}""#));
            assert_eq!(parse::<Wrap>(&json).unwrap_err().code(), Code::BadInput, "{bad}");
        }
        let short = wrap("").replace(&to_base64url(&[1; 32]), &to_base64url(&[1; 31]));
        assert_eq!(parse::<Wrap>(&short).unwrap_err().code(), Code::BadInput);
        assert_eq!(parse::<Wrap>(&" ".repeat(MAX_RECORD + 1)).unwrap_err().code(), Code::BadInput);
    }
}
