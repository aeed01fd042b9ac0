//! Check-in: challenges, evidence that answers them, and how verifications came out.

use std::sync::Arc;

use auscult_model::{DeviceField, Sha256};
use auscult_store::{Custody, DeviceId, KeptDevice, KeptWaiver, NewVerification, Verification};
use axum::{
    Json,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::Stream;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::{devices::found, extract::Id, upload};
use crate::{
    access::{Caller, Identity, random},
    engine::{Papers, Verified},
    evaluate::{blocking, today},
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// Largest evidence and largest reference manifest that are read.
pub(super) const PAPER_BYTES_MAX: u32 = 64 << 20;
/// References that a device is compared with.
const REFERENCES_MAX: u32 = 64;
/// Hours in which a challenge is to be answered.
const CHALLENGE_HOURS: i64 = 24;
/// Bytes of a reason in a device's history; the verdict has all of it.
const REASON_BYTES_MAX: usize = 2_000;

/// Largest verdict that is handed out.
const VERDICT_BYTES_MAX: usize = 256 << 20;
const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// One verification at a time: papers take many times their size in memory.
static TURN: Semaphore = Semaphore::const_new(1);

/// A verification of a device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerificationOfDevice {
    /// The revision of the device that it made.
    revision: i64,
    /// `pass`, `fail` or `inconclusive`.
    outcome: String,
    /// The build that was found on the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<String>,
    /// Digest of the evidence.
    evidence: String,
    /// Digest of the verdict.
    verdict: String,
    actor: String,
    at: String,
}

impl From<Verification> for VerificationOfDevice {
    fn from(one: Verification) -> Self {
        Self {
            revision: one.revision,
            outcome: one.outcome,
            build: one.build.map(|build| build.to_string()),
            evidence: one.evidence.to_string(),
            verdict: one.verdict.to_string(),
            actor: one.actor,
            at: one.at.to_string(),
        }
    }
}

/// A waiver under which a device is in service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaiverView {
    device: String,
    approver: String,
    reason: String,
    /// The last day on which it holds.
    until: String,
    /// Whether that day is over: the device is in service and nobody answers for it.
    is_expired: bool,
}

impl From<KeptWaiver> for WaiverView {
    fn from(KeptWaiver { device, is }: KeptWaiver) -> Self {
        Self {
            device: device.to_string(),
            is_expired: is.until < today(),
            until: is.until.to_string(),
            approver: is.approver,
            reason: is.reason,
        }
    }
}

/// Lists the waivers under which devices are in service, the first to end first.
#[utoipa::path(get, path = "/api/v1/waivers", responses(
    (status = 200, description = "The waivers", body = Vec<WaiverView>),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn waivers(
    State(app): State<App>,
    Caller(who): Caller,
) -> Answer<Json<Vec<WaiverView>>> {
    let waivers = app.store.waivers(who.organisation, who.within()).await?;
    Ok(Json(waivers.into_iter().map(WaiverView::from).collect()))
}

/// A challenge to a device, as `auscult measure --challenge` reads it.
fn challenge_to(device: &KeptDevice, nonce: Sha256, now: Timestamp) -> serde_json::Value {
    let expires = now.checked_add(SignedDuration::from_hours(CHALLENGE_HOURS));
    let name = device.is.text(DeviceField::Serial).map(ToOwned::to_owned);
    json!({ "schema": "auscult-challenge/1", "nonce": nonce, "session": device.id.to_string(),
        "device": name.unwrap_or_else(|| device.id.to_string()),
        "expires": expires.unwrap_or(now) })
}

/// Issues a challenge to a device: save it, and give it to `auscult measure --challenge`. It is good
/// for a day and for one verification, and takes the place of the one before.
#[utoipa::path(post, path = "/api/v1/devices/{device}/challenge",
    params(("device" = String, Path)), responses(
    (status = 201, description = "The challenge", body = Object),
    (status = 404, description = "There is none", body = ProblemBody)))]
pub(crate) async fn challenge(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
) -> Answer<Response> {
    let body = issue(&app, &who, id).await?;
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

pub(crate) async fn issue(app: &App, who: &Identity, id: DeviceId) -> Answer<serde_json::Value> {
    let device = found(app, who, id).await?;
    let (nonce, now) = (Sha256(random()?), Timestamp::now());
    let body = challenge_to(&device, nonce, now);
    let (text, actor) = (body.to_string(), who.actor());
    app.store.issue_challenge(who.organisation, id, nonce, &text, &actor, now).await?;
    Ok(body)
}

/// Lists the verifications of a device, the newest first.
#[utoipa::path(get, path = "/api/v1/devices/{device}/verifications",
    params(("device" = String, Path)), responses(
    (status = 200, description = "The verifications", body = Vec<VerificationOfDevice>),
    (status = 404, description = "There is none", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
) -> Answer<Json<Vec<VerificationOfDevice>>> {
    found(&app, &who, id).await?;
    let all = app.store.verifications(who.organisation, id).await?;
    Ok(Json(all.into_iter().map(VerificationOfDevice::from).collect()))
}

/// Verifies a device that came back, by evidence of `auscult measure`, the body of the request. The
/// answer is the verdict as `auscult verify -o json` gives it; a device that does not pass is held.
#[utoipa::path(post, path = "/api/v1/devices/{device}/verifications",
    params(("device" = String, Path)),
    request_body(content_type = "application/octet-stream"), responses(
    (status = 201, description = "The verdict", body = Object),
    (status = 404, description = "There is no such device", body = ProblemBody),
    (status = 409, description = "Something happened to it meanwhile", body = ProblemBody),
    (status = 422, description = "It is no evidence, or the device is not returned", body = ProblemBody)))]
pub(crate) async fn verify(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
    request: Request,
) -> Answer<Response> {
    let verified = take(&app, &who, id, request.into_body().into_data_stream()).await?;
    Ok((StatusCode::CREATED, JSON, verified.json).into_response())
}

/// Takes evidence of a device that is back, as it comes, and verifies it.
pub(crate) async fn take<E>(
    app: &App,
    who: &Identity,
    id: DeviceId,
    chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Answer<Verified> {
    let device = found(app, who, id).await?;
    if device.custody != Custody::Returned {
        let detail = format!("the device is {}, not returned", device.custody.word());
        return Err(Problem::invalid(detail).hint("a step `return` comes before a verification"));
    }
    let limit = u64::from(PAPER_BYTES_MAX);
    let (evidence, _) = upload::store(app, who.organisation, chunks, limit).await?;
    judged(app, who, &device, evidence.sha256).await
}

/// Hands out the verdict of a verification, as `auscult verify -o json` gives it.
#[utoipa::path(get, path = "/api/v1/devices/{device}/verifications/{revision}",
    params(("device" = String, Path), ("revision" = i64, Path)), responses(
    (status = 200, description = "The verdict", body = Object),
    (status = 404, description = "There is none", body = ProblemBody)))]
pub(crate) async fn verdict(
    State(app): State<App>,
    Caller(who): Caller,
    Path((device, revision)): Path<(String, String)>,
) -> Answer<Response> {
    let missing = || Problem::not_found("verification");
    let id = device.parse().map_err(|_| missing())?;
    let revision: i64 = revision.parse().map_err(|_| missing())?;
    found(&app, &who, id).await?;
    let all = app.store.verifications(who.organisation, id).await?;
    let one = all.iter().find(|one| one.revision == revision).ok_or_else(missing)?;
    let json = app.store.get_blob(who.organisation, one.verdict, VERDICT_BYTES_MAX).await?;
    Ok((JSON, json).into_response())
}

/// What a page needs of a verdict.
#[derive(Debug, Deserialize)]
pub(crate) struct VerdictOfDevice {
    pub(crate) level: String,
    checks: Vec<VerdictItem>,
    pub(crate) groups: Vec<VerdictGroup>,
}

/// Items that belong together.
#[derive(Debug, Deserialize)]
pub(crate) struct VerdictGroup {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) not_measured: u64,
    items: Vec<VerdictItem>,
}

/// Something that was looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct VerdictItem {
    pub(crate) outcome: String,
    pub(crate) subject: String,
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) meaning: String,
}

impl VerdictOfDevice {
    /// Everything that did not pass.
    pub(crate) fn wrong(&self) -> impl Iterator<Item = &VerdictItem> {
        let all = self.checks.iter().chain(self.groups.iter().flat_map(|group| &group.items));
        all.filter(|item| item.outcome != "pass")
    }
}

/// The verdict of a verification, read.
pub(crate) async fn kept_verdict(
    app: &App,
    who: &Identity,
    of: &Verification,
) -> Answer<VerdictOfDevice> {
    let json = app.store.get_blob(who.organisation, of.verdict, VERDICT_BYTES_MAX).await?;
    serde_json::from_slice(&json).map_err(|error| Problem::internal("read a verdict", &error))
}

/// Hands out the challenge that a device is to answer, as a file.
pub(crate) async fn open_challenge(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
) -> Answer<Response> {
    found(&app, &who, id).await?;
    let open = app.store.open_challenge(who.organisation, id).await?;
    let (_, text) = open.ok_or_else(|| Problem::not_found("challenge"))?;
    Ok((JSON, text).into_response())
}

/// Verifies evidence and keeps how it came out.
async fn judged(
    app: &App,
    who: &Identity,
    device: &KeptDevice,
    evidence: Sha256,
) -> Answer<Verified> {
    let closed = |error| Problem::internal("wait for a verification", &error);
    let _turn = TURN.acquire().await.map_err(|error: tokio::sync::AcquireError| closed(error))?;
    let now = Timestamp::now();
    let open = app.store.open_challenge(who.organisation, device.id).await?;
    let (challenge, text) = match open {
        Some((nonce, text)) => (Some(nonce), text),
        // Nobody was told this one, so that nothing answers it: whatever comes was taken before.
        None => (None, challenge_to(device, Sha256(random()?), now).to_string()),
    };
    let papers = papers(app, who, device, evidence, text).await?;
    let engine = Arc::clone(&app.engine);
    let verified = blocking("verify a device", move || engine.verify(&papers, now)).await??;
    let verdict = app.store.put_blob(who.organisation, verified.json.as_bytes(), now).await?;
    let build = verified.reference.as_deref().and_then(|name| name.parse().ok());
    let end = verified.reason.floor_char_boundary(REASON_BYTES_MAX);
    let new = NewVerification {
        seen: device.revision,
        challenge,
        outcome: verified.outcome.to_owned(),
        reason: verified.reason.get(..end).unwrap_or_default().to_owned(),
        build,
        evidence,
        verdict: verdict.sha256,
    };
    let actor = who.actor();
    app.store.record_verification(who.organisation, device.id, &new, &actor, now).await?;
    Ok(verified)
}

/// Everything that a device is verified by. References of other builds of the product tell a build
/// that is older than it may be.
async fn papers(
    app: &App,
    who: &Identity,
    device: &KeptDevice,
    evidence: Sha256,
    challenge: String,
) -> Answer<Papers> {
    let (of, size_max) = (who.organisation, PAPER_BYTES_MAX as usize);
    let product = match device.build.build() {
        Some(build) => app.store.build(of, build).await?.map(|build| build.product),
        None => None,
    };
    let kept = app.store.references_of(of, product, REFERENCES_MAX + 1).await?;
    if kept.len() > REFERENCES_MAX as usize {
        let detail = format!("the device may have more than {REFERENCES_MAX} builds");
        return Err(Problem::invalid(detail).hint("say first which build runs on the device"));
    }
    let mut references = Vec::with_capacity(kept.len());
    for one in kept {
        let text = app.store.get_blob(of, one.manifest, size_max).await?;
        references.push((one.build.to_string(), text));
    }
    let (mut makers, mut benches) = (Vec::new(), Vec::new());
    for key in app.store.trusted_keys(of).await? {
        let keys = if key.purpose == "maker" { &mut makers } else { &mut benches };
        keys.extend(key.revoked_at.is_none().then_some(key.pem));
    }
    let evidence = app.store.get_blob(of, evidence, size_max).await?;
    Ok(Papers { evidence, references, makers, benches, challenge })
}
