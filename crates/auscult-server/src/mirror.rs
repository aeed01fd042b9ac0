//! What every list begins with, kept in memory: all builds of an organisation, and what is decided for
//! its products. The store tells in one small answer what became different since it was asked last, so
//! that nothing here is older than the question.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use auscult_model::{DECISIONS_SCHEMA, Decisions, Sha256};
use auscult_store::{Build, BuildChange, BuildId, ChangedBuilds, OrganisationId, ProductId};
use jiff::Timestamp;

use crate::{
    problem::{Answer, Problem},
    state::App,
};

/// So long after it was read as a whole it is again, by whoever asks. A program of an older version that
/// works on the same database does not count its changes.
pub(crate) const WHOLE_AFTER: Duration = Duration::from_mins(2);
/// So long after it the process does that by itself, so that nobody who asks waits for it.
pub(crate) const AHEAD_AFTER: Duration = Duration::from_mins(1);

/// What is kept, of each organisation.
#[derive(Default)]
pub(crate) struct Mirror {
    builds: Mutex<HashMap<OrganisationId, Builds>>,
    decided: Mutex<HashMap<ProductId, Decided>>,
}

#[derive(Default)]
struct Builds {
    /// Each with its last change.
    all: BTreeMap<BuildId, (BuildChange, Arc<Build>)>,
    last: Option<BuildChange>,
    /// When all of them were read.
    read_at: Option<Instant>,
}

impl Builds {
    /// After which change the store is asked; after none where all are to be read.
    fn since(&self, whole_after: Duration) -> Option<BuildChange> {
        let is_fresh = self.read_at.is_some_and(|at| at.elapsed() < whole_after);
        self.last.filter(|_| is_fresh)
    }

    /// Takes in what was read. Others read at the same time, and may have read what is newer.
    fn take(&mut self, changed: ChangedBuilds, since: Option<BuildChange>) {
        for (change, build) in changed.builds {
            let known = self.all.get(&build.id);
            if known.is_none_or(|(known, _)| *known <= change) {
                self.all.insert(build.id, (change, Arc::new(build)));
            }
        }
        self.last = self.last.max(Some(changed.last));
        if since.is_none() {
            self.read_at = Some(Instant::now());
        }
    }
}

/// What is decided for a product.
#[derive(Clone)]
pub(crate) struct Decided {
    /// So many revisions were ever recorded; none is changed or goes, so this tells them apart.
    revisions: u64,
    pub(crate) digest: Sha256,
    pub(crate) decisions: Arc<Decisions>,
}

impl Mirror {
    /// All builds, the newest first; read as a whole again where that was longer ago.
    pub(crate) async fn builds(
        &self,
        app: &App,
        organisation: OrganisationId,
        whole_after: Duration,
    ) -> Answer<Vec<Arc<Build>>> {
        // Nobody holds it while the store is asked, which may be away.
        let kept = || self.builds.lock().unwrap_or_else(PoisonError::into_inner);
        let since = kept().get(&organisation).and_then(|builds| builds.since(whole_after));
        let changed = app.store.builds_changed(organisation, since).await?;
        let mut kept = kept();
        let builds = kept.entry(organisation).or_default();
        builds.take(changed, since);
        Ok(builds.all.values().rev().map(|(_, build)| Arc::clone(build)).collect())
    }

    /// What is decided for a product for which so many revisions were recorded.
    pub(crate) async fn decided(
        &self,
        app: &App,
        organisation: OrganisationId,
        product: ProductId,
        revisions: u64,
    ) -> Answer<Decided> {
        let kept = || self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().get(&product).filter(|known| known.revisions == revisions) {
            return Ok(known.clone());
        }
        // Nothing is asked for where nothing was ever said.
        let decisions = match revisions {
            0 => Decisions { schema: DECISIONS_SCHEMA.to_owned(), decisions: Vec::new() },
            _ => app.store.decisions(organisation, product, Timestamp::MAX).await?,
        };
        let digest = digest_of(&decisions)?;
        let decided = Decided { revisions, digest, decisions: Arc::new(decisions) };
        kept().insert(product, decided.clone());
        Ok(decided)
    }
}

fn digest_of(decisions: &Decisions) -> Answer<Sha256> {
    let text = serde_json::to_vec(decisions);
    let text = text.map_err(|error| Problem::internal("read the decisions", &error))?;
    Ok(Sha256::of(&text))
}
