//! Identities: registering, logging in, keysets and slots.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::log::limit;
use super::{Batch, Context, Records, Ruled, Ticket, conflict, forbidden, segment};
use crate::encoding::{Hash, Signature, Transcript, check_login};
use crate::error::{Code, Error, Result};
use crate::relay::{LoginSecret, OwnKeyset, RelaySecret, Reply, SlotChange};
use crate::secret::equal;
use crate::wire;
use crate::wire::keyset::Keyset;
use crate::wire::slot::SlotKind;

/// How long a login challenge lives, in milliseconds.
const CHALLENGE_LIFE: u64 = 60_000;

/// What the relay keeps of one identity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Account {
    /// From version 1.
    pub(super) keysets: Vec<Member>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Member {
    #[serde(flatten)]
    pub(super) own: OwnKeyset,
    pub(super) secrets: Vec<LoginSecret>,
}

impl Account {
    /// The keyset with a fingerprint.
    pub(super) fn find(&self, fingerprint: &Hash) -> Option<usize> {
        self.keysets.iter().position(|m| m.own.keyset.fingerprint() == *fingerprint)
    }

    /// The newest keyset.
    pub(super) fn newest(&self) -> Result<&Keyset> {
        let last = self.keysets.last().map(|m| &m.own.keyset);
        last.ok_or_else(|| Error::new(Code::StoreUnreadable, "a record of the relay cannot be read"))
    }

    /// Whether every version after `index` continues the one before it.
    fn chained_from(&self, index: usize) -> bool {
        self.is_chained(index, self.keysets.len().saturating_sub(1))
    }

    /// Whether every version after `from`, up to `to`, continues the one before it.
    fn is_chained(&self, from: usize, to: usize) -> bool {
        self.keysets[from..=to].windows(2).all(|w| matches!(w[1].own.keyset.continues(&w[0].own.keyset), Ok(true)))
    }
}

pub(super) fn key(login: &str) -> String {
    format!("identity/{}", segment(login))
}

pub(super) fn account(db: &Records, login: &str) -> Ruled<Option<(u64, Account)>> {
    db.get(&key(login))
}

fn not_found(login: &str) -> Error {
    Error::about(Code::IdentityNotFound, "no such identity", vec![login.to_owned()])
}

fn account_of(db: &Records, login: &str) -> Ruled<(u64, Account)> {
    account(db, login)?.ok_or_else(|| not_found(login).into())
}

/// Whether the caller's keyset is the newest, or chained to it. Others may only give access to the newest.
pub(super) fn is_newest(db: &Records, ticket: &Ticket) -> Ruled<bool> {
    let (_, account) = account_of(db, ticket.login())?;
    Ok(account.find(ticket.fingerprint()).is_some_and(|i| account.chained_from(i)))
}

/// Refuses callers whose keyset was replaced after a loss.
pub(super) fn require_newest(db: &Records, ticket: &Ticket) -> Ruled<()> {
    if is_newest(db, ticket)? {
        return Ok(());
    }
    Err(forbidden("this key was replaced by a newer one: it can read, and give access back, and nothing else").into())
}

pub(super) fn read(db: &Records, logins: &[String]) -> Ruled<Reply> {
    limit(logins.len(), 1024, "logins")?;
    for login in logins {
        check_login(login)?;
    }
    let keys: Vec<String> = logins.iter().map(|l| key(l)).collect();
    db.need(&keys)?;
    let mut identities = Vec::with_capacity(logins.len());
    for login in logins {
        let found = account(db, login)?;
        identities.push(found.map(|(_, a)| a.keysets.into_iter().map(|m| m.own.keyset).collect()));
    }
    Ok(Reply::Identities { identities })
}

fn check_new(new: &OwnKeyset, secrets: &[LoginSecret]) -> Result<()> {
    new.keyset.check()?;
    if new.private.0.len() > 8 << 10 {
        return Err(Error::bad_input("a private part is too long"));
    }
    if new.manifest.fingerprint != new.keyset.fingerprint()
        || new.manifest.counter != 1
        || new.manifest.previous_hash.is_some()
    {
        return Err(Error::bad_input("a new keyset's manifest does not begin its chain"));
    }
    new.manifest.check(&new.keyset.signing_key, &new.slots)?;
    check_secrets(&new.slots, secrets)
}

/// Every `password` slot has exactly one login secret.
fn check_secrets(slots: &[wire::slot::Slot], secrets: &[LoginSecret]) -> Result<()> {
    let mut passwords: Vec<_> = slots
        .iter()
        .filter(|s| s.kind == SlotKind::Password)
        .filter_map(|s| s.unlocker.as_ref().map(|u| u.id))
        .collect();
    let mut given: Vec<_> = secrets.iter().map(|s| s.unlocker).collect();
    passwords.sort();
    given.sort();
    if passwords == given { Ok(()) } else { Err(Error::bad_input("login secrets and password slots do not fit")) }
}

fn self_made(keyset: &Keyset) -> bool {
    keyset.maker == keyset.party()
}

pub(super) fn register(db: &Records, batch: &mut Batch, new: &OwnKeyset, secrets: &[LoginSecret]) -> Ruled<Reply> {
    check_new(new, secrets)?;
    let login = &new.keyset.login;
    if account(db, login)?.is_some() {
        return Err(Error::about(Code::IdentityExists, "this login is taken", vec![login.clone()]).into());
    }
    if new.keyset.version != 1 || !self_made(&new.keyset) {
        return Err(Error::bad_input("a new login begins with version 1, made by itself").into());
    }
    let member = Member { own: new.clone(), secrets: secrets.to_vec() };
    batch.put(key(login), 0, &Account { keysets: vec![member] })?;
    batch.touch(login);
    Ok(Reply::Ticket { ticket: Ticket { login: login.clone(), fingerprint: new.keyset.fingerprint() } })
}

fn push_version(account: &mut Account, new: &OwnKeyset, secrets: &[LoginSecret]) -> Ruled<()> {
    let last = account.newest()?;
    if new.keyset.version != last.version + 1 || new.keyset.previous != Some(last.fingerprint()) {
        return Err(conflict("these keys changed meanwhile").into());
    }
    limit(account.keysets.len() + 1, wire::MAX_VERSIONS, "versions of these keys")?;
    account.keysets.push(Member { own: new.clone(), secrets: secrets.to_vec() });
    Ok(())
}

pub(super) fn reset(db: &Records, batch: &mut Batch, new: &OwnKeyset, secrets: &[LoginSecret]) -> Ruled<Reply> {
    check_new(new, secrets)?;
    let login = &new.keyset.login;
    let (rev, mut account) = account_of(db, login)?;
    if new.keyset.chain_signature.is_some() || !self_made(&new.keyset) {
        return Err(
            Error::bad_input("keys that begin anew carry no chain signature and are made by their owner").into()
        );
    }
    push_version(&mut account, new, secrets)?;
    batch.put(key(login), rev, &account)?;
    batch.touch(login);
    Ok(Reply::Ticket { ticket: Ticket { login: login.clone(), fingerprint: new.keyset.fingerprint() } })
}

pub(super) fn renew(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    new: &OwnKeyset,
    secrets: &[LoginSecret],
    previous: &SlotChange,
) -> Ruled<Reply> {
    let caller = cx.caller()?;
    require_newest(db, caller)?;
    if new.keyset.login != caller.login() {
        return Err(forbidden("only its owner renews these keys").into());
    }
    let (rev, mut account) = account_of(db, caller.login())?;
    // Unlockers that stay keep their login secrets, which the caller need not know.
    let mut secrets = secrets.to_vec();
    let stays = |id| new.slots.iter().any(|s| s.unlocker.as_ref().is_some_and(|u| u.id == id));
    let before = account.keysets.last().map(|m| m.secrets.clone()).unwrap_or_default();
    secrets.extend(before.into_iter().filter(|s| stays(s.unlocker)));
    check_new(new, &secrets)?;
    if !new.keyset.continues(account.newest()?)? {
        return Err(Error::bad_input("renewed keys need a chain signature").into());
    }
    apply(&mut account, previous)?;
    push_version(&mut account, new, &secrets)?;
    batch.put(key(caller.login()), rev, &account)?;
    batch.touch(caller.login());
    Ok(Reply::Ticket { ticket: Ticket { login: caller.login.clone(), fingerprint: new.keyset.fingerprint() } })
}

/// Applies a change of slots, by compare-and-set on the manifest's hash.
fn apply(account: &mut Account, change: &SlotChange) -> Ruled<()> {
    let manifest = &change.manifest;
    let index = account.find(&manifest.fingerprint).ok_or_else(|| Error::new(Code::NotFound, "no such keyset"))?;
    let member = &mut account.keysets[index];
    let current = &member.own.manifest;
    if manifest.previous_hash != Some(current.hash()) || manifest.counter != current.counter + 1 {
        return Err(conflict("these slots changed meanwhile").into());
    }
    let listed = |id| manifest.slots.iter().any(|e| e.id == id);
    let mut slots: Vec<_> = member.own.slots.iter().filter(|s| listed(s.id)).cloned().collect();
    slots.extend(change.add.iter().cloned());
    manifest.check(&member.own.keyset.signing_key, &slots)?;
    let unlockers: Vec<_> = slots.iter().filter_map(|s| s.unlocker.as_ref().map(|u| u.id)).collect();
    let mut secrets: Vec<_> = member.secrets.iter().filter(|s| unlockers.contains(&s.unlocker)).cloned().collect();
    secrets.extend(change.secrets.iter().cloned());
    check_secrets(&slots, &secrets)?;
    member.own.slots = slots;
    member.own.manifest = manifest.clone();
    member.secrets = secrets;
    Ok(())
}

pub(super) fn change_slots(cx: &Context<'_>, db: &Records, batch: &mut Batch, change: &SlotChange) -> Ruled<Reply> {
    let caller = cx.caller()?;
    let (rev, mut account) = account_of(db, caller.login())?;
    if !is_newest(db, caller)? {
        // A key that was replaced after a loss may do one thing here: open its own keyset to the newest.
        let newest = account.newest()?.party();
        let own = change.manifest.fingerprint == *caller.fingerprint();
        let gives = change.secrets.is_empty()
            && change.add.iter().all(|s| s.kind == SlotKind::Sharer && s.holder.as_ref() == Some(&newest));
        let index = account.find(&change.manifest.fingerprint);
        let keeps = index.is_some_and(|i| {
            account.keysets[i].own.slots.iter().all(|s| change.manifest.slots.iter().any(|e| e.id == s.id))
        });
        if !(own && gives && keeps) {
            require_newest(db, caller)?;
        }
    }
    apply(&mut account, change)?;
    batch.put(key(caller.login()), rev, &account)?;
    batch.touch(caller.login());
    Ok(Reply::Done)
}

pub(super) fn chain(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    version: u64,
    signature: &Signature,
) -> Ruled<Reply> {
    let caller = cx.caller()?;
    let (rev, mut account) = account_of(db, caller.login())?;
    let index = account.keysets.iter().position(|m| m.own.keyset.version == version);
    let Some(index) = index.filter(|i| *i > 0) else {
        return Err(Error::new(Code::NotFound, "no such version").into());
    };
    let mut keyset = account.keysets[index].own.keyset.clone();
    if keyset.chain_signature.is_some() {
        return Ok(Reply::Done);
    }
    keyset.chain_signature = Some(*signature);
    keyset.continues(&account.keysets[index - 1].own.keyset)?;
    account.keysets[index].own.keyset = keyset;
    batch.put(key(caller.login()), rev, &account)?;
    batch.touch(caller.login());
    Ok(Reply::Done)
}

#[derive(Clone, Serialize, Deserialize)]
struct Challenge {
    expires: u64,
}

/// What a login signs.
pub fn login_transcript(
    origin: &str,
    application: &str,
    login: &str,
    fingerprint: &Hash,
    nonce: &Hash,
    expires: u64,
) -> Transcript {
    Transcript::new("login")
        .text(origin)
        .text(application)
        .text(login)
        .bytes(&fingerprint.0)
        .bytes(&nonce.0)
        .int(expires)
}

fn challenge_key(login: &str, nonce: &Hash) -> String {
    format!("challenge/{}/{}", segment(login), nonce.hex())
}

pub(super) fn challenge(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    login: &str,
    fingerprint: &Hash,
) -> Ruled<Reply> {
    check_login(login)?;
    let (_, account) = account_of(db, login)?;
    if account.find(fingerprint).is_none() {
        return Err(Error::new(Code::UnknownKey, "this key belongs to no version of this login").into());
    }
    let nonce = Hash::from_slice(&cx.random)?;
    let expires = cx.now + CHALLENGE_LIFE;
    batch.put(challenge_key(login, &nonce), 0, &Challenge { expires })?;
    Ok(Reply::Challenge { nonce, expires })
}

/// What a login by signature brings.
pub(super) struct Proof<'a> {
    pub(super) application: &'a str,
    pub(super) login: &'a str,
    pub(super) fingerprint: &'a Hash,
    pub(super) nonce: &'a Hash,
    pub(super) signature: &'a Signature,
}

pub(super) fn login(cx: &Context<'_>, db: &Records, batch: &mut Batch, proof: &Proof<'_>) -> Ruled<Reply> {
    let Proof { application, login, fingerprint, nonce, signature } = *proof;
    check_login(login)?;
    limit(application.len(), 256, "bytes of an application's name")?;
    let refused = || Error::new(Code::Unauthenticated, "the login's signature or challenge is not valid");
    let key = challenge_key(login, nonce);
    let (rev, challenge): (u64, Challenge) = db.get(&key)?.ok_or_else(refused)?;
    let (_, account) = account_of(db, login)?;
    let index = account.find(fingerprint).ok_or_else(refused)?;
    let transcript = login_transcript(cx.origin, application, login, fingerprint, nonce, challenge.expires);
    let signing_key = &account.keysets[index].own.keyset.signing_key;
    if cx.now >= challenge.expires || wire::verify(signing_key, &transcript, signature).is_err() {
        return Err(refused().into());
    }
    batch.delete(key, rev);
    Ok(Reply::Ticket { ticket: Ticket { login: login.to_owned(), fingerprint: *fingerprint } })
}

pub(super) fn login_secret(db: &Records, login: &str, secret: &RelaySecret) -> Ruled<Reply> {
    check_login(login)?;
    let (_, account) = account_of(db, login)?;
    let hash: [u8; 32] = Sha256::digest(secret.0.expose()).into();
    // The newest first: it is the one that the owner most likely means.
    let member = account.keysets.iter().rev().find(|m| m.secrets.iter().any(|s| equal(&s.hash.0, &hash)));
    let member = member.ok_or_else(|| Error::new(Code::WrongSecret, "this secret does not open this login's keys"))?;
    Ok(Reply::Ticket { ticket: Ticket { login: login.to_owned(), fingerprint: member.own.keyset.fingerprint() } })
}

pub(super) fn own(cx: &Context<'_>, db: &Records) -> Ruled<Reply> {
    let caller = cx.caller()?;
    let (_, mut account) = account_of(db, caller.login())?;
    let gone = || Error::new(Code::Unauthenticated, "this key is gone");
    let at = account.find(caller.fingerprint()).ok_or_else(gone)?;
    // The public halves of unlockers let others guess secrets: they go only where an unbroken chain leads.
    for i in 0..account.keysets.len() {
        if !account.is_chained(i.min(at), i.max(at)) {
            account.keysets[i].own.slots.retain(|s| s.unlocker.is_none());
        }
    }
    Ok(Reply::OwnKeysets { keysets: account.keysets.into_iter().map(|m| m.own).collect() })
}
