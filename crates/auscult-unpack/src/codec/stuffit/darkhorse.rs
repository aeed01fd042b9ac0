//! Darkhorse, method 2 of StuffIt X: LZ77 under a range coder for single bits, a relative of LZMA
//! ("SitxDarkhorseAlgorithm" in the wiki of XADMaster).
//!
//! The window begins as zeros, and matches may reach into them.

use super::{
    super::{Step, output::Output},
    input::Input,
    range::{Carrying, Intervals},
};

/// Bits of a probability; at first both values are as likely.
const EVEN: u16 = 0x800;
/// How fast probabilities follow.
const SHIFT: u32 = 5;
/// Smallest window in bytes.
const WINDOW_MIN: usize = 1 << 20;
/// Largest exponent of a window.
const WINDOW_BITS_MAX: u8 = 30;
/// Shortest match, and the length that ends the data instead.
const LENGTH_MIN: usize = 2;
const LENGTH_END: usize = 273;
/// Kinds of distances up to this are numbers with all bits adaptive.
const SHORT_KIND_END: usize = 14;
/// Kinds from here on have no meaning.
const KIND_END: usize = 60;

/// Decodes, behind the byte that tells the window, until the output is full or the end is told.
pub(super) fn decode(input: &mut Input<'_>, output: &mut Output) -> Step<()> {
    let bits = input.byte()?;
    if bits > WINDOW_BITS_MAX {
        return Err("an impossible window");
    }
    let window = WINDOW_MIN.max(1 << bits);
    decode_by(&mut Carrying::new(input)?, output, window)
}

/// The same by any coder.
pub(super) fn decode_by(
    coder: &mut impl Intervals,
    output: &mut Output,
    window: usize,
) -> Step<()> {
    let mut models = Models::new();
    // What would have come next in the source of a match that just ended.
    let mut expected = None;
    while !output.is_full() {
        let phase = output.len() % 4;
        if !bit(coder, at(&mut models.is_match, phase)?)? {
            let before = output.back(1);
            output.push(models.literal(coder, before, expected.take())?);
            continue;
        }
        let Some((distance, length)) = models.reference(coder, phase)? else { return Ok(()) };
        if distance > window {
            return Err("a match from before the window");
        }
        output.copy_filled(distance, length, 0);
        expected = Some(output.back(distance));
    }
    Ok(())
}

fn at<T>(table: &mut [T], index: usize) -> Step<&mut T> {
    table.get_mut(index).ok_or("no model")
}

#[inline]
fn bit(coder: &mut impl Intervals, weight: &mut u16) -> Step<bool> {
    let one = coder.remaining_bit(u32::from(*weight))?;
    if one {
        *weight -= *weight >> SHIFT;
    } else {
        *weight += (0x1000 - *weight) >> SHIFT;
    }
    Ok(one)
}

/// A number of so many bits, each coded by those above it.
fn tree(coder: &mut impl Intervals, weights: &mut [u16], bits: u32) -> Step<usize> {
    let mut value = 1;
    for _ in 0..bits {
        value = value << 1 | usize::from(bit(coder, at(weights, value)?)?);
    }
    Ok(value - (1 << bits))
}

struct Models {
    is_match: [u16; 4],
    is_repeat: u16,
    literals: Vec<[u16; 256]>,
    /// Where a byte is expected: by its bit.
    expected: Vec<[[u16; 2]; 256]>,
    /// Whether a repeated distance is not the latest; if it is, whether more than a byte is copied;
    /// whether it is not the second; whether it is not the third.
    not_first: u16,
    is_long: [u16; 4],
    not_second: u16,
    not_third: u16,
    is_length_long: u16,
    short_lengths: [[u16; 16]; 4],
    long_lengths: [u16; 256],
    kinds: [[u16; 64]; 4],
    short_distances: [[u16; 32]; 10],
    low_bits: [u16; 16],
    /// The last four distances less one.
    recent: [usize; 4],
}

impl Models {
    fn new() -> Self {
        Self {
            is_match: [EVEN; 4],
            is_repeat: EVEN,
            literals: vec![[EVEN; 256]; 16],
            expected: vec![[[EVEN; 2]; 256]; 16],
            not_first: EVEN,
            is_long: [EVEN; 4],
            not_second: EVEN,
            not_third: EVEN,
            is_length_long: EVEN,
            short_lengths: [[EVEN; 16]; 4],
            long_lengths: [EVEN; 256],
            kinds: [[EVEN; 64]; 4],
            short_distances: [[EVEN; 32]; 10],
            low_bits: [EVEN; 16],
            recent: [0; 4],
        }
    }

    /// A byte, coded by the one before and, where a match just ended, by the one expected, as long
    /// as its bits are the same.
    fn literal(
        &mut self,
        coder: &mut impl Intervals,
        before: u8,
        expected: Option<u8>,
    ) -> Step<u8> {
        let context = usize::from(before / 16);
        let mut value = 1;
        if let Some(mut byte) = expected {
            let models = at(&mut self.expected, context)?;
            while value < 0x100 {
                let guess = usize::from(byte >> 7);
                let one = usize::from(bit(coder, at(at(models, value)?, guess)?)?);
                value = value << 1 | one;
                if one != guess {
                    break;
                }
                byte <<= 1;
            }
        }
        let models = at(&mut self.literals, context)?;
        while value < 0x100 {
            value = value << 1 | usize::from(bit(coder, at(models, value)?)?);
        }
        Ok(value.to_le_bytes()[0])
    }

    /// Distance and length of a match; none at the end.
    fn reference(
        &mut self,
        coder: &mut impl Intervals,
        phase: usize,
    ) -> Step<Option<(usize, usize)>> {
        if bit(coder, &mut self.is_repeat)? {
            return self.repeat(coder, phase).map(Some);
        }
        let length = self.length(coder, phase)?;
        if length == LENGTH_END {
            return Ok(None);
        }
        let distance = self.distance(coder, length)?;
        self.recent.rotate_right(1);
        self.recent[0] = distance;
        Ok(Some((distance + 1, length)))
    }

    /// One of the last four distances.
    fn repeat(&mut self, coder: &mut impl Intervals, phase: usize) -> Step<(usize, usize)> {
        let place = if !bit(coder, &mut self.not_first)? {
            if !bit(coder, at(&mut self.is_long, phase)?)? {
                return Ok((self.recent[0] + 1, 1));
            }
            0
        } else if !bit(coder, &mut self.not_second)? {
            1
        } else if !bit(coder, &mut self.not_third)? {
            2
        } else {
            3
        };
        if let Some(recent) = self.recent.get_mut(..=place) {
            recent.rotate_right(1);
        }
        Ok((self.recent[0] + 1, self.length(coder, phase)?))
    }

    fn length(&mut self, coder: &mut impl Intervals, phase: usize) -> Step<usize> {
        let more = if bit(coder, &mut self.is_length_long)? {
            tree(coder, &mut self.long_lengths, 8)? + 16
        } else {
            tree(coder, at(&mut self.short_lengths, phase)?, 4)?
        };
        Ok(LENGTH_MIN + more)
    }

    /// A distance less one: two kinds for each power of two, then the bits below.
    fn distance(&mut self, coder: &mut impl Intervals, length: usize) -> Step<usize> {
        let kinds = at(&mut self.kinds, (length - LENGTH_MIN).min(3))?;
        let kind = tree(coder, kinds, 6)?;
        if kind < 4 {
            return Ok(kind);
        }
        if kind >= KIND_END {
            return Err("an impossible distance");
        }
        let bits = u32::try_from(kind / 2 - 1).unwrap_or(0);
        let base = (2 + kind % 2) << bits;
        if kind < SHORT_KIND_END {
            return Ok(base + tree(coder, at(&mut self.short_distances, kind - 4)?, bits)?);
        }
        let mut middle = 0;
        for _ in 4..bits {
            // Of a part that the division leaves over, the bit is one as well.
            let one = coder.part(2)?.min(1);
            coder.narrow(one, 1)?;
            middle = middle << 1 | usize::try_from(one).unwrap_or(1);
        }
        Ok(base + (middle << 4) + tree(coder, &mut self.low_bits, 4)?)
    }
}
