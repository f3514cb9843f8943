//! Renewing a keyset: the next version continues the chain, and every way of opening that is kept opens it.
//!
//! In two steps, because a change that renews several identities makes all new keys first: every slot in it is then
//! sealed to new versions.

use super::{
    Before, Made, OwnKey, Secret, SlotChange, change_slots, finish, fresh_material, make_keyset, make_sharer_slots,
    make_slot, make_successor_slot, seal_slot,
};
use crate::crypto::Engine;
use crate::error::Result;
use crate::relay::OwnKeyset;
use crate::secret::{Key32, SecretBytes};
use crate::wire::keyset::Keyset;
use crate::wire::manifest::Entry;
use crate::wire::slot::SlotKind;

/// A next version that was made, and has no slots yet.
#[derive(Debug)]
pub struct Fresh {
    /// Opened.
    pub key: OwnKey,
    pkcs8: SecretBytes,
    seed: Key32,
}

/// What is renewed, and who does it.
#[derive(Clone, Copy)]
pub struct Renewing<'a> {
    /// The newest version, as the relay gives it to whoever acts for the identity.
    pub own: &'a OwnKeyset,
    /// The same, opened.
    pub key: &'a OwnKey,
    /// Who renews; absent for one's own keys.
    pub maker: Option<&'a OwnKey>,
    /// Whether it was stolen: a key pair that does not open the next version still opens this one.
    pub stolen: bool,
    /// Who manages the next version.
    pub managers: Option<&'a [String]>,
}

impl Renewing<'_> {
    /// Makes the next version, signed by the one before.
    pub async fn begin(&self, engine: &Engine, now: u64) -> Result<Fresh> {
        let (pkcs8, seed) = fresh_material(engine).await?;
        let login = &self.key.keyset.login;
        let before = Before::continued(self.key);
        let key = make_keyset(engine, login, &pkcs8, &seed, before, self.maker, self.managers, now).await?;
        Ok(Fresh { key, pkcs8, seed })
    }

    /// Gives it its slots: for `holders`, for the unlockers that `keeps` keeps or a new secret, and one by which it
    /// opens the version before. That one loses the slots that are not needed any more: whoever opens the new
    /// version opens it, and nobody else is to.
    #[allow(clippy::too_many_arguments, reason = "what a version is made of")]
    pub async fn finish(
        &self,
        engine: &Engine,
        relay_id: &str,
        fresh: Fresh,
        holders: &[Keyset],
        keeps: impl Fn(&Entry) -> bool,
        new_secret: Option<&Secret>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<(Made, SlotChange)> {
        let Fresh { key: next, pkcs8, seed } = fresh;
        let author = self.maker.unwrap_or(&next);
        let mut slots = make_sharer_slots(engine, &next, holders, progress).await?;
        let mut entries: Vec<Entry> = slots.iter().map(|slot| Entry::of(slot, author.party())).collect();
        let mut secrets = Vec::new();
        for slot in &self.own.slots {
            let Some(unlocker) = slot.unlocker.clone() else { continue };
            let Some(entry) = self.own.manifest.slots.iter().find(|e| e.id == slot.id) else { continue };
            if new_secret.is_some() && slot.kind == SlotKind::Password || !keeps(entry) {
                continue;
            }
            let sealed = seal_slot(engine, &next, slot.kind, unlocker).await?;
            // Whoever added this way of unlocking is still the one who did.
            entries.push(Entry::of(&sealed, entry.added_by.clone()));
            slots.push(sealed);
        }
        if let Some(secret) = new_secret {
            let (slot, login) = make_slot(engine, relay_id, secret, &next).await?;
            entries.push(Entry::of(&slot, author.party()));
            slots.push(slot);
            secrets.extend(login);
        }
        let successor = make_successor_slot(engine, self.key, &next)?;
        let made = finish(engine, next, &pkcs8, &seed, self.maker, slots, entries, secrets).await?;
        let stays = |e: &Entry| e.kind == SlotKind::Successor || self.stolen && e.kind == SlotKind::Keypair;
        let not_needed = |e: &Entry| !stays(e);
        let previous =
            change_slots(engine, self.own, self.key, self.maker, vec![successor], Vec::new(), not_needed).await?;
        Ok((made, previous))
    }
}
