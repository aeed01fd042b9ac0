//! Gathers the verdicts of all claims into one finding per vulnerability.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{
    AdvisoryId, AffectedMatch, Component, Finding, MatchSource, Version, VersionClaim, Vex,
    VexStatus,
};
use auscult_version::Scheme;
use rayon::prelude::*;

use crate::{
    Result, Snapshot,
    affected::{Verdict, describe},
    matching::{
        distribution::Told,
        platform::{Holds, Platform},
        record_of,
        subject::{LookupName, Subject},
    },
    record::{Claim, Status},
    snapshot::kev_entry,
};

/// Confidence cap of an upstream range on a package that may carry backported repairs.
const BACKPORT_CONFIDENCE_MAX: u8 = 40;
/// Confidence of a claim that could not be decided.
const OPEN_CONFIDENCE_MAX: u8 = 30;

/// So many cases are worth another thread.
const CASES_MIN: usize = 64;

/// One claim that touches the component, or may.
struct Hit<'a> {
    source: u16,
    record: &'a str,
    name: String,
    range: String,
    fixed: Option<String>,
    confidence: u8,
    open: bool,
    from_distribution: bool,
}

/// What all claims say of one vulnerability.
#[derive(Default)]
struct Case<'a> {
    hits: Vec<Hit<'a>>,
    /// Sources that know the product and exclude the version, with their range.
    against: BTreeSet<(u16, String)>,
    notes: BTreeSet<String>,
}

/// All cases of a component.
#[derive(Default)]
pub(crate) struct Gathered<'a> {
    cases: BTreeMap<&'a str, Case<'a>>,
    /// Whether the platform was asked about any claim.
    pub(crate) by_platform: bool,
}

impl<'a> Gathered<'a> {
    pub(crate) fn count_ids(&self) -> u64 {
        u64::try_from(self.cases.len()).unwrap_or(u64::MAX)
    }

    /// Takes the verdict of a claim found under a name.
    pub(crate) fn add(
        &mut self,
        name: &LookupName,
        claim: &Claim<&'a str>,
        verdict: Verdict,
        platform: &Platform,
    ) {
        let case = self.cases.entry(claim.id).or_default();
        let (range, fixed, mut open) = match verdict {
            Verdict::NotAffected => {
                if counts(claim, &verdict) {
                    case.against.insert((claim.source, describe(claim)));
                }
                return;
            }
            Verdict::Affected { range, fixed } => (range, fixed, false),
            Verdict::Undetermined { range } => {
                case.notes.insert("the version cannot be compared with the range".to_owned());
                (range, None, true)
            }
        };
        let mut confidence = 90_u8.saturating_sub(name.doubt);
        self.by_platform |= !claim.conditions.is_empty();
        for one_of in &claim.conditions {
            match platform.holds(one_of) {
                Holds::Yes => continue,
                Holds::No => return,
                Holds::Unknown => {}
            }
            confidence = confidence.saturating_sub(20);
            case.notes.insert(format!("only with one of: {}", one_of.join(", ")));
            // Hardware cannot be seen in an image; anything else could have been.
            open |= !one_of.iter().all(|name| name.starts_with("h:"));
        }
        case.hits.push(Hit {
            source: claim.source,
            record: record_of(claim),
            name: name.label.clone(),
            range,
            fixed,
            confidence,
            open,
            from_distribution: false,
        });
    }

    /// Takes the word of the distribution.
    pub(crate) fn add_distribution(&mut self, told: Told<'a>) {
        let Told { name, claim, verdict } = told;
        let (range, fixed, open) = match verdict {
            Verdict::NotAffected => return,
            Verdict::Affected { range, fixed } => (range, fixed, false),
            Verdict::Undetermined { range } => (range, None, true),
        };
        self.cases.entry(claim.id).or_default().hits.push(Hit {
            source: claim.source,
            record: record_of(&claim),
            name,
            range,
            fixed,
            confidence: 95,
            open,
            from_distribution: true,
        });
    }

    /// One finding per vulnerability with a hit, sorted by id.
    pub(crate) fn into_findings(
        self,
        snapshot: &Snapshot,
        component: &Component,
        subject: &Subject,
    ) -> Result<Vec<Finding>> {
        let cases: Vec<_> =
            self.cases.into_iter().filter(|(_, case)| !case.hits.is_empty()).collect();
        let cases = cases.into_par_iter().with_min_len(CASES_MIN);
        cases.map(|(id, case)| finding(snapshot, component, subject, id, case)).collect()
    }
}

/// Whether the verdict of a claim says something for or against a finding.
pub(super) fn counts(claim: &Claim<&str>, verdict: &Verdict) -> bool {
    // The kernel has one authority per vulnerability: nobody to disagree with. A claim without
    // affected versions says nothing against others.
    *verdict != Verdict::NotAffected
        || claim.scheme != Scheme::Kernel
            && (claim.default == Status::Affected
                || claim.entries.iter().any(|entry| entry.status == Status::Affected))
}

fn finding(
    snapshot: &Snapshot,
    component: &Component,
    subject: &Subject,
    id: &str,
    mut case: Case<'_>,
) -> Result<Finding> {
    let vulnerability = snapshot.vulnerability(id)?;
    let exploits = snapshot.exploits(id)?;
    let decided_by_distribution = case.hits.iter().any(|hit| hit.from_distribution);
    if subject.may_be_backported && !decided_by_distribution {
        case.notes.insert(
            "compared by the upstream part of the version: the distribution may have repaired it \
             in this package"
                .to_owned(),
        );
        for hit in &mut case.hits {
            hit.confidence = hit.confidence.min(BACKPORT_CONFIDENCE_MAX);
        }
    }
    note_disagreement(snapshot, &mut case);
    let confidence_max = subject.version.confidence_max();
    if confidence_max < 100 {
        let note = "only bounds of the version are known, from the library's exports";
        case.notes.insert(note.to_owned());
    }
    for hit in &mut case.hits {
        hit.confidence = hit.confidence.min(confidence_max);
    }
    let vex = vex(&case);
    let version = match &component.version {
        VersionClaim::Exact(version) | VersionClaim::Incomplete { known: version, .. } => {
            version.clone()
        }
        range @ VersionClaim::Range { .. } => Version(range.to_string()),
        VersionClaim::Unknown(_) => Version(String::new()),
    };
    Ok(Finding {
        aliases: vulnerability.aliases.iter().cloned().map(AdvisoryId).collect(),
        component: component.name.clone(),
        version,
        purl: component.purl.as_ref().map(ToString::to_string),
        locators: Vec::new(),
        matches: matches(snapshot, subject.trust, case.hits),
        vex,
        kev: kev_entry(&exploits),
        epss: snapshot.epss(id)?,
        cvss: vulnerability.scores(|source| snapshot.source_name(source)),
        exploitation: exploits.strongest(),
        automatable: exploits.automatable,
        technical_impact_total: exploits.impact_total,
        exposure: Finding::unmeasured(),
        decisions: Vec::new(),
        id: AdvisoryId(id.to_owned()),
    })
}

/// Sources that exclude the version while others include it are named; both stay visible.
fn note_disagreement(snapshot: &Snapshot, case: &mut Case<'_>) {
    let agreeing: BTreeSet<u16> = case.hits.iter().map(|hit| hit.source).collect();
    let against: Vec<_> =
        case.against.iter().filter(|(source, _)| !agreeing.contains(source)).collect();
    for (source, range) in &against {
        let source = snapshot.source_name(*source);
        case.notes.insert(format!("sources disagree: {source} says {range}"));
    }
    if !against.is_empty() {
        for hit in &mut case.hits {
            hit.confidence = hit.confidence.saturating_sub(15);
        }
    }
}

fn vex(case: &Case<'_>) -> Vex {
    let open = case.hits.iter().all(|hit| hit.open);
    let status = if open { VexStatus::UnderInvestigation } else { VexStatus::Affected };
    let notes: Vec<String> = case.notes.iter().cloned().collect();
    let strength = (!notes.is_empty()).then(|| "weak".to_owned());
    Vex { status, justification: None, strength, evidence: notes }
}

/// The hits as matches: one per record and name, the surest first.
fn matches(snapshot: &Snapshot, trust: u8, hits: Vec<Hit<'_>>) -> Vec<AffectedMatch> {
    let mut matches: Vec<AffectedMatch> = Vec::with_capacity(hits.len());
    for hit in hits {
        let limit = if hit.open { OPEN_CONFIDENCE_MAX } else { 100 };
        let found = AffectedMatch {
            source: MatchSource {
                source: snapshot.source_name(hit.source),
                record: hit.record.to_owned(),
            },
            name: hit.name,
            range: hit.range,
            fixed: hit.fixed.map(Version),
            confidence: hit.confidence.min(trust).min(limit),
        };
        let same = matches.iter().any(|known| {
            (&known.source, &known.name, &known.range) == (&found.source, &found.name, &found.range)
        });
        if !same {
            matches.push(found);
        }
    }
    matches.sort_by(|left, right| {
        right.confidence.cmp(&left.confidence).then_with(|| left.cmp(right))
    });
    matches
}
