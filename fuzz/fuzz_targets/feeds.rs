//! Any bytes as a feed: the first byte picks the name, as some feeds are told by it.
#![no_main]

use std::fs;

use auscult_advisory::{BuildOptions, Snapshot, build};

const NAMES: &[&str] = &[
    "record.json",
    "record.yaml",
    "epss_scores-2026-01-01.csv",
    "known_exploited_vulnerabilities.json",
    "msf_cve-db.txt",
    "exploitdb.csv",
    "DSA.list",
    "curl-vulns.csv",
    "main.yaml",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else { return };
    let name = NAMES[usize::from(first) % NAMES.len()];
    let folder = std::env::temp_dir().join(format!("auscult-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, rest).unwrap();
    let built = build(&folder, &BuildOptions::default());
    fs::remove_file(&path).unwrap();
    if let Ok(built) = built {
        Snapshot::from_vec(built.bytes).unwrap().verify().unwrap();
    }
});
