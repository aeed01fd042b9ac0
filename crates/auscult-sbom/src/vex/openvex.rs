//! OpenVEX 0.2.0 and 0.0.1 (<https://github.com/openvex/spec>).

use auscult_model::{VexStatement, VexStatus, VexSubject};
use serde::Deserialize as _;
use serde_json::Value;

use super::{VexDocument, add_identifier, items, owned, text};

pub(super) fn read(document: &Value) -> VexDocument {
    let mut read = VexDocument::default();
    for statement in items(document, "/statements") {
        let status = statement.get("status").and_then(|word| VexStatus::deserialize(word).ok());
        let Some(status) = status else {
            read.left_out += 1;
            continue;
        };
        let date = ["/last_updated", "/timestamp"]
            .iter()
            .find_map(|key| text(statement, key).parse().ok())
            .or_else(|| text(document, "/timestamp").parse().ok());
        read.take(VexStatement {
            issuer: text(document, "/author").to_owned(),
            date,
            vulnerabilities: vulnerabilities(statement),
            subjects: items(statement, "/products").flat_map(subjects).collect(),
            status,
            justification: owned(statement, "/justification"),
            detail: owned(statement, "/impact_statement")
                .or_else(|| owned(statement, "/status_notes"))
                .or_else(|| owned(statement, "/action_statement")),
        });
    }
    read
}

/// Version 0.0.1 has a text where 0.2.0 has an object.
fn vulnerabilities(statement: &Value) -> Vec<String> {
    let aliases = items(statement, "/vulnerability/aliases").filter_map(Value::as_str);
    [text(statement, "/vulnerability"), text(statement, "/vulnerability/name")]
        .into_iter()
        .chain(aliases)
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The components that are spoken of: where a product names some of its parts, those.
fn subjects(product: &Value) -> Vec<VexSubject> {
    let parts: Vec<VexSubject> = items(product, "/subcomponents").map(subject).collect();
    if parts.is_empty() { vec![subject(product)] } else { parts }
}

fn subject(component: &Value) -> VexSubject {
    let mut subject = VexSubject::default();
    let names = [
        component.as_str().unwrap_or_default(),
        text(component, "/@id"),
        text(component, "/identifiers/purl"),
        text(component, "/identifiers/cpe23"),
        text(component, "/identifiers/cpe22"),
    ];
    for name in names {
        let known = add_identifier(&mut subject, name);
        if !known && !name.is_empty() && subject.name.is_none() {
            subject.name = Some(name.to_owned());
        }
    }
    subject
}
