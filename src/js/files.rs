//! The exports of streams and files. Their bytes stay in JavaScript.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use super::convert::{Thrown, bytes, id, throw};
use super::session::{CoreSession, SealOptionsObject, metadata, object, shown_author};
use crate::client::{Content, Opening, Sealing, Stored, Upload};
use crate::crypto::envelope::Buffer;
use crate::crypto::webcrypto::WebBuffer;
use crate::error::{Error, Result};

/// Bytes of a stream: never copied into this module, however few.
fn web(bytes: Uint8Array) -> Result<Buffer> {
    WebBuffer::from_js(bytes.into()).map(Buffer::Web)
}

/// A piece of a stream, which had a length when it was written. Whoever writes may transfer it before it is looked at.
fn piece(bytes: Uint8Array, length: f64) -> Result<Buffer> {
    if f64::from(bytes.length()) != length {
        return Err(Error::bad_input("a chunk was transferred elsewhere before it was taken: await write()"));
    }
    web(bytes)
}

fn list(buffers: &[Buffer]) -> Array {
    buffers.iter().filter(|b| !b.is_empty()).map(bytes).collect()
}

/// A length in bytes.
fn length(value: f64) -> Result<u64> {
    if value >= 0.0 && value.fract() == 0.0 && value <= (1u64 << 46) as f64 {
        return Ok(value as u64);
    }
    Err(Error::bad_input("a length is a number of bytes, at most 64 TiB"))
}

/// An item that is being sealed.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CoreSealing {
    inner: Sealing,
}

#[wasm_bindgen]
impl CoreSealing {
    /// The item's id.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.inner.id().to_string()
    }

    /// The envelope's length in bytes, if the data's was said.
    #[wasm_bindgen(getter, js_name = sealedLength)]
    pub fn sealed_length(&self) -> Option<f64> {
        self.inner.sealed_length().map(|length| length as f64)
    }

    /// The envelope's first bytes.
    pub fn head(&self) -> Uint8Array {
        Uint8Array::from(self.inner.head())
    }

    /// Takes data, which has a length; gives what it completes, a list of `Uint8Array`s.
    pub async fn push(&self, data: Uint8Array, length: f64) -> Result<Array, Thrown> {
        let data = piece(data, length).map_err(throw)?;
        self.inner.push(data).await.map(|sealed| list(&sealed)).map_err(throw)
    }

    /// After the data: the next chunk of padding, until there is none.
    pub async fn pad(&self) -> Result<JsValue, Thrown> {
        let sealed = self.inner.pad().await.map_err(throw)?;
        Ok(sealed.map_or(JsValue::UNDEFINED, |sealed| bytes(&sealed)))
    }

    /// The envelope's last bytes.
    pub async fn finish(&self) -> Result<Array, Thrown> {
        let (last, trailer) = self.inner.finish().await.map_err(throw)?;
        Ok(list(&[last, Buffer::Heap(trailer)]))
    }
}

/// An item that is being opened.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CoreOpening {
    inner: Opening,
}

#[wasm_bindgen]
impl CoreOpening {
    /// Takes bytes of the envelope, which have a length; gives data, a list of `Uint8Array`s.
    pub async fn push(&self, sealed: Uint8Array, length: f64) -> Result<Array, Thrown> {
        let sealed = piece(sealed, length).map_err(throw)?;
        self.inner.push(sealed).await.map(|plain| list(&plain)).map_err(throw)
    }

    /// The rest of the data, and what is known of the item.
    pub async fn finish(&self) -> Result<JsValue, Thrown> {
        let opened = self.inner.finish().await.map_err(throw)?;
        Ok(object(&[
            ("id", opened.id.to_string().into()),
            ("version", opened.version.into()),
            ("data", bytes(&opened.data)),
            ("metadataJson", crate::wire::to_json(&opened.metadata).map_err(throw)?.into()),
            ("author", shown_author(&opened.author)),
        ]))
    }
}

/// A file that is read from the relay.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CoreStored {
    inner: Stored,
}

#[wasm_bindgen]
impl CoreStored {
    /// What is known of it before its data.
    pub fn about(&self) -> Result<JsValue, Thrown> {
        let about = self.inner.with(|stored| {
            Ok(object(&[
                ("id", stored.id.to_string().into()),
                ("metadataJson", crate::wire::to_json(stored.parts.metadata())?.into()),
                ("length", (stored.parts.length() as f64).into()),
                ("chunkSize", (stored.parts.chunk_size() as f64).into()),
                ("author", shown_author(&stored.author)),
            ]))
        });
        about.and_then(|about| about).map_err(throw)
    }

    /// Opens `count` chunks from `first` on (1 is the first); a list of `Uint8Array`s, one for each.
    pub async fn read(&self, first: f64, count: f64) -> Result<Array, Thrown> {
        let range = length(first).and_then(|first| Ok((first, length(count)?)));
        let (first, count) = range.map_err(throw)?;
        let plain = self.inner.read(first, count).await.map_err(throw)?;
        Ok(plain.iter().map(bytes).collect())
    }
}

/// A file on its way to the relay.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CoreUpload {
    inner: Upload,
}

#[wasm_bindgen]
impl CoreUpload {
    /// The item's id.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.inner.id().to_string()
    }

    /// Whether it was finished before.
    #[wasm_bindgen(getter)]
    pub fn finished(&self) -> bool {
        self.inner.finished()
    }

    /// Begins it, here and at the relay.
    pub async fn begin(&self) -> Result<(), Thrown> {
        self.inner.begin().await.map_err(throw)
    }

    /// Where the data of the next segment lies: `[from, to]`; `undefined` after the last.
    #[wasm_bindgen(getter)]
    pub fn next(&self) -> Result<JsValue, Thrown> {
        let next = self.inner.next().map_err(throw)?;
        let pair = |(from, to): (u64, u64)| Array::of2(&(from as f64).into(), &(to as f64).into()).into();
        Ok(next.map_or(JsValue::UNDEFINED, pair))
    }

    /// Seals and sends the next segment.
    pub async fn send(&self, data: Uint8Array) -> Result<(), Thrown> {
        let data = web(data).map_err(throw)?;
        self.inner.send(data).await.map_err(throw)
    }

    /// After the last segment.
    pub async fn finish(&self) -> Result<(), Thrown> {
        self.inner.finish().await.map_err(throw)
    }

    /// Gives it up.
    #[wasm_bindgen(js_name = giveUp)]
    pub async fn give_up(&self) -> Result<(), Thrown> {
        self.inner.give_up().await.map_err(throw)
    }
}

#[wasm_bindgen]
impl CoreSession {
    /// Begins an item whose data comes as a stream.
    #[wasm_bindgen(js_name = sealStream)]
    pub async fn seal_stream(
        &self,
        metadata_json: String,
        with: JsValue,
        data_length: Option<f64>,
    ) -> Result<CoreSealing, Thrown> {
        let with = SealOptionsObject::read(with).map_err(throw)?;
        let metadata = metadata(&metadata_json).map_err(throw)?;
        let length = data_length.map(length).transpose().map_err(throw)?;
        self.inner.seal_stream(&metadata, &with, length).await.map(|inner| CoreSealing { inner }).map_err(throw)
    }

    /// Begins to open an item whose envelope comes as a stream.
    #[wasm_bindgen(js_name = openStream)]
    pub fn open_stream(&self) -> Result<CoreOpening, Thrown> {
        self.inner.open_stream().map(|inner| CoreOpening { inner }).map_err(throw)
    }

    /// Finds a file at the relay.
    pub async fn stored(&self, item: String) -> Result<CoreStored, Thrown> {
        let item = id(&item).map_err(throw)?;
        self.inner.find_stored(item).await.map(|inner| CoreStored { inner }).map_err(throw)
    }

    /// How many bytes of a file are hashed, sealed and sent at once.
    #[wasm_bindgen(getter, js_name = segmentBytes)]
    pub fn segment_bytes(&self) -> f64 {
        Content::SEGMENT_BYTES as f64
    }

    /// The hash of one segment of a file. What a file holds decides the key that it is sealed under.
    #[wasm_bindgen(js_name = hashSegment)]
    pub async fn hash_segment(&self, data: Uint8Array) -> Result<Vec<u8>, Thrown> {
        let data = web(data).map_err(throw)?;
        self.inner.hash_segment(&data).await.map(|hash| hash.to_vec()).map_err(throw)
    }

    /// The ids of uploads of this file that did not end.
    pub async fn unfinished(
        &self,
        metadata_json: String,
        with: JsValue,
        size: f64,
        hashes: Vec<u8>,
    ) -> Result<Array, Thrown> {
        let with = SealOptionsObject::read(with).map_err(throw)?;
        let (metadata, size) = metadata(&metadata_json).and_then(|m| Ok((m, length(size)?))).map_err(throw)?;
        let content = Content::of(&hashes, size).map_err(throw)?;
        let items = self.inner.unfinished(&metadata, &with, size, &content).await.map_err(throw)?;
        Ok(items.iter().map(|item| JsValue::from_str(&item.to_string())).collect())
    }

    /// Makes an upload, which is not begun yet.
    #[wasm_bindgen(js_name = makeUpload)]
    pub async fn make_upload(
        &self,
        metadata_json: String,
        with: JsValue,
        size: f64,
        hashes: Vec<u8>,
    ) -> Result<CoreUpload, Thrown> {
        let with = SealOptionsObject::read(with).map_err(throw)?;
        let (metadata, size) = metadata(&metadata_json).and_then(|m| Ok((m, length(size)?))).map_err(throw)?;
        let content = Content::of(&hashes, size).map_err(throw)?;
        self.inner.make_upload(&metadata, &with, size, content).await.map(|inner| CoreUpload { inner }).map_err(throw)
    }

    /// Goes on with an upload; `undefined` if the relay gave it up.
    #[wasm_bindgen(js_name = resumeUpload)]
    pub async fn resume_upload(&self, item: String, size: f64, hashes: Vec<u8>) -> Result<Option<CoreUpload>, Thrown> {
        let item = id(&item).map_err(throw)?;
        let content = length(size).and_then(|size| Content::of(&hashes, size)).map_err(throw)?;
        let upload = self.inner.resume_upload(item, content).await.map_err(throw)?;
        Ok(upload.map(|inner| CoreUpload { inner }))
    }
}
