//! The tables against the publications, row by row, and their monotonicity.

use std::path::PathBuf;

use super::{
    BOD_26_04, COORDINATOR, DEPLOYER, EXPLOITABILITY, FDA_MATRIX, HUMAN_IMPACT_CERTCC,
    HUMAN_IMPACT_STRICT, PUBLIC_SAFETY, SUPPLIER, Table, UTILITY, combinations,
};

fn published(name: &str) -> Option<String> {
    let shared = std::env::var_os("AUSCULT_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(shared.join("conformance/ssvc/data/csv").join(name)).ok();
    if text.is_none() {
        println!("SKIPPED: needs the shared folder");
    }
    text
}

/// "mef support crippled" and "14 days" in our spelling.
fn normalised(cell: &str) -> String {
    match cell {
        "14 days" | "60 days" | "3 days" => format!("within-{}", cell.replace(' ', "-")),
        "3 days & forensic investigation" => "within-3-days-forensic".to_owned(),
        _ => cell.replace(' ', "-"),
    }
}

fn agrees(table: &Table, csv: &str, rows: usize) {
    let Some(text) = published(csv) else { return };
    let mut seen = 0;
    for line in text.lines().skip(1) {
        let cells: Vec<String> = line.split(',').skip(1).map(normalised).collect();
        let (outcome, answers) = cells.split_last().unwrap();
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        assert_eq!(table.look_up(&answers), Some(outcome.as_str()), "{line}");
        seen += 1;
    }
    assert_eq!(seen, rows);
}

#[test]
fn deployer_agrees_with_the_publication_in_all_72_rows() {
    agrees(&DEPLOYER, "ssvc/deployer_patch_application_priority_1_0_0.csv", 72);
}

#[test]
fn human_impact_agrees_with_the_publication_in_all_16_rows() {
    agrees(&HUMAN_IMPACT_CERTCC, "ssvc/human_impact_1_0_0.csv", 16);
}

#[test]
fn bod_26_04_agrees_with_the_publication_in_all_16_rows() {
    agrees(&BOD_26_04, "cisa/cisa_bod_26_04_1_0_0.csv", 16);
}

#[test]
fn the_tables_of_suppliers_agree_with_the_publication_in_all_rows() {
    agrees(&SUPPLIER, "ssvc/supplier_patch_development_priority_1_0_0.csv", 36);
    agrees(&UTILITY, "ssvc/utility_1_0_0.csv", 4);
    agrees(&PUBLIC_SAFETY, "ssvc/public_safety_impact_1_0_0.csv", 4);
}

#[test]
fn the_tree_of_the_coordinator_agrees_with_the_publication_in_all_36_rows() {
    agrees(&COORDINATOR, "cisa/cisa_coordinator_2_0_3.csv", 36);
}

#[test]
fn strict_human_impact_differs_only_upwards_and_only_where_the_definitions_do() {
    let order = ["low", "medium", "high", "very-high"];
    let rank = |value| order.iter().position(|other| *other == value).unwrap();
    let mut raised = Vec::new();
    for answers in combinations(&HUMAN_IMPACT_STRICT.points) {
        let strict = HUMAN_IMPACT_STRICT.look_up(&answers).unwrap();
        let table = HUMAN_IMPACT_CERTCC.look_up(&answers).unwrap();
        assert!(rank(strict) >= rank(table), "{answers:?}");
        if strict != table {
            raised.push((answers.join("/"), strict));
        }
    }
    assert_eq!(
        raised,
        [
            ("marginal/degraded".to_owned(), "medium"),
            ("marginal/mef-support-crippled".to_owned(), "medium"),
            ("marginal/mef-failure".to_owned(), "high"),
            ("critical/degraded".to_owned(), "high"),
        ]
    );
}

#[test]
fn no_table_lowers_its_outcome_when_a_point_grows_worse() {
    for (table, order) in [
        (&*DEPLOYER, &["defer", "scheduled", "out-of-cycle", "immediate"][..]),
        (&*HUMAN_IMPACT_CERTCC, &["low", "medium", "high", "very-high"]),
        (&*HUMAN_IMPACT_STRICT, &["low", "medium", "high", "very-high"]),
        (
            &*BOD_26_04,
            &[
                "fix-on-system-upgrade",
                "within-60-days",
                "within-14-days",
                "within-3-days",
                "within-3-days-forensic",
            ],
        ),
        (&*SUPPLIER, &["defer", "scheduled", "out-of-cycle", "immediate"]),
        (&*UTILITY, &["laborious", "efficient", "super-effective"]),
        (&*PUBLIC_SAFETY, &["minimal", "significant"]),
        (&*COORDINATOR, &["track", "track*", "attend", "act"]),
        (&*EXPLOITABILITY, &["low", "medium", "high"]),
        (&*FDA_MATRIX, &["controlled", "uncontrolled"]),
    ] {
        let rank = |answers: &[&str]| {
            let outcome = table.look_up(answers).unwrap();
            order.iter().position(|other| *other == outcome).unwrap()
        };
        for answers in combinations(&table.points) {
            for (at, point) in table.points.iter().enumerate() {
                let value = point.values.iter().position(|value| *value == answers[at]).unwrap();
                let Some(worse) = point.values.get(value + 1) else { continue };
                let mut worsened = answers.clone();
                worsened[at] = worse;
                assert!(rank(&worsened) >= rank(&answers), "{answers:?} to {worsened:?}");
            }
        }
    }
}

#[test]
fn an_incomplete_table_is_refused() {
    for text in [
        "policy x\npoint a   no yes\npoint b   no yes\nno x y\n",
        "policy x\npoint a   no yes\npoint b   no yes\nno x y\nno x y\n",
        "policy x\npoint a   no yes\npoint b   no yes\nno x y\nyes x\n",
        "policy x\npoint a   no yes\npoint b   no yes\nno x y\nyes x y\nyes x y\n",
        "",
    ] {
        assert!(Table::parse(text).is_none(), "{text:?}");
    }
}
