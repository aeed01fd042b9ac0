//! What nobody asks for: tidying up, and judging builds before somebody looks.

use std::{sync::Arc, time::Duration};

use auscult_store::{Build, BuildFilter, BuildState, OrganisationId, PageRequest, Result};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{sleep, timeout};

use crate::{evaluate::Viewer, monitor, problem::Answer, state::App};

/// How often things are tidied up.
const TIDY: Duration = Duration::from_mins(10);
/// How often builds are looked through without being called.
const LOOK: Duration = Duration::from_secs(30);
/// No upload takes longer.
const UPLOAD_MAX: SignedDuration = SignedDuration::from_hours(24);
/// How long failed sign-ins and jobs that are done are remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Builds that are listed at once.
const BUILDS_AT_ONCE: u32 = 200;

/// Takes away what is of no use to anybody, again and again.
pub(super) async fn tidy(app: App) {
    let mut stopping = app.stopping.subscribe();
    while !*stopping.borrow() {
        match tidy_once(&app).await {
            Ok(()) => tracing::debug!("tidied up"),
            Err(error) => tracing::warn!(%error, "tidying up failed"),
        }
        tokio::select! {
            () = sleep(TIDY) => {}
            _ = stopping.changed() => {}
        }
    }
}

async fn tidy_once(app: &App) -> Result<()> {
    let now = Timestamp::now();
    let before = |duration| now.checked_sub(duration).unwrap_or(Timestamp::MIN);
    let swept = app.store.sweep_uploads(before(UPLOAD_MAX)).await?;
    if swept > 0 {
        tracing::info!(swept, "uploads that were never finished are gone");
    }
    app.store.forget_expired_sessions(now).await?;
    app.store.forget_expired_sign_ins(now).await?;
    app.store.forget_failures(before(REMEMBERED)).await?;
    app.store.forget_done_jobs(before(REMEMBERED)).await?;
    Ok(())
}

/// Judges every build that is not judged by what holds now, so that lists and where-used are whole.
pub(super) async fn judge_ahead(app: App) {
    let mut stopping = app.stopping.subscribe();
    while !*stopping.borrow() {
        if let Err(problem) = judge_all(&app).await {
            tracing::warn!(detail = problem.detail, "judging ahead failed");
        }
        tokio::select! {
            _ = timeout(LOOK, app.done.notified()) => {}
            _ = stopping.changed() => {}
        }
    }
}

async fn judge_all(app: &App) -> Answer<()> {
    for organisation in app.store.organisations().await? {
        let mut request = PageRequest::first(BUILDS_AT_ONCE);
        loop {
            let page = app.store.builds(organisation.id, BuildFilter::All, &request).await?;
            if page.items.is_empty() {
                break;
            }
            let mut viewer = app.evaluator.viewer(app, organisation.id).await?;
            for build in &page.items {
                if *app.stopping.borrow() {
                    return Ok(());
                }
                // One that cannot be judged is told, and keeps nobody from judging the others.
                if let Err(problem) = judge(app, organisation.id, &mut viewer, build).await {
                    let detail = problem.detail;
                    tracing::warn!(build = %build.id, detail, "a build could not be judged");
                }
            }
            let Some(next) = page.next else { break };
            request.after = Some(next);
        }
    }
    Ok(())
}

/// Judges a build, where it is not judged by what holds now, and tells what became different.
async fn judge(
    app: &App,
    organisation: OrganisationId,
    viewer: &mut Viewer<'_>,
    build: &Build,
) -> Answer<()> {
    if !matches!(build.state, BuildState::Ready(_)) {
        return Ok(());
    }
    let mut judged = viewer.judged(build).await?;
    if judged.is_none() {
        let anew = app.evaluator.evaluate(app, organisation, build).await?;
        judged = anew.map(|anew| (anew.basis, Arc::clone(&anew.summary)));
    }
    let Some((basis, summary)) = judged else { return Ok(()) };
    monitor::compare(app, organisation, build, basis, &summary).await
}
