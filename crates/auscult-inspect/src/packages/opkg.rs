//! The opkg and ipkg databases of OpenWrt, Yocto and their kin.
//!
//! The format is deb822 with opkg's own states; `opkg-lists` only says what could be installed and
//! is not read. `info/NAME.control` repeats a row with more fields (source, licence, CPE); where the
//! status file is missing or lacks the package, the control file stands in for the row.

use std::collections::BTreeMap;

use auscult_model::{Cpe, CpeAttribute, CpeName, Locator, Problem};
use auscult_unpack::{NodeId, Tree};

use super::{Database, Packages, Row, clauses, dpkg, licences_of, nameless, version_of};
use crate::{
    roots::{self, Root},
    stanza::{self, Stanza},
};

/// Folders of the database in the root: OpenWrt, Yocto, Entware, and ipkg before them.
const FOLDERS: &[&str] = &[
    "/usr/lib/opkg",
    "/var/lib/opkg",
    "/opt/lib/opkg",
    "/opt/var/opkg",
    "/usr/lib/ipkg",
    "/var/lib/ipkg",
];

/// A control file of the folder `info`.
struct Control {
    stanza: Stanza,
    locator: Locator,
}

pub(super) fn read(tree: &Tree, packages: &mut Packages) {
    for (root, folder) in folders(tree) {
        read_folder(tree, &root, folder, packages);
    }
}

/// The roots with a database folder, each with the folder.
fn folders(tree: &Tree) -> Vec<(Root, &'static str)> {
    let mut found = Vec::new();
    for container in tree.file_systems() {
        for &id in &tree.node(container).children {
            let name = &tree.node(id).name.0;
            let folder = name
                .strip_suffix(b"/status")
                .or_else(|| name.strip_suffix(b"/info"))
                .unwrap_or_default();
            let known = FOLDERS.iter().find_map(|&known| {
                let prefix = folder.strip_suffix(known.as_bytes())?;
                Some((Root { container, prefix: prefix.to_vec() }, known))
            });
            found.extend(known);
        }
    }
    found.sort();
    found.dedup();
    found
}

fn read_folder(tree: &Tree, root: &Root, folder: &str, packages: &mut Packages) {
    let members = root.under(tree, format!("{folder}/").as_bytes());
    let find = |wanted: &[u8]| members.iter().find(|(name, _)| *name == wanted).map(|&(_, id)| id);
    let status = find(b"status");
    let mut controls = controls(tree, &members, &mut packages.problems);
    if status.is_none() && controls.is_empty() {
        return;
    }
    packages.databases += 1;
    let lists: BTreeMap<&[u8], NodeId> = members
        .iter()
        .filter_map(|&(name, id)| Some((name.strip_prefix(b"info/")?.strip_suffix(b".list")?, id)))
        .collect();
    let mut push = |stanza: &Stanza, more: &Stanza, place: Locator| {
        let Some(name) = stanza.field("Package") else {
            nameless(&place, &mut packages.problems);
            return;
        };
        let files = lists.get(name.as_bytes()).map_or_else(Vec::new, |&id| {
            dpkg::file_list(&roots::read_text(tree, id, &mut packages.problems))
        });
        let version = version_of(stanza.field("Version"), &place, &mut packages.problems);
        packages.rows.push(row(name, version, [stanza, more], root, place, files));
    };
    let mut status_faults = Vec::new();
    if let Some(status) = status {
        let locator = tree.locator(status);
        let bytes = roots::read_text(tree, status, &mut status_faults);
        let (stanzas, faults) = stanza::read(&bytes);
        status_faults.extend(faults.into_iter().map(|fault| roots::problem(&locator, fault)));
        for stanza in &stanzas {
            let control = stanza.field("Package").and_then(|name| controls.remove(name));
            if dpkg::is_installed(stanza) {
                let more = control.map(|control| control.stanza).unwrap_or_default();
                push(stanza, &more, locator.at(stanza.offset));
            }
        }
    }
    for (name, control) in &controls {
        if status.is_some() {
            status_faults.push(Problem {
                locator: control.locator.clone(),
                what: "find the row of a package".to_owned(),
                why: format!("{name} has a control file but no row in the status file"),
            });
        }
        push(&control.stanza, &Stanza::default(), control.locator.clone());
    }
    packages.problems.extend(status_faults);
}

/// The control files by package name.
fn controls(
    tree: &Tree,
    members: &[(&[u8], NodeId)],
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Control> {
    let mut controls = BTreeMap::new();
    for &(name, id) in members {
        if !(name.starts_with(b"info/") && name.ends_with(b".control")) {
            continue;
        }
        let bytes = roots::read_text(tree, id, problems);
        let locator = tree.locator(id);
        for stanza in stanza::read(&bytes).0 {
            if let Some(package) = stanza.field("Package").map(ToOwned::to_owned) {
                controls.insert(package, Control { stanza, locator: locator.clone() });
            }
        }
    }
    controls
}

fn row(
    name: &str,
    version: auscult_model::VersionClaim,
    stanzas: [&Stanza; 2],
    root: &Root,
    locator: Locator,
    files: Vec<Vec<u8>>,
) -> Row {
    let field = |key: &str| stanzas.iter().find_map(|stanza| stanza.field(key));
    // OpenWrt names the source by its folder in the build tree, Yocto by its recipe.
    let source = field("SourceName").or_else(|| {
        let folder = field("Source")?.split_whitespace().next()?;
        folder.trim_end_matches('/').rsplit('/').next()
    });
    Row {
        architecture: field("Architecture").map(ToOwned::to_owned),
        source: source.filter(|source| *source != name).map(ToOwned::to_owned),
        licences: licences_of(field("License")),
        cpes: field("CPE-ID").and_then(cpe_of).into_iter().collect(),
        depends: clauses(field("Depends")),
        provides: clauses(field("Provides")),
        files,
        ..Row::new(Database::Opkg, name.to_owned(), version, root.clone(), locator)
    }
}

/// OpenWrt writes CPE 2.2 names such as `cpe:/a:busybox:busybox` (NISTIR 7695 section 6.1).
fn cpe_of(text: &str) -> Option<Cpe> {
    let name = CpeName::parse_tolerant(text).ok()?;
    let plain = |attribute| name.get(attribute).plain();
    let part = plain(CpeAttribute::Part)?.chars().next()?;
    Some(Cpe::product(part, &plain(CpeAttribute::Vendor)?, &plain(CpeAttribute::Product)?))
}
