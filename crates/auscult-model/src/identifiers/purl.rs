//! Package URLs (ECMA-427): parsed into parts, checked by the rules of their type, built again in
//! canonical form.
//!
//! [`PurlParts::parse`] is strict: it refuses what the standard and the type forbid.
//! [`PurlParts::read`] takes what others wrote as far as it has one meaning, for documents whose
//! components must not get lost over a missing qualifier. Both give the same parts for a text that
//! is right, and [`PurlParts::purl`] writes them in one way only.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    Purl,
    purl_types::{self, Namespace, TypeRules},
};

/// Longest text that is read, in bytes.
const BYTES_MAX: usize = 16 << 10;

/// A text or a set of parts that is no package URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read {text:?} as a package URL: {why}")]
pub struct InvalidPurl {
    /// What was given; cut where it is long.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

/// The decoded parts of a package URL (ECMA-427 clause 5.6).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PurlParts {
    /// The type: `deb`, `npm`, … .
    pub kind: String,
    /// Vendor, group, scope, …; its segments are joined by slashes.
    pub namespace: Option<String>,
    /// The name; never empty.
    pub name: String,
    /// The version.
    pub version: Option<String>,
    /// Further facts by key; no value is empty.
    pub qualifiers: BTreeMap<String, String>,
    /// A path below the root of the package, without dots.
    pub subpath: Option<String>,
}

/// How much is forgiven.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Strict,
    Tolerant,
}

impl PurlParts {
    /// Parts of this type and name, and nothing else.
    pub fn new(kind: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned(), ..Self::default() }
    }

    /// Reads a package URL that must follow the standard and the rules of its type.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn parse(text: &str) -> Result<Self, InvalidPurl> {
        let read = || {
            let mut parts = split(text, Mode::Strict)?;
            parts.normalise();
            parts.check()?;
            Ok(parts)
        };
        read().map_err(|why| invalid(text, why))
    }

    /// Reads a package URL that somebody else wrote: keys in capitals are folded, pairs that are
    /// none are left out, and what the type asks for may be missing.
    ///
    /// # Errors
    ///
    /// Where scheme, type or name is missing, or an escape is broken.
    pub fn read(text: &str) -> Result<Self, InvalidPurl> {
        let mut parts = split(text, Mode::Tolerant).map_err(|why| invalid(text, why))?;
        parts.normalise();
        Ok(parts)
    }

    /// Builds the canonical text of these parts, after the rules of the type.
    ///
    /// # Errors
    ///
    /// Where a part is missing or not allowed.
    pub fn build(mut self) -> Result<Purl, InvalidPurl> {
        self.tidy();
        self.normalise();
        match check_type(&self.kind).and_then(|()| self.check_keys()).and_then(|()| self.check()) {
            Ok(()) => Ok(self.purl()),
            Err(why) => Err(invalid(&self.purl().0, why)),
        }
    }

    /// The text of these parts as they are.
    pub fn purl(&self) -> Purl {
        let mut text = format!("pkg:{}/", self.kind);
        if let Some(namespace) = &self.namespace {
            encode_path(namespace, &mut text);
            text.push('/');
        }
        encode(&self.name, &mut text);
        if let Some(version) = &self.version {
            text.push('@');
            encode(version, &mut text);
        }
        for (index, (key, value)) in self.qualifiers.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(key);
            text.push('=');
            encode(value, &mut text);
        }
        if let Some(subpath) = &self.subpath {
            text.push('#');
            encode_path(subpath, &mut text);
        }
        Purl(text)
    }

    /// Brings parts that were not parsed into the shape that parsing gives.
    fn tidy(&mut self) {
        self.kind = self.kind.to_ascii_lowercase();
        self.name = self.name.trim_matches('/').to_owned();
        self.namespace = self.namespace.take().and_then(|path| segments(&path, |_| true));
        self.subpath = self.subpath.take().and_then(|path| segments(&path, is_step));
        self.version = self.version.take().filter(|version| !version.is_empty());
        self.qualifiers.retain(|_, value| !value.is_empty());
    }

    /// Folds case and spellings as the type says.
    fn normalise(&mut self) {
        let Some(rules) = purl_types::rules(&self.kind) else { return };
        self.namespace = self.namespace.take().map(|text| rules.namespace_case.apply(text));
        self.name = rules.name_case.apply(std::mem::take(&mut self.name));
        self.version = self.version.take().map(|text| rules.version_case.apply(text));
        self.subpath = self.subpath.take().map(|text| rules.subpath_case.apply(text));
        purl_types::respell(self);
    }

    fn check_keys(&self) -> Result<(), String> {
        match self.qualifiers.keys().find(|key| !is_key(key)) {
            Some(key) => Err(format!("{key:?} is no key of a qualifier")),
            None => Ok(()),
        }
    }

    /// What the standard and the type ask for.
    fn check(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("it has no name".to_owned());
        }
        let Some(rules) = purl_types::rules(&self.kind) else { return Ok(()) };
        match (rules.namespace, &self.namespace) {
            (Namespace::Required, None) => {
                return Err(format!("the type {} needs a namespace", self.kind));
            }
            (Namespace::Prohibited, Some(_)) => {
                return Err(format!("the type {} has no namespace", self.kind));
            }
            _ => {}
        }
        let missing = rules.required_keys.iter().find(|key| !self.qualifiers.contains_key(**key));
        if let Some(key) = missing {
            return Err(format!("the type {} needs the qualifier {key}", self.kind));
        }
        purl_types::check(self)
    }
}

impl Purl {
    /// Reads a package URL that must follow all rules, into its canonical form.
    ///
    /// # Errors
    ///
    /// As [`PurlParts::parse`].
    pub fn parse(text: &str) -> Result<Self, InvalidPurl> {
        PurlParts::parse(text).map(|parts| parts.purl())
    }

    /// The canonical form of a package URL as others write it.
    ///
    /// # Errors
    ///
    /// As [`PurlParts::read`].
    pub fn canonical(text: &str) -> Result<Self, InvalidPurl> {
        PurlParts::read(text).map(|parts| parts.purl())
    }

    /// The parts of this package URL.
    ///
    /// # Errors
    ///
    /// As [`PurlParts::read`].
    pub fn parts(&self) -> Result<PurlParts, InvalidPurl> {
        PurlParts::read(&self.0)
    }
}

fn invalid(text: &str, why: String) -> InvalidPurl {
    InvalidPurl { text: text.chars().take(200).collect(), why }
}

/// Splits from right to left, as the standard tells ("How to parse").
fn split(text: &str, mode: Mode) -> Result<PurlParts, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("it is longer than {BYTES_MAX} bytes"));
    }
    let (rest, subpath) = match text.rsplit_once('#') {
        Some((rest, path)) => (rest, decode_path(path, is_step)?),
        None => (text, None),
    };
    // A question mark in a name or version is always escaped, one in a value often is not.
    let (rest, pairs) = rest.split_once('?').unwrap_or((rest, ""));
    let (scheme, rest) = rest.split_once(':').ok_or("it has no scheme")?;
    if !scheme.eq_ignore_ascii_case("pkg") {
        return Err(format!("its scheme is {scheme:?}, not pkg"));
    }
    let (kind, rest) = rest.trim_start_matches('/').split_once('/').ok_or("it has no name")?;
    check_type(kind)?;
    let kind = kind.to_ascii_lowercase();
    let (path, version) = split_version(rest);
    // An empty name before a version is a name left out, not a slash too many.
    let path = if version.is_some() { path } else { path.trim_end_matches('/') };
    let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = decode(name)?;
    if name.is_empty() {
        return Err("it has no name".to_owned());
    }
    let version = version.map(decode).transpose()?.filter(|version| !version.is_empty());
    let qualifiers = qualifiers(pairs, purl_types::rules(&kind), mode)?;
    let namespace = decode_path(namespace, |_| true)?;
    Ok(PurlParts { kind, namespace, name, version, qualifiers, subpath })
}

/// Splits the version off. A scope of npm that is not escaped (`@scope/name`) is no version.
fn split_version(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('@') {
        Some((path, rest)) if rest.contains('/') && (path.is_empty() || path.ends_with('/')) => {
            (text, None)
        }
        Some((path, version)) => (path, Some(version)),
        None => (text, None),
    }
}

fn qualifiers(
    pairs: &str,
    rules: Option<&TypeRules>,
    mode: Mode,
) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for pair in pairs.split('&').filter(|pair| !pair.is_empty()) {
        let folded =
            pair.split_once('=').map(|(key, value)| (key.to_ascii_lowercase(), key, value));
        let Some((key, given, value)) = folded.filter(|(key, ..)| is_key(key)) else {
            if mode == Mode::Tolerant {
                continue;
            }
            return Err(format!("{pair:?} is no key=value"));
        };
        // The standard writes keys in small letters and lets a reader fold them. The keys that a
        // type defines are not folded: the suite of the standard refuses `Platform` of a gem and
        // `Arch` of an rpm, and takes `repositorY_url` of a Maven artifact.
        let own = rules.is_some_and(|rules| rules.keys.contains(&key.as_str()));
        if mode == Mode::Strict && own && key != given {
            return Err(format!("the key {given:?} is not in small letters"));
        }
        let value = decode(value)?;
        if value.is_empty() {
            continue;
        }
        if found.contains_key(&key) {
            if mode == Mode::Strict {
                return Err(format!("the key {key:?} stands twice"));
            }
            continue;
        }
        found.insert(key, value);
    }
    Ok(found)
}

fn check_type(kind: &str) -> Result<(), String> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    if kind.starts_with(|first: char| first.is_ascii_alphabetic()) && kind.bytes().all(letters) {
        return Ok(());
    }
    Err(format!("{kind:?} is no type"))
}

fn is_key(key: &str) -> bool {
    let letters = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
    };
    key.starts_with(|first: char| first.is_ascii_lowercase()) && key.bytes().all(letters)
}

fn is_step(segment: &str) -> bool {
    !matches!(segment, "." | "..")
}

/// Joins the segments of a path again, without those that say nothing.
fn segments(path: &str, keep: fn(&str) -> bool) -> Option<String> {
    let kept: Vec<&str> =
        path.split('/').filter(|segment| !segment.is_empty() && keep(segment)).collect();
    (!kept.is_empty()).then(|| kept.join("/"))
}

fn decode_path(path: &str, keep: fn(&str) -> bool) -> Result<Option<String>, String> {
    let mut kept = Vec::new();
    for segment in path.split('/') {
        let segment = decode(segment)?;
        if segment.contains('/') {
            return Err(format!("the segment {segment:?} has a slash in it"));
        }
        if !segment.is_empty() && keep(&segment) {
            kept.push(segment);
        }
    }
    Ok((!kept.is_empty()).then(|| kept.join("/")))
}

/// Decodes percent signs (RFC 3986 section 2.1); a plus sign is a plus sign.
fn decode(text: &str) -> Result<String, String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        if byte == b'%' {
            let pair = digit(bytes.next()).zip(digit(bytes.next()));
            let value = pair.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
            decoded.push(value.ok_or_else(|| format!("a percent sign in {text:?} is broken"))?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).map_err(|_| format!("{text:?} is not UTF-8"))
}

fn encode_path(path: &str, text: &mut String) {
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            text.push('/');
        }
        encode(segment, text);
    }
}

/// Escapes all but letters, digits, `.`, `-`, `_`, `~` and the colon (ECMA-427 clause 5.4).
fn encode(part: &str, text: &mut String) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Purl, PurlParts};

    #[test]
    fn others_spellings_become_one() {
        for (text, canonical) in [
            ("pkg:npm/@scope/Name@1.0", "pkg:npm/%40scope/Name@1.0"),
            (
                "PKG://Deb/Debian/Zlib1G@1%3a2?Arch=armhf&=x&y",
                "pkg:deb/debian/zlib1g@1:2?arch=armhf",
            ),
            ("pkg:pypi/Foo_Bar@1.0RC1", "pkg:pypi/foo-bar@1.0rc1"),
            ("pkg:generic//a///b//", "pkg:generic/a/b"),
            ("pkg:generic/a?b=&c=1&c=2#/x/./../y/", "pkg:generic/a?c=1#x/y"),
            ("pkg:generic/a?url=http://x/?y=1", "pkg:generic/a?url=http:%2F%2Fx%2F%3Fy%3D1"),
            ("pkg:deb/curl@1", "pkg:deb/curl@1"),
            ("pkg:generic/b%C3%BC%20x@%2b", "pkg:generic/b%C3%BC%20x@%2B"),
        ] {
            let purl = Purl::canonical(text).unwrap();
            assert_eq!(purl.0, canonical);
            assert_eq!(Purl::canonical(canonical).unwrap(), purl, "not stable");
        }
        for text in ["", "pkg:", "pkg:a", "pkg:a/", "pkg:a/@1", "npm:a/b", "pkg:a/%zz", "pkg:a/%ff"]
        {
            Purl::canonical(text).unwrap_err();
        }
    }

    #[test]
    fn strict_reading_names_the_broken_rule() {
        for (text, why) in [
            ("pkg:deb/curl@1", "the type deb needs a namespace"),
            ("pkg:cargo/a/b", "the type cargo has no namespace"),
            ("pkg:swid/a@1", "the type swid needs the qualifier tag_id"),
            ("pkg:generic/a?b", "\"b\" is no key=value"),
            ("pkg:generic/a?b=1&b=2", "the key \"b\" stands twice"),
            ("pkg:generic/a%2Fb/c", "the segment \"a/b\" has a slash in it"),
        ] {
            assert_eq!(PurlParts::parse(text).unwrap_err().why, why);
        }
        let long = format!("pkg:generic/{}", "a".repeat(20_000));
        assert!(PurlParts::parse(&long).unwrap_err().text.len() < 300);
    }

    #[test]
    fn building_escapes_and_checks() {
        let mut parts = PurlParts::new("generic", "a b/c");
        parts.namespace = Some("/x//y@z/".to_owned());
        parts.qualifiers.insert("k".to_owned(), String::new());
        parts.subpath = Some("../d".to_owned());
        assert_eq!(parts.build().unwrap().0, "pkg:generic/x/y%40z/a%20b%2Fc#d");
        PurlParts::new("", "a").build().unwrap_err();
        PurlParts::new("generic", "").build().unwrap_err();
    }
}
