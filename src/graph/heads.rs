//! Heads: reading what an identity says to its own devices (protocol section 7).
//!
//! The newest keys always have a head, and everything is below it by hashes: what a relay withholds, alters or takes back
//! is seen. What is read is united with what this device knows, so that nothing that one device said is lost to another.

use std::collections::{BTreeMap, HashMap};

use super::said::{self, Complete, Said};
use super::statements::about;
use super::{Offered, Principal};
use crate::crypto::boxes::open_at_rest;
use crate::crypto::keys::RestKey;
use crate::encoding::{Bytes, Hash};
use crate::error::{Code, Error, Result};
use crate::keyring::said_key;
use crate::relay::{Operation, Reply, unexpected};
use crate::wire::parse;
use crate::wire::pieces::{self, Entries, MAX_ALL_PIECES, MAX_PIECES, Piece, Prefix};
use crate::wire::statement::{HEAD, Head, Named, PROFILE, Statement};

/// The most pieces that are asked for at once.
const PIECES_AT_ONCE: usize = 128;

/// The pieces under a head: their names, and the digests of what is in them.
pub(super) type Tree = BTreeMap<Prefix, (Hash, [u8; 32])>;

/// What the relay showed last.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The head's hash.
    pub(super) hash: Option<Hash>,
    /// What is below it; absent until it was read.
    pub(super) tree: Option<Tree>,
    /// Whether something about it is not as it should be.
    pub(super) odd: bool,
    /// Of which version of the keys it is; 0: the relay was not asked.
    pub(super) version: u64,
}

impl Principal {
    /// What boxes what this identity says. `None`: these keys were opened in a way that does not give it.
    pub(super) async fn boxing(&self) -> Result<Option<RestKey>> {
        let current = self.current()?;
        if !self.trusted() {
            // A relay can make keys that open here, and say what it likes by them.
            return Ok(None);
        }
        if let Some(key) = &current.keyset_key {
            return said_key(&self.engine, key).await.map(Some);
        }
        Ok(self.rest.borrow().clone().filter(|(whose, _)| *whose == current.fingerprint).map(|(_, key)| key))
    }

    /// Takes over what boxes what the newest own keyset says: it rests on this device.
    pub fn set_rest(&self, key: Option<RestKey>) {
        *self.rest.borrow_mut() = self.current_fingerprint().zip(key);
    }

    /// The version of the newest keys that are open; 0 if none is.
    fn version(&self) -> u64 {
        self.keys.borrow().last().map_or(0, |key| key.keyset.version)
    }

    /// Whether the relay was asked what these keys say.
    pub fn has_looked(&self) -> bool {
        self.shown.borrow().version == self.version()
    }

    /// What this identity says, as far as it is known here.
    pub(super) fn said(&self) -> Said {
        let mut said = Said::of(self.version());
        said.merge(self.known.memory.borrow().said.get(&self.login).cloned().unwrap_or_default());
        said
    }

    /// Whose devices are to know what is remembered of others: one's own, and nobody's whom one acts for.
    pub(super) fn remembering(&self) -> Option<&str> {
        (!self.acting).then_some(self.login.as_str())
    }

    pub(super) fn all_entries(&self, said: &Said) -> Result<Entries> {
        said::entries(&self.known.memory.borrow(), said, self.remembering())
    }

    /// Whether everything is known here that these keys are known to have said.
    pub(super) fn knows_all(&self) -> bool {
        let memory = self.known.memory.borrow();
        let Some(complete) = memory.complete.get(&self.login) else { return false };
        let seen = memory.statements.get(&about(&self.login, HEAD)).map_or((0, 0), |seen| (seen.2, seen.0));
        complete.version == self.version() && (complete.version, complete.counter) >= seen
    }

    /// Notes whether something is withheld, for as long as it is so.
    pub fn note_withheld(&self) {
        let mut withheld = self.known.withheld.borrow_mut();
        let changed = match self.knows_all() {
            true => withheld.remove(&self.login),
            false => withheld.insert(self.login.clone()),
        };
        if changed {
            self.known.unwarned.set(true);
        }
    }

    /// Whether the relay withholds something that this identity said.
    pub fn is_withheld(&self) -> bool {
        self.known.withheld.borrow().contains(&self.login)
    }

    /// Errors: [`Code::VerificationFailed`] if the relay withholds something that this identity said.
    fn require_all(&self) -> Result<()> {
        if self.is_withheld() {
            let message = "the relay withholds something that was said under this name";
            return Err(Error::about(Code::VerificationFailed, message, vec![self.login.clone()]));
        }
        Ok(())
    }

    /// With whom all future data is shared, as far as it is known here.
    pub fn known_shares(&self) -> Vec<String> {
        self.said().shares()
    }

    /// With whom all future data is shared. Errors: [`Code::VerificationFailed`] if that cannot be known.
    pub fn shares(&self) -> Result<Vec<String>> {
        self.require_all()?;
        Ok(self.said().shares())
    }

    /// The item under a name. Errors: [`Code::VerificationFailed`] if that cannot be known.
    pub async fn named(&self, name: &str) -> Result<Option<uuid::Uuid>> {
        self.seal_for(&[]).await?;
        self.look().await?;
        self.require_all()?;
        Ok(self.said().named(name))
    }

    // ---- reading ----

    /// Reads what one's other devices said, if there is something new.
    pub async fn look(&self) -> Result<()> {
        let seen = self.known.memory.borrow().statements.get(&about(&self.login, HEAD)).map(|seen| seen.1);
        let known = {
            let shown = self.shown.borrow();
            if self.has_looked() { shown.hash.filter(|_| !shown.odd) } else { seen.filter(|_| self.knows_all()) }
        };
        self.look_beyond(known).await
    }

    /// The same, and everything that is below the head, where it was not read yet: a relay may have lost it.
    pub async fn look_below(&self) -> Result<()> {
        self.look_beyond(self.known_below()).await
    }

    fn known_below(&self) -> Option<Hash> {
        let shown = self.shown.borrow();
        shown.hash.filter(|_| self.has_looked() && !shown.odd && shown.tree.is_some())
    }

    /// What [`Principal::look_below`] asks first.
    pub fn asked_by_look_below(&self) -> Option<Operation> {
        self.trusted().then(|| Operation::Head { known: self.known_below() })
    }

    async fn look_beyond(&self, known: Option<Hash>) -> Result<()> {
        let Some(boxing) = self.boxing().await? else { return Ok(()) };
        let (head, root) = match self.call(&Operation::Head { known }).await {
            Err(e) if matches!(e.code(), Code::Locked | Code::Forbidden) => {
                // Keys that were closed when newer ones came read what was there, and no head.
                return if self.is_newest().await? { Err(e) } else { Ok(()) };
            }
            other => match other? {
                Reply::Done if known.is_some() => {
                    if !self.has_looked() {
                        let version = self.version();
                        *self.shown.borrow_mut() = Shown { hash: known, version, ..Shown::default() };
                    }
                    return Ok(());
                }
                Reply::Head { head, root } => (head, root),
                _ => return Err(unexpected()),
            },
        };
        let offered = self.resolve(std::slice::from_ref(&self.login)).await?.remove(0);
        let current = self.current()?;
        if offered.newest()?.fingerprint() != current.fingerprint {
            // What newer keys say is for who holds them: that there are some is shown.
            return Ok(());
        }
        self.suspect(head.as_deref(), &offered);
        let version = current.keyset.version;
        let hash = head.as_ref().map(|head| head.hash());
        let genuine = head.filter(|head| {
            let own = head.login == self.login && head.subject == HEAD && head.fingerprint == current.fingerprint;
            own && head.check(&current.keyset.signing_key).is_ok()
        });
        let body = genuine.as_ref().and_then(|head| parse::<Head>(&head.body).ok());
        let Some((head, body)) = genuine.zip(body) else {
            *self.shown.borrow_mut() = Shown { hash, tree: Some(Tree::new()), odd: true, version };
            self.note_withheld();
            return Ok(());
        };
        let before = std::mem::take(&mut *self.shown.borrow_mut());
        let before = before.tree.filter(|_| !before.odd).unwrap_or_default();
        let Read { entries, tree, whole } = self.read_pieces(&boxing, body.root, root, &before).await?;
        *self.shown.borrow_mut() = Shown { hash, tree: Some(tree), odd: !whole, version };
        self.take_over(&head, &body, &entries, version, whole);
        Ok(())
    }

    /// Whether the newest keyset that is open is the newest that the relay lists.
    async fn is_newest(&self) -> Result<bool> {
        let offered = self.resolve(std::slice::from_ref(&self.login)).await?.remove(0);
        Ok(offered.newest()?.fingerprint() == self.current()?.fingerprint)
    }

    /// Notes a head by keys that the relay does not list: the list may be an older one.
    fn suspect(&self, head: Option<&Statement>, offered: &Offered) {
        let unlisted = head.is_some_and(|head| {
            head.login == self.login && offered.offer.iter().all(|k| k.fingerprint() != head.fingerprint)
        });
        let mut suspects = self.known.suspects.borrow_mut();
        let changed = match unlisted {
            true => suspects.insert(self.login.clone()),
            false => suspects.remove(&self.login),
        };
        if changed {
            self.known.unwarned.set(true);
        }
    }

    fn take_over(&self, head: &Statement, body: &Head, entries: &Entries, version: u64, whole: bool) {
        let theirs = said::read(entries, &self.login, version, self.remembering().is_some(), self.now());
        let mut memory = self.known.memory.borrow_mut();
        let before = memory.clone();
        let mut see = |subject, named: Named| {
            let now = (named.counter, named.hash, version);
            let seen = memory.statements.entry(about(&self.login, subject)).or_insert(now);
            if (now.2, now.0) > (seen.2, seen.0) {
                *seen = now;
            }
        };
        see(HEAD, Named { counter: head.counter, hash: head.hash() });
        if let Some(profile) = body.profile {
            see(PROFILE, profile);
        }
        if whole {
            let read = Complete { version, counter: head.counter, digest: None };
            let complete = memory.complete.entry(self.login.clone()).or_default();
            *complete = read.max(*complete);
        }
        memory.merge(theirs);
        if *memory != before {
            self.known.touch_all();
        }
        drop(memory);
        self.known.look_for_forks();
        self.note_withheld();
    }

    /// Reads all that is below a head, but what was read before.
    async fn read_pieces(
        &self,
        boxing: &RestKey,
        root: Option<Hash>,
        shown: Option<Bytes>,
        before: &Tree,
    ) -> Result<Read> {
        let mut read = Read { entries: Entries::new(), tree: Tree::new(), whole: true };
        let mut at_hand: HashMap<Hash, Bytes> = root.into_iter().zip(shown).collect();
        let mut bytes = 0;
        let mut level: Vec<(Prefix, Hash)> = root.into_iter().map(|root| (Prefix::new(), root)).collect();
        while !level.is_empty() {
            let mut wanted = Vec::new();
            for (prefix, name) in level {
                if before.get(&prefix).is_some_and(|known| known.0 == name) {
                    let below = before.range(prefix.clone()..).take_while(|(other, _)| other.starts_with(&prefix));
                    read.tree.extend(below.map(|(prefix, piece)| (prefix.clone(), *piece)));
                } else {
                    wanted.push((prefix, name));
                }
            }
            let missing: Vec<Hash> =
                wanted.iter().map(|(_, name)| *name).filter(|name| !at_hand.contains_key(name)).collect();
            self.fetch(&missing, &mut at_hand).await?;
            level = Vec::new();
            for (prefix, name) in wanted {
                let sealed = at_hand.remove(&name).filter(|sealed| pieces::name(&sealed.0) == name);
                let Some(sealed) = sealed else {
                    read.whole = false;
                    continue;
                };
                bytes += sealed.0.len();
                // Whoever acts for the same identity could have it lead on and on.
                if read.tree.len() == MAX_PIECES || bytes > MAX_ALL_PIECES {
                    read.whole = false;
                    return Ok(read);
                }
                let plain = open_at_rest(&self.engine, boxing, &pieces::context(&self.login), &sealed.0).await;
                let piece = plain
                    .and_then(|plain| Ok((Piece::parse(plain.expose())?, regrant_symmetric::sha256(plain.expose()))));
                let Ok((piece, digest)) = piece else {
                    read.whole = false;
                    continue;
                };
                match piece {
                    Piece::Leaf(entries) => read.entries.extend(entries),
                    Piece::Node(names) if prefix.len() < 64 => {
                        let below = (0..).zip(names).filter_map(|(nibble, name)| Some((nibble, name?)));
                        level.extend(below.map(|(nibble, name)| ([&prefix[..], &[nibble]].concat(), name)));
                    }
                    Piece::Node(_) => read.whole = false,
                }
                read.tree.insert(prefix, (name, digest));
            }
        }
        Ok(read)
    }

    async fn fetch(&self, names: &[Hash], at_hand: &mut HashMap<Hash, Bytes>) -> Result<()> {
        let mut left = names;
        while !left.is_empty() {
            let asked = &left[..left.len().min(PIECES_AT_ONCE)];
            let Reply::Pieces { pieces } = self.call(&Operation::Pieces { names: asked.to_vec() }).await? else {
                return Err(unexpected());
            };
            if pieces.is_empty() || pieces.len() > asked.len() {
                return Err(unexpected());
            }
            left = &left[pieces.len()..];
            at_hand.extend(asked.iter().zip(pieces).filter_map(|(name, piece)| Some((*name, piece?))));
        }
        Ok(())
    }
}

struct Read {
    entries: Entries,
    tree: Tree,
    whole: bool,
}
