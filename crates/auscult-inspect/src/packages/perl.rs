//! Distributions of Perl: `.meta/NAME-VERSION/install.json`, which cpanm leaves in the library.
//!
//! The purl of one has its author as namespace, who stands in the path of the archive:
//! `A/AU/AUTHOR/NAME-VERSION.tar.gz`.

use super::{
    Database, Packages,
    language::{Found, Module, field},
};

pub(super) fn is_manifest(path: &[u8]) -> bool {
    let mut parts = path.rsplit(|&byte| byte == b'/');
    parts.next() == Some(b"install.json") && parts.nth(1) == Some(b".meta")
}

pub(super) fn read(found: &Found<'_>, packages: &mut Packages) {
    let value = found.json(packages);
    let version =
        field(&value, "version").map(|version| version.trim_start_matches('v').to_owned());
    let distribution = field(&value, "dist").map(|dist| match &version {
        Some(version) => {
            let end = dist.rfind(version.as_str()).unwrap_or(dist.len());
            dist.get(..end).unwrap_or(&dist).trim_end_matches(['-', 'v']).to_owned()
        }
        None => dist,
    });
    let archive = field(&value, "pathname").unwrap_or_default();
    let mut folders = archive.split('/');
    let author = folders.nth(2).filter(|_| folders.next().is_some());
    let name = distribution.map(|distribution| match author {
        Some(author) => format!("{author}/{distribution}"),
        None => distribution,
    });
    found.add(Database::Cpan, Module { name, version, licence: None }, packages);
}

#[cfg(test)]
mod tests {
    use crate::packages::language::tests::{damage, modules};

    #[test]
    fn distributions_have_their_author() {
        let path = "srv/lib/perl5/x86_64-linux/.meta/Try-Tiny-0.31/install.json";
        let text = br#"{"name":"Try::Tiny","version":"0.31","dist":"Try-Tiny-0.31",
            "pathname":"E/ET/ETHER/Try-Tiny-0.31.tar.gz"}"#;
        assert_eq!(modules(&[(path, text)]).0, ["pkg:cpan/ETHER/Try-Tiny@0.31"]);
        damage(path, text);
    }
}
