//! What is derived: findings and verdict of a build, by the snapshot that was loaded last, the
//! decisions of its product, and today.
//!
//! A result is a function of its [`Basis`] and kept in memory under it; another basis is another
//! result, so nothing kept is ever stale. What builds have in common is matched once (the judge recalls
//! it), and not more builds are judged at a time than there are processors, so that pages stay quick.

use std::{
    collections::HashMap,
    io::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use auscult_model::{Decisions, Facts, Sha256, SnapshotInfo};
use auscult_report::ScanResult;
use auscult_store::{
    AdvisorySnapshot, Build, BuildId, BuildKind, BuildState, OrganisationId, ProductId,
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use tokio::sync::Semaphore;

use crate::{
    engine::{Bare, Judge},
    mirror::{Decided, Mirror},
    problem::{Answer, Problem},
    state::App,
    summary::{Shared, Summary},
    worklist::Works,
};

/// Whole results that are kept; an image of a Linux device has a few megabytes.
const RESULTS_MAX: usize = 24;
/// Builds that are remembered by their components alone.
const BARE_MAX: usize = 10_000;
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
    pub(crate) shared: Arc<Shared>,
    pub(crate) mirror: Mirror,
    pub(crate) works: Works,
    turn: Semaphore,
}

#[derive(Default)]
struct Results {
    /// Whole results, the least recently used first.
    whole: Vec<Arc<Evaluated>>,
    /// What lists need of every build, with what it was computed from.
    summaries: HashMap<BuildId, (Basis, Arc<Summary>)>,
    /// Builds of which only components are known, by their facts; none for those of which more is.
    bare: HashMap<Sha256, Option<BareBuild>>,
}

impl Results {
    /// Keeps the summary of a build. One that is there already for the same basis stays: whoever has it
    /// sees that nothing changed.
    fn remember(&mut self, build: BuildId, basis: Basis, summary: &Arc<Summary>) {
        if self.summaries.get(&build).is_none_or(|(known, _)| *known != basis) {
            self.summaries.insert(build, (basis, Arc::clone(summary)));
        }
    }
}

/// Such a build, with the names and versions of its components.
type BareBuild = (Bare, Vec<Arc<(String, String)>>);

/// Builds that are judged at a time.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
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
            mirror: Mirror::default(),
            works: Works::default(),
            turn: Semaphore::new(processors()),
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

    /// Judges a build, or returns what is known; none where its facts are not known yet.
    pub(crate) async fn evaluate(
        &self,
        app: &App,
        organisation: OrganisationId,
        build: &Build,
    ) -> Answer<Option<Arc<Evaluated>>> {
        let mut viewer = self.viewer(app, organisation).await?;
        let Some(ground) = viewer.ground(build).await? else { return Ok(None) };
        self.judge(app, organisation, build.id, ground).await.map(Some)
    }

    /// Judges a build on this ground, or returns what is known.
    pub(crate) async fn judge(
        &self,
        app: &App,
        organisation: OrganisationId,
        build: BuildId,
        ground: Ground,
    ) -> Answer<Arc<Evaluated>> {
        let Ground { basis, advisories, said } = ground;
        if let Some(known) = self.known(build, &basis) {
            return Ok(known);
        }
        let failed = |error| Problem::internal("wait for a turn to judge", &error);
        let _turn = self.turn.acquire().await.map_err(failed)?;
        if let Some(known) = self.known(build, &basis) {
            return Ok(known);
        }
        let bytes = app.store.get_blob(organisation, basis.facts, FACTS_BYTES_MAX).await?;
        let start = Instant::now();
        let shared = Arc::clone(&self.shared);
        let judged = blocking("judge the build", move || {
            let facts = read_facts(&bytes)?;
            let said = Arc::unwrap_or_clone(said);
            let result = advisories.judge.judge(facts, said, basis.as_of)?;
            let summary = Arc::new(Summary::of(&result, &shared));
            Ok::<_, Problem>(Arc::new(Evaluated { basis, result, summary }))
        });
        let judged = judged.await??;
        app.metrics.judgement(start.elapsed());
        self.keep(build, &judged);
        Ok(judged)
    }

    /// Judges a build in short, where that is enough: nobody waits for its findings.
    pub(crate) async fn summarise(
        &self,
        app: &App,
        organisation: OrganisationId,
        build: &Build,
        ground: Ground,
    ) -> Answer<()> {
        // Of an image more than its components is known, but for one that nobody can read.
        if build.kind == BuildKind::Image || !ground.said.decisions.is_empty() {
            return self.judge(app, organisation, build.id, ground).await.map(drop);
        }
        let failed = |error| Problem::internal("wait for a turn to judge", &error);
        let turn = self.turn.acquire().await.map_err(failed)?;
        let (basis, judge) = (ground.basis, Arc::clone(&ground.advisories.judge));
        let Some((bare, components)) = self.bare(app, organisation, basis.facts).await? else {
            drop(turn);
            return self.judge(app, organisation, build.id, ground).await.map(drop);
        };
        let start = Instant::now();
        let shared = Arc::clone(&self.shared);
        let outlined = app.behind.run("judge the build", move || {
            let outline = judge.outline(&bare, basis.as_of)?;
            Ok::<_, Problem>(Summary::of_outline(components, outline, &shared))
        });
        let summary = outlined.await??;
        app.metrics.judgement(start.elapsed());
        self.results().remember(build.id, basis, &Arc::new(summary));
        Ok(())
    }

    /// A build of which only components are known, read once; none where more is.
    async fn bare(
        &self,
        app: &App,
        organisation: OrganisationId,
        facts: Sha256,
    ) -> Answer<Option<BareBuild>> {
        if let Some(known) = self.results().bare.get(&facts) {
            return Ok(known.clone());
        }
        let bytes = app.store.get_blob(organisation, facts, FACTS_BYTES_MAX).await?;
        let (engine, shared) = (Arc::clone(&app.engine), Arc::clone(&self.shared));
        let read = app.behind.run("read the facts", move || {
            let mut facts = read_facts(&bytes)?;
            facts.canonicalise();
            let bare = engine.bare(&facts);
            Ok::<_, Problem>(bare.map(|bare| (bare, shared.components(&facts))))
        });
        let read = read.await??;
        let mut results = self.results();
        if results.bare.len() >= BARE_MAX {
            results.bare.clear();
        }
        results.bare.insert(facts, read.clone());
        Ok(read)
    }

    /// Looks at many builds: what is the same for all of them is read once.
    pub(crate) async fn viewer<'a>(
        &'a self,
        app: &'a App,
        organisation: OrganisationId,
    ) -> Answer<Viewer<'a>> {
        let advisories = self.advisories(app, organisation).await?;
        let revisions = app.store.decision_revisions(organisation).await?;
        let decided = HashMap::new();
        Ok(Viewer { app, organisation, advisories, as_of: today(), revisions, decided })
    }

    fn kept_summary(&self, build: BuildId, basis: &Basis) -> Option<Arc<Summary>> {
        let results = self.results();
        let found = results.summaries.get(&build);
        found.filter(|(known, _)| known == basis).map(|(_, summary)| Arc::clone(summary))
    }

    /// What was judged on this, of this build or of another with the same facts.
    fn known(&self, build: BuildId, basis: &Basis) -> Option<Arc<Evaluated>> {
        let mut results = self.results();
        let at = results.whole.iter().position(|one| one.basis == *basis)?;
        let found = results.whole.remove(at);
        results.whole.push(Arc::clone(&found));
        results.remember(build, *basis, &found.summary);
        Some(found)
    }

    fn keep(&self, build: BuildId, judged: &Arc<Evaluated>) {
        let mut results = self.results();
        results.remember(build, judged.basis, &judged.summary);
        if results.whole.iter().all(|one| one.basis != judged.basis) {
            results.whole.push(Arc::clone(judged));
        }
        if results.whole.len() > RESULTS_MAX {
            results.whole.remove(0);
        }
    }
}

/// What a build is judged on.
pub(crate) struct Ground {
    basis: Basis,
    advisories: Arc<Advisories>,
    said: Arc<Decisions>,
}

/// Looks at many builds of one organisation, all by the same advisories and on the same day.
pub(crate) struct Viewer<'a> {
    app: &'a App,
    organisation: OrganisationId,
    advisories: Arc<Advisories>,
    as_of: Date,
    /// Revisions of decisions, by product.
    revisions: HashMap<ProductId, u64>,
    /// What is decided, by product.
    decided: HashMap<ProductId, Decided>,
}

impl Viewer<'_> {
    /// The summary of a build, where it was judged by what holds now.
    pub(crate) async fn summary(&mut self, build: &Build) -> Answer<Option<Arc<Summary>>> {
        Ok(self.judged(build).await?.map(|(_, summary)| summary))
    }

    /// The same, with what it was computed from.
    pub(crate) async fn judged(&mut self, build: &Build) -> Answer<Option<(Basis, Arc<Summary>)>> {
        let Some(Ground { basis, .. }) = self.ground(build).await? else { return Ok(None) };
        let kept = self.app.evaluator.kept_summary(build.id, &basis);
        Ok(kept.map(|summary| (basis, summary)))
    }

    /// What a build is judged on; none where its facts are not known yet.
    async fn ground(&mut self, build: &Build) -> Answer<Option<Ground>> {
        let BuildState::Ready(facts) = build.state else { return Ok(None) };
        let Decided { digest, decisions, .. } = self.decided(build.product).await?;
        let (snapshot, as_of) = (self.advisories.info().root, self.as_of);
        let basis = Basis { facts, snapshot, decisions: digest, as_of };
        Ok(Some(Ground { basis, advisories: Arc::clone(&self.advisories), said: decisions }))
    }

    /// What is decided for a product, looked up once.
    async fn decided(&mut self, product: ProductId) -> Answer<Decided> {
        if let Some(known) = self.decided.get(&product) {
            return Ok(known.clone());
        }
        let revisions = self.revisions.get(&product).copied().unwrap_or(0);
        let mirror = &self.app.evaluator.mirror;
        let decided = mirror.decided(self.app, self.organisation, product, revisions).await?;
        self.decided.insert(product, decided.clone());
        Ok(decided)
    }

    /// What a build is to be judged on; none where it was judged on that, or cannot be yet.
    pub(crate) async fn wanting(&mut self, build: &Build) -> Answer<Option<Ground>> {
        let ground = self.ground(build).await?;
        let kept = |ground: &Ground| self.app.evaluator.kept_summary(build.id, &ground.basis);
        Ok(ground.filter(|ground| kept(ground).is_none()))
    }
}

fn read_facts(bytes: &[u8]) -> Answer<Facts> {
    serde_json::from_slice(bytes).map_err(|error| Problem::internal("read the facts", &error))
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
