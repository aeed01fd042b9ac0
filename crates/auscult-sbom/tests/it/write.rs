//! What is written: valid by the official schema, and the same bytes from the same facts.

use auscult_sbom::{WriteOptions, write_cyclonedx};
use serde_json::{Value, json};

use crate::{facts, shared};

fn written() -> Value {
    serde_json::from_slice(&write_cyclonedx(&facts(), &WriteOptions::default()).unwrap()).unwrap()
}

fn by_name(document: &Value, name: &str) -> Value {
    let components = document["components"].as_array().unwrap();
    components.iter().find(|component| component["name"] == name).unwrap().clone()
}

#[test]
fn document_is_valid_by_the_official_schema() {
    let Some(folder) = shared::folder() else { return };
    let schema = shared::schema(&folder);
    let ids = auscult_model::component_ids(&facts().components);
    let end_of_support = ids.into_iter().map(|id| (id, "2023-09-11".to_owned())).collect();
    let options = WriteOptions { as_of: Some(jiff::civil::date(2026, 7, 1)), end_of_support };
    let mut empty = facts();
    empty.components.clear();
    for facts in [facts(), empty] {
        for options in [&WriteOptions::default(), &options] {
            let bytes = write_cyclonedx(&facts, options).unwrap();
            let document: Value = serde_json::from_slice(&bytes).unwrap();
            let errors: Vec<String> = schema
                .iter_errors(&document)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert_eq!(errors, Vec::<String>::new());
        }
    }
    let mut wrong = written();
    wrong["components"][0]["type"] = json!("gadget");
    assert!(!schema.is_valid(&wrong), "the schema must be in force");
}

#[test]
fn the_end_of_support_is_a_property_where_it_is_known() {
    let mut sorted = facts();
    sorted.canonicalise();
    let ids = auscult_model::component_ids(&sorted.components);
    let told = sorted.components.iter().zip(ids).find(|(found, _)| found.name == "busybox");
    let end_of_support = [(told.unwrap().1, "ended".to_owned())].into();
    let options = WriteOptions { end_of_support, ..WriteOptions::default() };
    let document = serde_json::from_slice(&write_cyclonedx(&sorted, &options).unwrap()).unwrap();
    let property = json!({"name": "auscult:end-of-support", "value": "ended"});
    let properties = |document: &Value| by_name(document, "busybox")["properties"].clone();
    assert!(properties(&document).as_array().unwrap().contains(&property));
    assert!(!written().to_string().contains("end-of-support"));
}

#[test]
fn licence_list_is_part_of_the_official_one() {
    let Some(folder) = shared::folder() else { return };
    let list = std::fs::read(folder.join("conformance/cyclonedx/schema/spdx.schema.json")).unwrap();
    let list: Value = serde_json::from_slice(&list).unwrap();
    let official: Vec<&str> =
        list["enum"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let mut all = facts();
    // Whatever is written as an id must be in the closed list of the schema.
    all.components[0].licences = official.iter().map(|text| text.to_lowercase()).collect();
    let bytes = write_cyclonedx(&all, &WriteOptions::default()).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    let licences = by_name(&document, "busybox")["licenses"].as_array().unwrap().clone();
    let ids: Vec<&str> = licences.iter().filter_map(|l| l["license"]["id"].as_str()).collect();
    assert!(ids.len() > 80 && ids.iter().all(|id| official.contains(id)), "{ids:?}");
}

#[test]
fn same_facts_give_the_same_bytes_in_any_order() {
    let first = write_cyclonedx(&facts(), &WriteOptions::default()).unwrap();
    let mut shuffled = facts();
    shuffled.components.reverse();
    for component in &mut shuffled.components {
        component.evidence.reverse();
        component.cpes.reverse();
    }
    assert_eq!(first, write_cyclonedx(&shuffled, &WriteOptions::default()).unwrap());
    let mut other = facts();
    other.tool.version = "0.2.0".into();
    let other: Value =
        serde_json::from_slice(&write_cyclonedx(&other, &WriteOptions::default()).unwrap())
            .unwrap();
    assert_ne!(other["serialNumber"], written()["serialNumber"]);
    assert_eq!(written()["metadata"].get("timestamp"), None);
}

#[test]
fn component_of_one_file_carries_its_digest_and_evidence() {
    let component = by_name(&written(), "busybox");
    assert_eq!(component["version"], "1.35.0");
    assert_eq!(component["hashes"][0]["alg"], "SHA-256");
    assert_eq!(component["cpe"], "cpe:2.3:a:busybox:busybox:1.35.0:*:*:*:*:*:*:*");
    assert_eq!(component["evidence"]["identity"][0]["field"], "purl");
    assert_eq!(component["evidence"]["identity"][0]["confidence"], 0.95);
    assert_eq!(
        component["evidence"]["occurrences"],
        json!([
            {
                "location": "image@0x800000/squashfs:/bin/busybox",
                "additionalContext": "contains-code"
            },
            {
                "location": "image@0x800000/squashfs:/bin/busybox@0x1f20",
                "offset": 0x1f20,
                "additionalContext": "contains-code"
            },
        ])
    );
    assert_eq!(
        component["licenses"],
        json!([
            { "license": { "id": "GPL-2.0-only" } },
            { "license": { "name": "Some \u{7} licence" } }
        ])
    );
}

#[test]
fn version_that_is_not_exact_is_never_written_as_one() {
    let document = written();
    let components = document["components"].as_array().unwrap();
    let openssl: Vec<_> = components.iter().filter(|one| one["name"] == "openssl").collect();
    assert_eq!(openssl.len(), 3);
    for component in openssl {
        assert_eq!(component.get("version"), None);
        let names: Vec<_> =
            component["properties"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
        assert_eq!(names[..2], ["auscult:version", "auscult:version:reason"]);
    }
    assert_eq!(by_name(&document, "long").get("version"), None);
}

#[test]
fn what_is_left_out_is_told() {
    let document = written();
    let kernel = by_name(&document, "linux kernel \u{1b}[31m");
    assert_eq!(kernel["evidence"]["occurrences"].as_array().unwrap().len(), 64);
    let omitted = json!({ "name": "auscult:occurrences-omitted", "value": "436" });
    assert!(kernel["properties"].as_array().unwrap().contains(&omitted));
    assert_eq!(document["compositions"][0]["aggregate"], "incomplete");
    let names = document["components"].as_array().unwrap();
    assert!(names.iter().all(|component| component["name"] != "gcc"), "a mention is no component");
}

#[test]
fn relations_name_every_component_once() {
    let document = written();
    let components = document["components"].as_array().unwrap();
    let mut references: Vec<_> = components.iter().map(|one| one["bom-ref"].clone()).collect();
    assert_eq!(document["dependencies"][0]["dependsOn"], json!(references));
    assert_eq!(document["dependencies"][0]["ref"], document["metadata"]["component"]["bom-ref"]);
    references.sort_by_key(ToString::to_string);
    references.dedup();
    assert_eq!(references.len(), components.len());
}
