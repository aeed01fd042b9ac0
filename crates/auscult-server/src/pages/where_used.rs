//! Where something is: a vulnerability or a component.

use askama::Template;
use auscult_store::DevicesAtPlace;
use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::{Frame, builds::BuildRow, render, text};
use crate::{
    access::Caller,
    api::Asked,
    fleet::{DeviceCounts, Fleet, Use, wards, with_devices},
    problem::Answer,
    state::App,
};

/// A build that holds it.
pub(super) struct UseRow {
    pub(super) build: BuildRow,
    pub(super) versions: String,
    pub(super) devices: u64,
    devices_href: String,
    /// Findings: link, what it is, and how it stands.
    findings: Vec<(String, String, String, &'static str)>,
    more: usize,
}

impl UseRow {
    /// Findings that are listed.
    const SHOWN: usize = 5;

    pub(super) fn of(found: &Use<'_>, devices: &DeviceCounts) -> Self {
        let id = found.row.build.id.to_string();
        let shown = found.touches.iter().take(Self::SHOWN).map(|touch| {
            let name = touch.ids.first().map_or("", String::as_str);
            let href = text::finding_href(&id, name, &touch.component);
            let (state, tone) = match (touch.is_open, touch.outcome.as_str()) {
                (false, _) => ("closed".to_owned(), "good"),
                (true, outcome @ ("immediate" | "out-of-cycle")) => (outcome.to_owned(), "bad"),
                (true, outcome) => (outcome.to_owned(), "warn"),
            };
            (href, format!("{name} in {} {}", touch.component, touch.version), state, tone)
        });
        Self {
            build: BuildRow::of(found.row),
            versions: found.versions.join(", "),
            devices: devices.running(found.row.build.id),
            devices_href: format!("/devices?build={id}"),
            findings: shown.collect(),
            more: found.touches.len().saturating_sub(Self::SHOWN),
        }
    }
}

#[derive(Template)]
#[template(path = "where_used.html")]
struct WhereUsedPage {
    frame: Frame,
    q: String,
    rows: Vec<UseRow>,
    devices: u64,
    devices_of_unknown_build: u64,
    /// Places with the number of devices, the most first.
    wards: Vec<(String, u64)>,
    silent: usize,
    known: bool,
    builds: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    pub(super) q: String,
}

pub(super) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(Wanted { q }): Asked<Wanted>,
) -> Answer<Response> {
    let wanted = q.trim().to_owned();
    let fleet = Fleet::of(&app, who.organisation, who.within()).await?;
    let advisories = app.evaluator.advisories(&app, who.organisation).await?;
    let is_asked = !wanted.is_empty() && wanted.len() <= 200;
    let found = if is_asked { fleet.where_used(&app, &wanted) } else { Vec::new() };
    let devices = DeviceCounts::of(&app, who.organisation, who.within()).await?;
    let builds = with_devices(&found, &devices);
    let wards = wards(&app, &who, &builds).await?;
    let place = |one: DevicesAtPlace| {
        let parts: Vec<String> = [one.site, one.department].into_iter().flatten().collect();
        let place = if parts.is_empty() { "unknown place".to_owned() } else { parts.join(" · ") };
        (place, one.devices)
    };
    let page = WhereUsedPage {
        devices: builds.iter().map(|build| devices.running(*build)).sum(),
        devices_of_unknown_build: devices.of_unknown_build(),
        wards: wards.into_iter().map(place).collect(),
        frame: Frame::of(&app, "Where used", "/where-used", &who).await?,
        rows: found.iter().map(|found| UseRow::of(found, &devices)).collect(),
        silent: fleet.silent(),
        known: is_asked && advisories.judge.knows(&wanted)?,
        builds: fleet.rows.len(),
        q: wanted,
    };
    render(&page)
}
