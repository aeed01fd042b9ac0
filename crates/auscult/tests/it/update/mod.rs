//! `advisories update` against a server with all feeds and their faults.

mod encrypted;
mod kill;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use auscult_advisory::Snapshot;
use auscult_model::SnapshotInfo;
use auscult_testkit::feeds::{Fault, FeedServer, Resource, Vulnerability, config, lay_out, shapes};

use crate::support::{code, stderr, stdout, text};

/// Feeds that the reader of today understands and that are small.
const FEEDS: &str = "kev,epss,vulnrichment,kernel,nvd";

/// A server, and a data folder for the program.
struct Bench {
    server: FeedServer,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(all: &[Vulnerability]) -> Self {
        let server = FeedServer::start();
        lay_out(&server, all);
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("feeds.toml"), config(&server)).expect("write the settings");
        Self { server, folder }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn snapshot(&self) -> PathBuf {
        self.data().join("advisories.snapshot")
    }

    /// The program with these arguments, with nothing of the user's around it.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auscult"));
        command.env_clear().env("AUSCULT_DATA", self.data()).env("NO_COLOR", "1");
        command.arg("advisories").args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    fn update_command(&self, arguments: &[&str]) -> Command {
        let settings = self.folder.path().join("feeds.toml");
        let mut command = self.command(&["update", "--config", text(&settings)]);
        command.args(arguments);
        command
    }

    fn update(&self, arguments: &[&str]) -> Output {
        self.update_command(arguments).output().expect("the program starts")
    }

    fn info(&self) -> SnapshotInfo {
        info(&self.snapshot())
    }
}

/// Opens a snapshot and verifies every byte of it.
fn info(path: &Path) -> SnapshotInfo {
    let snapshot = Snapshot::open(path).expect("the snapshot opens");
    snapshot.verify().expect("the snapshot is whole");
    snapshot.info()
}

fn records(info: &SnapshotInfo, source: &str) -> Option<u64> {
    info.sources.iter().find(|known| known.name == source).map(|source| source.records)
}

/// The row of a feed in the table.
fn row<'a>(table: &'a str, feed: &str) -> &'a str {
    let row = table.lines().find(|line| line.split_whitespace().next() == Some(feed));
    row.unwrap_or_else(|| panic!("no row for {feed}:\n{table}"))
}

#[test]
fn an_update_makes_the_snapshot_that_everything_uses_and_the_next_finds_nothing_new() {
    let bench = Bench::new(&Vulnerability::some(10));
    let output = bench.update(&["--quiet"]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    for feed in ["nvd", "cve-list", "osv", "csaf", "kev", "alpine"] {
        assert!(row(&stdout(&output), feed).contains("updated"), "{}", stdout(&output));
    }
    let first = bench.info();
    assert_eq!(records(&first, "kev"), Some(10));
    assert_eq!(records(&first, "kernel-cna"), Some(10));
    let show = bench.run(&["show", "CVE-2099-0001"]);
    assert!(stdout(&show).contains("busybox"), "{}{}", stdout(&show), stderr(&show));
    let status = bench.run(&["status"]);
    assert!(stdout(&status).contains("LAST GOOD"), "{}", stdout(&status));
    assert!(!stdout(&status).contains("failing"));
    let output = bench.update(&["--quiet"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(row(&stdout(&output), "nvd").contains("unchanged"), "{}", stdout(&output));
    assert_eq!(bench.info().root, first.root);
    // A mirror that came by another way gives the same bytes.
    let (mirror, out) = (bench.data().join("mirror"), bench.folder.path().join("other"));
    let output = bench.run(&["update", "--from", text(&mirror), "--out", text(&out)]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(info(&out).root, first.root);
}

#[test]
fn progress_goes_to_standard_error_unless_it_is_not_wanted() {
    let bench = Bench::new(&Vulnerability::some(3));
    let output = bench.update(&["--only", "kev"]);
    assert!(stderr(&output).contains("kev: fetches known_exploited"), "{}", stderr(&output));
    let output = bench.update(&["--only", "kev", "--quiet"]);
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_dead_feed_is_told_and_its_last_good_copy_stays_with_its_date() {
    let bench = Bench::new(&Vulnerability::some(10));
    assert_eq!(code(&bench.update(&["--only", FEEDS])), 0);
    let before = bench.info();
    let date = |info: &SnapshotInfo, name: &str| {
        info.sources.iter().find(|source| source.name == name).and_then(|source| source.date)
    };
    lay_out(&bench.server, &Vulnerability::some(12));
    bench
        .server
        .put("/kev.json", Resource::new(shapes::kev(&Vulnerability::some(12), "2026-11-22")));
    bench.server.fault("/kev.json", Fault::Hangup, 99);
    let output = bench.update(&["--only", FEEDS, "--quiet"]);
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    let failed = stdout(&output);
    assert!(row(&failed, "kev").contains("failed") && failed.contains("since 20"), "{failed}");
    assert!(row(&failed, "nvd").contains("updated"), "{failed}");
    assert!(stderr(&output).contains("hint:"), "{}", stderr(&output));
    let after = bench.info();
    assert_eq!(records(&after, "kev"), Some(10));
    assert_eq!(date(&after, "kev"), date(&before, "kev"));
    assert!(records(&after, "nvd") > records(&before, "nvd"), "the others go on");
    let status = stdout(&bench.run(&["status"]));
    assert!(status.contains("failing since"), "{status}");
    bench.server.mend();
    assert_eq!(code(&bench.update(&["--only", FEEDS])), 0);
    assert_eq!(records(&bench.info(), "kev"), Some(12));
    assert!(!stdout(&bench.run(&["status"])).contains("failing since"));
}

#[test]
fn without_any_feed_nothing_is_written() {
    let bench = Bench::new(&Vulnerability::some(1));
    bench.server.fault("/kev.json", Fault::Status(503, None), 99);
    let output = bench.update(&["--only", "kev", "--quiet"]);
    assert_eq!(code(&output), 1, "{}", stdout(&output));
    assert!(row(&stdout(&output), "kev").contains("never"), "{}", stdout(&output));
    assert!(stderr(&output).contains("hint:"), "{}", stderr(&output));
    assert!(!bench.snapshot().try_exists().expect("look"));
}

#[test]
fn a_schema_that_the_reader_does_not_know_does_not_replace_the_copy() {
    let bench = Bench::new(&Vulnerability::some(10));
    assert_eq!(code(&bench.update(&["--only", FEEDS])), 0);
    let before = bench.info();
    // All the words of the schema, and entries of another one.
    let renamed = shapes::kev(&Vulnerability::some(10), "2026-11-21").replace("dateAdded", "added");
    bench.server.put("/kev.json", Resource::new(renamed));
    let output = bench.update(&["--only", FEEDS, "--quiet"]);
    assert_eq!(code(&output), 4);
    assert!(stdout(&output).contains("10 records became 0"), "{}", stdout(&output));
    assert_eq!(bench.info().root, before.root);
}

#[test]
fn a_snapshot_that_lost_a_source_is_refused_unless_forced() {
    let bench = Bench::new(&Vulnerability::some(10));
    assert_eq!(code(&bench.update(&["--only", FEEDS])), 0);
    let before = bench.info();
    fs::remove_dir_all(bench.data().join("mirror").join("kev")).expect("lose a feed");
    let mirror = bench.data().join("mirror");
    let output = bench.run(&["update", "--from", text(&mirror)]);
    assert_eq!(code(&output), 1, "{}", stdout(&output));
    assert!(stderr(&output).contains("lacks kev (10 records)"), "{}", stderr(&output));
    assert!(stderr(&output).contains("--force"), "{}", stderr(&output));
    assert_eq!(bench.info().root, before.root);
    let output = bench.run(&["update", "--from", text(&mirror), "--force"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(records(&bench.info(), "kev"), None);
}

#[test]
fn a_source_dated_in_the_future_is_told() {
    let future = Vulnerability { date: "2999-01-01".to_owned(), ..Vulnerability::number(2) };
    let bench = Bench::new(&[Vulnerability::number(1), future]);
    let output = bench.update(&["--only", "kev,vulnrichment,nvd", "--quiet"]);
    assert_eq!(code(&output), 4, "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).contains("still to come, up to 2999-01-01"), "{}", stderr(&output));
    let dates: Vec<_> = bench.info().sources.into_iter().filter_map(|source| source.date).collect();
    let year = |date: &jiff::civil::Date| date.year() < 2999;
    assert!(!dates.is_empty() && dates.iter().all(year), "{dates:?}");
}

#[test]
fn duplicates_and_ten_thousand_references_are_survived() {
    let many = Vulnerability { references: 10_000, ..Vulnerability::number(1) };
    let bench = Bench::new(&[many.clone(), many.clone(), Vulnerability::number(2)]);
    let output = bench.update(&["--only", FEEDS, "--quiet"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(records(&bench.info(), "kev"), Some(2));
}

#[test]
fn slips_are_told_before_anything_is_asked() {
    let bench = Bench::new(&Vulnerability::some(1));
    let output = bench.update(&["--only", "nvdd"]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("nvdd") && stderr(&output).contains("cve-list"));
    fs::write(bench.folder.path().join("feeds.toml"), "[feeds.kev]\nur = \"x\"").expect("write");
    let output = bench.update(&[]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("feeds.toml"), "{}", stderr(&output));
    assert_eq!(bench.server.requests().len(), 0);
}

#[test]
fn a_second_update_does_not_start() {
    let bench = Bench::new(&Vulnerability::some(1));
    let mirror = auscult_fetch::Mirror::new(&bench.data());
    let _held = mirror.lock().expect("the lock is free");
    let output = bench.update(&["--only", "kev"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("another update"), "{}", stderr(&output));
    assert_eq!(bench.server.requests().len(), 0);
}
