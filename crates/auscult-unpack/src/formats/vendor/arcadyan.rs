//! LZMA streams of Arcadyan's routers with a disturbed head, as binwalk describes them: two blocks of
//! 32 bytes stand in each other's place, and in the first of them bytes and nibbles are swapped.
//!
//! Recognised only where the stream decodes once its head is in order.

use crate::{
    Entry, Extent,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats,
};

pub(crate) static FORMAT: Format = Format {
    name: "arcadyan-lzma",
    magics: &[Magic::at(0x68, &[0, 0xd5, 0x08, 0])],
    carve: true,
    open,
};

/// What stands before the stream and is not moved.
const PREFIX_BYTES: u64 = 4;
/// Where the two blocks stand.
const BLOCKS: [u64; 2] = [4, 0x68];
const BLOCK_BYTES: u64 = 32;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let ordered = ordered(&candidate.extent)?;
    let stream = formats::open_as("lzma", &ordered.from(PREFIX_BYTES)).ok_or(NotThis)?;
    if !stream.faults.is_empty() || stream.unread.is_some() {
        return Err(NotThis);
    }
    let length = PREFIX_BYTES + stream.length;
    let entries = vec![Entry::payload(ordered.clamp(PREFIX_BYTES, stream.length))];
    Ok(Opened { length, entries, ..Opened::default() })
}

/// The bytes with their head in order.
fn ordered(extent: &Extent) -> Result<Extent, NotThis> {
    let vault = extent.vault();
    let [first, second] = BLOCKS;
    let mut block = extent.read(second, BLOCK_BYTES)?.to_vec();
    for pair in block.chunks_exact_mut(2) {
        pair.reverse();
        for byte in pair {
            *byte = byte.rotate_left(4);
        }
    }
    let between = first + BLOCK_BYTES;
    let parts = vec![
        extent.clamp(0, first),
        Extent::from_memory(vault, block),
        extent.clamp(between, second - between),
        extent.clamp(first, BLOCK_BYTES),
        extent.from(second + BLOCK_BYTES),
    ];
    Ok(Extent::joined(vault, parts))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::stream;

    use crate::{
        Tree,
        formats::testing::{
            hostile::locators,
            reference::{assert_survives_damage, sample},
        },
    };

    fn disturbed() -> Vec<u8> {
        let packed = stream::lzma_alone(&sample(4000, 1));
        let mut bytes = [&b"\x30\x05\x11\x20"[..], &packed].concat();
        let first: Vec<u8> = bytes[4..36].to_vec();
        let second: Vec<u8> = bytes[0x68..0x88].to_vec();
        bytes[4..36].copy_from_slice(&second);
        for (at, pair) in (0x68..).step_by(2).zip(first.chunks_exact(2)) {
            bytes[at] = pair[1].rotate_left(4);
            bytes[at + 1] = pair[0].rotate_left(4);
        }
        bytes
    }

    #[test]
    fn the_stream_is_put_in_order_and_decoded() {
        let tree = Tree::from_bytes(disturbed(), &Limits::default());
        let path = "image@0x0/arcadyan-lzma@0x0/lzma".parse().unwrap();
        assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), sample(4000, 1));
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        let mut wrong = disturbed();
        wrong[0x6a] ^= 0x40;
        let tree = Tree::from_bytes(wrong, &Limits::default());
        assert!(!locators(&tree).iter().any(|locator| locator.contains("arcadyan")));
        assert_survives_damage(&disturbed(), 0x90, 211);
    }
}
