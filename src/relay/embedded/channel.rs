//! Telling other tabs what changed, and hearing it from them: a `BroadcastChannel` (wasm only).

use std::collections::BTreeSet;

use js_sys::{Array, Function, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

/// An open channel; it closes when dropped.
pub struct Channel {
    channel: BroadcastChannel,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl Channel {
    /// Opens the channel of a name. `None` where there are no channels: other tabs then find out when they ask.
    pub fn open(name: &str, heard: impl Fn(BTreeSet<String>) + 'static) -> Option<Self> {
        if !Reflect::has(&js_sys::global(), &"BroadcastChannel".into()).unwrap_or(false) {
            return None;
        }
        let channel = BroadcastChannel::new(name).ok()?;
        let on_message = Closure::new(move |event: MessageEvent| {
            // What another script of this origin posts is only ever a reason to look.
            if let Ok(logins) = event.data().dyn_into::<Array>() {
                heard(logins.iter().filter_map(|l| l.as_string()).collect());
            }
        });
        channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        // In Node an open channel would keep the process alive.
        let unref = Reflect::get(&channel, &"unref".into()).ok();
        if let Some(unref) = unref.as_ref().and_then(|f| f.dyn_ref::<Function>()) {
            let _ = unref.call0(&channel);
        }
        Some(Self { channel, _on_message: on_message })
    }

    /// Tells the others which logins something concerns.
    pub fn post(&self, logins: &BTreeSet<String>) {
        let list: Array = logins.iter().map(|l| JsValue::from_str(l)).collect();
        // A channel that cannot be written to is no reason to fail what was done: the others look when they ask.
        let _ = self.channel.post_message(&list);
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}
