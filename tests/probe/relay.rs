//! The relay's rules over a whole world: any operation, by anybody, signed by its caller where that can be done.
//!
//! Whatever is asked, nothing is written in another's name.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::here::{Memory, relay_over, token_of};
use futures::executor::block_on;
use regrant::crypto::Engine;
use regrant::keyring::{self, KeyPair, OwnKey, Secret};
use regrant::relay::{Operation, OwnKeyset};
use regrant::secret::{Key32, SecretBytes};
use regrant::wire::keyset::Keyset;
use regrant::wire::manifest::Manifest;
use regrant::wire::statement::Statement;
use serde_json::{Value, json};

use super::Input;
use super::text::world;

fn now() -> u64 {
    1_800_000_000_000
}

struct World {
    records: Vec<(String, u64, String)>,
    /// The newest key of each, opened.
    people: Vec<OwnKey>,
}

fn with_world<T>(f: impl FnOnce(&World) -> T) -> T {
    thread_local! {
        static WORLD: OnceCell<World> = const { OnceCell::new() };
    }
    WORLD.with(|world| f(world.get_or_init(open)))
}

fn open() -> World {
    let file = world();
    let all = file["records"].as_array().unwrap().iter();
    let records: Vec<(String, u64, String)> =
        all.map(|r| (r[0].as_str().unwrap().to_owned(), r[1].as_u64().unwrap(), r[2].to_string())).collect();
    let person = |person: &Value| {
        let login = person["login"].as_str().unwrap();
        let bytes = |name: &str| person[name].as_str().map(|text| hex::decode(text).unwrap());
        let secret = match bytes("vaultSecret") {
            Some(vault) => Secret::Vault(Key32::from_slice(&vault).unwrap()),
            None => {
                let pkcs8 = SecretBytes::new(bytes("pkcs8").unwrap());
                Secret::KeyPair(KeyPair::parse(&bytes("spki").unwrap(), pkcs8).unwrap())
            }
        };
        let account = records.iter().find(|(key, ..)| *key == format!("identity/{login}")).unwrap();
        let account: Value = serde_json::from_str(&account.2).unwrap();
        let own: Vec<OwnKeyset> = serde_json::from_value(account["keysets"].clone()).unwrap();
        block_on(keyring::open(&Engine::rust(), login, &own, &secret)).unwrap().unwrap().keys.pop().unwrap()
    };
    World { people: file["people"].as_array().unwrap().iter().map(person).collect(), records }
}

/// The first byte says who asks (nobody, at their newest or an earlier key) and whether they sign what they write;
/// the rest is the operation in JSON.
pub fn probe(data: &[u8]) {
    let mut input = Input(data);
    let who = input.byte();
    let Ok(json) = std::str::from_utf8(input.0) else { return };
    let Ok(mut operation) = regrant::wire::parse::<Operation>(json) else { return };
    with_world(|world| {
        let key = world.people.get(who as usize % 4);
        if let Some(key) = key.filter(|_| who & 4 != 0) {
            block_on(sign(key, &mut operation));
        }
        ask(&world.records, key, &operation);
    });
}

/// Makes what the operation writes the caller's own, as far as its key alone can.
async fn sign(key: &OwnKey, operation: &mut Operation) {
    let engine = Engine::rust();
    match operation {
        Operation::PutExchange { exchange, wraps } => {
            exchange.delegator_fingerprint = key.fingerprint;
            exchange.signature = key.sign(&engine, &exchange.transcript()).await.unwrap();
            wraps.iter_mut().for_each(|wrap| wrap.wrapper.fingerprint = key.fingerprint);
        }
        Operation::PutWraps { wraps, .. } => {
            wraps.iter_mut().for_each(|wrap| wrap.wrapper.fingerprint = key.fingerprint)
        }
        Operation::PutGrants { grants, .. } | Operation::FinishUpload { grants, .. } => {
            grants.iter_mut().for_each(|grant| grant.grantor_fingerprint = key.fingerprint);
        }
        Operation::Revoke { revocations, rewrite, .. } => {
            for revocation in revocations {
                revocation.revoker.fingerprint = key.fingerprint;
                revocation.signature = key.sign(&engine, &revocation.transcript()).await.unwrap();
            }
            rewrite.iter_mut().for_each(|grant| grant.grantor_fingerprint = key.fingerprint);
        }
        Operation::Notify { notifications } => {
            notifications.iter_mut().for_each(|n| n.sender_fingerprint = key.fingerprint);
        }
        Operation::ChangeSlots { change } => {
            sign_manifest(&engine, key, &mut change.manifest).await;
        }
        Operation::Register { new, head, .. }
        | Operation::Reset { new, head, .. }
        | Operation::Overwrite { new, head, .. } => {
            sign_new(&engine, key, new).await;
            head.fingerprint = new.keyset.fingerprint();
            head.signature = key.sign(&engine, &head.transcript()).await.unwrap();
        }
        Operation::Renew { changes, .. } => {
            for change in changes {
                sign_new(&engine, key, &mut change.new).await;
                change.said.head.fingerprint = change.new.keyset.fingerprint();
                change.said.head.signature = key.sign(&engine, &change.said.head.transcript()).await.unwrap();
                sign_manifest(&engine, key, &mut change.previous.manifest).await;
            }
        }
        Operation::PutHead { change, .. } => {
            sign_statement(&engine, key, &mut change.head).await;
            if let Some(profile) = &mut change.profile {
                sign_statement(&engine, key, profile).await;
            }
        }
        Operation::Ask { request } => {
            request.application.fingerprint = key.fingerprint;
            request.signature = key.sign(&engine, &request.transcript()).await.unwrap();
        }
        _ => {}
    }
}

async fn sign_statement(engine: &Engine, key: &OwnKey, statement: &mut Statement) {
    statement.fingerprint = key.fingerprint;
    statement.signature = key.sign(engine, &statement.transcript()).await.unwrap();
}

async fn sign_manifest(engine: &Engine, key: &OwnKey, manifest: &mut Manifest) {
    manifest.signature = key.sign(engine, &manifest.transcript()).await.unwrap();
    manifest.author_signature = key.sign(engine, &manifest.author_transcript()).await.unwrap();
}

/// A keyset around the caller's public keys, which it can prove to possess.
async fn sign_new(engine: &Engine, key: &OwnKey, new: &mut OwnKeyset) {
    new.keyset.signing_key = key.keyset.signing_key;
    new.keyset.encryption_key = key.keyset.encryption_key.clone();
    let fingerprint = new.keyset.fingerprint();
    let own = new.keyset.maker.login == new.keyset.login;
    new.keyset.maker.fingerprint = if own { fingerprint } else { key.fingerprint };
    new.keyset.self_signature = key.sign(engine, &new.keyset.self_transcript()).await.unwrap();
    if new.keyset.maker_signature.is_some() {
        new.keyset.maker_signature = Some(key.sign(engine, &new.keyset.maker_transcript()).await.unwrap());
    }
    if new.keyset.chain_signature.is_some() {
        new.keyset.chain_signature = Some(key.sign(engine, &new.keyset.chain_transcript()).await.unwrap());
    }
    new.manifest.fingerprint = fingerprint;
    new.manifest.author.fingerprint = if own { fingerprint } else { key.fingerprint };
    sign_manifest(engine, key, &mut new.manifest).await;
}

/// Carries out one operation on a fresh copy of the world. Whether it was allowed.
pub fn ask(records: &[(String, u64, String)], key: Option<&OwnKey>, operation: &Operation) -> bool {
    let memory = Memory::load(records.iter().cloned());
    let relay = relay_over(&memory, "vectors:relay", now);
    let token = key.map(|key| token_of(&memory, &key.keyset.login, &key.fingerprint));
    let there =
        || -> BTreeMap<String, String> { memory.dump().into_iter().map(|(key, _, value)| (key, value)).collect() };
    let before = there();
    let allowed = block_on(relay.call(token.as_ref(), operation)).is_ok();
    let after = there();
    if !allowed {
        assert!(before == after, "a refusal writes nothing");
        return false;
    }
    let caller = key.map(|key| key.keyset.login.as_str());
    let begins = matches!(operation, Operation::Register { .. } | Operation::Reset { .. });
    for name in before.keys().chain(after.keys()) {
        let (old, new) = (before.get(name), after.get(name));
        if old != new {
            let value = |text: Option<&String>| text.map_or(Value::Null, |t| serde_json::from_str(t).unwrap());
            changed(name, &value(old), &value(new), caller, begins, &after, &before);
        }
    }
    true
}

/// Who may have changed a record.
fn changed(
    name: &str,
    old: &Value,
    new: &Value,
    caller: Option<&str>,
    begins: bool,
    after: &BTreeMap<String, String>,
    before: &BTreeMap<String, String>,
) {
    let (kind, id) = name.split_once('/').unwrap();
    let record = |key: String| -> Value {
        after.get(&key).or(before.get(&key)).map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
    };
    match kind {
        // Anybody may begin a login anew, openly: what was there stays below.
        "identity" if begins => {
            let (old, new) = (old["keysets"].as_array(), new["keysets"].as_array().unwrap());
            assert!(old.is_none_or(|old| old.len() + 1 == new.len() && old[..] == new[..old.len()]), "{name}");
        }
        // Somebody else's, if its version before signed the next: whoever acts for it can do that.
        "identity" if Some(id) != caller => {
            let (old, new) = (old["keysets"].as_array().unwrap(), new["keysets"].as_array().unwrap());
            let keyset = |member: &Value| -> Keyset { serde_json::from_value(member.clone()).unwrap() };
            assert_eq!(old.len() + 1, new.len(), "{name}");
            assert!(keyset(&new[old.len()]).continues(&keyset(&old[old.len() - 1])).unwrap(), "{name}");
        }
        "identity" => {}
        "statement" | "said" | "piece" if !begins => assert_eq!(id.split('/').next(), caller, "{name}"),
        "opening" => assert_eq!(new["login"].as_str(), caller, "{name}"),
        "request" => {
            let (was, is) = (&old["request"], &new["request"]);
            let asked = is["login"].as_str();
            if old.is_null() {
                assert_eq!(is["application"]["login"].as_str(), caller, "{name}");
            } else {
                assert!(was == is && (asked == caller || is["application"]["login"].as_str() == caller), "{name}");
            }
        }
        "exchange" => {
            if old.is_null() {
                assert_eq!(new["exchange"]["delegator"].as_str(), caller, "{name}");
            } else {
                assert_eq!(new["exchange"], old["exchange"], "{name}");
            }
            let there = old["wraps"].as_array().cloned().unwrap_or_default();
            for wrap in new["wraps"].as_array().unwrap().iter().filter(|wrap| !there.contains(wrap)) {
                assert_eq!(wrap["wrapper"]["login"].as_str(), caller, "{name}");
            }
            for wrap in there.iter().filter(|wrap| !new["wraps"].as_array().unwrap().contains(wrap)) {
                assert_eq!(wrap["wrapper"]["login"].as_str(), caller, "{name}");
            }
        }
        "grant" => {
            let grant = if new.is_null() { old } else { new };
            let exchange = record(format!("exchange/{}", grant["grant"]["exchange"].as_str().unwrap()));
            let delegator = exchange["exchange"]["delegator"].as_str();
            if old.is_null() || new.is_null() || old["grant"] != new["grant"] {
                assert_eq!(delegator, caller, "{name}");
            } else if delegator != caller && exchange["exchange"]["delegate"].as_str() != caller {
                // Somebody else's, to somebody else: only items that the caller owns were cut.
                let there = old["cuts"].as_array().cloned().unwrap_or_default();
                for item in new["cuts"].as_array().unwrap().iter().filter(|item| !there.contains(item)) {
                    let item = record(format!("item/{}", item.as_str().unwrap()));
                    assert_eq!(item["owner"].as_str(), caller, "{name}");
                }
            }
        }
        "item" => {
            let owner = if old.is_null() { caller } else { old["owner"].as_str() };
            assert_eq!(new["owner"].as_str(), owner, "{name}");
        }
        "notification" => {
            let (was, is) = (&old["notification"], &new["notification"]);
            if old.is_null() {
                assert_eq!(is["sender"].as_str(), caller, "{name}");
            } else {
                assert!(was == is && is["recipient"].as_str() == caller, "{name}");
            }
        }
        "upload" => {
            let upload = if new.is_null() { old } else { new };
            assert_eq!(upload["creator"].as_str(), caller, "{name}");
        }
        "uploads" => assert_eq!(id.split('/').next(), caller, "{name}"),
        // Written along with what was looked at above, or (challenges) for whoever asks.
        "log" | "inbox" | "kept" | "challenge" | "session" | "edge" | "directory" | "requests" => {}
        // The first identity of a relay administers it.
        "role" => assert!(old.is_null() && begins, "{name}"),
        "statement" => {}
        _ => panic!("a record of a kind that this probe does not know: {name}"),
    }
}
