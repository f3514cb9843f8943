//! Revoking: removing grants, and saying honestly what is not undone by it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use serde::Serialize;
use uuid::Uuid;

use super::Delegation;
use super::seal::{Given, make_grant};
use crate::crypto::turn::turn;
use crate::encoding::Fixed;
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::keyring::OwnKey;
use crate::relay::{Event, GrantRecord, Operation, Reply, unexpected};
use crate::secret::make_id;
use crate::wire::exchange::Exchange;
use crate::wire::grant::Grant;
use crate::wire::revocation::Revocation;
use crate::wire::{Extra, MAX_REVOKED};

/// What revoking did, or, in a dry run, would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokeReport {
    /// Who lost access.
    pub login: String,
    /// The items whose access ended.
    pub items: Vec<Uuid>,
    /// Of these, the ones whose newest bytes are still under a key that the person had: seal a new version
    /// (`encrypt` with `id`) to close them against a copy that the person kept.
    pub still_under_old_key: Vec<Uuid>,
    /// Items that the person can still read, by whom: grants that neither the owner nor the caller may end.
    pub still_granted: Vec<StillGranted>,
    /// Items that the person can still read as a member of something that was given access.
    pub still_through: Vec<StillThrough>,
    /// In a dry run: everybody who would lose access, also through groups, and to what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub losing: Vec<Losing>,
}

/// Somebody who would lose access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Losing {
    /// Who.
    pub login: String,
    /// To what.
    pub items: Vec<Uuid>,
}

/// A grant by somebody else that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StillGranted {
    /// The item.
    pub item: Uuid,
    /// Who gave it.
    pub by: String,
}

/// A way through a group that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StillThrough {
    /// The item.
    pub item: Uuid,
    /// What was given access first, and the person last.
    pub path: Vec<String>,
}

/// What has to be written.
#[derive(Default)]
struct Plan {
    rewrite: Vec<Grant>,
    remove: Vec<Uuid>,
    /// Items with the newest version that is cut, and the grants that are cut.
    cut: BTreeMap<Uuid, (u32, BTreeSet<Uuid>)>,
}

impl Delegation {
    /// Ends a login's access to some items, or to all that the caller owns or gave.
    pub async fn revoke(
        &self,
        me: &Principal,
        items: Option<&[Uuid]>,
        login: &str,
        dry_run: bool,
    ) -> Result<RevokeReport> {
        if login == me.login {
            return Err(Error::bad_input("one cannot revoke one's own access"));
        }
        me.resolve(&[login.to_owned()]).await?;
        let key = me.current()?;
        let grants = match items {
            Some(items) => self.given_of(me, items, login).await?,
            None => {
                self.read_all(me).await?;
                let reply = me.call(&Operation::GrantsTo { login: login.to_owned() }).await?;
                let Reply::GrantsTo { grants } = reply else { return Err(unexpected()) };
                grants
            }
        };
        let mut report = RevokeReport { login: login.to_owned(), ..RevokeReport::default() };
        let mut plan = Plan::default();
        let asked: Option<HashSet<&Uuid>> = items.map(|items| items.iter().collect());
        for (exchange, record, owned) in &grants {
            turn().await;
            let own = exchange.delegator == me.login;
            let owned: HashSet<&Uuid> = owned.iter().collect();
            let wanted =
                |item: &Uuid| asked.as_ref().is_none_or(|all| all.contains(item)) && !record.cuts.contains(item);
            let ends: BTreeSet<Uuid> =
                record.grant.entries.iter().map(|e| e.0).filter(|i| wanted(i) && (own || owned.contains(i))).collect();
            if ends.is_empty() || exchange.delegate != login || !record.grant.is_under(exchange) {
                continue;
            }
            for entry in record.grant.entries.iter().filter(|e| ends.contains(&e.0)) {
                let (version, cut) = plan.cut.entry(entry.0).or_default();
                *version = entry.1.max(*version);
                cut.insert(record.grant.id);
            }
            if own && !dry_run {
                self.narrow(me, &key, exchange, record, &ends, &mut plan).await?;
            }
        }
        report.items = plan.cut.keys().copied().collect();
        let ended: BTreeSet<Uuid> = items.unwrap_or_default().iter().chain(plan.cut.keys()).copied().collect();
        report.still_under_old_key = self.under_old_key(me, &plan.cut);
        if let Some(items) = items {
            self.say_what_is_left(me, items, login, &plan.cut, &mut report).await?;
        }
        if dry_run {
            report.losing = self.losing(me, &plan.cut).await?;
        } else {
            let at = Self::ending_time(me, &key, &grants);
            let done = match plan.cut.is_empty() {
                true => Ok(()),
                false => self.carry_out(me, &key, login, plan).await,
            };
            // Also where the relay shows nothing to end, and where it did not say whether it did.
            if done.as_ref().err().is_none_or(|e| e.code() == Code::RelayUnavailable) {
                me.note_ended(login, ended, at);
            }
            done?;
        }
        Ok(report)
    }

    /// The grants of some items to a login, with those of their items that one owns oneself. What one gave is at hand then.
    async fn given_of(
        &self,
        me: &Principal,
        items: &[Uuid],
        login: &str,
    ) -> Result<Vec<(Exchange, GrantRecord, Vec<Uuid>)>> {
        self.hear(me).await?;
        self.ask(me, items, &[login.to_owned()]).await?;
        let mut all: BTreeMap<Uuid, (Exchange, GrantRecord, Vec<Uuid>)> = BTreeMap::new();
        for item in items {
            let reply = match me.call(&Operation::Readers { item: *item }).await {
                // Nobody's, or not one's business: there is nothing to end.
                Err(e) if e.code() == Code::NoAccess => continue,
                other => other?,
            };
            let Reply::Readers { owner, grants, .. } = reply else { return Err(unexpected()) };
            for (exchange, record) in grants.into_iter().filter(|(exchange, _)| exchange.delegate == login) {
                let (_, _, owned) = all.entry(record.grant.id).or_insert_with(|| (exchange, record, Vec::new()));
                if owner == me.login {
                    owned.push(*item);
                }
            }
        }
        Ok(all.into_values().collect())
    }

    /// What revoking asks first, but for whose keys are whose.
    pub fn asked_by_revoke(&self, items: &[Uuid], login: &str) -> Vec<Operation> {
        let mut operations = vec![Operation::Grants { items: items.to_vec(), to: vec![login.to_owned()], after: None }];
        operations.extend(items.iter().map(|item| Operation::Readers { item: *item }));
        operations
    }

    /// When access ends: not before it was given, also if the clock was set back since. Only what one signed says when.
    fn ending_time(me: &Principal, key: &OwnKey, grants: &[(Exchange, GrantRecord, Vec<Uuid>)]) -> u64 {
        let own = |grant: &&Grant| {
            grant.grantor_fingerprint == key.fingerprint && grant.check(&key.keyset.signing_key).is_ok()
        };
        let given = grants.iter().map(|(_, record, _)| &record.grant).filter(own).map(|grant| grant.created);
        given.fold(me.now(), u64::max)
    }

    /// Signs anew what renewed keys gave, and rewrites one's own grants from which an owner cut items; what cannot be opened waits.
    pub async fn tidy(&self, me: &Principal) -> Result<()> {
        self.sign_waiting(me, &Cell::default()).await?;
        let cut: Vec<_> = {
            let (grants, exchanges) = (self.grants.borrow(), self.exchanges.borrow());
            let own = |r: &GrantRecord| {
                let exchange = &exchanges.get(&r.grant.exchange)?.record.exchange;
                (exchange.delegator == me.login).then(|| exchange.clone())
            };
            grants
                .values()
                .filter(|g| !g.record.cuts.is_empty())
                .filter_map(|g| Some((own(&g.record)?, g.record.clone())))
                .collect()
        };
        if cut.is_empty() {
            return Ok(());
        }
        let (key, _) = me.seal_for(&[]).await?;
        let mut plan = Plan::default();
        for (exchange, record) in cut {
            let ends = record.cuts.iter().copied().collect();
            self.narrow(me, &key, &exchange, &record, &ends, &mut plan).await?;
        }
        me.call(&Operation::Revoke { revocations: Vec::new(), rewrite: Vec::new(), remove: plan.remove }).await?;
        for part in plan.rewrite.chunks(64) {
            me.call(&Operation::Revoke { revocations: Vec::new(), rewrite: part.to_vec(), remove: Vec::new() }).await?;
        }
        self.mark_stale();
        Ok(())
    }

    /// Writes a grant anew without some items, or removes it when nothing is left.
    async fn narrow(
        &self,
        me: &Principal,
        key: &OwnKey,
        exchange: &Exchange,
        record: &GrantRecord,
        ends: &BTreeSet<Uuid>,
        plan: &mut Plan,
    ) -> Result<()> {
        let ended = me.ended_of(exchange, &record.grant);
        let stays =
            |item: &Uuid| ![ended.contains(item), ends.contains(item), record.cuts.contains(item)].contains(&true);
        if !record.grant.entries.iter().any(|e| stays(&e.0)) {
            plan.remove.push(record.grant.id);
            return Ok(());
        }
        let Some(open) = self.open_grant(me, record.grant.id).await? else { return Ok(()) };
        let given: Vec<Given> = open
            .record
            .grant
            .entries
            .iter()
            .zip(open.keys.each())
            .filter(|(e, _)| stays(&e.0))
            .map(|(e, k)| Given { entry: e.clone(), key: k })
            .collect();
        if record.grant.grantor_fingerprint == key.fingerprint {
            let Some(secret) = self.open_exchange(me, exchange.id).await? else { return Ok(()) };
            let not_after = record.grant.not_after;
            let (grant, _) = make_grant(me, key, exchange, &secret, record.grant.id, &given, not_after).await?;
            plan.rewrite.push(grant);
        }
        // A grant signed by an older own keyset is cut by the revocation itself, which the owner signs.
        Ok(())
    }

    async fn carry_out(&self, me: &Principal, key: &OwnKey, login: &str, plan: Plan) -> Result<()> {
        let mut revocations = Vec::new();
        let cut: Vec<(Uuid, (u32, BTreeSet<Uuid>))> = plan.cut.into_iter().collect();
        for part in cut.chunks(MAX_REVOKED) {
            let grants: BTreeSet<Uuid> = part.iter().flat_map(|(_, (_, grants))| grants.iter().copied()).collect();
            for grants in grants.into_iter().collect::<Vec<_>>().chunks(MAX_REVOKED) {
                let mut revocation = Revocation {
                    id: make_id()?,
                    items: part.iter().map(|(item, (version, _))| (*item, *version)).collect(),
                    login: login.to_owned(),
                    grants: grants.to_vec(),
                    revoker: key.party(),
                    created: me.now(),
                    signature: Fixed([0; 64]),
                    extra: Extra::default(),
                };
                revocation.signature = key.sign(&me.engine, &revocation.transcript()).await?;
                revocations.push(revocation);
            }
        }
        let revoke = Operation::Revoke {
            revocations: revocations.clone(),
            rewrite: plan.rewrite.clone(),
            remove: plan.remove.clone(),
        };
        me.call(&revoke).await?;
        // As the log will tell it.
        plan.remove.into_iter().for_each(|id| self.remove(id));
        for grant in plan.rewrite {
            self.insert(Rc::new(GrantRecord { grant, cuts: Vec::new() }), None);
        }
        for revocation in revocations {
            self.apply(me, Event::Revoked(Box::new(revocation)));
        }
        Ok(())
    }

    /// Who would lose access to what, were some grants cut: those who have no other way to read.
    async fn losing(&self, me: &Principal, cut: &BTreeMap<Uuid, (u32, BTreeSet<Uuid>)>) -> Result<Vec<Losing>> {
        let mut all: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
        for (item, (_, grants)) in cut {
            let before = self.readers(me, *item).await?;
            let after = self.readers_without(me, *item, &grants.iter().copied().collect()).await?;
            for reader in before.into_iter().filter(|b| !after.iter().any(|a| a.login == b.login)) {
                all.entry(reader.login).or_default().push(*item);
            }
        }
        Ok(all.into_iter().map(|(login, items)| Losing { login, items }).collect())
    }

    /// The items whose newest version that one knows of is one that the person had.
    fn under_old_key(&self, me: &Principal, cut: &BTreeMap<Uuid, (u32, BTreeSet<Uuid>)>) -> Vec<Uuid> {
        let mut newest: HashMap<Uuid, u32> = HashMap::new();
        for granted in self.grants.borrow().values().filter(|g| g.record.grant.is_current(me.now())) {
            for entry in &granted.record.grant.entries {
                let version = newest.entry(entry.0).or_default();
                *version = entry.1.max(*version);
            }
        }
        cut.iter()
            .filter(|(item, (version, _))| newest.get(item).is_none_or(|n| n <= version))
            .map(|(item, _)| *item)
            .collect()
    }

    /// By whom, and through what, the person can read items when the grants that are cut are gone.
    async fn say_what_is_left(
        &self,
        me: &Principal,
        items: &[Uuid],
        login: &str,
        cut: &BTreeMap<Uuid, (u32, BTreeSet<Uuid>)>,
        report: &mut RevokeReport,
    ) -> Result<()> {
        for item in items {
            turn().await;
            let reply = me.call(&Operation::Readers { item: *item }).await?;
            let Reply::Readers { mut grants, sharing, .. } = reply else { return Err(unexpected()) };
            grants.retain(|(_, record)| !cut.get(item).is_some_and(|(_, cut)| cut.contains(&record.grant.id)));
            let (direct, others): (Vec<_>, Vec<_>) = grants.into_iter().partition(|(e, _)| e.delegate == login);
            let by: BTreeSet<String> = direct.into_iter().map(|(exchange, _)| exchange.delegator).collect();
            report.still_granted.extend(by.into_iter().map(|by| StillGranted { item: *item, by }));
            // Of the rest, only what leads further is looked at closely: every grant has two signatures to verify.
            let leads = |login: &str| sharing.iter().any(|group| group.keyset.login == login);
            let others: Vec<_> = others.into_iter().filter(|(e, _)| leads(&e.delegate)).collect();
            if others.is_empty() {
                continue;
            }
            let through = Self::readers_by(me, *item, others, &sharing).await?;
            let through = through.into_iter().filter(|reader| reader.login == login);
            report.still_through.extend(through.map(|reader| StillThrough { item: *item, path: reader.path }));
        }
        Ok(())
    }
}
