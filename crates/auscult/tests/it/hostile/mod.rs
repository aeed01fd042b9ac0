//! Archives and images made to harm who opens them: each is extracted as a user would, and nothing
//! may be touched outside the folder, led outside, left running or held in memory.

mod archives;
mod bombs;
mod bytes;
mod images;

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Component, Path},
    process::Command,
    time::{Duration, Instant},
};

use crate::support::text;

/// An attack: its name, its bytes, and words that what is told about it must contain.
struct Attack {
    name: &'static str,
    bytes: Vec<u8>,
    told: &'static [&'static str],
    /// Options of the command line that it needs.
    options: &'static [&'static str],
}

impl Attack {
    fn new(name: &'static str, bytes: Vec<u8>, told: &'static [&'static str]) -> Self {
        Self { name, bytes, told, options: &[] }
    }
}

/// The suite; fewer must not go unnoticed.
const ATTACKS_MIN: usize = 60;
/// What opening an attack may take: seconds on a busy machine, and address space in KiB.
const TIME_MAX: Duration = Duration::from_secs(20);
const MEMORY_KIB_MAX: u64 = 2 << 20;

#[test]
fn nothing_gets_out_hangs_or_fills_memory() {
    let attacks: Vec<Attack> =
        [archives::attacks(), bombs::attacks(), images::attacks()].into_iter().flatten().collect();
    assert!(attacks.len() >= ATTACKS_MIN, "only {} attacks", attacks.len());
    let failures: Vec<String> = attacks.iter().flat_map(check).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Extracts an attack; what went wrong.
fn check(attack: &Attack) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, out) = (folder.path().join("input"), folder.path().join("out"));
    let canary = folder.path().join("canary");
    fs::write(&canary, "untouched").expect("write");
    fs::write(&input, &attack.bytes).expect("write");
    let limited = format!("ulimit -v {MEMORY_KIB_MAX}; exec \"$0\" \"$@\"");
    let started = Instant::now();
    let output = Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_auscult"), "unpack", text(&input)])
        .args(["--to", text(&out)])
        .args(attack.options)
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&output.stderr);
    let mut failures = Vec::new();
    if output.status.code() != Some(0) {
        failures.push(format!("it ended with {}: {told}", output.status));
    }
    let taken = started.elapsed();
    if taken > TIME_MAX {
        failures.push(format!("it took {taken:?}"));
    }
    failures.extend(attack.told.iter().filter(|word| !told.contains(**word)).map(|word| {
        let told: String = told.chars().take(2000).collect();
        format!("{word:?} is not told: {told}")
    }));
    if fs::read_to_string(&canary).ok().as_deref() != Some("untouched")
        || fs::read_dir(folder.path()).expect("list").count() != 3
    {
        failures.push("something outside the folder changed".to_owned());
    }
    look_around(&out, 0, &mut failures);
    failures.into_iter().map(|failure| format!("{}: {failure}", attack.name)).collect()
}

/// Looks for links that lead out, devices, and bits that give rights.
fn look_around(folder: &Path, depth: usize, failures: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("list") {
        let entry = entry.expect("list");
        let (path, kind) = (entry.path(), entry.file_type().expect("look"));
        let mut complain = |what: &str| failures.push(format!("{}: {what}", path.display()));
        if kind.is_symlink() {
            let target = fs::read_link(&path).expect("read a link");
            let up = target.components().filter(|part| *part == Component::ParentDir).count();
            if target.is_absolute() || up > depth {
                complain("a link that leads out");
            }
        } else if kind.is_dir() {
            look_around(&path, depth + 1, failures);
        } else if kind.is_file() {
            let mode = entry.metadata().expect("look").permissions().mode();
            if mode & 0o7000 != 0 {
                complain("a file with setuid, setgid or sticky bit");
            }
        } else if kind.is_block_device() || kind.is_char_device() || kind.is_fifo() {
            complain("a special file");
        }
    }
}
