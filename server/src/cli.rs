//! The command line. Every option can be given in the environment, too.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::server::Options;

/// A regrant relay: it keeps public keys and ciphertext, and enforces who may write what.
#[derive(Debug, Parser)]
#[command(name = "regrant-server", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a relay.
    Serve(Box<Serve>),
    /// Bring a database's tables to this program's version. `serve` does so, too.
    Migrate(Where),
    /// Check that an application's records are as the relay writes them, while no server runs.
    Check {
        /// The application.
        name: String,
        /// Which database.
        #[command(flatten)]
        database: Where,
    },
    /// Applications.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Administrators of an application.
    #[command(subcommand)]
    Admin(AdminCommand),
}

/// Which database.
#[derive(Debug, Args)]
pub struct Where {
    /// sqlite:PATH or postgres://USER@HOST/NAME.
    #[arg(long, env = "REGRANT_DATABASE", default_value = "sqlite:regrant.db", hide_env_values = true)]
    pub database: String,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How to serve.
#[derive(Debug, Args)]
pub struct Serve {
    /// Which database.
    #[command(flatten)]
    pub database: Where,
    /// Where to listen; port 0 is a free one.
    #[arg(long, env = "REGRANT_LISTEN", default_value = "127.0.0.1:7070")]
    pub listen: SocketAddr,
    /// Where clients reach it, if that is not where it listens, such as `https://relay.example`.
    #[arg(long, env = "REGRANT_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// What login challenges are bound to, if that is not the origin of where clients reach it.
    #[arg(long, env = "REGRANT_RELAY_ID")]
    pub relay_id: Option<String>,
    /// Origins of the pages that may use it, such as `https://app.example`; `*` for all.
    #[arg(long = "cors-origin", env = "REGRANT_CORS_ORIGIN", value_delimiter = ',')]
    pub origins: Vec<String>,
    /// For trying out, on this machine only: every application is known, everybody may register, the first administers.
    #[arg(long, env = "REGRANT_DEV")]
    pub dev: bool,
    /// Requests a second from one address, and four times that at once; 0: as many as come.
    #[arg(long, env = "REGRANT_RATE", default_value_t = 50)]
    pub rate: u32,
    /// A proxy in front of it says whom requests come from, last in X-Forwarded-For.
    #[arg(long, env = "REGRANT_BEHIND_PROXY")]
    pub behind_proxy: bool,
    /// The most connections of clients at once.
    #[arg(long, env = "REGRANT_CONNECTIONS", default_value_t = 10_000)]
    pub connections: usize,
    /// The most connections to PostgreSQL.
    #[arg(long, env = "REGRANT_DATABASE_CONNECTIONS", default_value_t = 16)]
    pub database_connections: u32,
    /// Threads in which the rules run; without it, one for each processor.
    #[arg(long, env = "REGRANT_THREADS")]
    pub threads: Option<usize>,
    /// How the log is written. What is in it says REGRANT_LOG, such as warn or regrant_server=debug.
    #[arg(long, env = "REGRANT_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

impl From<&Serve> for Options {
    fn from(serve: &Serve) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            listen: serve.listen,
            database: serve.database.database.clone(),
            public_url: serve.public_url.clone(),
            relay_id: serve.relay_id.clone(),
            origins: serve.origins.clone(),
            dev: serve.dev,
            rate: serve.rate,
            behind_proxy: serve.behind_proxy,
            connections: serve.connections,
            database_connections: serve.database_connections,
            threads: serve.threads.unwrap_or(processors),
        }
    }
}

/// Applications.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Add one: clients name it as `application`.
    Add {
        /// Its name.
        name: String,
        /// The Ed25519 public key of its server, which signs user tokens: a file in PEM.
        #[arg(long)]
        key: Option<PathBuf>,
        /// By what tokens name that key; without it, the beginning of its SHA-256.
        #[arg(long, requires = "key")]
        key_id: Option<String>,
        /// What it settles.
        #[command(flatten)]
        settle: Settle,
        /// Which database.
        #[command(flatten)]
        database: Where,
    },
    /// Settle something else of one.
    Set {
        /// Its name.
        name: String,
        /// What it settles.
        #[command(flatten)]
        settle: Settle,
        /// Which database.
        #[command(flatten)]
        database: Where,
    },
    /// Add another public key of one's server.
    Key {
        /// Its name.
        name: String,
        /// The key: a file in PEM.
        key: PathBuf,
        /// By what tokens name it; without it, the beginning of its SHA-256.
        #[arg(long)]
        key_id: Option<String>,
        /// Which database.
        #[command(flatten)]
        database: Where,
    },
    /// List all.
    List {
        /// Which database.
        #[command(flatten)]
        database: Where,
    },
}

/// What is settled of an application.
#[derive(Debug, Args)]
pub struct Settle {
    /// Who may register a login. Without it, and for a new application: token with a key, otherwise closed.
    #[arg(long, value_enum)]
    pub registration: Option<Registration>,
    /// Who may begin a login's keys anew after a loss. Without it, and for a new application: token.
    #[arg(long, value_enum)]
    pub reset: Option<Reset>,
}

/// Who may register.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Registration {
    /// Whoever comes first.
    Open,
    /// Whoever has a user token of that login.
    Token,
    /// Nobody.
    Closed,
}

/// Who may begin anew.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Reset {
    /// Whoever asks.
    Open,
    /// Whoever has a user token of that login.
    Token,
}

/// Administrators of an application.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Let a login begin keys anew for others.
    Add {
        /// The application.
        tenant: String,
        /// The login.
        login: String,
        /// Which database.
        #[command(flatten)]
        database: Where,
    },
}
