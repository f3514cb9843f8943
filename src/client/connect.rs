//! Connecting: registering a new login, opening known keys, beginning anew after a loss, resuming.

use std::collections::BTreeMap;
use std::rc::Rc;

use uuid::Uuid;

use super::remembered::{self, Remembered};
use super::rest::{self, Rested, Why};
use super::session::Session;
use super::{Client, ConnectOptions};
use crate::crypto::keys::RestKey;
use crate::crypto::{rust, split};
use crate::encoding::check_login;
use crate::error::{Code, Error, Result};
use crate::graph::{Principal, log_in_ahead, unknown_here};
use crate::keyring::{self, Made, OwnKey, Secret};
use crate::recovery::notify;
use crate::relay::{Flow, LoggedIn, Operation, OwnKeyset, RelaySecret, Reply, onward, unexpected};
use crate::trust::check_offer;
use crate::wire::keyset::Keyset;
use crate::wire::statement::Statement;

/// The most pages of contacts that are read: a relay may name ever more.
const MAX_PAGES: usize = 1024;

/// What a way of connecting led to.
pub(super) struct Arrived {
    pub(super) keys: Vec<OwnKey>,
    /// Own keysets as the relay gave them, to be checked against what is remembered.
    pub(super) all: Vec<OwnKeyset>,
    pub(super) trusted: bool,
    pub(super) session: Option<LoggedIn>,
    /// The head over nothing that these keys begin with.
    pub(super) head: Option<Statement>,
    /// The way of unlocking that vouches for older keys only.
    pub(super) stale: Option<Uuid>,
    pub(super) is_new: bool,
    pub(super) reset: bool,
    /// What was asked along with it is known as long as this is.
    pub(super) flow: Option<Flow>,
}

impl Arrived {
    /// With keys that were made just now.
    fn with_new(made: Made, session: LoggedIn, head: Statement, reset: bool) -> Self {
        Self {
            keys: vec![made.key],
            all: vec![made.own],
            trusted: true,
            session: Some(session),
            head: Some(head),
            stale: None,
            is_new: !reset,
            reset,
            flow: None,
        }
    }
}

/// What is read of the login's own once it is logged in.
fn asked_of_own() -> [Operation; 3] {
    [Operation::OwnKeysets, Operation::Head { known: None }, Operation::Sync { after: None, whole: false }]
}

impl Client {
    /// Connects a login with a secret. A login that is new is registered, unless `register` is off.
    ///
    /// Errors: [`Code::WrongSecret`], [`Code::UnknownKey`] (nothing changed), [`Code::IdentityNotFound`].
    pub async fn connect(&self, login: &str, secret: &Secret, options: ConnectOptions) -> Result<Rc<Session>> {
        check_login(login)?;
        let me = self.principal(login);
        let rested = match rest::load_session(&self.setup.store, login).await {
            // A reset is the way out of a store that cannot be read; nothing else overwrites it.
            Err(e) if e.code() == Code::StoreUnreadable && options.reset => None,
            other => other?,
        };
        let _flow = self.ask_ahead(login, secret).await?;
        let arrived = self.arrive(&me, login, secret, options, rested.is_some()).await?;
        self.begin(me, arrived, rested, secret, options.reset).await
    }

    /// Asks what connecting asks: who is there, and what is the login's own. A key pair logs in once it is known to which
    /// version it belongs.
    async fn ask_ahead(&self, login: &str, secret: &Secret) -> Result<Flow> {
        let identities = |removed| Operation::Identities { logins: vec![login.to_owned()], removed };
        let mut operations = vec![identities(false), identities(true)];
        if let Secret::Vault(vault) = secret {
            let secret = RelaySecret(split::relay_secret(vault, self.setup.relay.id())?);
            operations.push(Operation::LoginSecret { login: login.to_owned(), secret });
            operations.extend(asked_of_own());
        }
        self.setup.relay.ahead(None, operations).await
    }

    fn principal(&self, login: &str) -> Principal {
        let s = &self.setup;
        let me = Principal::new(s.engine.clone(), s.relay.clone(), login, &s.application, s.now);
        me.set_policy(s.policy.clone());
        me
    }

    async fn arrive(
        &self,
        me: &Principal,
        login: &str,
        secret: &Secret,
        options: ConnectOptions,
        here: bool,
    ) -> Result<Arrived> {
        let Some(offer) = self.offered(login).await? else {
            if here {
                // A device with keys does not register anew on a relay's word: it would lose what it has.
                return Err(unknown_here(login));
            }
            if !options.register {
                return Err(Error::about(Code::IdentityNotFound, "no such identity", vec![login.to_owned()]));
            }
            match self.register(me, login, secret).await {
                // Another tab was faster: go on as with any known login.
                Err(e) if e.code() == Code::IdentityExists => {
                    let Some(offer) = self.offered(login).await? else { return Err(e) };
                    return self.open_known(me, login, secret, &offer).await;
                }
                other => return other,
            }
        };
        match self.open_known(me, login, secret, &offer).await {
            Err(e) if matches!(e.code(), Code::WrongSecret | Code::UnknownKey) && options.reset => {
                self.reset(me, login, secret, &offer).await
            }
            other => other,
        }
    }

    async fn offered(&self, login: &str) -> Result<Option<Vec<Keyset>>> {
        self.offered_or_removed(login, false).await
    }

    async fn offered_or_removed(&self, login: &str, removed: bool) -> Result<Option<Vec<Keyset>>> {
        let reply =
            self.setup.relay.call(None, &Operation::Identities { logins: vec![login.to_owned()], removed }).await?;
        let Reply::Identities { mut identities } = reply else { return Err(unexpected()) };
        let Some(offer) = identities.pop().flatten() else { return Ok(None) };
        check_offer(login, &offer)?;
        Ok(Some(offer))
    }

    async fn register(&self, me: &Principal, login: &str, secret: &Secret) -> Result<Arrived> {
        // A login that was removed goes on from where it ended, so that nobody takes its place unseen.
        let tombstone = self.offered_or_removed(login, true).await?;
        let previous = tombstone.as_ref().and_then(|offer| offer.last());
        let made = keyring::make(&me.engine, me.relay.id(), login, secret, previous, me.now()).await?;
        let head = me.first_head(&made.key, None).await?;
        let operation = Operation::Register {
            new: Box::new(made.own.clone()),
            secrets: made.secrets.clone(),
            head: Box::new(head.clone()),
            profile: None,
        };
        let session = LoggedIn::from(self.setup.relay.call(None, &operation).await?)?;
        Ok(Arrived::with_new(made, session, head, false))
    }

    async fn reset(&self, me: &Principal, login: &str, secret: &Secret, offer: &[Keyset]) -> Result<Arrived> {
        let previous = offer.last().ok_or_else(unexpected)?;
        let made = keyring::make(&me.engine, me.relay.id(), login, secret, Some(previous), me.now()).await?;
        let head = me.first_head(&made.key, None).await?;
        let operation = Operation::Reset {
            new: Box::new(made.own.clone()),
            secrets: made.secrets.clone(),
            head: Box::new(head.clone()),
        };
        // What telling others asks comes along.
        let asked = vec![
            Operation::Sync { after: None, whole: false },
            Operation::Identities { logins: vec![login.to_owned()], removed: false },
            Operation::Contacts { after: None },
        ];
        let (reply, flow) = self.setup.relay.begin(operation, asked).await?;
        let arrived = Arrived::with_new(made, LoggedIn::from(reply)?, head, true);
        Ok(Arrived { flow: Some(flow), ..arrived })
    }

    async fn open_known(&self, me: &Principal, login: &str, secret: &Secret, offer: &[Keyset]) -> Result<Arrived> {
        let (all, opened, session) = self.open_keys(me, login, secret, offer).await?;
        let (keys, trusted, stale) = (opened.keys, opened.vouched, opened.stale);
        Ok(Arrived {
            keys,
            all,
            trusted,
            session: Some(session),
            head: None,
            stale,
            is_new: false,
            reset: false,
            flow: None,
        })
    }

    /// Authenticates with a secret, fetches one's own keysets, opens those that the secret leads to.
    pub(super) async fn open_keys(
        &self,
        me: &Principal,
        login: &str,
        secret: &Secret,
        offer: &[Keyset],
    ) -> Result<(Vec<OwnKeyset>, keyring::Opened, LoggedIn)> {
        let wrong =
            || Error::new(Code::WrongSecret, "this secret does not open this login's keys; nothing was changed");
        let session = match secret {
            Secret::Vault(vault) => {
                let proof = RelaySecret(split::relay_secret(vault, self.setup.relay.id())?);
                let operation = Operation::LoginSecret { login: login.to_owned(), secret: proof };
                LoggedIn::from(
                    self.setup
                        .relay
                        .call(None, &operation)
                        .await
                        .map_err(|e| if e.code() == Code::WrongSecret { wrong() } else { e })?,
                )?
            }
            Secret::KeyPair(pair) => {
                let seed = pair.seed(login)?;
                let public = rust::ed25519_public(&seed);
                let keyset = offer.iter().find(|k| k.encryption_key.0 == pair.spki && k.signing_key.0 == public);
                let keyset = keyset.ok_or_else(|| {
                    Error::new(
                        Code::UnknownKey,
                        "this key pair belongs to no version of this login; nothing was changed",
                    )
                })?;
                let key = pair.own_key(&me.engine, keyset, &seed).await?;
                let own = asked_of_own().to_vec();
                log_in_ahead(&me.engine, &self.setup.relay, &self.setup.application, &key, own).await?.0
            }
        };
        let Reply::OwnKeysets { keysets } = self.setup.relay.call(Some(&session.token), &Operation::OwnKeysets).await?
        else {
            return Err(unexpected());
        };
        let listed: Vec<&Keyset> = keysets.iter().map(|o| &o.keyset).collect();
        if listed.len() != offer.len() || listed.iter().zip(offer).any(|(a, b)| a.fingerprint() != b.fingerprint()) {
            return Err(Error::about(
                Code::VerificationFailed,
                "the relay's keys do not fit together",
                vec![login.to_owned()],
            ));
        }
        let opened = keyring::open(&me.engine, login, &keysets, secret).await?.ok_or_else(wrong)?;
        Ok((keysets, opened, session))
    }

    /// Begins a session with opened keys: pins, what rests on this device, and telling others after a loss.
    async fn begin(
        &self,
        me: Principal,
        arrived: Arrived,
        rested: Option<Rested>,
        secret: &Secret,
        reset: bool,
    ) -> Result<Rc<Session>> {
        let s = &self.setup;
        let _flow = arrived.flow;
        let newest = arrived.keys.last().ok_or_else(unexpected)?.clone();
        let mut rests: Vec<RestKey> = Vec::new();
        for key in arrived.keys.iter().rev() {
            if let Some(keyset_key) = &key.keyset_key {
                rests.push(keyring::said_key(&me.engine, keyset_key).await?);
            }
        }
        // Whoever takes a login that was removed lost nothing, and has nobody to tell.
        let before = rested.as_ref().is_some_and(|r| r.announced && r.keyset.fingerprint() == newest.fingerprint);
        let announced = arrived.is_new || before;
        rests.extend(rested.and_then(|r| r.rest));
        let mut remembered = Remembered::default();
        match remembered::load(&me.engine, &s.store, &me.login, &rests).await {
            Ok(found) => {
                let (memory, state) = found.unwrap_or_default();
                me.set_memory(memory);
                remembered = state;
            }
            // The key that boxed them is among the lost ones.
            Err(e) if e.code() == Code::StoreUnreadable && (arrived.reset || reset) => {}
            Err(e) => return Err(e),
        }
        arrived.all.iter().try_for_each(|own| me.check_manifest(own))?;
        // What the secret vouches for is one's own, also where a reset elsewhere broke the chain; never backwards.
        let forward = me.trust(&me.login).highest() < newest.keyset.version;
        if arrived.is_new || arrived.reset || (arrived.trusted && forward) {
            let shown: Vec<Keyset> = arrived.all.iter().map(|own| own.keyset.clone()).collect();
            me.rely_on_one_of(&shown, &newest.keyset, true)?;
        }
        me.set_keys(arrived.keys, arrived.trusted, arrived.session);
        me.set_rest(rests.first().cloned());
        let mut looked = false;
        match &arrived.head {
            Some(head) => me.note_first_head(head, newest.keyset.version),
            // Before anything rests here, so that a new device does not go on without what others know.
            None if arrived.trusted => {
                me.look().await?;
                looked = true;
                me.note_withheld();
                // What one's own keys said may be newer than the list of them that the relay shows.
                arrived.all.iter().try_for_each(|own| me.check_manifest(own))?;
            }
            None => {}
        }
        let session =
            Session::begin(s.clone(), me, newest.keyset.clone(), rests, remembered, arrived.is_new, announced);
        if arrived.is_new {
            // Nothing was before: all that comes is heard of.
            session.delegation().begin_at(Some(0));
        } else {
            session.delegation().mark_stale();
            session.delegation().hear(session.me()).await?;
        }
        if looked || arrived.head.is_some() {
            session.delegation().take_said();
        }
        let turn = self.resting.lock().await;
        self.track(&session);
        let saved = session.save(Why::Begin { reset: arrived.reset || reset }).await;
        drop(turn);
        if let Err(e) = saved {
            if session.ended() && !self.closed.get() {
                drop(rest::wipe(&s.store, session.login()).await);
            }
            return Err(e);
        }
        if arrived.head.is_none() {
            let vouched = session.vouch_anew(secret, &arrived.all, arrived.stale).await;
            session.keeping(vouched).await?;
            session.publish().await;
        }
        // The session is there; a contact who cannot be told now is told at the next start or refresh.
        let _ = session.announce_if_needed().await;
        session.alive()?;
        Ok(session)
    }

    /// Goes on from what is stored here, without a secret. `None`: nothing is stored.
    pub async fn resume(&self, login: Option<&str>) -> Result<Option<Rc<Session>>> {
        let s = &self.setup;
        let login = match login {
            Some(login) => {
                check_login(login)?;
                login.to_owned()
            }
            None => match rest::last_login(&s.store).await? {
                Some(login) => login,
                None => return Ok(None),
            },
        };
        let Some(rested) = rest::load_session(&s.store, &login).await? else { return Ok(None) };
        let me = self.principal(&login);
        let mut remembered = Remembered::default();
        if let Some(rest) = &rested.rest {
            let found = remembered::load(&me.engine, &s.store, &login, std::slice::from_ref(rest)).await?;
            let (memory, state) = found.unwrap_or_default();
            me.set_memory(memory);
            remembered = state;
        }
        me.set_keys(rested.keys, rested.trusted, None);
        me.set_rest(rested.rest.clone());
        if rested.trusted && rested.rest.is_some() {
            me.note_withheld();
        }
        let rests = rested.rest.into_iter().collect();
        let heard = me.noted_heard();
        let session = Session::begin(s.clone(), me, rested.keyset, rests, remembered, false, rested.announced);
        session.delegation().begin_at(heard);
        self.track(&session);
        if !session.locked() {
            let _ = session.announce_if_needed().await;
        }
        Ok(Some(session))
    }
}

impl Session {
    /// The newest keysets of everybody whom the loss of this login's earlier keys concerns. Who that is is the relay's word: it
    /// could keep what they are told back as well.
    async fn contacts(&self) -> Result<Vec<Keyset>> {
        let me = self.me();
        let (mut all, mut after) = (BTreeMap::new(), None);
        for _ in 0..MAX_PAGES {
            let reply = me.call(&Operation::Contacts { after: after.clone() }).await?;
            let Reply::Contacts { contacts, more } = reply else { return Err(unexpected()) };
            for offer in contacts {
                let Some(login) = offer.last().map(|newest| newest.login.clone()) else { continue };
                // Whose own keys changed, or cannot be read, cannot be told now.
                if let Some(newest) = me.usable_of(&login, offer).await? {
                    all.insert(login, newest);
                }
            }
            after = onward(after.as_deref(), more)?;
            if after.is_none() {
                all.remove(&me.login);
                return Ok(all.into_values().collect());
            }
        }
        Err(unexpected())
    }

    /// Tells contacts of keys that began anew, once; a page that died in between does it at the next start.
    pub(super) async fn announce_if_needed(&self) -> Result<()> {
        let key = self.me().current()?;
        let broken = key.keyset.version > 1 && key.keyset.chain_signature.is_none();
        // Keys that their owner did not vouch for may be the relay's: nobody is told that they are new.
        if !broken || self.announced() || !self.me().trusted() {
            return Ok(());
        }
        let known = self.me().resolve(&[self.me().login.clone()]).await?.remove(0);
        let newest = known.newest()?;
        let before = known.offer.iter().find(|k| k.version + 1 == key.keyset.version);
        if let Some(before) = before.filter(|_| newest.fingerprint() == key.fingerprint) {
            let contacts = self.contacts().await?;
            notify::announce(self.me(), &key, &contacts, before).await?;
        }
        self.set_announced();
        self.save(Why::Update).await
    }
}
