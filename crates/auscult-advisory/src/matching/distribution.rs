//! What a distribution says of its own package: it repairs without a new upstream version, so its
//! word stands above ranges of upstream versions.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{Component, VersionClaim};

use crate::{
    Result, Snapshot,
    affected::{Verdict, judge},
    feeds::debian::codename,
    record::{Claim, Status},
};

/// The distribution's answers.
#[derive(Default)]
pub(crate) struct Decided<'a> {
    fixed: BTreeSet<&'a str>,
    /// What holds the package.
    pub(crate) affected: Vec<Told<'a>>,
}

/// A claim about a package, with the verdict on it.
pub(crate) struct Told<'a> {
    /// Distribution, release and package: `debian:buster:krb5`.
    pub(crate) name: String,
    pub(crate) claim: Claim<&'a str>,
    pub(crate) verdict: Verdict,
}

impl Decided<'_> {
    /// Tells whether the distribution repaired this vulnerability in this version.
    pub(crate) fn is_fixed(&self, id: &str) -> bool {
        self.fixed.contains(id)
    }
}

/// Distribution, release as its data name it, and version of the package.
struct Installed<'a> {
    system: &'a str,
    release: String,
    version: &'a str,
    /// Most announce by source package: another one may have the name of this binary package, and
    /// its repairs say nothing of this one. Those that use RPM announce by binary package.
    names: Vec<&'a str>,
}

/// Distribution and release as their data name them, from what os-release says.
fn named<'a>(id: &'a str, release: &str) -> Option<(&'a str, String)> {
    let major = || release.split('.').next().unwrap_or(release).to_owned();
    Some(match id {
        "debian" | "raspbian" => ("debian", codename(release)),
        // Branches are named by two numbers: 3.11 of 3.11.6.
        "alpine" => (id, release.split('.').take(2).collect::<Vec<_>>().join(".")),
        "ubuntu" | "openeuler" => (id, release.to_owned()),
        "rocky" | "almalinux" | "rhel" | "mageia" => (id, major()),
        "wolfi" | "chainguard" => (id, String::new()),
        "opensuse-leap" => ("opensuse", format!("Leap {release}")),
        "opensuse-tumbleweed" => ("opensuse", "Tumbleweed".to_owned()),
        "sles" => {
            let pack = release.split_once('.').map(|(_, pack)| format!(" SP{pack}"));
            (id, format!("Linux Enterprise Server {}{}", major(), pack.unwrap_or_default()))
        }
        _ => return None,
    })
}

/// Whether the data of this distribution can be had, by the id and release of its os-release.
pub(super) fn publishes(distribution: &str) -> bool {
    split(distribution).is_some_and(|(id, release)| named(id, release).is_some())
}

/// Id and release: an id may hold dashes, a release begins with a digit.
fn split(distribution: &str) -> Option<(&str, &str)> {
    let digit = |at: usize| distribution.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    match distribution.match_indices('-').find(|(at, _)| digit(at + 1)) {
        Some((at, _)) => Some((distribution.get(..at)?, distribution.get(at + 1..)?)),
        None => Some((distribution, "")),
    }
}

/// What is installed as `component`, and as the others of its source that stand beside it.
fn installed<'a>(component: &'a Component, group: &[&'a Component]) -> Option<Installed<'a>> {
    let package = component.package()?;
    let VersionClaim::Exact(version) = &component.version else { return None };
    let (id, release) = split(package.distribution.as_deref()?)?;
    let (system, release) = named(id, release)?;
    let by_source = package.source.as_deref().unwrap_or(&component.name);
    if package.database == "rpm" {
        let mut names: Vec<&str> = group.iter().map(|one| one.name.as_str()).collect();
        names.push(by_source);
        names.sort_unstable();
        names.dedup();
        return Some(Installed { system, release, version: &version.0, names });
    }
    let version = package.source_version.as_deref().unwrap_or(&version.0);
    Some(Installed { system, release, version, names: vec![by_source] })
}

/// Asks the distribution's data about a package, and where it announces by binary package about all
/// packages of its source that are there.
pub(crate) fn decide<'a>(
    snapshot: &'a Snapshot,
    component: &Component,
    group: &[&Component],
    names_known: &mut Vec<String>,
) -> Result<Decided<'a>> {
    let mut decided = Decided::default();
    let Some(installed) = installed(component, group) else { return Ok(decided) };
    let mut open: BTreeMap<&str, Vec<Told<'_>>> = BTreeMap::new();
    for name in &installed.names {
        let key = format!("d:{}:{name}", installed.system);
        let Some(claims) = snapshot.claims(&key)? else { continue };
        names_known.push(format!("{}:{name}", installed.system));
        let of_release = |claim: &Claim<&str>| claim.release == installed.release;
        // "Undetermined" is no word for or against.
        let says =
            |claim: &Claim<&str>| claim.default != Status::Unknown || !claim.entries.is_empty();
        for claim in claims.into_iter().filter(|claim| of_release(claim) && says(claim)) {
            match judge(&claim, installed.version) {
                Verdict::NotAffected => {
                    decided.fixed.insert(claim.id);
                }
                verdict => {
                    let place = [installed.system, &installed.release, name];
                    let place = place.into_iter().filter(|part| !part.is_empty());
                    let name = place.collect::<Vec<_>>().join(":");
                    open.entry(claim.id).or_default().push(Told { name, claim, verdict });
                }
            }
        }
    }
    // A second announcement repairs a regression: the first repair counts.
    let fixed = &decided.fixed;
    decided.affected =
        open.into_iter().filter(|(id, _)| !fixed.contains(id)).flat_map(|(_, told)| told).collect();
    Ok(decided)
}
