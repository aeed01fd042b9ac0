//! Which programs and libraries of the image are a component, or hold its code.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{ComponentId, Facts, Finding, Step, component_ids};

/// The binaries of the components of a build.
pub(crate) struct Files<'a> {
    /// Those that a component owns, by its name and version.
    owned: BTreeMap<(&'a str, String), BTreeSet<&'a [Step]>>,
    /// All of them.
    all: BTreeSet<&'a [Step]>,
}

impl<'a> Files<'a> {
    pub(crate) fn of(facts: &'a Facts) -> Self {
        let mut by_id: BTreeMap<&ComponentId, BTreeSet<&[Step]>> = BTreeMap::new();
        for one in &facts.owned {
            by_id.entry(&one.component).or_default().insert(&one.locator.steps);
        }
        let mut owned: BTreeMap<(&str, String), BTreeSet<&[Step]>> = BTreeMap::new();
        for (id, component) in component_ids(&facts.components).iter().zip(&facts.components) {
            let key = (component.name.as_str(), component.version.to_string());
            owned.entry(key).or_default().extend(by_id.get(id).into_iter().flatten());
        }
        let all = facts.binaries.iter().map(|one| one.locator.steps.as_slice()).collect();
        Self { owned, all }
    }

    /// The binaries of a finding's component: its own, and those in which its code was seen.
    pub(crate) fn of_finding<'f>(&self, finding: &'f Finding) -> BTreeSet<&'f [Step]>
    where
        'a: 'f,
    {
        let key = (finding.component.as_str(), finding.version.0.clone());
        let seen = finding.locators.iter().map(|locator| locator.steps.as_slice());
        let mut files: BTreeSet<&[Step]> = seen.filter(|steps| self.all.contains(steps)).collect();
        files.extend(self.owned.get(&key).into_iter().flatten());
        files
    }
}
