//! One timed run of a command, by GNU time: its children count.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, bail, ensure};

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Seconds on the wall.
    pub(super) wall: f64,
    /// Seconds of processor, user and system.
    pub(super) processor: f64,
    /// Peak of the largest single process, in MiB.
    pub(super) peak_mib: f64,
}

/// Runs a program to its end; exit codes 0 and 4 are right, and others where they are named.
pub(super) fn run(
    program: &str,
    arguments: &[&str],
    folder: &Path,
    right: &[i32],
) -> anyhow::Result<Sample> {
    let usage = folder.join("usage");
    let mut command = Command::new("/usr/bin/time");
    command.args(["-q", "-f", "%U %S %M", "-o"]).arg(&usage).arg(program).args(arguments);
    // Some write a log where they stand.
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status().context("start GNU time (Debian package time)")?;
    let wall = started.elapsed().as_secs_f64();
    if !status.code().is_some_and(|code| code == 0 || code == 4 || right.contains(&code)) {
        bail!("{program} {} failed: {status}", arguments.join(" "));
    }
    let text = std::fs::read_to_string(&usage).context("read what GNU time wrote")?;
    let numbers: Vec<f64> =
        text.split_whitespace().rev().take(3).filter_map(|word| word.parse().ok()).collect();
    let [peak, system, user] = numbers.as_slice() else { bail!("GNU time wrote {text:?}") };
    Ok(Sample { wall, processor: user + system, peak_mib: peak / 1024.0 })
}

/// The samples of one command.
#[derive(Debug, Default)]
pub(super) struct Samples(pub(super) Vec<Sample>);

impl Samples {
    pub(super) fn wall(&self) -> f64 {
        median(self.0.iter().map(|sample| sample.wall))
    }

    pub(super) fn processor(&self) -> f64 {
        median(self.0.iter().map(|sample| sample.processor))
    }

    pub(super) fn peak_mib(&self) -> f64 {
        self.0.iter().map(|sample| sample.peak_mib).fold(0.0, f64::max)
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    super::median(&mut values.collect::<Vec<_>>())
}

/// A folder in memory, so that the disk is not what is measured.
pub(super) fn folder_in_memory() -> anyhow::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    ensure!(memory.is_dir(), "a RAM disk is needed at /dev/shm");
    tempfile::tempdir_in(memory).context("make a folder in memory")
}
