//! Bytes in JavaScript's memory, and AES-GCM and SHA-256 over parts of them.
//!
//! Operations are *started* (the environment copies its input then and works elsewhere) and finished later, so
//! that several are under way at once. Knows no format.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::CryptoKey;

use super::{failure, gcm, import_aes, subtle, take_exact, unsupported};
use crate::crypto::{Engine, EngineKind, rust};
use crate::error::{Code, Error, Result};
use crate::secret::Key32;

/// A `Uint8Array`, and what lies before and behind it if that is kept apart.
#[derive(Clone)]
pub struct WebBuffer(Uint8Array, Option<Rc<Around>>);

/// Few bytes on both sides of many, so that these can lie in memory of exactly their own size.
struct Around {
    before: Vec<u8>,
    behind: Vec<u8>,
}

impl fmt::Debug for WebBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebBuffer({} bytes)", self.len())
    }
}

fn too_long() -> Error {
    Error::bad_input("too long to hold in one piece: use a stream")
}

impl WebBuffer {
    /// The array itself.
    pub fn as_js(&self) -> &JsValue {
        self.0.as_ref()
    }

    /// Takes an array over, without a copy. Errors: `BadInput` for anything but a `Uint8Array`, or 4 GiB and more.
    pub fn from_js(value: JsValue) -> Result<Self> {
        let array: Uint8Array = value.dyn_into().map_err(|_| Error::bad_input("not a Uint8Array"))?;
        // `length()` is modulo 2^32: a longer array would be sealed in part, without a word.
        let length = Reflect::get(&array, &"length".into()).ok().and_then(|length| length.as_f64());
        if length.is_some_and(|length| length <= f64::from(u32::MAX)) { Ok(Self(array, None)) } else { Err(too_long()) }
    }

    /// A copy of bytes in this module's memory.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self(Uint8Array::from(bytes), None)
    }

    /// Takes an array over that lies between these bytes.
    pub fn between(before: Vec<u8>, array: JsValue, behind: Vec<u8>) -> Result<Self> {
        let whole = Self::from_js(array)?;
        let length = (whole.len() as u64).saturating_add(before.len() as u64).saturating_add(behind.len() as u64);
        u32::try_from(length).map_err(|_| too_long())?;
        Ok(Self(whole.0, Some(Rc::new(Around { before, behind }))))
    }

    /// The array without what lies around it, if something does: nobody else has it.
    pub(crate) fn inner(&self) -> Option<Self> {
        self.1.as_ref().map(|_| Self(self.0.clone(), None))
    }

    /// All of the memory that this array lies in, if that was made for it to be sealed there: it has `total` bytes, and
    /// the array begins at `at`.
    pub(crate) fn room(&self, at: u64, total: u64) -> Option<Self> {
        let buffer = self.0.buffer();
        let memory: &js_sys::ArrayBuffer = buffer.dyn_ref()?;
        let fits = self.1.is_none()
            && u64::from(self.0.byte_offset()) == at
            && u64::from(memory.byte_length()) == total
            && !Reflect::get(memory, &"resizable".into()).is_ok_and(|resizable| resizable.is_truthy());
        fits.then(|| Self(Uint8Array::new(memory), None))
    }

    /// A new array of zeros. Errors: `BadInput` when the environment cannot hold so many bytes.
    pub(crate) fn zeros(length: u64) -> Result<Self> {
        let length = u32::try_from(length).map_err(|_| too_long())?;
        let arguments = Array::of1(&length.into());
        let class = Reflect::get(&js_sys::global(), &"Uint8Array".into());
        let made = class.and_then(|class| Reflect::construct(class.unchecked_ref::<js_sys::Function>(), &arguments));
        made.and_then(JsCast::dyn_into).map(|array| Self(array, None)).map_err(|_| too_long())
    }

    /// The length in bytes: 0 once the buffer was transferred away.
    pub fn len(&self) -> usize {
        self.0.length() as usize + self.1.as_ref().map_or(0, |around| around.before.len() + around.behind.len())
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of a part; what lies outside is left out.
    pub(crate) fn read(&self, from: usize, len: usize) -> Vec<u8> {
        self.part(from as u64, len as u64).map(|part| part.to_vec()).unwrap_or_default()
    }

    /// A part that shares this one's memory where it can.
    pub(crate) fn view(&self, from: u64, len: u64) -> Result<Self> {
        self.part(from, len).map(|part| Self(part, None))
    }

    /// A view of a part, or a copy where a view is no use to `crypto.subtle` (shared or resizable memory).
    fn part(&self, from: u64, len: u64) -> Result<Uint8Array> {
        let Some(around) = &self.1 else { return self.inner_part(from, len) };
        let (first, last) = (around.before.len() as u64, around.before.len() as u64 + u64::from(self.0.length()));
        let end = from.saturating_add(len);
        if from >= first && end <= last {
            return self.inner_part(from - first, len);
        }
        let all = last + around.behind.len() as u64;
        if end > all {
            return Err(Error::bad_input("the bytes changed their size, or were transferred, while they were read"));
        }
        // Across an edge: put together.
        let mut out = Vec::with_capacity(len as usize);
        let cut = |from: u64, to: u64| from.clamp(0, to) as usize;
        out.extend_from_slice(&around.before[cut(from, first)..cut(end, first)]);
        let (inner, inner_end) = (from.clamp(first, last), end.clamp(first, last));
        out.extend_from_slice(&self.inner_part(inner - first, inner_end - inner)?.to_vec());
        let (behind, behind_end) = (from.clamp(last, all) - last, end.clamp(last, all) - last);
        out.extend_from_slice(&around.behind[behind as usize..behind_end as usize]);
        Ok(Uint8Array::from(&out[..]))
    }

    fn inner_part(&self, from: u64, len: u64) -> Result<Uint8Array> {
        let end = from.saturating_add(len);
        if end > self.0.length().into() {
            return Err(Error::bad_input("the bytes changed their size, or were transferred, while they were read"));
        }
        if len == 0 {
            // Of memory that was transferred elsewhere there are no views, not even empty ones.
            return Ok(Uint8Array::new_with_length(0));
        }
        // Both fit: they are within the array's length.
        let (from, end) = (from as u32, end as u32);
        let buffer = self.0.buffer();
        let fixed = buffer.is_instance_of::<js_sys::ArrayBuffer>()
            && !Reflect::get(&buffer, &"resizable".into()).is_ok_and(|resizable| resizable.is_truthy());
        Ok(if fixed { self.0.subarray(from, end) } else { self.0.slice(from, end) })
    }

    /// Puts bytes at a place. Errors: `BadInput` when they do not fit.
    fn put(&self, at: u64, bytes: &Uint8Array) -> Result<()> {
        if at.saturating_add(bytes.length().into()) > self.0.length().into() {
            return Err(Error::bad_input("the bytes changed their size while they were written"));
        }
        self.0.set(bytes, at as u32);
        Ok(())
    }

    /// Puts bytes of this module's memory at a place.
    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> Result<()> {
        self.put(at, &Uint8Array::from(bytes))
    }
}

/// An operation under way.
pub(crate) enum Pending {
    Promise(JsFuture, &'static str),
    Done(Uint8Array),
}

impl Pending {
    fn start(call: std::result::Result<Promise, JsValue>, what: &'static str) -> Result<Self> {
        // A call that throws did so for its arguments: a missing algorithm rejects.
        let failed = |thrown| failure(&thrown, what, Error::bad_input("crypto.subtle refused these bytes"));
        Ok(Self::Promise(JsFuture::from(call.map_err(failed)?), what))
    }

    /// Errors: `Corrupt` (of no use to a caller who seals: nothing fails there).
    async fn finish(self) -> Result<Uint8Array> {
        match self {
            Self::Done(bytes) => Ok(bytes),
            Self::Promise(future, what) => match future.await {
                Ok(buffer) => Ok(Uint8Array::new(&buffer)),
                Err(thrown) => Err(failure(&thrown, what, Error::corrupt())),
            },
        }
    }

    /// The result, as a buffer of its own.
    pub(crate) async fn finish_bytes(self) -> Result<WebBuffer> {
        self.finish().await.map(|bytes| WebBuffer(bytes, None))
    }

    /// The result of a digest. Errors: [`Code::Conflict`] where the worker that hashes ended meanwhile: trying again helps.
    pub(crate) async fn finish_digest(self) -> Result<[u8; 32]> {
        // Nothing about the bytes can be wrong for a hash.
        let ended = |error: Error| match error.code() {
            Code::Corrupt => Error::new(Code::Conflict, "the browser ended the worker that hashes: try again"),
            _ => error,
        };
        let hash = self.finish().await.map_err(ended)?;
        let mut out = [0; 32];
        take_exact(hash.buffer().as_ref(), &mut out, "SHA-256")?;
        Ok(out)
    }
}

impl WebBuffer {
    /// Copies this whole buffer into another one.
    pub(crate) fn copy_into(&self, to: &WebBuffer, at: u64) -> Result<()> {
        to.put(at, &self.0)
    }

    /// Copies the first `len` bytes into another buffer, and says whether all that follows is zero.
    pub(crate) fn copy_start(&self, len: u64, to: &WebBuffer, at: u64) -> Result<bool> {
        let len = len.min(self.len() as u64);
        to.put(at, &self.part(0, len)?)?;
        let rest = self.read(len as usize, self.len() - len as usize);
        Ok(rest.iter().all(|byte| *byte == 0))
    }

    /// Wipes the bytes.
    pub(crate) fn wipe(&self) {
        self.0.fill(0, 0, self.0.length());
    }
}

/// An AES-256-GCM key for many parts: the browser's, or this module's where there is no `crypto.subtle`.
pub(crate) enum BulkKey {
    Web(CryptoKey),
    Rust(Key32),
}

impl BulkKey {
    /// `may`: "encrypt" or "decrypt".
    pub(crate) async fn import(engine: &Engine, key: &Key32, may: &str) -> Result<Self> {
        Ok(match engine.kind() {
            EngineKind::WebCrypto => Self::Web(import_aes(key, may).await?),
            EngineKind::Rust => Self::Rust(key.clone()),
        })
    }

    /// Starts to seal the part `from..from + len`, followed by zeros up to `padded` bytes.
    pub(crate) fn seal(&self, nonce: &[u8; 12], data: &WebBuffer, from: u64, len: u64, padded: u64) -> Result<Pending> {
        let mut part = data.part(from, len)?;
        if padded > len {
            let whole = WebBuffer::zeros(padded)?;
            whole.put(0, &part)?;
            part = whole.0;
        }
        match self {
            Self::Web(key) => {
                let call = subtle()?.encrypt_with_object_and_js_u8_array(&gcm(nonce)?, key, &part);
                Pending::start(call, "AES-GCM")
            }
            Self::Rust(key) => {
                let plain = zeroize::Zeroizing::new(part.to_vec());
                Ok(Pending::Done(Uint8Array::from(&rust::aes_gcm_seal(key, nonce, &plain)?[..])))
            }
        }
    }

    /// Starts to open the part `from..from + len`.
    pub(crate) fn open(&self, nonce: &[u8; 12], data: &WebBuffer, from: u64, len: u64) -> Result<Pending> {
        let part = data.part(from, len)?;
        match self {
            Self::Web(key) => {
                let call = subtle()?.decrypt_with_object_and_js_u8_array(&gcm(nonce)?, key, &part);
                Pending::start(call, "AES-GCM")
            }
            Self::Rust(key) => {
                let plain = rust::aes_gcm_open(key, nonce, &part.to_vec())?;
                Ok(Pending::Done(Uint8Array::from(plain.expose())))
            }
        }
    }
}

thread_local! {
    static HELPER: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Takes what hashes elsewhere, in a worker: called with an array, and whether that may be handed over, it gives a promise
/// of the hash, or `undefined` where it cannot help now. Then nothing was done, and it is hashed here.
pub fn set_helper(helper: Function) {
    HELPER.set(Some(helper));
}

fn helped(engine: &Engine, part: &Uint8Array, own: bool) -> Option<Pending> {
    if engine.kind() == EngineKind::Rust {
        return None;
    }
    let helper = HELPER.with_borrow(Clone::clone)?;
    let promise = helper.call2(&JsValue::UNDEFINED, part, &own.into()).ok()?.dyn_into::<Promise>().ok()?;
    Some(Pending::Promise(JsFuture::from(promise), "SHA-256"))
}

/// Starts SHA-256 of bytes that nobody else has, and that are not needed any more.
pub(crate) fn start_last_sha256(engine: &Engine, data: WebBuffer) -> Result<Pending> {
    match helped(engine, &data.0, true) {
        Some(pending) => Ok(pending),
        None => start_sha256(engine, &data, 0, data.len() as u64),
    }
}

/// [`start_sha256`], elsewhere if that helps.
pub(crate) fn start_helped_sha256(engine: &Engine, data: &WebBuffer, from: u64, len: u64) -> Result<Pending> {
    match helped(engine, &data.part(from, len)?, false) {
        Some(pending) => Ok(pending),
        None => start_sha256(engine, data, from, len),
    }
}

/// Starts SHA-256 of the part `from..from + len`.
pub(crate) fn start_sha256(engine: &Engine, data: &WebBuffer, from: u64, len: u64) -> Result<Pending> {
    let part = data.part(from, len)?;
    if engine.kind() == EngineKind::Rust {
        use sha2::Digest;
        let hash: [u8; 32] = sha2::Sha256::digest(part.to_vec()).into();
        return Ok(Pending::Done(Uint8Array::from(&hash[..])));
    }
    let subtle = subtle().map_err(|_| unsupported("crypto.subtle"))?;
    Pending::start(subtle.digest_with_str_and_js_u8_array("SHA-256", &part), "SHA-256")
}
