//! All tests of the core, in one binary: each further one costs a link, and in the browser a start of that, too.
//! `cargo test story` runs what has that in its name; CONTRIBUTING.md says what belongs where.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

#[cfg(not(target_arch = "wasm32"))]
mod attacks;
#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(not(target_arch = "wasm32"))]
mod call_options;
#[cfg(not(target_arch = "wasm32"))]
mod carried_over;
#[cfg(not(target_arch = "wasm32"))]
mod co_writers;
#[cfg(not(target_arch = "wasm32"))]
mod corpora;
#[cfg(not(target_arch = "wasm32"))]
mod graph;
#[cfg(not(target_arch = "wasm32"))]
mod heads;
#[path = "support/here.rs"]
mod here;
#[cfg(not(target_arch = "wasm32"))]
mod hostile_world;
#[cfg(not(target_arch = "wasm32"))]
mod locking_out;
#[cfg(not(target_arch = "wasm32"))]
mod names;
#[cfg(not(target_arch = "wasm32"))]
mod pieces;
#[cfg(not(target_arch = "wasm32"))]
mod probe;
#[cfg(not(target_arch = "wasm32"))]
mod properties;
#[cfg(not(target_arch = "wasm32"))]
mod random_graphs;
#[cfg(not(target_arch = "wasm32"))]
mod remembered;
#[cfg(not(target_arch = "wasm32"))]
mod rested;
#[cfg(not(target_arch = "wasm32"))]
mod rules;
#[cfg(not(target_arch = "wasm32"))]
mod secrets;
#[cfg(not(target_arch = "wasm32"))]
mod sessions;
#[cfg(not(target_arch = "wasm32"))]
mod story;
#[cfg(not(target_arch = "wasm32"))]
mod support;
#[cfg(not(target_arch = "wasm32"))]
mod takeover;
#[cfg(not(target_arch = "wasm32"))]
mod trust;
mod vectors;
