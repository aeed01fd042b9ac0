//! Differences between made sides.

use std::collections::BTreeMap;

use auscult_model::{Known, Outcome, Severity, VexStatus};

use super::{
    Difference, Side,
    side::{FindingSide, Section},
};

fn section(rows: &[(&str, &str)]) -> Section {
    Known::Known(rows.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
}

fn finding(open: bool, outcome: &str) -> FindingSide {
    FindingSide {
        component: "curl".into(),
        version: "8.0".into(),
        status: if open { VexStatus::Affected } else { VexStatus::NotAffected },
        outcome: serde_json::from_value(outcome.into()).ok(),
        risk: Some(Outcome::Controlled),
        severity: Some(Severity::High),
        kev: false,
    }
}

fn side(components: &[(&str, &str)], findings: &[(&str, FindingSide)]) -> Side {
    let findings: BTreeMap<_, _> = findings
        .iter()
        .map(|(id, one)| (((*id).to_owned(), one.component.clone()), one.clone()))
        .collect();
    Side {
        digest: "sha256:0123456789abcdef".into(),
        components: section(components),
        findings: Known::Known(findings),
        services: section(&[]),
        listeners: section(&[("tcp 22 sshd", "any")]),
        accounts: section(&[]),
        setuid: section(&[]),
        kernel_options: Known::unknown("none"),
    }
}

#[test]
fn every_kind_of_change_is_told_apart() {
    let old = side(
        &[("curl", "8.0"), ("zlib", "1.2"), ("same", "1")],
        &[
            ("CVE-1", finding(true, "scheduled")),
            ("CVE-2", finding(false, "")),
            ("CVE-3", finding(true, "defer")),
            ("CVE-4", finding(true, "scheduled")),
            ("CVE-5", finding(true, "scheduled")),
            ("CVE-7", finding(true, "scheduled")),
        ],
    );
    let new = side(
        &[("curl", "8.1"), ("expat", "2"), ("same", "1")],
        &[
            ("CVE-1", finding(true, "scheduled")),
            ("CVE-2", finding(true, "immediate")),
            ("CVE-3", finding(true, "immediate")),
            ("CVE-4", finding(false, "")),
            ("CVE-6", finding(true, "scheduled")),
            ("CVE-7", finding(true, "scheduled")),
            ("CVE-8", finding(false, "")),
        ],
    );
    let difference = Difference::of(&old, &new);
    let changes = difference.findings.known().unwrap();
    let ids = |list: &[super::FindingChange]| -> Vec<String> {
        list.iter().map(|one| one.id.clone()).collect()
    };
    assert_eq!(ids(&changes.new), ["CVE-6"]);
    assert_eq!(ids(&changes.newly_relevant), ["CVE-2"]);
    assert_eq!(ids(&changes.rescored), ["CVE-3"]);
    assert_eq!(ids(&changes.closed), ["CVE-4"]);
    assert_eq!(ids(&changes.gone), ["CVE-5"]);
    assert_eq!(changes.unchanged, 2);
    let components = difference.components.known().unwrap();
    assert_eq!(components.added.keys().collect::<Vec<_>>(), ["expat"]);
    assert_eq!(components.removed.keys().collect::<Vec<_>>(), ["zlib"]);
    assert_eq!(components.changed["curl"].new, "8.1");
    let open: Vec<String> =
        old.open_findings().known().unwrap().iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(open, ["CVE-1", "CVE-3", "CVE-4", "CVE-5", "CVE-7"]);
    let table = difference.table(false, 120);
    assert!(table.contains("1 new, 1 newly relevant, 1 re-scored, 1 closed, 1 gone, 2 unchanged"));
    assert!(table.contains("KERNEL OPTIONS  not compared: none"), "{table}");
    let markdown = difference.markdown();
    assert!(markdown.contains("| ~ | curl | 8.0 | 8.1 |"), "{markdown}");
    assert_eq!(difference.json().unwrap(), Difference::of(&old, &new).json().unwrap());
}

/// The id of the first new finding.
fn first_new(findings: &[(&str, FindingSide)]) -> String {
    let difference = Difference::of(&side(&[], &[]), &side(&[], findings));
    difference.findings.known().unwrap().new[0].id.clone()
}

#[test]
fn what_is_urgent_or_unknown_comes_first() {
    let scheduled = finding(true, "scheduled");
    let unscored = FindingSide { severity: None, ..scheduled.clone() };
    let exploited = FindingSide { kev: true, ..scheduled.clone() };
    for (second, expected) in [
        (finding(true, "immediate"), "CVE-2"),
        (finding(true, "defer"), "CVE-1"),
        (finding(true, "none"), "CVE-2"),
        (unscored, "CVE-2"),
        (exploited, "CVE-2"),
    ] {
        assert_eq!(first_new(&[("CVE-1", scheduled.clone()), ("CVE-2", second)]), expected);
    }
}

#[test]
fn what_one_side_does_not_know_is_not_compared() {
    let old = side(&[], &[("CVE-1", finding(true, "scheduled"))]);
    let mut new = side(&[], &[]);
    new.findings = Known::unknown("only facts were asked for");
    new.listeners = Known::unknown("no init in the image");
    let difference = Difference::of(&old, &new);
    assert_eq!(difference.findings.reason(), Some("of the new: only facts were asked for"));
    assert_eq!(difference.listeners.reason(), Some("of the new: no init in the image"));
    assert!(new.open_findings().known().is_none());
    assert!(difference.table(false, 100).contains("only facts were asked for"));
}

#[test]
fn markdown_obeys_nothing_from_a_name() {
    let old = side(&[], &[]);
    let new = side(&[("a|b\n# <script>", "`1`")], &[]);
    let markdown = Difference::of(&old, &new).markdown();
    assert!(!markdown.contains("<script>") && !markdown.contains("\n# <"), "{markdown}");
}

/// A component is there twice: the open finding of one of them is not hidden by the other.
#[test]
fn an_open_finding_stands_for_all_versions_of_a_component() {
    let finding = |status: &str| {
        serde_json::json!({ "id": "CVE-1", "component": "curl", "version": "1",
            "vex": { "status": status }, "decisions": [] })
    };
    for findings in [["affected", "not_affected"], ["not_affected", "affected"]] {
        let document = serde_json::json!({ "schema": "auscult-scan/1",
            "findings": findings.map(finding) });
        let side = Side::of_json(&document.to_string()).unwrap();
        assert_eq!(side.open_findings().known().unwrap().len(), 1, "{findings:?}");
    }
}

#[test]
fn other_json_is_refused() {
    for text in ["{}", "[]", "{\"schema\":\"auscult-scan/2\"}", "no json"] {
        Side::of_json(text).unwrap_err();
    }
}
