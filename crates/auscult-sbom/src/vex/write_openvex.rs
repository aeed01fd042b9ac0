//! OpenVEX 0.2.0 (<https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md>).

use auscult_model::{Facts, Finding, VexStatus};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::write::{Subject, action, component, impact, justification, reasons};
use crate::Error;

/// Writes what was found out about each finding as an OpenVEX document: the input is the product,
/// by its digest, and the component a part of it.
///
/// # Errors
/// Fails only when the document cannot be serialised.
pub fn write_openvex(facts: &Facts, findings: &[Finding], as_of: Date) -> Result<Vec<u8>, Error> {
    let subject = Subject::of(facts, findings, as_of)?;
    let statements: Vec<Value> =
        findings.iter().map(|finding| statement(finding, &subject)).collect();
    let tool = &facts.tool;
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": subject.id,
        "author": tool.name,
        "role": "Tool",
        "timestamp": subject.time,
        "version": 1,
        "tooling": format!("{} {}", tool.name, tool.version),
        "statements": statements,
    });
    crate::pretty(&document)
}

fn statement(finding: &Finding, subject: &Subject<'_>) -> Value {
    let aliases: Vec<&str> = finding.aliases.iter().map(|id| id.0.as_str()).collect();
    let mut part = json!({ "@id": component(finding) });
    if let (Some(purl), Some(part)) = (&finding.purl, part.as_object_mut()) {
        part.insert("identifiers".to_owned(), json!({ "purl": purl }));
    }
    let mut statement = Map::new();
    let mut put = |key: &str, value: Value| drop(statement.insert(key.to_owned(), value));
    put("vulnerability", json!({ "name": finding.id, "aliases": aliases }));
    put(
        "products",
        json!([{
            "@id": format!("urn:{}", subject.image),
            "hashes": { "sha-256": subject.facts.input.sha256.to_string() },
            "subcomponents": [part],
        }]),
    );
    let vex = &finding.vex;
    put("status", json!(vex.status));
    if vex.status == VexStatus::NotAffected {
        if let Some(word) = justification(vex) {
            put("justification", json!(word));
        }
        put("impact_statement", json!(impact(vex)));
    } else if let Some(notes) = reasons(vex) {
        put("status_notes", json!(notes));
    }
    if vex.status == VexStatus::Affected {
        let (_, what) = action(finding);
        put("action_statement", json!(what));
    }
    Value::Object(statement)
}
