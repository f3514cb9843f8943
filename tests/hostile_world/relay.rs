//! The relay: the real rules over records that are, for one step, not what they were written as. It keeps every record that
//! it ever had, and what thieves of keys can make.

use std::collections::BTreeMap;

use regrant::keyring;
use regrant::relay::{OwnKeyset, Relay};
use regrant::wire::grant::{GrantEntry, Origin};
use regrant_relay::memory::Memory;
use serde_json::{Value, json};

use super::steps::{CAROL, Lie, NAMES};
use crate::support::forge::Forger;
use crate::support::*;

pub(super) struct HostileRelay {
    pub(super) relay: Relay,
    pub(super) memory: Memory,
    /// What each record ever said, oldest first.
    history: BTreeMap<String, Vec<String>>,
    /// Accounts that the relay made up, by login: with the same first keys, and with others.
    forged: BTreeMap<(&'static str, &'static str), Value>,
}

/// Records, by key.
pub(super) type Records = BTreeMap<String, String>;

impl HostileRelay {
    pub(super) fn new() -> Self {
        let (relay, memory) = hostile_relay();
        Self { relay, memory, history: BTreeMap::new(), forged: BTreeMap::new() }
    }

    /// Makes up what is shown in the place of people who are there now, with their first keys.
    pub(super) fn forge(&mut self) {
        for (n, login) in NAMES[..CAROL + 1].iter().enumerate() {
            let real = record(&self.memory, &format!("identity/{login}"));
            let first = principal(&self.relay, login, &pair(n)).current().unwrap();
            let engine = engine();
            let [mut signed, unsigned] = [6, 4].map(|n| {
                let thiefs = pair(n);
                let made = keyring::make(&engine, "test:relay", login, &thiefs, Some(&first.keyset), now());
                block_on(made).unwrap().own
            });
            let chain = signed.keyset.chain_transcript();
            signed.keyset.chain_signature = Some(block_on(first.sign(&engine, &chain)).unwrap());
            let with = |own: &OwnKeyset| {
                let mut account = real.clone();
                let mut second = serde_json::to_value(own).unwrap();
                second["secrets"] = json!([]);
                account["keysets"].as_array_mut().unwrap().push(second);
                account
            };
            let (elsewhere, there) = hostile_relay();
            connect(&device(&elsewhere), login, &pair(7)).unwrap();
            self.forged.insert((login, "signed"), with(&signed));
            self.forged.insert((login, "unsigned"), with(&unsigned));
            self.forged.insert((login, "impostor"), record(&there, &format!("identity/{login}")));
        }
    }

    /// The fingerprints of the keys that were made up.
    pub(super) fn made_up(&self, login: &str, kind: &'static str) -> Option<[u8; 32]> {
        let account = self.forged.iter().find(|((of, how), _)| (*of, *how) == (login, kind))?.1;
        let newest = account["keysets"].as_array().unwrap().last().unwrap()["keyset"].clone();
        Some(serde_json::from_value::<regrant::wire::keyset::Keyset>(newest).unwrap().fingerprint().0)
    }

    pub(super) fn records(&self) -> Records {
        self.memory.dump().into_iter().map(|(key, _, value)| (key, value)).collect()
    }

    /// Notes what is true now.
    pub(super) fn note(&mut self, records: &Records) {
        for (key, value) in records {
            let said = self.history.entry(key.clone()).or_default();
            if !said.contains(value) {
                said.push(value.clone());
            }
        }
    }

    /// What a record said so many changes ago.
    fn before(&self, key: &str, age: usize) -> Option<String> {
        let said = self.history.get(key)?;
        said.len().checked_sub(2 + age).map(|at| said[at].clone())
    }

    fn put(&self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.memory.overwrite(key, Some(value));
        }
    }

    /// Has the records say something else. Gives what they are to say again afterwards, as far as nobody writes there.
    pub(super) fn tell(&self, lie: Lie, to: usize, items: &[Uuid]) -> Told {
        let truth = self.records();
        let account = |whom: usize| format!("identity/{}", NAMES[whom]);
        let forged = |whom: usize, how| self.forged.get(&(NAMES[whom], how)).map(Value::to_string);
        match lie {
            Lie::None => {}
            Lie::Old { whom, age } => self.put(&account(whom), self.before(&account(whom), age)),
            Lie::Rival { whom } => self.put(&account(whom), forged(whom, "signed")),
            Lie::Unsigned { whom } => self.put(&account(whom), forged(whom, "unsigned")),
            Lie::Impostor { whom } => self.put(&account(whom), forged(whom, "impostor")),
            Lie::BringBack | Lie::Withhold => {
                // What logs told of grants, too.
                let ever = self.history.iter().filter(|(key, said)| {
                    let told = key.starts_with("log/") && said.iter().any(|entry| entry.starts_with("{\"grant\":"));
                    told || ["grant/", "exchange/"].iter().any(|kind| key.starts_with(kind))
                });
                for (key, said) in ever {
                    self.put(key, said.iter().max_by_key(|value| value.len()).cloned());
                }
                let ended = |key: &&String| key.starts_with("revocation/");
                for key in truth.keys().filter(ended).filter(|_| lie == Lie::Withhold) {
                    self.memory.overwrite(key, None);
                }
            }
            Lie::Plant { item, says } => self.plant(items, item, says, to),
            Lie::HoldBack { from } => {
                let log: Vec<String> = keys_of(&self.memory, &format!("log/{}/", NAMES[to]));
                log.iter().rev().take(from + 1).for_each(|key| self.memory.overwrite(key, None));
            }
            Lie::OldPins { age } => {
                for key in truth.keys().filter(|key| key.starts_with("statement/") && key.ends_with("/pins")) {
                    self.put(key, self.before(key, age));
                }
            }
        }
        let lied = self.records();
        Told { truth, lied }
    }

    fn plant(&self, items: &[Uuid], item: usize, says: usize, to: usize) {
        let carol = Forger::new(&self.relay, &self.memory, "carol", &pair(CAROL));
        let Some(item) = (!items.is_empty()).then(|| items[item % items.len()]) else { return };
        let Some((entry, key)) = carol.keys_of(item).into_iter().max_by_key(|(entry, _)| entry.1) else { return };
        let origin = match says {
            0 => None,
            1 => Some(Origin { owner: Some("alice".into()), sealer: None }),
            _ => Some(Origin { owner: None, sealer: Some("alice".into()) }),
        };
        carol.give(NAMES[to], GrantEntry(entry.0, entry.1, entry.2, origin.map(Into::into)), &key, now());
    }

    /// Says the truth again; what was written meanwhile stays.
    pub(super) fn untell(&self, told: &Told) -> Records {
        let now = self.records();
        let keys = told.truth.keys().chain(told.lied.keys());
        for key in keys {
            let (truth, lied) = (told.truth.get(key), told.lied.get(key));
            // Exchange keys stay: somebody may have given something under one meanwhile.
            let stays = truth.is_none() && key.starts_with("exchange/");
            if truth != lied && now.get(key) == lied && !stays {
                self.memory.overwrite(key, truth.cloned());
            }
        }
        self.records()
    }
}

/// What the records said before, and what they were made to say.
pub(super) struct Told {
    truth: Records,
    lied: Records,
}

impl Told {
    /// Whether a record was not what it had been.
    pub(super) fn is_about(&self, key: &str) -> bool {
        self.truth.get(key) != self.lied.get(key)
    }

    /// What was written, to these records.
    pub(super) fn written<'a>(&'a self, now: &'a Records) -> impl Iterator<Item = (&'a String, &'a String)> {
        now.iter().filter(|(key, value)| self.truth.get(*key) != Some(value) && self.lied.get(*key) != Some(value))
    }
}
