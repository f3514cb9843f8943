//! A relay in this process: the rules over a storage in memory.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use futures::FutureExt;
use futures::future::{LocalBoxFuture, ready};
use regrant::crypto::envelope::Buffer;
use regrant::encoding::Hash;
use regrant::error::Result;
use regrant::relay::{Operation, Part, Relay, Reply, Subscription, Token, Transport};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use regrant_relay::memory::Memory;

type Listener = Rc<dyn Fn()>;

#[derive(Default)]
struct Listeners {
    next: u64,
    all: BTreeMap<u64, (String, Listener)>,
}

struct Here {
    relay: regrant_relay::memory::Relay,
    id: String,
    clock: fn() -> u64,
    listeners: Rc<RefCell<Listeners>>,
    asked: Rc<Cell<usize>>,
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
    counted_relay_over(memory, id, clock).0
}

/// The same, and how many requests it was asked.
pub fn counted_relay_over(memory: &Memory, id: &str, clock: fn() -> u64) -> (Relay, Rc<Cell<usize>>) {
    let relay = regrant_relay::memory::Relay::over(memory.clone());
    let asked = Rc::new(Cell::new(0));
    let here = Here { relay, id: id.to_owned(), clock, listeners: Rc::default(), asked: asked.clone() };
    (Relay::new(here, id), asked)
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
    fn carry_out(&self, token: Option<&Token>, operations: Vec<Operation>) -> Result<Vec<Result<Reply>>> {
        self.asked.set(self.asked.get() + 1);
        let (replies, touched) = self.relay.call(token, operations, &self.id, (self.clock)())?;
        let all = self.listeners.borrow().all.values().cloned().collect::<Vec<_>>();
        all.iter().filter(|(login, _)| touched.contains(login)).for_each(|(_, listener)| listener());
        Ok(replies)
    }

    fn allowed(&self, token: Option<&Token>, operation: Operation) -> Result<()> {
        self.carry_out(token, vec![operation])?.remove(0).map(drop)
    }
}

impl Transport for Here {
    fn call<'a>(
        &'a self,
        token: Option<&'a Token>,
        operations: Vec<Operation>,
    ) -> LocalBoxFuture<'a, Result<Vec<Result<Reply>>>> {
        async move { self.carry_out(token, operations) }.boxed_local()
    }

    fn put_parts<'a>(
        &'a self,
        token: Option<&'a Token>,
        item: Uuid,
        parts: Vec<(Part, Buffer)>,
    ) -> LocalBoxFuture<'a, Result<()>> {
        let lengths = parts.iter().map(|(part, bytes)| (*part, bytes.len() as u64)).collect();
        let allowed = self.allowed(token, Operation::PutParts { item, parts: lengths });
        let kept = allowed.map(|()| {
            let parts = parts.into_iter().map(|(part, bytes)| (part.name(), bytes.into_heap()));
            self.relay.memory().put_parts(item, parts);
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
        let allowed = self.allowed(token, Operation::GetParts { item, basis, parts: parts.to_vec() });
        let names: Vec<String> = parts.iter().map(|part| part.name()).collect();
        let found = allowed.map(|()| self.relay.memory().get_parts(item, &names));
        ready(found.map(|all| all.into_iter().map(|bytes| bytes.map(Buffer::Heap)).collect())).boxed_local()
    }

    fn subscribe(&self, login: &str, listener: Box<dyn Fn()>) -> Subscription {
        let mut listeners = self.listeners.borrow_mut();
        listeners.next += 1;
        let id = listeners.next;
        listeners.all.insert(id, (login.to_owned(), Rc::from(listener)));
        Subscription::new(Ending(Rc::downgrade(&self.listeners), id))
    }
}
