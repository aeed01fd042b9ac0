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
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{FEATURE_TABLE, InventoryKind, modular_components, parse};

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
                // An item of a table of names that the table does not know would never be found.
                if component.kind == InventoryKind::SortedNames {
                    let known = |item| component.known.contains(item);
                    assert!(feature.items.iter().all(known), "{name}: {:?}", feature.items);
                }
            }
        }
    }

    #[test]
    fn a_line_that_is_not_understood_refuses_the_table() {
        for text in ["feature x", "component a\nitems b", "component a\nfeature b\nitem c"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
