//! Exchange keys: opening them, finding the one to seal under, making a new one.

use std::rc::Rc;

use uuid::Uuid;

use super::keys::Keys;
use super::{Delegation, Exchanged};
use crate::crypto::boxes::{oaep_label, open_box};
use crate::crypto::turn::turn;
use crate::encoding::{Bytes, Fixed, Hash};
use crate::error::{Code, Error, Result};
use crate::graph::{Principal, Signer};
use crate::keyring::OwnKey;
use crate::relay::{ExchangeRecord, GrantRecord, Operation};
use crate::secret::{Key32, make_id};
use crate::wire::exchange::{Exchange, Wrap};
use crate::wire::keyset::Keyset;
use crate::wire::{Extra, Party, SUITE};

/// A grant, checked and opened.
pub(super) struct OpenGrant {
    pub(super) record: Rc<GrantRecord>,
    pub(super) keys: Keys,
    pub(super) signer: Signer,
    pub(super) delegator: String,
}

impl OpenGrant {
    /// The data key of one version of an item, and its content digest.
    pub(super) fn entry(&self, item: Uuid, version: u32) -> Option<(Key32, Hash)> {
        let index = self.record.grant.entries.iter().position(|e| e.key() == (item, version))?;
        Some((self.keys.get(index).ok()?, self.record.grant.entries[index].2))
    }
}

/// An exchange key that is still to be written.
pub(super) struct NewExchange(ExchangeRecord, Key32);

/// Wraps an exchange key for one keyset, signed by the wrapper.
pub async fn make_wrap(me: &Principal, key: &OwnKey, exchange: &Exchange, secret: &Key32, to: &Keyset) -> Result<Wrap> {
    let recipient = to.fingerprint();
    let label = oaep_label(&exchange.wrap_context(&recipient));
    let wrapped = me.engine.rsa_encrypt(&to.encryption()?, &label, secret.expose()).await?;
    let mut wrap = Wrap {
        exchange: exchange.id,
        recipient,
        wrapper: key.party(),
        wrapped: Bytes(wrapped),
        signature: Fixed([0; 64]),
        extra: Extra::default(),
    };
    wrap.signature = key.sign(&me.engine, &wrap.transcript()).await?;
    Ok(wrap)
}

impl Delegation {
    /// Opens an exchange key with whatever own keyset some wrap is for. `None`: none fits.
    pub async fn open_exchange(&self, me: &Principal, id: Uuid) -> Result<Option<Key32>> {
        let Some(exchanged) = self.exchanges.borrow().get(&id).cloned() else { return Ok(None) };
        let exchange = &exchanged.record.exchange;
        if let Some(key) = exchanged.key {
            return Ok(exchange.fits(&key)?.then_some(key));
        }
        for wrap in &exchanged.record.wraps {
            let Some(own) = me.own(&wrap.recipient) else { continue };
            let label = oaep_label(&exchange.wrap_context(&wrap.recipient));
            // A junk wrap is skipped: it hides no real one.
            let plain = me.engine.rsa_decrypt(&own.decryption, &label, &wrap.wrapped.0, 32).await;
            let Ok(plain) = plain else { continue };
            let Ok(key) = Key32::from_slice(plain.expose()) else { continue };
            if exchange.fits(&key)? {
                let mut exchanges = self.exchanges.borrow_mut();
                if let Some(e) = exchanges.get_mut(&id).filter(|e| e.record.exchange == *exchange) {
                    e.key = Some(key.clone());
                }
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// Checks and opens a grant. `Ok(None)`: unusable, to be skipped.
    /// Errors: [`Code::IdentityChanged`] when its grantor is not the one that was pinned.
    pub(super) async fn open_grant(&self, me: &Principal, id: Uuid) -> Result<Option<OpenGrant>> {
        let Some(granted) = self.grants.borrow().get(&id).cloned() else { return Ok(None) };
        let grant = &granted.record.grant;
        let Some(exchanged) = self.exchanges.borrow().get(&grant.exchange).cloned() else { return Ok(None) };
        let exchange = &exchanged.record.exchange;
        // What somebody gave to others is theirs to give on, in their own name: whoever reads it knows the exchange key,
        // and could otherwise wrap it for a third person, with the true records or with altered ones.
        if !grant.is_under(exchange) || !exchange.concerns(&me.login) {
            return Ok(None);
        }
        let party = Party { login: exchange.delegator.clone(), fingerprint: grant.grantor_fingerprint };
        let Some(signer) = me.signer(&party).await? else { return Ok(None) };
        let delegator = exchange.delegator.clone();
        if let Some(keys) = granted.keys {
            return Ok(Some(OpenGrant { record: granted.record.clone(), keys, signer, delegator }));
        }
        turn().await;
        if grant.check(&signer.keyset.signing_key).is_err() {
            return Ok(None);
        }
        turn().await;
        let Some(key) = self.open_exchange(me, exchange.id).await? else { return Ok(None) };
        let Ok(plain) = open_box(&key, &grant.context(), &grant.sealed.0) else { return Ok(None) };
        let Ok(keys) = Keys::new(plain, grant.entries.len()) else { return Ok(None) };
        // Only if it is still the record that was opened: another call may have read it anew meanwhile.
        if let Some(g) = self.grants.borrow_mut().get_mut(&id).filter(|g| Rc::ptr_eq(&g.record, &granted.record)) {
            g.keys = Some(keys.clone());
        }
        Ok(Some(OpenGrant { record: granted.record.clone(), keys, signer, delegator }))
    }

    /// The exchange key to seal under for a delegate: one that this very keyset signed, whose recipients are
    /// exactly both sides' newest keysets, the least (created, id) among them; else a new one, which `first` writes.
    pub(super) async fn sealing_exchange(
        &self,
        me: &Principal,
        key: &OwnKey,
        to: &Keyset,
        first: &mut Vec<NewExchange>,
    ) -> Result<(Exchange, Key32)> {
        let mut recipients = vec![key.fingerprint, to.fingerprint()];
        recipients.sort();
        recipients.dedup();
        for exchanged in self.exchanges_of(&to.login) {
            let exchange = &exchanged.record.exchange;
            let fits = exchange.delegator == me.login
                && exchange.delegate == to.login
                && exchange.delegator_fingerprint == key.fingerprint
                && exchange.recipients == recipients;
            if !fits {
                continue;
            }
            if exchanged.sealable != Some(key.fingerprint) {
                // Usable only where the delegate can open it, too.
                let wrapped = || {
                    exchanged.record.wraps.iter().any(|w| {
                        w.recipient == to.fingerprint()
                            && w.wrapper == key.party()
                            && w.check(&key.keyset.signing_key).is_ok()
                    })
                };
                if exchange.check(&key.keyset.signing_key).is_err() || !wrapped() {
                    continue;
                }
                let mut exchanges = self.exchanges.borrow_mut();
                if let Some(e) = exchanges.get_mut(&exchange.id).filter(|e| Rc::ptr_eq(&e.record, &exchanged.record)) {
                    e.sealable = Some(key.fingerprint);
                }
            }
            if let Some(secret) = self.open_exchange(me, exchange.id).await? {
                return Ok((exchange.clone(), secret));
            }
        }
        self.make_exchange(me, key, to, recipients, first).await
    }

    async fn make_exchange(
        &self,
        me: &Principal,
        key: &OwnKey,
        to: &Keyset,
        recipients: Vec<Hash>,
        first: &mut Vec<NewExchange>,
    ) -> Result<(Exchange, Key32)> {
        let secret = Key32::make()?;
        let id = make_id()?;
        let mut exchange = Exchange {
            id,
            suite: SUITE,
            delegator: me.login.clone(),
            delegator_fingerprint: key.fingerprint,
            delegate: to.login.clone(),
            recipients,
            commitment: Exchange::commit(id, &me.login, &to.login, &secret)?,
            created: me.now(),
            signature: Fixed([0; 64]),
            extra: Extra::default(),
        };
        exchange.signature = key.sign(&me.engine, &exchange.transcript()).await?;
        let mut wraps = vec![make_wrap(me, key, &exchange, &secret, &key.keyset).await?];
        if to.fingerprint() != key.fingerprint {
            wraps.push(make_wrap(me, key, &exchange, &secret, to).await?);
        }
        first.push(NewExchange(ExchangeRecord { exchange: exchange.clone(), wraps }, secret.clone()));
        Ok((exchange, secret))
    }

    /// Writes what uses new exchange keys, after these, in one request.
    pub(super) async fn write_after(
        &self,
        me: &Principal,
        first: Vec<NewExchange>,
        then: Option<Operation>,
    ) -> Result<()> {
        let put = |NewExchange(record, _): &NewExchange| Operation::PutExchange {
            exchange: Box::new(record.exchange.clone()),
            wraps: record.wraps.clone(),
        };
        let operations: Vec<Operation> = first.iter().map(put).chain(then).collect();
        if operations.is_empty() {
            return Ok(());
        }
        let answers = match me.call_all(operations).await {
            Ok(answers) => answers,
            Err(e) => {
                // They may be there all the same.
                self.met.borrow_mut().clear();
                return Err(e);
            }
        };
        let mut made = first.into_iter();
        for answer in answers {
            let new = made.next();
            answer?;
            if let Some(NewExchange(record, key)) = new {
                let exchanged = Exchanged { record: Rc::new(record), key: Some(key), sealable: None };
                self.exchanges.borrow_mut().insert(exchanged.record.exchange.id, exchanged);
            }
        }
        Ok(())
    }

    /// What an item that cannot be reached answers.
    pub(super) fn no_access() -> Error {
        Error::new(Code::NoAccess, "nobody gave you access to this item, or the access was revoked or has expired")
    }
}
