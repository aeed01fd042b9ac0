//! The compression of UEFI (UEFI specification 2.10, section 19, "Compression Algorithm Specification"):
//! matches and literals in Huffman codes, which blocks bring along. Intel's Tiano differs in one width.

use std::io::BufRead;

use super::take;
use crate::{Fault, Sink, View, view::Endian::Little};

/// Characters and lengths of matches; lengths count from 3.
const CHARACTERS: usize = 510;
const CHARACTER_BITS: u32 = 9;
const LENGTH_BASE: usize = 0x100 - 3;
/// Codes for lengths of codes.
const EXTRA_CODES: usize = 19;
const EXTRA_BITS: u32 = 5;
/// Place behind which a run of empty codes may follow.
const EXTRA_SPECIAL: usize = 3;
const POSITIONS: usize = 31;
const CODE_BITS_MAX: usize = 16;
/// Firmware is smaller.
const OUTPUT_BYTES_MAX: u32 = 256 << 20;
const PACKED_BYTES_MAX: u32 = 64 << 20;
/// Output put out at once.
const STEP_BYTES: usize = 64 << 10;

/// Decodes one stream with its header of two sizes. The width of the field that counts the codes for
/// positions is 4 bits in UEFI's variant and 5 in Tiano's.
pub(super) fn decode(
    input: &mut impl BufRead,
    sink: &mut Sink<'_>,
    position_bits: u32,
) -> Result<(), Fault> {
    let header = take::<8>(input, "efi")?;
    let (packed, unpacked) = (View(&header).u32(0, Little)?, View(&header).u32(4, Little)?);
    if packed > PACKED_BYTES_MAX || unpacked > OUTPUT_BYTES_MAX {
        return Err(fault("an impossible size"));
    }
    let mut bytes = vec![0; usize::try_from(packed).unwrap_or(0)];
    input.read_exact(&mut bytes).map_err(|_| fault("the input ends early"))?;
    let mut decoder = Decoder {
        bits: Bits { bytes: &bytes, at: 0, buffer: 0, count: 0, missing: 0 },
        position_bits,
        left: 0,
        extra: Code::default(),
        characters: Code::default(),
        positions: Code::default(),
    };
    decoder.run(usize::try_from(unpacked).unwrap_or(0), sink)
}

fn fault(why: &str) -> Fault {
    Fault::new(0, "decompress efi", why)
}

/// Bits, the most significant one of each byte first. Behind the end they are zero, up to a few.
struct Bits<'data> {
    bytes: &'data [u8],
    at: usize,
    buffer: u64,
    count: u32,
    missing: u32,
}

impl Bits<'_> {
    /// The next bits without taking them; at most 32.
    fn peek(&mut self, width: u32) -> Result<u32, Fault> {
        while self.count < width {
            let byte = self.bytes.get(self.at).copied();
            if byte.is_none() {
                self.missing += 1;
                if self.missing > 8 {
                    return Err(fault("the input ends early"));
                }
            }
            self.at += 1;
            self.buffer = self.buffer << 8 | u64::from(byte.unwrap_or(0));
            self.count += 8;
        }
        let bits = self.buffer >> (self.count - width) & ((1 << width) - 1);
        Ok(u32::try_from(bits).unwrap_or(0))
    }

    fn take(&mut self, width: u32) -> Result<u32, Fault> {
        let bits = self.peek(width)?;
        self.count -= width;
        Ok(bits)
    }
}

/// A Huffman code as a table from bits to a symbol and the bits that it takes.
#[derive(Default)]
struct Code {
    width: u32,
    table: Vec<(u16, u8)>,
}

impl Code {
    /// The code that has only one symbol, which takes no bits.
    fn single(symbol: u32) -> Self {
        Self { width: 0, table: vec![(u16::try_from(symbol).unwrap_or(u16::MAX), 0)] }
    }

    /// The code of these lengths, in the order of symbols.
    fn new(lengths: &[u8]) -> Result<Self, Fault> {
        let width = lengths.iter().copied().max().unwrap_or(0);
        if width == 0 || usize::from(width) > CODE_BITS_MAX {
            return Err(fault("a code without symbols"));
        }
        let mut table = vec![(0, 0); 1 << width];
        let mut next = 0_usize;
        for length in 1..=width {
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, own)| **own == length) {
                let span = 1_usize << (width - length);
                let slots = table.get_mut(next..next + span);
                let slots = slots.ok_or_else(|| fault("a code with too many symbols"))?;
                slots.fill((u16::try_from(symbol).unwrap_or(u16::MAX), length));
                next += span;
            }
        }
        if next != table.len() {
            return Err(fault("a code with too few symbols"));
        }
        Ok(Self { width: u32::from(width), table })
    }

    fn decode(&self, bits: &mut Bits<'_>) -> Result<usize, Fault> {
        let index = usize::try_from(bits.peek(self.width)?).unwrap_or(usize::MAX);
        let &(symbol, length) = self.table.get(index).ok_or_else(|| fault("no such code"))?;
        bits.count -= u32::from(length);
        Ok(usize::from(symbol))
    }
}

struct Decoder<'data> {
    bits: Bits<'data>,
    position_bits: u32,
    /// Symbols left in this block.
    left: u32,
    extra: Code,
    characters: Code,
    positions: Code,
}

impl Decoder<'_> {
    fn run(&mut self, wanted: usize, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let (mut output, mut done): (Vec<u8>, usize) = (Vec::new(), 0);
        let result = loop {
            if output.len() >= wanted {
                output.truncate(wanted);
                break Ok(());
            }
            if output.len() - done >= STEP_BYTES {
                sink.push(output.get(done..).unwrap_or_default())?;
                done = output.len();
            }
            if let Err(fault) = self.step(&mut output, wanted) {
                break Err(fault);
            }
        };
        sink.push(output.get(done..).unwrap_or_default())?;
        result
    }

    /// Decodes a literal or a match.
    fn step(&mut self, output: &mut Vec<u8>, wanted: usize) -> Result<(), Fault> {
        if self.left == 0 {
            self.block()?;
        }
        self.left -= 1;
        let symbol = self.characters.decode(&mut self.bits)?;
        if let Ok(literal) = u8::try_from(symbol) {
            output.push(literal);
            return Ok(());
        }
        let length = (symbol - LENGTH_BASE).min(wanted - output.len());
        let slot = u32::try_from(self.positions.decode(&mut self.bits)?).unwrap_or(u32::MAX);
        let distance = match slot {
            0 | 1 => slot,
            2..=31 => (1 << (slot - 1)) | self.bits.take(slot - 1)?,
            _ => return Err(fault("an impossible distance")),
        };
        let distance = usize::try_from(distance).unwrap_or(usize::MAX);
        let start = output.len().checked_sub(distance.saturating_add(1));
        let start = start.ok_or_else(|| fault("a match before the start"))?;
        // The match may reach into what it makes itself.
        let mut copied = 0;
        while copied < length {
            let there = (output.len() - start - copied).min(length - copied);
            output.extend_from_within(start + copied..start + copied + there);
            copied += there;
        }
        Ok(())
    }

    /// Reads the head of a block: how many symbols it has, and its codes.
    fn block(&mut self) -> Result<(), Fault> {
        self.left = self.bits.take(16)?;
        if self.left == 0 {
            return Err(fault("an empty block"));
        }
        self.extra = self.short_lengths(EXTRA_CODES, EXTRA_BITS, EXTRA_SPECIAL)?;
        self.characters = self.character_lengths()?;
        self.positions = self.short_lengths(POSITIONS, self.position_bits, usize::MAX)?;
        Ok(())
    }

    /// Lengths of codes in three bits each, longer ones in ones behind a seven.
    fn short_lengths(&mut self, count: usize, width: u32, special: usize) -> Result<Code, Fault> {
        let number = usize::try_from(self.bits.take(width)?).unwrap_or(usize::MAX);
        if number == 0 {
            return Ok(Code::single(self.bits.take(width)?));
        }
        let mut lengths: Vec<u8> = Vec::with_capacity(count);
        while lengths.len() < number.min(count) {
            let mut length = self.bits.take(3)?;
            if length == 7 {
                while self.bits.take(1)? == 1 {
                    length += 1;
                    if length > 16 {
                        return Err(fault("too long a code"));
                    }
                }
            }
            lengths.push(u8::try_from(length).unwrap_or(u8::MAX));
            if lengths.len() == special {
                let zeros = usize::try_from(self.bits.take(2)?).unwrap_or(0);
                lengths.resize(lengths.len() + zeros, 0);
            }
        }
        Code::new(&lengths)
    }

    /// Lengths of the codes for characters, in a code of their own with runs of zeros.
    fn character_lengths(&mut self) -> Result<Code, Fault> {
        let number = usize::try_from(self.bits.take(CHARACTER_BITS)?).unwrap_or(usize::MAX);
        if number == 0 {
            return Ok(Code::single(self.bits.take(CHARACTER_BITS)?));
        }
        let mut lengths: Vec<u8> = Vec::with_capacity(CHARACTERS);
        while lengths.len() < number.min(CHARACTERS) {
            let symbol = self.extra.decode(&mut self.bits)?;
            let zeros = match symbol {
                0 => 1,
                1 => self.bits.take(4)? + 3,
                2 => self.bits.take(CHARACTER_BITS)? + 20,
                length => {
                    lengths.push(u8::try_from(length - 2).unwrap_or(u8::MAX));
                    continue;
                }
            };
            let zeros = usize::try_from(zeros).unwrap_or(0);
            lengths.resize((lengths.len() + zeros).min(CHARACTERS), 0);
        }
        Code::new(&lengths)
    }
}
