//! The mandatory tests of CSAF documents (CSAF 2.0 section 6.1; the shared ones of 2.1).
//!
//! The tests stand beside the JSON schema: they are about what a schema cannot say. A document
//! that is no JSON object of the expected shape is not the tests' matter; what is missing is
//! passed over.

mod cvss;
mod document;
mod language;
mod names;
mod products;
mod profiles;
mod revisions;
mod vulnerabilities;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{list, text, texts};

/// A test that a document fails.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LintFailure {
    /// Number of the test, such as `6.1.27.9`.
    pub test: &'static str,
    /// Where, as a JSON pointer (RFC 6901).
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// The version of the standard that a document follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standard {
    V20,
    V21,
}

/// A document under test, with the failures of one test.
struct Report<'a> {
    document: &'a Value,
    standard: Standard,
    test: &'static str,
    failures: Vec<LintFailure>,
}

type Test = fn(&mut Report<'_>);

/// Every test with its number.
const TESTS: &[(&str, Test)] = &[
    ("6.1.1", products::missing_product_id),
    ("6.1.2", products::multiple_product_id),
    ("6.1.3", products::circular_product_id),
    ("6.1.4", products::missing_group_id),
    ("6.1.5", products::multiple_group_id),
    ("6.1.6", vulnerabilities::contradicting_status),
    ("6.1.7", vulnerabilities::multiple_scores),
    ("6.1.8", cvss::invalid),
    ("6.1.9", cvss::computation),
    ("6.1.10", cvss::inconsistent),
    ("6.1.11", names::cwe),
    ("6.1.12", language::valid),
    ("6.1.13", names::purl),
    ("6.1.14", revisions::sorted),
    ("6.1.15", document::translator),
    ("6.1.16", revisions::latest),
    ("6.1.17", revisions::draft),
    ("6.1.18", revisions::released),
    ("6.1.19", revisions::pre_release_items),
    ("6.1.20", revisions::pre_release_version),
    ("6.1.21", revisions::missing_item),
    ("6.1.22", revisions::multiple_definition),
    ("6.1.23", vulnerabilities::multiple_cve),
    ("6.1.24", vulnerabilities::involvements),
    ("6.1.25", products::hash_algorithms),
    ("6.1.26", document::category),
    ("6.1.27.1", profiles::document_notes),
    ("6.1.27.2", profiles::document_references),
    ("6.1.27.3", profiles::no_vulnerabilities),
    ("6.1.27.4", profiles::product_tree),
    ("6.1.27.5", profiles::vulnerability_notes),
    ("6.1.27.6", profiles::product_status),
    ("6.1.27.7", profiles::vex_product_status),
    ("6.1.27.8", profiles::vulnerability_id),
    ("6.1.27.9", profiles::impact_statement),
    ("6.1.27.10", profiles::action_statement),
    ("6.1.27.11", profiles::vulnerabilities),
    ("6.1.28", document::translation),
    ("6.1.29", vulnerabilities::remediation_without_product),
    ("6.1.30", revisions::mixed),
    ("6.1.31", products::range_in_version),
    ("6.1.32", vulnerabilities::flag_without_product),
    ("6.1.33", vulnerabilities::multiple_flags),
];

/// Numbers of all tests that [`lint`] runs.
pub fn tests() -> impl Iterator<Item = &'static str> {
    TESTS.iter().map(|(number, _)| *number)
}

/// Runs every mandatory test on a document; the failures in the order of the tests.
pub fn lint(document: &Value) -> Vec<LintFailure> {
    let version = text(document, &["document", "csaf_version"]);
    let standard = if version == "2.1" { Standard::V21 } else { Standard::V20 };
    let mut failures = Vec::new();
    for (number, test) in TESTS {
        let mut report = Report { document, standard, test: number, failures: Vec::new() };
        test(&mut report);
        failures.append(&mut report.failures);
    }
    failures
}

impl<'a> Report<'a> {
    fn fail(&mut self, path: impl Into<String>, message: impl Into<String>) {
        let (path, message) = (path.into(), message.into());
        self.failures.push(LintFailure { test: self.test, path, message });
    }

    fn text(&self, path: &[&str]) -> &'a str {
        text(self.document, path)
    }

    /// The vulnerabilities with their paths.
    fn vulnerabilities(&self) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
        items(self.document, "", "vulnerabilities")
    }

    /// The members of each product group.
    fn groups(&self) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
        let groups = list(self.document, &["product_tree", "product_groups"]).iter();
        groups
            .map(|group| (text(group, &["group_id"]), texts(group, &["product_ids"]).collect()))
            .collect()
    }
}

/// The items of a list with their paths.
fn items<'a>(
    value: &'a Value,
    path: &str,
    key: &str,
) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
    let path = format!("{path}/{key}");
    list(value, &[key]).iter().enumerate().map(move |(at, item)| (format!("{path}/{at}"), item))
}

/// Products that an item is about, its groups resolved.
fn products_of<'a>(
    item: &'a Value,
    groups: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> BTreeSet<&'a str> {
    let grouped = texts(item, &["group_ids"]).filter_map(|group| groups.get(group)).flatten();
    texts(item, &["product_ids"]).chain(grouped.copied()).collect()
}

/// The first of two equal values of a list, with the place of the second.
fn repeated<T: Ord + Clone>(values: impl IntoIterator<Item = T>) -> Vec<(usize, T)> {
    let mut known = BTreeSet::new();
    let all = values.into_iter().enumerate();
    all.filter(|(_, value)| !known.insert(value.clone())).collect()
}
