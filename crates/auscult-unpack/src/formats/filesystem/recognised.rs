//! File systems that are recognised by strict checks of their headers and not extracted, so that
//! the report names what it could not look into: UBIFS.
//!
//! Layouts: kernel `fs/ubifs/ubifs-media.h`.

use crate::{
    Endian::Little,
    View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static UBIFS: Format = Format {
    name: "ubifs",
    magics: &[Magic::start(&[0x31, 0x18, 0x10, 0x06])],
    carve: true,
    open: open_ubifs,
};

/// Largest file system that is believed.
const LENGTH_MAX: u64 = 1 << 50;

fn recognised(
    name: &str,
    length: u64,
    attributes: Vec<(&'static str, String)>,
) -> Result<Opened, NotThis> {
    if length == 0 || length > LENGTH_MAX {
        return Err(NotThis);
    }
    let unread = Some(format!("recognised, not extracted: {name}"));
    Ok(Opened { length, attributes, unread, ..Opened::default() })
}

/// The superblock is the first node of the first erase block; its checksum covers the node.
fn open_ubifs(candidate: &Candidate) -> Result<Opened, NotThis> {
    const SUPERBLOCK_NODE: u8 = 6;
    let head = candidate.extent.read(0, 4096)?;
    let view = View(&head);
    // The checksum starts inverted and is not inverted at the end.
    let checksum = !Crc32::of(view.bytes(8, 4096 - 8)?);
    let shape = (view.u32(16, Little)?, view.u8(20)?);
    if shape != (4096, SUPERBLOCK_NODE) || !agrees(view.u32(4, Little)?, checksum) {
        return Err(NotThis);
    }
    let (block_bytes, blocks) = (view.u32(36, Little)?, view.u32(40, Little)?);
    let attributes = vec![("erase-block", block_bytes.to_string())];
    recognised("ubifs", u64::from(block_bytes) * u64::from(blocks), attributes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::reference::{assert_survives_damage, make_directory, run},
    };

    #[test]
    fn images_of_the_reference_tools_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        make_directory(&root);
        let image = folder.path().join("image");
        let (root, path) = (root.to_str().unwrap(), image.to_str().unwrap());
        let ubifs = ["-m", "2048", "-e", "126976", "-c", "500", "-r", root, "-o", path];
        let cases: [(&str, &str, &[&str]); 1] = [("ubifs", "mkfs.ubifs", &ubifs)];
        for (format, tool, arguments) in cases {
            drop(fs::remove_file(&image));
            if !run(tool, arguments) {
                continue;
            }
            let bytes = fs::read(&image).unwrap();
            let total = bytes.len() as u64;
            let head = bytes[..bytes.len().min(8192)].to_vec();
            let tree = Tree::from_bytes(bytes, &Limits::default());
            let unread = &tree.coverage().regions_unread;
            let reason = format!("{format}: recognised, not extracted: {format}");
            assert_eq!((unread.len(), &unread[0].reason), (1, &reason));
            assert_eq!(unread[0].bytes, total);
            assert_survives_damage(&head, 0, 97);
        }
    }
}
