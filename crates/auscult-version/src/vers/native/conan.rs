//! Conan version ranges: `>=1.0 <2`, `~2.5`, `^1.2`, `*`, `include_prerelease=True`.
//!
//! The end of a range has an empty pre-release (`<2-`), so that it excludes 2.0-alpha too. Whether
//! pre-releases are looked for at all is a question to the package manager, not to the range.

use super::{Alternatives, lexer::Condition, plain};
use crate::{Scheme, error::Fault, vers::Comparator};

/// What a condition means.
pub(super) fn expand(condition: &Condition<'_>) -> Result<Alternatives, Fault> {
    let version = condition.version.strip_suffix('-').unwrap_or(condition.version);
    if condition.version.starts_with("include_prerelease") {
        return Ok(vec![Vec::new()]);
    }
    match (condition.operator, version) {
        ("", "*") => Ok(plain::one(Comparator::GreaterOrEqual, "0.0.0")),
        ("~", version) => {
            let numbers = numbers(version)?;
            // ~1 counts the first number up, ~1.2 and ~1.2.3 the second one.
            let place = usize::from(numbers.len() > 1);
            Ok(plain::between(version, below(&numbers, place)?))
        }
        ("^", version) => {
            let numbers = numbers(version)?;
            let place = numbers.iter().position(|number| *number > 0);
            let place = place.unwrap_or(numbers.len().saturating_sub(1));
            Ok(plain::between(version, below(&numbers, place)?))
        }
        (operator, version) => {
            plain::expand(Scheme::Conan, &Condition { operator, version, through: None })
        }
    }
}

fn numbers(version: &str) -> Result<Vec<u64>, Fault> {
    let malformed = || Fault::Version(version.to_owned());
    let core = version.split(['-', '+']).next().unwrap_or_default();
    core.split('.').map(|number| number.parse().map_err(|_| malformed())).collect()
}

/// The numbers up to a place, the last one counted up.
fn below(numbers: &[u64], place: usize) -> Result<String, Fault> {
    let mut kept: Vec<u64> = numbers.iter().take(place.saturating_add(1)).copied().collect();
    let last = kept.last_mut().ok_or(Fault::Empty)?;
    *last = last.checked_add(1).ok_or(Fault::Empty)?;
    let kept: Vec<String> = kept.iter().map(u64::to_string).collect();
    Ok(format!("{}-", kept.join(".")))
}
