//! Object headers: a chunk for each state of a file, directory or link (`struct yaffs_obj_hdr`).

use crate::{Endian, Fault, View};

/// Bytes of a header; the rest of its chunk may hold extended attributes.
pub(super) const HEADER_BYTES: u64 = 512;
/// Objects that a file system makes itself (`YAFFS_OBJECTID_…`).
pub(super) const ROOT: u32 = 1;
pub(super) const LOST_AND_FOUND: u32 = 2;
const UNLINKED: u32 = 3;
const DELETED: u32 = 4;
/// Largest number of an object (`YAFFS_MAX_OBJECT_ID`).
pub(super) const OBJECT_MAX: u32 = 0x3_ffff;

/// Places of the fields.
const NAME: usize = 10;
const NAME_BYTES: usize = 256;
const ALIAS: usize = 300;
const ALIAS_BYTES: usize = 160;

/// What an object is (`enum yaffs_obj_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Symlink,
    Directory,
    Hardlink,
    Special,
}

/// An object's header.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) parent: u32,
    pub(super) name: Vec<u8>,
    pub(super) mode: u32,
    pub(super) user: u32,
    pub(super) group: u32,
    pub(super) modified: u32,
    pub(super) size: u64,
    /// The object that a hard link means.
    pub(super) equivalent: u32,
    pub(super) target: Vec<u8>,
    pub(super) device: u32,
    /// Whether the file was cut to this size: what it had behind it is gone for good.
    pub(super) is_shrink: bool,
    /// An object that this one took the place of.
    pub(super) shadows: Option<u32>,
}

impl Header {
    /// Reads a header; nothing where the fields do not fit together.
    pub(super) fn parse(bytes: &[u8], endian: Endian) -> Option<Self> {
        Self::read(View(bytes), endian).ok().flatten()
    }

    fn read(view: View<'_>, endian: Endian) -> Result<Option<Self>, Fault> {
        let word = |offset| view.u32(offset, endian);
        let kind = match word(0)? {
            1 => Kind::File,
            2 => Kind::Symlink,
            3 => Kind::Directory,
            4 => Kind::Hardlink,
            5 => Kind::Special,
            _ => return Ok(None),
        };
        let (parent, mode) = (word(4)?, word(268)?);
        let name = view.text(NAME, NAME_BYTES)?;
        let mode_fits = match (kind, mode >> 12) {
            // Links have the mode of what they mean, or none.
            (Kind::Hardlink, _)
            | (Kind::File, 0o10)
            | (Kind::Symlink, 0o12)
            | (Kind::Directory, 0o4) => true,
            (Kind::Special, bits) => matches!(bits, 0o1 | 0o2 | 0o6 | 0o14),
            _ => false,
        };
        // The checksum is no longer used and always set or empty; the root has no name.
        let fits = mode_fits
            && matches!(view.u16(8, endian)?, 0 | 0xffff)
            && (1..=OBJECT_MAX).contains(&parent)
            && (!name.is_empty() || kind == Kind::Directory)
            && name.len() < NAME_BYTES
            && !name.contains(&b'/');
        if !fits {
            return Ok(None);
        }
        let (low, high) = (word(292)?, word(496)?);
        let high = if high == u32::MAX { 0 } else { high };
        let positive = |number: u32| (1..=OBJECT_MAX).contains(&number).then_some(number);
        let either = |one: u32, other: u32| positive(one).or_else(|| positive(other));
        Ok(Some(Self {
            kind,
            parent,
            name: name.to_vec(),
            mode,
            user: word(272)?,
            group: word(276)?,
            modified: word(284)?,
            size: u64::from(high) << 32 | u64::from(low),
            equivalent: word(296)?,
            target: view.text(ALIAS, ALIAS_BYTES)?.to_vec(),
            device: word(460)?,
            // Tags in the page take the last fields, which then stand further up.
            is_shrink: word(508)? == 1 || word(492)? == 1,
            shadows: either(word(504)?, word(488)?),
        }))
    }

    /// Whether it says that the object has no name any more.
    pub(super) fn is_removal(&self) -> bool {
        matches!(self.parent, UNLINKED | DELETED)
    }
}

/// The extended attributes behind a header (`yaffs_nameval.c`): records of a length that counts
/// itself, a name with a zero, and a value.
pub(super) fn attributes(area: &[u8], endian: Endian) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut attributes, mut rest) = (Vec::new(), area);
    while let Ok(length) = View(rest).u32(0, endian) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let record = rest.get(4..length).unwrap_or_default();
        let Some(end) = record.iter().position(|&byte| byte == 0) else { break };
        let (name, value) = record.split_at(end);
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            break;
        }
        attributes.push((name.to_vec(), value.get(1..).unwrap_or_default().to_vec()));
        rest = rest.get(length..).unwrap_or_default();
    }
    attributes
}
