//! Acting for others: the way through the sharing graph is asked of the relay, and opened hop by hop, each hop with the
//! keys of the one before. One private-key operation a hop, and none where the hop is open already.

use std::fmt;
use std::rc::Rc;

use super::Principal;
use crate::error::{Code, Error, Result};
use crate::keyring;
use crate::relay::{Hop, Link, Operation, Reply, Target, unexpected};
use crate::trust::State;

/// An identity that somebody acts for.
#[derive(Clone)]
pub struct Acting {
    /// Its keys and its login at the relay.
    pub principal: Rc<Principal>,
    /// How far its newest keys can be relied on.
    pub state: State,
}

impl fmt::Debug for Acting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acting({})", self.principal.login)
    }
}

/// How many identities that do not open a way may avoid. Each costs a question and at most one private-key operation.
const MAX_DETOURS: usize = 1024;

fn is_no_way(error: &Error) -> bool {
    matches!(error.code(), Code::Forbidden | Code::NoAccess)
}

/// The identities on a way, in order: the last is where it leads.
pub type Way = Vec<Acting>;

impl Principal {
    /// Opens the shortest way to an identity, or to the nearest one that holds an item. Anybody can have an identity of
    /// their own list others, and put themselves between: where a hop does not open, another way is asked for.
    ///
    /// Errors: [`Code::Forbidden`] if no way leads to the identity, [`Code::NoAccess`] if none leads to the item, or the
    /// slots on it are not for these keys.
    pub async fn way(&self, to: &Target) -> Result<Way> {
        self.current()?;
        let mut without: Vec<String> = Vec::new();
        let mut worst: Option<Error> = None;
        loop {
            let operation = Operation::Reach { to: to.clone(), without: without.clone() };
            let hops = match self.call(&operation).await {
                Ok(Reply::Way { hops }) => hops,
                Ok(_) => return Err(unexpected()),
                // There is no other: what was wrong with those that do not open is what the reader should know.
                Err(e) => return Err(worst.filter(|_| is_no_way(&e)).unwrap_or(e)),
            };
            let (failed, error) = match self.open_way(to, &hops).await? {
                Ok(way) => return Ok(way),
                Err(failed) => failed,
            };
            if matches!(to, Target::Login(login) if *login == failed) {
                return Err(error);
            }
            // A relay that shows what was not signed is worse than a slot for keys that one lost.
            if worst.as_ref().is_none_or(|w| w.code() == Code::NoAccess && error.code() != Code::NoAccess) {
                worst = Some(error);
            }
            if without.contains(&failed) || without.len() == MAX_DETOURS {
                return Err(worst.unwrap_or_else(unexpected));
            }
            without.push(failed);
        }
    }

    /// Opens a way that the relay showed beside something else. `None`: it does not open.
    pub async fn open_shown(&self, hops: &[Hop]) -> Result<Option<Rc<Principal>>> {
        let end = hops.last().map(|hop| Target::Login(hop.login.clone())).ok_or_else(unexpected)?;
        let mut way = self.open_way(&end, hops).await?.unwrap_or_default();
        Ok(way.pop().map(|acting| acting.principal))
    }

    /// Opens one way. Inside: the hop that does not open, and why.
    async fn open_way(&self, to: &Target, hops: &[Hop]) -> Result<Result<Way, (String, Error)>> {
        let logins: Vec<String> = hops.iter().map(|hop| hop.login.clone()).collect();
        if hops.is_empty() || matches!(to, Target::Login(login) if logins.last() != Some(login)) {
            return Err(unexpected());
        }
        let mut way: Way = Vec::with_capacity(hops.len());
        for hop in hops {
            let offered = self.shown(&hop.login, hop.keysets.iter().map(|own| own.keyset.clone()).collect()).await?;
            let newest = offered.newest()?.fingerprint();
            let known = self.circle.borrow().get(&hop.login).cloned();
            let known = known.filter(|a| a.current().is_ok_and(|key| key.fingerprint == newest));
            if let Some(known) = &known {
                known.set_trusted(offered.state.is_usable());
            }
            let principal = match known {
                Some(principal) => principal,
                None => {
                    let holder = way.last().map_or_else(|| self.keys(), |before| before.principal.keys());
                    match self.open_hop(hop, &offered.offer, &holder, offered.state).await {
                        Ok(principal) => principal,
                        Err(e) if matches!(e.code(), Code::NoAccess | Code::VerificationFailed) => {
                            return Ok(Err((hop.login.clone(), e)));
                        }
                        Err(e) => return Err(e),
                    }
                }
            };
            way.push(Acting { principal, state: offered.state });
        }
        Ok(Ok(way))
    }

    async fn open_hop(
        &self,
        hop: &Hop,
        offer: &[crate::wire::keyset::Keyset],
        holder: &[keyring::OwnKey],
        state: State,
    ) -> Result<Rc<Principal>> {
        hop.keysets.iter().try_for_each(|own| self.check_manifest(own))?;
        let keys = keyring::open_shared(&self.engine, &hop.keysets, holder).await?;
        let Some(newest) = keys.last() else {
            return Err(Error::new(
                Code::NoAccess,
                "what is shared with you here was sealed to keys that you lost: ask for access back",
            ));
        };
        // Locked while that was under way: nothing is opened behind the lock.
        self.current()?;
        let trusted = state.is_usable() && offer.last().is_some_and(|k| k.fingerprint() == newest.fingerprint);
        // Whoever acts for it already goes on with the newer keys.
        let known = self.circle.borrow().get(&hop.login).cloned();
        if let Some(known) = known {
            known.set_keys(keys, trusted, None);
            return Ok(known);
        }
        let principal = Rc::new(self.acting_for(&hop.login, keys, trusted));
        self.circle.borrow_mut().insert(hop.login.clone(), principal.clone());
        Ok(principal)
    }

    /// The identity that one acts for. Errors: [`Code::Forbidden`], [`Code::NoAccess`].
    pub async fn act_for(&self, login: &str) -> Result<Rc<Principal>> {
        let mut way = self.way(&Target::Login(login.to_owned())).await?;
        way.pop().map(|acting| acting.principal).ok_or_else(unexpected)
    }

    /// Identities that are open, whose keys are still their newest.
    pub fn circle(&self) -> Vec<Rc<Principal>> {
        self.circle.borrow().values().cloned().collect()
    }

    /// Closes an identity, or all that are open: the next use opens it anew.
    pub fn leave(&self, login: Option<&str>) {
        match login {
            Some(login) => drop(self.circle.borrow_mut().remove(login)),
            None => self.circle.borrow_mut().clear(),
        }
    }

    /// The identities that are shared with a login that one can act for.
    pub async fn access_group(&self, login: &str) -> Result<Vec<Link>> {
        match self.call(&Operation::Access { login: login.to_owned() }).await? {
            Reply::Access { links } => Ok(links),
            _ => Err(unexpected()),
        }
    }
}
