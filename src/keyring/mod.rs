//! One's own keysets: making them, opening them through their slots, changing the slots.
//!
//! Pure with respect to the outside: it takes and gives records; the client carries them to the relay.

mod open;
mod renew;

use futures_util::future::try_join_all;
use uuid::Uuid;

use crate::crypto::boxes::{seal_box, seal_message};
use crate::crypto::keys::{DecryptionKey, RestKey, SigningKey};
use crate::crypto::rust::RsaParts;
use crate::crypto::{Engine, hpke, rust, split};
use crate::encoding::{Bytes, Hash, Signature, Transcript, compound};
use crate::error::{Code, Error, Result};
use crate::relay::{LoginSecret, OwnKeyset, SlotChange};
use crate::secret::{Key32, SecretBytes, make_id};
use crate::wire::keyset::{Keyset, Managers};
use crate::wire::manifest::{Entry, Manifest};
use crate::wire::slot::{Slot, SlotKind, Unlocker};
use crate::wire::{Extra, Party, SUITE};

pub use open::{Opened, open, open_more, open_shared};
pub use renew::{Fresh, Renewing};

/// What a person brings to open their keys.
#[derive(Clone, Debug)]
pub enum Secret {
    /// The vault secret that a password was split into.
    Vault(Key32),
    /// The person's own RSA key pair.
    KeyPair(KeyPair),
}

/// An RSA pair from outside, with the signing seed that derives from it.
#[derive(Clone, Debug)]
pub struct KeyPair {
    pkcs8: SecretBytes,
    seed_source: SecretBytes,
    /// The public key, SPKI DER.
    pub spki: Vec<u8>,
}

impl KeyPair {
    /// Reads a pair. Errors: [`Code::BadInput`] for anything but an RSA pair with one modulus. Whether its exponents fit, too,
    /// is seen when it is imported, and before a keyset is made of it.
    pub fn parse(spki: &[u8], pkcs8: SecretBytes) -> Result<Self> {
        let RsaParts { modulus, primes: [mut p, mut q], public } = rust::rsa_parts(&pkcs8)?;
        if public.spki() != spki {
            return Err(Error::bad_input("the public key is not the private key's"));
        }
        if (p.len(), &*p) < (q.len(), &*q) {
            std::mem::swap(&mut p, &mut q);
        }
        let source = SecretBytes::new(compound(&[&modulus, &p, &q]));
        Ok(Self { pkcs8, seed_source: source, spki: spki.to_vec() })
    }

    /// HKDF-SHA-256(lp(n) ‖ lp(max(p, q)) ‖ lp(min(p, q)), T("signing-seed", login)).
    pub fn seed(&self, login: &str) -> Result<Key32> {
        rust::hkdf32(self.seed_source.expose(), Transcript::new("signing-seed").text(login).as_bytes())
    }
}

impl KeyPair {
    /// The pair as the keyset that it belongs to, to log in with.
    pub async fn own_key(&self, engine: &Engine, keyset: &Keyset, seed: &Key32) -> Result<OwnKey> {
        let (decryption, _) = engine.import_decryption(&self.pkcs8).await?;
        let signing = engine.import_signing(seed).await?;
        Ok(OwnKey {
            keyset: keyset.clone(),
            fingerprint: keyset.fingerprint(),
            decryption,
            signing,
            keyset_key: None,
            managing: None,
        })
    }
}

/// One own keyset, opened.
#[derive(Clone, Debug)]
pub struct OwnKey {
    /// The public part.
    pub keyset: Keyset,
    /// Its fingerprint.
    pub fingerprint: Hash,
    /// Opens what is encrypted to it.
    pub decryption: DecryptionKey,
    /// Signs for it.
    pub signing: SigningKey,
    /// The keyset key: in memory only, and gone after a reload.
    pub keyset_key: Option<Key32>,
    /// The private half of the managers' key, if the keyset has managers and one is among them. In memory only.
    pub managing: Option<Key32>,
}

impl OwnKey {
    /// Login and fingerprint.
    pub fn party(&self) -> Party {
        Party { login: self.keyset.login.clone(), fingerprint: self.fingerprint }
    }

    /// Signs one field of a record.
    pub async fn sign(&self, engine: &Engine, transcript: &Transcript) -> Result<Signature> {
        engine.sign(&self.signing, transcript.as_bytes()).await.map(crate::encoding::Fixed)
    }

    /// Errors: [`Code::Forbidden`] if the keyset has managers, and one is none of them.
    pub fn require_managing(&self) -> Result<()> {
        match (&self.keyset.managers, &self.managing) {
            (Some(_), None) => {
                let message = "only those who manage this identity change with whom it is shared, and renew its keys";
                Err(Error::about(Code::Forbidden, message, vec![self.keyset.login.clone()]))
            }
            _ => Ok(()),
        }
    }

    /// Signs one field of a record with the managers' key. `None`: the keyset has no managers.
    async fn sign_as_manager(&self, engine: &Engine, transcript: &Transcript) -> Result<Option<Signature>> {
        self.require_managing()?;
        let Some(seed) = &self.managing else { return Ok(None) };
        let key = engine.import_signing(seed).await?;
        engine.sign(&key, transcript.as_bytes()).await.map(|signature| Some(crate::encoding::Fixed(signature)))
    }

    /// The modulus' length in bytes.
    pub fn size(&self) -> Result<usize> {
        Ok(self.keyset.encryption()?.size())
    }

    /// The keyset key. Errors: [`Code::Locked`] after a reload.
    pub fn require_keyset_key(&self) -> Result<&Key32> {
        self.keyset_key
            .as_ref()
            .ok_or_else(|| Error::new(Code::Locked, "this needs the secret once more: call unlock() first"))
    }
}

/// A keyset that was just made: what the relay gets, and what stays.
#[derive(Debug)]
pub struct Made {
    /// For the relay.
    pub own: OwnKeyset,
    /// For the relay's own login.
    pub secrets: Vec<LoginSecret>,
    /// Opened.
    pub key: OwnKey,
}

/// RSA modulus of generated keysets, in bits.
const MODULUS: usize = 3072;

/// Makes a keyset: the first (`previous` absent), or one that begins anew after a loss.
///
/// `relay_id` is what the secret that the relay sees is bound to.
pub async fn make(
    engine: &Engine,
    relay_id: &str,
    login: &str,
    secret: &Secret,
    previous: Option<&Keyset>,
    now: u64,
) -> Result<Made> {
    let (pkcs8, seed) = match secret {
        Secret::Vault(_) => fresh_material(engine).await?,
        Secret::KeyPair(pair) => (pair.pkcs8.clone(), pair.seed(login)?),
    };
    let key = make_keyset(engine, login, &pkcs8, &seed, Before::of(previous), None, None, now).await?;
    if matches!(secret, Secret::KeyPair(_)) {
        check_pair(engine, &key).await?;
    }
    let (slot, secrets) = make_slot(engine, relay_id, secret, &key).await?;
    let entries = vec![Entry::of(&slot, key.party())];
    finish(engine, key, &pkcs8, &seed, None, vec![slot], entries, secrets).await
}

/// Makes a keyset for another identity: shared with `holders`, and opened with `secret` if there is one. `managers`: those of
/// the holders who alone change it.
#[allow(clippy::too_many_arguments, reason = "what a keyset is made of")]
pub async fn make_for(
    engine: &Engine,
    relay_id: &str,
    maker: &OwnKey,
    login: &str,
    secret: Option<&Secret>,
    holders: &[Keyset],
    managers: Option<&[String]>,
    previous: Option<&Keyset>,
    now: u64,
) -> Result<Made> {
    let (pkcs8, seed) = fresh_material(engine).await?;
    let key = make_keyset(engine, login, &pkcs8, &seed, Before::of(previous), Some(maker), managers, now).await?;
    let mut slots = make_sharer_slots(engine, &key, holders, &|_| Ok(())).await?;
    let mut secrets = Vec::new();
    if let Some(secret) = secret {
        let (slot, more) = make_slot(engine, relay_id, secret, &key).await?;
        slots.push(slot);
        secrets.extend(more);
    }
    let entries = slots.iter().map(|slot| Entry::of(slot, maker.party())).collect();
    finish(engine, key, &pkcs8, &seed, Some(maker), slots, entries, secrets).await
}

async fn fresh_material(engine: &Engine) -> Result<(SecretBytes, Key32)> {
    Ok((engine.rsa_generate(MODULUS).await?, Key32::make()?))
}

/// Seals the private part, and lists the slots in the first manifest. `author` is absent for one's own keys.
#[allow(clippy::too_many_arguments, reason = "everything that a keyset is made of")]
async fn finish(
    engine: &Engine,
    key: OwnKey,
    pkcs8: &SecretBytes,
    seed: &Key32,
    author: Option<&OwnKey>,
    slots: Vec<Slot>,
    entries: Vec<Entry>,
    secrets: Vec<LoginSecret>,
) -> Result<Made> {
    let private = Bytes(seal_private(engine, key.require_keyset_key()?, &key.fingerprint, pkcs8, seed)?);
    let manifest = make_manifest(engine, &key, author.unwrap_or(&key), 1, None, entries).await?;
    let own = OwnKeyset { keyset: key.keyset.clone(), private, slots, manifest };
    Ok(Made { own, secrets, key })
}

/// The version before a new one: its public part, and its keys if they continue the chain.
#[derive(Clone, Copy)]
struct Before<'a> {
    keyset: Option<&'a Keyset>,
    chain: Option<&'a OwnKey>,
}

impl<'a> Before<'a> {
    fn of(keyset: Option<&'a Keyset>) -> Self {
        Self { keyset, chain: None }
    }

    fn continued(key: &'a OwnKey) -> Self {
        Self { keyset: Some(&key.keyset), chain: Some(key) }
    }
}

/// Checks that what is sealed to a pair from outside opens again (the pairwise consistency test of NIST SP 800-56B, section
/// 6.4.1): not every browser looks at the exponents when it imports a key, and nothing that was sealed would open.
async fn check_pair(engine: &Engine, key: &OwnKey) -> Result<()> {
    let unfit = |_| Error::bad_input("the halves of this key pair do not fit together");
    let (probe, label) = (Key32::make()?, b"pair");
    let sealed = engine.rsa_encrypt(&key.keyset.encryption()?, label, probe.expose()).await?;
    let opened = engine.rsa_decrypt(&key.decryption, label, &sealed, 32).await.map_err(unfit)?;
    if opened.expose() == probe.expose() { Ok(()) } else { Err(unfit(Error::corrupt())) }
}

#[allow(clippy::too_many_arguments, reason = "everything that a keyset is made of")]
async fn make_keyset(
    engine: &Engine,
    login: &str,
    pkcs8: &SecretBytes,
    seed: &Key32,
    before: Before<'_>,
    maker: Option<&OwnKey>,
    managers: Option<&[String]>,
    now: u64,
) -> Result<OwnKey> {
    let managing = managers.map(|_| Key32::make()).transpose()?;
    let managers = managing.as_ref().zip(managers).map(|(seed, logins)| Managers {
        key: crate::encoding::Fixed(rust::ed25519_public(seed)),
        logins: logins.to_vec(),
    });
    let (decryption, public) = engine.import_decryption(pkcs8).await?;
    let signing = engine.import_signing(seed).await?;
    let empty = crate::encoding::Fixed([0; 64]);
    let mut keyset = Keyset {
        login: login.to_owned(),
        version: before.keyset.map_or(1, |p| p.version + 1),
        suite: SUITE,
        encryption_key: Bytes(public.spki().to_vec()),
        signing_key: crate::encoding::Fixed(rust::ed25519_public(seed)),
        created: now,
        previous: before.keyset.map(Keyset::fingerprint),
        managers,
        maker: Party { login: login.to_owned(), fingerprint: crate::encoding::Fixed([0; 32]) },
        self_signature: empty,
        maker_signature: None,
        chain_signature: None,
        manager_signature: None,
        extra: Extra::default(),
    };
    let fingerprint = keyset.fingerprint();
    keyset.maker = maker.map_or(Party { login: login.to_owned(), fingerprint }, OwnKey::party);
    let mut key = OwnKey { keyset, fingerprint, decryption, signing, keyset_key: Some(Key32::make()?), managing };
    key.keyset.self_signature = key.sign(engine, &key.keyset.self_transcript()).await?;
    if let Some(maker) = maker {
        key.keyset.maker_signature = Some(maker.sign(engine, &key.keyset.maker_transcript()).await?);
    }
    if let Some(before) = before.chain {
        key.keyset.chain_signature = Some(before.sign(engine, &key.keyset.chain_transcript()).await?);
        key.keyset.manager_signature = before.sign_as_manager(engine, &key.keyset.manager_transcript()).await?;
    }
    Ok(key)
}

/// What boxes what an identity says to its own devices, and what rests on them; it derives from the keyset key.
pub async fn said_key(engine: &Engine, keyset_key: &Key32) -> Result<RestKey> {
    engine.import_rest(&rust::hkdf32(keyset_key.expose(), Transcript::new("pins").as_bytes())?).await
}

fn private_context(fingerprint: &Hash) -> Transcript {
    Transcript::new("private").bytes(&fingerprint.0)
}

fn seal_private(
    engine: &Engine,
    keyset_key: &Key32,
    fingerprint: &Hash,
    pkcs8: &SecretBytes,
    seed: &Key32,
) -> Result<Vec<u8>> {
    let plain = SecretBytes::new(compound(&[pkcs8.expose(), seed.expose()]));
    seal_box(engine, keyset_key, &private_context(fingerprint), plain.expose())
}

fn unlocker_private(vault: &Key32, kind: SlotKind, login: &str, id: Uuid) -> Result<Key32> {
    let info = Transcript::new("unlocker").text(kind.as_str()).text(login).uuid(id);
    rust::hkdf32(vault.expose(), info.as_bytes())
}

/// `fingerprint ‖ HKDF(secret, T("vouch", kind, login, unlocker id, fingerprint))`.
fn vouch(vault: &Key32, kind: SlotKind, login: &str, id: Uuid, fingerprint: &Hash) -> Result<Vec<u8>> {
    let info = Transcript::new("vouch").text(kind.as_str()).text(login).uuid(id).bytes(&fingerprint.0);
    let mut out = fingerprint.0.to_vec();
    out.extend_from_slice(rust::hkdf32(vault.expose(), info.as_bytes())?.expose());
    Ok(out)
}

/// Makes the slot that opens `key` with `secret`, vouched for by whoever knows the secret.
async fn make_slot(engine: &Engine, relay_id: &str, secret: &Secret, key: &OwnKey) -> Result<(Slot, Vec<LoginSecret>)> {
    match secret {
        Secret::Vault(vault) => {
            let login = &key.keyset.login;
            let id = make_id()?;
            let private = unlocker_private(vault, SlotKind::Password, login, id)?;
            let unlocker = Unlocker {
                id,
                public_key: Bytes(rust::x25519_public(&private).to_vec()),
                vouch: Some(Bytes(vouch(vault, SlotKind::Password, login, id, &key.fingerprint)?)),
            };
            let hash = Hash::from_slice(&<sha2::Sha256 as sha2::Digest>::digest(
                split::relay_secret(vault, relay_id)?.expose(),
            ))?;
            let slot = seal_slot(engine, key, SlotKind::Password, unlocker).await?;
            Ok((slot, vec![LoginSecret { unlocker: id, hash }]))
        }
        Secret::KeyPair(pair) => {
            let unlocker = Unlocker { id: make_id()?, public_key: Bytes(pair.spki.clone()), vouch: None };
            Ok((seal_slot(engine, key, SlotKind::Keypair, unlocker).await?, Vec::new()))
        }
    }
}

/// Seals the keyset key to an unlocker's public half; needs no secret.
async fn seal_slot(engine: &Engine, key: &OwnKey, kind: SlotKind, unlocker: Unlocker) -> Result<Slot> {
    let id = make_id()?;
    let context = Slot::context(&key.fingerprint, kind, id);
    let keyset_key = key.require_keyset_key()?;
    let sealed = match kind {
        SlotKind::Password => {
            let public: [u8; 32] = unlocker.public_key.0.as_slice().try_into().map_err(|_| Error::corrupt())?;
            let (enc, shared) = hpke::seal_key(&public, &context)?;
            let mut sealed = enc.to_vec();
            sealed.extend_from_slice(&seal_box(engine, &shared, &context, keyset_key.expose())?);
            sealed
        }
        _ => {
            let to = crate::crypto::keys::EncryptionKey::from_spki(&unlocker.public_key.0)?;
            seal_message(engine, &to, &context, keyset_key.expose()).await?
        }
    };
    Ok(Slot {
        id,
        fingerprint: key.fingerprint,
        kind,
        holder: None,
        unlocker: Some(unlocker),
        sealed: Bytes(sealed),
        extra: Extra::default(),
    })
}

/// Makes a `sharer` slot: whoever holds `holder` opens `key`, and a manager the managers' key, too.
pub async fn make_sharer_slot(engine: &Engine, key: &OwnKey, holder: &Keyset) -> Result<Slot> {
    let id = make_id()?;
    let context = Slot::context(&key.fingerprint, SlotKind::Sharer, id);
    let managers = key.keyset.managers.as_ref().filter(|m| m.logins.contains(&holder.login));
    let managing = managers.and(key.managing.as_ref()).map(Key32::expose);
    let mut plain = Vec::with_capacity(64);
    plain.extend_from_slice(key.require_keyset_key()?.expose());
    plain.extend_from_slice(managing.map_or(&[], |seed| &seed[..]));
    let plain = SecretBytes::new(plain);
    let sealed = seal_message(engine, &holder.encryption()?, &context, plain.expose()).await?;
    Ok(Slot {
        id,
        fingerprint: key.fingerprint,
        kind: SlotKind::Sharer,
        holder: Some(holder.party()),
        unlocker: None,
        sealed: Bytes(sealed),
        extra: Extra::default(),
    })
}

/// How many slots are sealed at once.
const SLOTS_AT_ONCE: usize = 32;

/// Makes a `sharer` slot for each holder; `progress` hears how many are done.
pub async fn make_sharer_slots(
    engine: &Engine,
    key: &OwnKey,
    holders: &[Keyset],
    progress: &dyn Fn(usize) -> Result<()>,
) -> Result<Vec<Slot>> {
    let mut slots = Vec::with_capacity(holders.len());
    for part in holders.chunks(SLOTS_AT_ONCE) {
        slots.extend(try_join_all(part.iter().map(|holder| make_sharer_slot(engine, key, holder))).await?);
        progress(slots.len())?;
    }
    Ok(slots)
}

/// Makes a `successor` slot: what opens `next` opens `key`.
fn make_successor_slot(engine: &Engine, key: &OwnKey, next: &OwnKey) -> Result<Slot> {
    let id = make_id()?;
    let context = Slot::context(&key.fingerprint, SlotKind::Successor, id);
    let sealed = seal_box(engine, next.require_keyset_key()?, &context, key.require_keyset_key()?.expose())?;
    Ok(Slot {
        id,
        fingerprint: key.fingerprint,
        kind: SlotKind::Successor,
        holder: None,
        unlocker: None,
        sealed: Bytes(sealed),
        extra: Extra::default(),
    })
}

async fn make_manifest(
    engine: &Engine,
    key: &OwnKey,
    author: &OwnKey,
    counter: u64,
    previous_hash: Option<Hash>,
    slots: Vec<Entry>,
) -> Result<Manifest> {
    let empty = crate::encoding::Fixed([0; 64]);
    let mut manifest = Manifest {
        fingerprint: key.fingerprint,
        counter,
        previous_hash,
        slots,
        author: author.party(),
        signature: empty,
        author_signature: empty,
        manager_signature: None,
        extra: Extra::default(),
    };
    manifest.signature = key.sign(engine, &manifest.transcript()).await?;
    manifest.author_signature = author.sign(engine, &manifest.author_transcript()).await?;
    manifest.manager_signature = key.sign_as_manager(engine, &manifest.manager_transcript()).await?;
    Ok(manifest)
}

/// A change to a keyset's slots: adds some, drops those that `drop` picks. `author` is absent for one's own keys.
pub async fn change_slots(
    engine: &Engine,
    own: &OwnKeyset,
    key: &OwnKey,
    author: Option<&OwnKey>,
    add: Vec<Slot>,
    secrets: Vec<LoginSecret>,
    drop: impl Fn(&Entry) -> bool,
) -> Result<SlotChange> {
    let author = author.unwrap_or(key);
    let mut entries: Vec<Entry> = own.manifest.slots.iter().filter(|e| !drop(e)).cloned().collect();
    entries.extend(add.iter().map(|s| Entry::of(s, author.party())));
    // Whoever holds these keys can have counted to the end: only a renewal goes on from there.
    let ended = || Error::new(Code::Conflict, "this list of key slots has counted to its end: renew the keys");
    let ends = add.iter().any(|slot| slot.kind == SlotKind::Successor);
    let next = own.manifest.next_counter(ends).ok_or_else(ended)?;
    let manifest = make_manifest(engine, key, author, next, Some(own.manifest.hash()), entries).await?;
    Ok(SlotChange { manifest, add, secrets })
}

/// Has a secret vouch for a keyset: a new way of unlocking in place of one that vouches for an earlier version.
pub async fn vouch_anew(
    engine: &Engine,
    relay_id: &str,
    own: &OwnKeyset,
    key: &OwnKey,
    secret: &Secret,
    old: Uuid,
) -> Result<SlotChange> {
    let (slot, secrets) = make_slot(engine, relay_id, secret, key).await?;
    change_slots(engine, own, key, None, vec![slot], secrets, |e| e.id == old).await
}

/// Replaces every `password` slot of a keyset by one for a new secret.
pub async fn change_secret(
    engine: &Engine,
    relay_id: &str,
    own: &OwnKeyset,
    key: &OwnKey,
    author: Option<&OwnKey>,
    next: &Secret,
) -> Result<SlotChange> {
    let (slot, secrets) = make_slot(engine, relay_id, next, key).await?;
    change_slots(engine, own, key, author, vec![slot], secrets, |e| e.kind == SlotKind::Password).await
}
