//! A relay that a JavaScript object stands for (wasm only): the embedded one, one over HTTP, or the application's own.
//!
//! The object has four methods. `call(token, operations)` gives a promise of the answers, in order; operations and answers
//! are plain JSON. `putParts(token, item, [[name, bytes]…])` and `getParts(token, item, basis, names)` move the parts of
//! files. `subscribe(login, listener)` gives a function that ends it.

use std::fmt;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use js_sys::{Array, Function, JSON, Promise, Reflect, Uint8Array};
use uuid::Uuid;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::{Operation, Outcome, Part, Refusal, Reply, Subscription, Token, Transport, unexpected};
use crate::crypto::envelope::Buffer;
use crate::crypto::webcrypto::WebBuffer;
use crate::encoding::from_json;
use crate::error::{Code, Error, Result};
use crate::wire::to_json;

/// The object.
pub struct RelayObject(JsValue);

impl fmt::Debug for RelayObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayObject")
    }
}

/// What a method that threw or rejected means: by its code, what a relay refused with.
fn threw(name: &str, thrown: JsValue) -> Error {
    let get = |name: &str| Reflect::get(&thrown, &name.into()).ok();
    let text = |name: &str| get(name).and_then(|value| value.as_string());
    let refused = text("code").unwrap_or_default();
    if !Refusal::is_code(&refused) {
        let message = format!("the relay's {name} failed: see `cause`");
        return Error::new(Code::RelayUnavailable, message).because(thrown);
    }
    let error = Refusal {
        refused,
        message: text("message").unwrap_or_default(),
        logins: get("logins").and_then(|logins| logins.dyn_into::<Array>().ok()).map(texts).unwrap_or_default(),
        lasting: false,
    }
    .into_error();
    let cause = get("cause").filter(|cause| !cause.is_undefined());
    error.because(cause.unwrap_or(thrown))
}

fn texts(list: Array) -> Vec<String> {
    list.iter().filter_map(|value| value.as_string()).collect()
}

/// A method that gave what it should not.
fn odd(name: &str, wanted: &str) -> Error {
    Error::new(Code::RelayUnavailable, format!("the relay's {name} did not give {wanted}"))
}

/// What `call` gives.
const ANSWERS: &str = "an answer for each operation";
/// What `getParts` gives.
const PARTS: &str = "a Uint8Array, or undefined, for each name";

impl RelayObject {
    /// Takes the object. Errors: [`Code::BadInput`] if it lacks a method.
    pub fn new(object: JsValue) -> Result<Self> {
        for name in ["call", "putParts", "getParts", "subscribe"] {
            if !Reflect::get(&object, &name.into()).is_ok_and(|method| method.is_function()) {
                return Err(Error::bad_input(format!("the relay object lacks the method {name}")));
            }
        }
        Ok(Self(object))
    }

    async fn method(&self, name: &str, arguments: &Array) -> Result<JsValue> {
        let broken = |thrown| threw(name, thrown);
        let method: Function = Reflect::get(&self.0, &name.into()).and_then(JsCast::dyn_into).map_err(broken)?;
        let answer = method.apply(&self.0, arguments).map_err(broken)?;
        JsFuture::from(Promise::resolve(&answer)).await.map_err(broken)
    }

    async fn carry_out(&self, token: Option<&Token>, operations: Vec<Operation>) -> Result<Vec<Result<Reply>>> {
        let text = to_json(&operations)?;
        // What was just written as JSON is JSON.
        let list = JSON::parse(&text).map_err(|thrown| threw("call", thrown))?;
        let answers = self.method("call", &Array::of2(&said(token), &list)).await?;
        let answers = answers.dyn_into::<Array>().map_err(|_| odd("call", ANSWERS))?;
        if answers.length() as usize != operations.len() {
            return Err(odd("call", ANSWERS));
        }
        let text = JSON::stringify(&answers).ok().and_then(|text| text.as_string());
        let text = text.ok_or_else(|| odd("call", ANSWERS))?;
        let answers: Vec<Outcome> = from_json(&text).map_err(|_| unexpected())?;
        Ok(answers.into_iter().map(Into::into).collect())
    }

    async fn put(&self, token: Option<&Token>, item: Uuid, parts: Vec<(Part, Buffer)>) -> Result<()> {
        let parts: Array = parts
            .iter()
            .map(|(part, bytes)| {
                let bytes = match bytes {
                    Buffer::Heap(bytes) => Uint8Array::from(&bytes[..]).into(),
                    Buffer::Web(bytes) => bytes.as_js().clone(),
                };
                Array::of2(&part.name().into(), &bytes)
            })
            .collect();
        self.method("putParts", &Array::of3(&said(token), &item.to_string().into(), &parts)).await.map(drop)
    }

    async fn get(&self, token: Option<&Token>, item: Uuid, basis: Uuid, parts: &[Part]) -> Result<Vec<Option<Buffer>>> {
        let names: Array = parts.iter().map(|part| JsValue::from(part.name())).collect();
        let (item, basis) = (item.to_string(), basis.to_string());
        let answer = self.method("getParts", &Array::of4(&said(token), &item.into(), &basis.into(), &names)).await?;
        let found: Array = answer.dyn_into().map_err(|_| odd("getParts", PARTS))?;
        if found.length() as usize != parts.len() {
            return Err(odd("getParts", PARTS));
        }
        let part = |value: JsValue| match value.is_undefined() {
            true => Ok(None),
            false => {
                WebBuffer::from_js(value).map(|bytes| Some(Buffer::Web(bytes))).map_err(|_| odd("getParts", PARTS))
            }
        };
        found.iter().map(part).collect()
    }
}

fn said(token: Option<&Token>) -> JsValue {
    token.map_or(JsValue::UNDEFINED, |token| JsValue::from_str(token.expose()))
}

/// Ends a subscription when it is dropped.
struct Ending {
    stop: JsValue,
    _listener: Closure<dyn Fn()>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.dyn_ref::<Function>() {
            // What it throws is its own matter: nobody listens any more.
            drop(stop.call0(&JsValue::UNDEFINED));
        }
    }
}

impl Transport for RelayObject {
    fn call<'a>(
        &'a self,
        token: Option<&'a Token>,
        operations: Vec<Operation>,
    ) -> LocalBoxFuture<'a, Result<Vec<Result<Reply>>>> {
        self.carry_out(token, operations).boxed_local()
    }

    fn put_parts<'a>(
        &'a self,
        token: Option<&'a Token>,
        item: Uuid,
        parts: Vec<(Part, Buffer)>,
    ) -> LocalBoxFuture<'a, Result<()>> {
        self.put(token, item, parts).boxed_local()
    }

    fn get_parts<'a>(
        &'a self,
        token: Option<&'a Token>,
        item: Uuid,
        basis: Uuid,
        parts: &'a [Part],
    ) -> LocalBoxFuture<'a, Result<Vec<Option<Buffer>>>> {
        self.get(token, item, basis, parts).boxed_local()
    }

    fn subscribe(&self, login: &str, listener: Box<dyn Fn()>) -> Subscription {
        let listener = Closure::wrap(listener);
        let method: Option<Function> =
            Reflect::get(&self.0, &"subscribe".into()).ok().and_then(|method| method.dyn_into().ok());
        // A relay that cannot tell of changes is asked when something is called for.
        let stop = method.and_then(|method| method.call2(&self.0, &login.into(), listener.as_ref()).ok());
        Subscription::new(Ending { stop: stop.unwrap_or_default(), _listener: listener })
    }
}
