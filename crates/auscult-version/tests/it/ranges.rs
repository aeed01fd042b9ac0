//! Ranges, events, and the cases where a version cannot be compared.

use std::cmp::Ordering;

use auscult_version::{
    Bound, Event, Range, Scheme, compare, events_contain, may_lack_letter, split_update,
};

fn check(scheme: Scheme, ascending: &[&str]) {
    for (left, right) in ascending.iter().zip(ascending.iter().skip(1)) {
        assert_eq!(compare(scheme, left, right), Some(Ordering::Less), "{left} before {right}");
    }
}

#[test]
fn upstream_versions_ascend() {
    check(Scheme::Generic, &["1.0-alpha1", "1.0-beta2", "1.0rc1", "1.0", "1.0p1", "1.0a", "1.0.1"]);
    check(Scheme::Generic, &["4.2.8", "4.2.8p9", "4.2.8-p18", "4.2.9"]);
    check(Scheme::Generic, &["0.52", "2012.55", "2018.76", "2019.78"]);
    check(Scheme::Generic, &["03.04.09(20)", r"03.04.10\(16\)", "03.04.10(17)"]);
    check(Scheme::OpenSsl, &["0.9.8", "0.9.8z", "0.9.8za", "0.9.8zh", "1.0.2-beta3", "1.0.2"]);
    check(Scheme::OpenSsl, &["1.0.2", "1.0.2k-fips", "1.0.2zc", "1.1.1", "1.1.1w", "3.0.7"]);
    check(Scheme::Kernel, &["2.6.32.27", "4.4.92", "4.19-rc3", "4.19", "4.19.35-yocto", "5.10.72"]);
    check(
        Scheme::Pep440,
        &["1.0.dev1", "1.0a1.dev2", "1.0a1", "1.0rc1", "1.0", "1.0+x", "1.0.post1"],
    );
}

#[test]
fn equal_releases_are_equal() {
    for (scheme, left, right) in [
        (Scheme::Generic, "1.0", "1.0.0"),
        (Scheme::Generic, "v1.30.1", "1_30_1"),
        (Scheme::Generic, "2.4.41-final", "2.4.41"),
        (Scheme::Kernel, "4.4.92-perf-g1234", "4.4.92"),
        (Scheme::OpenSsl, "1.0.2k-fips", "1.0.2k"),
    ] {
        assert_eq!(compare(scheme, left, right), Some(Ordering::Equal), "{left} {right}");
    }
}

#[test]
fn what_cannot_be_compared_is_not_guessed() {
    for (left, right) in [
        ("1.2.3", "8284a79136c384059e85e278da2210b809730287"),
        ("SMR Jun-2024 Release 1", "13.0"),
        ("unspecified", "1.0"),
        ("2.4-vendorname", "2.4-othername"),
    ] {
        assert_eq!(compare(Scheme::Generic, left, right), None, "{left} {right}");
    }
    // A number before the unknown word decides.
    assert_eq!(compare(Scheme::Generic, "2.5-vendor", "2.4"), Some(Ordering::Greater));
}

fn range(scheme: Scheme, lower: Option<Bound>, upper: Option<Bound>) -> Range {
    Range { scheme, lower, upper }
}

#[test]
fn bounds_are_kept() {
    let wildcard = range(
        Scheme::Kernel,
        Some(Bound::Inclusive("5.4.269".into())),
        Some(Bound::Inclusive("5.4.*".into())),
    );
    for (version, expected) in [
        ("5.4.268", false),
        ("5.4.269", true),
        ("5.4.300", true),
        ("5.40.1", false),
        ("5.5", false),
    ] {
        assert_eq!(wildcard.contains(version), Some(expected), "{version}");
    }
    let open = range(Scheme::OpenSsl, None, Some(Bound::Exclusive("1.0.1g".into())));
    assert_eq!(open.contains("1.0.1f"), Some(true));
    assert_eq!(open.contains("1.0.1g"), Some(false));
    assert_eq!(open.contains("of one's own"), None);
}

#[test]
fn a_port_of_openssh_is_its_release() {
    let through = range(Scheme::OpenSsh, None, Some(Bound::Inclusive("7.4".into())));
    assert_eq!(through.contains("7.4p1"), Some(true));
    let before = range(Scheme::OpenSsh, None, Some(Bound::Exclusive("9.3p2".into())));
    assert_eq!(before.contains("9.3p1"), Some(true));
    assert_eq!(before.contains("9.3p2"), Some(false));
}

#[test]
fn events_follow_the_osv_algorithm() {
    let events = [
        Event::Fixed("1.2".into()),
        Event::Introduced("0".into()),
        Event::Introduced("2.0".into()),
        Event::LastAffected("2.4".into()),
    ];
    for (version, expected) in
        [("1.1", true), ("1.2", false), ("2.0", true), ("2.4", true), ("2.4.1", false)]
    {
        let contained = events_contain(Scheme::Semver, &events, version);
        assert_eq!(contained, Some(expected), "{version}");
    }
}

#[test]
fn parts_of_versions_are_told_apart() {
    assert_eq!(split_update("4.2.8p18"), ("4.2.8", "p18"));
    assert_eq!(split_update("2.4-rc1"), ("2.4", "rc1"));
    assert_eq!(split_update("1.0.2k"), ("1.0.2k", ""));
    assert!(may_lack_letter("1.0.2") && may_lack_letter("0.9.8"));
    assert!(!may_lack_letter("1.0.2k") && !may_lack_letter("3.0.7"));
}
