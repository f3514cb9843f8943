//! Where a relay keeps its records: SQLite or PostgreSQL, by the same tables and the same statements.
//!
//! A storage knows no rules. It answers what they ask, and makes a commit if all that it rests on is still so. Of one tenant
//! one commit is made after the other: each begins by taking numbers from the tenant's row, which no other can until it is
//! done. That is simple to see through, and as fast as the disk writes; tenants do not wait for each other on PostgreSQL.

mod check;
mod commit;
mod connection;
mod parts;
mod read;
mod schema;
mod sql;
mod tenants;

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub use check::Checked;
pub use commit::Commit;
use connection::{Pool, Row, Transaction, Value};
pub use parts::PartBytes;
pub use read::Found;
pub use schema::SCHEMA_VERSION;
pub(crate) use sql::CHANNEL;
use sql::Dialect;
pub use tenants::{Tenant, TenantKey};

/// How long a connection is waited for, and, in SQLite, another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many connections read SQLite beside the one that writes.
const SQLITE_READERS: u32 = 4;
/// How many statements a connection keeps prepared.
const STATEMENTS: usize = 256;
/// How often is tried again what stood in another's way.
const ATTEMPTS: u32 = 8;

/// What can go wrong with a database.
#[derive(Debug)]
pub enum StorageError {
    /// The address is of no database that is known.
    Address(String),
    /// Its tables are of a later version than this program's.
    Newer {
        /// The tables' version.
        found: u64,
        /// This program's.
        known: u64,
    },
    /// It holds what no relay wrote.
    Nonsense,
    /// Something of that name is there already.
    Exists,
    /// The disk is full.
    Full,
    /// The database's own words.
    Database(sqlx::Error),
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => {
                write!(f, "a database is sqlite:PATH, of a file, or postgres://…, and not {address:?}")
            }
            Self::Newer { found, known } => write!(
                f,
                "the database is of version {found}, and this program knows versions up to {known}: run a newer one"
            ),
            Self::Nonsense => f.write_str("the database holds what no relay wrote"),
            Self::Exists => f.write_str("it is there already"),
            Self::Full => f.write_str("the database is full"),
            Self::Database(error) => write!(f, "the database: {error}"),
        }
    }
}

impl std::error::Error for StorageError {}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
        // SQLITE_FULL; disk_full of PostgreSQL.
        match code.as_deref() {
            Some("13" | "53100") => Self::Full,
            _ => Self::Database(error),
        }
    }
}

impl StorageError {
    /// Whether the same is worth trying again at once: it stood in another's way.
    fn is_collision(&self) -> bool {
        let Self::Database(error) = self else { return false };
        let code = error.as_database_error().and_then(|error| error.code());
        // Serialization failure and deadlock of PostgreSQL; what two get who make the same table at once; SQLITE_BUSY and
        // its kinds.
        let collisions = ["40001", "40P01", "42710", "42P07", "23505", "5", "261", "517"];
        code.is_some_and(|code| collisions.contains(&&*code))
    }
}

/// A database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Database {
    pool: Pool,
}

impl Database {
    /// Opens a database at `sqlite:PATH` or `postgres://…`, with at most so many connections, and brings its tables to
    /// this program's version.
    pub async fn open(address: &str, connections: u32) -> Result<Self, StorageError> {
        let database = Self { pool: connect(address, connections).await? };
        database.migrate().await?;
        Ok(database)
    }

    /// Opens a database as it is: of whatever version.
    pub async fn open_as_is(address: &str, connections: u32) -> Result<Self, StorageError> {
        Ok(Self { pool: connect(address, connections).await? })
    }

    /// Brings the tables to this program's version; gives the version that they were of. Several may do so at once.
    pub async fn migrate(&self) -> Result<u64, StorageError> {
        again(|| schema::migrate(self)).await
    }

    /// Whether it answers.
    pub async fn is_there(&self) -> bool {
        self.pool.fetch(sql::HEAD, &[Value::Number(0)]).await.is_ok()
    }

    /// Its connections of PostgreSQL, if it is that.
    pub(crate) fn postgres(&self) -> Option<&sqlx::PgPool> {
        match &self.pool {
            Pool::Postgres(pool) => Some(pool),
            Pool::Sqlite { .. } => None,
        }
    }

    /// Ends its connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn dialect(&self) -> Dialect {
        self.pool.dialect()
    }

    async fn fetch(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        self.pool.fetch(sql, values).await
    }

    async fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<(), StorageError> {
        self.pool.execute(sql, values).await
    }

    async fn snapshot(&self) -> Result<Transaction, StorageError> {
        self.pool.snapshot().await
    }

    async fn writing(&self) -> Result<Transaction, StorageError> {
        self.pool.writing().await
    }
}

/// Tries again what stood in another's way.
async fn again<T, F: Future<Output = Result<T, StorageError>>>(
    mut attempt: impl FnMut() -> F,
) -> Result<T, StorageError> {
    for tried in 1.. {
        match attempt().await {
            Err(error) if error.is_collision() && tried < ATTEMPTS => {
                let mut random = [0; 1];
                let _ = getrandom::fill(&mut random);
                tokio::time::sleep(Duration::from_millis(u64::from(random[0]) * u64::from(tried) / 16)).await;
            }
            outcome => return outcome,
        }
    }
    Err(StorageError::Nonsense)
}

async fn connect(address: &str, connections: u32) -> Result<Pool, StorageError> {
    match address.split(':').next() {
        Some("sqlite") => sqlite(address).await,
        Some("postgres" | "postgresql") => postgres(address, connections).await,
        // Of what may hold a password, only the beginning is shown.
        other => Err(StorageError::Address(other.unwrap_or_default().chars().take(16).collect())),
    }
}

async fn sqlite(address: &str) -> Result<Pool, StorageError> {
    // Each connection would have another.
    if address.contains(":memory:") || address.contains("mode=memory") {
        return Err(StorageError::Address("sqlite::memory:".to_owned()));
    }
    let options = SqliteConnectOptions::from_str(address)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What was acknowledged stays, whatever fails.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .statement_cache_capacity(STATEMENTS);
    let pool = |most| SqlitePoolOptions::new().max_connections(most).acquire_timeout(PATIENCE);
    let write = pool(1).connect_with(options.clone()).await?;
    let read = pool(SQLITE_READERS).connect_with(options).await?;
    Ok(Pool::Sqlite { read, write })
}

async fn postgres(address: &str, connections: u32) -> Result<Pool, StorageError> {
    // Every statement is made for an index. Without statistics, of a young database, another plan may look cheaper.
    let plans = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"].map(|plan| (plan, "off"));
    let options = PgConnectOptions::from_str(address)?
        .application_name("regrant-server")
        .options(plans)
        .statement_cache_capacity(STATEMENTS);
    let pool = PgPoolOptions::new().max_connections(connections.max(2)).acquire_timeout(PATIENCE);
    Ok(Pool::Postgres(pool.connect_with(options).await?))
}
