//! Package URLs (ECMA-427) of rows, by the rules of each type.

use std::collections::BTreeMap;

use auscult_model::{Purl, PurlParts};

use super::{Database, Row};
use crate::identity::Distribution;

/// Name of the component that stands for Go's standard library and runtime.
pub(super) const GO_TOOLCHAIN: &str = "go";

/// The package URL of a row.
///
/// `deb`, `apk` and `rpm` are registered types whose namespace is the distribution. opkg has no type
/// in the registry (ECMA-427, October 2026), and `yocto` names recipes, not packages; so such rows
/// are `generic` with the distribution as namespace, which keeps `pkg:generic/openwrt/zlib` apart
/// from upstream's `pkg:generic/zlib`.
pub(super) fn of(row: &Row, distribution: Option<&Distribution>) -> Option<Purl> {
    match row.database {
        Database::Dpkg => system(row, distribution, "deb", "debian"),
        Database::Opkg => system(row, distribution, "generic", "opkg"),
        Database::Apk => system(row, distribution, "apk", "alpine"),
        Database::Rpm => system(row, distribution, "rpm", "rpm"),
        Database::Python => {
            let name = row.name.to_ascii_lowercase().replace(['_', '.'], "-");
            module(row, "pypi", None, &name)
        }
        Database::Npm => scoped(row, "npm", '/'),
        Database::Maven if row.name.contains(':') => scoped(row, "maven", ':'),
        // A jar that does not tell its group is nothing that the registry of Maven knows.
        Database::Maven | Database::DotNet | Database::Note | Database::Windows => {
            module(row, "generic", None, &row.name)
        }
        Database::Pacman => system(row, distribution, "alpm", "arch"),
        Database::Yocto => system(row, distribution, "generic", "yocto"),
        Database::Buildroot => system(row, distribution, "generic", "buildroot"),
        Database::OpenWrt => system(row, distribution, "generic", "openwrt"),
        Database::Gem => module(row, "gem", None, &row.name),
        Database::Composer => scoped(row, "composer", '/'),
        Database::LuaRocks => module(row, "luarocks", None, &row.name),
        Database::NuGet => module(row, "nuget", None, &row.name),
        Database::Cran => module(row, "cran", None, &row.name),
        Database::Cpan => scoped(row, "cpan", '/'),
        Database::Conda => module(row, "conda", None, &row.name),
        Database::Otp => module(row, "otp", None, &row.name),
        Database::Go => go(row),
        Database::Cargo => module(row, "cargo", None, &row.name),
    }
}

/// A package of a distribution; `fallback` is the namespace where the image does not name one.
fn system(
    row: &Row,
    distribution: Option<&Distribution>,
    kind: &'static str,
    fallback: &str,
) -> Option<Purl> {
    let namespace = distribution.map_or(fallback, |known| known.id.as_str());
    // Names under which the registry of types and the feeds know these makers.
    let namespace = match (kind, namespace) {
        ("rpm", "rhel") => "redhat",
        ("rpm", "sles" | "sled" | "sle-micro") => "suse",
        ("rpm", id) if id.starts_with("opensuse") => "opensuse",
        (_, id) => id,
    };
    let mut qualifiers: BTreeMap<_, _> = row.qualifiers.iter().cloned().collect();
    if let Some(architecture) = &row.architecture {
        qualifiers.insert("arch", architecture.clone());
    }
    if let Some(distribution) = distribution {
        qualifiers.insert("distro", distribution.slug());
    }
    let lower = matches!(kind, "deb" | "apk" | "alpm");
    let name = if lower { row.name.to_ascii_lowercase() } else { row.name.clone() };
    let version = version_of(row).map(|version| match version.split_once(':') {
        // The epoch of an rpm is a qualifier.
        Some((_, rest)) if kind == "rpm" => rest,
        _ => version,
    });
    build(kind, Some(namespace), &name, version, &qualifiers)
}

/// A module whose name holds its namespace. One that its registry cannot know, such as a private
/// package of Composer without a vendor, is generic.
fn scoped(row: &Row, kind: &'static str, separator: char) -> Option<Purl> {
    let purl = match row.name.split_once(separator) {
        Some((namespace, name)) => module(row, kind, Some(namespace), name),
        None => module(row, kind, None, &row.name),
    };
    purl.or_else(|| module(row, "generic", None, &row.name))
}

/// A module path of Go: all but its last part is the namespace. The standard library has the name
/// under which its advisories stand.
fn go(row: &Row) -> Option<Purl> {
    if row.name == GO_TOOLCHAIN {
        return module(row, "golang", None, "stdlib");
    }
    let path = row.name.to_ascii_lowercase();
    match path.rsplit_once('/') {
        Some((namespace, name)) => module(row, "golang", Some(namespace), name),
        None => module(row, "golang", None, &path),
    }
}

fn module(row: &Row, kind: &'static str, namespace: Option<&str>, name: &str) -> Option<Purl> {
    let qualifiers = row.qualifiers.iter().cloned().collect();
    build(kind, namespace, name, version_of(row), &qualifiers)
}

fn version_of(row: &Row) -> Option<&str> {
    row.version.exact().map(|version| version.0.as_str())
}

/// Builds a canonical package URL; none where a part is not allowed in one.
pub(crate) fn build(
    kind: &'static str,
    namespace: Option<&str>,
    name: &str,
    version: Option<&str>,
    qualifiers: &BTreeMap<&'static str, String>,
) -> Option<Purl> {
    let mut parts = PurlParts::new(kind, name);
    parts.namespace = namespace.map(ToOwned::to_owned);
    parts.version = version.map(ToOwned::to_owned);
    parts.qualifiers =
        qualifiers.iter().map(|(&key, value)| (key.to_owned(), value.clone())).collect();
    parts.build().ok()
}
