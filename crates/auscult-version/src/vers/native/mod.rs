//! Ranges in the notation of an ecosystem, as VERS.
//!
//! Nearly all notations are alternatives (`||`) of conditions (a comparator and a version) that
//! hold together; `lexer` reads them, and one module for each family says what its comparators
//! mean. Notations of another shape have a module that reads them.

mod brackets;
mod conan;
mod gem;
mod lexer;
mod nginx;
mod node;
mod plain;
mod python;

use super::{Comparator, Constraint, NONE, Vers, check_kind, parse, scheme_of, sets};
use crate::{
    Scheme,
    error::{Error, Fault},
};

/// Conditions that hold together, and alternatives of them.
type Conjunction = Vec<Constraint>;
type Alternatives = Vec<Conjunction>;
/// Alternatives that a range may have after all notations are written out.
const ALTERNATIVES_MAX: usize = 4096;

impl Vers {
    /// Reads a range in the native notation of a type: node-semver for npm, PEP 440 specifiers
    /// for PyPI, brackets for Maven and NuGet, and so on; `>= 1.0, < 2.0 || 3.1` is understood for
    /// every type with an order.
    ///
    /// Versions that cannot satisfy their own conditions are no version: `vers:none/*`.
    pub fn from_native(kind: &str, text: &str) -> Result<Self, Error> {
        read(kind, text).map_err(|fault| Error::Native {
            kind: kind.to_owned(),
            text: text.to_owned(),
            fault,
        })
    }
}

fn read(kind: &str, text: &str) -> Result<Vers, Fault> {
    check_kind(kind)?;
    let scheme = scheme_of(kind).ok_or(Fault::Unordered)?;
    let text = text.trim();
    let text = if text.is_empty() { "*" } else { text };
    if matches!(text, "*" | "all") && scheme != Scheme::Conan {
        return Ok(Vers { kind: kind.to_owned(), constraints: vec![Constraint::any()] });
    }
    let alternatives = match kind {
        "maven" | "nuget" if text.contains(['[', '(']) => brackets::read(text)?,
        "nginx" => nginx::read(text)?,
        "openssl" if !text.contains(['<', '>', '=', '|']) => plain::list(text),
        _ => conditions(kind, scheme, text)?,
    };
    let alternatives: Alternatives =
        alternatives.into_iter().map(|one| normal(kind, one)).collect();
    if let Some(bad) = alternatives
        .iter()
        .flatten()
        .find(|one| one.comparator != Comparator::Any && crate::key(scheme, &one.version).is_none())
    {
        return Err(Fault::Version(bad.version.clone()));
    }
    match sets::union(scheme, &alternatives)? {
        Some(mut constraints) => {
            parse::sort(Some(scheme), &mut constraints)?;
            Ok(Vers { kind: kind.to_owned(), constraints })
        }
        None => Ok(Vers { kind: NONE.to_owned(), constraints: vec![Constraint::any()] }),
    }
}

/// Reads alternatives of conditions.
fn conditions(kind: &str, scheme: Scheme, text: &str) -> Result<Alternatives, Fault> {
    let mut alternatives = Alternatives::new();
    for part in lexer::alternatives(text) {
        let mut product: Alternatives = vec![Conjunction::new()];
        for condition in lexer::conditions(part)? {
            let meant = match kind {
                "npm" | "cargo" | "composer" | "pub" | "dart" | "hex" | "swift" => {
                    node::expand(kind, &condition)?
                }
                "conan" => conan::expand(&condition)?,
                "gem" => gem::expand(&condition)?,
                "pypi" => python::expand(&condition)?,
                _ => plain::expand(scheme, &condition)?,
            };
            product = multiply(&product, &meant)?;
        }
        alternatives.extend(product);
        if alternatives.len() > ALTERNATIVES_MAX {
            return Err(Fault::Limit(ALTERNATIVES_MAX));
        }
    }
    Ok(alternatives)
}

/// Every alternative of one side together with every one of the other.
fn multiply(left: &Alternatives, right: &Alternatives) -> Result<Alternatives, Fault> {
    let mut product = Alternatives::new();
    for first in left {
        for second in right {
            if product.len() >= ALTERNATIVES_MAX {
                return Err(Fault::Limit(ALTERNATIVES_MAX));
            }
            product.push(first.iter().chain(second).cloned().collect());
        }
    }
    Ok(product)
}

/// Writes versions as their ecosystem does.
fn normal(kind: &str, mut conjunction: Conjunction) -> Conjunction {
    for constraint in &mut conjunction {
        let version = match kind {
            "pypi" => crate::schemes::pep440_normal(&constraint.version),
            "npm" | "golang" | "composer" => Some(node::padded(&constraint.version)),
            _ => None,
        };
        if let Some(version) = version {
            constraint.version = version;
        }
    }
    conjunction
}
