//! What a rule writes, and what it rests on.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::Serialize;
use uuid::Uuid;

use super::records::{Ask, MAX_STORED, Read, read};
use regrant_protocol::error::{Error, Result};
use regrant_protocol::wire;

/// One write of an atomic batch.
#[derive(Clone, Debug)]
pub struct Write {
    /// The record.
    pub key: String,
    /// The new value, or `None` to delete.
    pub value: Option<Rc<str>>,
    /// The names under which it can be found, in place of those that it had.
    pub index: Vec<String>,
}

/// An entry at the end of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The log: the beginning of its entries' keys, which go on with a number of 16 digits.
    pub log: String,
    /// The entry.
    pub value: Rc<str>,
    /// The names under which it can be found.
    pub index: Vec<String>,
}

/// What is written, all or nothing, if everything that it was decided by is still so.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Records with the revisions that they must still have; 0 means absent.
    pub records: Vec<(String, u64)>,
    /// [`Ask::List`]s and [`Ask::Index`]es with what they must still give: names and revisions.
    pub lists: Vec<(Ask, Vec<(String, u64)>)>,
    /// What is written.
    pub writes: Vec<Write>,
    /// What logs get.
    pub appends: Vec<Append>,
    /// Files that are deleted, whose parts are to be dropped before the commit is made: done again, it is finished.
    pub dropped: Vec<Uuid>,
    /// Uploads that end, whose parts are to be dropped once the commit is made and not before: whoever finishes one at
    /// the same moment may win. What a crash leaves in between nobody can open.
    pub abandoned: Vec<Uuid>,
}

/// What to write, and whom it concerns.
#[derive(Debug, Default)]
pub(super) struct Batch {
    writes: BTreeMap<String, (u64, Write)>,
    appends: Vec<Append>,
    touched: BTreeSet<String>,
    dropped: BTreeSet<Uuid>,
    abandoned: BTreeSet<Uuid>,
}

impl Batch {
    /// Writes a record that must have a revision. Errors: [`Code::BadInput`](regrant_protocol::error::Code) if it is too
    /// long.
    pub(super) fn put<T: Serialize>(&mut self, key: String, expected: u64, value: &T) -> Result<()> {
        self.put_indexed(key, expected, value, Vec::new()).map(drop)
    }

    /// The same, to be found under some names. Gives the text.
    pub(super) fn put_indexed<T: Serialize>(
        &mut self,
        key: String,
        expected: u64,
        value: &T,
        index: Vec<String>,
    ) -> Result<Rc<str>> {
        let text = json(value)?;
        let write = Write { key: key.clone(), value: Some(text.clone()), index };
        self.writes.insert(key, (expected, write));
        Ok(text)
    }

    /// What is about to be written, if it is something.
    pub(super) fn written<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.writes.get(key).and_then(|(_, write)| write.value.as_deref()).map(read).transpose()
    }

    /// Whether a record is written: with something, or deleted.
    pub(super) fn writes(&self, key: &str) -> Option<bool> {
        self.writes.get(key).map(|(_, write)| write.value.is_some())
    }

    pub(super) fn delete(&mut self, key: String, expected: u64) {
        self.writes.insert(key.clone(), (expected, Write { key, value: None, index: Vec::new() }));
    }

    /// Appends an entry to a log, once.
    pub(super) fn append<T: Serialize>(&mut self, log: String, value: &T, index: Vec<String>) -> Result<()> {
        let entry = Append { log, value: json(value)?, index };
        if !self.appends.contains(&entry) {
            self.appends.push(entry);
        }
        Ok(())
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.appends.is_empty()
    }

    pub(super) fn touch(&mut self, login: &str) {
        self.touched.insert(login.to_owned());
    }

    pub(super) fn drop_parts(&mut self, item: Uuid) {
        self.dropped.insert(item);
    }

    pub(super) fn abandon_parts(&mut self, item: Uuid) {
        self.abandoned.insert(item);
    }

    /// The commit with what it rests on, and whom it concerns; `None` if there is nothing to write.
    pub(super) fn finish(self, rests: Read) -> Option<(Commit, BTreeSet<String>)> {
        if self.is_empty() {
            return None;
        }
        let mut records: BTreeMap<String, u64> = rests.records.into_iter().collect();
        let mut writes = Vec::with_capacity(self.writes.len());
        for (key, (expected, write)) in self.writes {
            records.insert(key, expected);
            writes.push(write);
        }
        let commit = Commit {
            records: records.into_iter().collect(),
            lists: rests.lists,
            writes,
            appends: self.appends,
            dropped: self.dropped.into_iter().collect(),
            abandoned: self.abandoned.into_iter().collect(),
        };
        Some((commit, self.touched))
    }
}

fn json<T: Serialize>(value: &T) -> Result<Rc<str>> {
    let text = wire::to_json(value)?;
    if text.len() > MAX_STORED {
        return Err(Error::bad_input("too much for one record of the relay"));
    }
    Ok(text.into())
}
