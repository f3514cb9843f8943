//! Who: the one who acts, with own keys and a login at the relay, and everyone else's keysets, judged
//! against the pins.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::crypto::Engine;
use crate::crypto::envelope::Buffer;
use crate::encoding::{Fixed, Hash, check_login};
use crate::error::{Code, Error, Result};
use crate::keyring::OwnKey;
use crate::relay::rules::identities::login_transcript;
use crate::relay::{Operation, OwnKeyset, Part, Relay, Reply, Ticket, unexpected};
use crate::trust::{self, Pin, State};
use crate::wire::Party;
use crate::wire::keyset::Keyset;
use crate::wire::manifest::Manifest;

/// What is remembered from one session to the next, so that a relay cannot turn time back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Pins by login.
    pub pins: BTreeMap<String, Pin>,
    /// The newest manifest seen of own keysets, by fingerprint in hex: counter and hash.
    pub manifests: BTreeMap<String, (u64, Hash)>,
}

impl Memory {
    /// Takes over what another tab or session remembered meanwhile: nothing that was seen is forgotten.
    pub fn merge(&mut self, other: Memory) {
        for (login, theirs) in other.pins {
            match self.pins.get_mut(&login) {
                None => drop(self.pins.insert(login, theirs)),
                Some(mine) => mine.merge(theirs),
            }
        }
        for (fingerprint, theirs) in other.manifests {
            let mine = self.manifests.entry(fingerprint).or_insert(theirs);
            if theirs.0 > mine.0 {
                *mine = theirs;
            }
        }
    }
}

/// An identity as the relay offers it, judged.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its keysets from version 1, checked.
    pub offer: Rc<Vec<Keyset>>,
    /// How far the newest can be relied on.
    pub state: State,
}

impl Known {
    /// The newest keyset.
    pub fn newest(&self) -> Result<&Keyset> {
        self.offer.last().ok_or_else(unexpected)
    }
}

/// Whose signature something bears, and what that is worth.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The keyset that signed.
    pub keyset: Keyset,
    /// Whether its code was compared, or it is one's own.
    pub verified: bool,
}

/// The one who acts: engine, relay, own keys, and what is remembered of others.
pub struct Principal {
    /// Does the cryptography.
    pub engine: Engine,
    /// Where others can be reached.
    pub relay: Relay,
    /// Who acts.
    pub login: String,
    application: String,
    now: fn() -> u64,
    keys: RefCell<Vec<OwnKey>>,
    trusted: Cell<bool>,
    ticket: RefCell<Option<Ticket>>,
    memory: RefCell<Memory>,
    memory_changed: Cell<bool>,
    offers: RefCell<HashMap<String, Rc<Vec<Keyset>>>>,
}

impl Principal {
    /// Somebody without keys yet.
    pub fn new(engine: Engine, relay: Relay, login: &str, application: &str, now: fn() -> u64) -> Self {
        Self {
            engine,
            relay,
            login: login.to_owned(),
            application: application.to_owned(),
            now,
            keys: RefCell::default(),
            trusted: Cell::new(false),
            ticket: RefCell::default(),
            memory: RefCell::default(),
            memory_changed: Cell::new(false),
            offers: RefCell::default(),
        }
    }

    /// Unix milliseconds.
    pub fn now(&self) -> u64 {
        (self.now)()
    }

    /// Takes own keys over. `trusted`: the newest is reached from what its owner vouched for.
    pub fn set_keys(&self, keys: Vec<OwnKey>, trusted: bool, ticket: Option<Ticket>) {
        let fits = |t: &Ticket| keys.last().is_some_and(|k| k.fingerprint == *t.fingerprint());
        *self.ticket.borrow_mut() = ticket.filter(fits);
        *self.keys.borrow_mut() = keys;
        self.trusted.set(trusted);
    }

    /// Whether the newest own keyset is reached from what its owner vouched for.
    pub fn trusted(&self) -> bool {
        self.trusted.get()
    }

    /// Drops own keys: their memory is wiped.
    pub fn drop_keys(&self) {
        self.keys.borrow_mut().clear();
        *self.ticket.borrow_mut() = None;
    }

    /// Own keysets that are open, in the order of their versions.
    pub fn keys(&self) -> Vec<OwnKey> {
        self.keys.borrow().clone()
    }

    /// The own keyset with a fingerprint.
    pub fn own(&self, fingerprint: &Hash) -> Option<OwnKey> {
        self.keys.borrow().iter().find(|k| k.fingerprint == *fingerprint).cloned()
    }

    /// The newest own keyset that is open. Errors: [`Code::Locked`].
    pub fn current(&self) -> Result<OwnKey> {
        let keys = self.keys.borrow();
        keys.last().cloned().ok_or_else(|| Error::new(Code::Locked, "the keys are locked: call unlock() first"))
    }

    /// Adds own keysets that became open.
    pub fn add_keys(&self, more: Vec<OwnKey>) {
        let mut keys = self.keys.borrow_mut();
        for key in more {
            if !keys.iter().any(|k| k.fingerprint == key.fingerprint) {
                keys.push(key);
            }
        }
        keys.sort_by_key(|k| k.keyset.version);
    }

    /// Notes a list of slots that one wrote oneself: the relay is not to serve an older one from now on.
    pub fn saw_manifest(&self, manifest: &Manifest) {
        let mut memory = self.memory.borrow_mut();
        let seen = memory.manifests.entry(manifest.fingerprint.hex()).or_insert((0, manifest.hash()));
        if manifest.counter > seen.0 {
            *seen = (manifest.counter, manifest.hash());
            self.memory_changed.set(true);
        }
    }

    /// Asks the relay as this principal, logging in first where that is needed.
    pub async fn call(&self, operation: &Operation) -> Result<Reply> {
        let ticket = self.ticket().await?;
        match self.relay.call(Some(&ticket), operation).await {
            Err(e) if e.code() == Code::Unauthenticated => {
                *self.ticket.borrow_mut() = None;
                let ticket = self.ticket().await?;
                self.relay.call(Some(&ticket), operation).await
            }
            other => other,
        }
    }

    /// Hands the relay parts of a file.
    pub async fn put_parts(&self, item: Uuid, parts: Vec<(Part, Buffer)>) -> Result<()> {
        let ticket = self.ticket().await?;
        match self.relay.put_parts(Some(&ticket), item, parts.clone()).await {
            Err(e) if e.code() == Code::Unauthenticated => {
                *self.ticket.borrow_mut() = None;
                let ticket = self.ticket().await?;
                self.relay.put_parts(Some(&ticket), item, parts).await
            }
            other => other,
        }
    }

    /// Reads parts of a file, by a grant that one holds.
    pub async fn get_parts(&self, item: Uuid, basis: Uuid, parts: &[Part]) -> Result<Vec<Option<Buffer>>> {
        let ticket = self.ticket().await?;
        match self.relay.get_parts(Some(&ticket), item, basis, parts).await {
            Err(e) if e.code() == Code::Unauthenticated => {
                *self.ticket.borrow_mut() = None;
                let ticket = self.ticket().await?;
                self.relay.get_parts(Some(&ticket), item, basis, parts).await
            }
            other => other,
        }
    }

    async fn ticket(&self) -> Result<Ticket> {
        if let Some(ticket) = &*self.ticket.borrow() {
            return Ok(ticket.clone());
        }
        let key = self.current()?;
        let ticket = log_in(&self.engine, &self.relay, &self.application, &key).await?;
        *self.ticket.borrow_mut() = Some(ticket.clone());
        Ok(ticket)
    }

    // ---- others ----

    /// What is remembered, to be stored.
    pub fn memory(&self) -> Memory {
        self.memory.borrow().clone()
    }

    /// What was stored.
    pub fn set_memory(&self, memory: Memory) {
        *self.memory.borrow_mut() = memory;
    }

    /// What others stored in addition.
    pub fn merge_memory(&self, memory: Memory) {
        self.memory.borrow_mut().merge(memory);
    }

    /// Whether what is remembered changed since this was asked last.
    pub fn take_memory_changed(&self) -> bool {
        self.memory_changed.replace(false)
    }

    /// Has what is remembered stored again: under another key, or because storing failed.
    pub fn mark_memory_changed(&self) {
        self.memory_changed.set(true);
    }

    /// Checks an own keyset's manifest and slots, and that it is not older than one seen before.
    /// Errors: [`Code::VerificationFailed`] for a rollback, a fork, or slots that it does not list.
    pub fn check_manifest(&self, own: &OwnKeyset) -> Result<()> {
        let refused = |message| Err(Error::about(Code::VerificationFailed, message, vec![self.login.clone()]));
        let manifest = &own.manifest;
        if manifest.fingerprint != own.keyset.fingerprint()
            || manifest.check_shown(&own.keyset.signing_key, &own.slots).is_err()
        {
            return refused("the relay's list of key slots is not the signed one");
        }
        let hash = manifest.hash();
        let mut memory = self.memory.borrow_mut();
        let seen = memory.manifests.entry(manifest.fingerprint.hex()).or_insert((0, hash));
        if manifest.counter < seen.0 {
            return refused("the relay serves an older list of key slots than it did before");
        }
        if manifest.counter == seen.0 && hash != seen.1 {
            return refused("the relay serves two lists of key slots with one number");
        }
        if manifest.counter > seen.0 {
            *seen = (manifest.counter, hash);
            self.memory_changed.set(true);
        }
        Ok(())
    }

    /// One's own keysets at the relay, each with a checked manifest.
    pub async fn own_keysets(&self) -> Result<Vec<OwnKeyset>> {
        let Reply::OwnKeysets { keysets } = self.call(&Operation::OwnKeysets).await? else { return Err(unexpected()) };
        keysets.iter().try_for_each(|own| self.check_manifest(own))?;
        Ok(keysets)
    }

    fn with_pin<T>(&self, login: &str, f: impl FnOnce(&mut Option<Pin>) -> T) -> T {
        let pins = &mut self.memory.borrow_mut().pins;
        let before = pins.get(login).cloned();
        let mut pin = before.clone();
        let out = f(&mut pin);
        if pin != before {
            self.memory_changed.set(true);
            if let Some(pin) = pin {
                pins.insert(login.to_owned(), pin);
            }
        }
        out
    }

    /// The pin of a login.
    pub fn pin(&self, login: &str) -> Option<Pin> {
        self.memory.borrow().pins.get(login).cloned()
    }

    /// Fetches identities and judges them. Errors: [`Code::IdentityNotFound`] with exactly the missing logins.
    pub async fn resolve(&self, logins: &[String]) -> Result<Vec<Known>> {
        for login in logins {
            check_login(login)?;
        }
        let mut identities = Vec::with_capacity(logins.len());
        for part in logins.chunks(256) {
            let reply = self.relay.call(None, &Operation::Identities { logins: part.to_vec() }).await?;
            let Reply::Identities { identities: found } = reply else { return Err(unexpected()) };
            if found.len() != part.len() {
                return Err(unexpected());
            }
            identities.extend(found);
        }
        let missing: Vec<String> = logins
            .iter()
            .zip(&identities)
            .filter(|(_, found)| found.is_none())
            .map(|(login, _)| login.clone())
            .collect();
        if !missing.is_empty() {
            return Err(Error::about(Code::IdentityNotFound, "no such identity", missing));
        }
        logins.iter().zip(identities.into_iter().flatten()).map(|(login, offer)| self.judge(login, offer)).collect()
    }

    fn judge(&self, login: &str, offer: Vec<Keyset>) -> Result<Known> {
        let known = self.offers.borrow().get(login).filter(|o| ***o == offer).cloned();
        let offer = match known {
            // Checked before, byte for byte the same.
            Some(offer) => offer,
            None => {
                trust::check_offer(login, &offer)?;
                let offer = Rc::new(offer);
                self.offers.borrow_mut().insert(login.to_owned(), offer.clone());
                offer
            }
        };
        let mut state = self.with_pin(login, |pin| trust::judge(pin, &offer));
        if login == self.login && state == State::Unverified {
            // One's own keys are known from within.
            let own = offer.last().and_then(|newest| self.own(&newest.fingerprint()));
            if own.is_some() && self.trusted.get() {
                state = State::Verified;
            }
        }
        Ok(Known { offer, state })
    }

    /// The newest keysets of some logins, all of which may be encrypted to.
    /// Errors: [`Code::IdentityNotFound`], [`Code::IdentityChanged`], each with all logins concerned.
    pub async fn usable(&self, logins: &[String]) -> Result<Vec<Keyset>> {
        let known = self.resolve(logins).await?;
        let changed: Vec<String> =
            logins.iter().zip(&known).filter(|(_, k)| !k.state.is_usable()).map(|(login, _)| login.clone()).collect();
        if !changed.is_empty() {
            let message = "these keys changed without proof: compare the verification code, then trust.verify() or trust.accept()";
            return Err(Error::about(Code::IdentityChanged, message, changed));
        }
        known.iter().map(|k| k.newest().cloned()).collect()
    }

    /// Checks that the own newest keyset is the one at hand, and to be encrypted to. Gives it, and the recipients'.
    pub async fn seal_for(&self, logins: &[String]) -> Result<(OwnKey, Vec<Keyset>)> {
        let key = self.current()?;
        let mut all = vec![self.login.clone()];
        all.extend(logins.iter().cloned());
        let mut keysets = self.usable(&all).await?;
        let own = keysets.remove(0);
        if own.fingerprint() != key.fingerprint || !self.trusted.get() {
            let message =
                "newer keys replaced the ones of this session: it can read, and give access back, but not encrypt";
            return Err(Error::about(Code::IdentityChanged, message, vec![self.login.clone()]));
        }
        Ok((key, keysets))
    }

    /// The keyset behind a signature, if it may be believed. `Ok(None)`: there is no such keyset.
    /// Errors: [`Code::IdentityChanged`] when it is one that was never relied on and replaces one that was.
    pub async fn signer(&self, party: &Party) -> Result<Option<Signer>> {
        if let Some(key) = self.own(&party.fingerprint).filter(|_| party.login == self.login) {
            return Ok(Some(Signer { keyset: key.keyset, verified: true }));
        }
        let cached = self.offers.borrow().get(&party.login).cloned();
        let find = |offer: &[Keyset]| offer.iter().find(|k| k.fingerprint() == party.fingerprint).cloned();
        let mut offer = cached.unwrap_or_default();
        let mut found = find(&offer);
        if found.is_none() {
            offer = match self.resolve(std::slice::from_ref(&party.login)).await {
                Ok(mut known) => known.remove(0).offer,
                Err(e) if e.code() == Code::IdentityNotFound => return Ok(None),
                Err(e) => return Err(e),
            };
            found = find(&offer);
        }
        let Some(keyset) = found else { return Ok(None) };
        if party.login == self.login {
            // An own keyset that is not open here: what it signed can be read, and proves nothing more. It has to stand
            // beside one that is open: a relay can invent others.
            let beside = offer.iter().any(|k| self.own(&k.fingerprint()).is_some());
            return Ok(beside.then_some(Signer { keyset, verified: false }));
        }
        let Some(pin) = self.pin(&party.login) else { return Ok(None) };
        let upto = usize::try_from(pin.version).unwrap_or(usize::MAX).min(offer.len());
        let pinned = offer.get(upto.wrapping_sub(1)).is_some_and(|k| k.fingerprint() == pin.fingerprint);
        let before_first = pinned && keyset.version < pin.version && !pin.history.contains_key(&keyset.version);
        if !pin.knew(&party.fingerprint) && !before_first {
            let message = "these keys changed without proof: compare the verification code, then trust.verify() or trust.accept()";
            return Err(Error::about(Code::IdentityChanged, message, vec![party.login.clone()]));
        }
        let chained = pinned && keyset.version <= pin.version && trust::is_chained(&offer[..upto], keyset.version);
        let verified = pin.verified && (keyset.fingerprint() == pin.fingerprint || chained);
        Ok(Some(Signer { keyset, verified }))
    }

    /// Relies on a keyset from now on, because a person decided so.
    pub fn rely_on(&self, keyset: &Keyset, verified: bool) {
        self.with_pin(&keyset.login, |pin| trust::rely_on(pin, keyset, verified));
    }

    /// Pins one's own newest keyset.
    pub fn pin_own(&self, keyset: &Keyset) {
        self.rely_on(keyset, true);
    }
}

/// Logs in at a relay with a signature over its challenge.
pub async fn log_in(engine: &Engine, relay: &Relay, application: &str, key: &OwnKey) -> Result<Ticket> {
    let login = key.keyset.login.clone();
    let fingerprint = key.fingerprint;
    let reply = relay.call(None, &Operation::Challenge { login: login.clone(), fingerprint }).await?;
    let Reply::Challenge { nonce, expires } = reply else { return Err(unexpected()) };
    let transcript = login_transcript(relay.origin(), application, &login, &fingerprint, &nonce, expires);
    let signature = Fixed(engine.sign(&key.signing, transcript.as_bytes()).await?);
    let login = Operation::Login { application: application.to_owned(), login, fingerprint, nonce, signature };
    match relay.call(None, &login).await? {
        Reply::Ticket { ticket } => Ok(ticket),
        _ => Err(unexpected()),
    }
}
