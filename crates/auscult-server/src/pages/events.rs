//! What changed for builds, the newest first.

use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    Frame, render,
    text::{self, Pager, finding_href},
};
use crate::{
    access::Caller,
    api::{Asked, EventView, EventsInput, page_request},
    monitor::told::{Change, Kind},
    problem::Answer,
    state::App,
};

/// Entries of a page.
const LIMIT: u32 = 30;
/// Changes of one event that are named.
const NAMED: usize = 12;

struct ChangeRow {
    kind: &'static str,
    tone: &'static str,
    id: String,
    /// None where the finding is gone.
    href: Option<String>,
    component: String,
    outcome: String,
    before: Option<String>,
    is_exploited: bool,
}

impl ChangeRow {
    fn of(build: &str, change: &Change) -> Self {
        let href = || finding_href(build, &change.id, &change.component);
        Self {
            kind: change.kind.word(),
            tone: match change.kind {
                Kind::New | Kind::Exploited | Kind::Reopened => "bad",
                Kind::Rescored => "warn",
                Kind::Closed | Kind::Gone => "good",
            },
            id: change.id.clone(),
            href: (change.kind != Kind::Gone).then(href),
            component: format!("{} {}", change.component, change.version),
            outcome: change.outcome.clone(),
            before: change.outcome_before.clone(),
            is_exploited: change.known_exploited,
        }
    }
}

struct EventRow {
    at: String,
    href: String,
    name: String,
    verdict: String,
    tone: &'static str,
    before: Option<String>,
    is_first: bool,
    open: usize,
    snapshot: String,
    changes: Vec<ChangeRow>,
    more: usize,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    frame: Frame,
    rows: Vec<EventRow>,
    pager: Pager,
    /// The name of the build that was asked for.
    of: Option<(String, String)>,
}

pub(super) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(input): Asked<EventsInput>,
) -> Answer<Response> {
    let build = input.build(&app, &who).await?;
    let request = page_request(input.after.as_deref(), LIMIT);
    let page = app.store.events(who.organisation, build, who.within(), &request).await?;
    let products = crate::fleet::products(&app, who.organisation, who.within()).await?;
    let mut rows = Vec::new();
    for (event, at) in page.items.iter().map(|event| (EventView::of(event), event.at)) {
        let event = event?;
        let product = products.get(&event.is.product).map(String::as_str).unwrap_or_default();
        rows.push(row(&event, product, text::time(at)));
    }
    let of = match build {
        Some(id) => {
            let build = app.store.build(who.organisation, id).await?;
            build.map(|build| (format!("/builds/{id}"), build.label))
        }
        None => None,
    };
    let chosen = build.map(|build| build.to_string()).unwrap_or_default();
    let page = EventsPage {
        frame: Frame::of(&app, "Changes", "/events", &who).await?,
        rows,
        pager: Pager::of_page(&page, &[("build", &chosen)]).with_file("/events.csv"),
        of,
    };
    render(&page)
}

fn row(event: &EventView, product: &str, at: String) -> EventRow {
    let is = &event.is;
    EventRow {
        at,
        href: format!("/builds/{}", event.build),
        name: format!("{product} {}", is.label),
        verdict: is.verdict.clone(),
        tone: super::builds::tone_of(&is.verdict),
        before: is.verdict_before.clone().filter(|before| *before != is.verdict),
        is_first: is.is_first(),
        open: is.open,
        snapshot: is.snapshot_date.clone(),
        changes: is
            .changes
            .iter()
            .take(NAMED)
            .map(|one| ChangeRow::of(&event.build, one))
            .collect(),
        more: is.changes.len().saturating_sub(NAMED) + is.more,
    }
}
