//! CSAF 2.0 and 2.1 with product statuses (profile VEX, section 4.5 of the standard).

use std::collections::BTreeMap;

use auscult_model::{VexStatement, VexStatus, VexSubject};
use serde_json::Value;

use super::{VexDocument, add_identifier, items, owned, text};

/// Branches within branches are followed to this depth.
const DEPTH_MAX: u32 = 32;
const STATUSES: &[(&str, VexStatus)] = &[
    ("known_affected", VexStatus::Affected),
    ("first_affected", VexStatus::Affected),
    ("last_affected", VexStatus::Affected),
    ("known_not_affected", VexStatus::NotAffected),
    ("fixed", VexStatus::Fixed),
    ("first_fixed", VexStatus::Fixed),
    ("under_investigation", VexStatus::UnderInvestigation),
];

pub(super) fn read(document: &Value) -> VexDocument {
    let mut products = BTreeMap::new();
    for product in items(document, "/product_tree/full_product_names") {
        note(product, &VexSubject::default(), &mut products);
    }
    for branch in items(document, "/product_tree/branches") {
        walk(branch, &VexSubject::default(), &mut products, 0);
    }
    join(document, &mut products);
    let date = text(document, "/document/tracking/current_release_date").parse().ok();
    let mut read = VexDocument::default();
    for vulnerability in items(document, "/vulnerabilities") {
        let ids = items(vulnerability, "/ids").filter_map(|id| owned(id, "/text"));
        let ids: Vec<String> = owned(vulnerability, "/cve").into_iter().chain(ids).collect();
        for (key, status) in STATUSES {
            for id in
                items(vulnerability, &format!("/product_status/{key}")).filter_map(Value::as_str)
            {
                read.take(VexStatement {
                    issuer: text(document, "/document/publisher/name").to_owned(),
                    date,
                    vulnerabilities: ids.clone(),
                    subjects: products.get(id).cloned().into_iter().collect(),
                    status: *status,
                    justification: said_of(vulnerability, "/flags", id, "/label"),
                    detail: said_of(vulnerability, "/threats", id, "/details"),
                });
            }
        }
    }
    read
}

/// What a list says of a product.
fn said_of(vulnerability: &Value, list: &str, product: &str, key: &str) -> Option<String> {
    let named = |one: &&Value| items(one, "/product_ids").any(|id| id.as_str() == Some(product));
    items(vulnerability, list).find(named).and_then(|one| owned(one, key))
}

fn walk(
    branch: &Value,
    above: &VexSubject,
    products: &mut BTreeMap<String, VexSubject>,
    depth: u32,
) {
    let mut subject = above.clone();
    match text(branch, "/category") {
        "product_name" => subject.name = owned(branch, "/name"),
        "product_version" => subject.version = owned(branch, "/name"),
        _ => {}
    }
    if let Some(product) = branch.get("product") {
        note(product, &subject, products);
    }
    if depth < DEPTH_MAX {
        for part in items(branch, "/branches") {
            walk(part, &subject, products, depth + 1);
        }
    }
}

fn note(product: &Value, above: &VexSubject, products: &mut BTreeMap<String, VexSubject>) {
    let mut subject = above.clone();
    if subject.name.is_none() {
        subject.name = owned(product, "/name");
    }
    let helper = "/product_identification_helper";
    add_identifier(&mut subject, text(product, &format!("{helper}/purl")));
    add_identifier(&mut subject, text(product, &format!("{helper}/cpe")));
    for purl in items(product, &format!("{helper}/purls")).filter_map(Value::as_str) {
        add_identifier(&mut subject, purl);
    }
    products.insert(text(product, "/product_id").to_owned(), subject);
}

/// A component in a product is the component.
fn join(document: &Value, products: &mut BTreeMap<String, VexSubject>) {
    for relation in items(document, "/product_tree/relationships") {
        let part = products.get(text(relation, "/product_reference")).cloned();
        let id = text(relation, "/full_product_name/product_id");
        if let Some(part) = part.filter(|_| !id.is_empty()) {
            products.insert(id.to_owned(), part);
        }
    }
}
