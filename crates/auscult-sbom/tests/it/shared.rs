//! The folder of reference data that lies beside the workspace, if it does.

use std::path::{Path, PathBuf};

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::Value;

/// The folder, or `None` with a loud note.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("AUSCULT_SHARED").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: needs the shared folder");
    None
}

/// Finds the schemas that others refer to by their file name.
struct FromFolder(PathBuf);

impl Retrieve for FromFolder {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.path().as_str().rsplit('/').next().unwrap_or_default();
        Ok(serde_json::from_slice(&std::fs::read(self.0.join(name))?)?)
    }
}

/// Compiles the official schema of CycloneDX 1.6.
pub(crate) fn schema(folder: &Path) -> Validator {
    let schemas = folder.join("conformance/cyclonedx/schema");
    let schema = std::fs::read(schemas.join("bom-1.6.schema.json")).unwrap();
    jsonschema::options()
        .with_retriever(FromFolder(schemas))
        .should_validate_formats(true)
        .build(&serde_json::from_slice(&schema).unwrap())
        .unwrap()
}

/// Every file below this folder whose name passes.
pub(crate) fn files(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.file_name().and_then(|name| name.to_str()).is_some_and(wanted) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
