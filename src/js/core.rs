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
use crate::relay::{Relay, RelayObject};
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
    name: String,
    application: String,
    relay_id: String,
}

#[wasm_bindgen]
impl Core {
    /// Opens a client over the engine and store that `config` names.
    /// `relay` is the object that stands for the relay; `store` that of a foreign store, or what waits for other tabs; `decide`
    /// gives a promise of whether keys may be relied on.
    pub fn open(config: JsValue, relay: JsValue, store: JsValue, decide: Option<Function>) -> Result<Core, Thrown> {
        Self::make(config, relay, store, decide).map_err(throw)
    }

    fn make(config: JsValue, relay: JsValue, store: JsValue, decide: Option<Function>) -> Result<Self> {
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
            relay: Relay::new(RelayObject::new(relay)?, &config.relay_id),
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

    /// Says what is due, and ends every session.
    pub async fn close(&self) {
        self.inner.close().await;
    }
}
