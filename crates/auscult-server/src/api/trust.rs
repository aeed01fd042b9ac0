//! Keys whose signatures count, and the reference manifests that they signed.

use auscult_dsse::{Envelope, PAYLOAD_TYPE, PublicKey};
use auscult_model::Sha256;
use auscult_store::{BuildId, KeptReference, TrustedKey};
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
use utoipa::ToSchema;

use super::{
    check_in::PAPER_BYTES_MAX,
    extract::{Body, Id},
    find_build, upload,
};
use crate::{
    access::{Caller, Identity},
    evaluate::blocking,
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// A key whose signatures count, or did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrustedKeyView {
    /// SHA-256 of the key, as signatures name it.
    id: String,
    /// `maker` or `bench`.
    purpose: String,
    name: String,
    /// The public key, PEM.
    pem: String,
    actor: String,
    added_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

impl From<TrustedKey> for TrustedKeyView {
    fn from(key: TrustedKey) -> Self {
        Self {
            id: key.id.to_string(),
            purpose: key.purpose,
            name: key.name,
            pem: key.pem,
            actor: key.actor,
            added_at: key.added_at.to_string(),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
        }
    }
}

/// What a key signs.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Purpose {
    /// References of builds.
    Maker,
    /// Evidence of devices.
    Bench,
}

/// A key to be trusted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustInput {
    /// Whose it is.
    pub(crate) name: String,
    /// What it signs.
    pub(crate) purpose: Purpose,
    /// The public key, PEM.
    pub(crate) pem: String,
}

/// Lists the keys whose signatures count, and those that were revoked.
#[utoipa::path(get, path = "/api/v1/trust", responses(
    (status = 200, description = "The keys", body = Vec<TrustedKeyView>),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
) -> Answer<Json<Vec<TrustedKeyView>>> {
    let keys = app.store.trusted_keys(who.organisation).await?;
    Ok(Json(keys.into_iter().map(TrustedKeyView::from).collect()))
}

/// Trusts a key. A key serves one purpose, and one that was revoked is not trusted again.
#[utoipa::path(post, path = "/api/v1/trust", request_body = TrustInput, responses(
    (status = 201, description = "The key", body = TrustedKeyView),
    (status = 422, description = "It is no public key, or known already", body = ProblemBody)))]
pub(crate) async fn add(
    State(app): State<App>,
    Caller(who): Caller,
    Body(input): Body<TrustInput>,
) -> Answer<Response> {
    let key = trust(&app, &who, &input).await?;
    Ok((StatusCode::CREATED, Json(TrustedKeyView::from(key))).into_response())
}

pub(crate) async fn trust(app: &App, who: &Identity, input: &TrustInput) -> Answer<TrustedKey> {
    let refused = |error: auscult_dsse::Error| Problem::invalid(format!("`pem`: {error}"));
    let key = PublicKey::from_pem(&input.pem).map_err(refused)?;
    let id = key.id();
    let purpose = match input.purpose {
        Purpose::Maker => "maker",
        Purpose::Bench => "bench",
    };
    let key = TrustedKey {
        id: id.parse().map_err(|error| Problem::internal("name a key", &error))?,
        purpose: purpose.to_owned(),
        name: input.name.trim().to_owned(),
        pem: key.to_pem().map_err(refused)?,
        actor: who.actor(),
        added_at: Timestamp::now(),
        revoked_at: None,
    };
    app.store.trust_key(who.organisation, &key).await?;
    app.record(who, "trust-key", &id, json!({ "name": key.name, "purpose": purpose })).await?;
    Ok(key)
}

/// Ends the trust in a key. It stays listed; what it signed does not count any more.
#[utoipa::path(delete, path = "/api/v1/trust/{key}", params(("key" = String, Path)), responses(
    (status = 204, description = "It is not trusted"),
    (status = 404, description = "There is none", body = ProblemBody)))]
pub(crate) async fn revoke(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<Sha256>,
) -> Answer<StatusCode> {
    distrust(&app, &who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn distrust(app: &App, who: &Identity, id: Sha256) -> Answer<()> {
    app.store.distrust_key(who.organisation, id, Timestamp::now()).await?;
    app.record(who, "distrust-key", &id.to_string(), json!({})).await
}

/// A reference manifest of a build.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReferenceView {
    /// SHA-256 of the manifest.
    manifest: String,
    actor: String,
    added_at: String,
}

impl From<KeptReference> for ReferenceView {
    fn from(one: KeptReference) -> Self {
        let (manifest, added_at) = (one.manifest.to_string(), one.added_at.to_string());
        Self { manifest, actor: one.actor, added_at }
    }
}

/// Lists the reference manifests of a build.
#[utoipa::path(get, path = "/api/v1/builds/{build}/references", params(("build" = String, Path)),
    responses(
    (status = 200, description = "The references", body = Vec<ReferenceView>),
    (status = 404, description = "There is no such build", body = ProblemBody)))]
pub(crate) async fn references(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
) -> Answer<Json<Vec<ReferenceView>>> {
    find_build(&app, &who, id).await?;
    let kept = app.store.references(who.organisation, id).await?;
    Ok(Json(kept.into_iter().map(ReferenceView::from).collect()))
}

/// Adds a reference manifest to a build, the body of the request. It is signed by a key that is trusted
/// as that of a maker.
#[utoipa::path(post, path = "/api/v1/builds/{build}/references", params(("build" = String, Path)),
    request_body(content_type = "application/octet-stream"), responses(
    (status = 201, description = "The reference", body = ReferenceView),
    (status = 404, description = "There is no such build", body = ProblemBody),
    (status = 422, description = "It is no reference, or not signed by a maker", body = ProblemBody)))]
pub(crate) async fn add_reference(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
    request: Request,
) -> Answer<Response> {
    let kept = take_reference(&app, &who, id, request.into_body().into_data_stream()).await?;
    Ok((StatusCode::CREATED, Json(ReferenceView::from(kept))).into_response())
}

/// Takes a reference manifest of a build, as it comes.
pub(crate) async fn take_reference<E>(
    app: &App,
    who: &Identity,
    id: BuildId,
    chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Answer<KeptReference> {
    find_build(app, who, id).await?;
    let limit = u64::from(PAPER_BYTES_MAX);
    let (blob, _) = upload::store(app, who.organisation, chunks, limit).await?;
    let size_max = PAPER_BYTES_MAX as usize;
    let text = app.store.get_blob(who.organisation, blob.sha256, size_max).await?;
    let keys = app.store.trusted_keys(who.organisation).await?.into_iter();
    let keys = keys.filter(|key| key.purpose == "maker" && key.revoked_at.is_none());
    let keys: Vec<PublicKey> = keys.filter_map(|key| PublicKey::from_pem(&key.pem).ok()).collect();
    let engine = std::sync::Arc::clone(&app.engine);
    let signed = blocking("read a reference", move || {
        engine.check_reference(&text)?;
        let envelope: Option<Envelope> = serde_json::from_slice(&text).ok();
        Ok::<_, Problem>(envelope.is_some_and(|one| one.open(PAYLOAD_TYPE, &keys).is_ok()))
    });
    if !signed.await?? {
        return Err(Problem::invalid("the reference is not signed by a key of a maker")
            .hint("sign it with `auscult manifest sign`, and trust the key at /api/v1/trust"));
    }
    let (manifest, actor, added_at) = (blob.sha256, who.actor(), Timestamp::now());
    let kept = KeptReference { build: id, manifest, actor, added_at };
    app.store.add_reference(who.organisation, &kept).await?;
    let detail = json!({ "manifest": manifest.to_string() });
    app.record(who, "add-reference", &id.to_string(), detail).await?;
    Ok(kept)
}
