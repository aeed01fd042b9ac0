//! The second and third versions: two levels of tables, of which the second may tell of the parts
//! of a cluster, clusters packed by deflate or Zstandard, snapshots.

use std::collections::HashSet;

use super::{SIZE_MAX, backing_file, opened, packed, unread};
use crate::{
    Endian::Big,
    Extent, Fault, View,
    codec::BlockCodec,
    format::{NotThis, Opened},
    formats::disk::assembly::Assembly,
};

/// Incompatible features of the third version.
const FEATURE_DIRTY: u64 = 0x1;
const FEATURE_CORRUPT: u64 = 0x2;
const FEATURE_EXTERNAL: u64 = 0x4;
const FEATURE_EXTENDED: u64 = 0x10;
const FEATURES_KNOWN: u64 = 0x1f;
/// Bits of an entry: the place, packed, all zeros.
const PLACE_MASK: u64 = 0x00ff_ffff_ffff_fe00;
const PACKED: u64 = 1 << 62;
const ZERO: u64 = 1;
/// Parts of a cluster in an extended table.
const PARTS: u64 = 32;
/// Snapshots that are named.
const SNAPSHOTS_MAX: u32 = 64;

struct Header {
    size: u64,
    cluster_log: u32,
    table: u64,
    table_entries: u64,
    counts: u64,
    counts_clusters: u64,
    features: u64,
    codec: BlockCodec,
    backed: bool,
}

impl Header {
    fn cluster_bytes(&self) -> u64 {
        1 << self.cluster_log
    }

    fn is_extended(&self) -> bool {
        self.features & FEATURE_EXTENDED != 0
    }

    fn entry_bytes(&self) -> u64 {
        if self.is_extended() { 16 } else { 8 }
    }

    fn parse(head: View<'_>) -> Result<Option<Self>, Fault> {
        let version = head.u32(4, Big)?;
        let features = if version == 3 { head.u64(72, Big)? } else { 0 };
        let header_bytes = if version == 3 { head.u32(100, Big)? } else { 72 };
        let packing = if header_bytes > 104 { head.u8(104)? } else { 0 };
        let header = Self {
            size: head.u64(24, Big)?,
            cluster_log: head.u32(20, Big)?,
            table: head.u64(40, Big)?,
            table_entries: head.u32(36, Big)?.into(),
            counts: head.u64(48, Big)?,
            counts_clusters: head.u32(56, Big)?.into(),
            features,
            codec: if packing == 1 { BlockCodec::Zstd } else { BlockCodec::Deflate },
            backed: head.u64(8, Big)? != 0,
        };
        let fits = (9..=21).contains(&header.cluster_log)
            && header.size < SIZE_MAX
            && header_bytes >= 72
            && u64::from(header_bytes) <= header.cluster_bytes()
            && packing <= 1
            && header.table.is_multiple_of(header.cluster_bytes())
            && header.counts.is_multiple_of(header.cluster_bytes())
            && header.counts > 0
            // The table has at least an entry for each so many bytes.
            && header.size.div_ceil(header.span()) <= header.table_entries;
        Ok(fits.then_some(header))
    }

    /// Bytes of the disk that an entry of the first table stands for.
    fn span(&self) -> u64 {
        self.cluster_bytes() * (self.cluster_bytes() / self.entry_bytes())
    }
}

pub(super) fn open(image: &Extent, head: View<'_>) -> Result<Opened, NotThis> {
    let header = Header::parse(head)?.ok_or(NotThis)?;
    let mut faults = Vec::new();
    let backing = backing_file(image, head).unwrap_or_else(|fault| {
        faults.push(fault);
        String::new()
    });
    let attributes = attributes(image, head, &header, &backing)?;
    let reason = match head.u32(32, Big)? {
        0 if header.features & FEATURE_EXTERNAL != 0 => {
            "not extracted: its data is in another file"
        }
        0 if header.features & !FEATURES_KNOWN != 0 => "not extracted: unknown features",
        0 => "",
        1 => "encrypted (AES)",
        2 => "encrypted (LUKS)",
        _ => return Err(NotThis),
    };
    if !reason.is_empty() {
        return Ok(unread(image, attributes, reason));
    }
    if header.features & FEATURE_CORRUPT != 0 {
        faults.push(Fault::new(72, "read the disk", "it is marked as corrupt"));
    }
    let mut disk = Assembly::new(image, header.size);
    if let Err(fault) = read(image, &header, &mut disk) {
        disk.missing(disk.left(), fault);
    }
    used_by_counts(image, &header, &mut disk);
    for at in [40, 64] {
        disk.used(head.u64(at, Big)?, 1);
    }
    let disk = disk.finish();
    let mut opened = opened(attributes, disk, &backing, faults);
    // The file is made of whole clusters, but for the last one.
    if opened.length < image.len() {
        opened.length = opened.length.next_multiple_of(header.cluster_bytes()).min(image.len());
    }
    Ok(opened)
}

fn attributes(
    image: &Extent,
    head: View<'_>,
    header: &Header,
    backing: &str,
) -> Result<Vec<(&'static str, String)>, Fault> {
    let codec = if header.codec == BlockCodec::Zstd { "zstd" } else { "zlib" };
    let mut attributes = vec![
        ("version", head.u32(4, Big)?.to_string()),
        ("size", header.size.to_string()),
        ("cluster-size", header.cluster_bytes().to_string()),
        ("compression", codec.to_owned()),
    ];
    if !backing.is_empty() {
        attributes.push(("backing-file", backing.to_owned()));
    }
    if header.features & FEATURE_DIRTY != 0 {
        attributes.push(("state", "dirty".to_owned()));
    }
    let snapshots = snapshots(image, head).unwrap_or_default();
    if !snapshots.is_empty() {
        attributes.push(("snapshots", snapshots.join(", ")));
    }
    Ok(attributes)
}

/// Names of the snapshots: each record has a fixed part, more data, its number and its name.
fn snapshots(image: &Extent, head: View<'_>) -> Result<Vec<String>, Fault> {
    let (count, mut place) = (head.u32(60, Big)?, head.u64(64, Big)?);
    let mut names = Vec::new();
    for _ in 0..count.min(SNAPSHOTS_MAX) {
        let record = image.read(place, 40)?;
        let view = View(&record);
        let (number, name) = (u64::from(view.u16(12, Big)?), u64::from(view.u16(14, Big)?));
        let more = u64::from(view.u32(36, Big)?);
        let at = place.saturating_add(40 + more + number);
        names.push(String::from_utf8_lossy(&image.read(at, name)?).into_owned());
        place = at.saturating_add(name).next_multiple_of(8);
    }
    Ok(names)
}

fn read(image: &Extent, header: &Header, disk: &mut Assembly<'_>) -> Result<(), Fault> {
    let entries = header.size.div_ceil(header.span());
    disk.used(header.table, header.table_entries * 8);
    let bytes = image.read(header.table, entries * 8)?;
    let (words, _) = bytes.as_chunks::<8>();
    let mut visited = HashSet::new();
    for word in words {
        let place = u64::from_be_bytes(*word) & PLACE_MASK;
        if place == 0 {
            absent(header, disk, header.span());
            continue;
        }
        let table = image.read(place, header.cluster_bytes()).and_then(|table| {
            let twice = || Fault::new(place, "read a table", "it is used twice");
            visited.insert(place).then_some(table).ok_or_else(twice)
        });
        match table {
            Ok(table) => {
                disk.used(place, header.cluster_bytes());
                clusters(image, header, &table, disk);
            }
            Err(fault) => disk.missing(header.span(), fault),
        }
    }
    Ok(())
}

/// What has no cluster is in the backing file, or is zeros.
fn absent(header: &Header, disk: &mut Assembly<'_>, length: u64) {
    if header.backed {
        disk.elsewhere(length);
    } else {
        disk.zeros(length);
    }
}

fn clusters(image: &Extent, header: &Header, table: &[u8], disk: &mut Assembly<'_>) {
    let cluster_bytes = header.cluster_bytes();
    let entry_bytes = usize::try_from(header.entry_bytes()).unwrap_or(8);
    for entry in table.chunks_exact(entry_bytes) {
        if disk.left() == 0 {
            return;
        }
        let view = View(entry);
        let word = view.u64(0, Big).unwrap_or(0);
        let place = word & PLACE_MASK;
        if word & PACKED != 0 {
            // The number of further sectors stands above the place.
            let shift = 62 - (header.cluster_log - 8);
            let place = word & ((1 << shift) - 1);
            let sectors = (word & (PACKED - 1)) >> shift;
            let length = (sectors + 1) * 512 - place % 512;
            disk.used(place, length);
            disk.derived(&packed(image, place, length, header.codec, cluster_bytes));
        } else if header.is_extended() {
            parts(header, place, view.u64(8, Big).unwrap_or(0), disk);
        } else if word & ZERO != 0 {
            disk.zeros(cluster_bytes);
        } else if place == 0 {
            absent(header, disk, cluster_bytes);
        } else {
            disk.stored(place, cluster_bytes);
        }
    }
}

/// The parts of a cluster: the lower half of a word tells which are stored, the upper half which
/// are zeros.
fn parts(header: &Header, place: u64, word: u64, disk: &mut Assembly<'_>) {
    let part_bytes = header.cluster_bytes() / PARTS;
    for part in 0..PARTS {
        if word >> part & 1 == 1 {
            disk.stored(place.saturating_add(part * part_bytes), part_bytes);
        } else if word >> (part + PARTS) & 1 == 1 {
            disk.zeros(part_bytes);
        } else {
            absent(header, disk, part_bytes);
        }
    }
}

/// The blocks that count references belong to the file, too.
fn used_by_counts(image: &Extent, header: &Header, disk: &mut Assembly<'_>) {
    let length = header.counts_clusters.saturating_mul(header.cluster_bytes());
    disk.used(header.counts, length);
    let Ok(bytes) = image.read_up_to(header.counts, length.min(image.len())) else { return };
    let (words, _) = bytes.as_chunks::<8>();
    for word in words {
        let place = u64::from_be_bytes(*word) & PLACE_MASK;
        if place != 0 {
            disk.used(place, header.cluster_bytes());
        }
    }
}
