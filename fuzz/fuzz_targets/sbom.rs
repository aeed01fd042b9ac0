//! Any bytes as an SBOM.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(facts) = auscult_sbom::read_cyclonedx(bytes) {
        let _ = facts.digest();
    }
});
