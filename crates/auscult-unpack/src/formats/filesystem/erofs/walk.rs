//! What the walk through the directories asks of EROFS: inodes, listings, contents, attributes.

use std::collections::HashMap;

use super::{
    cluster::{self, Settings},
    index::{self, Cluster, Source},
    inode::{Inode, Layout, is_in_metabox},
    superblock::Superblock,
    xattr::Attributes,
};
use crate::{
    Endian::Little,
    Extent, Fault, View,
    formats::support::{
        budget::Budget,
        runs::{Run, Runs},
        walk::{About, Walk, kind_of_mode},
    },
};

/// Longest target of a symbolic link: a page of the largest kernels.
const TARGET_BYTES_MAX: u64 = 65_536;
/// Bytes of an entry in a directory's block; the names follow the entries.
const ENTRY_BYTES: usize = 12;
/// Directories may be packed: how much larger than the image all of them together may be.
const LISTING_RATIO: u64 = 8;
/// Dictionary of MicroLZMA where its settings are lost (`Z_EROFS_LZMA_MAX_DICT_SIZE`).
const DICTIONARY_BYTES_MAX: u32 = 8 << 20;
/// Chunks of other devices (`EROFS_NULL_ADDR` marks a hole).
const NULL_BLOCK: u32 = u32::MAX;

/// Reads the objects of one file system.
pub(super) struct Reader<'image> {
    image: &'image Extent,
    superblock: &'image Superblock,
    settings: Settings,
    /// The content of the inode that holds fragments, or why it cannot be read.
    packed: Option<Result<Extent, Fault>>,
    /// The content of the inode that holds other inodes.
    metabox: Option<Extent>,
    attributes: Attributes,
    /// Clusters that several files use, by place, length and unpacked length.
    shared: HashMap<(u64, u64, u64), Extent>,
    /// Maps, indexes and lists of attributes belong to one inode each.
    metadata: Budget,
    listings: Budget,
}

impl<'image> Reader<'image> {
    /// A reader; what is missing of the image's common structures goes to `faults`.
    pub(super) fn new(
        image: &'image Extent,
        superblock: &'image Superblock,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let dictionary = superblock.lzma_dictionary(image).unwrap_or(DICTIONARY_BYTES_MAX);
        let mut reader = Self {
            image,
            superblock,
            settings: Settings {
                block_bytes: superblock.block_bytes(),
                padded: superblock.is_padded(),
                lzma_dictionary: dictionary.clamp(4096, DICTIONARY_BYTES_MAX),
            },
            packed: None,
            metabox: None,
            attributes: Attributes::new(image),
            shared: HashMap::new(),
            metadata: Budget::new(image.len()),
            listings: Budget::new(image.len().saturating_mul(LISTING_RATIO)),
        };
        if superblock.has_metabox() {
            match reader.content_of(superblock.metabox, faults) {
                Ok(content) => reader.metabox = Some(content),
                Err(fault) => faults.push(fault),
            }
        }
        let prefixes = reader.read_prefixes(faults);
        faults.extend(prefixes.err());
        reader
    }

    fn read_prefixes(&mut self, faults: &mut Vec<Fault>) -> Result<(), Fault> {
        if self.superblock.prefix_count == 0 {
            return Ok(());
        }
        let area = if self.superblock.has_plain_prefixes() {
            self.image.clone()
        } else if let Some(metabox) = &self.metabox {
            metabox.clone()
        } else if self.superblock.packed > 0 {
            self.packed(faults)?
        } else {
            self.image.clone()
        };
        self.attributes.read_prefixes(&area, self.superblock)
    }

    /// The content of the inode of this number.
    fn content_of(&mut self, number: u64, faults: &mut Vec<Fault>) -> Result<Extent, Fault> {
        let inode = self.read_inode(number)?;
        self.bytes_of(&inode, faults)
    }

    /// What holds an inode of this number.
    fn area(&self, in_metabox: bool) -> Result<Extent, Fault> {
        if !in_metabox {
            return Ok(self.image.clone());
        }
        let missing = || Fault::new(0, "find an inode", "the metabox could not be read");
        self.metabox.clone().ok_or_else(missing)
    }

    fn read_inode(&self, number: u64) -> Result<Inode, Fault> {
        let area = self.area(is_in_metabox(self.superblock, number))?;
        Inode::read(&area, self.superblock, number)
    }

    /// The packed inode's content. It cannot refer to itself.
    fn packed(&mut self, faults: &mut Vec<Fault>) -> Result<Extent, Fault> {
        if let Some(known) = &self.packed {
            return known.clone();
        }
        let looped = Fault::new(0, "find a fragment", "the packed inode has fragments itself");
        self.packed = Some(Err(looped));
        let content = self.content_of(self.superblock.packed, faults);
        self.packed = Some(content.clone());
        content
    }

    /// The content of a file, directory or link.
    fn bytes_of(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Result<Extent, Fault> {
        let area = self.area(inode.in_metabox)?;
        match inode.layout {
            Layout::Plain => self.plain(inode, inode.size, faults),
            Layout::Inline => {
                let block_bytes = self.superblock.block_bytes();
                let tail_bytes = match inode.size % block_bytes {
                    0 if inode.size > 0 => block_bytes,
                    tail => tail,
                };
                let tail = area.slice(inode.tail_place(), tail_bytes).ok_or_else(|| {
                    Fault::new(inode.tail_place(), "read inline data", "it is not all there")
                })?;
                if tail_bytes == inode.size {
                    return Ok(tail);
                }
                let blocks = self.plain(inode, inode.size - tail_bytes, faults)?;
                Ok(Extent::joined(self.image.vault(), vec![blocks, tail]))
            }
            Layout::Chunks => self.chunks(inode, &area, faults),
            Layout::Full | Layout::Compact => self.packed_file(inode, &area, faults),
        }
    }

    /// Blocks in a row.
    fn plain(
        &mut self,
        inode: &Inode,
        size: u64,
        faults: &mut Vec<Fault>,
    ) -> Result<Extent, Fault> {
        let mut runs = Runs::default();
        if let Some(block) = inode.start_block() {
            let place = block << self.superblock.block_log;
            runs.push(Run { logical: 0, place, length: size })?;
        }
        Ok(runs.join(self.image, size, faults))
    }

    fn chunks(
        &mut self,
        inode: &Inode,
        area: &Extent,
        faults: &mut Vec<Fault>,
    ) -> Result<Extent, Fault> {
        /// `EROFS_CHUNK_FORMAT_BLKBITS_MASK` and `EROFS_CHUNK_FORMAT_INDEXES`.
        const BITS_MASK: u32 = 0x1f;
        const INDEXES: u32 = 0x20;
        let chunk_log = self.superblock.block_log + (inode.word & BITS_MASK);
        let record_bytes = if inode.word & INDEXES == 0 { 4 } else { 8 };
        let place = inode.tail_place().next_multiple_of(record_bytes);
        let length = inode.size.div_ceil(1 << chunk_log) * record_bytes;
        self.metadata.take(length, place, "map a file")?;
        let map = area.read(place, length)?;
        let (mut runs, mut elsewhere) = (Runs::default(), None);
        let record_bytes = usize::try_from(record_bytes).unwrap_or(8);
        for (number, record) in (0_u64..).zip(map.chunks_exact(record_bytes)) {
            let view = View(record);
            let (mut low, mut high, mut device) = (view.u32(0, Little)?, 0, 0);
            if record_bytes == 8 {
                low = view.u32(4, Little)?;
                device = view.u16(2, Little)?;
                high = if self.superblock.is_wide() { view.u16(0, Little)? } else { 0 };
            }
            if low == NULL_BLOCK {
                continue;
            }
            if device > 0 {
                elsewhere = Some((device, number << chunk_log));
                continue;
            }
            let block = u64::from(low) | u64::from(high) << 32;
            let place = block << self.superblock.block_log;
            runs.push(Run { logical: number << chunk_log, place, length: 1 << chunk_log })?;
        }
        if let Some((device, offset)) = elsewhere {
            let why = format!("bytes from {offset:#x} on are on device {device}, not in the image");
            return Err(Fault::new(inode.place, "read a file", why));
        }
        // A chunk may be cut at the end of the file, and so at the end of the image.
        Ok(runs.join(self.image, inode.size, faults))
    }

    fn packed_file(
        &mut self,
        inode: &Inode,
        area: &Extent,
        faults: &mut Vec<Fault>,
    ) -> Result<Extent, Fault> {
        let (superblock, budget) = (self.superblock, &mut self.metadata);
        let clusters = index::Reader { superblock, area, budget }.clusters(inode)?;
        let vault = self.image.vault();
        let mut parts = Vec::with_capacity(clusters.len() + 1);
        let first = clusters.first().map_or(inode.size, |cluster| cluster.logical);
        if first > 0 {
            let fault = Fault::new(inode.place, "map a packed file", "its start is not mapped");
            faults.push(fault.clone());
            parts.push(Extent::missing(vault, first, fault));
        }
        let ends = clusters.iter().skip(1).map(|next| next.logical).chain([inode.size]);
        for (cluster, end) in clusters.iter().zip(ends) {
            let length = end.saturating_sub(cluster.logical);
            let part = self.cluster(cluster, length, area, faults);
            parts.push(part.unwrap_or_else(|fault| {
                faults.push(fault.clone());
                Extent::missing(vault, length, fault)
            }));
        }
        Ok(Extent::joined(vault, parts))
    }

    fn cluster(
        &mut self,
        cluster: &Cluster,
        length: u64,
        area: &Extent,
        faults: &mut Vec<Fault>,
    ) -> Result<Extent, Fault> {
        let missing = |place| Fault::new(place, "find a packed cluster", "it is not in the image");
        let (source, place) = match cluster.source {
            Source::Hole => return Ok(Extent::zeros(self.image.vault(), length)),
            Source::Fragment { offset } => {
                let packed = self.packed(faults)?;
                let why = format!("{length} bytes at {offset:#x} of {}", packed.len());
                let missing = || Fault::new(0, "find a fragment", why);
                return packed.slice(offset, length).ok_or_else(missing);
            }
            Source::Inline { place, length } => (area.slice(place, length), None),
            Source::Image { place, length } => (self.image.slice(place, length), Some(place)),
        };
        let source = source.ok_or_else(|| missing(place.unwrap_or(0)))?;
        let shared = place.filter(|_| self.superblock.shares_clusters());
        let key = shared.map(|place| (place, source.len(), length));
        if let Some(known) = key.and_then(|key| self.shared.get(&key)) {
            return Ok(known.clone());
        }
        let content =
            cluster::content(source, cluster.packing, cluster.logical, length, self.settings)
                .map_err(|fault| fault.within(place.unwrap_or(0)))?;
        if let (Some(key), index::Packing::Packed(_)) = (key, cluster.packing) {
            self.shared.insert(key, content.clone());
        }
        Ok(content)
    }

    fn target(&mut self, inode: &Inode) -> Result<Vec<u8>, Fault> {
        if inode.size > TARGET_BYTES_MAX {
            let why = format!("a link target of {} bytes", inode.size);
            return Err(Fault::new(inode.place, "read a link", why));
        }
        Ok(self.bytes_of(inode, &mut Vec::new())?.read_all()?.to_vec())
    }

    fn read_attributes(&mut self, inode: &mut Inode) -> Result<(), Fault> {
        if inode.attribute_bytes == 0 {
            return Ok(());
        }
        self.metadata.take(inode.attribute_bytes, inode.place, "read extended attributes")?;
        let area = self.area(inode.in_metabox)?;
        let shared = self.area(self.superblock.shared_in_metabox())?;
        inode.metadata.xattrs = self.attributes.of(inode, &area, &shared, self.superblock)?;
        Ok(())
    }

    fn list_blocks(
        &mut self,
        inode: &Inode,
        children: &mut Vec<(Vec<u8>, u64)>,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        self.listings.take(inode.size, inode.place, "list a directory")?;
        let content = self.bytes_of(inode, faults)?;
        let block_bytes = 1 << self.superblock.directory_log;
        let mut position = 0;
        while position < content.len() {
            let block = content.read_up_to(position, block_bytes);
            let listed = block.and_then(|block| list_block(&block, children));
            faults.extend(listed.err().map(|fault| Fault { offset: inode.place, ..fault }));
            position += block_bytes;
        }
        Ok(())
    }
}

/// The entries of a directory's block stand at its start; the first one's name follows the last.
fn list_block(block: &[u8], children: &mut Vec<(Vec<u8>, u64)>) -> Result<(), Fault> {
    let view = View(block);
    let entries_end = usize::from(view.u16(8, Little)?);
    if entries_end < ENTRY_BYTES || entries_end > block.len() {
        let why = format!("the names begin at {entries_end}");
        return Err(Fault::new(0, "list a directory", why));
    }
    for start in (0..entries_end / ENTRY_BYTES).map(|index| index * ENTRY_BYTES) {
        let number = view.u64(start, Little)?;
        let name = usize::from(view.u16(start + 8, Little)?);
        let next = start + ENTRY_BYTES;
        let end = if next + ENTRY_BYTES <= entries_end {
            usize::from(view.u16(next + 8, Little)?)
        } else {
            block.len()
        };
        let length = end.checked_sub(name).ok_or_else(|| {
            Fault::new(0, "list a directory", format!("a name from {name} to {end}"))
        })?;
        // Only the last name of a block may be shorter than its room.
        let name = view.text(name, length)?;
        if !matches!(name, b"." | b"..") {
            children.push((name.to_vec(), number));
        }
    }
    Ok(())
}

impl Walk for Reader<'_> {
    type Link = u64;
    type Inode = Inode;

    fn inode(&mut self, link: &u64, faults: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let mut inode = self.read_inode(*link)?;
        faults.extend(self.read_attributes(&mut inode).err());
        let target = || self.target(&inode);
        let device = || Ok(inode.device_number());
        let kind = kind_of_mode(inode.mode, inode.place, target, device)?;
        let about = About {
            identity: inode.number,
            place: inode.place,
            kind,
            metadata: inode.metadata.clone(),
            links: inode.links,
        };
        Ok((about, inode))
    }

    fn list(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, u64)> {
        let mut children = Vec::new();
        let listed = self.list_blocks(inode, &mut children, faults);
        faults.extend(listed.err());
        children
    }

    fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Option<Extent> {
        match self.bytes_of(inode, faults) {
            Ok(content) => Some(content),
            Err(fault) => {
                faults.push(fault.clone());
                Some(Extent::missing(self.image.vault(), inode.size, fault))
            }
        }
    }
}
