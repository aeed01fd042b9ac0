//! The dpkg database: `/var/lib/dpkg/status` and the folder `status.d` of images without dpkg.
//!
//! Specified by dpkg(1), deb822(5) and Debian Policy chapter 5. Installer images (udebs) write the
//! same file with the state "unpacked". Not read: `available`, and the copy `status-old`.

use std::collections::HashMap;

use auscult_unpack::{NodeId, Tree};

use super::{Database, Packages, Row, clauses, nameless, version_of};
use crate::{
    roots::{self, Root},
    stanza::{self, Stanza},
};

const STATUS: &str = "/var/lib/dpkg/status";
const FOLDER: &[u8] = b"/var/lib/dpkg/status.d/";
const LISTS: &[u8] = b"/var/lib/dpkg/info/";

pub(super) fn read(tree: &Tree, packages: &mut Packages) {
    let mut seen = Vec::new();
    for (root, _, status) in roots::having(tree, &[STATUS]) {
        read_file(tree, &root, status, packages);
        seen.push(root);
    }
    for root in folder_roots(tree) {
        let members = root.under(tree, FOLDER);
        // Bazel-built images put checksums of the package's files beside each record.
        for (_, id) in members.into_iter().filter(|(name, id)| {
            !name.ends_with(b".md5sums") && !name.contains(&b'/') && tree.node(*id).is_file()
        }) {
            read_file(tree, &root, id, packages);
        }
    }
}

/// The roots that hold a `status.d`.
fn folder_roots(tree: &Tree) -> Vec<Root> {
    let mut roots: Vec<Root> = Vec::new();
    for container in tree.file_systems() {
        for &id in &tree.node(container).children {
            let name = &tree.node(id).name.0;
            let folder = FOLDER.strip_suffix(b"/").unwrap_or(FOLDER);
            if let Some(prefix) = name.strip_suffix(folder) {
                roots.push(Root { container, prefix: prefix.to_vec() });
            }
        }
    }
    roots
}

fn read_file(tree: &Tree, root: &Root, id: NodeId, packages: &mut Packages) {
    packages.databases += 1;
    let locator = tree.locator(id);
    let bytes = roots::read_text(tree, id, &mut packages.problems);
    let (stanzas, faults) = stanza::read(&bytes);
    packages.problems.extend(faults.into_iter().map(|fault| roots::problem(&locator, fault)));
    let mut lists = lists(tree, root);
    for stanza in stanzas.iter().filter(|stanza| is_installed(stanza)) {
        let place = locator.at(stanza.offset);
        let Some(name) = stanza.field("Package") else {
            nameless(&place, &mut packages.problems);
            continue;
        };
        let (source, source_version) = source_of(stanza);
        let architecture = stanza.field("Architecture").map(ToOwned::to_owned);
        let multiarch = format!("{name}:{}", architecture.as_deref().unwrap_or_default());
        let list = lists.remove(&multiarch).or_else(|| lists.remove(name));
        let files = list.map_or_else(Vec::new, |id| {
            file_list(&roots::read_text(tree, id, &mut packages.problems))
        });
        let version = version_of(stanza.field("Version"), &place, &mut packages.problems);
        packages.rows.push(Row {
            architecture,
            source: source.filter(|source| source != name),
            source_version,
            depends: [clauses(stanza.field("Depends")), clauses(stanza.field("Pre-Depends"))]
                .concat(),
            provides: clauses(stanza.field("Provides")),
            files,
            ..Row::new(Database::Dpkg, name.to_owned(), version, root.clone(), place)
        });
    }
}

/// Whether the package's files are on the device: every state but the two without files. A row
/// without a state comes from `status.d`, which lists nothing else.
pub(super) fn is_installed(stanza: &Stanza) -> bool {
    let state = stanza.field("Status").and_then(|status| status.split_whitespace().nth(2));
    !matches!(state, Some("not-installed" | "config-files"))
}

/// `Source: glibc (2.36-9+deb12u4)`; the version only where it differs from the binary package's.
fn source_of(stanza: &Stanza) -> (Option<String>, Option<String>) {
    let Some(text) = stanza.field("Source") else { return (None, None) };
    match text.split_once('(') {
        Some((name, version)) => {
            let version = version.trim_end_matches(')').trim();
            (Some(name.trim().to_owned()), Some(version.to_owned()))
        }
        None => (Some(text.to_owned()), None),
    }
}

/// The file lists by package name.
fn lists(tree: &Tree, root: &Root) -> HashMap<String, NodeId> {
    root.under(tree, LISTS)
        .into_iter()
        .filter_map(|(name, id)| {
            let package = name.strip_suffix(b".list")?;
            Some((String::from_utf8_lossy(package).into_owned(), id))
        })
        .collect()
}

/// Paths of a file list, one on each line; opkg writes size and mode behind a tab.
pub(super) fn file_list(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes
        .split(|&byte| byte == b'\n')
        .map(|line| line.split(|&byte| byte == b'\t').next().unwrap_or_default())
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| line.starts_with(b"/") && line.len() > 2)
        .map(<[u8]>::to_vec)
        .collect()
}
