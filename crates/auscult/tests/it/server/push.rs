//! `auscult push` from CI, and what works on the database: backup, restore, doctor, audit.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use super::{
    builds::other_snapshot,
    support::{Server, busybox, databases},
};
use crate::support::{auscult, code, sample, stderr, stdout, text};

/// Pushes as CI does, with the key in the environment.
fn push(server: &Server, target: &Path, key: &str, more: &[&str]) -> Output {
    let certificate = server.data.join("certificate.pem");
    let mut command = Command::new(env!("CARGO_BIN_EXE_auscult"));
    command.arg("push").arg(target).args(["--server", &server.url, "--product", "Pump"]);
    command.arg("--ca-file").arg(certificate).args(more).env("AUSCULT_KEY", key);
    command.output().expect("the program starts")
}

#[test]
fn ci_hears_the_verdict_by_the_exit_code() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let key = client.key(&["read", "upload", "products"]);
        let missing = push(&server, &sample(), &key, &[]);
        assert_eq!(code(&missing), 1);
        assert!(stderr(&missing).contains("--create"), "{}", stderr(&missing));
        let failed = push(&server, &sample(), &key, &["--create", "--label", "1.0"]);
        assert_eq!(code(&failed), 3, "{}{}", stdout(&failed), stderr(&failed));
        for told in ["VERDICT  fail", "kev", "CVE-2014-0160 openssl", "/builds/"] {
            assert!(stdout(&failed).contains(told), "{told}: {}", stdout(&failed));
        }
        // The starter snapshot is too old to call anything clean.
        let sbom = folder.path().join("bom.json");
        std::fs::write(&sbom, busybox("9.9.9")).expect("written");
        let open = push(&server, &sbom, &key, &["-o", "json"]);
        assert_eq!(code(&open), 4, "{}{}", stdout(&open), stderr(&open));
        let view: Value = serde_json::from_str(&stdout(&open)).expect("JSON");
        assert_eq!((&view["label"], &view["state"]), (&"bom.json".into(), &"ready".into()));
        std::fs::write(&sbom, br#"{"schema":1,"tool":7}"#).expect("written");
        let broken = push(&server, &sbom, &key, &[]);
        assert_eq!(code(&broken), 1, "{}{}", stdout(&broken), stderr(&broken));
        assert!(stderr(&broken).contains("could not be inspected: read the facts"));
        // With advisories of these days the same build passes.
        std::fs::write(&sbom, busybox("9.9.9")).expect("written");
        let loaded = client.upload("/api/v1/snapshots", &other_snapshot());
        assert_eq!(loaded.status, 201, "{}", loaded.body);
        let passed = push(&server, &sbom, &key, &[]);
        assert_eq!(code(&passed), 0, "{}{}", stdout(&passed), stderr(&passed));
        let reader = client.key(&["read"]);
        let refused = push(&server, &sbom, &reader, &[]);
        assert_eq!(code(&refused), 1);
        assert!(stderr(&refused).contains("the permission `upload`"), "{}", stderr(&refused));
        let unknown = push(&server, &sbom, "auscult_guessed", &[]);
        assert!(stderr(&unknown).contains("unknown, revoked or expired"), "{}", stderr(&unknown));
        let empty = push(&server, &sbom, "", &[]);
        assert!(stderr(&empty).contains("the key is empty"), "{}", stderr(&empty));
    }
}

#[test]
fn a_server_that_cannot_be_trusted_gets_no_key() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let plain = server.url.replace("https://", "http://");
    let target = sample();
    for (url, told) in [
        (server.url.as_str(), "--ca-file"),
        (plain.as_str(), "over https:// only"),
        ("https://127.0.0.1:1", "whether the server runs"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auscult"));
        command.arg("push").arg(&target).args(["--server", url, "--product", "Pump"]);
        let output = command.env("AUSCULT_KEY", "auscult_secret").output().expect("it starts");
        assert_eq!(code(&output), 1);
        let told_by = stderr(&output);
        assert!(told_by.contains(told), "{url}: {told_by}");
        assert!(!told_by.contains("auscult_secret"), "{told_by}");
    }
    let output = auscult(&["push", text(&target), "--server", &server.url]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
}

#[test]
fn a_fleet_is_backed_up_restored_and_looked_at() {
    for (database, folder) in databases() {
        let mut server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let key = client.key(&["read", "upload", "products"]);
        let pushed = push(&server, &sample(), &key, &["--create", "--label", "1.0"]);
        assert_eq!(code(&pushed), 3, "{}", stderr(&pushed));
        let data = text(folder.path()).to_owned();
        let on = |command: &[&str], url: &str| {
            auscult(&[command, &["--database", url, "--data", data.as_str()]].concat())
        };
        let file = folder.path().join("fleet.backup");
        // While the server runs.
        let written = on(&["backup", text(&file)], &database);
        assert_eq!(code(&written), 0, "{}", stderr(&written));
        let again = on(&["backup", text(&file)], &database);
        assert_eq!(code(&again), 1, "a backup replaces nothing");
        let moved = format!("sqlite:{}", folder.path().join("restored.db").display());
        let restored = on(&["restore", text(&file)], &moved);
        assert_eq!(code(&restored), 0, "{}", stderr(&restored));
        assert!(stdout(&restored).contains("build"), "{}", stdout(&restored));
        assert_eq!(code(&on(&["restore", text(&file)], &moved)), 1, "it is not empty");
        let heads = [&database, &moved].map(|url| {
            let verified = on(&["audit", "verify"], url);
            assert_eq!(code(&verified), 0, "{}", stderr(&verified));
            stdout(&verified)
        });
        assert_eq!(heads[0], heads[1]);
        assert!(heads[0].starts_with("Default: whole, "), "{}", heads[0]);
        let checked = on(&["doctor"], &moved);
        assert_eq!(code(&checked), 0, "{}{}", stdout(&checked), stderr(&checked));
        assert!(stdout(&checked).contains("sound"), "{}", stdout(&checked));
        assert_eq!(server.stop(), Some(0));
        // The restored fleet is the same: sessions, keys, builds and all.
        let server = Server::start(&moved, folder.path());
        let builds = server.as_key(&key).get("/api/v1/builds").json();
        assert_eq!(builds["items"][0]["label"], "1.0");
        assert_eq!(code(&on(&["doctor"], "sqlite:/nowhere/x.db")), 1);
    }
}
