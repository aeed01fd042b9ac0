//! Sparse extents: a header, the descriptor, a directory of tables of grains.

use std::collections::HashSet;

use super::{SECTOR_BYTES, descriptor, stream};
use crate::{
    Derive,
    Endian::Little,
    Entry, Extent, Fault, Sink, View,
    codec::{BlockCodec, decode_prefix},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::disk::assembly::{Assembled, Assembly, parent_fault},
};

pub(crate) static FORMAT: Format =
    Format { name: "vmdk", magics: &[Magic::start(b"KDMV")], carve: true, open };

/// `flags`: grains of zeros are marked, grains are packed, markers stand between them.
const FLAG_ZEROS: u32 = 1 << 2;
const FLAG_PACKED: u32 = 1 << 16;
const FLAG_MARKERS: u32 = 1 << 17;
/// The entry of a grain of zeros.
const ZERO_GRAIN: u32 = 1;
/// Bytes in front of a packed grain: its place on the disk, and its length.
pub(super) const GRAIN_HEADER_BYTES: u64 = 12;
/// Largest disk that is believed.
const SIZE_MAX: u64 = 1 << 60;

/// `SparseExtentHeader`; places and lengths in sectors.
pub(super) struct Header {
    flags: u32,
    pub(super) capacity: u64,
    pub(super) grain: u64,
    descriptor: u64,
    descriptor_sectors: u64,
    pub(super) per_table: u64,
    directory: u64,
    pub(super) overhead: u64,
}

impl Header {
    pub(super) fn parse(view: View<'_>) -> Result<Option<Self>, Fault> {
        let u64_at = |offset| view.u64(offset, Little);
        let header = Self {
            flags: view.u32(8, Little)?,
            capacity: u64_at(12)?,
            grain: u64_at(20)?,
            descriptor: u64_at(28)?,
            descriptor_sectors: u64_at(36)?,
            per_table: view.u32(44, Little)?.into(),
            directory: u64_at(56)?,
            overhead: u64_at(64)?,
        };
        // The line ends show transfers that change text; packing is by deflate or not at all.
        let fits = (1..=3).contains(&view.u32(4, Little)?)
            && view.bytes(73, 4)? == b"\n \r\n"
            && view.u16(77, Little)? <= 1
            && header.capacity <= SIZE_MAX / SECTOR_BYTES
            && header.grain.is_power_of_two()
            && (1..=8192).contains(&header.grain)
            && (1..=65_536).contains(&header.per_table)
            && header.descriptor_sectors <= 2048;
        Ok(fits.then_some(header))
    }

    pub(super) fn is_packed(&self) -> bool {
        self.flags & FLAG_PACKED != 0
    }

    pub(super) fn grain_bytes(&self) -> u64 {
        self.grain * SECTOR_BYTES
    }

    /// Bytes of the disk that a table stands for.
    fn span(&self) -> u64 {
        self.grain_bytes() * self.per_table
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    let head = image.read(0, 512)?;
    let header = Header::parse(View(&head))?.ok_or(NotThis)?;
    let mut found = descriptor::Descriptor::default();
    if header.descriptor > 0 {
        let place = header.descriptor.saturating_mul(SECTOR_BYTES);
        let text = image.read_up_to(place, header.descriptor_sectors * SECTOR_BYTES)?;
        found = descriptor::parse(&text);
    }
    let size = header.capacity * SECTOR_BYTES;
    let mut attributes =
        vec![("size", size.to_string()), ("grain-size", header.grain_bytes().to_string())];
    attributes.extend(found.attributes);
    let mut disk = Assembly::new(image, size);
    disk.used(0, header.overhead.saturating_mul(SECTOR_BYTES));
    disk.used(
        header.descriptor.saturating_mul(SECTOR_BYTES),
        header.descriptor_sectors * SECTOR_BYTES,
    );
    let has_parent = found.parent.is_some();
    let read = if header.flags & FLAG_MARKERS != 0 {
        stream::read(image, &header, &mut disk)
    } else {
        read(image, &header, has_parent, &mut disk)
    };
    if let Err(fault) = read {
        disk.missing(disk.left(), fault);
    }
    let Assembled { content, end, elsewhere, faults } = disk.finish();
    let mut opened = Opened {
        length: end.next_multiple_of(SECTOR_BYTES).min(end.max(image.len())),
        attributes,
        entries: vec![Entry::part("disk", content)],
        faults,
        unread: None,
    };
    let parent = format!("{:?}", found.parent.unwrap_or_default());
    opened.faults.extend(parent_fault(elsewhere, &parent));
    Ok(opened)
}

fn read(
    image: &Extent,
    header: &Header,
    has_parent: bool,
    disk: &mut Assembly<'_>,
) -> Result<(), Fault> {
    let tables = disk.left().div_ceil(header.span());
    let place = header.directory.saturating_mul(SECTOR_BYTES);
    let length = tables.saturating_mul(4);
    disk.used(place, length);
    let directory = image.read(place, length)?;
    let (words, _) = directory.as_chunks::<4>();
    let mut visited = HashSet::new();
    for word in words {
        let sector = u64::from(u32::from_le_bytes(*word));
        if sector == 0 {
            absent(has_parent, header.span(), disk);
            continue;
        }
        let place = sector * SECTOR_BYTES;
        let table = image.read(place, header.per_table * 4).and_then(|table| {
            let twice = || Fault::new(place, "read a table", "it is used twice");
            visited.insert(place).then_some(table).ok_or_else(twice)
        });
        match table {
            Ok(table) => {
                disk.used(place, header.per_table * 4);
                grains(image, header, &table, has_parent, disk);
            }
            Err(fault) => disk.missing(header.span(), fault),
        }
    }
    Ok(())
}

fn absent(has_parent: bool, length: u64, disk: &mut Assembly<'_>) {
    if has_parent {
        disk.elsewhere(length);
    } else {
        disk.zeros(length);
    }
}

fn grains(
    image: &Extent,
    header: &Header,
    table: &[u8],
    has_parent: bool,
    disk: &mut Assembly<'_>,
) {
    let (words, _) = table.as_chunks::<4>();
    for word in words {
        if disk.left() == 0 {
            return;
        }
        match u32::from_le_bytes(*word) {
            0 => absent(has_parent, header.grain_bytes(), disk),
            ZERO_GRAIN if header.flags & FLAG_ZEROS != 0 => disk.zeros(header.grain_bytes()),
            sector => {
                let place = u64::from(sector) * SECTOR_BYTES;
                if header.is_packed() {
                    packed(image, header, place, disk);
                } else {
                    disk.used(place, header.grain_bytes());
                    disk.stored(place, header.grain_bytes());
                }
            }
        }
    }
}

/// Adds a packed grain, whose place on the disk is known already.
pub(super) fn packed(image: &Extent, header: &Header, place: u64, disk: &mut Assembly<'_>) {
    let length = image.read(place, GRAIN_HEADER_BYTES).and_then(|head| View(&head).u32(8, Little));
    let source = length.and_then(|length| {
        disk.used(place, GRAIN_HEADER_BYTES + u64::from(length));
        let missing = || Fault::new(place, "find a grain", "it is not all there");
        image.slice(place + GRAIN_HEADER_BYTES, length.into()).ok_or_else(missing)
    });
    match source {
        Ok(source) => {
            // The last grain may be packed without what is behind the end of the disk.
            let bytes = header.grain_bytes().min(disk.left());
            let length = usize::try_from(bytes).unwrap_or(0);
            let grain = Extent::derived(image.vault(), bytes, Grain { source, length });
            disk.derived(&grain);
        }
        Err(fault) => disk.missing(header.grain_bytes(), fault),
    }
}

/// A packed grain that is unpacked when read.
struct Grain {
    source: Extent,
    length: usize,
}

impl Derive for Grain {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        sink.push(&decode_prefix(BlockCodec::Zlib, &self.source.read_all()?, self.length)?)
    }

    fn input_bytes(&self) -> u64 {
        self.source.weight()
    }
}
