//! Which package owns which file.
//!
//! File lists name paths as they were packed; on the device a folder on the way may be a link
//! (`/bin` to `/usr/bin`). Folders are resolved, the last part is not: a link that a package owns
//! says nothing about the file behind it (BusyBox links, alternatives).

use std::collections::HashMap;

use auscult_unpack::{EntryKind, NodeId, NodeKind, Tree};

use crate::packages::Row;

/// Index of the owning row by file node.
pub(crate) fn of(tree: &Tree, rows: &[Row]) -> HashMap<NodeId, usize> {
    let mut owners = HashMap::new();
    let mut folders: HashMap<(NodeId, Vec<u8>), Vec<u8>> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        for path in &row.files {
            let full = [row.root.prefix.as_slice(), path.as_slice()].concat();
            let Some(cut) = full.iter().rposition(|&byte| byte == b'/') else { continue };
            let (folder, name) = full.split_at(cut);
            let real = folders
                .entry((row.root.container, folder.to_vec()))
                .or_insert_with(|| real_folder(tree, row.root.container, folder));
            let place = [real.as_slice(), name].concat();
            if let Some(file) = file_at(tree, row.root.container, &place) {
                owners.entry(file).or_insert(index);
            }
        }
    }
    for (index, row) in rows.iter().enumerate() {
        for &file in &row.carriers {
            owners.entry(file).or_insert(index);
        }
    }
    owners
}

/// The path of a folder with every link on the way followed.
fn real_folder(tree: &Tree, container: NodeId, folder: &[u8]) -> Vec<u8> {
    if folder.is_empty() {
        return Vec::new();
    }
    // Archives need not list folders; then the path is taken as it stands.
    match tree.lookup(container, folder) {
        Some(id) => tree.node(id).name.0.clone(),
        None => folder.to_vec(),
    }
}

/// The regular file at this path, one step of hard link followed.
fn file_at(tree: &Tree, container: NodeId, path: &[u8]) -> Option<NodeId> {
    let id = tree.member(container, path)?;
    match &tree.node(id).kind {
        NodeKind::Member(EntryKind::File) => Some(id),
        NodeKind::Member(EntryKind::Hardlink(target)) => {
            let target = [b"/", target.relative()].concat();
            tree.member(container, &target).filter(|&other| tree.node(other).is_file())
        }
        _ => None,
    }
}
