//! Who waits for changes: connections of clients, by the login that they are of.
//!
//! A login of a tenant is one number here, from a hash. Where two logins have the same, one is told to look once too often.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::watch;

/// A login of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Whom(pub u64);

impl Whom {
    /// A login of a tenant.
    pub fn of(tenant: i64, login: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(tenant.to_be_bytes());
        hash.update(login.as_bytes());
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

#[derive(Debug)]
struct Watched {
    tenant: i64,
    login: String,
    /// How many changes there were.
    sender: watch::Sender<u64>,
    /// Whether somebody began to wait since it was looked.
    new: bool,
}

/// Everybody who waits at this node. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Hub(Arc<Mutex<HashMap<Whom, Watched>>>);

/// A wait, until it is dropped.
#[derive(Debug)]
pub struct Subscription {
    hub: Hub,
    whom: Whom,
    changes: watch::Receiver<u64>,
    known: u64,
}

impl Subscription {
    /// Waits until something changed since it was asked last, or may have: then it gives `false`. Several changes may be
    /// one.
    pub async fn changed(&mut self) -> bool {
        // The sender is there as long as the subscription.
        let _ = self.changes.changed().await;
        let before = std::mem::replace(&mut self.known, *self.changes.borrow());
        self.known != before
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut all = self.hub.all();
        if all.get(&self.whom).is_some_and(|watched| watched.sender.receiver_count() <= 1) {
            all.remove(&self.whom);
        }
    }
}

impl Hub {
    fn all(&self) -> MutexGuard<'_, HashMap<Whom, Watched>> {
        // Nothing in here is left half done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to wait for changes of a login.
    pub fn subscribe(&self, tenant: i64, login: &str) -> Subscription {
        let whom = Whom::of(tenant, login);
        let new = || Watched { tenant, login: login.to_owned(), sender: watch::Sender::new(0), new: true };
        let mut all = self.all();
        let watched = all.entry(whom).or_insert_with(new);
        watched.new = true;
        let changes = watched.sender.subscribe();
        let known = *changes.borrow();
        drop(all);
        Subscription { hub: self.clone(), whom, changes, known }
    }

    /// Wakes those who wait for a login.
    pub fn wake(&self, whom: Whom) {
        if let Some(watched) = self.all().get(&whom) {
            watched.sender.send_modify(|changes| *changes += 1);
        }
    }

    /// Has everybody look: nobody knows what was missed.
    pub fn wake_all(&self) {
        for watched in self.all().values() {
            watched.sender.send_modify(|_| {});
        }
    }

    /// Who is waited for, by tenant. Has whoever began to wait since this was asked last look: what changed
    /// before is not known by then.
    pub fn watched(&self) -> HashMap<i64, Vec<String>> {
        let mut by_tenant: HashMap<i64, Vec<String>> = HashMap::new();
        for watched in self.all().values_mut() {
            if std::mem::take(&mut watched.new) {
                watched.sender.send_modify(|_| {});
            }
            by_tenant.entry(watched.tenant).or_default().push(watched.login.clone());
        }
        by_tenant
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.all().values().map(|watched| watched.sender.receiver_count()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_woken_and_nobody_is_kept_who_went() {
        let hub = Hub::default();
        let (mut one, mut two) = (hub.subscribe(1, "alice"), hub.subscribe(1, "alice"));
        let mut other = hub.subscribe(2, "alice");
        assert_eq!((hub.count(), hub.watched().len()), (3, 2));
        // Whoever just began looks once more, and then no more.
        assert!(!other.changed().await);
        assert_eq!(hub.watched().len(), 2);
        hub.wake(Whom::of(1, "alice"));
        assert!(one.changed().await && two.changed().await);
        assert!(futures_util::FutureExt::now_or_never(other.changed()).is_none());
        drop((one, other));
        assert_eq!(hub.count(), 1);
        drop(two);
        assert!(hub.watched().is_empty());
    }
}
