//! Maven versions (maven.apache.org/pom.html, "Version Order Specification").
//!
//! A version is cut at dots, at dashes and between digits and letters. Zeros and words that mean
//! the release are dropped from the end of every piece between dashes. Then, place by place:
//! `alpha < beta < milestone < rc < snapshot < nothing < sp < .word < -word < -number < .number`.
//!
//! Maven fills the shorter version with zeros, which makes its relation run in a circle where
//! zeros stand before a word (`1.0.beta < 1 < 1-x < 1.0.beta`). Here such a version comes before
//! the release, as everybody means it, and behind `1-beta`, so that the order is one.

use crate::key::{END, Key, is_number};

/// Words before the release, in their order, with all their names.
const BEFORE: [&[&str]; 5] = [&["alpha"], &["beta"], &["milestone"], &["rc", "cr"], &["snapshot"]];
/// Words that mean the release itself.
const RELEASE: [&str; 4] = ["", "final", "ga", "release"];

/// Zeros that a word before the release follows, by their number: `1.0.0.beta`.
const ZEROS_BEFORE: u8 = END - 1;
const SERVICE_PACK: u8 = END + 1;
const DOT_WORD: u8 = END + 2;
const DASH_WORD: u8 = END + 3;
const DASH_NUMBER: u8 = END + 4;
const DOT_NUMBER: u8 = END + 5;

/// One piece of a version: what stands before it, and its text.
struct Token<'a> {
    /// A dash, or a place between digits and letters, which counts as one.
    dash: bool,
    text: &'a str,
}

impl Token<'_> {
    fn is_number(&self) -> bool {
        is_number(self.text)
    }

    fn is_zero(&self) -> bool {
        self.is_number() && self.text.bytes().all(|byte| byte == b'0')
    }

    /// The rank of a word that comes before the release.
    fn before(&self) -> Option<u8> {
        let found = BEFORE.iter().zip(1_u8..).find(|(names, _)| names.contains(&self.text));
        found.map(|(_, rank)| rank)
    }

    /// Zero, or a word that means the release.
    fn is_null(&self) -> bool {
        self.is_zero() || RELEASE.contains(&self.text)
    }
}

/// The key of a Maven version; `None` where the text is empty or not ASCII.
pub(crate) fn key(text: &str) -> Option<Key> {
    if text.is_empty() || !text.is_ascii() {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let mut key = Key::new();
    let tokens = trimmed(tokens(&text));
    let mut rest = tokens.as_slice();
    while let [token, after @ ..] = rest {
        let zeros = rest.iter().take_while(|token| !token.dash && token.is_zero()).count();
        let word = rest.get(zeros).and_then(Token::before);
        if zeros > 0 && word.is_some() {
            key.count(ZEROS_BEFORE, u64::try_from(zeros).unwrap_or(u64::MAX));
            rest = rest.get(zeros..).unwrap_or_default();
            continue;
        }
        push(&mut key, token);
        rest = after;
    }
    key.mark(END);
    Some(key)
}

fn push(key: &mut Key, token: &Token<'_>) {
    if token.is_number() {
        key.number(if token.dash { DASH_NUMBER } else { DOT_NUMBER }, token.text);
    } else if let Some(rank) = token.before() {
        key.mark(rank);
    } else if RELEASE.contains(&token.text) {
        key.mark(END);
    } else if token.text == "sp" {
        key.mark(SERVICE_PACK);
    } else {
        key.text(if token.dash { DASH_WORD } else { DOT_WORD }, token.text);
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (dash, piece) in pieces(text) {
        let mut dash = dash;
        let runs = words(piece);
        for (index, run) in runs.iter().enumerate() {
            // a, b and m right before a number are the first letters of their words.
            let before_number = runs.get(index.saturating_add(1)).is_some();
            let text = match *run {
                "a" if before_number => "alpha",
                "b" if before_number => "beta",
                "m" if before_number => "milestone",
                run => run,
            };
            tokens.push(Token { dash, text });
            dash = true;
        }
        if runs.is_empty() {
            tokens.push(Token { dash, text: "" });
        }
    }
    tokens
}

/// The pieces between dots and dashes, and whether a dash stands before each.
fn pieces(text: &str) -> Vec<(bool, &str)> {
    let mut pieces = Vec::new();
    let (mut dash, mut rest) = (false, text);
    while let Some(end) = rest.find(['.', '-']) {
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        pieces.push((dash, piece));
        dash = after.starts_with('-');
        rest = after.get(1..).unwrap_or_default();
    }
    pieces.push((dash, rest));
    pieces
}

/// Runs of digits and runs of anything else.
fn words(piece: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = piece;
    while !rest.is_empty() {
        let digit = rest.starts_with(|c: char| c.is_ascii_digit());
        let end = rest.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        words.push(word);
        rest = after;
    }
    words
}

/// Drops zeros and words for the release from the end and before every dash.
fn trimmed(tokens: Vec<Token<'_>>) -> Vec<Token<'_>> {
    let mut kept: Vec<Token<'_>> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if token.dash {
            drop_null(&mut kept);
        }
        kept.push(token);
    }
    drop_null(&mut kept);
    kept
}

fn drop_null(tokens: &mut Vec<Token<'_>>) {
    while tokens.last().is_some_and(Token::is_null) {
        tokens.pop();
    }
}
