//! The rpm database, in all three forms that it has had.
//!
//! `Packages` is a hash of Berkeley DB (until rpm 4.15), `rpmdb.sqlite` and `Packages.db` (ndb of
//! SUSE) came after it. Each holds one header for each package, in the form that package files have
//! (`docs/manual/format_header.md` of rpm). The readers are our own and read nothing but the
//! headers: the bytes are hostile, and no library in C should see them.

mod bdb;
mod ndb;
mod sqlite;
#[cfg(test)]
mod tests;

use auscult_unpack::{Extent, Fault, RpmHeader, Tree};

use super::{Database, Packages, Row, nameless, version_of};
use crate::roots::{self, Root};

/// Where the database lies: the usual place, that of newer systems, that of rpm-ostree.
const PLACES: &[&str] = &[
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages.db",
    "/var/lib/rpm/Packages",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/Packages.db",
    "/usr/lib/sysimage/rpm/Packages",
    "/usr/share/rpm/rpmdb.sqlite",
    "/usr/share/rpm/Packages.db",
    "/usr/share/rpm/Packages",
];
const WHAT: &str = "read the rpm database";
/// Paths are put together from folders and names, which makes them far longer than the database.
const PATH_BYTES_MAX: usize = 256 << 20;
const NAME_BYTES_MAX: usize = 4096;
/// Keys of trusted packagers are kept like packages.
const KEY: &str = "gpg-pubkey";

/// Tags (`include/rpm/rpmtag.h`).
mod tag {
    pub(super) const NAME: u32 = 1000;
    pub(super) const VERSION: u32 = 1001;
    pub(super) const RELEASE: u32 = 1002;
    pub(super) const EPOCH: u32 = 1003;
    pub(super) const VENDOR: u32 = 1011;
    pub(super) const LICENCE: u32 = 1014;
    pub(super) const ARCHITECTURE: u32 = 1022;
    pub(super) const OLD_FILE_NAMES: u32 = 1027;
    pub(super) const FILE_STATES: u32 = 1029;
    pub(super) const SOURCE_PACKAGE: u32 = 1044;
    pub(super) const PROVIDES: u32 = 1047;
    pub(super) const REQUIRES: u32 = 1049;
    pub(super) const FOLDER_INDEXES: u32 = 1116;
    pub(super) const BASE_NAMES: u32 = 1117;
    pub(super) const FOLDERS: u32 = 1118;
}

/// The values of a database, each with its place in the file.
#[derive(Default)]
struct Blobs {
    list: Vec<(u64, Extent)>,
    faults: Vec<Fault>,
}

impl Blobs {
    fn push(&mut self, offset: u64, blob: Extent) {
        self.list.push((offset, blob));
    }
}

pub(super) fn read(tree: &Tree, packages: &mut Packages) {
    for (root, place, id) in roots::having(tree, PLACES) {
        packages.databases += 1;
        let Some(content) = roots::content(tree, id) else { continue };
        if place.ends_with(".sqlite") {
            check_log(tree, &root, place, packages);
        }
        let blobs = blobs(content);
        let locator = tree.locator(id);
        let mut faults = blobs.faults;
        let mut path_bytes = PATH_BYTES_MAX;
        for (offset, blob) in &blobs.list {
            match RpmHeader::of(blob) {
                Ok(header) => {
                    let files = files(&header, &mut path_bytes);
                    if path_bytes == 0 {
                        faults.push(Fault::new(*offset, WHAT, "its paths are too long"));
                    }
                    add(&header, files, root.clone(), locator.at(*offset), packages);
                }
                Err(fault) => faults.push(Fault { offset: *offset, ..fault }),
            }
        }
        packages.problems.extend(faults.into_iter().map(|fault| roots::problem(&locator, fault)));
    }
}

/// Reads the database by what it begins with; the names of the files have changed their meaning.
fn blobs(content: &Extent) -> Blobs {
    let head = content.read_up_to(0, 64).unwrap_or_default();
    if head.starts_with(sqlite::MAGIC) {
        return sqlite::column(content, "Packages", 1);
    }
    if head.starts_with(ndb::MAGIC) {
        return ndb::blobs(content);
    }
    if bdb::is_hash(&head) {
        return bdb::values(content);
    }
    let why = "it is neither SQLite nor ndb nor a hash of Berkeley DB";
    Blobs { list: Vec::new(), faults: vec![Fault::new(0, WHAT, why)] }
}

/// Says that changes stand beside the database, which a clean end would have put into it.
fn check_log(tree: &Tree, root: &Root, place: &str, packages: &mut Packages) {
    let path = [root.prefix.as_slice(), place.as_bytes(), b"-wal"].concat();
    let log = tree.member(root.container, &path);
    if let Some(log) = log.filter(|&log| !tree.node(log).is_empty()) {
        let why = format!("{} bytes of a write-ahead log are not read", tree.node(log).len());
        packages.problems.push(roots::problem(&tree.locator(log), Fault::new(0, WHAT, why)));
    }
}

fn text(header: &RpmHeader, tag: u32) -> Option<String> {
    let text = String::from_utf8_lossy(header.text(tag)?).trim().to_owned();
    (!text.is_empty() && text != "(none)").then_some(text)
}

fn add(
    header: &RpmHeader,
    files: Vec<Vec<u8>>,
    root: Root,
    locator: auscult_model::Locator,
    packages: &mut Packages,
) {
    let Some(name) = text(header, tag::NAME) else {
        nameless(&locator, &mut packages.problems);
        return;
    };
    if name == KEY {
        return;
    }
    let release = text(header, tag::RELEASE);
    let plain = text(header, tag::VERSION).map(|version| match &release {
        Some(release) => format!("{version}-{release}"),
        None => version,
    });
    let epoch = header.number(tag::EPOCH).filter(|&epoch| epoch > 0);
    let full = match (&plain, epoch) {
        (Some(version), Some(epoch)) => Some(format!("{epoch}:{version}")),
        _ => plain.clone(),
    };
    let version = version_of(full.as_deref(), &locator, &mut packages.problems);
    let source_package = text(header, tag::SOURCE_PACKAGE);
    let source = source_package.as_deref().and_then(split_source);
    let mut row = Row::new(Database::Rpm, name, version, root, locator);
    if let Some((source, version)) = source {
        row.source = Some(source.to_owned()).filter(|source| *source != row.name);
        row.source_version =
            Some(version.to_owned()).filter(|version| Some(version) != plain.as_ref());
    }
    row.qualifiers.extend(epoch.map(|epoch| ("epoch", epoch.to_string())));
    row.qualifiers.extend(source_package.map(|name| ("upstream", name)));
    row.architecture = text(header, tag::ARCHITECTURE);
    row.licences = text(header, tag::LICENCE).into_iter().collect();
    row.supplier = text(header, tag::VENDOR);
    row.files = files;
    let names = |tag| {
        let texts = header.texts(tag).into_iter();
        texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    };
    row.depends = names(tag::REQUIRES);
    row.provides = names(tag::PROVIDES);
    packages.rows.push(row);
}

/// Name and version of `NAME-VERSION-RELEASE.src.rpm`, the version with the release.
fn split_source(file: &str) -> Option<(&str, &str)> {
    let plain = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let mut dashes = plain.rmatch_indices('-').map(|(at, _)| at);
    let (name, version) = plain.split_at_checked(dashes.nth(1)?)?;
    (!name.is_empty()).then_some((name, version.trim_start_matches('-')))
}

/// The files that the package put on the device and that no other has replaced.
fn files(header: &RpmHeader, path_bytes: &mut usize) -> Vec<Vec<u8>> {
    let states = header.numbers(tag::FILE_STATES, 1);
    let (names, folders) = (header.texts(tag::BASE_NAMES), header.texts(tag::FOLDERS));
    let indexes = header.numbers(tag::FOLDER_INDEXES, 4);
    let mut files = Vec::new();
    let mut add = |index: usize, path: &[&[u8]]| {
        let bytes = path.iter().map(|part| part.len()).sum::<usize>();
        let normal = states.get(index).is_none_or(|&state| state == 0);
        if !normal || bytes > NAME_BYTES_MAX {
            return;
        }
        *path_bytes = path_bytes.saturating_sub(bytes);
        if *path_bytes > 0 {
            files.push(path.concat());
        }
    };
    for (index, name) in names.iter().enumerate() {
        let folder = indexes.get(index).and_then(|&at| folders.get(usize::try_from(at).ok()?));
        if let Some(folder) = folder {
            add(index, &[folder, name]);
        }
    }
    // Before rpm 4 each file had its whole path.
    for (index, path) in header.texts(tag::OLD_FILE_NAMES).into_iter().enumerate() {
        add(index, &[path]);
    }
    files
}
