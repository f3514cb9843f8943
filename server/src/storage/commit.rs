//! Makes a commit, if all that it rests on is still so.

use std::collections::{BTreeMap, BTreeSet};

use regrant_relay::Ask;
use uuid::Uuid;

use super::connection::{Transaction, Value};
use super::read::{Range, lists_within};
use super::sql;
use super::{Database, StorageError, again};

/// The most rows that one statement writes. Below that, only some numbers occur, so that statements are prepared once.
const ROWS: [usize; 4] = [512, 128, 32, 8];

/// A commit of the rules, to be made in another thread.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Records with the revisions that they must still have; 0 means absent.
    pub records: Vec<(String, u64)>,
    /// Lists with what they must still give.
    pub lists: Vec<(Ask, Vec<(String, u64)>)>,
    /// Records as they are to be, with their names; without a value where one is deleted.
    pub writes: Vec<(String, Option<String>, Vec<String>)>,
    /// What logs get: the log, the entry and its names.
    pub appends: Vec<(String, String, Vec<String>)>,
    /// Files whose parts are dropped before it is made.
    pub dropped: Vec<Uuid>,
    /// Files whose parts are dropped once it is made.
    pub abandoned: Vec<Uuid>,
}

impl From<&regrant_relay::Commit> for Commit {
    fn from(commit: &regrant_relay::Commit) -> Self {
        let write = |write: &regrant_relay::Write| {
            (write.key.clone(), write.value.as_deref().map(str::to_owned), write.index.clone())
        };
        let append =
            |append: &regrant_relay::Append| (append.log.clone(), append.value.to_string(), append.index.clone());
        Self {
            records: commit.records.clone(),
            lists: commit.lists.clone(),
            writes: commit.writes.iter().map(write).collect(),
            appends: commit.appends.iter().map(append).collect(),
            dropped: commit.dropped.clone(),
            abandoned: commit.abandoned.clone(),
        }
    }
}

/// The records and names that a commit leaves.
#[derive(Default)]
struct Changes<'a> {
    gone: BTreeSet<&'a str>,
    records: BTreeMap<&'a str, (u64, &'a str)>,
    /// Names with their records' keys.
    names: BTreeMap<&'a str, &'a str>,
}

impl Database {
    /// Makes a commit of a tenant. Gives whether it was made: not if something that it rests on is not so any more.
    pub async fn commit(&self, tenant: i64, commit: &Commit) -> Result<bool, StorageError> {
        again(|| self.try_commit(tenant, commit)).await
    }

    async fn try_commit(&self, tenant: i64, commit: &Commit) -> Result<bool, StorageError> {
        let mut transaction = self.writing().await?;
        let count = commit.writes.len() + commit.appends.len();
        let rows = transaction.fetch(sql::TAKE_NUMBERS, &[Value::Number(tenant), Value::number(count as u64)]).await?;
        let last = rows.first().ok_or(StorageError::Nonsense)?.number(0)?;
        if !self.is_still_so(&mut transaction, tenant, commit).await? {
            transaction.roll_back().await?;
            return Ok(false);
        }
        let entries = entries(commit, last);
        self.write(&mut transaction, tenant, &changes(commit, &entries, last)).await?;
        for item in commit.dropped.iter().chain(&commit.abandoned) {
            transaction.execute(sql::DROP_PARTS, &[Value::Number(tenant), Value::Bytes(item.as_bytes())]).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn is_still_so(
        &self,
        transaction: &mut Transaction,
        tenant: i64,
        commit: &Commit,
    ) -> Result<bool, StorageError> {
        if !commit.records.is_empty() {
            let keys: Vec<String> = commit.records.iter().map(|(key, _)| key.clone()).collect();
            let values = [Value::Number(tenant), Value::Texts(&keys)];
            let mut now = BTreeMap::new();
            for row in transaction.fetch(&self.dialect().revisions(), &values).await? {
                now.insert(row.text(0)?, row.number(1)?);
            }
            if commit.records.iter().any(|(key, rev)| now.get(key).copied().unwrap_or(0) != *rev) {
                return Ok(false);
            }
        }
        let ranges: Vec<Range> = commit.lists.iter().filter_map(|(ask, _)| Range::of(ask, false)).collect();
        let now = lists_within(transaction, tenant, &ranges).await?;
        let same = |(_, rows): &(Ask, Vec<(String, u64)>), now: Vec<super::read::FoundRow>| {
            rows.iter().map(|(name, rev)| (name, *rev)).eq(now.iter().map(|row| (&row.name, row.rev)))
        };
        Ok(now.len() == commit.lists.len() && commit.lists.iter().zip(now).all(|(list, now)| same(list, now)))
    }

    async fn write(
        &self,
        transaction: &mut Transaction,
        tenant: i64,
        changes: &Changes<'_>,
    ) -> Result<(), StorageError> {
        let owned = |keys: &mut dyn Iterator<Item = &&str>| keys.map(|key| (*key).to_owned()).collect::<Vec<String>>();
        let touched = owned(&mut changes.gone.iter().chain(changes.records.keys()));
        let tenant_value = Value::Number(tenant);
        if !touched.is_empty() {
            transaction.execute(&self.dialect().delete_names(), &[tenant_value, Value::Texts(&touched)]).await?;
        }
        if !changes.gone.is_empty() {
            let gone = owned(&mut changes.gone.iter());
            transaction.execute(&self.dialect().delete_records(), &[tenant_value, Value::Texts(&gone)]).await?;
        }
        let records: Vec<[Value<'_>; 3]> = changes
            .records
            .iter()
            .map(|(key, (rev, value))| [Value::Text(key), Value::number(*rev), Value::Text(value)])
            .collect();
        put(transaction, tenant_value, &records, sql::put_records).await?;
        let names: Vec<[Value<'_>; 2]> =
            changes.names.iter().map(|(name, key)| [Value::Text(name), Value::Text(key)]).collect();
        put(transaction, tenant_value, &names, sql::put_names).await
    }
}

/// The keys of what logs get: the numbers after those of the writes.
fn entries(commit: &Commit, last: u64) -> Vec<(u64, String)> {
    let first = last - commit.appends.len() as u64 + 1;
    (first..).zip(&commit.appends).map(|(rev, (log, _, _))| (rev, format!("{log}{rev:016}"))).collect()
}

/// What is there once the commit is made. Of several writes of one record or name, the last counts.
fn changes<'a>(commit: &'a Commit, entries: &'a [(u64, String)], last: u64) -> Changes<'a> {
    let mut changes = Changes::default();
    let first = last + 1 - (commit.writes.len() + commit.appends.len()) as u64;
    for (rev, (key, value, names)) in (first..).zip(&commit.writes) {
        if changes.records.contains_key(key.as_str()) {
            changes.names.retain(|_, of| of != key);
        }
        match value {
            Some(value) => {
                changes.gone.remove(key.as_str());
                changes.records.insert(key, (rev, value));
                changes.names.extend(names.iter().map(|name| (name.as_str(), key.as_str())));
            }
            None => {
                changes.records.remove(key.as_str());
                changes.gone.insert(key);
            }
        }
    }
    for ((rev, key), (_, value, names)) in entries.iter().zip(&commit.appends) {
        changes.records.insert(key, (*rev, value));
        changes.names.extend(names.iter().map(|name| (name.as_str(), key.as_str())));
    }
    changes
}

async fn put<const N: usize>(
    transaction: &mut Transaction,
    tenant: Value<'_>,
    mut rows: &[[Value<'_>; N]],
    sql: impl Fn(usize) -> String,
) -> Result<(), StorageError> {
    while !rows.is_empty() {
        let count = ROWS.into_iter().find(|count| *count <= rows.len()).unwrap_or(rows.len());
        let (now, rest) = rows.split_at(count);
        let values: Vec<Value<'_>> = std::iter::once(tenant).chain(now.iter().flatten().copied()).collect();
        transaction.execute(&sql(count), &values).await?;
        rows = rest;
    }
    Ok(())
}
