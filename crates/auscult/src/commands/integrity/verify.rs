//! `auscult verify`: evidence, an image or a directory against reference manifests.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

use anyhow::{Context as _, ensure};
use auscult_attest::{
    Challenge, Deny, Evidence, GivenReference, GivenRoot, ImageSeen, Measured, Overall, Question,
    Scope, Trust, verify,
};
use auscult_measure::RegionDigest;
use auscult_model::{InputKind, Limits};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{measure, read_document};
use crate::{
    args::VerifyArgs,
    exit::Exit,
    failure::Hinted,
    keys::public_key,
    output::{self, Form},
    target::Target,
    worker,
};

/// The name of the form stands among the first bytes of evidence, behind its payload: an image does not
/// begin like this.
const EVIDENCE_BEGINS: &[u8] = b"{\"payload\":";

pub(crate) fn run(arguments: &VerifyArgs) -> anyhow::Result<Exit> {
    // Everything that the user may have got wrong is checked before the work begins.
    let outputs = output::parse(&arguments.outputs, Form::Table)?;
    let now = Timestamp::now();
    let today = TimeZone::UTC.to_datetime(now).date();
    let as_of = arguments.as_of.unwrap_or(today);
    let trust = trust(arguments, as_of)?;
    let references = arguments.reference.iter().map(|path| reference(path));
    let references = references.collect::<anyhow::Result<Vec<_>>>()?;
    let challenge = arguments.challenge.as_deref().map(measure::read_challenge).transpose()?;
    let deny = arguments.deny.as_deref().map(deny).transpose()?;
    let limits = super::super::limits(&arguments.limits);
    let (measured, image) = measured(&arguments.target, &references, challenge.as_ref(), &limits)?;
    let question = Question {
        references: &references,
        trust: &trust,
        challenge: challenge.as_ref(),
        deny: deny.as_ref(),
        level_min: arguments.min_level,
        now,
        as_of,
        signature_needed: false,
        date_only: arguments.as_of.is_some(),
    };
    let read = image.map(|image| {
        move |ranges: &[(u64, u64)]| -> Vec<Option<RegionDigest>> {
            auscult_measure::regions(&image, ranges).into_iter().map(Result::ok).collect()
        }
    });
    let verdict = match &read {
        Some(read) => verify(&measured, &question, Some(read)),
        None => verify(&measured, &question, None),
    };
    for wanted in &outputs {
        let text = match wanted.format {
            Form::Table => verdict.table(),
            Form::Json => verdict.json().context("make the output json")?,
        };
        output::write(wanted, text.as_bytes())?;
    }
    Ok(match verdict.outcome {
        Overall::Pass => Exit::Done,
        Overall::Fail => Exit::GateFailed,
        Overall::Inconclusive => Exit::Inconclusive,
    })
}

/// Whose signatures count.
fn trust(arguments: &VerifyArgs, as_of: Date) -> anyhow::Result<Trust> {
    let Some(kept) = &arguments.root else {
        let keys = arguments.trust.iter().map(|path| public_key(path));
        return Ok(Trust::of_keys(keys.collect::<anyhow::Result<_>>()?));
    };
    let later = arguments.next_root.iter().map(|path| root(path));
    let later = later.collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Trust::of_roots(&root(kept)?, &later, as_of))
}

/// Reads a document that was given, or tells what makes one.
fn paper<T>(
    path: &Path,
    what: &str,
    made_by: &str,
    read: impl FnOnce(&[u8]) -> auscult_attest::Result<T>,
) -> anyhow::Result<T> {
    read(&read_document(path, what)?).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Hinted::error(message, format!("auscult {made_by} makes one"))
    })
}

fn root(path: &Path) -> anyhow::Result<GivenRoot> {
    let made_by = "manifest sign ROOT.toml --key KEY -o FILE";
    paper(path, "trust root", made_by, GivenRoot::read)
}

fn reference(path: &Path) -> anyhow::Result<GivenReference> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let read = |text: &[u8]| GivenReference::read(name, text);
    paper(path, "reference manifest", "manifest create IMAGE -o FILE", read)
}

fn deny(path: &Path) -> anyhow::Result<Deny> {
    paper(path, "deny list", "manifest sign LIST.toml --key KEY -o FILE", Deny::read)
}

/// What was measured, or is measured now; with the image where it is at hand.
fn measured(
    path: &Path,
    references: &[GivenReference],
    challenge: Option<&Challenge>,
    limits: &Limits,
) -> anyhow::Result<(Measured, Option<File>)> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        let evidence = measure::of_directory(path, Scope::Directory)?;
        return Ok((own(evidence, challenge), None));
    }
    if is_evidence(path) {
        let measured = paper(path, "evidence", "measure PATH -o FILE", Measured::read)?;
        return Ok((measured, None));
    }
    let target = Target::open(path)?;
    if target.kind != InputKind::Image {
        let message = format!("verify {}: it is no image and no evidence", path.display());
        return Err(Hinted::error(message, "name evidence, an image or a directory"));
    }
    let mut image = target.again()?.file;
    let size = image.seek(SeekFrom::End(0)).context("measure the image")?;
    let seen = ImageSeen { sha256: worker::digest(&image, size)?, size };
    let is_known = references.iter().any(|given| given.reference().image == seen);
    let evidence = if is_known {
        // Byte for byte the image of a reference: there is nothing in it to look for.
        Evidence { image: Some(seen), ..measure::empty(Scope::Image) }
    } else {
        measure::of_image(target, limits)?
    };
    ensure!(evidence.image == Some(seen), "measure the image: it changed meanwhile");
    Ok((own(evidence, challenge), Some(image)))
}

/// What this process measures itself answers the challenge of this check.
fn own(mut evidence: Evidence, challenge: Option<&Challenge>) -> Measured {
    evidence.challenge = challenge.map(Into::into);
    Measured::Own(Box::new(evidence))
}

fn is_evidence(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(512).read_to_end(&mut head));
    read.is_ok() && head.trim_ascii_start().starts_with(EVIDENCE_BEGINS)
}
