//! Opening items: finding the grant that fits, checking who vouches for the content.

use uuid::Uuid;

use super::Delegation;
use crate::crypto::envelope::{self, Buffer, Metadata, Trailer};
use crate::crypto::keys::DataKey;
use crate::encoding::Hash;
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::relay::{Flow, Operation};
use crate::wire::Party;

/// What becomes of bytes that are older than what was opened or written before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Older {
    /// [`Code::Outdated`].
    #[default]
    Refused,
    /// They open: whoever calls wants to look at them, or to merge.
    Opened,
}

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
    /// The grant by which it was opened.
    pub basis: Uuid,
}

/// What one grant gives for one version of an item, once its data key fits the envelope.
#[derive(Clone, Debug)]
pub(super) struct Fitting {
    pub(super) key: DataKey,
    pub(super) digest: Hash,
    pub(super) delegator: String,
    pub(super) verified: bool,
    pub(super) grant: Uuid,
}

impl Delegation {
    /// Opens an envelope. Asks the relay for a grant that is not known yet.
    ///
    /// Errors: [`Code::NoAccess`] without a grant; [`Code::Outdated`], unless `older` says otherwise; [`Code::Corrupt`] for everything that is wrong with the bytes;
    /// [`Code::IdentityChanged`] when the only grant is by keys that replaced known ones without proof.
    pub async fn open(&self, me: &Principal, bytes: &Buffer, older: Older) -> Result<Opened> {
        let prefix = bytes.prefix(envelope::HEADER_LENGTH);
        let header = envelope::read_header(&prefix)?;
        me.current()?;
        let _flow = self.hear_and_ask(me, header.id, header.key_version).await?;
        match self.try_open(me, bytes, header.id, header.key_version, &prefix, older).await {
            Err(e) if e.code() == Code::NoAccess => {}
            other => return other,
        }
        self.ask_for(me, header.id, header.key_version).await?;
        self.try_open(me, bytes, header.id, header.key_version, &prefix, older).await
    }

    /// Reads what is new, and in the same request what there is of a version of an item, where that is not known.
    async fn hear_and_ask(&self, me: &Principal, item: Uuid, version: u32) -> Result<Option<Flow>> {
        let mut flow = None;
        if self.is_stale() && self.basis_of(item, version, me.now()).is_none() {
            let grants = Operation::Grants { items: vec![item], to: Vec::new(), after: None };
            flow = Some(me.ahead(vec![self.asked_by_hearing(), grants]).await?);
        }
        self.hear(me).await?;
        Ok(flow)
    }

    async fn try_open(
        &self,
        me: &Principal,
        bytes: &Buffer,
        item: Uuid,
        version: u32,
        prefix: &[u8],
        older: Older,
    ) -> Result<Opened> {
        let (fitting, mut problem) = self.fitting(me, item, version, prefix).await?;
        for grant in fitting {
            let opened = match envelope::open(&me.engine, &grant.key, bytes, Some(&grant.digest)).await {
                Ok(opened) => opened,
                Err(e) => {
                    problem = e;
                    continue;
                }
            };
            let author = self.author(me, opened.trailer.as_ref(), &opened.digest, &grant).await?;
            self.refuse_older(me, item, version, older)?;
            self.rest(me, item, version, &grant, &author);
            let (data, metadata, basis) = (opened.data, opened.metadata, grant.grant);
            return Ok(Opened { id: item, version, data, metadata, author, basis });
        }
        Err(problem)
    }

    /// What the grants of one version of an item give whose data key the envelope commits to, the newest grant first;
    /// and the error that stands if none of it helps. `prefix` is the envelope's first 94 bytes.
    pub(super) async fn fitting(
        &self,
        me: &Principal,
        item: Uuid,
        version: u32,
        prefix: &[u8],
    ) -> Result<(Vec<Fitting>, Error)> {
        let mut fitting = Vec::new();
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
            let key = DataKey(key);
            if envelope::fits(&key, prefix)? {
                let (delegator, verified) = (grant.delegator.clone(), grant.signer.verified);
                fitting.push(Fitting { key, digest, delegator, verified, grant: record.grant.id });
            } else {
                problem = Error::corrupt();
            }
        }
        if fitting.is_empty() && problem.code() == Code::NoAccess {
            fitting.extend(self.rested(me, item, version, prefix).await);
        }
        Ok((fitting, problem))
    }

    /// The same; where there is nothing yet, the relay is asked for what is new.
    pub(super) async fn fitting_now(
        &self,
        me: &Principal,
        item: Uuid,
        version: u32,
        prefix: &[u8],
    ) -> Result<(Vec<Fitting>, Error)> {
        me.current()?;
        let _flow = self.hear_and_ask(me, item, version).await?;
        let found = self.fitting(me, item, version, prefix).await?;
        if !found.0.is_empty() || found.1.code() != Code::NoAccess {
            return Ok(found);
        }
        self.ask_for(me, item, version).await?;
        self.fitting(me, item, version, prefix).await
    }

    /// Who vouches for the content: whoever signed it, else whoever granted it.
    pub(super) async fn author(
        &self,
        me: &Principal,
        trailer: Option<&Trailer>,
        digest: &Hash,
        grant: &Fitting,
    ) -> Result<Author> {
        match trailer {
            Some(trailer) => self.check_trailer(me, trailer, digest).await,
            None => Ok(Author { login: grant.delegator.clone(), verified: grant.verified, by: AuthorBy::Grant }),
        }
    }

    async fn check_trailer(&self, me: &Principal, trailer: &Trailer, digest: &Hash) -> Result<Author> {
        let party = Party { login: trailer.login.clone(), fingerprint: trailer.fingerprint };
        party.check().map_err(|_| Error::corrupt())?;
        self.recall_author(me, &party).await;
        let signer = me.signer(&party).await?.ok_or_else(Error::corrupt)?;
        let message = envelope::author_message(digest, &trailer.login, &trailer.fingerprint);
        crate::crypto::verify(&signer.keyset.signing_key.0, &message, &trailer.signature.0)
            .map_err(|_| Error::corrupt())?;
        Ok(Author { login: trailer.login.clone(), verified: signer.verified, by: AuthorBy::Signature })
    }

    /// Notes that a version was opened, unless it is refused: see [`Delegation::assert_not_older`].
    pub(super) fn refuse_older(&self, me: &Principal, item: Uuid, version: u32, older: Older) -> Result<()> {
        self.assert_not_older(me, item, version, older)?;
        me.note_versions(&[(item, version)]);
        Ok(())
    }

    /// A version below the highest that was opened or written on this device is refused: somebody serves old bytes.
    pub(super) fn assert_not_older(&self, me: &Principal, item: Uuid, version: u32, older: Older) -> Result<()> {
        if older == Older::Refused && me.is_outdated(item, version) {
            let message =
                "a newer version of this item was opened or written before: with older: true these bytes open, too";
            return Err(Error::new(Code::Outdated, message));
        }
        Ok(())
    }
}
