//! Evidence leads back to bytes: what a result points at can be printed.

use std::{
    io::Read as _,
    process::{Command, Stdio},
};

use auscult_testkit::stream;
use serde_json::Value;

use crate::support::{auscult, code, sample, stderr, stdout, text};

#[test]
fn every_locator_of_a_result_can_be_printed() {
    let image = sample();
    let output = auscult(&["scan", text(&image), "--facts-only", "-o", "json"]);
    let result: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let components = result["components"].as_array().expect("a list");
    let mut printed = 0;
    for evidence in components.iter().flat_map(|c| c["evidence"].as_array().expect("a list")) {
        let locator = evidence["locator"].as_str().expect("a locator");
        let output = auscult(&["unpack", text(&image), "--cat", locator]);
        assert_eq!(code(&output), 0, "{locator}: {}", stderr(&output));
        assert!(!output.stdout.is_empty(), "{locator}");
        printed += 1;
    }
    assert!(printed >= 20, "{printed}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let image = folder.path().join("image.gz");
    // More than fits into the pipes on the way.
    std::fs::write(&image, stream::gzip(&vec![b'a'; 8 << 20])).expect("write");
    let mut child = Command::new(env!("CARGO_BIN_EXE_auscult"))
        .args(["unpack", text(&image), "--cat", "image@0x0/gzip"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut first = [0; 10];
    let mut out = child.stdout.take().expect("its output");
    out.read_exact(&mut first).expect("ten bytes");
    drop(out);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
    assert_eq!(first, [b'a'; 10]);
}

#[test]
fn an_image_extracts_to_files_and_never_outside() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let to = folder.path().join("out");
    let image = sample();
    let output = auscult(&["unpack", text(&image), "--to", text(&to)]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let shadow = find(&to, "shadow").expect("the root file system was extracted");
    let shadow = std::fs::read_to_string(shadow).expect("read");
    assert!(shadow.contains("root:"), "{shadow}");
    // A second time into the same folder is refused: nothing is overwritten.
    assert_eq!(code(&auscult(&["unpack", text(&image), "--to", text(&to)])), 1);
    assert_eq!(std::fs::read_dir(folder.path()).expect("list").count(), 1);
}

fn find(folder: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    entries.map(|entry| entry.path()).find_map(|path| {
        if path.is_dir() && !path.is_symlink() {
            find(&path, name)
        } else {
            path.file_name().is_some_and(|found| found == name).then_some(path)
        }
    })
}

#[test]
fn explain_tells_the_way_from_bytes_to_decision() {
    let image = sample();
    let output = auscult(&["explain", text(&image), "cve-2014-0160", "--as-of", "2026-11-23"]);
    let told = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for part in ["CVE-2014-0160", "pumplink", "ssvc:deployer", "would change", "bod-26-04"] {
        assert!(told.contains(part), "{part} is not told: {told}");
    }
    let output = auscult(&["explain", text(&image), "CVE-1999-0001"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("hint:"), "{}", stderr(&output));
}
