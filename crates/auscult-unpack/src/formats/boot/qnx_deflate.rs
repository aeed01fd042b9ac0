//! Files that QNX's `deflate` has packed for its `inflator`, as openqnx's `deflate.c` writes them: a
//! header, and blocks of LZO or UCL (NRV2B), each behind a header that leads to the next one.

use crate::{
    Derive,
    Endian::Little,
    Entry, Extent, Fault, Sink, View,
    codec::{BlockCodec, decode_block, nrv2b},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "qnx-deflate", magics: &[Magic::start(b"iwlyfmbp")], carve: true, open };

const HEADER_BYTES: u64 = 16;
const BLOCK_HEADER_BYTES: u64 = 8;
const PACKINGS: &[&str] = &["lzo", "ucl"];
/// Blocks of the smallest size that `deflate` offers in a file of the largest length.
const BLOCKS_MAX: usize = 1 << 20;

/// A packed block: where it stands, its length, and the length of what it holds.
#[derive(Clone, Copy)]
struct Block {
    offset: u64,
    packed: u64,
    unpacked: usize,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let unpacked = u64::from(view.u32(8, Little)?);
    let (block_bytes, packing) = (view.u16(12, Little)?, usize::from(view.u8(14)?));
    let name = *PACKINGS.get(packing).ok_or(NotThis)?;
    let (blocks, length) = blocks(&candidate.extent, block_bytes)?;
    let sum = blocks.iter().map(|block| u64::try_from(block.unpacked).unwrap_or(0)).sum::<u64>();
    let input = candidate.extent.clamp(0, length);
    let packed = Packed { ucl: packing == 1, blocks, input };
    let content = Extent::derived(candidate.vault(), sum, packed);
    let mut opened = Opened { length, ..Opened::default() };
    opened.attributes.push(("compression", name.to_owned()));
    opened.attributes.push(("block-size", block_bytes.to_string()));
    if sum != unpacked {
        let why = format!("{unpacked} bytes promised, {sum} in the blocks");
        opened.faults.push(Fault::new(length, "read the file whole", why));
    }
    opened.entries.push(Entry::payload(content));
    Ok(opened)
}

/// The blocks, and where the header stands that leads nowhere: the last one.
fn blocks(extent: &Extent, block_bytes: u16) -> Result<(Vec<Block>, u64), NotThis> {
    let (mut blocks, mut at) = (Vec::new(), HEADER_BYTES);
    loop {
        let head = match extent.read(at, BLOCK_HEADER_BYTES) {
            Ok(head) => head,
            // A truncated file is opened up to where it ends.
            Err(_) if !blocks.is_empty() => return Ok((blocks, at.min(extent.len()))),
            Err(_) => return Err(NotThis),
        };
        let view = View(&head);
        let (next, unpacked) = (u64::from(view.u16(2, Little)?), view.u16(6, Little)?);
        if next == 0 {
            let end = at + BLOCK_HEADER_BYTES;
            return if blocks.is_empty() { Err(NotThis) } else { Ok((blocks, end)) };
        }
        if next <= BLOCK_HEADER_BYTES || unpacked == 0 || unpacked > block_bytes {
            return Err(NotThis);
        }
        if blocks.len() >= BLOCKS_MAX {
            return Err(NotThis);
        }
        let (offset, packed) = (at + BLOCK_HEADER_BYTES, next - BLOCK_HEADER_BYTES);
        blocks.push(Block { offset, packed, unpacked: usize::from(unpacked) });
        at += next;
    }
}

/// The content of all blocks, one behind the other.
struct Packed {
    ucl: bool,
    blocks: Vec<Block>,
    input: Extent,
}

impl Derive for Packed {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        for block in &self.blocks {
            let packed = self.input.read(block.offset, block.packed)?;
            let made = if self.ucl {
                nrv2b::decode(&packed, block.unpacked)
            } else {
                decode_block(BlockCodec::Lzo, &packed, block.unpacked)
            };
            sink.push(&made.map_err(|fault| fault.within(block.offset))?)?;
        }
        Ok(())
    }

    fn input_bytes(&self) -> u64 {
        self.input.weight()
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        codec::nrv2b::tests as nrv2b,
        formats::testing::{
            hostile::{attribute, noise},
            reference::assert_survives_damage,
        },
    };

    /// A short block of LZO1X: literals only (up to 238 of them), and the end.
    fn lzo(bytes: &[u8]) -> Vec<u8> {
        let count = u8::try_from(bytes.len() + 17).unwrap();
        [&[count], bytes, &[0x11, 0, 0]].concat()
    }

    fn packed(packing: u8, size: usize, blocks: &[(Vec<u8>, usize)]) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"iwlyfmbp").u32(u32::try_from(size).unwrap()).u16(4096).u8(packing).u8(0);
        let mut previous = 0;
        for (bytes, unpacked) in blocks {
            let next = u16::try_from(bytes.len() + 8).unwrap();
            writer.u16(previous).u16(next).u16(0).u16(u16::try_from(*unpacked).unwrap());
            writer.bytes(bytes);
            previous = next;
        }
        writer.u16(previous).u16(0).u16(0).u16(0);
        writer.finish()
    }

    #[test]
    fn blocks_of_lzo_and_ucl_are_unpacked() {
        let (first, second) = (noise(200), noise(100));
        let bytes = packed(0, 300, &[(lzo(&first), 200), (lzo(&second), 100)]);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let (node, _) = tree.resolve(&"image@0x0/qnx-deflate".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), [first, second].concat());
        assert_eq!(attribute(&tree, "qnx-deflate", "compression").unwrap(), "lzo");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 40, 13);
        let text = nrv2b::TEXT.repeat(3);
        let bytes = packed(1, text.len(), &[(nrv2b::packed(), text.len())]);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let (node, _) = tree.resolve(&"image@0x0/qnx-deflate".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), text);
        assert_survives_damage(&bytes, 40, 3);
    }

    #[test]
    fn a_file_that_is_cut_short_is_told() {
        let bytes = packed(0, 400, &[(lzo(&noise(200)), 200)]);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(tree.problems()[0].why.contains("400 bytes promised"), "{:?}", tree.problems());
    }
}
