//! Telling JavaScript of a panic: a future that panics never settles its promise, so the package must hear of it.

use std::cell::RefCell;

use js_sys::Function;
use wasm_bindgen::prelude::*;

thread_local! {
    static LISTENER: RefCell<Option<Function>> = RefCell::default();
}

/// Calls back with a message, once, before a panic stops the module. The message names where, never what with.
pub(super) fn listen(callback: Function) {
    LISTENER.with(|listener| listener.replace(Some(callback)));
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        if let Some(callback) = LISTENER.with(RefCell::take) {
            // There is nobody left to tell if telling fails.
            let _ = callback.call1(&JsValue::UNDEFINED, &format!("panic{place}").into());
        }
    }));
}
