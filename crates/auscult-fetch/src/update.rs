//! Brings all feeds up to date, some at a time; one that fails does not touch the others.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use jiff::{Timestamp, civil::Date};

use crate::{
    Config, Error, Result, Secret,
    feeds::{FEEDS, Feed, Kind, find},
    http::Client,
    kinds,
    mirror::{self, Mirror},
    session::{Fetched, Session, Wanted, lost_too_much},
    state::FeedState,
};

/// What an update is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the mirror, see [`Mirror`].
    pub data: PathBuf,
    /// What the user says about feeds.
    pub config: Config,
    /// The feeds to fetch; all usual ones if there are none.
    pub only: Vec<String>,
    /// Feeds left out.
    pub skip: Vec<String>,
    /// Whether a copy that lost records is taken.
    pub force: bool,
    /// The time now; this crate reads no clock.
    pub now: Timestamp,
    /// How the program names itself to servers.
    pub user_agent: String,
    /// Gives the keys of servers by the name of their variable, as the environment does.
    pub variable: fn(&str) -> Option<String>,
}

/// What happens while feeds are fetched.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Work on a feed begins.
    Begun,
    /// A file begins to come.
    File {
        /// Its path in the folder of the feed.
        name: &'a str,
        /// Bytes that are there already.
        start: u64,
        /// Length of the whole, if it is known.
        total: Option<u64>,
    },
    /// Bytes of the file came.
    Received {
        /// How many.
        bytes: u64,
    },
    /// Nothing is asked for a while.
    Waiting {
        /// How long.
        wait: Duration,
        /// Why.
        why: &'a str,
    },
    /// Work on a feed is over.
    Ended(&'a FeedReport),
}

/// Whoever shows what happens; called from several threads.
pub trait Observer: Sync {
    /// Something happened with a feed.
    fn event(&self, feed: &str, event: &Event<'_>);
}

/// What a file holds, as far as its reader understands it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Records in it.
    pub records: u64,
    /// The date that the document gives itself.
    pub newest: Option<Date>,
}

/// Whoever can read feeds: this crate does not. Called from several threads.
pub trait Judge: Sync {
    /// Counts what is in a file.
    fn judge(&self, file: &Path) -> Judged;
}

/// How a feed fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// So many files are new.
    Updated(u64),
    /// Nothing is new.
    Unchanged,
    /// It failed; the last good copy stays.
    Failed {
        /// Why.
        reason: String,
        /// What may help, if anything does.
        hint: Option<String>,
        /// Since when it fails.
        since: Timestamp,
    },
}

/// What became of one feed.
#[derive(Clone, Debug)]
pub struct FeedReport {
    /// Its name.
    pub name: &'static str,
    /// How it fared.
    pub outcome: Outcome,
    /// When it was last complete and up to date; the age of its data, if it fails.
    pub succeeded: Option<Timestamp>,
    /// Files that the mirror has of it.
    pub files: u64,
    /// Bytes that came.
    pub received: u64,
    /// Downloads that went on where an earlier one ended.
    pub resumed: u64,
}

impl FeedReport {
    /// Whether it failed.
    pub fn is_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed { .. })
    }
}

/// The feeds that these options ask for, in the order of [`FEEDS`].
pub fn selected(options: &Options) -> Result<Vec<&'static Feed>> {
    for name in options.only.iter().chain(&options.skip) {
        if find(name).is_none() {
            return Err(Error::UnknownFeed(name.clone()));
        }
    }
    let wanted = |feed: &&&Feed| {
        let enabled = options.config.feed(feed.name).enabled.unwrap_or(feed.usual);
        let asked = options.only.iter().any(|name| name == feed.name);
        let skipped = options.skip.iter().any(|name| name == feed.name);
        (asked || (options.only.is_empty() && enabled && !is_empty(feed, options))) && !skipped
    };
    Ok(FEEDS.iter().filter(wanted).copied().collect())
}

/// A feed of named providers of which none is named.
fn is_empty(feed: &Feed, options: &Options) -> bool {
    let items = options.config.feed(feed.name).items;
    items.map_or(feed.items.is_some_and(<[_]>::is_empty), |items| items.is_empty())
}

/// Brings the feeds in the mirror up to date. Only what concerns all of them is an error; how each
/// feed fared is in its report. The caller holds the mirror's lock ([`Mirror::lock`]).
pub fn update(
    options: &Options,
    judge: &dyn Judge,
    observer: &dyn Observer,
) -> Result<Vec<FeedReport>> {
    let feeds = selected(options)?;
    let client = Client::new(&options.config, &options.user_agent, options.now)?;
    let mirror = Mirror::new(&options.data);
    let queue: Mutex<VecDeque<&'static Feed>> = Mutex::new(feeds.iter().copied().collect());
    let reports = Mutex::new(Vec::new());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    thread::scope(|scope| {
        for _ in 0..options.config.transfer.threads.min(feeds.len()) {
            scope.spawn(|| {
                while let Some(feed) = next() {
                    observer.event(feed.name, &Event::Begun);
                    let report = run(options, feed, &client, &mirror, judge, observer);
                    observer.event(feed.name, &Event::Ended(&report));
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|report| feeds.iter().position(|feed| feed.name == report.name));
    Ok(reports)
}

fn run(
    options: &Options,
    feed: &'static Feed,
    client: &Client,
    mirror: &Mirror,
    judge: &dyn Judge,
    observer: &dyn Observer,
) -> FeedReport {
    let config = options.config.feed(feed.name);
    let given = feed.key.as_ref().and_then(|key| {
        let secret = config.api_key.clone();
        let secret = secret.or_else(|| (options.variable)(key.variable).map(Secret));
        secret
            .filter(|secret| !secret.0.is_empty())
            .map(|s| Secret(format!("{}{}", key.prefix, s.0)))
    });
    let mut session = Session {
        feed,
        config,
        client,
        mirror,
        observer,
        judge,
        now: options.now,
        force: options.force,
        state: FeedState::load(&mirror.state(feed.name)),
        key: given,
        received: 0,
        resumed: 0,
        changed: 0,
        unsaved: 0,
        state_bytes: 0,
    };
    let ended = fetch(&mut session);
    finish(session, ended)
}

/// Writes down how it went, and reports it.
fn finish(mut session: Session<'_>, ended: Result<()>) -> FeedReport {
    session.state.attempted = Some(session.now);
    match &ended {
        Ok(()) => {
            session.state.succeeded = Some(session.now);
            session.state.failing_since = None;
            session.state.failure = None;
        }
        Err(error) => {
            let since = session.state.failing_since.unwrap_or(session.now);
            session.state.failing_since = Some(since);
            session.state.failure = Some(chain(error));
        }
    }
    let ended = session.save().and(ended);
    let outcome = match ended {
        Ok(()) if session.changed > 0 => Outcome::Updated(session.changed),
        Ok(()) => Outcome::Unchanged,
        Err(error) => Outcome::Failed {
            reason: chain(&error),
            hint: hint(&error).map(str::to_owned),
            since: session.state.failing_since.unwrap_or(session.now),
        },
    };
    FeedReport {
        name: session.feed.name,
        outcome,
        succeeded: session.state.succeeded,
        files: u64::try_from(session.state.files.len()).unwrap_or(u64::MAX),
        received: session.received,
        resumed: session.resumed,
    }
}

/// An error with its causes, on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn hint(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Connection { .. } => "check the network; a proxy is set with HTTPS_PROXY or --proxy",
        Error::Untrusted { .. } => {
            "name your own certificate authority with --ca-file or ca_file in feeds.toml"
        }
        Error::Status { status: 401 | 403, .. } => {
            "the server wants a key: set it in feeds.toml or the environment"
        }
        Error::Later { .. } => "run the update again later, or with a key for the server",
        Error::TooLarge { .. } => {
            "raise size_limit of the feed in feeds.toml if the file is genuine"
        }
        Error::TooSlow { .. } | Error::Truncated { .. } => {
            "run the update again: it goes on where it stopped"
        }
        Error::HeldBack { .. } => "look at the feed; --force takes a copy that lost records",
        Error::Shape { .. } => {
            "if the feed changed its schema, a newer version of the program may read it"
        }
        _ => return None,
    })
}

fn fetch(session: &mut Session<'_>) -> Result<()> {
    let wanted = match &session.feed.kind {
        Kind::Pages => return kinds::pages::fetch(session),
        Kind::File(file) => {
            let wanted = Wanted::new(session.base(), file.name.to_owned(), file.shape);
            vec![Wanted { dated: file.dated, ..wanted }]
        }
        Kind::PerItem { files, shape, optional } => per_item(session, *files, *shape, *optional)?,
        Kind::Years => kinds::years::list(session),
        Kind::Releases => kinds::releases::list(session)?,
        Kind::Providers { only } => return kinds::csaf::fetch(session, *only),
    };
    fetch_all(session, &wanted, &[])
}

fn per_item(
    session: &Session<'_>,
    files: fn(&str, &str) -> Vec<(String, String)>,
    shape: crate::shape::Shape,
    optional: bool,
) -> Result<Vec<Wanted>> {
    let usual = || session.feed.items.unwrap_or_default().iter().map(|&item| item.to_owned());
    let items = session.config.items.clone().unwrap_or_else(|| usual().collect());
    let mut wanted = Vec::new();
    for item in items {
        for (url, name) in files(&session.base(), &item) {
            let name = mirror::safe_name(&name).ok_or_else(|| {
                Error::Config(format!("{}: {item} is no name", session.feed.name))
            })?;
            wanted.push(Wanted { optional, ..Wanted::new(url, name, shape) });
        }
    }
    Ok(wanted)
}

/// Fetches every file of a feed, also after one of them failed, and then removes those that the
/// feed no longer has. `keep` names files that are no part of the list.
pub(crate) fn fetch_all(
    session: &mut Session<'_>,
    wanted: &[Wanted],
    keep: &[String],
) -> Result<()> {
    /// After so many failures in a row the server is taken for dead.
    const FAILURES_MAX: usize = 3;
    let (mut first, mut failures, mut in_a_row, mut present) = (None, 0_u64, 0, 0_u64);
    for wanted in wanted {
        match session.fetch(wanted) {
            Ok(Fetched::Missing) => in_a_row = 0,
            Ok(_) => (in_a_row, present) = (0, present + 1),
            Err(error) => {
                failures += 1;
                in_a_row += 1;
                let hopeless = matches!(error, Error::Later { .. } | Error::Io { .. });
                first.get_or_insert(error);
                if hopeless || in_a_row >= FAILURES_MAX {
                    break;
                }
            }
        }
    }
    if let Some(error) = first {
        return Err(if failures == 1 { error } else { several(session.feed, failures, error) });
    }
    if present == 0 {
        let reason = "none of the files of the feed exists".to_owned();
        return Err(Error::Listing { url: session.base(), reason });
    }
    forget_gone(session, wanted, keep)
}

/// The first of several failures, with their number.
fn several(feed: &Feed, failures: u64, error: Error) -> Error {
    match error {
        Error::HeldBack { name, reason } => {
            Error::HeldBack { name, reason: format!("{reason} ({failures} files)") }
        }
        Error::Connection { url, reason } => Error::Connection {
            url,
            reason: format!("{reason} ({failures} files of {})", feed.name),
        },
        error => error,
    }
}

/// Removes files that the feed no longer names. A table of contents that lost a tenth of them is
/// more likely broken.
fn forget_gone(session: &mut Session<'_>, wanted: &[Wanted], keep: &[String]) -> Result<()> {
    let mut named: std::collections::BTreeSet<&str> = keep.iter().map(String::as_str).collect();
    for wanted in wanted {
        named.insert(&wanted.name);
        named.extend(wanted.companions());
    }
    let folder = session.mirror.folder(session.feed.name);
    let present = mirror::files_below(&folder)?;
    let gone: Vec<&String> = present.iter().filter(|name| !named.contains(name.as_str())).collect();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let left = count(present.len()).saturating_sub(count(gone.len()));
    // Releases replace each other, and the user alone says which items there are.
    let may_go = matches!(session.feed.kind, Kind::Releases | Kind::PerItem { .. });
    if !session.force && !may_go && lost_too_much(count(present.len()), left, false) {
        let reason = format!(
            "its table of contents names {left} of {} files; --force takes it nevertheless",
            present.len()
        );
        return Err(Error::HeldBack { name: session.feed.name.to_owned(), reason });
    }
    for name in gone {
        mirror::remove(&folder.join(name))?;
        session.state.files.remove(name);
        session.changed += 1;
    }
    // What is left of downloads that nobody will continue.
    drop(std::fs::remove_dir_all(session.mirror.parts(session.feed.name)));
    Ok(())
}
