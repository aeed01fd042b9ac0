//! What programs say of themselves and of what was built into them.
//!
//! Go and Rust link every module into one file; their build tools leave the list of them there.
//! Distributions put a package's name into a note of its ELF files. Programs for Windows carry a
//! version resource. Each is read from the headers and the one section that holds it.

mod crates;
mod go;
mod note;
mod program;
mod rust;
mod version_info;
pub(crate) mod windows;

use auscult_model::{Problem, Technique, VersionClaim};
use auscult_unpack::{Extent, Fault, NodeId, Tree};

use super::{Database, Row};
use crate::{examine, roots::Root};
use program::Program;

/// What one program carries.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    pub(crate) rows: Vec<Row>,
    /// The program is a part of Windows.
    pub(crate) system_file: Option<windows::SystemFile>,
    pub(crate) problems: Vec<Problem>,
}

impl Carried {
    /// Whether the program says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.system_file.is_none() && self.problems.is_empty()
    }
}

/// Where a program lies.
#[derive(Clone, Copy)]
struct Site<'tree> {
    tree: &'tree Tree,
    /// The bytes, and the file that they belong to.
    node: NodeId,
    file: Option<NodeId>,
}

impl Site<'_> {
    /// A row about the whole program or a part of it, seen at this offset.
    fn row(&self, database: Database, name: String, version: VersionClaim, offset: u64) -> Row {
        let parent = self.tree.node(self.file.unwrap_or(self.node)).parent;
        let container = parent.unwrap_or_else(|| self.tree.root());
        let root = Root { container, prefix: Vec::new() };
        let locator = examine::place(self.tree, self.node, offset);
        let technique = Technique::BinaryAnalysis;
        Row { technique, ..Row::new(database, name, version, root, locator) }
    }

    /// The name of the file, for programs that do not tell theirs.
    fn file_name(&self) -> String {
        let name = self.file.map(|file| self.tree.node(file).name.file_name());
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }
}

/// Reads what a program carries; nothing for bytes that are none.
pub(crate) fn read(tree: &Tree, node: NodeId, file: Option<NodeId>, content: &Extent) -> Carried {
    let mut carried = Carried::default();
    let head = content.read_up_to(0, 4).unwrap_or_default();
    let (elf, windows) = (head[..] == *b"\x7fELF", head.starts_with(b"MZ"));
    if !elf && !windows {
        return carried;
    }
    let Some(program) = Program::read(content) else { return carried };
    let site = Site { tree, node, file };
    let mut faults: Vec<Fault> = Vec::new();
    if elf {
        note::read(site, &program, &mut carried.rows);
    } else {
        windows::read(site, &program, &mut carried);
    }
    go::read(site, &program, &mut carried.rows, &mut faults);
    rust::read(site, &program, &mut carried.rows, &mut faults);
    if !carried.rows.iter().any(|row| row.database == Database::Cargo) {
        crates::read(site, &program, &mut carried.rows);
    }
    let problem = |fault: Fault| Problem {
        locator: examine::place(tree, node, fault.offset),
        what: fault.what,
        why: fault.why,
    };
    carried.problems.extend(faults.into_iter().map(problem));
    carried
}

#[cfg(test)]
mod tests;
