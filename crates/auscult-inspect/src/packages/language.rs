//! Modules of languages, by the manifests that their installers leave beside them.
//!
//! The names are those under which each registry knows them. Lock files and requirements only say
//! what somebody wanted, and are not read. Every file is looked at once, and each kind of manifest
//! is told by its path.

use auscult_model::VersionClaim;
use auscult_unpack::{Fault, NodeId, Tree};
use serde_json::Value;

use super::{
    Database, Packages, Row, conda, dotnet, erlang, java, licences_of, lua, nameless, perl, php,
    python, r, ruby, version_of,
};
use crate::roots::{self, Root};

/// Licence fields that hold the whole text of the licence instead of its name are left out.
const LICENCE_BYTES_MAX: usize = 100;

/// A kind of manifest: its path, and how it is read.
type Kind = (fn(&[u8]) -> bool, fn(&Found<'_>, &mut Packages));

const KINDS: &[Kind] = &[
    (python::is_manifest, python::read),
    (is_npm, read_npm),
    (java::is_properties, java::read_properties),
    (ruby::is_manifest, ruby::read),
    (php::is_manifest, php::read),
    (lua::is_manifest, lua::read),
    (dotnet::is_manifest, dotnet::read),
    (conda::is_manifest, conda::read),
    (r::is_manifest, r::read),
    (perl::is_manifest, perl::read),
    (erlang::is_manifest, erlang::read),
];

/// A manifest that was found.
pub(super) struct Found<'tree> {
    pub(super) tree: &'tree Tree,
    pub(super) container: NodeId,
    pub(super) id: NodeId,
}

pub(super) fn read(tree: &Tree, packages: &mut Packages) {
    for container in tree.file_systems() {
        for &id in &tree.node(container).children {
            let node = tree.node(id);
            if !node.is_file() {
                continue;
            }
            if let Some((_, read)) = KINDS.iter().find(|(is_manifest, _)| is_manifest(&node.name.0))
            {
                read(&Found { tree, container, id }, packages);
            }
        }
    }
    java::read_archives(tree, packages);
}

impl<'tree> Found<'tree> {
    pub(super) fn path(&self) -> &'tree [u8] {
        &self.tree.node(self.id).name.0
    }

    pub(super) fn bytes(&self, packages: &mut Packages) -> Vec<u8> {
        roots::read_text(self.tree, self.id, &mut packages.problems)
    }

    pub(super) fn text(&self, packages: &mut Packages) -> String {
        String::from_utf8_lossy(&self.bytes(packages)).into_owned()
    }

    /// The manifest as JSON; what is none is a problem, and null.
    pub(super) fn json(&self, packages: &mut Packages) -> Value {
        let bytes = self.bytes(packages);
        let plain = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        serde_json::from_slice(plain).unwrap_or_else(|error| {
            let fault = Fault::new(0, "read a manifest", error.to_string());
            packages.problems.push(roots::problem(&self.tree.locator(self.id), fault));
            Value::Null
        })
    }

    /// Adds the module that the manifest describes.
    pub(super) fn add(&self, database: Database, module: Module, packages: &mut Packages) {
        let locator = self.tree.locator(self.id);
        let Some(name) = module.name.filter(|name| !name.is_empty()) else {
            nameless(&locator, &mut packages.problems);
            return;
        };
        let version = module.version.filter(|version| !version.is_empty());
        let version = version_of(version.as_deref(), &locator, &mut packages.problems);
        self.add_known(database, name, version, module.licence.as_deref(), packages);
    }

    fn add_known(
        &self,
        database: Database,
        name: String,
        version: VersionClaim,
        licence: Option<&str>,
        packages: &mut Packages,
    ) {
        let licences = licences_of(licence.filter(|text| text.len() < LICENCE_BYTES_MAX));
        let root = Root { container: self.container, prefix: Vec::new() };
        let locator = self.tree.locator(self.id);
        packages.rows.push(Row { licences, ..Row::new(database, name, version, root, locator) });
    }
}

/// What a manifest tells of a module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) licence: Option<String>,
}

/// A text of a JSON object.
pub(super) fn field(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(|text| text.trim().to_owned())
}

/// `node_modules/NAME/package.json`, or a scope between: the module's own folder stands right below.
fn is_npm(path: &[u8]) -> bool {
    let Some(folder) = path.strip_suffix(b"/package.json") else { return false };
    let mut folders = folder.rsplit(|&byte| byte == b'/').skip(1);
    let parent = folders.next().unwrap_or_default();
    let scoped = parent.starts_with(b"@") && folders.next() == Some(b"node_modules");
    parent == b"node_modules" || scoped
}

fn read_npm(found: &Found<'_>, packages: &mut Packages) {
    let value = found.json(packages);
    let module = Module {
        name: field(&value, "name"),
        version: field(&value, "version"),
        licence: field(&value, "license"),
    };
    found.add(Database::Npm, module, packages);
}

#[cfg(test)]
pub(super) mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{
        Tree as Files,
        squashfs::{SquashfsOptions, squashfs},
    };
    use auscult_unpack::Tree;

    use super::{Packages, is_npm, read};

    /// The modules of a file system with these files, as purls with their licences.
    pub(in crate::packages) fn modules(files: &[(&str, &[u8])]) -> (Vec<String>, Packages) {
        let mut tree = Files::new();
        for (path, content) in files {
            tree = tree.file(*path, 0o644, content);
        }
        let image = squashfs(&tree, SquashfsOptions::default());
        let mut packages = Packages::default();
        read(&Tree::from_bytes(image, &Limits::default()), &mut packages);
        let purl =
            |row: &crate::packages::Row| crate::packages::component(row, None).purl.unwrap().0;
        let text = |row: &crate::packages::Row| match row.licences.join(" + ") {
            none if none.is_empty() => purl(row),
            licences => format!("{} {licences}", purl(row)),
        };
        (packages.rows.iter().map(text).collect(), packages)
    }

    /// Every cut and some flips of a manifest: nothing panics.
    pub(in crate::packages) fn damage(path: &str, whole: &[u8]) {
        for length in 0..whole.len() {
            modules(&[(path, &whole[..length])]);
        }
        for at in 0..whole.len() {
            let mut broken = whole.to_vec();
            broken[at] ^= 0x84;
            modules(&[(path, &broken)]);
        }
    }

    #[test]
    fn modules_of_npm_are_told_by_their_place() {
        for (path, expect) in [
            ("/srv/node_modules/ws/package.json", true),
            ("/srv/node_modules/@scope/ws/package.json", true),
            ("/srv/node_modules/ws/test/package.json", false),
            ("/srv/package.json", false),
        ] {
            assert_eq!(is_npm(path.as_bytes()), expect, "{path}");
        }
        let (found, packages) = modules(&[
            (
                "a/node_modules/ws/package.json",
                br#"{"name":"ws","version":"8.1.0","license":"MIT"}"#,
            ),
            ("b/node_modules/no/package.json", b"{"),
        ]);
        assert_eq!(found, ["pkg:npm/ws@8.1.0 MIT"]);
        assert_eq!(packages.problems.len(), 2);
    }
}
