//! Base scores as feeds ask for them. The suites of CVSS run in `auscult-model`.

use std::path::PathBuf;

use auscult_advisory::base_score;

pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("AUSCULT_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let found = root.join(path);
    if found.try_exists().unwrap_or(false) {
        return Some(found);
    }
    println!("SKIPPED: needs the shared folder");
    None
}

#[test]
fn worked_examples_of_the_specifications() {
    for (vector, expected) in [
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", 78),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 100),
        ("AV:L/AC:H/Au:N/C:C/I:C/A:C", 62),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 61),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98),
        ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", 46),
        ("CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0),
    ] {
        assert_eq!(base_score(vector), Some(expected), "{vector}");
    }
    for vector in ["", "CVSS:3.1/AV:N", "CVSS:4.0/AV:N/AC:L", "CVSS:3.1/AV:X/AC:L/PR:N"] {
        assert_eq!(base_score(vector), None, "{vector}");
    }
}
