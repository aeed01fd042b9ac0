//! The gate: does this build pass?
//!
//! Fail outweighs inconclusive, and inconclusive outweighs pass. A gate is inconclusive when
//! something it needs is unknown: nothing was identified, the input is damaged, too much of it stayed
//! unread, the snapshot is missing, old or without a needed source, a component that sources know has
//! no version to compare, or a rule has nothing to compare with. A build passes only when every rule could be judged.

use std::collections::BTreeSet;

use auscult_model::{
    AdvisoryId, Coverage, Finding, Outcome, Perspective, Problem, RiskDecision, Severity,
    SnapshotInfo, SourceInfo, Verdict, VerdictOutcome, VerdictReason,
};
use jiff::civil::Date;

use crate::decide::needs_decision;
use crate::policy::{Policy, Rule};

/// What a gate judges.
#[derive(Clone, Debug)]
pub struct GateInput<'a> {
    /// The findings with their decisions.
    pub findings: Vec<&'a Finding>,
    /// How much of the image was read.
    pub coverage: &'a Coverage,
    /// What went wrong while reading it.
    pub problems: &'a [Problem],
    /// How many components were identified.
    pub components: usize,
    /// The components of which the snapshot has no record.
    pub components_without_data: &'a [String],
    /// The components that the snapshot has advisories for and whose version is unknown.
    pub components_without_version: &'a [String],
    /// The snapshot that the findings come from.
    pub snapshot: Option<&'a SnapshotInfo>,
    /// The findings of the baseline, if one was given.
    pub baseline: Option<&'a BTreeSet<FindingKey>>,
    /// The findings that people decided about.
    pub decided: &'a BTreeSet<FindingKey>,
    /// The open gaps, if gaps were assessed.
    pub gaps: Option<&'a [OpenGap]>,
    /// The date that ages are counted to.
    pub as_of: Date,
}

/// A vulnerability of a component, whatever its version: an update does not make it new.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingKey {
    /// The vulnerability.
    pub id: AdvisoryId,
    /// The component's name.
    pub component: String,
}

impl FindingKey {
    /// The key of a finding.
    pub fn of(finding: &Finding) -> Self {
        Self { id: finding.id.clone(), component: finding.component.clone() }
    }
}

/// A requirement that the build does not meet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenGap {
    /// Id of the requirement.
    pub id: String,
    /// How grave it is.
    pub severity: Severity,
}

/// The verdict when no gate was asked for: it passes unless nothing could be identified.
pub fn without_gate(input: &GateInput<'_>) -> Verdict {
    Verdict::from_reasons(nothing_identified(input).into_iter().collect())
}

/// Judges a build by a policy.
pub fn evaluate(policy: &Policy, input: &GateInput<'_>) -> Verdict {
    let mut reasons = Vec::new();
    for rule in &policy.fail_on {
        reasons.extend(judge(*rule, policy, input));
    }
    reasons.extend(nothing_identified(input));
    reasons.extend(damaged(input));
    reasons.extend(unread(policy, input));
    reasons.extend(snapshot(policy, input));
    reasons.extend(no_data(policy, input));
    reasons.extend(version_unknown(policy, input));
    Verdict::from_reasons(reasons)
}

fn inconclusive(rule: impl Into<String>, text: impl Into<String>) -> VerdictReason {
    VerdictReason {
        outcome: VerdictOutcome::Inconclusive,
        rule: rule.into(),
        text: text.into(),
        findings: Vec::new(),
    }
}

/// The findings that count: open and not ignored on this day.
fn counted<'a>(policy: &'a Policy, input: &'a GateInput<'_>) -> impl Iterator<Item = &'a Finding> {
    input
        .findings
        .iter()
        .copied()
        .filter(|finding| needs_decision(finding) && !is_ignored(finding, policy, input.as_of))
}

fn is_ignored(finding: &Finding, policy: &Policy, as_of: Date) -> bool {
    policy.ignore.iter().any(|ignore| {
        as_of < ignore.expires
            && std::iter::once(&finding.id).chain(&finding.aliases).any(|id| id.0 == ignore.id)
            && ignore.component.as_ref().is_none_or(|component| *component == finding.component)
    })
}

/// Judges one rule; nothing is said of a rule that holds.
fn judge(rule: Rule, policy: &Policy, input: &GateInput<'_>) -> Vec<VerdictReason> {
    let findings = counted(policy, input);
    match rule {
        Rule::Ssvc(least) => by_decision(rule, findings, "ssvc:deployer:1.0.0", |decision| {
            decision.perspective == Perspective::Hospital && decision.outcome >= least
        }),
        Rule::Uncontrolled => by_decision(rule, findings, "fda:", |decision| {
            decision.outcome == Outcome::Uncontrolled
        }),
        Rule::Kev => {
            let text = "in CISA's catalogue of known exploited vulnerabilities";
            broken(rule, findings.filter(|finding| finding.kev.is_some()), text)
        }
        Rule::Severity(least) => severity(rule, least, findings),
        Rule::Untriaged => {
            // Under investigation is no decision, even where somebody wrote it down.
            let open = findings.filter(|finding| {
                finding.vex.status == auscult_model::VexStatus::UnderInvestigation
                    || !input.decided.contains(&FindingKey::of(finding))
            });
            broken(rule, open, "not decided by anybody")
        }
        Rule::New => match input.baseline {
            Some(baseline) => {
                let new = findings.filter(|finding| !is_in(baseline, finding));
                broken(rule, new, "not in the baseline")
            }
            None => vec![inconclusive(rule.to_string(), "no baseline was given to compare with")],
        },
        Rule::Gap(least) => gaps(rule, least, input.gaps),
    }
}

fn is_in(baseline: &BTreeSet<FindingKey>, finding: &Finding) -> bool {
    std::iter::once(&finding.id).chain(&finding.aliases).any(|id| {
        let key = FindingKey { id: id.clone(), component: finding.component.clone() };
        baseline.contains(&key)
    })
}

fn broken<'a>(
    rule: Rule,
    findings: impl Iterator<Item = &'a Finding>,
    what: &str,
) -> Vec<VerdictReason> {
    let names: Vec<String> = names(findings);
    if names.is_empty() {
        return Vec::new();
    }
    let text = format!("{} {what}", count(names.len(), "finding"));
    vec![VerdictReason {
        outcome: VerdictOutcome::Fail,
        rule: rule.to_string(),
        text,
        findings: names,
    }]
}

fn names<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<String> {
    let mut names: Vec<String> = findings
        .map(|finding| format!("{} {} {}", finding.id, finding.component, finding.version))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A rule on a decision. A finding that nobody computed the decision for cannot be judged.
fn by_decision<'a>(
    rule: Rule,
    findings: impl Iterator<Item = &'a Finding>,
    policy: &str,
    breaks: impl Fn(&RiskDecision) -> bool,
) -> Vec<VerdictReason> {
    let (mut failing, mut undecided) = (Vec::new(), Vec::new());
    for finding in findings {
        match finding.decisions.iter().find(|decision| decision.policy.starts_with(policy)) {
            Some(decision) if breaks(decision) => failing.push(finding),
            Some(_) => {}
            None => undecided.push(finding),
        }
    }
    let what = match rule {
        Rule::Uncontrolled => "of uncontrolled risk".to_owned(),
        _ => format!("with the outcome {rule} or worse"),
    };
    let mut reasons = broken(rule, failing.into_iter(), &what);
    let undecided = names(undecided.into_iter());
    if !undecided.is_empty() {
        let text = format!("{} without this decision", count(undecided.len(), "finding"));
        reasons.push(VerdictReason { findings: undecided, ..inconclusive(rule.to_string(), text) });
    }
    reasons
}

/// A finding without a published severity counts as critical and is told apart in the text.
fn severity<'a>(
    rule: Rule,
    least: Severity,
    findings: impl Iterator<Item = &'a Finding>,
) -> Vec<VerdictReason> {
    let failing: Vec<&Finding> = findings
        .filter(|finding| finding.severity().is_none_or(|severity| severity >= least))
        .collect();
    let unscored = failing.iter().filter(|finding| finding.severity().is_none()).count();
    let doubt = if unscored == 0 {
        String::new()
    } else {
        format!(", {unscored} of them without a published severity and so counted as critical")
    };
    let what = format!("of severity {rule} or worse{doubt}");
    broken(rule, failing.into_iter(), &what)
}

fn gaps(rule: Rule, least: Severity, gaps: Option<&[OpenGap]>) -> Vec<VerdictReason> {
    let Some(gaps) = gaps else {
        return vec![inconclusive(rule.to_string(), "gaps were not assessed")];
    };
    let open: Vec<&str> =
        gaps.iter().filter(|gap| gap.severity >= least).map(|gap| gap.id.as_str()).collect();
    if open.is_empty() {
        return Vec::new();
    }
    vec![VerdictReason {
        outcome: VerdictOutcome::Fail,
        rule: rule.to_string(),
        text: format!("{} open: {}", count(open.len(), "gap"), open.join(", ")),
        findings: Vec::new(),
    }]
}

fn nothing_identified(input: &GateInput<'_>) -> Option<VerdictReason> {
    (input.components == 0)
        .then(|| inconclusive("components", "nothing could be identified in the input"))
}

fn damaged(input: &GateInput<'_>) -> Option<VerdictReason> {
    let first = input.problems.first()?;
    let text = format!(
        "{} in the input; the first: could not {} at {}: {}",
        count(input.problems.len(), "problem"),
        first.what,
        first.locator,
        first.why
    );
    Some(inconclusive("problems", text))
}

fn unread(policy: &Policy, input: &GateInput<'_>) -> Option<VerdictReason> {
    let coverage = input.coverage;
    let unread = u128::from(coverage.bytes_unread);
    // What is padding cannot hide anything, so it must not make the unread look small. An SBOM has
    // no bytes to be left unread.
    let content = u128::from(coverage.bytes_read) + unread;
    if unread * 100 <= content * u128::from(policy.unread_max_percent) {
        return None;
    }
    let tenths = unread * 1000 / content;
    let text = format!(
        "{}.{} % of the image's content stayed unread; the limit is {} %",
        tenths / 10,
        tenths % 10,
        policy.unread_max_percent
    );
    Some(inconclusive("unread-max-percent", text))
}

/// Sources that say something of vulnerabilities but hold no affected ranges of their own: with only
/// these, nothing can be found.
const SIDE_SOURCES: [&str; 8] = [
    "kev",
    "epss",
    "cve5-adp",
    "cve-enrichment",
    "metasploit",
    "routersploit",
    "poc-lists",
    "exploit-db",
];

fn snapshot(policy: &Policy, input: &GateInput<'_>) -> Vec<VerdictReason> {
    let Some(snapshot) = input.snapshot else {
        return vec![inconclusive("snapshot", "there is no advisory snapshot")];
    };
    let mut reasons = Vec::new();
    let held = |name: &str| {
        snapshot.sources.iter().find(|source| source.name == name && source.records > 0)
    };
    let can_find =
        |source: &&SourceInfo| !SIDE_SOURCES.contains(&source.name.as_str()) && source.records > 0;
    // Scores of today beside ranges of last year are a snapshot of last year.
    let ranges = snapshot.sources.iter().filter(can_find).filter_map(|source| source.date).max();
    let newest = ranges.map_or(snapshot.date, |ranges| ranges.min(snapshot.date));
    reasons.extend(too_old(policy, input, "the newest data of the advisory snapshot is", newest));
    let mut needed: BTreeSet<&str> = policy.required_sources.iter().map(String::as_str).collect();
    if policy.fail_on.contains(&Rule::Kev) {
        needed.insert("kev");
    }
    for source in needed {
        match held(source) {
            Some(SourceInfo { date: Some(date), .. }) => {
                let what = format!("the {source:?} of the advisory snapshot is");
                reasons.extend(too_old(policy, input, &what, *date));
            }
            Some(_) => {}
            None => {
                let text = format!("the advisory snapshot has no records of {source:?}");
                reasons.push(inconclusive("required-sources", text));
            }
        }
    }
    if !snapshot.sources.iter().any(|source| can_find(&source)) {
        let text = "the advisory snapshot has no source of affected ranges with records";
        reasons.push(inconclusive("required-sources", text));
    }
    reasons
}

/// Whole days; what is newer than the as-of date has a negative age.
fn too_old(
    policy: &Policy,
    input: &GateInput<'_>,
    what: &str,
    date: Date,
) -> Option<VerdictReason> {
    let age = input.as_of.duration_since(date).as_hours() / 24;
    let limit = policy.snapshot_max_age_days;
    (age > i64::from(limit)).then(|| {
        let text = format!(
            "{what} of {date}, {age} days before {}; the limit is {limit} days",
            input.as_of
        );
        inconclusive("snapshot-max-age-days", text)
    })
}

fn no_data(policy: &Policy, input: &GateInput<'_>) -> Option<VerdictReason> {
    if policy.allow_no_data || input.components_without_data.is_empty() {
        return None;
    }
    let without = input.components_without_data;
    let text = format!(
        "{} without any advisory record: {}",
        count(without.len(), "component"),
        without.join(", ")
    );
    Some(inconclusive("allow-no-data", text))
}

/// Which advisories touch such a component cannot be told, so that none of them reads as absent.
fn version_unknown(policy: &Policy, input: &GateInput<'_>) -> Option<VerdictReason> {
    let without = input.components_without_version;
    if policy.allow_version_unknown || without.is_empty() {
        return None;
    }
    let text = format!(
        "{} with advisories and without a known version: {}",
        count(without.len(), "component"),
        without.join(", ")
    );
    Some(inconclusive("allow-version-unknown", text))
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
