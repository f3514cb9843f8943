//! A session's items: sealing, opening, giving and ending access, reading what is new, giving access back.

use std::rc::Rc;

use uuid::Uuid;

use super::Session;
use super::acting::Through;
use super::rest::Why;
use super::session::Event;
use crate::crypto::envelope::{Buffer, HEADER_LENGTH, read_header};
use crate::delegation::{After, Draft, Older, Opened, Reader, RevokeReport, SealOptions, SealedItem};
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::keyring;
use crate::recovery::access_back;
use crate::relay::{MAX_REASON, Operation, unexpected};
use crate::trust::is_chained;
use crate::wire::receipt::Receipt;

/// Of so many items what is needed is asked for at once.
const ASKED_AHEAD: usize = 64;

impl Session {
    // ---- items ----

    /// Seals one item. Resolves once the relay has the grants.
    pub async fn encrypt(&self, draft: Draft, options: &SealOptions) -> Result<SealedItem> {
        let seen = options.id.and_then(|id| self.me().seen_version(id));
        let me = self.ready().await?;
        let mut options = self.with_shares(options).await?;
        // What it was when this was asked for: of two calls at once that follow one version, one is too late.
        options.after = options.after.or(seen.map(After::Seen));
        let _flow = self.delegation().ask_ahead(me, &options.share_with, options.id).await?;
        // A new version of what one holds through another identity is that one's.
        let other = match options.id.filter(|id| !self.delegation().knows(*id)) {
            Some(id) => {
                self.delegation().need(me, &[id]).await?;
                if self.delegation().knows(id) { None } else { self.through(id).await? }
            }
            None => None,
        };
        let outcome = match &other {
            Some(other) => other.delegation.seal(&other.principal, draft, &options).await,
            None => self.delegation().seal(me, draft, &options).await,
        };
        self.keeping(outcome).await
    }

    /// Seals many items at once.
    pub async fn encrypt_many(
        &self,
        drafts: Vec<Draft>,
        options: &SealOptions,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<Vec<SealedItem>> {
        let me = self.ready().await?;
        let options = self.with_shares(options).await?;
        let outcome = self.delegation().seal_many(me, drafts, &options, progress).await;
        self.keeping(outcome).await
    }

    /// Opens an envelope, by what one was given oneself or through identities that one acts for.
    pub async fn decrypt(&self, bytes: &Buffer, reason: Option<&str>, older: Older) -> Result<Opened> {
        let outcome = self.decrypt_one_of_many(bytes, reason, older).await;
        self.keeping(outcome).await
    }

    /// The same, where [`Session::keep`] comes after the last: storing what is remembered costs as much for one as for all.
    pub async fn decrypt_one_of_many(&self, bytes: &Buffer, reason: Option<&str>, older: Older) -> Result<Opened> {
        if reason.is_some_and(|reason| reason.len() > MAX_REASON) {
            // The relay would note nothing, and whoever owns the item would not hear of it.
            return Err(Error::bad_input("reason has at most 1,024 bytes"));
        }
        let (opened, through) = self.decrypt_as(bytes, older).await?;
        self.note_opening((opened.id, opened.version, opened.basis), through.as_ref(), reason).await;
        Ok(opened)
    }

    /// Has the relay asked what is new before the next thing is done.
    pub fn mark_stale(&self) {
        self.delegation().mark_stale();
        self.through.borrow().values().for_each(|through| through.delegation.mark_stale());
    }

    /// Reads at once what is needed to open some envelopes, by their headers. Those that are none are left to whoever opens
    /// them.
    pub async fn expect(&self, headers: &[Vec<u8>]) -> Result<()> {
        let me = self.ready().await?;
        let headers = headers.iter().filter_map(|header| read_header(header).ok());
        let wanted = headers.map(|header| (header.id, header.key_version));
        let wanted = wanted.filter(|(item, version)| self.known_through(*item, *version).is_none()).collect();
        let outcome = self.delegation().expect(me, wanted).await;
        self.keeping(outcome).await?;
        let opened = self.open_reached().await.map(drop);
        self.keeping(opened).await
    }

    /// Opens an envelope, and says through whom.
    async fn decrypt_as(&self, bytes: &Buffer, older: Older) -> Result<(Opened, Option<Through>)> {
        let me = self.ready().await?;
        if let Some(opened) = self.decrypt_as_known(bytes, older).await? {
            return Ok(opened);
        }
        match self.delegation().open(me, bytes, older).await {
            Err(e) if e.code() == Code::NoAccess => {
                let header = read_header(&bytes.prefix(HEADER_LENGTH))?;
                self.open_reached().await?;
                if let Some(opened) = self.decrypt_as_known(bytes, older).await? {
                    return Ok(opened);
                }
                let mut outcome = Err(e);
                // Twice, because the keys on the way may be renewed at the same moment.
                for _ in 0..2 {
                    let Some(other) = self.through(header.id).await? else { break };
                    outcome = other.delegation.open(&other.principal, bytes, older).await;
                    if outcome.as_ref().is_err_and(|e| e.code() == Code::Locked) {
                        continue;
                    }
                    return Ok((outcome?, Some(other)));
                }
                if outcome.as_ref().is_err_and(|e| e.code() == Code::NoAccess) && self.outdated().await? {
                    let message = "these keys were renewed elsewhere: unlock() with the secret opens what came since";
                    return Err(Error::new(Code::Locked, message));
                }
                Ok((outcome?, None))
            }
            other => Ok((other?, None)),
        }
    }

    /// Opens by what is known of an identity that is open. `None`: that does not open it.
    async fn decrypt_as_known(&self, bytes: &Buffer, older: Older) -> Result<Option<(Opened, Option<Through>)>> {
        let Ok(header) = read_header(&bytes.prefix(HEADER_LENGTH)) else { return Ok(None) };
        let (item, version) = (header.id, header.key_version);
        if self.known_through(item, version).is_none() || self.delegation().knows(item) {
            return Ok(None);
        }
        self.delegation().hear(self.me()).await?;
        if self.delegation().take_changed() {
            // Somebody may have excluded this login from what it acts for.
            self.through.borrow().values().for_each(|through| through.delegation.mark_stale());
        }
        let Some(other) = self.known_through(item, version) else { return Ok(None) };
        let opened = other.delegation.open(&other.principal, bytes, older).await;
        Ok(opened.ok().map(|opened| (opened, Some(other))))
    }

    /// Whether this login's keys go on at the relay, by signature, beyond those that are open here, and for whoever has
    /// these: not where they were renewed after a theft.
    async fn outdated(&self) -> Result<bool> {
        let mine = self.me().current()?.keyset.version;
        let offered = self.me().resolve(&[self.login().to_owned()]).await?.remove(0);
        let newest = offered.newest()?.version;
        if !self.me().trusted() || newest <= mine || !is_chained(&offered.offer, mine) {
            return Ok(false);
        }
        match self.me().access_group(self.login()).await {
            Err(e) if e.code() == Code::Forbidden => Ok(false),
            _ => Ok(true),
        }
    }

    /// Gives access to some items, or to all that one holds oneself.
    pub async fn give_access(
        &self,
        items: Option<&[Uuid]>,
        logins: &[String],
        until: Option<u64>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<usize> {
        let me = self.ready().await?;
        if logins.is_empty() {
            return Ok(0);
        }
        let outcome = match self.delegation().give(me, items, logins, until, progress).await {
            Err(e) if e.code() == Code::NoAccess => match items {
                Some(items) => self.give_through(items, logins, until, progress).await?.ok_or(e),
                None => Err(e),
            },
            other => other,
        };
        self.keeping(outcome).await
    }

    /// Ends a login's access.
    pub async fn revoke(&self, items: Option<&[Uuid]>, login: &str, dry_run: bool) -> Result<RevokeReport> {
        let me = self.ready().await?;
        let _flow = match items.filter(|items| items.len() <= ASKED_AHEAD) {
            Some(items) => {
                let mut operations = self.delegation().asked_by_revoke(items, login);
                operations.push(me.asked_by_seal_for(&[]));
                operations.push(Operation::Identities { logins: vec![login.to_owned()], removed: false });
                Some(me.ahead(operations).await?)
            }
            None => None,
        };
        if !dry_run {
            me.seal_for(&[]).await?;
        }
        let outcome = self.delegation().revoke(me, items, login, dry_run).await;
        self.keeping(outcome).await
    }

    /// Puts items away for oneself or, if `hard`, deletes what one owns for everybody.
    pub async fn remove_items(&self, items: &[Uuid], hard: bool) -> Result<()> {
        let me = self.ready().await?;
        let outcome = self.delegation().remove_items(me, items, hard).await;
        self.keeping(outcome).await
    }

    /// Everyone who can read an item.
    pub async fn who_can_read(&self, item: Uuid) -> Result<Vec<Reader>> {
        let outcome = self.delegation().readers(self.ready().await?, item).await;
        self.keeping(outcome).await
    }

    /// Reads what is new: grants, access given back, and own keysets that became open. Listeners hear of it.
    pub async fn refresh(&self) -> Result<()> {
        let outcome = self.read_anew().await;
        // A relay that cannot call is asked: whoever listens hears what was found, and nothing if nothing was.
        if outcome.is_ok() && self.delegation().has_news() {
            self.emit(Event::Changed);
        }
        outcome
    }

    fn asked_by_refresh(&self) -> Vec<Operation> {
        let mut all = vec![Operation::OwnKeysets];
        all.push(self.delegation().asked_by_hearing());
        if self.parent.is_none() {
            all.extend(self.me().asked_by_look_below());
        }
        all
    }

    async fn read_anew(&self) -> Result<()> {
        let me = self.ready().await?;
        let epoch = self.epoch();
        // What others are shared with now is opened anew when it is next needed.
        me.leave(None);
        let acted = self.through.take();
        let _flow = me.ahead(self.asked_by_refresh()).await?;
        let all = me.own_keysets().await?;
        let mut keys = me.keys();
        let before = keys.len();
        keyring::open_more(&me.engine, &all, &mut keys).await?;
        if keys.len() > before {
            let newest = keys.last().map(|k| k.keyset.clone()).ok_or_else(unexpected)?;
            self.same_epoch(epoch)?;
            me.add_keys(keys);
            self.set_public_key(newest);
            self.save(Why::Update).await?;
        }
        let learned = self.learn().await;
        self.keeping(learned).await?;
        self.delegation().mark_said();
        self.delegation().mark_stale();
        let outcome = self.delegation().hear(me).await;
        self.keeping(outcome).await?;
        let heard = self.hear_of_others(acted.into_values()).await;
        self.keeping(heard).await?;
        self.announce_if_needed().await?;
        match self.delegation().tidy(me).await {
            // A session whose keys were replaced does not rewrite what it gave.
            Err(e) if matches!(e.code(), Code::IdentityChanged | Code::Forbidden | Code::Conflict | Code::Locked) => {
                Ok(())
            }
            other => other,
        }
    }

    /// Reads what is new, and says what it was.
    pub async fn poll(&self) -> Result<Vec<Event>> {
        let outcome = self.delegation().hear(self.open()?).await;
        self.keeping(outcome).await?;
        let others = self.news_of_others().await;
        let others = self.keeping(others).await?;
        self.delegation().add_news(others);
        let news = self.delegation().take_news();
        let mut events = Vec::new();
        events.extend(news.granted.then_some(Event::Granted));
        events.extend(news.notified.then_some(Event::Notification));
        events.extend(news.asked.then_some(Event::Access));
        Ok(events)
    }

    /// Signs bytes of the application's with the session's signing key.
    pub async fn sign(&self, bytes: &[u8]) -> Result<[u8; 64]> {
        let key = self.open()?.current()?;
        let transcript = crate::encoding::Transcript::new("application").bytes(bytes);
        Ok(key.sign(&self.me().engine, &transcript).await?.0)
    }

    // ---- access back ----

    /// Gives a person who lost their keys access back.
    pub async fn give_access_back(
        &self,
        login: &str,
        spki: &[u8],
        options: &access_back::Options,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<Receipt> {
        let me = self.ready().await?;
        let _flow = me.ahead(access_back::asked_ahead(me, self.delegation(), login)).await?;
        let others = |principal: &Rc<Principal>| self.delegation_of(principal);
        let outcome = access_back::give_back(me, self.delegation(), &others, login, spki, options, progress).await;
        self.keeping(outcome).await
    }
}
