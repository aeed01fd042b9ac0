//! `cargo xtask oracle`: are the signature rules right? Debian's packages say.
//!
//! Takes the packages of Debian whose source a rule describes, in several suites and
//! architectures; unpacks each, takes away what names it (documentation, the package database, file
//! lists), scans the folder with the program as a user would, and compares with the version of the
//! source package. `--write` keeps the table in `docs/oracle.md`.
//!
//! `cargo xtask oracle [--write] [--quick] [--suite SUITE/ARCHITECTURE]… [RULE]…`

mod score;
pub(crate) mod select;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use anyhow::{Context as _, ensure};
use xtask::shell::{release_program, root};

use self::{
    score::{Outcome, Verdict},
    select::{Case, rules},
};
use crate::debian::{Archive, output};

/// Suites and the architectures that each still has; armel is being taken out of trixie.
const ARCHIVES: &[(&str, &str)] = &[
    ("bookworm", "amd64"),
    ("bookworm", "arm64"),
    ("bookworm", "armhf"),
    ("bookworm", "armel"),
    ("bookworm", "mipsel"),
    ("bookworm", "i386"),
    ("bullseye", "arm64"),
    ("bullseye", "armhf"),
    ("trixie", "arm64"),
];
/// Without `--write` fewer are enough to see what a change does.
const QUICK: &[(&str, &str)] = &[("bookworm", "armhf"), ("trixie", "arm64")];
/// Packages in which the version must be told, at least, over all archives.
const CASES_MIN: usize = 500;
/// Scans that run side by side.
const WORKERS: usize = 2;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let write = arguments.iter().any(|argument| argument == "--write");
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let mut named: Vec<(&str, &str)> = Vec::new();
    let mut filter: Vec<&str> = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--suite" => {
                let value = rest.next().context("--suite needs SUITE/ARCHITECTURE")?;
                named.push(value.split_once('/').context("--suite needs SUITE/ARCHITECTURE")?);
            }
            "--write" | "--quick" => {}
            rule => filter.push(rule),
        }
    }
    let archives = match (named.as_slice(), quick) {
        ([], true) => QUICK,
        ([], false) => ARCHIVES,
        (named, _) => named,
    };
    let program = release_program()?;
    let cache = root().join("target/oracle");
    // A folder of this process alone: another oracle may run beside it.
    let folder = std::env::temp_dir().join(format!("auscult-oracle-{}", std::process::id()));
    let mut rules = rules()?;
    rules.retain(|rule| filter.is_empty() || filter.contains(&rule.id.as_str()));
    let mut outcomes = Vec::new();
    for (suite, architecture) in archives {
        let archive = Archive::open(&cache, suite, architecture)?;
        let cases = select::cases(&archive.packages()?, &rules);
        let wanted: Vec<_> = cases.iter().map(|case| &case.package).collect();
        println!("{suite}/{architecture}: {} packages of {} rules", cases.len(), rules.len());
        let debs = archive.fetch(&wanted)?;
        outcomes.extend(all(&archive, &cases, &program, &folder, |name| debs.get(name))?);
    }
    fs::remove_dir_all(&folder)?;
    let text = table::of(&outcomes);
    println!("{text}");
    if write {
        fs::write(root().join("docs/oracle.md"), text)?;
    }
    ensure!(
        !filter.is_empty() || !write || outcomes.len() >= CASES_MIN,
        "only {} packages, {CASES_MIN} are wanted",
        outcomes.len()
    );
    let wrong = outcomes.iter().filter(|one| matches!(one.verdict, Verdict::Wrong(_))).count();
    ensure!(wrong == 0, "{wrong} packages got a wrong version");
    Ok(())
}

/// Scans every package of an archive, several at once, in a fixed order of results.
fn all<'deb>(
    archive: &Archive,
    cases: &[Case],
    program: &Path,
    folder: &Path,
    deb: impl Fn(&str) -> Option<&'deb PathBuf> + Sync,
) -> anyhow::Result<Vec<Outcome>> {
    let (next, done) = (Mutex::new(cases.iter().enumerate()), Mutex::new(Vec::new()));
    let work = |worker: usize| -> anyhow::Result<()> {
        let place = folder.join(worker.to_string());
        loop {
            let Some((index, case)) = next.lock().ok().and_then(|mut next| next.next()) else {
                return Ok(());
            };
            let Some(deb) = deb(&case.package.name) else { continue };
            let outcome = one(archive, case, deb, program, &place)?;
            if let Ok(mut done) = done.lock() {
                done.push((index, outcome));
            }
        }
    };
    std::thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..WORKERS).map(|id| scope.spawn(move || work(id))).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")))
        })
    })?;
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Unpacks one package without what names it, and scans the folder.
fn one(
    archive: &Archive,
    case: &Case,
    deb: &Path,
    program: &Path,
    place: &Path,
) -> anyhow::Result<Outcome> {
    if place.try_exists()? {
        fs::remove_dir_all(place)?;
    }
    let tree = place.join("root");
    fs::create_dir_all(&tree)?;
    output(Command::new("dpkg-deb").arg("-x").arg(deb).arg(&tree))?;
    for metadata in ["usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/lintian"] {
        let _ = fs::remove_dir_all(tree.join(metadata));
    }
    let result = place.join("result.json");
    let mut scan = Command::new(program);
    scan.arg("scan").arg(&tree).args(["--facts-only", "-o"]);
    scan.arg(format!("json={}", result.display()));
    let done = scan.output().context("start the program")?;
    // 4: something could not be read, and the facts are there.
    let read = matches!(done.status.code(), Some(0 | 4));
    ensure!(read, "scan {}: {}", case.package.name, String::from_utf8_lossy(&done.stderr));
    let facts = serde_json::from_slice(&fs::read(&result)?)?;
    Ok(score::of(archive, case, &facts, &tree))
}
