//! Records that travel: what is read, prints as it was, and reads back the same.

use std::fmt::Debug;

use regrant::encoding::{Bytes, Fixed};
use regrant::relay::{ExchangeRecord, GrantRecord, LoginSecret, NotificationRecord, Operation, OwnKeyset, SlotChange};
use regrant::wire::access::AccessRequest;
use regrant::wire::exchange::{Exchange, Wrap};
use regrant::wire::grant::Grant;
use regrant::wire::keyset::{Keyset, Managers};
use regrant::wire::manifest::Manifest;
use regrant::wire::notification::{KeyPairUpdate, Notification};
use regrant::wire::receipt::Receipt;
use regrant::wire::revocation::Revocation;
use regrant::wire::slot::Slot;
use regrant::wire::statement::{Profile, Statement};
use regrant::wire::{Extra, Party, parse, to_json};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first byte picks the record, the rest is its JSON.
pub fn probe(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    if let Ok(json) = std::str::from_utf8(rest) {
        read(*which, json);
    }
}

/// The names of the records, in the order of their numbers.
pub const NAMES: &[&str] = &[
    "keyset",
    "slot",
    "manifest",
    "exchange",
    "wrap",
    "grant",
    "revocation",
    "notification",
    "receipt",
    "party",
    "keyPairUpdate",
    "ownKeyset",
    "slotChange",
    "exchangeRecord",
    "grantRecord",
    "notificationRecord",
    "operation",
    "statement",
    "accessRequest",
];

/// A keyset that lists are checked against.
fn some_keyset() -> Keyset {
    let party = Party { login: String::from("alice"), fingerprint: Fixed([1; 32]) };
    Keyset {
        login: party.login.clone(),
        version: 1,
        suite: 1,
        encryption_key: Bytes::default(),
        signing_key: Fixed([1; 32]),
        created: 0,
        previous: None,
        managers: Some(Managers { key: Fixed([1; 32]), logins: vec![party.login.clone()] }),
        maker: party,
        self_signature: Fixed([0; 64]),
        maker_signature: None,
        chain_signature: None,
        manager_signature: None,
        extra: Extra::default(),
    }
}

/// Reads a record by its number. Whether it was read.
pub fn read(which: u8, json: &str) -> bool {
    let key = Fixed([1; 32]);
    match which as usize % NAMES.len() {
        0 => record::<Keyset>(json)
            .inspect(|keyset| {
                let _ = (keyset.check(), keyset.continues(keyset), keyset.party().check());
            })
            .is_some(),
        1 => record::<Slot>(json)
            .inspect(|slot| {
                let _ = (slot.check(), slot.hash());
            })
            .is_some(),
        2 => record::<Manifest>(json)
            .inspect(|manifest| {
                let keyset = some_keyset();
                let _ = (manifest.check(&keyset, &[]), manifest.check_shown(&keyset, &[]), manifest.hash());
            })
            .is_some(),
        3 => record::<Exchange>(json)
            .inspect(|exchange| {
                let _ = (exchange.check(&key), exchange.fits(&super::key(1)));
            })
            .is_some(),
        4 => record::<Wrap>(json).inspect(|wrap| drop(wrap.check(&key))).is_some(),
        5 => record::<Grant>(json).inspect(|grant| drop((grant.check(&key), grant.is_current(0)))).is_some(),
        6 => record::<Revocation>(json).inspect(|revocation| drop(revocation.check(&key))).is_some(),
        7 => record::<Notification>(json).inspect(|n| drop(n.check(&key, b"body"))).is_some(),
        8 => record::<Receipt>(json).inspect(|receipt| drop(receipt.check(&key))).is_some(),
        9 => record::<Party>(json).inspect(|party| drop((party.check(), party.encode()))).is_some(),
        10 => record::<KeyPairUpdate>(json).is_some(),
        11 => record::<OwnKeyset>(json)
            .inspect(|own| {
                let _ = own.manifest.check(&own.keyset, &own.slots);
            })
            .is_some(),
        12 => printed::<SlotChange>(json),
        13 => record::<ExchangeRecord>(json).is_some(),
        14 => record::<GrantRecord>(json).is_some(),
        15 => record::<NotificationRecord>(json).is_some(),
        16 => printed::<Operation>(json),
        17 => record::<Statement>(json)
            .inspect(|statement| {
                let _ = (statement.check(&key), statement.hash());
                if let Ok(profile) = serde_json::from_str::<Profile>(&statement.body) {
                    let _ = profile.check();
                }
            })
            .is_some(),
        _ => record::<AccessRequest>(json)
            .inspect(|request| {
                let _ = (request.check(&key), request.answer_context());
            })
            .is_some(),
    }
}

/// What was read prints, and what was printed reads as the same record.
pub fn record<T: DeserializeOwned + Serialize + PartialEq + Debug>(json: &str) -> Option<T> {
    let first: T = parse(json).ok()?;
    let text = to_json(&first).unwrap();
    let again: T = parse(&text).unwrap();
    assert!(again == first, "{text}");
    assert_eq!(to_json(&again).unwrap(), text);
    Some(first)
}

/// The same for records that cannot be compared but by their text.
fn printed<T: DeserializeOwned + Serialize>(json: &str) -> bool {
    let Ok(first) = parse::<T>(json) else { return false };
    let text = to_json(&first).unwrap();
    assert_eq!(to_json(&parse::<T>(&text).unwrap()).unwrap(), text);
    true
}
