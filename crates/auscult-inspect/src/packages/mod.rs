//! Package databases: what the image's own package manager says is installed.
//!
//! Every database of every file system is read, wherever its root lies. Rows are never dropped: a
//! row with a missing version or in a doubtful state becomes a component and a problem. Lists of
//! packages that could be installed (`opkg-lists`) are not read.

mod apk;
mod dpkg;
mod language;
mod opkg;

use std::collections::BTreeMap;

use auscult_model::{
    Component, ComponentKind, Cpe, Evidence, EvidenceClass, Locator, Origin, Problem, Purl,
    Technique, VersionClaim,
};
use auscult_unpack::Tree;
use packageurl::PackageUrl;

use crate::{identity::Distribution, roots::Root};

/// An installed package: one row of a database.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) database: Database,
    pub(crate) name: String,
    pub(crate) version: VersionClaim,
    pub(crate) architecture: Option<String>,
    /// Source package and its version, where they differ.
    pub(crate) source: Option<String>,
    pub(crate) source_version: Option<String>,
    pub(crate) licences: Vec<String>,
    pub(crate) cpes: Vec<Cpe>,
    pub(crate) root: Root,
    /// The row's place.
    pub(crate) locator: Locator,
    /// Absolute paths of its files below the root.
    pub(crate) files: Vec<Vec<u8>>,
}

/// The package managers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Database {
    Dpkg,
    Opkg,
    Apk,
    Python,
    Npm,
    Maven,
}

impl Database {
    fn name(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Opkg => "opkg",
            Self::Apk => "apk",
            Self::Python => "python",
            Self::Npm => "npm",
            Self::Maven => "maven",
        }
    }
}

/// Everything that the databases tell.
#[derive(Debug, Default)]
pub(crate) struct Packages {
    pub(crate) rows: Vec<Row>,
    /// Databases read, with or without rows.
    pub(crate) databases: u64,
    pub(crate) problems: Vec<Problem>,
}

impl Packages {
    /// Why the image's packages are not known, if they are not.
    pub(crate) fn unanswered(&self) -> Option<&'static str> {
        match (self.databases, self.rows.len()) {
            // Modules of a language say nothing about the packages of the system.
            (0, _) => Some("no package database in the image"),
            (_, 0) => Some("the package database lists no package"),
            _ => None,
        }
    }
}

/// Reads all databases.
pub(crate) fn read(tree: &Tree) -> Packages {
    let mut packages = Packages::default();
    dpkg::read(tree, &mut packages);
    opkg::read(tree, &mut packages);
    apk::read(tree, &mut packages);
    language::read(tree, &mut packages);
    packages
}

/// The version of a row; its absence is a problem.
fn version_of(text: Option<&str>, locator: &Locator, problems: &mut Vec<Problem>) -> VersionClaim {
    if let Some(text) = text {
        return VersionClaim::Exact(auscult_model::Version(text.to_owned()));
    }
    problems.push(Problem {
        locator: locator.clone(),
        what: "read a database row".to_owned(),
        why: "it has no version".to_owned(),
    });
    VersionClaim::Unknown("its database row has no version".to_owned())
}

/// Reports a record that names no package.
fn nameless(locator: &Locator, problems: &mut Vec<Problem>) {
    problems.push(Problem {
        locator: locator.clone(),
        what: "read a database row".to_owned(),
        why: "it names no package".to_owned(),
    });
}

/// Splits licence fields, which list names by commas or by "and".
fn licences_of(text: Option<&str>) -> Vec<String> {
    let text = text.unwrap_or_default();
    let parts = text.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty());
    parts.map(ToOwned::to_owned).collect()
}

/// The component that a row stands for.
pub(crate) fn component(row: &Row, distribution: Option<&Distribution>) -> Component {
    let version = row.version.exact().map(|version| version.0.as_str());
    let detail = format!("{} {}", row.name, version.unwrap_or("(no version)"));
    Component {
        name: row.name.clone(),
        version: row.version.clone(),
        kind: kind_of(row),
        supplier: None,
        purl: purl(row, version, distribution),
        cpes: row.cpes.clone(),
        origin: Origin::Package {
            database: row.database.name().to_owned(),
            distribution: distribution.map(Distribution::slug),
            source: row.source.clone(),
            source_version: row.source_version.clone(),
            architecture: row.architecture.clone(),
        },
        licences: row.licences.clone(),
        evidence: vec![Evidence {
            locator: row.locator.clone(),
            technique: Technique::ManifestAnalysis,
            class: EvidenceClass::ContainsCode,
            confidence: 100,
            detail,
        }],
    }
}

/// A package that installs a program is an application; the vocabulary calls the rest a library.
fn kind_of(row: &Row) -> ComponentKind {
    let kernel = ["kernel-image-", "linux-image-"].iter().any(|start| row.name.starts_with(start));
    let program = row.files.iter().any(|path| is_program_path(path));
    match () {
        () if kernel || row.name == "kernel" => ComponentKind::OperatingSystem,
        () if program && !row.name.starts_with("lib") => ComponentKind::Application,
        () => ComponentKind::Library,
    }
}

/// Whether a path lies in a folder for programs.
pub(crate) fn is_program_path(path: &[u8]) -> bool {
    let folder = path.iter().rposition(|&byte| byte == b'/').and_then(|end| path.get(..end));
    folder.is_some_and(|folder| {
        folder.ends_with(b"/bin") || folder.ends_with(b"/sbin") || folder.ends_with(b"/libexec")
    })
}

/// The package URL of a row.
///
/// `deb` and `apk` are registered types whose namespace is the distribution. opkg has no type in
/// the registry (ECMA-427, October 2026), and `yocto` names recipes, not packages; so opkg rows are
/// `generic` with the distribution as namespace, which keeps `pkg:generic/openwrt/zlib` apart from
/// upstream's `pkg:generic/zlib`.
fn purl(row: &Row, version: Option<&str>, distribution: Option<&Distribution>) -> Option<Purl> {
    let system = |kind, fallback| {
        let namespace = distribution.map_or(fallback, |known| known.id.as_str());
        let mut qualifiers = BTreeMap::new();
        if let Some(architecture) = &row.architecture {
            qualifiers.insert("arch", architecture.clone());
        }
        if let Some(distribution) = distribution {
            qualifiers.insert("distro", distribution.slug());
        }
        let lower = kind != "generic";
        let name = if lower { row.name.to_ascii_lowercase() } else { row.name.clone() };
        build_purl(kind, Some(namespace), &name, version, &qualifiers)
    };
    let module = |kind, namespace: Option<&str>, name: &str| {
        build_purl(kind, namespace, name, version, &BTreeMap::new())
    };
    match row.database {
        Database::Dpkg => system("deb", "debian"),
        Database::Opkg => system("generic", "opkg"),
        Database::Apk => system("apk", "alpine"),
        Database::Python => {
            module("pypi", None, &row.name.to_ascii_lowercase().replace(['_', '.'], "-"))
        }
        Database::Npm => match row.name.split_once('/') {
            Some((scope, name)) => module("npm", Some(scope), name),
            None => module("npm", None, &row.name),
        },
        Database::Maven => match row.name.split_once(':') {
            Some((group, artifact)) => module("maven", Some(group), artifact),
            None => module("maven", None, &row.name),
        },
    }
}

/// Builds a canonical package URL; none where a part is not allowed in one.
pub(crate) fn build_purl(
    kind: &'static str,
    namespace: Option<&str>,
    name: &str,
    version: Option<&str>,
    qualifiers: &BTreeMap<&'static str, String>,
) -> Option<Purl> {
    let mut url = PackageUrl::new(kind, name).ok()?;
    if let Some(namespace) = namespace {
        url.with_namespace(namespace.to_owned()).ok()?;
    }
    if let Some(version) = version {
        url.with_version(version.to_owned()).ok()?;
    }
    for (&key, value) in qualifiers {
        url.add_qualifier(key, value.clone()).ok()?;
    }
    Some(Purl(url.to_string()))
}
