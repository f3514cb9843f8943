//! `POST …/call`: operations in, answers out.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use regrant_relay::{Options, User};

use super::problem::{Problem, status_of_refusal};
use super::{App, body};
use crate::relay::{Operations, Request, now};
use crate::storage::Tenant;
use crate::user_tokens::{self, Refused};

/// The longest request.
const MOST: usize = 8 << 20;

pub(super) async fn call(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path(application) = path?;
    body::require(&headers, "application/json")?;
    let tenant = app.tenant(&application).await?;
    let options = Options {
        settings: tenant.settings.clone(),
        idempotency_key: text(&headers, "idempotency-key")?.map(str::to_owned),
        user: user(&app, &tenant, &headers)?,
        ..Options::new(app.relay_id(&headers), now())
    };
    let token = token(&headers)?;
    let operations = Operations::Json(body::read(&headers, body, MOST).await?);
    let answered = app.relay.call(Request { tenant: tenant.id, token, operations, options }).await?;
    let status = answered.refused.as_ref().map_or(StatusCode::OK, status_of_refusal);
    let no_store = (header::CACHE_CONTROL, "no-store");
    Ok((status, [(header::CONTENT_TYPE, "application/json"), no_store], answered.body).into_response())
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let wrong = |_| Problem::new("ERR_BAD_INPUT", format!("the header {name} is not of ASCII"));
    value.to_str().map(Some).map_err(wrong)
}

/// The session token that came along.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = text(headers, "authorization")? else { return Ok(None) };
    let bearer = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let wrong = || Problem::new("ERR_UNAUTHENTICATED", "the header Authorization is `Bearer` and a session token");
    bearer.map(|(_, token)| Some(token.trim().to_owned())).ok_or_else(wrong)
}

/// Whose user token came along. It is not looked at where the application has no keys.
fn user(app: &App, tenant: &Tenant, headers: &HeaderMap) -> Result<Option<User>, Problem> {
    let Some(token) = text(headers, "regrant-user-token")?.filter(|_| !tenant.keys.is_empty()) else { return Ok(None) };
    let user = user_tokens::verify(token, tenant, &app.public_url(headers), now() / 1000);
    user.map(Some).map_err(|refused| match refused {
        Refused::Expired => Problem::new("ERR_TOKEN_EXPIRED", "the user token has expired: ask for another"),
        Refused::Bad(why) => Problem::new("ERR_UNAUTHENTICATED", format!("the user token is refused: {why}")),
    })
}
