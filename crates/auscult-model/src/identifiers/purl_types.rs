//! The registered types of package URLs and what each asks for, from the type definitions that
//! belong to ECMA-427 (42 types, August 2026).

use super::purl::PurlParts;

/// Whether a type has a namespace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Namespace {
    Required,
    Optional,
    Prohibited,
}

/// What case a part has in the canonical form; ASCII only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Kept,
    Lower,
    Upper,
}

impl Case {
    pub(super) fn apply(self, mut text: String) -> String {
        match self {
            Self::Kept => {}
            Self::Lower => text.make_ascii_lowercase(),
            Self::Upper => text.make_ascii_uppercase(),
        }
        text
    }
}

/// The rules of a type.
pub(super) struct TypeRules {
    kind: &'static str,
    pub(super) namespace: Namespace,
    pub(super) namespace_case: Case,
    pub(super) name_case: Case,
    pub(super) version_case: Case,
    pub(super) subpath_case: Case,
    /// Qualifiers that the type defines.
    pub(super) keys: &'static [&'static str],
    /// Those of them that must be there.
    pub(super) required_keys: &'static [&'static str],
}

/// The rules of a type; none where the type is not registered.
pub(super) fn rules(kind: &str) -> Option<&'static TypeRules> {
    let at = TYPES.binary_search_by_key(&kind, |rules| rules.kind).ok()?;
    TYPES.get(at)
}

/// A type whose parts keep their case.
const fn plain(
    kind: &'static str,
    namespace: Namespace,
    keys: &'static [&'static str],
) -> TypeRules {
    TypeRules {
        kind,
        namespace,
        namespace_case: Kept,
        name_case: Kept,
        version_case: Kept,
        subpath_case: Kept,
        keys,
        required_keys: &[],
    }
}

/// A type whose namespace and name are not case-sensitive.
const fn lower(
    kind: &'static str,
    namespace: Namespace,
    keys: &'static [&'static str],
) -> TypeRules {
    TypeRules { namespace_case: Lower, name_case: Lower, ..plain(kind, namespace, keys) }
}

use Case::{Kept, Lower, Upper};
use Namespace::{Optional, Prohibited, Required};

/// Sorted by type.
static TYPES: &[TypeRules] = &[
    lower("alpm", Required, &["arch"]),
    lower("apk", Required, &["arch"]),
    plain("bazel", Prohibited, &["repository_url"]),
    lower("bitbucket", Required, &[]),
    lower("bitnami", Prohibited, &["arch", "distro"]),
    lower("brew", Optional, &["repository_url"]),
    plain("cargo", Prohibited, &[]),
    lower("chrome-extension", Prohibited, &[]),
    plain("cocoapods", Prohibited, &[]),
    lower("composer", Required, &[]),
    plain("conan", Optional, &["user", "channel", "rrev", "prev"]),
    plain("conda", Prohibited, &["build", "channel", "subdir", "type"]),
    TypeRules { namespace_case: Upper, ..plain("cpan", Optional, CPAN_KEYS) },
    plain("cran", Prohibited, &[]),
    lower("deb", Required, &["arch"]),
    plain("docker", Optional, &[]),
    plain("gem", Prohibited, &["platform"]),
    plain("generic", Optional, &["download_url", "checksum"]),
    plain("git", Required, &[]),
    lower("github", Required, &[]),
    // The definition asks for a namespace, but a module path may be a single word, and the
    // standard library is `pkg:golang/stdlib` in Go's own advisories. It calls both parts
    // case-sensitive, as Go does, and says in a note that they are lower case: the field holds.
    plain("golang", Optional, &[]),
    plain("hackage", Prohibited, &[]),
    lower("hex", Optional, &[]),
    TypeRules { version_case: Lower, ..plain("huggingface", Required, &[]) },
    TypeRules { required_keys: &["uuid"], ..plain("julia", Prohibited, &["uuid"]) },
    lower("luarocks", Optional, &["repository_url"]),
    plain("maven", Required, &["classifier", "type"]),
    plain("mlflow", Prohibited, &["model_uuid", "run_id"]),
    plain("npm", Optional, &[]),
    plain("nuget", Prohibited, &[]),
    TypeRules {
        version_case: Lower,
        ..lower("oci", Prohibited, &["arch", "repository_url", "tag"])
    },
    plain("opam", Prohibited, &[]),
    TypeRules {
        subpath_case: Lower,
        ..lower("otp", Prohibited, &["repository_url", "platform", "arch"])
    },
    lower("pub", Prohibited, &[]),
    TypeRules { version_case: Lower, ..lower("pypi", Prohibited, &["file_name"]) },
    TypeRules { namespace_case: Lower, ..plain("qpkg", Required, &[]) },
    TypeRules { namespace_case: Lower, ..plain("rpm", Required, &["epoch", "arch"]) },
    TypeRules { required_keys: &["tag_id"], ..plain("swid", Optional, SWID_KEYS) },
    plain("swift", Required, &[]),
    plain("vcpkg", Prohibited, &["port_version", "repository_revision", "triplet"]),
    TypeRules { version_case: Lower, ..lower("vscode-extension", Required, &["platform"]) },
    TypeRules { namespace_case: Lower, ..plain("yocto", Optional, YOCTO_KEYS) },
];

const CPAN_KEYS: &[&str] =
    &["author", "distpath", "repository_url", "download_url", "vcs_url", "ext"];
const SWID_KEYS: &[&str] =
    &["tag_id", "tag_version", "patch", "tag_creator_name", "tag_creator_regid"];
const YOCTO_KEYS: &[&str] = &["repository_url", "layer_version"];

/// The spellings of names that a type brings together, beyond case.
pub(super) fn respell(parts: &mut PurlParts) {
    match parts.kind.as_str() {
        // Kebab case; letters keep their case.
        "pypi" | "hackage" => parts.name = parts.name.replace('_', "-"),
        "pub" => {
            let letter = |letter: char| if is_word(letter) { letter } else { '_' };
            parts.name = parts.name.chars().map(letter).collect();
        }
        // Names on Databricks are not case-sensitive, those of other servers are.
        "mlflow" => {
            let url = parts.qualifiers.get("repository_url").map_or("", String::as_str);
            let host = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next();
            if host.is_some_and(|host| host.to_ascii_lowercase().contains("databricks")) {
                parts.name.make_ascii_lowercase();
            }
        }
        // A GUID is in small letters.
        "swid" => {
            if let Some(tag) = parts.qualifiers.get_mut("tag_id").filter(|tag| is_guid(tag)) {
                tag.make_ascii_lowercase();
            }
        }
        _ => {}
    }
}

/// What a type asks of its parts, beyond their being there.
pub(super) fn check(parts: &PurlParts) -> Result<(), String> {
    match parts.kind.as_str() {
        "chrome-extension" => {
            let id = parts.name.len() == 32 && parts.name.bytes().all(|b| matches!(b, b'a'..=b'p'));
            if !id {
                return Err("an extension's id is 32 letters from a to p".to_owned());
            }
            let numbers = |version: &str| {
                let digits = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
                version.split('.').count() <= 4 && version.split('.').all(digits)
            };
            if !parts.version.as_deref().is_none_or(numbers) {
                return Err("an extension's version is one to four numbers".to_owned());
            }
        }
        "cpan" if parts.name.contains("::") => {
            return Err("the name is a module's, not a distribution's".to_owned());
        }
        "swid" if parts.namespace.as_ref().is_some_and(|n| n.split('/').count() > 2) => {
            return Err("the namespace is a name and a regid at most".to_owned());
        }
        _ => {}
    }
    Ok(())
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn is_guid(text: &str) -> bool {
    let groups = [8, 4, 4, 4, 12];
    text.split('-').map(str::len).eq(groups)
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::{TYPES, rules};

    #[test]
    fn all_types_are_found() {
        assert_eq!(TYPES.len(), 42);
        assert!(TYPES.is_sorted_by_key(|rules| rules.kind));
        assert!(
            TYPES.iter().all(|known| rules(known.kind).is_some()) && rules("bintray").is_none()
        );
        for known in TYPES {
            assert!(known.required_keys.iter().all(|key| known.keys.contains(key)));
        }
    }
}
