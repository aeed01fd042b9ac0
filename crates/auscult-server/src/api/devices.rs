//! Devices: what is known of each, which build runs on it, where it is, and what happened to it.

use auscult_model::Device;
use auscult_store::{
    BuildId, CustodyStep, DeviceBuild, DeviceEvent, DeviceFilter, DeviceId, DeviceUpdate,
    KeptDevice, Released,
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    builds::find as find_build,
    extract::{Asked, Body, Id, Paging},
    release::{self, WaiverInput},
    views::{ListView, placed},
};
use crate::{
    access::{Caller, Identity},
    evaluate::today,
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// A device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceView {
    pub(crate) id: String,
    /// What is known of it; a field that is not there is unknown.
    #[schema(value_type = Object)]
    pub(crate) fields: Device,
    /// Which build runs on it.
    pub(crate) build: DeviceBuildView,
    /// `in-service`, `checked-out`, `returned` or `held`.
    pub(crate) custody: &'static str,
    /// Whether its maintenance is overdue; absent where nobody said when it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) overdue: Option<bool>,
    /// Counts its changes; a change names the one that it was made from.
    pub(crate) revision: i64,
    pub(crate) created_at: String,
    pub(crate) changed_at: String,
}

/// Which build runs on a device, and how that is known.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceBuildView {
    /// `unknown`, `inferred` or `exact`.
    pub(crate) basis: String,
    /// The build; absent where it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) build: Option<String>,
    /// From what it is known, or who says so.
    #[serde(default)]
    pub(crate) why: String,
}

impl From<KeptDevice> for DeviceView {
    fn from(device: KeptDevice) -> Self {
        Self {
            id: device.id.to_string(),
            overdue: device.is.is_overdue(today()),
            fields: device.is,
            build: DeviceBuildView {
                basis: device.build.basis().to_owned(),
                build: device.build.build().map(|build| build.to_string()),
                why: device.build.why().to_owned(),
            },
            custody: device.custody.word(),
            revision: device.revision,
            created_at: device.created_at.to_string(),
            changed_at: device.changed_at.to_string(),
        }
    }
}

impl DeviceBuildView {
    fn read(self) -> Answer<DeviceBuild> {
        let build = self.build.map(|text| text.parse::<BuildId>()).transpose();
        let build = build.map_err(|_| Problem::not_found("build"))?;
        match (self.basis.as_str(), build) {
            ("unknown", None) => Ok(DeviceBuild::Unknown),
            ("inferred" | "exact", Some(_)) if self.why.trim().is_empty() => {
                Err(Problem::invalid("`why` is empty: say from what the build is known"))
            }
            ("inferred", Some(build)) => Ok(DeviceBuild::Inferred { build, why: self.why }),
            ("exact", Some(build)) => Ok(DeviceBuild::Exact { build, why: self.why }),
            _ => Err(Problem::invalid(
                "`basis` is `unknown` without a build, or `inferred` or `exact` with one",
            )),
        }
    }
}

/// Which devices are wanted: every part that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct DevicesInput {
    pub(crate) manufacturer: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) site: Option<String>,
    pub(crate) department: Option<String>,
    /// The system that they are parts of.
    pub(crate) system: Option<String>,
    pub(crate) status: Option<String>,
    /// `in-service`, `checked-out`, `returned` or `held`.
    pub(crate) custody: Option<String>,
    /// How the build is known: `unknown`, `inferred` or `exact`.
    pub(crate) basis: Option<String>,
    /// The id of the build that they run.
    pub(crate) build: Option<String>,
    /// Those whose maintenance is overdue today.
    pub(crate) overdue: Option<bool>,
    /// A text that stands anywhere in what is known of them.
    pub(crate) q: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<u32>,
}

impl DevicesInput {
    pub(crate) fn filter(&self, who: &Identity) -> Answer<DeviceFilter> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let build = said(&self.build).map(|text| text.parse::<BuildId>()).transpose();
        Ok(DeviceFilter {
            manufacturer: said(&self.manufacturer),
            model: said(&self.model),
            site: said(&self.site),
            department: said(&self.department),
            system: said(&self.system),
            status: said(&self.status),
            custody: said(&self.custody),
            basis: said(&self.basis),
            build: build.map_err(|_| Problem::not_found("build"))?,
            due_before: self.overdue.unwrap_or(false).then(today),
            text: said(&self.q),
            within: who.within(),
        })
    }
}

/// Lists devices.
#[utoipa::path(get, path = "/api/v1/devices", params(DevicesInput), responses(
    (status = 200, description = "A page of devices", body = ListView<DeviceView>),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(input): Asked<DevicesInput>,
) -> Answer<Json<ListView<DeviceView>>> {
    let filter = input.filter(&who)?;
    let request = Paging { after: input.after, limit: input.limit }.request()?;
    let page = app.store.devices(who.organisation, &filter, &request).await?;
    Ok(Json(ListView::of(page, DeviceView::from)))
}

/// Makes a device. The body is its fields.
#[utoipa::path(post, path = "/api/v1/devices", request_body = Object, responses(
    (status = 201, description = "The device", body = DeviceView),
    (status = 409, description = "There is one of this identity", body = ProblemBody),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(who): Caller,
    Body(is): Body<Device>,
) -> Answer<Response> {
    if let Some(why) = who.reach.refusal_of_new(&is) {
        return Err(Problem::invalid(why));
    }
    let now = Timestamp::now();
    let device = app.store.create_device(who.organisation, &is, &who.actor(), now).await?;
    let path = format!("/api/v1/devices/{}", device.id);
    placed(StatusCode::CREATED, &path, DeviceView::from(device))
}

/// Shows a device.
#[utoipa::path(get, path = "/api/v1/devices/{device}", params(("device" = String, Path)), responses(
    (status = 200, description = "The device", body = DeviceView),
    (status = 404, description = "There is none", body = ProblemBody)))]
pub(crate) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
) -> Answer<Json<DeviceView>> {
    found(&app, &who, id).await.map(|device| Json(device.into()))
}

/// A device within the caller's reach.
pub(crate) async fn found(app: &App, who: &Identity, id: DeviceId) -> Answer<KeptDevice> {
    let missing = || Problem::not_found("device");
    let device = app.store.device(who.organisation, id).await?.ok_or_else(missing)?;
    let is_reached = who.reach.has_device(app, who.organisation, &device).await?;
    if is_reached { Ok(device) } else { Err(missing()) }
}

/// What a device becomes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceInput {
    /// The revision that the change was made from.
    revision: i64,
    /// Everything that is known of it; what is left out becomes unknown.
    #[schema(value_type = Object)]
    fields: Device,
}

/// Changes what is known of a device.
#[utoipa::path(put, path = "/api/v1/devices/{device}", params(("device" = String, Path)),
    request_body = DeviceInput, responses(
    (status = 200, description = "The device", body = DeviceView),
    (status = 404, description = "There is none", body = ProblemBody),
    (status = 409, description = "Somebody else was faster, or it would be another's double", body = ProblemBody)))]
pub(crate) async fn change(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
    Body(DeviceInput { revision, fields }): Body<DeviceInput>,
) -> Answer<Json<DeviceView>> {
    let before = found(&app, &who, id).await?;
    if before.revision != revision {
        // Where it was at another revision is not known to be reached.
        let (expected, found) = (revision, before.revision);
        return Err(auscult_store::Error::Changed { what: "device", expected, found }.into());
    }
    if let Some(why) = who.reach.refusal_of(&fields) {
        return Err(Problem::invalid(why));
    }
    let update = DeviceUpdate { id, expected: revision, is: fields };
    app.store.update_device(who.organisation, &update, &who.actor(), Timestamp::now()).await?;
    found(&app, &who, id).await.map(|device| Json(device.into()))
}

/// Says which build runs on a device.
#[utoipa::path(put, path = "/api/v1/devices/{device}/build", params(("device" = String, Path)),
    request_body = DeviceBuildView, responses(
    (status = 200, description = "The device", body = DeviceView),
    (status = 404, description = "There is no such device or build", body = ProblemBody)))]
pub(crate) async fn set_build(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
    Body(input): Body<DeviceBuildView>,
) -> Answer<Json<DeviceView>> {
    place_build(&app, &who, id, input).await?;
    found(&app, &who, id).await.map(|device| Json(device.into()))
}

pub(crate) async fn place_build(
    app: &App,
    who: &Identity,
    id: DeviceId,
    input: DeviceBuildView,
) -> Answer<()> {
    found(app, who, id).await?;
    let (build, now) = (input.read()?, Timestamp::now());
    match build.build() {
        Some(build) => drop(find_build(app, who, build).await?),
        None if who.reach.has_all_products() => {}
        None => {
            let why = "you reach only devices that run builds of your products";
            return Err(Problem::invalid(why));
        }
    }
    app.store.set_device_build(who.organisation, id, &build, &who.actor(), now).await?;
    Ok(())
}

/// Something that happened to a device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceEventView {
    /// The revision that it made.
    pub(crate) revision: i64,
    pub(crate) at: String,
    /// Who did it.
    pub(crate) actor: String,
    /// What was done.
    pub(crate) action: String,
    /// What exactly.
    #[schema(value_type = Object)]
    pub(crate) detail: serde_json::Value,
}

impl From<DeviceEvent> for DeviceEventView {
    fn from(event: DeviceEvent) -> Self {
        let DeviceEvent { revision, at, actor, action, detail } = event;
        Self { revision, at: at.to_string(), actor, action, detail }
    }
}

/// Tells everything that happened to a device, the oldest first.
#[utoipa::path(get, path = "/api/v1/devices/{device}/history", params(("device" = String, Path)),
    responses(
    (status = 200, description = "The events", body = Vec<DeviceEventView>),
    (status = 404, description = "There is none", body = ProblemBody)))]
pub(crate) async fn history(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
) -> Answer<Json<Vec<DeviceEventView>>> {
    found(&app, &who, id).await?;
    let events = app.store.device_events(who.organisation, id).await?;
    Ok(Json(events.into_iter().map(DeviceEventView::from).collect()))
}

/// A step of a device out of the house or back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum CustodyInput {
    /// It is handed out.
    CheckOut {
        /// Who takes it.
        custodian: String,
        /// Why.
        reason: String,
        /// The number of the order.
        #[serde(default)]
        work_order: String,
    },
    /// It is back, or came for the first time.
    Return {
        /// What was said or seen.
        #[serde(default)]
        note: String,
    },
    /// It is not released.
    Hold {
        /// Why.
        reason: String,
    },
    /// It may be connected again.
    Release {
        /// As what.
        #[schema(value_type = String)]
        released: Released,
        /// Who answers for it, where it is released `under-waiver`. `unchanged` and `with-change` take a
        /// verification that passed since it came back.
        #[serde(default)]
        waiver: Option<WaiverInput>,
    },
}

/// Takes a device a step further: `check-out`, `return`, `hold`, `release`.
#[utoipa::path(post, path = "/api/v1/devices/{device}/custody", params(("device" = String, Path)),
    request_body = CustodyInput, responses(
    (status = 200, description = "The device", body = DeviceView),
    (status = 404, description = "There is none", body = ProblemBody),
    (status = 422, description = "The step does not follow on where it is", body = ProblemBody)))]
pub(crate) async fn step(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
    Body(input): Body<CustodyInput>,
) -> Answer<Json<DeviceView>> {
    take_step(&app, &who, id, input).await?;
    found(&app, &who, id).await.map(|device| Json(device.into()))
}

/// Takes a device a step further. A release record is signed and kept before the device is released.
pub(crate) async fn take_step(
    app: &App,
    who: &Identity,
    id: DeviceId,
    input: CustodyInput,
) -> Answer<()> {
    let device = found(app, who, id).await?;
    let step = match input {
        CustodyInput::CheckOut { custodian, reason, work_order } => {
            CustodyStep::CheckOut { custodian, reason, work_order, as_left: None }
        }
        CustodyInput::Return { note } => CustodyStep::Return { note },
        CustodyInput::Hold { reason } => CustodyStep::Hold { reason, verdict: None },
        CustodyInput::Release { released, waiver } => {
            release::step(app, who, &device, released, waiver).await?
        }
    };
    app.store.step_custody(who.organisation, id, &step, &who.actor(), Timestamp::now()).await?;
    Ok(())
}
