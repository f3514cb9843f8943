//! Secrets in the core: wiped where they are dropped (the compiler says so), redacted where they are printed, and in no
//! error. The package's own memory and console are `tests/package/programs/memory.mjs` and `errors.mjs`.

use std::fmt::Debug;

use crate::support::*;
use regrant::crypto::envelope::{Buffer, Metadata, OpenStream};
use regrant::crypto::keys::{DataKey, DecryptionKey, RestKey, SigningKey};
use regrant::crypto::split::{Secrets, split_root};
use regrant::crypto::{Engine, shamir};
use regrant::delegation::{Draft, Older, UploadPlan};
use regrant::keyring::{self, KeyPair, OwnKey, Secret};
use regrant::relay::{Operation, RelaySecret};
use regrant::secret::{Key32, SecretBytes};
use regrant::store::{Entry, StoredKey};
use zeroize::ZeroizeOnDrop;

const fn wiped<T: ZeroizeOnDrop>(_: &T) {}

/// Every field of what holds a secret, so that a new one cannot be forgotten here. It is enough that this compiles.
#[allow(dead_code)]
fn everything_that_is_secret_is_wiped(
    own: &OwnKey,
    secret: &Secret,
    stored: &StoredKey,
    others: (&Secrets, &UploadPlan, &DataKey, &RelaySecret),
) {
    fn decryption(key: &DecryptionKey) {
        let DecryptionKey::Rust(key) = key;
        wiped::<rsa::RsaPrivateKey>(key);
    }
    fn signing(key: &SigningKey) {
        let SigningKey::Rust(key) = key;
        wiped::<ed25519_dalek::SigningKey>(key);
    }
    let OwnKey { keyset: _, fingerprint: _, decryption: d, signing: s, keyset_key, managing } = own;
    decryption(d);
    signing(s);
    for key in [keyset_key, managing].into_iter().flatten() {
        wiped(key);
    }
    match secret {
        Secret::Vault(vault) => wiped(vault),
        // Its fields are its own; both secret ones are `SecretBytes`.
        Secret::KeyPair(KeyPair { spki: _, .. }) => {}
    }
    match stored {
        StoredKey::Decryption(key) => decryption(key),
        StoredKey::Signing(key) => signing(key),
        StoredKey::Rest(RestKey::Rust(key)) => wiped(key),
    }
    wiped(others.0);
    wiped(others.1);
    wiped(others.2);
    wiped(others.3);
}

/// The secrets of this file: distinct bytes that stand nowhere else.
struct Known(Vec<(&'static str, Vec<u8>)>);

impl Known {
    /// Refuses text in which one of them can be read: raw, in hex, base64, base64url, or as a list of numbers.
    fn check(&self, what: &str, text: &str) {
        for (name, secret) in &self.0 {
            // Any twelve bytes of it are enough, at each alignment of base64.
            for part in [&secret[..12], &secret[1..13], &secret[2..14], &secret[secret.len() - 12..]] {
                let decimal = part.iter().map(u8::to_string).collect::<Vec<_>>();
                let ways = [
                    hex::encode(part),
                    hex::encode_upper(part),
                    shown(part),
                    shown(part).replace('-', "+").replace('_', "/"),
                    decimal.join(", "),
                    decimal.join(","),
                ];
                assert!(!ways.iter().any(|way| text.contains(way)), "{what}: {name} in {text}");
                assert!(!text.as_bytes().windows(part.len()).any(|w| w == part), "{what}: {name} in {text}");
            }
        }
    }
}

const PLAINTEXT: &str = "PLAINTEXT that only its readers know";
const NAME: &str = "NAME of a file that only its readers know";

fn secret_of(n: u8) -> Vec<u8> {
    (0..32u8).map(|i| i.wrapping_mul(73).wrapping_add(n.wrapping_mul(29)) ^ 0xa5).collect()
}

fn known(pair: &KeyPairBytes) -> Known {
    Known(vec![
        ("vault", secret_of(1)),
        ("second vault", secret_of(2)),
        ("data key", secret_of(3)),
        ("pkcs8", pair.pkcs8[40..].to_vec()),
        ("prime", pair.prime.clone()),
        ("plaintext", PLAINTEXT.into()),
        ("name", NAME.into()),
    ])
}

struct KeyPairBytes {
    spki: Vec<u8>,
    pkcs8: Vec<u8>,
    prime: Vec<u8>,
}

fn key_pair() -> KeyPairBytes {
    use rsa::traits::PrivateKeyParts;
    let world: serde_json::Value = serde_json::from_str(include_str!("vectors/world.json")).unwrap();
    let bytes = |name: &str| hex::decode(world["people"][1][name].as_str().unwrap()).unwrap();
    let (key, _) = regrant::crypto::rust::rsa_from_pkcs8(&SecretBytes::new(bytes("pkcs8"))).unwrap();
    KeyPairBytes {
        spki: bytes("spki"),
        pkcs8: bytes("pkcs8"),
        prime: key.primes()[0].to_be_bytes_trimmed_vartime().to_vec(),
    }
}

fn printed() -> Vec<(&'static str, String)> {
    let engine = Engine::rust();
    let bytes = key_pair();
    let pair = || KeyPair::parse(&bytes.spki, SecretBytes::new(bytes.pkcs8.clone())).unwrap();
    let key = |n| Key32::from_slice(&secret_of(n)).unwrap();
    let own = |made: keyring::Made| made.key;
    let made = block_on(keyring::make(&engine, "test:relay", "alice", &Secret::KeyPair(pair()), None, 0)).unwrap();
    let metadata = Metadata { kind: "file".into(), name: Some(NAME.into()), ..Metadata::default() };
    let draft = Draft { data: Buffer::Heap(PLAINTEXT.into()), metadata: metadata.clone() };
    let own = own(made);
    let relay = relay();
    let session = connect(&device(&relay), "alice", &Secret::Vault(key(1))).unwrap();
    let (_, sealed) = seal(&session, PLAINTEXT, &[]);
    let opened = block_on(session.decrypt(&sealed, None, Older::Refused)).unwrap();
    let print = |value: &dyn Debug| format!("{value:?}");
    vec![
        ("SecretBytes", print(&SecretBytes::new(secret_of(1)))),
        ("Key32", print(&key(1))),
        ("DataKey", print(&DataKey(key(3)))),
        ("Secret::Vault", print(&Secret::Vault(key(1)))),
        ("KeyPair", print(&pair()).replace(&print(&bytes.spki), "SPKI")),
        ("DecryptionKey", print(&own.decryption)),
        ("SigningKey", print(&own.signing)),
        ("RestKey", print(&RestKey::Rust(key(1)))),
        ("StoredKey", print(&StoredKey::Rest(RestKey::Rust(key(1))))),
        ("Entry", print(&Entry { text: String::new(), keys: vec![StoredKey::Decryption(own.decryption.clone())] })),
        ("keyset key", print(&own.keyset_key)),
        ("Secrets", print(&split_root(&key(1)).unwrap())),
        ("RelaySecret", print(&RelaySecret(key(1)))),
        ("LoginSecret", print(&Operation::LoginSecret { login: "alice".into(), secret: RelaySecret(key(1)) })),
        ("shares", print(&shamir::split(&engine, &secret_of(1), 2, 2).unwrap())),
        ("Metadata", print(&metadata)),
        ("Draft", print(&draft)),
        ("Buffer", print(&Buffer::Heap(PLAINTEXT.into()))),
        ("Opened data", print(&opened.data)),
        ("Opened metadata", print(&opened.metadata)),
        ("OpenStream", print(&OpenStream::default())),
        ("Session", print(&session)),
    ]
}

#[test]
fn what_holds_a_secret_prints_redacted() {
    let printed = printed();
    let lines: String = printed.iter().map(|(name, text)| format!("{name}: {text}\n")).collect();
    assert_eq!(lines, include_str!("support/redacted.txt"));
    let known = known(&key_pair());
    printed.iter().for_each(|(name, text)| known.check(name, text));
}

#[test]
fn the_search_finds_secrets_in_every_spelling() {
    let known = known(&key_pair());
    let secret = secret_of(1);
    for text in [hex::encode(&secret), shown(&secret), shown(&secret[1..]), format!("{secret:?}"), PLAINTEXT.into()] {
        assert!(std::panic::catch_unwind(|| known.check("found", &text)).is_err(), "{text}");
    }
}

#[test]
fn no_error_holds_a_secret_or_plaintext() {
    let bytes = key_pair();
    let known = known(&bytes);
    let relay = relay();
    let key = |n| Key32::from_slice(&secret_of(n)).unwrap();
    let (vault, other) = (Secret::Vault(key(1)), Secret::Vault(key(2)));
    let pair = Secret::KeyPair(KeyPair::parse(&bytes.spki, SecretBytes::new(bytes.pkcs8.clone())).unwrap());
    let alice = connect(&device(&relay), "alice", &vault).unwrap();
    let bob = connect(&device(&relay), "bob", &pair).unwrap();
    let (_, sealed) = seal(&alice, PLAINTEXT, &[]);
    let mut harmed = sealed.clone().into_heap();
    *harmed.last_mut().unwrap() ^= 1;
    let mut pkcs8 = bytes.pkcs8.clone();
    pkcs8[600] ^= 1;
    let named = Metadata { kind: "file".into(), name: Some(NAME.repeat(1 << 16)), ..Metadata::default() };
    let share = shamir::split(&Engine::rust(), &secret_of(1), 2, 2).unwrap();
    let text = String::from_utf8_lossy(&bytes.pkcs8).into_owned();
    let mut errors = vec![
        connect(&device(&relay), "alice", &other).unwrap_err(),
        connect(&device(&relay), "alice", &pair).unwrap_err(),
        connect(&device(&relay), "bob", &vault).unwrap_err(),
        read(&bob, &sealed).unwrap_err(),
        read(&alice, &Buffer::Heap(harmed)).unwrap_err(),
        KeyPair::parse(&bytes.spki, SecretBytes::new(pkcs8)).unwrap_err(),
        KeyPair::parse(&bytes.pkcs8, SecretBytes::new(bytes.pkcs8.clone())).unwrap_err(),
        Key32::from_slice(&[secret_of(1), secret_of(2)].concat()).unwrap_err(),
        named.encode(Some(1)).unwrap_err(),
        shamir::combine(&[share[0].expose()]).unwrap_err(),
        regrant::encoding::from_base64url(&hex::encode(secret_of(1)).replace('0', "!")).unwrap_err(),
        regrant::encoding::from_hex(&shown(&secret_of(1))).unwrap_err(),
        regrant::wire::parse::<Operation>(&format!(
            "{{\"op\":\"loginSecret\",\"secret\":\"{}\"}}",
            shown(&secret_of(1))
        ))
        .unwrap_err(),
        regrant::encoding::check_login(&format!("{PLAINTEXT}\u{0}")).unwrap_err(),
        regrant::client::status(&text).unwrap_err(),
        block_on(alice.give_access(None, &["nobody".to_owned()], None, &no_progress)).unwrap_err(),
    ];
    block_on(alice.lock()).unwrap();
    errors.push(read(&alice, &sealed).unwrap_err());
    errors.push(block_on(alice.unlock(&other)).unwrap_err());
    for error in &errors {
        known.check("an error", &format!("{error} {error:?} {error:#?} {}", error.message()));
    }
}
