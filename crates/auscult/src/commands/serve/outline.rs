//! Judging builds of which only the components are known, in short: what is said of a component is judged
//! once for all builds that hold it, and a build is put together of its components' findings.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use auscult_advisory::{Alike, MatchOutcome, Recall, Snapshot};
use auscult_model::{Facts, Finding, SnapshotInfo};
use auscult_priority::{Decider, DecisionPolicy, GateInput, Policy};
use auscult_report::Unmatched;
use auscult_server::{Bare, Outline, Pool, SharedFinding};
use jiff::civil::Date;

use super::super::judge;

/// Findings that are kept, about 2 kB each.
const FINDINGS_MAX: usize = 100_000;

/// A build of which only components are known.
struct Build {
    components: Vec<Arc<Alike>>,
    /// Its facts without them.
    rest: Facts,
}

/// Components of all such builds.
#[derive(Default)]
pub(super) struct Components(Mutex<Pool<Alike>>);

impl Components {
    /// The build, where nothing but its components bears on what is found in it.
    pub(super) fn bare(&self, facts: &Facts) -> Option<Bare> {
        if !auscult_assess::is_bare(facts) {
            return None;
        }
        let mut rest = facts.clone();
        (rest.components, rest.dependencies) = (Vec::new(), Vec::new());
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let components = facts.components.iter().map(|one| pool.one(Alike::of(one))).collect();
        Some(Bare(Arc::new(Build { components, rest })))
    }
}

/// What builds are judged by.
pub(super) struct Judging<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) info: &'a SnapshotInfo,
    pub(super) recall: &'a Recall,
    pub(super) policy: &'a Policy,
    pub(super) as_of: Date,
}

/// Findings that were judged on one day, by what they were matched as.
#[derive(Default)]
pub(super) struct Outlines(Mutex<Judged>);

#[derive(Default)]
struct Judged {
    as_of: Option<Date>,
    /// By the address of the outcome, which is kept here so that no other gets its address.
    by_outcome: HashMap<usize, (Arc<MatchOutcome>, Vec<SharedFinding>)>,
    findings: usize,
}

fn address(outcome: &Arc<MatchOutcome>) -> usize {
    Arc::as_ptr(outcome).addr()
}

impl Judged {
    fn keep(&mut self, outcome: Arc<MatchOutcome>, findings: Vec<SharedFinding>) {
        let count = findings.len();
        if self.by_outcome.insert(address(&outcome), (outcome, findings)).is_none() {
            self.findings += count;
        }
    }
}

/// What the advisories say of a build.
#[derive(Default)]
struct Said {
    outcomes: Vec<Arc<MatchOutcome>>,
    without_data: Vec<Unmatched>,
    without_version: Vec<Unmatched>,
}

impl Said {
    fn of(by: &Judging<'_>, build: &Build) -> anyhow::Result<Self> {
        let groups = auscult_advisory::match_groups(by.snapshot, by.recall, &build.components);
        let mut said = Self::default();
        for (group, outcome) in groups.context("match the advisories")? {
            match outcome.as_ref() {
                MatchOutcome::NoMatch { .. } => {}
                MatchOutcome::NoData => {
                    said.without_data.extend(group.into_iter().map(judge::without_data));
                }
                MatchOutcome::VersionUnknown { advisories_for_product: count, names_known } => {
                    said.without_version.extend(group.into_iter().map(|component| {
                        judge::without_version(&(component, *count, names_known.clone()))
                    }));
                }
                MatchOutcome::Matches(_) => said.outcomes.push(outcome),
            }
        }
        for list in [&mut said.without_data, &mut said.without_version] {
            list.sort();
            list.dedup();
        }
        Ok(said)
    }
}

impl Outlines {
    /// Judges a build that [`Components::bare`] made.
    pub(super) fn outline(&self, by: &Judging<'_>, build: &Bare) -> anyhow::Result<Outline> {
        let build = build.0.downcast_ref::<Build>().context("a build of another engine")?;
        let said = Said::of(by, build)?;
        let mut findings = self.judged(by, &build.rest, &said.outcomes)?;
        auscult_report::sort(&mut findings);
        let names = |list: &[Unmatched]| -> Vec<String> {
            list.iter().map(|one| one.name.clone()).collect()
        };
        let input = GateInput {
            findings: findings.iter().map(Borrow::borrow).collect(),
            coverage: &build.rest.coverage,
            problems: &build.rest.problems,
            components: build.components.len(),
            components_without_data: &names(&said.without_data),
            components_without_version: &names(&said.without_version),
            snapshot: Some(by.info),
            baseline: None,
            decided: &BTreeSet::new(),
            gaps: None,
            as_of: by.as_of,
        };
        let verdict = auscult_priority::evaluate(by.policy, &input);
        Ok(Outline {
            without_data: said.without_data.len(),
            without_version: said.without_version.len(),
            findings,
            verdict,
        })
    }

    fn known(&self) -> MutexGuard<'_, Judged> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The findings of outcomes, as they are judged in every such build.
    fn judged(
        &self,
        by: &Judging<'_>,
        rest: &Facts,
        outcomes: &[Arc<MatchOutcome>],
    ) -> anyhow::Result<Vec<SharedFinding>> {
        let (mut findings, mut new) = (Vec::new(), Vec::new());
        {
            let mut known = self.known();
            if known.as_of != Some(by.as_of) || known.findings >= FINDINGS_MAX {
                *known = Judged { as_of: Some(by.as_of), ..Judged::default() };
            }
            for outcome in outcomes {
                match known.by_outcome.get(&address(outcome)) {
                    Some((_, judged)) => findings.extend(judged.iter().cloned()),
                    None => new.push(outcome),
                }
            }
        }
        if new.is_empty() {
            return Ok(findings);
        }
        let matched: Vec<&[Finding]> = new.iter().map(|outcome| outcome.findings()).collect();
        let mut asked = matched.concat();
        auscult_assess::assess(rest, by.snapshot, &mut asked)?;
        let policy = DecisionPolicy::default().for_snapshot(Some(by.info));
        let decider = Decider::new(None, by.as_of, policy);
        for finding in &mut asked {
            finding.decisions = decider.decide(finding);
        }
        let mut asked = asked.into_iter().map(SharedFinding::of);
        let mut known = self.known();
        for outcome in new {
            let judged: Vec<_> = asked.by_ref().take(outcome.findings().len()).collect();
            findings.extend(judged.iter().cloned());
            known.keep(Arc::clone(outcome), judged);
        }
        Ok(findings)
    }
}
