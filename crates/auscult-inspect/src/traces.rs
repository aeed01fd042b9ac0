//! Signature hits of one stretch of bytes, made ready for the inventory.
//!
//! A file that contradicts itself about a version gets the version of the strongest trace; where
//! two are equally strong the version is unknown, and what was read stands in the reason.

use std::collections::BTreeMap;

use auscult_model::{Component, Evidence, EvidenceClass, Origin, Technique, Version, VersionClaim};
use auscult_unpack::{NodeId, Tree};

use crate::{
    examine::{Examined, place},
    names,
    own_version::OwnVersion,
    signatures::{FileContext, FileKind, Hit, Rule, RuleSet},
};

/// How much of a file decides whether it is text.
const SAMPLE_BYTES: usize = 4096;

/// The kind of file that these bytes are.
pub(crate) fn kind(path: &[u8], bytes: &[u8]) -> FileKind {
    const SCRIPTS: &[&[u8]] =
        &[b".js", b".mjs", b".lua", b".sh", b".py", b".pl", b".php", b".cgi", b".rb", b".uc"];
    if crate::elf::is_elf(bytes) {
        return FileKind::Elf;
    }
    if is_catalogue(bytes) {
        return FileKind::Text;
    }
    let sample = bytes.get(..SAMPLE_BYTES).unwrap_or(bytes);
    let control = |byte: &u8| *byte < 0x20 && !matches!(*byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    if sample.iter().any(control) {
        return FileKind::Raw;
    }
    let valid = std::str::from_utf8(sample).map_or_else(|error| error.valid_up_to(), str::len);
    // The sample may end inside a character; Latin-1 texts have few bytes over 0x7f.
    let high = sample.iter().filter(|byte| !byte.is_ascii()).count();
    if valid + 4 < sample.len() && high * 10 > sample.len() {
        return FileKind::Raw;
    }
    let script = bytes.starts_with(b"#!") || SCRIPTS.iter().any(|end| path.ends_with(end));
    if script { FileKind::Script } else { FileKind::Text }
}

/// Whether these are translations in gettext's format (its manual, "The Format of GNU MO Files"):
/// no code, and the release they name is the one that somebody translated last.
fn is_catalogue(bytes: &[u8]) -> bool {
    let magic = [0x9504_12de_u32.to_le_bytes(), 0x9504_12de_u32.to_be_bytes()];
    magic.iter().any(|magic| bytes.starts_with(magic))
}

/// Scans bytes that belong to a file with this path and soname.
pub(crate) fn scan(
    path: &[u8],
    soname: Option<&str>,
    kind: FileKind,
    bytes: &[u8],
) -> Vec<Hit<'static>> {
    RuleSet::builtin().scan(&FileContext { path, soname, kind }, bytes)
}

/// The component that a file is, by its soname or name, whatever else is linked into it.
///
/// A program must be called exactly like the component or by a name that is its alone: a device's
/// `httpd` is rarely Apache's.
pub(crate) fn identity(tree: &Tree, seen: &Examined) -> Option<&'static Rule> {
    let rules = RuleSet::builtin();
    let node = tree.node(seen.file?);
    let file = String::from_utf8_lossy(node.name.file_name());
    let soname = seen.binary.as_ref().and_then(|binary| binary.facts.soname.as_deref());
    // The file's name first: uClibc's libuClibc-0.9.30.so calls itself libc.so.0. A plug-in may be
    // called after what it connects to: collectd's `openvpn.so`.
    let library = file.starts_with("lib") || names::is_library_path(&node.name.0);
    part_of_uclibc(tree, seen)
        .or_else(|| replacement(seen, &file))
        .or_else(|| rules.for_soname(&file).filter(|_| library))
        .or_else(|| rules.for_soname(soname?))
        .or_else(|| rules.for_name(&file).filter(|rule| rule.is_called(&file)))
}

/// The project whose code a library holds, where that project also builds it under this name.
fn replacement(seen: &Examined, file: &str) -> Option<&'static Rule> {
    let (stem, _) = file.split_once(".so")?;
    let code = seen.hits.iter().filter(|(_, hit)| hit.class == EvidenceClass::ContainsCode);
    code.map(|(_, hit)| hit.rule).find(|rule| rule.replaces.iter().any(|name| name == stem))
}

/// uClibc installs its parts under the names that every C library uses, and its own version in
/// all of them: `libdl-0.9.30.so` beside `libuClibc-0.9.30.so`.
fn part_of_uclibc(tree: &Tree, seen: &Examined) -> Option<&'static Rule> {
    let node = tree.node(seen.file?);
    let path = &node.name.0;
    let (folder, file) = path.split_at(path.iter().rposition(|&byte| byte == b'/')?);
    let dash = file.iter().rposition(|&byte| byte == b'-')?;
    let core = [folder, b"/libuClibc", file.get(dash..)?].concat();
    tree.member(node.parent?, &core)?;
    RuleSet::builtin().for_name("libuclibc")
}

/// One thing that the hits of a file say.
pub(crate) struct Trace {
    pub(crate) rule: &'static Rule,
    pub(crate) version: VersionClaim,
    pub(crate) class: EvidenceClass,
    pub(crate) evidence: Vec<Evidence>,
    /// Whether it says that the whole file is the component's.
    pub(crate) of_file: bool,
}

/// What a file tells of its version, as a trace of the project that it belongs to.
pub(crate) fn own(tree: &Tree, seen: &Examined, rule: &'static Rule, told: &OwnVersion) -> Trace {
    let offset = u64::try_from(told.offset).unwrap_or(u64::MAX);
    Trace {
        rule,
        version: VersionClaim::Exact(Version(told.version.clone())),
        class: EvidenceClass::ContainsCode,
        evidence: vec![Evidence {
            locator: place(tree, seen.node, offset),
            technique: Technique::BinaryAnalysis,
            class: EvidenceClass::ContainsCode,
            confidence: told.form.confidence(),
            detail: told.matched.clone(),
        }],
        of_file: true,
    }
}

/// The hits of a stretch of bytes, one trace for each rule and class.
pub(crate) fn of(tree: &Tree, seen: &Examined) -> Vec<Trace> {
    let mut groups: BTreeMap<(&str, EvidenceClass), Vec<&(u64, Hit<'static>)>> = BTreeMap::new();
    for hit in &seen.hits {
        groups.entry((hit.1.rule.id.as_str(), hit.1.class)).or_default().push(hit);
    }
    let mut traces = Vec::new();
    for ((_, class), hits) in groups {
        let Some((_, first)) = hits.first() else { continue };
        if class.makes_component() {
            traces.push(settled(tree, seen.node, first.rule, class, &hits));
        } else {
            traces.extend(hits.iter().map(|hit| Trace {
                rule: hit.1.rule,
                version: hit.1.version.clone(),
                class,
                evidence: vec![evidence(tree, seen.node, hit)],
                of_file: hit.1.of_file,
            }));
        }
    }
    traces
}

/// The one version that the hits of a rule leave.
fn settled(
    tree: &Tree,
    node: NodeId,
    rule: &'static Rule,
    class: EvidenceClass,
    hits: &[&(u64, Hit<'static>)],
) -> Trace {
    let mut exact: BTreeMap<&Version, u8> = BTreeMap::new();
    for (_, hit) in hits {
        if let Some(version) = hit.version.exact() {
            let best = exact.entry(version).or_default();
            *best = hit.confidence.max(*best);
        }
    }
    let best = exact.values().copied().max().unwrap_or(0);
    let mut leading = exact.iter().filter(|(_, confidence)| **confidence == best);
    let version = match (leading.next(), leading.next()) {
        (Some((&version, _)), None) => VersionClaim::Exact(version.clone()),
        (Some(_), Some(_)) => {
            let told: Vec<&str> = exact.keys().map(|version| version.0.as_str()).collect();
            VersionClaim::Unknown(format!("the same bytes tell {}", told.join(" and ")))
        }
        (None, _) => weaker(hits),
    };
    let agreeing = hits.iter().filter(|(_, hit)| {
        hit.version.exact().is_none() || version.exact().is_none() || hit.version == version
    });
    let evidence = agreeing.map(|hit| evidence(tree, node, hit)).collect();
    let of_file = hits.iter().any(|(_, hit)| hit.of_file);
    Trace { rule, version, class, evidence, of_file }
}

/// The longest part of a version that is told, or else why there is none.
fn weaker(hits: &[&(u64, Hit<'static>)]) -> VersionClaim {
    let parts = hits.iter().filter_map(|(_, hit)| match &hit.version {
        VersionClaim::Incomplete { known, .. } => Some((known.0.len(), &hit.version)),
        _ => None,
    });
    let longest = parts.max_by(|one, other| one.0.cmp(&other.0).then_with(|| other.1.cmp(one.1)));
    let first = || hits.iter().map(|(_, hit)| &hit.version).min();
    longest
        .map(|(_, version)| version)
        .or_else(first)
        .cloned()
        .unwrap_or_else(|| VersionClaim::Unknown("no trace of it carries a version".to_owned()))
}

fn evidence(tree: &Tree, node: NodeId, (offset, hit): &(u64, Hit<'static>)) -> Evidence {
    Evidence {
        locator: place(tree, node, *offset),
        technique: Technique::BinaryAnalysis,
        class: hit.class,
        confidence: hit.confidence,
        detail: hit.matched.clone(),
    }
}

/// A component as a rule describes it.
pub(crate) fn component(rule: &Rule, version: VersionClaim, evidence: Vec<Evidence>) -> Component {
    Component {
        name: rule.name.clone(),
        kind: rule.kind,
        supplier: rule.supplier.clone(),
        purl: Some(rule.purl(&version)),
        cpes: rule.cpes(&version),
        version,
        origin: Origin::Signature { rule: rule.id.clone() },
        licences: Vec::new(),
        evidence,
    }
}
