//! A backend in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use crate::error::Result;
use crate::relay::rules::{Stored, Write};

/// Records in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memory(Rc<RefCell<BTreeMap<String, Stored>>>);

impl Memory {
    /// A backend with these records: key, revision, JSON.
    pub fn load(records: impl IntoIterator<Item = (String, u64, String)>) -> Self {
        let records = records.into_iter().map(|(key, rev, value)| (key, Stored { rev, value }));
        Self(Rc::new(RefCell::new(records.collect())))
    }

    /// Every record: key, revision, JSON.
    pub fn dump(&self) -> Vec<(String, u64, String)> {
        self.0.borrow().iter().map(|(key, stored)| (key.clone(), stored.rev, stored.value.clone())).collect()
    }

    /// Puts a record in place of another, as an operator with access to the database can. `None` deletes it.
    pub fn overwrite(&self, key: &str, value: Option<String>) {
        let mut records = self.0.borrow_mut();
        let rev = records.get(key).map_or(0, |s| s.rev) + 1;
        match value {
            Some(value) => records.insert(key.to_owned(), Stored { rev, value }),
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
}
