//! Tests 6.1.27: what a profile asks for (section 4).

use std::collections::BTreeSet;

use super::{Report, Standard, products_of};
use crate::csaf::{at, list, text, texts};

const INFORMATIONAL: &str = "csaf_informational_advisory";
const INCIDENT: &str = "csaf_security_incident_response";
const ADVISORY: &str = "csaf_security_advisory";
const DEPRECATED: &str = "csaf_deprecated_security_advisory";
const VEX: &str = "csaf_vex";

fn is(report: &Report<'_>, profiles: &[&str]) -> bool {
    let category = report.text(&["document", "category"]);
    // Version 2.1 adds a profile that follows the rules of security advisories.
    let later =
        report.standard == Standard::V21 && category == DEPRECATED && profiles.contains(&ADVISORY);
    later || profiles.contains(&category)
}

/// 6.1.27.1
pub(super) fn document_notes(report: &mut Report<'_>) {
    let telling =
        |category: &str| matches!(category, "description" | "details" | "general" | "summary");
    let mut notes = list(report.document, &["document", "notes"]).iter();
    if is(report, &[INFORMATIONAL, INCIDENT])
        && !notes.any(|note| telling(text(note, &["category"])))
    {
        report.fail("/document/notes", "no note describes the document");
    }
}

/// 6.1.27.2
pub(super) fn document_references(report: &mut Report<'_>) {
    let mut references = list(report.document, &["document", "references"]).iter();
    // Without a category a reference is external.
    let external =
        references.any(|reference| matches!(text(reference, &["category"]), "external" | ""));
    if is(report, &[INFORMATIONAL, INCIDENT]) && !external {
        report.fail("/document/references", "no reference is external");
    }
}

/// 6.1.27.3
pub(super) fn no_vulnerabilities(report: &mut Report<'_>) {
    let later =
        report.standard == Standard::V21 && is(report, &["csaf_withdrawn", "csaf_superseded"]);
    if (later || is(report, &[INFORMATIONAL])) && report.document.get("vulnerabilities").is_some() {
        report.fail("/vulnerabilities", "a document of this profile has no vulnerabilities");
    }
}

/// 6.1.27.4
pub(super) fn product_tree(report: &mut Report<'_>) {
    if is(report, &[ADVISORY, VEX]) && report.document.get("product_tree").is_none() {
        report.fail("/product_tree", "the product tree is missing");
    }
}

fn each_has(report: &mut Report<'_>, keys: &[&str], what: &str) {
    for (path, vulnerability) in report.vulnerabilities() {
        if !keys.iter().any(|key| vulnerability.get(key).is_some()) {
            report.fail(format!("{path}/{}", keys.first().copied().unwrap_or_default()), what);
        }
    }
}

/// 6.1.27.5
pub(super) fn vulnerability_notes(report: &mut Report<'_>) {
    if is(report, &[ADVISORY, VEX]) {
        each_has(report, &["notes"], "the vulnerability has no notes");
    }
}

/// 6.1.27.6
pub(super) fn product_status(report: &mut Report<'_>) {
    if is(report, &[ADVISORY]) {
        each_has(report, &["product_status"], "the vulnerability has no product status");
    }
}

/// 6.1.27.7
pub(super) fn vex_product_status(report: &mut Report<'_>) {
    const WANTED: [&str; 4] =
        ["fixed", "known_affected", "known_not_affected", "under_investigation"];
    if !is(report, &[VEX]) {
        return;
    }
    for (path, vulnerability) in report.vulnerabilities() {
        if !WANTED.iter().any(|key| at(vulnerability, &["product_status", key]).is_some()) {
            report.fail(format!("{path}/product_status"), "no status of a product is told");
        }
    }
}

/// 6.1.27.8
pub(super) fn vulnerability_id(report: &mut Report<'_>) {
    if is(report, &[VEX]) {
        each_has(report, &["cve", "ids"], "the vulnerability has no id");
    }
}

/// 6.1.27.9
pub(super) fn impact_statement(report: &mut Report<'_>) {
    stated(report, "known_not_affected", "no impact statement is about", &["flags", "threats"]);
}

/// 6.1.27.10
pub(super) fn action_statement(report: &mut Report<'_>) {
    stated(report, "known_affected", "no action statement is about", &["remediations"]);
}

fn stated(report: &mut Report<'_>, status: &str, what: &str, keys: &[&str]) {
    if !is(report, &[VEX]) {
        return;
    }
    let groups = report.groups();
    for (path, vulnerability) in report.vulnerabilities() {
        let mut spoken_of: BTreeSet<&str> = BTreeSet::new();
        for key in keys {
            for item in list(vulnerability, &[key]) {
                if *key != "threats" || text(item, &["category"]) == "impact" {
                    spoken_of.extend(products_of(item, &groups));
                }
            }
        }
        for (place, id) in texts(vulnerability, &["product_status", status]).enumerate() {
            if !spoken_of.contains(id) {
                let path = format!("{path}/product_status/{status}/{place}");
                report.fail(path, format!("{what} {id:?}"));
            }
        }
    }
}

/// 6.1.27.11
pub(super) fn vulnerabilities(report: &mut Report<'_>) {
    if is(report, &[ADVISORY, VEX]) && report.document.get("vulnerabilities").is_none() {
        report.fail("/vulnerabilities", "the vulnerabilities are missing");
    }
}
