//! What a format module tells the engine.

use std::sync::Arc;

use auscult_model::ByteName;

use crate::{Extent, Fault, NodeId, Tree, Vault, guard::guard};

/// A format: how to spot it, and how to open it.
#[derive(Debug)]
pub(crate) struct Format {
    /// Its name in locators: lower case letters, digits, `-`, `.` and `_`.
    pub(crate) name: &'static str,
    /// Byte strings that give it away. A format without one is only tried by others on purpose.
    pub(crate) magics: &'static [Magic],
    /// Whether it is looked for at any offset; false for formats whose magic is too weak for that,
    /// which are tried only at the start of a file or payload.
    pub(crate) carve: bool,
    /// Opens it.
    pub(crate) open: fn(&Candidate) -> Result<Opened, NotThis>,
}

impl Format {
    /// Opens a candidate.
    ///
    /// # Errors
    /// A fault where the reader panics.
    pub(crate) fn guarded(&self, candidate: &Candidate) -> Result<Result<Opened, NotThis>, Fault> {
        guard(|| format!("open {}", self.name), || (self.open)(candidate))
    }
}

/// A byte string at a fixed offset from the start of the format's header.
#[derive(Debug)]
pub(crate) struct Magic {
    pub(crate) bytes: &'static [u8],
    pub(crate) offset: usize,
}

impl Magic {
    /// A magic at the very start.
    pub(crate) const fn start(bytes: &'static [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// A magic further in.
    pub(crate) const fn at(offset: usize, bytes: &'static [u8]) -> Self {
        Self { bytes, offset }
    }
}

/// A place where a format's magic was seen.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// From the start of the header to the end of the enclosing bytes.
    pub(crate) extent: Extent,
    /// Offset of the header in the enclosing bytes. Some checks are stricter at odd places.
    pub(crate) offset: u64,
    /// How the enclosing bytes are read. [`Reading::Whole`] is a file of an archive or file system.
    pub(crate) reading: Reading,
}

impl Candidate {
    /// The enclosing bytes, whole: what a header at the end of something may refer to.
    pub(crate) fn enclosing(&self) -> Extent {
        self.extent.reaching_back(self.offset)
    }

    /// The vault for derived extents.
    pub(crate) fn vault(&self) -> &Arc<Vault> {
        self.extent.vault()
    }
}

/// The candidate is not of this format after all; carving goes on with the next.
#[derive(Debug)]
pub(crate) struct NotThis;

impl From<Fault> for NotThis {
    /// A header that cannot be read whole is no header.
    fn from(_: Fault) -> Self {
        Self
    }
}

/// An opened container, archive, file system or compressed stream.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// Bytes that it claims from the start of its header. The rest is carved further.
    pub(crate) length: u64,
    /// What the header tells: `compression`, `name`, `load-address`, … .
    pub(crate) attributes: Vec<(&'static str, String)>,
    /// What is inside, in the order found; the engine sorts members by path.
    pub(crate) entries: Vec<Entry>,
    /// What went wrong inside; offsets are relative to the header.
    pub(crate) faults: Vec<Fault>,
    /// Set where the format was recognised but its content could not be read: these bytes count as
    /// unread, for this reason ("encrypted", "not extracted: lzma with a private header").
    pub(crate) unread: Option<String>,
}

/// Looks at a whole tree for what one place alone does not tell: a signature whose key lies elsewhere.
pub(crate) type SecondLook = fn(&Tree) -> Vec<Remark>;

/// What a second look adds to a container.
#[derive(Debug)]
pub(crate) struct Remark {
    /// The container.
    pub(crate) node: NodeId,
    /// Attributes that it gets besides its own.
    pub(crate) attributes: Vec<(&'static str, String)>,
    /// What is wrong; offsets are relative to the container.
    pub(crate) faults: Vec<Fault>,
}

/// One thing inside a container.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its path; empty for the only payload of a stream.
    pub path: ByteName,
    /// What it is.
    pub kind: EntryKind,
    /// Owner, mode, times.
    pub metadata: Metadata,
    /// Its bytes, for regular files and payloads.
    pub content: Option<Extent>,
    /// How far to look into the content.
    pub reading: Reading,
    /// Set where its bytes are there but could not be read: encrypted, or packed in an unknown way.
    pub unread: Option<Unread>,
}

/// Bytes of a container that belong to a member and could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// How many bytes of the container.
    pub bytes: u64,
    /// Why: "encrypted", "compressed by method 99".
    pub reason: String,
}

impl Entry {
    /// The only payload of a compressed stream or header: searched at every offset.
    pub(crate) fn payload(content: Extent) -> Self {
        Self::part(&b""[..], content)
    }

    /// A named part of an image, such as a partition: searched at every offset.
    pub(crate) fn part(path: impl Into<ByteName>, content: Extent) -> Self {
        Self {
            path: path.into(),
            kind: EntryKind::File,
            metadata: Metadata::default(),
            content: Some(content),
            reading: Reading::Carve,
            unread: None,
        }
    }

    /// A member of an archive or file system.
    pub(crate) fn member(path: impl Into<ByteName>, kind: EntryKind, metadata: Metadata) -> Self {
        let path = path.into();
        Self { path, kind, metadata, content: None, reading: Reading::Whole, unread: None }
    }

    /// The same member with its bytes.
    pub(crate) fn with_content(mut self, content: Extent) -> Self {
        self.content = Some(content);
        self
    }

    /// The same member, said to be unreadable: `bytes` of the container are its own.
    pub(crate) fn unreadable(mut self, bytes: u64, reason: impl Into<String>) -> Self {
        self.unread = Some(Unread { bytes, reason: reason.into() });
        self
    }
}

/// Kinds of file system objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file or a payload.
    File,
    /// A directory.
    Directory,
    /// A symbolic link to this target; never followed while unpacking.
    Symlink(ByteName),
    /// A hard link to another member of the same container, by path.
    Hardlink(ByteName),
    /// A character device.
    CharacterDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// Metadata as the container holds it; absent where the format has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits with setuid, setgid and sticky (`0o7777`).
    pub mode: Option<u32>,
    /// Numeric owner.
    pub user: Option<u32>,
    /// Numeric group.
    pub group: Option<u32>,
    /// Modification time in seconds since 1970.
    pub modified: Option<i64>,
    /// Extended attributes.
    pub xattrs: Vec<(ByteName, Vec<u8>)>,
}

/// How far the engine looks into an entry's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Look for formats at every offset; what none claims is a raw region.
    Carve,
    /// Look for a format at the start only; otherwise it is a file like any other.
    Whole,
    /// Do not look inside.
    Leaf,
}
