//! The superblock (`struct btrfs_super_block`) and the checksums of all metadata.

use blake2::{Blake2b256, Digest as _};
use sha2::Sha256;

use crate::{
    Endian::Little,
    Extent, Fault, View,
    checksum::{agrees, crc32c_seeded},
    formats::support::guid::uuid,
};

/// Places of the superblock and its mirrors (`btrfs_sb_offset`).
const PLACES: [u64; 3] = [0x1_0000, 0x400_0000, 0x40_0000_0000];
pub(super) const PLACE: u64 = 0x1_0000;
/// Place of the magic in it.
pub(super) const MAGIC_OFFSET: usize = 64;
pub(super) const MAGIC: &[u8] = b"_BHRfS_M";
const BYTES: u64 = 4096;
/// Room for the chunks that hold the chunk tree.
const SYSTEM_CHUNKS: usize = 811;
const SYSTEM_CHUNKS_BYTES_MAX: usize = 2048;
/// Bytes of a checksum's field, which the checksum leaves out.
const CHECKSUM_BYTES: usize = 32;

const INCOMPAT_NAMES: [(u64, &str); 16] = [
    (0x1, "mixed-backref"),
    (0x2, "default-subvol"),
    (0x4, "mixed-groups"),
    (0x8, "compress-lzo"),
    (0x10, "compress-zstd"),
    (0x20, "big-metadata"),
    (0x40, "extended-iref"),
    (0x80, "raid56"),
    (0x100, "skinny-metadata"),
    (0x200, "no-holes"),
    (0x400, "metadata-uuid"),
    (0x800, "raid1c34"),
    (0x1000, "zoned"),
    (0x2000, "extent-tree-v2"),
    (0x4000, "raid-stripe-tree"),
    (0x1_0000, "simple-quota"),
];
/// Where extents are on RAID is told by a tree of its own.
const INCOMPAT_STRIPE_TREE: u64 = 0x4000;

/// How blocks of metadata are summed up (`csum_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checksum {
    Crc32c,
    XxHash64,
    Sha256,
    Blake2,
}

impl Checksum {
    fn of_number(number: u16) -> Option<Self> {
        Some(match number {
            0 => Self::Crc32c,
            1 => Self::XxHash64,
            2 => Self::Sha256,
            3 => Self::Blake2,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Crc32c => "crc32c",
            Self::XxHash64 => "xxhash64",
            Self::Sha256 => "sha256",
            Self::Blake2 => "blake2b",
        }
    }

    /// Whether the checksum at the start of a block of metadata is right.
    pub(super) fn holds(self, block: &[u8]) -> bool {
        let Some((stored, covered)) = block.split_at_checked(CHECKSUM_BYTES) else { return false };
        let mut computed = [0; CHECKSUM_BYTES];
        let fill = |computed: &mut [u8; CHECKSUM_BYTES], bytes: &[u8]| {
            if let Some(start) = computed.get_mut(..bytes.len()) {
                start.copy_from_slice(bytes);
            }
        };
        let used = match self {
            Self::Crc32c => {
                fill(&mut computed, &(!crc32c_seeded(!0, covered)).to_le_bytes());
                4
            }
            Self::XxHash64 => {
                let hash = twox_hash::XxHash64::oneshot(0, covered);
                fill(&mut computed, &hash.to_le_bytes());
                8
            }
            Self::Sha256 => {
                computed = Sha256::digest(covered).into();
                CHECKSUM_BYTES
            }
            Self::Blake2 => {
                computed = Blake2b256::digest(covered).into();
                CHECKSUM_BYTES
            }
        };
        agrees(stored.get(..used), computed.get(..used))
    }
}

/// What the superblock says.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    /// Which mirror it was read from.
    pub(super) mirror: usize,
    pub(super) checksum: Checksum,
    pub(super) root_tree: u64,
    pub(super) chunk_tree: u64,
    pub(super) log_tree: u64,
    /// Object of the root tree with the name of the default subvolume.
    pub(super) root_directory: u64,
    total_bytes: u64,
    device_bytes: u64,
    pub(super) device: u64,
    devices: u64,
    pub(super) sector_bytes: u32,
    pub(super) node_bytes: u32,
    pub(super) system_chunks: Vec<u8>,
    generation: u64,
    incompat: u64,
    fsid: [u8; 16],
    label: String,
}

impl Superblock {
    /// Reads the first superblock whose checksum holds; nothing if there is none.
    pub(super) fn read(image: &Extent) -> Option<Self> {
        (0..)
            .zip(PLACES)
            .find_map(|(mirror, place)| Self::read_at(image, mirror, place).ok().flatten())
    }

    fn read_at(image: &Extent, mirror: usize, place: u64) -> Result<Option<Self>, Fault> {
        let bytes = image.read(place, BYTES)?;
        let view = View(&bytes);
        let u64_at = |offset| view.u64(offset, Little);
        let u32_at = |offset| view.u32(offset, Little);
        let Some(checksum) = Checksum::of_number(view.u16(196, Little)?) else { return Ok(None) };
        let is_magic = view.bytes(MAGIC_OFFSET, MAGIC.len())? == MAGIC;
        if !is_magic || u64_at(48)? != place || !checksum.holds(&bytes) {
            return Ok(None);
        }
        let system_bytes = usize::try_from(u32_at(160)?).unwrap_or(usize::MAX);
        let superblock = Self {
            mirror,
            checksum,
            root_tree: u64_at(80)?,
            chunk_tree: u64_at(88)?,
            log_tree: u64_at(96)?,
            root_directory: u64_at(128)?,
            total_bytes: u64_at(112)?,
            device: u64_at(201)?,
            device_bytes: u64_at(209)?,
            devices: u64_at(136)?,
            sector_bytes: u32_at(144)?,
            node_bytes: u32_at(148)?,
            system_chunks: view
                .bytes(SYSTEM_CHUNKS, system_bytes.min(SYSTEM_CHUNKS_BYTES_MAX))?
                .to_vec(),
            generation: u64_at(72)?,
            incompat: u64_at(188)?,
            fsid: view.array(32)?,
            label: String::from_utf8_lossy(view.text(299, 256)?).into_owned(),
        };
        let size = |bytes: u32| bytes.is_power_of_two() && (512..=65_536).contains(&bytes);
        let fits = size(superblock.sector_bytes)
            && size(superblock.node_bytes)
            && system_bytes <= SYSTEM_CHUNKS_BYTES_MAX
            && superblock.device_bytes > PLACE
            && superblock.device_bytes < 1 << 60;
        Ok(fits.then_some(superblock))
    }

    /// Bytes of the device.
    pub(super) fn length(&self) -> u64 {
        self.device_bytes
    }

    pub(super) fn has_stripe_tree(&self) -> bool {
        self.incompat & INCOMPAT_STRIPE_TREE != 0
    }

    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let features = INCOMPAT_NAMES.iter().filter(|(bit, _)| self.incompat & bit != 0);
        let features: Vec<&str> = features.map(|&(_, name)| name).collect();
        let mut attributes = vec![
            ("uuid", uuid(&self.fsid)),
            ("generation", self.generation.to_string()),
            ("node-size", self.node_bytes.to_string()),
            ("sector-size", self.sector_bytes.to_string()),
            ("checksum", self.checksum.name().to_owned()),
            ("features", features.join(",")),
        ];
        if !self.label.is_empty() {
            attributes.push(("label", self.label.clone()));
        }
        if self.devices > 1 {
            attributes.push(("devices", self.devices.to_string()));
            attributes.push(("device", self.device.to_string()));
            attributes.push(("total-size", self.total_bytes.to_string()));
        }
        attributes
    }
}
