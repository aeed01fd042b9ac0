//! SquashFS 4.0 images, little endian, gzip, written by `backhand`.

use std::ffi::OsStr;
use std::io::Cursor;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use backhand::compression::Compressor;
use backhand::{FilesystemCompressor, FilesystemWriter, NodeHeader};

use crate::tree::{Entry, EntryKind, Tree};

/// How a SquashFS image is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SquashfsOptions {
    /// Data block size, a power of two from 4 KiB to 1 MiB.
    pub block_bytes: u32,
    /// Time of the image, seconds since 1970.
    pub time: u32,
}

impl Default for SquashfsOptions {
    fn default() -> Self {
        Self { block_bytes: 128 << 10, time: 0 }
    }
}

/// Writes the tree, padded to 4 KiB. Parents that no entry names are added.
pub fn squashfs(tree: &Tree, options: SquashfsOptions) -> Vec<u8> {
    let mut writer = FilesystemWriter::default();
    let gzip = FilesystemCompressor::new(Compressor::Gzip, None).expect("no options needed");
    writer.set_compressor(gzip);
    writer.set_block_size(options.block_bytes);
    writer.set_time(options.time);
    writer.set_root_mode(0o755);
    writer.set_kib_padding(4);
    let tree = tree.clone().with_parents();
    for entry in &tree.entries {
        push(&mut writer, entry);
    }
    let mut image = Cursor::new(Vec::new());
    writer.write(&mut image).expect("memory takes every write");
    image.into_inner()
}

fn push<'a>(writer: &mut FilesystemWriter<'a, 'a, 'a>, entry: &Entry) {
    let header = NodeHeader::new(entry.mode, entry.uid, entry.gid, entry.mtime);
    let path = Path::new(OsStr::from_bytes(&entry.path));
    let done = match &entry.kind {
        EntryKind::File(data) => writer.push_file(Cursor::new(data.clone()), path, header),
        EntryKind::Directory => writer.push_dir(path, header),
        EntryKind::Symlink(target) => {
            writer.push_symlink(OsStr::from_bytes(target).to_owned(), path, header)
        }
        EntryKind::CharacterDevice { major, minor } => {
            writer.push_char_device(device_number(*major, *minor), path, header)
        }
        EntryKind::BlockDevice { major, minor } => {
            writer.push_block_device(device_number(*major, *minor), path, header)
        }
        EntryKind::Fifo => writer.push_fifo(path, header),
    };
    done.expect("parents are complete and names are unique");
}

/// Linux's 32-bit device number: twelve bits of major between the two parts of minor.
fn device_number(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

#[cfg(test)]
mod tests {
    use super::{SquashfsOptions, squashfs};
    use crate::Tree;

    #[test]
    fn the_tree_reads_back_with_its_metadata() {
        let big = vec![0x5a; 300_000];
        let tree = Tree::new()
            .file("/bin/su", 0o4755, "su")
            .owned_by(3, 7)
            .file("/lib/big", 0o644, &big)
            .symlink("/bin/sh", "su")
            .character_device("/dev/console", 0o600, (5, 1));
        let image = squashfs(&tree, SquashfsOptions::default());
        assert_eq!(image.len() % 4096, 0);
        let reader = backhand::FilesystemReader::from_reader(std::io::Cursor::new(&image)).unwrap();
        let su = reader.files().find(|node| node.fullpath.ends_with("bin/su")).unwrap();
        assert_eq!((su.header.permissions, su.header.uid, su.header.gid), (0o4755, 3, 7));
        assert_eq!(reader.files().count(), 8);
        assert_eq!(image, squashfs(&tree, SquashfsOptions::default()));
    }
}
