//! What the packages of a folder show: exports, the packager's list, the changelog.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use auscult_inspect::symbols::read_binary;
use auscult_model::Known;
use serde::{Deserialize, Serialize};

/// What was read is kept here, as packages never change: a second run reads only new ones.
const CACHE: &str = "observed.json";

/// A shared library in a package.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Observed {
    pub(super) suite: String,
    pub(super) architecture: String,
    pub(super) package: String,
    pub(super) source: String,
    /// The package's version.
    pub(super) version: String,
    pub(super) soname: String,
    /// Sorted, without names of C++.
    pub(super) exports: Vec<String>,
    /// Symbol versions and package versions since which the packager's list has each symbol.
    pub(super) recorded: BTreeMap<String, BTreeSet<(String, String)>>,
    /// Every package version that the changelog names.
    pub(super) changelog: BTreeSet<String>,
}

/// Reads every package below the folder.
pub(super) fn folder(folder: &Path) -> anyhow::Result<Vec<Observed>> {
    let cache = folder.join(CACHE);
    let mut known: BTreeMap<String, Vec<Observed>> = match fs::read(&cache) {
        Ok(bytes) => serde_json::from_slice(&bytes).context("read what was observed before")?,
        Err(_) => BTreeMap::new(),
    };
    let packages = packages(folder)?;
    ensure!(!packages.is_empty(), "no package in {}", folder.display());
    let before = known.len();
    for (key, path) in &packages {
        if !known.contains_key(key) {
            let (suite, _) = key.split_once('-').unwrap_or((key, ""));
            let observed = package(suite, path).with_context(|| path.display().to_string())?;
            known.insert(key.clone(), observed);
        }
    }
    known.retain(|key, _| packages.contains_key(key));
    if known.len() != before {
        fs::write(&cache, serde_json::to_vec(&known)?).context("keep what was observed")?;
    }
    Ok(known.into_values().flatten().collect())
}

/// `SUITE-ARCHITECTURE/NAME.deb` of each package, with its path.
fn packages(folder: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut packages = BTreeMap::new();
    for group in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let group = group?.path();
        if !group.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&group)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                let key = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                packages.insert(key, path);
            }
        }
    }
    Ok(packages)
}

/// The libraries of one package.
fn package(suite: &str, path: &Path) -> anyhow::Result<Vec<Observed>> {
    let unpacked = tempfile::tempdir()?;
    let root = unpacked.path().join("root");
    let status = Command::new("dpkg-deb").arg("--raw-extract").args([path, &root]).status();
    ensure!(status.context("start dpkg-deb")?.success(), "dpkg-deb failed");
    let control = fs::read_to_string(root.join("DEBIAN/control"))?;
    let field = |name: &str| {
        let mut lines = control.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned())
    };
    let name = field("Package").context("a package without a name")?;
    let source = field("Source").unwrap_or_else(|| name.clone());
    let source = source.split(' ').next().unwrap_or(&source).to_owned();
    let lists = fs::read_to_string(root.join("DEBIAN/symbols")).unwrap_or_default();
    let lists = recorded(&lists);
    let changelog = changelog(&root, &name);
    let mut found = Vec::new();
    for file in libraries(&root) {
        let Some(facts) = read_binary(&fs::read(&file)?) else { continue };
        let (Some(soname), Known::Known(exports)) = (facts.soname, facts.exports) else { continue };
        found.push(Observed {
            suite: suite.to_owned(),
            architecture: field("Architecture").unwrap_or_default(),
            package: name.clone(),
            source: source.clone(),
            version: field("Version").unwrap_or_default(),
            exports: exports.into_iter().filter(|name| !name.starts_with("_Z")).collect(),
            recorded: lists.get(&soname).cloned().unwrap_or_default(),
            changelog: changelog.clone(),
            soname,
        });
    }
    Ok(found)
}

/// The shared libraries that lie where a loader looks: `lib/TRIPLET/` and `usr/lib/TRIPLET/`.
fn libraries(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["lib", "usr/lib"] {
        let triplets = entries(&root.join(folder)).into_iter().filter(|path| path.is_dir());
        for triplet in triplets {
            found.extend(entries(&triplet).into_iter().filter(|path| {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                path.is_file() && !path.is_symlink() && name.is_some_and(|n| n.contains(".so"))
            }));
        }
    }
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path()).collect()
}

type Lists = BTreeMap<String, BTreeMap<String, BTreeSet<(String, String)>>>;

/// Reads deb-symbols(5): for each soname, the versions of its symbols.
fn recorded(text: &str) -> Lists {
    let mut lists = Lists::new();
    let mut soname = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (line.starts_with(' '), words.as_slice()) {
            // Tags in brackets only stand in templates; patterns are spelled out in packages.
            (true, [symbol, version, ..]) if !symbol.starts_with(['(', '_']) || is_own(symbol) => {
                let (name, node) = symbol.split_once('@').unwrap_or((symbol, ""));
                let list = lists.entry(soname.clone()).or_default().entry(name.to_owned());
                list.or_default().insert((node.to_owned(), (*version).to_owned()));
            }
            (false, [name, ..]) if !name.starts_with(['*', '|']) => (*name).clone_into(&mut soname),
            _ => {}
        }
    }
    lists
}

/// Names of C with an underscore in front are kept, those of C++ are not.
fn is_own(symbol: &str) -> bool {
    symbol.starts_with('_') && !symbol.starts_with("_Z")
}

/// Every version in the package's changelog, however many uploads it goes back.
fn changelog(root: &Path, package: &str) -> BTreeSet<String> {
    let path = root.join("usr/share/doc").join(package).join("changelog.Debian.gz");
    let Ok(mut child) = Command::new("gzip")
        .args(["-dc"])
        .arg(path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
    else {
        return BTreeSet::new();
    };
    let mut text = Vec::new();
    if let Some(mut output) = child.stdout.take() {
        // A changelog that cannot be read tells nothing.
        let _ = output.read_to_end(&mut text);
    }
    let _ = child.wait();
    String::from_utf8_lossy(&text)
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(" (")?.1.split_once(')'))
        .map(|(version, _)| version.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::recorded;

    #[test]
    fn lists_of_packagers_are_read() {
        let text = "libz.so.1 zlib1g #MINVER#\n* Build-Depends-Package: zlib1g-dev\n \
                    adler32@Base 1:1.1.4\n crc32_z@ZLIB_1.2.9 1:1.2.11 1\n _ZNsN@Base 1\n";
        let lists = recorded(text);
        let list = &lists["libz.so.1"];
        assert_eq!(list.len(), 2);
        assert_eq!(
            list["crc32_z"].first().unwrap(),
            &("ZLIB_1.2.9".to_owned(), "1:1.2.11".to_owned())
        );
    }
}
