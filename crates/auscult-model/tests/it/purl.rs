//! The test suite of the package URL specification (schema 0.2): parse, build and validate.
//!
//! `required` parses are read strictly; the suite's `recommended` ones are about texts that are not
//! right and what to make of them, and `validate` asks for the canonical form of any text.

use std::collections::BTreeMap;

use auscult_model::{InvalidPurl, Purl, PurlParts};
use serde_json::Value;

/// Cases that must be there: the part of the suite (586 cases, 54 that must fail) at hand.
const CASES_MIN: usize = 482;
const FAILURES_MIN: usize = 52;

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(ToOwned::to_owned)
}

fn parts(value: &Value) -> PurlParts {
    let pairs = value.get("qualifiers").and_then(Value::as_object);
    let pairs = pairs.into_iter().flatten();
    let qualifiers: BTreeMap<String, String> =
        pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect();
    PurlParts {
        kind: text(value, "type").unwrap_or_default(),
        namespace: text(value, "namespace"),
        name: text(value, "name").unwrap_or_default(),
        version: text(value, "version"),
        qualifiers,
        subpath: text(value, "subpath"),
    }
}

/// What went wrong with a case.
fn run(case: &Value) -> Result<(), String> {
    let (input, expected) = (&case["input"], &case["expected_output"]);
    let must_fail = case["expected_failure"].as_bool().unwrap_or(false);
    let recommended = case["test_group"] == "recommended";
    let given = input.as_str().unwrap_or_default();
    let told = |error: InvalidPurl| error.to_string();
    let outcome = match case["test_type"].as_str().unwrap() {
        "parse" => {
            let read = if recommended { PurlParts::read } else { PurlParts::parse };
            read(given).map_err(told).and_then(|found| {
                let same = must_fail || found == parts(expected);
                same.then_some(()).ok_or_else(|| format!("{found:?}"))
            })
        }
        "build" => parts(input).build().map_err(told).and_then(|found| {
            let same = must_fail || Some(found.0.as_str()) == expected.as_str();
            same.then_some(()).ok_or(found.0)
        }),
        "validate" => Purl::canonical(given).map_err(told).and_then(|found| {
            let same = must_fail || Some(found.0.as_str()) == expected.as_str();
            same.then_some(()).ok_or(found.0)
        }),
        other => Err(format!("a test of the kind {other:?} is not known")),
    };
    match (must_fail, outcome) {
        (true, Err(_)) | (false, Ok(())) => Ok(()),
        (true, Ok(())) => Err("did not fail".to_owned()),
        (false, Err(found)) => Err(found),
    }
}

#[test]
fn suite_of_the_specification() {
    let Some(files) = crate::suite("purl-spec") else { return };
    let (mut cases, mut failures, mut wrong) = (0, 0, Vec::new());
    for (path, text) in files.iter().filter(|(path, _)| path.contains("/tests/")) {
        let file: Value = serde_json::from_str(text).unwrap();
        for case in file["tests"].as_array().unwrap() {
            cases += 1;
            failures += usize::from(case["expected_failure"].as_bool().unwrap_or(false));
            if let Err(found) = run(case) {
                wrong.push(format!("{path}: {case}: {found}"));
            }
        }
    }
    println!("purl: {cases} cases, {failures} must fail, {} wrong", wrong.len());
    assert!(cases >= CASES_MIN && failures >= FAILURES_MIN, "only {cases} cases, {failures}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The examples of the type definitions can be read strictly, and become a text that stays as it is.
/// So no type is without a case. Some are not canonical themselves: keys out of order, an escaped
/// colon, a plus sign that is not escaped.
#[test]
fn examples_of_the_type_definitions() {
    let Some(files) = crate::suite("purl-spec") else { return };
    let (mut types, mut examples, mut canonical) = (0, 0, 0);
    for (_, text) in files.iter().filter(|(path, _)| path.ends_with("-definition.json")) {
        let definition: Value = serde_json::from_str(text).unwrap();
        types += 1;
        for example in definition["examples"].as_array().into_iter().flatten() {
            let example = example.as_str().unwrap();
            let found = Purl::parse(example).unwrap();
            assert_eq!(Purl::parse(&found.0).unwrap(), found, "{example}");
            examples += 1;
            canonical += usize::from(found.0 == example);
        }
    }
    println!("purl: {types} types, {examples} examples, {canonical} of them canonical");
    assert!(types >= 42 && examples >= 130, "only {types} types, {examples} examples");
    assert_eq!(examples - canonical, 16, "examples that are not canonical");
}
