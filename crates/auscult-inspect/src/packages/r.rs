//! Packages of R: `library/NAME/DESCRIPTION` (Writing R Extensions, section 1.1.1), in the form of
//! Debian control files.

use super::{
    Database, Packages,
    language::{Found, Module},
};
use crate::stanza;

/// Libraries: of R itself, of the site.
const LIBRARIES: &[&[u8]] = &[b"library", b"site-library"];

pub(super) fn is_manifest(path: &[u8]) -> bool {
    let mut parts = path.rsplit(|&byte| byte == b'/');
    let file = parts.next() == Some(b"DESCRIPTION");
    file && parts.nth(1).is_some_and(|library| LIBRARIES.contains(&library))
}

pub(super) fn read(found: &Found<'_>, packages: &mut Packages) {
    let bytes = found.bytes(packages);
    let (stanzas, _) = stanza::read(&bytes);
    let field = |name: &str| stanzas.first()?.field(name).map(ToOwned::to_owned);
    let module =
        Module { name: field("Package"), version: field("Version"), licence: field("License") };
    found.add(Database::Cran, module, packages);
}

#[cfg(test)]
mod tests {
    use crate::packages::language::tests::{damage, modules};

    #[test]
    fn packages_lie_in_libraries() {
        let path = "usr/lib/R/site-library/digest/DESCRIPTION";
        let text = b"Package: digest\nVersion: 0.6.37\nLicense: GPL (>= 2)\nBuilt: R 4.5.0\n";
        assert_eq!(modules(&[(path, text)]).0, ["pkg:cran/digest@0.6.37 GPL (>= 2)"]);
        assert!(modules(&[("usr/share/digest/DESCRIPTION", text)]).0.is_empty());
        damage(path, text);
    }
}
