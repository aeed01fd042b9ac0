//! The superblock (`struct f2fs_super_block`), of which there are two copies.

use crate::{Endian::Little, Extent, Fault, View, checksum::agrees, formats::support::guid::uuid};

/// Bytes of a superblock, and its place in each of the first two blocks.
const BYTES: u64 = 3072;
const PLACE: u64 = 1024;
pub(super) const MAGIC: u32 = 0xf2f5_2010;
/// `crc` of the superblock, where the feature is on.
const CHECKSUM_PLACE: usize = 3068;

/// Bits of `feature`, with the names that `mkfs.f2fs -O` has for them.
const FEATURES: [(u32, &str); 15] = [
    (0x1, "encrypt"),
    (0x2, "blkzoned"),
    (0x4, "atomic_write"),
    (0x8, "extra_attr"),
    (0x10, "project_quota"),
    (0x20, "inode_checksum"),
    (FLEXIBLE_ATTRIBUTES, "flexible_inline_xattr"),
    (0x80, "quota"),
    (0x100, "inode_crtime"),
    (0x200, "lost_found"),
    (0x400, "verity"),
    (CHECKSUM, "sb_checksum"),
    (0x1000, "casefold"),
    (0x2000, "compression"),
    (0x4000, "ro"),
];
const FLEXIBLE_ATTRIBUTES: u32 = 0x40;
const CHECKSUM: u32 = 0x800;

/// CRC-32 as the kernel's `crc32_le` with the magic as its seed, which inverts nothing.
pub(super) fn checksum(parts: &[&[u8]]) -> u32 {
    static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let mut digest = CRC.digest_with_initial(MAGIC.reverse_bits());
    for part in parts {
        digest.update(part);
    }
    !digest.finalize()
}

/// What the superblock says.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    /// Which of the two copies it is.
    pub(super) copy: u64,
    version: (u16, u16),
    pub(super) block_log: u32,
    pub(super) segment_log: u32,
    block_count: u64,
    pub(super) checkpoint_block: u64,
    pub(super) checkpoint_payload: u64,
    pub(super) node_table_block: u64,
    pub(super) node_table_segments: u64,
    pub(super) root: u32,
    feature: u32,
    uuid: [u8; 16],
    label: String,
    made_by: String,
    devices: usize,
    /// Whether the stored checksum is right; nothing where there is none.
    pub(super) checksum_holds: Option<bool>,
}

impl Superblock {
    /// Reads the first of the two copies that makes sense.
    pub(super) fn read(image: &Extent) -> Option<Self> {
        let first = Self::copy(image, 0).ok().flatten();
        if first.as_ref().is_some_and(|first| first.checksum_holds != Some(false)) {
            return first;
        }
        // The second copy is a block further.
        let block_bytes = first.as_ref().map_or(4096, Self::block_bytes);
        let second = Self::copy(image, block_bytes).ok().flatten();
        second.or(first)
    }

    fn copy(image: &Extent, block: u64) -> Result<Option<Self>, Fault> {
        let bytes = image.read(block + PLACE, BYTES)?;
        let view = View(&bytes);
        let u32_at = |offset| view.u32(offset, Little);
        let (sector_log, sectors_log, block_log) = (u32_at(8)?, u32_at(12)?, u32_at(16)?);
        let shape = u32_at(0)? == MAGIC
            && view.u16(4, Little)? == 1
            && (9..=16).contains(&sector_log)
            && (12..=16).contains(&block_log)
            && sector_log.checked_add(sectors_log) == Some(block_log)
            && u32_at(20)? == 9;
        if !shape {
            return Ok(None);
        }
        let feature = u32_at(2180)?;
        let covered = view.bytes(0, CHECKSUM_PLACE)?;
        let superblock = Self {
            copy: u64::from(block > 0),
            version: (view.u16(4, Little)?, view.u16(6, Little)?),
            block_log,
            segment_log: u32_at(20)?,
            block_count: view.u64(36, Little)?,
            checkpoint_block: u32_at(76)?.into(),
            checkpoint_payload: u32_at(1664)?.into(),
            node_table_block: u32_at(84)?.into(),
            node_table_segments: u32_at(60)?.into(),
            root: u32_at(96)?,
            feature,
            uuid: view.array(108)?,
            label: utf_16(view.bytes(124, 1024)?),
            made_by: String::from_utf8_lossy(view.text(1924, 256)?).trim().to_owned(),
            devices: devices(view)?,
            checksum_holds: (feature & CHECKSUM != 0)
                .then(|| agrees(u32_at(CHECKSUM_PLACE).unwrap_or(0), checksum(&[covered]))),
        };
        // The areas follow each other: checkpoints, segment table, node table, summaries, main.
        let areas = [72, 76, 80, 84, 88, 92].map(|offset| u32_at(offset).unwrap_or(0));
        let fits = areas.is_sorted()
            && superblock.block_count > u64::from(u32_at(92)?)
            && superblock.block_count < 1 << 40
            && superblock.checkpoint_payload < 512;
        Ok(fits.then_some(superblock))
    }

    pub(super) fn block_bytes(&self) -> u64 {
        1 << self.block_log
    }

    /// Bytes of the file system.
    pub(super) fn length(&self) -> u64 {
        self.block_count << self.block_log
    }

    /// Whether each inode tells how much room it has for attributes.
    pub(super) fn has_flexible_attributes(&self) -> bool {
        self.feature & FLEXIBLE_ATTRIBUTES != 0
    }

    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let features = FEATURES.iter().filter(|(bit, _)| self.feature & bit != 0);
        let features: Vec<&str> = features.map(|&(_, name)| name).collect();
        let mut attributes = vec![
            ("version", format!("{}.{}", self.version.0, self.version.1)),
            ("block-size", self.block_bytes().to_string()),
            ("uuid", uuid(&self.uuid)),
            ("features", features.join(",")),
        ];
        for (name, value) in [("label", &self.label), ("made-by-kernel", &self.made_by)] {
            if !value.is_empty() {
                attributes.push((name, value.clone()));
            }
        }
        if self.devices > 1 {
            attributes.push(("devices", self.devices.to_string()));
        }
        attributes
    }
}

/// Devices that the file system is spread over; one that is on its own names none.
fn devices(view: View<'_>) -> Result<usize, Fault> {
    let mut count = 0;
    for index in 0..8 {
        count += usize::from(!view.text(2201 + index * 68, 64)?.is_empty());
    }
    Ok(count)
}

fn utf_16(bytes: &[u8]) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).take_while(|&unit| unit != 0);
    String::from_utf16_lossy(&units.collect::<Vec<_>>())
}
