//! The routes, and the layers that every request goes through.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};

use crate::{
    access::{Caller, guard},
    api,
    evaluate::Advisories,
    listen::Peer,
    metrics::Gauges,
    pages,
    problem::{Answer, Problem},
    state::App,
};

/// Everything that can be asked for.
pub(crate) fn router(app: App) -> Router {
    let (api, description) = api::routes();
    Router::new()
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .merge(pages::routes())
        .merge(api)
        .merge(api::description_route(&description))
        // The gate has limits of its own, and uploads theirs.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), guard))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(from_fn(nothing_there))
        .layer(from_fn_with_state(app.clone(), watch))
        .with_state(app)
}

/// Paths without a route, and methods that a path does not take, answer in the common form.
async fn nothing_there(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let is_bare = response.headers().get(header::CONTENT_TYPE).is_none();
    let problem = match response.status() {
        StatusCode::NOT_FOUND if is_bare => {
            Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address")
        }
        StatusCode::METHOD_NOT_ALLOWED if is_bare => {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take this method")
        }
        _ => return response,
    };
    let hint = "the API is described at /api/v1/openapi.json";
    crate::access::finish(problem.hint(hint).into_response(), &path)
}

/// Limits, counts and logs every request.
async fn watch(State(app): State<App>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let peer = address_of(&request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = match app.throttle.take(peer, start) {
        Ok(()) => next.run(request).await,
        Err(seconds) => {
            let detail = "too many requests came from this address";
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).after(seconds);
            crate::access::finish(problem.into_response(), &path)
        }
    };
    let (took, status) = (start.elapsed(), response.status().as_u16());
    app.metrics.request(status, took);
    let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    // Not the query: a link to the set-up is a secret.
    if status >= 500 {
        tracing::error!(%method, path, status, microseconds, %peer, "request");
    } else {
        tracing::info!(%method, path, status, microseconds, %peer, "request");
    }
    response
}

/// Where a request came from; this machine where it came over no connection, as in tests.
pub(crate) fn address_of(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>();
    peer.map_or(Ipv4Addr::LOCALHOST.into(), |peer| peer.0)
}

/// Whether requests can be answered: the database does, and the server does not stop.
async fn ready(State(app): State<App>) -> Answer<&'static str> {
    let unavailable = |why: &str| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why);
    if *app.stopping.borrow() {
        return Err(unavailable("the server stops"));
    }
    app.store.organisations().await.map_err(|_| unavailable("the database does not answer"))?;
    Ok("ready\n")
}

/// The figures are of the whole organisation: nobody who is limited reads them.
async fn metrics(State(app): State<App>, Caller(who): Caller) -> Answer<Response> {
    use auscult_store::{JobState, PageRequest, Total};
    if who.reach.is_limited() {
        let detail = "this takes somebody who reaches all sites and products";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let count = async |state| {
        let page = app.store.jobs(app.organisation, state, &PageRequest::first(1)).await?;
        Ok::<_, Problem>(match page.total {
            Total::Exact(count) | Total::AtLeast(count) => count,
        })
    };
    let advisories = app.evaluator.advisories(&app, app.organisation).await;
    let gauges = Gauges {
        jobs_queued: count(JobState::Queued).await?,
        jobs_leased: count(JobState::Leased).await?,
        jobs_dead: count(JobState::Dead).await?,
        snapshot_age_days: advisories.ok().as_deref().map(Advisories::age_days),
    };
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], app.metrics.text(&gauges)).into_response())
}
