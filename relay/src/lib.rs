//! The relay's rules, without I/O: an operation, its caller and the records read so far give either what
//! else to read, or a batch of writes with expected revisions, or a refusal.
//!
//! A rule reads records as if they were there; when one is not loaded yet the rule
//! stops with [`Stop::Read`], the runner fetches it and starts the rule again. Where records can be had
//! without waiting, as in memory, they come from a [`Source`], and nothing is decided twice.

pub mod account;
mod compact;
mod exchanges;
mod grants;
mod graph;
mod heads;
mod identities;
mod log;
pub mod logins;
mod notifications;
mod openings;
mod profiles;
mod removal;
mod requests;
mod revocations;
mod uploads;

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use regrant_protocol::operations::{Operation, Reply};

use regrant_protocol::error::{Code, Error, Result};
pub use regrant_protocol::operations::Ticket;
use regrant_protocol::wire;

/// A stored record and its revision, which every write raises; 0 means absent.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The revision.
    pub rev: u64,
    /// What it says.
    pub value: Content,
}

/// What a record says. Shared: records can be large, and the same ones are read again and again.
#[derive(Clone)]
pub enum Content {
    /// JSON.
    Text(Rc<str>),
    /// What has not been written as JSON: where records stay in memory, nobody reads it there.
    Kept(Rc<dyn Kept>),
}

/// A record as it is, which can be written as JSON.
pub trait Kept {
    /// The record.
    fn record(self: Rc<Self>) -> Rc<dyn Any>;
    /// Its JSON.
    fn text(&self) -> Result<String>;
}

impl<T: Serialize + 'static> Kept for T {
    fn record(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
    fn text(&self) -> Result<String> {
        wire::to_json(self)
    }
}

impl Content {
    /// The JSON.
    pub fn text(&self) -> Result<Rc<str>> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Kept(record) => Ok(record.text()?.into()),
        }
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content")
    }
}

/// Records that can be had without waiting.
pub trait Source: fmt::Debug {
    /// One record.
    fn record(&self, key: &str) -> Option<Stored>;
    /// What [`Ask::List`] asks for.
    fn records(&self, prefix: &str, after: &str, limit: usize) -> Vec<(String, Stored)>;
    /// How many parts of a file are there.
    fn parts(&self, item: Uuid) -> u64;
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
type ParsedRecord = (Rc<str>, Rc<dyn Any>);

/// The most that is remembered.
const MAX_PARSED: usize = 512;

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parsed")
    }
}

impl Parsed {
    fn view<T: DeserializeOwned + 'static>(&self, key: &str, content: &Content) -> Result<Rc<T>> {
        let text = match content {
            Content::Text(text) => text,
            Content::Kept(record) => {
                let kept = record.clone().record().downcast::<T>();
                return kept.map_err(|_| unreadable());
            }
        };
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
    fn remember(&self, key: &str, text: &Rc<str>, value: Rc<dyn Any>) {
        let mut all = self.0.borrow_mut();
        if all.len() >= MAX_PARSED {
            all.clear();
        }
        all.insert(key.to_owned(), (text.clone(), value));
    }
}

/// The records read so far, or where they can be had.
#[derive(Debug, Default)]
pub struct Records {
    parsed: Parsed,
    source: Option<Rc<dyn Source>>,
    one: HashMap<String, Option<Stored>>,
    lists: HashMap<Ask, Vec<(String, Stored)>>,
    parts: HashMap<Uuid, u64>,
}

impl Records {
    /// None read yet.
    pub fn new(parsed: Parsed) -> Self {
        Self { parsed, ..Self::default() }
    }

    /// All there is, without waiting. It must not change while a rule decides.
    pub fn at_hand(parsed: Parsed, source: Rc<dyn Source>) -> Self {
        Self { parsed, source: Some(source), ..Self::default() }
    }

    /// Notes what was read for [`Ask::Get`].
    pub fn found(&mut self, key: String, record: Option<Stored>) {
        self.one.insert(key, record);
    }

    /// Notes what was read for [`Ask::List`].
    pub fn listed(&mut self, ask: Ask, records: Vec<(String, Stored)>) {
        self.lists.insert(ask, records);
    }

    fn raw(&self, key: &str) -> Ruled<Option<Stored>> {
        if let Some(source) = &self.source {
            return Ok(source.record(key));
        }
        self.one.get(key).cloned().ok_or_else(|| Stop::Read(vec![Ask::Get(key.to_owned())]))
    }

    /// Asks for many records at once, so that a rule does not stop for each.
    fn need<'a>(&self, keys: impl IntoIterator<Item = &'a String>) -> Ruled<()> {
        if self.source.is_some() {
            return Ok(());
        }
        let missing: BTreeSet<&String> = keys.into_iter().filter(|k| !self.one.contains_key(*k)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Stop::Read(missing.into_iter().map(|k| Ask::Get(k.clone())).collect()))
    }

    /// Writes a record that is asked for again soon: what it says is remembered. `bounded`: its type bounds how long it
    /// can be as JSON, far below what is kept, so that it need not be written to be measured.
    fn put<T: Serialize + 'static>(
        &self,
        batch: &mut Batch,
        key: String,
        expected: u64,
        value: T,
        bounded: bool,
    ) -> Result<()> {
        if bounded && self.source.is_some() {
            let value = Some(Content::Kept(Rc::new(value)));
            batch.writes.insert(key.clone(), Write { key, expected, value });
            return Ok(());
        }
        let text = batch.write(key.clone(), expected, &value)?;
        self.parsed.remember(&key, &text, Rc::new(value));
        Ok(())
    }

    /// A record with its revision. Errors: [`Code::RelayUnavailable`] if it cannot be read.
    fn get<T: DeserializeOwned + Clone + 'static>(&self, key: &str) -> Ruled<Option<(u64, T)>> {
        Ok(self.view::<T>(key)?.map(|(rev, value)| (rev, (*value).clone())))
    }

    /// The same, shared instead of copied: records can be large.
    fn view<T: DeserializeOwned + 'static>(&self, key: &str) -> Ruled<Option<(u64, Rc<T>)>> {
        match self.raw(key)? {
            None => Ok(None),
            Some(stored) => Ok(Some((stored.rev, self.parsed.view(key, &stored.value)?))),
        }
    }

    /// Asks for many lists at once.
    fn need_lists(&self, asks: Vec<Ask>) -> Ruled<()> {
        if self.source.is_some() {
            return Ok(());
        }
        let missing: Vec<Ask> = asks.into_iter().filter(|ask| !self.lists.contains_key(ask)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Stop::Read(missing)) }
    }

    fn rows(&self, prefix: &str, after: &str, limit: usize) -> Ruled<Vec<(String, Stored)>> {
        if let Some(source) = &self.source {
            return Ok(source.records(prefix, after, limit));
        }
        let ask = Ask::List { prefix: prefix.to_owned(), after: after.to_owned(), limit };
        self.lists.get(&ask).cloned().ok_or_else(|| Stop::Read(vec![ask]))
    }

    /// The keys and revisions of records, whatever is in them.
    fn list_keys(&self, prefix: &str, after: &str, limit: usize) -> Ruled<Vec<(String, u64)>> {
        Ok(self.rows(prefix, after, limit)?.into_iter().map(|(key, stored)| (key, stored.rev)).collect())
    }

    fn list<T: DeserializeOwned>(&self, prefix: &str, after: &str, limit: usize) -> Ruled<Vec<(String, T)>> {
        self.rows(prefix, after, limit)?.into_iter().map(|(key, s)| Ok((key, read(&s.value.text()?)?))).collect()
    }
}

/// The longest record that the relay keeps, in bytes of JSON: an identity with all its versions and slots is one.
pub const MAX_STORED: usize = 1 << 24;

fn read<T: DeserializeOwned>(json: &str) -> Result<T> {
    if json.len() > MAX_STORED {
        return Err(Error::new(Code::StoreUnreadable, "a record of the relay is too long to be one"));
    }
    regrant_protocol::encoding::from_json(json).map_err(|_| unreadable())
}

fn unreadable() -> Error {
    Error::new(Code::StoreUnreadable, "a record of the relay cannot be read")
}

/// One write of an atomic batch.
#[derive(Clone, Debug)]
pub struct Write {
    /// The record.
    pub key: String,
    /// The revision that it must have; 0 means absent.
    pub expected: u64,
    /// The new value, or `None` to delete.
    pub value: Option<Content>,
}

/// What to write, and whom it concerns.
#[derive(Debug, Default)]
pub struct Batch {
    writes: BTreeMap<String, Write>,
    touched: BTreeSet<String>,
    dropped: BTreeSet<Uuid>,
    abandoned: BTreeSet<Uuid>,
}

impl Batch {
    fn put<T: Serialize>(&mut self, key: String, expected: u64, value: &T) -> Result<()> {
        self.write(key, expected, value).map(drop)
    }

    /// The same; gives the text.
    fn write<T: Serialize>(&mut self, key: String, expected: u64, value: &T) -> Result<Rc<str>> {
        let text = wire::to_json(value)?;
        if text.len() > MAX_STORED {
            return Err(Error::bad_input("too much for one record of the relay"));
        }
        let text: Rc<str> = text.into();
        self.writes.insert(key.clone(), Write { key, expected, value: Some(Content::Text(text.clone())) });
        Ok(text)
    }

    /// What is about to be written, if it is something.
    fn written(&self, key: &str) -> Result<Option<Rc<str>>> {
        self.writes.get(key).and_then(|w| w.value.as_ref()).map(Content::text).transpose()
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

    fn abandon_parts(&mut self, item: Uuid) {
        self.abandoned.insert(item);
    }

    /// The uploads that end, whose parts are to be dropped once the writes are made and not before: whoever finishes one at
    /// the same moment may win. What a crash leaves in between nobody can open.
    pub fn abandoned(&self) -> Vec<Uuid> {
        self.abandoned.iter().copied().collect()
    }

    /// The files that are deleted, whose parts are to be dropped before the writes are made: done again, it is finished.
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
    /// 32 fresh random bytes, for a challenge.
    pub random: [u8; 32],
    /// What login challenges are bound to.
    pub relay_id: &'a str,
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

/// How many records one reading looks at, of those that are all taken away.
const LOOK: usize = 1024;

/// Takes away everything under a prefix.
fn delete_all(db: &Records, batch: &mut Batch, prefix: &str) -> Ruled<()> {
    let mut after = prefix.to_owned();
    loop {
        let rows = db.list_keys(prefix, &after, LOOK)?;
        let more = rows.len() == LOOK;
        for (key, rev) in rows {
            after.clone_from(&key);
            batch.delete(key, rev);
        }
        if !more {
            return Ok(());
        }
    }
}

/// Takes away an index and the records that it names, by their ids.
fn delete_named(db: &Records, batch: &mut Batch, prefix: &str, key: impl Fn(Uuid) -> String) -> Ruled<()> {
    let mut named = Vec::new();
    let mut after = prefix.to_owned();
    loop {
        let rows: Vec<(String, Uuid)> = db.list(prefix, &after, LOOK)?;
        let more = rows.len() == LOOK;
        after = rows.last().map_or(after, |(key, _)| key.clone());
        named.extend(rows.into_iter().map(|(_, id)| key(id)));
        if !more {
            break;
        }
    }
    db.need(&named)?;
    for key in named {
        if let Some(stored) = db.raw(&key)? {
            batch.delete(key, stored.rev);
        }
    }
    delete_all(db, batch, prefix)
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
    let reads = matches!(operation, Operation::OwnKeysets | Operation::Sync { .. } | Operation::GetParts { .. });
    if let Some(ticket) = cx.ticket
        && account::closed_at(db, ticket)?.is_some()
        && !reads
    {
        // Whoever stole keys is not told that there is something that they do not open.
        return Err(match (account::may_be_stolen(db, ticket)?, operation) {
            (false, _) => account::closed(),
            (true, Operation::Reach { to: regrant_protocol::operations::Target::Item(_), .. }) => {
                grants::no_such_item()
            }
            (true, _) => account::stolen(),
        }
        .into());
    }
    let reply = match operation {
        Operation::Identities { logins, removed } => identities::read(db, logins, *removed)?,
        Operation::Register { new, secrets, head, profile } => {
            identities::register(db, &mut batch, new, secrets, head, profile.as_deref())?
        }
        Operation::Reset { new, secrets, head } => identities::reset(db, &mut batch, new, secrets, head)?,
        Operation::Challenge { login, fingerprint } => logins::challenge(cx, db, &mut batch, login, fingerprint)?,
        Operation::Login { application, login, fingerprint, nonce, signature } => {
            let proof = logins::Proof { application, login, fingerprint, nonce, signature };
            logins::login(cx, db, &mut batch, &proof)?
        }
        Operation::LoginSecret { login, secret } => logins::login_secret(db, login, secret)?,
        Operation::OwnKeysets => identities::own(cx, db)?,
        Operation::Renew { changes, closes, stolen } => {
            identities::renew(cx, db, &mut batch, changes, *closes, *stolen)?
        }
        Operation::Overwrite { new, secrets, head } => identities::overwrite(cx, db, &mut batch, new, secrets, head)?,
        Operation::Reach { to, without } => graph::reach(cx, db, to, without)?,
        Operation::Sharing { login } => graph::sharing(cx, db, login)?,
        Operation::Access { login } => graph::access(cx, db, login)?,
        Operation::Between { login } => graph::between(cx, db, login)?,
        Operation::Head { known } => heads::get(cx, db, known.as_ref())?,
        Operation::Pieces { names } => heads::pieces(cx, db, names)?,
        Operation::PutHead { change, tell } => heads::put(cx, db, &mut batch, change, *tell)?,
        Operation::Profile { login } => profiles::get(db, login)?,
        Operation::Directory { search, kind, limit, cursor } => {
            profiles::directory(db, search, kind.as_deref(), *limit, cursor.as_deref())?
        }
        Operation::RemoveIdentity => removal::identity(cx, db, &mut batch)?,
        Operation::RemoveItems { items, hard } => removal::items(cx, db, &mut batch, items, *hard)?,
        Operation::Opened { items, basis, acting_as, reason } => {
            let opened = openings::Opened { items, basis, acting_as, reason: reason.as_deref() };
            openings::note(cx, db, &mut batch, &opened)?
        }
        Operation::Openings { item, login, reason, limit, cursor } => {
            let filter = openings::Filter { item: *item, login: login.as_deref(), reason: reason.as_deref() };
            openings::list(cx, db, &filter, *limit, cursor.as_deref())?
        }
        Operation::Ask { request } => requests::ask(cx, db, &mut batch, request)?,
        Operation::Asked { id } => requests::get(cx, db, *id)?,
        Operation::AskedOf { limit, cursor } => requests::list(cx, db, *limit, cursor.as_deref())?,
        Operation::Answer { id, answer } => requests::answer(cx, db, &mut batch, *id, answer.as_ref())?,
        Operation::TakeAnswer { id } => requests::take(cx, db, &mut batch, *id)?,
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
        Operation::Revocations { item, by, cursor } => revocations::list(cx, db, *item, by, cursor.as_deref())?,
        Operation::GrantsTo { login } => grants::granted_to(cx, db, login)?,
        Operation::Sync { after } => log::sync(cx, db, *after)?,
        Operation::Notify { notifications } => notifications::send(cx, db, &mut batch, notifications)?,
        Operation::Notifications { after, cursor } => notifications::list(cx, db, *after, cursor.as_deref())?,
        Operation::Notification { id } => notifications::get(cx, db, *id)?,
        Operation::SetStatus { id, rev, status } => notifications::set_status(cx, db, &mut batch, *id, *rev, *status)?,
    };
    Ok((reply, batch))
}
