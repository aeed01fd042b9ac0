//! Sort keys: what of a version decides its order, as a sequence of parts.
//!
//! Every scheme reduces a version to a [`Key`], and keys are compared part by part: a rank first,
//! then a number or a text. The end of a list is a part of its own ([`END`]), so that a scheme can
//! put some parts before it (a release candidate comes before nothing more) and some after it.
//! An order made so is total, whatever the text.

use std::cmp::Ordering;

/// Rank of the end of a list of parts. Lower ranks come before a version that has nothing more
/// here, higher ones after it.
pub(crate) const END: u8 = 100;
/// Rank of a plain number, where a scheme needs no finer one.
pub(crate) const NUMBER: u8 = 110;
/// Rank of plain text that comes after numbers.
pub(crate) const TEXT: u8 = 120;
/// Rank of text without a known meaning: it may be equal, but never decides ([`Key::order`]).
pub(crate) const OPAQUE: u8 = u8::MAX;

/// What of a version decides its order in its scheme.
///
/// Two versions are equal in [`compare`](crate::compare) exactly if their keys are, with the
/// exception that [`Scheme::Alpm`](crate::Scheme::Alpm) tells. The order of keys is total, for
/// sorting and for maps; where a name without a meaning decides it, `compare` says `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<Part>);

/// A rank and what is compared within it. A large number or a text takes several parts of one
/// rank, the last of which can be told from the others, so that no text is the start of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Part {
    rank: u8,
    value: u64,
}

/// Decimal digits that fit into a part for certain.
const DIGITS: usize = 18;
/// What stands before the parts of a number that has more digits: more than any other number.
const LARGE: u64 = u64::MAX;
/// Bytes of a text in one part; the eighth byte tells how many there are.
const BYTES: usize = 7;

impl Key {
    /// An empty key with room for an ordinary version.
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(12))
    }

    /// Adds a part that is nothing but its rank.
    pub(crate) fn mark(&mut self, rank: u8) {
        self.count(rank, 0);
    }

    /// Adds a number that was counted or computed.
    pub(crate) fn count(&mut self, rank: u8, value: u64) {
        self.0.push(Part { rank, value });
    }

    /// Adds a decimal number of any length; leading zeros do not count. No digits are 0.
    pub(crate) fn number(&mut self, rank: u8, digits: &str) {
        let digits = digits.trim_start_matches('0').as_bytes();
        let value = |digits: &[u8]| {
            digits.iter().fold(0_u64, |value, digit| {
                let digit = u64::from(digit.saturating_sub(b'0'));
                value.saturating_mul(10).saturating_add(digit)
            })
        };
        if digits.len() <= DIGITS {
            self.count(rank, value(digits));
            return;
        }
        // More digits are more; with as many the first ones decide.
        self.count(rank, LARGE);
        self.count(rank, u64::try_from(digits.len()).unwrap_or(LARGE));
        for digits in digits.chunks(DIGITS) {
            // Never 0, which would look like a number that may be dropped.
            self.count(rank, value(digits).saturating_add(1));
        }
    }

    /// Adds a text, ordered byte by byte.
    pub(crate) fn text(&mut self, rank: u8, text: &str) {
        let mut rest = text.as_bytes();
        loop {
            let (taken, after) = rest.split_at_checked(BYTES).unwrap_or((rest, &[]));
            let mut bytes = [0; 8];
            for (slot, byte) in bytes.iter_mut().zip(taken) {
                *slot = *byte;
            }
            bytes[BYTES] = u8::try_from(taken.len()).unwrap_or_default();
            self.count(rank, u64::from_be_bytes(bytes));
            // A full part is followed by another one, which may be empty.
            if taken.len() < BYTES {
                return;
            }
            rest = after;
        }
    }

    /// Adds the numbers of a release, without the zeros at its end, and the end of the list: 1,
    /// 1.0 and 1.0.0 are one release. `None` where one of them is no number.
    pub(crate) fn release(&mut self, text: &str) -> Option<()> {
        self.numbers(text.split('.'), true)
    }

    /// Adds numbers and the end of their list; `None` where one of them is no number.
    pub(crate) fn numbers<'a>(
        &mut self,
        numbers: impl Iterator<Item = &'a str>,
        drop_zeros: bool,
    ) -> Option<()> {
        let start = self.0.len();
        for number in numbers {
            if !is_number(number) {
                return None;
            }
            self.number(NUMBER, number);
        }
        if drop_zeros {
            self.drop_zeros(start);
        }
        self.mark(END);
        Some(())
    }

    /// Drops the plain numbers that are zero from the end, down to a length.
    pub(crate) fn drop_zeros(&mut self, start: usize) {
        let zero = Part { rank: NUMBER, value: 0 };
        while self.0.len() > start && self.0.last() == Some(&zero) {
            self.0.pop();
        }
    }

    /// The number of parts.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Orders two keys; `None` if a text without meaning would have to decide.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        let mut pairs = self.0.iter().zip(&other.0);
        match pairs.find(|(left, right)| left != right) {
            Some((left, right)) if left.rank == OPAQUE || right.rank == OPAQUE => None,
            Some((left, right)) => Some(left.cmp(right)),
            None => Some(self.0.len().cmp(&other.0.len())),
        }
    }
}

/// Tells whether a text is one or more decimal digits.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits what satisfies a condition off the start of a text.
pub(crate) fn take(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !wanted(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Splits decimal digits off the start of a text.
pub(crate) fn take_digits(text: &str) -> (&str, &str) {
    take(text, |c| c.is_ascii_digit())
}

/// Drops the `v` that many projects put before their versions.
pub(crate) fn without_v(text: &str) -> &str {
    text.strip_prefix(['v', 'V']).unwrap_or(text)
}

/// Cuts a text into runs of digits, runs of letters, and single other characters; what is not
/// ASCII is left out.
pub(crate) fn runs(text: &str) -> Vec<&str> {
    let class = |byte: u8| {
        if byte.is_ascii_digit() {
            0
        } else if byte.is_ascii_alphabetic() {
            1
        } else {
            2
        }
    };
    let bytes = text.as_bytes();
    bytes
        .chunk_by(|left, right| class(*left) == class(*right) && class(*left) != 2)
        .filter_map(|run| std::str::from_utf8(run).ok())
        .collect()
}
