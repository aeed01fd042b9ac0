//! Snapshots of advisories.

use auscult_store::AdvisorySnapshot;
use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{extract::Asked, upload, views::SnapshotView};
use crate::{
    access::{Caller, Identity},
    evaluate::{Advisories, blocking, fetch_to_file},
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// The advisories that builds are judged by, and those that were before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SnapshotsView {
    pub(crate) current: SnapshotView,
    /// Every snapshot that was loaded, the last first.
    pub(crate) loaded: Vec<LoadedView>,
}

/// A snapshot that was loaded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoadedView {
    /// Digest over the digests of its layers.
    pub(crate) root: String,
    /// Date of its newest data.
    pub(crate) date: String,
    pub(crate) loaded_at: String,
}

impl From<&AdvisorySnapshot> for LoadedView {
    fn from(snapshot: &AdvisorySnapshot) -> Self {
        Self {
            root: snapshot.root.to_string(),
            date: snapshot.date.to_string(),
            loaded_at: snapshot.loaded_at.to_string(),
        }
    }
}

/// How a snapshot is loaded.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LoadInput {
    /// Whether one that is older than the present one is meant.
    #[serde(default)]
    older: bool,
}

/// Tells the advisories that builds are judged by.
#[utoipa::path(get, path = "/api/v1/snapshots", responses(
    (status = 200, description = "The snapshots", body = SnapshotsView),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
) -> Answer<Json<SnapshotsView>> {
    view(&app, &who).await.map(Json)
}

pub(crate) async fn view(app: &App, who: &Identity) -> Answer<SnapshotsView> {
    let advisories = app.evaluator.advisories(app, who.organisation).await?;
    let loaded = app.store.snapshots(who.organisation).await?;
    let loaded = loaded.iter().map(LoadedView::from).collect();
    Ok(SnapshotsView { current: SnapshotView::of(&advisories), loaded })
}

/// Loads a snapshot, the body of the request: a file that `auscult advisories update` made. Every byte
/// of it is checked; builds are judged by it from then on.
#[utoipa::path(post, path = "/api/v1/snapshots", params(LoadInput),
    request_body(content_type = "application/octet-stream"), responses(
    (status = 201, description = "It is judged by", body = SnapshotsView),
    (status = 409, description = "It is older than the present one", body = ProblemBody),
    (status = 422, description = "It is no snapshot, or damaged", body = ProblemBody),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn load(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(asked): Asked<LoadInput>,
    request: Request,
) -> Answer<Response> {
    take(&app, &who, request.into_body().into_data_stream(), asked.older).await?;
    Ok((StatusCode::CREATED, Json(view(&app, &who).await?)).into_response())
}

/// Takes a snapshot as it comes, checks every byte of it, and judges by it from then on.
pub(crate) async fn take<E>(
    app: &App,
    who: &Identity,
    chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    is_older_meant: bool,
) -> Answer<()> {
    let limit = app.settings.upload_bytes_max;
    let (blob, _) = upload::store(app, who.organisation, chunks, limit).await?;
    let file = fetch_to_file(app, who.organisation, blob.sha256).await?;
    let engine = std::sync::Arc::clone(&app.engine);
    let opened = blocking("open the snapshot", move || engine.open_snapshot(Some(file.path())));
    let judge = opened.await??;
    let info = judge.snapshot().clone();
    let known = app.store.snapshots(who.organisation).await?;
    if let Some(newer) = known.first().filter(|known| known.date > info.date && !is_older_meant) {
        let detail = format!("the snapshot is of {}, older than that of {}", info.date, newer.date);
        return Err(Problem::new(StatusCode::CONFLICT, detail)
            .hint("load it with ?older=true if that is what you want"));
    }
    let now = Timestamp::now();
    let snapshot =
        AdvisorySnapshot { root: info.root, date: info.date, blob: blob.sha256, loaded_at: now };
    app.store.load_snapshot(who.organisation, &snapshot).await?;
    let opened = Advisories { judge, loaded: Some(snapshot) };
    app.evaluator.take_up(who.organisation, opened).await;
    let detail = json!({ "date": info.date.to_string(), "coverage": info.coverage });
    app.record(who, "load-snapshot", &info.root.to_string(), detail).await?;
    app.changed.ring();
    Ok(())
}
