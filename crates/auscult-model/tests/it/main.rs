//! Identifiers and scores against suites that others wrote, read from the shared folder.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "a failed precondition is a failed test; what was skipped or measured is told"
)]

mod cpe;
mod cpe_doctest;
mod cvss;
mod purl;

use std::{collections::BTreeMap, io::Read as _, path::PathBuf};

/// A folder or file of the shared folder; `None`, told aloud, where there is none.
fn shared(path: &str) -> Option<PathBuf> {
    let found = root().join(path);
    if found.try_exists().unwrap_or(false) {
        return Some(found);
    }
    println!("SKIPPED: needs {path} of the shared folder");
    None
}

fn root() -> PathBuf {
    std::env::var_os("AUSCULT_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    )
}

/// The text files of a suite, by their path in it: a folder, or a `.tar.zst` of that name.
fn suite(name: &str) -> Option<BTreeMap<String, String>> {
    let folder = root().join("conformance").join(name);
    if folder.is_dir() {
        let mut files = BTreeMap::new();
        walk(&folder, name, &mut files);
        return Some(files);
    }
    let archive = std::fs::File::open(shared(&format!("conformance/{name}.tar.zst"))?).unwrap();
    let plain = ruzstd::decoding::StreamingDecoder::new(archive).unwrap();
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(plain).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().trim_start_matches("./").to_owned();
        let mut text = String::new();
        if entry.header().entry_type().is_file() && entry.read_to_string(&mut text).is_ok() {
            files.insert(path, text);
        }
    }
    Some(files)
}

fn walk(folder: &std::path::Path, path: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{path}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            walk(&entry.path(), &name, files);
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            files.insert(name, text);
        }
    }
}
