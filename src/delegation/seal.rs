//! Sealing items, and writing the grants that open them.

use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::future::try_join_all;
use uuid::Uuid;

use super::Delegation;
use super::carry::Carried;
use super::keys::{Keys, OneKey};
use crate::crypto::boxes::seal_box;
use crate::crypto::envelope::{self, Author, Buffer, Metadata, Seal};
use crate::crypto::keys::DataKey;
use crate::crypto::turn::turn;
use crate::encoding::{Bytes, Fixed};
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::keyring::OwnKey;
use crate::relay::{Flow, GrantRecord, Operation, Relied, Reply, unexpected};
use crate::secret::{Fresh, Key32, SecretBytes, make_id};
use crate::wire::exchange::Exchange;
use crate::wire::grant::{Grant, GrantEntry, MAX_NAMED};
use crate::wire::keyset::Keyset;
use crate::wire::{Extra, MAX_GRANT_ENTRIES, SUITE};

/// The most grants that one operation takes.
const GRANTS_AT_ONCE: usize = 256;

/// One item to seal.
#[derive(Debug)]
pub struct Draft {
    /// The data.
    pub data: Buffer,
    /// What is said of it.
    pub metadata: Metadata,
}

/// Which version of an item a new one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The one that the session opened or wrote last, when it was asked.
    Seen(u32),
    /// This one, if it is the newest.
    Version(u32),
    /// The newest, whichever that is: by its owner also if a reader wrote it and left the owner out.
    Latest,
}

/// How to seal.
#[derive(Clone, Debug, Default)]
pub struct SealOptions {
    /// Who gets access, beside oneself.
    pub share_with: Vec<String>,
    /// The item that this is a new version of.
    pub id: Option<Uuid>,
    /// Which version the new one is to follow; absent: the one that the session opened or wrote last.
    pub after: Option<After>,
    /// Hide the exact length.
    pub pad: bool,
    /// Sign, so that the author is provable beyond whoever granted it.
    pub sign: bool,
}

/// What a new version follows.
struct Followed {
    version: u32,
    /// The newest version that one holds.
    held: Option<u32>,
    /// The grant that gives the followed one.
    basis: Vec<Uuid>,
}

/// A sealed item.
#[derive(Debug)]
pub struct SealedItem {
    /// Its id.
    pub id: Uuid,
    /// Its version, from 1.
    pub version: u32,
    /// The envelope.
    pub bytes: Buffer,
    /// Readers of the version before that were not carried over: neither oneself, nor the owner, nor whoever sealed it gave
    /// them access.
    pub dropped: Vec<String>,
}

/// The newest version of an item that there is, for whoever holds it, and for its owner.
async fn newest_at_relay(me: &Principal, item: Uuid) -> Result<u32> {
    match me.call(&Operation::Readers { item }).await? {
        Reply::Readers { version, .. } => Ok(version),
        _ => Err(unexpected()),
    }
}

fn other_version(newest: u32, followed: u32) -> Error {
    if newest > followed {
        let message = format!("somebody else wrote version {newest} first: decrypt it, and encrypt again");
        return Error::new(Code::Conflict, message).for_good();
    }
    let message = format!("there is no version {followed} of this item yet: the newest is {newest}");
    Error::new(Code::Conflict, message)
}

/// Whether it is oneself, or somebody with whom one was asked to share.
fn asked(me: &Principal, options: &SealOptions, login: &String) -> bool {
    *login == me.login || options.share_with.contains(login)
}

/// What a grant gives of one item.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) entry: GrantEntry,
    pub(super) key: OneKey,
}

/// Seals and signs one grant; gives it with its keys, which need not be opened again.
pub(super) async fn make_grant(
    me: &Principal,
    key: &OwnKey,
    exchange: &Exchange,
    secret: &Key32,
    id: Uuid,
    given: &[Given],
    not_after: Option<u64>,
) -> Result<(Grant, Keys)> {
    turn().await;
    let mut grant = Grant {
        id,
        suite: SUITE,
        exchange: exchange.id,
        delegate: exchange.delegate.clone(),
        grantor_fingerprint: key.fingerprint,
        entries: given.iter().map(|g| g.entry.clone()).collect(),
        created: me.giving_time(),
        not_after,
        sealed: Bytes::default(),
        signature: Fixed([0; 64]),
        extra: Extra::default(),
    };
    let mut plain = Vec::with_capacity(given.len() * 32);
    given.iter().for_each(|g| plain.extend_from_slice(g.key.expose()));
    let plain = SecretBytes::new(plain);
    grant.sealed = Bytes(seal_box(&me.engine, secret, &grant.context(), plain.expose())?);
    turn().await;
    grant.signature = key.sign(&me.engine, &grant.transcript()).await?;
    Ok((grant, Keys::new(plain, given.len())?))
}

/// Adds grants by other grants that hold what they give.
pub(super) fn put_grants(grants: &[Grant], basis: &[Uuid]) -> Operation {
    Operation::PutGrants { create: Vec::new(), grants: grants.to_vec(), basis: basis.to_vec(), relied: Vec::new() }
}

/// What goes into one grant, one after the other.
pub(super) fn parts_of(given: &[Given]) -> Vec<&[Given]> {
    let (mut parts, mut rest) = (Vec::new(), given);
    while !rest.is_empty() {
        let mut named = 0;
        let fits = |one: &&Given| {
            named += one.entry.named_bytes();
            named <= MAX_NAMED
        };
        let (part, more) = rest.split_at(rest.iter().take(MAX_GRANT_ENTRIES).take_while(fits).count());
        parts.push(part);
        rest = more;
    }
    parts
}

/// Whether the relay refused because keys that it was told of are not the newest, or signatures are not by these.
fn keys_moved(error: &Error) -> bool {
    match error.code() {
        Code::Conflict => !error.logins().is_empty(),
        Code::VerificationFailed | Code::Forbidden => true,
        _ => false,
    }
}

impl Delegation {
    /// Seals one item, or a new version of one. Resolves once the relay has the grants.
    pub async fn seal(&self, me: &Principal, draft: Draft, options: &SealOptions) -> Result<SealedItem> {
        let _flow = self.ask_ahead(me, &options.share_with, options.id).await?;
        let mut carried = Carried { owner: Some(me.login.clone()), ..Carried::default() };
        let (id, version, basis) = match options.id {
            None => (make_id()?, 1, Vec::new()),
            Some(id) => {
                let followed = self.followed(me, id, options.after).await?;
                if let Some(version) = followed.held {
                    carried = Self::readers_to_carry(me, id, version).await?;
                    // Only now: what the owner ended is heard of on the way, also by whoever writes too late.
                    if version > followed.version {
                        return Err(other_version(version, followed.version));
                    }
                }
                let next = followed.version.checked_add(1);
                let next = next.ok_or_else(|| Error::bad_input("this item has too many versions"))?;
                (id, next, followed.basis)
            }
        };
        let (key, readers) = self.sealed_for(me, &mut carried, options).await?;
        let (bytes, written) = match self
            .seal_once(me, &draft, options, (id, version), &carried, (&key, &readers), basis.clone())
            .await?
        {
            // Keys that it was sealed for are not the newest any more: once more, for those that are.
            (_, Err(e)) if keys_moved(&e) => {
                me.forget_offers();
                let (key, readers) = self.sealed_for(me, &mut carried, options).await?;
                self.seal_once(me, &draft, options, (id, version), &carried, (&key, &readers), basis).await?
            }
            done => done,
        };
        if let Err(error) = written {
            return Err(Self::why_refused(me, id, version - 1, error).await);
        }
        Ok(SealedItem { id, version, bytes, dropped: carried.dropped.into_iter().collect() })
    }

    /// Asks in one request what sealing asks: whose keys are the newest, which exchange keys there are, and what is known of
    /// an item that goes on.
    pub async fn ask_ahead(&self, me: &Principal, logins: &[String], item: Option<Uuid>) -> Result<Option<Flow>> {
        self.hear(me).await?;
        let mut readers: Vec<String> = logins.iter().filter(|login| **login != me.login).cloned().collect();
        readers.sort();
        readers.dedup();
        let mut operations = Vec::new();
        if me.unknown_among(&readers) {
            operations.push(me.asked_by_seal_for(&readers));
        }
        readers.insert(0, me.login.clone());
        let unmet = self.unmet(&readers);
        if !unmet.is_empty() {
            operations.push(Operation::Exchanges { with: unmet });
        }
        if let Some(item) = item {
            operations.extend(self.asked_by_need(item));
            operations.push(Operation::Readers { item });
        }
        // One question alone is asked where it comes up.
        if operations.len() < 2 {
            return Ok(None);
        }
        me.ahead(operations).await.map(Some)
    }

    #[allow(clippy::too_many_arguments, reason = "what was found out so far")]
    async fn seal_once(
        &self,
        me: &Principal,
        draft: &Draft,
        options: &SealOptions,
        (id, version): (Uuid, u32),
        carried: &Carried,
        (key, readers): (&OwnKey, &[Keyset]),
        basis: Vec<Uuid>,
    ) -> Result<(Buffer, Result<()>)> {
        let data_key = DataKey(Key32::make()?);
        let author =
            options.sign.then_some(Author { login: &me.login, fingerprint: &key.fingerprint, key: &key.signing });
        let what = Seal { id, key_version: version, metadata: &draft.metadata, pad: options.pad, author };
        let sealed = envelope::seal(&me.engine, &data_key, &what, &draft.data).await?;
        let entry = GrantEntry::new(id, version, sealed.digest);
        let entry = entry.given_by(&me.login, carried.owner.as_deref(), Some(&me.login));
        let given = vec![Given { entry, key: (&data_key.0).into() }];
        let written = self.write(me, key, readers, &given, vec![(id, version)], basis).await;
        Ok((sealed.bytes, written))
    }

    /// The keys that one seals with and for. Whoever was removed cannot be carried over: they are named as dropped.
    async fn sealed_for(
        &self,
        me: &Principal,
        carried: &mut Carried,
        options: &SealOptions,
    ) -> Result<(OwnKey, Vec<Keyset>)> {
        carried.readers.extend(options.share_with.iter().cloned());
        carried.readers.remove(&me.login);
        let readers = |carried: &Carried| carried.readers.iter().cloned().collect::<Vec<_>>();
        let sealed_for = match me.seal_for_known(&readers(carried)).await {
            Err(e) if e.code() == Code::IdentityNotFound && !e.logins().iter().any(|l| asked(me, options, l)) => {
                for login in e.logins() {
                    carried.readers.remove(login);
                    carried.dropped.insert(login.clone());
                }
                me.seal_for_known(&readers(carried)).await
            }
            other => other,
        };
        carried.dropped.retain(|login| !carried.readers.contains(login));
        sealed_for
    }

    /// Seals many items at once; all are granted, or none.
    pub async fn seal_many(
        &self,
        me: &Principal,
        drafts: Vec<Draft>,
        options: &SealOptions,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<Vec<SealedItem>> {
        let _flow = self.ask_ahead(me, &options.share_with, None).await?;
        let mut readers: BTreeSet<String> = options.share_with.iter().cloned().collect();
        readers.remove(&me.login);
        let readers: Vec<String> = readers.into_iter().collect();
        let (mut key, mut keysets) = me.seal_for_known(&readers).await?;
        let mut given = Vec::with_capacity(drafts.len());
        let mut out = Vec::with_capacity(drafts.len());
        let (mut fresh, mut left) = (Fresh::default(), drafts.len());
        for (done, draft) in drafts.into_iter().enumerate() {
            turn().await;
            progress(done)?;
            let (id, key32, salt) = fresh.next(left)?;
            left -= 1;
            let data_key = DataKey(key32);
            let author =
                options.sign.then_some(Author { login: &me.login, fingerprint: &key.fingerprint, key: &key.signing });
            let what = Seal { id, key_version: 1, metadata: &draft.metadata, pad: options.pad, author };
            let sealed = envelope::seal_with_salt(&me.engine, &data_key, &what, &draft.data, &salt).await?;
            given.push(Given { entry: GrantEntry::new(id, 1, sealed.digest), key: (&data_key.0).into() });
            out.push(SealedItem { id, version: 1, bytes: sealed.bytes, dropped: Vec::new() });
        }
        progress(out.len())?;
        turn().await;
        let create = out.iter().map(|item| (item.id, 1)).collect();
        // Those that were sealed together stay together, because they are opened together; within a grant in order, as they
        // are checked.
        given.chunks_mut(MAX_GRANT_ENTRIES).for_each(|part| part.sort_unstable_by_key(|g| g.entry.key()));
        let create: Vec<(Uuid, u32)> = create;
        match self.write(me, &key, &keysets, &given, create.clone(), Vec::new()).await {
            // Its author signed each with the keys that were there; whom it is for is the grants' matter.
            Err(e) if keys_moved(&e) => {
                me.forget_offers();
                let before = key.fingerprint;
                (key, keysets) = me.seal_for(&readers).await?;
                if key.fingerprint != before {
                    return Err(e);
                }
                self.write(me, &key, &keysets, &given, create, Vec::new()).await?;
            }
            other => other?,
        }
        Ok(out)
    }

    /// Writes the grants of new items, to oneself and to each reader, in one batch.
    pub(super) async fn write(
        &self,
        me: &Principal,
        key: &OwnKey,
        readers: &[Keyset],
        given: &[Given],
        create: Vec<(Uuid, u32)>,
        basis: Vec<Uuid>,
    ) -> Result<()> {
        let relied = std::iter::once(&key.keyset).chain(readers);
        let relied = relied.map(|k| Relied { login: k.login.clone(), fingerprint: k.fingerprint() }).collect();
        let first = |grants| Operation::PutGrants { create, grants, basis, relied };
        self.write_with(me, key, readers, given, first).await
    }

    /// The same, where `first` makes the operation that writes the first grants, which are those to oneself.
    pub(super) async fn write_with(
        &self,
        me: &Principal,
        key: &OwnKey,
        readers: &[Keyset],
        given: &[Given],
        first: impl FnOnce(Vec<Grant>) -> Operation,
    ) -> Result<()> {
        if given.is_empty() {
            return Ok(());
        }
        let (mut made, mut exchanges) = (Vec::new(), Vec::new());
        let logins: Vec<String> = std::iter::once(&key.keyset).chain(readers).map(|k| k.login.clone()).collect();
        self.meet(me, &logins).await?;
        for to in std::iter::once(&key.keyset).chain(readers) {
            let (exchange, secret) = self.sealing_exchange(me, key, to, &mut exchanges).await?;
            made.push((exchange, secret));
        }
        // Signing is the browser's work: all of it is under way at once.
        let parts = parts_of(given);
        let signing = made.iter().flat_map(|(exchange, secret)| {
            let make = move |part| async move { make_grant(me, key, exchange, secret, make_id()?, part, None).await };
            parts.iter().copied().map(make)
        });
        let signed: Vec<(Grant, Keys)> = try_join_all(signing).await?;
        let grants: Vec<Grant> = signed.iter().map(|(grant, _)| grant.clone()).collect();
        // Those to oneself come first; what the rest give is held by them.
        let own: Vec<Uuid> = grants[..parts.len()].iter().map(|g| g.id).collect();
        let mut batches = grants.chunks(GRANTS_AT_ONCE);
        match self.write_after(me, exchanges, Some(first(batches.next().unwrap_or_default().to_vec()))).await {
            Ok(()) => me.note_versions(&given.iter().map(|g| g.entry.key()).collect::<Vec<_>>()),
            Err(error) => {
                if error.code() == Code::RelayUnavailable {
                    self.unanswered.borrow_mut().extend(own);
                    self.mark_stale();
                }
                return Err(error);
            }
        }
        for part in batches {
            me.call(&put_grants(part, &own)).await?;
        }
        // What one made oneself need not be opened again.
        for (grant, keys) in signed {
            turn().await;
            if grant.delegate == me.login {
                self.rest_own(me, &grant, &keys);
            }
            self.insert(Rc::new(GrantRecord { grant, cuts: Vec::new() }), Some(keys));
        }
        // What was asked for is done: what fails here waits for the next time.
        drop(self.compact(me, key).await);
        Ok(())
    }

    /// The version that a new one follows. Whoever is asked to go on from one that one does not hold goes on with the
    /// readers of the newest that one does: the relay lets only the item's owner.
    ///
    /// Without a wish it is the one that the session knows: what came since would be lost, unread.
    async fn followed(&self, me: &Principal, item: Uuid, after: Option<After>) -> Result<Followed> {
        self.need(me, &[item]).await?;
        let held = match self.newest_held(me, item).await {
            Ok(held) => Some(held),
            Err(e) if !matches!(after, None | Some(After::Seen(_))) && e.code() == Code::NoAccess => None,
            Err(e) => return Err(e),
        };
        let version = match (after, held) {
            (Some(After::Version(version)), _) => version,
            (Some(After::Latest), _) => newest_at_relay(me, item).await?,
            // Written here, only that nobody said so.
            (Some(After::Seen(_)), Some((version, grant))) if self.unanswered.borrow().contains(&grant) => version,
            (Some(After::Seen(version)), _) => version,
            (None, _) => {
                return Err(Error::bad_input(
                    "this session has not read that item yet: decrypt it first, or say with ifVersion which version the \
                     new one is to follow, a number or \"latest\"",
                ));
            }
        };
        let basis = held.filter(|(at, _)| *at == version).map(|(_, grant)| grant);
        Ok(Followed { version, held: held.map(|(at, _)| at), basis: basis.into_iter().collect() })
    }

    /// What the relay refused, with the newest version where that is why.
    async fn why_refused(me: &Principal, item: Uuid, followed: u32, error: Error) -> Error {
        if error.code() != Code::Conflict || followed == 0 {
            return error;
        }
        match newest_at_relay(me, item).await {
            Ok(newest) if newest != followed => other_version(newest, followed),
            _ => error,
        }
    }

    /// The newest version of an item that one holds, and the grant that holds it.
    async fn newest_held(&self, me: &Principal, item: Uuid) -> Result<(u32, Uuid)> {
        let mut best: Option<(u32, Uuid)> = None;
        for record in self.grants_of(item, me.now()) {
            let version = record.grant.entries.iter().filter(|e| e.0 == item).map(|e| e.1).max().unwrap_or(0);
            if best.is_none_or(|(v, _)| version > v) && self.open_grant(me, record.grant.id).await?.is_some() {
                best = Some((version, record.grant.id));
            }
        }
        best.ok_or_else(Self::no_access)
    }
}
