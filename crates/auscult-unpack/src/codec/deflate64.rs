//! Deflate blocks over a shared history (RFC 1951), and two variants of it: Deflate64, with a window
//! of 64 KiB and matches up to 64 KiB long (ZIP method 9, 7z), and that of StuffIt X, with windows
//! of up to 32 MiB.
//!
//! Ordinary streams are read by flate2; this is for blocks that look back into the ones before
//! them, as in cabinets (MS-MCI), and for the variants, which have no other specification than the
//! programs that read them.

use super::{Step, bits::LowBits, huffman::Huffman, output::Output};

/// Order in which the lengths of the code for lengths are sent (section 3.2.7).
const LENGTH_ORDER: [usize; 19] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// Shortest match and extra bits for length codes 257 to 285 (section 3.2.5).
const LENGTHS: [(usize, u32); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
/// The last length code of Deflate64 has 16 extra bits.
const LAST_LENGTH_64: (usize, u32) = (3, 16);
const END_OF_BLOCK: u16 = 256;

/// Which of the three it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// That of RFC 1951.
    Deflate,
    /// Deflate64.
    Deflate64,
    /// That of StuffIt X.
    StuffItX,
}

impl Variant {
    /// Codes of distances that have a meaning.
    fn distances(self) -> u32 {
        match self {
            Self::Deflate => 30,
            Self::Deflate64 => 32,
            Self::StuffItX => 50,
        }
    }

    /// Width of the number of codes of distances.
    fn distance_count_bits(self) -> u32 {
        if self == Self::StuffItX { 6 } else { 5 }
    }
}

/// Decodes blocks up to the last one, or until the output is full. Returns the bytes used.
pub(super) fn decode(input: &[u8], output: &mut Output, variant: Variant) -> Step<usize> {
    let mut bits = LowBits::new(input);
    loop {
        let last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => stored(&mut bits, output)?,
            1 => coded(&mut bits, output, &fixed()?, variant)?,
            2 => {
                let codes = dynamic(&mut bits, variant)?;
                coded(&mut bits, output, &codes, variant)?;
            }
            _ => return Err("a reserved type of block"),
        }
        if last || output.is_full() {
            return Ok(bits.position());
        }
    }
}

fn stored(bits: &mut LowBits<'_>, output: &mut Output) -> Step<()> {
    let &[l0, l1, n0, n1] = bits.bytes(4)? else { return Err("no length") };
    let length = u16::from_le_bytes([l0, l1]);
    if length != !u16::from_le_bytes([n0, n1]) {
        return Err("a stored block with a wrong length");
    }
    output.extend(bits.bytes(usize::from(length))?);
    Ok(())
}

/// The codes for literals and lengths, and for distances.
type Codes = (Huffman, Huffman);

fn fixed() -> Step<Codes> {
    let literals = [[8; 144].as_slice(), &[9; 112], &[7; 24], &[8; 8]].concat();
    Ok((Huffman::new(&literals)?, Huffman::new(&[5; 32])?))
}

fn dynamic(bits: &mut LowBits<'_>, variant: Variant) -> Step<Codes> {
    let literals = bits.number(5)? + 257;
    let distances = bits.number(variant.distance_count_bits())? + 1;
    let count = bits.number(4)? + 4;
    let mut lengths = [0; 19];
    for &place in LENGTH_ORDER.iter().take(count) {
        let length = u8::try_from(bits.take(3)?).unwrap_or(0);
        if let Some(slot) = lengths.get_mut(place) {
            *slot = length;
        }
    }
    let code = Huffman::new(&lengths)?;
    let mut lengths: Vec<u8> = Vec::with_capacity(literals + distances);
    while lengths.len() < literals + distances {
        let (value, repeat) = match code.read(bits)? {
            16 => (*lengths.last().ok_or("a repetition of nothing")?, 3 + bits.number(2)?),
            17 => (0, 3 + bits.number(3)?),
            18 => (0, 11 + bits.number(7)?),
            length => (u8::try_from(length).unwrap_or(0), 1),
        };
        lengths.resize(lengths.len() + repeat, value);
    }
    if lengths.len() > literals + distances {
        return Err("too many lengths of codes");
    }
    let (literals, distances) = lengths.split_at(literals);
    Ok((Huffman::new(literals)?, Huffman::new(distances)?))
}

fn coded(
    bits: &mut LowBits<'_>,
    output: &mut Output,
    (literals, distances): &Codes,
    variant: Variant,
) -> Step<()> {
    while !output.is_full() {
        let symbol = literals.read(bits)?;
        if let Ok(byte) = u8::try_from(symbol) {
            output.push(byte);
            continue;
        }
        if symbol == END_OF_BLOCK {
            return Ok(());
        }
        let index = usize::from(symbol) - 257;
        let known = LENGTHS.get(index).copied().ok_or("an impossible length")?;
        let (base, extra) =
            if variant == Variant::Deflate64 && index == 28 { LAST_LENGTH_64 } else { known };
        let length = base + bits.number(extra)?;
        let distance = distance(bits, distances, variant)?;
        output.copy(distance, length)?;
    }
    Ok(())
}

/// Two codes for each power of two from 4 on, more of them in the variants.
fn distance(bits: &mut LowBits<'_>, code: &Huffman, variant: Variant) -> Step<usize> {
    let symbol = u32::from(code.read(bits)?);
    if symbol >= variant.distances() {
        return Err("an impossible distance");
    }
    if symbol < 4 {
        return Ok(usize::try_from(symbol).unwrap_or(0) + 1);
    }
    let extra = symbol / 2 - 1;
    let base = (2 + usize::try_from(symbol % 2).unwrap_or(0)) << extra;
    Ok(base + bits.number(extra)? + 1)
}
