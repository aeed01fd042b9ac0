//! What is maintained no more: components whose release cycle has reached its end.

use std::collections::BTreeMap;

use auscult_model::{Component, ComponentId, Support, SupportState, component_ids};

use crate::{
    ScanResult, TableOptions,
    text::{Cell, Clip, Column, Page, Style, count, things},
};

const COLUMNS: [Column; 6] = [
    Column::new("ENDED", 12, Clip::End),
    Column::new("NAME", 28, Clip::End),
    Column::new("VERSION", 24, Clip::End),
    Column::new("CYCLE", 28, Clip::End),
    Column::new("LAST RELEASE", 16, Clip::End),
    Column::new("EXTENDED TO", 12, Clip::End),
];

/// Nothing where no source tells of any component: silence is not support.
pub(super) fn section(page: &mut Page, result: &ScanResult, options: &TableOptions) {
    let told = result.support();
    if told.is_empty() {
        return;
    }
    let state = |state| told.iter().filter(move |one| one.state == state);
    let mut ended: Vec<&Support> = state(SupportState::Ended).collect();
    ended.sort_by_key(|one| (one.date.is_none(), one.date, &one.product, &one.component));
    let summary = format!(
        "{} ended, {} with an end ahead, {} without a known end; of the others no source tells",
        count(ended.len()),
        count(state(SupportState::Ends).count()),
        count(state(SupportState::Supported).count()),
    );
    page.heading(
        "SUPPORT",
        &format!("{}: {summary}", things(told.len(), "component")),
        Style::Plain,
    );
    let ids = component_ids(&result.facts.components);
    let components: BTreeMap<&ComponentId, &Component> =
        ids.iter().zip(&result.facts.components).collect();
    let rows: Vec<Vec<Cell>> = ended
        .iter()
        .take(options.others_max)
        .map(|one| row(one, components.get(&one.component).copied()))
        .collect();
    if !rows.is_empty() {
        page.grid(2, &COLUMNS, &rows);
    }
    super::more(page, rows.len(), ended.len(), "whose support has ended");
}

fn row(support: &Support, component: Option<&Component>) -> Vec<Cell> {
    let name = component.map_or(&*support.component.0, |component| &*component.name);
    let version = component.map(|component| component.version.to_string()).unwrap_or_default();
    let day = |day: Option<jiff::civil::Date>, missing: &str| {
        day.map_or_else(|| missing.to_owned(), |day| day.to_string())
    };
    vec![
        Cell::styled(day(support.date, "not dated"), Style::Warning),
        name.into(),
        version.into(),
        format!("{} {}", support.product, support.cycle).into(),
        support.latest.as_deref().unwrap_or_default().into(),
        day(support.extended_until, "").into(),
    ]
}
