//! Super images: the dynamic partitions of Android 10 and later (`liblp/metadata_format.h` of AOSP).
//!
//! Of the slots of metadata the first one whose digests hold is used; a partition is the extents that
//! it lists. The layers that snapshots put over partitions during an update are not applied.

use std::ops::Range;

use crate::{
    Endian::Little,
    Entry, Extent, Fault, View,
    checksum::agrees,
    digest,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{Layout, sanitize, text_of},
};

pub(in crate::formats::boot) static FORMAT: Format =
    Format { name: "android-super", magics: &[Magic::at(4096, GEOMETRY_MAGIC)], carve: true, open };

const GEOMETRY_MAGIC: &[u8] = b"gDla";
/// `LP_METADATA_HEADER_MAGIC`.
const HEADER_MAGIC: &[u8] = b"0PLA";
/// The first sectors are left to boot sectors; two copies of the geometry follow.
const RESERVED_BYTES: u64 = 4096;
const GEOMETRY_BYTES: u64 = 4096;
const METADATA_BYTES_MAX: u64 = 1 << 20;
const SLOTS_MAX: u64 = 32;
const SECTOR_BYTES: u64 = 512;
const TARGET_LINEAR: u32 = 0;
const TARGET_ZERO: u32 = 1;
/// Places of the digests in the two headers, which count as zero in them.
const GEOMETRY_DIGEST: Range<usize> = 8..40;
const HEADER_DIGEST: Range<usize> = 12..44;

struct Geometry {
    metadata_bytes: u64,
    slots: u64,
}

/// A table of the metadata: its bytes and the size of each entry.
struct Table<'data> {
    bytes: &'data [u8],
    step: usize,
}

struct Metadata {
    version: String,
    partitions: Vec<Partition>,
    groups: Vec<String>,
    /// Size that the metadata gives its device.
    device_bytes: u64,
}

struct Partition {
    name: String,
    attributes: u32,
    group: usize,
    extents: Vec<Piece>,
}

/// A run of sectors.
struct Piece {
    sectors: u64,
    kind: u32,
    place: u64,
    device: u32,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let geometry = geometry(extent).ok_or(NotThis)?;
    let (metadata, mut faults) = first_metadata(extent, &geometry).ok_or(NotThis)?;
    let length = metadata.device_bytes;
    let image = extent.clamp(0, length);
    let mut layout = Layout::new(image.clone());
    layout.consumed(RESERVED_BYTES, 2 * GEOMETRY_BYTES);
    // Each slot has its backup behind all the first copies.
    layout.consumed(slots_at(), 2 * geometry.slots * geometry.metadata_bytes);
    let mut entries = Vec::new();
    let mut budget = image.len().saturating_mul(8);
    for partition in &metadata.partitions {
        for piece in partition.extents.iter().filter(|piece| piece.kind == TARGET_LINEAR) {
            layout.consumed(piece.place.saturating_mul(SECTOR_BYTES), piece.bytes());
        }
        match content(&image, partition, &mut budget) {
            Ok(content) => {
                let name = sanitize(&partition.name).into_bytes();
                entries.extend((!content.is_empty()).then(|| Entry::part(name, content)));
            }
            Err(fault) => faults.push(fault),
        }
    }
    let laid = layout.finish();
    entries.extend(laid.entries);
    faults.extend(laid.faults);
    let told: Vec<String> =
        metadata.partitions.iter().map(|partition| describe(partition, &metadata)).collect();
    let attributes = vec![
        ("metadata-version", metadata.version),
        ("metadata-slots", geometry.slots.to_string()),
        ("partitions", told.join("; ")),
    ];
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

fn slots_at() -> u64 {
    RESERVED_BYTES + 2 * GEOMETRY_BYTES
}

/// The digest of a header, whose own place in it counts as zero.
fn holds(bytes: &[u8], place: Range<usize>) -> bool {
    let mut covered = bytes.to_vec();
    let stored = covered.get(place.clone()).map(<[u8]>::to_vec).unwrap_or_default();
    if let Some(field) = covered.get_mut(place) {
        field.fill(0);
    }
    digest::of("sha256", &covered).is_some_and(|computed| agrees(&stored[..], &computed[..]))
}

fn geometry(extent: &Extent) -> Option<Geometry> {
    (0..2).find_map(|copy| {
        let bytes = extent.read(RESERVED_BYTES + copy * GEOMETRY_BYTES, 4096).ok()?;
        let view = View(&bytes);
        let size = usize::try_from(view.u32(4, Little).ok()?).ok()?;
        if view.bytes(0, 4).ok()? != GEOMETRY_MAGIC || !(52..=4096).contains(&size) {
            return None;
        }
        let geometry = Geometry {
            metadata_bytes: u64::from(view.u32(40, Little).ok()?),
            slots: u64::from(view.u32(44, Little).ok()?),
        };
        let plausible = holds(view.bytes(0, size).ok()?, GEOMETRY_DIGEST)
            && (512..=METADATA_BYTES_MAX).contains(&geometry.metadata_bytes)
            && (1..=SLOTS_MAX).contains(&geometry.slots);
        plausible.then_some(geometry)
    })
}

/// The first slot that can be read, or its backup; the others are told where they cannot.
fn first_metadata(extent: &Extent, geometry: &Geometry) -> Option<(Metadata, Vec<Fault>)> {
    let mut faults = Vec::new();
    for index in 0..2 * geometry.slots {
        let place = slots_at() + index * geometry.metadata_bytes;
        match metadata(extent, place, geometry.metadata_bytes) {
            Ok(metadata) => return Some((metadata, faults)),
            Err(fault) => faults.push(fault),
        }
    }
    None
}

fn metadata(extent: &Extent, place: u64, bytes_max: u64) -> Result<Metadata, Fault> {
    let fault = |why: &str| Fault::new(place, "read a slot of metadata", why);
    let bytes = extent.read(place, bytes_max).map_err(|_| fault("it is past the end"))?;
    let view = View(&bytes);
    let header_bytes = usize::try_from(view.u32(8, Little)?).unwrap_or(usize::MAX);
    let (major, minor) = (view.u16(4, Little)?, view.u16(6, Little)?);
    if view.bytes(0, 4)? != HEADER_MAGIC || major != 10 || !(128..=4096).contains(&header_bytes) {
        return Err(fault("its magic or its version is unknown"));
    }
    let tables_bytes = usize::try_from(view.u32(44, Little)?).unwrap_or(usize::MAX);
    let tables = view.bytes(header_bytes, tables_bytes)?;
    let digest = digest::of("sha256", tables).unwrap_or_default();
    if !holds(view.bytes(0, header_bytes)?, HEADER_DIGEST)
        || !agrees(view.bytes(48, 32)?, &digest[..])
    {
        return Err(fault("its digest is wrong"));
    }
    let pieces = pieces(&table(view, tables, 92, 24)?)?;
    let groups = table(view, tables, 104, 48)?;
    let devices = table(view, tables, 116, 64)?;
    let device = View(devices.entries().next().ok_or_else(|| fault("it names no device"))?);
    let mut metadata = Metadata {
        version: format!("{major}.{minor}"),
        partitions: Vec::new(),
        groups: groups.entries().map(|entry| name_of(View(entry))).collect::<Result<_, _>>()?,
        device_bytes: device.u64(16, Little)?,
    };
    let mut pieces: Vec<Option<Piece>> = pieces.into_iter().map(Some).collect();
    for entry in table(view, tables, 80, 52)?.entries() {
        metadata.partitions.push(partition(View(entry), &mut pieces, place)?);
    }
    Ok(metadata)
}

/// The table whose descriptor stands at this place of the header.
fn table<'data>(
    header: View<'_>,
    tables: &'data [u8],
    at: usize,
    entry_bytes_min: usize,
) -> Result<Table<'data>, Fault> {
    let word = |at| Ok::<_, Fault>(usize::try_from(header.u32(at, Little)?).unwrap_or(usize::MAX));
    let (offset, count, step) = (word(at)?, word(at + 4)?, word(at + 8)?);
    let fault = || Fault::new(0, "read a table of the metadata", "its size is impossible");
    if step < entry_bytes_min {
        return Err(fault());
    }
    let length = count.checked_mul(step).ok_or_else(fault)?;
    Ok(Table { bytes: View(tables).bytes(offset, length)?, step })
}

impl<'data> Table<'data> {
    fn entries(&self) -> std::slice::ChunksExact<'data, u8> {
        self.bytes.chunks_exact(self.step)
    }
}

impl Piece {
    fn bytes(&self) -> u64 {
        self.sectors.saturating_mul(SECTOR_BYTES)
    }
}

fn name_of(view: View<'_>) -> Result<String, Fault> {
    Ok(text_of(view.text(0, 36)?))
}

fn pieces(table: &Table<'_>) -> Result<Vec<Piece>, Fault> {
    let piece = |entry| {
        let view = View(entry);
        Ok(Piece {
            sectors: view.u64(0, Little)?,
            kind: view.u32(8, Little)?,
            place: view.u64(12, Little)?,
            device: view.u32(20, Little)?,
        })
    };
    table.entries().map(piece).collect()
}

/// A partition takes its extents; no extent belongs to two.
fn partition(view: View<'_>, pieces: &mut [Option<Piece>], place: u64) -> Result<Partition, Fault> {
    let word = |at| Ok::<_, Fault>(usize::try_from(view.u32(at, Little)?).unwrap_or(usize::MAX));
    let (first, count) = (word(40)?, word(44)?);
    let own = first.checked_add(count).and_then(|end| pieces.get_mut(first..end));
    let fault = |why: &str| Fault::new(place, "read a partition's extents", why);
    let own = own.ok_or_else(|| fault("they are not in the table"))?;
    let extents: Option<Vec<Piece>> = own.iter_mut().map(Option::take).collect();
    Ok(Partition {
        name: name_of(view)?,
        attributes: view.u32(36, Little)?,
        group: word(48)?,
        extents: extents.ok_or_else(|| fault("another partition has them"))?,
    })
}

fn content(image: &Extent, partition: &Partition, budget: &mut u64) -> Result<Extent, Fault> {
    let vault = image.vault();
    let fault =
        |why: String| Fault::new(0, format!("read partition {} whole", partition.name), why);
    let mut parts = Vec::new();
    for piece in &partition.extents {
        let bytes = piece.bytes();
        match (piece.kind, piece.device) {
            (TARGET_ZERO, _) => {
                let limit = vault.limits().derived_bytes;
                if bytes > limit {
                    return Err(fault(format!("{bytes} zeros (limit derived-bytes)")));
                }
                parts.push(Extent::zeros(vault, bytes));
            }
            (TARGET_LINEAR, 0) => {
                let place = piece.place.saturating_mul(SECTOR_BYTES);
                let there = image.clamp(place, bytes);
                *budget = budget
                    .checked_sub(there.len())
                    .ok_or_else(|| fault("extents lie over each other too often".to_owned()))?;
                let missing = bytes - there.len();
                parts.push(there);
                if missing > 0 {
                    let why = fault(format!("{missing} bytes are past the end"));
                    parts.push(Extent::missing(vault, missing, why));
                }
            }
            (TARGET_LINEAR, device) => {
                return Err(fault(format!("a part of it is on device {device}")));
            }
            (kind, _) => return Err(fault(format!("an extent of kind {kind}"))),
        }
    }
    Ok(Extent::joined(vault, parts))
}

fn describe(partition: &Partition, metadata: &Metadata) -> String {
    let bytes =
        partition.extents.iter().fold(0_u64, |sum, piece| sum.saturating_add(piece.bytes()));
    let group = metadata.groups.get(partition.group).map_or("?", String::as_str);
    let readonly = if partition.attributes & 1 != 0 { ", read-only" } else { "" };
    format!("{} ({bytes} bytes, group {group}{readonly})", partition.name)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use sha2::{Digest as _, Sha256};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn name(text: &str) -> Vec<u8> {
        let mut field = text.as_bytes().to_vec();
        field.resize(36, 0);
        field
    }

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// Puts the digest of a header into its place.
    fn sealed(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
        let digest = Sha256::digest(&bytes);
        bytes[at..at + 32].copy_from_slice(&digest);
        bytes
    }

    /// A slot of metadata with a partition in two extents and an empty one.
    fn metadata(device_bytes: u32) -> Vec<u8> {
        let partition = |text, first, count| [name(text), words(&[1, first, count, 0])].concat();
        let partitions = [partition("system_a", 0, 2), partition("system_b", 2, 0)].concat();
        let extents = words(&[2, 0, 0, 56, 0, 0, 1, 0, 0, 60, 0, 0]);
        let groups = [name("main"), words(&[0, 0, 0])].concat();
        let devices = [words(&[48, 0, 0, 0, device_bytes, 0]), name("super"), words(&[0])].concat();
        let (mut descriptors, mut at) = (Vec::new(), 0);
        for (table, count, step) in
            [(&partitions, 2, 52), (&extents, 2, 24), (&groups, 1, 48), (&devices, 1, 64)]
        {
            descriptors.extend(words(&[at, count, step]));
            at += u32::try_from(table.len()).unwrap();
        }
        let tables = [partitions, extents, groups, devices].concat();
        let mut header = b"0PLA\x0a\0\x02\0".to_vec();
        header.extend(words(&[128]));
        header.resize(44, 0);
        header.extend(words(&[u32::try_from(tables.len()).unwrap()]));
        header.extend(Sha256::digest(&tables));
        header.extend(descriptors);
        [sealed(header, 12), tables].concat()
    }

    fn image() -> Vec<u8> {
        let mut geometry = b"gDla".to_vec();
        geometry.extend(words(&[52]));
        geometry.resize(40, 0);
        geometry.extend(words(&[1024, 1, 4096]));
        let geometry = sealed(geometry, 8);
        let mut bytes = vec![0; 4096];
        for _ in 0..2 {
            bytes.extend(&geometry);
            bytes.resize(bytes.len().next_multiple_of(4096), 0);
        }
        for _ in 0..2 {
            bytes.extend(metadata(64 * 512));
            bytes.resize(bytes.len().next_multiple_of(1024), 0);
        }
        bytes.resize(56 * 512, 0);
        bytes.extend([0x81; 1024]);
        bytes.extend([0x83; 1024]);
        bytes.extend([0x82; 512]);
        bytes.resize(64 * 512, 0);
        bytes
    }

    #[test]
    fn a_partition_is_put_together_from_its_extents() {
        let tree = Tree::from_bytes(image(), &Limits::default());
        let (part, _) =
            tree.resolve(&"image@0x0/android-super:/system_a".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), [[0x81; 1024].as_slice(), &[0x82; 512]].concat());
        assert!(locators(&tree).contains(&"image@0x0/android-super:/gap-0x7400".to_owned()));
        let partitions = attribute(&tree, "android-super", "partitions").unwrap();
        assert!(partitions.starts_with("system_a (1536 bytes, group main, read-only)"));
        assert_eq!(tree.problems(), []);
        assert_eq!(tree.coverage().bytes_unread, 1536 + 1024);
    }

    #[test]
    fn the_backup_of_damaged_metadata_is_read() {
        let mut bytes = image();
        bytes[12_288 + 200] ^= 1;
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert!(attribute(&tree, "android-super", "partitions").is_some());
        assert!(tree.problems()[0].why.contains("digest"));
        bytes[13_312 + 200] ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(attribute(&tree, "android-super", "partitions").is_none());
        let small = image();
        for length in (0..small.len()).step_by(509) {
            Tree::from_bytes(small[..length].to_vec(), &Limits::default());
        }
        check(&small[4096..4200], 60);
    }
}
