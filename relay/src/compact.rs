//! Grants that take the place of many smaller ones. Nothing is given that was not given before, and nobody else's is touched.

use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use super::account::{is_delegator, require_newest};
use super::grants::{MAX_GRANTS, exchange_of, write_grant};
use super::log::{self, Entry, exchange_key, grant_key, limit};
use super::{Batch, Context, Records, Ruled, conflict, forbidden};
use regrant_protocol::operations::{GrantRecord, Reply};
use regrant_protocol::wire::grant::{Grant, GrantEntry};

pub(super) fn compact(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    grant: &Grant,
    replaced: &[Uuid],
) -> Ruled<Reply> {
    let caller = cx.caller()?;
    limit(replaced.len(), MAX_GRANTS, "grants")?;
    require_newest(db, caller)?;
    grant.check_form()?;
    let ids: BTreeSet<Uuid> = replaced.iter().copied().collect();
    let keys: Vec<String> = ids.iter().map(|id| grant_key(*id)).collect();
    let new_key = grant_key(grant.id);
    db.need(keys.iter().chain([&new_key, &exchange_key(grant.exchange)]))?;
    if db.raw(&new_key)?.is_some() {
        return Err(conflict("a grant with this id exists").into());
    }
    let exchange = &exchange_of(db, grant)?.exchange;
    let own = is_delegator(db, caller.login(), exchange)? && grant.grantor_fingerprint == *caller.fingerprint();
    if !own || !grant.is_under(exchange) {
        return Err(forbidden("grants are put together by their grantor").into());
    }

    let mut old = Vec::with_capacity(ids.len());
    for key in &keys {
        old.push(db.view::<GrantRecord>(key)?.ok_or_else(|| conflict("a grant is gone meanwhile"))?);
    }
    let given: HashSet<&GrantEntry> =
        old.iter().flat_map(|(_, r)| r.grant.entries.iter().filter(|e| !r.cuts.contains(&e.0))).collect();
    let alike = old.iter().all(|(_, r)| r.grant.exchange == grant.exchange && r.grant.not_after == grant.not_after);
    if !alike || !grant.entries.iter().all(|e| given.contains(e)) {
        return Err(forbidden("a grant put together from others gives what they gave").into());
    }

    log::forget_grants(db, batch, ids.iter().copied())?;
    for ((rev, _), key) in old.iter().zip(keys) {
        batch.delete(key, *rev);
    }
    write_grant(db, batch, exchange, 0, &GrantRecord { grant: grant.clone(), cuts: Vec::new() }, true)?;
    for login in [&exchange.delegator, &exchange.delegate] {
        log::append(batch, login, &Entry::Replaced(ids.iter().copied().collect()))?;
    }
    Ok(Reply::Done)
}
