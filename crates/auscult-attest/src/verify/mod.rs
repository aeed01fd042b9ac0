//! Verifies a measurement: signatures and freshness first, then the build, then everything in it.

mod checks;
#[cfg(test)]
mod tests;

use auscult_dsse::Envelope;
use auscult_measure::RegionDigest;
use jiff::{Timestamp, civil::Date};

use crate::{
    Challenge, Code, DenyList, Evidence, Item, Level, Reference, Region, Result, Scope, Trust,
    VERIFY_SCHEMA, Verdict,
    compare::{self, NO_COMPONENT, Pairing, REGIONS},
    verdict::Collector,
};

/// Reads ranges of the measured image; one answer for each, none where it cannot be read.
pub type RegionReader<'a> = &'a dyn Fn(&[(u64, u64)]) -> Vec<Option<RegionDigest>>;

/// Share of a reference's files, in parts per million, that must be there unchanged for a device to be
/// taken for a unit of that build.
const LIKENESS_MIN: usize = 500_000;

/// Opens a document; its signature is looked at by [`verify`].
pub(crate) fn unsealed(text: &[u8], expected: &'static str) -> Result<(Envelope, Vec<u8>)> {
    let malformed = |_| auscult_dsse::Error::Malformed { expected };
    let envelope: Envelope = serde_json::from_slice(text).map_err(malformed)?;
    let payload = envelope.unverified(auscult_dsse::PAYLOAD_TYPE)?;
    Ok((envelope, payload))
}

/// A reference as it was given.
pub struct GivenReference {
    /// What it is called in the result.
    pub name: String,
    envelope: Envelope,
    reference: Reference,
}

impl GivenReference {
    /// Reads a reference; its signature is looked at by [`verify`].
    pub fn read(name: impl Into<String>, text: &[u8]) -> Result<Self> {
        let (envelope, payload) = unsealed(text, "a reference manifest")?;
        let reference = Reference::read(&payload)?;
        Ok(Self { name: name.into(), envelope, reference })
    }

    /// What it says.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }
}

/// What was measured.
pub enum Measured {
    /// Evidence that came as a file.
    Sealed(Box<Evidence>, Envelope),
    /// What this process measured itself.
    Own(Box<Evidence>),
}

impl Measured {
    /// Reads evidence; its signature is looked at by [`verify`].
    pub fn read(text: &[u8]) -> Result<Self> {
        let (envelope, payload) = unsealed(text, "evidence")?;
        Ok(Self::Sealed(Box::new(Evidence::read(&payload)?), envelope))
    }

    fn evidence(&self) -> &Evidence {
        match self {
            Self::Sealed(evidence, _) | Self::Own(evidence) => evidence,
        }
    }
}

/// A deny list as it was given.
pub struct Deny {
    envelope: Envelope,
    list: DenyList,
}

impl Deny {
    /// Reads a list; its signature is looked at by [`verify`].
    pub fn read(text: &[u8]) -> Result<Self> {
        let (envelope, payload) = unsealed(text, "a deny list")?;
        Ok(Self { list: DenyList::read(&payload)?, envelope })
    }
}

/// What is asked.
pub struct Question<'a> {
    /// The builds that the device may have.
    pub references: &'a [GivenReference],
    /// Whose signatures count.
    pub trust: &'a Trust,
    /// The challenge that the evidence must answer.
    pub challenge: Option<&'a Challenge>,
    /// What must not pass.
    pub deny: Option<&'a Deny>,
    /// The least assurance that is accepted.
    pub level_min: Option<Level>,
    /// Whether evidence that was taken without a key fails, where it otherwise only proves nothing.
    pub signature_needed: bool,
    /// The time of the check.
    pub now: Timestamp,
    /// The date of the check, which decides where `now` does not.
    pub as_of: Date,
    /// Whether the date was given: the hour of the check is not known then.
    pub date_only: bool,
}

/// Verifies a measurement.
pub fn verify(
    measured: &Measured,
    question: &Question<'_>,
    read: Option<RegionReader<'_>>,
) -> Verdict {
    let evidence = measured.evidence();
    let mut items = question.trust.items.clone();
    items.extend(checks::deny_list(question));
    // A key that is denied signs nothing any more, but only a list that is trusted can say so.
    let trust = checks::trusted(question);
    items.extend(question.references.iter().map(|given| checks::reference(given, &trust)));
    items.extend(checks::evidence(measured, &trust, question.signature_needed));
    items.extend(checks::freshness(evidence, question));
    items.extend(checks::level(evidence, question));
    let identified = identify(question.references, evidence);
    items.push(match &identified {
        Ok((given, _)) => {
            let identity = &given.reference.identity;
            let reason = format!("the device has build {}", identity.build_id);
            Item::pass(Code::Build, "build", reason)
        }
        Err(item) => item.clone(),
    });
    let mut out = Collector::default();
    if let Ok((given, pairing)) = &identified {
        items.extend(checks::rollback(given, question.references));
        compare_all(&given.reference, evidence, pairing, read, &mut out);
    }
    let given = identified.ok().map(|(given, _)| given);
    let identity = given.map(|given| &given.reference.identity);
    items.extend(checks::denied(evidence, identity, question));
    items.sort_by_key(|item| item.outcome);
    let groups = out.finish();
    Verdict {
        schema: VERIFY_SCHEMA,
        outcome: Verdict::overall(&items, &groups),
        level: evidence.level,
        scope: evidence.scope,
        as_of: question.as_of,
        build: identity.cloned(),
        reference: given.map(|given| given.name.clone()),
        accounted_basis_points: given.map(|given| given.reference.coverage.basis_points()),
        checks: items,
        groups,
    }
}

/// The reference that the device is most like; an item that fails where it is like none.
fn identify<'a>(
    references: &'a [GivenReference],
    evidence: &'a Evidence,
) -> std::result::Result<(&'a GivenReference, Pairing<'a>), Item> {
    let mut best: Option<(usize, Option<u64>, &GivenReference, Pairing<'_>)> = None;
    for given in references {
        let reference = &given.reference;
        let pairing = compare::pair(reference, evidence);
        let same_image = evidence.image == Some(reference.image);
        let likeness = if same_image {
            1_000_000
        } else {
            pairing.likeness().unwrap_or_else(|| of_regions(reference, evidence))
        };
        let svn = reference.identity.svn;
        if best.as_ref().is_none_or(|(most, known, ..)| (likeness, svn) > (*most, *known)) {
            best = Some((likeness, svn, given, pairing));
        }
    }
    match best {
        Some((likeness, _, given, pairing)) if likeness >= LIKENESS_MIN => Ok((given, pairing)),
        Some((likeness, _, given, _)) => {
            let percent = likeness / 10_000;
            let reason = format!(
                "unknown build: {percent} % of the files of {} are there, the most of any reference",
                given.name
            );
            Err(Item::fail(Code::UnknownBuild, "build", reason))
        }
        None => Err(Item::fail(Code::UnknownBuild, "build", "no reference was given")),
    }
}

/// Where an image has no files, the share of its bytes that lie in parts of the reference.
fn of_regions(reference: &Reference, evidence: &Evidence) -> usize {
    let same = reference.regions.iter().filter(|region| {
        let equal = |other: &Region| {
            (other.offset, other.length, other.sha256)
                == (region.offset, region.length, region.sha256)
        };
        evidence.regions.iter().any(equal)
    });
    let bytes: u128 = same.map(|region| u128::from(region.length)).sum();
    let total = u128::from(reference.image.size).max(1);
    usize::try_from(bytes * 1_000_000 / total).unwrap_or(0)
}

fn compare_all(
    reference: &Reference,
    evidence: &Evidence,
    pairing: &Pairing<'_>,
    read: Option<RegionReader<'_>>,
    out: &mut Collector,
) {
    compare::regions(reference, evidence, read, out);
    if evidence.image == Some(reference.image) {
        // Byte for byte the same: what lies in it needs no comparison, and none by another version of
        // the reader could say otherwise.
        for file_system in &reference.file_systems {
            for entry in &file_system.entries {
                let owner = file_system.owners.get(&entry.path);
                out.passed(owner.map_or(NO_COMPONENT, |owner| owner.0.as_str()));
            }
        }
        return;
    }
    for (wanted, found) in &pairing.pairs {
        match found {
            Some(found) => compare::files(reference, wanted, found, out),
            None if evidence.scope == Scope::Image => {
                let reason = format!("the {} is not there", wanted.format);
                let subject = wanted.locator.to_string();
                out.add(REGIONS, Item::fail(Code::FileSystemMissing, subject, reason));
            }
            None => {
                let reason = "another file system of the build was measured";
                let subject = wanted.locator.to_string();
                let item = Item::not_measured(Code::NotMeasured, subject, reason);
                out.add(REGIONS, item.not_needed());
            }
        }
    }
    for other in &pairing.others {
        let reason = format!("a {} that the build does not have", other.format);
        let subject = other.locator.to_string();
        out.add(REGIONS, Item::fail(Code::FileSystemAdded, subject, reason));
    }
    compare::behaviour(reference, evidence, out);
}
