//! Packs a directory for the worker, which has no file system of its own.
//!
//! The result is a tar archive (POSIX ustar with GNU's long names). Headers and room for the
//! contents are laid out in one walk; the contents are copied on all cores.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use auscult_model::{InputKind, Locator, Problem};
use rayon::prelude::*;

use super::Target;
use crate::failure::Hinted;

/// Contents are padded to this, and an archive ends in two empty blocks.
const BLOCK_BYTES: u64 = 512;
const END_BYTES: u64 = 2 * BLOCK_BYTES;
/// What is read of a file at a time.
const BUFFER_BYTES: usize = 128 << 10;
/// Files that are kept open until they are copied; a process may have 1024.
const CONTENTS_MAX: usize = 256;

/// Packs a directory into an anonymous file, in the order of the names, without times, so that the
/// same tree gives the same bytes.
pub(super) fn pack(root: &Path) -> anyhow::Result<Target> {
    let device = fs::metadata(root).context("read the directory")?.dev();
    let mut packer = Packer {
        headers: tar::Builder::new(Vec::new()),
        file: tempfile::tempfile().context("create a temporary file")?,
        position: 0,
        contents: Vec::new(),
        device,
        problems: Vec::new(),
        packed: 0,
    };
    packer.folder(root, Path::new(""))?;
    packer.copy_contents()?;
    if packer.packed == 0 {
        let why = packer.problems.first().map_or("it is empty", |problem| problem.why.as_str());
        let message = format!("inspect {}: nothing in it could be read: {why}", root.display());
        return Err(Hinted::error(
            message,
            "check the permissions, or run as a user who may read it",
        ));
    }
    packer.file.set_len(packer.position + END_BYTES).context("end the packed directory")?;
    Ok(Target { file: packer.file, kind: InputKind::Directory, problems: packer.problems })
}

/// The content of a file on its way into the packed directory.
struct Content {
    file: File,
    path: PathBuf,
    place: u64,
    size: u64,
}

struct Packer {
    /// Makes the headers, which are written as they come.
    headers: tar::Builder<Vec<u8>>,
    file: File,
    /// Where the next header goes.
    position: u64,
    /// What was given room and is not copied yet.
    contents: Vec<Content>,
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
            self.append(header, inside)?;
            return self.folder(path, inside);
        }
        if kind.is_file() {
            return self.regular(path, inside, header);
        }
        if kind.is_symlink() {
            let target = fs::read_link(path).with_context(|| format!("read {}", path.display()))?;
            header.set_entry_type(tar::EntryType::Symlink);
            let made = self.headers.append_link(&mut header, inside, target);
            made.with_context(|| format!("pack {}", inside.display()))?;
            return self.write_header();
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
        self.append(header, inside)
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
        self.append(header, inside)?;
        let place = self.position;
        self.position = place.saturating_add(size.next_multiple_of(BLOCK_BYTES));
        self.contents.push(Content { file, path: path.to_owned(), place, size });
        if self.contents.len() < CONTENTS_MAX { Ok(()) } else { self.copy_contents() }
    }

    /// Writes the header of something, which has no content or gets it later.
    fn append(&mut self, mut header: tar::Header, inside: &Path) -> anyhow::Result<()> {
        let made = self.headers.append_data(&mut header, inside, io::empty());
        made.with_context(|| format!("pack {}", inside.display()))?;
        self.write_header()
    }

    fn write_header(&mut self) -> anyhow::Result<()> {
        self.packed += 1;
        let header = std::mem::take(self.headers.get_mut());
        self.file.write_all_at(&header, self.position).context("write the packed directory")?;
        self.position = self.position.saturating_add(u64::try_from(header.len())?);
        Ok(())
    }

    /// Copies what was given room, on all cores.
    fn copy_contents(&mut self) -> anyhow::Result<()> {
        let file = &self.file;
        std::mem::take(&mut self.contents).into_par_iter().try_for_each_init(
            || vec![0; BUFFER_BYTES],
            |buffer, content| {
                let copied = copy(&content, file, buffer);
                copied.with_context(|| format!("pack {}", content.path.display()))
            },
        )
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

/// Copies a content to its place. A file that shrinks meanwhile ends in zeros: what follows it must
/// not shift.
fn copy(content: &Content, file: &File, buffer: &mut [u8]) -> io::Result<()> {
    let mut source = (&content.file).take(content.size);
    let mut place = content.place;
    loop {
        let count = source.read(buffer)?;
        if count == 0 {
            return Ok(());
        }
        file.write_all_at(buffer.get(..count).unwrap_or_default(), place)?;
        place = place.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
}
