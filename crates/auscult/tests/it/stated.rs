//! VEX documents, decisions, baselines, differences and the proposed context.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{auscult, code, file, sample, stderr, stdout, text};

const SBOM: &[u8] = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
    {"type":"library","name":"openssl","version":"1.0.1e","purl":"pkg:generic/openssl@1.0.1e",
     "cpe":"cpe:2.3:a:openssl:openssl:1.0.1e:*:*:*:*:*:*:*"}]}"#;
const OLDEST: [&str; 4] = ["--max-snapshot-age", "9999", "--as-of", "2026-11-23"];

/// The VEX state of a vulnerability of the SBOM, with more arguments.
fn vex(path: &Path, arguments: &[&str]) -> Value {
    let mut all = vec!["scan", text(path), "--as-of", "2026-11-23", "-o", "json"];
    all.extend(arguments);
    let output = auscult(&all);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let result: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let findings = result["findings"].as_array().expect("findings");
    let found = findings.iter().find(|one| one["id"] == "CVE-2014-0160").expect("Heartbleed");
    found["vex"].clone()
}

#[test]
fn a_supplier_closes_a_finding_and_another_opens_it_again() {
    let (folder, path) = file(SBOM);
    assert_eq!(vex(&path, &[])["status"], "affected");
    let statement = |author: &str, status: &str| {
        let name = folder.path().join(author);
        let document = json!({ "@context": "https://openvex.dev/ns/v0.2.0", "author": author,
            "timestamp": "2026-01-01T00:00:00Z", "statements": [{ "vulnerability": { "name": "CVE-2014-0160" },
            "products": [{ "@id": "pkg:generic/openssl" }], "status": status,
            "justification": "vulnerable_code_not_present" }] });
        fs::write(&name, document.to_string()).expect("write");
        name
    };
    let (closing, opening) = (statement("Maker", "not_affected"), statement("Other", "affected"));
    let closed = vex(&path, &["--vex", text(&closing)]);
    assert_eq!(
        (closed["status"].as_str(), closed["strength"].as_str()),
        (Some("not_affected"), Some("stated"))
    );
    let heard = vex(&path, &["--vex", text(&closing), "--trust-issuer", "Somebody"]);
    assert_eq!(heard["status"], "affected");
    let both = vex(&path, &["--vex", text(&closing), "--vex", text(&opening)]);
    assert_eq!(both["status"], "affected");
    let output = auscult(&["scan", text(&path), "--vex", text(&path)]);
    assert_eq!(code(&output), 0, "an SBOM without an opinion is a VEX document that says nothing");
    fs::write(&closing, "{}").expect("write");
    let output = auscult(&["scan", text(&path), "--vex", text(&closing)]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("none of OpenVEX, CSAF and CycloneDX"), "{}", stderr(&output));
}

/// What one scan found out is what the next one is told, in both forms.
#[test]
fn findings_are_written_as_vex_and_read_again() {
    let (folder, path) = file(SBOM);
    let statement = folder.path().join("maker.json");
    let document = json!({ "@context": "https://openvex.dev/ns/v0.2.0", "author": "Maker",
        "timestamp": "2026-01-01T00:00:00Z", "statements": [{ "vulnerability": { "name": "CVE-2014-0160" },
        "products": [{ "@id": "pkg:generic/openssl" }], "status": "not_affected",
        "justification": "vulnerable_code_not_present" }] });
    fs::write(&statement, document.to_string()).expect("write");
    let mut arguments =
        vec!["scan", text(&path), "--as-of", "2026-11-23", "--vex", text(&statement)];
    let (openvex, csaf) = (folder.path().join("openvex.json"), folder.path().join("csaf.json"));
    let outputs = [format!("openvex={}", text(&openvex)), format!("csaf-vex={}", text(&csaf))];
    arguments.extend(outputs.iter().flat_map(|output| ["-o", output.as_str()]));
    let output = auscult(&arguments);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for written in [&openvex, &csaf] {
        let closed = vex(&path, &["--vex", text(written)]);
        assert_eq!(
            (closed["status"].as_str(), closed["justification"].as_str()),
            (Some("not_affected"), Some("vulnerable_code_not_present")),
            "{}",
            written.display()
        );
    }
    let document = fs::read(&csaf).expect("read the document");
    let document: Value = serde_json::from_slice(&document).expect("JSON");
    assert_eq!(auscult_advisory::csaf::lint::lint(&document), []);
    let affected = &document["vulnerabilities"].as_array().expect("vulnerabilities");
    assert!(affected.iter().any(|one| one["product_status"]["known_affected"].is_array()));
    let output = auscult(&["scan", text(&path), "--facts-only", "-o", "openvex"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("advisories were not asked"), "{}", stderr(&output));
}

#[test]
fn a_decision_holds_until_its_fact_changes() {
    let (folder, path) = file(SBOM);
    let output = auscult(&["explain", text(&path), "component:openssl"]);
    let told = stdout(&output);
    let digest = told.split("sha256 ").nth(1).expect("a digest").trim().to_owned();
    assert!(told.starts_with("component:openssl: 1.0.1e\n"), "{told}");
    let decisions = folder.path().join("decisions.json");
    let write = |digest: &str| {
        let document = json!({ "schema": "auscult-decisions/1", "decisions": [{
            "vulnerability": "CVE-2014-0160", "component": "openssl", "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path", "comment": "no heartbeats", "by": "Ada",
            "date": "2026-11-01", "relies-on": [{ "fact": "component:openssl", "sha256": digest }] }] });
        fs::write(&decisions, document.to_string()).expect("write");
    };
    write(&digest);
    let arguments = ["--decisions", text(&decisions)];
    assert_eq!(vex(&path, &arguments)["strength"], "decided");
    write(&"0".repeat(64));
    let reopened = vex(&path, &arguments);
    assert_eq!(reopened["status"], "affected");
    assert!(reopened["evidence"].to_string().contains("open again"), "{reopened}");
    fs::write(&decisions, "{\"schema\":\"other\",\"decisions\":[]}").expect("write");
    let output = auscult(&[&["scan", text(&path)], &arguments[..]].concat());
    assert_eq!(code(&output), 1, "{}", stderr(&output));
}

#[test]
fn a_gate_knows_what_is_new() {
    let (folder, path) = file(SBOM);
    let gate = |baseline: &str| {
        let arguments = ["scan", text(&path), "--fail-on", "new", "--baseline", baseline];
        code(&auscult(&[&arguments[..], &OLDEST].concat()))
    };
    assert_eq!(gate(text(&path)), 0);
    let clean = folder.path().join("clean.json");
    fs::write(&clean, String::from_utf8_lossy(SBOM).replace("1.0.1e", "99")).expect("write");
    assert_eq!(gate(text(&clean)), 3);
    let result = folder.path().join("result.json");
    let output = format!("json={}", result.display());
    assert_eq!(code(&auscult(&[&["scan", text(&path), "-o", &output], &OLDEST[2..]].concat())), 0);
    assert_eq!(gate(text(&result)), 0);
    let facts = ["scan", text(&path), "--facts-only", "-o", &output];
    assert_eq!(code(&auscult(&facts)), 0);
    assert_eq!(gate(text(&result)), 4, "a baseline without findings is none");
}

#[test]
fn a_difference_is_told_in_three_forms() {
    let (folder, old) = file(SBOM);
    let new = folder.path().join("new.json");
    fs::write(&new, String::from_utf8_lossy(SBOM).replace("1.0.1e", "1.0.1g")).expect("write");
    let diff = |form: &str| {
        let output =
            auscult(&["diff", text(&old), text(&new), "-o", form, "--as-of", "2026-11-23"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stdout(&output)
    };
    let difference: Value = serde_json::from_str(&diff("json")).expect("JSON");
    let changed = &difference["components"]["known"]["changed"]["openssl"];
    assert_eq!((&changed["old"], &changed["new"]), (&json!("1.0.1e"), &json!("1.0.1g")));
    let gone = difference["findings"]["known"]["gone"].as_array().expect("gone");
    assert!(gone.iter().any(|one| one["id"] == "CVE-2014-0160"));
    assert!(diff("table").contains("1.0.1g") && diff("markdown").contains("| 1.0.1e | 1.0.1g |"));
    assert_eq!(code(&auscult(&["diff", text(&old), text(&new), "-o", "pdf"])), 2);
    assert_eq!(code(&auscult(&["diff", text(&old), "no-such-file"])), 1);
}

#[test]
fn a_proposed_context_is_one_that_the_program_reads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (image, context) = (sample(), folder.path().join("device.toml"));
    let output = auscult(&["context", "init", text(&image), "-o", text(&context)]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let proposed = fs::read_to_string(&context).expect("the file");
    assert!(proposed.contains("interfaces = ["), "{proposed}");
    let output = auscult(&["scan", text(&image), "--context", text(&context)]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    // What stands there as a comment is meant to be filled in.
    let filled = proposed
        .replace("\n# ", "\n")
        .lines()
        .filter(|line| line.contains(" = ") || line.starts_with('[') && line.ends_with(']'))
        .collect::<Vec<_>>()
        .join("\n");
    fs::write(&context, filled).expect("write");
    let output = auscult(&["scan", text(&image), "--context", text(&context)]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

#[test]
fn a_capture_of_a_running_unit_stands_beside_the_image() {
    let (_folder, capture) = file(
        b"auscult-capture\t1\nkernel\t9.9\nroot\tyes\nprocess\t5\t0\t/usr/bin/pumplink\tpumplink\n\
          process\t6\t0\t/tmp/\xffdropper\tx\nsocket\t7\t5\nlisten\ttcp\t00000000:1F90\t7\nend\n",
    );
    let image = sample();
    let output = auscult(&["scan", text(&image), "--runtime", text(&capture), "-o", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let result: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let schema = crate::support::root().join("docs/schema/scan-1.json");
    let schema: Value =
        serde_json::from_slice(&fs::read(schema).expect("the schema")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let faults: Vec<String> =
        validator.iter_errors(&result).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}");
    let runtime = &result["runtime"];
    assert_eq!(runtime["listeners"][0]["port"], 8080);
    assert_eq!(runtime["listeners"][0]["programs"], json!(["/usr/bin/pumplink"]));
    assert_eq!(runtime["programs_not_in_image"].as_array().expect("a list").len(), 1);
    assert!(
        result["findings"].to_string().contains("seen on a running unit"),
        "no finding was joined"
    );
    let table = stdout(&auscult(&["scan", text(&image), "--runtime", text(&capture)]));
    assert!(
        table.contains("SEEN RUNNING  kernel 9.9, which is not in the image, 2 processes"),
        "{table}"
    );
    let output = auscult(&["scan", text(&image), "--runtime", text(&image)]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("sh capture.sh"), "{}", stderr(&output));
}
