//! Under what names records are found, from what they say.

use regrant_protocol::error::Result;
use regrant_protocol::operations::{ExchangeRecord, GrantRecord};
use regrant_protocol::wire::revocation::Revocation;

use super::records::read;
use super::{exchanges, grants, log, revocations};

/// The names under which a record is found, for whoever writes one past the rules or checks a database. `record` gives
/// another record's JSON by its key. Errors: the record, or one that it is found by, cannot be read.
pub fn names_of(key: &str, json: &str, record: impl Fn(&str) -> Option<String>) -> Result<Vec<String>> {
    match key.split('/').next() {
        Some("exchange") => Ok(exchanges::index_names(&read::<ExchangeRecord>(json)?.exchange)),
        Some("grant") => {
            let grant: GrantRecord = read(json)?;
            let Some(exchange) = record(&log::exchange_key(grant.grant.exchange)) else { return Ok(Vec::new()) };
            Ok(grants::index_names(&grant, &read::<ExchangeRecord>(&exchange)?.exchange))
        }
        Some("revocation") => {
            let revocation: Revocation = read(json)?;
            Ok(revocations::index_names(&revocation, revocation.items.iter().map(|(item, _)| *item)))
        }
        _ => Ok(Vec::new()),
    }
}
