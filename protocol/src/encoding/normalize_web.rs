//! Unicode normalisation by the environment's own tables (wasm only): those of a crate would weigh more than all of
//! the protocol's records.

use js_sys::JsString;

fn normalize(text: &str, form: &str) -> String {
    String::from(JsString::from(text).normalize(form))
}

/// Whether text is in Unicode normalisation form C.
pub(super) fn is_nfc(text: &str) -> bool {
    normalize(text, "NFC") == text
}

/// Unicode normalisation form KC, in which passwords are read.
pub fn nfkc(text: &str) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(normalize(text, "NFKC"))
}
