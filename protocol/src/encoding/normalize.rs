//! Unicode normalisation, by the tables of a crate. In a page, `normalize_web.rs` takes its place.

use unicode_normalization::UnicodeNormalization;

/// Whether text is in Unicode normalisation form C.
pub(super) fn is_nfc(text: &str) -> bool {
    unicode_normalization::is_nfc(text)
}

/// Unicode normalisation form KC, in which passwords are read.
pub fn nfkc(text: &str) -> zeroize::Zeroizing<String> {
    // Reserved ahead, so that growing does not leave copies of a password behind.
    let mut out = zeroize::Zeroizing::new(String::with_capacity(text.len() * 4 + 64));
    out.extend(text.nfkc());
    out
}
