//! Exchange keys and their wraps.

use super::account::{account, concerns, is_newest, need_parties, parties, require_newest};
use super::log::{self, Entry, exchange_key, limit};
use super::{Batch, Context, Records, Ruled, conflict, forbidden};
use regrant_protocol::error::{Code, Error};
use regrant_protocol::operations::{ExchangeRecord, Reply};
use regrant_protocol::wire::exchange::{Exchange, Wrap};

/// The most wraps of one exchange key.
const MAX_WRAPS: usize = 64;

fn check_wrap(cx: &Context<'_>, exchange: &Exchange, wrap: &Wrap) -> Ruled<()> {
    let caller = cx.caller()?;
    if wrap.wrapper.login != caller.login()
        || wrap.wrapper.fingerprint != *caller.fingerprint()
        || wrap.exchange != exchange.id
    {
        return Err(forbidden("a wrap is written by the one who made it").into());
    }
    if !matches!(wrap.wrapped.0.len(), 256 | 384 | 512) {
        return Err(Error::bad_input("a wrapped key has the wrong length").into());
    }
    Ok(())
}

pub(super) fn put(
    cx: &Context<'_>,
    db: &Records,
    batch: &mut Batch,
    exchange: &Exchange,
    wraps: &[Wrap],
) -> Ruled<Reply> {
    let caller = cx.caller()?;
    limit(wraps.len(), MAX_WRAPS, "wraps")?;
    if exchange.delegator != caller.login() || exchange.delegator_fingerprint != *caller.fingerprint() {
        return Err(forbidden("an exchange key is written by its delegator").into());
    }
    log::need(db, &[&exchange.delegator, &exchange.delegate])?;
    require_newest(db, caller)?;
    let (_, delegator) = account(db, &exchange.delegator)?.ok_or_else(|| forbidden("unknown delegator"))?;
    exchange.check(&delegator.newest()?.signing_key)?;
    let Some((_, delegate)) = account(db, &exchange.delegate)? else {
        let missing = vec![exchange.delegate.clone()];
        return Err(Error::about(Code::IdentityNotFound, "no such identity", missing).into());
    };
    for (i, wrap) in wraps.iter().enumerate() {
        check_wrap(cx, exchange, wrap)?;
        let twice = wraps[..i].iter().any(|w| w.recipient == wrap.recipient);
        if twice || !exchange.recipients.contains(&wrap.recipient) {
            return Err(forbidden("an exchange key is wrapped once for each of its recipients").into());
        }
    }
    // One that none of the delegate's keys opens would only stand in the log of whoever took the login meanwhile.
    if !exchange.recipients.iter().any(|recipient| delegate.place(recipient).is_some()) {
        return Err(conflict("an exchange key is for keys of its delegate: these changed meanwhile").into());
    }
    let key = exchange_key(exchange.id);
    if db.raw(&key)?.is_some() {
        return Err(conflict("an exchange key with this id exists").into());
    }
    batch.put(key, 0, &ExchangeRecord { exchange: exchange.clone(), wraps: wraps.to_vec() })?;
    for login in [&exchange.delegator, &exchange.delegate] {
        log::append(db, batch, login, &Entry::Exchange(exchange.id))?;
    }
    Ok(Reply::Done)
}

pub(super) fn put_wraps(cx: &Context<'_>, db: &Records, batch: &mut Batch, wraps: &[Wrap]) -> Ruled<Reply> {
    let caller = cx.caller()?;
    limit(wraps.len(), 1024, "wraps")?;
    let keys: Vec<String> = wraps.iter().map(|w| exchange_key(w.exchange)).collect();
    db.need(&keys)?;
    let newest_only = !is_newest(db, caller)?;
    for wrap in wraps {
        let key = exchange_key(wrap.exchange);
        let (rev, stored) =
            db.get::<ExchangeRecord>(&key)?.ok_or_else(|| Error::new(Code::NotFound, "no such exchange key"))?;
        // Several wraps of one batch may go to one exchange key.
        let mut record = match batch.written(&key)? {
            Some(json) => super::read(&json)?,
            None => stored,
        };
        let exchange = record.exchange.clone();
        check_wrap(cx, &exchange, wrap)?;
        if !concerns(db, caller.login(), &exchange)? {
            return Err(forbidden("only the two of an exchange key wrap it").into());
        }
        need_parties(db, [&exchange])?;
        let mut owner = None;
        for login in [&exchange.delegator, &exchange.delegate] {
            let found = account(db, login)?;
            if let Some(i) = found.as_ref().and_then(|(_, a)| a.find(&wrap.recipient)) {
                let newest = found.is_some_and(|(_, a)| i + 1 == a.keysets.len());
                owner = Some((login.clone(), newest));
            }
        }
        let (owner, newest) = owner.ok_or_else(|| forbidden("a wrap is for a keyset of the two of an exchange key"))?;
        if newest_only && !(owner == caller.login() && newest) {
            require_newest(db, caller)?;
        }
        record.wraps.retain(|w| !(w.recipient == wrap.recipient && w.wrapper == wrap.wrapper));
        record.wraps.push(wrap.clone());
        limit(record.wraps.len(), MAX_WRAPS, "wraps")?;
        let told = parties(db, &exchange)?;
        log::need(db, &told)?;
        batch.put(key, rev, &record)?;
        for login in told {
            log::append(db, batch, login, &Entry::Exchange(exchange.id))?;
        }
    }
    Ok(Reply::Done)
}
