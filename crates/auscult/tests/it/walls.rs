//! The walls around the worker hold against what hostile code would try first.

use std::process::{Command, Stdio};

use crate::support::stderr;

#[test]
fn the_worker_can_neither_open_nor_connect_nor_run() {
    let limits = serde_json::to_value(auscult_model::Limits::default()).unwrap();
    let request = serde_json::json!({ "task": "probe", "kind": "image", "limits": limits });
    let output = Command::new(env!("CARGO_BIN_EXE_auscult"))
        .args(["worker", &request.to_string()])
        .stdin(Stdio::from(tempfile::tempfile().unwrap()))
        .output()
        .unwrap();
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    let walls: Vec<&str> =
        answer["isolation"].as_array().unwrap().iter().filter_map(|wall| wall.as_str()).collect();
    for wall in ["rlimits", "no-new-privs", "seccomp"] {
        assert!(walls.contains(&wall), "{wall} does not stand: {walls:?}");
    }
    assert_eq!(answer["succeeded"], serde_json::json!([]), "{walls:?}");
}
