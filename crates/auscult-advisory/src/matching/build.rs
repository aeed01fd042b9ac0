//! Matches all components of a build, each upstream product once.
//!
//! A build names one product many times: a kernel and its forty module packages, three packages of
//! one source, the same library found by a package database and by its SBOM. A vulnerability of
//! that product is one finding with several places, not forty findings.

use std::{collections::BTreeMap, sync::Arc};

use auscult_model::{Component, Finding, Holding, Origin, modular_components};
use rayon::prelude::*;

use crate::{
    Result, Snapshot,
    matching::{
        MatchOutcome, Recall, match_group, place,
        recall::{Alike, Surroundings},
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

/// Matches all components of a build; where it is one of many, what was said about them before is not
/// asked again.
///
/// # Errors
/// A part of the snapshot that is asked for is damaged.
pub fn match_build<'a>(
    snapshot: &Snapshot,
    recall: Option<&Recall>,
    components: &'a [Component],
) -> Result<Matched<'a>> {
    let part = |component| (component, recall.map(|_| Arc::new(Alike::of(component))));
    Ok(Matched::of(groups(snapshot, recall, components.iter().map(part).collect())?))
}

/// The components of a build in groups, each with what is said about it: findings do not say where
/// their component lies. An outcome is the same value for every build that has it, for as long as it
/// is recalled.
///
/// # Errors
/// As [`match_build`].
pub fn match_groups<'a>(
    snapshot: &Snapshot,
    recall: &Recall,
    components: &'a [Arc<Alike>],
) -> Result<Vec<Group<'a>>> {
    let parts = components.iter().map(|alike| (alike.component(), Some(Arc::clone(alike))));
    groups(snapshot, Some(recall), parts.collect())
}

/// Components that are the same to a snapshot, the one that stands for them first, and what it says.
pub type Group<'a> = (Vec<&'a Component>, Arc<MatchOutcome>);

/// A component of a build, and as the recall knows it.
type Part<'a> = (&'a Component, Option<Arc<Alike>>);

fn groups<'a>(
    snapshot: &Snapshot,
    recall: Option<&Recall>,
    parts: Vec<Part<'a>>,
) -> Result<Vec<Group<'a>>> {
    let recall = recall.filter(|recall| recall.is_of(snapshot));
    let surroundings = Surroundings::of(parts.iter().map(|(component, _)| *component).collect());
    let identified = |(component, alike): Part<'a>| -> Result<_> {
        let identity = Identity::of(snapshot, recall.zip(alike.as_ref()), component)?;
        Ok((identity, (component, alike)))
    };
    let parts: Vec<(Identity, Part<'_>)> = match recall {
        // What is recalled is there at once.
        Some(_) => parts.into_iter().map(identified).collect::<Result<_>>()?,
        None => parts.into_par_iter().map(identified).collect::<Result<_>>()?,
    };
    let mut by_identity: BTreeMap<Identity, Vec<Part<'_>>> = BTreeMap::new();
    for (identity, part) in parts {
        by_identity.entry(identity).or_default().push(part);
    }
    let (mut said, mut unsaid) = (Vec::new(), Vec::new());
    for (number, parts) in by_identity.into_values().map(lead_first).enumerate() {
        let (group, alike): (Vec<&Component>, Vec<_>) = parts.into_iter().unzip();
        let alike: Vec<Arc<Alike>> = alike.into_iter().flatten().collect();
        match recall.and_then(|recall| recall.outcome(&alike, &surroundings)) {
            Some(outcome) => said.push((number, (group, outcome))),
            None => unsaid.push((number, group, alike)),
        }
    }
    let asked = unsaid.into_par_iter().map(|(number, group, alike)| {
        let (outcome, by_platform) = match_group(
            snapshot,
            &group,
            alike.first().map(|alike| alike.trust()),
            surroundings.platform(),
        )?;
        let outcome = Arc::new(outcome);
        if let Some(recall) = recall {
            recall.keep(alike, by_platform.then(|| surroundings.platform()), &outcome);
        }
        Ok((number, (group, outcome)))
    });
    said.extend(asked.collect::<Result<Vec<_>>>()?);
    said.sort_by_key(|(number, _)| *number);
    Ok(said.into_iter().map(|(_, group)| group).collect())
}

impl<'a> Matched<'a> {
    fn of(groups: Vec<Group<'a>>) -> Self {
        let mut matched = Self::default();
        for (group, outcome) in groups {
            matched.take(&group, outcome);
        }
        matched.findings.par_sort_by(|one, other| {
            let other = (&other.component, &other.version, &other.id);
            (&one.component, &one.version, &one.id).cmp(&other)
        });
        matched
    }

    fn take(&mut self, group: &[&'a Component], outcome: Arc<MatchOutcome>) {
        match Arc::unwrap_or_clone(outcome) {
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
                let lead = group.iter().take(1).flat_map(|lead| &lead.evidence);
                place(&mut findings, lead.chain(others));
                self.findings.extend(findings);
            }
        }
    }
}

/// Whether a package is the same on every architecture. Beside native packages of the same source it
/// holds their data and documents: `locales` beside `libc6`.
fn is_for_all_machines(component: &Component) -> bool {
    let architecture = component.package().and_then(|package| package.architecture.as_deref());
    matches!(architecture, Some("all" | "noarch" | "any"))
}

/// The names under which a snapshot knows a component, and what else makes it the same as another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Names {
    known: Vec<String>,
    version: Told,
    /// Environments, such as `python`, that decide which claims under a shared name count.
    targets: Vec<String>,
}

/// What makes two components the same to a snapshot: the names under which it knows them, the
/// version, and the distribution's package, whose repairs count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    names: Arc<Names>,
    /// Distribution, source package and its version, or the component itself where no source
    /// knows it: what nobody knows is never the same.
    package: Vec<String>,
    /// The libraries of a source are judged apart from its programs.
    holding: Holding,
}

impl Names {
    fn of(snapshot: &Snapshot, component: &Component) -> Result<Self> {
        let subject = Subject::of(component);
        let mut known = Vec::new();
        for name in &subject.names {
            if snapshot.knows(&name.key)? {
                known.push(name.key.clone());
            }
        }
        known.sort();
        let kernel = known.iter().any(|name| name == "k:linux");
        let version = match subject.version {
            Told::Exact(version) if kernel => Told::Exact(kernel_release(&version).to_owned()),
            Told::Part(known) if kernel => Told::Part(kernel_release(&known).to_owned()),
            told => told,
        };
        let mut targets = subject.targets;
        targets.sort();
        targets.dedup();
        Ok(Self { known, version, targets })
    }

    fn recalled(
        snapshot: &Snapshot,
        recall: &Recall,
        alike: &Arc<Alike>,
        component: &Component,
    ) -> Result<Arc<Self>> {
        if let Some(known) = recall.names(alike) {
            return Ok(known);
        }
        let names = Arc::new(Self::of(snapshot, component)?);
        recall.keep_names(alike, &names);
        Ok(names)
    }
}

impl Identity {
    fn of(
        snapshot: &Snapshot,
        recall: Option<(&Recall, &Arc<Alike>)>,
        component: &Component,
    ) -> Result<Self> {
        let names = match recall {
            Some((recall, alike)) => Names::recalled(snapshot, recall, alike, component)?,
            None => Arc::new(Names::of(snapshot, component)?),
        };
        let package = if names.known.is_empty() || names.version == Told::Nothing {
            vec![component.name.clone(), format!("{:?}", component.evidence)]
        } else {
            source_package(component)
        };
        Ok(Self { names, package, holding: holding(component) })
    }
}

/// What a package holds of a component that is built of parts, where its name tells.
fn holding(component: &Component) -> Holding {
    let Some(package) = component.package() else { return Holding::Open };
    let source = package.source.as_deref().unwrap_or(&component.name);
    let parts = modular_components().iter().find(|one| one.names.contains(&source));
    let kind = component.purl.as_ref().map_or("", |purl| purl.kind());
    parts.map_or(Holding::Open, |parts| parts.holding(kind, &component.name))
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
    // Only these distributions publish which repairs a package holds.
    let published = |distribution: &&String| super::distribution::publishes(distribution);
    let Some(package) = component.package() else { return Vec::new() };
    let Some(distribution) = package.distribution.as_ref().filter(published) else {
        return Vec::new();
    };
    let version = package.source_version.clone().unwrap_or_else(|| component.version.to_string());
    let source = package.source.clone().unwrap_or_else(|| component.name.clone());
    vec![distribution.clone(), source, version]
}

/// The component that stands for the group comes first: one read from a structure, then a native
/// package or what an SBOM has a CPE name for, then the shortest name.
fn lead_first(mut group: Vec<Part<'_>>) -> Vec<Part<'_>> {
    let rank = |component: &Component| match component.origin {
        Origin::Structure => 0,
        Origin::Package(_) | Origin::Sbom { package: Some(_) } => 1,
        Origin::Sbom { package: None } if !component.cpes.is_empty() => 1,
        Origin::Signature { .. } | Origin::FileName | Origin::Sbom { package: None } => 2,
    };
    group.sort_by_key(|(component, _)| {
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
