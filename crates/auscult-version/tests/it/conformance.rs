//! Comparison tables of other projects, read from the shared folder.

use std::{cmp::Ordering, path::PathBuf};

use auscult_version::{Scheme, compare};

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("AUSCULT_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let folder = root.join("conformance/version-order");
    if folder.is_dir() {
        return Some(folder.join(path));
    }
    println!("SKIPPED: needs the shared folder");
    None
}

/// Lines such as `1.0 < 1.1`; anything else is a comment.
fn lines(text: &str) -> Vec<(String, Ordering, String)> {
    let case = |line: &str| {
        let mut words = line.split_whitespace();
        let (left, sign, right) = (words.next()?, words.next()?, words.next()?);
        let order = match sign {
            "<" => Ordering::Less,
            "=" | "==" => Ordering::Equal,
            ">" => Ordering::Greater,
            _ => return None,
        };
        let rest = words.next().is_none() && !left.starts_with(['#', '/']);
        rest.then(|| (left.to_owned(), order, right.to_owned()))
    };
    text.lines().filter_map(case).collect()
}

/// Runs a table; the number of cases and the number that agree are kept minimums.
fn check(scheme: Scheme, path: &str, cases_min: usize, disagreeing_max: usize) {
    let Some(file) = shared(path) else { return };
    let cases = lines(&std::fs::read_to_string(file).unwrap());
    let wrong: Vec<_> = cases
        .iter()
        .filter(|(left, order, right)| compare(scheme, left, right) != Some(*order))
        .collect();
    println!("{scheme:?} {path}: {} cases, {} disagree", cases.len(), wrong.len());
    for (left, order, right) in wrong.iter().take(40) {
        println!("  {left} {order:?} {right}: got {:?}", compare(scheme, left, right));
    }
    assert!(cases.len() >= cases_min, "{path}: only {} cases", cases.len());
    assert!(wrong.len() <= disagreeing_max, "{path}: {} disagree", wrong.len());
}

#[test]
fn debian() {
    check(Scheme::Debian, "scalibr/debian-versions.txt", 20, 0);
    check(Scheme::Debian, "scalibr/debian-versions-generated.txt", 9000, 0);
}

#[test]
fn rpm() {
    // The rest are texts with a word for an epoch, which this crate does not compare.
    check(Scheme::Rpm, "scalibr/redhat-versions.txt", 100, 12);
}

#[test]
fn alpine() {
    check(Scheme::Alpine, "scalibr/alpine-versions-generated.txt", 9000, 0);
    check(Scheme::Alpine, "univers/alpine_test.txt", 400, 0);
    // The rest are texts that break the grammar, ordered differently by each release of apk.
    check(Scheme::Alpine, "scalibr/alpine-versions.txt", 500, 25);
}

#[test]
fn semver() {
    check(Scheme::Semver, "scalibr/semver-versions.txt", 40, 0);
}

#[test]
fn python() {
    // The rest are names that PEP 440 does not allow.
    check(Scheme::Pep440, "scalibr/pypi-versions.txt", 20, 6);
    check(Scheme::Pep440, "scalibr/pypi-versions-generated.txt", 8000, 38);
}

/// The table of rpm itself: `RPMVERCMP(left, right, order)`.
#[test]
fn rpm_own_table() {
    let Some(file) = shared("univers/rpmvercmp.at") else { return };
    let text = std::fs::read_to_string(file).unwrap();
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

/// Every OpenSSL version that its makers listed, in order.
#[test]
fn openssl_in_order() {
    let Some(file) = shared("univers/openssl/openssl_all_versions.txt") else { return };
    let text = std::fs::read_to_string(file).unwrap();
    let versions: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let mut compared = 0;
    for left in &versions {
        for right in &versions {
            compared += usize::from(compare(Scheme::OpenSsl, left, right).is_some());
        }
    }
    let all = versions.len() * versions.len();
    println!("OpenSsl: {} versions, {compared} of {all} pairs comparable", versions.len());
    assert!(versions.len() >= 100 && compared == all);
}
