//! Entries of files, plain and extended (ECMA-167 4/14.9 and 4/14.17).

use super::descriptor::{EXTENDED_FILE, FILE, LongAddress, TAG_BYTES, Tag, time};
use crate::{Endian::Little, Fault, Metadata, View};

/// Kinds of files (4/14.6.6).
pub(super) const DIRECTORY: u8 = 4;
pub(super) const REGULAR: u8 = 5;
pub(super) const BLOCK_DEVICE: u8 = 6;
pub(super) const CHARACTER_DEVICE: u8 = 7;
pub(super) const FIFO: u8 = 9;
pub(super) const SOCKET: u8 = 10;
pub(super) const SYMLINK: u8 = 12;
pub(super) const REAL_TIME: u8 = 249;
/// The strategy that keeps all versions of an entry.
const STRATEGY_VERSIONS: u16 = 4096;
/// Flags of the entry: setuid, setgid, sticky.
const SPECIAL: [(u16, u32); 3] = [(0x40, 0o4000), (0x80, 0o2000), (0x100, 0o1000)];
/// An attribute that holds the numbers of a device.
const DEVICE_ATTRIBUTE: u32 = 12;
/// Nobody in particular.
const NO_OWNER: u32 = u32::MAX;

/// What an entry says.
#[derive(Clone, Debug)]
pub(super) struct FileEntry {
    pub(super) kind: u8,
    pub(super) size: u64,
    pub(super) links: u16,
    pub(super) metadata: Metadata,
    /// Whether further versions of the entry follow.
    pub(super) has_versions: bool,
    /// The directory of its streams.
    pub(super) streams: Option<LongAddress>,
    /// Major and minor number.
    pub(super) device: Option<(u32, u32)>,
    /// Kind of the allocation descriptors, their bytes, and where these are in the block.
    pub(super) allocation: u8,
    pub(super) descriptors: Vec<u8>,
    pub(super) descriptors_at: u64,
}

impl FileEntry {
    /// Reads an entry from its block.
    pub(super) fn parse(block: &[u8]) -> Result<Self, Fault> {
        let tag = Tag::read(block)?;
        let view = View(block);
        let extended = match tag.kind {
            FILE => false,
            EXTENDED_FILE => true,
            kind => {
                let why = format!("a descriptor of kind {kind}");
                return Err(Fault::new(0, "read the entry of a file", why));
            }
        };
        let size_at = |plain: usize, extended_at: usize| -> Result<usize, Fault> {
            let at = if extended { extended_at } else { plain };
            Ok(usize::try_from(view.u32(at, Little)?).unwrap_or(usize::MAX))
        };
        let attributes_at = if extended { 216 } else { 176 };
        let attributes = view.bytes(attributes_at, size_at(168, 208)?)?;
        let descriptors_at = attributes_at + attributes.len();
        let descriptors = view.bytes(descriptors_at, size_at(172, 212)?)?;
        let flags = view.u16(TAG_BYTES + 18, Little)?;
        let owner = |at| Ok::<_, Fault>(Some(view.u32(at, Little)?).filter(|&id| id != NO_OWNER));
        let streams = if extended { Some(LongAddress::read(view, 152)?) } else { None };
        Ok(Self {
            kind: view.u8(TAG_BYTES + 11)?,
            size: view.u64(56, Little)?,
            links: view.u16(48, Little)?,
            metadata: Metadata {
                mode: Some(mode(view.u32(44, Little)?, flags)),
                user: owner(36)?,
                group: owner(40)?,
                modified: time(view, if extended { 92 } else { 84 }),
                xattrs: Vec::new(),
            },
            has_versions: view.u16(TAG_BYTES + 4, Little)? == STRATEGY_VERSIONS,
            streams: streams.filter(|streams| streams.length > 0),
            device: device(attributes),
            allocation: u8::try_from(flags & 7).unwrap_or(u8::MAX),
            descriptors: descriptors.to_vec(),
            descriptors_at: u64::try_from(descriptors_at).unwrap_or(u64::MAX),
        })
    }
}

/// Permissions of others, group and owner, five bits each, of which the first three are those of
/// Unix.
fn mode(permissions: u32, flags: u16) -> u32 {
    let class = |shift: u32| permissions >> shift & 7;
    let plain = class(10) << 6 | class(5) << 3 | class(0);
    SPECIAL
        .iter()
        .fold(plain, |mode, &(flag, bit)| if flags & flag == 0 { mode } else { mode | bit })
}

/// The numbers of a device, from the extended attributes behind their header.
fn device(attributes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = attributes.get(24..)?;
    loop {
        let view = View(rest);
        let length = usize::try_from(view.u32(8, Little).ok()?).ok()?;
        if view.u32(0, Little).ok()? == DEVICE_ATTRIBUTE {
            return Some((view.u32(16, Little).ok()?, view.u32(20, Little).ok()?));
        }
        rest = rest.get(length.max(12)..)?;
    }
}
