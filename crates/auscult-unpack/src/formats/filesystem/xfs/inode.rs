//! Inodes (`struct xfs_dinode`): fixed fields and a room for two forks, data and attributes.

use super::superblock::Superblock;
use crate::{Endian::Big, Extent, Fault, Metadata, View};

const MAGIC: u16 = 0x494e;
/// Bytes of the fixed fields, up to version 2 and of version 3.
const CORE_BYTES: usize = 100;
const CORE_3_BYTES: usize = 176;
/// `di_flags`: the data is on the realtime device.
const FLAG_REALTIME: u16 = 0x1;
/// `di_flags2`: times count nanoseconds; extent counts are wide.
const FLAG2_BIG_TIME: u64 = 1 << 3;
const FLAG2_WIDE_COUNTS: u64 = 1 << 4;
/// Big times begin this many seconds before 1970.
const BIG_TIME_EPOCH: i64 = 1 << 31;
const NANOSECONDS: u64 = 1_000_000_000;

/// What is in a fork (`enum xfs_dinode_fmt`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ForkFormat {
    /// The number of a device.
    Device,
    /// The bytes themselves.
    Local,
    /// A list of extents.
    Extents,
    /// The root of a tree of extents.
    Tree,
}

/// A fork of an inode.
#[derive(Clone, Debug)]
pub(super) struct Fork {
    pub(super) format: ForkFormat,
    pub(super) bytes: Vec<u8>,
    pub(super) extents: u64,
}

/// An inode, decoded.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) number: u64,
    pub(super) place: u64,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) links: u64,
    pub(super) is_realtime: bool,
    pub(super) metadata: Metadata,
    pub(super) data: Fork,
    pub(super) attributes: Option<Fork>,
}

impl Inode {
    pub(super) fn read(
        image: &Extent,
        superblock: &Superblock,
        number: u64,
    ) -> Result<Self, Fault> {
        let place = superblock.inode_place(number);
        let bytes = image.read(place, 1 << superblock.inode_log)?;
        Self::parse(&bytes, number, place).map_err(|fault| Fault { offset: place, ..fault })
    }

    fn parse(bytes: &[u8], number: u64, place: u64) -> Result<Self, Fault> {
        let view = View(bytes);
        let u16_at = |offset| view.u16(offset, Big);
        let u32_at = |offset| view.u32(offset, Big);
        let wrong = |why: String| Fault::new(place, "read an inode", why);
        let version = view.u8(4)?;
        if u16_at(0)? != MAGIC || !(1..=3).contains(&version) {
            return Err(wrong(format!("no inode stands in the place of number {number}")));
        }
        let is_3 = version == 3;
        if is_3 && view.u64(152, Big)? != number {
            return Err(wrong(format!("it is of another number than {number}")));
        }
        let flags2 = if is_3 { view.u64(120, Big)? } else { 0 };
        let wide = flags2 & FLAG2_WIDE_COUNTS != 0;
        let (extents, attribute_extents) = if wide {
            (view.u64(24, Big)?, u64::from(u32_at(76)?))
        } else {
            (u64::from(u32_at(76)?), u64::from(u16_at(80)?))
        };
        let modified = if flags2 & FLAG2_BIG_TIME != 0 {
            (view.u64(40, Big)? / NANOSECONDS).cast_signed() - BIG_TIME_EPOCH
        } else {
            i64::from(u32_at(40)?.cast_signed())
        };
        let room = bytes.get(if is_3 { CORE_3_BYTES } else { CORE_BYTES }..).unwrap_or_default();
        let fork_offset = usize::from(view.u8(82)?) * 8;
        let (data, attributes) = match fork_offset {
            0 => (room, None),
            offset => {
                let halves = room.split_at_checked(offset);
                let (data, attributes) =
                    halves.ok_or_else(|| wrong("a fork too far".to_owned()))?;
                (data, Some(attributes))
            }
        };
        let fork = |format: u8, bytes: &[u8], extents: u64| -> Result<Fork, Fault> {
            let format = match format {
                0 => ForkFormat::Device,
                1 => ForkFormat::Local,
                2 => ForkFormat::Extents,
                3 => ForkFormat::Tree,
                other => return Err(wrong(format!("a fork of format {other}"))),
            };
            Ok(Fork { format, bytes: bytes.to_vec(), extents })
        };
        let mode = u32::from(u16_at(2)?);
        Ok(Self {
            number,
            place,
            mode,
            size: view.u64(56, Big)?,
            links: if version == 1 { u16_at(6)?.into() } else { u32_at(16)?.into() },
            is_realtime: u16_at(90)? & FLAG_REALTIME != 0,
            metadata: Metadata {
                mode: Some(mode & 0o7777),
                user: Some(u32_at(8)?),
                group: Some(u32_at(12)?),
                modified: Some(modified),
                xattrs: Vec::new(),
            },
            data: fork(view.u8(5)?, data, extents)?,
            attributes: match attributes {
                Some(bytes) => Some(fork(view.u8(83)?, bytes, attribute_extents)?),
                None => None,
            },
        })
    }

    /// Major and minor number, packed as IRIX did: 14 and 18 bits.
    pub(super) fn device_number(&self) -> Result<(u32, u32), Fault> {
        let packed = View(&self.data.bytes).u32(0, Big)?;
        Ok((packed >> 18 & 0x3fff, packed & 0x3_ffff))
    }
}
