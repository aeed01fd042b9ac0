//! `auscult advisories`: update, build, check, query and carry the advisory snapshot.

mod bundle;
mod device;
mod enter;
mod format;
mod progress;
mod show;
mod status;
mod update;

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::Path,
};

use auscult_advisory::{Build, BuildOptions, Selection};

use super::judge::as_of;
use crate::{args::AdvisoriesCommand, exit::Exit, failure::Hinted};

pub(crate) fn run(command: &AdvisoriesCommand) -> anyhow::Result<Exit> {
    match command {
        AdvisoriesCommand::Update(arguments) => update::run(arguments),
        AdvisoriesCommand::Build { from, out, without_prose, force } => {
            build(from, out, !without_prose, *force)
        }
        AdvisoriesCommand::Status(arguments) => status::run(arguments),
        AdvisoriesCommand::Device(arguments) => device::run(arguments),
        AdvisoriesCommand::Show(arguments) => show::run(arguments),
        AdvisoriesCommand::Enter(arguments) => enter::run(arguments),
        AdvisoriesCommand::Export(arguments) => bundle::export(arguments),
        AdvisoriesCommand::Import(arguments) => bundle::import(arguments),
        AdvisoriesCommand::Keygen { key } => bundle::keygen(key),
    }
}

fn build(from: &Path, out: &Path, prose: bool, force: bool) -> anyhow::Result<Exit> {
    let built = auscult_advisory::build(from, &options(prose)).map_err(|error| {
        Hinted::error(
            format!("{:#}", anyhow::Error::new(error)),
            "name a folder that holds feeds as they are served or archived",
        )
    })?;
    told(&built)?;
    let lost = built.replace(out, force).map_err(|error| replacing(out, error))?;
    let mut stderr = io::stderr().lock();
    for reason in lost {
        writeln!(stderr, "warning: replaced by force: {reason}")?;
    }
    status::of(out)
}

/// How snapshots are built for users. The last day that a source can be of is tomorrow, as it is that
/// day already in other places.
fn options(prose: bool) -> BuildOptions {
    let today = as_of(None);
    let newest = Some(today.tomorrow().unwrap_or(today));
    BuildOptions { prose, selection: Selection::Full, newest }
}

/// Tells on standard error what a build could not use.
fn told(built: &Build) -> anyhow::Result<()> {
    let mut stderr = io::stderr().lock();
    for (folder, (count, example)) in by_folder(&built.unrecognised) {
        writeln!(stderr, "note: {folder}: {count} files hold no known feed, such as {example}")?;
    }
    for problem in built.problems.iter().chain(&built.ahead) {
        writeln!(stderr, "warning: {problem}")?;
    }
    Ok(())
}

/// An error of putting a new snapshot into the place of the present one, with what to do.
fn replacing(present: &Path, error: auscult_advisory::Error) -> anyhow::Error {
    use auscult_advisory::Error;
    let hint = match &error {
        Error::Regression { .. } => {
            "the present snapshot was kept; look for what is missing, or replace it with --force"
        }
        Error::Present { .. } => "nothing was written; replace that file with --force",
        Error::Busy { .. } => "wait until the other process has ended",
        _ => return anyhow::Error::new(error).context(format!("write {}", present.display())),
    };
    Hinted::error(format!("{:#}", anyhow::Error::new(error)), hint)
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
