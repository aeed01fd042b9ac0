//! Packages of conda: `conda-meta/NAME-VERSION-BUILD.json` in the environment that it manages.
//!
//! conda packs native libraries as well as modules of Python, and lists the files of each.

use serde_json::Value;

use super::{
    Database, Packages,
    language::{Found, Module, field},
};

const FOLDER: &[u8] = b"/conda-meta/";

pub(super) fn is_manifest(path: &[u8]) -> bool {
    let end = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    path.ends_with(b".json") && path.get(..end).is_some_and(|folder| folder.ends_with(FOLDER))
}

pub(super) fn read(found: &Found<'_>, packages: &mut Packages) {
    let value = found.json(packages);
    let text = |key: &str| field(&value, key).filter(|text| !text.is_empty());
    let module = Module { name: text("name"), version: text("version"), licence: text("license") };
    let before = packages.rows.len();
    found.add(Database::Conda, module, packages);
    let Some(row) = packages.rows.get_mut(before) else { return };
    row.qualifiers = [("build", text("build")), ("subdir", text("subdir"))]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect();
    let end = found.path().len() - found.tree.node(found.id).name.file_name().len();
    let folder = found.path().get(..end).and_then(|folder| folder.strip_suffix(FOLDER));
    row.root.prefix = folder.unwrap_or_default().to_vec();
    let files = value.get("files").and_then(Value::as_array).into_iter().flatten();
    row.files =
        files.filter_map(Value::as_str).map(|path| [b"/", path.as_bytes()].concat()).collect();
}

#[cfg(test)]
mod tests {
    use crate::packages::language::tests::{damage, modules};

    #[test]
    fn packages_tell_their_files() {
        let path = "opt/env/conda-meta/zlib-1.2.13-h166bdaf_4.json";
        let text = br#"{"name":"zlib","version":"1.2.13","build":"h166bdaf_4","subdir":"linux-64",
            "license":"Zlib","files":["lib/libz.so.1.2.13"]}"#;
        let (found, packages) = modules(&[(path, text)]);
        assert_eq!(found, ["pkg:conda/zlib@1.2.13?build=h166bdaf_4&subdir=linux-64 Zlib"]);
        assert_eq!(packages.rows[0].root.prefix, b"/opt/env");
        assert_eq!(packages.rows[0].files, [b"/lib/libz.so.1.2.13".to_vec()]);
        assert!(modules(&[("opt/env/conda-meta/state/x.json", text)]).0.is_empty());
        damage(path, text);
    }
}
