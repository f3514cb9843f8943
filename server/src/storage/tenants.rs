//! Tenants: the applications of a relay, which never see each other.

use regrant_relay::Settings;
use sha2::{Digest, Sha256};

use super::connection::Value;
use super::sql;
use super::{Database, StorageError};

/// A public key of an application's server, by which its tokens are verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantKey {
    /// By which tokens name it.
    pub kid: String,
    /// Ed25519.
    pub public_key: [u8; 32],
}

/// An application of a relay.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The number that its rows begin with.
    pub id: i64,
    /// Its name, which clients give as `application`.
    pub name: String,
    /// What its operator settled.
    pub settings: Settings,
    /// The keys of its server.
    pub keys: Vec<TenantKey>,
}

impl Tenant {
    /// The number that belongs to a name: so whoever adds it first, it is the same.
    pub fn id_of(name: &str) -> i64 {
        let hash: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        let [a, b, c, d, e, f, g, h, ..] = hash;
        i64::from_be_bytes([a & 0x7f, b, c, d, e, f, g, h])
    }
}

fn settings(json: &str) -> Result<Settings, StorageError> {
    serde_json::from_str(json).map_err(|_| StorageError::Nonsense)
}

impl Database {
    /// A tenant by its name.
    pub async fn tenant(&self, name: &str) -> Result<Option<Tenant>, StorageError> {
        let id = Tenant::id_of(name);
        let rows = self.fetch(sql::TENANT, &[Value::Number(id)]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        if row.text(0)? != name {
            return Ok(None);
        }
        let settings = settings(&row.text(1)?)?;
        let mut keys = Vec::new();
        for row in self.fetch(sql::TENANT_KEYS, &[Value::Number(id)]).await? {
            let public_key = row.bytes(1)?.try_into().map_err(|_| StorageError::Nonsense)?;
            keys.push(TenantKey { kid: row.text(0)?, public_key });
        }
        Ok(Some(Tenant { id, name: name.to_owned(), settings, keys }))
    }

    /// The names and settings of all tenants.
    pub async fn tenants(&self) -> Result<Vec<(String, Settings)>, StorageError> {
        let rows = self.fetch(sql::TENANTS, &[]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, settings(&row.text(1)?)?))).collect()
    }

    /// Adds a tenant, unless it is there.
    pub async fn add_tenant(&self, name: &str, settings: &Settings) -> Result<Tenant, StorageError> {
        let json = serde_json::to_string(settings).map_err(|_| StorageError::Nonsense)?;
        let values = [Value::Number(Tenant::id_of(name)), Value::Text(name), Value::Text(&json)];
        self.execute(sql::ADD_TENANT, &values).await?;
        self.tenant(name).await?.ok_or(StorageError::Exists)
    }

    /// Settles something else of a tenant.
    pub async fn set_settings(&self, tenant: &Tenant, settings: &Settings) -> Result<(), StorageError> {
        let json = serde_json::to_string(settings).map_err(|_| StorageError::Nonsense)?;
        self.execute(sql::SET_SETTINGS, &[Value::Number(tenant.id), Value::Text(&json)]).await
    }

    /// Adds a public key of a tenant's server.
    pub async fn add_tenant_key(&self, tenant: &Tenant, key: &TenantKey) -> Result<(), StorageError> {
        let values = [Value::Number(tenant.id), Value::Text(&key.kid), Value::Bytes(&key.public_key)];
        self.execute(sql::ADD_TENANT_KEY, &values).await
    }
}
