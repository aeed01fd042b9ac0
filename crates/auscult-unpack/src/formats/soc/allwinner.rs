//! What Allwinner's boot ROMs read on secure devices and what its tools flash: `TOC0` (U-Boot,
//! `tools/sunxi_toc0.c`), `TOC1` (the maker's boot package, `sunxi-package`) and `IMAGEWTY` (awutils,
//! `imagewty.h`).

use crate::{
    Endian::Little,
    Extent, View,
    checksum::agrees,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::Algorithm,
    layout::{Layout, text_of},
};

pub(crate) static TOC0: Format = Format {
    name: "allwinner-toc0",
    magics: &[Magic::start(b"TOC0.GLH\0\x98\x11\x89")],
    carve: true,
    open: open_toc0,
};

pub(crate) static TOC1: Format = Format {
    name: "allwinner-toc1",
    magics: &[Magic::at(16, &[0x00, 0x98, 0x11, 0x89])],
    carve: true,
    open: open_toc1,
};

pub(crate) static PACK: Format = Format {
    name: "allwinner-pack",
    magics: &[Magic::start(b"IMAGEWTY")],
    carve: true,
    open: open_pack,
};

/// What stands in the checksum's place while it is computed, as in the eGON header.
const STAMP: u32 = 0x5f0a_6c39;
const HEAD_END: &[u8] = b"MIE;";
const ITEM_END: &[u8] = b"IIE;";
const ITEMS_MAX: u32 = 64;
const TABLE_BYTES_MAX: u64 = 64 << 20;
/// Where they may start: sums at every chance hit would take too long.
const SECTOR_BYTES: u64 = 512;

/// Whether the sum of all words is right, with the stamp in the place of the sum.
fn sum_holds(image: &Extent, stored: u32) -> Result<bool, NotThis> {
    let sum = Algorithm::Words32(Little).over(image)?;
    let sum = sum.iter().fold(0_u32, |value, &byte| value << 8 | u32::from(byte));
    Ok(agrees(stored, sum.wrapping_sub(stored).wrapping_add(STAMP)))
}

struct Item {
    name: String,
    offset: u64,
    size: u64,
    load: u32,
    encrypted: bool,
}

/// Lays out the items behind a table that is verified already.
fn laid_out(
    candidate: &Candidate,
    length: u64,
    header: u64,
    items: Vec<Item>,
) -> Result<Opened, NotThis> {
    let inside = |item: &Item| item.offset >= header && item.offset + item.size <= length;
    if items.is_empty() || !items.iter().all(inside) {
        return Err(NotThis);
    }
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, header);
    let mut summary = Vec::new();
    for Item { name, offset, size, load, encrypted } in items {
        summary.push(format!("{name} load {load:#010x}"));
        if encrypted {
            layout.unread_part(name, offset, size, "encrypted: AES, with a key in the chip");
        } else {
            layout.part(name, offset, size);
        }
    }
    let laid = layout.finish();
    let attributes = vec![("checksum", "verified".to_owned()), ("items", summary.join("; "))];
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

fn open_toc0(candidate: &Candidate) -> Result<Opened, NotThis> {
    const HEADER: usize = 48;
    const ITEM: usize = 32;
    const KINDS: &[(u32, &str)] =
        &[(0x1_0101, "certificate"), (0x1_0202, "code"), (0x1_0303, "key")];
    let head = candidate.extent.read(0, 48)?;
    let view = View(&head);
    let (count, length) = (view.u32(24, Little)?, u64::from(view.u32(28, Little)?));
    let fits = view.bytes(44, 4)? == HEAD_END && (1..=ITEMS_MAX).contains(&count);
    if !fits || length > TABLE_BYTES_MAX || !length.is_multiple_of(4) {
        return Err(NotThis);
    }
    let image = candidate.extent.slice(0, length).ok_or(NotThis)?;
    if !candidate.offset.is_multiple_of(SECTOR_BYTES) || !sum_holds(&image, view.u32(12, Little)?)?
    {
        return Err(NotThis);
    }
    let header = as_offset(HEADER) + u64::from(count) * as_offset(ITEM);
    let table = image.read(0, header)?;
    let mut items = Vec::new();
    for entry in table.get(HEADER..).unwrap_or_default().chunks_exact(ITEM) {
        let view = View(entry);
        let kind = view.u32(0, Little)?;
        let name = KINDS.iter().find(|(code, _)| *code == kind);
        if view.bytes(28, 4)? != ITEM_END {
            return Err(NotThis);
        }
        items.push(Item {
            name: name.map_or_else(|| format!("item-{kind:#x}"), |known| known.1.to_owned()),
            offset: view.u32(4, Little)?.into(),
            size: view.u32(8, Little)?.into(),
            load: view.u32(20, Little)?,
            encrypted: false,
        });
    }
    let mut opened = laid_out(candidate, length, header, items)?;
    let told = "RSA, not verified: the key's hash is in the chip";
    opened.attributes.push(("signature", told.to_owned()));
    Ok(opened)
}

fn open_toc1(candidate: &Candidate) -> Result<Opened, NotThis> {
    const HEADER: usize = 64;
    const ITEM: usize = 368;
    let head = candidate.extent.read(0, 64)?;
    let view = View(&head);
    let name = view.text(0, 16)?;
    let (count, length) = (view.u32(32, Little)?, u64::from(view.u32(36, Little)?));
    let named = !name.is_empty() && name.iter().all(|byte| (0x20..0x7f).contains(byte));
    let fits = named && view.bytes(60, 4)? == HEAD_END && (1..=ITEMS_MAX).contains(&count);
    if !fits || length > TABLE_BYTES_MAX || !length.is_multiple_of(4) {
        return Err(NotThis);
    }
    let image = candidate.extent.slice(0, length).ok_or(NotThis)?;
    if !candidate.offset.is_multiple_of(SECTOR_BYTES) || !sum_holds(&image, view.u32(20, Little)?)?
    {
        return Err(NotThis);
    }
    let header = as_offset(HEADER) + u64::from(count) * as_offset(ITEM);
    let table = image.read(0, header)?;
    let mut items = Vec::new();
    for entry in table.get(HEADER..).unwrap_or_default().chunks_exact(ITEM) {
        let view = View(entry);
        if view.bytes(364, 4)? != ITEM_END {
            return Err(NotThis);
        }
        items.push(Item {
            name: text_of(view.text(0, 64)?),
            offset: view.u32(64, Little)?.into(),
            size: view.u32(68, Little)?.into(),
            load: view.u32(80, Little)?,
            encrypted: view.u32(72, Little)? != 0,
        });
    }
    laid_out(candidate, length, header, items)
}

const PACK_BYTES: u64 = 1024;
const PACK_VERSION: u32 = 0x0010_0234;
const PACK_FILES_MAX: u32 = 512;

/// A pack of files for flashing; each has a header of its own, all in front of the files.
fn open_pack(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 96)?;
    let view = View(&head);
    // Version 3 has a field more.
    let more = match view.u32(8, Little)? {
        0x100 => 0,
        0x300 => 4,
        _ => return Err(NotThis),
    };
    let (count, entry_bytes) = (view.u32(56 + more, Little)?, view.u32(52 + more, Little)?);
    let length = u64::from(view.u32(24, Little)?);
    let fits = view.u32(20, Little)? == PACK_VERSION
        && (1..=PACK_FILES_MAX).contains(&count)
        && u64::from(entry_bytes) == PACK_BYTES;
    let header = PACK_BYTES * (1 + u64::from(count));
    if !fits || length < header {
        return Err(NotThis);
    }
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, header);
    for index in 1..=u64::from(count) {
        let Ok(bytes) = candidate.extent.read(index * PACK_BYTES, 320) else { break };
        let view = View(&bytes);
        let (name, size, offset) = match more {
            0 => (view.text(52, 256)?, view.u32(40, Little)?, view.u32(44, Little)?),
            _ => (view.text(36, 256)?, view.u32(300, Little)?, view.u32(308, Little)?),
        };
        let kind = format!("{}_{}", text_of(view.text(8, 8)?), text_of(view.text(16, 16)?));
        let name = if name.is_empty() { kind } else { text_of(name) };
        layout.part(name, offset.into(), size.into());
    }
    let laid = layout.finish();
    let attributes = vec![
        ("version", if more == 0 { "1" } else { "3" }.to_owned()),
        ("hardware-id", format!("{:#x}", view.u32(40 + more, Little)?)),
        ("firmware-id", format!("{:#x}", view.u32(44 + more, Little)?)),
    ];
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

fn as_offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check, locators},
            reference::{assert_survives_damage, run, sample},
        },
    };

    #[test]
    fn a_toc0_of_mkimage_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (key, code, out) = (at("root_key.pem"), at("code"), at("out"));
        fs::write(&code, sample(9000, 1)).unwrap();
        if !run("openssl", &["genrsa", "-out", &key, "2048"]) {
            return;
        }
        // The tool looks for the key in its own directory.
        let directory = folder.path().to_str().unwrap();
        let command = ["-C", directory, "mkimage", "-T", "sunxi_toc0", "-a", "0x20060"];
        let rest = ["-e", "0x20060", "-n", &key, "-d", &code, &out];
        if !run("mkimage", &["-V"]) || !run("env", &[&command[..], &rest].concat()) {
            return;
        }
        let bytes = fs::read(&out).unwrap();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let path = "image@0x0/allwinner-toc0:/code".parse().unwrap();
        assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), sample(9000, 1));
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 160, 1999);
    }

    fn toc1() -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.field("sunxi-package", 16).u32(0x8911_9800).u32(0x5f0a_6c39).u32(0).u32(0);
        writer.u32(2).u32(64 + 736 + 16).fill(0, 20).bytes(b"MIE;");
        for (name, offset, encrypt) in [("u-boot", 800_u32, 0), ("optee", 808, 1)] {
            writer.field(name, 64).u32(offset).u32(8).u32(encrypt).u32(3).u32(0x4a00_0000);
            writer.fill(0, 280).bytes(b"IIE;");
        }
        writer.bytes(b"loader!!").bytes(b"\x91secret!");
        let bytes = writer.finish();
        let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
        let sum = words.fold(0, u32::wrapping_add);
        [&bytes[..20], &sum.to_le_bytes(), &bytes[24..]].concat()
    }

    #[test]
    fn items_of_a_toc1_are_parts() {
        let tree = Tree::from_bytes(toc1(), &Limits::default());
        let path = "image@0x0/allwinner-toc1:/u-boot".parse().unwrap();
        let found = locators(&tree);
        let (node, _) = tree.resolve(&path).unwrap_or_else(|| panic!("{found:?}"));
        assert_eq!(tree.bytes(node).unwrap(), "loader!!");
        let unread = &tree.coverage().regions_unread;
        assert!(unread.iter().any(|region| region.reason.starts_with("encrypted")));
        check(&toc1(), 80);
    }

    fn pack(version: u32) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"IMAGEWTY").u32(version).u32(0x60).u32(0).u32(0x0010_0234);
        writer.u32(2048 + 16).u32(1024);
        if version == 0x300 {
            writer.u32(0);
        }
        writer.u32(0x1234).u32(0x8743).u32(0x100).u32(0x100).u32(1).u32(1024).u32(1).u32(1024);
        writer.pad_to(1024, 0).u32(256).u32(1024).field("COMMON", 8).field("SYS_CONFIG100000", 16);
        if version == 0x300 {
            writer.u32(0).field("sys_config.fex", 256).u32(16).u32(0).u32(11).u32(0).u32(2048);
        } else {
            writer.u32(0).u32(16).u32(11).u32(2048).u32(0).field("sys_config.fex", 256);
        }
        writer.pad_to(2048, 0).bytes(b"[product]\n\0\0\0\0\0\0");
        writer.finish()
    }

    #[test]
    fn packs_of_both_versions() {
        for version in [0x100, 0x300] {
            let tree = Tree::from_bytes(pack(version), &Limits::default());
            let found = locators(&tree);
            let path = "image@0x0/allwinner-pack:/sys_config.fex".parse().unwrap();
            let (node, _) = tree.resolve(&path).unwrap_or_else(|| panic!("{found:?}"));
            assert!(tree.bytes(node).unwrap().starts_with(b"[product]"));
            assert_eq!(attribute(&tree, "allwinner-pack", "hardware-id").unwrap(), "0x100");
            assert_survives_damage(&pack(version), 96, 37);
        }
    }
}
