//! Programs, libraries and drivers for Windows by their version resource, and Windows itself by the
//! version of its kernel.
//!
//! Files of one product carry its name and version and are one component. The hundreds of files of
//! Windows are not listed one by one where its kernel is beside them.

use std::collections::BTreeMap;

use auscult_model::{ComponentKind, Cpe, Technique, Version, VersionClaim};
use auscult_unpack::{NodeId, Tree};

use super::{
    Carried, Site,
    program::Program,
    version_info::{self, VersionInfo},
};
use crate::{
    examine,
    packages::{Database, Row},
    roots::Root,
};

/// Subsystem of what runs in the kernel.
const NATIVE: u16 = 1;
/// Kernels for one processor or several, with wide addresses or without.
const KERNELS: &[&str] = &["ntoskrnl.exe", "ntkrnlpa.exe", "ntkrnlmp.exe", "ntkrpamp.exe"];
const VERSION_CHARACTERS_MAX: usize = 40;

/// A file that is a part of Windows.
#[derive(Clone, Debug)]
pub(crate) struct SystemFile {
    /// The name under which it was built, lower case.
    name: String,
    version: Option<[u16; 4]>,
    kind: ComponentKind,
    offset: u64,
}

pub(super) fn read(site: Site<'_>, program: &Program<'_>, carried: &mut Carried) {
    let Some(info) = version_info::read(program) else { return };
    let kind = kind(program);
    if is_system(&info) {
        carried.system_file = Some(SystemFile {
            name: built_name(&info).unwrap_or_else(|| site.file_name().to_lowercase()),
            version: info.file_numbers,
            kind,
            offset: info.offset,
        });
        return;
    }
    carried.rows.extend(row(site, &info, kind));
}

fn kind(program: &Program<'_>) -> ComponentKind {
    match (program.subsystem, program.is_library) {
        (NATIVE, false) => ComponentKind::DeviceDriver,
        (_, true) => ComponentKind::Library,
        _ => ComponentKind::Application,
    }
}

fn is_microsoft(info: &VersionInfo) -> bool {
    info.company.as_deref().is_some_and(|company| company.starts_with("Microsoft"))
}

/// Whether the product is Windows: "Microsoft® Windows® Operating System".
fn is_system(info: &VersionInfo) -> bool {
    let product = info.product.as_deref().map(plain).unwrap_or_default();
    is_microsoft(info) && product.contains("windows") && product.contains("operating system")
}

/// The name without marks of ownership, in lower case.
fn plain(name: &str) -> String {
    let marks = ["(R)", "(r)", "(TM)", "(tm)", "®", "™", "©"];
    let name = marks.iter().fold(name.to_owned(), |name, mark| name.replace(mark, ""));
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The file name that the maker gave; translated files have `.mui` appended.
fn built_name(info: &VersionInfo) -> Option<String> {
    let name = info.original_name.as_deref().or(info.internal_name.as_deref())?;
    let name = name.to_lowercase();
    Some(name.strip_suffix(".mui").unwrap_or(&name).to_owned()).filter(|name| !name.is_empty())
}

/// A component that is no part of Windows.
fn row(site: Site<'_>, info: &VersionInfo, kind: ComponentKind) -> Option<Row> {
    let stem = built_name(info).unwrap_or_else(|| site.file_name().to_lowercase());
    let (database, name) = if let Some(name) = assembly(info, kind) {
        (Database::NuGet, name)
    } else if kind == ComponentKind::DeviceDriver {
        (Database::Windows, stem)
    } else {
        let product = info.product.as_deref().map(plain).filter(|name| !name.is_empty());
        (Database::Windows, product.unwrap_or(stem))
    };
    if name.is_empty() {
        return None;
    }
    let version = version(info, kind == ComponentKind::DeviceDriver);
    if version.is_none() && info.product.is_none() {
        return None;
    }
    let claim = match version {
        Some(version) => VersionClaim::Exact(Version(version)),
        None => VersionClaim::Unknown("its version resource has no version".to_owned()),
    };
    let row = site.row(database, name, claim, info.offset);
    Some(Row {
        kind: Some(kind),
        supplier: info.company.clone(),
        carriers: site.file.into_iter().collect(),
        ..row
    })
}

/// The name of a .NET library, which its package in the registry shares. The libraries of .NET
/// itself come with it and are no packages.
fn assembly(info: &VersionInfo, kind: ComponentKind) -> Option<String> {
    let product = info.product.as_deref().map(plain).unwrap_or_default();
    let of_runtime = is_microsoft(info) && product.starts_with("microsoft .net");
    let own = info.is_managed && kind == ComponentKind::Library && !of_runtime;
    let name = info.original_name.as_deref().or(info.internal_name.as_deref())?;
    let stem = name.strip_suffix(".dll").or_else(|| name.strip_suffix(".DLL"))?;
    (own && !stem.is_empty()).then(|| stem.to_owned())
}

/// The version: of the product, but of a driver's own file.
fn version(info: &VersionInfo, of_file: bool) -> Option<String> {
    let product = (info.product_version.as_deref(), info.product_numbers);
    let file = (info.file_version.as_deref(), info.file_numbers);
    let [first, second] = if of_file { [file, product] } else { [product, file] };
    let told = |(text, numbers): (Option<&str>, Option<[u16; 4]>)| {
        text.and_then(normal).or_else(|| numbers.map(dotted))
    };
    told(first).or_else(|| told(second))
}

/// Four numbers; the last one is only there because the structure has four.
fn dotted([major, minor, build, private]: [u16; 4]) -> String {
    if private == 0 {
        format!("{major}.{minor}.{build}")
    } else {
        format!("{major}.{minor}.{build}.{private}")
    }
}

/// `6, 0, 2900, 5512` and `6.1.7601.17514 (win7sp1_rtm.101119-1850)` as plain versions; what does
/// not begin with a number is none. Behind a plus stands the build.
fn normal(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches(['v', 'V']);
    let numbers: Vec<&str> = text.split(',').map(str::trim).collect();
    let joined = if numbers.len() > 1 && numbers.iter().all(|part| is_number(part)) {
        numbers.join(".")
    } else {
        text.split([' ', '(', '+', ',', ';']).next()?.to_owned()
    };
    let sound = joined.starts_with(|c: char| c.is_ascii_digit())
        && joined.len() <= VERSION_CHARACTERS_MAX
        && joined.chars().any(|c| matches!(c, '1'..='9'));
    let parts: Vec<&str> = joined.split('.').collect();
    let shorter = match parts.as_slice() {
        [major, minor, build, "0"] => format!("{major}.{minor}.{build}"),
        _ => joined.clone(),
    };
    sound.then_some(shorter)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A part of Windows, with its bytes and the file that they belong to.
type Placed<'seen> = (NodeId, Option<NodeId>, &'seen SystemFile);

/// Windows of each file system, by its kernel; without one, the files for themselves.
pub(crate) fn assemble<'seen>(tree: &Tree, files: impl Iterator<Item = Placed<'seen>>) -> Vec<Row> {
    let mut systems: BTreeMap<NodeId, Vec<Placed<'_>>> = BTreeMap::new();
    for (node, file, system_file) in files {
        let parent = tree.node(file.unwrap_or(node)).parent;
        let container = parent.unwrap_or_else(|| tree.root());
        systems.entry(container).or_default().push((node, file, system_file));
    }
    let mut rows = Vec::new();
    for (container, files) in systems {
        let root = Root { container, prefix: Vec::new() };
        // Copies for repair lie deeper than the one that is started.
        let place = |file: Option<NodeId>| file.map(|file| &tree.node(file).name.0);
        let kernels = files.iter().filter(|(_, _, file)| KERNELS.contains(&file.name.as_str()));
        let kernels = kernels.filter(|(_, _, file)| file.version.is_some());
        let kernel = kernels.min_by_key(|(_, file, _)| {
            let path = place(*file);
            (path.map(|path| path.split(|&byte| byte == b'/').count()), path)
        });
        match kernel {
            Some(&(node, _, kernel)) => {
                let carriers = files.iter().filter_map(|(_, file, _)| *file).collect();
                let row = system_row(tree, node, kernel, root);
                rows.push(Row { carriers, ..row });
            }
            None => rows.extend(files.into_iter().map(|(node, file, system_file)| {
                let carriers = file.into_iter().collect();
                Row { carriers, ..file_row(tree, node, system_file, root.clone()) }
            })),
        }
    }
    rows
}

fn claim(version: Option<[u16; 4]>) -> VersionClaim {
    match version {
        Some([major, minor, build, private]) => {
            VersionClaim::Exact(Version(format!("{major}.{minor}.{build}.{private}")))
        }
        None => VersionClaim::Unknown("its version resource has no version".to_owned()),
    }
}

fn system_row(tree: &Tree, node: NodeId, kernel: &SystemFile, root: Root) -> Row {
    let locator = examine::place(tree, node, kernel.offset);
    let claim = claim(kernel.version);
    let cpe =
        kernel.version.and_then(product).map(|product| Cpe::product('o', "microsoft", product));
    let cpe = match (cpe, claim.exact()) {
        (Some(cpe), Some(version)) => Some(cpe.with_version(&version.0)),
        _ => None,
    };
    Row {
        kind: Some(ComponentKind::OperatingSystem),
        supplier: Some("Microsoft Corporation".to_owned()),
        cpes: cpe.into_iter().collect(),
        technique: Technique::BinaryAnalysis,
        ..Row::new(Database::Windows, "windows".to_owned(), claim, root, locator)
    }
}

fn file_row(tree: &Tree, node: NodeId, file: &SystemFile, root: Root) -> Row {
    let locator = examine::place(tree, node, file.offset);
    Row {
        kind: Some(file.kind),
        supplier: Some("Microsoft Corporation".to_owned()),
        technique: Technique::BinaryAnalysis,
        ..Row::new(Database::Windows, file.name.clone(), claim(file.version), root, locator)
    }
}

/// The product in the CPE dictionary of a build. Client and server share some builds; then the
/// client stands for both, as it is what devices run.
fn product([major, minor, build, _]: [u16; 4]) -> Option<&'static str> {
    Some(match (major, minor, build) {
        (5, 0, _) => "windows_2000",
        (5, 1, _) => "windows_xp",
        (5, 2, _) => "windows_server_2003",
        (6, 0, _) => "windows_vista",
        (6, 1, _) => "windows_7",
        (6, 2, _) => "windows_8",
        (6, 3, _) => "windows_8.1",
        (10, 0, 10240) => "windows_10_1507",
        (10, 0, 10586) => "windows_10_1511",
        (10, 0, 14393) => "windows_10_1607",
        (10, 0, 15063) => "windows_10_1703",
        (10, 0, 16299) => "windows_10_1709",
        (10, 0, 17134) => "windows_10_1803",
        (10, 0, 17763) => "windows_10_1809",
        (10, 0, 18362) => "windows_10_1903",
        (10, 0, 18363) => "windows_10_1909",
        (10, 0, 19041) => "windows_10_2004",
        (10, 0, 19042) => "windows_10_20h2",
        (10, 0, 19043) => "windows_10_21h1",
        (10, 0, 19044) => "windows_10_21h2",
        (10, 0, 19045) => "windows_10_22h2",
        (10, 0, 20348) => "windows_server_2022",
        (10, 0, 22000) => "windows_11_21h2",
        (10, 0, 22621) => "windows_11_22h2",
        (10, 0, 22631) => "windows_11_23h2",
        (10, 0, 26100) => "windows_11_24h2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{dotted, normal, plain};

    #[test]
    fn versions_of_resources_become_plain() {
        for (text, expect) in [
            ("6, 0, 2900, 5512", Some("6.0.2900.5512")),
            ("6.1.7601.17514 (win7sp1_rtm.101119-1850)", Some("6.1.7601.17514")),
            ("13.0.1+ae9fe44e1323e91bcbd185ca1a14099fba7c021f", Some("13.0.1")),
            ("5.15.2.0", Some("5.15.2")),
            ("1.1.1k", Some("1.1.1k")),
            ("V2.4", Some("2.4")),
            ("0.0.0.0", None),
            ("Release 5", None),
            ("", None),
        ] {
            assert_eq!(normal(text).as_deref(), expect, "{text}");
        }
        assert_eq!(
            (dotted([1, 2, 3, 0]), dotted([1, 2, 3, 4])),
            ("1.2.3".into(), "1.2.3.4".into())
        );
        assert_eq!(
            plain("Microsoft® Windows(R)  Operating System"),
            "microsoft windows operating system"
        );
    }
}
