//! What is done to references, evidence and challenges on their way.

use std::{fs, path::Path};

use serde_json::Value;

use super::{Bench, assert_failed, done, items};
use crate::support::{auscult, code, stderr, text};

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("read")).expect("JSON")
}

fn write(path: &Path, value: &Value) {
    fs::write(path, value.to_string()).expect("write");
}

/// Evidence of a good unit, signed by the bench, with these arguments more.
fn evidence(bench: &Bench, name: &str, more: &[&str]) {
    let unit = bench.at("unit");
    if !unit.is_dir() {
        bench.unit("unit");
    }
    let (key, out) = (bench.at("bench"), bench.at(name));
    let mut arguments = vec!["measure", text(&unit), "--key", text(&key), "-o", text(&out)];
    arguments.extend(more);
    done(&arguments);
}

fn challenge(bench: &Bench, name: &str) {
    let out = bench.at(name);
    done(&["manifest", "challenge", "-o", text(&out), "--device", "SN-1"]);
}

#[test]
fn a_reference_counts_only_as_it_was_signed_by_a_trusted_key() {
    let bench = Bench::new();
    let (unit, path) = (bench.unit("unit"), bench.at("reference"));
    let good = read(&path);

    bench.manifest("image", "other", &["--build-id", "build-2b", "--svn", "9"]);
    let mut edited = good.clone();
    edited["payload"] = read(&bench.at("other"))["payload"].clone();
    write(&path, &edited);
    let (exit, verdict) = bench.verify(&unit, &[]);
    assert_eq!(exit, 3);
    assert_failed(&verdict, "reference-signature", "reference", "changed after it was signed");

    let mut stripped = good.clone();
    stripped["signatures"] = Value::Array(Vec::new());
    write(&path, &stripped);
    let (exit, verdict) = bench.verify(&unit, &[]);
    assert_eq!(exit, 3);
    assert_failed(&verdict, "reference-signature", "reference", "no signature");
    // Somebody else signs it; with the maker's signature beside, it counts again.
    done(&["manifest", "sign", text(&path), "--key", text(&bench.at("stranger"))]);
    let (exit, verdict) = bench.verify(&unit, &[]);
    assert_eq!(exit, 3);
    assert_failed(&verdict, "reference-signature", "reference", "not trusted");
    done(&["manifest", "sign", text(&path), "--key", text(&bench.at("maker"))]);
    let (exit, verdict) = bench.verify(&unit, &[]);
    assert_eq!(exit, 0, "{:#?}", items(&verdict));
    let again = auscult(&["manifest", "sign", text(&path), "--key", text(&bench.at("maker"))]);
    assert_eq!(code(&again), 1);
    assert!(stderr(&again).contains("has signed this already"), "{}", stderr(&again));

    // Without a key nothing is known to be wrong, and nothing passed.
    let output = auscult(&["verify", text(&unit), "--reference", text(&path), "-o", "json"]);
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((code(&output), &verdict["outcome"]), (4, &"inconclusive".into()));
    let told = items(&verdict);
    assert!(told.iter().any(|item| item[1] == "signature-not-checked"), "{told:?}");
}

#[test]
fn evidence_answers_the_challenge_of_this_check_and_no_other() {
    let bench = Bench::new();
    for name in ["today", "yesterday"] {
        challenge(&bench, name);
    }
    let (today, yesterday) = (bench.at("today"), bench.at("yesterday"));
    evidence(&bench, "fresh", &["--challenge", text(&today)]);
    evidence(&bench, "stale", &["--challenge", text(&yesterday)]);
    evidence(&bench, "unasked", &[]);
    let asked = ["--challenge", text(&today)];
    let (exit, verdict) = bench.verify(&bench.at("fresh"), &asked);
    assert_eq!(exit, 0, "{:#?}", items(&verdict));

    let (exit, verdict) = bench.verify(&bench.at("stale"), &asked);
    assert_eq!(exit, 3);
    assert_failed(&verdict, "evidence-replayed", "evidence", "another challenge");
    let (_, verdict) = bench.verify(&bench.at("unasked"), &asked);
    assert_failed(&verdict, "evidence-without-challenge", "evidence", "at any time");
    let late = ["--challenge", text(&today), "--as-of", "2100-01-01"];
    let (exit, verdict) = bench.verify(&bench.at("fresh"), &late);
    assert_eq!(exit, 3);
    assert_failed(&verdict, "challenge-expired", "challenge", "expired");
}

#[test]
fn evidence_counts_only_as_it_was_signed() {
    let bench = Bench::new();
    evidence(&bench, "evidence", &[]);
    let path = bench.at("evidence");
    let good = read(&path);

    let mut stripped = good.clone();
    stripped["signatures"] = Value::Array(Vec::new());
    write(&path, &stripped);
    let (exit, verdict) = bench.verify(&path, &[]);
    assert_eq!(exit, 3);
    assert_failed(&verdict, "evidence-stripped", "evidence", "stripped");

    evidence(&bench, "other", &[]);
    let mut changed = good.clone();
    changed["payload"] = read(&bench.at("other"))["payload"].clone();
    write(&path, &changed);
    let (_, verdict) = bench.verify(&path, &[]);
    assert_failed(&verdict, "evidence-signature", "evidence", "changed after it was signed");

    let (unit, key) = (bench.at("unit"), bench.at("stranger"));
    done(&["measure", text(&unit), "--key", text(&key), "-o", text(&path)]);
    let (_, verdict) = bench.verify(&path, &[]);
    assert_failed(&verdict, "evidence-signature", "evidence", "not trusted");

    // Without any key it says nothing wrong, and is worth nothing.
    done(&["measure", text(&unit), "-o", text(&path)]);
    let (exit, verdict) = bench.verify(&path, &[]);
    assert_eq!(exit, 4, "{:#?}", items(&verdict));
    write(&path, &good);
    let (exit, verdict) = bench.verify(&path, &["--min-level", "A3"]);
    assert_eq!(exit, 4, "{:#?}", items(&verdict));
}

#[test]
fn denied_builds_devices_and_keys_do_not_pass() {
    let bench = Bench::new();
    challenge(&bench, "asked");
    evidence(&bench, "evidence", &["--challenge", text(&bench.at("asked"))]);
    let bench_key = {
        let output = done(&["manifest", "show", text(&bench.at("evidence"))]);
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        shown.split("the key ").nth(1).expect("a key").chars().take(64).collect::<String>()
    };
    let denied = |content: &str, key: &str| {
        let (list, signed) = (bench.at("deny.toml"), bench.at("deny"));
        let text_of = format!("number = 7\ndate = \"2026-11-26\"\n{content}\n");
        fs::write(&list, text_of).expect("write the list");
        let key = bench.at(key);
        done(&["manifest", "sign", text(&list), "--key", text(&key), "-o", text(&signed)]);
        bench.verify(&bench.at("evidence"), &["--deny", text(&signed)])
    };
    let (exit, verdict) = denied("builds = [\"build-0\"]", "maker");
    assert_eq!(exit, 0, "{:#?}", items(&verdict));
    let (exit, verdict) = denied("builds = [\"build-2\"]", "maker");
    assert_eq!(exit, 3);
    assert_failed(&verdict, "denied", "deny list", "build build-2");
    let (_, verdict) = denied("devices = [\"SN-1\"]", "maker");
    assert_failed(&verdict, "denied", "deny list", "device SN-1");
    let (_, verdict) = denied(&format!("keys = [\"{bench_key}\"]"), "maker");
    assert_failed(&verdict, "evidence-signature", "evidence", "not trusted, or denied");
    let (_, verdict) = denied("builds = []", "stranger");
    assert_failed(&verdict, "deny-list-signature", "deny list 7", "not trusted");
    let (exit, _) = denied("expires = \"2026-11-20\"", "maker");
    assert_eq!(exit, 4);
}

#[test]
fn wrong_papers_are_told_apart_from_wrong_devices() {
    let bench = Bench::new();
    let (unit, junk) = (bench.unit("unit"), bench.at("junk"));
    for content in ["", "{}", "{\"payload\":\"e30=\",\"payloadType\":\"x\",\"signatures\":[]}"] {
        fs::write(&junk, content).expect("write");
        let output = auscult(&["verify", text(&unit), "--reference", text(&junk)]);
        assert_eq!(code(&output), 1, "{content}");
        assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
    }
    let output = auscult(&["verify", text(&unit)]);
    assert_eq!(code(&output), 2);
    let reference = bench.at("reference");
    let wrong = ["verify", text(&unit), "--reference", text(&reference), "--min-level", "A9"];
    assert_eq!(code(&auscult(&wrong)), 2);
    let output = auscult(&["manifest", "create", text(&unit), "-o", text(&junk)]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("hint: name the image"), "{}", stderr(&output));
}
