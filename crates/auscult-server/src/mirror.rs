//! What every list begins with, kept in memory: all builds of an organisation, and what is decided for
//! its products. The store tells in one small answer what became different since it was asked last, so
//! that nothing here is older than the question.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use auscult_model::{DECISIONS_SCHEMA, Decisions, Sha256};
use auscult_store::{Build, BuildChange, BuildId, OrganisationId, ProductId};
use jiff::Timestamp;

use crate::{
    problem::{Answer, Problem},
    state::App,
};

/// So long after it was read as a whole it is again. A program of an older version that works on the
/// same database does not count its changes.
const WHOLE_AFTER: Duration = Duration::from_mins(1);

/// What is kept, of each organisation.
#[derive(Default)]
pub(crate) struct Mirror {
    builds: tokio::sync::Mutex<HashMap<OrganisationId, Builds>>,
    decided: Mutex<HashMap<ProductId, Decided>>,
}

struct Builds {
    all: BTreeMap<BuildId, Arc<Build>>,
    last: BuildChange,
    read_at: Instant,
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
    /// All builds, the newest first.
    pub(crate) async fn builds(
        &self,
        app: &App,
        organisation: OrganisationId,
    ) -> Answer<Vec<Arc<Build>>> {
        let mut kept = self.builds.lock().await;
        let known = kept.get_mut(&organisation);
        let known = known.filter(|known| known.read_at.elapsed() < WHOLE_AFTER);
        let since = known.as_ref().map(|known| known.last);
        let changed = app.store.builds_changed(organisation, since).await?;
        let builds = changed.builds.into_iter().map(|build| (build.id, Arc::new(build)));
        let all = if let Some(known) = known {
            known.all.extend(builds);
            known.last = changed.last;
            &known.all
        } else {
            let (all, last, read_at) = (builds.collect(), changed.last, Instant::now());
            &kept.entry(organisation).insert_entry(Builds { all, last, read_at }).into_mut().all
        };
        Ok(all.values().rev().map(Arc::clone).collect())
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
