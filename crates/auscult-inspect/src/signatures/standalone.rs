//! Versions that stand alone as a string: `"3.17.0"` somewhere in the read-only data.
//!
//! Many programs keep their version as a string of its own and print it with `%s`. Which string
//! stands next to it depends on the compiler and the architecture, so a neighbour proves nothing.
//! What counts instead: the file is known by other literals, the string has the shape that the
//! component's versions have, and no other string of the file has it, but for the versions of
//! others that are known as such (zlib's in a program that calls it).

use std::{cell::OnceCell, collections::BTreeMap};

use regex_automata::{Anchored, Input, meta::Regex, util::captures::Captures};

use crate::foreign::{Foreign, foreign};

/// The lengths of strings that may be a version, or the date and id of a check-in.
const LENGTHS: std::ops::RangeInclusive<usize> = 2..=96;

/// Bytes at the end of a table that print by chance, at most.
const TABLE_TAIL_MAX: usize = 3;

/// The short strings of a file that start like a version; collected when first asked for.
pub(super) struct Standalone<'b> {
    bytes: &'b [u8],
    strings: OnceCell<Vec<usize>>,
    /// Versions that are not the file's.
    others: OnceCell<Vec<Foreign>>,
}

impl<'b> Standalone<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, strings: OnceCell::new(), others: OnceCell::new() }
    }

    /// Offset of a string that the expression matches whole; none if several such strings have
    /// different versions (first groups) and not all but one are known to be of something else, or
    /// if the only one must be that of a library that the file calls. The captures are left at the
    /// string.
    pub(super) fn only(&self, rule: &str, regex: &Regex, captures: &mut Captures) -> Option<usize> {
        let mut found: BTreeMap<&[u8], usize> = BTreeMap::new();
        for &start in self.strings.get_or_init(|| collect(self.bytes)) {
            let length = string_at(self.bytes, start).len();
            regex.search_captures(&self.input(start, length), captures);
            if captures.get_match().is_none_or(|whole| whole.end() != start + length) {
                continue;
            }
            let version = captures.get_group(1).and_then(|group| self.bytes.get(group.range()))?;
            found.entry(version).or_insert(start);
        }
        let alone = found.len() == 1;
        found.retain(|version, _| {
            let mut others = self.others.get_or_init(|| foreign(self.bytes)).iter();
            !others.any(|other| {
                other.is(text(version)) && (!alone || self.must_be(rule, version, other))
            })
        });
        let mut starts = found.into_values();
        let start = starts.next().filter(|_| starts.next().is_none())?;
        let length = string_at(self.bytes, start).len();
        regex.search_captures(&self.input(start, length), captures);
        Some(start)
    }

    /// Whether the only version that was found must be that of a library: the file holds the
    /// library's, and no other of its strings can be it.
    fn must_be(&self, rule: &str, version: &[u8], other: &Foreign) -> bool {
        let Foreign::Library { rule: library, .. } = other else { return false };
        let mut strings = self.strings.get_or_init(|| collect(self.bytes)).iter();
        rule != *library
            && strings.all(|&start| {
                let string = string_at(self.bytes, start);
                string == version || !other.is(text(string))
            })
    }

    fn input(&self, start: usize, length: usize) -> Input<'b> {
        Input::new(self.bytes).span(start..start + length).anchored(Anchored::Yes)
    }
}

/// Where strings start that may be a version: behind a byte that does not print, with a digit or
/// a `v` in front. Tables in front of a string need not end in a zero byte.
fn collect(bytes: &[u8]) -> Vec<usize> {
    let ends = memchr::memchr2_iter(0, b'\n', bytes).chain([bytes.len()]);
    let (mut starts, mut from) = (Vec::new(), 0);
    for end in ends {
        let stretch = bytes.get(from..end).unwrap_or_default();
        let text = stretch.rsplit(|byte| !(b' '..=b'~').contains(byte)).next().unwrap_or_default();
        let is_version = |text: &[u8]| {
            let digits = text.strip_prefix(b"v").unwrap_or(text);
            LENGTHS.contains(&text.len()) && digits.first().is_some_and(u8::is_ascii_digit)
        };
        // The last bytes of a table may print by chance: the string begins behind them.
        let punctuation = text.iter().take_while(|byte| byte.is_ascii_punctuation()).count();
        let table = text.len() < stretch.len() && (1..=TABLE_TAIL_MAX).contains(&punctuation);
        let skipped = if table { punctuation } else { 0 };
        if text.get(skipped..).is_some_and(is_version) {
            starts.push(end - text.len() + skipped);
        }
        from = end + 1;
    }
    starts
}

fn text(version: &[u8]) -> &str {
    std::str::from_utf8(version).unwrap_or_default()
}

fn string_at(bytes: &[u8], start: usize) -> &[u8] {
    let rest = bytes.get(start..).unwrap_or_default();
    let end = memchr::memchr2(0, b'\n', rest).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::collect;

    #[test]
    fn strings_start_behind_tables() {
        for (bytes, expect) in [
            (&b"\x00one\x002.1.0\x00"[..], &[5][..]),
            (b"\xc0\x92\xee\xff20914\x00", &[4]),
            (b"\xc0\x92\xee\xff::20914\x00", &[6]),
            // A string of its own: nothing of a table in front.
            (b"\x00::20914\x00", &[]),
        ] {
            assert_eq!(collect(bytes), expect, "{bytes:?}");
        }
    }
}
