//! Who: the one who acts, with own keys and a login at the relay; everyone else's keysets, judged against what is
//! known; and
//! the ways that lead to others for whom one can act.

mod ended;
mod heads;
mod lapsed;
mod lists;
mod memory;
mod others;
mod path;
mod policy;
mod said;
mod saying;
mod sharing;
mod statements;
mod versions;
mod warnings;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use futures_util::lock::Mutex;
use uuid::Uuid;

use crate::crypto::Engine;
use crate::crypto::envelope::Buffer;
use crate::crypto::keys::RestKey;
use crate::crypto::turn::turn;
use crate::encoding::{Fixed, Hash};
use crate::error::{Code, Error, Result};
use crate::keyring::OwnKey;
use crate::relay::{Flow, LoggedIn, Operation, Part, Relay, Reply, Token, login_transcript, unexpected};
use crate::trust::State;
use crate::wire::keyset::Keyset;
use crate::wire::manifest::Manifest;

pub use lists::ListChange;
pub use memory::{MAX_PARTS, Memory, ToStore};
pub use path::{Acting, Way};
pub use policy::{Policy, Question, TrustNews};
pub use sharing::{Group, SharingChange, SharingPlan};
pub use statements::{Said, make as make_statement};
pub use versions::FirstVersions;
pub use warnings::{Warning, WarningKind};

/// An identity as the relay offers it, judged.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Its keysets from version 1, checked.
    pub offer: Rc<Vec<Keyset>>,
    /// How far the newest can be relied on.
    pub state: State,
}

impl Offered {
    /// The newest keyset.
    pub fn newest(&self) -> Result<&Keyset> {
        self.offer.last().ok_or_else(unexpected)
    }
}

/// Whose signature something bears, and what that is worth.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The keyset that signed.
    pub keyset: Keyset,
    /// Whether its code was compared, or it is one's own.
    pub verified: bool,
}

impl std::fmt::Debug for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Principal({})", self.login)
    }
}

/// The one who acts: engine, relay, own keys, and what is remembered of others.
pub struct Principal {
    /// Does the cryptography.
    pub engine: Engine,
    /// Where others can be reached.
    pub relay: Relay,
    /// Who acts.
    pub login: String,
    application: String,
    now: fn() -> u64,
    keys: RefCell<Vec<OwnKey>>,
    trusted: Cell<bool>,
    session: RefCell<Option<LoggedIn>>,
    /// Whether it is another identity, which somebody acts for.
    acting: bool,
    known: Rc<Known>,
    /// Identities that this one acts for, opened.
    circle: RefCell<HashMap<String, Rc<Principal>>>,
    /// What boxes what one says, of the keyset with this fingerprint, where that key itself is not in memory.
    rest: RefCell<Option<(Hash, RestKey)>>,
    /// What the relay showed last of what one says.
    shown: RefCell<heads::Shown>,
}

/// What is known of everyone else. Shared by a person and the identities that the person acts for.
#[derive(Default)]
struct Known {
    memory: RefCell<Memory>,
    changed: Cell<bool>,
    /// What of it did.
    touched: RefCell<memory::Touched>,
    /// Whether something of it should be known to one's other devices at once.
    urgent: Cell<bool>,
    /// Whether there is something new in it that is stored with what comes next, or a moment later.
    noted: Cell<bool>,
    /// The highest version of items that was opened or written by this session, and not by another tab.
    seen: RefCell<HashMap<Uuid, u32>>,
    offers: RefCell<HashMap<String, Rc<Vec<Keyset>>>>,
    /// Whose offers are taken for what the relay has, where it is told by which keys something was decided.
    current: RefCell<BTreeSet<String>>,
    /// How many calls are writing at this moment.
    writing: Cell<usize>,
    /// Whose turn it is to say something: what is said in the background does not come between a renewal and its head.
    saying: Mutex<()>,
    policy: RefCell<Option<Policy>>,
    decided: RefCell<HashMap<String, (Hash, bool)>>,
    states: RefCell<HashMap<String, State>>,
    news: RefCell<Vec<TrustNews>>,
    /// Of whom rival keys were seen: looked for once, and not among all contacts in each call.
    forked: RefCell<BTreeSet<String>>,
    /// What was warned of, and whether there may be something else.
    warned: RefCell<BTreeSet<(WarningKind, String)>>,
    unwarned: Cell<bool>,
    /// Oneself, and whom one acts for, of whom not all is known that they said.
    withheld: RefCell<BTreeSet<String>>,
    /// The same, of whom the relay shows a head by keys that it does not list.
    suspects: RefCell<BTreeSet<String>>,
    /// Whether there was no room for what is remembered of others.
    unkept: Cell<bool>,
}

/// Something is being written.
struct Writing(Rc<Known>);

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.writing.set(self.0.writing.get() - 1);
    }
}

impl Principal {
    /// Somebody without keys yet.
    pub fn new(engine: Engine, relay: Relay, login: &str, application: &str, now: fn() -> u64) -> Self {
        Self {
            engine,
            relay,
            login: login.to_owned(),
            application: application.to_owned(),
            now,
            keys: RefCell::default(),
            trusted: Cell::new(false),
            session: RefCell::default(),
            acting: false,
            known: Rc::default(),
            circle: RefCell::default(),
            rest: RefCell::default(),
            shown: RefCell::default(),
        }
    }

    /// Another identity, whose keys were opened on a way through the sharing graph. What is known of everyone else is
    /// this one's. `trusted`: nothing speaks against encrypting to these keys.
    pub fn acting_for(&self, login: &str, keys: Vec<OwnKey>, trusted: bool) -> Self {
        let other = Self {
            engine: self.engine.clone(),
            relay: self.relay.clone(),
            login: login.to_owned(),
            application: self.application.clone(),
            now: self.now,
            keys: RefCell::default(),
            trusted: Cell::default(),
            session: RefCell::default(),
            acting: true,
            known: self.known.clone(),
            circle: RefCell::default(),
            rest: RefCell::default(),
            shown: RefCell::default(),
        };
        other.set_keys(keys, trusted, None);
        other
    }

    /// Unix milliseconds.
    pub fn now(&self) -> u64 {
        (self.now)()
    }

    /// Takes own keys over. `trusted`: the newest is reached from what its owner vouched for.
    pub fn set_keys(&self, keys: Vec<OwnKey>, trusted: bool, session: Option<LoggedIn>) {
        let fits = |s: &LoggedIn| keys.last().is_some_and(|k| k.fingerprint == s.fingerprint);
        *self.session.borrow_mut() = session.filter(fits);
        self.circle.borrow_mut().clear();
        *self.keys.borrow_mut() = keys;
        self.trusted.set(trusted);
    }

    /// Whether the newest own keyset is reached from what its owner vouched for.
    pub fn trusted(&self) -> bool {
        self.trusted.get()
    }

    /// Says anew whether anything speaks against encrypting to these keys.
    pub(super) fn set_trusted(&self, trusted: bool) {
        self.trusted.set(trusted);
    }

    /// Drops own keys: their memory is wiped.
    pub fn drop_keys(&self) {
        self.keys.borrow_mut().clear();
        self.circle.borrow_mut().clear();
        *self.rest.borrow_mut() = None;
        *self.session.borrow_mut() = None;
    }

    /// Own keysets that are open, in the order of their versions.
    pub fn keys(&self) -> Vec<OwnKey> {
        self.keys.borrow().clone()
    }

    /// The own keyset with a fingerprint.
    pub fn own(&self, fingerprint: &Hash) -> Option<OwnKey> {
        self.keys.borrow().iter().find(|k| k.fingerprint == *fingerprint).cloned()
    }

    /// The newest own keyset that is open. Errors: [`Code::Locked`].
    pub fn current(&self) -> Result<OwnKey> {
        let keys = self.keys.borrow();
        keys.last().cloned().ok_or_else(|| Error::new(Code::Locked, "the keys are locked: call unlock() first"))
    }

    /// The fingerprint of the newest own keyset that is open.
    pub fn current_fingerprint(&self) -> Option<Hash> {
        self.keys.borrow().last().map(|key| key.fingerprint)
    }

    /// Adds own keysets that became open.
    pub fn add_keys(&self, more: Vec<OwnKey>) {
        let mut keys = self.keys.borrow_mut();
        for key in more {
            if !keys.iter().any(|k| k.fingerprint == key.fingerprint) {
                keys.push(key);
            }
        }
        keys.sort_by_key(|k| k.keyset.version);
    }

    /// Goes on with a newer version of the same keys, which one made oneself.
    pub fn go_on_with(&self, key: OwnKey) {
        self.add_keys(vec![key]);
        *self.session.borrow_mut() = None;
    }

    /// Notes a list of slots that one wrote oneself: the relay is not to serve an older one from now on.
    pub fn saw_manifest(&self, manifest: &Manifest) {
        let mut memory = self.known.memory.borrow_mut();
        let seen = memory.manifests.entry(manifest.fingerprint.hex()).or_insert((0, manifest.hash()));
        if manifest.number() > seen.0 {
            *seen = (manifest.number(), manifest.hash());
            self.known.touch(memory::place_of(&manifest.fingerprint.hex()));
        }
    }

    /// Asks the relay as this principal, logging in first where that is needed.
    pub async fn call(&self, operation: &Operation) -> Result<Reply> {
        let _writing = operation.writes().then(|| self.writes());
        let token = self.token().await?;
        turn().await;
        match self.relay.call(Some(&token), operation).await {
            Err(e) if e.code() == Code::Unauthenticated => {
                let token = self.another_token(&token).await?;
                self.relay.call(Some(&token), operation).await
            }
            other => other,
        }
    }

    /// Asks several things, one after the other, in one request.
    pub async fn call_all(&self, operations: Vec<Operation>) -> Result<Vec<Result<Reply>>> {
        let _writing = self.writes();
        let token = self.token().await?;
        let answers = self.relay.call_all(Some(&token), operations.clone()).await?;
        let unknown = |answer: &Result<Reply>| matches!(answer, Err(e) if e.code() == Code::Unauthenticated);
        if !answers.iter().all(unknown) {
            return Ok(answers);
        }
        let token = self.another_token(&token).await?;
        self.relay.call_all(Some(&token), operations).await
    }

    /// Says that something is written, until what it gives is dropped.
    fn writes(&self) -> Writing {
        self.known.writing.set(self.known.writing.get() + 1);
        Writing(self.known.clone())
    }

    /// Whether oneself, or somebody in one's place, is writing: what the relay tells of at that moment is mostly that.
    pub fn is_writing(&self) -> bool {
        self.known.writing.get() > 0
    }

    /// Hands the relay parts of a file.
    pub async fn put_parts(&self, item: Uuid, parts: Vec<(Part, Buffer)>) -> Result<()> {
        let token = self.token().await?;
        match self.relay.put_parts(Some(&token), item, parts.clone()).await {
            Err(e) if e.code() == Code::Unauthenticated => {
                let token = self.another_token(&token).await?;
                self.relay.put_parts(Some(&token), item, parts).await
            }
            other => other,
        }
    }

    /// Reads parts of a file, by a grant that one holds.
    pub async fn get_parts(&self, item: Uuid, basis: Uuid, parts: &[Part]) -> Result<Vec<Option<Buffer>>> {
        let token = self.token().await?;
        match self.relay.get_parts(Some(&token), item, basis, parts).await {
            Err(e) if e.code() == Code::Unauthenticated => {
                let token = self.another_token(&token).await?;
                self.relay.get_parts(Some(&token), item, basis, parts).await
            }
            other => other,
        }
    }

    /// A token in place of one that the relay refused. Several calls may find that out at once: one logs in.
    async fn another_token(&self, refused: &Token) -> Result<Token> {
        self.session.borrow_mut().take_if(|session| session.token == *refused);
        self.token().await
    }

    async fn token(&self) -> Result<Token> {
        if let Some(session) = &*self.session.borrow() {
            return Ok(session.token.clone());
        }
        self.log_in_ahead(Vec::new()).await.map(|(token, _)| token)
    }

    /// Logs in, and asks for more in the same request.
    async fn log_in_ahead(&self, operations: Vec<Operation>) -> Result<(Token, Flow)> {
        let key = self.current()?;
        let session = log_in_ahead(&self.engine, &self.relay, &self.application, &key, operations).await;
        let (session, flow) = session.map_err(|error| match error.code() {
            Code::IdentityNotFound if !self.acting => unknown_here(&self.login),
            _ => error,
        })?;
        *self.session.borrow_mut() = Some(session.clone());
        Ok((session.token, flow))
    }

    /// Asks in one request what a flow will ask one by one, logging in first where that is needed.
    pub async fn ahead(&self, operations: Vec<Operation>) -> Result<Flow> {
        let token = self.session.borrow().as_ref().map(|session| session.token.clone());
        match token {
            Some(token) => self.relay.ahead(Some(&token), operations).await,
            None => self.log_in_ahead(operations).await.map(|(_, flow)| flow),
        }
    }
}

/// One's own login is missing at the relay: it lost it, or is another one. What this device has may be all that is left,
/// so nothing is proposed that deletes it.
pub fn unknown_here(login: &str) -> Error {
    let message = "this device holds keys for this login, but the relay does not know it: it is another relay, or has lost \
                   its records. Nothing was changed here; keep what this device has, and connect to the relay that knows \
                   the login, or have its records restored";
    Error::about(Code::IdentityNotFound, message, vec![login.to_owned()])
}

/// Logs in at a relay with a signature over its challenge, and asks for more in the same request.
pub async fn log_in_ahead(
    engine: &Engine,
    relay: &Relay,
    application: &str,
    key: &OwnKey,
    more: Vec<Operation>,
) -> Result<(LoggedIn, Flow)> {
    let login = key.keyset.login.clone();
    let fingerprint = key.fingerprint;
    let reply = relay.call(None, &Operation::Challenge { login: login.clone(), fingerprint }).await?;
    let Reply::Challenge { nonce, expires } = reply else { return Err(unexpected()) };
    let transcript = login_transcript(relay.id(), application, &login, &fingerprint, &nonce, expires);
    let signature = Fixed(engine.sign(&key.signing, transcript.as_bytes()).await?);
    let login = Operation::Login { application: application.to_owned(), login, fingerprint, nonce, signature };
    let flow = relay.ahead(None, std::iter::once(login.clone()).chain(more).collect()).await?;
    Ok((LoggedIn::from(relay.call(None, &login).await?)?, flow))
}
