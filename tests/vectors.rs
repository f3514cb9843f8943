//! The cryptography against published vectors, against its own recorded ones, and against harm.
//!
//! Every story runs natively with the Rust engine, and in a browser with both engines. One binary for all of
//! them, because every wasm test binary costs CI a link and a browser. `cargo test --test vectors -- --ignored
//! regenerate` writes the recorded vectors anew; a change in them is a change of the protocol.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// Runs `async fn`s of this module as tests, natively and in the browser.
macro_rules! stories {
    ($($name:ident),+ $(,)?) => {
        mod stories {
            $(
                #[cfg(not(target_arch = "wasm32"))]
                #[test]
                fn $name() {
                    futures::executor::block_on(super::$name());
                }
                #[cfg(target_arch = "wasm32")]
                #[wasm_bindgen_test::wasm_bindgen_test]
                async fn $name() {
                    super::$name().await;
                }
            )+
        }
    };
}

#[cfg(target_arch = "wasm32")]
#[path = "vectors/browser.rs"]
mod browser;
#[path = "vectors/harm.rs"]
mod harm;
#[path = "vectors/help.rs"]
mod help;
#[path = "vectors/published.rs"]
mod published;
#[path = "vectors/recorded.rs"]
mod recorded;
#[path = "vectors/streams.rs"]
mod streams;
#[path = "vectors/together.rs"]
mod together;
#[path = "vectors/world.rs"]
mod world;
#[path = "vectors/wycheproof.rs"]
mod wycheproof;
