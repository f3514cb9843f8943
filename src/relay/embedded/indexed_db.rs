//! A backend in IndexedDB (wasm only): one record a key, one transaction a batch.

use futures_util::future::join_all;
use idb::{KeyRange, Query, TransactionMode};
use js_sys::{Object, Reflect, Uint8Array};
use uuid::Uuid;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

use crate::crypto::envelope::Buffer;
use crate::crypto::webcrypto::WebBuffer;
use crate::error::{Code, Error, Result};
use crate::relay::rules::{Stored, Write};
use crate::store::indexed_db::{Lazy, RECORDS, commit, failure};

/// Records in IndexedDB; the parts of files in a database of their own.
#[derive(Clone, Debug)]
pub struct IndexedDb {
    records: Lazy,
    parts: Lazy,
}

fn unreadable() -> Error {
    Error::new(Code::StoreUnreadable, "a record of the embedded relay cannot be read")
}

fn from_js(value: &JsValue) -> Result<Stored> {
    let get = |name: &str| Reflect::get(value, &name.into()).map_err(|_| unreadable());
    let rev = get("rev")?.as_f64().ok_or_else(unreadable)?;
    Ok(Stored { rev: rev as u64, value: get("value")?.as_string().ok_or_else(unreadable)?.into() })
}

fn to_js(key: &str, rev: u64, value: &str) -> Result<JsValue> {
    let object = Object::new();
    let set = |name: &str, v: JsValue| Reflect::set(&object, &name.into(), &v).map_err(|_| unreadable());
    set("key", key.into())?;
    set("rev", (rev as f64).into())?;
    set("value", value.into())?;
    Ok(object.into())
}

impl IndexedDb {
    /// The relay of a name; its databases are `regrant/{name}/relay` and `regrant/{name}/files`.
    pub fn named(name: &str) -> Self {
        let named = |what: &str| Lazy::new(&format!("regrant/{name}/{what}"));
        Self { records: named("relay"), parts: named("files") }
    }

    pub(super) async fn get(&self, keys: &[String]) -> Result<Vec<Option<Stored>>> {
        let transaction = self.records.transaction(TransactionMode::ReadOnly).await?;
        let records = transaction.object_store(RECORDS).map_err(failure)?;
        // All requests are under way at once: one turn of the event loop each would cost more than the reading.
        let mut requests = Vec::with_capacity(keys.len());
        for key in keys {
            requests.push(records.get(JsValue::from_str(key)).map_err(failure)?.into_future());
        }
        let found = join_all(requests).await;
        found.into_iter().map(|f| f.map_err(failure)?.map(|value| from_js(&value)).transpose()).collect()
    }

    pub(super) async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<(String, Stored)>> {
        let transaction = self.records.transaction(TransactionMode::ReadOnly).await?;
        let records = transaction.object_store(RECORDS).map_err(failure)?;
        // Keys are compared by UTF-16 code units: U+FFFF is above all that follow the prefix.
        let upper = format!("{prefix}\u{ffff}");
        let range = KeyRange::bound(&after.into(), &upper.as_str().into(), Some(true), Some(false)).map_err(failure)?;
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let rows = records.get_all(Some(Query::from(range)), Some(limit)).map_err(failure)?.await.map_err(failure)?;
        rows.iter()
            .map(|row| {
                let key = Reflect::get(row, &"key".into()).ok().and_then(|k| k.as_string()).ok_or_else(unreadable)?;
                Ok((key, from_js(row)?))
            })
            .collect()
    }

    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<bool> {
        let transaction = self.records.transaction(TransactionMode::ReadWrite).await?;
        let records = transaction.object_store(RECORDS).map_err(failure)?;
        let mut requests = Vec::with_capacity(writes.len());
        for write in &writes {
            requests.push(records.get(JsValue::from_str(&write.key)).map_err(failure)?.into_future());
        }
        for (found, write) in join_all(requests).await.into_iter().zip(&writes) {
            let rev = match found.map_err(failure)? {
                None => 0,
                Some(value) => from_js(&value)?.rev,
            };
            if rev != write.expected {
                transaction.abort().map_err(failure)?.await.map_err(failure)?;
                return Ok(false);
            }
        }
        let mut puts = Vec::new();
        let mut deletes = Vec::new();
        for write in &writes {
            let key = JsValue::from_str(&write.key);
            match &write.value {
                Some(value) => {
                    let value = to_js(&write.key, write.expected + 1, &value.text()?)?;
                    puts.push(records.put(&value, Some(&key)).map_err(failure)?.into_future());
                }
                None => deletes.push(records.delete(key).map_err(failure)?.into_future()),
            }
        }
        for done in join_all(puts).await {
            done.map_err(failure)?;
        }
        for done in join_all(deletes).await {
            done.map_err(failure)?;
        }
        commit(transaction).await?;
        Ok(true)
    }

    /// The array itself, alone in its memory: cloning a view would store everything around it.
    fn alone(bytes: &Buffer) -> JsValue {
        let array = match bytes {
            Buffer::Heap(bytes) => return Uint8Array::from(&bytes[..]).into(),
            Buffer::Web(bytes) => bytes.as_js().clone().unchecked_into::<Uint8Array>(),
        };
        let whole = array.byte_length() == array.buffer().unchecked_into::<js_sys::ArrayBuffer>().byte_length();
        if whole { array.into() } else { array.slice(0, array.length()).into() }
    }

    pub(super) async fn put_parts(&self, item: Uuid, parts: Vec<(String, Buffer)>) -> Result<()> {
        let transaction = self.parts.transaction(TransactionMode::ReadWrite).await?;
        let records = transaction.object_store(RECORDS).map_err(failure)?;
        let mut puts = Vec::with_capacity(parts.len());
        for (name, bytes) in &parts {
            let key = JsValue::from_str(&format!("{item}/{name}"));
            puts.push(records.put(&Self::alone(bytes), Some(&key)).map_err(failure)?.into_future());
        }
        for done in join_all(puts).await {
            done.map_err(failure)?;
        }
        commit(transaction).await
    }

    pub(super) async fn get_parts(&self, item: Uuid, names: &[String]) -> Result<Vec<Option<Buffer>>> {
        let transaction = self.parts.transaction(TransactionMode::ReadOnly).await?;
        let records = transaction.object_store(RECORDS).map_err(failure)?;
        let mut requests = Vec::with_capacity(names.len());
        for name in names {
            let key = JsValue::from_str(&format!("{item}/{name}"));
            requests.push(records.get(key).map_err(failure)?.into_future());
        }
        let found = join_all(requests).await.into_iter();
        found.map(|f| f.map_err(failure)?.map(|value| WebBuffer::from_js(value).map(Buffer::Web)).transpose()).collect()
    }

    fn range_of(item: Uuid) -> Result<Query> {
        let (from, to) = (format!("{item}/"), format!("{item}/\u{ffff}"));
        KeyRange::bound(&from.as_str().into(), &to.as_str().into(), None, None).map(Query::from).map_err(failure)
    }

    pub(super) async fn count_parts(&self, item: Uuid) -> Result<u64> {
        let transaction = self.parts.transaction(TransactionMode::ReadOnly).await?;
        let records = transaction.object_store(RECORDS).map_err(failure)?;
        Ok(records.count(Some(Self::range_of(item)?)).map_err(failure)?.await.map_err(failure)?.into())
    }

    pub(super) async fn drop_parts(&self, item: Uuid) -> Result<()> {
        let transaction = self.parts.transaction(TransactionMode::ReadWrite).await?;
        let records = transaction.object_store(RECORDS).map_err(failure)?;
        records.delete(Self::range_of(item)?).map_err(failure)?.await.map_err(failure)?;
        commit(transaction).await
    }
}
