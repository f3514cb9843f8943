//! A whole relay on file, `tests/vectors/world.json`: keysets with a renewed and a repaired chain, every kind of slot,
//! manifests, exchange keys, wraps, grants, a revocation, notifications, a receipt, envelopes. With the secrets beside
//! them everything opens as recorded, and every transcript is made again byte for byte.

use std::rc::Rc;

use crate::here::{Memory, relay_over};
use regrant::client::{Client, ConnectOptions, Session, Setup};
use regrant::crypto::Engine;
use regrant::crypto::envelope::Buffer;
use regrant::encoding::from_base64url;
use regrant::error::Code;
use regrant::keyring::{KeyPair, Secret};
use regrant::relay::login_transcript;
use regrant::relay::{ExchangeRecord, GrantRecord, NotificationRecord, OwnKeyset};
use regrant::secret::SecretBytes;
use regrant::store::{Store, memory};
use regrant::trust::{qr_payload, verification_code};
use regrant::wire::exchange::Exchange;
use regrant::wire::pieces;
use regrant::wire::receipt::Receipt;
use regrant::wire::revocation::Revocation;
use regrant::wire::statement::Statement;
use serde_json::{Value, json};

use crate::vectors::help::{cases, engines, fixed, hex, key, read, text};

stories!(world_opens, world_transcripts);

/// When the world was made; nothing in it ends before that.
fn then() -> u64 {
    1_800_000_000_000
}

pub(crate) fn setup(engine: &Engine, memory: &Memory) -> Setup {
    Setup {
        engine: engine.clone(),
        relay: relay_over(memory, "embedded:default", then),
        store: Store::Memory(memory::Memory::default()),
        application: "vectors".into(),
        now: then,
        policy: None,
    }
}

pub(crate) fn secret(person: &Value) -> Secret {
    if person["vaultSecret"].is_string() {
        return Secret::Vault(key(&person["vaultSecret"]));
    }
    let pkcs8 = SecretBytes::new(hex(&person["pkcs8"]));
    Secret::KeyPair(KeyPair::parse(&hex(&person["spki"]), pkcs8).unwrap())
}

fn records(file: &Value) -> Vec<(String, u64, String)> {
    let all = file["records"].as_array().unwrap().iter();
    all.map(|r| (text(&r[0]).to_owned(), r[1].as_u64().unwrap(), r[2].to_string())).collect()
}

async fn connect(engine: &Engine, memory: &Memory, person: &Value) -> Rc<Session> {
    let client = Client::open(setup(engine, memory)).unwrap();
    let options = ConnectOptions { register: false, reset: false };
    client.connect(text(&person["login"]), &secret(person), options).await.unwrap()
}

async fn world_opens() {
    let file = read(include_str!("world.json"));
    for engine in engines() {
        let memory = Memory::load(records(&file));
        for person in file["people"].as_array().unwrap() {
            let login = text(&person["login"]);
            let session = connect(&engine, &memory, person).await;
            session.refresh().await.unwrap();
            assert_eq!(session.public_key().fingerprint().0, fixed(&person["fingerprint"]), "{login}");
            assert_eq!(session.verification_code(login).await.unwrap(), text(&person["verificationCode"]));
            assert!(session.warnings().is_empty(), "{login}");
            for item in cases(&file) {
                let opened = session
                    .decrypt(&Buffer::Heap(hex(&item["envelope"])), None, regrant::delegation::Older::Refused)
                    .await;
                if !item["readers"].as_array().unwrap().contains(&person["login"]) {
                    assert_eq!(opened.unwrap_err().code(), Code::NoAccess, "{login} {}", item["text"]);
                    continue;
                }
                let opened = opened.unwrap();
                assert_eq!(opened.author.login, text(&item["author"]));
                assert_eq!(opened.data.into_heap(), text(&item["text"]).as_bytes(), "{login}");
            }
        }
    }
}

/// Every transcript that the records need, in hex, by record and purpose.
pub(crate) fn transcripts(records: &[(String, u64, String)], receipt: &Value) -> Value {
    let mut out = serde_json::Map::new();
    let mut note = |name: String, bytes: &[u8]| {
        out.insert(name, json!(hex::encode(bytes)));
    };
    for (name, _, record) in records {
        let value: Value = serde_json::from_str(record).unwrap();
        match name.split('/').next().unwrap() {
            "identity" => {
                for member in value["keysets"].as_array().unwrap() {
                    let own: OwnKeyset = serde_json::from_value(member.clone()).unwrap();
                    let at = format!("{name} {}", own.keyset.version);
                    own.manifest.check(&own.keyset, &own.slots).unwrap();
                    note(format!("{at} fingerprint"), &own.keyset.fingerprint().0);
                    note(format!("{at} selfSignature"), own.keyset.self_transcript().as_bytes());
                    note(format!("{at} chainSignature"), own.keyset.chain_transcript().as_bytes());
                    note(format!("{at} manifest signature"), own.manifest.transcript().as_bytes());
                    note(format!("{at} manifest authorSignature"), own.manifest.author_transcript().as_bytes());
                    note(format!("{at} manifest hash"), &own.manifest.hash().0);
                    for (i, slot) in own.slots.iter().enumerate() {
                        note(format!("{at} slot {i} {} hash", slot.kind.as_str()), &slot.hash().0);
                    }
                }
            }
            "exchange" => {
                let record: ExchangeRecord = serde_json::from_value(value).unwrap();
                note(format!("{name} signature"), record.exchange.transcript().as_bytes());
                for (i, wrap) in record.wraps.iter().enumerate() {
                    note(format!("{name} wrap {i} context"), record.exchange.wrap_context(&wrap.recipient).as_bytes());
                    note(format!("{name} wrap {i} signature"), wrap.transcript().as_bytes());
                }
            }
            "grant" => {
                let record: GrantRecord = serde_json::from_value(value).unwrap();
                note(format!("{name} box"), record.grant.context().as_bytes());
                note(format!("{name} signature"), record.grant.transcript().as_bytes());
            }
            "log" if value["revoked"].is_object() => {
                let revocation: Revocation = serde_json::from_value(value["revoked"].clone()).unwrap();
                note(format!("{name} signature"), revocation.transcript().as_bytes());
            }
            "said" => {
                let head: Statement = serde_json::from_value(value["head"].clone()).unwrap();
                note(format!("{name} signature"), head.transcript().as_bytes());
                note(format!("{name} hash"), &head.hash().0);
            }
            "piece" => {
                let sealed = from_base64url(value.as_str().unwrap()).unwrap();
                assert_eq!(name.rsplit('/').next().unwrap(), pieces::name(&sealed).hex());
            }
            "notification" => {
                let record: NotificationRecord = serde_json::from_value(value).unwrap();
                note(format!("{name} context"), record.notification.context().as_bytes());
            }
            _ => {}
        }
    }
    let receipt: Receipt = serde_json::from_value(receipt.clone()).unwrap();
    note("receipt signature".into(), receipt.transcript().as_bytes());
    let nonce = regrant::encoding::Fixed([7; 32]);
    let login =
        login_transcript("embedded:default", "vectors", "alice", &receipt.requester_fingerprint, &nonce, then());
    note("login".into(), login.as_bytes());
    let id = uuid::Uuid::from_u128(1);
    let key = regrant::secret::Key32::from_slice(&[9; 32]).unwrap();
    note("exchange commitment".into(), &Exchange::commit(id, "alice", "bob", &key).unwrap().0);
    let fingerprint = regrant::encoding::Fixed([3; 32]);
    out.insert("verification code".into(), json!(verification_code(&fingerprint, "alice")));
    out.insert("qr payload".into(), json!(qr_payload(&fingerprint, "alice")));
    Value::Object(out)
}

async fn world_transcripts() {
    let file = read(include_str!("world.json"));
    assert_eq!(transcripts(&records(&file), &file["receipt"]), file["transcripts"]);
    let giver = records(&file).into_iter().find(|(k, _, _)| k == "identity/bob").unwrap().2;
    let giver: Value = serde_json::from_str(&giver).unwrap();
    let own: OwnKeyset = serde_json::from_value(giver["keysets"][0].clone()).unwrap();
    let receipt: Receipt = serde_json::from_value(file["receipt"].clone()).unwrap();
    receipt.check(&own.keyset.signing_key).unwrap();
}

#[cfg(not(target_arch = "wasm32"))]
mod make {
    //! `cargo test --test all -- --ignored make_the_world` writes the file anew.

    use futures::executor::block_on;
    use regrant::crypto::envelope::Metadata;
    use regrant::delegation::{After, Draft, SealOptions};
    use regrant::recovery::access_back::Options;

    use super::*;

    fn draft(content: &str) -> Draft {
        let metadata = Metadata { kind: "string".into(), ..Metadata::default() };
        Draft { data: Buffer::Heap(content.as_bytes().to_vec()), metadata }
    }

    fn join(memory: &Memory, person: &Value, reset: bool) -> Rc<Session> {
        let client = Client::open(setup(&Engine::rust(), memory)).unwrap();
        let options = ConnectOptions { register: true, reset };
        block_on(client.connect(text(&person["login"]), &secret(person), options)).unwrap()
    }

    #[test]
    #[ignore = "writes tests/vectors/world.json"]
    fn make_the_world() {
        let memory = Memory::default();
        let pair = read(include_str!("published/rsa-oaep-sha-256.json"));
        let pkcs8 = SecretBytes::new(hex(&pair["pkcs8"]));
        let (_, public) = block_on(Engine::rust().import_decryption(&pkcs8)).unwrap();
        let spki = hex::encode(public.spki());
        let mut alice = json!({ "login": "alice", "vaultSecret": "11".repeat(32) });
        let mut bob = json!({ "login": "bob", "pkcs8": pair["pkcs8"], "spki": spki });
        let old_carol = json!({ "login": "carol", "vaultSecret": "33".repeat(32) });
        let mut carol = json!({ "login": "carol", "vaultSecret": "44".repeat(32) });

        let a = join(&memory, &alice, false);
        let b = join(&memory, &bob, false);
        let c = join(&memory, &old_carol, false);
        let mut items: Vec<Value> = Vec::new();
        let mut seal = |by: &Session, content: &str, to: &[&str], readers: &[&str], sign: bool| {
            let share_with = to.iter().map(ToString::to_string).collect();
            let sealed =
                block_on(by.encrypt(draft(content), &SealOptions { share_with, sign, ..SealOptions::default() }))
                    .unwrap();
            let envelope = hex::encode(sealed.bytes.into_heap());
            items.push(json!({ "text": content, "author": by.login(), "readers": readers, "envelope": envelope }));
            sealed.id
        };
        seal(&a, "alice's own", &[], &["alice"], false);
        seal(&a, "for bob", &["bob"], &["alice", "bob"], false);
        seal(&b, "signed by bob", &["alice", "carol"], &["alice", "bob", "carol"], true);
        seal(&c, "carol's own, from before", &[], &["carol"], false);
        // Bob passes one of Alice's on, and writes the next version of another: his grants name her.
        let passed_on = seal(&a, "signed by alice, passed on", &["bob"], &["alice", "bob", "carol"], true);
        block_on(b.give_access(Some(&[passed_on]), &["carol".into()], None, &|_| Ok(()))).unwrap();
        let cut = seal(&a, "no longer bob's", &["bob"], &["alice"], false);
        block_on(a.revoke(Some(&[cut]), "bob", false)).unwrap();
        let written = seal(&a, "first version", &["bob"], &["alice", "bob"], false);
        block_on(a.renew_keys(None, &|_| Ok(()))).unwrap();
        let options = SealOptions { id: Some(written), after: Some(After::Version(1)), ..SealOptions::default() };
        let next = block_on(b.encrypt(draft("second version, by bob"), &options)).unwrap();
        let next = (next.version, hex::encode(next.bytes.into_heap()));
        seal(&b, "to alice's second keyset", &["alice"], &["alice", "bob"], false);
        items[4]["givenBy"] = json!({ "carol": "bob" });
        items.push(json!({ "text": "second version, by bob", "author": "bob", "readers": ["alice", "bob"], "envelope": next.1 }));
        assert_eq!(next.0, 2);
        let many = (0..10).map(|n| draft(&n.to_string())).collect();
        let options = SealOptions { share_with: vec!["bob".into()], ..SealOptions::default() };
        block_on(a.encrypt_many(many, &options, &|_| Ok(()))).unwrap();

        let new = join(&memory, &carol, true);
        let spki = new.public_key().encryption_key.0;
        let options = Options {
            code: Some(block_on(new.verification_code("carol")).unwrap()),
            chain: true,
            ..Options::default()
        };
        let receipt = block_on(b.give_access_back("carol", &spki, &options, &|_| Ok(()))).unwrap();
        block_on(c.give_access_back("carol", &spki, &options, &|_| Ok(()))).unwrap();

        for (person, session) in [(&mut alice, &a), (&mut bob, &b), (&mut carol, &new)] {
            person["fingerprint"] = json!(session.public_key().fingerprint().hex());
            person["verificationCode"] = json!(block_on(session.verification_code(session.login())).unwrap());
        }
        let dump = memory.dump();
        let receipt = serde_json::to_value(receipt).unwrap();
        let records: Vec<Value> =
            dump.iter().map(|(k, r, v)| json!([k, r, serde_json::from_str::<Value>(v).unwrap()])).collect();
        let file = json!({
            "about": "a relay's records with the secrets that open them: protocol sections 2, 3, 5, 7, 8",
            "people": [alice, bob, carol], "receipt": receipt, "records": records, "cases": items,
            "transcripts": transcripts(&dump, &receipt),
        });
        let path = format!("{}/tests/vectors/world.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
    }
}
