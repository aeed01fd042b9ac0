//! The metadata of one image: descriptors of security, then a tree of entries with their streams.

use super::{Blob, Blobs};
use crate::{
    Endian::Little,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    formats::support::{
        epoch, unix_mode, utf16,
        walk::{About, Walk, walk},
    },
};

/// Attributes of Windows.
const ATTRIBUTE_DIRECTORY: u32 = 0x10;
const ATTRIBUTE_REPARSE: u32 = 0x400;
/// Fixed part of an entry and of a further stream.
const ENTRY_BYTES: usize = 102;
const STREAM_BYTES: usize = 38;
/// Reparse points: junctions, symbolic links, those of WSL.
const TAG_JUNCTION: u32 = 0xa000_0003;
const TAG_SYMLINK: u32 = 0xa000_000c;
const TAG_SYMLINK_WSL: u32 = 0xa000_001d;
/// The item by which wimlib keeps owner, mode and device number.
const ITEM_UNIX: u32 = 0x337d_d873;
/// Longest link target read.
const TARGET_BYTES_MAX: u64 = 64 << 10;

/// A stream of an entry.
#[derive(Clone, Debug)]
struct Stream {
    name: Vec<u8>,
    digest: [u8; 20],
}

/// An entry of a directory.
#[derive(Clone, Debug)]
struct Item {
    place: u64,
    name: Vec<u8>,
    attributes: u32,
    children: u64,
    modified: u64,
    /// The tag of a reparse point; otherwise the group of hard links.
    tag_or_group: u64,
    /// Mode, owner, group, device number.
    unix: Option<[u32; 4]>,
    streams: Vec<Stream>,
    /// Where the next entry is.
    end: usize,
}

/// A name in a directory: of an entry, or of a further stream of one.
#[derive(Clone, Debug)]
enum Link {
    Item(Box<Item>),
    Stream(u64, Stream),
}

struct Reader<'image> {
    bytes: &'image [u8],
    image: &'image Extent,
    blobs: &'image Blobs,
}

/// Lists an image.
pub(super) fn list(
    image: &Extent,
    bytes: &[u8],
    blobs: &Blobs,
) -> Result<(Vec<Entry>, Vec<Fault>), Fault> {
    let security = usize::try_from(View(bytes).u32(0, Little)?).unwrap_or(usize::MAX);
    let root = security.max(8).checked_next_multiple_of(8).unwrap_or(usize::MAX);
    let mut reader = Reader { bytes, image, blobs };
    let root = reader.item(root)?.ok_or_else(|| fault(root, "no root"))?;
    let (mut entries, faults) = walk(image, &mut reader, Link::Item(Box::new(root)));
    // What could not be read has its reason in the place of its content.
    for entry in &mut entries {
        if let Some((_, reason)) =
            entry.metadata.xattrs.pop_if(|attribute| attribute.0.as_bytes() == UNREAD)
        {
            let (bytes, reason) = reason.split_at_checked(8).unwrap_or_default();
            let bytes = View(bytes).u64(0, Little).unwrap_or(0);
            *entry = entry.clone().unreadable(bytes, String::from_utf8_lossy(reason));
            entry.content = None;
        }
    }
    Ok((entries, faults))
}

/// Marks, until the walk is done, an entry whose content cannot be read.
const UNREAD: &[u8] = b"unread";

fn fault(at: usize, why: &str) -> Fault {
    let place = u64::try_from(at).unwrap_or(u64::MAX);
    Fault::new(place, "read the metadata of the image", why)
}

impl Reader<'_> {
    /// Reads the entry at this place with its further streams; none at the end of a directory.
    fn item(&self, at: usize) -> Result<Option<Item>, Fault> {
        let view = View(self.bytes.get(at..).unwrap_or_default());
        let length = usize::try_from(view.u64(0, Little)?).unwrap_or(usize::MAX);
        if length <= 8 {
            return Ok(None);
        }
        if length < ENTRY_BYTES {
            return Err(fault(at, "an entry that is too short"));
        }
        let entry = View(view.bytes(0, length)?);
        let short = usize::from(entry.u16(98, Little)?);
        let long = usize::from(entry.u16(100, Little)?);
        let name = utf16::little_endian(entry.bytes(ENTRY_BYTES, long)?);
        let ended = |bytes: usize| if bytes > 0 { bytes + 2 } else { 0 };
        let items = (ENTRY_BYTES + ended(long) + ended(short)).next_multiple_of(8);
        let mut item = Item {
            place: u64::try_from(at).unwrap_or(u64::MAX),
            name,
            attributes: entry.u32(8, Little)?,
            children: entry.u64(16, Little)?,
            modified: entry.u64(56, Little)?,
            tag_or_group: entry.u64(88, Little)?,
            unix: unix_item(entry.0.get(items..).unwrap_or_default()),
            streams: vec![Stream { name: Vec::new(), digest: entry.array(64)? }],
            end: at.saturating_add(length).saturating_add(7) & !7,
        };
        for _ in 0..entry.u16(96, Little)? {
            let view = View(self.bytes.get(item.end..).unwrap_or_default());
            let length = usize::try_from(view.u64(0, Little)?).unwrap_or(usize::MAX);
            if length < STREAM_BYTES {
                return Err(fault(item.end, "a stream that is too short"));
            }
            let stream = View(view.bytes(0, length)?);
            let name = stream.bytes(STREAM_BYTES, usize::from(stream.u16(36, Little)?))?;
            let name = utf16::little_endian(name);
            item.streams.push(Stream { name, digest: stream.array(16)? });
            item.end = item.end.saturating_add(length).saturating_add(7) & !7;
        }
        Ok(Some(item))
    }

    /// The digest of the content itself, which may stand among the further streams.
    fn digest(item: &Item) -> Option<[u8; 20]> {
        let unnamed = item.streams.iter().filter(|stream| stream.name.is_empty());
        unnamed.map(|stream| stream.digest).find(|digest| *digest != [0; 20])
    }

    fn blob(&self, digest: [u8; 20]) -> Result<Extent, (String, u64)> {
        match self.blobs.get(&digest) {
            _ if digest == [0; 20] => Ok(self.image.clamp(0, 0)),
            Some(Blob::There(extent)) => Ok(extent.clone()),
            Some(Blob::Not(reason, bytes)) => Err((reason.clone(), *bytes)),
            None => Err(("not extracted: its content is not in this file".to_owned(), 0)),
        }
    }

    /// The target of a link; none for other reparse points.
    fn target(&self, item: &Item) -> Option<Vec<u8>> {
        let tag = u32::try_from(item.tag_or_group & 0xffff_ffff).ok()?;
        let content = self.blob(Self::digest(item)?).ok()?;
        let bytes = content.read_up_to(0, TARGET_BYTES_MAX).ok()?;
        let view = View(&bytes);
        let names = match tag {
            TAG_SYMLINK_WSL => return bytes.get(4..).map(<[u8]>::to_vec),
            TAG_JUNCTION => 8,
            TAG_SYMLINK => 12,
            _ => return None,
        };
        // The name to print, then the one to use, where it is empty.
        let name = |at: usize| {
            let start = names + usize::from(view.u16(at, Little).ok()?);
            let name = view.bytes(start, usize::from(view.u16(at + 2, Little).ok()?)).ok()?;
            (!name.is_empty()).then(|| utf16::little_endian(name))
        };
        let mut target = name(4).or_else(|| name(0))?;
        target.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
        Some(target)
    }

    fn about(&self, item: &Item) -> About {
        let directory = item.attributes & ATTRIBUTE_DIRECTORY != 0;
        let reparse = item.attributes & ATTRIBUTE_REPARSE != 0;
        let link = if reparse { self.target(item) } else { None };
        let device = item.unix.map_or(0, |unix| unix[3]);
        let special = item.unix.and_then(|unix| {
            unix_mode::kind(unix[0], device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00)
        });
        let kind = match (link, special) {
            (Some(target), _) => EntryKind::Symlink(target.into()),
            _ if directory => EntryKind::Directory,
            (None, Some(kind)) if kind != EntryKind::Directory => kind,
            _ => EntryKind::File,
        };
        let mut metadata =
            Metadata { modified: epoch::windows_time(item.modified), ..Metadata::default() };
        if let Some([mode, user, group, _]) = item.unix {
            metadata.mode = Some(mode & 0o7777);
            (metadata.user, metadata.group) = (Some(user), Some(group));
        }
        let grouped = !reparse && !directory && item.tag_or_group != 0;
        let identity = match kind {
            EntryKind::Directory => item.children,
            _ if grouped => item.tag_or_group | 1 << 63,
            _ => item.place,
        };
        About { identity, place: item.place, kind, metadata, links: if grouped { 2 } else { 1 } }
    }
}

/// Owner and mode among the items behind the names, each a tag, a length and data.
fn unix_item(mut items: &[u8]) -> Option<[u32; 4]> {
    loop {
        let view = View(items);
        let (tag, length) = (view.u32(0, Little).ok()?, view.u32(4, Little).ok()?);
        if tag == ITEM_UNIX {
            let word = |at| view.u32(at, Little).ok();
            return Some([word(16)?, word(8)?, word(12)?, word(20)?]);
        }
        let length = usize::try_from(length).ok()?.checked_next_multiple_of(8)?;
        items = items.get(length.checked_add(8)?..)?;
    }
}

impl Walk for Reader<'_> {
    type Link = Link;
    type Inode = Link;

    fn inode(&mut self, link: &Link, _: &mut Vec<Fault>) -> Result<(About, Link), Fault> {
        let (mut about, digest) = match link {
            Link::Item(item) => (self.about(item), Self::digest(item)),
            Link::Stream(place, stream) => {
                let kind = EntryKind::File;
                let metadata = Metadata::default();
                let about = About { identity: *place, place: *place, kind, metadata, links: 1 };
                (about, Some(stream.digest))
            }
        };
        if about.kind == EntryKind::File
            && let Some(Err((reason, bytes))) = digest.map(|digest| self.blob(digest))
        {
            let value = [&bytes.to_le_bytes()[..], reason.as_bytes()].concat();
            about.metadata.xattrs.push((UNREAD.into(), value));
        }
        Ok((about, link.clone()))
    }

    fn list(&mut self, inode: &Link, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Link)> {
        let Link::Item(directory) = inode else { return Vec::new() };
        let mut links = Vec::new();
        let mut at = usize::try_from(directory.children).unwrap_or(usize::MAX);
        while at != 0 {
            let item = match self.item(at) {
                Ok(Some(item)) => item,
                Ok(None) => break,
                Err(fault) => {
                    faults.push(fault.within(directory.children));
                    break;
                }
            };
            at = item.end;
            for stream in item.streams.iter().filter(|stream| !stream.name.is_empty()) {
                let name = [item.name.as_slice(), b":", stream.name.as_slice()].concat();
                links.push((name, Link::Stream(item.place, stream.clone())));
            }
            links.push((item.name.clone(), Link::Item(Box::new(item))));
        }
        links
    }

    fn content(&mut self, inode: &Link, _: &mut Vec<Fault>) -> Option<Extent> {
        let digest = match inode {
            Link::Item(item) => Self::digest(item).unwrap_or_default(),
            Link::Stream(_, stream) => stream.digest,
        };
        self.blob(digest).ok()
    }
}
