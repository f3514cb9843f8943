//! One envelope's content key, one chunk's cipher, and the digest over all chunks.
//!
//! What whole items and streams share. Works on bytes in this module's memory; knows no buffer.

use std::cell::OnceCell;

use regrant_symmetric::Gcm;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::header::Header;
use crate::crypto::keys::DataKey;
use crate::crypto::rust;
use crate::encoding::{Hash, Transcript};
use crate::error::{Error, Result};
use crate::secret::{Key32, SecretBytes, equal};

/// Which chunk it is; also the nonce's last five bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Index {
    number: u32,
    mark: u8,
}

impl Index {
    /// Chunk 0.
    pub(super) const METADATA: Self = Self { number: 0, mark: 0 };

    /// Data chunk `i` of `chunks`, from 1.
    pub(super) fn data(i: u64, chunks: u64) -> Result<Self> {
        Self::chunk(i, i == chunks)
    }

    /// Data chunk `i`, from 1, where only is known whether it is the last.
    pub(super) fn chunk(i: u64, last: bool) -> Result<Self> {
        Ok(Self { number: Self::number(i)?, mark: u8::from(last) })
    }

    /// The chunk after the last of `chunks`.
    pub(super) fn trailer(chunks: u64) -> Result<Self> {
        Ok(Self { number: Self::number(chunks + 1)?, mark: 2 })
    }

    fn number(i: u64) -> Result<u32> {
        u32::try_from(i).map_err(|_| Error::bad_input("too many chunks"))
    }

    /// 7 zero bytes ‖ number (4 bytes big-endian) ‖ 1 for the last data chunk, 2 for the trailer, else 0.
    pub(super) fn nonce(self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[7..11].copy_from_slice(&self.number.to_be_bytes());
        nonce[11] = self.mark;
        nonce
    }
}

/// The AES-256-GCM key of one envelope.
#[derive(zeroize::ZeroizeOnDrop)]
pub(super) struct ContentKey {
    pub(super) key: Key32,
    /// Ready for use, once it was used here. It wipes itself.
    #[zeroize(skip)]
    ready: OnceCell<Box<Gcm>>,
}
const _: () = {
    crate::secret::wiped::<ContentKey>();
    crate::secret::wiped::<Gcm>();
};

impl ContentKey {
    /// Derives key and commitment from the data key, the salt and the header's first 30 bytes.
    pub(super) fn derive(key: &DataKey, header: &Header) -> Result<(Self, Hash)> {
        let mut okm = Zeroizing::new([0; 64]);
        let info = Transcript::new("envelope").bytes(&header.head());
        rust::hkdf(key.0.expose(), &header.salt, info.as_bytes(), &mut okm[..])?;
        let content = Self { key: Key32::from_slice(&okm[..32])?, ready: OnceCell::new() };
        Ok((content, Hash::from_slice(&okm[32..])?))
    }

    /// The key, if the header commits to it.
    pub(super) fn committed(key: &DataKey, header: &Header) -> Result<Option<Self>> {
        let (content, commitment) = Self::derive(key, header)?;
        Ok(equal(&commitment.0, &header.commitment.0).then_some(content))
    }

    fn ready(&self) -> &Gcm {
        self.ready.get_or_init(|| Box::new(Gcm::new(self.key.expose())))
    }

    pub(super) fn seal(&self, index: Index, plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.seal_into(index, plaintext, &mut out)?;
        Ok(out)
    }

    /// The same, behind what is there.
    pub(super) fn seal_into(&self, index: Index, plaintext: &[u8], out: &mut Vec<u8>) -> Result<()> {
        rust::gcm_seal(self.ready(), &index.nonce(), plaintext, out)
    }

    pub(super) fn open(&self, index: Index, sealed: &[u8]) -> Result<SecretBytes> {
        rust::gcm_open(self.ready(), &index.nonce(), sealed)
    }
}

/// SHA-256 of one chunk's ciphertext with its tag.
pub(super) fn chunk_hash(sealed: &[u8]) -> [u8; 32] {
    regrant_symmetric::sha256(sealed)
}

/// Gathers h0, h1, … hn in order.
#[derive(Clone, Default)]
pub(super) struct ContentDigest(Sha256);

impl ContentDigest {
    pub(super) fn add(&mut self, chunk_hash: &[u8; 32]) {
        self.0.update(chunk_hash);
    }

    /// SHA-256(T("content", header, the signer's fingerprint or absent, SHA-256(h0 ‖ … ‖ hn))).
    pub(super) fn finish(self, header: &Header, signer: Option<&Hash>) -> Hash {
        let hashes = self.0.finalize();
        let transcript =
            Transcript::new("content").bytes(&header.to_bytes()).option(signer.map(|f| &f.0[..])).bytes(&hashes);
        crate::encoding::Fixed(transcript.sha256())
    }
}
