//! The gate: what fails, what is inconclusive, and which of the two wins.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{
    AdvisoryId, Coverage, Exploitation, Finding, KevEntry, Locator, Problem, Sha256, SnapshotInfo,
    SourceInfo, Verdict, VerdictOutcome, VexStatus,
};
use jiff::civil::{Date, date};

use super::{FindingKey, GateInput, OpenGap, evaluate, without_gate};
use crate::decide::{DecisionPolicy, decide, tests::finding};
use crate::policy::{Ignore, Policy};

const AS_OF: Date = date(2026, 11, 23);
const REMOTE: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";

/// Everything that a gate needs, in order.
struct Case {
    findings: Vec<Finding>,
    coverage: Coverage,
    problems: Vec<Problem>,
    components: usize,
    without_data: Vec<String>,
    without_version: Vec<String>,
    snapshot: Option<SnapshotInfo>,
    baseline: Option<BTreeSet<FindingKey>>,
    decided: BTreeSet<FindingKey>,
    gaps: Option<Vec<OpenGap>>,
}

impl Case {
    fn new(findings: Vec<Finding>) -> Self {
        let source = |name: &str| SourceInfo {
            name: name.into(),
            date: None,
            records: 10,
            failures: 0,
            licence: "CC0-1.0".into(),
        };
        let snapshot = SnapshotInfo {
            root: Sha256::of(b""),
            date: date(2026, 11, 20),
            layers: BTreeMap::new(),
            sources: vec![source("cve5"), source("kev")],
            coverage: "full".into(),
        };
        Self {
            findings,
            coverage: Coverage { bytes_total: 1000, bytes_read: 1000, ..Coverage::default() },
            problems: Vec::new(),
            components: 5,
            without_data: vec!["pumpd".into()],
            without_version: Vec::new(),
            snapshot: Some(snapshot),
            baseline: None,
            decided: BTreeSet::new(),
            gaps: None,
        }
    }

    fn input(&self) -> GateInput<'_> {
        GateInput {
            findings: self.findings.iter().collect(),
            coverage: &self.coverage,
            problems: &self.problems,
            components: self.components,
            components_without_data: &self.without_data,
            components_without_version: &self.without_version,
            snapshot: self.snapshot.as_ref(),
            baseline: self.baseline.as_ref(),
            decided: &self.decided,
            gaps: self.gaps.as_deref(),
            as_of: AS_OF,
        }
    }

    fn verdict(&self, rules: &str) -> Verdict {
        evaluate(&Policy::fail_on(rules).unwrap(), &self.input())
    }

    fn outcome(&self, rules: &str) -> VerdictOutcome {
        self.verdict(rules).outcome
    }
}

fn decided(mut finding: Finding) -> Finding {
    finding.decisions = decide(&finding, None, AS_OF, DecisionPolicy::default());
    finding
}

fn exploited() -> Finding {
    let mut finding = finding("busybox", Some(REMOTE));
    finding.kev = Some(KevEntry { added: AS_OF, ransomware: false });
    finding.exploitation = Exploitation::Active;
    decided(finding)
}

use VerdictOutcome::{Fail, Inconclusive, Pass};

#[test]
fn each_rule_fails_on_what_it_names_and_on_nothing_else() {
    let clean = Case::new(Vec::new());
    let bad = Case::new(vec![exploited()]);
    for rule in
        ["immediate", "out-of-cycle", "scheduled", "uncontrolled", "kev", "critical", "high", "low"]
    {
        assert_eq!((clean.outcome(rule), bad.outcome(rule)), (Pass, Fail), "{rule}");
    }
    let verdict = bad.verdict("kev");
    assert_eq!(verdict.reasons[0].findings, ["CVE-2026-0001 busybox 1.0"]);
    assert_eq!(
        verdict.reasons[0].text,
        "1 finding in CISA's catalogue of known exploited vulnerabilities"
    );
}

#[test]
fn this_outcome_or_worse_is_a_threshold() {
    let mut mild = finding("busybox", Some("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"));
    mild.cvss[0].severity = auscult_model::Severity::Low;
    let context = auscult_model::DeviceContext {
        exposure: Some(auscult_model::Exposure::Controlled),
        ..Default::default()
    };
    mild.decisions = decide(&mild, Some(&context), AS_OF, DecisionPolicy::default());
    let case = Case::new(vec![mild]);
    assert_eq!(case.outcome("scheduled"), Fail);
    assert_eq!(case.outcome("out-of-cycle"), Pass);
    assert_eq!((case.outcome("low"), case.outcome("medium")), (Fail, Pass));
}

#[test]
fn findings_that_do_not_apply_never_fail() {
    for status in [VexStatus::NotAffected, VexStatus::Fixed] {
        let mut finding = exploited();
        finding.vex.status = status;
        let case = Case::new(vec![finding]);
        assert_eq!(case.outcome("kev,immediate,low,untriaged"), Pass);
    }
}

#[test]
fn an_unknown_severity_counts_as_critical() {
    let case = Case::new(vec![decided(finding("busybox", None))]);
    let verdict = case.verdict("critical");
    assert_eq!(verdict.outcome, Fail);
    assert_eq!(
        verdict.reasons[0].text,
        "1 finding of severity critical or worse, 1 of them without a published severity and so \
         counted as critical"
    );
}

#[test]
fn a_finding_without_decisions_is_not_taken_for_harmless() {
    let case = Case::new(vec![finding("busybox", Some(REMOTE))]);
    assert_eq!(case.outcome("immediate"), Inconclusive);
    assert_eq!(case.outcome("uncontrolled"), Inconclusive);
}

#[test]
fn untriaged_is_what_nobody_decided() {
    let mut case = Case::new(vec![exploited()]);
    assert_eq!(case.outcome("untriaged"), Fail);
    case.decided.insert(FindingKey::of(&case.findings[0]));
    assert_eq!(case.outcome("untriaged"), Pass);
    case.findings[0].vex.status = VexStatus::UnderInvestigation;
    assert_eq!(case.outcome("untriaged"), Fail);
}

#[test]
fn new_and_gaps_need_something_to_compare_with() {
    let mut case = Case::new(vec![exploited()]);
    assert_eq!((case.outcome("new"), case.outcome("gap:high")), (Inconclusive, Inconclusive));
    case.baseline = Some(BTreeSet::new());
    case.gaps =
        Some(vec![OpenGap { id: "fda-app1-07".into(), severity: auscult_model::Severity::High }]);
    assert_eq!((case.outcome("new"), case.outcome("gap:high")), (Fail, Fail));
    // The baseline knew it under another id.
    let alias = AdvisoryId("GHSA-1".into());
    case.findings[0].aliases.push(alias.clone());
    case.baseline = Some(BTreeSet::from([FindingKey { id: alias, component: "busybox".into() }]));
    case.gaps = Some(vec![OpenGap { id: "x".into(), severity: auscult_model::Severity::Low }]);
    assert_eq!((case.outcome("new"), case.outcome("gap:high")), (Pass, Pass));
}

#[test]
fn what_is_unknown_makes_a_gate_inconclusive_and_a_failure_outweighs_it() {
    type Change = fn(&mut Case);
    let changes: [(&str, Change); 12] = [
        ("components", |case| case.components = 0),
        ("problems", |case| {
            case.problems.push(Problem {
                locator: Locator::image().at(16),
                what: "read the fragment table".into(),
                why: "it is past the end".into(),
            });
        }),
        ("unread-max-percent", |case| case.coverage.bytes_unread = 1001),
        ("snapshot", |case| case.snapshot = None),
        ("snapshot-max-age-days", |case| {
            case.snapshot.as_mut().unwrap().date = date(2026, 11, 8);
        }),
        ("required-sources", |case| {
            case.snapshot.as_mut().unwrap().sources.truncate(1);
        }),
        ("required-sources", |case| {
            case.snapshot.as_mut().unwrap().sources[1].records = 0;
        }),
        ("required-sources", |case| {
            case.snapshot.as_mut().unwrap().sources.remove(0);
        }),
        ("required-sources", |case| {
            case.snapshot.as_mut().unwrap().sources.clear();
        }),
        // A fresh catalogue beside old ranges, and fresh ranges beside an old catalogue.
        ("snapshot-max-age-days", |case| {
            case.snapshot.as_mut().unwrap().sources[0].date = Some(date(2025, 11, 20));
        }),
        ("snapshot-max-age-days", |case| {
            case.snapshot.as_mut().unwrap().sources[1].date = Some(date(2025, 11, 20));
        }),
        ("allow-version-unknown", |case| case.without_version.push("goahead".into())),
    ];
    for (rule, change) in changes {
        let mut case = Case::new(Vec::new());
        change(&mut case);
        let verdict = case.verdict("kev");
        assert_eq!(verdict.outcome, Inconclusive, "{rule}");
        assert_eq!(verdict.reasons[0].rule, rule);
        case.findings = vec![exploited()];
        let verdict = case.verdict("kev");
        assert_eq!(verdict.outcome, Fail, "{rule}");
        assert!(verdict.reasons.len() > 1, "the doubt is told besides the failure");
    }
}

#[test]
fn limits_are_inclusive() {
    let mut case = Case::new(Vec::new());
    case.coverage.bytes_unread = 1000;
    case.coverage.bytes_padding = 5000;
    case.snapshot.as_mut().unwrap().date = date(2026, 11, 9);
    assert_eq!(case.outcome("kev"), Pass);
}

#[test]
fn components_without_data_matter_only_when_asked() {
    let case = Case::new(Vec::new());
    let policy = Policy { allow_no_data: false, ..Policy::fail_on("kev").unwrap() };
    let verdict = evaluate(&policy, &case.input());
    assert_eq!(verdict.outcome, Inconclusive);
    assert_eq!(verdict.reasons[0].text, "1 component without any advisory record: pumpd");
}

#[test]
fn a_policy_may_accept_unknown_versions() {
    let mut case = Case::new(Vec::new());
    case.without_version.push("goahead".into());
    let verdict = case.verdict("kev");
    let text = "1 component with advisories and without a known version: goahead";
    assert_eq!(verdict.reasons[0].text, text);
    let policy = Policy { allow_version_unknown: true, ..Policy::fail_on("kev").unwrap() };
    assert_eq!(evaluate(&policy, &case.input()).outcome, Pass);
}

#[test]
fn an_ignore_counts_until_it_expires() {
    let case = Case::new(vec![exploited()]);
    for (expires, component, expected) in [
        (date(2026, 11, 24), None, Pass),
        (date(2026, 11, 23), None, Fail),
        (date(2026, 11, 24), Some("openssl"), Fail),
        (date(2026, 11, 24), Some("busybox"), Pass),
    ] {
        let ignore = Ignore {
            id: "CVE-2026-0001".into(),
            component: component.map(str::to_owned),
            reason: "not reachable".into(),
            expires,
        };
        let policy = Policy { ignore: vec![ignore], ..Policy::fail_on("kev").unwrap() };
        assert_eq!(evaluate(&policy, &case.input()).outcome, expected, "{expires}");
    }
}

#[test]
fn without_a_gate_only_an_empty_result_is_inconclusive() {
    let mut case = Case::new(vec![exploited()]);
    case.snapshot = None;
    assert_eq!(without_gate(&case.input()).outcome, Pass);
    case.components = 0;
    assert_eq!(without_gate(&case.input()).outcome, Inconclusive);
}
