//! Tests 6.1.6, 6.1.7, 6.1.23, 6.1.24, 6.1.29, 6.1.32 and 6.1.33: vulnerabilities.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::{Report, items, products_of, repeated};
use crate::csaf::{at, list, text, texts};

/// Groups of lists that contradict each other.
const CONTRADICTING: [&[&str]; 5] = [
    &["first_affected", "known_affected", "last_affected"],
    &["known_not_affected"],
    &["first_fixed", "fixed"],
    &["under_investigation"],
    &["unknown"],
];

/// 6.1.6: a product has one status.
pub(super) fn contradicting_status(report: &mut Report<'_>) {
    for (path, vulnerability) in report.vulnerabilities() {
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        for (group, lists) in CONTRADICTING.iter().enumerate() {
            for list in *lists {
                let ids = texts(vulnerability, &["product_status", list]).enumerate();
                for (place, id) in ids {
                    if *known.entry(id).or_insert(group) != group {
                        let path = format!("{path}/product_status/{list}/{place}");
                        report.fail(path, format!("{id:?} has a contradicting status"));
                    }
                }
            }
        }
    }
}

/// 6.1.7: a product has one score of a version (and, in 2.1, of a source).
pub(super) fn multiple_scores(report: &mut Report<'_>) {
    for (path, vulnerability) in report.vulnerabilities() {
        let mut known: BTreeSet<(&str, &str, &str, &str)> = BTreeSet::new();
        let scores =
            items(vulnerability, &path, "scores").map(|(path, score)| (path, score, score));
        let metrics = items(vulnerability, &path, "metrics")
            .filter_map(|(path, metric)| Some((path, metric, at(metric, &["content"])?)));
        for (path, item, content) in scores.chain(metrics) {
            let source = text(item, &["source"]);
            for (kind, value) in content.as_object().into_iter().flatten() {
                if kind == "products" {
                    continue;
                }
                let version = text(value, &["version"]);
                for id in texts(item, &["products"]).collect::<BTreeSet<_>>() {
                    if !known.insert((id, kind, version, source)) {
                        let message = format!("{id:?} has a second {kind} {version}");
                        report.fail(path.clone(), message);
                    }
                }
            }
        }
    }
}

/// 6.1.23: a CVE stands in one vulnerability.
pub(super) fn multiple_cve(report: &mut Report<'_>) {
    let all = list(report.document, &["vulnerabilities"]).iter();
    let cves: Vec<(usize, &str)> = all
        .map(|vulnerability| text(vulnerability, &["cve"]))
        .enumerate()
        .filter(|(_, cve)| !cve.is_empty())
        .collect();
    for (at, cve) in repeated(cves.iter().map(|(_, cve)| *cve)) {
        let place = cves.get(at).map_or(0, |(place, _)| *place);
        report.fail(format!("/vulnerabilities/{place}/cve"), format!("{cve} stands in another"));
    }
}

/// 6.1.24: a party is involved once at a time.
pub(super) fn involvements(report: &mut Report<'_>) {
    for (path, vulnerability) in report.vulnerabilities() {
        let all = list(vulnerability, &["involvements"]).iter();
        let keys = all.map(|item| {
            let date = text(item, &["date"]);
            // The same moment may be written in two ways.
            let moment = date.parse::<Timestamp>().ok();
            let written = if moment.is_some() { "" } else { date };
            (text(item, &["party"]), moment, written)
        });
        for (place, (party, ..)) in repeated(keys) {
            let path = format!("{path}/involvements/{place}");
            report.fail(path, format!("the {party} is involved twice at one date"));
        }
    }
}

fn about_nothing(report: &mut Report<'_>, key: &str) {
    for (path, vulnerability) in report.vulnerabilities() {
        for (path, item) in items(vulnerability, &path, key) {
            if item.get("group_ids").is_none() && item.get("product_ids").is_none() {
                report.fail(path, "it is about no product");
            }
        }
    }
}

/// 6.1.29: a remediation is about products.
pub(super) fn remediation_without_product(report: &mut Report<'_>) {
    about_nothing(report, "remediations");
}

/// 6.1.32: a flag is about products.
pub(super) fn flag_without_product(report: &mut Report<'_>) {
    about_nothing(report, "flags");
}

/// The justifications of VEX (section 3.2.3.5).
const JUSTIFICATIONS: &[&str] = &[
    "component_not_present",
    "inline_mitigations_already_exist",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_not_present",
];

/// 6.1.33: a product has one justification.
pub(super) fn multiple_flags(report: &mut Report<'_>) {
    let groups = report.groups();
    for (path, vulnerability) in report.vulnerabilities() {
        let mut known: BTreeSet<&str> = BTreeSet::new();
        let justified = |flag: &Value| JUSTIFICATIONS.contains(&text(flag, &["label"]));
        for (path, flag) in items(vulnerability, &path, "flags").filter(|(_, f)| justified(f)) {
            for id in products_of(flag, &groups) {
                if !known.insert(id) {
                    report.fail(path.clone(), format!("{id:?} has a second justification"));
                }
            }
        }
    }
}
