//! Cuts `>= 1.0, < 2.0 || 3.1` into alternatives and conditions.

use crate::error::Fault;

/// A comparator, as written, and a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition<'a> {
    pub(super) operator: &'a str,
    pub(super) version: &'a str,
    /// The end of a range written with a dash between blanks: `1.0 - 2.0`.
    pub(super) through: Option<&'a str>,
}

/// The alternatives that are not empty; one bar or two stand between them.
pub(super) fn alternatives(text: &str) -> impl Iterator<Item = &str> {
    text.split('|').map(str::trim).filter(|part| !part.is_empty())
}

/// The conditions of one alternative, between commas or blanks.
pub(super) fn conditions(text: &str) -> Result<Vec<Condition<'_>>, Fault> {
    let mut conditions: Vec<Condition<'_>> = Vec::new();
    let mut through = false;
    let mut rest = skip(text);
    while !rest.is_empty() {
        let (operator, after) = cut(rest, |c| "<>=!~^".contains(c));
        let after = after.trim_start();
        let (version, after) = cut(after, |c| !c.is_whitespace() && !",<>\"'".contains(c));
        let version = version.trim_matches(['(', ')']);
        rest = skip(after);
        if operator.is_empty() && version == "-" {
            through = true;
            continue;
        }
        if version.is_empty() {
            return Err(Fault::Empty);
        }
        match conditions.last_mut() {
            Some(last) if through && operator.is_empty() && last.operator.is_empty() => {
                last.through = Some(version);
            }
            _ if through => return Err(Fault::Comparator(operator.to_owned())),
            _ => conditions.push(Condition { operator, version, through: None }),
        }
        through = false;
    }
    if through { Err(Fault::Empty) } else { Ok(conditions) }
}

/// What may stand between conditions; quotes and parentheses around them mean nothing.
fn skip(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || ",\"'()&".contains(c))
}

fn cut(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    crate::key::take(text, wanted)
}
