//! Tests 6.1.1 to 6.1.5, 6.1.25 and 6.1.31: the product tree and what refers to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Report, items, repeated};
use crate::csaf::{at, list, text, texts};

/// Every full product name with its path: of branches, of the list, of relationships.
pub(super) fn named(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let Some(tree) = at(document, &["product_tree"]) else { return found };
    for (path, branch) in branches(document) {
        found.extend(at(branch, &["product"]).map(|product| (format!("{path}/product"), product)));
    }
    found.extend(items(tree, "/product_tree", "full_product_names"));
    for key in ["relationships", "product_paths"] {
        for (path, item) in items(tree, "/product_tree", key) {
            let product = at(item, &["full_product_name"]);
            found.extend(product.map(|product| (format!("{path}/full_product_name"), product)));
        }
    }
    found
}

/// Every branch with its path, parents first.
fn branches(document: &Value) -> Vec<(String, &Value)> {
    let Some(tree) = at(document, &["product_tree"]) else { return Vec::new() };
    let mut found: Vec<(String, &Value)> = items(tree, "/product_tree", "branches").collect();
    let mut next = 0;
    while let Some((path, branch)) = found.get(next).cloned() {
        found.extend(items(branch, &path, "branches"));
        next += 1;
    }
    found
}

fn ids(document: &Value) -> BTreeSet<&str> {
    named(document).into_iter().map(|(_, product)| text(product, &["product_id"])).collect()
}

/// 6.1.1: a product that is referred to is defined.
pub(super) fn missing_product_id(report: &mut Report<'_>) {
    let known = ids(report.document);
    for (path, id) in references(report.document) {
        if !known.contains(id) {
            report.fail(path, format!("the product {id:?} is not defined"));
        }
    }
}

/// Every reference to a product with its path.
fn references(document: &Value) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    if let Some(tree) = at(document, &["product_tree"]) {
        for (path, item) in items(tree, "/product_tree", "relationships") {
            for key in ["product_reference", "relates_to_product_reference"] {
                reference(&mut found, &path, item, key);
            }
        }
        for (path, item) in items(tree, "/product_tree", "product_paths") {
            reference(&mut found, &path, item, "beginning_product_reference");
            for (path, part) in items(item, &path, "subpaths") {
                reference(&mut found, &path, part, "next_product_reference");
            }
        }
        for (path, group) in items(tree, "/product_tree", "product_groups") {
            referred(&mut found, &path, group, "product_ids");
        }
    }
    for (path, note) in
        at(document, &["document"]).into_iter().flat_map(|d| items(d, "/document", "notes"))
    {
        referred(&mut found, &path, note, "product_ids");
    }
    for (path, vulnerability) in items(document, "", "vulnerabilities") {
        let Some(parts) = vulnerability.as_object() else { continue };
        for (key, value) in parts {
            if key == "product_status" {
                for list in value.as_object().into_iter().flat_map(|lists| lists.keys()) {
                    referred(&mut found, &format!("{path}/product_status"), value, list);
                }
            } else if value.is_array() {
                for (path, item) in items(vulnerability, &path, key) {
                    referred(&mut found, &path, item, "product_ids");
                    referred(&mut found, &path, item, "products");
                }
            }
        }
    }
    found
}

fn reference<'a>(found: &mut Vec<(String, &'a str)>, path: &str, item: &'a Value, key: &str) {
    if let Some(id) = item.get(key).and_then(Value::as_str) {
        found.push((format!("{path}/{key}"), id));
    }
}

fn referred<'a>(found: &mut Vec<(String, &'a str)>, path: &str, item: &'a Value, key: &str) {
    let ids = texts(item, &[key]).enumerate();
    found.extend(ids.map(|(place, id)| (format!("{path}/{key}/{place}"), id)));
}

/// 6.1.2: a product is defined once.
pub(super) fn multiple_product_id(report: &mut Report<'_>) {
    let all = named(report.document);
    let twice = repeated(all.iter().map(|(_, product)| text(product, &["product_id"])));
    for (place, id) in twice {
        if let Some((path, _)) = all.get(place) {
            report.fail(format!("{path}/product_id"), format!("{id:?} is defined before"));
        }
    }
}

/// 6.1.3: no product is defined by itself.
pub(super) fn circular_product_id(report: &mut Report<'_>) {
    let Some(tree) = at(report.document, &["product_tree"]) else { return };
    let mut parts: BTreeMap<&str, (String, Vec<&str>)> = BTreeMap::new();
    for (path, item) in items(tree, "/product_tree", "relationships") {
        let both = ["product_reference", "relates_to_product_reference"];
        let of = both.iter().map(|key| text(item, &[key])).collect();
        parts.insert(text(item, &["full_product_name", "product_id"]), (path, of));
    }
    for (path, item) in items(tree, "/product_tree", "product_paths") {
        let mut of = vec![text(item, &["beginning_product_reference"])];
        of.extend(list(item, &["subpaths"]).iter().map(|p| text(p, &["next_product_reference"])));
        parts.insert(text(item, &["full_product_name", "product_id"]), (path, of));
    }
    parts.remove("");
    // What is left after all that rests on defined ground was taken away is in a circle, or
    // refers into one.
    let mut settled = true;
    while settled {
        let ground: Vec<&str> = parts
            .iter()
            .filter(|(_, (_, of))| of.iter().all(|id| !parts.contains_key(id)))
            .map(|(id, _)| *id)
            .collect();
        settled = !ground.is_empty();
        for id in ground {
            parts.remove(id);
        }
    }
    for (id, (path, _)) in parts {
        report.fail(
            format!("{path}/full_product_name/product_id"),
            format!("{id:?} is defined in a circle"),
        );
    }
}

/// 6.1.4: a group that is referred to is defined.
pub(super) fn missing_group_id(report: &mut Report<'_>) {
    let known: BTreeSet<&str> = report.groups().into_keys().collect();
    let mut found = Vec::new();
    if let Some(document) = at(report.document, &["document"]) {
        for (path, note) in items(document, "/document", "notes") {
            referred(&mut found, &path, note, "group_ids");
        }
    }
    for (path, vulnerability) in report.vulnerabilities() {
        for key in vulnerability.as_object().into_iter().flat_map(|parts| parts.keys()) {
            for (path, item) in items(vulnerability, &path, key) {
                referred(&mut found, &path, item, "group_ids");
            }
        }
    }
    for (path, id) in found {
        if !known.contains(id) {
            report.fail(path, format!("the group {id:?} is not defined"));
        }
    }
}

/// 6.1.5: a group is defined once.
pub(super) fn multiple_group_id(report: &mut Report<'_>) {
    let groups = list(report.document, &["product_tree", "product_groups"]).iter();
    for (place, id) in repeated(groups.map(|group| text(group, &["group_id"]))) {
        let path = format!("/product_tree/product_groups/{place}/group_id");
        report.fail(path, format!("{id:?} is defined before"));
    }
}

/// 6.1.25: an algorithm digests a file once.
pub(super) fn hash_algorithms(report: &mut Report<'_>) {
    for (path, product) in named(report.document) {
        let Some(helper) = at(product, &["product_identification_helper"]) else { continue };
        let path = format!("{path}/product_identification_helper");
        for (path, file) in items(helper, &path, "hashes") {
            let digests = list(file, &["file_hashes"]).iter();
            for (place, algorithm) in repeated(digests.map(|d| text(d, &["algorithm"]))) {
                let path = format!("{path}/file_hashes/{place}/algorithm");
                report.fail(path, format!("{algorithm:?} is used before for this file"));
            }
        }
    }
}

/// Words of a range.
const RANGE_WORDS: &[&str] = &["after", "all", "before", "earlier", "later", "prior", "versions"];

/// 6.1.31: a version is no range.
pub(super) fn range_in_version(report: &mut Report<'_>) {
    for (path, branch) in branches(report.document) {
        let name = text(branch, &["name"]).to_lowercase();
        if text(branch, &["category"]) != "product_version" {
            continue;
        }
        // The words stand by themselves: "after-eight" is a name.
        let word =
            name.split_whitespace().map(|word| word.trim_matches([',', ';', '(', ')', ':', '.']));
        if name.contains(['<', '>']) || word.into_iter().any(|word| RANGE_WORDS.contains(&word)) {
            report.fail(format!("{path}/name"), format!("{name:?} is a range of versions"));
        }
    }
}
