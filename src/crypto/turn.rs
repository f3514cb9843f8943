//! Turns of the event loop. Everything here runs on one thread, which is a page's or a server's, too: work that waits for
//! nothing keeps timers, clicks and aborts from being heard.

/// Lets others go on, if that was not done for a while. Asked between the parts of long work; costs next to nothing.
pub async fn turn() {
    #[cfg(target_arch = "wasm32")]
    super::webcrypto::turn().await;
}
