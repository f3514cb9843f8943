//! A session's dealings with identities: the sharing graph, what identities say of themselves, locked versions.

use std::rc::Rc;

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Session;
use super::rest::{self, Why};
use crate::delegation::Resigned;
use crate::encoding::check_login;
use crate::error::{Error, Result};
use crate::graph::{Group, ListChange, Offered, Principal, SharingPlan};
use crate::keyring::{self, Secret, change_slots, make_sharer_slot};
use crate::relay::{Link, Opening, Operation, Reply, onward, unexpected};
use crate::trust::State;
use crate::wire::statement::Profile;

/// An identity, as everybody may see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Its login.
    pub login: String,
    /// What it is.
    pub kind: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whatever the application adds, as JSON text.
    #[serde(skip)]
    pub payload: Option<Box<RawValue>>,
    /// The version of its newest keys.
    pub version: u64,
    /// When its first keys were made, Unix milliseconds.
    pub created: u64,
    /// How far its newest keys can be relied on.
    #[serde(skip)]
    pub state: Option<State>,
}

impl Identity {
    fn of(offered: &Offered, profile: Option<Profile>) -> Result<Self> {
        let newest = offered.newest()?;
        let Profile { name, kind, payload } = profile.unwrap_or_default();
        let created = offered.offer.first().map_or(0, |k| k.created);
        let (login, version) = (newest.login.clone(), newest.version);
        Ok(Self { login, kind, name, payload, version, created, state: Some(offered.state) })
    }
}

/// Identities that were found; more follow if there is a cursor.
#[derive(Debug)]
pub struct Found {
    /// The identities, in the order of their logins.
    pub items: Vec<Identity>,
    /// Where the next page begins.
    pub cursor: Option<String>,
}

/// A version whose keys this session cannot open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockedVersion {
    /// Whose.
    pub login: String,
    /// Which.
    pub version: u64,
    /// Its fingerprint in hex.
    pub fingerprint: String,
    /// Unix milliseconds.
    pub created: u64,
}

impl Session {
    /// Oneself, or an identity that one acts for.
    pub(super) async fn acting(&self, login: &str) -> Result<Rc<Principal>> {
        let me = self.ready().await?;
        if login == me.login { Ok(self.me().clone()) } else { me.act_for(login).await }
    }

    // ---- what identities say of themselves ----

    /// One identity. Errors: [`crate::error::Code::IdentityNotFound`].
    pub async fn identity(&self, login: &str) -> Result<Identity> {
        let outcome = self.look_up(login).await;
        self.keeping(outcome).await
    }

    async fn look_up(&self, login: &str) -> Result<Identity> {
        self.alive()?;
        let me = self.me();
        let offered = me.resolve(&[login.to_owned()]).await?.remove(0);
        let operation = Operation::Profile { login: login.to_owned() };
        let Reply::Profile { profile } = me.relay.call(None, &operation).await? else { return Err(unexpected()) };
        let profile = me.believe(login, profile.as_deref(), &offered)?;
        Identity::of(&offered, profile.map(|said| said.body))
    }

    /// Identities whose login or name contains `search`, of one kind or of all.
    pub async fn find_identities(
        &self,
        search: &str,
        kind: Option<&str>,
        limit: u64,
        cursor: Option<String>,
    ) -> Result<Found> {
        self.alive()?;
        let outcome = self.search(search, kind, limit, cursor).await;
        self.keeping(outcome).await
    }

    async fn search(&self, search: &str, kind: Option<&str>, limit: u64, cursor: Option<String>) -> Result<Found> {
        let me = self.me();
        let from = cursor.clone();
        let operation =
            Operation::Directory { search: search.to_owned(), kind: kind.map(str::to_owned), limit, cursor };
        let Reply::Directory { entries, cursor } = me.relay.call(None, &operation).await? else {
            return Err(unexpected());
        };
        let logins: Vec<String> = entries.iter().map(|(login, _)| login.clone()).collect();
        let offered = me.resolve(&logins).await?;
        let mut items = Vec::with_capacity(entries.len());
        for ((login, statement), offered) in entries.iter().zip(&offered) {
            let profile = me.believe(login, statement.as_ref(), offered)?.map(|said| said.body);
            items.push(Identity::of(offered, profile)?);
        }
        Ok(Found { items, cursor: onward(from.as_deref(), cursor)? })
    }

    /// Creates an identity that is shared with others (oneself, if nobody is named), and opened with a secret if given.
    /// `managers`: those of them who alone change with whom it is shared, and renew its keys.
    pub async fn create_identity(
        &self,
        login: &str,
        profile: &Profile,
        sharing_group: &[String],
        managers: Option<&[String]>,
        secret: Option<&Secret>,
    ) -> Result<()> {
        let me = self.ready().await?;
        let outcome = me.create(login, profile, sharing_group, managers, secret).await;
        self.keeping(outcome).await
    }

    /// Changes what an identity says of itself: oneself, or one that one acts for.
    pub async fn update_identity(
        &self,
        login: &str,
        name: Option<Option<String>>,
        kind: Option<String>,
        payload: Option<Option<Box<RawValue>>>,
    ) -> Result<()> {
        let acting = self.acting(login).await?;
        let outcome = acting
            .set_profile(|mut profile| {
                if let Some(name) = &name {
                    profile.name.clone_from(name);
                }
                if let Some(kind) = &kind {
                    profile.kind.clone_from(kind);
                }
                if let Some(payload) = &payload {
                    profile.payload.clone_from(payload);
                }
                profile.check()?;
                Ok(profile)
            })
            .await;
        self.keeping(outcome).await
    }

    /// Removes an identity: oneself, or one that one acts for.
    pub async fn remove_identity(&self, login: &str) -> Result<()> {
        let acting = self.acting(login).await?;
        acting.seal_for(&[]).await?;
        acting.call(&Operation::RemoveIdentity).await?;
        if login != self.login() {
            self.me().leave(Some(login));
            self.through.borrow_mut().remove(login);
            return self.keeping(Ok(())).await;
        }
        match &self.parent {
            Some(_) => self.end(),
            None => {
                rest::wipe(self.store(), login).await?;
                self.end();
            }
        }
        Ok(())
    }

    // ---- the sharing graph ----

    /// With whom an identity is shared.
    pub async fn sharing_group(&self, login: &str) -> Result<Group> {
        let outcome = self.ready().await?.group(login).await;
        self.keeping(outcome).await
    }

    /// The identities that are shared with a login: oneself, or one that one acts for.
    pub async fn access_group(&self, login: &str) -> Result<Vec<Link>> {
        check_login(login)?;
        self.ready().await?.access_group(login).await
    }

    /// Adds sharers to an identity. Errors: [`crate::error::Code::Conflict`] if somebody else changed it first: try again.
    pub async fn extend_sharing_group(
        &self,
        login: &str,
        logins: &[String],
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<()> {
        let outcome = self.ready().await?.extend(login, logins, progress).await;
        self.keeping(outcome).await
    }

    /// Sets the sharers of an identity, or takes some away. Whoever is excluded has no part in anything that is sealed from now on.
    /// Errors: [`crate::error::Code::Conflict`] if somebody else changed it first: try again.
    pub async fn replace_sharing_group(
        &self,
        login: &str,
        change: ListChange<'_>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<()> {
        let epoch = self.epoch();
        let outcome = self.ready().await?.replace(login, change, progress).await;
        match self.keeping(outcome).await? {
            Some(plan) => self.carry_out(plan, None, progress, epoch).await.map(drop),
            None => Ok(()),
        }
    }

    /// Renews keys as planned, goes on with those that are one's own, and signs anew what the old ones gave. Says for whom,
    /// of what the first of them gave.
    pub(super) async fn carry_out(
        &self,
        plan: SharingPlan,
        secret: Option<&Secret>,
        progress: &dyn Fn(usize) -> Result<()>,
        epoch: u64,
    ) -> Result<Resigned> {
        let stolen = plan.stolen();
        let mut given = Vec::new();
        for other in plan.others() {
            let delegation = self.delegation_of(other);
            let before = delegation.given(other).await?;
            given.push((other.clone(), delegation, before));
        }
        let own = if plan.renews_own() { self.delegation().given(self.me()).await? } else { Vec::new() };
        let outcome = self.me().carry_out(plan, secret, progress).await;
        let mut change = self.keeping(outcome).await?;
        let stopped = std::mem::take(&mut change.stopped);
        self.took(change, epoch).await?;
        let mut said = Vec::with_capacity(given.len() + 1);
        for (other, delegation, before) in given {
            said.push(delegation.sign_anew(&other, before, stolen).await);
        }
        said.push(self.delegation().sign_anew(self.me(), own, stolen).await);
        let mut said = said.into_iter().reduce(|mut all, more| {
            all.resigned.extend(more.resigned);
            all.not_resigned.extend(more.not_resigned);
            all
        });
        let mut said = said.take().unwrap_or_default();
        said.not_resigned.extend(stopped);
        Ok(said)
    }

    /// Renews the keys of an identity that one acts for, or one's own. Says for whom the new ones signed anew what the old
    /// ones gave.
    pub async fn renew_keys_of(
        &self,
        login: &str,
        secret: Option<&Secret>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<Resigned> {
        self.renew(login, None, secret, progress).await
    }

    /// The same, after somebody may have had the keys since a time, in Unix milliseconds: nothing that was given since is
    /// signed anew, and only the new secret opens the new keys.
    pub async fn renew_stolen_keys_of(
        &self,
        login: &str,
        since: u64,
        secret: Option<&Secret>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<Resigned> {
        self.renew(login, Some(since), secret, progress).await
    }

    async fn renew(
        &self,
        login: &str,
        stolen: Option<u64>,
        secret: Option<&Secret>,
        progress: &dyn Fn(usize) -> Result<()>,
    ) -> Result<Resigned> {
        if let Some(parent) = self.parent.as_ref().filter(|_| login == self.login()) {
            // Whoever acts for an identity signs for what it does to it.
            let said = Box::pin(parent.renew(login, stolen, secret, progress)).await?;
            self.ready().await?;
            return Ok(said);
        }
        let epoch = self.epoch();
        let me = if login == self.login() { self.open()? } else { self.ready().await? };
        let outcome = me.plan_renewal(login, stolen, secret.is_some()).await;
        let plan = self.keeping(outcome).await?;
        self.carry_out(plan, secret, progress, epoch).await
    }

    /// Begins somebody's keys anew, with a new secret: for the relay's administrator, where nobody else can help. What was
    /// sealed before stays locked until the old secret is remembered.
    pub async fn overwrite_keys(&self, login: &str, secret: &Secret) -> Result<()> {
        let me = self.ready().await?;
        let (key, _) = me.seal_for(&[]).await?;
        if login == me.login {
            return Err(Error::bad_input("one's own keys are renewed, or begun anew with reset"));
        }
        let offered = me.resolve(&[login.to_owned()]).await?.remove(0);
        let newest = offered.newest()?;
        let made =
            keyring::make_for(&me.engine, me.relay.id(), &key, login, Some(secret), &[], None, Some(newest), me.now())
                .await?;
        let head = Box::new(me.first_head(&made.key, None).await?);
        let operation = Operation::Overwrite { new: Box::new(made.own.clone()), secrets: made.secrets.clone(), head };
        me.call(&operation).await?;
        self.keeping(Ok(())).await
    }

    /// The versions of an identity that cannot be opened here.
    pub async fn locked_versions(&self, login: &str) -> Result<Vec<LockedVersion>> {
        let acting = self.acting(login).await?;
        let offered = acting.resolve(&[login.to_owned()]).await?.remove(0);
        let locked = offered.offer.iter().filter(|k| acting.own(&k.fingerprint()).is_none());
        let shown = locked.map(|k| LockedVersion {
            login: login.to_owned(),
            version: k.version,
            fingerprint: k.fingerprint().hex(),
            created: k.created,
        });
        Ok(shown.collect())
    }

    /// Opens locked versions with a secret of theirs, for good. Gives the versions that it opened.
    /// Errors: [`crate::error::Code::WrongSecret`] if it opens none.
    pub async fn unlock_versions(&self, login: &str, secret: &Secret) -> Result<Vec<u64>> {
        let acting = self.acting(login).await?;
        let (current, _) = acting.seal_for(&[]).await?;
        let offered = acting.resolve(&[login.to_owned()]).await?.remove(0);
        let client = super::Client::open(self.setup().clone())?;
        let (_, opened, _) = client.open_keys(&acting, login, secret, &offered.offer).await?;
        let fresh: Vec<u64> =
            opened.keys.iter().filter(|k| acting.own(&k.fingerprint).is_none()).map(|k| k.keyset.version).collect();
        let top = opened.keys.last().ok_or_else(unexpected)?.clone();
        if top.fingerprint == current.fingerprint || fresh.is_empty() {
            return Ok(fresh);
        }
        // As the old keys: they may open themselves to the newest, and nothing else.
        let old = acting.acting_for(login, opened.keys.clone(), false);
        let all = old.own_keysets().await?;
        let own = all.iter().find(|o| o.keyset.fingerprint() == top.fingerprint).ok_or_else(unexpected)?;
        let slot = make_sharer_slot(&acting.engine, &top, &current.keyset).await?;
        let change = change_slots(&acting.engine, own, &top, None, vec![slot], Vec::new(), |_| false).await?;
        let manifest = change.manifest.clone();
        old.call(&Operation::ChangeSlots { change: Box::new(change) }).await?;
        acting.saw_manifest(&manifest);
        acting.add_keys(opened.keys);
        if login == self.login() {
            self.delegation().forget();
            self.save(Why::Update).await?;
        } else {
            self.delegation_of(&acting).forget();
        }
        self.keeping(Ok(fresh)).await
    }

    // ---- openings ----

    /// Who opened what, as far as the relay was told: openings by oneself and of one's own items, newest first.
    #[allow(clippy::type_complexity, reason = "a page, and where the next one begins")]
    pub async fn openings(
        &self,
        item: Option<Uuid>,
        login: Option<String>,
        reason: Option<String>,
        limit: u64,
        cursor: Option<String>,
    ) -> Result<(Vec<Opening>, Option<String>)> {
        let from = cursor.clone();
        // What one opened oneself is among them.
        self.flush_all().await;
        let operation = Operation::Openings { item, login, reason, limit, cursor };
        match self.ready().await?.call(&operation).await? {
            Reply::Openings { openings, cursor } => Ok((openings, onward(from.as_deref(), cursor)?)),
            _ => Err(unexpected()),
        }
    }
}
