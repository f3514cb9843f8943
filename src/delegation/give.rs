//! Giving access to items that are sealed already: no public-key operation per item, no bytes touched.

use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use super::seal::{Given, make_grant};
use super::{Delegation, exchange::OpenGrant};
use crate::encoding::Hash;
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::keyring::OwnKey;
use crate::relay::{Operation, Reply, unexpected};
use crate::secret::make_id;
use crate::wire::keyset::Keyset;
use crate::wire::{MAX_GRANT_ENTRIES, Party};

/// The most grants written in one operation.
const GRANTS_AT_ONCE: usize = 64;

/// Somebody who can read an item.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Reader {
    /// Who.
    pub login: String,
    /// From the identity that was granted access to the reader.
    pub path: Vec<String>,
    /// Unix milliseconds; absent means without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

impl Delegation {
    /// Gives access to some items, or to all, to several logins. Gives the number of items.
    ///
    /// Errors: [`Code::NoAccess`] if some item cannot be opened by oneself (nothing is written),
    /// [`Code::IdentityChanged`], [`Code::IdentityNotFound`], [`Code::BadInput`] for an end in the past.
    pub async fn give(
        &self,
        me: &Principal,
        items: Option<&[Uuid]>,
        logins: &[String],
        until: Option<u64>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<usize> {
        let others: BTreeSet<String> = logins.iter().filter(|l| **l != me.login).cloned().collect();
        let (key, keysets) = me.seal_for(&others.into_iter().collect::<Vec<_>>()).await?;
        self.give_to(me, &key, items, &keysets, until, progress).await
    }

    /// Gives access to given keysets, which the caller decided to rely on.
    pub(crate) async fn give_to(
        &self,
        me: &Principal,
        key: &OwnKey,
        items: Option<&[Uuid]>,
        to: &[Keyset],
        until: Option<u64>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<usize> {
        if until.is_some_and(|end| end <= me.now()) {
            return Err(Error::bad_input("until is in the past"));
        }
        self.mark_stale();
        self.sync(me).await?;
        let wanted = self.known_items(items);
        let (all, basis) = self.held(me, &wanted, items.is_some()).await?;
        let given: BTreeSet<Uuid> = all.iter().map(|g| g.entry.0).collect();
        progress(0)?;
        for keyset in to {
            let (exchange, secret) = self.sealing_exchange(me, key, keyset).await?;
            let already = self.given_already(me, key, exchange.id, until);
            let fresh: Vec<Given> =
                all.iter().filter(|g| !already.contains(&(g.entry.0, g.entry.1, g.entry.2))).cloned().collect();
            let mut grants = Vec::new();
            for part in fresh.chunks(MAX_GRANT_ENTRIES) {
                grants.push(make_grant(me, key, exchange.id, &secret, make_id()?, part, until).await?);
            }
            for part in grants.chunks(GRANTS_AT_ONCE) {
                me.call(&Operation::PutGrants { create: Vec::new(), grants: part.to_vec(), basis: basis.clone() })
                    .await?;
            }
        }
        self.mark_stale();
        progress(given.len())?;
        Ok(given.len())
    }

    /// The data keys of every version of the wanted items, and the grants they come from. Goes grant by grant,
    /// one's own first: their digests are the ones that one vouched for before.
    async fn held(&self, me: &Principal, wanted: &[Uuid], all_or_nothing: bool) -> Result<(Vec<Given>, Vec<Uuid>)> {
        let wanted: HashSet<Uuid> = wanted.iter().copied().collect();
        let mut ids: Vec<(bool, u64, Uuid)> = Vec::new();
        {
            let (grants, exchanges) = (self.grants.borrow(), self.exchanges.borrow());
            for (id, granted) in grants.iter() {
                let grant = &granted.record.grant;
                let own = exchanges.get(&grant.exchange).is_some_and(|e| e.record.exchange.delegator == me.login);
                if grant.is_current(me.now()) && grant.entries.iter().any(|e| wanted.contains(&e.0)) {
                    ids.push((!own, grant.created, *id));
                }
            }
        }
        ids.sort();
        let mut out = Vec::new();
        let mut basis = Vec::new();
        let mut versions = HashSet::new();
        let mut problem = Self::no_access();
        let mut opened = Vec::new();
        for (other, _, id) in ids {
            match self.open_grant(me, id).await {
                Ok(Some(grant)) => opened.push((other, !grant.signer.verified, grant)),
                Ok(None) => {}
                Err(e) if e.code() == Code::IdentityChanged => problem = e,
                Err(e) => return Err(e),
            }
        }
        // One's own word first, then that of people whose code was compared.
        opened.sort_by_key(|(other, unverified, _)| (*other, *unverified));
        for (_, _, grant) in &opened {
            if take(grant, &wanted, &mut versions, &mut out) {
                basis.push(grant.record.grant.id);
            }
        }
        let found: HashSet<Uuid> = versions.iter().map(|(item, _)| *item).collect();
        if all_or_nothing && found.len() < wanted.len() {
            return Err(problem);
        }
        Ok((out, basis))
    }

    /// What one's own current grants under an exchange key give already, until the same time.
    fn given_already(
        &self,
        me: &Principal,
        key: &OwnKey,
        exchange: Uuid,
        until: Option<u64>,
    ) -> HashSet<(Uuid, u32, Hash)> {
        let grants = self.grants.borrow();
        let mine = grants.values().map(|g| &g.record).filter(|r| {
            r.grant.exchange == exchange
                && r.grant.grantor_fingerprint == key.fingerprint
                && r.grant.not_after == until
                && r.grant.is_current(me.now())
        });
        let mut out = HashSet::new();
        for record in mine.filter(|r| r.grant.check(&key.keyset.signing_key).is_ok()) {
            out.extend(record.grant.entries.iter().filter(|e| !record.cuts.contains(&e.0)).map(|e| (e.0, e.1, e.2)));
        }
        out
    }

    /// Everyone who can read an item, for anyone who can.
    pub async fn readers(&self, me: &Principal, item: Uuid) -> Result<Vec<Reader>> {
        let Reply::Readers { grants, .. } = me.call(&Operation::Readers { item }).await? else {
            return Err(unexpected());
        };
        let mut out: Vec<Reader> = Vec::new();
        for (exchange, record) in grants {
            let party = Party { login: exchange.delegator.clone(), fingerprint: record.grant.grantor_fingerprint };
            let signer = match me.signer(&party).await {
                Ok(Some(signer)) => signer,
                Ok(None) => continue,
                Err(e) if e.code() == Code::IdentityChanged => continue,
                Err(e) => return Err(e),
            };
            let lists = record.grant.entries.iter().any(|e| e.0 == item) && !record.cuts.contains(&item);
            let genuine = record.grant.exchange == exchange.id
                && exchange.check(&signer.keyset.signing_key).is_ok()
                && record.grant.check(&signer.keyset.signing_key).is_ok();
            if !lists || !genuine || !record.grant.is_current(me.now()) {
                continue;
            }
            match out.iter_mut().find(|r| r.login == exchange.delegate) {
                // The longest access counts.
                Some(reader) => reader.until = reader.until.zip(record.grant.not_after).map(|(a, b)| a.max(b)),
                None => {
                    let login = exchange.delegate.clone();
                    out.push(Reader { path: vec![login.clone()], login, until: record.grant.not_after });
                }
            }
        }
        out.sort_by(|a, b| a.login.cmp(&b.login));
        Ok(out)
    }
}

/// Takes what a grant adds to what was taken before; says whether it added anything.
fn take(grant: &OpenGrant, wanted: &HashSet<Uuid>, versions: &mut HashSet<(Uuid, u32)>, out: &mut Vec<Given>) -> bool {
    let before = out.len();
    for (entry, key) in grant.record.grant.entries.iter().zip(grant.keys.iter()) {
        if wanted.contains(&entry.0) && !grant.record.cuts.contains(&entry.0) && versions.insert(entry.key()) {
            out.push(Given { entry: entry.clone(), key: key.clone() });
        }
    }
    out.len() > before
}
