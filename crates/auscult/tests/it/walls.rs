//! The walls around the worker hold against what hostile code would try first.

use std::{
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
};

use crate::support::stderr;

/// A worker's request to try the named thing.
fn request(name: &str) -> String {
    let limits = auscult_model::Limits::default();
    serde_json::json!({ "task": { "probe": name }, "kind": "image", "limits": limits }).to_string()
}

/// Starts a worker that tries the named thing; the signal that ended it, and its answer.
fn attempt(name: &str) -> (Option<i32>, serde_json::Value) {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_auscult"));
    worker.args(["worker", &request(name)]).stdin(Stdio::null());
    let output = worker.output().expect("the program starts");
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    (output.status.signal(), answer)
}

#[test]
fn a_worker_that_reaches_out_is_killed() {
    for name in [
        "write a file",
        "make a folder",
        "remove a file",
        "open a socket",
        "run a program",
        "signal another process",
    ] {
        let (signal, answer) = attempt(name);
        assert_eq!(signal, Some(libc::SIGSYS), "{name}: {answer}");
    }
}

#[test]
fn a_worker_that_looks_around_sees_nothing() {
    for name in ["read a file", "list a folder"] {
        let (signal, answer) = attempt(name);
        assert_eq!((signal, &answer["succeeded"]), (None, &false.into()), "{name}");
        let walls: Vec<&str> = answer["isolation"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|wall| wall.as_str())
            .collect();
        for wall in ["rlimits", "no-new-privs", "seccomp"] {
            assert!(walls.contains(&wall), "{wall} does not stand: {walls:?}");
        }
    }
}

#[test]
fn a_worker_ends_with_its_parent() {
    // Nothing but zeros for a long time: the worker is still reading when its parent is killed.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    std::fs::File::create(&path).unwrap().set_len(64 << 30).unwrap();
    let mut parent = Command::new(env!("CARGO_BIN_EXE_auscult"))
        .args(["scan", crate::support::text(&path)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let children = format!("/proc/{0}/task/{0}/children", parent.id());
    let until = |done: &dyn Fn() -> bool| {
        for _ in 0..500 {
            if done() {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        false
    };
    let child = || std::fs::read_to_string(&children).unwrap_or_default().trim().to_owned();
    // Once it has several threads it has bound itself to its parent.
    let threads =
        |child: &str| std::fs::read_dir(format!("/proc/{child}/task")).map_or(0, Iterator::count);
    assert!(until(&|| !child().is_empty() && threads(&child()) > 1), "the worker runs");
    let child = child();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    assert!(until(&|| state().is_empty() || state().contains(") Z ")), "the worker goes on");
}
