//! File contents: pieces written at different times, the later one over the earlier.

use std::collections::BTreeMap;

use super::{node::InodeNode, rubin};
use crate::{
    Derive, Endian, Extent, Fault, Recipe, Sink, View,
    codec::{BlockCodec, LzmaProperties, decode_block},
};

/// Starts a frame of Zstandard (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A piece that is decoded when read.
struct Piece {
    stored: Extent,
    compression: u8,
    length: usize,
}

impl Derive for Piece {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let stored = self.stored.read_all()?;
        sink.adopt(decode(self.compression, &stored, self.length)?)
    }

    fn input_bytes(&self) -> u64 {
        self.stored.weight()
    }

    fn recipe(&self) -> Option<Recipe> {
        let method = format!("jffs2 {} {}", self.compression, self.length);
        Some(Recipe { method, inputs: vec![self.stored.clone()] })
    }
}

/// Decodes a piece by the number of its compressor (`JFFS2_COMPR_…`).
fn decode(compression: u8, stored: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
    match compression {
        2 => Ok(decode_rtime(stored, length)),
        // The kernel writes the one with the number of the other, and did so the right way round
        // before 2003; the variant with fixed probabilities was never written.
        3 | 5 => Ok(rubin::decode(stored, length)),
        6 => decode_block(BlockCodec::Zlib, stored, length),
        7 => decode_block(BlockCodec::Lzo, stored, length),
        // Not in the kernel: patches for Zstandard and for LZMA took the same number.
        8 if stored.starts_with(&ZSTD_MAGIC) => decode_block(BlockCodec::Zstd, stored, length),
        // OpenWrt's: no header, no context bits, an 8 KiB dictionary.
        8 => {
            let properties = LzmaProperties { lc: 0, lp: 0, pb: 0, dictionary_bytes: 0x2000 };
            decode_block(BlockCodec::LzmaRaw(properties), stored, length)
        }
        // A vendor's: the header without the length.
        0x15 => {
            let properties = stored.split_at_checked(5).and_then(|(header, coded)| {
                let dictionary_bytes = View(header).u32(1, Endian::Little).ok()?;
                let properties = LzmaProperties::from_byte(*header.first()?, dictionary_bytes)?;
                Some((properties, coded))
            });
            let short = || Fault::new(0, "decompress a node", "the header of LZMA is wrong");
            let (properties, coded) = properties.ok_or_else(short)?;
            decode_block(BlockCodec::LzmaRaw(properties), coded, length)
        }
        other => {
            let why = format!("compressor {other} is not known");
            Err(Fault::new(0, "decompress a node", why))
        }
    }
}

/// Decodes "rtime": each byte is followed by how many more to copy from behind where that byte
/// stood last.
fn decode_rtime(stored: &[u8], length: usize) -> Vec<u8> {
    let mut last_seen = [0_usize; 256];
    let mut output = Vec::with_capacity(length);
    for pair in stored.chunks_exact(2) {
        let [value, repeat] = pair else { break };
        if output.len() >= length {
            break;
        }
        output.push(*value);
        let Some(last) = last_seen.get_mut(usize::from(*value)) else { break };
        let from = std::mem::replace(last, output.len());
        for offset in 0..usize::from(*repeat) {
            let Some(&byte) = output.get(from + offset) else { break };
            output.push(byte);
        }
    }
    output.truncate(length);
    output
}

/// A part of the file and the node that it comes from.
#[derive(Clone, Copy)]
struct Part<'nodes> {
    end: u64,
    node: &'nodes InodeNode,
}

/// Puts the pieces of a file together. `nodes` are those of its inode, oldest first; the newest
/// tells the size.
pub(super) fn content(image: &Extent, nodes: &[InodeNode]) -> Extent {
    let size = nodes.last().map_or(0, |node| u64::from(node.size));
    let vault = image.vault();
    let mut pieces = Vec::new();
    let mut position = 0;
    for (start, part) in layered(nodes) {
        let end = part.end.min(size);
        if start >= end {
            continue;
        }
        if start > position {
            pieces.push(Extent::zeros(vault, start - position));
        }
        let offset = start - u64::from(part.node.offset);
        pieces.push(piece(image, part.node).clamp(offset, end - start));
        position = end;
    }
    if position < size {
        pieces.push(Extent::zeros(vault, size - position));
    }
    match <[Extent; 1]>::try_from(pieces) {
        Ok([single]) => single,
        Err(pieces) => Extent::joined(vault, pieces),
    }
}

/// The parts of the file by their start, after each node was laid over the earlier ones.
fn layered(nodes: &[InodeNode]) -> BTreeMap<u64, Part<'_>> {
    let mut parts: BTreeMap<u64, Part<'_>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.length > 0) {
        let start = u64::from(node.offset);
        let end = start + u64::from(node.length);
        let before = parts.range(..start).next_back().map(|(&start, &part)| (start, part));
        if let Some((before, part)) = before.filter(|(_, part)| part.end > start) {
            parts.insert(before, Part { end: start, node: part.node });
            if part.end > end {
                parts.insert(end, part);
            }
        }
        let covered: Vec<(u64, Part<'_>)> =
            parts.range(start..end).map(|(&start, &part)| (start, part)).collect();
        for (covered, part) in covered {
            parts.remove(&covered);
            if part.end > end {
                parts.insert(end, part);
            }
        }
        parts.insert(start, Part { end, node });
    }
    parts
}

/// All bytes of a node's piece.
fn piece(image: &Extent, node: &InodeNode) -> Extent {
    /// Compressors without a decoder: stored in two ways, zeros.
    const STORED: u8 = 0;
    const COPIED: u8 = 4;
    const ZEROS: u8 = 1;
    let vault = image.vault();
    let length = u64::from(node.length);
    let stored = image.clamp(node.place, u64::from(node.stored_bytes));
    match node.compression {
        STORED | COPIED if stored.len() >= length => stored.clamp(0, length),
        ZEROS => Extent::zeros(vault, length),
        compression => {
            let piece_bytes = usize::try_from(node.length).unwrap_or(0);
            let piece = Piece { stored, compression, length: piece_bytes };
            Extent::derived(vault, length, piece)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::{InodeNode, content, decode_rtime};
    use crate::{Extent, Vault};

    #[test]
    fn rtime_copies_from_behind_the_last_same_byte() {
        // "abcabcabc": three literals, then "a" and the five bytes that followed the first one.
        assert_eq!(decode_rtime(b"a\0b\0c\0a\x05", 9), b"abcabcabc");
        assert_eq!(decode_rtime(b"z\0z\xff", 300), vec![b'z'; 257]);
    }

    #[test]
    fn later_pieces_cover_earlier_ones_and_the_newest_size_holds() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let image = Extent::from_memory(&vault, &b"aaaaaaaaaabbbcccc"[..]);
        let node = |version, offset, length, place, size| InodeNode {
            inode: 2,
            version,
            mode: 0o100_644,
            user: 0,
            group: 0,
            size,
            modified: 0,
            offset,
            length,
            compression: 0,
            place,
            stored_bytes: length,
        };
        let whole = node(1, 0, 10, 0, 10);
        let inner = node(2, 4, 3, 10, 10);
        let beyond = node(3, 14, 4, 13, 17);
        let read = |nodes: &[InodeNode]| content(&image, nodes).read_all().unwrap();
        assert_eq!(read(&[whole.clone(), inner.clone()]), "aaaabbbaaa");
        let nodes = [whole.clone(), inner.clone(), beyond.clone()];
        assert_eq!(read(&nodes), "aaaabbbaaa\0\0\0\0ccc");
        assert_eq!(read(&[inner, whole]), "aaaaaaaaaa");
        assert_eq!(read(&[node(1, 0, 10, 0, 4)]), "aaaa");
        assert_eq!(read(&[]), "");
    }
}
