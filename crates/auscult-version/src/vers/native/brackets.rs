//! Intervals in brackets (Maven's and NuGet's version ranges): `[1.0,2.0)`, `(,1.0],[1.2,)`.

use super::{Alternatives, Conjunction};
use crate::{
    error::Fault,
    vers::{Comparator, Constraint},
};

/// Reads intervals one after the other; commas stand between them.
pub(super) fn read(text: &str) -> Result<Alternatives, Fault> {
    let mut alternatives = Alternatives::new();
    let mut rest = separate(text);
    while !rest.is_empty() {
        let inclusive = rest.starts_with('[');
        let body = rest.strip_prefix(['[', '(']);
        let body = body.ok_or_else(|| Fault::Comparator(rest.to_owned()))?;
        let end = body.find([']', ')']).ok_or(Fault::Empty)?;
        let (inside, after) = body.split_at_checked(end).ok_or(Fault::Empty)?;
        alternatives.push(interval(inside, inclusive, after.starts_with(']'))?);
        rest = separate(after.get(1..).unwrap_or_default());
    }
    Ok(alternatives)
}

fn separate(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || c == ',' || c == '|')
}

fn interval(inside: &str, from: bool, through: bool) -> Result<Conjunction, Fault> {
    let Some((lower, upper)) = inside.split_once(',') else {
        let version = inside.trim();
        return if version.is_empty() {
            Err(Fault::Empty)
        } else {
            Ok(vec![Constraint::new(Comparator::Equal, version)])
        };
    };
    let mut bounds = Conjunction::new();
    if !lower.trim().is_empty() {
        let comparator = if from { Comparator::GreaterOrEqual } else { Comparator::Greater };
        bounds.push(Constraint::new(comparator, lower.trim()));
    }
    if !upper.trim().is_empty() {
        let comparator = if through { Comparator::LessOrEqual } else { Comparator::Less };
        bounds.push(Constraint::new(comparator, upper.trim()));
    }
    Ok(bounds)
}
