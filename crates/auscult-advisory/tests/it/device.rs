//! Devices against advisories that name them in words (pitfall 16 of matching).

use std::sync::OnceLock;

use auscult_advisory::{BuildOptions, DeviceOutcome, DeviceStatus, Snapshot, build, match_device};
use auscult_model::{Component, Purl};

use crate::conformance::shared;

fn medical() -> Option<&'static Snapshot> {
    static MEDICAL: OnceLock<Option<Snapshot>> = OnceLock::new();
    MEDICAL
        .get_or_init(|| {
            let folder = shared("feeds/csaf_icsma/csaf_files")?;
            let built = build(&folder, &BuildOptions::default()).unwrap();
            Some(Snapshot::from_vec(built.bytes).unwrap())
        })
        .as_ref()
}

/// Advisories that touch a device for certain, those that may, and those that do not.
fn ask(
    vendor: &str,
    model: &str,
    version: Option<&str>,
) -> (Vec<String>, Vec<String>, Vec<String>) {
    let snapshot = medical().unwrap();
    let (found, cleared) = match match_device(snapshot, vendor, model, version).unwrap() {
        DeviceOutcome::Matches { found, cleared } => (found, cleared),
        DeviceOutcome::NoMatch { cleared } => (Vec::new(), cleared),
        DeviceOutcome::NoData { .. } => return (Vec::new(), Vec::new(), Vec::new()),
    };
    let of = |status: DeviceStatus| {
        let wanted = found.iter().filter(move |m| m.status == status);
        wanted
            .map(|m| m.record.clone())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect()
    };
    let cleared = cleared.into_iter().map(|m| m.record).collect();
    (of(DeviceStatus::Affected), of(DeviceStatus::Undetermined), cleared)
}

/// A letter of a maker, written down.
const LETTER: &str = r#"
[disclosure]
id = "ACME-2026-03"
maker = "Acme Medical"
date = 2026-11-18
from = "letter to customers"
entered-by = "J. Doe"
entered = 2026-11-20

[[vulnerability]]
cve = "CVE-2026-90001"

[[vulnerability.product]]
name = "Pump 300"
purl = "pkg:generic/pumpd"
affected = ["< 2.4.1"]
fixed = ["2.4.1"]
"#;

#[test]
fn what_a_maker_wrote_in_a_letter_is_matched_like_any_advisory() {
    let snapshot = crate::matching::snapshot(&[("letter.toml", LETTER)]);
    let source = &snapshot.info().sources[0];
    assert_eq!(
        (source.name.as_str(), source.records, source.failures),
        ("disclosure-acme-medical", 1, 0)
    );
    assert!(source.licence.contains("entered by J. Doe"), "{}", source.licence);
    for (version, affected) in [("2.3", true), ("2.4.0", true), ("2.4.1", false)] {
        let purl = Some(Purl(format!("pkg:generic/pumpd@{version}")));
        let component = Component { purl, ..crate::component("pumpd", version) };
        let found = crate::matching::findings(&snapshot, &component);
        assert_eq!(
            found.iter().any(|one| one.vex.status.is_open()),
            affected,
            "{version}: {found:?}"
        );
        let found = match match_device(&snapshot, "ACME Medical Inc.", "Pump 300", Some(version)) {
            Ok(DeviceOutcome::Matches { found, .. }) => found,
            other => panic_unless(!affected, &other),
        };
        let hit = found.iter().any(|one| one.status == DeviceStatus::Affected);
        assert_eq!(hit, affected, "{version}");
    }
}

/// No match, where none is expected.
fn panic_unless<T>(expected: bool, other: &impl std::fmt::Debug) -> Vec<T> {
    assert!(expected, "{other:?}");
    Vec::new()
}

#[test]
fn pitfall_16_devices_are_found_by_vendor_model_and_version_text() {
    if medical().is_none() {
        return;
    }
    for (vendor, model, version, advisory) in [
        ("BD", "Alaris Gateway Workstation", Some("1.1.3 Build 10"), "ICSMA-19-164-01"),
        (
            "Becton Dickinson",
            "Alaris Gateway Workstation",
            Some("1.3.1 Build 13"),
            "ICSMA-19-164-01",
        ),
        ("Becton, Dickinson and Co.", "Alaris PCU 8015", Some("12.1.2"), "ICSMA-23-194-01"),
        ("PHILIPS", "Tasy EMR", Some("3.01.1740"), "ICSMA-19-120-01"),
        ("Phillips", "Tasy EMR", Some("3.01.1740"), "ICSMA-19-120-01"),
        ("Medtronic, Inc.", "MiniMed 508", None, "ICSMA-19-178-01"),
        ("Medtronic", "MiniMed Paradigm 722", Some("1.0"), "ICSMA-19-178-01"),
        ("Draeger", "Infinity Delta", None, "ICSMA-19-022-01"),
        ("Contec", "CMS8000", Some("any"), "ICSMA-22-244-01"),
        ("GE", "Aisys CS2", None, "ICSMA-19-190-01"),
        ("Baxter", "Welch Allyn Connex Spot Monitor", Some("1.52"), "ICSMA-24-151-02"),
        ("Innokas", "VC150", Some("1.7.14"), "ICSMA-21-007-01"),
    ] {
        let (affected, open, cleared) = ask(vendor, model, version);
        println!("{vendor} {model} {version:?}: {affected:?} {open:?} {}", cleared.len());
        let known = affected.iter().chain(&open).any(|record| record == advisory);
        assert!(known, "{vendor} {model} {version:?}: {affected:?} {open:?} {cleared:?}");
    }
}

#[test]
fn a_repaired_version_is_cleared_and_an_unknown_one_never() {
    if medical().is_none() {
        return;
    }
    let (affected, open, cleared) = ask("Philips", "Tasy EMR", Some("3.01.1745"));
    assert!(!affected.contains(&"ICSMA-19-120-01".to_owned()), "{affected:?}");
    assert!(cleared.contains(&"ICSMA-19-120-01".to_owned()), "{open:?} {cleared:?}");
    let (_, open, _) = ask("Philips", "Tasy EMR", None);
    assert!(open.contains(&"ICSMA-19-120-01".to_owned()), "{open:?}");
    let (_, open, _) = ask("Philips", "Tasy EMR", Some("spring edition"));
    assert!(open.contains(&"ICSMA-19-120-01".to_owned()), "{open:?}");
}

#[test]
fn what_no_advisory_names_is_no_data() {
    let Some(snapshot) = medical() else { return };
    let outcome = match_device(snapshot, "Philips", "Coffee Maker", None).unwrap();
    let DeviceOutcome::NoData { vendor_known, products_of_vendor } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(vendor_known && products_of_vendor.len() > 30, "{products_of_vendor:?}");
    let outcome = match_device(snapshot, "Nobody", "MiniMed 508", None).unwrap();
    assert!(matches!(outcome, DeviceOutcome::NoData { vendor_known: false, .. }), "{outcome:?}");
}

/// Every product of every advisory is found under its own name.
#[test]
fn every_device_finds_its_own_advisory() {
    let Some(snapshot) = medical() else { return };
    let mut products = std::collections::BTreeSet::new();
    let mut ids = Vec::new();
    snapshot.each_id(|id| ids.push(id.to_owned())).unwrap();
    for id in ids {
        for claim in snapshot.show(&id).unwrap().unwrap().claims {
            // Names in lower case are those that components are looked up by.
            if claim.product.to_lowercase() != claim.product {
                products.insert((claim.product, id.clone()));
            }
        }
    }
    let mut missed = Vec::new();
    for (product, id) in &products {
        let (vendor, model) = product.split_once(':').unwrap();
        let outcome = match_device(snapshot, vendor, model, None).unwrap();
        let found = matches!(&outcome, DeviceOutcome::Matches { found, .. }
            if found.iter().any(|m| m.id == *id));
        if !found {
            missed.push(format!("{product}: {id}"));
        }
    }
    println!("{} devices and vulnerabilities, {} missed", products.len(), missed.len());
    assert!(products.len() > 1000 && missed.is_empty(), "{} {missed:#?}", products.len());
}
