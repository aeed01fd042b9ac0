//! The files of a kernel's source tree that tell what is built.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, ensure};

/// What is kept of a tree.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// `5.10.262`, from the Makefile at the root.
    pub(super) release: String,
    /// Makefiles, Kbuild and Kconfig files, by path.
    pub(super) texts: BTreeMap<String, String>,
    /// C and assembly sources.
    pub(super) sources: BTreeSet<String>,
    /// Files that another file includes though they are sources: includer, included as written.
    pub(super) includes: Vec<(String, String)>,
}

impl Tree {
    /// Reads the archive inside a `linux-source` package, without laying it out.
    pub(super) fn of_package(package: &Path) -> anyhow::Result<Self> {
        let mut outer =
            Running::start(Command::new("dpkg-deb").arg("--fsys-tarfile").arg(package))?;
        let mut archive = tar::Archive::new(outer.reader()?);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let Some((_, ending)) = path.rsplit_once(".tar.") else { continue };
            if !path.contains("linux-source") {
                continue;
            }
            let program = match ending {
                "xz" => "xz",
                "bz2" => "bzip2",
                "zst" => "zstd",
                "gz" => "gzip",
                _ => continue,
            };
            let mut command = Command::new(program);
            let mut inner = Running::start(command.arg("-dc").stdin(Stdio::piped()))?;
            let mut to = inner.0.stdin.take().context("no standard input")?;
            let from = inner.reader()?;
            return std::thread::scope(|scope| {
                let reader = scope.spawn(move || Self::of_archive(from));
                // This ends with an error when the reader stops early, which the tree tells.
                drop(std::io::copy(&mut entry, &mut to));
                drop(to);
                reader.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the reader panicked")))
            });
        }
        anyhow::bail!("{}: no archive of sources in it", package.display())
    }

    fn of_archive(from: impl Read) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, from));
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let Some((_, path)) = path.trim_start_matches("./").split_once('/') else { continue };
            if entry.header().entry_type().is_file() {
                tree.take(path, &mut entry)?;
            }
        }
        let makefile = tree.texts.get("Makefile").context("the tree has no Makefile")?;
        let part = |name: &str| {
            let line = makefile.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_start_matches([' ', '=']).trim().to_owned())
        };
        let parts =
            ["VERSION", "PATCHLEVEL", "SUBLEVEL"].map(|name| part(name).unwrap_or_default());
        ensure!(parts.iter().all(|part| !part.is_empty()), "the Makefile tells no version");
        tree.release = parts.join(".");
        Ok(tree)
    }

    fn take(&mut self, path: &str, file: &mut impl Read) -> anyhow::Result<()> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let build = name.starts_with("Makefile") || name == "Kbuild" || name.starts_with("Kbuild.");
        if build || name.starts_with("Kconfig") {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            self.texts.insert(path.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
            return Ok(());
        }
        let Some((_, ending)) = name.rsplit_once('.') else { return Ok(()) };
        if !matches!(ending, "c" | "S" | "h" | "inc" | "lds") {
            return Ok(());
        }
        if is_source(path) {
            self.sources.insert(path.to_owned());
        }
        for line in BufReader::new(file).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            let Some(rest) = line.trim_start().strip_prefix('#') else { continue };
            let Some(rest) = rest.trim_start().strip_prefix("include") else { continue };
            let rest = rest.trim_start();
            let end = match rest.chars().next() {
                Some('"') => '"',
                Some('<') => '>',
                // A name made by a macro.
                _ => continue,
            };
            let included =
                rest.get(1..).and_then(|rest| rest.split(end).next()).unwrap_or_default();
            if is_source(included) {
                self.includes.push((path.to_owned(), included.to_owned()));
            }
        }
        Ok(())
    }
}

/// Whether a path is that of a C or assembly source, by its ending.
fn is_source(path: &str) -> bool {
    matches!(path.rsplit_once('.'), Some((_, "c" | "S")))
}

/// A program whose output is read.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.stdout(Stdio::piped()).spawn();
        Ok(Self(child.with_context(|| format!("start {program}"))?))
    }

    fn reader(&mut self) -> anyhow::Result<impl Read + use<>> {
        self.0.stdout.take().context("no standard output")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What it still wants to write is not wanted.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
