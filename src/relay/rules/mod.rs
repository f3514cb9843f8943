//! The relay's rules, without I/O: an operation, its caller and the records read so far give either what
//! else to read, or a batch of writes with expected revisions, or a refusal.
//!
//! A rule reads records as if they were there; when one is not loaded yet the rule
//! stops with [`Stop::Read`], the runner fetches it and starts the rule again.

mod compact;
mod exchanges;
mod grants;
pub mod identities;
mod log;
mod notifications;
mod uploads;

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Operation, Reply};
use crate::encoding::Hash;
use crate::error::{Code, Error, Result};
use crate::wire;

/// Proof that a login was checked; only the rules make one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    login: String,
    fingerprint: Hash,
}

impl Ticket {
    /// Whose it is.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// The keyset that it was given for.
    pub fn fingerprint(&self) -> &Hash {
        &self.fingerprint
    }
}

/// A stored record and its revision, which every write raises; 0 means absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The revision.
    pub rev: u64,
    /// JSON.
    pub value: String,
}

/// Something to read before a rule can decide.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// One record.
    Get(String),
    /// Records whose key starts with `prefix` and is above `after`, in order, at most `limit`.
    List {
        /// The keys' beginning.
        prefix: String,
        /// The last key already seen, or the prefix itself.
        after: String,
        /// The most to read.
        limit: usize,
    },
    /// How many parts of a file are there.
    Parts(Uuid),
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
pub type Ruled<T> = Result<T, Stop>;

/// Records that were parsed before, with the text that they were parsed from: a rule is decided again after each reading,
/// and the same identities are asked for in every operation. What has another text is parsed anew.
#[derive(Clone, Default)]
pub struct Parsed(Rc<RefCell<HashMap<String, ParsedRecord>>>);

/// The text, and what it says.
type ParsedRecord = (String, Rc<dyn Any>);

/// The most that is remembered.
const MAX_PARSED: usize = 512;

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parsed")
    }
}

impl Parsed {
    fn get<T: DeserializeOwned + Clone + 'static>(&self, key: &str, text: &str) -> Result<T> {
        if let Some((known, value)) = self.0.borrow().get(key)
            && let Some(value) = value.downcast_ref::<T>().filter(|_| known == text)
        {
            return Ok(value.clone());
        }
        let value: T = read(text)?;
        let mut all = self.0.borrow_mut();
        if all.len() >= MAX_PARSED {
            all.clear();
        }
        all.insert(key.to_owned(), (text.to_owned(), Rc::new(value.clone())));
        Ok(value)
    }
}

/// The records read so far.
#[derive(Debug, Default)]
pub struct Records {
    parsed: Parsed,
    one: HashMap<String, Option<Stored>>,
    lists: HashMap<Ask, Vec<(String, Stored)>>,
    parts: HashMap<Uuid, u64>,
}

impl Records {
    /// None read yet.
    pub fn new(parsed: Parsed) -> Self {
        Self { parsed, ..Self::default() }
    }

    /// Notes what was read for [`Ask::Get`].
    pub fn found(&mut self, key: String, record: Option<Stored>) {
        self.one.insert(key, record);
    }

    /// Notes what was read for [`Ask::List`].
    pub fn listed(&mut self, ask: Ask, records: Vec<(String, Stored)>) {
        self.lists.insert(ask, records);
    }

    fn raw(&self, key: &str) -> Ruled<Option<&Stored>> {
        self.one.get(key).map(Option::as_ref).ok_or_else(|| Stop::Read(vec![Ask::Get(key.to_owned())]))
    }

    /// Asks for many records at once, so that a rule does not stop for each.
    fn need<'a>(&self, keys: impl IntoIterator<Item = &'a String>) -> Ruled<()> {
        let missing: BTreeSet<&String> = keys.into_iter().filter(|k| !self.one.contains_key(*k)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Stop::Read(missing.into_iter().map(|k| Ask::Get(k.clone())).collect()))
    }

    /// A record with its revision. Errors: [`Code::RelayUnavailable`] if it cannot be read.
    fn get<T: DeserializeOwned + Clone + 'static>(&self, key: &str) -> Ruled<Option<(u64, T)>> {
        match self.raw(key)? {
            None => Ok(None),
            Some(stored) => Ok(Some((stored.rev, self.parsed.get(key, &stored.value)?))),
        }
    }

    fn list<T: DeserializeOwned>(&self, prefix: &str, after: &str, limit: usize) -> Ruled<Vec<(String, T)>> {
        let ask = Ask::List { prefix: prefix.to_owned(), after: after.to_owned(), limit };
        match self.lists.get(&ask) {
            None => Err(Stop::Read(vec![ask])),
            Some(rows) => rows.iter().map(|(k, s)| Ok((k.clone(), read(&s.value)?))).collect(),
        }
    }
}

/// The longest record that the relay keeps, in bytes of JSON: an identity with all its versions and slots is one.
pub const MAX_STORED: usize = 1 << 24;

fn read<T: DeserializeOwned>(json: &str) -> Result<T> {
    if json.len() > MAX_STORED {
        return Err(Error::new(Code::StoreUnreadable, "a record of the relay is too long to be one"));
    }
    serde_json::from_str(json).map_err(|_| Error::new(Code::StoreUnreadable, "a record of the relay cannot be read"))
}

/// One write of an atomic batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The record.
    pub key: String,
    /// The revision that it must have; 0 means absent.
    pub expected: u64,
    /// The new value, or `None` to delete.
    pub value: Option<String>,
}

/// What to write, and whom it concerns.
#[derive(Debug, Default)]
pub struct Batch {
    writes: BTreeMap<String, Write>,
    touched: BTreeSet<String>,
    dropped: BTreeSet<Uuid>,
}

impl Batch {
    fn put<T: Serialize>(&mut self, key: String, expected: u64, value: &T) -> Result<()> {
        let value = Some(wire::to_json(value)?).filter(|value| value.len() <= MAX_STORED);
        if value.is_none() {
            return Err(Error::bad_input("too much for one record of the relay"));
        }
        self.writes.insert(key.clone(), Write { key, expected, value });
        Ok(())
    }

    fn delete(&mut self, key: String, expected: u64) {
        self.writes.insert(key.clone(), Write { key, expected, value: None });
    }

    fn touch(&mut self, login: &str) {
        self.touched.insert(login.to_owned());
    }

    fn drop_parts(&mut self, item: Uuid) {
        self.dropped.insert(item);
    }

    /// The files whose parts are to be dropped before the writes are made: a file without its parts is never finished.
    pub fn dropped(&self) -> Vec<Uuid> {
        self.dropped.iter().copied().collect()
    }

    /// The writes, all or none of which happen.
    pub fn into_writes(self) -> (Vec<Write>, BTreeSet<String>) {
        (self.writes.into_values().collect(), self.touched)
    }
}

/// What a rule may know of its surroundings.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Unix milliseconds.
    pub now: u64,
    /// 32 fresh random bytes.
    pub random: [u8; 32],
    /// What login challenges are bound to.
    pub origin: &'a str,
    /// Who asks.
    pub ticket: Option<&'a Ticket>,
}

impl Context<'_> {
    fn caller(&self) -> Result<&Ticket> {
        self.ticket.ok_or_else(|| Error::new(Code::Unauthenticated, "log in to the relay first"))
    }
}

/// A login as one segment of a key: `/` and `%` are escaped.
fn segment(login: &str) -> String {
    login.replace('%', "%25").replace('/', "%2F")
}

fn forbidden(message: &'static str) -> Error {
    Error::new(Code::Forbidden, message)
}

fn conflict(message: &'static str) -> Error {
    Error::new(Code::Conflict, message)
}

/// Decides one operation. Reads nothing, writes nothing.
pub fn decide(operation: &Operation, cx: &Context<'_>, db: &Records) -> Ruled<(Reply, Batch)> {
    let mut batch = Batch::default();
    let reply = match operation {
        Operation::Identities { logins } => identities::read(db, logins)?,
        Operation::Register { new, secrets } => identities::register(db, &mut batch, new, secrets)?,
        Operation::Reset { new, secrets } => identities::reset(db, &mut batch, new, secrets)?,
        Operation::Challenge { login, fingerprint } => identities::challenge(cx, db, &mut batch, login, fingerprint)?,
        Operation::Login { application, login, fingerprint, nonce, signature } => {
            let proof = identities::Proof { application, login, fingerprint, nonce, signature };
            identities::login(cx, db, &mut batch, &proof)?
        }
        Operation::LoginSecret { login, secret } => identities::login_secret(db, login, secret)?,
        Operation::OwnKeysets => identities::own(cx, db)?,
        Operation::Renew { new, secrets, previous } => identities::renew(cx, db, &mut batch, new, secrets, previous)?,
        Operation::ChangeSlots { change } => identities::change_slots(cx, db, &mut batch, change)?,
        Operation::Chain { version, signature } => identities::chain(cx, db, &mut batch, *version, signature)?,
        Operation::PutExchange { exchange, wraps } => exchanges::put(cx, db, &mut batch, exchange, wraps)?,
        Operation::PutWraps { wraps } => exchanges::put_wraps(cx, db, &mut batch, wraps)?,
        Operation::PutGrants { create, grants, basis } => grants::put(cx, db, &mut batch, create, grants, basis)?,
        Operation::Revoke { revocations, rewrite, remove } => {
            grants::revoke(cx, db, &mut batch, revocations, rewrite, remove)?
        }
        Operation::BeginUpload { item, chunks } => uploads::begin(cx, db, &mut batch, *item, *chunks)?,
        Operation::PutParts { item, parts } => uploads::put_parts(cx, db, *item, parts)?,
        Operation::FinishUpload { item, parts, grants } => uploads::finish(cx, db, &mut batch, *item, *parts, grants)?,
        Operation::GiveUpUpload { item } => uploads::give_up(cx, db, &mut batch, *item)?,
        Operation::GetParts { item, basis, parts } => uploads::get_parts(cx, db, *item, *basis, parts)?,
        Operation::Compact { grant, replaced } => compact::compact(cx, db, &mut batch, grant, replaced)?,
        Operation::Readers { item } => grants::readers(cx, db, *item)?,
        Operation::GrantsTo { login } => grants::granted_to(cx, db, login)?,
        Operation::Sync { after } => log::sync(cx, db, *after)?,
        Operation::Notify { notifications } => notifications::send(cx, db, &mut batch, notifications)?,
        Operation::Notifications { after, cursor } => notifications::list(cx, db, *after, cursor.as_deref())?,
        Operation::Notification { id } => notifications::get(cx, db, *id)?,
        Operation::SetStatus { id, rev, status } => notifications::set_status(cx, db, &mut batch, *id, *rev, *status)?,
    };
    Ok((reply, batch))
}
