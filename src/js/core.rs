//! The exports of a client.

use js_sys::Function;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::convert::{Thrown, engine, options, secret, throw};
use super::graph::policy;
use super::now;
use super::session::CoreSession;
use crate::client::{Client, ConnectOptions, Setup};
use crate::error::{Error, Result};
use crate::relay::Relay;
use crate::relay::embedded::{Backend, Embedded, foreign, indexed_db, memory};
use crate::store::local_storage::LocalStorage;
use crate::store::lock::Lock;
use crate::store::{self, Store};

/// A client: one application on one device.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Core {
    inner: Client,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    engine: String,
    store: String,
    relay: String,
    name: String,
    application: String,
    relay_id: String,
    relay_key: Option<String>,
}

fn relay(config: &Config, backend: JsValue) -> Result<Relay> {
    let backend = match config.relay.as_str() {
        "indexeddb" => Backend::IndexedDb(indexed_db::IndexedDb::named(&config.name)),
        "memory" => Backend::Memory(memory::Memory::default()),
        "foreign" => Backend::Foreign(foreign::Foreign::new(backend)?),
        _ => return Err(Error::bad_input("a relay is \"indexeddb\", \"memory\" or \"foreign\"")),
    };
    let key = config.relay_key.as_ref().unwrap_or(&config.name);
    let relay = Embedded::named(&format!("{}/{key}", config.relay), || {
        let relay = Embedded::new(backend, &config.relay_id, now);
        // Only a database has other tabs to tell; memory is this module's own.
        if config.relay == "indexeddb" {
            relay.join_channel(&format!("regrant/{}/relay", config.name));
        }
        relay
    });
    Ok(Relay::Embedded(relay.known_as(&config.relay_id)))
}

#[wasm_bindgen]
impl Core {
    /// Opens a client over the engine, store and relay that `config` names.
    /// `backend` is the object of a foreign relay; `store` that of a foreign store, or what waits for other tabs; `decide`
    /// gives a promise of whether keys may be relied on.
    pub fn open(config: JsValue, backend: JsValue, store: JsValue, decide: Option<Function>) -> Result<Core, Thrown> {
        Self::make(config, backend, store, decide).map_err(throw)
    }

    fn make(config: JsValue, backend: JsValue, store: JsValue, decide: Option<Function>) -> Result<Self> {
        let config: Config = options(config)?;
        let name = &config.name;
        let store = match config.store.as_str() {
            "indexeddb" => Store::IndexedDb(store::indexed_db::IndexedDb::named(name, Lock::new(store))),
            "localstorage" => Store::LocalStorage(LocalStorage::named(name, Lock::new(store))),
            "memory" => Store::Memory(store::memory::Memory::default()),
            "foreign" => Store::Foreign(store::foreign::Foreign::new(store)),
            _ => return Err(Error::bad_input("no such store")),
        };
        let setup = Setup {
            engine: engine(&config.engine)?,
            relay: relay(&config, backend)?,
            store,
            application: config.application,
            now,
            policy: decide.map(policy),
        };
        Ok(Self { inner: Client::open(setup)? })
    }

    /// Connects a login with `{ vaultSecret }` or `{ keyPair }`.
    pub async fn connect(
        &self,
        login: String,
        with: JsValue,
        register: bool,
        reset: bool,
    ) -> Result<CoreSession, Thrown> {
        let secret = secret(with).map_err(throw)?;
        let session = self.inner.connect(&login, &secret, ConnectOptions { register, reset }).await;
        session.map(CoreSession::new).map_err(throw)
    }

    /// Goes on from what is stored on this device.
    pub async fn resume(&self, login: Option<String>) -> Result<Option<CoreSession>, Thrown> {
        let session = self.inner.resume(login.as_deref()).await.map_err(throw)?;
        Ok(session.map(CoreSession::new))
    }

    /// Forgets this device's keys of a login.
    #[wasm_bindgen(js_name = loseKeys)]
    pub async fn lose_keys(&self, login: String) -> Result<(), Thrown> {
        self.inner.lose_keys(&login).await.map_err(throw)
    }

    /// Ends every session.
    pub fn close(&self) {
        self.inner.close();
    }
}
