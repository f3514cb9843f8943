//! What a rule reads: records by key, lists by key or by index, and how far a log goes.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;

use serde::de::DeserializeOwned;
use uuid::Uuid;

use regrant_protocol::error::{Code, Error, Result};

/// A stored record and its revision, a number that no other write of the same storage bears; 0 means absent.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The revision.
    pub rev: u64,
    /// What it says, as JSON. Shared: records can be large, and the same ones are read again and again.
    pub value: Rc<str>,
}

/// Something to read before a rule can decide.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// One record.
    Record(String),
    /// Records whose key starts with `prefix` and is above `after`, in order, at most `limit`.
    List {
        /// The keys' beginning.
        prefix: String,
        /// The last key already seen, or the prefix itself.
        after: String,
        /// The most to read.
        limit: usize,
    },
    /// The same by the names under which records are indexed.
    Index {
        /// The names' beginning.
        prefix: String,
        /// The last name already seen, or the prefix itself.
        after: String,
        /// The most to read.
        limit: usize,
    },
    /// The same, without what the records say.
    Names {
        /// The names' beginning.
        prefix: String,
        /// The last name already seen, or the prefix itself.
        after: String,
        /// The most to read.
        limit: usize,
    },
    /// A number that all entries which a log gets from now on are above.
    Head(String),
    /// How many parts of a file are there.
    Parts(Uuid),
}

/// A row of a list: the name by which it was found, which in a list by key is the key, and the record.
#[derive(Clone, Debug)]
pub struct Row {
    /// By what it was found.
    pub name: String,
    /// The record's key.
    pub key: String,
    /// The record.
    pub stored: Stored,
}

/// What a driver read.
#[derive(Clone, Debug)]
pub enum Answer {
    /// For [`Ask::Record`].
    Record(Option<Stored>),
    /// For [`Ask::List`], [`Ask::Index`] and [`Ask::Names`], where what the records say is left empty.
    Rows(Vec<Row>),
    /// For [`Ask::Head`] and [`Ask::Parts`].
    Number(u64),
}

/// Why a rule stopped.
#[derive(Debug)]
pub enum Stop {
    /// It needs these records first.
    Read(Vec<Ask>),
    /// It refuses.
    Refuse(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refuse(error)
    }
}

/// What a rule gives.
pub(super) type Ruled<T> = Result<T, Stop>;

/// Records that were parsed before, with the text that they were parsed from: a rule is decided again after each reading,
/// and the same identities are asked for in every operation. What has another text is parsed anew.
#[derive(Clone, Default)]
pub struct Parsed(Rc<RefCell<HashMap<String, ParsedRecord>>>);

/// The text, and what it says.
type ParsedRecord = (Rc<str>, Rc<dyn Any>);

/// The most that is remembered.
const MAX_PARSED: usize = 512;

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parsed")
    }
}

impl Parsed {
    fn view<T: DeserializeOwned + 'static>(&self, key: &str, text: &Rc<str>) -> Result<Rc<T>> {
        if let Some((known, value)) = self.0.borrow().get(key)
            && (Rc::ptr_eq(known, text) || known == text)
            && let Ok(value) = value.clone().downcast::<T>()
        {
            return Ok(value);
        }
        let value: Rc<T> = Rc::new(read(text)?);
        self.remember(key, text, value.clone());
        Ok(value)
    }

    /// Notes what a text says: it was read so, or is about to be written.
    pub(super) fn remember(&self, key: &str, text: &Rc<str>, value: Rc<dyn Any>) {
        let mut all = self.0.borrow_mut();
        if all.len() >= MAX_PARSED {
            all.clear();
        }
        all.insert(key.to_owned(), (text.clone(), value));
    }
}

/// An answer, and in which decision it was looked at last.
#[derive(Debug)]
struct Known<T> {
    answer: T,
    used: Cell<u64>,
}

impl<T> Known<T> {
    fn new(answer: T) -> Self {
        Self { answer, used: Cell::new(0) }
    }
}

/// The records read so far, and which of them the decision under way looked at.
#[derive(Debug, Default)]
pub struct Records {
    pub(super) parsed: Parsed,
    decision: u64,
    one: HashMap<String, Known<Option<Stored>>>,
    lists: HashMap<Ask, Known<Vec<Row>>>,
    numbers: HashMap<Ask, u64>,
}

/// What a decision rests on.
pub(super) struct Read {
    pub(super) records: Vec<(String, u64)>,
    /// Each list with the names and revisions that it gave.
    pub(super) lists: Vec<(Ask, Vec<(String, u64)>)>,
}

impl Records {
    /// None read yet.
    pub fn new(parsed: Parsed) -> Self {
        Self { parsed, ..Self::default() }
    }

    /// Forgets what was read: something was written since.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.parsed.clone());
    }

    /// Another decision begins, which rests only on what it looks at itself.
    pub(super) fn begin(&mut self) {
        self.decision += 1;
    }

    /// Notes what was read. Errors: [`Code::RelayUnavailable`] if it does not answer the question.
    pub fn found(&mut self, ask: Ask, answer: Answer) -> Result<()> {
        let nonsense = || Error::new(Code::RelayUnavailable, "the relay's storage answers nonsense");
        match (ask, answer) {
            (Ask::Record(key), Answer::Record(record)) => {
                self.one.insert(key, Known::new(record));
            }
            (ask @ (Ask::List { .. } | Ask::Index { .. } | Ask::Names { .. }), Answer::Rows(rows)) => {
                let (Ask::List { prefix, after, limit }
                | Ask::Index { prefix, after, limit }
                | Ask::Names { prefix, after, limit }) = &ask
                else {
                    return Err(nonsense());
                };
                // A storage may be somebody else's object: what it gives twice could be asked for for ever.
                let fits = |row: &Row| row.name.starts_with(prefix) && row.name != *after && row.stored.rev > 0;
                if rows.len() > *limit || !rows.iter().all(fits) {
                    return Err(nonsense());
                }
                self.lists.insert(ask, Known::new(rows));
            }
            (ask @ (Ask::Head(_) | Ask::Parts(_)), Answer::Number(number)) => {
                self.numbers.insert(ask, number);
            }
            _ => return Err(nonsense()),
        }
        Ok(())
    }

    /// What the decision under way looked at.
    pub(super) fn read(&self) -> Read {
        let now = |used: &Cell<u64>| used.get() == self.decision;
        let one = self.one.iter().filter(|(_, known)| now(&known.used));
        let lists = self.lists.iter().filter(|(_, known)| now(&known.used));
        let rows =
            |known: &Known<Vec<Row>>| known.answer.iter().map(|row| (row.name.clone(), row.stored.rev)).collect();
        Read {
            records: one.map(|(key, known)| (key.clone(), known.answer.as_ref().map_or(0, |s| s.rev))).collect(),
            lists: lists.map(|(ask, known)| (ask.clone(), rows(known))).collect(),
        }
    }

    pub(super) fn raw(&self, key: &str) -> Ruled<Option<Stored>> {
        let known = self.one.get(key).ok_or_else(|| Stop::Read(vec![Ask::Record(key.to_owned())]))?;
        known.used.set(self.decision);
        Ok(known.answer.clone())
    }

    /// Asks for many records at once, so that a rule does not stop for each.
    pub(super) fn need<'a>(&self, keys: impl IntoIterator<Item = &'a String>) -> Ruled<()> {
        let missing: BTreeSet<&String> = keys.into_iter().filter(|k| !self.one.contains_key(*k)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Stop::Read(missing.into_iter().map(|k| Ask::Record(k.clone())).collect()))
    }

    /// A record with its revision. Errors: [`Code::StoreUnreadable`] if it cannot be read.
    pub(super) fn get<T: DeserializeOwned + Clone + 'static>(&self, key: &str) -> Ruled<Option<(u64, T)>> {
        Ok(self.view::<T>(key)?.map(|(rev, value)| (rev, (*value).clone())))
    }

    /// The same, shared instead of copied: records can be large.
    pub(super) fn view<T: DeserializeOwned + 'static>(&self, key: &str) -> Ruled<Option<(u64, Rc<T>)>> {
        match self.raw(key)? {
            None => Ok(None),
            Some(stored) => Ok(Some((stored.rev, self.parsed.view(key, &stored.value)?))),
        }
    }

    /// Asks for many lists at once.
    pub(super) fn need_lists(&self, asks: Vec<Ask>) -> Ruled<()> {
        let missing: Vec<Ask> = asks.into_iter().filter(|ask| !self.lists.contains_key(ask)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Stop::Read(missing)) }
    }

    fn rows(&self, ask: Ask) -> Ruled<&[Row]> {
        match self.lists.get(&ask) {
            Some(known) => {
                known.used.set(self.decision);
                Ok(&known.answer)
            }
            None => Err(Stop::Read(vec![ask])),
        }
    }

    fn by_key(&self, prefix: &str, after: &str, limit: usize) -> Ruled<&[Row]> {
        self.rows(Ask::List { prefix: prefix.to_owned(), after: after.to_owned(), limit })
    }

    /// The keys and revisions of records, whatever is in them.
    pub(super) fn list_keys(&self, prefix: &str, after: &str, limit: usize) -> Ruled<Vec<(String, u64)>> {
        Ok(self.by_key(prefix, after, limit)?.iter().map(|row| (row.key.clone(), row.stored.rev)).collect())
    }

    pub(super) fn list<T: DeserializeOwned>(&self, prefix: &str, after: &str, limit: usize) -> Ruled<Vec<(String, T)>> {
        self.by_key(prefix, after, limit)?.iter().map(|row| Ok((row.key.clone(), read(&row.stored.value)?))).collect()
    }

    /// All rows under an index.
    fn rows_of(&self, prefix: &str) -> Ruled<Vec<&Row>> {
        let mut out = Vec::new();
        let mut after = prefix;
        loop {
            let ask = Ask::Index { prefix: prefix.to_owned(), after: after.to_owned(), limit: INDEXED };
            let rows = self.rows(ask)?;
            out.extend(rows);
            match rows.last() {
                Some(last) if rows.len() == INDEXED => after = &last.name,
                _ => return Ok(out),
            }
        }
    }

    /// All records under an index: key, revision and what each says.
    pub(super) fn indexed<T: DeserializeOwned + 'static>(&self, prefix: &str) -> Ruled<Vec<(String, u64, Rc<T>)>> {
        self.rows_of(prefix)?.into_iter().map(|row| self.parsed(row)).collect()
    }

    /// The keys and revisions of all records under an index.
    pub(super) fn indexed_keys(&self, prefix: &str) -> Ruled<Vec<(String, u64)>> {
        let mut out = Vec::new();
        let mut after = prefix.to_owned();
        loop {
            let rows = self.rows(Self::ask_names(prefix, &after, INDEXED))?;
            out.extend(rows.iter().map(|row| (row.key.clone(), row.stored.rev)));
            match rows.last() {
                Some(last) if rows.len() == INDEXED => after.clone_from(&last.name),
                _ => return Ok(out),
            }
        }
    }

    /// Some of the rows under an index, after a name, without what the records say.
    pub(super) fn names(&self, prefix: &str, after: &str, limit: usize) -> Ruled<&[Row]> {
        self.rows(Self::ask_names(prefix, after, limit))
    }

    /// What [`Records::indexed_keys`] asks first.
    pub(super) fn ask_all_names(prefix: &str) -> Ask {
        Self::ask_names(prefix, prefix, INDEXED)
    }

    pub(super) fn ask_names(prefix: &str, after: &str, limit: usize) -> Ask {
        Ask::Names { prefix: prefix.to_owned(), after: after.to_owned(), limit }
    }

    /// The first records under an index, for housekeeping: a decision does not rest on them.
    pub(super) fn glance<T: DeserializeOwned + 'static>(&self, prefix: &str) -> Ruled<Vec<(String, u64, Rc<T>)>> {
        let ask = Ask::Index { prefix: prefix.to_owned(), after: prefix.to_owned(), limit: INDEXED };
        let known = self.lists.get(&ask).ok_or_else(|| Stop::Read(vec![ask]))?;
        known.answer.iter().map(|row| self.parsed(row)).collect()
    }

    /// The first names under an index, with their records' keys and revisions, in the same way.
    pub(super) fn glance_names(&self, prefix: &str, limit: usize) -> Ruled<Vec<(String, String, u64)>> {
        let ask = Self::ask_names(prefix, prefix, limit);
        let known = self.lists.get(&ask).ok_or_else(|| Stop::Read(vec![ask]))?;
        Ok(known.answer.iter().map(|row| (row.name.clone(), row.key.clone(), row.stored.rev)).collect())
    }

    fn parsed<T: DeserializeOwned + 'static>(&self, row: &Row) -> Ruled<(String, u64, Rc<T>)> {
        Ok((row.key.clone(), row.stored.rev, self.parsed.view(&row.key, &row.stored.value)?))
    }

    fn number(&self, ask: Ask) -> Ruled<u64> {
        self.numbers.get(&ask).copied().ok_or_else(|| Stop::Read(vec![ask]))
    }

    /// A number that all entries which a log gets from now on are above.
    pub(super) fn head(&self, log: &str) -> Ruled<u64> {
        self.number(Ask::Head(log.to_owned()))
    }

    pub(super) fn parts(&self, item: Uuid) -> Ruled<u64> {
        self.number(Ask::Parts(item))
    }
}

/// How many rows of an index one reading looks at, of all that there are.
const INDEXED: usize = 1024;

/// The longest record that the relay keeps, in bytes of JSON: an identity with all its versions and slots is one.
pub const MAX_STORED: usize = 1 << 24;

pub(super) fn read<T: DeserializeOwned>(json: &str) -> Result<T> {
    if json.len() > MAX_STORED {
        return Err(Error::new(Code::StoreUnreadable, "a record of the relay is too long to be one"));
    }
    regrant_protocol::encoding::from_json(json).map_err(|_| unreadable())
}

fn unreadable() -> Error {
    Error::new(Code::StoreUnreadable, "a record of the relay cannot be read")
}
