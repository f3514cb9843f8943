//! Saying something to one's own devices: a head over new pieces, written all or nothing (protocol section 7).

use std::collections::BTreeSet;

use super::Principal;
use super::heads::{Shown, Tree};
use super::memory::place_of;
use super::said::{self, Complete, Said};
use super::statements::{about, make};
use crate::crypto::boxes::seal_at_rest;
use crate::crypto::keys::RestKey;
use crate::crypto::turn::turn;
use crate::encoding::{Bytes, Hash};
use crate::error::{Code, Error, Result};
use crate::keyring::{OwnKey, said_key};
use crate::relay::Operation;
use crate::wire::manifest::Manifest;
use crate::wire::pieces::{self, Entries, Part, Prefix};
use crate::wire::statement::{HEAD, Head, HeadChange, Named, PROFILE, Profile, Statement};
use crate::wire::to_json;

/// How often something is said again, if other devices say something at the same time.
const ATTEMPTS: usize = 16;

/// A head that is said with renewed keys, once the relay has it.
pub(super) struct Anew {
    said: Said,
    tree: Tree,
    head: Statement,
    digest: Hash,
}

const NOT_OPEN: &str = "what is said under this name needs the secret once more: call unlock() first";

fn busy() -> Error {
    Error::new(Code::Conflict, "other devices say something under this name without pause: try again")
}

impl Principal {
    /// Names an item, or takes the name away.
    pub async fn set_name(&self, name: &str, item: Option<uuid::Uuid>) -> Result<()> {
        self.say(|said, all| said.name(name, item, self.now(), all)).await
    }

    /// Shares all future data with some logins, or stops doing so.
    pub async fn set_shares(&self, logins: &[String], value: bool) -> Result<()> {
        let others = || logins.iter().filter(|login| **login != self.login);
        self.say(|said, all| others().try_for_each(|login| said.share(login, value, self.now(), all))).await
    }

    /// A head over nothing, by keys that begin. `profile`: that of the same keys.
    pub async fn first_head(&self, key: &OwnKey, profile: Option<&Statement>) -> Result<Statement> {
        let profile = profile.map(|profile| Named { counter: profile.counter, hash: profile.hash() });
        let body = to_json(&Head { profile, ..Head::default() })?;
        make(self, key, HEAD, 1, body).await
    }

    /// Notes a head of [`Principal::first_head`] that the relay has: of one's own, or of another identity.
    pub fn note_first_head(&self, head: &Statement, version: u64) {
        let mut memory = self.known.memory.borrow_mut();
        memory.statements.insert(about(&head.login, HEAD), (head.counter, head.hash(), version));
        let complete = Complete { version, counter: head.counter, digest: None };
        memory.complete.insert(head.login.clone(), complete);
        memory.said.remove(&head.login);
        self.known.touch(place_of(&about(&head.login, HEAD)));
        if head.login == self.login {
            *self.shown.borrow_mut() = Shown { hash: Some(head.hash()), tree: Some(Tree::new()), odd: false, version };
        }
    }

    /// Says something: `change` is made to what is known then, also after another device said something else meanwhile. It
    /// hears whether that is all that was said.
    async fn say(&self, change: impl Fn(&mut Said, bool) -> Result<()>) -> Result<()> {
        let (key, _) = self.seal_for(&[]).await?;
        for _ in 0..ATTEMPTS {
            self.look_below().await?;
            let mut said = self.said();
            let before = said.clone();
            change(&mut said, !self.is_withheld())?;
            if said == before {
                return Ok(());
            }
            match self.put(&key, said, None, true).await {
                Err(e) if e.code() == Code::Conflict => {}
                other => return other,
            }
        }
        Err(busy())
    }

    /// Changes the profile.
    pub async fn set_profile(&self, change: impl Fn(Profile) -> Result<Profile>) -> Result<()> {
        let (key, _) = self.seal_for(&[]).await?;
        for _ in 0..ATTEMPTS {
            self.look_below().await?;
            let profile = change(self.own_profile().await?.map(|said| said.body).unwrap_or_default())?;
            let profile = make(self, &key, PROFILE, self.counter_after(PROFILE), to_json(&profile)?).await?;
            match self.put(&key, self.said(), Some(profile), true).await {
                Err(e) if e.code() == Code::Conflict => {}
                other => return other,
            }
        }
        Err(busy())
    }

    /// Says what this device knows, where the relay does not have it: for one's other devices. Not over something that it
    /// withholds.
    pub async fn publish(&self) -> Result<()> {
        if !self.trusted() || self.boxing().await?.is_none() {
            return Ok(());
        }
        let _turn = self.known.saying.lock().await;
        // What the relay showed last is mostly what it has: the first attempt goes by that, and finds out.
        let mut anew = self.shown.borrow().tree.is_none();
        for _ in 0..ATTEMPTS {
            if !self.knows_all() || self.is_published()? {
                return Ok(());
            }
            if anew {
                self.look_below().await?;
                if !self.knows_all() {
                    return Ok(());
                }
            }
            let (key, _) = match anew {
                true => self.seal_for(&[]).await?,
                false => self.seal_for_known(&[]).await?,
            };
            match self.put(&key, self.said(), None, false).await {
                Err(e) if e.code() == Code::Conflict || !anew => anew = true,
                other => return other,
            }
        }
        Err(busy())
    }

    /// Whether the relay has what is known here, as far as one knows; or there is nothing that is worth it.
    fn is_published(&self) -> Result<bool> {
        let entries = self.all_entries(&self.said())?;
        let memory = self.known.memory.borrow();
        let shown = self.shown.borrow();
        let seen = memory.statements.get(&about(&self.login, HEAD)).map(|seen| seen.1);
        if shown.version > 0 && (shown.odd || shown.hash != seen) {
            return Ok(false);
        }
        let alone = memory.trust.keys().all(|login| *login == self.login);
        let nothing = alone && memory.manifests.values().all(|seen| seen.0 <= 1);
        let digest = memory.complete.get(&self.login).and_then(|complete| complete.digest);
        Ok(digest.map_or(nothing, |digest| digest == said::digest(&entries)))
    }

    /// Writes a head over what is known and `said`, if that is not what the relay has.
    async fn put(&self, key: &OwnKey, said: Said, profile: Option<Statement>, tell: bool) -> Result<()> {
        let boxing = self.boxing().await?.ok_or_else(|| Error::new(Code::Locked, NOT_OPEN))?;
        turn().await;
        let mut entries = self.all_entries(&said)?;
        if tell && pieces::divide(&entries).is_err() {
            // Nobody is kept from sharing, or from ending that, by what is remembered of others.
            entries = said::entries(&self.known.memory.borrow(), &said, None)?;
            self.note_kept(false);
        }
        let digest = said::digest(&entries);
        let (before, known, odd) = {
            let shown = self.shown.borrow();
            (shown.hash, shown.tree.clone().unwrap_or_default(), shown.odd)
        };
        let (tree, add) = self.make_pieces(&boxing, &entries, &known).await?;
        let root = |tree: &Tree| tree.get(&Prefix::new()).map(|piece| piece.0);
        if !odd && before.is_some() && root(&tree) == root(&known) && profile.is_none() {
            self.note_digest(key.keyset.version, digest);
            return Ok(());
        }
        let names: BTreeSet<Hash> = tree.values().map(|piece| piece.0).collect();
        let gone = known.values().map(|piece| piece.0).filter(|name| !names.contains(name)).collect();
        let head = self.make_head(key, self.counter_after(HEAD), root(&tree), profile.as_ref()).await?;
        let profile = profile.map(Box::new);
        let change = HeadChange { head: Box::new(head.clone()), before, add, gone, profile: profile.clone() };
        self.call(&Operation::PutHead { change: Box::new(change), tell }).await?;
        if let Some(profile) = profile {
            self.note_statement(&profile, key.keyset.version)?;
        }
        self.said_it(Anew { said, tree, head, digest }, key.keyset.version, !self.is_withheld());
        Ok(())
    }

    async fn make_head(
        &self,
        key: &OwnKey,
        counter: u64,
        root: Option<Hash>,
        profile: Option<&Statement>,
    ) -> Result<Statement> {
        let profile = match profile {
            Some(profile) => Some(Named { counter: profile.counter, hash: profile.hash() }),
            None => {
                let memory = self.known.memory.borrow();
                let seen = memory.statements.get(&about(&self.login, PROFILE));
                let own = seen.filter(|seen| seen.2 == key.keyset.version);
                own.map(|seen| Named { counter: seen.0, hash: seen.1 })
            }
        };
        make(self, key, HEAD, counter, to_json(&Head { root, profile, ..Head::default() })?).await
    }

    async fn make_pieces(&self, boxing: &RestKey, entries: &Entries, known: &Tree) -> Result<(Tree, Vec<Bytes>)> {
        let mut tree = Tree::new();
        let mut add = Vec::new();
        for (prefix, part) in pieces::divide(entries)? {
            turn().await;
            let text = match part {
                Part::Leaf(text) => text,
                Part::Node => {
                    let name = |nibble: u8| tree.get(&[&prefix[..], &[nibble]].concat()).map(|piece| piece.0);
                    to_json(&(0..16).map(name).collect::<Vec<Option<Hash>>>())?
                }
            };
            let digest = regrant_symmetric::sha256(text.as_bytes());
            let piece = match known.get(&prefix).filter(|known| known.1 == digest) {
                Some(known) => *known,
                None => {
                    let context = pieces::context(&self.login);
                    let sealed = seal_at_rest(&self.engine, boxing, &context, text.as_bytes()).await?;
                    let name = pieces::name(&sealed);
                    add.push(Bytes(sealed));
                    (name, digest)
                }
            };
            tree.insert(prefix, piece);
        }
        Ok((tree, add))
    }

    /// Notes what the relay has now. `all`: nothing is withheld from now on. What was is not known by having said
    /// something else.
    fn said_it(&self, anew: Anew, version: u64, all: bool) {
        let Anew { said, tree, head, digest } = anew;
        let mut memory = self.known.memory.borrow_mut();
        // Another call may have said something after this one, and be done before it.
        let now = (head.counter, head.hash(), version);
        let seen = memory.statements.entry(about(&self.login, HEAD)).or_insert(now);
        if (now.2, now.0) > (seen.2, seen.0) {
            *seen = now;
        }
        if all {
            let written = Complete { version, counter: head.counter, digest: Some(digest) };
            let complete = memory.complete.entry(self.login.clone()).or_default();
            *complete = written.max(*complete);
        }
        memory.said.entry(self.login.clone()).or_default().merge(said);
        self.known.touch(place_of(&about(&self.login, HEAD)));
        *self.shown.borrow_mut() = Shown { hash: Some(head.hash()), tree: Some(tree), odd: false, version };
    }

    fn note_digest(&self, version: u64, digest: Hash) {
        let mut memory = self.known.memory.borrow_mut();
        if let Some(complete) = memory.complete.get_mut(&self.login).filter(|complete| complete.version == version)
            && complete.digest != Some(digest)
        {
            complete.digest = Some(digest);
            self.known.changed.set(true);
        }
    }

    /// Everything that is said, said by keys that continue the ones of this identity, from what is known here. With whom
    /// one shares is nobody any more, if that was said from `since` on; those logins are added to `stopped`. `manifests`:
    /// the lists of slots that come with the change.
    pub(super) async fn say_anew(
        &self,
        key: &OwnKey,
        manifests: &[&Manifest],
        since: Option<u64>,
        stopped: &mut BTreeSet<String>,
    ) -> Result<(HeadChange, Anew)> {
        self.look().await?;
        let said = self.said().renewed(key.keyset.version, since, self.now(), stopped)?;
        let mut memory = self.known.memory.borrow().clone();
        for manifest in manifests {
            memory.manifests.insert(manifest.fingerprint.hex(), (manifest.number(), manifest.hash()));
        }
        let mut entries = said::entries(&memory, &said, self.remembering())?;
        let boxing = said_key(&self.engine, key.require_keyset_key()?).await?;
        if pieces::divide(&entries).is_err() {
            // Nobody is kept from renewing keys by what is remembered of others.
            entries = said::entries(&memory, &said, None)?;
            self.note_kept(false);
        }
        let digest = said::digest(&entries);
        let (tree, add) = self.make_pieces(&boxing, &entries, &Tree::new()).await?;
        let profile = match self.own_profile().await {
            // What keys before these said stays as it is: it is not for these to vouch for.
            Ok(said) if said.as_ref().is_none_or(|said| Some(said.fingerprint) != key.keyset.previous) => None,
            Ok(Some(said)) => Some(make(self, key, PROFILE, 1, to_json(&said.body)?).await?),
            // What the relay withholds, or altered, is not for these keys to vouch for.
            Ok(None) => None,
            Err(e) if e.code() == Code::VerificationFailed => None,
            Err(e) => return Err(e),
        };
        let root = tree.get(&Prefix::new()).map(|piece| piece.0);
        let head = self.make_head(key, 1, root, profile.as_ref()).await?;
        let change = HeadChange {
            head: Box::new(head.clone()),
            before: self.shown.borrow().hash,
            add,
            gone: Vec::new(),
            profile: profile.map(Box::new),
        };
        Ok((change, Anew { said, tree, head, digest }))
    }

    /// Notes what was said by [`Principal::say_anew`], once the relay has it and the keys are the newest here.
    pub(super) fn said_anew(&self, change: &HeadChange, anew: Anew, version: u64) -> Result<()> {
        if let Some(profile) = &change.profile {
            self.note_statement(profile, version)?;
        }
        self.said_it(anew, version, true);
        Ok(())
    }

    /// Notes whether there was room for what is remembered.
    pub fn note_kept(&self, kept: bool) {
        if self.known.unkept.replace(!kept) == kept {
            self.known.unwarned.set(true);
        }
    }
}
