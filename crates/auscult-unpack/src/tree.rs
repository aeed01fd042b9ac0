//! The tree of an image: nodes in an arena, found by id, by path or by locator.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    ops::Bound,
    sync::Arc,
};

use auscult_model::{ByteName, Coverage, Limits, Locator, Problem};
use bytes::Bytes;

use crate::{
    Entry, EntryKind, Extent, Fault, Memo, Metadata, Reading, Unread, Vault,
    carve::{self, Container, Stretch, StretchKind},
    coverage,
    format::Remark,
    formats::SECOND_LOOKS,
};

/// The place of a node in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// The image itself; the root.
    Image,
    /// An opened format at an offset of its parent's bytes.
    Container {
        /// Name of the format.
        format: &'static str,
        /// What its header tells.
        attributes: BTreeMap<&'static str, String>,
        /// Why its content could not be read, where it was only recognised.
        unread: Option<String>,
    },
    /// A member of the container above: a file, a directory, a payload, a partition.
    Member(EntryKind),
    /// Bytes that no format claims.
    Raw {
        /// Shannon entropy in hundredths of a bit per byte.
        entropy_centibits: u16,
    },
    /// A run of only 00 or only FF.
    Padding,
}

/// A node of the tree. The image and members hold bytes in which containers, raw regions and
/// padding lie; containers hold members.
#[derive(Clone, Debug)]
pub struct Node {
    /// The node above; none for the image.
    pub parent: Option<NodeId>,
    /// What it is.
    pub kind: NodeKind,
    /// Path of a member in its container, with one leading slash; empty for a lone payload.
    pub name: ByteName,
    /// Offset in the parent's bytes, for containers, raw regions and padding.
    pub offset: u64,
    /// The bytes, where there are any.
    pub content: Option<Extent>,
    /// Owner, mode, times of a member.
    pub metadata: Metadata,
    /// How far its bytes were looked into.
    pub reading: Reading,
    /// Set for a member whose bytes are in the container but could not be read.
    pub unread: Option<Unread>,
    /// The nodes below, in order of offset or path.
    pub children: Vec<NodeId>,
}

impl Node {
    /// Length of the bytes; 0 where there are none.
    pub fn len(&self) -> u64 {
        self.content.as_ref().map_or(0, Extent::len)
    }

    /// Whether it holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Name of the format, for containers.
    pub fn format(&self) -> Option<&'static str> {
        match self.kind {
            NodeKind::Container { format, .. } => Some(format),
            _ => None,
        }
    }

    /// Whether it is a regular file, payload or part.
    pub fn is_file(&self) -> bool {
        matches!(self.kind, NodeKind::Member(EntryKind::File))
    }
}

/// Everything found in one image.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    /// Members of each container by path.
    members: HashMap<NodeId, BTreeMap<ByteName, NodeId>>,
    problems: Vec<Problem>,
    coverage: Coverage,
}

/// Links followed at most while a path is resolved, as Linux does (`MAXSYMLINKS`).
const LINKS_MAX: u32 = 40;

/// Opens the image in `file` (of `length` bytes) and everything inside it. Never fails. For `spill`
/// see [`image`].
pub fn unpack(file: File, length: u64, limits: &Limits, spill: Option<File>) -> Tree {
    Tree::of(image(file, length, limits, spill))
}

/// The bytes of the image in `file`, of `length` bytes. Derived bytes that are too many for memory go
/// to `spill`, an empty file without a name; without one they stay in memory.
pub fn image(file: File, length: u64, limits: &Limits, spill: Option<File>) -> Extent {
    image_with(file, length, limits, spill, None)
}

/// The same with what earlier inspections found.
pub fn image_with(
    file: File,
    length: u64,
    limits: &Limits,
    spill: Option<File>,
    memo: Option<Arc<Memo>>,
) -> Extent {
    let vault = match spill {
        Some(spill) => Vault::with_spill(limits.clone(), spill),
        None => Vault::new(limits.clone()),
    };
    let vault = Arc::new(vault.with_memo(memo));
    let mut image = Extent::from_file(&vault, file, length);
    // A small image is read once; a large one stays on disk and is read where needed.
    if length <= limits.cache_bytes
        && let Ok(bytes) = image.read_all()
    {
        image = Extent::from_memory(&vault, bytes);
    }
    image
}

impl Tree {
    /// Opens bytes in memory; for tests and small inputs.
    pub fn from_bytes(bytes: impl Into<Bytes>, limits: &Limits) -> Self {
        Self::of(Extent::from_memory(&Arc::new(Vault::new(limits.clone())), bytes))
    }

    /// Opens these bytes and everything inside them.
    pub fn of(image: Extent) -> Self {
        let mut faults = Vec::new();
        let stretches = carve::explore(&image, Reading::Carve, 0, &mut faults);
        let root = Node {
            parent: None,
            kind: NodeKind::Image,
            name: ByteName::default(),
            offset: 0,
            content: Some(image),
            metadata: Metadata::default(),
            reading: Reading::Carve,
            unread: None,
            children: Vec::new(),
        };
        let mut tree = Self {
            nodes: vec![root],
            members: HashMap::new(),
            problems: Vec::new(),
            coverage: Coverage::default(),
        };
        tree.report(NodeId(0), faults);
        tree.attach(NodeId(0), stretches);
        for look in SECOND_LOOKS {
            for remark in look(&tree) {
                tree.note(remark);
            }
        }
        tree.problems.sort();
        tree.coverage = coverage::of(&tree);
        tree
    }

    /// The image.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// The node with this id, which this tree gave out.
    pub fn node(&self, id: NodeId) -> &Node {
        #[expect(clippy::indexing_slicing, reason = "ids are made by this tree and nodes stay")]
        &self.nodes[id.0]
    }

    /// All nodes, depth first, in a fixed order.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index), node))
    }

    /// What went wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether a limit on everything together was reached while the tree was made or read. Then
    /// what was left out depends on the order of threads; on one thread it is always the same.
    pub fn is_exhausted(&self) -> bool {
        let content = self.node(self.root()).content.as_ref();
        content.is_some_and(|content| content.vault().is_exhausted())
    }

    /// What was read and what was not.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// All bytes of a node.
    ///
    /// # Errors
    /// The fault that stops reading; a node without bytes reads as empty.
    pub fn bytes(&self, id: NodeId) -> Result<Bytes, Fault> {
        self.node(id).content.as_ref().map_or(Ok(Bytes::new()), Extent::read_all)
    }

    /// The locator of a node.
    pub fn locator(&self, id: NodeId) -> Locator {
        let node = self.node(id);
        let Some(parent) = node.parent else { return Locator::image() };
        match &node.kind {
            NodeKind::Image => Locator::image(),
            NodeKind::Container { format, .. } => {
                self.locator(parent).enter(node.offset, format, None)
            }
            NodeKind::Raw { .. } | NodeKind::Padding => self.locator(parent).at(node.offset),
            NodeKind::Member(_) => {
                let mut locator = self.locator(parent);
                if let Some(step) = locator.steps.last_mut()
                    && !node.name.as_bytes().is_empty()
                {
                    step.member = Some(node.name.clone());
                }
                locator
            }
        }
    }

    /// The node that a locator means, and the offset in its bytes.
    pub fn resolve(&self, locator: &Locator) -> Option<(NodeId, u64)> {
        let mut current = self.root();
        for step in &locator.steps {
            let container = self.node(current).children.iter().copied().find(|&child| {
                let node = self.node(child);
                node.offset == step.offset && node.format() == Some(step.format.as_str())
            })?;
            let payload = ByteName::default();
            let name = step.member.as_ref().unwrap_or(&payload);
            let member = self.members.get(&container).and_then(|members| members.get(name));
            current = match (member, &step.member) {
                (Some(&member), _) => member,
                (None, None) => container,
                (None, Some(_)) => return None,
            };
        }
        let offset = locator.offset.unwrap_or(0);
        (offset <= self.node(current).len()).then_some((current, offset))
    }

    /// The containers that hold members with paths: file systems and archives. Partitions and
    /// other parts of an image have names too, but make no file system.
    pub fn file_systems(&self) -> impl Iterator<Item = NodeId> {
        self.nodes().map(|(id, _)| id).filter(|&id| self.is_file_system(id))
    }

    /// Whether a container holds members with paths.
    pub fn is_file_system(&self, id: NodeId) -> bool {
        self.members.get(&id).is_some_and(|members| {
            members.iter().any(|(name, &member)| {
                name.0.starts_with(b"/") && self.node(member).reading == Reading::Whole
            })
        })
    }

    /// The member with exactly this path (`/etc/passwd`) of a container.
    pub fn member(&self, container: NodeId, path: &[u8]) -> Option<NodeId> {
        self.members.get(&container)?.get(&ByteName::from(path)).copied()
    }

    /// Members of a container whose path starts with this prefix, in order.
    pub fn members_under(
        &self,
        container: NodeId,
        prefix: &[u8],
    ) -> impl Iterator<Item = (&ByteName, NodeId)> {
        let from = ByteName::from(prefix);
        let prefix = prefix.to_vec();
        let members = self.members.get(&container);
        members
            .into_iter()
            .flat_map(move |members| members.range(from.clone()..))
            .take_while(move |(name, _)| name.0.starts_with(&prefix))
            .map(|(name, &id)| (name, id))
    }

    /// What stands directly in a folder of a container, the folder given with its last slash: each
    /// name with its member, where it has one of its own, and whether something lies below it. What
    /// lies deeper is passed over, however much it is.
    pub fn entries_of(
        &self,
        container: NodeId,
        folder: &[u8],
    ) -> BTreeMap<&[u8], (Option<NodeId>, bool)> {
        let mut entries: BTreeMap<&[u8], (Option<NodeId>, bool)> = BTreeMap::new();
        let Some(members) = self.members.get(&container) else { return entries };
        let mut from = Bound::Included(ByteName::from(folder));
        while let Some((name, &id)) = members.range((from, Bound::Unbounded)).next() {
            let Some(rest) = name.0.strip_prefix(folder) else { break };
            let mut parts = rest.splitn(2, |&byte| byte == b'/');
            let first = parts.next().unwrap_or_default();
            let entry = entries.entry(first).or_default();
            from = if parts.next().is_some() {
                entry.1 = true;
                // The byte behind the slash: the first name that does not lie below this one.
                Bound::Included(ByteName([folder, first, b"0"].concat()))
            } else {
                entry.0 = Some(id);
                Bound::Excluded(name.clone())
            };
        }
        entries.remove(b"".as_slice());
        entries
    }

    /// The member that a path leads to inside a container, links followed within it as the device
    /// would: absolute targets start at the container's root, `..` stops there.
    pub fn lookup(&self, container: NodeId, path: &[u8]) -> Option<NodeId> {
        let mut links_left = LINKS_MAX;
        let mut pending: Vec<Vec<u8>> = split_reversed(path);
        let mut at: Vec<u8> = Vec::new();
        let mut found = None;
        while let Some(part) = pending.pop() {
            match part.as_slice() {
                b"" | b"." => {}
                b".." => {
                    let parent = at.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                    at.truncate(parent);
                }
                name => {
                    let mut full = at.clone();
                    full.push(b'/');
                    full.extend_from_slice(name);
                    let id = self.member(container, &full);
                    if let Some(id) = id
                        && let NodeKind::Member(EntryKind::Symlink(target)) = &self.node(id).kind
                    {
                        links_left = links_left.checked_sub(1)?;
                        if target.0.starts_with(b"/") {
                            at.clear();
                        }
                        pending.extend(split_reversed(&target.0));
                        continue;
                    }
                    found = id;
                    at = full;
                }
            }
        }
        // After a trailing `..` the last member seen is not where the path ends.
        self.member(container, &at).or(found.filter(|_| at.is_empty()))
    }

    fn report(&mut self, id: NodeId, faults: Vec<Fault>) {
        let locator = self.locator(id);
        self.problems.extend(faults.into_iter().map(|fault| Problem {
            locator: locator.at(fault.offset),
            what: fault.what,
            why: fault.why,
        }));
    }

    /// Adds what a second look found out.
    fn note(&mut self, remark: Remark) {
        let Remark { node, attributes: more, faults } = remark;
        if let Some(Node { kind: NodeKind::Container { attributes, .. }, .. }) =
            self.nodes.get_mut(node.0)
        {
            attributes.extend(more);
        }
        self.report(node, faults);
    }

    fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId(self.nodes.len());
        if let Some(parent) = node.parent
            && let Some(parent) = self.nodes.get_mut(parent.0)
        {
            parent.children.push(id);
        }
        self.nodes.push(node);
        id
    }

    /// Hangs what was found in a node's bytes below it.
    fn attach(&mut self, parent: NodeId, stretches: Vec<Stretch>) {
        for stretch in stretches {
            let content = self.node(parent).content.as_ref();
            let content = content.map(|extent| extent.clamp(stretch.offset, stretch.length));
            let mut node = Node {
                parent: Some(parent),
                kind: NodeKind::Padding,
                name: ByteName::default(),
                offset: stretch.offset,
                content,
                metadata: Metadata::default(),
                reading: Reading::Leaf,
                unread: None,
                children: Vec::new(),
            };
            match stretch.kind {
                StretchKind::Padding => {
                    self.push(node);
                }
                StretchKind::Raw { entropy_centibits } => {
                    node.kind = NodeKind::Raw { entropy_centibits };
                    self.push(node);
                }
                StretchKind::Container(container) => self.attach_container(node, *container),
            }
        }
    }

    fn attach_container(&mut self, mut node: Node, container: Container) {
        let Container { format, mut opened, inner } = container;
        node.kind = NodeKind::Container {
            format,
            attributes: opened.attributes.into_iter().collect(),
            unread: opened.unread,
        };
        let id = self.push(node);
        let mut named: Vec<(ByteName, Entry, Vec<Stretch>)> = opened
            .entries
            .into_iter()
            .zip(inner)
            .map(|(entry, inner)| (absolute(&entry.path), entry, inner))
            .collect();
        named.sort_by(|one, other| one.0.cmp(&other.0));
        let mut index = BTreeMap::new();
        let mut names = UniqueNames::default();
        for (name, entry, inner) in named {
            let name = names.next(&index, &name);
            let member = self.push(Node {
                parent: Some(id),
                kind: NodeKind::Member(entry.kind),
                name: name.clone(),
                offset: 0,
                content: entry.content,
                metadata: entry.metadata,
                reading: entry.reading,
                unread: entry.unread,
                children: Vec::new(),
            });
            index.insert(name, member);
            self.attach(member, inner);
        }
        self.members.insert(id, index);
        opened.faults.extend(names.fault());
        self.report(id, opened.faults);
    }
}

/// One leading slash, no `./`, no empty component. `..` stays: it is evidence of an attack, and
/// who extracts must refuse it.
pub(crate) fn absolute(path: &ByteName) -> ByteName {
    let parts = path.0.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && part != b".");
    let mut name = Vec::with_capacity(path.0.len() + 1);
    for part in parts {
        name.push(b'/');
        name.extend_from_slice(part);
    }
    // A lone payload has no name; the root directory of a file system is "/".
    if name.is_empty() && !path.0.is_empty() {
        name.push(b'/');
    }
    ByteName(name)
}

/// Gives a second member of the same path the name `path#2`, so that it stays reachable.
#[derive(Default)]
struct UniqueNames {
    last: ByteName,
    repeated: u64,
    total: u64,
}

impl UniqueNames {
    /// Names must come sorted.
    fn next(&mut self, taken: &BTreeMap<ByteName, NodeId>, name: &ByteName) -> ByteName {
        if self.last != *name {
            self.last.clone_from(name);
            self.repeated = 1;
        }
        let mut candidate = name.clone();
        while taken.contains_key(&candidate) {
            self.repeated += 1;
            candidate.0.clone_from(&name.0);
            candidate.0.extend_from_slice(format!("#{}", self.repeated).as_bytes());
        }
        self.total += u64::from(candidate != *name);
        candidate
    }

    fn fault(&self) -> Option<Fault> {
        let why = format!("{} members repeat the path of another", self.total);
        (self.total > 0).then(|| Fault::new(0, "list members", why))
    }
}

fn split_reversed(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|&byte| byte == b'/').rev().map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use auscult_model::{Limits, Locator};
    use flate2::{Compression, write::GzEncoder};

    use super::{NodeKind, Tree};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_byte_is_accounted_for_and_locators_lead_back() {
        let mut image = b"header without a format".to_vec();
        let start = image.len() as u64;
        image.extend(gzip(b"the payload"));
        image.extend([0xff; 4096]);
        let total = image.len() as u64;
        let tree = Tree::from_bytes(image, &Limits::default());
        let coverage = tree.coverage();
        assert_eq!(coverage.bytes_total, total);
        assert_eq!(coverage.bytes_read + coverage.bytes_padding + coverage.bytes_unread, total);
        assert_eq!(coverage.bytes_padding, 4096);
        let payload: Locator = format!("image@{start:#x}/gzip@0x4").parse().unwrap();
        let (node, offset) = tree.resolve(&payload).unwrap();
        assert_eq!((&tree.bytes(node).unwrap()[..], offset), (&b"the payload"[..], 4));
        assert!(tree.resolve(&"image@0x3/gzip".parse().unwrap()).is_none());
        for (id, node) in
            tree.nodes().filter(|(_, node)| !matches!(node.kind, NodeKind::Raw { .. }))
        {
            let found = tree.resolve(&tree.locator(id)).map(|(found, _)| found);
            let same = found == Some(id) || node.format() == Some("gzip");
            assert!(same || matches!(node.kind, NodeKind::Padding), "{}", tree.locator(id));
        }
    }

    #[test]
    fn nesting_stops_at_its_limit_and_says_so() {
        let nested = (0..6).fold(b"core".to_vec(), |inner, _| gzip(&inner));
        let limits = Limits { depth: 3, ..Limits::default() };
        let tree = Tree::from_bytes(nested, &limits);
        assert!(tree.problems().iter().any(|problem| problem.why.contains("limit depth")));
        assert!(tree.coverage().bytes_unread > 0);
    }

    #[test]
    fn an_empty_image_and_random_bytes_are_no_error() {
        assert_eq!(Tree::from_bytes(Vec::new(), &Limits::default()).coverage().bytes_total, 0);
        let noise: Vec<u8> =
            (0..9999_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
        let tree = Tree::from_bytes(noise, &Limits::default());
        assert_eq!(tree.coverage().bytes_unread, 9999);
    }
}
