//! Versions that stand in a component's own files: where an image without its package database says
//! a version, the program must tell it.
//!
//! Which files belong to which package is told by the package databases of other images of the
//! corpus with the same files; opkg is read here, as images with other databases have no
//! counterpart without one.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context as _;
use serde_json::Value;
use xtask::shell::files;

use super::score;
use crate::standing;

/// A package of an opkg database whose version stands in its own files.
struct Package {
    /// Its name, every folder of the path of its source, of which one is the project, and the
    /// products that it is known as.
    names: Vec<String>,
    /// Without the revision of the package.
    version: String,
    /// What is in those of its files that say the version.
    says: Vec<Vec<u8>>,
}

/// The packages of the images with a database.
#[derive(Default)]
pub(crate) struct Packages(Vec<Package>);

/// How many versions stand in the files of their packages, and which of them were not told.
pub(crate) struct OwnVersions {
    pub(crate) standing: usize,
    pub(crate) not_told: Vec<String>,
}

impl Packages {
    /// Takes the packages of an image that holds its database, and from its result the names of the
    /// products that they are known as: `libc` is musl.
    pub(crate) fn learn(
        &mut self,
        program: &Path,
        image: &Path,
        result: &Value,
    ) -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let components = score::components(result);
        let files = unpacked(program, image, folder.path())?;
        for path in &files {
            let is_control = path.extension().is_some_and(|extension| extension == "control")
                && path.parent().is_some_and(|parent| parent.ends_with("usr/lib/opkg/info"));
            let Some(mut package) =
                is_control.then(|| package(path, &files)).transpose()?.flatten()
            else {
                continue;
            };
            let (name, version) = (package.names.first().cloned(), package.version.clone());
            let known_as = components.iter().filter(|(names, told)| {
                name.as_ref().is_some_and(|name| names.contains(name))
                    && told.as_ref().is_some_and(|told| score::same_version(told, &version))
            });
            package.names.extend(known_as.flat_map(|(names, _)| names.iter().cloned()));
            self.0.push(package);
        }
        Ok(())
    }

    /// Compares what was told of an image without a database with what stands in its files.
    pub(crate) fn check(
        &self,
        program: &Path,
        image: &Path,
        result: &Value,
    ) -> anyhow::Result<OwnVersions> {
        let folder = tempfile::tempdir()?;
        let files = unpacked(program, image, folder.path())?;
        let contents = files.iter().map(fs::read).collect::<Result<HashSet<Vec<u8>>, _>>()?;
        let components = score::components(result);
        let mut seen = OwnVersions { standing: 0, not_told: Vec::new() };
        for package in &self.0 {
            if !package.says.iter().any(|file| contents.contains(file)) {
                continue;
            }
            seen.standing += 1;
            let told = components.iter().any(|(names, version)| {
                let version = version.as_deref();
                package.names.iter().any(|name| names.contains(name))
                    && version.is_some_and(|one| score::same_version(one, &package.version))
            });
            if !told {
                seen.not_told.push(format!("{} {}", package.names.join(" "), package.version));
            }
        }
        Ok(seen)
    }
}

/// All files of an image, which is unpacked into a folder.
fn unpacked(program: &Path, image: &Path, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let to = folder.join("files");
    let status = Command::new(program)
        .arg("unpack")
        .args([image, Path::new("--to"), &to])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("start the program")?;
    anyhow::ensure!(status.success(), "unpack {}: {status}", image.display());
    files(&to)
}

/// Reads `NAME.control` and the list of files beside it. A version without a dot or a dash, such as
/// `21`, stands in any file.
fn package(control: &Path, files: &[PathBuf]) -> anyhow::Result<Option<Package>> {
    let text = fs::read_to_string(control)?;
    let field = |name: &str| {
        let mut values = text.lines().filter_map(|line| line.strip_prefix(name));
        values.find_map(|value| value.strip_prefix(':')).map(str::trim)
    };
    let (Some(name), Some(version)) = (field("Package"), field("Version")) else { return Ok(None) };
    let version = version.rsplit_once('-').map_or(version, |(upstream, _)| upstream);
    if !version.contains(['.', '-']) {
        return Ok(None);
    }
    let source = field("Source").unwrap_or_default().split('/');
    let names = std::iter::once(name).chain(source).map(score::plain).collect();
    let list = fs::read_to_string(control.with_extension("list")).unwrap_or_default();
    let own: Vec<&str> = list.lines().map(|path| path.trim_start_matches('/')).collect();
    let mut says = Vec::new();
    for file in files.iter().filter(|file| own.iter().any(|path| file.ends_with(path))) {
        let bytes = fs::read(file)?;
        if standing::places(&bytes, version).next().is_some() {
            says.push(bytes);
        }
    }
    let version = version.to_owned();
    Ok((!says.is_empty()).then_some(Package { names, version, says }))
}
