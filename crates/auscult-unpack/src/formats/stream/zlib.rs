//! zlib streams (RFC 1950).
//!
//! Two bytes and no name are all that such a stream starts with, so it counts only when it decodes to
//! its end with the right checksum, and when it is more than a handful of bytes.

use flate2::{Decompress, FlushDecompress, Status};

use crate::{
    Reading,
    codec::{self, Codec},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format = Format {
    name: "zlib",
    // CMF = 78: deflate with a window of 32 KiB. FLG: the four levels without a dictionary, each
    // with its check bits (section 2.2).
    magics: &[
        Magic::start(&[0x78, 0x01]),
        Magic::start(&[0x78, 0x5e]),
        Magic::start(&[0x78, 0x9c]),
        Magic::start(&[0x78, 0xda]),
    ],
    carve: true,
    open,
};

/// Packed and decoded bytes of a stream between others, at least.
const CARVED_BYTES_MIN: u64 = 32;
const CARVED_CONTENT_BYTES_MIN: u64 = 64;
/// Packed bytes tried before the whole is.
const TRIAL_BYTES: u64 = 512;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    // Most hits of so short a magic fail within a few bytes; larger reads would be wasted on them.
    let head = candidate.extent.read_up_to(0, TRIAL_BYTES)?;
    let mut output = [0; 16 << 10];
    let status = Decompress::new(true).decompress(&head, &mut output, FlushDecompress::None);
    if !matches!(status, Ok(Status::Ok | Status::StreamEnd | Status::BufError)) {
        return Err(NotThis);
    }
    let payload = codec::payload(Codec::Zlib, &candidate.extent, |_| false);
    let carved = candidate.reading == Reading::Carve && candidate.offset > 0;
    let long =
        payload.consumed >= CARVED_BYTES_MIN && payload.extent.len() >= CARVED_CONTENT_BYTES_MIN;
    let sound = payload.fault.is_none() || payload.limited;
    if !sound || payload.extent.is_empty() || carved && !long {
        return Err(NotThis);
    }
    Ok(payload.opened(Vec::new()))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::stream;

    use crate::{Tree, formats::testing::hostile};

    fn found(tree: &Tree) -> Vec<(u64, u64)> {
        let zlib = tree.nodes().filter(|(_, node)| node.format() == Some("zlib"));
        zlib.map(|(_, node)| (node.offset, node.len())).collect()
    }

    #[test]
    fn streams_are_carved_when_they_are_whole() {
        let text: Vec<u8> = (0..400_u32).flat_map(|n| format!("{n} ").into_bytes()).collect();
        let packed = stream::zlib(&text);
        let image = [b"before".to_vec(), packed.clone(), b"after".to_vec()].concat();
        let tree = Tree::from_bytes(image.clone(), &Limits::default());
        assert_eq!(found(&tree), [(6, packed.len() as u64)]);
        let mut damaged = image;
        damaged[6 + packed.len() - 1] ^= 1;
        assert_eq!(found(&Tree::from_bytes(damaged, &Limits::default())), []);
    }

    #[test]
    fn short_ones_count_at_the_start_of_a_file_only() {
        let packed = stream::zlib(b"short");
        let tree = Tree::from_bytes(packed.clone(), &Limits::default());
        assert_eq!(found(&tree).len(), 1);
        let tree = Tree::from_bytes([b"x".to_vec(), packed].concat(), &Limits::default());
        assert_eq!(found(&tree), []);
    }

    #[test]
    fn noise_is_no_stream() {
        let mut noise = hostile::noise(1 << 20);
        for at in (0..noise.len() - 8).step_by(64) {
            noise[at..at + 2].copy_from_slice(&[0x78, 0x9c]);
        }
        assert_eq!(found(&Tree::from_bytes(noise, &Limits::default())), []);
    }

    #[test]
    fn damage_does_no_harm() {
        hostile::check(&stream::zlib(b"a short text, a short text, a short text"), 40);
    }
}
