//! Tree to facts: packages, binaries, kernels, signatures.
//!
//! [`inspect`] never fails: what cannot be read becomes a problem, what cannot be answered an
//! unknown with its reason. It matches no advisories and holds no opinion.

mod elf;
mod examine;
mod features;
mod foreign;
mod identity;
mod inventory;
mod kernel;
mod names;
mod operation;
mod own_version;
mod owners;
mod packages;
mod projects;
mod remembered;
mod roots;
pub mod signatures;
mod stanza;
mod startup;
pub mod symbols;
mod traces;
mod twins;
mod uboot;
mod upstream;

use auscult_model::{
    FACTS_SCHEMA, FEATURE_TABLE, Facts, FeatureInventory, FormatSeen, Input, Limits, Problem,
    Sha256, ToolIdentity,
};
use auscult_unpack::{NodeKind, Tree};

use crate::{examine::Examined, inventory::Inventory, signatures::RuleSet};

/// Inspects an unpacked image. The same tree gives the same facts.
pub fn inspect(tree: &Tree, input: Input, limits: &Limits) -> Facts {
    let identities = identity::read(tree);
    let mut packages = packages::read(tree);
    let listed = packages::sbom::read(tree, &mut packages);
    let mut examined = examine::all(tree, limits);
    packages.add_carried(tree, &mut examined);
    let kernels = kernel::assemble(tree, &examined, &packages.rows);

    let mut inventory = Inventory::of_packages(tree, &packages.rows, &identities);
    for distribution in &identities.distributions {
        let container = Some(identity::container_of(distribution));
        inventory.add_structure(identity::component(distribution), container);
    }
    for component in kernels.components {
        inventory.add_structure(component, None);
    }
    for seen in &examined {
        for (offset, banner) in seen.boot_loaders.iter().filter(|(_, banner)| banner.own) {
            let place = examine::place(tree, seen.node, *offset);
            inventory.add_structure(uboot::component(banner, place), Some(seen.node));
        }
    }
    inventory.add_traces(&examined);
    inventory.add_names(&examined);
    inventory.add_parts(&examined);
    inventory.add_ranges(&examined);
    inventory.add_listed(listed);
    inventory.add_links(&examined);
    let (components, told, mentions) = inventory.finish();
    let (operation, operation_problems) = operation::read(tree, &examined);

    let mut coverage = tree.coverage().clone();
    coverage.questions_unknown.extend(kernels.unknown);
    if let Some(reason) = packages.unanswered() {
        coverage.questions_unknown.insert("packages".to_owned(), reason.to_owned());
    }
    let mut problems: Vec<Problem> = tree.problems().to_vec();
    problems.extend(identities.problems);
    problems.extend(packages.problems);
    problems.extend(operation_problems);
    let mut statements = identities.facts;
    let features = features(tree, &mut examined);
    for seen in &mut examined {
        problems.append(&mut seen.problems);
        statements.append(&mut seen.statements);
    }
    let mut facts = Facts {
        schema: FACTS_SCHEMA,
        tool: tool(),
        limits: limits.clone(),
        input,
        identities: statements,
        formats: formats(tree),
        components,
        dependencies: told.dependencies,
        conflicts: told.conflicts,
        owned: told.owned,
        mentions,
        binaries: examined.into_iter().filter_map(|seen| Some(seen.binary?.facts)).collect(),
        kernels: kernels.facts,
        features,
        operation,
        coverage,
        problems,
    };
    facts.canonicalise();
    facts
}

/// The identity of this program, for facts that are made without an image.
pub fn tool() -> ToolIdentity {
    ToolIdentity {
        name: "auscult".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        rules: rules_digest(),
    }
}

/// The digest over the rules, the histories and the table of parts, which all decide what is found.
fn rules_digest() -> Sha256 {
    let parts = Sha256::of(FEATURE_TABLE.as_bytes());
    let text = format!("{} {} {parts}", RuleSet::builtin_digest(), symbols::digest());
    Sha256::of(text.as_bytes())
}

/// The lists of parts in the programs, with their places.
fn features(tree: &Tree, examined: &mut [Examined]) -> Vec<FeatureInventory> {
    let mut features = Vec::new();
    for seen in examined {
        for (offset, inventory) in seen.features.drain(..) {
            let locator = examine::place(tree, seen.node, offset);
            features.push(FeatureInventory { locator, ..inventory });
        }
    }
    features
}

/// Every container of the image.
fn formats(tree: &Tree) -> Vec<FormatSeen> {
    let seen = tree.nodes().filter_map(|(id, node)| match &node.kind {
        NodeKind::Container { format, attributes, .. } => Some(FormatSeen {
            locator: tree.locator(id),
            format: (*format).to_owned(),
            bytes: node.len(),
            attributes: attributes
                .iter()
                .map(|(&key, value)| (key.to_owned(), value.clone()))
                .collect(),
        }),
        _ => None,
    });
    seen.collect()
}
