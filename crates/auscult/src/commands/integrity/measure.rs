//! `auscult measure`: evidence of what a device is.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::Path,
};

use anyhow::Context as _;
use auscult_attest::{Behaviour, Challenge, Evidence, FileSystem, Level, MeasuringTool, Scope};
use auscult_measure::Bounds;
use auscult_model::{InputKind, Known, Limits, Locator, Sha256};
use jiff::Timestamp;

use super::{read_document, write_envelope};
use crate::{
    args::MeasureArgs,
    exit::Exit,
    failure::Hinted,
    keys::private_key,
    target::Target,
    worker::{self, Surveyed},
};

/// Longest boot id: a UUID and a line's end.
const BOOT_ID_BYTES_MAX: u64 = 64;

pub(crate) fn run(arguments: &MeasureArgs) -> anyhow::Result<Exit> {
    let key = arguments.key.as_deref().map(private_key).transpose()?;
    let challenge = arguments.challenge.as_deref().map(read_challenge).transpose()?;
    let limits = super::super::limits(&arguments.limits);
    let mut evidence = match &arguments.path {
        Some(path) => of_path(path, &limits)?,
        None => of_directory(Path::new("/"), Scope::Live)?,
    };
    evidence.challenge = challenge.as_ref().map(Into::into);
    let mut stderr = io::stderr().lock();
    stderr.write_all(summary(&evidence).as_bytes())?;
    for file_system in &evidence.file_systems {
        for one in &file_system.unmeasured {
            let path = auscult_report::clean(&one.path.to_string()).to_string();
            writeln!(stderr, "not measured: {path}: {}", auscult_report::clean(&one.why))?;
        }
    }
    if key.is_none() {
        writeln!(stderr, "note: not signed; whoever carries the evidence could change it (--key)")?;
    }
    write_envelope(&evidence.seal(key.as_ref())?, arguments.output.as_deref())?;
    Ok(Exit::Done)
}

pub(super) fn read_challenge(path: &Path) -> anyhow::Result<Challenge> {
    let text = read_document(path, "challenge")?;
    Challenge::read(&text).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Hinted::error(message, "auscult manifest challenge -o FILE makes one")
    })
}

/// Measures a directory, an image or a block device.
pub(super) fn of_path(path: &Path, limits: &Limits) -> anyhow::Result<Evidence> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        return of_directory(path, Scope::Directory);
    }
    let target = Target::open(path)?;
    if target.kind != InputKind::Image {
        let message = format!("measure {}: it is no image", path.display());
        return Err(Hinted::error(message, "name a directory, an image or a block device"));
    }
    of_image(target, limits)
}

/// Measures an image: its parts, its files, and what it does.
pub(super) fn of_image(target: Target, limits: &Limits) -> anyhow::Result<Evidence> {
    let Surveyed { facts, survey, .. } = worker::survey(target, limits)?;
    Ok(Evidence {
        image: Some(survey.image),
        regions: survey.regions,
        file_systems: survey.file_systems,
        behaviour: Behaviour::of(&facts),
        inspected_by: Some(facts.tool),
        ..empty(Scope::Image)
    })
}

pub(super) fn of_directory(root: &Path, scope: Scope) -> anyhow::Result<Evidence> {
    let measured = auscult_measure::tree(root, &Bounds::default())
        .with_context(|| format!("measure {}", root.display()))?;
    let file_system = FileSystem {
        locator: Locator::image(),
        format: "directory".to_owned(),
        entries: measured.entries,
        unmeasured: measured.unmeasured,
        owners: std::collections::BTreeMap::new(),
    };
    Ok(Evidence { file_systems: vec![file_system], ..empty(scope) })
}

/// Evidence in which nothing is measured yet.
pub(super) fn empty(scope: Scope) -> Evidence {
    Evidence {
        scope,
        level: if scope == Scope::Live { Level::A1 } else { Level::A2 },
        tool: MeasuringTool {
            name: "auscult".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sha256: own_digest(),
        },
        taken: Timestamp::now(),
        challenge: None,
        boot_id: boot_id(),
        signer: None,
        image: None,
        regions: Vec::new(),
        file_systems: Vec::new(),
        behaviour: Behaviour::unknown("it was not inspected"),
        inspected_by: None,
    }
}

/// The digest of this program's own file.
fn own_digest() -> Known<Sha256> {
    let digest = || -> anyhow::Result<Sha256> {
        let file = File::open(std::env::current_exe()?)?;
        worker::digest(&file, file.metadata()?.len())
    };
    digest().map_or_else(|error| Known::unknown(format!("{error:#}")), Known::Known)
}

fn boot_id() -> Option<String> {
    let mut text = String::new();
    let file = File::open("/proc/sys/kernel/random/boot_id").ok()?;
    file.take(BOOT_ID_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

/// What was measured, in short.
pub(super) fn summary(evidence: &Evidence) -> String {
    use std::fmt::Write as _;
    let paths: usize = evidence.file_systems.iter().map(|one| one.entries.len()).sum();
    let unmeasured: usize = evidence.file_systems.iter().map(|one| one.unmeasured.len()).sum();
    let scope = match evidence.scope {
        Scope::Directory => "a directory",
        Scope::Live => "the running system",
        Scope::Image => "an image",
    };
    let mut text = format!(
        "measured    {scope}, assurance level {:?}\npaths       {paths} in {} file systems, \
         {unmeasured} not measured\nparts       {}\n",
        evidence.level,
        evidence.file_systems.len(),
        evidence.regions.len()
    );
    if let Some(image) = &evidence.image {
        let _ = writeln!(text, "image       sha256:{}, {} bytes", image.sha256, image.size);
    }
    if let Some(challenge) = &evidence.challenge {
        let _ = writeln!(text, "challenge   {}", challenge.nonce);
    }
    text
}
