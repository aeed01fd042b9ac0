//! NVD's interface 2.0: a full round page by page, then only what changed.
//!
//! <https://nvd.nist.gov/developers/vulnerabilities>: `startIndex` and `resultsPerPage` (at most
//! 2000) page; `lastModStartDate` and `lastModEndDate` select changes of at most 120 days. A full
//! round that is interrupted goes on at its page; changes that come meanwhile are fetched after it.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::Deserialize;

use crate::{
    Error, Result,
    config::Rate,
    mirror,
    session::{Session, Wanted, lost_too_much},
    shape::Shape,
    state::Cursor,
};

const PER_PAGE: u64 = 2000;
/// More pages are no database but a server that pages in a circle.
const PAGES_MAX: u64 = 5000;
const SHAPE: Shape = Shape::json(&["\"totalResults\"", "\"vulnerabilities\""]);
/// Clocks differ, and a record may appear a little after its own time.
const OVERLAP: SignedDuration = SignedDuration::from_hours(2);
const CHANGES_DAYS_MAX: i64 = 119;
/// An interrupted full round is not continued after so many days.
const ROUND_DAYS_MAX: i64 = 7;

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "startIndex")]
    start: u64,
    #[serde(rename = "resultsPerPage")]
    results: u64,
    #[serde(rename = "totalResults")]
    total: u64,
}

/// What NVD allows: 5 requests in 30 seconds, 50 with a key.
fn rate(has_key: bool) -> Rate {
    Rate { requests: if has_key { 50 } else { 5 }, seconds: 30 }
}

fn hours_since(now: Timestamp, then: Timestamp) -> i64 {
    now.duration_since(then).as_hours()
}

/// Brings the pages up to date.
pub(crate) fn fetch(session: &mut Session<'_>) -> Result<()> {
    let allowed = rate(session.key.is_some());
    session.config.rate.get_or_insert(allowed);
    let now = session.now;
    let complete_to = session.state.cursor.complete_to;
    let recent = complete_to.filter(|at| {
        let hours = hours_since(now, *at);
        (0..CHANGES_DAYS_MAX * 24).contains(&hours)
    });
    match recent {
        Some(since) => changes(session, since),
        None => full(session),
    }
}

fn full(session: &mut Session<'_>) -> Result<()> {
    let now = session.now;
    let started = session
        .state
        .cursor
        .round_started
        .filter(|started| (0..ROUND_DAYS_MAX * 24).contains(&hours_since(now, *started)));
    if started.is_none() {
        session.state.cursor =
            Cursor { round_started: Some(now), next_index: 0, complete_to: None };
        session.save()?;
    }
    let started = started.unwrap_or(now);
    let base = session.base();
    let mut total = 0;
    for _ in 0..PAGES_MAX {
        let index = session.state.cursor.next_index;
        let url = format!("{base}?resultsPerPage={PER_PAGE}&startIndex={index}");
        let page = one(session, &url, &format!("pages/{index:09}.json"), index)?;
        total = page.total;
        let next = index.saturating_add(page.results);
        if next >= total || page.results == 0 {
            break;
        }
        session.state.cursor.next_index = next;
        session.save()?;
    }
    // Pages beyond the end, and changes before this round, are of no use.
    let folder = session.mirror.folder(session.feed.name);
    let index_of =
        |name: &str| name.strip_prefix("pages/")?.strip_suffix(".json")?.parse::<u64>().ok();
    let present = mirror::files_below(&folder)?;
    let old = present.iter().filter_map(|name| index_of(name)).max().unwrap_or(0);
    if !session.force && lost_too_much(old, total, false) {
        let reason = format!("{total} records where there were more than {old}");
        return Err(Error::HeldBack { name: session.feed.name.to_owned(), reason });
    }
    for name in present {
        if index_of(&name).is_none_or(|index| index > 0 && index >= total) {
            mirror::remove(&folder.join(&name))?;
            session.state.files.remove(&name);
        }
    }
    session.state.cursor =
        Cursor { round_started: None, next_index: 0, complete_to: Some(started) };
    Ok(())
}

fn changes(session: &mut Session<'_>, since: Timestamp) -> Result<()> {
    let base = session.base();
    let (from, to) = (since.saturating_sub(OVERLAP).unwrap_or(since), session.now);
    let time = |at: Timestamp| {
        TimeZone::UTC.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
    };
    let label = TimeZone::UTC.to_datetime(to).strftime("%Y%m%dT%H%M%S").to_string();
    let mut index = 0;
    for _ in 0..PAGES_MAX {
        let url = format!(
            "{base}?lastModStartDate={}&lastModEndDate={}&resultsPerPage={PER_PAGE}&startIndex={index}",
            time(from),
            time(to)
        );
        let page = one(session, &url, &format!("changes/{label}-{index:09}.json"), index)?;
        index = index.saturating_add(page.results);
        if index >= page.total || page.results == 0 {
            break;
        }
    }
    session.state.cursor.complete_to = Some(to);
    Ok(())
}

/// Fetches one page and reads what paging needs.
fn one(session: &mut Session<'_>, url: &str, name: &str, index: u64) -> Result<Page> {
    let wanted = Wanted { rolling: true, ..Wanted::new(url.to_owned(), name.to_owned(), SHAPE) };
    session.fetch(&wanted)?;
    let path = session.mirror.folder(session.feed.name).join(name);
    let bytes = mirror::read_bounded(&path, session.size_limit()).map_err(Error::io(&path))?;
    let wrong = |reason: String| Error::Listing { url: url.to_owned(), reason };
    let page: Page = serde_json::from_slice(&bytes.unwrap_or_default())
        .map_err(|error| wrong(error.to_string()))?;
    if page.start != index {
        let reason = format!("asked for records from {index}, it gives those from {}", page.start);
        return Err(wrong(reason));
    }
    Ok(page)
}
