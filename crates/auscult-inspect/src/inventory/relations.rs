//! Whose the files are, and which component needs which.
//!
//! A file belongs to the package that lists it, else to the component that it is called after, else
//! to the program or library that was made a component of its own; copies of other components in it
//! are needed by its owner. A binary needs the owners of the libraries that it names, found as a
//! loader finds them: by file name, in its own file system first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use auscult_model::{
    Component, ComponentId, ComponentKind, Dependency, DependencyKind, EvidenceClass, Locator,
    Origin, OwnedBinary, Step, Version, VersionConflict, component_ids,
};
use auscult_unpack::{EntryKind, NodeId, NodeKind, Tree};

use super::{Draft, Inventory};
use crate::{
    examine::Examined,
    packages::Row,
    traces::{self, Trace},
    upstream,
};

/// Edges between drafts, by their index, and the owners of files.
#[derive(Default)]
pub(super) struct Relations {
    edges: BTreeSet<(usize, usize, DependencyKind)>,
    /// The draft of each binary.
    owned: BTreeMap<NodeId, usize>,
    /// Drafts of libraries that are not in the image, by their soname.
    pub(super) missing: HashMap<String, usize>,
    /// Versions that files tell and their packages do not.
    pub(super) conflicts: Vec<(usize, VersionConflict)>,
}

/// What stands in the facts about the components, besides themselves.
pub(crate) struct Told {
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) conflicts: Vec<VersionConflict>,
    pub(crate) owned: Vec<OwnedBinary>,
}

impl Inventory<'_> {
    /// Adds what the rows of package databases say that they need.
    pub(super) fn add_declared(&mut self, rows: &[Row], drafts: &[usize]) {
        let mut providers: HashMap<(NodeId, &[u8], &str), usize> = HashMap::new();
        for (row, &draft) in rows.iter().zip(drafts).filter(|(row, _)| row.database.is_system()) {
            let names = std::iter::once(&row.name).chain(&row.provides);
            for name in names {
                let key = (row.root.container, row.root.prefix.as_slice(), capability(name));
                providers.entry(key).or_insert(draft);
            }
        }
        for (row, &draft) in rows.iter().zip(drafts) {
            for clause in &row.depends {
                // The first alternative that is there.
                let found = clause.split('|').find_map(|name| {
                    let key = (row.root.container, row.root.prefix.as_slice(), capability(name));
                    providers.get(&key)
                });
                if let Some(&on) = found {
                    self.relations.add(draft, on, DependencyKind::Declared);
                }
            }
        }
    }

    /// Adds what the binaries tell: whose they are, what they hold, what they are linked to.
    /// Everything else must be in.
    pub(crate) fn add_links(&mut self, examined: &[Examined]) {
        let mut by_place: BTreeMap<(&[Step], Option<u64>), BTreeSet<usize>> = BTreeMap::new();
        for (index, draft) in self.drafts.iter().enumerate() {
            let code = |class: EvidenceClass| class == EvidenceClass::ContainsCode;
            for trace in draft.component.evidence.iter().filter(|trace| code(trace.class)) {
                let place = (trace.locator.steps.as_slice(), trace.locator.offset);
                by_place.entry(place).or_default().insert(index);
            }
        }
        for seen in examined {
            let Some(binary) = &seen.binary else { continue };
            let Locator { steps, offset } = &binary.facts.locator;
            // A region shares its steps with all other regions of the same bytes.
            let bytes = self.tree.node(seen.node).len();
            let end = offset.map_or(u64::MAX, |start| start.saturating_add(bytes));
            let places = by_place.range((steps.as_slice(), *offset)..(steps.as_slice(), Some(end)));
            let inside: BTreeSet<usize> = places.flat_map(|(_, drafts)| drafts).copied().collect();
            let own = self.owner(seen).or_else(|| self.best_of(seen, &inside));
            let Some(own) = own else { continue };
            self.relations.owned.insert(seen.node, own);
            for copy in inside {
                self.relations.add(own, copy, DependencyKind::Contains);
            }
        }
        let libraries = Libraries::of(self.tree);
        for seen in examined {
            let Some(&own) = self.relations.owned.get(&seen.node) else { continue };
            let Some(binary) = &seen.binary else { continue };
            let container = self.tree.node(seen.file.unwrap_or(seen.node)).parent;
            for needed in binary.facts.needed.iter().chain(&binary.facts.interpreter) {
                let name = needed.rsplit('/').next().unwrap_or(needed);
                let file = libraries.find(name, container);
                let on = file.and_then(|file| self.owner_of(file));
                if let Some(on) = on.or_else(|| self.relations.missing.get(needed).copied()) {
                    self.relations.add(own, on, DependencyKind::Links);
                }
            }
        }
    }

    /// Notes where a file tells another version than the package that it belongs to.
    pub(super) fn note_conflict(&mut self, seen: &Examined, trace: &Trace, version: &Version) {
        let Some(index) = self.owner(seen) else { return };
        let Some(draft) = self.drafts.get(index) else { return };
        let dated = |told: &Version| upstream::is_snapshot(&told.0);
        let own = draft.rule == Some(&trace.rule.id)
            && !draft.agrees(version)
            && !draft.component.version.exact().is_some_and(dated);
        if let (true, Some(told), Some(evidence)) =
            (own, draft.component.version.exact(), trace.evidence.first())
        {
            let conflict = VersionConflict {
                component: ComponentId(String::new()),
                told: told.clone(),
                seen: version.clone(),
                evidence: evidence.clone(),
            };
            self.relations.conflicts.push((index, conflict));
        }
    }

    fn owner_of(&self, file: NodeId) -> Option<usize> {
        self.owners.get(&file).or_else(|| self.relations.owned.get(&file)).copied()
    }

    /// The one of the components seen in a file that the file itself is.
    fn best_of(&self, seen: &Examined, inside: &BTreeSet<usize>) -> Option<usize> {
        let identity = traces::identity(self.tree, seen).map(|rule| rule.id.as_str());
        let rank = |draft: &Draft| match () {
            () if identity.is_some() && draft.rule == identity => 0,
            () if draft.component.origin == Origin::FileName => 1,
            () if draft.component.kind != ComponentKind::Library => 2,
            () => 3,
        };
        let drafts =
            inside.iter().filter_map(|&index| Some((rank(self.drafts.get(index)?), index)));
        drafts.min().map(|(_, index)| index)
    }
}

impl Relations {
    /// The relations under the names that the components have in the facts. The components are sorted
    /// and without repetition, `places` tells for each draft which of them it came to be.
    pub(super) fn told(
        self,
        places: &HashMap<usize, usize>,
        components: &[Component],
        tree: &Tree,
    ) -> Told {
        let ids = component_ids(components);
        let id = |draft: usize| ids.get(*places.get(&draft)?).cloned();
        let dependencies = self.edges.iter().filter_map(|&(from, to, kind)| {
            let (component, on) = (id(from)?, id(to)?);
            (component != on).then_some(Dependency { component, on, kind })
        });
        let conflicts = self.conflicts.into_iter().filter_map(|(draft, conflict)| {
            Some(VersionConflict { component: id(draft)?, ..conflict })
        });
        let owned = self.owned.iter().filter_map(|(&node, &draft)| {
            Some(OwnedBinary { locator: tree.locator(node), component: id(draft)? })
        });
        Told {
            dependencies: dependencies.collect(),
            conflicts: conflicts.collect(),
            owned: owned.collect(),
        }
    }

    fn add(&mut self, from: usize, to: usize, kind: DependencyKind) {
        if from != to {
            self.edges.insert((from, to, kind));
        }
    }
}

/// The name that a clause asks for, without the versions that would do and the architecture:
/// `libc6:any (>= 2.36)`, `musl>=1.2`, `so:libz.so.1=1.2.13`, `libc.so.6(GLIBC_2.4)`.
fn capability(clause: &str) -> &str {
    let name = clause.trim();
    let end = name.find(|c: char| c.is_whitespace() || "(<>=~".contains(c)).unwrap_or(name.len());
    let name = name.get(..end).unwrap_or(name);
    name.strip_suffix(":any").unwrap_or(name)
}

/// Files that loaders may find by their name.
struct Libraries {
    by_name: HashMap<Vec<u8>, Vec<(NodeId, NodeId)>>,
}

impl Libraries {
    fn of(tree: &Tree) -> Self {
        let mut by_name: HashMap<Vec<u8>, Vec<(NodeId, NodeId)>> = HashMap::new();
        for (id, node) in tree.nodes() {
            let NodeKind::Member(kind) = &node.kind else { continue };
            let name = node.name.file_name();
            let library = memchr::memmem::find(name, b".so").is_some() || name.starts_with(b"ld");
            let Some(container) = node.parent.filter(|_| library) else { continue };
            let file = match kind {
                EntryKind::File => Some(id),
                EntryKind::Symlink(_) | EntryKind::Hardlink(_) => {
                    tree.lookup(container, &node.name.0).filter(|&file| tree.node(file).is_file())
                }
                _ => None,
            };
            if let Some(file) = file {
                by_name.entry(name.to_vec()).or_default().push((container, file));
            }
        }
        Self { by_name }
    }

    /// The file of this name in this file system, else in any other.
    fn find(&self, name: &str, container: Option<NodeId>) -> Option<NodeId> {
        let files = self.by_name.get(name.as_bytes())?;
        let own = files.iter().find(|(place, _)| Some(*place) == container);
        own.or_else(|| files.first()).map(|&(_, file)| file)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use auscult_model::{
        Component, ComponentKind, Dependency, DependencyKind, Evidence, EvidenceClass, Limits,
        Locator, Origin, Technique, VersionClaim,
    };
    use auscult_unpack::Tree;

    use super::{Inventory, Relations, capability};

    fn component(name: &str) -> Component {
        Component {
            name: name.to_owned(),
            version: VersionClaim::Unknown("nobody asked".to_owned()),
            kind: ComponentKind::Library,
            supplier: None,
            purl: None,
            cpes: Vec::new(),
            origin: Origin::FileName,
            licences: Vec::new(),
            evidence: vec![Evidence {
                locator: Locator::image(),
                technique: Technique::BinaryAnalysis,
                class: EvidenceClass::ContainsCode,
                confidence: 90,
                detail: name.to_owned(),
            }],
        }
    }

    #[test]
    fn equal_components_keep_the_relations_of_each() {
        let tree = Tree::from_bytes(vec![0], &Limits::default());
        let mut inventory = Inventory {
            tree: &tree,
            drafts: Vec::new(),
            owners: HashMap::new(),
            mentions: BTreeMap::new(),
            relations: Relations::default(),
        };
        let [one, other, first, second] = ["twin", "twin", "first", "second"]
            .map(|name| inventory.push(component(name), None, None));
        inventory.relations.add(one, first, DependencyKind::Links);
        inventory.relations.add(other, second, DependencyKind::Links);
        let (components, told, _) = inventory.finish();
        let names: Vec<&str> = components.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["first", "second", "twin"]);
        let ids = super::component_ids(&components);
        let link = |on: usize| Dependency {
            component: ids[2].clone(),
            on: ids[on].clone(),
            kind: DependencyKind::Links,
        };
        assert_eq!(told.dependencies, [link(0), link(1)]);
    }

    #[test]
    fn clauses_name_what_they_ask_for() {
        for (clause, name) in [
            ("libc6 (>= 2.36)", "libc6"),
            (" python3:any ", "python3"),
            ("musl>=1.2", "musl"),
            ("so:libz.so.1=1.2.13", "so:libz.so.1"),
            ("libc.so.6(GLIBC_2.4)", "libc.so.6"),
            ("/bin/sh", "/bin/sh"),
        ] {
            assert_eq!(capability(clause), name);
        }
    }
}
