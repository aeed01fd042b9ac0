//! Facts that a decision can rely on, by name: `KIND:NAME`.

use auscult_model::{Facts, Known, Sha256};
use serde::Serialize;

/// The kinds, with what the name behind them means.
pub const FACT_KINDS: &[(&str, &str)] = &[
    ("component", "versions of the component of this name"),
    ("file", "SHA-256 of the program or library at this path"),
    ("kernel-option", "value of this option, such as CONFIG_BT, in the kernel's configuration"),
    ("kernel-module", "whether a module of this name is in the image"),
    ("service", "what starts under this name, how and as whom"),
    ("listener", "what listens on this port, such as tcp/22"),
    ("account", "password state and shell of this account"),
    ("feature", "whether a part is built into a component, such as busybox/awk"),
    ("setuid", "the setuid and setgid bits of the file at this path"),
];

/// The value of a fact as text, or why it has none: an unknown kind, or a question that the image
/// does not answer. What is not in a complete list is `absent`.
pub fn fact_value(facts: &Facts, name: &str) -> Known<String> {
    let Some((kind, name)) = name.split_once(':') else {
        return Known::unknown("it is no fact: KIND:NAME");
    };
    match kind {
        "component" => {
            let named = facts.components.iter().filter(|one| one.name == name);
            listed(named.map(|one| one.version.to_string()))
        }
        "file" => {
            let at = |one: &&auscult_model::BinaryFacts| {
                one.locator.path().is_some_and(|path| path.0 == name.as_bytes())
            };
            listed(facts.binaries.iter().filter(at).map(|one| one.sha256.to_string()))
        }
        "kernel-option" => of_kernels(facts, |kernel| {
            let option = |config: &std::collections::BTreeMap<String, String>| {
                config.get(name).cloned().unwrap_or_else(|| "n".to_owned())
            };
            kernel.config.as_ref().map(option)
        }),
        "kernel-module" => of_kernels(facts, |kernel| {
            let present = |modules: &Vec<auscult_model::ModuleFacts>| {
                let there = modules.iter().any(|module| module.name == name);
                (if there { "present" } else { "absent" }).to_owned()
            };
            kernel.modules.as_ref().map(present)
        }),
        "service" => of_roots(facts, |root| {
            root.boot.as_ref().map(|boot| rows(boot.iter().filter(|one| one.name == name)))
        }),
        "listener" => of_roots(facts, |root| {
            root.listeners.as_ref().map(|all| rows(all.iter().filter(|one| one.socket() == name)))
        }),
        "feature" => feature(facts, name),
        "account" => of_roots(facts, |root| {
            root.accounts.as_ref().map(|all| rows(all.iter().filter(|one| one.name == name)))
        }),
        "setuid" => of_roots(facts, |root| {
            let at = |one: &&auscult_model::SetuidFile| {
                one.locator.path().is_some_and(|path| path.0 == name.as_bytes())
            };
            root.setuid.as_ref().map(|all| rows(all.iter().filter(at)))
        }),
        kind => Known::unknown(format!("there is no kind of fact {kind:?}")),
    }
}

/// The digest that a decision keeps of a fact.
pub fn fact_digest(value: &str) -> Sha256 {
    Sha256::of(value.as_bytes())
}

fn listed(values: impl Iterator<Item = String>) -> Known<String> {
    let mut values: Vec<String> = values.collect();
    values.sort();
    values.dedup();
    Known::Known(if values.is_empty() { "absent".to_owned() } else { values.join(", ") })
}

fn of_kernels(
    facts: &Facts,
    value: impl Fn(&auscult_model::KernelFacts) -> Known<String>,
) -> Known<String> {
    all_known(facts.kernels.iter().map(value), "there is no kernel in the image")
}

fn of_roots(
    facts: &Facts,
    value: impl Fn(&auscult_model::RootOperation) -> Known<String>,
) -> Known<String> {
    let reason = facts.operation.roots.reason().unwrap_or("there is no root file system in it");
    all_known(facts.operation.roots().iter().map(value), reason)
}

/// `present` where one program has it, `absent` where every list says so.
fn feature(facts: &Facts, name: &str) -> Known<String> {
    let Some((component, item)) = name.split_once('/') else {
        return Known::unknown("it is no part: COMPONENT/PART");
    };
    let lists = facts.features.iter().filter(|list| list.component == component);
    let told = lists.map(|list| {
        let among = |names: &[String]| names.iter().any(|name| name == item);
        match (among(&list.present), list.complete || among(&list.absent)) {
            (true, _) => Known::Known("present".to_owned()),
            (false, true) => Known::Known("absent".to_owned()),
            (false, false) => Known::unknown("the list does not tell"),
        }
    });
    all_known(told, "no list of its parts was found")
}

/// One unknown answer makes the whole unknown.
fn all_known(values: impl Iterator<Item = Known<String>>, none: &str) -> Known<String> {
    let mut known = Vec::new();
    for value in values {
        match value {
            Known::Known(value) => known.push(value),
            Known::Unknown(reason) => return Known::Unknown(reason),
        }
    }
    if known.is_empty() { Known::unknown(none) } else { listed(known.into_iter()) }
}

/// Items as text, without the places where they stand: a file may move in the image.
fn rows<T: Serialize>(items: impl Iterator<Item = T>) -> String {
    let mut rows: Vec<String> = items.map(|item| row(&item)).collect();
    rows.sort();
    rows.dedup();
    if rows.is_empty() { "absent".to_owned() } else { rows.join("; ") }
}

fn row<T: Serialize>(item: &T) -> String {
    let mut value = serde_json::to_value(item).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        for place in ["locator", "configuration", "program"] {
            object.remove(place);
        }
    }
    value.to_string()
}
