//! What the fuzz targets share.

use auscult_model::Limits;

/// Small limits, so that a run is short and a leak shows.
pub fn limits() -> Limits {
    Limits {
        depth: 4,
        entries: 10_000,
        derived_bytes: 32 << 20,
        stream_bytes: 4 << 20,
        cache_bytes: 8 << 20,
        ..Limits::default()
    }
}

/// Opens bytes as each of these formats whose magic they have, and reads what is inside. A name that is
/// not known is a mistake in the target.
pub fn formats(names: &[&str], bytes: &[u8]) {
    for name in names {
        assert!(auscult_unpack::format_names().any(|known| known == *name), "no format {name}");
    }
    auscult_unpack::open_formats(names, bytes, &limits());
}

/// The same for a whole family.
pub fn family(name: &str, bytes: &[u8]) {
    let names = auscult_unpack::family(name);
    assert!(!names.is_empty(), "no family {name}");
    auscult_unpack::open_formats(&names, bytes, &limits());
}
