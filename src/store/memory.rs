//! A store in memory: private to whoever made it, and gone with it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Entry;

/// Records in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memory(Rc<RefCell<BTreeMap<String, Entry>>>);

impl Memory {
    pub(super) fn get(&self, key: &str) -> Option<Entry> {
        self.0.borrow().get(key).cloned()
    }

    pub(super) fn write(&self, changes: Vec<(String, Option<Entry>)>) {
        let mut records = self.0.borrow_mut();
        for (key, entry) in changes {
            match entry {
                Some(entry) => records.insert(key, entry),
                None => records.remove(&key),
            };
        }
    }
}
