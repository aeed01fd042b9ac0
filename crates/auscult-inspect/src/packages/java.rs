//! Archives of Java: jar, war, ear.
//!
//! Maven leaves `META-INF/maven/GROUP/ARTIFACT/pom.properties` in them, also for what was merged
//! into one archive. Where it is missing, the manifest and the name of the file tell what the archive
//! is. A Java artifact is `GROUP:ARTIFACT`; without its group no registry knows it.

use std::collections::HashMap;

use auscult_model::{ComponentKind, Version, VersionClaim};
use auscult_unpack::{NodeId, Tree};

use super::{
    Database, Packages, Row,
    language::{Found, Module},
    licences_of,
};
use crate::roots::{self, Root};

const MANIFEST: &[u8] = b"/META-INF/MANIFEST.MF";
const POMS: &[u8] = b"/META-INF/maven/";
const PROPERTIES: &[u8] = b"/pom.properties";
const ENDS: &[&str] = &[".jar", ".war", ".ear", ".sar", ".par", ".hpi"];

pub(super) fn is_properties(path: &[u8]) -> bool {
    path.ends_with(PROPERTIES) && path.windows(POMS.len()).any(|window| window == POMS)
}

pub(super) fn read_properties(found: &Found<'_>, packages: &mut Packages) {
    let text = found.text(packages);
    let field = |name: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
    };
    let name = field("groupId").zip(field("artifactId"));
    let name = name.map(|(group, artifact)| format!("{group}:{artifact}"));
    let module = Module { name, version: field("version"), licence: None };
    found.add(Database::Maven, module, packages);
}

/// Adds the archives whose own properties are missing.
pub(super) fn read_archives(tree: &Tree, packages: &mut Packages) {
    for container in tree.file_systems() {
        let Some(manifest) = tree.member(container, MANIFEST) else { continue };
        let file = tree.node(container).parent.unwrap_or_else(|| tree.root());
        let name = String::from_utf8_lossy(tree.node(file).name.file_name()).into_owned();
        let Some(stem) = ENDS.iter().find_map(|end| name.strip_suffix(end)) else { continue };
        let (artifact, version) = split(stem);
        if has_own_properties(tree, container, artifact) {
            continue;
        }
        let fields = main_section(&roots::read_text(tree, manifest, &mut packages.problems));
        packages.rows.push(row(tree, container, manifest, (artifact, version), &fields));
    }
}

/// Whether Maven's own entry is among those of the archive: that of the artifact in its name.
fn has_own_properties(tree: &Tree, container: NodeId, artifact: &str) -> bool {
    let mut poms = tree.members_under(container, POMS).filter_map(|(path, _)| {
        let folder = path.0.strip_suffix(PROPERTIES)?;
        folder.rsplit(|&byte| byte == b'/').next()
    });
    poms.any(|name| name == artifact.as_bytes())
}

/// Words inside a version; any other word before a number is a part of the name.
const STAGES: &[&str] = &["alpha", "beta", "rc", "cr", "m", "b", "snapshot", "pre"];

/// Artifact and version of `NAME-VERSION`: the version begins behind the first dash with a digit,
/// unless a word of the name follows (`log4j-1.2-api-2.17.1`).
fn split(stem: &str) -> (&str, Option<&str>) {
    let is_version = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        let inner = parts.get(..parts.len().saturating_sub(1)).unwrap_or_default();
        let number = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
        let stage = |part: &str| STAGES.contains(&part.to_ascii_lowercase().as_str());
        // A second dotted number begins the true version, unless it is a date.
        let again = |part: &&str| number(part) && part.contains('.') && part.find('.') != Some(8);
        parts.first().is_some_and(|first| number(first))
            && inner.iter().all(|part| number(part) || stage(part))
            && !parts.iter().skip(1).any(again)
    };
    let mut cuts = stem.match_indices('-').map(|(at, _)| at).filter(|&at| at > 0);
    let cut = cuts.find(|at| stem.get(at + 1..).is_some_and(is_version));
    let Some(cut) = cut else { return (stem, None) };
    (stem.get(..cut).unwrap_or(stem), stem.get(cut + 1..))
}

/// The fields of the manifest's first section (JAR File Specification); a line that begins with a
/// space goes on with the one before.
fn main_section(bytes: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.is_empty() {
            break;
        }
        if let (Some(more), Some((_, value))) = (line.strip_prefix(' '), fields.last_mut()) {
            value.push_str(more);
        } else if let Some((key, value)) = line.split_once(':') {
            fields.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    fields.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn row(
    tree: &Tree,
    container: NodeId,
    manifest: NodeId,
    (artifact, version): (&str, Option<&str>),
    fields: &HashMap<String, String>,
) -> Row {
    let field = |key: &str| fields.get(key).map(String::as_str);
    let bundle =
        field("Bundle-SymbolicName").and_then(|name| name.split(';').next()).map(str::trim);
    let number = |text: &&str| {
        text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains(char::is_whitespace)
    };
    let told = |key: &str| field(key).filter(number);
    let version = told("Implementation-Version").or(version).or_else(|| told("Bundle-Version"));
    let group = field("Implementation-Vendor-Id").filter(|id| id.contains('.'));
    let group = bundle.and_then(|bundle| group_of(bundle, artifact)).or(group);
    let name = match group {
        Some(group) => format!("{group}:{artifact}"),
        None => artifact.to_owned(),
    };
    let claim = match version {
        Some(version) => VersionClaim::Exact(Version(version.to_owned())),
        None => VersionClaim::Unknown("neither its manifest nor its name tells".to_owned()),
    };
    let root = Root { container, prefix: Vec::new() };
    let row = Row::new(Database::Maven, name, claim, root, tree.locator(manifest));
    let supplier = field("Implementation-Vendor").or_else(|| field("Bundle-Vendor"));
    let licence = field("Bundle-License").filter(|text| !text.contains("://"));
    Row {
        kind: Some(ComponentKind::Library),
        supplier: supplier.map(ToOwned::to_owned),
        licences: licences_of(licence),
        ..row
    }
}

/// The group of a bundle whose artifact is known, by the rules of the plug-in that names bundles
/// (Maven Bundle Plugin, "Bundle-SymbolicName"): `GROUP.ARTIFACT`, and where the artifact begins
/// with the last word of the group, that word stands only once. None where two groups are possible.
fn group_of<'name>(bundle: &'name str, artifact: &str) -> Option<&'name str> {
    let (before, last) = bundle.rsplit_once('.')?;
    if last == artifact {
        // `org.yaml.snakeyaml` and `org.jsoup` look alike, but mean the groups `org.yaml` and
        // `org.jsoup`; a name with a dash or a fourth word is no whole group.
        let certain = artifact.contains('-') || bundle.split('.').count() > 3;
        return certain.then_some(before);
    }
    let (_, word) = before.rsplit_once('.')?;
    let rest = artifact.strip_prefix(word)?.strip_prefix(['-', '.'])?;
    (rest == last).then_some(before)
}

#[cfg(test)]
mod tests {
    use auscult_testkit::zip::{ZipMember, ZipMethod, zip};

    use super::{group_of, is_properties, split};
    use crate::packages::language::tests::modules;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let members: Vec<_> = members
            .iter()
            .map(|(name, data)| ZipMember::file(name, ZipMethod::Stored, data))
            .collect();
        zip(&members)
    }

    const PUMP: &[u8] = b"#Generated\nversion=1.2.3\ngroupId=org.acme\nartifactId=pump\n";

    #[test]
    fn archives_are_named_by_properties_manifest_or_file() {
        assert!(is_properties(b"/META-INF/maven/org.acme/pump/pom.properties"));
        let inner = archive(&[
            ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n"),
            ("META-INF/maven/org.acme/pump/pom.properties", PUMP),
        ]);
        let bundle = archive(&[(
            "META-INF/MANIFEST.MF",
            b"Manifest-Version: 1.0\nBundle-SymbolicName: org.apache.commons.lan\n g3;singleton:=true\n\
              Bundle-Version: 3.12.0\nBundle-Vendor: Apache\n\nName: x\nImplementation-Version: 9\n",
        )]);
        let outer = archive(&[
            ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\nImplementation-Version: 7.1\n"),
            ("WEB-INF/lib/pump-1.2.3.jar", &inner),
        ]);
        let plain = archive(&[("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n")]);
        let (mut found, _) = modules(&[
            ("srv/shop.war", &outer),
            ("usr/share/java/commons-lang3.jar", &bundle),
            ("usr/share/java/old-lib-2.0-beta.jar", &plain),
            ("app.apk", &plain),
        ]);
        found.sort();
        assert_eq!(
            found,
            [
                "pkg:generic/old-lib@2.0-beta",
                "pkg:generic/shop@7.1",
                "pkg:maven/org.acme/pump@1.2.3",
                "pkg:maven/org.apache.commons/commons-lang3@3.12.0",
            ]
        );
    }

    #[test]
    fn file_names_and_bundle_names_are_split() {
        for (stem, expect) in [
            ("log4j-1.2-api-2.17.1", ("log4j-1.2-api", Some("2.17.1"))),
            ("log4j-1.2-1.2.17", ("log4j-1.2", Some("1.2.17"))),
            ("pump-1.0-20200101.123456-7", ("pump", Some("1.0-20200101.123456-7"))),
            ("guava-31.1-jre", ("guava", Some("31.1-jre"))),
            ("pump-1.0-beta-2", ("pump", Some("1.0-beta-2"))),
            ("commons-io-2.19.0", ("commons-io", Some("2.19.0"))),
            ("tools", ("tools", None)),
        ] {
            assert_eq!(split(stem), expect, "{stem}");
        }
        for (bundle, artifact, expect) in [
            (
                "com.fasterxml.jackson.core.jackson-databind",
                "jackson-databind",
                Some("com.fasterxml.jackson.core"),
            ),
            ("org.apache.commons.lang3", "commons-lang3", Some("org.apache.commons")),
            ("org.yaml.snakeyaml", "snakeyaml", None),
            ("org.jsoup", "jsoup", None),
            ("slf4j.api", "slf4j-api", None),
        ] {
            assert_eq!(group_of(bundle, artifact), expect, "{bundle}");
        }
    }
}
