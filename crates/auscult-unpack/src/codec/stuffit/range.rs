//! The range coders of StuffIt X, after Dmitry Subbotin's carryless one.
//!
//! What decodes asks through [`Intervals`], so that the same models can be run by a coder that
//! writes: the tests make their streams that way.

use super::{super::Step, input::Input};

/// Below this the upper byte of both ends of the interval is the same.
const TOP: u32 = 1 << 24;
/// The carryless coder cuts its interval off where it gets narrower than this.
const BOTTOM: u32 = 1 << 16;
const NO_INTERVAL: &str = "an interval without width";

/// Parts of an interval, told one after the other.
pub(super) trait Intervals {
    /// Splits the interval into so many equal parts; tells the one wanted, or more where the rest
    /// of the division is hit.
    fn part(&mut self, parts: u32) -> Step<u32>;

    /// Goes on with so many of the parts, from this one on.
    fn narrow(&mut self, start: u32, width: u32) -> Step<()>;

    /// A bit that is zero in `weight` of 4096 cases; what the division leaves belongs to one.
    fn remaining_bit(&mut self, weight: u32) -> Step<bool>;

    /// A bit that is zero in `weight` of `1 << bits` cases.
    fn bit(&mut self, weight: u32, bits: u32) -> Step<bool> {
        let parts = 1 << bits;
        let one = self.part(parts)? >= weight;
        let (start, end) = if one { (weight, parts) } else { (0, weight) };
        self.narrow(start, end.wrapping_sub(start))?;
        Ok(one)
    }

    /// One of several symbols with these frequencies.
    fn symbol(&mut self, frequencies: &[u32]) -> Step<usize> {
        let total = frequencies.iter().fold(0_u32, |sum, count| sum.wrapping_add(*count));
        let part = self.part(total)?;
        let mut start = 0_u32;
        let last = frequencies.len().checked_sub(1).ok_or("no symbols")?;
        for (index, &width) in frequencies.iter().enumerate() {
            let end = start.wrapping_add(width);
            if part < end || index == last {
                self.narrow(start, width)?;
                return Ok(index);
            }
            start = end;
        }
        Err("no symbols")
    }
}

fn first_code(input: &mut Input<'_>) -> Step<u32> {
    Ok(u32::from_be_bytes([input.byte()?, input.byte()?, input.byte()?, input.byte()?]))
}

/// The coder of Cyanide and Brimstone: the low end is kept, and nothing is carried into it.
pub(super) struct Carryless<'input, 'data> {
    input: &'input mut Input<'data>,
    low: u32,
    range: u32,
    code: u32,
}

impl<'input, 'data> Carryless<'input, 'data> {
    /// Takes the first four bytes.
    pub(super) fn new(input: &'input mut Input<'data>) -> Step<Self> {
        let code = first_code(input)?;
        Ok(Self { input, low: 0, range: u32::MAX, code })
    }
}

impl Intervals for Carryless<'_, '_> {
    fn part(&mut self, parts: u32) -> Step<u32> {
        self.range = self.range.checked_div(parts).ok_or(NO_INTERVAL)?;
        self.code.wrapping_sub(self.low).checked_div(self.range).ok_or(NO_INTERVAL)
    }

    fn narrow(&mut self, start: u32, width: u32) -> Step<()> {
        self.low = self.low.wrapping_add(self.range.wrapping_mul(start));
        self.range = self.range.wrapping_mul(width);
        loop {
            if self.low ^ self.low.wrapping_add(self.range) >= TOP {
                if self.range >= BOTTOM {
                    return Ok(());
                }
                self.range = self.low.wrapping_neg() & (BOTTOM - 1);
            }
            self.code = self.code << 8 | u32::from(self.input.byte()?);
            (self.range, self.low) = (self.range << 8, self.low << 8);
        }
    }

    fn remaining_bit(&mut self, weight: u32) -> Step<bool> {
        self.bit(weight, 12)
    }
}

/// The coder of Darkhorse and Iron: the code counts from the low end. Its first byte is always
/// zero, since the writer carries into it.
pub(super) struct Carrying<'input, 'data> {
    input: &'input mut Input<'data>,
    range: u32,
    code: u32,
}

impl<'input, 'data> Carrying<'input, 'data> {
    /// Takes the byte that says nothing and the four behind it.
    pub(super) fn new(input: &'input mut Input<'data>) -> Step<Self> {
        input.byte()?;
        let code = first_code(input)?;
        Ok(Self { input, range: u32::MAX, code })
    }

    fn refill(&mut self) -> Step<()> {
        while self.range < TOP {
            self.code = self.code << 8 | u32::from(self.input.byte()?);
            self.range <<= 8;
        }
        Ok(())
    }
}

impl Intervals for Carrying<'_, '_> {
    fn part(&mut self, parts: u32) -> Step<u32> {
        self.range = self.range.checked_div(parts).ok_or(NO_INTERVAL)?;
        self.code.checked_div(self.range).ok_or(NO_INTERVAL)
    }

    fn narrow(&mut self, start: u32, width: u32) -> Step<()> {
        self.code = self.code.wrapping_sub(self.range.wrapping_mul(start));
        self.range = self.range.wrapping_mul(width);
        self.refill()
    }

    #[inline]
    fn remaining_bit(&mut self, weight: u32) -> Step<bool> {
        let threshold = (self.range >> 12).wrapping_mul(weight);
        let one = self.code >= threshold;
        if one {
            self.code -= threshold;
            self.range = self.range.wrapping_sub(threshold);
        } else {
            self.range = threshold;
        }
        self.refill()?;
        Ok(one)
    }
}
