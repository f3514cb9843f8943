//! Which versions of items were opened or written: an older one does not pass for the newest, and nothing is written over
//! what was not seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::memory::place_of_item;
use super::{Memory, Principal};
use crate::encoding::Bytes;

/// Of so many items with more than one version the highest is remembered, of those that were noted last.
const MAX_VERSIONS_NOTED: usize = 4096;
/// Of so many others it is remembered that they were seen. Fewer, because every new item is one of them; whose is forgotten
/// has to be opened again before it is written.
const MAX_FIRST_NOTED: usize = 512;

/// The highest version of an item that was opened or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Highest {
    /// When that was noted: one more than of the item noted before.
    at: u64,
    /// The version.
    version: u32,
}

/// Items, the one noted last at the end. As bytes, which cost little to store: that is done with every new item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FirstVersions(Bytes);

impl FirstVersions {
    pub(super) fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.0.len() / 16
    }

    /// Those of some places.
    pub(super) fn those(&self, here: impl Fn(u32) -> bool) -> Self {
        let there = self.items().filter(|id| Uuid::from_slice(id).is_ok_and(|id| here(place_of_item(id))));
        Self(Bytes(there.flatten().copied().collect()))
    }

    /// Whether an item is among them.
    pub fn contains(&self, item: &Uuid) -> bool {
        self.items().any(|known| known == item.as_bytes())
    }

    fn items(&self) -> impl Iterator<Item = &[u8]> {
        self.0.0.chunks_exact(16)
    }

    fn push(&mut self, item: &[u8]) {
        self.0.0.extend_from_slice(item);
        // Not each time: what stands before moves.
        if self.0.0.len() >= 2 * MAX_FIRST_NOTED * 16 {
            self.forget();
        }
    }

    fn forget(&mut self) {
        let over = (self.0.0.len() / 16).saturating_sub(MAX_FIRST_NOTED);
        self.0.0.drain(..over * 16);
    }
}

impl Memory {
    /// Notes versions that were opened or written. Gives whether any is new that is not the first, and whether any first is.
    fn note_versions(&mut self, items: &[(Uuid, u32)]) -> (bool, bool) {
        let mut at = self.versions.values().map(|highest| highest.at).max().unwrap_or(0);
        let (mut later, mut first) = (false, false);
        // Of very many at once most would be forgotten right away.
        let many = items.len().saturating_sub(MAX_FIRST_NOTED);
        for (n, (item, version)) in items.iter().enumerate() {
            if *version > 1 && self.versions.get(item).is_none_or(|known| known.version < *version) {
                at += 1;
                self.versions.insert(*item, Highest { at, version: *version });
                later = true;
            } else if *version == 1
                && n >= many
                && !self.versions.contains_key(item)
                && !self.first_versions.contains(item)
            {
                self.first_versions.push(item.as_bytes());
                first = true;
            }
        }
        self.forget_versions();
        (later, first)
    }

    pub(super) fn merge_versions(&mut self, versions: BTreeMap<Uuid, Highest>, first: FirstVersions) {
        for (item, theirs) in versions {
            let mine = self.versions.entry(item).or_insert(theirs);
            *mine = Highest { at: mine.at.max(theirs.at), version: mine.version.max(theirs.version) };
        }
        // What was noted here counts as noted last.
        let mine = std::mem::replace(&mut self.first_versions, first);
        let known: std::collections::HashSet<&[u8]> = mine.items().collect();
        let theirs: Vec<u8> =
            self.first_versions.items().filter(|item| !known.contains(item)).flatten().copied().collect();
        self.first_versions.0.0 = theirs;
        mine.items().for_each(|item| self.first_versions.push(item));
        self.forget_versions();
    }

    /// Forgets of the items that were noted the longest ago.
    fn forget_versions(&mut self) {
        self.first_versions.forget();
        let over = self.versions.len().saturating_sub(MAX_VERSIONS_NOTED);
        if over > 0 {
            let mut all: Vec<(Highest, Uuid)> = self.versions.iter().map(|(item, highest)| (*highest, *item)).collect();
            all.select_nth_unstable(over);
            for (_, item) in &all[..over] {
                self.versions.remove(item);
            }
        }
    }
}

impl Principal {
    /// Whether a higher version of an item was opened or written on this device.
    pub fn is_outdated(&self, item: Uuid, version: u32) -> bool {
        self.known.memory.borrow().versions.get(&item).is_some_and(|highest| version < highest.version)
    }

    /// The highest version of an item that this session opened or wrote, or had opened before it was resumed.
    pub fn seen_version(&self, item: Uuid) -> Option<u32> {
        self.known.seen.borrow().get(&item).copied()
    }

    /// Notes versions that were opened or written.
    pub fn note_versions(&self, items: &[(Uuid, u32)]) {
        let mut seen = self.known.seen.borrow_mut();
        for (item, version) in items {
            let known = seen.entry(*item).or_default();
            *known = (*known).max(*version);
        }
        let (later, first) = self.known.memory.borrow_mut().note_versions(items);
        if later || first {
            items.iter().for_each(|(item, _)| self.known.touch_for_later(place_of_item(*item)));
        }
        self.known.changed.set(self.known.changed.get() || later);
        self.known.noted.set(self.known.noted.get() || first);
    }

    /// Counts as seen what was stored; what this session saw itself stays what it is.
    pub(super) fn saw_before(&self, memory: &Memory) {
        let mut seen = self.known.seen.borrow_mut();
        for (item, highest) in &memory.versions {
            seen.entry(*item).or_insert(highest.version);
        }
        for item in memory.first_versions.items().filter_map(|id| Uuid::from_slice(id).ok()) {
            seen.entry(item).or_insert(1);
        }
    }
}
