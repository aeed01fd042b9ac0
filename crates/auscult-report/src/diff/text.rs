//! The difference as a table for terminals and as Markdown for a merge request.

use std::fmt::Write as _;

use auscult_model::Known;
use serde::Serialize;

use super::{Changes, Difference, FindingChange, FindingChanges};
use crate::{
    json::word,
    text::{Cell, Clip, Column, Page, Style, clean, count, things},
};

/// So many rows of a section are shown in a table; JSON has all of them.
const ROWS_MAX: usize = 40;

const FINDING_COLUMNS: &[Column] = &[
    Column::new("ID", 24, Clip::Whole),
    Column::new("COMPONENT", 24, Clip::End),
    Column::new("VERSION", 24, Clip::End),
    Column::new("SEVERITY", 16, Clip::End),
    Column::new("OUTCOME", 28, Clip::End),
    Column::new("WHY", 30, Clip::End),
];

impl Difference {
    /// As a table.
    pub fn table(&self, colour: bool, width: usize) -> String {
        let mut page = Page::new(colour, width);
        page.line(0, &format!("{} → {}", short(&self.old), short(&self.new)), Style::Heading);
        match &self.findings {
            Known::Unknown(reason) => page.heading("FINDINGS", reason, Style::Warning),
            Known::Known(changes) => findings(&mut page, changes),
        }
        for (title, section) in self.sections() {
            match section {
                Known::Unknown(reason) => {
                    page.heading(title, &format!("not compared: {reason}"), Style::Warning);
                }
                Known::Known(changes) => self::changes(&mut page, title, changes),
            }
        }
        page.finish()
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("# Changes\n\n`{}` → `{}`\n", short(&self.old), short(&self.new));
        match &self.findings {
            Known::Unknown(reason) => {
                _ = write!(text, "\n## Findings\n\nNot compared: {}\n", escaped(reason));
            }
            Known::Known(changes) => {
                // Writing to a String cannot fail.
                for (title, list) in changes.lists() {
                    if list.is_empty() {
                        continue;
                    }
                    _ = write!(text, "\n## Findings: {title} ({})\n\n", list.len());
                    text.push_str("| id | component | version | severity | outcome | why |\n");
                    text.push_str("|---|---|---|---|---|---|\n");
                    for change in list {
                        let cells = cells(change).map(|cell| escaped(&cell));
                        _ = writeln!(text, "| {} |", cells.join(" | "));
                    }
                }
            }
        }
        for (title, section) in self.sections() {
            let title = sentence(title);
            match section {
                Known::Unknown(reason) => {
                    _ = write!(text, "\n## {title}\n\nNot compared: {}\n", escaped(reason));
                }
                Known::Known(changes) if changes.is_empty() => {}
                Known::Known(changes) => {
                    _ = write!(text, "\n## {title}\n\n| | name | old | new |\n|---|---|---|---|\n");
                    for (sign, name, old, new) in changes.rows() {
                        let (name, old, new) = (escaped(name), escaped(old), escaped(new));
                        _ = writeln!(text, "| {sign} | {name} | {old} | {new} |");
                    }
                }
            }
        }
        text
    }

    fn sections(&self) -> [(&'static str, &Known<Changes>); 6] {
        [
            ("COMPONENTS", &self.components),
            ("SERVICES", &self.services),
            ("LISTENERS", &self.listeners),
            ("ACCOUNTS", &self.accounts),
            ("SETUID FILES", &self.setuid),
            ("KERNEL OPTIONS", &self.kernel_options),
        ]
    }
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    fn len(&self) -> usize {
        self.added.len() + self.removed.len() + self.changed.len()
    }

    fn rows(&self) -> impl Iterator<Item = (&'static str, &str, &str, &str)> {
        let added = self.added.iter().map(|(name, new)| ("+", name.as_str(), "", new.as_str()));
        let removed = self.removed.iter().map(|(name, old)| ("-", name.as_str(), old.as_str(), ""));
        let changed = self.changed.iter();
        let changed =
            changed.map(|(name, one)| ("~", name.as_str(), one.old.as_str(), one.new.as_str()));
        added.chain(removed).chain(changed)
    }
}

impl FindingChanges {
    fn lists(&self) -> [(&'static str, &[FindingChange]); 5] {
        [
            ("new", &self.new),
            ("newly relevant", &self.newly_relevant),
            ("re-scored", &self.rescored),
            ("closed", &self.closed),
            ("gone", &self.gone),
        ]
    }
}

fn findings(page: &mut Page, changes: &FindingChanges) {
    let counts = changes.lists().map(|(title, list)| format!("{} {title}", count(list.len())));
    let counts = format!("{}, {} unchanged", counts.join(", "), count(changes.unchanged));
    page.heading("FINDINGS", &counts, Style::Plain);
    for (title, list) in changes.lists().into_iter().filter(|(_, list)| !list.is_empty()) {
        page.line(2, title, Style::Heading);
        let rows: Vec<Vec<Cell>> =
            list.iter().take(ROWS_MAX).map(|one| cells(one).map(Cell::from).to_vec()).collect();
        page.grid(4, FINDING_COLUMNS, &rows);
        rest(page, list.len());
    }
}

fn changes(page: &mut Page, title: &str, changes: &Changes) {
    let counts = [
        format!("{} added", count(changes.added.len())),
        format!("{} removed", count(changes.removed.len())),
        format!("{} changed", count(changes.changed.len())),
    ];
    page.heading(title, &counts.join(", "), Style::Plain);
    let columns = [
        Column::new("", 1, Clip::Whole),
        Column::new("NAME", 44, Clip::End),
        Column::new("OLD", 60, Clip::End),
        Column::new("NEW", 60, Clip::End),
    ];
    let rows: Vec<Vec<Cell>> = changes
        .rows()
        .take(ROWS_MAX)
        .map(|(sign, name, old, new)| [sign, name, old, new].map(Cell::from).to_vec())
        .collect();
    if !rows.is_empty() {
        page.grid(2, &columns, &rows);
    }
    rest(page, changes.len());
}

fn rest(page: &mut Page, all: usize) {
    if let Some(more) = all.checked_sub(ROWS_MAX).filter(|more| *more > 0) {
        page.line(2, &format!("… and {}: -o json has all", things(more, "more row")), Style::Faint);
    }
}

fn cells(change: &FindingChange) -> [String; 6] {
    let pair = |values: [Vec<String>; 2]| {
        let [old, new] = values.map(|words| words.join(", "));
        arrow(&old, &new)
    };
    let mut why = pair(words(change.status));
    if change.kev == [false, true] {
        why = format!("now known exploited; {why}");
    }
    let ([before, after], [risk_before, risk_after]) = (words(change.outcome), words(change.risk));
    [
        change.id.clone(),
        change.component.clone(),
        pair(change.version.clone().map(|version| version.into_iter().collect())),
        pair(words(change.severity)),
        pair([[before, risk_before].concat(), [after, risk_after].concat()]),
        why,
    ]
}

/// The wire words of the two sides, none where there is no value.
fn words<T: Serialize>(values: [Option<T>; 2]) -> [Vec<String>; 2] {
    values.map(|value| value.iter().map(word).collect())
}

fn arrow(old: &str, new: &str) -> String {
    match (old, new) {
        (old, new) if old == new => new.to_owned(),
        ("", new) => new.to_owned(),
        (old, "") => old.to_owned(),
        (old, new) => format!("{old} → {new}"),
    }
}

fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

fn sentence(title: &str) -> String {
    let lower = title.to_lowercase();
    let mut characters = lower.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Text that cannot become markup or end a cell.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in clean(text).chars() {
        if "\\`*_[]<>|~&#".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
