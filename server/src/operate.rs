//! What an operator does with a database beside serving it.

use std::path::Path;

use regrant_relay::{ADMINISTRATOR, Ask, Registration, Reset, Settings, with_administrator};
use sha2::{Digest, Sha256};

use crate::cli::{self, AdminCommand, Settle, TenantCommand, Where};
use crate::storage::{Checked, Commit, Database, Found, SCHEMA_VERSION, Tenant, TenantKey};
use crate::tenants::is_name;
use crate::user_tokens::public_key_from_pem;

/// Why it is not done.
type Outcome = Result<String, String>;

fn shown(error: impl std::fmt::Display) -> String {
    error.to_string()
}

async fn open(at: &Where) -> Result<Database, String> {
    Database::open(&at.database, 2).await.map_err(shown)
}

/// Brings a database to this program's version.
pub async fn migrate(at: &Where) -> Outcome {
    let database = Database::open_as_is(&at.database, 2).await.map_err(shown)?;
    let before = database.migrate().await.map_err(shown)?;
    Ok(format!("the database was of version {before}, and is of version {SCHEMA_VERSION}"))
}

/// Applications.
pub async fn tenant(command: &TenantCommand) -> Outcome {
    match command {
        TenantCommand::Add { name, key, key_id, settle, database } => {
            let key = key.as_deref().map(|key| read_key(key, key_id.as_deref())).transpose()?;
            add(name, key, settle, database).await
        }
        TenantCommand::Set { name, settle, database } => {
            let database = open(database).await?;
            let tenant = known(&database, name).await?;
            let settings = settled(tenant.settings.clone(), settle);
            database.set_settings(&tenant, &settings).await.map_err(shown)?;
            Ok(said(name, &settings))
        }
        TenantCommand::Key { name, key, key_id, database } => {
            let key = read_key(key, key_id.as_deref())?;
            let database = open(database).await?;
            let tenant = known(&database, name).await?;
            database.add_tenant_key(&tenant, &key).await.map_err(shown)?;
            Ok(format!("{name} has the key {}", key.kid))
        }
        TenantCommand::List { database } => {
            let all = open(database).await?.tenants().await.map_err(shown)?;
            Ok(all.iter().map(|(name, settings)| said(name, settings)).collect::<Vec<_>>().join("\n"))
        }
    }
}

async fn add(name: &str, key: Option<TenantKey>, settle: &Settle, at: &Where) -> Outcome {
    if !is_name(name) {
        return Err("an application's name has 1 to 256 bytes, and no control characters".to_owned());
    }
    let database = open(at).await?;
    if database.tenant(name).await.map_err(shown)?.is_some() {
        return Err(format!("there is {name} already: `tenant set` and `tenant key` change it"));
    }
    let registration = if key.is_some() { Registration::Token } else { Registration::Closed };
    let settings = settled(Settings { registration, reset: Reset::Token, first_administers: false }, settle);
    let tenant = database.add_tenant(name, &settings).await.map_err(shown)?;
    if let Some(key) = key {
        database.add_tenant_key(&tenant, &key).await.map_err(shown)?;
    }
    Ok(said(name, &settings))
}

async fn known(database: &Database, name: &str) -> Result<Tenant, String> {
    let found = database.tenant(name).await.map_err(shown)?;
    found.ok_or_else(|| format!("there is no application {name}: `tenant add` adds one"))
}

fn settled(mut settings: Settings, settle: &Settle) -> Settings {
    match settle.registration {
        Some(cli::Registration::Open) => settings.registration = Registration::Open,
        Some(cli::Registration::Token) => settings.registration = Registration::Token,
        Some(cli::Registration::Closed) => settings.registration = Registration::Closed,
        None => {}
    }
    match settle.reset {
        Some(cli::Reset::Open) => settings.reset = Reset::Open,
        Some(cli::Reset::Token) => settings.reset = Reset::Token,
        None => {}
    }
    settings
}

fn said(name: &str, settings: &Settings) -> String {
    let registration = match settings.registration {
        Registration::Open => "open",
        Registration::Token => "token",
        Registration::Closed => "closed",
    };
    let reset = match settings.reset {
        Reset::Open => "open",
        Reset::Token => "token",
    };
    format!("{name}: registration {registration}, reset {reset}")
}

/// A public key from a file, with its id.
fn read_key(file: &Path, id: Option<&str>) -> Result<TenantKey, String> {
    let pem = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let wrong = || format!("{} holds no Ed25519 public key in PEM: `openssl pkey -pubout` writes one", file.display());
    let public_key = public_key_from_pem(&pem).ok_or_else(wrong)?;
    let hash: [u8; 32] = Sha256::digest(public_key).into();
    Ok(TenantKey { kid: id.map_or_else(|| hex::encode(&hash[..8]), str::to_owned), public_key })
}

/// Checks an application's records.
pub async fn check(name: &str, at: &Where) -> Outcome {
    let database = open(at).await?;
    let tenant = known(&database, name).await?;
    let Checked { records, wrong } = database.check(&tenant).await.map_err(shown)?;
    if wrong.is_empty() { Ok(format!("{records} records are as they should be")) } else { Err(wrong.join("\n")) }
}

/// Administrators of an application.
pub async fn admin(command: &AdminCommand) -> Outcome {
    let AdminCommand::Add { tenant, login, database } = command;
    let database = open(database).await?;
    let id = known(&database, tenant).await?.id;
    let ask = [Ask::Record(ADMINISTRATOR.to_owned())];
    loop {
        let (rev, record) = match database.read(id, &ask).await.map_err(shown)?.pop() {
            Some(Found::Record(Some((rev, record)))) => (rev, Some(record)),
            _ => (0, None),
        };
        let value = with_administrator(record.as_deref(), login).map_err(shown)?;
        let key = ADMINISTRATOR.to_owned();
        let commit = Commit {
            records: vec![(key.clone(), rev)],
            writes: vec![(key, Some(value), Vec::new())],
            ..Commit::default()
        };
        if database.commit(id, &commit).await.map_err(shown)? {
            return Ok(format!("{login} administers {tenant}"));
        }
    }
}
