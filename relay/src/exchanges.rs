//! Exchange keys and their wraps.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::account::{account, closed_at, concerns, is_newest, need_parties, parties, require_newest};
use super::log::{self, Entry, exchange_key, limit};
use super::{Batch, Context, Records, Ruled, Ticket, conflict, forbidden, segment};
use regrant_protocol::error::{Code, Error};
use regrant_protocol::operations::{ExchangeRecord, Reply};
use regrant_protocol::wire::exchange::{Exchange, Wrap};

/// The most wraps of one exchange key.
const MAX_WRAPS: usize = 64;

/// Under what the exchange keys of a login are found, by the other one.
fn between(login: &str) -> String {
    format!("between/{}/", segment(login))
}

pub(super) fn index_names(exchange: &Exchange) -> Vec<String> {
    let Exchange { delegator, delegate, id, .. } = exchange;
    let name = |one: &str, other: &str| format!("{}{}/{id}", between(one), segment(other));
    let mut names = vec![name(delegator, delegate), name(delegate, delegator)];
    names.dedup();
    names
}

/// Every exchange key that a login is one of the two of, with its revision.
pub(super) fn of_login(db: &Records, login: &str) -> Ruled<Vec<(u64, Rc<ExchangeRecord>)>> {
    Ok(db.indexed(&between(login))?.into_iter().map(|(_, rev, record)| (rev, record)).collect())
}

/// With whom the exchange keys of a login's earlier keys are shared, of the next `most` that there are, and from where on
/// there may be more. Whoever met the newest keys only has nothing to compare.
pub(super) fn of_earlier_keys(
    db: &Records,
    caller: &Ticket,
    after: Option<&str>,
    most: usize,
) -> Ruled<(BTreeSet<String>, Option<String>)> {
    let (login, newest) = (caller.login(), caller.fingerprint());
    let prefix = between(login);
    let from = after.filter(|after| after.starts_with(&prefix)).unwrap_or(&prefix);
    let rows = db.names(&prefix, from, most)?;
    let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
    db.need(&keys)?;
    let mut others = BTreeSet::new();
    for key in keys {
        let Some((_, record)) = db.view::<ExchangeRecord>(&key)? else { continue };
        let exchange = &record.exchange;
        let earlier = match exchange.delegator == login {
            true => exchange.delegator_fingerprint != *newest,
            false => !exchange.recipients.contains(newest),
        };
        if earlier && concerns(db, login, exchange)? {
            others.extend([exchange.delegator.clone(), exchange.delegate.clone()]);
        }
    }
    let more = rows.last().filter(|_| rows.len() == most).map(|row| row.name.clone());
    Ok((others, more))
}

/// The exchange keys between the caller and some logins: all that there are, or what was there when the caller's keys were
/// closed.
pub(super) fn between_caller_and(cx: &Context<'_>, db: &Records, with: &[String]) -> Ruled<Reply> {
    let caller = cx.caller()?;
    limit(with.len(), 256, "logins")?;
    with.iter().try_for_each(|login| regrant_protocol::encoding::check_login(login))?;
    let closed = closed_at(db, caller)?;
    let mut exchanges = Vec::new();
    for login in with {
        let prefix = format!("{}{}/", between(caller.login()), segment(login));
        for (_, rev, record) in db.indexed::<ExchangeRecord>(&prefix)? {
            if closed.is_none_or(|end| rev <= end) && concerns(db, caller.login(), &record.exchange)? {
                exchanges.push((*record).clone());
            }
        }
    }
    Ok(Reply::Exchanges { exchanges })
}

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
        let message = "an exchange key is for keys of its delegate, which changed meanwhile";
        return Err(Error::about(Code::Conflict, message, vec![exchange.delegate.clone()]).into());
    }
    let key = exchange_key(exchange.id);
    if db.raw(&key)?.is_some() {
        return Err(conflict("an exchange key with this id exists").into());
    }
    let record = ExchangeRecord { exchange: exchange.clone(), wraps: wraps.to_vec() };
    batch.put_indexed(key, 0, &record, index_names(exchange))?;
    for login in [&exchange.delegator, &exchange.delegate] {
        log::append(batch, login, &Entry::Exchange(exchange.id))?;
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
        let mut record = batch.written(&key)?.unwrap_or(stored);
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
        batch.put_indexed(key, rev, &record, index_names(&exchange))?;
        for login in told {
            log::append(batch, login, &Entry::Exchange(exchange.id))?;
        }
    }
    Ok(Reply::Done)
}
