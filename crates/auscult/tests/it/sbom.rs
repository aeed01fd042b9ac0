//! An image and the SBOM that was written of it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{auscult, code, sample, stderr, text};

/// Ids and components of the findings of a target, and its SBOM.
fn scanned(target: &std::path::Path, bom: &std::path::Path) -> BTreeSet<(String, String)> {
    let output = format!("cyclonedx={}", text(bom));
    let arguments = ["scan", text(target), "--as-of", "2026-11-23", "-o", "json", "-o", &output];
    let output = auscult(&arguments);
    assert!(matches!(code(&output), 0 | 4), "{}", stderr(&output));
    let result: Value = serde_json::from_slice(&output.stdout).expect("a result");
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let findings = result["findings"].as_array().into_iter().flatten();
    findings.map(|finding| (word(finding, "id"), word(finding, "component"))).collect()
}

#[test]
fn an_image_and_its_sbom_have_the_same_findings() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [bom, again] = ["bom.json", "again.json"].map(|name| folder.path().join(name));
    let of_image = scanned(&sample(), &bom);
    assert!(of_image.len() > 1000, "{}", of_image.len());
    assert_eq!(scanned(&bom, &again), of_image);
}
