//! A session's streams, and the files that it keeps at the relay.

use std::cell::RefCell;
use std::rc::Rc;

use regrant_symmetric::sha256;
use uuid::Uuid;

use super::Session;
use super::acting::Through;
use super::uploads;
use crate::crypto::Engine;
use crate::crypto::envelope::{Buffer, DEFAULT_CHUNK_LOG2, Metadata, SealParts, digests};
use crate::delegation::{ItemOpener, ItemSealer, Opened, SealOptions, StoredItem, UploadPlan};
use crate::encoding::{Fixed, Hash};
use crate::error::{Code, Error, Result};
use crate::relay::UploadState;

/// How many chunks are read, sealed and sent at once.
const SEGMENT: u64 = 16;

fn busy() -> Error {
    Error::bad_input("one thing after the other: a stream or file was used while it was busy, or after its end")
}

/// A state that one call at a time takes out, and does not put back when it failed.
#[derive(Debug)]
struct Turn<T>(RefCell<Option<T>>);

impl<T> Turn<T> {
    fn new(state: T) -> Self {
        Self(RefCell::new(Some(state)))
    }

    fn take(&self) -> Result<T> {
        self.0.borrow_mut().take().ok_or_else(busy)
    }

    fn put(&self, state: T) {
        *self.0.borrow_mut() = Some(state);
    }
}

/// An item that is being sealed.
#[derive(Debug)]
pub struct Sealing {
    session: Rc<Session>,
    id: Uuid,
    sealed_length: Option<u64>,
    head: Vec<u8>,
    state: Turn<ItemSealer>,
}

impl Sealing {
    /// The item's id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The envelope's length in bytes, if the data's was said.
    pub fn sealed_length(&self) -> Option<u64> {
        self.sealed_length
    }

    /// The envelope's first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Takes data, and gives the sealed chunks that it completes.
    pub async fn push(&self, data: Buffer) -> Result<Vec<Buffer>> {
        let me = self.session.open()?;
        let mut state = self.state.take()?;
        let sealed = state.stream().push(&me.engine, data).await?;
        self.state.put(state);
        Ok(sealed)
    }

    /// After the data: chunks of padding, until there are none.
    pub async fn pad(&self) -> Result<Option<Buffer>> {
        let me = self.session.open()?;
        let mut state = self.state.take()?;
        let sealed = state.stream().pad(&me.engine).await?;
        self.state.put(state);
        Ok(sealed)
    }

    /// The envelope's last bytes, once the relay has the grants.
    pub async fn finish(&self) -> Result<(Buffer, Vec<u8>)> {
        let me = self.session.open()?;
        let outcome = self.session.delegation().finish_stream(me, self.state.take()?).await;
        self.session.keeping(outcome).await
    }
}

/// An item that is being opened.
#[derive(Debug)]
pub struct Opening {
    session: Rc<Session>,
    state: Turn<ItemOpener>,
    /// The identity by which it can be read, where that is not oneself.
    through: RefCell<Option<Through>>,
}

impl Opening {
    /// Takes bytes of the envelope, and gives authentic data in order.
    pub async fn push(&self, bytes: Buffer) -> Result<Vec<Buffer>> {
        let me = self.session.open()?;
        let mut state = self.state.take()?;
        let through = self.through.borrow().clone();
        let plain = match &through {
            Some(other) => other.delegation.open_more(&other.principal, &mut state, bytes).await?,
            None => match self.session.delegation().open_more(me, &mut state, bytes).await {
                Err(e) if e.code() == Code::NoAccess => {
                    let item = state.item()?.ok_or_else(|| e.clone())?;
                    let other = self.session.through(item).await?.ok_or(e)?;
                    let nothing = Buffer::Heap(Vec::new());
                    let plain = other.delegation.open_more(&other.principal, &mut state, nothing).await?;
                    *self.through.borrow_mut() = Some(other);
                    plain
                }
                other => other?,
            },
        };
        self.state.put(state);
        Ok(plain)
    }

    /// The rest of the data, and what is known of the item.
    pub async fn finish(&self) -> Result<Opened> {
        let me = self.session.open()?;
        let through = self.through.borrow().clone();
        let state = self.state.take()?;
        let outcome = match &through {
            Some(other) => other.delegation.open_last(&other.principal, state).await,
            None => self.session.delegation().open_last(me, state).await,
        };
        let opened = self.session.keeping(outcome).await?;
        self.session.note_opening((opened.id, opened.version, opened.basis), through.as_ref(), None).await;
        Ok(opened)
    }
}

/// A file that is read from the relay.
#[derive(Debug)]
pub struct Stored {
    session: Rc<Session>,
    state: Turn<StoredItem>,
    through: Option<Through>,
}

impl Stored {
    /// Reads what is known of it before its data.
    pub fn with<T>(&self, read: impl FnOnce(&StoredItem) -> T) -> Result<T> {
        let state = self.state.0.borrow();
        state.as_ref().map(read).ok_or_else(busy)
    }

    /// Opens chunks, from `first` (1 is the first).
    pub async fn read(&self, first: u64, count: u64) -> Result<Vec<Buffer>> {
        let me = self.session.open()?;
        let mut state = self.state.take()?;
        let outcome = match &self.through {
            Some(other) => other.delegation.read_chunks(&other.principal, &mut state, first, count).await,
            None => self.session.delegation().read_chunks(me, &mut state, first, count).await,
        };
        // A relay that did not answer may do so next time.
        self.state.put(state);
        outcome
    }
}

/// A file on its way to the relay.
#[derive(Debug)]
pub struct Upload {
    session: Rc<Session>,
    plan: UploadPlan,
    content: Content,
    finished: bool,
    state: Turn<UploadWork>,
}

/// What a file holds: of each segment, the SHA-256 of its chunks' SHA-256. It decides the key that the file is sealed
/// under, so it is read before anything is sealed.
#[derive(Clone, Debug)]
pub struct Content(Vec<[u8; 32]>);

impl Content {
    /// How many bytes of data a segment has; the last has what is left.
    pub const SEGMENT_BYTES: u64 = SEGMENT << DEFAULT_CHUNK_LOG2;

    /// The hash of one segment's data.
    pub async fn hash(engine: &Engine, data: &Buffer) -> Result<[u8; 32]> {
        Ok(sha256(digests(engine, data, 1 << DEFAULT_CHUNK_LOG2).await?.as_flattened()))
    }

    /// Of a file of `length` bytes, from the hashes of its segments one after the other.
    pub fn of(hashes: &[u8], length: u64) -> Result<Self> {
        match hashes.as_chunks::<32>() {
            (hashes, []) if hashes.len() as u64 == length.div_ceil(Self::SEGMENT_BYTES) => Ok(Self(hashes.to_vec())),
            _ => Err(Error::bad_input("these are not the hashes of a file of this length")),
        }
    }

    fn whole(&self) -> Hash {
        Fixed(sha256(self.0.as_flattened()))
    }

    /// Whether a segment's data has this hash. Segments after the data are padding alone.
    fn has(&self, n: u64, hash: [u8; 32]) -> bool {
        let expected = usize::try_from(n).ok().and_then(|n| self.0.get(n)).copied();
        expected.unwrap_or_else(|| sha256(&[])) == hash
    }
}

#[derive(Debug)]
struct UploadWork {
    parts: SealParts,
    hashes: Vec<[u8; 32]>,
}

impl Upload {
    /// The item's id.
    pub fn id(&self) -> Uuid {
        self.plan.item
    }

    /// Notes it on this device, and at the relay. Whoever makes it claims its id before: from now on it is found by
    /// [`Session::unfinished`].
    pub async fn begin(&self) -> Result<()> {
        let (session, item) = (&self.session, self.plan.item);
        let me = session.open()?;
        let rest =
            session.rest().ok_or_else(|| Error::new(Code::Locked, "the keys are locked: call unlock() first"))?;
        let work = self.state.take()?;
        let segments = work.parts.chunks().div_ceil(SEGMENT);
        let kept = uploads::keep(&me.engine, session.store(), &rest, session.login(), &self.plan, segments).await;
        let begun = match kept {
            Ok(()) => session.delegation().begin_upload(me, item, &work.parts).await.map(drop),
            failed => failed,
        };
        self.state.put(work);
        begun
    }

    /// Whether it was finished before, and only this device did not know.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// Where the data of the next segment lies; `None` after the last.
    pub fn next(&self) -> Result<Option<(u64, u64)>> {
        let work = self.state.0.borrow();
        let work = work.as_ref().ok_or_else(busy)?;
        let (first, count) = work.next();
        Ok((count > 0).then(|| work.parts.data_of(first, count)))
    }

    /// Seals and sends the next segment, whose data `bytes` is, unless that was done before.
    ///
    /// Errors: [`Code::BadInput`] if it is not what [`Content`] was made of; [`Code::Conflict`] if this device does not know
    /// the upload to its end, though the relay finished it: begin anew.
    pub async fn send(&self, bytes: Buffer) -> Result<()> {
        let mut work = self.state.take()?;
        let outcome = self.send_next(&mut work, bytes).await;
        self.state.put(work);
        outcome
    }

    async fn send_next(&self, work: &mut UploadWork, bytes: Buffer) -> Result<()> {
        let session = &self.session;
        let me = session.open()?;
        let (store, item) = (session.store(), self.plan.item);
        let (first, count) = work.next();
        let n = (first - 1) / SEGMENT;
        if !self.content.has(n, Content::hash(&me.engine, &bytes).await?) {
            return Err(Error::bad_input("the file changed while it was read"));
        }
        match uploads::segment(store, &self.plan.key()?, item, n).await? {
            Some(sealed) if sealed.len() as u64 == count => {
                work.hashes.extend(sealed);
                return Ok(());
            }
            // What is finished was sent to its end: this device knows of another.
            _ if self.finished => return Err(another()),
            _ => {}
        }
        // Sealing reads the bytes again: they are this package's own copy, which nobody changes meanwhile.
        let sealed = work.parts.seal(&me.engine, first, count, &bytes).await?;
        let hashes: Vec<[u8; 32]> = sealed.iter().map(|(_, hash)| *hash).collect();
        session.delegation().put_chunks(me, item, first, sealed).await?;
        uploads::keep_segment(&me.engine, store, session.login(), &self.plan, n, &hashes).await?;
        work.hashes.extend(hashes);
        Ok(())
    }

    /// After the last segment: the item exists from now on.
    pub async fn finish(&self) -> Result<()> {
        let session = &self.session;
        let me = session.open()?;
        let work = self.state.take()?;
        if !self.finished {
            let outcome = session.delegation().finish_upload(me, &self.plan, work.parts, &work.hashes).await;
            session.keeping(outcome).await?;
        }
        uploads::forget(session.store(), session.login(), self.plan.item).await
    }

    /// Gives it up, here and at the relay.
    pub async fn give_up(&self) -> Result<()> {
        let session = &self.session;
        uploads::forget(session.store(), session.login(), self.plan.item).await?;
        session.delegation().give_up_upload(session.open()?, self.plan.item).await
    }
}

fn another() -> Error {
    Error::new(Code::Conflict, "this is not the file whose upload was begun").for_good()
}

impl UploadWork {
    /// The first chunk that is still to be sent, and how many go with it.
    fn next(&self) -> (u64, u64) {
        let first = self.hashes.len() as u64 + 1;
        (first, SEGMENT.min(self.parts.chunks() + 1 - first))
    }
}

impl Session {
    /// Begins an item whose data comes as a stream. `length` is the data's in bytes, if it is known.
    pub async fn seal_stream(
        self: &Rc<Self>,
        metadata: &Metadata,
        options: &SealOptions,
        length: Option<u64>,
    ) -> Result<Sealing> {
        let me = self.ready().await?;
        let options = &self.with_shares(options).await?;
        let outcome = self.delegation().begin_stream(me, metadata, options, length).await;
        let mut sealer = self.keeping(outcome).await?;
        let (id, sealed_length, head) = (sealer.id(), sealer.stream().sealed_length(), sealer.stream().head());
        Ok(Sealing { session: self.clone(), id, sealed_length, head, state: Turn::new(sealer) })
    }

    /// Begins to open an item whose envelope comes as a stream.
    pub fn open_stream(self: &Rc<Self>) -> Result<Opening> {
        self.open()?;
        Ok(Opening { session: self.clone(), state: Turn::new(ItemOpener::default()), through: RefCell::default() })
    }

    /// Finds a file at the relay.
    pub async fn find_stored(self: &Rc<Self>, item: Uuid) -> Result<Stored> {
        let me = self.ready().await?;
        let (outcome, through) = match self.delegation().find_stored(me, item).await {
            Err(e) if e.code() == Code::NoAccess => match self.through(item).await? {
                Some(other) => (other.delegation.find_stored(&other.principal, item).await, Some(other)),
                None => (Err(e), None),
            },
            other => (other, None),
        };
        let found = self.keeping(outcome).await?;
        self.note_opening((item, 1, found.basis), through.as_ref(), None).await;
        Ok(Stored { session: self.clone(), state: Turn::new(found), through })
    }

    /// The hash of one segment of a file, for [`Content::of`].
    pub async fn hash_segment(&self, data: &Buffer) -> Result<[u8; 32]> {
        Content::hash(&self.open()?.engine, data).await
    }

    /// The uploads of this login that are for this file: an earlier call began them and did not end.
    pub async fn unfinished(
        &self,
        metadata: &Metadata,
        options: &SealOptions,
        length: u64,
        content: &Content,
    ) -> Result<Vec<Uuid>> {
        let me = self.open()?;
        let options = &self.with_shares(options).await?;
        let Some(rest) = self.rest() else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        for kept in uploads::kept(self.store(), self.login()).await? {
            let plan = uploads::open_plan(&me.engine, &rest, self.login(), &kept).await;
            if plan.is_some_and(|p| p.is_for(me, metadata, options, length, &content.whole())) {
                out.push(kept.item);
            }
        }
        Ok(out)
    }

    /// Makes an upload of a file, of which nobody knows before [`Upload::begin`].
    pub async fn make_upload(
        self: &Rc<Self>,
        metadata: &Metadata,
        options: &SealOptions,
        length: u64,
        content: Content,
    ) -> Result<Upload> {
        let me = self.ready().await?;
        let options = &self.with_shares(options).await?;
        let outcome = UploadPlan::make(me, metadata, options, length, content.whole()).await;
        let plan = self.keeping(outcome).await?;
        let work = UploadWork { parts: plan.begin(me)?, hashes: Vec::new() };
        Ok(Upload { session: self.clone(), plan, content, finished: false, state: Turn::new(work) })
    }

    /// Goes on with one of [`Session::unfinished`]. `None`: the relay gave it up, or its author signs it; so does this
    /// device now.
    pub async fn resume_upload(self: &Rc<Self>, item: Uuid, content: Content) -> Result<Option<Upload>> {
        let me = self.open()?;
        let kept = uploads::kept(self.store(), self.login()).await?.into_iter().find(|k| k.item == item);
        let (Some(kept), Some(rest)) = (kept, self.rest()) else { return Ok(None) };
        let Some(plan) = uploads::open_plan(&me.engine, &rest, self.login(), &kept).await else { return Ok(None) };
        let parts = plan.begin(me)?;
        let state = self.delegation().begin_upload(me, item, &parts).await?;
        let work = UploadWork { parts, hashes: Vec::new() };
        let (finished, signed) = (state == UploadState::Finished, plan.is_signed());
        let upload = Upload { session: self.clone(), plan, content, finished, state: Turn::new(work) };
        match state {
            // One that is finished is gone through as well: this device has to know of every chunk.
            UploadState::Open | UploadState::Finished if finished || !signed => {
                uploads::used(self.store(), self.login(), item).await?;
                Ok(Some(upload))
            }
            // What was sent before is gone there, or would be signed again.
            _ => {
                upload.give_up().await?;
                Ok(None)
            }
        }
    }
}
