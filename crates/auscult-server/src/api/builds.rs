//! Builds, their facts and results.

use std::time::{Duration, Instant};

use auscult_report::{OutputFormat, TableOptions};
use auscult_store::{Build, BuildFilter, BuildId, BuildState, OrganisationId, ProductId};
use axum::{
    Json,
    body::Body as HttpBody,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{
    extract::{Asked, Id, Paging},
    products,
    views::{BuildView, EvaluationView, ListView},
};
use crate::{
    access::{Caller, Identity},
    evaluate::{Evaluated, blocking},
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// Longest that somebody may wait for a verdict.
pub(crate) const WAIT_SECONDS_MAX: u64 = 600;
/// How often the store is looked at while somebody waits: another process may do the work.
const LOOK: Duration = Duration::from_millis(200);

/// Whether to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Waiting {
    /// Seconds to wait for the verdict, 600 at most.
    wait: Option<u64>,
}

/// A build within the caller's reach.
pub(crate) async fn find(app: &App, who: &Identity, id: BuildId) -> Answer<Build> {
    let build = app.store.build(who.organisation, id).await?;
    let build = build.filter(|build| who.reach.has_product(build.product));
    build.ok_or_else(|| Problem::not_found("build"))
}

/// A build with what it comes to.
pub(crate) async fn view(
    app: &App,
    organisation: OrganisationId,
    build: &Build,
) -> Answer<BuildView> {
    let job = app.store.job_of_build(organisation, build.id).await?;
    let evaluated = app.evaluator.evaluate(app, organisation, build).await?;
    let evaluation = match &evaluated {
        Some(evaluated) => {
            let advisories = app.evaluator.advisories(app, organisation).await?;
            Some(EvaluationView::of(evaluated, &advisories))
        }
        None => None,
    };
    Ok(BuildView::of(build, job.as_ref(), evaluation))
}

/// Waits until a build is ready or failed, for so many seconds at most, and returns it as it stands.
pub(crate) async fn wait(
    app: &App,
    organisation: OrganisationId,
    id: BuildId,
    seconds: u64,
) -> Answer<Build> {
    let deadline = Instant::now() + Duration::from_secs(seconds.min(WAIT_SECONDS_MAX));
    let mut changed = app.changed.listen();
    loop {
        let build = app.store.build(organisation, id).await?;
        let build = build.ok_or_else(|| Problem::not_found("build"))?;
        let is_over = matches!(build.state, BuildState::Ready(_) | BuildState::Failed { .. });
        if is_over || Instant::now() >= deadline || *app.stopping.borrow() {
            return Ok(build);
        }
        changed.wait(LOOK).await;
    }
}

/// A page of builds, judged where that was done already.
async fn page(
    app: &App,
    who: &Identity,
    filter: BuildFilter,
    paging: &Paging,
) -> Answer<ListView<BuildView>> {
    let organisation = who.organisation;
    let page = app.store.builds(organisation, filter, &paging.request()?).await?;
    let advisories = app.evaluator.advisories(app, organisation).await?;
    let mut viewer = app.evaluator.viewer(app, organisation).await?;
    let mut views = Vec::new();
    for build in &page.items {
        let summary = viewer.summary(build).await?;
        let evaluation = summary.map(|summary| EvaluationView::in_list(&summary, &advisories));
        views.push(BuildView::of(build, None, evaluation));
    }
    let next = page.next.map(|next| next.as_str().to_owned());
    Ok(ListView { items: views, next, total: page.total.into() })
}

/// Lists builds of every product that you reach, the newest first. `evaluation` is absent where a build
/// was not judged yet by what holds now.
#[utoipa::path(get, path = "/api/v1/builds", params(Paging), responses(
    (status = 200, description = "A page of builds", body = ListView<BuildView>),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<ListView<BuildView>>> {
    page(&app, &who, BuildFilter::Reached(who.within()), &paging).await.map(Json)
}

/// Lists builds of a product, the newest first.
#[utoipa::path(get, path = "/api/v1/products/{product}/builds",
    params(("product" = String, Path), Paging), responses(
    (status = 200, description = "A page of builds", body = ListView<BuildView>),
    (status = 404, description = "There is no such product", body = ProblemBody)))]
pub(crate) async fn list_of_product(
    State(app): State<App>,
    Caller(who): Caller,
    Id(product): Id<ProductId>,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<ListView<BuildView>>> {
    products::find(&app, &who, product).await?;
    page(&app, &who, BuildFilter::OfProduct(product), &paging).await.map(Json)
}

/// Shows a build, and waits for its verdict where that is asked for.
#[utoipa::path(get, path = "/api/v1/builds/{build}",
    params(("build" = String, Path), Waiting), responses(
    (status = 200, description = "The build", body = BuildView),
    (status = 404, description = "There is none", body = ProblemBody)))]
pub(crate) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
    Asked(waiting): Asked<Waiting>,
) -> Answer<Json<BuildView>> {
    let mut build = find(&app, &who, id).await?;
    if let Some(seconds) = waiting.wait {
        build = wait(&app, who.organisation, id, seconds).await?;
    }
    view(&app, who.organisation, &build).await.map(Json)
}

/// Has a build inspected again that could not be.
#[utoipa::path(post, path = "/api/v1/builds/{build}/retry", params(("build" = String, Path)), responses(
    (status = 202, description = "It waits to be inspected", body = BuildView),
    (status = 409, description = "It did not fail", body = ProblemBody)))]
pub(crate) async fn retry(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
) -> Answer<Response> {
    let build = find(&app, &who, id).await?;
    again(&app, &who, &build).await?;
    let build = find(&app, &who, id).await?;
    let view = view(&app, who.organisation, &build).await?;
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

/// Revives the job of a build that failed.
pub(crate) async fn again(app: &App, who: &Identity, build: &Build) -> Answer<()> {
    let conflict = || Problem::new(StatusCode::CONFLICT, "only a build that failed can be retried");
    let BuildState::Failed { .. } = build.state else { return Err(conflict()) };
    let job = app.store.job_of_build(who.organisation, build.id).await?.ok_or_else(conflict)?;
    app.store.revive(who.organisation, job.id, Timestamp::now()).await?;
    app.record(who, "retry-build", &build.id.to_string(), json!({})).await?;
    app.work.ring();
    Ok(())
}

/// Gives out the facts of a build, in their canonical bytes.
#[utoipa::path(get, path = "/api/v1/builds/{build}/facts", params(("build" = String, Path)), responses(
    (status = 200, description = "The facts", content_type = "application/json", body = serde_json::Value),
    (status = 409, description = "They are not known yet", body = ProblemBody)))]
pub(crate) async fn facts(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
) -> Answer<Response> {
    let build = find(&app, &who, id).await?;
    let BuildState::Ready(facts) = build.state else { return Err(not_ready(&build)) };
    let reader = app.store.read_blob(who.organisation, facts, 0..u64::MAX).await?;
    let length = reader.blob().size_bytes;
    let chunks = futures_util::stream::try_unfold(reader, async |mut reader| {
        Ok::<_, auscult_store::Error>(reader.next().await?.map(|chunk| (chunk, reader)))
    });
    let kind = HeaderValue::from_static("application/json");
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_LENGTH, length.into())];
    Ok((headers, HttpBody::from_stream(chunks)).into_response())
}

/// A build that was judged, or why it was not.
pub(crate) async fn evaluated(
    app: &App,
    who: &Identity,
    build: &Build,
) -> Answer<std::sync::Arc<Evaluated>> {
    let evaluated = app.evaluator.evaluate(app, who.organisation, build).await?;
    evaluated.ok_or_else(|| not_ready(build))
}

fn not_ready(build: &Build) -> Problem {
    let (why, hint) = match &build.state {
        BuildState::Failed { reason } => {
            (format!("the build could not be inspected: {reason}"), "repair the cause and retry")
        }
        _ => ("the build is not inspected yet".to_owned(), "ask for it with ?wait=SECONDS"),
    };
    Problem::new(StatusCode::CONFLICT, why).hint(hint)
}

/// A form of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FormatInput {
    /// The published schema of `scan -o json`.
    #[default]
    Json,
    /// The inventory as CycloneDX 1.6 JSON.
    Cyclonedx,
    /// The findings for spreadsheets.
    Csv,
    /// What was found out about each finding, as OpenVEX.
    Openvex,
    /// The same as CSAF, profile VEX.
    CsafVex,
    /// One self-contained page.
    Html,
}

impl FormatInput {
    /// How it is made, its media type, and how a file of it ends.
    fn details(self) -> (OutputFormat, &'static str, &'static str) {
        match self {
            Self::Json => (OutputFormat::Json, "application/json", "json"),
            Self::Cyclonedx => {
                (OutputFormat::CycloneDx, "application/vnd.cyclonedx+json", "cdx.json")
            }
            Self::Csv => (OutputFormat::Csv, "text/csv; charset=utf-8", "csv"),
            Self::Openvex => (OutputFormat::OpenVex, "application/json", "openvex.json"),
            Self::CsafVex => (OutputFormat::CsafVex, "application/json", "csaf.json"),
            Self::Html => (OutputFormat::Html, "text/html; charset=utf-8", "html"),
        }
    }
}

/// Which form of the result.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Format {
    /// The form; `json` where nothing is said.
    #[serde(default)]
    #[param(inline)]
    format: FormatInput,
}

/// Gives out what a build comes to today, as `auscult scan` would write it.
#[utoipa::path(get, path = "/api/v1/builds/{build}/result",
    params(("build" = String, Path), Format), responses(
    (status = 200, description = "The result"),
    (status = 409, description = "The build is not inspected yet", body = ProblemBody)))]
pub(crate) async fn result(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
    Asked(Format { format }): Asked<Format>,
) -> Answer<Response> {
    let build = find(&app, &who, id).await?;
    let evaluated = evaluated(&app, &who, &build).await?;
    let (output, kind, ending) = format.details();
    let made = blocking("write the result", move || {
        output.render(&evaluated.result, &TableOptions::default())
    });
    let bytes = made.await?.map_err(|error| Problem::internal("write the result", &error))?;
    let name = format!("attachment; filename=\"{}.{ending}\"", file_name(&build.label));
    let name = HeaderValue::from_str(&name)
        .map_err(|error| Problem::internal("name the result", &error))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, bytes).into_response())
}

/// A label as the name of a file.
fn file_name(label: &str) -> String {
    let plain = |character: char| {
        let is_plain = character.is_ascii_alphanumeric() || ".-_".contains(character);
        if is_plain { character } else { '-' }
    };
    label.chars().take(80).map(plain).collect()
}
