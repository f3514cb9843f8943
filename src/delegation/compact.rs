//! Many small grants become few large ones, so that ten thousand single items cost nobody ten thousand records to read.
//!
//! Only grants that one signed with the keyset that one seals with now, to the same delegate and without an end, are put
//! together; what they give stays exactly the same. Like a log-structured merge: each size has its turn, so that every
//! entry is written anew a few times at most.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Delegation;
use super::seal::{Given, make_grant, parts_of};
use crate::error::{Code, Result};
use crate::graph::Principal;
use crate::keyring::OwnKey;
use crate::relay::{GrantRecord, Operation};
use crate::secret::make_id;

/// How many grants of about one size become one: 64 singles, then 64 of 64 entries.
const FEW: usize = 64;

/// An exchange key, and whether a grant is one of those that were put together before.
pub(super) type Size = (Uuid, bool);

/// Among which grants one is put together, if it may be. Whose it is does not count here.
pub(super) fn size_of(record: &GrantRecord) -> Option<Size> {
    let grant = &record.grant;
    let fits = grant.not_after.is_none() && record.cuts.is_empty() && grant.entries.len() <= FEW;
    fits.then_some((grant.exchange, grant.entries.len() > FEW / 4))
}

impl Delegation {
    /// Compacts if it is worth it. A race that was lost, or a key that was replaced, only means that others do it.
    pub(super) async fn compact(&self, me: &Principal, key: &OwnKey) -> Result<()> {
        let worth = self.compactable(me, key);
        if worth.is_empty() {
            return Ok(());
        }
        for (exchange, grants) in worth {
            let Some(record) = self.exchanges.borrow().get(&exchange).map(|e| e.record.clone()) else { continue };
            let Some(secret) = self.open_exchange(me, exchange).await? else { continue };
            let mut given = Vec::new();
            let mut replaced = Vec::new();
            for id in grants {
                // One that cannot be opened stays as it is.
                let Some(open) = self.open_grant(me, id).await? else { continue };
                let entries = open.record.grant.entries.iter().zip(open.keys.each());
                given.extend(entries.map(|(entry, key)| Given { entry: entry.clone(), key }));
                replaced.push(id);
            }
            if replaced.len() < FEW || parts_of(&given).len() > 1 {
                continue;
            }
            // Entries of one item stand together, its versions in order.
            given.sort_by_key(|g| g.entry.key());
            let grant = make_grant(me, key, &record.exchange, &secret, make_id()?, &given, None).await?.0;
            let operation = Operation::Compact { grant: Box::new(grant), replaced };
            match me.call(&operation).await {
                Ok(_) => self.mark_stale(),
                Err(e) if matches!(e.code(), Code::Conflict | Code::Forbidden) => self.mark_stale(),
                Err(e) => return Err(e),
            }
        }
        self.sync(me).await
    }

    /// Exchange keys with grants of about one size that are worth putting together.
    fn compactable(&self, me: &Principal, key: &OwnKey) -> Vec<(Uuid, Vec<Uuid>)> {
        // Asked after every write, and rarely worth a look.
        let many: Vec<Size> =
            self.sizes.borrow().iter().filter(|(_, count)| **count >= FEW).map(|(size, _)| *size).collect();
        if many.is_empty() {
            return Vec::new();
        }
        let (grants, exchanges) = (self.grants.borrow(), self.exchanges.borrow());
        let mut sizes: BTreeMap<Size, Vec<Uuid>> = BTreeMap::new();
        for (id, granted) in grants.iter() {
            let Some(size) = size_of(&granted.record).filter(|size| many.contains(size)) else { continue };
            let own = exchanges.get(&size.0).is_some_and(|e| {
                let exchange = &e.record.exchange;
                exchange.delegator == me.login && exchange.delegator_fingerprint == key.fingerprint
            });
            if own && granted.record.grant.grantor_fingerprint == key.fingerprint {
                sizes.entry(size).or_default().push(*id);
            }
        }
        let worth = sizes.into_iter().filter(|(_, ids)| ids.len() >= FEW);
        worth.map(|((exchange, _), ids)| (exchange, ids.into_iter().take(FEW).collect())).collect()
    }
}
