//! The pass over the flash: finds the nodes in whatever order the log left them, and its end.

use super::node::{self, HEADER_BYTES, Header, Node};
use crate::{Endian, Extent, Fault, formats::support::window::Window};

/// Erased flash between nodes that still belongs to the file system: free erase blocks.
const ERASED_BYTES_MAX: u64 = 4 << 20;
/// Other bytes between nodes: the rest of a damaged erase block.
const GARBAGE_BYTES_MAX: u64 = 256 << 10;
/// Faults that are listed one by one; the rest is counted.
const FAULTS_MAX: u64 = 50;

/// What a pass found.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) nodes: Vec<Node>,
    pub(super) faults: Vec<Fault>,
    /// End of the last node.
    pub(super) end: u64,
    pub(super) obsolete_count: u64,
    /// Places of cleanmarkers, which stand at the start of erase blocks.
    pub(super) marks: Vec<u64>,
    broken_count: u64,
}

/// Scans from the start, where a node stands.
pub(super) fn scan(image: &Extent, endian: Endian) -> Scan {
    let mut scan = Scan::default();
    let mut window = Window::new(image);
    let (mut place, mut garbage_bytes) = (0, 0);
    while place < image.len() && place - scan.end <= ERASED_BYTES_MAX {
        let head = window.at(place, 12);
        if let Some(header) = Header::parse(head, endian) {
            let length = u64::from(header.length);
            let bytes = window.at(place, length);
            scan.add(header, bytes, place, endian);
            place = place.saturating_add(length).next_multiple_of(4);
            scan.end = place.min(image.len());
            garbage_bytes = 0;
            continue;
        }
        if head.len() < HEADER_BYTES && head.iter().all(|&byte| byte == 0xff) {
            break;
        }
        if !head.starts_with(&[0xff; 4]) {
            garbage_bytes += 4;
        }
        if garbage_bytes > GARBAGE_BYTES_MAX {
            break;
        }
        place += 4;
    }
    if scan.broken_count > FAULTS_MAX {
        let why = format!("{} more like these", scan.broken_count - FAULTS_MAX);
        scan.faults.push(Fault::new(0, "read a node", why));
    }
    scan
}

impl Scan {
    fn add(&mut self, header: Header, bytes: &[u8], place: u64, endian: Endian) {
        /// `JFFS2_NODETYPE_CLEANMARKER`
        const CLEANMARKER: u16 = 0x2003;
        if header.kind == CLEANMARKER {
            self.marks.push(place);
        }
        if header.obsolete {
            self.obsolete_count += 1;
            return;
        }
        match node::parse(header, bytes, place, endian) {
            Ok(Node::Filler) => {}
            Ok(node) => self.nodes.push(node),
            Err(fault) => {
                self.broken_count += 1;
                if self.broken_count <= FAULTS_MAX {
                    self.faults.push(Fault { offset: place, ..fault });
                }
            }
        }
    }
}
