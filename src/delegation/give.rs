//! Giving access to items that are sealed already: no public-key operation per item, no bytes touched.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use uuid::Uuid;

use super::seal::{Given, make_grant, parts_of};
use super::{Delegation, ITEMS_AT_ONCE, exchange::OpenGrant, origin};
use crate::encoding::Hash;
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::keyring::OwnKey;
use crate::relay::{Flow, GrantRecord, Operation, Relied, Reply, Sharing, unexpected};
use crate::secret::make_id;
use crate::wire::Party;
use crate::wire::exchange::Exchange;

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
        let others: Vec<String> = others.into_iter().collect();
        if until.is_some_and(|end| end <= me.now()) {
            me.seal_for(&others).await?;
            return Err(Error::bad_input("until is in the past"));
        }
        let _flow = self.ask_before_giving(me, items, &others).await?;
        let (key, keysets) = me.seal_for(&others).await?;
        match items {
            // Also what one gave these already: twice is as once.
            Some(items) => {
                self.hear(me).await?;
                self.ask(me, items, &others).await?;
            }
            None => self.read_all(me).await?,
        }
        self.meet(me, &others).await?;
        let (mut all, basis) = self.held(me, items).await?;
        // In order, as they are checked; what one sealed at once is in order already.
        all.sort_by_key(|g| g.entry.key());
        let given = items_of(&all);
        progress(0)?;
        for keyset in &keysets {
            let mut first = Vec::new();
            let (exchange, secret) = self.sealing_exchange(me, &key, keyset, &mut first).await?;
            let already = self.given_already(me, &key, exchange.id, until);
            let fresh: std::borrow::Cow<'_, [Given]> = match already.is_empty() {
                true => (&all).into(),
                false => {
                    let new = all.iter().filter(|g| !already.contains(&(g.entry.0, g.entry.1, g.entry.2)));
                    new.cloned().collect::<Vec<_>>().into()
                }
            };
            let (mut grants, mut keys) = (Vec::new(), Vec::new());
            for part in parts_of(&fresh) {
                let (grant, made) = make_grant(me, &key, &exchange, &secret, make_id()?, part, until).await?;
                grants.push(grant);
                keys.push(made);
            }
            // The relay is told for which keys: others may have come meanwhile.
            let relied = [&key.keyset, keyset].map(|k| Relied { login: k.login.clone(), fingerprint: k.fingerprint() });
            for part in grants.chunks(GRANTS_AT_ONCE) {
                let (grants, basis, relied) = (part.to_vec(), basis.clone(), relied.to_vec());
                let put = Operation::PutGrants { create: Vec::new(), grants, basis, relied };
                self.write_after(me, std::mem::take(&mut first), Some(put)).await?;
            }
            // What one made oneself need not be opened again.
            for (grant, made) in grants.into_iter().zip(keys) {
                self.insert(Rc::new(GrantRecord { grant, cuts: Vec::new() }), Some(made));
            }
        }
        progress(given)?;
        Ok(given)
    }

    /// Asks in one request what giving asks.
    async fn ask_before_giving(
        &self,
        me: &Principal,
        items: Option<&[Uuid]>,
        others: &[String],
    ) -> Result<Option<Flow>> {
        let Some(items) = items.filter(|items| items.len() <= ITEMS_AT_ONCE) else { return Ok(None) };
        let mut operations = vec![me.asked_by_seal_for(others)];
        operations.push(Operation::Grants { items: items.to_vec(), to: others.to_vec(), after: None });
        let unmet = self.unmet(others);
        if !unmet.is_empty() {
            operations.push(Operation::Exchanges { with: unmet });
        }
        me.ahead(operations).await.map(Some)
    }

    /// The data keys of every version of the wanted items, and the grants they come from. Goes grant by grant,
    /// one's own first: their digests are the ones that one vouched for before.
    async fn held(&self, me: &Principal, items: Option<&[Uuid]>) -> Result<(Vec<Given>, Vec<Uuid>)> {
        // What was put away is not given on, though one's grants to others may still name it.
        let wanted = match items {
            None if self.away.borrow().is_empty() => Wanted::All,
            _ => {
                let known = self.known_items(items);
                let mut wanted = HashSet::with_capacity(known.len());
                wanted.extend(known.into_iter().filter(|i| self.by_item.borrow().contains_key(i)));
                Wanted::These(wanted)
            }
        };
        let mut ids: Vec<(bool, u64, Uuid)> = Vec::new();
        {
            let (grants, exchanges) = (self.grants.borrow(), self.exchanges.borrow());
            for (id, granted) in grants.iter() {
                let grant = &granted.record.grant;
                let own = exchanges.get(&grant.exchange).is_some_and(|e| e.record.exchange.delegator == me.login);
                if grant.is_current(me.now()) && grant.entries.iter().any(|e| wanted.has(&e.0)) {
                    ids.push((!own, grant.created, *id));
                }
            }
        }
        ids.sort();
        let mut out = Vec::new();
        let mut basis = Vec::new();
        let mut versions =
            HashSet::with_capacity(if let Wanted::All = wanted { self.by_item.borrow().len() } else { 0 });
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
        let mut whose = HashSet::new();
        for (_, _, grant) in &opened {
            let before = out.len();
            if take(grant, &wanted, &mut versions, &mut out) {
                basis.push(grant.record.grant.id);
            }
            // What one's newest keys gave before says already whose it is.
            if Some(grant.record.grant.grantor_fingerprint) != me.current_fingerprint() {
                whose.extend(out[before..].iter().map(|given| given.entry.key()));
            }
        }
        if !whose.is_empty() {
            let others: BTreeSet<String> = opened.iter().map(|(_, _, grant)| grant.delegator.clone()).collect();
            let others: Vec<String> = others.into_iter().filter(|login| *login != me.login).collect();
            let mut newest = me.relied_on_now(&others).await?;
            newest.extend(me.current_fingerprint().map(|own| (me.login.clone(), own)));
            let grants: Vec<&OpenGrant> = opened.iter().map(|(_, _, grant)| grant).collect();
            origin::name(&me.login, &newest, &grants, &whose, &mut out);
        }
        if let Some(items) = items {
            let asked: HashSet<&Uuid> = items.iter().collect();
            let found: HashSet<Uuid> = versions.iter().map(|(item, _)| *item).collect();
            if found.len() < asked.len() {
                return Err(problem);
            }
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

    /// Everyone who can read an item, for anyone who can, with the path that makes it so.
    pub async fn readers(&self, me: &Principal, item: Uuid) -> Result<Vec<Reader>> {
        self.readers_without(me, item, &HashSet::new()).await
    }

    /// Who can read an item, were some grants not there.
    pub(super) async fn readers_without(
        &self,
        me: &Principal,
        item: Uuid,
        without: &HashSet<Uuid>,
    ) -> Result<Vec<Reader>> {
        let Reply::Readers { mut grants, sharing, .. } = me.call(&Operation::Readers { item }).await? else {
            return Err(unexpected());
        };
        grants.retain(|(_, record)| !without.contains(&record.grant.id));
        Self::readers_by(me, item, grants, &sharing).await
    }

    /// Who can read an item by some grants.
    pub(super) async fn readers_by(
        me: &Principal,
        item: Uuid,
        grants: Vec<(Exchange, GrantRecord)>,
        sharing: &[Sharing],
    ) -> Result<Vec<Reader>> {
        // Until when each identity was granted access; absent: without end.
        let mut granted: BTreeMap<String, Option<u64>> = BTreeMap::new();
        for (exchange, record) in grants {
            let party = Party { login: exchange.delegator.clone(), fingerprint: record.grant.grantor_fingerprint };
            let signer = match me.signer(&party).await {
                Ok(Some(signer)) => signer,
                Ok(None) => continue,
                Err(e) if e.code() == Code::IdentityChanged => continue,
                Err(e) => return Err(e),
            };
            let lists = record.grant.entries.iter().any(|e| e.0 == item) && !record.cuts.contains(&item);
            let genuine = record.grant.is_under(&exchange)
                && exchange.check(&signer.keyset.signing_key).is_ok()
                && record.grant.check(&signer.keyset.signing_key).is_ok();
            if lists && genuine && record.grant.is_current(me.now()) {
                let until = record.grant.not_after;
                // The longest access counts.
                let longest = |before: &mut Option<u64>| *before = before.zip(until).map(|(a, b)| a.max(b));
                granted.entry(exchange.delegate).and_modify(longest).or_insert(until);
            }
        }
        let holders = holders(me, sharing).await?;
        let mut out: BTreeMap<String, Reader> = BTreeMap::new();
        for (login, until) in &granted {
            for path in ways_from(login, &holders) {
                let Some(reader) = path.last().cloned() else { continue };
                let fresh = Reader { login: reader.clone(), path, until: *until };
                match out.get_mut(&reader) {
                    Some(known) if longer(known, &fresh) => *known = fresh,
                    Some(_) => {}
                    None => drop(out.insert(reader, fresh)),
                }
            }
        }
        Ok(out.into_values().collect())
    }
}

/// Whether a way to read is better known than another: longer access, then the shorter path.
fn longer(known: &Reader, fresh: &Reader) -> bool {
    let end = |reader: &Reader| reader.until.unwrap_or(u64::MAX);
    (end(fresh), known.path.len()) > (end(known), fresh.path.len())
}

/// Who can act for each identity directly, by signed lists. One that is not as signed says nothing.
async fn holders(me: &Principal, sharing: &[Sharing]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut out = BTreeMap::new();
    for one in sharing {
        let login = one.keyset.login.clone();
        match me.believe_sharing(one, &login).await {
            Ok(group) => drop(out.insert(login, group.holders)),
            Err(e) if matches!(e.code(), Code::VerificationFailed | Code::IdentityNotFound) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(out)
}

/// The shortest path from an identity to each that can act for it, itself first.
fn ways_from(login: &str, holders: &BTreeMap<String, Vec<String>>) -> Vec<Vec<String>> {
    let mut ways = vec![vec![login.to_owned()]];
    let mut seen: HashSet<&str> = HashSet::from([login]);
    let mut at = 0;
    while let Some(way) = ways.get(at).cloned() {
        at += 1;
        let end = way.last().map(String::as_str).unwrap_or_default();
        for holder in holders.get(end).into_iter().flatten() {
            if seen.insert(holder) {
                let mut longer = way.clone();
                longer.push(holder.clone());
                ways.push(longer);
            }
        }
    }
    ways
}

/// Takes what a grant adds to what was taken before; says whether it added anything.
fn take(grant: &OpenGrant, wanted: &Wanted, versions: &mut HashSet<(Uuid, u32)>, out: &mut Vec<Given>) -> bool {
    let before = out.len();
    for (entry, key) in grant.record.grant.entries.iter().zip(grant.keys.each()) {
        if wanted.has(&entry.0) && !grant.record.cuts.contains(&entry.0) && versions.insert(entry.key()) {
            out.push(Given { entry: entry.clone(), key });
        }
    }
    out.len() > before
}

/// Which items are to be given.
enum Wanted {
    /// Whatever one's grants name.
    All,
    These(HashSet<Uuid>),
}

impl Wanted {
    fn has(&self, item: &Uuid) -> bool {
        match self {
            Self::All => true,
            Self::These(items) => items.contains(item),
        }
    }
}

/// How many items there are, whose versions stand together.
fn items_of(given: &[Given]) -> usize {
    given.chunk_by(|a, b| a.entry.0 == b.entry.0).count()
}
