//! Convert, call, convert: the only place that declares exports.

use wasm_bindgen::prelude::*;

/// The package's version, as in its `package.json`.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
