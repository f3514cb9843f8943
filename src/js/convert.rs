//! Values from and to JavaScript.

use std::cell::RefCell;

use js_sys::{Array, Function, Object, Reflect, Uint8Array};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wasm_bindgen::prelude::*;

use crate::crypto::Engine;
use crate::crypto::envelope::Buffer;
use crate::crypto::webcrypto::WebBuffer;
use crate::encoding::{from_base64url, from_hex};
use crate::error::{Code, Error, Result};
use crate::keyring::{KeyPair, Secret};
use crate::secret::{Key32, SecretBytes};
use crate::wire::keyset::Keyset;

/// What an export throws.
pub(super) type Thrown = JsValue;

/// Up to this many bytes, data is copied into this module and sealed in one synchronous call; above it, the bytes
/// stay in JavaScript and `crypto.subtle` works on them there.
const SMALL: u32 = 4096;

/// An error as JavaScript gets it: a real `Error`, which the package turns into a `RegrantError`.
pub(super) fn throw(error: Error) -> Thrown {
    let out = js_sys::Error::new(error.message());
    let set = |name: &str, value: JsValue| {
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&out, &name.into(), &value);
    };
    set("regrant", true.into());
    set("code", error.code().as_str().into());
    set("retryable", error.is_retryable().into());
    if !error.logins().is_empty() {
        let logins: Array = error.logins().iter().map(|l| JsValue::from_str(l)).collect();
        set("logins", logins.into());
    }
    if let Some(cause) = error.cause::<JsValue>() {
        set("cause", cause.clone());
    }
    out.into()
}

/// A plain object.
pub(super) fn to_js<T: Serialize>(value: &T) -> Result<JsValue, Thrown> {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    value.serialize(&serializer).map_err(|_| throw(Error::bad_input("a result cannot be handed to JavaScript")))
}

/// Options: a small plain object. What it lacks is not looked for in `Object.prototype`, which anybody may have changed.
pub(super) fn options<T: DeserializeOwned>(value: JsValue) -> Result<T> {
    let own: Object = Object::create(JsValue::NULL.unchecked_ref());
    // Not by `instanceof`, which knows no object without a prototype.
    if value.is_object() {
        Object::assign(&own, value.unchecked_ref());
    }
    serde_wasm_bindgen::from_value(own.into()).map_err(|_| Error::bad_input("an option has the wrong type"))
}

/// An engine by its name.
pub(super) fn engine(name: &str) -> Result<Engine> {
    match name {
        "rust" => Ok(Engine::rust()),
        "auto" | "webcrypto" => Engine::webcrypto(),
        _ => Err(Error::bad_input("engine is \"auto\", \"webcrypto\" or \"rust\"")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretObject {
    vault_secret: Option<String>,
    key_pair: Option<PairObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PairObject {
    public_key: String,
    private_key: String,
}

/// `{ vaultSecret }` or `{ keyPair }`.
pub(super) fn secret(value: JsValue) -> Result<Secret> {
    let object: SecretObject = options(value)?;
    match (object.vault_secret, object.key_pair) {
        (Some(vault), None) => {
            let vault = zeroize::Zeroizing::new(vault);
            let bad = |_| Error::bad_input("a vault secret is 32 bytes in base64url, as deriveSecrets() gives it");
            let bytes = SecretBytes::new(from_base64url(&vault).map_err(bad)?);
            Key32::from_slice(bytes.expose()).map(Secret::Vault).map_err(bad)
        }
        (None, Some(pair)) => {
            let private = zeroize::Zeroizing::new(pair.private_key);
            let pkcs8 = SecretBytes::new(from_hex(&private)?);
            KeyPair::parse(&from_hex(&pair.public_key)?, pkcs8).map(Secret::KeyPair)
        }
        _ => Err(Error::bad_input("give exactly one of password, vaultSecret and keyPair")),
    }
}

/// Bytes from JavaScript, copied when they are few.
pub(super) fn buffer(bytes: Uint8Array) -> Result<Buffer> {
    if bytes.length() <= SMALL {
        return Ok(Buffer::Heap(bytes.to_vec()));
    }
    WebBuffer::from_js(bytes.into()).map(Buffer::Web)
}

/// Bytes for JavaScript.
pub(super) fn bytes(buffer: &Buffer) -> JsValue {
    match buffer {
        Buffer::Heap(bytes) => Uint8Array::from(bytes.as_slice()).into(),
        Buffer::Web(bytes) => bytes.as_js().clone(),
    }
}

/// An item's id.
pub(super) fn id(text: &str) -> Result<Uuid> {
    // Only the usual form with hyphens: an id is compared as text elsewhere.
    let parsed = Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string() == text.to_ascii_lowercase());
    parsed.ok_or_else(|| Error::bad_input("an id is a UUID"))
}

/// Several ids, or all (`undefined`).
pub(super) fn ids(list: Option<Vec<String>>) -> Result<Option<Vec<Uuid>>> {
    list.map(|list| list.iter().map(|text| id(text)).collect()).transpose()
}

/// A time in Unix milliseconds.
pub(super) fn time(ms: f64) -> Result<u64> {
    if ms.is_finite() && (0.0..=9e15).contains(&ms) {
        return Ok(ms as u64);
    }
    Err(Error::bad_input("a time is a valid date after 1970"))
}

/// A public key as `session.publicKey` shows it.
#[derive(Serialize)]
pub(super) struct ShownKey {
    login: String,
    version: u64,
    encryption: String,
    signing: String,
    fingerprint: String,
    created: u64,
}

impl From<&Keyset> for ShownKey {
    fn from(keyset: &Keyset) -> Self {
        Self {
            login: keyset.login.clone(),
            version: keyset.version,
            encryption: hex::encode(&keyset.encryption_key.0),
            signing: keyset.signing_key.hex(),
            fingerprint: keyset.fingerprint().hex(),
            created: keyset.created,
        }
    }
}

/// A progress callback. What it throws ends the operation, and is thrown on.
pub(super) struct Progress {
    callback: Option<Function>,
    thrown: RefCell<Option<JsValue>>,
}

impl Progress {
    pub(super) fn new(callback: Option<Function>) -> Self {
        Self { callback, thrown: RefCell::default() }
    }

    pub(super) fn report(&self, done: usize) -> Result<()> {
        let Some(callback) = &self.callback else { return Ok(()) };
        match callback.call1(&JsValue::UNDEFINED, &JsValue::from_f64(done as f64)) {
            Ok(_) => Ok(()),
            Err(thrown) => {
                *self.thrown.borrow_mut() = Some(thrown);
                Err(Error::new(Code::Aborted, "the operation was aborted"))
            }
        }
    }

    /// What to throw for an outcome: what the callback threw, if it did.
    pub(super) fn finish<T>(&self, outcome: Result<T>) -> Result<T, Thrown> {
        outcome.map_err(|error| match self.thrown.take() {
            Some(thrown) if error.code() == Code::Aborted => thrown,
            _ => throw(error),
        })
    }
}
