//! Systems: a device with its workstations and servers, as the devices themselves say.

use auscult_store::System;
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    extract::{Asked, Paging},
    views::ListView,
};
use crate::{
    access::Caller,
    evaluate::today,
    problem::{Answer, ProblemBody},
    state::App,
};

/// A system. It is there as long as a device says that it is a part of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SystemView {
    /// Its name; `/api/v1/devices?system=` lists its parts.
    pub(crate) name: String,
    /// Its parts.
    pub(crate) devices: u64,
    /// Those that are not in service: checked out, returned or held.
    pub(crate) out_of_service: u64,
    /// Those of which nobody knows the build: no advisory finds them.
    pub(crate) devices_of_unknown_build: u64,
    /// Those whose maintenance is overdue.
    pub(crate) overdue: u64,
}

impl From<System> for SystemView {
    fn from(system: System) -> Self {
        let System { name, devices, out_of_service, of_unknown_build, overdue } = system;
        Self { name, devices, out_of_service, devices_of_unknown_build: of_unknown_build, overdue }
    }
}

/// Lists systems by name.
#[utoipa::path(get, path = "/api/v1/systems", params(Paging), responses(
    (status = 200, description = "A page of systems", body = ListView<SystemView>),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<ListView<SystemView>>> {
    let request = paging.request()?;
    let page = app.store.systems(who.organisation, who.within(), today(), &request).await?;
    Ok(Json(ListView::of(page, SystemView::from)))
}
