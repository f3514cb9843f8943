//! The tables, and how a database of an earlier version gets them. A database of a later version is refused.

use super::connection::{Transaction, Value};
use super::sql::Dialect;
use super::{Database, StorageError};

/// What each version adds to the one before. `{text}`: text that is compared byte by byte, `{bytes}`: bytes.
///
/// Each table begins with the tenant in its primary key, and so does each index: a tenant is what a database can be
/// divided by.
const VERSIONS: &[&[&str]] = &[&[
    // The number of its last write is what its writers take turns by.
    "CREATE TABLE tenant (tenant BIGINT NOT NULL, name {text} NOT NULL, settings {text} NOT NULL, rev BIGINT NOT NULL, \
     PRIMARY KEY (tenant))",
    "CREATE TABLE tenant_key (tenant BIGINT NOT NULL, kid {text} NOT NULL, public_key {bytes} NOT NULL, \
     PRIMARY KEY (tenant, kid))",
    "CREATE TABLE record (tenant BIGINT NOT NULL, key {text} NOT NULL, rev BIGINT NOT NULL, value {text} NOT NULL, \
     PRIMARY KEY (tenant, key))",
    "CREATE TABLE name (tenant BIGINT NOT NULL, name {text} NOT NULL, key {text} NOT NULL, \
     PRIMARY KEY (tenant, name))",
    "CREATE INDEX name_by_key ON name (tenant, key)",
    "CREATE TABLE part (tenant BIGINT NOT NULL, item {bytes} NOT NULL, name {text} NOT NULL, bytes {bytes} NOT NULL, \
     PRIMARY KEY (tenant, item, name))",
]];

/// One row: which version the tables are of.
const VERSION_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS regrant_schema (one BIGINT NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (one))";
const FIRST_VERSION: &str = "INSERT INTO regrant_schema (one, version) VALUES (1, 0) ON CONFLICT (one) DO NOTHING";
/// Says which version it is, and keeps others from changing it meanwhile.
const VERSION: &str = "UPDATE regrant_schema SET version = version WHERE one = 1 RETURNING version";
const SET_VERSION: &str = "UPDATE regrant_schema SET version = $1 WHERE one = 1";

/// The version that this program writes.
pub const SCHEMA_VERSION: u64 = VERSIONS.len() as u64;

/// Brings the tables to this program's version. Gives the version that they were of.
///
/// Errors: [`StorageError::Newer`] if they are of a later one; nothing is changed then.
pub(super) async fn migrate(database: &Database) -> Result<u64, StorageError> {
    database.execute(VERSION_TABLE, &[]).await?;
    let mut transaction = database.writing().await?;
    transaction.execute(FIRST_VERSION, &[]).await?;
    let rows = transaction.fetch(VERSION, &[]).await?;
    let found = rows.first().map_or(Ok(0), |row| row.number(0))?;
    if found > SCHEMA_VERSION {
        return Err(StorageError::Newer { found, known: SCHEMA_VERSION });
    }
    for (version, statements) in (1..).zip(VERSIONS).filter(|(version, _)| *version > found) {
        add(&mut transaction, database.dialect(), version, statements).await?;
    }
    transaction.commit().await?;
    Ok(found)
}

async fn add(
    transaction: &mut Transaction,
    dialect: Dialect,
    version: u64,
    statements: &[&str],
) -> Result<(), StorageError> {
    for statement in statements {
        transaction.execute(&in_dialect(statement, dialect), &[]).await?;
    }
    transaction.execute(SET_VERSION, &[Value::number(version)]).await
}

fn in_dialect(statement: &str, dialect: Dialect) -> String {
    let (text, bytes) = match dialect {
        Dialect::Sqlite => ("TEXT COLLATE BINARY", "BLOB"),
        Dialect::Postgres => ("TEXT COLLATE \"C\"", "BYTEA"),
    };
    statement.replace("{text}", text).replace("{bytes}", bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::sql;
    use super::*;

    /// What engines that speak PostgreSQL's protocol lack, or mean otherwise, or what cannot be divided by tenant.
    const FORBIDDEN: &[&str] = &[
        "SERIAL",
        "SEQUENCE",
        "IDENTITY",
        "REFERENCES",
        "FOREIGN",
        "TRIGGER",
        "FUNCTION",
        "PROCEDURE",
        "ADVISORY",
        "LOCK TABLE",
        "LISTEN",
        "NOTIFY",
        "USING",
        "DEFERRABLE",
        "GENERATED",
        "WITH ",
        "FOR UPDATE",
        "JSONB",
        "UNIQUE",
        "MERGE",
        "ILIKE",
        "REGEXP",
    ];

    fn everything(dialect: Dialect) -> Vec<String> {
        let tables = VERSIONS.iter().copied().flatten().map(|statement| in_dialect(statement, dialect));
        let version = [VERSION_TABLE, FIRST_VERSION, VERSION, SET_VERSION].map(str::to_owned);
        tables.chain(version).chain(sql::all(dialect)).collect()
    }

    #[test]
    fn the_sql_keeps_to_what_all_engines_understand() {
        for statement in [Dialect::Sqlite, Dialect::Postgres].into_iter().flat_map(everything) {
            let upper = statement.to_uppercase();
            let used: Vec<&&str> = FORBIDDEN.iter().filter(|word| upper.contains(**word)).collect();
            assert!(used.is_empty(), "{used:?} in {statement}");
            let partial = upper.starts_with("CREATE INDEX") && upper.contains("WHERE");
            assert!(!partial, "a partial index: {statement}");
        }
    }

    #[test]
    fn tables_and_indexes_begin_with_the_tenant() {
        for statement in VERSIONS.iter().copied().flatten() {
            let begins = statement.contains("PRIMARY KEY (tenant") || statement.contains(" (tenant, key)");
            assert!(begins, "{statement}");
        }
        for statement in sql::all(Dialect::Postgres).iter().filter(|s| s.contains("WHERE")) {
            assert!(statement.contains("tenant = $1"), "{statement}");
        }
    }

    #[test]
    fn there_is_no_sql_but_in_these_two_files() {
        let is_sql = |line: &str| {
            ["SELECT ", "INSERT INTO", "DELETE FROM", "UPDATE ", "CREATE "].iter().any(|word| line.contains(word))
        };
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if name != "sql.rs" && name != "schema.rs" {
                    let source = std::fs::read_to_string(&path).unwrap();
                    let found = source.lines().find(|line| is_sql(line));
                    assert!(found.is_none(), "{name}: {found:?}");
                }
            }
        }
    }
}
