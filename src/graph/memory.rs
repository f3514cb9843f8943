//! What is remembered from one session to the next, and how it is divided where it rests: what there may be much of is in
//! records of its own, so that one contact more writes little.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ended::{Ended, EndedByOthers};
use super::lapsed::Lapsed;
use super::said::{Complete, Said};
use super::versions::{FirstVersions, Highest};
use super::{Known, Principal};
use crate::encoding::Hash;
use crate::error::Result;
use crate::secret::make_id;
use crate::trust::Trust;
use crate::wire::keyset::Keyset;
use crate::wire::to_json;

/// What is remembered from one session to the next, so that a relay cannot turn time back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// What was seen and decided of whose keys are whose, by login.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trust: BTreeMap<String, Trust>,
    /// The newest manifest seen of keysets, by fingerprint in hex: counter and hash.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub manifests: BTreeMap<String, (u64, Hash)>,
    /// The newest statement seen, by login and subject: counter, hash, and the version of the keys that signed it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statements: BTreeMap<String, (u64, Hash, u64)>,
    /// Oneself, and whom one acts for: what they say to their own devices, as far as it is not about others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub said: BTreeMap<String, Said>,
    /// The newest head under which everything was there, or that was written here, by login.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub complete: BTreeMap<String, Complete>,
    /// Keysets that were offered in place of pinned ones, by login.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub candidates: BTreeMap<String, Vec<Keyset>>,
    /// Of items with more than one version the highest that was opened or written here. Stays on this device, as does what
    /// comes next.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<Uuid, Highest>,
    /// Items of which the first version was opened or written: their ids, one behind the other.
    #[serde(default, skip_serializing_if = "FirstVersions::is_empty")]
    pub first_versions: FirstVersions,
    /// How far the log was read. Stays on this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<u64>,
    /// What lapsed of the opened items that rest on this device. Stays on it.
    #[serde(default, skip_serializing_if = "Lapsed::is_empty")]
    pub lapsed: Lapsed,
    /// Access that was ended: by whom, and whose.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ended: BTreeMap<String, BTreeMap<String, Ended>>,
    /// The same, where the owners of items that one writes ended it, or others who wrote them.
    #[serde(default, skip_serializing_if = "EndedByOthers::is_empty")]
    pub ended_by_others: EndedByOthers,
    /// At rest: a number of each of the records that hold what there may be much of, or of this one, drawn anew whenever it
    /// is written; 0 where there is none. Numbers that count would begin anew with other keys, and then come again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<u64>,
}

/// So many entries are in one record before there are more of them.
const PART: usize = 32;
/// The most records that what is remembered of one login rests in.
pub const MAX_PARTS: u32 = 4096;

/// A number that is not drawn twice. It travels as JSON, so it has 53 bits.
fn number() -> Result<u64> {
    let (high, _) = make_id()?.as_u64_pair();
    Ok((high >> 11).max(1))
}

/// Where what is about this is found, of all records: FNV-1a, which is quick and need not be more.
pub(super) fn place_of(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The same, of an item: the end of its id, which is random.
pub(super) fn place_of_item(item: Uuid) -> u32 {
    item.as_u128() as u32
}

/// What of it changed since it was stored.
#[derive(Debug, Default)]
pub(super) struct Touched {
    places: BTreeSet<u32>,
    /// All of it, for example because it rests under another key.
    all: bool,
}

/// What is to be stored.
#[derive(Debug)]
pub struct ToStore {
    /// The record that says which others there are.
    pub main: String,
    /// Those others that are written or, if there is nothing for them any more, deleted.
    pub parts: Vec<(u32, Option<String>)>,
    /// The number of each.
    pub written: Vec<u64>,
    places: Touched,
}

impl Known {
    /// Notes that something changed that is found there.
    pub(super) fn touch(&self, place: u32) {
        self.touch_for_later(place);
        self.changed.set(true);
    }

    /// The same, where it may be stored with what comes next.
    pub(super) fn touch_for_later(&self, place: u32) {
        self.touched.borrow_mut().places.insert(place);
    }

    /// Looks for forks among all that is remembered.
    pub(super) fn look_for_forks(&self) {
        let memory = self.memory.borrow();
        let forked = memory.trust.iter().filter(|(_, trust)| trust.is_forked()).map(|(login, _)| login.clone());
        *self.forked.borrow_mut() = forked.collect();
        self.unwarned.set(true);
    }

    /// The same, of one login.
    pub(super) fn note_fork(&self, login: &str, is_forked: bool) {
        match is_forked {
            true => drop(self.forked.borrow_mut().insert(login.to_owned())),
            false => drop(self.forked.borrow_mut().remove(login)),
        }
        self.unwarned.set(true);
    }

    /// Notes that anything may have changed.
    pub(super) fn touch_all(&self) {
        self.touched.borrow_mut().all = true;
        self.changed.set(true);
    }
}

/// The most candidates that are kept of one login.
const MAX_CANDIDATES: usize = 8;

impl Memory {
    /// Of so many records, the one at this index: what there may be much of, by whom or what it is about.
    fn part(&self, at: u32, of: u32) -> Self {
        let here = |place: u32| place % of == at;
        let mut part = Self::default();
        for (login, trust) in self.trust.iter().filter(|(login, _)| here(place_of(login))) {
            part.trust.insert(login.clone(), trust.clone());
        }
        for (fingerprint, seen) in self.manifests.iter().filter(|(fingerprint, _)| here(place_of(fingerprint))) {
            part.manifests.insert(fingerprint.clone(), *seen);
        }
        for (about, seen) in self.statements.iter().filter(|(about, _)| here(place_of(about))) {
            part.statements.insert(about.clone(), *seen);
        }
        for (login, keysets) in self.candidates.iter().filter(|(login, _)| here(place_of(login))) {
            part.candidates.insert(login.clone(), keysets.clone());
        }
        for (item, highest) in self.versions.iter().filter(|(item, _)| here(place_of_item(**item))) {
            part.versions.insert(*item, *highest);
        }
        for (revoker, all) in &self.ended {
            for (login, ended) in all {
                let ended = ended.those(here);
                if !ended.is_empty() {
                    part.ended.entry(revoker.clone()).or_default().insert(login.clone(), ended);
                }
            }
        }
        part.first_versions = self.first_versions.those(here);
        part.ended_by_others = self.ended_by_others.those(here);
        part.lapsed = self.lapsed.those(here);
        part
    }

    /// What is in none of those records: what there is little of.
    fn rest(&self) -> Self {
        Self {
            said: self.said.clone(),
            complete: self.complete.clone(),
            heard: self.heard,
            lapsed: self.lapsed.of_all(),
            ..Self::default()
        }
    }

    /// In how many records it rests best: a few entries in each.
    fn parts(&self) -> u32 {
        let ended = self.ended.values().flat_map(BTreeMap::values).map(Ended::len).sum::<usize>();
        let weight = self.trust.len()
            + self.manifests.len()
            + self.statements.len()
            + (self.versions.len() + self.first_versions.len() + ended) / 8;
        let mut parts = 1;
        while weight > parts as usize * PART && parts < MAX_PARTS {
            parts *= 4;
        }
        parts
    }

    /// Takes over what another tab, session or device remembered meanwhile: nothing that was seen is forgotten. Of two
    /// lists or statements with one number, this one goes on refusing the one that it did not see.
    pub fn merge(&mut self, other: Memory) {
        self.heard = self.heard.max(other.heard);
        self.lapsed.merge(other.lapsed);
        for (login, theirs) in other.trust {
            self.trust.entry(login).or_default().merge(theirs);
        }
        for (fingerprint, theirs) in other.manifests {
            let mine = self.manifests.entry(fingerprint).or_insert(theirs);
            if theirs.0 > mine.0 {
                *mine = theirs;
            }
        }
        for (about, theirs) in other.statements {
            let mine = self.statements.entry(about).or_insert(theirs);
            if (theirs.2, theirs.0) > (mine.2, mine.0) {
                *mine = theirs;
            }
        }
        for (login, theirs) in other.said {
            self.said.entry(login).or_default().merge(theirs);
        }
        for (login, theirs) in other.complete {
            let mine = self.complete.entry(login).or_default();
            *mine = theirs.max(*mine);
        }
        // What this one saw is not pushed out by what another one did.
        for (login, theirs) in other.candidates {
            let mine = self.candidates.insert(login.clone(), theirs).unwrap_or_default();
            for keyset in mine {
                self.keep_candidate(&login, keyset);
            }
        }
        self.merge_versions(other.versions, other.first_versions);
        for (revoker, theirs) in other.ended {
            let mine = self.ended.entry(revoker).or_default();
            for (login, ended) in theirs {
                mine.entry(login).or_default().merge(ended);
            }
        }
        self.ended_by_others.merge(other.ended_by_others);
    }

    pub(super) fn keep_candidate(&mut self, login: &str, keyset: Keyset) -> bool {
        let all = self.candidates.entry(login.to_owned()).or_default();
        let fingerprint = keyset.fingerprint();
        if all.iter().any(|known| known.fingerprint() == fingerprint) {
            return false;
        }
        if all.len() == MAX_CANDIDATES {
            all.remove(0);
        }
        all.push(keyset);
        true
    }
}

impl Principal {
    /// What is remembered, to be stored.
    pub fn memory(&self) -> Memory {
        self.known.memory.borrow().clone()
    }

    /// What was stored. What was seen before a reload counts as seen; what this session saw itself stays what it is.
    pub fn set_memory(&self, memory: Memory) {
        self.saw_before(&memory);
        *self.known.memory.borrow_mut() = memory;
        self.known.look_for_forks();
    }

    /// What others stored in addition. What another tab saw is not seen here: who edits here knows nothing of it.
    pub fn merge_memory(&self, memory: Memory) {
        self.known.memory.borrow_mut().merge(memory);
        self.known.look_for_forks();
    }

    /// Notes how far the log was read; it rests with the next thing that is remembered.
    pub fn note_heard(&self, until: Option<u64>) {
        let mut memory = self.known.memory.borrow_mut();
        memory.heard = until.or(memory.heard);
    }

    /// Whether what is remembered changed since this was asked last.
    pub fn take_memory_changed(&self) -> bool {
        let changed = self.known.changed.replace(false);
        if changed {
            self.known.noted.set(false);
        }
        changed
    }

    /// Whether there is something that may be stored a moment later, together with more like it.
    pub fn has_noted(&self) -> bool {
        self.known.noted.get()
    }

    /// Whether something changed that one's other devices should know at once.
    pub fn take_urgent(&self) -> bool {
        self.known.urgent.take()
    }

    /// Has what is remembered stored again: under another key, or because storing failed.
    pub fn mark_memory_changed(&self) {
        self.known.changed.set(true);
    }

    /// What changed, to be stored beside `written`, the numbers of the records that are there. It counts as stored
    /// from now on, unless it is given to [`Principal::not_stored`].
    pub fn to_store(&self, written: &[u64]) -> Result<ToStore> {
        let touched = self.known.touched.take();
        let memory = self.known.memory.borrow();
        let parts = memory.parts().max(written.len() as u32);
        let anew = touched.all || parts as usize != written.len();
        let mut counts = written.to_vec();
        counts.resize(parts as usize, 0);
        let changed: BTreeSet<u32> = match anew {
            true => (0..parts).collect(),
            false => touched.places.iter().map(|place| place % parts).collect(),
        };
        let mut out = Vec::with_capacity(changed.len());
        for at in changed {
            let mut part = memory.part(at, parts);
            let count = &mut counts[at as usize];
            if part == Memory::default() {
                out.extend((std::mem::take(count) > 0).then_some((at, None)));
                continue;
            }
            *count = number()?;
            part.written = vec![*count];
            out.push((at, Some(to_json(&part)?)));
        }
        let main = Memory { written: counts.clone(), ..memory.rest() };
        Ok(ToStore { main: to_json(&main)?, parts: out, written: counts, places: touched })
    }

    /// Gives back what could not be stored.
    pub fn not_stored(&self, what: ToStore) {
        let mut touched = self.known.touched.borrow_mut();
        touched.all |= what.places.all;
        touched.places.extend(what.places.places);
        self.known.changed.set(true);
    }

    /// Has all that is remembered stored again: it rests under another key.
    pub fn store_anew(&self) {
        self.known.touch_all();
    }

    /// How far the log was read when that was noted last.
    pub fn noted_heard(&self) -> Option<u64> {
        self.known.memory.borrow().heard
    }
}
