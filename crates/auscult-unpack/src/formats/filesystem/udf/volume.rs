//! The volume: anchors, the sequence of volume descriptors, the file set (ECMA-167 3/10, 4/14.1).

use super::{
    descriptor::{
        ANCHOR, Address, FILE_SET, INTEGRITY, LOGICAL, LongAddress, PARTITION, POINTER, PRIMARY,
        TERMINATOR, Tag, identifier, text, time,
    },
    partition::{Partitions, Physical},
};
use crate::{Endian::Little, Extent, Fault, View, formats::support::date::iso_8601};

/// Sizes of a block, those of discs first.
const BLOCK_BYTES: [u64; 7] = [2048, 512, 4096, 1024, 8192, 16_384, 32_768];
/// Descriptors of a sequence, with those that it goes on with elsewhere.
const DESCRIPTORS_MAX: u32 = 4096;

/// What the descriptors say.
pub(super) struct Volume {
    block_bytes: u64,
    /// Bytes that the volume takes up from the start of the image.
    pub(super) length: u64,
    pub(super) partitions: Partitions,
    /// The root directory.
    pub(super) root: Option<LongAddress>,
    revision: u16,
    label: String,
    set: String,
    made_by: String,
    recorded: Option<i64>,
    state: Option<&'static str>,
}

/// The newest descriptor of each kind.
#[derive(Default)]
struct Sequence {
    primary: Option<(u32, Vec<u8>)>,
    logical: Option<(u32, Vec<u8>)>,
    partitions: Vec<(u32, Physical)>,
    /// The last block that belongs to the volume.
    end: u64,
}

/// An extent in sectors of the volume.
#[derive(Clone, Copy)]
struct Range {
    bytes: u32,
    block: u32,
}

impl Range {
    fn read(view: View<'_>, at: usize) -> Result<Self, Fault> {
        Ok(Self { bytes: view.u32(at, Little)?, block: view.u32(at + 4, Little)? })
    }
}

impl Volume {
    /// Reads the descriptors; none where no anchor leads to a logical volume.
    pub(super) fn read(extent: &Extent, faults: &mut Vec<Fault>) -> Option<Self> {
        BLOCK_BYTES.into_iter().find_map(|block_bytes| {
            let anchors = anchors(extent, block_bytes);
            let mut failed = Vec::new();
            let found = anchors.iter().find_map(|(_, ranges)| {
                ranges.iter().find_map(|&range| {
                    let mut told = Vec::new();
                    let volume = Self::of_sequence(extent, block_bytes, range, &mut told);
                    (if volume.is_some() { &mut *faults } else { &mut failed }).append(&mut told);
                    volume
                })
            });
            let mut volume = found?;
            // What a damaged sequence told counts only once another one was good.
            faults.append(&mut failed);
            for (block, ranges) in anchors {
                let ends = ranges.iter().map(|range| {
                    u64::from(range.block) + u64::from(range.bytes).div_ceil(block_bytes)
                });
                let end = ends.chain([block + 1]).max().unwrap_or(0).saturating_mul(block_bytes);
                volume.length = volume.length.max(end.min(extent.len()));
            }
            Some(volume)
        })
    }

    fn of_sequence(
        extent: &Extent,
        block_bytes: u64,
        range: Range,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let sequence = Sequence::read(extent, block_bytes, range, faults)?;
        let (_, logical) = sequence.logical?;
        let view = View(&logical);
        if u64::from(view.u32(212, Little).ok()?) != block_bytes {
            return None;
        }
        let physical: Vec<_> = sequence.partitions.iter().map(|(_, physical)| *physical).collect();
        let length = sequence.end.saturating_mul(block_bytes);
        let image = extent.clamp(0, length);
        let maps_bytes = usize::try_from(view.u32(264, Little).ok()?).ok()?;
        let maps = View(view.bytes(440, maps_bytes).ok()?);
        let mut partitions = Partitions::new(&image, block_bytes, &physical, maps, faults);
        let set = LongAddress::read(view, 248).ok()?;
        let root = root(&image, &mut partitions, set.address, faults);
        let primary = sequence.primary.map(|(_, bytes)| bytes).unwrap_or_default();
        Some(Self {
            block_bytes,
            length,
            partitions,
            root,
            revision: view.u16(240, Little).ok()?,
            label: text(view, 84, 128),
            set: text(View(&primary), 72, 128),
            made_by: String::from_utf8_lossy(identifier(view, 272)).into_owned(),
            recorded: time(View(&primary), 376),
            state: state(&image, block_bytes, Range::read(view, 432).ok()?),
        })
    }

    /// What an engineer wants to know.
    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            ("version", format!("{:x}.{:02x}", self.revision >> 8, self.revision & 0xff)),
            ("block-size", self.block_bytes.to_string()),
            ("partitions", self.partitions.told()),
        ];
        let texts = [("label", &self.label), ("volume-set", &self.set), ("made-by", &self.made_by)];
        for (key, text) in texts {
            if !text.is_empty() {
                attributes.push((key, text.clone()));
            }
        }
        attributes.extend(self.recorded.map(|seconds| ("created", iso_8601(seconds))));
        attributes.extend(self.state.map(|state| ("state", state.to_owned())));
        attributes
    }
}

/// Reads a descriptor whose tag must name the block in which it stands.
fn descriptor(extent: &Extent, block: u64, block_bytes: u64) -> Option<(Tag, bytes::Bytes)> {
    let bytes = extent.read_up_to(block.checked_mul(block_bytes)?, block_bytes).ok()?;
    let tag = Tag::read(&bytes).ok()?;
    (u64::from(tag.block) == block).then_some((tag, bytes))
}

/// The anchors with the main and the reserve sequence that each names. They stand at block 256
/// and at the end; where a disc was not closed, at 512.
fn anchors(extent: &Extent, block_bytes: u64) -> Vec<(u64, [Range; 2])> {
    let blocks = extent.len() / block_bytes;
    let places = [Some(256), blocks.checked_sub(257), blocks.checked_sub(1), Some(512)];
    let mut found: Vec<(u64, [Range; 2])> = Vec::new();
    for block in places.into_iter().flatten() {
        let Some((tag, bytes)) = descriptor(extent, block, block_bytes) else { continue };
        let ranges = [Range::read(View(&bytes), 16), Range::read(View(&bytes), 24)];
        if let (ANCHOR, [Ok(main), Ok(reserve)]) = (tag.kind, ranges) {
            found.push((block, [main, reserve]));
        }
    }
    found
}

impl Sequence {
    fn read(
        extent: &Extent,
        block_bytes: u64,
        range: Range,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let mut sequence = Self::default();
        let (mut block, mut left) = (u64::from(range.block), u64::from(range.bytes) / block_bytes);
        let mut seen = 0;
        while left > 0 && seen < DESCRIPTORS_MAX {
            seen += 1;
            let place = block.saturating_mul(block_bytes);
            let Some((tag, bytes)) = descriptor(extent, block, block_bytes) else {
                let empty = extent.read(place, 16).is_ok_and(|tag| tag.iter().all(|&b| b == 0));
                if empty {
                    break;
                }
                let why = "its checksum or its place is wrong";
                faults.push(Fault::new(place, "read a volume descriptor", why));
                (block, left) = (block + 1, left - 1);
                continue;
            };
            (block, left) = (block + 1, left - 1);
            let number = View(&bytes).u32(16, Little).ok()?;
            match tag.kind {
                TERMINATOR => break,
                POINTER => {
                    let next = Range::read(View(&bytes), 20).ok()?;
                    block = u64::from(next.block);
                    left = u64::from(next.bytes) / block_bytes;
                }
                PRIMARY => newest(&mut sequence.primary, number, &bytes),
                LOGICAL => newest(&mut sequence.logical, number, &bytes),
                PARTITION => sequence.add_partition(number, View(&bytes)).ok()?,
                _ => {}
            }
        }
        let ends = sequence.partitions.iter().map(|(_, physical)| physical.end());
        sequence.end = ends.max().unwrap_or(0);
        Some(sequence)
    }

    fn add_partition(&mut self, number: u32, view: View<'_>) -> Result<(), Fault> {
        let physical = Physical {
            number: view.u16(22, Little)?,
            start: view.u32(188, Little)?,
            blocks: view.u32(192, Little)?,
        };
        let known = self.partitions.iter_mut().find(|(_, known)| known.number == physical.number);
        match known {
            Some(known) if known.0 <= number => *known = (number, physical),
            Some(_) => {}
            None => self.partitions.push((number, physical)),
        }
        Ok(())
    }
}

fn newest(slot: &mut Option<(u32, Vec<u8>)>, number: u32, bytes: &[u8]) {
    if slot.as_ref().is_none_or(|(known, _)| *known <= number) {
        *slot = Some((number, bytes.to_vec()));
    }
}

/// The root directory, from the descriptor of the file set.
fn root(
    image: &Extent,
    partitions: &mut Partitions,
    set: Address,
    faults: &mut Vec<Fault>,
) -> Option<LongAddress> {
    let result = partitions.block(image, set).and_then(|bytes| {
        let tag = Tag::read(&bytes)?;
        if tag.kind != FILE_SET {
            let why = format!("a descriptor of kind {}", tag.kind);
            return Err(Fault::new(0, "read the file set", why));
        }
        LongAddress::read(View(&bytes), 400)
    });
    result.map_err(|fault| faults.push(fault)).ok()
}

/// Whether the volume was closed, from the last integrity descriptor of its sequence.
fn state(image: &Extent, block_bytes: u64, range: Range) -> Option<&'static str> {
    let mut state = None;
    let blocks = (u64::from(range.bytes) / block_bytes).min(u64::from(DESCRIPTORS_MAX));
    for block in (0..blocks).map(|index| u64::from(range.block) + index) {
        let Some((tag, bytes)) = descriptor(image, block, block_bytes) else { break };
        if tag.kind == INTEGRITY {
            let closed = View(&bytes).u32(28, Little).ok()? == 1;
            state = Some(if closed { "closed" } else { "open" });
        }
    }
    state
}
