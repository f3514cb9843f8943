//! Statements: saying something under one's name with a counter, and believing what others said.

use super::memory::place_of;
use super::{Offered, Principal};
use crate::encoding::Fixed;
use crate::error::{Code, Error, Result};
use crate::keyring::OwnKey;
use crate::relay::{Operation, Reply, unexpected};
use crate::trust::is_chained;
use crate::wire::Extra;
use crate::wire::keyset::Keyset;
use crate::wire::statement::{PROFILE, Profile, Statement};

/// What somebody said, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T> {
    /// What was said.
    pub body: T,
    /// The counter.
    pub counter: u64,
    /// The keyset that signed.
    pub fingerprint: crate::encoding::Hash,
}

/// Signs a statement.
pub async fn make(me: &Principal, key: &OwnKey, subject: &str, counter: u64, body: String) -> Result<Statement> {
    let mut statement = Statement {
        login: key.keyset.login.clone(),
        subject: subject.to_owned(),
        counter,
        fingerprint: key.fingerprint,
        body,
        created: me.now(),
        signature: Fixed([0; 64]),
        extra: Extra::default(),
    };
    statement.check_form()?;
    statement.signature = key.sign(&me.engine, &statement.transcript()).await?;
    Ok(statement)
}

impl Principal {
    /// One's own profile.
    pub(super) async fn own_profile(&self) -> Result<Option<Said<Profile>>> {
        let operation = Operation::Profile { login: self.login.clone() };
        let Reply::Profile { profile } = self.call(&operation).await? else { return Err(unexpected()) };
        let offered = self.resolve(std::slice::from_ref(&self.login)).await?.remove(0);
        self.believe(&self.login, profile.as_deref(), &offered)
    }

    /// The profile of an identity, if its own keys signed it.
    /// Errors: [`Code::VerificationFailed`] for what its keys did not sign, or what is older than what was seen before.
    pub fn believe(
        &self,
        login: &str,
        profile: Option<&Statement>,
        offered: &Offered,
    ) -> Result<Option<Said<Profile>>> {
        let Some(statement) = self.believed(login, PROFILE, profile, offered)? else { return Ok(None) };
        // A payload comes back exactly as it was written, which only serde_json itself can do.
        let body = serde_json::from_str(&statement.body)
            .map_err(|_| Error::bad_input("what was said is not what this subject holds"))?;
        Ok(Some(Said { body, counter: statement.counter, fingerprint: statement.fingerprint }))
    }

    /// A statement, if it may be believed.
    fn believed<'a>(
        &self,
        login: &str,
        subject: &str,
        statement: Option<&'a Statement>,
        offered: &Offered,
    ) -> Result<Option<&'a Statement>> {
        let refused = |message| Error::about(Code::VerificationFailed, message, vec![login.to_owned()]);
        let Some(statement) = statement else {
            let about = about(login, subject);
            if self.known.memory.borrow().statements.contains_key(&about) && !self.is_new_holder(login, &about, offered)
            {
                return Err(refused("the relay no longer shows what was said under this name"));
            }
            return Ok(None);
        };
        let keyset = offered.offer.iter().find(|k| k.fingerprint() == statement.fingerprint);
        // What a relay lists is not what one relies on: of oneself, only keys that are open here speak; of others, keys
        // that may be relied on now, or were.
        let believed = match login == self.login {
            true => self.own(&statement.fingerprint).is_some(),
            false => {
                let memory = self.known.memory.borrow();
                let reads = |k: &Keyset| memory.trust.get(login).is_some_and(|t| t.reads(&offered.offer, k).is_some());
                offered.state.is_usable() || keyset.is_some_and(reads)
            }
        };
        if !believed && login != self.login {
            return Ok(None);
        }
        let genuine = statement.login == login
            && statement.subject == subject
            && keyset.is_some_and(|k| statement.check(&k.signing_key).is_ok());
        let Some(keyset) = keyset.filter(|_| genuine) else {
            return Err(refused("what the relay shows was not said under this name"));
        };
        if !believed {
            let current = self.current()?.keyset.version;
            if keyset.version > current && is_chained(&offered.offer, current) {
                let message = "these keys were renewed elsewhere: unlock() with the secret opens the newest";
                return Err(Error::new(Code::Locked, message));
            }
            // Said by keys that are not open here, before a loss for example: nobody knows who else has them. It counts
            // for nothing, unless it is shown in place of what these keys said.
            let seen = self.known.memory.borrow().statements.get(&about(login, subject)).copied();
            if seen.is_some_and(|seen| seen.1 != statement.hash() && seen.2 > keyset.version) {
                return Err(refused("the relay no longer shows what was said under this name"));
            }
            return Ok(None);
        }
        // Keys that newer ones replaced say nothing new: whoever else holds them may have been excluded since.
        let newest = offered.offer.last().map_or(0, |k| k.version);
        let seen = self.known.memory.borrow().statements.get(&about(login, subject)).copied();
        if keyset.version < newest && seen.is_some_and(|seen| seen.1 != statement.hash()) {
            return Err(refused("keys that were replaced since say something new under this name"));
        }
        self.note_statement(statement, keyset.version)?;
        Ok(Some(statement))
    }

    /// Whether a login was begun anew after what was seen: what its last holder said is gone rightly.
    fn is_new_holder(&self, login: &str, about: &str, offered: &Offered) -> bool {
        let memory = self.known.memory.borrow();
        let version = memory.statements.get(about).map_or(0, |seen| seen.2);
        let later = offered.offer.iter().any(|k| k.version > version && k.chain_signature.is_none());
        later && offered.offer.last().is_some_and(|k| k.login == login)
    }

    /// The counter of what is said next. One above the highest is refused where the statement is made: newer keys begin
    /// anew then.
    pub fn counter_after(&self, subject: &str) -> u64 {
        let Some(seen) = self.known.memory.borrow().statements.get(&about(&self.login, subject)).copied() else {
            return 1;
        };
        let newer = self.keys.borrow().last().is_some_and(|key| key.keyset.version > seen.2);
        if newer { 1 } else { seen.0.saturating_add(1) }
    }

    /// Notes a statement that was made or seen. Errors: [`Code::VerificationFailed`] for a rollback or a fork.
    pub fn note_statement(&self, statement: &Statement, version: u64) -> Result<()> {
        let refused = |message| Err(Error::about(Code::VerificationFailed, message, vec![statement.login.clone()]));
        let now = (statement.counter, statement.hash(), version);
        let mut memory = self.known.memory.borrow_mut();
        let seen = memory.statements.entry(about(&statement.login, &statement.subject)).or_insert(now);
        // Newer keys begin anew: the version comes first.
        if (now.2, now.0) < (seen.2, seen.0) {
            return refused("the relay shows something older than it did before");
        }
        if now.0 == seen.0 && now.1 != seen.1 && now.2 == seen.2 {
            return refused("the relay shows two statements with one number");
        }
        if now != *seen {
            *seen = now;
            self.known.touch(place_of(&about(&statement.login, &statement.subject)));
        }
        Ok(())
    }
}

pub(super) fn about(login: &str, subject: &str) -> String {
    format!("{login}/{subject}")
}
