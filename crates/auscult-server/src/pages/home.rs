//! The start page: what there is, what asks for something, and what is new.

use askama::Template;
use auscult_model::VerdictOutcome;
use auscult_store::{BuildState, DeviceFilter, PageRequest, Total};
use axum::{extract::State, response::Response};

use super::{Frame, builds::BuildRow, render};
use crate::{
    access::{Caller, Identity},
    evaluate::today,
    fleet::{Fleet, Row},
    problem::Answer,
    state::App,
};

/// Builds that are shown.
const NEWEST: usize = 10;

/// A number that leads to what it counts.
struct Tile {
    count: String,
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
    let fleet = Fleet::of(&app, who.organisation, who.within()).await?;
    let newest = fleet.rows.iter().take(NEWEST).map(BuildRow::of).collect();
    let mut tiles = tiles(&fleet);
    tiles.extend(device_tiles(&app, &who).await?);
    let page = HomePage { frame, tiles, newest, may_make: who.may_make_product() };
    render(&page)
}

fn tile(total: Total, text: &'static str, href: &'static str, tone: &'static str) -> Tile {
    match total {
        Total::Exact(0) => Tile { count: "0".to_owned(), text, href, tone: "" },
        Total::Exact(count) => Tile { count: count.to_string(), text, href, tone },
        Total::AtLeast(count) => Tile { count: format!("{count}+"), text, href, tone },
    }
}

fn tiles(fleet: &Fleet) -> Vec<Tile> {
    let exactly = |count: usize| Total::Exact(u64::try_from(count).unwrap_or(u64::MAX));
    let count = |wanted: &dyn Fn(&Row) -> bool| {
        exactly(fleet.rows.iter().filter(|row| wanted(row)).count())
    };
    let of = |outcome| count(&|row: &Row| row.outcome() == Some(outcome));
    let failed = count(&|row: &Row| matches!(row.build.state, BuildState::Failed { .. }));
    let (exploited, waiting) = (count(&Row::is_exploited), count(&Row::is_waiting));
    vec![
        tile(exactly(fleet.products.len()), "products", "/products", ""),
        tile(exactly(fleet.rows.len()), "builds", "/builds", ""),
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
        tile(failed, "could not be inspected", "/builds?verdict=failed", "bad"),
    ]
}

/// Devices: how many there are, and those that ask for something.
async fn device_tiles(app: &App, who: &Identity) -> Answer<Vec<Tile>> {
    let organisation = who.organisation;
    let count = async |filter: DeviceFilter| {
        let page = app.store.devices(organisation, &filter, &PageRequest::first(1)).await?;
        Answer::Ok(page.total)
    };
    let any = || DeviceFilter { within: who.within(), ..DeviceFilter::default() };
    let said = |word: &str| Some(word.to_owned());
    let all = count(any()).await?;
    if all == Total::Exact(0) {
        return Ok(Vec::new());
    }
    let held = count(DeviceFilter { custody: said("held"), ..any() }).await?;
    let returned = count(DeviceFilter { custody: said("returned"), ..any() }).await?;
    let unknown = count(DeviceFilter { basis: said("unknown"), ..any() }).await?;
    let overdue = count(DeviceFilter { due_before: Some(today()), ..any() }).await?;
    let waivers = app.store.waivers(organisation, who.within()).await?;
    let ended = waivers.iter().filter(|waiver| waiver.is.until < today()).count();
    let ended = Total::Exact(u64::try_from(ended).unwrap_or(u64::MAX));
    Ok(vec![
        tile(all, "devices", "/devices", ""),
        tile(held, "devices are held", "/devices?custody=held", "bad"),
        tile(returned, "are back and not verified", "/devices?custody=returned", "warn"),
        tile(unknown, "run a build that nobody knows", "/devices?basis=unknown", "warn"),
        tile(overdue, "are overdue for maintenance", "/devices?overdue=true", "warn"),
        tile(ended, "in service by a waiver that ended", "/check-in", "bad"),
    ])
}
