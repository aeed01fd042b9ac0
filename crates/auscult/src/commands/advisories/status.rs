//! `auscult advisories status`: age, sources and coverage of a snapshot.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use auscult_advisory::{Snapshot, YearCoverage};
use auscult_model::{SNAPSHOT_AGE_DAYS_MAX, Sha256, SnapshotInfo, SourceInfo};
use jiff::civil::Date;
use serde::Serialize;

use super::{super::judge, format::Format, update};
use crate::{args::StatusArgs, exit::Exit, output};

/// Years that the table shows one by one; those before are put together.
const YEARS_SHOWN: usize = 5;

/// What `-o json` prints.
#[derive(Serialize)]
struct Status<'a> {
    root: Sha256,
    date: Date,
    as_of: Date,
    /// Days from the date to `as_of`; negative where the data is from its future.
    age_days: i32,
    stale: bool,
    coverage: &'a str,
    /// CVE ids by year; empty where the snapshot does not tell.
    years: Vec<Year>,
    sources: &'a [SourceInfo],
    layers: &'a BTreeMap<String, Sha256>,
}

#[derive(Serialize)]
struct Year {
    #[serde(flatten)]
    counts: YearCoverage,
    /// Of records with product data, rounded down; `null` without records.
    percent: Option<u64>,
}

pub(super) fn run(arguments: &StatusArgs) -> anyhow::Result<Exit> {
    let output = output::parse(arguments.output.as_slice(), Format::Table)?;
    let snapshot = judge::unchecked_snapshot(arguments.advisories.as_deref())?;
    snapshot.verify().context("verify the snapshot")?;
    let as_of = judge::as_of(arguments.as_of);
    for output in output {
        let mut text = describe(&snapshot, as_of, arguments.max_snapshot_age, output.format)?;
        if output.format == Format::Table && arguments.advisories.is_none() {
            text.push_str(&update::remembered());
        }
        output::write(&output, text.as_bytes())?;
    }
    Ok(Exit::Done)
}

/// Tells the state of a snapshot that was just built.
pub(super) fn of(path: &Path) -> anyhow::Result<Exit> {
    run(&StatusArgs {
        advisories: Some(path.to_owned()),
        as_of: None,
        max_snapshot_age: SNAPSHOT_AGE_DAYS_MAX,
        output: None,
    })
}

/// The state of a snapshot on a day, as text.
pub(super) fn table_of(snapshot: &Snapshot, as_of: Date) -> anyhow::Result<String> {
    describe(snapshot, as_of, SNAPSHOT_AGE_DAYS_MAX, Format::Table)
}

fn describe(
    snapshot: &Snapshot,
    as_of: Date,
    max_age_days: u32,
    format: Format,
) -> anyhow::Result<String> {
    let info = snapshot.info();
    let age_days = as_of.since(info.date).map_or(0, |span| span.get_days());
    let stale = i64::from(age_days) > i64::from(max_age_days);
    if format == Format::Table {
        let age = Age { days: age_days, stale, as_of, max_days: max_age_days };
        return Ok(table(&info, snapshot.years(), &age));
    }
    let year = |counts: &YearCoverage| Year { counts: *counts, percent: counts.percent() };
    let status = Status {
        root: info.root,
        date: info.date,
        as_of,
        age_days,
        stale,
        coverage: &info.coverage,
        years: snapshot.years().iter().map(year).collect(),
        sources: &info.sources,
        layers: &info.layers,
    };
    let mut text = serde_json::to_string_pretty(&status)?;
    text.push('\n');
    Ok(text)
}

struct Age {
    days: i32,
    stale: bool,
    as_of: Date,
    max_days: u32,
}

fn table(info: &SnapshotInfo, years: &[YearCoverage], age: &Age) -> String {
    let when = match age.days {
        days @ ..0 => format!("{} days after {}", days.unsigned_abs(), age.as_of),
        days => format!("{days} days before {}", age.as_of),
    };
    let stale = if age.stale {
        format!(", STALE: older than {} days", age.max_days)
    } else {
        String::new()
    };
    let mut lines = vec![
        format!("root      sha256:{}", info.root),
        format!("date      {} ({when}{stale})", info.date),
        format!("coverage  {}", info.coverage),
    ];
    lines.extend(by_year(years));
    lines.push(String::new());
    lines.push(format!("{:22} {:10} {:>9} {:>8}  LICENCE", "SOURCE", "DATE", "RECORDS", "FAILED"));
    for source in &info.sources {
        let date = source.date.map_or_else(|| "unknown".to_owned(), |date| date.to_string());
        lines.push(format!(
            "{:22} {date:10} {:>9} {:>8}  {}",
            source.name, source.records, source.failures, source.licence
        ));
    }
    lines.push(String::new());
    for (layer, digest) in &info.layers {
        lines.push(format!("layer {layer:16} sha256:{digest}"));
    }
    lines.push(String::new());
    let clean = lines.iter().map(|line| auscult_report::clean(line));
    clean.collect::<Vec<_>>().join("\n")
}

/// The newest years one by one, those before together.
fn by_year(years: &[YearCoverage]) -> Vec<String> {
    if years.is_empty() {
        return vec![
            "years     unknown: this snapshot does not tell its coverage by year".to_owned(),
        ];
    }
    let (before, shown) = years.split_at(years.len().saturating_sub(YEARS_SHOWN));
    let scored = |only: u64| match only {
        0 => String::new(),
        only => format!("; {only} more ids have a predicted score and no record here"),
    };
    let mut lines: Vec<String> = shown
        .iter()
        .rev()
        .map(|year| format!("          {year}{}", scored(year.scored_only)))
        .collect();
    if let Some(last) = before.last() {
        let sum = |count: fn(&YearCoverage) -> u64| before.iter().map(count).sum();
        let together = YearCoverage {
            year: last.year,
            records: sum(|year| year.records),
            with_product_data: sum(|year| year.with_product_data),
            scored_only: sum(|year| year.scored_only),
        };
        let scored = scored(together.scored_only);
        lines.push(format!("          to {together}{scored}"));
    }
    if let Some(first) = lines.first_mut() {
        first.replace_range(..10, "years     ");
    }
    lines
}
