//! One way of asking for both engines: a statement, its parameters and the rows that it gives.

use sqlx::{AssertSqlSafe, PgPool, Postgres, Row as _, Sqlite, SqlitePool};

use super::StorageError;
use super::sql::Dialect;

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(i64),
    Bytes(&'a [u8]),
    /// Several texts in one parameter.
    Texts(&'a [String]),
}

impl Value<'_> {
    /// Revisions and limits are far below what fits.
    pub(crate) fn number(n: u64) -> Self {
        Self::Number(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

/// A row.
pub(crate) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

impl Row {
    pub(crate) fn text(&self, column: usize) -> Result<String, StorageError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    pub(crate) fn number(&self, column: usize) -> Result<u64, StorageError> {
        let number: i64 = match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        };
        u64::try_from(number).map_err(|_| StorageError::Nonsense)
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>, StorageError> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }
}

fn json(texts: &[String]) -> Result<String, StorageError> {
    serde_json::to_string(texts).map_err(|_| StorageError::Nonsense)
}

/// The statement with its parameters, as the driver of an engine takes them.
macro_rules! bound {
    ($engine:ty, $sql:expr, $values:expr, $texts:expr) => {{
        let mut query = sqlx::query::<$engine>(AssertSqlSafe($sql));
        for value in $values {
            query = match *value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
                Value::Bytes(bytes) => query.bind(bytes),
                Value::Texts(texts) => query.bind($texts(texts)?),
            };
        }
        query
    }};
}

fn array(texts: &[String]) -> Result<&[String], StorageError> {
    Ok(texts)
}

macro_rules! fetch {
    (Sqlite, $sql:expr, $values:expr, $executor:expr) => {
        bound!(Sqlite, $sql, $values, json).fetch_all($executor).await?.into_iter().map(Row::Sqlite).collect()
    };
    (Postgres, $sql:expr, $values:expr, $executor:expr) => {
        bound!(Postgres, $sql, $values, array).fetch_all($executor).await?.into_iter().map(Row::Postgres).collect()
    };
}

/// Connections to a database.
#[derive(Clone, Debug)]
pub(crate) enum Pool {
    /// One that writes, and others that read beside it.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
    },
    Postgres(PgPool),
}

impl Pool {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// What one statement gives, which changes nothing.
    pub(crate) async fn fetch(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        Ok(match self {
            Self::Sqlite { read, .. } => fetch!(Sqlite, sql, values, read),
            Self::Postgres(pool) => fetch!(Postgres, sql, values, pool),
        })
    }

    /// Carries out one statement by itself.
    pub(crate) async fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<(), StorageError> {
        match self {
            Self::Sqlite { write, .. } => {
                bound!(Sqlite, sql, values, json).execute(write).await?;
            }
            Self::Postgres(pool) => {
                bound!(Postgres, sql, values, array).execute(pool).await?;
            }
        }
        Ok(())
    }

    /// Begins to read several times what is there at one moment.
    pub(crate) async fn snapshot(&self) -> Result<Transaction, StorageError> {
        Ok(match self {
            Self::Sqlite { read, .. } => Transaction::Sqlite(read.begin_with("BEGIN DEFERRED").await?),
            Self::Postgres(pool) => {
                Transaction::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        })
    }

    /// Begins to write. In SQLite at once: whoever reads first, and writes then, may be told that it is too late.
    pub(crate) async fn writing(&self) -> Result<Transaction, StorageError> {
        Ok(match self {
            Self::Sqlite { write, .. } => Transaction::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => {
                Transaction::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?)
            }
        })
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// What is done all or nothing: nothing, if it is dropped.
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    pub(crate) async fn fetch(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        Ok(match self {
            Self::Sqlite(transaction) => fetch!(Sqlite, sql, values, &mut **transaction),
            Self::Postgres(transaction) => fetch!(Postgres, sql, values, &mut **transaction),
        })
    }

    pub(crate) async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(transaction) => {
                bound!(Sqlite, sql, values, json).execute(&mut **transaction).await?;
            }
            Self::Postgres(transaction) => {
                bound!(Postgres, sql, values, array).execute(&mut **transaction).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await?,
            Self::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    pub(crate) async fn roll_back(self) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await?,
            Self::Postgres(transaction) => transaction.rollback().await?,
        }
        Ok(())
    }
}
