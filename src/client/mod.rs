//! The facade: one engine, one store, one relay, and the sessions over them.

mod acting;
mod asking;
mod connect;
mod files;
mod identities;
mod items;
mod later;
mod others;
mod remembered;
mod rest;
mod said;
mod session;
mod uploads;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use futures_util::future::join_all;
use futures_util::lock::Mutex;

pub use asking::{Answered, Asked, Asking};
pub use files::{Content, Opening, Sealing, Stored, Upload};
pub use identities::{Found, Identity, LockedVersion};
pub use session::{AuthorReport, Event, Session};

use crate::crypto::Engine;
use crate::encoding::check_login;
use crate::error::{Error, Result};
use crate::graph::Policy;
use crate::relay::Relay;
use crate::store::Store;
use crate::wire::notification::Status;

/// What a client is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Does the cryptography.
    pub engine: Engine,
    /// Where others can be reached.
    pub relay: Relay,
    /// What stays here.
    pub store: Store,
    /// Enters password derivation and logins; fixed for an application's life.
    pub application: String,
    /// Unix milliseconds.
    pub now: fn() -> u64,
    /// The application's own say in whose keys are relied on.
    pub policy: Option<Policy>,
}

/// How to connect.
#[derive(Clone, Copy, Debug)]
pub struct ConnectOptions {
    /// Register a login that is new.
    pub register: bool,
    /// The old keys are lost: where the secret opens none of them, begin a new keyset.
    pub reset: bool,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { register: true, reset: false }
    }
}

/// One application on one device. Holds any number of sessions.
#[derive(Debug)]
pub struct Client {
    setup: Setup,
    sessions: RefCell<Vec<Weak<Session>>>,
    /// Beginning to rest and being wiped come one after the other: what is wiped ends, and what begins afterwards rests.
    resting: Mutex<()>,
    closed: Cell<bool>,
}

impl Client {
    /// A client.
    pub fn open(setup: Setup) -> Result<Self> {
        // Both enter derivations, and may look the same without being it.
        check_login(&setup.application).map_err(|_| {
            Error::bad_input("an application's name has 1 to 256 bytes of UTF-8 in form C, without control characters")
        })?;
        check_login(setup.relay.id()).map_err(|_| {
            Error::bad_input("a relay's id has 1 to 256 bytes of UTF-8 in form C, without control characters")
        })?;
        Ok(Self { setup, sessions: RefCell::default(), resting: Mutex::default(), closed: Cell::new(false) })
    }

    /// Forgets this device's keys of a login, as clearing the browser does. Sessions of that login end.
    pub async fn lose_keys(&self, login: &str) -> Result<()> {
        check_login(login)?;
        let _turn = self.resting.lock().await;
        rest::wipe(&self.setup.store, login).await?;
        self.sessions_of(login).iter().for_each(|session| session.end());
        Ok(())
    }

    /// Says what is due, and ends every session; what rests in the store stays.
    pub async fn close(&self) {
        self.closed.set(true);
        let sessions: Vec<Rc<Session>> = self.sessions.take().iter().filter_map(Weak::upgrade).collect();
        join_all(sessions.iter().map(|session| session.flush_all())).await;
        for session in sessions {
            session.end();
        }
    }

    fn sessions_of(&self, login: &str) -> Vec<Rc<Session>> {
        self.sessions.borrow().iter().filter_map(Weak::upgrade).filter(|s| s.login() == login).collect()
    }

    fn track(&self, session: &Rc<Session>) {
        let mut sessions = self.sessions.borrow_mut();
        sessions.retain(|s| s.strong_count() > 0);
        sessions.push(Rc::downgrade(session));
    }
}

/// Reads a status from its name.
pub fn status(name: &str) -> Result<Status> {
    [Status::Pending, Status::Ongoing, Status::Completed, Status::Cancelled]
        .into_iter()
        .find(|s| s.as_str() == name)
        .ok_or_else(|| Error::bad_input("a status is pending, ongoing, completed or cancelled"))
}
