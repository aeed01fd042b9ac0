//! Whether the part of a component that a vulnerability is in was built at all: an applet of BusyBox,
//! DNSSEC in dnsmasq, a module of nginx.
//!
//! The record's source files say which part it is, else phrases of its text; which phrases these
//! are is data of `auscult-model`. A finding is closed only where every place that is named is such
//! a part, and every program and library of the component has a list that lacks it. That a program
//! is reached under one name only (links to BusyBox) says nothing about what is in it.

mod named;

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{
    BinaryFacts, Facts, Feature, FeatureInventory, Finding, InventoryKind, Locator, Modular, Step,
    modular_components,
};

use self::named::Named;
use crate::statement::{Justification, Statement, Strength};

/// So many callers are told.
const CALLERS_TOLD_MAX: usize = 3;

/// The lists of parts of a build.
pub(crate) struct Features<'a> {
    facts: &'a Facts,
    lists: BTreeMap<&'a [Step], &'a FeatureInventory>,
    binaries: BTreeMap<&'a [Step], &'a BinaryFacts>,
}

/// Whether a part is in one file.
enum Built {
    /// It is, under this item; with the place that says so.
    Yes(&'static str, Locator),
    /// It is not, by this sentence.
    No(Strength, String),
    /// The file tells nothing of it.
    Open,
    /// The file holds none of the component's own code.
    Elsewhere,
}

impl<'a> Features<'a> {
    pub(crate) fn of(facts: &'a Facts) -> Self {
        let lists = facts.features.iter().map(|one| (one.locator.steps.as_slice(), one));
        let binaries = facts.binaries.iter().map(|one| (one.locator.steps.as_slice(), one));
        Self { facts, lists: lists.collect(), binaries: binaries.collect() }
    }

    /// The component of the table that a finding is about.
    pub(crate) fn component(finding: &Finding) -> Option<&'static Modular> {
        let last = |name: &str| name.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
        let mut names = vec![finding.component.clone()];
        names.extend(finding.matches.iter().map(|one| last(&one.name)));
        modular_components()
            .iter()
            .find(|one| names.iter().any(|name| one.names.contains(&name.as_str())))
    }

    /// What is to be said of a finding by its source files and its text, and by the programs and
    /// libraries of its component.
    pub(crate) fn judge(
        &self,
        component: &'static Modular,
        binaries: &BTreeSet<&[Step]>,
        sources: &[String],
        text: &str,
    ) -> Option<Statement> {
        let named = Named::read(component, sources, text);
        if named.parts.is_empty() {
            return None;
        }
        let (mut evidence, mut strength) = (Vec::new(), Strength::Proven);
        let mut excluded = !binaries.is_empty();
        for part in named.parts {
            let mut lacking = 0;
            for &binary in binaries {
                match self.is_built(component, part, binary) {
                    Built::No(own, sentence) => {
                        lacking += 1;
                        strength = strength.min(own);
                        evidence.push(sentence);
                    }
                    Built::Yes(item, list) => {
                        excluded = false;
                        evidence.push(self.present(component, item, &list, binary));
                    }
                    Built::Open => excluded = false,
                    Built::Elsewhere => {}
                }
            }
            excluded &= lacking > 0;
        }
        if let (true, Some(other)) = (excluded, named.other) {
            excluded = false;
            evidence.push(format!("the record also names {other}, which leaves it open"));
        }
        let justification = Justification::VulnerableCodeNotPresent;
        match (excluded, evidence.is_empty()) {
            (true, _) => {
                Some(Statement { not_affected: Some((justification, strength)), evidence })
            }
            (false, false) => Some(Statement::note(evidence)),
            (false, true) => None,
        }
    }

    fn is_built(&self, component: &Modular, part: &Feature, binary: &[Step]) -> Built {
        if component.kind == InventoryKind::Exports {
            return self.is_exported(component, part, binary);
        }
        let list =
            self.lists.get(binary).filter(|list| component.names.contains(&&*list.component));
        let Some(list) = list else { return Built::Open };
        let holds = |names: &[String], item: &str| names.iter().any(|name| name == item);
        if let Some(item) = part.items.iter().find(|item| holds(&list.present, item)) {
            return Built::Yes(item, list.locator.clone());
        }
        let (name, place) = (part.name, &list.locator);
        if part.items.iter().all(|item| holds(&list.absent, item)) {
            let sentence = format!("{name} is not built in: the list at {place} says so");
            return Built::No(Strength::Proven, sentence);
        }
        let lacking = |item: &&str| holds(&list.absent, item) || list.complete && !part.built_in;
        if !part.items.iter().all(lacking) {
            return Built::Open;
        }
        let sentence = format!(
            "{name} is not built in: the list at {place} has {} parts and lacks {}",
            list.present.len(),
            part.items.join(", ")
        );
        Built::No(Strength::Strong, sentence)
    }

    /// A shared library tells by its exports; programs that load it hold none of its code.
    fn is_exported(&self, component: &Modular, part: &Feature, binary: &[Step]) -> Built {
        let (Some(facts), Some(library)) = (self.binaries.get(binary), part.library) else {
            return Built::Open;
        };
        let libraries: BTreeSet<&str> =
            component.features.iter().filter_map(|one| one.library).collect();
        let soname = facts.soname.as_deref().unwrap_or_default();
        if !soname.starts_with(library) {
            let of_component = |name: &str| libraries.iter().any(|own| name.starts_with(own));
            let uses = of_component(soname) || facts.needed.iter().any(|name| of_component(name));
            return if uses { Built::Elsewhere } else { Built::Open };
        }
        let Some(exports) = facts.exports.known().filter(|exports| !exports.is_empty()) else {
            return Built::Open;
        };
        let exported = |item: &&&str| exports.iter().any(|name| name == **item);
        match part.items.iter().find(exported) {
            Some(item) => Built::Yes(item, facts.locator.clone()),
            None => Built::No(
                Strength::Strong,
                format!(
                    "{} is not built in: {} exports {} functions and none of {}",
                    part.name,
                    facts.locator,
                    exports.len(),
                    part.items.join(", ")
                ),
            ),
        }
    }

    /// That a part is there, and what calls it by its name.
    fn present(&self, component: &Modular, item: &str, list: &Locator, binary: &[Step]) -> String {
        let sentence = format!("{item} is built in: {list}");
        if component.kind != InventoryKind::SortedNames {
            return sentence;
        }
        let is_item = |command: &str| {
            let first = command.split_whitespace().next().unwrap_or_default();
            first.rsplit('/').next() == Some(item)
        };
        let mut callers = BTreeSet::new();
        for root in self.facts.operation.roots() {
            for entry in root.boot.known().into_iter().flatten() {
                let own = entry.program.as_ref().is_some_and(|program| program.steps == binary);
                if own && is_item(&entry.command) {
                    callers.insert(format!("{} ({})", entry.name, entry.configuration));
                }
            }
            for call in root.calls.known().into_iter().flatten() {
                if call.program.steps == binary && is_item(&call.command) {
                    callers.insert(call.script.to_string());
                }
            }
        }
        let count = callers.len();
        let told: Vec<String> = callers.into_iter().take(CALLERS_TOLD_MAX).collect();
        let calls = match count {
            0 => "nothing was seen that calls it by this name".to_owned(),
            _ if count > told.len() => {
                format!("called by {} and {} more", told.join(", "), count - told.len())
            }
            _ => format!("called by {}", told.join(", ")),
        };
        format!("{sentence}; {calls}")
    }
}

#[cfg(test)]
mod tests;
