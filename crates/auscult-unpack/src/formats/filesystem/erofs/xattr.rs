//! Extended attributes: in the inode, or shared by several in an area of their own.

use std::collections::HashMap;

use auscult_model::ByteName;

use super::{
    inode::{ATTRIBUTES_HEADER_BYTES, Inode},
    superblock::Superblock,
};
use crate::{Endian::Little, Extent, Fault, View, formats::support::budget::Budget};

/// `EROFS_XATTR_LONG_PREFIX`: the name begins with a prefix of the image.
const LONG_PREFIX: u8 = 0x80;
const WHAT: &str = "read extended attributes";

type Attribute = (ByteName, Vec<u8>);

/// Reads the attributes of one image.
pub(super) struct Attributes {
    /// What the names may begin with, besides the fixed prefixes.
    prefixes: Vec<Vec<u8>>,
    /// Shared ones, by their number.
    shared: HashMap<u32, Result<Attribute, Fault>>,
    /// Shared attributes may be named by every inode; a sound image still has few bytes of them.
    copied: Budget,
}

/// Bytes of shared attributes that all inodes together may have, besides the image's own length.
const COPIED_BYTES: u64 = 64 << 20;

impl Attributes {
    pub(super) fn new(image: &Extent) -> Self {
        let copied = Budget::new(image.len().saturating_add(COPIED_BYTES));
        Self { prefixes: Vec::new(), shared: HashMap::new(), copied }
    }

    /// Reads the long prefixes from what holds them: each has its length, the number of a fixed
    /// prefix and the rest of the text, and begins at a multiple of four.
    pub(super) fn read_prefixes(
        &mut self,
        area: &Extent,
        superblock: &Superblock,
    ) -> Result<(), Fault> {
        let mut place = superblock.prefix_place;
        for _ in 0..superblock.prefix_count {
            let length = View(&area.read(place, 2)?).u16(0, Little)?;
            let bytes = area.read(place + 2, u64::from(length))?;
            let (&base, infix) =
                bytes.split_first().ok_or_else(|| Fault::new(place, WHAT, "an empty prefix"))?;
            self.prefixes.push([prefix(base), infix].concat());
            place = (place + 2 + u64::from(length)).next_multiple_of(4);
        }
        Ok(())
    }

    /// The attributes of an inode; `shared` holds those of several inodes.
    pub(super) fn of(
        &mut self,
        inode: &Inode,
        area: &Extent,
        shared: &Extent,
        superblock: &Superblock,
    ) -> Result<Vec<Attribute>, Fault> {
        let bytes = area.read(inode.attributes_place(), inode.attribute_bytes)?;
        let view = View(&bytes);
        let (mut attributes, count) = (Vec::new(), usize::from(view.u8(4)?));
        let header = usize::try_from(ATTRIBUTES_HEADER_BYTES).unwrap_or(0);
        for index in 0..count {
            let number = view.u32(header + index * 4, Little)?;
            let known = self.shared.get(&number).cloned();
            let attribute = known.unwrap_or_else(|| {
                let place = superblock.shared_attributes + u64::from(number) * 4;
                let read = self.read_shared(shared, place);
                self.shared.insert(number, read.clone());
                read
            })?;
            let length = attribute.0.0.len() + attribute.1.len();
            self.copied.take(u64::try_from(length).unwrap_or(u64::MAX), inode.place, WHAT)?;
            attributes.push(attribute);
        }
        let mut position = header + count * 4;
        while position + 4 <= bytes.len() {
            let (attribute, length) = self.entry(view, position)?;
            position += length.next_multiple_of(4);
            // Zeros fill the rest of the room.
            if attribute.0.0.is_empty() {
                break;
            }
            attributes.push(attribute);
        }
        Ok(attributes)
    }

    fn read_shared(&self, area: &Extent, place: u64) -> Result<Attribute, Fault> {
        let head = area.read(place, 4)?;
        let view = View(&head);
        let length = 4 + u64::from(view.u8(0)?) + u64::from(view.u16(2, Little)?);
        let bytes = area.read(place, length)?;
        Ok(self.entry(View(&bytes), 0)?.0)
    }

    /// The attribute at a position and its length.
    fn entry(&self, view: View<'_>, position: usize) -> Result<(Attribute, usize), Fault> {
        let name_bytes = usize::from(view.u8(position)?);
        let index = view.u8(position + 1)?;
        let value_bytes = usize::from(view.u16(position + 2, Little)?);
        let name = view.bytes(position + 4, name_bytes)?;
        let start = if index & LONG_PREFIX == 0 {
            prefix(index)
        } else {
            let long = self.prefixes.get(usize::from(index & !LONG_PREFIX));
            long.map_or(&b"unknown."[..], Vec::as_slice)
        };
        let value = view.bytes(position + 4 + name_bytes, value_bytes)?.to_vec();
        Ok(((ByteName([start, name].concat()), value), 4 + name_bytes + value_bytes))
    }
}

/// What `e_name_index` stands for (`EROFS_XATTR_INDEX_*`).
fn prefix(index: u8) -> &'static [u8] {
    match index {
        0 => b"",
        1 => b"user.",
        2 => b"system.posix_acl_access",
        3 => b"system.posix_acl_default",
        4 => b"trusted.",
        5 => b"lustre.",
        6 => b"security.",
        _ => b"unknown.",
    }
}
