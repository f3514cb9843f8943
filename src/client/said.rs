//! What a session's login says to its own devices: with whom future data is shared, names of items, and what is
//! remembered of others.

use uuid::Uuid;

use super::Session;
use crate::error::{Code, Error, Result};
use crate::keyring::{self, Secret};
use crate::relay::{Operation, OwnKeyset};

/// Whether an error says nothing of what the relay has: it is asked again another time.
pub(super) fn is_passing(error: &Error) -> bool {
    matches!(error.code(), Code::RelayUnavailable | Code::Unauthenticated | Code::Conflict)
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
        return Err(Error::bad_input("a name has 1 to 200 bytes of UTF-8 and no control characters"));
    }
    Ok(())
}

impl Session {
    /// Puts an item under a name of an identity's, or takes the name away.
    pub async fn set_named(&self, login: &str, name: &str, item: Option<Uuid>) -> Result<()> {
        check_name(name)?;
        let acting = self.acting(login).await?;
        let outcome = acting.set_name(name, item).await;
        self.keeping(outcome).await
    }

    /// The item under a name. `None`: there is none.
    /// Errors: [`Code::VerificationFailed`] if the relay withholds what would say so.
    pub async fn get_named(&self, login: &str, name: &str) -> Result<Option<Uuid>> {
        check_name(name)?;
        let acting = self.acting(login).await?;
        let outcome = acting.named(name).await;
        self.keeping(outcome).await
    }

    /// With whom all future data is shared. Errors: [`Code::VerificationFailed`] if the relay withholds it.
    pub async fn standing_shares(&self) -> Result<Vec<String>> {
        self.read_shares().await?;
        let outcome = self.me().shares();
        self.keeping(outcome).await
    }

    /// The same, as far as it is known: what is withheld is warned of.
    pub(super) async fn known_shares(&self) -> Result<Vec<String>> {
        self.read_shares().await?;
        Ok(self.me().known_shares())
    }

    async fn read_shares(&self) -> Result<()> {
        let me = self.ready().await?;
        self.delegation().hear(me).await?;
        if !self.delegation().take_said() && me.has_looked() {
            return Ok(());
        }
        // Keys that are not the newest say so first, and precisely.
        let read = match me.seal_for(&[]).await {
            Ok(_) => me.look().await,
            Err(e) => Err(e),
        };
        if read.is_err() {
            self.delegation().mark_said();
        }
        read
    }

    /// Shares all future data with some logins, or stops doing so. Twice is as once.
    pub async fn change_shares(&self, logins: &[String], starts: bool) -> Result<()> {
        let me = self.ready().await?;
        if starts {
            // They must be there, and usable.
            me.seal_for(logins).await?;
        } else {
            // Whoever is shared with may be gone meanwhile; anybody else is misspelt, or not there.
            let shared = self.known_shares().await?;
            me.resolve(&logins.iter().filter(|login| !shared.contains(login)).cloned().collect::<Vec<_>>()).await?;
        }
        let outcome = me.set_shares(logins, starts).await;
        self.keeping(outcome).await
    }

    // ---- for one's other devices ----

    /// Says what this device remembers, for others of one's own. Whatever was to be done is done: what fails here waits for
    /// the next change.
    pub(super) async fn publish(&self) {
        if self.parent.is_some() {
            return;
        }
        match self.me().publish().await {
            Ok(()) => self.me().note_kept(true),
            // There is no more room.
            Err(e) if e.code() == Code::BadInput => self.me().note_kept(false),
            Err(_) => {}
        }
    }

    /// Takes over what one's other devices said, and says what they do not know. That the relay cannot be asked now is no
    /// error: what was read before stays.
    pub(super) async fn learn(&self) -> Result<()> {
        if self.parent.is_some() {
            return Ok(());
        }
        match self.me().look_below().await {
            Ok(()) => {
                self.publish().await;
                Ok(())
            }
            Err(e) if is_passing(&e) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Has the secret vouch for the newest keys, once after they were renewed: a new device goes on from there. Not while
    /// anything speaks against them.
    pub(super) async fn vouch_anew(&self, secret: &Secret, all: &[OwnKeyset], opened_by: Option<Uuid>) -> Result<()> {
        let me = self.me();
        let speaks = me.warnings().iter().any(|warning| warning.logins.contains(&me.login));
        let Some(old) = opened_by.filter(|_| self.parent.is_none() && !speaks) else { return Ok(()) };
        let done = async {
            let (key, _) = me.seal_for(&[]).await?;
            let Some(own) = all.iter().find(|own| own.keyset.fingerprint() == key.fingerprint) else { return Ok(()) };
            let change = keyring::vouch_anew(&me.engine, me.relay.id(), own, &key, secret, old).await?;
            let manifest = change.manifest.clone();
            me.call(&Operation::ChangeSlots { change: Box::new(change) }).await?;
            me.saw_manifest(&manifest);
            Ok(())
        };
        match done.await {
            // It is done the next time.
            Err(e) if is_passing(&e) || e.code() == Code::IdentityChanged => Ok(()),
            other => other,
        }
    }
}
