//! The table, seen as a whole and at its edges.

use auscult_model::Known;
use auscult_report::{ScanResult, TableOptions, table};

use crate::results;

fn drawn(result: &ScanResult) -> String {
    table(result, &TableOptions::default())
}

#[test]
fn ordinary_result() {
    insta::assert_snapshot!("ordinary", drawn(&results::ordinary()));
}

#[test]
fn empty_result_without_snapshot() {
    insta::assert_snapshot!("empty", drawn(&results::empty()));
}

#[test]
fn hostile_names_forge_nothing() {
    let text = drawn(&results::hostile());
    assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
    assert!(!text.contains('\u{202e}'));
    assert_eq!(text.lines().filter(|line| line.starts_with("VERDICT")).count(), 1);
    insta::assert_snapshot!("hostile", text);
}

#[test]
fn thousands_of_findings_are_counted_not_listed() {
    let text = drawn(&results::flooded());
    assert!(text.lines().count() < 110, "{} lines", text.lines().count());
    for part in
        ["5,005 open, 1 closed", "… and 4,980 more findings: all with -o json", "linux 5,002"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let listed = text.lines().position(|line| line.contains("CVE-2026-0001")).unwrap();
    let flood = text.lines().position(|line| line.contains("CVE-2025-")).unwrap();
    assert!(listed < flood, "the exploited one comes first");
}

#[test]
fn what_is_maintained_no_more_is_listed_the_earliest_first() {
    assert!(!drawn(&results::ordinary()).contains("SUPPORT"), "no source tells");
    let text = drawn(&results::maintained());
    let support = text.lines().skip_while(|line| !line.starts_with("SUPPORT"));
    let section: Vec<&str> = support.take_while(|line| !line.is_empty()).collect();
    insta::assert_snapshot!("support", section.join("\n"));
}

#[test]
fn stale_snapshot_warns_and_a_fresh_one_does_not() {
    let mut result = results::ordinary();
    assert!(!drawn(&result).contains("stale"));
    result.snapshot_age_days_max = 10;
    assert!(drawn(&result).contains("WARNING: stale: older than 10 days"));
    if let Known::Known(assessment) = &mut result.assessment {
        assessment.snapshot.date = jiff::civil::date(2026, 8, 1);
    }
    assert!(drawn(&result).contains("WARNING: newer than the date asked for"));
}

#[test]
fn colour_changes_no_text() {
    let plain = drawn(&results::ordinary());
    let options = TableOptions { colour: true, ..TableOptions::default() };
    let coloured = table(&results::ordinary(), &options);
    assert!(coloured.contains("\u{1b}[1;31m"));
    let mut stripped = String::new();
    let mut parts = coloured.split("\u{1b}[");
    stripped.push_str(parts.next().unwrap());
    for part in parts {
        stripped.push_str(part.split_once('m').unwrap().1);
    }
    let trimmed: Vec<&str> = stripped.lines().map(str::trim_end).collect();
    assert_eq!(trimmed, plain.lines().collect::<Vec<_>>());
}

#[test]
fn narrow_pages_keep_ids_whole() {
    let options = TableOptions { width: 80, ..TableOptions::default() };
    let text = table(&results::ordinary(), &options);
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("  CVE-2026-")).collect();
    assert!(rows.len() >= 5 && rows.iter().all(|row| row.chars().count() <= 110), "{rows:#?}");
    for number in 1..=6 {
        let id = format!("CVE-2026-000{number}");
        assert!(number == 3 || rows.iter().any(|row| row.contains(&id)), "{id}");
    }
}
