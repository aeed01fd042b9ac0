//! Cyanide, method 1 of StuffIt X: sorted blocks whose ranks are coded as zero, one or more, and
//! the larger ones apart ("One attempt of a compression algorithm using the BWT", Balkenhol and
//! Shtarkov; "SitxCyanideAlgorithm" in the wiki of XADMaster).

use super::{
    super::{Step, output::Output},
    input::Input,
    range::{Carryless, Intervals},
    sorting,
};

/// What stands before a block, and what behind the last one.
const BLOCK: u8 = 0x77;
const END: u8 = 0xff;
/// The model for each combination of the last three digits, the latest counting least.
const GROUPS: [usize; 27] =
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 9, 10, 3, 4, 5, 11, 11, 8, 6, 2, 5, 6, 7, 8, 12, 12, 13];
const GROUP_COUNT: usize = 14;
/// The sum of a model's frequencies above which they are halved: within runs of zeros, elsewhere.
const TOTAL_IN_RUN_MAX: u32 = 4096;
const TOTAL_MAX: u32 = 128;
/// The same for the models of larger ranks.
const CLASS_TOTAL_MAX: u32 = 0x100;
const CLASS_SECOND_TOTAL_MAX: u32 = 0x1_0000;
const RANK_TOTAL_MAX: u32 = 0x4000;

/// Decodes blocks until the output is full or the end is told.
pub(super) fn decode(input: &mut Input<'_>, output: &mut Output) -> Step<()> {
    // A byte of which only the encoder knows the meaning.
    input.byte()?;
    while !output.is_full() {
        match input.byte()? {
            BLOCK => {}
            END => return Ok(()),
            _ => return Err("no mark of a block"),
        }
        let (length, first, symbols) = (input.size()?, input.size()?, input.byte()?);
        if length > output.limit() - output.len() {
            return Err("a block longer than what is left");
        }
        let mut block = ranks(&mut Carryless::new(input)?, length, symbols)?;
        sorting::unrank(&mut block);
        output.extend(&sorting::unsort(&block, first)?);
    }
    Ok(())
}

/// Decodes the ranks of a block in which so many above two occur.
pub(super) fn ranks(coder: &mut impl Intervals, length: usize, symbols: u8) -> Step<Vec<u8>> {
    let mut digits = Digits::default();
    let mut large = LargeRanks::new(symbols);
    let mut block = Vec::new();
    while block.len() < length {
        block.push(match digits.next(coder)? {
            0 => 0,
            1 => 1,
            _ => large.next(coder)?,
        });
    }
    Ok(block)
}

/// The digits zero, one and two, each coded by the three before it.
#[derive(Default)]
struct Digits {
    frequencies: [[u32; 3]; GROUP_COUNT],
    /// The last three digits as a number to the base three.
    context: usize,
    /// Whether zeros followed each other in the first model since the last other digit.
    in_run: Run,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Run {
    #[default]
    Running,
    Broken,
}

impl Digits {
    fn next(&mut self, coder: &mut impl Intervals) -> Step<usize> {
        let group = GROUPS.get(self.context).copied().unwrap_or(0);
        let model = self.frequencies.get_mut(group).ok_or("no model")?;
        let order = ascending(*model);
        let [a, b, c] = order.map(|digit| model.get(digit).copied().unwrap_or(0) + 1);
        let index = coder.symbol(&[a, b, c])?;
        let digit = order.get(index).copied().unwrap_or(0);
        if digit == 0 && self.in_run == Run::Broken && group == 0 {
            self.in_run = Run::Running;
            *model = model.map(|count| count >> 1);
            model[0] += 3;
        } else {
            if digit != 0 {
                self.in_run = Run::Broken;
            }
            let running = self.in_run == Run::Running;
            if a + b + c > if running { TOTAL_IN_RUN_MAX } else { TOTAL_MAX } {
                *model = model.map(|count| count >> 1);
            }
            if let Some(count) = model.get_mut(digit) {
                *count += 2;
            }
        }
        self.context = (self.context * 3 + digit) % GROUPS.len();
        Ok(digit)
    }
}

/// The digits by rising frequency. Of equal ones the higher is first, unless one is the rarest and
/// the others are as frequent as each other.
fn ascending(frequencies: [u32; 3]) -> [usize; 3] {
    let [zero, one, two] = frequencies;
    if zero == two && one < zero {
        return [1, 0, 2];
    }
    let mut order = [2, 1, 0];
    order.sort_by_key(|&digit| frequencies.get(digit).copied());
    order
}

/// Ranks from two up: a class for each power of two, then the place in it.
struct LargeRanks {
    class: Adaptive,
    places: Vec<Adaptive>,
}

impl LargeRanks {
    fn new(symbols: u8) -> Self {
        let mut places = Vec::new();
        let (mut left, mut size) = (usize::from(symbols), 2);
        while left > 0 {
            // The last class takes what would not fill the next one.
            let count = if left < 3 * size { left } else { size };
            places.push(Adaptive::new(count));
            left -= count.min(left);
            size *= 2;
        }
        Self { class: Adaptive::new(places.len() + 1), places }
    }

    fn next(&mut self, coder: &mut impl Intervals) -> Step<u8> {
        let index = coder.symbol(&self.class.frequencies)?;
        let class = self.class.value(index);
        let index = self.class.count(index, CLASS_TOTAL_MAX);
        self.class.count(index, CLASS_SECOND_TOTAL_MAX);
        let Some(before) = class.checked_sub(1) else { return Ok(2) };
        let model = self.places.get_mut(before).ok_or("no class of ranks")?;
        let index = coder.symbol(&model.frequencies)?;
        let place = model.value(index);
        let size = u32::try_from(model.frequencies.len()).unwrap_or(u32::MAX);
        model.count(index, size.saturating_mul(128).min(RANK_TOTAL_MAX));
        u8::try_from((1 << class) + place + 1).map_err(|_| "an impossible rank")
    }
}

/// Values that are kept in the order of rising frequency.
struct Adaptive {
    frequencies: Vec<u32>,
    values: Vec<usize>,
}

impl Adaptive {
    fn new(count: usize) -> Self {
        Self { frequencies: vec![1; count], values: (0..count).rev().collect() }
    }

    fn value(&self, index: usize) -> usize {
        self.values.get(index).copied().unwrap_or(0)
    }

    /// Counts a value, behind all others of the same frequency; tells where it is now.
    fn count(&mut self, index: usize, total_max: u32) -> usize {
        if self.frequencies.iter().sum::<u32>() >= total_max {
            self.frequencies.iter_mut().for_each(|count| *count = count.div_ceil(2));
        }
        let present = self.frequencies.get(index).copied();
        let behind = self.frequencies.iter().skip(index + 1);
        let last = index + behind.take_while(|count| Some(**count) == present).count();
        if last < self.values.len() {
            self.values.swap(index, last);
        }
        if let Some(count) = self.frequencies.get_mut(last) {
            *count += 1;
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::{LargeRanks, ascending};

    #[test]
    fn digits_are_ordered_by_frequency() {
        for (frequencies, order) in [
            ([1, 2, 3], [0, 1, 2]),
            ([1, 3, 2], [0, 2, 1]),
            ([1, 2, 2], [0, 2, 1]),
            ([1, 2, 1], [2, 0, 1]),
            ([2, 3, 1], [2, 0, 1]),
            ([3, 1, 2], [1, 2, 0]),
            ([2, 1, 3], [1, 0, 2]),
            ([2, 1, 2], [1, 0, 2]),
            ([1, 1, 2], [1, 0, 2]),
            ([2, 2, 1], [2, 1, 0]),
            ([1, 1, 1], [2, 1, 0]),
        ] {
            assert_eq!(ascending(frequencies), order, "{frequencies:?}");
        }
    }

    #[test]
    fn the_last_class_takes_the_rest() {
        let sizes = |symbols| -> Vec<usize> {
            LargeRanks::new(symbols).places.iter().map(|model| model.values.len()).collect()
        };
        assert_eq!(sizes(255), [2, 4, 8, 16, 32, 64, 129]);
        assert_eq!(sizes(253), [2, 4, 8, 16, 32, 191]);
        assert_eq!((sizes(0), sizes(3)), (vec![], vec![3]));
    }
}
