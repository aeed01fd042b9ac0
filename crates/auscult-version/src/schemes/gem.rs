//! RubyGems (ruby/rubygems, `Gem::Version`): numbers and words; a word makes a pre-release, and a
//! dash stands for `.pre.`: `1.0.a < 1.0.b1 < 1.0 < 1.0.1`.
//!
//! A missing place is 0. The name of a platform behind the version (`1.2.0-x86_64-linux`), as the
//! file names of gems have it, is no part of the version.

use crate::key::{END, Key, NUMBER, is_number, runs, without_v};

/// Words come before zeros that a word follows, those before the end, and the end before zeros
/// that a number follows: all missing places are 0, and a word is less than a number.
const WORD: u8 = END - 2;
const ZEROS_BEFORE_WORD: u8 = END - 1;
const ZEROS_BEFORE_NUMBER: u8 = END + 1;

/// First words of platform names (`Gem::Platform`).
const PLATFORMS: [&str; 12] = [
    "x86",
    "x64",
    "x86_64",
    "i386",
    "i686",
    "arm",
    "arm64",
    "aarch64",
    "java",
    "jruby",
    "universal",
    "mswin",
];

/// The key of a gem version; `None` where a character is neither letter, digit, dot nor dash.
pub(crate) fn key(text: &str) -> Option<Key> {
    let text = without_platform(without_v(text));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    if !text.bytes().all(allowed) {
        return None;
    }
    let text = text.replace('-', ".pre.");
    let segments: Vec<&str> = runs(&text).into_iter().filter(|run| *run != ".").collect();
    let numbers = segments.iter().take_while(|segment| is_number(segment)).count();
    let (numbers, words) = segments.split_at_checked(numbers)?;
    let mut key = Key::new();
    let words = without_zeros(words);
    push(&mut key, without_zeros(numbers), words.is_empty());
    if !words.is_empty() {
        push(&mut key, words, true);
    }
    Some(key)
}

fn is_zero(segment: &str) -> bool {
    segment.bytes().all(|byte| byte == b'0')
}

fn without_zeros<'a, 'b>(segments: &'a [&'b str]) -> &'a [&'b str] {
    let kept = segments.iter().rposition(|segment| !is_zero(segment));
    segments.get(..kept.map_or(0, |last| last.saturating_add(1))).unwrap_or_default()
}

/// Adds segments, runs of zeros by their length, and the end if nothing follows.
fn push(key: &mut Key, segments: &[&str], end: bool) {
    let mut zeros: u64 = 0;
    for segment in segments {
        let number = is_number(segment);
        if number && is_zero(segment) {
            zeros = zeros.saturating_add(1);
            continue;
        }
        if zeros > 0 {
            // The longer a run is, the longer it is like the end.
            if number {
                key.count(ZEROS_BEFORE_NUMBER, u64::MAX.saturating_sub(zeros));
            } else {
                key.count(ZEROS_BEFORE_WORD, zeros);
            }
            zeros = 0;
        }
        if number {
            key.number(NUMBER, segment);
        } else {
            key.text(WORD, segment);
        }
    }
    if end {
        key.mark(END);
    }
}

/// Cuts off the name of a platform.
fn without_platform(text: &str) -> &str {
    for (at, _) in text.match_indices('-') {
        let (version, rest) = text.split_at_checked(at).unwrap_or((text, ""));
        let word = rest.get(1..).and_then(|rest| rest.split('-').next()).unwrap_or_default();
        let family = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == 'v');
        if PLATFORMS.contains(&word) || matches!(family, "armv" | "arm" | "mswin") {
            return version;
        }
    }
    text
}
