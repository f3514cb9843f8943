//! Opening own keysets: through an unlocker with a secret, then on through `successor` and `sharer` slots.

use uuid::Uuid;

use super::{OwnKey, Secret, private_context, unlocker_private, vouch};
use crate::crypto::boxes::{open_box, open_message};
use crate::crypto::{Engine, hpke, rust};
use crate::encoding::{Hash, take_lp};
use crate::error::{Code, Error, Result};
use crate::relay::OwnKeyset;
use crate::secret::{Key32, SecretBytes, equal};
use crate::trust::is_chained;
use crate::wire::keyset::Keyset;
use crate::wire::slot::{Slot, SlotKind};

/// Opens a private part, recomputes both public keys and compares them.
async fn open_private(engine: &Engine, own: &OwnKeyset, opened: Handed) -> Result<OwnKey> {
    let Handed { keyset_key, managing } = opened;
    let fingerprint = own.keyset.fingerprint();
    let plain = open_box(&keyset_key, &private_context(&fingerprint), &own.private.0)?;
    let mut rest = plain.expose();
    let pkcs8 = SecretBytes::new(take_lp(&mut rest)?.to_vec());
    let seed = Key32::from_slice(take_lp(&mut rest)?)?;
    let (decryption, public) = engine.import_decryption(&pkcs8).await?;
    if !rest.is_empty()
        || public.spki() != own.keyset.encryption_key.0
        || rust::ed25519_public(&seed) != own.keyset.signing_key.0
    {
        return Err(Error::corrupt());
    }
    let signing = engine.import_signing(&seed).await?;
    let fits = |seed: &Key32| {
        own.keyset.managers.as_ref().is_some_and(|managers| rust::ed25519_public(seed) == managers.key.0)
    };
    let managing = managing.filter(fits);
    Ok(OwnKey { keyset: own.keyset.clone(), fingerprint, decryption, signing, keyset_key: Some(keyset_key), managing })
}

/// What a slot hands out.
struct Handed {
    keyset_key: Key32,
    /// To managers.
    managing: Option<Key32>,
}

impl From<Key32> for Handed {
    fn from(keyset_key: Key32) -> Self {
        Self { keyset_key, managing: None }
    }
}

/// What a secret opened.
#[derive(Debug)]
pub struct Opened {
    /// The keysets, in the order of their versions.
    pub keys: Vec<OwnKey>,
    /// Whether the newest of them is reached by a valid chain from what the secret vouches for.
    pub vouched: bool,
    /// The slot that the secret opened, if the secret vouches for an earlier version only, and can vouch for the newest.
    pub stale: Option<Uuid>,
}

/// Opens every own keyset that a secret leads to. `None`: the secret opens none of them.
pub async fn open(engine: &Engine, login: &str, all: &[OwnKeyset], secret: &Secret) -> Result<Option<Opened>> {
    let mut keys: Vec<OwnKey> = Vec::new();
    let mut anchors: Vec<Hash> = Vec::new();
    let mut by = None;
    for own in all.iter().rev() {
        for slot in &own.slots {
            let Some((keyset_key, anchor)) = open_slot(engine, login, all, slot, secret).await? else { continue };
            keys.push(open_private(engine, own, keyset_key.into()).await?);
            anchors.push(anchor);
            by = Some(slot);
            break;
        }
        if !keys.is_empty() {
            break;
        }
    }
    if keys.is_empty() {
        return Ok(None);
    }
    open_more(engine, all, &mut keys).await?;
    let public: Vec<Keyset> = all.iter().map(|o| o.keyset.clone()).collect();
    let newest = keys.last().map_or(0, |k| k.keyset.version);
    let upto = &public[..usize::try_from(newest).unwrap_or(0).min(public.len())];
    let vouched = public.iter().any(|k| anchors.contains(&k.fingerprint()) && is_chained(upto, k.version));
    let newest = keys.last().map(|k| k.fingerprint);
    let behind = vouched && !anchors.contains(&newest.unwrap_or(anchors[0]));
    let stale = by.filter(|slot| behind && slot.kind == SlotKind::Password).map(|slot| slot.id);
    Ok(Some(Opened { keys, vouched, stale }))
}

/// Opens the keysets of another identity: with slots for keys at hand, and on from version to version. In the order of
/// their versions; none if no slot is for these keys.
pub async fn open_shared(engine: &Engine, all: &[OwnKeyset], holder: &[OwnKey]) -> Result<Vec<OwnKey>> {
    let mut keys: Vec<OwnKey> = Vec::new();
    for own in all.iter().rev() {
        let mut opened = None;
        // The version after opens it for nothing; a slot for the holder costs a private-key operation.
        let mut slots: Vec<&Slot> = own.slots.iter().collect();
        slots.sort_by_key(|s| s.kind != SlotKind::Successor);
        for slot in slots {
            let ours = slot.holder.as_ref().is_none_or(|h| keys.iter().any(|k| k.party() == *h));
            // A slot that a relay planted is skipped: it hides no other.
            let handed = match ours {
                true => open_inner_slot(engine, own, slot, &keys).await,
                false => open_inner_slot(engine, own, slot, holder).await,
            };
            let Some(handed) = handed else { continue };
            if let Ok(key) = open_private(engine, own, handed).await {
                opened = Some(key);
                break;
            }
        }
        keys.extend(opened);
    }
    keys.sort_by_key(|k| k.keyset.version);
    Ok(keys)
}

/// Opens what the keysets at hand lead to: by `successor` slots, and by `sharer` slots to oneself.
pub async fn open_more(engine: &Engine, all: &[OwnKeyset], keys: &mut Vec<OwnKey>) -> Result<()> {
    // Only downwards: anybody can seal a keyset of their own making to one's public key, and call it one's newest.
    let top = keys.iter().map(|k| k.keyset.version).max().unwrap_or(0);
    loop {
        let before = keys.len();
        for own in all.iter().filter(|o| o.keyset.version < top) {
            let fingerprint = own.keyset.fingerprint();
            if keys.iter().any(|k| k.fingerprint == fingerprint) {
                continue;
            }
            for slot in &own.slots {
                // A slot that is not ours, or that a relay planted, is skipped: it hides no other.
                let Some(handed) = open_inner_slot(engine, own, slot, keys).await else { continue };
                if let Ok(key) = open_private(engine, own, handed).await {
                    keys.push(key);
                    break;
                }
            }
        }
        if keys.len() == before {
            keys.sort_by_key(|k| k.keyset.version);
            return Ok(());
        }
    }
}

async fn open_inner_slot(engine: &Engine, own: &OwnKeyset, slot: &Slot, keys: &[OwnKey]) -> Option<Handed> {
    let context = Slot::context(&slot.fingerprint, slot.kind, slot.id);
    match slot.kind {
        SlotKind::Successor => {
            let next = keys.iter().find(|k| k.keyset.version == own.keyset.version + 1)?;
            let plain = open_box(next.keyset_key.as_ref()?, &context, &slot.sealed.0).ok()?;
            Key32::from_slice(plain.expose()).ok().map(Handed::from)
        }
        SlotKind::Sharer => {
            let holder = slot.holder.as_ref()?;
            let key = keys.iter().find(|k| k.party() == *holder)?;
            let plain = open_message(engine, &key.decryption, key.size().ok()?, &context, &slot.sealed.0).await.ok()?;
            let (keyset_key, managing) = plain.expose().split_at_checked(32)?;
            let managing = match managing {
                [] => None,
                seed => Some(Key32::from_slice(seed).ok()?),
            };
            Some(Handed { keyset_key: Key32::from_slice(keyset_key).ok()?, managing })
        }
        _ => None,
    }
}

/// Tries one slot with one secret: `None` if it is not for this secret, else the keyset key and the anchor.
async fn open_slot(
    engine: &Engine,
    login: &str,
    all: &[OwnKeyset],
    slot: &Slot,
    secret: &Secret,
) -> Result<Option<(Key32, Hash)>> {
    let Some(unlocker) = &slot.unlocker else { return Ok(None) };
    let context = Slot::context(&slot.fingerprint, slot.kind, slot.id);
    match (secret, slot.kind) {
        (Secret::Vault(vault), SlotKind::Password) => {
            let private = unlocker_private(vault, slot.kind, login, unlocker.id)?;
            if rust::x25519_public(&private)[..] != unlocker.public_key.0[..] || slot.sealed.0.len() < 32 {
                return Ok(None);
            }
            let (enc, boxed) = slot.sealed.0.split_at(32);
            let shared = hpke::open_key(&private, enc, &context)?;
            let keyset_key = Key32::from_slice(open_box(&shared, &context, boxed)?.expose())?;
            let claimed = unlocker.vouch.as_ref().map(|v| v.0.as_slice()).unwrap_or_default();
            let anchor = Hash::from_slice(claimed.get(..32).unwrap_or_default()).map_err(|_| Error::corrupt())?;
            if !equal(&vouch(vault, slot.kind, login, unlocker.id, &anchor)?, claimed) {
                return Err(Error::new(
                    Code::VerificationFailed,
                    "these keys were not made by someone who knows the secret",
                ));
            }
            Ok(Some((keyset_key, anchor)))
        }
        (Secret::KeyPair(pair), SlotKind::Keypair) if unlocker.public_key.0 == pair.spki => {
            let (key, public) = engine.import_decryption(&pair.pkcs8).await?;
            let plain = open_message(engine, &key, public.size(), &context, &slot.sealed.0).await?;
            // The anchor is the version whose signing key derives from the pair: nobody else can make one.
            let derived = rust::ed25519_public(&pair.seed(login)?);
            let version =
                all.iter().find(|o| o.keyset.signing_key.0 == derived && o.keyset.encryption_key.0 == pair.spki);
            let anchor = version.ok_or_else(|| {
                Error::new(Code::VerificationFailed, "no version of these keys derives from the key pair")
            })?;
            Ok(Some((Key32::from_slice(plain.expose())?, anchor.keyset.fingerprint())))
        }
        _ => Ok(None),
    }
}
