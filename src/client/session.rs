//! A session: one login, connected. Every call goes down to the layer that does it, and straight back.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::{Rc, Weak};

use futures_util::lock::Mutex;

use super::Setup;
use super::acting::Through;
use super::later::Later;
use super::remembered::{self, Remembered};
use super::rest::{self, Why};
use crate::crypto::keys::RestKey;
use crate::delegation::{Delegation, Resigned};
use crate::error::{Code, Error, Result};
use crate::graph::{Principal, SharingChange, TrustNews};
use crate::keyring::{self, OwnKey, Secret};
use crate::relay::{Operation, OwnKeyset, Subscription, unexpected};
use crate::secret::wipe_stack;
use crate::wire::keyset::Keyset;

pub use crate::delegation::Author as AuthorReport;

/// Something that a page may want to react to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The keys were locked.
    Locked,
    /// Something that concerns this login changed at the relay.
    Changed,
    /// The session ended: its keys are gone from this device.
    SignedOut,
    /// A notification arrived.
    Notification,
    /// Somebody gave access, or gave it back.
    Granted,
    /// Somebody asks for access, or answered.
    Access,
    /// Somebody's keys changed, or can be relied on again.
    Trust,
    /// There is something to warn of.
    Warning,
    /// There is something for [`Session::keep`] to store, which costs as much for one as for many. Not for the application.
    Noted,
}

impl Event {
    /// The name, as `session.on` takes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Changed => "changed",
            Self::SignedOut => "signedout",
            Self::Notification => "notification",
            Self::Granted => "granted",
            Self::Access => "access",
            Self::Trust => "trust",
            Self::Warning => "warning",
            Self::Noted => "noted",
        }
    }
}

type Listener = Rc<dyn Fn(Event)>;

/// One login, connected.
pub struct Session {
    setup: Setup,
    me: Rc<Principal>,
    delegation: Rc<Delegation>,
    keyset: RefCell<Keyset>,
    /// What boxes the memory at rest, and after it what may have boxed it before; none when locked.
    rests: RefCell<Vec<RestKey>>,
    is_new: bool,
    ended: Cell<bool>,
    announced: Cell<bool>,
    /// Goes up when the keys are locked or gone: what began before must not bring them back.
    epoch: Cell<u64>,
    listener: Rc<RefCell<Option<Listener>>>,
    subscription: RefCell<Option<Subscription>>,
    /// Of a session that acts for another identity: the one that it came from.
    pub(super) parent: Option<Rc<Session>>,
    /// What is known of items by way of identities that this one acts for.
    pub(super) through: RefCell<HashMap<String, Through>>,
    /// How what is remembered rests, as it was read or written last.
    remembered: Mutex<Remembered>,
    /// Held while ways to others are opened: who waits goes by what is open then.
    pub(super) opening: Mutex<()>,
    /// Sessions that act for others in this one's place.
    pub(super) children: RefCell<Vec<Weak<Session>>>,
    pub(super) later: Later,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.me.login)
    }
}

impl Session {
    pub(super) fn begin(
        setup: Setup,
        me: Principal,
        keyset: Keyset,
        rests: Vec<RestKey>,
        remembered: Remembered,
        is_new: bool,
        announced: bool,
    ) -> Rc<Self> {
        let session = Self {
            rests: RefCell::new(rests),
            remembered: Mutex::new(remembered),
            is_new,
            announced: Cell::new(announced),
            ..Self::over(setup, Rc::new(me), Rc::default(), keyset, None)
        };
        session.rest_opened();
        session.listening()
    }

    /// A session over keys that are open.
    pub(super) fn over(
        setup: Setup,
        me: Rc<Principal>,
        delegation: Rc<Delegation>,
        keyset: Keyset,
        parent: Option<Rc<Session>>,
    ) -> Self {
        Self {
            setup,
            me,
            delegation,
            keyset: RefCell::new(keyset),
            rests: RefCell::default(),
            is_new: false,
            ended: Cell::new(false),
            announced: Cell::new(true),
            epoch: Cell::new(0),
            listener: Rc::default(),
            subscription: RefCell::default(),
            parent,
            through: RefCell::default(),
            remembered: Mutex::default(),
            opening: Mutex::default(),
            children: RefCell::default(),
            later: Later::default(),
        }
    }

    /// The session, which hears of what happens at the relay.
    pub(super) fn listening(self) -> Rc<Self> {
        let session = Rc::new(self);
        let weak = Rc::downgrade(&session);
        let subscription = session.setup.relay.subscribe(&session.me.login, move || {
            if let Some(session) = weak.upgrade() {
                session.heard();
                session.emit(Event::Changed);
            }
        });
        *session.subscription.borrow_mut() = Some(subscription);
        session
    }

    // ---- state ----

    /// Who is connected.
    pub fn login(&self) -> &str {
        &self.me.login
    }

    /// Whether connecting registered the login.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether the keys are locked: `unlock` opens them again.
    pub fn locked(&self) -> bool {
        self.me.current().is_err()
    }

    /// Whether the session ended.
    pub fn ended(&self) -> bool {
        self.ended.get()
    }

    /// The public keyset of this session: the newest that it can open.
    pub fn public_key(&self) -> Keyset {
        self.keyset.borrow().clone()
    }

    /// What became of others' keys since this was asked last.
    pub fn trust_news(&self) -> Vec<TrustNews> {
        self.me.take_trust_news()
    }

    /// What is remembered of others, and of what was opened.
    pub fn memory(&self) -> crate::graph::Memory {
        self.me.memory()
    }

    /// How many RSA operations this session's engine has done.
    pub fn rsa_operations(&self) -> u64 {
        self.me.engine.rsa_operations()
    }

    pub(super) fn setup(&self) -> &Setup {
        &self.setup
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    pub(super) fn set_public_key(&self, keyset: Keyset) {
        *self.keyset.borrow_mut() = keyset;
    }

    pub(super) fn me(&self) -> &Rc<Principal> {
        &self.me
    }

    pub(super) fn delegation(&self) -> &Delegation {
        &self.delegation
    }

    pub(super) fn store(&self) -> &crate::store::Store {
        &self.setup.store
    }

    /// What boxes records at rest; absent while locked.
    pub(super) fn rest(&self) -> Option<RestKey> {
        if let Some(parent) = &self.parent {
            return parent.rest();
        }
        self.rests.borrow().first().cloned()
    }

    pub(super) fn announced(&self) -> bool {
        self.announced.get()
    }

    pub(super) fn set_announced(&self) {
        self.announced.set(true);
    }

    /// Hears of everything that happens to this session.
    pub fn listen(&self, listener: impl Fn(Event) + 'static) {
        *self.listener.borrow_mut() = Some(Rc::new(listener));
    }

    pub(super) fn emit(&self, event: Event) {
        self.emitter()(event);
    }

    /// What tells whoever listens at that time.
    pub(super) fn emitter(&self) -> impl Fn(Event) + 'static {
        let listener = self.listener.clone();
        move |event| {
            let listener = listener.borrow().clone();
            if let Some(listener) = listener {
                listener(event);
            }
        }
    }

    pub(super) fn alive(&self) -> Result<()> {
        if self.ended.get() {
            return Err(Error::new(Code::NotConnected, "this session has ended: connect() again"));
        }
        Ok(())
    }

    /// The principal, if the session goes on and its keys are open.
    pub(super) fn open(&self) -> Result<&Principal> {
        self.alive()?;
        if let Some(parent) = &self.parent {
            parent.open()?;
        }
        self.me.current()?;
        Ok(&self.me)
    }

    /// Stores what changed while something was done, whatever its outcome.
    pub(super) async fn keeping<T>(&self, outcome: Result<T>) -> Result<T> {
        let saved = match &self.parent {
            Some(parent) => Box::pin(parent.keeping(Ok(()))).await,
            None => self.save_memory().await,
        };
        if self.me.has_trust_news() {
            self.emit(Event::Trust);
        }
        if self.me.has_new_warnings() {
            self.emit(Event::Warning);
        }
        if self.me.has_noted() || self.delegation.has_unkept() {
            self.emit(Event::Noted);
        }
        let value = outcome?;
        saved?;
        Ok(value)
    }

    /// Stores all that is remembered, also what could wait.
    pub async fn keep(&self) -> Result<()> {
        if self.me.has_noted() {
            self.me.mark_memory_changed();
        }
        self.keeping(Ok(())).await?;
        self.keep_opened().await
    }

    /// Goes by what rests of opened items, boxed under the keys that it rests under now.
    fn rest_opened(&self) {
        let shelf = rest::shelf(&self.me.engine, &self.setup.store, &self.me.login, &self.rests.borrow());
        self.delegation.rest_on(shelf.map(Rc::new));
    }

    async fn keep_opened(&self) -> Result<()> {
        let shelf = self.delegation.shelf().filter(|shelf| shelf.has_noted());
        let Some(shelf) = shelf.filter(|_| self.parent.is_none()) else { return Ok(()) };
        // Whoever signs out or locks waits for that, so that no copy of a key outlives it.
        let _turn = self.remembered.lock().await;
        if self.ended.get() {
            return Ok(());
        }
        rest::store_opened(&self.setup.store, &self.public_key(), &shelf).await
    }

    async fn save_memory(&self) -> Result<()> {
        let rests = self.rests.borrow().clone();
        if rests.is_empty() || self.ended.get() || !self.me.take_memory_changed() {
            return Ok(());
        }
        self.me.note_heard(self.delegation.heard_until());
        let (engine, store) = (&self.me.engine, &self.setup.store);
        let stored = {
            let mut state = self.remembered.lock().await;
            rest::store_memory(engine, store, &self.public_key(), &rests, &self.me, &mut state).await
        };
        if stored.is_err() {
            self.me.mark_memory_changed();
        }
        self.stored(stored)?;
        match self.me.take_urgent() {
            true => self.publish().await,
            false => self.publish_later().await,
        }
        Ok(())
    }

    /// Stores what this session is. Errors: [`Code::NotConnected`] if it was signed out meanwhile, here or in another tab.
    pub(super) async fn save(&self, why: Why) -> Result<()> {
        if self.parent.is_some() {
            // Nothing of it rests: it opens from the one that it came from.
            return self.alive();
        }
        self.me.note_heard(self.delegation.heard_until());
        let (keyset, rests) = (self.keyset.borrow().clone(), self.rests.borrow().clone());
        let what = rest::ToRest {
            login: &self.me.login,
            keys: &self.me.keys(),
            keyset: &keyset,
            rests: &rests,
            me: &self.me,
            trusted: self.me.trusted(),
            announced: self.announced.get(),
        };
        let stored = {
            let mut state = self.remembered.lock().await;
            rest::store_session(&self.me.engine, &self.setup.store, &what, &mut state, why).await
        };
        self.stored(stored)?;
        self.alive()
    }

    /// Ends with a record that another tab wiped.
    fn stored(&self, outcome: Result<()>) -> Result<()> {
        if outcome.as_ref().is_err_and(|e| e.code() == Code::NotConnected) {
            self.end();
        }
        outcome
    }

    /// Errors: [`Code::NotConnected`], or [`Code::Locked`] when the keys were locked after `epoch` was read.
    pub(super) fn same_epoch(&self, epoch: u64) -> Result<()> {
        self.alive()?;
        if self.epoch.get() == epoch {
            return Ok(());
        }
        Err(Error::new(Code::Locked, "the keys were locked meanwhile: call unlock() again"))
    }

    /// Ends the session: its keys leave the memory. What rests on this device stays.
    pub fn end(&self) {
        if self.ended.replace(true) {
            return;
        }
        self.epoch.set(self.epoch.get() + 1);
        self.close_others();
        if self.parent.is_none() {
            self.me.drop_keys();
            self.delegation.forget();
            self.delegation.rest_on(None);
        }
        self.rests.borrow_mut().clear();
        *self.subscription.borrow_mut() = None;
        self.later.end();
        wipe_stack();
        self.emit(Event::SignedOut);
        // Nothing comes after that; and what listens holds on to the session, as the session does to what listens.
        self.listener.take();
    }

    /// Wipes this device's keys of this login, and ends the session.
    pub async fn disconnect(&self) -> Result<()> {
        if self.ended.get() {
            return Ok(());
        }
        if self.parent.is_some() {
            self.end();
            return Ok(());
        }
        self.flush_all().await;
        let _turn = self.remembered.lock().await;
        rest::wipe(&self.setup.store, &self.me.login).await?;
        self.end();
        Ok(())
    }

    // ---- secrets ----

    /// Drops the private keys from memory and from this device; `unlock` brings them back.
    pub async fn lock(&self) -> Result<()> {
        self.alive()?;
        if self.parent.is_some() {
            self.end();
            return Ok(());
        }
        self.epoch.set(self.epoch.get() + 1);
        self.flush_all().await;
        drop(self.keep_opened().await);
        let saved = self.save(Why::Lock).await;
        self.alive()?;
        // Also where the store fails: what is in memory goes. What rests on the device is then still there, and said so.
        self.drop_keys();
        saved
    }

    fn drop_keys(&self) {
        self.close_others();
        self.me.drop_keys();
        self.delegation.forget();
        self.delegation.rest_on(None);
        self.rests.borrow_mut().clear();
        wipe_stack();
        self.emit(Event::Locked);
    }

    /// Opens the keys again, with the keyset key that changing them needs. Errors: [`Code::WrongSecret`].
    pub async fn unlock(&self, secret: &Secret) -> Result<()> {
        self.alive()?;
        if self.parent.is_some() {
            let message = "this session acts for another identity: unlock the session that it came from";
            return Err(Error::bad_input(message));
        }
        let epoch = self.epoch.get();
        let client = super::Client::open(self.setup.clone())?;
        let offer = self.own_offer().await?;
        let (all, opened, _) = client.open_keys(&self.me, &self.me.login, secret, &offer).await?;
        let stale = opened.stale;
        self.take_keys(opened, &all, epoch, Why::Unlock).await?;
        let vouched = self.vouch_anew(secret, &all, stale).await;
        self.keeping(vouched).await
    }

    async fn own_offer(&self) -> Result<Vec<Keyset>> {
        let known = self.me.resolve(std::slice::from_ref(&self.me.login)).await?.remove(0);
        Ok((*known.offer).clone())
    }

    async fn take_keys(&self, opened: keyring::Opened, all: &[OwnKeyset], epoch: u64, why: Why) -> Result<()> {
        let newest = opened.keys.last().ok_or_else(unexpected)?.clone();
        newest.require_keyset_key()?;
        if self.parent.is_some() {
            self.set_public_key(newest.keyset);
            self.me.set_keys(opened.keys, opened.vouched, None);
            return self.keeping(Ok(())).await;
        }
        let mut rests = Vec::new();
        for key in opened.keys.iter().rev() {
            if let Some(keyset_key) = &key.keyset_key {
                rests.push(keyring::said_key(&self.me.engine, keyset_key).await?);
            }
        }
        let locked = self.rests.borrow().is_empty();
        if locked {
            let (memory, state) =
                remembered::load(&self.me.engine, &self.setup.store, &self.me.login, &rests).await?.unwrap_or_default();
            self.me.set_memory(memory);
            *self.remembered.lock().await = state;
        }
        all.iter().try_for_each(|own| self.me.check_manifest(own))?;
        self.same_epoch(epoch)?;
        // What rests now is boxed under the key that was first so far.
        rests.extend(self.rests.borrow().first().cloned());
        self.me.store_anew();
        *self.rests.borrow_mut() = rests;
        *self.keyset.borrow_mut() = newest.keyset.clone();
        self.me.set_keys(opened.keys, opened.vouched, None);
        self.me.set_rest(self.rest());
        self.me.note_withheld();
        self.through.borrow_mut().clear();
        self.delegation.forget();
        self.rest_opened();
        if locked {
            // As after a reload: what rests counts as far as the log was read.
            self.delegation.begin_at(self.me.noted_heard());
        }
        let unlocks = why == Why::Unlock && opened.vouched;
        let read = if unlocks { self.read_own(all).await } else { Ok(()) };
        let saved = match read {
            Ok(()) => self.save(why).await,
            Err(e) => Err(e),
        };
        if locked && saved.is_err() && !self.ended.get() {
            // Refused is not unlocked, also not by another call that is under way.
            self.epoch.set(self.epoch.get() + 1);
            self.drop_keys();
        }
        saved?;
        self.same_epoch(epoch)?;
        if unlocks {
            self.publish().await;
            self.keeping(Ok(())).await?;
        }
        Ok(())
    }

    /// Reads what one's other devices said with these keys: the list of them that the relay shows may be older than that.
    async fn read_own(&self, all: &[OwnKeyset]) -> Result<()> {
        match self.me.look().await {
            Err(e) if !super::said::is_passing(&e) => Err(e),
            _ => all.iter().try_for_each(|own| self.me.check_manifest(own)),
        }
    }

    async fn own_record(&self, key: &OwnKey) -> Result<OwnKeyset> {
        let all = self.me.own_keysets().await?;
        let own = all.into_iter().find(|o| o.keyset.fingerprint() == key.fingerprint).ok_or_else(unexpected)?;
        Ok(own)
    }

    /// Replaces the password. With `current`, that is checked first; without, the keyset key must be in memory.
    ///
    /// Errors: [`Code::WrongSecret`], [`Code::Locked`]; nothing changed then.
    pub async fn change_secret(&self, next: &Secret, current: Option<&Secret>) -> Result<()> {
        self.alive()?;
        let epoch = self.epoch.get();
        if let Some(current) = current {
            let client = super::Client::open(self.setup.clone())?;
            let offer = self.own_offer().await?;
            let (all, opened, _) = client.open_keys(&self.me, &self.me.login, current, &offer).await?;
            self.take_keys(opened, &all, epoch, Why::Unlock).await?;
        }
        let (key, _) = self.open()?.seal_for(&[]).await?;
        key.require_keyset_key()?;
        let own = self.own_record(&key).await?;
        // Whoever acts for an identity signs for what it adds to it: that falls when it is excluded.
        let author = self.parent.as_ref().map(|parent| parent.me.current()).transpose()?;
        let change =
            keyring::change_secret(&self.me.engine, self.me.relay.id(), &own, &key, author.as_ref(), next).await?;
        let manifest = change.manifest.clone();
        let outcome = self.me.call(&Operation::ChangeSlots { change: Box::new(change) }).await;
        if outcome.is_ok() {
            self.me.saw_manifest(&manifest);
        }
        self.keeping(outcome).await.map(drop)
    }

    /// Renews the keys: the chain goes on, every way of unlocking stays unless a new secret replaces the password.
    pub async fn renew_keys(
        &self,
        new_secret: Option<&Secret>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<Resigned> {
        self.renew_keys_of(&self.me.login, new_secret, progress).await
    }

    /// Goes on with one's own keys that a change renewed.
    pub(super) async fn took(&self, change: SharingChange, epoch: u64) -> Result<()> {
        let Some((made, _)) = change.own else { return self.keeping(Ok(())).await };
        let mut keys = self.me.keys();
        keys.push(made.key);
        // Renewed is not unlocked: what another tab locked stays so.
        let opened = keyring::Opened { keys, vouched: true, stale: None };
        self.take_keys(opened, &[made.own], epoch, Why::Update).await
    }
}
