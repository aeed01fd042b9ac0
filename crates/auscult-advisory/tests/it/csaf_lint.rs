//! The mandatory tests against the documents of the standard's own suite.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use auscult_advisory::csaf::lint::{lint, tests};
use serde_json::Value;

use crate::conformance::shared;

/// Verdicts of a suite: how many documents were asked, and which were judged wrongly.
#[derive(Default)]
struct Outcome {
    asked: usize,
    absent: usize,
    wrong: Vec<String>,
    tests: BTreeSet<String>,
}

fn read(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Asks for each document that the suite names whether it fails the test that it is named for.
fn run(folder: &Path) -> Outcome {
    let known: BTreeSet<&str> = tests().collect();
    let oracle = read(&folder.join("testcases.json")).unwrap();
    let mut outcome = Outcome::default();
    for test in oracle.get("tests").unwrap().as_array().unwrap() {
        let id = test["id"].as_str().unwrap();
        if !known.contains(id) {
            continue;
        }
        for (key, expected) in [("failures", true), ("valid", false)] {
            for case in test[key].as_array().into_iter().flatten() {
                let name = case["name"].as_str().unwrap();
                let Some(document) = read(&folder.join(name)) else {
                    outcome.absent += 1;
                    continue;
                };
                outcome.asked += 1;
                outcome.tests.insert(id.to_owned());
                let failures = lint(&document);
                if failures.iter().any(|failure| failure.test == id) != expected {
                    outcome.wrong.push(format!("{id} {name} {key}: {failures:?}"));
                }
            }
        }
    }
    outcome
}

#[test]
fn the_suite_of_csaf_2_0() {
    let Some(folder) = shared("conformance/csaf/csaf_2.0/test/validator/data") else { return };
    let outcome = run(&folder);
    println!(
        "CSAF 2.0: {} documents for {} tests asked, {} absent, {} wrong",
        outcome.asked,
        outcome.tests.len(),
        outcome.absent,
        outcome.wrong.len()
    );
    assert!(outcome.asked >= 90, "{}", outcome.asked);
    assert!(outcome.wrong.is_empty(), "{:#?}", outcome.wrong);
}

/// Documents of 2.1 that are judged otherwise, with the reason.
const EXCEPTIONS_2_1: &[(&str, &str)] = &[
    ("6-1-11-02", "asks for the names of CWE 4.12; the table holds those of 4.14"),
    ("6-1-11-04", "asks for the names of CWE 4.13; the table holds those of 4.14"),
    ("6-1-11-14", "asks for the names of CWE 4.9; the table holds those of 4.14"),
    ("6-1-11-15", "asks for the names of CWE 4.13; the table holds those of 4.14"),
];

#[test]
fn the_shared_tests_of_csaf_2_1() {
    let Some(folder) = shared("conformance/csaf/csaf_2.1/test/validator/data") else { return };
    let outcome = run(&folder);
    let excepted = |wrong: &&String| !EXCEPTIONS_2_1.iter().any(|(name, _)| wrong.contains(name));
    let wrong: Vec<&String> = outcome.wrong.iter().filter(excepted).collect();
    println!(
        "CSAF 2.1: {} documents for {} tests asked, {} absent, {} judged otherwise, {} of them listed",
        outcome.asked,
        outcome.tests.len(),
        outcome.absent,
        outcome.wrong.len(),
        EXCEPTIONS_2_1.len()
    );
    assert!(outcome.asked >= 90, "{}", outcome.asked);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let stale = outcome.wrong.len() - wrong.len();
    assert_eq!(stale, EXCEPTIONS_2_1.len(), "an exception is no exception any more");
}

/// Documents that another validator adds to the suite, in folders named for the test.
#[test]
fn the_additional_documents() {
    let Some(folder) = shared("conformance/csaf/secvisogram/tests") else { return };
    let (mut asked, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(number) = name.strip_prefix("mandatoryTest_") else { continue };
        let id = number.replace('_', ".");
        for (kind, expected) in [("failing", true), ("valid", false)] {
            let Ok(documents) = std::fs::read_dir(path.join(kind)) else { continue };
            for document in documents {
                let document = document.unwrap().path();
                asked += 1;
                let failures = lint(&read(&document).unwrap());
                if failures.iter().any(|failure| failure.test == id) != expected {
                    wrong.push(format!("{id} {}: {failures:?}", document.display()));
                }
            }
        }
    }
    println!("additional documents: {asked} asked, {} wrong", wrong.len());
    assert!(asked >= 15, "{asked}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A small document that passes every test, and one change for each test that makes it fail.
#[test]
fn every_test_can_fail() {
    let good = include_str!("csaf_lint.json");
    let good: Value = serde_json::from_str(good).unwrap();
    assert_eq!(lint(&good), []);
    let changes: Vec<(&str, &str, Value)> =
        serde_json::from_str(include_str!("csaf_lint_changes.json")).unwrap();
    let mut covered: BTreeMap<&str, usize> = BTreeMap::new();
    for (test, pointer, value) in &changes {
        let mut document = good.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap();
        match (parent.is_array(), value.is_null()) {
            (true, _) => parent.as_array_mut().unwrap().push(value.clone()),
            (false, true) => drop(parent.as_object_mut().unwrap().remove(key)),
            (false, false) => {
                parent.as_object_mut().unwrap().insert(key.to_owned(), value.clone());
            }
        }
        let failures = lint(&document);
        assert!(failures.iter().any(|failure| failure.test == *test), "{test}: {failures:?}");
        *covered.entry(test).or_default() += 1;
    }
    let missing: Vec<&str> = tests().filter(|test| !covered.contains_key(test)).collect();
    // What a profile asks for is tested with the profile that asks for it.
    assert!(missing.iter().all(|test| test.starts_with("6.1.27.")), "{missing:?}");
}

#[test]
fn no_document_is_too_odd() {
    for text in
        ["{}", "[]", "null", r#"{"document":3,"vulnerabilities":{"a":1},"product_tree":[]}"#]
    {
        let _ = lint(&serde_json::from_str(text).unwrap());
    }
}
