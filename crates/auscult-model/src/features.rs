//! Parts of a component that a build may leave out, and what says so.
//!
//! The table is data (`data/features.table`, which explains its own form): which components are
//! built of parts, how the parts of a build are read from its program, and in which words
//! advisories speak of them.

use std::{collections::BTreeSet, sync::LazyLock};

use serde::{Deserialize, Serialize};

use crate::Locator;

/// The table as text.
pub static FEATURE_TABLE: &str = include_str!("../data/features.table");

/// What a program was built with, read from a list inside of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FeatureInventory {
    /// The list.
    pub locator: Locator,
    /// Whose parts they are, the first name of the table.
    pub component: String,
    /// The parts that are in it.
    pub present: Vec<String>,
    /// The parts that the list says are left out.
    pub absent: Vec<String>,
    /// Whether the list is whole, so that a part in neither list is left out too.
    pub complete: bool,
}

/// How a program tells its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InventoryKind {
    /// A sorted table of names, each ended by a zero byte, and a zero byte behind the last.
    SortedNames,
    /// One text of words, with `no-` in front of what is left out.
    Options,
    /// The arguments of a configure script.
    Arguments,
    /// Texts of their own: `ENABLE_X`, `OMIT_X`.
    CompileOptions,
    /// The dynamic symbols of a library.
    Exports,
    /// The names of files: a part is a program of its own, and its code is in no other file.
    Programs,
}

/// What a package of a component's source holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holding {
    /// Anything.
    Open,
    /// Shared libraries and no program.
    Libraries,
    /// This one program.
    Program(&'static str),
}

/// A component that is built of parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modular {
    /// The names that findings know it by.
    pub names: Vec<&'static str>,
    /// How its parts are read.
    pub kind: InventoryKind,
    /// What marks the list, or the file that holds it.
    pub marker: &'static str,
    /// Names that a sorted table is recognised by.
    pub known: BTreeSet<&'static str>,
    /// Phrases that speak of a part; `{}` stands for an item.
    pub say: Vec<&'static str>,
    /// Phrases that speak of another place.
    pub guards: Vec<&'static str>,
    /// The parts.
    pub features: Vec<Feature>,
}

impl Modular {
    /// What a package of this component's source holds. `kind` is the type of its purl.
    ///
    /// Debian puts nothing into the package of a library whose name would not change with it (Debian
    /// Policy, section 8.2), and calls it after the soname. Others name their packages of libraries
    /// `libX` or `X-libs`.
    pub fn holding(&self, kind: &str, package: &str) -> Holding {
        let is_own = |name: &&&str| **name == package && !self.names.contains(*name);
        if let Some(program) = self.known.iter().find(is_own) {
            return Holding::Program(program);
        }
        if self.kind != InventoryKind::Programs {
            return Holding::Open;
        }
        let of_libraries = if kind == "deb" {
            let stem = DEBIAN_SUFFIXES.iter().find_map(|end| package.strip_suffix(end));
            let ends = |name: &str| name.ends_with(|c: char| c.is_ascii_digit());
            package.starts_with("lib") && ends(stem.unwrap_or(package))
        } else {
            let named = package.starts_with("lib") || package.ends_with("-libs");
            named && !OTHER_PACKAGES.iter().any(|end| package.ends_with(end))
        };
        if of_libraries { Holding::Libraries } else { Holding::Open }
    }
}

/// What may follow the soname in the name of a Debian package: a transition, and a variant of the
/// build.
const DEBIAN_SUFFIXES: &[&str] = &["t64", "v5", "g", "-gnutls", "-nss", "-openssl"];

/// Ends of names of packages that hold something else than the library of the name before it.
const OTHER_PACKAGES: &[&str] = &["-bin", "-dev", "-devel", "-doc", "-progs", "-tools", "-utils"];

/// A part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// What must all be missing for its code not to be there.
    pub items: Vec<&'static str>,
    /// The library whose exports the items are.
    pub library: Option<&'static str>,
    /// Whether it is built unless the inventory says otherwise.
    pub built_in: bool,
    /// Its sources.
    pub files: Vec<&'static str>,
    /// Phrases that speak of it.
    pub words: Vec<&'static str>,
    /// Ids of records that are about it and about nothing else, whatever their text.
    pub records: Vec<&'static str>,
}

/// The components of the table.
pub fn modular_components() -> &'static [Modular] {
    static TABLE: LazyLock<Vec<Modular>> =
        LazyLock::new(|| parse(FEATURE_TABLE).unwrap_or_default());
    &TABLE
}

/// Reads a table; `None` where a line is not understood.
fn parse(text: &'static str) -> Option<Vec<Modular>> {
    let mut table: Vec<Modular> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words = || rest.split_whitespace();
        let phrases = || rest.split('|').map(str::trim).filter(|phrase| !phrase.is_empty());
        if key == "component" {
            let names = words().collect();
            table.push(Modular { names, ..empty() });
            continue;
        }
        let component = table.last_mut()?;
        match key {
            "inventory" => {
                let (kind, marker) = rest.split_once(' ')?;
                component.kind = kind_of(kind)?;
                component.marker = marker;
            }
            "known" => component.known.extend(words()),
            "say" => component.say.extend(phrases()),
            "guard" => component.guards.extend(phrases()),
            "feature" => {
                component.features.push(Feature { name: words().next()?, ..Feature::default() });
            }
            _ => {
                let feature = component.features.last_mut()?;
                match key {
                    "items" => feature.items.extend(words()),
                    "library" => feature.library = words().next(),
                    "built-in" => feature.built_in = true,
                    "files" => feature.files.extend(words()),
                    "words" => feature.words.extend(phrases()),
                    "records" => feature.records.extend(words()),
                    _ => return None,
                }
            }
        }
    }
    for feature in table.iter_mut().flat_map(|component| &mut component.features) {
        if feature.items.is_empty() {
            feature.items.push(feature.name);
        }
    }
    Some(table)
}

fn empty() -> Modular {
    Modular {
        names: Vec::new(),
        kind: InventoryKind::Exports,
        marker: "",
        known: BTreeSet::new(),
        say: Vec::new(),
        guards: Vec::new(),
        features: Vec::new(),
    }
}

fn kind_of(word: &str) -> Option<InventoryKind> {
    Some(match word {
        "sorted-names" => InventoryKind::SortedNames,
        "options" => InventoryKind::Options,
        "arguments" => InventoryKind::Arguments,
        "compile-options" => InventoryKind::CompileOptions,
        "exports" => InventoryKind::Exports,
        "programs" => InventoryKind::Programs,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{FEATURE_TABLE, Holding, InventoryKind, modular_components, parse};

    #[test]
    fn the_table_is_whole() {
        let table = parse(FEATURE_TABLE).unwrap();
        assert_eq!(table, modular_components());
        for component in &table {
            assert!(!component.names.is_empty() && !component.marker.is_empty());
            assert!(!component.features.is_empty(), "{:?}", component.names);
            for feature in &component.features {
                let name = feature.name;
                let is_library = component.kind == InventoryKind::Exports;
                assert_eq!(feature.library.is_some(), is_library, "{name}");
                assert!(!feature.words.is_empty() || !feature.files.is_empty(), "{name}");
                assert!(feature.records.iter().all(|id| id.starts_with("CVE-")), "{name}");
                // An item of a table of names that the table does not know would never be found.
                let named = [InventoryKind::SortedNames, InventoryKind::Programs];
                if named.contains(&component.kind) {
                    let known = |item| component.known.contains(item);
                    assert!(feature.items.iter().all(known), "{name}: {:?}", feature.items);
                }
            }
        }
    }

    #[test]
    fn names_of_packages_tell_what_is_in_them() {
        for (component, kind, package, expected) in [
            ("krb5", "deb", "libk5crypto3", Holding::Libraries),
            ("krb5", "deb", "libgssapi-krb5-2", Holding::Libraries),
            ("krb5", "deb", "libgssapi3t64", Holding::Libraries),
            ("krb5", "deb", "libkrb5-dev", Holding::Open),
            ("krb5", "deb", "krb5-kdc", Holding::Open),
            ("krb5", "rpm", "krb5-libs", Holding::Libraries),
            ("krb5", "rpm", "krb5-server", Holding::Open),
            ("curl", "deb", "libcurl3-gnutls", Holding::Libraries),
            ("curl", "apk", "libcurl", Holding::Libraries),
            ("curl", "rpm", "libcurl-devel", Holding::Open),
            ("curl", "apk", "curl", Holding::Open),
            ("busybox", "apk", "ssl_client", Holding::Program("ssl_client")),
            ("busybox", "apk", "busybox", Holding::Open),
            ("openssl", "deb", "libssl3", Holding::Open),
        ] {
            let table = modular_components();
            let component = table.iter().find(|one| one.names.contains(&component)).unwrap();
            assert_eq!(component.holding(kind, package), expected, "{package}");
        }
    }

    #[test]
    fn a_line_that_is_not_understood_refuses_the_table() {
        for text in ["feature x", "component a\nitems b", "component a\nfeature b\nitem c"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
