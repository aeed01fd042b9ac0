//! Scores against the third-party vectors of the shared folder.

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

/// Lines of `vector - (base, temporal, environmental)` of versions 2.0, 3.0 and 3.1.
#[test]
fn vectors_of_other_calculators() {
    let Some(folder) = shared("conformance/cvss-redhat") else { return };
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() || path.to_string_lossy().ends_with('4') {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let Some((vector, scores)) = line.split_once(" - (") else { continue };
            let base: f64 = scores.split(',').next().unwrap().trim().parse().unwrap();
            count += 1;
            if base_score(vector).map(|tenths| f64::from(tenths) / 10.0) != Some(base.abs()) {
                wrong.push(format!("{line}: {:?}", base_score(vector)));
            }
        }
    }
    println!("CVSS 2.0 to 3.1: {count} vectors, {} disagree", wrong.len());
    assert!(count >= 4000, "only {count} vectors");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
