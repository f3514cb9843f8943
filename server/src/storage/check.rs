//! Whether a tenant's records are as the rules write them: each can be read, is found under the names that follow from what
//! it says, and bears a number that was given; and nothing is found that is not there.

use std::collections::{BTreeSet, HashMap};

use regrant_relay::{Ask, names_of};

use super::connection::Value;
use super::read::FoundRow;
use super::sql;
use super::{Database, Found, StorageError, Tenant};

/// So many records are looked at together.
const PAGE: usize = 1_000;

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// How many records there are.
    pub records: usize,
    /// What is not as it should be.
    pub wrong: Vec<String>,
}

impl Database {
    /// Checks a tenant's records. What is written meanwhile may be told of as wrong: nobody should write.
    pub async fn check(&self, tenant: &Tenant) -> Result<Checked, StorageError> {
        let mut checked = Checked::default();
        let last = self.head(tenant.id).await?;
        let mut after = String::new();
        loop {
            let ask = Ask::List { prefix: String::new(), after: after.clone(), limit: PAGE };
            let Some(Found::Rows(rows)) = self.read(tenant.id, &[ask]).await?.pop() else { break };
            let Some(row) = rows.last() else { break };
            after.clone_from(&row.key);
            checked.records += rows.len();
            self.check_page(tenant.id, &rows, last, &mut checked.wrong).await?;
        }
        let lost = self.fetch(sql::LOST_NAMES, &[Value::Number(tenant.id)]).await?;
        for row in lost {
            checked.wrong.push(format!("{}: there is no such record, and a name of it", row.text(0)?));
        }
        Ok(checked)
    }

    async fn check_page(
        &self,
        tenant: i64,
        rows: &[FoundRow],
        last: u64,
        wrong: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
        let mut found: HashMap<String, BTreeSet<String>> = HashMap::new();
        for row in self.fetch(&self.dialect().names_of(), &[Value::Number(tenant), Value::Texts(&keys)]).await? {
            found.entry(row.text(1)?).or_default().insert(row.text(0)?);
        }
        let exchanges = self.exchanges_of(tenant, rows).await?;
        for row in rows {
            let names = names_of(&row.key, &row.value, |key| exchanges.get(key).cloned());
            let there = found.remove(&row.key).unwrap_or_default();
            let why = match names {
                Err(_) => Some("it cannot be read"),
                _ if serde_json::from_str::<serde::de::IgnoredAny>(&row.value).is_err() => Some("it is no JSON"),
                _ if row.rev > last => Some("its number was never given"),
                // What has no names by what it says may have others.
                Ok(names) if !names.is_empty() && there != names.iter().cloned().collect() => {
                    Some("its names are others")
                }
                Ok(_) => None,
            };
            wrong.extend(why.map(|why| format!("{}: {why}", row.key)));
        }
        Ok(())
    }

    /// The exchange records that grants are under.
    async fn exchanges_of(&self, tenant: i64, rows: &[FoundRow]) -> Result<HashMap<String, String>, StorageError> {
        let grants = rows.iter().filter(|row| row.key.starts_with("grant/"));
        let exchange = |row: &FoundRow| {
            let grant: serde_json::Value = serde_json::from_str(&row.value).ok()?;
            Some(format!("exchange/{}", grant["grant"]["exchange"].as_str()?))
        };
        let keys: BTreeSet<String> = grants.filter_map(exchange).collect();
        let asks: Vec<Ask> = keys.iter().cloned().map(Ask::Record).collect();
        let found = self.read(tenant, &asks).await?;
        let record = |(key, found)| match found {
            Found::Record(Some((_, value))) => Some((key, value)),
            _ => None,
        };
        Ok(keys.into_iter().zip(found).filter_map(record).collect())
    }
}
