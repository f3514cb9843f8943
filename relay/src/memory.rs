//! A storage in memory, and a relay over it: for native programs, and for tests.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;

use uuid::Uuid;

use super::{Answer, Ask, Call, Commit, Options, Parsed, Row, Step, Stored, names_of};
use regrant_protocol::error::Result;
use regrant_protocol::operations::{Operation, Reply, Token};

#[derive(Debug, Default)]
struct Tables {
    records: RefCell<BTreeMap<String, Kept>>,
    /// Names, with the records' keys.
    index: RefCell<BTreeMap<String, String>>,
    parts: RefCell<BTreeMap<(Uuid, String), Vec<u8>>>,
    /// The number of the last write.
    last: Cell<u64>,
}

#[derive(Clone, Debug)]
struct Kept {
    stored: Stored,
    index: Vec<String>,
}

/// Records and parts of files in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memory(Rc<Tables>);

impl Memory {
    /// A storage with these records: key, revision, JSON. They are found by what they say.
    pub fn load(records: impl IntoIterator<Item = (String, u64, String)>) -> Self {
        let memory = Self::default();
        let records: Vec<_> = records.into_iter().collect();
        for (key, rev, value) in &records {
            memory.0.last.set(memory.0.last.get().max(*rev));
            memory.set(key, *rev, Some(value), Vec::new());
        }
        for (key, rev, value) in &records {
            let names = memory.names(key, Some(value));
            memory.set(key, *rev, Some(value), names);
        }
        memory
    }

    /// Every record: key, revision, JSON.
    pub fn dump(&self) -> Vec<(String, u64, String)> {
        let records = self.0.records.borrow();
        records.iter().map(|(key, kept)| (key.clone(), kept.stored.rev, kept.stored.value.to_string())).collect()
    }

    /// Puts a record in place of another, as an operator with access to the database can: it is found by what it says, or
    /// as before. `None` deletes it.
    pub fn overwrite(&self, key: &str, value: Option<String>) {
        let names = self.names(key, value.as_deref());
        self.set(key, self.next(), value.as_deref(), names);
    }

    /// Adds an entry to a log, as an operator can.
    pub fn append(&self, log: &str, entry: &str) {
        let rev = self.next();
        self.set(&format!("{log}{rev:016}"), rev, Some(entry), Vec::new());
    }

    fn names(&self, key: &str, value: Option<&str>) -> Vec<String> {
        let records = self.0.records.borrow();
        let said = |key: &str| records.get(key).map(|kept| kept.stored.value.to_string());
        match value.map(|value| names_of(key, value, said)) {
            Some(Ok(names)) if !names.is_empty() => names,
            _ => records.get(key).map(|kept| kept.index.clone()).unwrap_or_default(),
        }
    }

    /// Puts a part of a file in place of another, as an operator can. `None` deletes it.
    pub fn overwrite_part(&self, item: Uuid, name: &str, bytes: Option<Vec<u8>>) {
        let key = (item, name.to_owned());
        match bytes {
            Some(bytes) => self.0.parts.borrow_mut().insert(key, bytes),
            None => self.0.parts.borrow_mut().remove(&key),
        };
    }

    /// Keeps parts of a file, over what is there.
    pub fn put_parts(&self, item: Uuid, parts: impl IntoIterator<Item = (String, Vec<u8>)>) {
        self.0.parts.borrow_mut().extend(parts.into_iter().map(|(name, bytes)| ((item, name), bytes)));
    }

    /// Parts of a file; `None` for each that is not there.
    pub fn get_parts(&self, item: Uuid, names: &[String]) -> Vec<Option<Vec<u8>>> {
        let parts = self.0.parts.borrow();
        names.iter().map(|name| parts.get(&(item, name.clone())).cloned()).collect()
    }

    fn drop_parts(&self, item: Uuid) {
        self.0.parts.borrow_mut().retain(|(id, _), _| *id != item);
    }

    fn next(&self) -> u64 {
        self.0.last.set(self.0.last.get() + 1);
        self.0.last.get()
    }

    fn set(&self, key: &str, rev: u64, value: Option<&str>, index: Vec<String>) {
        let mut names = self.0.index.borrow_mut();
        let mut records = self.0.records.borrow_mut();
        if let Some(before) = records.remove(key) {
            before.index.iter().for_each(|name| drop(names.remove(name)));
        }
        if let Some(value) = value {
            names.extend(index.iter().map(|name| (name.clone(), key.to_owned())));
            records.insert(key.to_owned(), Kept { stored: Stored { rev, value: value.into() }, index });
        }
    }

    fn rev(&self, key: &str) -> u64 {
        self.0.records.borrow().get(key).map_or(0, |kept| kept.stored.rev)
    }

    /// Answers a question.
    pub fn read(&self, ask: &Ask) -> Answer {
        let records = self.0.records.borrow();
        match ask {
            Ask::Record(key) => Answer::Record(records.get(key).map(|kept| kept.stored.clone())),
            Ask::List { prefix, after, limit } => {
                let row = |(key, kept): (&String, &Kept)| Row {
                    name: key.clone(),
                    key: key.clone(),
                    stored: kept.stored.clone(),
                };
                let rows = records.range::<str, _>((Bound::Excluded(after.as_str()), Bound::Unbounded));
                Answer::Rows(rows.take_while(|(key, _)| key.starts_with(prefix)).take(*limit).map(row).collect())
            }
            Ask::Index { prefix, after, limit } | Ask::Names { prefix, after, limit } => {
                let index = self.0.index.borrow();
                let names = index.range::<str, _>((Bound::Excluded(after.as_str()), Bound::Unbounded));
                let names = names.take_while(|(name, _)| name.starts_with(prefix)).take(*limit);
                let row = |(name, key): (&String, &String)| {
                    let stored = records.get(key)?.stored.clone();
                    Some(Row { name: name.clone(), key: key.clone(), stored })
                };
                Answer::Rows(names.filter_map(row).collect())
            }
            Ask::Head(_) => Answer::Number(self.0.last.get()),
            Ask::Parts(item) => {
                let parts = self.0.parts.borrow();
                let first = (*item, String::new());
                Answer::Number(parts.range(first..).take_while(|((id, _), _)| id == item).count() as u64)
            }
        }
    }

    /// Makes a commit, if all that it rests on is still so.
    pub fn commit(&self, commit: &Commit) -> bool {
        let same = |ask: &Ask, rows: &[(String, u64)]| match self.read(ask) {
            Answer::Rows(now) => now.iter().map(|r| (&r.name, r.stored.rev)).eq(rows.iter().map(|(n, rev)| (n, *rev))),
            _ => false,
        };
        let still = commit.records.iter().all(|(key, rev)| self.rev(key) == *rev)
            && commit.lists.iter().all(|(ask, rows)| same(ask, rows));
        if !still {
            return false;
        }
        for write in &commit.writes {
            let rev = self.next();
            self.set(&write.key, rev, write.value.as_deref(), write.index.clone());
        }
        for append in &commit.appends {
            let rev = self.next();
            self.set(&format!("{}{rev:016}", append.log), rev, Some(&append.value), append.index.clone());
        }
        true
    }
}

/// A relay over a storage in memory.
#[derive(Clone, Debug, Default)]
pub struct Relay {
    memory: Memory,
    parsed: Parsed,
}

impl Relay {
    /// A relay over a storage.
    pub fn over(memory: Memory) -> Self {
        Self { memory, parsed: Parsed::default() }
    }

    /// What it keeps.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Carries operations out. Gives their answers, and the logins that something changed for.
    pub fn call(
        &self,
        token: Option<&Token>,
        operations: Vec<Operation>,
        relay_id: &str,
        now: u64,
    ) -> Result<(Vec<Result<Reply>>, BTreeSet<String>)> {
        self.call_with(token, operations, Options::new(relay_id, now))
    }

    /// The same, with all that a driver can say.
    pub fn call_with(
        &self,
        token: Option<&Token>,
        operations: Vec<Operation>,
        options: Options,
    ) -> Result<(Vec<Result<Reply>>, BTreeSet<String>)> {
        let mut call = Call::new(token.cloned(), operations, options, &self.parsed)?;
        loop {
            match call.step() {
                Step::Read(asks) => call.answer(asks.iter().map(|ask| self.memory.read(ask)).collect())?,
                Step::Commit(commit) => {
                    commit.dropped.iter().for_each(|item| self.memory.drop_parts(*item));
                    let made = self.memory.commit(&commit);
                    if made {
                        commit.abandoned.iter().for_each(|item| self.memory.drop_parts(*item));
                    }
                    call.committed(made);
                }
                Step::Done(replies, touched) => return Ok((replies, touched)),
            }
        }
    }
}
