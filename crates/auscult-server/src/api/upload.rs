//! Uploads: streamed into the store, never held in memory, idempotent by content.

use std::time::Duration;

use auscult_store::{BlobInfo, BlobWriter, BuildKind, NewBuild, OrganisationId, ProductId};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;
use utoipa::IntoParams;

use super::{
    builds,
    extract::{Asked, Id},
    products,
    views::{BuildView, KindView, placed},
};
use crate::{
    access::{Caller, Identity, drain},
    jobs,
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// How long a client may be silent in the middle of an upload.
pub(super) const SILENCE_MAX: Duration = Duration::from_mins(1);
/// Largest SBOM, as `auscult scan` takes it.
const SBOM_BYTES_MAX: u64 = 128 << 20;
/// Largest facts.
const FACTS_BYTES_MAX: u64 = 1 << 30;

/// What is uploaded.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadInput {
    /// The name that people give the build: a version, a tag.
    label: String,
    /// What it is; found out from its first bytes where nothing is said.
    #[param(inline)]
    kind: Option<KindView>,
    /// Seconds to wait for the verdict, 600 at most.
    wait: Option<u64>,
}

/// Uploads a build as the body of the request. The same content uploaded again gives the build that
/// is there. The answer comes when the upload is durable; with `wait`, when its verdict is known.
#[utoipa::path(post, path = "/api/v1/products/{product}/builds",
    params(("product" = String, Path), UploadInput),
    request_body(content_type = "application/octet-stream"), responses(
    (status = 200, description = "The build was there already", body = BuildView),
    (status = 201, description = "The build", body = BuildView),
    (status = 404, description = "There is no such product", body = ProblemBody),
    (status = 413, description = "It is too large", body = ProblemBody),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn upload(
    State(app): State<App>,
    Caller(who): Caller,
    Id(product): Id<ProductId>,
    Asked(input): Asked<UploadInput>,
    request: Request,
) -> Answer<Response> {
    products::find(&app, &who, product).await?;
    let kind = input.kind.map(BuildKind::from);
    let given = Given { product, label: input.label.trim(), kind };
    let limit = limit(&app, kind);
    if let Err(problem) = check_length(request.headers(), limit) {
        drain(request.into_body()).await;
        return Err(problem);
    }
    let (uploaded, is_new) =
        take(&app, &who, &given, request.into_body().into_data_stream(), limit).await?;
    let id = uploaded.id;
    let seconds = input.wait.unwrap_or(0);
    let build = builds::wait(&app, who.organisation, id, seconds).await?;
    let view = builds::view(&app, who.organisation, &build).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    placed(status, &format!("/api/v1/builds/{id}"), view)
}

/// What is said of an upload.
pub(crate) struct Given<'a> {
    pub(crate) product: ProductId,
    pub(crate) label: &'a str,
    pub(crate) kind: Option<BuildKind>,
}

/// Takes an upload and enqueues its inspection.
pub(crate) async fn take<E>(
    app: &App,
    who: &Identity,
    given: &Given<'_>,
    chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    limit: u64,
) -> Answer<(auscult_store::Build, bool)> {
    if given.label.is_empty() || given.label.len() > 200 {
        let problem = Problem::invalid("the label of the build is empty or longer than 200 bytes");
        return Err(problem.hint("send the version or the tag as `label`"));
    }
    let (blob, first) = store(app, who.organisation, chunks, limit).await?;
    let kind = given.kind.unwrap_or_else(|| guess(&first));
    if blob.size_bytes > self::limit(app, Some(kind)) {
        return Err(too_large(self::limit(app, Some(kind))));
    }
    let job = jobs::new_job(given.product, blob.sha256, kind);
    let new = NewBuild {
        product: given.product,
        label: given.label.to_owned(),
        kind,
        input: blob.sha256,
        job,
    };
    let uploaded = app.store.create_build(who.organisation, &new, Timestamp::now()).await?;
    if uploaded.is_new {
        let id = uploaded.build.id.to_string();
        let detail = json!({ "label": given.label, "sha256": blob.sha256.to_string() });
        app.record(who, "upload-build", &id, detail).await?;
        app.work.ring();
    }
    Ok((uploaded.build, uploaded.is_new))
}

/// Writes the body into the store, and returns its first bytes beside it.
pub(crate) async fn store<E>(
    app: &App,
    organisation: OrganisationId,
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    limit: u64,
) -> Answer<(BlobInfo, Vec<u8>)> {
    const FIRST_BYTES: usize = 4096;
    let mut writer: BlobWriter = app.store.write_blob(organisation, Timestamp::now()).await?;
    let mut first = Vec::new();
    loop {
        let silent = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the upload stopped coming");
        let Some(chunk) = timeout(SILENCE_MAX, chunks.next()).await.map_err(silent)? else { break };
        let broken = |_| Problem::new(StatusCode::BAD_REQUEST, "the upload was cut off");
        let chunk = chunk.map_err(broken)?;
        if writer.size_bytes() + chunk.len() as u64 > limit {
            return Err(too_large(limit));
        }
        let missing = FIRST_BYTES.saturating_sub(first.len()).min(chunk.len());
        first.extend_from_slice(chunk.get(..missing).unwrap_or_default());
        writer.write(&chunk).await?;
    }
    if writer.size_bytes() == 0 {
        return Err(Problem::invalid("the upload is empty (0 bytes)")
            .hint("send the file as the body of the request"));
    }
    Ok((writer.finish(Timestamp::now()).await?, first))
}

/// Bytes that an upload of a kind may have.
pub(crate) fn limit(app: &App, kind: Option<BuildKind>) -> u64 {
    let image = app.settings.upload_bytes_max;
    match kind {
        Some(BuildKind::Sbom) => SBOM_BYTES_MAX.min(image),
        Some(BuildKind::Facts) => FACTS_BYTES_MAX.min(image),
        Some(BuildKind::Image) | None => image,
    }
}

/// Refuses what says itself that it is too large, before a byte of it is read.
fn check_length(headers: &HeaderMap, limit: u64) -> Answer<()> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit) { Err(too_large(limit)) } else { Ok(()) }
}

pub(super) fn too_large(limit: u64) -> Problem {
    let detail = format!("the upload has more than {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        .hint("start the server with a higher --upload-limit")
}

/// What an upload is, by its first bytes: a JSON document that names CycloneDX early on is an SBOM, one
/// that begins like facts is facts, and everything else an image.
fn guess(first: &[u8]) -> BuildKind {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    let contains = |needle: &[u8]| text.windows(needle.len()).any(|found| found == needle);
    if !text.starts_with(b"{") {
        BuildKind::Image
    } else if text.starts_with(b"{\"schema\":") && contains(b"\"tool\":") {
        BuildKind::Facts
    } else if contains(b"\"bomFormat\"") || contains(b"\"spdxVersion\"") {
        BuildKind::Sbom
    } else {
        BuildKind::Image
    }
}

#[cfg(test)]
mod tests {
    use auscult_store::BuildKind;

    use super::guess;

    #[test]
    fn kinds_are_told_by_the_first_bytes() {
        for (first, expect) in [
            (&b"\x27\x05\x19\x56"[..], BuildKind::Image),
            (b" {\n \"bomFormat\": \"CycloneDX\"", BuildKind::Sbom),
            (b"\xef\xbb\xbf{\"bomFormat\":\"CycloneDX\"", BuildKind::Sbom),
            (b"{\"schema\":1,\"tool\":{\"name\":\"auscult\"", BuildKind::Facts),
            (b"{\"some\":\"JSON\"}", BuildKind::Image),
            (b"", BuildKind::Image),
        ] {
            assert_eq!(guess(first), expect, "{first:?}");
        }
    }
}
