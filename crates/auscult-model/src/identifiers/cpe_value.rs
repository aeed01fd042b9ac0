//! The value of a CPE attribute and how its text is quoted (NISTIR 7695 sections 5.3 and 6).

use std::{borrow::Cow, fmt, fmt::Write as _};

/// A value of an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CpeValue {
    /// No restriction.
    #[default]
    Any,
    /// The attribute has no meaning here, or there is none.
    NotApplicable,
    /// A text in the quoting of well-formed names: a backslash before all that is no letter, digit
    /// or underscore, except wildcards. `*` (any characters) and runs of `?` (at most so many) may
    /// stand at either end.
    Text(String),
}

impl CpeValue {
    /// The text without quoting, in small letters; none of a logical value. A wildcard cannot be
    /// told from its character in it: see [`CpeValue::has_wildcard`].
    pub fn plain(&self) -> Option<String> {
        let Self::Text(quoted) = self else { return None };
        let mut plain = String::with_capacity(quoted.len());
        for (character, _) in characters(quoted) {
            plain.extend(character.to_lowercase());
        }
        Some(plain)
    }

    /// Whether it is a text with a wildcard that is not quoted.
    pub fn has_wildcard(&self) -> bool {
        let Self::Text(quoted) = self else { return false };
        characters(quoted).any(|(character, literal)| !literal && matches!(character, '*' | '?'))
    }

    pub(super) fn lowered(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.to_ascii_lowercase()),
            logical => logical,
        }
    }
}

impl fmt::Display for CpeValue {
    /// As in a well-formed name: `ANY`, `NA`, or the quoted text in quotation marks.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("ANY"),
            Self::NotApplicable => formatter.write_str("NA"),
            Self::Text(quoted) => write!(formatter, "\"{quoted}\""),
        }
    }
}

/// The characters of a quoted text, and whether a backslash stands before each.
pub(super) fn characters(quoted: &str) -> impl Iterator<Item = (char, bool)> {
    let mut rest = quoted.chars();
    std::iter::from_fn(move || match rest.next()? {
        '\\' => rest.next().map(|character| (character, true)),
        character => Some((character, false)),
    })
}

/// Letters, digits and underscores are not quoted.
fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Neither blanks nor control characters, which no form can hold.
fn is_allowed(character: char) -> bool {
    !character.is_whitespace() && !character.is_control()
}

fn push_quoted(character: char, quoted: &mut String) {
    if !is_plain(character) {
        quoted.push('\\');
    }
    quoted.push(character);
}

/// Whether a text is quoted as section 5.3.2 asks, its wildcards at the ends only.
pub(super) fn is_well_formed(quoted: &str) -> bool {
    let mut backslash = false;
    for character in quoted.chars() {
        let fits = if backslash {
            !is_plain(character) && is_allowed(character)
        } else {
            is_plain(character) || matches!(character, '\\' | '*' | '?')
        };
        if !fits {
            return false;
        }
        backslash = character == '\\' && !backslash;
    }
    !backslash && !quoted.is_empty() && wildcards_at_ends(quoted)
}

fn wildcards_at_ends(quoted: &str) -> bool {
    if !quoted.bytes().any(|byte| matches!(byte, b'*' | b'?')) {
        return true;
    }
    let wild: Vec<Option<char>> = characters(quoted)
        .map(|(character, literal)| {
            (!literal && matches!(character, '*' | '?')).then_some(character)
        })
        .collect();
    let Some(first) = wild.iter().position(Option::is_none) else {
        // Question marks alone are a text of at most so many characters.
        return wild.iter().all(|character| *character == Some('?'));
    };
    let last = wild.iter().rposition(Option::is_none).unwrap_or(first);
    let run = |run: Option<&[Option<char>]>| {
        let run = run.unwrap_or_default();
        run == [Some('*')] || run.iter().all(|character| *character == Some('?'))
    };
    run(wild.get(..first))
        && run(wild.get(last + 1..))
        && wild.get(first..last).is_some_and(|body| body.iter().all(Option::is_none))
}

/// Quotes a text of a formatted string (section 6.2.3.2): what is escaped stays so, wildcards stay
/// wild, other special characters are escaped. A backslash before a letter says nothing.
pub(super) fn quote(text: &str, tolerant: bool) -> Option<String> {
    let backslashes = text.bytes().rev().take_while(|byte| *byte == b'\\').count();
    if backslashes % 2 == 1 && !tolerant {
        return None;
    }
    let mut quoted = String::with_capacity(text.len() + 4);
    for (character, literal) in characters(text) {
        if !literal && matches!(character, '*' | '?') {
            quoted.push(character);
        } else {
            push_quoted(character, &mut quoted);
        }
    }
    (!quoted.is_empty()).then(|| tamed(quoted, tolerant))
}

/// Where a wildcard stands in the middle, all of them are characters, if that is forgiven.
fn tamed(quoted: String, tolerant: bool) -> String {
    if !tolerant || wildcards_at_ends(&quoted) {
        return quoted;
    }
    let mut tame = String::with_capacity(quoted.len() + 4);
    for (character, _) in characters(&quoted) {
        push_quoted(character, &mut tame);
    }
    tame
}

/// Decodes a component of a URI (section 6.1.3.2). `%01` is a question mark that is wild, `%02` an
/// asterisk; a bare one of either is taken for wild too, as the reference implementation does.
pub(super) fn from_uri(component: &str, tolerant: bool) -> Option<CpeValue> {
    if component.is_empty() {
        return Some(CpeValue::Any);
    }
    if component == "-" {
        return Some(CpeValue::NotApplicable);
    }
    let mut decoded = Vec::with_capacity(component.len());
    let mut bytes = component.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'?' => 1,
            b'*' => 2,
            other => other,
        });
    }
    let mut quoted = String::with_capacity(decoded.len() + 4);
    for character in String::from_utf8(decoded).ok()?.chars() {
        match character {
            '\u{1}' => quoted.push('?'),
            '\u{2}' => quoted.push('*'),
            other => push_quoted(other.to_ascii_lowercase(), &mut quoted),
        }
    }
    Some(CpeValue::Text(tamed(quoted, tolerant)))
}

/// Binds a value into a component of a URI (section 6.1.2.3).
pub(super) fn bind_uri(value: &CpeValue) -> String {
    let quoted = match value {
        CpeValue::Any => return String::new(),
        CpeValue::NotApplicable => return "-".to_owned(),
        CpeValue::Text(quoted) => quoted.to_ascii_lowercase(),
    };
    let mut bound = String::with_capacity(quoted.len());
    for (character, literal) in characters(&quoted) {
        let plain = character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-');
        match character {
            '?' if !literal => bound.push_str("%01"),
            '*' if !literal => bound.push_str("%02"),
            _ if plain && quoted != r"\-" => bound.push(character),
            _ => {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(bound, "%{byte:02x}");
                }
            }
        }
    }
    bound
}

/// Writes a quoted text into a formatted string (section 6.2.2.2): full stop, hyphen and underscore
/// lose their backslash.
pub(super) fn bind_formatted(quoted: &str, text: &mut String) {
    for (character, literal) in characters(quoted) {
        let bare = matches!(character, '.' | '-' | '_') && quoted != r"\-";
        if literal && !bare {
            text.push('\\');
        }
        text.push(character);
    }
}

/// Takes a value off the start of a well-formed name's rest.
pub(super) fn take_well_formed(text: &str) -> Option<(CpeValue, &str)> {
    if let Some(rest) = text.strip_prefix("ANY") {
        return Some((CpeValue::Any, rest));
    }
    if let Some(rest) = text.strip_prefix("NA") {
        return Some((CpeValue::NotApplicable, rest));
    }
    let body = text.strip_prefix('"')?;
    let mut backslash = false;
    let end = body.char_indices().find_map(|(index, character)| {
        let end = character == '"' && !backslash;
        backslash = character == '\\' && !backslash;
        end.then_some(index)
    })?;
    let value = CpeValue::Text(body.get(..end)?.to_owned());
    Some((value, body.get(end + 1..)?))
}

/// How many characters an end of a pattern takes.
#[derive(Clone, Copy)]
enum Run {
    AtMost(usize),
    Whatever,
}

impl Run {
    fn takes(self, count: usize) -> bool {
        match self {
            Self::AtMost(most) => count <= most,
            Self::Whatever => true,
        }
    }
}

/// Whether a text with wildcards covers one without (NISTIR 7696 section 6.3.2); case is ignored.
pub(super) fn covers(pattern: &str, text: &str) -> bool {
    let pattern: Vec<(char, bool)> = lowered(pattern);
    let text: Vec<char> = lowered(text).into_iter().map(|(character, _)| character).collect();
    let is_wild = |(character, literal): &(char, bool)| !literal && matches!(character, '*' | '?');
    let lead = pattern.iter().take_while(|unit| is_wild(unit)).count();
    let trail = pattern.iter().skip(lead).rev().take_while(|unit| is_wild(unit)).count();
    let run = |units: Option<&[(char, bool)]>| match units.unwrap_or_default() {
        units if units.iter().any(|(character, _)| *character == '*') => Run::Whatever,
        units => Run::AtMost(units.len()),
    };
    let end = pattern.len() - trail;
    let (before, after) = (run(pattern.get(..lead)), run(pattern.get(end..)));
    let body: Vec<char> = pattern
        .get(lead..end)
        .unwrap_or_default()
        .iter()
        .map(|(character, _)| *character)
        .collect();
    if body.is_empty() {
        return before.takes(text.len());
    }
    text.windows(body.len()).enumerate().any(|(at, window)| {
        window == body && before.takes(at) && after.takes(text.len() - at - body.len())
    })
}

fn lowered(quoted: &str) -> Vec<(char, bool)> {
    let lower = |(character, literal): (char, bool)| {
        character.to_lowercase().map(move |character| (character, literal))
    };
    characters(quoted).flat_map(lower).collect()
}

/// Whether two texts are the same but for case.
pub(super) fn same(one: &str, other: &str) -> bool {
    let fold = |text: &'_ str| -> Cow<'static, str> { text.to_lowercase().into() };
    one == other || fold(one) == fold(other)
}
