//! Devices: the list with its filters, and one with what is known of it, where it is and all that
//! happened to it.

use askama::Template;
use auscult_model::DeviceField;
use auscult_store::{
    BuildFilter, DeviceEvent, DeviceFilter, DeviceId, KeptDevice, Page, PageRequest,
};
use axum::{
    extract::{Request, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    Frame,
    form::{Fields, lead_on},
    render, systems,
    text::{self, Pager},
};
use crate::{
    access::{Caller, Identity, Permission},
    api::{
        Asked, CustodyInput, DeviceBuildView, DevicesInput, Id, WaiverInput, find_device,
        page_request, place_build, take_step,
    },
    evaluate::today,
    problem::{Answer, Problem},
    state::App,
};

/// Entries of a page.
const LIMIT: u32 = 50;

/// A device in the list.
struct DeviceRow {
    href: String,
    name: String,
    model: String,
    place: String,
    build: &'static str,
    custody: &'static str,
    tone: &'static str,
    due: String,
    is_overdue: bool,
}

impl DeviceRow {
    fn of(device: &KeptDevice) -> Self {
        let said = |field| device.is.get(field).map(ToString::to_string);
        Self {
            href: format!("/devices/{}", device.id),
            name: name(device),
            model: joined(device, &[DeviceField::Manufacturer, DeviceField::Model]),
            place: place(device),
            build: device.build.basis(),
            custody: device.custody.word(),
            tone: tone(device),
            due: said(DeviceField::NextMaintenance).unwrap_or_default(),
            is_overdue: device.is.is_overdue(today()).unwrap_or(false),
        }
    }
}

fn joined(device: &KeptDevice, fields: &[DeviceField]) -> String {
    let said = fields.iter().filter_map(|field| device.is.get(*field));
    said.map(ToString::to_string).collect::<Vec<_>>().join(" · ")
}

/// Where a device is used.
pub(super) fn place(device: &KeptDevice) -> String {
    joined(device, &[DeviceField::Site, DeviceField::Department, DeviceField::Room])
}

/// What people call a device.
pub(super) fn name(device: &KeptDevice) -> String {
    let said = |field| device.is.text(field).map(ToOwned::to_owned);
    let tag = said(DeviceField::AssetTag);
    tag.or_else(|| said(DeviceField::Serial)).unwrap_or_else(|| device.id.to_string())
}

/// The name of a field for people: `udi_di` is "UDI DI".
pub(super) fn label(field: DeviceField) -> String {
    const SHORT: &[&str] = &[
        "aem", "di", "eol", "eos", "fda", "gmdn", "ip", "it", "mac", "mds2", "os", "phi", "pm",
        "udi", "vlan",
    ];
    let mut words = Vec::new();
    for (place, word) in field.name().split('_').enumerate() {
        let mut letters = word.chars();
        words.push(match letters.next() {
            _ if SHORT.contains(&word) => word.to_uppercase(),
            Some(first) if place == 0 => first.to_uppercase().chain(letters).collect(),
            _ => word.to_owned(),
        });
    }
    words.join(" ")
}

pub(super) fn tone(device: &KeptDevice) -> &'static str {
    use auscult_store::Custody::{CheckedOut, Held, InService, Returned};
    match device.custody {
        InService => "good",
        CheckedOut => "",
        Returned => "warn",
        Held => "bad",
    }
}

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    frame: Frame,
    rows: Vec<DeviceRow>,
    filter: DevicesInput,
    pager: Pager,
    may_import: bool,
}

impl DevicesPage {
    fn is_chosen(&self) -> bool {
        self.filter != DevicesInput::default()
    }
}

pub(super) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(filter): Asked<DevicesInput>,
) -> Answer<Response> {
    let request = page_request(filter.after.as_deref(), LIMIT);
    let page = app.store.devices(who.organisation, &filter.filter(&who)?, &request).await?;
    let page = DevicesPage {
        frame: Frame::of(&app, "Devices", "/devices", &who).await?,
        rows: page.items.iter().map(DeviceRow::of).collect(),
        pager: pager(&page, &filter),
        may_import: who.may(Permission::Devices),
        filter: DevicesInput { after: None, ..filter },
    };
    render(&page)
}

fn pager(page: &Page<KeptDevice>, filter: &DevicesInput) -> Pager {
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let overdue = filter.overdue.map(|overdue| overdue.to_string()).unwrap_or_default();
    let pairs = [
        ("manufacturer", said(&filter.manufacturer)),
        ("model", said(&filter.model)),
        ("site", said(&filter.site)),
        ("department", said(&filter.department)),
        ("system", said(&filter.system)),
        ("status", said(&filter.status)),
        ("custody", said(&filter.custody)),
        ("basis", said(&filter.basis)),
        ("build", said(&filter.build)),
        ("overdue", overdue),
        ("q", said(&filter.q)),
    ];
    let pairs: Vec<(&str, &String)> = pairs.iter().map(|(name, value)| (*name, value)).collect();
    Pager::of_page(page, &pairs).with_file("/devices.csv")
}

/// Something that happened, as it is shown.
struct EventRow {
    at: String,
    actor: String,
    action: String,
    lines: Vec<String>,
}

impl EventRow {
    fn of(event: &DeviceEvent) -> Self {
        let detail = &event.detail;
        let change = |change: &serde_json::Value| {
            let part = |name: &str| shown(change.get(name));
            format!("{}: {} → {}", part("field"), part("old"), part("new"))
        };
        let lines = match (detail.get("changes"), event.action.as_str()) {
            (Some(changes), _) => changes.as_array().into_iter().flatten().map(change).collect(),
            (None, "create") => Vec::new(),
            (None, "build") => {
                let told = |side: &str| {
                    let part = |name: &str| shown(detail.get(side).and_then(|side| side.get(name)));
                    format!("{} {}", part("basis"), part("why")).trim().to_owned()
                };
                vec![format!("{} → {}", told("old"), told("new"))]
            }
            (None, _) => {
                let fields = detail.as_object().into_iter().flatten();
                let said = fields.filter(|(_, value)| !value.is_null() && **value != "");
                said.map(|(name, value)| format!("{name}: {}", shown(Some(value)))).collect()
            }
        };
        let (actor, action) = (event.actor.clone(), event.action.clone());
        Self { at: text::time(event.at), actor, action, lines }
    }
}

fn shown(value: Option<&serde_json::Value>) -> String {
    match value {
        None | Some(serde_json::Value::Null) => "unknown".to_owned(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    frame: Frame,
    id: String,
    name: String,
    custody: &'static str,
    tone: &'static str,
    /// Labels, meanings and values.
    known: Vec<(String, &'static str, String)>,
    unknown: Vec<String>,
    basis: &'static str,
    /// What somebody most likely says next of how the build is known.
    likely: &'static str,
    build: Option<String>,
    why: String,
    is_overdue: bool,
    events: Vec<EventRow>,
    may_step: bool,
    error: Option<String>,
    system: Option<SystemParts>,
    /// Ids and names of builds that may run on it, the newest first.
    builds: Vec<(String, String)>,
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
    let mut events = app.store.device_events(who.organisation, id).await?;
    events.reverse();
    let known = device
        .is
        .iter()
        .map(|(field, value)| (label(field), field.meaning(), value.to_string()))
        .collect();
    let unknown = DeviceField::ALL.iter().filter(|field| device.is.get(**field).is_none());
    let system = system(app, who, &device).await?;
    let name = name(&device);
    let may_step = who.may(Permission::Devices);
    let builds = if may_step { builds_to_choose(app, who).await? } else { Vec::new() };
    let page = DevicePage {
        frame: Frame::of(app, &name, "/devices", who).await?,
        id: id.to_string(),
        name,
        custody: device.custody.word(),
        tone: tone(&device),
        known,
        unknown: unknown.map(|field| label(*field)).collect(),
        basis: device.build.basis(),
        likely: if device.build.build().is_some() { device.build.basis() } else { "exact" },
        build: device.build.build().map(|build| build.to_string()),
        why: device.build.why().to_owned(),
        is_overdue: device.is.is_overdue(today()).unwrap_or(false),
        events: events.iter().map(EventRow::of).collect(),
        may_step,
        error,
        system,
        builds,
    };
    render(&page)
}

/// The system that a device is a part of, with the other parts.
struct SystemParts {
    name: String,
    /// Where all are listed.
    href: String,
    /// What the device is in it.
    role: String,
    others: Vec<PartRow>,
    /// Whether there are more.
    has_more: bool,
}

/// Another part of a system.
struct PartRow {
    role: String,
    is: DeviceRow,
}

async fn system(app: &App, who: &Identity, device: &KeptDevice) -> Answer<Option<SystemParts>> {
    /// Parts that are named.
    const PARTS: u32 = 20;
    let Some(name) = device.is.text(DeviceField::System) else { return Ok(None) };
    let (system, within) = (Some(name.to_owned()), who.within());
    let filter = DeviceFilter { system, within, ..DeviceFilter::default() };
    let page = app.store.devices(who.organisation, &filter, &PageRequest::first(PARTS)).await?;
    let role =
        |part: &KeptDevice| part.is.text(DeviceField::SystemRole).unwrap_or_default().to_owned();
    let others = page.items.iter().filter(|part| part.id != device.id);
    let others = others.map(|part| PartRow { role: role(part), is: DeviceRow::of(part) });
    Ok(Some(SystemParts {
        href: systems::href(name),
        name: name.to_owned(),
        role: role(device),
        others: others.collect(),
        has_more: page.next.is_some(),
    }))
}

/// The newest builds, by product and label.
async fn builds_to_choose(app: &App, who: &Identity) -> Answer<Vec<(String, String)>> {
    /// Whoever looks for an older one says it by the REST interface, or imports an inventory.
    const BUILDS: u32 = 500;
    let products = crate::fleet::products(app, who.organisation, who.within()).await?;
    let request = PageRequest::first(BUILDS);
    let filter = BuildFilter::Reached(who.within());
    let page = app.store.builds(who.organisation, filter, &request).await?;
    let named = page.items.iter().map(|build| {
        let product = products.get(&build.product).map(String::as_str).unwrap_or_default();
        (build.id.to_string(), format!("{product} {}", build.label))
    });
    Ok(named.collect())
}

/// Says which build runs on a device.
pub(super) async fn build(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let given = |name: &str| fields.get(name).trim().to_owned();
    let input = DeviceBuildView {
        basis: given("basis"),
        build: Some(given("build")).filter(|build| !build.is_empty()),
        why: given("why"),
    };
    let done = place_build(&app, &who, id, input).await;
    back(&app, &who, id, done, format!("/devices/{id}")).await
}

/// Leads on to a path, or shows the device with what was wrong.
async fn back(
    app: &App,
    who: &Identity,
    id: DeviceId,
    done: Answer<()>,
    path: String,
) -> Answer<Response> {
    let again = async |problem: Problem| page(app, who, id, Some(problem.detail)).await;
    lead_on(done.map(|()| path), again).await
}

/// The step of a form.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Step {
    CheckOut,
    Return,
    Hold,
    Release,
}

/// The waiver of a form; none where nobody is named who answers for the device.
fn waiver(given: impl Fn(&str) -> String) -> Answer<Option<WaiverInput>> {
    let approver = given("approver");
    if approver.is_empty() {
        return Ok(None);
    }
    let until = given("until").parse();
    let until = until.map_err(|_| Problem::invalid("say until which day the waiver holds"))?;
    Ok(Some(WaiverInput { approver, reason: given("reason"), until }))
}

pub(super) async fn step(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<DeviceId>,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let given = |name: &str| fields.get(name).trim().to_owned();
    let step = serde_json::from_value(serde_json::Value::String(given("step")));
    let input = match step.map_err(|_| Problem::invalid("there is no such step"))? {
        Step::CheckOut => CustodyInput::CheckOut {
            custodian: given("custodian"),
            reason: given("reason"),
            work_order: given("work_order"),
        },
        Step::Return => CustodyInput::Return { note: given("note") },
        Step::Hold => CustodyInput::Hold { reason: given("reason") },
        Step::Release => {
            let released = serde_json::from_value(serde_json::Value::String(given("released")));
            let released = released.map_err(|_| Problem::invalid("say as what it is released"))?;
            CustodyInput::Release { released, waiver: waiver(given)? }
        }
    };
    let at_station = if given("at") == "station" { "/check-in" } else { "" };
    let done = take_step(&app, &who, id, input).await;
    back(&app, &who, id, done, format!("/devices/{id}{at_station}")).await
}
