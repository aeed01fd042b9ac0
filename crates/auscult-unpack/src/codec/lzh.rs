//! LZ77 with Huffman codes per block, as in LHA (`-lh4-` to `-lh7-`), ARJ (methods 1 to 3) and ZOO
//! (method 2); ARJ's fastest method without Huffman codes; and the LZSS of LArc (`-lzs-`, `-lz5-`).
//!
//! None has a specification; the programs that read them agree. The window of LHA starts filled
//! with spaces.

use super::{Step, bits::HighBits, huffman::Huffman, output::Output};

/// Symbols of the three codes of a block: code lengths, literals and lengths, distances.
const LENGTH_SYMBOLS: usize = 19;
const LITERAL_SYMBOLS: usize = 510;
const DISTANCE_SYMBOLS: usize = 18;
/// Shortest match.
const MATCH_MIN: usize = 3;

/// A code; one of a single symbol takes no bits.
enum Code {
    Single(u16),
    Several(Box<Huffman>),
}

impl Code {
    fn read(&self, bits: &mut HighBits<'_>) -> Step<u16> {
        match self {
            Self::Single(symbol) => Ok(*symbol),
            Self::Several(code) => code.read(bits),
        }
    }
}

/// Decodes until the output is full. `distance_bits` is the width of the number of distance codes:
/// 4 for windows up to 8 KiB, 5 for larger ones.
pub(super) fn decode(input: &[u8], output: &mut Output, distance_bits: u32) -> Step<()> {
    let mut bits = HighBits::new(input);
    while !output.is_full() {
        let count = bits.take(16)?;
        let lengths = code_of_lengths(&mut bits, LENGTH_SYMBOLS, 5, Some(3))?;
        let literals = code_of_literals(&mut bits, &lengths)?;
        let distances = code_of_lengths(&mut bits, DISTANCE_SYMBOLS, distance_bits, None)?;
        for _ in 0..count {
            if output.is_full() {
                return Ok(());
            }
            let symbol = literals.read(&mut bits)?;
            if let Ok(byte) = u8::try_from(symbol) {
                output.push(byte);
                continue;
            }
            let length = usize::from(symbol) - 256 + MATCH_MIN;
            let distance = match u32::from(distances.read(&mut bits)?) {
                0 => 0,
                slot @ 1..=17 => (1_usize << (slot - 1)) + bits.number(slot - 1)?,
                _ => return Err("an impossible distance"),
            };
            output.copy_filled(distance + 1, length, b' ');
        }
    }
    Ok(())
}

/// Reads the lengths of a short code: three bits each, more of them one by one. After the third one
/// of the code for lengths, a count of zeros is sent.
fn code_of_lengths(
    bits: &mut HighBits<'_>,
    symbols: usize,
    count_bits: u32,
    zeros_after: Option<usize>,
) -> Step<Code> {
    let count = bits.number(count_bits)?;
    if count == 0 {
        return Ok(Code::Single(u16::try_from(bits.take(count_bits)?).unwrap_or(0)));
    }
    let mut lengths: Vec<u8> = Vec::with_capacity(symbols);
    while lengths.len() < count {
        let mut length = bits.take(3)?;
        if length == 7 {
            while bits.take(1)? == 1 {
                length += 1;
            }
        }
        lengths.push(u8::try_from(length).unwrap_or(u8::MAX));
        if Some(lengths.len()) == zeros_after {
            lengths.resize(lengths.len() + bits.number(2)?, 0);
        }
    }
    if lengths.len() > symbols {
        return Err("too many lengths of codes");
    }
    Huffman::new(&lengths).map(|code| Code::Several(Box::new(code)))
}

fn code_of_literals(bits: &mut HighBits<'_>, code: &Code) -> Step<Code> {
    let count = bits.number(9)?;
    if count == 0 {
        return Ok(Code::Single(u16::try_from(bits.take(9)?).unwrap_or(0)));
    }
    let mut lengths: Vec<u8> = Vec::with_capacity(LITERAL_SYMBOLS);
    while lengths.len() < count {
        let zeros = match code.read(bits)? {
            0 => 1,
            1 => bits.number(4)? + 3,
            2 => bits.number(9)? + 20,
            length => {
                lengths.push(u8::try_from(length - 2).unwrap_or(u8::MAX));
                continue;
            }
        };
        lengths.resize(lengths.len() + zeros, 0);
    }
    if lengths.len() > LITERAL_SYMBOLS {
        return Err("too many lengths of codes");
    }
    Huffman::new(&lengths).map(|code| Code::Several(Box::new(code)))
}

/// Decodes ARJ's method 4 until the output is full: lengths and distances in numbers whose width is
/// told by ones in front.
pub(super) fn decode_fastest(input: &[u8], output: &mut Output) -> Step<()> {
    let mut bits = HighBits::new(input);
    while !output.is_full() {
        let length = stepped(&mut bits, 0, 7)?;
        if length == 0 {
            output.push(u8::try_from(bits.take(8)?).unwrap_or(0));
            continue;
        }
        let distance = stepped(&mut bits, 9, 13)? + 1;
        output.copy(distance, length + MATCH_MIN - 1)?;
    }
    Ok(())
}

fn stepped(bits: &mut HighBits<'_>, from: u32, to: u32) -> Step<usize> {
    let (mut width, mut base) = (from, 0);
    while width < to && bits.take(1)? == 1 {
        base += 1 << width;
        width += 1;
    }
    Ok(base + bits.number(width)?)
}

/// A window that is addressed by place instead of distance.
struct Ring {
    size: usize,
    /// Where the first byte goes.
    start: usize,
    /// What it is filled with.
    filling: Vec<u8>,
}

impl Ring {
    /// Copies from a place of the ring as it stands after what was put out so far.
    fn copy(&self, output: &mut Output, place: usize, length: usize) -> Step<()> {
        for index in 0..length {
            let here = (self.start + output.len()) % self.size;
            let wanted = (place + index) % self.size;
            let distance = match (here + self.size - wanted) % self.size {
                0 => self.size,
                distance => distance,
            };
            if distance <= output.len() {
                output.copy(distance, 1)?;
            } else {
                output.push(self.filling.get(wanted).copied().unwrap_or(0));
            }
        }
        Ok(())
    }
}

/// Decodes `-lzs-` until the output is full.
pub(super) fn decode_lzs(input: &[u8], output: &mut Output) -> Step<()> {
    let ring = Ring { size: 2048, start: 2048 - 17, filling: vec![b' '; 2048] };
    let mut bits = HighBits::new(input);
    while !output.is_full() {
        if bits.take(1)? == 1 {
            output.push(u8::try_from(bits.take(8)?).unwrap_or(0));
        } else {
            let place = bits.number(11)?;
            let length = bits.number(4)? + 2;
            ring.copy(output, place, length)?;
        }
    }
    Ok(())
}

/// Decodes `-lz5-` until the output is full: flags of eight items, matches in two bytes.
pub(super) fn decode_lz5(input: &[u8], output: &mut Output) -> Step<()> {
    let ring = Ring { size: 4096, start: 4096 - 18, filling: lz5_filling() };
    let mut bytes = input.iter().copied();
    let mut next = || bytes.next().ok_or(super::bits::CUT);
    while !output.is_full() {
        let flags = next()?;
        for bit in 0..8 {
            if output.is_full() {
                break;
            }
            if flags >> bit & 1 == 1 {
                output.push(next()?);
                continue;
            }
            let (low, high) = (usize::from(next()?), usize::from(next()?));
            ring.copy(output, low | (high & 0xf0) << 4, (high & 15) + 3)?;
        }
    }
    Ok(())
}

/// Every byte thirteen times, all bytes up, all bytes down, zeros, spaces, and zeros where the first
/// bytes go.
fn lz5_filling() -> Vec<u8> {
    let runs = (0..=u8::MAX).flat_map(|byte| [byte; 13]);
    let mut filling: Vec<u8> = runs.chain(0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
    filling.resize(filling.len() + 128, 0);
    filling.resize(4096 - 18, b' ');
    filling.resize(4096, 0);
    filling
}
