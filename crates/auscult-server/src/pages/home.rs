//! The start page: what there is, what asks for something, and what is new.

use askama::Template;
use auscult_model::VerdictOutcome;
use auscult_store::{JobState, PageRequest, Total};
use axum::{extract::State, response::Response};

use super::{Frame, builds::BuildRow, render};
use crate::{
    access::{Caller, Permission},
    fleet::{Fleet, Row},
    problem::Answer,
    state::App,
};

/// Builds that are shown.
const NEWEST: usize = 10;

/// A number that leads to what it counts.
struct Tile {
    count: usize,
    text: &'static str,
    href: &'static str,
    /// `good`, `warn`, `bad`, or nothing.
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    tiles: Vec<Tile>,
    newest: Vec<BuildRow>,
    may_make: bool,
}

pub(super) async fn show(State(app): State<App>, Caller(who): Caller) -> Answer<Response> {
    let frame = Frame::of(&app, "Overview", "/", &who).await?;
    let fleet = Fleet::of(&app, who.organisation).await?;
    let dead = app.store.jobs(who.organisation, JobState::Dead, &PageRequest::first(1)).await?;
    let (Total::Exact(dead) | Total::AtLeast(dead)) = dead.total;
    let newest = fleet.rows.iter().take(NEWEST).map(BuildRow::of).collect();
    let page = HomePage {
        frame,
        tiles: tiles(&fleet, usize::try_from(dead).unwrap_or(usize::MAX)),
        newest,
        may_make: who.may(Permission::Products),
    };
    render(&page)
}

fn tiles(fleet: &Fleet, dead: usize) -> Vec<Tile> {
    let count = |wanted: &dyn Fn(&Row) -> bool| fleet.rows.iter().filter(|row| wanted(row)).count();
    let of = |outcome| count(&|row: &Row| row.outcome() == Some(outcome));
    let (exploited, waiting) = (count(&Row::is_exploited), count(&Row::is_waiting));
    let tile = |count, text, href, tone| {
        let tone = if count == 0 { "" } else { tone };
        Tile { count, text, href, tone }
    };
    vec![
        tile(fleet.products.len(), "products", "/products", ""),
        tile(fleet.rows.len(), "builds", "/builds", ""),
        tile(of(VerdictOutcome::Fail), "builds fail the gate", "/builds?verdict=fail", "bad"),
        tile(
            of(VerdictOutcome::Inconclusive),
            "inconclusive",
            "/builds?verdict=inconclusive",
            "warn",
        ),
        tile(of(VerdictOutcome::Pass), "pass", "/builds?verdict=pass", "good"),
        tile(exploited, "with known exploited weaknesses", "/builds?kev=yes", "bad"),
        tile(waiting, "wait to be inspected or judged", "/builds?verdict=waiting", "warn"),
        tile(dead, "could not be inspected", "/builds?verdict=failed", "bad"),
    ]
}
