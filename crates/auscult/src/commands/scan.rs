//! `auscult scan`: facts, findings, priority, gate, results.

use std::collections::BTreeSet;

use anyhow::Context as _;
use auscult_assess::DECIDED;
use auscult_model::{AdvisoryId, Limits, Verdict, VerdictOutcome};
use auscult_priority::{FindingKey, GateInput, Policy};
use auscult_report::{OutputFormat, ScanResult, TableOptions, Unmatched};

use super::judge;
use crate::{args::ScanArgs, exit::Exit, output, target};

pub(crate) fn run(arguments: &ScanArgs) -> anyhow::Result<Exit> {
    // Everything that the user may have got wrong is checked before the work begins.
    let outputs = output::parse(&arguments.outputs, OutputFormat::Table)?;
    let policy = policy(arguments)?;
    let question = judge::Question::ask(&arguments.judging, arguments.facts_only)?;
    let limits = super::limits(&arguments.limits);
    let mut result = question.answer(&arguments.target, &limits)?;
    let baseline = baseline(arguments, &question, &limits)?;
    let verdict = verdict(&result, policy.as_ref(), baseline.as_ref());
    if policy.is_some() {
        result.verdict = Some(verdict.clone());
    }
    if let Some(days) = arguments.max_snapshot_age {
        result.snapshot_age_days_max = days;
    }
    result.canonicalise();
    for wanted in &outputs {
        let name = wanted.format.name();
        output::write_with(wanted, |out| {
            let written = wanted.format.write(&result, &TableOptions::default(), out);
            written.with_context(|| format!("make the output {name}"))
        })?;
    }
    // The process ends here: giving back what thousands of findings and blocks hold, piece by piece,
    // would take a sixth of the whole time.
    std::mem::forget((result, question));
    Ok(exit(&verdict))
}

/// The gate that was asked for, if one was.
fn policy(arguments: &ScanArgs) -> anyhow::Result<Option<Policy>> {
    let mut policy = match (&arguments.fail_on, &arguments.policy) {
        (Some(list), _) => Policy::fail_on(list)
            .map_err(|error| crate::failure::WrongUsage(format!("--fail-on: {error}")))?,
        (None, Some(path)) => {
            let text = target::read_text(path, "gate policy")?;
            Policy::parse(&text).with_context(|| format!("read {}", path.display()))?
        }
        (None, None) => return Ok(None),
    };
    if let Some(days) = arguments.max_snapshot_age {
        policy.snapshot_max_age_days = days;
    }
    Ok(Some(policy))
}

/// The open findings of the baseline, where one was named and has findings.
fn baseline(
    arguments: &ScanArgs,
    question: &judge::Question,
    limits: &Limits,
) -> anyhow::Result<Option<BTreeSet<FindingKey>>> {
    let Some(path) = &arguments.baseline else { return Ok(None) };
    let side = super::diff::side(question, path, limits)
        .with_context(|| format!("read the baseline {}", path.display()))?;
    let key = |(id, component)| FindingKey { id: AdvisoryId(id), component };
    let open = side.open_findings();
    Ok(open.known().map(|open| open.iter().cloned().map(key).collect()))
}

/// What the gate says, or what can be said without one.
pub(super) fn verdict(
    result: &ScanResult,
    policy: Option<&Policy>,
    baseline: Option<&BTreeSet<FindingKey>>,
) -> Verdict {
    let assessment = result.assessment.known();
    let names = |list: &[Unmatched]| -> Vec<String> {
        list.iter().map(|component| component.name.clone()).collect()
    };
    let no_data = assessment.map_or(Vec::new(), |assessment| names(&assessment.no_data));
    let version_unknown =
        assessment.map_or(Vec::new(), |assessment| names(&assessment.version_unknown));
    let findings = result.findings().iter();
    let decided = findings.filter(|one| one.vex.strength.as_deref() == Some(DECIDED));
    let decided: BTreeSet<FindingKey> = decided.map(FindingKey::of).collect();
    let input = GateInput {
        findings: result.findings().iter().collect(),
        coverage: &result.facts.coverage,
        problems: &result.facts.problems,
        components: result.facts.components.len(),
        components_without_data: &no_data,
        components_without_version: &version_unknown,
        snapshot: assessment.map(|assessment| &assessment.snapshot),
        baseline,
        decided: &decided,
        gaps: None,
        as_of: result.as_of,
    };
    match policy {
        Some(policy) => auscult_priority::evaluate(policy, &input),
        None => auscult_priority::without_gate(&input),
    }
}

fn exit(verdict: &Verdict) -> Exit {
    match verdict.outcome {
        VerdictOutcome::Pass => Exit::Done,
        VerdictOutcome::Fail => Exit::GateFailed,
        VerdictOutcome::Inconclusive => Exit::Inconclusive,
    }
}
