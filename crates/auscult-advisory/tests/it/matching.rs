//! Matching on small feeds written for the rule at hand.

use auscult_advisory::{
    BuildOptions, MatchOutcome, Platform, Snapshot, build, match_component, match_component_on,
};
use auscult_model::{
    Component, Exploitation, Finding, Locator, Origin, Version, VersionClaim, VexStatus,
};

use crate::{component, package, with_cpe};

/// A snapshot of these documents.
pub(crate) fn snapshot(files: &[(&str, &str)]) -> Snapshot {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let built = build(folder.path(), &BuildOptions::default()).unwrap();
    Snapshot::from_vec(built.bytes).unwrap()
}

/// An NVD feed of one vulnerability with these configurations.
pub(crate) fn nvd(id: &str, configurations: &str) -> String {
    format!(
        r#"{{"format":"NVD_CVE","version":"2.0","vulnerabilities":[{{"cve":{{"id":"{id}",
        "lastModified":"2026-01-02T00:00:00.000","metrics":{{}},
        "configurations":{configurations}}}}}]}}"#
    )
}

pub(crate) fn cve5(id: &str, affected: &str) -> String {
    format!(
        r#"{{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{{"cveId":"{id}",
        "state":"PUBLISHED","dateUpdated":"2026-01-02T00:00:00Z"}},
        "containers":{{"cna":{{"affected":{affected}}}}}}}"#
    )
}

pub(crate) fn findings(snapshot: &Snapshot, component: &Component) -> Vec<Finding> {
    match match_component(snapshot, component).unwrap() {
        MatchOutcome::Matches(findings) => findings,
        _ => Vec::new(),
    }
}

/// The versions among these that match.
pub(crate) fn matching(snapshot: &Snapshot, name: &str, versions: &[&str]) -> Vec<String> {
    let matches = |version: &&&str| {
        let found = findings(snapshot, &component(name, version));
        found.iter().any(|finding| finding.vex.status == VexStatus::Affected)
    };
    versions.iter().filter(matches).map(|version| (*version).to_owned()).collect()
}

const BUSYBOX: &str = r#"[{"vendor":"busybox","product":"busybox","defaultStatus":"unaffected",
    "versions":[{"version":"1.20.0","lessThan":"1.25.1","status":"affected","versionType":"semver",
        "changes":[{"at":"1.22.0","status":"unaffected"},{"at":"1.24.0","status":"affected"}]},
        {"version":"1.24.2","status":"unaffected"}]}]"#;

#[test]
fn cve_entries_follow_status_changes_and_single_versions() {
    let snapshot = snapshot(&[("a.json", &cve5("CVE-2026-0001", BUSYBOX))]);
    let versions = ["1.19.4", "1.20.0", "1.21.9", "1.22.0", "1.23", "1.24.1", "1.24.2", "1.25.1"];
    assert_eq!(matching(&snapshot, "busybox", &versions), ["1.20.0", "1.21.9", "1.24.1"]);
    let finding = &findings(&snapshot, &component("busybox", "1.21.0"))[0];
    assert_eq!(finding.matches[0].fixed, Some(Version("1.22.0".into())));
}

#[test]
fn default_status_affected_covers_what_is_not_listed() {
    let affected = r#"[{"vendor":"busybox","product":"busybox","defaultStatus":"affected",
        "versions":[{"version":"1.30.0","lessThanOrEqual":"*","status":"unaffected"}]}]"#;
    let snapshot = snapshot(&[("a.json", &cve5("CVE-2026-0001", affected))]);
    assert_eq!(matching(&snapshot, "busybox", &["1.2", "1.29.9", "1.30.0"]), ["1.2", "1.29.9"]);
    let finding = &findings(&snapshot, &component("busybox", "1.2"))[0];
    assert_eq!(finding.matches[0].fixed, Some(Version("1.30.0".into())));
}

#[test]
fn the_gap_between_repaired_streams_is_told() {
    let affected = r#"[{"vendor":"busybox","product":"busybox","defaultStatus":"affected","versions":[
        {"version":"1.2","status":"affected"},
        {"version":"0","lessThan":"1.2","status":"unaffected","versionType":"semver"},
        {"version":"1.4.9","lessThanOrEqual":"1.4.*","status":"unaffected","versionType":"semver"},
        {"version":"1.6","lessThanOrEqual":"*","status":"unaffected"}]}]"#;
    let snapshot = snapshot(&[("a.json", &cve5("CVE-2026-0001", affected))]);
    for (version, range) in
        [("1.3", ">= 1.2, < 1.4.9"), ("1.4.8", ">= 1.2, < 1.4.9"), ("1.5.2", "> 1.4.*, < 1.6")]
    {
        let found = findings(&snapshot, &component("busybox", version));
        assert_eq!(found[0].matches[0].range, range, "{version}");
    }
    assert!(findings(&snapshot, &component("busybox", "1.4.12")).is_empty());
}

#[test]
fn outcomes_are_told_apart() {
    let snapshot = snapshot(&[("a.json", &cve5("CVE-2026-0001", BUSYBOX))]);
    let outcome = |component: &Component| match_component(&snapshot, component).unwrap();
    assert!(matches!(outcome(&component("busybox", "9.0")), MatchOutcome::NoMatch { .. }));
    assert_eq!(outcome(&component("a-library-of-ours", "1.0")), MatchOutcome::NoData);
    let mut unknown = component("busybox", "");
    unknown.version = VersionClaim::Unknown("stripped".into());
    let expected = MatchOutcome::VersionUnknown {
        advisories_for_product: 1,
        names_known: vec!["busybox:busybox".into()],
    };
    assert_eq!(outcome(&unknown), expected);
}

#[test]
fn conditions_never_match_alone() {
    // Shaped after a browser that is vulnerable when it runs on a kernel, or on Windows.
    let on = |system: &str| {
        format!(
            r#"[{{"operator":"AND","nodes":[
            {{"operator":"OR","negate":false,"cpeMatch":[{{"vulnerable":true,
              "criteria":"cpe:2.3:a:google:chrome:*:*:*:*:*:*:*:*","versionEndExcluding":"90"}}]}},
            {{"operator":"OR","negate":false,"cpeMatch":[{{"vulnerable":false,
              "criteria":"cpe:2.3:o:{system}:-:*:*:*:*:*:*:*"}}]}}]}}]"#
        )
    };
    let chrome = with_cpe(component("chrome", "80"), "cpe:2.3:a:google:chrome:80:*:*:*:*:*:*:*");
    let linux = component("linux", "4.4.92");
    let platform = Platform::of(&[chrome.clone(), linux.clone()]);
    for (system, status) in
        [("linux:linux_kernel", Some(VexStatus::Affected)), ("microsoft:windows", None)]
    {
        let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0002", &on(system)))]);
        assert_eq!(match_component(&snapshot, &linux).unwrap(), MatchOutcome::NoData);
        let found = match match_component_on(&snapshot, &chrome, &platform).unwrap() {
            MatchOutcome::Matches(findings) => findings.first().map(|f| f.vex.status),
            _ => None,
        };
        assert_eq!(found, status, "{system}");
        // Alone, where it runs is not known: open, with the condition told.
        let alone = findings(&snapshot, &chrome);
        assert_eq!(alone[0].vex.status, VexStatus::UnderInvestigation);
        assert!(alone[0].vex.evidence[0].contains(system));
    }
}

#[test]
fn build_numbers_in_the_update_field_are_compared() {
    let configurations = r#"[{"operator":"AND","nodes":[
        {"operator":"OR","cpeMatch":[{"vulnerable":true,
          "criteria":"cpe:2.3:o:maker:pump_firmware:1.1.3:10:*:*:*:*:*:*"}]},
        {"operator":"OR","cpeMatch":[{"vulnerable":false,
          "criteria":"cpe:2.3:h:maker:pump:-:*:*:*:*:*:*:*"}]}]}]"#;
    let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0003", configurations))]);
    let pump = |update: &str| {
        let cpe = format!("cpe:2.3:o:maker:pump_firmware:1.1.3:{update}:*:*:*:*:*:*");
        findings(&snapshot, &with_cpe(component("pump", "1.1.3"), &cpe))
    };
    assert_eq!(pump("10").len(), 1);
    assert_eq!(pump("10")[0].vex.status, VexStatus::Affected);
    assert!(pump("11").is_empty());
}

#[test]
fn wildcard_names_and_other_targets_are_refused() {
    let configurations = r#"[{"nodes":[{"operator":"OR","cpeMatch":[
        {"vulnerable":true,"criteria":"cpe:2.3:a:pascom:*:*:*:*:*:*:*:*:*"},
        {"vulnerable":true,"criteria":"cpe:2.3:a:ntp:ntp:4.2.8:p10:*:*:*:*:*:*"},
        {"vulnerable":true,"criteria":"cpe:2.3:a:zlib:zlib:*:*:*:*:*:node.js:*:*"}]}]}]"#;
    let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0004", configurations))]);
    assert_eq!(matching(&snapshot, "ntp", &["4.2.8p9", "4.2.8p10", "4.2.8p18"]), ["4.2.8p10"]);
    assert!(matching(&snapshot, "zlib", &["1.2.3"]).is_empty());
    let pascom = with_cpe(component("x", "1"), "cpe:2.3:a:pascom:client:1:*:*:*:*:*:*:*");
    assert_eq!(match_component(&snapshot, &pascom).unwrap(), MatchOutcome::NoData);
}

#[test]
fn a_missing_letter_is_not_the_first_release() {
    let configurations = |from: &str, to: &str| {
        format!(
            r#"[{{"nodes":[{{"operator":"OR","cpeMatch":[{{"vulnerable":true,
            "criteria":"cpe:2.3:a:openssl:openssl:*:*:*:*:*:*:*:*",
            "versionStartIncluding":"{from}","versionEndExcluding":"{to}"}}]}}]}}]"#
        )
    };
    let mut openssl = component("openssl", "1.0.2");
    openssl.version = VersionClaim::Incomplete {
        known: Version("1.0.2".into()),
        reason: "the letter is missing".into(),
    };
    for (from, to, expected) in [
        ("1.0.2", "1.0.2k", Some(VexStatus::UnderInvestigation)),
        ("1.0.1", "1.1.0", Some(VexStatus::Affected)),
        ("1.1.0", "1.1.1", None),
    ] {
        let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0005", &configurations(from, to)))]);
        let status = findings(&snapshot, &openssl).first().map(|finding| finding.vex.status);
        assert_eq!(status, expected, "{from} {to}");
    }
}

#[test]
fn a_version_between_bounds_matches_only_what_holds_all_of_it() {
    let configurations = |from: &str, to: &str| {
        format!(
            r#"[{{"nodes":[{{"operator":"OR","cpeMatch":[{{"vulnerable":true,
            "criteria":"cpe:2.3:a:busybox:busybox:*:*:*:*:*:*:*:*",
            "versionStartIncluding":"{from}","versionEndExcluding":"{to}"}}]}}]}}]"#
        )
    };
    let between = |least: Option<&str>, limit: Option<&str>| {
        let version = |text: &str| Version(text.to_owned());
        let mut busybox = component("busybox", "");
        busybox.version = VersionClaim::Range {
            at_least: least.map(version),
            below: limit.map(version),
            reason: "by its exports".into(),
        };
        busybox
    };
    let open = Some((VexStatus::UnderInvestigation, 30));
    let sure = Some((VexStatus::Affected, 60));
    for (least, limit, from, to, expected) in [
        (Some("1.21.1"), Some("1.23.0"), "1.20.0", "1.23.0", sure),
        (Some("1.21.1"), Some("1.23.0"), "1.20.0", "1.23.1", sure),
        (Some("1.21.1"), Some("1.23.0"), "1.20.0", "1.22.9", open),
        (Some("1.21.1"), Some("1.23.0"), "1.22.0", "1.22.1", open),
        (Some("1.21.1"), Some("1.23.0"), "1.21.1", "1.21.2", open),
        (Some("1.21.1"), Some("1.23.0"), "1.23.0", "1.24.0", None),
        (Some("1.21.1"), Some("1.23.0"), "1.10.0", "1.21.1", None),
        (Some("1.21.1"), None, "1.22.0", "1.24.0", open),
        (Some("1.21.1"), None, "1.10.0", "1.21.1", None),
        (None, Some("1.21.1"), "1.21.1", "1.22.0", None),
        (None, Some("1.21.1"), "1.20.0", "1.22.0", open),
        (None, Some("1.21.1"), "0", "1.22.0", sure),
    ] {
        let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0005", &configurations(from, to)))]);
        let found = findings(&snapshot, &between(least, limit));
        let found = found.first().map(|one| (one.vex.status, one.matches[0].confidence));
        assert_eq!(found, expected, "{least:?} {limit:?}: {from} {to}");
    }
}

#[test]
fn the_distribution_decides_about_its_package() {
    let list = "[02 Feb 2026] DSA-6000-1 busybox - security update\n\t{CVE-2026-0001}\n\
                \t[bookworm] - busybox 1:1.21.0-4+deb12u1\n";
    let snapshot = snapshot(&[("a.json", &cve5("CVE-2026-0001", BUSYBOX)), ("DSA", list)]);
    let debian = |version: &str| package("busybox", version, "dpkg", Some("debian-12"));
    assert!(findings(&snapshot, &debian("1:1.21.0-4+deb12u1")).is_empty());
    let old = findings(&snapshot, &debian("1:1.21.0-4"));
    assert_eq!((old.len(), old[0].matches[0].source.source.as_str()), (1, "debian"));
    // Without the distribution's word upstream's range is a weak one.
    let other = findings(&snapshot, &package("busybox", "1:1.21.0-4", "dpkg", Some("debian-11")));
    assert!(other[0].matches[0].confidence <= 40);
    assert!(other[0].vex.evidence[0].contains("repaired"));
    // opkg: the package revision is not upstream's.
    assert_eq!(findings(&snapshot, &package("busybox", "1.25.1-4", "opkg", None)), []);
    assert_eq!(findings(&snapshot, &package("busybox", "1.21.1-4", "opkg", None)).len(), 1);
}

#[test]
fn aliases_of_one_vulnerability_are_one_finding() {
    let osv = |id: &str| {
        format!(
            r#"{{"id":"{id}","modified":"2026-01-01T00:00:00Z","aliases":["CVE-2026-0006"],
            "affected":[{{"package":{{"ecosystem":"crates.io","name":"demo"}},"ranges":[
            {{"type":"SEMVER","events":[{{"introduced":"0"}},{{"fixed":"1.2.0"}}]}}]}}]}}"#
        )
    };
    let snapshot =
        snapshot(&[("a.json", &osv("RUSTSEC-2026-0001")), ("b.json", &osv("GHSA-aaaa-bbbb-cccc"))]);
    let mut demo = component("demo", "1.1.9");
    demo.purl = Some(auscult_model::Purl("pkg:cargo/demo@1.1.9".into()));
    let found = findings(&snapshot, &demo);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id.0, "CVE-2026-0006");
    assert_eq!((found[0].aliases.len(), found[0].matches.len()), (2, 2));
    assert_eq!(snapshot.show("RUSTSEC-2026-0001").unwrap().unwrap().id, "CVE-2026-0006");
    demo.version = VersionClaim::Exact(Version("1.2.0".into()));
    assert!(matches!(match_component(&snapshot, &demo).unwrap(), MatchOutcome::NoMatch { .. }));
}

#[test]
fn exploitation_and_scores_reach_the_finding() {
    let kev = r#"{"title":"x","catalogVersion":"2026.01.03","dateReleased":"2026-01-03T00:00:00Z",
        "vulnerabilities":[{"cveID":"CVE-2026-0001","dateAdded":"2026-01-02",
        "knownRansomwareCampaignUse":"Known"}]}"#;
    let old = "#model_version:v1,score_date:2026-01-01T00:00:00+0000\ncve,epss,percentile\n\
               CVE-2026-0001,0.1,0.2\n";
    let new = "cve;epss;percentile\nCVE-2026-0001;0.900010000;0.990000000\n";
    let snapshot = snapshot(&[
        ("a.json", &cve5("CVE-2026-0001", BUSYBOX)),
        ("kev.json", kev),
        ("epss-2026-01-09.csv", new),
        ("z-epss.csv", old),
    ]);
    let finding = &findings(&snapshot, &component("busybox", "1.20.0"))[0];
    assert_eq!(finding.exploitation, Exploitation::Active);
    assert_eq!(finding.kev.as_ref().map(|kev| kev.ransomware), Some(true));
    assert_eq!(finding.epss.map(|epss| epss.score_e5), Some(90_001));
}

#[test]
fn the_world_of_a_component_decides_which_claims_it_shares() {
    let configurations = r#"[{"nodes":[{"operator":"OR","cpeMatch":[{"vulnerable":true,
        "criteria":"cpe:2.3:a:acme:widget:*:*:*:*:*:python:*:*","versionEndExcluding":"2.0"}]}]}]"#;
    let snapshot = snapshot(&[("a.json", &nvd("CVE-2026-0001", configurations))]);
    let native = with_cpe(component("widget", "1.0"), "cpe:2.3:a:acme:widget:1.0:*:*:*:*:*:*:*");
    let python = with_cpe(
        component("widget-for-python", "1.0"),
        "cpe:2.3:a:acme:widget:1.0:*:*:*:*:python:*:*",
    );
    let components = [native, python];
    let matched = auscult_advisory::match_build(&snapshot, None, &components).unwrap();
    let found: Vec<_> = matched.findings.iter().map(|finding| finding.component.as_str()).collect();
    assert_eq!(found, ["widget-for-python"]);
}

#[test]
fn repairs_of_another_source_package_do_not_count() {
    let list = "[02 Jan 2026] DSA-1-1 busybox - security update\n\t{CVE-2026-0001}\n\
                \t[bookworm] - busybox 1.2-1\n";
    let files = [("a.json", cve5("CVE-2026-0001", BUSYBOX)), ("DSA.list", list.to_owned())];
    let snapshot = snapshot(&files.each_ref().map(|(name, text)| (*name, text.as_str())));
    // The binary package `busybox` of the source package `busybox-defaults`.
    let mut other = package("busybox", "1.21.0", "dpkg", Some("debian-12"));
    if let Origin::Package(package) = &mut other.origin {
        package.source = Some("busybox-defaults".to_owned());
        package.source_version = Some("1.21.0".to_owned());
    }
    assert_eq!(findings(&snapshot, &other).len(), 1);
    let own = package("busybox", "1.21.0", "dpkg", Some("debian-12"));
    assert!(findings(&snapshot, &own).is_empty());
}

/// Distributions that use RPM announce by binary package: what one of them says holds for the
/// others that were made of the same source at once.
#[test]
fn packages_of_one_source_share_the_repairs_that_are_announced_by_one_of_them() {
    let rocky = r#"{"id":"RLSA-2026:0001","modified":"2026-01-01T00:00:00Z","aliases":["CVE-2026-0001"],
        "affected":[{"package":{"ecosystem":"Rocky Linux:9","name":"busybox-libs"},"ranges":[{
        "type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"0:1.21.0-4.el9"}]}]}]}"#;
    let files = [("a.json", cve5("CVE-2026-0001", BUSYBOX)), ("rocky.json", rocky.to_owned())];
    let snapshot = snapshot(&files.each_ref().map(|(name, text)| (*name, text.as_str())));
    for (version, expected) in [("1.21.0-4.el9", 0), ("1.21.0-3.el9", 1)] {
        let packages = ["busybox", "busybox-libs"].map(|name| {
            let mut one = package(name, version, "rpm", Some("rocky-9.4"));
            if let Origin::Package(package) = &mut one.origin {
                package.source = Some("busybox".to_owned());
            }
            one
        });
        let matched = auscult_advisory::match_build(&snapshot, None, &packages).unwrap();
        assert_eq!(matched.findings.len(), expected, "{:?}", matched.findings);
    }
}

/// An announcement that repairs several vulnerabilities speaks of each, and makes them no aliases of
/// each other.
#[test]
fn an_announcement_of_several_vulnerabilities_is_about_each() {
    for list in ["upstream", "related"] {
        let rocky = format!(
            r#"{{"id":"RLSA-2026:0002","modified":"2026-01-01T00:00:00Z","{list}":["CVE-2026-0002",
            "CVE-2026-0001"],"affected":[{{"package":{{"ecosystem":"Rocky Linux:9","name":"busybox"}},
            "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},
            {{"fixed":"0:1.21.0-4.el9"}}]}}]}}]}}"#
        );
        let files = [
            ("a.json", cve5("CVE-2026-0001", BUSYBOX)),
            ("b.json", cve5("CVE-2026-0002", BUSYBOX)),
            ("rocky.json", rocky),
        ];
        let snapshot = snapshot(&files.each_ref().map(|(name, text)| (*name, text.as_str())));
        for (version, expected) in [("1.21.0-4.el9", 0), ("1.21.0-3.el9", 2)] {
            let packages = [package("busybox", version, "rpm", Some("rocky-9.4"))];
            let matched = auscult_advisory::match_build(&snapshot, None, &packages).unwrap();
            assert_eq!(matched.findings.len(), expected, "{list} {:?}", matched.findings);
        }
    }
}

/// What was said of a component in one build is said of the same component in another one, with the
/// places where it lies there; and what depends on the surroundings is asked again in others.
#[test]
fn what_is_recalled_is_what_would_be_matched() {
    let configurations = r#"[{"operator":"AND","nodes":[
        {"operator":"OR","cpeMatch":[{"vulnerable":true,
         "criteria":"cpe:2.3:a:acme:widget:*:*:*:*:*:*:*:*","versionEndExcluding":"2.0"}]},
        {"operator":"OR","cpeMatch":[{"vulnerable":false,
         "criteria":"cpe:2.3:a:acme:gadget:-:*:*:*:*:*:*:*"}]}]}]"#;
    let nvd = nvd("CVE-2026-0002", configurations);
    let snapshot = snapshot(&[("a.json", &cve5("CVE-2026-0001", BUSYBOX)), ("b.json", &nvd)]);
    let widget = with_cpe(component("widget", "1.0"), "cpe:2.3:a:acme:widget:1.0:*:*:*:*:*:*:*");
    let gadget = with_cpe(component("gadget", "1.0"), "cpe:2.3:a:acme:gadget:1.0:*:*:*:*:*:*:*");
    let mut elsewhere = component("busybox", "1.21.0");
    for evidence in &mut elsewhere.evidence {
        evidence.locator = Locator::image().at(0x1000);
    }
    let doubtful = {
        let mut one = component("busybox", "1.21.0");
        one.evidence.iter_mut().for_each(|evidence| evidence.confidence = 20);
        one
    };
    let busybox = component("busybox", "1.21.0");
    let builds = [
        vec![busybox.clone(), widget.clone()],
        vec![elsewhere.clone(), widget.clone(), gadget.clone()],
        vec![elsewhere, busybox.clone(), component("nobody", "1.0")],
        vec![doubtful, component("busybox", "9.0"), gadget],
        vec![busybox, widget],
    ];
    let recall = auscult_advisory::Recall::of(&snapshot);
    for round in 0..2 {
        for (number, build) in builds.iter().enumerate() {
            let recalled = auscult_advisory::match_build(&snapshot, Some(&recall), build).unwrap();
            let matched = auscult_advisory::match_build(&snapshot, None, build).unwrap();
            assert_eq!(recalled.findings, matched.findings, "build {number}, round {round}");
            assert_eq!(recalled.no_data, matched.no_data, "build {number}, round {round}");
            assert!(round > 0 || number == 3 || !matched.findings.is_empty(), "build {number}");
        }
    }
}

/// A memory of one snapshot says nothing of another one.
#[test]
fn another_snapshot_is_asked_anew() {
    let first = snapshot(&[("a.json", &cve5("CVE-2026-0001", BUSYBOX))]);
    let second = snapshot(&[("a.json", &cve5("CVE-2026-0009", BUSYBOX))]);
    let recall = auscult_advisory::Recall::of(&first);
    let build = [component("busybox", "1.21.0")];
    for (snapshot, id) in [(&first, "CVE-2026-0001"), (&second, "CVE-2026-0009")] {
        let matched = auscult_advisory::match_build(snapshot, Some(&recall), &build).unwrap();
        let ids: Vec<_> = matched.findings.iter().map(|finding| finding.id.0.as_str()).collect();
        assert_eq!(ids, [id]);
    }
}
