//! What is measured of one path.

use auscult_model::{ByteName, Sha256};
use serde::{Deserialize, Serialize};

/// Kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Kind {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symbolic link",
            Self::CharacterDevice => "character device",
            Self::BlockDevice => "block device",
            Self::Fifo => "named pipe",
            Self::Socket => "socket",
        }
    }
}

/// What the first bytes of a file make of it: something that can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// An ELF program, library or module.
    Elf,
    /// A script: it begins with `#!`.
    Script,
}

impl Content {
    /// What these first bytes of a file tell.
    pub fn of(first: &[u8]) -> Option<Self> {
        match first {
            [0x7f, b'E', b'L', b'F', ..] => Some(Self::Elf),
            [b'#', b'!', ..] => Some(Self::Script),
            _ => None,
        }
    }
}

/// One path with everything measured of it. What is `None` was not measured, or does not apply to
/// the kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// The path below the root, with one leading slash.
    pub path: ByteName,
    /// What it is.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky (`0o7777`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// Group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// Length of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Digest of a file's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Whether a file begins like something that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Target of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<ByteName>,
    /// Major and minor number of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<(u32, u32)>,
    /// The extended attribute `security.capability`, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability: Option<String>,
}

impl Entry {
    /// An entry of which nothing but its kind is known.
    pub fn new(path: ByteName, kind: Kind) -> Self {
        Self {
            path,
            kind,
            mode: None,
            user: None,
            group: None,
            size: None,
            sha256: None,
            content: None,
            target: None,
            device: None,
            capability: None,
        }
    }
}

/// The value of `security.capability` as [`Entry::capability`] has it.
pub fn capability_text(value: &[u8]) -> String {
    value.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// A path that was not measured, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unmeasured {
    /// The path; for a directory, also everything below it.
    pub path: ByteName,
    /// Why.
    pub why: String,
    /// Whether another file system is mounted there, which hides what lies below it.
    #[serde(default)]
    pub mounted: bool,
}
