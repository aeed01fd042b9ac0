//! What the walk through the directories asks of NTFS.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use super::{
    AboutVolume,
    attribute::{Attribute, DATA, FILE_NAME, VOLUME_INFORMATION, VOLUME_NAME},
    fault_at,
    file::{File, Name},
    index,
    record::Reference,
    reparse::{self, Meaning},
    table::Table,
};
use crate::{
    Endian::Little,
    EntryKind, Extent, Fault, Metadata, Unread, View,
    formats::support::{
        utf16,
        walk::{About, Stream, Walk},
    },
};

/// Records with a fixed place in the table.
const VOLUME: u64 = 3;
const ROOT: u64 = 5;
/// Files without a way to the root hang here.
const LOST: &[u8] = b"[lost]";
/// `VOLUME_INFORMATION`: the volume was not unmounted.
const DIRTY: u16 = 1;

/// What a name leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Link {
    Root,
    File(Reference),
    /// The directory of files that no directory leads to.
    Lost,
}

/// A file with what it is.
pub(super) enum Node {
    File(Rc<File>, Meaning),
    Lost,
}

/// Reads the objects of one file system.
pub(super) struct Reader {
    table: Table,
    /// The directory that a file's record says it is in, and the file, in that order.
    by_parent: Vec<(u64, Reference)>,
    /// Files whose directories do not lead to the root.
    lost: Vec<Reference>,
    /// Files with several names are read once.
    linked: HashMap<u64, Rc<File>>,
    /// Bytes of indexes that may still be read: together they are not longer than the image.
    index_bytes_left: u64,
}

impl Reader {
    pub(super) fn new(mut table: Table) -> Self {
        let scan = Scan::new(&mut table);
        Self {
            by_parent: scan.by_parent(),
            lost: scan.lost(),
            linked: HashMap::new(),
            index_bytes_left: table.image().len(),
            table,
        }
    }

    fn file(&mut self, reference: Reference, faults: &mut Vec<Fault>) -> Result<Rc<File>, Fault> {
        if let Some(file) = self.linked.get(&reference.number) {
            return Ok(Rc::clone(file));
        }
        let record = self.table.read_file(reference, faults)?;
        let file = Rc::new(File::gather(&mut self.table, &record, faults));
        if file.links() > 1 {
            self.linked.insert(reference.number, Rc::clone(&file));
        }
        Ok(file)
    }

    /// What `$Volume` says.
    pub(super) fn about_volume(&mut self, faults: &mut Vec<Fault>) -> AboutVolume {
        let mut about = AboutVolume::default();
        match self.file(Reference { number: VOLUME, sequence: 0 }, faults) {
            Ok(file) => {
                let value = |kind| file.stream(kind, b"").and_then(Attribute::resident);
                let name = utf16::little_endian(value(VOLUME_NAME).unwrap_or_default());
                about.label = String::from_utf8_lossy(&name).into_owned();
                let information = View(value(VOLUME_INFORMATION).unwrap_or_default());
                let byte = |at| information.u8(at).unwrap_or(0);
                about.version = format!("{}.{}", byte(8), byte(9));
                let dirty = information.u16(10, Little).is_ok_and(|flags| flags & DIRTY != 0);
                about.state = if dirty { "not clean" } else { "clean" };
                about.created = file.created();
            }
            Err(fault) => faults.push(fault),
        }
        about
    }

    /// The names of a directory: those of its index, without short ones beside long ones, and
    /// those that only the records of the files know.
    fn names(&mut self, directory: &File, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Link)> {
        let mut indexed = index::names(&self.table, directory, &mut self.index_bytes_left, faults);
        indexed.retain(|entry| entry.name.text != b".");
        let long: HashSet<u64> = indexed
            .iter()
            .filter(|entry| !entry.name.is_dos)
            .map(|entry| entry.reference.number)
            .collect();
        indexed.retain(|entry| !entry.name.is_dos || !long.contains(&entry.reference.number));
        let mut known: HashMap<u64, Vec<Vec<u8>>> = HashMap::new();
        for entry in &indexed {
            known.entry(entry.reference.number).or_default().push(entry.name.text.clone());
        }
        let mut names: Vec<_> = indexed
            .into_iter()
            .map(|entry| (entry.name.text, Link::File(entry.reference)))
            .collect();
        let place = self.table.place(directory.number);
        let first = self.by_parent.partition_point(|&(parent, _)| parent < directory.number);
        let mut recorded: Vec<(Reference, usize)> = Vec::new();
        for &(parent, file) in self.by_parent.get(first..).unwrap_or_default() {
            match recorded.last_mut() {
                _ if parent != directory.number => break,
                Some((last, count)) if *last == file => *count += 1,
                _ => recorded.push((file, 1)),
            }
        }
        for (reference, count) in recorded {
            let known = known.remove(&reference.number).unwrap_or_default();
            if known.len() >= count {
                continue;
            }
            let Ok(file) = self.file(reference, &mut Vec::new()) else { continue };
            for name in file.names() {
                let here = name.parent.number == directory.number && !name.is_dos;
                if here && !known.contains(&name.text) {
                    let shown = String::from_utf8_lossy(&name.text).into_owned();
                    let why = format!("{shown} is missing from its index");
                    faults.push(fault_at(place, "list a directory", why));
                    names.push((name.text, Link::File(reference)));
                }
            }
        }
        names
    }

    fn lost_names(&mut self) -> Vec<(Vec<u8>, Link)> {
        let mut names = Vec::new();
        for reference in self.lost.clone() {
            let Ok(file) = self.file(reference, &mut Vec::new()) else { continue };
            let all = file.names();
            let name = all.iter().find(|name| !name.is_dos).or(all.first());
            names.extend(name.map(|name| (name.text.clone(), Link::File(reference))));
        }
        names
    }

    /// Why an attribute cannot be read, if so.
    fn unread_stream(&self, attribute: &Attribute, reason: Option<&str>) -> Option<Unread> {
        let encrypted = attribute.is_encrypted().then_some("encrypted (EFS)");
        let reason = encrypted.or(reason)?.to_owned();
        Some(Unread { bytes: attribute.stored_bytes(self.table.cluster_bytes()), reason })
    }
}

impl Walk for Reader {
    type Link = Link;
    type Inode = Node;

    fn inode(&mut self, link: &Link, faults: &mut Vec<Fault>) -> Result<(About, Node), Fault> {
        let reference = match link {
            Link::Root => Reference { number: ROOT, sequence: 0 },
            Link::File(reference) => *reference,
            Link::Lost => {
                let about = About {
                    identity: u64::MAX,
                    place: 0,
                    kind: EntryKind::Directory,
                    metadata: Metadata::default(),
                    links: 1,
                };
                return Ok((about, Node::Lost));
            }
        };
        let file = self.file(reference, faults)?;
        let meaning = reparse::meaning(&self.table, &file, faults);
        let kind = match &meaning {
            Meaning::Kind(kind) => kind.clone(),
            _ if file.is_directory => EntryKind::Directory,
            _ => EntryKind::File,
        };
        let about = About {
            identity: file.number,
            place: self.table.place(file.number),
            kind,
            metadata: file.metadata(&self.table, faults),
            links: file.links(),
        };
        Ok((about, Node::File(file, meaning)))
    }

    fn list(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Link)> {
        let Node::File(file, _) = node else { return self.lost_names() };
        let mut names = self.names(file, faults);
        if file.number == ROOT && !self.lost.is_empty() {
            let why = format!("{} files are in no directory", self.lost.len());
            faults.push(fault_at(self.table.place(ROOT), "list all files", why));
            names.push((LOST.to_vec(), Link::Lost));
        }
        names
    }

    fn content(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Option<Extent> {
        let Node::File(file, meaning) = node else { return None };
        let data = file.stream(DATA, b"");
        if matches!(meaning, Meaning::Unread(_)) || data.is_some_and(Attribute::is_encrypted) {
            return None;
        }
        let place = self.table.place(file.number);
        match data {
            Some(data) => Some(self.table.content(data, place, faults)),
            None => Some(self.table.image().clamp(0, 0)),
        }
    }

    fn unread(&self, node: &Node) -> Option<Unread> {
        let Node::File(file, meaning) = node else { return None };
        let reason = match meaning {
            Meaning::Unread(reason) => Some(reason.as_str()),
            _ => None,
        };
        let packed = file.of_kind(DATA).find(|stream| reparse::is_filter_stream(stream));
        match packed.filter(|_| reason.is_some()) {
            Some(packed) => self.unread_stream(packed, reason),
            None => self.unread_stream(file.stream(DATA, b"")?, reason),
        }
    }

    fn streams(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Vec<Stream> {
        let Node::File(file, meaning) = node else { return Vec::new() };
        let filtered = matches!(meaning, Meaning::Unread(_));
        let place = self.table.place(file.number);
        let mut streams = Vec::new();
        for attribute in file.of_kind(DATA).filter(|attribute| !attribute.name.is_empty()) {
            if filtered && reparse::is_filter_stream(attribute) {
                continue;
            }
            let unread = self.unread_stream(attribute, None);
            let readable = unread.is_none();
            let content = readable.then(|| self.table.content(attribute, place, faults));
            streams.push(Stream { suffix: [b":", &attribute.name[..]].concat(), content, unread });
        }
        streams
    }
}

/// What all records say of names and directories.
#[derive(Default)]
struct Scan {
    /// Directories in use, by number.
    directories: HashMap<u64, u16>,
    /// The directory that a file says it is in, and the file.
    names: Vec<(Reference, Reference)>,
}

impl Scan {
    fn new(table: &mut Table) -> Self {
        let mut scan = Self::default();
        for number in 0..table.count() {
            let Ok(record) = table.read(number, &mut Vec::new()) else { continue };
            if !record.is_used {
                continue;
            }
            let own = Reference { number, sequence: record.sequence };
            let file = record.base.unwrap_or(own);
            if record.is_directory && record.base.is_none() {
                scan.directories.insert(number, record.sequence);
            }
            let attributes = record.attributes(&mut Vec::new());
            let values = attributes.iter().filter(|attribute| attribute.kind == FILE_NAME);
            for value in values.filter_map(Attribute::resident) {
                if let Ok(name) = Name::parse(value)
                    && !name.is_dos
                {
                    scan.names.push((name.parent, file));
                }
            }
        }
        scan
    }

    /// Whether a reference leads to a directory.
    fn leads(&self, parent: Reference) -> bool {
        self.directories
            .get(&parent.number)
            .is_some_and(|&sequence| parent.sequence == 0 || parent.sequence == sequence)
    }

    fn by_parent(&self) -> Vec<(u64, Reference)> {
        let mut found: Vec<_> = self
            .names
            .iter()
            .filter(|&&(parent, file)| self.leads(parent) && file.number != ROOT)
            .map(|&(parent, file)| (parent.number, file))
            .collect();
        found.sort_unstable_by_key(|&(parent, file)| (parent, file.number));
        found
    }

    /// Files none of whose names leads to a directory, and one directory of every circle.
    fn lost(&self) -> Vec<Reference> {
        let mut good = HashSet::new();
        let mut parent_of = HashMap::new();
        for &(parent, file) in &self.names {
            if self.leads(parent) {
                good.insert(file.number);
                if self.directories.contains_key(&file.number) {
                    parent_of.insert(file.number, (parent.number, file));
                }
            }
        }
        let mut lost: HashMap<u64, Reference> = HashMap::new();
        for &(_, file) in &self.names {
            if !good.contains(&file.number) && file.number != ROOT {
                lost.insert(file.number, file);
            }
        }
        // From every directory upwards: either to what was seen before, or in a circle.
        let mut settled = HashSet::from([ROOT]);
        for &start in parent_of.keys() {
            let (mut way, mut at) = (Vec::new(), start);
            let mut on_the_way = HashSet::new();
            while !settled.contains(&at) && on_the_way.insert(at) {
                way.push(at);
                match parent_of.get(&at) {
                    Some(&(parent, _)) => at = parent,
                    None => break,
                }
            }
            if !settled.contains(&at)
                && let Some(circle) = way.iter().position(|&member| member == at)
                && parent_of.contains_key(&at)
            {
                // The same member, whichever directory the search came from.
                let members = way.get(circle..).unwrap_or_default();
                if let Some((_, file)) = members.iter().min().and_then(|least| parent_of.get(least))
                {
                    lost.insert(file.number, *file);
                }
            }
            settled.extend(way);
        }
        let mut lost: Vec<_> = lost.into_values().collect();
        lost.sort_unstable_by_key(|file| file.number);
        lost
    }
}
