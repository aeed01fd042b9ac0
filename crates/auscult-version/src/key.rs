//! Sort keys made of parts, where the end of the shorter key has a rank of its own.
//!
//! Every scheme here that mixes numbers with tags comes down to this: a release candidate is less
//! than nothing more, and anything else is more.

use std::cmp::Ordering;

/// One part of a version. The order of the variants is the order of the ranks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// A tag that comes before the release, with its rank.
    Before(u8),
    /// The end of the version; never stored, only compared with.
    End,
    /// The build or package revision.
    Revision(Digits),
    /// The number of a tag.
    TagNumber(Digits),
    /// A tag that comes after the release, with its rank.
    After(u8),
    /// A letter that counts up.
    Letter(String),
    /// A number between dots.
    Number(Digits),
    /// Text without a known meaning; comparable with itself only.
    Opaque(String),
}

/// A decimal number of any length: its digits without leading zeros, shorter ones first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digits {
    length: usize,
    text: String,
}

impl Digits {
    pub(crate) fn new(text: &str) -> Self {
        let text = text.trim_start_matches('0');
        Self { length: text.len(), text: text.to_owned() }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.length == 0
    }
}

/// Orders two keys; `None` as soon as a text without meaning would have to decide.
pub(crate) fn order(left: &[Part], right: &[Part]) -> Option<Ordering> {
    for index in 0..left.len().max(right.len()) {
        let (left, right) =
            (left.get(index).unwrap_or(&Part::End), right.get(index).unwrap_or(&Part::End));
        if left == right {
            continue;
        }
        if matches!(left, Part::Opaque(_)) || matches!(right, Part::Opaque(_)) {
            return None;
        }
        return Some(left.cmp(right));
    }
    Some(Ordering::Equal)
}

/// Cuts a text into runs of digits, runs of letters, and single other characters.
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

/// Drops the zeros that end a run of numbers: 1.0, 1.0.0 and 1 are one release.
pub(crate) fn drop_trailing_zeros(parts: Vec<Part>) -> Vec<Part> {
    let mut kept: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        if !matches!(part, Part::Number(_)) {
            pop_zeros(&mut kept);
        }
        kept.push(part);
    }
    pop_zeros(&mut kept);
    kept
}

/// The first number stays, so that "0" is a version.
fn pop_zeros(parts: &mut Vec<Part>) {
    while parts.len() > 1 && matches!(parts.last(), Some(Part::Number(digits)) if digits.is_zero())
    {
        parts.pop();
    }
}
