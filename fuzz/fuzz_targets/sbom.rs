//! Any bytes as an SBOM.
#![no_main]

use auscult_model::Limits;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(facts) =
        auscult_sbom::read_cyclonedx(bytes, auscult_inspect::tool(), &Limits::default())
    {
        let _ = facts.digest();
    }
});
