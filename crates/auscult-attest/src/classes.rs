//! Path classes: what of a device may change in use.
//!
//! Without rules everything is immutable. The defaults name the places that a Linux system writes to;
//! a maker adds his own in a TOML file:
//!
//! ```toml
//! [[path]]
//! match = "/etc/config/**"
//! class = "config"
//! site-set = true
//!
//! [[region]]
//! offset = 0x20000
//! class = "device-unique"
//! ```

use auscult_model::ByteName;
use serde::{Deserialize, Serialize};

use crate::{Error, RegionClass, Result, from_toml};

/// How a path is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// It must be as in the reference in everything.
    Immutable,
    /// As immutable; where the site sets it, its content may be any.
    Config,
    /// An area of data: anything but programs, setuid files, devices and links that lead out.
    Data,
    /// The same for what does not survive a restart.
    Volatile,
}

/// A rule for paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PathRule {
    /// The paths: `*` stands for any part of a name, `/**` at the end for the folder with everything
    /// below it.
    #[serde(rename = "match")]
    pub pattern: String,
    /// Their class.
    pub class: Class,
    /// Of configuration: whether the site may set it to anything.
    #[serde(default)]
    pub site_set: bool,
}

/// A rule for a part of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RegionRule {
    /// Where the part begins; all parts that begin inside the rule's bytes are meant.
    pub offset: u64,
    /// Length in bytes; only the part at the offset without it.
    #[serde(default)]
    pub length: Option<u64>,
    /// Its class.
    pub class: RegionClass,
}

/// The rules of a reference, in order; the last one that fits holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Classes {
    /// Rules for paths.
    #[serde(default, rename = "path")]
    pub paths: Vec<PathRule>,
    /// Rules for parts of the image.
    #[serde(default, rename = "region")]
    pub regions: Vec<RegionRule>,
}

/// What a Linux system writes to. `/dev` is volatile as well: a kernel with devtmpfs fills it, and
/// what stands in the image is compared.
const DEFAULTS: &[(&str, Class)] = &[
    ("/dev/**", Class::Volatile),
    ("/proc/**", Class::Volatile),
    ("/run/**", Class::Volatile),
    ("/sys/**", Class::Volatile),
    ("/tmp/**", Class::Volatile),
    ("/var/cache/**", Class::Volatile),
    ("/var/lock/**", Class::Volatile),
    ("/var/run/**", Class::Volatile),
    ("/var/tmp/**", Class::Volatile),
    ("/var/log/**", Class::Data),
];

impl Default for Classes {
    fn default() -> Self {
        let rule = |&(pattern, class): &(&str, Class)| PathRule {
            pattern: pattern.to_owned(),
            class,
            site_set: false,
        };
        Self { paths: DEFAULTS.iter().map(rule).collect(), regions: Vec::new() }
    }
}

/// How one path is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Treatment<'a> {
    pub(crate) class: Class,
    pub(crate) site_set: bool,
    /// The folder of the area that the path lies in; empty outside of areas.
    pub(crate) area: &'a [u8],
    /// Whether the path is that folder itself.
    pub(crate) is_area: bool,
}

impl Classes {
    /// The defaults and, behind them, the rules of a TOML file.
    pub fn parse(text: &str) -> Result<Self> {
        let read: Self = from_toml("path classes", text)?;
        for rule in &read.paths {
            if !rule.pattern.starts_with('/') {
                let why = format!("the pattern {:?} does not begin with /", rule.pattern);
                return Err(Error::Malformed { what: "path classes", why });
            }
            if rule.site_set && rule.class != Class::Config {
                let why = format!("{:?}: site-set is for the class config", rule.pattern);
                return Err(Error::Malformed { what: "path classes", why });
            }
        }
        let mut classes = Self::default();
        classes.paths.extend(read.paths);
        classes.regions = read.regions;
        Ok(classes)
    }

    /// How a path is compared.
    pub(crate) fn of(&self, path: &ByteName) -> Treatment<'_> {
        let path = path.as_bytes();
        let fitting = self.paths.iter().rev().find(|rule| fits(rule.pattern.as_bytes(), path));
        let Some(rule) = fitting else {
            return Treatment {
                class: Class::Immutable,
                site_set: false,
                area: b"",
                is_area: false,
            };
        };
        let area = rule.pattern.as_bytes().strip_suffix(b"/**").unwrap_or_default();
        let is_area = !area.is_empty() && glob(area, path);
        Treatment { class: rule.class, site_set: rule.site_set, area, is_area }
    }

    /// The class that a rule gives to a part of the image.
    pub(crate) fn of_region(&self, offset: u64) -> Option<RegionClass> {
        let fits = |rule: &&RegionRule| match rule.length {
            Some(length) => (rule.offset..rule.offset.saturating_add(length)).contains(&offset),
            None => rule.offset == offset,
        };
        self.regions.iter().rev().find(fits).map(|rule| rule.class)
    }
}

/// Whether a pattern fits a path.
fn fits(pattern: &[u8], path: &[u8]) -> bool {
    let Some(folder) = pattern.strip_suffix(b"/**") else { return glob(pattern, path) };
    // The folder itself or anything below it: as many names as the pattern has are compared.
    let names = folder.split(|&byte| byte == b'/').skip(1).count();
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let end = slashes.map(|(at, _)| at).nth(names).unwrap_or(path.len());
    path.get(..end).is_some_and(|head| glob(folder, head))
}

/// Compares with `*`, which stands for any bytes but `/`. Linear in the product of both lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while place < text.len() {
        match (pattern.get(at), text.get(place)) {
            (Some(b'*'), _) => {
                retry = Some((at, place));
                at += 1;
            }
            (Some(one), Some(other)) if one == other => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                if text.get(from) == Some(&b'/') {
                    return false;
                }
                retry = Some((star, from + 1));
                (at, place) = (star + 1, from + 1);
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use auscult_model::ByteName;

    use super::{Class, Classes, fits};
    use crate::RegionClass;

    #[test]
    fn patterns_fit_names_and_folders() {
        for (pattern, path, expected) in [
            ("/etc/passwd", "/etc/passwd", true),
            ("/etc/*.conf", "/etc/a.conf", true),
            ("/etc/*.conf", "/etc/a/b.conf", false),
            ("/tmp/**", "/tmp", true),
            ("/tmp/**", "/tmp/a/b", true),
            ("/tmp/**", "/tmpx", false),
            ("/home/*/data/**", "/home/me/data/x", true),
            ("/home/*/data/**", "/home/me/x", false),
            ("/**", "/anything/at/all", true),
            ("/a*b*c", "/a/b/c", false),
            ("/a*b*c", "/axbbxc", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), path.as_bytes()), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_last_rule_that_fits_holds() {
        let text = "[[path]]\nmatch = \"/var/log/keep\"\nclass = \"immutable\"\n\
                    [[path]]\nmatch = \"/etc/config/**\"\nclass = \"config\"\nsite-set = true\n\
                    [[region]]\noffset = 0x20000\nclass = \"device-unique\"\n";
        let classes = Classes::parse(text).unwrap();
        let class = |path: &str| classes.of(&ByteName::from(path)).class;
        assert_eq!(class("/bin/sh"), Class::Immutable);
        assert_eq!(class("/var/log/messages"), Class::Data);
        assert_eq!(class("/var/log/keep"), Class::Immutable);
        assert_eq!(class("/tmp/x"), Class::Volatile);
        let config = ByteName::from("/etc/config");
        assert!(classes.of(&config).site_set && classes.of(&config).is_area);
        assert_eq!(classes.of_region(0x20000), Some(RegionClass::DeviceUnique));
        assert_eq!(classes.of_region(0), None);
        for wrong in [
            "[[path]]\nmatch = \"tmp\"\nclass = \"data\"",
            "[[path]]\nmatch = \"/x\"\nclass = \"data\"\nsite-set = true",
            "[[path]]\nmatch = \"/x\"\nclass = \"other\"",
            "[[paths]]",
        ] {
            assert!(Classes::parse(wrong).is_err(), "{wrong}");
        }
    }
}
