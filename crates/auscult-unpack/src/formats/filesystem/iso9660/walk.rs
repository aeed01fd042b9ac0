//! What the walk through the directories asks of ISO 9660.

use std::collections::HashSet;

use super::{
    descriptor::Volume,
    record::{Record, records},
    rock::Rock,
};
use crate::{
    EntryKind, Extent, Fault, Metadata, Unread,
    formats::{
        stream::zisofs,
        support::{
            runs::{Run, Runs},
            utf16,
            walk::{About, Walk, kind_of_mode},
        },
    },
};

/// Bytes of a directory that are read at once: whole sectors.
const LISTING_BYTES: u64 = 1 << 20;

/// How names are spelled.
#[derive(Clone, Copy, Debug)]
pub(super) enum Names {
    Rock {
        /// Bytes of each system use area that others own.
        skip: usize,
    },
    Joliet,
    Enhanced,
    Plain,
}

impl Names {
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Rock { .. } => "rock-ridge",
            Self::Joliet => "joliet",
            Self::Enhanced => "iso9660-1999",
            Self::Plain => "iso9660",
        }
    }
}

/// A file or directory with all that its records say.
#[derive(Clone, Debug)]
pub(super) struct Node {
    record: Record,
    /// Further pieces of the file: place and length.
    pieces: Vec<(u64, u64)>,
    rock: Rock,
}

impl Node {
    pub(super) fn root(volume: &Volume) -> Self {
        Self { record: volume.root.clone(), pieces: Vec::new(), rock: Rock::default() }
    }

    fn is_directory(&self) -> bool {
        self.record.is_directory() || self.rock.child.is_some()
    }

    fn size(&self) -> u64 {
        self.pieces.iter().fold(self.record.size, |sum, &(_, size)| sum.saturating_add(size))
    }
}

/// Reads the objects of one tree of names.
pub(super) struct Reader<'image> {
    image: &'image Extent,
    block_bytes: u64,
    names: Names,
    /// Files that another tree has, by where they start: they are left out.
    known: HashSet<u64>,
    /// Where the files of this tree start.
    pub(super) starts: HashSet<u64>,
    /// Bytes of directories and of names that may still be read.
    bytes_left: u64,
    names_left: u64,
}

impl<'image> Reader<'image> {
    pub(super) fn new(
        image: &'image Extent,
        volume: &Volume,
        names: Names,
        known: HashSet<u64>,
    ) -> Self {
        Self {
            image,
            block_bytes: volume.block_bytes,
            names,
            known,
            starts: HashSet::new(),
            bytes_left: image.len(),
            names_left: image.len().saturating_mul(2).saturating_add(1 << 20),
        }
    }

    fn rock(&mut self, record: &Record) -> Result<Rock, Fault> {
        let Names::Rock { skip } = self.names else { return Ok(Rock::default()) };
        Rock::parse(record, skip, self.image, self.block_bytes, &mut self.names_left)
    }

    fn name(&self, record: &Record, rock: &Rock) -> Vec<u8> {
        let mut name = match (self.names, &rock.name) {
            (Names::Rock { .. }, Some(name)) => return name.clone(),
            (Names::Joliet, _) => utf16::big_endian(&record.name),
            _ => record.name.clone(),
        };
        // The version of a file, and the dot of one without an extension.
        if let Some(version) = name.iter().rposition(|&byte| byte == b';') {
            let digits = name.get(version + 1..).unwrap_or_default();
            if digits.iter().all(u8::is_ascii_digit) {
                name.truncate(version);
            }
        }
        if matches!(self.names, Names::Rock { .. } | Names::Plain) && name.len() > 1 {
            name.pop_if(|last| *last == b'.');
        }
        name
    }

    /// The records of a directory, with those of one file put together.
    fn nodes(&mut self, records: Vec<Record>, faults: &mut Vec<Fault>) -> Vec<Node> {
        let mut nodes: Vec<Node> = Vec::new();
        let mut continued = false;
        for record in records.into_iter().filter(|record| !record.is_self_or_parent()) {
            let goes_on = record.is_continued();
            let last = nodes.last_mut().filter(|last| continued && last.record.name == record.name);
            continued = goes_on;
            if let Some(last) = last {
                last.pieces.push((record.start(self.block_bytes), record.size));
                continue;
            }
            let rock = self.rock(&record).unwrap_or_else(|fault| {
                faults.push(fault);
                Rock::default()
            });
            if !rock.is_relocated {
                nodes.push(Node { record, pieces: Vec::new(), rock });
            }
        }
        nodes
    }

    /// A directory that stands elsewhere: its own first record says how long it is.
    fn follow(&mut self, node: &Node, block: u64) -> Result<Node, Fault> {
        let place = block.saturating_mul(self.block_bytes);
        let bytes = self.image.read_up_to(place, 255)?;
        let length = bytes.first().map_or(0, |&length| usize::from(length));
        let bytes = bytes.get(..length).unwrap_or_default();
        let missing = || Fault::new(place, "find a directory", "there is none");
        let record = Record::parse(bytes, place).map_err(|_| missing())?;
        if !record.is_directory() || record.start(self.block_bytes) != place {
            return Err(missing());
        }
        let rock = Rock { child: None, name: node.rock.name.clone(), ..self.rock(&record)? };
        Ok(Node { record, pieces: Vec::new(), rock })
    }

    fn raw_content(&self, node: &Node, faults: &mut Vec<Fault>) -> Extent {
        let first = (node.record.start(self.block_bytes), node.record.size);
        let (mut runs, mut logical) = (Runs::default(), 0_u64);
        for &(place, length) in [first].iter().chain(&node.pieces) {
            faults.extend(runs.push(Run { logical, place, length }).err());
            logical = logical.saturating_add(length);
        }
        runs.join(self.image, logical, faults)
    }
}

impl Walk for Reader<'_> {
    type Link = Node;
    type Inode = Node;

    fn inode(&mut self, link: &Node, _: &mut Vec<Fault>) -> Result<(About, Node), Fault> {
        let node = match (link.rock.child, self.names) {
            (Some(block), _) => self.follow(link, block)?,
            // The descriptor has no room for what its own first record says of the root.
            (None, Names::Rock { .. }) if link.record.place == 0 => {
                self.follow(link, link.record.block).unwrap_or_else(|_| link.clone())
            }
            (None, _) => link.clone(),
        };
        let (record, rock) = (&node.record, &node.rock);
        let kind = if node.is_directory() {
            EntryKind::Directory
        } else {
            let target = || {
                let none = || Fault::new(record.place, "read a link", "it has no target");
                rock.target.clone().ok_or_else(none)
            };
            let device = || Ok(rock.device.unwrap_or((0, 0)));
            match rock.mode {
                Some(mode) if mode >> 12 & 0xf != 0o4 => {
                    kind_of_mode(mode, record.place, target, device)?
                }
                _ => EntryKind::File,
            }
        };
        let about = About {
            identity: record.start(self.block_bytes),
            place: record.place,
            kind,
            metadata: Metadata {
                mode: rock.mode.map(|mode| mode & 0o7777),
                user: rock.user,
                group: rock.group,
                modified: rock.modified.or(record.modified),
                xattrs: Vec::new(),
            },
            // Without bytes, files cannot be told from each other.
            links: if node.size() > 0 { u64::from(rock.links) } else { 1 },
        };
        Ok((about, node))
    }

    fn list(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Node)> {
        let (start, size) = (node.record.start(self.block_bytes), node.record.size);
        let mut found = Vec::new();
        let mut position = 0;
        while position < size {
            let place = start.saturating_add(position);
            let step = LISTING_BYTES.min(size - position);
            let Some(left) = self.bytes_left.checked_sub(step) else {
                let why = "the directories are longer than the image";
                faults.push(Fault::new(place, "list a directory", why));
                break;
            };
            self.bytes_left = left;
            match self.image.read(place, step) {
                Ok(bytes) => found.extend(records(&bytes, place, faults)),
                Err(fault) => {
                    faults.push(fault);
                    break;
                }
            }
            position += step;
        }
        let nodes = self.nodes(found, faults);
        let named = |node: Node| {
            let mut name = self.name(&node.record, &node.rock);
            if node.record.is_associated() {
                name.extend_from_slice(b":associated");
            }
            (name, node)
        };
        nodes.into_iter().map(named).collect()
    }

    fn content(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Option<Extent> {
        let start = node.record.start(self.block_bytes);
        if self.unread(node).is_some() || self.known.contains(&start) {
            return None;
        }
        if node.size() > 0 {
            self.starts.insert(start);
        }
        let raw = self.raw_content(node, faults);
        let is_packed = node.rock.packed.is_some() && !raw.is_empty();
        let unpacked = is_packed.then(|| zisofs::content(&raw, faults)).flatten();
        if is_packed && unpacked.is_none() {
            let why = "marked as packed by zisofs, but it is not: read as stored";
            faults.push(Fault::new(start, "read a file", why));
        }
        Some(unpacked.unwrap_or(raw))
    }

    fn unread(&self, node: &Node) -> Option<Unread> {
        let reason = match node.rock.packed {
            _ if node.record.is_interleaved => "interleaved".to_owned(),
            _ if node.rock.is_sparse => "sparse as Rock Ridge writes it".to_owned(),
            Some(method) if !method.eq_ignore_ascii_case(b"pz") => {
                format!("compressed by the method {}", String::from_utf8_lossy(&method))
            }
            _ => return None,
        };
        Some(Unread { bytes: node.size(), reason })
    }
}
