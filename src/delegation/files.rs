//! Files whose sealed chunks the relay keeps: written in any order, read from anywhere.
//!
//! What has to survive a reload is in [`UploadPlan`]; keeping it is the caller's matter.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::open::Older;
use super::seal::Given;
use super::stream::readers_of;
use super::{Author, Delegation, SealOptions};
use crate::crypto::envelope::{
    self, Buffer, HEADER_LENGTH, Metadata, OpenParts, Seal, SealParts, SealedChunk, read_header,
};
use crate::crypto::keys::DataKey;
use crate::crypto::rust;
use crate::encoding::{Bytes, Hash, Transcript};
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::keyring::OwnKey;
use crate::relay::{Operation, Part, Reply, UploadState, unexpected};
use crate::secret::{Key32, SecretBytes, make_id};
use crate::wire::grant::GrantEntry;

/// Everything that decides what a file's envelope will be, but its content. Holds the data key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadPlan {
    /// The item's id.
    pub item: Uuid,
    key: Bytes,
    /// SHA-256 of what the file holds: see [`UploadPlan::data_key`].
    content: Hash,
    salt: Bytes,
    metadata: Metadata,
    length: u64,
    pad: bool,
    sign: bool,
    share_with: Vec<String>,
}

impl std::fmt::Debug for UploadPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UploadPlan({}, {} bytes)", self.item, self.length)
    }
}

impl Drop for UploadPlan {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.key.0);
    }
}

impl zeroize::ZeroizeOnDrop for UploadPlan {}
const _: () = crate::secret::wiped::<UploadPlan>();

impl UploadPlan {
    /// A new plan. Errors: those of looking up whom it is shared with.
    pub async fn make(
        me: &Principal,
        metadata: &Metadata,
        options: &SealOptions,
        length: u64,
        content: Hash,
    ) -> Result<Self> {
        let share_with = readers_of(me, options);
        me.seal_for(&share_with).await?;
        Ok(Self {
            item: make_id()?,
            key: Bytes(Key32::make()?.expose().to_vec()),
            content,
            salt: Bytes(me.engine.random::<32>()?.to_vec()),
            metadata: metadata.clone(),
            length,
            pad: options.pad,
            sign: options.sign,
            share_with,
        })
    }

    /// Whether it is for the same file, shared in the same way.
    pub fn is_for(
        &self,
        me: &Principal,
        metadata: &Metadata,
        options: &SealOptions,
        length: u64,
        content: &Hash,
    ) -> bool {
        let text = |m: &Metadata| m.encode(Some(length)).ok();
        (self.length, &self.content) == (length, content)
            && (self.pad, self.sign) == (options.pad, options.sign)
            && self.share_with == readers_of(me, options)
            && text(&self.metadata).is_some_and(|mine| Some(mine) == text(metadata))
    }

    /// What everything else of this upload that rests on the device is boxed under.
    pub fn key(&self) -> Result<Key32> {
        Key32::from_slice(&self.key.0)
    }

    /// The data key: one for each content. Whatever a store loses or brings back, another content is sealed under another
    /// key, and the same one gives the same ciphertext.
    fn data_key(&self) -> Result<DataKey> {
        let info = Transcript::new("upload/key").bytes(&self.content.0);
        rust::hkdf32(self.key()?.expose(), info.as_bytes()).map(DataKey)
    }

    /// Whether its author signs it. Such a one never goes on where it stopped: a signature need not be the same twice, and
    /// the trailer is sealed as it is.
    pub fn is_signed(&self) -> bool {
        self.sign
    }

    fn author<'a>(&self, me: &'a Principal, own: &'a OwnKey) -> Option<envelope::Author<'a>> {
        self.sign.then_some(envelope::Author { login: &me.login, fingerprint: &own.fingerprint, key: &own.signing })
    }

    /// The envelope that this plan makes.
    pub fn begin(&self, me: &Principal) -> Result<SealParts> {
        let own = me.current()?;
        let what = Seal {
            id: self.item,
            key_version: 1,
            metadata: &self.metadata,
            pad: self.pad,
            author: self.author(me, &own),
        };
        let salt = self.salt.0.as_slice().try_into().map_err(|_| Error::corrupt())?;
        SealParts::begin(&self.data_key()?, &what, self.length, salt)
    }
}

impl Delegation {
    /// Tells the relay of an upload that begins or goes on.
    pub async fn begin_upload(&self, me: &Principal, item: Uuid, parts: &SealParts) -> Result<UploadState> {
        let reply = me.call(&Operation::BeginUpload { item, chunks: parts.chunks() }).await?;
        let Reply::Upload { state } = reply else { return Err(unexpected()) };
        if state == UploadState::New {
            me.put_parts(item, vec![(Part::Head, Buffer::Heap(parts.head()))]).await?;
        }
        Ok(state)
    }

    /// Hands the relay sealed chunks, from `first` on.
    pub async fn put_chunks(&self, me: &Principal, item: Uuid, first: u64, sealed: Vec<SealedChunk>) -> Result<()> {
        let parts = (first..).zip(sealed).map(|(i, (bytes, _))| (Part::Chunk(i), bytes)).collect();
        me.put_parts(item, parts).await
    }

    /// Finishes a file whose chunks are all there: the item exists from now on.
    pub async fn finish_upload(
        &self,
        me: &Principal,
        plan: &UploadPlan,
        parts: SealParts,
        hashes: &[[u8; 32]],
    ) -> Result<()> {
        self.hear(me).await?;
        let (own, keysets) = me.seal_for(&plan.share_with).await?;
        let (list, trailer, digest) = parts.finish(&me.engine, plan.author(me, &own).as_ref(), hashes).await?;
        let mut last = vec![(Part::Hashes, Buffer::Heap(list))];
        if plan.sign {
            last.push((Part::Trailer, Buffer::Heap(trailer)));
        }
        let parts = hashes.len() as u64 + 1 + last.len() as u64;
        me.put_parts(plan.item, last).await?;
        let given = [Given { entry: GrantEntry::new(plan.item, 1, digest), key: (&plan.data_key()?.0).into() }];
        let item = plan.item;
        self.write_with(me, &own, &keysets, &given, |grants| Operation::FinishUpload { item, parts, grants }).await
    }

    /// Gives an upload up. One that the relay does not know any more is given up already.
    pub async fn give_up_upload(&self, me: &Principal, item: Uuid) -> Result<()> {
        match me.call(&Operation::GiveUpUpload { item }).await {
            Err(e) if e.code() != Code::NotFound => Err(e),
            _ => Ok(()),
        }
    }
}

/// A file that a relay keeps, checked against a grant.
#[derive(Debug)]
pub struct StoredItem {
    /// The item.
    pub id: Uuid,
    /// The envelope.
    pub parts: OpenParts,
    /// Who vouches for it.
    pub author: Author,
    /// The grant by which it was found.
    pub basis: Uuid,
}

fn lost() -> Error {
    Error::new(Code::RelayUnavailable, "the relay does not have all of this file")
}

impl Delegation {
    /// Finds a file and checks its hash list against the grant; no data is read yet.
    ///
    /// Errors: [`Code::NoAccess`], [`Code::NotFound`] (its bytes are kept elsewhere), [`Code::Corrupt`].
    pub async fn find_stored(&self, me: &Principal, item: Uuid) -> Result<StoredItem> {
        me.current()?;
        let parts = [Part::Head, Part::Hashes, Part::Trailer];
        let mut basis = self.held_by(me, item).await?;
        let found = match me.get_parts(item, basis, &parts).await {
            // The grant is gone, and nobody told of that yet.
            Err(e) if e.code() == Code::Forbidden => {
                self.mark_stale();
                basis = self.held_by(me, item).await?;
                me.get_parts(item, basis, &parts).await
            }
            found => found,
        };
        let mut found = found?.into_iter();
        let mut next = || found.next().flatten().map(Buffer::into_heap);
        let (head, hashes, trailer) = (next().ok_or_else(lost)?, next().ok_or_else(lost)?, next().unwrap_or_default());
        let header = read_header(&head)?;
        if header.id != item {
            return Err(Error::corrupt());
        }
        let prefix = &head[..HEADER_LENGTH];
        let (fitting, mut problem) = self.fitting_now(me, item, header.key_version, prefix).await?;
        for grant in fitting {
            match OpenParts::begin(&grant.key, &head, &hashes, &trailer, &grant.digest) {
                Ok(parts) => {
                    let author = self.author(me, parts.trailer(), &grant.digest, &grant).await?;
                    self.refuse_older(me, item, header.key_version, Older::Refused)?;
                    return Ok(StoredItem { id: item, parts, author, basis });
                }
                Err(e) => problem = e,
            }
        }
        Err(problem)
    }

    /// A grant by which the caller holds an item. Errors: [`Code::NoAccess`].
    async fn held_by(&self, me: &Principal, item: Uuid) -> Result<Uuid> {
        self.hear(me).await?;
        if self.grants_of(item, me.now()).is_empty() {
            self.ask_for(me, item, 1).await?;
        }
        self.grants_of(item, me.now()).first().map(|r| r.grant.id).ok_or_else(Self::no_access)
    }

    /// Reads and opens `count` chunks from `first` on. Errors: [`Code::Corrupt`]; [`Code::RelayUnavailable`] if the relay
    /// has lost some.
    pub async fn read_chunks(
        &self,
        me: &Principal,
        stored: &mut StoredItem,
        first: u64,
        count: u64,
    ) -> Result<Vec<Buffer>> {
        let names: Vec<Part> = (first..first + count).map(Part::Chunk).collect();
        let sealed = me.get_parts(stored.id, stored.basis, &names).await?;
        let sealed: Option<Vec<Buffer>> = sealed.into_iter().collect();
        stored.parts.open(&me.engine, first, sealed.ok_or_else(lost)?).await
    }
}

/// Kept so that a plan read back is wiped with its text.
impl TryFrom<&SecretBytes> for UploadPlan {
    type Error = Error;

    fn try_from(text: &SecretBytes) -> Result<Self> {
        let unreadable = |_| Error::new(Code::StoreUnreadable, "what is stored of an upload cannot be read");
        crate::encoding::from_json_bytes(text.expose()).map_err(unreadable)
    }
}
