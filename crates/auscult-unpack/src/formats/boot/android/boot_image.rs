//! Boot images of Android (`bootimg.h` of AOSP), versions 0 to 4: a kernel and a ramdisk, and what else
//! the version knows, each at a page.
//!
//! The digest of versions 0 to 2 is compared with the sections; the signature of version 4 is a part.

use sha1::Digest as _;

use super::sections::{Section, lay_out, places, told, versions};
use crate::{
    Endian::Little,
    Extent, Fault, View,
    checksum::{agrees, each_piece},
    digest,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(in crate::formats::boot) static FORMAT: Format =
    Format { name: "android-boot", magics: &[Magic::start(b"ANDROID!")], carve: true, open };

/// The first header has 1632 bytes; versions 1 and 2 append to it.
const HEADER_BYTES: [u64; 3] = [1632, 1648, 1660];
/// Drafts of version 3 counted four more reserved words.
const HEADER_3_BYTES: [u32; 2] = [1580, 1596];
const HEADER_4_BYTES: u32 = 1584;
/// Versions 3 and 4 have no field for the size of a page.
const PAGE_BYTES: u64 = 4096;
const PAGES: std::ops::RangeInclusive<u64> = 512..=(128 << 10);
const SECTION_BYTES_MAX: u32 = 512 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, HEADER_BYTES[2])?;
    let view = View(&head);
    match view.u32(40, Little)? {
        3 if HEADER_3_BYTES.contains(&view.u32(20, Little)?) => open_late(candidate, view, 3),
        4 if view.u32(20, Little)? == HEADER_4_BYTES => open_late(candidate, view, 4),
        version => open_early(candidate, view, version),
    }
}

/// Versions 0 to 2. Makers of version 0 put the size of a device tree where the version stands.
fn open_early(
    candidate: &Candidate,
    view: View<'_>,
    version_or_size: u32,
) -> Result<Opened, NotThis> {
    let word = |at| view.u32(at, Little);
    let page = u64::from(word(36)?);
    let version = if version_or_size <= 2 { version_or_size } else { 0 };
    let tree_bytes = if version_or_size > 2 { version_or_size } else { 0 };
    let mut sections = vec![
        Section::new("kernel", word(8)?),
        Section::new("ramdisk", word(16)?),
        Section::new("second", word(24)?),
    ];
    match version {
        0 if tree_bytes > 0 => sections.push(Section::new("device-tree", tree_bytes)),
        1 | 2 => sections.push(Section::new("recovery-dtbo", word(1632)?)),
        _ => {}
    }
    if version == 2 {
        sections.push(Section::new("dtb", word(1648)?));
    }
    let header_bytes = usize::try_from(version).ok().and_then(|at| HEADER_BYTES.get(at));
    let header_bytes = *header_bytes.ok_or(NotThis)?;
    let told_bytes = if version > 0 { u64::from(word(1644)?) } else { header_bytes };
    let plausible = page.is_power_of_two()
        && PAGES.contains(&page)
        && told_bytes == header_bytes
        && sections.iter().all(|section| section.bytes <= u64::from(SECTION_BYTES_MAX))
        && sections.iter().take(2).any(|section| section.bytes > 0);
    if !plausible {
        return Err(NotThis);
    }
    let mut attributes =
        vec![("header-version", version.to_string()), ("page-size", page.to_string())];
    attributes.extend(versions(word(44)?));
    attributes.extend(told("name", view.text(48, 16)?));
    attributes.extend(told("cmdline", &[view.text(64, 512)?, view.text(608, 1024)?].concat()));
    for (key, at) in [("kernel-address", 12), ("ramdisk-address", 20), ("tags-address", 32)] {
        attributes.push((key, format!("{:#010x}", word(at)?)));
    }
    let laid = lay_out(&candidate.extent, header_bytes, page, &sections);
    let mut faults = laid.faults;
    let id = view.bytes(576, 32)?;
    if id.iter().any(|&byte| byte != 0) && faults.is_empty() {
        let starts = places(header_bytes, page, &sections);
        let computed = identity(&candidate.extent, &sections, &starts);
        attributes.push(("id", told_identity(id, computed.as_ref(), &mut faults)));
    }
    Ok(Opened { length: laid.length, attributes, entries: laid.entries, faults, unread: None })
}

/// The digests that `mkbootimg` may have written: of each section and its size, with SHA-1, or with
/// SHA-256 as some makers do.
fn identity(image: &Extent, sections: &[Section], starts: &[u64]) -> Option<[Vec<u8>; 2]> {
    let (mut sha1, mut sha256) = (sha1::Sha1::new(), sha2::Sha256::new());
    for (section, &start) in sections.iter().zip(starts) {
        let content = image.slice(start, section.bytes)?;
        let hashed = each_piece(&content, |bytes| {
            sha1.update(bytes);
            sha256.update(bytes);
        });
        hashed.ok()?;
        let size = u32::try_from(section.bytes).ok()?.to_le_bytes();
        sha1.update(size);
        sha256.update(size);
    }
    let mut short = sha1.finalize().to_vec();
    short.resize(32, 0);
    Some([short, sha256.finalize().to_vec()])
}

/// What to say of the digest. Only boot loaders of long ago used it, and tools that repack images
/// leave any value: of a field that cannot be a SHA-1 nothing is known.
fn told_identity(
    stored: &[u8],
    computed: Option<&[Vec<u8>; 2]>,
    faults: &mut Vec<Fault>,
) -> String {
    let text = digest::hex(stored);
    let Some(computed) = computed else { return text };
    if computed.iter().any(|computed| agrees(stored, computed)) {
        return format!("{text} (verified)");
    }
    if stored.iter().skip(20).all(|&byte| byte == 0) {
        faults.push(Fault::new(576, "check the sha1 of the sections", "it does not fit"));
        return format!("{text} (wrong)");
    }
    format!("{text} (not known how computed)")
}

/// Versions 3 and 4.
fn open_late(candidate: &Candidate, view: View<'_>, version: u32) -> Result<Opened, NotThis> {
    let word = |at| view.u32(at, Little);
    let mut sections = vec![Section::new("kernel", word(8)?), Section::new("ramdisk", word(12)?)];
    let mut header_bytes = u64::from(HEADER_3_BYTES[0]);
    if version == 4 {
        header_bytes = u64::from(HEADER_4_BYTES);
        sections.push(Section::new("signature", word(1580)?));
    }
    let plausible = [24, 28, 32, 36].iter().all(|&at| word(at).is_ok_and(|word| word == 0))
        && sections.iter().all(|section| section.bytes <= u64::from(SECTION_BYTES_MAX))
        && sections.iter().any(|section| section.bytes > 0);
    if !plausible {
        return Err(NotThis);
    }
    let mut attributes = vec![("header-version", version.to_string())];
    attributes.extend(versions(word(16)?));
    attributes.extend(told("cmdline", view.text(44, 1536)?));
    let laid = lay_out(&candidate.extent, header_bytes, PAGE_BYTES, &sections);
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length: laid.length, attributes, entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check, locators},
            reference::{run, sample},
        },
    };

    /// Files by name, and the seed of what is in them.
    const FILES: [(&str, u32); 4] = [("kernel", 1), ("ramdisk", 2), ("second", 3), ("dtb", 5)];

    /// A boot image of the reference tool, with what went into it.
    fn made(arguments: &[&str]) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for (name, seed) in FILES {
            fs::write(path(name), sample(3000 + 1000 * seed as usize, seed)).unwrap();
        }
        let output = path("boot.img");
        let mut all: Vec<String> = vec!["--output".into(), output.clone()];
        for argument in arguments {
            let is_file = FILES.iter().any(|file| file.0 == *argument);
            all.push(if is_file { path(argument) } else { (*argument).to_owned() });
        }
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        run("mkbootimg", &all).then(|| fs::read(output).unwrap())
    }

    fn part(tree: &Tree, name: &str) -> Vec<u8> {
        let locator = format!("image@0x0/android-boot:/{name}").parse().unwrap();
        tree.bytes(tree.resolve(&locator).unwrap().0).unwrap().to_vec()
    }

    const COMMON: &[&str] = &[
        "--kernel",
        "kernel",
        "--ramdisk",
        "ramdisk",
        "--os_version",
        "12.0.0",
        "--os_patch_level",
        "2022-03",
        "--cmdline",
        "console=ttyMSM0 quiet",
    ];

    #[test]
    fn early_versions_of_the_reference_tool() {
        for version in ["0", "1", "2"] {
            let more = ["--header_version", version, "--second", "second", "--board", "pump"];
            // The tool cannot write a recovery DTBO: it divides its offset into a fraction.
            let late: &[&str] = if version == "2" { &["--dtb", "dtb"] } else { &[] };
            let Some(bytes) = made(&[COMMON, &more, late].concat()) else { return };
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(tree.problems(), []);
            let told = |key| attribute(&tree, "android-boot", key).unwrap();
            assert_eq!(told("header-version"), version);
            assert_eq!((told("os-version"), told("name")), ("12.0.0".into(), "pump".into()));
            assert_eq!(told("security-patch-level"), "2022-03");
            assert_eq!(told("cmdline"), "console=ttyMSM0 quiet");
            assert!(told("id").ends_with("(verified)"), "{}", told("id"));
            assert_eq!(part(&tree, "ramdisk"), sample(5000, 2));
            assert_eq!(part(&tree, "second"), sample(6000, 3));
            if version == "2" {
                assert_eq!(part(&tree, "dtb"), sample(8000, 5));
            }
            let mut damaged = bytes.clone();
            damaged[5000] ^= 1;
            let tree = Tree::from_bytes(damaged, &Limits::default());
            assert!(tree.problems()[0].what.contains("sha1"));
        }
    }

    #[test]
    fn version_3_of_the_reference_tool() {
        let Some(bytes) = made(&[COMMON, &["--header_version", "3"]].concat()) else { return };
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        assert_eq!(attribute(&tree, "android-boot", "header-version").unwrap(), "3");
        assert_eq!(attribute(&tree, "android-boot", "os-version").unwrap(), "12.0.0");
        assert_eq!(part(&tree, "kernel"), sample(4000, 1));
        assert_eq!(part(&tree, "ramdisk"), sample(5000, 2));
        assert_eq!(tree.coverage().bytes_unread, 9000, "{:?}", locators(&tree));
    }

    /// Version 4 with a signature, after `bootimg.h`.
    fn version_4() -> Vec<u8> {
        let mut bytes = b"ANDROID!".to_vec();
        for word in [10, 5, 12 << 25 | 22 << 4 | 3, 1584, 0, 0, 0, 0, 4_u32] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(b"quiet");
        bytes.resize(1580, 0);
        bytes.extend(3_u32.to_le_bytes());
        for section in [&b"kernel code"[..10], b"disk!", b"sig"] {
            bytes.resize(bytes.len().next_multiple_of(4096), 0);
            bytes.extend(section);
        }
        bytes
    }

    #[test]
    fn a_signed_image_whose_last_page_is_short() {
        let bytes = version_4();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(part(&tree, "signature"), b"sig");
        assert_eq!(attribute(&tree, "android-boot", "security-patch-level").unwrap(), "2022-03");
        assert_eq!(tree.problems(), []);
        check(&bytes[..4200], 60);
    }

    #[test]
    fn a_mention_of_the_magic_is_no_image() {
        let text = b"ANDROID! is the magic of boot images. ".repeat(100);
        let tree = Tree::from_bytes(text, &Limits::default());
        assert_eq!(attribute(&tree, "android-boot", "header-version"), None);
    }
}
