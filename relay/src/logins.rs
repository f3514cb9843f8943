//! Logging in: by a signature over a challenge, or with the secret that a password leads to.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::account::account_of;
use super::log::limit;
use super::{Batch, Context, Records, Ruled, Ticket, segment, tokens};
use regrant_protocol::encoding::{Fixed, Hash, Signature, check_login};
use regrant_protocol::error::{Code, Error};
use regrant_protocol::operations::{RelaySecret, Reply, login_transcript};
use regrant_protocol::secret::equal;
use regrant_protocol::wire;

/// How long a login challenge lives, in milliseconds.
const CHALLENGE_LIFE: u64 = 60_000;

#[derive(Clone, Serialize, Deserialize)]
struct Challenge {
    expires: u64,
}

/// The index of challenges, in the order in which they end.
const CHALLENGES: &str = "challenges/";

fn challenge_key(login: &str, nonce: &Hash) -> String {
    format!("challenge/{}/{}", segment(login), nonce.hex())
}

pub(super) fn challenge(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    login: &str,
    fingerprint: &Hash,
) -> Ruled<Reply> {
    check_login(login)?;
    let (_, account) = account_of(db, login)?;
    let unknown = || Error::new(Code::UnknownKey, "this key belongs to no version of this login");
    account.current(fingerprint).ok_or_else(unknown)?;
    let mut nonce: Hash = Fixed([0; 32]);
    getrandom::fill(&mut nonce.0)
        .map_err(|_| Error::new(Code::StoreMissing, "this environment has no source of randomness"))?;
    let expires = cx.now + CHALLENGE_LIFE;
    // Those that nobody came back for go, a few with each new one, so that they never pile up.
    for (key, rev, old) in db.glance::<Challenge>(CHALLENGES)? {
        if old.expires <= cx.now {
            batch.delete(key, rev);
        }
    }
    let key = challenge_key(login, &nonce);
    let name = format!("{CHALLENGES}{expires:016}/{key}");
    batch.put_indexed(key, 0, &Challenge { expires }, vec![name])?;
    Ok(Reply::Challenge { nonce, expires })
}

/// What a login by signature brings.
pub(super) struct Proof<'a> {
    pub(super) application: &'a str,
    pub(super) login: &'a str,
    pub(super) fingerprint: &'a Hash,
    pub(super) nonce: &'a Hash,
    pub(super) signature: &'a Signature,
}

pub(super) fn login(cx: &Context<'_>, db: &Records, batch: &mut Batch, proof: &Proof<'_>) -> Ruled<Reply> {
    let Proof { application, login, fingerprint, nonce, signature } = *proof;
    check_login(login)?;
    limit(application.len(), 256, "bytes of an application's name")?;
    let refused = || Error::new(Code::Unauthenticated, "the login's signature or challenge is not valid");
    let key = challenge_key(login, nonce);
    let (rev, challenge): (u64, Challenge) = db.get(&key)?.ok_or_else(refused)?;
    let (_, account) = account_of(db, login)?;
    let index = account.current(fingerprint).ok_or_else(refused)?;
    let transcript = login_transcript(cx.relay_id, application, login, fingerprint, nonce, challenge.expires);
    let signing_key = &account.keysets[index].own.keyset.signing_key;
    if cx.now >= challenge.expires || wire::verify(signing_key, &transcript, signature).is_err() {
        return Err(refused().into());
    }
    batch.delete(key, rev);
    tokens::begin(cx, db, batch, &Ticket::of(login, *fingerprint))
}

pub(super) fn login_secret(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    login: &str,
    secret: &RelaySecret,
) -> Ruled<Reply> {
    check_login(login)?;
    let (_, account) = account_of(db, login)?;
    let hash: [u8; 32] = Sha256::digest(secret.0.expose()).into();
    // The newest first: it is the one that the owner most likely means.
    let member = account.keysets.iter().rev().find(|m| m.secrets.iter().any(|s| equal(&s.hash.0, &hash)));
    let member = member.ok_or_else(|| Error::new(Code::WrongSecret, "this secret does not open this login's keys"))?;
    tokens::begin(cx, db, batch, &Ticket::of(login, member.own.keyset.fingerprint()))
}
