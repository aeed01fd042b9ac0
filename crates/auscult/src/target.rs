//! Opens what the user names: a file, a directory, or standard input.
//!
//! The worker has no file system, so that it gets one descriptor with all bytes: the file itself,
//! or a packed copy of the directory in an anonymous temporary file. Links are not followed.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use auscult_model::{InputKind, Locator, Problem};

use crate::failure::Hinted;

/// First bytes looked at to tell a text from an image.
const SNIFFED_BYTES: u64 = 4096;
/// Largest SBOM that is read, and how much of a text is searched for the marks of one.
const DOCUMENT_BYTES_MAX: u64 = 128 << 20;

/// An opened target.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) file: File,
    pub(crate) kind: InputKind,
    /// What could not be packed; the rest is inspected all the same.
    pub(crate) problems: Vec<Problem>,
}

impl Target {
    /// Opens a target as the command line names it; `-` is standard input.
    pub(crate) fn open(name: &Path) -> anyhow::Result<Self> {
        if name == Path::new("-") {
            return Self::of_file(spool(io::stdin().lock()).context("read standard input")?);
        }
        let shown = name.display();
        let metadata = fs::metadata(name).map_err(|error| {
            Hinted::error(format!("open {shown}: {error}"), "check the path and its permissions")
        })?;
        if metadata.is_dir() {
            return pack(name);
        }
        let file = File::open(name).map_err(|error| {
            Hinted::error(format!("open {shown}: {error}"), "check the permissions of the file")
        })?;
        if metadata.is_file() || metadata.file_type().is_block_device() {
            Self::of_file(file)
        } else {
            // A pipe or a character device has no length: take all of it first.
            Self::of_file(spool(file).with_context(|| format!("read {shown}"))?)
        }
    }

    fn of_file(mut file: File) -> anyhow::Result<Self> {
        let mut first = Vec::new();
        (&mut file).take(SNIFFED_BYTES).read_to_end(&mut first).context("read the input")?;
        file.seek(SeekFrom::Start(0)).context("rewind the input")?;
        if first.is_empty() {
            return Err(Hinted::error(
                "inspect the input: it is empty (0 bytes)",
                "an empty file is no device image; check the download or the build",
            ));
        }
        let kind =
            if may_be_document(&first) { document_kind(&mut file)? } else { InputKind::Image };
        Ok(Self { file, kind, problems: Vec::new() })
    }
}

/// Whether the first bytes are those of a text in which an SBOM may come.
fn may_be_document(first: &[u8]) -> bool {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'<')) || text.starts_with(b"SPDX")
}

/// Tells an SBOM from an image. One that this version cannot read is refused by its name, so that
/// it never ends as an image in which nothing was found.
fn document_kind(file: &mut File) -> anyhow::Result<InputKind> {
    let mut document = Vec::new();
    file.take(DOCUMENT_BYTES_MAX).read_to_end(&mut document).context("read the input")?;
    file.seek(SeekFrom::Start(0)).context("rewind the input")?;
    match auscult_sbom::detect(&document) {
        None => Ok(InputKind::Image),
        Some(kind) if kind.is_readable() => {
            let size = file.metadata().context("measure the input")?.len();
            if size > DOCUMENT_BYTES_MAX {
                return Err(Hinted::error(
                    format!("read the SBOM: its {size} bytes are over {DOCUMENT_BYTES_MAX}"),
                    "split it, or check whether something was appended to it",
                ));
            }
            Ok(InputKind::Sbom)
        }
        Some(kind) => Err(Hinted::error(
            format!("read the SBOM: it is {}, which this version does not read", kind.name()),
            "convert it to CycloneDX JSON",
        )),
    }
}

fn spool(mut source: impl io::Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut source, &mut file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Packs a directory into an anonymous file, in the order of the names, without times, so that the
/// same tree gives the same bytes.
fn pack(root: &Path) -> anyhow::Result<Target> {
    let device = fs::metadata(root).context("read the directory")?.dev();
    let mut packer = Packer {
        builder: tar::Builder::new(tempfile::tempfile().context("create a temporary file")?),
        device,
        problems: Vec::new(),
        packed: 0,
    };
    packer.folder(root, Path::new(""))?;
    if packer.packed == 0 {
        let why = packer.problems.first().map_or("it is empty", |problem| problem.why.as_str());
        let message = format!("inspect {}: nothing in it could be read: {why}", root.display());
        return Err(Hinted::error(
            message,
            "check the permissions, or run as a user who may read it",
        ));
    }
    let mut file = packer.builder.into_inner().context("pack the directory")?;
    file.seek(SeekFrom::Start(0)).context("rewind the packed directory")?;
    Ok(Target { file, kind: InputKind::Directory, problems: packer.problems })
}

struct Packer {
    builder: tar::Builder<File>,
    device: u64,
    problems: Vec<Problem>,
    packed: u64,
}

impl Packer {
    /// Packs what lies in a folder; `inside` is its path below the root.
    fn folder(&mut self, folder: &Path, inside: &Path) -> anyhow::Result<()> {
        let mut names: Vec<PathBuf> = Vec::new();
        match fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    match entry {
                        Ok(entry) => names.push(entry.file_name().into()),
                        Err(error) => self.problem(inside, "list the folder", &error.to_string()),
                    }
                }
            }
            Err(error) => self.problem(inside, "list the folder", &error.to_string()),
        }
        names.sort();
        for name in names {
            let (path, inside) = (folder.join(&name), inside.join(&name));
            match fs::symlink_metadata(&path) {
                Ok(metadata) => self.object(&path, &inside, &metadata)?,
                Err(error) => self.problem(&inside, "read", &error.to_string()),
            }
        }
        Ok(())
    }

    fn object(&mut self, path: &Path, inside: &Path, metadata: &Metadata) -> anyhow::Result<()> {
        let kind = metadata.file_type();
        let mut header = tar::Header::new_gnu();
        header.set_mode(metadata.mode() & 0o7777);
        header.set_uid(metadata.uid().into());
        header.set_gid(metadata.gid().into());
        header.set_mtime(0);
        header.set_size(0);
        if kind.is_dir() {
            if metadata.dev() != self.device {
                self.problem(inside, "read", "it is another file system, not entered");
                return Ok(());
            }
            header.set_entry_type(tar::EntryType::Directory);
            self.append(header, inside, io::empty())?;
            return self.folder(path, inside);
        }
        if kind.is_file() {
            return self.regular(path, inside, header);
        }
        if kind.is_symlink() {
            let target = fs::read_link(path).with_context(|| format!("read {}", path.display()))?;
            header.set_entry_type(tar::EntryType::Symlink);
            self.packed += 1;
            return self
                .builder
                .append_link(&mut header, inside, target)
                .with_context(|| format!("pack {}", inside.display()));
        }
        let (entry, device) = if kind.is_char_device() {
            (tar::EntryType::Char, metadata.rdev())
        } else if kind.is_block_device() {
            (tar::EntryType::Block, metadata.rdev())
        } else if kind.is_fifo() {
            (tar::EntryType::Fifo, 0)
        } else {
            self.problem(inside, "pack", "sockets have no content");
            return Ok(());
        };
        header.set_entry_type(entry);
        header.set_device_major(rustix::fs::major(device))?;
        header.set_device_minor(rustix::fs::minor(device))?;
        self.append(header, inside, io::empty())
    }

    fn regular(
        &mut self,
        path: &Path,
        inside: &Path,
        mut header: tar::Header,
    ) -> anyhow::Result<()> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => {
                self.problem(inside, "open", &error.to_string());
                return Ok(());
            }
        };
        let size = file.metadata().with_context(|| format!("measure {}", path.display()))?.len();
        header.set_size(size);
        header.set_entry_type(tar::EntryType::Regular);
        // A file that shrinks while it is read would shift everything after it.
        let content = file.take(size).chain(io::repeat(0)).take(size);
        self.append(header, inside, content)
    }

    fn append(
        &mut self,
        mut header: tar::Header,
        inside: &Path,
        content: impl io::Read,
    ) -> anyhow::Result<()> {
        self.packed += 1;
        self.builder
            .append_data(&mut header, inside, content)
            .with_context(|| format!("pack {}", inside.display()))
    }

    fn problem(&mut self, inside: &Path, what: &str, why: &str) {
        use std::os::unix::ffi::OsStrExt as _;
        let name = auscult_model::ByteName::from([b"/", inside.as_os_str().as_bytes()].concat());
        self.problems.push(Problem {
            locator: Locator::image().enter(0, "tar", Some(name)),
            what: what.to_owned(),
            why: why.to_owned(),
        });
    }
}

/// Reads a small text file that the user wrote, with a clear error.
pub(crate) fn read_text(path: &Path, what: &str) -> anyhow::Result<String> {
    let text = String::from_utf8(read_bytes(path, what)?);
    text.with_context(|| format!("read the {what} {}", path.display()))
}

/// The same in any encoding.
pub(crate) fn read_bytes(path: &Path, what: &str) -> anyhow::Result<Vec<u8>> {
    const BYTES_MAX: u64 = 64 << 20;
    let shown = path.display();
    let mut file = File::open(path).with_context(|| format!("open the {what} {shown}"))?;
    let mut bytes = Vec::new();
    let read = (&mut file).take(BYTES_MAX + 1).read_to_end(&mut bytes);
    if read.with_context(|| format!("read the {what} {shown}"))? as u64 > BYTES_MAX {
        bail!("read the {what} {shown}: it is longer than {BYTES_MAX} bytes");
    }
    Ok(bytes)
}
