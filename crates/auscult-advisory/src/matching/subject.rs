//! The names and the version under which a component is looked up.

use auscult_model::{Component, Cpe, Version, VersionClaim};
use auscult_version::Scheme;

use crate::{
    affected::{Verdict, judge, judge_between, judge_incomplete},
    cpe::Name,
    feeds::{osv::fuzz_key, scheme_of},
    names::{keys_of_name, siblings},
    record::Claim,
};

/// Package types whose ecosystem has advisories by purl: there a name alone means nothing to the
/// world of C, and the other way round.
const ECOSYSTEMS: &[(&str, &str)] = &[
    ("cargo", "rust"),
    ("npm", "node.js"),
    ("pypi", "python"),
    ("golang", "go"),
    ("maven", "java"),
    ("gem", "ruby"),
    ("nuget", ".net"),
    ("composer", "php"),
    ("cran", "r"),
    ("cpan", "perl"),
    ("luarocks", "lua"),
    ("otp", "erlang"),
];

/// Confidence cap of a match by bounds: they were inferred, and read off nowhere.
const RANGE_CONFIDENCE_MAX: u8 = 60;

/// Target software of CPE names that native code on a device can be.
const NATIVE_TARGETS: &[&str] = &["linux", "linux_kernel", "unix", "embedded", "openwrt"];

/// What is told of a component's version, in upstream's terms.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    /// All of it.
    Exact(String),
    /// Its first part.
    Part(String),
    /// The least that it can be, and the least that is too high.
    Between(Option<String>, Option<String>),
    /// Nothing.
    Nothing,
}

/// A name under which a component is looked up.
pub(crate) struct LookupName {
    /// The key in the snapshot.
    pub(crate) key: String,
    /// The name as a person reads it.
    pub(crate) label: String,
    /// Confidence lost because the name was derived and not given.
    pub(crate) doubt: u8,
}

/// What is looked up.
pub(crate) struct Subject {
    pub(crate) names: Vec<LookupName>,
    /// The version that upstream ranges are compared with.
    pub(crate) version: Told,
    /// How far the traces of the component can be trusted, in percent.
    pub(super) trust: u8,
    /// The package comes from a distribution that repairs without new upstream versions.
    pub(crate) may_be_backported: bool,
    /// Target software of its CPE names and the world of its ecosystem.
    pub(super) targets: Vec<String>,
}

impl Subject {
    pub(crate) fn of(component: &Component) -> Self {
        let given = given(component);
        let kind = component.purl.as_ref().map_or("", |purl| purl.kind());
        let ecosystem = ECOSYSTEMS.iter().find(|(known, _)| *known == kind);
        let mut names = Names::default();
        if let Some(purl) = &component.purl {
            let key = purl.without_version();
            names.add(&format!("p:{key}"), 0);
        }
        for name in &given {
            names.add(&name.key(), 0);
        }
        if ecosystem.is_none() {
            for name in &given {
                for key in siblings(&name.key()) {
                    names.add(key, 5);
                }
            }
            for name in package_names(component) {
                for key in keys_of_name(name) {
                    names.add(key, 10);
                }
                names.add(&fuzz_key(name), 20);
            }
            for name in names_without_series(component) {
                for key in keys_of_name(&name) {
                    names.add(key, 15);
                }
            }
        }
        let mut targets: Vec<String> = given.iter().map(|name| name.target.clone()).collect();
        targets.retain(|target| !target.is_empty());
        targets.extend(ecosystem.map(|(_, target)| (*target).to_owned()));
        let version = Told::of(component, &given);
        let may_be_backported =
            database(component).is_some_and(|d| matches!(d, "dpkg" | "rpm" | "apk"));
        Self { names: names.0, version, trust: super::trust(component), may_be_backported, targets }
    }

    /// Tells whether a claim can be about this component: not about hardware, and not about a
    /// product of the same name for another environment.
    pub(crate) fn accepts(&self, claim: &Claim<&str>) -> bool {
        if claim.part == 'h' {
            return false;
        }
        if claim.target.is_empty() {
            return true;
        }
        if self.targets.is_empty() {
            NATIVE_TARGETS.contains(&claim.target)
        } else {
            self.targets.iter().any(|target| target == claim.target)
        }
    }
}

/// The CPE names of a component, those that are any.
pub(super) fn given(component: &Component) -> Vec<Name> {
    component.cpes.iter().filter_map(|Cpe(text)| Name::parse(text)).collect()
}

impl Told {
    /// What is told of a component's version.
    pub(super) fn by(component: &Component) -> Self {
        Self::of(component, &given(component))
    }

    fn of(component: &Component, given: &[Name]) -> Self {
        let plain = |version: &Version| upstream(component, &version.0, given);
        match &component.version {
            VersionClaim::Exact(version) => Self::Exact(plain(version)),
            VersionClaim::Incomplete { known, .. } => Self::Part(plain(known)),
            VersionClaim::Range { at_least: None, below: None, .. } | VersionClaim::Unknown(_) => {
                Self::Nothing
            }
            VersionClaim::Range { at_least, below, .. } => {
                Self::Between(at_least.as_ref().map(plain), below.as_ref().map(plain))
            }
        }
    }

    /// Judges it by a claim: what is known in part is decided only where all that it may be agrees.
    pub(crate) fn judge(&self, claim: &Claim<&str>) -> Verdict {
        match self {
            Self::Exact(version) => judge(claim, version),
            Self::Part(known) => judge_incomplete(claim, known),
            Self::Between(least, limit) => judge_between(claim, least.as_deref(), limit.as_deref()),
            Self::Nothing => Verdict::NotAffected,
        }
    }

    /// How much a decided match by it is believed at most, in percent.
    pub(crate) fn confidence_max(&self) -> u8 {
        match self {
            Self::Between(..) => RANGE_CONFIDENCE_MAX,
            Self::Exact(_) | Self::Part(_) | Self::Nothing => 100,
        }
    }
}

#[derive(Default)]
struct Names(Vec<LookupName>);

impl Names {
    fn add(&mut self, key: &str, doubt: u8) {
        let kernel = scheme_of(key) == Some(Scheme::Kernel);
        let key = if kernel { "k:linux" } else { key };
        if self.0.iter().any(|known| known.key == key) {
            return;
        }
        let label = if kernel {
            "linux kernel".to_owned()
        } else {
            key.split_once(':').map_or(key, |(_, name)| name).to_owned()
        };
        self.0.push(LookupName { key: key.to_owned(), label, doubt });
    }
}

/// The database of a package.
pub(crate) fn database(component: &Component) -> Option<&str> {
    component.package().map(|package| package.database.as_str())
}

/// The component's own name and that of its source package.
pub(crate) fn package_names(component: &Component) -> Vec<&str> {
    let mut names = vec![component.name.as_str()];
    let source = component.package().and_then(|package| package.source.as_deref());
    names.extend(source.filter(|source| *source != component.name));
    names
}

/// The names of a package without the series that a distribution puts into them, to have several side
/// by side: `python3.9`, `openjdk-11`, `java-1.8.0-openjdk`.
fn names_without_series(component: &Component) -> Vec<String> {
    let (Some(_), VersionClaim::Exact(version)) = (component.package(), &component.version) else {
        return Vec::new();
    };
    let names = package_names(component).into_iter();
    names.filter_map(|name| without_series(name, &version.0)).collect()
}

/// A name without the numbers in it that the version begins with.
fn without_series(name: &str, version: &str) -> Option<String> {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut at = 0;
    while let Some(start) = name.get(at..)?.find(|c: char| c.is_ascii_digit()) {
        let start = at + start;
        let rest = name.get(start..)?;
        let length = rest.find(|c| !is_number(c)).unwrap_or(rest.len());
        let (series, behind) = rest.split_at_checked(length)?;
        let after = version.strip_prefix(series);
        if after.is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_digit())) {
            let before = name.get(..start)?;
            let plain = format!("{}{behind}", before.trim_end_matches('-'));
            return (!before.is_empty()).then_some(plain);
        }
        at = start + length;
    }
    None
}

/// The upstream part of a component's version, with the update level that a CPE name adds to it.
fn upstream(component: &Component, version: &str, given: &[Name]) -> String {
    let full = given.iter().find(|name| name.version == version.to_lowercase());
    if let Some(full) = full.and_then(Name::full_version) {
        return full;
    }
    match database(component) {
        Some("dpkg" | "opkg" | "ipkg" | "pacman" | "yocto" | "openwrt") => {
            let version = version.split_once(':').map_or(version, |(_, rest)| rest);
            let version = version.rsplit_once('-').map_or(version, |(upstream, _)| upstream);
            // Repackaged sources are the same release: 1.2.3+dfsg1, 1.2.3+ds.
            let repacked = ["+dfsg", "+ds", "+repack", "~dfsg"];
            let end = repacked.iter().filter_map(|mark| version.find(mark)).min();
            end.and_then(|end| version.get(..end)).unwrap_or(version).to_owned()
        }
        Some("rpm") => {
            let version = version.split_once(':').map_or(version, |(_, rest)| rest);
            version.rsplit_once('-').map_or(version, |(upstream, _)| upstream).to_owned()
        }
        Some("apk") => {
            version.rsplit_once("-r").map_or(version, |(upstream, _)| upstream).to_owned()
        }
        _ => version.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_series;

    #[test]
    fn the_series_in_a_name_is_no_part_of_it() {
        for (name, version, plain) in [
            ("python3.9", "3.9.2-1", Some("python")),
            ("openjdk-11", "11.0.11+9-0ubuntu2", Some("openjdk")),
            ("java-1.8.0-openjdk", "1:1.8.0.292.b10-1.el8_4", Some("java-openjdk")),
            ("openssl1.0", "1.0.2u-1~deb9u1", Some("openssl")),
            ("sqlite3", "3.27.2-3", Some("sqlite")),
            ("libpcre3", "2:8.39-13", None),
            ("lua5.1", "5.10", None),
            ("openssl", "1.1.1", None),
            ("7zip", "7.1", None),
        ] {
            assert_eq!(without_series(name, version).as_deref(), plain, "{name}");
        }
    }
}
