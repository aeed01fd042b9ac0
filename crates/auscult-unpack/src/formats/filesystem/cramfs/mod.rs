//! cramfs, the compressed read-only file system before SquashFS, in both byte orders
//! (kernel `include/uapi/linux/cramfs_fs.h`, `fs/cramfs/README`).
//!
//! Inodes are bit fields, laid out from the low end in little endian and from the high end in big
//! endian. Files are pages of zlib behind a list of where each ends. Read as well are the extension
//! with direct and stored pages, files of the older patches that run in place, file systems behind
//! a boot sector, those from before sizes and checksums were written, and vendors' LZMA.

mod choice;
mod pages;
#[cfg(test)]
mod tests;

use self::pages::Pages;
use crate::{
    Endian::{self, Big, Little},
    Extent, Fault, Metadata, View,
    checksum::{Crc32, agrees, each_piece},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::{About, Walk, kind_of_mode, walk},
};

pub(crate) static FORMAT: Format = Format {
    name: "cramfs",
    magics: &[Magic::at(16, SIGNATURE), Magic::at(BOOT_SECTOR + 16, SIGNATURE)],
    carve: true,
    open,
};

const SIGNATURE: &[u8] = b"Compressed ROMFS";
const MAGIC: u32 = 0x28cd_3d45;
/// Bytes for a boot loader that may stand before the superblock. All places count from there.
const BOOT_SECTOR: usize = 512;
/// Bytes of the superblock with the root's inode, and of an inode.
const SUPERBLOCK_BYTES: u64 = 76;
const INODE_BYTES: u64 = 12;
/// `CRAMFS_FLAG_FSID_VERSION_2`: size, checksum and counts are written.
const FLAG_VERSION_2: u32 = 1;
/// `CRAMFS_FLAG_SHIFTED_ROOT_OFFSET`: the root need not follow the superblock.
const FLAG_SHIFTED_ROOT: u32 = 0x400;
/// `CRAMFS_FLAG_EXT_BLOCK_POINTERS`: the pointers have flags.
const FLAG_EXTENDED: u32 = 0x800;
/// What the kernel takes for the size where none is written.
const LENGTH_UNKNOWN: u64 = 1 << 28;
/// `S_ISVTX`, by which files are marked that run in place.
const STICKY: u32 = 0o1000;

#[derive(Clone, Copy, Debug)]
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

/// What the superblock says.
#[derive(Clone, Debug)]
struct Superblock {
    /// Where it stands.
    place: u64,
    endian: Endian,
    flags: u32,
    length: u64,
    checksum: u32,
    files: u32,
    label: Vec<u8>,
}

/// The image and how to read it.
struct Reader<'image> {
    image: &'image Extent,
    endian: Endian,
    pages: Pages<'image>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let superblock = Superblock::read(&candidate.extent)?.ok_or(NotThis)?;
    let image = candidate.extent.clamp(0, superblock.length);
    let root = inode(&image, superblock.endian, superblock.place + 64)?;
    if root.mode >> 12 != 0o4 || !superblock.has_root_at(root.offset) {
        return Err(NotThis);
    }
    let is_extended = superblock.flags & FLAG_EXTENDED != 0;
    let has_length = superblock.flags & FLAG_VERSION_2 != 0;
    let bytes_told = if has_length { superblock.length } else { 0 };
    let choice = choice::choose(&image, superblock.endian, is_extended, bytes_told, root);
    let pages = Pages::new(&image, superblock.endian, is_extended, choice);
    let mut reader = Reader { image: &image, endian: superblock.endian, pages };
    let (entries, mut faults) = walk(&image, &mut reader, root);
    let length = if has_length {
        superblock.length
    } else {
        padded(&candidate.extent, reader.pages.end().max(superblock.place + SUPERBLOCK_BYTES))
    };
    if has_length && image.len() == length {
        faults.extend(superblock.check(&image).err());
    }
    let unread = choice.is_none().then(|| "not extracted: pages in a private coding".to_owned());
    Ok(Opened { length, attributes: superblock.attributes(choice), entries, faults, unread })
}

impl Superblock {
    /// Finds it at the start or behind a boot sector.
    fn read(extent: &Extent) -> Result<Option<Self>, Fault> {
        for place in [0, BOOT_SECTOR] {
            let place = u64::try_from(place).unwrap_or(0);
            let head = extent.read_up_to(place, SUPERBLOCK_BYTES)?;
            let view = View(&head);
            let Ok(signature) = view.bytes(16, SIGNATURE.len()) else { break };
            let endian = if view.u32(0, Little)? == MAGIC { Little } else { Big };
            if signature != SIGNATURE || view.u32(0, endian)? != MAGIC {
                continue;
            }
            let flags = view.u32(8, endian)?;
            let length = match flags & FLAG_VERSION_2 {
                0 => LENGTH_UNKNOWN,
                _ => u64::from(view.u32(4, endian)?),
            };
            let superblock = Self {
                place,
                endian,
                flags,
                length,
                checksum: view.u32(32, endian)?,
                files: view.u32(44, endian)?,
                label: view.text(48, 16)?.to_vec(),
            };
            return Ok((length >= place + SUPERBLOCK_BYTES).then_some(superblock));
        }
        Ok(None)
    }

    /// Whether the root directory may be there. That tells whether the bytes before belong to it.
    fn has_root_at(&self, offset: u64) -> bool {
        let is_free = self.place == 0 && (offset == 0 || self.flags & FLAG_SHIFTED_ROOT != 0);
        is_free || offset == self.place + SUPERBLOCK_BYTES
    }

    /// Verifies the checksum, which is made with itself set to zero.
    fn check(&self, image: &Extent) -> Result<(), Fault> {
        let mut crc = Crc32::default();
        crc.update(&image.read(self.place, 32)?);
        crc.update(&[0; 4]);
        each_piece(&image.from(self.place + 36), |bytes| crc.update(bytes))?;
        if agrees(self.checksum, crc.value()) {
            return Ok(());
        }
        let why = format!("{:#010x} instead of {:#010x}", crc.value(), self.checksum);
        Err(Fault::new(self.place + 32, "verify the checksum", why))
    }

    fn attributes(&self, choice: Option<choice::Choice>) -> Vec<(&'static str, String)> {
        let version = if self.flags & FLAG_VERSION_2 == 0 { "0" } else { "2" };
        let mut attributes = vec![
            ("version", version.to_owned()),
            ("byte-order", if self.endian == Big { "big" } else { "little" }.to_owned()),
        ];
        if self.flags & FLAG_VERSION_2 != 0 {
            attributes.push(("files", self.files.to_string()));
        }
        if let Some(choice) = choice {
            attributes.push(("compression", choice.coding.name()));
            attributes.push(("page-size", choice.page_bytes.to_string()));
        }
        if !self.label.is_empty() {
            attributes.push(("label", String::from_utf8_lossy(&self.label).into_owned()));
        }
        attributes
    }
}

/// The end of what was read, and the zeros up to the next 4 KiB where they are there.
fn padded(extent: &Extent, end: u64) -> u64 {
    let whole = end.next_multiple_of(4096);
    let rest = extent.read(end, whole.saturating_sub(end));
    if rest.is_ok_and(|bytes| bytes.iter().all(|&byte| byte == 0)) { whole } else { end }
}

/// Reads the inode at `place`.
fn inode(image: &Extent, endian: Endian, place: u64) -> Result<Inode, Fault> {
    let bytes = image.read(place, INODE_BYTES)?;
    let word = |offset| View(&bytes).u32(offset, endian);
    let (mode_user, size_group, name_offset) = (word(0)?, word(4)?, word(8)?);
    let (mode, user, size, group, name, offset) = match endian {
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

/// Names and inodes of a directory, which follow each other. What was read before a fault stays.
fn children(
    image: &Extent,
    endian: Endian,
    directory: &Inode,
    children: &mut Vec<(Vec<u8>, Inode)>,
) -> Result<(), Fault> {
    let (mut place, end) = (directory.offset, directory.offset + directory.size);
    while place < end {
        let child = inode(image, endian, place)?;
        let name = image.read(place + INODE_BYTES, child.name_bytes)?;
        let name = View(&name).text(0, name.len())?;
        place += INODE_BYTES + child.name_bytes;
        children.push((name.to_vec(), child));
    }
    Ok(())
}

impl Walk for Reader<'_> {
    type Link = Inode;
    type Inode = Inode;

    fn inode(&mut self, link: &Inode, _: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let inode = *link;
        // Devices keep their number in the size, 8 bits each.
        let size = u32::try_from(inode.size).unwrap_or(0);
        let device = || Ok((size >> 8 & 0xff, size & 0xff));
        let pages = &mut self.pages;
        let target = || Ok(pages.content(&inode, &mut Vec::new()).read_all()?.to_vec());
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
        let mut found = Vec::new();
        faults.extend(children(self.image, self.endian, inode, &mut found).err());
        self.pages.reach(inode.offset + inode.size);
        found
    }

    fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Option<Extent> {
        Some(self.pages.content(inode, faults))
    }
}
