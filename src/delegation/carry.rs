//! Who reads a version of an item and is carried over to the next: oneself, its owner, whoever sealed it, and those to whom
//! one of these gave it, but for whom the owner excluded.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Delegation;
use super::origin::{Claim, agreed, sealed_by};
use crate::encoding::Hash;
use crate::error::{Code, Error, Result};
use crate::graph::{Principal, Signer};
use crate::relay::{GrantRecord, Operation, Reply, onward, unexpected};
use crate::wire::Party;
use crate::wire::exchange::Exchange;

/// How many pages of revocations one call reads: a relay may name ever more.
const PAGES_AT_ONCE: usize = 256;

/// Who reads the next version.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Who is carried over, oneself among them.
    pub(super) readers: BTreeSet<String>,
    /// Who read the version before, and is not.
    pub(super) dropped: BTreeSet<String>,
    /// Who owns the item. `None`: those who gave it contradict each other.
    pub(super) owner: Option<String>,
}

/// A grant that somebody signed whom one may believe.
struct Believed {
    from: String,
    to: String,
    created: u64,
    /// Whether the newest keys of whoever gave it signed it.
    newest: bool,
}

/// The grants of an item, as the relay shows them.
struct Shown<'a> {
    me: &'a Principal,
    item: Uuid,
    grants: Vec<(Exchange, GrantRecord)>,
    /// The newest keys of everybody who gave it.
    newest: BTreeMap<String, Hash>,
}

impl Shown<'_> {
    fn gives(&self, record: &GrantRecord, version: u32) -> bool {
        record.grant.entries.iter().any(|e| e.key() == (self.item, version))
    }

    fn is_newest(&self, exchange: &Exchange, record: &GrantRecord) -> bool {
        self.newest.get(&exchange.delegator) == Some(&record.grant.grantor_fingerprint)
    }

    /// Whoever signed a grant that is to be believed, and that was not cut or ran out.
    async fn signer(&self, exchange: &Exchange, record: &GrantRecord) -> Result<Option<Signer>> {
        let party = Party { login: exchange.delegator.clone(), fingerprint: record.grant.grantor_fingerprint };
        let counts = record.grant.is_under(exchange)
            && !record.cuts.contains(&self.item)
            && record.grant.is_current(self.me.now());
        if !counts {
            return Ok(None);
        }
        let Some(signer) = believed_signer(self.me, &party).await? else { return Ok(None) };
        let key = &signer.keyset.signing_key;
        Ok((exchange.check(key).is_ok() && record.grant.check(key).is_ok()).then_some(signer))
    }

    /// What is said of the item by oneself and by those who gave it to oneself: who owns it, in the grants of all versions,
    /// and who sealed this one. Of grants that say the same, one is looked at.
    async fn claims(&self, version: u32) -> Result<(Vec<Claim>, Vec<Claim>)> {
        let (mut owners, mut sealers) = (BTreeSet::new(), BTreeSet::new());
        for (exchange, record) in &self.grants {
            let own = exchange.delegator == self.me.login;
            if !own && exchange.delegate != self.me.login {
                continue;
            }
            let (by, newest) = (&exchange.delegator, self.is_newest(exchange, record));
            let mut said: Vec<(bool, &str)> = Vec::new();
            for entry in record.grant.entries.iter().filter(|e| e.0 == self.item) {
                said.extend(entry.owner(by).map(|who| (true, who)));
                said.extend(entry.sealer(by).filter(|_| entry.1 == version).map(|who| (false, who)));
            }
            let known = |of_owner: bool, who: &str| {
                let all: &BTreeSet<Claim> = if of_owner { &owners } else { &sealers };
                all.iter().any(|c| (&c.by, c.newest, c.who.as_str()) == (by, newest, who))
            };
            said.retain(|(of_owner, who)| !known(*of_owner, who));
            if said.is_empty() {
                continue;
            }
            let Some(signer) = self.signer(exchange, record).await? else { continue };
            for (of_owner, who) in said {
                let claim = Claim { by: by.clone(), newest, verified: signer.verified, who: who.to_owned() };
                if of_owner {
                    owners.insert(claim)
                } else {
                    sealers.insert(claim)
                };
            }
        }
        Ok((owners.into_iter().collect(), sealers.into_iter().collect()))
    }

    /// When the owner ended somebody's access, and has not given it anew since, to any version. Whatever others gave: that
    /// is their word against the owner's, dated by their clocks.
    async fn excluded(&self, owner: &str, login: &str) -> Result<Option<u64>> {
        let Some(at) = self.me.ended_at(owner, login, self.item) else { return Ok(None) };
        for (exchange, record) in &self.grants {
            let again = exchange.delegator == owner && exchange.delegate == login && record.grant.created > at;
            if again && self.is_newest(exchange, record) && self.signer(exchange, record).await?.is_some() {
                return Ok(None);
            }
        }
        Ok(Some(at))
    }
}

/// The keys behind a signature. `None`: there are none, or they are not to be believed.
async fn believed_signer(me: &Principal, party: &Party) -> Result<Option<Signer>> {
    match me.signer(party).await {
        Err(e) if e.code() == Code::IdentityChanged => Ok(None),
        other => other,
    }
}

impl Delegation {
    /// Who reads the version at hand and is carried over to the next, and who is not.
    ///
    /// What keys signed that newer ones replaced carries nobody over: whoever renews keys signs anew what counts, and
    /// whoever was excluded by it may still have the old ones.
    pub(super) async fn readers_to_carry(me: &Principal, item: Uuid, version: u32) -> Result<Carried> {
        let Reply::Readers { mut grants, .. } = me.call(&Operation::Readers { item }).await? else {
            return Err(unexpected());
        };
        grants.retain(|(_, record)| record.grant.entries.iter().any(|e| e.0 == item));
        let grantors: BTreeSet<String> = grants.iter().map(|(exchange, _)| exchange.delegator.clone()).collect();
        let grantors: Vec<String> = grantors.into_iter().filter(|login| *login != me.login).collect();
        let mut newest = me.relied_on_now(&grantors).await?;
        newest.extend(me.current_fingerprint().map(|own| (me.login.clone(), own)));
        let shown = Shown { me, item, grants, newest };

        let (owners, sealers) = shown.claims(version).await?;
        let owner = agreed(&me.login, &owners);
        let sealer = sealed_by(&me.login, owner.as_deref(), &sealers);
        let trusted: BTreeSet<String> = [Some(me.login.clone()), owner.clone(), sealer].into_iter().flatten().collect();
        learn_what_ended(me, item, trusted.iter().filter(|login| **login != me.login).cloned().collect()).await?;
        let mut out = Carried { owner, ..Carried::default() };
        sort_out(&shown, version, &trusted, &mut out).await?;
        Ok(out)
    }
}

/// Sorts out who of the readers of a version is carried over, where it is known who may give it.
async fn sort_out(shown: &Shown<'_>, version: u32, trusted: &BTreeSet<String>, out: &mut Carried) -> Result<()> {
    let (me, item) = (shown.me, shown.item);
    let mut believed = Vec::new();
    for (exchange, record) in shown.grants.iter().filter(|(_, record)| shown.gives(record, version)) {
        let Some(signer) = shown.signer(exchange, record).await? else { continue };
        // In one's own name, only what a keyset signed that is open here: not one that was lost, or that a relay put
        // beside the others.
        let own_and_lost = exchange.delegator == me.login && !signer.verified;
        believed.push(Believed {
            from: exchange.delegator.clone(),
            to: exchange.delegate.clone(),
            created: record.grant.created,
            newest: shown.is_newest(exchange, record) && !own_and_lost,
        });
    }
    let mut excluded = BTreeMap::new();
    let logins = believed.iter().flat_map(|one| [&one.from, &one.to]).chain(trusted);
    for login in logins.collect::<BTreeSet<_>>() {
        if let Some(owner) = out.owner.as_ref().filter(|owner| *owner != login)
            && let Some(at) = shown.excluded(owner, login).await?
        {
            excluded.insert(login.clone(), at);
        }
    }
    let ended = |by: &str, one: &Believed| me.ended_at(by, &one.to, item).is_some_and(|at| one.created <= at);
    out.readers.insert(me.login.clone());
    for one in &believed {
        let Believed { from, to, .. } = one;
        let given_later = excluded.get(to).is_none_or(|at| *at < one.created);
        // Whose access ended needs no mention, unless somebody gave it again.
        if !given_later || ended(&me.login, one) || ended(from, one) {
            continue;
        }
        match trusted.contains(from) && one.newest && !excluded.contains_key(to) {
            true => out.readers.insert(to.clone()),
            false => out.dropped.insert(to.clone()),
        };
        if !excluded.contains_key(from) {
            out.dropped.insert(from.clone());
        }
    }
    // Also where another writer left them out, unless oneself did, or they are not there any more.
    let left_out = |login: &&String| {
        let by_me = me.ended_at(&me.login, login, item).is_some();
        !out.readers.contains(*login) && !excluded.contains_key(*login) && !by_me
    };
    let left_out: Vec<String> = trusted.iter().filter(left_out).cloned().collect();
    if !left_out.is_empty() {
        let there = me.usable_among(&left_out).await?;
        let (there, gone): (Vec<_>, Vec<_>) = left_out.into_iter().partition(|login| there.contains_key(login));
        out.readers.extend(there);
        out.dropped.extend(gone);
    }
    out.dropped.retain(|login| *login != me.login && !out.readers.contains(login));
    Ok(())
}

/// Has the relay show what some logins ended of an item, and remembers it: whatever it shows later, that stays so.
async fn learn_what_ended(me: &Principal, item: Uuid, by: Vec<String>) -> Result<()> {
    if by.is_empty() {
        return Ok(());
    }
    let mut cursor = None;
    for _ in 0..PAGES_AT_ONCE {
        let reply = me.call(&Operation::Revocations { item, by: by.clone(), cursor: cursor.clone() }).await?;
        let Reply::Revocations { revocations, cursor: next } = reply else { return Err(unexpected()) };
        for revocation in revocations {
            let names = revocation.items.iter().any(|(one, _)| *one == item);
            if !names || !by.contains(&revocation.revoker.login) {
                continue;
            }
            let signer = believed_signer(me, &revocation.revoker).await?;
            if signer.is_some_and(|signer| revocation.check(&signer.keyset.signing_key).is_ok()) {
                me.note_ended_by(&revocation, item);
            }
        }
        cursor = onward(cursor.as_deref(), next)?;
        if cursor.is_none() {
            return Ok(());
        }
    }
    Err(Error::new(Code::RelayUnavailable, "the relay names ever more revocations of one item"))
}
