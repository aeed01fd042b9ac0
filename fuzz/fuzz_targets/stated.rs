//! Any text as a VEX document, as a file of decisions, and as a capture of a running unit.
#![no_main]

use auscult_assess::Capture;
use auscult_model::Decisions;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = auscult_sbom::read_vex(bytes) {
        for statement in &read.statements {
            assert!(!statement.vulnerabilities.is_empty());
            assert!(statement.subjects.iter().any(|subject| !subject.is_empty()));
        }
    }
    let text = String::from_utf8_lossy(bytes);
    drop(Capture::parse(&text));
    drop(Capture::parse(&format!("auscult-capture\t1\n{text}")));
    drop(serde_json::from_str::<Decisions>(&text));
});
