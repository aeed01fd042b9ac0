//! The CSV form.

use auscult_report::{Error, csv};

use crate::results;

#[test]
fn rows_hold_findings_and_what_could_not_be_judged() {
    let text = csv(&results::ordinary()).unwrap();
    let starts: Vec<String> =
        text.lines().map(|line| line.split(',').take(2).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(
        starts,
        [
            "row,id",
            "open,CVE-2026-0004",
            "open,CVE-2026-0001",
            "open,CVE-2026-0006",
            "open,CVE-2026-0002",
            "open,CVE-2026-0005",
            "closed,CVE-2026-0003",
            "no-data,",
            "version-unknown,"
        ]
    );
    let columns = |line: &str| line.split(',').count();
    let header = text.lines().next().map(columns);
    // Only the fields of the ranges hold commas, and those are not in this form.
    assert!(text.lines().all(|line| Some(columns(line)) == header), "{text}");
}

#[test]
fn hostile_fields_stay_in_their_row() {
    let text = csv(&results::hostile()).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert!(text.lines().all(|line| !line.chars().any(char::is_control)));
}

#[test]
fn no_assessment_is_no_empty_list() {
    assert!(matches!(csv(&results::empty()), Err(Error::NotAssessed(_))));
}
