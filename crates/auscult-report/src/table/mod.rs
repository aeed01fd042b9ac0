//! The table: what a person reads on a terminal or in the log of a build.
//!
//! It shows what to do first and counts the rest; everything is in `-o json`. What is unknown is
//! said as loudly as what is known: an unread region, a stale snapshot, a component without data.

mod explain;
mod findings;
mod input;
mod operation;
mod support;

use auscult_model::{Component, Origin, Verdict, VerdictOutcome, VersionClaim};
pub use explain::explain;

use crate::{
    ScanResult,
    text::{Cell, Clip, Column, Page, Style, count},
};

/// How much the table shows.
#[derive(Clone, Debug)]
pub struct TableOptions {
    /// Whether to write colour codes; the text is the same without.
    pub colour: bool,
    /// Width of the page in columns.
    pub width: usize,
    /// Findings listed.
    pub findings_max: usize,
    /// Findings of which the way to the decision is shown.
    pub explained_max: usize,
    /// Components listed.
    pub components_max: usize,
    /// Entries of any other list: problems, unread regions, formats, components without data.
    pub others_max: usize,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            colour: false,
            width: 120,
            findings_max: 25,
            explained_max: 3,
            components_max: 40,
            others_max: 10,
        }
    }
}

/// Draws the table.
pub fn table(result: &ScanResult, options: &TableOptions) -> String {
    let mut page = Page::new(options.colour, options.width);
    input::header(&mut page, result, options);
    components(&mut page, result, options);
    support::section(&mut page, result, options);
    operation::section(&mut page, result, options);
    operation::seen(&mut page, result, options);
    findings::section(&mut page, result, options);
    problems(&mut page, result, options);
    verdict(&mut page, result);
    page.finish()
}

/// Says that a list was cut and where the rest is.
fn more(page: &mut Page, shown: usize, all: usize, what: &str) {
    if all > shown {
        let text = format!("… and {} more {what}: all with -o json", count(all - shown));
        page.line(2, &text, Style::Faint);
    }
}

const COMPONENT_COLUMNS: [Column; 5] = [
    Column::new("NAME", 36, Clip::End),
    Column::new("VERSION", 28, Clip::End),
    Column::new("KIND", 16, Clip::End),
    Column::new("SOURCE", 28, Clip::End),
    Column::new("WHERE", 60, Clip::Start),
];

fn components(page: &mut Page, result: &ScanResult, options: &TableOptions) {
    let components = &result.facts.components;
    if components.is_empty() {
        page.heading("COMPONENTS", "none identified", Style::Warning);
        let text = "Nothing in the input could be named. That is no proof of anything: the result \
                    is inconclusive.";
        page.line(2, text, Style::Warning);
        return;
    }
    let unknown = components.iter().filter(|c| c.version.exact().is_none()).count();
    let known = components.len() - unknown;
    let summary = format!(
        "{}: {} with their exact version, {} without",
        count(components.len()),
        count(known),
        count(unknown)
    );
    page.heading("COMPONENTS", &summary, Style::Plain);
    // What is not from a package database is rarer and says more, so it comes first.
    let mut sorted: Vec<&Component> = components.iter().collect();
    sorted.sort_by_key(|component| matches!(component.origin, Origin::Package(_)));
    let rows: Vec<Vec<Cell>> =
        sorted.iter().take(options.components_max).map(|one| component_row(one)).collect();
    page.grid(2, &COMPONENT_COLUMNS, &rows);
    more(page, rows.len(), components.len(), "components");
    conflicts(page, result, options);
}

fn conflicts(page: &mut Page, result: &ScanResult, options: &TableOptions) {
    let conflicts = &result.facts.conflicts;
    for conflict in conflicts.iter().take(options.others_max) {
        let text = format!(
            "{}: its package says {}, its file says {} at {}",
            conflict.component.0, conflict.told, conflict.seen, conflict.evidence.locator
        );
        page.line(2, &text, Style::Warning);
    }
    more(page, options.others_max, conflicts.len(), "contradictions");
}

fn component_row(component: &Component) -> Vec<Cell> {
    let version = match &component.version {
        VersionClaim::Exact(_) => Cell::from(component.version.to_string()),
        claim => Cell::styled(claim.to_string(), Style::Warning),
    };
    vec![
        component.name.as_str().into(),
        version,
        crate::json::word(&component.kind).into(),
        source(&component.origin).into(),
        place(component).into(),
    ]
}

fn source(origin: &Origin) -> String {
    match origin {
        Origin::Package(package) => match &package.distribution {
            Some(distribution) => format!("{} ({distribution})", package.database),
            None => package.database.clone(),
        },
        Origin::Signature { rule } => format!("rule {rule}"),
        Origin::Structure => "structure".to_owned(),
        Origin::FileName => "file name".to_owned(),
        Origin::Sbom { .. } => "SBOM".to_owned(),
    }
}

/// The first place of a component, with the number of the others.
fn place(component: &Component) -> String {
    let Some(first) = component.evidence.first() else { return String::new() };
    let place = match first.locator.path() {
        Some(path) => path.to_string(),
        None => first.locator.to_string(),
    };
    match component.evidence.len() {
        1 => place,
        traces => format!("{place} (+{})", traces - 1),
    }
}

fn problems(page: &mut Page, result: &ScanResult, options: &TableOptions) {
    let problems = &result.facts.problems;
    if problems.is_empty() {
        return;
    }
    let summary = format!("{}, the rest was still read", count(problems.len()));
    page.heading("PROBLEMS", &summary, Style::Plain);
    for problem in problems.iter().take(options.others_max) {
        let text = format!("{}: could not {}: {}", problem.locator, problem.what, problem.why);
        page.line(2, &text, Style::Warning);
    }
    more(page, options.others_max, problems.len(), "problems");
}

fn verdict(page: &mut Page, result: &ScanResult) {
    let Some(Verdict { outcome, reasons }) = &result.verdict else {
        let text = "none: no gate was asked for (--fail-on, --policy)";
        page.heading("VERDICT", text, Style::Plain);
        return;
    };
    let style = match outcome {
        VerdictOutcome::Pass => Style::Good,
        VerdictOutcome::Inconclusive => Style::Warning,
        VerdictOutcome::Fail => Style::Alarm,
    };
    page.heading("VERDICT", &crate::json::word(outcome), style);
    for reason in reasons {
        let outcome = crate::json::word(&reason.outcome);
        let text = format!("{outcome}: {}: {}", reason.rule, reason.text);
        page.line(2, &text, Style::Plain);
    }
}
