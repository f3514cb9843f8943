//! Changing the sharing graph: creating identities, extending and replacing their sharing groups, renewing keys.
//!
//! Every change is one atomic operation, decided over the latest state, and signed by whoever makes it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::lists::{ListChange, distinct, managing, passed_over, reaches};
use super::{Principal, make_statement};
use crate::error::{Code, Error, Result};
use crate::keyring::{self, Fresh, Made, OwnKey, Renewing, Secret};
use crate::relay::{Operation, OwnKeyset, Renewal, Reply, Sharing, unexpected};
use crate::trust::is_chained;
use crate::wire::keyset::Keyset;
use crate::wire::manifest::Manifest;
use crate::wire::statement::{PROFILE, Profile};
use crate::wire::{Party, to_json};

/// With whom an identity is shared, as its signed list of slots says.
#[derive(Clone, Debug)]
pub struct Group {
    /// The identity.
    pub login: String,
    /// The sharers, each once.
    pub holders: Vec<String>,
    /// Sharers whose own keys, in the version that holds the slot, are locked. Only the relay's word.
    pub locked: BTreeSet<String>,
}

/// What became of one's own keys in a change: a session goes on with them.
#[derive(Debug, Default)]
pub struct SharingChange {
    /// The caller's own new version, if it was renewed, with the change to the version before.
    pub own: Option<(Made, Manifest)>,
    /// With whom nothing is shared any more, because whoever stole the keys may have said so.
    pub stopped: BTreeSet<String>,
}

/// What is to be renewed, read and checked: before it is carried out, whoever acts may look at what it concerns.
pub struct SharingPlan {
    /// Each with its sharers: of the first, the new ones.
    subjects: Vec<(Subject, BTreeSet<String>)>,
    excluded: BTreeSet<String>,
    closes: bool,
    /// Since when somebody else may have had the keys of the first.
    stolen: Option<u64>,
}

impl SharingPlan {
    /// The other identities that are renewed.
    pub fn others(&self) -> impl Iterator<Item = &Rc<Principal>> {
        self.subjects.iter().filter_map(|(subject, _)| subject.principal.as_ref())
    }

    /// Since when somebody else may have had the keys.
    pub fn stolen(&self) -> Option<u64> {
        self.stolen
    }

    /// Whether one's own keys are.
    pub fn renews_own(&self) -> bool {
        self.subjects.iter().any(|(subject, _)| subject.principal.is_none())
    }
}

/// An identity that is changed: whoever acts for it, its newest version, and that opened.
struct Subject {
    principal: Option<Rc<Principal>>,
    own: OwnKeyset,
    key: OwnKey,
}

impl Subject {
    fn acting<'a>(&'a self, me: &'a Principal) -> &'a Principal {
        self.principal.as_deref().unwrap_or(me)
    }

    /// Of its managers, if it has some, those among `holders`.
    fn managers(&self, holders: &BTreeSet<String>) -> Option<Vec<String>> {
        let managers = self.key.keyset.managers.as_ref()?;
        Some(managers.logins.iter().filter(|login| holders.contains(*login)).cloned().collect())
    }
}

impl Subject {
    fn outcome<T>(&self, outcome: Result<T>) -> Result<T> {
        match self.principal {
            Some(_) => outcome.map_err(lost_race),
            None => outcome,
        }
    }
}

/// Keys of another identity that were renewed meanwhile: whoever acts for it reads them anew.
fn lost_race(error: Error) -> Error {
    match error.code() {
        Code::Locked => Error::new(Code::Conflict, "these keys were renewed by somebody else meanwhile: try again"),
        _ => error,
    }
}

fn holders_of(manifest: &Manifest) -> BTreeSet<String> {
    manifest.slots.iter().filter_map(|e| e.holder.as_ref()).map(|h| h.login.clone()).collect()
}

impl Principal {
    /// Reads with whom an identity is shared. Errors: [`Code::Forbidden`] for who may not see it.
    pub async fn group(&self, login: &str) -> Result<Group> {
        let operation = Operation::Sharing { login: login.to_owned() };
        let Reply::Sharing { sharing } = self.call(&operation).await? else { return Err(unexpected()) };
        self.believe_sharing(&sharing, login).await
    }

    /// Checks what a relay says of a sharing group: it is the signed list of the newest keyset.
    pub async fn believe_sharing(&self, sharing: &Sharing, login: &str) -> Result<Group> {
        let refused = || {
            let message = "the relay's list of sharers is not the signed one";
            Err(Error::about(Code::VerificationFailed, message, vec![login.to_owned()]))
        };
        let offered = self.resolve(&[login.to_owned()]).await?.remove(0);
        let newest = offered.newest()?;
        let manifest = &sharing.manifest;
        let fingerprint = newest.fingerprint();
        if sharing.keyset.fingerprint() != fingerprint
            || manifest.fingerprint != fingerprint
            || manifest.check_shown(newest, &[]).is_err()
        {
            return refused();
        }
        self.check_made(newest, manifest)?;
        self.note_manifest(login, manifest)?;
        let holders = holders_of(manifest).into_iter().filter(|holder| holder != login).collect();
        Ok(Group { login: login.to_owned(), holders, locked: sharing.locked.iter().cloned().collect() })
    }

    /// Creates an identity that is shared with others, and opened with a secret if there is one.
    ///
    /// Errors: [`Code::IdentityExists`], [`Code::NoRecipient`] if nobody could open it.
    pub async fn create(
        &self,
        login: &str,
        profile: &Profile,
        sharing_group: &[String],
        managers: Option<&[String]>,
        secret: Option<&Secret>,
    ) -> Result<()> {
        profile.check()?;
        crate::encoding::check_login(login)?;
        let logins: Vec<String> = distinct(sharing_group, login);
        if logins.is_empty() && secret.is_none() {
            let message = "nobody could open this identity: name a sharing group, or give it a secret";
            return Err(Error::new(Code::NoRecipient, message));
        }
        let managers = managers.map(|all| managing(all, &logins, secret)).transpose()?;
        let (key, holders) = self.seal_for(&logins).await?;
        let before = self.offered(&[login.to_owned()], true).await?.remove(0);
        let previous = before.as_ref().and_then(|offer| offer.last());
        let made = keyring::make_for(
            &self.engine,
            self.relay.id(),
            &key,
            login,
            secret,
            &holders,
            managers.as_deref(),
            previous,
            self.now(),
        )
        .await?;
        let profile = make_statement(self, &made.key, PROFILE, 1, to_json(profile)?).await?;
        let head = self.first_head(&made.key, Some(&profile)).await?;
        let operation = Operation::Register {
            new: Box::new(made.own.clone()),
            secrets: made.secrets.clone(),
            head: Box::new(head.clone()),
            profile: Some(Box::new(profile.clone())),
        };
        self.relay.call(None, &operation).await?;
        self.rely_on(&made.own.keyset, true)?;
        self.note_first_head(&head, made.own.keyset.version);
        self.note_statement(&profile, made.own.keyset.version)?;
        self.note_manifest(login, &made.own.manifest)
    }

    /// Whoever acts for an identity, with its newest version.
    async fn subject(&self, login: &str) -> Result<Subject> {
        match login == self.login {
            true => {
                let (own, key) = self.newest().await?;
                Ok(Subject { principal: None, own, key })
            }
            false => Self::other(self.act_for(login).await?).await,
        }
    }

    /// Another identity, that one acts for.
    async fn other(principal: Rc<Principal>) -> Result<Subject> {
        let (own, key) = principal.newest().await.map_err(lost_race)?;
        Ok(Subject { principal: Some(principal), own, key })
    }

    async fn other_through(&self, acting: &Principal, login: &str) -> Result<Subject> {
        Self::other(acting.act_for(login).await?).await
    }

    /// One's own newest keyset, as the relay has it and opened.
    async fn newest(&self) -> Result<(OwnKeyset, OwnKey)> {
        let (key, _) = self.seal_for(&[]).await?;
        key.require_keyset_key()?;
        let all = self.own_keysets().await?;
        let own = all.into_iter().find(|o| o.keyset.fingerprint() == key.fingerprint).ok_or_else(unexpected)?;
        Ok((own, key))
    }

    /// Who signs for a change to `subject`: oneself; nobody else where it is about one's own keys.
    fn author(&self, subject: &Subject) -> Result<Option<OwnKey>> {
        subject.principal.as_ref().map(|_| self.current()).transpose()
    }

    /// Adds sharers. Who is one already stays.
    pub async fn extend(&self, login: &str, logins: &[String], progress: &dyn Fn(usize) -> Result<()>) -> Result<()> {
        let subject = self.subject(login).await?;
        subject.key.require_managing()?;
        let logins = distinct(logins, login);
        let (_, keysets) = self.seal_for(&logins).await?;
        self.add_slots(&subject, keysets, progress).await
    }

    async fn add_slots(
        &self,
        subject: &Subject,
        keysets: Vec<Keyset>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<()> {
        let listed: BTreeSet<&Party> = subject.own.manifest.slots.iter().filter_map(|e| e.holder.as_ref()).collect();
        let fresh: Vec<Keyset> = keysets.into_iter().filter(|k| !listed.contains(&k.party())).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let acting = subject.acting(self);
        let slots = keyring::make_sharer_slots(&self.engine, &subject.key, &fresh, progress).await?;
        let author = self.author(subject)?;
        let keep = |_: &crate::wire::manifest::Entry| false;
        let key = &subject.key;
        let change =
            keyring::change_slots(&self.engine, &subject.own, key, author.as_ref(), slots, Vec::new(), keep).await?;
        let manifest = change.manifest.clone();
        let done = acting.call(&Operation::ChangeSlots { change: Box::new(change) }).await;
        subject.outcome(done)?;
        self.note_manifest(&key.keyset.login, &manifest)
    }

    /// Gives a keyset that a person compared, and nothing newer, a slot on the newest version of an identity whose signed
    /// list names its login. Gives the slot's id, and none if the list does not name it, or is not one's to change.
    pub async fn give_slot_back(&self, login: &str, to: &Keyset) -> Result<Option<uuid::Uuid>> {
        let subject = self.subject(login).await?;
        let slots = &subject.own.manifest.slots;
        let listed = |e: &&crate::wire::manifest::Entry| e.holder.as_ref().is_some_and(|h| h.login == to.login);
        // Who does not manage it leaves that to those who do.
        if !slots.iter().any(|e| listed(&e)) || subject.key.require_managing().is_err() {
            return Ok(None);
        }
        self.add_slots(&subject, vec![to.clone()], &|_| Ok(())).await?;
        let again = self.subject(login).await?;
        let party = to.party();
        Ok(again.own.manifest.slots.iter().find(|e| e.holder.as_ref() == Some(&party)).map(|e| e.id))
    }

    /// Plans to renew keys, one's own or those of an identity that one acts for. `stolen`: since when somebody else may have
    /// had them. Whatever opened them opens the new ones no more then, and who was to act for oneself is to be named anew:
    /// no list says when somebody was added.
    ///
    /// Errors: [`Code::BadInput`] without a new secret, if it is a secret that was stolen.
    pub async fn plan_renewal(&self, login: &str, stolen: Option<u64>, has_secret: bool) -> Result<SharingPlan> {
        let subject = self.subject(login).await?;
        subject.key.require_managing()?;
        let opens_alone = subject.own.manifest.slots.iter().any(|e| e.kind.is_unlocker());
        if stolen.is_some() && opens_alone && !has_secret {
            return Err(Error::bad_input(
                "after a theft keys are renewed with a new secret: the old one opens no newer keys",
            ));
        }
        if has_secret && subject.key.keyset.managers.is_some() {
            return Err(Error::bad_input(
                "an identity with managers is opened through its sharing group, and by no secret",
            ));
        }
        let holders = holders_of(&subject.own.manifest);
        let excluded = match stolen.is_some() && subject.principal.is_none() {
            true => distinct(&holders.iter().cloned().collect::<Vec<_>>(), login).into_iter().collect(),
            false => BTreeSet::new(),
        };
        let holders = holders.difference(&excluded).cloned().collect();
        Ok(SharingPlan { subjects: vec![(subject, holders)], excluded, closes: stolen.is_some(), stolen })
    }

    /// Sets the sharing group. If that excludes somebody, the keys are to be renewed, along with those of identities that
    /// the excluded could act for through this one only, all in one change: that is planned. Else it is done.
    pub async fn replace(
        &self,
        login: &str,
        change: ListChange<'_>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<Option<SharingPlan>> {
        let subject = self.subject(login).await?;
        subject.key.require_managing()?;
        let mut listed = holders_of(&subject.own.manifest);
        listed.remove(login);
        let wanted = change.applied(login, &listed)?;
        let excluded: BTreeSet<String> = listed.difference(&wanted).cloned().collect();
        if excluded.is_empty() {
            let (_, keysets) = self.seal_for(&wanted.into_iter().collect::<Vec<_>>()).await?;
            self.add_slots(&subject, keysets, progress).await?;
            return Ok(None);
        }
        let opens_alone = subject.own.slots.iter().any(|s| s.unlocker.is_some());
        if wanted.is_empty() && !opens_alone {
            let message = "nobody could open this identity any more: name who stays";
            return Err(Error::new(Code::NoRecipient, message));
        }
        if subject.managers(&wanted).is_some_and(|stay| stay.is_empty()) {
            return Err(Error::bad_input(
                "nobody who stays could change this list any more: leave one of its managers",
            ));
        }
        // Somebody who is new here must be usable; of who stays, the version that was relied on is enough.
        let new: Vec<String> = wanted.difference(&listed).cloned().collect();
        self.seal_for(&new).await?;
        let below = self.below(&subject, login, &wanted).await?;
        let mut renewed = vec![(subject, wanted)];
        for (owner, holders) in below.iter().filter(|(owner, _)| *owner != login) {
            if excluded.iter().any(|who| !reaches(who, owner, &below)) {
                let acting = renewed[0].0.acting(self);
                // Through the identity that is replaced: that way is certain to be there.
                let other = match *owner == self.login {
                    true => self.subject(owner).await.map(Some)?,
                    false => passed_over(self.other_through(acting, owner).await)?,
                };
                // What somebody else manages is renewed by them.
                let other = other.filter(|other| other.key.require_managing().is_ok());
                renewed.extend(other.map(|other| (other, holders.clone())));
            }
        }
        Ok(Some(SharingPlan { subjects: renewed, excluded, closes: true, stolen: None }))
    }

    /// An identity and all that can be acted for through it, each with its sharers: of the first, the new ones.
    async fn below(
        &self,
        subject: &Subject,
        login: &str,
        wanted: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let acting = subject.acting(self);
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::from([(login.to_owned(), wanted.clone())]);
        let mut next = vec![login.to_owned()];
        while let Some(holder) = next.pop() {
            for link in acting.access_group(&holder).await?.into_iter().filter(|link| !link.locked) {
                if all.contains_key(&link.login) {
                    continue;
                }
                let Some(group) = passed_over(acting.group(&link.login).await)? else { continue };
                all.insert(link.login.clone(), group.holders.into_iter().collect());
                next.push(link.login);
            }
        }
        Ok(all)
    }

    /// Makes all new versions first, then their slots, and writes them in one operation. Every way of opening stays,
    /// unless a new secret replaces the password of the first.
    pub async fn carry_out(
        &self,
        plan: SharingPlan,
        secret: Option<&Secret>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<SharingChange> {
        let SharingPlan { subjects, excluded, closes, stolen } = plan;
        let _turn = self.known.saying.lock().await;
        let mut stopped = if stolen.is_some() { excluded.clone() } else { BTreeSet::new() };
        let mut fresh: Vec<Fresh> = Vec::with_capacity(subjects.len());
        progress(0)?;
        for (subject, holders) in &subjects {
            let maker = self.author(subject)?;
            let managers = subject.managers(holders);
            let (own, key) = (&subject.own, &subject.key);
            let (maker, managers, stolen) = (maker.as_ref(), managers.as_deref(), stolen.is_some());
            let renewing = Renewing { own, key, maker, stolen, managers };
            fresh.push(renewing.begin(&self.engine, self.now()).await?);
        }
        let new: BTreeMap<String, Keyset> =
            fresh.iter().map(|f| (f.key.keyset.login.clone(), f.key.keyset.clone())).collect();
        let others: BTreeSet<String> =
            subjects.iter().flat_map(|(_, holders)| holders).filter(|l| !new.contains_key(*l)).cloned().collect();
        let listed: Vec<&Party> = subjects
            .iter()
            .flat_map(|(subject, _)| &subject.own.manifest.slots)
            .filter_map(|entry| entry.holder.as_ref())
            .collect();
        let known = self.relied_on(&others.into_iter().collect::<Vec<_>>(), &listed).await?;
        let mut changes: Vec<Renewal> = Vec::with_capacity(subjects.len());
        let mut made = Vec::with_capacity(subjects.len());
        let done = std::cell::Cell::new(0);
        for ((subject, holders), fresh) in subjects.iter().zip(fresh) {
            let holders = holders.iter().filter(|login| **login != subject.key.keyset.login);
            let holders: Vec<Keyset> =
                holders.filter_map(|login| new.get(login).or_else(|| known.get(login)).cloned()).collect();
            let maker = self.author(subject)?;
            let shown = |e: &crate::wire::manifest::Entry| subject.own.slots.iter().any(|s| s.id == e.id);
            let unlocker = |e: &&crate::wire::manifest::Entry| e.kind.is_unlocker();
            if stolen.is_none() && !subject.own.manifest.slots.iter().filter(unlocker).all(shown) {
                let message = "the relay holds back a way of unlocking, which would be lost";
                let login = subject.key.keyset.login.clone();
                return Err(Error::about(Code::VerificationFailed, message, vec![login]));
            }
            let (own, key) = (&subject.own, &subject.key);
            let renewing = Renewing { own, key, maker: maker.as_ref(), stolen: stolen.is_some(), managers: None };
            // Ways of unlocking that somebody added who is excluded now fall with them.
            let keeps = |e: &crate::wire::manifest::Entry| stolen.is_none() && !excluded.contains(&e.added_by.login);
            let before = done.get();
            let report = |slots| {
                done.set(before + slots);
                progress(before + slots)
            };
            let (one, previous) =
                renewing.finish(&self.engine, self.relay.id(), fresh, &holders, keeps, secret, &report).await?;
            if one.own.slots.is_empty() {
                let message = "nobody could open this identity any more: name who stays, or give it a secret";
                return Err(Error::new(Code::NoRecipient, message));
            }
            let lists = [&previous.manifest, &one.own.manifest];
            let said = subject.acting(self).say_anew(&one.key, &lists, stolen, &mut stopped).await;
            let (said, heads) = subject.outcome(said)?;
            changes.push(Renewal { new: one.own.clone(), secrets: one.secrets.clone(), previous, said });
            made.push((one, heads));
        }
        let acting = subjects[0].0.acting(self);
        let done = acting.call(&Operation::Renew { changes: changes.clone(), closes, stolen: stolen.is_some() }).await;
        subjects[0].0.outcome(done)?;
        let mut change = SharingChange { stopped, ..SharingChange::default() };
        for (((subject, _), (made, heads)), renewal) in subjects.iter().zip(made).zip(changes) {
            let login = &subject.key.keyset.login;
            self.note_manifest(login, &renewal.previous.manifest)?;
            self.note_manifest(login, &made.own.manifest)?;
            subject.acting(self).said_anew(&renewal.said, heads, made.key.keyset.version)?;
            match &subject.principal {
                Some(principal) => {
                    principal.go_on_with(made.key);
                    principal.note_withheld();
                    self.resolve(std::slice::from_ref(login)).await?;
                }
                None => change.own = Some((made, renewal.previous.manifest)),
            }
        }
        Ok(change)
    }

    /// The keysets of sharers that stay: the newest, or where that may not be relied on, the version that was. Of those
    /// whom one never met, the signed list that they are on says which version that is.
    /// Errors: [`Code::IdentityChanged`] with all who could not be sealed to.
    async fn relied_on(&self, logins: &[String], listed: &[&Party]) -> Result<BTreeMap<String, Keyset>> {
        let mut out = BTreeMap::new();
        let mut there = Vec::new();
        for (login, offer) in logins.iter().zip(self.offered(logins, false).await?) {
            // Somebody who was removed meanwhile is simply gone.
            if offer.is_some() {
                there.push((login.clone(), self.trust(login).is_known()));
            }
        }
        let names: Vec<String> = there.iter().map(|(login, _)| login.clone()).collect();
        let mut lost = Vec::new();
        for ((login, met), offered) in there.iter().zip(self.resolve(&names).await?) {
            let relied = self.relied(login).map(|relied| relied.fingerprint);
            let by_list = |k: &&Keyset| listed.iter().any(|p| p.login == *login && p.fingerprint == k.fingerprint());
            let named = offered.offer.iter().rev().find(by_list);
            let is_listed = listed.iter().any(|p| p.login == *login);
            let keyset = match (offered.state.is_usable(), *met || !is_listed) {
                (true, true) => offered.offer.last(),
                (true, false) => named.and_then(|named| match is_chained(&offered.offer, named.version) {
                    true => offered.offer.last(),
                    false => Some(named),
                }),
                (false, _) => offered.offer.iter().find(|k| Some(k.fingerprint()) == relied).or(named),
            };
            match keyset {
                Some(keyset) => drop(out.insert(login.clone(), keyset.clone())),
                None => lost.push(login.clone()),
            }
        }
        if !lost.is_empty() {
            let message = "these keys changed without proof, and nothing of theirs that was relied on is there";
            return Err(Error::about(Code::IdentityChanged, message, lost));
        }
        Ok(out)
    }
}
