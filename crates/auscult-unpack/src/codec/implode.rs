//! Implode (ZIP method 6, APPNOTE.TXT section 5.3): an LZ77 window with Shannon-Fano codes.
//!
//! The codes are sent as runs of equal lengths. They are numbered from the longest one up, so that
//! with all bits inverted they are canonical Huffman codes.

use super::{
    Step,
    bits::{Bits, LowBits},
    huffman::Huffman,
    output::Output,
};

/// The bits of a stream, inverted: so the codes become canonical.
struct Inverted<'bits, 'data>(&'bits mut LowBits<'data>);

impl Bits for Inverted<'_, '_> {
    fn peek_code(&mut self) -> u16 {
        !self.0.peek_code()
    }

    fn skip(&mut self, count: u32) -> Step<()> {
        self.0.skip(count)
    }
}

/// Reads a code: the number of bytes less one, then runs: length less one in the low half, number of
/// symbols less one in the high half.
fn read_code(bits: &mut LowBits<'_>, symbols: usize) -> Step<Huffman> {
    let count = bits.number(8)? + 1;
    let mut lengths = Vec::new();
    for _ in 0..count {
        let length = u8::try_from(bits.take(4)? + 1).unwrap_or(0);
        let run = bits.number(4)? + 1;
        lengths.resize(lengths.len() + run, length);
    }
    if lengths.len() != symbols {
        return Err("a code of the wrong number of symbols");
    }
    Huffman::new(&lengths)
}

fn symbol(code: &Huffman, bits: &mut LowBits<'_>) -> Step<usize> {
    code.read(&mut Inverted(bits)).map(usize::from)
}

/// Decodes until the output is full. `large` and `literals` are the bits 1 and 2 of the flags.
pub(super) fn decode(input: &[u8], output: &mut Output, large: bool, literals: bool) -> Step<()> {
    let mut bits = LowBits::new(input);
    let literal_code = literals.then(|| read_code(&mut bits, 256)).transpose()?;
    let length_code = read_code(&mut bits, 64)?;
    let distance_code = read_code(&mut bits, 64)?;
    let low_bits = if large { 7 } else { 6 };
    let length_min = if literals { 3 } else { 2 };
    while !output.is_full() {
        if bits.take(1)? == 1 {
            let byte = match &literal_code {
                Some(code) => symbol(code, &mut bits)?,
                None => bits.number(8)?,
            };
            output.push(u8::try_from(byte).unwrap_or(0));
            continue;
        }
        let low = bits.number(low_bits)?;
        let distance = (symbol(&distance_code, &mut bits)? << low_bits | low) + 1;
        let mut length = symbol(&length_code, &mut bits)?;
        if length == 63 {
            length += bits.number(8)?;
        }
        // What lies before the start counts as zeros.
        output.copy_filled(distance, length + length_min, 0);
    }
    Ok(())
}
