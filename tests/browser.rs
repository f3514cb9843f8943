//! Runs in a real browser: `cargo xtask test`.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn the_module_knows_its_version() {
    assert_eq!(regrant::js::version(), env!("CARGO_PKG_VERSION"));
}
