//! Package databases: what the image's own package manager says is installed.
//!
//! Every database of every file system is read, wherever its root lies. Rows are never dropped: a
//! row with a missing version or in a doubtful state becomes a component and a problem. Lists of
//! packages that could be installed (`opkg-lists`) are not read.

mod apk;
pub(crate) mod carried;
mod conda;
mod dotnet;
mod dpkg;
mod erlang;
mod java;
mod language;
mod lua;
mod manifest;
mod opkg;
mod pacman;
mod perl;
mod php;
mod purl;
mod python;
mod r;
mod rpm;
mod ruby;
pub(crate) mod sbom;

use auscult_model::{
    Component, ComponentKind, Cpe, Evidence, EvidenceClass, Locator, Origin, Package, Problem,
    Technique, VersionClaim,
};
use auscult_unpack::{NodeId, Tree};

pub(crate) use purl::build as build_purl;

use crate::{examine::Examined, identity::Distribution, roots::Root};

/// An installed package or module: one row of a database, or one entry of a list that a binary
/// carries.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) database: Database,
    pub(crate) name: String,
    pub(crate) version: VersionClaim,
    /// What kind of thing it is, where the source tells.
    pub(crate) kind: Option<ComponentKind>,
    pub(crate) architecture: Option<String>,
    /// Who made or packed it.
    pub(crate) supplier: Option<String>,
    /// Source package and its version, where they differ.
    pub(crate) source: Option<String>,
    pub(crate) source_version: Option<String>,
    pub(crate) licences: Vec<String>,
    pub(crate) cpes: Vec<Cpe>,
    /// Further qualifiers of its package URL.
    pub(crate) qualifiers: Vec<(&'static str, String)>,
    pub(crate) root: Root,
    /// The row's place.
    pub(crate) locator: Locator,
    /// What it needs besides itself, as the database writes it: alternatives parted by `|`.
    pub(crate) depends: Vec<String>,
    /// What it gives others under another name.
    pub(crate) provides: Vec<String>,
    /// Absolute paths of its files below the root.
    pub(crate) files: Vec<Vec<u8>>,
    /// Binaries that say of themselves that they are this. A package that owns them knows better.
    pub(crate) carriers: Vec<NodeId>,
    pub(crate) technique: Technique,
}

impl Row {
    /// A row of which no more is known.
    pub(crate) fn new(
        database: Database,
        name: String,
        version: VersionClaim,
        root: Root,
        locator: Locator,
    ) -> Self {
        Self {
            database,
            name,
            version,
            kind: None,
            architecture: None,
            supplier: None,
            source: None,
            source_version: None,
            licences: Vec::new(),
            cpes: Vec::new(),
            qualifiers: Vec::new(),
            depends: Vec::new(),
            provides: Vec::new(),
            root,
            locator,
            files: Vec::new(),
            carriers: Vec::new(),
            technique: Technique::ManifestAnalysis,
        }
    }
}

/// Where a row stands: a package manager, or the kind of manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Database {
    Dpkg,
    Opkg,
    Apk,
    Rpm,
    Pacman,
    Yocto,
    Buildroot,
    OpenWrt,
    Python,
    Npm,
    Maven,
    Gem,
    Composer,
    LuaRocks,
    NuGet,
    /// The program that a list of NuGet packages belongs to.
    DotNet,
    Cran,
    Cpan,
    Conda,
    Otp,
    /// The list of modules in a program of Go.
    Go,
    /// The list of crates in a program of Rust.
    Cargo,
    /// The package metadata in a note of an ELF file.
    Note,
    /// The version information of a Windows program.
    Windows,
}

impl Database {
    fn name(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Opkg => "opkg",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Pacman => "pacman",
            Self::Yocto => "yocto",
            Self::Buildroot => "buildroot",
            Self::OpenWrt => "openwrt",
            Self::Python => "python",
            Self::Npm => "npm",
            Self::Maven => "maven",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::LuaRocks => "luarocks",
            Self::NuGet => "nuget",
            Self::DotNet => "dotnet",
            Self::Cran => "cran",
            Self::Cpan => "cpan",
            Self::Conda => "conda",
            Self::Otp => "otp",
            Self::Go => "go",
            Self::Cargo => "cargo",
            Self::Note => "elf-note",
            Self::Windows => "windows",
        }
    }

    /// Whether it lists what makes up the system; the others list modules of a language.
    pub(crate) fn is_system(self) -> bool {
        use Database::{Apk, Buildroot, Dpkg, OpenWrt, Opkg, Pacman, Rpm, Yocto};
        matches!(self, Dpkg | Opkg | Apk | Rpm | Pacman | Yocto | Buildroot | OpenWrt)
    }

    /// Whether it is a list that a build system made, which repeats the database of the image.
    pub(crate) fn is_manifest(self) -> bool {
        matches!(self, Self::Yocto | Self::Buildroot | Self::OpenWrt)
    }

    /// Whether its names are those of a language's registry, where a name means another thing than
    /// in the world of native code. Conda packs both.
    pub(crate) fn is_ecosystem(self) -> bool {
        !self.is_system()
            && !matches!(self, Self::Conda | Self::DotNet | Self::Note | Self::Windows)
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
        // Modules of a language say nothing about the packages of the system.
        let system = self.rows.iter().filter(|row| row.database.is_system()).count();
        match (self.databases, system) {
            (0, _) => Some("no package database in the image"),
            (_, 0) => Some("the package database lists no package"),
            _ => None,
        }
    }
}

impl Packages {
    /// Adds what programs carry, behind the databases, which know better.
    pub(crate) fn add_carried(&mut self, tree: &Tree, examined: &mut [Examined]) {
        let files = examined
            .iter()
            .filter_map(|seen| Some((seen.node, seen.file, seen.carried.system_file.as_ref()?)));
        let system = carried::windows::assemble(tree, files);
        self.rows.extend(system);
        for seen in examined {
            self.rows.append(&mut seen.carried.rows);
        }
    }
}

/// Reads all databases.
pub(crate) fn read(tree: &Tree) -> Packages {
    let mut packages = Packages::default();
    dpkg::read(tree, &mut packages);
    opkg::read(tree, &mut packages);
    apk::read(tree, &mut packages);
    rpm::read(tree, &mut packages);
    pacman::read(tree, &mut packages);
    manifest::read(tree, &mut packages);
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

/// The clauses of a `Depends:` or `Provides:` field (Debian Policy section 7.1).
fn clauses(text: Option<&str>) -> Vec<String> {
    let parts = text.unwrap_or_default().split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
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
        kind: row.kind.unwrap_or_else(|| kind_of(row)),
        supplier: row.supplier.clone(),
        purl: purl::of(row, distribution),
        cpes: row.cpes.clone(),
        origin: Origin::Package(Package {
            database: row.database.name().to_owned(),
            distribution: distribution.map(Distribution::slug),
            source: row.source.clone(),
            source_version: row.source_version.clone(),
            architecture: row.architecture.clone(),
        }),
        licences: row.licences.clone(),
        evidence: vec![Evidence {
            locator: row.locator.clone(),
            technique: row.technique,
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
