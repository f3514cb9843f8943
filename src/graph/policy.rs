//! The application's own say in whose keys are relied on, and telling the page what became of keys.

use std::fmt;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::Principal;
use crate::error::Result;
use crate::trust::{self, Relied, State};
use crate::wire::keyset::Keyset;

/// What an application is asked: may these keys be relied on?
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose keys.
    pub login: String,
    /// Every keyset that is offered, from version 1, checked.
    pub offer: Rc<Vec<Keyset>>,
    /// What was relied on so far; absent: nothing was seen before.
    pub relied: Option<Relied>,
    /// What would be decided without asking.
    pub state: State,
    /// Whether signatures lead from what was relied on to what is offered.
    pub chained: bool,
}

/// Decides in the application's place: `true` trusts, `false` refuses.
type Decide = dyn Fn(Question) -> LocalBoxFuture<'static, Result<bool>>;

/// The application's own policy.
#[derive(Clone)]
pub struct Policy(Rc<Decide>);

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Policy")
    }
}

impl Policy {
    /// A policy that asks.
    pub fn new(decide: impl Fn(Question) -> LocalBoxFuture<'static, Result<bool>> + 'static) -> Self {
        Self(Rc::new(decide))
    }
}

/// What became of somebody's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustNews {
    /// Whose.
    pub login: String,
    /// How far they can be relied on now.
    pub state: State,
}

impl Principal {
    /// Has the application decide whose keys are relied on.
    pub fn set_policy(&self, policy: Option<Policy>) {
        *self.known.policy.borrow_mut() = policy;
    }

    /// Whether the application refuses what is offered. What it trusts against what was relied on is relied on,
    /// unverified.
    pub(super) async fn refused_by_policy(&self, login: &str, offer: &Rc<Vec<Keyset>>) -> Result<bool> {
        let Some(policy) = self.known.policy.borrow().clone() else { return Ok(false) };
        let Some(newest) = offer.last() else { return Ok(false) };
        let fingerprint = newest.fingerprint();
        if login == self.login && !self.acting {
            return Ok(false);
        }
        let decided = self.known.decided.borrow().get(login).copied();
        if let Some((_, trusted)) = decided.filter(|(about, _)| *about == fingerprint) {
            return Ok(!trusted);
        }
        let before = self.trust(login);
        let mut after = before.clone();
        let state = after.judge(offer);
        if state.is_usable() && before == after {
            return Ok(false);
        }
        let relied = before.relied_last();
        let chained = relied.is_none_or(|relied| trust::is_chained(offer, relied.version)) && state.is_usable();
        let question = Question { login: login.to_owned(), offer: offer.clone(), relied, state, chained };
        let trusted = (policy.0)(question).await?;
        if trusted && !state.is_usable() {
            self.rely_on(newest, false)?;
        }
        if !trusted {
            self.keep_candidates(login, offer, None);
            self.tell(login, State::Changed);
        }
        self.known.decided.borrow_mut().insert(login.to_owned(), (fingerprint, trusted));
        Ok(!trusted)
    }

    /// Notes how far keys can be relied on, if that is news.
    pub(super) fn tell(&self, login: &str, state: State) {
        if login == self.login && !self.acting {
            return;
        }
        let before = self.known.states.borrow_mut().insert(login.to_owned(), state);
        let was_usable = before.is_none_or(State::is_usable);
        if before != Some(state) && (!state.is_usable() || !was_usable) {
            self.known.news.borrow_mut().push(TrustNews { login: login.to_owned(), state });
        }
    }

    /// What became of keys since this was asked last.
    pub fn take_trust_news(&self) -> Vec<TrustNews> {
        self.known.news.take()
    }

    /// Whether there is such news.
    pub fn has_trust_news(&self) -> bool {
        !self.known.news.borrow().is_empty()
    }
}
