//! Boot blocks that Rockchip's boot ROMs read at the start of flash or 32 KiB into a card (U-Boot,
//! `tools/rkcommon.c`): where the first stages are, in the old form and, with digests, in the new one.
//!
//! The old block, and on the oldest chips the code too, is stored under RC4 with a key that all chips
//! share and U-Boot publishes. It is a disguise, and taken off.

use crate::{
    Derive,
    Endian::Little,
    Entry, Extent, Fault, Sink, View,
    checksum::{agrees, each_piece},
    codec, digest,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::{Layout, text_of},
};

pub(crate) static OLD: Format = Format {
    name: "rockchip-boot",
    magics: &[Magic::start(&[0x3b, 0x8c, 0xdc, 0xfc, 0xbe, 0x9f, 0x9d, 0x51])],
    carve: true,
    open: open_old,
};

pub(crate) static NEW: Format = Format {
    name: "rockchip-boot2",
    magics: &[Magic::start(b"RKNS")],
    carve: true,
    open: open_new,
};

const BLOCK_BYTES: u64 = 512;
const KEY: [u8; 16] = [124, 78, 3, 4, 85, 5, 9, 7, 45, 44, 123, 56, 23, 13, 23, 17];
/// The block's magic without its disguise.
const MAGIC: u32 = 0x0ff0_aa55;
/// What stands for the size of a second stage that is not there.
const NO_SECOND_STAGE: u64 = 512 << 10;
/// In flash only the first half of each page of this size is used.
const FLASH_PAGE_BYTES: u64 = 4096;
/// The code of chips with 32 bits begins with the name of their family.
const FAMILIES: &[&[u8]] =
    &[b"RK30", b"RK31", b"RK32", b"RK33", b"RK11", b"RK35", b"RV11", b"110A", b"110B", b"RSAK"];

fn open_old(candidate: &Candidate) -> Result<Opened, NotThis> {
    let block = rc4(&candidate.extent.read(0, BLOCK_BYTES)?);
    let view = View(&block);
    let place = u64::from(view.u16(12, Little)?) * BLOCK_BYTES;
    let (first, all) = (u64::from(view.u16(506, Little)?), u64::from(view.u16(508, Little)?));
    let (first, all) = (first * BLOCK_BYTES, all * BLOCK_BYTES);
    if view.u32(0, Little)? != MAGIC || place == 0 || first == 0 || all < first {
        return Err(NotThis);
    }
    let disguised = view.u32(8, Little)? == 0;
    let second = if all - first == NO_SECOND_STAGE { 0 } else { all - first };
    let spread = is_spread(&candidate.extent, place, disguised);
    let stored = |offset: u64, length: u64| {
        if spread {
            gathered(&candidate.extent, place + offset, length)
        } else {
            candidate.extent.clamp(place + offset, length)
        }
    };
    let stages = [("first-stage", 0, first), ("second-stage", first, second)];
    let mut entries = Vec::new();
    let mut attributes =
        vec![("code", if disguised { "RC4 taken off" } else { "plain" }.to_owned())];
    for (name, offset, length) in stages.into_iter().filter(|(_, _, length)| *length > 0) {
        let mut content = stored(offset, length);
        if disguised {
            content = undisguised(&content);
        }
        let head = content.read_up_to(0, 4).unwrap_or_default();
        if name == "first-stage" && FAMILIES.contains(&&head[..]) {
            attributes.push(("family", text_of(&head)));
        }
        entries.push(Entry::part(name.as_bytes(), content));
    }
    let end = place + first + second;
    let length = if spread { scattered(end) } else { end };
    // Images are rounded up to blocks that files may not have.
    let length = length.min(candidate.extent.len());
    attributes.push(("medium", if spread { "flash" } else { "card" }.to_owned()));
    Ok(Opened { length, attributes, entries, ..Opened::default() })
}

/// Whether the code has gaps for flash: its name is then found where it would be with them.
fn is_spread(extent: &Extent, place: u64, disguised: bool) -> bool {
    let named = |at: u64| {
        extent.read(at, 4).is_ok_and(|head| {
            let head = if disguised { rc4(&head) } else { head.to_vec() };
            FAMILIES.contains(&head.as_slice())
        })
    };
    !named(place) && named(scattered(place))
}

/// Where a byte stands in flash.
fn scattered(offset: u64) -> u64 {
    let half = FLASH_PAGE_BYTES / 2;
    offset / half * FLASH_PAGE_BYTES + offset % half
}

/// Bytes from the used halves of pages.
fn gathered(extent: &Extent, offset: u64, length: u64) -> Extent {
    let half = FLASH_PAGE_BYTES / 2;
    let (mut parts, mut at) = (Vec::new(), offset);
    let end = offset.saturating_add(length).min(extent.len());
    while at < end {
        let step = (half - at % half).min(end - at);
        parts.push(extent.clamp(scattered(at), step));
        at += step;
    }
    Extent::joined(extent.vault(), parts)
}

/// RC4 with the public key; each block starts anew.
fn rc4(bytes: &[u8]) -> Vec<u8> {
    bytes.chunks(512).flat_map(|block| codec::rc4(&KEY, block)).collect()
}

/// Code without its disguise.
pub(super) fn undisguised(content: &Extent) -> Extent {
    Extent::derived(content.vault(), content.len(), Rc4(content.clone()))
}

/// The transform that takes the disguise off.
struct Rc4(Extent);

impl Derive for Rc4 {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let mut result = Ok(());
        // Pieces are whole blocks, but for the last.
        each_piece(&self.0, |bytes| {
            if result.is_ok() {
                result = sink.push(&rc4(bytes));
            }
        })?;
        result
    }

    fn input_bytes(&self) -> u64 {
        self.0.weight()
    }
}

const NEW_BYTES: u64 = 2048;
const IMAGE_AT: usize = 0x78;
const IMAGE_BYTES: usize = 88;
const IMAGES: usize = 4;
/// Where the digest of the header stands in 32-bit words, in every image seen.
const DIGEST_AT: usize = 0x600;

fn open_new(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, NEW_BYTES)?;
    let view = View(&head);
    let (digest_words, count) = (view.u16(8, Little)?, usize::from(view.u16(10, Little)?));
    let algorithm = match view.u32(12, Little)? & 0xf {
        0 => None,
        1 => Some(Algorithm::Sha256),
        2 => Some(Algorithm::Sha512),
        _ => return Err(NotThis),
    };
    if !(1..=IMAGES).contains(&count) || usize::from(digest_words) * 4 != DIGEST_AT {
        return Err(NotThis);
    }
    let (mut faults, mut attributes) = (Vec::new(), Vec::new());
    if let Some(algorithm) = algorithm {
        let stored = view.bytes(DIGEST_AT, algorithm.width())?;
        let name = if algorithm == Algorithm::Sha256 { "sha256" } else { "sha512" };
        let computed = digest::of(name, view.bytes(0, DIGEST_AT)?).unwrap_or_default();
        // Signed headers have a signature in the digest's place.
        let verified = cfg!(fuzzing) || stored == computed;
        let told = if verified { "digest verified" } else { "signature, not verified" };
        attributes.push(("header", told.to_owned()));
    }
    let (mut length, mut parts) = (NEW_BYTES, Vec::new());
    for index in 0..count {
        let at = IMAGE_AT + index * IMAGE_BYTES;
        let (offset, size) = (view.u16(at, Little)?, view.u16(at + 2, Little)?);
        let (offset, size) = (u64::from(offset) * BLOCK_BYTES, u64::from(size) * BLOCK_BYTES);
        if size == 0 {
            continue;
        }
        if offset < NEW_BYTES {
            return Err(NotThis);
        }
        let name = if index == 0 { "first-stage" } else { "second-stage" };
        let content = candidate.extent.clamp(offset, size);
        if let Some(algorithm) = algorithm {
            let stored = view.bytes(at + 24, algorithm.width())?;
            let what = format!("the digest of {name}");
            let verdict = check(&what, algorithm, stored, &content, size, offset);
            faults.extend(verdict.fault());
        }
        parts.push((name, offset, size));
        length = length.max(offset + size);
    }
    if parts.is_empty() || !agrees(view.u32(4, Little)?, 0) {
        return Err(NotThis);
    }
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, NEW_BYTES);
    for (name, offset, size) in parts {
        layout.part(name, offset, size);
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, locators},
            reference::{assert_survives_damage, run, sample},
        },
    };

    /// What mkimage makes for a chip.
    fn image(chip: &str, kind: &str) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::write(at("code"), sample(9000, 1)).unwrap();
        run("mkimage", &["-n", chip, "-T", kind, "-d", &at("code"), &at("out")])
            .then(|| fs::read(at("out")).unwrap())
    }

    #[test]
    fn what_mkimage_writes_is_opened() {
        for (chip, kind, format, family) in [
            ("rk3288", "rksd", "rockchip-boot", "RK32"),
            ("rk3066", "rksd", "rockchip-boot", "RK30"),
            ("rk3399", "rkspi", "rockchip-boot", "RK33"),
            ("rk3568", "rksd", "rockchip-boot2", ""),
        ] {
            let Some(bytes) = image(chip, kind) else { return };
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let path = format!("image@0x0/{format}:/first-stage").parse().unwrap();
            let found = locators(&tree);
            let (node, _) = tree.resolve(&path).unwrap_or_else(|| panic!("{chip} {found:?}"));
            let code = tree.bytes(node).unwrap();
            // The name of the family stands over the first four bytes.
            assert!(code[4..].starts_with(&sample(9000, 1)[4..]), "{chip}");
            if !family.is_empty() {
                assert_eq!(attribute(&tree, format, "family").unwrap(), family);
            }
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&bytes, 48, 1999);
        }
    }
}
