//! Partitions of a logical volume, and how each turns its blocks into places of the image
//! (ECMA-167 3/10.7; UDF 2.2.8 to 2.2.10).

use std::collections::BTreeMap;

use super::{
    allocation::{self, Piece},
    descriptor::{Address, Tag, identifier},
    entry::FileEntry,
};
use crate::{Endian::Little, Extent, Fault, View};

/// File types of a virtual allocation table, before and since version 2.00.
const TABLE_TYPES: [u8; 2] = [0, 248];
/// Longest virtual allocation table and sparing table.
const TABLE_BYTES_MAX: u64 = 64 << 20;
const SPARING_BYTES_MAX: u64 = 1 << 20;
/// The last blocks of a disc, in which the virtual allocation table is looked for.
const TABLE_DISTANCE: u64 = 512;

/// A partition as its descriptor has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Physical {
    pub(super) number: u16,
    pub(super) start: u32,
    pub(super) blocks: u32,
}

impl Physical {
    /// The block behind its last one.
    pub(super) fn end(self) -> u64 {
        u64::from(self.start) + u64::from(self.blocks)
    }
}

/// A partition of the logical volume.
#[derive(Debug)]
enum Map {
    Physical(Physical),
    /// Blocks are numbers in a table, so that they can be written anew.
    Virtual(Physical, Vec<u32>),
    /// Packets of blocks may be replaced by others: number of the first block, and where it is.
    Sparable {
        physical: Physical,
        packet: u32,
        spared: BTreeMap<u32, u32>,
    },
    /// Blocks are those of a file in a physical partition.
    Metadata {
        runs: Vec<(u64, u64, u64)>,
    },
    /// What is not there or not understood, and why.
    Unknown(String),
}

/// All of them.
#[derive(Debug)]
pub(super) struct Partitions {
    block_bytes: u64,
    maps: Vec<Map>,
    /// Pieces that blocks may still be turned into: no file has more than the image has blocks.
    pieces_left: u64,
}

impl Partitions {
    /// Reads the maps of a logical volume.
    pub(super) fn new(
        image: &Extent,
        block_bytes: u64,
        physical: &[Physical],
        maps: View<'_>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let pieces_left = (image.len() / block_bytes).saturating_mul(8).saturating_add(16_384);
        let mut partitions = Self { block_bytes, maps: Vec::new(), pieces_left };
        let mut at = 0;
        // Maps refer to physical partitions, which may come later: those of the second kind wait.
        let mut waiting = Vec::new();
        while let (Ok(kind), Ok(length)) = (maps.u8(at), maps.u8(at + 1)) {
            let length = usize::from(length);
            let Ok(bytes) = maps.bytes(at, length) else { break };
            if length < 6 {
                break;
            }
            let view = View(bytes);
            let number = view.u16(if kind == 1 { 4 } else { 38 }, Little).unwrap_or(u16::MAX);
            let found = physical.iter().find(|known| known.number == number).copied();
            let none = || Map::Unknown(format!("there is no partition {number}"));
            if kind == 2 && found.is_some() {
                waiting.push((partitions.maps.len(), bytes.to_vec()));
            }
            partitions.maps.push(found.map_or_else(none, Map::Physical));
            at += length;
        }
        for (index, bytes) in waiting {
            let made = partitions.second_kind(image, index, View(&bytes));
            let map = made.unwrap_or_else(|fault| {
                let why = fault.to_string();
                faults.push(fault);
                Map::Unknown(why)
            });
            if let Some(slot) = partitions.maps.get_mut(index) {
                *slot = map;
            }
        }
        partitions
    }

    /// Makes a map of the second kind from the physical one that stands in its place.
    fn second_kind(&mut self, image: &Extent, index: usize, view: View<'_>) -> Result<Map, Fault> {
        let Some(&Map::Physical(physical)) = self.maps.get(index) else {
            return Ok(Map::Unknown("there is no partition".to_owned()));
        };
        match identifier(view, 4) {
            b"*UDF Virtual Partition" => {
                let table = self.virtual_table(image, physical, index)?;
                Ok(Map::Virtual(physical, table))
            }
            b"*UDF Sparable Partition" => self.sparable(image, physical, view),
            b"*UDF Metadata Partition" => self.metadata(image, index, view),
            other => {
                let name = String::from_utf8_lossy(other).into_owned();
                Ok(Map::Unknown(format!("partitions of the kind {name:?} are not known")))
            }
        }
    }

    /// The virtual allocation table: the file whose entry is the last thing written on the disc.
    fn virtual_table(
        &mut self,
        image: &Extent,
        physical: Physical,
        index: usize,
    ) -> Result<Vec<u32>, Fault> {
        let last = last_written(image)?.div_ceil(self.block_bytes);
        let start = u64::from(physical.start);
        for block in (start.max(last.saturating_sub(TABLE_DISTANCE))..last).rev() {
            let Ok(block) = u32::try_from(block - start) else { continue };
            let partition = u16::try_from(index).unwrap_or(u16::MAX);
            let address = Address { partition, block };
            let Ok(entry) = self.block(image, address).and_then(|bytes| FileEntry::parse(&bytes))
            else {
                continue;
            };
            if !TABLE_TYPES.contains(&entry.kind) || entry.size > TABLE_BYTES_MAX {
                continue;
            }
            let mut faults = Vec::new();
            let bytes =
                allocation::content(self, image, &entry, address, &mut faults).read_all()?;
            let view = View(&bytes);
            // Before version 2.00 the table ends with its name and the place of the one before.
            let range = if entry.kind == 0 {
                let end = bytes.len().checked_sub(36);
                let named = end.filter(|&end| identifier(view, end) == b"*UDF Virtual Alloc Tbl");
                let Some(end) = named else { continue };
                0..end
            } else {
                usize::from(view.u16(0, Little)?)..bytes.len()
            };
            let (words, _) = bytes.get(range).unwrap_or_default().as_chunks();
            return Ok(words.iter().map(|&word| u32::from_le_bytes(word)).collect());
        }
        let place = image.len();
        Err(Fault::new(place, "find the virtual allocation table", "it is not at the end"))
    }

    fn sparable(&self, image: &Extent, physical: Physical, view: View<'_>) -> Result<Map, Fault> {
        let packet = u32::from(view.u16(40, Little)?);
        let (tables, bytes) = (view.u8(42)?, u64::from(view.u32(44, Little)?));
        let mut last = Fault::new(0, "read a sparing table", "there is none");
        for index in 0..usize::from(tables) {
            let place = u64::from(view.u32(48 + index * 4, Little)?) * self.block_bytes;
            let table = image.read(place, bytes.min(SPARING_BYTES_MAX));
            match table.and_then(|table| spared(&table, place)) {
                Ok(spared) => return Ok(Map::Sparable { physical, packet, spared }),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    /// The metadata file, or its mirror, gives the blocks of the partition.
    fn metadata(&mut self, image: &Extent, index: usize, view: View<'_>) -> Result<Map, Fault> {
        let mut last = Fault::new(0, "find the metadata file", "there is none");
        for at in [40, 44] {
            let block = view.u32(at, Little)?;
            let partition = u16::try_from(index).unwrap_or(u16::MAX);
            let address = Address { partition, block };
            let entry = self.block(image, address).and_then(|bytes| FileEntry::parse(&bytes));
            let mut faults = Vec::new();
            let pieces = entry
                .and_then(|entry| allocation::pieces(self, image, &entry, address, &mut faults));
            match pieces {
                Ok(pieces) => {
                    let runs = pieces.into_iter().filter_map(|piece: Piece| {
                        piece.place.map(|place| (piece.logical, place, piece.length))
                    });
                    return Ok(Map::Metadata { runs: runs.collect() });
                }
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    /// The bytes of one block.
    pub(super) fn block(
        &mut self,
        image: &Extent,
        address: Address,
    ) -> Result<bytes::Bytes, Fault> {
        let places = self.places(address, self.block_bytes)?;
        let missing = || Fault::new(0, "read a block", "it is not there");
        let &(place, length) = places.first().ok_or_else(missing)?;
        image.read(place, length)
    }

    /// Place of a block, for faults. It does not count.
    pub(super) fn place(&mut self, address: Address) -> u64 {
        let pieces_left = self.pieces_left.max(1);
        let places = self.places(address, 1).unwrap_or_default();
        self.pieces_left = pieces_left;
        places.first().map_or(0, |&(place, _)| place)
    }

    pub(super) fn block_bytes(&self) -> u64 {
        self.block_bytes
    }

    /// Where bytes from the start of a block are in the image: places with lengths.
    pub(super) fn places(
        &mut self,
        address: Address,
        length: u64,
    ) -> Result<Vec<(u64, u64)>, Fault> {
        let wrong = |why: String| Fault::new(0, "find a block", why);
        let Address { partition, block } = address;
        let map = self.maps.get(usize::from(partition));
        let map = map.ok_or_else(|| wrong(format!("there is no partition {partition}")))?;
        let asked = Asked { first: u64::from(block), length, block_bytes: self.block_bytes };
        let mut found = Found { places: Vec::new(), left: self.pieces_left };
        let result = match map {
            Map::Physical(physical) => asked.physical(*physical, &mut found),
            Map::Virtual(physical, table) => asked.virtual_blocks(*physical, table, &mut found),
            Map::Sparable { physical, packet, spared } => {
                asked.sparable(*physical, *packet, spared, &mut found)
            }
            Map::Metadata { runs } => asked.metadata(runs, &mut found),
            Map::Unknown(why) => return Err(wrong(why.clone())),
        };
        self.pieces_left = found.left;
        let beyond = || wrong(format!("block {block} leads out of partition {partition}"));
        result.ok_or_else(beyond)?;
        Ok(found.places)
    }

    /// What kinds there are.
    pub(super) fn told(&self) -> String {
        let kinds = self.maps.iter().map(|map| match map {
            Map::Physical(_) => "physical",
            Map::Virtual(..) => "virtual",
            Map::Sparable { .. } => "sparable",
            Map::Metadata { .. } => "metadata",
            Map::Unknown(_) => "unknown",
        });
        kinds.collect::<Vec<_>>().join(", ")
    }
}

/// The end of what was written on a disc: behind it, an image may be filled up with zeros.
fn last_written(image: &Extent) -> Result<u64, Fault> {
    const STEP_BYTES: u64 = 1 << 20;
    let mut end = image.len();
    while end > 0 {
        let start = end.saturating_sub(STEP_BYTES);
        let bytes = image.read(start, end - start)?;
        if let Some(last) = bytes.iter().rposition(|&byte| byte != 0) {
            return Ok(start + u64::try_from(last).unwrap_or(0) + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Bytes from the start of a block.
#[derive(Clone, Copy)]
struct Asked {
    first: u64,
    length: u64,
    block_bytes: u64,
}

/// Places that were found, and how many more may be.
struct Found {
    places: Vec<(u64, u64)>,
    left: u64,
}

impl Found {
    fn push(&mut self, place: u64, length: u64) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        self.places.push((place, length));
        Some(())
    }
}

/// Each gives nothing where a block is not in its partition, or where there are too many pieces.
impl Asked {
    /// The place of a block of a physical partition.
    fn place(self, physical: Physical, block: u64) -> Option<u64> {
        let inside = block < u64::from(physical.blocks);
        inside.then(|| (u64::from(physical.start) + block) * self.block_bytes)
    }

    fn physical(self, physical: Physical, found: &mut Found) -> Option<()> {
        found.push(self.place(physical, self.first)?, self.length)
    }

    fn virtual_blocks(self, physical: Physical, table: &[u32], found: &mut Found) -> Option<()> {
        for index in 0..self.length.div_ceil(self.block_bytes) {
            let number = usize::try_from(self.first + index).ok()?;
            let block = u64::from(*table.get(number)?);
            let length = self.block_bytes.min(self.length - index * self.block_bytes);
            found.push(self.place(physical, block)?, length)?;
        }
        Some(())
    }

    fn sparable(
        self,
        physical: Physical,
        packet: u32,
        spared: &BTreeMap<u32, u32>,
        found: &mut Found,
    ) -> Option<()> {
        let packet = u64::from(packet.max(1));
        let (mut block, mut left) = (self.first, self.length);
        let end = block + self.length.div_ceil(self.block_bytes);
        while block < end {
            let first = block / packet * packet;
            let key = u32::try_from(first).ok()?;
            let replaced = spared.get(&key);
            // Up to the next packet that is replaced, all is in its place.
            let next = spared.range(key.saturating_add(1)..).next();
            let until = match (replaced, next) {
                (Some(_), _) => first + packet,
                (None, Some((&next, _))) => u64::from(next),
                (None, None) => end,
            };
            let until = until.clamp(block + 1, end);
            let length = left.min((until - block) * self.block_bytes);
            let place = match replaced {
                Some(&other) => (u64::from(other) + block - first) * self.block_bytes,
                None => self.place(physical, block)?,
            };
            found.push(place, length)?;
            left -= length;
            block = until;
        }
        Some(())
    }

    /// The runs of the metadata file: place in the file, place in the image, length.
    fn metadata(self, runs: &[(u64, u64, u64)], found: &mut Found) -> Option<()> {
        let mut start = self.first * self.block_bytes;
        let end = start.checked_add(self.length)?;
        while start < end {
            let index = runs.partition_point(|&(logical, ..)| logical <= start);
            let &(logical, place, bytes) = runs.get(index.checked_sub(1)?)?;
            let until = end.min(logical.saturating_add(bytes));
            let length = until.checked_sub(start).filter(|&length| length > 0)?;
            found.push(place.checked_add(start - logical)?, length)?;
            start = until;
        }
        Some(())
    }
}

/// The packets that are replaced.
fn spared(table: &[u8], place: u64) -> Result<BTreeMap<u32, u32>, Fault> {
    /// Packets that are free, or not to be used.
    const FREE: u32 = 0xffff_fff0;
    Tag::read(table).map_err(|fault| fault.within(place))?;
    let view = View(table);
    let wrong = || Fault::new(place, "read a sparing table", "it is none");
    if identifier(view, 16) != b"*UDF Sparing Table" {
        return Err(wrong());
    }
    let count = usize::from(view.u16(48, Little)?);
    let mut spared = BTreeMap::new();
    for index in 0..count {
        let at = 56 + index * 8;
        let (from, to) = (view.u32(at, Little)?, view.u32(at + 4, Little)?);
        if from < FREE {
            spared.insert(from, to);
        }
    }
    Ok(spared)
}
