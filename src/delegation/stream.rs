//! Items that are sealed and opened as their bytes come.

use uuid::Uuid;

use super::open::{Fitting, Older};
use super::seal::Given;
use super::{Delegation, Opened, SealOptions};
use crate::crypto::envelope::{Author, Buffer, Metadata, OpenStream, Seal, SealStream};
use crate::crypto::keys::DataKey;
use crate::error::{Error, Result};
use crate::graph::Principal;
use crate::secret::{Key32, equal, make_id};
use crate::wire::grant::GrantEntry;

/// A new item whose data is still coming.
#[derive(Debug)]
pub struct ItemSealer {
    id: Uuid,
    stream: SealStream,
    key: DataKey,
    readers: Vec<String>,
    sign: bool,
}

impl ItemSealer {
    /// The item's id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The envelope under way.
    pub fn stream(&mut self) -> &mut SealStream {
        &mut self.stream
    }
}

/// Who gets access beside oneself, without repetitions.
pub(super) fn readers_of(me: &Principal, options: &SealOptions) -> Vec<String> {
    let mut readers: Vec<String> = options.share_with.iter().filter(|l| **l != me.login).cloned().collect();
    readers.sort();
    readers.dedup();
    readers
}

impl Delegation {
    /// Begins a new item. Everyone it is to be shared with is looked up now, so that a mistake shows before the work,
    /// and again at the end. `length` is the data's in bytes, if it is known.
    pub async fn begin_stream(
        &self,
        me: &Principal,
        metadata: &Metadata,
        options: &SealOptions,
        length: Option<u64>,
    ) -> Result<ItemSealer> {
        let readers = readers_of(me, options);
        let (own, _) = me.seal_for(&readers).await?;
        let (id, key) = (make_id()?, DataKey(Key32::make()?));
        let author =
            options.sign.then_some(Author { login: &me.login, fingerprint: &own.fingerprint, key: &own.signing });
        let what = Seal { id, key_version: 1, metadata, pad: options.pad, author };
        let stream = SealStream::begin(&me.engine, &key, &what, length)?;
        Ok(ItemSealer { id, stream, key, readers, sign: options.sign })
    }

    /// After the data and the padding: the relay has the grants before the last chunk is given out.
    pub async fn finish_stream(&self, me: &Principal, sealer: ItemSealer) -> Result<(Buffer, Vec<u8>)> {
        self.hear(me).await?;
        let (own, keysets) = me.seal_for(&sealer.readers).await?;
        let author =
            sealer.sign.then_some(Author { login: &me.login, fingerprint: &own.fingerprint, key: &own.signing });
        let end = sealer.stream.finish(&me.engine, author.as_ref()).await?;
        let given = [Given { entry: GrantEntry::new(sealer.id, 1, end.digest), key: (&sealer.key.0).into() }];
        self.write(me, &own, &keysets, &given, vec![(sealer.id, 1)], Vec::new()).await?;
        Ok((end.last, end.trailer))
    }
}

/// An item whose envelope is still coming.
#[derive(Debug, Default)]
pub struct ItemOpener {
    stream: OpenStream,
    fitting: Vec<Fitting>,
}

impl ItemOpener {
    /// The item that it is, once enough of it has come.
    pub fn item(&mut self) -> Result<Option<uuid::Uuid>> {
        Ok(self.stream.header()?.map(|header| header.id))
    }
}

impl Delegation {
    /// Takes bytes of an envelope, and gives out data that is authentic and in order. Errors: as [`Delegation::open`].
    pub async fn open_more(&self, me: &Principal, opener: &mut ItemOpener, bytes: Buffer) -> Result<Vec<Buffer>> {
        opener.stream.push(bytes)?;
        if !opener.stream.has_key() {
            let Some(header) = opener.stream.header()?.cloned() else { return Ok(Vec::new()) };
            let (fitting, problem) = self.fitting_now(me, header.id, header.key_version, &header.to_bytes()).await?;
            let first = fitting.first().ok_or(problem)?;
            self.assert_not_older(me, header.id, header.key_version, Older::Refused)?;
            opener.stream.try_key(&first.key)?;
            opener.fitting = fitting;
        }
        opener.stream.open(&me.engine).await
    }

    /// After the last byte: the rest of the data, and what is known of the item. Only now is certain that nothing is
    /// missing, and that it is the content that somebody vouched for.
    pub async fn open_last(&self, me: &Principal, mut opener: ItemOpener) -> Result<Opened> {
        let header = opener.stream.header()?.cloned().ok_or_else(Error::corrupt)?;
        let end = opener.stream.finish(&me.engine).await?;
        let fits = |grant: &&Fitting| equal(&grant.digest.0, &end.digest.0);
        let grant = opener.fitting.iter().find(fits).ok_or_else(Error::corrupt)?;
        let author = self.author(me, end.trailer.as_ref(), &end.digest, grant).await?;
        self.refuse_older(me, header.id, header.key_version, Older::Refused)?;
        self.rest(me, header.id, header.key_version, grant, &author);
        let (id, version, basis) = (header.id, header.key_version, grant.grant);
        Ok(Opened { id, version, data: end.last, metadata: end.metadata, author, basis })
    }
}
