//! Random graphs against a small model that says who must be able to read what. What fails is shrunk, and becomes a
//! named test in `tests/graph.rs`.
//!
//! The model knows nothing of keys: it has sharing groups, who was given what, and when somebody began anew.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::support::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use regrant::client::{Client, Session};
use regrant::crypto::envelope::Buffer;
use regrant::error::Code;
use regrant::graph::ListChange;
use regrant::recovery::access_back::Options;
use regrant::relay::Relay;
use regrant::wire::statement::Profile;

const PEOPLE: usize = 4;
const GROUPS: usize = 4;

/// What happens. Numbers are people (0 to 3) and groups (4 to 7), taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    /// A person creates the next group, shared with itself and others, people and groups.
    Create { who: usize, with: Vec<usize> },
    /// A person adds to a group's sharers.
    Extend { who: usize, group: usize, with: Vec<usize> },
    /// A person sets a group's sharers.
    Replace { who: usize, group: usize, with: Vec<usize> },
    /// A person renews a group's keys, or its own.
    Renew { who: usize, whose: usize },
    /// A person encrypts something for itself and others.
    Seal { who: usize, with: Vec<usize> },
    /// A person gives an item that it holds itself to somebody.
    Grant { who: usize, item: usize, to: usize },
    /// The owner ends somebody's access to an item.
    Revoke { item: usize, whose: usize },
    /// A person loses its keys, and begins anew.
    Reset { who: usize },
    /// A person gives another its access back, with the code.
    AccessBack { giver: usize, to: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let node = || 0..PEOPLE + GROUPS;
    let nodes = move || prop::collection::vec(node(), 0..3);
    let person = || 0..PEOPLE;
    let step = prop_oneof![
        3 => (person(), nodes()).prop_map(|(who, with)| Step::Create { who, with }),
        3 => (person(), PEOPLE..PEOPLE + GROUPS, nodes()).prop_map(|(who, group, with)| Step::Extend { who, group, with }),
        4 => (person(), PEOPLE..PEOPLE + GROUPS, nodes())
            .prop_map(|(who, group, with)| Step::Replace { who, group, with }),
        2 => (person(), node()).prop_map(|(who, whose)| Step::Renew { who, whose }),
        6 => (person(), nodes()).prop_map(|(who, with)| Step::Seal { who, with }),
        2 => (person(), 0..16usize, node()).prop_map(|(who, item, to)| Step::Grant { who, item, to }),
        2 => (0..16usize, node()).prop_map(|(item, whose)| Step::Revoke { item, whose }),
        1 => person().prop_map(|who| Step::Reset { who }),
        2 => (person(), person()).prop_map(|(giver, to)| Step::AccessBack { giver, to }),
    ];
    prop::collection::vec(step, 4..20)
}

/// An item, as the model knows it.
#[derive(Clone, Debug)]
struct Item {
    owner: usize,
    /// Who was given it.
    grants: Vec<Grant>,
}

/// From whom to whom, and how often each had lost its keys then: whoever begins anew has other exchange keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    from: usize,
    to: usize,
    losses: (usize, usize),
}

/// Who must be able to read what.
#[derive(Default)]
struct Model {
    /// The sharers of each group that was created.
    groups: BTreeMap<usize, BTreeSet<usize>>,
    /// Edges that lead nowhere since the sharer lost its keys: (group, sharer).
    lost: BTreeSet<(usize, usize)>,
    items: Vec<Item>,
    /// Exchange keys that somebody lost, by person.
    without: BTreeSet<(usize, Grant)>,
    losses: BTreeMap<usize, usize>,
}

impl Model {
    /// Whom `who` can act for, itself included.
    fn acts_for(&self, who: usize) -> BTreeSet<usize> {
        let mut all = BTreeSet::from([who]);
        loop {
            let more: Vec<usize> = self
                .groups
                .iter()
                .filter(|(group, sharers)| {
                    !all.contains(group)
                        && sharers.iter().any(|s| all.contains(s) && !self.lost.contains(&(**group, *s)))
                })
                .map(|(group, _)| *group)
                .collect();
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }

    fn reads(&self, who: usize, item: &Item) -> bool {
        let acting = self.acts_for(who);
        // A grant is opened by either side of the pair, unless that side lost the exchange key.
        item.grants.iter().any(|grant| self.opens(&acting, *grant))
    }

    fn opens(&self, acting: &BTreeSet<usize>, grant: Grant) -> bool {
        [grant.from, grant.to].iter().any(|side| acting.contains(side) && !self.without.contains(&(*side, grant)))
    }

    fn grant(&self, from: usize, to: usize) -> Grant {
        let losses = |who| self.losses.get(&who).copied().unwrap_or_default();
        Grant { from, to, losses: (losses(from), losses(to)) }
    }

    /// What a person held goes with its keys: exchange keys of pairs that it is in, and slots on groups.
    fn lose(&mut self, who: usize) {
        for (group, sharers) in &self.groups {
            if sharers.contains(&who) {
                self.lost.insert((*group, who));
            }
        }
        for grant in self.items.iter().flat_map(|item| &item.grants) {
            if grant.from == who || grant.to == who {
                self.without.insert((who, *grant));
            }
        }
        *self.losses.entry(who).or_default() += 1;
    }

    /// What a giver, and everybody it acts for, can hand back.
    fn give_back(&mut self, giver: usize, to: usize) {
        let acting = self.acts_for(giver);
        let given: Vec<(usize, Grant)> =
            self.without.iter().filter(|(who, grant)| *who == to && self.opens(&acting, *grant)).copied().collect();
        self.without.retain(|lost| !given.contains(lost));
        self.lost.retain(|(group, who)| *who != to || !acting.contains(group));
    }

    /// Sets the sharers of a group. Which groups get new keys by that: those that an excluded one could act for only
    /// through it.
    fn replace(&mut self, group: usize, wanted: BTreeSet<usize>) {
        let listed = self.groups.insert(group, wanted.clone()).unwrap_or_default();
        let excluded: Vec<usize> = listed.difference(&wanted).copied().collect();
        if excluded.is_empty() {
            // Only those who are new, or are sealed to at new keys.
            self.lost.retain(|(g, _)| *g != group);
            return;
        }
        let below = self.acts_for(group);
        let known: BTreeMap<usize, BTreeSet<usize>> = below.iter().map(|g| (*g, self.groups[g].clone())).collect();
        for renewed in below.iter().filter(|g| **g == group || excluded.iter().any(|who| !leads(*who, **g, &known))) {
            // All that stay are sealed to anew, at their newest keys.
            self.lost.retain(|(g, _)| g != renewed);
        }
        self.lost.retain(|(g, who)| self.groups[g].contains(who));
    }
}

/// Whether a way leads from somebody to a group, by edges of groups that are looked at.
fn leads(from: usize, to: usize, known: &BTreeMap<usize, BTreeSet<usize>>) -> bool {
    let mut seen = BTreeSet::from([to]);
    let mut next = vec![to];
    while let Some(group) = next.pop() {
        for sharer in known.get(&group).into_iter().flatten() {
            if *sharer == from {
                return true;
            }
            if seen.insert(*sharer) {
                next.push(*sharer);
            }
        }
    }
    false
}

struct World {
    relay: Relay,
    people: Vec<Rc<Session>>,
    devices: Vec<Client>,
    resets: usize,
    model: Model,
    bytes: Vec<(uuid::Uuid, Buffer)>,
}

fn name(node: usize) -> String {
    if node < PEOPLE { format!("person{node}") } else { format!("group{node}") }
}

fn names(nodes: &BTreeSet<usize>) -> Vec<String> {
    nodes.iter().map(|n| name(*n)).collect()
}

impl World {
    fn new() -> Self {
        let relay = relay();
        let devices: Vec<Client> = (0..PEOPLE).map(|_| device(&relay)).collect();
        let people = devices.iter().enumerate().map(|(n, d)| connect(d, &name(n), &pair(n)).unwrap()).collect();
        Self { relay, people, devices, resets: 0, model: Model::default(), bytes: Vec::new() }
    }

    fn there(&self, nodes: &[usize]) -> BTreeSet<usize> {
        nodes.iter().copied().filter(|n| *n < PEOPLE || self.model.groups.contains_key(n)).collect()
    }

    /// Everybody relies on everybody's newest keys: what trust decides is tested elsewhere.
    fn trust_all(&self) {
        for (n, person) in self.people.iter().enumerate() {
            for other in (0..PEOPLE).filter(|o| *o != n) {
                let spoken = block_on(self.people[other].verification_code(&name(other))).unwrap();
                block_on(person.verify(&name(other), &spoken)).unwrap();
            }
        }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Create { who, with } => {
                let Some(group) = (PEOPLE..PEOPLE + GROUPS).find(|g| !self.model.groups.contains_key(g)) else {
                    return Ok(());
                };
                let mut sharers = self.there(with);
                sharers.insert(*who);
                let made = block_on(self.people[*who].create_identity(
                    &name(group),
                    &Profile::default(),
                    &names(&sharers),
                    None,
                    None,
                ));
                made.unwrap();
                self.model.groups.insert(group, sharers);
            }
            Step::Extend { who, group, with } => {
                let Some(listed) = self.model.groups.get(group).cloned() else { return Ok(()) };
                let mut more = self.there(with);
                more.remove(group);
                let done = block_on(self.people[*who].extend_sharing_group(&name(*group), &names(&more), &no_progress));
                let may = self.model.acts_for(*who).contains(group);
                prop_assert_eq!(done.is_ok(), may, "{:?} {:?}", step, done);
                if may {
                    // Named again, whoever lost its keys gets a slot for the new ones.
                    self.model.lost.retain(|(g, s)| g != group || !more.contains(s));
                    self.model.groups.insert(*group, listed.union(&more).copied().collect());
                }
            }
            Step::Replace { who, group, with } => {
                if !self.model.groups.contains_key(group) {
                    return Ok(());
                }
                let mut wanted = self.there(with);
                // Somebody stays who can open it.
                wanted.insert(*who);
                wanted.remove(group);
                let done = block_on(self.people[*who].replace_sharing_group(
                    &name(*group),
                    ListChange::to(&names(&wanted)),
                    &no_progress,
                ));
                let may = self.model.acts_for(*who).contains(group);
                prop_assert_eq!(done.is_ok(), may, "{:?} {:?}", step, done);
                if may {
                    self.model.replace(*group, wanted);
                }
            }
            Step::Renew { who, whose } => {
                if *whose < PEOPLE && whose != who || !self.there(&[*whose]).contains(whose) {
                    return Ok(());
                }
                let done = block_on(self.people[*who].renew_keys_of(&name(*whose), None, &no_progress));
                let may = self.model.acts_for(*who).contains(whose);
                prop_assert_eq!(done.is_ok(), may, "{:?} {:?}", step, done);
                if may {
                    // All sharers are sealed to anew, at their newest keys.
                    self.model.lost.retain(|(g, _)| g != whose);
                }
            }
            Step::Seal { who, with } => {
                let readers = self.there(with);
                let logins = names(&readers);
                let (id, bytes) =
                    seal(&self.people[*who], "data", &logins.iter().map(String::as_str).collect::<Vec<_>>());
                let mut grants = vec![self.model.grant(*who, *who)];
                grants.extend(readers.iter().filter(|r| *r != who).map(|to| self.model.grant(*who, *to)));
                self.model.items.push(Item { owner: *who, grants });
                self.bytes.push((id, bytes));
            }
            Step::Grant { who, item, to } => {
                if self.model.items.is_empty() || !self.there(&[*to]).contains(to) {
                    return Ok(());
                }
                let item = item % self.model.items.len();
                let direct = Model { groups: BTreeMap::new(), without: self.model.without.clone(), ..Model::default() };
                if who == to || !direct.reads(*who, &self.model.items[item]) {
                    return Ok(());
                }
                let id = self.bytes[item].0;
                block_on(self.people[*who].give_access(Some(&[id]), &[name(*to)], None, &no_progress)).unwrap();
                let grant = self.model.grant(*who, *to);
                let grants = &mut self.model.items[item].grants;
                if !grants.contains(&grant) {
                    grants.push(grant);
                }
            }
            Step::Revoke { item, whose } => {
                if self.model.items.is_empty() {
                    return Ok(());
                }
                let item = item % self.model.items.len();
                let owner = self.model.items[item].owner;
                if owner == *whose || !self.there(&[*whose]).contains(whose) {
                    return Ok(());
                }
                block_on(self.people[owner].revoke(Some(&[self.bytes[item].0]), &name(*whose), false)).unwrap();
                self.model.items[item].grants.retain(|g| g.to != *whose);
            }
            Step::Reset { who } => {
                self.model.lose(*who);
                self.resets += 1;
                self.devices[*who] = device(&self.relay);
                // A secret that no version had.
                let secret = vault(u8::try_from(100 + self.resets).unwrap());
                self.people[*who] = reset(&self.devices[*who], &name(*who), &secret).unwrap();
                self.trust_all();
            }
            Step::AccessBack { giver, to } => {
                if giver == to {
                    return Ok(());
                }
                let spoken = block_on(self.people[*to].verification_code(&name(*to))).unwrap();
                let options = Options { code: Some(spoken), ..Options::default() };
                let key = spki(&self.people[*to]);
                block_on(self.people[*giver].give_access_back(&name(*to), &key, &options, &no_progress)).unwrap();
                self.model.give_back(*giver, *to);
            }
        }
        Ok(())
    }

    fn check(&self, at: &str) -> Result<(), TestCaseError> {
        for (n, person) in self.people.iter().enumerate() {
            for (item, (_, bytes)) in self.model.items.iter().zip(&self.bytes) {
                let must = self.model.reads(n, item);
                let outcome = read(person, bytes);
                let does = match &outcome {
                    Ok(_) => true,
                    Err(e) if e.code() == Code::NoAccess => false,
                    Err(e) => return Err(TestCaseError::fail(format!("{at}: {e:?}"))),
                };
                prop_assert_eq!(does, must, "{}: {} and an item of {}: {:?}", at, name(n), name(item.owner), item);
            }
        }
        Ok(())
    }
}

#[test]
fn the_product_agrees_with_the_model_on_every_pair_in_random_graphs() {
    // `cargo xtask test --long` names others, one after the other.
    let seed: u64 = std::env::var("REGRANT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_be_bytes().repeat(4));
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    runner
        .run(&steps(), |steps| {
            let mut world = World::new();
            for (at, step) in steps.iter().enumerate() {
                world.take(step)?;
                world.check(&format!("after step {at}, {step:?}"))?;
            }
            Ok(())
        })
        .unwrap();
}
