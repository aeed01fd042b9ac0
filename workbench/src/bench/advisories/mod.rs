//! `cargo xtask bench advisories`: building, opening, matching and carrying the snapshot, against
//! limits for two cores.
//!
//! It is measured with the shared feeds and with a mirror that holds as many CVE records as there
//! really are ([`mirror`]). Only runs whose output is right have a time.

mod mirror;
mod sbom;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{
    measure::{Sample, Samples, folder_in_memory, run},
    text,
};
use xtask::shell::output_bytes;

/// Timed runs of a command that takes milliseconds, after one that warms up.
const SHORT_RUNS: usize = 9;
/// The same for what takes three milliseconds.
const OPENING_RUNS: usize = 31;
/// Timed runs of applying a delta.
const DELTA_RUNS: usize = 3;
/// CVE records of the real list.
const CVE_RECORDS: u64 = 374_000;
/// Sources whose records are CVE records.
const CVE_SOURCES: [&str; 3] = ["cve5", "kernel-cna", "openssl"];
/// Facts of the shared feeds: an id with a word that an answer to it must hold.
const KNOWN: [(&str, &str); 3] = [
    ("CVE-2022-48174", "busybox:busybox"),
    ("CVE-2014-0160", "openssl:openssl"),
    ("CVE-2021-44228", "\"kev\": {"),
];
/// Day that results are computed for.
const AS_OF: &str = "2026-11-26";

pub(super) fn bench(program: &Path, shared: &Path) -> anyhow::Result<()> {
    let folder = folder_in_memory()?;
    let bench = Bench { program, feeds: shared.join("feeds"), folder: folder.path() };
    println!("{:44} {:>10} {:>8}", "", "measured", "at most");
    let shared = bench.of_shared_feeds()?;
    let (scaled, products) = bench.scaled(&shared)?;
    let [plain, with_kernel] = sbom::write(&bench.feeds, &products, bench.folder)?;
    for (of, snapshot) in [("shared feeds", &shared), ("374,000 records", &scaled)] {
        bench.opening(of, snapshot)?;
        bench.matching(&format!("SBOM, {of}"), &plain, snapshot, 60.0)?;
        bench.matching(&format!("SBOM with kernel, {of}"), &with_kernel, snapshot, 200.0)?;
    }
    Ok(())
}

/// A row: what was measured, its limit, and whether it is met.
fn row(what: &str, measured: f64, most: f64, unit: &str) {
    let verdict = if measured <= most { "met" } else { "MISSED" };
    println!("{what:44} {measured:10.1} {most:8.0} {unit:4} {verdict}");
}

/// Where everything is.
struct Bench<'a> {
    program: &'a Path,
    feeds: PathBuf,
    /// In memory: the disk is not what is measured.
    folder: &'a Path,
}

impl Bench<'_> {
    fn run(&self, arguments: &[&str]) -> anyhow::Result<Sample> {
        run(text(self.program), arguments, self.folder, &[])
    }

    fn answer(&self, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        output_bytes(Command::new(self.program).args(arguments))
    }

    fn build(&self, from: &Path, out: &Path) -> anyhow::Result<Sample> {
        self.run(&["advisories", "build", "--from", text(from), "--out", text(out)])
    }

    fn status(&self, snapshot: &Path) -> anyhow::Result<Value> {
        let arguments = ["advisories", "status", "--advisories", text(snapshot), "-o", "json"];
        serde_json::from_slice(&self.answer(&arguments)?).context("read the status")
    }

    fn show(&self, id: &str, snapshot: &Path) -> anyhow::Result<String> {
        let arguments = ["advisories", "show", id, "--advisories", text(snapshot), "-o", "json"];
        String::from_utf8(self.answer(&arguments)?).context("read what is known of an id")
    }

    /// The snapshot of the shared feeds: answers for known ids, and is the same when built again.
    fn of_shared_feeds(&self) -> anyhow::Result<PathBuf> {
        let (first, again) = (self.folder.join("shared.snapshot"), self.folder.join("again"));
        let sample = self.build(&self.feeds, &first)?;
        self.build(&self.feeds, &again)?;
        ensure!(fs::read(&first)? == fs::read(&again)?, "a second build is another");
        fs::remove_file(&again)?;
        for (id, word) in KNOWN {
            ensure!(self.show(id, &first)?.contains(word), "{id}: {word} is missing");
        }
        let ids = ids(&self.status(&first)?);
        ensure!(ids > 0, "the snapshot is empty");
        println!("shared feeds: {ids} ids with records, {:.0} MB", megabytes(&first)?);
        row("build, shared feeds", sample.wall, 30.0, "s");
        row("build, shared feeds: peak", sample.peak_mib, 1536.0, "MiB");
        Ok(first)
    }

    /// The snapshot at the real size, and a delta to it.
    fn scaled(&self, shared: &Path) -> anyhow::Result<(PathBuf, mirror::Versions)> {
        let from = self.folder.join("mirror");
        output_bytes(Command::new("cp").arg("-rL").arg(&self.feeds).arg(&from))?;
        let present = cve_records(&self.status(shared)?);
        let mirror = mirror::Mirror::of(&self.feeds, CVE_RECORDS.saturating_sub(present))?;
        mirror.write(&from.join("scaled"))?;
        let scaled = self.folder.join("scaled.snapshot");
        let sample = self.build(&from, &scaled)?;
        let status = self.status(&scaled)?;
        let (records, ids) = (cve_records(&status), ids(&status));
        ensure!(records >= CVE_RECORDS && ids >= CVE_RECORDS, "{records} records, {ids} ids");
        println!("scaled up: {records} CVE records, {ids} ids with records");
        row("build, 374,000 records", sample.wall, 120.0, "s");
        row("build, 374,000 records: snapshot", megabytes(&scaled)?, 150.0, "MB");
        println!("build, 374,000 records: peak {:.0} MiB (no limit)", sample.peak_mib);
        let changed = mirror.write_changed(&from.join("scaled"))?;
        self.delta(&from, &scaled, &changed)?;
        fs::remove_dir_all(&from)?;
        Ok((scaled, mirror.versions))
    }

    /// A delta of changed records: what it makes is the whole snapshot, byte for byte.
    fn delta(&self, from: &Path, old: &Path, changed: &str) -> anyhow::Result<()> {
        let [new, key, public, delta, site] =
            ["new.snapshot", "key", "key.pub", "delta", "site.snapshot"]
                .map(|name| self.folder.join(name));
        self.build(from, &new)?;
        self.run(&["advisories", "keygen", text(&key)])?;
        let (since, out) = (["--since", text(old)], ["--key", text(&key), "-o", text(&delta)]);
        let export = ["advisories", "export", "--advisories", text(&new)];
        let made = self.run(&[&export[..], &since, &out].concat())?;
        let before = self.show(changed, old)?;
        let mut samples = Samples::default();
        for _ in 0..DELTA_RUNS {
            fs::copy(old, &site)?;
            let import = ["advisories", "import", text(&delta), "--trust", text(&public)];
            samples.0.push(self.run(&[&import[..], &["--advisories", text(&site)]].concat())?);
            ensure!(fs::read(&site)? == fs::read(&new)?, "the delta made another snapshot");
        }
        let after = self.show(changed, &site)?;
        ensure!(after != before, "{changed} did not change");
        let size = megabytes(&delta)?;
        println!("delta of {} records: {size:.1} MB, made in {:.1} s", mirror::CHANGED, made.wall);
        row("delta of 2,000 records applied", samples.wall(), 5.0, "s");
        [new, key, public, delta, site].iter().try_for_each(fs::remove_file)?;
        Ok(())
    }

    /// Opening cannot be timed alone: what a look-up of one id takes longer than `--version`.
    /// `status` is no measure of it, as it verifies every block.
    fn opening(&self, of: &str, snapshot: &Path) -> anyhow::Result<()> {
        let (mut look_up, mut version) = (Samples::default(), Samples::default());
        let [(id, _), ..] = KNOWN;
        let arguments = ["advisories", "show", id, "--advisories", text(snapshot)];
        self.run(&arguments)?;
        for _ in 0..OPENING_RUNS {
            look_up.0.push(self.run(&arguments)?);
            version.0.push(self.run(&["--version"])?);
        }
        let opening = (look_up.wall() - version.wall()) * 1000.0;
        row(&format!("opening and one look-up, {of}"), opening, 5.0, "ms");
        Ok(())
    }

    /// The whole process from an SBOM to JSON; the result is the same each time.
    fn matching(&self, what: &str, sbom: &Path, snapshot: &Path, most: f64) -> anyhow::Result<()> {
        let json = self.folder.join("result.json");
        let output = format!("json={}", json.display());
        let more = ["--advisories", text(snapshot), "--as-of", AS_OF, "-o", &output];
        let arguments = [&["scan", text(sbom)][..], &more].concat();
        self.run(&arguments)?;
        let result = fs::read(&json)?;
        let (found, of_kernel) = findings(&result)?;
        ensure!(found > 0, "nothing was found");
        let mut samples = Samples::default();
        for _ in 0..SHORT_RUNS {
            samples.0.push(self.run(&arguments)?);
            ensure!(fs::read(&json)? == result, "two runs of one scan differ");
        }
        let (size, processor) = (megabytes(&json)?, samples.processor() * 1000.0);
        println!(
            "{what}: {found} matches, {of_kernel} of the kernel, {size:.0} MB of JSON, \
             {processor:.0} ms of processor"
        );
        row(what, samples.wall() * 1000.0, most, "ms");
        Ok(())
    }
}

fn megabytes(path: &Path) -> anyhow::Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a size far below 2^52")]
    Ok(fs::metadata(path)?.len() as f64 / 1e6)
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Ids with a record that a status tells, over all years.
fn ids(status: &Value) -> u64 {
    list(status, "years").iter().filter_map(|year| year.get("records")?.as_u64()).sum()
}

/// Records in the format of the CVE programme that a status tells.
fn cve_records(status: &Value) -> u64 {
    let is_cve = |source: &&Value| {
        source.get("name").and_then(Value::as_str).is_some_and(|name| CVE_SOURCES.contains(&name))
    };
    let sources = list(status, "sources").iter().filter(is_cve);
    sources.filter_map(|source| source.get("records")?.as_u64()).sum()
}

/// Findings of a result, and how many of them are the kernel's.
fn findings(result: &[u8]) -> anyhow::Result<(usize, usize)> {
    let result: Value = serde_json::from_slice(result).context("read the result")?;
    let found = list(&result, "findings");
    let of_kernel = |one: &&Value| one.get("component").and_then(Value::as_str) == Some("linux");
    Ok((found.len(), found.iter().filter(of_kernel).count()))
}
