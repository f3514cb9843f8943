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
use crate::relay::{Operation, Reply, unexpected};
use crate::secret::make_id;
use crate::trust;
use crate::wire::Extra;
use crate::wire::keyset::Keyset;
use crate::wire::notification::{KEY_PAIR_UPDATE, Status};
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
    receipt.exchanges = wrap_all(me, delegation, &key, &to, progress).await?;
    give_through_others(me, others, &to, &mut receipt, progress).await?;
    if requester == me.login {
        open_old_keysets(me, &to, &mut receipt).await?;
        if options.chain {
            repair_chain(me, &to).await?;
        }
    }
    receipt.signature = key.sign(&me.engine, &receipt.transcript()).await?;
    complete_notifications(me, requester, spki).await?;
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

/// Wraps every exchange key of the pair that can be opened here for the new keyset, once.
async fn wrap_all(
    me: &Principal,
    delegation: &Delegation,
    key: &OwnKey,
    to: &Keyset,
    progress: &dyn Fn(usize) -> Result<()>,
) -> Result<Vec<Uuid>> {
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
    for part in wraps.chunks(WRAPS_AT_ONCE) {
        me.call(&Operation::PutWraps { wraps: part.to_vec() }).await?;
    }
    delegation.mark_stale();
    Ok(given)
}

/// What identities that one acts for can give: exchange keys of theirs, slots on groups whose signed list names the
/// requester, and slots on old keysets of the requester's that one can open oneself.
async fn give_through_others(
    me: &Principal,
    others: &dyn Fn(&Rc<Principal>) -> Rc<Delegation>,
    to: &Keyset,
    receipt: &mut Receipt,
    progress: &dyn Fn(usize) -> Result<()>,
) -> Result<()> {
    let requester = &to.login;
    let Reply::Between { exchanges, groups } = me.call(&Operation::Between { login: requester.clone() }).await? else {
        return Err(unexpected());
    };
    for login in exchanges.iter().filter(|login| *login != requester) {
        let Some(acting) = reached(me.act_for(login).await)? else { continue };
        let delegation = others(&acting);
        delegation.hear(&acting).await?;
        delegation.meet(&acting, std::slice::from_ref(&to.login)).await?;
        let given = wrap_all(&acting, &delegation, &acting.current()?, to, progress).await?;
        receipt.exchanges.extend(given);
    }
    for login in groups.iter().filter(|login| *login != requester) {
        receipt.slots.extend(reached(me.give_slot_back(login, to).await)?.flatten());
    }
    if *requester != me.login
        && let Some(old) = reached(me.act_for(requester).await)?
        && old.current()?.fingerprint != to.fingerprint()
    {
        open_old_keysets(&old, to, receipt).await?;
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

async fn complete_notifications(me: &Principal, requester: &str, spki: &[u8]) -> Result<()> {
    let hex = hex::encode(spki);
    for notice in notify::open_after(me, 0, Some(KEY_PAIR_UPDATE)).await? {
        if notice.author == requester && notice.properties.data_owner_concerned_pub_key == hex {
            match notify::set_status(me, notice.id, Status::Completed).await {
                Ok(()) => {}
                // Somebody else of ours moved it meanwhile: it is dealt with either way.
                Err(e) if e.code() == Code::Conflict => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(())
}
