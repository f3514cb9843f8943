//! Giving access back: what one shares with a person is wrapped for that person's new keyset. The cost
//! follows the number of pairs, never the number of items (protocol section 8).

use std::rc::Rc;

use uuid::Uuid;

use super::notify;
use crate::delegation::{Delegation, make_wrap};
use crate::encoding::{Fixed, Hash};
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::keyring::{OwnKey, change_slots, make_sharer_slot};
use crate::relay::{Operation, Reply, Target, unexpected};
use crate::secret::make_id;
use crate::trust;
use crate::wire::Extra;
use crate::wire::keyset::Keyset;
use crate::wire::notification::Status;
use crate::wire::receipt::Receipt;
use crate::wire::slot::SlotKind;

/// How to give access back.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The code that the requester read out, or its QR payload.
    pub code: Option<String>,
    /// Give without comparing a code: the caller knows why.
    pub unverified: bool,
    /// To oneself: also sign the new keyset with the old one, which repairs the chain for everybody.
    pub chain: bool,
}

/// Wraps at once in one operation.
const WRAPS_AT_ONCE: usize = 256;

/// Gives access back to the keyset of `requester` whose encryption key is `spki`.
///
/// Errors: [`Code::VerificationFailed`] when that key is not the requester's newest, or no matching code was
/// given; nothing is given then.
pub async fn give_back(
    me: &Principal,
    delegation: &Delegation,
    others: &dyn Fn(&Rc<Principal>) -> Rc<Delegation>,
    requester: &str,
    spki: &[u8],
    options: &Options,
    progress: &dyn Fn(usize) -> Result<()>,
) -> Result<Receipt> {
    let key = me.current()?;
    let known = me.resolve(&[requester.to_owned()]).await?.remove(0);
    let to = known.newest()?.clone();
    if to.encryption_key.0 != spki {
        return Err(refused("this is not the newest encryption key of that login, as hex"));
    }
    if to.fingerprint() == key.fingerprint {
        return Err(Error::bad_input("this is the key of this session: it has access already"));
    }
    compare(me, &to, options)?;
    progress(0)?;
    delegation.hear(me).await?;
    delegation.meet(me, std::slice::from_ref(&to.login)).await?;
    let notices = notices(me, requester, spki).await?;
    let between = between(me, requester).await?;

    let mut receipt = Receipt {
        id: make_id()?,
        giver: me.login.clone(),
        giver_fingerprint: key.fingerprint,
        requester: requester.to_owned(),
        requester_fingerprint: to.fingerprint(),
        exchanges: Vec::new(),
        slots: Vec::new(),
        pending: Vec::new(),
        created: me.now(),
        signature: Fixed([0; 64]),
        extra: Extra::default(),
    };
    // Who acts for the requester finds out before anything is written.
    let acting = match requester == me.login {
        true => None,
        false => reached(me.act_for(requester).await)?,
    };
    // What told of it is completed with the last that is given.
    let alone = between.0.is_empty() && between.1.is_empty() && acting.is_none() && requester != me.login;
    let completes = if alone { &notices[..] } else { &[] };
    let (exchanges, completed) = wrap_all(me, delegation, &key, &to, completes, progress).await?;
    receipt.exchanges = exchanges;
    give_through_others(me, others, &to, between, &mut receipt, progress).await?;
    if let Some(old) = acting
        && old.current()?.fingerprint != to.fingerprint()
    {
        open_old_keysets(&old, &to, &mut receipt).await?;
    }
    if requester == me.login {
        open_old_keysets(me, &to, &mut receipt).await?;
        if options.chain {
            repair_chain(me, &to).await?;
        }
    }
    receipt.signature = key.sign(&me.engine, &receipt.transcript()).await?;
    if !completed {
        complete(me, notices).await?;
    }
    Ok(receipt)
}

fn refused(message: &'static str) -> Error {
    Error::new(Code::VerificationFailed, message)
}

/// Compares the code; a match makes the keyset verified.
fn compare(me: &Principal, to: &Keyset, options: &Options) -> Result<()> {
    let fingerprint = to.fingerprint();
    if let Some(code) = &options.code {
        let otherwise = "the verification code does not match this key: give nothing, and ask the person again";
        trust::compare(code, &fingerprint, &to.login, otherwise)?;
        if to.login != me.login {
            me.rely_on(to, true)?;
        }
        return Ok(());
    }
    // This very key, and not one that it follows: whoever stole that one could go on from it.
    let compared_before = to.login != me.login && me.trust(&to.login).compared_exactly(&fingerprint);
    if options.unverified || compared_before {
        return Ok(());
    }
    Err(refused("compare the verification code with the person first, and pass it as verificationCode"))
}

/// What giving back asks, in one request.
pub fn asked_ahead(me: &Principal, delegation: &Delegation, requester: &str) -> Vec<Operation> {
    let one = || vec![requester.to_owned()];
    let mut all = vec![
        Operation::Identities { logins: one(), removed: false },
        Operation::Notifications { after: 0, cursor: None },
        Operation::Between { login: requester.to_owned() },
    ];
    if delegation.is_stale() {
        all.push(delegation.asked_by_hearing());
    }
    if !delegation.unmet(&one()).is_empty() {
        all.push(Operation::Exchanges { with: one() });
    }
    if requester != me.login {
        all.push(Operation::Reach { to: Target::Login(requester.to_owned()), without: Vec::new() });
    }
    all
}

/// Wraps every exchange key of the pair that can be opened here for the new keyset, once. Gives which, and whether
/// notifications were completed with the last of them.
async fn wrap_all(
    me: &Principal,
    delegation: &Delegation,
    key: &OwnKey,
    to: &Keyset,
    completes: &[(Uuid, u64)],
    progress: &dyn Fn(usize) -> Result<()>,
) -> Result<(Vec<Uuid>, bool)> {
    let recipient = to.fingerprint();
    let mut given = Vec::new();
    let mut wraps = Vec::new();
    for exchanged in delegation.exchanges_of(&to.login) {
        let exchange = &exchanged.record.exchange;
        let Some(secret) = delegation.open_exchange(me, exchange.id).await? else { continue };
        // Only a wrap with one's own valid signature counts as given: a relay may plant others.
        let done =
            exchanged.record.wraps.iter().any(|w| {
                w.recipient == recipient && w.wrapper == key.party() && w.check(&key.keyset.signing_key).is_ok()
            });
        if !done {
            wraps.push(make_wrap(me, key, exchange, &secret, to).await?);
            progress(wraps.len())?;
        }
        given.push(exchange.id);
    }
    let last = wraps.len().div_ceil(WRAPS_AT_ONCE);
    for (at, part) in wraps.chunks(WRAPS_AT_ONCE).enumerate() {
        let completes = if at + 1 == last { completes.to_vec() } else { Vec::new() };
        me.call(&Operation::PutWraps { wraps: part.to_vec(), completes }).await?;
    }
    delegation.mark_stale();
    Ok((given, last > 0 && !completes.is_empty()))
}

/// What identities that one acts for can give: exchange keys of theirs, slots on groups whose signed list names the
/// requester, and slots on old keysets of the requester's that one can open oneself.
async fn give_through_others(
    me: &Principal,
    others: &dyn Fn(&Rc<Principal>) -> Rc<Delegation>,
    to: &Keyset,
    (exchanges, groups): (Vec<String>, Vec<String>),
    receipt: &mut Receipt,
    progress: &dyn Fn(usize) -> Result<()>,
) -> Result<()> {
    let requester = &to.login;
    for login in exchanges.iter().filter(|login| *login != requester) {
        let Some(acting) = reached(me.act_for(login).await)? else { continue };
        let delegation = others(&acting);
        delegation.hear(&acting).await?;
        delegation.meet(&acting, std::slice::from_ref(&to.login)).await?;
        let given = wrap_all(&acting, &delegation, &acting.current()?, to, &[], progress).await?.0;
        receipt.exchanges.extend(given);
    }
    for login in groups.iter().filter(|login| *login != requester) {
        receipt.slots.extend(reached(me.give_slot_back(login, to).await)?.flatten());
    }
    receipt.exchanges.sort();
    receipt.exchanges.dedup();
    Ok(())
}

/// What a way leads to; nothing where it does not lead there, or what is at its end may not be used.
fn reached<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Err(e)
            if matches!(
                e.code(),
                Code::Forbidden
                    | Code::NoAccess
                    | Code::IdentityNotFound
                    | Code::IdentityChanged
                    | Code::VerificationFailed
            ) =>
        {
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// To oneself: the old keyset gets a `sharer` slot for the new one. Without the keyset key it waits for `unlock`.
async fn open_old_keysets(me: &Principal, to: &Keyset, receipt: &mut Receipt) -> Result<()> {
    let key = me.current()?;
    if key.keyset_key.is_none() {
        receipt.pending.push(key.fingerprint);
        return Ok(());
    }
    let all = me.own_keysets().await?;
    let own = all.iter().find(|o| o.keyset.fingerprint() == key.fingerprint).ok_or_else(unexpected)?;
    let slot = own.slots.iter().find(|s| s.kind == SlotKind::Sharer && s.holder == Some(to.party()));
    if let Some(slot) = slot {
        receipt.slots.push(slot.id);
        return Ok(());
    }
    let slot = make_sharer_slot(&me.engine, &key, to).await?;
    receipt.slots.push(slot.id);
    let change = change_slots(&me.engine, own, &key, None, vec![slot], Vec::new(), |_| false).await?;
    let manifest = change.manifest.clone();
    me.call(&Operation::ChangeSlots { change: Box::new(change) }).await?;
    me.saw_manifest(&manifest);
    Ok(())
}

/// A late chain signature by the version before.
async fn repair_chain(me: &Principal, to: &Keyset) -> Result<()> {
    let previous: Option<Hash> = to.previous;
    let Some(key) = previous.and_then(|fingerprint| me.own(&fingerprint)) else {
        return Err(refused("only the version right before can repair the chain"));
    };
    if to.chain_signature.is_some() {
        return Ok(());
    }
    let signature = key.sign(&me.engine, &to.chain_transcript()).await?;
    me.call(&Operation::Chain { version: to.version, signature }).await?;
    Ok(())
}

/// What stands between two logins: identities that one acts for with an exchange key of the other's, and groups.
async fn between(me: &Principal, requester: &str) -> Result<(Vec<String>, Vec<String>)> {
    match me.call(&Operation::Between { login: requester.to_owned() }).await? {
        Reply::Between { exchanges, groups } => Ok((exchanges, groups)),
        _ => Err(unexpected()),
    }
}

/// The notifications that tell of this key, with their revisions.
async fn notices(me: &Principal, requester: &str, spki: &[u8]) -> Result<Vec<(Uuid, u64)>> {
    let hex = hex::encode(spki);
    let mut all = notify::open_from(me, requester).await?;
    all.retain(|(_, notice)| notice.properties.data_owner_concerned_pub_key == hex);
    // A relay may name ever more.
    Ok(all.into_iter().map(|(rev, notice)| (notice.id, rev)).take(100).collect())
}

/// Completes notifications, all in one request.
async fn complete(me: &Principal, notices: Vec<(Uuid, u64)>) -> Result<()> {
    let completed = |(id, rev)| Operation::SetStatus { id, rev, status: Status::Completed };
    let operations: Vec<Operation> = notices.into_iter().map(completed).collect();
    for part in operations.chunks(256) {
        for answer in me.call_all(part.to_vec()).await? {
            match answer {
                // Somebody else of ours moved it meanwhile: it is dealt with either way.
                Err(e) if e.code() == Code::Conflict => {}
                other => drop(other?),
            }
        }
    }
    Ok(())
}
