//! What an identity says to its own devices: pieces under one signed head. What is withheld, altered or taken back is seen,
//! nothing that two devices say at once is lost, and one more contact rewrites little.

use std::rc::Rc;

use crate::support::*;
use regrant::client::{Client, Session};
use regrant::delegation::SealOptions;
use regrant::error::Code;
use regrant::graph::ListChange;
use regrant::relay::{Operation, Relay, Reply};
use regrant::store::{Store, memory};
use regrant::trust::State;
use regrant::wire::statement::{HeadChange, Profile, Statement};
use regrant_relay::memory::Memory;
use serde_json::{Value, json};

const WITHHELD: [&str; 2] = ["pins-withheld", "shares-withheld"];

pub(crate) fn logins(list: &[&str]) -> Vec<String> {
    list.iter().map(|l| (*l).to_owned()).collect()
}

pub(crate) fn warned(session: &Session) -> Vec<&'static str> {
    session.warnings().iter().map(|warning| warning.kind.as_str()).collect()
}

pub(crate) fn share(session: &Session, with: &str, starts: bool) {
    block_on(session.change_shares(&logins(&[with]), starts)).unwrap();
}

pub(crate) fn shares(session: &Session) -> Vec<String> {
    block_on(session.standing_shares()).unwrap()
}

pub(crate) fn verify(session: &Session, login: &str) {
    let code = block_on(session.verification_code(login)).unwrap();
    block_on(session.verify(login, &code)).unwrap();
}

/// Alice compared Bob's code, shares with him, and names an item.
pub(crate) fn people() -> (Relay, Memory, [Rc<Session>; 2]) {
    let (relay, memory) = hostile_relay();
    let sessions = people_on(&relay, &device(&relay));
    (relay, memory, sessions)
}

fn people_on(relay: &Relay, device_of_alice: &Client) -> [Rc<Session>; 2] {
    let alice = connect(device_of_alice, "alice", &pair(0)).unwrap();
    let bob = connect(&device(relay), "bob", &pair(1)).unwrap();
    verify(&alice, "bob");
    share(&alice, "bob", true);
    block_on(alice.set_named("alice", "plan", Some(Uuid::from_u128(7)))).unwrap();
    [alice, bob]
}

/// Whether a new device knows all that was said, and nothing is to be warned of.
fn phone_knows_all(relay: &Relay) {
    let phone = connect(&device(relay), "alice", &pair(0)).unwrap();
    assert_eq!(warned(&phone), [""; 0]);
    assert_eq!(block_on(phone.trust_state("bob")).unwrap(), State::Verified);
    assert_eq!(shares(&phone), ["bob"]);
    assert_eq!(block_on(phone.get_named("alice", "plan")).unwrap(), Some(Uuid::from_u128(7)));
}

#[test]
fn a_head_comes_with_every_keyset_and_the_relay_takes_none_without() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let by = |login: &str| {
        let newest = block_on(relay.call(None, &Operation::Identities { logins: logins(&[login]), removed: false }));
        let Reply::Identities { identities } = newest.unwrap() else { panic!("identities") };
        let newest = identities[0].as_ref().unwrap().last().unwrap().fingerprint();
        assert_eq!(record(&memory, &format!("said/{login}"))["head"]["fingerprint"], json!(newest), "{login}");
    };
    by("alice");
    let members = logins(&["alice"]);
    block_on(alice.create_identity("ward", &Profile::default(), &members, None, None)).unwrap();
    by("ward");
    block_on(alice.renew_keys_of("ward", None, &no_progress)).unwrap();
    by("ward");
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    by("alice");
    connect(&device(&relay), "bob", &pair(1)).unwrap();
    block_on(alice.overwrite_keys("bob", &vault(1))).unwrap();
    by("bob");
    reset(&device(&relay), "bob", &pair(2)).unwrap();
    by("bob");

    // Not with the head of other keys, nor with one that leads to pieces that are not there.
    let (me, key) = opened(&relay, "bob", &pair(2));
    let made = block_on(regrant::keyring::make(&me.engine, "test:relay", "carol", &pair(3), None, now())).unwrap();
    let head = |by| block_on(me.first_head(by, None)).unwrap();
    let register = |head| Operation::Register {
        new: Box::new(made.own.clone()),
        secrets: Vec::new(),
        head: Box::new(head),
        profile: None,
    };
    assert_eq!(code(block_on(relay.call(None, &register(head(&key))))), Code::Forbidden);
    let mut other = register(head(&made.key));
    if let Operation::Register { head, .. } = &mut other {
        let body = format!(r#"{{"root":"{}"}}"#, shown(&[1; 32]));
        **head = block_on(regrant::graph::make_statement(&me, &made.key, "head", 1, body)).unwrap();
    }
    assert_eq!(code(block_on(relay.call(None, &other))), Code::BadInput);
    block_on(relay.call(None, &register(head(&made.key)))).unwrap();
}

#[test]
fn what_two_devices_say_at_once_is_all_said() {
    let (relay, _, [alice, bob]) = people();
    connect(&device(&relay), "carol", &pair(2)).unwrap();
    connect(&device(&relay), "dave", &pair(3)).unwrap();
    let phone = connect(&device(&relay), "alice", &pair(0)).unwrap();
    // Each goes on from the head that it read last, and neither is told of the other's.
    verify(&phone, "carol");
    verify(&alice, "dave");
    share(&phone, "carol", true);
    share(&alice, "dave", true);
    block_on(phone.set_named("alice", "other", Some(Uuid::from_u128(8)))).unwrap();
    share(&alice, "bob", false);
    for device in [&connect(&device(&relay), "alice", &pair(0)).unwrap(), &phone, &alice] {
        block_on(device.refresh()).unwrap();
        assert_eq!(shares(device), ["carol", "dave"]);
        for contact in ["bob", "carol", "dave"] {
            assert_eq!(block_on(device.trust_state(contact)).unwrap(), State::Verified, "{contact}");
        }
        assert_eq!(block_on(device.get_named("alice", "plan")).unwrap(), Some(Uuid::from_u128(7)));
        assert_eq!(block_on(device.get_named("alice", "other")).unwrap(), Some(Uuid::from_u128(8)));
        assert_eq!(warned(device), [""; 0]);
    }
    let (_, bytes) = seal(&phone, "not bob's", &[]);
    assert_eq!(code(read(&bob, &bytes)), Code::NoAccess);
}

#[test]
fn the_relay_takes_one_of_two_heads_and_none_that_leads_nowhere() {
    let (relay, memory, _) = people();
    let (me, key) = opened(&relay, "alice", &pair(0));
    let there = record(&memory, "said/alice");
    let statement = |counter: u64, body: &str| {
        Box::new(block_on(regrant::graph::make_statement(&me, &key, "head", counter, body.to_owned())).unwrap())
    };
    let before: Statement = serde_json::from_value(there["head"].clone()).unwrap();
    let put = |before: Option<regrant::encoding::Hash>, head| {
        let change = HeadChange { head, before, add: vec![], gone: vec![], profile: None };
        block_on(me.call(&Operation::PutHead { change: Box::new(change), tell: false }))
    };
    let next = before.counter + 1;
    assert_eq!(code(put(None, statement(next, "{}"))), Code::Conflict);
    let nowhere = format!(r#"{{"root":"{}"}}"#, shown(&[1; 32]));
    assert_eq!(code(put(Some(before.hash()), statement(next, &nowhere))), Code::BadInput);
    assert_eq!(record(&memory, "said/alice"), there);
    let mut forged = statement(next, "{}");
    forged.created += 1;
    assert_eq!(code(put(Some(before.hash()), forged)), Code::VerificationFailed);
    let one = statement(next, "{}");
    put(Some(before.hash()), one.clone()).unwrap();
    // Said again, word for word, it is done; anything else comes too late.
    put(Some(before.hash()), one).unwrap();
    assert_eq!(code(put(Some(before.hash()), statement(next + 1, "{}"))), Code::Conflict);
    let bob = principal(&relay, "bob", &pair(1));
    let bobs: Statement = serde_json::from_value(record(&memory, "said/bob")["head"].clone()).unwrap();
    let change =
        HeadChange { head: statement(9, "{}"), before: Some(bobs.hash()), add: vec![], gone: vec![], profile: None };
    let put = Operation::PutHead { change: Box::new(change), tell: false };
    assert_eq!(code(block_on(bob.call(&put))), Code::Forbidden);
    // Nobody else reads any of it.
    let Reply::Head { head, .. } = block_on(bob.call(&Operation::Head { known: None })).unwrap() else {
        panic!("a head")
    };
    assert_eq!(head.unwrap().login, "bob");
}

#[test]
fn whatever_a_relay_withholds_or_alters_is_seen_on_a_new_device_and_healed_by_one_that_knew() {
    type Harm = fn(&Memory, &Value);
    let root = |memory: &Memory| {
        let body: Value = serde_json::from_str(record(memory, "said/alice")["head"]["body"].as_str().unwrap()).unwrap();
        let name = regrant::encoding::from_base64url(body["root"].as_str().unwrap()).unwrap();
        format!("piece/alice/{}", hex::encode(name))
    };
    let harms: [(&str, Harm); 8] = [
        ("no head", |memory, _| memory.overwrite("said/alice", None)),
        ("an altered head", |memory, _| {
            let mut said = record(memory, "said/alice");
            said["head"]["created"] = json!(7);
            overwrite(memory, "said/alice", &said);
        }),
        ("a head that names another piece", |memory, _| {
            let mut said = record(memory, "said/alice");
            said["head"]["body"] = json!("{}");
            overwrite(memory, "said/alice", &said);
        }),
        ("no signature", |memory, _| {
            let mut said = record(memory, "said/alice");
            said["head"]["signature"] = json!(shown(&[0; 64]));
            overwrite(memory, "said/alice", &said);
        }),
        ("another's head", |memory, _| {
            let said = record(memory, "said/bob");
            overwrite(memory, "said/alice", &said);
        }),
        ("no piece", |memory, at| memory.overwrite(at.as_str().unwrap(), None)),
        ("a garbled piece", |memory, at| overwrite(memory, at.as_str().unwrap(), &json!(shown(&[7; 200])))),
        ("an older piece", |memory, _| {
            // Of all that there was, in the place of the newest.
            let older = record(memory, "kept/older");
            let now = keys_of(memory, "piece/alice/");
            now.iter().for_each(|key| overwrite(memory, key, &older));
        }),
    ];
    for (what, harm) in harms {
        let (relay, memory) = hostile_relay();
        let laptop = device(&relay);
        let [alice, bob] = people_on(&relay, &laptop);
        phone_knows_all(&relay);
        let older = record(&memory, &root(&memory));
        connect(&device(&relay), "carol", &pair(2)).unwrap();
        share(&alice, "carol", true);
        share(&alice, "carol", false);
        overwrite(&memory, "kept/older", &older);
        harm(&memory, &json!(root(&memory)));

        let store = Store::Memory(memory::Memory::default());
        let client = device_with(&relay, &store);
        let phone = connect(&client, "alice", &pair(0)).unwrap();
        assert_eq!(warned(&phone), WITHHELD, "{what}");
        assert!(phone.new_warnings().iter().all(|warning| warning.logins == ["alice"]));
        // What it sees is first use again, and it says so; it does not take that for the whole truth, nor tell others.
        assert_eq!(block_on(phone.trust_state("bob")).unwrap(), State::Unverified, "{what}");
        assert_eq!(code(block_on(phone.standing_shares())), Code::VerificationFailed, "{what}");
        assert_eq!(code(block_on(phone.get_named("alice", "plan"))), Code::VerificationFailed, "{what}");
        let said = memory.dump().into_iter().find(|(key, ..)| key == "said/alice");
        let (_, bytes) = seal(&phone, "of the phone", &[]);
        assert_eq!(code(read(&bob, &bytes)), Code::NoAccess, "{what}");
        block_on(phone.refresh()).unwrap();
        assert_eq!(memory.dump().into_iter().find(|(key, ..)| key == "said/alice"), said, "{what}: not a poorer one");
        assert_eq!(warned(&phone), WITHHELD, "{what}");
        // After a reload, too.
        let phone = block_on(client.resume(Some("alice"))).unwrap().unwrap();
        assert_eq!(warned(&phone), WITHHELD, "{what}, after a reload");

        // A device that knew it all says it anew, and is locked out of nothing.
        let alice = block_on(laptop.resume(Some("alice"))).unwrap().unwrap();
        block_on(alice.refresh()).unwrap();
        assert_eq!(warned(&alice), [""; 0], "{what}");
        assert_eq!(shares(&alice), ["bob"]);
        phone_knows_all(&relay);
        block_on(phone.refresh()).unwrap();
        assert_eq!(warned(&phone), [""; 0], "{what}: gone when it is no longer so");
        assert_eq!(shares(&phone), ["bob"]);
    }
}

#[test]
fn a_relay_that_goes_back_to_a_backup_takes_nothing_back_from_those_who_saw_more() {
    let (relay, memory, [alice, bob]) = people();
    let backup: Vec<_> = memory.dump();
    connect(&device(&relay), "carol", &pair(2)).unwrap();
    verify(&alice, "carol");
    share(&alice, "bob", false);
    block_on(alice.set_named("alice", "plan", None)).unwrap();
    for (key, ..) in memory.dump() {
        if key.starts_with("said/alice") || key.starts_with("piece/alice") {
            memory.overwrite(&key, None);
        }
    }
    for (key, _, value) in backup {
        if key.starts_with("said/alice") || key.starts_with("piece/alice") {
            memory.overwrite(&key, Some(value));
        }
    }
    // Another device is shown the backup, and says something by it: with the number that the first one used.
    let phone = connect(&device(&relay), "alice", &pair(0)).unwrap();
    assert_eq!(shares(&phone), ["bob"]);
    block_on(phone.set_named("alice", "other", Some(Uuid::from_u128(8)))).unwrap();
    // The one that saw more adds that, and takes nothing back.
    let (_, bytes) = seal(&alice, "alone", &[]);
    assert_eq!(code(read(&bob, &bytes)), Code::NoAccess);
    block_on(alice.refresh()).unwrap();
    block_on(phone.refresh()).unwrap();
    for device in [&alice, &phone, &connect(&device(&relay), "alice", &pair(0)).unwrap()] {
        assert!(shares(device).is_empty());
        assert_eq!(block_on(device.get_named("alice", "plan")).unwrap(), None);
        assert_eq!(block_on(device.get_named("alice", "other")).unwrap(), Some(Uuid::from_u128(8)));
        assert_eq!(block_on(device.trust_state("carol")).unwrap(), State::Verified);
        assert_eq!(warned(device), [""; 0]);
    }
}

#[test]
fn a_transport_that_fails_is_an_error_and_nothing_is_taken_for_withheld() {
    let (relay, memory, _) = people();
    let said = record(&memory, "said/alice");
    // No record at all: the relay cannot read it.
    memory.overwrite("said/alice", Some("{".into()));
    assert_eq!(code(connect(&device(&relay), "alice", &pair(0))), Code::StoreUnreadable);
    overwrite(&memory, "said/alice", &said);
    phone_knows_all(&relay);
}

#[test]
fn an_explicit_act_and_a_renewal_go_on_from_what_is_known() {
    let (relay, memory, [alice, _]) = people();
    connect(&device(&relay), "carol", &pair(2)).unwrap();
    memory.overwrite("said/alice", None);
    let phone = connect(&device(&relay), "alice", &pair(0)).unwrap();
    share(&phone, "carol", true);
    // It is still not known what there was.
    assert_eq!(warned(&phone), WITHHELD);
    assert_eq!(code(block_on(phone.standing_shares())), Code::VerificationFailed);
    block_on(phone.renew_keys(None, &no_progress)).unwrap();
    assert_eq!(warned(&phone), [""; 0]);
    assert_eq!(shares(&phone), ["carol"]);
    assert_eq!(block_on(phone.trust_state("bob")).unwrap(), State::Unverified);
    // What the laptop knows of others is not lost with it.
    assert_eq!(code(block_on(alice.standing_shares())), Code::Locked);
    assert_eq!(warned(&alice), ["older-own-keys"]);
    block_on(alice.unlock(&pair(0))).unwrap();
    assert_eq!(warned(&alice), [""; 0]);
    assert_eq!(shares(&alice), ["carol"]);
    block_on(phone.refresh()).unwrap();
    assert_eq!(block_on(phone.trust_state("bob")).unwrap(), State::Verified);
}

#[test]
fn what_a_person_ends_without_seeing_it_is_ended_also_where_it_was_said() {
    let (relay, memory, [alice, bob]) = people();
    let said = record(&memory, "said/alice");
    let pieces: Vec<_> = memory.dump().into_iter().filter(|(key, ..)| key.starts_with("piece/alice/")).collect();
    memory.overwrite("said/alice", None);
    let phone = connect(&device(&relay), "alice", &pair(0)).unwrap();
    assert_eq!(warned(&phone), WITHHELD);
    // The phone does not see that this was shared, or named.
    pass(1);
    share(&phone, "bob", false);
    block_on(phone.set_named("alice", "plan", None)).unwrap();
    // It is shown what was there before, and so is the laptop what the phone said.
    let by_phone = record(&memory, "said/alice");
    block_on(alice.refresh()).unwrap();
    assert_ne!(by_phone, record(&memory, "said/alice"), "the laptop adds what it knows");
    assert!(shares(&alice).is_empty());
    assert_eq!(block_on(alice.get_named("alice", "plan")).unwrap(), None);
    overwrite(&memory, "said/alice", &said);
    pieces.into_iter().for_each(|(key, _, value)| memory.overwrite(&key, Some(value)));
    block_on(phone.refresh()).unwrap();
    let (_, bytes) = seal(&phone, "alone", &[]);
    assert_eq!(code(read(&bob, &bytes)), Code::NoAccess);
}

#[test]
fn a_head_by_keys_that_the_relay_does_not_list_and_a_record_older_than_a_head_says_are_not_gone_on_from_in_silence() {
    let (relay, memory, [alice, _]) = people();
    block_on(alice.change_secret(&vault(1), None)).unwrap();
    let earlier = record(&memory, "identity/alice");
    block_on(alice.change_secret(&vault(2), None)).unwrap();
    let now = record(&memory, "identity/alice");
    assert_eq!(code(connect(&device(&relay), "alice", &vault(1))), Code::WrongSecret);
    // The same keyset, with the list of slots from before the password changed: the head says that there is a newer one.
    overwrite(&memory, "identity/alice", &earlier);
    assert_eq!(code(connect(&device(&relay), "alice", &vault(1))), Code::VerificationFailed);
    overwrite(&memory, "identity/alice", &now);
    connect(&device(&relay), "alice", &vault(2)).unwrap();

    let before = record(&memory, "identity/alice");
    block_on(alice.unlock(&vault(2))).unwrap();
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    overwrite(&memory, "identity/alice", &before);
    let phone = connect(&device(&relay), "alice", &vault(2)).unwrap();
    assert_eq!(warned(&phone), ["older-own-keys", "pins-withheld", "shares-withheld"]);
}

#[test]
fn keys_that_were_replaced_say_nothing_to_anybody() {
    let (relay, memory, [alice, bob]) = people();
    connect(&device(&relay), "eve", &pair(2)).unwrap();
    let members = logins(&["alice", "bob"]);
    block_on(alice.create_identity("ward", &Profile::default(), &members, None, None)).unwrap();
    let former = block_on(principal(&relay, "bob", &pair(1)).act_for("ward")).unwrap();
    let (thief, stolen) = opened(&relay, "alice", &pair(0));
    block_on(alice.replace_sharing_group("ward", ListChange::to(&logins(&["alice"])), &no_progress)).unwrap();
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    let honest = [record(&memory, "said/alice"), record(&memory, "said/ward")];
    let entry = [("share\neve", format!(r#"{{"at":{},"value":true}}"#, now() + 1000))];
    say_as(&memory, &thief, &stolen, 99, &entry);
    say_as(&memory, &former, &former.current().unwrap(), 99, &entry);

    let phone = connect(&device(&relay), "alice", &pair(0)).unwrap();
    assert_eq!(warned(&phone), WITHHELD);
    assert!(block_on(phone.encrypt(draft("x"), &SealOptions::default())).is_ok());
    let acting = block_on(phone.act_for("ward")).unwrap();
    assert_eq!(code(block_on(acting.standing_shares())), Code::VerificationFailed);
    assert!(phone.warnings().iter().any(|w| w.kind.as_str() == "shares-withheld" && w.logins == ["alice", "ward"]));
    block_on(acting.encrypt(draft("the ward's"), &SealOptions::default())).unwrap();
    let shared = |from: &str| {
        let all = memory.dump().into_iter().filter(|(key, ..)| key.starts_with("exchange/"));
        all.filter(|(_, _, value)| value.contains(&format!(r#""delegator":"{from}""#)))
            .any(|(_, _, value)| value.contains(r#""delegate":"eve""#))
    };
    assert!(!shared("alice") && !shared("ward"));
    // Whoever knew what the newest keys said goes on from that.
    assert_eq!(shares(&alice), ["bob"]);
    assert!(shares(&block_on(alice.act_for("ward")).unwrap()).is_empty());
    overwrite(&memory, "said/alice", &honest[0]);
    overwrite(&memory, "said/ward", &honest[1]);
    let _ = bob;
}

#[test]
fn what_a_thief_said_under_earlier_keys_is_not_carried_over_by_a_device_that_was_shown_it() {
    let (relay, memory, [alice, _]) = people();
    connect(&device(&relay), "eve", &pair(2)).unwrap();
    let laptop = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let (thief, stolen) = opened(&relay, "alice", &pair(0));
    let records = |memory: &Memory| -> Vec<(String, String)> {
        let own = |key: &str| ["said/alice", "piece/alice/", "identity/alice"].iter().any(|of| key.starts_with(of));
        memory.dump().into_iter().filter(|(key, ..)| own(key)).map(|(key, _, value)| (key, value)).collect()
    };
    let before = records(&memory);
    block_on(alice.renew_stolen_keys_of("alice", now(), Some(&vault(3)), &no_progress)).unwrap();
    let after = records(&memory);
    // The laptop is held in the time before, where the thief goes on saying things.
    before.iter().for_each(|(key, value)| memory.overwrite(key, Some(value.clone())));
    let entry = [("share\neve", format!(r#"{{"at":{},"value":true}}"#, now() + 100_000))];
    say_as(&memory, &thief, &stolen, 99, &entry);
    block_on(laptop.refresh()).unwrap();
    assert_eq!(shares(&laptop), ["bob", "eve"]);
    after.iter().for_each(|(key, value)| memory.overwrite(key, Some(value.clone())));
    block_on(laptop.unlock(&vault(3))).unwrap();
    assert!(!shares(&laptop).contains(&"eve".to_owned()));
    assert!(!shares(&connect(&device(&relay), "alice", &vault(3)).unwrap()).contains(&"eve".to_owned()));
}

#[test]
fn a_secret_vouches_anew_once_after_keys_were_renewed() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &vault(1)).unwrap();
    let counters = || -> Vec<u64> {
        let all = record(&memory, "identity/alice")["keysets"].as_array().unwrap().clone();
        all.iter().map(|own| own["manifest"]["counter"].as_u64().unwrap()).collect()
    };
    connect(&device(&relay), "alice", &vault(1)).unwrap();
    assert_eq!(counters(), [1]);
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    assert_eq!(counters(), [2, 1]);
    let anchored = || {
        let vouch = record(&memory, "identity/alice")["keysets"][1]["slots"][0]["unlocker"]["vouch"].clone();
        regrant::encoding::from_base64url(vouch.as_str().unwrap()).unwrap()[..32].to_vec()
    };
    assert_ne!(anchored(), alice.public_key().fingerprint().0);
    // Once, by whichever device comes with the secret.
    for device in [device(&relay), device(&relay)] {
        let phone = connect(&device, "alice", &vault(1)).unwrap();
        assert_eq!(warned(&phone), [""; 0]);
        assert_eq!(counters(), [2, 2]);
        assert_eq!(anchored(), alice.public_key().fingerprint().0);
    }
    block_on(alice.unlock(&vault(1))).unwrap();
    assert_eq!(counters(), [2, 2]);
    assert_eq!(record(&memory, "identity/alice")["keysets"][1]["slots"].as_array().unwrap().len(), 1);
    // Not where anything speaks against these keys.
    block_on(alice.renew_keys(None, &no_progress)).unwrap();
    memory.overwrite("said/alice", None);
    connect(&device(&relay), "alice", &vault(1)).unwrap();
    assert_eq!(counters(), [2, 3, 1]);
}

#[test]
fn a_profile_that_is_older_than_the_head_says_is_not_ones_own() {
    let (relay, memory, [alice, _]) = people();
    let name = |name: &str| block_on(alice.update_identity("alice", Some(Some(name.into())), None, None)).unwrap();
    name("Alice");
    let old = record(&memory, "statement/alice/profile");
    name("Alice B.");
    let phone = || connect(&device(&relay), "alice", &pair(0)).unwrap();
    assert_eq!(block_on(phone().identity("alice")).unwrap().name.as_deref(), Some("Alice B."));
    overwrite(&memory, "statement/alice/profile", &old);
    assert_eq!(code(block_on(phone().identity("alice"))), Code::VerificationFailed);
    memory.overwrite("statement/alice/profile", None);
    assert_eq!(code(block_on(phone().identity("alice"))), Code::VerificationFailed);
}
