//! Components that only their file names tell: programs and shared libraries that no package owns
//! and no rule knows, and libraries that programs need but the image does not hold.
//!
//! One file is one component, however many links lead to it. The numbers in `libX.so.6.18.3` are
//! mostly libtool's interface count and not the version (FreeType 2.12 is `.so.6.18.3`), so they
//! are stated as the reason and never as the version; in `libX-0.9.30.so` they are the version.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{
    BinaryFacts, Component, ComponentKind, Evidence, EvidenceClass, Locator, Origin, Technique,
    Version, VersionClaim,
};
use auscult_unpack::{EntryKind, NodeId, NodeKind, Tree};

use crate::{
    own_version::OwnVersion,
    packages::{self, is_program_path},
};

/// Confidence of a name without a version, of a version in a file name, and of a link, in percent.
const NAME_CONFIDENCE: u8 = 50;
const VERSION_CONFIDENCE: u8 = 60;
const LINK_CONFIDENCE: u8 = 80;

/// The component that a file of a file system stands for by its name, if it is a program or a
/// shared library.
pub(crate) fn of_file(
    path: &[u8],
    binary: &BinaryFacts,
    needed: &BTreeSet<&str>,
    told: Option<&OwnVersion>,
) -> Option<Component> {
    let file = String::from_utf8_lossy(path.rsplit(|&byte| byte == b'/').next()?).into_owned();
    // What stands elsewhere and no program needs is a module that one program loads by itself.
    let shared = binary.soname.is_some() || file.starts_with("lib") && file.contains(".so");
    let wanted = needed.contains(binary.soname.as_deref().unwrap_or(&file));
    let library = shared && (wanted || is_library_path(path));
    let program = is_program_path(path) && matches!(binary.kind.as_str(), "executable" | "shared");
    if binary.kind == "relocatable" || !(library || program) {
        return None;
    }
    let detail = match &binary.soname {
        Some(soname) if *soname != file => format!("{file}, soname {soname}"),
        _ => file.clone(),
    };
    let (name, version) = if library && !program {
        library_name(&file, binary.soname.as_deref())
    } else {
        (file, VersionClaim::Unknown("only the file name is known".to_owned()))
    };
    let exact = version.exact().is_some();
    let own = told.filter(|_| !exact);
    let version = own.map_or(version, |own| VersionClaim::Exact(Version(own.version.clone())));
    let kind =
        if library && !program { ComponentKind::Library } else { ComponentKind::Application };
    let trace = Evidence {
        locator: binary.locator.clone(),
        technique: Technique::Filename,
        class: EvidenceClass::ContainsCode,
        confidence: if exact { VERSION_CONFIDENCE } else { NAME_CONFIDENCE },
        detail,
    };
    let mut named = component(name, version, kind, trace);
    named.evidence.extend(own.map(|own| Evidence {
        locator: binary.locator.clone().at(u64::try_from(own.offset).unwrap_or(0)),
        technique: Technique::BinaryAnalysis,
        class: EvidenceClass::ContainsCode,
        confidence: own.form.confidence(),
        detail: own.matched.clone(),
    }));
    Some(named)
}

/// Whether a dynamic loader looks for libraries in the folder of this path: `lib`, `lib64`, or the
/// multiarch folder of a Debian (`/usr/lib/arm-linux-gnueabihf`).
pub(crate) fn is_library_path(path: &[u8]) -> bool {
    let folder = path.rsplit(|&byte| byte == b'/').nth(1).unwrap_or_default();
    matches!(folder, b"lib" | b"lib32" | b"lib64")
        || folder.windows(7).any(|window| window == b"-linux-")
}

/// Name and version of a library by its file name and soname.
fn library_name(file: &str, soname: Option<&str>) -> (String, VersionClaim) {
    let (base, numbers) = split_shared(file);
    if let Some((stem, version)) = dash_version(base) {
        return (stem.to_owned(), VersionClaim::Exact(Version(version.to_owned())));
    }
    let name = soname.map_or(base, |soname| split_shared(soname).0);
    let reason = if numbers.is_empty() {
        "the file name tells no version".to_owned()
    } else {
        format!("the file name ends in {numbers}, which may be an interface number")
    };
    (name.to_owned(), VersionClaim::Unknown(reason))
}

/// `libz.so.1.2.11` is `libz` and `1.2.11`.
fn split_shared(file: &str) -> (&str, &str) {
    match file.split_once(".so") {
        Some((base, numbers)) => (base, numbers.trim_start_matches('.')),
        None => (file, ""),
    }
}

/// `libuClibc-0.9.30` is `libuClibc` and `0.9.30`: at least three numbers behind the last dash.
fn dash_version(base: &str) -> Option<(&str, &str)> {
    let (stem, version) = base.rsplit_once('-')?;
    let parts: Vec<&str> = version.split('.').collect();
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (parts.len() >= 3 && parts.iter().all(number)).then_some((stem, version))
}

/// Where alternatives have their links.
const PROGRAM_FOLDERS: &[&[u8]] = &[b"/bin/", b"/sbin/", b"/usr/bin/", b"/usr/sbin/"];

/// The package behind a program's name on a Yocto image, whose alternatives are called
/// `PROGRAM.PACKAGE` with a link `PROGRAM` to the chosen one: `init.sysvinit` is of `sysvinit`.
pub(crate) fn alternative(tree: &Tree, file: NodeId) -> Option<String> {
    let node = tree.node(file);
    let name = node.name.file_name();
    let dot = name.iter().rposition(|&byte| byte == b'.')?;
    let (program, package) = (name.get(..dot)?, name.get(dot + 1..)?);
    if !package.first()?.is_ascii_alphabetic() || program.is_empty() || package == b"so" {
        return None;
    }
    let container = node.parent?;
    let chosen = PROGRAM_FOLDERS.iter().any(|&folder| {
        let link = tree.member(container, &[folder, program].concat());
        let Some(NodeKind::Member(EntryKind::Symlink(target))) =
            link.map(|link| &tree.node(link).kind)
        else {
            return false;
        };
        target.file_name() == name
    });
    chosen.then(|| String::from_utf8_lossy(package).into_owned())
}

/// Libraries that programs need and that the image does not hold, with their sonames.
pub(crate) fn missing(tree: &Tree, binaries: &[&BinaryFacts]) -> Vec<(String, Component)> {
    let mut present: BTreeSet<String> = BTreeSet::new();
    for (_, node) in tree.nodes() {
        let named = matches!(
            node.kind,
            NodeKind::Member(EntryKind::File | EntryKind::Symlink(_) | EntryKind::Hardlink(_))
        );
        if named && !node.name.0.is_empty() {
            present.insert(String::from_utf8_lossy(node.name.file_name()).into_owned());
        }
    }
    present.extend(binaries.iter().filter_map(|binary| binary.soname.clone()));
    let mut wanted: BTreeMap<&str, Vec<&Locator>> = BTreeMap::new();
    for binary in binaries {
        for needed in binary.needed.iter().filter(|needed| !present.contains(*needed)) {
            wanted.entry(needed).or_default().push(&binary.locator);
        }
    }
    wanted.into_iter().map(|(soname, users)| (soname.to_owned(), linked(soname, &users))).collect()
}

fn linked(soname: &str, users: &[&Locator]) -> Component {
    let base = soname.rsplit('/').next().unwrap_or(soname);
    let version = VersionClaim::Unknown("linked by its soname; not in the image".to_owned());
    let trace = |locator: &Locator| Evidence {
        locator: locator.clone(),
        technique: Technique::BinaryAnalysis,
        class: EvidenceClass::LinksTo,
        confidence: LINK_CONFIDENCE,
        detail: format!("needs {soname}"),
    };
    let mut traces = users.iter().map(|locator| trace(locator));
    let first = traces.next().unwrap_or_else(|| trace(&Locator::image()));
    let name = split_shared(base).0.to_owned();
    let mut component = component(name, version, ComponentKind::Library, first);
    component.evidence.extend(traces);
    component
}

/// The same component under the name of its package.
pub(crate) fn renamed(named: Component, name: String) -> Component {
    let purl = packages::build_purl("generic", None, &name, None, &BTreeMap::new());
    Component { name, purl, ..named }
}

fn component(
    name: String,
    version: VersionClaim,
    kind: ComponentKind,
    trace: Evidence,
) -> Component {
    let exact = version.exact().map(|version| version.0.clone());
    let purl = packages::build_purl("generic", None, &name, exact.as_deref(), &BTreeMap::new());
    Component {
        name,
        version,
        kind,
        supplier: None,
        purl,
        cpes: Vec::new(),
        origin: Origin::FileName,
        licences: Vec::new(),
        evidence: vec![trace],
    }
}

#[cfg(test)]
mod tests {
    use super::library_name;

    #[test]
    fn interface_numbers_are_no_versions() {
        for (file, soname, name, version) in [
            ("libfreetype.so.6.18.3", Some("libfreetype.so.6"), "libfreetype", None),
            ("libubox.so", Some("libubox.so"), "libubox", None),
            ("libuClibc-0.9.30.so", Some("libc.so.0"), "libuClibc", Some("0.9.30")),
            ("libgcc_s.so.1", Some("libgcc_s.so.1"), "libgcc_s", None),
            ("libblobmsg_json.so.20230523", None, "libblobmsg_json", None),
            ("ld-2.34.so", None, "ld-2.34", None),
        ] {
            let (found, claim) = library_name(file, soname);
            assert_eq!(found, name, "{file}");
            assert_eq!(claim.exact().map(|version| version.0.as_str()), version, "{file}");
        }
    }
}
