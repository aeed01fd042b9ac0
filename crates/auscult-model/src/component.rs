//! Components and the claims about their versions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Cpe, Evidence, EvidenceClass, Purl};

/// A version as its maker writes it; its order is the business of `auscult-version`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub String);

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What is known of a component's version. A wrong version is worse than none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionClaim {
    /// The whole version is known.
    Exact(Version),
    /// Only a part is known: "1.0.2" of an OpenSSL whose patch letter is missing.
    Incomplete {
        /// The part that is known, a prefix of the true version.
        known: Version,
        /// What is missing and why.
        reason: String,
    },
    /// Only bounds are known, at least one: the exports of a library tell what it is not.
    Range {
        /// The least version that it can be.
        at_least: Option<Version>,
        /// The least version that is too high.
        below: Option<Version>,
        /// What the bounds were read from and why there is no more.
        reason: String,
    },
    /// Nothing is known; the text says why.
    Unknown(String),
}

impl VersionClaim {
    /// The exact version, if it is known.
    pub fn exact(&self) -> Option<&Version> {
        match self {
            Self::Exact(version) => Some(version),
            Self::Incomplete { .. } | Self::Range { .. } | Self::Unknown(_) => None,
        }
    }
}

impl fmt::Display for VersionClaim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(version) => version.fmt(formatter),
            Self::Incomplete { known, .. } => write!(formatter, "{known} (incomplete)"),
            Self::Range { at_least, below, .. } => match (at_least, below) {
                (Some(least), Some(limit)) => write!(formatter, "\u{2265} {least}, < {limit}"),
                (Some(least), None) => write!(formatter, "\u{2265} {least}"),
                (None, Some(limit)) => write!(formatter, "< {limit}"),
                (None, None) => formatter.write_str("unknown"),
            },
            Self::Unknown(_) => formatter.write_str("unknown"),
        }
    }
}

/// What kind of thing a component is; the names follow CycloneDX 1.6 `component.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentKind {
    /// A program.
    Application,
    /// A library or a package of unknown use.
    Library,
    /// A kernel, a distribution or an RTOS.
    OperatingSystem,
    /// A boot loader, radio or controller firmware.
    Firmware,
    /// A kernel module or driver.
    DeviceDriver,
    /// A compiler runtime, SDK or framework.
    Framework,
    /// A file that no rule names; it stands for itself.
    File,
}

/// How a component came into the inventory; decides which advisory source is asked first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Origin {
    /// A row of a package database in the image.
    Package(Package),
    /// A signature rule matched; the text is the rule's id.
    Signature {
        /// The rule's id.
        rule: String,
    },
    /// Read from a structure: a kernel banner, an image header, an os-release file.
    Structure,
    /// Named after its file or soname; no rule knows it.
    FileName,
    /// Taken from an SBOM.
    Sbom {
        /// The package of a distribution that it says it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        package: Option<Package>,
    },
}

/// What is told of a package beside its name and version.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Package {
    /// `dpkg`, `opkg`, `apk`, … .
    pub database: String,
    /// Distribution and release, such as `debian-12`, where os-release or an SBOM tells.
    pub distribution: Option<String>,
    /// The source package and its version, where they differ from the binary package.
    pub source: Option<String>,
    /// Version of the source package.
    pub source_version: Option<String>,
    /// Architecture as the database spells it.
    pub architecture: Option<String>,
}

/// Package types of distributions (purl-spec), and the database that installs them.
pub const PACKAGE_TYPES: &[(&str, &str)] =
    &[("deb", "dpkg"), ("rpm", "rpm"), ("apk", "apk"), ("alpm", "pacman"), ("opkg", "opkg")];

/// Releases of Debian: the number that os-release gives, and the codename.
pub const DEBIAN_RELEASES: &[(&str, &str)] = &[
    ("5", "lenny"),
    ("6", "squeeze"),
    ("7", "wheezy"),
    ("8", "jessie"),
    ("9", "stretch"),
    ("10", "buster"),
    ("11", "bullseye"),
    ("12", "bookworm"),
    ("13", "trixie"),
    ("14", "forky"),
];

/// A component of the image: its code is there, or a program there links to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Component {
    /// The usual name, lower case, such as `busybox`.
    pub name: String,
    /// What is known of its version.
    pub version: VersionClaim,
    /// What kind of thing it is.
    pub kind: ComponentKind,
    /// Who makes it, where known.
    pub supplier: Option<String>,
    /// Its package URL, with the version where it is exact.
    pub purl: Option<Purl>,
    /// CPE names that advisories may use for it; the version is set where it is exact.
    pub cpes: Vec<Cpe>,
    /// How it came into the inventory.
    pub origin: Origin,
    /// SPDX licence expressions or names, as found.
    pub licences: Vec<String>,
    /// Every trace of it, sorted; never empty.
    pub evidence: Vec<Evidence>,
}

impl Component {
    /// Sorts its lists and drops repetitions.
    pub fn canonicalise(&mut self) {
        sort_unique(&mut self.evidence);
        sort_unique(&mut self.cpes);
        sort_unique(&mut self.licences);
    }

    /// The package that it is, by a database of the image or by the word of an SBOM.
    pub fn package(&self) -> Option<&Package> {
        match &self.origin {
            Origin::Package(package) => Some(package),
            Origin::Sbom { package } => package.as_ref(),
            Origin::Signature { .. } | Origin::Structure | Origin::FileName => None,
        }
    }

    /// The strongest confidence among its traces, in percent.
    pub fn confidence(&self) -> u8 {
        self.evidence.iter().map(|evidence| evidence.confidence).max().unwrap_or(0)
    }
}

/// Sorts a list and drops repetitions.
pub(crate) fn sort_unique<T: Ord>(list: &mut Vec<T>) {
    list.sort();
    list.dedup();
}

/// A name that the image speaks of without containing the thing: an OpenSSL version that a
/// program was compiled against, a compiler banner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mention {
    /// The name of what is mentioned.
    pub name: String,
    /// The version mentioned.
    pub version: VersionClaim,
    /// Compiled against, or only mentioned.
    pub class: EvidenceClass,
    /// Where.
    pub evidence: Vec<Evidence>,
}

#[cfg(test)]
mod tests {
    use super::{Version, VersionClaim};

    #[test]
    fn ranges_show_the_bounds_that_are_known() {
        let claim = |at_least: Option<&str>, below: Option<&str>| {
            let version = |text: &str| Version(text.to_owned());
            let reason = String::new();
            VersionClaim::Range {
                at_least: at_least.map(version),
                below: below.map(version),
                reason,
            }
        };
        for (least, limit, expect) in [
            (Some("2.9.11"), Some("2.10"), "\u{2265} 2.9.11, < 2.10"),
            (Some("2.9.11"), None, "\u{2265} 2.9.11"),
            (None, Some("2.10"), "< 2.10"),
        ] {
            assert_eq!(claim(least, limit).to_string(), expect);
            assert_eq!(claim(least, limit).exact(), None);
        }
    }
}
