//! The relay's operator attacks: every row of `docs/threat-model.md` that concerns a hostile relay is played here,
//! by changing the relay's records, and each test is named after the outcome.

use crate::support::*;
use regrant::crypto::Engine;
use regrant::crypto::boxes::{open_box, seal_box};
use regrant::crypto::envelope::{self, Buffer, Metadata, Seal};
use regrant::crypto::hpke;
use regrant::crypto::keys::DataKey;
use regrant::delegation::{AuthorBy, Delegation, Older, SealOptions};
use regrant::encoding::{Bytes, Fixed, Transcript};
use regrant::error::Code;
use regrant::keyring;
use regrant::recovery::access_back::Options;
use regrant::relay::{Operation, Reply};
use regrant::secret::Key32;
use regrant::trust::State;
use regrant::wire::grant::Grant;
use regrant::wire::manifest::Entry;
use regrant::wire::slot::Slot;
use serde_json::{Value, json};

fn share_with(login: &str) -> SealOptions {
    SealOptions { share_with: vec![login.into()], ..SealOptions::default() }
}

/// What the relay would have to show if `login` had registered with another key.
fn impostor(login: &str, n: usize) -> Value {
    let (relay, memory) = hostile_relay();
    connect(&device(&relay), login, &pair(n)).unwrap();
    record(&memory, &format!("identity/{login}"))
}

#[test]
fn a_swapped_key_of_a_known_identity_is_refused_as_changed() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    connect(&device(&relay), "bob", &pair(1)).unwrap();
    seal(&alice, "first contact", &["bob"]);
    overwrite(&memory, "identity/bob", &impostor("bob", 2));
    assert_eq!(block_on(alice.trust_state("bob")).unwrap(), State::Changed);
    assert_eq!(code(block_on(alice.encrypt(draft("secret"), &share_with("bob")))), Code::IdentityChanged);
    assert_eq!(code(block_on(alice.give_access(None, &["bob".into()], None, &no_progress))), Code::IdentityChanged);
}

#[test]
fn a_key_swapped_at_first_use_has_another_verification_code() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let real = record(&memory, "identity/bob");
    overwrite(&memory, "identity/bob", &impostor("bob", 2));
    assert_eq!(block_on(alice.trust_state("bob")).unwrap(), State::Unverified);
    let spoken = block_on(bob.verification_code("bob")).unwrap();
    assert_ne!(block_on(alice.verification_code("bob")).unwrap(), spoken);
    assert_eq!(code(block_on(alice.verify("bob", &spoken))), Code::VerificationFailed);
    // The real key is then the one that is accepted, on the code's word.
    overwrite(&memory, "identity/bob", &real);
    assert_eq!(block_on(alice.trust_state("bob")).unwrap(), State::Changed);
    block_on(alice.verify("bob", &spoken)).unwrap();
    assert_eq!(block_on(alice.trust_state("bob")).unwrap(), State::Verified);
}

#[test]
fn an_older_version_of_an_identity_is_refused_as_changed() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let old = record(&memory, "identity/bob");
    block_on(bob.renew_keys(None, &no_progress)).unwrap();
    assert_eq!(block_on(alice.trust_state("bob")).unwrap(), State::Unverified);
    overwrite(&memory, "identity/bob", &old);
    assert_eq!(block_on(alice.trust_state("bob")).unwrap(), State::Changed);
    assert_eq!(code(block_on(alice.encrypt(draft("secret"), &share_with("bob")))), Code::IdentityChanged);
}

#[test]
fn a_rival_version_is_visible_as_forked() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    assert_eq!(block_on(alice.trust_state("bob")).unwrap(), State::Unverified);
    let first = record(&memory, "identity/bob");
    // Two devices of Bob's renew, each shown only its own version: both chains are valid.
    block_on(bob.renew_keys(None, &no_progress)).unwrap();
    let rival = record(&memory, "identity/bob");
    overwrite(&memory, "identity/bob", &first);
    let other = connect(&device(&relay), "bob", &pair(1)).unwrap();
    block_on(other.renew_keys(None, &no_progress)).unwrap();
    assert_eq!(block_on(alice.trust_state("bob")).unwrap(), State::Unverified);
    overwrite(&memory, "identity/bob", &rival);
    assert_eq!(block_on(alice.trust_state("bob")).unwrap(), State::Forked);
    assert_eq!(code(block_on(alice.encrypt(draft("secret"), &share_with("bob")))), Code::IdentityChanged);
}

#[test]
fn an_altered_or_unproven_keyset_is_refused() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    connect(&device(&relay), "bob", &pair(1)).unwrap();
    let good = record(&memory, "identity/bob");
    let with_key_of_carol = impostor("carol", 2)["keysets"][0]["keyset"]["encryptionKey"].clone();
    for (field, value) in [
        ("encryptionKey", with_key_of_carol),
        ("created", json!(1)),
        ("selfSignature", json!(shown(&[0; 64]))),
        ("version", json!(2)),
        ("login", json!("carol")),
    ] {
        let mut bad = good.clone();
        bad["keysets"][0]["keyset"][field] = value;
        overwrite(&memory, "identity/bob", &bad);
        assert_eq!(code(block_on(alice.trust_state("bob"))), Code::VerificationFailed, "{field}");
    }
    let mut newer = good;
    newer["keysets"][0]["keyset"]["suite"] = json!(2);
    overwrite(&memory, "identity/bob", &newer);
    assert_eq!(code(block_on(alice.trust_state("bob"))), Code::UnsupportedVersion);
}

#[test]
fn an_older_list_of_slots_is_refused() {
    let (relay, memory) = hostile_relay();
    let client = device(&relay);
    let alice = connect(&client, "alice", &vault(1)).unwrap();
    let old = record(&memory, "identity/alice");
    block_on(alice.change_secret(&vault(2), None)).unwrap();
    block_on(alice.refresh()).unwrap();
    overwrite(&memory, "identity/alice", &old);
    // The old password would open again; this device knows better.
    assert_eq!(code(connect(&client, "alice", &vault(1))), Code::VerificationFailed);
    assert_eq!(code(block_on(alice.refresh())), Code::VerificationFailed);
}

#[test]
fn own_keys_that_the_relay_forged_never_encrypt() {
    let (relay, memory) = hostile_relay();
    connect(&device(&relay), "alice", &vault(1)).unwrap();
    let real = record(&memory, "identity/alice")["keysets"][0].clone();
    // The relay makes a keyset of its own for Alice, and seals its key to the public half of her unlocker, which it
    // knows. What it cannot make is the vouch, for which one needs her secret: it copies the real one.
    let engine = Engine::rust();
    let own = block_on(keyring::make(&engine, "test:relay", "alice", &pair(2), None, now())).unwrap();
    let (fingerprint, keyset_key) = (own.key.fingerprint, own.key.require_keyset_key().unwrap().clone());
    let mut slot: Slot = serde_json::from_value(real["slots"][0].clone()).unwrap();
    slot.fingerprint = fingerprint;
    let public: [u8; 32] = slot.unlocker.as_ref().unwrap().public_key.0.clone().try_into().unwrap();
    let context = Slot::context(&fingerprint, slot.kind, slot.id);
    let (enc, shared) = hpke::seal_key(&public, &context).unwrap();
    let boxed = seal_box(&engine, &shared, &context, keyset_key.expose()).unwrap();
    slot.sealed = Bytes([&enc[..], &boxed].concat());
    let nothing = |_: &Entry| false;
    let change =
        block_on(keyring::change_slots(&engine, &own.own, &own.key, None, vec![slot.clone()], vec![], nothing))
            .unwrap();
    let mut forged = serde_json::to_value(&own.own).unwrap();
    forged["slots"] = json!([own.own.slots[0], slot]);
    forged["manifest"] = json!(change.manifest);
    forged["secrets"] = real["secrets"].clone();
    overwrite(&memory, "identity/alice", &json!({ "keysets": [forged] }));
    let alice = connect(&device(&relay), "alice", &vault(1)).unwrap();
    assert_eq!(alice.public_key().fingerprint(), fingerprint, "the forged keys do open");
    assert_eq!(code(block_on(alice.encrypt(draft("secret"), &SealOptions::default()))), Code::IdentityChanged);
    assert_eq!(code(block_on(alice.change_secret(&vault(2), None))), Code::IdentityChanged);
    // Nor is anybody shown a code to compare, or told that these keys are Alice's new ones.
    assert_eq!(code(block_on(alice.verification_code("alice"))), Code::IdentityChanged);
    assert!(keys_of(&memory, "notification/").is_empty());
}

#[test]
fn a_relay_that_forgets_a_login_does_not_make_its_device_register_again() {
    let (relay, memory) = hostile_relay();
    let client = device(&relay);
    connect(&client, "alice", &vault(1)).unwrap();
    memory.overwrite("identity/alice", None);
    let error = connect(&client, "alice", &vault(1)).unwrap_err();
    assert_eq!(error.code(), Code::IdentityNotFound);
    // What the device has may be all that is left: nobody is told to delete it.
    assert!(!error.message().contains("loseKeys"), "{error}");
    assert!(keys_of(&memory, "identity/").is_empty());
}

#[test]
fn planted_wraps_and_grants_hide_no_real_ones() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let (_, bytes) = seal(&alice, "for bob", &["bob"]);
    for key in keys_of(&memory, "exchange/") {
        let mut value = record(&memory, &key);
        let mut planted = value["wraps"].as_array().unwrap().clone();
        for wrap in &mut planted {
            wrap["wrapped"] = json!(shown(&[7; 256]));
        }
        planted.extend(value["wraps"].as_array().unwrap().clone());
        value["wraps"] = json!(planted);
        overwrite(&memory, &key, &value);
    }
    // Grants with the real ids' content under other ids, altered: unusable, and skipped.
    for key in keys_of(&memory, "grant/") {
        let mut value = record(&memory, &key);
        let id = Uuid::from_u128(7 + keys_of(&memory, "grant/").len() as u128);
        value["grant"]["id"] = json!(id);
        value["grant"]["created"] = json!(now() + 1000);
        overwrite(&memory, &format!("grant/{id}"), &value);
        memory.append("log/bob/", &json!({ "grant": id }).to_string());
    }
    assert_eq!(read(&bob, &bytes).unwrap(), "for bob");
}

#[test]
fn another_pairs_wrap_does_not_open_when_it_is_re_attributed() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let carol = connect(&device(&relay), "carol", &pair(2)).unwrap();
    let (_, for_bob) = seal(&alice, "for bob", &["bob"]);
    seal(&bob, "for carol", &["carol"]);
    // The relay says that the exchange key of Alice and Bob is one of Bob and Carol.
    let exchanges: Vec<(String, Value)> =
        keys_of(&memory, "exchange/").into_iter().map(|k| (k.clone(), record(&memory, &k))).collect();
    let of = |from: &str, to: &str| {
        exchanges
            .iter()
            .find(|(_, v)| v["exchange"]["delegator"] == from && v["exchange"]["delegate"] == to)
            .unwrap()
            .clone()
    };
    let (_, source) = of("alice", "bob");
    let (key, mut target) = of("bob", "carol");
    target["wraps"] = source["wraps"].clone();
    overwrite(&memory, &key, &target);
    assert_eq!(code(read(&carol, &for_bob)), Code::NoAccess);
}

/// A reader with a client of its own, who takes the data key out.
fn data_key_of(relay: &regrant::relay::Relay, login: &str, secret: &keyring::Secret) -> (DataKey, Grant) {
    let me = principal(relay, login, secret);
    let delegation = Delegation::default();
    block_on(delegation.read_all(&me)).unwrap();
    let Reply::Events { events, .. } = block_on(me.call(&Operation::Sync { after: Some(0), whole: true })).unwrap()
    else {
        panic!("events")
    };
    let grant = events
        .into_iter()
        .find_map(|e| match e {
            regrant::relay::Event::Grant(record) => Some(record.grant.clone()),
            _ => None,
        })
        .unwrap();
    let secret = block_on(delegation.open_exchange(&me, grant.exchange)).unwrap().unwrap();
    let plain = open_box(&secret, &grant.context(), &grant.sealed.0).unwrap();
    (DataKey(Key32::from_slice(&plain.expose()[..32]).unwrap()), grant)
}

#[test]
fn content_that_a_reader_put_in_an_items_place_fails_to_open() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let carol = connect(&device(&relay), "carol", &pair(2)).unwrap();
    let (id, real) = seal(&alice, "pay 10", &["bob", "carol"]);
    let (data_key, _) = data_key_of(&relay, "bob", &pair(1));
    // Bob has the data key, and seals other content under it, with a valid commitment and valid tags.
    let metadata = Metadata { kind: "string".into(), ..Metadata::default() };
    let what = Seal { id, key_version: 1, metadata: &metadata, pad: false, author: None };
    let engine = Engine::rust();
    let forged = block_on(envelope::seal(&engine, &data_key, &what, &Buffer::Heap(b"pay 99".to_vec()))).unwrap().bytes;
    assert_eq!(code(read(&carol, &forged)), Code::Corrupt);
    assert_eq!(code(read(&alice, &forged)), Code::Corrupt);
    assert_eq!(code(read(&bob, &forged)), Code::Corrupt);
    assert_eq!(read(&carol, &real).unwrap(), "pay 10");
}

#[test]
fn mixed_items_and_versions_fail_to_open() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let (_, one) = seal(&alice, "one", &[]);
    let (_, two) = seal(&alice, "two", &[]);
    let (one, two) = (one.into_heap(), two.into_heap());
    // One item's header over the other's content, and the other way round.
    let mixed = [&one[..94], &two[94..]].concat();
    assert_eq!(code(read(&alice, &Buffer::Heap(mixed))), Code::Corrupt);
    let mut renamed = two.clone();
    renamed[6..22].copy_from_slice(&one[6..22]);
    assert_eq!(code(read(&alice, &Buffer::Heap(renamed))), Code::Corrupt);
    let mut older = two;
    older[25] = 9;
    assert_eq!(code(read(&alice, &Buffer::Heap(older))), Code::NoAccess);
}

#[test]
fn every_flipped_byte_and_every_truncation_of_a_small_envelope_is_refused() {
    let relay = relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    for sign in [false, true] {
        let options = SealOptions { sign, ..SealOptions::default() };
        let bytes = block_on(alice.encrypt(draft("small"), &options)).unwrap().bytes.into_heap();
        let refused = |bytes: Vec<u8>| {
            let code = code(read(&alice, &Buffer::Heap(bytes)));
            assert!(matches!(code, Code::Corrupt | Code::NoAccess | Code::UnsupportedVersion), "{code:?}");
        };
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            refused(flipped);
            refused(bytes[..at].to_vec());
        }
        let mut longer = bytes.clone();
        longer.push(0);
        refused(longer);
        let opened = block_on(alice.decrypt(&Buffer::Heap(bytes), None, Older::Refused)).unwrap();
        assert_eq!(opened.author.by, if sign { AuthorBy::Signature } else { AuthorBy::Grant });
    }
}

#[test]
fn a_relay_that_asks_for_access_back_itself_gets_nothing_without_the_code() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    seal(&alice, "shared", &["bob"]);
    block_on(bob.trust_state("alice")).unwrap();
    let wraps = keys_of(&memory, "exchange/").len();
    // The relay begins a keyset of its own for Alice, as anybody can who says that keys are lost.
    let mallory = reset(&device(&relay), "alice", &pair(3)).unwrap();
    let notices = block_on(bob.pending_after(0, None)).unwrap();
    assert_eq!(notices.len(), 1, "the signature is genuine: it says nothing about the person");
    let spki = spki(&mallory);
    let give = |options: Options| block_on(bob.give_access_back("alice", &spki, &options, &no_progress));
    assert_eq!(code(give(Options::default())), Code::VerificationFailed);
    // What the real Alice reads out is the code of her key.
    let spoken = block_on(alice.verification_code("alice")).unwrap();
    assert_eq!(code(give(Options { code: Some(spoken), ..Options::default() })), Code::VerificationFailed);
    assert_eq!(keys_of(&memory, "exchange/").len(), wraps);
    for key in keys_of(&memory, "exchange/") {
        let fingerprint = shown(&mallory.public_key().fingerprint().0);
        assert!(!record(&memory, &key)["wraps"].to_string().contains(&fingerprint));
    }
}

#[test]
fn a_forged_or_altered_notification_is_ignored() {
    let (relay, memory) = hostile_relay();
    let phone = device(&relay);
    let alice = connect(&phone, "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    let carol = connect(&device(&relay), "carol", &pair(2)).unwrap();
    seal(&alice, "shared", &["bob", "carol"]);
    reset(&device(&relay), "alice", &pair(3)).unwrap();
    let genuine: Vec<(String, Value)> =
        keys_of(&memory, "notification/").into_iter().map(|k| (k.clone(), record(&memory, &k))).collect();
    let (key, good) = genuine.iter().find(|(_, v)| v["notification"]["recipient"] == "bob").unwrap();
    assert_eq!(block_on(bob.pending_after(0, None)).unwrap().len(), 1);
    for (field, value) in [
        ("sender", json!("carol")),
        ("type", json!("SOMETHING_ELSE")),
        ("created", json!(good["notification"]["created"].as_u64().unwrap() + 1)),
        ("signature", json!(shown(&[0; 64]))),
        ("sealed", json!(shown(&[0; 500]))),
        ("senderFingerprint", json!(shown(&[1; 32]))),
    ] {
        let mut bad = good.clone();
        bad["notification"][field] = value;
        overwrite(&memory, key, &bad);
        assert_eq!(block_on(bob.pending_after(0, None)).unwrap().len(), 0, "{field}");
    }
    // One that was sent to somebody else does not become Bob's.
    let (_, carols) = genuine.iter().find(|(_, v)| v["notification"]["recipient"] == "carol").unwrap();
    let mut replayed = carols.clone();
    replayed["notification"]["recipient"] = json!("bob");
    overwrite(&memory, key, &replayed);
    assert_eq!(block_on(bob.pending_after(0, None)).unwrap().len(), 0);
    assert_eq!(block_on(carol.pending_after(0, None)).unwrap().len(), 1);
}

#[test]
fn a_grant_by_keys_that_replaced_known_ones_is_not_believed() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    seal(&bob, "from the real bob", &["alice"]);
    block_on(alice.trust_state("bob")).unwrap();
    // The relay begins keys of its own for Bob, and gives Alice something in his name.
    let mallory = reset(&device(&relay), "bob", &pair(4)).unwrap();
    let forged = block_on(mallory.encrypt(draft("from mallory"), &share_with("alice"))).unwrap().bytes;
    assert_eq!(code(read(&alice, &forged)), Code::IdentityChanged);
    let _ = memory;
}

#[test]
fn a_chain_that_a_thief_repairs_late_neither_shares_anything_nor_stands_in_the_way() {
    let (relay, _) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    let bob = connect(&device(&relay), "bob", &pair(1)).unwrap();
    block_on(alice.change_shares(&["bob".into()], true)).unwrap();
    block_on(alice.set_named("alice", "mine", Some(uuid::Uuid::from_u128(7)))).unwrap();
    let anew = reset(&device(&relay), "alice", &vault(1)).unwrap();
    let thief = principal(&relay, "alice", &pair(0));
    let newest = block_on(thief.resolve(&["alice".into()])).unwrap().remove(0).newest().unwrap().clone();
    let signature = block_on(thief.current().unwrap().sign(&thief.engine, &newest.chain_transcript())).unwrap();
    block_on(thief.call(&Operation::Chain { version: 2, signature })).unwrap();

    block_on(anew.refresh()).unwrap();
    assert!(block_on(anew.standing_shares()).unwrap().is_empty());
    assert_eq!(block_on(anew.get_named("alice", "mine")).unwrap(), None);
    let (_, bytes) = seal(&anew, "mine alone", &[]);
    assert_eq!(code(read(&bob, &bytes)), Code::NoAccess);
    block_on(anew.renew_keys(None, &no_progress)).unwrap();
    block_on(anew.set_named("alice", "mine", Some(uuid::Uuid::from_u128(8)))).unwrap();
    block_on(anew.change_shares(&["bob".into()], true)).unwrap();
    assert_eq!(block_on(anew.standing_shares()).unwrap(), ["bob"]);
    assert_eq!(block_on(anew.get_named("alice", "mine")).unwrap(), Some(uuid::Uuid::from_u128(8)));
}

#[test]
fn a_login_signature_for_one_relay_is_not_one_for_another() {
    use crate::here::{Memory, relay_over};
    let memory = Memory::default();
    let here = relay_over(&memory, "https://here", now);
    let there = relay_over(&memory, "https://there", now);
    let alice = connect(&device(&here), "alice", &pair(0)).unwrap();
    let fingerprint = alice.public_key().fingerprint();
    let ask = Operation::Challenge { login: "alice".into(), fingerprint };
    let Reply::Challenge { nonce, expires } = block_on(there.call(None, &ask)).unwrap() else { panic!("challenge") };
    let keyring::Secret::KeyPair(own) = pair(0) else { panic!("a key pair") };
    let engine = Engine::rust();
    let key = block_on(engine.import_signing(&own.seed("alice").unwrap())).unwrap();
    let sign = |origin: &str| {
        let t = Transcript::new("login")
            .text(origin)
            .text("test")
            .text("alice")
            .bytes(&fingerprint.0)
            .bytes(&nonce.0)
            .int(expires);
        Fixed(block_on(engine.sign(&key, t.as_bytes())).unwrap())
    };
    let login = |signature| Operation::Login {
        application: "test".into(),
        login: "alice".into(),
        fingerprint,
        nonce,
        signature,
    };
    assert_eq!(code(block_on(there.call(None, &login(sign("https://here"))))), Code::Unauthenticated);
    block_on(there.call(None, &login(sign("https://there")))).unwrap();
    // One challenge, one login.
    assert_eq!(code(block_on(there.call(None, &login(sign("https://there"))))), Code::Unauthenticated);
}

#[test]
fn nobody_writes_in_anothers_name() {
    let (relay, memory) = hostile_relay();
    let alice = connect(&device(&relay), "alice", &pair(0)).unwrap();
    connect(&device(&relay), "bob", &pair(1)).unwrap();
    seal(&alice, "private", &[]);
    let key = keys_of(&memory, "grant/").remove(0);
    let grant: Grant = serde_json::from_value(record(&memory, &key)["grant"].clone()).unwrap();
    let me = principal(&relay, "bob", &pair(1));
    let item = grant.entries[0].0;
    for operation in [
        Operation::PutGrants { create: vec![], grants: vec![grant.clone()], basis: vec![grant.id], relied: vec![] },
        Operation::Revoke { revocations: vec![], rewrite: vec![], remove: vec![grant.id] },
        Operation::Revoke { revocations: vec![], rewrite: vec![grant.clone()], remove: vec![] },
    ] {
        assert_eq!(code(block_on(me.call(&operation))), Code::Forbidden, "{operation:?}");
    }
    assert_eq!(code(block_on(me.call(&Operation::Readers { item }))), Code::NoAccess);
    assert_eq!(
        code(block_on(me.call(&Operation::PutGrants {
            create: vec![(item, 2)],
            grants: vec![],
            basis: vec![],
            relied: vec![]
        }))),
        Code::Forbidden
    );
    assert_eq!(
        code(block_on(me.call(&Operation::PutGrants {
            create: vec![(item, 1)],
            grants: vec![],
            basis: vec![],
            relied: vec![]
        }))),
        Code::Conflict
    );
    assert_eq!(code(block_on(relay.call(None, &Operation::OwnKeysets))), Code::Unauthenticated);
}
