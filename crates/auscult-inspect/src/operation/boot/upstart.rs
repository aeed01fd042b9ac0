//! Jobs of upstart: `/etc/init/NAME.conf` and `NAME.override` (init(5) of upstart).
//!
//! A job starts when its `start on` comes true. No condition is judged: one event that every boot has,
//! or that follows a job that starts at boot, is enough. Events that other programs emit leave a job on
//! demand.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use auscult_model::{BootSource, BootState, Locator};

use super::{Builder, Draft};
use crate::operation::{files::Text, lines};

/// Jobs of one root.
const JOBS_MAX: usize = 1024;
/// A script inside of a job that is looked at is not longer.
const SCRIPT_BYTES_MAX: usize = 64 << 10;
/// Events of every boot (upstart-events(7)); `runlevel` is looked at more closely.
const BOOT_EVENTS: &[&str] = &[
    "startup",
    "virtual-filesystems",
    "local-filesystems",
    "remote-filesystems",
    "all-swaps",
    "filesystem",
    "mounting",
    "mounted",
    "container",
    "net-device-up",
    "static-network-up",
    "net-device-added",
    "rc-sysinit",
];

/// What a job says.
#[derive(Default)]
struct Job {
    start_on: Vec<String>,
    manual: bool,
    user: Option<String>,
    /// Assignments of `env`, for the commands below.
    environment: String,
    /// Commands and scripts, with their places.
    runs: Vec<(String, bool, Locator)>,
}

/// Adds the jobs; the default runlevel.
pub(super) fn read(builder: &mut Builder<'_, '_>) -> String {
    let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
    let mut runlevel = "2".to_owned();
    for end in [".conf", ".override"] {
        for text in builder.files.texts("/etc/init", end).into_iter().take(JOBS_MAX) {
            let name = lines::file_name(&text.path).trim_end_matches(end).to_owned();
            if let Some(level) = default_runlevel(&text) {
                runlevel = level;
            }
            // An override stands beside its job and is none by itself.
            if end == ".conf" || jobs.contains_key(&name) {
                add_file(&text, jobs.entry(name).or_default());
            }
        }
    }
    let booting = booting(&jobs, &runlevel);
    for (name, job) in &jobs {
        add_job(builder, name, job, booting.contains(name.as_str()));
    }
    runlevel
}

/// `env DEFAULT_RUNLEVEL=2` of `rc-sysinit.conf`.
fn default_runlevel(text: &Text) -> Option<String> {
    text.lines().find_map(|line| {
        let value = line.text.trim().strip_prefix("env DEFAULT_RUNLEVEL=")?.to_owned();
        (value.len() == 1).then_some(value)
    })
}

fn add_file(text: &Text, job: &mut Job) {
    let mut lines = text.lines();
    let mut open = None;
    while let Some(line) = lines.next() {
        let words = lines::words(lines::uncommented(&line.text));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Some(before) = open {
            open = condition(&line.text, before, job);
            continue;
        }
        match words.as_slice() {
            ["start", "on", ..] => {
                // A later one stands for the earlier.
                job.start_on.clear();
                job.manual = false;
                let rest = line.text.split_once("on").map_or("", |(_, rest)| rest);
                open = condition(rest, Open { depth: 0, starts: true }, job);
            }
            ["stop", "on", ..] => {
                open = condition(&line.text, Open { depth: 0, starts: false }, job);
            }
            ["manual"] => job.manual = true,
            ["setuid", user, ..] => job.user = Some((*user).to_owned()),
            ["env", set @ ..] => {
                for (name, value) in set.iter().filter_map(|one| one.split_once('=')) {
                    let value = value.replace('\'', "");
                    // Writing to a String cannot fail.
                    _ = writeln!(job.environment, "{name}='{value}'");
                }
            }
            ["exec", ..] | ["pre-start" | "post-start", "exec", ..] => {
                let command = line.text.split_once("exec").map_or("", |(_, rest)| rest.trim());
                job.runs.push((command.to_owned(), false, text.at(line.offset)));
            }
            ["script"] | ["pre-start" | "post-start" | "pre-stop" | "post-stop", "script"] => {
                let mut script = String::new();
                for inner in lines.by_ref() {
                    if inner.text.split_whitespace().eq(["end", "script"]) {
                        break;
                    }
                    if script.len() < SCRIPT_BYTES_MAX {
                        script.push_str(&inner.text);
                        script.push('\n');
                    }
                }
                if !words.first().is_some_and(|word| word.ends_with("-stop")) {
                    job.runs.push((script, true, text.at(line.offset)));
                }
            }
            _ => {}
        }
    }
}

/// A condition that goes on behind its line.
#[derive(Clone, Copy)]
struct Open {
    depth: usize,
    /// Whether it is `start on`; others are passed over.
    starts: bool,
}

/// Takes the words of a condition. It goes on where parentheses are open behind them, and behind `and`
/// and `or`.
fn condition(text: &str, open: Open, job: &mut Job) -> Option<Open> {
    let spaced = lines::uncommented(text).replace('(', " ( ").replace(')', " ) ");
    let mut depth = open.depth;
    let mut last = "";
    for word in spaced.split_whitespace() {
        last = word;
        match word {
            "(" => depth = depth.saturating_add(1),
            ")" => depth = depth.saturating_sub(1),
            word if open.starts => job.start_on.push(word.to_owned()),
            _ => {}
        }
    }
    (depth > 0 || matches!(last, "and" | "or")).then_some(Open { depth, ..open })
}

/// The jobs that start with the device.
fn booting<'jobs>(jobs: &'jobs BTreeMap<String, Job>, runlevel: &str) -> BTreeSet<&'jobs str> {
    let mut booting: BTreeSet<&str> = BTreeSet::new();
    loop {
        let starts = |job: &Job| {
            !job.manual
                && job.start_on.iter().enumerate().any(|(at, word)| {
                    let next = job.start_on.get(at + 1).map(String::as_str);
                    is_boot_event(word, next, runlevel, &booting)
                })
        };
        let more: Vec<&str> = jobs
            .iter()
            .filter(|(name, job)| !booting.contains(name.as_str()) && starts(job))
            .map(|(name, _)| name.as_str())
            .collect();
        if more.is_empty() {
            return booting;
        }
        booting.extend(more);
    }
}

fn is_boot_event(word: &str, next: Option<&str>, runlevel: &str, booting: &BTreeSet<&str>) -> bool {
    match word {
        "runlevel" => next.is_none_or(|levels| {
            let levels = levels.trim_start_matches("RUNLEVEL=");
            match levels.strip_prefix("[!") {
                Some(others) => !others.contains(runlevel),
                None => !levels.starts_with('[') || levels.contains(runlevel),
            }
        }),
        "started" | "starting" | "stopped" | "stopping" => {
            next.is_some_and(|job| booting.contains(job.trim_start_matches("JOB=")))
        }
        word => BOOT_EVENTS.contains(&word),
    }
}

fn add_job(builder: &mut Builder<'_, '_>, name: &str, job: &Job, boots: bool) {
    let (state, trigger) = match (boots, job.manual, job.start_on.is_empty()) {
        (_, true, _) => (BootState::Disabled, "manual".to_owned()),
        (true, ..) => (BootState::StartsAtBoot, job.start_on.join(" ")),
        (false, _, true) => (BootState::OnDemand, "no start on".to_owned()),
        (false, ..) => (BootState::OnDemand, job.start_on.join(" ")),
    };
    for (command, is_script, configuration) in &job.runs {
        let shell = *is_script || command.contains(['>', '<', ';', '&', '|', '$', '`', '(']);
        let words = if shell {
            let text = format!("{}{command}", job.environment);
            vec!["/bin/sh".to_owned(), "-e".to_owned(), "-c".to_owned(), text]
        } else {
            lines::words(command)
        };
        let draft = Draft {
            source: BootSource::Upstart,
            name: name.to_owned(),
            words,
            user: job.user.clone(),
            trigger: trigger.clone(),
            state,
            configuration: configuration.clone(),
        };
        builder.add_inner(&draft);
        builder.add(draft);
    }
}
