//! Lists of packages that build systems leave in or beside an image.
//!
//! Yocto writes `IMAGE.manifest` (name, architecture, version on a line) and `license.manifest`
//! (`meta/classes-recipe/license_image.bbclass`); OpenWrt writes `IMAGE.manifest` (name, dash,
//! version); Buildroot writes `legal-info/manifest.csv` and `packages-file-list.txt` (Buildroot
//! manual, sections 13 and 8). A file of another kind with such a name is passed over: Windows has
//! manifests too.

use std::collections::BTreeMap;

use auscult_model::{Version, VersionClaim};
use auscult_unpack::{NodeId, Tree};

use super::{Database, Packages, Row, licences_of};
use crate::roots::{self, Root};

/// Larger files of these names are something else: a thousand packages take some 40 KiB, their
/// files some MiB.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;
const LIST_BYTES_MAX: u64 = 64 << 20;

pub(super) fn read(tree: &Tree, packages: &mut Packages) {
    for container in tree.file_systems() {
        let mut lists = Vec::new();
        let start = packages.rows.len();
        for &id in &tree.node(container).children {
            let node = tree.node(id);
            if !node.is_file() || node.len() > LIST_BYTES_MAX {
                continue;
            }
            let name = node.name.file_name();
            let read: fn(Site<'_>, &str) -> Option<Vec<Row>> = match name {
                b"license.manifest" => |site, text| Some(licence_manifest(site, text)),
                b"manifest.csv" => table,
                b"packages-file-list.txt" => {
                    lists.push(id);
                    continue;
                }
                _ if name.ends_with(b".manifest") => image_manifest,
                _ => continue,
            };
            if node.len() > MANIFEST_BYTES_MAX {
                continue;
            }
            let bytes = roots::read_text(tree, id, &mut packages.problems);
            let site = Site { tree, container, id };
            let rows = read(site, &String::from_utf8_lossy(&bytes)).unwrap_or_default();
            packages.databases += u64::from(!rows.is_empty());
            packages.rows.extend(rows);
        }
        for id in lists {
            let bytes = roots::read_text(tree, id, &mut packages.problems);
            file_list(Site { tree, container, id }, &bytes, start, packages);
        }
    }
}

#[derive(Clone, Copy)]
struct Site<'tree> {
    tree: &'tree Tree,
    container: NodeId,
    id: NodeId,
}

impl Site<'_> {
    /// A row at this byte of the file.
    fn row(self, database: Database, name: &str, version: VersionClaim, offset: usize) -> Row {
        let root = Root { container: self.container, prefix: Vec::new() };
        let locator = self.tree.locator(self.id).at(u64::try_from(offset).unwrap_or(0));
        Row::new(database, name.to_owned(), version, root, locator)
    }
}

fn exact(version: &str) -> VersionClaim {
    VersionClaim::Exact(Version(version.to_owned()))
}

/// The lines that are not empty, each with its place.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    let places = text.split_inclusive('\n').map(move |line| {
        let at = next;
        next += line.len();
        (at, line.trim())
    });
    places.filter(|(_, line)| !line.is_empty())
}

/// A package name as all distributions spell them.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | '_');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain)
}

fn is_version(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_digit()) && text.is_ascii()
}

/// `busybox armv7a 1.36.1-r0` of Yocto, `busybox - 1.36.1-1` of OpenWrt; none if any line is
/// otherwise.
fn image_manifest(site: Site<'_>, text: &str) -> Option<Vec<Row>> {
    let row = |(at, line): (usize, &str)| {
        let mut words = line.split_whitespace();
        let (name, middle, version) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || !is_name(name) || !is_version(version) {
            return None;
        }
        if middle == "-" {
            return Some(site.row(Database::OpenWrt, name, exact(version), at));
        }
        let row = site.row(Database::Yocto, name, exact(version), at);
        is_name(middle).then(|| Row { architecture: Some(middle.to_owned()), ..row })
    };
    lines(text).map(row).collect()
}

/// Blocks of `PACKAGE NAME`, `PACKAGE VERSION`, `RECIPE NAME` and `LICENSE`.
fn licence_manifest(site: Site<'_>, text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (at, line) in lines(text) {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match (key.trim(), rows.last_mut()) {
            ("PACKAGE NAME", _) => {
                let unknown = VersionClaim::Unknown("its entry has no version".to_owned());
                rows.push(site.row(Database::Yocto, value, unknown, at));
            }
            ("PACKAGE VERSION", Some(row)) if is_version(value) => row.version = exact(value),
            ("RECIPE NAME", Some(row)) => {
                row.source = Some(value.to_owned()).filter(|recipe| *recipe != row.name);
            }
            ("LICENSE", Some(row)) if !value.is_empty() => row.licences = vec![value.to_owned()],
            _ => {}
        }
    }
    rows
}

/// `"PACKAGE","VERSION","LICENSE",…` with a head line.
fn table(site: Site<'_>, text: &str) -> Option<Vec<Row>> {
    let mut lines = lines(text);
    let head = cells(lines.next()?.1);
    let column = |name: &str| head.iter().position(|cell| cell == name);
    let (name, version) = (column("PACKAGE")?, column("VERSION")?);
    let licence = column("LICENSE");
    let row = |(at, line): (usize, &str)| {
        let cells = cells(line);
        let cell = |index: usize| cells.get(index).map(|text| text.trim());
        let name = cell(name).filter(|name| is_name(name))?;
        let version = match cell(version) {
            // Sources from the builder's own folder have no version.
            Some(version) if is_version(version) => exact(version),
            _ => VersionClaim::Unknown("its row has no version".to_owned()),
        };
        let licence = licence.and_then(cell).filter(|text| *text != "unknown");
        let row = site.row(Database::Buildroot, name, version, at);
        Some(Row { licences: licences_of(licence), ..row })
    };
    Some(lines.filter_map(row).collect())
}

/// The cells of a line of comma-separated values (RFC 4180).
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let (mut quoted, mut characters) = (false, line.chars().peekable());
    while let Some(character) = characters.next() {
        let Some(cell) = cells.last_mut() else { break };
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    cells
}

/// `busybox,./bin/busybox`: the files of the packages of the table, or packages of which no more is
/// known.
fn file_list(site: Site<'_>, bytes: &[u8], start: usize, packages: &mut Packages) {
    let mut files: BTreeMap<&[u8], Vec<Vec<u8>>> = BTreeMap::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        let Some(comma) = line.iter().position(|&byte| byte == b',') else { continue };
        let (name, path) = line.split_at(comma);
        if let Some(path) = path.strip_prefix(b",.").filter(|path| path.starts_with(b"/")) {
            files.entry(name).or_default().push(path.to_vec());
        }
    }
    packages.databases += u64::from(!files.is_empty());
    for (name, files) in files {
        let name = String::from_utf8_lossy(name).into_owned();
        let known = packages.rows.get_mut(start..).unwrap_or_default().iter_mut();
        let mut known = known.filter(|row| row.database == Database::Buildroot && row.name == name);
        if let Some(row) = known.next() {
            row.files = files;
        } else if is_name(&name) {
            let unknown = VersionClaim::Unknown("the list of files has no versions".to_owned());
            packages.rows.push(Row { files, ..site.row(Database::Buildroot, &name, unknown, 0) });
        }
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{
        Tree as Files,
        squashfs::{SquashfsOptions, squashfs},
    };
    use auscult_unpack::Tree;

    use super::{Packages, cells, read};

    fn rows(files: &[(&str, &str)]) -> (Vec<String>, Packages) {
        let files =
            files.iter().fold(Files::new(), |tree, (path, text)| tree.file(*path, 0o644, text));
        let image = squashfs(&files, SquashfsOptions::default());
        let mut packages = Packages::default();
        read(&Tree::from_bytes(image, &Limits::default()), &mut packages);
        let purl = |row: &crate::packages::Row| {
            crate::packages::component(row, None).purl.unwrap().0 + &row.licences.join("+")
        };
        (packages.rows.iter().map(purl).collect(), packages)
    }

    #[test]
    fn manifests_of_images_are_told_by_their_lines() {
        let (found, packages) = rows(&[
            ("deploy/core-image.manifest", "busybox armv7a 1.36.1-r0\nlibz1 armv7a 1.3.1-r0\n"),
            ("openwrt.manifest", "base-files - 1550-r23630\nbusybox - 1.36.1-1\n"),
            ("app.exe.manifest", "<?xml version=\"1.0\"?>\n<assembly/>\n"),
            ("cache.manifest", "CACHE MANIFEST\nindex.html\n"),
        ]);
        assert_eq!(
            found,
            [
                "pkg:generic/yocto/busybox@1.36.1-r0?arch=armv7a",
                "pkg:generic/yocto/libz1@1.3.1-r0?arch=armv7a",
                "pkg:generic/openwrt/base-files@1550-r23630",
                "pkg:generic/openwrt/busybox@1.36.1-1",
            ]
        );
        assert_eq!((packages.databases, packages.unanswered()), (2, None));
        assert_eq!(packages.rows[1].locator.offset, Some(25));
    }

    #[test]
    fn licences_and_recipes_are_told() {
        let (found, packages) = rows(&[(
            "usr/share/common-licenses/license.manifest",
            "PACKAGE NAME: libz1\nPACKAGE VERSION: 1.3.1\nRECIPE NAME: zlib\nLICENSE: Zlib\n\n\
             PACKAGE NAME: odd\nPACKAGE VERSION:\n",
        )]);
        assert_eq!(found, ["pkg:generic/yocto/libz1@1.3.1Zlib", "pkg:generic/yocto/odd"]);
        assert_eq!(packages.rows[0].source.as_deref(), Some("zlib"));
    }

    #[test]
    fn buildroot_lists_packages_and_files() {
        let (found, packages) = rows(&[
            (
                "legal-info/manifest.csv",
                "\"PACKAGE\",\"VERSION\",\"LICENSE\",\"LICENSE FILES\"\n\
                 \"busybox\",\"1.36.1\",\"GPL-2.0, bzip2-1.0.4\",\"LICENSE\"\n\
                 \"pump\",\"local\",\"unknown\",\"\"\n",
            ),
            ("build/packages-file-list.txt", "busybox,./bin/busybox\nskeleton,./etc/passwd\n"),
        ]);
        assert_eq!(
            found,
            [
                "pkg:generic/buildroot/busybox@1.36.1GPL-2.0+bzip2-1.0.4",
                "pkg:generic/buildroot/pump",
                "pkg:generic/buildroot/skeleton",
            ]
        );
        assert_eq!(packages.rows[0].files, [b"/bin/busybox".to_vec()]);
        assert_eq!(cells("\"a\"\"b\",c,\"d,e"), ["a\"b", "c", "d,e"]);
        assert!(rows(&[("manifest.csv", "a,b\n1,2\n")]).0.is_empty());
    }
}
