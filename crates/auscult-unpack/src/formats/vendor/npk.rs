//! Packages of `MikroTik`'s RouterOS (NPK), as `npkpy`, `unnpk` and OpenWrt's `npk_pack_kernel`
//! describe them: items with a number and a length each. Files are in a `SquashFS` item, or in a zlib
//! item as records with their names. The signatures are told and not verified.

use auscult_model::ByteName;

use crate::{
    Endian::Little,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    codec::{self, Codec},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, Verdict},
    date::iso_8601,
    layout::{Layout, text_of},
    members::Members,
    unix_mode,
};

pub(crate) static FORMAT: Format =
    Format { name: "npk", magics: &[Magic::start(&[0x1e, 0xf1, 0xd0, 0xba])], carve: true, open };

const HEADER_BYTES: u64 = 8;
const ITEM_BYTES: u64 = 6;
const ITEMS_MAX: usize = 256;
/// Items of text or numbers that are read.
const TEXT_BYTES_MAX: u64 = 4096;
const RECORD_BYTES: u64 = 30;
const NAME_BYTES_MAX: u16 = 4096;

/// What an item holds.
enum Item {
    /// Name, version and time of the package, or of a bundle of some.
    Header,
    /// Told under this name.
    Text(&'static str),
    /// A part of this name.
    Part(&'static str),
    /// Files in zlib.
    Files,
    /// A signature or a digest.
    Signature,
    /// Said elsewhere: padding, requirements, lists of what is in a bundle.
    Known,
    Unknown,
}

fn item(number: u16) -> Item {
    match number {
        1 | 18 => Item::Header,
        2 => Item::Text("description"),
        4 => Item::Files,
        7 => Item::Part("install-script"),
        8 => Item::Part("uninstall-script"),
        9 | 23 => Item::Signature,
        16 => Item::Text("architecture"),
        21 => Item::Part("squashfs"),
        24 => Item::Text("release"),
        3 | 20 | 22 | 25 => Item::Known,
        _ => Item::Unknown,
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let length = HEADER_BYTES + u64::from(View(&head).u32(4, Little)?);
    let items = items(&candidate.extent, length)?;
    let image = candidate.extent.clamp(0, length);
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, HEADER_BYTES);
    let (mut attributes, mut files, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for (number, offset, size) in items {
        layout.consumed(offset - ITEM_BYTES, ITEM_BYTES);
        match item(number) {
            Item::Header => attributes.extend(described(&image.clamp(offset, size))),
            Item::Text(name) => {
                let text = text_of(&image.read_up_to(offset, size.min(TEXT_BYTES_MAX))?);
                attributes.push((name, text));
            }
            Item::Signature => attributes.push(("signature", "there, not verified".to_owned())),
            Item::Part(name) => layout.part(name, offset, size),
            Item::Unknown => layout.part(format!("item-{number}"), offset, size),
            Item::Known => {}
            Item::Files => {
                let packed = image.clamp(offset, size);
                let found = unpacked(&packed);
                faults.extend(found.faults.into_iter().map(|fault| fault.within(offset)));
                files.extend(found.entries);
            }
        }
        if !matches!(item(number), Item::Part(_) | Item::Unknown) {
            layout.consumed(offset, size);
        }
    }
    let mut laid = layout.finish();
    laid.faults.extend(faults);
    laid.entries.extend(files);
    Ok(Opened { length, attributes, entries: laid.entries, faults: laid.faults, unread: None })
}

/// Number, offset and length of every item. The first is always there; the last ends the package.
fn items(extent: &Extent, length: u64) -> Result<Vec<(u16, u64, u64)>, NotThis> {
    let (mut items, mut at) = (Vec::new(), HEADER_BYTES);
    while at < length {
        let head = match extent.read(at, ITEM_BYTES) {
            Ok(head) => head,
            // A truncated package is opened up to where it ends.
            Err(_) if !items.is_empty() => break,
            Err(_) => return Err(NotThis),
        };
        let (number, size) = (View(&head).u16(0, Little)?, u64::from(View(&head).u32(2, Little)?));
        let start = at + ITEM_BYTES;
        if start + size > length || number > 64 || items.len() >= ITEMS_MAX {
            return Err(NotThis);
        }
        items.push((number, start, size));
        at = start + size;
    }
    if items.is_empty() { Err(NotThis) } else { Ok(items) }
}

/// Name, version and build time.
fn described(item: &Extent) -> Vec<(&'static str, String)> {
    let Ok(bytes) = item.read(0, 24) else { return Vec::new() };
    let view = View(&bytes);
    let mut attributes: Vec<_> =
        view.text(0, 16).ok().map(|name| ("name", text_of(name))).into_iter().collect();
    if let Ok([revision, kind, minor, major]) = view.array::<4>(16) {
        // The kind of release: a letter, or a number that nobody explains.
        let kind = if kind.is_ascii_lowercase() {
            char::from(kind).to_string()
        } else if kind == 0 {
            String::new()
        } else {
            format!("+{kind}")
        };
        attributes.push(("version", format!("{major}.{minor}.{revision}{kind}")));
    }
    let time = view.u32(20, Little).ok().filter(|&time| time != 0);
    attributes.extend(time.map(|time| ("built", iso_8601(i64::from(time)))));
    attributes
}

/// The files of a zlib item.
fn unpacked(packed: &Extent) -> Members {
    // zlib (RFC 1950): a header of two bytes, the raw stream, Adler-32.
    let payload = codec::payload(Codec::Deflate, &packed.from(2), |_| false);
    let mut members = Members::new(&payload.extent, 0);
    let whole = payload.fault.is_none() && !payload.limited;
    members.faults.extend(payload.fault);
    if whole && let Ok(stored) = packed.read(2 + payload.consumed, 4) {
        let computed = Algorithm::Adler32.over(&payload.extent);
        let numbers = [stored.as_ref(), computed.as_deref().unwrap_or_default()];
        if let [Ok(stored), Ok(computed)] =
            numbers.map(|bytes| View(bytes).u32(0, crate::Endian::Big))
        {
            let verdict = Verdict::of_numbers("the packed files", stored, computed, 0);
            members.faults.extend(verdict.fault());
        }
    }
    let (mut at, limit) = (0, packed.vault().limits().entries);
    while at < payload.extent.len() && members.entries.len() < usize::try_from(limit).unwrap_or(0) {
        if let Ok(end) = record(&payload.extent, at, &mut members) {
            at = end;
        } else {
            let why = "it makes no sense, or ends too soon";
            members.faults.push(Fault::new(0, format!("read the record at {at:#x}"), why));
            break;
        }
    }
    members
}

/// Reads the record of a file: mode, times, lengths, name, content. Returns where it ends.
fn record(unpacked: &Extent, at: u64, members: &mut Members) -> Result<u64, NotThis> {
    let head = unpacked.read(at, RECORD_BYTES)?;
    let view = View(&head);
    let (mode, modified) = (u32::from(view.u16(0, Little)?), view.u32(16, Little)?);
    let (size, name_bytes) = (u64::from(view.u32(24, Little)?), view.u16(28, Little)?);
    if !(1..=NAME_BYTES_MAX).contains(&name_bytes) {
        return Err(NotThis);
    }
    let name = unpacked.read(at + RECORD_BYTES, u64::from(name_bytes))?;
    let start = at + RECORD_BYTES + u64::from(name_bytes);
    let metadata = Metadata {
        mode: Some(mode & 0o7777),
        modified: Some(i64::from(modified)).filter(|&seconds| seconds != 0),
        ..Metadata::default()
    };
    let kind = if unix_mode::type_bits(mode) == unix_mode::SYMLINK {
        EntryKind::Symlink(ByteName(unpacked.read(start, size)?.to_vec()))
    } else {
        unix_mode::kind(mode, 0, 0).ok_or(NotThis)?
    };
    if kind == EntryKind::File {
        members.file_with(&name, start, size, metadata, |content| content);
    } else {
        members.entries.push(Entry::member(ByteName(name.to_vec()), kind, metadata));
    }
    Ok(start + size)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, stream};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, locators},
            reference::assert_survives_damage,
        },
    };

    fn record(mode: u16, name: &str, content: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.u16(mode).fill(0, 6).u32(1).u32(2).u32(1_700_000_000).u32(0);
        writer.u32(u32::try_from(content.len()).unwrap());
        writer.u16(u16::try_from(name.len()).unwrap()).bytes(name.as_bytes()).bytes(content);
        writer.finish()
    }

    fn package(files: &[u8]) -> Vec<u8> {
        let mut header = Writer::new(Endian::Little);
        header.field("system", 16).bytes(&[3, b'f', 49, 6]).u32(1_700_000_000).fill(0, 12);
        let items = [
            (1, header.finish()),
            (2, b"RouterOS".to_vec()),
            (16, b"mipsbe".to_vec()),
            (22, vec![0; 11]),
            (21, b"hsqs and the rest".to_vec()),
            (4, files.to_vec()),
            (7, b"echo".to_vec()),
            (9, vec![7; 68]),
            (26, b"later".to_vec()),
        ];
        let mut body = Writer::new(Endian::Little);
        for (number, bytes) in items {
            body.u16(number).u32(u32::try_from(bytes.len()).unwrap()).bytes(&bytes);
        }
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(&[0x1e, 0xf1, 0xd0, 0xba]).u32(u32::try_from(body.len()).unwrap());
        writer.bytes(body.as_slice());
        writer.finish()
    }

    fn files() -> Vec<u8> {
        let records = [
            record(0o040_755, "boot", b""),
            record(0o100_755, "boot/kernel", b"a kernel"),
            record(0o120_777, "boot/link", b"kernel"),
        ];
        stream::zlib(&records.concat())
    }

    #[test]
    fn items_are_parts_and_packed_files_are_files() {
        let tree = Tree::from_bytes(package(&files()), &Limits::default());
        let found = locators(&tree);
        for name in ["squashfs", "install-script", "item-26", "boot", "boot/kernel", "boot/link"] {
            assert!(found.contains(&format!("image@0x0/npk:/{name}")), "{name}: {found:?}");
        }
        for (key, value) in [
            ("name", "system"),
            ("version", "6.49.3f"),
            ("built", "2023-11-14T22:13:20Z"),
            ("description", "RouterOS"),
            ("architecture", "mipsbe"),
            ("signature", "there, not verified"),
        ] {
            assert_eq!(attribute(&tree, "npk", key).as_deref(), Some(value));
        }
        let (kernel, _) = tree.resolve(&"image@0x0/npk:/boot/kernel".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(kernel).unwrap(), "a kernel");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
    }

    #[test]
    fn damage_to_the_packed_files_is_told() {
        let mut bad = files();
        *bad.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(package(&bad), &Limits::default());
        assert!(tree.problems()[0].what.contains("packed files"), "{:?}", tree.problems());
        assert_survives_damage(&package(&files()), 250, 7);
    }
}
