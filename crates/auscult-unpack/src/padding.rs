//! Finds padding, which is runs of only 00 or only FF, at the speed of memory: flash images and
//! disk images are mostly that.

/// Runs shorter than this inside a raw region stay part of it.
const RUN_BYTES: usize = 1024;
/// Bytes compared at once. Every run of [`RUN_BYTES`] covers a whole block of half that size.
const BLOCK_BYTES: usize = RUN_BYTES / 2;

static ZEROS: [u8; 4096] = [0; 4096];
static ONES: [u8; 4096] = [0xff; 4096];

/// Cuts bytes into alternating runs of padding and of anything else: `(offset, bytes, padding)`.
/// A run of padding counts from [`RUN_BYTES`] on, or where it is all there is.
pub(crate) fn runs(bytes: &[u8]) -> Vec<(usize, &[u8], bool)> {
    let mut runs = Vec::new();
    let (mut start, mut position) = (0, 0);
    while let Some(rest) = bytes.get(position..).filter(|rest| !rest.is_empty()) {
        let block = rest.get(..BLOCK_BYTES).unwrap_or(rest);
        if uniform_prefix(block) < block.len() {
            position += BLOCK_BYTES;
            continue;
        }
        let before = bytes.get(start..position).unwrap_or_default();
        let begin = position - uniform_suffix(before, block.first().copied());
        let end = position + uniform_prefix(rest);
        let all = begin == 0 && end == bytes.len();
        if end - begin >= RUN_BYTES || all {
            if begin > start {
                runs.push((start, bytes.get(start..begin).unwrap_or_default(), false));
            }
            runs.push((begin, bytes.get(begin..end).unwrap_or_default(), true));
            start = end;
        }
        position = end;
    }
    if start < bytes.len() {
        runs.push((start, bytes.get(start..).unwrap_or_default(), false));
    }
    runs
}

/// The parts of these bytes, with their offsets, outside of which no pattern of at most `margin`
/// bytes can match unless it is all 00 or all FF.
pub(crate) fn busy_parts(bytes: &[u8], margin: usize) -> Vec<(usize, &[u8])> {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for (index, block) in bytes.chunks(ZEROS.len()).enumerate() {
        if uniform_prefix(block) == block.len() {
            continue;
        }
        let start = index * ZEROS.len();
        let (from, to) = (start.saturating_sub(margin), start + block.len() + margin);
        match parts.last_mut() {
            Some((_, end)) if *end >= from => *end = to,
            _ => parts.push((from, to)),
        }
    }
    let cut = |(from, to): (usize, usize)| Some((from, bytes.get(from..to.min(bytes.len()))?));
    parts.into_iter().filter_map(cut).collect()
}

/// Length of the run of 00 or of FF at the start.
fn uniform_prefix(bytes: &[u8]) -> usize {
    let (value, pattern) = match bytes.first() {
        Some(0) => (0, &ZEROS),
        Some(0xff) => (0xff, &ONES),
        _ => return 0,
    };
    let mut length = 0;
    for block in bytes.chunks(pattern.len()) {
        if pattern.get(..block.len()) == Some(block) {
            length += block.len();
        } else {
            return length + block.iter().take_while(|&&byte| byte == value).count();
        }
    }
    length
}

/// Length of the run of this value at the end.
fn uniform_suffix(bytes: &[u8], value: Option<u8>) -> usize {
    bytes.iter().rev().take_while(|&&byte| Some(byte) == value).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{RUN_BYTES, busy_parts, runs};
    use crate::formats::REGISTRY;

    #[test]
    fn no_magic_is_padding() {
        for magic in REGISTRY.iter().flat_map(|format| format.magics) {
            let uniform = |value| magic.bytes.iter().all(|&byte| byte == value);
            assert!(!uniform(0) && !uniform(0xff), "{magic:?} is skipped with the padding");
        }
    }

    /// Cuts byte by byte, as the definition says.
    fn reference(bytes: &[u8]) -> Vec<(usize, usize, bool)> {
        let (mut cut, mut start, mut at) = (Vec::new(), 0, 0);
        while at < bytes.len() {
            let value = bytes[at];
            let length = bytes[at..].iter().take_while(|&&byte| byte == value).count();
            let padding = matches!(value, 0 | 0xff);
            if padding && (length >= RUN_BYTES || length == bytes.len()) {
                if at > start {
                    cut.push((start, at - start, false));
                }
                cut.push((at, length, true));
                start = at + length;
            }
            at += length;
        }
        if start < bytes.len() {
            cut.push((start, bytes.len() - start, false));
        }
        cut
    }

    proptest! {
        #[test]
        fn runs_are_those_of_the_definition(
            pieces in prop::collection::vec((prop::sample::select(vec![0, 0xff, 7]), 0..3000_usize), 0..8)
        ) {
            let bytes: Vec<u8> =
                pieces.iter().flat_map(|&(value, length)| vec![value; length]).collect();
            let found: Vec<_> = runs(&bytes)
                .into_iter()
                .map(|(offset, run, padding)| (offset, run.len(), padding))
                .collect();
            prop_assert_eq!(found, reference(&bytes));
        }

        #[test]
        fn nothing_but_padding_is_left_out_of_the_search(
            pieces in prop::collection::vec((prop::sample::select(vec![0, 0xff, 7]), 0..9000_usize), 0..8)
        ) {
            let bytes: Vec<u8> =
                pieces.iter().flat_map(|&(value, length)| vec![value; length]).collect();
            let mut seen = vec![false; bytes.len()];
            for (offset, part) in busy_parts(&bytes, 9) {
                seen[offset..offset + part.len()].fill(true);
            }
            for (at, &byte) in bytes.iter().enumerate() {
                prop_assert!(seen[at] || byte == 0 || byte == 0xff);
                // A pattern of nine bytes around the edge of padding is inside a part.
                if byte == 7 {
                    let near = at.saturating_sub(8)..(at + 9).min(bytes.len());
                    prop_assert!(seen[near].iter().all(|&seen| seen));
                }
            }
        }
    }
}
