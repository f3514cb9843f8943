//! Many small grants become one, so that ten thousand single items are not ten thousand records to read.
//!
//! Only grants that one signed with the keyset that one seals with now, to the same delegate and without an end, are put
//! together; what they give stays exactly the same. Every entry is written anew once.

use std::collections::BTreeMap;
use std::rc::Rc;

use uuid::Uuid;

use super::Delegation;
use super::seal::{Given, make_grant, parts_of};
use crate::error::{Code, Result};
use crate::graph::Principal;
use crate::keyring::OwnKey;
use crate::relay::{GrantRecord, Operation};
use crate::secret::make_id;
use crate::wire::MAX_GRANT_ENTRIES;

/// How many small grants become one.
const FEW: usize = 64;

/// The exchange key of a grant that may be put together with others. Whose it is does not count here.
pub(super) fn small_under(record: &GrantRecord) -> Option<Uuid> {
    let grant = &record.grant;
    let fits = grant.not_after.is_none() && record.cuts.is_empty() && grant.entries.len() <= MAX_GRANT_ENTRIES / FEW;
    fits.then_some(grant.exchange)
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
            let (grant, keys) = make_grant(me, key, &record.exchange, &secret, make_id()?, &given, None).await?;
            let operation = Operation::Compact { grant: Box::new(grant.clone()), replaced: replaced.clone() };
            match me.call(&operation).await {
                Ok(_) => {
                    // As the log will tell it.
                    replaced.iter().for_each(|id| self.remove(*id));
                    self.compacted.borrow_mut().extend(replaced.into_iter().chain([grant.id]));
                    if grant.delegate == me.login {
                        self.rest_own(me, &grant, &keys);
                    }
                    self.insert(Rc::new(GrantRecord { grant, cuts: Vec::new() }), Some(keys));
                    self.mark_stale();
                }
                Err(e) if matches!(e.code(), Code::Conflict | Code::Forbidden) => self.mark_stale(),
                Err(e) => return Err(e),
            }
        }
        self.hear(me).await
    }

    /// Exchange keys with small grants that are worth putting together.
    fn compactable(&self, me: &Principal, key: &OwnKey) -> Vec<(Uuid, Vec<Uuid>)> {
        // Asked after every write, and rarely worth a look.
        let many: Vec<Uuid> =
            self.small.borrow().iter().filter(|(_, count)| **count >= FEW).map(|(exchange, _)| *exchange).collect();
        if many.is_empty() {
            return Vec::new();
        }
        let (grants, exchanges) = (self.grants.borrow(), self.exchanges.borrow());
        let mut small: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
        for (id, granted) in grants.iter() {
            let Some(under) = small_under(&granted.record).filter(|under| many.contains(under)) else { continue };
            let own = exchanges.get(&under).is_some_and(|e| {
                let exchange = &e.record.exchange;
                exchange.delegator == me.login && exchange.delegator_fingerprint == key.fingerprint
            });
            if own && granted.record.grant.grantor_fingerprint == key.fingerprint {
                small.entry(under).or_default().push(*id);
            }
        }
        let worth = small.into_iter().filter(|(_, ids)| ids.len() >= FEW);
        worth.map(|(exchange, ids)| (exchange, ids.into_iter().take(FEW).collect())).collect()
    }
}
