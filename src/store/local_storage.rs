//! A store in localStorage (wasm only): all records of a name in one item, so that a batch is one write, which takes
//! place or does not. Text only: private keys cannot rest here unreadable, so none do.

use std::collections::BTreeMap;
use std::fmt;

use gloo_storage::Storage as _;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use web_sys::Storage;

use super::foreign::failure;
use super::lock::Lock;
use super::{Batch, Entry, Outcome, failed, newer_or};
use crate::error::{Code, Error, Result};

/// The format of the item; a newer one is refused. Stores in a directory have the same.
const FORMAT: u64 = 1;
const KIND: &str = "store";

#[derive(Serialize, Deserialize)]
struct Item {
    regrant: String,
    format: u64,
    records: BTreeMap<String, String>,
}

/// A store in localStorage.
#[derive(Clone)]
pub struct LocalStorage {
    storage: Storage,
    item: String,
    lock: Lock,
}

impl fmt::Debug for LocalStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalStorage({})", self.item)
    }
}

impl LocalStorage {
    /// The store of a name; its item is `regrant/{name}/store`. The caller has looked whether there is a localStorage.
    pub fn named(name: &str, lock: Lock) -> Self {
        Self { storage: gloo_storage::LocalStorage::raw(), item: format!("regrant/{name}/store"), lock }
    }

    pub(super) fn lock(&self) -> &Lock {
        &self.lock
    }

    fn read(&self) -> Result<BTreeMap<String, String>> {
        let Some(text) = self.storage.get_item(&self.item).map_err(failure)? else { return Ok(BTreeMap::new()) };
        let item = crate::encoding::from_json::<Item>(&text).ok().filter(|i| i.format == FORMAT && i.regrant == KIND);
        item.map(|i| i.records).ok_or_else(|| newer_or(&text, FORMAT, failed(Code::StoreUnreadable)))
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Entry>> {
        Ok(self.read()?.remove(key).map(Entry::of))
    }

    /// Nothing is awaited between reading and writing: no script of this page comes in between.
    pub(super) fn write(&self, batch: Batch) -> Result<Outcome> {
        let mut records = match self.read() {
            Err(e) if e.code() == Code::StoreUnreadable && batch.give_up => BTreeMap::new(),
            other => other?,
        };
        if batch.expected.iter().any(|(key, text)| records.get(key) != text.as_ref()) {
            return Ok(Outcome::Changed);
        }
        for (key, entry) in batch.changes {
            match entry {
                Some(entry) if !entry.keys.is_empty() => return Ok(Outcome::KeysRefused),
                Some(entry) => records.insert(key, entry.text),
                None => records.remove(&key),
            };
        }
        if records.is_empty() {
            self.storage.remove_item(&self.item).map_err(failure)?;
            return Ok(Outcome::Written);
        }
        let text = crate::wire::to_json(&Item { regrant: KIND.to_owned(), format: FORMAT, records })?;
        self.storage.set_item(&self.item, &text).map_err(|e: JsValue| -> Error { failure(e) })?;
        Ok(Outcome::Written)
    }
}
