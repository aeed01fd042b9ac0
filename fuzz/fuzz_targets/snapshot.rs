//! Any bytes as an advisory snapshot.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(snapshot) = auscult_advisory::Snapshot::from_vec(bytes.to_vec()) {
        let _ = snapshot.info();
        let _ = snapshot.show("CVE-2022-48174");
    }
});
