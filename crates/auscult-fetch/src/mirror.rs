//! The folder in which feeds are kept, and files that appear whole or not at all.
//!
//! ```text
//! DATA/mirror/FEED/…        the feeds as they were served; `build --from` reads it
//! DATA/state/FEED.json      validators, digests, dates, failures
//! DATA/parts/FEED/….part    downloads that are not finished, with `.part.json` beside
//! DATA/lock                 held while an update runs
//! ```
//!
//! A file is first complete and verified in `parts`, then renamed into `mirror`, and only then
//! named in `state`. A process that is killed in between leaves the old copy or the new one, and a
//! state that at worst makes the next update fetch once more.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// Longest name of a file in the mirror, and most folders above it.
const NAME_BYTES_MAX: usize = 512;
const NAME_PARTS_MAX: usize = 12;

/// The folder of an update.
#[derive(Clone, Debug)]
pub struct Mirror {
    root: PathBuf,
}

/// The lock of an update; it ends with the process at the latest.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Mirror {
    /// A mirror below this folder, which need not exist yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder of the feeds themselves.
    pub fn feeds(&self) -> PathBuf {
        self.root.join("mirror")
    }

    /// The file that remembers a feed.
    pub fn state(&self, feed: &str) -> PathBuf {
        self.root.join("state").join(format!("{feed}.json"))
    }

    /// The folder of one feed.
    pub(crate) fn folder(&self, feed: &str) -> PathBuf {
        self.feeds().join(feed)
    }

    /// The folder of the unfinished downloads of a feed.
    pub(crate) fn parts(&self, feed: &str) -> PathBuf {
        self.root.join("parts").join(feed)
    }

    /// The unfinished download of a file.
    pub(crate) fn part(&self, feed: &str, name: &str) -> PathBuf {
        self.parts(feed).join(format!("{name}.part"))
    }

    /// Takes the lock, or says that another update holds it.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.root.join("lock");
        make_parent(&path)?;
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Busy { path }),
            Err(TryLockError::Error(source)) => Err(Error::Io { path, source }),
        }
    }
}

/// Makes the folder of a file.
pub(crate) fn make_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::create_dir_all(parent).map_err(Error::io(parent))
}

/// Replaces a file so that no reader ever sees half of it, not even after the power failed:
/// written beside it, flushed, renamed, and the folder flushed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    write_flushed(&new, bytes)?;
    replace(&new, path)
}

/// Writes a file down to the disk, in its place.
pub(crate) fn write_flushed(path: &Path, bytes: &[u8]) -> Result<()> {
    make_parent(path)?;
    let written = File::create(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(Error::io(path))
}

/// Renames a flushed file over another one.
pub(crate) fn replace(from: &Path, to: &Path) -> Result<()> {
    make_parent(to)?;
    fs::rename(from, to).map_err(Error::io(to))?;
    let Some(parent) = to.parent() else { return Ok(()) };
    // Not every file system can flush a folder; the rename itself has happened.
    drop(File::open(parent).and_then(|folder| folder.sync_all()));
    Ok(())
}

/// Reads a file that may be missing and must not be longer than so many bytes.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > limit { Err(io::Error::other("the file is too long")) } else { Ok(Some(bytes)) }
}

/// Removes a file that may be missing.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}

/// Turns a path that a feed names into one below a folder, or refuses it: what a server says must
/// not lead out of the mirror. Characters beyond the harmless ones become `_`.
pub(crate) fn safe_name(path: &str) -> Option<String> {
    let harmless = |c: char| if c.is_ascii_alphanumeric() || "._-+".contains(c) { c } else { '_' };
    let parts: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(|part| part.chars().map(harmless).collect())
        .collect();
    let length: usize = parts.iter().map(|part| part.len().saturating_add(1)).sum();
    let wrong = parts.is_empty()
        || parts.len() > NAME_PARTS_MAX
        || length > NAME_BYTES_MAX
        || parts.iter().any(|part| part.starts_with("..") || part.len() > 200);
    (!wrong).then(|| parts.join("/"))
}

/// The files below a folder, as paths relative to it, sorted.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(here) = open.pop() {
        let entries = match fs::read_dir(&here) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io(&here)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Error::io(&here))?;
            let kind = entry.file_type().map_err(Error::io(&here))?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if let Ok(name) = entry.path().strip_prefix(folder) {
                found.push(name.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::safe_name;

    #[test]
    fn names_stay_below_the_folder() {
        for (path, expected) in [
            ("2024/a.json", Some("2024/a.json")),
            ("/etc/passwd", Some("etc/passwd")),
            ("./a//b", Some("a/b")),
            ("Red Hat", Some("Red_Hat")),
            ("Alpine:v3.18", Some("Alpine_v3.18")),
            ("../../etc/passwd", None),
            ("a/..", None),
            ("..", None),
            ("a/\0b", Some("a/_b")),
            ("", None),
            ("/", None),
        ] {
            assert_eq!(safe_name(path).as_deref(), expected, "{path}");
        }
        assert_eq!(safe_name(&"a/".repeat(13)), None);
        assert_eq!(safe_name(&"a".repeat(600)), None);
    }
}
