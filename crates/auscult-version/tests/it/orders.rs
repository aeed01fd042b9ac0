//! Comparison tables of other projects.

use std::cmp::Ordering;

use auscult_version::{Scheme, Vers, compare};

use crate::suites;

/// Lines such as `1.0 < 1.1`; anything else is a comment.
fn lines(text: &str) -> Vec<(String, Ordering, String)> {
    let case = |line: &str| {
        let mut words = line.split_whitespace();
        let (left, sign, right) = (words.next()?, words.next()?, words.next()?);
        let rest = words.next().is_none() && !left.starts_with(['#', '/']);
        rest.then_some(())?;
        Some((left.to_owned(), ordering(sign)?, right.to_owned()))
    };
    text.lines().filter_map(case).collect()
}

fn ordering(sign: &str) -> Option<Ordering> {
    match sign {
        "<" | "-1" => Some(Ordering::Less),
        "=" | "==" | "0" => Some(Ordering::Equal),
        ">" | "1" => Some(Ordering::Greater),
        _ => None,
    }
}

/// Runs a table. Every line must agree but those that `exceptions` names, and those must not.
fn check(scheme: Scheme, path: &str, cases_min: usize, exceptions: &[&str]) {
    let Some(text) = suites::version_order(path) else { return };
    let cases = lines(&text);
    let told = |order: &Ordering| match order {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    };
    let wrong = cases
        .iter()
        .filter(|(left, order, right)| compare(scheme, left, right) != Some(*order))
        .map(|(left, order, right)| format!("{left} {} {right}", told(order)));
    println!("{scheme:?} {path}: {} cases, {} excepted", cases.len(), exceptions.len());
    assert!(cases.len() >= cases_min, "{path}: only {} cases", cases.len());
    settle(path, wrong.collect(), exceptions);
}

/// Wants exactly the exceptions to disagree.
fn settle(name: &str, mut wrong: Vec<String>, exceptions: &[&str]) {
    let mut exceptions = exceptions.to_vec();
    exceptions.sort_unstable();
    wrong.sort_unstable();
    let unexpected: Vec<&String> =
        wrong.iter().filter(|line| !exceptions.contains(&line.as_str())).collect();
    let settled: Vec<&&str> =
        exceptions.iter().filter(|line| !wrong.iter().any(|one| one == *line)).collect();
    assert!(unexpected.is_empty(), "{name}: {unexpected:#?}");
    assert!(settled.is_empty(), "{name}: no exceptions any more: {settled:#?}");
}

#[test]
fn debian() {
    check(Scheme::Debian, "scalibr/debian-versions.txt", 20, &[]);
    check(Scheme::Debian, "scalibr/debian-versions-generated.txt", 9000, &[]);
}

#[test]
fn rpm() {
    check(Scheme::Rpm, "scalibr/redhat-versions.txt", 100, &[]);
}

#[test]
fn alpine() {
    check(Scheme::Alpine, "scalibr/alpine-versions-generated.txt", 9000, &[]);
    check(Scheme::Alpine, "univers/alpine_test.txt", 400, &[]);
    check(Scheme::Alpine, "scalibr/alpine-versions.txt", 500, ALPINE_MALFORMED);
}

/// None of these follows the grammar of apk-package(5); `apk version --check` refuses them, and
/// releases of apk order them in different ways, as the table itself remarks.
const ALPINE_MALFORMED: &[&str] = &[
    "1-r = 1-r0",
    "1-r-0 < 1-r0",
    "1-r-1 < 1-r0",
    "0..1..0 < 0..1..1",
    "0...1...0 < 0...1...1",
    "0...1...0r1 < 0...1...0r2",
    "0..8 > 0...8",
    "0.8.21.r2 > 0.8.21.r1",
    "10.2.24.r0 > 10.2.22.r0",
    "0.8.21.r2 < 0.8.21r2",
    "1.2.0A < 1.2.0d",
    "1.2.0D < 1.2.0d",
    "1-r0-1 = 1-r-2",
    "1-ruff2 = 1-ruff1",
    "1-ruff2 = 1--ruff1",
    "1-r0-ruff2 = 1-r0-ruff1",
    "1.2 > 1.2_blah",
    "1.2_svn1 > 1.2_csv2",
    "1.2_cvs1 > 1.2_blah",
    ".1 < 1",
    "1 > .1",
    ".2 > .1",
    "a < b",
    "c > b",
    "23_foo > 4_beta",
    "1.0 < 1.0bc",
];

#[test]
fn semver() {
    check(Scheme::Semver, "scalibr/semver-versions.txt", 40, &[]);
}

#[test]
fn python() {
    check(Scheme::Pep440, "scalibr/pypi-versions.txt", 20, PYTHON_LEGACY);
    check(Scheme::Pep440, "scalibr/pypi-versions-generated.txt", 8000, PYTHON_LEGACY_GENERATED);
}

/// No versions by PEP 440; `packaging` refuses them since release 22.0, and PyPI too.
const PYTHON_LEGACY: &[&str] = &[
    "0.1-charmander < 0.9-doduo",
    "0.9-eevee < 0.9-fearow",
    "0.9-gyarados < 0.9-horsea",
    "0.9-ivysaur < 1.0",
    "-class.-jw.util.version.version-pre < 1.0",
    "-class.-jw.util.version.version-preview < 1.0",
];
const PYTHON_LEGACY_GENERATED: &[&str] = &[
    "-class.-jw.util.version.Version- < 1.0.dev1",
    "0.0.1-test1 < 3.0.0a4",
    "0.1-charmander < 0.9-doduo",
    "0.3.1-p1 < 0.4.0-p1",
    "0.3m2 < 0.3m3",
    "0.3m4 < 0.3m5",
    "0.4.0-p1 < 0.0.1",
    "0.5m2 < 0.5m3",
    "0.5m4 < 0.5m5",
    "0.5m5 < 0.6m1",
    "0.6m2 < 0.6m3",
    "0.6m3 < 0.6m4",
    "0.6m4 < 0.6m5",
    "0.6m6 < 0.2rc0",
    "0.7.10p1 < 0.7.11p1",
    "0.7.11p2 < 0.7.11p3",
    "0.7.11p3 < 0.8.1p1",
    "0.7.4.svn.r2010 < 0.6.4",
    "0.8.4p1 < 0.8.4p2",
    "0.8.4p2 < 0.8.6p1",
    "0.8.6p1 < 0.8.7p1",
    "0.9-eevee < 0.9-fearow",
    "0.9-gyarados < 0.9-horsea",
    "0.9-ivysaur < 1.0",
    "1.0beta6.1 < 1.0b6",
    "1.3.1-STAGING < 0.0.1",
    "2.0.0-final < 0.10",
    "2.0.1rc2-git < 0.8",
    "2013-01-21T20:33:09+0100 < 2013-01-23T17:11:52+0100",
    "2013-02-02T20:23:17+0100 < 2013-02-08T17:40:57+0000",
    "2013-02-08T17:40:57+0000 < 2013-03-27T16:32:26+0100",
    "2013-03-27T16:32:26+0100 < 2013-05-09T12:47:53+0200",
    "2013-05-09T12:47:53+0200 < 2013-05-10T17:55:56+0200",
    "2013-05-10T17:55:56+0200 < 2013-05-14T20:16:05+0200",
    "2013-07-19T09:11:08+0000 < 2013-08-12T21:48:56+0200",
    "2013-12-23T17-51-15 < 2014-01-12T15-52-10",
    "2014-01-12T15-52-10 < 0.2016.3.21",
    "trunk < 3.2.3",
];

#[test]
fn maven() {
    check(Scheme::Maven, "scalibr/maven-versions.txt", 60, &[]);
    check(Scheme::Maven, "scalibr/maven-versions-generated.txt", 9000, MAVEN_CIRCLE);
}

/// Maven's own relation runs in circles here, so no order can agree with all of it:
/// `1.1.0.Beta1 < 1.1 < 1.1.0-01-glassfish < 1.1.0.Beta1`.
const MAVEN_CIRCLE: &[&str] =
    &["1.0.0-gradle-rework-beta3 < 1.0.0.RC7-3", "1.1.0-01-glassfish < 1.1.0.Beta1"];

#[test]
fn nuget() {
    check(Scheme::Nuget, "scalibr/nuget-versions.txt", 20, &[]);
}

#[test]
fn composer() {
    check(Scheme::Composer, "scalibr/packagist-versions.txt", 50, &[]);
    let path = "scalibr/packagist-versions-generated.txt";
    check(Scheme::Composer, path, 7000, COMPOSER_STABILITY);
}

/// PHP's `version_compare` knows `ALPHA` and `BETA` in lowercase only and takes `stable` for a word
/// without meaning; Composer puts all in lowercase and drops `stable` before it compares
/// (composer/semver, `VersionParser::normalize`).
const COMPOSER_STABILITY: &[&str] = &[
    "v1.9.0-ALPHA.1 = v1.9.0-BETA.1",
    "v1.9.0-BETA.1 < v1.9.0-ALPHA.2",
    "v1.9.0-ALPHA.2 = v1.9.0-BETA.2",
    "5.1.0-stable < 5.1.0-beta2",
];

#[test]
fn gem() {
    check(Scheme::Gem, "scalibr/rubygems-versions.txt", 15, &[]);
    check(Scheme::Gem, "scalibr/rubygems-versions-generated.txt", 2700, &[]);
}

#[test]
fn cran_hackage_and_pub() {
    check(Scheme::Cran, "scalibr/cran-versions.txt", 15, &[]);
    check(Scheme::Cran, "scalibr/cran-versions-generated.txt", 30, &[]);
    check(Scheme::Hackage, "scalibr/hackage-versions.txt", 8, &[]);
    check(Scheme::Pub, "scalibr/pub-versions.txt", 50, &[]);
}

/// The table of rpm itself: `RPMVERCMP(left, right, order)`.
#[test]
fn rpm_own_table() {
    let Some(text) = suites::version_order("univers/rpmvercmp.at") else { return };
    let mut count = 0;
    for line in text.lines() {
        let Some(case) = line.strip_prefix("RPMVERCMP(").and_then(|l| l.split(')').next()) else {
            continue;
        };
        let fields: Vec<&str> = case.split(", ").collect();
        let [left, right, order] = fields[..] else { continue };
        let Ok(order) = order.parse::<i32>() else { continue };
        assert_eq!(compare(Scheme::Rpm, left, right), Some(order.cmp(&0)), "{line}");
        count += 1;
    }
    println!("Rpm own table: {count} cases");
    assert!(count >= 30, "only {count} cases");
}

/// Every OpenSSL version that its makers listed can be compared with every other.
#[test]
fn openssl_is_total() {
    let Some(text) = suites::version_order("univers/openssl/openssl_all_versions.txt") else {
        return;
    };
    let versions: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    for left in &versions {
        for right in &versions {
            assert!(compare(Scheme::OpenSsl, left, right).is_some(), "{left} {right}");
        }
    }
    assert!(versions.len() >= 100, "only {} versions", versions.len());
}

/// All OpenSSL versions in their order.
#[test]
fn openssl_in_order() {
    let path = "univers/openssl/openssl_versort_expected.json";
    let Some(rows) = suites::version_order_tests(path) else { return };
    let versions: Vec<&str> = rows.iter().map(|row| row["string"].as_str().unwrap()).collect();
    let wrong = versions
        .windows(2)
        .filter(|pair| compare(Scheme::OpenSsl, pair[0], pair[1]) != Some(Ordering::Less))
        .map(|pair| format!("{} < {}", pair[0], pair[1]));
    assert!(versions.len() >= 160, "only {} versions", versions.len());
    // OpenSSL names the state of the source before a release with "-dev"; "-cvs" says nothing
    // about the release.
    let exceptions = ["0.9.6 < 0.9.6-cvs", "1.0.2zc < 1.0.2zc-dev"];
    settle(path, wrong.collect(), &exceptions);
}

/// What the names of the tables mean here.
fn table_scheme(name: &str) -> Option<(Scheme, &'static str)> {
    Some(match name {
        "apk" => (Scheme::Alpine, "apk"),
        "bitnami" => (Scheme::Bitnami, "bitnami"),
        "deb" => (Scheme::Debian, "deb"),
        "fuzzy" => (Scheme::Generic, "generic"),
        "gem" => (Scheme::Gem, "gem"),
        "golang" => (Scheme::Go, "golang"),
        "jvm" => (Scheme::Jvm, "jvm"),
        "kb" => (Scheme::Lexicographic, "lexicographic"),
        "maven" => (Scheme::Maven, "maven"),
        "pacman" => (Scheme::Alpm, "alpm"),
        "pep440" => (Scheme::Pep440, "pypi"),
        "portage" => (Scheme::Gentoo, "gentoo"),
        "rpm" => (Scheme::Rpm, "rpm"),
        "semantic" => (Scheme::Semver, "semver"),
        _ => return None,
    })
}

#[test]
fn comparison_table() {
    let Some(text) = suites::version_order("tables/compare.tsv") else { return };
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, _, left, right, order] = fields[..] else { panic!("{line}") };
        let (scheme, _) = table_scheme(name).unwrap_or_else(|| panic!("{line}"));
        count += 1;
        let got = compare(scheme, left, right);
        if got != ordering(order) {
            wrong.push(format!("{name} {left} {right} {order}"));
        }
    }
    assert!(count >= 117, "only {count} cases");
    settle("comparison table", wrong, COMPARISON_EXCEPTIONS);
}

#[test]
fn constraint_table() {
    let Some(text) = suites::version_order("tables/constraint.tsv") else { return };
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, _, version, range, expected] = fields[..] else { panic!("{line}") };
        if name == "scheme" {
            continue;
        }
        let (_, kind) = table_scheme(name).unwrap_or_else(|| panic!("{line}"));
        count += 1;
        let got = Vers::from_native(kind, range).map(|vers| vers.contains(version));
        if got != Ok(expected.parse().ok()) {
            wrong.push(format!("{name} {version:?} in {range:?} {expected}"));
        }
    }
    assert!(count >= 373, "only {count} cases");
    settle("constraint table", wrong, CONSTRAINT_EXCEPTIONS);
}

/// Where the table follows a scanner's habit and not the ecosystem.
const COMPARISON_EXCEPTIONS: &[&str] = &[
    // A development release comes before its release.
    "fuzzy 1.0.0 1.0.0-dev1 -1",
    // Words without a known meaning do not decide; separators mean nothing.
    "fuzzy 98SE 98SP1 -1",
    "fuzzy 5-appl_1.16.1 5-1.0.1 -1",
    "fuzzy 5-a1 5a1 -1",
    // To Maven these are words after the release like any other (Version Order Specification).
    "maven 12.10.2 12.10.2.jre11 0",
    "maven 12.10.2.jdk17 12.10.2 0",
    "maven 12.10.2.jre11 12.10.2.jdk17 0",
    // vercmp(8): "1.0a < 1.0b < 1.0beta < 1.0p < 1.0pre < 1.0rc < 1.0 < 1.0.a".
    "pacman 1.0.0alpha 1.0.0 1",
    // rpm-version(7): a missing epoch is 0; `rpm.vercmp` of rpm 4.18 agrees.
    "rpm 1:0 1 -1",
    "rpm 2:4.19.01-1.el7_5 4.19.1-1.el7_5 0",
    "rpm 4.19.01-1.el7_5 2:4.19.1-1.el7_5 0",
    "rpm 4.19.0-1.el7_5 12:4.19.0-1.el7 1",
];

/// Likewise.
const CONSTRAINT_EXCEPTIONS: &[&str] = &[
    // A letter behind a number counts up where no scheme is known.
    "fuzzy \"1.1.1\" in \"> 1.1.1-a\" true",
    // Numbers of Windows updates are names; there a range of nothing means no name.
    "kb \"\" in \"\" false",
    "kb \"878787\" in \"\" false",
    // rpm-version(7): a missing epoch is 0, and more segments are more; `rpm.vercmp` agrees.
    "rpm \"1.0\" in \"< 2:1.0\" false",
    "rpm \"4.19.0-1.el7_5\" in \"< 12:4.19.0-1.el7\" false",
    "rpm \"8.3.1-5.el8.0.0\" in \"> 0:8.3.1-5.el8\" false",
    // Two identifiers are not one (Semantic Versioning 2.0.0, clause 9).
    "semantic \"1.0.0.alpha.beta\" in \"= 1.0.0-alpha-beta\" true",
    "semantic \"1.0.0.rc.alpha\" in \"= 1.0.0-rc-alpha\" true",
];
