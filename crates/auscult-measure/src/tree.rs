//! A directory or a live root: every path below it.
//!
//! The tree is walked first, by directory descriptors and without following links, so that no name in it
//! leads out. Then the files are read on all cores. What a path was at the walk it must be when it is
//! opened; otherwise it changed meanwhile, which is told.

use std::{
    ffi::{CStr, CString},
    fs::File,
    io::{self, Read as _},
    os::fd::OwnedFd,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use auscult_model::{ByteName, Sha256};
use rayon::prelude::*;
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, Stat, StatxFlags};
use rustix::io::Errno;
use sha2::Digest as _;

use crate::{Content, Entry, Error, Kind, Unmeasured, capability_text};

/// How much is measured at most; what is over it is told.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Paths in all.
    pub entries: usize,
    /// Directories inside directories.
    pub depth: usize,
    /// Bytes of one file, which may be made of holes.
    pub file_bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { entries: 4_000_000, depth: 128, file_bytes: 8 << 30, total_bytes: 256 << 30 }
    }
}

/// Everything measured under one root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measurement {
    /// The paths, in order.
    pub entries: Vec<Entry>,
    /// What was not measured, in order.
    pub unmeasured: Vec<Unmeasured>,
}

/// Bytes that are read at once.
const PIECE_BYTES: usize = 128 << 10;
/// Files of one directory that are read by one thread before another is asked.
const BATCH_FILES: usize = 64;
/// Longest `security.capability`: version 3 has 24 bytes.
const CAPABILITY_BYTES: usize = 64;

/// Measures everything below a directory, on its own file system.
///
/// # Errors
/// Where the root itself cannot be opened as a directory.
pub fn tree(root: &Path, bounds: &Bounds) -> Result<Measurement, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let failed = |error: Errno| Error::Root(error.into());
    let directory = fs::open(root, flags, Mode::empty()).map_err(failed)?;
    let status = fs::fstat(&directory).map_err(failed)?;
    let mut walk = Walk {
        bounds,
        device: status.st_dev,
        mount: mount_of(&directory, c""),
        found: Measurement::default(),
        files: Vec::new(),
        full: false,
    };
    walk.directory(&directory, b"", 0);
    let Walk { mut found, files, .. } = walk;
    read_files(&directory, &files, bounds, &mut found);
    found.entries.sort();
    found.unmeasured.sort();
    Ok(found)
}

/// A regular file that was seen and is to be read.
struct Seen {
    /// Its place among the entries.
    index: usize,
    name: CString,
    inode: u64,
}

/// The files of one directory, or some of them.
struct Batch {
    folder: Vec<u8>,
    files: Vec<Seen>,
}

struct Walk<'a> {
    bounds: &'a Bounds,
    device: u64,
    mount: Option<u64>,
    found: Measurement,
    files: Vec<Batch>,
    full: bool,
}

impl Walk<'_> {
    fn directory(&mut self, directory: &OwnedFd, path: &[u8], depth: usize) {
        if depth > self.bounds.depth {
            let why = format!("more than {} directories inside each other", self.bounds.depth);
            return self.unmeasured(path, why, false);
        }
        let names = match names(directory) {
            Ok(names) => names,
            Err(error) => return self.unmeasured(path, format!("list it: {error}"), false),
        };
        let mut files = Vec::new();
        for name in names {
            if self.found.entries.len() >= self.bounds.entries {
                if !self.full {
                    let why = format!("more than {} paths", self.bounds.entries);
                    self.unmeasured(path, why, false);
                    self.full = true;
                }
                break;
            }
            let inside = [path, b"/", name.as_bytes()].concat();
            match fs::statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(status) => {
                    self.object(directory, name, &inside, &status, depth, &mut files);
                }
                Err(error) => self.unmeasured(&inside, format!("look at it: {error}"), false),
            }
        }
        while !files.is_empty() {
            let rest = files.split_off(files.len().min(BATCH_FILES));
            self.files
                .push(Batch { folder: path.to_vec(), files: std::mem::replace(&mut files, rest) });
        }
    }

    fn object(
        &mut self,
        directory: &OwnedFd,
        name: CString,
        path: &[u8],
        status: &Stat,
        depth: usize,
        files: &mut Vec<Seen>,
    ) {
        let Some(kind) = kind(status) else {
            return self.unmeasured(path, "it is of no known kind".to_owned(), false);
        };
        let mut entry = Entry::new(ByteName(path.to_vec()), kind);
        entry.mode = Some(status.st_mode & 0o7777);
        (entry.user, entry.group) = (Some(status.st_uid), Some(status.st_gid));
        let index = self.found.entries.len();
        // Files of an overlay may tell the device of a lower layer, so that without the number of the
        // mount only directories are asked for theirs.
        let mounted = match self.mount {
            Some(_) => mount_of(directory, &name) != self.mount,
            None => kind == Kind::Directory && status.st_dev != self.device,
        };
        if mounted {
            self.found.entries.push(entry);
            return self.unmeasured(path, "something else is mounted here".to_owned(), true);
        }
        match kind {
            Kind::Symlink => match fs::readlinkat(directory, &name, Vec::new()) {
                Ok(target) => entry.target = Some(ByteName(target.into_bytes())),
                Err(error) => self.unmeasured(path, format!("read the link: {error}"), false),
            },
            Kind::CharacterDevice | Kind::BlockDevice => {
                entry.device = Some((fs::major(status.st_rdev), fs::minor(status.st_rdev)));
            }
            Kind::File => {
                entry.size = u64::try_from(status.st_size).ok();
                files.push(Seen { index, name, inode: status.st_ino });
                self.found.entries.push(entry);
                return;
            }
            Kind::Directory => {
                self.found.entries.push(entry);
                match open_directory(directory, &name) {
                    Ok(inner) => self.directory(&inner, path, depth + 1),
                    Err(error) => self.unmeasured(path, format!("open it: {error}"), false),
                }
                return;
            }
            Kind::Fifo | Kind::Socket => {}
        }
        self.found.entries.push(entry);
    }

    fn unmeasured(&mut self, path: &[u8], why: String, mounted: bool) {
        let path = if path.is_empty() { b"/" } else { path };
        self.found.unmeasured.push(Unmeasured { path: ByteName(path.to_vec()), why, mounted });
    }
}

/// The mount that a name is on; none where the kernel does not tell (before Linux 5.8).
fn mount_of(directory: &OwnedFd, name: &CStr) -> Option<u64> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
    let status = fs::statx(directory, name, flags, StatxFlags::MNT_ID).ok()?;
    let told = StatxFlags::from_bits_retain(status.stx_mask).contains(StatxFlags::MNT_ID);
    told.then_some(status.stx_mnt_id)
}

fn names(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.as_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn open_directory(directory: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags =
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    fs::openat(directory, name, flags, Mode::empty())
}

fn kind(status: &Stat) -> Option<Kind> {
    Some(match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::CharacterDevice => Kind::CharacterDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::Unknown => return None,
    })
}

/// What was read of a file.
#[derive(Default)]
struct Read {
    size: u64,
    sha256: Option<Sha256>,
    content: Option<Content>,
    capability: Option<String>,
}

fn read_files(root: &OwnedFd, batches: &[Batch], bounds: &Bounds, found: &mut Measurement) {
    let spent = AtomicU64::new(0);
    let read: Vec<(usize, Result<Read, String>)> = batches
        .par_iter()
        .map_init(
            || vec![0; PIECE_BYTES],
            |buffer, batch| read_batch(root, batch, bounds, &spent, buffer),
        )
        .flatten_iter()
        .collect();
    for (index, outcome) in read {
        let Some(entry) = found.entries.get_mut(index) else { continue };
        match outcome {
            Ok(read) => {
                entry.size = Some(read.size);
                entry.sha256 = read.sha256;
                entry.content = read.content;
                entry.capability = read.capability;
            }
            Err(why) => {
                let path = entry.path.clone();
                found.unmeasured.push(Unmeasured { path, why, mounted: false });
            }
        }
    }
}

fn read_batch(
    root: &OwnedFd,
    batch: &Batch,
    bounds: &Bounds,
    spent: &AtomicU64,
    buffer: &mut [u8],
) -> Vec<(usize, Result<Read, String>)> {
    let folder = match descend(root, &batch.folder) {
        Ok(folder) => folder,
        Err(error) => {
            let failed = |seen: &Seen| (seen.index, Err(format!("open its directory: {error}")));
            return batch.files.iter().map(failed).collect();
        }
    };
    let read = |seen: &Seen| (seen.index, read_file(&folder, seen, bounds, spent, buffer));
    batch.files.iter().map(read).collect()
}

/// Opens a directory below the root name by name, through no link.
fn descend(root: &OwnedFd, path: &[u8]) -> io::Result<OwnedFd> {
    let mut directory = root.try_clone()?;
    for part in path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
        directory = open_directory(&directory, &CString::new(part)?)?;
    }
    Ok(directory)
}

fn read_file(
    folder: &OwnedFd,
    seen: &Seen,
    bounds: &Bounds,
    spent: &AtomicU64,
    buffer: &mut [u8],
) -> Result<Read, String> {
    const CHANGED: &str = "it changed while it was measured";
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // Reading must leave no trace where that is allowed: the owner or root may leave the time alone.
    let opened = fs::openat(folder, &seen.name, flags | OFlags::NOATIME, Mode::empty())
        .or_else(|_| fs::openat(folder, &seen.name, flags, Mode::empty()));
    let descriptor = opened.map_err(|error| format!("open it: {error}"))?;
    let status = fs::fstat(&descriptor).map_err(|error| format!("look at it: {error}"))?;
    if kind(&status) != Some(Kind::File) || status.st_ino != seen.inode {
        return Err(CHANGED.to_owned());
    }
    let size = u64::try_from(status.st_size).map_err(|_| "it has no length".to_owned())?;
    let capability = capability(&descriptor)?;
    let over = size > bounds.file_bytes
        || spent.fetch_add(size, Ordering::Relaxed).saturating_add(size) > bounds.total_bytes;
    if over {
        return Err(format!("its {size} bytes are more than is read of one file, or of all"));
    }
    let mut file = File::from(descriptor);
    let (mut hasher, mut left, mut content) = (sha2::Sha256::new(), size, None);
    let mut first = true;
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..wanted).unwrap_or_default();
        file.read_exact(piece).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => CHANGED.to_owned(),
            _ => format!("read it: {error}"),
        })?;
        if std::mem::take(&mut first) {
            content = Content::of(piece);
        }
        hasher.update(&*piece);
        left -= u64::try_from(wanted).unwrap_or(u64::MAX);
    }
    Ok(Read { size, sha256: Some(Sha256(hasher.finalize().into())), content, capability })
}

fn capability(file: &OwnedFd) -> Result<Option<String>, String> {
    let mut value = [0_u8; CAPABILITY_BYTES];
    match fs::fgetxattr(file, c"security.capability", &mut value[..]) {
        Ok(length) => Ok(Some(capability_text(value.get(..length).unwrap_or_default()))),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(error) => Err(format!("read its capabilities: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use auscult_model::Sha256;

    use super::{Bounds, Measurement, tree};
    use crate::{Content, Entry, Kind};

    fn entry<'a>(found: &'a Measurement, path: &str) -> &'a Entry {
        found.entries.iter().find(|entry| entry.path.as_bytes() == path.as_bytes()).unwrap()
    }

    #[test]
    fn every_kind_of_path_is_measured_and_nothing_blocks_or_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("bin/deep")).unwrap();
        fs::write(root.join("bin/tool"), b"\x7fELF rest").unwrap();
        fs::set_permissions(root.join("bin/tool"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::write(root.join("bin/deep/run"), b"#!/bin/sh\n").unwrap();
        fs::write(root.join("empty"), b"").unwrap();
        symlink("/etc/passwd", root.join("link")).unwrap();
        symlink("bin", root.join("folder-link")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let sparse = fs::File::create(root.join("sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        let found = tree(root, &Bounds::default()).unwrap();
        let paths: Vec<_> = found.entries.iter().map(|entry| entry.path.to_string()).collect();
        let expected = [
            "/bin",
            "/bin/deep",
            "/bin/deep/run",
            "/bin/tool",
            "/empty",
            "/folder-link",
            "/link",
            "/pipe",
            "/sparse",
        ];
        assert_eq!(paths, expected);
        let tool = entry(&found, "/bin/tool");
        assert_eq!((tool.mode, tool.size), (Some(0o4755), Some(9)));
        assert_eq!(tool.sha256, Some(Sha256::of(b"\x7fELF rest")));
        assert_eq!(tool.content, Some(Content::Elf));
        assert_eq!(entry(&found, "/bin/deep/run").content, Some(Content::Script));
        assert_eq!(entry(&found, "/empty").sha256, Some(Sha256::of(b"")));
        assert_eq!(entry(&found, "/link").target, Some("/etc/passwd".into()));
        assert_eq!(entry(&found, "/pipe").kind, Kind::Fifo);
        assert_eq!(entry(&found, "/sparse").sha256, None);
        let [unmeasured] = &found.unmeasured[..] else { panic!("{:?}", found.unmeasured) };
        assert_eq!(unmeasured.path.to_string(), "/sparse");
        assert_eq!(found, tree(root, &Bounds::default()).unwrap());
    }

    #[test]
    fn what_is_over_the_bounds_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            fs::create_dir_all(folder.path().join(name).join("inner")).unwrap();
        }
        let few = Bounds { entries: 3, ..Bounds::default() };
        let found = tree(folder.path(), &few).unwrap();
        assert_eq!((found.entries.len(), found.unmeasured.len()), (3, 1));
        let shallow = Bounds { depth: 1, ..Bounds::default() };
        let found = tree(folder.path(), &shallow).unwrap();
        assert_eq!((found.entries.len(), found.unmeasured.len()), (6, 3));
        assert!(tree(&folder.path().join("none"), &shallow).is_err());
    }
}
