//! How a request is refused before its operations are looked at, and what status goes with which code.

use std::borrow::Cow;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use regrant_protocol::operations::Refusal;
use regrant_relay::OTHER_OPERATIONS;
use serde_json::json;

use crate::relay::Failure;
use crate::storage::StorageError;

/// Why a request is refused.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    message: String,
    logins: Vec<String>,
    /// After so many seconds it may be tried again.
    retry_after: Option<u64>,
}

impl Problem {
    /// With the status that its code has.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        let (status, message) = (status_of(code), message.into());
        Self { status, code: code.into(), message, logins: Vec::new(), retry_after: None }
    }

    /// With another status.
    pub(crate) fn with(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, ..Self::new(code, message) }
    }

    /// What the rules refused.
    pub(crate) fn refused(status: StatusCode, refusal: Refusal) -> Self {
        let Refusal { refused, message, logins, .. } = refusal;
        Self { status, code: refused.into(), message, logins, retry_after: None }
    }

    pub(crate) fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// An application that this relay does not know.
    pub(crate) fn unknown_application() -> Self {
        Self::new("ERR_NOT_FOUND", "this relay has no such application: `regrant-server tenant add` adds one")
    }

    /// A session that ended.
    pub(crate) fn no_session() -> Self {
        Self::new("ERR_UNAUTHENTICATED", "log in to the relay first")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({ "refused": self.code, "message": self.message });
        if !self.logins.is_empty() {
            body["logins"] = self.logins.into();
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self::new("ERR_BAD_INPUT", "the application's name in this address is not of UTF-8")
    }
}

impl From<QueryRejection> for Problem {
    fn from(_: QueryRejection) -> Self {
        Self::new("ERR_BAD_INPUT", "after and wait are numbers")
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        tracing::error!(%error, "the database failed");
        match error {
            StorageError::Full => Self::new("ERR_QUOTA", "the relay's database is full"),
            StorageError::Nonsense => Self::new("ERR_STORE_UNREADABLE", "the relay's database cannot be read"),
            _ => Self::new("ERR_RELAY_UNAVAILABLE", "the relay's database does not answer").after(1),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(code, message) => Self::new(code, message),
            Failure::Storage(error) => error.into(),
            Failure::Stopped => {
                let message = "the relay stopped in the middle of a call, which is a bug";
                Self::with(StatusCode::INTERNAL_SERVER_ERROR, "ERR_RELAY_UNAVAILABLE", message)
            }
        }
    }
}

/// The status of an answer in which everything was refused, and this first.
pub(crate) fn status_of_refusal(refusal: &Refusal) -> StatusCode {
    if refusal.message == OTHER_OPERATIONS {
        return StatusCode::UNPROCESSABLE_ENTITY;
    }
    status_of(&refusal.refused)
}

fn status_of(code: &str) -> StatusCode {
    match code {
        "ERR_UNAUTHENTICATED" | "ERR_TOKEN_EXPIRED" => StatusCode::UNAUTHORIZED,
        "ERR_FORBIDDEN"
        | "ERR_NO_ACCESS"
        | "ERR_WRONG_SECRET"
        | "ERR_UNKNOWN_KEY"
        | "ERR_LOCKED"
        | "ERR_VERIFICATION_FAILED" => StatusCode::FORBIDDEN,
        "ERR_NOT_FOUND" | "ERR_IDENTITY_NOT_FOUND" => StatusCode::NOT_FOUND,
        "ERR_CONFLICT" | "ERR_IDENTITY_EXISTS" => StatusCode::CONFLICT,
        "ERR_BAD_INPUT" | "ERR_UNSUPPORTED_VERSION" => StatusCode::BAD_REQUEST,
        "ERR_TOO_LARGE" => StatusCode::PAYLOAD_TOO_LARGE,
        "ERR_RATE_LIMITED" => StatusCode::TOO_MANY_REQUESTS,
        "ERR_QUOTA" => StatusCode::INSUFFICIENT_STORAGE,
        "ERR_STORE_UNREADABLE" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}
