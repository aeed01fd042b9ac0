//! What Rockchip's tools flash: update files (`RKFW`, with the pack `RKAF` in them; rk2918_tools,
//! `rkafp.h`), loaders (`BOOT`, `LDR `; rkdeveloptool, `RKBoot.h`), single images (`KRNL`, `PARM`).

use crate::{
    Endian::Little,
    Entry, Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, Verdict, check},
    layout::{Layout, text_of},
};

pub(crate) static UPDATE: Format = Format {
    name: "rockchip-update",
    magics: &[Magic::start(b"RKFW\x66\0")],
    carve: true,
    open: open_update,
};

pub(crate) static PACK: Format = Format {
    name: "rockchip-pack",
    magics: &[Magic::start(b"RKAF")],
    carve: true,
    open: open_pack,
};

pub(crate) static LOADER: Format = Format {
    name: "rockchip-loader",
    magics: &[Magic::start(b"BOOT\x66\0"), Magic::start(b"LDR \x66\0")],
    carve: true,
    open: open_loader,
};

pub(crate) static SINGLE: Format = Format {
    name: "rockchip-image",
    magics: &[Magic::start(b"KRNL"), Magic::start(b"PARM")],
    carve: true,
    open: open_single,
};

/// Images are made for flash of a few gigabytes.
const IMAGE_BYTES_MAX: u64 = 64 << 30;

/// One image between its length and its checksum, which must hold.
fn open_single(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 8)?;
    let size = u64::from(View(&head).u32(4, Little)?);
    let content = candidate.extent.slice(8, size).ok_or(NotThis)?;
    // They stand on sectors; a checksum at every chance hit would take too long.
    let on_sector = candidate.offset.is_multiple_of(512);
    if size == 0 || !on_sector {
        return Err(NotThis);
    }
    let verdict = rockchip_checksum(&candidate.extent.from(8), &content, size);
    if !matches!(verdict, Verdict::Holds) {
        return Err(NotThis);
    }
    let attributes = vec![("checksum", "verified".to_owned())];
    let entries = vec![Entry::payload(content)];
    Ok(Opened { length: size + 12, attributes, entries, ..Opened::default() })
}

/// A date as two bytes for the year and one each for the rest.
fn date(view: View<'_>, at: usize) -> Result<String, NotThis> {
    let year = view.u16(at, Little)?;
    let [month, day, hour, minute, second] = view.array(at + 2)?;
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    fits.then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
        .ok_or(NotThis)
}

/// Four bytes, the first of which is the last.
fn version(view: View<'_>, at: usize) -> Result<String, NotThis> {
    let word = view.u32(at, Little)?;
    Ok(format!("{}.{}.{}", word >> 24, word >> 16 & 0xff, word & 0xffff))
}

const UPDATE_BYTES: u64 = 0x66;
/// The MD5 digest of everything before it, as text.
const DIGEST_BYTES: u64 = 32;

fn open_update(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, UPDATE_BYTES)?;
    let view = View(&head);
    let word = |at| view.u32(at, Little).map(u64::from);
    let (loader, pack) = ((word(25)?, word(29)?), (word(33)?, word(37)?));
    let end = (loader.0 + loader.1).max(pack.0 + pack.1);
    if loader.0 < UPDATE_BYTES || pack.0 < UPDATE_BYTES || pack.1 == 0 || end > IMAGE_BYTES_MAX {
        return Err(NotThis);
    }
    let mut attributes = vec![("version", version(view, 6)?), ("created", date(view, 14)?)];
    attributes.push(("chip", format!("{:#x}", word(21)?)));
    let (mut length, mut faults) = (end, Vec::new());
    if let Some(stored) = digest(extent, end) {
        length += DIGEST_BYTES;
        let covered = extent.clamp(0, end);
        let verdict = check("the md5 of the file", Algorithm::Md5, &stored, &covered, end, 0);
        verdict.tell("md5", &mut attributes, &mut faults);
    }
    let mut layout = Layout::disjoint(extent.clamp(0, length));
    layout.consumed(0, UPDATE_BYTES);
    layout.part("loader", loader.0, loader.1);
    layout.part("image", pack.0, pack.1);
    layout.consumed(end, length - end);
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

fn digest(extent: &Extent, at: u64) -> Option<Vec<u8>> {
    let text = extent.read(at, DIGEST_BYTES).ok()?;
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = text.as_chunks::<2>().0.iter();
    pairs.map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

const PACK_BYTES: u64 = 2048;
const PART_BYTES: usize = 112;
const PARTS_MAX: u32 = 16;
const PARTS_AT: usize = 0x8c;

fn open_pack(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, PACK_BYTES)?;
    let view = View(&head);
    let (body, count) = (u64::from(view.u32(4, Little)?), view.u32(0x88, Little)?);
    if !(PACK_BYTES..=IMAGE_BYTES_MAX).contains(&body) || !(1..=PARTS_MAX).contains(&count) {
        return Err(NotThis);
    }
    let mut attributes = vec![
        ("model", text_of(view.text(8, 34)?)),
        ("manufacturer", text_of(view.text(72, 56)?)),
        ("version", version(view, 0x84)?),
    ];
    let length = body + 4;
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, PACK_BYTES);
    layout.consumed(body, 4);
    for index in 0..usize::try_from(count).map_err(|_| NotThis)? {
        let at = PARTS_AT + index * PART_BYTES;
        let (name, file) = (view.text(at, 32)?, view.text(at + 32, 60)?);
        let offset = u64::from(view.u32(at + 96, Little)?);
        let size = u64::from(view.u32(at + 108, Little)?);
        if name.is_empty() || !name.is_ascii() || (offset > 0 && offset < PACK_BYTES) {
            return Err(NotThis);
        }
        // A part of which only the place is reserved, and a backup of itself.
        if file != b"RESERVED" && file != b"SELF" && offset > 0 {
            layout.part(text_of(name), offset, size);
        }
    }
    let (covered, mut faults) = (candidate.extent.clamp(0, body), Vec::new());
    let verdict = rockchip_checksum(&candidate.extent, &covered, body);
    verdict.tell("checksum", &mut attributes, &mut faults);
    let laid = layout.finish();
    faults.extend(laid.faults);
    attributes.retain(|(_, told)| !told.is_empty());
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

/// The checksum that stands behind what it covers.
fn rockchip_checksum(extent: &Extent, covered: &Extent, length: u64) -> Verdict {
    let Ok(stored) = extent.read(length, 4) else { return Verdict::Unknown };
    let stored: Vec<u8> = stored.iter().rev().copied().collect();
    check("the checksum", Algorithm::Crc32Rockchip, &stored, covered, length, 0)
}

const LOADER_BYTES: u64 = 0x66;
const ENTRY_BYTES: u8 = 57;
const ENTRIES_MAX: u8 = 32;
/// Count, offset and size of the entries of each kind.
const TABLES: [usize; 3] = [25, 31, 37];
const LOADER_BYTES_MAX: u64 = 256 << 20;

fn open_loader(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, LOADER_BYTES)?;
    let view = View(&head);
    let mut parts = Vec::new();
    let mut table_end = LOADER_BYTES;
    for at in TABLES {
        let (count, size) = (view.u8(at)?, view.u8(at + 5)?);
        let offset = u64::from(view.u32(at + 1, Little)?);
        if count > ENTRIES_MAX || (count > 0 && (size != ENTRY_BYTES || offset < LOADER_BYTES)) {
            return Err(NotThis);
        }
        for index in 0..u64::from(count) {
            let place = offset + index * u64::from(ENTRY_BYTES);
            parts.push(entry(&candidate.extent, place)?);
            table_end = table_end.max(place + u64::from(ENTRY_BYTES));
        }
    }
    let body = parts.iter().map(|(_, offset, size)| offset + size).max().ok_or(NotThis)?;
    let inside = parts.iter().all(|(_, offset, _)| *offset >= table_end);
    if !inside || body > LOADER_BYTES_MAX {
        return Err(NotThis);
    }
    let length = body + 4;
    // Zero where RC4 lies over the data.
    let disguised = view.u8(44)? == 0;
    let mut attributes = vec![
        ("created", date(view, 14)?),
        ("chip", format!("{:#x}", view.u32(21, Little)?)),
        ("code", if disguised { "under RC4 with a public key" } else { "plain" }.to_owned()),
    ];
    let mut faults = Vec::new();
    let covered = candidate.extent.clamp(0, body);
    let verdict = rockchip_checksum(&candidate.extent, &covered, body);
    verdict.tell("checksum", &mut attributes, &mut faults);
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, table_end);
    layout.consumed(body, 4);
    for (name, offset, size) in parts {
        layout.part(name, offset, size);
    }
    let mut laid = layout.finish();
    if disguised {
        for entry in &mut laid.entries {
            entry.content =
                entry.content.take().map(|content| super::rockchip_boot::undisguised(&content));
        }
    }
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

/// The name of an entry in UTF-16, where its data is and how long.
fn entry(extent: &Extent, at: u64) -> Result<(String, u64, u64), NotThis> {
    let bytes = extent.read(at, ENTRY_BYTES.into())?;
    let view = View(&bytes);
    let units = view.bytes(5, 40)?.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    let units = units.take_while(|unit| *unit != 0);
    let name: String = char::decode_utf16(units).map(|unit| unit.unwrap_or('_')).collect();
    if view.u8(0)? != ENTRY_BYTES || name.is_empty() || !name.is_ascii() {
        return Err(NotThis);
    }
    Ok((name, view.u32(45, Little)?.into(), view.u32(49, Little)?.into()))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, checksum::md5};

    use crate::{
        Tree,
        formats::{
            support::check::Algorithm,
            testing::{
                hostile::{attribute, check},
                reference::assert_survives_damage,
            },
        },
    };

    fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
        let sum = Algorithm::Crc32Rockchip.number(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    fn pack() -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"RKAF").u32(2048 + 9).field("rk3568", 34).field("id", 30).field("ACME", 56);
        writer.u32(0).u32(0x0102_0003).u32(2);
        writer
            .field("parameter", 32)
            .field("parameter.txt", 60)
            .u32(0)
            .u32(2048)
            .u32(0)
            .u32(9)
            .u32(9);
        writer.field("backup", 32).field("RESERVED", 60).fill(0, 20).pad_to(2048, 0);
        writer.bytes(b"CMDLINE:x");
        summed(writer.finish())
    }

    fn loader() -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"LDR ").u16(0x66).u32(0x0100_0001).u32(0).u16(2024).bytes(&[2, 3, 4, 5, 6]);
        writer.u32(0x33).u8(0).u32(0).u8(0).u8(0).u32(0).u8(0).u8(1).u32(0x66).u8(57).u8(0).u8(1);
        writer.pad_to(0x66, 0).u8(57).u32(4);
        for unit in "FlashBoot".encode_utf16() {
            writer.u16(unit);
        }
        writer.pad_to(0x66 + 45, 0).u32(0x66 + 57).u32(6).u32(0).bytes(b"stage1");
        summed(writer.finish())
    }

    fn update() -> Vec<u8> {
        let (loader, pack) = (loader(), pack());
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"RKFW").u16(0x66).u32(0x0102_0003).u32(0).u16(2024).bytes(&[2, 3, 4, 5, 6]);
        writer.u32(0x33).u32(0x66).u32(size(&loader)).u32(0x66 + size(&loader)).u32(size(&pack));
        writer.pad_to(0x66, 0).bytes(&loader).bytes(&pack);
        let digest = md5(writer.as_slice());
        writer.bytes(crate::digest::hex(&digest).as_bytes());
        writer.finish()
    }

    #[test]
    fn updates_hold_a_loader_and_a_pack() {
        let tree = Tree::from_bytes(update(), &Limits::default());
        assert_eq!(attribute(&tree, "rockchip-update", "md5").unwrap(), "verified");
        assert_eq!(attribute(&tree, "rockchip-pack", "checksum").unwrap(), "verified");
        assert_eq!(attribute(&tree, "rockchip-loader", "checksum").unwrap(), "verified");
        for (path, content) in [
            ("loader@0x0/rockchip-loader:/FlashBoot", "stage1"),
            ("image@0x0/rockchip-pack:/parameter", "CMDLINE:x"),
        ] {
            let path = format!("image@0x0/rockchip-update:/{path}").parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), content);
        }
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        check(&loader(), 0x90);
        assert_survives_damage(&pack(), 0x100, 97);
        assert_survives_damage(&update(), 0x66, 97);
    }

    #[test]
    fn single_images_have_a_checksum_behind_them() {
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"PARM").u32(7).bytes(b"CMDLINE");
        let mut bytes = writer.finish();
        bytes.extend(Algorithm::Crc32Rockchip.number(b"CMDLINE").to_le_bytes());
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "rockchip-image", "checksum").unwrap(), "verified");
        check(&bytes, 8);
    }
}
