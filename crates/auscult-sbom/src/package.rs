//! Which package of a distribution an entry is. Its advisories stand under the source package, in the
//! release of the distribution: an SBOM tells both in the qualifiers of a purl or in properties of the
//! program that made it.

use auscult_model::{
    Component, ComponentKind, DEBIAN_RELEASES, Origin, PACKAGE_TYPES, Package, Purl, PurlParts,
    VersionClaim,
};

use crate::cyclonedx::property;

/// Name and version of a source package, as SPDX tells it in words; no property of a document.
pub(crate) const SOURCE_WORDS: &str = "spdx:source";

/// Distributions by another name: in purls, and the id in their os-release.
const ALIASES: &[(&str, &str)] = &[
    ("redhat", "rhel"),
    ("red hat", "rhel"),
    ("alma", "almalinux"),
    ("rockylinux", "rocky"),
    ("suse", "sles"),
];

/// Releases of Ubuntu by name; its advisories stand under numbers.
const UBUNTU_RELEASES: &[(&str, &str)] = &[
    ("14.04", "trusty"),
    ("16.04", "xenial"),
    ("18.04", "bionic"),
    ("20.04", "focal"),
    ("22.04", "jammy"),
    ("24.04", "noble"),
];

/// The package that an entry says it is; none where its purl is of no such type and it says nothing
/// else. `properties` are those of CycloneDX by their full names.
pub(crate) fn of(purl: Option<&Purl>, properties: &[(String, String)]) -> Option<Package> {
    let named = |names: &[&str]| {
        let one = |wanted: &&str| properties.iter().find(|(name, _)| name == *wanted);
        let found = names.iter().find_map(one).map(|(_, value)| value.trim().to_owned());
        found.filter(|value| !value.is_empty())
    };
    if let Some(database) = named(&[property::PACKAGE_DATABASE]) {
        return Some(Package {
            database,
            distribution: named(&[property::PACKAGE_DISTRIBUTION]),
            source: named(&[property::PACKAGE_SOURCE]),
            source_version: named(&[property::PACKAGE_SOURCE_VERSION]),
            architecture: named(&[property::PACKAGE_ARCHITECTURE]),
        });
    }
    let parts = purl?.parts().ok()?;
    let (_, database) = PACKAGE_TYPES.iter().find(|(kind, _)| *kind == parts.kind)?;
    let qualifier = |name: &str| parts.qualifiers.get(name).cloned();
    let upstream = qualifier("upstream").map(|text| source_of(&text));
    let (source, source_version) = upstream.unwrap_or_else(|| {
        let names = [
            SOURCE_WORDS,
            "aquasecurity:trivy:SrcName",
            "syft:metadata:source",
            "syft:metadata:originPackage",
            "syft:metadata:sourceRpm",
        ];
        let (name, version) = named(&names).map_or((None, None), |text| source_of(&text));
        (name, version.or_else(|| trivy_version(&named)))
    });
    let syft = || named(&["syft:metadata:sourceVersion"]);
    Some(Package {
        database: (*database).to_owned(),
        distribution: distribution(&parts),
        source_version: source_version.or_else(syft),
        source,
        architecture: qualifier("arch"),
    })
}

/// The version of a source package in three parts.
fn trivy_version(named: &impl Fn(&[&str]) -> Option<String>) -> Option<String> {
    let mut version = named(&["aquasecurity:trivy:SrcVersion"])?;
    if let Some(release) = named(&["aquasecurity:trivy:SrcRelease"]) {
        version = format!("{version}-{release}");
    }
    match named(&["aquasecurity:trivy:SrcEpoch"]).filter(|epoch| epoch != "0") {
        Some(epoch) => Some(format!("{epoch}:{version}")),
        None => Some(version),
    }
}

/// Name and version in `krb5`, `krb5@1.17-3` and `krb5-1.15.1-50.el7.src.rpm`.
fn source_of(text: &str) -> (Option<String>, Option<String>) {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    if let Some(file) = text.strip_suffix(".src.rpm") {
        // The version of an rpm's source is that of the rpm, but for its epoch.
        let mut parts = file.rsplitn(3, '-');
        let name = parts.nth(2).unwrap_or(file);
        return (some(name), None);
    }
    match text.split_once('@') {
        Some((name, version)) => (some(name), some(version)),
        None => (some(text), None),
    }
}

/// `debian-10.4` of `debian-10.4` and `10.4`, `debian-10` of `buster`.
fn distribution(parts: &PurlParts) -> Option<String> {
    let namespace = parts.namespace.as_deref().map(id)?;
    let told = parts.qualifiers.get("distro").map(|text| text.trim().to_lowercase());
    let told = told.filter(|text| !text.is_empty())?;
    let name = told.strip_prefix(&format!("{namespace}-")).unwrap_or(&told);
    for (system, releases) in [("debian", DEBIAN_RELEASES), ("ubuntu", UBUNTU_RELEASES)] {
        if let Some((number, _)) = releases.iter().find(|(_, codename)| *codename == name) {
            return Some(format!("{system}-{number}"));
        }
    }
    let release = name.strip_prefix("el").or_else(|| name.strip_prefix("fc")).unwrap_or(name);
    if release.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(format!("{namespace}-{release}"));
    }
    Some(match told.split_once('-') {
        Some((name, release)) => format!("{}-{release}", id(name)),
        None => told,
    })
}

fn id(name: &str) -> String {
    let name = name.to_lowercase();
    let found = ALIASES.iter().find(|(alias, _)| *alias == name);
    found.map_or(name.clone(), |(_, id)| (*id).to_owned())
}

/// Debian's security updates name the release (Developer's Reference, section 5.8.5.4):
/// `1.17-3+deb10u1`.
fn release_of(version: &str) -> Option<String> {
    let end = version.rfind("deb").and_then(|at| version.get(at..))?;
    let (release, update) = end.strip_prefix("deb")?.split_once('u')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let begins = update.starts_with(|c: char| c.is_ascii_digit());
    (!release.is_empty() && is_number(release) && begins).then(|| format!("debian-{release}"))
}

/// The one operating system of an exact version that a document lists.
fn system(components: &[Component]) -> Option<(String, String)> {
    let systems = components.iter().filter(|one| one.kind == ComponentKind::OperatingSystem);
    let mut systems = systems.filter_map(|one| match &one.version {
        VersionClaim::Exact(version) => Some((id(&one.name), version.0.clone())),
        _ => None,
    });
    let only = systems.next();
    only.filter(|_| systems.next().is_none())
}

/// Gives packages that do not tell their release that of the operating system which the document
/// lists, where it is of the same distribution, else that which their version tells: a package may
/// have come along from the release before.
pub(crate) fn complete(components: &mut [Component]) {
    let system = system(components);
    for component in components {
        let Origin::Sbom { package: Some(package) } = &mut component.origin else { continue };
        if package.distribution.is_some() {
            continue;
        }
        let parts = component.purl.as_ref().and_then(|purl| purl.parts().ok());
        let Some(namespace) = parts.and_then(|parts| parts.namespace).map(|name| id(&name)) else {
            continue;
        };
        let of_system = system.as_ref().filter(|(name, _)| *name == namespace);
        package.distribution = match (of_system, &component.version) {
            (Some((name, release)), _) => Some(format!("{name}-{release}")),
            (None, VersionClaim::Exact(version)) if namespace == "debian" => release_of(&version.0),
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::{Package, Purl};

    use super::{of, release_of};

    fn package(purl: &str, properties: &[(&str, &str)]) -> Option<Package> {
        let properties: Vec<(String, String)> =
            properties.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        of(Some(&Purl::canonical(purl).unwrap()), &properties)
    }

    fn told(purl: &str, properties: &[(&str, &str)]) -> String {
        let Some(one) = package(purl, properties) else { return "none".to_owned() };
        let rest =
            [one.distribution, one.source, one.source_version].map(Option::unwrap_or_default);
        format!("{} {}", one.database, rest.join(" ")).trim_end().to_owned()
    }

    #[test]
    fn purls_of_other_programs_are_understood() {
        for (purl, expected) in [
            (
                "pkg:deb/debian/libk5crypto3@1.17-3?distro=debian-10&upstream=krb5",
                "dpkg debian-10 krb5",
            ),
            (
                "pkg:deb/debian/libc-bin@2.28-10?distro=debian-10.4&upstream=glibc%402.28-10",
                "dpkg debian-10.4 glibc 2.28-10",
            ),
            ("pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie", "dpkg debian-8"),
            ("pkg:deb/ubuntu/curl@7.68.0-1ubuntu2?distro=focal", "dpkg ubuntu-20.04"),
            ("pkg:deb/debian/openssl@1.1.1n-0", "dpkg"),
            (
                "pkg:rpm/redhat/krb5-libs@1.15.1-50.el7?distro=rhel-7.9&\
                 upstream=krb5-1.15.1-50.el7.src.rpm",
                "rpm rhel-7.9 krb5",
            ),
            ("pkg:rpm/redhat/curl@7.29.0-59.el7?distro=redhat-7.9", "rpm rhel-7.9"),
            ("pkg:rpm/redhat/curl@7.29.0-59.el7?distro=el7", "rpm rhel-7"),
            ("pkg:rpm/opensuse/curl@7.56.1?distro=opensuse-tumbleweed", "rpm opensuse-tumbleweed"),
            (
                "pkg:apk/alpine/ssl_client@1.31.1-r11?distro=3.11.6&upstream=busybox",
                "apk alpine-3.11.6 busybox",
            ),
            ("pkg:npm/php@1.0.2", "none"),
            ("pkg:generic/zlib@1.3.1", "none"),
        ] {
            assert_eq!(told(purl, &[]), expected, "{purl}");
        }
    }

    #[test]
    fn versions_of_security_updates_tell_the_release() {
        for (version, release) in [
            ("1.1.1n-0+deb11u3", Some("debian-11")),
            ("241-7~deb10u8", Some("debian-10")),
            ("2.36-9+deb12u1+b1", Some("debian-12")),
            ("1.1.1n-0", None),
            ("1.0+debian-1", None),
            ("1.0-1+deb9", None),
        ] {
            assert_eq!(release_of(version).as_deref(), release, "{version}");
        }
    }

    #[test]
    fn properties_tell_what_a_purl_leaves_out() {
        let purl = "pkg:deb/debian/libc6@2.31-13?distro=debian-11.3";
        let trivy = [
            ("aquasecurity:trivy:SrcName", "glibc"),
            ("aquasecurity:trivy:SrcVersion", "2.31"),
            ("aquasecurity:trivy:SrcRelease", "13+deb11u3"),
            ("aquasecurity:trivy:SrcEpoch", "1"),
        ];
        assert_eq!(told(purl, &trivy), "dpkg debian-11.3 glibc 1:2.31-13+deb11u3");
        let syft = [("syft:metadata:source", "glibc"), ("syft:metadata:sourceVersion", "2.31-13")];
        assert_eq!(told(purl, &syft), "dpkg debian-11.3 glibc 2.31-13");
        let own = [("auscult:package:database", "opkg"), ("auscult:package:source", "zlib")];
        assert_eq!(told("pkg:generic/openwrt/zlib@1.2", &own), "opkg  zlib");
    }
}
