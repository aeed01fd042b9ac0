//! Which scheme the versions of an ecosystem follow, by the names that others give to it.

use crate::Scheme;

/// Names of package URL and VERS types with their schemes.
const TYPES: &[(&str, Scheme)] = &[
    ("alpine", Scheme::Alpine),
    ("alpm", Scheme::Alpm),
    ("apk", Scheme::Alpine),
    ("bitnami", Scheme::Bitnami),
    ("cargo", Scheme::Semver),
    ("composer", Scheme::Composer),
    ("conan", Scheme::Conan),
    ("cpan", Scheme::Cpan),
    ("cran", Scheme::Cran),
    ("dart", Scheme::Pub),
    ("deb", Scheme::Debian),
    ("ebuild", Scheme::Gentoo),
    ("gem", Scheme::Gem),
    ("generic", Scheme::Generic),
    ("gentoo", Scheme::Gentoo),
    ("github", Scheme::Generic),
    ("golang", Scheme::Go),
    ("hackage", Scheme::Hackage),
    ("hex", Scheme::Semver),
    ("julia", Scheme::Semver),
    ("maven", Scheme::Maven),
    ("npm", Scheme::Semver),
    ("nuget", Scheme::Nuget),
    ("opkg", Scheme::Debian),
    ("portage", Scheme::Gentoo),
    ("pub", Scheme::Pub),
    ("pypi", Scheme::Pep440),
    ("rpm", Scheme::Rpm),
    ("swift", Scheme::Semver),
];

/// VERS types of one project or of a general order.
const VERS_TYPES: &[(&str, Scheme)] = &[
    ("apache", Scheme::Generic),
    ("arch", Scheme::Alpm),
    ("datetime", Scheme::Datetime),
    ("go", Scheme::Go),
    ("intdot", Scheme::Intdot),
    ("jvm", Scheme::Jvm),
    ("kernel", Scheme::Kernel),
    ("lexicographic", Scheme::Lexicographic),
    ("mattermost", Scheme::Semver),
    ("mozilla", Scheme::Generic),
    ("nginx", Scheme::Semver),
    ("openssh", Scheme::OpenSsh),
    ("openssl", Scheme::OpenSsl),
    ("semver", Scheme::Semver),
];

/// Ecosystems of OSV records (OSV schema 1.7, `affected[].package.ecosystem`), without release.
const OSV_ECOSYSTEMS: &[(&str, Scheme)] = &[
    ("AlmaLinux", Scheme::Rpm),
    ("Alpaquita", Scheme::Alpine),
    ("Alpine", Scheme::Alpine),
    ("Azure Linux", Scheme::Rpm),
    ("BellSoft Hardened Containers", Scheme::Alpine),
    ("Bioconductor", Scheme::Semver),
    ("Bitnami", Scheme::Bitnami),
    ("CRAN", Scheme::Cran),
    ("Chainguard", Scheme::Alpine),
    ("ConanCenter", Scheme::Conan),
    ("Debian", Scheme::Debian),
    ("Echo", Scheme::Debian),
    ("GHC", Scheme::Hackage),
    ("GitHub Actions", Scheme::Semver),
    ("Go", Scheme::Go),
    ("Hackage", Scheme::Hackage),
    ("Hex", Scheme::Semver),
    ("Julia", Scheme::Semver),
    ("Linux", Scheme::Kernel),
    ("Mageia", Scheme::Rpm),
    ("Maven", Scheme::Maven),
    ("MinimOS", Scheme::Alpine),
    ("NuGet", Scheme::Nuget),
    ("OSS-Fuzz", Scheme::Generic),
    ("Packagist", Scheme::Composer),
    ("Photon OS", Scheme::Rpm),
    ("Pub", Scheme::Pub),
    ("PyPI", Scheme::Pep440),
    ("Red Hat", Scheme::Rpm),
    ("Rocky Linux", Scheme::Rpm),
    ("RubyGems", Scheme::Gem),
    ("SUSE", Scheme::Rpm),
    ("SwiftURL", Scheme::Semver),
    ("Ubuntu", Scheme::Debian),
    ("Wolfi", Scheme::Alpine),
    ("crates.io", Scheme::Semver),
    ("npm", Scheme::Semver),
    ("openEuler", Scheme::Rpm),
    ("openSUSE", Scheme::Rpm),
];

fn find(names: &[(&str, Scheme)], name: &str) -> Option<Scheme> {
    names.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, scheme)| *scheme)
}

impl Scheme {
    /// The scheme of a package URL type such as `deb` or `npm`; `None` where it is not known.
    pub fn of_purl_type(name: &str) -> Option<Self> {
        find(TYPES, name)
    }

    /// The scheme of a VERS type, which is a package URL type, a project such as `openssl`, or a
    /// general order such as `intdot`; `None` where it is not known.
    pub fn of_vers_type(name: &str) -> Option<Self> {
        find(TYPES, name).or_else(|| find(VERS_TYPES, name))
    }

    /// The scheme of an OSV ecosystem such as `Debian:12`; what follows a colon names a release.
    /// `None` where it is not known.
    pub fn of_osv_ecosystem(name: &str) -> Option<Self> {
        let ecosystem = name.split_once(':').map_or(name, |(ecosystem, _release)| ecosystem);
        find(OSV_ECOSYSTEMS, ecosystem)
    }
}
