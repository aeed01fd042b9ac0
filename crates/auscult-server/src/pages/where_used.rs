//! Where something is: a vulnerability or a component.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::{Frame, builds::BuildRow, render, text};
use crate::{
    access::Caller,
    api::Asked,
    fleet::{Fleet, Use},
    problem::Answer,
    state::App,
};

/// A build that holds it.
struct UseRow {
    build: BuildRow,
    versions: String,
    /// Findings: link, what it is, and how it stands.
    findings: Vec<(String, String, String, &'static str)>,
    more: usize,
}

impl UseRow {
    /// Findings that are listed.
    const SHOWN: usize = 5;

    fn of(found: &Use<'_>) -> Self {
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
    silent: usize,
    known: bool,
    builds: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    q: String,
}

pub(super) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(Wanted { q }): Asked<Wanted>,
) -> Answer<Response> {
    let wanted = q.trim().to_owned();
    let fleet = Fleet::of(&app, who.organisation).await?;
    let advisories = app.evaluator.advisories(&app, who.organisation).await?;
    let is_asked = !wanted.is_empty() && wanted.len() <= 200;
    let found = if is_asked { fleet.where_used(&wanted) } else { Vec::new() };
    let page = WhereUsedPage {
        frame: Frame::of(&app, "Where used", "/where-used", &who).await?,
        rows: found.iter().map(UseRow::of).collect(),
        silent: fleet.silent(),
        known: is_asked && advisories.judge.knows(&wanted)?,
        builds: fleet.rows.len(),
        q: wanted,
    };
    render(&page)
}
