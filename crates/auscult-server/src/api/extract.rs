//! What handlers take from a request; whatever does not fit is a [`Problem`].

use auscult_store::{Cursor, PageRequest};
use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{StatusCode, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::problem::{Answer, Problem};

/// Entries of a page where nothing else is asked for.
const LIMIT: u32 = 50;
/// Entries of a page, at most.
const LIMIT_MAX: u32 = 1_000;

/// Which part of a list is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// Entries of the page, 1 to 1000; 50 where nothing is said.
    pub(crate) limit: Option<u32>,
}

impl Paging {
    pub(crate) fn limit(&self) -> Answer<u32> {
        match self.limit.unwrap_or(LIMIT) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            limit => Err(Problem::invalid(format!("limit={limit} is not 1 to {LIMIT_MAX}"))),
        }
    }

    /// As the store takes it.
    pub(crate) fn request(&self) -> Answer<PageRequest> {
        Ok(page_request(self.after.as_deref(), self.limit()?))
    }
}

/// A request to the store for a page; an empty cursor, as forms send it, is none.
pub(crate) fn page_request(after: Option<&str>, limit: u32) -> PageRequest {
    let after = after.filter(|after| !after.is_empty()).map(Cursor::from_text);
    PageRequest { after, limit }
}

/// The body as JSON.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let read = Json::<T>::from_request(request, state).await;
        read.map(|Json(value)| Self(value)).map_err(|rejection| {
            Problem::new(rejection.status(), rejection.body_text())
                .hint("the form of the body is described at /api/v1/openapi.json")
        })
    }
}

/// The parameters behind `?`.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let refused = |rejection: axum::extract::rejection::QueryRejection| {
            Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())
        };
        query.map(|Query(value)| Self(value)).map_err(refused)
    }
}

/// An id in the path. One that cannot be an id names nothing, so it is not found.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: std::str::FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let missing = || Problem::not_found("thing");
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| missing())?;
        text.parse().map(Self).map_err(|_| missing())
    }
}
