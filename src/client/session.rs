//! A session: one login, connected. Every call goes down to the layer that does it, and straight back.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use uuid::Uuid;

use super::Setup;
use super::rest::{self, Why};
use crate::crypto::envelope::Buffer;
use crate::crypto::keys::RestKey;
use crate::delegation::{Delegation, Draft, Opened, Reader, RevokeReport, SealOptions, SealedItem};
use crate::error::{Code, Error, Result};
use crate::graph::{Memory, Principal};
use crate::keyring::{self, OwnKey, Secret};
use crate::recovery::access_back;
use crate::relay::{Operation, OwnKeyset, Subscription, unexpected};
use crate::secret::wipe_stack;
use crate::wire::keyset::Keyset;
use crate::wire::receipt::Receipt;

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
        }
    }
}

type Listener = Rc<dyn Fn(Event)>;

/// One login, connected.
pub struct Session {
    setup: Setup,
    me: Principal,
    delegation: Rc<Delegation>,
    keyset: RefCell<Keyset>,
    /// What boxes the memory at rest, and after it what may have boxed it before; none when locked.
    rests: RefCell<Vec<RestKey>>,
    is_new: bool,
    ended: Cell<bool>,
    announced: Cell<bool>,
    /// Goes up when the keys are locked or gone: what began before must not bring them back.
    epoch: Cell<u64>,
    listener: RefCell<Option<Listener>>,
    subscription: RefCell<Option<Subscription>>,
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
        is_new: bool,
        announced: bool,
    ) -> Rc<Self> {
        let session = Rc::new(Self {
            setup,
            me,
            delegation: Rc::default(),
            keyset: RefCell::new(keyset),
            rests: RefCell::new(rests),
            is_new,
            ended: Cell::new(false),
            announced: Cell::new(announced),
            epoch: Cell::new(0),
            listener: RefCell::default(),
            subscription: RefCell::default(),
        });
        let weak = Rc::downgrade(&session);
        let subscription = session.setup.relay.subscribe(&session.me.login, move || {
            if let Some(session) = weak.upgrade() {
                session.delegation.mark_stale();
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

    /// How many RSA operations this session's engine has done.
    pub fn rsa_operations(&self) -> u64 {
        self.me.engine.rsa_operations()
    }

    pub(super) fn me(&self) -> &Principal {
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

    fn emit(&self, event: Event) {
        let listener = self.listener.borrow().clone();
        if let Some(listener) = listener {
            listener(event);
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
        self.me.current()?;
        Ok(&self.me)
    }

    /// Stores what changed while something was done, whatever its outcome.
    pub(super) async fn keeping<T>(&self, outcome: Result<T>) -> Result<T> {
        let saved = self.save_memory().await;
        let value = outcome?;
        saved?;
        Ok(value)
    }

    async fn save_memory(&self) -> Result<()> {
        let rests = self.rests.borrow().clone();
        if rests.is_empty() || self.ended.get() || !self.me.take_memory_changed() {
            return Ok(());
        }
        let (engine, store) = (&self.me.engine, &self.setup.store);
        let stored = rest::store_memory(engine, store, &self.public_key(), &rests, &self.me.memory()).await;
        if stored.is_err() {
            self.me.mark_memory_changed();
        }
        self.stored(stored)
    }

    /// Stores what this session is. Errors: [`Code::NotConnected`] if it was signed out meanwhile, here or in another tab.
    pub(super) async fn save(&self, why: Why) -> Result<()> {
        let (keyset, rests) = (self.keyset.borrow().clone(), self.rests.borrow().clone());
        let what = rest::ToRest {
            login: &self.me.login,
            keys: &self.me.keys(),
            keyset: &keyset,
            rests: &rests,
            memory: &self.me.memory(),
            trusted: self.me.trusted(),
            announced: self.announced.get(),
        };
        let stored = rest::store_session(&self.me.engine, &self.setup.store, &what, why).await;
        self.stored(stored)?;
        self.alive()
    }

    /// Takes over what others remembered; ends with a record that another tab wiped.
    fn stored(&self, outcome: Result<Option<Memory>>) -> Result<()> {
        match outcome {
            Ok(Some(remembered)) if !self.ended.get() => self.me.merge_memory(remembered),
            Err(e) if e.code() == Code::NotConnected => {
                self.end();
                return Err(e);
            }
            other => drop(other?),
        }
        Ok(())
    }

    /// Errors: [`Code::NotConnected`], or [`Code::Locked`] when the keys were locked after `epoch` was read.
    fn same_epoch(&self, epoch: u64) -> Result<()> {
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
        self.me.drop_keys();
        self.delegation.forget();
        self.rests.borrow_mut().clear();
        *self.subscription.borrow_mut() = None;
        wipe_stack();
        self.emit(Event::SignedOut);
    }

    /// Wipes this device's keys of this login, and ends the session.
    pub async fn disconnect(&self) -> Result<()> {
        if self.ended.get() {
            return Ok(());
        }
        rest::wipe(&self.setup.store, &self.me.login).await?;
        self.end();
        Ok(())
    }

    // ---- secrets ----

    /// Drops the private keys from memory and from this device; `unlock` brings them back.
    pub async fn lock(&self) -> Result<()> {
        self.alive()?;
        self.epoch.set(self.epoch.get() + 1);
        self.save(Why::Lock).await?;
        self.me.drop_keys();
        self.delegation.forget();
        self.rests.borrow_mut().clear();
        wipe_stack();
        self.emit(Event::Locked);
        Ok(())
    }

    /// Opens the keys again, with the keyset key that changing them needs. Errors: [`Code::WrongSecret`].
    pub async fn unlock(&self, secret: &Secret) -> Result<()> {
        self.alive()?;
        let epoch = self.epoch.get();
        let client = super::Client::open(self.setup.clone())?;
        let offer = self.own_offer().await?;
        let (all, opened) = client.open_keys(&self.me, &self.me.login, secret, &offer).await?;
        self.take_keys(opened, &all, epoch, Why::Unlock).await
    }

    async fn own_offer(&self) -> Result<Vec<Keyset>> {
        let known = self.me.resolve(std::slice::from_ref(&self.me.login)).await?.remove(0);
        Ok((*known.offer).clone())
    }

    async fn take_keys(&self, opened: keyring::Opened, all: &[OwnKeyset], epoch: u64, why: Why) -> Result<()> {
        let newest = opened.keys.last().ok_or_else(unexpected)?.clone();
        newest.require_keyset_key()?;
        let mut rests = Vec::new();
        for key in opened.keys.iter().rev() {
            if let Some(keyset_key) = &key.keyset_key {
                rests.push(rest::rest_key(&self.me.engine, keyset_key).await?);
            }
        }
        let locked = self.rests.borrow().is_empty();
        if locked {
            let memory = rest::load_memory(&self.me.engine, &self.setup.store, &self.me.login, &rests).await?;
            self.me.set_memory(memory.unwrap_or_default());
        }
        all.iter().try_for_each(|own| self.me.check_manifest(own))?;
        self.same_epoch(epoch)?;
        // What rests now is boxed under the key that was first so far.
        rests.extend(self.rests.borrow().first().cloned());
        *self.rests.borrow_mut() = rests;
        *self.keyset.borrow_mut() = newest.keyset.clone();
        self.me.set_keys(opened.keys, opened.vouched, None);
        self.delegation.forget();
        self.save(why).await
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
            let (all, opened) = client.open_keys(&self.me, &self.me.login, current, &offer).await?;
            self.take_keys(opened, &all, epoch, Why::Unlock).await?;
        }
        let (key, _) = self.open()?.seal_for(&[]).await?;
        key.require_keyset_key()?;
        let own = self.own_record(&key).await?;
        let change = keyring::change_secret(&self.me.engine, &own, &key, next).await?;
        let manifest = change.manifest.clone();
        let outcome = self.me.call(&Operation::ChangeSlots { change: Box::new(change) }).await;
        if outcome.is_ok() {
            self.me.saw_manifest(&manifest);
        }
        self.keeping(outcome).await.map(drop)
    }

    /// Renews the keys: the chain goes on, every way of unlocking stays unless a new secret replaces the password.
    pub async fn renew_keys(&self, new_secret: Option<&Secret>) -> Result<()> {
        let epoch = self.epoch.get();
        let (key, _) = self.open()?.seal_for(&[]).await?;
        key.require_keyset_key()?;
        let own = self.own_record(&key).await?;
        let (made, change) = keyring::renew(&self.me.engine, &own, &key, new_secret, self.me.now()).await?;
        let operation = Operation::Renew {
            new: Box::new(made.own.clone()),
            secrets: made.secrets.clone(),
            previous: Box::new(change.clone()),
        };
        self.me.call(&operation).await?;
        self.me.saw_manifest(&change.manifest);
        let mut keys = self.me.keys();
        keys.push(made.key);
        // Renewed is not unlocked: what another tab locked stays so.
        self.take_keys(keyring::Opened { keys, vouched: true }, &[made.own], epoch, Why::Update).await
    }

    // ---- items ----

    /// Seals one item. Resolves once the relay has the grants.
    pub async fn encrypt(&self, draft: Draft, options: &SealOptions) -> Result<SealedItem> {
        let outcome = self.delegation.seal(self.open()?, draft, options).await;
        self.keeping(outcome).await
    }

    /// Seals many items at once.
    pub async fn encrypt_many(
        &self,
        drafts: Vec<Draft>,
        options: &SealOptions,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<Vec<SealedItem>> {
        let outcome = self.delegation.seal_many(self.open()?, drafts, options, progress).await;
        self.keeping(outcome).await
    }

    /// Opens an envelope.
    pub async fn decrypt(&self, bytes: &Buffer) -> Result<Opened> {
        let outcome = self.delegation.open(self.open()?, bytes).await;
        self.keeping(outcome).await
    }

    /// Gives access to some items, or to all that can be opened.
    pub async fn give_access(
        &self,
        items: Option<&[Uuid]>,
        logins: &[String],
        until: Option<u64>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<usize> {
        let outcome = self.delegation.give(self.open()?, items, logins, until, progress).await;
        self.keeping(outcome).await
    }

    /// Ends a login's access.
    pub async fn revoke(&self, items: Option<&[Uuid]>, login: &str, dry_run: bool) -> Result<RevokeReport> {
        let me = self.open()?;
        if !dry_run {
            me.seal_for(&[]).await?;
        }
        let outcome = self.delegation.revoke(me, items, login, dry_run).await;
        self.keeping(outcome).await
    }

    /// Everyone who can read an item.
    pub async fn who_can_read(&self, item: Uuid) -> Result<Vec<Reader>> {
        let outcome = self.delegation.readers(self.open()?, item).await;
        self.keeping(outcome).await
    }

    /// Reads what is new: grants, access given back, and own keysets that became open.
    pub async fn refresh(&self) -> Result<()> {
        let me = self.open()?;
        let epoch = self.epoch.get();
        let all = me.own_keysets().await?;
        let mut keys = me.keys();
        let before = keys.len();
        keyring::open_more(&me.engine, &all, &mut keys).await?;
        if keys.len() > before {
            let newest = keys.last().map(|k| k.keyset.clone()).ok_or_else(unexpected)?;
            self.same_epoch(epoch)?;
            me.add_keys(keys);
            *self.keyset.borrow_mut() = newest;
            self.save(Why::Update).await?;
        }
        self.delegation.mark_stale();
        let outcome = self.delegation.sync(me).await;
        self.keeping(outcome).await?;
        self.announce_if_needed().await?;
        match self.delegation.tidy(me).await {
            // A session whose keys were replaced does not rewrite what it gave.
            Err(e) if matches!(e.code(), Code::IdentityChanged | Code::Forbidden | Code::Conflict) => Ok(()),
            other => other,
        }
    }

    /// Reads what is new, and says what it was.
    pub async fn poll(&self) -> Result<Vec<Event>> {
        let outcome = self.delegation.sync(self.open()?).await;
        self.keeping(outcome).await?;
        let news = self.delegation.take_news();
        let mut events = Vec::new();
        events.extend(news.granted.then_some(Event::Granted));
        events.extend(news.notified.then_some(Event::Notification));
        Ok(events)
    }

    /// Signs bytes of the application's with the session's signing key.
    pub async fn sign(&self, bytes: &[u8]) -> Result<[u8; 64]> {
        let key = self.open()?.current()?;
        let transcript = crate::encoding::Transcript::new("application").bytes(bytes);
        Ok(key.sign(&self.me.engine, &transcript).await?.0)
    }

    // ---- access back ----

    /// Gives a person who lost their keys access back.
    pub async fn give_access_back(
        &self,
        login: &str,
        spki: &[u8],
        options: &access_back::Options,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<Receipt> {
        let outcome = access_back::give_back(self.open()?, &self.delegation, login, spki, options, progress).await;
        self.keeping(outcome).await
    }
}
