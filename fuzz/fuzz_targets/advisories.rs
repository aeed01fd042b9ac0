//! Any bytes as an advisory with a key and a signature, parted by the sign of a record (0x1e): what
//! is read is checked, tested, built into a snapshot and asked for a device.
#![no_main]

use std::fs;

use auscult_advisory::{BuildOptions, Snapshot, build, csaf::lint::lint, match_device};

const METADATA: &str = r#"{"canonical_url":"https://a.example/provider-metadata.json",
    "publisher":{"name":"A"},"public_openpgp_keys":[{"url":"https://a.example/key.asc"}]}"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |byte| *byte == 0x1e);
    let document = parts.next().unwrap_or_default();
    if let Ok(value) = serde_json::from_slice(document) {
        let _ = lint(&value);
    }
    let folder = std::env::temp_dir().join(format!("auscult-fuzz-csaf-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("provider-metadata.json"), METADATA).unwrap();
    fs::write(folder.join("a.json"), document).unwrap();
    for name in ["key.asc", "a.json.asc"] {
        match parts.next() {
            Some(part) => fs::write(folder.join(name), part).unwrap(),
            None => drop(fs::remove_file(folder.join(name))),
        }
    }
    let Ok(built) = build(&folder, &BuildOptions::default()) else { return };
    let snapshot = Snapshot::from_vec(built.bytes).unwrap();
    snapshot.verify().unwrap();
    let text = String::from_utf8_lossy(document);
    let mut names = text.split('"');
    let mut name = || names.next().unwrap_or_default();
    match_device(&snapshot, name(), name(), Some(name())).unwrap();
});
