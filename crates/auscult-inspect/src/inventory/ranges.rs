//! Versions between bounds, for libraries whose version no string tells.
//!
//! A string always wins. Where it names a release that the exports exclude, one of the two is
//! wrong: the component keeps the string's version, and its trace says so and counts for less.

use std::cmp::Ordering;

use auscult_model::{Evidence, EvidenceClass, Known, Technique, Version, VersionClaim};
use auscult_unpack::Tree;
use auscult_version::{Bound, Scheme, compare, within};

use super::{Draft, Inventory};
use crate::{
    examine::Examined,
    signatures::Rule,
    symbols::{History, Reading},
    traces,
};

/// How much a range is believed, in percent.
const RANGE_CONFIDENCE: u8 = 50;
/// How much a version is believed that the exports contradict, in percent.
const CONTRADICTED_CONFIDENCE_MAX: u8 = 40;
/// How sure a string must be to stand against the exports, in percent: a lone number is less.
const STANDING_CONFIDENCE: u8 = 80;

/// What the exports of one file tell.
struct Told {
    rule: &'static Rule,
    reading: Reading,
    evidence: Evidence,
}

impl Inventory<'_> {
    /// Adds what the exports of libraries tell of their versions. Everything else must be in.
    pub(crate) fn add_ranges(&mut self, examined: &[Examined]) {
        for seen in examined {
            let Some(told) = told(self.tree, seen) else { continue };
            let of_file = |trace: &Evidence| trace.locator.steps == told.evidence.locator.steps;
            let draft = self.drafts.iter_mut().find(|draft| {
                draft.rule == Some(&told.rule.id) && draft.component.evidence.iter().any(of_file)
            });
            if let Some(draft) = draft.filter(|draft| !draft.is_package()) {
                take(draft, seen, told);
            }
        }
    }
}

/// What the exports of this file tell, if it is a library whose history is known.
fn told(tree: &Tree, seen: &Examined) -> Option<Told> {
    let binary = &seen.binary.as_ref()?.facts;
    let Known::Known(exports) = &binary.exports else { return None };
    let rule = traces::identity(tree, seen)?;
    let file = String::from_utf8_lossy(tree.node(seen.file?).name.file_name());
    let history = History::builtin(&rule.id)?;
    let by_soname = binary.soname.as_deref().and_then(|soname| history.library(soname));
    let reading = by_soname.or_else(|| history.library(&file))?.read(exports)?;
    let evidence = Evidence {
        locator: binary.locator.clone(),
        technique: Technique::BinaryAnalysis,
        class: EvidenceClass::ContainsCode,
        confidence: RANGE_CONFIDENCE,
        detail: reading.detail.clone(),
    };
    Some(Told { rule, reading, evidence })
}

fn take(draft: &mut Draft, seen: &Examined, told: Told) {
    let Told { rule, reading, mut evidence } = told;
    let component = &mut draft.component;
    match &component.version {
        VersionClaim::Unknown(_) => {
            component.version = claim(&reading);
            component.evidence.push(evidence);
        }
        VersionClaim::Range { .. } => {
            component.version = narrowed(rule.scheme(), &component.version, &reading);
            component.evidence.push(evidence);
        }
        VersionClaim::Exact(version) if says(seen, rule, version) => {
            if !contradicts(rule.scheme(), &reading, version) {
                return;
            }
            let range = claim(&reading);
            evidence.detail =
                format!("not {version} but {range} by its exports: {}", reading.detail);
            evidence.confidence = CONTRADICTED_CONFIDENCE_MAX;
            let of_file = |trace: &&mut Evidence| trace.locator.steps == evidence.locator.steps;
            for trace in component.evidence.iter_mut().filter(of_file) {
                trace.confidence = trace.confidence.min(CONTRADICTED_CONFIDENCE_MAX);
            }
            component.evidence.push(evidence);
            let sure = seen
                .hits
                .iter()
                .any(|(_, hit)| hit.rule.id == rule.id && hit.confidence >= STANDING_CONFIDENCE);
            if !sure {
                component.cpes = rule.cpes(&range);
                component.purl = Some(rule.purl(&range));
                component.version = range;
            }
        }
        VersionClaim::Exact(_) | VersionClaim::Incomplete { .. } => {}
    }
}

fn claim(reading: &Reading) -> VersionClaim {
    VersionClaim::Range {
        at_least: reading.at_least.clone().map(Version),
        below: reading.below.clone().map(Version),
        reason: format!("no string tells it; the library {}", reading.detail),
    }
}

/// Whether a string in this file told this version.
fn says(seen: &Examined, rule: &Rule, version: &Version) -> bool {
    seen.hits.iter().any(|(_, hit)| {
        hit.rule.id == rule.id
            && hit.class == EvidenceClass::ContainsCode
            && hit.version.exact() == Some(version)
    })
}

fn contradicts(scheme: Scheme, reading: &Reading, version: &Version) -> bool {
    let lower = reading.at_least.clone().map(Bound::Inclusive);
    let upper = reading.below.clone().map(Bound::Exclusive);
    within(scheme, lower.as_ref(), upper.as_ref(), &version.0) == Some(false)
}

/// What two libraries of one component say together; unknown where they cannot be of one release.
fn narrowed(scheme: Scheme, one: &VersionClaim, other: &Reading) -> VersionClaim {
    let VersionClaim::Range { at_least, below, reason } = one else { return one.clone() };
    let tighter = |mine: &Option<Version>, theirs: &Option<String>, wanted: Ordering| {
        let theirs = theirs.clone().map(Version);
        match (mine, theirs) {
            (Some(mine), Some(theirs)) => {
                Some(if compare(scheme, &theirs.0, &mine.0) == Some(wanted) {
                    theirs
                } else {
                    mine.clone()
                })
            }
            (mine, theirs) => mine.clone().or(theirs),
        }
    };
    let at_least = tighter(at_least, &other.at_least, Ordering::Greater);
    let below = tighter(below, &other.below, Ordering::Less);
    let empty = matches!((&at_least, &below), (Some(least), Some(limit))
        if compare(scheme, &least.0, &limit.0).is_none_or(Ordering::is_ge));
    if empty {
        let reason = format!("its libraries are of different releases: {reason}; {}", other.detail);
        return VersionClaim::Unknown(reason);
    }
    let reason = format!("{reason}; another {}", other.detail);
    VersionClaim::Range { at_least, below, reason }
}
