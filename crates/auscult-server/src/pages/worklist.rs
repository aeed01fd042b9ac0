//! What to do first, by when, and where.

use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    Frame, render,
    text::{Pager, by_name, escaped},
};
use crate::{
    access::Caller,
    api::{Asked, WorkFilter},
    evaluate::today,
    problem::Answer,
    state::App,
    worklist::{self, Work, Worklist},
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
    fn of(work: &Work, list: &Worklist<'_>) -> Self {
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
            builds: work.builds(),
            devices: list.devices(work),
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
    let wanted = filter.clone();
    let look = move |list: &Worklist<'_>| {
        let part = wanted.part(list, LIMIT)?.map(|work| WorkRow::of(work, list));
        let products = by_name(list.fleet.products.clone());
        Answer::Ok((part, products, list.fleet.silent(), list.devices_of_unknown_build))
    };
    let looking = worklist::ask(&app, (who.organisation, who.within()), look).await?;
    let (part, products, silent, devices_of_unknown_build) = looking?;
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
        pager: Pager::of(&part, &named).with_file("/worklist.csv"),
        rows: part.items,
        products,
        silent,
        devices_of_unknown_build,
        filter: WorkFilter { after: None, ..filter },
    };
    render(&page)
}
