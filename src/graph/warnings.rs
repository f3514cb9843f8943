//! Warnings: what can be seen and not prevented, shown for as long as it is so.

use std::collections::BTreeSet;

use super::Principal;

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WarningKind {
    /// Two things that cannot both be true were seen of somebody's keys.
    Fork,
    /// There are newer own keys than this session uses, or the relay's list of them is not the newest.
    OlderOwnKeys,
    /// The relay withholds what one's other devices remember of others.
    PinsWithheld,
    /// The relay withholds with whom one shares, or what one names.
    SharesWithheld,
    /// There is more to remember than is kept for other devices.
    PinsNotKept,
}

impl WarningKind {
    /// The name, as `session.warnings` gives it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::OlderOwnKeys => "older-own-keys",
            Self::PinsWithheld => "pins-withheld",
            Self::SharesWithheld => "shares-withheld",
            Self::PinsNotKept => "pins-not-kept",
        }
    }

    /// What it means, for a person.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Fork => {
                "the relay showed two rival versions of these keys, to this device or to another one of this login: nothing \
                 is encrypted to them until their verification code is compared, or one of them is accepted"
            }
            Self::OlderOwnKeys => {
                "there are newer keys of this login than the ones that this session uses, or the relay shows older ones than \
                 it has: if you renewed them, unlock() with the secret opens the newest; if you did not, somebody else may \
                 have these keys"
            }
            Self::PinsWithheld => {
                "the relay does not show all that other devices of this login know of contacts: whose code was compared \
                 there may look new here, and keys that were swapped may, too. Compare codes before you rely on them"
            }
            Self::SharesWithheld => {
                "the relay does not show all that was said under this name: with whom future data is shared, and what items \
                 are named, is known in part, and nothing is shared here by what is not known"
            }
            Self::PinsNotKept => {
                "this device remembers more of contacts than is kept for other devices of this login: a new device does not \
                 learn all of it"
            }
        }
    }
}

/// Something that the person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// Whom it concerns.
    pub logins: Vec<String>,
}

/// One warning of each kind.
fn by_kind<'a>(all: impl IntoIterator<Item = &'a (WarningKind, String)>) -> Vec<Warning> {
    let mut out: Vec<Warning> = Vec::new();
    for (kind, login) in all {
        match out.last_mut().filter(|warning| warning.kind == *kind) {
            Some(warning) => warning.logins.push(login.clone()),
            None => out.push(Warning { kind: *kind, logins: vec![login.clone()] }),
        }
    }
    out
}

impl Principal {
    fn to_warn_of(&self) -> BTreeSet<(WarningKind, String)> {
        let known = &self.known;
        let mut all: BTreeSet<_> =
            known.forked.borrow().iter().map(|login| (WarningKind::Fork, login.clone())).collect();
        let newest = known.offers.borrow().get(&self.login).and_then(|offer| offer.last()).map_or(0, |k| k.version);
        // Whoever acts for another identity opens its newest keys with their own.
        if !self.acting && self.keys.borrow().last().is_some_and(|key| key.keyset.version < newest) {
            all.insert((WarningKind::OlderOwnKeys, self.login.clone()));
        }
        all.extend(known.suspects.borrow().iter().map(|login| (WarningKind::OlderOwnKeys, login.clone())));
        for login in &*known.withheld.borrow() {
            if !self.acting && *login == self.login {
                all.insert((WarningKind::PinsWithheld, login.clone()));
            }
            all.insert((WarningKind::SharesWithheld, login.clone()));
        }
        if !self.acting && known.unkept.get() {
            all.insert((WarningKind::PinsNotKept, self.login.clone()));
        }
        all
    }

    /// What there is to warn of now.
    pub fn warnings(&self) -> Vec<Warning> {
        by_kind(&self.to_warn_of())
    }

    /// Whether there may be something to warn of that was not there when this was asked last.
    pub fn has_new_warnings(&self) -> bool {
        if !self.known.unwarned.replace(false) {
            return false;
        }
        let now = self.to_warn_of();
        let mut warned = self.known.warned.borrow_mut();
        // What is over is told anew, should it come again.
        warned.retain(|warning| now.contains(warning));
        !now.is_subset(&warned)
    }

    /// What there is to warn of that was not there when this was asked last.
    pub fn take_new_warnings(&self) -> Vec<Warning> {
        let now = self.to_warn_of();
        let before = self.known.warned.replace(now.clone());
        by_kind(now.difference(&before))
    }
}
