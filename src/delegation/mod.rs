//! What: sealing items, granting, revoking and opening them (protocol section 5).
//!
//! Holds what the relay's log told so far: exchange keys and grants, opened when first needed.

mod compact;
mod exchange;
mod files;
mod give;
mod open;
mod revoke;
mod seal;
mod stream;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use uuid::Uuid;

use crate::encoding::Hash;
use crate::error::Result;
use crate::graph::Principal;
use crate::relay::{Event, ExchangeRecord, GrantRecord, Operation, Reply, unexpected};
use crate::secret::Key32;

pub use exchange::make_wrap;
pub use files::{StoredItem, UploadPlan};
pub use give::Reader;
pub use open::{Author, AuthorBy, Opened};
pub use revoke::RevokeReport;
pub use seal::{Draft, SealOptions, SealedItem};
pub use stream::{ItemOpener, ItemSealer};

/// An exchange key, and the key itself once it was opened.
#[derive(Clone, Debug)]
pub struct Exchanged {
    /// The record with its wraps.
    pub record: Rc<ExchangeRecord>,
    key: Option<Key32>,
    /// The own keyset whose signature on the record, and on its wrap for the delegate, was verified for sealing.
    sealable: Option<Hash>,
}

#[derive(Clone, Debug)]
struct Granted {
    record: Rc<GrantRecord>,
    /// The entries' data keys in order, once the grant was checked and opened.
    keys: Option<Rc<Vec<Key32>>>,
}

/// Everything a session knows of exchange keys and grants.
#[derive(Debug)]
pub struct Delegation {
    cursor: Cell<u64>,
    stale: Cell<bool>,
    /// How many calls are reading at this moment.
    reading: Cell<usize>,
    exchanges: RefCell<HashMap<Uuid, Exchanged>>,
    grants: RefCell<HashMap<Uuid, Granted>>,
    by_item: RefCell<BTreeMap<Uuid, Vec<Uuid>>>,
    /// The highest version opened of each item: an older one is refused afterwards.
    highest: RefCell<HashMap<Uuid, u32>>,
    news: Cell<News>,
}

/// What a sync brought, for events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Somebody gave access, or access back.
    pub granted: bool,
    /// A notification arrived.
    pub notified: bool,
}

impl Default for Delegation {
    fn default() -> Self {
        Self {
            cursor: Cell::new(0),
            stale: Cell::new(true),
            reading: Cell::new(0),
            exchanges: RefCell::default(),
            grants: RefCell::default(),
            by_item: RefCell::default(),
            highest: RefCell::default(),
            news: Cell::default(),
        }
    }
}

impl Delegation {
    /// Says that the relay has something new.
    pub fn mark_stale(&self) {
        self.stale.set(true);
    }

    /// Forgets every key, and everything that was read: the next sync reads it again.
    pub fn forget(&self) {
        self.cursor.set(0);
        self.stale.set(true);
        self.exchanges.borrow_mut().clear();
        self.grants.borrow_mut().clear();
        self.by_item.borrow_mut().clear();
    }

    /// What the syncs since the last call brought.
    pub fn take_news(&self) -> News {
        self.news.take()
    }

    /// Reads what is new, if there may be something.
    pub async fn sync(&self, me: &Principal) -> Result<()> {
        // A reading that another call began may not be done: what it brings is not known yet, so this call reads too.
        let mut wanted = self.stale.replace(false) || self.reading.get() > 0;
        while wanted {
            self.reading.set(self.reading.get() + 1);
            let outcome = self.read_on(me).await;
            self.reading.set(self.reading.get() - 1);
            if let Err(error) = outcome {
                self.stale.set(true);
                return Err(error);
            }
            wanted = self.stale.replace(false);
        }
        Ok(())
    }

    async fn read_on(&self, me: &Principal) -> Result<()> {
        loop {
            let after = self.cursor.get();
            let Reply::Events { events, next, more } = me.call(&Operation::Sync { after }).await? else {
                return Err(unexpected());
            };
            if next < after {
                // The relay has gone back, to a backup for example: everything is read anew.
                self.forget();
                continue;
            }
            if self.cursor.get() != after {
                // Another call was faster: an older page applied after a newer one would bring revoked grants back.
                continue;
            }
            for event in events {
                self.apply(me, event);
            }
            self.cursor.set(after.max(next));
            if !more || next <= after {
                return Ok(());
            }
        }
    }

    fn apply(&self, me: &Principal, event: Event) {
        let mut news = self.news.get();
        match event {
            Event::Exchange(record) => {
                let mut exchanges = self.exchanges.borrow_mut();
                // The opened key is kept only for the very record it was opened for: a relay may change the pair.
                let known = exchanges.get(&record.exchange.id).filter(|e| e.record.exchange == record.exchange);
                let key = known.and_then(|e| e.key.clone());
                let sealable = known.filter(|e| *e.record == *record).and_then(|e| e.sealable);
                exchanges.insert(record.exchange.id, Exchanged { record: Rc::new(*record), key, sealable });
                news.granted = true;
            }
            Event::Grant(record) => {
                // Grants that were only put together bring nothing.
                let brings = record.grant.entries.iter().any(|e| !self.by_item.borrow().contains_key(&e.0));
                let others = record.grant.grantor_fingerprint
                    != me.current().map_or(record.grant.grantor_fingerprint, |k| k.fingerprint);
                news.granted |= others && (brings || record.grant.entries.len() == 1);
                self.insert(*record, None);
            }
            Event::GrantRemoved(id) => self.remove(id),
            Event::Revoked(revocation) => {
                for id in &revocation.grants {
                    let Some(granted) = self.grants.borrow().get(id).cloned() else { continue };
                    let mut record = (*granted.record).clone();
                    for (item, version) in &revocation.items {
                        let listed = record.grant.entries.iter().any(|e| e.0 == *item && e.1 <= *version);
                        if listed && !record.cuts.contains(item) {
                            record.cuts.push(*item);
                        }
                    }
                    self.insert(record, granted.keys);
                }
            }
            Event::Notified(_) => news.notified = true,
        }
        self.news.set(news);
    }

    fn insert(&self, record: GrantRecord, keys: Option<Rc<Vec<Key32>>>) {
        let id = record.grant.id;
        // What was opened stays open for the very same grant.
        let known =
            self.grants.borrow().get(&id).filter(|g| g.record.grant == record.grant).and_then(|g| g.keys.clone());
        let keys = keys.or(known);
        self.remove(id);
        let mut by_item = self.by_item.borrow_mut();
        let mut last = None;
        for entry in &record.grant.entries {
            // Entries of one item stand together in what this client writes.
            if last != Some(entry.0) && !record.cuts.contains(&entry.0) {
                let grants = by_item.entry(entry.0).or_default();
                if !grants.contains(&id) {
                    grants.push(id);
                }
            }
            last = Some(entry.0);
        }
        self.grants.borrow_mut().insert(id, Granted { record: Rc::new(record), keys });
    }

    fn remove(&self, id: Uuid) {
        let Some(old) = self.grants.borrow_mut().remove(&id) else { return };
        let mut by_item = self.by_item.borrow_mut();
        for entry in &old.record.grant.entries {
            if let Some(grants) = by_item.get_mut(&entry.0) {
                grants.retain(|g| *g != id);
                if grants.is_empty() {
                    by_item.remove(&entry.0);
                }
            }
        }
    }

    /// Exchange keys that concern a login, known so far.
    pub fn exchanges_of(&self, login: &str) -> Vec<Exchanged> {
        let mut all: Vec<Exchanged> =
            self.exchanges.borrow().values().filter(|e| e.record.exchange.concerns(login)).cloned().collect();
        all.sort_by_key(|e| (e.record.exchange.created, e.record.exchange.id));
        all
    }

    /// Everybody with whom an exchange key is shared, without oneself.
    pub fn contacts(&self, me: &str) -> Vec<String> {
        let exchanges = self.exchanges.borrow();
        let parties = exchanges.values().flat_map(|e| [&e.record.exchange.delegator, &e.record.exchange.delegate]);
        let unique: std::collections::BTreeSet<String> = parties.filter(|login| *login != me).cloned().collect();
        unique.into_iter().collect()
    }

    /// The items that some current grant names.
    fn items(&self) -> Vec<Uuid> {
        self.by_item.borrow().keys().copied().collect()
    }

    /// The current grants of one item, newest first.
    fn grants_of(&self, item: Uuid, now: u64) -> Vec<Rc<GrantRecord>> {
        let ids = self.by_item.borrow().get(&item).cloned().unwrap_or_default();
        let grants = self.grants.borrow();
        let mut out: Vec<Rc<GrantRecord>> = ids
            .iter()
            .filter_map(|id| grants.get(id))
            .map(|g| g.record.clone())
            .filter(|r| r.grant.is_current(now))
            .collect();
        out.sort_by_key(|r| std::cmp::Reverse(r.grant.created));
        out
    }

    fn known_items(&self, wanted: Option<&[Uuid]>) -> Vec<Uuid> {
        match wanted {
            None => self.items(),
            Some(items) => {
                let mut seen = HashSet::new();
                items.iter().filter(|i| seen.insert(**i)).copied().collect()
            }
        }
    }
}
