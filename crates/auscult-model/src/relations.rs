//! How the components of an image stand to each other and to its files.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Component, Evidence, Locator, Version};

/// The name of a component within the facts of one image: its purl where it has one, else its name
/// and version; where several would be called the same, the later ones carry a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ComponentId(pub String);

/// The names of these components, in their order. The same list in the same order gives the same
/// names; the facts keep their components sorted.
pub fn component_ids(components: &[Component]) -> Vec<ComponentId> {
    let mut taken = BTreeSet::new();
    let name = |component: &Component| {
        let base = match &component.purl {
            Some(purl) => purl.to_string(),
            None => format!("component:{}@{}", component.name, component.version),
        };
        let mut id = base.clone();
        let mut number = 2_u64;
        while !taken.insert(id.clone()) {
            id = format!("{base}#{number}");
            number += 1;
        }
        ComponentId(id)
    };
    components.iter().map(name).collect()
}

/// Why one component needs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DependencyKind {
    /// One of its files holds a copy of the other.
    Contains,
    /// One of its files is linked to a library of the other (`DT_NEEDED`), or started by it
    /// (`PT_INTERP`).
    Links,
    /// The package database says so.
    Declared,
}

/// One component needs another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// The component that needs.
    pub component: ComponentId,
    /// The component that is needed.
    pub on: ComponentId,
    /// How it is known.
    pub kind: DependencyKind,
}

/// Two sources disagree about the version of a component: its package row and its own file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VersionConflict {
    /// The component whose row it is.
    pub component: ComponentId,
    /// What the row says.
    pub told: Version,
    /// What the file says.
    pub seen: Version,
    /// Where the file says so.
    pub evidence: Evidence,
}

/// A file of the image that is a component's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OwnedBinary {
    /// The executable, library or object.
    pub locator: Locator,
    /// Whose it is.
    pub component: ComponentId,
}
