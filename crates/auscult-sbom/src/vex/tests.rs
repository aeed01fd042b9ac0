//! Small documents of each form.

use auscult_model::VexStatus;
use serde_json::json;

use super::read_vex;

#[test]
fn openvex_statements_of_both_versions() {
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "author": "Maker", "timestamp": "2026-01-02T03:04:05Z",
        "statements": [
            { "vulnerability": { "name": "CVE-2026-1", "aliases": ["GHSA-1"] },
              "products": [{ "@id": "pkg:generic/pump@1", "subcomponents": [{ "@id": "pkg:deb/debian/curl@8" }] }],
              "status": "not_affected", "justification": "vulnerable_code_not_present",
              "impact_statement": "not compiled" },
            { "vulnerability": "CVE-2026-2", "products": ["pkg:npm/a@1"], "status": "fixed" },
            { "vulnerability": { "name": "CVE-2026-3" }, "products": [], "status": "affected" },
            { "vulnerability": { "name": "CVE-2026-4" }, "products": ["x"], "status": "odd" },
        ],
    });
    let read = read_vex(document.to_string().as_bytes()).unwrap();
    assert_eq!((read.statements.len(), read.left_out), (2, 2));
    let first = &read.statements[0];
    assert_eq!(first.vulnerabilities, ["CVE-2026-1", "GHSA-1"]);
    assert_eq!(first.subjects[0].purls, ["pkg:deb/debian/curl@8"]);
    assert_eq!(first.status, VexStatus::NotAffected);
    assert_eq!(first.detail.as_deref(), Some("not compiled"));
    assert!(first.date.is_some());
    assert_eq!(read.statements[1].subjects[0].purls, ["pkg:npm/a@1"]);
}

#[test]
fn cyclonedx_refers_within_and_beyond_the_document() {
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": { "supplier": { "name": "Maker" } },
        "components": [{ "name": "outer", "bom-ref": "o", "components": [
            { "name": "curl", "version": "8", "bom-ref": "c", "purl": "pkg:deb/debian/curl@8" }] }],
        "vulnerabilities": [
            { "id": "CVE-1", "affects": [{ "ref": "c" }, { "ref": "urn:cdx:1-2/1#pkg:npm/a%401" }],
              "analysis": { "state": "not_affected", "justification": "code_not_reachable", "detail": "d" } },
            { "id": "CVE-2", "affects": [{ "ref": "none" }], "analysis": { "state": "exploitable" } },
            { "id": "CVE-3", "affects": [{ "ref": "c" }] },
        ],
    });
    let read = read_vex(document.to_string().as_bytes()).unwrap();
    assert_eq!((read.statements.len(), read.left_out), (1, 1));
    let one = &read.statements[0];
    assert_eq!(one.issuer, "Maker");
    assert_eq!(one.subjects[0].version.as_deref(), Some("8"));
    assert_eq!(one.subjects[1].purls, ["pkg:npm/a@1"]);
    assert_eq!(one.justification.as_deref(), Some("vulnerable_code_not_in_execute_path"));
}

#[test]
fn csaf_names_products_by_branches_helpers_and_relationships() {
    let document = json!({
        "document": { "csaf_version": "2.0", "publisher": { "name": "Maker" },
            "tracking": { "current_release_date": "2026-01-01T00:00:00Z" } },
        "product_tree": {
            "branches": [{ "category": "vendor", "name": "Maker", "branches": [
                { "category": "product_name", "name": "Library", "branches": [
                    { "category": "product_version", "name": "1.2", "product": { "name": "L", "product_id": "l",
                        "product_identification_helper": { "purl": "pkg:generic/library@1.2" } } }] }] }],
            "full_product_names": [{ "name": "Pump", "product_id": "p" }],
            "relationships": [{ "category": "default_component_of", "product_reference": "l",
                "relates_to_product_reference": "p",
                "full_product_name": { "name": "L in Pump", "product_id": "lp" } }],
        },
        "vulnerabilities": [{ "cve": "CVE-1", "product_status": { "known_not_affected": ["lp"], "fixed": ["no"] },
            "flags": [{ "label": "component_not_present", "product_ids": ["lp"] }],
            "threats": [{ "category": "impact", "details": "not used", "product_ids": ["lp"] }] }],
    });
    let read = read_vex(document.to_string().as_bytes()).unwrap();
    assert_eq!((read.statements.len(), read.left_out), (1, 1));
    let one = &read.statements[0];
    assert_eq!(one.subjects[0].purls, ["pkg:generic/library@1.2"]);
    assert_eq!(one.subjects[0].version.as_deref(), Some("1.2"));
    assert_eq!(one.justification.as_deref(), Some("component_not_present"));
    assert_eq!(one.detail.as_deref(), Some("not used"));
}

#[test]
fn other_documents_are_refused_by_name() {
    for text in ["{}", "[]", "{\"bomFormat\":\"SPDX\"}", "<bom/>", ""] {
        read_vex(text.as_bytes()).unwrap_err();
    }
}
