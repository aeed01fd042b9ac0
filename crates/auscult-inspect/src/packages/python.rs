//! Python distributions: `NAME.dist-info/METADATA` and `NAME.egg-info[/PKG-INFO]` (Core metadata
//! specification of the Python Packaging Authority).

use super::{
    Database, Packages,
    language::{Found, Module},
};
use crate::stanza;

pub(super) fn is_manifest(path: &[u8]) -> bool {
    path.ends_with(b".dist-info/METADATA")
        || path.ends_with(b".egg-info/PKG-INFO")
        || path.ends_with(b".egg-info")
}

pub(super) fn read(found: &Found<'_>, packages: &mut Packages) {
    let bytes = found.bytes(packages);
    let (stanzas, _) = stanza::read(&bytes);
    let field = |name: &str| stanzas.first()?.field(name).map(ToOwned::to_owned);
    let licence = field("License-Expression").or_else(|| field("License"));
    let module = Module {
        name: field("Name"),
        version: field("Version"),
        licence: licence.filter(|text| text != "UNKNOWN"),
    };
    found.add(Database::Python, module, packages);
}

#[cfg(test)]
mod tests {
    use super::is_manifest;

    #[test]
    fn both_forms_are_told_by_their_place() {
        for (path, expect) in [
            ("/usr/lib/python3/dist-packages/idna-3.3.dist-info/METADATA", true),
            ("/usr/lib/python3/dist-packages/six.egg-info", true),
            ("/usr/lib/python3/dist-packages/idna-3.3.dist-info/RECORD", false),
        ] {
            assert_eq!(is_manifest(path.as_bytes()), expect, "{path}");
        }
    }
}
