//! What the image says of itself: the distribution and its release.
//!
//! Read from os-release(5), `lsb-release`, OpenWrt's `openwrt_release` and banner, the version
//! files of Debian, Alpine, Buildroot and Yocto, and the login text. All statements are kept; the
//! first source that names the distribution decides its component.

use std::collections::BTreeMap;

use auscult_model::{
    Component, ComponentKind, Cpe, Evidence, EvidenceClass, IdentityFact, Locator, Origin, Problem,
    Technique, Version, VersionClaim,
};
use auscult_unpack::{NodeId, NodeKind, Tree};

use crate::{
    packages,
    roots::{self, Root},
};

/// The distribution of one root.
#[derive(Clone, Debug)]
pub(crate) struct Distribution {
    pub(crate) root: Root,
    /// `ID` of os-release, or what comes closest: `debian`, `openwrt`, `poky`.
    pub(crate) id: String,
    /// The release, where one is told.
    pub(crate) version: Option<String>,
    /// The file that tells.
    pub(crate) locator: Locator,
    /// The line that tells.
    detail: String,
}

impl Distribution {
    /// `debian-12`, or `debian` alone.
    pub(crate) fn slug(&self) -> String {
        match &self.version {
            Some(version) => format!("{}-{version}", self.id),
            None => self.id.clone(),
        }
    }
}

/// All statements and the distributions behind them.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    pub(crate) facts: Vec<IdentityFact>,
    pub(crate) distributions: Vec<Distribution>,
    pub(crate) problems: Vec<Problem>,
}

impl Identities {
    /// The distribution that a root belongs to: its own, its container's, or the image's only one.
    pub(crate) fn of_root(&self, root: &Root) -> Option<&Distribution> {
        let own = self.distributions.iter().find(|known| known.root == *root);
        let near =
            || self.distributions.iter().find(|known| known.root.container == root.container);
        let only = || match self.distributions.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        own.or_else(near).or_else(only)
    }
}

/// Form of an identity file.
#[derive(Clone, Copy)]
enum Form {
    /// `KEY="value"` lines; the prefix of the fact's key.
    Assignments(&'static str),
    /// The whole text is one value of this key.
    Line(&'static str),
    /// A login text or banner, kept by its telling lines.
    Text(&'static str),
}

/// The identity files in the order in which they are believed.
const SOURCES: &[(&str, Form)] = &[
    ("/etc/os-release", Form::Assignments("os-release")),
    ("/usr/lib/os-release", Form::Assignments("os-release")),
    ("/etc/openwrt_release", Form::Assignments("openwrt")),
    ("/etc/lsb-release", Form::Assignments("lsb-release")),
    ("/etc/device_info", Form::Assignments("device-info")),
    ("/etc/alpine-release", Form::Line("alpine-release")),
    ("/etc/br-version", Form::Line("buildroot")),
    ("/etc/debian_version", Form::Line("debian-version")),
    ("/etc/openwrt_version", Form::Line("openwrt-version")),
    ("/etc/issue", Form::Text("issue")),
    ("/etc/banner", Form::Text("banner")),
    ("/etc/version", Form::Line("version")),
    ("/etc/build", Form::Text("build")),
];

/// Lines of a text file that are kept as statements at most.
const LINES_MAX: usize = 40;

/// Reads every identity file of every root, and the names that container headers carry.
pub(crate) fn read(tree: &Tree) -> Identities {
    let mut identities = Identities::default();
    for root in roots_of(tree) {
        let mut statements = Vec::new();
        for &(path, form) in SOURCES {
            if let Some(id) = root.lookup(tree, path)
                && tree.node(id).is_file()
            {
                let bytes = roots::read_text(tree, id, &mut identities.problems);
                let place = tree.locator(id);
                statements.extend(
                    statements_of(&bytes, form).into_iter().map(|(key, value)| IdentityFact {
                        key,
                        value,
                        locator: place.clone(),
                    }),
                );
            }
        }
        identities.distributions.extend(distribution_of(&root, &statements));
        identities.facts.extend(statements);
    }
    identities.facts.extend(header_names(tree));
    identities
}

/// Roots that hold one of the files, links to them included.
fn roots_of(tree: &Tree) -> Vec<Root> {
    let mut found = Vec::new();
    for container in tree.file_systems() {
        for &id in &tree.node(container).children {
            let name = &tree.node(id).name.0;
            found.extend(SOURCES.iter().filter_map(|(path, _)| {
                let prefix = name.strip_suffix(path.as_bytes())?.to_vec();
                Some(Root { container, prefix })
            }));
        }
    }
    found.sort();
    found.dedup();
    found
}

fn statements_of(bytes: &[u8], form: Form) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match form {
        Form::Assignments(prefix) => lines
            .take(LINES_MAX)
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (format!("{prefix}:{}", key.trim()), unquote(value.trim())))
            .filter(|(_, value)| !value.is_empty())
            .collect(),
        Form::Line(key) => lines.take(1).map(|line| (key.to_owned(), line.to_owned())).collect(),
        Form::Text(key) => lines
            .filter(|line| line.chars().filter(|c| c.is_alphanumeric()).count() >= 4)
            // Banners hold art and recipes around the one line with the release in brackets.
            .filter(|line| key != "banner" || from_text(line).is_some() || line.contains(" ("))
            .take(LINES_MAX)
            .map(|line| (key.to_owned(), line.to_owned()))
            .collect(),
    }
}

/// The value of a shell assignment without its quotes and escapes, as os-release(5) asks.
fn unquote(value: &str) -> String {
    let inner = ['"', '\'']
        .iter()
        .find_map(|&quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value);
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            plain.extend(characters.next());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Decides the distribution by the first source that names one.
fn distribution_of(root: &Root, statements: &[IdentityFact]) -> Option<Distribution> {
    let get = |key: &str| statements.iter().find(|fact| fact.key == key);
    let value = |key: &str| get(key).map(|fact| fact.value.as_str());
    let told = |fact: &IdentityFact, id: &str, version: Option<&str>| Distribution {
        root: root.clone(),
        id: id.to_ascii_lowercase().replace(' ', "-"),
        version: version.map(release).filter(|version| is_release(version)),
        locator: fact.locator.clone(),
        detail: format!("{}={}", fact.key, fact.value),
    };
    if let Some(id) = get("os-release:ID") {
        return Some(told(id, &id.value, value("os-release:VERSION_ID")));
    }
    for prefix in ["openwrt", "lsb-release"] {
        if let Some(id) = get(&format!("{prefix}:DISTRIB_ID")) {
            // Early OpenWrt writes its code name as release, and the number in another file.
            let version = [format!("{prefix}:DISTRIB_RELEASE"), "openwrt-version".to_owned()]
                .iter()
                .filter_map(|key| value(key))
                .find(|text| is_release(&release(text)));
            return Some(told(id, &id.value, version));
        }
    }
    if let Some(fact) = get("alpine-release") {
        return Some(told(fact, "alpine", Some(&fact.value)));
    }
    if let Some(fact) = get("buildroot") {
        return Some(told(fact, "buildroot", Some(&fact.value)));
    }
    if let Some(fact) = get("debian-version") {
        return Some(told(fact, "debian", Some(&fact.value)));
    }
    statements.iter().filter(|fact| matches!(fact.key.as_str(), "issue" | "banner")).find_map(
        |fact| {
            let (id, version) = from_text(&fact.value)?;
            Some(told(fact, id, version.as_deref()))
        },
    )
}

/// The leading token of a release text: "12 (bookworm) - installer build" is 12.
fn release(text: &str) -> String {
    let token = text.split([' ', ',']).next().unwrap_or_default();
    token.trim_start_matches('v').to_owned()
}

/// A release begins with a digit and holds no slash ("bookworm/sid", "SNAPSHOT" are none).
fn is_release(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit()) && !text.contains('/')
}

/// The distribution that a login text or banner names.
fn from_text(line: &str) -> Option<(&'static str, Option<String>)> {
    const NAMES: &[(&str, &str)] = &[
        ("poky", "poky"),
        ("openwrt", "openwrt"),
        ("lede", "lede"),
        ("buildroot", "buildroot"),
        ("debian gnu/linux", "debian"),
        ("ubuntu", "ubuntu"),
        ("alpine linux", "alpine"),
    ];
    let lower = line.to_ascii_lowercase();
    let (_, id) = NAMES.iter().find(|(name, _)| lower.contains(name))?;
    let numbers =
        line.split([' ', '(', ')', ',']).find(|word| word.contains('.') && is_release(word));
    let plain = || line.split([' ', '(', ')', ',']).find(|word| is_release(word));
    Some((id, numbers.or_else(plain).map(ToOwned::to_owned)))
}

/// Names that container headers give their content: the image name of uImage and FIT.
fn header_names(tree: &Tree) -> Vec<IdentityFact> {
    let mut facts = Vec::new();
    for (id, node) in tree.nodes() {
        let NodeKind::Container { format, attributes, .. } = &node.kind else { continue };
        for (&key, value) in attributes {
            let telling = ["name", "description", "vendor", "product", "model"]
                .iter()
                .any(|word| key == *word || key.ends_with(&format!("-{word}")));
            if telling && !value.trim().is_empty() {
                facts.push(IdentityFact {
                    key: format!("{format}:{key}"),
                    value: value.trim().to_owned(),
                    locator: tree.locator(id),
                });
            }
        }
    }
    facts
}

/// The node that a distribution was read from, for merging by place.
pub(crate) fn container_of(distribution: &Distribution) -> NodeId {
    distribution.root.container
}

/// The component of a distribution.
pub(crate) fn component(distribution: &Distribution) -> Component {
    let version = distribution.version.as_deref();
    let cpe = cpe_product(&distribution.id).map(|(vendor, product)| {
        let open = Cpe::product('o', vendor, product);
        version.map_or_else(|| open.clone(), |version| open.with_version(version))
    });
    Component {
        name: distribution.id.clone(),
        version: version.map_or_else(
            || {
                VersionClaim::Unknown(
                    "the image names the distribution without a release".to_owned(),
                )
            },
            |version| VersionClaim::Exact(Version(version.to_owned())),
        ),
        kind: ComponentKind::OperatingSystem,
        supplier: None,
        purl: packages::build_purl("generic", None, &distribution.id, version, &BTreeMap::new()),
        cpes: cpe.into_iter().collect(),
        origin: Origin::Structure,
        licences: Vec::new(),
        evidence: vec![Evidence {
            locator: distribution.locator.clone(),
            technique: Technique::ManifestAnalysis,
            class: EvidenceClass::ContainsCode,
            confidence: 100,
            detail: distribution.detail.clone(),
        }],
    }
}

/// Vendor and product under which the CPE dictionary keeps a distribution.
fn cpe_product(id: &str) -> Option<(&'static str, &'static str)> {
    Some(match id {
        "openwrt" => ("openwrt", "openwrt"),
        "lede" => ("lede-project", "lede"),
        "debian" => ("debian", "debian_linux"),
        "ubuntu" => ("canonical", "ubuntu_linux"),
        "alpine" => ("alpinelinux", "alpine_linux"),
        "poky" | "yocto" => ("linuxfoundation", "yocto"),
        "buildroot" => ("buildroot", "buildroot"),
        "fedora" => ("fedoraproject", "fedora"),
        "rhel" => ("redhat", "enterprise_linux"),
        "opensuse-leap" => ("opensuse", "leap"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Form, from_text, is_release, release, statements_of, unquote};

    #[test]
    fn releases_are_told_from_code_names() {
        for (text, expect) in [
            ("17.01.4, Reboot", Some("17.01.4")),
            ("12 (bookworm) - installer build 20230607", Some("12")),
            ("Attitude Adjustment", None),
            ("bookworm/sid", None),
            ("v3.19.1", Some("3.19.1")),
        ] {
            let found = release(text);
            assert_eq!(is_release(&found).then_some(found.as_str()), expect, "{text}");
        }
    }

    #[test]
    fn login_texts_name_the_distribution() {
        let poky = from_text(r"Poky (Yocto Project Reference Distro) 3.4.3 qemuarm64 \n \l");
        assert_eq!(poky, Some(("poky", Some("3.4.3".to_owned()))));
        let banner = from_text("OpenWrt 22.03.5, r20134-5f15225c1e");
        assert_eq!(banner, Some(("openwrt", Some("22.03.5".to_owned()))));
        assert_eq!(from_text("Welcome to Acme"), None);
        assert_eq!(from_text("Debian GNU/Linux 12").unwrap().1.as_deref(), Some("12"));
    }

    #[test]
    fn assignments_lose_quotes_and_escapes() {
        assert_eq!(unquote(r#""A \"B\" \$C""#), r#"A "B" $C"#);
        assert_eq!(unquote("'LEDE'"), "LEDE");
        let text = b"# comment\nID=debian\r\nVERSION_ID=\"12\"\nEMPTY=\nbroken\n";
        let found = statements_of(text, Form::Assignments("os-release"));
        assert_eq!(
            found,
            [
                ("os-release:ID".to_owned(), "debian".to_owned()),
                ("os-release:VERSION_ID".to_owned(), "12".to_owned())
            ]
        );
    }
}
