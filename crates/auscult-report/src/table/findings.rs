//! The findings: counted as a whole, the first ones listed, the very first explained.

use std::{cmp::Reverse, collections::BTreeMap};

use auscult_model::{Finding, Known, RiskDecision, Severity};

use super::{TableOptions, more};
use crate::{
    Assessment, ScanResult, Unmatched,
    json::word,
    rank,
    text::{Cell, Clip, Column, Page, Style, count, number, things},
};

const COLUMNS: [Column; 9] = [
    Column::new("ID", 24, Clip::Whole),
    Column::new("COMPONENT", 30, Clip::End),
    Column::new("VERSION", 26, Clip::End),
    Column::new("CVSS", 14, Clip::End),
    Column::new("KEV", 12, Clip::End),
    Column::new("EPSS", 8, Clip::Number),
    Column::new("OUTCOME", 24, Clip::End),
    Column::new("RISK", 14, Clip::End),
    Column::new("DUE", 10, Clip::Whole),
];

/// Matches and places told per finding that is explained in the table.
const MATCHES_SHOWN: usize = 2;

/// Components named in the counts by component.
const COMPONENTS_COUNTED: usize = 8;

pub(super) fn section(page: &mut Page, result: &ScanResult, options: &TableOptions) {
    match &result.assessment {
        Known::Unknown(reason) => {
            page.heading("FINDINGS", "unknown", Style::Warning);
            let text = format!("Advisories were not asked: {reason}. Nothing here says \"clean\".");
            page.line(2, &text, Style::Warning);
        }
        Known::Known(assessment) => {
            snapshot(page, result, assessment);
            let nothing = result.facts.components.is_empty();
            list(page, &assessment.findings, nothing, options);
            unmatched(page, "NO DATA", NO_DATA, &assessment.no_data, options);
            let list = &assessment.version_unknown;
            unmatched(page, "VERSION UNKNOWN", VERSION_UNKNOWN, list, options);
        }
    }
}

const NO_DATA: &str = "The snapshot holds no record of these components. It cannot tell whether \
                       they have weaknesses.";
const VERSION_UNKNOWN: &str =
    "Without an exact version these could not be matched, or not in full.";

fn snapshot(page: &mut Page, result: &ScanResult, assessment: &Assessment) {
    let snapshot = &assessment.snapshot;
    let age = result.snapshot_age_days().unwrap_or(0);
    let summary =
        format!("{}, {age} days old at {}, sha256:{}", snapshot.date, result.as_of, snapshot.root);
    page.heading("SNAPSHOT", &summary, Style::Plain);
    page.line(2, &format!("covers: {}", snapshot.coverage), Style::Plain);
    let sources: Vec<String> = snapshot
        .sources
        .iter()
        .map(|source| {
            let date = source.date.map_or_else(String::new, |date| format!(" to {date}"));
            let failed = match source.failures {
                0 => String::new(),
                failures => format!(", {} unreadable", number(failures)),
            };
            format!("{} ({} records{date}{failed})", source.name, number(source.records))
        })
        .collect();
    if !sources.is_empty() {
        page.line(2, &format!("sources: {}", sources.join(", ")), Style::Plain);
    }
    if result.snapshot_is_stale() {
        let limit = result.snapshot_age_days_max;
        let text = format!(
            "WARNING: stale: older than {limit} days. What was published since is not in here. \
             hint: auscult advisories update"
        );
        page.line(2, &text, Style::Alarm);
    } else if age < 0 {
        let text = "WARNING: newer than the date asked for: it knows what was not known then.";
        page.line(2, text, Style::Warning);
    }
}

fn list(page: &mut Page, findings: &[Finding], nothing: bool, options: &TableOptions) {
    let (open, closed): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|finding| rank::is_open(finding));
    if findings.is_empty() {
        page.heading("FINDINGS", "0", Style::Plain);
        let text = if nothing {
            "There was no component to ask for."
        } else {
            "No advisory of this snapshot touches a component whose version is known. See below \
             what it could not tell."
        };
        page.line(2, text, Style::Plain);
        return;
    }
    let summary = format!("{} open, {} closed", count(open.len()), count(closed.len()));
    page.heading("FINDINGS", &summary, Style::Plain);
    counts(page, &open, &closed);
    let rows: Vec<Vec<Cell>> =
        open.iter().take(options.findings_max).map(|finding| row(finding)).collect();
    if !rows.is_empty() {
        page.grid(2, &COLUMNS, &rows);
    }
    more(page, rows.len(), open.len(), "findings");
    explain(page, &open, options);
}

fn counts(page: &mut Page, open: &[&Finding], closed: &[&Finding]) {
    let by = |label: &str, key: &dyn Fn(&Finding) -> String| {
        // Findings are in order, so the first of each kind gives the kinds their order.
        let mut counts: Vec<(String, usize)> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for finding in open {
            let key = key(finding);
            let place = *places.entry(key.clone()).or_insert(counts.len());
            match counts.get_mut(place) {
                Some((_, times)) => *times += 1,
                None => counts.push((key, 1)),
            }
        }
        (label.to_owned(), counts)
    };
    let (label, outcomes) = by("by outcome", &outcome);
    line_of_counts(page, &label, &outcomes, usize::MAX);
    let (label, mut severities) = by("by severity", &severity);
    severities
        .sort_by_key(|(name, _)| SEVERITIES.iter().position(|severity| word(severity) == *name));
    line_of_counts(page, &label, &severities, usize::MAX);
    let exploited = open.iter().filter(|finding| finding.kev.is_some()).count();
    page.line(2, &format!("known exploited (KEV): {}", count(exploited)), Style::Plain);
    let (label, mut components) = by("by component", &|finding| finding.component.clone());
    components.sort_by_key(|(_, times)| Reverse(*times));
    line_of_counts(page, &label, &components, COMPONENTS_COUNTED);
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for finding in closed {
        let status = word(&finding.vex.status).replace('_', " ");
        let strength = finding.vex.strength.as_ref().map(|strength| format!(", {strength}"));
        *states.entry(status + &strength.unwrap_or_default()).or_default() += 1;
    }
    let states: Vec<_> = states.into_iter().collect();
    line_of_counts(page, "closed", &states, usize::MAX);
}

const SEVERITIES: [Severity; 5] =
    [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::None];

fn line_of_counts(page: &mut Page, label: &str, counts: &[(String, usize)], shown_max: usize) {
    if counts.is_empty() {
        return;
    }
    let mut parts: Vec<String> = counts
        .iter()
        .take(shown_max)
        .map(|(name, times)| format!("{name} {}", count(*times)))
        .collect();
    let rest: usize = counts.iter().skip(shown_max).map(|(_, times)| times).sum();
    if rest > 0 {
        parts.push(format!("others {}", count(rest)));
    }
    page.line(2, &format!("{label}: {}", parts.join(", ")), Style::Plain);
}

fn outcome(finding: &Finding) -> String {
    rank::primary(finding).map_or_else(|| "undecided".to_owned(), |one| word(&one.outcome))
}

fn severity(finding: &Finding) -> String {
    finding.severity().map_or_else(|| "unscored".to_owned(), |severity| word(&severity))
}

fn row(finding: &Finding) -> Vec<Cell> {
    let score = rank::score_tenths(finding).map_or_else(
        || "unscored".to_owned(),
        |tenths| format!("{}.{} {}", tenths / 10, tenths % 10, severity(finding)),
    );
    let (kev, kev_style) = match &finding.kev {
        Some(entry) if entry.ransomware => ("ransomware", Style::Alarm),
        Some(_) => ("yes", Style::Alarm),
        None => ("-", Style::Plain),
    };
    let epss = finding.epss.map_or_else(
        || "none".to_owned(),
        |epss| format!("{}.{} %", epss.score_e5 / 1000, epss.score_e5 % 1000 / 100),
    );
    let risk = rank::makers(finding).map_or_else(|| "-".to_owned(), |one| word(&one.outcome));
    let due = finding.decisions.iter().filter_map(|decision| decision.due).min();
    let outcome = outcome(finding);
    let style = match outcome.as_str() {
        "immediate" | "undecided" => Style::Alarm,
        "out-of-cycle" => Style::Warning,
        _ => Style::Plain,
    };
    vec![
        finding.id.to_string().into(),
        finding.component.as_str().into(),
        finding.version.to_string().into(),
        score.into(),
        Cell::styled(kev, kev_style),
        epss.into(),
        Cell::styled(outcome, style),
        risk.into(),
        due.map_or_else(|| "-".to_owned(), |due| due.to_string()).into(),
    ]
}

/// Shows why the first findings stand where they stand.
fn explain(page: &mut Page, open: &[&Finding], options: &TableOptions) {
    let explained: Vec<_> = open.iter().take(options.explained_max).collect();
    if explained.is_empty() {
        return;
    }
    page.heading("WHY", &format!("the first {}", count(explained.len())), Style::Plain);
    for finding in explained {
        explain_finding(page, finding, MATCHES_SHOWN);
    }
}

/// Everything behind one finding, with at most this many matches and places.
pub(super) fn explain_finding(page: &mut Page, finding: &Finding, shown_max: usize) {
    let title = format!("{} in {} {}", finding.id, finding.component, finding.version);
    page.line(2, &title, Style::Heading);
    for matched in finding.matches.iter().take(shown_max) {
        let fixed = match &matched.fixed {
            Some(version) => format!(", fixed in {version}"),
            None => ", no fixed version named".to_owned(),
        };
        let source = &matched.source;
        let text = format!(
            "{} {} says {}: {}{fixed} ({} % sure)",
            source.source, source.record, matched.name, matched.range, matched.confidence
        );
        page.line(4, &text, Style::Plain);
    }
    for locator in finding.locators.iter().take(shown_max) {
        page.line(4, &format!("at {locator}"), Style::Plain);
    }
    for decision in &finding.decisions {
        explain_decision(page, decision);
    }
}

fn explain_decision(page: &mut Page, decision: &RiskDecision) {
    let due = decision.due.map_or_else(String::new, |due| format!(", due {due}"));
    let title = format!(
        "{} {}: {}{due}",
        word(&decision.perspective),
        decision.policy,
        word(&decision.outcome)
    );
    page.line(4, &title, Style::Plain);
    for point in decision.path.iter() {
        let mark = if point.known { "" } else { " [not known]" };
        let text = format!("{} = {}{mark}: {}", point.point, point.value, point.because);
        page.line(6, &text, Style::Plain);
    }
    for sentence in decision.would_change.iter() {
        page.line(6, &format!("would change: {sentence}"), Style::Plain);
    }
    if let Some(action) = &decision.action {
        page.line(6, &format!("to do: {action}"), Style::Plain);
    }
}

fn unmatched(
    page: &mut Page,
    title: &str,
    meaning: &str,
    list: &[Unmatched],
    options: &TableOptions,
) {
    if list.is_empty() {
        return;
    }
    page.heading(title, &things(list.len(), "component"), Style::Plain);
    page.line(2, meaning, Style::Warning);
    for one in list.iter().take(options.others_max) {
        let text = format!("{} {}: {}", one.name, one.version, one.reason);
        page.line(2, &text, Style::Plain);
    }
    more(page, options.others_max, list.len(), "components");
}
