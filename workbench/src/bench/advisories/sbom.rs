//! SBOMs as of a device: packages of Debian in the versions that its announcements name, and
//! components of build systems for devices under their CPE names; once more with a kernel.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{super::unpacked, mirror::Versions};

/// Components without the kernel.
const COMPONENTS: usize = 1_000;
/// Of these, packages of Debian.
const PACKAGES: usize = 500;
/// Kernel of the second SBOM.
const KERNEL: &str = "5.10.100";
/// Beginnings of names that are kernels, or that no device has and that have thousands of records.
const LEFT_OUT: [&str; 8] =
    ["chromium", "firefox", "iceape", "icedove", "iceweasel", "linux", "thunderbird", "webkit"];

/// Writes both and gives their paths: without and with a kernel. `versions` are those that records
/// name.
pub(super) fn write(
    feeds: &Path,
    versions: &Versions,
    folder: &Path,
) -> anyhow::Result<[PathBuf; 2]> {
    let mut components: Vec<Value> = packages(feeds)?;
    let rest = COMPONENTS.saturating_sub(components.len());
    components.extend(upstream(feeds, versions, rest)?);
    ensure!(components.len() == COMPONENTS, "only {} components", components.len());
    let paths = [folder.join("plain.cdx.json"), folder.join("kernel.cdx.json")];
    let [plain, with_kernel] = &paths;
    fs::write(plain, document(&components).to_string())?;
    components.push(json!({
        "type": "operating-system",
        "name": "linux",
        "version": KERNEL,
        "purl": format!("pkg:generic/linux@{KERNEL}"),
        "cpe": format!("cpe:2.3:o:linux:linux_kernel:{KERNEL}:*:*:*:*:*:*:*"),
    }));
    fs::write(with_kernel, document(&components).to_string())?;
    Ok(paths)
}

fn document(components: &[Value]) -> Value {
    json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components })
}

fn is_wanted(name: &str) -> bool {
    !LEFT_OUT.iter().any(|start| name.starts_with(start))
}

/// Packages spread over Debian's announcements, in the newest version that these name.
fn packages(feeds: &Path) -> anyhow::Result<Vec<Value>> {
    let archive = feeds.join("distro.tar.zst");
    let bytes = unpacked(&archive)?;
    let mut found = BTreeMap::new();
    for member in tar::Archive::new(bytes.as_slice()).entries()? {
        let mut member = member?;
        if !member.path()?.ends_with("DSA-list") {
            continue;
        }
        let mut text = String::new();
        member.read_to_string(&mut text)?;
        for line in text.lines() {
            // "	[bullseye] - curl 7.74.0-1.3+deb11u7"
            let words: Vec<&str> = line.split_whitespace().collect();
            let [release, "-", name, version] = words.as_slice() else { continue };
            if release.starts_with('[')
                && version.starts_with(|c: char| c.is_ascii_digit())
                && is_wanted(name)
            {
                found.entry((*name).to_owned()).or_insert((*version).to_owned());
            }
        }
    }
    let package = |(name, version): (&String, &String)| {
        let encoded = version.replace('+', "%2B").replace(':', "%3A");
        json!({
            "type": "library",
            "name": name,
            "version": version,
            "purl": format!("pkg:deb/debian/{name}@{encoded}?arch=arm64"),
        })
    };
    let step = (found.len() / PACKAGES).max(1);
    Ok(found.iter().step_by(step).take(PACKAGES).map(package).collect())
}

/// Components of build systems for devices; first those with a version that a record names.
fn upstream(feeds: &Path, versions: &Versions, most: usize) -> anyhow::Result<Vec<Value>> {
    let path = feeds.join("cpe").join("component-cpe-aliases.tsv");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let mut names = BTreeSet::new();
    let mut rows: Vec<(&str, String)> = Vec::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [_, name, vendor, product, ..] = cells.as_slice() else { continue };
        if is_wanted(name) && names.insert(*name) {
            rows.push((name, format!("{vendor}:{product}")));
        }
    }
    rows.sort_by_key(|(_, key)| !versions.contains_key(key));
    let component = |(name, key): (&str, String)| {
        let version = versions.get(&key).map_or("1.0", String::as_str);
        json!({
            "type": "library",
            "name": name,
            "version": version,
            "purl": format!("pkg:generic/{name}@{version}"),
            "cpe": format!("cpe:2.3:a:{key}:{version}:*:*:*:*:*:*:*"),
        })
    };
    Ok(rows.into_iter().take(most).map(component).collect())
}
