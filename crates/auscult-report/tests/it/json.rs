//! The JSON form against its published schema.

use std::path::Path;

use auscult_report::{SCAN_SCHEMA, ScanResult, json};
use serde_json::Value;

use crate::results;

fn parsed(result: &ScanResult) -> Value {
    serde_json::from_slice(&json(result).unwrap()).unwrap()
}

fn schema() -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/scan-1.json");
    let schema = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

#[test]
fn results_are_valid_by_the_published_schema() {
    let schema = schema();
    let all = [
        results::ordinary(),
        results::maintained(),
        results::empty(),
        results::hostile(),
        results::flooded(),
    ];
    for result in all {
        let document = parsed(&result);
        let errors: Vec<String> = schema
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(document["schema"], SCAN_SCHEMA);
    }
}

#[test]
fn schema_refuses_what_is_wrong() {
    let schema = schema();
    for (pointer, value) in [
        ("/findings/0/vex/status", "fine".into()),
        ("/components/0/kind", "gadget".into()),
        ("/as_of", "today".into()),
        ("/input/digest", "sha256:00".into()),
        ("/components/0/evidence/0/locator", "/home/me/image".into()),
        ("/verdict", Value::from(3)),
    ] {
        let mut document = parsed(&results::ordinary());
        *document.pointer_mut(pointer).unwrap() = value;
        assert!(!schema.is_valid(&document), "{pointer}");
    }
    let mut document = parsed(&results::ordinary());
    document.as_object_mut().unwrap().remove("coverage");
    assert!(!schema.is_valid(&document));
}

#[test]
fn fields_of_the_contract_are_all_there() {
    let document = parsed(&results::ordinary());
    for field in [
        "tool",
        "input",
        "as_of",
        "snapshot",
        "coverage",
        "components",
        "findings",
        "gaps",
        "problems",
        "verdict",
    ] {
        assert!(document.get(field).is_some(), "{field}");
    }
    let finding = &document["findings"][1];
    for field in [
        "id",
        "aliases",
        "component",
        "version",
        "match",
        "vex",
        "kev",
        "epss",
        "cvss",
        "decisions",
    ] {
        assert!(finding.get(field).is_some(), "{field}");
    }
    for field in ["perspective", "policy", "outcome", "due", "path"] {
        assert!(finding["decisions"][0].get(field).is_some(), "{field}");
    }
}

#[test]
fn findings_come_in_the_order_of_their_urgency() {
    let document = parsed(&results::ordinary());
    let ids: Vec<&str> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["id"].as_str())
        .collect();
    // Undecided before all, unscored before scored, closed last.
    assert_eq!(
        ids,
        [
            "CVE-2026-0004",
            "CVE-2026-0001",
            "CVE-2026-0006",
            "CVE-2026-0002",
            "CVE-2026-0005",
            "CVE-2026-0003"
        ]
    );
}

#[test]
fn what_was_not_measured_is_named_unknown() {
    let unknown = |result: &ScanResult| parsed(result)["coverage"]["questions_unknown"].clone();
    let ordinary = unknown(&results::ordinary());
    assert!(ordinary["gaps"].as_str().unwrap().starts_with("not measured"));
    assert_eq!(ordinary.get("findings"), None);
    assert_eq!(ordinary["support"], "the snapshot tells none");
    assert_eq!(unknown(&results::maintained()).get("support"), None);
    assert_eq!(unknown(&results::empty())["findings"], "no snapshot was given");
    assert_eq!(unknown(&results::empty())["support"], "no snapshot was given");
    assert_eq!(parsed(&results::empty())["snapshot"], Value::Null);
}

#[test]
fn the_end_of_support_is_told_by_component() {
    let document = parsed(&results::maintained());
    let of = |product: &str| {
        let rows = document["support"].as_array().unwrap();
        rows.iter().find(|row| row["product"] == product).unwrap().clone()
    };
    let ended = of("product-1");
    assert_eq!((&ended["state"], &ended["date"]), (&"ended".into(), &"2022-02-03".into()));
    assert_eq!((&ended["cycle"], &ended["latest"]), (&"4.4".into(), &"4.4.9".into()));
    assert!(
        document["components"].as_array().unwrap().iter().any(|c| c["id"] == ended["component"])
    );
    assert_eq!(
        (&of("product-3")["state"], &of("product-3")["date"]),
        (&"supported".into(), &Value::Null)
    );
    assert_eq!(parsed(&results::ordinary())["support"], Value::Array(Vec::new()));
}

#[test]
fn version_is_a_text_only_where_it_is_exact() {
    let document = parsed(&results::ordinary());
    let versions: Vec<_> = document["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|component| (&component["version"], &component["version_unknown"]["known_prefix"]))
        .collect();
    assert_eq!(versions[0], (&"1.35.0".into(), &Value::Null));
    assert_eq!(versions[2], (&Value::Null, &"1.0.2".into()));
    let range = &document["components"][1]["version_unknown"];
    assert_eq!(range["at_least"], "2.9.11");
    assert_eq!((&range["below"], &range["known_prefix"]), (&"2.10.0".into(), &Value::Null));
}

#[test]
fn same_result_gives_the_same_bytes() {
    let mut shuffled = results::ordinary();
    if let auscult_model::Known::Known(assessment) = &mut shuffled.assessment {
        assessment.findings.reverse();
    }
    shuffled.facts.components.reverse();
    shuffled.canonicalise();
    assert_eq!(json(&shuffled).unwrap(), json(&results::ordinary()).unwrap());
}
