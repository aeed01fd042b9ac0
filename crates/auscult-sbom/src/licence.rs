//! Licence names: which are identifiers or expressions of SPDX.
//!
//! CycloneDX takes an SPDX identifier only from the closed list of its schema; everything else is
//! a free name. The list here holds the identifiers that device software usually carries; one that
//! it lacks is written as a name, which is valid and loses nothing. Expressions: SPDX 2.3 annex D.

/// SPDX identifiers in their canonical spelling, sorted without regard to case.
const IDENTIFIERS: &[&str] = &[
    "0BSD",
    "AFL-2.1",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.0",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-1.0",
    "Artistic-1.0-Perl",
    "Artistic-2.0",
    "blessing",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-2-Clause-Patent",
    "BSD-2-Clause-Views",
    "BSD-3-Clause",
    "BSD-3-Clause-Clear",
    "BSD-4-Clause",
    "BSD-4-Clause-UC",
    "BSL-1.0",
    "bzip2-1.0.6",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDDL-1.1",
    "CPL-1.0",
    "curl",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.2",
    "FSFAP",
    "FSFUL",
    "FSFULLR",
    "FTL",
    "GFDL-1.2-only",
    "GFDL-1.3-only",
    "GPL-1.0",
    "GPL-1.0+",
    "GPL-1.0-only",
    "GPL-1.0-or-later",
    "GPL-2.0",
    "GPL-2.0+",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0",
    "GPL-3.0+",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "ICU",
    "IJG",
    "ISC",
    "LGPL-2.0",
    "LGPL-2.0+",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1",
    "LGPL-2.1+",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0",
    "LGPL-3.0+",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "Libpng",
    "libpng-2.0",
    "libtiff",
    "MIT",
    "MIT-0",
    "MIT-advertising",
    "MIT-CMU",
    "MPL-1.0",
    "MPL-1.1",
    "MPL-2.0",
    "MS-PL",
    "NCSA",
    "NTP",
    "OFL-1.1",
    "OLDAP-2.8",
    "OpenSSL",
    "PHP-3.01",
    "PostgreSQL",
    "PSF-2.0",
    "Python-2.0",
    "Ruby",
    "SGI-B-2.0",
    "SISSL",
    "Sleepycat",
    "SMLNJ",
    "SSH-OpenSSH",
    "SSH-short",
    "TCL",
    "TCP-wrappers",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "UPL-1.0",
    "Vim",
    "W3C",
    "WTFPL",
    "X11",
    "Zlib",
    "zlib-acknowledgement",
    "ZPL-2.1",
];

/// What a licence text is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Licence {
    /// An SPDX identifier, in its canonical spelling.
    Identifier(&'static str),
    /// An SPDX expression, as it was found.
    Expression(String),
    /// Any other name.
    Name(String),
}

impl Licence {
    /// Tells what this text is; identifiers are compared without regard to case, as SPDX says.
    pub(crate) fn of(text: &str) -> Self {
        let text = text.trim();
        match identifier(text) {
            Some(identifier) => Self::Identifier(identifier),
            None if is_expression(text) => Self::Expression(text.to_owned()),
            None => Self::Name(text.to_owned()),
        }
    }
}

fn identifier(text: &str) -> Option<&'static str> {
    IDENTIFIERS.iter().copied().find(|known| known.eq_ignore_ascii_case(text))
}

/// Accepts operands and operators in turn, with balanced parentheses. An exception after `WITH` is
/// taken at its word, as the list of exceptions is not kept here.
fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let (mut open, mut operand_next, mut exception_next) = (0_u32, true, false);
    for token in spaced.split_whitespace() {
        match token {
            "(" if operand_next && !exception_next => open += 1,
            ")" if !operand_next && open > 0 => open -= 1,
            "AND" | "OR" if !operand_next => operand_next = true,
            "WITH" if !operand_next => (operand_next, exception_next) = (true, true),
            _ if operand_next && (exception_next || is_operand(token)) => {
                (operand_next, exception_next) = (false, false);
            }
            _ => return false,
        }
    }
    open == 0 && !operand_next && !text.is_empty()
}

fn is_operand(token: &str) -> bool {
    let base = token.strip_suffix('+').unwrap_or(token);
    token.starts_with("LicenseRef-") || identifier(token).is_some() || identifier(base).is_some()
}

#[cfg(test)]
mod tests {
    use super::{IDENTIFIERS, Licence};

    #[test]
    fn identifiers_expressions_and_names_are_told_apart() {
        assert_eq!(Licence::of(" gpl-2.0-ONLY"), Licence::Identifier("GPL-2.0-only"));
        for text in [
            "MIT OR Apache-2.0",
            "(GPL-2.0-only WITH Linux-syscall-note) AND (MIT OR ISC)",
            "LicenseRef-acme AND Zlib",
        ] {
            assert_eq!(Licence::of(text), Licence::Expression(text.to_owned()));
        }
        for text in ["", "GPL-2+", "MIT or so", "MIT AND", "(MIT", "MIT) OR (ISC", "AND MIT"] {
            assert_eq!(Licence::of(text), Licence::Name(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn list_is_sorted_without_regard_to_case() {
        assert!(IDENTIFIERS.is_sorted_by_key(|known| known.to_ascii_lowercase()));
    }
}
