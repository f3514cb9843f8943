//! What is written down of a request: a number, the route, the status and the time. No login, token, address or body.

use std::sync::OnceLock;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The upper bounds of what is counted together, in seconds.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The metrics of this process. Errors: something else counts in it.
pub(crate) fn metrics() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || PrometheusBuilder::new().set_buckets(SECONDS).ok()?.install_recorder().ok();
    HANDLE.get_or_init(install).as_ref()
}

/// Writes down how a request went, and gives it the number that the log has.
pub(crate) async fn observed(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let mut random = [0; 8];
    let _ = getrandom::fill(&mut random);
    let id = hex::encode(random);
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let mut response = next.run(request).await;
    let (status, seconds) = (response.status().as_u16(), begun.elapsed().as_secs_f64());
    metrics::counter!("regrant_requests_total", "route" => route.clone(), "status" => status.to_string()).increment(1);
    metrics::histogram!("regrant_request_seconds", "route" => route.clone()).record(seconds);
    let milliseconds = seconds * 1000.0;
    tracing::info!(id, %method, route, status, milliseconds, "request");
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
