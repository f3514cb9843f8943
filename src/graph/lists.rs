//! Lists of sharers, as such: how one is to change, who manages it, and who reaches whom by several of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Code, Error, Result};
use crate::keyring::Secret;

/// How a sharing group is to change.
#[derive(Clone, Copy, Debug)]
pub enum ListChange<'a> {
    /// To these; `expected`: only if these are in it now.
    To {
        /// Who is to be in it.
        logins: &'a [String],
        /// Who the caller believes is.
        expected: Option<&'a [String]>,
    },
    /// Without these, whoever else is in it.
    Without(&'a [String]),
}

impl<'a> ListChange<'a> {
    /// To these, whoever is in it now.
    pub fn to(logins: &'a [String]) -> Self {
        Self::To { logins, expected: None }
    }

    /// The group afterwards. Errors: [`Code::Conflict`] if it is not the expected one now.
    pub(super) fn applied(self, login: &str, listed: &BTreeSet<String>) -> Result<BTreeSet<String>> {
        let all = |logins: &[String]| distinct(logins, login).into_iter().collect::<BTreeSet<String>>();
        match self {
            Self::Without(logins) => Ok(listed.difference(&all(logins)).cloned().collect()),
            Self::To { expected: Some(expected), .. } if all(expected) != *listed => {
                let message = "this sharing group is not the expected one: read it, and decide again";
                Err(Error::about(Code::Conflict, message, vec![login.to_owned()]))
            }
            Self::To { logins, .. } => Ok(all(logins)),
        }
    }
}

/// An identity that only seems to be below another: it does not open from there, or its list is nobody's word. Anybody
/// can have their own identity list others; that must not keep them from excluding somebody.
pub(super) fn passed_over<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Err(e)
            if matches!(
                e.code(),
                Code::NoAccess
                    | Code::Forbidden
                    | Code::VerificationFailed
                    | Code::IdentityNotFound
                    | Code::IdentityChanged
            ) =>
        {
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// The managers of an identity that is to be made: sharers, because they need its keys, too.
pub(super) fn managing(managers: &[String], sharers: &[String], secret: Option<&Secret>) -> Result<Vec<String>> {
    if secret.is_some() {
        return Err(Error::bad_input(
            "an identity with managers is opened through its sharing group, and by no secret",
        ));
    }
    let managers = distinct(managers, "");
    if managers.is_empty() || managers.iter().any(|login| !sharers.contains(login)) {
        return Err(Error::bad_input("managers are one or more of the sharing group"));
    }
    Ok(managers)
}

/// Logins without repetitions, and without one.
pub(super) fn distinct(logins: &[String], without: &str) -> Vec<String> {
    let all: BTreeSet<String> = logins.iter().filter(|login| *login != without).cloned().collect();
    all.into_iter().collect()
}

/// Whether somebody can act for an identity, by the edges that are known.
pub(super) fn reaches(who: &str, owner: &str, holders: &BTreeMap<String, BTreeSet<String>>) -> bool {
    if who == owner {
        return true;
    }
    let mut seen: BTreeSet<&str> = BTreeSet::from([owner]);
    let mut next = vec![owner];
    while let Some(login) = next.pop() {
        for holder in holders.get(login).into_iter().flatten() {
            if holder == who {
                return true;
            }
            if seen.insert(holder) {
                next.push(holder);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
        edges.iter().map(|(o, h)| ((*o).to_owned(), h.iter().map(|h| (*h).to_owned()).collect())).collect()
    }

    #[test]
    fn who_is_shared_with_directly_or_through_others_reaches_and_cycles_end() {
        let all =
            graph(&[("ward", &["bob"]), ("files", &["ward", "carol"]), ("loop", &["loop2"]), ("loop2", &["loop"])]);
        assert!(reaches("bob", "files", &all));
        assert!(reaches("carol", "files", &all));
        assert!(!reaches("dave", "files", &all));
        assert!(!reaches("dave", "loop", &all));
        assert!(reaches("loop", "loop", &all), "everybody acts for themselves");
    }
}
