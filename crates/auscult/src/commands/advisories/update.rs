//! `auscult advisories update`: fetch what changed, build a snapshot, put it in the place of the
//! last one.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use auscult_advisory::{Build, BuildOptions, Snapshot};
use auscult_fetch::{
    Config, FeedReport, FeedState, Judge, Judged, Mirror, Options, Outcome, Secret,
};
use auscult_model::{Sha256, SnapshotInfo, SourceInfo};
use auscult_report::clean;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{options, progress, status, told};
use crate::{
    args::UpdateArgs,
    data,
    exit::Exit,
    failure::{Hinted, WrongUsage},
    target,
};

/// Runs the command.
pub(super) fn run(arguments: &UpdateArgs) -> anyhow::Result<Exit> {
    let folder = data::folder(arguments.data.as_deref())?;
    let out = arguments.out.clone().unwrap_or_else(|| data::snapshot(&folder));
    let mirror = Mirror::new(&folder);
    let _lock = mirror.lock().map_err(|error| {
        let hint = matches!(error, auscult_fetch::Error::Busy { .. })
            .then_some("wait until it has ended, or name another folder with --data");
        hinted(error.into(), hint)
    })?;
    let now = Timestamp::now();
    let mut stdout = io::stdout().lock();
    let (from, reports) = if let Some(from) = &arguments.from {
        (from.clone(), Vec::new())
    } else {
        fs::create_dir_all(mirror.feeds()).context("create the folder of the mirror")?;
        let reports = fetch(arguments, &folder, now)?;
        stdout.write_all(table(&reports).as_bytes())?;
        (mirror.feeds(), reports)
    };
    let is_ahead = build(arguments, &from, &out, &folder)?;
    let today = TimeZone::UTC.to_datetime(now).date();
    let state = status::table_of(&Snapshot::open(&out)?, today)?;
    write!(stdout, "\nsnapshot  {}\n{state}", out.display())?;
    let failed = is_ahead || reports.iter().any(FeedReport::is_failed);
    Ok(if failed { Exit::Inconclusive } else { Exit::Done })
}

fn hinted(error: anyhow::Error, hint: Option<&str>) -> anyhow::Error {
    match hint {
        Some(hint) => Hinted::error(format!("{error:#}"), hint),
        None => error,
    }
}

fn settings(arguments: &UpdateArgs) -> anyhow::Result<Config> {
    let path = arguments.config.clone().or_else(data::feeds_config);
    let mut config = match &path {
        Some(path) => {
            let text = target::read_text(path, "settings for feeds")?;
            Config::parse(&text).with_context(|| format!("read {}", path.display()))?
        }
        None => Config::default(),
    };
    config.proxy = arguments.proxy.clone().map(Secret).or(config.proxy);
    config.ca_file = arguments.ca_file.clone().or(config.ca_file);
    Ok(config)
}

fn fetch(arguments: &UpdateArgs, folder: &Path, now: Timestamp) -> anyhow::Result<Vec<FeedReport>> {
    let options = Options {
        data: folder.to_owned(),
        config: settings(arguments)?,
        only: arguments.only.clone(),
        skip: arguments.skip.clone(),
        force: arguments.force,
        now,
        user_agent: concat!("auscult/", env!("CARGO_PKG_VERSION")).to_owned(),
        variable: |name| std::env::var(name).ok(),
    };
    let reader = Reader::new(folder)?;
    let reports = auscult_fetch::update(&options, &reader, &*progress::observer(arguments.quiet));
    let reports = reports.map_err(|error| match error {
        auscult_fetch::Error::UnknownFeed(_) => WrongUsage(format!("{error}; {}", names())).into(),
        error => anyhow::Error::new(error),
    })?;
    let mut stderr = io::stderr().lock();
    for report in &reports {
        if let Outcome::Failed { reason, hint, .. } = &report.outcome {
            writeln!(stderr, "warning: {}: {}", report.name, clean(reason))?;
            if let Some(hint) = hint {
                writeln!(stderr, "  hint: {hint}")?;
            }
        }
    }
    Ok(reports)
}

fn names() -> String {
    let names: Vec<&str> = auscult_fetch::FEEDS.iter().map(|feed| feed.name).collect();
    format!("the feeds are {}", names.join(", "))
}

/// Counts records with the reader that builds snapshots.
struct Reader {
    scratch: PathBuf,
}

impl Reader {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        let scratch = folder.join("scratch");
        // What an update that was killed left behind.
        drop(fs::remove_dir_all(&scratch));
        fs::create_dir_all(&scratch).with_context(|| format!("create {}", scratch.display()))?;
        Ok(Self { scratch })
    }

    fn read(&self, file: &Path) -> anyhow::Result<Build> {
        let folder = tempfile::tempdir_in(&self.scratch)?;
        let link = folder.path().join(file.file_name().unwrap_or_default());
        let linked = fs::hard_link(file, &link);
        linked.or_else(|_| fs::copy(file, &link).map(drop))?;
        let options = BuildOptions { prose: false, ..BuildOptions::default() };
        Ok(auscult_advisory::build(folder.path(), &options)?)
    }
}

impl Judge for Reader {
    /// A file that no reader knows has no records, before and after.
    fn judge(&self, file: &Path) -> Judged {
        let Ok(build) = self.read(file) else { return Judged::default() };
        Judged {
            records: build.sources.iter().map(|source| source.records).sum(),
            newest: build.sources.iter().filter_map(|source| source.date).max(),
        }
    }
}

/// What the snapshot was built from, so that it is not built again from the same.
#[derive(Deserialize, PartialEq, Eq, Serialize)]
struct Built {
    mirror: String,
    root: String,
}

/// Builds the snapshot and puts it in its place, unless it lost something. Tells whether documents
/// were of a day that is still to come.
fn build(arguments: &UpdateArgs, from: &Path, out: &Path, folder: &Path) -> anyhow::Result<bool> {
    let prose = !arguments.without_prose;
    let old = previous(out)?;
    let record = folder.join("state").join("snapshot.json");
    let mirror = fingerprint(from, prose)?;
    if let Some(old) = &old
        && known(&record) == Some(Built { mirror: mirror.clone(), root: old.root.to_string() })
    {
        return Ok(false);
    }
    let built = auscult_advisory::build(from, &options(prose)).map_err(|error| {
        let hint = "no feed is in the mirror; name a folder with feeds, or look why they failed";
        hinted(error.into(), Some(hint))
    })?;
    told(&built)?;
    let lost = old.as_ref().map(|old| losses(&old.sources, &built.sources)).unwrap_or_default();
    if !lost.is_empty() && !arguments.force {
        return Err(Hinted::error(
            format!("replace {}: the new snapshot lacks {}", out.display(), lost.join(", ")),
            "the old one stays; look at the feeds, or take the new one with --force",
        ));
    }
    auscult_fetch::write_atomically(out, &built.bytes)
        .with_context(|| format!("write {}", out.display()))?;
    let info = Snapshot::open(out)
        .and_then(|snapshot| snapshot.check().map(|()| snapshot.info()))
        .with_context(|| format!("verify {}", out.display()))?;
    // Only spares work; and what is still to come today may not be so tomorrow.
    if built.ahead.is_empty() {
        let made = serde_json::to_vec(&Built { mirror, root: info.root.to_string() })?;
        drop(auscult_fetch::write_atomically(&record, &made));
    }
    Ok(!built.ahead.is_empty())
}

/// The snapshot that would be replaced. One that cannot be read is no measure for a new one.
fn previous(out: &Path) -> anyhow::Result<Option<SnapshotInfo>> {
    if !out.try_exists().with_context(|| format!("look at {}", out.display()))? {
        return Ok(None);
    }
    let opened =
        Snapshot::open(out).and_then(|snapshot| snapshot.check().map(|()| snapshot.info()));
    match opened {
        Ok(info) => Ok(Some(info)),
        Err(error) => {
            let mut stderr = io::stderr().lock();
            let error = anyhow::Error::new(error);
            writeln!(stderr, "warning: {}: {error:#}; it is made anew", out.display())?;
            Ok(None)
        }
    }
}

/// Sources of the old snapshot that the new one lacks, or has a tenth less of.
fn losses(old: &[SourceInfo], new: &[SourceInfo]) -> Vec<String> {
    let mut lost = Vec::new();
    for source in old.iter().filter(|source| source.records > 0) {
        let records = new.iter().find(|new| new.name == source.name).map_or(0, |new| new.records);
        if auscult_fetch::lost_too_much(source.records, records, false) {
            let (had, name) = (source.records, &source.name);
            lost.push(match records {
                0 => format!("{name} ({had} records)"),
                _ => format!("much of {name} ({had} records became {records})"),
            });
        }
    }
    lost
}

fn known(record: &Path) -> Option<Built> {
    serde_json::from_slice(&fs::read(record).ok()?).ok()
}

/// Tells apart what a snapshot would be built from: names, lengths and times of all files.
fn fingerprint(from: &Path, prose: bool) -> anyhow::Result<String> {
    let (mut lines, mut open) = (Vec::new(), vec![from.to_owned()]);
    while let Some(folder) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.with_context(|| format!("list {}", folder.display()))?,
        };
        for entry in entries {
            let entry = entry.with_context(|| format!("list {}", folder.display()))?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                open.push(entry.path());
            } else {
                let path = entry.path();
                let (path, modified) = (path.display(), metadata.modified()?);
                lines.push(format!("{path} {} {modified:?}\n", metadata.len()));
            }
        }
    }
    lines.sort();
    let program = env!("CARGO_PKG_VERSION");
    let text = format!("{program} {prose}\n{}", lines.concat());
    Ok(Sha256::of(text.as_bytes()).to_string())
}

/// How each feed fared.
fn table(reports: &[FeedReport]) -> String {
    let mut lines = vec![row(["FEED", "OUTCOME", "LAST GOOD", "FILES", "RECEIVED"], "")];
    for report in reports {
        let outcome = progress::ended(&report.outcome);
        let detail = match &report.outcome {
            Outcome::Failed { reason, since, .. } => format!("since {}: {reason}", day(*since)),
            Outcome::Updated(_) | Outcome::Unchanged => String::new(),
        };
        let last = report.succeeded.map_or_else(|| "never".to_owned(), day);
        let [files, received] = [report.files, report.received].map(|number| number.to_string());
        lines.push(row([report.name, outcome, &last, &files, &received], &detail));
    }
    lines.concat()
}

fn row([feed, outcome, last, files, received]: [&str; 5], detail: &str) -> String {
    let line = format!("{feed:14} {outcome:10} {last:10} {files:>6} {received:>12}  {detail}");
    format!("{}\n", clean(line.trim_end()))
}

fn day(at: Timestamp) -> String {
    TimeZone::UTC.to_datetime(at).date().to_string()
}

/// The feeds of the data folder as the last update left them, for `status`.
pub(super) fn remembered() -> String {
    let Some(folder) = data::present_folder() else { return String::new() };
    let mirror = Mirror::new(&folder);
    let mut lines = Vec::new();
    for feed in auscult_fetch::FEEDS {
        let state = FeedState::load(&mirror.state(feed.name));
        if state.attempted.is_none() {
            continue;
        }
        let last = state.succeeded.map_or_else(|| "never".to_owned(), day);
        let failing = state.failing_since.zip(state.failure);
        let detail = failing
            .map(|(since, failure)| format!("failing since {}: {failure}", day(since)))
            .unwrap_or_default();
        let line = format!("{:14} {last:10}  {detail}", feed.name);
        lines.push(format!("{}\n", clean(line.trim_end())));
    }
    if lines.is_empty() {
        return String::new();
    }
    format!("\n{:14} {:10}\n{}", "FEED", "LAST GOOD", lines.concat())
}

#[cfg(test)]
mod tests {
    use auscult_model::SourceInfo;

    use super::losses;

    fn source(name: &str, records: u64) -> SourceInfo {
        SourceInfo {
            name: name.to_owned(),
            date: None,
            records,
            failures: 0,
            licence: String::new(),
        }
    }

    #[test]
    fn a_source_or_a_tenth_of_it_must_not_be_lost() {
        let old = [source("kev", 1000), source("nvd", 10), source("empty", 0)];
        assert_eq!(losses(&old, &[source("kev", 900), source("nvd", 11)]), Vec::<String>::new());
        assert_eq!(
            losses(&old, &[source("kev", 899), source("new", 1)]),
            ["much of kev (1000 records became 899)", "nvd (10 records)"]
        );
    }
}
