//! The exports of a session.

use std::rc::Rc;

use js_sys::{Array, Function, Object, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use super::convert::{Progress, ShownKey, Thrown, buffer, bytes, id, ids, options, secret, throw, time, to_js};
use crate::client::{Session, status};
use crate::crypto::envelope::{Buffer, Metadata, data_in, room};
use crate::crypto::turn::turn;
use crate::crypto::webcrypto::WebBuffer;
use crate::delegation::{After, Author, AuthorBy, Draft, Older, SealOptions, SealedItem};
use crate::encoding::{Hash, from_hex};
use crate::error::{Error, Result};
use crate::recovery::access_back::Options;
use crate::wire::receipt::Receipt;

/// One login, connected.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CoreSession {
    pub(super) inner: Rc<Session>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SealOptionsObject {
    share_with: Option<Vec<String>>,
    id: Option<String>,
    latest: Option<bool>,
    if_version: Option<u32>,
    pad: Option<bool>,
    sign: Option<bool>,
}

impl SealOptionsObject {
    pub(super) fn read(value: JsValue) -> Result<SealOptions> {
        let o: Self = options(value)?;
        Ok(SealOptions {
            share_with: o.share_with.unwrap_or_default(),
            id: o.id.as_deref().map(id).transpose()?,
            after: match o.latest {
                Some(true) => Some(After::Latest),
                _ => o.if_version.map(After::Version),
            },
            pad: o.pad.unwrap_or_default(),
            sign: o.sign.unwrap_or_default(),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GiveBackObject {
    verification_code: Option<String>,
    unverified: Option<bool>,
    chain: Option<bool>,
}

impl GiveBackObject {
    fn read(value: JsValue) -> Result<Options> {
        let o: Self = options(value)?;
        Ok(Options {
            code: o.verification_code,
            unverified: o.unverified.unwrap_or_default(),
            chain: o.chain.unwrap_or_default(),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownReceipt {
    id: String,
    giver: String,
    giver_fingerprint: String,
    requester: String,
    requester_fingerprint: String,
    exchanges: Vec<String>,
    slots: Vec<String>,
    pending: Vec<String>,
    created: u64,
    signature: String,
}

impl From<Receipt> for ShownReceipt {
    fn from(r: Receipt) -> Self {
        Self {
            id: r.id.to_string(),
            giver: r.giver,
            giver_fingerprint: r.giver_fingerprint.hex(),
            requester: r.requester,
            requester_fingerprint: r.requester_fingerprint.hex(),
            exchanges: r.exchanges.iter().map(ToString::to_string).collect(),
            slots: r.slots.iter().map(ToString::to_string).collect(),
            pending: r.pending.iter().map(Hash::hex).collect(),
            created: r.created,
            signature: r.signature.hex(),
        }
    }
}

pub(super) fn metadata(json: &str) -> Result<Metadata> {
    serde_json::from_str(json).map_err(|_| Error::bad_input("metadata is a plain JSON object"))
}

fn draft(data: Uint8Array, metadata_json: &str) -> Result<Draft> {
    Ok(Draft { data: buffer(data)?, metadata: metadata(metadata_json)? })
}

pub(super) fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let out = Object::new();
    for (name, value) in fields {
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&out, &(*name).into(), value);
    }
    out.into()
}

pub(super) fn shown_author(author: &Author) -> JsValue {
    let by = match author.by {
        AuthorBy::Grant => "grant",
        AuthorBy::Signature => "signature",
    };
    object(&[("login", author.login.as_str().into()), ("verified", author.verified.into()), ("by", by.into())])
}

fn sealed(item: &SealedItem) -> JsValue {
    let dropped: Array = item.dropped.iter().map(|l| JsValue::from_str(l)).collect();
    object(&[
        ("id", item.id.to_string().into()),
        ("version", item.version.into()),
        ("bytes", bytes(&item.bytes)),
        ("dropped", dropped.into()),
    ])
}

impl CoreSession {
    pub(super) fn new(inner: Rc<Session>) -> Self {
        Self { inner }
    }
}

#[wasm_bindgen]
impl CoreSession {
    /// Who is connected.
    #[wasm_bindgen(getter)]
    pub fn login(&self) -> String {
        self.inner.login().to_owned()
    }

    /// Whether connecting registered the login.
    #[wasm_bindgen(getter, js_name = isNew)]
    pub fn is_new(&self) -> bool {
        self.inner.is_new()
    }

    /// Whether the keys are locked.
    #[wasm_bindgen(getter)]
    pub fn locked(&self) -> bool {
        self.inner.locked()
    }

    /// Whether the session ended.
    #[wasm_bindgen(getter)]
    pub fn ended(&self) -> bool {
        self.inner.ended()
    }

    /// The public keyset of this session.
    #[wasm_bindgen(getter, js_name = publicKey)]
    pub fn public_key(&self) -> Result<JsValue, Thrown> {
        to_js(&ShownKey::from(&self.inner.public_key()))
    }

    /// How many RSA operations were done so far.
    #[wasm_bindgen(getter, js_name = rsaOperations)]
    pub fn rsa_operations(&self) -> f64 {
        self.inner.rsa_operations() as f64
    }

    /// Calls back with the name of each event.
    pub fn listen(&self, callback: Function) {
        self.inner.listen(move |event| {
            // A listener that throws must not break what caused the event.
            let _ = callback.call1(&JsValue::UNDEFINED, &event.as_str().into());
        });
    }

    /// Overwrites what calls before left on the stack, from its very beginning: called by itself, and not within one.
    #[wasm_bindgen(js_name = wipeStack)]
    pub fn wipe_stack(&self) {
        crate::secret::wipe_stack();
    }

    /// Has the relay asked what is new before the next thing is done.
    #[wasm_bindgen(js_name = markStale)]
    pub fn mark_stale(&self) {
        self.inner.mark_stale();
    }

    /// Has what is needed to open some envelopes, by their first 94 bytes, read at once.
    pub async fn expect(&self, headers: Vec<Uint8Array>) -> Result<(), Thrown> {
        let headers: Vec<Vec<u8>> = headers.iter().map(Uint8Array::to_vec).collect();
        self.inner.expect(&headers).await.map_err(throw)
    }

    /// Calls back when something is due that is said in the background: `flush` says it.
    #[wasm_bindgen(js_name = inBackground)]
    pub fn in_background(&self, callback: Function) {
        self.inner.in_background(move || {
            let _ = callback.call0(&JsValue::UNDEFINED);
        });
    }

    /// Says what is due.
    pub async fn flush(&self) {
        self.inner.flush().await;
    }

    /// Reads what is new; gives the names of the events that it brought.
    pub async fn poll(&self) -> Result<Array, Thrown> {
        let events = self.inner.poll().await.map_err(throw)?;
        Ok(events.iter().map(|e| JsValue::from_str(e.as_str())).collect())
    }

    /// Seals one item.
    pub async fn encrypt(&self, data: Uint8Array, metadata_json: String, with: JsValue) -> Result<JsValue, Thrown> {
        let draft = draft(data, &metadata_json).map_err(throw)?;
        let with = SealOptionsObject::read(with).map_err(throw)?;
        self.inner.encrypt(draft, &with).await.map(|item| sealed(&item)).map_err(throw)
    }

    /// Seals many items.
    #[wasm_bindgen(js_name = encryptMany)]
    pub async fn encrypt_many(
        &self,
        data: Array,
        metadata_jsons: Array,
        with: JsValue,
        progress: Option<Function>,
    ) -> Result<JsValue, Thrown> {
        let with = SealOptionsObject::read(with).map_err(throw)?;
        let mut drafts = Vec::with_capacity(data.length() as usize);
        for (data, metadata) in data.iter().zip(metadata_jsons.iter()) {
            turn().await;
            let Some(metadata) = metadata.as_string() else {
                return Err(throw(Error::bad_input("every item has metadata")));
            };
            drafts.push(draft(data.unchecked_into(), &metadata).map_err(throw)?);
        }
        let progress = Progress::new(progress);
        let outcome = self.inner.encrypt_many(drafts, &with, &|done| progress.report(done)).await;
        let (ids, all) = (Array::new(), Array::new());
        for item in progress.finish(outcome)? {
            turn().await;
            ids.push(&item.id.to_string().into());
            all.push(&bytes(&item.bytes));
        }
        Ok(object(&[("ids", ids.into()), ("bytes", all.into())]))
    }

    /// Where data of this length is to stand, in memory of what size, to be sealed without a copy: `[at, total]`.
    #[wasm_bindgen(js_name = roomFor)]
    pub fn room_for(&self, length: f64, metadata_json: &str, pad: bool, sign: bool) -> Option<Vec<f64>> {
        let metadata = metadata(metadata_json).ok()?.encode(Some(length as u64)).ok()?;
        let (at, total) = room(metadata.len() as u64, length as u64, pad, sign);
        Some(vec![at as f64, total as f64])
    }

    /// Where the ciphertext of the data begins in an envelope, and how long the data is, if that is known beforehand.
    #[wasm_bindgen(js_name = dataIn)]
    pub fn data_in(&self, first: &[u8], total: f64) -> Option<Vec<f64>> {
        let (from, length) = data_in(first, total as u64).ok()??;
        Some(vec![from as f64, length as f64])
    }

    /// Opens an item. With `before` and `behind`, `sealed` stands between them, and is opened in its own memory. Where it is
    /// one of `many`, `keep` comes after the last.
    pub async fn decrypt(
        &self,
        sealed: Uint8Array,
        reason: Option<String>,
        older: bool,
        many: bool,
        before: Option<Vec<u8>>,
        behind: Option<Vec<u8>>,
    ) -> Result<JsValue, Thrown> {
        let sealed = match (before, behind) {
            (Some(before), Some(behind)) => WebBuffer::between(before, sealed.into(), behind).map(Buffer::Web),
            _ => buffer(sealed),
        };
        let sealed = sealed.map_err(throw)?;
        let older = if older { Older::Opened } else { Older::Refused };
        let opened = match many {
            false => self.inner.decrypt(&sealed, reason.as_deref(), older).await,
            true => self.inner.decrypt_one_of_many(&sealed, reason.as_deref(), older).await,
        };
        let opened = opened.map_err(throw)?;
        let metadata = crate::wire::to_json(&opened.metadata).map_err(throw)?;
        Ok(object(&[
            ("id", opened.id.to_string().into()),
            ("version", opened.version.into()),
            ("data", bytes(&opened.data)),
            ("metadataJson", metadata.into()),
            ("author", shown_author(&opened.author)),
        ]))
    }

    /// Stores what is remembered of what was opened.
    pub async fn keep(&self) -> Result<(), Thrown> {
        self.inner.keep().await.map_err(throw)
    }

    /// Gives access to some items, or to all (`undefined`).
    #[wasm_bindgen(js_name = giveAccess)]
    pub async fn give_access(
        &self,
        items: Option<Vec<String>>,
        logins: Vec<String>,
        until: Option<f64>,
        progress: Option<Function>,
    ) -> Result<usize, Thrown> {
        let items = ids(items).map_err(throw)?;
        let until = until.map(time).transpose().map_err(throw)?;
        let progress = Progress::new(progress);
        let outcome = self.inner.give_access(items.as_deref(), &logins, until, &|done| progress.report(done)).await;
        progress.finish(outcome)
    }

    /// Ends a login's access to some items, or to all (`undefined`).
    pub async fn revoke(&self, items: Option<Vec<String>>, login: String, dry_run: bool) -> Result<JsValue, Thrown> {
        let items = ids(items).map_err(throw)?;
        let report = self.inner.revoke(items.as_deref(), &login, dry_run).await.map_err(throw)?;
        to_js(&report)
    }

    /// Everyone who can read an item.
    #[wasm_bindgen(js_name = whoCanRead)]
    pub async fn who_can_read(&self, item: String) -> Result<JsValue, Thrown> {
        let readers = self.inner.who_can_read(id(&item).map_err(throw)?).await.map_err(throw)?;
        to_js(&readers)
    }

    /// Gives a person who lost their keys access back.
    #[wasm_bindgen(js_name = giveAccessBackTo)]
    pub async fn give_access_back_to(
        &self,
        login: String,
        public_key: String,
        with: JsValue,
        progress: Option<Function>,
    ) -> Result<JsValue, Thrown> {
        let with = GiveBackObject::read(with).map_err(throw)?;
        let spki = from_hex(&public_key).map_err(throw)?;
        let progress = Progress::new(progress);
        let outcome = self.inner.give_access_back(&login, &spki, &with, &|done| progress.report(done)).await;
        to_js(&ShownReceipt::from(progress.finish(outcome)?))
    }

    /// Replaces the password.
    #[wasm_bindgen(js_name = changeSecret)]
    pub async fn change_secret(&self, next: JsValue, current: JsValue) -> Result<(), Thrown> {
        let next = secret(next).map_err(throw)?;
        let current = if current.is_undefined() { None } else { Some(secret(current).map_err(throw)?) };
        self.inner.change_secret(&next, current.as_ref()).await.map_err(throw)
    }

    /// Opens the keys again.
    pub async fn unlock(&self, with: JsValue) -> Result<(), Thrown> {
        let secret = secret(with).map_err(throw)?;
        self.inner.unlock(&secret).await.map_err(throw)
    }

    /// Drops the private keys from memory and from this device.
    pub async fn lock(&self) -> Result<(), Thrown> {
        self.inner.lock().await.map_err(throw)
    }

    /// Wipes this device's keys, and ends the session.
    pub async fn disconnect(&self) -> Result<(), Thrown> {
        self.inner.disconnect().await.map_err(throw)
    }

    /// Ends the session here; what rests on this device stays.
    pub fn end(&self) {
        self.inner.end();
    }

    /// Reads what is new, and drops keys that are no longer granted.
    pub async fn refresh(&self) -> Result<(), Thrown> {
        self.inner.refresh().await.map_err(throw)
    }

    /// Signs bytes of the application's: 64 bytes, Ed25519.
    pub async fn sign(&self, message: Vec<u8>) -> Result<Uint8Array, Thrown> {
        let signature = self.inner.sign(&message).await.map_err(throw)?;
        Ok(Uint8Array::from(&signature[..]))
    }

    /// The newest public key of each login.
    #[wasm_bindgen(js_name = publicKeys)]
    pub async fn public_keys(&self, logins: Vec<String>) -> Result<JsValue, Thrown> {
        let known = self.inner.identities(&logins).await.map_err(throw)?;
        let keys: Result<Vec<ShownKey>> = known.iter().map(|k| k.newest().map(ShownKey::from)).collect();
        to_js(&keys.map_err(throw)?)
    }

    /// Every public key of a login, from version 1.
    pub async fn history(&self, login: String) -> Result<JsValue, Thrown> {
        let known = self.inner.identities(&[login]).await.map_err(throw)?;
        let keys: Vec<ShownKey> = known.iter().flat_map(|k| k.offer.iter()).map(ShownKey::from).collect();
        to_js(&keys)
    }

    /// How far a login's newest key can be relied on.
    #[wasm_bindgen(js_name = trustState)]
    pub async fn trust_state(&self, login: String) -> Result<String, Thrown> {
        self.inner.trust_state(&login).await.map(|s| s.as_str().to_owned()).map_err(throw)
    }

    /// Six groups of five digits.
    #[wasm_bindgen(js_name = verificationCode)]
    pub async fn verification_code(&self, login: String) -> Result<String, Thrown> {
        self.inner.verification_code(&login).await.map_err(throw)
    }

    /// What a QR code shows for comparing.
    #[wasm_bindgen(js_name = qrPayload)]
    pub async fn qr_payload(&self, login: String) -> Result<String, Thrown> {
        self.inner.qr_payload(&login).await.map_err(throw)
    }

    /// Compares a code.
    pub async fn verify(&self, login: String, code: String) -> Result<(), Thrown> {
        self.inner.verify(&login, &code).await.map_err(throw)
    }

    /// Keys that the relay offers in place of the pinned one.
    pub async fn candidates(&self, login: String) -> Result<JsValue, Thrown> {
        let keys = self.inner.candidates(&login).await.map_err(throw)?;
        to_js(&keys.iter().map(ShownKey::from).collect::<Vec<_>>())
    }

    /// Relies on a candidate.
    pub async fn accept(&self, login: String, fingerprint: String) -> Result<(), Thrown> {
        let fingerprint = from_hex(&fingerprint).and_then(|f| Hash::from_slice(&f)).map_err(throw)?;
        self.inner.accept(&login, &fingerprint).await.map_err(throw)
    }

    /// Pending notifications created at or after a time.
    #[wasm_bindgen(js_name = pendingAfter)]
    pub async fn pending_after(&self, when: f64, kind: Option<String>) -> Result<JsValue, Thrown> {
        let after = time(when).map_err(throw)?;
        to_js(&self.inner.pending_after(after, kind.as_deref()).await.map_err(throw)?)
    }

    /// One notification.
    pub async fn notification(&self, notification: String) -> Result<JsValue, Thrown> {
        let notification = id(&notification).map_err(throw)?;
        to_js(&self.inner.notification(notification).await.map_err(throw)?)
    }

    /// Moves a notification's status.
    #[wasm_bindgen(js_name = setStatus)]
    pub async fn set_status(&self, notification: String, next: String) -> Result<(), Thrown> {
        let notification = id(&notification).map_err(throw)?;
        let next = status(&next).map_err(throw)?;
        self.inner.set_notification_status(notification, next).await.map_err(throw)
    }
}
