//! Hard links of archives: they name another member, and hold what that one holds.

use std::collections::HashMap;

use crate::{Entry, EntryKind, Extent, Reading};

/// Gives hard links the content of the member they name, so that it can be read by each name. It is
/// searched once only.
pub(crate) fn fill(entries: &mut [Entry]) {
    if !entries.iter().any(|entry| matches!(entry.kind, EntryKind::Hardlink(_))) {
        return;
    }
    let mut contents: HashMap<Vec<u8>, Extent> = HashMap::new();
    for entry in entries.iter() {
        if let (EntryKind::File, Some(content)) = (&entry.kind, &entry.content) {
            contents.insert(plain(entry.path.as_bytes()).to_vec(), content.clone());
        }
    }
    for entry in entries {
        let EntryKind::Hardlink(target) = &entry.kind else { continue };
        if entry.content.is_none() {
            entry.content = contents.get(plain(target.as_bytes())).cloned();
            entry.reading = Reading::Leaf;
        }
    }
}

/// The path without the marks of the present directory in front.
fn plain(mut path: &[u8]) -> &[u8] {
    while let Some(rest) = path.strip_prefix(b"./").or_else(|| path.strip_prefix(b"/")) {
        path = rest;
    }
    path
}
