//! Convert, call, convert: the only place that declares exports.
//!
//! Exported methods take `&self` and hold no borrow of anything mutable across an await. What JavaScript
//! developers see is the hand-written package around these exports.

mod convert;
mod core;
mod files;
mod graph;
mod memory;
mod panic;
mod session;

use js_sys::{Array, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::crypto::kdf::Kdf;
use crate::crypto::split::{self, Secrets};
use crate::crypto::{Engine, shamir, webcrypto};
use crate::encoding::{check_login, to_base64url};
use crate::error::Error;
use crate::secret::SecretBytes;
use convert::{Thrown, engine, throw, to_js};

/// The package's version, as in its `package.json`.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Calls back with a message, once, before a panic stops the module.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(callback: js_sys::Function) {
    panic::listen(callback);
}

/// Takes a function that hashes elsewhere: see `set_helper` in `crypto::webcrypto`.
#[wasm_bindgen(js_name = onHash)]
pub fn on_hash(helper: js_sys::Function) {
    webcrypto::set_helper(helper);
}

/// Takes what long work waits for now and then: see `crypto::turn`.
#[wasm_bindgen(js_name = onTurn)]
pub fn on_turn(asked: js_sys::Function) {
    webcrypto::set_turn(asked);
}

/// Whether `crypto.subtle` is there.
#[wasm_bindgen(js_name = hasSubtle)]
#[must_use]
pub fn has_subtle() -> bool {
    webcrypto::subtle().is_ok()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Derived {
    vault_secret: String,
    app_secret: String,
}

impl From<Secrets> for Derived {
    fn from(secrets: Secrets) -> Self {
        Self { vault_secret: to_base64url(secrets.vault.expose()), app_secret: to_base64url(secrets.app.expose()) }
    }
}

fn kdf(json: Option<String>) -> Result<Kdf, Error> {
    match json {
        None => Ok(Kdf::default()),
        Some(json) => crate::encoding::from_json(&json).map_err(|_| {
            Error::bad_input("kdf is { name: \"argon2id\", memoryKiB, iterations } or { name: \"pbkdf2\", iterations }")
        }),
    }
}

/// Checks password derivation parameters. Errors: `ERR_WEAK_KDF`, `ERR_BAD_INPUT`.
#[wasm_bindgen(js_name = checkKdf)]
pub fn check_kdf(json: String) -> Result<(), Thrown> {
    kdf(Some(json)).and_then(|kdf| kdf.check()).map_err(throw)
}

/// Splits a password into a vault secret and an app secret. Slow on purpose, and synchronous: call it in a worker.
#[wasm_bindgen(js_name = deriveSecrets)]
pub fn derive_secrets(
    password: String,
    application: &str,
    login: &str,
    kdf_json: Option<String>,
) -> Result<JsValue, Thrown> {
    let password = zeroize::Zeroizing::new(password);
    check_login(login).map_err(throw)?;
    let secrets =
        split::derive_secrets(&password, application, login, &kdf(kdf_json).map_err(throw)?).map_err(throw)?;
    to_js(&Derived::from(secrets))
}

/// The same through an engine, which takes PBKDF2 to WebCrypto.
#[wasm_bindgen(js_name = deriveSecretsAsync)]
pub async fn derive_secrets_async(
    engine_name: String,
    password: String,
    application: String,
    login: String,
    kdf_json: Option<String>,
) -> Result<JsValue, Thrown> {
    let password = zeroize::Zeroizing::new(password);
    check_login(&login).map_err(throw)?;
    let (engine, kdf) = (engine(&engine_name).map_err(throw)?, kdf(kdf_json).map_err(throw)?);
    let secrets = split::derive_secrets_with(&engine, &password, &application, &login, &kdf).await.map_err(throw)?;
    to_js(&Derived::from(secrets))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeneratedPair {
    public_key: String,
    private_key: String,
}

/// A new RSA key pair: SPKI and PKCS#8, both in hex. `bits`: 2048, 3072 or 4096.
#[wasm_bindgen(js_name = generateKeyPair)]
pub async fn generate_key_pair(bits: usize, engine_name: String) -> Result<JsValue, Thrown> {
    let engine: Engine = engine(&engine_name).map_err(throw)?;
    let pkcs8: SecretBytes = engine.rsa_generate(bits).await.map_err(throw)?;
    let (_, public) = engine.import_decryption(&pkcs8).await.map_err(throw)?;
    to_js(&GeneratedPair { public_key: hex::encode(public.spki()), private_key: hex::encode(pkcs8.expose()) })
}

/// Splits a secret of 1 to 65,536 bytes into shares, `threshold` of which give it back.
#[wasm_bindgen(js_name = splitSecret)]
pub fn split_secret(secret: &[u8], threshold: u8, shares: u8) -> Result<Array, Thrown> {
    let engine = Engine::rust();
    let shares = shamir::split(&engine, secret, threshold, shares).map_err(throw)?;
    Ok(shares.iter().map(|share| Uint8Array::from(share.expose())).collect())
}

/// Puts shares together. Errors: `ERR_VERIFICATION_FAILED` if they are too few, altered, or of different secrets.
#[wasm_bindgen(js_name = combineShares)]
pub fn combine_shares(shares: Vec<Uint8Array>) -> Result<Uint8Array, Thrown> {
    let shares: Vec<SecretBytes> = shares.iter().map(|share| SecretBytes::new(share.to_vec())).collect();
    let views: Vec<&[u8]> = shares.iter().map(SecretBytes::expose).collect();
    shamir::combine(&views).map(|secret| Uint8Array::from(secret.expose())).map_err(throw)
}

/// Unix milliseconds.
pub(crate) fn now() -> u64 {
    js_sys::Date::now() as u64
}
