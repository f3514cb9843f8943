//! The exports of the embedded relay's module: a call in steps, which JavaScript drives over a storage.

use std::collections::BTreeSet;

use js_sys::{Array, JSON, Object, Reflect};
use wasm_bindgen::prelude::*;

use super::{Answer, Ask, Call, Commit, Options, Parsed, Row, Step, Stored};
use regrant_protocol::encoding::from_json;
use regrant_protocol::error::{Code, Error, Result};
use regrant_protocol::operations::{Operation, Outcome, Reply};
use regrant_protocol::wire::to_json;

/// An error as the package's JavaScript takes it.
fn throw(error: Error) -> JsValue {
    object([("code", error.code().as_str().into()), ("message", error.message().into())])
}

fn object<const N: usize>(fields: [(&str, JsValue); N]) -> JsValue {
    let out = Object::new();
    for (name, value) in fields {
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&out, &name.into(), &value);
    }
    out.into()
}

fn array<T>(items: impl IntoIterator<Item = T>, to: impl Fn(T) -> JsValue) -> JsValue {
    items.into_iter().map(to).collect::<Array>().into()
}

fn strings(list: &[String]) -> JsValue {
    array(list, |text| text.as_str().into())
}

fn number(n: u64) -> JsValue {
    JsValue::from_f64(n as f64)
}

fn question(ask: &Ask) -> JsValue {
    match ask {
        Ask::Record(key) => object([("record", key.as_str().into())]),
        Ask::List { prefix, after, limit } => listing("list", prefix, after, *limit),
        Ask::Index { prefix, after, limit } => listing("index", prefix, after, *limit),
        Ask::Names { prefix, after, limit } => listing("names", prefix, after, *limit),
        Ask::Head(log) => object([("head", log.as_str().into())]),
        Ask::Parts(item) => object([("parts", item.to_string().into())]),
    }
}

fn listing(kind: &str, prefix: &str, after: &str, limit: usize) -> JsValue {
    object([(kind, prefix.into()), ("after", after.into()), ("limit", number(limit as u64))])
}

fn pair((name, rev): &(String, u64)) -> JsValue {
    Array::of2(&name.as_str().into(), &number(*rev)).into()
}

fn commit(commit: &Commit) -> JsValue {
    let list = |(ask, rows): &(Ask, Vec<(String, u64)>)| {
        let question = question(ask);
        let _ = Reflect::set(&question, &"rows".into(), &array(rows, pair));
        question
    };
    let items = |items: &[uuid::Uuid]| array(items, |item| item.to_string().into());
    let asked = object([
        ("records", array(&commit.records, pair)),
        ("lists", array(&commit.lists, list)),
        (
            "writes",
            array(&commit.writes, |write| match &write.value {
                Some(value) => object([
                    ("key", write.key.as_str().into()),
                    ("value", (**value).into()),
                    ("index", strings(&write.index)),
                ]),
                None => object([("key", write.key.as_str().into())]),
            }),
        ),
        (
            "appends",
            array(&commit.appends, |append| {
                object([
                    ("log", append.log.as_str().into()),
                    ("value", (*append.value).into()),
                    ("index", strings(&append.index)),
                ])
            }),
        ),
    ]);
    object([("commit", asked), ("dropped", items(&commit.dropped)), ("abandoned", items(&commit.abandoned))])
}

fn done(replies: Vec<Result<Reply>>, touched: &BTreeSet<String>) -> Result<JsValue> {
    let outcomes: Vec<Outcome> = replies.into_iter().map(Outcome::from).collect();
    Ok(object([("done", to_json(&outcomes)?.into()), ("touched", array(touched, |login| login.as_str().into()))]))
}

fn nonsense() -> Error {
    Error::new(Code::RelayUnavailable, "the relay's storage answers nonsense: see RelayStorage in the documentation")
}

fn field(value: &JsValue, name: &str) -> Result<JsValue> {
    Reflect::get(value, &name.into()).map_err(|_| nonsense())
}

fn text(value: &JsValue, name: &str) -> Result<String> {
    field(value, name)?.as_string().ok_or_else(nonsense)
}

fn whole(value: &JsValue) -> Result<u64> {
    let number = value.as_f64().filter(|n| *n >= 0.0 && n.fract() == 0.0 && *n <= 9_007_199_254_740_991.0);
    number.map(|n| n as u64).ok_or_else(nonsense)
}

fn stored(value: &JsValue) -> Result<Stored> {
    let rev = whole(&field(value, "rev")?)?;
    Ok(Stored { rev, value: text(value, "value")?.into() })
}

fn answer(ask: &Ask, value: &JsValue) -> Result<Answer> {
    match ask {
        Ask::Record(_) if value.is_undefined() || value.is_null() => Ok(Answer::Record(None)),
        Ask::Record(_) => stored(value).map(|stored| Answer::Record(Some(stored))),
        Ask::List { .. } | Ask::Index { .. } | Ask::Names { .. } => {
            let rows: &Array = value.dyn_ref().ok_or_else(nonsense)?;
            let named = !matches!(ask, Ask::List { .. });
            let empty = matches!(ask, Ask::Names { .. });
            let row = |row: JsValue| {
                let key = text(&row, "key")?;
                let name = if named { text(&row, "name")? } else { key.clone() };
                let stored = match empty {
                    true => Stored { rev: whole(&field(&row, "rev")?)?, value: "".into() },
                    false => stored(&row)?,
                };
                Ok(Row { name, key, stored })
            };
            rows.iter().map(row).collect::<Result<_>>().map(Answer::Rows)
        }
        Ask::Head(_) | Ask::Parts(_) => whole(value).map(Answer::Number),
    }
}

/// The rules of a relay.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Rules {
    parsed: Parsed,
}

#[wasm_bindgen]
impl Rules {
    /// The rules, with nothing read yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to carry out operations (a JSON array) of whoever has a token. `options`: `{ relayId, now, settings?:
    /// { registration?, reset?, firstAdministers? }, idempotencyKey?, user?: { uid, gid?, iat } }`, see [`Options`].
    pub fn call(&self, token: Option<String>, operations: &str, options: &JsValue) -> Result<RelayCall, JsValue> {
        let operations: Vec<Operation> =
            from_json(operations).map_err(|_| throw(Error::bad_input("these are not operations of a relay")))?;
        let options = JSON::stringify(options).ok().and_then(|json| from_json::<Options>(&String::from(json)).ok());
        let options = options.ok_or_else(|| throw(Error::bad_input("these are no options of a call")))?;
        let call = Call::new(token.map(Into::into), operations, options, &self.parsed).map_err(throw)?;
        Ok(RelayCall { call, asked: Vec::new() })
    }
}

/// A call that is carried out step by step.
#[wasm_bindgen]
#[derive(Debug)]
pub struct RelayCall {
    call: Call,
    asked: Vec<Ask>,
}

#[wasm_bindgen]
impl RelayCall {
    /// What to do next: `{ read: questions }`, `{ commit, dropped, abandoned }` or `{ done: answers as JSON, touched }`.
    pub fn step(&mut self) -> Result<JsValue, JsValue> {
        match self.call.step() {
            Step::Read(asks) => {
                let read = object([("read", array(&asks, question))]);
                self.asked = asks;
                Ok(read)
            }
            Step::Commit(asked) => Ok(commit(&asked)),
            Step::Done(replies, touched) => done(replies, &touched).map_err(throw),
        }
    }

    /// Takes what was read, in the order of the questions.
    pub fn answer(&mut self, answers: &Array) -> Result<(), JsValue> {
        let asked = std::mem::take(&mut self.asked);
        if answers.length() as usize != asked.len() {
            return Err(throw(nonsense()));
        }
        let found: Result<Vec<Answer>> =
            asked.iter().zip(answers.iter()).map(|(ask, value)| answer(ask, &value)).collect();
        found.and_then(|found| self.call.answer(found)).map_err(throw)
    }

    /// Takes whether the commit was made.
    pub fn committed(&mut self, made: bool) {
        self.call.committed(made);
    }
}
