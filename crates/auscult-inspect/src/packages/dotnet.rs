//! Packages of .NET: `NAME.deps.json`, which the build leaves beside a program and in each shared
//! framework (`documentation/specs/runtime-configuration-file.md` of the .NET SDK).

use auscult_model::ComponentKind;
use serde_json::Value;

use super::{
    Database, Packages,
    language::{Found, Module, field},
};

/// How a runtime that comes with the program is marked.
const RUNTIME: &str = "runtimepack.";

pub(super) fn is_manifest(path: &[u8]) -> bool {
    path.ends_with(b".deps.json")
}

pub(super) fn read(found: &Found<'_>, packages: &mut Packages) {
    let value = found.json(packages);
    let libraries = value.get("libraries").and_then(Value::as_object);
    for (key, library) in libraries.into_iter().flatten() {
        let Some((name, version)) = key.split_once('/') else { continue };
        let (database, name) = match field(library, "type").as_deref() {
            Some("package") => (Database::NuGet, name),
            Some("runtimepack") => (Database::NuGet, name.strip_prefix(RUNTIME).unwrap_or(name)),
            Some("project") => (Database::DotNet, name),
            // References to files beside the program have no registry that knows them.
            _ => continue,
        };
        let (name, version) = (Some(name.to_owned()), Some(version.to_owned()));
        let before = packages.rows.len();
        found.add(database, Module { name, version, licence: None }, packages);
        if let (Database::DotNet, Some(row)) = (database, packages.rows.get_mut(before)) {
            row.kind = Some(ComponentKind::Application);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::packages::language::tests::{damage, modules};

    #[test]
    fn packages_runtimes_and_the_program_itself_are_told_apart() {
        let path = "opt/pump/Pump.deps.json";
        let text = br#"{"runtimeTarget":{"name":".NETCoreApp,Version=v8.0"},"libraries":{
            "Pump/1.2.0":{"type":"project","serviceable":false,"sha512":""},
            "Newtonsoft.Json/13.0.1":{"type":"package","path":"newtonsoft.json/13.0.1"},
            "Old.Reference/1.0.0.0":{"type":"reference"},
            "runtimepack.Microsoft.NETCore.App.Runtime.linux-arm/8.0.1":{"type":"runtimepack"}}}"#;
        let (mut found, _) = modules(&[(path, text)]);
        found.sort();
        assert_eq!(
            found,
            [
                "pkg:generic/Pump@1.2.0",
                "pkg:nuget/Microsoft.NETCore.App.Runtime.linux-arm@8.0.1",
                "pkg:nuget/Newtonsoft.Json@13.0.1",
            ]
        );
        damage(path, text);
    }
}
