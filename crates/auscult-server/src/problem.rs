//! Errors as callers see them (RFC 9457): what failed, where, and what to do next.
//!
//! A handler returns a [`Problem`]; the outermost layer writes it as JSON to programs and as a page
//! to people. The cause inside the server is logged and not told.

use auscult_store::Error as StoreError;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::EngineError;

/// The result of a handler.
pub(crate) type Answer<T> = Result<T, Problem>;

/// Why a request was not done.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// What went wrong, for the person who sent the request.
    pub(crate) detail: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// Seconds after which another try makes sense.
    pub(crate) retry_after: Option<u64>,
}

/// The body of an error, `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// The status in words.
    pub(crate) title: String,
    /// The status.
    pub(crate) status: u16,
    /// What went wrong.
    pub(crate) detail: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// The path of the request.
    pub(crate) instance: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), hint: None, retry_after: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}, or it is not yours"))
    }

    /// A failure inside; its cause goes to the log.
    pub(crate) fn internal(doing: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(doing, cause = %cause, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{doing}: it failed inside"))
            .hint("look into the log of the server")
    }

    pub(crate) fn body(&self, instance: &str) -> ProblemBody {
        ProblemBody {
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            hint: self.hint.clone(),
            instance: instance.to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"auscult\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        const BUSY_SECONDS: u64 = 2;
        match &error {
            StoreError::NotFound { what, .. } => Self::not_found(what),
            StoreError::Exists { .. } | StoreError::Changed { .. } | StoreError::UploadSwept => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            StoreError::Invalid { .. } => Self::invalid(error.to_string()),
            StoreError::Unavailable { source, .. } => {
                tracing::warn!(error = %error, cause = %source, "the database is away");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).after(BUSY_SECONDS)
            }
            StoreError::DiskFull { .. } => {
                tracing::error!(error = %error, "the disk is full");
                Self::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string())
            }
            _ => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(error = %error, cause, "the store failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
                    .hint("run `auscult doctor`, and look into the log of the server")
            }
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let status = if error.is_passing {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        Self { hint: error.hint, ..Self::new(status, error.message) }
    }
}
