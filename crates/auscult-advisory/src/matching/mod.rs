//! Matches a component against a snapshot.
//!
//! A component is looked up under every name that it has ([`subject`]), each claim found there is
//! judged, and what belongs to one vulnerability becomes one finding ([`gather`]). The outcome
//! tells apart "no range holds it" from "no source knows it": silence is not safety.

mod build;
mod distribution;
mod gather;
mod platform;
mod recall;
mod subject;
mod support;

use auscult_model::{Component, Evidence, Finding};
pub use build::{Group, Matched, match_build, match_groups};
pub use platform::Platform;
pub use recall::{Alike, Recall};
pub use support::support;

use crate::{
    Result, Snapshot,
    matching::{
        gather::{Gathered, counts},
        subject::{Subject, Told},
    },
    record::Claim,
};

/// What the snapshot says about a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchOutcome {
    /// Advisories that touch it, without decisions, sorted by id; never empty.
    Matches(Vec<Finding>),
    /// Sources know the product, and no range holds this version.
    NoMatch {
        /// The names under which it is known.
        names_known: Vec<String>,
    },
    /// Sources know the product, but which of their advisories apply cannot be told, as the
    /// version is unknown.
    VersionUnknown {
        /// Number of advisories for the product, in all its versions.
        advisories_for_product: u64,
        /// The names under which it is known.
        names_known: Vec<String>,
    },
    /// No source knows it.
    NoData,
}

/// Matches a component of which nothing else is known: conditions such as "on this hardware"
/// stay open.
pub fn match_component(snapshot: &Snapshot, component: &Component) -> Result<MatchOutcome> {
    match_component_on(snapshot, component, &Platform::default())
}

/// Matches a component in its surroundings.
pub fn match_component_on(
    snapshot: &Snapshot,
    component: &Component,
    platform: &Platform,
) -> Result<MatchOutcome> {
    let (mut outcome, _) = match_group(snapshot, &[component], None, platform)?;
    if let MatchOutcome::Matches(findings) = &mut outcome {
        place(findings, component.evidence.iter());
    }
    Ok(outcome)
}

impl MatchOutcome {
    /// What was found; none where nothing was, or nobody can say.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Matches(findings) => findings,
            Self::NoMatch { .. } | Self::VersionUnknown { .. } | Self::NoData => &[],
        }
    }
}

/// Says of findings where their component lies.
fn place<'a>(findings: &mut [Finding], evidence: impl Iterator<Item = &'a Evidence>) {
    let mut locators: Vec<_> = evidence.map(|one| one.locator.clone()).collect();
    locators.sort();
    locators.dedup();
    for finding in findings {
        finding.locators.clone_from(&locators);
    }
}

/// How far the traces of a component can be trusted, in percent.
fn trust(component: &Component) -> u8 {
    // One without traces was stated by somebody; nothing speaks against it.
    if component.evidence.is_empty() { 100 } else { component.confidence() }
}

/// Matches the first component of a group of packages of one source, with the trust in its traces where
/// these are not at hand. Tells, too, whether that depends on the platform. Findings do not say where the
/// component lies.
fn match_group(
    snapshot: &Snapshot,
    group: &[&Component],
    trust: Option<u8>,
    platform: &Platform,
) -> Result<(MatchOutcome, bool)> {
    let Some(&component) = group.first() else { return Ok((MatchOutcome::NoData, false)) };
    let mut subject = Subject::of(component);
    subject.trust = trust.unwrap_or(subject.trust);
    let mut gathered = Gathered::default();
    let mut names_known = Vec::new();
    let decided = distribution::decide(snapshot, component, group, &mut names_known)?;
    for name in &subject.names {
        let judge = |claim: Claim<_>| {
            let asked = subject.accepts(&claim) && !decided.is_fixed(claim.id);
            asked.then(|| (subject.version.judge(&claim), claim)).filter(|(verdict, claim)| {
                subject.version == Told::Nothing || counts(claim, verdict)
            })
        };
        let Some(judged) = snapshot.claims_with(&name.key, judge)? else { continue };
        names_known.push(name.label.clone());
        for (verdict, claim) in judged {
            gathered.add(name, &claim, verdict, platform);
        }
    }
    names_known.sort();
    names_known.dedup();
    if names_known.is_empty() {
        return Ok((MatchOutcome::NoData, false));
    }
    let by_platform = gathered.by_platform;
    if subject.version == Told::Nothing {
        let advisories_for_product = gathered.count_ids();
        let outcome = MatchOutcome::VersionUnknown { advisories_for_product, names_known };
        return Ok((outcome, by_platform));
    }
    for told in decided.affected {
        gathered.add_distribution(told);
    }
    let findings = gathered.into_findings(snapshot, component, &subject)?;
    let outcome = if findings.is_empty() {
        MatchOutcome::NoMatch { names_known }
    } else {
        MatchOutcome::Matches(findings)
    };
    Ok((outcome, by_platform))
}

/// The id of a claim's record.
fn record_of<'a>(claim: &Claim<&'a str>) -> &'a str {
    if claim.record.is_empty() { claim.id } else { claim.record }
}
