//! What Kconfig and the folders of the tree say about single options: which exist, which may be a
//! module, and which stands for an architecture.

use std::collections::{BTreeMap, BTreeSet};

use super::folder_and_name;
use crate::kbuild::{makefile::Options, tree::Tree};

/// The option that each architecture sets.
pub(in crate::kbuild) const ARCHITECTURES: &[(&str, &str)] = &[
    ("alpha", "ALPHA"),
    ("arc", "ARC"),
    ("arm", "ARM"),
    ("arm64", "ARM64"),
    ("csky", "CSKY"),
    ("hexagon", "HEXAGON"),
    ("ia64", "IA64"),
    ("loongarch", "LOONGARCH"),
    ("m68k", "M68K"),
    ("microblaze", "MICROBLAZE"),
    ("mips", "MIPS"),
    ("nios2", "NIOS2"),
    ("openrisc", "OPENRISC"),
    ("parisc", "PARISC"),
    ("powerpc", "PPC"),
    ("riscv", "RISCV"),
    ("s390", "S390"),
    ("sh", "SUPERH"),
    ("sparc", "SPARC"),
    ("um", "UML"),
    ("x86", "X86"),
    ("xtensa", "XTENSA"),
];

/// The options that are defined, and what each may be.
pub(super) struct Kinds(BTreeMap<String, Kind>);

/// Whether an option may be `m`.
#[derive(Default)]
struct Kind {
    tristate: bool,
    /// The architectures that define it as `bool` for themselves; empty for a definition for all.
    bool_in: BTreeSet<String>,
}

impl Kinds {
    pub(super) fn of(tree: &Tree) -> Self {
        let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
        let configurations =
            tree.texts.iter().filter(|(path, _)| folder_and_name(path).1.starts_with("Kconfig"));
        for (path, text) in configurations {
            let architecture = architecture_of(path).unwrap_or_default();
            let mut current = None;
            for line in text.lines() {
                let mut words = line.split_whitespace();
                match words.next() {
                    Some("config" | "menuconfig") => {
                        current = words.next().map(str::to_owned);
                        if let Some(option) = &current {
                            kinds.entry(option.clone()).or_default();
                        }
                    }
                    Some(
                        word @ ("tristate" | "def_tristate" | "bool" | "boolean" | "def_bool"),
                    ) => {
                        let kind = current.as_ref().and_then(|option| kinds.get_mut(option));
                        match kind {
                            Some(kind) if word.ends_with("tristate") => kind.tristate = true,
                            Some(kind) => drop(kind.bool_in.insert(architecture.to_owned())),
                            None => {}
                        }
                    }
                    Some("menu" | "source" | "comment" | "choice") => current = None,
                    _ => {}
                }
            }
        }
        Self(kinds)
    }

    /// Only what is defined can be looked up in a configuration.
    pub(super) fn defined(&self, options: &Options) -> Options {
        options.iter().filter(|option| self.0.contains_key(*option)).cloned().collect()
    }

    /// Whether an option may be `m` wherever a folder is built. What is built in under a `bool` option
    /// need not stand in `modules.builtin`.
    pub(super) fn may_be_module(&self, option: &str, folder: &str) -> bool {
        let Some(kind) = self.0.get(option) else { return false };
        let is_bool = match architecture_of(folder) {
            Some(own) => kind.bool_in.contains(own) || kind.bool_in.contains(""),
            None => !kind.bool_in.is_empty(),
        };
        kind.tristate && !is_bool
    }
}

/// The name of the architecture that a path below `arch/` belongs to.
fn architecture_of(path: &str) -> Option<&str> {
    path.strip_prefix("arch/")?.split('/').next()
}

pub(super) fn is_architecture(folder: &str) -> bool {
    folder.strip_prefix("arch/").is_some_and(|rest| !rest.contains('/'))
}

pub(super) fn architecture_option(folder: &str) -> Option<&'static str> {
    let name = folder.strip_prefix("arch/")?;
    ARCHITECTURES.iter().find(|(known, _)| *known == name).map(|(_, option)| *option)
}
