//! The words of sentences about versions.

/// A word, a sign or a version of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Version(String),
    /// `<`, `<=`, `>`, `>=` or `=`.
    Operator(&'static str),
    /// `|`, `,` or `;`.
    Separator,
    /// "and", "or", `&`.
    And,
    /// "all", "any", `*`.
    All,
    /// "prior", "earlier", "below" and their like.
    Prior,
    /// "later", "above" and their like.
    Later,
    /// "than", "to".
    Than,
    To,
    /// "up to"
    UpTo,
    /// "from", "since", "starting with"
    From,
    Between,
    /// `-` between blanks.
    Dash,
    Including,
    Excluding,
}

/// Words that say nothing about which versions are meant.
const NOISE: &[&str] = &[
    "version",
    "versions",
    "ver",
    "ver.",
    "vers",
    "v",
    "v.",
    "release",
    "releases",
    "rel",
    "rel.",
    "revision",
    "revisions",
    "rev",
    "rev.",
    "firmware",
    "software",
    "fw",
    "sw",
    "the",
    "is",
    "are",
    "of",
    "affected",
    "with",
    "inclusively",
    "number",
    "numbers",
    "ones",
    "product",
    "products",
    "application",
    "equal",
    "running",
    "all-versions",
    "edition:",
    "version:",
    "versions:",
];

/// Words that belong to the version before them, with what follows.
const LEVELS: &[&str] = &[
    "build", "sp", "service", "pack", "patch", "update", "hotfix", "hf", "sr", "mr", "rc", "beta",
    "alpha", "fix", "revision", "rev", "rev.", "cu", "mp", "level", "ga", "feature",
];

/// Cuts a text into tokens; `None` where a word is not known.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let spaced = space_operators(text);
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = words.as_slice();
    while let Some((word, after)) = rest.split_first() {
        let lower = word.to_lowercase();
        if let (Some(Token::Version(version)), Some(taken)) =
            (tokens.last_mut(), level(&lower, after))
        {
            // "1.1.3 Build 10" is one version.
            for part in rest.get(..taken)? {
                version.push(' ');
                version.push_str(part);
            }
            rest = rest.get(taken..)?;
            continue;
        }
        let next = after.first().map(|word| word.to_lowercase());
        let (token, taken) = match phrase(&lower, next.as_deref()) {
            Some((token, taken)) => (Some(token), taken),
            None if NOISE.contains(&lower.as_str()) => (None, 1),
            None => (Some(version(word)?), 1),
        };
        match (token, tokens.last_mut()) {
            (Some(Token::Version(second)), Some(Token::Version(first)))
                if is_suffix(first, &second) =>
            {
                first.push(' ');
                first.push_str(&second);
            }
            (Some(token), _) => tokens.push(token),
            (None, _) => {}
        }
        rest = rest.get(taken..)?;
    }
    (!tokens.is_empty()).then_some(tokens)
}

/// Puts blanks around operators and separators.
fn space_operators(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len().saturating_mul(2));
    let mut before = ' ';
    for character in text.chars() {
        let operator = |c: char| matches!(c, '<' | '>' | '=');
        match character {
            '≤' => spaced.push_str(" <= "),
            '≥' => spaced.push_str(" >= "),
            '–' | '—' => spaced.push_str(" - "),
            '|' | ',' | ';' | '&' => {
                spaced.push(' ');
                spaced.push(character);
                spaced.push(' ');
            }
            _ => {
                if operator(character) != operator(before) {
                    spaced.push(' ');
                }
                spaced.push(character);
            }
        }
        before = character;
    }
    spaced
}

/// A word or two with one meaning, and how many words it takes.
fn phrase(word: &str, next: Option<&str>) -> Option<(Token, usize)> {
    let two = |token| Some((token, 2));
    let token = match (word, next) {
        ("up", Some("to" | "through" | "until")) => return two(Token::UpTo),
        ("less" | "lower" | "smaller" | "earlier" | "older", Some("than")) => {
            return two(Token::Prior);
        }
        ("greater" | "higher" | "later" | "newer", Some("than")) => return two(Token::Later),
        ("starting" | "beginning", Some("with" | "from" | "at" | "in")) => {
            return two(Token::From);
        }
        ("not", Some("including" | "inclusive" | "included")) => return two(Token::Excluding),
        ("but", Some("excluding" | "not")) => return Some((Token::Excluding, but(next))),
        ("<", _) => Token::Operator("<"),
        ("<=" | "=<", _) => Token::Operator("<="),
        (">", _) => Token::Operator(">"),
        (">=" | "=>", _) => Token::Operator(">="),
        ("=" | "==", _) => Token::Operator("="),
        ("|" | "||" | "," | ";", _) => Token::Separator,
        ("and" | "or" | "&" | "and/or", _) => Token::And,
        ("all" | "any" | "every" | "*", _) => Token::All,
        (
            "prior" | "before" | "earlier" | "below" | "lower" | "older" | "previous" | "preceding"
            | "under",
            _,
        ) => Token::Prior,
        (
            "later" | "newer" | "above" | "higher" | "after" | "subsequent" | "onward" | "onwards"
            | "up" | "upward" | "upwards" | "greater",
            _,
        ) => Token::Later,
        ("than", _) => Token::Than,
        ("to" | "through" | "thru" | "until", _) => Token::To,
        ("from" | "since", _) => Token::From,
        ("between", _) => Token::Between,
        ("-" | "--", _) => Token::Dash,
        ("including" | "included" | "inclusive", _) => Token::Including,
        ("excluding" | "excluded" | "exclusive", _) => Token::Excluding,
        _ => return None,
    };
    Some((token, 1))
}

/// Length of "but excluding", "but not including".
fn but(next: Option<&str>) -> usize {
    if next == Some("not") { 3 } else { 2 }
}

/// How many words belong to the version before them as its level: "Build 10", "Service Pack 01",
/// "MR Build 11", "SR1".
fn level(word: &str, after: &[&str]) -> Option<usize> {
    let is_level = |word: &str| LEVELS.contains(&word);
    if !is_level(word) {
        let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
        return (name.len() < word.len() && is_level(name)).then_some(1);
    }
    for (at, next) in after.iter().enumerate().take(3) {
        let next = next.to_lowercase();
        if next.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) {
            return at.checked_add(2);
        }
        if !is_level(next.trim_end_matches(|c: char| c.is_ascii_digit())) {
            return None;
        }
    }
    None
}

/// A version: it holds a digit, or is a letter or two in capitals, as some makers count.
fn version(word: &str) -> Option<Token> {
    let word = word.trim_end_matches(['.', ':']);
    let word = unmarked(word);
    let letters = word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let known = word.chars().all(|c| c.is_alphanumeric() || "._-+~:()*/#".contains(c));
    let dated = word.matches('/').count() > 0;
    let spoken = word.bytes().any(|byte| byte.is_ascii_digit()) && known && !dated;
    // A date such as 2024-08-30 stands for a release only where a maker counts so.
    (spoken || (letters && !word.is_empty())).then(|| Token::Version(word.to_owned()))
}

/// Without the mark of a version: `v2.3`, `R2021.1`.
pub(crate) fn unmarked(word: &str) -> &str {
    let marked = word.strip_prefix(['v', 'V', 'r', 'R']).map(|rest| rest.trim_start_matches('.'));
    match marked {
        Some(rest) if rest.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) => rest,
        _ => word,
    }
}

/// `D15` after `3.0`.
fn is_suffix(first: &str, second: &str) -> bool {
    let letters = second.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = second.get(letters..).unwrap_or_default();
    first.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        && !first.contains(' ')
        && matches!(letters, 1 | 2)
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}
