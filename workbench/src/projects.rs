//! `cargo xtask projects`: which project installs a program or library of which name, from the
//! file lists of Debian's suites, for the components that rules describe. Writes
//! `crates/auscult-inspect/projects.txt`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
};

use anyhow::Context as _;
use xtask::shell::root;

use crate::{
    debian::{Archive, contents},
    oracle::select::{Rule, rules},
};

/// Suites whose lists are read: names change owners over the years.
const SUITES: &[&str] = &["bullseye", "bookworm", "trixie"];
const ARCHITECTURE: &str = "arm64";
/// Shorter names are anybody's.
const NAME_BYTES_MIN: usize = 3;

const HEAD: &str = "\
# Which project installs a file of this name, where only one does: RULE: NAME…
# Made by `cargo xtask projects` from the file lists of Debian; libraries without what follows .so.
";

/// Who installs a name: rules, or a source that no rule describes.
type Owners = BTreeMap<String, BTreeSet<Option<String>>>;

pub(crate) fn run(_: &[String]) -> anyhow::Result<()> {
    let (cache, rules) = (root().join("target/oracle"), rules()?);
    let mut by_name: HashMap<&str, &Rule> = HashMap::new();
    for rule in &rules {
        for name in rule.names() {
            by_name.insert(name, rule);
        }
    }
    let mut owners = Owners::new();
    for suite in SUITES {
        let archive = Archive::open(&cache, suite, ARCHITECTURE)?;
        let packages = archive.packages()?;
        let of_package: HashMap<&str, Option<&&Rule>> = packages
            .iter()
            .map(|package| {
                let source = by_name.get(package.source.as_str());
                (package.name.as_str(), source.or_else(|| by_name.get(package.name.as_str())))
            })
            .collect();
        for line in contents(&cache, suite, ARCHITECTURE)?.lines() {
            let (path, packages) = line.rsplit_once(char::is_whitespace).context("a list line")?;
            let Some(name) = name_of(path.trim()) else { continue };
            for package in packages.split(',') {
                let package = package.rsplit('/').next().unwrap_or(package);
                let rule = of_package.get(package).copied().flatten();
                owners.entry(name.to_owned()).or_default().insert(rule.map(|rule| rule.id.clone()));
            }
        }
    }
    let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, mut owners) in owners {
        if let (Some(Some(rule)), true) = (owners.pop_first(), owners.is_empty()) {
            table.entry(rule).or_default().push(name);
        }
    }
    let lines = table.iter().map(|(rule, names)| format!("{rule}: {}\n", names.join(" ")));
    let text = HEAD.to_owned() + &lines.collect::<String>();
    println!("{} names of {} projects", table.values().map(Vec::len).sum::<usize>(), table.len());
    fs::write(root().join("crates/auscult-inspect/projects.txt"), text)?;
    Ok(())
}

/// The name of a program, or of a library without what follows `.so`.
fn name_of(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    let folder = folder.strip_prefix("usr/").unwrap_or(folder);
    let plain = name.len() >= NAME_BYTES_MIN && !name.contains([' ', ':']);
    if matches!(folder, "bin" | "sbin") {
        return plain.then_some(name);
    }
    let library = folder == "lib" || folder.starts_with("lib/") && folder.ends_with("-linux-gnu");
    let end = name.find(".so")?;
    (library && plain && name.starts_with("lib")).then(|| name.get(..end + 3))?
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn programs_and_libraries_have_names() {
        for (path, expect) in [
            ("usr/sbin/sshd", Some("sshd")),
            ("bin/dd", None),
            ("usr/lib/aarch64-linux-gnu/libz.so.1.2.13", Some("libz.so")),
            ("usr/lib/aarch64-linux-gnu/gio/modules/libx.so", None),
            ("usr/lib/collectd/lua.so", None),
            ("usr/share/doc/zlib1g/copyright", None),
        ] {
            assert_eq!(name_of(path), expect, "{path}");
        }
    }
}
