//! A file tree as a list of entries: what every archive and file system builder takes.

/// A list of entries in the order in which they will be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The entries; a parent stands before its children.
    pub entries: Vec<Entry>,
}

/// One file, directory or special file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path without a leading slash; any bytes.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits with setuid, setgid and sticky: `0o4755`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of the last change, seconds since 1970.
    pub mtime: u32,
}

/// Kinds of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file with its content.
    File(Vec<u8>),
    /// A directory.
    Directory,
    /// A symbolic link to this target.
    Symlink(Vec<u8>),
    /// A character device.
    CharacterDevice {
        /// Driver number.
        major: u32,
        /// Unit number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Driver number.
        major: u32,
        /// Unit number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

impl EntryKind {
    /// The type bits of `st_mode` (POSIX `sys/stat.h`).
    pub fn type_bits(&self) -> u32 {
        match self {
            Self::Fifo => 0o010_000,
            Self::CharacterDevice { .. } => 0o020_000,
            Self::Directory => 0o040_000,
            Self::BlockDevice { .. } => 0o060_000,
            Self::File(_) => 0o100_000,
            Self::Symlink(_) => 0o120_000,
        }
    }
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry owned by root.
    #[must_use]
    pub fn entry(mut self, path: impl AsRef<[u8]>, mode: u16, kind: EntryKind) -> Self {
        let path = path.as_ref();
        let path = path.strip_prefix(b"/").unwrap_or(path).to_vec();
        self.entries.push(Entry { path, kind, mode, uid: 0, gid: 0, mtime: 0 });
        self
    }

    /// Adds a regular file.
    #[must_use]
    pub fn file(self, path: impl AsRef<[u8]>, mode: u16, content: impl AsRef<[u8]>) -> Self {
        self.entry(path, mode, EntryKind::File(content.as_ref().to_vec()))
    }

    /// Adds a directory.
    #[must_use]
    pub fn directory(self, path: impl AsRef<[u8]>, mode: u16) -> Self {
        self.entry(path, mode, EntryKind::Directory)
    }

    /// Adds a symbolic link from `path` to `target`.
    #[must_use]
    pub fn symlink(self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.entry(path, 0o777, EntryKind::Symlink(target.as_ref().to_vec()))
    }

    /// Adds a character device.
    #[must_use]
    pub fn character_device(self, path: impl AsRef<[u8]>, mode: u16, number: (u32, u32)) -> Self {
        let (major, minor) = number;
        self.entry(path, mode, EntryKind::CharacterDevice { major, minor })
    }

    /// Adds a block device.
    #[must_use]
    pub fn block_device(self, path: impl AsRef<[u8]>, mode: u16, number: (u32, u32)) -> Self {
        let (major, minor) = number;
        self.entry(path, mode, EntryKind::BlockDevice { major, minor })
    }

    /// Sets owner and group of the entry added last.
    #[must_use]
    pub fn owned_by(mut self, uid: u32, gid: u32) -> Self {
        if let Some(last) = self.entries.last_mut() {
            (last.uid, last.gid) = (uid, gid);
        }
        self
    }

    /// Sets the time of every entry.
    #[must_use]
    pub fn dated(mut self, mtime: u32) -> Self {
        for entry in &mut self.entries {
            entry.mtime = mtime;
        }
        self
    }

    /// Adds the parents that no entry names, as directories of mode 755, and puts every parent
    /// before its children. The other entries keep their order.
    #[must_use]
    pub fn with_parents(self) -> Self {
        let mut complete = Self::new();
        let named: Vec<Vec<u8>> = self
            .entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::Directory)
            .map(|entry| entry.path.clone())
            .collect();
        let (directories, others): (Vec<_>, Vec<_>) =
            self.entries.into_iter().partition(|entry| entry.kind == EntryKind::Directory);
        let mut missing = Vec::new();
        for entry in directories.iter().chain(&others) {
            for parent in parents(&entry.path) {
                if !named.contains(&parent) && !missing.contains(&parent) {
                    missing.push(parent);
                }
            }
        }
        for path in missing {
            complete = complete.directory(path, 0o755);
        }
        complete.entries.extend(directories);
        complete.entries.sort_by(|left, right| left.path.cmp(&right.path));
        complete.entries.extend(others);
        complete
    }
}

fn parents(path: &[u8]) -> Vec<Vec<u8>> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes.map(|(at, _)| path.iter().copied().take(at).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn missing_parents_come_first() {
        let tree = Tree::new().file("a/b/c", 0o644, "x").directory("a", 0o700).with_parents();
        let paths: Vec<_> =
            tree.entries.iter().map(|entry| (entry.path.as_slice(), entry.mode)).collect();
        assert_eq!(paths, [(&b"a"[..], 0o700), (&b"a/b"[..], 0o755), (&b"a/b/c"[..], 0o644)]);
    }
}
