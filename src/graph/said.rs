//! What an identity says to itself and its own devices, as entries: with whom future data is shared, names of items, and
//! what is remembered of others. Two sets of entries are merged by union; of what was changed, the later counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::memory::Memory;
use crate::encoding::{Fixed, Hash, Transcript, compound, from_base64url, from_hex, from_json, to_base64url};
use crate::error::{Error, Result};
use crate::wire::pieces::Entries;
use crate::wire::statement::{MAX_NAMES, MAX_SHARES};
use crate::wire::{MAX_TIME, check_time, to_json};

const SHARE: &str = "share";
const NAMED: &str = "named";
/// What separates the parts of a key: neither logins nor names have control characters.
const BETWEEN: char = '\n';
/// How far a time may be ahead of one's own clock: whoever says a later one would have the last word.
const AHEAD: u64 = 24 * 60 * 60 * 1000;
/// The most bytes of entries that only later versions know, which are kept for them.
const MAX_UNKNOWN: usize = 1 << 20;
/// The most logins that one identity says something of as shared with; those with whom nothing is shared any more count.
const MAX_SAID_SHARES: usize = 4096;

/// Something that can be changed: of two values the later counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timed<T> {
    /// When it was said, Unix milliseconds; after what was said before, whatever the clock says.
    pub(super) at: u64,
    /// What was said.
    pub(super) value: T,
}

impl<T: Serialize + PartialEq> Timed<T> {
    /// Keeps the later one. At one time, the one with the lesser JSON, which shares less: every device keeps the same.
    fn merge(&mut self, theirs: Self) -> Result<()> {
        let wins = theirs.at > self.at || theirs.at == self.at && to_json(&theirs.value)? < to_json(&self.value)?;
        if wins {
            *self = theirs;
        }
        Ok(())
    }

    fn bounded(mut self, now: u64) -> Self {
        self.at = self.at.min(now.saturating_add(AHEAD));
        self
    }
}

/// A time after another one, if the clock is not past it anyway.
fn after(now: u64, before: Option<u64>) -> Result<u64> {
    let at = before.map_or(now, |before| now.max(before.saturating_add(1)));
    check_time(at)?;
    Ok(at)
}

/// The newest head that one knows all of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Complete {
    /// The version of the keys that signed it.
    pub(super) version: u64,
    /// Its counter.
    pub(super) counter: u64,
    /// The digest of all entries, where this device knows nothing beyond them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<Hash>,
}

/// With whom an identity shares, what it names, and what only later versions know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The version of the keys under whose head it was: what newer keys say replaces it, whoever holds the older ones.
    version: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    shares: BTreeMap<String, Timed<bool>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    names: BTreeMap<String, Timed<Option<Uuid>>>,
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    unknown: Entries,
}

fn unite<T: Serialize + PartialEq>(mine: &mut BTreeMap<String, Timed<T>>, theirs: BTreeMap<String, Timed<T>>) {
    for (key, value) in theirs {
        match mine.get_mut(&key) {
            // What cannot be written as JSON was not read from it.
            Some(known) => drop(known.merge(value)),
            None => drop(mine.insert(key, value)),
        }
    }
}

impl Said {
    /// By keys of a version, nothing yet.
    pub(super) fn of(version: u64) -> Self {
        Self { version, ..Self::default() }
    }

    /// Takes over what another tab or device knows.
    pub(super) fn merge(&mut self, theirs: Self) {
        if theirs.version > self.version {
            *self = theirs;
        } else if theirs.version == self.version {
            unite(&mut self.shares, theirs.shares);
            unite(&mut self.names, theirs.names);
            self.unknown.extend(theirs.unknown);
        }
    }

    /// The same, said by a next version. What was shared from `since` on ends; those logins are added to `stopped`.
    pub(super) fn renewed(
        &self,
        version: u64,
        since: Option<u64>,
        now: u64,
        stopped: &mut std::collections::BTreeSet<String>,
    ) -> Result<Self> {
        let mut next = Self { version, ..self.clone() };
        for (login, share) in &mut next.shares {
            if share.value && since.is_some_and(|since| share.at >= since) {
                stopped.insert(login.clone());
                *share = Timed { at: after(now, Some(share.at))?, value: false };
            }
        }
        Ok(next)
    }

    /// With whom all future data is shared.
    pub(super) fn shares(&self) -> Vec<String> {
        self.shares.iter().filter(|(_, share)| share.value).map(|(login, _)| login.clone()).collect()
    }

    /// Shares with a login, or does not. `all`: what is not known was never said.
    pub(super) fn share(&mut self, login: &str, value: bool, now: u64, all: bool) -> Result<()> {
        let before = self.shares.get(login);
        if before.map_or(all && !value, |before| before.value == value) {
            return Ok(());
        }
        let at = after(now, before.map(|before| before.at))?;
        self.shares.insert(login.to_owned(), Timed { at, value });
        if self.shares.values().filter(|share| share.value).count() > MAX_SHARES {
            return Err(Error::bad_input("future data is shared with at most 256 logins: use a group"));
        }
        if self.shares.len() > MAX_SAID_SHARES {
            return Err(Error::bad_input("of at most 4,096 logins it is kept whether future data is shared with them"));
        }
        Ok(())
    }

    /// The item under a name.
    pub(super) fn named(&self, name: &str) -> Option<Uuid> {
        self.names.get(name).and_then(|named| named.value)
    }

    /// Names an item, or takes the name away. `all`: what is not known was never said.
    pub(super) fn name(&mut self, name: &str, value: Option<Uuid>, now: u64, all: bool) -> Result<()> {
        let before = self.names.get(name);
        if before.map_or(all && value.is_none(), |before| before.value == value) {
            return Ok(());
        }
        let at = after(now, before.map(|before| before.at))?;
        self.names.insert(name.to_owned(), Timed { at, value });
        if self.names.len() > MAX_NAMES {
            return Err(Error::bad_input("an identity names at most 4,096 items; names that were taken away count"));
        }
        Ok(())
    }

    fn entries(&self, out: &mut Entries) -> Result<()> {
        for (login, share) in &self.shares {
            out.insert(key(&[SHARE, login]), to_json(share)?);
        }
        for (name, named) in &self.names {
            out.insert(key(&[NAMED, name]), to_json(named)?);
        }
        out.extend(self.unknown.iter().map(|(key, value)| (key.clone(), value.clone())));
        Ok(())
    }

    /// Takes one entry. Nobody who acts for the identity can have it keep more than is bounded.
    fn take(&mut self, key: &str, json: &str, now: u64, unknown: &mut usize) {
        match key.split_once(BETWEEN) {
            Some((SHARE, login)) => {
                let share = from_json::<Timed<bool>>(json).ok().filter(|_| self.shares.len() < MAX_SAID_SHARES);
                self.shares.extend(share.map(|share| (login.to_owned(), share.bounded(now))));
            }
            Some((NAMED, name)) => {
                let named = from_json::<Timed<Option<Uuid>>>(json).ok().filter(|_| self.names.len() < MAX_NAMES);
                self.names.extend(named.map(|named| (name.to_owned(), named.bounded(now))));
            }
            _ => {
                *unknown += key.len() + json.len();
                if *unknown <= MAX_UNKNOWN {
                    self.unknown.insert(key.to_owned(), json.to_owned());
                }
            }
        }
    }
}

fn key(parts: &[&str]) -> String {
    parts.join("\n")
}

/// Everything that an identity says to itself. `me`: with what is remembered of others, by oneself.
pub(super) fn entries(memory: &Memory, said: &Said, me: Option<&str>) -> Result<Entries> {
    let mut out = Entries::new();
    said.entries(&mut out)?;
    let Some(me) = me else { return Ok(out) };
    for (login, trust) in &memory.trust {
        // Of one's own keys each device decides by the secret that it is opened with.
        for (what, of, json) in trust.entries()?.into_iter().filter(|event| login != me || event.0 != "decided") {
            let parts = [what, login.as_str(), of.as_str()];
            out.insert(key(if of.is_empty() { &parts[..2] } else { &parts }), json);
        }
    }
    for (fingerprint, seen) in &memory.manifests {
        out.insert(key(&["manifest", &to_base64url(&from_hex(fingerprint)?)]), to_json(seen)?);
    }
    for (login, all) in &memory.candidates {
        for keyset in all {
            out.insert(key(&["candidate", login, &to_base64url(&keyset.fingerprint().0)]), to_json(keyset)?);
        }
    }
    for (revoker, all) in &memory.ended {
        for (login, ended) in all {
            for (item, at) in ended.items() {
                out.insert(key(&["ended", revoker, login, &item.to_string()]), to_json(at)?);
            }
        }
    }
    for (revoker, login, item, at) in memory.ended_by_others.all() {
        out.insert(key(&["revoked", revoker, login, &item.to_string()]), to_json(at)?);
    }
    Ok(out)
}

/// What entries say, by keys of a version. Of somebody whom one acts for, nothing is believed about others: every member
/// could say it.
pub(super) fn read(entries: &Entries, login: &str, version: u64, others: bool, now: u64) -> Memory {
    let mut memory = Memory::default();
    let mut said = Said::of(version);
    let mut unknown = 0;
    for (key, json) in entries {
        let parts: Vec<&str> = key.split(BETWEEN).collect();
        match parts[..] {
            ["decided", about, _] if others && about == login => {}
            [what @ ("seen" | "chained" | "decided"), about, of] if others => {
                memory.trust.entry(about.to_owned()).or_default().take(what, of, json);
            }
            [what @ ("round" | "crowded"), about] if others => {
                memory.trust.entry(about.to_owned()).or_default().take(what, "", json);
            }
            ["manifest", fingerprint] if others => {
                let fingerprint = from_base64url(fingerprint).and_then(|bytes| Hash::from_slice(&bytes));
                let seen = from_json(json).ok();
                memory.manifests.extend(fingerprint.ok().map(|fingerprint| fingerprint.hex()).zip(seen));
            }
            ["candidate", about, _] if others => {
                memory.candidates.entry(about.to_owned()).or_default().extend(from_json(json));
            }
            ["ended", revoker, about, item] if others => {
                let at = from_json::<u64>(json).ok().filter(|at| *at <= MAX_TIME);
                let ended = memory.ended.entry(revoker.to_owned()).or_default().entry(about.to_owned()).or_default();
                ended.add(item.parse().ok(), at.unwrap_or_default());
            }
            ["revoked", revoker, about, item] if others => {
                let at = from_json::<u64>(json).ok().filter(|at| *at <= MAX_TIME);
                memory.ended_by_others.add(revoker, about, item.parse().ok(), at.unwrap_or_default());
            }
            _ => said.take(key, json, now, &mut unknown),
        }
    }
    memory.said.insert(login.to_owned(), said);
    memory
}

/// What tells one set of entries from another.
pub(super) fn digest(entries: &Entries) -> Hash {
    let all = entries.iter().map(|(key, value)| compound(&[key.as_bytes(), value.as_bytes()]));
    Fixed(Transcript::new("head/entries").list(all).sha256())
}
