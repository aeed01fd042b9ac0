//! littlefs of versions 1 and 2, the file system of microcontrollers (`SPEC.md` of littlefs, and of
//! its version 1).
//!
//! Metadata is in pairs of blocks, of which the newer whole one counts; files are lists of blocks
//! from the last to the first, or stand in the metadata itself. A file that was being moved when
//! power was lost is in two places and is shown in the new one. Sizes of blocks come from the
//! superblock.

mod content;
mod first;
mod second;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use auscult_model::ByteName;

use self::content::Skips;
use crate::{
    Endian::Little,
    EntryKind, Extent, Fault, Metadata, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::{About, Walk, walk},
};

pub(crate) static FORMAT: Format = Format {
    name: "littlefs",
    // The name of the first entry, behind its tag in version 2 and behind its fields in version 1.
    magics: &[Magic::at(8, MAGIC), Magic::at(40, MAGIC)],
    carve: true,
    open,
};

const MAGIC: &[u8] = b"littlefs";
/// Smallest block for which the lists of blocks work out, and more than any chip has.
const BLOCK_BYTES_MIN: u32 = 104;
const BLOCK_BYTES_MAX: u32 = 16 << 20;
/// Attribute by which several systems keep the time of the last change.
const ATTRIBUTE_TIME: u8 = b't';

/// The two blocks of some metadata.
type Pair = [u32; 2];

/// Stands for no pair.
const NO_PAIR: u32 = u32::MAX;

/// What the superblock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Superblock {
    version: u32,
    block_bytes: u32,
    block_count: u32,
}

impl Superblock {
    fn is_plausible(self) -> bool {
        matches!(self.version >> 16, 1 | 2)
            && (BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX).contains(&self.block_bytes)
            && self.block_count >= 2
    }
}

/// The blocks of an image.
struct Blocks {
    image: Extent,
    block_bytes: u64,
    block_count: u64,
}

impl Blocks {
    fn new(image: &Extent, superblock: Superblock) -> Self {
        let block_bytes = u64::from(superblock.block_bytes);
        let block_count = u64::from(superblock.block_count);
        Self { image: image.clamp(0, block_bytes * block_count), block_bytes, block_count }
    }

    fn place(&self, block: u32) -> u64 {
        u64::from(block) * self.block_bytes
    }

    /// A block, which may be cut at the end of the image.
    fn block(&self, block: u32) -> Result<Extent, Fault> {
        let extent = self.image.clamp(self.place(block), self.block_bytes);
        if u64::from(block) >= self.block_count || extent.is_empty() {
            let why = format!("block {block} of {}", self.block_count);
            return Err(Fault::new(self.place(block), "find a block", why));
        }
        Ok(extent)
    }
}

/// A name with what it means.
#[derive(Clone, Debug)]
struct Entry {
    name: Vec<u8>,
    object: Object,
    /// Attributes that programs gave it, by number.
    attributes: Vec<(u8, Vec<u8>)>,
    /// Where it stands.
    place: u64,
}

#[derive(Clone, Debug)]
enum Object {
    Directory(Pair),
    /// A file that stands in the metadata.
    Inline(Extent),
    /// A file of blocks.
    Blocks(Skips),
}

/// One pair of a directory, read.
struct Piece {
    entries: Vec<Entry>,
    /// The pair with which the directory goes on.
    next: Option<Pair>,
}

/// How a version reads a pair.
trait Layout {
    fn piece(&self, blocks: &Blocks, pair: Pair) -> Result<Piece, Fault>;
}

/// Reads the objects of one file system.
struct Reader<'image> {
    blocks: &'image Blocks,
    layout: &'image dyn Layout,
    /// Pairs that were listed: each belongs to one directory.
    seen: HashSet<Pair>,
    /// Blocks of files that may still be followed.
    budget: u64,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, 48)?;
    let view = View(&head);
    let mut faults = Vec::new();
    if view.bytes(8, 8)? == MAGIC {
        let superblock = second::superblock(extent).ok_or(NotThis)?;
        let blocks = Blocks::new(extent, superblock);
        let layout = second::Second::mount(&blocks, &mut faults);
        return Ok(opened(&blocks, superblock, &layout, layout.root(), faults));
    }
    let (superblock, root) = first::superblock(extent)?.ok_or(NotThis)?;
    let blocks = Blocks::new(extent, superblock);
    let layout = first::First::mount(&blocks, root);
    Ok(opened(&blocks, superblock, &layout, root, faults))
}

fn opened(
    blocks: &Blocks,
    superblock: Superblock,
    layout: &dyn Layout,
    root: Pair,
    mut faults: Vec<Fault>,
) -> Opened {
    let budget = blocks.image.len() / blocks.block_bytes * 4 + 4096;
    let mut reader = Reader { blocks, layout, seen: HashSet::new(), budget };
    let root = Entry {
        name: Vec::new(),
        object: Object::Directory(root),
        attributes: Vec::new(),
        place: blocks.place(root[0]),
    };
    let (entries, more) = walk(&blocks.image, &mut reader, root);
    faults.extend(more);
    let Superblock { version, block_bytes, block_count } = superblock;
    let attributes = vec![
        ("version", format!("{}.{}", version >> 16, version & 0xffff)),
        ("block-size", block_bytes.to_string()),
        ("blocks", block_count.to_string()),
    ];
    // Images are often cut behind the last block that was written.
    Opened { length: blocks.image.len(), attributes, entries, faults, unread: None }
}

/// A pair in one order, to tell it from others.
fn sorted([one, other]: Pair) -> Pair {
    [one.min(other), one.max(other)]
}

/// Reads a pair of numbers.
fn pair_at(view: View<'_>, offset: usize) -> Result<Pair, Fault> {
    Ok([view.u32(offset, Little)?, view.u32(offset + 4, Little)?])
}

impl Walk for Reader<'_> {
    type Link = Entry;
    type Inode = Entry;

    fn inode(&mut self, link: &Entry, _: &mut Vec<Fault>) -> Result<(About, Entry), Fault> {
        let (kind, identity) = match &link.object {
            Object::Directory(pair) => {
                let [low, high] = sorted(*pair);
                (EntryKind::Directory, u64::from(high) << 32 | u64::from(low))
            }
            Object::Inline(_) | Object::Blocks(_) => (EntryKind::File, link.place),
        };
        let time = link.attributes.iter().find(|(number, _)| *number == ATTRIBUTE_TIME);
        let attribute = |(number, value): &(u8, Vec<u8>)| {
            (ByteName(format!("attribute-{number:#04x}").into_bytes()), value.clone())
        };
        let metadata = Metadata {
            modified: time.and_then(|(_, value)| seconds(value)),
            xattrs: link.attributes.iter().map(attribute).collect(),
            ..Metadata::default()
        };
        let about = About { identity, place: link.place, kind, metadata, links: 1 };
        Ok((about, link.clone()))
    }

    fn list(&mut self, inode: &Entry, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Entry)> {
        let Object::Directory(pair) = inode.object else { return Vec::new() };
        let (mut next, mut found) = (Some(pair), Vec::new());
        while let Some(pair) = next {
            let place = self.blocks.place(pair[0]);
            if !self.seen.insert(sorted(pair)) {
                let why = format!("blocks {} and {} were read before", pair[0], pair[1]);
                faults.push(Fault::new(place, "list a directory", why));
                break;
            }
            match self.layout.piece(self.blocks, pair) {
                Ok(piece) => {
                    next = piece.next;
                    found.extend(piece.entries.into_iter().map(|it| (it.name.clone(), it)));
                }
                Err(fault) => {
                    faults.push(fault);
                    break;
                }
            }
        }
        found
    }

    fn content(&mut self, inode: &Entry, faults: &mut Vec<Fault>) -> Option<Extent> {
        match &inode.object {
            Object::Directory(_) => None,
            Object::Inline(bytes) => Some(bytes.clone()),
            Object::Blocks(skips) => Some(skips.content(self.blocks, &mut self.budget, faults)),
        }
    }
}

/// A time in seconds, of four or eight bytes.
fn seconds(value: &[u8]) -> Option<i64> {
    match value.len() {
        4 => View(value).u32(0, Little).ok().map(i64::from),
        8 => i64::try_from(View(value).u64(0, Little).ok()?).ok(),
        _ => None,
    }
}
