//! Opening by what rests on this device, and keeping what was opened or written.
//!
//! What rests counts until the log tells that its grant or its item changed. A grant that somebody ended is then asked for
//! again, and is not there.

use std::rc::Rc;

use uuid::Uuid;

use super::Delegation;
use super::keys::Keys;
use super::open::{Author, Fitting};
use super::shelf::{Shelf, Shelved};
use crate::crypto::envelope;
use crate::crypto::keys::DataKey;
use crate::graph::Principal;
use crate::relay::Event;
use crate::wire::Party;
use crate::wire::grant::Grant;

impl Delegation {
    /// The grants and items of which an entry of the log tells something that is not known: what rests of them counts no
    /// more.
    pub(super) fn lapsed_by(&self, event: &Event) -> Vec<Uuid> {
        match event {
            Event::Given { id, again, .. } if self.is_own_writing(*id, *again) => Vec::new(),
            // What was in it is under another grant, and rests as that.
            Event::GrantRemoved(id) if self.compacted.borrow().contains(id) => Vec::new(),
            // Nothing rests by a grant that is new.
            Event::Given { again: false, .. } => Vec::new(),
            Event::Given { id, .. } | Event::GrantRemoved(id) => vec![*id],
            Event::Grant(record) => vec![record.grant.id],
            Event::Revoked(revocation) => revocation.grants.clone(),
            Event::ItemsRemoved(items) => items.clone(),
            Event::Exchange(_) | Event::Notified(_) | Event::Asked(_) | Event::Said | Event::Changed => Vec::new(),
        }
    }

    /// Whether the log tells of a grant that one wrote a moment ago, and knows.
    pub(super) fn is_own_writing(&self, id: Uuid, again: bool) -> bool {
        match again {
            true => self.compacted.borrow().contains(&id),
            false => self.grants.borrow().contains_key(&id),
        }
    }

    /// Begins at a place in the log, if nothing of it was read yet. What came before is not known, so nothing counts that
    /// rested before.
    pub(super) fn begin_from(&self, me: &Principal, head: u64) {
        if self.cursor.get().is_none() {
            self.cursor.set(Some(head));
            self.lapse_all(me, Some(head));
        }
    }

    pub(super) fn lapse_all(&self, me: &Principal, heard: Option<u64>) {
        if self.shelf().is_some() {
            me.lapse_all(heard);
        }
    }

    /// Notes what the log told of, which is read as far as that.
    pub(super) fn note_lapsed(&self, me: &Principal, ids: &[Uuid]) {
        if let Some(heard) = self.cursor.get().filter(|_| self.shelf().is_some()) {
            me.note_lapsed(ids, heard);
        }
    }

    async fn counting(&self, me: &Principal, shelf: &Shelf, item: Uuid, version: u32) -> Option<Shelved> {
        let shelved = shelf.item(item).await?;
        let counts = shelved.version == version
            && shelved.not_after.is_none_or(|until| me.now() < until)
            && !me.is_lapsed(item, shelved.grant, shelved.heard);
        counts.then_some(shelved)
    }

    /// Those of some versions of items that nothing that rests here opens.
    pub(super) async fn not_rested(&self, me: &Principal, wanted: Vec<(Uuid, u32)>) -> Vec<(Uuid, u32)> {
        let Some(shelf) = self.shelf() else { return wanted };
        let mut left = Vec::new();
        for (item, version) in wanted {
            if self.counting(me, &shelf, item, version).await.is_none() {
                left.push((item, version));
            }
        }
        left
    }

    /// What rests here and opens a version of an item, if whoever gave it may still be believed.
    pub(super) async fn rested(&self, me: &Principal, item: Uuid, version: u32, prefix: &[u8]) -> Option<Fitting> {
        let shelf = self.shelf()?;
        let shelved = self.counting(me, &shelf, item, version).await?;
        let party = Party { login: shelved.delegator.clone(), fingerprint: shelved.grantor };
        self.recall(me, &shelf, &party).await;
        let signer = me.signer(&party).await.ok().flatten()?;
        let key = DataKey(shelved.key);
        envelope::fits(&key, prefix).ok().filter(|fits| *fits)?;
        let (digest, delegator, grant) = (shelved.digest, shelved.delegator, shelved.grant);
        Some(Fitting { key, digest, delegator, verified: signer.verified, grant })
    }

    /// Knows again by which keysets somebody signed.
    async fn recall(&self, me: &Principal, shelf: &Shelf, party: &Party) {
        if me.known_offer(&party.login).is_some() || me.own(&party.fingerprint).is_some() {
            return;
        }
        if let Some(offer) = shelf.offer(&party.login).await {
            // Whatever speaks against it, the relay is asked.
            drop(me.recall(&party.login, offer).await);
        }
    }

    /// The same, of whoever signed an item itself.
    pub(super) async fn recall_author(&self, me: &Principal, party: &Party) {
        if let Some(shelf) = self.shelf() {
            self.recall(me, &shelf, party).await;
        }
    }

    /// Keeps what opened a version of an item, while its grant counts.
    pub(super) fn rest(&self, me: &Principal, item: Uuid, version: u32, by: &Fitting, author: &Author) {
        let (Some(shelf), Some(heard)) = (self.shelf(), self.cursor.get()) else { return };
        if self.basis_of(item, version, me.now()) != Some(by.grant) {
            return;
        }
        let record = self.grants.borrow().get(&by.grant).map(|granted| granted.record.clone());
        let Some(record) = record else { return };
        let shelved = Shelved {
            version,
            heard,
            not_after: record.grant.not_after,
            grant: by.grant,
            key: by.key.0.clone(),
            digest: by.digest,
            grantor: record.grant.grantor_fingerprint,
            delegator: by.delegator.clone(),
        };
        shelf.note_item(item, &shelved);
        for login in [&by.delegator, &author.login] {
            if let Some(offer) = me.known_offer(login) {
                shelf.note_offer(login, &offer);
            }
        }
    }

    /// Keeps what one wrote oneself.
    pub(super) fn rest_own(&self, me: &Principal, grant: &Grant, keys: &Keys) {
        let (Some(shelf), Some(heard)) = (self.shelf(), self.cursor.get()) else { return };
        for (at, entry) in grant.entries.iter().enumerate() {
            let Ok(key) = keys.get(at) else { return };
            let shelved = Shelved {
                version: entry.1,
                heard,
                not_after: grant.not_after,
                grant: grant.id,
                key,
                digest: entry.2,
                grantor: grant.grantor_fingerprint,
                delegator: me.login.clone(),
            };
            shelf.note_item(entry.0, &shelved);
        }
    }

    /// Whether something of what was opened or written is still to be kept.
    pub fn has_unkept(&self) -> bool {
        self.shelf().is_some_and(|shelf: Rc<Shelf>| shelf.has_noted())
    }
}
