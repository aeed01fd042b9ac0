//! LZNT1, the compression of NTFS (Microsoft [MS-XCA] section 2.5).
//!
//! Chunks of up to 4096 bytes stand behind a word with their length. A compressed chunk is groups
//! of a byte of flags and eight elements: bytes, or words that copy from before. The further the
//! chunk has come, the more bits of a word are distance and the fewer are length.

use crate::{Endian::Little, Fault, View};

const CHUNK_BYTES: usize = 4096;
/// The high bit of a chunk's word: it is compressed.
const COMPRESSED: u16 = 0x8000;
/// The low bits: bytes of the chunk without its word, less one.
const LENGTH_MASK: u16 = 0x0fff;

fn fault(why: &str) -> Fault {
    Fault::new(0, "decompress lznt1", why)
}

/// Unpacks at most `output_max` bytes. A word of zero ends the chunks early.
pub(super) fn decode(input: &[u8], output_max: usize) -> Result<Vec<u8>, Fault> {
    let mut output = Vec::with_capacity(output_max.min(input.len().saturating_mul(4)));
    let mut rest = input;
    while output.len() < output_max {
        let Ok(word) = View(rest).u16(0, Little) else { break };
        if word == 0 {
            break;
        }
        // A chunk that is not full is filled up, unless it is the last.
        output.resize(output.len().next_multiple_of(CHUNK_BYTES).min(output_max), 0);
        let length = usize::from(word & LENGTH_MASK) + 1;
        let chunk = rest.get(2..2 + length).ok_or_else(|| fault("the input ends early"))?;
        rest = rest.get(2 + length..).unwrap_or_default();
        if word & COMPRESSED == 0 {
            output.extend_from_slice(chunk);
        } else {
            decode_chunk(chunk, &mut output)?;
        }
    }
    output.truncate(output_max);
    Ok(output)
}

fn decode_chunk(mut input: &[u8], output: &mut Vec<u8>) -> Result<(), Fault> {
    let start = output.len();
    while let Some((&flags, mut rest)) = input.split_first() {
        for bit in 0..8 {
            if flags >> bit & 1 == 0 {
                let Some((&byte, tail)) = rest.split_first() else { break };
                output.push(byte);
                rest = tail;
            } else {
                let Ok(word) = View(rest).u16(0, Little) else { break };
                copy(word, start, output)?;
                rest = rest.get(2..).unwrap_or_default();
            }
            if output.len() - start > CHUNK_BYTES {
                return Err(fault("a chunk is longer than 4096 bytes"));
            }
        }
        input = rest;
    }
    Ok(())
}

/// Copies what a word means from the part of the chunk that is there.
fn copy(word: u16, start: usize, output: &mut Vec<u8>) -> Result<(), Fault> {
    let done = output.len() - start;
    // Twelve bits of length while at most 16 bytes are there, one less each time that doubles.
    let mut length_bits = 12;
    while length_bits > 4 && done > 1 << (16 - length_bits) {
        length_bits -= 1;
    }
    let distance = usize::from(word >> length_bits) + 1;
    let length = usize::from(word & ((1 << length_bits) - 1)) + 3;
    if distance > done {
        return Err(fault("a copy starts before its chunk"));
    }
    let mut from = output.len() - distance;
    let mut left = length;
    // A copy that reaches into itself repeats what it has made so far.
    while left > 0 {
        let step = left.min(output.len() - from);
        output.extend_from_within(from..from + step);
        from += step;
        left -= step;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn chunks_are_filled_up_and_copies_overlap() {
        // "abc" and a copy of twelve from three back, "d", stored bytes behind it.
        let mut packed = vec![0x06, 0xb0, 0x08, b'a', b'b', b'c', 0x09, 0x20, b'd', 0x02, 0x30];
        packed.extend(b"xyz\0\0");
        let mut expected = b"abcabcabcabcabcd".to_vec();
        expected[15] = b'd';
        expected.resize(4096, 0);
        expected.extend(b"xyz");
        assert_eq!(decode(&packed, 9000).unwrap(), expected);
        assert_eq!(decode(&packed, 5).unwrap(), b"abcab");
    }

    #[test]
    fn the_widths_of_distance_and_length_change_where_they_must() {
        // Bytes one by one up to `count`, then a copy of three from as far back as possible.
        for count in [1_usize, 15, 16, 17, 32, 33, 64, 65, 2048, 2049, 3500] {
            let bytes: Vec<u8> = (0..count).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect();
            let bits = (4..=12).find(|&bits| count <= 1 << bits).unwrap();
            let mut body = Vec::new();
            let word = u16::try_from((count - 1) << (16 - bits)).unwrap();
            for (index, part) in bytes.chunks(8).enumerate() {
                let last = part.len() < 8;
                body.push(if last { 1 << part.len() } else { 0 });
                body.extend(part);
                if last {
                    body.extend(word.to_le_bytes());
                } else if (index + 1) * 8 == count {
                    body.push(1);
                    body.extend(word.to_le_bytes());
                }
            }
            let head = 0xb000 | u16::try_from(body.len() - 1).unwrap();
            let packed = [&head.to_le_bytes()[..], &body].concat();
            let mut expected = bytes.clone();
            for at in 0..3 {
                expected.push(expected[at]);
            }
            assert!(decode(&packed, 4096).unwrap() == expected, "{count}");
        }
        assert!(decode(&[0x05, 0xb0, 1, 0, 0, 0, 0, 0], 9).unwrap_err().why.contains("before"));
        assert!(decode(&[0xff, 0x3f, 1], 9).unwrap_err().why.contains("early"));
    }
}
