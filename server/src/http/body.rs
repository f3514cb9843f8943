//! Bodies of requests: of the right kind, not too long, and not too slow.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::problem::Problem;

/// How long a body may take between two pieces, and as a whole.
const BETWEEN: Duration = Duration::from_secs(30);
const WHOLE: Duration = Duration::from_secs(300);
/// What is too long is passed over to its end, up to here: many clients do not hear an answer while they send.
const PASSED_OVER: usize = 64 << 20;

/// Errors: 415 unless the body is said to be of this kind.
pub(crate) fn require(headers: &HeaderMap, kind: &str) -> Result<(), Problem> {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if said.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(kind) {
        return Ok(());
    }
    let message = format!("the content type of this request is {kind}");
    Err(Problem::with(StatusCode::UNSUPPORTED_MEDIA_TYPE, "ERR_BAD_INPUT", message))
}

/// The whole body. Errors: 413 if it is longer than `most`, 408 if it does not come.
pub(crate) async fn read(headers: &HeaderMap, mut body: Body, most: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new("ERR_TOO_LARGE", format!("too long for one request: at most {most} bytes"));
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|length| length > PASSED_OVER) {
        return Err(too_large());
    }
    let slow = || {
        let message = "the request did not arrive in time";
        Problem::with(StatusCode::REQUEST_TIMEOUT, "ERR_RELAY_UNAVAILABLE", message)
    };
    let end = Instant::now() + WHOLE;
    let (mut read, mut length) = (BytesMut::new(), 0);
    loop {
        let until = end.min(Instant::now() + BETWEEN);
        let Some(frame) = timeout_at(until, body.frame()).await.map_err(|_| slow())? else { break };
        let broken = |_| Problem::new("ERR_BAD_INPUT", "the request broke off");
        let Ok(piece) = frame.map_err(broken)?.into_data() else { continue };
        length += piece.len();
        match length {
            length if length <= most => read.extend_from_slice(&piece),
            length if length <= PASSED_OVER => read = BytesMut::new(),
            _ => return Err(too_large()),
        }
    }
    if length > most { Err(too_large()) } else { Ok(read.freeze()) }
}
