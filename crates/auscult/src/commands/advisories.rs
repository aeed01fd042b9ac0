//! `auscult advisories`: build, check and query the advisory snapshot.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::Path,
};

use anyhow::Context as _;
use auscult_advisory::{BuildOptions, Selection};
use auscult_model::SnapshotInfo;
use jiff::civil::Date;

use super::judge;
use crate::{args::AdvisoriesCommand, exit::Exit, failure::Hinted};

pub(crate) fn run(command: &AdvisoriesCommand) -> anyhow::Result<Exit> {
    match command {
        AdvisoriesCommand::Build { from, out, without_prose } => build(from, out, !without_prose),
        AdvisoriesCommand::Status { advisories, as_of } => status(advisories.as_deref(), *as_of),
        AdvisoriesCommand::Device(arguments) => super::device::run(arguments),
        AdvisoriesCommand::Show { id, advisories } => show(id, advisories.as_deref()),
    }
}

fn build(from: &Path, out: &Path, prose: bool) -> anyhow::Result<Exit> {
    let options = BuildOptions { prose, selection: Selection::Full };
    let built = auscult_advisory::build(from, &options).map_err(|error| {
        Hinted::error(
            format!("{:#}", anyhow::Error::new(error)),
            "name a folder that holds feeds as they are served or archived",
        )
    })?;
    built.write(out).with_context(|| format!("write {}", out.display()))?;
    let mut stderr = io::stderr().lock();
    for (folder, (count, example)) in by_folder(&built.unrecognised) {
        writeln!(stderr, "note: {folder}: {count} files hold no known feed, such as {example}")?;
    }
    for problem in &built.problems {
        writeln!(stderr, "warning: {problem}")?;
    }
    status(Some(out), None)
}

/// Files per top folder with one of them: a mirror holds hundreds of signatures and papers.
fn by_folder(files: &[String]) -> BTreeMap<&str, (usize, &str)> {
    let mut folders = BTreeMap::new();
    for file in files {
        let folder = file.split_once('/').map_or(".", |(folder, _)| folder);
        folders.entry(folder).or_insert((0, file.as_str())).0 += 1;
    }
    folders
}

fn status(path: Option<&Path>, as_of: Option<Date>) -> anyhow::Result<Exit> {
    let snapshot = judge::snapshot(path)?;
    snapshot.verify().context("verify the snapshot")?;
    let info = snapshot.info();
    let mut stdout = io::stdout().lock();
    stdout.write_all(describe(&info, judge::as_of(as_of)).as_bytes())?;
    Ok(Exit::Done)
}

fn describe(info: &SnapshotInfo, as_of: Date) -> String {
    let age = as_of.since(info.date).map_or(0, |span| span.get_days());
    let mut lines = vec![
        format!("root      sha256:{}", info.root),
        format!("date      {} ({age} days before {as_of})", info.date),
        format!("coverage  {}", info.coverage),
        String::new(),
        format!("{:22} {:10} {:>9} {:>8}  LICENCE", "SOURCE", "DATE", "RECORDS", "FAILED"),
    ];
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
    lines.join("\n")
}

fn show(id: &str, path: Option<&Path>) -> anyhow::Result<Exit> {
    let snapshot = judge::snapshot(path)?;
    let Some(view) = snapshot.show(id).context("read the snapshot")? else {
        let info = snapshot.info();
        let mut stderr = io::stderr().lock();
        writeln!(stderr, "{id}: no data in this snapshot ({}, {})", info.date, info.coverage)?;
        return Ok(Exit::Inconclusive);
    };
    let mut stdout = io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, &view)?;
    stdout.write_all(b"\n")?;
    Ok(Exit::Done)
}
