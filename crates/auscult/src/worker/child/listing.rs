//! The listing of a tree: a row for each node, with the digests of files.

use auscult_model::Sha256;
use auscult_report::TreeRow;
use auscult_unpack::{EntryKind, Extent, Node, NodeId, NodeKind, Tree, each_piece};
use rayon::prelude::*;
use sha2::Digest as _;

use crate::worker::Listing;

/// Lists everything.
pub(super) fn of(tree: &Tree, isolation: Vec<String>) -> Listing {
    let nodes: Vec<_> = tree.nodes().skip(1).collect();
    Listing {
        schema: "auscult-tree/1".to_owned(),
        isolation,
        entries: nodes.par_iter().map(|(id, node)| row(tree, *id, node)).collect(),
        coverage: tree.coverage().clone(),
        problems: tree.problems().to_vec(),
    }
}

fn row(tree: &Tree, id: NodeId, node: &Node) -> TreeRow {
    let metadata = &node.metadata;
    let mut row = TreeRow {
        locator: tree.locator(id),
        format: node.format().map(str::to_owned),
        size: node.content.as_ref().map(Extent::len),
        mode: metadata.mode,
        owner: metadata.user.zip(metadata.group).map(|(user, group)| format!("{user}:{group}")),
        modified: metadata.modified,
        unread: node.unread.as_ref().map(|unread| unread.reason.clone()),
        ..TreeRow::default()
    };
    let (kind, note) = match &node.kind {
        NodeKind::Image => ("image", String::new()),
        NodeKind::Raw { entropy_centibits } => {
            let (bits, hundredths) = (entropy_centibits / 100, entropy_centibits % 100);
            ("raw", format!("entropy {bits}.{hundredths:02} bits per byte"))
        }
        NodeKind::Padding => ("padding", String::new()),
        NodeKind::Container { attributes, unread, .. } => {
            let pairs = attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
            row.attributes = pairs.collect();
            row.unread.clone_from(unread);
            ("container", String::new())
        }
        NodeKind::Member(kind) => member_kind(kind),
    };
    kind.clone_into(&mut row.kind);
    row.note = Some(note).filter(|note| !note.is_empty());
    let hashed = matches!(
        node.kind,
        NodeKind::Member(EntryKind::File | EntryKind::Hardlink(_)) | NodeKind::Raw { .. }
    );
    row.sha256 = node.content.as_ref().filter(|_| hashed).and_then(digest);
    row
}

/// The word for a kind of member, and what else there is to say of it.
pub(super) fn member_kind(kind: &EntryKind) -> (&'static str, String) {
    match kind {
        EntryKind::File => ("file", String::new()),
        EntryKind::Directory => ("directory", String::new()),
        EntryKind::Symlink(target) => ("symlink", target.to_string()),
        EntryKind::Hardlink(target) => ("hardlink", target.to_string()),
        EntryKind::CharacterDevice { major, minor } => {
            ("character-device", format!("{major},{minor}"))
        }
        EntryKind::BlockDevice { major, minor } => ("block-device", format!("{major},{minor}")),
        EntryKind::Fifo => ("fifo", String::new()),
        EntryKind::Socket => ("socket", String::new()),
    }
}

/// The digest of all bytes; none where one of them cannot be read.
fn digest(content: &Extent) -> Option<Sha256> {
    if content.refusal().is_some() {
        return None;
    }
    let mut hasher = sha2::Sha256::new();
    each_piece(content, |bytes| hasher.update(bytes)).ok()?;
    Some(Sha256(hasher.finalize().into()))
}
