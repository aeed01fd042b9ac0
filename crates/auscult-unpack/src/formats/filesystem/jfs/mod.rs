//! JFS of Linux and OS/2 (kernel `fs/jfs/jfs_superblock.h`, `jfs_dinode.h`, `jfs_dtree.h`,
//! `jfs_xtree.h`). All of it is little-endian.
//!
//! The log is not replayed: a file system that was not taken down says so.

mod directory;
mod inode;
#[cfg(test)]
mod tests;
mod walk;
mod xattr;
mod xtree;

use self::walk::{ROOT, Reader};
use crate::{
    Endian::Little,
    Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{date::iso_8601, guid::uuid, walk::walk},
};

/// Place of the superblock.
const PLACE: u64 = 0x8000;

pub(crate) static FORMAT: Format =
    Format { name: "jfs", magics: &[Magic::at(0x8000, b"JFS1")], carve: true, open };

/// `s_flag`: made by Linux, by OS/2; directories have a table of their entries.
const FLAG_LINUX: u32 = 0x1000_0000;
const FLAG_OS2: u32 = 0x4000_0000;
const FLAG_DIRECTORY_INDEX: u32 = 0x0020_0000;
/// `s_flag`: the log is in the image.
const FLAG_INLINE_LOG: u32 = 0x800;

/// An extent: 24 bits of length, 40 bits of place, both in blocks (`pxd_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pxd {
    pub(super) block: u64,
    pub(super) count: u64,
}

impl Pxd {
    pub(super) fn parse(view: View<'_>, at: usize) -> Result<Self, Fault> {
        let (first, second) = (view.u32(at, Little)?, view.u32(at + 4, Little)?);
        Ok(Self {
            block: u64::from(first >> 24) << 32 | u64::from(second),
            count: u64::from(first & 0xff_ffff),
        })
    }
}

/// What the superblock says.
struct Superblock {
    version: u32,
    block_log: u32,
    length: u64,
    flags: u32,
    state: u32,
    created: u32,
    uuid: [u8; 16],
    label: String,
}

impl Superblock {
    fn read(image: &Extent) -> Result<Option<Self>, Fault> {
        let bytes = image.read(PLACE, 184)?;
        let view = View(&bytes);
        let u32_at = |offset| view.u32(offset, Little);
        let (block_bytes, block_log) = (u32_at(16)?, u32::from(view.u16(20, Little)?));
        let (sector_bytes, sector_log) = (u32_at(24)?, u32::from(view.u16(28, Little)?));
        let power = |log: u32, value: u32| log < 32 && 1_u32 << log == value;
        let version = u32_at(4)?;
        let fits = (1..=2).contains(&version)
            && (9..=12).contains(&block_log)
            && power(block_log, block_bytes)
            && power(sector_log, sector_bytes)
            && sector_log <= block_log
            && u32_at(32)?.is_power_of_two();
        if !fits {
            return Ok(None);
        }
        // The log and the room of the checker follow the file system itself.
        let mut length = view.u64(8, Little)?.saturating_mul(sector_bytes.into());
        for (at, here) in [(72, u32_at(36)? & FLAG_INLINE_LOG != 0), (80, true)] {
            let behind = Pxd::parse(view, at)?;
            let end = behind.block.saturating_add(behind.count) << block_log;
            length = length.max(if here { end } else { 0 });
        }
        // The second version has a label of 16 bytes, the first one of 11.
        let (label, label_bytes) = if version == 1 { (101, 11) } else { (152, 16) };
        let superblock = Self {
            version,
            block_log,
            length,
            flags: u32_at(36)?,
            state: u32_at(40)?,
            created: u32_at(88)?,
            uuid: view.array(136)?,
            label: String::from_utf8_lossy(view.text(label, label_bytes)?).trim().to_owned(),
        };
        Ok((length > PLACE && length < 1 << 60).then_some(superblock))
    }

    /// Whether entries of directories have a number in a table, which takes room of the name.
    fn has_directory_index(&self) -> bool {
        self.flags & FLAG_DIRECTORY_INDEX != 0
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let maker = match self.flags & (FLAG_LINUX | FLAG_OS2) {
            FLAG_LINUX => "Linux",
            FLAG_OS2 => "OS/2",
            _ => "unknown",
        };
        let state = if self.state == 0 { "clean" } else { "not clean" };
        let mut attributes = vec![
            ("version", self.version.to_string()),
            ("block-size", (1_u32 << self.block_log).to_string()),
            ("uuid", uuid(&self.uuid)),
            ("made-for", maker.to_owned()),
            ("state", state.to_owned()),
        ];
        if self.created > 0 {
            attributes.push(("last-written", iso_8601(self.created.into())));
        }
        if !self.label.is_empty() {
            attributes.push(("label", self.label.clone()));
        }
        attributes
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let superblock = Superblock::read(&candidate.extent)?.ok_or(NotThis)?;
    let image = candidate.extent.clamp(0, superblock.length);
    let mut opened = Opened {
        length: superblock.length,
        attributes: superblock.attributes(),
        ..Opened::default()
    };
    if superblock.state != 0 {
        let why = "changes may wait in the log, which is not replayed";
        opened.faults.push(Fault::new(PLACE, "read the latest state", why));
    }
    let mut reader = Reader::new(&image, superblock.block_log, superblock.has_directory_index());
    let (entries, faults) = walk(&image, &mut reader, ROOT);
    if entries.is_empty() {
        let reason = faults.first().map_or_else(String::new, ToString::to_string);
        opened.unread = Some(format!("the root directory could not be read: {reason}"));
    }
    opened.entries = entries;
    opened.faults.extend(faults);
    Ok(opened)
}
