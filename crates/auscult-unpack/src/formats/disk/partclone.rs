//! Images of partclone, versions 1 and 2 (its `IMAGE_FORMATS.md` and `src/partclone.h`): the blocks
//! of a file system that are in use, behind a map of all blocks.
//!
//! The only content is the restored volume, with zeros in the place of what was not in use. The
//! checksums of version 2 are verified; those of version 1 came from a faulty program and say nothing.

use crate::{
    Endian::Little,
    Entry, Extent, Fault, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        layout::text_of,
        runs::{Run, Runs},
    },
};

pub(crate) static FORMAT: Format =
    Format { name: "partclone", magics: &[Magic::start(b"partclone-image")], carve: true, open };

/// Bytes of the headers of both versions, and of what the checksum of the second one covers.
const HEADER_1_BYTES: u64 = 4160;
const HEADER_2_BYTES: u64 = 110;
const COVERED_BYTES: usize = 106;
/// What the map of version 1 ends with.
const MAP_END: &[u8] = b"BiTmAgIc";
/// Kinds of maps, and of checksums.
const MAP_NONE: u8 = 0;
const MAP_BITS: u8 = 1;
const MAP_BYTES: u8 = 8;
const CHECKSUM_NONE: u16 = 0;
const CHECKSUM_CRC32: u16 = 0x20;
/// Checksums that are reported one by one.
const FAULTS_MAX: usize = 20;
/// Bytes of a map that are read at once.
const MAP_STEP_BYTES: u64 = 1 << 20;

/// What the header says.
struct Header {
    version: u8,
    file_system: String,
    /// Version of the program.
    made_by: String,
    device_bytes: u64,
    blocks: u64,
    block_bytes: u64,
    start: u64,
    map: u8,
    checksum: u16,
    checksum_bytes: u64,
    blocks_per_checksum: u64,
    /// Whether each checksum starts anew.
    reseeds: bool,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let header = Header::parse(&extent.read(0, HEADER_2_BYTES)?)?.ok_or(NotThis)?;
    let mut faults = Vec::new();
    let (map_bytes, end_bytes) = header.map_bytes();
    let map = extent.slice(header.start, map_bytes).ok_or(NotThis)?;
    let start = header.start + map_bytes;
    let end = extent.read(start, end_bytes)?;
    match header.map {
        MAP_BYTES if header.version == 1 && end != MAP_END => return Err(NotThis),
        MAP_BITS if !agrees(View(&end).u32(0, Little)?, !Crc32::of_extent(&map)?) => {
            faults.push(Fault::new(start, "check the map of blocks", "its checksum is wrong"));
        }
        _ => {}
    }
    let Mapped { runs, used } = mapped(&header, &map)?;
    let data = extent.from(start + end_bytes);
    let (group, checksum) = header.group(&data, used);
    let groups = if checksum > 0 { used.div_ceil(group.max(1)) } else { 0 };
    let data_bytes = used.saturating_mul(header.block_bytes);
    let length = data_bytes.saturating_add(groups.saturating_mul(checksum));
    let data = data.clamp(0, length);
    let stored = if checksum > 0 {
        let piece = group.saturating_mul(header.block_bytes);
        Extent::strided(&data, piece, piece.saturating_add(checksum))
    } else {
        data.clone()
    };
    if header.checksum == CHECKSUM_CRC32 {
        verify(&header, &data, data_bytes, start + end_bytes, &mut faults);
    }
    let mut opened = Opened {
        length: start.saturating_add(end_bytes).saturating_add(length),
        attributes: header.attributes(used),
        ..Opened::default()
    };
    match runs {
        Ok(runs) => {
            // A device may end inside a block, which no map tells of.
            let whole = header.blocks * header.block_bytes;
            let volume = header.device_bytes.clamp(whole, whole + header.block_bytes - 1);
            let content = runs.join(&stored.clamp(0, data_bytes), volume, &mut faults);
            opened.entries.push(Entry::payload(content));
        }
        Err(fault) => opened.unread = Some(format!("not extracted: {}", fault.why)),
    }
    opened.faults = faults;
    Ok(opened)
}

impl Header {
    fn parse(head: &[u8]) -> Result<Option<Self>, Fault> {
        let view = View(head);
        let long = |at| view.u64(at, Little);
        let header = if view.bytes(30, 6)? == b"0002\xde\xc0" {
            if !agrees(view.u32(COVERED_BYTES, Little)?, !Crc32::of(view.bytes(0, COVERED_BYTES)?))
            {
                return Ok(None);
            }
            Self {
                version: 2,
                file_system: text_of(view.text(36, 16)?),
                made_by: text_of(view.text(16, 14)?),
                device_bytes: long(52)?,
                blocks: long(60)?,
                block_bytes: u64::from(view.u32(84, Little)?),
                start: HEADER_2_BYTES,
                map: view.u8(105)?,
                checksum: view.u16(96, Little)?,
                checksum_bytes: u64::from(view.u16(98, Little)?),
                blocks_per_checksum: u64::from(view.u32(100, Little)?),
                reseeds: view.u8(104)? != 0,
            }
        } else if view.bytes(30, 4)? == b"0001" {
            Self {
                version: 1,
                file_system: text_of(view.text(15, 15)?),
                made_by: String::new(),
                device_bytes: long(40)?,
                blocks: long(48)?,
                block_bytes: u64::from(view.u32(36, Little)?),
                start: HEADER_1_BYTES,
                map: MAP_BYTES,
                checksum: u16::MAX,
                checksum_bytes: 4,
                blocks_per_checksum: 1,
                reseeds: false,
            }
        } else {
            return Ok(None);
        };
        let fits = (1..=1 << 30).contains(&header.block_bytes)
            && header.blocks > 0
            && header.blocks.checked_mul(header.block_bytes).is_some_and(|bytes| bytes < 1 << 60)
            && header.checksum_bytes <= 64
            && [MAP_NONE, MAP_BITS, MAP_BYTES].contains(&header.map);
        Ok(fits.then_some(header))
    }

    /// Bytes of the map, and of what stands behind it.
    fn map_bytes(&self) -> (u64, u64) {
        match self.map {
            MAP_BITS => (self.blocks.div_ceil(8), 4),
            MAP_BYTES => (self.blocks, 8),
            _ => (0, 0),
        }
    }

    /// How many blocks stand together, and how long the checksum behind them is. Some programs of
    /// 64 bits wrote those of version 1 with eight bytes: the length of the image tells.
    fn group(&self, data: &Extent, used: u64) -> (u64, u64) {
        if self.version == 1 {
            let long = used.saturating_mul(self.block_bytes + 8);
            let checksum = if used > 0 && data.len() == long { 8 } else { 4 };
            return (1, checksum);
        }
        if self.checksum == CHECKSUM_NONE || self.blocks_per_checksum == 0 {
            return (used, 0);
        }
        (self.blocks_per_checksum, self.checksum_bytes)
    }

    /// What an engineer wants to know.
    fn attributes(&self, used: u64) -> Vec<(&'static str, String)> {
        let checksum = match self.checksum {
            CHECKSUM_NONE => "none",
            CHECKSUM_CRC32 => "crc32",
            0x30 => "xxh64, not verified",
            _ => "not verified",
        };
        let mut attributes = vec![
            ("version", self.version.to_string()),
            ("file-system", self.file_system.clone()),
            ("block-size", self.block_bytes.to_string()),
            ("blocks", format!("{used} of {}", self.blocks)),
            ("device-size", self.device_bytes.to_string()),
            ("checksums", checksum.to_owned()),
        ];
        if !self.made_by.is_empty() {
            attributes.push(("made-by", format!("partclone {}", self.made_by)));
        }
        attributes
    }
}

/// The blocks in use.
struct Mapped {
    /// Where they are in the volume and among the stored ones, if there are not too many pieces.
    runs: Result<Runs, Fault>,
    used: u64,
}

/// Reads the map. Blocks in use are stored in their order.
fn mapped(header: &Header, map: &Extent) -> Result<Mapped, Fault> {
    let mut runs = Ok(Runs::default());
    let mut used = 0_u64;
    let mut push = |block: u64, count: u64| {
        let run = Run {
            logical: block * header.block_bytes,
            place: used * header.block_bytes,
            length: count * header.block_bytes,
        };
        if let Ok(known) = &mut runs
            && let Err(fault) = known.push(run)
        {
            runs = Err(fault);
        }
        used += count;
    };
    let (per_byte, mut block) = (if header.map == MAP_BITS { 8 } else { 1 }, 0_u64);
    if header.map == MAP_NONE {
        push(0, header.blocks);
    }
    let mut position = 0;
    while position < map.len() {
        let bytes = map.read_up_to(position, MAP_STEP_BYTES)?;
        for &byte in &bytes {
            let count = (header.blocks - block).min(per_byte);
            match (per_byte, byte) {
                (1, 1) | (8, 0xff) => push(block, count),
                (8, byte) if byte != 0 => {
                    let bits = (0..count).filter(|bit| byte >> bit & 1 == 1);
                    bits.for_each(|bit| push(block + bit, 1));
                }
                _ => {}
            }
            block += count;
        }
        position += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    }
    Ok(Mapped { runs, used })
}

/// Compares the checksum behind each group of blocks. `place` is where the data start.
fn verify(header: &Header, data: &Extent, data_bytes: u64, place: u64, faults: &mut Vec<Fault>) {
    let group = header.blocks_per_checksum.saturating_mul(header.block_bytes);
    if group == 0 || header.checksum_bytes != 4 {
        return;
    }
    let mut crc = Crc32::default();
    let (mut at, mut left, mut wrong) = (0_u64, data_bytes, 0_usize);
    while left > 0 {
        let length = left.min(group);
        let part = data.slice(at, length).zip(data.slice(at + length, 4));
        let Some((blocks, stored)) = part else { break };
        let result = crate::checksum::each_piece(&blocks, |bytes| crc.update(bytes));
        let stored = result.and_then(|()| View(&stored.read_all()?).u32(0, Little));
        match stored {
            // Not inverted at the end.
            Ok(stored) if agrees(stored, !crc.value()) => {}
            Ok(_) => {
                wrong += 1;
                if wrong <= FAULTS_MAX {
                    let why = "their checksum is wrong";
                    faults.push(Fault::new(place + at, "check blocks", why));
                }
            }
            Err(fault) => {
                faults.push(fault.within(place));
                return;
            }
        }
        if header.reseeds {
            crc = Crc32::default();
        }
        at += length + 4;
        left -= length;
    }
    if wrong > FAULTS_MAX {
        let why = format!("{} more like these", wrong - FAULTS_MAX);
        faults.push(Fault::new(place, "check blocks", why));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use super::Crc32;
    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check},
            reference::{assert_survives_damage, run, sample},
        },
    };

    const BLOCK: usize = 512;

    /// Blocks 1, 2 and 9 of ten.
    fn blocks() -> [Vec<u8>; 3] {
        [1, 2, 3].map(|seed| sample(BLOCK, seed))
    }

    fn volume() -> Vec<u8> {
        let [one, two, nine] = blocks();
        [vec![0; BLOCK], one, two, vec![0; 6 * BLOCK], nine].concat()
    }

    fn first(checksum_bytes: usize) -> Vec<u8> {
        let mut image = b"partclone-imageEXTFS\0\0\0\0\0\0\0\0\0\x000001\0\0".to_vec();
        image.extend(512_u32.to_le_bytes());
        image.extend([5120_u64, 10, 3].map(u64::to_le_bytes).concat());
        image.resize(4160, 0);
        image.extend([0, 1, 1, 0, 0, 0, 0, 0, 0, 1]);
        image.extend(b"BiTmAgIc");
        for block in blocks() {
            image.extend(block);
            image.extend(vec![0xee; checksum_bytes]);
        }
        image
    }

    fn second(reseeds: bool, per_checksum: u32) -> Vec<u8> {
        let mut image = b"partclone-image\x001.2.3\0\0\0\0\0\0\0\0\x000002\xde\xc0".to_vec();
        image.extend(b"NTFS\0\0\0\0\0\0\0\0\0\0\0\0");
        image.extend([5120_u64, 10, 3, 3].map(u64::to_le_bytes).concat());
        image.extend(512_u32.to_le_bytes());
        image.extend([18, 0, 0, 0, 2, 0, 64, 0, 0x20, 0, 4, 0]);
        image.extend(per_checksum.to_le_bytes());
        image.extend([u8::from(reseeds), 1]);
        image.extend((!Crc32::of(&image)).to_le_bytes());
        let map = [0b110, 0b10];
        image.extend(map);
        image.extend((!Crc32::of(&map)).to_le_bytes());
        let mut crc = Crc32::default();
        for (index, block) in (1..).zip(blocks()) {
            crc.update(&block);
            image.extend(block);
            if index % per_checksum == 0 || index == 3 {
                image.extend((!crc.value()).to_le_bytes());
                if reseeds {
                    crc = Crc32::default();
                }
            }
        }
        image
    }

    fn payload(tree: &Tree) -> bytes::Bytes {
        let (node, _) = tree.resolve(&"image@0x0/partclone@0x0".parse().unwrap()).unwrap();
        tree.bytes(node).unwrap()
    }

    #[test]
    fn both_versions_with_checksums_of_every_kind() {
        let images = [first(4), first(8), second(true, 1), second(false, 2), second(true, 2)];
        for (index, image) in images.into_iter().enumerate() {
            let tree = Tree::from_bytes(image.clone(), &Limits::default());
            assert_eq!(tree.problems(), [], "{index}");
            assert!(payload(&tree) == volume(), "{index}");
            let blocks = attribute(&tree, "partclone", "blocks");
            assert_eq!(blocks.as_deref(), Some("3 of 10"));
            let node = tree.node(tree.node(tree.root()).children[0]);
            assert_eq!(node.len(), image.len() as u64);
            check(&image[image.len().saturating_sub(1700)..], 0);
        }
        check(&second(true, 2), 116);
    }

    #[test]
    fn wrong_checksums_are_told() {
        let mut image = second(false, 1);
        let data = image.len() - 3 * (BLOCK + 4);
        image[data + 5] ^= 1;
        image[data - 1] ^= 1;
        let tree = Tree::from_bytes(image, &Limits::default());
        // The sums run on, so that one wrong byte spoils all behind it.
        assert_eq!(tree.problems().len(), 4);
        assert_eq!(payload(&tree).len(), 5120);
    }

    #[test]
    fn an_image_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (disk, image, file) = (path("disk"), path("image"), path("file"));
        // Of FAT12, the tool saves only half of what is in use.
        if !run("mkfs.fat", &["-F", "16", "-C", &disk, "16384"]) {
            return;
        }
        fs::write(&file, sample(100_000, 7)).unwrap();
        let quiet = ["-L", "/dev/null", "-q", "-F", "-c", "-s", &disk, "-o", &image];
        if !run("mcopy", &["-i", &disk, &file, "::/FILE"]) || !run("partclone.fat", &quiet) {
            return;
        }
        let image = fs::read(&image).unwrap();
        let tree = Tree::from_bytes(image.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        assert_eq!(tree.coverage().bytes_unread, 0);
        let file = "image@0x0/partclone@0x0/fat:/FILE".parse().unwrap();
        let (node, _) = tree.resolve(&file).unwrap();
        assert!(tree.bytes(node).unwrap() == sample(100_000, 7));
        assert_survives_damage(&image, 120, image.len() / 50);
    }
}
