//! Truths about real feeds, built from the shared folder as a whole.

use std::{collections::BTreeSet, sync::OnceLock, time::Instant};

use auscult_advisory::{BuildOptions, MatchOutcome, Platform, Snapshot, build, match_component_on};
use auscult_model::{Component, Finding, VexStatus};

use crate::{
    component,
    conformance::shared,
    package,
    truth::{members, snapshot},
    with_cpe,
};

pub(crate) fn full() -> Option<&'static Snapshot> {
    static FULL: OnceLock<Option<Snapshot>> = OnceLock::new();
    FULL.get_or_init(|| {
        let feeds = shared("feeds")?;
        let options = BuildOptions { prose: false, ..BuildOptions::default() };
        let start = Instant::now();
        let built = build(&feeds, &options).unwrap();
        for source in &built.sources {
            println!(
                "{:20} {:>8} records {:>4} failures",
                source.name, source.records, source.failures
            );
            assert!(source.failures * 100 <= source.records, "{source:?}");
        }
        println!("{} bytes in {} ms", built.bytes.len(), start.elapsed().as_millis());
        let names: BTreeSet<_> = built.sources.iter().map(|source| source.name.as_str()).collect();
        for name in [
            "cve5",
            "cve5-adp",
            "kernel-cna",
            "openssl",
            "nvd",
            "nvd-overrides",
            "osv",
            "curl",
            "debian",
            "alpine",
            "kev",
            "epss",
            "metasploit",
            "endoflife",
        ] {
            assert!(names.contains(name), "{name} was not found");
        }
        Some(Snapshot::from_vec(built.bytes).unwrap())
    })
    .as_ref()
}

fn findings(snapshot: &Snapshot, component: &Component) -> Vec<Finding> {
    match match_component_on(snapshot, component, &Platform::default()).unwrap() {
        MatchOutcome::Matches(findings) => findings,
        _ => Vec::new(),
    }
}

fn ids(snapshot: &Snapshot, component: &Component) -> BTreeSet<String> {
    let sure = |finding: &Finding| finding.vex.status == VexStatus::Affected;
    findings(snapshot, component).into_iter().filter(sure).map(|finding| finding.id.0).collect()
}

/// The counts of kernel-CNA records per version, as counted independently over the same records,
/// without the pairs beside them.
#[test]
fn the_kernel_cna_is_evaluated_to_the_record() {
    let Some(archive) = shared("feeds/kernel/kernel-cna-published.tar.zst") else { return };
    let folder = tempfile::tempdir().unwrap();
    members(&archive, "json", folder.path());
    let snapshot = &snapshot(folder.path());
    for (version, expected) in [
        ("3.10.108", 2285),
        ("4.1.15", 2974),
        ("4.9.88", 3784),
        ("4.14.98", 4412),
        ("4.19.35", 5093),
        ("5.4.70", 6017),
        ("5.10.72", 6902),
        ("5.15.71", 7023),
        ("6.1.55", 6319),
        ("6.6.52", 5567),
        ("6.12.20", 5190),
    ] {
        let start = Instant::now();
        let found = findings(snapshot, &component("linux", version));
        let elapsed = start.elapsed();
        let of_cna = found.iter().filter(|finding| {
            finding.matches.iter().any(|known| known.source.source == "kernel-cna")
        });
        let of_cna = of_cna.count();
        println!("linux {version}: {of_cna} of the CNA, {} in all, {elapsed:?}", found.len());
        assert_eq!(of_cna, expected, "{version}");
    }
}

#[test]
fn rejected_and_foreign_advisories_never_touch_the_kernel() {
    let Some(snapshot) = full() else { return };
    let found = findings(snapshot, &component("linux", "4.4.92"));
    assert!(found.len() > 3000, "{}", found.len());
    for finding in &found {
        let kernel = |source: &str| source.starts_with("kernel-");
        assert!(finding.matches.iter().all(|m| kernel(&m.source.source)), "{finding:?}");
    }
    for finding in found.iter().step_by(100) {
        let view = snapshot.show(&finding.id.0).unwrap().unwrap();
        assert!(view.withdrawn_by.is_empty(), "{} was withdrawn", finding.id);
        assert!(!view.claims.iter().any(|claim| claim.product.contains("chrome")), "{view:?}");
    }
    let rejected = snapshot.show("CVE-2021-46907").unwrap().unwrap();
    assert!(rejected.withdrawn_by.contains(&"kernel-cna".to_owned()), "{rejected:?}");
    assert!(rejected.claims.is_empty());
}

#[test]
fn well_known_vulnerabilities_are_found_and_repaired_ones_are_not() {
    let Some(snapshot) = full() else { return };
    for (name, version, id, expected) in [
        ("openssl", "1.0.1e", "CVE-2014-0160", true),
        ("openssl", "1.0.1g", "CVE-2014-0160", false),
        ("openssl", "1.0.0t", "CVE-2014-0160", false),
        ("openssl", "1.1.1k", "CVE-2021-3711", true),
        ("openssl", "1.1.1l", "CVE-2021-3711", false),
        ("busybox", "1.25.1", "CVE-2022-48174", true),
        ("busybox", "1.32.1", "CVE-2021-28831", true),
        ("dropbear", "2012.55", "CVE-2018-15599", true),
        ("dropbear", "2018.76", "CVE-2018-15599", true),
        ("dropbear", "2019.78", "CVE-2018-15599", false),
        ("dnsmasq", "2.77", "CVE-2017-14491", true),
        ("dnsmasq", "2.78", "CVE-2017-14491", false),
        ("dnsmasq", "2.78", "CVE-2020-25681", true),
        ("curl", "7.58.0", "CVE-2018-1000300", true),
        ("curl", "7.60.0", "CVE-2018-1000300", false),
        ("ppp", "2.4.7", "CVE-2020-8597", true),
        ("uclibc", "0.9.33.2", "CVE-2022-30295", true),
        ("uclibc-ng", "1.0.41", "CVE-2022-30295", false),
        ("xz", "5.6.1", "CVE-2024-3094", true),
        ("xz", "5.4.6", "CVE-2024-3094", false),
        ("treck", "6.0.1.41", "CVE-2020-11896", true),
        ("treck", "6.0.1.66", "CVE-2020-11896", false),
    ] {
        let found = ids(snapshot, &component(name, version));
        assert_eq!(found.contains(id), expected, "{name} {version} {id}: {found:?}");
    }
    // NVD lists 1.27.2 alone for this one; 1.25.1 must not be guessed into it.
    assert!(ids(snapshot, &component("busybox", "1.27.2")).contains("CVE-2017-15873"));
}

#[test]
fn facts_of_exploitation_are_there() {
    let Some(snapshot) = full() else { return };
    let view = snapshot.show("CVE-2014-0160").unwrap().unwrap();
    assert!(view.kev.is_some() && view.epss.is_some());
    assert!(view.signs.iter().any(|sign| sign.source == "metasploit"), "{:?}", view.signs);
    let alaris = with_cpe(
        component("alaris", "1.1.3"),
        "cpe:2.3:o:bd:alaris_gateway_workstation_firmware:1.1.3:10:*:*:*:*:*:*",
    );
    assert!(ids(snapshot, &alaris).contains("CVE-2019-10959"));
}

#[test]
fn a_firmware_is_matched_within_its_time() {
    let Some(snapshot) = full() else { return };
    let mut components: Vec<Component> = include_str!("../../data/names.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .step_by(5)
        .map(|line| package(line.split('\t').next().unwrap(), "1.2.3-4", "opkg", None))
        .collect();
    components.push(component("linux", "4.4.92"));
    let platform = Platform::of(&components);
    let start = Instant::now();
    let mut found = 0;
    for component in &components {
        if let MatchOutcome::Matches(findings) =
            match_component_on(snapshot, component, &platform).unwrap()
        {
            found += findings.len();
        }
    }
    println!("{} components, {found} findings, {:?}", components.len(), start.elapsed());
    assert!(components.len() >= 90 && found > 3000);
}

#[test]
fn the_starter_knows_what_devices_hold() {
    let starter = auscult_advisory::starter().unwrap();
    for (name, version) in [
        ("linux", "4.4.92"),
        ("busybox", "1.25.1"),
        ("openssl", "1.0.2k"),
        ("dropbear", "2012.55"),
        ("dnsmasq", "2.78"),
        ("curl", "7.58.0"),
    ] {
        let found = findings(&starter, &component(name, version));
        println!("starter: {name} {version}: {} findings", found.len());
        assert!(!found.is_empty(), "{name}");
    }
}
