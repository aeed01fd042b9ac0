//! Iron, method 6 of StuffIt X: sorted blocks as runs of bytes, each run by the rank of its byte
//! and its length (known from the readers of XADMaster; it was never described).

mod ranking;

use self::ranking::Ranking;
use super::{
    super::{Step, output::Output},
    input::Input,
    range::{Carrying, Intervals},
    sorting,
};

/// Bits of a probability, and one of a half.
const WEIGHT_BITS: u32 = 12;
const EVEN: u16 = 0x800;
/// Most bits that tell how many bits a rank has, and a length.
const RANK_BITS_MAX: usize = 6;
const LENGTH_BITS: usize = 24;

/// What the head of a stream tells of its models.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Blocks are sorted by four bytes only.
    pub(super) by_four: bool,
    /// The list of bytes is kept in the order of how often they occurred of late.
    pub(super) by_use: bool,
    /// Sums of frequencies above which they are halved: of all, by the byte before, by the past.
    pub(super) totals_max: [u32; 3],
    /// How fast probabilities of the widths of ranks follow, those by the last one, and their bits.
    pub(super) rank_shifts: [u32; 3],
    /// The same of lengths.
    pub(super) length_shifts: [u32; 3],
}

impl Settings {
    fn read(input: &mut Input<'_>) -> Step<Self> {
        let (by_four, by_use) = (input.bit()?, input.bit()?);
        let mut number = || {
            let number = input.number()?;
            u32::try_from(number).ok().filter(|&number| number < 32).ok_or("an impossible shift")
        };
        let mut three = || Step::Ok([number()?, number()?, number()?]);
        let totals_max = three()?.map(|exponent| 1 << exponent);
        Ok(Self { by_four, by_use, totals_max, rank_shifts: three()?, length_shifts: three()? })
    }
}

/// Decodes blocks until the output is full or the end is told.
pub(super) fn decode(input: &mut Input<'_>, output: &mut Output) -> Step<()> {
    let settings = Settings::read(input)?;
    while !output.is_full() {
        input.align();
        if input.bit()? {
            return Ok(());
        }
        let length = usize::try_from(input.number()?).unwrap_or(usize::MAX);
        if length > output.limit() - output.len() {
            return Err("a block longer than what is left");
        }
        if input.bit()? {
            output.extend(input.take(length)?);
            continue;
        }
        let first = usize::try_from(input.number()?).unwrap_or(usize::MAX);
        let last = runs(&mut Carrying::new(input)?, length, &settings)?;
        let block = if settings.by_four {
            sorting::unsort_by_four(&last, first)
        } else {
            sorting::unsort(&last, first)
        };
        output.extend(&block?);
    }
    Ok(())
}

/// Decodes the runs of a block.
pub(super) fn runs(
    coder: &mut impl Intervals,
    length: usize,
    settings: &Settings,
) -> Step<Vec<u8>> {
    let mut models = Models::new(settings);
    let mut ranking = Ranking::new(settings.by_use);
    let mut block: Vec<u8> = Vec::new();
    while block.len() < length {
        let value = models.value(coder)?;
        // The byte of the last run cannot be that of this one.
        let byte = ranking.take((value + 1) % 256);
        let run = models.length(coder, value, byte)?;
        if run > length - block.len() {
            return Err("a run past the end of its block");
        }
        block.resize(block.len() + run, byte);
        models.last_byte = usize::from(byte);
    }
    Ok(block)
}

/// The rank in a run's head: 0, 1, 2, or a larger one that follows.
type Frequencies = [u32; 4];

struct Models {
    settings: Settings,
    all: Frequencies,
    by_byte: Vec<Frequencies>,
    /// By the last four heads, for each of the last two lengths being long.
    by_past: Vec<[Frequencies; 256]>,
    widths: [u16; RANK_BITS_MAX],
    widths_by_last: [[u16; RANK_BITS_MAX]; RANK_BITS_MAX + 1],
    rank_bits: [[u16; 128]; RANK_BITS_MAX + 1],
    lengths: Vec<[[u16; LENGTH_BITS]; 16]>,
    lengths_by_byte: Vec<[u16; LENGTH_BITS]>,
    length_bits: [[u16; LENGTH_BITS]; LENGTH_BITS],
    last_byte: usize,
    last_width: usize,
    /// The last four heads, two bits each.
    heads: usize,
    /// Whether each of the last four lengths was above three.
    longs: usize,
}

impl Models {
    fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            all: [1; 4],
            by_byte: vec![[0; 4]; 256],
            by_past: vec![[[0; 4]; 256]; 4],
            widths: [EVEN; RANK_BITS_MAX],
            widths_by_last: [[EVEN; RANK_BITS_MAX]; RANK_BITS_MAX + 1],
            rank_bits: [[EVEN; 128]; RANK_BITS_MAX + 1],
            lengths: vec![[[EVEN; LENGTH_BITS]; 16]; 4],
            lengths_by_byte: vec![[EVEN; LENGTH_BITS]; 256],
            length_bits: [[EVEN; LENGTH_BITS]; LENGTH_BITS],
            last_byte: 0,
            last_width: 0,
            heads: 0,
            longs: 0,
        }
    }

    /// The rank of the next run's byte, less one and not counting that of the last run.
    fn value(&mut self, coder: &mut impl Intervals) -> Step<usize> {
        let by_byte = self.by_byte.get_mut(self.last_byte).ok_or("no model")?;
        let by_past = self.by_past.get_mut(self.longs & 3).ok_or("no model")?;
        let by_past = by_past.get_mut(self.heads).ok_or("no model")?;
        let sums: Frequencies = std::array::from_fn(|place| {
            let of = |model: &Frequencies| model.get(place).copied().unwrap_or(0);
            of(&self.all) + of(by_byte) + of(by_past)
        });
        let head = coder.symbol(&sums)?;
        let [all_max, byte_max, past_max] = self.settings.totals_max;
        count(&mut self.all, head, all_max, 1);
        count(by_byte, head, byte_max, 0);
        count(by_past, head, past_max, 0);
        if head < 3 { Ok(head) } else { self.large_value(coder) }
    }

    fn large_value(&mut self, coder: &mut impl Intervals) -> Step<usize> {
        let [shift, shift_by_last, shift_of_bits] = self.settings.rank_shifts;
        let by_last = self.widths_by_last.get_mut(self.last_width).ok_or("no model")?;
        let mut width = 0;
        for (one, other) in self.widths.iter_mut().zip(by_last) {
            if !bit_of_two(coder, (one, shift), (other, shift_by_last))? {
                break;
            }
            width += 1;
        }
        self.last_width = width;
        let bits = self.rank_bits.get_mut(width).ok_or("no model")?;
        let mut value = 1;
        for _ in 0..=width {
            let weight = bits.get_mut(value).ok_or("no model")?;
            value = value << 1 | usize::from(bit(coder, weight, shift_of_bits)?);
        }
        Ok(value + 1)
    }

    /// The length of a run.
    fn length(&mut self, coder: &mut impl Intervals, value: usize, byte: u8) -> Step<usize> {
        let [shift, shift_by_byte, shift_of_bits] = self.settings.length_shifts;
        let head = value.min(3);
        let by_head = self.lengths.get_mut(head).ok_or("no model")?;
        let by_head = by_head.get_mut(self.longs).ok_or("no model")?;
        let by_byte = self.lengths_by_byte.get_mut(usize::from(byte)).ok_or("no model")?;
        let mut width = 0;
        for (one, other) in by_head.iter_mut().zip(by_byte) {
            if !bit_of_two(coder, (one, shift), (other, shift_by_byte))? {
                break;
            }
            width += 1;
        }
        let bits = self.length_bits.get_mut(width).ok_or("a run that is too long")?;
        let mut length = 1;
        for weight in bits.iter_mut().take(width) {
            length = length << 1 | usize::from(bit(coder, weight, shift_of_bits)?);
        }
        self.heads = (self.heads << 2 | head) & 0xff;
        self.longs = self.longs << 1 & 0xe | usize::from(width > 1);
        Ok(length)
    }
}

/// Counts a head; above the limit all are halved, rounded up by `rounding`.
fn count(model: &mut Frequencies, head: usize, total_max: u32, rounding: u32) {
    if let Some(count) = model.get_mut(head) {
        *count += 2;
    }
    if model.iter().sum::<u32>() > total_max {
        *model = model.map(|count| u32::midpoint(count, rounding));
    }
}

fn follow(weight: &mut u16, one: bool, shift: u32) {
    if one {
        *weight -= *weight >> shift.min(15);
    } else {
        *weight += ((1 << WEIGHT_BITS) - *weight) >> shift.min(15);
    }
}

fn bit(coder: &mut impl Intervals, weight: &mut u16, shift: u32) -> Step<bool> {
    let one = coder.bit(u32::from(*weight), WEIGHT_BITS)?;
    follow(weight, one, shift);
    Ok(one)
}

/// A bit whose probability is the mean of two, each of which follows in its own pace.
fn bit_of_two(
    coder: &mut impl Intervals,
    (one, one_shift): (&mut u16, u32),
    (other, other_shift): (&mut u16, u32),
) -> Step<bool> {
    let is_one = coder.bit(u32::from(*one + *other) / 2, WEIGHT_BITS)?;
    follow(one, is_one, one_shift);
    follow(other, is_one, other_shift);
    Ok(is_one)
}

#[cfg(test)]
pub(super) mod plan {
    //! What a writer has to choose so that a block comes out.

    use super::Ranking;

    /// Bits from the highest down, without the highest one.
    fn below_highest(value: usize) -> impl Iterator<Item = usize> {
        (0..value.ilog2()).rev().map(move |place| value >> place & 1)
    }

    /// As many ones as told, then a zero unless the most is reached.
    fn unary(count: u32, most: u32) -> impl Iterator<Item = usize> {
        (0..count).map(|_| 1).chain((count < most).then_some(0))
    }

    /// The choices in their order: heads, and bits as zero or one.
    pub(crate) fn of(block: &[u8], by_use: bool) -> Vec<usize> {
        let mut ranking = Ranking::new(by_use);
        let mut choices = Vec::new();
        for run in block.chunk_by(|one, other| one == other) {
            let rank = ranking.rank(run[0]);
            ranking.take(rank);
            let value = (rank + 255) % 256;
            choices.push(value.min(3));
            if value >= 3 {
                choices.extend(unary((value - 1).ilog2() - 1, 6));
                choices.extend(below_highest(value - 1));
            }
            choices.extend(unary(run.len().ilog2(), 24));
            choices.extend(below_highest(run.len()));
        }
        choices
    }
}
