//! Matches all components of a build, each upstream product once.
//!
//! A build names one product many times: a kernel and its forty module packages, three packages of
//! one source, the same library found by a package database and by its SBOM. A vulnerability of
//! that product is one finding with several places, not forty findings.

use std::collections::BTreeMap;

use auscult_model::{Component, Finding, Origin};
use rayon::prelude::*;

use crate::{
    Result, Snapshot,
    matching::{
        MatchOutcome, Platform, match_group,
        subject::{Subject, Told},
    },
};

/// What a snapshot says about the components of a build.
#[derive(Debug, Default)]
pub struct Matched<'a> {
    /// Findings without decisions, sorted by component and id.
    pub findings: Vec<Finding>,
    /// Components that no source knows.
    pub no_data: Vec<&'a Component>,
    /// Components that sources know and whose version is not known well enough, with the number
    /// of advisories for the product and the names under which it is known.
    pub version_unknown: Vec<(&'a Component, u64, Vec<String>)>,
}

/// Matches all components of a build.
///
/// # Errors
/// A part of the snapshot that is asked for is damaged.
pub fn match_build<'a>(snapshot: &Snapshot, components: &'a [Component]) -> Result<Matched<'a>> {
    let platform = Platform::of(components);
    let keys: Vec<_> = components
        .par_iter()
        .map(|component| Identity::of(snapshot, component))
        .collect::<Result<_>>()?;
    let mut groups: BTreeMap<Identity, Vec<&Component>> = BTreeMap::new();
    for (key, component) in keys.into_iter().zip(components) {
        groups.entry(key).or_default().push(component);
    }
    let groups: Vec<Vec<&Component>> = groups.into_values().map(lead_first).collect();
    let outcomes: Vec<_> = groups
        .par_iter()
        .filter_map(|group| group.first().map(|lead| (group, lead)))
        .map(|(group, lead)| Ok((group, match_group(snapshot, lead, group, &platform)?)))
        .collect::<Result<_>>()?;
    let mut matched = Matched::default();
    for (group, outcome) in outcomes {
        matched.take(group, outcome);
    }
    matched.findings.par_sort_by(|one, other| {
        (&one.component, &one.version, &one.id).cmp(&(&other.component, &other.version, &other.id))
    });
    Ok(matched)
}

impl<'a> Matched<'a> {
    fn take(&mut self, group: &[&'a Component], outcome: MatchOutcome) {
        match outcome {
            MatchOutcome::NoMatch { .. } => {}
            MatchOutcome::NoData => self.no_data.extend(group),
            MatchOutcome::VersionUnknown { advisories_for_product, names_known } => {
                self.version_unknown.extend(
                    group.iter().map(|c| (*c, advisories_for_product, names_known.clone())),
                );
            }
            MatchOutcome::Matches(mut findings) => {
                let native = group.first().is_some_and(|lead| !is_for_all_machines(lead));
                let others = group.iter().skip(1).filter(|c| !native || !is_for_all_machines(c));
                let others = others.filter_map(|c| c.evidence.first());
                let places: Vec<_> = others.map(|evidence| evidence.locator.clone()).collect();
                for finding in findings.iter_mut().filter(|_| !places.is_empty()) {
                    finding.locators.extend(places.iter().cloned());
                    finding.locators.sort();
                    finding.locators.dedup();
                }
                self.findings.extend(findings);
            }
        }
    }
}

/// Whether a package is the same on every architecture. Beside native packages of the same source it
/// holds their data and documents: `locales` beside `libc6`.
fn is_for_all_machines(component: &Component) -> bool {
    let Origin::Package { architecture, .. } = &component.origin else { return false };
    matches!(architecture.as_deref(), Some("all" | "noarch" | "any"))
}

/// What makes two components the same to a snapshot: the names under which it knows them, the
/// version, and the distribution's package, whose repairs count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    names: Vec<String>,
    version: Told,
    /// Environments, such as `python`, that decide which claims under a shared name count.
    targets: Vec<String>,
    /// Distribution, source package and its version, or the component itself where no source
    /// knows it: what nobody knows is never the same.
    package: Vec<String>,
}

impl Identity {
    fn of(snapshot: &Snapshot, component: &Component) -> Result<Self> {
        let subject = Subject::of(component);
        let mut names = Vec::new();
        for name in &subject.names {
            if snapshot.knows(&name.key)? {
                names.push(name.key.clone());
            }
        }
        names.sort();
        let unknown = names.is_empty() || subject.version == Told::Nothing;
        let kernel = names.iter().any(|name| name == "k:linux");
        let version = match subject.version {
            Told::Exact(version) if kernel => Told::Exact(kernel_release(&version).to_owned()),
            Told::Part(known) if kernel => Told::Part(kernel_release(&known).to_owned()),
            told => told,
        };
        let package = if unknown {
            vec![component.name.clone(), format!("{:?}", component.evidence)]
        } else {
            source_package(component)
        };
        let mut targets = subject.targets;
        targets.sort();
        targets.dedup();
        Ok(Self { names, version, targets, package })
    }
}

/// The upstream release in a kernel's version: what follows the numbers and `-rcN` is local.
fn kernel_release(version: &str) -> &str {
    let numbers = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let candidate = version.get(numbers..).and_then(|rest| rest.strip_prefix("-rc"));
    let digits = candidate
        .map_or(0, |rest| 3 + rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    version.get(..numbers + digits).unwrap_or(version)
}

fn source_package(component: &Component) -> Vec<String> {
    let Origin::Package { distribution: Some(distribution), source, source_version, .. } =
        &component.origin
    else {
        return Vec::new();
    };
    // Only these distributions publish which repairs a package holds.
    if !super::distribution::publishes(distribution) {
        return Vec::new();
    }
    let version = source_version.clone().unwrap_or_else(|| component.version.to_string());
    vec![distribution.clone(), source.clone().unwrap_or_else(|| component.name.clone()), version]
}

/// The component that stands for the group comes first: one read from a structure, then a native
/// package, then the shortest name.
fn lead_first(mut group: Vec<&Component>) -> Vec<&Component> {
    let rank = |component: &Component| match component.origin {
        Origin::Structure => 0,
        Origin::Package { .. } => 1,
        Origin::Signature { .. } | Origin::FileName | Origin::Sbom => 2,
    };
    group.sort_by_key(|component| {
        let data = is_for_all_machines(component);
        (rank(component), data, component.name.len(), component.name.clone())
    });
    group
}

#[cfg(test)]
mod tests {
    use super::kernel_release;

    #[test]
    fn local_names_of_a_kernel_do_not_make_it_another() {
        for (version, release) in [
            ("4.4.92", "4.4.92"),
            ("4.4.92-1-45d282495a15974d", "4.4.92"),
            ("4.4.92+2017-01-31", "4.4.92"),
            ("6.1-rc3-custom", "6.1-rc3"),
        ] {
            assert_eq!(kernel_release(version), release);
        }
    }
}
