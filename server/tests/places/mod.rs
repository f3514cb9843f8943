//! What the tests of the server share: databases, servers, and clients that know nothing of keys.

#![allow(dead_code, missing_docs, unreachable_pub)]

pub mod postgres;

use std::future::Future;
use std::time::Duration;

use sqlx::{Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// Nothing in these tests takes so long.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// An empty database, until it is dropped.
#[derive(Debug)]
pub struct Place {
    pub address: String,
    _folder: Option<TempDir>,
}

pub fn sqlite() -> Place {
    let folder = TempDir::new().unwrap();
    let address = format!("sqlite:{}", folder.path().join("relay.db").display());
    Place { address, _folder: Some(folder) }
}

/// A database that is somebody else's.
pub fn at(address: &str) -> Place {
    Place { address: address.to_owned(), _folder: None }
}

pub fn postgres() -> Option<Place> {
    postgres::database().map(|address| Place { address, _folder: None })
}

/// One of each engine that is here.
pub fn places() -> Vec<Place> {
    std::iter::once(sqlite()).chain(postgres()).collect()
}

/// Carries out a statement past the server.
pub async fn execute(place: &Place, sql: String) {
    let sql = sqlx::AssertSqlSafe(sql);
    if place.address.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&place.address).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = PgConnection::connect(&place.address).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// Takes a database of PostgreSQL away, under those who use it.
pub fn drop_database(place: &Place) {
    postgres::drop_database(&place.address);
}

/// Runs a test that waits, and names what it waited for if that takes too long.
pub fn run<T>(what: &str, test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ended = runtime.block_on(async { tokio::time::timeout(DEADLINE, test).await });
    runtime.shutdown_background();
    ended.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}
