//! A store in IndexedDB (wasm only). Private keys rest as non-extractable `CryptoKey`s beside their record.
//!
//! Also holds what the embedded relay shares with it: opening a database, and telling failures apart.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use futures_util::future::join_all;
use idb::{Database, DatabaseEvent, Factory, ObjectStoreParams, TransactionMode};
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::CryptoKey;

use super::lock::Lock;
use super::{Batch, Entry, Outcome, StoredKey, failed};
use crate::crypto::keys::{DecryptionKey, RestKey, SigningKey};
use crate::crypto::webcrypto::WebKey;
use crate::error::{Code, Error, Result};

/// The one object store of each database.
pub(crate) const RECORDS: &str = "records";
const VERSION: u32 = 1;

/// What a failure of IndexedDB means to the caller.
pub(crate) fn failure(error: idb::Error) -> Error {
    let text = error.to_string();
    let code = if text.contains("QuotaExceeded") {
        Code::Quota
    } else if text.contains("VersionError") {
        Code::UnsupportedVersion
    } else if text.contains("SecurityError") {
        Code::StoreMissing
    } else {
        Code::StoreUnreadable
    };
    failed(code)
}

/// An open connection, closed when nobody has it any more. The browser deletes no database that is still open somewhere,
/// and a connection that is only forgotten is open until garbage is collected.
struct Connection(Database);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A database with one object store, opened when first used, and again when the browser closed it.
#[derive(Clone)]
pub(crate) struct Lazy {
    name: String,
    open: Rc<RefCell<Option<Rc<Connection>>>>,
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexedDb({})", self.name)
    }
}

impl Lazy {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), open: Rc::default() }
    }

    async fn connection(&self) -> Result<Rc<Connection>> {
        if let Some(connection) = &*self.open.borrow() {
            return Ok(connection.clone());
        }
        let mut request =
            Factory::new().map_err(|_| failed(Code::StoreMissing))?.open(&self.name, Some(VERSION)).map_err(failure)?;
        request.on_upgrade_needed(|event| {
            // A failure here aborts the upgrade, and opening fails.
            let _ = event.database().and_then(|db| db.create_object_store(RECORDS, ObjectStoreParams::new()));
        });
        let mut connection = Connection(request.await.map_err(failure)?);
        if let Some(first) = &*self.open.borrow() {
            // Two began at once. One is enough, and the handlers below look after one.
            return Ok(first.clone());
        }
        let slot = Rc::downgrade(&self.open);
        connection.0.on_version_change(move |_| {
            // Somebody deletes or upgrades the database: an open connection would block it.
            drop(slot.upgrade().and_then(|slot| slot.take()));
        });
        let slot = Rc::downgrade(&self.open);
        connection.0.on_close(move |_| drop(slot.upgrade().and_then(|slot| slot.take())));
        let connection = Rc::new(connection);
        self.open.replace(Some(connection.clone()));
        Ok(connection)
    }

    /// Begins a transaction on the records; a connection that was closed behind our back is opened again once.
    pub(crate) async fn transaction(&self, mode: TransactionMode) -> Result<idb::Transaction> {
        if let Ok(transaction) = self.connection().await?.0.transaction(&[RECORDS], mode) {
            return Ok(transaction);
        }
        self.open.take();
        self.connection().await?.0.transaction(&[RECORDS], mode).map_err(failure)
    }
}

/// A store in IndexedDB.
#[derive(Clone, Debug)]
pub struct IndexedDb {
    database: Lazy,
    lock: Lock,
}

impl IndexedDb {
    /// The store of a name; its database is `regrant/{name}/store`.
    pub fn named(name: &str, lock: Lock) -> Self {
        Self { database: Lazy::new(&format!("regrant/{name}/store")), lock }
    }

    pub(super) fn lock(&self) -> &Lock {
        &self.lock
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Entry>> {
        let transaction = self.database.transaction(TransactionMode::ReadOnly).await?;
        let records = transaction.object_store(RECORDS).map_err(failure)?;
        let found = records.get(JsValue::from_str(key)).map_err(failure)?.await.map_err(failure)?;
        found.map(|value| from_js(&value)).transpose()
    }

    pub(super) async fn write(&self, batch: Batch) -> Result<Outcome> {
        let values: Result<Vec<(JsValue, Option<JsValue>, usize)>> = batch
            .changes
            .into_iter()
            .map(|(key, entry)| {
                let count = entry.as_ref().map_or(0, |e| e.keys.len());
                Ok((JsValue::from_str(&key), entry.map(|e| to_js(&e)).transpose()?, count))
            })
            .collect();
        let values = values?;
        let transaction = self.database.transaction(TransactionMode::ReadWrite).await?;
        let records = transaction.object_store(RECORDS).map_err(failure)?;
        let mut requests = Vec::new();
        for (key, _) in &batch.expected {
            requests.push(records.get(JsValue::from_str(key)).map_err(failure)?.into_future());
        }
        for (found, (_, text)) in join_all(requests).await.into_iter().zip(&batch.expected) {
            let found = found.map_err(failure)?;
            let is = found.as_ref().and_then(|v| Reflect::get(v, &"text".into()).ok()).and_then(|t| t.as_string());
            if found.is_some() != text.is_some() || is != *text {
                return abandon(transaction, Outcome::Changed).await;
            }
        }
        for (key, value, count) in values {
            let Some(value) = value else {
                records.delete(key).map_err(failure)?.await.map_err(failure)?;
                continue;
            };
            let put = match records.put(&value, Some(&key)) {
                // Lockdown modes do not let keys be cloned.
                Err(e) if count > 0 && e.to_string().contains("DataClone") => {
                    return abandon(transaction, Outcome::KeysRefused).await;
                }
                other => other.map_err(failure)?,
            };
            put.await.map_err(failure)?;
            // Some environments take keys and give nothing back: that must not be found out at the next start.
            let back = match count {
                0 => None,
                _ => records.get(key).map_err(failure)?.await.map_err(failure)?,
            };
            if back.is_some_and(|back| !holds_keys(&back, count)) {
                return abandon(transaction, Outcome::KeysRefused).await;
            }
        }
        commit(transaction).await?;
        Ok(Outcome::Written)
    }
}

/// Ends a transaction. What it did is there once it is committed, and not before: a disk that is full may show only now,
/// by an abort that is no error to `idb`.
pub(crate) async fn commit(transaction: idb::Transaction) -> Result<()> {
    let raw = JsValue::from(transaction);
    let transaction = idb::Transaction::try_from(raw.clone()).map_err(failure)?;
    if transaction.commit().map_err(failure)?.await.map_err(failure)?.is_committed() {
        return Ok(());
    }
    Err(super::foreign::failure(Reflect::get(&raw, &"error".into()).unwrap_or_default()))
}

/// Takes back what a transaction did so far.
async fn abandon(transaction: idb::Transaction, outcome: Outcome) -> Result<Outcome> {
    transaction.abort().map_err(failure)?.await.map_err(failure)?;
    Ok(outcome)
}

fn holds_keys(value: &JsValue, count: usize) -> bool {
    let keys = Reflect::get(value, &"keys".into()).ok().and_then(|keys| keys.dyn_into::<Array>().ok());
    keys.is_some_and(|keys| keys.iter().filter(|key| key.is_instance_of::<CryptoKey>()).count() == count)
}

fn unreadable() -> Error {
    failed(Code::StoreUnreadable)
}

fn to_js(entry: &Entry) -> Result<JsValue> {
    let object = Object::new();
    let keys = Array::new();
    for key in &entry.keys {
        match key {
            StoredKey::Decryption(DecryptionKey::Web(key))
            | StoredKey::Signing(SigningKey::Web(key))
            | StoredKey::Rest(RestKey::Web(key)) => {
                keys.push(key.as_js());
            }
            // `Store::keeps` is asked first; nothing secret is ever written readable.
            _ => return Err(Error::new(Code::StoreMissing, "this key cannot rest in the browser unreadable")),
        }
    }
    let set = |name: &str, value: &JsValue| Reflect::set(&object, &name.into(), value).map_err(|_| unreadable());
    set("text", &JsValue::from_str(&entry.text))?;
    set("keys", &keys)?;
    Ok(object.into())
}

fn from_js(value: &JsValue) -> Result<Entry> {
    let get = |name: &str| Reflect::get(value, &name.into()).map_err(|_| unreadable());
    let text = get("text")?.as_string().ok_or_else(unreadable)?;
    let keys = get("keys")?.dyn_into::<Array>().map_err(|_| unreadable())?;
    let keys: Result<Vec<StoredKey>> = keys.iter().map(stored_key).collect();
    Ok(Entry { text, keys: keys? })
}

fn stored_key(value: JsValue) -> Result<StoredKey> {
    let algorithm = Reflect::get(&value, &"algorithm".into()).and_then(|a| Reflect::get(&a, &"name".into()));
    let name = algorithm.ok().and_then(|n| n.as_string()).ok_or_else(unreadable)?;
    let key = WebKey::from_js(value).map_err(|_| unreadable())?;
    match name.as_str() {
        "RSA-OAEP" => Ok(StoredKey::Decryption(DecryptionKey::Web(key))),
        "Ed25519" => Ok(StoredKey::Signing(SigningKey::Web(key))),
        "HKDF" => Ok(StoredKey::Rest(RestKey::Web(key))),
        _ => Err(unreadable()),
    }
}
