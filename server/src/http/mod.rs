//! The relay over HTTP, as `docs/http.md` says.

mod body;
mod call;
mod changes;
pub(crate) mod limit;
mod observe;
mod parts;
mod problem;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::hub::Hub;
use crate::relay::Relay;
use crate::storage::Tenant;
use crate::tenants::Tenants;
use limit::Limit;
use problem::Problem;

/// Which pages may use a relay.
#[derive(Clone, Debug)]
pub enum Origins {
    /// Those of these origins.
    These(Vec<axum::http::HeaderValue>),
    /// All.
    All,
}

/// How a relay is called.
#[derive(Clone, Debug)]
pub struct Names {
    /// Where clients reach it.
    pub public_url: String,
    /// What login challenges are bound to.
    pub relay_id: String,
    /// Whether clients on this machine may call it as they like: by another name of this machine.
    pub by_host: bool,
}

/// What all requests share.
#[derive(Clone, Debug)]
pub struct App(Arc<Shared>);

/// What all requests share.
#[derive(Debug)]
pub struct Shared {
    /// The rules and the database.
    pub relay: Relay,
    /// Who waits for changes.
    pub hub: Hub,
    /// The applications.
    pub tenants: Tenants,
    /// How it is called.
    pub names: Names,
    /// Cancelled when the server stops.
    pub stopping: CancellationToken,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// What all requests share.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    async fn tenant(&self, application: &str) -> Result<Arc<Tenant>, Problem> {
        let tenant = self.tenants.get(self.relay.database(), application).await?;
        tenant.ok_or_else(Problem::unknown_application)
    }

    fn relay_id(&self, headers: &HeaderMap) -> String {
        self.as_called(headers).unwrap_or_else(|| self.names.relay_id.clone())
    }

    fn public_url(&self, headers: &HeaderMap) -> String {
        self.as_called(headers).unwrap_or_else(|| self.names.public_url.clone())
    }

    /// As a client on this machine calls it.
    fn as_called(&self, headers: &HeaderMap) -> Option<String> {
        let host = headers.get(header::HOST).filter(|_| self.names.by_host)?.to_str().ok()?;
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        ["localhost", "127.0.0.1", "[::1]"].contains(&name).then(|| format!("http://{host}"))
    }
}

/// Requests to addresses.
pub(crate) fn router(app: App, origins: &Origins, limit: Limit) -> Router {
    let prefix = prefix(&app.names.public_url);
    let limited = axum::middleware::from_fn_with_state(limit, limit::limited);
    let operations = Router::new()
        .route("/v1/{application}/call", post(call::call))
        .route("/v1/{application}/parts/{item}/put", post(parts::put))
        .route("/v1/{application}/parts/{item}/get", post(parts::get))
        .route("/v1/{application}/changes", get(changes::changes))
        .layer(limited);
    let all = operations
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics));
    // A proxy may take the prefix away, or leave it.
    let all = if prefix.is_empty() { all } else { Router::new().nest(&prefix, all.clone()).merge(all) };
    all.fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(|_| Problem::from(crate::relay::Failure::Stopped).into_response()))
        .layer(CompressionLayer::new())
        .layer(axum::middleware::from_fn(observe::observed))
        .layer(cors(origins))
        .with_state(app)
}

/// The path of an address, without a slash at its end.
fn prefix(public_url: &str) -> String {
    let after_scheme = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
    let path = after_scheme.find('/').map_or("", |at| &after_scheme[at..]);
    path.trim_end_matches('/').to_owned()
}

fn cors(origins: &Origins) -> CorsLayer {
    let origins = match origins {
        Origins::All => AllowOrigin::any(),
        Origins::These(these) => AllowOrigin::list(these.iter().cloned()),
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("regrant-user-token"),
        ])
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static("x-request-id")])
        .max_age(Duration::from_secs(86_400))
}

async fn ready(State(app): State<App>) -> Response {
    match app.relay.database().is_there().await {
        true if !app.stopping.is_cancelled() => "ready\n".into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

async fn metrics(State(app): State<App>) -> Response {
    metrics::gauge!("regrant_subscribers").set(app.hub.count() as f64);
    observe::metrics().map_or_else(String::new, |metrics| metrics.render()).into_response()
}

async fn nowhere() -> Problem {
    Problem::new("ERR_NOT_FOUND", "there is nothing at this address: a relay's are /v1/APPLICATION/…")
}

async fn wrong_method() -> Problem {
    Problem::with(StatusCode::METHOD_NOT_ALLOWED, "ERR_BAD_INPUT", "this address takes another method")
}

/// Begins to count.
pub(crate) fn begin_metrics() {
    observe::metrics();
}

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn a_prefix_is_the_path_of_an_address() {
        assert_eq!(prefix("https://relay.example"), "");
        assert_eq!(prefix("https://relay.example/"), "");
        assert_eq!(prefix("https://relay.example:1/a/relay/"), "/a/relay");
    }
}
