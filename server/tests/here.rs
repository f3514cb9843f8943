//! A relay in this process over a database: what `tests/support/here.rs` is over memory, so that the same stories are told.
//! Each relay is a tenant. `REGRANT_TEST_ENGINE` says where: `sqlite`, which it is without it, or `postgres`.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use futures::future::{LocalBoxFuture, ready};
use regrant::crypto::envelope::Buffer;
use regrant::encoding::Hash;
use regrant::error::{Code, Error, Result};
use regrant::relay::{Operation, Part, Relay, Reply, Subscription, Token, Transport};
use regrant_protocol::operations::Outcome;
use regrant_relay::{Ask, Options, Settings, names_of};
use regrant_server::announce::Announcer;
use regrant_server::hub::{self, Hub};
use regrant_server::relay::{Operations, Relay as Server, Request};
use regrant_server::storage::{Commit, Database, Found};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::places::{self, Place};

/// One database for all relays of this process.
struct Shared {
    runtime: Runtime,
    database: Database,
    server: Server,
    hub: Hub,
    _place: Place,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let place = match std::env::var("REGRANT_TEST_ENGINE").as_deref() {
            Ok("postgres") => places::postgres().expect("PostgreSQL is not installed"),
            _ => places::sqlite(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let hub = Hub::default();
        let (database, server) = runtime.block_on(async {
            let database = Database::open(&place.address, 16).await.unwrap();
            let announcer = Announcer::begin(&database, hub.clone()).await;
            (database.clone(), Server::new(database, announcer, 2))
        });
        Shared { runtime, database, server, hub, _place: place }
    })
}

/// The records of one relay. Clones share them.
#[derive(Clone, Debug)]
pub struct Memory {
    tenant: i64,
}

impl Default for Memory {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("relay {}", NEXT.fetch_add(1, Ordering::Relaxed));
        let Shared { runtime, database, .. } = shared();
        Self { tenant: runtime.block_on(database.add_tenant(&name, &Settings::default())).unwrap().id }
    }
}

impl Memory {
    fn read(&self, ask: Ask) -> Found {
        let Shared { runtime, database, .. } = shared();
        runtime.block_on(database.read(self.tenant, &[ask])).unwrap().remove(0)
    }

    fn commit(&self, commit: &Commit) {
        let Shared { runtime, database, .. } = shared();
        assert!(runtime.block_on(database.commit(self.tenant, commit)).unwrap());
    }

    /// Every record: key, revision, JSON.
    pub fn dump(&self) -> Vec<(String, u64, String)> {
        let all = Ask::List { prefix: String::new(), after: String::new(), limit: 10_000_000 };
        let Found::Rows(rows) = self.read(all) else { panic!("a list") };
        rows.into_iter().map(|row| (row.key, row.rev, row.value)).collect()
    }

    /// Puts a record in place of another, as an operator with access to the database can. `None` deletes it.
    pub fn overwrite(&self, key: &str, value: Option<String>) {
        let said = |key: &str| match self.read(Ask::Record(key.to_owned())) {
            Found::Record(record) => record.map(|(_, json)| json),
            other => panic!("{other:?}"),
        };
        let names = value.as_deref().map(|value| names_of(key, value, said).unwrap_or_default()).unwrap_or_default();
        self.commit(&Commit { writes: vec![(key.to_owned(), value, names)], ..Commit::default() });
    }

    /// Adds an entry to a log, as an operator can.
    pub fn append(&self, log: &str, entry: &str) {
        let appends = vec![(log.to_owned(), entry.to_owned(), Vec::new())];
        self.commit(&Commit { appends, ..Commit::default() });
    }
}

/// Who listens, and whether there is something to hear.
struct Listening {
    listener: Rc<dyn Fn()>,
    changes: hub::Subscription,
}

#[derive(Default)]
struct Listeners {
    next: u64,
    all: BTreeMap<u64, Listening>,
}

struct Here {
    memory: Memory,
    id: String,
    clock: fn() -> u64,
    listeners: Rc<RefCell<Listeners>>,
}

/// Ends a subscription when it is dropped.
struct Ending(Weak<RefCell<Listeners>>, u64);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(listeners) = self.0.upgrade() {
            listeners.borrow_mut().all.remove(&self.1);
        }
    }
}

/// A relay over records that the test can change behind everybody's back.
pub fn relay_over(memory: &Memory, id: &str, clock: fn() -> u64) -> Relay {
    Relay::new(Here { memory: memory.clone(), id: id.to_owned(), clock, listeners: Rc::default() }, id)
}

/// A token as the relay would give it to whoever proves to have these keys.
pub fn token_of(memory: &Memory, login: &str, fingerprint: &Hash) -> Token {
    let token = format!("{login}-{}", &fingerprint.hex()[..16]);
    let key = format!("session/{}", hex::encode(Sha256::digest(token.as_bytes())));
    let ticket = json!({ "login": login, "fingerprint": fingerprint });
    memory.overwrite(&key, Some(json!({ "ticket": ticket, "expires": 9_000_000_000_000_000_u64 }).to_string()));
    token.into()
}

impl Here {
    fn carry_out(&self, token: Option<&Token>, operations: Operations) -> Result<Vec<Result<Reply>>> {
        let Shared { runtime, server, .. } = shared();
        let options = Options::new(&*self.id, (self.clock)());
        let token = token.map(|token| token.expose().to_owned());
        let request = Request { tenant: self.memory.tenant, token, operations, options };
        let answered = runtime.block_on(server.call(request));
        let answered = answered.map_err(|why| Error::new(Code::BadInput, format!("{why:?}")))?;
        let outcomes: Vec<Outcome> = serde_json::from_str(&answered.body).unwrap();
        let mut listeners = self.listeners.borrow_mut();
        let heard =
            |listening: &mut Listening| listening.changes.changed().now_or_never().map(|_| listening.listener.clone());
        let all: Vec<_> = listeners.all.values_mut().filter_map(heard).collect();
        drop(listeners);
        all.iter().for_each(|listener| listener());
        Ok(outcomes.into_iter().map(Into::into).collect())
    }
}

impl Transport for Here {
    fn call<'a>(
        &'a self,
        token: Option<&'a Token>,
        operations: Vec<Operation>,
    ) -> LocalBoxFuture<'a, Result<Vec<Result<Reply>>>> {
        let json = Operations::Json(serde_json::to_vec(&operations).unwrap().into());
        async move { self.carry_out(token, json) }.boxed_local()
    }

    fn put_parts<'a>(
        &'a self,
        token: Option<&'a Token>,
        item: Uuid,
        parts: Vec<(Part, Buffer)>,
    ) -> LocalBoxFuture<'a, Result<()>> {
        let lengths = parts.iter().map(|(part, bytes)| (*part, bytes.len() as u64)).collect();
        let allowed = self.carry_out(token, Operations::PutParts(item, lengths)).and_then(|mut all| all.remove(0));
        let kept = allowed.map(|_| {
            let parts: Vec<_> = parts.into_iter().map(|(part, bytes)| (part.name(), bytes.into_heap())).collect();
            let Shared { runtime, database, .. } = shared();
            runtime.block_on(database.put_parts(self.memory.tenant, item, &parts)).unwrap();
        });
        ready(kept).boxed_local()
    }

    fn get_parts<'a>(
        &'a self,
        token: Option<&'a Token>,
        item: Uuid,
        basis: Uuid,
        parts: &'a [Part],
    ) -> LocalBoxFuture<'a, Result<Vec<Option<Buffer>>>> {
        let operations = Operations::GetParts(item, basis, parts.to_vec());
        let allowed = self.carry_out(token, operations).and_then(|mut all| all.remove(0));
        let names: Vec<String> = parts.iter().map(|part| part.name()).collect();
        let found = allowed.map(|_| {
            let Shared { runtime, database, .. } = shared();
            runtime.block_on(database.get_parts(self.memory.tenant, item, &names)).unwrap()
        });
        ready(found.map(|all| all.into_iter().map(|bytes| bytes.map(Buffer::Heap)).collect())).boxed_local()
    }

    fn subscribe(&self, login: &str, listener: Box<dyn Fn()>) -> Subscription {
        let mut listeners = self.listeners.borrow_mut();
        listeners.next += 1;
        let id = listeners.next;
        let changes = shared().hub.subscribe(self.memory.tenant, login);
        listeners.all.insert(id, Listening { listener: Rc::from(listener), changes });
        Subscription::new(Ending(Rc::downgrade(&self.listeners), id))
    }
}
