//! Opening items: finding the grant that fits, checking who vouches for the content.

use uuid::Uuid;

use super::Delegation;
use crate::crypto::envelope::{self, Buffer, Metadata, Trailer};
use crate::crypto::keys::DataKey;
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::wire::Party;

/// What makes somebody the author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorBy {
    /// Whoever granted the item vouches for its content.
    Grant,
    /// The item bears its author's signature.
    Signature,
}

/// Who vouches for an item's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The login.
    pub login: String,
    /// Whether that login's code was compared (or it is oneself).
    pub verified: bool,
    /// What makes it the author.
    pub by: AuthorBy,
}

/// An opened item.
#[derive(Debug)]
pub struct Opened {
    /// The item.
    pub id: Uuid,
    /// Its version.
    pub version: u32,
    /// The data.
    pub data: Buffer,
    /// What is said of it.
    pub metadata: Metadata,
    /// Who vouches for it.
    pub author: Author,
}

impl Delegation {
    /// Opens an envelope. Asks the relay for a grant that is not known yet.
    ///
    /// Errors: [`Code::NoAccess`] without a grant; [`Code::Corrupt`] for everything that is wrong with the bytes;
    /// [`Code::IdentityChanged`] when the only grant is by keys that replaced known ones without proof.
    pub async fn open(&self, me: &Principal, bytes: &Buffer) -> Result<Opened> {
        let prefix = bytes.prefix(envelope::HEADER_LENGTH);
        let header = envelope::read_header(&prefix)?;
        me.current()?;
        self.sync(me).await?;
        match self.try_open(me, bytes, header.id, header.key_version, &prefix).await {
            Err(e) if e.code() == Code::NoAccess => {}
            other => return other,
        }
        // Nothing negative is cached: a grant may have arrived without a wake-up.
        self.mark_stale();
        self.sync(me).await?;
        self.try_open(me, bytes, header.id, header.key_version, &prefix).await
    }

    async fn try_open(
        &self,
        me: &Principal,
        bytes: &Buffer,
        item: Uuid,
        version: u32,
        prefix: &[u8],
    ) -> Result<Opened> {
        let mut problem = Self::no_access();
        for record in self.grants_of(item, me.now()) {
            if !record.grant.entries.iter().any(|e| e.key() == (item, version)) {
                continue;
            }
            let grant = match self.open_grant(me, record.grant.id).await {
                Ok(Some(grant)) => grant,
                Ok(None) => continue,
                Err(e) if e.code() == Code::IdentityChanged => {
                    problem = e;
                    continue;
                }
                Err(e) => return Err(e),
            };
            let Some((key, digest)) = grant.entry(item, version) else { continue };
            let key = DataKey(key.clone());
            if !envelope::fits(&key, prefix)? {
                problem = Error::corrupt();
                continue;
            }
            let opened = match envelope::open(&me.engine, &key, bytes, Some(&digest)).await {
                Ok(opened) => opened,
                Err(e) => {
                    problem = e;
                    continue;
                }
            };
            let author = match &opened.trailer {
                None => Author { login: grant.delegator.clone(), verified: grant.signer.verified, by: AuthorBy::Grant },
                Some(trailer) => self.check_trailer(me, trailer, &opened.digest).await?,
            };
            self.refuse_older(item, version)?;
            return Ok(Opened { id: item, version, data: opened.data, metadata: opened.metadata, author });
        }
        Err(problem)
    }

    async fn check_trailer(&self, me: &Principal, trailer: &Trailer, digest: &crate::encoding::Hash) -> Result<Author> {
        let party = Party { login: trailer.login.clone(), fingerprint: trailer.fingerprint };
        party.check().map_err(|_| Error::corrupt())?;
        let signer = me.signer(&party).await?.ok_or_else(Error::corrupt)?;
        let message = envelope::author_message(digest, &trailer.login, &trailer.fingerprint);
        crate::crypto::verify(&signer.keyset.signing_key.0, &message, &trailer.signature.0)
            .map_err(|_| Error::corrupt())?;
        Ok(Author { login: trailer.login.clone(), verified: signer.verified, by: AuthorBy::Signature })
    }

    /// A version below the highest opened is refused: somebody serves old bytes.
    fn refuse_older(&self, item: Uuid, version: u32) -> Result<()> {
        let mut highest = self.highest.borrow_mut();
        let seen = highest.entry(item).or_insert(version);
        if version < *seen {
            return Err(Error::new(
                Code::Corrupt,
                "a newer version of this item was opened before: these bytes are an older one",
            ));
        }
        *seen = version;
        Ok(())
    }
}
