//! The exports of identities, the sharing graph, items that are put away, and requests for access.

use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Uint8Array};
use serde::Deserialize;
use serde_json::value::RawValue;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::convert::{Progress, ShownKey, Thrown, id, ids, options, secret, throw, time, to_js};
use super::session::{CoreSession, object};
use crate::client::{Asked, Asking, Identity, Session};
use crate::error::{Code, Error, Result};
use crate::graph::{ListChange, Policy, Question, Warning};
use crate::wire::access::{AccessRequest, AccessStatus};
use crate::wire::statement::Profile;

/// A request for access that this session made.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CoreAsking {
    inner: Asking,
    session: Rc<Session>,
}

#[wasm_bindgen]
impl CoreAsking {
    /// What was asked.
    pub fn about(&self) -> JsValue {
        shown_request(&self.inner.request, AccessStatus::Pending, true)
    }

    /// The answer, once it is there. Errors: `ERR_FORBIDDEN` if it was refused, `ERR_NOT_FOUND` if it is gone.
    pub async fn take(&self) -> Result<Option<Object>, Thrown> {
        let Some(answered) = self.session.take_answer(&self.inner).await.map_err(throw)? else { return Ok(None) };
        let author =
            object(&[("login", self.inner.request.login.as_str().into()), ("verified", answered.verified.into())]);
        let answer = Uint8Array::from(answered.answer.expose());
        Ok(Some(object(&[("answer", answer.into()), ("author", author)]).unchecked_into()))
    }
}

fn shown_request(request: &AccessRequest, status: AccessStatus, verified: bool) -> JsValue {
    let status = match status {
        AccessStatus::Pending => "pending",
        AccessStatus::Resolved => "resolved",
        AccessStatus::Refused => "refused",
        AccessStatus::Fetched => "fetched",
    };
    object(&[
        ("id", request.id.to_string().into()),
        ("login", request.login.as_str().into()),
        ("application", request.application.login.as_str().into()),
        ("origin", request.origin.as_str().into()),
        ("scope", request.scope.as_deref().map_or(JsValue::UNDEFINED, Into::into)),
        ("created", (request.created as f64).into()),
        ("expires", (request.expires as f64).into()),
        ("status", status.into()),
        ("verified", verified.into()),
    ])
}

fn shown_asked(asked: &Asked) -> JsValue {
    shown_request(&asked.request, asked.status, asked.verified)
}

fn shown_identity(identity: &Identity) -> JsValue {
    let text = |text: &Option<String>| text.as_deref().map_or(JsValue::UNDEFINED, Into::into);
    object(&[
        ("login", identity.login.as_str().into()),
        ("kind", identity.kind.as_str().into()),
        ("name", text(&identity.name)),
        ("payloadJson", identity.payload.as_ref().map_or(JsValue::UNDEFINED, |p| p.get().into())),
        ("version", (identity.version as f64).into()),
        ("created", (identity.created as f64).into()),
        ("trust", identity.state.map_or(JsValue::UNDEFINED, |state| state.as_str().into())),
    ])
}

/// A profile, or a change to one: what is absent stays, what is `null` goes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileObject {
    name: Option<String>,
    kind: Option<String>,
    payload_json: Option<String>,
    #[serde(default)]
    unset: Vec<String>,
}

fn payload(json: Option<String>) -> Result<Option<Box<RawValue>>> {
    let raw = json.map(RawValue::from_string).transpose();
    raw.map_err(|_| Error::bad_input("payload is a plain JSON object"))
}

fn page(limit: Option<f64>) -> u64 {
    limit.map_or(100, |limit| limit.clamp(1.0, 256.0) as u64)
}

fn paged(items: Array, cursor: Option<String>) -> JsValue {
    let cursor = cursor.map_or(JsValue::UNDEFINED, |cursor| cursor.into());
    object(&[("items", items.into()), ("cursor", cursor)])
}

/// A policy that asks a function of the page's, which gives a promise of `true` or `false`.
pub(super) fn policy(decide: Function) -> Policy {
    Policy::new(move |question| {
        let asked = decide.call1(&JsValue::UNDEFINED, &shown_question(&question));
        Box::pin(async move {
            let failed = |_| Error::new(Code::IdentityChanged, "the application's trust policy failed");
            let answer = JsFuture::from(Promise::resolve(&asked.map_err(failed)?)).await.map_err(failed)?;
            Ok(answer.as_bool() == Some(true))
        })
    })
}

fn shown_question(question: &Question) -> JsValue {
    let keys: Array = question.offer.iter().filter_map(|keyset| to_js(&ShownKey::from(keyset)).ok()).collect();
    let pinned = question.relied.map_or(JsValue::UNDEFINED, |relied| {
        object(&[
            ("version", (relied.version as f64).into()),
            ("fingerprint", relied.fingerprint.hex().into()),
            ("verified", relied.verified.into()),
        ])
    });
    object(&[
        ("login", question.login.as_str().into()),
        ("offered", keys.get(keys.length().saturating_sub(1))),
        ("history", keys.into()),
        ("pinned", pinned),
        ("chained", question.chained.into()),
        ("state", question.state.as_str().into()),
    ])
}

fn shown_warnings(all: &[Warning]) -> Array {
    let shown = all.iter().map(|warning| {
        let logins: Array = warning.logins.iter().map(|login| JsValue::from_str(login)).collect();
        let (kind, message) = (warning.kind.as_str(), warning.kind.message());
        object(&[("kind", kind.into()), ("logins", logins.into()), ("message", message.into())])
    });
    shown.collect()
}

#[wasm_bindgen]
impl CoreSession {
    /// A session that acts for an identity that a way leads to.
    #[wasm_bindgen(js_name = actFor)]
    pub async fn act_for(&self, login: String) -> Result<CoreSession, Thrown> {
        self.inner.act_for(&login).await.map(Self::new).map_err(throw)
    }

    /// What became of others' keys since this was asked last.
    #[wasm_bindgen(js_name = trustNews)]
    pub fn trust_news(&self) -> Array {
        let news = self.inner.trust_news();
        news.iter().map(|n| object(&[("login", n.login.as_str().into()), ("state", n.state.as_str().into())])).collect()
    }

    /// What there is to warn of now.
    pub fn warnings(&self) -> Array {
        shown_warnings(&self.inner.warnings())
    }

    /// What there is to warn of that was not there when this was asked last.
    #[wasm_bindgen(js_name = newWarnings)]
    pub fn new_warnings(&self) -> Array {
        shown_warnings(&self.inner.new_warnings())
    }

    // ---- identities ----

    /// One identity.
    pub async fn identity(&self, login: String) -> Result<JsValue, Thrown> {
        self.inner.identity(&login).await.map(|identity| shown_identity(&identity)).map_err(throw)
    }

    /// Identities whose login or name contains a text.
    #[wasm_bindgen(js_name = findIdentities)]
    pub async fn find_identities(
        &self,
        search: String,
        kind: Option<String>,
        limit: Option<f64>,
        cursor: Option<String>,
    ) -> Result<JsValue, Thrown> {
        let found = self.inner.find_identities(&search, kind.as_deref(), page(limit), cursor).await.map_err(throw)?;
        Ok(paged(found.items.iter().map(shown_identity).collect(), found.cursor))
    }

    /// Creates an identity.
    #[wasm_bindgen(js_name = createIdentity)]
    pub async fn create_identity(
        &self,
        login: String,
        profile: JsValue,
        sharing_group: Vec<String>,
        managers: Option<Vec<String>>,
        with: JsValue,
    ) -> Result<(), Thrown> {
        let given: ProfileObject = options(profile).map_err(throw)?;
        let payload = payload(given.payload_json).map_err(throw)?;
        let profile = Profile { name: given.name, kind: given.kind.unwrap_or(Profile::default().kind), payload };
        let secret = if with.is_undefined() { None } else { Some(secret(with).map_err(throw)?) };
        let managers = managers.as_deref();
        let made = self.inner.create_identity(&login, &profile, &sharing_group, managers, secret.as_ref()).await;
        made.map_err(throw)
    }

    /// Changes what an identity says of itself.
    #[wasm_bindgen(js_name = updateIdentity)]
    pub async fn update_identity(&self, login: String, profile: JsValue) -> Result<(), Thrown> {
        let given: ProfileObject = options(profile).map_err(throw)?;
        let gone = |name: &str| given.unset.iter().any(|unset| unset == name);
        let name = if gone("name") { Some(None) } else { given.name.clone().map(Some) };
        let payload = match payload(given.payload_json.clone()).map_err(throw)? {
            _ if gone("payload") => Some(None),
            payload => payload.map(Some),
        };
        self.inner.update_identity(&login, name, given.kind.clone(), payload).await.map_err(throw)
    }

    /// Removes an identity.
    #[wasm_bindgen(js_name = removeIdentity)]
    pub async fn remove_identity(&self, login: String) -> Result<(), Thrown> {
        self.inner.remove_identity(&login).await.map_err(throw)
    }

    /// With whom an identity is shared.
    #[wasm_bindgen(js_name = sharingGroup)]
    pub async fn sharing_group(&self, login: String) -> Result<JsValue, Thrown> {
        let group = self.inner.sharing_group(&login).await.map_err(throw)?;
        let link = |login: &String| {
            object(&[("login", login.as_str().into()), ("locked", group.locked.contains(login).into())])
        };
        Ok(group.holders.iter().map(link).collect::<Array>().into())
    }

    /// The identities that are shared with a login.
    #[wasm_bindgen(js_name = accessGroup)]
    pub async fn access_group(&self, login: String) -> Result<JsValue, Thrown> {
        to_js(&self.inner.access_group(&login).await.map_err(throw)?)
    }

    /// Adds sharers.
    #[wasm_bindgen(js_name = extendSharingGroup)]
    pub async fn extend_sharing_group(
        &self,
        login: String,
        logins: Vec<String>,
        progress: Option<Function>,
    ) -> Result<(), Thrown> {
        let progress = Progress::new(progress);
        let outcome = self.inner.extend_sharing_group(&login, &logins, &|done| progress.report(done)).await;
        progress.finish(outcome)
    }

    /// Sets the sharers.
    #[wasm_bindgen(js_name = replaceSharingGroup)]
    pub async fn replace_sharing_group(
        &self,
        login: String,
        logins: Vec<String>,
        expected: Option<Vec<String>>,
        progress: Option<Function>,
    ) -> Result<(), Thrown> {
        let progress = Progress::new(progress);
        let change = ListChange::To { logins: &logins, expected: expected.as_deref() };
        let outcome = self.inner.replace_sharing_group(&login, change, &|done| progress.report(done)).await;
        progress.finish(outcome)
    }

    /// Takes sharers away, whoever else there is.
    #[wasm_bindgen(js_name = removeFromSharingGroup)]
    pub async fn remove_from_sharing_group(
        &self,
        login: String,
        logins: Vec<String>,
        progress: Option<Function>,
    ) -> Result<(), Thrown> {
        let progress = Progress::new(progress);
        let change = ListChange::Without(&logins);
        let outcome = self.inner.replace_sharing_group(&login, change, &|done| progress.report(done)).await;
        progress.finish(outcome)
    }

    /// Renews keys: one's own, or those of an identity that one acts for.
    #[wasm_bindgen(js_name = renewKeys)]
    pub async fn renew_keys(
        &self,
        login: String,
        new_secret: JsValue,
        since: Option<f64>,
        progress: Option<Function>,
    ) -> Result<JsValue, Thrown> {
        let secret = if new_secret.is_undefined() { None } else { Some(secret(new_secret).map_err(throw)?) };
        let since = since.map(time).transpose().map_err(throw)?;
        let progress = Progress::new(progress);
        let report = |done| progress.report(done);
        let outcome = match since {
            Some(since) => self.inner.renew_stolen_keys_of(&login, since, secret.as_ref(), &report).await,
            None => self.inner.renew_keys_of(&login, secret.as_ref(), &report).await,
        };
        to_js(&progress.finish(outcome)?)
    }

    /// Begins somebody's keys anew: for the relay's administrator.
    #[wasm_bindgen(js_name = overwriteKeys)]
    pub async fn overwrite_keys(&self, login: String, with: JsValue) -> Result<(), Thrown> {
        let secret = secret(with).map_err(throw)?;
        self.inner.overwrite_keys(&login, &secret).await.map_err(throw)
    }

    /// The versions of an identity that cannot be opened here.
    #[wasm_bindgen(js_name = lockedVersions)]
    pub async fn locked_versions(&self, login: String) -> Result<JsValue, Thrown> {
        to_js(&self.inner.locked_versions(&login).await.map_err(throw)?)
    }

    /// Opens locked versions with a secret of theirs; gives their numbers.
    #[wasm_bindgen(js_name = unlockVersions)]
    pub async fn unlock_versions(&self, login: String, with: JsValue) -> Result<JsValue, Thrown> {
        let secret = secret(with).map_err(throw)?;
        to_js(&self.inner.unlock_versions(&login, &secret).await.map_err(throw)?)
    }

    // ---- named items, standing shares, removal, openings ----

    /// Puts an item under a name, or takes the name away.
    #[wasm_bindgen(js_name = setNamed)]
    pub async fn set_named(&self, login: String, name: String, item: Option<String>) -> Result<(), Thrown> {
        let item = item.as_deref().map(id).transpose().map_err(throw)?;
        self.inner.set_named(&login, &name, item).await.map_err(throw)
    }

    /// The item under a name.
    #[wasm_bindgen(js_name = getNamed)]
    pub async fn get_named(&self, login: String, name: String) -> Result<Option<String>, Thrown> {
        let item = self.inner.get_named(&login, &name).await.map_err(throw)?;
        Ok(item.map(|item| item.to_string()))
    }

    /// Shares all future data with some logins, or stops doing so.
    #[wasm_bindgen(js_name = changeShares)]
    pub async fn change_shares(&self, logins: Vec<String>, starts: bool) -> Result<(), Thrown> {
        self.inner.change_shares(&logins, starts).await.map_err(throw)
    }

    /// With whom all future data is shared.
    pub async fn shares(&self) -> Result<Vec<String>, Thrown> {
        self.inner.standing_shares().await.map_err(throw)
    }

    /// Puts items away, or deletes them for everybody.
    #[wasm_bindgen(js_name = removeItems)]
    pub async fn remove_items(&self, items: Vec<String>, hard: bool) -> Result<(), Thrown> {
        let items = ids(Some(items)).map_err(throw)?.unwrap_or_default();
        self.inner.remove_items(&items, hard).await.map_err(throw)
    }

    /// Who opened what.
    pub async fn openings(
        &self,
        item: Option<String>,
        login: Option<String>,
        reason: Option<String>,
        limit: Option<f64>,
        cursor: Option<String>,
    ) -> Result<JsValue, Thrown> {
        let item = item.as_deref().map(id).transpose().map_err(throw)?;
        let (all, cursor) = self.inner.openings(item, login, reason, page(limit), cursor).await.map_err(throw)?;
        let mut items = Vec::with_capacity(all.len());
        for opening in &all {
            items.push(to_js(opening)?);
        }
        Ok(paged(items.into_iter().collect(), cursor))
    }

    // ---- requests for access ----

    /// Asks a login for access.
    #[wasm_bindgen(js_name = requestAccess)]
    pub async fn request_access(
        &self,
        login: String,
        application: String,
        origin: String,
        scope: Option<String>,
        expires: Option<f64>,
    ) -> Result<CoreAsking, Thrown> {
        let expires = expires.map(time).transpose().map_err(throw)?;
        let asking = self.inner.request_access(&login, &application, &origin, scope, expires).await.map_err(throw)?;
        Ok(CoreAsking { inner: asking, session: self.inner.clone() })
    }

    /// One request to or by an identity.
    #[wasm_bindgen(js_name = accessRequest)]
    pub async fn access_request(&self, login: String, request: String) -> Result<JsValue, Thrown> {
        let request = id(&request).map_err(throw)?;
        self.inner.access_request(&login, request).await.map(|asked| shown_asked(&asked)).map_err(throw)
    }

    /// Requests to or by an identity, newest first.
    #[wasm_bindgen(js_name = accessRequests)]
    pub async fn access_requests(
        &self,
        login: String,
        limit: Option<f64>,
        cursor: Option<String>,
    ) -> Result<JsValue, Thrown> {
        let (all, cursor) = self.inner.access_requests(&login, page(limit), cursor).await.map_err(throw)?;
        Ok(paged(all.iter().map(shown_asked).collect(), cursor))
    }

    /// Answers a request, or refuses it.
    #[wasm_bindgen(js_name = resolveAccess)]
    pub async fn resolve_access(
        &self,
        login: String,
        request: String,
        answer: Option<Vec<u8>>,
        code: Option<String>,
    ) -> Result<(), Thrown> {
        let request = id(&request).map_err(throw)?;
        let answer = answer.map(zeroize::Zeroizing::new);
        let answer = answer.as_ref().map(|answer| answer.as_slice());
        self.inner.resolve_access(&login, request, answer, code.as_deref()).await.map_err(throw)
    }
}
