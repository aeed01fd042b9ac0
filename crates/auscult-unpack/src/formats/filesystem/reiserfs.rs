//! ReiserFS 3.5 and 3.6 (kernel `fs/reiserfs/reiserfs.h`): one balanced tree holds everything.
//!
//! All leaves are read once, in order, and what they hold is kept by object: what a file is, its
//! names, its blocks and its tail. The journal is not replayed: a file system that was not taken
//! down says so. Extended attributes are files below `/.reiserfs_priv`, and are listed there.

use std::collections::{HashMap, HashSet};

use crate::{
    Endian::Little,
    Extent, Fault, Metadata, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        gathering,
        guid::uuid,
        runs::{Run, Runs},
        walk::{About, Walk, kind_of_mode, walk},
    },
};

/// Place of the superblock; the first versions had it elsewhere.
const PLACE: u64 = 64 << 10;
const PLACE_OLD: u64 = 8 << 10;
const MAGIC_OFFSET: usize = 52;
const MAGICS: [(&[u8], &str); 3] =
    [(b"ReIsErFs\0", "3.5"), (b"ReIsEr2Fs", "3.6"), (b"ReIsEr3Fs", "3.6, journal elsewhere")];

pub(crate) static FORMAT: Format = Format {
    name: "reiserfs",
    magics: &[
        Magic::at((64 << 10) + MAGIC_OFFSET, b"ReIsEr"),
        Magic::at((8 << 10) + MAGIC_OFFSET, b"ReIsEr"),
    ],
    carve: true,
    open,
};

/// `s_umount_state` of a file system that is in use.
const STATE_IN_USE: u16 = 2;
/// Header of a block, and of an item in a leaf; a key; a pointer to a block below.
const BLOCK_HEADER_BYTES: usize = 24;
const ITEM_HEADER_BYTES: usize = 24;
const KEY_BYTES: usize = 16;
const CHILD_BYTES: usize = 8;
const LEAF_LEVEL: u16 = 1;
/// Levels of a tree (`MAX_HEIGHT`).
const LEVEL_MAX: u16 = 7;
/// An entry of a directory, and the bit of its state that makes it visible.
const ENTRY_BYTES: usize = 16;
const ENTRY_VISIBLE: u16 = 1 << 2;
/// The root directory.
const ROOT: ObjectId = (1, 2);
/// Longest target of a symbolic link.
const TARGET_BYTES_MAX: u64 = 65_536;

/// The directory that an object was made in, and its own number.
type ObjectId = (u32, u32);

/// Kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    About,
    Blocks,
    Tail,
    Entries,
}

/// An item of a leaf.
#[derive(Clone, Copy, Debug)]
struct Item {
    kind: Kind,
    /// Offset in the file, for its blocks and its tail.
    offset: u64,
    /// Place in the image.
    place: u64,
    length: u64,
    /// Entries of a directory.
    count: u16,
}

struct Superblock {
    blocks: u64,
    block_bytes: u64,
    root: u32,
    height: u16,
    version: &'static str,
    in_use: bool,
    uuid: [u8; 16],
    label: String,
}

impl Superblock {
    fn read(image: &Extent, place: u64) -> Result<Option<Self>, Fault> {
        let bytes = image.read(place, 204)?;
        let view = View(&bytes);
        let magic = view.bytes(MAGIC_OFFSET, 9)?;
        let Some(&(_, version)) = MAGICS.iter().find(|(known, _)| *known == magic) else {
            return Ok(None);
        };
        // The first version has no more fields.
        let later = version != "3.5";
        let superblock = Self {
            blocks: view.u32(0, Little)?.into(),
            block_bytes: view.u16(44, Little)?.into(),
            root: view.u32(8, Little)?,
            height: view.u16(68, Little)?,
            version,
            in_use: view.u16(50, Little)? == STATE_IN_USE,
            uuid: if later { view.array(84)? } else { [0; 16] },
            label: if later {
                String::from_utf8_lossy(view.text(100, 16)?).into_owned()
            } else {
                String::new()
            },
        };
        let fits = superblock.block_bytes.is_power_of_two()
            && (512..=8192).contains(&superblock.block_bytes)
            && superblock.blocks.saturating_mul(superblock.block_bytes) > place
            && u64::from(superblock.root) < superblock.blocks
            && (2..=LEVEL_MAX).contains(&superblock.height);
        Ok(fits.then_some(superblock))
    }

    fn length(&self) -> u64 {
        self.blocks * self.block_bytes
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let state = if self.in_use { "not clean" } else { "clean" };
        let mut attributes = vec![
            ("version", self.version.to_owned()),
            ("block-size", self.block_bytes.to_string()),
            ("state", state.to_owned()),
        ];
        if self.uuid != [0; 16] {
            attributes.push(("uuid", uuid(&self.uuid)));
        }
        if !self.label.is_empty() {
            attributes.push(("label", self.label.clone()));
        }
        attributes
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let superblock = [PLACE, PLACE_OLD]
        .into_iter()
        .find_map(|place| Superblock::read(extent, place).ok().flatten())
        .ok_or(NotThis)?;
    let image = extent.clamp(0, superblock.length());
    let mut opened = Opened {
        length: superblock.length(),
        attributes: superblock.attributes(),
        ..Opened::default()
    };
    if superblock.in_use {
        let why = "changes may wait in the journal, which is not replayed";
        opened.faults.push(Fault::new(PLACE, "read the latest state", why));
    }
    let mut reader = Reader { image: &image, superblock: &superblock, objects: HashMap::new() };
    reader.scan(&mut opened.faults);
    if !reader.objects.contains_key(&ROOT) {
        // A log of such a file system repeats its superblock: without a tree it is none.
        if opened.faults.is_empty() {
            return Err(NotThis);
        }
        opened.unread = Some("the root directory could not be found".to_owned());
        return Ok(opened);
    }
    let (entries, faults) = walk(&image, &mut reader, ROOT);
    opened.entries = entries;
    opened.faults.extend(faults);
    Ok(opened)
}

struct Reader<'image> {
    image: &'image Extent,
    superblock: &'image Superblock,
    /// The items of each object, in the order of the tree.
    objects: HashMap<ObjectId, Vec<Item>>,
}

impl Reader<'_> {
    /// Reads all leaves.
    fn scan(&mut self, faults: &mut Vec<Fault>) {
        let mut visited = HashSet::new();
        let mut pending = vec![(self.superblock.root, self.superblock.height - 1)];
        while let Some((number, level)) = pending.pop() {
            let place = u64::from(number) * self.superblock.block_bytes;
            if !visited.insert(number) {
                faults.push(Fault::new(place, "read the tree", "a block is used twice"));
                continue;
            }
            let read = self.image.read(place, self.superblock.block_bytes).and_then(|block| {
                self.block(&block, place, level, &mut pending).map_err(|fault| fault.within(place))
            });
            // A lost block costs what is below it.
            faults.extend(read.err());
        }
    }

    fn block(
        &mut self,
        block: &[u8],
        place: u64,
        level: u16,
        pending: &mut Vec<(u32, u16)>,
    ) -> Result<(), Fault> {
        let view = View(block);
        let (found, count) = (view.u16(0, Little)?, usize::from(view.u16(2, Little)?));
        if found != level {
            let why = format!("level {found} in the place of {level}");
            return Err(Fault::new(0, "read the tree", why));
        }
        if level == LEAF_LEVEL {
            for index in 0..count {
                self.item(view, place, BLOCK_HEADER_BYTES + index * ITEM_HEADER_BYTES)?;
            }
            return Ok(());
        }
        let children = BLOCK_HEADER_BYTES + count * KEY_BYTES;
        for index in (0..=count).rev() {
            pending.push((view.u32(children + index * CHILD_BYTES, Little)?, level - 1));
        }
        Ok(())
    }

    fn item(&mut self, view: View<'_>, place: u64, header: usize) -> Result<(), Fault> {
        let object = (view.u32(header, Little)?, view.u32(header + 4, Little)?);
        let is_old = view.u16(header + 22, Little)? == 0;
        let (kind, offset) =
            if is_old { key_1(view, header + 8)? } else { key_2(view, header + 8)? };
        let (length, at) = (view.u16(header + 18, Little)?, view.u16(header + 20, Little)?);
        view.bytes(at.into(), length.into())?;
        // Files are counted from one.
        let item = Item {
            kind,
            offset: offset.saturating_sub(1),
            place: place + u64::from(at),
            length: length.into(),
            count: view.u16(header + 16, Little)?,
        };
        self.objects.entry(object).or_default().push(item);
        Ok(())
    }

    fn items(&self, object: ObjectId, kind: Kind) -> impl Iterator<Item = &Item> {
        let items = self.objects.get(&object).map_or(&[][..], Vec::as_slice);
        items.iter().filter(move |item| item.kind == kind)
    }

    /// The bytes of a file: blocks, and a tail in a leaf.
    fn bytes_of(&self, object: ObjectId, size: u64, faults: &mut Vec<Fault>) -> Extent {
        let mut runs = Runs::default();
        let pieces = self.objects.get(&object).map_or(&[][..], Vec::as_slice);
        for item in pieces {
            let pushed = match item.kind {
                Kind::Blocks => self.blocks(item, &mut runs),
                Kind::Tail => {
                    let (logical, place, length) = (item.offset, item.place, item.length);
                    runs.push(Run { logical, place, length })
                }
                Kind::About | Kind::Entries => Ok(()),
            };
            faults.extend(pushed.err());
        }
        runs.join(self.image, size, faults)
    }

    fn blocks(&self, item: &Item, runs: &mut Runs) -> Result<(), Fault> {
        let bytes = self.image.read(item.place, item.length)?;
        let (words, _) = bytes.as_chunks::<4>();
        let length = self.superblock.block_bytes;
        let mut logical = item.offset;
        for word in words {
            let block = u32::from_le_bytes(*word);
            if block != 0 {
                runs.push(Run { logical, place: u64::from(block) * length, length })?;
            }
            logical = logical.saturating_add(length);
        }
        Ok(())
    }

    /// The entries of one item; their names stand behind them, the first one's at the end.
    fn entries(&self, item: &Item, children: &mut Vec<(Vec<u8>, ObjectId)>) -> Result<(), Fault> {
        let bytes = self.image.read(item.place, item.length)?;
        let view = View(&bytes);
        let mut end = bytes.len();
        for index in 0..usize::from(item.count) {
            let at = index * ENTRY_BYTES;
            let object = (view.u32(at + 4, Little)?, view.u32(at + 8, Little)?);
            let (start, state) =
                (usize::from(view.u16(at + 12, Little)?), view.u16(at + 14, Little)?);
            let length = end.checked_sub(start).ok_or_else(|| {
                let why = format!("a name from {start} to {end}");
                Fault::new(item.place, "list a directory", why)
            })?;
            let name = view.text(start, length)?;
            end = start;
            if state & ENTRY_VISIBLE != 0 && !matches!(name, b"." | b"..") {
                children.push((name.to_vec(), object));
            }
        }
        Ok(())
    }
}

/// The second half of a key of the first version: offset and `k_uniqueness`.
fn key_1(view: View<'_>, at: usize) -> Result<(Kind, u64), Fault> {
    let kind = match view.u32(at + 4, Little)? {
        0 => Kind::About,
        0xffff_fffe => Kind::Blocks,
        0xffff_ffff => Kind::Tail,
        500 => Kind::Entries,
        other => return Err(unknown(other.into())),
    };
    Ok((kind, view.u32(at, Little)?.into()))
}

/// The same of the second version: four bits of kind above the offset.
fn key_2(view: View<'_>, at: usize) -> Result<(Kind, u64), Fault> {
    let word = view.u64(at, Little)?;
    let kind = match word >> 60 {
        0 => Kind::About,
        1 => Kind::Blocks,
        2 => Kind::Tail,
        3 => Kind::Entries,
        other => return Err(unknown(other)),
    };
    Ok((kind, word & ((1 << 60) - 1)))
}

fn unknown(kind: u64) -> Fault {
    Fault::new(0, "read the tree", format!("an item of kind {kind:#x}"))
}

/// What an object is (`struct stat_data`).
struct Stat {
    object: ObjectId,
    size: u64,
}

impl Walk for Reader<'_> {
    type Link = ObjectId;
    type Inode = Stat;

    fn inode(&mut self, link: &ObjectId, _: &mut Vec<Fault>) -> Result<(About, Stat), Fault> {
        let item = self.items(*link, Kind::About).next().copied().ok_or_else(|| {
            Fault::new(0, "find an inode", format!("nothing is known of {}_{}", link.0, link.1))
        })?;
        let bytes = self.image.read(item.place, item.length)?;
        let view = View(&bytes);
        let u32_at = |offset| view.u32(offset, Little);
        let mode = u32::from(view.u16(0, Little)?);
        // The first version has 32 bytes, the second 44.
        let old = item.length < 44;
        let size = if old { u32_at(8)?.into() } else { view.u64(8, Little)? };
        let (user, group, modified, device) = if old {
            let (user, group) = (view.u16(4, Little)?, view.u16(6, Little)?);
            (user.into(), group.into(), u32_at(16)?, u32_at(24)?)
        } else {
            (u32_at(16)?, u32_at(20)?, u32_at(28)?, u32_at(40)?)
        };
        let target = || {
            if size > TARGET_BYTES_MAX {
                let why = format!("a link target of {size} bytes");
                return Err(Fault::new(item.place, "read a link", why));
            }
            let bytes = self.bytes_of(*link, size, &mut Vec::new()).read_all()?;
            Ok(View(&bytes).text(0, bytes.len())?.to_vec())
        };
        let kind = kind_of_mode(mode, item.place, target, || Ok(gathering::device_number(device)))?;
        let about = About {
            identity: u64::from(link.0) << 32 | u64::from(link.1),
            place: item.place,
            kind,
            metadata: Metadata {
                mode: Some(mode & 0o7777),
                user: Some(user),
                group: Some(group),
                modified: Some(i64::from(modified.cast_signed())),
                xattrs: Vec::new(),
            },
            links: if old { view.u16(2, Little)?.into() } else { u32_at(4)?.into() },
        };
        Ok((about, Stat { object: *link, size }))
    }

    fn list(&mut self, stat: &Stat, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, ObjectId)> {
        let mut children = Vec::new();
        for item in self.items(stat.object, Kind::Entries) {
            faults.extend(self.entries(item, &mut children).err());
        }
        children
    }

    fn content(&mut self, stat: &Stat, faults: &mut Vec<Fault>) -> Option<Extent> {
        Some(self.bytes_of(stat.object, stat.size, faults))
    }
}

#[cfg(test)]
mod tests;
