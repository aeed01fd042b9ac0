//! RubyGems requirements (`Gem::Requirement`): `~> 2.0.8` is 2.0.8 up to the next 2.1.

use super::{Alternatives, lexer::Condition, plain};
use crate::{Scheme, error::Fault};

/// What a condition means.
pub(super) fn expand(condition: &Condition<'_>) -> Result<Alternatives, Fault> {
    if condition.operator != "~>" {
        return plain::expand(Scheme::Gem, condition);
    }
    let version = condition.version;
    let malformed = || Fault::Version(version.to_owned());
    // The numbers up to the first word, the last one dropped, the one before it counted up.
    let mut numbers: Vec<u64> = Vec::new();
    for segment in version.split(['.', '-']) {
        let Ok(number) = segment.parse() else { break };
        numbers.push(number);
    }
    if numbers.len() > 1 {
        numbers.pop();
    }
    let last = numbers.last_mut().ok_or_else(malformed)?;
    *last = last.checked_add(1).ok_or_else(malformed)?;
    let below: Vec<String> = numbers.iter().map(u64::to_string).collect();
    Ok(plain::between(version, below.join(".")))
}
