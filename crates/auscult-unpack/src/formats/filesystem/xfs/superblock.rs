//! The superblock (`struct xfs_dsb`); everything in XFS is big-endian but its checksums.

use crate::{
    Endian::{Big, Little},
    Extent, Fault, View,
    checksum::{agrees, crc32c_seeded},
    formats::support::guid::uuid,
};

const BYTES: u64 = 512;
const CHECKSUM_PLACE: usize = 224;

/// `sb_versionnum`: directories of the second version, further features.
const VERSION_DIRECTORY_2: u16 = 0x2000;
const VERSION_MORE: u16 = 0x8000;
/// `sb_features2`: entries of directories have a type.
const FEATURES2_FTYPE: u32 = 0x200;
/// `sb_features_incompat`.
const INCOMPAT_FTYPE: u32 = 0x1;
const INCOMPAT_NEEDS_REPAIR: u32 = 0x10;
const INCOMPAT_NAMES: [(u32, &str); 10] = [
    (INCOMPAT_FTYPE, "ftype"),
    (0x2, "sparse"),
    (0x4, "meta_uuid"),
    (0x8, "bigtime"),
    (INCOMPAT_NEEDS_REPAIR, "needsrepair"),
    (0x20, "nrext64"),
    (0x40, "exchange"),
    (0x80, "parent"),
    (0x100, "metadir"),
    (0x200, "zoned"),
];
const RO_COMPAT_NAMES: [(u32, &str); 4] =
    [(0x1, "finobt"), (0x2, "rmapbt"), (0x4, "reflink"), (0x8, "inobtcount")];

/// What the superblock says.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    pub(super) block_log: u32,
    blocks: u64,
    pub(super) root: u64,
    group_blocks: u64,
    group_block_log: u32,
    inodes_log: u32,
    pub(super) inode_log: u32,
    pub(super) directory_block_log: u32,
    pub(super) version: u16,
    pub(super) has_types: bool,
    /// Whether directories are of the second version, which alone is read.
    pub(super) has_directories_2: bool,
    incompat: u32,
    ro_compat: u32,
    uuid: [u8; 16],
    label: String,
    /// Whether the stored checksum is right; nothing where there is none.
    pub(super) checksum_holds: Option<bool>,
}

impl Superblock {
    /// Reads the superblock; nothing if its fields do not fit.
    pub(super) fn read(image: &Extent) -> Result<Option<Self>, Fault> {
        let bytes = image.read(0, BYTES)?;
        let view = View(&bytes);
        let u32_at = |offset| view.u32(offset, Big);
        let log = |offset| view.u8(offset).map(u32::from);
        let number = view.u16(100, Big)?;
        let version = number & 0xf;
        let (block_log, sector_log) = (log(120)?, log(121)?);
        let (inode_log, inodes_log) = (log(122)?, log(123)?);
        let (group_blocks, groups) = (u64::from(u32_at(84)?), u64::from(u32_at(88)?));
        let group_block_log = log(124)?;
        let blocks = view.u64(8, Big)?;
        let power = |log: u32, value: u32| log < 32 && 1_u32 << log == value;
        let fits = matches!(version, 4 | 5)
            && (9..=16).contains(&block_log)
            && power(block_log, u32_at(4)?)
            && (9..=15).contains(&sector_log)
            && power(sector_log, view.u16(102, Big)?.into())
            && (8..=11).contains(&inode_log)
            && power(inode_log, view.u16(104, Big)?.into())
            && block_log.checked_sub(inode_log) == Some(inodes_log)
            && power(inodes_log, view.u16(106, Big)?.into())
            && group_blocks >= 1
            && group_block_log <= 31
            && group_blocks <= 1 << group_block_log
            && group_blocks.saturating_mul(groups) >= blocks
            && group_blocks.saturating_mul(groups.saturating_sub(1)) < blocks
            && log(192)? + block_log <= 16;
        if !fits {
            return Ok(None);
        }
        let is_5 = version == 5;
        let features2 = if number & VERSION_MORE != 0 { u32_at(200)? } else { 0 };
        let incompat = if is_5 { u32_at(216)? } else { 0 };
        let sector = image.read(0, 1 << sector_log)?;
        Ok(Some(Self {
            block_log,
            blocks,
            root: view.u64(56, Big)?,
            group_blocks,
            group_block_log,
            inodes_log,
            inode_log,
            directory_block_log: block_log + log(192)?,
            version,
            has_types: incompat & INCOMPAT_FTYPE != 0 || features2 & FEATURES2_FTYPE != 0,
            has_directories_2: is_5 || number & VERSION_DIRECTORY_2 != 0,
            incompat,
            ro_compat: if is_5 { u32_at(212)? } else { 0 },
            uuid: view.array(32)?,
            label: String::from_utf8_lossy(view.text(108, 12)?).into_owned(),
            checksum_holds: is_5.then(|| verify(&sector, CHECKSUM_PLACE)),
        }))
    }

    pub(super) fn block_bytes(&self) -> u64 {
        1 << self.block_log
    }

    /// Bytes of the file system.
    pub(super) fn length(&self) -> u64 {
        self.blocks << self.block_log
    }

    pub(super) fn is_5(&self) -> bool {
        self.version == 5
    }

    pub(super) fn needs_repair(&self) -> bool {
        self.incompat & INCOMPAT_NEEDS_REPAIR != 0
    }

    pub(super) fn unknown_features(&self) -> u32 {
        INCOMPAT_NAMES.iter().fold(self.incompat, |left, (bit, _)| left & !bit)
    }

    /// Place of a block, whose number has that of its group in its upper bits.
    pub(super) fn block_place(&self, block: u64) -> u64 {
        let group = block >> self.group_block_log;
        let within = block & ((1 << self.group_block_log) - 1);
        let number = group.saturating_mul(self.group_blocks).saturating_add(within);
        number.saturating_mul(self.block_bytes())
    }

    /// Place of an inode, whose number is that of its block and of the inode in it.
    pub(super) fn inode_place(&self, number: u64) -> u64 {
        let within = number & ((1 << self.inodes_log) - 1);
        self.block_place(number >> self.inodes_log).saturating_add(within << self.inode_log)
    }

    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let names = |bits: u32, names: &[(u32, &'static str)]| {
            let set = names.iter().filter(|(bit, _)| bits & bit != 0).map(|&(_, name)| name);
            set.collect::<Vec<_>>()
        };
        let mut features = names(self.incompat, &INCOMPAT_NAMES);
        features.extend(names(self.ro_compat, &RO_COMPAT_NAMES));
        if !self.is_5() && self.has_types {
            features.push("ftype");
        }
        let mut attributes = vec![
            ("version", self.version.to_string()),
            ("block-size", self.block_bytes().to_string()),
            ("inode-size", (1_u32 << self.inode_log).to_string()),
            ("uuid", uuid(&self.uuid)),
            ("features", features.join(",")),
        ];
        if !self.label.is_empty() {
            attributes.push(("label", self.label.clone()));
        }
        attributes
    }
}

/// Compares the CRC32C of a structure, computed with its field as zeros.
pub(super) fn verify(bytes: &[u8], place: usize) -> bool {
    let Ok(stored) = View(bytes).u32(place, Little) else { return false };
    let start = crc32c_seeded(!0, bytes.get(..place).unwrap_or_default());
    let zeroed = crc32c_seeded(start, &[0; 4]);
    agrees(stored, !crc32c_seeded(zeroed, bytes.get(place + 4..).unwrap_or_default()))
}
