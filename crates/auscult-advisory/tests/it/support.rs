//! Until when components are maintained: from the feed through the snapshot to the rows.

use auscult_advisory::{BuildOptions, Snapshot, build, support};
use auscult_model::{
    Component, ComponentKind, Coverage, FACTS_SCHEMA, Facts, Input, InputKind, Known, Limits,
    Operation, Origin, OwnedBinary, Purl, Sha256, Support, SupportState, ToolIdentity,
    VersionClaim, component_ids,
};
use jiff::civil::{Date, date};

use crate::{component, conformance::shared, matching, package, with_cpe};

const AS_OF: Date = date(2026, 7, 1);
const FEED: &str = r#"{"schema_version":"1.2.0","generated_at":"2026-11-21T00:00:00+00:00","result":[
    {"name":"linux","category":"os","identifiers":[{"id":"cpe:2.3:o:linux:linux_kernel","type":"cpe"}],
     "releases":[{"name":"7.2","isEol":false,"isMaintained":true},
      {"name":"6.1","isEol":false,"eolFrom":"2027-12-31","latest":{"name":"6.1.178"}},
      {"name":"4.4","isEol":true,"eolFrom":"2022-02-03","latest":{"name":"4.4.302"}}]},
    {"name":"openssl","category":"framework","identifiers":[{"id":"cpe:/a:openssl:openssl","type":"cpe"}],
     "releases":[{"name":"1.1.1","isEol":true},{"name":"1.0.2"}]},
    {"name":"debian","category":"os","identifiers":[],
     "releases":[{"name":"11","isEol":true,"eolFrom":"2024-08-14","eoesFrom":"2026-08-31"}]},
    {"name":"alpine-linux","category":"os","identifiers":[],
     "releases":[{"name":"3.18","isEol":true,"eolFrom":"2025-05-09"}]},
    {"name":"express","category":"framework","identifiers":[{"id":"pkg:npm/express","type":"purl"}],
     "releases":[{"name":"4","isEol":false,"eolFrom":"2026-07-01"}]},
    {"name":"one","category":"app","identifiers":[{"id":"cpe:2.3:a:acme:twice","type":"cpe"}],
     "releases":[{"name":"1","isEol":true}]},
    {"name":"other","category":"app","identifiers":[{"id":"cpe:2.3:a:acme:twice","type":"cpe"}],
     "releases":[{"name":"1","isEol":true}]}]}"#;

fn facts(components: Vec<Component>) -> Facts {
    let zero = Sha256([0; 32]);
    let mut facts = Facts {
        schema: FACTS_SCHEMA,
        tool: ToolIdentity { name: String::new(), version: String::new(), rules: zero },
        limits: Limits::default(),
        input: Input { sha256: zero, size: 0, kind: InputKind::Image },
        identities: Vec::new(),
        formats: Vec::new(),
        components,
        dependencies: Vec::new(),
        conflicts: Vec::new(),
        owned: Vec::new(),
        mentions: Vec::new(),
        binaries: Vec::new(),
        kernels: Vec::new(),
        features: Vec::new(),
        operation: Operation::default(),
        coverage: Coverage::default(),
        problems: Vec::new(),
    };
    facts.canonicalise();
    facts
}

fn rows(snapshot: &Snapshot, facts: &Facts) -> Vec<Support> {
    match support(snapshot, facts, AS_OF).unwrap() {
        Known::Known(rows) => rows,
        Known::Unknown(reason) => panic!("{reason}"),
    }
}

/// Product and cycle of the only row, or nothing.
fn cycle(snapshot: &Snapshot, component: Component) -> Option<String> {
    let rows = rows(snapshot, &facts(vec![component]));
    assert!(rows.len() < 2, "{rows:?}");
    rows.first().map(|row| format!("{} {}", row.product, row.cycle))
}

fn system(name: &str, version: &str) -> Component {
    let kind = ComponentKind::OperatingSystem;
    Component { kind, origin: Origin::Structure, ..component(name, version) }
}

fn with_purl(mut component: Component, purl: &str) -> Component {
    component.purl = Some(Purl::canonical(purl).unwrap());
    component
}

#[test]
fn the_state_is_that_of_the_day_asked_for() {
    let snapshot = matching::snapshot(&[("a.json", FEED)]);
    let express = with_purl(component("express", "4.18.2"), "pkg:npm/express@4.18.2");
    let all = vec![
        component("linux", "4.4.92-1-45d282495a15974d"),
        component("linux", "6.1.176"),
        component("linux", "7.2.1"),
        component("openssl", "1.1.1w"),
        express,
    ];
    let found = rows(&snapshot, &facts(all));
    let mut told: Vec<_> = found.iter().map(|row| (&*row.cycle, row.state, row.date)).collect();
    told.sort();
    assert_eq!(
        told,
        [
            ("1.1.1", SupportState::Ended, None),
            ("4", SupportState::Ended, Some(AS_OF)),
            ("4.4", SupportState::Ended, Some(date(2022, 2, 3))),
            ("6.1", SupportState::Ends, Some(date(2027, 12, 31))),
            ("7.2", SupportState::Supported, None),
        ]
    );
    let old = found.iter().find(|row| row.cycle == "4.4").unwrap();
    assert_eq!((old.latest.as_deref(), &*old.source), (Some("4.4.302"), "endoflife"));
}

#[test]
fn what_is_not_known_has_no_row() {
    let snapshot = matching::snapshot(&[("a.json", FEED)]);
    let unknown = VersionClaim::Unknown("no banner".to_owned());
    for silent in [
        Component { version: unknown, ..component("openssl", "") },
        component("openssl", "1.0.2k"),
        component("openssl", "0.9.8"),
        with_purl(component("openssl", "1.1.1w"), "pkg:pypi/openssl@1.1.1w"),
        with_cpe(component("x", "1.2"), "cpe:2.3:a:acme:twice:1.2:*:*:*:*:*:*:*"),
        Component { origin: Origin::FileName, ..component("openssl", "1.1.1w") },
        component("opensslx", "1.1.1w"),
    ] {
        assert_eq!(cycle(&snapshot, silent.clone()), None, "{silent:?}");
    }
}

#[test]
fn a_distribution_answers_for_its_packages() {
    let snapshot = matching::snapshot(&[("a.json", FEED)]);
    let packed = |database, distribution| package("openssl", "1.1.1w-0", database, distribution);
    assert_eq!(cycle(&snapshot, packed("dpkg", Some("debian-11"))), None);
    assert_eq!(cycle(&snapshot, packed("opkg", Some("openwrt-19.07"))), None);
    assert_eq!(cycle(&snapshot, packed("opkg", None)).as_deref(), Some("openssl 1.1.1"));
    let listed = with_purl(component("openssl", "1.1.1w"), "pkg:deb/debian/openssl@1.1.1w");
    let listed = Component { origin: Origin::Sbom { package: None }, ..listed };
    assert_eq!(cycle(&snapshot, listed), None);
    assert_eq!(cycle(&snapshot, system("debian", "11")).as_deref(), Some("debian 11"));
    assert_eq!(cycle(&snapshot, system("alpine", "3.18.4")).as_deref(), Some("alpine-linux 3.18"));
    let debian = &rows(&snapshot, &facts(vec![system("debian", "11")]))[0];
    assert_eq!(debian.extended_until, Some(date(2026, 8, 31)));
}

#[test]
fn what_a_package_brought_is_its_distributions() {
    let snapshot = matching::snapshot(&[("a.json", FEED)]);
    let distribution = Some("debian-11");
    let library = component("openssl", "1.1.1w");
    let owner = package("libssl1.1", "1.1.1w-0", "dpkg", distribution);
    let locator = library.evidence[0].locator.clone();
    let mut both = facts(vec![library, owner]);
    assert_eq!(rows(&snapshot, &both).len(), 1, "nothing says whose the file is");
    let ids = component_ids(&both.components);
    let at = both.components.iter().position(|one| one.name == "libssl1.1").unwrap();
    both.owned.push(OwnedBinary { locator, component: ids[at].clone() });
    assert_eq!(rows(&snapshot, &both), []);
    // The kernel of Debian is Debian's; one that came from elsewhere is not.
    let kernel = |package: Component| {
        rows(&snapshot, &facts(vec![component("linux", "4.4.92"), package])).len()
    };
    assert_eq!(kernel(package("linux-image-4.4.0-1-amd64", "4.4.92-1", "dpkg", distribution)), 0);
    assert_eq!(kernel(package("linux-image-6.1.0-1-amd64", "6.1.1-1", "dpkg", distribution)), 1);
    assert_eq!(kernel(package("kernel", "4.4.92-1-abc", "opkg", Some("lede-17.01.4"))), 1);
}

#[test]
fn a_snapshot_without_the_feed_says_so() {
    let feed = matching::nvd("CVE-2026-0001", "[]");
    let snapshot = matching::snapshot(&[("a.json", &feed)]);
    let told = support(&snapshot, &facts(vec![component("linux", "4.4.92")]), AS_OF).unwrap();
    assert!(told.reason().is_some_and(|reason| reason.contains("no source")), "{told:?}");
    assert!(!snapshot.info().layers.contains_key("support"));
}

#[test]
fn the_layer_is_the_same_each_time_and_every_byte_of_it_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), FEED).unwrap();
    let bytes = || build(folder.path(), &BuildOptions::default()).unwrap().bytes;
    let good = bytes();
    assert_eq!(good, bytes());
    let snapshot = Snapshot::from_vec(good.clone()).unwrap();
    assert!(snapshot.info().layers.contains_key("support"));
    let source = &snapshot.info().sources[0];
    assert_eq!((&*source.name, source.records, source.failures), ("endoflife", 7, 0));
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        let checked = Snapshot::from_vec(bad).and_then(|snapshot| snapshot.check());
        assert!(checked.is_err(), "byte {at} changed unseen");
    }
}

#[test]
fn real_cycles_are_found() {
    let Some(feeds) = shared("feeds/endoflife") else { return };
    let built = build(&feeds, &BuildOptions::default()).unwrap();
    let source = &built.sources[0];
    println!("{}: {} products, {} failures", source.name, source.records, source.failures);
    assert!(source.records > 350 && source.failures == 0, "{source:?} {:?}", built.problems);
    let snapshot = Snapshot::from_vec(built.bytes).unwrap();
    for (component, expected) in [
        (component("linux", "4.9.88"), "linux 4.9 2023-01-07"),
        (component("openssl", "1.0.2k"), "openssl 1.0.2 2019-12-31"),
        (component("openssl", "1.1.1w"), "openssl 1.1.1 2023-09-11"),
        (component("openssl", "3.0.16"), "openssl 3.0 2026-09-07"),
        (system("lede", "17.01.4"), "openwrt 17.01 2019-02-01"),
        (system("openwrt", "19.07.7"), "openwrt 19.07 2022-04-30"),
        (system("poky", "3.4.3"), "yocto 3.4 2022-05-01"),
    ] {
        let found = rows(&snapshot, &facts(vec![component]));
        let told = found.iter().map(|row| {
            let date = row.date.map(|date| date.to_string()).unwrap_or_default();
            format!("{} {} {date}", row.product, row.cycle)
        });
        assert_eq!(told.collect::<Vec<_>>(), [expected]);
    }
}
