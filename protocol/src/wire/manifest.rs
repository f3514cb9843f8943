//! Manifests: the signed list of a keyset's slots, changed by compare-and-set (protocol section 3).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keyset::Keyset;
use super::slot::{Slot, SlotKind};
use super::{Extra, LAST_LIST, MAX_SLOTS, Party, verify};
use crate::encoding::{Hash, Signature, Transcript, compound};
use crate::error::{Error, Result};

/// One slot, as its manifest lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The slot.
    pub id: Uuid,
    /// Its kind.
    pub kind: SlotKind,
    /// Its holder, for `sharer` slots.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub holder: Option<Party>,
    /// Who added it.
    pub added_by: Party,
    /// The slot's hash.
    pub hash: Hash,
}

impl Entry {
    /// Lists a slot.
    pub fn of(slot: &Slot, added_by: Party) -> Self {
        Self { id: slot.id, kind: slot.kind, holder: slot.holder.clone(), added_by, hash: slot.hash() }
    }

    fn encode(&self) -> Vec<u8> {
        let holder = match &self.holder {
            None => vec![0],
            Some(h) => [&[1], &h.encode()[..]].concat(),
        };
        compound(&[self.id.as_bytes(), self.kind.as_str().as_bytes(), &holder, &self.added_by.encode(), &self.hash.0])
    }
}

/// The slots of one keyset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The keyset.
    pub fingerprint: Hash,
    /// From 1; a counter below one seen is a rollback. Which list of its keyset it is, [`Manifest::number`] says.
    #[serde(with = "crate::encoding::large")]
    pub counter: u64,
    /// The hash of the manifest before it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous_hash: Option<Hash>,
    /// The slots.
    pub slots: Vec<Entry>,
    /// Who wrote it.
    pub author: Party,
    /// By the keyset's signing key.
    pub signature: Signature,
    /// By the author's signing key.
    pub author_signature: Signature,
    /// By the managers' key, if the keyset has managers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manager_signature: Option<Signature>,
    /// Unknown fields.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Manifest {
    fn body(&self, name: &str) -> Transcript {
        Transcript::new(name)
            .bytes(&self.fingerprint.0)
            .int(self.counter)
            .option(self.previous_hash.as_ref().map(|h| &h.0[..]))
            .list(self.slots.iter().map(Entry::encode))
            .bytes(&self.author.encode())
    }

    /// What `signature` is over.
    pub fn transcript(&self) -> Transcript {
        self.body("manifest/signature")
    }

    /// What `authorSignature` is over.
    pub fn author_transcript(&self) -> Transcript {
        self.body("manifest/authorSignature").bytes(&self.signature.0)
    }

    /// What `managerSignature` is over.
    pub fn manager_transcript(&self) -> Transcript {
        self.body("manifest/managerSignature").bytes(&self.signature.0).bytes(&self.author_signature.0)
    }

    /// Whether it goes with a next version of the keys, by which the keyset opens.
    fn ends(&self) -> bool {
        self.slots.iter().any(|e| e.kind == SlotKind::Successor)
    }

    /// Which list of its keyset this is. Whoever holds the keys can write any counter: one that leaves no room for the list
    /// that goes with a next version counts as the last that does.
    pub fn number(&self) -> u64 {
        self.counter.min(if self.ends() { LAST_LIST } else { LAST_LIST - 1 })
    }

    /// The counter of the list after this one; `ends`: it goes with a next version, for which there is always one.
    /// `None`: the numbers are used up.
    pub fn next_counter(&self, ends: bool) -> Option<u64> {
        match ends {
            true => Some((self.number() + 1).min(LAST_LIST)),
            false => Some(self.number() + 1).filter(|next| *next < LAST_LIST),
        }
    }

    /// SHA-256(T("manifest", all fields)).
    pub fn hash(&self) -> Hash {
        self.body("manifest")
            .bytes(&self.signature.0)
            .bytes(&self.author_signature.0)
            .option(self.manager_signature.as_ref().map(|s| &s.0[..]))
            .into()
    }

    /// Checks the keyset's and the managers' signature, and that exactly the listed slots are there. The author's
    /// signature is checked by whoever knows the author's keyset.
    pub fn check(&self, keyset: &Keyset, slots: &[Slot]) -> Result<()> {
        if self.slots.len() != slots.len() {
            return Err(Error::bad_input("a manifest and its slots do not fit"));
        }
        self.check_shown(keyset, slots)
    }

    /// Checks the same where slots may be held back that the one who asks does not need: with unlockers, and for others.
    /// Those by which versions open each other are never held back.
    pub fn check_shown(&self, keyset: &Keyset, slots: &[Slot]) -> Result<()> {
        self.author.check()?;
        let held_back = |kind| !matches!(kind, SlotKind::Successor);
        if self.slots.len() > MAX_SLOTS || self.counter == 0 {
            return Err(Error::bad_input("a manifest has at most 4096 slots, and counts from 1"));
        }
        for entry in &self.slots {
            entry.added_by.check()?;
            entry.holder.as_ref().map_or(Ok(()), Party::check)?;
        }
        let missing = self.slots.iter().filter(|e| !slots.iter().any(|s| s.id == e.id));
        if !missing.map(|e| e.kind).all(held_back) {
            return Err(Error::bad_input("a manifest and its slots do not fit"));
        }
        for (i, slot) in slots.iter().enumerate() {
            slot.check()?;
            let hash = slot.hash();
            let listed = self.slots.iter().filter(|e| e.id == slot.id).collect::<Vec<_>>();
            let fits = matches!(listed[..], [e] if e.hash == hash && e.kind == slot.kind && e.holder == slot.holder);
            let twice = slots[..i].iter().any(|s| s.id == slot.id);
            if slot.fingerprint != self.fingerprint || !fits || twice {
                return Err(Error::bad_input("a slot is not the one that its manifest lists"));
            }
        }
        verify(&keyset.signing_key, &self.transcript(), &self.signature)?;
        match (&keyset.managers, &self.manager_signature) {
            (None, _) => Ok(()),
            (Some(managers), Some(signature)) => verify(&managers.key, &self.manager_transcript(), signature),
            (Some(_), None) => Err(Error::bad_input("a list of slots is signed by those who manage it")),
        }
    }
}
