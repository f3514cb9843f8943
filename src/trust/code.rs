//! Verification codes: what people compare out of band.

use sha2::{Digest, Sha512};

use crate::encoding::{Hash, Transcript, from_base64url, from_hex, to_base64url};
use crate::error::{Code, Error, Result};

/// The verification code: six groups of five digits, to be compared out of band.
///
/// Signal's construction: 5,200 times SHA-512 over the running hash and the input, then each 5 bytes
/// big-endian modulo 100,000.
pub fn verification_code(fingerprint: &Hash, login: &str) -> String {
    let h0 = Transcript::new("code").bytes(&fingerprint.0).text(login).finish();
    let mut h = h0.clone();
    for _ in 0..5200 {
        h = Sha512::new().chain_update(&h).chain_update(&h0).finalize().to_vec();
    }
    let groups: Vec<String> = h
        .chunks_exact(5)
        .take(6)
        .map(|five| {
            let n = five.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
            format!("{:05}", n % 100_000)
        })
        .collect();
    groups.join(" ")
}

/// What a QR code shows for comparing: `regrant:verify:1:` base64url(login) `:` hex(fingerprint).
pub fn qr_payload(fingerprint: &Hash, login: &str) -> String {
    format!("{QR_PREFIX}{}:{}", to_base64url(login.as_bytes()), fingerprint.hex())
}

/// What a code for scanning begins with.
const QR_PREFIX: &str = "regrant:verify:1:";
/// The longest text that can be a code, in bytes.
const MAX_CODE: usize = 1024;

/// Whether what a person typed or scanned is this keyset's code. A malformed code matches nothing.
pub fn matches(input: &str, fingerprint: &Hash, login: &str) -> bool {
    if input.len() > MAX_CODE {
        return false;
    }
    if let Some(rest) = input.trim().strip_prefix(QR_PREFIX) {
        let Some((who, what)) = rest.split_once(':') else { return false };
        let named = from_base64url(who).is_ok_and(|l| l == login.as_bytes());
        return named && from_hex(what).is_ok_and(|f| f == fingerprint.0);
    }
    digits(input).is_some_and(|given| Some(given) == digits(&verification_code(fingerprint, login)))
}

/// The digits of a code, however they are grouped. `None`: something else is among them.
fn digits(input: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_digit() || c.is_whitespace() || c == '-';
    let well_formed = input.len() <= 128 && input.chars().all(fits);
    well_formed.then(|| input.chars().filter(char::is_ascii_digit).collect())
}

/// Compares what a person typed or scanned; `otherwise` says what a code of other keys means. What cannot be a code at all
/// is said to be none, so that whoever mistyped it need not think of an attack.
pub fn compare(input: &str, fingerprint: &Hash, login: &str, otherwise: &'static str) -> Result<()> {
    if matches(input, fingerprint, login) {
        return Ok(());
    }
    let is_code = input.trim().starts_with(QR_PREFIX) || digits(input).is_some_and(|digits| digits.len() == 30);
    let none = "this is no verification code: that has 30 digits, or is what the QR code says";
    Err(Error::new(Code::VerificationFailed, if is_code { otherwise } else { none }))
}
