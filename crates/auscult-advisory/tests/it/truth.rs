//! Every release against every vulnerability of three makers' own tables, as a script judges them
//! that shares no code with the program (`tests/truth/evaluate.py`).

use std::{collections::BTreeSet, fs::File, path::Path, process::Command};

use auscult_advisory::{BuildOptions, MatchOutcome, Snapshot, build, match_component};
use auscult_model::VexStatus;

use crate::{component, conformance::shared};

/// Releases of many streams, the oldest and the newest of their kind among them.
const KERNELS: &[&str] = &[
    "2.6.32.5", "3.10.108", "3.16.60", "4.1.15", "4.4.92", "4.9.88", "4.14.98", "4.19.35",
    "4.19.316", "5.4", "5.4.70", "5.4.265", "5.10.72", "5.10.200", "5.15.71", "5.15.140", "6.1.55",
    "6.1.77", "6.4.9", "6.5", "6.5.13", "6.6.52", "6.12.20", "6.16",
];

type Pairs = BTreeSet<(String, String)>;

/// What the script says; none where it cannot run.
fn script(arguments: &[&str]) -> Option<Pairs> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/truth/evaluate.py");
    let Ok(run) = Command::new("python3").arg(file).args(arguments).output() else {
        println!("SKIPPED: needs python3");
        return None;
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    let pair = |line: &str| line.split_once(' ').map(|(id, at)| (id.to_owned(), at.to_owned()));
    Some(text.lines().filter_map(pair).collect())
}

/// What the program says of these releases, by one source alone.
fn program(snapshot: &Snapshot, name: &str, source: &str, releases: &BTreeSet<&str>) -> Pairs {
    let mut pairs = Pairs::new();
    for release in releases {
        let outcome = match_component(snapshot, &component(name, release)).unwrap();
        let MatchOutcome::Matches(findings) = outcome else { continue };
        for finding in findings.iter().filter(|one| one.vex.status == VexStatus::Affected) {
            if finding.matches.iter().any(|one| one.source.source == source) {
                pairs.insert((finding.id.0.clone(), (*release).to_owned()));
            }
        }
    }
    pairs
}

pub(crate) fn snapshot(folder: &Path) -> Snapshot {
    let options = BuildOptions { prose: false, ..BuildOptions::default() };
    Snapshot::from_vec(build(folder, &options).unwrap().bytes).unwrap()
}

fn compare(script: &Pairs, program: &Pairs, least: usize) {
    let missed: Vec<_> = script.difference(program).take(20).collect();
    let added: Vec<_> = program.difference(script).take(20).collect();
    println!("{} pairs of release and vulnerability, {} found", script.len(), program.len());
    assert!(script.len() >= least, "only {} pairs", script.len());
    assert!(missed.is_empty() && added.is_empty(), "missed {missed:#?}, added {added:#?}");
}

fn releases(pairs: &Pairs) -> BTreeSet<&str> {
    pairs.iter().map(|(_, release)| release.as_str()).collect()
}

#[test]
fn openssl_agrees_with_its_makers_records() {
    let Some(folder) = shared("feeds/upstream/openssl/secjson") else { return };
    let Some(truth) = script(&["openssl", &folder.to_string_lossy()]) else { return };
    let found = program(&snapshot(&folder), "openssl", "openssl", &releases(&truth));
    compare(&truth, &found, 5000);
}

#[test]
fn curl_agrees_with_its_makers_table() {
    let Some(folder) = shared("feeds/upstream/curl") else { return };
    let table = folder.join("curl-vulns.csv");
    let Some(truth) = script(&["curl", &table.to_string_lossy()]) else { return };
    let found = program(&snapshot(&folder), "curl", "curl", &releases(&truth));
    compare(&truth, &found, 8000);
}

/// The members of an archive whose names end so, as files of one folder.
pub(crate) fn members(archive: &Path, ending: &str, to: &Path) {
    let decoder = ruzstd::decoding::StreamingDecoder::new(File::open(archive).unwrap()).unwrap();
    for entry in tar::Archive::new(decoder).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if path.extension().is_some_and(|end| end == ending) {
            entry.unpack(to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

#[test]
fn the_kernel_agrees_with_the_pairs_of_its_makers() {
    let Some(archive) = shared("feeds/kernel/kernel-cna-published.tar.zst") else { return };
    let folder = tempfile::tempdir().unwrap();
    members(&archive, "dyad", folder.path());
    let path = folder.path().to_string_lossy().into_owned();
    let arguments: Vec<&str> =
        ["kernel", &path].into_iter().chain(KERNELS.iter().copied()).collect();
    let Some(truth) = script(&arguments) else { return };
    let releases = KERNELS.iter().copied().collect();
    let found = program(&snapshot(folder.path()), "linux", "kernel-dyads", &releases);
    compare(&truth, &found, 80_000);
}
