//! The superblock of dm-integrity (kernel `drivers/md/dm-integrity.c`): sectors with a tag for each.
//! The data stands between the tags in runs and is not put together.

use crate::{
    Endian::Little,
    View,
    digest::hex,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "dm-integrity", magics: &[Magic::start(b"integrt\0")], carve: true, open };

const SECTOR_BYTES: u64 = 512;
/// Versions that the kernel knows.
const VERSION_MAX: u8 = 6;
const FLAG_NAMES: [(u32, &str); 6] = [
    (0x1, "journal-mac"),
    (0x2, "recalculating"),
    (0x4, "dirty-bitmap"),
    (0x8, "fixed-padding"),
    (0x10, "fixed-hmac"),
    (0x20, "inline"),
];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 64)?;
    let view = View(&head);
    let (version, interleave) = (view.u8(8)?, view.u8(9)?);
    let (tag_bytes, sectors) = (view.u16(10, Little)?, view.u64(16, Little)?);
    let (flags, block_log) = (view.u32(24, Little)?, view.u8(28)?);
    let fits = (1..=VERSION_MAX).contains(&version)
        && interleave <= 31
        && block_log <= 3
        && flags & !0x3f == 0
        && sectors > 0
        && sectors < 1 << 50;
    if !fits {
        return Err(NotThis);
    }
    let names = FLAG_NAMES.iter().filter(|(bit, _)| flags & bit != 0).map(|&(_, name)| name);
    let data_bytes = sectors * SECTOR_BYTES;
    // Where it is not a device of its own, it has at least its data.
    let length = if candidate.offset == 0 { candidate.extent.len() } else { data_bytes };
    Ok(Opened {
        length,
        attributes: vec![
            ("version", version.to_string()),
            ("tag-size", tag_bytes.to_string()),
            ("block-size", (SECTOR_BYTES << block_log).to_string()),
            ("size", data_bytes.to_string()),
            ("journal-sections", view.u32(12, Little)?.to_string()),
            ("flags", names.collect::<Vec<_>>().join(",")),
            ("salt", hex(view.bytes(48, 16)?)),
        ],
        unread: Some("not extracted: data between its integrity tags".to_owned()),
        ..Opened::default()
    })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn the_superblock_is_told() {
        let mut head = Writer::new(Endian::Little);
        head.bytes(b"integrt\0").u8(5).u8(15).u16(4).u32(88).u64(4096).u32(0x18).u8(3).u8(0);
        head.u16(0).fill(0, 16).fill(9, 16).fill(0, 4096);
        let image = head.finish();
        let tree = Tree::from_bytes(image.clone(), &Limits::default());
        let of = |key: &str| attribute(&tree, "dm-integrity", key).unwrap();
        assert_eq!((of("block-size"), of("tag-size")), ("4096".to_owned(), "4".to_owned()));
        assert_eq!(of("flags"), "fixed-padding,fixed-hmac");
        assert_eq!(tree.coverage().bytes_unread, image.len() as u64);
        check(&image[..200], 64);
    }
}
