//! `GET …/changes`: tells a session that something changed for its login, in a stream of events or, where something on the
//! way holds that back, in one answer that waits.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use regrant_relay::Options;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::problem::{Problem, status_of_refusal};
use super::{App, call};
use crate::hub::Subscription;
use crate::relay::{Operations, Request, now};
use crate::storage::Tenant;

/// How often something is written, so that whoever is between knows that the connection lives.
const COMMENT: Duration = Duration::from_secs(15);
/// The longest that an answer waits, in seconds.
const LONGEST_WAIT: u64 = 55;
const NO_STORE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store, no-transform");

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait: u64,
}

pub(super) async fn changes(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (Path(application), Query(wanted)) = (path?, query?);
    let tenant = app.tenant(&application).await?;
    let token = call::token(&headers)?.ok_or_else(Problem::no_session)?;
    let session = app.relay.database().session(tenant.id, &token, now()).await?;
    let (login, expires) = session.ok_or_else(Problem::no_session)?;
    // Before it is looked: nothing that happens from now on is missed.
    let subscription = app.hub.subscribe(tenant.id, &login);
    let options = Options::new(app.relay_id(&headers), 0);
    let watch = Watch { app, tenant, token, login, options, subscription, ends: deadline(expires), told: None };
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match accepts.contains("text/event-stream") {
        true => watch.stream().await,
        false => watch.wait(wanted).await,
    }
}

/// When a time of the clock comes, in Unix milliseconds.
fn deadline(expires: u64) -> Instant {
    Instant::now() + Duration::from_millis(expires.saturating_sub(now()))
}

/// A session that waits.
struct Watch {
    app: App,
    tenant: std::sync::Arc<Tenant>,
    token: String,
    login: String,
    options: Options,
    subscription: Subscription,
    /// When its session ends.
    ends: Instant,
    /// What was told last.
    told: Option<u64>,
}

impl Watch {
    /// How far the log goes, as far as this session may know.
    async fn head(&self) -> Result<u64, Problem> {
        let options = Options { now: now(), ..self.options.clone() };
        let (tenant, token) = (self.tenant.id, Some(self.token.clone()));
        let answered = self.app.relay.call(Request { tenant, token, operations: Operations::Head, options }).await?;
        match answered.refused {
            Some(refusal) => Err(Problem::refused(status_of_refusal(&refusal), refusal)),
            None => Ok(answered.head.unwrap_or_default()),
        }
    }

    fn said(&self, head: u64) -> String {
        json!({ "login": self.login, "head": head }).to_string()
    }

    async fn stream(mut self) -> Result<Response, Problem> {
        let head = self.head().await?;
        self.told = Some(head);
        let open = Event::default().event("open").data(self.said(head));
        let events = stream::once(async { Ok(open) });
        let response = Sse::new(futures_util::StreamExt::chain(events, self.events()));
        Ok(([NO_STORE, (HeaderName::from_static("x-accel-buffering"), "no")], response).into_response())
    }

    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut watch| async { watch.next().await.map(|event| (Ok(event), watch)) })
    }

    /// The next event; `None` when the session or the server ends.
    async fn next(&mut self) -> Option<Event> {
        let comment = Instant::now() + COMMENT;
        loop {
            tokio::select! {
                () = self.app.stopping.cancelled() => return None,
                () = sleep_until(self.ends) => return None,
                () = sleep_until(comment) => return Some(Event::default().comment("")),
                changed = self.subscription.changed() => {
                    if !changed && !self.has_entries_after(self.told.unwrap_or_default()).await.ok()? {
                        continue;
                    }
                    // A session that may know no more is told nothing.
                    let head = self.head().await.ok()?;
                    if self.told < Some(head) {
                        self.told = Some(head);
                        return Some(Event::default().event("change").data(self.said(head)));
                    }
                }
            }
        }
    }

    async fn wait(mut self, Wanted { after, wait }: Wanted) -> Result<Response, Problem> {
        let head = self.head().await?;
        let until = self.ends.min(Instant::now() + Duration::from_secs(wait.min(LONGEST_WAIT)));
        let is_news = head < after || after == 0 || self.has_entries_after(after).await?;
        let head = match is_news {
            true => head,
            false if self.is_woken(after, until).await? => self.head().await?,
            // What others' logs got meanwhile is no news.
            false => after,
        };
        let body = self.said(head);
        Ok(([NO_STORE, (header::CONTENT_TYPE, "application/json")], body).into_response())
    }

    /// Waits for news after a number; gives whether there are some.
    async fn is_woken(&mut self, after: u64, until: Instant) -> Result<bool, Problem> {
        let stopping = self.app.stopping.clone();
        loop {
            let changed = tokio::select! {
                changed = timeout_at(until, self.subscription.changed()) => changed,
                () = stopping.cancelled() => return Ok(false),
            };
            match changed {
                Err(_) => return Ok(false),
                Ok(true) => return Ok(true),
                Ok(false) if self.has_entries_after(after).await? => return Ok(true),
                Ok(false) => {}
            }
        }
    }

    async fn has_entries_after(&self, after: u64) -> Result<bool, Problem> {
        let logins = std::slice::from_ref(&self.login);
        Ok(self.app.relay.database().have_entries_after(self.tenant.id, logins, after).await?.contains(&true))
    }
}
