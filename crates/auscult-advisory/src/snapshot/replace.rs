//! Replaces a file so that no reader ever sees half of it, whenever the machine stops.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{Error, Result, snapshot::Snapshot};

/// Times that the partial file may turn out to be another's that was just put in place.
const TRIES: usize = 8;

/// A new content for a file: written beside it as `NAME.partial`, flushed to the disk, renamed,
/// and the folder flushed. While it lives no other process can write there; what a killed one
/// left is written over. Dropped without [`Self::commit`] it leaves the old file as it was.
pub(crate) struct Replacement {
    file: File,
    partial: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl Replacement {
    /// Begins an empty file beside `target`.
    pub(crate) fn begin(target: &Path) -> Result<Self> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = target.with_file_name(name);
        let failed = |source| Error::Io { path: partial.clone(), source };
        for _ in 0..TRIES {
            let mut options = File::options();
            let file = options.create(true).truncate(false).read(true).write(true);
            let file = file.open(&partial).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(Error::Busy { path: target.to_owned() });
                }
                Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
            }
            // Between opening and locking another process may have renamed it to the target,
            // which must not be written over. A link is not followed either.
            let locked = file.metadata().map_err(failed)?;
            let ours = fs::symlink_metadata(&partial)
                .is_ok_and(|there| (there.dev(), there.ino()) == (locked.dev(), locked.ino()));
            if ours {
                file.set_len(0).map_err(failed)?;
                return Ok(Self { file, partial, target: target.to_owned(), committed: false });
            }
        }
        Err(Error::Busy { path: target.to_owned() })
    }

    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where the new content stands until it is committed.
    pub(crate) fn partial(&self) -> &Path {
        &self.partial
    }

    /// Puts the new content in the place of the old.
    pub(crate) fn commit(mut self) -> Result<()> {
        let failed = |source| Error::Io { path: self.target.clone(), source };
        self.file.sync_all().map_err(failed)?;
        fs::rename(&self.partial, &self.target).map_err(failed)?;
        self.committed = true;
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        // Without this the rename itself may be lost with the power.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| Error::Io { path: folder.to_owned(), source })
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.committed {
            // The error that led here is the one to tell.
            drop(fs::remove_file(&self.partial));
        }
    }
}

/// Opens the snapshot that is to be replaced, to compare with it; `None` where there is none or one
/// in the format of an earlier release, or with `force` where it cannot be opened.
pub(crate) fn open_present(present: &Path, force: bool) -> Result<Option<Snapshot>> {
    match Snapshot::open(present) {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        // What an earlier release wrote must not stand in the way of the first update by this one.
        Err(Error::Format { found, known }) if found < known => Ok(None),
        // Not a snapshot, or a damaged one: what would be lost with it cannot be told.
        Err(_) if force => Ok(None),
        Err(cause) => Err(Error::Present { path: present.to_owned(), cause: Box::new(cause) }),
    }
}

/// Writes a file so that no reader ever sees half of it.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut replacement = Replacement::begin(path)?;
    let written = replacement.file().write_all(bytes);
    written.map_err(|source| Error::Io { path: path.to_owned(), source })?;
    replacement.commit()
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::Replacement;
    use crate::Error;

    #[test]
    fn one_process_writes_at_a_time_and_what_a_killed_one_left_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        fs::write(folder.path().join("file.partial"), "left by a killed process").unwrap();
        let mut first = Replacement::begin(&path).unwrap();
        assert!(matches!(Replacement::begin(&path), Err(Error::Busy { .. })));
        first.file().write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        first.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        drop(Replacement::begin(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_link_in_the_place_of_the_partial_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("file"), folder.path().join("other"));
        fs::write(&other, "of somebody else").unwrap();
        std::os::unix::fs::symlink(&other, folder.path().join("file.partial")).unwrap();
        assert!(matches!(Replacement::begin(&path), Err(Error::Busy { .. })));
        assert_eq!(fs::read(&other).unwrap(), b"of somebody else");
    }
}
