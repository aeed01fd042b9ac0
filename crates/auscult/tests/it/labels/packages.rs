//! Rows as packages of an SBOM. A row tells a name and a version alone; which distribution built them
//! is told by their versions and those beside them.

use std::collections::BTreeMap;

use auscult_model::DEBIAN_RELEASES;

/// Source packages whose binary packages are called otherwise.
const SOURCES: &[(&str, &[&str])] = &[
    ("busybox", &["ssl_client", "busybox-initramfs"]),
    ("curl", &["libcurl"]),
    ("eglibc", &["libc6", "libc-bin", "multiarch-support"]),
    (
        "glibc",
        &[
            "libc-bin",
            "libc-dev-bin",
            "libc-l10n",
            "libc6",
            "libc6-dev",
            "locales",
            "multiarch-support",
        ],
    ),
    ("krb5", &["libgssapi-krb5-2", "libk5crypto3"]),
    (
        "openjdk",
        &[
            "java-1.8.0-openjdk",
            "java-1.8.0-openjdk-devel",
            "java-1.8.0-openjdk-headless",
            "java-11-openjdk-headless",
            "java-17-openjdk-headless",
        ],
    ),
    ("openldap", &["libldap-2.4-2", "libldap-common"]),
    (
        "openssl",
        &[
            "libcrypto1.0",
            "libcrypto1.1",
            "libssl-dev",
            "libssl1.0",
            "libssl1.0.0",
            "libssl1.0.2",
            "libssl1.1",
        ],
    ),
    ("systemd", &["libudev1"]),
    ("util-linux", &["bsdutils", "libblkid1", "libmount1", "libuuid1"]),
    ("xz-utils", &["liblzma5"]),
];

/// Packages that are the same on every architecture, as Debian's lists tell.
const FOR_ALL_MACHINES: &[&str] =
    &["krb5-locales", "libc-l10n", "libldap-common", "locales", "ncurses-base"];

/// Which release of Alpine has which BusyBox; 1.31.1 is in two of them.
const ALPINE: &[(&str, &str)] = &[
    ("1.23.2-", "3.2"),
    ("1.24.2-", "3.4"),
    ("1.25.1-", "3.5"),
    ("1.26.2-", "3.6"),
    ("1.27.2-", "3.7"),
    ("1.28.4-", "3.8"),
    ("1.29.3-", "3.9"),
    ("1.30.1-", "3.10"),
    ("1.31.1-r8", "3.11"),
    ("1.31.1-r9", "3.11"),
    ("1.31.1-r10", "3.11"),
    ("1.31.1-r11", "3.11"),
    ("1.31.1-", "3.12"),
    ("1.32.1-", "3.13"),
    ("1.33.1-", "3.14"),
];

/// Ecosystems of languages with the namespace that a plain name gets there.
const LANGUAGES: &[(&str, &str)] = &[
    ("cargo", ""),
    ("composer", "vendor/"),
    ("gem", ""),
    ("golang", ""),
    ("maven", "group/"),
    ("npm", ""),
    ("nuget", ""),
    ("pypi", ""),
];

/// An entry of an SBOM.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) purl: String,
}

/// A distribution and its release, as its own data name it.
pub(super) struct System {
    /// Type and namespace of its purls.
    kind: &'static str,
    /// As its os-release has it: `debian-10`; empty where nothing tells.
    distro: String,
    pub(super) release: String,
}

impl System {
    /// Which distribution built a package of this version, by the packages beside it.
    pub(super) fn of<'a>(
        version: &str,
        beside: &(impl Iterator<Item = (&'a str, &'a str)> + Clone),
    ) -> Option<Self> {
        let all = || beside.clone().map(|(_, version)| version);
        if let Some(release) = enterprise(version) {
            let distro = format!("rhel-{release}");
            return Some(Self { kind: "rpm/redhat", distro, release });
        }
        if is_revised(version, "-r") {
            let release = beside.clone().find_map(|(name, version)| alpine(name, version))?;
            let distro = format!("alpine-{release}");
            return Some(Self { kind: "apk/alpine", distro, release: release.to_owned() });
        }
        let is_debian = is_revised(version, "-") || version.contains("+deb");
        if !is_debian || version.contains(".amzn") || version.contains(".cm") {
            return None;
        }
        if all().any(|version| version.contains("ubuntu")) {
            let (distro, release) = (String::new(), String::new());
            return Some(Self { kind: "deb/ubuntu", distro, release });
        }
        let (number, name) = debian(all())?;
        Some(Self {
            kind: "deb/debian",
            distro: format!("debian-{number}"),
            release: name.to_owned(),
        })
    }

    /// What stands before a source package in the names of its own data; none where there are none.
    pub(super) fn prefix(&self) -> Option<String> {
        let (_, namespace) = self.kind.split_once('/')?;
        (!self.release.is_empty()).then(|| format!("{namespace}:"))
    }

    /// A package as a scanner of such an image lists it.
    pub(super) fn listed(&self, name: &str, version: &str, source: &str) -> Listed {
        let all = FOR_ALL_MACHINES.contains(&name);
        let mut qualifiers = vec![format!("arch={}", if all { "all" } else { "amd64" })];
        if !self.distro.is_empty() {
            qualifiers.push(format!("distro={}", self.distro));
        }
        if source != name {
            qualifiers.push(format!("upstream={source}"));
        }
        let escaped = version.replace('+', "%2B");
        let purl = format!("pkg:{}/{name}@{escaped}?{}", self.kind, qualifiers.join("&"));
        Listed { name: name.to_owned(), version: version.to_owned(), purl }
    }
}

/// Whether a number follows the last of these marks, with digits before it.
fn is_revised(version: &str, mark: &str) -> bool {
    version.rsplit_once(mark).is_some_and(|(upstream, revision)| {
        upstream.contains(|c: char| c.is_ascii_digit())
            && revision.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// The release of Red Hat's that built an rpm: `8` of `7.61.1-22.el8`.
fn enterprise(version: &str) -> Option<String> {
    let (_, rest) = version.split_once(".el").or_else(|| version.split_once("+el"))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

fn alpine(name: &str, version: &str) -> Option<&'static str> {
    let is_busybox = matches!(name, "busybox" | "ssl_client");
    let found = ALPINE.iter().find(|(start, _)| {
        version.strip_prefix(start).is_some_and(|rest| {
            // `-r1` is no `-r10`.
            start.ends_with('-') || !rest.starts_with(|c: char| c.is_ascii_digit())
        })
    });
    found.filter(|_| is_busybox).map(|(_, release)| *release)
}

/// The release that most security updates of an image are of.
fn debian<'a>(versions: impl Iterator<Item = &'a str>) -> Option<(&'static str, &'static str)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for version in versions {
        let updated = version.split_once("deb").and_then(|(_, rest)| rest.split_once('u'));
        let known =
            updated.and_then(|(number, _)| DEBIAN_RELEASES.iter().find(|(n, _)| *n == number));
        if let Some((number, _)) = known {
            *counts.entry(number).or_default() += 1;
        }
    }
    let (most, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    DEBIAN_RELEASES.iter().find(|(number, _)| *number == most).copied()
}

/// The one of these source packages or products of which this is a package: by the table, else by
/// its name. `libpython3.9-stdlib` is of `python3.9`, and `libtasn1-6` of `libtasn1-3`.
pub(super) fn source<'a>(
    package: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let mut candidates: Vec<String> = candidates.map(str::to_lowercase).collect();
    candidates.sort();
    let listed = |source: &&String| {
        let mut sources = SOURCES.iter().filter(|(known, _)| *known == source.as_str());
        sources.any(|(_, packages)| packages.contains(&package))
    };
    let same = |source: &&String| *source == package || stem(source) == stem(package);
    let found = candidates.iter().find(listed).or_else(|| candidates.iter().find(same));
    found.cloned()
}

fn stem(name: &str) -> &str {
    let plain = name.strip_prefix("lib").unwrap_or(name);
    let first = plain.split('-').next().unwrap_or(plain);
    if first.contains('.') { first } else { first.trim_end_matches(|c: char| c.is_ascii_digit()) }
}

/// Whether a version is of none of these distributions: the package is of a language, or else, which a
/// row does not tell, a program by itself or of another distribution.
pub(super) fn is_of_language(version: &str) -> bool {
    let built = [".el", "+el", ".amzn", ".cm", ".azl", ".module", "deb", "ubuntu"];
    !built.iter().any(|mark| version.contains(mark)) && !is_revised(version, "-r")
}

/// A row that may be of a language, and does not tell which: as a package of each.
pub(super) fn of_languages(name: &str, version: &str) -> Vec<Listed> {
    let plain = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' })
            .collect()
    };
    let (group, short) =
        name.rsplit_once(['/', ':']).map_or(("", name), |(group, name)| (group, name));
    let listed = LANGUAGES.iter().map(|(kind, namespace)| {
        let namespace = match group {
            "" => (*namespace).to_owned(),
            group => format!("{}/", group.split('/').map(plain).collect::<Vec<_>>().join("/")),
        };
        let purl = format!("pkg:{kind}/{namespace}{}@{}", plain(short), plain(version));
        Listed { name: name.to_owned(), version: version.to_owned(), purl }
    });
    listed.collect()
}
