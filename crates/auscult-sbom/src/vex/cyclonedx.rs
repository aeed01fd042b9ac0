//! CycloneDX vulnerabilities with their analysis, in a VEX document of their own or in an SBOM
//! (<https://cyclonedx.org/docs/1.6/json/#vulnerabilities>).

use std::collections::HashMap;

use auscult_model::{ByteName, VexStatement, VexStatus, VexSubject};
use serde_json::Value;

use super::{VexDocument, add_identifier, items, owned, text};

/// Components within components are followed to this depth.
const DEPTH_MAX: u32 = 32;

pub(super) fn read(document: &Value) -> VexDocument {
    let mut known = HashMap::new();
    if let Some(subject) = document.pointer("/metadata/component") {
        note(subject, &mut known, 0);
    }
    for component in items(document, "/components") {
        note(component, &mut known, 0);
    }
    let issuer =
        ["/metadata/manufacturer/name", "/metadata/supplier/name", "/metadata/manufacture/name"]
            .iter()
            .find_map(|key| owned(document, key))
            .or_else(|| {
                items(document, "/metadata/authors").find_map(|author| owned(author, "/name"))
            });
    let mut read = VexDocument::default();
    for vulnerability in items(document, "/vulnerabilities") {
        let Some(status) = status(text(vulnerability, "/analysis/state")) else {
            // An SBOM may list vulnerabilities without an opinion.
            read.left_out += usize::from(vulnerability.get("analysis").is_some());
            continue;
        };
        let dates = ["/analysis/lastUpdated", "/updated", "/published"];
        let date = dates.iter().find_map(|key| text(vulnerability, key).parse().ok());
        let ids = items(vulnerability, "/references").filter_map(|one| owned(one, "/id"));
        let id = owned(vulnerability, "/id");
        let subjects = items(vulnerability, "/affects")
            .filter_map(|one| subject(text(one, "/ref"), &known))
            .collect();
        read.take(VexStatement {
            issuer: issuer.clone().unwrap_or_default(),
            date: date.or_else(|| text(document, "/metadata/timestamp").parse().ok()),
            vulnerabilities: id.into_iter().chain(ids).collect(),
            subjects,
            status,
            justification: justification(text(vulnerability, "/analysis/justification")),
            detail: owned(vulnerability, "/analysis/detail"),
        });
    }
    read
}

fn note(component: &Value, known: &mut HashMap<String, VexSubject>, depth: u32) {
    let mut subject = VexSubject {
        name: owned(component, "/name"),
        version: owned(component, "/version"),
        ..VexSubject::default()
    };
    for key in ["/purl", "/cpe"] {
        add_identifier(&mut subject, text(component, key));
    }
    if let Some(reference) = owned(component, "/bom-ref") {
        known.insert(reference, subject);
    }
    if depth < DEPTH_MAX {
        for part in items(component, "/components") {
            note(part, known, depth + 1);
        }
    }
}

/// What a reference means: a component of this document, or of another by a BOM-Link
/// (`urn:cdx:SERIAL/VERSION#REFERENCE`), which is often a package URL.
fn subject(reference: &str, known: &HashMap<String, VexSubject>) -> Option<VexSubject> {
    let linked = reference.strip_prefix("urn:cdx:").and_then(|rest| rest.split_once('#'));
    let name = linked.map_or(reference, |(_, name)| name);
    if let Some(subject) = known.get(name) {
        return Some(subject.clone());
    }
    // A fragment is percent-encoded once more than what it names.
    let decoded = ByteName::from_text(name);
    let decoded = decoded.as_ref().map_or(name.into(), |name| String::from_utf8_lossy(&name.0));
    let mut subject = VexSubject::default();
    add_identifier(&mut subject, &decoded).then_some(subject)
}

fn status(state: &str) -> Option<VexStatus> {
    Some(match state {
        "exploitable" => VexStatus::Affected,
        "in_triage" => VexStatus::UnderInvestigation,
        "resolved" | "resolved_with_pedigree" => VexStatus::Fixed,
        "not_affected" | "false_positive" => VexStatus::NotAffected,
        _ => return None,
    })
}

/// The nearest word of OpenVEX.
fn justification(word: &str) -> Option<String> {
    let near = match word {
        "code_not_present" => "vulnerable_code_not_present",
        "code_not_reachable" => "vulnerable_code_not_in_execute_path",
        "requires_configuration" | "requires_dependency" | "requires_environment" => {
            "vulnerable_code_cannot_be_controlled_by_adversary"
        }
        word if word.starts_with("protected_") => "inline_mitigations_already_exist",
        _ => return None,
    };
    Some(near.to_owned())
}
