//! Which binaries run or are loaded, each with a shortest chain as its proof.
//!
//! The boot set is followed through the calls of scripts, program interpreters and `DT_NEEDED`.
//! Where several libraries of a name lie in the folders of the loader, all of them count. A program
//! that calls `dlopen` may load any library of its root. What programs execute by themselves is not
//! seen: absence from the answer is no proof.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use auscult_model::{BootState, Reached, ReachedBy, Started, Transport};
use auscult_unpack::NodeId;

use super::{
    boot::Boot,
    files::{Files, Found},
    lines,
};
use crate::examine::Examined;

/// Folders that loaders search by themselves; multi-arch folders lie below them.
const LOADER_FOLDERS: &[&str] =
    &["/lib/", "/usr/lib/", "/lib32/", "/usr/lib32/", "/lib64/", "/usr/lib64/"];
/// Steps of a chain.
const CHAIN_MAX: usize = 64;

/// Libraries of one name that are looked at.
const SAME_NAME_MAX: usize = 64;

/// The binaries of the image by their file.
pub(super) struct Programs<'seen> {
    examined: &'seen [Examined],
    pub(super) by_node: HashMap<NodeId, usize>,
}

impl<'seen> Programs<'seen> {
    pub(super) fn of(examined: &'seen [Examined]) -> Self {
        let by_node = examined
            .iter()
            .enumerate()
            .filter(|(_, seen)| seen.binary.is_some() && seen.file == Some(seen.node))
            .map(|(index, seen)| (seen.node, index))
            .collect();
        Self { examined, by_node }
    }

    fn facts(&self, node: NodeId) -> Option<&'seen auscult_model::BinaryFacts> {
        let seen = self.examined.get(*self.by_node.get(&node)?)?;
        seen.binary.as_ref().map(|binary| &binary.facts)
    }

    /// The functions that it imports. A dynamic program that seems to import none has a table that
    /// could not be counted: every program imports something of its libraries.
    fn known_imports(&self, node: NodeId) -> Option<&'seen [String]> {
        let facts = self.facts(node)?;
        let imports = facts.imports.known()?;
        (!imports.is_empty() || facts.needed.is_empty()).then_some(imports.as_slice())
    }

    fn imports(&self, node: NodeId, names: &[&str]) -> bool {
        let imports = self.known_imports(node);
        imports.is_some_and(|imports| imports.iter().any(|name| names.contains(&name.as_str())))
    }

    /// Whether it is a program, and not a library, an object or a module.
    fn is_executable(&self, node: NodeId) -> bool {
        self.facts(node).is_some_and(|facts| {
            facts.kind == "executable" || facts.kind == "shared" && facts.interpreter.is_some()
        })
    }

    /// Whether it stays when it is called, as far as its imports tell; without them, its name.
    pub(super) fn is_daemon(&self, found: &Found) -> bool {
        let node = found.id;
        if !self.is_executable(node) || super::listeners::is_multi_call(&found.path) {
            return false;
        }
        if self.known_imports(node).is_none() {
            return found.path.contains("sbin/") && found.path.ends_with('d');
        }
        self.imports(node, &["daemon", "listen", "accept", "accept4"])
            || self.imports(node, &["setsid"]) && self.imports(node, &["fork", "vfork"])
    }

    /// The transport on which it could wait for others; any, where its imports are not known.
    pub(super) fn may_listen(&self, node: NodeId) -> Option<Transport> {
        if !self.is_executable(node) {
            return None;
        }
        if self.known_imports(node).is_none() {
            return Some(Transport::Other);
        }
        if !self.imports(node, &["bind"]) {
            return None;
        }
        if self.imports(node, &["listen", "accept", "accept4"]) {
            return Some(Transport::Tcp);
        }
        self.imports(node, &["recvfrom", "recvmsg"]).then_some(Transport::Udp)
    }

    /// Whether it loads libraries by names that are not in its headers. A dynamic program whose
    /// imports cannot be listed may.
    fn loads_by_name(&self, node: NodeId) -> bool {
        let Some(facts) = self.facts(node) else { return false };
        let dynamic = facts.interpreter.is_some() || !facts.needed.is_empty();
        match self.known_imports(node) {
            Some(_) => self.imports(node, &["dlopen", "dlmopen", "android_dlopen_ext"]),
            None => dynamic && facts.kind != "relocatable",
        }
    }
}

/// Libraries of a root by file name.
struct Libraries {
    by_name: BTreeMap<String, Vec<Found>>,
}

impl Libraries {
    fn of(files: &Files<'_>) -> Self {
        let mut by_name: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        for (name, _) in files.root.under(files.tree, b"/") {
            let file = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
            if memchr::memmem::find(file, b".so").is_none() && !file.starts_with(b"ld") {
                continue;
            }
            let path = format!("/{}", String::from_utf8_lossy(name));
            if let Some(found) = files.file(&path) {
                let name = String::from_utf8_lossy(file).into_owned();
                by_name.entry(name).or_default().push(found);
            }
        }
        for list in by_name.values_mut() {
            list.sort();
            list.dedup();
            list.truncate(SAME_NAME_MAX);
        }
        Self { by_name }
    }

    /// The files that a loader may take: those in its own folders, else all of that name.
    fn find(&self, needed: &str, like: &str, programs: &Programs<'_>) -> Vec<NodeId> {
        let name = lines::file_name(needed);
        let fits = |found: &&Found| {
            programs.facts(found.id).is_some_and(|facts| facts.architecture == like)
        };
        let all: Vec<&Found> = self.by_name.get(name).into_iter().flatten().filter(fits).collect();
        let usual = |found: &&&Found| {
            LOADER_FOLDERS.iter().any(|folder| {
                let rest = found.path.strip_prefix(folder);
                rest.is_some_and(|rest| rest.matches('/').count() <= 1)
            })
        };
        let own: Vec<NodeId> = all.iter().filter(usual).map(|found| found.id).collect();
        if own.is_empty() { all.iter().map(|found| found.id).collect() } else { own }
    }
}

/// How a file is reached.
#[derive(Clone, Debug)]
struct Way {
    by: ReachedBy,
    from: Option<NodeId>,
    /// What starts it, where nothing is before it.
    label: String,
}

/// What is reached in a root.
pub(super) struct Reach {
    ways: BTreeMap<NodeId, Way>,
    paths: BTreeMap<NodeId, String>,
    executables: BTreeSet<NodeId>,
    libraries: Libraries,
}

/// What is needed to follow a file.
struct Edges<'edges, 'tree> {
    files: &'edges Files<'tree>,
    boot: &'edges Boot,
    programs: &'edges Programs<'edges>,
    libraries: &'edges Libraries,
}

impl Edges<'_, '_> {
    /// The files that run or are loaded when this one is.
    fn of(&self, node: NodeId) -> Vec<NodeId> {
        if let Some(Some(script)) = self.boot.scripts.read.get(&node) {
            return script.calls.iter().map(|call| call.program.id).collect();
        }
        let Some(facts) = self.programs.facts(node) else { return Vec::new() };
        let interpreter = facts.interpreter.as_deref().and_then(|path| self.files.file(path));
        let mut nodes: Vec<NodeId> = interpreter.map(|found| found.id).into_iter().collect();
        for needed in &facts.needed {
            nodes.extend(self.libraries.find(needed, &facts.architecture, self.programs));
        }
        nodes
    }

    fn path(&self, node: NodeId) -> String {
        let name = &self.files.node(node).name.0;
        let name = name.strip_prefix(self.files.root.prefix.as_slice()).unwrap_or(name);
        String::from_utf8_lossy(name).into_owned()
    }

    /// Goes on from these files; those that are in already stay as they are.
    fn follow(&self, from: Vec<(NodeId, String)>, by: ReachedBy, ways: &mut BTreeMap<NodeId, Way>) {
        let mut pending = VecDeque::new();
        for (node, label) in from {
            ways.entry(node).or_insert_with(|| {
                pending.push_back(node);
                Way { by, from: None, label }
            });
        }
        while let Some(node) = pending.pop_front() {
            for next in self.of(node) {
                ways.entry(next).or_insert_with(|| {
                    pending.push_back(next);
                    Way { by, from: Some(node), label: String::new() }
                });
            }
        }
    }
}

impl Reach {
    /// Follows the boot set.
    pub(super) fn of(files: &Files<'_>, boot: &Boot, programs: &Programs<'_>) -> Self {
        let libraries = Libraries::of(files);
        let edges = Edges { files, boot, programs, libraries: &libraries };
        let mut ways = BTreeMap::new();
        for (state, by) in
            [(BootState::StartsAtBoot, ReachedBy::Boot), (BootState::OnDemand, ReachedBy::OnDemand)]
        {
            let starts = boot.starts.iter().filter(|start| start.fact.state == state);
            let from = starts.flat_map(|start| {
                let label = format!("{}:{}", start.fact.source.name(), start.fact.name);
                let programs = start.program.iter().chain(&start.given);
                programs.map(move |found| (found.id, label.clone()))
            });
            edges.follow(from.collect(), by, &mut ways);
        }
        let paths = ways.keys().map(|&node| (node, edges.path(node))).collect();
        let executables =
            ways.keys().copied().filter(|&node| programs.is_executable(node)).collect();
        Self { ways, paths, executables, libraries }
    }

    /// Whether this file was seen to run.
    pub(super) fn started(&self, node: NodeId) -> Started {
        match self.ways.get(&node).map(|way| way.by) {
            Some(ReachedBy::Boot) => Started::AtBoot,
            Some(_) => Started::OnDemand,
            None => Started::NotSeen,
        }
    }

    /// The programs that are reached, with their paths.
    pub(super) fn programs(&self) -> impl Iterator<Item = (NodeId, &str)> {
        self.executables.iter().filter_map(|node| Some((*node, self.paths.get(node)?.as_str())))
    }

    /// The answer: every binary in every set that it is in.
    pub(super) fn facts(
        &self,
        files: &Files<'_>,
        boot: &Boot,
        programs: &Programs<'_>,
        facing: &HashMap<NodeId, String>,
    ) -> Vec<Reached> {
        let edges = Edges { files, boot, programs, libraries: &self.libraries };
        let mut reached = Vec::new();
        let mut add = |ways: &BTreeMap<NodeId, Way>, node: NodeId| {
            let Some(way) = ways.get(&node).filter(|_| programs.by_node.contains_key(&node)) else {
                return;
            };
            let chain = chain(ways, node, &edges);
            reached.push(Reached { program: files.locate(node), by: way.by, chain });
        };
        for &node in self.ways.keys() {
            add(&self.ways, node);
        }
        let mut network = BTreeMap::new();
        let mut from: Vec<(NodeId, String)> =
            facing.iter().map(|(node, label)| (*node, format!("network:{label}"))).collect();
        from.sort();
        edges.follow(from, ReachedBy::Network, &mut network);
        for &node in network.keys() {
            add(&network, node);
        }
        let loaded = self.loadable(&edges);
        for &node in loaded.keys().filter(|node| !self.ways.contains_key(node)) {
            add(&loaded, node);
        }
        reached
    }

    /// Libraries that a running program may load by name, behind what runs.
    fn loadable(&self, edges: &Edges<'_, '_>) -> BTreeMap<NodeId, Way> {
        let mut ways = self.ways.clone();
        let mut loaders: BTreeMap<&str, (usize, NodeId)> = BTreeMap::new();
        for &node in self.ways.keys().filter(|&&node| edges.programs.loads_by_name(node)) {
            let Some(facts) = edges.programs.facts(node) else { continue };
            let rank = chain(&self.ways, node, edges).len();
            let best = loaders.entry(&facts.architecture).or_insert((rank, node));
            *best = (*best).min((rank, node));
        }
        let mut pending = Vec::new();
        for found in edges.libraries.by_name.values().flatten() {
            let Some(facts) = edges.programs.facts(found.id) else { continue };
            let loader = loaders.get(facts.architecture.as_str());
            if let Some(&(_, loader)) = loader.filter(|_| facts.kind == "shared") {
                ways.entry(found.id).or_insert_with(|| {
                    pending.push(found.id);
                    let by = ReachedBy::MayBeLoaded;
                    Way { by, from: Some(loader), label: String::new() }
                });
            }
        }
        // What they need is loaded with them.
        while let Some(node) = pending.pop() {
            for next in edges.of(node) {
                ways.entry(next).or_insert_with(|| {
                    pending.push(next);
                    Way { by: ReachedBy::MayBeLoaded, from: Some(node), label: String::new() }
                });
            }
        }
        ways
    }
}

/// From what starts to the file.
fn chain(ways: &BTreeMap<NodeId, Way>, node: NodeId, edges: &Edges<'_, '_>) -> Vec<String> {
    let mut chain = Vec::new();
    let mut at = Some(node);
    while let Some(node) = at.filter(|_| chain.len() < CHAIN_MAX) {
        chain.push(edges.path(node));
        let way = ways.get(&node);
        at = way.and_then(|way| way.from);
        if let Some(way) = way.filter(|way| way.from.is_none()) {
            chain.push(way.label.clone());
        }
    }
    chain.reverse();
    chain
}
