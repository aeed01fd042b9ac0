//! A worker: takes the first job that is due, does it, and says what came of it.

use std::time::{Duration, Instant};

use auscult_store::{Completion, Error, Lease, LeaseRequest};
use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::{inspect, notify};
use crate::{
    problem::{Answer, Problem},
    state::App,
};

/// How long a worker may be silent before another takes its job.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How often the lease is renewed.
const RENEWAL: Duration = Duration::from_secs(15);
/// How often the queue is looked at without being called: other replicas take uploads, too.
const LOOK: Duration = Duration::from_secs(1);
/// Rest after the store refused something.
const REST: Duration = Duration::from_secs(2);

/// How an attempt at a job ended.
enum Ended {
    Done(Completion),
    /// Worth another attempt, or not.
    Failed {
        reason: String,
        is_passing: bool,
    },
    /// Somebody else has it now.
    Lost,
    /// The server stops.
    Stopped,
}

/// Does jobs of one kind until the server stops.
pub(super) async fn run(app: App, name: String, kind: &str) {
    let request = LeaseRequest { kinds: vec![kind.to_owned()], worker: name, duration: LEASE };
    let (mut stopping, mut rung) = (app.stopping.subscribe(), app.work.listen());
    while !*stopping.borrow() {
        match app.store.lease(&request, Timestamp::now()).await {
            Ok(Some(lease)) => work(&app, lease).await,
            Ok(None) => {
                tokio::select! {
                    () = rung.wait(LOOK) => {}
                    _ = stopping.changed() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the queue cannot be read");
                sleep(REST).await;
            }
        }
    }
}

async fn work(app: &App, mut lease: Lease) {
    let start = Instant::now();
    let (job, attempt) = (lease.job, lease.attempt);
    tracing::info!(%job, kind = lease.kind, attempt, "a job begins");
    let ended = attempt_at(app, &mut lease).await;
    let now = Timestamp::now();
    let told = match &ended {
        Ended::Done(completion) => app.store.complete(&lease, *completion, now).await,
        Ended::Failed { reason, is_passing: true } => {
            app.store.fail(&lease, reason, now).await.map(drop)
        }
        Ended::Failed { reason, is_passing: false } => app.store.bury(&lease, reason, now).await,
        Ended::Stopped => app.store.release(&lease, now).await,
        Ended::Lost => Ok(()),
    };
    let took = start.elapsed();
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match (&ended, &told) {
        (_, Err(error)) => tracing::warn!(%job, %error, "the end of a job was not recorded"),
        (Ended::Done(_), _) => {
            app.metrics.job(true, took);
            tracing::info!(%job, milliseconds, "a job is done");
        }
        (Ended::Failed { reason, .. }, _) => {
            app.metrics.job(false, took);
            tracing::warn!(%job, milliseconds, reason, "a job failed");
        }
        (Ended::Lost, _) => tracing::warn!(%job, "a job was lost to another worker"),
        (Ended::Stopped, _) => tracing::info!(%job, "a job is given back"),
    }
    app.changed.ring();
}

/// Does the job while its lease is kept; whichever ends first decides.
async fn attempt_at(app: &App, lease: &mut Lease) -> Ended {
    let of = lease.clone();
    let work = job(app, &of);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return match done {
                Ok(completion) => Ended::Done(completion),
                Err(problem) => failed(&problem),
            },
            () = app.stopped() => return Ended::Stopped,
            () = sleep(RENEWAL) => match app.store.renew(lease, LEASE, Timestamp::now()).await {
                Err(Error::LeaseLost { .. }) => return Ended::Lost,
                // The lease outlives some failures; the next renewal may work.
                Err(error) => tracing::warn!(job = %lease.job, %error, "a lease was not renewed"),
                Ok(()) => {}
            },
        }
    }
}

/// What each kind of job does.
async fn job(app: &App, lease: &Lease) -> Answer<Completion> {
    match lease.kind.as_str() {
        inspect::KIND => inspect::inspect(app, lease).await,
        notify::KIND => notify::notify(app, lease).await,
        other => Err(Problem::invalid(format!("nobody does jobs of the kind {other:?}"))),
    }
}

fn failed(problem: &Problem) -> Ended {
    let hint = problem.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
    let is_passing = problem.status.is_server_error();
    Ended::Failed { reason: format!("{}{hint}", problem.detail), is_passing }
}
