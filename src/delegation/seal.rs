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
use crate::encoding::{Bytes, Fixed};
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::keyring::OwnKey;
use crate::relay::{GrantRecord, Operation, Reply, unexpected};
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
    /// Which version the new one is to follow; absent: the newest that one holds.
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
    grant.signature = key.sign(&me.engine, &grant.transcript()).await?;
    Ok((grant, Keys::new(plain, given.len())?))
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

impl Delegation {
    /// Seals one item, or a new version of one. Resolves once the relay has the grants.
    pub async fn seal(&self, me: &Principal, draft: Draft, options: &SealOptions) -> Result<SealedItem> {
        self.sync(me).await?;
        let mut carried = Carried { owner: Some(me.login.clone()), ..Carried::default() };
        let (id, version, basis) = match options.id {
            None => (make_id()?, 1, Vec::new()),
            Some(id) => {
                let followed = self.followed(me, id, options.after).await?;
                if let Some(version) = followed.held {
                    carried = Self::readers_to_carry(me, id, version).await?;
                }
                let next = followed.version.checked_add(1);
                let next = next.ok_or_else(|| Error::bad_input("this item has too many versions"))?;
                (id, next, followed.basis)
            }
        };
        let (key, readers) = self.sealed_for(me, &mut carried, options).await?;
        let data_key = DataKey(Key32::make()?);
        let author =
            options.sign.then_some(Author { login: &me.login, fingerprint: &key.fingerprint, key: &key.signing });
        let what = Seal { id, key_version: version, metadata: &draft.metadata, pad: options.pad, author };
        let sealed = envelope::seal(&me.engine, &data_key, &what, &draft.data).await?;
        let entry = GrantEntry::new(id, version, sealed.digest);
        let entry = entry.given_by(&me.login, carried.owner.as_deref(), Some(&me.login));
        let given = vec![Given { entry, key: (&data_key.0).into() }];
        self.write(me, &key, &readers, &given, vec![(id, version)], basis).await?;
        me.note_version(id, version);
        Ok(SealedItem { id, version, bytes: sealed.bytes, dropped: carried.dropped.into_iter().collect() })
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
        let sealed_for = match me.seal_for(&readers(carried)).await {
            Err(e) if e.code() == Code::IdentityNotFound && !e.logins().iter().any(|l| asked(me, options, l)) => {
                for login in e.logins() {
                    carried.readers.remove(login);
                    carried.dropped.insert(login.clone());
                }
                me.seal_for(&readers(carried)).await
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
        self.sync(me).await?;
        let mut readers: BTreeSet<String> = options.share_with.iter().cloned().collect();
        readers.remove(&me.login);
        let (key, keysets) = me.seal_for(&readers.into_iter().collect::<Vec<_>>()).await?;
        let mut given = Vec::with_capacity(drafts.len());
        let mut out = Vec::with_capacity(drafts.len());
        let (mut fresh, mut left) = (Fresh::default(), drafts.len());
        for (done, draft) in drafts.into_iter().enumerate() {
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
        let create = out.iter().map(|item| (item.id, 1)).collect();
        // In order, as they are checked.
        given.sort_unstable_by_key(|g| g.entry.key());
        self.write(me, &key, &keysets, &given, create, Vec::new()).await?;
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
        self.write_with(me, key, readers, given, |grants| Operation::PutGrants { create, grants, basis }).await
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
        let mut made = Vec::new();
        for to in std::iter::once(&key.keyset).chain(readers) {
            let (exchange, secret) = self.sealing_exchange(me, key, to).await?;
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
        me.call(&first(batches.next().unwrap_or_default().to_vec())).await?;
        for part in batches {
            me.call(&Operation::PutGrants { create: Vec::new(), grants: part.to_vec(), basis: own.clone() }).await?;
        }
        // What one made oneself need not be opened again.
        for (grant, keys) in signed {
            self.insert(Rc::new(GrantRecord { grant, cuts: Vec::new() }), Some(keys));
        }
        self.mark_stale();
        // What was asked for is done: what fails here waits for the next time.
        drop(self.compact(me, key).await);
        Ok(())
    }

    /// The version that a new one follows. Whoever is asked to go on from one that one does not hold goes on with the
    /// readers of the newest that one does: the relay lets only the item's owner.
    async fn followed(&self, me: &Principal, item: Uuid, after: Option<After>) -> Result<Followed> {
        let held = match self.newest_held(me, item).await {
            Ok(held) => Some(held),
            Err(e) if after.is_some() && e.code() == Code::NoAccess => None,
            Err(e) => return Err(e),
        };
        let version = match (after, held) {
            (Some(After::Version(version)), _) => version,
            (Some(After::Latest), _) => {
                let Reply::Readers { version, .. } = me.call(&Operation::Readers { item }).await? else {
                    return Err(unexpected());
                };
                version
            }
            (None, Some((version, _))) => version,
            (None, None) => return Err(Self::no_access()),
        };
        let basis = held.filter(|(at, _)| *at == version).map(|(_, grant)| grant);
        Ok(Followed { version, held: held.map(|(at, _)| at), basis: basis.into_iter().collect() })
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
