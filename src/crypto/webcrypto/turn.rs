//! Turns of the event loop, by a function that knows the clock and what there is to wait for.

use std::cell::RefCell;

use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

thread_local! {
    static TURN: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Takes the function: it gives a promise where others should go on first, and `undefined` where there is no need.
pub fn set_turn(asked: Function) {
    TURN.set(Some(asked));
}

pub(in crate::crypto) async fn turn() {
    let Some(asked) = TURN.with_borrow(Clone::clone) else { return };
    let wait = asked.call0(&JsValue::UNDEFINED).ok().and_then(|answer| answer.dyn_into::<Promise>().ok());
    if let Some(wait) = wait {
        // It never rejects, and if it did the work goes on.
        drop(JsFuture::from(wait).await);
    }
}
