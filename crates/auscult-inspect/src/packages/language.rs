//! Modules of languages, by the manifests that their installers leave beside them.
//!
//! Python: `NAME.dist-info/METADATA` and `NAME.egg-info[/PKG-INFO]` (Core metadata specification).
//! JavaScript: `node_modules/NAME/package.json`. Java: `META-INF/maven/GROUP/ARTIFACT/pom.properties`
//! inside an archive. The names are those under which each registry knows them; a Java artifact is
//! `GROUP:ARTIFACT`. Lock files and requirements only say what somebody wanted, and are not read.

use auscult_unpack::{NodeId, Tree};

use super::{Database, Packages, Row, licences_of, nameless, version_of};
use crate::{
    roots::{self, Root},
    stanza,
};

/// What a manifest tells.
struct Manifest {
    name: Option<String>,
    version: Option<String>,
    licence: Option<String>,
}

pub(super) fn read(tree: &Tree, packages: &mut Packages) {
    for container in tree.file_systems() {
        for &id in &tree.node(container).children {
            let node = tree.node(id);
            if node.is_file()
                && let Some(database) = manifest_kind(&node.name.0)
            {
                read_manifest(tree, container, id, database, packages);
            }
        }
    }
}

/// The registry of the module whose manifest stands at this path.
fn manifest_kind(path: &[u8]) -> Option<Database> {
    let python = path.ends_with(b".dist-info/METADATA")
        || path.ends_with(b".egg-info/PKG-INFO")
        || path.ends_with(b".egg-info");
    let maven = path.ends_with(b"/pom.properties")
        && path.windows(16).any(|window| window == b"/META-INF/maven/");
    if python {
        return Some(Database::Python);
    }
    if maven {
        return Some(Database::Maven);
    }
    // The module's own folder stands right below `node_modules`, or below the folder of a scope.
    let mut folders = path.strip_suffix(b"/package.json")?.rsplit(|&byte| byte == b'/').skip(1);
    let parent = folders.next()?;
    let scoped = parent.starts_with(b"@") && folders.next() == Some(b"node_modules");
    (parent == b"node_modules" || scoped).then_some(Database::Npm)
}

fn read_manifest(
    tree: &Tree,
    container: NodeId,
    id: NodeId,
    database: Database,
    packages: &mut Packages,
) {
    let bytes = roots::read_text(tree, id, &mut packages.problems);
    let manifest = match database {
        Database::Npm => json(&bytes),
        Database::Maven => properties(&bytes),
        _ => metadata(&bytes),
    };
    let locator = tree.locator(id);
    let Some(name) = manifest.name else {
        nameless(&locator, &mut packages.problems);
        return;
    };
    let version = version_of(manifest.version.as_deref(), &locator, &mut packages.problems);
    let licences = licences_of(manifest.licence.as_deref().filter(|text| text.len() < 100));
    let root = Root { container, prefix: Vec::new() };
    packages.rows.push(Row { licences, ..Row::new(database, name, version, root, locator) });
}

fn metadata(bytes: &[u8]) -> Manifest {
    let (stanzas, _) = stanza::read(bytes);
    let field = |name: &str| stanzas.first()?.field(name).map(ToOwned::to_owned);
    let licence = field("License-Expression").or_else(|| field("License"));
    Manifest {
        name: field("Name"),
        version: field("Version"),
        licence: licence.filter(|text| text != "UNKNOWN"),
    }
}

fn json(bytes: &[u8]) -> Manifest {
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let field = |name: &str| value.get(name)?.as_str().map(ToOwned::to_owned);
    Manifest { name: field("name"), version: field("version"), licence: field("license") }
}

fn properties(bytes: &[u8]) -> Manifest {
    let text = String::from_utf8_lossy(bytes);
    let field = |name: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
    };
    let name = field("groupId").zip(field("artifactId"));
    Manifest {
        name: name.map(|(group, artifact)| format!("{group}:{artifact}")),
        version: field("version"),
        licence: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Database, manifest_kind, properties};

    #[test]
    fn manifests_are_told_by_their_place() {
        for (path, expect) in [
            ("/usr/lib/python3/dist-packages/idna-3.3.dist-info/METADATA", Some(Database::Python)),
            ("/usr/lib/python3/dist-packages/six.egg-info", Some(Database::Python)),
            ("/srv/node_modules/ws/package.json", Some(Database::Npm)),
            ("/srv/node_modules/@scope/ws/package.json", Some(Database::Npm)),
            ("/srv/node_modules/ws/test/package.json", None),
            ("/srv/package.json", None),
            ("/META-INF/maven/org.acme/pump/pom.properties", Some(Database::Maven)),
        ] {
            assert_eq!(manifest_kind(path.as_bytes()), expect, "{path}");
        }
        let manifest =
            properties(b"#Generated\nversion=1.2.3\ngroupId=org.acme\nartifactId=pump\n");
        assert_eq!(manifest.name.as_deref(), Some("org.acme:pump"));
        assert_eq!(manifest.version.as_deref(), Some("1.2.3"));
    }
}
