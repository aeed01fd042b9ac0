//! The superblock (`struct erofs_super_block`) and the settings of the compressions behind it.

use crate::{
    Endian::Little,
    Extent, Fault, View,
    checksum::{agrees, crc32c_seeded},
    formats::support::{date::iso_8601, guid::uuid},
};

/// Place of the superblock, whatever the block size.
pub(super) const PLACE: u64 = 1024;
pub(super) const BYTES: u64 = 128;
/// Each slot makes the superblock longer by this much (`EROFS_SB_EXTSLOT_SIZE`).
const SLOT_BYTES: u64 = 16;

/// `feature_compat`: the checksum is there.
const COMPAT_CHECKSUM: u32 = 0x1;
/// `feature_compat`: shared attributes are in the metabox.
const COMPAT_SHARED_IN_METABOX: u32 = 0x8;
/// `feature_compat`: long prefixes of attribute names are in the image itself.
const COMPAT_PLAIN_PREFIXES: u32 = 0x10;
/// `feature_incompat`: packed data ends with its block, zeros stand before it.
const INCOMPAT_ZERO_PADDING: u32 = 0x1;
/// `feature_incompat`: settings of each compression follow the superblock.
const INCOMPAT_SETTINGS: u32 = 0x2;
/// `feature_incompat`: a table of devices; the same bit stands for second heads.
const INCOMPAT_DEVICES: u32 = 0x8;
/// `feature_incompat`: fragments in the packed inode; the same bit stands for shared clusters.
const INCOMPAT_FRAGMENTS: u32 = 0x20;
const INCOMPAT_PREFIXES: u32 = 0x40;
const INCOMPAT_48BIT: u32 = 0x80;
const INCOMPAT_METABOX: u32 = 0x100;

const INCOMPAT_NAMES: [(u32, &str); 9] = [
    (INCOMPAT_ZERO_PADDING, "zero-padding"),
    (INCOMPAT_SETTINGS, "big-pcluster"),
    (0x4, "chunked-file"),
    (INCOMPAT_DEVICES, "device-table"),
    (0x10, "ztailpacking"),
    (INCOMPAT_FRAGMENTS, "fragments"),
    (INCOMPAT_PREFIXES, "xattr-prefixes"),
    (INCOMPAT_48BIT, "48bit"),
    (INCOMPAT_METABOX, "metabox"),
];

/// Names of the compressions, by their number.
const ALGORITHMS: [&str; 4] = ["lz4", "lzma", "deflate", "zstd"];

/// What the superblock says.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    pub(super) block_log: u32,
    pub(super) directory_log: u32,
    blocks: u64,
    pub(super) root: u64,
    inodes: u64,
    /// Seconds since 1970 that the times of compact inodes count from.
    pub(super) epoch: i64,
    /// Seconds from the epoch to the making of the image.
    build_time: u32,
    /// Places in bytes.
    pub(super) metadata: u64,
    pub(super) shared_attributes: u64,
    compat: u32,
    incompat: u32,
    algorithms: u16,
    pub(super) devices: u16,
    pub(super) prefix_count: u8,
    /// Place of the long prefixes, in bytes of what holds them.
    pub(super) prefix_place: u64,
    pub(super) packed: u64,
    pub(super) metabox: u64,
    /// Bytes with the slots behind it.
    length: u64,
    uuid: [u8; 16],
    label: String,
    /// Whether the stored checksum is right; nothing where there is none.
    pub(super) checksum: Option<bool>,
}

impl Superblock {
    /// Reads the superblock; nothing if its fields do not fit.
    pub(super) fn read(image: &Extent) -> Result<Option<Self>, Fault> {
        let bytes = image.read(PLACE, BYTES)?;
        // The metabox's number stands in the first slot behind it, where there is one.
        let more = image.read_up_to(PLACE + BYTES, SLOT_BYTES)?;
        let view = View(&bytes);
        let u32_at = |offset| view.u32(offset, Little);
        let block_log = u32::from(view.u8(12)?);
        if !(9..=16).contains(&block_log) {
            return Ok(None);
        }
        let (compat, incompat) = (u32_at(8)?, u32_at(80)?);
        let wide = incompat & INCOMPAT_48BIT != 0;
        let low_or_root = u64::from(view.u16(14, Little)?);
        let high = if wide { low_or_root << 32 } else { 0 };
        let metabox =
            if incompat & INCOMPAT_METABOX == 0 { Ok(0) } else { View(&more).u64(0, Little) };
        let superblock = Self {
            block_log,
            directory_log: block_log + u32::from(view.u8(90)?),
            blocks: u64::from(u32_at(36)?) | high,
            root: if wide { view.u64(112, Little)? } else { low_or_root },
            inodes: view.u64(16, Little)?,
            epoch: view.u64(24, Little)?.cast_signed(),
            build_time: u32_at(108)?,
            metadata: u64::from(u32_at(40)?) << block_log,
            shared_attributes: u64::from(u32_at(44)?) << block_log,
            compat,
            incompat,
            algorithms: view.u16(84, Little)?,
            devices: if incompat & INCOMPAT_DEVICES == 0 { 0 } else { view.u16(86, Little)? },
            prefix_count: if incompat & INCOMPAT_PREFIXES == 0 { 0 } else { view.u8(91)? },
            prefix_place: u64::from(u32_at(92)?) * 4,
            packed: if incompat & INCOMPAT_FRAGMENTS == 0 { 0 } else { view.u64(96, Little)? },
            metabox: metabox?,
            length: BYTES + u64::from(view.u8(13)?) * SLOT_BYTES,
            uuid: view.array(48)?,
            label: String::from_utf8_lossy(view.text(64, 16)?).into_owned(),
            checksum: verify(image, view, compat, block_log)?,
        };
        let fits = superblock.directory_log <= 16 + 4
            && superblock.blocks < 1 << 48
            && superblock.metadata < superblock.image_bytes().max(1)
            && superblock.image_bytes() > PLACE;
        Ok(fits.then_some(superblock))
    }

    /// Bytes of the image. Its first block may be all there is.
    pub(super) fn image_bytes(&self) -> u64 {
        self.blocks.max(1) << self.block_log
    }

    pub(super) fn block_bytes(&self) -> u64 {
        1 << self.block_log
    }

    /// Whether packed data is at the end of its blocks.
    pub(super) fn is_padded(&self) -> bool {
        self.incompat & INCOMPAT_ZERO_PADDING != 0
    }

    pub(super) fn is_wide(&self) -> bool {
        self.incompat & INCOMPAT_48BIT != 0
    }

    /// Whether clusters may be used by several files.
    pub(super) fn shares_clusters(&self) -> bool {
        self.incompat & INCOMPAT_FRAGMENTS != 0
    }

    pub(super) fn has_metabox(&self) -> bool {
        self.incompat & INCOMPAT_METABOX != 0
    }

    pub(super) fn shared_in_metabox(&self) -> bool {
        self.compat & COMPAT_SHARED_IN_METABOX != 0
    }

    /// Whether long prefixes are in the image and neither in the metabox nor in the packed inode.
    pub(super) fn has_plain_prefixes(&self) -> bool {
        self.compat & COMPAT_PLAIN_PREFIXES != 0
    }

    pub(super) fn unknown_features(&self) -> u32 {
        INCOMPAT_NAMES.iter().fold(self.incompat, |left, (bit, _)| left & !bit)
    }

    /// The dictionary of MicroLZMA, from its settings behind the superblock: two bytes of length
    /// and the settings, for each algorithm in the order of its number.
    pub(super) fn lzma_dictionary(&self, image: &Extent) -> Result<u32, Fault> {
        let mut place = PLACE + self.length;
        for number in 0..ALGORITHMS.len() {
            if self.incompat & INCOMPAT_SETTINGS == 0 || self.algorithms >> number & 1 == 0 {
                continue;
            }
            let length = View(&image.read(place, 2)?).u16(0, Little)?;
            if number == 1 {
                return View(&image.read(place + 2, 4)?).u32(0, Little);
            }
            place += 2 + u64::from(length);
        }
        Err(Fault::new(place, "find the settings of lzma", "there are none"))
    }

    /// What an engineer wants to know.
    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let names = |bits: u32, names: &[(u32, &'static str)]| {
            let set = names.iter().filter(|(bit, _)| bits & bit != 0).map(|&(_, name)| name);
            set.collect::<Vec<_>>().join(",")
        };
        let created = self.epoch.saturating_add(i64::from(self.build_time));
        let mut attributes = vec![
            ("block-size", self.block_bytes().to_string()),
            ("inodes", self.inodes.to_string()),
            ("features", names(self.incompat, &INCOMPAT_NAMES)),
            ("uuid", uuid(&self.uuid)),
        ];
        if (0..1 << 40).contains(&created) {
            attributes.push(("created", iso_8601(created)));
        }
        if self.incompat & INCOMPAT_SETTINGS != 0 {
            let used = (0_u32..).zip(ALGORITHMS).filter(|(bit, _)| self.algorithms >> bit & 1 == 1);
            let used: Vec<&str> = used.map(|(_, name)| name).collect();
            attributes.push(("compression", used.join(",")));
        }
        if !self.label.is_empty() {
            attributes.push(("label", self.label.clone()));
        }
        if self.devices > 0 {
            attributes.push(("extra-devices", self.devices.to_string()));
        }
        attributes
    }
}

/// Compares the checksum: the kernel's CRC32C over the rest of the block with the field as zero.
fn verify(
    image: &Extent,
    view: View<'_>,
    compat: u32,
    block_log: u32,
) -> Result<Option<bool>, Fault> {
    if compat & COMPAT_CHECKSUM == 0 {
        return Ok(None);
    }
    let block_bytes = 1_u64 << block_log;
    let covered = if block_bytes > PLACE { block_bytes - PLACE } else { block_bytes };
    let Ok(bytes) = image.read(PLACE, covered) else { return Ok(Some(false)) };
    let stored = view.u32(4, Little)?;
    let magic = crc32c_seeded(!0, View(&bytes).bytes(0, 4)?);
    let zeroed = crc32c_seeded(magic, &[0; 4]);
    let computed = crc32c_seeded(zeroed, bytes.get(8..).unwrap_or_default());
    Ok(Some(agrees(stored, computed)))
}
