//! What the native flow tests share: a relay in memory, devices on it, key pairs made once per run.

#![allow(
    dead_code,
    clippy::panic,
    clippy::type_complexity,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub
)]

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use regrant::client::{Client, ConnectOptions, Session, Setup};
use regrant::crypto::Engine;
use regrant::crypto::boxes::seal_at_rest;
use regrant::crypto::envelope::{Buffer, Metadata};
use regrant::delegation::{Draft, Older, SealOptions};
use regrant::encoding::{Hash, to_base64url};
use regrant::error::{Code, Result};
use regrant::graph::{Principal, make_statement};
use regrant::keyring::{self, KeyPair, OwnKey, Secret};
use regrant::relay::{Operation, Relay, Reply};
use regrant::secret::{Key32, SecretBytes};
use regrant::store::{Store, memory};
use regrant::wire::pieces::{self, Part};
use regrant::wire::statement::Head;
use regrant::wire::to_json;

pub mod forge;

pub use crate::here::{Memory, relay_over};

pub use futures::executor::block_on;
pub use uuid::Uuid;

thread_local! {
    /// How far this test's clock is ahead.
    static AHEAD: Cell<u64> = const { Cell::new(0) };
}

/// The clock of all devices and relays of a test.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64 + AHEAD.get()
}

/// Lets so many milliseconds pass at once.
pub fn pass(milliseconds: u64) {
    AHEAD.set(AHEAD.get() + milliseconds);
}

/// A relay in memory.
pub fn relay() -> Relay {
    relay_over(&Memory::default(), "test:relay", now)
}

/// A device with an empty store.
pub fn device(relay: &Relay) -> Client {
    device_with(relay, &Store::Memory(memory::Memory::default()))
}

pub fn device_with(relay: &Relay, store: &Store) -> Client {
    let (relay, store) = (relay.clone(), store.clone());
    Client::open(Setup { engine: engine(), relay, store, application: "test".into(), now, policy: None }).unwrap()
}

/// A relay whose records the test can change behind everybody's back.
pub fn hostile_relay() -> (Relay, Memory) {
    let memory = Memory::default();
    (relay_over(&memory, "test:relay", now), memory)
}

/// The value of one record.
pub fn record(memory: &Memory, key: &str) -> serde_json::Value {
    let (_, _, json) =
        memory.dump().into_iter().find(|(k, _, _)| k == key).unwrap_or_else(|| panic!("no record {key}"));
    serde_json::from_str(&json).unwrap()
}

/// The keys of all records that begin so.
pub fn keys_of(memory: &Memory, prefix: &str) -> Vec<String> {
    memory.dump().into_iter().map(|(k, _, _)| k).filter(|k| k.starts_with(prefix)).collect()
}

pub fn overwrite(memory: &Memory, key: &str, value: &serde_json::Value) {
    memory.overwrite(key, Some(value.to_string()));
}

const POOL: usize = 8;

/// RSA-2048 pairs, made once per run.
pub fn pair(n: usize) -> Secret {
    let (spki, pkcs8) = pooled(n);
    Secret::KeyPair(KeyPair::parse(spki, SecretBytes::new(pkcs8.clone())).unwrap())
}

fn pooled(n: usize) -> &'static (Vec<u8>, Vec<u8>) {
    static PAIRS: OnceLock<Vec<OnceLock<(Vec<u8>, Vec<u8>)>>> = OnceLock::new();
    let pool = PAIRS.get_or_init(|| (0..POOL).map(|_| OnceLock::new()).collect());
    pool[n].get_or_init(|| {
        let pkcs8 = regrant::crypto::rust::rsa_generate(2048).unwrap();
        let (_, public) = regrant::crypto::rust::rsa_from_pkcs8(&pkcs8).unwrap();
        (public.spki().to_vec(), pkcs8.expose().to_vec())
    })
}

/// An engine whose new RSA pairs come from the pool, one after the other: making each anew would take minutes.
pub fn engine() -> Engine {
    let next = std::cell::Cell::new(0);
    Engine::rust().with_pairs(move || {
        next.set((next.get() + 1) % POOL);
        Ok(SecretBytes::new(pooled(next.get()).1.clone()))
    })
}

/// New keys of a login, which begin it or, after some, begin it anew.
pub fn registration(login: &str, n: usize, after: Option<&regrant::wire::keyset::Keyset>) -> Operation {
    let relay = relay_over(&Memory::default(), "test:relay", now);
    let me = Principal::new(engine(), relay, login, "test", now);
    let made = block_on(keyring::make(&me.engine, "test:relay", login, &pair(n), after, now())).unwrap();
    let head = Box::new(block_on(me.first_head(&made.key, None)).unwrap());
    let (new, secrets) = (Box::new(made.own), made.secrets);
    match after {
        None => Operation::Register { new, secrets, head, profile: None },
        Some(_) => Operation::Reset { new, secrets, head },
    }
}

/// A vault secret that depends on `n` alone.
pub fn vault(n: u8) -> Secret {
    Secret::Vault(Key32::from_slice(&[n; 32]).unwrap())
}

pub fn connect(client: &Client, login: &str, secret: &Secret) -> Result<Rc<Session>> {
    block_on(client.connect(login, secret, ConnectOptions::default()))
}

pub fn reset(client: &Client, login: &str, secret: &Secret) -> Result<Rc<Session>> {
    block_on(client.connect(login, secret, ConnectOptions { register: true, reset: true }))
}

pub fn draft(text: &str) -> Draft {
    Draft {
        data: Buffer::Heap(text.as_bytes().to_vec()),
        metadata: Metadata { kind: "string".into(), ..Metadata::default() },
    }
}

pub fn seal(session: &Session, text: &str, share_with: &[&str]) -> (Uuid, Buffer) {
    let options =
        SealOptions { share_with: share_with.iter().map(|s| s.to_string()).collect(), ..SealOptions::default() };
    let item = block_on(session.encrypt(draft(text), &options)).unwrap();
    (item.id, item.bytes)
}

pub fn read(session: &Session, bytes: &Buffer) -> Result<String> {
    block_on(session.decrypt(bytes, None, Older::Refused))
        .map(|opened| String::from_utf8(opened.data.into_heap()).unwrap())
}

pub fn code<T: std::fmt::Debug>(result: Result<T>) -> Code {
    result.unwrap_err().code()
}

pub fn no_progress(_: usize) -> Result<()> {
    Ok(())
}

/// The session's RSA public key.
pub fn spki(session: &Session) -> Vec<u8> {
    session.public_key().encryption_key.0
}

pub fn shown(bytes: &[u8]) -> String {
    to_base64url(bytes)
}

/// A client written by somebody else: the layers below the facade, with the keys of a login that uses a key pair.
pub fn principal(relay: &Relay, login: &str, secret: &Secret) -> Principal {
    let me = Principal::new(Engine::rust(), relay.clone(), login, "test", now);
    let Secret::KeyPair(pair) = secret else { panic!("a key pair") };
    let offer = match block_on(relay.call(None, &Operation::Identities { logins: vec![login.into()], removed: false }))
        .unwrap()
    {
        Reply::Identities { mut identities } => identities.remove(0).unwrap(),
        other => panic!("{other:?}"),
    };
    let seed = pair.seed(login).unwrap();
    let keyset = offer.iter().find(|k| k.encryption_key.0 == pair.spki).unwrap();
    me.set_keys(vec![block_on(pair.own_key(&me.engine, keyset, &seed)).unwrap()], true, None);
    me
}

/// The same, with the newest keyset opened through its slots, by which it can say something to its own devices.
pub fn opened(relay: &Relay, login: &str, secret: &Secret) -> (Principal, OwnKey) {
    let me = principal(relay, login, secret);
    let all = block_on(me.own_keysets()).unwrap();
    let key = block_on(keyring::open(&me.engine, login, &all, secret)).unwrap().unwrap().keys.pop().unwrap();
    me.set_keys(vec![key.clone()], true, None);
    (me, key)
}

/// Writes a head over entries into the relay's records, by keys that are at hand, whatever the relay's rules say. Gives it.
pub fn say_as<T: AsRef<str>>(
    memory: &Memory,
    me: &Principal,
    key: &OwnKey,
    counter: u64,
    entries: &[(T, String)],
) -> serde_json::Value {
    let login = &key.keyset.login;
    let boxing = block_on(keyring::said_key(&me.engine, key.keyset_key.as_ref().unwrap())).unwrap();
    let entries = entries.iter().map(|(key, value)| (key.as_ref().to_owned(), value.clone())).collect();
    keys_of(memory, &format!("piece/{login}/")).iter().for_each(|key| memory.overwrite(key, None));
    let mut names: HashMap<Vec<u8>, Hash> = HashMap::new();
    let mut bytes = 0;
    for (prefix, part) in pieces::divide(&entries).unwrap() {
        let text = match part {
            Part::Leaf(text) => text,
            Part::Node => {
                let name = |nibble: u8| names.get(&[&prefix[..], &[nibble]].concat()).copied();
                to_json(&(0..16).map(name).collect::<Vec<_>>()).unwrap()
            }
        };
        let sealed = block_on(seal_at_rest(&me.engine, &boxing, &pieces::context(login), text.as_bytes())).unwrap();
        let name = pieces::name(&sealed);
        bytes += sealed.len();
        overwrite(memory, &format!("piece/{login}/{}", name.hex()), &shown(&sealed).into());
        names.insert(prefix, name);
    }
    let body = to_json(&Head { root: names.get(&Vec::new()).copied(), ..Head::default() }).unwrap();
    let head = block_on(make_statement(me, key, "head", counter, body)).unwrap();
    let said = serde_json::json!({ "head": head, "pieces": names.len(), "bytes": bytes });
    overwrite(memory, &format!("said/{login}"), &said);
    said
}
