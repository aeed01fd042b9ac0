//! Linux kernels: banner, version, configuration and modules.
//!
//! A kernel is told by its banner, wherever it lies: in the payload of a kernel container, in an
//! ELF file or in a raw region. Modules belong to the kernel whose release they name. Where modules
//! stand without a kernel, they still tell that one of this release will run them.

pub(crate) mod banner;
pub(crate) mod config;

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{
    Component, ComponentKind, Cpe, Evidence, EvidenceClass, KernelFacts, Known, Locator,
    ModuleFacts, Origin, Technique, Version, VersionClaim,
};
use auscult_unpack::{NodeId, NodeKind, Tree};

pub(crate) use self::{banner::Banner, config::Config};
use crate::{
    examine::{Examined, place},
    packages::{self, Row},
    upstream,
};

/// The kernels of an image.
#[derive(Debug, Default)]
pub(crate) struct Kernels {
    pub(crate) facts: Vec<KernelFacts>,
    pub(crate) components: Vec<Component>,
    /// Questions that stay open, with the reason.
    pub(crate) unknown: BTreeMap<String, String>,
}

/// A kernel module file and the release it was built for.
struct Module {
    release: Option<String>,
    facts: ModuleFacts,
}

/// Puts together what the pass over the bytes found.
pub(crate) fn assemble(tree: &Tree, examined: &[Examined], rows: &[Row]) -> Kernels {
    let modules = modules(tree, examined);
    let mut kernels = Kernels::default();
    for seen in examined {
        for (offset, banner) in &seen.kernels {
            let locator = tree.locator(home(tree, seen.node));
            let config = config_of(tree, examined, seen, banner);
            let version = packaged(version(banner, config), &banner.release, rows);
            let detail = banner.text.clone();
            let trace = trace(place(tree, seen.node, *offset), EvidenceClass::ContainsCode, detail);
            kernels.components.push(component(&version, &banner.release, trace));
            kernels.facts.push(KernelFacts {
                locator,
                banner: banner.text.clone(),
                release: banner.release.clone(),
                version,
                config: config_answer(config),
                modules: modules_answer(&modules, &banner.release),
            });
        }
    }
    orphans(&modules, rows, &mut kernels);
    open_questions(&modules, &mut kernels);
    kernels
}

/// The bytes that a stretch belongs to: a raw region to the payload or image around it.
fn home(tree: &Tree, id: NodeId) -> NodeId {
    let node = tree.node(id);
    match (&node.kind, node.parent) {
        (NodeKind::Raw { .. }, Some(parent)) if tree.node(parent).is_file() => parent,
        _ => id,
    }
}

/// The bytes around the container that a payload came out of.
fn enclosing(tree: &Tree, payload: NodeId) -> Option<NodeId> {
    tree.node(tree.node(payload).parent?).parent
}

/// The configuration of a kernel: embedded in its bytes, or a file that names its release or its
/// version.
fn config_of<'seen>(
    tree: &Tree,
    examined: &'seen [Examined],
    kernel: &'seen Examined,
    banner: &Banner,
) -> Option<&'seen Config> {
    if let Some(config) = kernel.config.as_ref().filter(|_| !kernel.is_config) {
        return Some(config);
    }
    // Carving may have cut the configuration out of the kernel's bytes as a stream of its own.
    let around = match tree.node(kernel.node).kind {
        NodeKind::Raw { .. } | NodeKind::Container { .. } => tree.node(kernel.node).parent,
        _ => Some(kernel.node),
    };
    let texts = || examined.iter().filter(|seen| seen.is_config);
    let embedded = texts().find(|seen| enclosing(tree, seen.node) == around);
    let named = || {
        let name = format!("config-{}", banner.release);
        texts().find(|seen| {
            let file = seen.file.map(|file| tree.node(file).name.file_name());
            file == Some(name.as_bytes())
        })
    };
    let versioned = || {
        let version = banner.version.known()?;
        texts().find(|seen| {
            seen.config.as_ref().is_some_and(|config| config.version.as_ref() == Some(version))
        })
    };
    embedded.or_else(named).or_else(versioned).and_then(|seen| seen.config.as_ref())
}

/// The header of the configuration names the patch level where the banner does not.
fn version(banner: &Banner, config: Option<&Config>) -> Known<String> {
    match (&banner.version, config.and_then(|config| config.version.clone())) {
        (Known::Unknown(_), Some(version)) => Known::Known(version),
        (told, _) => told.clone(),
    }
}

/// Where nothing else tells the patch level, the package that is named after the release does:
/// `linux-image-6.1.0-21-amd64` in version 6.1.90-1.
fn packaged(version: Known<String>, release: &str, rows: &[Row]) -> Known<String> {
    if version.known().is_some() {
        return version;
    }
    let telling = rows.iter().find_map(|row| {
        let kernel = ["image", "modules", "kernel"].iter().any(|word| row.name.contains(word));
        let named = kernel && row.name.contains(release);
        let version = row.version.exact().filter(|_| named)?;
        banner::numeric(upstream::of_package(&version.0))
    });
    telling.map_or(version, |found| Known::Known(found.to_owned()))
}

fn config_answer(config: Option<&Config>) -> Known<BTreeMap<String, String>> {
    Known::from_option(
        config.map(|config| config.options.clone()),
        "the kernel embeds no configuration and the image holds none for it",
    )
}

fn modules_answer(modules: &[Module], release: &str) -> Known<Vec<ModuleFacts>> {
    let mut own: Vec<ModuleFacts> = modules
        .iter()
        .filter(|module| module.release.as_deref() == Some(release))
        .map(|module| module.facts.clone())
        .collect();
    own.sort();
    let reason = "no module in the image names this kernel's release";
    Known::from_option(Some(own).filter(|own| !own.is_empty()), reason)
}

/// Every kernel module of the image.
fn modules(tree: &Tree, examined: &[Examined]) -> Vec<Module> {
    examined
        .iter()
        .filter_map(|seen| {
            let info = seen.binary.as_ref()?.module.as_ref()?;
            let path = seen.file.map(|file| tree.node(file).name.0.clone()).unwrap_or_default();
            let vermagic = info.vermagic.clone();
            let built_for = || vermagic.as_deref()?.split_whitespace().next().map(str::to_owned);
            let release = release_in(&path).or_else(built_for);
            let name = info.name.clone().unwrap_or_else(|| stem(&path));
            let locator = tree.locator(seen.node);
            Some(Module { release, facts: ModuleFacts { name, locator, vermagic } })
        })
        .collect()
}

/// `/lib/modules/RELEASE/…`.
fn release_in(path: &[u8]) -> Option<String> {
    let path = String::from_utf8_lossy(path);
    let (_, rest) = path.split_once("/lib/modules/")?;
    let (release, _) = rest.split_once('/')?;
    banner::numeric(release).is_some().then(|| release.to_owned())
}

/// The file name up to `.ko`, dashes as underscores, as `lsmod` shows it.
pub(crate) fn stem(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split(".ko").next().unwrap_or(name).replace('-', "_")
}

/// Releases for which there are modules but no kernel.
fn orphans(modules: &[Module], rows: &[Row], kernels: &mut Kernels) {
    let present: BTreeSet<&str> =
        kernels.facts.iter().map(|kernel| kernel.release.as_str()).collect();
    let mut first: BTreeMap<&str, &Module> = BTreeMap::new();
    for module in modules {
        if let Some(release) =
            module.release.as_deref().filter(|release| !present.contains(release))
        {
            let known = first.entry(release).or_insert(module);
            if module.facts.locator < known.facts.locator {
                *known = module;
            }
        }
    }
    let found: Vec<Component> = first
        .into_iter()
        .map(|(release, module)| {
            let detail = format!("kernel module built for {release}");
            let trace = trace(module.facts.locator.clone(), EvidenceClass::LinksTo, detail);
            let version = packaged(banner::from_release(release), release, rows);
            component(&version, release, trace)
        })
        .collect();
    kernels.components.extend(found);
}

fn open_questions(modules: &[Module], kernels: &mut Kernels) {
    if kernels.facts.is_empty() {
        let releases: BTreeSet<&str> =
            modules.iter().filter_map(|module| module.release.as_deref()).collect();
        let modules_for = releases.into_iter().collect::<Vec<_>>().join(", ");
        let reason = if modules_for.is_empty() {
            "no kernel in the image".to_owned()
        } else {
            format!("no kernel in the image; modules for {modules_for}")
        };
        kernels.unknown.insert("kernel".to_owned(), reason);
    }
    if kernels.facts.iter().all(|kernel| kernel.config.known().is_none()) {
        let reason = "no kernel configuration in the image";
        kernels.unknown.insert("kernel_config".to_owned(), reason.to_owned());
    }
}

fn trace(locator: Locator, class: EvidenceClass, detail: String) -> Evidence {
    let confidence = if class == EvidenceClass::ContainsCode { 100 } else { 90 };
    Evidence { locator, technique: Technique::BinaryAnalysis, class, confidence, detail }
}

fn component(version: &Known<String>, release: &str, trace: Evidence) -> Component {
    let exact = version.known().map(String::as_str);
    let claim = match version {
        Known::Known(version) => VersionClaim::Exact(Version(version.clone())),
        // The first two parts of an ABI name are those of the true version.
        Known::Unknown(reason) => match release.splitn(3, '.').collect::<Vec<_>>().as_slice() {
            [major, minor, _] => VersionClaim::Incomplete {
                known: Version(format!("{major}.{minor}")),
                reason: reason.clone(),
            },
            _ => VersionClaim::Unknown(reason.clone()),
        },
    };
    let cpe = Cpe::product('o', "linux", "linux_kernel");
    Component {
        name: "linux".to_owned(),
        version: claim,
        kind: ComponentKind::OperatingSystem,
        supplier: Some("kernel.org".to_owned()),
        purl: packages::build_purl("generic", None, "linux", exact, &BTreeMap::new()),
        cpes: vec![exact.map_or_else(|| cpe.clone(), |version| cpe.with_version(version))],
        origin: Origin::Structure,
        licences: vec!["GPL-2.0-only".to_owned()],
        evidence: vec![trace],
    }
}
