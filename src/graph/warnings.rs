//! Warnings: what can be seen and not prevented, shown for as long as it is so.

use std::collections::BTreeSet;

use super::Principal;
use crate::trust::Trust;

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// Two things that cannot both be true were seen of somebody's keys.
    Fork,
}

impl WarningKind {
    /// The name, as `session.warnings` gives it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fork => "fork",
        }
    }

    /// What it means, for a person.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Fork => {
                "the relay showed two rival versions of these keys, to this device or to another one of this login: nothing \
                 is encrypted to them until their verification code is compared, or one of them is accepted"
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

fn about(forks: impl IntoIterator<Item = String>) -> Vec<Warning> {
    let logins: Vec<String> = forks.into_iter().collect();
    if logins.is_empty() { Vec::new() } else { vec![Warning { kind: WarningKind::Fork, logins }] }
}

impl Principal {
    fn forks(&self) -> BTreeSet<String> {
        let memory = self.known.memory.borrow();
        memory.trust.iter().filter(|(_, trust)| Trust::is_forked(trust)).map(|(login, _)| login.clone()).collect()
    }

    /// What there is to warn of now.
    pub fn warnings(&self) -> Vec<Warning> {
        about(self.forks())
    }

    /// Whether there may be something to warn of that was not there when this was asked last.
    pub fn has_new_warnings(&self) -> bool {
        self.known.unwarned.replace(false) && !self.forks().is_subset(&self.known.warned.borrow())
    }

    /// What there is to warn of that was not there when this was asked last.
    pub fn take_new_warnings(&self) -> Vec<Warning> {
        let now = self.forks();
        let before = self.known.warned.replace(now.clone());
        about(now.difference(&before).cloned())
    }
}
