//! UBI, the volume manager of raw flash (kernel `drivers/mtd/ubi/ubi-media.h`).
//!
//! Each erase block tells which block of which volume it holds; of two copies the one with the
//! higher sequence number counts. The volumes become parts, named by the volume table. Attach-time
//! state (fastmap, wear counts) is not needed, and what older copies held is not shown.

mod table;
#[cfg(test)]
mod tests;
mod volume;

use std::collections::BTreeMap;

use memchr::memmem;

use self::{
    table::Record,
    volume::{Mapped, Volume},
};
use crate::{
    Endian::Big,
    Entry, Extent, Fault, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "ubi", magics: &[Magic::start(b"UBI#\x01\0\0\0")], carve: true, open };

/// Bytes of both headers; the checksum is the last word.
const HEADER_BYTES: u64 = 64;
/// Largest erase block: those of NAND with many bits in a cell.
const ERASE_BLOCK_BYTES_MAX: u64 = 16 << 20;
/// Bytes read at once while the second erase block is looked for.
const WINDOW_BYTES: u64 = 256 << 10;
/// Erase blocks in a row that are bad, blank or of another image inside an area.
const GAP_BLOCKS_MAX: u64 = 64;
/// Volumes from this number on are UBI's own (`UBI_INTERNAL_VOL_START`); the first one is the
/// volume table.
const INTERNAL_VOLUME: u32 = 0x7fff_efff;
/// `UBI_MAX_VOLUMES`.
const VOLUMES_MAX: u32 = 128;
/// Blocks of a volume, at most, before a number counts as damage.
const LOGICAL_MAX: u32 = 1 << 20;

/// What the header of an erase block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EraseHeader {
    volume_header: u64,
    data: u64,
    /// A number that all blocks of an image share, or zero (`image_seq`).
    image_sequence: u32,
}

/// Where the parts of an erase block are.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    block_bytes: u64,
    header: EraseHeader,
}

/// Volumes by their number.
type Volumes = BTreeMap<u32, Volume>;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    let header = image.read(0, HEADER_BYTES)?;
    let header = EraseHeader::parse(&header).ok_or(NotThis)?;
    let block_bytes = block_bytes(image, header).ok_or(NotThis)?;
    let geometry = Geometry { block_bytes, header };
    let (mut volumes, length) = scan(image, geometry);
    let records = volumes.get(&INTERNAL_VOLUME).map(table::read).unwrap_or_default();
    volumes.retain(|&number, _| number < VOLUMES_MAX);
    let mut opened = Opened {
        length,
        attributes: attributes(geometry, &volumes, &records),
        ..Opened::default()
    };
    let blocks = length / block_bytes;
    for (number, volume) in volumes {
        let record = records.get(&number);
        let fallback = || format!("volume{number}").into_bytes();
        let name = record.map(|record| record.name.clone()).filter(|name| !name.is_empty());
        let content = volume.content(image, number, record, blocks, &mut opened.faults);
        opened.entries.push(Entry::part(name.unwrap_or_else(fallback), content));
    }
    if opened.entries.is_empty() {
        opened.faults.push(Fault::new(0, "list volumes", "no volume has any data"));
    }
    Ok(opened)
}

fn attributes(
    geometry: Geometry,
    volumes: &Volumes,
    records: &BTreeMap<u32, Record>,
) -> Vec<(&'static str, String)> {
    let mut attributes = vec![
        ("erase-block", geometry.block_bytes.to_string()),
        ("data-offset", geometry.header.data.to_string()),
        ("image-sequence", format!("{:#010x}", geometry.header.image_sequence)),
    ];
    let mut about: BTreeMap<u32, String> =
        records.iter().map(|(&number, record)| (number, record.to_string())).collect();
    for (&number, volume) in volumes {
        about.entry(number).or_insert_with(|| format!("{} and not in the table", volume.kind()));
    }
    let about: Vec<_> = about.iter().map(|(number, about)| format!("{number}: {about}")).collect();
    attributes.push(("volumes", about.join("; ")));
    attributes
}

impl EraseHeader {
    /// Reads a header with a right checksum.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let view = checked_header(bytes, *b"UBI#")?;
        let volume_header = u64::from(view.u32(16, Big).ok()?);
        let data = u64::from(view.u32(20, Big).ok()?);
        let image_sequence = view.u32(24, Big).ok()?;
        let fits = volume_header >= HEADER_BYTES
            && data >= volume_header + HEADER_BYTES
            && data < ERASE_BLOCK_BYTES_MAX;
        fits.then_some(Self { volume_header, data, image_sequence })
    }

    /// Whether a block with this other header is of the same image. Tools of old write no number.
    fn is_of(self, other: Self) -> bool {
        let places = (self.volume_header, self.data) == (other.volume_header, other.data);
        let (one, two) = (self.image_sequence, other.image_sequence);
        places && (one == two || one == 0 || two == 0)
    }
}

/// Checks a header with this magic: the checksum starts inverted and is not inverted at the end.
fn checked_header(bytes: &[u8], magic: [u8; 4]) -> Option<View<'_>> {
    let view = View(bytes);
    let signed = view.bytes(0, 60).ok()?;
    let stored = view.u32(60, Big).ok()?;
    (bytes.starts_with(&magic) && agrees(stored, !Crc32::of(signed))).then_some(view)
}

/// The size of an erase block: the distance to the next header. Nothing tells it otherwise, and it
/// is no power of two on some chips. A lone block is as long as the image.
fn block_bytes(image: &Extent, header: EraseHeader) -> Option<u64> {
    let end = image.len().min(ERASE_BLOCK_BYTES_MAX + HEADER_BYTES);
    let mut position = header.data;
    while position < end {
        let window = image.read_up_to(position, WINDOW_BYTES + HEADER_BYTES).ok()?;
        for at in memmem::find_iter(&window, b"UBI#\x01\0\0\0") {
            let offset = position + u64::try_from(at).unwrap_or(u64::MAX);
            let other = window.get(at..).and_then(EraseHeader::parse);
            let same = other.is_some_and(|other| {
                (other.volume_header, other.data) == (header.volume_header, header.data)
            });
            // Flash is written in units of at least eight bytes.
            if same && offset > header.data && offset.is_multiple_of(8) {
                return Some(offset);
            }
        }
        position += WINDOW_BYTES;
    }
    let lone = image.len();
    (lone.is_power_of_two() && lone > header.data && lone <= ERASE_BLOCK_BYTES_MAX).then_some(lone)
}

/// Reads all erase blocks; the area ends with the last that has a header of this image.
fn scan(image: &Extent, geometry: Geometry) -> (Volumes, u64) {
    let mut volumes = Volumes::new();
    let (mut place, mut end) = (0, 0);
    while place < image.len() && place - end <= GAP_BLOCKS_MAX * geometry.block_bytes {
        let header = image.read(place, HEADER_BYTES).ok();
        let header = header.and_then(|header| EraseHeader::parse(&header));
        if header.is_some_and(|header| header.is_of(geometry.header)) {
            end = place + geometry.block_bytes;
            add_block(image, geometry, place, &mut volumes);
        }
        place += geometry.block_bytes;
    }
    (volumes, end)
}

/// Adds the block at `place` to its volume. A free block has no volume header.
fn add_block(image: &Extent, geometry: Geometry, place: u64, volumes: &mut Volumes) {
    let Ok(header) = image.read(place + geometry.header.volume_header, HEADER_BYTES) else {
        return;
    };
    let Some(view) = checked_header(&header, *b"UBI!") else { return };
    let number = |offset| view.u32(offset, Big).unwrap_or(u32::MAX);
    let (volume, logical) = (number(8), number(12));
    if logical >= LOGICAL_MAX {
        return;
    }
    let length = (geometry.block_bytes - geometry.header.data).saturating_sub(number(28).into());
    let mapped = Mapped {
        place,
        sequence: view.u64(40, Big).unwrap_or(0),
        is_static: view.u8(5).is_ok_and(|kind| kind == volume::STATIC),
        is_copy: view.u8(6).is_ok_and(|copy| copy != 0),
        data_bytes: number(20),
        blocks_used: number(24),
        checksum: number(32),
        data: image.clamp(place + geometry.header.data, length),
    };
    volumes.entry(volume).or_default().add(logical, mapped);
}
