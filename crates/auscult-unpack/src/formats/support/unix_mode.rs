//! `st_mode` as archives store it (POSIX `sys/stat.h`).

use crate::{EntryKind, Metadata};

const TYPE_MASK: u32 = 0o170_000;
pub(crate) const SYMLINK: u32 = 0o120_000;
pub(crate) const REGULAR: u32 = 0o100_000;

/// The type bits.
pub(crate) fn type_bits(mode: u32) -> u32 {
    mode & TYPE_MASK
}

/// The kind of anything but a symbolic link, whose target is elsewhere. Without type bits it is a
/// regular file.
pub(crate) fn kind(mode: u32, major: u32, minor: u32) -> Option<EntryKind> {
    Some(match type_bits(mode) {
        0 | REGULAR => EntryKind::File,
        0o040_000 => EntryKind::Directory,
        0o020_000 => EntryKind::CharacterDevice { major, minor },
        0o060_000 => EntryKind::BlockDevice { major, minor },
        0o010_000 => EntryKind::Fifo,
        0o140_000 => EntryKind::Socket,
        _ => return None,
    })
}

/// The usual metadata of an archive member.
pub(crate) fn metadata(mode: u32, user: u32, group: u32, modified: i64) -> Metadata {
    Metadata {
        mode: Some(mode & 0o7777),
        user: Some(user),
        group: Some(group),
        modified: Some(modified),
        xattrs: Vec::new(),
    }
}
