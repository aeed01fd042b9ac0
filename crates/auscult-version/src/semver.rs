//! Semantic Versioning 2.0.0, clause 11 (precedence).
//!
//! Lenient where feeds are: a leading `v`, missing numbers (`1.2`) and a fourth number are taken.

use std::cmp::Ordering;

use crate::key::Digits;

/// A parsed version: numbers without trailing zeros and the pre-release identifiers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    numbers: Vec<Digits>,
    identifiers: Vec<Identifier>,
}

/// A pre-release identifier; numeric ones come first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(Digits),
    Text(String),
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        // A version without identifiers is the release itself and comes last.
        self.numbers
            .cmp(&other.numbers)
            .then_with(|| self.identifiers.is_empty().cmp(&other.identifiers.is_empty()))
            .then_with(|| self.identifiers.cmp(&other.identifiers))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The key of a semantic version; `None` where the core is not numbers between dots.
pub(crate) fn parse(text: &str) -> Option<Key> {
    let text = text.strip_prefix(['v', 'V', '=']).unwrap_or(text);
    let text = text.split_once('+').map_or(text, |(kept, _build)| kept);
    let (core, tail) = match text.split_once('-') {
        Some((core, tail)) => (core, Some(tail)),
        None => (text, None),
    };
    let mut numbers = Vec::new();
    for number in core.split('.') {
        if !is_number(number) {
            return None;
        }
        numbers.push(Digits::new(number));
    }
    while numbers.last().is_some_and(Digits::is_zero) {
        numbers.pop();
    }
    let identifier = |text: &str| {
        if is_number(text) {
            Identifier::Number(Digits::new(text))
        } else {
            Identifier::Text(text.to_owned())
        }
    };
    let identifiers =
        tail.map(|tail| tail.split('.').map(identifier).collect()).unwrap_or_default();
    Some(Key { numbers, identifiers })
}
