//! A store in memory: private to whoever made it, and gone with it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Batch, Entry, Outcome};

/// Records in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memory(Rc<RefCell<BTreeMap<String, Entry>>>);

impl Memory {
    pub(super) fn get(&self, key: &str) -> Option<Entry> {
        self.0.borrow().get(key).cloned()
    }

    pub(super) fn write(&self, batch: Batch) -> Outcome {
        let mut records = self.0.borrow_mut();
        if batch.expected.iter().any(|(key, text)| records.get(key).map(|e| &e.text) != text.as_ref()) {
            return Outcome::Changed;
        }
        for (key, entry) in batch.changes {
            match entry {
                Some(entry) => records.insert(key, entry),
                None => records.remove(&key),
            };
        }
        Outcome::Written
    }
}
