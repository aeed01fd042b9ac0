//! Lines, words and patterns of configuration files.

use std::borrow::Cow;

/// A line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<'text> {
    /// Offset of its first byte.
    pub(super) offset: usize,
    /// The line without its end; bytes that are no UTF-8 are replaced.
    pub(super) text: Cow<'text, str>,
}

/// What stands behind the last slash.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The lines of a text. A backslash at the end of a line joins the next one to it.
pub(super) fn joined(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut offset = 0_usize;
    let mut rest = bytes.split_inclusive(|&byte| byte == b'\n');
    std::iter::from_fn(move || {
        let mut raw = rest.next()?;
        let mut line = Line { offset, text: Cow::Borrowed("") };
        loop {
            offset = offset.saturating_add(raw.len());
            let text = raw.strip_suffix(b"\n").unwrap_or(raw);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let (text, more) = match text.strip_suffix(b"\\") {
                Some(text) => (text, rest.next()),
                None => (text, None),
            };
            let part = String::from_utf8_lossy(text);
            if line.text.is_empty() {
                line.text = part;
            } else {
                line.text.to_mut().push_str(&part);
            }
            match more {
                Some(next) => raw = next,
                None => return Some(line),
            }
        }
    })
}

/// A line without what follows a `#` at its start or after white space, trimmed.
pub(super) fn uncommented(line: &str) -> &str {
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        if character == '#' && before.is_whitespace() {
            return line.get(..at).unwrap_or_default().trim();
        }
        before = character;
    }
    line.trim()
}

/// The words of a line: parted by white space, quotes and backslashes as in a shell, nothing
/// expanded.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(character),
            (_, '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// Whether a name fits a shell pattern of `*`, `?` and `[…]`.
pub(super) fn glob(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut seen) = (0_usize, 0_usize);
    // Where to go on when the rest does not fit: behind the last star, one character further.
    let mut retry: Option<(usize, usize)> = None;
    while seen < name.len() {
        let fits = match pattern.get(at) {
            Some('*') => {
                retry = Some((at + 1, seen));
                at += 1;
                continue;
            }
            Some('?') => Some(at + 1),
            Some('[') => bracket(&pattern, at, name.get(seen).copied()),
            Some(literal) => (Some(literal) == name.get(seen)).then_some(at + 1),
            None => None,
        };
        match (fits, retry) {
            (Some(next), _) => (at, seen) = (next, seen + 1),
            (None, Some((star, from))) => {
                retry = Some((star, from + 1));
                (at, seen) = (star, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&rest| rest == '*')
}

/// The place behind a bracket at `at`, if the character is in it.
fn bracket(pattern: &[char], at: usize, character: Option<char>) -> Option<usize> {
    let character = character?;
    let inside = pattern.get(at + 1..)?;
    let length = inside.iter().skip(1).position(|&one| one == ']')? + 1;
    let set = inside.get(..length)?;
    let (negated, set) = match set.split_first() {
        Some(('!' | '^', rest)) => (true, rest),
        _ => (false, set),
    };
    let range = set
        .windows(3)
        .any(|three| matches!(three, [low, '-', high] if (*low..=*high).contains(&character)));
    ((set.contains(&character) || range) != negated).then_some(at + length + 2)
}

#[cfg(test)]
mod tests {
    use super::{glob, joined, uncommented, words};

    #[test]
    fn lines_are_joined_and_keep_their_place() {
        let lines: Vec<_> = joined(b"one\\\r\n two\r\nthree\n\\").collect();
        let seen: Vec<_> = lines.iter().map(|line| (line.offset, line.text.as_ref())).collect();
        assert_eq!(seen, [(0, "one two"), (12, "three"), (18, "")]);
        assert_eq!(joined(b"\0\xff\n").next().unwrap().text, "\0\u{fffd}");
    }

    #[test]
    fn words_are_those_of_a_shell() {
        assert_eq!(words(r#"a "b c" d'e f'g \  "" x\"y"#), ["a", "b c", "de fg", " ", "", "x\"y"]);
        assert_eq!(uncommented(" a#b # c"), "a#b");
        assert_eq!(uncommented("# c"), "");
    }

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (pattern, name, fits) in [
            ("S??*", "S50sshd", true),
            ("S??*", "S5", false),
            ("*.sh", "a.sh", true),
            ("[SK]*", "K01", true),
            ("[!S]*", "S01", false),
            ("[0-9]*", "7up", true),
            ("*a*b*c", "xaybzc", true),
            ("*a*b*c", "xaybz", false),
            ("[", "[", false),
            ("", "", true),
        ] {
            assert_eq!(glob(pattern, name), fits, "{pattern} {name}");
        }
        assert!(!glob(&"*a".repeat(2000), &"a".repeat(1999)));
    }
}
