//! romfs, the smallest read-only file system (kernel `Documentation/filesystems/romfs.rst`).
//!
//! Big endian, nothing compressed, headers on 16-byte borders that point to the next one of the
//! directory. It keeps no owners and no times; of the mode only whether a file is executable.

use std::collections::{HashMap, HashSet};

use auscult_model::ByteName;

use crate::formats::support::gathering::{Gathering, entry_path};
use crate::{
    Endian::Big,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "romfs", magics: &[Magic::start(b"-rom1fs-")], carve: true, open };

/// Images are padded to the blocks of block devices.
const PADDING_BYTES: u64 = 1024;
/// Longest name, with room to spare: the kernel takes 128 bytes.
const NAME_BYTES_MAX: u64 = 1024;
/// Longest target of a symbolic link: a page.
const TARGET_BYTES_MAX: u64 = 65_536;

struct Header {
    place: u64,
    next: u64,
    kind: u32,
    executable: bool,
    about: u32,
    size: u64,
    name: Vec<u8>,
    data: u64,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, 512)?;
    let view = View(&head);
    let length = u64::from(view.u32(8, Big)?);
    // The words of the first 512 bytes, or of all where there are fewer, add up to zero.
    let summed = usize::try_from(length.min(512)).unwrap_or(512);
    let words = view.bytes(0, summed)?.chunks_exact(4);
    let sum = words.map(|word| View(word).u32(0, Big).unwrap_or(0)).fold(0_u32, u32::wrapping_add);
    if sum != 0 || length < 32 {
        return Err(NotThis);
    }
    let image = candidate.extent.clamp(0, length);
    let (label, first) = read_text(&image, 16)?;
    let (entries, faults) = walk(&image, first);
    let padded = length.next_multiple_of(PADDING_BYTES);
    let mut attributes = Vec::new();
    if !label.is_empty() {
        attributes.push(("label", String::from_utf8_lossy(&label).into_owned()));
    }
    let length = padded.min(candidate.extent.len()).max(length);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// A text that ends with a zero, and the place after its padding to 16 bytes.
fn read_text(image: &Extent, place: u64) -> Result<(Vec<u8>, u64), Fault> {
    let bytes = image.read_up_to(place, NAME_BYTES_MAX)?;
    let length = memchr::memchr(0, &bytes).ok_or_else(|| {
        Fault::new(place, "read a name", format!("no end within {NAME_BYTES_MAX} bytes"))
    })?;
    let end = u64::try_from(length).unwrap_or(0) + 1;
    Ok((bytes.get(..length).unwrap_or_default().to_vec(), place + end.next_multiple_of(16)))
}

fn read_header(image: &Extent, place: u64) -> Result<Header, Fault> {
    let bytes = image.read(place, 16)?;
    let view = View(&bytes);
    let next = view.u32(0, Big)?;
    let (name, data) = read_text(image, place + 16)?;
    Ok(Header {
        place,
        next: u64::from(next & !0xf),
        kind: next & 7,
        executable: next & 8 != 0,
        about: view.u32(4, Big)?,
        size: u64::from(view.u32(8, Big)?),
        name,
        data,
    })
}

/// Walks from the first header, which is the root directory's.
fn walk(image: &Extent, first: u64) -> (Vec<Entry>, Vec<Fault>) {
    let mut gathering = Gathering::new(image);
    let mut seen = HashSet::new();
    // Paths by the place of the header, for hard links.
    let mut paths = HashMap::new();
    let mut links = Vec::new();
    gathering.add(Entry::member(entry_path(b""), EntryKind::Directory, Metadata::default()));
    let mut pending = vec![(first, Vec::new())];
    while let Some((place, parent)) = pending.pop() {
        if place == 0 || gathering.is_full() {
            continue;
        }
        if !seen.insert(place) {
            let why = "a header that was read before";
            gathering.report(Fault::new(place, "list a directory", why), &parent);
            continue;
        }
        let header = match read_header(image, place) {
            Ok(header) => header,
            Err(fault) => {
                gathering.report(fault, &parent);
                continue;
            }
        };
        pending.push((header.next, parent.clone()));
        if matches!(&header.name[..], b"." | b"..") {
            continue;
        }
        let Some(path) = gathering.child(&parent, &header.name, place) else { continue };
        paths.insert(place, path.clone());
        if header.kind == 0 {
            links.push((header, path));
            continue;
        }
        if header.kind == 1 {
            pending.push((u64::from(header.about & !0xf), path.clone()));
        }
        match make_entry(image, &header, &path) {
            Ok(entry) => gathering.add(entry),
            Err(fault) => gathering.report(fault, &path),
        }
    }
    for (header, path) in links {
        if let Some(target) = paths.get(&u64::from(header.about & !0xf)) {
            let kind = EntryKind::Hardlink(ByteName(target.clone()));
            gathering.add(Entry::member(entry_path(&path), kind, Metadata::default()));
        } else {
            let why = format!("no file at {:#x}", header.about);
            gathering.report(Fault::new(header.place, "find a hard link's file", why), &path);
        }
    }
    gathering.finish()
}

fn make_entry(image: &Extent, header: &Header, path: &[u8]) -> Result<Entry, Fault> {
    // Devices have 16 bits for each number.
    let (major, minor) = (header.about >> 16, header.about & 0xffff);
    let content = || {
        image.slice(header.data, header.size).ok_or_else(|| {
            let why = format!("{} bytes are not all in the image", header.size);
            Fault::new(header.data, "find a file's bytes", why)
        })
    };
    let kind = match header.kind {
        1 => EntryKind::Directory,
        2 => EntryKind::File,
        3 => {
            let target = content()?.read_up_to(0, TARGET_BYTES_MAX)?;
            EntryKind::Symlink(ByteName(target.to_vec()))
        }
        4 => EntryKind::BlockDevice { major, minor },
        5 => EntryKind::CharacterDevice { major, minor },
        6 => EntryKind::Socket,
        _ => EntryKind::Fifo,
    };
    let mode = if header.executable { 0o755 } else { 0o644 };
    let is_file = kind == EntryKind::File;
    let metadata = Metadata { mode: is_file.then_some(mode), ..Metadata::default() };
    let entry = Entry::member(entry_path(path), kind, metadata);
    Ok(if is_file { entry.with_content(content()?) } else { entry })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use crate::formats::testing::reference::{assert_survives_damage, container, run, sample};
    use crate::{EntryKind, NodeKind, Tree};
    use auscult_model::{ByteName, Limits};

    #[test]
    fn an_image_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), sample(5000, 1)).unwrap();
        fs::write(root.join("a-name-longer-than-sixteen-bytes"), b"").unwrap();
        symlink("a/b/file", root.join("link")).unwrap();
        let path = folder.path().join("image");
        let (root, image) = (root.to_str().unwrap(), path.to_str().unwrap());
        if !run("genromfs", &["-f", image, "-d", root, "-V", "the label"]) {
            return;
        }
        let bytes = fs::read(&path).unwrap();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        assert_eq!(tree.coverage().bytes_unread, 0);
        let inside = container(&tree, "romfs");
        let NodeKind::Container { attributes, .. } = &tree.node(inside).kind else { panic!() };
        assert_eq!(attributes["label"], "the label");
        assert_eq!(tree.members_under(inside, b"/").count(), 6);
        let file = tree.member(inside, b"/a/b/file").unwrap();
        assert_eq!(tree.bytes(file).unwrap(), sample(5000, 1));
        let link = EntryKind::Symlink(ByteName::from(&b"a/b/file"[..]));
        let found = tree.node(tree.member(inside, b"/link").unwrap());
        assert_eq!(found.kind, NodeKind::Member(link));
        assert_survives_damage(&bytes, 512, 61);
    }
}
