//! One component for each thing in the image, from all the traces of it.
//!
//! Package rows come first and are never given up. Structures (kernel banner, boot loader banner,
//! os-release), signature hits and file names either join a component that means the same thing in
//! a version that does not contradict, or make one of their own. Traces that contain nothing
//! (*compiled against*, *mentions*) become mentions.

use std::collections::HashMap;

use auscult_model::{Component, Evidence, Mention, Origin, VersionClaim};
use auscult_unpack::{NodeId, NodeKind, Tree};

use crate::{
    examine::Examined,
    identity::Identities,
    names, owners,
    packages::{self, Row},
};

/// A component while its traces come in.
struct Draft {
    component: Component,
    /// The file system or region where it was first seen.
    container: Option<NodeId>,
}

/// The inventory under construction.
pub(crate) struct Inventory<'tree> {
    tree: &'tree Tree,
    drafts: Vec<Draft>,
    /// Index of the owning package's draft by file.
    owners: HashMap<NodeId, usize>,
    mentions: Vec<Mention>,
}

impl<'tree> Inventory<'tree> {
    /// Starts with the rows of the package databases; equal rows of two databases (a factory and an
    /// update partition) are one component with two traces.
    pub(crate) fn of_packages(tree: &'tree Tree, rows: &[Row], identities: &Identities) -> Self {
        let mut inventory =
            Self { tree, drafts: Vec::new(), owners: HashMap::new(), mentions: Vec::new() };
        let mut draft_of_row = Vec::with_capacity(rows.len());
        let mut known: HashMap<(String, VersionClaim, Origin), usize> = HashMap::new();
        for row in rows {
            let component = packages::component(row, identities.of_root(&row.root));
            let key = (component.name.clone(), component.version.clone(), component.origin.clone());
            let index = match known.get(&key) {
                Some(&index) => {
                    inventory.join(index, component);
                    index
                }
                None => inventory.push(component, Some(row.root.container)),
            };
            known.insert(key, index);
            draft_of_row.push(index);
        }
        for (file, row) in owners::of(tree, rows) {
            if let Some(&draft) = draft_of_row.get(row) {
                inventory.owners.insert(file, draft);
            }
        }
        inventory
    }

    fn push(&mut self, component: Component, container: Option<NodeId>) -> usize {
        self.drafts.push(Draft { component, container });
        self.drafts.len() - 1
    }

    /// Adds the traces of a component to a draft.
    fn join(&mut self, index: usize, other: Component) {
        if let Some(draft) = self.drafts.get_mut(index) {
            let into = &mut draft.component;
            into.evidence.extend(other.evidence);
            into.cpes.extend(other.cpes);
            into.licences.extend(other.licences);
            into.supplier = into.supplier.take().or(other.supplier);
        }
    }

    /// Adds what a structure tells: the same name and version is the same thing, wherever found.
    pub(crate) fn add_structure(&mut self, component: Component, container: Option<NodeId>) {
        let same = |draft: &Draft| {
            !matches!(draft.component.origin, Origin::Package { .. })
                && draft.component.name == component.name
                && draft.component.version == component.version
        };
        match self.drafts.iter().position(same) {
            Some(index) => self.join(index, component),
            None => {
                self.push(component, container);
            }
        }
    }

    /// Adds programs and libraries that nothing else explains.
    pub(crate) fn add_names(&mut self, examined: &[Examined]) {
        for seen in examined {
            let (Some(file), Some(binary)) = (seen.file, &seen.binary) else { continue };
            if self.owners.contains_key(&file) {
                continue;
            }
            let path = &self.tree.node(file).name.0;
            if let Some(component) = names::of_file(path, &binary.facts) {
                self.add_named(component, container_of(self.tree, file));
            }
        }
        let binaries: Vec<_> =
            examined.iter().filter_map(|seen| Some(&seen.binary.as_ref()?.facts)).collect();
        for component in names::missing(self.tree, &binaries) {
            self.add_named(component, None);
        }
    }

    /// The same file name with the same version in two file systems is one component.
    fn add_named(&mut self, component: Component, container: Option<NodeId>) {
        let same = |draft: &Draft| {
            draft.component.origin == Origin::FileName
                && draft.component.name == component.name
                && draft.component.version == component.version
        };
        match self.drafts.iter().position(same) {
            Some(index) => self.join(index, component),
            None => {
                self.push(component, container);
            }
        }
    }

    /// The components and mentions.
    pub(crate) fn finish(self) -> (Vec<Component>, Vec<Mention>) {
        let components = self.drafts.into_iter().map(|draft| {
            let mut component = draft.component;
            shorten(&mut component.evidence);
            component
        });
        (components.collect(), self.mentions)
    }
}

/// Traces of one component at most; a library that every program links to has hundreds.
const EVIDENCE_MAX: usize = 64;

/// Keeps the strongest traces, in a fixed order.
fn shorten(evidence: &mut Vec<Evidence>) {
    evidence.sort_by(|one, other| {
        let key = |trace: &Evidence| (std::cmp::Reverse(trace.confidence), trace.class);
        key(one).cmp(&key(other)).then_with(|| one.cmp(other))
    });
    evidence.dedup();
    evidence.truncate(EVIDENCE_MAX);
}

/// The container that a file is a member of.
fn container_of(tree: &Tree, file: NodeId) -> Option<NodeId> {
    let parent = tree.node(file).parent?;
    matches!(tree.node(parent).kind, NodeKind::Container { .. }).then_some(parent)
}
