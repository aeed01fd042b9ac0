//! What a rule file says, and the checks that keep a bad one out.

use std::collections::BTreeMap;

use auscult_model::{ComponentKind, Cpe, EvidenceClass, Purl, PurlParts, VersionClaim};
use auscult_version::Scheme;
use serde::Deserialize;

use super::{record::Record, scan::FileKind};

/// How far around its literal an expression may look, in bytes.
const WINDOW_MAX: usize = 512;
/// The shortest literal: shorter ones meet everywhere and make the scan slow.
pub(super) const LITERAL_MIN: usize = 4;

/// A rule file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The file is no TOML or misses a key.
    #[error("read rule {rule}")]
    Syntax {
        /// The rule file's name.
        rule: String,
        /// What the TOML reader says.
        source: Box<toml::de::Error>,
    },
    /// The file says something that cannot work.
    #[error("use rule {rule}: {reason}")]
    Invalid {
        /// The rule file's name or the rule's id.
        rule: String,
        /// What is wrong.
        reason: String,
    },
}

/// One component and the traces by which it is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// Unique, the stem of the file's name.
    pub id: String,
    /// The component's usual name, lower case.
    pub name: String,
    /// Package names and soname stems that mean the same component.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Who makes it.
    pub supplier: Option<String>,
    /// What kind of thing it is.
    pub kind: ComponentKind,
    /// The package URL without a version, such as `pkg:generic/busybox`.
    pub purl: String,
    /// CPE names as `vendor:product`, or `part:vendor:product`, best first.
    #[serde(default)]
    pub cpes: Vec<String>,
    /// How its versions are ordered: the name of a scheme of `auscult-version`.
    #[serde(default = "generic_scheme")]
    pub version_scheme: String,
    /// Expressions for the names of ELF files whose suffix is the release, with one group for it;
    /// most libraries put an interface number there, which is no version.
    #[serde(default)]
    pub names: Vec<String>,
    /// Names of libraries, up to `.so`, that another project made first and that this one installs
    /// as well: `libjpeg` of libjpeg-turbo.
    #[serde(default)]
    pub replaces: Vec<String>,
    /// Whether a lone string of three numbers in a file of this name is its version, where no
    /// pattern reads one.
    #[serde(default = "yes")]
    pub own_version: bool,
    /// The traces; a rule without any only knows the component's other names.
    #[serde(default)]
    pub patterns: Vec<Pattern>,
    /// What must be found in which bytes, and what must not.
    #[serde(default)]
    pub tests: Vec<RuleTest>,
}

fn yes() -> bool {
    true
}

fn generic_scheme() -> String {
    "generic".to_owned()
}

/// One trace: a literal and what stands around it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pattern {
    /// The bytes that are sought; the case counts.
    pub literal: Literal,
    /// The expression that reads the version. It starts at the literal, or with `before` it must
    /// cover it. Its groups are joined with dots. Without it the version stays unknown.
    pub version: Option<String>,
    /// The version that the literal itself stands for, where a program tells the day of its release
    /// as text and its version as numbers.
    pub release: Option<String>,
    /// The expression does not stand at the literal but matches a whole string anywhere in the
    /// file; the version stays unknown if none or several different strings match.
    #[serde(default)]
    pub standalone: bool,
    /// How many bytes in front of the literal the expression may use.
    #[serde(default)]
    pub before: usize,
    /// How many bytes behind the literal the expression may use.
    #[serde(default = "default_after")]
    pub after: usize,
    /// How the groups become a version.
    #[serde(default)]
    pub transform: Transform,
    /// The version stands as numbers in a record that points to the literal.
    pub record: Option<Record>,
    /// Versions by what the groups spell, where that is another name of a release, such as the id
    /// of its check-in. What is not in it is no version.
    #[serde(default)]
    pub table: BTreeMap<String, String>,
    /// What the trace proves.
    #[serde(default = "contains_code")]
    pub class: EvidenceClass,
    /// What it proves when `requires` or `requires-any` is not met; without it: nothing.
    pub otherwise: Option<EvidenceClass>,
    /// Percent.
    pub confidence: u8,
    /// Literals that must all stand in the same file.
    #[serde(default)]
    pub requires: Vec<Literal>,
    /// Literals of which one must stand in the same file.
    #[serde(default)]
    pub requires_any: Vec<Literal>,
    /// Literals none of which may stand in the same file.
    #[serde(default)]
    pub excludes: Vec<Literal>,
    /// Patterns of the file's name or soname, of which one must match.
    #[serde(default)]
    pub file: Vec<String>,
    /// The kinds of file in which it counts.
    #[serde(default = "binaries")]
    pub kinds: Vec<FileKind>,
    /// Why the version read is only a part of the true one, if it is.
    pub incomplete: Option<String>,
}

/// Bytes to be sought: in a rule file a text, or `{ hex = "…" }` for what is no text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "WrittenLiteral")]
pub struct Literal(pub Vec<u8>);

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenLiteral {
    Text(String),
    Bytes { hex: String },
}

impl TryFrom<WrittenLiteral> for Literal {
    type Error = String;

    fn try_from(written: WrittenLiteral) -> Result<Self, Self::Error> {
        match written {
            WrittenLiteral::Text(text) => Ok(Self(text.into_bytes())),
            WrittenLiteral::Bytes { hex } => bytes_of_hex(&hex)
                .map(Self)
                .ok_or_else(|| format!("{hex:?} is no bytes in hexadecimal")),
        }
    }
}

impl std::fmt::Debug for Literal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "\"{}\"", self.0.escape_ascii())
    }
}

/// Reads pairs of hexadecimal digits; blanks between pairs are for the eye.
pub(super) fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect()
}

fn default_after() -> usize {
    96
}

fn contains_code() -> EvidenceClass {
    EvidenceClass::ContainsCode
}

fn binaries() -> Vec<FileKind> {
    vec![FileKind::Elf, FileKind::Raw]
}

/// How the groups of an expression become a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// As they stand.
    #[default]
    None,
    /// One number, major × 10000 + minor × 100 + patch: `20914` is 2.9.14.
    DecimalTriple,
    /// Underscores are dots: `7_88_1` is 7.88.1.
    Underscores,
    /// Dashes are dots: `2-0-5` is 2.0.5.
    Dashes,
}

/// One test of a rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RuleTest {
    /// The file's bytes as text; `\u0000` is a zero byte.
    #[serde(default)]
    pub text: String,
    /// The file's bytes in hexadecimal, when they are no text.
    pub hex: Option<String>,
    /// The file's path.
    #[serde(default)]
    pub file: String,
    /// What kind of file it is.
    #[serde(default = "elf")]
    pub kind: FileKind,
    /// Whether the rule must have a hit.
    pub hit: bool,
    /// The version of the hit; none means unknown.
    pub version: Option<String>,
    /// Whether that version is only a part.
    #[serde(default)]
    pub incomplete: bool,
    /// What the hit proves.
    #[serde(default = "contains_code")]
    pub class: EvidenceClass,
}

fn elf() -> FileKind {
    FileKind::Elf
}

impl Rule {
    /// Reads and checks one rule file; `file` is `GROUP/ID.toml`.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, RuleError> {
        let rule: Self = toml::from_str(text).map_err(|source| RuleError::Syntax {
            rule: file.to_owned(),
            source: Box::new(source),
        })?;
        let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml");
        match rule.fault(stem) {
            None => Ok(rule),
            Some(reason) => Err(RuleError::Invalid { rule: file.to_owned(), reason }),
        }
    }

    /// Whether a program of this name is the component: its name or one of its aliases, letter by
    /// letter.
    pub fn is_called(&self, file: &str) -> bool {
        self.name == file || self.aliases.iter().any(|alias| alias == file)
    }

    /// How its versions are ordered.
    pub fn scheme(&self) -> Scheme {
        let name = serde_json::Value::String(self.version_scheme.clone());
        serde_json::from_value(name).unwrap_or(Scheme::Generic)
    }

    /// The package URL of the component at this version.
    pub fn purl(&self, version: &VersionClaim) -> Purl {
        let mut parts = PurlParts::read(&self.purl).unwrap_or_default();
        parts.version = version.exact().map(|version| version.0.clone());
        parts.purl()
    }

    /// The CPE names of the component at this version. What a builder appended to the version
    /// behind a plus sign is left out: CPE names speak of upstream versions.
    pub fn cpes(&self, version: &VersionClaim) -> Vec<Cpe> {
        let upstream = version.exact().map(|version| version.0.split('+').next().unwrap_or(""));
        self.cpes
            .iter()
            .filter_map(|name| self.cpe(name))
            .map(|cpe| upstream.map_or(cpe.clone(), |version| cpe.with_version(version)))
            .collect()
    }

    fn cpe(&self, name: &str) -> Option<Cpe> {
        let mut parts = name.rsplitn(3, ':');
        let (product, vendor) = (parts.next()?, parts.next()?);
        let part = match (parts.next().and_then(|part| part.chars().next()), self.kind) {
            (Some(part), _) => part,
            (None, ComponentKind::OperatingSystem | ComponentKind::Firmware) => 'o',
            (None, _) => 'a',
        };
        Some(Cpe::product(part, vendor, product))
    }

    fn fault(&self, stem: &str) -> Option<String> {
        if self.id != stem {
            return Some(format!("the id {:?} is not the file's name", self.id));
        }
        if self.name != self.name.to_lowercase() {
            return Some(format!("the name {:?} is not lower case", self.name));
        }
        if Purl::parse(&self.purl).map(|purl| purl.0).as_ref() != Ok(&self.purl)
            || self.purl.contains('@')
        {
            return Some(format!("{:?} is no package URL without a version", self.purl));
        }
        if let Some(name) = self.cpes.iter().find(|name| self.cpe(name).is_none()) {
            return Some(format!("{name:?} is no vendor:product"));
        }
        self.patterns.iter().find_map(Pattern::fault)
    }
}

impl Pattern {
    /// Every literal that it asks for.
    pub(super) fn literals(&self) -> impl Iterator<Item = &Literal> {
        std::iter::once(&self.literal)
            .chain(&self.requires)
            .chain(&self.requires_any)
            .chain(&self.excludes)
    }

    fn fault(&self) -> Option<String> {
        if let Some(short) = self.literals().find(|literal| literal.0.len() < LITERAL_MIN) {
            return Some(format!("the literal {short:?} is shorter than {LITERAL_MIN} bytes"));
        }
        if self.before > WINDOW_MAX || self.after > WINDOW_MAX {
            return Some(format!("the window around {:?} is over {WINDOW_MAX}", self.literal));
        }
        if self.confidence == 0 || self.confidence > 100 {
            return Some(format!("the confidence {} is no percentage", self.confidence));
        }
        if self.standalone && self.version.is_none() {
            return Some(format!("{:?} is standalone without a version", self.literal));
        }
        if self.record.is_some() && self.version.is_some() {
            return Some(format!("{:?} has a record and an expression", self.literal));
        }
        if !self.table.is_empty() && self.version.is_none() {
            return Some(format!("{:?} has a table without a version", self.literal));
        }
        if self.release.is_some() && self.version.is_some() {
            return Some(format!("{:?} has a release and reads a version", self.literal));
        }
        if self.otherwise.is_some() && self.requires.is_empty() && self.requires_any.is_empty() {
            return Some(format!("{:?} has otherwise but requires nothing", self.literal));
        }
        None
    }
}
