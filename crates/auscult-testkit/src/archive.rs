//! Archives: cpio (SVR4 "newc"), tar (GNU), ar (System V, as `.deb` and old `.ipk` use it).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::tree::{Entry, EntryKind, Tree};
use crate::writer::{Endian, Writer};

/// A cpio archive in the new ASCII format, as the kernel reads an initramfs.
pub fn cpio_newc(tree: &Tree) -> Vec<u8> {
    let mut writer = Writer::new(Endian::Little);
    for (number, entry) in (1_u32..).zip(&tree.entries) {
        let data: &[u8] = match &entry.kind {
            EntryKind::File(data) | EntryKind::Symlink(data) => data,
            _ => &[],
        };
        cpio_member(&mut writer, number, Some(entry), &entry.path, data);
    }
    cpio_member(&mut writer, 0, None, b"TRAILER!!!", &[]);
    writer.align(512, 0);
    writer.finish()
}

fn cpio_member(writer: &mut Writer, ino: u32, entry: Option<&Entry>, name: &[u8], data: &[u8]) {
    let (major, minor) = match entry.map(|entry| &entry.kind) {
        Some(
            EntryKind::CharacterDevice { major, minor } | EntryKind::BlockDevice { major, minor },
        ) => (*major, *minor),
        _ => (0, 0),
    };
    let directory = entry.is_some_and(|entry| entry.kind == EntryKind::Directory);
    let fields = [
        ino,
        entry.map_or(0, |entry| entry.kind.type_bits() | u32::from(entry.mode)),
        entry.map_or(0, |entry| entry.uid),
        entry.map_or(0, |entry| entry.gid),
        if directory { 2 } else { 1 },
        entry.map_or(0, |entry| entry.mtime),
        crate::writer::u32_of(data.len()),
        0,
        0,
        major,
        minor,
        crate::writer::u32_of(name.len() + 1),
        0,
    ];
    writer.bytes(b"070701");
    for field in fields {
        writer.bytes(format!("{field:08X}").as_bytes());
    }
    writer.bytes(name).u8(0).align(4, 0).bytes(data).align(4, 0);
}

/// A tar archive with GNU headers; long names use GNU's extension.
pub fn tar(tree: &Tree) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in &tree.entries {
        tar_member(&mut builder, entry);
    }
    builder.into_inner().expect("memory takes every write")
}

fn tar_member(builder: &mut tar::Builder<Vec<u8>>, entry: &Entry) {
    let mut header = tar::Header::new_gnu();
    header.set_mode(u32::from(entry.mode));
    header.set_uid(u64::from(entry.uid));
    header.set_gid(u64::from(entry.gid));
    header.set_mtime(u64::from(entry.mtime));
    header.set_size(0);
    let path = Path::new(OsStr::from_bytes(&entry.path));
    let done = match &entry.kind {
        EntryKind::File(data) => {
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(u64::try_from(data.len()).expect("fits 64 bits"));
            builder.append_data(&mut header, path, data.as_slice())
        }
        EntryKind::Symlink(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, path, Path::new(OsStr::from_bytes(target)))
        }
        EntryKind::Directory => {
            header.set_entry_type(tar::EntryType::Directory);
            builder.append_data(&mut header, path, std::io::empty())
        }
        EntryKind::Fifo => {
            header.set_entry_type(tar::EntryType::Fifo);
            builder.append_data(&mut header, path, std::io::empty())
        }
        EntryKind::CharacterDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            let character = matches!(entry.kind, EntryKind::CharacterDevice { .. });
            header.set_entry_type(if character {
                tar::EntryType::Char
            } else {
                tar::EntryType::Block
            });
            header.set_device_major(*major).expect("a GNU header has the field");
            header.set_device_minor(*minor).expect("a GNU header has the field");
            builder.append_data(&mut header, path, std::io::empty())
        }
    };
    done.expect("memory takes every write");
}

/// An ar archive of these members, with short names only.
pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Endian::Little);
    writer.bytes(b"!<arch>\n");
    for (name, data) in members {
        let header =
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", data.len());
        assert_eq!(header.len(), 60, "{name:?} is too long for an ar header");
        writer.bytes(header.as_bytes()).bytes(data).align(2, b'\n');
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::{ar, cpio_newc, tar};
    use crate::Tree;

    fn tree() -> Tree {
        Tree::new()
            .directory("bin", 0o755)
            .file("bin/su", 0o4755, "su")
            .owned_by(0, 7)
            .symlink("bin/sh", "su")
            .character_device("console", 0o600, (5, 1))
            .file("x".repeat(120), 0o644, "long")
    }

    #[test]
    fn tar_reads_back() {
        let bytes = tar(&tree());
        let mut archive = tar::Archive::new(&*bytes);
        let seen: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let path = entry.path().unwrap().display().to_string();
                (path, header.mode().unwrap(), header.gid().unwrap(), header.size().unwrap())
            })
            .collect();
        assert_eq!(seen.len(), 5);
        assert_eq!(seen[1], ("bin/su".to_owned(), 0o4755, 7, 2));
        assert_eq!(seen[4].0, "x".repeat(120));
    }

    #[test]
    fn cpio_members_are_aligned_and_end_with_the_trailer() {
        let bytes = cpio_newc(&tree());
        assert_eq!(bytes.len() % 512, 0);
        let mut at = 0;
        let mut names = Vec::new();
        loop {
            let field = |index: usize| {
                let start = at + 6 + index * 8;
                let text = std::str::from_utf8(&bytes[start..start + 8]).unwrap();
                usize::from_str_radix(text, 16).unwrap()
            };
            assert_eq!(&bytes[at..at + 6], b"070701");
            let (size, name) = (field(6), field(11));
            names.push(String::from_utf8(bytes[at + 110..at + 110 + name - 1].to_vec()).unwrap());
            at = ((at + 110 + name).next_multiple_of(4) + size).next_multiple_of(4);
            if names.last().unwrap() == "TRAILER!!!" {
                break;
            }
        }
        assert_eq!(names[..4], ["bin", "bin/su", "bin/sh", "console"]);
    }

    #[test]
    fn ar_pads_odd_members() {
        let bytes = ar(&[("debian-binary", b"2.0"), ("control.tar", b"")]);
        assert_eq!(&bytes[68..72], b"2.0\n");
        assert_eq!(&bytes[72..83], b"control.tar");
    }
}
