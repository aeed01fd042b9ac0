//! From a target to a judged result: what `scan` and `explain` share.

use std::path::Path;

use anyhow::Context as _;
use auscult_advisory::{MatchOutcome, Platform, Snapshot};
use auscult_model::{Component, DeviceContext, Facts, Finding, Known, Limits};
use auscult_priority::DecisionPolicy;
use auscult_report::{Assessment, ScanResult, Unmatched};
use jiff::civil::Date;
use rayon::prelude::*;

use crate::{
    args::JudgingArgs,
    failure::Hinted,
    target::{self, Target},
    worker,
};

/// What a result is computed from, beside the target; read and checked before the work begins.
pub(super) struct Question {
    as_of: Date,
    context: Option<DeviceContext>,
    snapshot: Option<Snapshot>,
}

impl Question {
    /// Reads the files that the user named.
    pub(super) fn ask(arguments: &JudgingArgs, facts_only: bool) -> anyhow::Result<Self> {
        let context = arguments.context.as_deref().map(read_context).transpose()?;
        let snapshot =
            if facts_only { None } else { Some(snapshot(arguments.advisories.as_deref())?) };
        Ok(Self { as_of: as_of(arguments.as_of), context, snapshot })
    }

    /// Inspects the target and judges what is in it.
    pub(super) fn answer(&self, target: &Path, limits: &Limits) -> anyhow::Result<ScanResult> {
        let (facts, isolation) = facts(Target::open(target)?, limits)?;
        let mut result = ScanResult::of_facts(facts, self.as_of, "only facts were asked for")
            .context("digest the facts")?;
        result.isolation = isolation;
        if let Some(snapshot) = &self.snapshot {
            let assessment = self.assess(snapshot, &result.facts.components);
            result.assessment = Known::Known(assessment.context("match the advisories")?);
        }
        Ok(result)
    }

    fn assess(
        &self,
        snapshot: &Snapshot,
        components: &[Component],
    ) -> Result<Assessment, auscult_advisory::Error> {
        let info = snapshot.info();
        let policy = DecisionPolicy::for_snapshot(Some(&info));
        let platform = Platform::of(components);
        let outcomes: Result<Vec<_>, _> = components
            .par_iter()
            .map(|component| {
                auscult_advisory::match_component_on(snapshot, component, &platform)
                    .map(|outcome| (component, outcome))
            })
            .collect();
        let mut assessment = Assessment {
            snapshot: info,
            findings: Vec::new(),
            no_data: Vec::new(),
            version_unknown: Vec::new(),
        };
        for (component, outcome) in outcomes? {
            sort_in(&mut assessment, component, outcome);
        }
        let decide = |finding: &mut Finding| {
            finding.decisions =
                auscult_priority::decide(finding, self.context.as_ref(), self.as_of, policy);
        };
        assessment.findings.par_iter_mut().for_each(decide);
        Ok(assessment)
    }
}

/// Puts one component's outcome where it belongs. Silence is told, never dropped.
fn sort_in(assessment: &mut Assessment, component: &Component, outcome: MatchOutcome) {
    let unmatched = |reason: String| Unmatched {
        name: component.name.clone(),
        version: component.version.to_string(),
        reason,
    };
    match outcome {
        MatchOutcome::Matches(findings) => assessment.findings.extend(findings),
        MatchOutcome::NoMatch { .. } => {}
        MatchOutcome::NoData => {
            assessment.no_data.push(unmatched("no source of the snapshot knows it".to_owned()));
        }
        MatchOutcome::VersionUnknown { advisories_for_product: count, names_known } => {
            let names = names_known.join(", ");
            let reason =
                format!("{count} advisories for {names}, which apply depends on the version");
            assessment.version_unknown.push(unmatched(reason));
        }
    }
}

/// The date that a result is computed for, today in UTC unless it is given: the only place where
/// the program reads the clock.
pub(super) fn as_of(given: Option<Date>) -> Date {
    given.unwrap_or_else(|| jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date())
}

/// The snapshot that the user named, or the one that the program carries.
pub(super) fn snapshot(path: Option<&Path>) -> anyhow::Result<Snapshot> {
    let Some(path) = path else {
        return auscult_advisory::starter().context("open the built-in starter snapshot");
    };
    Snapshot::open(path).map_err(|error| {
        Hinted::new(
            format!("open the snapshot {}: {:#}", path.display(), anyhow::Error::new(error)),
            "build one with: auscult advisories build --from DIR --out FILE",
        )
    })
}

fn read_context(path: &Path) -> anyhow::Result<DeviceContext> {
    let text = target::read_text(path, "device context")?;
    auscult_priority::parse_context(&text).with_context(|| format!("read {}", path.display()))
}

fn facts(target: Target, limits: &Limits) -> anyhow::Result<(Facts, Vec<String>)> {
    let problems = target.problems.clone();
    let mut inspection = worker::inspect(target, limits)?;
    inspection.facts.problems.extend(problems);
    Ok((inspection.facts, inspection.isolation))
}
