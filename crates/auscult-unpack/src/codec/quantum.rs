//! Quantum, the oldest good compression of cabinets: LZ77 under an arithmetic coder with adaptive
//! models. It has no specification; what is here is what all programs that read it agree on.
//!
//! Each frame of 32 KiB starts the arithmetic coder anew, while models and history go on.

use super::{
    Step,
    bits::{Bits, HighBits},
    output::Output,
};

/// Shortest length and extra bits for the length codes of selector 6.
const LENGTHS: [(usize, u32); 27] = [
    (0, 0),
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 1),
    (8, 1),
    (10, 1),
    (12, 1),
    (14, 2),
    (18, 2),
    (22, 2),
    (26, 2),
    (30, 3),
    (38, 3),
    (46, 3),
    (54, 3),
    (62, 4),
    (78, 4),
    (94, 4),
    (110, 4),
    (126, 5),
    (158, 5),
    (190, 5),
    (222, 5),
    (254, 0),
];
/// Frequencies are scaled down once their sum passes this.
const TOTAL_MAX: u32 = 3800;
/// What a symbol gains each time it occurs.
const GAIN: u32 = 8;
/// Scalings between two that sort the symbols, and before the first of these.
const SCALINGS: u32 = 50;
const SCALINGS_FIRST: u32 = 4;

/// Frequencies of symbols, each with the sum of its own and of those behind it.
struct Model {
    symbols: Vec<(u16, u32)>,
    until_sort: u32,
}

impl Model {
    fn new(start: u16, count: u16) -> Self {
        let symbols = (0..=count).map(|index| (start + index, u32::from(count - index))).collect();
        Self { symbols, until_sort: SCALINGS_FIRST }
    }

    fn total(&self) -> u32 {
        self.symbols.first().map_or(0, |symbol| symbol.1)
    }

    /// Counts the symbol at this place.
    fn count(&mut self, place: usize) {
        for symbol in self.symbols.iter_mut().take(place + 1) {
            symbol.1 += GAIN;
        }
        if self.total() > TOTAL_MAX {
            self.scale();
        }
    }

    fn scale(&mut self) {
        self.until_sort -= 1;
        if self.until_sort > 0 {
            let mut behind = 0;
            for symbol in self.symbols.iter_mut().rev().skip(1) {
                symbol.1 = (symbol.1 >> 1).max(behind + 1);
                behind = symbol.1;
            }
            return;
        }
        self.until_sort = SCALINGS;
        let mut behind: Vec<u32> = self.symbols.iter().skip(1).map(|symbol| symbol.1).collect();
        for (symbol, behind) in self.symbols.iter_mut().zip(behind.drain(..)) {
            symbol.1 = (symbol.1 - behind + 1) >> 1;
        }
        self.sort();
        let mut sum = 0;
        for symbol in self.symbols.iter_mut().rev() {
            sum += symbol.1;
            symbol.1 = sum;
        }
    }

    /// Sorts by falling frequency, by exchange: the order of equal ones is part of the format.
    fn sort(&mut self) {
        let count = self.symbols.len().saturating_sub(1);
        for one in 0..count {
            for other in one + 1..count {
                let frequency = |at: usize| self.symbols.get(at).map_or(0, |symbol| symbol.1);
                if frequency(one) < frequency(other) {
                    self.symbols.swap(one, other);
                }
            }
        }
    }
}

/// The state that goes from frame to frame.
pub(super) struct Quantum {
    selector: Model,
    literals: [Model; 4],
    /// Distances of matches of three and four bytes, and of longer ones.
    distances: [Model; 3],
    lengths: Model,
}

/// The arithmetic decoder of a frame.
struct Coder<'data> {
    bits: HighBits<'data>,
    high: u32,
    low: u32,
    code: u32,
}

impl Quantum {
    /// The state before the first frame. The window has 2^10 to 2^21 bytes.
    pub(super) fn new(window_bits: u32) -> Step<Self> {
        let slots = u16::try_from(window_bits * 2).unwrap_or(0);
        if !(10..=21).contains(&window_bits) {
            return Err("an impossible window");
        }
        Ok(Self {
            selector: Model::new(0, 7),
            literals: [0, 64, 128, 192].map(|start| Model::new(start, 64)),
            distances: [24, 36, 42].map(|most| Model::new(0, slots.min(most))),
            lengths: Model::new(0, 27),
        })
    }

    /// Decodes one frame of at most `size` bytes.
    pub(super) fn frame(&mut self, input: &[u8], size: usize, output: &mut Output) -> Step<()> {
        let mut bits = HighBits::new(input);
        let code = bits.take(16)?;
        let mut coder = Coder { bits, high: 0xffff, low: 0, code };
        let end = output.len().saturating_add(size);
        while output.len() < end && !output.is_full() {
            let selector = usize::from(coder.symbol(&mut self.selector)?);
            if let Some(model) = self.literals.get_mut(selector) {
                output.push(u8::try_from(coder.symbol(model)?).unwrap_or(0));
                continue;
            }
            let kind = selector - 4;
            let length = if kind < 2 {
                kind + 3
            } else {
                let slot = usize::from(coder.symbol(&mut self.lengths)?);
                let (base, extra) = LENGTHS.get(slot).copied().ok_or("an impossible length")?;
                base + coder.extra(extra) + 5
            };
            let model = self.distances.get_mut(kind).ok_or("an impossible selector")?;
            let slot = u32::from(coder.symbol(model)?);
            let distance = if slot < 4 {
                usize::try_from(slot).unwrap_or(0)
            } else {
                let extra = slot / 2 - 1;
                let base = (2 + usize::try_from(slot % 2).unwrap_or(0)) << extra;
                base + coder.extra(extra)
            };
            output.copy(distance + 1, length)?;
        }
        Ok(())
    }
}

impl Coder<'_> {
    /// Extra bits are sent as they are.
    fn extra(&mut self, count: u32) -> usize {
        // Past the end there are zeros: packers drop them.
        let value = self.bits.peek(count);
        let _ = self.bits.skip(count);
        usize::try_from(value).unwrap_or(0)
    }

    fn symbol(&mut self, model: &mut Model) -> Step<u16> {
        let total = model.total();
        let range = self.high.wrapping_sub(self.low) + 1;
        let above = self.code.checked_sub(self.low).ok_or("a code out of range")? + 1;
        if range == 0 || range > 0x1_0000 || above > range {
            return Err("a code out of range");
        }
        let wanted = (above * total - 1) / range;
        let place = model.symbols.iter().skip(1).position(|symbol| symbol.1 <= wanted);
        let place = place.ok_or("no symbol")?;
        let (symbol, upper) = model.symbols.get(place).copied().ok_or("no symbol")?;
        let lower = model.symbols.get(place + 1).map_or(0, |symbol| symbol.1);
        self.high = self.low + upper * range / total - 1;
        self.low += lower * range / total;
        model.count(place);
        self.shift();
        Ok(symbol)
    }

    /// Drops the bits that both ends have in common, and those where they only nearly meet.
    fn shift(&mut self) {
        loop {
            if (self.low ^ self.high) & 0x8000 != 0 {
                if self.low & 0x4000 == 0 || self.high & 0x4000 != 0 {
                    return;
                }
                self.code ^= 0x4000;
                self.low &= 0x3fff;
                self.high |= 0x4000;
            }
            let bit = u32::try_from(self.extra(1)).unwrap_or(0);
            self.low = self.low << 1 & 0xffff;
            self.high = (self.high << 1 | 1) & 0xffff;
            self.code = (self.code << 1 | bit) & 0xffff;
        }
    }
}
