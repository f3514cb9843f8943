//! A backend in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use uuid::Uuid;

use crate::crypto::envelope::Buffer;
use crate::error::Result;
use crate::relay::rules::{Source, Stored, Write};

/// The parts of files, by item and name.
type Parts = Rc<RefCell<BTreeMap<(Uuid, String), Buffer>>>;

/// Records and parts of files in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memory(Rc<RefCell<BTreeMap<String, Stored>>>, Parts);

impl Memory {
    /// A backend with these records: key, revision, JSON.
    pub fn load(records: impl IntoIterator<Item = (String, u64, String)>) -> Self {
        let records = records.into_iter().map(|(key, rev, value)| (key, Stored { rev, value: value.into() }));
        Self(Rc::new(RefCell::new(records.collect())), Parts::default())
    }

    /// Every record: key, revision, JSON.
    pub fn dump(&self) -> Vec<(String, u64, String)> {
        let text = |stored: &Stored| stored.value.text().map(|text| text.to_string()).unwrap_or_default();
        self.0.borrow().iter().map(|(key, stored)| (key.clone(), stored.rev, text(stored))).collect()
    }

    /// Puts a record in place of another, as an operator with access to the database can. `None` deletes it.
    pub fn overwrite(&self, key: &str, value: Option<String>) {
        let mut records = self.0.borrow_mut();
        let rev = records.get(key).map_or(0, |s| s.rev) + 1;
        match value {
            Some(value) => records.insert(key.to_owned(), Stored { rev, value: value.into() }),
            None => records.remove(key),
        };
    }

    pub(super) fn get(&self, keys: &[String]) -> Vec<Option<Stored>> {
        let records = self.0.borrow();
        keys.iter().map(|key| records.get(key).cloned()).collect()
    }

    pub(super) fn list(&self, prefix: &str, after: &str, limit: usize) -> Vec<(String, Stored)> {
        let records = self.0.borrow();
        let range = records.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
        range.take_while(|(key, _)| key.starts_with(prefix)).take(limit).map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    pub(super) fn commit(&self, writes: Vec<Write>) -> Result<bool> {
        let mut records = self.0.borrow_mut();
        if writes.iter().any(|w| records.get(&w.key).map_or(0, |s| s.rev) != w.expected) {
            return Ok(false);
        }
        for write in writes {
            match write.value {
                Some(value) => records.insert(write.key, Stored { rev: write.expected + 1, value }),
                None => records.remove(&write.key),
            };
        }
        Ok(true)
    }

    /// Puts a part of a file in place of another, as an operator can. `None` deletes it.
    pub fn overwrite_part(&self, item: Uuid, name: &str, bytes: Option<Buffer>) {
        let key = (item, name.to_owned());
        match bytes {
            Some(bytes) => self.1.borrow_mut().insert(key, bytes),
            None => self.1.borrow_mut().remove(&key),
        };
    }

    pub(super) fn put_parts(&self, item: Uuid, parts: Vec<(String, Buffer)>) {
        self.1.borrow_mut().extend(parts.into_iter().map(|(name, bytes)| ((item, name), bytes)));
    }

    /// Parts of a file; `None` for each that is not there.
    pub fn get_parts(&self, item: Uuid, names: &[String]) -> Vec<Option<Buffer>> {
        let parts = self.1.borrow();
        names.iter().map(|name| parts.get(&(item, name.clone())).cloned()).collect()
    }

    pub(super) fn count_parts(&self, item: Uuid) -> u64 {
        let first = (item, String::new());
        self.1.borrow().range(first..).take_while(|((id, _), _)| *id == item).count() as u64
    }

    pub(super) fn drop_parts(&self, item: Uuid) {
        self.1.borrow_mut().retain(|(id, _), _| *id != item);
    }
}

impl Source for Memory {
    fn record(&self, key: &str) -> Option<Stored> {
        self.0.borrow().get(key).cloned()
    }

    fn records(&self, prefix: &str, after: &str, limit: usize) -> Vec<(String, Stored)> {
        self.list(prefix, after, limit)
    }

    fn parts(&self, item: Uuid) -> u64 {
        self.count_parts(item)
    }
}
