//! Third-party suites of the shared folder, read where they lie.

use std::{collections::BTreeMap, io::Read as _, path::PathBuf};

use serde_json::Value;

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("AUSCULT_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let folder = root.join("conformance");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: needs the shared folder");
    None
}

/// A file of the suite of version orders.
pub(crate) fn version_order(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(folder()?.join("version-order").join(path)).unwrap())
}

/// The tests of a file of version orders that is JSON.
pub(crate) fn version_order_tests(path: &str) -> Option<Vec<Value>> {
    Some(tests(&serde_json::from_str(&version_order(path)?).unwrap()))
}

fn tests(document: &Value) -> Vec<Value> {
    document.get("tests").unwrap_or(document).as_array().unwrap().clone()
}

/// The tests of the VERS standard: name of the file and its tests.
pub(crate) fn vers_spec() -> Option<BTreeMap<String, Vec<Value>>> {
    let file = std::fs::File::open(folder()?.join("vers-spec.tar.zst")).unwrap();
    let decoder = ruzstd::decoding::StreamingDecoder::new(std::io::BufReader::new(file)).unwrap();
    let mut archive = tar::Archive::new(decoder);
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if path.parent().is_some_and(|parent| parent.ends_with("tests"))
            && path.extension().is_some_and(|extension| extension == "json")
        {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.insert(name, tests(&serde_json::from_str(&text).unwrap()));
        }
    }
    Some(files)
}
