//! Tests 6.1.11 and 6.1.13: names of weaknesses and packages.

use std::{collections::BTreeMap, sync::OnceLock};

use auscult_model::Purl;
use serde_json::Value;

use super::{Report, Standard, items, products::named};
use crate::csaf::{at, text, texts};

const TABLE: &str = include_str!("../../../data/cwe.tsv");

/// Number to name, and whether it is a category.
fn weaknesses() -> &'static BTreeMap<&'static str, (&'static str, bool)> {
    static WEAKNESSES: OnceLock<BTreeMap<&str, (&str, bool)>> = OnceLock::new();
    WEAKNESSES.get_or_init(|| {
        let row = |line: &'static str| {
            let (number, rest) = line.split_once('\t')?;
            let (kind, name) = rest.split_once('\t')?;
            Some((number, (name, kind == "c")))
        };
        TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(row).collect()
    })
}

/// 6.1.11: the weakness exists and bears this name.
pub(super) fn cwe(report: &mut Report<'_>) {
    for (path, vulnerability) in report.vulnerabilities() {
        if let Some(given) = at(vulnerability, &["cwe"]) {
            one(report, &format!("{path}/cwe"), given);
        }
        for (path, given) in items(vulnerability, &path, "cwes") {
            one(report, &path, given);
        }
    }
}

fn one(report: &mut Report<'_>, path: &str, given: &Value) {
    let (id, name) = (text(given, &["id"]), text(given, &["name"]));
    let known = id.strip_prefix("CWE-").and_then(|number| weaknesses().get(number));
    match known {
        None => report.fail(format!("{path}/id"), format!("{id} is no weakness of CWE 4.14")),
        // A category groups weaknesses; only 2.1 forbids it here.
        Some((_, true)) if report.standard == Standard::V21 => {
            report.fail(format!("{path}/id"), format!("{id} is a category, no weakness"));
        }
        Some((known, _)) if *known != name => {
            report.fail(format!("{path}/name"), format!("the name of {id} is {known:?}"));
        }
        Some(_) => {}
    }
}

/// 6.1.13: the purl is valid.
pub(super) fn purl(report: &mut Report<'_>) {
    for (path, product) in named(report.document) {
        let helper = format!("{path}/product_identification_helper");
        let Some(given) = at(product, &["product_identification_helper"]) else { continue };
        let one = Some(text(given, &["purl"])).filter(|purl| !purl.is_empty());
        let mut purls: Vec<(String, &str)> =
            one.map(|p| (format!("{helper}/purl"), p)).into_iter().collect();
        let more = texts(given, &["purls"]).enumerate();
        purls.extend(more.map(|(place, purl)| (format!("{helper}/purls/{place}"), purl)));
        for (path, purl) in purls {
            if let Some(reason) = invalid(purl) {
                report.fail(path, format!("{purl:?} is no valid purl: {reason}"));
            }
        }
    }
}

fn invalid(purl: &str) -> Option<String> {
    Purl::parse(purl).err().map(|error| error.why)
}
