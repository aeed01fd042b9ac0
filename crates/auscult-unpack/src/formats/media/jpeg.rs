//! JPEG pictures (ITU-T T.81, annex B): segments, then packed scans up to the end mark. Nothing is
//! unpacked.

use crate::{
    Endian::Big,
    Extent, Reading, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format = Format {
    name: "jpeg",
    // The start mark and the first segment: JFIF, Exif, or tables.
    magics: &[
        Magic::start(&[0xff, 0xd8, 0xff, 0xe0]),
        Magic::start(&[0xff, 0xd8, 0xff, 0xe1]),
        Magic::start(&[0xff, 0xd8, 0xff, 0xdb]),
    ],
    carve: true,
    open,
};

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;
const SEGMENTS_MAX: u32 = 4096;
/// Scans are searched for their end in pieces of this size.
const PIECE_BYTES: u64 = 1 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    if candidate.reading == Reading::Whole {
        return Err(NotThis);
    }
    let extent = &candidate.extent;
    let (mut at, mut size) = (2, None);
    for _ in 0..SEGMENTS_MAX {
        let head = extent.read(at, 4)?;
        let [mark, kind] = View(&head).array(0)?;
        if mark != 0xff {
            return Err(NotThis);
        }
        if kind == END_OF_IMAGE {
            // Without a frame there was no picture.
            let size: String = size.ok_or(NotThis)?;
            let attributes = vec![("size", size)];
            return Ok(Opened { length: at + 2, attributes, ..Opened::default() });
        }
        let length = u64::from(View(&head).u16(2, Big)?);
        if length < 2 {
            return Err(NotThis);
        }
        if is_frame(kind) {
            let frame = extent.read(at + 4, 5)?;
            let (height, width) = (View(&frame).u16(1, Big)?, View(&frame).u16(3, Big)?);
            size = Some(format!("{width}x{height}"));
        }
        at += 2 + length;
        if kind == START_OF_SCAN {
            at = end_of_scan(extent, at).ok_or(NotThis)?;
        }
    }
    Err(NotThis)
}

/// Whether a segment starts a frame (table B.1): it has the size of the picture.
fn is_frame(kind: u8) -> bool {
    matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc)
}

/// Where the next segment is: a mark that is neither a stuffed byte nor a restart.
fn end_of_scan(extent: &Extent, from: u64) -> Option<u64> {
    let mut at = from;
    while at < extent.len() {
        let piece = extent.read_up_to(at, PIECE_BYTES).ok()?;
        let marks = memchr::memchr_iter(0xff, &piece);
        for place in marks {
            let next = piece.get(place + 1).copied();
            if next.is_some_and(|next| !matches!(next, 0 | 0xd0..=0xd7 | 0xff)) {
                return Some(at + u64::try_from(place).ok()?);
            }
        }
        // A mark at the very end of a piece is looked at again with the next one.
        at += u64::try_from(piece.len()).ok()?.saturating_sub(1).max(1);
    }
    None
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, noise},
    };

    fn picture() -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
        bytes.extend(b"\xff\xc0\0\x11\x08\0\x20\0\x40\x03\x01\x22\0\x02\x11\x01\x03\x11\x01");
        bytes.extend(b"\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0");
        bytes.extend(noise(300).into_iter().filter(|&byte| byte != 0xff));
        bytes.extend(b"\xff\0more\xff\xd0more\xff\xd9");
        bytes
    }

    #[test]
    fn a_picture_ends_with_its_mark() {
        let picture = picture();
        let tree =
            Tree::from_bytes([&picture, &b"\x01\x02behind"[..]].concat(), &Limits::default());
        assert_eq!(attribute(&tree, "jpeg", "size").unwrap(), "64x32");
        assert_eq!(tree.coverage().bytes_read, picture.len() as u64);
        check(&picture, 60);
    }
}
