//! Telling others that keys are new after a loss, and reading what others tell (protocol section 8).

use serde::Serialize;
use uuid::Uuid;

use crate::crypto::boxes::{open_message, seal_message};
use crate::encoding::{Bytes, Fixed, Transcript, to_base64url};
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::keyring::OwnKey;
use crate::relay::{NotificationRecord, Operation, Reply, onward, unexpected};
use crate::wire::keyset::Keyset;
use crate::wire::notification::{KEY_PAIR_UPDATE, KeyPairUpdate, Notification, Status};
use crate::wire::{Extra, Party, parse, to_json};

/// The most pages of notifications that are read: a relay may name ever more.
const MAX_PAGES: usize = 256;

/// A notification, opened and checked, as an application sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Notice {
    /// Its id.
    pub id: Uuid,
    /// Its revision.
    pub rev: String,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it stands.
    pub status: Status,
    /// Unix milliseconds.
    pub created: u64,
    /// Who sent it. The signature says which key sent it; only the code says whose key that is.
    pub author: String,
    /// What it says.
    pub properties: KeyPairUpdate,
}

/// The id of the notification from a keyset to a recipient: the same when it is sent again, and nobody else's to
/// guess, who could take it first.
async fn notification_id(me: &Principal, key: &OwnKey, recipient: &str) -> Result<Uuid> {
    let named = Transcript::new("notification/id").bytes(&key.fingerprint.0).text(recipient);
    let signature = key.sign(&me.engine, &named).await?;
    let hash = Transcript::new("notification/id/hash").bytes(&signature.0).sha256();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Ok(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Tells contacts, and oneself at the keyset before, that `key` is new. Sending again changes nothing.
pub async fn announce(me: &Principal, key: &OwnKey, contacts: &[Keyset], before: &Keyset) -> Result<()> {
    let body = to_json(&KeyPairUpdate {
        data_owner_concerned_id: me.login.clone(),
        data_owner_concerned_pub_key: hex::encode(&key.keyset.encryption_key.0),
    })?;
    let mut notifications = vec![seal(me, key, before, &body).await?];
    for to in contacts {
        notifications.push(seal(me, key, to, &body).await?);
    }
    for part in notifications.chunks(256) {
        me.call(&Operation::Notify { notifications: part.to_vec() }).await?;
    }
    Ok(())
}

async fn seal(me: &Principal, key: &OwnKey, to: &Keyset, body: &str) -> Result<Notification> {
    let mut notification = Notification {
        id: notification_id(me, key, &to.login).await?,
        kind: KEY_PAIR_UPDATE.to_owned(),
        sender: me.login.clone(),
        sender_fingerprint: key.fingerprint,
        recipient: to.login.clone(),
        recipient_fingerprint: to.fingerprint(),
        created: me.now(),
        sealed: Bytes::default(),
        signature: Fixed([0; 64]),
        extra: Extra::default(),
    };
    notification.signature = key.sign(&me.engine, &notification.transcript(body.as_bytes())).await?;
    notification.sealed =
        Bytes(seal_message(&me.engine, &to.encryption()?, &notification.context(), body.as_bytes()).await?);
    Ok(notification)
}

/// Opens and checks a notification, and says whether the keys it is about are their owner's newest.
/// `None`: it is not for a key at hand, or is not genuine.
async fn open(me: &Principal, record: &NotificationRecord) -> Result<Option<(Notice, bool)>> {
    let n = &record.notification;
    let Some(own) = me.own(&n.recipient_fingerprint).filter(|_| n.recipient == me.login) else { return Ok(None) };
    let Ok(plain) = open_message(&me.engine, &own.decryption, own.size()?, &n.context(), &n.sealed.0).await else {
        return Ok(None);
    };
    // The sender's keys are new by nature, so the signature is checked against what the relay lists now, not against
    // the pin: it proves which key sent this, and the code proves whose key that is.
    let Some((keyset, newest)) =
        offered(me, &Party { login: n.sender.clone(), fingerprint: n.sender_fingerprint }).await?
    else {
        return Ok(None);
    };
    if n.check(&keyset.signing_key, plain.expose()).is_err() {
        return Ok(None);
    }
    let Ok(text) = std::str::from_utf8(plain.expose()) else { return Ok(None) };
    let Ok(properties) = parse::<KeyPairUpdate>(text) else { return Ok(None) };
    let genuine = n.kind == KEY_PAIR_UPDATE
        && properties.data_owner_concerned_id == n.sender
        && properties.data_owner_concerned_pub_key == hex::encode(&keyset.encryption_key.0);
    if !genuine {
        return Ok(None);
    }
    let notice = Notice {
        id: n.id,
        rev: format!("{}-{}", record.rev, to_base64url(&n.signature.0[..12])),
        kind: n.kind.clone(),
        status: record.status,
        created: n.created,
        author: n.sender.clone(),
        properties,
    };
    Ok(Some((notice, newest)))
}

/// A keyset that the relay lists, and whether it is the newest of its login.
async fn offered(me: &Principal, party: &Party) -> Result<Option<(Keyset, bool)>> {
    let known = match me.resolve(std::slice::from_ref(&party.login)).await {
        Ok(known) => known,
        Err(e) if matches!(e.code(), Code::IdentityNotFound | Code::VerificationFailed) => return Ok(None),
        Err(e) => return Err(e),
    };
    let Some(known) = known.first() else { return Ok(None) };
    let found = known.offer.iter().find(|k| k.fingerprint() == party.fingerprint).cloned();
    Ok(found.map(|keyset| (keyset, known.offer.last().is_some_and(|k| k.fingerprint() == party.fingerprint))))
}

/// Pending notifications created at or after a time, oldest first.
pub async fn pending_after(me: &Principal, after: u64, kind: Option<&str>) -> Result<Vec<Notice>> {
    let mut open = open_after(me, after, kind).await?;
    open.retain(|notice| notice.status == Status::Pending);
    Ok(open)
}

/// Pending and ongoing notifications created at or after a time, oldest first. One about keys that newer ones of the
/// same sender replaced is left out: nobody could act on it any more.
pub async fn open_after(me: &Principal, after: u64, kind: Option<&str>) -> Result<Vec<Notice>> {
    let wanted = |n: &Notification| n.created >= after && kind.is_none_or(|kind| kind == n.kind);
    Ok(read(me, after, &wanted).await?.into_iter().map(|(_, notice)| notice).collect())
}

/// Those of one sender, each with its revision at the relay.
pub async fn open_from(me: &Principal, sender: &str) -> Result<Vec<(u64, Notice)>> {
    read(me, 0, &|n: &Notification| n.sender == sender && n.kind == KEY_PAIR_UPDATE).await
}

async fn read(me: &Principal, after: u64, counts: &dyn Fn(&Notification) -> bool) -> Result<Vec<(u64, Notice)>> {
    let mut out = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let from = cursor.clone();
        let reply = me.call(&Operation::Notifications { after, cursor }).await?;
        let Reply::Notifications { notifications, cursor: next } = reply else { return Err(unexpected()) };
        for record in &notifications {
            if matches!(record.status, Status::Pending | Status::Ongoing) && counts(&record.notification) {
                let opened = open(me, record).await?;
                out.extend(opened.filter(|(_, newest)| *newest).map(|(notice, _)| (record.rev, notice)));
            }
        }
        cursor = onward(from.as_deref(), next)?;
        if cursor.is_none() {
            return Ok(out);
        }
    }
    Err(unexpected())
}

async fn fetch(me: &Principal, id: Uuid) -> Result<NotificationRecord> {
    match me.call(&Operation::Notification { id }).await? {
        Reply::Notification { notification } if notification.notification.id == id => Ok(*notification),
        _ => Err(unexpected()),
    }
}

fn not_found() -> Error {
    Error::new(Code::NotFound, "no such notification")
}

/// One notification.
pub async fn get(me: &Principal, id: Uuid) -> Result<Notice> {
    open(me, &fetch(me, id).await?).await?.map(|(notice, _)| notice).ok_or_else(not_found)
}

/// Moves a notification's status. The same status again is no error; one that is completed or cancelled stays so.
pub async fn set_status(me: &Principal, id: Uuid, status: Status) -> Result<()> {
    let rev = fetch(me, id).await?.rev;
    match me.call(&Operation::SetStatus { id, rev, status }).await? {
        Reply::Notification { .. } => Ok(()),
        _ => Err(unexpected()),
    }
}
