//! Python version specifiers (PEP 440): `~= 1.4.2`, `== 1.1.*`, `!= 1.1.*`.

use super::{Alternatives, lexer::Condition, plain};
use crate::{
    Scheme,
    error::Fault,
    vers::{Comparator, Constraint},
};

/// What a condition means.
pub(super) fn expand(condition: &Condition<'_>) -> Result<Alternatives, Fault> {
    let version = condition.version;
    if condition.operator == "~=" {
        let (prefix, _last) = version
            .split_once(|c: char| !c.is_ascii_digit() && c != '.')
            .map_or(version, |(release, _)| release)
            .rsplit_once('.')
            .ok_or_else(|| Fault::Version(version.to_owned()))?;
        return Ok(plain::between(version, next(prefix)?));
    }
    let Some(prefix) = version.strip_suffix(".*") else {
        return plain::expand(Scheme::Pep440, condition);
    };
    let first = format!("{prefix}.dev0");
    match condition.operator {
        "" | "=" | "==" => Ok(plain::between(first, next(prefix)?)),
        "!=" => Ok(vec![
            vec![Constraint::new(Comparator::Less, first)],
            vec![Constraint::new(Comparator::GreaterOrEqual, next(prefix)?)],
        ]),
        operator => Err(Fault::Comparator(operator.to_owned())),
    }
}

/// The first version behind all that begin with these numbers: the first development release.
fn next(prefix: &str) -> Result<String, Fault> {
    let malformed = || Fault::Version(prefix.to_owned());
    let (head, last) = match prefix.rsplit_once('.') {
        Some((head, last)) => (format!("{head}."), last),
        None => (String::new(), prefix),
    };
    let last: u64 = last.parse().map_err(|_| malformed())?;
    Ok(format!("{head}{}.dev0", last.checked_add(1).ok_or_else(malformed)?))
}
