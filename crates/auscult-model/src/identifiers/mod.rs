//! Identifiers as newtypes: digests, package URLs, CPE names, advisory ids,
//! the barcodes of devices.

mod cpe;
mod cpe_match;
mod cpe_value;
mod purl;
mod purl_types;
mod udi;

pub use cpe::{CpeAttribute, CpeName};
pub use cpe_match::{CpeRelation, CpeStatement};
pub use cpe_value::CpeValue;
pub use purl::{InvalidPurl, PurlParts};
pub use udi::{InvalidUdi, Udi, UdiAgency};

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256 as Hasher};

/// A text that is not the identifier it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read {text:?} as {kind}")]
pub struct InvalidIdentifier {
    /// What was expected.
    pub kind: &'static str,
    /// What was given.
    pub text: String,
}

fn invalid(kind: &'static str, text: &str) -> InvalidIdentifier {
    InvalidIdentifier { kind, text: text.to_owned() }
}

/// A SHA-256 digest (FIPS 180-4); its text form is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Digests these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Hasher::digest(bytes).into())
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sha256({self})")
    }
}

impl FromStr for Sha256 {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        let error = || invalid("a SHA-256 digest", text);
        let mut digest = [0; 32];
        if text.len() != 64 {
            return Err(error());
        }
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| error())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| error())?;
        }
        Ok(Self(digest))
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A package URL (ECMA-427), kept in its canonical text form, such as
/// `pkg:deb/debian/busybox@1.35.0-4?arch=armhf`. Who builds one canonicalises it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Purl(pub String);

impl Purl {
    /// The type: `deb`, `generic`, … .
    pub fn kind(&self) -> &str {
        let rest = self.0.strip_prefix("pkg:").unwrap_or(&self.0);
        rest.split_once('/').map_or("", |(kind, _)| kind)
    }

    /// The purl without version, qualifiers and subpath: the key under which advisories stand.
    pub fn without_version(&self) -> &str {
        let end = self.0.find(['@', '?', '#']).unwrap_or(self.0.len());
        self.0.get(..end).unwrap_or(&self.0)
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A CPE 2.3 name as a formatted string (NISTIR 7695), such as
/// `cpe:2.3:a:busybox:busybox:1.35.0:*:*:*:*:*:*:*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cpe(pub String);

impl Cpe {
    /// Builds the name of this product, its version left open; the parts are escaped.
    pub fn product(part: char, vendor: &str, product: &str) -> Self {
        Self(format!("cpe:2.3:{part}:{}:{}:*:*:*:*:*:*:*:*", escape(vendor), escape(product)))
    }

    /// Splits the formatted string into its eleven attributes, still escaped.
    pub fn attributes(&self) -> Vec<&str> {
        split_unescaped(self.0.strip_prefix("cpe:2.3:").unwrap_or_default())
    }

    /// The same product at this version.
    #[must_use]
    pub fn with_version(&self, version: &str) -> Self {
        let mut attributes: Vec<String> =
            self.attributes().into_iter().map(ToOwned::to_owned).collect();
        if let Some(slot) = attributes.get_mut(3) {
            *slot = escape(version);
        }
        Self(format!("cpe:2.3:{}", attributes.join(":")))
    }
}

/// Splits at colons that no backslash escapes.
fn split_unescaped(body: &str) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (index, byte) in body.bytes().enumerate() {
        if byte == b':' && !escaped {
            parts.push(body.get(start..index).unwrap_or_default());
            start = index + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    parts.push(body.get(start..).unwrap_or_default());
    parts
}

/// Escapes an attribute value: all but letters, digits, `_`, `-` and `.` take a backslash
/// (NISTIR 7695 section 6.2; bare `-` and `*` have a meaning of their own and are escaped too).
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        // No form of a name holds a blank; the dictionary of NVD writes underscores.
        let blank = character.is_whitespace() || character.is_control();
        let character = if blank { '_' } else { character };
        let plain = character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-');
        if !plain || value == "-" {
            escaped.push('\\');
        }
        escaped.push(character.to_ascii_lowercase());
    }
    escaped
}

impl fmt::Display for Cpe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The id of an advisory or vulnerability, such as `CVE-2022-48174` or `GHSA-…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AdvisoryId(pub String);

impl fmt::Display for AdvisoryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cpe, Purl, Sha256};

    #[test]
    fn sha256_of_the_empty_string_is_the_published_one() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Sha256::of(b"").to_string(), text);
        assert_eq!(text.parse::<Sha256>().unwrap(), Sha256::of(b""));
        assert!("e3b0".parse::<Sha256>().is_err());
    }

    #[test]
    fn cpe_attributes_are_escaped_and_split() {
        let cpe = Cpe::product('a', "treck", "tcp/ip").with_version("6.0.1.66");
        assert_eq!(cpe.0, r"cpe:2.3:a:treck:tcp\/ip:6.0.1.66:*:*:*:*:*:*:*");
        assert_eq!(cpe.attributes()[..4], ["a", "treck", r"tcp\/ip", "6.0.1.66"]);
    }

    #[test]
    fn purl_key_has_no_version() {
        let purl = Purl("pkg:deb/debian/busybox@1.35.0-4?arch=armhf".to_owned());
        assert_eq!((purl.kind(), purl.without_version()), ("deb", "pkg:deb/debian/busybox"));
    }
}
