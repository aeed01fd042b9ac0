//! PNG pictures (W3C Portable Network Graphics, third edition): chunks with checksums up to the last
//! one. Nothing is unpacked.

use crate::{
    Endian::Big,
    Extent, Fault, Reading, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "png", magics: &[Magic::start(b"\x89PNG\r\n\x1a\n")], carve: true, open };

const SIGNATURE_BYTES: u64 = 8;
const CHUNKS_MAX: u32 = 1 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    if candidate.reading == Reading::Whole {
        return Err(NotThis);
    }
    let extent = &candidate.extent;
    let (kind, header) = chunk(extent, SIGNATURE_BYTES)?;
    if &kind != b"IHDR" || header.len() != 13 {
        return Err(NotThis);
    }
    let bytes = header.read_all()?;
    let (width, height) = (View(&bytes).u32(0, Big)?, View(&bytes).u32(4, Big)?);
    let attributes = vec![("size", format!("{width}x{height}"))];
    let mut opened = Opened { attributes, ..Opened::default() };
    let mut at = SIGNATURE_BYTES;
    for _ in 0..CHUNKS_MAX {
        match chunk(extent, at) {
            Ok((kind, data)) => {
                at += data.len() + 12;
                if &kind == b"IEND" {
                    break;
                }
            }
            Err(fault) => {
                opened.faults.push(fault);
                break;
            }
        }
    }
    opened.length = at;
    Ok(opened)
}

/// The chunk at a place: its type and its data, if its checksum holds.
fn chunk(extent: &Extent, at: u64) -> Result<([u8; 4], Extent), Fault> {
    let head = extent.read(at, 8)?;
    let (length, kind) = (u64::from(View(&head).u32(0, Big)?), View(&head).array(4)?);
    let fault = |why: &str| Fault::new(at, "read a chunk", why);
    let covered = extent.slice(at + 4, length + 4).ok_or_else(|| fault("it is cut off"))?;
    let stored = View(&extent.read(at + 8 + length, 4)?).u32(0, Big)?;
    if !agrees(stored, Crc32::of_extent(&covered)?) {
        return Err(fault("its checksum is wrong"));
    }
    Ok((kind, covered.from(4)))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use super::Crc32;
    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
        let covered = [kind, data].concat();
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length[..], &covered, &Crc32::of(&covered).to_be_bytes()].concat()
    }

    fn picture() -> Vec<u8> {
        let header = [0, 0, 1, 0, 0, 0, 0, 64, 8, 2, 0, 0, 0];
        let chunks = [chunk(b"IHDR", &header), chunk(b"IDAT", b"packed"), chunk(b"IEND", b"")];
        [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
    }

    #[test]
    fn a_picture_ends_with_its_last_chunk() {
        let (picture, noise) = (picture(), b"\x01\x02behind\x03");
        let tree = Tree::from_bytes([&picture, &noise[..]].concat(), &Limits::default());
        assert_eq!(attribute(&tree, "png", "size").unwrap(), "256x64");
        assert_eq!(tree.coverage().bytes_read, picture.len() as u64);
        check(&picture, 60);
    }
}
