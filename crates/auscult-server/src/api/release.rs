//! Release records: what the server signs when a device goes back into service.

use auscult_dsse::{Envelope, PAYLOAD_TYPE, SigningKey, Statement, Subject};
use auscult_model::Sha256;
use auscult_store::{CustodyStep, DeviceId, KeptDevice, Released, Waiver};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{devices::found, extract::Id};
use crate::{
    access::{Caller, Identity, Permission, Reach, permissions, random},
    evaluate::today,
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// The predicate type of a release record.
const RECORD_TYPE: &str = "urn:auscult:release-record/v1";
/// Largest record that is handed out.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// Who answers for a device that is not as it should be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaiverInput {
    /// The name of the account that answers for it; not the one that releases.
    pub(crate) approver: String,
    /// What is not as it should be, and why the device is used nevertheless.
    pub(crate) reason: String,
    /// The last day on which it holds.
    #[schema(value_type = String)]
    pub(crate) until: Date,
}

/// Makes the record of a release, and the step that it belongs to.
pub(super) async fn step(
    app: &App,
    who: &Identity,
    device: &KeptDevice,
    released: Released,
    waiver: Option<WaiverInput>,
) -> Answer<CustodyStep> {
    let waiver = match waiver {
        Some(waiver) => Some(checked(app, who, device, waiver).await?),
        None => None,
    };
    let now = Timestamp::now();
    let last = app.store.verifications(who.organisation, device.id).await?.into_iter().next();
    let is = serde_json::to_vec(&device.is);
    let is = is.map_err(|error| Problem::internal("write a device", &error))?;
    let mut subject = vec![Subject::new("device", Sha256::of(&is))];
    if let Some(last) = &last {
        subject.push(Subject::new("evidence", last.evidence));
        subject.push(Subject::new("verdict", last.verdict));
    }
    let verification = last.map(|last| {
        json!({ "outcome": last.outcome, "at": last.at.to_string(), "actor": last.actor,
            "build": last.build, "evidence": last.evidence, "verdict": last.verdict })
    });
    let predicate = json!({ "device": device.id, "revision": device.revision, "is": device.is,
        "build": device.build.build(), "verification": verification, "released": released,
        "waiver": waiver, "by": who.actor(), "at": now.to_string() });
    let failed = |error: auscult_dsse::Error| Problem::internal("sign a release record", &error);
    let payload = Statement::new(RECORD_TYPE, subject, predicate).write().map_err(failed)?;
    let envelope = Envelope::sign(PAYLOAD_TYPE, &payload, &key(app, who).await?);
    let text = serde_json::to_vec(&envelope);
    let text = text.map_err(|error| Problem::internal("write a release record", &error))?;
    let record = app.store.put_blob(who.organisation, &text, now).await?.sha256;
    Ok(CustodyStep::Release { released, record, seen: device.revision, waiver })
}

/// Nobody answers for his own release, and nobody who may not release the device.
async fn checked(
    app: &App,
    who: &Identity,
    device: &KeptDevice,
    waiver: WaiverInput,
) -> Answer<Waiver> {
    let approver = waiver.approver.trim();
    let account = app.store.account_by_name(who.organisation, approver).await?;
    let account = account.filter(|one| permissions(one).contains(&Permission::Devices));
    let account = account
        .filter(|one| !one.is.disabled)
        .ok_or_else(|| Problem::invalid("`approver` is no account that may release devices"))?;
    if !Reach::of(&account).has_device(app, who.organisation, device).await? {
        return Err(Problem::invalid("`approver` does not reach the device"));
    }
    if account.id == who.account.id {
        return Err(Problem::invalid("`approver` is the account that releases: it takes two"));
    }
    if waiver.until < today() {
        return Err(Problem::invalid("`until` is over already"));
    }
    let (approver, reason) = (account.is.name, waiver.reason.trim().to_owned());
    Ok(Waiver { approver, reason, until: waiver.until })
}

/// The key of the server, made when it is first needed.
async fn key(app: &App, who: &Identity) -> Answer<SigningKey> {
    let failed = |error: auscult_dsse::Error| Problem::internal("use the record key", &error);
    let new = SigningKey::from_seed(&random()?).to_pem().map_err(failed)?;
    let pem = app.store.record_key(who.organisation, &new).await?;
    SigningKey::from_pem(&pem).map_err(failed)
}

/// The public key that release records are checked with, PEM.
#[utoipa::path(get, path = "/api/v1/record-key", responses(
    (status = 200, description = "The key", content_type = "application/x-pem-file", body = String),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn record_key(State(app): State<App>, Caller(who): Caller) -> Answer<Response> {
    let pem = key(&app, &who).await?.public().to_pem();
    let pem = pem.map_err(|error| Problem::internal("write the record key", &error))?;
    Ok(([(header::CONTENT_TYPE, "application/x-pem-file")], pem).into_response())
}

/// The record of the last release of a device: an in-toto statement in a DSSE envelope. A text from
/// before the server signed records is handed out as it was kept.
#[utoipa::path(get, path = "/api/v1/devices/{device}/release-record",
    params(("device" = String, Path)), responses(
    (status = 200, description = "The record", body = Object),
    (status = 404, description = "It was never released", body = ProblemBody)))]
pub(crate) async fn record(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
) -> Answer<Response> {
    found(&app, &who, id).await?;
    let events = app.store.device_events(who.organisation, id).await?;
    let last = events.iter().rev().find(|event| event.action == "release");
    let record = last.and_then(|event| event.detail.get("record")?.as_str()?.parse().ok());
    let record = record.ok_or_else(|| Problem::not_found("release record"))?;
    let text = app.store.get_blob(who.organisation, record, RECORD_BYTES_MAX).await?;
    let is_signed = serde_json::from_slice::<Envelope>(&text).is_ok();
    let kind = if is_signed { "application/json" } else { "text/plain; charset=utf-8" };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
