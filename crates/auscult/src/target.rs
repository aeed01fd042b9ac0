//! Opens what the user names: a file, a directory, or standard input.
//!
//! The worker has no file system, so that it gets one descriptor with all bytes: the file itself,
//! or a packed copy of the directory in an anonymous temporary file. Links are not followed.

mod pack;

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::FileTypeExt as _,
    path::Path,
};

use anyhow::{Context as _, bail};
use auscult_model::{InputKind, Problem};

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
            return pack::pack(name);
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

    /// The same target once more: whoever reads it reads by position.
    pub(crate) fn again(&self) -> anyhow::Result<Self> {
        let file = self.file.try_clone().context("open the input once more")?;
        Ok(Self { file, kind: self.kind, problems: self.problems.clone() })
    }

    /// Takes what an opened file holds.
    pub(crate) fn of_file(mut file: File) -> anyhow::Result<Self> {
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

/// Reads a small text file that the user wrote, with a clear error.
pub(crate) fn read_text(path: &Path, what: &str) -> anyhow::Result<String> {
    let text = String::from_utf8(read_bytes(path, what)?);
    text.with_context(|| format!("read the {what} {}", path.display()))
}

/// The same in any encoding.
pub(crate) fn read_bytes(path: &Path, what: &str) -> anyhow::Result<Vec<u8>> {
    read_bounded(path, what, 64 << 20)
}

/// The same with another limit.
pub(crate) fn read_bounded(path: &Path, what: &str, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let mut file = File::open(path).with_context(|| format!("open the {what} {shown}"))?;
    let mut bytes = Vec::new();
    let read = (&mut file).take(bytes_max + 1).read_to_end(&mut bytes);
    if read.with_context(|| format!("read the {what} {shown}"))? as u64 > bytes_max {
        bail!("read the {what} {shown}: it is longer than {bytes_max} bytes");
    }
    Ok(bytes)
}
