//! The machine of trust: the table of `docs/protocol.md`, section 7, walked row by row; and what holds in every history
//! of devices that are shown different things, decide, and merge newer and older states of each other.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use futures::executor::block_on;
use proptest::prelude::*;
use regrant::crypto::{Engine, rust};
use regrant::encoding::{Bytes, Fixed, Hash};
use regrant::secret::Key32;
use regrant::trust::{Relied, State, Trust};
use regrant::wire::keyset::Keyset;
use regrant::wire::{Extra, Party, to_json};
use serde_json::Value;
use uuid::Uuid;

/// The keysets of the table: name, the one before, whether that one signed it.
const NAMED: [(&str, Option<&str>, bool); 9] = [
    ("1", None, false),
    ("2", Some("1"), true),
    ("3", Some("2"), true),
    ("2r", Some("1"), true),
    ("3r", Some("2r"), true),
    ("2n", Some("1"), false),
    ("3n", Some("2"), false),
    ("1x", None, false),
    ("2x", Some("1x"), true),
];

fn seed(n: usize) -> Key32 {
    Key32::from_slice(&[n as u8 + 1; 32]).unwrap()
}

fn make(n: usize, before: Option<(usize, &Keyset)>, signed: bool) -> Keyset {
    let mut keyset = Keyset {
        login: "alice".into(),
        version: before.map_or(1, |(_, k)| k.version + 1),
        suite: 1,
        encryption_key: Bytes(vec![n as u8; 8]),
        signing_key: Fixed(rust::ed25519_public(&seed(n))),
        created: 0,
        previous: before.map(|(_, k)| k.fingerprint()),
        maker: Party { login: "alice".into(), fingerprint: Fixed([0; 32]) },
        self_signature: Fixed([0; 64]),
        maker_signature: None,
        chain_signature: None,
        managers: None,
        manager_signature: None,
        extra: Extra::default(),
    };
    if let Some((before, _)) = before.filter(|_| signed) {
        let engine = Engine::rust();
        let key = block_on(engine.import_signing(&seed(before))).unwrap();
        let signature = block_on(engine.sign(&key, keyset.chain_transcript().as_bytes())).unwrap();
        keyset.chain_signature = Some(Fixed(signature));
    }
    keyset
}

fn keysets() -> &'static [Keyset] {
    static ALL: OnceLock<Vec<Keyset>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all: Vec<Keyset> = Vec::new();
        for (n, (_, before, signed)) in NAMED.into_iter().enumerate() {
            let before = before.map(number).map(|before| (before, &all[before]));
            let keyset = make(n, before, signed);
            all.push(keyset);
        }
        all
    })
}

fn number(name: &str) -> usize {
    NAMED.iter().position(|(known, ..)| *known == name).unwrap_or_else(|| panic!("no keyset {name}"))
}

/// What a relay lists that shows a keyset as the newest.
fn offer(newest: usize) -> Vec<Keyset> {
    let mut all = NAMED[newest].1.map(|before| offer(number(before))).unwrap_or_default();
    all.push(keysets()[newest].clone());
    all
}

fn name(fingerprint: &Hash) -> &'static str {
    NAMED[keysets().iter().position(|k| k.fingerprint() == *fingerprint).unwrap()].0
}

#[derive(Clone, Debug, Default)]
struct Device {
    trust: Trust,
    last: usize,
}

impl Device {
    fn offer(&mut self, newest: usize) -> State {
        self.last = newest;
        self.trust.judge(&offer(newest))
    }

    /// A person decides for the newest keyset that the relay lists.
    fn decide(&mut self, newest: usize, compared: bool, id: u128) {
        self.offer(newest);
        self.trust.decide(&offer(newest), &keysets()[newest], compared, Uuid::from_u128(id));
    }

    fn state(&self) -> State {
        self.trust.clone().judge(&offer(self.last))
    }

    fn reads(&self, n: usize) -> bool {
        let lists = |newest: &usize| offer(*newest).contains(&keysets()[n]);
        (0..NAMED.len()).filter(lists).any(|newest| self.trust.reads(&offer(newest), &keysets()[n]).is_some())
    }

    fn relied(&self) -> Option<Relied> {
        self.trust.relied()
    }
}

// ---- the table ----

fn step(devices: &mut [Device; 2], id: u128, text: &str) {
    let mut words = text.split_whitespace().peekable();
    let which = usize::from(words.next_if_eq(&"phone").is_some());
    let what = words.next().unwrap();
    let listed: Vec<&str> = words.collect();
    let newest = listed.last().map(|name| number(name));
    if let Some(newest) = newest {
        let names: Vec<&str> = offer(newest).iter().map(|k| name(&k.fingerprint())).collect();
        assert_eq!(names, listed, "the keysets of a step are a whole list: {text}");
    }
    match (what, newest) {
        ("offer", Some(newest)) => drop(devices[which].offer(newest)),
        ("compare", Some(newest)) => devices[which].decide(newest, true, id),
        ("accept", Some(newest)) => devices[which].decide(newest, false, id),
        ("merge", None) => {
            let before = [devices[0].trust.for_others(), devices[1].trust.for_others()];
            let [laptop, phone] = before;
            devices[0].trust.merge(phone);
            devices[1].trust.merge(laptop);
        }
        _ => panic!("no step: {text}"),
    }
}

#[test]
fn the_table_of_states_events_and_outcomes_is_what_the_product_does() {
    let page = include_str!("../docs/protocol.md");
    let heading = "| Steps | State | Relied on | Reads what was signed by |\n|---|---|---|---|\n";
    let (_, table) = page.split_once(heading).expect("the table");
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 30, "{} rows", rows.len());
    for row in rows {
        let [steps, state, relied, reads] =
            row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().try_into().expect(row);
        let mut devices = [Device::default(), Device::default()];
        for (n, text) in steps.split(';').enumerate() {
            step(&mut devices, n as u128, text);
        }
        let [laptop, _] = devices;
        assert_eq!(laptop.state().as_str(), state, "{row}");
        assert_eq!(laptop.relied().map_or("none", |relied| name(&relied.fingerprint)), relied, "{row}");
        let readable: Vec<&str> = (0..NAMED.len()).filter(|n| laptop.reads(*n)).map(|n| NAMED[n].0).collect();
        let mut expected: Vec<&str> = reads.split_whitespace().collect();
        expected.sort_by_key(|name| number(name));
        assert_eq!(readable, expected, "{row}");
        // What is relied on is all that a state says of.
        assert_eq!(laptop.state() == State::Forked, relied == "none", "{row}");
    }
}

// ---- every history ----

#[derive(Clone, Debug)]
enum Act {
    Offer {
        device: usize,
        newest: usize,
    },
    Decide {
        device: usize,
        newest: usize,
        compared: bool,
    },
    /// A device takes over what another one knew at some time: a relay may show an older list.
    Merge {
        device: usize,
        from: usize,
        age: usize,
    },
}

const DEVICES: usize = 3;

fn act() -> impl Strategy<Value = Act> {
    let (device, newest) = (0..DEVICES, 0..NAMED.len());
    prop_oneof![
        4 => (device.clone(), newest.clone()).prop_map(|(device, newest)| Act::Offer { device, newest }),
        2 => (device.clone(), newest, any::<bool>())
            .prop_map(|(device, newest, compared)| Act::Decide { device, newest, compared }),
        4 => (device.clone(), device, 0..4usize).prop_map(|(device, from, age)| Act::Merge { device, from, age }),
    ]
}

fn events(trust: &Trust, which: &str) -> serde_json::Map<String, Value> {
    let value: Value = serde_json::from_str(&to_json(trust).unwrap()).unwrap();
    value[which].as_object().cloned().unwrap_or_default()
}

fn decisions(trust: &Trust) -> BTreeSet<String> {
    events(trust, "decided").keys().cloned().collect()
}

/// The decisions that another one names as replaced.
fn replaced(trust: &Trust) -> BTreeSet<String> {
    let all = events(trust, "decided");
    let over = all.values().flat_map(|d| d["over"].as_array().cloned().unwrap_or_default());
    over.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// Whether a keyset is another one, or follows it by signature.
fn continues(later: &Hash, earlier: &Hash) -> bool {
    let mut at = keysets().iter().position(|k| k.fingerprint() == *later).unwrap();
    loop {
        if keysets()[at].fingerprint() == *earlier {
            return true;
        }
        match NAMED[at] {
            (_, Some(before), true) => at = number(before),
            _ => return false,
        }
    }
}

/// What no offer and no merge may do to a device.
fn check(before: &Device, after: &Device, readable: &BTreeSet<usize>) {
    let news: BTreeSet<String> = decisions(&after.trust).difference(&decisions(&before.trust)).cloned().collect();
    let undecided = news.is_empty();
    assert!(!undecided || !before.trust.is_forked() || after.trust.is_forked(), "a fork healed of itself");
    if let (Some(old), Some(new)) = (before.relied(), after.relied())
        && !continues(&new.fingerprint, &old.fingerprint)
    {
        assert!(!undecided, "{} became {} of itself", name(&old.fingerprint), name(&new.fingerprint));
        // Whoever decided did so in view of every decision that counted here, unless it stands beside the new one.
        let gone = replaced(&after.trust);
        for (id, decision) in events(&before.trust, "decided") {
            let fingerprint: Hash = serde_json::from_value(decision["fingerprint"].clone()).unwrap();
            assert!(
                gone.contains(&id) || continues(&new.fingerprint, &fingerprint),
                "a decision was passed over by one that did not know it"
            );
        }
    }
    if let (Some(old), Some(new)) = (before.relied(), after.relied())
        && undecided
    {
        assert!(!new.verified || old.verified, "verified of itself");
    }
    if undecided {
        for n in readable {
            assert!(after.reads(*n), "{} cannot be read any more", NAMED[*n].0);
        }
    }
}

/// Plays a history; gives the devices, with everything that each of them knew at some time.
fn play(acts: &[Act]) -> Vec<Vec<Device>> {
    let mut all = vec![vec![Device::default()]; DEVICES];
    let mut readable = vec![BTreeSet::new(); DEVICES];
    for (n, act) in acts.iter().enumerate() {
        let (Act::Offer { device, .. } | Act::Decide { device, .. } | Act::Merge { device, .. }) = act;
        let before = all[*device].last().unwrap().clone();
        let mut after = before.clone();
        match act {
            Act::Offer { newest, .. } => {
                let state = after.offer(*newest);
                check(&before, &after, &readable[*device]);
                assert_eq!(state, after.state(), "judging the same again gives the same");
                if state.is_usable() {
                    assert_eq!(after.relied().map(|r| r.fingerprint), Some(keysets()[*newest].fingerprint()));
                    readable[*device].insert(*newest);
                }
            }
            Act::Decide { newest, compared, .. } => {
                after.decide(*newest, *compared, n as u128);
                let relied = after.relied().expect("a decision ends every fork");
                assert_eq!(relied.fingerprint, keysets()[*newest].fingerprint(), "what was decided for is relied on");
                assert!(relied.verified || !compared);
                assert!(after.trust.compared_exactly(&relied.fingerprint) || !compared);
                readable[*device] = BTreeSet::from([*newest]);
            }
            Act::Merge { from, age, .. } => {
                let known = &all[*from];
                let theirs = known[known.len().saturating_sub(1 + age)].trust.for_others();
                after.trust.merge(theirs.clone());
                if !decisions(&theirs).is_subset(&decisions(&before.trust)) {
                    // Somebody else's decision may say that what was relied on here was a rival.
                    readable[*device].clear();
                }
                check(&before, &after, &readable[*device]);
            }
        }
        all[*device].push(after);
    }
    all
}

fn merged(one: &Trust, other: &Trust) -> Trust {
    let mut out = one.clone();
    out.merge(other.clone());
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn no_offer_and_no_merge_heals_a_fork_or_makes_a_contact_another_one(acts in prop::collection::vec(act(), 1..24)) {
        play(&acts);
    }

    #[test]
    fn merging_is_commutative_associative_and_idempotent(acts in prop::collection::vec(act(), 3..24)) {
        let all = play(&acts);
        let [a, b, c] = [0, 1, 2].map(|n| all[n].last().unwrap().trust.clone());
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &a), a.clone());
        prop_assert_eq!(merged(&merged(&a, &b), &a), merged(&a, &b));
        // What was known before adds nothing to what is known since.
        for before in &all[0] {
            prop_assert_eq!(&merged(&a, &before.trust), &a);
        }
        // It rests and travels as it is.
        let text = to_json(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<Trust>(&text).unwrap(), a);
    }
}

#[test]
fn what_two_devices_were_made_to_believe_never_ends_up_as_the_thiefs_keys_for_a_verified_contact() {
    // Every order of what a relay with a thief of the first keys can show two devices before they merge.
    let shown = |device: &mut Device, order: usize| {
        for n in [order % NAMED.len(), order / NAMED.len()] {
            device.offer(n);
        }
    };
    for (laptop_order, phone_order) in
        (0..NAMED.len() * NAMED.len()).flat_map(|a| (0..NAMED.len() * NAMED.len()).map(move |b| (a, b)))
    {
        let mut laptop = Device::default();
        laptop.decide(number("1"), true, 1);
        shown(&mut laptop, laptop_order);
        let before = laptop.relied();
        let mut phone = Device::default();
        shown(&mut phone, phone_order);
        laptop.trust.merge(phone.trust.for_others());
        match (before, laptop.relied()) {
            (None, after) => assert_eq!(after, None),
            (Some(_), None) => {}
            (Some(before), Some(after)) => {
                assert!(continues(&after.fingerprint, &before.fingerprint) && after.verified);
            }
        }
    }
}
