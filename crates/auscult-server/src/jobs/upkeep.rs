//! What nobody asks for: tidying up, and judging builds before somebody looks.

use std::{sync::Arc, time::Duration};

use auscult_store::{Build, OrganisationId, Result};
use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use crate::{
    evaluate::processors,
    mirror::AHEAD_AFTER,
    monitor,
    problem::Answer,
    state::{App, Listener},
    worklist,
};

/// How often things are tidied up.
const TIDY: Duration = Duration::from_mins(10);
/// How often devices are counted anew.
const COUNT: Duration = Duration::from_hours(1);
/// How often builds are looked through without being called.
const LOOK: Duration = Duration::from_secs(30);
/// No upload takes longer.
const UPLOAD_MAX: SignedDuration = SignedDuration::from_hours(24);
/// How long failed sign-ins and jobs that are done are remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// So long changes are told at least before builds are judged anew.
const TELL: Duration = Duration::from_secs(2);
/// Builds that are judged by what held when the first of them was.
const BUILDS_AT_ONCE: usize = 200;

/// Takes away what is of no use to anybody, again and again.
pub(super) async fn tidy(app: App) {
    let (mut stopping, mut counted_at) = (app.stopping.subscribe(), None::<Instant>);
    while !*stopping.borrow() {
        if counted_at.is_none_or(|at| at.elapsed() > COUNT) {
            counted_at = Some(Instant::now());
            if let Err(error) = app.store.recount_devices().await {
                tracing::warn!(%error, "the devices could not be counted");
            }
        }
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
    let (mut stopping, mut changed) = (app.stopping.subscribe(), app.changed.listen());
    while !*stopping.borrow() {
        if let Err(problem) = judge_all(&app, &changed).await {
            tracing::warn!(detail = problem.detail, "judging ahead failed");
        }
        tokio::select! {
            () = changed.wait(LOOK) => {}
            _ = stopping.changed() => {}
        }
    }
}

/// First judges all, so that their numbers are there soon; then tells what became different.
async fn judge_all(app: &App, changed: &Listener) -> Answer<()> {
    for organisation in app.store.organisations().await? {
        let organisation = organisation.id;
        let builds = app.evaluator.mirror.builds(app, organisation, AHEAD_AFTER).await?;
        let (mut viewer, mut wanting) =
            (app.evaluator.viewer(app, organisation).await?, Vec::new());
        for build in &builds {
            wanting.extend(viewer.wanting(build).await?.map(|_| Arc::clone(build)));
        }
        for some in wanting.chunks(BUILDS_AT_ONCE) {
            judge(app, organisation, some).await?;
        }
        // While one after the other is uploaded, what comes next is more urgent.
        if !wanting.is_empty() && !changed.is_rung() {
            worklist::keep_up(app, organisation).await?;
        }
        tell(app, organisation, &builds, changed).await?;
    }
    Ok(())
}

/// Judges those that are not judged by what holds now, two or more at a time; what holds is looked up
/// once for all of them.
async fn judge(app: &App, organisation: OrganisationId, builds: &[Arc<Build>]) -> Answer<()> {
    let mut viewer = app.evaluator.viewer(app, organisation).await?;
    let mut to_judge = Vec::new();
    for build in builds {
        to_judge.extend(viewer.wanting(build).await?.map(|ground| (build, ground)));
    }
    let work = to_judge.into_iter().map(|(build, ground)| async move {
        if *app.stopping.borrow() {
            return;
        }
        // One that cannot be judged is told, and keeps nobody from judging the others.
        if let Err(problem) = app.evaluator.summarise(app, organisation, build, ground).await {
            let detail = problem.detail;
            tracing::warn!(build = %build.id, detail, "a build could not be judged");
        }
    });
    // One more than are judged at a time: its facts are read meanwhile.
    stream::iter(work).for_each_concurrent(processors() + 1, |one| one).await;
    Ok(())
}

/// Tells what became different for builds that were judged. What was told stays told; after a while what
/// has to be judged anew comes before the rest.
async fn tell(
    app: &App,
    organisation: OrganisationId,
    builds: &[Arc<Build>],
    changed: &Listener,
) -> Answer<()> {
    let mut viewer = app.evaluator.viewer(app, organisation).await?;
    let begun = Instant::now();
    for build in builds {
        if *app.stopping.borrow() || begun.elapsed() > TELL && changed.is_rung() {
            return Ok(());
        }
        let Some((basis, summary)) = viewer.judged(build).await? else { continue };
        if let Err(problem) = monitor::compare(app, organisation, build, basis, &summary).await {
            let detail = problem.detail;
            tracing::warn!(build = %build.id, detail, "what changed could not be recorded");
        }
    }
    Ok(())
}
