//! GIF pictures (CompuServe, Graphics Interchange Format version 89a): blocks up to the trailer.
//! Nothing is unpacked.

use crate::{
    Endian::Little,
    Extent, Reading, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format = Format {
    name: "gif",
    magics: &[Magic::start(b"GIF87a"), Magic::start(b"GIF89a")],
    carve: true,
    open,
};

const SCREEN_BYTES: u64 = 13;
const BLOCKS_MAX: u32 = 1 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    if candidate.reading == Reading::Whole {
        return Err(NotThis);
    }
    let extent = &candidate.extent;
    let head = extent.read(0, SCREEN_BYTES)?;
    let view = View(&head);
    let (width, height) = (view.u16(6, Little)?, view.u16(8, Little)?);
    let (mut at, mut pictures) = (SCREEN_BYTES + color_table_bytes(view.u8(10)?), 0_u32);
    for _ in 0..BLOCKS_MAX {
        match View(&extent.read(at, 1)?).u8(0)? {
            0x3b if pictures > 0 => {
                let size = ("size", format!("{width}x{height}"));
                let attributes = vec![size, ("pictures", pictures.to_string())];
                return Ok(Opened { length: at + 1, attributes, ..Opened::default() });
            }
            // An extension: its label, then sub-blocks.
            0x21 => at = end_of_blocks(extent, at + 2).ok_or(NotThis)?,
            // A picture: its descriptor, its colours, the size of its codes, sub-blocks.
            0x2c => {
                let flags = View(&extent.read(at + 9, 1)?).u8(0)?;
                let data = at + 10 + color_table_bytes(flags) + 1;
                at = end_of_blocks(extent, data).ok_or(NotThis)?;
                pictures += 1;
            }
            _ => return Err(NotThis),
        }
    }
    Err(NotThis)
}

/// Bytes of the colours that flags announce.
fn color_table_bytes(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// The place behind a chain of sub-blocks, which ends with one of no bytes.
fn end_of_blocks(extent: &Extent, from: u64) -> Option<u64> {
    let mut at = from;
    for _ in 0..BLOCKS_MAX {
        let length = View(&extent.read(at, 1).ok()?).u8(0).ok()?;
        at += 1 + u64::from(length);
        if length == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn a_picture_ends_with_its_trailer() {
        let mut picture = b"GIF89a\x0a\0\x05\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
        picture.extend(b"\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0\x0a\0\x05\0\0\x02\x03abc\x02de\0\x3b");
        let tree =
            Tree::from_bytes([&picture, &b"\x01\x02behind"[..]].concat(), &Limits::default());
        assert_eq!(attribute(&tree, "gif", "size").unwrap(), "10x5");
        assert_eq!(tree.coverage().bytes_read, picture.len() as u64);
        check(&picture, 60);
    }
}
