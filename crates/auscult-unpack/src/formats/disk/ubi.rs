//! UBI, the volume manager of raw flash (kernel `drivers/mtd/ubi/ubi-media.h`).
//!
//! Each erase block tells which block of which volume it holds; of two copies the one with the
//! higher sequence number counts. The volumes become parts, named by the volume table. Attach-time
//! state (fastmap, wear counts) is not needed.

use std::collections::BTreeMap;

use crate::{
    Derive,
    Endian::Big,
    Entry, Extent, Fault, Sink, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "ubi", magics: &[Magic::start(b"UBI#\x01\0\0\0")], carve: true, open };

/// Bytes of both headers; the checksum is the last word.
const HEADER_BYTES: u64 = 64;
/// Erase blocks are of a power of two in this range.
const ERASE_BLOCK_BYTES: [u64; 9] =
    [16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20];
/// Volumes from this number on are UBI's own; the first one is the volume table.
const INTERNAL_VOLUME: u32 = 0x7fff_efff;
/// Bytes of a record of the volume table, and how many there may be.
const RECORD_BYTES: usize = 172;
const VOLUMES_MAX: u32 = 128;
/// Blocks of a volume that nothing was written to, at most, before it counts as damage.
const LOGICAL_MAX: u32 = 1 << 20;

/// Where the parts of an erase block are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Geometry {
    block_bytes: u64,
    volume_header: u64,
    data: u64,
}

/// A block of a volume and where its bytes are.
struct Mapped {
    sequence: u64,
    data: Extent,
}

/// Blocks by volume and place in it.
type Volumes = BTreeMap<u32, BTreeMap<u32, Mapped>>;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    let (volume_header, data) = erase_header(image, 0).ok_or(NotThis)?;
    // The next header is one erase block away; a lone block is as long as the image.
    let block_bytes = ERASE_BLOCK_BYTES
        .into_iter()
        .filter(|&bytes| bytes > data)
        .find(|&bytes| erase_header(image, bytes).is_some())
        .or_else(|| ERASE_BLOCK_BYTES.into_iter().find(|&bytes| bytes == image.len()));
    let geometry = Geometry { block_bytes: block_bytes.ok_or(NotThis)?, volume_header, data };
    let (volumes, length) = scan(image, geometry);
    let names = volumes.get(&INTERNAL_VOLUME).map(volume_names).unwrap_or_default();
    let mut opened = Opened {
        length,
        attributes: vec![
            ("erase-block", geometry.block_bytes.to_string()),
            ("data-offset", data.to_string()),
        ],
        ..Opened::default()
    };
    for (&volume, blocks) in volumes.range(..VOLUMES_MAX) {
        let fallback = || format!("volume{volume}").into_bytes();
        let name = names.get(&volume).filter(|name| !name.is_empty());
        let content = volume_content(image, blocks, geometry, volume, &mut opened.faults);
        opened.entries.push(Entry::part(name.cloned().unwrap_or_else(fallback), content));
    }
    if opened.entries.is_empty() {
        opened.faults.push(Fault::new(0, "list volumes", "no volume has any data"));
    }
    Ok(opened)
}

/// Checks a header with this magic: the checksum starts inverted and is not inverted at the end.
fn checked_header(image: &Extent, place: u64, magic: [u8; 4]) -> Option<bytes::Bytes> {
    let header = image.read(place, HEADER_BYTES).ok()?;
    let view = View(&header);
    let signed = view.bytes(0, 60).ok()?;
    let fits = header.starts_with(&magic) && agrees(view.u32(60, Big).ok()?, !Crc32::of(signed));
    fits.then_some(header)
}

/// Offsets of the volume header and of the data in the erase block at `place`.
fn erase_header(image: &Extent, place: u64) -> Option<(u64, u64)> {
    let header = checked_header(image, place, *b"UBI#")?;
    let view = View(&header);
    let volume_header = u64::from(view.u32(16, Big).ok()?);
    let data = u64::from(view.u32(20, Big).ok()?);
    (volume_header >= HEADER_BYTES && data >= volume_header + HEADER_BYTES)
        .then_some((volume_header, data))
}

/// Reads all erase blocks; the area ends with the last that has a header.
fn scan(image: &Extent, geometry: Geometry) -> (Volumes, u64) {
    /// Erase blocks in a row that are bad or blank inside an area.
    const GAP_MAX: u64 = 64;
    let mut volumes = Volumes::new();
    let (mut place, mut end) = (0, 0);
    while place < image.len() && place - end <= GAP_MAX * geometry.block_bytes {
        if erase_header(image, place) == Some((geometry.volume_header, geometry.data)) {
            end = place + geometry.block_bytes;
            add_block(image, geometry, place, &mut volumes);
        }
        place += geometry.block_bytes;
    }
    (volumes, end)
}

fn add_block(image: &Extent, geometry: Geometry, place: u64, volumes: &mut Volumes) {
    let Some(header) = checked_header(image, place + geometry.volume_header, *b"UBI!") else {
        return; // A free block has no volume header.
    };
    let view = View(&header);
    let number = |offset| view.u32(offset, Big).unwrap_or(u32::MAX);
    let (volume, logical, padding) = (number(8), number(12), u64::from(number(28)));
    let sequence = view.u64(40, Big).unwrap_or(0);
    if logical >= LOGICAL_MAX {
        return;
    }
    let length = (geometry.block_bytes - geometry.data).saturating_sub(padding);
    let data = image.clamp(place + geometry.data, length);
    let blocks = volumes.entry(volume).or_default();
    if blocks.get(&logical).is_none_or(|known| known.sequence < sequence) {
        blocks.insert(logical, Mapped { sequence, data });
    }
}

/// Names by volume, from the volume table; of its two copies the first good one counts.
fn volume_names(table: &BTreeMap<u32, Mapped>) -> BTreeMap<u32, Vec<u8>> {
    for copy in table.values() {
        let Ok(bytes) = copy.data.read_up_to(0, u64::from(VOLUMES_MAX) * 172) else { continue };
        let records = (0..VOLUMES_MAX).zip(bytes.chunks_exact(RECORD_BYTES));
        let names: BTreeMap<_, _> = records
            .filter_map(|(volume, record)| {
                let view = View(record);
                let fits = agrees(view.u32(168, Big).ok()?, !Crc32::of(view.bytes(0, 168).ok()?));
                let reserved = view.u32(0, Big).ok()?;
                let length = usize::from(view.u16(14, Big).ok()?);
                let name = view.bytes(16, length.min(127)).ok()?;
                (fits && reserved > 0).then(|| (volume, name.to_vec()))
            })
            .collect();
        if !names.is_empty() {
            return names;
        }
    }
    BTreeMap::new()
}

/// The blocks of a volume in order. A block that was never written reads as erased flash.
fn volume_content(
    image: &Extent,
    blocks: &BTreeMap<u32, Mapped>,
    geometry: Geometry,
    volume: u32,
    faults: &mut Vec<Fault>,
) -> Extent {
    let vault = image.vault();
    let length = blocks.values().next().map_or(geometry.block_bytes, |block| block.data.len());
    let erased = Extent::derived(vault, length, Erased(length));
    let (mut parts, mut next, mut gaps) = (Vec::new(), 0, 0_u64);
    for (&logical, block) in blocks {
        // Gaps are bounded by the number of blocks: a free map would promise any length.
        let gap = logical - next;
        gaps += u64::from(gap);
        if gaps > image.len() / geometry.block_bytes {
            let why = format!("block {logical} of volume {volume} is out of reach");
            faults.push(Fault::new(0, "map a volume", why));
            break;
        }
        parts.extend((0..gap).map(|_| erased.clone()));
        parts.push(block.data.clone());
        next = logical + 1;
    }
    Extent::joined(vault, parts)
}

/// Erased flash.
struct Erased(u64);

impl Derive for Erased {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        sink.push(&vec![0xff; usize::try_from(self.0).unwrap_or(0)])
    }

    fn input_bytes(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use super::Crc32;
    use crate::{
        Tree,
        formats::testing::reference::{assert_survives_damage, run, sample},
    };

    const BLOCK: usize = 16 << 10;

    fn sealed(mut header: Vec<u8>) -> Vec<u8> {
        header.resize(60, 0);
        header.extend((!Crc32::of(&header)).to_be_bytes());
        header
    }

    /// An erase block with headers at 0 and 64 and data at 128.
    fn block(volume: u32, logical: u32, sequence: u64, data: &[u8]) -> Vec<u8> {
        let mut head = b"UBI#\x01\0\0\0\0\0\0\0\0\0\0\x07".to_vec();
        head.extend([64_u32.to_be_bytes(), 128_u32.to_be_bytes()].concat());
        let mut block = sealed(head);
        let mut about = b"UBI!\x01\x01\0\0".to_vec();
        about.extend([volume.to_be_bytes(), logical.to_be_bytes()].concat());
        about.resize(40, 0);
        about.extend(sequence.to_be_bytes());
        block.extend(sealed(about));
        block.extend(data);
        block.resize(BLOCK, 0xff);
        block
    }

    #[test]
    fn the_newest_copy_of_each_block_makes_the_volume() {
        let content = auscult_testkit::stream::gzip(&sample(40_000, 1));
        let (first, second) = content.split_at(BLOCK - 128);
        let image = [
            block(0, 1, 5, second),
            block(0, 0, 2, b"an old copy"),
            vec![0xff; BLOCK],
            block(0, 0, 9, first),
        ]
        .concat();
        let tree = Tree::from_bytes(image.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let payload = "image@0x0/ubi:/volume0@0x0/gzip@0x0".parse().unwrap();
        let (node, _) = tree.resolve(&payload).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), sample(40_000, 1));
        assert_survives_damage(&image, 128, 4999);
    }

    #[test]
    fn an_image_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let content = auscult_testkit::stream::gzip(&sample(300_000, 2));
        fs::write(path("content"), &content).unwrap();
        let plan = format!(
            "[one]\nmode=ubi\nimage={}\nvol_id=3\nvol_type=static\nvol_name=rootfs\n",
            path("content")
        );
        fs::write(path("plan"), plan).unwrap();
        let arguments = ["-o", &path("image"), "-m", "2048", "-p", "128KiB", &path("plan")];
        if !run("ubinize", &arguments) {
            return;
        }
        let tree = Tree::from_bytes(fs::read(path("image")).unwrap(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let payload = "image@0x0/ubi:/rootfs@0x0/gzip@0x0".parse().unwrap();
        let (node, _) = tree.resolve(&payload).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), sample(300_000, 2));
    }
}
