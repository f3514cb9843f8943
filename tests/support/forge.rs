//! Somebody with a client of their own, and the relay at their side: takes data keys out of what they were given, and gives
//! them on with whatever words they like.

use crate::here::Memory;
use regrant::crypto::boxes::{oaep_label, open_box, seal_box};
use regrant::delegation::make_wrap;
use regrant::encoding::{Bytes, Fixed};
use regrant::graph::Principal;
use regrant::keyring::{OwnKey, Secret};
use regrant::relay::{ExchangeRecord, GrantRecord, Relay};
use regrant::secret::{Key32, make_id};
use regrant::wire::exchange::Exchange;
use regrant::wire::grant::{Grant, GrantEntry};
use regrant::wire::keyset::Keyset;
use regrant::wire::revocation::Revocation;
use regrant::wire::{Extra, SUITE};
use serde_json::{Value, json};

use super::{Uuid, block_on, keys_of, now, overwrite, principal, record};

pub struct Forger {
    pub me: Principal,
    key: OwnKey,
    memory: Memory,
}

impl Forger {
    /// Whoever holds the key pair that a login connected with.
    pub fn new(relay: &Relay, memory: &Memory, login: &str, secret: &Secret) -> Self {
        let me = principal(relay, login, secret);
        let key = me.current().unwrap();
        Self { me, key, memory: memory.clone() }
    }

    /// What one was given of an item, or gave: entries with their data keys.
    pub fn keys_of(&self, item: Uuid) -> Vec<(GrantEntry, Key32)> {
        let mut out = Vec::new();
        for key in keys_of(&self.memory, "grant/") {
            let grant = parsed::<GrantRecord>(&self.memory, &key).grant;
            let exchange = format!("exchange/{}", grant.exchange);
            if !keys_of(&self.memory, &exchange).contains(&exchange) {
                continue;
            }
            let exchange: ExchangeRecord = parsed(&self.memory, &exchange);
            let Some(secret) = self.open(&exchange) else { continue };
            let Ok(plain) = open_box(&secret, &grant.context(), &grant.sealed.0) else { continue };
            let keys = grant.entries.iter().cloned().zip(plain.expose().chunks(32));
            out.extend(keys.filter(|(e, _)| e.0 == item).map(|(e, k)| (e, Key32::from_slice(k).unwrap())));
        }
        out
    }

    fn open(&self, record: &ExchangeRecord) -> Option<Key32> {
        let mine = record.wraps.iter().find(|wrap| wrap.recipient == self.key.fingerprint)?;
        let label = oaep_label(&record.exchange.wrap_context(&mine.recipient));
        let plain = block_on(self.me.engine.rsa_decrypt(&self.key.decryption, &label, &mine.wrapped.0, 32)).ok()?;
        Key32::from_slice(plain.expose()).ok()
    }

    /// Gives something to somebody, as it is said here, and has the relay show it to both.
    pub fn give(&self, to: &str, entry: GrantEntry, data_key: &Key32, created: u64) -> Uuid {
        let account = record(&self.memory, &format!("identity/{to}"));
        let newest = account["keysets"].as_array().unwrap().last().unwrap()["keyset"].clone();
        let to: Keyset = serde_json::from_value(newest).unwrap();
        let secret = Key32::make().unwrap();
        let id = make_id().unwrap();
        let mut recipients = vec![self.key.fingerprint, to.fingerprint()];
        recipients.sort();
        recipients.dedup();
        let mut exchange = Exchange {
            id,
            suite: SUITE,
            delegator: self.me.login.clone(),
            delegator_fingerprint: self.key.fingerprint,
            delegate: to.login.clone(),
            recipients,
            commitment: Exchange::commit(id, &self.me.login, &to.login, &secret).unwrap(),
            created,
            signature: Fixed([0; 64]),
            extra: Extra::default(),
        };
        exchange.signature = block_on(self.key.sign(&self.me.engine, &exchange.transcript())).unwrap();
        let wrap = |to: &Keyset| block_on(make_wrap(&self.me, &self.key, &exchange, &secret, to)).unwrap();
        let wraps = vec![wrap(&to), wrap(&self.key.keyset)];
        let mut grant = Grant {
            id: make_id().unwrap(),
            suite: SUITE,
            exchange: id,
            delegate: to.login.clone(),
            grantor_fingerprint: self.key.fingerprint,
            entries: vec![entry],
            created,
            not_after: None,
            sealed: Bytes::default(),
            signature: Fixed([0; 64]),
            extra: Extra::default(),
        };
        grant.sealed = Bytes(seal_box(&self.me.engine, &secret, &grant.context(), data_key.expose()).unwrap());
        grant.signature = block_on(self.key.sign(&self.me.engine, &grant.transcript())).unwrap();
        let grant_id = grant.id;
        for (key, value) in [
            (format!("exchange/{id}"), serde_json::to_value(ExchangeRecord { exchange, wraps }).unwrap()),
            (format!("grant/{grant_id}"), serde_json::to_value(GrantRecord { grant, cuts: vec![] }).unwrap()),
        ] {
            overwrite(&self.memory, &key, &value);
        }
        for login in [&self.me.login, &to.login] {
            tell(&self.memory, login, &json!({ "exchange": id }));
            tell(&self.memory, login, &json!({ "grant": grant_id }));
        }
        grant_id
    }

    /// A revocation in one's own name, signed.
    pub fn revocation(&self, item: Uuid, login: &str, grants: Vec<Uuid>) -> Revocation {
        let mut revocation = Revocation {
            id: make_id().unwrap(),
            items: vec![(item, 9)],
            login: login.to_owned(),
            grants,
            revoker: self.key.party(),
            created: now(),
            signature: Fixed([0; 64]),
            extra: Extra::default(),
        };
        revocation.signature = block_on(self.key.sign(&self.me.engine, &revocation.transcript())).unwrap();
        revocation
    }
}

/// Tells a login of a record, in its log.
pub fn tell(memory: &Memory, login: &str, entry: &Value) {
    memory.append(&format!("log/{login}/"), &entry.to_string());
}

fn parsed<T: serde::de::DeserializeOwned>(memory: &Memory, key: &str) -> T {
    serde_json::from_value(record(memory, key)).unwrap()
}
