//! A store that a JavaScript object carries (wasm only): the application's own, or the package's directory in Node.
//!
//! The object has two methods, each giving a promise: `get(key)` gives text, or `undefined`; `write(changes, expected,
//! giveUp)` writes `[key, text or null]` pairs, all or nothing, and gives `false`, having written nothing, where a pair
//! of `expected` is not what is stored. Also holds what an exception of a store means to the caller.

use std::fmt;

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::{Batch, Entry, Outcome, failed};
use crate::error::{Code, Error, Result};

/// No record is longer, in UTF-16 code units.
const LONGEST: u32 = 1 << 24;

/// What an exception of a store means, with the exception as its cause.
pub(super) fn failure(thrown: JsValue) -> Error {
    let text = |name: &str| Reflect::get(&thrown, &name.into()).ok().and_then(|value| value.as_string());
    let (name, code) = (text("name").unwrap_or_default(), text("code").unwrap_or_default());
    let own = [Code::Quota, Code::StoreMissing, Code::UnsupportedVersion].into_iter().find(|c| c.as_str() == code);
    let code = match (name.as_str(), code.as_str()) {
        ("QuotaExceededError" | "NS_ERROR_DOM_QUOTA_REACHED", _) | (_, "ENOSPC" | "EDQUOT") => Code::Quota,
        ("SecurityError", _) => Code::StoreMissing,
        _ => own.unwrap_or(Code::StoreUnreadable),
    };
    failed(code).because(thrown)
}

/// The object.
#[derive(Clone)]
pub struct Foreign(JsValue);

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Foreign")
    }
}

fn pair(key: &str, text: Option<&str>) -> Array {
    Array::of2(&key.into(), &text.map_or(JsValue::NULL, JsValue::from_str))
}

impl Foreign {
    /// Takes the object, which the package has looked at.
    pub fn new(object: JsValue) -> Self {
        Self(object)
    }

    async fn call(&self, name: &str, arguments: &Array) -> Result<JsValue> {
        let method: Function = Reflect::get(&self.0, &name.into()).and_then(JsCast::dyn_into).map_err(failure)?;
        let answer = method.apply(&self.0, arguments).map_err(failure)?;
        JsFuture::from(Promise::resolve(&answer)).await.map_err(failure)
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Entry>> {
        let value = self.call("get", &Array::of1(&key.into())).await?;
        if value.is_undefined() || value.is_null() {
            return Ok(None);
        }
        let text = value.dyn_ref::<js_sys::JsString>().filter(|text| text.length() <= LONGEST);
        let text = text.and_then(|text| text.as_string()).ok_or_else(|| failed(Code::StoreUnreadable))?;
        Ok(Some(Entry::of(text)))
    }

    pub(super) async fn write(&self, batch: Batch) -> Result<Outcome> {
        if batch.changes.iter().any(|(_, entry)| entry.as_ref().is_some_and(|e| !e.keys.is_empty())) {
            return Ok(Outcome::KeysRefused);
        }
        let changes: Array = batch.changes.iter().map(|(k, e)| pair(k, e.as_ref().map(|e| e.text.as_str()))).collect();
        let expected: Array = batch.expected.iter().map(|(k, text)| pair(k, text.as_deref())).collect();
        let answer = self.call("write", &Array::of3(&changes, &expected, &batch.give_up.into())).await?;
        Ok(if answer.is_falsy() && !answer.is_undefined() { Outcome::Changed } else { Outcome::Written })
    }
}
