//! What to do first, by when, and where.

use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    Frame, render,
    text::{Pager, by_name, escaped},
};
use crate::{
    access::Caller,
    api::{Asked, WorkFilter, cut},
    evaluate::today,
    fleet::DeviceCounts,
    problem::Answer,
    state::App,
    worklist::{Work, Worklist},
};

/// Entries of a page.
const LIMIT: usize = 50;
/// Components that are named.
const NAMED: usize = 3;

struct WorkRow {
    href: String,
    id: String,
    outcome: String,
    tone: &'static str,
    is_exploited: bool,
    due: String,
    is_overdue: bool,
    components: String,
    more: usize,
    builds: usize,
    devices: u64,
}

impl WorkRow {
    fn of(work: &Work, devices: &DeviceCounts) -> Self {
        let named = work.components.iter().take(NAMED);
        let named: Vec<String> = named.map(|(name, version)| format!("{name} {version}")).collect();
        Self {
            href: format!("/where-used?q={}", escaped(&work.id)),
            id: work.id.clone(),
            outcome: work.outcome.clone(),
            tone: match work.outcome.as_str() {
                "immediate" | "out-of-cycle" | "not decided" => "bad",
                "scheduled" => "warn",
                _ => "",
            },
            is_exploited: work.is_exploited,
            due: work.due.map(|due| due.to_string()).unwrap_or_default(),
            is_overdue: work.due.is_some_and(|due| due < today()),
            components: named.join(", "),
            more: work.components.len().saturating_sub(NAMED),
            builds: work.builds.len(),
            devices: work.devices(devices),
        }
    }
}

#[derive(Template)]
#[template(path = "worklist.html")]
struct WorklistPage {
    frame: Frame,
    rows: Vec<WorkRow>,
    pager: Pager,
    filter: WorkFilter,
    /// Ids and names.
    products: Vec<(String, String)>,
    silent: usize,
    devices_of_unknown_build: u64,
}

impl WorklistPage {
    fn is_chosen(&self) -> bool {
        self.filter != WorkFilter::default()
    }
}

pub(super) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(filter): Asked<WorkFilter>,
) -> Answer<Response> {
    let list = Worklist::of(&app, who.organisation, who.within()).await?;
    let chosen = filter.chosen(&list.works)?;
    let tag = WorkFilter::tag(chosen.len());
    let part = cut(&chosen, filter.after.as_deref(), LIMIT, &tag)?;
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let kev = filter.kev.filter(|kev| *kev).map(|kev| kev.to_string()).unwrap_or_default();
    let pairs = [
        ("outcome", said(&filter.outcome)),
        ("kev", kev),
        ("product", said(&filter.product)),
        ("q", said(&filter.q)),
    ];
    let named: Vec<(&str, &String)> = pairs.iter().map(|(name, value)| (*name, value)).collect();
    let page = WorklistPage {
        frame: Frame::of(&app, "Worklist", "/worklist", &who).await?,
        rows: part.items.iter().map(|work| WorkRow::of(work, &list.devices)).collect(),
        pager: Pager::of(&part, &named).with_file("/worklist.csv"),
        products: by_name(list.fleet.products),
        silent: list.silent,
        devices_of_unknown_build: list.devices.of_unknown_build(),
        filter: WorkFilter { after: None, ..filter },
    };
    render(&page)
}
