//! The superblock and the group descriptors (kernel `Documentation/filesystems/ext4/super.rst`
//! and `group_descr.rst`).

use crate::{Endian::Little, Extent, Fault, View, formats::support::guid::uuid};

/// Place of the superblock, whatever the block size.
pub(super) const SUPERBLOCK_PLACE: u64 = 1024;
/// Place of the magic in the superblock.
pub(super) const MAGIC_OFFSET: usize = 56;

/// `s_feature_compat`: a journal.
const COMPAT_JOURNAL: u32 = 0x4;
/// `s_feature_compat`: at most two backups of the superblock.
const COMPAT_SPARSE_SUPER2: u32 = 0x200;
/// `s_feature_incompat`: the journal must be replayed.
const INCOMPAT_RECOVER: u32 = 0x4;
/// `s_feature_incompat`: this is a journal and no file system.
const INCOMPAT_JOURNAL_DEVICE: u32 = 0x8;
/// `s_feature_incompat`: group descriptors are spread over meta groups.
const INCOMPAT_META_BG: u32 = 0x10;
/// `s_feature_incompat`: extents.
const INCOMPAT_EXTENTS: u32 = 0x40;
/// `s_feature_incompat`: 64-bit block numbers.
const INCOMPAT_64BIT: u32 = 0x80;
/// `s_feature_ro_compat`: blocks are taken in clusters of several.
const RO_COMPAT_BIGALLOC: u32 = 0x200;
/// `s_feature_ro_compat`: backups only in some groups.
const RO_COMPAT_SPARSE_SUPER: u32 = 0x1;

/// Names of the incompatible features, by bit, as e2fsprogs calls them.
const INCOMPAT_NAMES: [(u32, &str); 16] = [
    (0x1, "compression"),
    (0x2, "filetype"),
    (INCOMPAT_RECOVER, "needs_recovery"),
    (INCOMPAT_JOURNAL_DEVICE, "journal_dev"),
    (INCOMPAT_META_BG, "meta_bg"),
    (INCOMPAT_EXTENTS, "extent"),
    (INCOMPAT_64BIT, "64bit"),
    (0x100, "mmp"),
    (0x200, "flex_bg"),
    (0x400, "ea_inode"),
    (0x1000, "dirdata"),
    (0x2000, "metadata_csum_seed"),
    (0x4000, "large_dir"),
    (0x8000, "inline_data"),
    (0x1_0000, "encrypt"),
    (0x2_0000, "casefold"),
];

/// What the superblock says.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    pub(super) inode_count: u32,
    pub(super) block_count: u64,
    first_data_block: u32,
    pub(super) block_bytes: u32,
    blocks_per_group: u32,
    clusters_per_group: u32,
    inodes_per_group: u32,
    state: u16,
    revision: u32,
    pub(super) inode_bytes: u16,
    compat: u32,
    incompat: u32,
    ro_compat: u32,
    uuid: [u8; 16],
    label: String,
    last_mounted: String,
    descriptor_bytes: u16,
    first_meta_group: u32,
    pub(super) created: u32,
    pub(super) written: u32,
    backup_groups: [u32; 2],
    pub(super) journal_inode: u32,
    pub(super) journal_uuid: [u8; 16],
}

impl Superblock {
    /// Reads the superblock from the 1024 bytes that hold it; nothing if the fields do not fit.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let view = View(bytes);
        let u32_at = |offset| view.u32(offset, Little);
        let text = |offset, length| {
            view.text(offset, length).map(|text| String::from_utf8_lossy(text).into_owned())
        };
        let (log_block, revision, incompat) = (u32_at(24)?, u32_at(76)?, u32_at(96)?);
        if view.u16(MAGIC_OFFSET, Little)? != 0xef53 || log_block > 6 || revision > 1 {
            return Ok(None);
        }
        // Revision 0 has no fields behind the first 84 bytes.
        let dynamic = revision > 0;
        let ro_compat = u32_at(100)?;
        let wide = incompat & INCOMPAT_64BIT != 0;
        let block_count_high = if wide { u64::from(u32_at(336)?) } else { 0 };
        let superblock = Self {
            inode_count: u32_at(0)?,
            block_count: u64::from(u32_at(4)?) | block_count_high << 32,
            first_data_block: u32_at(20)?,
            block_bytes: 1024 << log_block,
            blocks_per_group: u32_at(32)?,
            // Without clusters of several blocks the field repeats the one before, or is the size
            // of fragments, which nobody ever made.
            clusters_per_group: if ro_compat & RO_COMPAT_BIGALLOC == 0 {
                u32_at(32)?
            } else {
                u32_at(36)?
            },
            journal_inode: if dynamic { u32_at(224)? } else { 0 },
            journal_uuid: view.array(208)?,
            inodes_per_group: u32_at(40)?,
            state: view.u16(58, Little)?,
            revision,
            inode_bytes: if dynamic { view.u16(88, Little)? } else { 128 },
            compat: u32_at(92)?,
            incompat,
            ro_compat,
            uuid: view.array(104)?,
            label: text(120, 16)?,
            last_mounted: text(136, 64)?,
            descriptor_bytes: if wide { view.u16(254, Little)? } else { 32 },
            first_meta_group: u32_at(260)?,
            created: u32_at(264)?,
            written: u32_at(48)?,
            backup_groups: [u32_at(588)?, u32_at(592)?],
        };
        // A backup of the superblock says in which group it stands: it is no file system's start.
        let primary = !dynamic || view.u16(90, Little)? == 0;
        Ok((primary && superblock.plausible()).then_some(superblock))
    }

    /// Whether the fields agree with each other.
    fn plausible(&self) -> bool {
        let bits = self.block_bytes.saturating_mul(8);
        let inode_bytes = u32::from(self.inode_bytes);
        let groups = self.group_count();
        let inodes = u64::from(self.inodes_per_group).checked_mul(groups);
        let first = u32::from(self.block_bytes == 1024);
        // Clusters begin at the very start, even where the superblock is in the second block.
        let clustered = self.ro_compat & RO_COMPAT_BIGALLOC != 0 && self.first_data_block == 0;
        (self.first_data_block == first || clustered)
            && (1..=bits).contains(&self.clusters_per_group)
            && self.blocks_per_group >= self.clusters_per_group
            && self.blocks_per_group.is_multiple_of(self.clusters_per_group)
            && (1..=bits).contains(&self.inodes_per_group)
            && inode_bytes.is_power_of_two()
            && (128..=self.block_bytes).contains(&inode_bytes)
            && (32..=1024).contains(&self.descriptor_bytes)
            && self.descriptor_bytes.is_power_of_two()
            && self.block_count > u64::from(self.first_data_block) + 1
            && self.length() < 1 << 60
            && inodes == Some(u64::from(self.inode_count))
    }

    /// Bytes of the file system.
    pub(super) fn length(&self) -> u64 {
        self.block_count.saturating_mul(u64::from(self.block_bytes))
    }

    fn group_count(&self) -> u64 {
        let blocks = self.block_count.saturating_sub(u64::from(self.first_data_block));
        blocks.div_ceil(u64::from(self.blocks_per_group.max(1)))
    }

    /// Whether it is the journal of another file system.
    pub(super) fn is_journal(&self) -> bool {
        self.incompat & INCOMPAT_JOURNAL_DEVICE != 0
    }

    /// Whether changes wait in the journal.
    pub(super) fn needs_recovery(&self) -> bool {
        self.incompat & INCOMPAT_RECOVER != 0
    }

    /// Bits of incompatible features that no name is known for.
    pub(super) fn unknown_features(&self) -> u32 {
        INCOMPAT_NAMES.iter().fold(self.incompat, |left, (bit, _)| left & !bit)
    }

    /// Place of an inode.
    pub(super) fn inode_place(&self, image: &Extent, number: u32) -> Result<u64, Fault> {
        if number == 0 || number > self.inode_count {
            let why = format!("number {number} of {}", self.inode_count);
            return Err(Fault::new(SUPERBLOCK_PLACE, "find an inode", why));
        }
        let group = u64::from((number - 1) / self.inodes_per_group);
        let index = u64::from((number - 1) % self.inodes_per_group);
        let place = self.descriptor_place(group);
        let descriptor = image.read(place, u64::from(self.descriptor_bytes))?;
        let view = View(&descriptor);
        let low = u64::from(view.u32(8, Little)?);
        let high = if self.descriptor_bytes >= 64 { u64::from(view.u32(40, Little)?) } else { 0 };
        let table = low | high << 32;
        if table >= self.block_count {
            let why = format!("group {group} has its inodes at block {table}");
            return Err(Fault::new(place, "find an inode", why));
        }
        Ok(table * u64::from(self.block_bytes) + index * u64::from(self.inode_bytes))
    }

    /// Place of a group's descriptor: in the table behind the superblock, or in the first block
    /// of its meta group.
    fn descriptor_place(&self, group: u64) -> u64 {
        let (block_bytes, descriptor_bytes) =
            (u64::from(self.block_bytes), u64::from(self.descriptor_bytes));
        let per_block = block_bytes / descriptor_bytes;
        let (meta_group, index) = (group / per_block, group % per_block);
        let first = u64::from(self.first_data_block);
        let superblock = SUPERBLOCK_PLACE / block_bytes;
        let spread =
            self.incompat & INCOMPAT_META_BG != 0 && meta_group >= u64::from(self.first_meta_group);
        let block = if spread {
            let leader = meta_group * per_block;
            let backup = u64::from(self.has_superblock(leader));
            let backup = if leader == 0 { superblock - first + backup } else { backup };
            first + leader.saturating_mul(u64::from(self.blocks_per_group)) + backup
        } else {
            superblock + 1 + meta_group
        };
        block.saturating_mul(block_bytes).saturating_add(index * descriptor_bytes)
    }

    /// Whether a group starts with a copy of the superblock.
    fn has_superblock(&self, group: u64) -> bool {
        if self.compat & COMPAT_SPARSE_SUPER2 != 0 {
            return group == 0 || self.backup_groups.iter().any(|&other| u64::from(other) == group);
        }
        let power_of = |base: u64| {
            let mut power = base;
            while power < group {
                power = power.saturating_mul(base);
            }
            power == group
        };
        self.ro_compat & RO_COMPAT_SPARSE_SUPER == 0
            || group <= 1
            || [3, 5, 7].into_iter().any(power_of)
    }

    /// The generation of the format, from its features.
    pub(super) fn version(&self) -> &'static str {
        // Bits that came with ext4: everything from extents on, and the checksums and large files.
        if self.incompat & !0x3f != 0 || self.ro_compat & !0x7 != 0 {
            "ext4"
        } else if self.compat & COMPAT_JOURNAL != 0 {
            "ext3"
        } else {
            "ext2"
        }
    }

    /// What an engineer wants to know.
    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let features: Vec<&str> = INCOMPAT_NAMES
            .iter()
            .filter(|(bit, _)| self.incompat & bit != 0)
            .map(|&(_, name)| name)
            .collect();
        let date = |seconds| crate::formats::support::date::iso_8601(i64::from(seconds));
        let mut attributes = vec![
            ("version", self.version().to_owned()),
            ("revision", self.revision.to_string()),
            ("block-size", self.block_bytes.to_string()),
            ("inodes", self.inode_count.to_string()),
            ("uuid", uuid(&self.uuid)),
            ("features", features.join(",")),
            ("last-written", date(self.written)),
            ("state", if self.state & 1 == 1 { "clean" } else { "not clean" }.to_owned()),
        ];
        if self.created > 0 {
            attributes.push(("created", date(self.created)));
        }
        for (name, value) in [("label", &self.label), ("last-mounted", &self.last_mounted)] {
            if !value.is_empty() {
                attributes.push((name, value.clone()));
            }
        }
        attributes
    }
}
