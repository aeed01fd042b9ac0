//! The seventeen ways in which matching goes wrong, one test for each, named after it. Where a rule
//! is tested further elsewhere, the test here holds the case that scanners got wrong in the field.

use auscult_advisory::{MatchOutcome, Platform, Snapshot, match_component, match_component_on};
use auscult_model::{Component, Finding, Purl, Version, VersionClaim, VexStatus};

use crate::{
    component,
    matching::{cve5, findings, matching, nvd, snapshot},
    package, with_cpe,
};

fn cpe_range(criteria: &str, bounds: &str) -> String {
    format!(
        r#"[{{"nodes":[{{"operator":"OR","cpeMatch":[{{"vulnerable":true,
        "criteria":"{criteria}"{bounds}}}]}}]}}]"#
    )
}

fn status(snapshot: &Snapshot, component: &Component) -> Option<VexStatus> {
    findings(snapshot, component).first().map(|finding| finding.vex.status)
}

fn notes(finding: &Finding) -> String {
    finding.vex.evidence.join("\n")
}

#[test]
fn pitfall_01_records_that_nvd_never_enriched_match_by_their_maker() {
    let affected = r#"[{"vendor":"busybox","product":"busybox","defaultStatus":"unaffected",
        "versions":[{"version":"0","lessThan":"1.37.0","status":"affected","versionType":"semver"}]}]"#;
    let deferred = nvd("CVE-2026-0001", "[]");
    let snapshot =
        snapshot(&[("nvd.json", &deferred), ("cna.json", &cve5("CVE-2026-0001", affected))]);
    let found = findings(&snapshot, &component("busybox", "1.36.1"));
    assert_eq!(found[0].matches[0].source.source, "cve5");
    // The same record without product data is no match and no proof: nobody knows the product.
    let silent = self::snapshot(&[("nvd.json", &deferred)]);
    assert_eq!(
        match_component(&silent, &component("busybox", "1.36.1")).unwrap(),
        MatchOutcome::NoData
    );
}

#[test]
fn pitfall_02_default_status_lower_bounds_and_empty_names_of_enrichment() {
    let affected = r#"[
        {"vendor":"-","product":"-","defaultStatus":"affected"},
        {"vendor":"n/a","product":"n/a","versions":[{"version":"n/a","status":"affected"}]},
        {"vendor":"lighttpd","product":"lighttpd","defaultStatus":"affected",
         "versions":[{"version":"1.4.56","lessThan":"1.4.60","status":"unaffected",
                      "versionType":"semver"}]},
        {"vendor":"busybox","product":"busybox","defaultStatus":"unknown",
         "versions":[{"lessThanOrEqual":"1.30.1","version":"unspecified","status":"affected",
                      "versionType":"custom"}]}]"#;
    let snapshot = snapshot(&[("a.json", &cve5("CVE-2026-0002", affected))]);
    assert_eq!(
        matching(&snapshot, "lighttpd", &["1.4.55", "1.4.57", "1.4.60"]),
        ["1.4.55", "1.4.60"]
    );
    assert_eq!(matching(&snapshot, "busybox", &["1.0", "1.30.1", "1.31.0"]), ["1.0", "1.30.1"]);
    let dash = with_cpe(component("x", "1"), "cpe:2.3:o:-:-:1:*:*:*:*:*:*:*");
    assert_eq!(match_component(&snapshot, &dash).unwrap(), MatchOutcome::NoData);
}

#[test]
fn pitfall_03_what_it_runs_on_never_matches_alone() {
    let configurations = r#"[{"operator":"AND","nodes":[
        {"operator":"OR","cpeMatch":[{"vulnerable":true,
          "criteria":"cpe:2.3:a:google:chrome:*:*:*:*:*:*:*:*","versionEndExcluding":"129"}]},
        {"operator":"OR","cpeMatch":[{"vulnerable":false,
          "criteria":"cpe:2.3:o:linux:linux_kernel:-:*:*:*:*:*:*:*"}]}]}]"#;
    let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0003", configurations))]);
    let kernel = component("linux", "6.1.55");
    let outcome =
        match_component_on(&snapshot, &kernel, &Platform::of(std::slice::from_ref(&kernel)));
    assert_eq!(outcome.unwrap(), MatchOutcome::NoData);
}

#[test]
fn pitfall_04_wildcard_vendors_and_products_match_nothing() {
    for criteria in ["cpe:2.3:a:pascom:*:*:*:*:*:*:*:*:*", "cpe:2.3:a:*:busybox:*:*:*:*:*:*:*:*"] {
        let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0004", &cpe_range(criteria, "")))]);
        let own = with_cpe(component("busybox", "1.36.1"), "cpe:2.3:a:pascom:x:1:*:*:*:*:*:*:*");
        assert!(findings(&snapshot, &own).is_empty(), "{criteria}");
    }
    // A component whose vendor nobody knows still finds the product by its name.
    let known = cpe_range("cpe:2.3:a:busybox:busybox:*:*:*:*:*:*:*:*", "");
    let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0004", &known))]);
    let any = with_cpe(component("busybox", "1.36.1"), "cpe:2.3:a:*:busybox:1.36.1:*:*:*:*:*:*:*");
    assert_eq!(findings(&snapshot, &any).len(), 1);
}

#[test]
fn pitfall_05_a_name_of_another_world_is_another_thing() {
    let configurations = cpe_range("cpe:2.3:a:zlib:zlib:*:*:*:*:*:*:*:*", "");
    let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0005", &configurations))]);
    assert_eq!(findings(&snapshot, &component("zlib", "1.2.3")).len(), 1);
    let mut module = component("zlib", "1.0.5");
    module.purl = Some(Purl("pkg:npm/zlib@1.0.5".into()));
    assert!(findings(&snapshot, &module).is_empty());
    // Nothing is fuzzy.
    assert_eq!(
        match_component(&snapshot, &component("zlibb", "1.2.3")).unwrap(),
        MatchOutcome::NoData
    );
}

#[test]
fn pitfall_06_patch_levels_are_part_of_the_version() {
    let ntp =
        |update: &str| cpe_range(&format!("cpe:2.3:a:ntp:ntp:4.2.8:{update}:*:*:*:*:*:*"), "");
    let at = |update: &str, versions: &[&str]| {
        let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0006", &ntp(update)))]);
        matching(&snapshot, "ntp", versions)
    };
    let versions = ["4.2.8", "4.2.8p9", "4.2.8p18"];
    assert_eq!(at("p9", &versions), ["4.2.8p9"]);
    // NA is the release without an update, ANY is all of them.
    assert_eq!(at("-", &versions), ["4.2.8"]);
    assert_eq!(at("*", &versions), versions);
}

#[test]
fn pitfall_07_letters_are_levels_of_openssl_and_missing_ones_are_unknown() {
    let range = cpe_range(
        "cpe:2.3:a:openssl:openssl:*:*:*:*:*:*:*:*",
        r#","versionStartIncluding":"0.9.8","versionEndExcluding":"0.9.8zd""#,
    );
    let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0007", &range))]);
    let versions = ["0.9.7m", "0.9.8", "0.9.8k", "0.9.8zc", "0.9.8zd", "1.0.0"];
    assert_eq!(matching(&snapshot, "openssl", &versions), ["0.9.8", "0.9.8k", "0.9.8zc"]);
    let mut unlettered = component("openssl", "");
    unlettered.version = VersionClaim::Incomplete {
        known: Version("0.9.8".into()),
        reason: "the binary does not tell the letter".into(),
    };
    assert_eq!(status(&snapshot, &unlettered), Some(VexStatus::UnderInvestigation));
}

#[test]
fn pitfall_08_epochs_and_candidates_are_ordered_as_their_makers_do() {
    let list = "[02 Feb 2026] DSA-1-1 busybox - update\n\t{CVE-2026-0008}\n\
                \t[bookworm] - busybox 1:1.6-1\n";
    let secdb = r#"{"distroversion":"v3.20","reponame":"main","packages":[{"pkg":{"name":"zlib",
        "secfixes":{"1.6-r0":["CVE-2026-0008"]}}}]}"#;
    let snapshot = snapshot(&[("DSA", list), ("main.json", secdb)]);
    let debian = |version| package("busybox", version, "dpkg", Some("debian-12"));
    assert!(!findings(&snapshot, &debian("9.9-1")).is_empty());
    assert!(findings(&snapshot, &debian("1:1.6-1")).is_empty());
    assert!(!findings(&snapshot, &debian("1:1.6~rc1-1")).is_empty());
    let alpine = |version| package("zlib", version, "apk", Some("alpine-3.20.1"));
    assert!(!findings(&snapshot, &alpine("1.6_rc1-r3")).is_empty());
    assert!(findings(&snapshot, &alpine("1.6-r0")).is_empty());
}

#[test]
fn pitfall_09_the_distribution_decides_about_backports() {
    let range =
        cpe_range("cpe:2.3:a:haxx:curl:*:*:*:*:*:*:*:*", r#","versionEndExcluding":"8.0.0""#);
    let rocky = r#"{"id":"RLSA-2026:0009","modified":"2026-01-01T00:00:00Z","aliases":["CVE-2026-0009"],
        "affected":[{"package":{"ecosystem":"Rocky Linux:9","name":"curl"},"ranges":[{"type":"ECOSYSTEM",
        "events":[{"introduced":"0"},{"fixed":"0:7.76.1-34.el9"}]}]}]}"#;
    let ubuntu = r#"{"id":"USN-1-1","modified":"2026-01-01T00:00:00Z","upstream":["CVE-2026-0009"],
        "affected":[{"package":{"ecosystem":"Ubuntu:22.04:LTS","name":"curl"},"ranges":[{
        "type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"7.81.0-1ubuntu1.2"}]}]}]}"#;
    let tracker = r#"{"curl":{"CVE-2026-0009":{"releases":{
        "bookworm":{"status":"resolved","fixed_version":"0"},"trixie":{"status":"undetermined"}}}}}"#;
    let snapshot = snapshot(&[
        ("nvd.json", &nvd("CVE-2026-0009", &range)),
        ("rocky.json", rocky),
        ("ubuntu.json", ubuntu),
        ("tracker.json", tracker),
    ]);
    for (version, database, distribution, expected) in [
        ("7.76.1-34.el9", "rpm", "rocky-9.4", None),
        ("7.76.1-33.el9", "rpm", "rocky-9.4", Some("osv")),
        ("7.81.0-1ubuntu1.2", "dpkg", "ubuntu-22.04", None),
        ("7.81.0-1ubuntu1.1", "dpkg", "ubuntu-22.04", Some("osv")),
        ("7.88.1-10", "dpkg", "debian-12", None),
        // Nobody decided: upstream's range, as a weak word.
        ("7.88.1-10", "dpkg", "debian-13", Some("nvd")),
    ] {
        let found = findings(&snapshot, &package("curl", version, database, Some(distribution)));
        let source = found.first().map(|one| one.matches[0].source.source.as_str());
        assert_eq!(source, expected, "{version} of {distribution}");
        if expected == Some("nvd") {
            assert!(found[0].matches[0].confidence <= 40);
        }
    }
}

#[test]
fn pitfall_10_the_kernel_is_judged_by_its_own_records() {
    let cna = r#"{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{"cveId":"CVE-2026-0010",
        "assignerOrgId":"f4215fc3-5b6b-47ff-a258-f7189bd81038","state":"PUBLISHED","dateUpdated":"2026-01-02T00:00:00Z"},
        "containers":{"cna":{"providerMetadata":{"orgId":"f4215fc3-5b6b-47ff-a258-f7189bd81038"},"affected":[
        {"product":"Linux","vendor":"Linux","defaultStatus":"affected",
         "programFiles":["net/core/dev.c"],"versions":[
         {"version":"5.4","status":"affected"},
         {"version":"0","lessThan":"5.4","status":"unaffected","versionType":"semver"},
         {"version":"5.10.100","lessThanOrEqual":"5.10.*","status":"unaffected","versionType":"semver"},
         {"version":"6.1","lessThanOrEqual":"*","status":"unaffected",
          "versionType":"original_commit_for_fix"}]}]}}}"#;
    // NVD counts every kernel before 6.1.
    let range = cpe_range(
        "cpe:2.3:o:linux:linux_kernel:*:*:*:*:*:*:*:*",
        r#","versionEndExcluding":"6.1""#,
    );
    let snapshot = snapshot(&[("cna.json", cna), ("nvd.json", &nvd("CVE-2026-0010", &range))]);
    let versions = ["4.19.300", "5.4.70", "5.10.99", "5.10.100", "6.1.5"];
    assert_eq!(matching(&snapshot, "linux", &versions), ["5.4.70", "5.10.99"]);
}

#[test]
fn pitfall_11_kernel_vulnerabilities_from_before_its_cna_are_known() {
    let fixes = r#"{"CVE-2016-0011":{"4.4":{"cmt_id":"x","fixed_version":"4.4.26"},
        "4.8":{"cmt_id":"y","fixed_version":"4.8.3"}}}"#;
    let snapshot = snapshot(&[("stream_fixes.json", fixes)]);
    let versions = ["4.4.25", "4.4.26", "4.8.2", "4.8.3"];
    assert_eq!(matching(&snapshot, "linux", &versions), ["4.4.25", "4.8.2"]);
}

#[test]
fn pitfall_12_what_will_not_be_fixed_stays_in_the_report() {
    let tracker = r#"{"busybox":{"CVE-2026-0012":{"releases":{"bookworm":{"status":"open",
        "nodsa":"Minor issue","nodsa_reason":"ignored"}}}}}"#;
    let snapshot = snapshot(&[("tracker.json", tracker)]);
    let own = package("busybox", "1:1.35.0-4", "dpkg", Some("debian-12"));
    assert_eq!(status(&snapshot, &own), Some(VexStatus::Affected));
}

#[test]
fn pitfall_13_one_product_has_many_names_and_one_finding() {
    let names = ["haxx:curl", "haxx:libcurl", "curl:curl"];
    let documents: Vec<String> = names
        .iter()
        .map(|name| {
            let criteria = format!("cpe:2.3:a:{name}:*:*:*:*:*:*:*:*");
            nvd("CVE-2026-0013", &cpe_range(&criteria, r#","versionEndExcluding":"8.0.0""#))
        })
        .collect();
    for document in &documents {
        let snapshot = snapshot(&[("nvd.json", document)]);
        assert_eq!(matching(&snapshot, "libcurl", &["7.88.1", "8.0.0"]), ["7.88.1"]);
    }
    // uClibc and uClibc-ng are two, and an escaped slash is part of a name.
    let ng = cpe_range("cpe:2.3:a:uclibc-ng_project:uclibc-ng:*:*:*:*:*:*:*:*", "");
    let treck = cpe_range(
        r"cpe:2.3:a:treck:tcp\\/ip:*:*:*:*:*:*:*:*",
        r#","versionEndExcluding":"6.0.1.66""#,
    );
    let snapshot = snapshot(&[
        ("a.json", &nvd("CVE-2026-0013", &ng)),
        ("b.json", &nvd("CVE-2026-0113", &treck)),
    ]);
    assert!(findings(&snapshot, &component("uclibc", "0.9.33")).is_empty());
    let stack =
        with_cpe(component("treck", "6.0.1.28"), r"cpe:2.3:a:treck:tcp\/ip:6.0.1.28:*:*:*:*:*:*:*");
    assert_eq!(findings(&snapshot, &stack).len(), 1);
}

#[test]
fn pitfall_14_sources_that_disagree_are_both_shown() {
    let range = cpe_range(
        "cpe:2.3:a:busybox:busybox:*:*:*:*:*:*:*:*",
        r#","versionStartIncluding":"1.32.0","versionEndIncluding":"1.32.1""#,
    );
    let affected = r#"[{"vendor":"busybox","product":"busybox","defaultStatus":"unaffected",
        "versions":[{"version":"0","lessThanOrEqual":"1.32.1","status":"affected",
        "versionType":"semver"}]}]"#;
    let snapshot = snapshot(&[
        ("nvd.json", &nvd("CVE-2026-0014", &range)),
        ("cna.json", &cve5("CVE-2026-0014", affected)),
    ]);
    let found = findings(&snapshot, &component("busybox", "1.30.1"));
    assert_eq!(found[0].matches[0].source.source, "cve5");
    assert!(notes(&found[0]).contains("sources disagree: nvd says >= 1.32.0, <= 1.32.1"));
}

#[test]
fn pitfall_15_tags_are_releases_and_aliases_are_one() {
    let osv = r#"{"id":"OSV-2026-15","modified":"2026-01-01T00:00:00Z","aliases":["CVE-2026-0015"],
        "affected":[{"package":{"ecosystem":"OSS-Fuzz","name":"busybox"},
        "ranges":[{"type":"GIT","repo":"https://example.org","events":[{"introduced":"aa"}]}],
        "versions":["1_29_3","1_30_1"]}]}"#;
    let range = cpe_range("cpe:2.3:a:busybox:busybox:1.30.1:*:*:*:*:*:*:*", "");
    let snapshot = snapshot(&[("osv.json", osv), ("nvd.json", &nvd("CVE-2026-0015", &range))]);
    assert_eq!(
        matching(&snapshot, "busybox", &["1.29.3", "1.30.1", "1.31.0"]),
        ["1.29.3", "1.30.1"]
    );
    assert_eq!(findings(&snapshot, &component("busybox", "1.30.1")).len(), 1);
}

#[test]
fn pitfall_17_versions_that_cannot_be_compared_are_said_to_be() {
    let range = cpe_range(
        r"cpe:2.3:o:wago:pfc_firmware:*:*:*:*:*:*:*:*",
        r#","versionEndExcluding":"03.04.10\\(16\\)""#,
    );
    let snapshot = snapshot(&[("nvd.json", &nvd("CVE-2026-0017", &range))]);
    let pfc = |version: &str| {
        let cpe = "cpe:2.3:o:wago:pfc_firmware:*:*:*:*:*:*:*:*";
        status(&snapshot, &with_cpe(component("pfc", version), cpe))
    };
    assert_eq!(pfc("03.04.10(15)"), Some(VexStatus::Affected));
    assert_eq!(pfc("03.04.10(16)"), None);
    assert_eq!(pfc("build of tuesday"), Some(VexStatus::UnderInvestigation));
}
