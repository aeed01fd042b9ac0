//! The walk through a file system, from its root, the same for all that have directories.
//!
//! A reader tells what an object is, what a directory lists and what a file holds; here are the
//! order, the paths, loops, hard links, limits and faults.

use std::collections::HashSet;

use auscult_model::ByteName;

use super::gathering::{Gathering, entry_path};
use crate::{Entry, EntryKind, Extent, Fault, Metadata, Unread};

/// A file system that can be walked.
pub(crate) trait Walk {
    /// What a directory holds for each name: an inode's number, its place, or the inode itself.
    type Link;
    /// An object, read.
    type Inode;

    /// Reads the object that a link leads to. What is missing of it goes to `faults`.
    ///
    /// # Errors
    /// The fault that costs this object; the others stay.
    fn inode(
        &mut self,
        link: &Self::Link,
        faults: &mut Vec<Fault>,
    ) -> Result<(About, Self::Inode), Fault>;

    /// The names in a directory, in its own order, without `.` and `..`. What could not be read
    /// goes to `faults`. Each directory is listed once.
    fn list(&mut self, inode: &Self::Inode, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Self::Link)>;

    /// The bytes of a regular file; none where they cannot be read at all. Of a file with several
    /// names they are asked for once.
    fn content(&mut self, inode: &Self::Inode, faults: &mut Vec<Fault>) -> Option<Extent>;

    /// Why the bytes of a regular file cannot be read although they are there, if so.
    fn unread(&self, _: &Self::Inode) -> Option<Unread> {
        None
    }

    /// What else an object holds beside its content: streams with names of their own, forks.
    fn streams(&mut self, _: &Self::Inode, _: &mut Vec<Fault>) -> Vec<Stream> {
        Vec::new()
    }
}

/// A stream of bytes beside the content of an object.
pub(crate) struct Stream {
    /// What its path has behind that of the object.
    pub(crate) suffix: Vec<u8>,
    /// Its bytes; none where they cannot be read.
    pub(crate) content: Option<Extent>,
    /// Why they cannot be read, where they are there.
    pub(crate) unread: Option<Unread>,
}

/// What every object has.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// What tells it from all others of this file system.
    pub(crate) identity: u64,
    /// Where it stands in the image, for faults.
    pub(crate) place: u64,
    /// What it is.
    pub(crate) kind: EntryKind,
    /// Owner, mode, times.
    pub(crate) metadata: Metadata,
    /// How many names it may have: of more than one, later ones become hard links.
    pub(crate) links: u64,
}

/// Walks everything below the root. What could not be read is in the faults.
pub(crate) fn walk<W: Walk>(
    image: &Extent,
    reader: &mut W,
    root: W::Link,
) -> (Vec<Entry>, Vec<Fault>) {
    let mut gathering = Gathering::new(image);
    let mut listed = HashSet::new();
    let mut pending = vec![(root, Vec::new())];
    while let Some((link, path)) = pending.pop() {
        if gathering.is_full() {
            break;
        }
        let mut faults = Vec::new();
        let read = reader.inode(&link, &mut faults);
        report_all(&mut gathering, faults, &path);
        match read {
            Ok((about, inode)) if about.kind == EntryKind::Directory => {
                let kind = EntryKind::Directory;
                gathering.add(Entry::member(entry_path(&path), kind, about.metadata.clone()));
                add_streams(&mut gathering, reader, &about, &inode, &path);
                if !listed.insert(about.identity) {
                    let why = "a directory that was listed before";
                    gathering.report(Fault::new(about.place, "list a directory", why), &path);
                    continue;
                }
                let mut faults = Vec::new();
                let children = reader.list(&inode, &mut faults);
                report_all(&mut gathering, faults, &path);
                // The last one pushed is visited first: keep the order of the directory.
                for (name, link) in children.into_iter().rev() {
                    if let Some(path) = gathering.child(&path, &name, about.place) {
                        pending.push((link, path));
                    }
                }
            }
            Ok((about, inode)) => add(&mut gathering, reader, &about, &inode, &path),
            Err(fault) => gathering.report(fault, &path),
        }
    }
    gathering.finish()
}

/// Adds anything but a directory.
fn add<W: Walk>(
    gathering: &mut Gathering,
    reader: &mut W,
    about: &About,
    inode: &W::Inode,
    path: &[u8],
) {
    let is_file = about.kind == EntryKind::File;
    let mut entry = Entry::member(entry_path(path), about.kind.clone(), about.metadata.clone());
    let seen = is_file && about.links > 1 && gathering.is_linked(about.identity);
    if is_file {
        entry.content = gathering.linked_content(about.identity).or_else(|| {
            let mut faults = Vec::new();
            let content = reader.content(inode, &mut faults);
            report_all(gathering, faults, path);
            content
        });
        entry.unread = reader.unread(inode).filter(|_| !seen);
    }
    if is_file && about.links > 1 {
        gathering.add_linked(entry, about.identity);
    } else {
        gathering.add(entry);
    }
    if !seen {
        add_streams(gathering, reader, about, inode, path);
    }
}

/// Adds what an object has beside its content.
fn add_streams<W: Walk>(
    gathering: &mut Gathering,
    reader: &mut W,
    about: &About,
    inode: &W::Inode,
    path: &[u8],
) {
    let mut faults = Vec::new();
    let streams = reader.streams(inode, &mut faults);
    report_all(gathering, faults, path);
    for Stream { suffix, content, unread } in streams {
        let metadata = Metadata { xattrs: Vec::new(), ..about.metadata.clone() };
        let mut entry = Entry::member([path, &suffix].concat(), EntryKind::File, metadata);
        (entry.content, entry.unread) = (content, unread);
        gathering.add(entry);
    }
}

fn report_all(gathering: &mut Gathering, faults: Vec<Fault>, path: &[u8]) {
    for fault in faults {
        gathering.report(fault, path);
    }
}

/// The kind that the type bits of a Unix mode name. The target of a symbolic link and the numbers
/// of a device are read only where they are needed.
///
/// # Errors
/// A fault for bits that name no type, or what went wrong while reading target or numbers.
pub(crate) fn kind_of_mode(
    mode: u32,
    place: u64,
    target: impl FnOnce() -> Result<Vec<u8>, Fault>,
    device: impl FnOnce() -> Result<(u32, u32), Fault>,
) -> Result<EntryKind, Fault> {
    Ok(match mode >> 12 & 0xf {
        0o1 => EntryKind::Fifo,
        0o2 => {
            let (major, minor) = device()?;
            EntryKind::CharacterDevice { major, minor }
        }
        0o4 => EntryKind::Directory,
        0o6 => {
            let (major, minor) = device()?;
            EntryKind::BlockDevice { major, minor }
        }
        0o10 => EntryKind::File,
        0o12 => EntryKind::Symlink(ByteName(target()?)),
        0o14 => EntryKind::Socket,
        _ => return Err(Fault::new(place, "read an inode", format!("mode {mode:#o}"))),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::{About, Walk, walk};
    use crate::{EntryKind, Extent, Fault, Metadata, Vault};

    /// Directory 1 holds itself, a file with two names, and something unreadable.
    struct Looped(Extent);

    impl Walk for Looped {
        type Link = u64;
        type Inode = u64;

        fn inode(&mut self, link: &u64, _: &mut Vec<Fault>) -> Result<(About, u64), Fault> {
            let kind = match link {
                1 => EntryKind::Directory,
                2 => EntryKind::File,
                _ => return Err(Fault::new(*link, "read an inode", "nothing there")),
            };
            let about =
                About { identity: *link, place: 0, kind, metadata: Metadata::default(), links: 2 };
            Ok((about, *link))
        }

        fn list(&mut self, _: &u64, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, u64)> {
            faults.push(Fault::new(0, "list a directory", "a hole"));
            [("loop", 1), ("one", 2), ("two", 2), ("lost", 3), ("a/b", 2)]
                .map(|(name, link)| (name.as_bytes().to_vec(), link))
                .to_vec()
        }

        fn content(&mut self, _: &u64, _: &mut Vec<Fault>) -> Option<Extent> {
            Some(self.0.clone())
        }
    }

    #[test]
    fn loops_links_and_losses_are_told() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let image = Extent::from_memory(&vault, &b"content"[..]);
        let (entries, faults) = walk(&image, &mut Looped(image.clone()), 1);
        let found: Vec<_> =
            entries.iter().map(|entry| (entry.path.to_string(), entry.kind.clone())).collect();
        let link = EntryKind::Hardlink("one".into());
        let expected = [
            ("/", EntryKind::Directory),
            ("loop", EntryKind::Directory),
            ("one", EntryKind::File),
            ("two", link),
        ];
        assert_eq!(found, expected.map(|(path, kind)| (path.to_owned(), kind)));
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults.iter().any(|fault| fault.what.contains("(/lost)")));
    }
}
