//! The examples of NIST's reference implementation of CPE 2.3.

use auscult_model::{CpeAttribute, CpeName, CpeValue};
use serde_json::Value;

/// A name given as `fs`, `uri` or as a table of values.
fn name(value: &Value) -> CpeName {
    for form in ["fs", "uri"] {
        if let Some(text) = value.get(form).and_then(Value::as_str) {
            return CpeName::parse(text).unwrap();
        }
    }
    well_formed(&value["wfn"])
}

fn well_formed(table: &Value) -> CpeName {
    let mut name = CpeName::default();
    for (key, value) in table.as_object().unwrap() {
        let attribute = CpeAttribute::ALL.into_iter().find(|known| known.name() == key).unwrap();
        let value = match (value.as_str(), value["lv"].as_str()) {
            (Some(text), _) => CpeValue::Text(text.to_owned()),
            (None, Some("NA")) => CpeValue::NotApplicable,
            _ => CpeValue::Any,
        };
        name = name.with(attribute, value).unwrap();
    }
    name
}

#[test]
fn reference_examples() {
    let Some(path) = crate::shared("conformance/cpe/nist-reference.json") else { return };
    let suite: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rows = |key: &str| suite[key].as_array().unwrap().clone();
    let mut cases = 0;
    for row in rows("match") {
        let (source, target) = (name(&row["source"]), name(&row["target"]));
        let found = [
            ("disjoint", source.is_disjoint(&target)),
            ("equal", source.is_equal(&target)),
            ("subset", source.is_subset(&target)),
            ("superset", source.is_superset(&target)),
        ];
        for (relation, found) in found {
            assert_eq!(row[relation], found, "{relation} of {row}");
        }
        cases += 1;
    }
    for row in rows("bind_uri") {
        assert_eq!(well_formed(&row["wfn"]).uri(), row["uri"].as_str().unwrap());
        cases += 1;
    }
    for row in rows("bind_fs") {
        assert_eq!(well_formed(&row["wfn"]).formatted().0, row["fs"].as_str().unwrap());
        cases += 1;
    }
    for row in rows("unbind") {
        assert_eq!(name(&row), well_formed(&row["wfn"]), "{row}");
        cases += 1;
    }
    println!("cpe: {cases} examples of the reference implementation");
    assert!(cases >= 9, "only {cases} cases");
}
