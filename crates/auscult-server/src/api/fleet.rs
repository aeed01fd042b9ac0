//! Where something is: from a vulnerability or a component to builds.

use auscult_store::DevicesAtPlace;
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::Asked;
use crate::{
    access::Caller,
    fleet::{DeviceCounts, Fleet, Use, wards, with_devices},
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// The id of a vulnerability, by any of its names, or the name of a component.
    q: String,
}

/// The builds in which something is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WhereUsedView {
    /// Builds that hold it, the newest first.
    pub(crate) uses: Vec<UseView>,
    /// Where the devices are that run one of these builds, the most first. Where it is open does not
    /// matter: a decision may be wrong.
    pub(crate) wards: Vec<WardView>,
    /// Builds of which nobody can say, as they are not inspected or not judged yet.
    pub(crate) unknown: usize,
    /// Devices of which nobody knows the build: each may run one of these.
    pub(crate) devices_of_unknown_build: u64,
    /// Whether the advisories know a vulnerability of this name. Where they do not, that no build is
    /// listed says nothing.
    pub(crate) advisories_know_it: bool,
}

/// Devices in one place.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WardView {
    pub(crate) site: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) devices: u64,
}

impl From<DevicesAtPlace> for WardView {
    fn from(one: DevicesAtPlace) -> Self {
        Self { site: one.site, department: one.department, devices: one.devices }
    }
}

/// A build that holds it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UseView {
    /// The build's id.
    pub(crate) build: String,
    pub(crate) label: String,
    /// The product's id.
    pub(crate) product: String,
    pub(crate) product_name: String,
    /// Versions of the component in it.
    pub(crate) versions: Vec<String>,
    /// Findings that are open.
    pub(crate) open: usize,
    /// Findings that do not apply or are repaired.
    pub(crate) closed: usize,
    /// Devices that are known to run it.
    pub(crate) devices: u64,
}

impl UseView {
    fn of(found: &Use<'_>, devices: &DeviceCounts) -> Self {
        let open = found.touches.iter().filter(|touch| touch.is_open).count();
        Self {
            build: found.row.build.id.to_string(),
            label: found.row.build.label.clone(),
            product: found.row.build.product.to_string(),
            product_name: found.row.product.clone(),
            versions: found.versions.iter().map(|version| (*version).to_owned()).collect(),
            open,
            closed: found.touches.len() - open,
            devices: devices.running(found.row.build.id),
        }
    }
}

/// Tells which builds a vulnerability touches, or which hold a component.
#[utoipa::path(get, path = "/api/v1/where-used", params(Wanted), responses(
    (status = 200, description = "The builds", body = WhereUsedView),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn where_used(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(Wanted { q }): Asked<Wanted>,
) -> Answer<Json<WhereUsedView>> {
    let wanted = q.trim();
    if wanted.is_empty() || wanted.len() > 200 {
        return Err(Problem::invalid("`q` is empty or longer than 200 bytes"));
    }
    let fleet = Fleet::of(&app, who.organisation, who.within()).await?;
    let advisories = app.evaluator.advisories(&app, who.organisation).await?;
    let devices = DeviceCounts::of(&app, who.organisation, who.within()).await?;
    let uses = fleet.where_used(&app, wanted);
    let wards = wards(&app, &who, &with_devices(&uses, &devices)).await?;
    Ok(Json(WhereUsedView {
        uses: uses.iter().map(|found| UseView::of(found, &devices)).collect(),
        wards: wards.into_iter().map(WardView::from).collect(),
        unknown: fleet.silent(),
        devices_of_unknown_build: devices.of_unknown_build(),
        advisories_know_it: advisories.judge.knows(wanted)?,
    }))
}
