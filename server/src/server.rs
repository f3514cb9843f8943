//! A server: its parts, put together as its operator wants it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::HeaderValue;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::announce::Announcer;
use crate::http::limit::Limit;
use crate::http::{App, Names, Origins, Shared, begin_metrics, router};
use crate::hub::Hub;
use crate::relay::Relay;
use crate::serve::serve;
use crate::storage::{Database, StorageError};
use crate::tenants::Tenants;

/// How a server is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// `sqlite:PATH` or `postgres://…`.
    pub database: String,
    /// Where clients reach it, if that is not where it listens.
    pub public_url: Option<String>,
    /// What login challenges are bound to, if that is not the origin of its address.
    pub relay_id: Option<String>,
    /// The origins of the pages that may use it.
    pub origins: Vec<String>,
    /// For trying out, on this machine: every application is known, and everybody may register.
    pub dev: bool,
    /// How many requests a second come from one address; 0: as many as come.
    pub rate: u32,
    /// Whether a proxy says, in `X-Forwarded-For`, whom requests come from.
    pub behind_proxy: bool,
    /// The most connections of clients at once.
    pub connections: usize,
    /// The most connections to PostgreSQL.
    pub database_connections: u32,
    /// How many threads the rules run in.
    pub threads: usize,
}

/// Why a server does not start.
#[derive(Debug)]
pub enum StartError {
    /// What its operator wants cannot be.
    Options(&'static str),
    /// The address is taken, for example.
    Listen(std::io::Error),
    /// The database.
    Storage(StorageError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(why) => f.write_str(why),
            Self::Listen(error) => write!(f, "cannot listen there: {error}"),
            Self::Storage(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl From<StorageError> for StartError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub url: String,
    /// What stops it.
    pub stopping: CancellationToken,
    serving: JoinHandle<()>,
    database: Database,
}

impl Server {
    /// Opens the database and listens.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if options.dev && !options.listen.ip().is_loopback() {
            return Err(StartError::Options(
                "--dev lets everybody in: it listens on 127.0.0.1 or [::1] only; add applications with `tenant add`",
            ));
        }
        let origins = origins(&options)?;
        begin_metrics();
        let database = Database::open(&options.database, options.database_connections).await?;
        let listener = TcpListener::bind(options.listen).await.map_err(StartError::Listen)?;
        let url = format!("http://{}", listener.local_addr().map_err(StartError::Listen)?);
        let hub = Hub::default();
        let announcer = Announcer::begin(&database, hub.clone()).await;
        let stopping = CancellationToken::new();
        let app = App::new(Shared {
            relay: Relay::new(database.clone(), announcer, options.threads),
            hub,
            tenants: Tenants::new(options.dev),
            names: names(&options, &url),
            stopping: stopping.clone(),
        });
        let limit = Limit::new(if options.dev { 0 } else { options.rate }, options.behind_proxy);
        tokio::spawn(forget(limit.clone(), stopping.clone()));
        let router = router(app, &origins, limit);
        let serving = tokio::spawn(serve(listener, router, options.connections, stopping.clone()));
        Ok(Self { url, stopping, serving, database })
    }

    /// Stops: what is under way ends first.
    pub async fn stop(self) {
        self.stopping.cancel();
        let _ = self.serving.await;
        self.database.close().await;
    }
}

fn origins(options: &Options) -> Result<Origins, StartError> {
    if options.dev || options.origins.iter().any(|origin| origin == "*") {
        return Ok(Origins::All);
    }
    let wrong = StartError::Options("--cors-origin is an origin such as https://app.example, or *");
    let is_origin = |origin: &&String| origin.contains("://") && !origin.ends_with('/');
    let header = |origin: &String| HeaderValue::from_str(origin).ok().filter(|_| is_origin(&origin));
    options.origins.iter().map(header).collect::<Option<_>>().map(Origins::These).ok_or(wrong)
}

fn names(options: &Options, url: &str) -> Names {
    let public_url = options.public_url.clone().unwrap_or_else(|| url.to_owned());
    let relay_id = options.relay_id.clone().unwrap_or_else(|| origin(&public_url));
    let by_host = options.dev && options.public_url.is_none() && options.relay_id.is_none();
    Names { public_url, relay_id, by_host }
}

/// The origin of an address: without its path.
fn origin(url: &str) -> String {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    url[..end].to_owned()
}

/// Forgets now and then who asked.
async fn forget(limit: Limit, stopping: CancellationToken) {
    while tokio::time::timeout(Duration::from_secs(60), stopping.cancelled()).await.is_err() {
        limit.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_has_no_path() {
        for url in ["https://relay.example:8443", "https://relay.example:8443/", "https://relay.example:8443/a/b"] {
            assert_eq!(origin(url), "https://relay.example:8443");
        }
    }
}
