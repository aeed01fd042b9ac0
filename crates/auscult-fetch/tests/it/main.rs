//! The crate against a server that serves every feed, and every fault that servers have.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed precondition of a test is its failure"
)]

mod faults;
mod feeds;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use auscult_fetch::{
    Config, Event, FeedReport, FeedState, Judge, Judged, Mirror, Observer, Options, Outcome,
};
use auscult_testkit::feeds::{FeedServer, NOW, Vulnerability, config, lay_out};

/// A server with all feeds, a mirror, and what the user wants.
struct Bench {
    server: FeedServer,
    folder: tempfile::TempDir,
    options: Options,
    waits: Mutex<Vec<String>>,
}

impl Bench {
    fn new() -> Self {
        Self::with(&Vulnerability::some(10))
    }

    fn with(all: &[Vulnerability]) -> Self {
        let server = FeedServer::start();
        lay_out(&server, all);
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            data: folder.path().join("data"),
            config: Config::parse(&config(&server)).unwrap(),
            only: Vec::new(),
            skip: Vec::new(),
            force: false,
            now: NOW.parse().unwrap(),
            user_agent: "auscult-test".to_owned(),
            variable: |_| None,
        };
        Self { server, folder, options, waits: Mutex::new(Vec::new()) }
    }

    fn only(mut self, feeds: &[&str]) -> Self {
        self.options.only = feeds.iter().map(|&feed| feed.to_owned()).collect();
        self
    }

    fn update(&self) -> Vec<FeedReport> {
        auscult_fetch::update(&self.options, self, self).unwrap()
    }

    /// Updates one feed.
    fn one(&self) -> FeedReport {
        let mut reports = self.update();
        assert_eq!(reports.len(), 1);
        reports.remove(0)
    }

    /// The same, a day later.
    fn tomorrow(&mut self) {
        self.options.now =
            self.options.now.checked_add(jiff::SignedDuration::from_hours(24)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        Mirror::new(&self.options.data).feeds().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn state(&self, feed: &str) -> FeedState {
        FeedState::load(&Mirror::new(&self.options.data).state(feed))
    }

    /// Statuses that a path was answered with.
    fn statuses(&self, path: &str) -> Vec<u16> {
        let requests = self.server.requests();
        requests.iter().filter(|request| request.path() == path).map(|r| r.status).collect()
    }

    /// Files of the mirror, sorted.
    fn files(&self) -> Vec<String> {
        let root = Mirror::new(&self.options.data).feeds();
        let (mut found, mut open) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    open.push(entry.path());
                } else {
                    let path = entry.path();
                    let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                    found.push(name);
                }
            }
        }
        found.sort();
        found
    }
}

/// Counts ids, as a reader of feeds would count records.
impl Judge for Bench {
    fn judge(&self, file: &Path) -> Judged {
        let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        let records = u64::try_from(text.matches("\"CVE-").count()).unwrap();
        let date = text.split("\"dateReleased\":\"").nth(1).and_then(|rest| rest.get(..10));
        Judged { records, newest: date.and_then(|date| date.parse().ok()) }
    }
}

impl Observer for Bench {
    fn event(&self, feed: &str, event: &Event<'_>) {
        if let Event::Waiting { why, .. } = event {
            self.waits.lock().unwrap().push(format!("{feed}: {why}"));
        }
    }
}

/// Why a feed failed.
fn reason(report: &FeedReport) -> &str {
    match &report.outcome {
        Outcome::Failed { reason, .. } => reason,
        outcome => panic!("{}: {outcome:?}", report.name),
    }
}
