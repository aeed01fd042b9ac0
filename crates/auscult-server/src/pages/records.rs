//! What was done, and what is judged by: the audit log, the feeds, and the state of the server.

use askama::Template;
use auscult_store::{JobState, PageRequest, Total};
use axum::{
    extract::{Request, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    Frame,
    form::{lead_on, told, with_file},
    render,
    text::{self, Pager},
};
use crate::{
    access::{Caller, Identity, Permission},
    api::{Asked, SnapshotsView, VerificationView, page_request, snapshots, take_snapshot},
    problem::Answer,
    state::App,
};

/// Entries of a page.
const LIMIT: u32 = 50;
/// Jobs that are listed.
const JOBS: u32 = 20;

struct EntryRow {
    sequence: i64,
    at: String,
    actor: String,
    action: String,
    object: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    rows: Vec<EntryRow>,
    pager: Pager,
    verified: Option<VerificationView>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuditQuery {
    after: String,
    verify: String,
}

pub(super) async fn audit(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(asked): Asked<AuditQuery>,
) -> Answer<Response> {
    let request = page_request(Some(&asked.after), LIMIT);
    let log = app.store.audit_log(who.organisation, &request).await?;
    let verified = if asked.verify == "yes" {
        Some(app.store.verify_audit(who.organisation).await?.into())
    } else {
        None
    };
    let row = |entry: auscult_store::AuditEntry| EntryRow {
        sequence: entry.sequence,
        at: text::time(entry.at),
        actor: entry.actor,
        action: entry.action,
        object: entry.object,
        detail: entry.detail,
    };
    let page = AuditPage {
        frame: Frame::of(&app, "Audit log", "/audit", &who).await?,
        pager: Pager::of_page(&log, &[]).with_file("/audit.csv"),
        rows: log.items.into_iter().map(row).collect(),
        verified,
    };
    render(&page)
}

struct JobRow {
    kind: String,
    href: Option<String>,
    attempts: String,
    at: String,
    error: String,
}

#[derive(Template)]
#[template(path = "feeds.html")]
struct FeedsPage {
    frame: Frame,
    is: SnapshotsView,
    queued: u64,
    leased: u64,
    dead: Vec<JobRow>,
    dead_total: u64,
    database: String,
    version: &'static str,
    may_load: bool,
    error: Option<String>,
}

pub(super) async fn feeds(State(app): State<App>, Caller(who): Caller) -> Answer<Response> {
    feeds_page(&app, &who, None).await
}

/// Takes the form with a snapshot of advisories.
pub(super) async fn load(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let taken = with_file(&who, request, async |fields, file| {
        let is_older_meant = fields.get("older") == "yes";
        take_snapshot(&app, &who, file, is_older_meant).await.map(|()| "/feeds".to_owned())
    });
    let again = async |problem| feeds_page(&app, &who, Some(told(problem))).await;
    lead_on(taken.await, again).await
}

async fn feeds_page(app: &App, who: &Identity, error: Option<String>) -> Answer<Response> {
    let organisation = who.organisation;
    let count = async |state| {
        let page = app.store.jobs(organisation, state, &PageRequest::first(1)).await?;
        let (Total::Exact(count) | Total::AtLeast(count)) = page.total;
        Answer::Ok(count)
    };
    let dead = app.store.jobs(organisation, JobState::Dead, &PageRequest::first(JOBS)).await?;
    let (Total::Exact(dead_total) | Total::AtLeast(dead_total)) = dead.total;
    let row = |job: auscult_store::Job| JobRow {
        kind: job.kind,
        href: job.build.map(|build| format!("/builds/{build}")),
        attempts: format!("{} of {}", job.attempts, job.attempts_max),
        at: text::time(job.finished_at.unwrap_or(job.created_at)),
        error: job.error.unwrap_or_default(),
    };
    let page = FeedsPage {
        frame: Frame::of(app, "Feeds and health", "/feeds", who).await?,
        is: snapshots(app, who).await?,
        queued: count(JobState::Queued).await?,
        leased: count(JobState::Leased).await?,
        dead: dead.items.into_iter().map(row).collect(),
        dead_total,
        database: app.store.url().to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        may_load: who.may(Permission::Advisories),
        error,
    };
    render(&page)
}
