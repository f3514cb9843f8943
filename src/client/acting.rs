//! Acting for others: sessions for identities that a way leads to, and items that are reached through them.

use std::collections::BTreeSet;
use std::rc::Rc;

use uuid::Uuid;

use super::Session;
use super::session::Event;
use crate::delegation::{Delegation, News, SealOptions};
use crate::error::{Code, Result};
use crate::graph::Principal;
use crate::relay::{Subscription, Target, unexpected};

/// An identity that is acted for, and what is known of items as that identity.
#[derive(Clone, Debug)]
pub(super) struct Through {
    pub(super) principal: Rc<Principal>,
    pub(super) delegation: Rc<Delegation>,
    /// Hears of what concerns the identity, as the session does of its own login.
    _subscription: Rc<Subscription>,
}

impl Session {
    /// The principal, if the session goes on and its keys are open; of a session that acts for another, with that
    /// identity's newest keys.
    pub(super) async fn ready(&self) -> Result<&Principal> {
        self.open()?;
        if let Some(parent) = &self.parent {
            let target = Target::Login(self.login().to_owned());
            match Box::pin(parent.ready()).await?.way(&target).await {
                Ok(mut way) => {
                    let acting = way.pop().ok_or_else(unexpected)?;
                    let key = acting.principal.current()?;
                    if key.fingerprint != self.me().current()?.fingerprint {
                        self.me().set_keys(acting.principal.keys(), acting.principal.trusted(), None);
                        self.set_public_key(key.keyset);
                    }
                }
                Err(e) if matches!(e.code(), Code::Forbidden | Code::NoAccess | Code::IdentityNotFound) => {
                    // The way is gone: somebody was excluded.
                    self.end();
                    return Err(e);
                }
                Err(e) => return Err(e),
            }
        }
        Ok(self.me())
    }

    /// A session that acts for an identity that a way leads to.
    ///
    /// Errors: [`Code::Forbidden`] if none does, [`Code::NoAccess`] if its slots are not for these keys.
    pub async fn act_for(self: &Rc<Self>, login: &str) -> Result<Rc<Session>> {
        let me = self.ready().await?;
        let epoch = self.epoch();
        let outcome = me.act_for(login).await;
        let principal = self.keeping(outcome).await?;
        if let Err(e) = self.same_epoch(epoch) {
            // Locked meanwhile: what was opened goes, too.
            principal.drop_keys();
            return Err(e);
        }
        let keyset = principal.current()?.keyset;
        let delegation = self.delegation_of(&principal);
        let child = Session::over(self.setup().clone(), principal, delegation, keyset, Some(self.clone())).listening();
        let mut children = self.children.borrow_mut();
        children.retain(|c| c.strong_count() > 0);
        children.push(Rc::downgrade(&child));
        Ok(child)
    }

    /// Ends what acts for others in this session's place: their keys leave the memory.
    pub(super) fn close_others(&self) {
        for child in self.children.take().iter().filter_map(std::rc::Weak::upgrade) {
            child.end();
            child.me().drop_keys();
            child.delegation().forget();
        }
        for (_, through) in self.through.take() {
            through.delegation.forget();
            through.principal.drop_keys();
        }
        self.me().circle().iter().for_each(|principal| principal.drop_keys());
        self.me().leave(None);
    }

    /// What is known of items as an identity that is acted for.
    pub(super) fn delegation_of(&self, principal: &Rc<Principal>) -> Rc<Delegation> {
        let mut all = self.through.borrow_mut();
        let known = all.get(&principal.login).filter(|through| Rc::ptr_eq(&through.principal, principal));
        if let Some(through) = known {
            return through.delegation.clone();
        }
        let through = self.listening_to(principal);
        all.insert(principal.login.clone(), through.clone());
        through.delegation
    }

    fn listening_to(&self, principal: &Rc<Principal>) -> Through {
        let delegation: Rc<Delegation> = Rc::default();
        let (known, emit) = (Rc::downgrade(&delegation), self.emitter());
        let subscription = self.setup().relay.subscribe(&principal.login, move || {
            if let Some(known) = known.upgrade() {
                known.mark_stale();
                emit(Event::Changed);
            }
        });
        Through { principal: principal.clone(), delegation, _subscription: Rc::new(subscription) }
    }

    /// An identity that is open, by which a version of an item can be read as far as is known.
    pub(super) fn known_through(&self, item: Uuid, version: u32) -> Option<Through> {
        let now = self.me().now();
        let holds = |through: &&Through| {
            let known = &through.delegation;
            !known.is_stale() && known.basis_of(item, version, now).is_some() && through.principal.current().is_ok()
        };
        self.through.borrow().values().find(holds).cloned()
    }

    /// Opens the ways to what the relay just said is reached through others, and takes what it said of that.
    pub(super) async fn open_reached(&self) -> Result<Vec<Through>> {
        let _turn = self.opening.lock().await;
        let me = self.me();
        let mut opened = Vec::new();
        for reached in self.delegation().take_reached() {
            let grantors = reached.exchanges.iter().map(|record| record.exchange.delegator.clone());
            let unknown: BTreeSet<String> = grantors.filter(|login| me.known_offer(login).is_none()).collect();
            me.meet(&unknown.into_iter().collect::<Vec<_>>()).await?;
            let Some(principal) = me.open_shown(&reached.hops).await? else { continue };
            let delegation = self.delegation_of(&principal);
            delegation.take_shown(&principal, reached.head, reached.grants, reached.exchanges);
            opened.extend(self.through.borrow().get(&principal.login).cloned());
        }
        Ok(opened)
    }

    /// The nearest identity by which an item can be read. `None`: there is none.
    pub(super) async fn through(&self, item: Uuid) -> Result<Option<Through>> {
        let shown = self.open_reached().await?;
        if let Some(through) = shown.into_iter().find(|through| through.delegation.knows(item)) {
            return Ok(Some(through));
        }
        let me = self.me();
        let known: Vec<Through> =
            self.through.borrow().values().filter(|t| t.delegation.knows(item)).cloned().collect();
        for through in known {
            // Whether it still may be acted for is asked anew: nothing negative or positive is taken for granted.
            match me.act_for(&through.principal.login).await {
                Ok(principal) => return Ok(Some(self.fresh(&principal))),
                Err(e) if matches!(e.code(), Code::Forbidden | Code::NoAccess | Code::IdentityNotFound) => {
                    self.through.borrow_mut().remove(&through.principal.login);
                    me.leave(Some(&through.principal.login));
                }
                Err(e) => return Err(e),
            }
        }
        match me.way(&Target::Item(item)).await {
            Ok(way) => Ok(way.last().map(|acting| self.fresh(&acting.principal))),
            Err(e) if e.code() == Code::NoAccess => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn fresh(&self, principal: &Rc<Principal>) -> Through {
        self.delegation_of(principal).mark_stale();
        let known = self.through.borrow().get(&principal.login).cloned();
        known.unwrap_or_else(|| self.listening_to(principal))
    }

    /// What came of changes to identities that are acted for, and are open.
    pub(super) async fn news_of_others(&self) -> Result<News> {
        let mut all = News::default();
        let open: Vec<Through> = self.through.borrow().values().cloned().collect();
        for other in open {
            let news = self.news_of(&other).await?;
            all.granted |= news.granted;
            all.asked |= news.asked;
        }
        Ok(all)
    }

    /// Goes on acting for those whom one acted for, if one still may, and reads what came to them.
    pub(super) async fn hear_of_others(&self, acted: impl Iterator<Item = Through>) -> Result<()> {
        let me = self.ready().await?;
        let epoch = self.epoch();
        for Through { principal, delegation, _subscription } in acted {
            let now = match me.act_for(&principal.login).await {
                // With other keys it is opened anew when it is next needed, as is what one may not act for now.
                Ok(now) if now.current_fingerprint() == principal.current_fingerprint() => now,
                Ok(_) => continue,
                Err(e) if matches!(e.code(), Code::RelayUnavailable | Code::Unauthenticated) => return Err(e),
                Err(_) => continue,
            };
            if let Err(e) = self.same_epoch(epoch) {
                // Locked meanwhile: what was opened goes, too.
                now.drop_keys();
                return Err(e);
            }
            delegation.mark_stale();
            let through = Through { principal: now, delegation, _subscription };
            self.through.borrow_mut().insert(principal.login.clone(), through.clone());
            self.delegation().add_news(self.news_of(&through).await?);
        }
        Ok(())
    }

    /// What came to an identity that is acted for; sessions that act for it hear of it.
    async fn news_of(&self, other: &Through) -> Result<News> {
        match other.delegation.hear(&other.principal).await {
            Ok(()) => {}
            // Whether it still may be acted for shows when it is next used.
            Err(e) if matches!(e.code(), Code::Locked | Code::Forbidden | Code::Unauthenticated) => {}
            Err(e) => return Err(e),
        }
        let news = other.delegation.take_news();
        let children = self.children.borrow().clone();
        let same = |child: &Rc<Session>| std::ptr::eq(child.delegation(), &*other.delegation);
        for child in children.iter().filter_map(std::rc::Weak::upgrade).filter(same) {
            news.granted.then(|| child.emit(Event::Granted));
            news.asked.then(|| child.emit(Event::Access));
        }
        Ok(news)
    }

    /// Gives access to items that are held through identities that one acts for, as these. `None`: some are not.
    pub(super) async fn give_through(
        &self,
        items: &[Uuid],
        logins: &[String],
        until: Option<u64>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<Option<usize>> {
        let mut all: Vec<(Option<Through>, Vec<Uuid>)> = Vec::new();
        for item in items {
            // What one holds oneself, one gives oneself.
            let through = if self.delegation().knows(*item) { None } else { self.through(*item).await? };
            if through.is_none() && !self.delegation().knows(*item) {
                return Ok(None);
            }
            let login = |t: &Option<Through>| t.as_ref().map(|t| t.principal.login.clone());
            match all.iter_mut().find(|(known, _)| login(known) == login(&through)) {
                Some((_, items)) => items.push(*item),
                None => all.push((through, vec![*item])),
            }
        }
        let mut given = 0;
        for (through, items) in all {
            let report = |done| progress(given + done);
            given += match &through {
                Some(t) => t.delegation.give(&t.principal, Some(&items), logins, until, &report).await?,
                None => self.delegation().give(self.me(), Some(&items), logins, until, &report).await?,
            };
        }
        Ok(Some(given))
    }

    /// The options of sealing, with whom all future data is shared.
    pub(super) async fn with_shares(&self, options: &SealOptions) -> Result<SealOptions> {
        let mut options = options.clone();
        for login in self.known_shares().await? {
            if !options.share_with.contains(&login) {
                options.share_with.push(login);
            }
        }
        Ok(options)
    }
}
