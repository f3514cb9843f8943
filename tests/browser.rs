//! Runs in a real browser only: `cargo xtask test browser`.

use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn the_module_knows_its_version() {
    assert_eq!(regrant::js::version(), env!("CARGO_PKG_VERSION"));
}
