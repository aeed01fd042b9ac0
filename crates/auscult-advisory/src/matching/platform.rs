//! What stands beside a component, for claims that hold only "running on" or "running with"
//! something else.

use std::collections::BTreeSet;

use auscult_model::Component;

use crate::{cpe::Name, names::keys_of_name};

/// Operating systems that a device running Linux does not run; by vendor or by product.
const OTHER_SYSTEMS: &[&str] = &[
    "microsoft",
    "apple",
    "android",
    "freebsd",
    "openbsd",
    "netbsd",
    "solaris",
    "sunos",
    "aix",
    "hp-ux",
    "z/os",
    "vxworks",
    "qnx",
];

/// The components of a device, by the names that advisories use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// `vendor:product` of everything that is there.
    names: BTreeSet<String>,
    linux: bool,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No,
    Unknown,
}

impl Platform {
    /// The platform that these components make.
    pub fn of(components: &[Component]) -> Self {
        Self::of_all(components.iter())
    }

    pub(super) fn of_all<'a>(components: impl Iterator<Item = &'a Component>) -> Self {
        let mut names = BTreeSet::new();
        for component in components {
            let given = component.cpes.iter().filter_map(|cpe| Name::parse(&cpe.0));
            names.extend(given.map(|name| name.key()));
            names.extend(keys_of_name(&component.name).iter().cloned());
        }
        let names: BTreeSet<String> =
            names.into_iter().filter_map(|key| Some(key.strip_prefix("c:")?.to_owned())).collect();
        let linux = names.contains("linux:linux_kernel");
        Self { names, linux }
    }

    /// Tells whether one of these names (`part:vendor:product`) is there.
    pub(crate) fn holds(&self, one_of: &[&str]) -> Holds {
        let parts = || one_of.iter().filter_map(|name| name.split_once(':'));
        if parts().any(|(_, name)| self.names.contains(name)) {
            return Holds::Yes;
        }
        let other = |(part, name): (&str, &str)| {
            let mut words = name.split(':');
            part == "o"
                && words.any(|word| OTHER_SYSTEMS.contains(&word) || word.starts_with("windows"))
        };
        if self.linux && !one_of.is_empty() && parts().all(other) {
            return Holds::No;
        }
        Holds::Unknown
    }
}
