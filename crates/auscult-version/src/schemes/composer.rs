//! PHP packages (php.net, `version_compare`; getcomposer.org): pieces between dots, dashes and
//! changes from digits to letters.
//!
//! `any other word < dev < alpha < beta < rc < nothing < number < pl`.

use crate::key::{END, Key, NUMBER, runs, without_v};

const OTHER: u8 = 0;
const PATCH: u8 = NUMBER + 1;
/// Words by how they begin, the longer names first.
const WORDS: [(&str, u8); 8] = [
    ("dev", 1),
    ("alpha", 2),
    ("a", 2),
    ("beta", 3),
    ("b", 3),
    ("rc", 4),
    ("pl", PATCH),
    ("p", PATCH),
];

/// Composer drops this word before it compares.
const STABLE: &str = "stable";

/// The key of a PHP version; `None` where it has neither digit nor letter.
pub(crate) fn key(text: &str) -> Option<Key> {
    let text = text.to_ascii_lowercase();
    let mut key = Key::new();
    for run in runs(without_v(&text)) {
        let first = run.bytes().next()?;
        if first.is_ascii_digit() {
            key.number(NUMBER, run);
        } else if first.is_ascii_alphabetic() && run != STABLE {
            match WORDS.iter().find(|(word, _)| run.starts_with(word)) {
                Some((_, rank)) => key.mark(*rank),
                None => key.text(OTHER, run),
            }
        }
    }
    if key.len() == 0 {
        return None;
    }
    key.mark(END);
    Some(key)
}
