//! Exit codes of a scan with and without a gate, and outputs beside it.

use serde_json::Value;

use crate::support::{auscult, code, file, root, sample, stderr, stdout, text};

fn scan(arguments: &[&str]) -> i32 {
    let image = sample();
    let mut all = vec!["scan", text(&image), "--as-of", "2026-11-23"];
    all.extend(arguments);
    let output = auscult(&all);
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    code(&output)
}

#[test]
fn exit_codes_are_those_of_the_contract() {
    // Done: something was identified and no gate was asked for.
    assert_eq!(scan(&[]), 0);
    // The gate fails on known exploited vulnerabilities, whatever the snapshot's age.
    assert_eq!(scan(&["--fail-on", "kev"]), 3);
    // The built-in snapshot is older than 14 days at this date: nothing else can be concluded.
    assert_eq!(scan(&["--fail-on", "gap:high"]), 4);
    assert_eq!(scan(&["--fail-on", "new", "--max-snapshot-age", "9999"]), 4);
    let gate = root().join("samples").join("gate.toml");
    assert_eq!(scan(&["--policy", text(&gate)]), 3);
    assert_eq!(scan(&["--fail-on", "everything"]), 2);
    assert_eq!(scan(&["--fail-on", "kev", "--policy", text(&gate)]), 2);
    assert_eq!(scan(&["-o", "spdx"]), 2);
    assert_eq!(scan(&["--facts-only", "--fail-on", "kev"]), 2);
}

#[test]
fn a_gate_that_nothing_breaks_passes() {
    // An image with one component that the snapshot knows and no advisory touches.
    let (_folder, path) = file(
        br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
            {"type":"library","name":"zlib","version":"1.3.1",
             "cpe":"cpe:2.3:a:zlib:zlib:1.3.1:*:*:*:*:*:*:*"}]}"#,
    );
    let arguments = ["scan", text(&path), "--fail-on", "kev", "--max-snapshot-age", "9999"];
    let output = auscult(&arguments);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("VERDICT  pass"), "{}", stdout(&output));
    // The same without a snapshot young enough is no pass.
    let output = auscult(&["scan", text(&path), "--fail-on", "kev", "--as-of", "2031-01-01"]);
    assert_eq!(code(&output), 4);
}

#[test]
fn a_gate_does_not_pass_over_a_version_that_nobody_knows() {
    let (folder, path) = file(
        br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
            {"type":"library","name":"openssl","cpe":"cpe:2.3:a:openssl:openssl:*:*:*:*:*:*:*:*"}]}"#,
    );
    let arguments = ["scan", text(&path), "--max-snapshot-age", "9999"];
    let output = auscult(&[&arguments[..], &["--fail-on", "kev"]].concat());
    assert_eq!(code(&output), 4, "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("without a known version: openssl"), "{}", stdout(&output));
    let policy = folder.path().join("gate.toml");
    std::fs::write(&policy, "fail-on = [\"kev\"]\nallow-version-unknown = true\n").expect("write");
    let output = auscult(&[&arguments[..], &["--policy", text(&policy)]].concat());
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
}

#[test]
fn outputs_agree_with_each_other_and_repeat() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let context = root().join("samples").join("device.toml");
    let outputs = |run: &str| {
        let option =
            |format: &str| format!("{format}={}", path(&format!("{format}.{run}")).display());
        let options = [option("json"), option("cyclonedx"), option("csv"), option("html")];
        let mut arguments = vec!["--context", text(&context)];
        for option in &options {
            arguments.extend(["-o", option]);
        }
        assert_eq!(scan(&arguments), 0);
    };
    outputs("one");
    outputs("two");
    for format in ["json", "cyclonedx", "csv", "html"] {
        let read = |run: &str| std::fs::read(path(&format!("{format}.{run}"))).expect("written");
        assert!(read("one") == read("two"), "{format} differs between two runs");
    }
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(path(name)).expect("written")).expect("JSON")
    };
    let (result, bom) = (read("json.one"), read("cyclonedx.one"));
    let count = |value: &Value| value.as_array().map_or(0, Vec::len);
    assert_eq!(count(&result["components"]), count(&bom["components"]));
    assert!(count(&result["findings"]) > 1000);
    for name in ["busybox", "openssl", "linux", "dropbear", "dnsmasq", "zlib"] {
        let named = |component: &Value| component["name"] == name;
        assert!(result["components"].as_array().expect("a list").iter().any(named), "{name}");
    }
    let heartbleed = |finding: &&Value| finding["id"] == "CVE-2014-0160";
    let findings = result["findings"].as_array().expect("a list");
    let heartbleed = findings.iter().find(heartbleed).expect("the static OpenSSL is found");
    assert_eq!(heartbleed["version"], "1.0.1e");
    assert_eq!(count(&heartbleed["decisions"]), 3);
}
