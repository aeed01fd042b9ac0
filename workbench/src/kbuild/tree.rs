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
    /// Sources that state a licence for their module, which puts it into `modules.builtin` where it
    /// is built in (include/linux/module.h).
    pub(super) licensed: BTreeSet<String>,
    /// Headers, and whatever else may be included or includes something.
    pub(super) others: BTreeSet<String>,
    pub(super) includes: Vec<Include>,
    /// Names of headers, or their ends, that macros and configurations hold: where one is included
    /// by such a name, nobody can tell from the text.
    pub(super) named: BTreeSet<String>,
}

/// An `#include`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Include {
    pub(super) by: String,
    /// As it is written.
    pub(super) what: String,
    /// In quotes, so that the folder of the including file comes first.
    pub(super) quoted: bool,
}

/// Endings of what is text for people, or describes devices.
const NO_CODE: &[&str] = &[
    "rst", "txt", "dts", "dtsi", "dtso", "json", "yaml", "yml", "svg", "gif", "xml", "config",
    "css",
];

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
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if !build {
                self.named.extend(text.lines().flat_map(header_names));
            }
            self.texts.insert(path.to_owned(), text);
            return Ok(());
        }
        let Some((_, ending)) = name.rsplit_once('.') else { return Ok(()) };
        if NO_CODE.contains(&ending) {
            return Ok(());
        }
        if is_source(path) {
            self.sources.insert(path.to_owned());
        } else {
            self.others.insert(path.to_owned());
        }
        for line in BufReader::new(file).split(b'\n') {
            self.note_line(path, &String::from_utf8_lossy(&line?));
        }
        Ok(())
    }

    /// Notes what a line of code includes, or how it lets another line include something.
    fn note_line(&mut self, path: &str, line: &str) {
        if line.contains("MODULE_LICENSE") && is_source(path) {
            self.licensed.insert(path.to_owned());
        }
        let directive = line.trim_start().strip_prefix('#').map(str::trim_start);
        if let Some(rest) = directive.and_then(|rest| rest.strip_prefix("include")) {
            let rest = rest.strip_prefix("_next").unwrap_or(rest).trim_start();
            let end = match rest.chars().next() {
                Some('"') => '"',
                Some('<') => '>',
                // A name made by a macro, which it or the definition of the macro holds.
                _ => {
                    self.named.extend(header_names(rest));
                    return;
                }
            };
            let what = rest.get(1..).and_then(|rest| rest.split(end).next()).unwrap_or_default();
            self.note(path, what, end == '"');
        } else if let Some(rest) = directive.and_then(|rest| rest.strip_prefix("define")) {
            self.note_definition(path, rest.trim());
        } else if let Some((_, rest)) = line.split_once("#include") {
            // Of a program that writes code.
            let rest = rest.trim_start().trim_start_matches('\\');
            let what = rest.get(1..).and_then(|rest| rest.split(['"', '>', '\\']).next());
            self.note(path, what.unwrap_or_default(), false);
        } else if let Some((_, rest)) = line.split_once(".include") {
            // Of the assembler, which looks in no folder of its own first.
            let what = rest.split('"').nth(1).unwrap_or_default();
            self.note(path, what.trim_end_matches('\\'), false);
        }
    }

    /// Trace points include their own header again, by a name that macros hold
    /// (include/trace/define_trace.h).
    fn note_definition(&mut self, path: &str, definition: &str) {
        let (name, value) = definition.split_once(char::is_whitespace).unwrap_or((definition, ""));
        let value = value.split("/*").next().unwrap_or_default().trim();
        let stem = path.rsplit('/').next().and_then(|name| name.split('.').next());
        let is_own = value.rsplit('/').next() == stem;
        match name {
            "TRACE_INCLUDE_FILE" | "TRACE_SYSTEM" if is_own => {}
            "TRACE_INCLUDE_FILE" => self.note(path, &format!("{value}.h"), false),
            "TRACE_SYSTEM" => self.note(path, &format!("trace/events/{value}.h"), false),
            _ => self.named.extend(header_names(value)),
        }
    }

    fn note(&mut self, path: &str, what: &str, quoted: bool) {
        if !what.is_empty() {
            self.includes.push(Include { by: path.to_owned(), what: what.to_owned(), quoted });
        }
    }
}

/// The words of a line that are names of headers.
pub(super) fn header_names(line: &str) -> impl Iterator<Item = String> {
    let separates = |c: char| !(c.is_ascii_alphanumeric() || "_-./+".contains(c));
    line.split(separates).filter_map(|word| {
        let name = word.trim_start_matches(['/', '.']);
        name.strip_suffix(".h").filter(|stem| !stem.is_empty()).map(|_| name.to_owned())
    })
}

/// Whether a path is that of a C or assembly source, by its ending.
pub(super) fn is_source(path: &str) -> bool {
    matches!(path.rsplit_once('.'), Some((_, "c" | "S")))
}

/// Whether a path is that of a header, by its ending.
pub(super) fn is_header(path: &str) -> bool {
    matches!(path.rsplit_once('.'), Some((_, "h")))
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
