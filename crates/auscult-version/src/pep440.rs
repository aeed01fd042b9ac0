//! Python versions (PEP 440): `[N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local]`.

use crate::key::{Digits, runs};

/// Epoch, release, pre-release, post-release, development release, local label.
pub(crate) type Key = (Digits, Vec<Digits>, Stage, Option<Digits>, Stage, Vec<Label>);

/// A stage with its number; the order is `Earliest`, the tags, then `Latest`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Earliest,
    Tag(u8, Digits),
    Latest,
}

/// A segment of the local label; numbers come after words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    Word(String),
    Number(Digits),
}

/// The key of a Python version; `None` where the text does not follow the grammar.
pub(crate) fn parse(text: &str) -> Option<Key> {
    let text = text.to_ascii_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    let (text, local) = text.split_once('+').unwrap_or((text, ""));
    let (epoch, text) = text.split_once('!').unwrap_or(("0", text));
    if epoch.is_empty() || !epoch.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (release, tail) = text.split_at_checked(end)?;
    let release = release_numbers(release.trim_end_matches('.'))?;
    let (pre, post, dev) = tags(tail)?;
    // A development release of nothing else comes before the pre-releases.
    let stage = match (pre, &post, &dev) {
        (Some((rank, number)), _, _) => Stage::Tag(rank, number),
        (None, None, Some(_)) => Stage::Earliest,
        (None, _, _) => Stage::Latest,
    };
    let dev = dev.map_or(Stage::Latest, |number| Stage::Tag(0, number));
    Some((Digits::new(epoch), release, stage, post, dev, labels(local)))
}

fn release_numbers(text: &str) -> Option<Vec<Digits>> {
    let mut numbers = Vec::new();
    for number in text.split('.') {
        if number.is_empty() {
            return None;
        }
        numbers.push(Digits::new(number));
    }
    while numbers.last().is_some_and(Digits::is_zero) {
        numbers.pop();
    }
    Some(numbers)
}

type Tags = (Option<(u8, Digits)>, Option<Digits>, Option<Digits>);

fn tags(tail: &str) -> Option<Tags> {
    let (mut pre, mut post, mut dev) = (None, None, None);
    let is_number = |run: &&str| run.bytes().all(|byte| byte.is_ascii_digit());
    let pieces = runs(tail);
    let mut pieces = pieces.into_iter().peekable();
    while let Some(piece) = pieces.next() {
        if matches!(piece, "." | "_") {
            continue;
        }
        // "1.0-1" is an implicit post-release.
        let word =
            if piece == "-" && pieces.peek().is_some_and(is_number) { "post" } else { piece };
        if word == "-" {
            continue;
        }
        let number = Digits::new(pieces.next_if(is_number).unwrap_or("0"));
        match word {
            "a" | "alpha" => pre = Some((0, number)),
            "b" | "beta" => pre = Some((1, number)),
            "c" | "rc" | "pre" | "preview" => pre = Some((2, number)),
            "post" | "rev" | "r" => post = Some(number),
            "dev" => dev = Some(number),
            _ => return None,
        }
    }
    Some((pre, post, dev))
}

fn labels(local: &str) -> Vec<Label> {
    let label = |text: &str| {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            Label::Number(Digits::new(text))
        } else {
            Label::Word(text.to_owned())
        }
    };
    local.split(['.', '-', '_']).filter(|text| !text.is_empty()).map(label).collect()
}
