//! What is known of everyone else: keysets that the relay offers, judged against the pins; lists of slots; signatures.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::memory::place_of;
use super::{Offered, Principal, Signer};
use crate::encoding::{Hash, check_login};
use crate::error::{Code, Error, Result};
use crate::keyring::OwnKey;
use crate::relay::{Operation, OwnKeyset, Reply, unexpected};
use crate::secret::make_id;
use crate::trust::{self, Relied, State, Trust};
use crate::wire::keyset::Keyset;
use crate::wire::manifest::Manifest;
use crate::wire::{LAST_LIST, Party};

impl Principal {
    /// Checks an own keyset's manifest and slots, and that it is not older than one seen before.
    /// Errors: [`Code::VerificationFailed`] for a rollback, a fork, or slots that it does not list.
    pub fn check_manifest(&self, own: &OwnKeyset) -> Result<()> {
        let refused = |message| Err(Error::about(Code::VerificationFailed, message, vec![own.keyset.login.clone()]));
        let manifest = &own.manifest;
        if manifest.fingerprint != own.keyset.fingerprint() || manifest.check_shown(&own.keyset, &own.slots).is_err() {
            return refused("the relay's list of key slots is not the signed one");
        }
        self.check_made(&own.keyset, manifest)?;
        self.note_manifest(&own.keyset.login, manifest)
    }

    /// Checks that whoever is named as having made keys, or as having written their list, signed them, where the keys of
    /// that one are at hand: a member could name another one otherwise.
    pub(super) fn check_made(&self, keyset: &Keyset, manifest: &Manifest) -> Result<()> {
        let refused = |_| {
            let message = "whoever is named as having made these keys, or their list, did not sign them";
            Error::about(Code::VerificationFailed, message, vec![keyset.login.clone()])
        };
        if keyset.maker != keyset.party() {
            let signature = keyset.maker_signature.ok_or(()).map_err(refused)?;
            if let Some(key) = self.known_key(&keyset.maker, keyset) {
                crate::wire::verify(&key, &keyset.maker_transcript(), &signature).map_err(|_| refused(()))?;
            }
        }
        match self.known_key(&manifest.author, keyset) {
            Some(key) => crate::wire::verify(&key, &manifest.author_transcript(), &manifest.author_signature)
                .map_err(|_| refused(())),
            None => Ok(()),
        }
    }

    /// The signing key of somebody, if it is at hand: of the keyset in question, one's own, or what the relay showed.
    fn known_key(&self, party: &Party, keyset: &Keyset) -> Option<Hash> {
        if *party == keyset.party() {
            return Some(keyset.signing_key);
        }
        if let Some(own) = self.own(&party.fingerprint).filter(|own| own.keyset.login == party.login) {
            return Some(own.keyset.signing_key);
        }
        let offers = self.known.offers.borrow();
        let offer = offers.get(&party.login)?;
        offer.iter().find(|k| k.fingerprint() == party.fingerprint).map(|k| k.signing_key)
    }

    /// Notes a signed list of slots. Errors: [`Code::VerificationFailed`] for a rollback or a fork.
    pub(super) fn note_manifest(&self, login: &str, manifest: &Manifest) -> Result<()> {
        let refused = |message| Err(Error::about(Code::VerificationFailed, message, vec![login.to_owned()]));
        let (number, hash) = (manifest.number(), manifest.hash());
        let mut memory = self.known.memory.borrow_mut();
        let seen = memory.manifests.entry(manifest.fingerprint.hex()).or_insert((0, hash));
        if number < seen.0 {
            return refused("the relay serves an older list of key slots than it did before");
        }
        // The last number is the list's that goes with a next version, whatever was there with that number.
        if number == seen.0 && hash != seen.1 && number < LAST_LIST {
            return refused("the relay serves two lists of key slots with one number");
        }
        if number > seen.0 {
            *seen = (number, hash);
            self.known.touch(place_of(&manifest.fingerprint.hex()));
        }
        Ok(())
    }

    /// One's own keysets at the relay, each with a checked manifest.
    pub async fn own_keysets(&self) -> Result<Vec<OwnKeyset>> {
        let Reply::OwnKeysets { keysets } = self.call(&Operation::OwnKeysets).await? else { return Err(unexpected()) };
        keysets.iter().try_for_each(|own| self.check_manifest(own))?;
        Ok(keysets)
    }

    fn with_trust<T>(&self, login: &str, f: impl FnOnce(&mut Trust) -> T) -> T {
        let all = &mut self.known.memory.borrow_mut().trust;
        let before = all.get(login).cloned().unwrap_or_default();
        let mut trust = before.clone();
        let out = f(&mut trust);
        if trust != before {
            // What is seen of somebody for the first time can wait; what becomes of somebody who is known cannot.
            let is_news = before.is_known() && !trust.tells_the_same(&before);
            self.known.urgent.set(self.known.urgent.get() || is_news);
            self.known.touch(place_of(login));
            self.known.note_fork(login, trust.is_forked());
            all.insert(login.to_owned(), trust);
        }
        out
    }

    /// What was seen and decided of whose keys a login's are.
    pub fn trust(&self, login: &str) -> Trust {
        self.known.memory.borrow().trust.get(login).cloned().unwrap_or_default()
    }

    /// What is relied on, of a login whose keys may have changed since. `None`: nothing was seen, or there is a fork.
    pub fn relied(&self, login: &str) -> Option<Relied> {
        self.known.memory.borrow().trust.get(login).and_then(Trust::relied)
    }

    /// The same as [`Principal::resolve`], by what the relay offered before, where that is known.
    async fn resolve_known(&self, logins: &[String]) -> Result<Vec<Offered>> {
        let known: Option<Vec<Rc<Vec<Keyset>>>> = {
            let (current, offers) = (self.known.current.borrow(), self.known.offers.borrow());
            logins.iter().map(|login| offers.get(login).filter(|_| current.contains(login)).cloned()).collect()
        };
        let Some(known) = known else { return self.resolve(logins).await };
        let mut out = Vec::with_capacity(logins.len());
        for (login, offer) in logins.iter().zip(known) {
            out.push(match self.refused_by_policy(login, &offer).await? {
                true => Offered { offer, state: State::Changed },
                false => self.judge(login, offer, None),
            });
        }
        Ok(out)
    }

    /// Whether something has to be asked before it is sealed for some logins.
    pub fn unknown_among(&self, logins: &[String]) -> bool {
        let current = self.known.current.borrow();
        std::iter::once(&self.login).chain(logins).any(|login| !current.contains(login))
    }

    /// What [`Principal::seal_for`] asks.
    pub fn asked_by_seal_for(&self, logins: &[String]) -> Operation {
        let logins = std::iter::once(&self.login).chain(logins).take(256).cloned().collect();
        Operation::Identities { logins, removed: false }
    }

    /// Has identities fetched again when they are next needed.
    pub fn forget_offers(&self) {
        self.known.current.borrow_mut().clear();
    }

    /// Fetches identities and judges them. Errors: [`Code::IdentityNotFound`] with exactly the missing logins.
    pub async fn resolve(&self, logins: &[String]) -> Result<Vec<Offered>> {
        for login in logins {
            check_login(login)?;
        }
        let identities = self.offered(logins, false).await?;
        let missing: Vec<String> = logins
            .iter()
            .zip(&identities)
            .filter(|(_, found)| found.is_none())
            .map(|(login, _)| login.clone())
            .collect();
        if !missing.is_empty() {
            if !self.acting && missing == [self.login.clone()] {
                return Err(super::unknown_here(&self.login));
            }
            return Err(Error::about(Code::IdentityNotFound, "no such identity", missing));
        }
        let mut out = Vec::with_capacity(logins.len());
        for (login, offer) in logins.iter().zip(identities.into_iter().flatten()) {
            out.push(self.judged(login, offer).await?);
            self.known.current.borrow_mut().insert(login.clone());
        }
        Ok(out)
    }

    /// Keysets that the relay shows on a way, checked and judged as if it had been asked for them.
    pub(super) async fn shown(&self, login: &str, offer: Vec<Keyset>) -> Result<Offered> {
        check_login(login)?;
        let offered = self.judged(login, offer).await?;
        self.known.current.borrow_mut().insert(login.to_owned());
        Ok(offered)
    }

    /// The newest of keysets that the relay shows, if it may be encrypted to. `None`: not now.
    pub async fn usable_of(&self, login: &str, offer: Vec<Keyset>) -> Result<Option<Keyset>> {
        match self.shown(login, offer).await {
            Ok(offered) if offered.state.is_usable() => offered.newest().cloned().map(Some),
            Err(e) if !matches!(e.code(), Code::VerificationFailed | Code::UnsupportedVersion | Code::BadInput) => {
                Err(e)
            }
            _ => Ok(None),
        }
    }

    /// An offer, checked and judged.
    async fn judged(&self, login: &str, offer: Vec<Keyset>) -> Result<Offered> {
        let (offer, before) = self.checked(login, offer)?;
        Ok(match self.refused_by_policy(login, &offer).await? {
            true => Offered { offer, state: State::Changed },
            false => self.judge(login, offer, before.as_deref()),
        })
    }

    /// Those of some logins that are there, judged; also those that were removed, if `removed`.
    async fn judged_among(&self, logins: &[String], removed: bool) -> Result<Vec<(String, Offered)>> {
        let mut out = Vec::with_capacity(logins.len());
        for (login, offer) in logins.iter().zip(self.offered(logins, removed).await?) {
            if let Some(offer) = offer {
                out.push((login.clone(), self.judged(login, offer).await?));
            }
        }
        Ok(out)
    }

    /// Has the keysets of some logins known and judged, also of those that were removed.
    pub async fn meet(&self, logins: &[String]) -> Result<()> {
        self.judged_among(logins, true).await.map(drop)
    }

    /// What the relay offers of some logins; also of those that were removed, if `removed`.
    pub(super) async fn offered(&self, logins: &[String], removed: bool) -> Result<Vec<Option<Vec<Keyset>>>> {
        let mut identities = Vec::with_capacity(logins.len());
        for part in logins.chunks(256) {
            let operation = Operation::Identities { logins: part.to_vec(), removed };
            let Reply::Identities { identities: found } = self.relay.call(None, &operation).await? else {
                return Err(unexpected());
            };
            if found.len() != part.len() {
                return Err(unexpected());
            }
            identities.extend(found);
        }
        Ok(identities)
    }

    /// An offer whose form and signatures were checked, and what was offered before it.
    #[allow(clippy::type_complexity, reason = "two offers")]
    fn checked(&self, login: &str, offer: Vec<Keyset>) -> Result<(Rc<Vec<Keyset>>, Option<Rc<Vec<Keyset>>>)> {
        let known = self.known.offers.borrow().get(login).cloned();
        if let Some(known) = known.as_ref().filter(|known| ***known == offer) {
            // Checked before, byte for byte the same.
            return Ok((known.clone(), None));
        }
        trust::check_offer(login, &offer)?;
        let offer = Rc::new(offer);
        self.known.offers.borrow_mut().insert(login.to_owned(), offer.clone());
        if login == self.login {
            // There may be newer own keys.
            self.known.unwarned.set(true);
        }
        Ok((offer, known))
    }

    fn judge(&self, login: &str, offer: Rc<Vec<Keyset>>, before: Option<&Vec<Keyset>>) -> Offered {
        let mut state = self.with_trust(login, |trust| trust.judge(&offer));
        if login == self.login && !self.acting && state == State::Unverified {
            // One's own keys are known from within.
            let own = offer.last().and_then(|newest| self.own(&newest.fingerprint()));
            if own.is_some() && self.trusted.get() {
                state = State::Verified;
            }
        }
        if !state.is_usable() {
            self.keep_candidates(login, &offer, before);
        }
        self.tell(login, state);
        Offered { offer, state }
    }

    /// Keeps what is offered in place of what is relied on; of a fork, both ends.
    pub(super) fn keep_candidates(&self, login: &str, offer: &[Keyset], before: Option<&Vec<Keyset>>) {
        let trust = self.trust(login);
        if !trust.is_known() {
            return;
        }
        let relied = trust.relied();
        let mut memory = self.known.memory.borrow_mut();
        let ends = [offer.last(), before.and_then(|b| b.last())].into_iter().flatten();
        for keyset in ends.filter(|k| relied.is_none_or(|relied| relied.fingerprint != k.fingerprint())) {
            if memory.keep_candidate(login, keyset.clone()) {
                self.known.urgent.set(true);
                self.known.touch(place_of(login));
            }
        }
    }

    /// Keysets that were offered in place of the one that is relied on, the newest last; of a fork, both ends.
    pub fn candidates(&self, login: &str) -> Vec<Keyset> {
        let relied = self.relied(login);
        let rival = |k: &&Keyset| relied.is_none_or(|relied| relied.fingerprint != k.fingerprint());
        let memory = self.known.memory.borrow();
        memory.candidates.get(login).into_iter().flatten().filter(rival).cloned().collect()
    }

    /// The newest keysets of some logins that may be relied on, as the relay has them now: where keys changed without
    /// proof, those that were relied on. Also of logins that were removed.
    pub async fn relied_on_now(&self, logins: &[String]) -> Result<BTreeMap<String, Hash>> {
        let mut out = BTreeMap::new();
        for (login, offered) in self.judged_among(logins, true).await? {
            let newest = match offered.state.is_usable() {
                true => offered.offer.last().map(Keyset::fingerprint),
                false => self.relied(&login).map(|relied| relied.fingerprint),
            };
            out.extend(newest.map(|newest| (login, newest)));
        }
        Ok(out)
    }

    /// The newest keysets of those of some logins that are there and may be encrypted to.
    pub async fn usable_among(&self, logins: &[String]) -> Result<BTreeMap<String, Keyset>> {
        let mut out = BTreeMap::new();
        for (login, offered) in self.judged_among(logins, false).await? {
            if offered.state.is_usable() {
                out.insert(login, offered.newest()?.clone());
            }
        }
        Ok(out)
    }

    /// The newest keysets of some logins, all of which may be encrypted to.
    /// Errors: [`Code::IdentityNotFound`], [`Code::IdentityChanged`], each with all logins concerned.
    pub async fn usable(&self, logins: &[String]) -> Result<Vec<Keyset>> {
        self.all_usable(logins, self.resolve(logins).await?)
    }

    fn all_usable(&self, logins: &[String], known: Vec<Offered>) -> Result<Vec<Keyset>> {
        let changed: Vec<String> =
            logins.iter().zip(&known).filter(|(_, k)| !k.state.is_usable()).map(|(login, _)| login.clone()).collect();
        if !self.acting && changed == [self.login.clone()] {
            return Err(self.replaced());
        }
        if !changed.is_empty() {
            let message = "these keys changed without proof: compare the verification code, then trust.verify() or trust.accept(), \
                           or giveAccessBackTo() after a loss";
            return Err(Error::about(Code::IdentityChanged, message, changed));
        }
        known.iter().map(|k| k.newest().cloned()).collect()
    }

    /// Checks that the own newest keyset is the one at hand, and to be encrypted to. Gives it, and the recipients'.
    pub async fn seal_for(&self, logins: &[String]) -> Result<(OwnKey, Vec<Keyset>)> {
        let all = self.with_oneself(logins);
        let keysets = self.usable(&all).await?;
        self.sealing(keysets)
    }

    /// The same, by what the relay offered before, where that is known: only where the relay is told which keys these are.
    pub async fn seal_for_known(&self, logins: &[String]) -> Result<(OwnKey, Vec<Keyset>)> {
        let all = self.with_oneself(logins);
        let known = self.resolve_known(&all).await?;
        match self.all_usable(&all, known).and_then(|keysets| self.sealing(keysets)) {
            // What speaks against them may be over.
            Err(e) if matches!(e.code(), Code::IdentityChanged | Code::Locked) => self.seal_for(logins).await,
            other => other,
        }
    }

    fn with_oneself(&self, logins: &[String]) -> Vec<String> {
        std::iter::once(&self.login).chain(logins).cloned().collect()
    }

    fn sealing(&self, mut keysets: Vec<Keyset>) -> Result<(OwnKey, Vec<Keyset>)> {
        let key = self.current()?;
        let own = keysets.remove(0);
        if own.fingerprint() != key.fingerprint && self.trusted.get() && own.version > key.keyset.version {
            let known = self.known.offers.borrow().get(&self.login).cloned().unwrap_or_default();
            if trust::is_chained(&known, key.keyset.version) {
                let message = "these keys were renewed elsewhere: unlock() with the secret opens the newest";
                return Err(Error::new(Code::Locked, message));
            }
        }
        if own.fingerprint() != key.fingerprint || !self.trusted.get() {
            return Err(self.replaced());
        }
        Ok((key, keysets))
    }

    fn replaced(&self) -> Error {
        let message =
            "newer keys replaced the ones of this session: it can read, and give access back, but not encrypt";
        Error::about(Code::IdentityChanged, message, vec![self.login.clone()])
    }

    /// The keyset behind a signature, if it may be believed. `Ok(None)`: there is no such keyset.
    /// Errors: [`Code::IdentityChanged`] when it is one that was never relied on and replaces one that was.
    pub async fn signer(&self, party: &Party) -> Result<Option<Signer>> {
        if let Some(key) = self.own(&party.fingerprint).filter(|_| party.login == self.login) {
            return Ok(Some(Signer { keyset: key.keyset, verified: true }));
        }
        let cached = self.known.offers.borrow().get(&party.login).cloned();
        let find = |offer: &[Keyset]| offer.iter().find(|k| k.fingerprint() == party.fingerprint).cloned();
        let mut offer = cached.unwrap_or_default();
        let mut found = find(&offer);
        if found.is_none() {
            // Also of a login that was removed: what it gave can still be read.
            let Some(now) = self.offered(std::slice::from_ref(&party.login), true).await?.remove(0) else {
                return Ok(None);
            };
            let (now, before) = self.checked(&party.login, now)?;
            if !self.refused_by_policy(&party.login, &now).await? {
                self.judge(&party.login, now.clone(), before.as_deref());
            }
            offer = now;
            found = find(&offer);
        }
        let Some(keyset) = found else { return Ok(None) };
        let verified = match party.login == self.login {
            true => self.is_own(&offer, &keyset).then_some(false),
            false => self.known.memory.borrow().trust.get(&party.login).and_then(|trust| trust.reads(&offer, &keyset)),
        };
        let Some(verified) = verified else {
            let message = "these keys changed without proof: compare the verification code, then trust.verify() or trust.accept()";
            return Err(Error::about(Code::IdentityChanged, message, vec![party.login.clone()]));
        };
        Ok(Some(Signer { keyset, verified }))
    }

    /// Takes over keysets of somebody that were checked and judged before, and rested here since: so that what they signed
    /// can be read without asking. What the application says of them is asked anew.
    pub async fn recall(&self, login: &str, offer: Vec<Keyset>) -> Result<()> {
        let offer = Rc::new(offer);
        if !self.known.offers.borrow().contains_key(login) && !self.refused_by_policy(login, &offer).await? {
            self.known.offers.borrow_mut().entry(login.to_owned()).or_insert(offer);
        }
        Ok(())
    }

    /// What the relay offered of somebody, as it was checked last.
    pub fn known_offer(&self, login: &str) -> Option<Rc<Vec<Keyset>>> {
        self.known.offers.borrow().get(login).cloned()
    }

    /// Whether a keyset that is not open here is one's own all the same: an older one, which a keyset that is open names,
    /// or a newer one that continues it with proof. What it signed can be read, and proves nothing more.
    fn is_own(&self, offer: &[Keyset], keyset: &Keyset) -> bool {
        let open = offer.iter().rposition(|k| self.own(&k.fingerprint()).is_some());
        open.is_some_and(|open| {
            let newest = &offer[open];
            let upto = &offer[..offer.iter().position(|k| k == keyset).map_or(0, |at| at + 1)];
            keyset.version < newest.version || trust::is_chained(upto, newest.version)
        })
    }

    /// Relies on a keyset from now on, because a person decided so.
    pub fn rely_on(&self, keyset: &Keyset, compared: bool) -> Result<()> {
        let offer = self.known.offers.borrow().get(&keyset.login).cloned().unwrap_or_default();
        self.rely_on_one_of(&offer, keyset, compared)
    }

    /// The same, where it is known with which others it was shown.
    pub fn rely_on_one_of(&self, offer: &[Keyset], keyset: &Keyset, compared: bool) -> Result<()> {
        let id = make_id()?;
        self.with_trust(&keyset.login, |trust| trust.decide(offer, keyset, compared, id));
        self.known.decided.borrow_mut().remove(&keyset.login);
        if self.known.memory.borrow_mut().candidates.remove(&keyset.login).is_some() {
            self.known.touch(place_of(&keyset.login));
        }
        Ok(())
    }
}
