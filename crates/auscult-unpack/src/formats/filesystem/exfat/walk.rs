//! What the walk through the directories asks of exFAT.

use super::{
    boot::BootSector,
    directory::{Listed, Listing},
};
use crate::{
    EntryKind, Extent, Fault, Metadata,
    formats::{
        filesystem::fat::chain::{Chain, Chains, Clusters},
        support::walk::{About, Walk},
    },
};

/// Longest directory (section 7.4.4.2).
const DIRECTORY_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a directory that are read at once.
const LISTING_BYTES: u64 = 1 << 20;

/// Reads the objects of one file system.
pub(super) struct Reader<'image> {
    image: &'image Extent,
    boot: &'image BootSector,
    chains: &'image mut Chains,
    /// What the root directory says of the volume.
    pub(super) label: Option<String>,
    pub(super) guid: Option<String>,
    /// Bytes of directories that may still be read. They share no clusters, so that all of them
    /// together are not longer than the image.
    listing_bytes_left: u64,
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
        let listing_bytes_left = image.len();
        Self { image, boot, chains, label: None, guid: None, listing_bytes_left }
    }

    fn clusters(&self) -> Clusters {
        Clusters { start: self.boot.clusters_start, bytes: self.boot.cluster_bytes }
    }

    /// The clusters of an object of this size.
    fn chain(&mut self, listed: &Listed, faults: &mut Vec<Fault>) -> Chain {
        let wanted = listed.size.div_ceil(self.boot.cluster_bytes);
        match (listed.cluster, wanted) {
            (0, _) => Chain::empty(),
            (cluster, 0) => {
                let why = format!("an empty file has cluster {cluster}");
                faults.push(Fault::new(listed.place, "follow a chain of clusters", why));
                Chain::empty()
            }
            (first, _) if listed.in_a_row => self.chains.row(first, wanted, listed.place, faults),
            (first, _) => {
                let clusters = self.clusters();
                self.chains.follow(first, wanted, clusters, listed.place, faults)
            }
        }
    }

    /// Reads bytes of a directory. False once it has ended.
    fn list_row(
        &mut self,
        (start, length): (u64, u64),
        listing: &mut Listing,
        faults: &mut Vec<Fault>,
    ) -> Result<bool, Fault> {
        let mut position = 0;
        while position < length {
            let place = start.saturating_add(position);
            let step = (length - position).min(LISTING_BYTES);
            let left = self.listing_bytes_left.checked_sub(step);
            self.listing_bytes_left = left.ok_or_else(|| {
                Fault::new(place, "list a directory", "the directories are longer than the image")
            })?;
            if !listing.read(&self.image.read(place, step)?, place, faults) {
                return Ok(false);
            }
            position += step;
        }
        Ok(true)
    }
}

impl Walk for Reader<'_> {
    type Link = Node;
    type Inode = Node;

    fn inode(&mut self, link: &Node, _: &mut Vec<Fault>) -> Result<(About, Node), Fault> {
        let directory = |identity: u32, place| About {
            identity: u64::from(identity),
            place,
            kind: EntryKind::Directory,
            metadata: Metadata::default(),
            links: 1,
        };
        let about = match link {
            Node::Root => directory(self.boot.root_cluster, 0),
            Node::Listed(listed) => {
                let metadata = Metadata { modified: listed.modified, ..Metadata::default() };
                let identity = if listed.cluster == 0 || !listed.is_directory {
                    // Not the number of a cluster.
                    listed.place | 1 << 63
                } else {
                    u64::from(listed.cluster)
                };
                let kind = if listed.is_directory { EntryKind::Directory } else { EntryKind::File };
                About { identity, kind, metadata, ..directory(0, listed.place) }
            }
        };
        Ok((about, *link))
    }

    fn list(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Node)> {
        let chain = match node {
            Node::Root => {
                let wanted = DIRECTORY_BYTES_MAX / self.boot.cluster_bytes;
                let clusters = self.clusters();
                self.chains.follow(self.boot.root_cluster, wanted, clusters, 0, faults)
            }
            Node::Listed(listed) if listed.size > DIRECTORY_BYTES_MAX => {
                let why = format!("it has {} bytes", listed.size);
                faults.push(Fault::new(listed.place, "list a directory", why));
                return Vec::new();
            }
            Node::Listed(listed) => self.chain(listed, faults),
        };
        let rows: Vec<_> = chain.rows(self.clusters()).collect();
        let mut listing = Listing::default();
        for row in rows {
            match self.list_row(row, &mut listing, faults) {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => {
                    faults.push(fault);
                    break;
                }
            }
        }
        listing.abandon(faults);
        if matches!(node, Node::Root) {
            (self.label, self.guid) = (listing.label, listing.guid);
        }
        listing.children.into_iter().map(|(name, listed)| (name, Node::Listed(listed))).collect()
    }

    fn content(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Option<Extent> {
        let Node::Listed(listed) = node else { return None };
        if listed.size > self.boot.length() {
            let why = format!("{} bytes do not fit the file system", listed.size);
            faults.push(Fault::new(listed.place, "read a file", why));
            return None;
        }
        let chain = self.chain(listed, faults);
        let clusters = self.clusters();
        let valid = listed.valid.min(listed.size);
        if listed.valid > listed.size {
            let why = format!("{} of {} bytes are valid", listed.valid, listed.size);
            faults.push(Fault::new(listed.place, "read a file", why));
        }
        let written = chain.content(self.image, clusters, valid, listed.place, faults);
        if valid == listed.size {
            return Some(written);
        }
        let unwritten = Extent::zeros(self.image.vault(), listed.size - valid);
        let parts = [written, unwritten].into_iter().filter(|part| !part.is_empty()).collect();
        Some(Extent::joined(self.image.vault(), parts))
    }
}
