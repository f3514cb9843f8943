//! What the stories share: engines, buffers, hex out of JSON.

use regrant::crypto::Engine;
use regrant::crypto::envelope::Buffer;
use regrant::crypto::keys::{DecryptionKey, EncryptionKey};
use regrant::secret::{Key32, SecretBytes};
use serde_json::Value;

/// Every engine there is here.
pub(crate) fn engines() -> Vec<Engine> {
    #[cfg(target_arch = "wasm32")]
    return vec![Engine::rust(), Engine::webcrypto().unwrap()];
    #[cfg(not(target_arch = "wasm32"))]
    vec![Engine::rust()]
}

/// Where bytes can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Heap,
    #[cfg(target_arch = "wasm32")]
    Web,
}

pub(crate) fn homes() -> Vec<Home> {
    #[cfg(target_arch = "wasm32")]
    return vec![Home::Heap, Home::Web];
    #[cfg(not(target_arch = "wasm32"))]
    vec![Home::Heap]
}

pub(crate) fn buffer(home: Home, bytes: &[u8]) -> Buffer {
    match home {
        Home::Heap => Buffer::Heap(bytes.to_vec()),
        #[cfg(target_arch = "wasm32")]
        Home::Web => Buffer::Web(regrant::crypto::webcrypto::WebBuffer::copy_of(bytes)),
    }
}

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

pub(crate) fn fixed<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap()
}

pub(crate) fn key(value: &Value) -> Key32 {
    Key32::from_slice(&hex(value)).unwrap()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn int(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

pub(crate) fn cases(file: &Value) -> &[Value] {
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    cases
}

pub(crate) fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The private key of the Wycheproof vectors: one pair is enough, and making one takes long.
pub(crate) async fn rsa_pair(engine: &Engine) -> (DecryptionKey, EncryptionKey) {
    let file = read(include_str!("published/rsa-oaep-sha-256.json"));
    engine.import_decryption(&SecretBytes::new(hex(&file["pkcs8"]))).await.unwrap()
}

/// Bytes that are not all alike, the same every time.
pub(crate) fn sample(length: usize) -> Vec<u8> {
    (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 23) as u8).collect()
}
