//! What lapsed of the opened items that rest on this device: grants and items that the log told of since, by how far it was
//! read then. What was noted before that is asked for again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Principal;
use super::memory::place_of_item;

/// Of so many grants and items it is remembered one by one. Of more than that everything lapses that was noted before.
const MAX_LAPSED: usize = 256;
/// Further than any log goes: nothing that was ever noted counts.
const NEVER: u64 = (1 << 53) - 1;

/// Grants and items that lapsed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lapsed {
    /// Whatever was noted when the log was not read as far as this.
    #[serde(default)]
    all: u64,
    /// Of these grants and items, the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    of: BTreeMap<Uuid, u64>,
}

impl Lapsed {
    pub(super) fn is_empty(&self) -> bool {
        self.all == 0 && self.of.is_empty()
    }

    /// Those of some places, and nothing that is about all.
    pub(super) fn those(&self, here: impl Fn(u32) -> bool) -> Self {
        let of = self.of.iter().filter(|(id, _)| here(place_of_item(**id)));
        Self { all: 0, of: of.map(|(id, heard)| (*id, *heard)).collect() }
    }

    /// What is about all.
    pub(super) fn of_all(&self) -> Self {
        Self { all: self.all, of: BTreeMap::new() }
    }

    fn note(&mut self, id: Uuid, heard: u64) {
        let known = self.of.entry(id).or_default();
        *known = heard.max(*known);
    }

    fn bound(&mut self) {
        if self.of.len() <= MAX_LAPSED {
            return;
        }
        let mut numbers: Vec<u64> = self.of.values().copied().collect();
        numbers.sort_unstable();
        // The older half goes: not one by one each time.
        self.all = self.all.max(numbers[numbers.len() - MAX_LAPSED / 2]);
        let all = self.all;
        self.of.retain(|_, heard| *heard > all);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.all = self.all.max(other.all);
        other.of.into_iter().for_each(|(id, heard)| self.note(id, heard));
        self.bound();
    }

    fn covers(&self, id: Uuid, heard: u64) -> bool {
        heard < self.all || self.of.get(&id).is_some_and(|lapsed| heard < *lapsed)
    }
}

impl Principal {
    /// Notes that the log told of grants or items; it is read as far as `heard` then.
    pub fn note_lapsed(&self, ids: &[Uuid], heard: u64) {
        if ids.is_empty() {
            return;
        }
        let lapsed = &mut self.known.memory.borrow_mut().lapsed;
        for id in ids {
            lapsed.note(*id, heard);
            self.known.touch(place_of_item(*id));
        }
        lapsed.bound();
    }

    /// Notes that nothing counts that was noted before the log was read as far as `heard`: what came between is not known.
    /// `None`: the relay went back, and its numbers say nothing any more.
    pub fn lapse_all(&self, heard: Option<u64>) {
        let lapsed = &mut self.known.memory.borrow_mut().lapsed;
        let heard = heard.unwrap_or(NEVER);
        if heard > lapsed.all {
            lapsed.all = heard;
            self.known.changed.set(true);
        }
    }

    /// Whether what was noted of an item, by a grant, when the log was read as far as `heard`, counts no more.
    pub fn is_lapsed(&self, item: Uuid, grant: Uuid, heard: u64) -> bool {
        let lapsed = &self.known.memory.borrow().lapsed;
        lapsed.covers(item, heard) || lapsed.covers(grant, heard)
    }
}
