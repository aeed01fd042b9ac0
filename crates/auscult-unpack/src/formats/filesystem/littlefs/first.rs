//! Version 1: a metadata block is a directory's entries one after the other, with a checksum at the
//! end.

use std::collections::HashSet;

use super::{
    Blocks, Entry, Layout, MAGIC, NO_PAIR, Object, Pair, Piece, Skips, Superblock, pair_at, sorted,
};
use crate::{
    Endian::Little,
    Extent, Fault, View,
    checksum::{Crc32, agrees},
};

/// Types of entries (`lfs_type`), and the flag of one that is being moved.
const FILE: u8 = 0x11;
const DIRECTORY: u8 = 0x22;
const SUPERBLOCK: u8 = 0x2e;
const MOVING: u8 = 0x80;
/// Revision, size and tail come before the entries.
const HEAD_BYTES: usize = 16;
/// Set in the size where the directory goes on in the pair of the tail.
const GOES_ON: u32 = 1 << 31;

/// A metadata block.
struct Block<'data> {
    revision: u32,
    goes_on: bool,
    tail: Pair,
    /// The entries.
    bytes: &'data [u8],
}

impl<'data> Block<'data> {
    /// Reads a block; nothing unless its checksum is right.
    fn parse(bytes: &'data [u8]) -> Option<Self> {
        let view = View(bytes);
        let (revision, size) = (view.u32(0, Little).ok()?, view.u32(4, Little).ok()?);
        let length = usize::try_from(size & !GOES_ON).ok()?;
        let end = length.checked_sub(4).filter(|&end| end >= HEAD_BYTES)?;
        let signed = view.bytes(0, end).ok()?;
        // The checksum starts inverted and is not inverted at the end.
        let fits = agrees(view.u32(end, Little).ok()?, !Crc32::of(signed));
        fits.then_some(Self {
            revision,
            goes_on: size & GOES_ON != 0,
            tail: pair_at(view, 8).ok()?,
            bytes: signed.get(HEAD_BYTES..)?,
        })
    }

    /// The entries, up to one that does not fit.
    fn entries(&self) -> Vec<Raw<'data>> {
        let (mut entries, mut rest) = (Vec::new(), self.bytes);
        while let Ok(&[kind, fields, attributes, name]) =
            View(rest).bytes(0, 4).map(|head| head.first_chunk::<4>().unwrap_or(&[0; 4]))
        {
            let [fields, attributes, name] = [fields, attributes, name].map(usize::from);
            let offset = HEAD_BYTES + self.bytes.len() - rest.len();
            let length = 4 + fields + attributes + name;
            let Some((entry, behind)) = rest.split_at_checked(length) else { break };
            let name = entry.get(4 + fields + attributes..).unwrap_or_default();
            let fields = entry.get(4..4 + fields).unwrap_or_default();
            entries.push(Raw { kind, fields, name, offset });
            rest = behind;
        }
        entries
    }
}

/// An entry as it is stored.
struct Raw<'data> {
    kind: u8,
    /// What depends on the type: places and sizes.
    fields: &'data [u8],
    name: &'data [u8],
    offset: usize,
}

/// The superblock, an entry of the pair of the first two blocks, with the root directory's pair.
pub(super) fn superblock(extent: &Extent) -> Result<Option<(Superblock, Pair)>, Fault> {
    let size = View(&extent.read(4, 4)?).u32(0, Little)? & !GOES_ON;
    let bytes = extent.read_up_to(0, u64::from(size))?;
    let Some(block) = Block::parse(&bytes) else { return Ok(None) };
    let entries = block.entries();
    let Some(entry) = entries.first().filter(|entry| entry.kind == SUPERBLOCK) else {
        return Ok(None);
    };
    let view = View(entry.fields);
    let superblock = Superblock {
        version: view.u32(16, Little)?,
        block_bytes: view.u32(8, Little)?,
        block_count: view.u32(12, Little)?,
    };
    let fits = entry.name == MAGIC && superblock.is_plausible();
    Ok(fits.then_some((superblock, pair_at(view, 0)?)))
}

/// What holds for the whole file system.
pub(super) struct First {
    /// What entries that are not being moved mean: a moved one that is among them has arrived.
    settled: HashSet<Vec<u8>>,
}

impl First {
    /// Follows the list of all pairs from the root on, if any entry is being moved at all.
    pub(super) fn mount(blocks: &Blocks, root: Pair) -> Self {
        let (mut settled, mut seen, mut is_moving) = (HashSet::new(), HashSet::new(), false);
        let mut next = Some(root);
        while let Some(pair) = next.filter(|&pair| seen.insert(sorted(pair))) {
            let read = with_newest(blocks, pair, |block, _| {
                for entry in block.entries() {
                    if entry.kind & MOVING == 0 {
                        settled.insert(entry.fields.to_vec());
                    } else {
                        is_moving = true;
                    }
                }
                Ok((block.tail[0] != NO_PAIR).then_some(block.tail))
            });
            next = read.ok().flatten();
        }
        if !is_moving {
            settled.clear();
        }
        Self { settled }
    }
}

/// Reads the newer of the two blocks of a pair.
fn with_newest<T>(
    blocks: &Blocks,
    pair: Pair,
    read: impl FnOnce(&Block<'_>, u32) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let [one, other] = pair.map(|block| blocks.block(block)?.read_all());
    let found = [(&one, pair[0]), (&other, pair[1])]
        .into_iter()
        .filter_map(|(bytes, block)| Some((Block::parse(bytes.as_ref().ok()?)?, block)));
    // Revisions wrap around.
    let newest = found.reduce(|known, found| {
        let ahead = found.0.revision.wrapping_sub(known.0.revision);
        if ahead != 0 && ahead < 1 << 31 { found } else { known }
    });
    let (block, number) = newest.ok_or_else(|| {
        let why = format!("neither block {} nor block {} is whole", pair[0], pair[1]);
        Fault::new(blocks.place(pair[0]), "read metadata", why)
    })?;
    read(&block, number)
}

impl Layout for First {
    fn piece(&self, blocks: &Blocks, pair: Pair) -> Result<Piece, Fault> {
        with_newest(blocks, pair, |block, number| {
            let mut entries = Vec::new();
            for raw in block.entries() {
                if raw.kind & MOVING != 0 && self.settled.contains(raw.fields) {
                    continue;
                }
                let view = View(raw.fields);
                let object = match raw.kind & !MOVING {
                    DIRECTORY => Object::Directory(pair_at(view, 0)?),
                    FILE => Object::Blocks(Skips {
                        head: view.u32(0, Little)?,
                        size: view.u32(4, Little)?,
                    }),
                    _ => continue,
                };
                let place = blocks.place(number) + u64::try_from(raw.offset).unwrap_or(0);
                let name = raw.name.to_vec();
                entries.push(Entry { name, object, attributes: Vec::new(), place });
            }
            Ok(Piece { entries, next: block.goes_on.then_some(block.tail) })
        })
    }
}
