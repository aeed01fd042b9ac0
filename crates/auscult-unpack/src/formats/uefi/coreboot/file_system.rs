//! CBFS, coreboot's file system (`cbfs_serialized.h`, "CBFS" in its documentation): files with a header each,
//! aligned, one after the other.
//!
//! Stages and payloads are unpacked; digests of files are verified.

use super::payload;
use crate::{
    Endian::Big,
    Entry, Extent, Fault, View, digest,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{sanitize, text_of},
};

pub(in crate::formats::uefi) static FORMAT: Format =
    Format { name: "cbfs", magics: &[Magic::start(MAGIC)], carve: true, open };

const MAGIC: &[u8] = b"LARCHIVE";
const HEADER_BYTES: u64 = 24;
/// Alignment of files; old images tell another in their master header, a multiple of it.
const ALIGN: u64 = 64;
const NAME_BYTES_MAX: u64 = 1024;
const FILES_MAX: usize = 65_536;

const KIND_OLD_STAGE: u32 = 0x10;
const KIND_STAGE: u32 = 0x11;
const KIND_PAYLOAD: u32 = 0x20;
const KIND_NULL: u32 = u32::MAX;
const KIND_DELETED: u32 = 0;
const KINDS: &[(u32, &str)] = &[
    (0x01, "bootblock"),
    (0x02, "master-header"),
    (KIND_OLD_STAGE, "stage"),
    (KIND_STAGE, "stage"),
    (KIND_PAYLOAD, "payload"),
    (0x21, "fit"),
    (0x30, "option-rom"),
    (0x40, "bootsplash"),
    (0x50, "raw"),
    (0x51, "vsa"),
    (0x52, "mbi"),
    (0x53, "microcode"),
    (0x60, "fsp"),
    (0x61, "mrc"),
    (0x62, "mma"),
    (0x63, "efi"),
    (0x70, "struct"),
    (0xaa, "cmos-defaults"),
    (0xab, "spd"),
    (0xac, "mrc-cache"),
    (0x1aa, "cmos-layout"),
];
/// Tags of attributes.
const TAG_COMPRESSION: u32 = 0x4243_5a4c;
const TAG_HASH: u32 = 0x6873_6148;
const DIGESTS: &[(u32, &str)] = &[(1, "sha1"), (2, "sha256"), (3, "sha512")];

struct File {
    name: String,
    kind: u32,
    data: Extent,
    /// Compression and size of the unpacked bytes.
    packed: Option<(u32, u64)>,
    digest: Option<(u32, Vec<u8>)>,
    end: u64,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let (mut at, mut length) = (0, 0);
    let (mut entries, mut faults, mut told) = (Vec::new(), Vec::new(), Vec::new());
    while told.len() < FILES_MAX {
        let Some(file) = file(extent, at) else { break };
        length = file.end;
        at = length.next_multiple_of(ALIGN);
        if !matches!(file.kind, KIND_NULL | KIND_DELETED) {
            told.push(describe(&file, &mut faults));
            entries.extend(parts(&file, &mut faults));
        } else if !file.data.is_empty() {
            told.push(format!("(empty, {} bytes)", file.data.len()));
            // What was deleted may still be there.
            let path = format!("empty-{:#x}", file.end - file.data.len());
            entries.push(Entry::part(path.into_bytes(), file.data));
        }
    }
    if told.is_empty() {
        return Err(NotThis);
    }
    let attributes = vec![("files", told.join("; "))];
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// The file whose header stands at this place.
fn file(extent: &Extent, at: u64) -> Option<File> {
    let head = extent.read(at, HEADER_BYTES).ok()?;
    let view = View(&head);
    let word = |at| view.u32(at, Big).ok();
    let (length, kind) = (u64::from(word(8)?), word(12)?);
    let (attributes_at, offset) = (u64::from(word(16)?), u64::from(word(20)?));
    let sound = view.bytes(0, 8).ok()? == MAGIC
        && (HEADER_BYTES..=HEADER_BYTES + 64 * NAME_BYTES_MAX).contains(&offset)
        && (attributes_at == 0 || (HEADER_BYTES..offset).contains(&attributes_at));
    if !sound {
        return None;
    }
    let name_end = if attributes_at > 0 { attributes_at } else { offset };
    let name =
        extent.read(at + HEADER_BYTES, (name_end - HEADER_BYTES).min(NAME_BYTES_MAX)).ok()?;
    let name = text_of(name.split(|&byte| byte == 0).next()?);
    let start = at.checked_add(offset)?;
    let data = extent.clamp(start, length);
    let mut file =
        File { name, kind, data, packed: None, digest: None, end: start.checked_add(length)? };
    if attributes_at > 0 {
        let tags = extent.read(at + attributes_at, offset - attributes_at).ok()?;
        read_attributes(&tags, &mut file);
    }
    Some(file)
}

/// Attributes: a tag, a length, values.
fn read_attributes(bytes: &[u8], file: &mut File) {
    let view = View(bytes);
    let mut at = 0;
    while let (Ok(tag), Ok(length)) = (view.u32(at, Big), view.u32(at + 4, Big)) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length < 8 || at.saturating_add(length) > bytes.len() {
            return;
        }
        let word = |offset| view.u32(at + offset, Big).unwrap_or(0);
        match tag {
            TAG_COMPRESSION => file.packed = Some((word(8), u64::from(word(12)))),
            TAG_HASH => {
                let value = view.bytes(at + 12, length.saturating_sub(12)).unwrap_or_default();
                file.digest = Some((word(8), value.to_vec()));
            }
            _ => {}
        }
        at += length;
    }
}

fn describe(file: &File, faults: &mut Vec<Fault>) -> String {
    let known = KINDS.iter().find(|known| known.0 == file.kind);
    let kind = known.map_or_else(|| format!("kind {:#x}", file.kind), |known| known.1.to_owned());
    let mut words = vec![kind, format!("{} bytes", file.data.len())];
    match file.packed {
        Some((1, _)) => words.push("lzma".to_owned()),
        Some((2, _)) => words.push("lz4".to_owned()),
        _ => {}
    }
    if let Some((algorithm, stored)) = &file.digest
        && let Some((_, name)) = DIGESTS.iter().find(|known| known.0 == *algorithm)
    {
        let computed = digest::of_extent(name, b"", &file.data).ok().flatten();
        let holds = computed.is_some_and(|computed| computed == *stored);
        words.push(format!("{name} {}", if holds { "verified" } else { "wrong" }));
        if !holds {
            let place = file.end - file.data.len();
            let what = format!("check the {name} of {}", file.name);
            faults.push(Fault::new(place, what, "it does not fit"));
        }
    }
    format!("{} ({})", file.name, words.join(", "))
}

/// The parts of a file: its segments, its unpacked bytes, or its bytes.
fn parts(file: &File, faults: &mut Vec<Fault>) -> Vec<Entry> {
    let name = sanitize(&file.name);
    let data = file.data.clone();
    match (file.kind, file.packed) {
        (KIND_PAYLOAD, _) => payload::segments(&name, &data, faults),
        (KIND_OLD_STAGE, _) => vec![payload::old_stage(&name, &data)],
        (_, Some((compression, bytes))) => vec![payload::part(&name, data, compression, bytes)],
        (_, None) => vec![Entry::part(name.into_bytes(), data)],
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use auscult_testkit::stream;
    use sha2::{Digest as _, Sha256};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check},
            reference::{run, sample},
        },
    };

    fn file(name: &str, kind: u32, attributes: &[u8], data: &[u8]) -> Vec<u8> {
        let mut names = name.as_bytes().to_vec();
        names.resize((names.len() + 1).next_multiple_of(16), 0);
        let attributes_at = if attributes.is_empty() { 0 } else { 24 + names.len() };
        let offset = 24 + names.len() + attributes.len();
        let mut bytes = b"LARCHIVE".to_vec();
        for word in [data.len(), kind as usize, attributes_at, offset] {
            bytes.extend(u32::try_from(word).unwrap().to_be_bytes());
        }
        bytes.extend(names);
        bytes.extend(attributes);
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(64), 0xff);
        bytes
    }

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    fn part(tree: &Tree, name: &str) -> Vec<u8> {
        let locator = format!("image@0x0/cbfs:/{name}").parse().unwrap();
        tree.bytes(tree.resolve(&locator).unwrap().0).unwrap().to_vec()
    }

    fn image() -> Vec<u8> {
        let text = b"a stage, a stage, a stage, a stage, a stage";
        let lzma = stream::lzma_alone(text);
        let length = u32::try_from(text.len()).unwrap();
        let mut compression = words(&[0x4243_5a4c, 16, 1, length]);
        compression.extend(words(&[0x6873_6148, 44, 2]));
        compression.extend(Sha256::digest(&lzma));
        let lz4 = stream::lz4_frame(text);
        let packed = u32::try_from(lz4.len()).unwrap();
        let mut payload = b"CODE".to_vec();
        payload.extend(words(&[2, 56, 0, 0x10_0000, packed, length]));
        payload.extend(b"ENTR");
        payload.extend(words(&[0, 0, 0, 0x10_0000, 0, 0]));
        payload.extend(lz4);
        let mut old = 0_u32.to_le_bytes().to_vec();
        old.extend([0; 16]);
        old.extend([5, 0, 0, 0, 5, 0, 0, 0]);
        old.extend(b"stage");
        [
            file("fallback/ramstage", 0x11, &compression, &lzma),
            file("fallback/payload", 0x20, b"", &payload),
            file("old/stage", 0x10, b"", &old),
            file("config", 0x50, b"", b"CONFIG_X=y"),
            file("", u32::MAX, b"", &[0xff; 100]),
        ]
        .concat()
    }

    #[test]
    fn files_of_every_kind() {
        let tree = Tree::from_bytes(image(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let text = b"a stage, a stage, a stage, a stage, a stage";
        assert_eq!(part(&tree, "fallback_ramstage"), text);
        assert_eq!(part(&tree, "fallback_payload-code0-0x100000"), text);
        assert_eq!(part(&tree, "old_stage"), b"stage");
        assert_eq!(part(&tree, "config"), b"CONFIG_X=y");
        let files = attribute(&tree, "cbfs", "files").unwrap();
        assert!(
            files.contains("ramstage (stage, 45 bytes, lzma, sha256 verified)")
                || files.contains("lzma, sha256 verified"),
            "{files}"
        );
        check(&image()[..700], 200);
    }

    #[test]
    fn an_image_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (rom, raw, block) = (path("rom"), path("raw"), path("block"));
        fs::write(&raw, sample(20_000, 1)).unwrap();
        fs::write(&block, sample(1000, 2)).unwrap();
        if !run("cbfstool", &[&rom, "create", "-m", "x86", "-s", "0x40000", "-B", &block]) {
            return;
        }
        for compression in ["none", "lzma", "lz4"] {
            let name = format!("raw-{compression}");
            let mut arguments = vec![rom.as_str(), "add", "-f", &raw, "-n", &name, "-t", "raw"];
            arguments.extend(["-c", compression, "-A", "sha256"]);
            assert!(run("cbfstool", &arguments));
        }
        let mut arguments = vec![rom.as_str(), "add-flat-binary", "-f", &raw, "-n", "flat"];
        arguments.extend(["-l", "0x100000", "-e", "0x100000", "-c", "lzma"]);
        assert!(run("cbfstool", &arguments));
        let tree = Tree::from_bytes(fs::read(&rom).unwrap(), &Limits::default());
        assert_eq!(tree.problems(), []);
        for compression in ["none", "lzma", "lz4"] {
            assert_eq!(part(&tree, &format!("raw-{compression}")), sample(20_000, 1));
        }
        assert_eq!(part(&tree, "flat-code0-0x100000"), sample(20_000, 1));
        let files = attribute(&tree, "cbfs", "files").unwrap();
        assert_eq!(files.matches("sha256 verified").count(), 3, "{files}");
    }
}
