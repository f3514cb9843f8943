//! Waiting for other tabs (wasm only). How, is JavaScript's business: a function gives a promise of a function that
//! lets the next one go on.

use std::fmt;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// A way of waiting; none where there is nothing to wait with.
#[derive(Clone)]
pub struct Lock(Option<Function>);

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

impl Lock {
    /// Takes the function; anything else is none.
    pub fn new(acquire: JsValue) -> Self {
        Self(acquire.dyn_into().ok())
    }

    pub(super) async fn hold(&self) -> Option<Held> {
        let promise = self.0.as_ref()?.call0(&JsValue::UNDEFINED).ok()?;
        let release = JsFuture::from(Promise::resolve(&promise)).await.ok()?;
        release.dyn_into().ok().map(Held)
    }
}

/// Lets the next one go on when it is dropped.
#[derive(Debug)]
pub struct Held(Function);

impl Drop for Held {
    fn drop(&mut self) {
        // It gives up by itself after a while, should this fail.
        let _ = self.0.call0(&JsValue::UNDEFINED);
    }
}
