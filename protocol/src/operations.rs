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

/// Items that an identity holds which the caller can act for: the way to it, and what that one would be told of its grants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReachedThrough {
    /// The way, in order.
    pub hops: Vec<Hop>,
    /// The grants of as many items as fit.
    pub grants: Vec<GrantRecord>,
    /// The exchange keys that they are under.
    pub exchanges: Vec<ExchangeRecord>,
    /// A number of that identity's log as of then.
    pub head: u64,
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
    /// The same, without the grant.
    Given {
        /// The grant.
        id: Uuid,
        /// The keyset that signed it.
        by: Hash,
        /// Whether it is for the caller.
        to: bool,
        /// Whether it was only written anew, or put together of others.
        again: bool,
    },
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
    /// The login's own keys, what is shared with it, or a notification changed in another way.
    Changed,
}

/// The keys of a login that something was decided by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relied {
    /// Whose.
    pub login: String,
    /// The newest, as far as the caller knew.
    pub fingerprint: Hash,
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

/// What can be asked of a relay. All but [those that are open](Operation::is_open) need a token.
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
    /// Whom the loss of the caller's earlier keys concerns; `after` pages on.
    Contacts {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
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
    /// Adds wraps to exchange keys, and completes the caller's notifications of them, each with its revision.
    PutWraps {
        wraps: Vec<Wrap>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        completes: Vec<(Uuid, u64)>,
    },
    /// Creates items or versions of them, and adds grants; `basis` are the grants by which the caller holds the rest.
    /// `relied`: the keys that the caller took for the newest; where they are not, it is a conflict.
    PutGrants {
        create: Vec<(Uuid, u32)>,
        grants: Vec<Grant>,
        basis: Vec<Uuid>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        relied: Vec<Relied>,
    },
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
    /// The grants of some items to the caller, and those by the caller to some logins. Where the caller has none that the
    /// keys which logged in open, also what the caller gave. `after` pages on, within the first item.
    Grants {
        items: Vec<Uuid>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        to: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// The exchange keys between the caller and some logins.
    Exchanges { with: Vec<String> },
    /// What happened since `after`; without it, how far the log goes. `whole`: with the grants themselves, and not only that
    /// there are some.
    Sync {
        after: Option<u64>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        whole: bool,
    },
    /// Sends notifications.
    Notify { notifications: Vec<Notification> },
    /// Notifications to the caller created at or after a time, oldest first; `cursor` pages on.
    Notifications { after: u64, cursor: Option<String> },
    /// One notification.
    Notification { id: Uuid },
    /// Moves a notification's status, if its revision is still `rev`.
    SetStatus { id: Uuid, rev: u64, status: Status },
}

impl Operation {
    /// Whether anybody may ask it: a token that comes along is not looked at.
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            Self::Identities { .. }
                | Self::Register { .. }
                | Self::Reset { .. }
                | Self::Challenge { .. }
                | Self::Login { .. }
                | Self::LoginSecret { .. }
                | Self::Profile { .. }
                | Self::Directory { .. }
        )
    }
}

impl Operation {
    /// Whether it logs in, or is a step of that.
    pub fn is_login(&self) -> bool {
        matches!(self, Self::Challenge { .. } | Self::Login { .. } | Self::LoginSecret { .. })
    }

    /// Whether it changes what others, or oneself, may read of the relay afterwards.
    pub fn writes(&self) -> bool {
        !self.is_login()
            && !matches!(
                self,
                Self::Identities { .. }
                    | Self::OwnKeysets
                    | Self::Reach { .. }
                    | Self::Sharing { .. }
                    | Self::Access { .. }
                    | Self::Between { .. }
                    | Self::Contacts { .. }
                    | Self::Head { .. }
                    | Self::Pieces { .. }
                    | Self::Profile { .. }
                    | Self::Directory { .. }
                    | Self::Opened { .. }
                    | Self::Openings { .. }
                    | Self::Asked { .. }
                    | Self::AskedOf { .. }
                    | Self::GetParts { .. }
                    | Self::Readers { .. }
                    | Self::Revocations { .. }
                    | Self::GrantsTo { .. }
                    | Self::Grants { .. }
                    | Self::Exchanges { .. }
                    | Self::Sync { .. }
                    | Self::Notifications { .. }
                    | Self::Notification { .. }
            )
    }
}

/// What a client holds after it logged in. Whoever has it is that client to the relay, until it ends.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Token(Zeroizing<String>);

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Token {
    /// Its text, for the relay alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
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
    /// Logged in: a token, which ends at `expires` (Unix milliseconds), and the keyset that it was given for.
    Session { token: Token, fingerprint: Hash, expires: u64 },
    /// The caller's own keysets, from version 1.
    OwnKeysets { keysets: Vec<OwnKeyset> },
    /// Grants of an item with the exchange records they are under, the item's owner and newest version, and how those who
    /// can read it are shared.
    Readers { owner: String, version: u32, grants: Vec<(Exchange, GrantRecord)>, sharing: Vec<Sharing> },
    /// Revocations; more follow if there is a cursor.
    Revocations { revocations: Vec<Revocation>, cursor: Option<String> },
    /// Grants with the exchange records they are under, and those of their items that the caller owns.
    GrantsTo { grants: Vec<(Exchange, GrantRecord, Vec<Uuid>)> },
    /// Grants, with the exchange keys that they are under, and a number of the caller's log as of then. More follow from the
    /// item with this index on, within it after this place.
    /// `through`: by whom the caller reaches others of the items.
    Grants {
        grants: Vec<GrantRecord>,
        exchanges: Vec<ExchangeRecord>,
        head: u64,
        more: Option<(usize, String)>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        through: Option<Box<ReachedThrough>>,
    },
    /// Exchange keys.
    Exchanges { exchanges: Vec<ExchangeRecord> },
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
    /// The public keysets of contacts; more follow after this place.
    Contacts { contacts: Vec<Vec<Keyset>>, more: Option<String> },
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

/// An answer as it travels: a reply, or that the relay refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    /// Refused.
    Refused(Refusal),
    /// Answered.
    Reply(Box<Reply>),
}

/// Why a relay refused one operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// A code of an error.
    pub refused: String,
    /// For the developer.
    pub message: String,
    /// The logins that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<String>,
    /// Whether the same operation never succeeds, although others with this code may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lasting: bool,
}

impl Refusal {
    /// Whether a relay refuses with this code.
    pub fn is_code(code: &str) -> bool {
        REFUSALS.iter().any(|refusal| refusal.as_str() == code)
    }

    /// As its client sees it: a code that no relay refuses with counts as [`Code::RelayUnavailable`].
    pub fn into_error(self) -> Error {
        let code = REFUSALS.iter().find(|code| code.as_str() == self.refused);
        Error::told(*code.unwrap_or(&Code::RelayUnavailable), self.message, self.logins, self.lasting)
    }
}

/// The codes that a relay refuses with. Others are a client's own: no relay says that a device's keys are locked.
const REFUSALS: [Code; 19] = [
    Code::BadInput,
    Code::WrongSecret,
    Code::UnknownKey,
    Code::Locked,
    Code::NoAccess,
    Code::IdentityNotFound,
    Code::IdentityExists,
    Code::VerificationFailed,
    Code::Conflict,
    Code::Quota,
    Code::TooLarge,
    Code::RateLimited,
    Code::TokenExpired,
    Code::Unauthenticated,
    Code::Forbidden,
    Code::NotFound,
    Code::RelayUnavailable,
    Code::UnsupportedVersion,
    Code::StoreUnreadable,
];

impl From<Result<Reply>> for Outcome {
    fn from(result: Result<Reply>) -> Self {
        match result {
            Ok(reply) => Self::Reply(Box::new(reply)),
            Err(error) => Self::Refused(Refusal {
                refused: error.code().as_str().to_owned(),
                message: error.message().to_owned(),
                logins: error.logins().to_vec(),
                lasting: error.is_lasting(),
            }),
        }
    }
}

impl From<Outcome> for Result<Reply> {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Reply(reply) => Ok(*reply),
            Outcome::Refused(refusal) => Err(refusal.into_error()),
        }
    }
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
