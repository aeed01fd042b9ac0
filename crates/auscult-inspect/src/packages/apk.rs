//! The apk database of Alpine and of OpenWrt since 24.10: `/lib/apk/db/installed`.
//!
//! One letter and a colon per line (Alpine wiki, "Apk spec"), records parted by empty lines. `P` is
//! the name, `V` the version, `A` the architecture, `o` the source package, `L` the licence, `D` what
//! it needs, `p` what it provides; `F` opens a folder and `R` names a file in it.

use auscult_unpack::{NodeId, Tree};

use super::{Database, Packages, Row, nameless, version_of};
use crate::roots::{self, Root};

const PLACES: &[&str] = &["/usr/lib/apk/db/installed", "/lib/apk/db/installed"];

pub(super) fn read(tree: &Tree, packages: &mut Packages) {
    for (root, _, id) in roots::having(tree, PLACES) {
        read_file(tree, &root, id, packages);
    }
}

/// One record while it is read.
#[derive(Default)]
struct Record {
    offset: u64,
    name: Option<String>,
    version: Option<String>,
    architecture: Option<String>,
    source: Option<String>,
    licences: Vec<String>,
    folder: Vec<u8>,
    files: Vec<Vec<u8>>,
    depends: Vec<String>,
    provides: Vec<String>,
    started: bool,
}

impl Record {
    fn line(&mut self, offset: u64, line: &[u8]) {
        if !self.started {
            self.started = true;
            self.offset = offset;
        }
        let [key, b':', value @ ..] = line else { return };
        let text = || Some(String::from_utf8_lossy(value).trim().to_owned());
        let text = || text().filter(|text| !text.is_empty());
        match key {
            b'P' => self.name = text(),
            b'V' => self.version = text(),
            b'A' => self.architecture = text(),
            b'o' => self.source = text(),
            // Licences are one SPDX expression; older rows list names by spaces.
            b'L' => self.licences = text().into_iter().collect(),
            b'D' => self.depends = words(value),
            b'p' => self.provides = words(value),
            b'F' => self.folder = value.to_vec(),
            b'R' if self.folder.is_empty() => self.files.push([b"/", value].concat()),
            b'R' => self.files.push([b"/", self.folder.as_slice(), b"/", value].concat()),
            _ => {}
        }
    }
}

/// What is listed by spaces; a name behind `!` is a conflict.
fn words(value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(value);
    let words = text.split_whitespace().filter(|word| !word.starts_with('!'));
    words.map(ToOwned::to_owned).collect()
}

fn read_file(tree: &Tree, root: &Root, id: NodeId, packages: &mut Packages) {
    packages.databases += 1;
    let bytes = roots::read_text(tree, id, &mut packages.problems);
    let mut record = Record::default();
    let mut offset = 0_u64;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let next_row = text.starts_with(b"P:") && record.name.is_some();
        if text.is_empty() || next_row {
            finish(tree, root, id, std::mem::take(&mut record), packages);
        }
        if !text.is_empty() {
            record.line(offset, text);
        }
        offset = offset.saturating_add(u64::try_from(line.len()).unwrap_or(0));
    }
    finish(tree, root, id, record, packages);
}

fn finish(tree: &Tree, root: &Root, id: NodeId, record: Record, packages: &mut Packages) {
    if !record.started {
        return;
    }
    let locator = tree.locator(id).at(record.offset);
    let Some(name) = record.name else {
        nameless(&locator, &mut packages.problems);
        return;
    };
    let version = version_of(record.version.as_deref(), &locator, &mut packages.problems);
    packages.rows.push(Row {
        architecture: record.architecture,
        source: record.source.filter(|source| *source != name),
        licences: record.licences,
        depends: record.depends,
        provides: record.provides,
        files: record.files,
        ..Row::new(Database::Apk, name, version, root.clone(), locator)
    });
}
