//! Windows images (WIM, and ESD where it is not packed with LZMS): "Windows Imaging File Format" of
//! Microsoft, and what wimlib documents beyond it (solid resources, pipable images, Unix data).
//!
//! Each image is a directory of its own where there are several. Files are found by the SHA-1 of
//! their content; that sum is checked for the metadata, and the integrity table for the whole file.
//! LZMS is said, as are contents in other parts of a split image.

use std::collections::HashMap;

use crate::{
    Endian::Little,
    Entry, Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        guid,
        promise::{self, Promise, Sum},
        utf16,
    },
};

mod metadata;
mod resource;
#[cfg(test)]
mod tests;

use resource::{Compression, Header as ResourceHeader, Resource};

const MAGIC: &[u8] = b"MSWIM\0\0\0";
const MAGIC_PIPABLE: &[u8] = b"WLPWM\0\0\0";

pub(crate) static FORMAT: Format = Format {
    name: "wim",
    magics: &[Magic::start(MAGIC), Magic::start(MAGIC_PIPABLE)],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 208;
/// Versions: the usual one, and that with solid resources.
const VERSIONS: [u32; 2] = [0x1_0d00, 0xe00];
/// Flags of the header.
const FLAG_COMPRESSED: u32 = 2;
const FLAG_XPRESS: u32 = 0x2_0000;
const FLAG_LZX: u32 = 0x4_0000;
const FLAG_LZMS: u32 = 0x8_0000;
/// Bytes of an entry of the table of blobs.
const BLOB_BYTES: usize = 50;
/// Largest tables and metadata read.
const TABLE_BYTES_MAX: u64 = 256 << 20;
const IMAGES_MAX: u32 = 1024;
/// Original size that marks an entry as a solid resource itself.
const SOLID_MARK: u64 = 1 << 32;

/// Where a blob is.
#[derive(Clone, Debug)]
enum Blob {
    There(Extent),
    /// Why not, and how many bytes of this file it takes up.
    Not(String, u64),
}

type Blobs = HashMap<[u8; 20], Blob>;

struct Header {
    pipable: bool,
    version: u32,
    compression: Compression,
    chunk_bytes: u64,
    guid: [u8; 16],
    part: u16,
    parts: u16,
    images: u32,
    boot: u32,
    table: ResourceHeader,
    xml: ResourceHeader,
    integrity: ResourceHeader,
}

impl Header {
    fn parse(view: View<'_>) -> Result<Self, NotThis> {
        let version = view.u32(12, Little)?;
        let flags = view.u32(16, Little)?;
        let chunk = view.u32(20, Little)?;
        let images = view.u32(44, Little)?;
        let sound = u64::from(view.u32(8, Little)?) == HEADER_BYTES
            && VERSIONS.contains(&version)
            && images <= IMAGES_MAX
            && (chunk == 0 || chunk.is_power_of_two() && (1 << 9..=1 << 30).contains(&chunk));
        if !sound {
            return Err(NotThis);
        }
        let compression = match flags {
            _ if flags & FLAG_COMPRESSED == 0 => Compression::None,
            _ if flags & FLAG_LZX != 0 => Compression::Lzx,
            _ if flags & FLAG_XPRESS != 0 => Compression::Xpress,
            _ if flags & FLAG_LZMS != 0 => Compression::Lzms,
            _ => Compression::Other(flags >> 16),
        };
        Ok(Self {
            pipable: view.bytes(0, 8)? == MAGIC_PIPABLE,
            version,
            compression,
            chunk_bytes: u64::from(if chunk == 0 { 32 << 10 } else { chunk }),
            guid: view.array(24)?,
            part: view.u16(40, Little)?,
            parts: view.u16(42, Little)?,
            images,
            boot: view.u32(120, Little)?,
            table: ResourceHeader::parse(view, 48)?,
            xml: ResourceHeader::parse(view, 72)?,
            integrity: ResourceHeader::parse(view, 124)?,
        })
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            ("version", format!("{:#x}", self.version)),
            ("compression", self.compression.name()),
            ("images", self.images.to_string()),
            ("guid", guid::guid(&self.guid)),
        ];
        if self.parts > 1 {
            attributes.push(("part", format!("{} of {}", self.part, self.parts)));
        }
        if self.boot > 0 {
            attributes.push(("boot-image", self.boot.to_string()));
        }
        if self.pipable {
            attributes.push(("variant", "pipable".to_owned()));
        }
        attributes
    }

    fn resource(&self, header: ResourceHeader) -> Resource {
        Resource {
            header,
            compression: self.compression,
            chunk_bytes: self.chunk_bytes,
            pipable: self.pipable,
        }
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let mut header = Header::parse(View(&head))?;
    if header.pipable && header.table.offset == 0 {
        // The header of a pipable image is good only in its copy at the end.
        let end = extent.read(extent.len().saturating_sub(HEADER_BYTES), HEADER_BYTES)?;
        header = Header::parse(View(&end))?;
    }
    let mut opened = Opened { attributes: header.attributes(), ..Opened::default() };
    opened.length = length(extent, &header);
    let (blobs, images) = match read_blobs(extent, &header) {
        Ok(read) => read,
        Err(fault) => {
            opened.unread = Some(format!("not extracted: {}: {}", fault.what, fault.why));
            opened.faults.push(fault);
            return Ok(opened);
        }
    };
    describe(extent, &header, &mut opened);
    opened.faults.extend(check_integrity(extent, &header));
    let several = images.len() > 1;
    for (index, (digest, image)) in (1..).zip(images) {
        let (entries, faults) = match image {
            Ok(image) => list(&image, digest, &blobs),
            Err(fault) => (Vec::new(), vec![fault]),
        };
        opened.faults.extend(faults);
        opened.entries.extend(entries.into_iter().map(|entry| under(index, several, entry)));
    }
    let locked = |blob: &Blob| matches!(blob, Blob::Not(..));
    if header.compression == Compression::Lzms && opened.entries.is_empty() {
        opened.unread = Some("not extracted: compressed by LZMS".to_owned());
        opened.faults.clear();
    } else if !blobs.is_empty() && blobs.values().all(locked) {
        let reason = blobs.values().find_map(|blob| match blob {
            Blob::Not(reason, _) => Some(reason.clone()),
            Blob::There(_) => None,
        });
        opened.unread = reason;
    }
    Ok(opened)
}

/// The path of an entry in an image's own directory.
fn under(index: usize, several: bool, mut entry: Entry) -> Entry {
    if several {
        let path = entry.path.as_bytes();
        let inner = path.strip_prefix(b"/").unwrap_or(path);
        let sep: &[u8] = if inner.is_empty() { b"" } else { b"/" };
        entry.path = [index.to_string().as_bytes(), sep, inner].concat().into();
    }
    entry
}

/// The end of what the header points to.
fn length(extent: &Extent, header: &Header) -> u64 {
    let parts = [header.table, header.xml, header.integrity];
    let end = parts.iter().map(ResourceHeader::end).max().unwrap_or(0).max(HEADER_BYTES);
    // The copy of a pipable image's header.
    let copy =
        header.pipable && extent.read_up_to(end, 8).is_ok_and(|head| *head == *MAGIC_PIPABLE);
    if copy { end.saturating_add(HEADER_BYTES) } else { end }
}

/// Names of the images, from the description in UTF-16.
fn describe(extent: &Extent, header: &Header, opened: &mut Opened) {
    let xml = header.resource(header.xml).extent(extent).ok();
    let Some(bytes) = xml.and_then(|xml| xml.read_up_to(0, 1 << 20).ok()) else { return };
    // A mark of the byte order comes first.
    let text = match bytes.get(..2) {
        Some([0xfe, 0xff]) => utf16::big_endian(&bytes),
        _ => utf16::little_endian(&bytes),
    };
    let text = String::from_utf8_lossy(&text);
    for (tag, key) in [("NAME", "names"), ("DISPLAYNAME", "display-names")] {
        let (start, end) = (format!("<{tag}>"), format!("</{tag}>"));
        let names: Vec<&str> = text
            .split(start.as_str())
            .skip(1)
            .filter_map(|rest| rest.split(end.as_str()).next())
            .take(16)
            .collect();
        if !names.is_empty() {
            opened.attributes.push((key, names.join(", ")));
        }
    }
}

/// Checks the sums of ten-megabyte pieces between the header and the end of the table of blobs.
fn check_integrity(extent: &Extent, header: &Header) -> Vec<Fault> {
    let read = || -> Option<Vec<Promise>> {
        let table = extent.slice(header.integrity.offset, header.integrity.packed)?;
        let table = table.read_up_to(0, TABLE_BYTES_MAX).ok()?;
        let view = View(&table);
        let piece = u64::from(view.u32(8, Little).ok()?).max(1);
        let covered = extent.slice(HEADER_BYTES, header.table.end().checked_sub(HEADER_BYTES)?)?;
        let sums = table.get(12..)?.as_chunks::<20>().0;
        let count = usize::try_from(covered.len().div_ceil(piece)).ok()?;
        let promise = |(index, sum): (u64, &[u8; 20])| Promise {
            name: b"the image by its integrity table".to_vec(),
            place: HEADER_BYTES + index * piece,
            content: covered.clamp(index * piece, piece),
            sum: Sum::Sha1(*sum),
        };
        Some((0..).zip(sums.iter().take(count)).map(promise).collect())
    };
    if header.integrity.packed == 0 {
        return Vec::new();
    }
    let missing =
        || vec![Fault::new(header.integrity.offset, "read the integrity table", "cut short")];
    read().map_or_else(missing, |promises| promise::verify(&promises))
}

/// The metadata of each image, with its digest.
type Images = Vec<([u8; 20], Result<Extent, Fault>)>;

/// Reads the table of blobs.
fn read_blobs(extent: &Extent, header: &Header) -> Result<(Blobs, Images), Fault> {
    let table = header.resource(header.table).extent(extent)?;
    let table = table.read_up_to(0, TABLE_BYTES_MAX)?;
    let (mut blobs, mut images, mut solid) = (Blobs::new(), Images::new(), Vec::new());
    // Base of the solid resource in which an offset lies, as they follow each other.
    for entry in table.chunks_exact(BLOB_BYTES) {
        let view = View(entry);
        let part = view.u16(24, Little)?;
        let resource = ResourceHeader::parse(view, 0)?;
        let digest: [u8; 20] = view.array(30)?;
        if resource.is_solid() && resource.size == SOLID_MARK {
            solid.push(resource::solid(extent, resource));
            continue;
        }
        if resource.is_solid() {
            blobs.insert(digest, in_solid(&solid, resource));
            continue;
        }
        solid.clear();
        let found = header.resource(resource).extent(extent);
        if resource.is_metadata() {
            images.push((digest, found));
        } else if part != header.part && header.parts > 1 {
            blobs.insert(digest, Blob::Not(format!("not extracted: it is in part {part}"), 0));
        } else {
            let blob = match found {
                Ok(found) => Blob::There(found),
                Err(fault) => Blob::Not(format!("not extracted: {}", fault.why), resource.packed),
            };
            blobs.insert(digest, blob);
        }
    }
    Ok((blobs, images))
}

/// A blob inside of solid resources: its offset counts through all of them.
fn in_solid(solid: &[Result<Extent, Fault>], blob: ResourceHeader) -> Blob {
    let mut offset = blob.offset;
    for resource in solid {
        match resource {
            Ok(resource) if offset < resource.len() => {
                let found = resource.slice(offset, blob.packed);
                let cut = || Blob::Not("not extracted: past the end of its resource".to_owned(), 0);
                return found.map_or_else(cut, Blob::There);
            }
            Ok(resource) => offset -= resource.len(),
            Err(fault) => return Blob::Not(format!("not extracted: {}", fault.why), blob.packed),
        }
    }
    Blob::Not("not extracted: in no resource".to_owned(), 0)
}

fn list(image: &Extent, digest: [u8; 20], blobs: &Blobs) -> (Vec<Entry>, Vec<Fault>) {
    let name = b"the metadata of an image".to_vec();
    let sum = Sum::Sha1(digest);
    let mut faults = promise::verify(&[Promise { name, place: 0, content: image.clone(), sum }]);
    if image.len() > TABLE_BYTES_MAX {
        faults.push(Fault::new(0, "read the metadata of an image", "too long"));
        return (Vec::new(), faults);
    }
    let read = image.read_all().and_then(|bytes| metadata::list(image, &bytes, blobs));
    match read {
        Ok((entries, more)) => {
            faults.extend(more);
            (entries, faults)
        }
        Err(fault) => {
            faults.push(fault);
            (Vec::new(), faults)
        }
    }
}
