//! Shows how feeds come in: bars on a terminal, lines elsewhere, nothing if that is asked for.
//! All of it goes to standard error.

use std::{
    collections::HashMap,
    io::{self, IsTerminal as _, Write as _},
    sync::{Mutex, PoisonError},
};

use auscult_fetch::{Event, Observer, Outcome};
use auscult_report::clean;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Whoever shows the progress here.
pub(super) fn observer(quiet: bool) -> Box<dyn Observer> {
    if quiet {
        Box::new(Silent)
    } else if io::stderr().is_terminal() {
        Box::new(Bars { all: MultiProgress::new(), bars: Mutex::new(HashMap::new()) })
    } else {
        Box::new(Lines)
    }
}

struct Silent;

impl Observer for Silent {
    fn event(&self, _: &str, _: &Event<'_>) {}
}

/// A line where something is worth one.
struct Lines;

impl Observer for Lines {
    fn event(&self, feed: &str, event: &Event<'_>) {
        let line = match event {
            Event::Begun => "asked".to_owned(),
            Event::Waiting { wait, why } => {
                format!("waits {:.1} s: {}", wait.as_secs_f32(), clean(why))
            }
            Event::File { name, start: 0, .. } => format!("fetches {name}"),
            Event::File { name, start, .. } => format!("goes on with {name} at byte {start}"),
            Event::Ended(report) => ended(&report.outcome).to_owned(),
            Event::Received { .. } => return,
        };
        // Whether anybody reads it must not stop the update.
        drop(writeln!(io::stderr().lock(), "{feed}: {line}"));
    }
}

/// How a feed fared, in a word.
pub(super) fn ended(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Updated(_) => "updated",
        Outcome::Unchanged => "unchanged",
        Outcome::Failed { .. } => "failed",
    }
}

/// A bar for each feed.
struct Bars {
    all: MultiProgress,
    bars: Mutex<HashMap<String, ProgressBar>>,
}

impl Drop for Bars {
    /// What is written next begins on a line of its own.
    fn drop(&mut self) {
        drop(writeln!(io::stderr().lock()));
    }
}

impl Observer for Bars {
    fn event(&self, feed: &str, event: &Event<'_>) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry(feed.to_owned()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::no_length());
            let style = ProgressStyle::with_template("{prefix:14} {binary_bytes:>12} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(feed.to_owned());
            bar
        });
        match event {
            Event::Begun => bar.set_message("asks"),
            Event::File { name, total: Some(total), .. } => {
                bar.set_message(format!("{name} ({} KiB)", total.div_euclid(1024)));
            }
            Event::File { name, .. } => bar.set_message((*name).to_owned()),
            Event::Received { bytes } => bar.inc(*bytes),
            Event::Waiting { wait, why } => {
                bar.set_message(format!("waits {:.0} s: {}", wait.as_secs_f32(), clean(why)));
            }
            Event::Ended(report) => bar.finish_with_message(ended(&report.outcome)),
        }
    }
}
