//! Every limit of the table in `docs/protocol.md`, section 0: what reaches it is accepted, one more is refused.

use crate::here::{Memory, relay_over, token_of};
use futures::executor::block_on;
use regrant::client::{Client, Setup};
use regrant::crypto::envelope::{MAX_DEPTH, MAX_METADATA, Metadata};
use regrant::crypto::keys::SigningKey;
use regrant::crypto::{Engine, boxes, hpke, rust, shamir};
use regrant::encoding::{Bytes, Fixed, Hash, Transcript, check_login};
use regrant::error::{Code, Result};
use regrant::relay::{Operation, Part, Relay, Target};
use regrant::secret::SecretBytes;
use regrant::store::{self, Batch, Entry, MAX_TEXT, Outcome, Store};
use regrant::trust::{Trust, check_offer, matches, qr_payload};
use regrant::wire::access::AccessRequest;
use regrant::wire::exchange::{Exchange, Wrap};
use regrant::wire::grant::{Grant, GrantEntry, Origin};
use regrant::wire::keyset::Keyset;
use regrant::wire::manifest::{Entry as Listed, Manifest};
use regrant::wire::notification::Notification;
use regrant::wire::receipt::Receipt;
use regrant::wire::revocation::Revocation;
use regrant::wire::slot::{Slot, SlotKind};
use regrant::wire::statement::{Profile, Statement};
use regrant::wire::{
    Extra, MAX_EXTRA, MAX_EXTRA_DEPTH, MAX_GRANT_ENTRIES, MAX_RECEIPT, MAX_RECIPIENTS, MAX_RECORD, MAX_SLOTS, MAX_TIME,
    MAX_VERSIONS, Party, parse,
};
use regrant_relay::MAX_STORED;
use serde_json::json;
use uuid::Uuid;

use crate::probe::{key, text::world};

const EMPTY: Fixed<64> = Fixed([0; 64]);

fn engine() -> Engine {
    Engine::rust()
}

/// The signing key of these tests, and its public half.
fn signing() -> (SigningKey, Hash) {
    (block_on(engine().import_signing(&key(5))).unwrap(), Fixed(rust::ed25519_public(&key(5))))
}

fn sign(transcript: &Transcript) -> Fixed<64> {
    Fixed(block_on(engine().sign(&signing().0, transcript.as_bytes())).unwrap())
}

fn party() -> Party {
    Party { login: "alice".into(), fingerprint: Fixed([1; 32]) }
}

fn ids(n: usize) -> Vec<Uuid> {
    (0..n as u128).map(Uuid::from_u128).collect()
}

/// Refused for its form, not for its signature.
fn refused(result: Result<()>) -> bool {
    result.is_err_and(|e| e.code() == Code::BadInput)
}

fn exchange(recipients: usize, created: u64) -> Result<()> {
    let mut exchange = Exchange {
        id: Uuid::nil(),
        suite: 1,
        delegator: "alice".into(),
        delegator_fingerprint: Fixed([1; 32]),
        delegate: "bob".into(),
        recipients: (0..recipients).map(|i| Fixed([i as u8; 32])).collect(),
        commitment: Fixed([2; 32]),
        created,
        signature: EMPTY,
        extra: Extra::default(),
    };
    exchange.signature = sign(&exchange.transcript());
    exchange.check(&signing().1)
}

fn grant(entries: usize, created: u64, not_after: Option<u64>, more: usize) -> Result<()> {
    let plain = ids(entries).into_iter().map(|id| GrantEntry::new(id, 1, Fixed([3; 32])));
    grant_of(plain.collect(), created, not_after, more)
}

/// A grant whose entries name so many bytes of logins.
fn grant_that_names(bytes: usize) -> Result<()> {
    let logins: Vec<String> = (0..bytes).step_by(256).map(|at| "o".repeat((bytes - at).min(256))).collect();
    let pairs: Vec<&[String]> = logins.chunks(2).collect();
    let origin = |pair: &[String]| Origin { owner: pair.first().cloned(), sealer: pair.get(1).cloned() };
    let entries = ids(pairs.len()).into_iter().zip(pairs);
    let entries = entries.map(|(id, pair)| GrantEntry(id, 1, Fixed([3; 32]), Some(origin(pair).into())));
    grant_of(entries.collect(), 0, None, 0)
}

fn grant_of(entries: Vec<GrantEntry>, created: u64, not_after: Option<u64>, more: usize) -> Result<()> {
    let mut grant = Grant {
        id: Uuid::nil(),
        suite: 1,
        exchange: Uuid::nil(),
        delegate: "bob".into(),
        grantor_fingerprint: Fixed([1; 32]),
        sealed: Bytes(vec![0; entries.len() * 32 + boxes::BOX_OVERHEAD + more]),
        entries,
        created,
        not_after,
        signature: EMPTY,
        extra: Extra::default(),
    };
    grant.signature = sign(&grant.transcript());
    grant.check(&signing().1)
}

fn revocation(items: usize, grants: usize, created: u64) -> Result<()> {
    let mut revocation = Revocation {
        id: Uuid::nil(),
        items: ids(items).into_iter().map(|id| (id, 1)).collect(),
        login: "bob".into(),
        grants: ids(grants),
        revoker: party(),
        created,
        signature: EMPTY,
        extra: Extra::default(),
    };
    revocation.signature = sign(&revocation.transcript());
    revocation.check(&signing().1)
}

fn notification(kind: usize, sealed: usize, created: u64) -> Result<()> {
    let mut notification = Notification {
        id: Uuid::nil(),
        kind: "K".repeat(kind),
        sender: "alice".into(),
        sender_fingerprint: Fixed([1; 32]),
        recipient: "bob".into(),
        recipient_fingerprint: Fixed([1; 32]),
        created,
        sealed: Bytes(vec![0; sealed]),
        signature: EMPTY,
        extra: Extra::default(),
    };
    notification.signature = sign(&notification.transcript(b"body"));
    notification.check(&signing().1, b"body")
}

fn receipt(exchanges: usize, slots: usize, pending: usize, created: u64) -> Result<()> {
    let mut receipt = Receipt {
        id: Uuid::nil(),
        giver: "alice".into(),
        giver_fingerprint: Fixed([1; 32]),
        requester: "bob".into(),
        requester_fingerprint: Fixed([1; 32]),
        exchanges: ids(exchanges),
        slots: ids(slots),
        pending: vec![Fixed([4; 32]); pending],
        created,
        signature: EMPTY,
        extra: Extra::default(),
    };
    receipt.signature = sign(&receipt.transcript());
    receipt.check(&signing().1)
}

fn slot(n: usize, sealed: usize) -> Slot {
    Slot {
        id: Uuid::from_u128(n as u128),
        fingerprint: Fixed([1; 32]),
        kind: SlotKind::Successor,
        holder: None,
        unlocker: None,
        sealed: Bytes(vec![0; sealed]),
        extra: Extra::default(),
    }
}

fn manifest(slots: usize) -> Result<()> {
    let slots: Vec<Slot> = (0..slots).map(|n| slot(n, 4)).collect();
    let mut manifest = Manifest {
        fingerprint: Fixed([1; 32]),
        counter: 1,
        previous_hash: None,
        slots: slots.iter().map(|slot| Listed::of(slot, party())).collect(),
        author: party(),
        signature: EMPTY,
        author_signature: EMPTY,
        manager_signature: None,
        extra: Extra::default(),
    };
    manifest.signature = sign(&manifest.transcript());
    manifest.check(&keyset(1, None, 0), &slots)
}

fn keyset(version: u64, previous: Option<&Keyset>, created: u64) -> Keyset {
    let spki = hex::decode(world()["people"][1]["spki"].as_str().unwrap()).unwrap();
    let mut keyset = Keyset {
        login: "alice".into(),
        version,
        suite: 1,
        encryption_key: Bytes(spki),
        signing_key: signing().1,
        created,
        previous: previous.map(Keyset::fingerprint),
        managers: None,
        maker: party(),
        self_signature: EMPTY,
        maker_signature: None,
        chain_signature: None,
        manager_signature: None,
        extra: Extra::default(),
    };
    keyset.self_signature = sign(&keyset.self_transcript());
    keyset
}

#[test]
fn lists_in_records_have_limits() {
    assert_eq!((MAX_RECIPIENTS, MAX_GRANT_ENTRIES, MAX_SLOTS, MAX_RECEIPT), (16, 128, 4096, 65_536));
    assert!(exchange(1, 0).is_ok() && exchange(16, 0).is_ok());
    assert!(refused(exchange(0, 0)) && refused(exchange(17, 0)));
    assert!(grant(1, 0, None, 0).is_ok() && grant(128, 0, None, 0).is_ok());
    assert!(refused(grant(0, 0, None, 0)) && refused(grant(4097, 0, None, 0)) && refused(grant(4, 0, None, 1)));
    assert!(grant_that_names(1 << 14).is_ok() && refused(grant_that_names((1 << 14) + 1)));
    assert!(revocation(4096, 1, 0).is_ok() && revocation(1, 4096, 0).is_ok());
    assert!(refused(revocation(4097, 1, 0)) && refused(revocation(1, 4097, 0)));
    assert!(refused(revocation(0, 1, 0)) && refused(revocation(1, 0, 0)));
    assert!(receipt(65_536, 0, 0, 0).is_ok() && receipt(0, 65_536, 65_536, 0).is_ok());
    for (exchanges, slots, pending) in [(65_537, 0, 0), (0, 65_537, 0), (0, 0, 65_537)] {
        assert!(refused(receipt(exchanges, slots, pending, 0)));
    }
    assert!(manifest(4096).is_ok() && refused(manifest(4097)));
}

#[test]
fn lengths_in_records_have_limits() {
    assert!(notification(64, 16_384, 0).is_ok());
    assert!(refused(notification(0, 0, 0)) && refused(notification(65, 0, 0)) && refused(notification(64, 16_385, 0)));
    assert!(slot(1, 1024).check().is_ok() && refused(slot(1, 1025).check()));
    for (len, fits) in [(256, true), (384, true), (512, true), (255, false), (257, false), (1024, false)] {
        let wrapper = party();
        let (exchange, recipient, wrapped) = (Uuid::nil(), Fixed([1; 32]), Bytes(vec![0; len]));
        let mut wrap = Wrap { exchange, recipient, wrapper, wrapped, signature: EMPTY, extra: Extra::default() };
        wrap.signature = sign(&wrap.transcript());
        assert_eq!(wrap.check(&signing().1).is_ok(), fits, "{len}");
    }
}

#[test]
fn times_end_where_numbers_of_javascript_do() {
    assert_eq!(MAX_TIME, (1 << 53) - 1);
    let at: [fn(u64) -> Result<()>; 7] = [
        |t| exchange(1, t),
        |t| grant(1, t, None, 0),
        |t| grant(1, 0, Some(t), 0),
        |t| revocation(1, 1, t),
        |t| notification(1, 0, t),
        |t| receipt(0, 0, 0, t),
        |t| keyset(1, None, t).check(),
    ];
    for (i, made) in at.iter().enumerate() {
        assert!(made(MAX_TIME).is_ok() && refused(made(MAX_TIME + 1)) && refused(made(u64::MAX)), "{i}");
    }
}

#[test]
fn unknown_fields_have_a_number_and_a_depth() {
    let wrap = |extra: &str| {
        let (hash, signature) = (Fixed([1; 32]), Fixed([2; 64]));
        let known = json!({ "exchange": Uuid::nil(), "recipient": hash, "wrapper": party(), "wrapped": "AAAA", "signature": signature });
        parse::<Wrap>(&known.to_string().replacen('{', &format!("{{{extra}"), 1)).is_ok()
    };
    let many = |n: usize| (0..n).map(|i| format!("\"x{i}\":{i},")).collect::<String>();
    assert!(wrap(&many(MAX_EXTRA)) && !wrap(&many(MAX_EXTRA + 1)));
    let deep = |n: usize, open: &str, close: &str| format!("\"x\":{}0{},", open.repeat(n), close.repeat(n));
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        assert!(wrap(&deep(MAX_EXTRA_DEPTH, open, close)) && !wrap(&deep(MAX_EXTRA_DEPTH + 1, open, close)));
        assert!(!wrap(&deep(100_000, open, close)));
    }
    for (number, whole) in [
        ("1.5", false),
        ("1e3", false),
        ("18446744073709551616", false),
        ("18446744073709551615", true),
        ("-9223372036854775808", true),
    ] {
        assert_eq!(wrap(&format!("\"x\":{number},")), whole, "{number}");
    }
}

#[test]
fn json_has_a_depth() {
    let deep = |n: usize| parse::<serde_json::Value>(&format!("{}0{}", "[".repeat(n), "]".repeat(n))).is_ok();
    assert!(deep(127) && !deep(128) && !deep(1_000_000));
}

#[test]
fn a_record_has_a_length() {
    let json = |len: usize| {
        let text = format!("\"{}\"", "a".repeat(len - 2));
        assert_eq!(text.len(), len);
        parse::<String>(&text)
    };
    assert!(json(MAX_RECORD).is_ok());
    assert_eq!(json(MAX_RECORD + 1).unwrap_err().code(), Code::BadInput);
}

#[test]
fn an_identity_has_a_number_of_versions() {
    let mut offer: Vec<Keyset> = vec![keyset(1, None, 0)];
    while offer.len() < MAX_VERSIONS {
        let next = keyset(offer.len() as u64 + 1, offer.last(), 0);
        offer.push(next);
    }
    assert!(check_offer("alice", &offer).is_ok());
    offer.push(keyset(MAX_VERSIONS as u64 + 1, offer.last(), 0));
    assert_eq!(check_offer("alice", &offer).unwrap_err().code(), Code::VerificationFailed);
}

#[test]
fn logins_codes_and_names_have_lengths() {
    assert!(check_login(&"a".repeat(256)).is_ok() && check_login(&"é".repeat(128)).is_ok());
    assert!(
        refused(check_login("")) && refused(check_login(&"a".repeat(257))) && refused(check_login(&"é".repeat(129)))
    );
    let longest = qr_payload(&Fixed([1; 32]), &"a".repeat(256));
    let padded = |len: usize| format!("{longest}{}", " ".repeat(len - longest.len()));
    assert!(matches(&padded(1024), &Fixed([1; 32]), &"a".repeat(256)));
    assert!(!matches(&padded(1025), &Fixed([1; 32]), &"a".repeat(256)));
    let client = |len: usize| {
        let store = Store::Memory(store::memory::Memory::default());
        Client::open(Setup {
            engine: engine(),
            relay: relay(),
            store,
            application: "a".repeat(len),
            now: || 0,
            policy: None,
        })
        .map(drop)
    };
    assert!(client(1).is_ok() && client(256).is_ok() && refused(client(0)) && refused(client(257)));
}

#[test]
fn keys_have_lengths() {
    let world = world();
    let pkcs8 = hex::decode(world["people"][1]["pkcs8"].as_str().unwrap()).unwrap();
    assert!(rust::rsa_from_pkcs8(&SecretBytes::new(pkcs8)).is_ok());
    assert!(rust::rsa_from_pkcs8(&SecretBytes::new(vec![0x30; 4097])).is_err());
    // T(…) of nothing is 27 bytes with this name.
    let info = |len: usize| Transcript::new("i").bytes(&vec![0; len - Transcript::new("i").as_bytes().len() - 4]);
    let public = rust::x25519_public(&key(1));
    let (enc, _) = hpke::seal_key(&public, &info(60_000)).unwrap();
    assert!(hpke::open_key(&key(1), &enc, &info(60_000)).is_ok());
    assert!(hpke::seal_key(&public, &info(60_001)).is_err());
    assert!(hpke::open_key(&key(1), &enc, &info(60_001)).is_err());
    let longest = vec![1; shamir::MAX_SECRET];
    let shares = shamir::split(&engine(), &longest, 2, 2).unwrap();
    let given: Vec<&[u8]> = shares.iter().map(SecretBytes::expose).collect();
    assert!(shamir::combine(&given).unwrap().expose() == longest);
    assert!(shamir::split(&engine(), &vec![1; shamir::MAX_SECRET + 1], 2, 2).is_err());
    let longer = [vec![1; given[0].len() + 1], vec![2; given[0].len() + 1]];
    let longer: Vec<&[u8]> = longer.iter().map(Vec::as_slice).collect();
    assert_eq!(shamir::combine(&longer).unwrap_err().code(), Code::BadInput);
}

#[test]
fn metadata_has_a_length_and_a_depth() {
    let named = |len: usize| {
        let name = |n: usize| Metadata { kind: "file".into(), name: Some("a".repeat(n)), ..Metadata::default() };
        let around = name(0).encode(Some(0)).unwrap().len();
        name(len - around).encode(Some(0)).map(drop)
    };
    assert!(named(MAX_METADATA).is_ok() && refused(named(MAX_METADATA + 1)));
    let deep = |n: usize| {
        let text = format!("{{\"type\":\"json\",\"meta\":{}1{}}}", "{\"a\":".repeat(n), "}".repeat(n));
        serde_json::from_str::<Metadata>(&text).unwrap().encode(None).map(drop)
    };
    assert!(deep(MAX_DEPTH).is_ok() && refused(deep(MAX_DEPTH + 1)) && refused(deep(100_000)));
    // Brackets in text are no depth.
    let text = format!(r#"{{"type":"json","meta":{{"a":"\"{}\\","b":["{}"]}}}}"#, "[".repeat(500), "{".repeat(500));
    assert!(serde_json::from_str::<Metadata>(&text).unwrap().encode(None).is_ok());
}

fn relay() -> Relay {
    relay_over(&Memory::default(), "test:relay", || 0)
}

/// What the relay of the world on file says to alice. `Err`: a limit.
fn asked(operation: &Operation) -> Result<(), ()> {
    let world = world();
    let records = world["records"].as_array().unwrap().iter();
    let memory =
        Memory::load(records.map(|r| (r[0].as_str().unwrap().into(), r[1].as_u64().unwrap(), r[2].to_string())));
    let relay = relay_over(&memory, "vectors:relay", || 0);
    let fingerprint =
        Hash::from_slice(&hex::decode(world["people"][0]["fingerprint"].as_str().unwrap()).unwrap()).unwrap();
    let token = token_of(&memory, "alice", &fingerprint);
    match block_on(relay.call(Some(&token), operation)) {
        Err(e) if e.code() == Code::BadInput && e.message().starts_with("too ") => Err(()),
        _ => Ok(()),
    }
}

type Make = fn(usize) -> Operation;

#[test]
fn operations_of_the_relay_have_limits() {
    let cases: [(usize, Make); 13] = [
        (1024, |n| Operation::Identities { logins: vec!["alice".into(); n], removed: false }),
        (256, |n| Operation::Login {
            application: "a".repeat(n),
            login: "alice".into(),
            fingerprint: Fixed([0; 32]),
            nonce: Fixed([0; 32]),
            signature: EMPTY,
        }),
        (64, |n| Operation::PutExchange {
            exchange: Box::new(serde_json::from_value(any_exchange()).unwrap()),
            wraps: wraps(n),
        }),
        (1024, |n| Operation::Reach { to: Target::Login("bob".into()), without: vec!["eve".into(); n] }),
        (1024, |n| Operation::PutWraps { wraps: wraps(n), completes: Vec::new() }),
        (65_536, |n| Operation::PutGrants {
            create: ids(n).into_iter().map(|id| (id, 1)).collect(),
            grants: vec![],
            basis: vec![],
            relied: vec![],
        }),
        (65_536, |n| Operation::PutGrants { create: vec![], grants: vec![], basis: ids(n), relied: vec![] }),
        (65_536, |n| Operation::Revoke { revocations: vec![], rewrite: vec![], remove: ids(n) }),
        (64, |n| Operation::PutParts { item: Uuid::nil(), parts: vec![(Part::Head, 0); n] }),
        (64, |n| Operation::GetParts { item: Uuid::nil(), basis: Uuid::nil(), parts: vec![Part::Head; n] }),
        (1 << 20, |n| Operation::BeginUpload { item: Uuid::from_u128(1), chunks: n as u64 }),
        (64, |n| Operation::Notifications { after: 0, cursor: Some("a".repeat(n)) }),
        (1024, |n| Operation::Notify { notifications: vec![serde_json::from_value(any_notification()).unwrap(); n] }),
    ];
    for (i, (most, operation)) in cases.iter().enumerate() {
        assert_eq!(asked(&operation(*most)), Ok(()), "{i}");
        assert_eq!(asked(&operation(most + 1)), Err(()), "{i}");
    }
}

fn any_exchange() -> serde_json::Value {
    json!({
        "id": Uuid::nil(), "suite": 1, "delegator": "alice", "delegatorFingerprint": Fixed([0; 32]), "delegate": "bob",
        "recipients": [], "commitment": Fixed([0; 32]), "created": 0, "signature": EMPTY,
    })
}

fn any_notification() -> serde_json::Value {
    json!({
        "id": Uuid::nil(), "type": "K", "sender": "alice", "senderFingerprint": Fixed([0; 32]), "recipient": "bob",
        "recipientFingerprint": Fixed([0; 32]), "created": 0, "sealed": "", "signature": EMPTY,
    })
}

fn wraps(n: usize) -> Vec<Wrap> {
    let wrap = json!({
        "exchange": Uuid::nil(), "recipient": Fixed([0; 32]), "wrapper": party(), "wrapped": "", "signature": EMPTY,
    });
    vec![serde_json::from_value(wrap).unwrap(); n]
}

#[test]
fn records_at_rest_have_a_length() {
    assert_eq!((MAX_TEXT, MAX_STORED), (1 << 24, 1 << 24));
    let store = Store::Memory(store::memory::Memory::default());
    let write = |len: usize| {
        let changes = vec![("session/alice".into(), Some(Entry::of(" ".repeat(len))))];
        block_on(store.write(Batch { changes, ..Batch::default() }))
    };
    assert_eq!(write(MAX_TEXT).unwrap(), Outcome::Written);
    assert_eq!(write(MAX_TEXT + 1).unwrap_err().code(), Code::Quota);
    assert_eq!(block_on(store.get("session/alice")).unwrap().unwrap().text.len(), MAX_TEXT);
    // The relay's own, padded with white space, which JSON allows.
    let own = |len: usize| {
        let json = r#"{"keysets":[]}"#;
        let memory = Memory::load([("identity/alice".into(), 1, format!("{json}{}", " ".repeat(len - json.len())))]);
        let relay = relay_over(&memory, "test:relay", || 0);
        block_on(relay.call(None, &Operation::Identities { logins: vec!["alice".into()], removed: false })).map(drop)
    };
    assert!(own(MAX_STORED).is_ok());
    assert_eq!(own(MAX_STORED + 1).unwrap_err().code(), Code::StoreUnreadable);
}

fn statement(subject: &str, counter: u64, body: usize) -> Result<()> {
    let mut statement = Statement {
        login: "a".into(),
        subject: subject.into(),
        counter,
        fingerprint: Fixed([1; 32]),
        body: "b".repeat(body),
        created: 0,
        signature: Fixed([0; 64]),
        extra: Extra::default(),
    };
    statement.signature = sign(&statement.transcript());
    statement.check(&signing().1)
}

#[test]
fn statements_have_subjects_counters_and_lengths() {
    statement("profile", 1, 64 << 10).unwrap();
    assert!(refused(statement("profile", 1, (64 << 10) + 1)));
    statement("head", 1, 4 << 10).unwrap();
    assert!(refused(statement("head", 1, (4 << 10) + 1)));
    assert!(refused(statement("head", 0, 1)));
    statement("head", (1 << 53) - 1, 1).unwrap();
    assert!(refused(statement("head", 1 << 53, 1)));
    assert!(refused(statement("other", 1, 1)));
    let profile = |name: usize, kind: usize| {
        Profile { name: Some("n".repeat(name)), kind: "k".repeat(kind), payload: None }.check()
    };
    profile(256, 64).unwrap();
    assert!(refused(profile(257, 64)) && refused(profile(1, 65)) && refused(profile(1, 0)));
}

#[test]
fn requests_for_access_have_lengths_and_an_end() {
    let (_, public) = block_on(async {
        let pkcs8 = regrant::crypto::rust::rsa_generate(2048).unwrap();
        engine().import_decryption(&pkcs8).await.unwrap()
    });
    let request = |scope: usize, origin: usize, expires: u64| {
        AccessRequest {
            id: Uuid::nil(),
            application: party(),
            origin: "o".repeat(origin),
            login: "a".into(),
            scope: Some("s".repeat(scope)),
            ephemeral_key: Bytes(public.spki().to_vec()),
            created: 5,
            expires,
            signature: EMPTY,
            extra: Extra::default(),
        }
        .check_form()
    };
    request(4096, 512, 6).unwrap();
    assert!(refused(request(4097, 512, 6)) && refused(request(1, 513, 6)) && refused(request(1, 1, 5)));
    assert!(refused(request(1, 1, 1 << 53)));
}

#[test]
fn the_highest_versions_of_so_many_items_are_remembered() {
    let relay = crate::support::relay();
    let me = regrant::graph::Principal::new(Engine::rust(), relay, "alice", "test", crate::support::now);
    let items: Vec<Uuid> = (1..=4_097).map(Uuid::from_u128).collect();
    items.iter().for_each(|item| me.note_versions(&[(*item, 2)]));
    assert!(!me.is_outdated(items[0], 1), "the one met the longest ago is forgotten");
    assert!(items[1..].iter().all(|item| me.is_outdated(*item, 1) && !me.is_outdated(*item, 2)));
    // Whoever is met again is forgotten later, and nothing goes down.
    me.note_versions(&[(items[1], 3)]);
    me.note_versions(&[(items[0], 2)]);
    assert!(me.is_outdated(items[1], 2) && me.is_outdated(items[0], 1) && !me.is_outdated(items[2], 1));
    me.note_versions(&[(items[1], 2)]);
    assert!(me.is_outdated(items[1], 2));
    // Of first versions fewer, which push no others out.
    let first: Vec<(Uuid, u32)> = (10_001..=10_513).map(|n| (Uuid::from_u128(n), 1)).collect();
    me.note_versions(&first);
    me.note_versions(&first);
    let kept = me.memory();
    assert!(kept.versions.len() == 4_096 && me.is_outdated(items[3], 1));
    assert!(first.iter().filter(|(item, _)| kept.first_versions.contains(item)).count() == 512);
    assert!(kept.first_versions.contains(&first[512].0));
    // Two tabs: the higher of what either noted.
    let mut tabs = me.memory();
    me.note_versions(&[(items[1], 7)]);
    tabs.merge(me.memory());
    me.set_memory(tabs);
    assert!(me.is_outdated(items[1], 6));
}

/// What stands for a keyset's fingerprint.
fn fingerprint(n: usize) -> serde_json::Value {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
    json!(Hash::from_slice(&bytes).unwrap())
}

fn trust(value: &serde_json::Value) -> Trust {
    serde_json::from_value(value.clone()).unwrap()
}

/// The first, with what the second adds.
fn with(one: &serde_json::Value, other: &serde_json::Value) -> Trust {
    let mut all = trust(one);
    all.merge(trust(other));
    all
}

fn by_fingerprint(
    all: impl Iterator<Item = usize>,
    what: impl Fn(usize) -> serde_json::Value,
) -> serde_json::Map<String, serde_json::Value> {
    all.map(|n| (fingerprint(n).as_str().unwrap().to_owned(), what(n))).collect()
}

#[test]
fn of_whose_keys_are_whose_so_many_events_are_remembered_and_more_is_a_fork() {
    let crowded = |trust: &Trust| serde_json::to_value(trust).unwrap()["crowded"] == json!(true);
    // All of them one after the other, so that nothing but their number is a fork.
    let link = |n: usize| json!({ "version": n, "previous": fingerprint(n - 1) });
    let line = |from: usize, upto: usize| json!({ "chained": by_fingerprint(from..=upto, link) });

    let first_seen = |upto: usize| {
        let mut all = line(2, 17);
        all["seen"] = by_fingerprint(1..=upto, |n| json!(n)).into();
        all
    };
    let sixteen = with(&first_seen(16), &json!({}));
    assert_eq!(sixteen.relied().map(|relied| relied.version), Some(17));
    let more = with(&first_seen(16), &first_seen(17));
    assert!(crowded(&more) && more.is_forked() && more.relied().is_none());
    // It stays so, whatever is merged.
    let (mut one, mut other) = (more.clone(), sixteen.clone());
    one.merge(sixteen);
    other.merge(more.clone());
    assert_eq!((&one, &other), (&more, &more));

    let chain = |upto: usize| {
        let mut all = line(2, upto);
        all["seen"] = by_fingerprint(1..=1, |n| json!(n)).into();
        all
    };
    let most = with(&chain(4096), &line(4097, 4113));
    assert_eq!(most.relied().map(|relied| relied.version), Some(4113));
    assert!(crowded(&with(&chain(4096), &line(4097, 4114))));

    let world = world();
    let account = world["records"].as_array().unwrap().iter().find(|r| r[0] == "identity/bob").unwrap();
    let keyset: Keyset = serde_json::from_value(account[2]["keysets"][0]["keyset"].clone()).unwrap();
    let decided = |from: u128, upto: u128| {
        let one = json!({ "version": 1, "fingerprint": keyset.fingerprint(), "compared": false });
        let all = (from..=upto).map(|n| (Uuid::from_u128(n).to_string(), one.clone()));
        json!({ "decided": all.collect::<serde_json::Map<_, _>>() })
    };
    let mut most = with(&decided(1, 32), &decided(33, 64));
    assert!(most.relied().is_some() && !crowded(&most));
    let more = with(&decided(1, 33), &decided(33, 65));
    assert!(crowded(&more) && more.is_forked());
    // Both can be decided: everything begins anew with that, also where it is merged.
    for mut full in [most.clone(), more] {
        full.decide(std::slice::from_ref(&keyset), &keyset, true, Uuid::from_u128(99));
        assert!(full.compared_exactly(&keyset.fingerprint()) && !crowded(&full));
        let value = serde_json::to_value(&full).unwrap();
        assert_eq!((value["round"].as_u64(), value["decided"].as_object().map(|all| all.len())), (Some(1), Some(1)));
        most.merge(full.clone());
        assert_eq!(most, full);
    }

    let here = |upto: usize| json!({ "here": by_fingerprint(1..=upto, |n| json!(n)) });
    let relied = |trust: &Trust| serde_json::to_value(trust).unwrap()["here"].as_object().unwrap().len();
    assert_eq!(relied(&with(&here(8192), &here(1))), 8192);
    let more = with(&here(8193), &here(1));
    assert_eq!(relied(&more), 8192);
    assert!(serde_json::to_value(&more).unwrap()["here"].get(fingerprint(1).as_str().unwrap()).is_none());
}
