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
    assert_failed(&verdict, "evidence-signature", "evidence", "or denied");
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

/// The keys of the maker's and the bench's desks are named by roots of the maker's.
#[test]
fn a_chain_of_roots_tells_whose_signature_counts_for_what() {
    let bench = Bench::new();
    let unit = bench.unit("unit");
    for key in ["root-a", "root-b", "root-c", "line-2"] {
        done(&["advisories", "keygen", text(&bench.at(key))]);
    }
    let root = |name: &str, text_of: &str, signers: &[&str]| {
        let (list, signed) = (bench.at("root.toml"), bench.at(name));
        fs::write(&list, text_of).expect("write the root");
        let mut from = list;
        for key in signers {
            let key = bench.at(key);
            done(&["manifest", "sign", text(&from), "--key", text(&key), "-o", text(&signed)]);
            from.clone_from(&signed);
        }
        signed
    };
    let of = |version: u32, own: &str, reference: &str| {
        format!(
            "version = {version}\ndate = \"2026-11-27\"\n[root]\nthreshold = 2\nkeys = [{own}]\n\
             [reference]\nkeys = [\"{reference}\"]\n[evidence]\nkeys = [\"bench.pub\"]\n"
        )
    };
    let first = of(1, "\"root-a.pub\", \"root-b.pub\"", "maker.pub");
    let first = root("root-1", &first, &["root-a", "root-b"]);
    let second = of(2, "\"root-b.pub\", \"root-c.pub\"", "line-2.pub");
    let handed = root("root-2", &second, &["root-a", "root-b", "root-c"]);
    let forged = root("root-2-forged", &second, &["root-c", "stranger"]);
    let reference = bench.at("reference");
    let ask = |target: &Path, more: &[&str]| {
        let mut arguments = vec!["verify", text(target), "--reference", text(&reference)];
        arguments.extend(["--root", text(&first), "-o", "json"]);
        arguments.extend(more);
        let output = auscult(&arguments);
        let verdict: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (code(&output), verdict)
    };
    // What the former root's key signed lives as long as the device.
    for more in [&[][..], &["--next-root", text(&handed)]] {
        let (exit, verdict) = ask(&unit, more);
        assert_eq!(exit, 0, "{:#?}", items(&verdict));
    }
    let (exit, verdict) = ask(&unit, &["--next-root", text(&forged)]);
    assert_eq!(exit, 3);
    assert_failed(&verdict, "trust-root", "trust root 2", "0 of the 2 keys");

    // Who may sign evidence may not sign builds.
    bench.manifest("image", "reference", &["--build-id", "build-2"]);
    let mut stripped = read(&reference);
    stripped["signatures"] = Value::Array(Vec::new());
    write(&reference, &stripped);
    done(&["manifest", "sign", text(&reference), "--key", text(&bench.at("bench"))]);
    let (_, verdict) = ask(&unit, &[]);
    assert_failed(&verdict, "reference-signature", "reference", "not trusted for this");
    // A key of the next root counts once that is at hand.
    done(&["manifest", "sign", text(&reference), "--key", text(&bench.at("line-2"))]);
    assert_eq!(ask(&unit, &[]).0, 3);
    assert_eq!(ask(&unit, &["--next-root", text(&handed)]).0, 0);
    let shown = done(&["manifest", "show", text(&handed)]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.starts_with("trust root  2 of 2026-11-27, without an end"), "{shown}");
    assert!(shown.contains("deny-list   nobody"), "{shown}");
}

#[test]
fn a_root_that_names_a_key_file_that_is_not_there_is_not_signed() {
    let bench = Bench::new();
    let (list, key, signed) = (bench.at("root.toml"), bench.at("maker"), bench.at("root-1"));
    let root = "version = 1\ndate = \"2026-11-27\"\n[root]\nkeys = [\"gone.pub\"]\n";
    fs::write(&list, root).expect("write the root");
    let sign = ["manifest", "sign", text(&list), "--key", text(&key), "-o", text(&signed)];
    let output = auscult(&sign);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("gone.pub"), "{}", stderr(&output));
    assert!(!signed.is_file());
}
