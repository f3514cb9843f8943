//! The cryptography against published vectors, against its own recorded ones, and against harm.
//!
//! Every story runs natively with the Rust engine, and in a browser with both engines. One binary for all of
//! them, because every wasm test binary costs CI a link and a browser. `cargo test --test all -- --ignored
//! regenerate` writes the recorded vectors anew; a change in them is a change of the protocol.

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
mod browser;
mod harm;
mod help;
mod published;
mod recorded;
mod streams;
mod together;
mod world;
mod wycheproof;
