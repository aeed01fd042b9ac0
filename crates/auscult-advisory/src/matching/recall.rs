//! What a snapshot said about components, kept for other builds that hold the same ones: thousands of
//! builds have most of their components in common, and each is matched once.
//!
//! Where a component lies in an image is no part of the question, so that it is left out here and put
//! into the findings of each build afterwards.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash, Hasher, RandomState},
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
};

use auscult_model::{Component, Sha256};

use super::{MatchOutcome, Platform, build::Names};
use crate::Snapshot;

/// Findings that are kept at least, about 2 kB each, and twice as many at most.
const FINDINGS_KEPT: usize = 50_000;

/// A component without what says where it was found, and how far its traces can be trusted.
#[derive(Clone, Debug)]
pub struct Alike {
    component: Component,
    trust: u8,
    /// The hash of the others. It is asked for with every build that holds the component.
    hash: u64,
}

/// The key of these hashes, drawn anew by each process: nobody can make many components with one hash.
static HASHING: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl PartialEq for Alike {
    fn eq(&self, other: &Self) -> bool {
        let of = |alike: &Self| (alike.hash, alike.trust);
        of(self) == of(other) && self.component == other.component
    }
}

impl Eq for Alike {}

impl Hash for Alike {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

impl Alike {
    /// What of a component is asked about.
    pub fn of(component: &Component) -> Self {
        let Component { name, version, kind, supplier, purl, cpes, origin, .. } = component;
        let alike = Component {
            name: name.clone(),
            version: version.clone(),
            kind: *kind,
            supplier: supplier.clone(),
            purl: purl.clone(),
            cpes: cpes.clone(),
            origin: origin.clone(),
            licences: Vec::new(),
            evidence: Vec::new(),
        };
        let trust = super::trust(component);
        Self { hash: HASHING.hash_one((&alike, trust)), trust, component: alike }
    }

    /// How far its traces can be trusted, in percent.
    pub(super) fn trust(&self) -> u8 {
        self.trust
    }

    /// The component, without its evidence.
    pub fn component(&self) -> &Component {
        &self.component
    }
}

/// The components beside one, and the platform that they are: only few ask for it.
pub(super) struct Surroundings<'a> {
    components: Vec<&'a Component>,
    platform: OnceLock<Arc<Platform>>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn of(components: Vec<&'a Component>) -> Self {
        Self { components, platform: OnceLock::new() }
    }

    pub(super) fn platform(&self) -> &Arc<Platform> {
        self.platform.get_or_init(|| Arc::new(Platform::of_all(self.components.iter().copied())))
    }
}

/// What was said about one group, and in which surroundings where these matter.
struct Said {
    platform: Option<Arc<Platform>>,
    outcome: Arc<MatchOutcome>,
}

#[derive(Default)]
struct Kept {
    names: HashMap<Arc<Alike>, Arc<Names>>,
    said: HashMap<Vec<Arc<Alike>>, Vec<Said>>,
    findings: usize,
}

/// What one snapshot said. It forgets what was not asked for long ago, and a result never depends on
/// what it still knows.
pub struct Recall {
    root: Sha256,
    /// What was asked of late, and what was before.
    kept: Mutex<[Kept; 2]>,
}

impl Recall {
    /// Nothing of this snapshot yet.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self { root: snapshot.info().root, kept: Mutex::default() }
    }

    /// Whether it speaks for this snapshot.
    pub(super) fn is_of(&self, snapshot: &Snapshot) -> bool {
        self.root == snapshot.info().root
    }

    fn with<T>(&self, work: impl FnOnce(&mut [Kept; 2]) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn names(&self, alike: &Arc<Alike>) -> Option<Arc<Names>> {
        self.with(|[late, before]| {
            let known = late.names.get(alike).or_else(|| before.names.get(alike));
            known.map(Arc::clone)
        })
    }

    pub(super) fn keep_names(&self, alike: &Arc<Alike>, names: &Arc<Names>) {
        self.with(|[late, _]| late.names.insert(Arc::clone(alike), Arc::clone(names)));
    }

    pub(super) fn outcome(
        &self,
        group: &[Arc<Alike>],
        around: &Surroundings<'_>,
    ) -> Option<Arc<MatchOutcome>> {
        let holds = |said: &&Said| {
            said.platform.as_ref().is_none_or(|platform| platform == around.platform())
        };
        self.with(|kept| {
            let [late, before] = kept;
            if let Some(said) = late.said.get(group).and_then(|said| said.iter().find(holds)) {
                return Some(Arc::clone(&said.outcome));
            }
            let said = before.said.get(group)?.iter().find(holds)?;
            let again =
                Said { platform: said.platform.clone(), outcome: Arc::clone(&said.outcome) };
            let outcome = Arc::clone(&said.outcome);
            keep(kept, group.to_vec(), again);
            Some(outcome)
        })
    }

    /// Keeps an outcome; with the platform where it was asked for.
    pub(super) fn keep(
        &self,
        group: Vec<Arc<Alike>>,
        platform: Option<&Arc<Platform>>,
        outcome: &Arc<MatchOutcome>,
    ) {
        let said = Said { platform: platform.cloned(), outcome: Arc::clone(outcome) };
        self.with(|kept| keep(kept, group, said));
    }
}

fn keep(kept: &mut [Kept; 2], group: Vec<Arc<Alike>>, said: Said) {
    let [late, _] = kept;
    late.findings += said.outcome.findings().len().max(1);
    late.said.entry(group).or_default().push(said);
    if late.findings >= FINDINGS_KEPT {
        kept.swap(0, 1);
        let [late, _] = kept;
        *late = Kept::default();
    }
}
