//! Statements and decisions about one made finding.

use auscult_model::{Decision, Finding, Known, ReliedFact, VexStatement, VexStatus, VexSubject};
use jiff::civil::{Date, date};

use super::{
    DECIDED, Stated,
    made::{facts, finding},
};
use crate::fact::{fact_digest, fact_value};

const TODAY: Date = date(2026, 6, 1);

fn statement(issuer: &str, status: VexStatus, purl: &str, at: &str) -> VexStatement {
    VexStatement {
        issuer: issuer.into(),
        date: Some(at.parse().unwrap()),
        vulnerabilities: vec!["ghsa-1".into()],
        subjects: vec![VexSubject { purls: vec![purl.into()], ..VexSubject::default() }],
        status,
        justification: Some("vulnerable_code_not_present".into()),
        detail: None,
    }
}

fn after(stated: &Stated) -> Finding {
    let mut findings = [finding()];
    stated.apply(&facts(), &mut findings, TODAY);
    let [finding] = findings;
    finding
}

const OLD: &str = "2026-01-01T00:00:00Z";
const NEW: &str = "2026-02-01T00:00:00Z";
const CURL: &str = "pkg:deb/debian/curl";

#[test]
fn trusted_issuers_close_and_others_are_only_heard() {
    let closing = statement("Maker", VexStatus::NotAffected, CURL, OLD);
    let mut stated = Stated { statements: vec![closing], ..Stated::default() };
    let closed = after(&stated);
    assert_eq!(closed.vex.status, VexStatus::NotAffected);
    assert_eq!(closed.vex.strength.as_deref(), Some("stated"));
    stated.trusted = Some(["Other".to_owned()].into());
    let heard = after(&stated);
    assert_eq!(heard.vex.status, VexStatus::Affected);
    assert!(heard.vex.evidence[0].contains("not trusted"), "{:?}", heard.vex.evidence);
}

#[test]
fn the_newest_word_of_an_issuer_counts_and_the_worst_of_all() {
    let (closed, open) = (VexStatus::NotAffected, VexStatus::Affected);
    for (statements, expected) in [
        (vec![("A", closed, NEW), ("A", open, OLD)], closed),
        (vec![("A", closed, OLD), ("A", open, NEW)], open),
        (vec![("A", closed, NEW), ("B", open, OLD)], open),
    ] {
        let statements =
            statements.into_iter().map(|(who, what, at)| statement(who, what, CURL, at));
        let stated = Stated { statements: statements.collect(), ..Stated::default() };
        assert_eq!(after(&stated).vex.status, expected);
    }
}

#[test]
fn a_statement_is_about_its_component_in_its_version() {
    for (purl, expected) in [
        ("pkg:deb/debian/curl@8.0-1", VexStatus::NotAffected),
        ("pkg:deb/debian/curl@8.1-1", VexStatus::Affected),
        ("pkg:deb/ubuntu/curl", VexStatus::Affected),
        ("pkg:deb/debian/curl4", VexStatus::Affected),
        ("nonsense", VexStatus::Affected),
    ] {
        let statements = vec![statement("A", VexStatus::NotAffected, purl, OLD)];
        let stated = Stated { statements, ..Stated::default() };
        assert_eq!(after(&stated).vex.status, expected, "{purl}");
    }
}

fn decision(relies_on: Vec<ReliedFact>) -> Decision {
    Decision {
        vulnerability: "CVE-2026-1".into(),
        component: CURL.into(),
        status: VexStatus::NotAffected,
        justification: Some("vulnerable_code_not_in_execute_path".into()),
        response: Vec::new(),
        comment: "nobody signs in".into(),
        by: "Ada".into(),
        date: date(2026, 5, 1),
        expires: None,
        relies_on,
    }
}

#[test]
fn a_decision_holds_while_its_facts_do() {
    let facts = facts();
    let value = fact_value(&facts, "account:root");
    let value = value.known().unwrap();
    assert!(value.contains("locked") && !value.contains("image@"), "{value}");
    let relied =
        |fact: &str, value: &str| ReliedFact { fact: fact.into(), sha256: fact_digest(value) };
    let mut expired = decision(Vec::new());
    expired.expires = Some(date(2026, 5, 31));
    let cases = [
        (decision(Vec::new()), true),
        (decision(vec![relied("account:root", value)]), true),
        (decision(vec![relied("account:admin", "absent")]), true),
        (decision(vec![relied("listener:tcp/22", "absent")]), true),
        (decision(vec![relied("account:root", "other")]), false),
        // A question that this build does not answer carries nothing.
        (decision(vec![relied("kernel-option:CONFIG_BT", "n")]), false),
        (decision(vec![relied("service:sshd", "absent")]), false),
        (decision(vec![relied("nonsense", "x")]), false),
        (expired, false),
    ];
    for (decision, holds) in cases {
        let stated = Stated { decisions: vec![decision.clone()], ..Stated::default() };
        let mut findings = [finding()];
        stated.apply(&facts, &mut findings, TODAY);
        let held = findings.iter().filter(|one| one.vex.strength.as_deref() == Some(DECIDED));
        assert_eq!(held.count(), usize::from(holds), "{decision:?}");
        let expected = if holds { VexStatus::NotAffected } else { VexStatus::Affected };
        assert_eq!(findings[0].vex.status, expected);
        assert_eq!(findings[0].vex.evidence.len(), 1);
    }
}

#[test]
fn unknown_kinds_of_facts_have_no_value() {
    for name in ["", "x", "what:ever", "kernel-module:a"] {
        assert!(matches!(fact_value(&facts(), name), Known::Unknown(_)), "{name}");
    }
}
