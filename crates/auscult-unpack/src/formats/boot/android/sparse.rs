//! Android's sparse images (`libsparse/sparse_format.h` of AOSP): an image in chunks of blocks, where
//! runs of one pattern and blocks that nobody cares about take no room.
//!
//! The image inside is one payload. Checksums are verified where it is not too large to be read.

use crate::{
    Endian::Little,
    Entry, Extent, Fault, View,
    checksum::{Crc32, agrees, each_piece},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::repeat::repeated;

pub(in crate::formats::boot) static FORMAT: Format = Format {
    name: "android-sparse",
    magics: &[Magic::start(&[0x3a, 0xff, 0x26, 0xed, 1, 0])],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 28;
const CHUNK_BYTES: u64 = 12;
const BLOCK_BYTES_MAX: u32 = 64 << 20;

const CHUNK_RAW: u16 = 0xcac1;
const CHUNK_FILL: u16 = 0xcac2;
const CHUNK_DONT_CARE: u16 = 0xcac3;
const CHUNK_CRC32: u16 = 0xcac4;

struct Header {
    own_bytes: u64,
    chunk_header_bytes: u64,
    block_bytes: u64,
    blocks: u64,
    chunks: u32,
    checksum: u32,
}

/// The image while its chunks are read.
#[derive(Default)]
struct Image {
    parts: Vec<Extent>,
    blocks: u64,
    /// Checksums of the parts up to some number of them, with the place of each.
    checks: Vec<(usize, u32, u64)>,
    holes: u64,
    faults: Vec<Fault>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let header = header(View(&extent.read(0, HEADER_BYTES)?))?;
    let image_bytes = header.blocks * header.block_bytes;
    let mut image = Image::default();
    let length = chunks(extent, &header, &mut image)?;
    if image.blocks != header.blocks {
        let why = format!("{} blocks promised, {} there", header.blocks, image.blocks);
        image.faults.push(Fault::new(0, "read all chunks", why));
    }
    let mut attributes = vec![
        ("block-size", header.block_bytes.to_string()),
        ("blocks", header.blocks.to_string()),
        ("blocks-not-stored", image.holes.to_string()),
        ("chunks", header.chunks.to_string()),
    ];
    if header.checksum != 0 {
        image.checks.push((image.parts.len(), header.checksum, 0));
    }
    if !image.checks.is_empty() {
        attributes.push(("checksum", verify(extent, &mut image)));
    }
    let limit = candidate.vault().limits().derived_bytes;
    if image_bytes > limit {
        let unread = Some(format!("an image of {image_bytes} bytes (limit derived-bytes)"));
        return Ok(Opened {
            length,
            attributes,
            faults: image.faults,
            unread,
            ..Opened::default()
        });
    }
    let content = Extent::joined(extent.vault(), image.parts);
    let entries = vec![Entry::payload(content)];
    Ok(Opened { length, attributes, entries, faults: image.faults, unread: None })
}

fn header(view: View<'_>) -> Result<Header, NotThis> {
    let header = Header {
        own_bytes: u64::from(view.u16(8, Little)?),
        chunk_header_bytes: u64::from(view.u16(10, Little)?),
        block_bytes: u64::from(view.u32(12, Little)?),
        blocks: u64::from(view.u32(16, Little)?),
        chunks: view.u32(20, Little)?,
        checksum: view.u32(24, Little)?,
    };
    let plausible = (HEADER_BYTES..=4096).contains(&header.own_bytes)
        && (CHUNK_BYTES..=4096).contains(&header.chunk_header_bytes)
        && header.block_bytes.is_multiple_of(4)
        && (4..=u64::from(BLOCK_BYTES_MAX)).contains(&header.block_bytes)
        && header.chunks > 0;
    if plausible { Ok(header) } else { Err(NotThis) }
}

/// Reads all chunks; returns the end of the last one.
fn chunks(extent: &Extent, header: &Header, image: &mut Image) -> Result<u64, NotThis> {
    let mut at = header.own_bytes;
    for number in 0..header.chunks {
        match chunk(extent, header, at, image) {
            Ok(size) => at += size,
            // A first chunk that makes no sense: the magic stood there by chance.
            Err(_) if number == 0 => return Err(NotThis),
            Err(fault) => {
                image.faults.push(fault);
                break;
            }
        }
    }
    Ok(at)
}

/// Reads the chunk at this place; returns its size.
fn chunk(extent: &Extent, header: &Header, at: u64, image: &mut Image) -> Result<u64, Fault> {
    let head = extent.read(at, CHUNK_BYTES)?;
    let view = View(&head);
    let (kind, blocks) = (view.u16(0, Little)?, u64::from(view.u32(4, Little)?));
    let size = u64::from(view.u32(8, Little)?);
    let data_at = at + header.chunk_header_bytes;
    let data_bytes = size.checked_sub(header.chunk_header_bytes);
    let bytes = blocks * header.block_bytes;
    let vault = extent.vault();
    match (kind, data_bytes) {
        (CHUNK_RAW, Some(stored)) if stored == bytes => {
            let there = extent.clamp(data_at, bytes);
            let missing = bytes - there.len();
            image.parts.push(there);
            if missing > 0 {
                let why = format!("{missing} of {bytes} bytes are past the end");
                let fault = Fault::new(data_at, "read a chunk whole", why);
                image.parts.push(Extent::missing(vault, missing, fault));
            }
        }
        (CHUNK_FILL, Some(4)) => {
            let pattern = View(&extent.read(data_at, 4)?).array(0)?;
            image.parts.push(repeated(vault, pattern, bytes));
        }
        (CHUNK_DONT_CARE, Some(0)) => {
            image.holes += blocks;
            image.parts.push(Extent::zeros(vault, bytes));
        }
        (CHUNK_CRC32, Some(4)) if blocks == 0 => {
            let stored = View(&extent.read(data_at, 4)?).u32(0, Little)?;
            image.checks.push((image.parts.len(), stored, data_at));
        }
        _ => {
            let why = format!("type {kind:#06x} with {blocks} blocks in {size} bytes");
            return Err(Fault::new(at, "read a chunk", why));
        }
    }
    image.blocks += blocks;
    Ok(size)
}

/// Checks every checksum in one pass over the image; says what came of it.
fn verify(extent: &Extent, image: &mut Image) -> String {
    let total = image.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.len()));
    if total > extent.vault().limits().stream_bytes {
        return "not verified: the image is too large".to_owned();
    }
    let (mut crc, mut done) = (Crc32::default(), 0);
    for &(parts, stored, place) in &image.checks {
        for part in image.parts.get(done..parts).unwrap_or_default() {
            if let Err(fault) = each_piece(part, |bytes| crc.update(bytes)) {
                image.faults.push(fault);
                return "not verified: not all bytes are there".to_owned();
            }
        }
        done = parts;
        if !agrees(stored, crc.value()) {
            let why = format!("{stored:#010x} stored, {:#010x} computed", crc.value());
            image.faults.push(Fault::new(place, "check the image's checksum", why));
            return "wrong".to_owned();
        }
    }
    "verified".to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use auscult_testkit::checksum::crc32;

    use crate::{
        NodeKind, Tree,
        formats::testing::{
            hostile::{attribute, check},
            reference::{container, run, sample},
        },
    };

    fn chunk(kind: u16, blocks: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend(blocks.to_le_bytes());
        bytes.extend(u32::try_from(12 + data.len()).unwrap().to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn image(blocks: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0x3a, 0xff, 0x26, 0xed, 1, 0, 0, 0, 28, 0, 12, 0];
        for word in [8, blocks, u32::try_from(chunks.len()).unwrap(), 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(chunks.concat());
        bytes
    }

    fn every_kind() -> (Vec<u8>, Vec<u8>) {
        let raw = b"abcdefgh01234567";
        let truth = [&raw[..], b"wxyzwxyzwxyzwxyz", &[0; 8], b"lastlast"].concat();
        let chunks = [
            chunk(0xcac1, 2, raw),
            chunk(0xcac2, 2, b"wxyz"),
            chunk(0xcac3, 1, b""),
            chunk(0xcac1, 1, b"lastlast"),
            chunk(0xcac4, 0, &crc32(&truth).to_le_bytes()),
        ];
        (image(6, &chunks), truth)
    }

    fn payload(tree: &Tree) -> Vec<u8> {
        let node = tree.node(container(tree, "android-sparse"));
        tree.bytes(node.children[0]).unwrap().to_vec()
    }

    #[test]
    fn every_kind_of_chunk_reads_back() {
        let (bytes, truth) = every_kind();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(payload(&tree), truth);
        assert_eq!(attribute(&tree, "android-sparse", "checksum").unwrap(), "verified");
        assert_eq!(tree.problems(), []);
        let mut wrong = bytes.clone();
        wrong[45] ^= 1;
        let tree = Tree::from_bytes(wrong, &Limits::default());
        assert_eq!(attribute(&tree, "android-sparse", "checksum").unwrap(), "wrong");
        check(&bytes, 60);
    }

    #[test]
    fn an_image_over_the_limit_is_said_and_not_searched() {
        let endless = chunk(0xcac2, u32::MAX, b"wxyz");
        let bytes = image(u32::MAX, &[endless]);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let node = tree.node(container(&tree, "android-sparse"));
        let NodeKind::Container { unread, .. } = &node.kind else { panic!() };
        assert!(unread.as_ref().unwrap().contains("limit derived-bytes"));
    }

    #[test]
    fn an_image_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let (raw, sparse) = (folder.path().join("raw"), folder.path().join("sparse"));
        let truth =
            [sample(40_960, 1), vec![0; 200_704], [7, 8, 9, 1].repeat(4096), sample(4096, 2)]
                .concat();
        fs::write(&raw, &truth).unwrap();
        if !run("img2simg", &[raw.to_str().unwrap(), sparse.to_str().unwrap()]) {
            return;
        }
        let tree = Tree::from_bytes(fs::read(&sparse).unwrap(), &Limits::default());
        assert!(payload(&tree) == truth);
        assert_eq!(tree.problems(), []);
    }
}
