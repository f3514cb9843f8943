//! Whose key is whose (protocol section 7): what was seen and decided of a login is a set of events, which only grows
//! (`events.rs`); how far its keys can be relied on is computed from them each time (`line.rs`).
//!
//! Judges what a relay offers against what was seen before. Knows no private key and does no I/O.

mod code;
mod events;
mod line;

use uuid::Uuid;

use crate::encoding::Hash;
use crate::error::{Code, Error, Result};
use crate::wire::MAX_VERSIONS;
use crate::wire::keyset::Keyset;

pub use code::{compare, matches, qr_payload, verification_code};
pub use events::{Decision, Link, MAX_DECISIONS, MAX_HERE, MAX_LINKS, MAX_SEEN, Trust};

/// How far an identity's newest key can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its code was compared.
    Verified,
    /// Seen first, accepted, or continued by a valid chain; never compared.
    Unverified,
    /// Not what is relied on, and no chain leads there. Nothing is encrypted to it.
    Changed,
    /// Two things that cannot both be true were seen. Nothing is encrypted to it until a person decides.
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

/// The keyset of a login that is relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relied {
    /// Its version.
    pub version: u64,
    /// Its fingerprint.
    pub fingerprint: Hash,
    /// Whether its code was compared, or that of one that it follows with proof.
    pub verified: bool,
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

/// Whether the second keyset bears the signature of the first, which it follows.
fn follows(next: &Keyset, before: &Keyset) -> bool {
    matches!(next.continues(before), Ok(true))
}

impl Trust {
    /// Judges a checked offer, and notes what it proves: the first one that is seen, what continues the keys that are
    /// relied on as far as signatures lead, and a rival of one of them.
    pub fn judge(&mut self, offer: &[Keyset]) -> State {
        let Some(newest) = offer.last() else { return State::Changed };
        if !self.is_known() {
            self.note_links_below(offer, newest);
            self.note_seen(newest);
            self.rely_here();
            return self.state_of(newest);
        }
        let line = self.line();
        let Some(head) = line.head() else { return State::Forked };
        let Some(common) = offer.iter().rposition(|k| line.has(k.version, &k.fingerprint())) else {
            return State::Changed;
        };
        let mut next = offer[common..].windows(2).take_while(|pair| follows(&pair[1], &pair[0]));
        if offer[common].version == head.version {
            next.for_each(|pair| self.note_link(&pair[1]));
            self.rely_here();
        } else if let Some(rival) = next.next() {
            self.note_link(&rival[1]);
        }
        self.state_of(newest)
    }

    /// How far a keyset can be relied on, by what is known.
    fn state_of(&self, newest: &Keyset) -> State {
        let line = self.line();
        match line.head() {
            None => State::Forked,
            Some(head) if head.fingerprint != newest.fingerprint() => State::Changed,
            Some(head) if head.verified => State::Verified,
            Some(_) => State::Unverified,
        }
    }

    /// Relies on a keyset because a person decided so, in view of everything that is known here: it is the newest one
    /// that is relied on, and whatever else follows it, or follows one that it follows, is set aside. `offer`: the
    /// versions that it was shown with, which say what it follows; `id`: a new one.
    pub fn decide(&mut self, offer: &[Keyset], keyset: &Keyset, compared: bool, id: Uuid) {
        let fingerprint = keyset.fingerprint();
        let head = self.relied().filter(|head| head.fingerprint == fingerprint);
        let decided = self.live().any(|(_, d)| d.fingerprint == fingerprint && (d.compared || !compared));
        let compared = compared || self.was_compared(&fingerprint);
        let says_nothing_new = head.is_some_and(|head| decided || (head.verified && !compared));
        if !says_nothing_new {
            if self.is_full() {
                self.begin_anew();
            }
            self.note_links_below(offer, keyset);
            let over = self.live().map(|(id, _)| *id).collect();
            let aside = self.besides(keyset.version, &fingerprint);
            self.note_decision(id, Decision { version: keyset.version, fingerprint, compared, over, aside });
        }
        self.rely_here();
    }

    /// What is relied on now. `None`: nothing was seen, or two things that cannot both be true.
    pub fn relied(&self) -> Option<Relied> {
        self.line().head()
    }

    /// The same, and of a fork the newest keyset that this device relied on.
    pub fn relied_last(&self) -> Option<Relied> {
        let last = self.last_here().map(|(version, fingerprint)| Relied { version, fingerprint, verified: false });
        self.relied().or(last)
    }

    /// Whether two things that cannot both be true were seen, and nobody has decided since.
    pub fn is_forked(&self) -> bool {
        self.is_known() && self.line().head().is_none()
    }

    /// Whether the code of this very keyset was compared, and it is the one that is relied on.
    pub fn compared_exactly(&self, fingerprint: &Hash) -> bool {
        self.line().head().is_some_and(|head| head.fingerprint == *fingerprint) && self.was_compared(fingerprint)
    }

    /// Whether what a keyset signed can be read, and if so, whether its author is verified. `offer`: what the relay lists,
    /// checked.
    pub fn reads(&self, offer: &[Keyset], keyset: &Keyset) -> Option<bool> {
        let (version, fingerprint) = (keyset.version, keyset.fingerprint());
        let line = self.line();
        if let Some(on_line) = line.at(version) {
            return (on_line == fingerprint).then(|| line.head().is_some_and(|head| head.verified));
        }
        if self.relied_here(&fingerprint) {
            return Some(false);
        }
        // Older than the first one that is known, which names it; unless another one of that version was relied on here.
        let lists = |version: u64, fingerprint: &Hash| {
            offer.iter().any(|k| k.version == version && k.fingerprint() == *fingerprint)
        };
        let (first, its_fingerprint) = line.first()?;
        let named = version < first && lists(first, &its_fingerprint) && lists(version, &fingerprint);
        (named && !self.relied_here_at(version)).then_some(false)
    }
}
