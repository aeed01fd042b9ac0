//! The check-in station: which devices are not in service, and one of them, readable across a room.

use askama::Template;
use auscult_model::{DeviceIdentity, Udi};
use auscult_store::{
    Custody, DeviceFilter, DeviceId, KeptDevice, KeptWaiver, PageRequest, Verification,
};
use axum::{
    extract::{Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{
    Frame,
    devices::{name, place, tone},
    form::{Fields, lead_on, told, with_file},
    render, text,
};
use crate::{
    access::{Caller, Identity, Permission},
    api::{Asked, Id, VerdictOfDevice, find_device, issue_challenge, kept_verdict, take_evidence},
    evaluate::today,
    problem::Answer,
    state::App,
};

/// Devices that are listed in each state.
const LISTED: u32 = 200;
/// Items of a verdict that are named; the file has all of them.
const ITEMS: usize = 40;

/// A device that is not in service, or is so by a waiver.
struct StationRow {
    href: String,
    name: String,
    place: String,
    custody: &'static str,
    tone: &'static str,
    /// Who answers for it until when.
    waiver: String,
    is_expired: bool,
}

impl StationRow {
    fn of(device: &KeptDevice) -> Self {
        Self {
            href: format!("/devices/{}/check-in", device.id),
            name: name(device),
            place: place(device),
            custody: device.custody.word(),
            tone: tone(device),
            waiver: String::new(),
            is_expired: false,
        }
    }
}

#[derive(Template)]
#[template(path = "station.html")]
struct StationPage {
    frame: Frame,
    q: String,
    /// Whether nothing was found by what was asked for.
    is_unknown: bool,
    found: Vec<StationRow>,
    waiting: Vec<StationRow>,
    waived: Vec<StationRow>,
}

/// What is scanned or typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sought {
    q: String,
}

pub(super) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(Sought { q }): Asked<Sought>,
) -> Answer<Response> {
    let found = sought(&app, &who, q.trim()).await?;
    if let [device] = found.as_slice() {
        return Ok(Redirect::to(&format!("/devices/{}/check-in", device.id)).into_response());
    }
    let mut waiting = Vec::new();
    for custody in [Custody::Returned, Custody::Held, Custody::CheckedOut] {
        let (custody, within) = (Some(custody.word().to_owned()), who.within());
        let filter = DeviceFilter { custody, within, ..DeviceFilter::default() };
        let page =
            app.store.devices(who.organisation, &filter, &PageRequest::first(LISTED)).await?;
        waiting.extend(page.items.iter().map(StationRow::of));
    }
    let page = StationPage {
        frame: Frame::of(&app, "Check-in", "/check-in", &who).await?,
        is_unknown: !q.trim().is_empty() && found.is_empty(),
        found: found.iter().map(StationRow::of).collect(),
        waiting,
        waived: waived(&app, &who).await?,
        q,
    };
    render(&page)
}

/// Devices by a barcode (UDI), an asset tag, or a text that stands anywhere in what is known of them.
async fn sought(app: &App, who: &Identity, q: &str) -> Answer<Vec<KeptDevice>> {
    if q.is_empty() {
        return Ok(Vec::new());
    }
    let mut identities = vec![DeviceIdentity::AssetTag(q.to_lowercase())];
    if let Ok(Udi { device_identifier, serial: Some(serial), .. }) = Udi::parse(q, today()) {
        let (di, serial) = (device_identifier.to_lowercase(), serial.to_lowercase());
        identities.push(DeviceIdentity::Udi(di, serial));
    }
    let mut exact = Vec::new();
    for device in app.store.devices_with(who.organisation, &identities).await? {
        if who.reach.has_device(app, who.organisation, &device).await? {
            exact.push(device);
        }
    }
    if !exact.is_empty() {
        return Ok(exact);
    }
    let (text, within) = (Some(q.to_owned()), who.within());
    let filter = DeviceFilter { text, within, ..DeviceFilter::default() };
    let request = PageRequest::first(LISTED);
    Ok(app.store.devices(who.organisation, &filter, &request).await?.items)
}

/// Devices in service by a waiver, those first whose waiver ended or ends first.
async fn waived(app: &App, who: &Identity) -> Answer<Vec<StationRow>> {
    let mut rows = Vec::new();
    for KeptWaiver { device, is } in app.store.waivers(who.organisation, who.within()).await? {
        let Some(device) = app.store.device(who.organisation, device).await? else { continue };
        rows.push(StationRow {
            waiver: format!("{} until {}: {}", is.approver, is.until, is.reason),
            is_expired: is.until < today(),
            ..StationRow::of(&device)
        });
    }
    Ok(rows)
}

/// What the sign over a device says.
struct Sign {
    word: &'static str,
    /// What that means, in a line.
    meaning: String,
    tone: &'static str,
}

impl Sign {
    fn of(device: &KeptDevice, last: Option<&Verification>, waiver: Option<&KeptWaiver>) -> Self {
        let sign = |word, meaning: &str, tone| Self { word, meaning: meaning.to_owned(), tone };
        match (device.custody, waiver) {
            (Custody::InService, Some(waiver)) if waiver.is.until < today() => {
                let meaning =
                    format!("The waiver of {} ended on {}.", waiver.is.approver, waiver.is.until);
                Self { word: "WAIVER ENDED", meaning, tone: "bad" }
            }
            (Custody::InService, Some(waiver)) => {
                let meaning =
                    format!("{} answers for it until {}.", waiver.is.approver, waiver.is.until);
                Self { word: "IN SERVICE", meaning, tone: "warn" }
            }
            (Custody::InService, None) => sign("IN SERVICE", "It may be connected.", "good"),
            (Custody::CheckedOut, _) => sign("AWAY", "Somebody else has it.", ""),
            (Custody::Held, _) => sign("HOLD", "Do not connect it.", "bad"),
            (Custody::Returned, _) if last.is_some_and(|last| last.outcome == "pass") => {
                sign("PASS", "It is what was approved. Release it, then connect it.", "good")
            }
            (Custody::Returned, _) => sign("NOT VERIFIED", "Do not connect it yet.", "warn"),
        }
    }
}

/// An item of a verdict, as it is shown.
struct ItemRow {
    outcome: &'static str,
    tone: &'static str,
    subject: String,
    reason: String,
    meaning: String,
}

/// The last verdict.
#[derive(Default)]
struct Judged {
    at: String,
    actor: String,
    outcome: String,
    level: String,
    href: String,
    passed: u64,
    failed: u64,
    not_measured: u64,
    items: Vec<ItemRow>,
    more: usize,
}

impl Judged {
    fn of(device: DeviceId, kept: &Verification, verdict: &VerdictOfDevice) -> Self {
        let mut items: Vec<ItemRow> = verdict
            .wrong()
            .map(|item| ItemRow {
                outcome: if item.outcome == "fail" { "FAIL" } else { "not measured" },
                tone: if item.outcome == "fail" { "bad" } else { "warn" },
                subject: item.subject.clone(),
                reason: item.reason.clone(),
                meaning: item.meaning.clone(),
            })
            .collect();
        items.sort_by_key(|item| item.tone);
        let more = items.len().saturating_sub(ITEMS);
        items.truncate(ITEMS);
        let sum =
            |count: fn(&crate::api::VerdictGroup) -> u64| verdict.groups.iter().map(count).sum();
        Self {
            at: text::time(kept.at),
            actor: kept.actor.clone(),
            outcome: kept.outcome.clone(),
            level: verdict.level.clone(),
            href: format!("/api/v1/devices/{device}/verifications/{}", kept.revision),
            passed: sum(|group| group.passed),
            failed: sum(|group| group.failed),
            not_measured: sum(|group| group.not_measured),
            items,
            more,
        }
    }
}

#[derive(Template)]
#[template(path = "check_in.html")]
struct CheckInPage {
    frame: Frame,
    id: String,
    name: String,
    place: String,
    custody: &'static str,
    sign: Sign,
    build: Option<String>,
    basis: &'static str,
    references: usize,
    /// Whether a challenge is open.
    is_asked: bool,
    judged: Option<Judged>,
    may_step: bool,
    error: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
) -> Answer<Response> {
    page(&app, &who, id, None).await
}

async fn page(app: &App, who: &Identity, id: DeviceId, error: Option<String>) -> Answer<Response> {
    let device = find_device(app, who, id).await?;
    let of = who.organisation;
    let events = app.store.device_events(of, id).await?;
    let back = events.iter().rev().find(|event| event.action == "return");
    let back = back.map_or(0, |event| event.revision);
    let verifications = app.store.verifications(of, id).await?;
    let last = verifications.first().filter(|last| last.revision > back);
    let waivers = app.store.waivers(of, who.within()).await?;
    let waiver = waivers.iter().find(|waiver| waiver.device == id);
    let judged = match last {
        Some(last) => Some(Judged::of(id, last, &kept_verdict(app, who, last).await?)),
        None => None,
    };
    let build = device.build.build();
    let references = match build {
        Some(build) => app.store.references(of, build).await?.len(),
        None => 0,
    };
    let name = name(&device);
    let page = CheckInPage {
        frame: Frame::of(app, &format!("Check-in of {name}"), "/check-in", who).await?,
        id: id.to_string(),
        place: place(&device),
        custody: device.custody.word(),
        sign: Sign::of(&device, last, waiver),
        build: build.map(|build| build.to_string()),
        basis: device.build.basis(),
        references,
        is_asked: app.store.open_challenge(of, id).await?.is_some(),
        judged,
        may_step: who.may(Permission::Devices),
        error,
        name,
    };
    render(&page)
}

/// Shows the page of a device again with what was wrong, or goes back to it.
async fn back(app: &App, who: &Identity, id: DeviceId, done: Answer<()>) -> Answer<Response> {
    let done = done.map(|()| format!("/devices/{id}/check-in"));
    lead_on(done, async |problem| page(app, who, id, Some(told(problem))).await).await
}

/// Asks the device: issues a challenge.
pub(super) async fn ask(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
    request: Request,
) -> Answer<Response> {
    Fields::of(&who, request).await?;
    let done = issue_challenge(&app, &who, id).await.map(drop);
    back(&app, &who, id, done).await
}

/// Takes the evidence of a form. Its token comes first, so that nothing is read for a stranger.
pub(super) async fn answer(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
    request: Request,
) -> Answer<Response> {
    find_device(&app, &who, id).await?;
    let taken = with_file(&who, request, async |_, file| {
        take_evidence(&app, &who, id, file).await.map(drop)
    });
    let done = taken.await;
    back(&app, &who, id, done).await
}
