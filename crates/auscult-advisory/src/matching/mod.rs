//! Matches a component against a snapshot.
//!
//! A component is looked up under every name that it has ([`subject`]), each claim found there is
//! judged, and what belongs to one vulnerability becomes one finding ([`gather`]). The outcome
//! tells apart "no range holds it" from "no source knows it": silence is not safety.

mod build;
mod distribution;
mod gather;
mod platform;
mod subject;
mod support;

use auscult_model::{Component, Finding};
pub use build::{Matched, match_build};
pub use platform::Platform;
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
    match_group(snapshot, component, &[component], platform)
}

/// Matches the component that leads a group of packages of one source.
fn match_group(
    snapshot: &Snapshot,
    component: &Component,
    group: &[&Component],
    platform: &Platform,
) -> Result<MatchOutcome> {
    let subject = Subject::of(component);
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
        return Ok(MatchOutcome::NoData);
    }
    if subject.version == Told::Nothing {
        let advisories_for_product = gathered.count_ids();
        return Ok(MatchOutcome::VersionUnknown { advisories_for_product, names_known });
    }
    for (claim, verdict) in decided.affected {
        gathered.add_distribution(&claim, verdict);
    }
    let findings = gathered.into_findings(snapshot, component, &subject)?;
    Ok(if findings.is_empty() {
        MatchOutcome::NoMatch { names_known }
    } else {
        MatchOutcome::Matches(findings)
    })
}

/// The id of a claim's record.
fn record_of<'a>(claim: &Claim<&'a str>) -> &'a str {
    if claim.record.is_empty() { claim.id } else { claim.record }
}
