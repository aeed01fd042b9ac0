//! Device roots: the places in the image that a device would mount as `/`.
//!
//! A file system or archive usually is one itself; an archive of a whole build may hold one below
//! a folder. A root is told by a file that has a fixed place in it, found by the end of its path.

use auscult_model::{Locator, Problem};
use auscult_unpack::{EntryKind, Extent, Fault, NodeId, NodeKind, Tree};

/// A root: a container and the path in it under which the root lies, empty or `/folder`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Root {
    pub(crate) container: NodeId,
    pub(crate) prefix: Vec<u8>,
}

/// A text file larger than this is no database and no identity file.
const TEXT_BYTES_MAX: u64 = 128 << 20;

impl Root {
    /// The node at this absolute path of the root, links followed.
    pub(crate) fn lookup(&self, tree: &Tree, path: &str) -> Option<NodeId> {
        let full = [self.prefix.as_slice(), path.as_bytes()].concat();
        tree.lookup(self.container, &full)
    }

    /// Members below a folder of the root, the folder given with its last slash.
    pub(crate) fn under<'tree>(
        &self,
        tree: &'tree Tree,
        folder: &[u8],
    ) -> Vec<(&'tree [u8], NodeId)> {
        let full = [self.prefix.as_slice(), folder].concat();
        let members = tree.members_under(self.container, &full);
        members.map(|(name, id)| (name.0.get(full.len()..).unwrap_or_default(), id)).collect()
    }
}

/// The roots for which a regular file or link stands at one of these absolute paths, with the path
/// that was met and the node there.
pub(crate) fn having(tree: &Tree, ends: &[&'static str]) -> Vec<(Root, &'static str, NodeId)> {
    let mut found = Vec::new();
    for container in tree.file_systems() {
        for &id in &tree.node(container).children {
            let node = tree.node(id);
            if !matches!(node.kind, NodeKind::Member(EntryKind::File | EntryKind::Hardlink(_))) {
                continue;
            }
            for &end in ends {
                if let Some(prefix) = node.name.0.strip_suffix(end.as_bytes()) {
                    found.push((Root { container, prefix: prefix.to_vec() }, end, id));
                    break;
                }
            }
        }
    }
    found
}

/// The file itself, or the one that a hard link means.
fn file_of(tree: &Tree, id: NodeId) -> Option<NodeId> {
    let node = tree.node(id);
    let NodeKind::Member(EntryKind::Hardlink(target)) = &node.kind else { return Some(id) };
    let target = [b"/", target.relative()].concat();
    tree.member(node.parent?, &target).filter(|&other| tree.node(other).is_file())
}

/// The content of a file, of a hard link that of its target.
pub(crate) fn content(tree: &Tree, id: NodeId) -> Option<&Extent> {
    tree.node(file_of(tree, id)?).content.as_ref()
}

/// The bytes of a text file of the image; what cannot be read becomes a problem.
pub(crate) fn read_text(tree: &Tree, id: NodeId, problems: &mut Vec<Problem>) -> Vec<u8> {
    let Some(id) = file_of(tree, id) else { return Vec::new() };
    let node = tree.node(id);
    if node.len() > TEXT_BYTES_MAX {
        let why = format!("{} bytes are more than a text file has", node.len());
        problems.push(problem(&tree.locator(id), Fault::new(0, "read a text file", why)));
        return Vec::new();
    }
    match tree.bytes(id) {
        Ok(bytes) => bytes.to_vec(),
        Err(fault) => {
            problems.push(problem(&tree.locator(id), fault));
            Vec::new()
        }
    }
}

/// A fault in the bytes behind this locator, as a problem.
pub(crate) fn problem(locator: &Locator, fault: Fault) -> Problem {
    Problem { locator: locator.at(fault.offset), what: fault.what, why: fault.why }
}
