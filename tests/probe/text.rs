//! Text from people, applications and stores: logins, codes, encodings, metadata, profiles, what rests on a device.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::here::{Memory, relay_over};
use futures::executor::block_on;
use regrant::client::{Client, Setup, status};
use regrant::crypto::Engine;
use regrant::crypto::boxes::seal_at_rest;
use regrant::crypto::envelope::{Metadata, padme};
use regrant::crypto::kdf::Kdf;
use regrant::crypto::keys::{DecryptionKey, RestKey};
use regrant::encoding::{Fixed, Transcript, check_login, from_base64url, from_hex, nfkc, to_base64url};
use regrant::relay::{OwnKeyset, Relay};
use regrant::secret::SecretBytes;
use regrant::store::{self, Batch, Entry, Store, StoredKey};
use regrant::trust::{matches, qr_payload};
use serde_json::Value;

use super::{Input, key};

/// A whole relay on file, with the secrets that open it.
pub fn world() -> Rc<Value> {
    thread_local! {
        static WORLD: OnceCell<Rc<Value>> = const { OnceCell::new() };
    }
    let read = || Rc::new(serde_json::from_str(include_str!("../vectors/world.json")).unwrap());
    WORLD.with(|world| world.get_or_init(read).clone())
}

/// The first byte picks what is read; the rest is text.
pub fn probe(data: &[u8]) {
    let mut input = Input(data);
    let which = input.byte();
    let Ok(text) = std::str::from_utf8(input.0) else { return };
    match which % 9 {
        0 => login(text),
        1 => code(text),
        2 => encodings(text),
        3 => _ = metadata(text),
        4 => {
            if let Ok(kdf) = serde_json::from_str::<Kdf>(text) {
                let again = serde_json::from_str::<Kdf>(&serde_json::to_string(&kdf).unwrap()).unwrap();
                assert_eq!(again, kdf);
                let _ = kdf.check();
            }
        }
        5 => {
            let _ = (status(text).map(|s| assert_eq!(s.as_str(), text)), nfkc(text));
            let length = text.bytes().fold(0u64, |n, b| n << 8 | u64::from(b));
            assert!(padme(length) >= length && padme(padme(length)) == padme(length));
        }
        6 => _ = resume("session/alice", text),
        7 => _ = resume("last", text),
        _ => _ = remembered(text),
    }
}

pub fn login(text: &str) {
    if check_login(text).is_ok() {
        assert!(!text.is_empty() && text.len() <= 256 && !text.contains(char::is_control));
        // What is accepted is in form C: composing it once more changes nothing.
        assert_eq!(unicode_normalization::UnicodeNormalization::nfc(text).collect::<String>(), text);
        assert!(matches(&qr_payload(&Fixed([1; 32]), text), &Fixed([1; 32]), text));
        assert!(!matches(&qr_payload(&Fixed([2; 32]), text), &Fixed([1; 32]), text));
    }
}

pub fn code(text: &str) {
    // The code of this keyset, and its QR payload, are all that matches.
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let genuine = matches(text, &Fixed([1; 32]), "alice");
    if genuine && !text.contains(':') {
        assert_eq!(digits, "092467663991022077640388172977");
    }
}

pub fn encodings(text: &str) {
    if let Ok(bytes) = from_base64url(text) {
        assert_eq!(to_base64url(&bytes), text);
    }
    if let Ok(bytes) = from_hex(text) {
        assert_eq!(hex::encode(bytes), text.to_ascii_lowercase());
    }
    assert_eq!(from_base64url(&to_base64url(text.as_bytes())).unwrap(), text.as_bytes());
}

/// Metadata from an application. Whether it was read.
pub fn metadata(text: &str) -> bool {
    let Ok(first) = serde_json::from_str::<Metadata>(text) else { return false };
    let Ok(printed) = first.encode(first.length) else { return false };
    let again: Metadata = serde_json::from_slice(&printed).unwrap();
    assert_eq!(again.encode(again.length).unwrap(), printed);
    // What the application added comes back byte for byte.
    assert_eq!(again.meta.map(|m| m.get().to_owned()), first.meta.map(|m| m.get().to_owned()));
    true
}

fn client(store: &Store) -> Client {
    fn now() -> u64 {
        1_800_000_000_000
    }
    let relay = relay_over(&Memory::default(), "vectors:relay", now);
    let (engine, store) = (Engine::rust(), store.clone());
    Client::open(Setup { engine, relay, store, application: "vectors".into(), now, policy: None }).unwrap()
}

fn stored(entries: Vec<(&str, Entry)>) -> Store {
    let store = Store::Memory(store::memory::Memory::default());
    let changes = entries.into_iter().map(|(key, entry)| (key.to_owned(), Some(entry))).collect();
    block_on(store.write(Batch { changes, ..Batch::default() })).unwrap();
    store
}

/// A page starts, and this is what rests under a key. Whether there is a session then.
pub fn resume(key: &str, text: &str) -> bool {
    let store = stored(vec![(key, Entry::of(text.to_owned()))]);
    let login = (key != "last").then_some("alice");
    let session = block_on(client(&store).resume(login)).ok().flatten();
    if let Some(session) = &session {
        assert!(session.locked() && session.login() == "alice");
    }
    session.is_some()
}

/// A page starts with keys at rest, and this is what the box with its memory holds. Whether there is a session then.
pub fn remembered(text: &str) -> bool {
    thread_local! {
        static KEYS: OnceCell<(String, Vec<StoredKey>)> = const { OnceCell::new() };
    }
    let (session, keys) = KEYS.with(|keys| keys.get_or_init(bob).clone());
    let context = Transcript::new("rest/memory").text("bob");
    let boxed = block_on(seal_at_rest(&Engine::rust(), &RestKey::Rust(key(9)), &context, text.as_bytes())).unwrap();
    let store =
        stored(vec![("session/bob", Entry { text: session, keys }), ("memory/bob", Entry::of(to_base64url(&boxed)))]);
    block_on(client(&store).resume(Some("bob"))).is_ok_and(|session| session.is_some())
}

/// Bob's session record, and his keys.
fn bob() -> (String, Vec<StoredKey>) {
    let world = world();
    let records = world["records"].as_array().unwrap();
    let account = records.iter().find(|r| r[0] == "identity/bob").unwrap();
    let own: OwnKeyset = serde_json::from_value(account[2]["keysets"][0].clone()).unwrap();
    let pkcs8 = SecretBytes::new(hex::decode(world["people"][1]["pkcs8"].as_str().unwrap()).unwrap());
    let (decryption, _) = regrant::crypto::rust::rsa_from_pkcs8(&pkcs8).unwrap();
    let signing = block_on(Engine::rust().import_signing(&key(8))).unwrap();
    let record = serde_json::json!({
        "format": 1, "login": "bob", "keysets": [own.keyset], "locked": false, "trusted": true, "announced": true,
    });
    let keys = vec![
        StoredKey::Decryption(DecryptionKey::Rust(Box::new(decryption))),
        StoredKey::Signing(signing),
        StoredKey::Rest(RestKey::Rust(key(9))),
    ];
    (record.to_string(), keys)
}
