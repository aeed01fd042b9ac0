//! Applications of Erlang/OTP: `ebin/NAME.app` (app(4) of OTP), a term of which only the name and
//! the version are read.

use super::{
    Database, Packages,
    language::{Found, Module},
};

pub(super) fn is_manifest(path: &[u8]) -> bool {
    let mut parts = path.rsplit(|&byte| byte == b'/');
    parts.next().is_some_and(|file| file.ends_with(b".app")) && parts.next() == Some(b"ebin")
}

pub(super) fn read(found: &Found<'_>, packages: &mut Packages) {
    let text: String = found
        .text(packages)
        .lines()
        .map(|line| line.split('%').next().unwrap_or_default())
        .flat_map(|line| line.chars().filter(|c| !c.is_whitespace()).chain([' ']))
        .collect();
    let text = text.replace(' ', "");
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    let name = after("{application,").and_then(|rest| rest.split(',').next());
    let version = after("{vsn,\"").and_then(|rest| rest.split('"').next());
    let own = |text: Option<&str>| text.map(|text| text.trim_matches('\'').to_owned());
    let module = Module { name: own(name), version: own(version), licence: None };
    found.add(Database::Otp, module, packages);
}

#[cfg(test)]
mod tests {
    use crate::packages::language::tests::{damage, modules};

    #[test]
    fn applications_are_read_over_lines_and_comments() {
        let path = "usr/lib/erlang/lib/crypto-5.5.3/ebin/crypto.app";
        let text = b"%% comment\n{application, crypto,\n   [{description, \"CRYPTO\"},\n    {vsn, \
            \"5.5.3\"}, % the version\n {modules, [crypto]}]}.\n";
        assert_eq!(modules(&[(path, text)]).0, ["pkg:otp/crypto@5.5.3"]);
        damage(path, text);
    }
}
