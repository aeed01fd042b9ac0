//! One pass over every stretch of bytes in the image.
//!
//! Each file, payload, raw region and opened container without members is read once; while its
//! bytes are at hand they are taken for an ELF file, a kernel, a boot loader, a configuration, and
//! searched for signatures. Padding is not looked at, nor are files that were opened as containers:
//! their members are.

use std::{collections::HashSet, ops::Deref};

use auscult_model::{
    EvidenceClass, FeatureInventory, IdentityFact, Limits, Locator, Problem, Version, VersionClaim,
};
use auscult_unpack::{EntryKind, Fault, Node, NodeId, NodeKind, Reading, Tree};
use memchr::memmem;
use rayon::prelude::*;

use crate::{
    elf::{self, Binary},
    features,
    kernel::{Banner, Config, banner, config},
    own_version::{self, OwnVersion},
    packages::carried::{self, Carried},
    projects, remembered,
    signatures::{FileKind, Hit},
    startup, traces,
    twins::Twins,
    uboot, upstream,
};

/// Bytes that are looked at together; longer stretches are read in windows of this size.
const WINDOW_BYTES: u64 = 64 << 20;
/// Windows overlap by this much, more than any structure looked for is long.
const OVERLAP_BYTES: u64 = 64 << 10;

/// How much of the text in front of a container's members is looked at.
const HEAD_BYTES: u64 = 4 << 10;

/// What one stretch of bytes showed.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) node: NodeId,
    /// The file of a file system that the bytes are, or are the decompressed content of.
    pub(crate) file: Option<NodeId>,
    pub(crate) binary: Option<Binary>,
    pub(crate) kernels: Vec<(u64, Banner)>,
    pub(crate) config: Option<Config>,
    /// Whether the configuration is the whole content and not embedded in a kernel.
    pub(crate) is_config: bool,
    pub(crate) boot_loaders: Vec<(u64, uboot::Banner)>,
    pub(crate) statements: Vec<IdentityFact>,
    /// Signature hits with their offset in the whole content.
    pub(crate) hits: Vec<(u64, Hit<'static>)>,
    /// The version that a program or library tells of itself, where no rule is sure of it.
    pub(crate) own_version: Option<OwnVersion>,
    /// What a program says of its parts, with the offset of the list.
    pub(crate) features: Vec<(u64, FeatureInventory)>,
    /// What a program says of itself and of what was built into it.
    pub(crate) carried: Carried,
    pub(crate) problems: Vec<Problem>,
}

/// Looks at everything, in parallel; the result is in the order of the tree.
pub(crate) fn all(tree: &Tree, limits: &Limits) -> Vec<Examined> {
    // Once for each file: it may have a million parts.
    let whole: HashSet<NodeId> = tree
        .nodes()
        .filter(|(_, node)| node.is_file() && !node.is_empty())
        .filter(|(_, node)| {
            let plain = |&child| is_plain(tree, child) || appended_at(tree, child).is_some();
            node.children.iter().all(plain)
        })
        .map(|(id, _)| id)
        .collect();
    let subjects: Vec<NodeId> =
        tree.nodes().map(|(id, _)| id).filter(|&id| is_subject(tree, id, &whole)).collect();
    let twins = Twins::among(tree, &subjects);
    let mut examined: Vec<Examined> =
        subjects.into_par_iter().map(|id| one(tree, id, limits, &twins)).collect();
    examined.extend(startup::read(tree).into_iter().map(|(id, hit)| {
        let mut seen = Examined::nothing(tree, id);
        seen.hits.push((hit.offset, hit));
        seen
    }));
    examined
}

/// Whether these bytes are looked at themselves, and not through what lies in them or around them;
/// `whole` are the files that are looked at as a whole.
fn is_subject(tree: &Tree, id: NodeId, whole: &HashSet<NodeId>) -> bool {
    let node = tree.node(id);
    let inside_subject = node.parent.is_some_and(|parent| whole.contains(&parent));
    match &node.kind {
        NodeKind::Raw { .. } => !inside_subject,
        NodeKind::Member(EntryKind::File) => whole.contains(&id),
        NodeKind::Container { format, .. } if node.children.is_empty() => {
            // A program in the middle of other bytes has headers of its own.
            !node.is_empty() && (!inside_subject || node.offset > 0 && *format == "elf")
        }
        NodeKind::Container { .. } => has_text_head(node),
        _ => false,
    }
}

/// Whether nothing lies in a part of a file: then the file is looked at as a whole.
fn is_plain(tree: &Tree, id: NodeId) -> bool {
    let node = tree.node(id);
    match node.kind {
        NodeKind::Padding | NodeKind::Raw { .. } => true,
        NodeKind::Container { unread: None, .. } => node.children.is_empty(),
        _ => false,
    }
}

/// Where the archive begins that is appended to a program: a signature behind a kernel module, what
/// a program installs. The program in front of it is looked at, what is appended for itself.
fn appended_at(tree: &Tree, id: NodeId) -> Option<u64> {
    let node = tree.node(id);
    let is_program = matches!(node.kind, NodeKind::Container { format: "elf", .. });
    let first = node.children.first().filter(|_| is_program)?;
    // It goes on to the end.
    let at = node.len().checked_sub(tree.node(*first).len())?;
    node.offset.checked_add(at).filter(|at| *at > 0)
}

/// Whether a container begins with a text of its own, as formats do that carry binary data as text.
fn has_text_head(node: &Node) -> bool {
    let head = node.content.as_ref().and_then(|content| content.read_up_to(0, HEAD_BYTES).ok());
    head.is_some_and(|head| head.len() > 16 && traces::kind(b"", &head) == FileKind::Text)
}

/// The file that the bytes of a node belong to: itself, or the compressed file around it.
fn file_of(tree: &Tree, id: NodeId) -> Option<NodeId> {
    let node = tree.node(id);
    if !node.is_file() || node.reading == Reading::Carve && !node.name.0.is_empty() {
        return None;
    }
    if node.name.0.starts_with(b"/") {
        return Some(id);
    }
    let container = tree.node(node.parent?);
    file_of(tree, container.parent?)
}

/// The place of a byte in a node's bytes.
pub(crate) fn place(tree: &Tree, id: NodeId, offset: u64) -> Locator {
    let locator = tree.locator(id);
    let base = locator.offset.unwrap_or(0);
    locator.at(base.saturating_add(offset))
}

fn one(tree: &Tree, id: NodeId, limits: &Limits, twins: &Twins) -> Examined {
    let node = tree.node(id);
    let mut examined = Examined::nothing(tree, id);
    let Some(content) = &node.content else { return examined };
    let appended = node.children.iter().find_map(|&child| appended_at(tree, child));
    let content = if let Some(at) = appended.filter(|_| node.is_file()) {
        content.clamp(0, at)
    } else if node.children.is_empty() || node.is_file() {
        content.clone()
    } else {
        content.clamp(0, HEAD_BYTES)
    };
    let length = content.len();
    let key = remembered::key(node).filter(|_| content.len() <= WINDOW_BYTES);
    if key.is_some_and(|key| remembered::recall(tree, &key, &mut examined)) {
        return examined;
    }
    examined.carried = carried::read(tree, id, examined.file, &content);
    examined.problems.append(&mut examined.carried.problems);
    if length <= WINDOW_BYTES {
        match content.read(0, length) {
            Ok(bytes) => {
                whole(tree, &bytes, &mut examined);
                window(tree, &bytes, 0, limits, &mut examined);
                let kind = traces::kind(path_of(tree, &examined), &bytes);
                signatures(tree, &bytes, 0, kind, twins, &mut examined);
                own_version(tree, &bytes, kind, &mut examined);
            }
            Err(fault) => examined.fail(tree, fault),
        }
        if let Some(key) = key {
            remembered::keep(tree, key, &examined);
        }
        return examined;
    }
    let mut start = 0;
    while start < length {
        let size = WINDOW_BYTES.min(length - start);
        match content.read(start, size) {
            Ok(bytes) => {
                if start == 0 && elf::is_elf(&bytes) {
                    let why = format!("{length} bytes are over the limit of {WINDOW_BYTES}");
                    examined.fail(tree, Fault::new(0, "read an ELF file", why));
                }
                window(tree, &bytes, start, limits, &mut examined);
                signatures(tree, &bytes, start, FileKind::Raw, twins, &mut examined);
            }
            Err(fault) => examined.fail(tree, fault.within(start)),
        }
        start += WINDOW_BYTES - OVERLAP_BYTES;
    }
    examined.kernels.dedup();
    examined.boot_loaders.dedup();
    examined
}

/// The path of the file that the bytes belong to, for rules that look at names.
fn path_of<'tree>(tree: &'tree Tree, examined: &Examined) -> &'tree [u8] {
    examined.file.map_or(&[], |file| tree.node(file).name.as_bytes())
}

/// Scans a part of the content; a hit in the overlap of two windows counts once.
fn signatures(
    tree: &Tree,
    bytes: &[u8],
    start: u64,
    kind: FileKind,
    twins: &Twins,
    examined: &mut Examined,
) {
    let soname = examined.binary.as_ref().and_then(|binary| binary.facts.soname.as_deref());
    for hit in twins.scan(path_of(tree, examined), soname, kind, bytes) {
        let offset = start.saturating_add(hit.offset);
        let known = examined.hits.iter().any(|(at, other)| {
            *at == offset && other.rule.id == hit.rule.id && other.class == hit.class
        });
        if !known || start == 0 {
            examined.hits.push((offset, hit));
        }
    }
}

/// Reads the version that a program or library tells of itself, unless a pattern has read it.
fn own_version(tree: &Tree, bytes: &[u8], kind: FileKind, examined: &mut Examined) {
    let path = path_of(tree, examined);
    let linked = examined.binary.as_ref().is_some_and(|one| one.facts.kind != "relocatable");
    if path.is_empty() || !linked {
        return;
    }
    let identity = traces::identity(tree, examined);
    let own = |hit: &Hit<'static>| {
        hit.class == EvidenceClass::ContainsCode
            && identity.is_some_and(|rule| rule.id == hit.rule.id)
    };
    let known = examined.hits.iter().map(|(_, hit)| hit).filter(|hit| own(hit));
    let mut parts = Vec::new();
    for hit in known {
        match &hit.version {
            VersionClaim::Unknown(_) => {}
            VersionClaim::Incomplete { known, .. } => parts.push(known),
            _ => return,
        }
    }
    let rule = identity.or_else(|| projects::of_file(path));
    let Some(found) = own_version::read(path, kind, rule, bytes) else { return };
    // What a pattern has read in part may be gone on with, and not be contradicted; to say the same
    // again makes it no whole.
    let goes_on = |part: &&Version| {
        found.version.len() > part.0.len() && upstream::continues(&found.version, &part.0)
    };
    if !parts.iter().all(goes_on) {
        return;
    }
    match identity {
        Some(rule) => {
            let offset = u64::try_from(found.offset).unwrap_or(u64::MAX);
            let hit = Hit {
                rule,
                version: VersionClaim::Exact(Version(found.version)),
                class: EvidenceClass::ContainsCode,
                confidence: found.form.confidence(),
                offset,
                matched: found.matched,
                of_file: true,
            };
            examined.hits.push((offset, hit));
        }
        None => examined.own_version = Some(found),
    }
}

impl Examined {
    /// Bytes that showed nothing yet.
    fn nothing(tree: &Tree, id: NodeId) -> Self {
        Self {
            node: id,
            file: file_of(tree, id),
            binary: None,
            kernels: Vec::new(),
            config: None,
            is_config: false,
            boot_loaders: Vec::new(),
            statements: Vec::new(),
            hits: Vec::new(),
            own_version: None,
            features: Vec::new(),
            carried: Carried::default(),
            problems: Vec::new(),
        }
    }

    /// Whether there is nothing to it but headers, symbols and signature hits.
    pub(crate) fn is_plain(&self) -> bool {
        self.kernels.is_empty()
            && self.config.is_none()
            && self.boot_loaders.is_empty()
            && self.statements.is_empty()
            && self.problems.is_empty()
            && self.carried.is_empty()
            && self.binary.as_ref().is_none_or(|binary| binary.faults.is_empty())
    }

    fn fail(&mut self, tree: &Tree, fault: Fault) {
        let locator = place(tree, self.node, fault.offset);
        self.problems.push(Problem { locator, what: fault.what, why: fault.why });
    }
}

/// A raw region ends where another format seems to begin, which may lie within an ELF file: reads
/// on to the end of the bytes around it.
fn surrounding(tree: &Tree, id: NodeId) -> Option<impl Deref<Target = [u8]> + use<>> {
    let node = tree.node(id);
    let NodeKind::Raw { .. } = node.kind else { return None };
    let content = tree.node(node.parent?).content.as_ref()?;
    let length = content.len().checked_sub(node.offset)?.min(WINDOW_BYTES);
    content.read(node.offset, length).ok()
}

/// What only the whole content tells.
fn whole(tree: &Tree, bytes: &[u8], examined: &mut Examined) {
    if elf::is_elf(bytes) {
        let locator = tree.locator(examined.node);
        let around = surrounding(tree, examined.node);
        examined.binary = elf::read(&locator, around.as_deref().unwrap_or(bytes));
        match &mut examined.binary {
            Some(binary) => {
                for fault in std::mem::take(&mut binary.faults) {
                    examined.fail(tree, fault);
                }
            }
            None => examined.fail(tree, Fault::new(0, "read an ELF file", "its header is damaged")),
        }
        if examined.file.is_some() && examined.binary.is_some() {
            examined.features = features::read(bytes);
        }
    }
    examined.config = config::read(bytes);
    examined.is_config = examined.config.is_some();
}

/// What any part of the content may show. `start` is the part's offset in the content.
fn window(tree: &Tree, bytes: &[u8], start: u64, limits: &Limits, examined: &mut Examined) {
    let offset_of = |at: usize| start.saturating_add(u64::try_from(at).unwrap_or(0));
    for at in memmem::find_iter(bytes, banner::START) {
        if let Some(found) = banner::read(bytes, at)
            && examined.kernels.iter().all(|(_, known)| *known != found)
        {
            examined.kernels.push((offset_of(at), found));
        }
    }
    if !examined.kernels.is_empty() && examined.config.is_none() {
        examined.config = config::embedded(bytes, limits);
    }
    for at in memmem::find_iter(bytes, uboot::START) {
        if let Some(found) = uboot::banner(bytes, at)
            && examined.boot_loaders.iter().all(|(_, known)| *known != found)
        {
            examined.boot_loaders.push((offset_of(at), found));
        }
    }
    let mut done = 0;
    for at in memmem::find_iter(bytes, uboot::ENVIRONMENT) {
        if at < done
            || at
                .checked_sub(1)
                .is_some_and(|at| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric))
        {
            continue;
        }
        let variables = uboot::environment(bytes, at);
        done = variables.values().map(|(end, _)| *end).max().unwrap_or(0);
        if uboot::is_environment(&variables) {
            let base = place(tree, examined.node, start);
            examined.statements.extend(uboot::statements(&base, &variables));
        }
    }
}
