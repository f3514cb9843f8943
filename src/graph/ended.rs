//! Access that one ended, remembered: a relay that brings a removed grant back, signature and all, changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Principal;
use super::memory::place_of_item;
use crate::encoding::Bytes;
use crate::error::Error;
use crate::wire::exchange::Exchange;
use crate::wire::grant::Grant;
use crate::wire::revocation::Revocation;

/// The most items that are remembered of one delegate. Beyond them the oldest are forgotten.
const MAX_ENDED: usize = 1 << 16;
/// The same of everything that others ended.
const MAX_ENDED_BY_OTHERS: usize = 4096;

/// Of one delegate: the items whose access ended, each with when, in Unix milliseconds, and when the last did.
///
/// As JSON: the ids of each time, 16 bytes each, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "BTreeMap<u64, Bytes>", try_from = "BTreeMap<u64, Bytes>")]
pub struct Ended(BTreeMap<Uuid, u64>, u64);

impl Ended {
    pub(super) fn add(&mut self, items: impl IntoIterator<Item = Uuid>, at: u64) {
        for item in items {
            let ended = self.0.entry(item).or_default();
            *ended = at.max(*ended);
            self.1 = self.1.max(at);
        }
        if self.0.len() > MAX_ENDED {
            let mut times: Vec<u64> = self.0.values().copied().collect();
            times.sort_unstable();
            let oldest = times[times.len() - MAX_ENDED];
            let mut room = MAX_ENDED - times.iter().filter(|at| **at > oldest).count();
            self.0.retain(|_, at| {
                let stays = *at > oldest || (*at == oldest && room > 0);
                room -= usize::from(stays && *at == oldest);
                stays
            });
        }
    }

    /// Takes over what another device remembers.
    pub(super) fn merge(&mut self, other: Self) {
        for (item, at) in other.0 {
            self.add([item], at);
        }
    }

    /// The items, each with when.
    pub(super) fn items(&self) -> impl Iterator<Item = (&Uuid, &u64)> {
        self.0.iter()
    }

    /// Whether access that was given at some time is over.
    fn ends(&self, item: Uuid, given: u64) -> bool {
        self.0.get(&item).is_some_and(|at| given <= *at)
    }

    fn at(&self, item: Uuid) -> Option<u64> {
        self.0.get(&item).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of some places.
    pub(super) fn those(&self, here: impl Fn(u32) -> bool) -> Self {
        let mut out = Self::default();
        for (item, at) in self.0.iter().filter(|(item, _)| here(place_of_item(**item))) {
            out.add([*item], *at);
        }
        out
    }

    fn oldest(&self) -> Option<(u64, Uuid)> {
        self.0.iter().map(|(item, at)| (*at, *item)).min()
    }
}

/// Access that others ended, of items that one writes: by whom, and whose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedByOthers(BTreeMap<String, BTreeMap<String, Ended>>);

impl EndedByOthers {
    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of some places.
    pub(super) fn those(&self, here: impl Fn(u32) -> bool) -> Self {
        let mut out = Self::default();
        for (revoker, login, item, at) in self.all().filter(|(_, _, item, _)| here(place_of_item(**item))) {
            out.0.entry(revoker.clone()).or_default().entry(login.clone()).or_default().add([*item], *at);
        }
        out
    }

    /// All of it: revoker, login, item, when.
    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &String, &Uuid, &u64)> {
        self.0.iter().flat_map(|(revoker, all)| {
            all.iter().flat_map(move |(login, ended)| ended.items().map(move |(item, at)| (revoker, login, item, at)))
        })
    }

    pub(super) fn add(&mut self, revoker: &str, login: &str, items: impl IntoIterator<Item = Uuid>, at: u64) {
        self.0.entry(revoker.to_owned()).or_default().entry(login.to_owned()).or_default().add(items, at);
        self.bound();
    }

    /// Takes over what another device remembers.
    pub(super) fn merge(&mut self, other: Self) {
        for (revoker, theirs) in other.0 {
            let mine = self.0.entry(revoker).or_default();
            theirs.into_iter().for_each(|(login, ended)| mine.entry(login).or_default().merge(ended));
        }
        self.bound();
    }

    /// Forgets the oldest of whoever ended the most, so that nobody who ends much has what another one ended forgotten.
    fn bound(&mut self) {
        let count = |all: &BTreeMap<String, Ended>| all.values().map(|ended| ended.0.len()).sum::<usize>();
        let mut total: usize = self.0.values().map(count).sum();
        while total > MAX_ENDED_BY_OTHERS {
            let Some(most) = self.0.values_mut().max_by_key(|all| count(all)) else { return };
            let oldest = most.iter().filter_map(|(login, ended)| Some((ended.oldest()?, login.clone()))).min();
            let Some(((_, item), login)) = oldest else { return };
            if let Some(ended) = most.get_mut(&login) {
                ended.0.remove(&item);
                if ended.0.is_empty() {
                    most.remove(&login);
                }
            }
            total -= 1;
        }
    }

    fn at(&self, revoker: &str, login: &str, item: Uuid) -> Option<u64> {
        self.0.get(revoker)?.get(login)?.0.get(&item).copied()
    }
}

impl From<Ended> for BTreeMap<u64, Bytes> {
    fn from(ended: Ended) -> Self {
        let mut out: Self = Self::new();
        for (item, at) in ended.0 {
            out.entry(at).or_default().0.extend_from_slice(item.as_bytes());
        }
        out
    }
}

impl TryFrom<BTreeMap<u64, Bytes>> for Ended {
    type Error = Error;

    fn try_from(stored: BTreeMap<u64, Bytes>) -> Result<Self, Error> {
        let mut out = Self::default();
        for (at, ids) in stored {
            let (ids, rest) = ids.0.as_chunks::<16>();
            if !rest.is_empty() {
                return Err(Error::corrupt());
            }
            out.add(ids.iter().map(|id| Uuid::from_bytes(*id)), at);
        }
        Ok(out)
    }
}

impl Principal {
    /// Notes that a login's access to some items ended.
    pub fn note_ended(&self, login: &str, items: impl IntoIterator<Item = Uuid>, at: u64) {
        let mut memory = self.known.memory.borrow_mut();
        let ended = memory.ended.entry(self.login.clone()).or_default().entry(login.to_owned()).or_default();
        let later = |item: &Uuid| ended.at(*item).is_none_or(|known| known < at);
        let items: Vec<Uuid> = items.into_iter().filter(later).collect();
        items.iter().for_each(|item| self.known.touch(place_of_item(*item)));
        ended.add(items, at);
    }

    /// Notes what another device of one's own ended, or somebody who acts for the same identity: the newest keys say so.
    pub fn note_revocation(&self, revocation: &Revocation) {
        let Ok(key) = self.current() else { return };
        if revocation.revoker == key.party() && revocation.check(&key.keyset.signing_key).is_ok() {
            // What is given afterwards is to count, whatever the clocks of the two say.
            let at = revocation.created.min(self.now());
            self.note_ended(&revocation.login, revocation.items.iter().map(|(item, _)| *item), at);
        }
    }

    /// Notes that somebody else ended a login's access to an item that one writes. Whoever calls has checked that they may,
    /// and that they signed it.
    pub fn note_ended_by(&self, revocation: &Revocation, item: Uuid) {
        let (revoker, login) = (&revocation.revoker.login, &revocation.login);
        // No later than now, so that what they give again counts, whatever clocks say.
        let at = revocation.created.min(self.now());
        let mut memory = self.known.memory.borrow_mut();
        if memory.ended_by_others.at(revoker, login, item).is_none_or(|known| known < at) {
            memory.ended_by_others.add(revoker, login, [item], at);
            self.known.touch(place_of_item(item));
        }
    }

    /// When somebody, oneself or another one, ended a login's access to an item, as far as one knows.
    pub fn ended_at(&self, revoker: &str, login: &str, item: Uuid) -> Option<u64> {
        let memory = self.known.memory.borrow();
        let own = memory.ended.get(revoker).and_then(|all| all.get(login)?.0.get(&item).copied());
        own.max(memory.ended_by_others.at(revoker, login, item))
    }

    /// The items of a grant of which one knows that this access is over.
    pub fn ended_of(&self, exchange: &Exchange, grant: &Grant) -> Vec<Uuid> {
        let memory = self.known.memory.borrow();
        let Some(ended) = memory.ended.get(&self.login).and_then(|all| all.get(&exchange.delegate)) else {
            return Vec::new();
        };
        let items = grant.entries.iter().map(|entry| entry.0);
        items.filter(|item| ended.ends(*item, grant.created)).collect()
    }

    /// When something is given: after everything that one ended, also if the clock was set back.
    pub fn giving_time(&self) -> u64 {
        let memory = self.known.memory.borrow();
        let last = memory.ended.get(&self.login).into_iter().flat_map(BTreeMap::values).map(|ended| ended.1).max();
        last.map_or_else(|| self.now(), |last| self.now().max(last.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_stays_ended_until_it_is_given_later_and_the_oldest_are_forgotten() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut ended = Ended::default();
        ended.add([one, two], 10);
        ended.add([two], 5);
        assert!(ended.ends(one, 10) && ended.ends(two, 7) && !ended.ends(one, 11));
        assert!(!ended.ends(Uuid::from_u128(3), 1));
        let text = crate::wire::to_json(&ended).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Ended>(&text).ok().as_ref(), Some(&ended));
        assert!(serde_json::from_str::<Ended>(r#"{"1":"AAAA"}"#).is_err(), "no whole ids");

        ended.add((0..MAX_ENDED as u128 - 1).map(|n| Uuid::from_u128(100 + n)), 20);
        assert_eq!(ended.0.len(), MAX_ENDED);
        assert!(ended.ends(Uuid::from_u128(100), 20));
        assert_eq!([one, two].iter().filter(|id| ended.ends(**id, 1)).count(), 1);
    }

    #[test]
    fn whoever_ends_much_has_nothing_forgotten_that_another_one_ended() {
        let mut all = EndedByOthers::default();
        all.add("alice", "carol", [Uuid::from_u128(1)], 5);
        for n in 0..MAX_ENDED_BY_OTHERS as u128 {
            all.add("mallory", &format!("m{n}"), [Uuid::from_u128(2)], 10 + n as u64);
        }
        assert_eq!(all.at("alice", "carol", Uuid::from_u128(1)), Some(5));
        assert_eq!(all.at("mallory", "m0", Uuid::from_u128(2)), None, "the oldest of whoever ended the most");
        assert_eq!(all.at("mallory", "m1", Uuid::from_u128(2)), Some(11));
        let text = crate::wire::to_json(&all).unwrap_or_default();
        let mut again = serde_json::from_str::<EndedByOthers>(&text).unwrap_or_default();
        assert_eq!(again, all);
        let mut other = EndedByOthers::default();
        other.add("mallory", "m1", [Uuid::from_u128(2)], 3);
        other.add("mallory", "m2", [Uuid::from_u128(2)], 90_000);
        again.merge(other);
        assert_eq!(again.at("mallory", "m1", Uuid::from_u128(2)), Some(11), "the later of two");
        assert_eq!(again.at("mallory", "m2", Uuid::from_u128(2)), Some(90_000));
    }
}
