//! What a distribution says of its own package: it repairs without a new upstream version, so its
//! word stands above ranges of upstream versions.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{Component, Origin, VersionClaim};

use crate::{
    Result, Snapshot,
    affected::{Verdict, judge},
    feeds::debian::codename,
    record::Claim,
};

/// The distribution's answers.
#[derive(Default)]
pub(crate) struct Decided {
    fixed: BTreeSet<String>,
    /// Claims that hold the package, with their verdict.
    pub(crate) affected: Vec<(Claim, Verdict)>,
}

impl Decided {
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
    /// Distributions announce by source package. Another source package may have the name of this
    /// binary package, and its repairs say nothing of this one.
    source: &'a str,
}

fn installed(component: &Component) -> Option<Installed<'_>> {
    let Origin::Package { distribution: Some(distribution), source, source_version, .. } =
        &component.origin
    else {
        return None;
    };
    let VersionClaim::Exact(version) = &component.version else { return None };
    let (system, release) = distribution.split_once('-').unwrap_or((distribution, ""));
    let release = match system {
        "debian" | "raspbian" => codename(release),
        // Branches are named by two numbers: 3.11 of 3.11.6.
        "alpine" => release.split('.').take(2).collect::<Vec<_>>().join("."),
        _ => return None,
    };
    let system = if system == "raspbian" { "debian" } else { system };
    let version = source_version.as_deref().unwrap_or(&version.0);
    let source = source.as_deref().unwrap_or(&component.name);
    Some(Installed { system, release, version, source })
}

/// Asks the distribution's data about a package.
pub(crate) fn decide(
    snapshot: &Snapshot,
    component: &Component,
    names_known: &mut Vec<String>,
) -> Result<Decided> {
    let mut decided = Decided::default();
    let Some(installed) = installed(component) else { return Ok(decided) };
    let mut open: BTreeMap<String, Vec<(Claim, Verdict)>> = BTreeMap::new();
    let name = installed.source;
    let key = format!("d:{}:{name}", installed.system);
    if let Some(claims) = snapshot.claims(&key)? {
        names_known.push(format!("{}:{name}", installed.system));
        for claim in claims.into_iter().filter(|claim| claim.release == installed.release) {
            match judge(&claim, installed.version) {
                Verdict::NotAffected => {
                    decided.fixed.insert(claim.id);
                }
                verdict => open.entry(claim.id.clone()).or_default().push((claim, verdict)),
            }
        }
    }
    // A second announcement repairs a regression: the first repair counts.
    let fixed = &decided.fixed;
    decided.affected =
        open.into_iter().filter(|(id, _)| !fixed.contains(id)).flat_map(|(_, c)| c).collect();
    Ok(decided)
}
