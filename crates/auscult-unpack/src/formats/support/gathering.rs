//! What the readers of file systems collect on their walk: entries, hard links, faults, all
//! within the limits of the inspection.

use std::collections::HashMap;

use auscult_model::ByteName;

use crate::{Entry, EntryKind, Extent, Fault, Reading};

/// Faults that are listed one by one; the rest is counted.
const FAULTS_MAX: usize = 200;

/// Entries and faults of one file system.
pub(crate) struct Gathering {
    entries: Vec<Entry>,
    faults: Vec<Fault>,
    faults_unlisted: usize,
    /// First path and content of every file with several names, by what identifies the file.
    linked: HashMap<u64, (ByteName, Option<Extent>)>,
    entries_max: usize,
    path_bytes_max: usize,
}

impl Gathering {
    /// An empty one, under the limits of the image's inspection.
    pub(crate) fn new(image: &Extent) -> Self {
        let limits = image.vault().limits();
        Self {
            entries: Vec::new(),
            faults: Vec::new(),
            faults_unlisted: 0,
            linked: HashMap::new(),
            entries_max: usize::try_from(limits.entries).unwrap_or(usize::MAX),
            path_bytes_max: usize::try_from(limits.path_bytes).unwrap_or(usize::MAX),
        }
    }

    /// Whether no more entries are allowed; the walk should end and has been told to say so.
    pub(crate) fn is_full(&mut self) -> bool {
        let full = self.entries.len() >= self.entries_max;
        if full {
            let why = format!("more than {} (limit entries)", self.entries_max);
            self.report(Fault::new(0, "list all files", why), b"");
        }
        full
    }

    /// Adds an entry.
    pub(crate) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Adds a file; the second and later names of the same one become hard links to the first.
    /// They keep the content, so that it can be read by each name, but are not searched again.
    pub(crate) fn add_linked(&mut self, mut entry: Entry, identity: u64) {
        if let Some((first, _)) = self.linked.get(&identity) {
            entry.kind = EntryKind::Hardlink(first.clone());
            entry.reading = Reading::Leaf;
            // What cannot be read counts once.
            entry.unread = None;
        } else {
            self.linked.insert(identity, (entry.path.clone(), entry.content.clone()));
        }
        self.entries.push(entry);
    }

    /// Whether a file was added under another name.
    pub(crate) fn is_linked(&self, identity: u64) -> bool {
        self.linked.contains_key(&identity)
    }

    /// The content of a file that was added under another name.
    pub(crate) fn linked_content(&self, identity: u64) -> Option<Extent> {
        self.linked.get(&identity).and_then(|(_, content)| content.clone())
    }

    /// Notes what went wrong with the file at `path`.
    pub(crate) fn report(&mut self, mut fault: Fault, path: &[u8]) {
        if self.faults.len() >= FAULTS_MAX {
            self.faults_unlisted += 1;
            return;
        }
        if !path.is_empty() {
            fault.what = format!("{} (/{})", fault.what, String::from_utf8_lossy(path));
        }
        self.faults.push(fault);
    }

    /// The path of a directory's child. Names that no file system allows are reported instead, as
    /// are paths over the limit; `place` is where the name was read.
    pub(crate) fn child(&mut self, parent: &[u8], name: &[u8], place: u64) -> Option<Vec<u8>> {
        let length = parent.len() + 1 + name.len();
        let why = if name.is_empty() || matches!(name, b"." | b"..") || name.contains(&b'/') {
            format!("the name {:?} is not allowed", String::from_utf8_lossy(name))
        } else if length > self.path_bytes_max {
            format!("a path of {length} bytes (limit path-bytes)")
        } else {
            let mut path = parent.to_vec();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            return Some(path);
        };
        self.report(Fault::new(place, "list a directory", why), parent);
        None
    }

    /// The entries and the faults, with a count of those over the limit.
    pub(crate) fn finish(mut self) -> (Vec<Entry>, Vec<Fault>) {
        if self.faults_unlisted > 0 {
            let why = format!("{} more like these", self.faults_unlisted);
            self.faults.push(Fault::new(0, "read all files", why));
        }
        (self.entries, self.faults)
    }
}

/// The path of an entry: that of the root directory is `/`.
pub(crate) fn entry_path(path: &[u8]) -> ByteName {
    ByteName(if path.is_empty() { b"/".to_vec() } else { path.to_vec() })
}

/// Splits a device number as the kernel packs it (`new_decode_dev`): 12 bits of major number
/// between 8 low and 12 high bits of minor number.
pub(crate) fn device_number(packed: u32) -> (u32, u32) {
    (packed >> 8 & 0xfff, packed & 0xff | packed >> 12 & 0xf_ff00)
}
