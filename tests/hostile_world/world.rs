//! The people with their devices, which run the real client, and what is true: who is who, whose an item is, whom its
//! owner excluded, what each device saw and what a person decided on it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use regrant::client::Session;
use regrant::crypto::envelope::Buffer;
use regrant::delegation::{After, Older, Opened, SealOptions};
use regrant::error::{Code, Result};
use regrant::graph::ListChange;
use regrant::recovery::access_back::Options;
use regrant::store::{Store, memory};
use regrant::trust::State;
use regrant::wire::statement::Profile;
use serde_json::Value;

use super::relay::{HostileRelay, Records};
use super::steps::{Act, CAROL, DEVICES, Lie, NAMES, PEOPLE, Step, WARD};
use crate::support::*;

pub(super) struct Device {
    pub(super) person: usize,
    store: Store,
    pub(super) session: Rc<Session>,
    /// The newest version of each identity that was seen here while the relay told the truth about it.
    pub(super) saw: BTreeMap<usize, u64>,
    /// About whom the relay ever lied here.
    pub(super) lied_to: BTreeSet<usize>,
    /// Whose keys were forked here, and nobody decided since.
    pub(super) forked: BTreeSet<usize>,
    /// What was opened here: item and version.
    pub(super) read: BTreeSet<(Uuid, u32)>,
    /// The highest version of each item that was opened or written here.
    pub(super) highest: BTreeMap<Uuid, u32>,
    /// Of which items one was shown, while the relay told the truth, what their owner ended.
    pub(super) heard: BTreeSet<Uuid>,
}

pub(super) struct Item {
    pub(super) id: Uuid,
    pub(super) owner: usize,
    /// Who sealed each version, from 1; those of the second one on may be missing where the relay threw them away.
    pub(super) versions: BTreeMap<u32, Version>,
    /// Whom the owner excluded, and did not give it again.
    pub(super) excluded: BTreeSet<usize>,
    /// On which device whose access was ended, and not given by anybody since.
    pub(super) ended: BTreeSet<(usize, usize)>,
}

pub(super) struct Version {
    pub(super) sealer: usize,
    pub(super) bytes: Buffer,
    /// Who gave it to whom, and did not end it.
    pub(super) given: BTreeSet<(usize, usize)>,
    /// Of these, what was for keys of theirs, and not for some that the relay made up.
    pub(super) opens: BTreeSet<(usize, usize)>,
}

pub(super) struct World {
    pub(super) relay: HostileRelay,
    pub(super) devices: Vec<Device>,
    pub(super) items: Vec<Item>,
    /// Every keyset that its own people made: fingerprint to version.
    pub(super) genuine: BTreeMap<usize, BTreeMap<[u8; 32], u64>>,
    /// Whose code each person compared.
    pub(super) compared: BTreeSet<(usize, usize)>,
    /// Whether Carol was taken out of the group.
    pub(super) excluded: bool,
    /// Whether the relay told nothing but the truth so far.
    pub(super) honest: bool,
    /// What was given in this step: item, and to whom.
    pub(super) given: Vec<(usize, usize)>,
    /// The salts of all envelopes.
    pub(super) salts: BTreeSet<Vec<u8>>,
}

/// What an act came to.
pub(super) enum Done {
    Nothing,
    Sealed { item: usize, version: u32 },
    Asked { whom: usize, state: State },
    Opened(Vec<(usize, u32, Opened)>),
}

impl World {
    pub(super) fn new() -> Self {
        let mut relay = HostileRelay::new();
        connect(&device(&relay.relay), "admin", &pair(5)).unwrap();
        let devices: Vec<Device> = DEVICES
            .into_iter()
            .map(|person| {
                let store = Store::Memory(memory::Memory::default());
                let session = connect(&device_with(&relay.relay, &store), NAMES[person], &pair(person)).unwrap();
                let (saw, lied_to, forked, read, highest, heard) = Default::default();
                Device { person, store, session, saw, lied_to, forked, read, highest, heard }
            })
            .collect();
        let members = NAMES[..PEOPLE].iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let profile = Profile { kind: "group".into(), name: None, payload: None };
        block_on(devices[0].session.create_identity(NAMES[WARD], &profile, &members, None, None)).unwrap();
        relay.forge();
        let records = relay.records();
        relay.note(&records);
        let mut world = Self {
            relay,
            devices,
            items: Vec::new(),
            genuine: BTreeMap::new(),
            compared: BTreeSet::new(),
            excluded: false,
            honest: true,
            given: Vec::new(),
            salts: BTreeSet::new(),
        };
        world.learn_keys(&records);
        // The group was made by one who saw all its members.
        world.devices[0].saw.extend((0..PEOPLE).map(|whom| (whom, 1)));
        world
    }

    /// Notes the keys that people have now.
    pub(super) fn learn_keys(&mut self, records: &Records) {
        for (n, login) in NAMES.iter().enumerate() {
            let Some(account) = records.get(&format!("identity/{login}")) else { continue };
            let account: Value = serde_json::from_str(account).unwrap();
            for member in account["keysets"].as_array().unwrap() {
                let keyset: regrant::wire::keyset::Keyset = serde_json::from_value(member["keyset"].clone()).unwrap();
                self.genuine.entry(n).or_default().insert(keyset.fingerprint().0, keyset.version);
            }
        }
    }

    pub(super) fn newest(&self, whom: usize) -> u64 {
        self.genuine[&whom].values().copied().max().unwrap()
    }

    fn item(&self, number: usize) -> Option<usize> {
        (!self.items.is_empty()).then(|| number % self.items.len())
    }

    /// One step, and what must hold after it.
    pub(super) fn take(&mut self, step: Step) -> std::result::Result<(), String> {
        let Step { device: n, act, lie } = step;
        let person = self.devices[n].person;
        let lie = if writes_about(act, person, lie) { Lie::None } else { lie };
        self.honest &= lie == Lie::None;
        let ids: Vec<Uuid> = self.items.iter().map(|item| item.id).collect();
        let told = self.relay.tell(lie, person, &ids);
        pass(10);
        let done = self.act(n, act);
        let records = self.relay.untell(&told);
        let about: BTreeSet<usize> =
            (0..NAMES.len()).filter(|whom| told.is_about(&format!("identity/{}", NAMES[*whom]))).collect();
        let done = done.map_err(|e| e.code());
        self.check_written(n, &told, &records, &about)?;
        self.check_done(n, act, lie, &done, &told)?;
        self.relay.note(&records);
        self.learn_keys(&records);
        self.learn(n, act, &done, &about);
        Ok(())
    }

    /// What the device knows from now on, and what is true from now on.
    fn learn(&mut self, n: usize, act: Act, done: &std::result::Result<Done, Code>, about: &BTreeSet<usize>) {
        let person = self.devices[n].person;
        self.devices[n].lied_to.extend(about);
        for (item, to) in std::mem::take(&mut self.given) {
            self.items[item].ended.retain(|(_, whom)| *whom != to);
        }
        let opened: Vec<(usize, u32)> = match done {
            Ok(Done::Opened(opened)) => opened.iter().map(|(item, version, _)| (*item, *version)).collect(),
            Ok(Done::Sealed { item, version }) => vec![(*item, *version)],
            _ => Vec::new(),
        };
        for (item, version) in opened {
            let highest = self.devices[n].highest.entry(self.items[item].id).or_default();
            *highest = version.max(*highest);
        }
        match (act, done) {
            (Act::Compare { whom }, Ok(_)) if whom != person => {
                self.compared.insert((person, whom));
                let newest = self.newest(whom);
                self.devices[n].saw.insert(whom, newest);
                for device in self.devices.iter_mut().filter(|device| device.person == person) {
                    device.forked.remove(&whom);
                }
            }
            (Act::Ask { .. }, Ok(Done::Asked { whom, state })) => {
                if *state == State::Forked {
                    self.devices[n].forked.insert(*whom);
                }
                if !about.contains(whom) && matches!(state, State::Verified | State::Unverified) {
                    let newest = self.newest(*whom);
                    self.devices[n].saw.insert(*whom, newest);
                }
            }
            (Act::Exclude, Ok(_)) => {
                self.excluded = true;
                let newest = self.newest(WARD);
                self.devices[n].saw.insert(WARD, newest);
            }
            (Act::Read, Ok(Done::Opened(opened))) => {
                for (item, version, opened) in opened {
                    let Some(author) = NAMES.iter().position(|name| *name == opened.author.login) else { continue };
                    // Whom the relay made up first is believed until a person says otherwise.
                    let newest = self.newest(author);
                    let device = &mut self.devices[n];
                    if !about.contains(&author) && !device.lied_to.contains(&author) {
                        device.saw.entry(author).or_insert(newest);
                    }
                    if author == person || device.saw.contains_key(&author) {
                        device.read.insert((self.items[*item].id, *version));
                    }
                }
            }
            (Act::Give { item, to }, Ok(_)) => {
                let Some(item) = self.item(item) else { return };
                let item = &mut self.items[item];
                item.ended.retain(|(_, whom)| *whom != to);
                if item.owner == person {
                    item.excluded.remove(&to);
                }
            }
            (Act::Revoke { item, whom }, Ok(_)) if whom != person => {
                let Some(item) = self.item(item) else { return };
                let item = &mut self.items[item];
                item.ended.insert((n, whom));
                let owner = item.owner == person;
                if owner {
                    item.excluded.insert(whom);
                }
                for version in item.versions.values_mut() {
                    version.given.retain(|(from, to)| *to != whom || (*from != person && !owner));
                }
            }
            _ => {}
        }
    }

    fn act(&mut self, n: usize, act: Act) -> Result<Done> {
        let (session, person) = (self.devices[n].session.clone(), self.devices[n].person);
        match act {
            Act::Seal { with } => {
                let with = (0..NAMES.len()).filter(|whom| with & (1 << whom) != 0 && *whom != person);
                let share_with = with.map(|whom| NAMES[whom].to_owned()).collect();
                let sealed =
                    block_on(session.encrypt(draft("sealed"), &SealOptions { share_with, ..Default::default() }))?;
                let version =
                    Version { sealer: person, bytes: sealed.bytes, given: BTreeSet::new(), opens: BTreeSet::new() };
                let (excluded, ended) = Default::default();
                let versions = [(1, version)].into();
                self.items.push(Item { id: sealed.id, owner: person, versions, excluded, ended });
                Ok(Done::Sealed { item: self.items.len() - 1, version: 1 })
            }
            Act::Write { item } => {
                let Some(item) = self.item(item) else { return Ok(Done::Nothing) };
                let after = if self.goes_on(n, item) { None } else { Some(After::Latest) };
                let options = SealOptions { id: Some(self.items[item].id), after, ..Default::default() };
                let sealed = block_on(session.encrypt(draft("sealed"), &options))?;
                let version =
                    Version { sealer: person, bytes: sealed.bytes, given: BTreeSet::new(), opens: BTreeSet::new() };
                self.items[item].versions.insert(sealed.version, version);
                Ok(Done::Sealed { item, version: sealed.version })
            }
            Act::Give { item, to } => {
                let Some(item) = self.item(item).filter(|_| to != person) else { return Ok(Done::Nothing) };
                let items = [self.items[item].id];
                block_on(session.give_access(Some(&items), &[NAMES[to].to_owned()], None, &no_progress))?;
                Ok(Done::Nothing)
            }
            Act::Revoke { item, whom } => {
                let Some(item) = self.item(item).filter(|_| whom != person) else { return Ok(Done::Nothing) };
                block_on(session.revoke(Some(&[self.items[item].id]), NAMES[whom], false))?;
                Ok(Done::Nothing)
            }
            Act::Read => Ok(Done::Opened(self.open_all(n))),
            Act::Renew => {
                block_on(session.unlock(&pair(person)))?;
                block_on(session.renew_keys(None, &no_progress)).map(|_| Done::Nothing)
            }
            Act::Exclude => {
                let stay: Vec<String> = NAMES[..CAROL].iter().map(|name| (*name).to_owned()).collect();
                let change = ListChange::to(&stay);
                block_on(session.replace_sharing_group(NAMES[WARD], change, &no_progress)).map(|_| Done::Nothing)
            }
            Act::Compare { whom } => {
                let code = self.code_of(whom)?;
                block_on(session.verify(NAMES[whom], &code)).map(|()| Done::Nothing)
            }
            Act::Ask { whom } => Ok(Done::Asked { whom, state: block_on(session.trust_state(NAMES[whom]))? }),
            Act::GiveBack { to } => {
                let shown = block_on(session.identities(&[NAMES[to].to_owned()]))?.remove(0);
                let spki = shown.newest()?.encryption_key.0.clone();
                let options = Options::default();
                block_on(session.give_access_back(NAMES[to], &spki, &options, &no_progress)).map(|_| Done::Nothing)
            }
            Act::Refresh => block_on(session.refresh()).map(|()| Done::Nothing),
            Act::Reload | Act::Tab => {
                block_on(session.keep())?;
                let client = device_with(&self.relay.relay, &self.devices[n].store);
                let again = block_on(client.resume(Some(NAMES[person])))?.unwrap();
                if act == Act::Reload {
                    session.end();
                }
                self.devices[n].session = again;
                Ok(Done::Nothing)
            }
            Act::Lock => {
                block_on(session.lock())?;
                block_on(session.unlock(&pair(person))).map(|()| Done::Nothing)
            }
        }
    }

    /// Whether a device writes after the version that it knows, and not after whichever is the newest: the owner does that.
    pub(super) fn goes_on(&self, n: usize, item: usize) -> bool {
        let Item { id, owner, .. } = &self.items[item];
        *owner != self.devices[n].person && self.devices[n].highest.contains_key(id)
    }

    /// What people tell each other face to face: of the newest keys that somebody's devices have.
    fn code_of(&self, whom: usize) -> Result<String> {
        let newest = self.genuine[&whom].iter().max_by_key(|(_, version)| **version).unwrap().0;
        Ok(regrant::trust::verification_code(&regrant::encoding::Fixed(*newest), NAMES[whom]))
    }

    /// What a device opens of everything that there is.
    pub(super) fn open_all(&self, n: usize) -> Vec<(usize, u32, Opened)> {
        let mut out = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            for (number, version) in &item.versions {
                let opened = block_on(self.devices[n].session.decrypt(&version.bytes, None, Older::Opened));
                out.extend(opened.ok().map(|opened| (at, *number, opened)));
            }
        }
        out
    }
}

/// Whether an act writes the very record that is lied about: what the relay then makes of it is no matter of the client's.
fn writes_about(act: Act, person: usize, lie: Lie) -> bool {
    let whom = match lie {
        Lie::Old { whom, .. } | Lie::Rival { whom } | Lie::Unsigned { whom } | Lie::Impostor { whom } => whom,
        _ => return false,
    };
    match act {
        Act::Renew => whom == person,
        Act::Exclude => whom == WARD,
        _ => false,
    }
}
