//! The job that makes the facts of a build.

use auscult_model::Sha256;
use auscult_store::{BuildKind, Completion, Lease, NewJob, Priority, ProductId, Progress};
use jiff::Timestamp;

use crate::{
    evaluate::{blocking, fetch_to_file},
    problem::{Answer, Problem},
    state::App,
};

/// The kind of these jobs.
pub(crate) const KIND: &str = "inspect";
/// Attempts before an upload is given up: what kills its worker does so each time.
const ATTEMPTS_MAX: u32 = 3;

/// The job for an upload. Somebody waits for it, so it comes before whatever was planned.
pub(crate) fn new_job(product: ProductId, input: Sha256, kind: BuildKind) -> NewJob {
    NewJob {
        kind: KIND.to_owned(),
        name: format!("{product} {input} {kind:?}"),
        priority: Priority::Upload,
        payload: String::new(),
        not_before: None,
        attempts_max: ATTEMPTS_MAX,
    }
}

/// Takes the facts of an upload and keeps them.
pub(super) async fn inspect(app: &App, lease: &Lease) -> Answer<Completion> {
    let gone = || Problem::invalid("the build of this job is gone");
    let organisation = lease.organisation;
    let build = app.store.build(organisation, lease.build.ok_or_else(gone)?).await?;
    let build = build.ok_or_else(gone)?;
    tell(app, lease, 0, "fetching the upload").await?;
    let input = fetch_to_file(app, organisation, build.input).await?;
    tell(app, lease, 1, "inspecting").await?;
    let engine = std::sync::Arc::clone(&app.engine);
    let bytes = blocking("inspect the upload", move || {
        // Its name goes with `input`; who reads it has it open.
        let input = input.reopen();
        let input = input.map_err(|error| Problem::internal("open the upload", &error))?;
        let facts = engine.inspect(build.kind, input)?;
        let bytes = facts.canonical_bytes();
        bytes.map_err(|error| Problem::internal("write the facts", &error))
    });
    let bytes = bytes.await??;
    tell(app, lease, 2, "keeping the facts").await?;
    let facts = app.store.put_blob(organisation, &bytes, Timestamp::now()).await?;
    Ok(Completion::Facts(facts.sha256))
}

/// Says how far it is, of three steps.
async fn tell(app: &App, lease: &Lease, done: u64, note: &str) -> Answer<()> {
    const STEPS: u64 = 3;
    let progress = Progress { done, total: STEPS, note: note.to_owned() };
    Ok(app.store.report(lease, &progress, Timestamp::now()).await?)
}
