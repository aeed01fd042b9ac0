//! What does not depend on the data: logistic functions, rates of learning, histories of bits.

use std::sync::LazyLock;

use super::index;

/// Most zeros or ones in a history where the other kind was seen 0 to 5 times.
const COUNT_MAX: [usize; 6] = [20, 48, 15, 8, 6, 5];
/// Histories of more bits do not tell the last one.
const RECENT_BITS_MAX: usize = 17;
/// No history has more bits.
const BITS_MAX: usize = 50;

/// Tables, made once.
pub(super) struct Tables {
    stretch: Vec<i16>,
    squash: Vec<i16>,
    /// For each count of a direct context, how far its chance moves.
    rates: Vec<i32>,
    /// The history after a zero and after a one.
    next: Vec<[u8; 2]>,
    /// For each history, the chance of a one in units of 2^-23.
    chances: Vec<u32>,
}

/// The tables of all models.
pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

impl Tables {
    fn new() -> Self {
        let histories = Histories::new();
        Self {
            stretch: stretches(),
            squash: squashes(),
            rates: (0..1024).map(|count| 2 * ((1 << 17) / (2 * count + 3))).collect(),
            next: histories.next(),
            chances: histories.chances(),
        }
    }

    /// The logit of a chance in units of 2^-15, in units of 1/64: -2047 to 2047.
    #[inline]
    pub(super) fn stretch(&self, chance: u32) -> i32 {
        i32::from(self.stretch.get(index(chance & 0x7fff)).copied().unwrap_or(0))
    }

    /// The chance for a logit of -2048 to 2047.
    #[inline]
    pub(super) fn squash(&self, logit: i32) -> i32 {
        let place = usize::try_from(logit + 2048).unwrap_or(0);
        i32::from(self.squash.get(place).copied().unwrap_or(0))
    }

    /// How far a chance moves that was seen so often, at most 1023 times.
    #[inline]
    pub(super) fn rate(&self, count: u32) -> i32 {
        self.rates.get(index(count)).copied().unwrap_or(0)
    }

    /// The history after one more bit.
    #[inline]
    pub(super) fn next(&self, history: u8, bit: bool) -> u8 {
        let next = self.next.get(usize::from(history)).copied().unwrap_or([0; 2]);
        if bit { next[1] } else { next[0] }
    }

    /// The chances of a one for all histories, in units of 2^-23.
    pub(super) fn chances(&self) -> &[u32] {
        &self.chances
    }
}

/// The whole part of a function that grows, at 0, 1, 2 … `count` - 1, from `lowest` on.
fn floors(count: u16, lowest: i16, function: impl Fn(f64) -> f64) -> Vec<i16> {
    let mut floor = lowest;
    let at = |place: u16| {
        while function(f64::from(place)) >= f64::from(floor) + 1.0 {
            floor += 1;
        }
        floor
    };
    (0..count).map(at).collect()
}

fn stretches() -> Vec<i16> {
    floors(1 << 15, -2048, |chance| ((chance + 0.5) / (32767.5 - chance)).ln() * 64.0 + 0.5)
}

fn squashes() -> Vec<i16> {
    floors(1 << 12, 0, |place| 32768.0 / (1.0 + ((2048.0 - place) / 64.0).exp()))
}

/// How many histories have so many zeros and ones: two where the last bit is known.
fn histories_of(zeros: usize, ones: usize) -> u8 {
    let (more, fewer) = (zeros.max(ones), zeros.min(ones));
    if COUNT_MAX.get(fewer).is_none_or(|&most| more > most) {
        return 0;
    }
    1 + u8::from(fewer > 0 && zeros + ones <= RECENT_BITS_MAX)
}

/// Counts after one more bit of the first kind: many of the other kind are forgotten, and what no
/// history has is brought to the nearest that one has, in about the same proportion.
fn after(same: usize, other: usize) -> (usize, usize) {
    let forgotten = match other {
        0..=5 => other,
        6 => 5,
        7 => 6,
        _ => 7,
    };
    let (mut same, mut other) = (same + 1, forgotten);
    while histories_of(same, other) == 0 {
        // The one that had no more than the other before is scaled with it.
        let (more, fewer) =
            if same > other { (&mut same, &mut other) } else { (&mut other, &mut same) };
        if *fewer < 2 {
            *more -= 1;
        } else {
            *more = (*more * (*fewer - 1) + *fewer / 2) / *fewer;
            *fewer -= 1;
        }
    }
    (same, other)
}

/// Numbers of histories, in the order of their bits, then of their ones.
struct Histories {
    /// Zeros and ones of each, and the last bit where it has a number for each.
    counts: Vec<(usize, usize)>,
    /// For zeros and ones, the number for a last bit of zero and of one.
    numbers: Vec<[u8; 2]>,
}

impl Histories {
    fn new() -> Self {
        let mut all = Self { counts: Vec::new(), numbers: vec![[0; 2]; BITS_MAX * BITS_MAX] };
        for bits in 0..BITS_MAX {
            for ones in 0..=bits {
                let zeros = bits - ones;
                let count = histories_of(zeros, ones);
                let first = u8::try_from(all.counts.len()).unwrap_or(u8::MAX);
                if let Some(slot) = all.numbers.get_mut(zeros * BITS_MAX + ones)
                    && count > 0
                {
                    *slot = [first, first.saturating_add(count - 1)];
                }
                for _ in 0..count {
                    all.counts.push((zeros, ones));
                }
            }
        }
        all
    }

    fn number(&self, (zeros, ones): (usize, usize), bit: usize) -> u8 {
        let pair = self.numbers.get(zeros * BITS_MAX + ones).copied().unwrap_or([0; 2]);
        pair.get(bit).copied().unwrap_or(0)
    }

    fn next(&self) -> Vec<[u8; 2]> {
        let next = |&(zeros, ones): &(usize, usize)| {
            let zero = after(zeros, ones);
            let (more_ones, fewer_zeros) = after(ones, zeros);
            [self.number(zero, 0), self.number((fewer_zeros, more_ones), 1)]
        };
        let mut table: Vec<_> = self.counts.iter().map(next).collect();
        table.resize(256, [0; 2]);
        table
    }

    fn chances(&self) -> Vec<u32> {
        let chance = |&(zeros, ones): &(usize, usize)| {
            u32::try_from(((ones * 2 + 1) << 22) / (zeros + ones + 1)).unwrap_or(0)
        };
        let mut chances: Vec<_> = self.counts.iter().map(chance).collect();
        chances.resize(256, 1 << 22);
        chances
    }
}

#[cfg(test)]
mod tests {
    use super::{Histories, TABLES};

    #[test]
    fn logistic_functions_have_the_sums_of_the_specification() {
        let sum = |value: i32, sum: u32| sum.wrapping_mul(3).wrapping_add(value.cast_unsigned());
        let stretch = (0..32768).rev().fold(0, |so_far, x| sum(TABLES.stretch(x), so_far));
        let squash = (-2048..2048).rev().fold(0, |so_far, x| sum(TABLES.squash(x), so_far));
        assert_eq!((stretch, squash), (3_887_533_746, 2_278_286_169));
    }

    #[test]
    fn histories_are_255() {
        let all = Histories::new();
        assert_eq!(all.counts.len(), 255);
        // The longest run of zeros with a one among them, and of ones with a zero.
        assert_eq!(all.counts[253..], [(48, 1), (1, 48)]);
        assert_eq!(TABLES.next(0, false), 1);
        assert_eq!(TABLES.next(0, true), 2);
    }
}
