//! Whose key is whose: pins, signed chains, verification codes (protocol section 7).
//!
//! Judges what a relay offers against what was seen before. Knows no private key and does no I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512};

use crate::encoding::{Hash, Transcript, from_base64url, from_hex, to_base64url};
use crate::error::{Code, Error, Result};
use crate::wire::MAX_VERSIONS;
use crate::wire::keyset::Keyset;

/// How far an identity's newest key can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its code was compared.
    Verified,
    /// Seen first, or continued by a valid chain; never compared.
    Unverified,
    /// Not what was pinned, and no chain leads there. Nothing is encrypted to it.
    Changed,
    /// Two validly chained keysets at one version were seen. Nothing is encrypted to it.
    Forked,
}

impl State {
    /// The name, as `trust.state` gives it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unverified => "unverified",
            Self::Changed => "changed",
            Self::Forked => "forked",
        }
    }

    /// Whether something may be encrypted to it.
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Verified | Self::Unverified)
    }
}

/// What is remembered of one identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The version that is relied on.
    pub version: u64,
    /// Its fingerprint.
    pub fingerprint: Hash,
    /// Whether a code was compared, for this version or one that it continues.
    pub verified: bool,
    /// Every fingerprint that was relied on, by version; what these signed can still be read.
    pub history: BTreeMap<u64, Vec<Hash>>,
    /// Two validly chained keysets were seen at one version.
    #[serde(default)]
    pub forked: bool,
}

impl Pin {
    fn first(keyset: &Keyset, verified: bool) -> Self {
        let mut pin = Self {
            version: keyset.version,
            fingerprint: keyset.fingerprint(),
            verified,
            history: BTreeMap::new(),
            forked: false,
        };
        pin.remember();
        pin
    }

    fn remember(&mut self) {
        let seen = self.history.entry(self.version).or_default();
        if !seen.contains(&self.fingerprint) {
            seen.push(self.fingerprint);
        }
    }

    /// Whether this fingerprint was relied on at some time.
    pub fn knew(&self, fingerprint: &Hash) -> bool {
        self.history.values().any(|all| all.contains(fingerprint))
    }

    /// Takes over what somebody else saw of the same identity: the higher version, and every fingerprint of both.
    pub fn merge(&mut self, theirs: Pin) {
        let mut history = std::mem::take(&mut self.history);
        for (version, fingerprints) in &theirs.history {
            let seen = history.entry(*version).or_default();
            seen.extend(fingerprints.iter().filter(|f| !seen.contains(f)).copied().collect::<Vec<_>>());
        }
        if theirs.fingerprint == self.fingerprint {
            self.verified |= theirs.verified;
        } else if theirs.version > self.version {
            *self = theirs;
        }
        self.history = history;
    }

    fn move_to(&mut self, keyset: &Keyset) {
        self.version = keyset.version;
        self.fingerprint = keyset.fingerprint();
        self.remember();
    }
}

/// Checks what a relay offers as an identity's keysets: versions from 1 without gaps, each with proof of
/// possession, each naming the one before. A missing chain signature is allowed, an invalid one is not.
pub fn check_offer(login: &str, offer: &[Keyset]) -> Result<()> {
    let nonsense =
        || Error::about(Code::VerificationFailed, "the relay's keys do not fit together", vec![login.to_owned()]);
    if offer.is_empty() || offer.len() > MAX_VERSIONS {
        return Err(nonsense());
    }
    for (i, keyset) in offer.iter().enumerate() {
        keyset.check().map_err(|e| if e.code() == Code::UnsupportedVersion { e } else { nonsense() })?;
        if keyset.login != login || keyset.version != i as u64 + 1 {
            return Err(nonsense());
        }
        if i > 0 {
            keyset.continues(&offer[i - 1]).map_err(|_| nonsense())?;
        }
    }
    Ok(())
}

/// Whether every version from `from` (a version) to the newest is continued by signature.
pub fn is_chained(offer: &[Keyset], from: u64) -> bool {
    let start = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
    offer
        .get(start..)
        .is_some_and(|rest| !rest.is_empty() && rest.windows(2).all(|w| matches!(w[1].continues(&w[0]), Ok(true))))
}

/// Judges a checked offer against the pin, and moves the pin where a chain allows it.
pub fn judge(pin: &mut Option<Pin>, offer: &[Keyset]) -> State {
    let Some(newest) = offer.last() else { return State::Changed };
    let Some(pin) = pin else {
        *pin = Some(Pin::first(newest, false));
        return State::Unverified;
    };
    if pin.forked {
        return State::Forked;
    }
    let Some(at_pin) = offer.iter().find(|k| k.version == pin.version) else { return State::Changed };
    if at_pin.fingerprint() != pin.fingerprint {
        let before = offer.iter().find(|k| k.version + 1 == pin.version);
        let rival = before.is_some_and(|b| pin.knew(&b.fingerprint()) && matches!(at_pin.continues(b), Ok(true)));
        if rival {
            pin.forked = true;
            return State::Forked;
        }
        return State::Changed;
    }
    if !is_chained(offer, pin.version) {
        return State::Changed;
    }
    let pinned = pin.version;
    for keyset in offer.iter().filter(|k| k.version > pinned) {
        pin.move_to(keyset);
    }
    if pin.verified { State::Verified } else { State::Unverified }
}

/// Pins a keyset that a person decided to rely on.
pub fn rely_on(pin: &mut Option<Pin>, keyset: &Keyset, verified: bool) {
    match pin {
        None => *pin = Some(Pin::first(keyset, verified)),
        Some(pin) => {
            let same = pin.fingerprint == keyset.fingerprint();
            pin.verified = verified || same && pin.verified;
            pin.forked = false;
            pin.move_to(keyset);
        }
    }
}

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
