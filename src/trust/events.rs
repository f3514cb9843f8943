//! What was seen and decided of one login: a set of events that only grows. Merging is set union, whatever the order.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::follows;
use crate::encoding::{Hash, from_base64url, from_json, to_base64url};
use crate::error::Result;
use crate::wire::keyset::Keyset;
use crate::wire::{MAX_VERSIONS, to_json};

/// The most keysets of one login that devices saw first.
pub const MAX_SEEN: usize = 16;
/// The most keysets of one login that follow others with proof: all versions, and rivals.
pub const MAX_LINKS: usize = MAX_VERSIONS + 16;
/// The most decisions about one login.
pub const MAX_DECISIONS: usize = 64;
/// The most keysets of one login that a device relied on. Beyond them the lowest versions are forgotten.
pub const MAX_HERE: usize = 2 * MAX_VERSIONS;

/// *Chained*: a keyset bears the signature of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// Its version.
    pub version: u64,
    /// The fingerprint of the one before.
    pub previous: Hash,
}

/// *Compared* or *accepted*: a person's decision to rely on a keyset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Decision {
    /// Its version.
    pub version: u64,
    /// Its fingerprint.
    pub fingerprint: Hash,
    /// Whether its code was compared.
    pub compared: bool,
    /// The decisions that this one was made in view of, and replaces.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub over: BTreeSet<Uuid>,
    /// Keysets that do not follow from now on, unless a later decision is for one of them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aside: BTreeSet<Hash>,
}

/// The events of one login, by fingerprint, and what this device relied on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// How often everything began anew, because there was more than can be remembered.
    #[serde(default, skip_serializing_if = "is_zero")]
    round: u64,
    /// There was more than can be remembered, and it was dropped: nothing is relied on until a person decides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    crowded: bool,
    /// *Seen*: the newest keyset when a device saw the login first; its version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    seen: BTreeMap<Hash, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    chained: BTreeMap<Hash, Link>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    decided: BTreeMap<Uuid, Decision>,
    /// What was relied on here, with its version: on this device alone, and for reading alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    here: BTreeMap<Hash, u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Set union. What stands under one key is the same everywhere; if it were not, the least would count everywhere.
fn unite<K: Ord, V: Ord>(mine: &mut BTreeMap<K, V>, theirs: BTreeMap<K, V>) {
    for (key, value) in theirs {
        match mine.get_mut(&key) {
            Some(known) if *known > value => *known = value,
            Some(_) => {}
            None => drop(mine.insert(key, value)),
        }
    }
}

impl Trust {
    /// Takes over what another tab or device knows: every event of both. Commutative, associative and idempotent.
    pub fn merge(&mut self, mut theirs: Self) {
        unite(&mut self.here, std::mem::take(&mut theirs.here));
        if theirs.round > self.round {
            theirs.here = std::mem::take(&mut self.here);
            *self = theirs;
        } else if theirs.round == self.round {
            self.crowded |= theirs.crowded;
            unite(&mut self.seen, theirs.seen);
            unite(&mut self.chained, theirs.chained);
            unite(&mut self.decided, theirs.decided);
        }
        self.bound();
    }

    /// What other devices are to know: everything but what was relied on here.
    pub fn for_others(&self) -> Self {
        Self { here: BTreeMap::new(), ..self.clone() }
    }

    /// Every event, as those are told who are to know: what it says, of what, and the rest as JSON.
    pub fn entries(&self) -> Result<Vec<(&'static str, String, String)>> {
        let mut out = Vec::new();
        if self.round > 0 {
            out.push(("round", String::new(), to_json(&self.round)?));
        }
        if self.crowded {
            out.push(("crowded", String::new(), to_json(&true)?));
        }
        for (fingerprint, version) in &self.seen {
            out.push(("seen", to_base64url(&fingerprint.0), to_json(version)?));
        }
        for (fingerprint, link) in &self.chained {
            out.push(("chained", to_base64url(&fingerprint.0), to_json(link)?));
        }
        for (id, decision) in &self.decided {
            out.push(("decided", id.to_string(), to_json(decision)?));
        }
        Ok(out)
    }

    /// Takes one of [`Trust::entries`]. What this version does not know, or cannot read, is passed over.
    pub fn take(&mut self, what: &str, of: &str, json: &str) {
        let fingerprint = || from_base64url(of).and_then(|bytes| Hash::from_slice(&bytes)).ok();
        match what {
            "round" => self.round = from_json(json).unwrap_or_default(),
            "crowded" => self.crowded = from_json(json).unwrap_or_default(),
            "seen" => self.seen.extend(fingerprint().zip(from_json(json).ok())),
            "chained" => self.chained.extend(fingerprint().zip(from_json(json).ok())),
            "decided" => self.decided.extend(of.parse().ok().zip(from_json(json).ok())),
            _ => {}
        }
    }

    /// Nothing that is beyond the limits is dropped in silence: a rival might be what goes.
    fn bound(&mut self) {
        self.crowded |=
            self.seen.len() > MAX_SEEN || self.chained.len() > MAX_LINKS || self.decided.len() > MAX_DECISIONS;
        if self.crowded {
            (self.seen, self.chained, self.decided) = Default::default();
        }
        while self.here.len() > MAX_HERE {
            let Some((_, lowest)) = self.here.iter().map(|(fingerprint, version)| (*version, *fingerprint)).min()
            else {
                return;
            };
            self.here.remove(&lowest);
        }
    }

    /// Whether anything was seen or decided.
    pub fn is_known(&self) -> bool {
        self.crowded || !self.seen.is_empty() || !self.decided.is_empty()
    }

    /// Whether it tells one's other devices the same: what was relied on here is told to no other.
    pub fn tells_the_same(&self, other: &Self) -> bool {
        self.round == other.round
            && self.crowded == other.crowded
            && self.seen == other.seen
            && self.chained == other.chained
            && self.decided == other.decided
    }

    /// Whether one more decision is more than can be remembered.
    pub(super) fn is_full(&self) -> bool {
        self.crowded || self.decided.len() >= MAX_DECISIONS
    }

    /// Forgets all events, here and wherever this is merged.
    pub(super) fn begin_anew(&mut self) {
        let here = std::mem::take(&mut self.here);
        *self = Self { round: self.round.saturating_add(1), here, ..Self::default() };
    }

    pub(super) const fn seen(&self) -> &BTreeMap<Hash, u64> {
        &self.seen
    }

    pub(super) const fn chained(&self) -> &BTreeMap<Hash, Link> {
        &self.chained
    }

    /// The decisions that no other one replaced.
    pub(super) fn live(&self) -> impl Iterator<Item = (&Uuid, &Decision)> {
        let replaced: BTreeSet<&Uuid> = self.decided.values().flat_map(|d| &d.over).collect();
        self.decided.iter().filter(move |(id, _)| !replaced.contains(id))
    }

    /// Whether the code of this very keyset was compared, by a decision that no other one replaced.
    pub(super) fn was_compared(&self, fingerprint: &Hash) -> bool {
        self.live().any(|(_, d)| d.compared && d.fingerprint == *fingerprint)
    }

    /// The keysets that a decision set aside, but those that another one is for.
    pub(super) fn aside(&self) -> BTreeSet<Hash> {
        let mut aside: BTreeSet<Hash> = self.decided.values().flat_map(|d| &d.aside).copied().collect();
        for (_, decision) in self.live() {
            aside.remove(&decision.fingerprint);
        }
        aside
    }

    pub(super) fn note_seen(&mut self, keyset: &Keyset) {
        self.seen.insert(keyset.fingerprint(), keyset.version);
        self.bound();
    }

    /// Notes a keyset that bears the signature of the one before.
    pub(super) fn note_link(&mut self, keyset: &Keyset) {
        let Some(previous) = keyset.previous else { return };
        self.chained.insert(keyset.fingerprint(), Link { version: keyset.version, previous });
        self.bound();
    }

    /// Notes what a keyset follows, down to where the signatures begin.
    pub(super) fn note_links_below(&mut self, offer: &[Keyset], keyset: &Keyset) {
        let Some(at) = offer.iter().position(|k| k == keyset) else { return };
        for pair in offer[..=at].windows(2).rev().take_while(|pair| follows(&pair[1], &pair[0])) {
            self.note_link(&pair[1]);
        }
    }

    pub(super) fn note_decision(&mut self, id: Uuid, decision: Decision) {
        self.decided.insert(id, decision);
        self.bound();
    }

    /// Notes that this device relies on all that is known without contradiction.
    pub(super) fn rely_here(&mut self) {
        let line = self.line();
        if line.head().is_some_and(|head| !self.here.contains_key(&head.fingerprint)) {
            self.here.extend(line.all());
            self.bound();
        }
    }

    /// Whether this device relied on a keyset at some time.
    pub(super) fn relied_here(&self, fingerprint: &Hash) -> bool {
        self.here.contains_key(fingerprint)
    }

    /// The newest keyset that this device relied on.
    pub(super) fn last_here(&self) -> Option<(u64, Hash)> {
        self.here.iter().map(|(fingerprint, version)| (*version, *fingerprint)).max()
    }

    /// Whether this device relied on any keyset of a version.
    pub(super) fn relied_here_at(&self, version: u64) -> bool {
        self.here.values().any(|known| *known == version)
    }

    /// The highest version that is known.
    pub fn highest(&self) -> u64 {
        let decided = self.decided.values().map(|d| d.version);
        let chained = self.chained.values().map(|link| link.version);
        self.seen.values().copied().chain(chained).chain(decided).max().unwrap_or_default()
    }
}
