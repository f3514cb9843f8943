//! A session's dealings with others: notifications, identities, trust.

use uuid::Uuid;

use super::Session;
use crate::encoding::Hash;
use crate::error::{Code, Error, Result};
use crate::graph::{Offered, Warning};
use crate::recovery::notify::{self, Notice};
use crate::trust::{self, State};
use crate::wire::keyset::Keyset;
use crate::wire::notification::Status;

impl Session {
    // ---- notifications ----

    /// Pending notifications created at or after a time.
    pub async fn pending_after(&self, after: u64, kind: Option<&str>) -> Result<Vec<Notice>> {
        let outcome = notify::pending_after(self.open()?, after, kind).await;
        self.keeping(outcome).await
    }

    /// One notification.
    pub async fn notification(&self, id: Uuid) -> Result<Notice> {
        let outcome = notify::get(self.open()?, id).await;
        self.keeping(outcome).await
    }

    /// Moves a notification's status.
    pub async fn set_notification_status(&self, id: Uuid, status: Status) -> Result<()> {
        notify::set_status(self.open()?, id, status).await
    }

    // ---- identities and trust ----

    /// The keysets of identities, from version 1, each with its standing.
    pub async fn identities(&self, logins: &[String]) -> Result<Vec<Offered>> {
        self.alive()?;
        let outcome = self.me().resolve(logins).await;
        let known = self.keeping(outcome).await?;
        // Whoever asks for somebody's keys means to rely on them.
        self.publish_now().await;
        Ok(known)
    }

    /// What there is to warn of now.
    pub fn warnings(&self) -> Vec<Warning> {
        self.me().warnings()
    }

    /// What there is to warn of that was not there when this was asked last.
    pub fn new_warnings(&self) -> Vec<Warning> {
        self.me().take_new_warnings()
    }

    /// How far an identity's newest key can be relied on.
    pub async fn trust_state(&self, login: &str) -> Result<State> {
        Ok(self.identities(&[login.to_owned()]).await?.remove(0).state)
    }

    /// The keyset whose code is to be compared: the newest that the relay offers; of oneself, this session's.
    ///
    /// Not while the keys are locked: until they are opened, one's own are whatever the store says, which others may be
    /// able to write to, and what was verified of others cannot be read.
    async fn to_compare(&self, login: &str) -> Result<Keyset> {
        self.open()?;
        if login == self.me().login {
            if !self.me().trusted() {
                // Whoever compared this code would give access back to keys that may be the relay's.
                let message = "these keys were not vouched for by someone who knows the secret";
                return Err(Error::about(Code::IdentityChanged, message, vec![login.to_owned()]));
            }
            return Ok(self.public_key());
        }
        self.identities(&[login.to_owned()]).await?.remove(0).newest().cloned()
    }

    /// The verification code of an identity's newest key.
    pub async fn verification_code(&self, login: &str) -> Result<String> {
        Ok(trust::verification_code(&self.to_compare(login).await?.fingerprint(), login))
    }

    /// The same, for a QR code.
    pub async fn qr_payload(&self, login: &str) -> Result<String> {
        Ok(trust::qr_payload(&self.to_compare(login).await?.fingerprint(), login))
    }

    /// Compares a code; a match makes the newest key verified. Errors: [`Code::VerificationFailed`].
    pub async fn verify(&self, login: &str, code: &str) -> Result<()> {
        let keyset = self.to_compare(login).await?;
        trust::compare(code, &keyset.fingerprint(), login, "the verification code does not match this key")?;
        self.me().rely_on(&keyset, true)?;
        self.keep_decision().await
    }

    /// Keysets that the relay offers in place of what is relied on.
    pub async fn candidates(&self, login: &str) -> Result<Vec<Keyset>> {
        let known = self.identities(&[login.to_owned()]).await?.remove(0);
        if known.state.is_usable() {
            return Ok(Vec::new());
        }
        Ok(self.me().candidates(login))
    }

    /// Relies on a candidate without comparing its code: it is *unverified* from then on.
    pub async fn accept(&self, login: &str, fingerprint: &Hash) -> Result<()> {
        let known = self.identities(&[login.to_owned()]).await?.remove(0);
        let offered = known.newest()?;
        let mut all = self.me().candidates(login);
        all.push(offered.clone());
        let Some(chosen) = all.iter().rev().find(|k| k.fingerprint() == *fingerprint) else {
            return Err(Error::new(
                Code::VerificationFailed,
                "this is not a key that is offered: see trust.candidates()",
            ));
        };
        self.me().rely_on(chosen, false)?;
        self.keep_decision().await
    }

    /// Stores what a person decided, and has one's other devices know.
    async fn keep_decision(&self) -> Result<()> {
        self.keeping(Ok(())).await?;
        self.publish_now().await;
        Ok(())
    }
}
