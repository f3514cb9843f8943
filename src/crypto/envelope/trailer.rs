//! The author trailer: lp(login) ‖ lp(fingerprint) ‖ lp(signature), zero-padded to 364 bytes.
//!
//! Reads and writes its plaintext; sealing it is `chunk`'s, verifying it is for who knows keys.

use super::Trailer;
use super::header::TRAILER;
use crate::encoding::{Hash, Signature, Transcript, check_login, lp, take_lp};
use crate::error::{Error, Result};

/// What the trailer's signature is over: T("author", content digest, login, fingerprint).
pub fn author_message(digest: &Hash, login: &str, fingerprint: &Hash) -> Vec<u8> {
    Transcript::new("author").bytes(&digest.0).text(login).bytes(&fingerprint.0).finish()
}

pub(super) fn encode(trailer: &Trailer) -> Result<Vec<u8>> {
    check_login(&trailer.login)?;
    let mut out = Vec::with_capacity(TRAILER);
    lp(&mut out, trailer.login.as_bytes());
    lp(&mut out, &trailer.fingerprint.0);
    lp(&mut out, &trailer.signature.0);
    out.resize(TRAILER, 0);
    Ok(out)
}

/// Errors: `Corrupt`, also for bytes after the fields that are not zero.
pub(super) fn decode(mut bytes: &[u8]) -> Result<Trailer> {
    let corrupt = |_| Error::corrupt();
    let login = String::from_utf8(take_lp(&mut bytes)?.to_vec()).map_err(|_| Error::corrupt())?;
    check_login(&login).map_err(corrupt)?;
    let fingerprint = Hash::from_slice(take_lp(&mut bytes)?).map_err(corrupt)?;
    let signature = Signature::from_slice(take_lp(&mut bytes)?).map_err(corrupt)?;
    if bytes.iter().any(|byte| *byte != 0) {
        return Err(Error::corrupt());
    }
    Ok(Trailer { login, fingerprint, signature })
}
