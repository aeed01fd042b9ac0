//! Whether the part of a component that a vulnerability is in was built at all: an applet of BusyBox,
//! DNSSEC in dnsmasq, a module of nginx.
//!
//! Data of `auscult-model` say which part a record is about: by its id, else by the source files that it
//! names, else by phrases of its text. A finding is closed only where every place that is named is such
//! a part, and every program and library of the component has a list that lacks it. That a program
//! is reached under one name only (links to BusyBox) says nothing about what is in it.

mod named;

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{
    BinaryFacts, ByteName, Facts, Feature, FeatureInventory, Finding, Holding, InventoryKind,
    Locator, Modular, PACKAGE_TYPES, PurlParts, Step, modular_components,
};

pub(crate) use self::named::Named;
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
    /// It is, by this sentence.
    Yes(String),
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

    /// The component of the table that a finding is about, and what the package holds that it is.
    pub(crate) fn component(finding: &Finding) -> Option<(&'static Modular, Holding)> {
        let last = |name: &str| name.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
        let mut names = vec![finding.component.clone()];
        names.extend(finding.matches.iter().map(|one| last(&one.name)));
        let is_named = |one: &&Modular| names.iter().any(|name| one.names.contains(&name.as_str()));
        let component = modular_components().iter().find(is_named)?;
        let holding = match finding.purl.as_deref().and_then(package_type) {
            Some(kind) => component.holding(&kind, &finding.component),
            None => Holding::Open,
        };
        Some((component, holding))
    }

    /// What is to be said of a finding by the parts that its record names, by what its package
    /// holds, and by the programs and libraries of its component.
    pub(crate) fn judge(
        &self,
        component: &'static Modular,
        holding: Holding,
        binaries: &BTreeSet<&[Step]>,
        named: &Named,
    ) -> Option<Statement> {
        if named.parts.is_empty() {
            return None;
        }
        let (mut evidence, mut strength) = (Vec::new(), Strength::Proven);
        let mut excluded = holding != Holding::Open || !binaries.is_empty();
        for &part in &named.parts {
            let mut lacking = 0;
            let judged: Vec<Built> = match holding {
                Holding::Open => {
                    binaries.iter().map(|b| self.is_built(component, part, b)).collect()
                }
                told => vec![is_held(told, part)],
            };
            for built in judged {
                match built {
                    Built::No(own, sentence) => {
                        lacking += 1;
                        strength = strength.min(own);
                        evidence.push(sentence);
                    }
                    Built::Yes(sentence) => {
                        excluded = false;
                        evidence.push(sentence);
                    }
                    Built::Open => excluded = false,
                    Built::Elsewhere => {}
                }
            }
            excluded &= lacking > 0;
        }
        if let (true, Some(other)) = (excluded, &named.other) {
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
        match component.kind {
            InventoryKind::Exports => return self.is_exported(component, part, binary),
            InventoryKind::Programs => return self.is_program(component, part, binary),
            _ => {}
        }
        let list =
            self.lists.get(binary).filter(|list| component.names.contains(&&*list.component));
        let Some(list) = list else { return Built::Open };
        let holds = |names: &[String], item: &str| names.iter().any(|name| name == item);
        if let Some(item) = part.items.iter().find(|item| holds(&list.present, item)) {
            return Built::Yes(self.present(component, item, &list.locator, binary));
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
            Some(item) => Built::Yes(format!("{item} is built in: {}", facts.locator)),
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

    /// A part that is a program is in no library and in no other program. Where it is in the image
    /// at all, it may be of a package that this finding is about, too.
    fn is_program(&self, component: &Modular, part: &Feature, binary: &[Step]) -> Built {
        let is_item = |name: &[u8]| part.items.iter().any(|item| item.as_bytes() == name);
        let mut all = self.facts.binaries.iter();
        if let Some(program) = all.find(|one| file_name(&one.locator.steps).is_some_and(is_item)) {
            return Built::Yes(format!("{} is there: {}", part.items.join(", "), program.locator));
        }
        let Some(facts) = self.binaries.get(binary) else { return Built::Open };
        let is_known = |name: &[u8]| component.known.iter().any(|own| own.as_bytes() == name);
        let is_other = file_name(binary).is_some_and(is_known);
        let what = match &facts.soname {
            Some(_) => "a library",
            None if is_other => "another program",
            None => return Built::Open,
        };
        let (name, items) = (part.name, part.items.join(", "));
        let sentence =
            format!("{name} is in {items} only, which is not there: {} is {what}", facts.locator);
        Built::No(Strength::Strong, sentence)
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

/// Whether a part is in a package whose name tells what it holds.
fn is_held(holding: Holding, part: &Feature) -> Built {
    let items = part.items.join(", ");
    let sentence = match holding {
        Holding::Open => return Built::Open,
        Holding::Program(program) if part.items.contains(&program) => {
            return Built::Yes(format!("the package is {program}, which has it"));
        }
        Holding::Program(program) => {
            format!("the package holds {program} alone, and {} is in {items}", part.name)
        }
        Holding::Libraries => {
            format!("the package holds libraries alone, and {} is in {items}", part.name)
        }
    };
    Built::No(Strength::Strong, sentence)
}

/// The type of a purl that names a package of a system, and no component as such.
fn package_type(purl: &str) -> Option<String> {
    let parts = PurlParts::parse(purl).ok()?;
    let of_system = PACKAGE_TYPES.iter().any(|(kind, _)| *kind == parts.kind);
    // Packages of systems without a type of their own stand in a namespace.
    let named = parts.kind == "generic" && parts.namespace.is_some();
    (of_system || named).then_some(parts.kind)
}

/// The name of the file in which something lies.
fn file_name(steps: &[Step]) -> Option<&[u8]> {
    steps.iter().rev().find_map(|step| step.member.as_ref()).map(ByteName::file_name)
}

#[cfg(test)]
mod tests;
