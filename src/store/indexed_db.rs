//! A store in IndexedDB (wasm only). Private keys rest as non-extractable `CryptoKey`s beside their record.
//!
//! Also holds what the embedded relay shares with it: opening a database, and telling failures apart.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use idb::{Database, DatabaseEvent, Factory, ObjectStoreParams, TransactionMode};
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;

use super::{Entry, StoredKey};
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
    let message = match code {
        Code::Quota => "the browser's storage is full: nothing was written",
        Code::UnsupportedVersion => "the database in this browser was written by a newer version",
        Code::StoreMissing => "this environment has no IndexedDB: choose another store",
        _ => "the browser's database cannot be read or written; nothing was overwritten",
    };
    Error::new(code, message)
}

/// A database with one object store, opened when first used, and again when the browser closed it.
#[derive(Clone)]
pub(crate) struct Lazy {
    name: String,
    open: Rc<RefCell<Option<Rc<Database>>>>,
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

    async fn database(&self) -> Result<Rc<Database>> {
        if let Some(database) = &*self.open.borrow() {
            return Ok(database.clone());
        }
        let missing = |_| Error::new(Code::StoreMissing, "this environment has no IndexedDB: choose another store");
        let mut request = Factory::new().map_err(missing)?.open(&self.name, Some(VERSION)).map_err(failure)?;
        request.on_upgrade_needed(|event| {
            // A failure here aborts the upgrade, and opening fails.
            let _ = event.database().and_then(|db| db.create_object_store(RECORDS, ObjectStoreParams::new()));
        });
        let mut database = request.await.map_err(failure)?;
        let slot = Rc::downgrade(&self.open);
        database.on_version_change(move |_| {
            // Another tab deletes or upgrades the database: an open connection would block it.
            if let Some(database) = slot.upgrade().and_then(|slot| slot.borrow_mut().take()) {
                database.close();
            }
        });
        let slot = Rc::downgrade(&self.open);
        database.on_close(move |_| {
            if let Some(slot) = slot.upgrade() {
                slot.borrow_mut().take();
            }
        });
        let database = Rc::new(database);
        *self.open.borrow_mut() = Some(database.clone());
        Ok(database)
    }

    /// Begins a transaction on the records; a connection that was closed behind our back is opened again once.
    pub(crate) async fn transaction(&self, mode: TransactionMode) -> Result<idb::Transaction> {
        if let Ok(transaction) = self.database().await?.transaction(&[RECORDS], mode) {
            return Ok(transaction);
        }
        self.open.borrow_mut().take();
        self.database().await?.transaction(&[RECORDS], mode).map_err(failure)
    }
}

/// A store in IndexedDB.
#[derive(Clone, Debug)]
pub struct IndexedDb(Lazy);

impl IndexedDb {
    /// The store of a name; its database is `regrant/{name}/store`.
    pub fn named(name: &str) -> Self {
        Self(Lazy::new(&format!("regrant/{name}/store")))
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Entry>> {
        let transaction = self.0.transaction(TransactionMode::ReadOnly).await?;
        let records = transaction.object_store(RECORDS).map_err(failure)?;
        let found = records.get(JsValue::from_str(key)).map_err(failure)?.await.map_err(failure)?;
        found.map(|value| from_js(&value)).transpose()
    }

    pub(super) async fn write(&self, changes: Vec<(String, Option<Entry>)>) -> Result<()> {
        let values: Result<Vec<(JsValue, Option<JsValue>)>> = changes
            .into_iter()
            .map(|(key, entry)| Ok((JsValue::from_str(&key), entry.map(|e| to_js(&e)).transpose()?)))
            .collect();
        let transaction = self.0.transaction(TransactionMode::ReadWrite).await?;
        let records = transaction.object_store(RECORDS).map_err(failure)?;
        for (key, value) in values? {
            match value {
                Some(value) => drop(records.put(&value, Some(&key)).map_err(failure)?.await.map_err(failure)?),
                None => records.delete(key).map_err(failure)?.await.map_err(failure)?,
            }
        }
        transaction.commit().map_err(failure)?.await.map_err(failure)?;
        Ok(())
    }
}

fn unreadable() -> Error {
    Error::new(Code::StoreUnreadable, "what is stored on this device cannot be read; nothing was overwritten")
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
