//! The SubtleCrypto engine: what the browser, a worker or Node does with keys that it holds.
//!
//! With its submodules the only file under `crypto/` that names Web APIs. Bytes in, bytes out: knows no
//! format. An operation that failed is never tried another way; only `NotSupportedError` reads as
//! *unsupported*. Bytes go to `crypto.subtle` as views of this module's memory, which it copies when
//! called; copies that had to be made in JavaScript's memory are wiped.

mod bulk;
mod turn;

use std::cell::OnceCell;

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto};

use super::keys::{EncryptionKey, unsupported};
use super::rust;
use crate::error::{Error, Result};
use crate::secret::{Key32, SecretBytes};

pub(crate) use bulk::{BulkKey, Pending, start_helped_sha256, start_last_sha256, start_sha256};
pub use bulk::{WebBuffer, set_helper};
pub use turn::set_turn;
pub(super) use turn::turn;

/// Before an Ed25519 or X25519 private key's 32 bytes in PKCS#8 (RFC 8410); the last byte of the OID tells which.
const OKP_PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const ED25519_OID: u8 = 0x70;
const X25519_OID: u8 = 0x6e;

/// A `CryptoKey` that cannot be exported.
#[derive(Clone)]
pub struct WebKey(CryptoKey);

impl WebKey {
    /// For IndexedDB, which stores such keys as they are.
    pub fn as_js(&self) -> &JsValue {
        self.0.as_ref()
    }

    /// A key that was stored. Errors: `BadInput` for anything but a non-extractable secret or private key.
    pub fn from_js(value: JsValue) -> Result<Self> {
        let bad = || Error::bad_input("not a non-extractable CryptoKey");
        if !value.is_object() {
            return Err(bad());
        }
        let get = |name: &str| Reflect::get(&value, &name.into()).map_err(|_| bad());
        let kind = get("type")?.as_string().ok_or_else(bad)?;
        if get("extractable")?.as_bool() != Some(false) || !matches!(kind.as_str(), "private" | "secret") {
            return Err(bad());
        }
        Ok(Self(value.unchecked_into()))
    }
}

thread_local! {
    static SUBTLE: OnceCell<SubtleCrypto> = const { OnceCell::new() };
}

/// `globalThis.crypto.subtle`: in a window, a worker and Node. Errors: `InsecureContext` where it is missing.
pub fn subtle() -> Result<SubtleCrypto> {
    SUBTLE.with(|known| match known.get() {
        Some(subtle) => Ok(subtle.clone()),
        None => find_subtle().inspect(|subtle| drop(known.set(subtle.clone()))),
    })
}

fn find_subtle() -> Result<SubtleCrypto> {
    let missing = || unsupported("crypto.subtle");
    let get = |from: &JsValue, name: &str| {
        let found = Reflect::get(from, &name.into()).map_err(|_| missing())?;
        if found.is_object() { Ok(found) } else { Err(missing()) }
    };
    Ok(get(&get(&js_sys::global(), "crypto")?, "subtle")?.unchecked_into())
}

/// Whether the environment said that it lacks the algorithm (and not that the operation failed).
fn is_unsupported(thrown: &JsValue) -> bool {
    let name = if thrown.is_object() { Reflect::get(thrown, &"name".into()).ok() } else { None };
    name.and_then(|name| name.as_string()).as_deref() == Some("NotSupportedError")
}

fn failure(thrown: &JsValue, what: &str, otherwise: Error) -> Error {
    if is_unsupported(thrown) { unsupported(what) } else { otherwise }
}

/// Awaits what a call gave. `otherwise` is the error unless the algorithm is missing.
async fn run(
    call: std::result::Result<Promise, JsValue>,
    what: &str,
    otherwise: impl FnOnce() -> Error,
) -> Result<JsValue> {
    let done = match call {
        Ok(promise) => JsFuture::from(promise).await,
        Err(thrown) => Err(thrown),
    };
    done.map_err(|thrown| failure(&thrown, what, otherwise()))
}

fn object(entries: &[(&str, &JsValue)]) -> Result<Object> {
    let out = Object::new();
    for (name, value) in entries {
        Reflect::set(&out, &(*name).into(), value).map_err(|_| unsupported("crypto.subtle"))?;
    }
    Ok(out)
}

fn named(name: &str) -> Result<Object> {
    object(&[("name", &name.into())])
}

fn usages(names: &[&str]) -> Array {
    names.iter().map(|name| JsValue::from_str(name)).collect()
}

fn bytes(data: &[u8]) -> JsValue {
    Uint8Array::from(data).into()
}

/// A copy of secret bytes in JavaScript's memory, wiped when dropped.
struct Wiped(Uint8Array);

impl Wiped {
    fn new(data: &[u8]) -> Self {
        Self(Uint8Array::from(data))
    }
}
impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.fill(0, 0, self.0.length());
    }
}

/// Takes an `ArrayBuffer` over and wipes it.
fn take(buffer: &JsValue) -> SecretBytes {
    let there = Wiped(Uint8Array::new(buffer));
    SecretBytes::new(there.0.to_vec())
}

fn take_exact(buffer: &JsValue, out: &mut [u8], what: &str) -> Result<()> {
    let there = Wiped(Uint8Array::new(buffer));
    if there.0.length() as usize != out.len() {
        return Err(unsupported(what));
    }
    there.0.copy_to(out);
    Ok(())
}

async fn import(format: &str, data: &[u8], algorithm: &Object, may: &[&str], what: &str) -> Result<WebKey> {
    let copy = Wiped::new(data);
    let call = subtle()?.import_key_with_object(format, &copy.0, algorithm, false, &usages(may));
    let key = run(call, what, || Error::bad_input(format!("{what}: the key was refused"))).await?;
    Ok(WebKey(key.unchecked_into()))
}

fn rsa_import_parameters() -> Result<Object> {
    object(&[("name", &"RSA-OAEP".into()), ("hash", &"SHA-256".into())])
}

fn oaep(label: &[u8]) -> Result<Object> {
    object(&[("name", &"RSA-OAEP".into()), ("label", &bytes(label))])
}

/// A new RSA key of 2048, 3072 or 4096 bits with e = 65537, as PKCS#8 DER: extractable for this one export.
pub async fn rsa_generate(bits: usize) -> Result<SecretBytes> {
    let (subtle, what) = (subtle()?, "RSA-OAEP");
    let algorithm = object(&[
        ("name", &what.into()),
        ("hash", &"SHA-256".into()),
        ("modulusLength", &JsValue::from_f64(bits as f64)),
        ("publicExponent", &bytes(&[1, 0, 1])),
    ])?;
    let failed = || Error::bad_input("cannot make an RSA key of that size");
    let call = subtle.generate_key_with_object(&algorithm, true, &usages(&["encrypt", "decrypt"]));
    let pair = run(call, what, failed).await?;
    let private = Reflect::get(&pair, &"privateKey".into()).map_err(|_| failed())?;
    let der = run(subtle.export_key("pkcs8", private.unchecked_ref()), what, failed).await?;
    Ok(take(&der))
}

/// A private key that only decrypts (RSA-OAEP with SHA-256), from PKCS#8 DER.
pub async fn import_rsa_private(pkcs8: &SecretBytes) -> Result<WebKey> {
    import("pkcs8", pkcs8.expose(), &rsa_import_parameters()?, &["decrypt"], "RSA-OAEP").await
}

/// RSA-OAEP (RFC 8017) with SHA-256 and MGF1-SHA-256.
pub async fn rsa_encrypt(to: &EncryptionKey, label: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let key = import("spki", to.spki(), &rsa_import_parameters()?, &["encrypt"], "RSA-OAEP").await?;
    let call = subtle()?.encrypt_with_object_and_u8_array(&oaep(label)?, &key.0, message);
    let sealed = run(call, "RSA-OAEP", || Error::bad_input("too long for RSA-OAEP")).await?;
    Ok(Uint8Array::new(&sealed).to_vec())
}

/// Opens [`rsa_encrypt`]. Errors: `Corrupt`, whatever the reason.
///
/// WebKitGTK takes the message for a number, and so loses the zeros at its front. A message that came out too short gets
/// them back, in every browser: only whoever encrypted it can tell the two apart, and they chose all of it anyway.
pub async fn rsa_decrypt(key: &WebKey, label: &[u8], ciphertext: &[u8], length: usize) -> Result<SecretBytes> {
    let call = subtle()?.decrypt_with_object_and_u8_array(&oaep(label)?, &key.0, ciphertext);
    let found = take(&run(call, "RSA-OAEP", Error::corrupt).await?);
    let Some(lost @ 1..) = length.checked_sub(found.expose().len()) else { return Ok(found) };
    let mut whole = SecretBytes::new(vec![0; length]);
    whole.expose_mut()[lost..].copy_from_slice(found.expose());
    Ok(whole)
}

/// An elliptic-curve private key from its 32 bytes; `None` where the browser lacks the curve, or refuses this key.
/// WebKitGTK refuses those that begin with a zero byte: one in 256.
async fn import_okp(secret: &Key32, oid: u8, name: &str, may: &[&str]) -> Result<Option<WebKey>> {
    let mut pkcs8 = zeroize::Zeroizing::new([0; 48]);
    pkcs8[..16].copy_from_slice(&OKP_PKCS8);
    pkcs8[11] = oid;
    pkcs8[16..].copy_from_slice(secret.expose());
    let copy = Wiped::new(&pkcs8[..]);
    let call = subtle()?.import_key_with_object("pkcs8", &copy.0, &named(name)?, false, &usages(may));
    let imported = match call {
        Ok(promise) => JsFuture::from(promise).await,
        Err(thrown) => Err(thrown),
    };
    Ok(imported.ok().map(|key| WebKey(key.unchecked_into())))
}

/// A private key that only signs, from its seed; `None` where the browser has no Ed25519, or refuses this seed.
pub async fn import_ed25519(seed: &Key32) -> Result<Option<WebKey>> {
    import_okp(seed, ED25519_OID, "Ed25519", &["sign"]).await
}

/// Signs with Ed25519 (RFC 8032).
pub async fn ed25519_sign(key: &WebKey, message: &[u8]) -> Result<[u8; 64]> {
    let call = subtle()?.sign_with_object_and_u8_array(&named("Ed25519")?, &key.0, message);
    let signature = run(call, "Ed25519", || Error::bad_input("this key does not sign")).await?;
    let mut out = [0; 64];
    take_exact(&signature, &mut out, "Ed25519")?;
    Ok(out)
}

/// Verifies an Ed25519 signature, after [`rust::ed25519_check`]. Errors: `Corrupt`, or `InsecureContext` where
/// the browser has no Ed25519.
pub async fn ed25519_verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<()> {
    rust::ed25519_check(public, signature)?;
    let key = import("raw", public, &named("Ed25519")?, &["verify"], "Ed25519").await?;
    let signature = Uint8Array::from(&signature[..]);
    let call = subtle()?.verify_with_object_and_js_u8_array_and_js_u8_array(
        &named("Ed25519")?,
        &key.0,
        &signature,
        &Uint8Array::from(message),
    );
    match run(call, "Ed25519", Error::corrupt).await?.as_bool() {
        Some(true) => Ok(()),
        _ => Err(Error::corrupt()),
    }
}

/// X25519 (RFC 7748): the shared secret; `None` where the browser has no X25519, or refuses this key. Errors: `Corrupt` when it is zero.
pub async fn x25519(private: &Key32, public: &[u8; 32]) -> Result<Option<Key32>> {
    let Some(key) = import_okp(private, X25519_OID, "X25519", &["deriveBits"]).await? else { return Ok(None) };
    let public = import("raw", public, &named("X25519")?, &[], "X25519").await?;
    let algorithm = object(&[("name", &"X25519".into()), ("public", public.as_js())])?;
    let call = subtle()?.derive_bits_with_object(&algorithm, &key.0, 256);
    let shared = take(&run(call, "X25519", Error::corrupt).await?);
    if crate::secret::equal(shared.expose(), &[0; 32]) {
        return Err(Error::corrupt());
    }
    Ok(Some(Key32::from_slice(shared.expose())?))
}

/// HKDF input key material of any length, that can only derive.
pub async fn import_hkdf(key: &[u8]) -> Result<WebKey> {
    import("raw", key, &named("HKDF")?, &["deriveBits"], "HKDF").await
}

/// HKDF-SHA-256 (RFC 5869) into `okm`, at most 8160 bytes.
pub async fn hkdf(key: &WebKey, salt: &[u8], info: &[u8], okm: &mut [u8]) -> Result<()> {
    let algorithm = object(&[
        ("name", &"HKDF".into()),
        ("hash", &"SHA-256".into()),
        ("salt", &bytes(salt)),
        ("info", &bytes(info)),
    ])?;
    let length = bits(okm)?;
    let call = subtle()?.derive_bits_with_object(&algorithm, &key.0, length);
    let derived = run(call, "HKDF", || Error::bad_input("HKDF gives at most 8160 bytes")).await?;
    take_exact(&derived, okm, "HKDF")
}

/// PBKDF2 with HMAC-SHA-256 (RFC 8018) into `out`.
pub async fn pbkdf2(password: &[u8], salt: &[u8], iterations: u32, out: &mut [u8]) -> Result<()> {
    let key = import("raw", password, &named("PBKDF2")?, &["deriveBits"], "PBKDF2").await?;
    let algorithm = object(&[
        ("name", &"PBKDF2".into()),
        ("hash", &"SHA-256".into()),
        ("salt", &bytes(salt)),
        ("iterations", &iterations.into()),
    ])?;
    let length = bits(out)?;
    let call = subtle()?.derive_bits_with_object(&algorithm, &key.0, length);
    let derived = run(call, "PBKDF2", || Error::bad_input("PBKDF2 refused these parameters")).await?;
    take_exact(&derived, out, "PBKDF2")
}

fn bits(out: &[u8]) -> Result<u32> {
    u32::try_from(out.len() * 8).map_err(|_| Error::bad_input("too many bytes to derive"))
}

async fn digest<const N: usize>(name: &str, data: &[u8]) -> Result<[u8; N]> {
    let call = subtle()?.digest_with_str_and_u8_array(name, data);
    let hash = run(call, name, || unsupported(name)).await?;
    let mut out = [0; N];
    take_exact(&hash, &mut out, name)?;
    Ok(out)
}

/// SHA-256 (FIPS 180-4).
pub async fn sha256(data: &[u8]) -> Result<[u8; 32]> {
    digest("SHA-256", data).await
}

/// SHA-512 (FIPS 180-4).
pub async fn sha512(data: &[u8]) -> Result<[u8; 64]> {
    digest("SHA-512", data).await
}

fn gcm(nonce: &[u8; 12]) -> Result<Object> {
    object(&[("name", &"AES-GCM".into()), ("iv", &bytes(nonce)), ("tagLength", &128.into())])
}

async fn import_aes(key: &Key32, may: &str) -> Result<CryptoKey> {
    Ok(import("raw", key.expose(), &named("AES-GCM")?, &[may], "AES-GCM").await?.0)
}

/// AES-256-GCM (SP 800-38D) without associated data: ciphertext ‖ 16-byte tag.
pub async fn aes_gcm_seal(key: &Key32, nonce: &[u8; 12], plaintext: &[u8]) -> Result<Vec<u8>> {
    let key = import_aes(key, "encrypt").await?;
    let call = subtle()?.encrypt_with_object_and_u8_array(&gcm(nonce)?, &key, plaintext);
    let sealed = run(call, "AES-GCM", || Error::bad_input("too long to encrypt in one piece")).await?;
    Ok(Uint8Array::new(&sealed).to_vec())
}

/// Opens [`aes_gcm_seal`]; any change to any byte is [`Error::corrupt`].
pub async fn aes_gcm_open(key: &Key32, nonce: &[u8; 12], sealed: &[u8]) -> Result<SecretBytes> {
    let key = import_aes(key, "decrypt").await?;
    let call = subtle()?.decrypt_with_object_and_u8_array(&gcm(nonce)?, &key, sealed);
    Ok(take(&run(call, "AES-GCM", Error::corrupt).await?))
}
