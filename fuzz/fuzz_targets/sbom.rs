//! Any bytes as an SBOM: as facts, and as a document of any form inside of an image.
#![no_main]

use std::sync::LazyLock;

use auscult_model::{Limits, ToolIdentity};

static TOOL: LazyLock<ToolIdentity> = LazyLock::new(auscult_inspect::tool);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(facts) = auscult_sbom::read_cyclonedx(bytes, TOOL.clone(), &Limits::default()) {
        let _ = facts.digest();
    }
    let _ = auscult_sbom::read_components(bytes);
});
