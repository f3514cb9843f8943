//! Tells those who wait that something changed: at this node at once, at others soon.
//!
//! On PostgreSQL a node tells the others by notifications, many at once and after the commits, never within one: that would
//! make all commits of the server wait for each other. A notification may be lost. So a node also looks by itself now and
//! then, and often where notifications do not arrive, or there are none: then the database is what nodes have in common.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use crate::hub::{Hub, Whom};
use crate::storage::{Database, StorageError};

/// How long what changed is gathered before others are told.
const GATHERED: Duration = Duration::from_millis(20);
/// The most logins in one notification: its text may have 8,000 bytes.
const TOLD: usize = 400;
/// How often a node looks by itself: where notifications arrive, and where they do not.
const SELDOM: Duration = Duration::from_secs(15);
const OFTEN: Duration = Duration::from_secs(1);
/// How long a notification may take at most.
const SELF_TEST: Duration = Duration::from_secs(2);
/// Logins that are looked for in one reading.
const LOOKED_FOR: usize = 32;
/// Others are told this instead of so many logins.
const LOOK: &str = "look";

/// Tells those who wait. Clones are the same.
#[derive(Clone, Debug)]
pub struct Announcer {
    hub: Hub,
    others: Option<mpsc::UnboundedSender<Whom>>,
}

impl Announcer {
    /// Begins to tell, and to hear what other nodes tell, as long as there is somebody who holds it.
    pub async fn begin(database: &Database, hub: Hub) -> Self {
        let (send, receive) = mpsc::unbounded_channel();
        let often = match listener(database).await {
            Some(listener) => {
                tokio::spawn(tell_others(database.clone(), receive));
                tokio::spawn(hear(listener, hub.clone()));
                return Self::looking(database, hub, SELDOM, Some(send));
            }
            None => OFTEN,
        };
        Self::looking(database, hub, often, None)
    }

    fn looking(database: &Database, hub: Hub, often: Duration, others: Option<mpsc::UnboundedSender<Whom>>) -> Self {
        tokio::spawn(look(database.clone(), hub.clone(), often));
        Self { hub, others }
    }

    /// Something changed for logins of a tenant.
    pub fn tell<'a>(&self, tenant: i64, logins: impl Iterator<Item = &'a String>) {
        for login in logins {
            let whom = Whom::of(tenant, login);
            self.hub.wake(whom);
            if let Some(others) = &self.others {
                // Who hears it went with the whole node.
                let _ = others.send(whom);
            }
        }
    }
}

/// Listens, if the database is one that tells, and does: behind some poolers nothing ever arrives.
async fn listener(database: &Database) -> Option<PgListener> {
    let pool = database.postgres()?;
    let listen = async {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(crate::storage::CHANNEL).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    let arrived = async {
        let mut listener = listen.await.ok()?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).ok()?;
        let test = format!("test {}", hex::encode(random));
        database.notify(&test).await.ok()?;
        let until = Instant::now() + SELF_TEST;
        loop {
            let heard = timeout_at(until, listener.recv()).await.ok()?.ok()?;
            if heard.payload() == test {
                return Some(listener);
            }
        }
    };
    let listener = arrived.await;
    if listener.is_none() {
        tracing::warn!("notifications of this PostgreSQL do not arrive: looking for changes every second instead");
    }
    listener
}

async fn tell_others(database: Database, mut changes: mpsc::UnboundedReceiver<Whom>) {
    let mut gathered = Vec::new();
    while changes.recv_many(&mut gathered, 10_000).await > 0 {
        sleep(GATHERED).await;
        while let Ok(more) = changes.try_recv() {
            gathered.push(more);
        }
        let whom: BTreeSet<u64> = gathered.drain(..).map(|whom| whom.0).collect();
        let text = match whom.len() {
            ..=TOLD => whom.iter().map(|whom| format!("{whom:016x}")).collect::<Vec<_>>().join(" "),
            _ => LOOK.to_owned(),
        };
        if database.notify(&text).await.is_err() {
            tracing::warn!("other nodes could not be told of changes: they look by themselves");
        }
    }
}

async fn hear(mut listener: PgListener, hub: Hub) {
    loop {
        match listener.try_recv().await {
            Ok(Some(heard)) => heard_of(heard.payload(), &hub),
            // The connection was lost, and is there again.
            Ok(None) => hub.wake_all(),
            Err(_) => sleep(OFTEN).await,
        }
    }
}

fn heard_of(text: &str, hub: &Hub) {
    if text == LOOK {
        return hub.wake_all();
    }
    for whom in text.split(' ').filter_map(|word| u64::from_str_radix(word, 16).ok()) {
        hub.wake(Whom(whom));
    }
}

/// Looks for what changed, of those who are waited for.
async fn look(database: Database, hub: Hub, often: Duration) {
    let mut ticks = interval(often);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = HashMap::new();
    loop {
        ticks.tick().await;
        let watched = hub.watched();
        seen.retain(|tenant, _| watched.contains_key(tenant));
        for (tenant, logins) in watched {
            // What is not read now is read the next time.
            if let Ok(head) = look_for(&database, &hub, tenant, &logins, seen.get(&tenant).copied()).await {
                seen.insert(tenant, head);
            }
        }
    }
}

async fn look_for(
    database: &Database,
    hub: &Hub,
    tenant: i64,
    logins: &[String],
    seen: Option<u64>,
) -> Result<u64, StorageError> {
    let head = database.head(tenant).await?;
    let Some(seen) = seen.filter(|seen| *seen != head) else { return Ok(head) };
    for logins in logins.chunks(LOOKED_FOR) {
        let changed = database.have_entries_after(tenant, logins, seen).await?;
        for (login, _) in logins.iter().zip(changed).filter(|(_, changed)| *changed) {
            hub.wake(Whom::of(tenant, login));
        }
    }
    Ok(head)
}
