//! Gems of Ruby: `specifications/NAME-VERSION.gemspec`, a program in Ruby of which only the plain
//! assignments are read. RubyGems writes name and version into a comment as well.

use super::{
    Database, Packages,
    language::{Found, Module},
};

pub(super) fn is_manifest(path: &[u8]) -> bool {
    path.ends_with(b".gemspec") && path.windows(16).any(|window| window == b"/specifications/")
}

pub(super) fn read(found: &Found<'_>, packages: &mut Packages) {
    let text = found.text(packages);
    let mut module = Module {
        name: assigned(&text, "name"),
        version: assigned(&text, "version"),
        licence: assigned(&text, "licenses").or_else(|| assigned(&text, "license")),
    };
    if let Some(stub) = text.lines().find_map(|line| line.strip_prefix("# stub: ")) {
        let mut words = stub.split_whitespace().map(ToOwned::to_owned);
        module.name = words.next().or(module.name);
        module.version = words.next().or(module.version);
    }
    found.add(Database::Gem, module, packages);
}

/// The first string in `s.KEY = …`: `"x".freeze`, `["x"]`, `Gem::Version.new("x")`.
fn assigned(text: &str, key: &str) -> Option<String> {
    let value = text.lines().find_map(|line| {
        let (left, right) = line.split_once('=')?;
        let (_, name) = left.trim().split_once('.')?;
        (name == key).then_some(right)
    })?;
    let start = value.find(['"', '\''])?;
    let quote = value.get(start..)?.chars().next()?;
    let (inner, _) = value.get(start + 1..)?.split_once(quote)?;
    // What is computed is no version.
    (!inner.is_empty() && !inner.contains("#{")).then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::packages::language::tests::{damage, modules};

    const SPEC: &[u8] = b"# -*- encoding: utf-8 -*-\n# stub: rack 3.1.20 ruby lib\n\n\
        Gem::Specification.new do |s|\n  s.name = \"rack\".freeze\n  s.version = \"3.1.20\".freeze\n\
        \n  s.licenses = [\"MIT\".freeze]\nend\n";

    #[test]
    fn gems_are_read_from_the_comment_or_the_assignments() {
        let path = "var/lib/gems/3.1.0/specifications/rack-3.1.20.gemspec";
        assert_eq!(modules(&[(path, SPEC)]).0, ["pkg:gem/rack@3.1.20 MIT"]);
        let plain = b"Gem::Specification.new do |s|\n s.name = %q{x}\n s.name='pump'\n \
            s.version = Gem::Version.new(\"1.0\")\nend";
        let found = modules(&[("specifications/pump.gemspec", plain)]);
        assert!(found.0.is_empty() || found.0 == ["pkg:gem/pump@1.0"], "{found:?}");
        assert!(modules(&[("src/rack.gemspec", SPEC)]).0.is_empty());
        damage(path, SPEC);
    }
}
