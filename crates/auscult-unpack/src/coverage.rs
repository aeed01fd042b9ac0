//! How many bytes of the image were read, counted from the tree.
//!
//! A byte counts as read where a parser consumed it. Bytes inside a container count by what was
//! found in its parts: a raw region in a partition is unread, and of a compressed stream the share
//! of its payload that is unread. A file of a file system was read by that file system.

use auscult_model::{Coverage, UnreadRegion};

use crate::{NodeId, NodeKind, Reading, Tree, entropy};

/// Bytes of a node, split three ways; they add up to its length.
#[derive(Clone, Copy, Default)]
struct Account {
    read: u64,
    padding: u64,
    unread: u64,
}

impl Account {
    fn add(&mut self, other: Self) {
        self.read += other.read;
        self.padding += other.padding;
        self.unread += other.unread;
    }

    fn total(self) -> u64 {
        self.read + self.padding + self.unread
    }

    /// The same shares of another number of bytes; what is unread is rounded up.
    fn scaled_to(self, bytes: u64) -> Self {
        let total = u128::from(self.total().max(1));
        let share = |part: u64| u64::try_from(u128::from(part) * u128::from(bytes) / total);
        let padding = share(self.padding).unwrap_or(0);
        let read = share(self.read).unwrap_or(0);
        Self { read, padding, unread: bytes - padding - read }
    }
}

pub(crate) fn of(tree: &Tree) -> Coverage {
    let mut regions = Vec::new();
    let account = of_bytes(tree, tree.root(), &mut regions);
    regions.sort();
    Coverage {
        bytes_total: account.total(),
        bytes_read: account.read,
        bytes_padding: account.padding,
        bytes_unread: account.unread,
        regions_unread: regions,
        ..Coverage::default()
    }
}

/// The account of a node that holds stretches: the image, a part, a payload.
fn of_bytes(tree: &Tree, id: NodeId, regions: &mut Vec<UnreadRegion>) -> Account {
    let mut account = Account::default();
    for &child in &tree.node(id).children {
        let node = tree.node(child);
        match &node.kind {
            NodeKind::Padding => account.padding += node.len(),
            NodeKind::Raw { entropy_centibits } => {
                account.unread += node.len();
                regions.push(UnreadRegion {
                    locator: tree.locator(child),
                    bytes: node.len(),
                    reason: "no known format".to_owned(),
                    entropy_centibits: Some(*entropy_centibits),
                    profile: node.content.as_ref().map(entropy::profile).unwrap_or_default(),
                });
            }
            NodeKind::Container { .. } => account.add(of_container(tree, child, regions)),
            NodeKind::Image | NodeKind::Member(_) => {}
        }
    }
    account
}

fn of_container(tree: &Tree, id: NodeId, regions: &mut Vec<UnreadRegion>) -> Account {
    let node = tree.node(id);
    if let NodeKind::Container { format, unread: Some(reason), .. } = &node.kind {
        regions.push(UnreadRegion {
            locator: tree.locator(id),
            bytes: node.len(),
            reason: format!("{format}: {reason}"),
            entropy_centibits: None,
            profile: Vec::new(),
        });
        return Account { unread: node.len(), ..Account::default() };
    }
    let mut inside = Account::default();
    for &member in &node.children {
        if let Some(unread) = &tree.node(member).unread {
            inside.unread += unread.bytes;
            regions.push(UnreadRegion {
                locator: tree.locator(member),
                bytes: unread.bytes,
                reason: unread.reason.clone(),
                entropy_centibits: None,
                profile: Vec::new(),
            });
        }
        if tree.node(member).reading != Reading::Carve {
            continue;
        }
        let part = of_bytes(tree, member, regions);
        let content = tree.node(member).content.as_ref();
        let direct =
            content.zip(node.content.as_ref()).and_then(|(inner, outer)| inner.offset_in(outer));
        // A part cut out of the container counts byte by byte. The payload of a transform stands
        // for the whole container, less its direct parts.
        inside.add(if direct.is_some() { part } else { part.scaled_to(node.len()) });
    }
    let (padding, unread) = (inside.padding.min(node.len()), inside.unread.min(node.len()));
    let padding = padding.min(node.len() - unread);
    Account { read: node.len() - padding - unread, padding, unread }
}
