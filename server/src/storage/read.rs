//! Answers what the rules ask: whatever one step asks, in as few statements as there are kinds of questions.

use std::collections::HashMap;

use regrant_relay::{Answer, Ask, Row as ListRow, Stored};
use uuid::Uuid;

use super::connection::{Row, Transaction, Value};
use super::sql::{self, LIST_PARAMETERS, List, Rows};
use super::{Database, StorageError};

/// The most lists in one statement.
const LISTS: usize = 32;
/// Above every key and name.
const LAST: &str = "\u{10ffff}";

/// What was read, to be handed to whoever asked in another thread.
#[derive(Debug)]
pub enum Found {
    /// A record's revision and value.
    Record(Option<(u64, String)>),
    /// Rows of a list.
    Rows(Vec<FoundRow>),
    /// A number.
    Number(u64),
}

/// A row of a list.
#[derive(Debug)]
pub struct FoundRow {
    /// By what it was found.
    pub name: String,
    /// The record's key.
    pub key: String,
    /// Its revision.
    pub rev: u64,
    /// What it says, unless only names were asked for.
    pub value: String,
}

impl From<Found> for Answer {
    fn from(found: Found) -> Self {
        let row =
            |FoundRow { name, key, rev, value }| ListRow { name, key, stored: Stored { rev, value: value.into() } };
        match found {
            Found::Record(record) => Answer::Record(record.map(|(rev, value)| Stored { rev, value: value.into() })),
            Found::Rows(rows) => Answer::Rows(rows.into_iter().map(row).collect()),
            Found::Number(number) => Answer::Number(number),
        }
    }
}

/// Where a statement is carried out: by itself, or among others of one moment.
enum Source<'a> {
    Alone(&'a Database),
    Snapshot(Transaction),
}

impl Source<'_> {
    async fn fetch(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        match self {
            Self::Alone(database) => database.fetch(sql, values).await,
            Self::Snapshot(transaction) => transaction.fetch(sql, values).await,
        }
    }
}

/// A list as it is asked for: the rows that it gives, and its bounds.
pub(super) struct Range {
    list: List,
    low: String,
    high: String,
    limit: u64,
}

impl Range {
    pub(super) fn of(ask: &Ask, with_values: bool) -> Option<Self> {
        let (rows, prefix, after, limit) = match ask {
            Ask::List { prefix, after, limit } => (Rows::Keys { values: with_values }, prefix, after, limit),
            Ask::Index { prefix, after, limit } => (Rows::Names { values: with_values }, prefix, after, limit),
            Ask::Names { prefix, after, limit } => (Rows::Names { values: false }, prefix, after, limit),
            Ask::Record(_) | Ask::Head(_) | Ask::Parts(_) => return None,
        };
        let above = after >= prefix;
        let low = if above { after } else { prefix }.clone();
        Some(Self { list: List { rows, above }, low, high: end_of(prefix), limit: *limit as u64 })
    }
}

/// The first text above all that begin so.
fn end_of(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            end.push(next);
            return end;
        }
    }
    LAST.to_owned()
}

impl Database {
    /// Answers questions about a tenant's records, as they are at one moment, in their order.
    pub async fn read(&self, tenant: i64, asks: &[Ask]) -> Result<Vec<Found>, StorageError> {
        let ranges: Vec<Range> = asks.iter().filter_map(|ask| Range::of(ask, true)).collect();
        let keys: Vec<String> = asks.iter().filter_map(record_key).collect();
        let heads = asks.iter().any(|ask| matches!(ask, Ask::Head(_)));
        let items: Vec<Uuid> =
            asks.iter().filter_map(|ask| if let Ask::Parts(item) = ask { Some(*item) } else { None }).collect();
        let statements =
            ranges.len().div_ceil(LISTS) + usize::from(!keys.is_empty()) + usize::from(heads) + items.len();
        let mut source = match statements {
            0 | 1 => Source::Alone(self),
            _ => Source::Snapshot(self.snapshot().await?),
        };
        let records = match keys.is_empty() {
            true => HashMap::new(),
            false => records(self, &mut source, tenant, &keys).await?,
        };
        let head = if heads { head(&mut source, tenant).await? } else { 0 };
        let mut lists = lists(&mut source, tenant, &ranges).await?.into_iter();
        let mut counts = Vec::with_capacity(items.len());
        for item in items {
            let rows = source.fetch(sql::COUNT_PARTS, &[Value::Number(tenant), Value::Bytes(item.as_bytes())]).await?;
            counts.push(number(&rows)?);
        }
        if let Source::Snapshot(transaction) = source {
            transaction.commit().await?;
        }
        let mut counts = counts.into_iter();
        let answer = |ask: &Ask| match ask {
            Ask::Record(key) => Found::Record(records.get(key).cloned()),
            Ask::Head(_) => Found::Number(head),
            Ask::Parts(_) => Found::Number(counts.next().unwrap_or_default()),
            Ask::List { .. } | Ask::Index { .. } | Ask::Names { .. } => Found::Rows(lists.next().unwrap_or_default()),
        };
        Ok(asks.iter().map(answer).collect())
    }
}

impl Database {
    /// The number of a tenant's last write.
    pub async fn head(&self, tenant: i64) -> Result<u64, StorageError> {
        number(&self.fetch(sql::HEAD, &[Value::Number(tenant)]).await?)
    }

    /// Of each login, whether its log has entries above a number.
    pub async fn have_entries_after(
        &self,
        tenant: i64,
        logins: &[String],
        after: u64,
    ) -> Result<Vec<bool>, StorageError> {
        let asks: Vec<Ask> = logins.iter().map(|login| regrant_relay::entry_after(login, after)).collect();
        let found = self.read(tenant, &asks).await?;
        Ok(found.iter().map(|found| matches!(found, Found::Rows(rows) if !rows.is_empty())).collect())
    }

    /// Whose session a token stands for, and when it ends, in Unix milliseconds; `None` if that is over.
    pub async fn session(&self, tenant: i64, token: &str, now: u64) -> Result<Option<(String, u64)>, StorageError> {
        let key = regrant_relay::session_key(token);
        let Some(Found::Record(Some((_, record)))) = self.read(tenant, &[Ask::Record(key)]).await?.pop() else {
            return Ok(None);
        };
        let (ticket, expires) = regrant_relay::session_of(&record).map_err(|_| StorageError::Nonsense)?;
        Ok((expires > now).then(|| (ticket.login().to_owned(), expires)))
    }

    /// Tells other nodes something, on PostgreSQL.
    pub(crate) async fn notify(&self, text: &str) -> Result<(), StorageError> {
        self.execute(sql::NOTIFY, &[Value::Text(sql::CHANNEL), Value::Text(text)]).await
    }
}

fn record_key(ask: &Ask) -> Option<String> {
    match ask {
        Ask::Record(key) => Some(key.clone()),
        _ => None,
    }
}

fn number(rows: &[Row]) -> Result<u64, StorageError> {
    rows.first().map_or(Ok(0), |row| row.number(0))
}

async fn records(
    database: &Database,
    source: &mut Source<'_>,
    tenant: i64,
    keys: &[String],
) -> Result<HashMap<String, (u64, String)>, StorageError> {
    let values = [Value::Number(tenant), Value::Texts(keys)];
    let rows = source.fetch(&database.dialect().records(), &values).await?;
    rows.iter().map(|row| Ok((row.text(0)?, (row.number(1)?, row.text(2)?)))).collect()
}

async fn head(source: &mut Source<'_>, tenant: i64) -> Result<u64, StorageError> {
    number(&source.fetch(sql::HEAD, &[Value::Number(tenant)]).await?)
}

async fn lists(source: &mut Source<'_>, tenant: i64, ranges: &[Range]) -> Result<Vec<Vec<FoundRow>>, StorageError> {
    let mut found = Vec::with_capacity(ranges.len());
    for ranges in ranges.chunks(LISTS) {
        let (sql, values) = statement(tenant, ranges);
        found.extend(sorted(&source.fetch(&sql, &values).await?, ranges.len())?);
    }
    Ok(found)
}

/// The same, within what is about to be committed.
pub(super) async fn lists_within(
    transaction: &mut Transaction,
    tenant: i64,
    ranges: &[Range],
) -> Result<Vec<Vec<FoundRow>>, StorageError> {
    let mut found = Vec::with_capacity(ranges.len());
    for ranges in ranges.chunks(LISTS) {
        let (sql, values) = statement(tenant, ranges);
        found.extend(sorted(&transaction.fetch(&sql, &values).await?, ranges.len())?);
    }
    Ok(found)
}

fn statement(tenant: i64, ranges: &[Range]) -> (String, Vec<Value<'_>>) {
    let shapes: Vec<List> = ranges.iter().map(|range| range.list).collect();
    let mut values = Vec::with_capacity(1 + ranges.len() * LIST_PARAMETERS);
    values.push(Value::Number(tenant));
    for range in ranges {
        values.extend([Value::Text(&range.low), Value::Text(&range.high), Value::number(range.limit)]);
    }
    (sql::lists(&shapes), values)
}

fn sorted(rows: &[Row], lists: usize) -> Result<Vec<Vec<FoundRow>>, StorageError> {
    let mut found: Vec<Vec<FoundRow>> = (0..lists).map(|_| Vec::new()).collect();
    for row in rows {
        let list = usize::try_from(row.number(0)?).ok().and_then(|at| found.get_mut(at));
        let (name, key, rev, value) = (row.text(1)?, row.text(2)?, row.number(3)?, row.text(4)?);
        list.ok_or(StorageError::Nonsense)?.push(FoundRow { name, key, rev, value });
    }
    found.iter_mut().for_each(|rows| rows.sort_by(|a, b| a.name.cmp(&b.name)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn a_prefix_ends_below_the_next_text() {
        assert_eq!(end_of("log/alice/"), "log/alice0");
        assert_eq!(end_of("a\u{10ffff}"), "b");
        assert_eq!(end_of("\u{d7ff}"), "\u{e000}");
        assert_eq!(end_of(""), "\u{10ffff}");
    }
}
