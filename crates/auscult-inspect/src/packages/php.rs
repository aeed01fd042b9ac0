//! Packages of PHP: `vendor/composer/installed.json`, which Composer writes for what it installed;
//! version 1 wrote a bare list.

use serde_json::Value;

use super::{
    Database, Packages,
    language::{Found, Module, field},
};

pub(super) fn is_manifest(path: &[u8]) -> bool {
    path.ends_with(b"/composer/installed.json")
}

pub(super) fn read(found: &Found<'_>, packages: &mut Packages) {
    let value = found.json(packages);
    let list = value.get("packages").unwrap_or(&value).as_array();
    for package in list.into_iter().flatten() {
        let licences = package.get("license").and_then(Value::as_array);
        let licences = licences.into_iter().flatten().filter_map(Value::as_str);
        let licence = Some(licences.collect::<Vec<_>>().join(",")).filter(|text| !text.is_empty());
        let (name, version) = (field(package, "name"), field(package, "version"));
        found.add(Database::Composer, Module { name, version, licence }, packages);
    }
}

#[cfg(test)]
mod tests {
    use crate::packages::language::tests::{damage, modules};

    const LIST: &[u8] = br#"{"packages":[{"name":"psr/log","version":"v3.0.2","license":["MIT"]},
        {"name":"acme/pump","version":"1.0"},{"version":"2"}],"dev":false}"#;

    #[test]
    fn both_forms_of_the_list_are_read() {
        let path = "srv/www/vendor/composer/installed.json";
        let (found, packages) = modules(&[(path, LIST)]);
        assert_eq!(found, ["pkg:composer/psr/log@v3.0.2 MIT", "pkg:composer/acme/pump@1.0"]);
        assert_eq!(packages.problems.len(), 1);
        let bare = br#"[{"name":"psr/log","version":"1.0.0"}]"#;
        assert_eq!(modules(&[(path, bare)]).0, ["pkg:composer/psr/log@1.0.0"]);
        damage(path, LIST);
    }
}
