//! Tests of feeds, snapshots and matching, on small feeds of our own and on real ones.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed precondition is a failed test; what was skipped or measured is told"
)]

mod bundle;
mod conformance;
mod csaf;
mod csaf_lint;
mod device;
mod matching;
mod pitfalls;
mod real;
mod snapshot;
mod support;
mod truth;

use auscult_model::{
    Component, ComponentKind, Cpe, Evidence, EvidenceClass, Locator, Origin, Package, Technique,
    Version, VersionClaim,
};

/// A component as a signature rule would find it.
fn component(name: &str, version: &str) -> Component {
    Component {
        name: name.to_owned(),
        version: VersionClaim::Exact(Version(version.to_owned())),
        kind: ComponentKind::Library,
        supplier: None,
        purl: None,
        cpes: Vec::new(),
        origin: Origin::Signature { rule: "test".to_owned() },
        licences: Vec::new(),
        evidence: vec![Evidence {
            locator: Locator::image(),
            technique: Technique::BinaryAnalysis,
            class: EvidenceClass::ContainsCode,
            confidence: 95,
            detail: String::new(),
        }],
    }
}

fn with_cpe(mut component: Component, cpe: &str) -> Component {
    component.cpes.push(Cpe(cpe.to_owned()));
    component
}

/// A package of a distribution.
fn package(name: &str, version: &str, database: &str, distribution: Option<&str>) -> Component {
    Component {
        origin: Origin::Package(Package {
            database: database.to_owned(),
            distribution: distribution.map(ToOwned::to_owned),
            ..Package::default()
        }),
        ..component(name, version)
    }
}
