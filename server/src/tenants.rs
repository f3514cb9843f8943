//! The applications that a server knows, remembered for a moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use regrant_relay::Settings;

use crate::storage::{Database, StorageError, Tenant};

/// How long is remembered what an operator may change.
const REMEMBERED: Duration = Duration::from_secs(5);
/// The most that are remembered.
const MOST: usize = 10_000;
/// The longest name, in bytes.
const LONGEST: usize = 256;

/// The applications that a server knows.
#[derive(Debug)]
pub struct Tenants {
    known: Mutex<HashMap<String, (Instant, Arc<Tenant>)>>,
    /// Whether each that is asked for becomes one.
    any: bool,
}

/// Whether something may be an application's name.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST && !name.chars().any(char::is_control)
}

impl Tenants {
    /// Those of the database; with `any`, each that is asked for, open to everybody.
    pub fn new(any: bool) -> Self {
        Self { known: Mutex::default(), any }
    }

    /// An application by its name.
    pub async fn get(&self, database: &Database, name: &str) -> Result<Option<Arc<Tenant>>, StorageError> {
        if let Some(known) = self.remembered(name) {
            return Ok(Some(known));
        }
        if !is_name(name) {
            return Ok(None);
        }
        let found = match database.tenant(name).await? {
            None if self.any => Some(database.add_tenant(name, &Settings::default()).await?),
            found => found,
        };
        let Some(tenant) = found.map(Arc::new) else { return Ok(None) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(name.to_owned(), (Instant::now(), tenant.clone()));
        Ok(Some(tenant))
    }

    fn remembered(&self, name: &str) -> Option<Arc<Tenant>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(since, _)| since.elapsed() < REMEMBERED).map(|(_, tenant)| tenant.clone())
    }
}
