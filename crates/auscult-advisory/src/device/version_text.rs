//! Reads what an advisory writes about versions: `vers:` ranges (package-url/vers-spec) and the
//! sentences of advisories that people wrote: "Version 2.3.6 and below", "all versions prior to
//! 3.2", "1.0 through 2.1", "14.1.x", ">= 1.3.4 | < 1.5.3".
//!
//! A text is read as a whole or not at all. A word that is not understood may change the meaning
//! ("with wireless option"), so such a text stays [`Span::Unreadable`] and nothing is decided by
//! it.

use auscult_version::{Bound, Scheme};

use super::version_words::{Token, tokens};
use crate::record::Span;

/// A longer text is not read.
const TEXT_BYTES_MAX: usize = 4096;

/// What a text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VersionText {
    /// How the versions are ordered.
    pub(crate) scheme: Scheme,
    /// What is spoken of; alternatives.
    pub(crate) spans: Vec<Span>,
    /// Versions that are taken out of the spans.
    pub(crate) except: Vec<String>,
    /// A remark in brackets was left out: less may be meant than the spans hold.
    pub(crate) remark: bool,
}

impl VersionText {
    /// Every version.
    pub(crate) fn all() -> Self {
        Self::of(Scheme::Generic, vec![Span::Between { lower: None, upper: None }])
    }

    /// A text that is not understood.
    pub(crate) fn unreadable(text: &str) -> Self {
        Self::of(Scheme::Generic, vec![Span::Unreadable(text.to_owned())])
    }

    fn of(scheme: Scheme, spans: Vec<Span>) -> Self {
        Self { scheme, spans, except: Vec::new(), remark: false }
    }

    /// Tells whether all of it was understood.
    pub(crate) fn is_read(&self) -> bool {
        !self.spans.iter().any(|span| matches!(span, Span::Unreadable(_)))
    }

    /// Reads a text; one that is not understood is kept as it is.
    pub(crate) fn read(text: &str) -> Self {
        let text = text.trim();
        if text.len() > TEXT_BYTES_MAX || text.is_empty() {
            return Self::unreadable(text);
        }
        if let Some(rest) = text.strip_prefix("vers:") {
            return vers(rest).unwrap_or_else(|| Self::unreadable(text));
        }
        let opened = text.replace(['(', ')', '[', ']'], " ");
        if let Some(spans) = sentence(text).or_else(|| sentence(&opened)) {
            return Self::of(Scheme::Generic, spans);
        }
        // Brackets that are no part of the sentence hold a remark.
        let bare = without_brackets(text);
        match sentence(&bare).filter(|_| bare != text) {
            Some(spans) => Self { remark: true, ..Self::of(Scheme::Generic, spans) },
            None => Self::unreadable(text),
        }
    }
}

/// The text without what stands in brackets after a blank; `03.04.10(16)` is one version.
fn without_brackets(text: &str) -> String {
    let (mut bare, mut depth, mut before) = (String::with_capacity(text.len()), 0_u32, ' ');
    for character in text.chars() {
        match character {
            '(' | '[' if depth > 0 || before.is_whitespace() => depth = depth.saturating_add(1),
            ')' | ']' if depth > 0 => depth -= 1,
            _ if depth == 0 => bare.push(character),
            _ => {}
        }
        before = character;
    }
    bare.trim().to_owned()
}

/// Reads `SCHEME/CONSTRAINT|CONSTRAINT…` (vers-spec, "Parsing and validating").
fn vers(text: &str) -> Option<VersionText> {
    let (name, constraints) = text.split_once('/')?;
    let scheme = match name.to_ascii_lowercase().as_str() {
        "deb" => Scheme::Debian,
        "rpm" => Scheme::Rpm,
        "alpine" | "apk" => Scheme::Alpine,
        "pypi" => Scheme::Pep440,
        "openssl" => Scheme::OpenSsl,
        "semver" | "npm" | "golang" | "cargo" => Scheme::Semver,
        _ => Scheme::Generic,
    };
    let mut read = VersionText::of(scheme, Vec::new());
    let mut lower: Option<Bound> = None;
    for constraint in constraints.split('|').map(str::trim).filter(|c| !c.is_empty()) {
        let end = constraint.find(|c| !matches!(c, '<' | '>' | '=' | '!'))?;
        let (operator, version) = constraint.split_at_checked(end)?;
        let version = percent(version.trim());
        if version.is_empty() {
            return None;
        }
        match operator {
            // `vers:none/*` contains nothing: no version is spoken of, so nothing is decided.
            "" | "=" if version == "*" && name.eq_ignore_ascii_case("none") => return None,
            "" | "=" if version == "*" => {
                return Some(VersionText { scheme, ..VersionText::all() });
            }
            "" | "=" => read.spans.push(Span::Exactly { version, any_update: false }),
            "!=" => read.except.push(version),
            // Of two lower bounds in a row the first one holds.
            ">=" => lower = lower.or(Some(Bound::Inclusive(version))),
            ">" => lower = lower.or(Some(Bound::Exclusive(version))),
            "<" | "<=" => {
                let inclusive = operator == "<=";
                let upper =
                    if inclusive { Bound::Inclusive(version) } else { Bound::Exclusive(version) };
                read.spans.push(Span::Between { lower: lower.take(), upper: Some(upper) });
            }
            _ => return None,
        }
    }
    read.spans.extend(lower.map(|lower| Span::Between { lower: Some(lower), upper: None }));
    if read.spans.is_empty() && !read.except.is_empty() {
        read.spans.push(Span::Between { lower: None, upper: None });
    }
    (!read.spans.is_empty()).then_some(read)
}

/// Decodes `%2B` (RFC 3986 section 2.1).
fn percent(text: &str) -> String {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        if let (b'%', [high, low, after @ ..]) = (*first, tail)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            bytes.push(high << 4 | low);
            rest = after;
            continue;
        }
        bytes.push(*first);
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a sentence; `None` where a word of it is not understood.
fn sentence(text: &str) -> Option<Vec<Span>> {
    let tokens = tokens(text)?;
    let mut reader = Sentence { tokens: &tokens };
    let mut spans = Vec::new();
    loop {
        spans.push(reader.statement()?);
        if reader.tokens.is_empty() {
            return Some(joined(spans));
        }
        // ">= 1.0 < 2.0" needs no separator.
        if !matches!(reader.tokens.first(), Some(Token::Operator(_))) {
            reader.separator()?;
        }
        if reader.tokens.is_empty() {
            return Some(joined(spans));
        }
    }
}

/// A lower bound and an upper bound that follow each other are one range: `>= 1.3 | < 1.5`.
fn joined(spans: Vec<Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        if let (
            Some(Span::Between { lower: Some(_), upper: open @ None }),
            Span::Between { lower: None, upper: Some(upper) },
        ) = (joined.last_mut(), &span)
        {
            *open = Some(upper.clone());
            continue;
        }
        joined.push(span);
    }
    joined
}

/// What follows the first version of a range.
enum RangeEnd {
    At(Bound),
    /// The words of a range without a second version.
    Half,
    None,
}

impl From<Option<Bound>> for RangeEnd {
    fn from(end: Option<Bound>) -> Self {
        end.map_or(Self::Half, Self::At)
    }
}

struct Sentence<'a> {
    tokens: &'a [Token],
}

impl Sentence<'_> {
    fn take(&mut self, wanted: &Token) -> bool {
        let found = self.tokens.first() == Some(wanted);
        if found {
            self.tokens = self.tokens.get(1..).unwrap_or_default();
        }
        found
    }

    fn version(&mut self) -> Option<String> {
        let (Token::Version(version), rest) = self.tokens.split_first()? else { return None };
        self.tokens = rest;
        Some(version.clone())
    }

    /// Takes at least one of `|`, `,`, `;`, "and", "or".
    fn separator(&mut self) -> Option<()> {
        let separators = |token: &Token| matches!(token, Token::Separator | Token::And);
        let count = self.tokens.iter().take_while(|token| separators(token)).count();
        self.tokens = self.tokens.get(count..)?;
        (count > 0).then_some(())
    }

    fn statement(&mut self) -> Option<Span> {
        let all = self.take(&Token::All);
        match self.tokens.first() {
            None | Some(Token::Separator) if all => {
                Some(Span::Between { lower: None, upper: None })
            }
            Some(Token::Operator(_)) => self.compared(),
            Some(Token::Prior) => self.prior(),
            Some(Token::UpTo) => {
                self.take(&Token::UpTo);
                Some(Span::Between { lower: None, upper: Some(self.upper(true)?) })
            }
            Some(Token::Later) => {
                self.take(&Token::Later);
                self.take(&Token::Than);
                let lower = Some(Bound::Exclusive(lowest(&self.version()?)));
                Some(Span::Between { lower, upper: None })
            }
            Some(Token::From) => self.from(),
            Some(Token::Between) => {
                self.take(&Token::Between);
                let lower = Some(Bound::Inclusive(lowest(&self.version()?)));
                self.take(&Token::And).then_some(())?;
                Some(Span::Between {
                    lower,
                    upper: Some(Bound::Inclusive(highest(self.version()?))),
                })
            }
            Some(Token::Version(_)) => self.versioned(),
            _ => None,
        }
    }

    /// `<= 2.1`, `= 2.1`.
    fn compared(&mut self) -> Option<Span> {
        let (Token::Operator(operator), rest) = self.tokens.split_first()? else { return None };
        self.tokens = rest;
        let version = self.version()?;
        Some(match *operator {
            "<" => Span::Between { lower: None, upper: Some(Bound::Exclusive(lowest(&version))) },
            "<=" => Span::Between { lower: None, upper: Some(Bound::Inclusive(highest(version))) },
            ">" => Span::Between { lower: Some(Bound::Exclusive(lowest(&version))), upper: None },
            ">=" => Span::Between { lower: Some(Bound::Inclusive(lowest(&version))), upper: None },
            _ => exactly(version)?,
        })
    }

    /// `prior to 3.2`, `earlier than 3.2`, `prior to and including 3.2`.
    fn prior(&mut self) -> Option<Span> {
        self.take(&Token::Prior);
        // "to" and "than" add nothing here.
        let _ = self.take(&Token::To) || self.take(&Token::Than);
        Some(Span::Between { lower: None, upper: Some(self.upper(false)?) })
    }

    /// The upper limit: `3.2`, `and including 3.2`, `but not including 3.2`, `3.2 excluding`.
    fn upper(&mut self, inclusive: bool) -> Option<Bound> {
        self.take(&Token::And);
        let (mut included, mut excluded) = (self.take(&Token::Including), false);
        if !included {
            excluded = self.take(&Token::Excluding);
        }
        let version = self.version()?;
        included |= self.take(&Token::Including);
        excluded |= self.take(&Token::Excluding);
        let inclusive = (inclusive && !excluded) || included;
        Some(if inclusive {
            Bound::Inclusive(highest(version))
        } else {
            Bound::Exclusive(lowest(&version))
        })
    }

    /// `from 1.0`, `from 1.0 to 2.0`, `from 1.0 before 2.0`, `starting with 1.0`.
    fn from(&mut self) -> Option<Span> {
        self.take(&Token::From);
        let lower = Some(Bound::Inclusive(lowest(&self.version()?)));
        let upper = match self.end_of_range() {
            RangeEnd::At(upper) => Some(upper),
            RangeEnd::Half => return None,
            RangeEnd::None => {
                // "from 1.0 and later"
                let _ = self.followed_by(&Token::Later);
                None
            }
        };
        Some(Span::Between { lower, upper })
    }

    /// The second half of a range, where there is one.
    fn end_of_range(&mut self) -> RangeEnd {
        if self.take(&Token::To) || self.take(&Token::Dash) || self.take(&Token::UpTo) {
            return self.upper(true).into();
        }
        if self.tokens.first() == Some(&Token::Prior) && self.tokens.len() > 1 {
            let rest = self.tokens;
            self.take(&Token::Prior);
            let _ = self.take(&Token::To) || self.take(&Token::Than);
            if matches!(self.tokens.first(), Some(Token::Version(_))) {
                return self.upper(false).into();
            }
            self.tokens = rest;
        }
        if let Some(Token::Operator("<" | "<=")) = self.tokens.first() {
            let compared = self.compared();
            return match compared {
                Some(Span::Between { upper, .. }) => upper.into(),
                _ => RangeEnd::Half,
            };
        }
        RangeEnd::None
    }

    /// Takes "and earlier", "or earlier", "and all earlier", "earlier", unless a version follows,
    /// which it would belong to.
    fn followed_by(&mut self, word: &Token) -> bool {
        let mut rest = self.tokens;
        for optional in [Token::Separator, Token::And, Token::All] {
            if rest.first() == Some(&optional) {
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        let Some((first, after)) = rest.split_first() else { return false };
        let belongs = matches!(after.first(), Some(Token::Version(_) | Token::To | Token::Than));
        if first != word || belongs {
            return false;
        }
        self.tokens = after;
        true
    }

    /// What begins with a version.
    fn versioned(&mut self) -> Option<Span> {
        let version = self.version()?;
        if let Some(version) = version.strip_suffix('+') {
            return Some(Span::Between {
                lower: Some(Bound::Inclusive(lowest(version))),
                upper: None,
            });
        }
        if self.followed_by(&Token::Prior) {
            return Some(Span::Between {
                lower: None,
                upper: Some(Bound::Inclusive(highest(version))),
            });
        }
        if self.followed_by(&Token::Later) {
            return Some(Span::Between {
                lower: Some(Bound::Inclusive(lowest(&version))),
                upper: None,
            });
        }
        match self.end_of_range() {
            RangeEnd::At(upper) => {
                let lower = Some(Bound::Inclusive(lowest(&version)));
                Some(Span::Between { lower, upper: Some(upper) })
            }
            RangeEnd::Half => None,
            RangeEnd::None => exactly(version),
        }
    }
}

/// The numbers before `.x`, and whether there was one.
fn wildcard(version: &str) -> (&str, bool) {
    let mut base = version;
    while let Some(shorter) = [".x", ".X", ".*"].iter().find_map(|end| base.strip_suffix(end)) {
        base = shorter;
    }
    (base, base.len() < version.len())
}

fn lowest(version: &str) -> String {
    wildcard(version).0.to_owned()
}

fn highest(version: String) -> String {
    match wildcard(&version) {
        (base, true) => format!("{base}.*"),
        _ => version,
    }
}

/// One version, or all that begin with `14.1` for `14.1.x`. A wildcard inside a number (`C.0x`) is
/// not read.
fn exactly(version: String) -> Option<Span> {
    let (base, open) = wildcard(&version);
    let inside = base.bytes().zip(base.bytes().skip(1));
    if inside.into_iter().any(|(digit, x)| digit.is_ascii_digit() && matches!(x, b'x' | b'*'))
        && (base.ends_with('x') || base.ends_with('*'))
    {
        return None;
    }
    if open {
        let lower = Some(Bound::Inclusive(base.to_owned()));
        return Some(Span::Between { lower, upper: Some(Bound::Inclusive(format!("{base}.*"))) });
    }
    Some(Span::Exactly { version, any_update: false })
}

#[cfg(test)]
mod tests;
