//! `cargo xtask corpus`: scans every file of the shared corpus as a user would and scores the
//! result against its ground truth.
//!
//! Per file: formats, coverage, recall (names; names of packages or of the projects that they were
//! built from; names with versions), wrong versions, wall time, peak memory. It fails when fewer
//! cases run than [`CASES_MIN`], when an exit code is neither 0 nor 4, when a package database is
//! not listed whole, when recall of an image without one is under the floor or its files say
//! versions that are not told, or when a CycloneDX document is invalid or differs between two runs.

mod own;
mod run;
mod score;

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use xtask::shell::{program, shared};

/// Files of the corpus that are scanned; more may come, fewer must not go unnoticed.
const CASES_MIN: usize = 34;
/// Share of projects that must be found in a whole or root file system image without a package
/// database, in percent. A distribution cuts one project into packages (`libip4tc`, `libxtables`);
/// where nothing lists the packages, the projects are what can be told.
const PROJECTS_PERCENT_MIN: usize = 92;
/// Components of the ground truth that are found in all cases together; fewer must not go unnoticed.
const NAMES_MIN: usize = 475;
/// Share of the versions that stand in the files of their own packages and must be told where there
/// is no package database, in percent, and how many such versions there are at least.
const OWN_VERSIONS_PERCENT_MIN: usize = 95;
const OWN_VERSIONS_MIN: usize = 14;
/// Folders of the corpus that hold device images.
const FOLDERS: &[&str] = &["whole/", "rootfs/", "boot/", "mcu/", "radio/"];

/// One file of the ground truth.
#[derive(Deserialize)]
struct Case {
    file: String,
    #[serde(default)]
    components: Vec<Truth>,
}

/// A component that is known to be in the file; the list is a lower bound.
#[derive(Deserialize)]
struct Truth {
    name: String,
    version: String,
    #[serde(default)]
    source_db: Option<String>,
}

impl Case {
    fn is_stripped(&self) -> bool {
        self.file.contains("stripped")
    }

    /// Whether the truth was read from a package database that is still in the image. Where the
    /// database was taken out of the image, the file's name says so.
    fn has_database(&self) -> bool {
        !self.is_stripped() && self.components.iter().any(|row| row.source_db.is_some())
    }
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let program = &program(arguments)?;
    let gate = !arguments.iter().any(|argument| argument == "--no-gate");
    let filter = arguments.iter().find(|argument| !argument.starts_with("--"));
    let Some(shared) = shared() else {
        println!("SKIPPED: the corpus needs the shared folder (set AUSCULT_SHARED)");
        anyhow::ensure!(std::env::var_os("CI").is_none(), "the shared folder is missing in CI");
        return Ok(());
    };
    let corpus = shared.join("corpus");
    let text = std::fs::read_to_string(corpus.join("GROUND_TRUTH.json"));
    let cases: Vec<Case> = serde_json::from_str(&text.context("read the ground truth")?)?;
    let schema = run::Schema::load(&shared.join("conformance").join("cyclonedx").join("schema"))?;
    println!("{}", score::HEADER);
    let (mut ran, mut names, mut complaints) = (0_usize, 0_usize, Vec::new());
    let mut learned = Learned::default();
    for case in cases.iter().filter(|case| wanted(case, filter)) {
        ran += 1;
        let (found, more) = check_case(case, program, &corpus, &schema, &mut learned)?;
        names += found;
        complaints.extend(more);
    }
    println!("{ran} cases, {names} components found");
    if filter.is_none() && names < NAMES_MIN {
        complaints.push(format!("only {names} components were found, {NAMES_MIN} are kept"));
    }
    for complaint in &complaints {
        eprintln!("corpus: {complaint}");
    }
    if gate && filter.is_none() && ran < CASES_MIN {
        bail!("only {ran} cases ran, {CASES_MIN} are kept");
    }
    if gate && !complaints.is_empty() {
        bail!("{} complaints", complaints.len());
    }
    Ok(())
}

fn wanted(case: &Case, filter: Option<&String>) -> bool {
    FOLDERS.iter().any(|folder| case.file.starts_with(folder))
        && filter.is_none_or(|filter| case.file.contains(filter.as_str()))
}

/// What earlier cases tell about later ones.
#[derive(Default)]
struct Learned {
    projects: score::Projects,
    packages: own::Packages,
}

/// How many of its components were found, and what is wrong.
fn check_case(
    case: &Case,
    program: &Path,
    corpus: &Path,
    schema: &run::Schema,
    learned: &mut Learned,
) -> anyhow::Result<(usize, Vec<String>)> {
    let image = corpus.join(&case.file);
    let outcome = run::scan(program, &image)?;
    let score = score::of(case, &outcome.result, &learned.projects);
    if case.has_database() {
        learned.projects.learn(&outcome.result);
        learned.packages.learn(program, &image, &outcome.result)?;
    }
    println!("{}", score::row(case, &outcome, &score));
    let mut complaints = Vec::new();
    if !matches!(outcome.exit, Some(0 | 4)) {
        complaints.push(format!("{}: exit code {:?}", case.file, outcome.exit));
        return Ok((0, complaints));
    }
    complaints.extend(score.wrong.iter().map(|wrong| format!("{}: {wrong}", case.file)));
    complaints.extend(schema.complaints(&case.file, &outcome.bom));
    if !outcome.repeatable {
        complaints.push(format!("{}: CycloneDX differs between two runs", case.file));
    }
    if case.has_database() && score.rows_missing > 0 {
        complaints.push(format!(
            "{}: {} rows of the package database are missing",
            case.file, score.rows_missing
        ));
    }
    if case.is_stripped() {
        let seen = learned.packages.check(program, &image, &outcome.result)?;
        complaints.extend(own_versions(case, &seen));
    }
    let floor = case.file.starts_with("whole/") || case.file.starts_with("rootfs/");
    if floor && score.projects * 100 < score.total * PROJECTS_PERCENT_MIN {
        complaints.push(format!("{}: under {PROJECTS_PERCENT_MIN} % of the projects", case.file));
    }
    Ok((score.names, complaints))
}

/// Tells how many of the versions that stand in the files were told, and whether they are enough.
fn own_versions(case: &Case, seen: &own::OwnVersions) -> Vec<String> {
    let own::OwnVersions { standing, not_told } = seen;
    let told = standing - not_told.len();
    println!("    versions in the components' own files: {standing}, told: {told}");
    for version in not_told {
        println!("    not told: {version}");
    }
    let mut complaints = Vec::new();
    if *standing < OWN_VERSIONS_MIN {
        complaints.push(format!(
            "{}: only {standing} versions stand in files, {OWN_VERSIONS_MIN} are kept",
            case.file
        ));
    }
    if told * 100 < standing * OWN_VERSIONS_PERCENT_MIN {
        complaints.push(format!(
            "{}: under {OWN_VERSIONS_PERCENT_MIN} % of the versions in the files",
            case.file
        ));
    }
    complaints
}
