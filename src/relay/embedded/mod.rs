//! The embedded relay: the rules run here, over a backend that offers get, list and an atomic batch.
//!
//! Embedded relays of one name are one relay: over IndexedDB across the tabs of an origin, in memory
//! across everything in this module.

#[cfg(target_arch = "wasm32")]
pub mod channel;
#[cfg(target_arch = "wasm32")]
pub mod foreign;
#[cfg(target_arch = "wasm32")]
pub mod indexed_db;
pub mod memory;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::rc::{Rc, Weak};

use uuid::Uuid;

use super::rules::{self, Ask, Context, Records, Stop, Stored, Ticket, Write};
use super::{Operation, Part, Reply};
use crate::crypto::envelope::Buffer;
use crate::error::{Code, Error, Result};

/// How often a batch that lost a race is decided again.
const ATTEMPTS: usize = 32;

/// Where an embedded relay keeps its records.
#[derive(Clone)]
pub enum Backend {
    /// In this module's memory.
    Memory(memory::Memory),
    /// In IndexedDB.
    #[cfg(target_arch = "wasm32")]
    IndexedDb(indexed_db::IndexedDb),
    /// In a JavaScript object with `get`, `list` and `commit`.
    #[cfg(target_arch = "wasm32")]
    Foreign(foreign::Foreign),
}

impl Backend {
    async fn get(&self, keys: &[String]) -> Result<Vec<Option<Stored>>> {
        match self {
            Self::Memory(b) => Ok(b.get(keys)),
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(b) => b.get(keys).await,
            #[cfg(target_arch = "wasm32")]
            Self::Foreign(b) => b.get(keys).await,
        }
    }

    async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<(String, Stored)>> {
        match self {
            Self::Memory(b) => Ok(b.list(prefix, after, limit)),
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(b) => b.list(prefix, after, limit).await,
            #[cfg(target_arch = "wasm32")]
            Self::Foreign(b) => b.list(prefix, after, limit).await,
        }
    }

    /// Writes all or nothing. `false`: a record's revision was not the expected one.
    async fn commit(&self, writes: Vec<Write>) -> Result<bool> {
        match self {
            Self::Memory(b) => b.commit(writes),
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(b) => b.commit(writes).await,
            #[cfg(target_arch = "wasm32")]
            Self::Foreign(b) => b.commit(writes).await,
        }
    }

    /// Writes parts of a file, over what may be there.
    async fn put_parts(&self, item: Uuid, parts: Vec<(String, Buffer)>) -> Result<()> {
        match self {
            Self::Memory(b) => {
                b.put_parts(item, parts);
                Ok(())
            }
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(b) => b.put_parts(item, parts).await,
            #[cfg(target_arch = "wasm32")]
            Self::Foreign(b) => b.put_parts(item, parts).await,
        }
    }

    async fn get_parts(&self, item: Uuid, names: &[String]) -> Result<Vec<Option<Buffer>>> {
        match self {
            Self::Memory(b) => Ok(b.get_parts(item, names)),
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(b) => b.get_parts(item, names).await,
            #[cfg(target_arch = "wasm32")]
            Self::Foreign(b) => b.get_parts(item, names).await,
        }
    }

    async fn count_parts(&self, item: Uuid) -> Result<u64> {
        match self {
            Self::Memory(b) => Ok(b.count_parts(item)),
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(b) => b.count_parts(item).await,
            #[cfg(target_arch = "wasm32")]
            Self::Foreign(b) => b.count_parts(item).await,
        }
    }

    async fn drop_parts(&self, item: Uuid) -> Result<()> {
        match self {
            Self::Memory(b) => {
                b.drop_parts(item);
                Ok(())
            }
            #[cfg(target_arch = "wasm32")]
            Self::IndexedDb(b) => b.drop_parts(item).await,
            #[cfg(target_arch = "wasm32")]
            Self::Foreign(b) => b.drop_parts(item).await,
        }
    }
}

struct Shared {
    backend: Backend,
    clock: fn() -> u64,
    listeners: RefCell<Listeners>,
    parsed: rules::Parsed,
    #[cfg(target_arch = "wasm32")]
    channel: RefCell<Option<channel::Channel>>,
}

type Listener = Rc<dyn Fn()>;

#[derive(Default)]
struct Listeners {
    next: u64,
    /// By the subscription's number: the login that it is about, and what to call.
    all: HashMap<u64, (String, Listener)>,
}

/// A relay in this page or process. Clones are the same relay; each of its clients says by what id it knows it.
#[derive(Clone)]
pub struct Embedded(Rc<Shared>, Rc<str>);

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Embedded")
    }
}

/// Listening to a relay; ends when dropped.
pub struct Subscription {
    relay: Weak<Shared>,
    id: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(relay) = self.relay.upgrade() {
            relay.listeners.borrow_mut().all.remove(&self.id);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

thread_local! {
    static NAMED: RefCell<HashMap<String, Embedded>> = RefCell::default();
}

impl Embedded {
    /// The relay of this name, made by `make` when it is asked for first.
    pub fn named(name: &str, make: impl FnOnce() -> Self) -> Self {
        let known = NAMED.with(|all| all.borrow().get(name).cloned());
        known.unwrap_or_else(|| {
            let relay = make();
            NAMED.with(|all| all.borrow_mut().insert(name.to_owned(), relay.clone()));
            relay
        })
    }

    /// A relay over a backend. `clock` gives Unix milliseconds.
    pub fn new(backend: Backend, id: &str, clock: fn() -> u64) -> Self {
        let shared = Shared {
            backend,
            clock,
            listeners: RefCell::default(),
            parsed: rules::Parsed::default(),
            #[cfg(target_arch = "wasm32")]
            channel: RefCell::default(),
        };
        Self(Rc::new(shared), id.into())
    }

    /// The same relay, as a client knows it that calls it by another id.
    pub fn known_as(&self, id: &str) -> Self {
        Self(self.0.clone(), id.into())
    }

    /// Hears of, and tells of, changes that other tabs make, through a `BroadcastChannel` of this name.
    #[cfg(target_arch = "wasm32")]
    pub fn join_channel(&self, name: &str) {
        let weak = Rc::downgrade(&self.0);
        let channel = channel::Channel::open(name, move |logins| {
            if let Some(shared) = weak.upgrade() {
                shared.wake(&logins);
            }
        });
        *self.0.channel.borrow_mut() = channel;
    }

    /// What login challenges are bound to.
    pub fn id(&self) -> &str {
        &self.1
    }

    /// Calls `listener` after every change that concerns `login`.
    pub fn subscribe(&self, login: &str, listener: impl Fn() + 'static) -> Subscription {
        let mut listeners = self.0.listeners.borrow_mut();
        listeners.next += 1;
        let id = listeners.next;
        listeners.all.insert(id, (login.to_owned(), Rc::new(listener)));
        Subscription { relay: Rc::downgrade(&self.0), id }
    }

    /// Decides and carries out one operation; one that loses a race is decided again.
    pub async fn call(&self, ticket: Option<&Ticket>, operation: &Operation) -> Result<Reply> {
        for _ in 0..ATTEMPTS {
            let mut random = [0; 32];
            // Only a challenge takes some, and each draw is a call out of this module.
            if let Operation::Challenge { .. } = operation {
                getrandom::fill(&mut random)
                    .map_err(|_| Error::new(Code::StoreMissing, "this environment has no source of randomness"))?;
            }
            let cx = Context { now: (self.0.clock)(), random, relay_id: &self.1, ticket };
            let (reply, batch) = self.decide(operation, &cx).await?;
            for item in batch.dropped() {
                self.0.backend.drop_parts(item).await?;
            }
            let abandoned = batch.abandoned();
            let (writes, touched) = batch.into_writes();
            if writes.is_empty() || self.0.backend.commit(writes).await? {
                self.0.announce(&touched);
                for item in abandoned {
                    // It is done: what cannot be dropped now is bytes that nobody can open.
                    drop(self.0.backend.drop_parts(item).await);
                }
                return Ok(reply);
            }
        }
        Err(Error::new(Code::Conflict, "others kept changing the same records: try again"))
    }

    /// Keeps parts of a file, if the rules allow it.
    pub async fn put_parts(&self, ticket: Option<&Ticket>, item: Uuid, parts: Vec<(Part, Buffer)>) -> Result<()> {
        let lengths = parts.iter().map(|(part, bytes)| (*part, bytes.len() as u64)).collect();
        self.call(ticket, &Operation::PutParts { item, parts: lengths }).await?;
        self.0.backend.put_parts(item, parts.into_iter().map(|(part, bytes)| (part.name(), bytes)).collect()).await
    }

    /// Reads parts of a file, if the rules allow it.
    pub async fn get_parts(
        &self,
        ticket: Option<&Ticket>,
        item: Uuid,
        basis: Uuid,
        parts: &[Part],
    ) -> Result<Vec<Option<Buffer>>> {
        self.call(ticket, &Operation::GetParts { item, basis, parts: parts.to_vec() }).await?;
        let names: Vec<String> = parts.iter().map(|part| part.name()).collect();
        self.0.backend.get_parts(item, &names).await
    }

    /// What is in memory is at hand. Only in the module: tests that run elsewhere decide as over a database.
    async fn decide(&self, operation: &Operation, cx: &Context<'_>) -> Result<(Reply, rules::Batch)> {
        #[cfg(target_arch = "wasm32")]
        if let Backend::Memory(memory) = &self.0.backend {
            let db = Records::at_hand(self.0.parsed.clone(), Rc::new(memory.clone()));
            return match rules::decide(operation, cx, &db) {
                Ok(decision) => Ok(decision),
                Err(Stop::Refuse(error)) => Err(error),
                Err(Stop::Read(_)) => Err(Error::new(Code::RelayUnavailable, "a rule asks for what is at hand")),
            };
        }
        let mut db = Records::new(self.0.parsed.clone());
        // Every rule asks first whether the caller's key still counts.
        if let Some(ticket) = cx.ticket {
            let key = rules::account::key(ticket.login());
            let found = self.0.backend.get(std::slice::from_ref(&key)).await?;
            db.found(key, found.into_iter().next().flatten());
        }
        loop {
            let asks = match rules::decide(operation, cx, &db) {
                Ok(decision) => return Ok(decision),
                Err(Stop::Refuse(error)) => return Err(error),
                Err(Stop::Read(asks)) => asks,
            };
            let mut keys = Vec::new();
            for ask in asks {
                match ask {
                    Ask::Get(key) => keys.push(key),
                    Ask::Parts(item) => db.counted(item, self.0.backend.count_parts(item).await?),
                    Ask::List { ref prefix, ref after, limit } => {
                        let rows = self.0.backend.list(prefix, after, limit).await?;
                        // A backend may be somebody else's object: what is not in order could be asked for for ever.
                        let ordered = rows.is_sorted_by(|(a, _), (b, _)| a < b);
                        let fits = |key: &String| key.starts_with(prefix.as_str()) && key > after;
                        if rows.len() > limit || !ordered || !rows.iter().all(|(key, _)| fits(key)) {
                            return Err(Error::new(Code::RelayUnavailable, "the relay's backend answers nonsense"));
                        }
                        db.listed(ask, rows);
                    }
                }
            }
            if !keys.is_empty() {
                for (key, record) in keys.iter().zip(self.0.backend.get(&keys).await?) {
                    db.found(key.clone(), record);
                }
            }
        }
    }
}

impl Shared {
    fn announce(&self, logins: &BTreeSet<String>) {
        if logins.is_empty() {
            return;
        }
        self.wake(logins);
        #[cfg(target_arch = "wasm32")]
        if let Some(channel) = &*self.channel.borrow() {
            channel.post(logins);
        }
    }

    fn wake(&self, logins: &BTreeSet<String>) {
        // Collected first: a listener may subscribe or unsubscribe.
        let heard: Vec<Listener> = self
            .listeners
            .borrow()
            .all
            .values()
            .filter(|(login, _)| logins.contains(login))
            .map(|(_, f)| f.clone())
            .collect();
        for listener in heard {
            listener();
        }
    }
}
