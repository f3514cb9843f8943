//! A backend that a JavaScript object carries (wasm only), such as the package's directory in Node.
//!
//! The object has three methods, each giving a promise: `get(keys)` gives records or `undefined` in that order;
//! `list(prefix, after, limit)` gives records in order of their keys (by UTF-8); `commit(writes)` writes all or
//! nothing and gives `false` if some record's revision is not the expected one. A record is `{ key, rev, value }`;
//! a write is `{ key, expected, value }`, whose `value` is `undefined` to delete. Revisions start at 1 and go up
//! by one with each write.
//!
//! Four more keep the parts of files, as `Uint8Array`s: `putParts(item, [[name, bytes]…])`, `getParts(item, names)`,
//! which gives bytes or `undefined` in that order, `countParts(item)` and `dropParts(item)`.

use std::fmt;

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::crypto::envelope::Buffer;
use crate::crypto::webcrypto::WebBuffer;
use crate::error::{Code, Error, Result};
use crate::relay::rules::{Stored, Write};

/// The object.
#[derive(Clone)]
pub struct Foreign(JsValue);

#[derive(Serialize, Deserialize)]
struct Row {
    key: String,
    rev: u64,
    value: String,
}

/// A method that threw, or rejected: with what.
fn threw(name: &str, thrown: JsValue) -> Error {
    Error::new(Code::RelayUnavailable, format!("the relay's {name} failed: see `cause`")).because(thrown)
}

/// A method that gave what it should not.
fn odd(name: &str, wanted: &str) -> Error {
    Error::new(Code::RelayUnavailable, format!("the relay's {name} did not give {wanted}"))
}

/// What `get` and `list` give.
const ROWS: &str = "an array of records { key, rev, value }";
/// What `getParts` gives.
const PARTS: &str = "a Uint8Array, or undefined, for each name";

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Foreign")
    }
}

impl Foreign {
    /// Takes the object. Errors: [`Code::BadInput`] if it lacks a method.
    pub fn new(object: JsValue) -> Result<Self> {
        for name in ["get", "list", "commit", "putParts", "getParts", "countParts", "dropParts"] {
            let method = Reflect::get(&object, &name.into()).ok();
            if !method.is_some_and(|m| m.is_function()) {
                return Err(Error::bad_input(format!("the relay object lacks the method {name}")));
            }
        }
        Ok(Self(object))
    }

    async fn call(&self, name: &str, arguments: &Array) -> Result<JsValue> {
        let broken = |thrown| threw(name, thrown);
        let method = Reflect::get(&self.0, &name.into()).map_err(broken)?;
        let method: Function = method.dyn_into().map_err(broken)?;
        let answer = method.apply(&self.0, arguments).map_err(broken)?;
        JsFuture::from(Promise::resolve(&answer)).await.map_err(|e| match quota(&e) {
            true => Error::new(Code::Quota, "the relay's storage is full: nothing was written").because(e),
            false => broken(e),
        })
    }

    fn rows(name: &str, answer: JsValue) -> Result<Vec<Option<Row>>> {
        serde_wasm_bindgen::from_value(answer).map_err(|_| odd(name, ROWS))
    }

    pub(super) async fn get(&self, keys: &[String]) -> Result<Vec<Option<Stored>>> {
        let list: Array = keys.iter().map(|k| JsValue::from_str(k)).collect();
        let rows = Self::rows("get", self.call("get", &Array::of1(&list)).await?)?;
        if rows.len() != keys.len() {
            return Err(odd("get", "one record, or undefined, for each key"));
        }
        Ok(rows.into_iter().map(|row| row.map(|r| Stored { rev: r.rev, value: r.value.into() })).collect())
    }

    pub(super) async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<(String, Stored)>> {
        let arguments = Array::of3(&prefix.into(), &after.into(), &JsValue::from_f64(limit as f64));
        let rows = Self::rows("list", self.call("list", &arguments).await?)?;
        Ok(rows.into_iter().flatten().map(|r| (r.key, Stored { rev: r.rev, value: r.value.into() })).collect())
    }

    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<bool> {
        #[derive(Serialize)]
        struct Change {
            key: String,
            expected: u64,
            value: Option<String>,
        }
        let mut changes = Vec::with_capacity(writes.len());
        for Write { key, expected, value } in writes {
            let value = value.map(|content| content.text()).transpose()?.map(|text| text.to_string());
            changes.push(Change { key, expected, value });
        }
        let changes = serde_wasm_bindgen::to_value(&changes).map_err(|e| threw("commit", e.into()))?;
        let done = self.call("commit", &Array::of1(&changes)).await?.as_bool();
        done.ok_or_else(|| odd("commit", "true, or false where a record has another revision"))
    }

    pub(super) async fn put_parts(&self, item: Uuid, parts: Vec<(String, Buffer)>) -> Result<()> {
        let list: Array = parts
            .iter()
            .map(|(name, bytes)| {
                let bytes = match bytes {
                    Buffer::Heap(bytes) => Uint8Array::from(&bytes[..]).into(),
                    Buffer::Web(bytes) => bytes.as_js().clone(),
                };
                Array::of2(&name.into(), &bytes)
            })
            .collect();
        self.call("putParts", &Array::of2(&item.to_string().into(), &list)).await.map(drop)
    }

    pub(super) async fn get_parts(&self, item: Uuid, names: &[String]) -> Result<Vec<Option<Buffer>>> {
        let list: Array = names.iter().map(|n| JsValue::from_str(n)).collect();
        let answer = self.call("getParts", &Array::of2(&item.to_string().into(), &list)).await?;
        let found: Array = answer.dyn_into().map_err(|_| odd("getParts", PARTS))?;
        if found.length() as usize != names.len() {
            return Err(odd("getParts", PARTS));
        }
        let part = |value: JsValue| match value.is_undefined() {
            true => Ok(None),
            false => {
                WebBuffer::from_js(value).map(|bytes| Some(Buffer::Web(bytes))).map_err(|_| odd("getParts", PARTS))
            }
        };
        found.iter().map(part).collect()
    }

    pub(super) async fn count_parts(&self, item: Uuid) -> Result<u64> {
        let count = self.call("countParts", &Array::of1(&item.to_string().into())).await?.as_f64();
        count
            .filter(|n| *n >= 0.0 && n.fract() == 0.0)
            .map(|n| n as u64)
            .ok_or_else(|| odd("countParts", "a whole number"))
    }

    pub(super) async fn drop_parts(&self, item: Uuid) -> Result<()> {
        self.call("dropParts", &Array::of1(&item.to_string().into())).await.map(drop)
    }
}

fn quota(error: &JsValue) -> bool {
    let code = Reflect::get(error, &"code".into()).ok().and_then(|c| c.as_string());
    matches!(code.as_deref(), Some("ENOSPC" | "EDQUOT"))
}
