//! cramfs, the compressed read-only file system before SquashFS, in both byte orders
//! (kernel `include/uapi/linux/cramfs_fs.h`).
//!
//! Inodes are bit fields, laid out from the low end in little endian and from the high end in big
//! endian. Files are pages of zlib behind a list of where each ends. The extension with direct and
//! stored pages is read as well.

use crate::{
    Derive,
    Endian::{self, Big, Little},
    Extent, Fault, Metadata, Sink, View,
    codec::{BlockCodec, decode_block},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::{About, Walk, kind_of_mode, walk},
};

pub(crate) static FORMAT: Format =
    Format { name: "cramfs", magics: &[Magic::at(16, b"Compressed ROMFS")], carve: true, open };

const MAGIC: u32 = 0x28cd_3d45;
/// Place of the root inode in the superblock.
const ROOT_PLACE: u64 = 64;
const INODE_BYTES: u64 = 12;
/// Pages of the machines that these images are for.
const PAGE_BYTES: u64 = 4096;
/// `CRAMFS_FLAG_EXT_BLOCK_POINTERS`: the pointers have flags.
const FLAG_EXTENDED: u32 = 0x800;
/// Flags of an extended pointer: stored as it is; points to the start instead of the end.
const POINTER_STORED: u32 = 1 << 31;
const POINTER_DIRECT: u32 = 1 << 30;

#[derive(Clone, Copy)]
struct Inode {
    /// Where it stands.
    place: u64,
    mode: u32,
    user: u32,
    group: u32,
    size: u64,
    name_bytes: u64,
    offset: u64,
}

/// The image and how to read it.
struct Reader<'image> {
    image: &'image Extent,
    endian: Endian,
    extended: bool,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, ROOT_PLACE + INODE_BYTES)?;
    let view = View(&head);
    let endian = if view.u32(0, Little)? == MAGIC { Little } else { Big };
    let length = u64::from(view.u32(4, endian)?);
    let flags = view.u32(8, endian)?;
    if view.u32(0, endian)? != MAGIC || length < ROOT_PLACE + INODE_BYTES {
        return Err(NotThis);
    }
    let image = candidate.extent.clamp(0, length);
    let mut reader = Reader { image: &image, endian, extended: flags & FLAG_EXTENDED != 0 };
    let root = reader.inode(ROOT_PLACE)?;
    if root.mode >> 12 != 0o4 {
        return Err(NotThis);
    }
    let (entries, faults) = walk(&image, &mut reader, root);
    let mut attributes = vec![
        ("byte-order", if endian == Big { "big" } else { "little" }.to_owned()),
        ("files", view.u32(44, endian)?.to_string()),
    ];
    let label = view.text(48, 16)?;
    if !label.is_empty() {
        attributes.push(("label", String::from_utf8_lossy(label).into_owned()));
    }
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

impl Reader<'_> {
    fn inode(&self, place: u64) -> Result<Inode, Fault> {
        let bytes = self.image.read(place, INODE_BYTES)?;
        let word = |offset| View(&bytes).u32(offset, self.endian);
        let (mode_user, size_group, name_offset) = (word(0)?, word(4)?, word(8)?);
        let (mode, user, size, group, name, offset) = match self.endian {
            Little => (
                mode_user & 0xffff,
                mode_user >> 16,
                size_group & 0xff_ffff,
                size_group >> 24,
                name_offset & 0x3f,
                name_offset >> 6,
            ),
            Big => (
                mode_user >> 16,
                mode_user & 0xffff,
                size_group >> 8,
                size_group & 0xff,
                name_offset >> 26,
                name_offset & 0x3ff_ffff,
            ),
        };
        let (size, name_bytes) = (u64::from(size), u64::from(name) * 4);
        Ok(Inode { place, mode, user, group, size, name_bytes, offset: u64::from(offset) * 4 })
    }

    /// Names and inodes of a directory follow each other.
    fn children(&self, inode: &Inode, children: &mut Vec<(Vec<u8>, Inode)>) -> Result<(), Fault> {
        let (mut place, end) = (inode.offset, inode.offset + inode.size);
        while place < end {
            let child = self.inode(place)?;
            let name = self.image.read(place + INODE_BYTES, child.name_bytes)?;
            let name = View(&name).text(0, name.len())?;
            place += INODE_BYTES + child.name_bytes;
            children.push((name.to_vec(), child));
        }
        Ok(())
    }

    /// The pages of a file or link; what is missing is reported and keeps its place.
    fn pages(&self, inode: &Inode, faults: &mut Vec<Fault>) -> Extent {
        let vault = self.image.vault();
        let count = inode.size.div_ceil(PAGE_BYTES);
        let mut start = inode.offset + count * 4;
        let (mut parts, mut left) = (Vec::new(), inode.size);
        for index in 0..count {
            let length = left.min(PAGE_BYTES);
            left -= length;
            let part = self.page(inode.offset + index * 4, &mut start, length);
            parts.push(part.unwrap_or_else(|fault| {
                faults.push(fault.clone());
                Extent::missing(vault, length, fault)
            }));
        }
        Extent::joined(vault, parts)
    }

    /// The page whose pointer is at `pointer`; it starts at `start`, which moves to its end.
    fn page(&self, pointer: u64, start: &mut u64, length: u64) -> Result<Extent, Fault> {
        let vault = self.image.vault();
        let word = View(&self.image.read(pointer, 4)?).u32(0, self.endian)?;
        let flags = if self.extended { word } else { 0 };
        let mut end = u64::from(if self.extended { word & !(3 << 30) } else { word });
        if flags & POINTER_DIRECT != 0 {
            // Direct pointers count in words. Coded pages have their length in front.
            *start = end * 4;
            end = *start + length;
            if flags & POINTER_STORED == 0 {
                let stored = View(&self.image.read(*start, 2)?).u16(0, self.endian)?;
                *start += 2;
                end = *start + u64::from(stored);
            }
        }
        let missing = || Fault::new(pointer, "find a page", format!("{start:#x} to {end:#x}"));
        let stored_bytes = end.checked_sub(*start).ok_or_else(missing)?;
        let stored = self.image.slice(*start, stored_bytes).ok_or_else(missing)?;
        *start = end;
        if stored.is_empty() {
            return Ok(Extent::zeros(vault, length));
        }
        if flags & POINTER_STORED != 0 {
            let short = || Fault::new(pointer, "find a page", format!("{stored_bytes} bytes"));
            return stored.slice(0, length).ok_or_else(short);
        }
        Ok(Extent::derived(vault, length, Page(stored)))
    }
}

impl Walk for Reader<'_> {
    type Link = Inode;
    type Inode = Inode;

    fn inode(&mut self, link: &Inode, _: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let inode = *link;
        // Devices keep their number in the size, 8 bits each.
        let size = u32::try_from(inode.size).unwrap_or(0);
        let device = || Ok((size >> 8 & 0xff, size & 0xff));
        let target = || Ok(self.pages(&inode, &mut Vec::new()).read_all()?.to_vec());
        let about = About {
            identity: inode.place,
            place: inode.place,
            kind: kind_of_mode(inode.mode, inode.place, target, device)?,
            metadata: Metadata {
                mode: Some(inode.mode & 0o7777),
                user: Some(inode.user),
                group: Some(inode.group),
                ..Metadata::default()
            },
            links: 1,
        };
        Ok((about, inode))
    }

    fn list(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Inode)> {
        let mut children = Vec::new();
        faults.extend(self.children(inode, &mut children).err());
        children
    }

    fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Option<Extent> {
        Some(self.pages(inode, faults))
    }
}

/// A page that is decoded when read.
struct Page(Extent);

impl Derive for Page {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let page_bytes = usize::try_from(PAGE_BYTES).unwrap_or(0);
        sink.adopt(decode_block(BlockCodec::Zlib, &self.0.read_all()?, page_bytes)?)
    }

    fn input_bytes(&self) -> u64 {
        self.0.weight()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use crate::formats::testing::reference::{
        assert_same_contents, assert_survives_damage, make_directory, run,
    };

    #[test]
    fn images_of_the_reference_tool_in_both_byte_orders() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        make_directory(&root);
        let image = folder.path().join("image");
        let (root_name, path) = (root.to_str().unwrap(), image.to_str().unwrap());
        for order in ["little", "big"] {
            if !run("mkfs.cramfs", &["-N", order, root_name, path]) {
                return;
            }
            assert_same_contents(fs::read(&image).unwrap(), "cramfs", &root);
        }
    }

    #[test]
    fn damage_never_panics() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/file"), b"content".repeat(900)).unwrap();
        symlink("a/file", root.join("link")).unwrap();
        let image = folder.path().join("image");
        if run("mkfs.cramfs", &[root.to_str().unwrap(), image.to_str().unwrap()]) {
            assert_survives_damage(&fs::read(&image).unwrap(), 400, 37);
        }
    }
}
