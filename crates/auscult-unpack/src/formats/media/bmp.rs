//! Device-independent bitmaps (Microsoft, Bitmap Storage): the pictures that boot loaders show.
//!
//! The magic is two letters, so that every field must fit the others.

use crate::{
    Endian::Little,
    Reading, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "bmp", magics: &[Magic::start(b"BM")], carve: true, open };

/// Bytes of the file header, and of the information headers that there are.
const FILE_HEADER_BYTES: u64 = 14;
const HEADER_BYTES: [u64; 5] = [40, 52, 56, 108, 124];
const SIDE_MAX: u64 = 1 << 15;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    if candidate.reading == Reading::Whole {
        return Err(NotThis);
    }
    let head = candidate.extent.read(0, FILE_HEADER_BYTES + 40)?;
    let view = View(&head);
    let number = |at: usize| view.u32(at, Little).map(u64::from);
    let (length, reserved, pixels) = (number(2)?, number(6)?, number(10)?);
    let (header, planes, bits) = (number(14)?, view.u16(26, Little)?, view.u16(28, Little)?);
    let (width, height) =
        (number(18)?, u64::from(view.u32(22, Little)?.cast_signed().unsigned_abs()));
    let compression = number(30)?;
    let plausible = reserved == 0
        && HEADER_BYTES.contains(&header)
        && planes == 1
        && matches!(bits, 1 | 4 | 8 | 16 | 24 | 32)
        && (1..=SIDE_MAX).contains(&width)
        && (1..=SIDE_MAX).contains(&height)
        && compression <= 6
        && pixels >= FILE_HEADER_BYTES + header
        && pixels < length;
    if !plausible {
        return Err(NotThis);
    }
    // Rows are filled up to four bytes. Packed pictures (1 and 2) have any length.
    let row = (width * u64::from(bits)).div_ceil(32) * 4;
    if length - pixels < row * height && !matches!(compression, 1 | 2) {
        return Err(NotThis);
    }
    let attributes = vec![("size", format!("{width}x{height}")), ("bits", bits.to_string())];
    Ok(Opened { length, attributes, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, noise},
    };

    fn picture() -> Vec<u8> {
        let mut bytes = b"BM".to_vec();
        for word in [54 + 240_u32, 0, 54, 40, 10, 8] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend([1, 0, 24, 0]);
        bytes.extend([0; 24]);
        // Eight rows of ten pixels, each filled up to 32 bytes.
        bytes.extend(noise(256));
        bytes[2..6].copy_from_slice(&310_u32.to_le_bytes());
        bytes
    }

    #[test]
    fn a_picture_is_as_long_as_its_rows() {
        let picture = picture();
        assert_eq!(picture.len(), 310);
        let tree =
            Tree::from_bytes([&picture, &b"\x01\x02behind"[..]].concat(), &Limits::default());
        assert_eq!(attribute(&tree, "bmp", "size").unwrap(), "10x8");
        assert_eq!(tree.coverage().bytes_read, picture.len() as u64);
        let mut short = picture.clone();
        short[2..6].copy_from_slice(&200_u32.to_le_bytes());
        let tree = Tree::from_bytes(short, &Limits::default());
        assert!(attribute(&tree, "bmp", "size").is_none());
        check(&picture, 60);
    }
}
