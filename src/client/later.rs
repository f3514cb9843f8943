//! What is said in the background: openings for the access log, and what one's other devices are to know. Neither changes
//! what a call gives, so no call waits for it.
//!
//! Whoever embeds the client says when: it is told that something is due, and has it said. Where nobody does, it is said
//! at once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use futures_util::future::{join_all, join3};
use futures_util::lock::Mutex;
use uuid::Uuid;

use super::Session;
use super::session::Event;
use crate::relay::Operation;

/// The most items that are noted in one operation.
const ITEMS_AT_ONCE: usize = 1024;

/// An item that was opened.
struct Note {
    item: Uuid,
    version: u32,
    /// The grant by which it is held.
    basis: Uuid,
    /// For whom it was opened: oneself, or an identity that one acts for.
    acting_as: String,
}

/// What is to be said.
#[derive(Default)]
pub(super) struct Later {
    notes: RefCell<Vec<Note>>,
    publish: Cell<bool>,
    /// Whether the relay told of something while one wrote oneself.
    echo: Cell<bool>,
    due: Cell<bool>,
    tell: RefCell<Option<Rc<dyn Fn()>>>,
    /// Held while something is said: whoever locks or signs out waits for that, so that no copy of a key outlives it.
    saying: Mutex<()>,
}

impl Later {
    /// Nothing more is said.
    pub(super) fn end(&self) {
        self.notes.take();
        self.tell.take();
    }
}

impl Session {
    /// Says things in the background from now on: `tell` is called when something is due, once until [`Session::flush`].
    pub fn in_background(&self, tell: impl Fn() + 'static) {
        *self.later.tell.borrow_mut() = Some(Rc::new(tell));
    }

    /// The relay has something new. What it tells of while one writes oneself is mostly that: no call waits for it.
    pub(super) fn heard(&self) {
        if !self.me().is_writing() || self.later.tell.borrow().is_none() {
            return self.delegation().mark_stale();
        }
        self.later.echo.set(true);
        self.due();
    }

    /// Reads what the relay told of meanwhile.
    async fn hear_echo(&self) {
        if !self.later.echo.take() {
            return;
        }
        self.delegation().mark_stale();
        let Ok(me) = self.open() else { return };
        let outcome = self.delegation().hear(me).await;
        if self.keeping(outcome).await.is_ok() && self.delegation().has_news() {
            self.emit(Event::Changed);
        }
    }

    /// Says what is due. What cannot be said now is said another time, or never: the relay is not there.
    pub async fn flush(&self) {
        let _turn = self.later.saying.lock().await;
        self.later.due.set(false);
        let publish = self.later.publish.take();
        let notes = self.later.notes.take();
        if self.ended() || self.locked() {
            return;
        }
        let mut by_identity: BTreeMap<&str, Vec<&Note>> = BTreeMap::new();
        notes.iter().for_each(|note| by_identity.entry(&note.acting_as).or_default().push(note));
        let mut operations = Vec::new();
        for (acting_as, notes) in by_identity {
            operations.extend(notes.chunks(ITEMS_AT_ONCE).map(|part| opened(acting_as, part, None)));
        }
        let noting = join_all(operations.iter().map(|operation| self.me().call(operation)));
        let publishing = async {
            if publish {
                self.publish().await;
            }
        };
        // They travel together.
        join3(noting, publishing, self.hear_echo()).await;
    }

    /// The same, of this session and those that act for others in its place.
    pub(super) async fn flush_all(&self) {
        let children: Vec<Rc<Session>> = self.children.borrow().iter().filter_map(Weak::upgrade).collect();
        join_all(children.iter().map(|child| child.flush())).await;
        self.flush().await;
    }

    /// Tells the relay that an item was opened; with a reason at once, because somebody waits for it to be there. That it
    /// cannot be told changes nothing for the one who opened it.
    pub(super) async fn note_opening(
        &self,
        (item, version, basis): (Uuid, u32, Uuid),
        through: Option<&super::acting::Through>,
        reason: Option<&str>,
    ) {
        let login = through.map_or(self.login(), |through| &through.principal.login);
        let note = Note { item, version, basis, acting_as: login.to_owned() };
        if reason.is_some() || self.later.tell.borrow().is_none() {
            drop(self.me().call(&opened(login, &[&note], reason)).await);
            return;
        }
        self.later.notes.borrow_mut().push(note);
        self.due();
    }

    /// Says soon what this device remembers, for one's others.
    pub(super) async fn publish_later(&self) {
        if self.parent.is_some() {
            return;
        }
        if self.later.tell.borrow().is_none() {
            return self.publish().await;
        }
        self.later.publish.set(true);
        self.due();
    }

    /// Says at once what a person just decided.
    pub(super) async fn publish_now(&self) {
        if self.later.publish.take() {
            self.publish().await;
        }
    }

    fn due(&self) {
        let tell = self.later.tell.borrow().clone();
        if let Some(tell) = tell
            && !self.later.due.replace(true)
        {
            tell();
        }
    }
}

fn opened(acting_as: &str, notes: &[&Note], reason: Option<&str>) -> Operation {
    let mut basis: Vec<Uuid> = notes.iter().map(|note| note.basis).collect();
    basis.sort_unstable();
    basis.dedup();
    Operation::Opened {
        items: notes.iter().map(|note| (note.item, note.version)).collect(),
        basis,
        acting_as: acting_as.to_owned(),
        reason: reason.map(str::to_owned),
    }
}
