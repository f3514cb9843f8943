//! What one gave, signed anew with renewed keys.
//!
//! Whoever is excluded by a renewal, or stole keys before it, can go on signing with the old ones, and a relay would show
//! that. So what the old keys gave counts for a next version only if the new ones sign it, too; and they sign what was
//! there when the renewal began, not what is shown afterwards.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use uuid::Uuid;

use super::Delegation;
use super::seal::{Given, make_grant};
use crate::error::{Code, Result};
use crate::graph::Principal;
use crate::keyring::OwnKey;
use crate::relay::{GrantRecord, Operation};
use crate::wire::grant::Grant;
use crate::wire::keyset::Keyset;

/// For whom renewed keys signed anew what the old ones gave, and for whom not (all of it).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resigned {
    /// Who has something that the new keys signed.
    pub resigned: BTreeSet<String>,
    /// Who has something that they did not.
    pub not_resigned: BTreeSet<String>,
}

/// The most grants that are written anew in one operation.
const GRANTS_AT_ONCE: usize = 64;

impl Delegation {
    /// What one gave to others with the keys at hand, and to whom: read just before these are renewed.
    pub async fn given(&self, me: &Principal) -> Result<Vec<(String, Rc<GrantRecord>)>> {
        self.read_all(me).await?;
        let own = me.current_fingerprint();
        let (grants, exchanges) = (self.grants.borrow(), self.exchanges.borrow());
        let to = |record: &Rc<GrantRecord>| {
            let exchange = &exchanges.get(&record.grant.exchange)?.record.exchange;
            let counts = exchange.delegator == me.login
                && exchange.delegate != me.login
                && Some(record.grant.grantor_fingerprint) == own
                && record.grant.is_current(me.now());
            counts.then(|| (exchange.delegate.clone(), record.clone()))
        };
        Ok(grants.values().filter_map(|g| to(&g.record)).collect())
    }

    /// Signs anew, with renewed keys, what was given before; of that, what was given from `since` on is left as it is. The
    /// renewal is done already: what fails here waits for the next [`Delegation::tidy`], and until then carries nobody over
    /// to a next version. Says for whom it signed.
    pub async fn sign_anew(
        &self,
        me: &Principal,
        given: Vec<(String, Rc<GrantRecord>)>,
        since: Option<u64>,
    ) -> Resigned {
        let to: Vec<_> = given.iter().map(|(delegate, record)| (record.grant.id, delegate.clone())).collect();
        let records = given.into_iter().map(|(_, record)| record);
        self.to_sign.borrow_mut().extend(records.filter(|r| since.is_none_or(|since| r.grant.created < since)));
        let signed = Cell::default();
        // What fails waits, and is not among what was signed.
        drop(self.sign_waiting(me, &signed).await);
        let signed: BTreeSet<Uuid> = signed.into_inner();
        let mut out = Resigned::default();
        for (id, delegate) in to {
            let logins = if signed.contains(&id) { &mut out.resigned } else { &mut out.not_resigned };
            logins.insert(delegate);
        }
        out
    }

    /// The same for what is left from before.
    pub(super) async fn sign_waiting(&self, me: &Principal, signed: &Cell<BTreeSet<Uuid>>) -> Result<()> {
        if self.to_sign.borrow().is_empty() {
            return Ok(());
        }
        let (key, _) = me.seal_for(&[]).await?;
        self.read_all(me).await?;
        let waiting: Vec<_> =
            self.to_sign.borrow().iter().filter_map(|r| Some((self.delegate_of(r)?, r.clone()))).collect();
        let logins: BTreeSet<String> = waiting.iter().map(|(delegate, _)| delegate.clone()).collect();
        let keysets = me.usable_among(&logins.into_iter().collect::<Vec<_>>()).await?;
        for part in waiting.chunks(GRANTS_AT_ONCE) {
            let mut rewrite = Vec::with_capacity(part.len());
            for (delegate, record) in part {
                rewrite.extend(self.signed_anew(me, &key, record, delegate, &keysets).await?);
            }
            let ids: Vec<Uuid> = rewrite.iter().map(|grant| grant.id).collect();
            match me.call(&Operation::Revoke { revocations: Vec::new(), rewrite, remove: Vec::new() }).await {
                Ok(_) => {
                    let mut all = signed.take();
                    all.extend(ids);
                    signed.set(all);
                }
                Err(e) if !matches!(e.code(), Code::Conflict | Code::Forbidden) => return Err(e),
                // Something of it was changed meanwhile: whoever changed it signed it.
                _ => {}
            }
            self.to_sign.borrow_mut().retain(|r| !part.iter().any(|(_, done)| Rc::ptr_eq(r, done)));
        }
        self.to_sign.borrow_mut().clear();
        self.read_all(me).await
    }

    fn delegate_of(&self, record: &GrantRecord) -> Option<String> {
        Some(self.exchanges.borrow().get(&record.grant.exchange)?.record.exchange.delegate.clone())
    }

    /// One grant, signed anew. `None`: it is not there as it was, or its delegate is not to be encrypted to.
    async fn signed_anew(
        &self,
        me: &Principal,
        key: &OwnKey,
        record: &GrantRecord,
        delegate: &str,
        keysets: &BTreeMap<String, Keyset>,
    ) -> Result<Option<Grant>> {
        let same = self.grants.borrow().get(&record.grant.id).is_some_and(|now| now.record.grant == record.grant);
        let Some(to) = keysets.get(delegate).filter(|_| same) else { return Ok(None) };
        let Some(open) = self.open_grant(me, record.grant.id).await? else { return Ok(None) };
        let entries = open.record.grant.entries.iter().zip(open.keys.each());
        let stays = entries.filter(|(entry, _)| !open.record.cuts.contains(&entry.0));
        let given: Vec<Given> = stays.map(|(entry, key)| Given { entry: entry.clone(), key }).collect();
        if given.is_empty() {
            return Ok(None);
        }
        let mut first = Vec::new();
        let (exchange, secret) = self.sealing_exchange(me, key, to, &mut first).await?;
        self.write_after(me, first, None).await?;
        let not_after = record.grant.not_after;
        Ok(Some(make_grant(me, key, &exchange, &secret, record.grant.id, &given, not_after).await?.0))
    }
}
