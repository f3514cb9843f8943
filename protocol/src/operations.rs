//! What a relay is asked, and what it answers: the contract between clients and relays, whoever carries it.

use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::encoding::{Bytes, Hash, Signature, Transcript, to_base64url};
use crate::error::{Code, Error, Result};
use crate::secret::Key32;
use crate::wire::access::{AccessRequest, AccessStatus};
use crate::wire::exchange::{Exchange, Wrap};
use crate::wire::grant::Grant;
use crate::wire::keyset::Keyset;
use crate::wire::manifest::Manifest;
use crate::wire::notification::{Notification, Status};
use crate::wire::revocation::Revocation;
use crate::wire::slot::Slot;
use crate::wire::statement::{HeadChange, Statement};

/// Proof that a login was checked. A relay makes it; what a client says it is given is checked there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    login: String,
    fingerprint: Hash,
}

impl Ticket {
    /// Of a login whose key or secret was just checked.
    pub fn of(login: &str, fingerprint: Hash) -> Self {
        Self { login: login.to_owned(), fingerprint }
    }

    /// Whose it is.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// The keyset that it was given for.
    pub fn fingerprint(&self) -> &Hash {
        &self.fingerprint
    }
}

/// What a login signs.
pub fn login_transcript(
    relay_id: &str,
    application: &str,
    login: &str,
    fingerprint: &Hash,
    nonce: &Hash,
    expires: u64,
) -> Transcript {
    Transcript::new("login")
        .text(relay_id)
        .text(application)
        .text(login)
        .bytes(&fingerprint.0)
        .bytes(&nonce.0)
        .int(expires)
}

/// The longest reason of an opening, in bytes of UTF-8.
pub const MAX_REASON: usize = 1024;

/// The hash of a relay secret, with which the owner of a `password` slot logs in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoginSecret {
    /// The slot's unlocker.
    pub unlocker: Uuid,
    /// SHA-256 of the relay secret.
    pub hash: Hash,
}

/// What a person who opens keys with a password shows the relay. Redacted when printed.
#[derive(Clone, zeroize::ZeroizeOnDrop)]
pub struct RelaySecret(pub Key32);
const _: () = crate::secret::wiped::<RelaySecret>();

impl Serialize for RelaySecret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&Zeroizing::new(to_base64url(self.0.expose())))
    }
}

impl<'de> Deserialize<'de> for RelaySecret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let bytes = Zeroizing::new(Bytes::deserialize(d)?.0);
        Key32::from_slice(&bytes).map(Self).map_err(|_| de::Error::custom("expected 32 bytes"))
    }
}

impl fmt::Debug for RelaySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelaySecret(redacted)")
    }
}

/// A keyset as its owner hands it to the relay, and gets it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnKeyset {
    /// The public part.
    pub keyset: Keyset,
    /// The private part: `box(keyset key, "private", [fingerprint], lp(PKCS#8) ‖ lp(seed))`.
    pub private: Bytes,
    /// Its slots.
    pub slots: Vec<Slot>,
    /// The list of its slots.
    pub manifest: Manifest,
}

/// A change to the slots of one keyset: what the manifest lists and `add` does not bring is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SlotChange {
    /// The manifest after the change; compare-and-set on its `previousHash`.
    pub manifest: Manifest,
    /// New slots.
    pub add: Vec<Slot>,
    /// Login secrets of new `password` slots.
    pub secrets: Vec<LoginSecret>,
}

/// A version that continues the one before it, and the change of slots that goes with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Renewal {
    /// The new version.
    pub new: OwnKeyset,
    /// Login secrets of `password` slots that are new; those of slots that stay the relay keeps.
    pub secrets: Vec<LoginSecret>,
    /// To the version before.
    pub previous: SlotChange,
    /// Everything that the identity says, said anew with the new keys: from then on nobody is believed who holds earlier
    /// ones.
    pub said: HeadChange,
}

/// An identity on the way to another: what whoever stands before it on that way can open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// Who.
    pub login: String,
    /// Its keysets from version 1; of their slots, only those that the one before holds, and the successors'.
    pub keysets: Vec<OwnKeyset>,
}

/// Where a way is to lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// To an identity.
    Login(String),
    /// To the nearest identity that holds an item.
    Item(Uuid),
}

/// With whom an identity is shared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sharing {
    /// Its newest keyset.
    pub keyset: Keyset,
    /// The signed list of that keyset's slots.
    pub manifest: Manifest,
    /// Sharers whose own keys, in the version that holds the slot, are locked. Only the relay's word.
    pub locked: Vec<String>,
}

/// An edge of the sharing graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The other end.
    pub login: String,
    /// Whether the sharer's keys, in the version that holds the slot, are locked.
    pub locked: bool,
}

/// Somebody opened an item, as far as the relay was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// The item.
    pub item: Uuid,
    /// The version that was opened.
    pub version: u32,
    /// Who opened it.
    pub login: String,
    /// For which identity: oneself, or one that can be acted for.
    #[serde(rename = "as")]
    pub acting_as: String,
    /// Unix milliseconds.
    pub when: u64,
    /// Why, in the words of whoever opened it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// A request for access, with where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The request.
    pub request: AccessRequest,
    /// Where it stands.
    pub status: AccessStatus,
    /// The answer, a sealed message to the ephemeral key; gone once it was fetched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<Bytes>,
}

/// An exchange key with its wraps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExchangeRecord {
    /// The record.
    pub exchange: Exchange,
    /// Its wraps, from anyone.
    pub wraps: Vec<Wrap>,
}

/// A grant with what was cut from it since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrantRecord {
    /// The grant.
    pub grant: Grant,
    /// Items whose owner revoked the delegate's access.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<Uuid>,
}

/// A notification with its status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotificationRecord {
    /// The notification.
    pub notification: Notification,
    /// Where it stands.
    pub status: Status,
    /// Goes up with every change of status.
    pub rev: u64,
}

/// What happened that a login should know, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// An exchange key is new, or has new wraps.
    Exchange(Box<ExchangeRecord>),
    /// A grant is new, or was written anew.
    Grant(Rc<GrantRecord>),
    /// A grant is gone.
    GrantRemoved(Uuid),
    /// Somebody's access was revoked.
    Revoked(Box<Revocation>),
    /// A notification is new.
    Notified(Uuid),
    /// Items are gone for this login: it put them away itself, or their owner deleted them.
    ItemsRemoved(Vec<Uuid>),
    /// A request for access to this login is new, or one that this login made was answered.
    Asked(Uuid),
    /// This login said something that its other devices should know at once.
    Said,
}

/// A part of a file that a relay keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// The envelope's header and metadata.
    Head,
    /// SHA-256 of the metadata's and of each data chunk's ciphertext, one after the other.
    Hashes,
    /// The author trailer.
    Trailer,
    /// A data chunk, from 1.
    Chunk(u64),
}

impl Part {
    /// Its name among the parts of one file; chunks sort by their number.
    pub fn name(self) -> String {
        match self {
            Self::Head => "head".to_owned(),
            Self::Hashes => "hashes".to_owned(),
            Self::Trailer => "trailer".to_owned(),
            Self::Chunk(n) => format!("{n:010}"),
        }
    }
}

/// How far an upload went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UploadState {
    /// It begins now.
    New,
    /// It was begun before.
    Open,
    /// It was finished before.
    Finished,
}

/// What can be asked of a relay. All but the first five need a [`Ticket`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase")]
#[allow(missing_docs, reason = "each variant's line says what its fields are")]
pub enum Operation {
    /// The public keysets of each login, from version 1; of logins that were removed, only if `removed`.
    Identities {
        logins: Vec<String>,
        #[serde(default)]
        removed: bool,
    },
    /// Registers a login that is new, with proof of possession. Its maker may be another identity, which signs too.
    Register {
        new: Box<OwnKeyset>,
        secrets: Vec<LoginSecret>,
        head: Box<Statement>,
        #[serde(default)]
        profile: Option<Box<Statement>>,
    },
    /// Begins anew after a loss: version + 1, without a chain signature.
    Reset { new: Box<OwnKeyset>, secrets: Vec<LoginSecret>, head: Box<Statement> },
    /// A nonce to sign.
    Challenge { login: String, fingerprint: Hash },
    /// Logs in with a signature over T("login", relay id, application, login, fingerprint, nonce, expires).
    Login { application: String, login: String, fingerprint: Hash, nonce: Hash, signature: Signature },
    /// Logs in with a relay secret.
    LoginSecret { login: String, secret: RelaySecret },
    /// The caller's own keysets with private parts and slots.
    OwnKeysets,
    /// Continues the chains of the caller and of identities that it can act for, all or none: version + 1, signed by the
    /// version before, and the change to that one. `closes`: somebody is excluded, and earlier versions read only what was
    /// there. `stolen`: so they do because somebody else may have their keys, who is told nothing of what came since.
    Renew {
        changes: Vec<Renewal>,
        closes: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stolen: bool,
    },
    /// Begins a login's keys anew for somebody who has no way to open them: version + 1, without a chain signature, made
    /// by an administrator.
    Overwrite { new: Box<OwnKeyset>, secrets: Vec<LoginSecret>, head: Box<Statement> },
    /// The shortest way from the caller to an identity that it can act for, the caller not among the hops; none that leads
    /// over `without`, which did not open for the caller.
    Reach {
        to: Target,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        without: Vec<String>,
    },
    /// With whom a login is shared.
    Sharing { login: String },
    /// The identities that are shared with a login: the caller, or one that the caller can act for.
    Access { login: String },
    /// Identities that the caller can act for and that share an exchange key with a login, and those whose sharing group
    /// lists it.
    Between { login: String },
    /// The caller's head with the piece that it leads to, unless it is still the one with this hash.
    Head { known: Option<Hash> },
    /// Pieces of the caller's, by their names: the first of them, as many as one answer holds.
    Pieces { names: Vec<Hash> },
    /// Writes the caller's head with what changes under it; compare-and-set on the head before. `tell`: the caller's other
    /// devices should know at once.
    PutHead { change: Box<HeadChange>, tell: bool },
    /// The profile of a login. Everybody may read it.
    Profile { login: String },
    /// Identities in the order of their logins, with their profiles.
    Directory { search: String, kind: Option<String>, limit: u64, cursor: Option<String> },
    /// Removes the caller: what remains is that it was there.
    RemoveIdentity,
    /// Puts items away for the caller or, if `hard`, deletes what the caller owns for everybody.
    RemoveItems { items: Vec<Uuid>, hard: bool },
    /// Notes that the caller opened items, for itself or as an identity that it can act for; `basis` are the grants by
    /// which that one holds them.
    Opened { items: Vec<(Uuid, u32)>, basis: Vec<Uuid>, acting_as: String, reason: Option<String> },
    /// Openings by the caller and of the caller's items, newest first.
    Openings { item: Option<Uuid>, login: Option<String>, reason: Option<String>, limit: u64, cursor: Option<String> },
    /// Asks a login for access.
    Ask { request: Box<AccessRequest> },
    /// One request for access, of the caller's or to the caller.
    Asked { id: Uuid },
    /// Requests for access to the caller or made by it, newest first.
    AskedOf { limit: u64, cursor: Option<String> },
    /// Answers a request for access, once; without an answer, refuses it.
    Answer { id: Uuid, answer: Option<Bytes> },
    /// Takes the answer of a request, once.
    TakeAnswer { id: Uuid },
    /// Changes the slots of one of the caller's keysets.
    ChangeSlots { change: Box<SlotChange> },
    /// Adds a late chain signature, which repairs a broken chain.
    Chain { version: u64, signature: Signature },
    /// Adds an exchange key with its wraps.
    PutExchange { exchange: Box<Exchange>, wraps: Vec<Wrap> },
    /// Adds wraps to exchange keys.
    PutWraps { wraps: Vec<Wrap> },
    /// Creates items or versions of them, and adds grants; `basis` are the grants by which the caller holds the rest.
    PutGrants { create: Vec<(Uuid, u32)>, grants: Vec<Grant>, basis: Vec<Uuid> },
    /// Begins to keep a file of so many chunks, which only its creator knows of until it is finished. Again, it says
    /// how far that went.
    BeginUpload { item: Uuid, chunks: u64 },
    /// Whether the caller may write these parts, of these lengths in bytes. The bytes go beside.
    PutParts { item: Uuid, parts: Vec<(Part, u64)> },
    /// Finishes an upload, all `parts` of which are there: creates the item, and adds its grants.
    FinishUpload { item: Uuid, parts: u64, grants: Vec<Grant> },
    /// Gives an upload up.
    GiveUpUpload { item: Uuid },
    /// Whether the caller may read these parts, by a grant that it holds. The bytes go beside.
    GetParts { item: Uuid, basis: Uuid, parts: Vec<Part> },
    /// Puts grants of the caller's in place of several, under the same exchange key, that together give the same.
    Compact { grant: Box<Grant>, replaced: Vec<Uuid> },
    /// Ends access: signed revocations, and the caller's own grants written anew or removed.
    Revoke { revocations: Vec<Revocation>, rewrite: Vec<Grant>, remove: Vec<Uuid> },
    /// Every grant of one item that the caller can read, from all grantors.
    Readers { item: Uuid },
    /// The revocations by some logins that name an item which the caller can read; `cursor` pages on.
    Revocations { item: Uuid, by: Vec<String>, cursor: Option<String> },
    /// Every grant to a login that the caller gave, or that names an item of the caller's.
    GrantsTo { login: String },
    /// What happened since `after`.
    Sync { after: u64 },
    /// Sends notifications.
    Notify { notifications: Vec<Notification> },
    /// Notifications to the caller created at or after a time, oldest first; `cursor` pages on.
    Notifications { after: u64, cursor: Option<String> },
    /// One notification.
    Notification { id: Uuid },
    /// Moves a notification's status, if its revision is still `rev`.
    SetStatus { id: Uuid, rev: u64, status: Status },
}

/// What a relay answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "camelCase")]
#[allow(missing_docs, reason = "each variant's line says what its fields are")]
pub enum Reply {
    /// Done.
    Done,
    /// The public keysets of each login that was asked for, in that order.
    Identities { identities: Vec<Option<Vec<Keyset>>> },
    /// A nonce, valid until `expires` (Unix milliseconds).
    Challenge { nonce: Hash, expires: u64 },
    /// Logged in.
    Ticket { ticket: Ticket },
    /// The caller's own keysets, from version 1.
    OwnKeysets { keysets: Vec<OwnKeyset> },
    /// Grants of an item with the exchange records they are under, the item's owner and newest version, and how those who
    /// can read it are shared.
    Readers { owner: String, version: u32, grants: Vec<(Exchange, GrantRecord)>, sharing: Vec<Sharing> },
    /// Revocations; more follow if there is a cursor.
    Revocations { revocations: Vec<Revocation>, cursor: Option<String> },
    /// Grants with the exchange records they are under, and those of their items that the caller owns.
    GrantsTo { grants: Vec<(Exchange, GrantRecord, Vec<Uuid>)> },
    /// Events up to `next`; more follow if `more`.
    Events { events: Vec<Event>, next: u64, more: bool },
    /// How far an upload went.
    Upload { state: UploadState },
    /// Notifications; more follow if there is a cursor.
    Notifications { notifications: Vec<NotificationRecord>, cursor: Option<String> },
    /// One notification.
    Notification { notification: Box<NotificationRecord> },
    /// The hops of a way, in order.
    Way { hops: Vec<Hop> },
    /// With whom a login is shared.
    Sharing { sharing: Box<Sharing> },
    /// The identities that are shared with a login.
    Access { links: Vec<Link> },
    /// What stands between the caller and another login.
    Between { exchanges: Vec<String>, groups: Vec<String> },
    /// A head with the piece that it leads to, as far as they are there.
    Head { head: Option<Box<Statement>>, root: Option<Bytes> },
    /// Pieces, in the order in which they were asked for.
    Pieces { pieces: Vec<Option<Bytes>> },
    /// A profile, if there is one.
    Profile { profile: Option<Box<Statement>> },
    /// Identities with their profiles; more follow if there is a cursor.
    Directory { entries: Vec<(String, Option<Statement>)>, cursor: Option<String> },
    /// Openings; more follow if there is a cursor.
    Openings { openings: Vec<Opening>, cursor: Option<String> },
    /// One request for access.
    Request { request: Box<RequestRecord> },
    /// Requests for access; more follow if there is a cursor.
    Requests { requests: Vec<RequestRecord>, cursor: Option<String> },
}

/// Where a list goes on, which must not be where it began: a relay could otherwise have one page read for ever.
pub fn onward(from: Option<&str>, next: Option<String>) -> Result<Option<String>> {
    match next.as_deref() {
        Some(cursor) if Some(cursor) == from => Err(unexpected()),
        _ => Ok(next),
    }
}

/// What a reply of another kind than the operation's is: a relay that talks nonsense.
pub fn unexpected() -> Error {
    Error::new(Code::RelayUnavailable, "the relay's answer does not fit the question")
}
