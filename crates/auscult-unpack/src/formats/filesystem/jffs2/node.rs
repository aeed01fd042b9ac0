//! Nodes of the log: a common header with its own checksum, and a body for each type
//! (kernel `include/uapi/linux/jffs2.h`).

use std::sync::LazyLock;

use auscult_model::ByteName;

use crate::{Endian, Fault, View, checksum::agrees};

/// Starts every node (`JFFS2_MAGIC_BITMASK`).
const MAGIC: u16 = 0x1985;
/// Cleared in the type of a node that was superseded; the checksum is made with it set.
const ACCURATE: u16 = 0x2000;
/// Bits of the types that a reader must know.
const INCOMPATIBLE: u16 = 0xc000;
/// Bytes of the common header.
pub(super) const HEADER_BYTES: usize = 12;
/// Longest node: a page of 64 KiB that did not compress, with its header.
const NODE_BYTES_MAX: u32 = 72 << 10;

/// The header of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: u16,
    pub(super) obsolete: bool,
    pub(super) length: u32,
}

impl Header {
    /// Reads a header; nothing where the magic, the checksum or the length is wrong.
    pub(super) fn parse(bytes: &[u8], endian: Endian) -> Option<Self> {
        let view = View(bytes);
        let kind = view.u16(2, endian).ok()?;
        let length = view.u32(4, endian).ok()?;
        if view.u16(0, endian).ok()? != MAGIC || !(12..=NODE_BYTES_MAX).contains(&length) {
            return None;
        }
        let kind_signed = match endian {
            Endian::Little => (kind | ACCURATE).to_le_bytes(),
            Endian::Big => (kind | ACCURATE).to_be_bytes(),
        };
        let mut signed = view.array::<8>(0).ok()?;
        signed.get_mut(2..4)?.copy_from_slice(&kind_signed);
        let fits = agrees(view.u32(8, endian).ok()?, checksum(&signed));
        let obsolete = kind & ACCURATE == 0;
        fits.then_some(Self { kind: kind | ACCURATE, obsolete, length })
    }
}

/// A node that matters, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A name in a directory; inode 0 takes the name away.
    Name(Name),
    /// Metadata of an inode with a piece of its data.
    Inode(InodeNode),
    /// An extended attribute.
    Attribute(AttributeNode),
    /// An inode has an attribute, or has it no more.
    Reference(Reference),
    /// Marks, padding, summaries.
    Filler,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) parent: u32,
    pub(super) version: u32,
    pub(super) inode: u32,
    pub(super) text: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InodeNode {
    pub(super) inode: u32,
    pub(super) version: u32,
    pub(super) mode: u32,
    pub(super) user: u16,
    pub(super) group: u16,
    pub(super) size: u32,
    pub(super) modified: u32,
    /// Place of the piece in the file and its length there.
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) compression: u8,
    /// Place of the stored bytes in the image, and their length.
    pub(super) place: u64,
    pub(super) stored_bytes: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AttributeNode {
    pub(super) id: u32,
    pub(super) version: u32,
    pub(super) name: ByteName,
    pub(super) value: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) inode: u32,
    pub(super) attribute: u32,
    /// Odd where the attribute was removed.
    pub(super) sequence: u32,
}

/// Decodes a whole node at `place` of the image.
///
/// # Errors
/// A checksum that does not fit, or a type that a reader must know and this one does not.
pub(super) fn parse(
    header: Header,
    bytes: &[u8],
    place: u64,
    endian: Endian,
) -> Result<Node, Fault> {
    let node = Body { view: View(bytes), place, endian };
    match header.kind {
        0xe001 => node.name(),
        0xe002 => node.inode(),
        0xe008 => node.attribute(),
        0xe009 => node.reference(),
        kind if kind & INCOMPATIBLE == INCOMPATIBLE => {
            Err(Fault::new(place, "read a node", format!("type {kind:#06x} is not known")))
        }
        _ => Ok(Node::Filler),
    }
}

struct Body<'node> {
    view: View<'node>,
    place: u64,
    endian: Endian,
}

impl Body<'_> {
    fn u32(&self, offset: usize) -> Result<u32, Fault> {
        self.view.u32(offset, self.endian)
    }

    /// Checks `length` bytes from `start` against the checksum at `stored`.
    fn check(&self, start: usize, length: usize, stored: usize) -> Result<(), Fault> {
        if agrees(self.u32(stored)?, checksum(self.view.bytes(start, length)?)) {
            return Ok(());
        }
        Err(Fault::new(self.place, "read a node", "the checksum does not fit"))
    }

    fn name(&self) -> Result<Node, Fault> {
        self.check(0, 32, 32)?;
        let length = usize::from(self.view.u8(28)?);
        self.check(40, length, 36)?;
        Ok(Node::Name(Name {
            parent: self.u32(12)?,
            version: self.u32(16)?,
            inode: self.u32(20)?,
            text: self.view.bytes(40, length)?.to_vec(),
        }))
    }

    fn inode(&self) -> Result<Node, Fault> {
        self.check(0, 60, 64)?;
        let stored_bytes = self.u32(48)?;
        self.check(68, usize::try_from(stored_bytes).unwrap_or(usize::MAX), 60)?;
        Ok(Node::Inode(InodeNode {
            inode: self.u32(12)?,
            version: self.u32(16)?,
            mode: self.u32(20)?,
            user: self.view.u16(24, self.endian)?,
            group: self.view.u16(26, self.endian)?,
            size: self.u32(28)?,
            modified: self.u32(36)?,
            offset: self.u32(44)?,
            length: self.u32(52)?,
            compression: self.view.u8(56)?,
            place: self.place.saturating_add(68),
            stored_bytes,
        }))
    }

    fn attribute(&self) -> Result<Node, Fault> {
        self.check(0, 28, 28)?;
        let name_bytes = usize::from(self.view.u8(21)?);
        let value_bytes = usize::from(self.view.u16(22, self.endian)?);
        // The name ends with a zero that its length does not count.
        self.check(32, name_bytes + 1 + value_bytes, 24)?;
        let prefix = match self.view.u8(20)? {
            1 => "user.",
            2 => "security.",
            3 => "system.posix_acl_access",
            4 => "system.posix_acl_default",
            5 => "trusted.",
            _ => "unknown.",
        };
        let name = self.view.bytes(32, name_bytes)?;
        Ok(Node::Attribute(AttributeNode {
            id: self.u32(12)?,
            version: self.u32(16)?,
            name: ByteName([prefix.as_bytes(), name].concat()),
            value: self.view.bytes(32 + name_bytes + 1, value_bytes)?.to_vec(),
        }))
    }

    fn reference(&self) -> Result<Node, Fault> {
        self.check(0, 24, 24)?;
        Ok(Node::Reference(Reference {
            inode: self.u32(12)?,
            attribute: self.u32(16)?,
            sequence: self.u32(20)?,
        }))
    }
}

/// Remainders of the reversed polynomial 0xedb88320, by the lowest byte.
static REMAINDERS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let step = |value: u32, _: u32| {
        if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 }
    };
    (0..256).map(|byte| (0..8).fold(byte, step)).collect()
});

/// The kernel's `crc32(0, …)`: the usual polynomial, but neither start nor end is inverted.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let remainders = &*REMAINDERS;
    bytes.iter().fold(0, |crc, &byte| {
        let [low, ..] = crc.to_le_bytes();
        remainders.get(usize::from(low ^ byte)).copied().unwrap_or(0) ^ crc >> 8
    })
}
