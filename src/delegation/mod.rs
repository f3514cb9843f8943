//! What: sealing items, granting, revoking and opening them (protocol section 5).
//!
//! Holds what the relay's log told so far: exchange keys and grants, opened when first needed.

mod carry;
mod compact;
mod exchange;
mod files;
mod give;
mod keys;
mod open;
mod origin;
mod renewed;
mod rested;
mod revoke;
mod seal;
mod shelf;
mod stream;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use futures_util::lock::Mutex;
use uuid::Uuid;

use crate::encoding::Hash;
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::relay::{Event, ExchangeRecord, GrantRecord, Operation, ReachedThrough, Reply, unexpected};
use crate::secret::Key32;
use keys::Keys;

pub use exchange::make_wrap;
pub use files::{StoredItem, UploadPlan};
pub use give::Reader;
pub use open::{Author, AuthorBy, Older, Opened};
pub use renewed::Resigned;
pub use revoke::{Losing, RevokeReport};
pub use seal::{After, Draft, SealOptions, SealedItem};
pub use shelf::{Added, SHARDS, Shelf, shard_key};
pub use stream::{ItemOpener, ItemSealer};

/// How many pages of the log one call reads: a relay may name ever more.
const PAGES_AT_ONCE: usize = 1024;
/// The most items that are removed in one operation.
const ITEMS_AT_ONCE: usize = 256;

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
    keys: Option<Keys>,
}

/// Everything a session knows of exchange keys and grants.
#[derive(Debug)]
pub struct Delegation {
    /// How far the log was read. Absent: from nowhere yet.
    cursor: Cell<Option<u64>>,
    /// Whether it was read from its beginning. Otherwise what is needed is asked for, and the log says what is new of it.
    complete: Cell<bool>,
    /// Whether it is being read from its beginning.
    whole: Cell<bool>,
    /// Items all of which was read that concerns oneself, and logins with whom all exchange keys were.
    items_read: RefCell<HashSet<Uuid>>,
    met: RefCell<HashSet<String>>,
    /// Versions of items that calls wait for, and whose turn it is to ask for all of them.
    wanted: RefCell<BTreeMap<Uuid, u32>>,
    asking: Mutex<()>,
    stale: Cell<bool>,
    /// How many calls are reading at this moment.
    reading: Cell<usize>,
    exchanges: RefCell<HashMap<Uuid, Exchanged>>,
    grants: RefCell<HashMap<Uuid, Granted>>,
    by_item: RefCell<BTreeMap<Uuid, Vec<Uuid>>>,
    /// How many grants are known that may be put together, by exchange key: see `compact`.
    small: RefCell<HashMap<Uuid, usize>>,
    news: Cell<News>,
    /// What one gave with keys that were renewed since, to be signed anew.
    to_sign: RefCell<Vec<Rc<GrantRecord>>>,
    /// Items that one put away, or whose owner deleted them.
    away: RefCell<HashSet<Uuid>>,
    /// Whether this login said something since that was asked last.
    said: Cell<bool>,
    /// Whether the log told since that was asked last that something is shared with this login in another way.
    changed: Cell<bool>,
    /// Grants to oneself that were sent, and the relay did not say whether it has them.
    unanswered: RefCell<HashSet<Uuid>>,
    /// Grants that one put together, and into what, of which the log did not tell yet.
    compacted: RefCell<HashSet<Uuid>>,
    /// Whose this is.
    owner: RefCell<Option<String>>,
    /// What the relay said of items that are reached through others.
    reached: RefCell<Vec<ReachedThrough>>,
    /// What rests of opened items, where keys may rest.
    shelf: RefCell<Option<Rc<Shelf>>>,
}

/// What a sync brought, for events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Somebody gave access, or access back.
    pub granted: bool,
    /// A notification arrived.
    pub notified: bool,
    /// Somebody asks for access, or answered.
    pub asked: bool,
}

impl Default for Delegation {
    fn default() -> Self {
        Self {
            cursor: Cell::default(),
            complete: Cell::default(),
            whole: Cell::default(),
            items_read: RefCell::default(),
            met: RefCell::default(),
            wanted: RefCell::default(),
            asking: Mutex::default(),
            stale: Cell::default(),
            reading: Cell::new(0),
            exchanges: RefCell::default(),
            grants: RefCell::default(),
            by_item: RefCell::default(),
            small: RefCell::default(),
            news: Cell::default(),
            to_sign: RefCell::default(),
            away: RefCell::default(),
            said: Cell::new(true),
            changed: Cell::default(),
            unanswered: RefCell::default(),
            compacted: RefCell::default(),
            owner: RefCell::default(),
            reached: RefCell::default(),
            shelf: RefCell::default(),
        }
    }
}

impl Delegation {
    /// Goes on from a place in the log.
    pub fn begin_at(&self, cursor: Option<u64>) {
        self.cursor.set(cursor);
    }

    /// Goes by what rests of opened items on this device, too, from now on; or no more.
    pub fn rest_on(&self, shelf: Option<Rc<Shelf>>) {
        if let Some(before) = self.shelf.replace(shelf) {
            before.clear();
        }
    }

    /// What rests of opened items on this device.
    pub fn shelf(&self) -> Option<Rc<Shelf>> {
        self.shelf.borrow().clone()
    }

    /// How far the log was read.
    pub fn heard_until(&self) -> Option<u64> {
        self.cursor.get()
    }

    /// Says that the relay has something new.
    pub fn mark_stale(&self) {
        self.stale.set(true);
    }

    /// Whether the relay may have something new.
    pub fn is_stale(&self) -> bool {
        self.stale.get() || self.reading.get() > 0
    }

    /// Forgets every key, and everything that was read: what is needed is asked for again.
    pub fn forget(&self) {
        self.cursor.set(None);
        self.complete.set(false);
        self.whole.set(false);
        self.items_read.borrow_mut().clear();
        self.met.borrow_mut().clear();
        self.said.set(true);
        self.exchanges.borrow_mut().clear();
        self.grants.borrow_mut().clear();
        self.by_item.borrow_mut().clear();
        self.small.borrow_mut().clear();
        self.compacted.borrow_mut().clear();
        self.reached.borrow_mut().clear();
        self.away.borrow_mut().clear();
    }

    /// Notes that this login may have said something.
    pub fn mark_said(&self) {
        self.said.set(true);
    }

    /// Whether this login may have said something, here or elsewhere, since that was asked last.
    pub fn take_said(&self) -> bool {
        self.said.take()
    }

    /// Whether what is shared with this login may have changed since that was asked last.
    pub fn take_changed(&self) -> bool {
        self.changed.take()
    }

    /// Whether there is something that [`Delegation::take_news`] would give.
    pub fn has_news(&self) -> bool {
        self.news.get() != News::default()
    }

    /// Adds what came to somebody whom one acts for.
    pub fn add_news(&self, others: News) {
        let mut news = self.news.get();
        news.granted |= others.granted;
        news.asked |= others.asked;
        self.news.set(news);
    }

    /// What the syncs since the last call brought.
    pub fn take_news(&self) -> News {
        self.news.take()
    }

    /// Reads what is new, if there may be something.
    pub async fn hear(&self, me: &Principal) -> Result<()> {
        // A reading that another call began may not be done: what it brings is not known yet, so this call reads too.
        let mut wanted = self.stale.replace(false) || self.reading.get() > 0;
        while wanted {
            self.read(me).await?;
            wanted = self.stale.replace(false);
        }
        Ok(())
    }

    /// Reads everything that there is, which is as much as there is: for what is done with all items.
    pub async fn read_all(&self, me: &Principal) -> Result<()> {
        self.stale.set(true);
        if !self.complete.get() {
            self.cursor.set(Some(0));
            self.whole.set(true);
        }
        self.hear(me).await?;
        self.complete.set(true);
        Ok(())
    }

    async fn read(&self, me: &Principal) -> Result<()> {
        self.reading.set(self.reading.get() + 1);
        let outcome = self.read_on(me).await;
        self.reading.set(self.reading.get() - 1);
        if outcome.is_err() {
            self.stale.set(true);
        }
        outcome
    }

    /// What a reading asks first.
    pub fn asked_by_hearing(&self) -> Operation {
        Operation::Sync { after: self.cursor.get(), whole: self.whole.get() }
    }

    async fn read_on(&self, me: &Principal) -> Result<()> {
        *self.owner.borrow_mut() = Some(me.login.clone());
        let mut went_back = false;
        for _ in 0..PAGES_AT_ONCE {
            let from = self.cursor.get();
            let Reply::Events { events, next, more } = me.call(&self.asked_by_hearing()).await? else {
                return Err(unexpected());
            };
            let Some(after) = from else {
                // From here on: what is needed of what was before is asked for.
                self.begin_from(me, next);
                return Ok(());
            };
            if next < after {
                // The relay has gone back, to a backup for example: everything is read anew. Not in a circle, though.
                if std::mem::replace(&mut went_back, true) {
                    return Err(unexpected());
                }
                let all = self.complete.get();
                self.lapse_all(me, None);
                self.forget();
                self.cursor.set(all.then_some(0));
                self.whole.set(all);
                // It is read right here.
                self.stale.set(false);
                continue;
            }
            if self.cursor.get() != from {
                // Another call was faster: an older page applied after a newer one would bring revoked grants back.
                continue;
            }
            let mut lapsed = Vec::new();
            for event in events {
                lapsed.extend(self.lapsed_by(&event));
                self.apply(me, event);
            }
            self.cursor.set(Some(after.max(next)));
            self.note_lapsed(me, &lapsed);
            if !more || next <= after {
                return Ok(());
            }
        }
        // What was read stays read: the next call goes on there.
        Err(Error::new(Code::RelayUnavailable, "the relay's log goes on and on: call again to read further"))
    }

    /// Reads what there is of some items, where that is not known yet.
    pub async fn need(&self, me: &Principal, items: &[Uuid]) -> Result<()> {
        self.hear(me).await?;
        if self.complete.get() {
            return Ok(());
        }
        let missing: Vec<Uuid> = {
            let known = self.items_read.borrow();
            let mut seen = HashSet::new();
            items.iter().filter(|item| !known.contains(item) && seen.insert(**item)).copied().collect()
        };
        self.ask(me, &missing, &[]).await
    }

    /// Asks the relay for those of some versions of items that are not known.
    pub async fn expect(&self, me: &Principal, mut wanted: Vec<(Uuid, u32)>) -> Result<()> {
        self.hear(me).await?;
        let now = me.now();
        loop {
            // A grant often gives more than what it was asked for.
            wanted.retain(|(item, version)| self.basis_of(*item, *version, now).is_none());
            wanted = self.not_rested(me, wanted).await;
            if wanted.is_empty() {
                return Ok(());
            }
            let part: Vec<Uuid> = wanted.drain(..wanted.len().min(ITEMS_AT_ONCE)).map(|(item, _)| item).collect();
            self.ask(me, &part, &[]).await?;
        }
    }

    /// Asks the relay for a version of an item that is not known; what other calls want meanwhile goes with the next request.
    pub(super) async fn ask_for(&self, me: &Principal, item: Uuid, version: u32) -> Result<()> {
        self.wanted.borrow_mut().insert(item, version);
        let _turn = self.asking.lock().await;
        if !self.wanted.borrow().contains_key(&item) {
            return Ok(());
        }
        let now = me.now();
        let mut all = self.wanted.take();
        // What came with others is there.
        all.retain(|one, version| *one == item || self.basis_of(*one, *version, now).is_none());
        let items: Vec<Uuid> = all.keys().copied().collect();
        let outcome = self.ask(me, &items, &[]).await;
        if outcome.is_err() {
            all.remove(&item);
            self.wanted.borrow_mut().extend(all);
        }
        outcome
    }

    /// What [`Delegation::need`] asks of an item, where that is not known yet.
    pub(super) fn asked_by_need(&self, item: Uuid) -> Option<Operation> {
        let known = self.complete.get() || self.items_read.borrow().contains(&item);
        (!known).then(|| Operation::Grants { items: vec![item], to: Vec::new(), after: None })
    }

    /// Asks the relay what there is of some items, and what one gave some logins of them.
    pub(super) async fn ask(&self, me: &Principal, items: &[Uuid], to: &[String]) -> Result<()> {
        *self.owner.borrow_mut() = Some(me.login.clone());
        for part in items.chunks(ITEMS_AT_ONCE) {
            let (mut left, mut after) = (part, None);
            let mut shown = HashSet::new();
            for _ in 0..PAGES_AT_ONCE {
                let operation = Operation::Grants { items: left.to_vec(), to: to.to_vec(), after: after.clone() };
                let Reply::Grants { grants, exchanges, head, more, through } = me.call(&operation).await? else {
                    return Err(unexpected());
                };
                shown.extend(self.take_shown(me, head, grants, exchanges));
                if let Some(through) = through {
                    self.reached.borrow_mut().push(*through);
                }
                let Some((at, next)) = more else {
                    left = &[];
                    break;
                };
                if at >= left.len() || (at == 0 && after.as_ref() == Some(&next)) {
                    return Err(unexpected());
                }
                (left, after) = (&left[at..], Some(next));
            }
            if !left.is_empty() {
                return Err(Error::new(Code::RelayUnavailable, "the relay names ever more grants of one item"));
            }
            self.forget_others(me, part, to, &shown);
            // Nothing negative is remembered: a grant may arrive without a wake-up.
            let by_item = self.by_item.borrow();
            self.items_read.borrow_mut().extend(part.iter().filter(|item| by_item.contains_key(item)));
        }
        Ok(())
    }

    /// Takes what the relay shows of grants, as of a number of the log. Gives their ids.
    pub fn take_shown(
        &self,
        me: &Principal,
        head: u64,
        grants: Vec<GrantRecord>,
        exchanges: Vec<ExchangeRecord>,
    ) -> Vec<Uuid> {
        *self.owner.borrow_mut() = Some(me.login.clone());
        self.begin_from(me, head);
        if self.cursor.get().is_some_and(|cursor| cursor > head) {
            // What was read of the log meanwhile may say that this is over: it is read again.
            self.cursor.set(Some(head));
            self.mark_stale();
        }
        exchanges.into_iter().for_each(|record| self.keep_exchange(record));
        let ids = grants.iter().map(|record| record.grant.id).collect();
        for record in grants {
            self.insert(self.without_ended(me, Rc::new(record)), None);
        }
        ids
    }

    /// What the relay said since the last call of items that are reached through others.
    pub fn take_reached(&self) -> Vec<ReachedThrough> {
        self.reached.take()
    }

    /// Forgets grants of some items to oneself and to some logins that the relay does not show any more.
    fn forget_others(&self, me: &Principal, items: &[Uuid], to: &[String], shown: &HashSet<Uuid>) {
        let asked = |record: &GrantRecord| record.grant.delegate == me.login || to.contains(&record.grant.delegate);
        let gone: Vec<Uuid> = {
            let (by_item, grants) = (self.by_item.borrow(), self.grants.borrow());
            let known = items.iter().filter_map(|item| by_item.get(item)).flatten();
            let gone = known.filter(|id| !shown.contains(id) && grants.get(id).is_some_and(|g| asked(&g.record)));
            gone.copied().collect()
        };
        gone.into_iter().for_each(|id| self.remove(id));
    }

    /// Reads the exchange keys with some logins, where they are not known yet.
    pub async fn meet(&self, me: &Principal, logins: &[String]) -> Result<()> {
        let missing = self.unmet(logins);
        for part in missing.chunks(ITEMS_AT_ONCE) {
            let reply = me.call(&Operation::Exchanges { with: part.to_vec() }).await?;
            let Reply::Exchanges { exchanges } = reply else { return Err(unexpected()) };
            exchanges.into_iter().for_each(|record| self.keep_exchange(record));
            self.met.borrow_mut().extend(part.iter().cloned());
        }
        Ok(())
    }

    /// Those of some logins of whom it is not known which exchange keys there are.
    pub fn unmet(&self, logins: &[String]) -> Vec<String> {
        if self.complete.get() {
            return Vec::new();
        }
        let met = self.met.borrow();
        logins.iter().filter(|login| !met.contains(*login)).cloned().collect()
    }

    fn keep_exchange(&self, record: ExchangeRecord) {
        let mut exchanges = self.exchanges.borrow_mut();
        // The opened key is kept only for the very record it was opened for: a relay may change the pair.
        let known = exchanges.get(&record.exchange.id).filter(|e| e.record.exchange == record.exchange);
        let key = known.and_then(|e| e.key.clone());
        let sealable = known.filter(|e| *e.record == record).and_then(|e| e.sealable);
        exchanges.insert(record.exchange.id, Exchanged { record: Rc::new(record), key, sealable });
    }

    fn apply(&self, me: &Principal, event: Event) {
        let mut news = self.news.get();
        match event {
            Event::Exchange(record) => {
                // Access that comes back is a wrap for one's own keys; what one makes for others is no news.
                let current = me.current_fingerprint();
                let wrapped = |r: &ExchangeRecord| r.wraps.iter().any(|w| Some(w.recipient) == current);
                let before = self.exchanges.borrow().get(&record.exchange.id).is_some_and(|e| wrapped(&e.record));
                let by_others = Some(record.exchange.delegator_fingerprint) != current;
                news.granted |= by_others && !before && wrapped(&record);
                self.keep_exchange(*record);
            }
            Event::Grant(record) => {
                let record = self.without_ended(me, record);
                // Grants that were only put together or written anew bring nothing.
                let again = self.grants.borrow().contains_key(&record.grant.id);
                let brings = || record.grant.entries.iter().any(|e| !self.by_item.borrow().contains_key(&e.0));
                let others = record.grant.grantor_fingerprint
                    != me.current_fingerprint().unwrap_or(record.grant.grantor_fingerprint);
                news.granted |= others && !again && (record.grant.entries.len() == 1 || brings());
                self.insert(record, None);
            }
            Event::Given { id, again, .. } if self.is_own_writing(id, again) => {
                self.compacted.borrow_mut().remove(&id);
            }
            Event::Given { id, by, to, again } => {
                news.granted |= to && !again && Some(by) != me.current_fingerprint();
                // What it gives is asked for when it is needed; of what it may be about, not all is known any more.
                self.remove(id);
                self.items_read.borrow_mut().clear();
            }
            Event::GrantRemoved(id) => {
                self.compacted.borrow_mut().remove(&id);
                self.remove(id);
            }
            Event::Revoked(revocation) => {
                me.note_revocation(&revocation);
                for id in &revocation.grants {
                    let Some(granted) = self.grants.borrow().get(id).cloned() else { continue };
                    let mut record = (*granted.record).clone();
                    for (item, version) in &revocation.items {
                        let listed = record.grant.entries.iter().any(|e| e.0 == *item && e.1 <= *version);
                        if listed && !record.cuts.contains(item) {
                            record.cuts.push(*item);
                        }
                    }
                    self.insert(Rc::new(record), granted.keys);
                }
            }
            Event::Notified(_) => news.notified = true,
            Event::Asked(_) => news.asked = true,
            Event::ItemsRemoved(items) => self.put_away(&items),
            Event::Said => self.said.set(true),
            Event::Changed => self.changed.set(true),
        }
        self.news.set(news);
    }

    /// A grant of one's own, with what one knows of that ended: as if the relay had cut it, so that it is never put
    /// together with others, and written anew without that.
    fn without_ended(&self, me: &Principal, record: Rc<GrantRecord>) -> Rc<GrantRecord> {
        let exchanges = self.exchanges.borrow();
        let exchange = exchanges.get(&record.grant.exchange).map(|e| &e.record.exchange);
        let Some(exchange) = exchange.filter(|e| e.delegator == me.login) else { return record };
        let ended = me.ended_of(exchange, &record.grant);
        if ended.iter().all(|item| record.cuts.contains(item)) {
            return record;
        }
        let mut changed = (*record).clone();
        changed.cuts.extend(ended);
        changed.cuts.sort_unstable();
        changed.cuts.dedup();
        Rc::new(changed)
    }

    fn insert(&self, record: Rc<GrantRecord>, keys: Option<Keys>) {
        let id = record.grant.id;
        if let Some(known) = self.grants.borrow().get(&id) {
            // What one wrote oneself comes back as it was written.
            if keys.is_none() && self.away.borrow().is_empty() && known.record == record {
                return;
            }
        }
        // What was opened stays open for the very same grant.
        let known =
            self.grants.borrow().get(&id).filter(|g| g.record.grant == record.grant).and_then(|g| g.keys.clone());
        let keys = keys.or(known);
        self.remove(id);
        let mut by_item = self.by_item.borrow_mut();
        let mut last = None;
        for entry in &record.grant.entries {
            // Entries of one item stand together in what this client writes.
            if last != Some(entry.0) && self.counts(&record, entry.0) {
                let grants = by_item.entry(entry.0).or_default();
                if !grants.contains(&id) {
                    grants.push(id);
                }
            }
            last = Some(entry.0);
        }
        if let Some(under) = compact::small_under(&record) {
            *self.small.borrow_mut().entry(under).or_default() += 1;
        }
        self.grants.borrow_mut().insert(id, Granted { record, keys });
    }

    /// Items that are gone for oneself. What is given later is there again.
    fn put_away(&self, items: &[Uuid]) {
        let mut by_item = self.by_item.borrow_mut();
        for item in items {
            by_item.remove(item);
        }
        self.away.borrow_mut().extend(items);
    }

    /// Whether an item of a grant counts: one that was put away does so only where somebody gave it anew. The relay cut
    /// it from what one had been given, but not from what one gave to others.
    fn counts(&self, record: &GrantRecord, item: Uuid) -> bool {
        if record.cuts.contains(&item) {
            return false;
        }
        if !self.away.borrow().contains(&item) {
            return true;
        }
        let exchanges = self.exchanges.borrow();
        let to_me = exchanges
            .get(&record.grant.exchange)
            .is_some_and(|e| Some(&e.record.exchange.delegate) == self.owner.borrow().as_ref());
        to_me && self.away.borrow_mut().remove(&item)
    }

    fn remove(&self, id: Uuid) {
        let Some(old) = self.grants.borrow_mut().remove(&id) else { return };
        if let Some(under) = compact::small_under(&old.record)
            && let Some(count) = self.small.borrow_mut().get_mut(&under)
        {
            *count -= 1;
        }
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

    /// Whether some current grant that is known names an item.
    pub fn knows(&self, item: Uuid) -> bool {
        self.by_item.borrow().contains_key(&item)
    }

    /// Puts items away for oneself or, if `hard`, deletes what one owns for everybody.
    pub async fn remove_items(&self, me: &Principal, items: &[Uuid], hard: bool) -> Result<()> {
        for part in items.chunks(ITEMS_AT_ONCE) {
            me.call(&Operation::RemoveItems { items: part.to_vec(), hard }).await?;
        }
        self.mark_stale();
        self.hear(me).await
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

    /// The newest grant that gives a version of an item.
    pub fn basis_of(&self, item: Uuid, version: u32, now: u64) -> Option<Uuid> {
        let gives = |record: &&Rc<GrantRecord>| record.grant.entries.iter().any(|e| e.key() == (item, version));
        self.grants_of(item, now).iter().find(gives).map(|record| record.grant.id)
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
