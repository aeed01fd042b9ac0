//! xar archives (`xar.h` and the wiki of xar): installers of macOS and firmware updates of theirs.
//!
//! A table of contents in XML, packed with zlib, tells where in the heap behind it each file is, how
//! it is packed, and its checksums. Signatures and extended attributes are not read.

use crate::{
    Endian::Big,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    codec::{self, Codec, Decoding},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        gathering::Gathering,
        hardlinks,
        promise::{self, Promise, Sum},
    },
};

mod toc;

use toc::File;

pub(crate) static FORMAT: Format =
    Format { name: "xar", magics: &[Magic::start(b"xar!")], carve: true, open };

const HEADER_BYTES: u64 = 28;
/// Largest table of contents, packed and unpacked.
const TOC_BYTES_MAX: u64 = 64 << 20;
/// Names of the checksum over the table of contents.
const CHECKSUMS: &[&str] = &["none", "sha1", "md5", "other"];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let header_bytes = u64::from(view.u16(4, Big)?);
    let (packed, size) = (view.u64(8, Big)?, view.u64(16, Big)?);
    let sound = header_bytes >= HEADER_BYTES
        && view.u16(6, Big)? == 1
        && packed <= TOC_BYTES_MAX
        && size <= TOC_BYTES_MAX;
    if !sound {
        return Err(NotThis);
    }
    let toc = extent.slice(header_bytes, packed).ok_or(NotThis)?;
    let table = toc.clone();
    let unpacked =
        Extent::derived(candidate.vault(), size, Decoding { codec: Codec::Zlib, input: toc });
    let bytes = unpacked.read_all()?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| NotThis)?;
    let heap = extent.from(header_bytes + packed);
    let mut contents = toc::read(&text);
    let mut opened = Opened { length: header_bytes + packed, ..Opened::default() };
    let checksum = usize::try_from(view.u32(24, Big)?).unwrap_or(usize::MAX);
    let checksum = CHECKSUMS.get(checksum).copied().unwrap_or("other");
    opened.attributes.push(("checksum", checksum.to_owned()));
    if let Some(created) = contents.created.take() {
        opened.attributes.push(("created", created));
    }
    if contents.signed {
        opened.attributes.push(("signature", "true".to_owned()));
    }
    opened.faults.extend(contents.fault.take().map(|fault| fault.within(header_bytes)));
    let heap_end = contents.files.iter().map(File::heap_end).max().unwrap_or(0);
    let heap_end = heap_end.max(contents.heap_end);
    opened.length = opened.length.saturating_add(heap_end);
    let mut gathering = Gathering::new(extent);
    let mut promises = Vec::new();
    if let Some(sum) = stored_sum(&heap, &contents) {
        let name = b"the table of contents".to_vec();
        promises.push(Promise { name, place: header_bytes, content: table, sum });
    }
    for file in &contents.files {
        if gathering.is_full() {
            break;
        }
        let entry = entry(&heap, file, &mut gathering, &mut promises);
        gathering.add(entry);
    }
    let (mut entries, faults) = gathering.finish();
    hardlinks::fill(&mut entries);
    opened.entries = entries;
    opened.faults.extend(faults);
    opened.faults.extend(promise::verify(&promises));
    Ok(opened)
}

fn entry(
    heap: &Extent,
    file: &File,
    gathering: &mut Gathering,
    promises: &mut Vec<Promise>,
) -> Entry {
    let metadata = Metadata {
        mode: file.mode.map(|mode| mode & 0o7777),
        user: file.user,
        group: file.group,
        modified: file.modified,
        xattrs: Vec::new(),
    };
    let kind = match file.kind.as_str() {
        "directory" => EntryKind::Directory,
        "symlink" => EntryKind::Symlink(file.link.as_bytes().into()),
        "hardlink" if !file.link.is_empty() => EntryKind::Hardlink(file.link.as_bytes().into()),
        "fifo" => EntryKind::Fifo,
        "socket" => EntryKind::Socket,
        "character special" => EntryKind::CharacterDevice { major: 0, minor: 0 },
        "block special" => EntryKind::BlockDevice { major: 0, minor: 0 },
        _ => EntryKind::File,
    };
    let bare = Entry::member(file.path.as_slice(), kind, metadata);
    if bare.kind != EntryKind::File {
        return bare;
    }
    let Some(data) = &file.data else { return bare.with_content(heap.clamp(0, 0)) };
    let Some(stored) = heap.slice(data.offset, data.length) else {
        let why = format!("{} bytes at {:#x} of the heap: truncated", data.length, data.offset);
        gathering.report(Fault::new(0, "read a file of the archive", why), &file.path);
        return bare;
    };
    let codec = match data.encoding.as_str() {
        "" | "application/octet-stream" => None,
        "application/x-gzip" | "application/zlib" => Some(Codec::Zlib),
        "application/x-bzip2" => Some(Codec::Bzip2),
        "application/x-xz" => Some(Codec::Xz),
        "application/x-lzma" => Some(lzma_kind(&stored)),
        other => return bare.unreadable(data.length, format!("compressed as {other}")),
    };
    let content = match codec {
        None => stored,
        Some(codec) => {
            let vault = std::sync::Arc::clone(heap.vault());
            Extent::derived(&vault, data.size, Decoding { codec, input: stored })
        }
    };
    if let Some(sum) = data.sum.clone() {
        let name = file.path.clone();
        promises.push(Promise { name, place: data.offset, content: content.clone(), sum });
    }
    bare.with_content(content)
}

/// The checksum of the packed table, which is the first thing in the heap.
fn stored_sum(heap: &Extent, contents: &toc::Contents) -> Option<Sum> {
    let (style, offset, size) = contents.checksum.as_ref()?;
    let bytes = heap.slice(*offset, *size).filter(|_| *size <= 64)?.read_all().ok()?;
    sum_of_bytes(style, &bytes)
}

/// Under the name of LZMA there are xz streams, and LZMA alone of older programs.
fn lzma_kind(stored: &Extent) -> codec::Codec {
    let xz = stored.read_up_to(0, 6).is_ok_and(|head| head.starts_with(b"\xfd7zXZ"));
    if xz { Codec::Xz } else { Codec::LzmaAlone }
}

/// A sum as it is written: its kind and hexadecimal digits.
fn sum_of(style: &str, digits: &str) -> Option<Sum> {
    let pairs = (0..digits.len()).step_by(2).map(|at| digits.get(at..at + 2));
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    sum_of_bytes(style, &bytes?)
}

fn sum_of_bytes(style: &str, bytes: &[u8]) -> Option<Sum> {
    match style.to_ascii_lowercase().as_str() {
        "md5" => bytes.try_into().ok().map(Sum::Md5),
        "sha1" => bytes.try_into().ok().map(Sum::Sha1),
        "sha256" => bytes.try_into().ok().map(Sum::Sha256),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile,
            reference::{assert_same_contents, container, make_directory, run},
        },
    };

    fn pack(root: &std::path::Path, options: &str) -> Option<Vec<u8>> {
        let archive = root.with_extension("xar");
        let script = format!(
            "bsdtar --format=xar {options} -C {} -cf {} .",
            root.display(),
            archive.display()
        );
        let made = run("bsdtar", &["--version"]) && run("sh", &["-c", &script]);
        made.then(|| fs::read(&archive).unwrap())
    }

    #[test]
    fn archives_of_the_reference_library() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        make_directory(&root);
        for compression in ["gzip", "bzip2", "xz", "lzma", "none"] {
            let options = format!("--options xar:compression={compression}");
            let Some(archive) = pack(&root, &options) else { return };
            // The library leaves some bytes of its own behind the heap.
            assert_same_contents(archive, "xar", &root);
        }
    }

    #[test]
    fn a_wrong_checksum_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("text"), b"some text").unwrap();
        let Some(mut archive) = pack(&root, "--options xar:compression=none") else { return };
        let at = archive.windows(9).rposition(|window| window == b"some text").unwrap();
        archive[at] ^= 1;
        let tree = Tree::from_bytes(archive, &Limits::default());
        assert!(tree.problems().iter().any(|problem| problem.why.contains("checksum")));
        assert!(tree.member(container(&tree, "xar"), b"/text").is_some());
    }

    #[test]
    fn damage_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("text"), b"some text").unwrap();
        let Some(archive) = pack(&root, "") else { return };
        hostile::check(&archive, 60);
    }
}
