//! `auscult manifest create`, `sign`, `show`, `challenge`.

use std::{
    io::{self, Write as _},
    path::Path,
};

use anyhow::{Context as _, ensure};
use auscult_attest::{
    Challenge, Classes, DENY_TYPE, DenyList, EVIDENCE_TYPE, Evidence, Identity, REFERENCE_TYPE,
    ROOT_TYPE, Reference, TrustRoot,
};
use auscult_dsse::{Envelope, PAYLOAD_TYPE, PublicKey};
use auscult_model::{InputKind, Known, Sha256};
use jiff::{SignedDuration, Timestamp};
use rustix::rand::{GetRandomFlags, getrandom};

use super::{read_document, write_envelope};
use crate::{
    args::{ChallengeArgs, ManifestCommand, ManifestCreateArgs, ManifestSignArgs},
    exit::Exit,
    failure::Hinted,
    keys::{private_key, public_key},
    output::{self, Form, Output},
    target::{Target, read_text},
    worker::{self, Surveyed},
};

pub(crate) fn run(command: &ManifestCommand) -> anyhow::Result<Exit> {
    match command {
        ManifestCommand::Create(arguments) => create(arguments),
        ManifestCommand::Sign(arguments) => sign(arguments),
        ManifestCommand::Show { file, output } => show(file, output.as_ref()),
        ManifestCommand::Challenge(arguments) => challenge(arguments),
    }
}

fn create(arguments: &ManifestCreateArgs) -> anyhow::Result<Exit> {
    let classes = match &arguments.classes {
        Some(path) => {
            let text = read_text(path, "path classes")?;
            Classes::parse(&text).map_err(|error| {
                let message = format!("{}: {error}", path.display());
                Hinted::error(message, "docs/integrity.md tells the form of the file")
            })?
        }
        None => Classes::default(),
    };
    let limits = super::super::limits(&arguments.limits);
    let target = Target::open(&arguments.image)?;
    if target.kind != InputKind::Image {
        return Err(Hinted::error(
            format!("make a manifest of {}: it is no image", arguments.image.display()),
            "name the image that is put on the device, so that every byte of it is accounted for",
        ));
    }
    let Surveyed { facts, survey, .. } = worker::survey(target, &limits)?;
    let identity = Identity {
        vendor: arguments.vendor.clone(),
        model: arguments.model.clone(),
        hardware_revisions: arguments.hardware_revision.clone(),
        firmware_version: arguments.firmware_version.clone(),
        build_id: arguments.build_id.clone().unwrap_or_default(),
        svn: arguments.svn,
        supersedes: arguments.supersedes.clone(),
    };
    let reference = Reference::make(identity, &facts, survey, classes)?;
    write_envelope(&reference.seal()?, Some(&arguments.output))?;
    let mut stderr = io::stderr().lock();
    stderr.write_all(summary(&reference).as_bytes())?;
    writeln!(
        stderr,
        "not signed yet: auscult manifest sign {} --key KEY",
        arguments.output.display()
    )?;
    Ok(Exit::Done)
}

/// What a manifest says, in short.
fn summary(reference: &Reference) -> String {
    let identity = &reference.identity;
    let told = |value: &Option<String>| value.clone().unwrap_or_else(|| "not told".to_owned());
    let coverage = &reference.coverage;
    let points = coverage.basis_points();
    let files: usize = reference.file_systems.iter().map(|one| one.entries.len()).sum();
    let owned: usize = reference.file_systems.iter().map(|one| one.owners.len()).sum();
    let unmeasured: usize = reference.file_systems.iter().map(|one| one.unmeasured.len()).sum();
    let count = |list: &Known<Vec<auscult_attest::Expectation>>| match list {
        Known::Known(list) => list.len().to_string(),
        Known::Unknown(_) => "unknown".to_owned(),
    };
    let expected = &reference.expected;
    let mut lines = vec![
        format!("build       {}", identity.build_id),
        format!("vendor      {}", told(&identity.vendor)),
        format!("model       {}", told(&identity.model)),
        format!("firmware    {}", told(&identity.firmware_version)),
        format!("svn         {}", told(&identity.svn.map(|svn| svn.to_string()))),
        format!("image       sha256:{}, {} bytes", reference.image.sha256, reference.image.size),
        format!(
            "regions     {}: {} bytes compared, {} must be erased, {} free, {} not accounted for \
             ({}.{:02} % accounted for)",
            reference.regions.len(),
            coverage.bytes_exact,
            coverage.bytes_erased,
            coverage.bytes_free,
            coverage.bytes_unaccounted,
            points / 100,
            points % 100,
        ),
        format!(
            "paths       {files} in {} file systems, {owned} of known components, {unmeasured} not \
             readable",
            reference.file_systems.len()
        ),
        format!("components  {}", reference.components.len()),
        format!(
            "expected    accounts {}, start-up entries {}, listeners {}, setuid files {}",
            count(&expected.accounts),
            count(&expected.startup),
            count(&expected.listeners),
            count(&expected.setuid)
        ),
    ];
    for file_system in &reference.file_systems {
        for one in &file_system.unmeasured {
            lines.push(format!("not read    {}{}: {}", file_system.locator, one.path, one.why));
        }
    }
    let lines: Vec<String> =
        lines.iter().map(|line| auscult_report::clean(line).to_string()).collect();
    lines.join("\n") + "\n"
}

fn sign(arguments: &ManifestSignArgs) -> anyhow::Result<Exit> {
    let key = private_key(&arguments.key)?;
    let shown = arguments.file.display();
    let text = read_document(&arguments.file, "manifest")?;
    let is_envelope = text.trim_ascii_start().starts_with(b"{");
    let mut envelope = if is_envelope {
        let envelope: Envelope =
            serde_json::from_slice(&text).with_context(|| format!("read {shown}"))?;
        check(&envelope).with_context(|| format!("read {shown}"))?;
        envelope
    } else {
        if arguments.output.is_none() {
            return Err(Hinted::error(
                format!("sign {shown}: what is written in TOML is not replaced by its signed form"),
                "name the signed file with -o FILE",
            ));
        }
        let text = String::from_utf8(text).with_context(|| format!("read {shown}"))?;
        written(&arguments.file, &text)?
    };
    envelope.add(&key).with_context(|| format!("sign {shown}"))?;
    let output = arguments.output.as_deref().unwrap_or(&arguments.file);
    write_envelope(&envelope, Some(output))?;
    let mut stderr = io::stderr().lock();
    writeln!(stderr, "signed by {} ({})", key.public().id(), key.public().algorithm())?;
    Ok(Exit::Done)
}

/// A deny list or a trust root as a person writes it; the keys of a root lie beside it.
fn written(file: &Path, text: &str) -> anyhow::Result<Envelope> {
    let shown = file.display();
    if TrustRoot::is_one(text) {
        let folder = file.parent().unwrap_or(Path::new(""));
        let root = TrustRoot::parse(text, |name| public_key(&folder.join(name)));
        return Ok(root.with_context(|| format!("read {shown}"))?.seal()?);
    }
    let list = DenyList::parse(text).map_err(|error| {
        let message = format!("{shown}: it is no manifest, and no deny list: {error}");
        Hinted::error(message, "auscult manifest create IMAGE -o FILE makes a manifest")
    })?;
    Ok(list.seal()?)
}

/// Whether the payload is one that this program knows, so that nobody signs what nobody can read.
fn check(envelope: &Envelope) -> anyhow::Result<()> {
    let payload = envelope.unverified(PAYLOAD_TYPE)?;
    match envelope.predicate_type().as_deref() {
        Some(REFERENCE_TYPE) => Reference::read(&payload).map(drop)?,
        Some(EVIDENCE_TYPE) => Evidence::read(&payload).map(drop)?,
        Some(DENY_TYPE) => DenyList::read(&payload).map(drop)?,
        Some(ROOT_TYPE) => TrustRoot::read(&payload).map(drop)?,
        _ => anyhow::bail!("it holds no manifest, evidence, deny list or trust root"),
    }
    Ok(())
}

fn show(file: &Path, option: Option<&String>) -> anyhow::Result<Exit> {
    let options: Vec<String> = option.into_iter().cloned().collect();
    let outputs = output::parse(&options, Form::Table)?;
    let shown = file.display();
    let text = read_document(file, "manifest")?;
    let envelope: Envelope = serde_json::from_slice(&text).map_err(|_| {
        let message = format!("read {shown}: it is no signed document");
        Hinted::error(message, "name a manifest, evidence, or what `manifest sign` wrote")
    })?;
    check(&envelope).with_context(|| format!("read {shown}"))?;
    let payload = envelope.unverified(PAYLOAD_TYPE)?;
    for wanted in &outputs {
        let text = match wanted.format {
            Form::Json => {
                let value: serde_json::Value = serde_json::from_slice(&payload)?;
                serde_json::to_string_pretty(&value)? + "\n"
            }
            Form::Table => table(&envelope, &payload)?,
        };
        output::write(wanted, text.as_bytes())?;
    }
    Ok(Exit::Done)
}

fn table(envelope: &Envelope, payload: &[u8]) -> anyhow::Result<String> {
    use std::fmt::Write as _;
    let mut text = match envelope.predicate_type().as_deref() {
        Some(REFERENCE_TYPE) => summary(&Reference::read(payload)?),
        Some(EVIDENCE_TYPE) => super::measure::summary(&Evidence::read(payload)?),
        Some(ROOT_TYPE) => root_summary(&TrustRoot::read(payload)?),
        _ => {
            let list = DenyList::read(payload)?;
            format!(
                "deny list   {} of {}\ndenies      {} builds, {} images, {} devices, {} keys\n",
                list.number,
                list.date,
                list.builds.len(),
                list.images.len(),
                list.devices.len(),
                list.keys.len()
            )
        }
    };
    let mut keys = envelope.claimed_keys().peekable();
    if keys.peek().is_none() {
        text.push_str("signatures  none\n");
    }
    for key in keys {
        let key = auscult_report::clean(key);
        writeln!(text, "signature   names the key {key}; verify checks it")?;
    }
    Ok(text)
}

/// Which keys may sign what.
fn root_summary(root: &TrustRoot) -> String {
    let until =
        root.expires.map_or_else(|| "without an end".to_owned(), |day| format!("until {day}"));
    let mut lines = vec![format!("trust root  {} of {}, {until}", root.version, root.date)];
    let roles = [
        ("root", &root.root),
        ("reference", &root.reference),
        ("evidence", &root.evidence),
        ("deny-list", &root.deny_list),
    ];
    for (name, role) in roles {
        let keys = role.keys.iter().filter_map(|pem| PublicKey::from_pem(pem).ok());
        let ids: Vec<String> = keys.map(|key| key.id()).collect();
        let who = match ids.as_slice() {
            [] => "nobody".to_owned(),
            ids => format!("{} of {}", role.threshold, ids.join(", ")),
        };
        lines.push(format!("{name:<11} {who}"));
    }
    lines.join("\n") + "\n"
}

fn challenge(arguments: &ChallengeArgs) -> anyhow::Result<Exit> {
    let mut nonce = [0; 32];
    let taken = getrandom(&mut nonce, GetRandomFlags::empty()).context("get random bytes")?;
    ensure!(taken == nonce.len(), "get random bytes: {taken} in place of {}", nonce.len());
    let hours = SignedDuration::from_hours(i64::from(arguments.hours));
    let challenge = Challenge {
        schema: Challenge::SCHEMA.to_owned(),
        nonce: Sha256(nonce),
        session: arguments.session.clone(),
        device: arguments.device.clone(),
        expires: Timestamp::now().checked_add(hours).context("count the hours")?,
    };
    let mut bytes = serde_json::to_vec_pretty(&challenge)?;
    bytes.push(b'\n');
    output::write(&Output { format: (), file: Some(arguments.output.clone()) }, &bytes)?;
    let mut stderr = io::stderr().lock();
    writeln!(stderr, "an answer must be taken before {}", challenge.expires)?;
    Ok(Exit::Done)
}
