//! What must hold after every step, whatever the relay told.

use std::collections::BTreeSet;

use regrant::delegation::{After, Older, SealOptions};
use regrant::encoding::Hash;
use regrant::error::Code;
use regrant::relay::{ExchangeRecord, GrantRecord};
use regrant::trust::State;

use super::relay::{Records, Told};
use super::steps::{Act, CAROL, DEVICES, Lie, NAMES, WARD};
use super::world::{Done, World};
use crate::support::*;

type Check = Result<(), String>;

fn number(login: &str) -> Option<usize> {
    NAMES.iter().position(|name| *name == login)
}

impl World {
    /// Everything that a device wrapped or gave is for keys that it may rely on.
    pub(super) fn check_written(&mut self, n: usize, told: &Told, records: &Records, about: &BTreeSet<usize>) -> Check {
        let person = self.devices[n].person;
        let by = [NAMES[person], NAMES[WARD]];
        self.learn_keys(records);
        for (key, value) in told.written(records) {
            if !key.starts_with("exchange/") {
                continue;
            }
            let record: ExchangeRecord = serde_json::from_str(value).unwrap();
            for wrap in record.wraps.iter().filter(|wrap| by.contains(&wrap.wrapper.login.as_str())) {
                let parties = [&record.exchange.delegator, &record.exchange.delegate];
                let parties: Vec<usize> = parties.iter().filter_map(|login| number(login)).collect();
                let known = parties.iter().find_map(|whom| Some((*whom, *self.genuine[whom].get(&wrap.recipient.0)?)));
                match known {
                    Some((whom, version)) => {
                        if version < self.devices[n].saw.get(&whom).copied().unwrap_or_default() {
                            return Err(format!("{} sealed to version {version} of {}", NAMES[person], NAMES[whom]));
                        }
                        if whom == WARD && self.excluded && version < self.newest(WARD) && !about.contains(&WARD) {
                            return Err(format!("{} sealed to a group that Carol reads", NAMES[person]));
                        }
                    }
                    None => self.check_deceived(n, &parties, wrap.recipient.0)?,
                }
            }
        }
        self.note_given(n, told, records);
        Ok(())
    }

    /// Keys that their person did not make are sealed to only where a device could not know better.
    fn check_deceived(&self, n: usize, parties: &[usize], keys: [u8; 32]) -> Check {
        let (device, person) = (&self.devices[n], self.devices[n].person);
        let kinds = ["signed", "unsigned", "impostor"];
        let found = parties.iter().find_map(|whom| {
            let kind = kinds.into_iter().find(|kind| self.relay.made_up(NAMES[*whom], kind) == Some(keys))?;
            Some((*whom, kind))
        });
        let Some((whom, kind)) = found else { return Err("sealed to keys that nobody has".into()) };
        let saw = device.saw.get(&whom).copied().unwrap_or_default();
        let known = match kind {
            // Whoever holds compared keys can go on from them, until what really followed is known.
            "signed" => saw >= 2,
            _ => saw >= 1 || self.compared.contains(&(person, whom)) && device.saw.contains_key(&whom),
        };
        match known || whom == person {
            true => Err(format!("{} sealed to {kind} keys of {}", NAMES[person], NAMES[whom])),
            false => Ok(()),
        }
    }

    /// Notes who gave what to whom.
    fn note_given(&mut self, n: usize, told: &Told, records: &Records) {
        let person = self.devices[n].person;
        for (key, value) in told.written(records) {
            let Some(_) = key.strip_prefix("grant/") else { continue };
            let grant = serde_json::from_str::<GrantRecord>(value).unwrap().grant;
            let exchange = records.get(&format!("exchange/{}", grant.exchange));
            let Some(exchange) = exchange.and_then(|text| serde_json::from_str::<ExchangeRecord>(text).ok()) else {
                continue;
            };
            let theirs = |keys: &Hash| self.genuine.values().any(|all| all.contains_key(&keys.0));
            let real = exchange.exchange.recipients.iter().all(theirs);
            let (from, to) = (number(&exchange.exchange.delegator), number(&grant.delegate));
            let (Some(from), Some(to)) = (from.filter(|from| [person, WARD].contains(from)), to) else { continue };
            for entry in &grant.entries {
                let Some(at) = self.items.iter().position(|item| item.id == entry.0) else { continue };
                if let Some(version) = self.items[at].versions.get_mut(&entry.1) {
                    if version.given.insert((from, to)) {
                        self.given.push((at, to));
                    }
                    if from == WARD && entry.1 > 1 && to == WARD {
                        // A member wrote for the group.
                        version.sealer = WARD;
                    }
                    if real {
                        version.opens.insert((from, to));
                    }
                }
            }
        }
    }

    pub(super) fn check_done(&mut self, n: usize, act: Act, lie: Lie, done: &Result<Done, Code>, told: &Told) -> Check {
        let person = self.devices[n].person;
        match done {
            Ok(Done::Sealed { item, version }) => {
                let known = self.devices[n].highest.get(&self.items[*item].id);
                if matches!(act, Act::Write { .. })
                    && self.goes_on(n, *item)
                    && known.is_none_or(|at| at + 1 != *version)
                {
                    return Err(format!("{} wrote version {version}, and knew {known:?}", NAMES[person]));
                }
                self.check_sealed(n, *item, *version, lie)
            }
            Ok(Done::Asked { whom, state }) if *whom != person => self.check_state(n, *whom, *state, lie, told),
            Ok(Done::Opened(opened)) => {
                for (item, version, opened) in opened {
                    let given = &self.items[*item].versions[version].given;
                    let author = number(&opened.author.login);
                    let gave =
                        author.is_some_and(|author| author == CAROL || given.iter().any(|(from, _)| *from == author));
                    if opened.author.verified && !gave && author != Some(WARD) {
                        return Err(format!("{} is told that {} vouches", NAMES[person], opened.author.login));
                    }
                }
                Ok(())
            }
            Ok(Done::Nothing) if matches!(act, Act::GiveBack { .. }) => {
                let Act::GiveBack { to } = act else { return Ok(()) };
                let code = self.compared.contains(&(person, to)) || to == person;
                // Nobody lost keys in this world: whoever gets something back is whose code was compared, and with the
                // keys that were.
                if !code || (told.is_about(&format!("identity/{}", NAMES[to])) && !matches!(lie, Lie::Old { .. })) {
                    return Err(format!("{} gave {} access back without a code", NAMES[person], NAMES[to]));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A new version is for whom it may be, and under a key of its own.
    fn check_sealed(&mut self, n: usize, item: usize, version: u32, lie: Lie) -> Check {
        let sealed = &self.items[item].versions[&version];
        let head = sealed.bytes.prefix(62);
        if !self.salts.insert(head[30..].to_vec()) {
            return Err("one salt twice".into());
        }
        let item = &self.items[item];
        // Whoever holds it through the group alone wrote for the group.
        let person = sealed.sealer;
        let whom: BTreeSet<usize> =
            sealed.given.iter().filter(|(from, _)| *from == person).map(|(_, to)| *to).collect();
        if version == 1 {
            return Ok(());
        }
        // Whoever compared Carol's code and not the owner's believes her.
        let believes_carol = self.compared.contains(&(person, CAROL)) && !self.compared.contains(&(person, item.owner));
        let own_word = item.ended.iter().filter(|(by, _)| *by == n && person != WARD).map(|(_, to)| *to);
        if let Some(to) = own_word.into_iter().find(|to| whom.contains(to)) {
            return Err(format!("{} carried {} over, whose access they ended", NAMES[person], NAMES[to]));
        }
        // Who holds the item by the owner, or owns it, knows whose it is.
        let by_owner = |v: &super::world::Version| v.given.contains(&(item.owner, person));
        let knows = item.owner == person || item.versions.values().any(by_owner);
        let heard = item.owner == person || lie != Lie::Withhold || self.devices[n].heard.contains(&item.id);
        if knows && heard && !believes_carol {
            if let Some(to) = item.excluded.iter().find(|to| whom.contains(to)) {
                return Err(format!("{} carried {} over, whom the owner excluded", NAMES[person], NAMES[*to]));
            }
            let trusted = |from: usize, v: &super::world::Version| [item.owner, person, v.sealer].contains(&from);
            let given = |to: usize| {
                item.versions.range(..version).any(|(_, v)| v.given.iter().any(|(f, t)| *t == to && trusted(*f, v)))
            };
            let may = |to: usize| {
                to == person || to == item.owner || item.versions.values().any(|v| v.sealer == to) || given(to)
            };
            if let Some(to) = whom.iter().find(|to| !may(**to)) {
                return Err(format!("{} carried {} over, whom nobody gave it", NAMES[person], NAMES[*to]));
            }
        }
        if self.honest
            && let Some(before) = item.versions.get(&(version - 1))
        {
            let trusted = [item.owner, before.sealer, person];
            let given = before.given.iter().filter(|(from, _)| trusted.contains(from)).map(|(_, to)| *to);
            let ended = |to: &usize| item.excluded.contains(to) || item.ended.iter().any(|(_, whom)| whom == to);
            if let Some(to) = given.chain([item.owner]).find(|to| !ended(to) && !whom.contains(to)) {
                return Err(format!("{} did not carry {} over", NAMES[person], NAMES[to]));
            }
        }
        if lie != Lie::Withhold && knows {
            let id = item.id;
            self.devices[n].heard.insert(id);
        }
        Ok(())
    }

    /// How far somebody can be relied on says nothing that a person did not decide.
    fn check_state(&self, n: usize, whom: usize, state: State, lie: Lie, told: &Told) -> Check {
        let (device, person) = (&self.devices[n], self.devices[n].person);
        let said = |what: &str| Err(format!("{} {what}: {} is {}", NAMES[person], NAMES[whom], state.as_str()));
        if device.forked.contains(&whom) && state != State::Forked {
            return said("sees a fork heal");
        }
        let saw = device.saw.get(&whom).copied().unwrap_or_default();
        let another = match lie {
            Lie::Impostor { whom: w } | Lie::Unsigned { whom: w } => w == whom && saw >= 1,
            Lie::Rival { whom: w } => w == whom && saw >= 2,
            Lie::Old { whom: w, .. } => {
                w == whom && saw == self.newest(whom) && told.is_about(&format!("identity/{}", NAMES[whom])) && saw >= 2
            }
            _ => false,
        };
        if another && state.is_usable() {
            return said("relies on what it cannot");
        }
        Ok(())
    }

    /// At the end, the relay tells the truth: what was read stays readable, and owners go on.
    pub(super) fn check_end(&mut self) -> Check {
        for n in 0..self.devices.len() {
            let person = self.devices[n].person;
            let session = self.devices[n].session.clone();
            let opened = block_on(session.unlock(&pair(person))).and_then(|()| block_on(session.refresh()));
            if let Err(e) = opened {
                return Err(format!("{}'s device {n} does not go on: {e:?}", NAMES[person]));
            }
            for item in &self.items {
                for (number, version) in &item.versions {
                    let known = self.devices[n].highest.get(&item.id).is_some_and(|highest| number < highest);
                    if known && block_on(session.decrypt(&version.bytes, None, Older::Refused)).is_ok() {
                        return Err(format!("{}'s device {n} takes version {number} for the newest", NAMES[person]));
                    }
                    let stays = version.opens.intersection(&version.given).any(|(_, to)| *to == person);
                    // What renewed keys signed anew proves nothing where these are one side of a fork.
                    let forked = |giver: &usize| {
                        let lied_to = |d: &super::world::Device| d.person == person && d.lied_to.contains(giver);
                        self.newest(*giver) > 1 && self.devices.iter().any(lied_to)
                    };
                    let givers = version.given.iter().filter(|(_, to)| *to == person).map(|(from, _)| *from);
                    if !stays
                        || !self.devices[n].read.contains(&(item.id, *number))
                        || givers.into_iter().all(|g| forked(&g))
                    {
                        continue;
                    }
                    if let Err(e) = block_on(session.decrypt(&version.bytes, None, Older::Opened)).map(drop) {
                        let name = NAMES[person];
                        return Err(format!("{name}'s device {n} read version {number}, and does no more: {e:?}"));
                    }
                }
            }
        }
        for at in 0..self.items.len() {
            let (id, owner) = (self.items[at].id, self.items[at].owner);
            let n = DEVICES.iter().position(|person| *person == owner).unwrap();
            let session = self.devices[n].session.clone();
            let lied_to: BTreeSet<usize> =
                self.devices.iter().filter(|d| d.person == owner).flat_map(|d| d.lied_to.iter().copied()).collect();
            let options = SealOptions { id: Some(id), after: Some(After::Latest), ..Default::default() };
            match block_on(session.encrypt(draft("at the end"), &options)) {
                Ok(sealed) => {
                    for whom in self.items[at].excluded.clone() {
                        let reader = DEVICES.iter().position(|person| *person == whom);
                        let Some(reader) = reader else { continue };
                        // Whoever is in the group still reads what it was given.
                        let through =
                            self.items[at].versions.values().any(|v| v.given.iter().any(|(_, to)| *to == WARD));
                        let read = block_on(self.devices[reader].session.decrypt(&sealed.bytes, None, Older::Refused));
                        if read.is_ok() && !through {
                            return Err(format!("{} reads what came after they were excluded", NAMES[whom]));
                        }
                    }
                }
                Err(e) => {
                    let known = e.code() == Code::IdentityChanged
                        && e.logins().iter().all(|login| number(login).is_some_and(|whom| lied_to.contains(&whom)));
                    if !known {
                        return Err(format!("{} does not go on writing: {e:?}", NAMES[owner]));
                    }
                }
            }
        }
        Ok(())
    }
}
