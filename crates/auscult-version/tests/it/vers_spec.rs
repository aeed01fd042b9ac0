//! The tests of the VERS standard, and those of univers, which have the same shape.

use std::cmp::Ordering;

use auscult_version::{Error, Fault, Scheme, Vers, compare};
use serde_json::Value;

use crate::suites;

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

/// A field that newer files call `type` and older ones `scheme`.
fn field<'a>(value: &'a Value, names: &[&str]) -> &'a Value {
    names.iter().find_map(|name| value.get(name)).unwrap()
}

/// What a test says is wrong, or `None` where it agrees.
fn run(test: &Value) -> Option<String> {
    let (input, expected) = (&test["input"], &test["expected_output"]);
    let fails = test["expected_failure"] == true;
    let differs = |got: String, wanted: &Value| {
        (Some(got.as_str()) != wanted.as_str()).then(|| format!("{input} -> {got}, not {wanted}"))
    };
    let told = |error: auscult_version::Error| error.to_string();
    match test["test_type"].as_str().unwrap() {
        "comparison" => compare_all(input, &texts(expected)),
        "equality" => {
            let versions = texts(&input["versions"]);
            let equal = compare(scheme(input), versions[0], versions[1]) == Some(Ordering::Equal);
            (Value::Bool(equal) != *expected).then(|| format!("{input} -> {equal}"))
        }
        "from_native" => {
            let kind = field(input, &["scheme", "type"]).as_str().unwrap();
            let native = input["native_range"].as_str().unwrap();
            let got = Vers::from_native(kind, native);
            differs(got.map_or_else(told, |vers| vers.to_string()), expected)
        }
        "containment" => {
            let vers = Vers::canonicalize(input["vers"].as_str().unwrap()).unwrap();
            let got = vers.contains(input["version"].as_str().unwrap());
            let wanted = if fails { None } else { expected.as_bool() };
            (got != wanted).then(|| format!("{input} -> {got:?}"))
        }
        "validate" | "roundtrip" => {
            let text = input.get("vers").unwrap_or(input).as_str().unwrap();
            let got = Vers::canonicalize(text).map_or_else(told, |vers| vers.to_string());
            differs(got, expected)
        }
        "parse" => {
            let text = input.as_str().unwrap();
            let got = Vers::parse(text);
            if fails {
                return got.is_ok().then(|| format!("{text} was read"));
            }
            let wanted = field(expected, &["constraints", "version_constraints"]);
            let kind = field(expected, &["type", "scheme"]);
            match got {
                Ok(vers) => (constraints(&vers) != pairs(wanted)
                    || kind.as_str() != Some(vers.kind()))
                .then(|| format!("{text} -> {vers:?}")),
                Err(error) => Some(error.to_string()),
            }
        }
        other => Some(format!("no such type of test: {other}")),
    }
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let pair = |one: &Value| {
        let fields = texts(one);
        // Older files write an equality as "=".
        let comparator = if fields[0] == "=" { "" } else { fields[0] };
        (comparator.to_owned(), fields[1].to_owned())
    };
    value.as_array().unwrap().iter().map(pair).collect()
}

fn constraints(vers: &Vers) -> Vec<(String, String)> {
    let pair = |one: &auscult_version::Constraint| {
        (one.comparator.symbol().to_owned(), one.version.clone())
    };
    vers.constraints().iter().map(pair).collect()
}

fn scheme(input: &Value) -> Scheme {
    let name = field(input, &["input_scheme", "input_type"]).as_str().unwrap();
    Scheme::of_vers_type(name).unwrap_or_else(|| panic!("{name}"))
}

/// Sorts, and wants the expected order; of two that are equal the text decides.
fn compare_all(input: &Value, expected: &[&str]) -> Option<String> {
    let scheme = scheme(input);
    // NuGet's expected output is in lowercase.
    let same = |left: &str, right: &str| match scheme {
        Scheme::Nuget => left.eq_ignore_ascii_case(right),
        _ => left == right,
    };
    let mut sorted = texts(&input["versions"]);
    sorted
        .sort_by(|left, right| compare(scheme, left, right).unwrap().then_with(|| left.cmp(right)));
    let agrees = sorted.len() == expected.len()
        && sorted.iter().zip(expected).all(|(left, right)| same(left, right));
    (!agrees).then(|| format!("{input} -> {sorted:?}, not {expected:?}"))
}

/// Runs a suite; the tests that disagree must be excused, as many as `excused_count`.
fn check(name: &str, tests: &[Value], cases_min: usize, excused_count: usize) {
    let disagree = |test: &&Value| run(test).is_some();
    let wrong: Vec<&Value> = tests.iter().filter(disagree).collect();
    let (excused, wrong): (Vec<&Value>, Vec<&Value>) =
        wrong.into_iter().partition(|test| is_excused(test));
    println!("{name}: {} cases, {} excepted", tests.len(), excused.len());
    let few: Vec<Option<String>> = wrong.iter().take(60).map(|test| run(test)).collect();
    assert!(tests.len() >= cases_min, "{name}: only {} cases", tests.len());
    assert!(wrong.is_empty(), "{name}: {} {few:#?}", wrong.len());
    assert!(excused.len() == excused_count, "{name}: {} excepted", excused.len());
}

/// Tells whether a suite is wrong about a native range.
fn is_excused(test: &Value) -> bool {
    let (Some(native), Some(expected)) =
        (test["input"]["native_range"].as_str(), test["expected_output"].as_str())
    else {
        return false;
    };
    // Not VERS by clause 5.4: constraints that make each other redundant, versions that do not
    // ascend or stand twice, or no constraint at all.
    let fault = match Vers::parse(expected) {
        Err(Error::Vers { fault, .. }) => Some(fault),
        _ => None,
    };
    if matches!(
        fault,
        Some(Fault::Sequence(_) | Fault::Order(_) | Fault::Duplicate(_) | Fault::Empty)
    ) {
        return true;
    }
    // The same range, but the converter rewrote its versions as Semantic Versioning, in which a
    // fourth number becomes a build and counts for nothing. Composer and Go tags have such
    // versions.
    let bare = |text: &str| text.replace(['.', '-', '+'], "");
    let kind = field(&test["input"], &["scheme", "type"]).as_str().unwrap();
    let ours = Vers::from_native(kind, native).map(|vers| vers.to_string());
    if ours.is_ok_and(|ours| bare(&ours) == bare(expected)) {
        return true;
    }
    NODE_SEMVER.contains(&native) || NO_GO_VERSIONS.contains(&native)
}

/// Likewise rewritten, with a number that is zero; and what neither a Go module nor a release of Go
/// may be called.
const NO_GO_VERSIONS: &[&str] =
    &["<v2019.03.04.00", "<v2020.03.16.00", "<v2021.02.22.00", "<v1.2.3019.52a"];

/// Where node-semver's own README says otherwise: a version with fewer than three numbers stands
/// for all that begin so (`<=3.3` is `<3.4.0-0`, `2.1` is `>=2.1.0 <2.2.0-0`), a wildcard after
/// `>=` is only its least version, and conditions side by side hold together.
const NODE_SEMVER: &[&str] = &[
    "<=3.3",
    "<=1.0",
    "<= 1.0",
    "<=2.1 >=1.1",
    "2.1 || 2.6",
    ">= 1.x",
    ">= 2.2.x",
    ">=5.0.3 >=4.2.1",
    "1.1.2 1.2.2",
];

#[test]
fn standard() {
    let Some(files) = suites::vers_spec() else { return };
    for (name, tests) in &files {
        check(name, tests, 1, if name.starts_with("npm_range_from") { 11 } else { 0 });
    }
    let all: usize = files.values().map(Vec::len).sum();
    assert!(files.len() >= 16 && all >= 1711, "{} files, {all} cases", files.len());
}

fn univers(path: &str, cases_min: usize, excused: usize) {
    let path = format!("univers/schema/{path}");
    let Some(tests) = suites::version_order_tests(&path) else { return };
    check(&path, &tests, cases_min, excused);
}

#[test]
fn univers_orders() {
    univers("alpine_version_cmp.json", 716, 0);
    univers("alpm_version_cmp.json", 42, 0);
    univers("conan_version_cmp.json", 47, 0);
    univers("deb_version_python_pkg_test.json", 16, 0);
    univers("gentoo_version_cmp.json", 48, 0);
    univers("maven_version_cmp.json", 977, 0);
    univers("nuget_version_cmp.json", 33, 0);
    univers("openssl_version_cmp.json", 44, 0);
}

#[test]
fn univers_ranges() {
    univers("range/conan_range_from_native.json", 428, 2);
    univers("range/conan_range_from_native_basic.json", 20, 0);
    univers("range/gem_range_from_native.json", 1, 0);
    univers("range/nginx_range_from_native.json", 8, 0);
    univers("range/nuget_range_from_native.json", 1, 0);
    univers("range/openssl_range_from_native.json", 8, 0);
    univers("range/pypi_range_from_native.json", 3, 0);
    univers("range/pypi_range_roundtrip.json", 19, 0);
    univers("range/pypi_range_containment.json", 10, 0);
    univers("range/npm_range_containment.json", 1, 0);
}

#[test]
fn univers_npm() {
    univers("range/npm_range_from_native.json", 897, 13);
}

#[test]
fn gitlab_composer() {
    univers("range/gitlab/composer_gitlab_range_from_native.json", 2538, 195);
}

#[test]
fn gitlab_others() {
    univers("range/gitlab/conan_gitlab_range_from_native.json", 428, 2);
    univers("range/gitlab/gem_gitlab_range_from_native.json", 317, 0);
}

#[test]
fn gitlab_golang() {
    univers("range/gitlab/golang_gitlab_range_from_native.json", 764, 6);
}

#[test]
fn gitlab_npm() {
    univers("range/gitlab/npm_gitlab_range_from_native.json", 533, 3);
}

#[test]
fn gitlab_pypi() {
    univers("range/gitlab/pypi_gitlab_range_from_native.json", 122, 0);
}
