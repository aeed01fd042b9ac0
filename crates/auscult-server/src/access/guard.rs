//! The gate that every request passes: who it is, whether it may, and how a refusal looks.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use tokio::time::timeout;

use super::{Access, Endpoint, Identity, identity::By, origin, table};
use crate::{
    pages,
    problem::{Answer, Problem},
    state::App,
};

/// What pages may do: nothing but to be shown, with our own style, and to send forms to us.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
                              form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Bytes of a request that is no upload.
const BODY_BYTES_MAX: usize = 1 << 20;
/// How long the body of such a request may take.
const BODY_MAX: Duration = Duration::from_secs(30);

/// Lets a request through to its handler, or answers in its place.
pub(crate) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let admitted = match admit(&app, &mut request).await {
        Ok(endpoint) if endpoint.is_upload => Ok(request),
        Ok(_) => with_small_body(request).await,
        Err(problem) => {
            drain(request.into_body()).await;
            Err(problem)
        }
    };
    let response = match admitted {
        Ok(request) => next.run(request).await,
        Err(problem) => {
            let is_page = !path.starts_with("/api/");
            if problem.status == StatusCode::UNAUTHORIZED && is_page {
                let target = if is_read { format!("{path}{query}") } else { "/".to_owned() };
                let target = pages::to_sign_in(&target);
                return secure(Redirect::to(&target).into_response(), &path);
            }
            problem.into_response()
        }
    };
    finish(response, &path)
}

/// Gives an answer its final form.
pub(crate) fn finish(response: Response, path: &str) -> Response {
    secure(shown(response, path), path)
}

/// Finds who it is and whether he may.
async fn admit(app: &App, request: &mut Request) -> Answer<&'static Endpoint> {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let endpoint = matched.and_then(|path| table::find(request.method().as_str(), path));
    let endpoint = endpoint.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address")
            .hint("the API is described at /api/v1/openapi.json")
    })?;
    let identity = Identity::of(request.headers(), &app.store, Timestamp::now()).await;
    let identity = match (identity, endpoint.access) {
        // A stale cookie or key must not keep anybody from signing in.
        (Err(_), Access::Public) => None,
        (identity, _) => identity?,
    };
    let by_cookie = identity.as_ref().is_none_or(|one| matches!(one.by, By::Session(_)));
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && by_cookie && (identity.is_some() || endpoint.access == Access::Public) {
        check_origin(request)?;
    }
    if let Access::Needs(permission) = endpoint.access
        && let Some(identity) = &identity
        && !identity.may(permission)
    {
        let detail = format!("this takes the permission `{}`", permission.word());
        return Err(Problem::new(StatusCode::FORBIDDEN, detail)
            .hint("ask an administrator for a role, or for a key with this scope"));
    }
    if identity.is_none() && endpoint.access != Access::Public {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "this takes an account")
            .hint("sign in, or send a key as `Authorization: Bearer KEY`"));
    }
    request.extensions_mut().insert(MaybeCaller(identity));
    Ok(endpoint)
}

/// Reads the body of a request that is no upload, so that it is small and comes in time, and so that the
/// connection is free for the next request whatever the handler does.
async fn with_small_body(request: Request) -> Answer<Request> {
    let (parts, body) = request.into_parts();
    let read = timeout(BODY_MAX, to_bytes(body, BODY_BYTES_MAX)).await;
    let late =
        |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body of the request did not come");
    let bytes = read.map_err(late)?.map_err(|_| {
        let detail = format!("the body is broken, or has more than {BODY_BYTES_MAX} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// Reads what is left of a body, for a moment: a client that still sends would not see the answer of a
/// server that hangs up.
pub(crate) async fn drain(body: Body) {
    const BYTES_MAX: usize = 8 << 20;
    const TIME_MAX: Duration = Duration::from_secs(2);
    let mut chunks = body.into_data_stream();
    let reading = async {
        let mut read = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            read += chunk.len();
            if read > BYTES_MAX {
                break;
            }
        }
    };
    let _ = timeout(TIME_MAX, reading).await;
}

fn check_origin(request: &Request) -> Answer<()> {
    if origin::is_own(request.headers()) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "the request does not come from a page of this server")
        .hint("use the form on the page; programs use a key instead of a cookie"))
}

/// Writes a problem in the form that its reader wants.
fn shown(mut response: Response, path: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let (parts, _) = response.into_parts();
    let (kind, body) = if path.starts_with("/api/") {
        let body = serde_json::to_vec(&problem.body(path)).unwrap_or_default();
        ("application/problem+json", body)
    } else {
        ("text/html; charset=utf-8", pages::of_problem(&problem).into_bytes())
    };
    let mut response = Response::from_parts(parts, body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Adds what every answer carries.
fn secure(mut response: Response, path: &str) -> Response {
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set("content-security-policy", CONTENT_POLICY);
    set("x-content-type-options", "nosniff");
    // Not `no-referrer`: with that browsers hide the origin of our own forms from us.
    set("referrer-policy", "same-origin");
    set("cross-origin-opener-policy", "same-origin");
    set("cross-origin-resource-policy", "same-origin");
    set("permissions-policy", "camera=(), geolocation=(), microphone=()");
    if !matches!(path, "/style.css" | "/icon.svg") {
        set("cache-control", "no-store");
    }
    response
}

/// Who sends a request, where that is known.
#[derive(Clone, Debug)]
pub(crate) struct MaybeCaller(pub(crate) Option<Identity>);

/// Who sends a request; the gate made sure that it is somebody.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) Identity);

impl<S: Sync> FromRequestParts<S> for MaybeCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self(None)))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let MaybeCaller(identity) = MaybeCaller::from_request_parts(parts, state).await?;
        let missing = || Problem::new(StatusCode::UNAUTHORIZED, "this takes an account");
        identity.map(Self).ok_or_else(missing)
    }
}
