//! What the walk through the directories asks of FAT.

use super::{
    boot::BootSector,
    chain::{Chain, Chains, Clusters, Width},
    directory::{Listed, Listing},
};
use crate::{
    EntryKind, Extent, Fault, Metadata,
    formats::support::walk::{About, Walk},
};

/// A directory has at most 65,536 entries.
const DIRECTORY_BYTES_MAX: u64 = 2 << 20;

/// Reads the objects of one file system.
pub(super) struct Reader<'image> {
    image: &'image Extent,
    boot: &'image BootSector,
    chains: &'image mut Chains,
    /// The label in the root directory.
    pub(super) label: Option<String>,
}

/// An object: the root has no entry of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node {
    Root,
    Listed(Listed),
}

impl<'image> Reader<'image> {
    pub(super) fn new(
        image: &'image Extent,
        boot: &'image BootSector,
        chains: &'image mut Chains,
    ) -> Self {
        Self { image, boot, chains, label: None }
    }

    fn clusters(&self) -> Clusters {
        Clusters { start: self.boot.cluster_place(2), bytes: self.boot.cluster_bytes }
    }

    /// First cluster of an object; its upper half counts only where clusters need it.
    fn first_cluster(&self, listed: &Listed) -> u32 {
        match self.boot.width {
            Width::Bits12 | Width::Bits16 => listed.cluster & 0xffff,
            Width::Bits28 | Width::Bits32 => listed.cluster & self.boot.width.mask(),
        }
    }

    /// The rows of a directory's bytes, which end with its chain.
    fn directory(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Vec<(u64, u64)> {
        let (cluster, place) = match node {
            Node::Root if self.boot.root_cluster == 0 => {
                return vec![(self.boot.root_start(), self.boot.root_bytes())];
            }
            Node::Root => (self.boot.root_cluster, 0),
            Node::Listed(listed) => (self.first_cluster(listed), listed.place),
        };
        let wanted = DIRECTORY_BYTES_MAX.div_ceil(self.boot.cluster_bytes);
        let clusters = self.clusters();
        let chain = self.chains.follow(cluster, wanted, clusters, place, faults);
        chain.rows(clusters).collect()
    }
}

impl Walk for Reader<'_> {
    type Link = Node;
    type Inode = Node;

    fn inode(&mut self, link: &Node, _: &mut Vec<Fault>) -> Result<(About, Node), Fault> {
        let about = match link {
            Node::Root => About {
                identity: u64::from(self.boot.root_cluster),
                place: 0,
                kind: EntryKind::Directory,
                metadata: Metadata::default(),
                links: 1,
            },
            Node::Listed(listed) => About {
                identity: if listed.is_directory {
                    u64::from(self.first_cluster(listed))
                } else {
                    listed.place
                },
                place: listed.place,
                kind: if listed.is_directory { EntryKind::Directory } else { EntryKind::File },
                metadata: Metadata { modified: listed.modified, ..Metadata::default() },
                links: 1,
            },
        };
        Ok((about, *link))
    }

    fn list(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Node)> {
        let mut listing = Listing::default();
        for (place, length) in self.directory(node, faults) {
            let there = self.image.clamp(place, length).len();
            if there < length {
                let why = format!("{} bytes are past the end", length - there);
                faults.push(Fault::new(place, "list a directory", why));
            }
            match self.image.read(place, there) {
                Ok(bytes) if listing.read(&bytes, place, faults) => {}
                Ok(_) => break,
                Err(fault) => faults.push(fault),
            }
        }
        if matches!(node, Node::Root) {
            self.label = listing.label;
        }
        listing.children.into_iter().map(|(name, listed)| (name, Node::Listed(listed))).collect()
    }

    fn content(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Option<Extent> {
        let Node::Listed(listed) = node else { return None };
        let cluster = self.first_cluster(listed);
        let wanted = listed.size.div_ceil(self.boot.cluster_bytes);
        let clusters = self.clusters();
        let chain = match (cluster, wanted) {
            (0, _) => Chain::empty(),
            (_, 0) => {
                let why = format!("an empty file has cluster {cluster}");
                faults.push(Fault::new(listed.place, "follow a chain of clusters", why));
                Chain::empty()
            }
            _ => self.chains.follow(cluster, wanted, clusters, listed.place, faults),
        };
        Some(chain.content(self.image, clusters, listed.size, listed.place, faults))
    }
}
