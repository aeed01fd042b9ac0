//! What is derived: findings and verdict of a build, by the snapshot that was loaded last, the
//! decisions of its product, and today.
//!
//! A result is a function of its [`Basis`] and kept in memory under it; another basis is another
//! result, so nothing kept is ever stale. One build is judged at a time, so that pages stay quick.

use std::{
    collections::HashMap,
    io::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use auscult_model::{Decisions, Facts, Sha256, SnapshotInfo};
use auscult_report::ScanResult;
use auscult_store::{AdvisorySnapshot, Build, BuildId, BuildState, OrganisationId, ProductId};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use tokio::sync::Semaphore;

use crate::{
    engine::Judge,
    problem::{Answer, Problem},
    state::App,
    summary::{Shared, Summary},
};

/// Whole results that are kept; an image of a Linux device has a few megabytes.
const RESULTS_MAX: usize = 24;
/// Largest facts that are read.
const FACTS_BYTES_MAX: usize = 1 << 30;

/// What a result is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Basis {
    facts: Sha256,
    snapshot: Sha256,
    decisions: Sha256,
    pub(crate) as_of: Date,
}

impl Basis {
    /// A short name of it, for cursors and headers.
    pub(crate) fn tag(&self) -> String {
        let text = format!("{} {} {} {}", self.facts, self.snapshot, self.decisions, self.as_of);
        Sha256::of(text.as_bytes()).to_string().chars().take(16).collect()
    }
}

/// A judged build.
pub(crate) struct Evaluated {
    pub(crate) basis: Basis,
    pub(crate) result: ScanResult,
    pub(crate) summary: Arc<Summary>,
}

/// The advisories that an organisation judges by.
pub(crate) struct Advisories {
    pub(crate) judge: Arc<dyn Judge>,
    /// None for those that the program came with.
    pub(crate) loaded: Option<AdvisorySnapshot>,
}

impl Advisories {
    pub(crate) fn info(&self) -> &SnapshotInfo {
        self.judge.snapshot()
    }

    /// Days since their newest data.
    pub(crate) fn age_days(&self) -> i32 {
        self.info().date.until(today()).map_or(0, |span| span.get_days())
    }
}

/// What is kept in memory.
pub(crate) struct Evaluator {
    advisories: tokio::sync::Mutex<HashMap<OrganisationId, Arc<Advisories>>>,
    results: Mutex<Results>,
    shared: Arc<Shared>,
    turn: Semaphore,
}

#[derive(Default)]
struct Results {
    /// Whole results, the least recently used first.
    whole: Vec<Arc<Evaluated>>,
    /// What lists need of every build, with what it was computed from.
    summaries: HashMap<BuildId, (Basis, Arc<Summary>)>,
}

/// Today, in UTC.
pub(crate) fn today() -> Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}

impl Evaluator {
    pub(crate) fn new() -> Self {
        Self {
            advisories: tokio::sync::Mutex::default(),
            results: Mutex::default(),
            shared: Arc::default(),
            turn: Semaphore::new(1),
        }
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The advisories that were loaded last, opened.
    pub(crate) async fn advisories(
        &self,
        app: &App,
        organisation: OrganisationId,
    ) -> Answer<Arc<Advisories>> {
        let loaded = app.store.snapshots(organisation).await?.first().copied();
        let mut kept = self.advisories.lock().await;
        let root = |one: &AdvisorySnapshot| one.root;
        if let Some(known) = kept.get(&organisation)
            && known.loaded.as_ref().map(root) == loaded.as_ref().map(root)
        {
            return Ok(Arc::clone(known));
        }
        let file = match &loaded {
            Some(loaded) => Some(fetch_to_file(app, organisation, loaded.blob).await?),
            None => None,
        };
        let engine = Arc::clone(&app.engine);
        let opened = blocking("open the advisories", move || {
            engine.open_snapshot(file.as_ref().map(tempfile::NamedTempFile::path))
        });
        let opened = Arc::new(Advisories { judge: opened.await??, loaded });
        kept.insert(organisation, Arc::clone(&opened));
        Ok(opened)
    }

    /// Judges by advisories from now on that were loaded, and opened for that.
    pub(crate) async fn take_up(&self, organisation: OrganisationId, opened: Advisories) {
        self.advisories.lock().await.insert(organisation, Arc::new(opened));
    }

    /// What a build is judged by at this moment; none where its facts are not known yet.
    async fn basis(
        &self,
        app: &App,
        organisation: OrganisationId,
        build: &Build,
        advisories: &Advisories,
    ) -> Answer<Option<(Basis, Decisions)>> {
        let BuildState::Ready(facts) = build.state else { return Ok(None) };
        let decisions = decisions(app, organisation, build.product).await?;
        let snapshot = advisories.info().root;
        let said = digest_of(&decisions)?;
        let basis = Basis { facts, snapshot, decisions: said, as_of: today() };
        Ok(Some((basis, decisions)))
    }

    /// Judges a build, or returns what is known; none where its facts are not known yet.
    pub(crate) async fn evaluate(
        &self,
        app: &App,
        organisation: OrganisationId,
        build: &Build,
    ) -> Answer<Option<Arc<Evaluated>>> {
        let advisories = self.advisories(app, organisation).await?;
        let basis = self.basis(app, organisation, build, &advisories).await?;
        let Some((basis, said)) = basis else { return Ok(None) };
        if let Some(known) = self.known(&basis) {
            self.keep(build.id, &known);
            return Ok(Some(known));
        }
        let failed = |error| Problem::internal("wait for a turn to judge", &error);
        let _turn = self.turn.acquire().await.map_err(failed)?;
        if let Some(known) = self.known(&basis) {
            return Ok(Some(known));
        }
        let bytes = app.store.get_blob(organisation, basis.facts, FACTS_BYTES_MAX).await?;
        let start = Instant::now();
        let shared = Arc::clone(&self.shared);
        let judged = blocking("judge the build", move || {
            let facts: Facts = serde_json::from_slice(&bytes)
                .map_err(|error| Problem::internal("read the facts", &error))?;
            let result = advisories.judge.judge(facts, said, basis.as_of)?;
            let summary = Arc::new(Summary::of(&result, &shared));
            Ok::<_, Problem>(Arc::new(Evaluated { basis, result, summary }))
        });
        let judged = judged.await??;
        app.metrics.judgement(start.elapsed());
        self.keep(build.id, &judged);
        Ok(Some(judged))
    }

    /// Looks at many builds: what is the same for all of them is read once.
    pub(crate) async fn viewer<'a>(
        &'a self,
        app: &'a App,
        organisation: OrganisationId,
    ) -> Answer<Viewer<'a>> {
        let snapshot = self.advisories(app, organisation).await?.info().root;
        Ok(Viewer { app, organisation, snapshot, decisions: HashMap::new() })
    }

    fn kept_summary(&self, build: BuildId, basis: &Basis) -> Option<Arc<Summary>> {
        let results = self.results();
        let found = results.summaries.get(&build);
        found.filter(|(known, _)| known == basis).map(|(_, summary)| Arc::clone(summary))
    }

    fn known(&self, basis: &Basis) -> Option<Arc<Evaluated>> {
        let mut results = self.results();
        let at = results.whole.iter().position(|one| one.basis == *basis)?;
        let found = results.whole.remove(at);
        results.whole.push(Arc::clone(&found));
        Some(found)
    }

    fn keep(&self, build: BuildId, judged: &Arc<Evaluated>) {
        let mut results = self.results();
        results.summaries.insert(build, (judged.basis, Arc::clone(&judged.summary)));
        if results.whole.iter().all(|one| one.basis != judged.basis) {
            results.whole.push(Arc::clone(judged));
        }
        if results.whole.len() > RESULTS_MAX {
            results.whole.remove(0);
        }
    }
}

/// Summaries of many builds of one organisation.
pub(crate) struct Viewer<'a> {
    app: &'a App,
    organisation: OrganisationId,
    snapshot: Sha256,
    /// Digests of what is decided, by product.
    decisions: HashMap<ProductId, Sha256>,
}

impl Viewer<'_> {
    /// The summary of a build, where it was judged by what holds now.
    pub(crate) async fn summary(&mut self, build: &Build) -> Answer<Option<Arc<Summary>>> {
        Ok(self.judged(build).await?.map(|(_, summary)| summary))
    }

    /// The same, with what it was computed from.
    pub(crate) async fn judged(&mut self, build: &Build) -> Answer<Option<(Basis, Arc<Summary>)>> {
        let BuildState::Ready(facts) = build.state else { return Ok(None) };
        let known = self.decisions.get(&build.product).copied();
        let said = if let Some(known) = known {
            known
        } else {
            let said = decisions(self.app, self.organisation, build.product).await?;
            digest_of(&said)?
        };
        self.decisions.insert(build.product, said);
        let basis = Basis { facts, snapshot: self.snapshot, decisions: said, as_of: today() };
        let kept = self.app.evaluator.kept_summary(build.id, &basis);
        Ok(kept.map(|summary| (basis, summary)))
    }
}

fn digest_of(decisions: &Decisions) -> Answer<Sha256> {
    let text = serde_json::to_vec(decisions);
    let text = text.map_err(|error| Problem::internal("read the decisions", &error))?;
    Ok(Sha256::of(&text))
}

/// What is decided for a product now.
pub(crate) async fn decisions(
    app: &App,
    organisation: OrganisationId,
    product: ProductId,
) -> Answer<Decisions> {
    Ok(app.store.decisions(organisation, product, Timestamp::now()).await?)
}

/// Writes a blob to a temporary file, each chunk verified on the way.
pub(crate) async fn fetch_to_file(
    app: &App,
    organisation: OrganisationId,
    blob: Sha256,
) -> Answer<tempfile::NamedTempFile> {
    let failed = |error| Problem::internal("write a temporary file", &error);
    let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
    let mut reader = app.store.read_blob(organisation, blob, 0..u64::MAX).await?;
    while let Some(chunk) = reader.next().await? {
        file.write_all(&chunk).map_err(failed)?;
    }
    file.flush().map_err(failed)?;
    Ok(file)
}

/// Does what takes long where nobody waits for the thread.
pub(crate) async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Answer<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(doing, &error))
}
