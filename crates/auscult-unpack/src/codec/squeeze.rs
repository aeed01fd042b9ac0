//! What ARC packs with besides LZW: runs marked by 90, and "squeezing", a Huffman code whose tree is
//! sent as a list of nodes.

use super::{
    Step,
    bits::{CUT, LowBits},
    lzw::{self, LzwVariant},
    output::Output,
};

/// The mark of a run.
const MARK: u8 = 0x90;
/// The symbol that ends squeezed data.
const END: usize = 256;

/// Undoes the marking of runs: a mark and a count repeat the byte before; a mark and zero are the
/// mark itself.
pub(super) fn unpack_runs(input: &[u8], output: &mut Output) -> Step<()> {
    let mut bytes = input.iter().copied();
    let mut last = 0;
    while let Some(byte) = bytes.next() {
        if output.is_full() {
            return Ok(());
        }
        if byte != MARK {
            output.push(byte);
            last = byte;
            continue;
        }
        match bytes.next() {
            None => return Err(CUT),
            Some(0) => {
                output.push(MARK);
                last = MARK;
            }
            Some(count) => {
                for _ in 1..count {
                    output.push(last);
                }
            }
        }
    }
    Ok(())
}

/// Undoes the code, then the runs.
pub(super) fn unsqueeze(input: &[u8], output: &mut Output) -> Step<()> {
    let count = usize::from(u16::from_le_bytes(*input.first_chunk::<2>().ok_or(CUT)?));
    let nodes = input.get(2..2 + 4 * count).ok_or(CUT)?.as_chunks::<4>().0;
    let mut bits = LowBits::new(input.get(2 + 4 * count..).unwrap_or_default());
    // Every run takes at most so many bytes: three for one byte of output is the worst case.
    let mut packed = Vec::new();
    while packed.len() / 2 <= output.limit() {
        let mut node = 0;
        // A path through the tree has no more steps than the tree has nodes.
        for _ in 0..=count {
            let &[l0, l1, r0, r1] = nodes.get(node).ok_or("a node that is not there")?;
            // Packers may leave out the last code: the end of the input stands for it.
            let Ok(bit) = bits.take(1) else { return unpack_runs(&packed, output) };
            let next = if bit == 0 { [l0, l1] } else { [r0, r1] };
            let next = i16::from_le_bytes(next);
            if let Ok(inner) = usize::try_from(next) {
                node = inner;
                continue;
            }
            let symbol = usize::from((-1 - next).unsigned_abs());
            if symbol >= END {
                return unpack_runs(&packed, output);
            }
            packed.push(u8::try_from(symbol).unwrap_or(0));
            break;
        }
    }
    unpack_runs(&packed, output)
}

/// Undoes LZW with codes of up to 12 bits, told in the first byte, then the runs.
pub(super) fn uncrunch(input: &[u8], output: &mut Output) -> Step<()> {
    let (&bits, rest) = input.split_first().ok_or(CUT)?;
    if !(9..=16).contains(&bits) {
        return Err("an impossible length of codes");
    }
    let mut packed = Output::new(output.limit().saturating_mul(2).saturating_add(2));
    lzw::decode(rest, &mut packed, LzwVariant::compress(u32::from(bits), true))?;
    unpack_runs(&packed.into_bytes(), output)
}
